"""Tapered towers with work to do: windmill and lighthouse."""

import math
from collections.abc import Callable

import numpy as np

from splatworld.generate.procedural.catalogue import Request
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, lathe, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things import openings, roofs
from splatworld.generate.procedural.things.carpentry import Array
from splatworld.generate.procedural.things.stuff import STUFF, WINDOW_GLOW, painted, shining, stuff
from splatworld.palette import linear
from splatworld.world import PointLight


def windmill(request: Request, rng: np.random.Generator) -> Shape:
    """A tapered round mill with a cap and four lattice sails that face -Y."""
    s = request.size
    height = 8.2 * s * request.tall
    low, top = 2.75 * s, 1.85 * s
    material = painted(stuff(request.material, "plaster"), request.colour)
    taper = (low - top) / height
    if material.name == "stone":
        body = c.stone_ring(low, -0.5, height, material, rng, row=0.55, block=0.95, taper=taper)
    elif material.name == "wood":
        boards = c.courses(2 * math.pi * low, c.even(-0.5, height, 0.3), block=1.1, rng=rng)
        body = c.bent(c.swept(boards, c.CLAPBOARD, material, rng), low, taper=taper)
    else:
        body = lathe([(low, -0.5), (low, 0.0), (top, height)], material, sides=28)
    foot = c.stone_ring(low + 0.14, -0.6, 0.85, stuff("stone"), rng, row=0.4, block=0.7)
    ledge = lathe([(low + 0.14, 0.85), (low - 0.2, 0.95)], STUFF["pale stone"], sides=28)
    cap = roofs.cone_roof(top + 0.35, 2.3 * s, "shingles", STUFF["shingles"], rng, trim=STUFF["dark wood"]).at(
        0, 0, height
    )
    parts = [
        body,
        foot,
        ledge,
        cap,
        openings.portal(1.1, 1.8, STUFF["pale stone"], STUFF["wood"], rng).at(0, -low - 0.12, 0.1),
    ]
    for k, z in enumerate((3.0, 5.4)):
        for yaw in (0.0, 2.2, 4.2):
            pane = openings.slit(0.55, 0.8, STUFF["pale stone"], night=request.night).at(
                0, -(low - taper * z * s) - 0.04, z * s * request.tall
            )
            parts.append(pane.at(0, 0, yaw=yaw + 0.5 * k))
    reach = min(5.2 * s, height - 1.4)
    hub_z, hub_y = height + 0.35, -top - 1.15
    shaft = tube(np.array([[0, 0.4, hub_z], [0, hub_y - 0.25, hub_z]]), 0.2, STUFF["dark wood"], sides=8)
    start = rng.uniform(0.2, 1.3)
    sails = [_mill_sail(reach).mapped(_spun(start + k * math.pi / 2)).at(0, hub_y, hub_z) for k in range(4)]
    return join([*parts, shaft, *sails])


def _mill_sail(reach: float) -> Shape:
    """A lattice that points up +Z from the hub, its cloth half furled."""
    wood, wide = STUFF["pale wood"], reach * 0.24
    bars = [((-0.07, -0.07, 0.0), (0.07, 0.07, reach))]
    z = np.arange(1.0, reach, 0.42)
    bars += [((-0.16, -0.03, u - 0.025), (wide, 0.0, u + 0.025)) for u in z]
    bars += [((x - 0.025, 0.0, 0.95), (x + 0.025, 0.03, reach)) for x in (wide / 2, wide - 0.02)]
    cloth = c.blocks([(0.09, 0.032, 1.0)], [(wide * 0.97, 0.05, reach * 0.96)], STUFF["cloth"])
    return join([c.boxes(bars, wood), cloth])


def _spun(angle: float) -> Callable[[Array], Array]:
    """A turn about the y axis."""
    cos, sin = math.cos(angle), math.sin(angle)
    return lambda v: np.stack([v[:, 0] * cos + v[:, 2] * sin, v[:, 1], v[:, 2] * cos - v[:, 0] * sin], 1)


def lighthouse(request: Request, rng: np.random.Generator) -> Shape:
    """A tapered tower with bands, a gallery and a lantern room."""
    s = request.size
    height = 11.5 * s * request.tall
    low, top = 2.5 * s, 1.55 * s
    main = painted(stuff(request.material, "plaster"), request.colour)
    pale = min(main.colour) > 0.3
    other = painted(STUFF["plaster"], linear("red") if pale else linear("white"))
    edges = np.linspace(0.0, height, 6)
    radius = low + (top - low) * edges / height
    parts = [
        lathe([(radius[k], edges[k]), (radius[k + 1], edges[k + 1])], main if k % 2 == 0 else other, sides=28)
        for k in range(5)
    ]
    parts.append(c.stone_ring(low + 0.25, -0.6, 0.9, stuff("stone"), rng, row=0.4, block=0.8))
    parts.append(lathe([(low + 0.25, 0.9), (low - 0.2, 1.0)], STUFF["pale stone"], sides=28))
    parts.append(openings.portal(1.1, 1.85, STUFF["pale stone"], other, rng).at(0, -low - 0.22, 0.1))
    for k, z in enumerate(np.arange(3.0, height - 1.2, 2.3)):
        pane = openings.slit(0.5, 0.85, STUFF["pale stone"], night=request.night).at(
            0, -(low + (top - low) * z / height) - 0.05, float(z)
        )
        parts.append(pane.at(0, 0, yaw=0.3 + 2.1 * k))
    return join([*parts, _lantern_room(top, other, request.night).at(0, 0, height)])


def _lantern_room(radius: float, paint: Material, night: bool) -> Shape:
    deck = lathe(
        [(radius - 0.2, -0.45), (radius + 0.55, -0.02), (radius + 0.55, 0.12), (0.0, 0.12)],
        STUFF["pale stone"],
        sides=28,
    )
    r = radius * 0.72
    glass = STUFF["lit lamp" if night else "lamp glass"]
    room = c.drum(r, 0.1, 0.75, paint, sides=16)
    panes = c.drum(r - 0.06, 0.7, 2.2, glass, sides=16)
    posts = c.around(c.blocks([(-0.04, -r - 0.02, 0.7)], [(0.04, -r + 0.1, 2.2)], STUFF["metal"]), 8)
    ring = c.drum(r + 0.03, 1.42, 1.48, STUFF["metal"], sides=16)
    rim = radius + 0.45
    bars = c.around(c.blocks([(-0.025, -rim - 0.025, 0.1)], [(0.025, -rim + 0.025, 1.0)], STUFF["metal"]), 20)
    angle = np.linspace(0, 2 * math.pi, 29)
    rails = [
        tube(np.column_stack([rim * np.cos(angle), rim * np.sin(angle), np.full(29, z)]), 0.03, STUFF["metal"], sides=5)
        for z in (0.55, 1.0)
    ]
    dome = lathe(
        [(0.0, 2.18), (r + 0.3, 2.18), (r + 0.22, 2.35), (r * 0.6, 2.85), (0.16, 3.15), (0.16, 3.35), (0.0, 3.4)],
        paint,
        sides=20,
    )
    mast = tube(np.array([[0, 0, 3.3], [0, 0, 4.3]]), [0.04, 0.015], STUFF["metal"], sides=5)
    shape = join([deck, room, panes, posts, ring, bars, *rails, dome, mast])
    lights = [
        PointLight((1.4 * r * math.cos(a), 1.4 * r * math.sin(a), 1.4), WINDOW_GLOW, 2.0) for a in (0.8, 2.9, 5.0)
    ]
    return shining(shape, *lights) if night else shape
