"""Tall and old buildings: tower, castle, church, windmill, lighthouse."""

import math
from typing import Literal

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, lathe, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things import openings, roofs
from splatworld.generate.procedural.things.hall import Hall, wall_kind
from splatworld.generate.procedural.things.mills import lighthouse, windmill
from splatworld.generate.procedural.things.openings import Dress, Opening
from splatworld.generate.procedural.things.stuff import STUFF, painted, stuff
from splatworld.palette import linear

TRIM = STUFF["pale stone"]


def _tower(request: Request, rng: np.random.Generator) -> Shape:
    """A round tower of stone, or a square one of anything; battlements or a pointed roof."""
    s = request.size
    height = rng.uniform(9.0, 10.5) * request.tall * s
    material = painted(stuff(request.material, "stone"), request.colour)
    pointed = rng.random() < 0.5
    if wall_kind(request.material or "stone") == "stone" and rng.random() < 0.7:
        return round_tower(rng.uniform(2.2, 2.5) * s, height, material, rng, pointed=pointed, night=request.night)
    side = rng.uniform(4.0, 4.6) * s
    return square_tower(
        side,
        height,
        request.material or "stone",
        material,
        rng,
        top="spire" if pointed else "battlements",
        night=request.night,
    )


def round_tower(
    radius: float,
    height: float,
    material: Material,
    rng: np.random.Generator,
    *,
    pointed: bool,
    night: bool,
    block: float = 0.95,
    entrance: bool = True,
    cover: str | None = None,
) -> Shape:
    """A battered shaft on a wide foot, slits winding up it, and a crown on corbels."""
    taper, row = 0.018, block * 0.6
    foot = c.stone_ring(radius + 0.22, -0.6, 1.1, material, rng, row=row, block=block, taper=0.05)
    shaft = c.stone_ring(radius, 0.5, height, material, rng, row=row, block=block, taper=taper)
    ledge = lathe([(radius + 0.2, 1.02), (radius + 0.22, 1.1), (radius - 0.05, 1.3)], TRIM, sides=20)
    parts = [foot, shaft, ledge]
    top = radius - taper * height
    band = height * 0.55
    parts.append(_ring_band(radius - taper * band, band))
    for k, z in enumerate(np.arange(2.9, height - 1.4, 1.9)):
        wide = 0.24 if k % 2 == 0 or block > 1 else 0.5
        slit = openings.slit(wide, 0.85, TRIM, night=night)
        parts.append(slit.at(0, -(radius - taper * z) - 0.06, z).at(0, 0, yaw=0.4 + 1.9 * k))
    if entrance:
        parts.append(openings.portal(1.2, 1.85, TRIM, STUFF["wood"], rng).at(0, -radius - 0.2, 0.1))
    if not pointed:
        return join([*parts, crown(top, height, material, rng, block=block)])
    eave = c.drum(top - 0.1, height - 0.2, height + 0.1, TRIM, top=top + 0.35, sides=20)
    word = cover or ("slate", "tiles", "shingles")[rng.integers(3)]
    rise = radius * rng.uniform(1.9, 2.5)
    roof = roofs.cone_roof(top + 0.5, rise, word, STUFF[word], rng, trim=STUFF["dark wood"]).at(0, 0, height + 0.15)
    return join([*parts, eave, roof])


def crown(radius: float, z: float, material: Material, rng: np.random.Generator, *, block: float) -> Shape:
    """Battlements on corbels around the top of a round tower."""
    outer, inner, wall = radius + 0.32, radius - 0.08, 0.75
    count = max(7, round(2 * math.pi * outer / (1.15 if block < 1 else 1.5)))
    corbel = c.blocks([(-0.13, -outer - 0.02, z - 0.45)], [(0.13, -radius + 0.15, z)], TRIM)
    merlon = c.blocks([(-0.3, -outer - 0.06, z + wall)], [(0.3, -inner + 0.03, z + wall + 0.62)], material)
    cap = c.blocks([(-0.34, -outer - 0.1, z + wall + 0.62)], [(0.34, -inner + 0.07, z + wall + 0.7)], TRIM)
    return join([
        c.around(corbel, 2 * count if block < 1 else count),
        lathe([(radius - 0.2, z), (outer, z)], TRIM, sides=20),
        c.stone_ring(outer, z, z + wall, material, rng, row=wall / 2, block=block),
        c.stone_ring(inner, z + 0.1, z + wall, material, rng, row=wall, block=block * 1.3, flip=True),
        lathe([(outer + 0.02, z + wall), (inner - 0.02, z + wall)], material, sides=20),
        lathe([(inner + 0.02, z + 0.12), (0.0, z + 0.12)], stuff("cobbles"), sides=20),
        c.around(join([merlon, cap]) if block < 1 else merlon, count),
    ])  # fmt: skip


def square_tower(
    side: float,
    height: float,
    word: str,
    material: Material,
    rng: np.random.Generator,
    *,
    top: Literal["spire", "battlements", "flat"],
    night: bool,
    coarse: float = 1.4,
) -> Shape:
    """Four walls with quoins, bands and windows; battlements or a spire."""
    kind = {"plaster": "plaster"}.get(word, wall_kind(word))
    dress = Dress(TRIM if kind != "wood" else STUFF["dark wood"], STUFF["wood"], night=night)
    h = side / 2
    levels = np.arange(3.4, height - 1.5, 2.2)
    windows = [Opening("window", 0.0, float(z), 0.55 if z < height - 4 else 0.8, 1.15) for z in levels]
    sides = [
        openings.wall(
            kind,
            side,
            height + 0.4,
            material,
            rng,
            openings=windows if k != 1 else windows[1:],
            dress=dress,
            coarse=coarse,
        )
        .at(0, -h, -0.4)
        .at(0, 0, yaw=k * math.pi / 2)
        for k in range(4)
    ]
    bands = [_square_band(h, z) for z in (0.7, height * 0.5, height - 0.1)]
    corners = c.blocks(
        [(sx * h - 0.14, sy * h - 0.14, -0.5) for sx in (-1, 1) for sy in (-1, 1)],
        [(sx * h + 0.14, sy * h + 0.14, height) for sx in (-1, 1) for sy in (-1, 1)],
        TRIM if kind != "wood" else STUFF["dark wood"],
    )
    portal = openings.portal(1.15, 1.8, TRIM, STUFF["wood"], rng).at(0, -h - 0.06, 0.1)
    parts = [*sides, *bands, corners, portal]
    if top == "spire":
        roof = ("slate", "tiles", "shingles")[rng.integers(3)]
        spire = roofs.pyramid_roof(
            side + 0.9, side * rng.uniform(0.95, 1.5), roof, STUFF[roof], rng, trim=STUFF["dark wood"]
        )
        return join([*parts, spire.at(0, 0, height + 0.1)])
    if top == "battlements":
        parts.append(battlements(side + 0.5, height, material))
    return join(parts)


def battlements(side: float, z: float, material: Material) -> Shape:
    """A square parapet with merlons and a floor."""
    h, t, wall = side / 2, 0.32, 0.7
    base = c.blocks([(-h, -h, z - 0.02)], [(h, h, z + 0.12)], TRIM)
    rail = c.blocks([(-h, -h, z + 0.12)], [(h - t, -h + t, z + wall)], material)
    out = np.linspace(-h + 0.2, h - 0.2, max(4, round(side / 0.6)))
    corbels = c.blocks([(u - 0.1, -h + 0.03, z - 0.4) for u in out], [(u + 0.1, -h + 0.4, z) for u in out], TRIM)
    n = max(3, round(side / 1.25))
    x = np.linspace(-h + 0.3, h - 0.3, n)[:-1]
    low = [(u - 0.3, -h - 0.03, z + wall - 0.02) for u in x]
    high = [(u + 0.3, -h + t + 0.03, z + wall + 0.6) for u in x]
    return join([base, c.around(join([rail, corbels, c.blocks(low, high, material)]), 4)])


def _ring_band(radius: float, z: float) -> Shape:
    profile = [(radius - 0.05, z - 0.06), (radius + 0.1, z), (radius + 0.1, z + 0.14), (radius - 0.05, z + 0.22)]
    return lathe(profile, TRIM, sides=28)


def _square_band(h: float, z: float) -> Shape:
    t = 0.13
    low = [(-h - t, -h - t, z), (-h - t, h - 0.1, z), (-h - t, -h + 0.1, z), (h - 0.1, -h + 0.1, z)]
    high = [
        (h + t, -h + 0.1, z + 0.2),
        (h + t, h + t, z + 0.2),
        (-h + 0.1, h - 0.1, z + 0.2),
        (h + t, h - 0.1, z + 0.2),
    ]
    return c.blocks(low, high, TRIM)


def _castle(request: Request, rng: np.random.Generator) -> Shape:
    """Four towers joined by battlemented walls, a gatehouse to -Y and a keep in the court."""
    s = request.size
    material = painted(stuff(request.material, "stone"), request.colour)
    half, wall, tower = 8.0 * s, 4.6 * s * request.tall, 1.75 * s
    pointed = rng.random() < 0.6
    roof = ("slate", "tiles")[rng.integers(2)]
    parts = []
    for k, (x, y) in enumerate(((-half, -half), (half, -half), (half, half), (-half, half))):
        high = wall + (2.2 + 0.7 * rng.random()) * s
        corner = round_tower(
            tower,
            high,
            material,
            rng,
            pointed=pointed and k % 3 != 1,
            night=request.night,
            block=2.3,
            entrance=False,
            cover=roof,
        )
        parts.append(corner.at(x, y, yaw=k * math.pi / 2))
    gate = 2.2 * s
    for k in range(4):
        spans = (
            [(-half + tower - 0.4, half - tower + 0.4)]
            if k
            else [(-half + tower - 0.4, -gate), (gate, half - tower + 0.4)]
        )
        curtain = [_curtain(a, b, wall, material, rng).at(0, -half) for a, b in spans]
        parts += [w.at(0, 0, yaw=k * math.pi / 2) for w in curtain]
    parts.append(_gatehouse(gate, wall * 1.3, material, rng, request.night).at(0, -half))
    keep = square_tower(
        5.6 * s,
        wall + 6.5 * s * request.tall,
        "stone",
        material,
        rng,
        top="battlements",
        night=request.night,
        coarse=2.2,
    )
    parts.append(keep.at(0.8 * s, 1.6 * s))
    top = wall + 6.5 * s * request.tall + 0.1
    parts.append(_turret(1.1 * s, 3.0 * s, material, STUFF[roof], rng).at(2.6 * s, 3.4 * s, top))
    parts.append(flag(top + 0.1, 4.0, linear("red")).at(-1.2 * s, 0.0))
    return join(parts)


def _curtain(x0: float, x1: float, height: float, material: Material, rng: np.random.Generator) -> Shape:
    """A wall along x: dressed stones outside, a walk on top behind merlons."""
    length, t = x1 - x0, 1.0
    outside = c.pillows(c.courses(length, c.even(-0.6, height, 1.0), block=2.0, rng=rng), material, rng, relief=0.05)
    core = c.blocks([(-length / 2, 0.03, -0.6)], [(length / 2, t, height - 0.55)], stuff("cobbles"))
    parapet = c.blocks([(-length / 2, 0.02, height - 0.6)], [(length / 2, 0.36, height)], material)
    n = max(2, round(length / 1.5))
    x = (np.arange(n) + 0.5) * length / n - length / 2
    merlons = c.blocks(
        [(u - 0.36, -0.03, height - 0.02) for u in x], [(u + 0.36, 0.38, height + 0.62) for u in x], material
    )
    slits = [openings.slit(0.16, 0.8, TRIM).at(u, -0.08, height * 0.45) for u in x[1:-1:2]]
    return join([outside, core, parapet, merlons, *slits]).at((x0 + x1) / 2, -t / 2)


def _gatehouse(half: float, height: float, material: Material, rng: np.random.Generator, night: bool) -> Shape:
    body = c.stonework((-half, -1.3, -0.6), (half, 1.3, height), material, rng, row=0.95, block=1.8)
    gate = openings.portal(2.3, 2.3, TRIM, STUFF["dark wood"], rng).at(0, -1.36, 0.05)
    sides = [
        round_tower(0.85, height + 0.6, material, rng, pointed=False, night=night, block=1.7, entrance=False)
        for _ in (0, 1)
    ]
    rail = battlements(2 * half, height, material)
    flat = rail.mapped(lambda v: v * np.array([0.72, 0.6, 1]))
    return join([body, gate, flat, sides[0].at(-half, -1.3), sides[1].at(half, -1.3)])


def _turret(radius: float, height: float, material: Material, roof: Material, rng: np.random.Generator) -> Shape:
    shaft = c.stone_ring(radius, 0.0, height, material, rng, row=0.7, block=1.0)
    cone = roofs.cone_roof(radius + 0.35, radius * 2.4, roof.name, roof, rng, trim=STUFF["dark wood"]).at(0, 0, height)
    return join(
        [
            shaft,
            cone,
            *(
                openings.slit(0.18, 0.7, TRIM).at(0, -radius - 0.06, height * 0.5).at(0, 0, yaw=k * 2.1)
                for k in range(3)
            ),
        ]
    )


def flag(
    low: float, height: float, colour: tuple[float, float, float], *, fly: float = 1.5, drop: float = 0.9
) -> Shape:
    """A pole with a cloth that blows towards +X."""
    top = low + height
    pole = tube(np.array([[0, 0, low], [0, 0, top]]), [0.05, 0.035], STUFF["wood"], sides=7)
    knob = c.drum(0.06, top, top + 0.08, STUFF["gold"], sides=8)
    u, v = np.meshgrid(np.linspace(0, 1, 13), np.linspace(0, 1, 5), indexing="ij")
    wave = 0.13 * np.sin(u * 8.5 + v) * u
    grid = np.stack([0.03 + u * fly, wave, top - 0.1 - drop * (1 - v) - 0.18 * fly * u * u], -1)
    return join([pole, knob, c.sheet(grid, 0.015, painted(STUFF["cloth"], colour))])


def _church(request: Request, rng: np.random.Generator) -> Shape:
    """A nave with tall windows behind a square tower with a spire and a cross."""
    s = request.size
    word = request.material or "plaster"
    kind = wall_kind(word)
    material = painted(stuff(word), request.colour)
    dress = Dress(
        TRIM if kind != "wood" else painted(STUFF["pale wood"], linear("brown")),
        STUFF["dark wood"],
        night=request.night,
    )
    length, span, eave = 8.4 * s, 5.6 * s, 3.7 * (0.4 + 0.6 * s)
    roof = ("slate", "tiles")[rng.integers(2)]
    nave = Hall(length, span, eave, span / 2 * 1.25, kind, material, roof, STUFF["dark wood"], dress)
    tall = [Opening("window", float(x), 1.0, 0.62, 1.9) for x in np.linspace(-length / 2 + 1.3, length / 2 - 1.3, 4)]
    rear = [Opening("window", 0.0, 1.3, 1.0, 2.2)]
    x, side = length / 2, 2.9 * s
    body = [
        nave.walls({"front": tall, "back": tall, "right": rear}, rng),
        nave.plinth(rng),
        nave.roof((-x - 0.1, x + 0.35), rng, overhang=0.35),
    ]
    buttresses = [
        _buttress(eave).at(float(u), sy * span / 2, yaw=0 if sy < 0 else math.pi)
        for sy in (-1, 1)
        for u in np.linspace(-length / 2 + 0.2, length / 2 - 0.2, 5)
    ]
    height = (eave + 4.0 * s) * request.tall
    tower = square_tower(side, height, word, material, rng, top="flat", night=request.night)
    spire = roofs.pyramid_roof(side + 0.7, 4.4 * s, roof, STUFF[roof], rng, trim=STUFF["dark wood"]).at(
        0, 0, height + 0.1
    )
    z = height + 4.4 * s
    cross = c.blocks(
        [(-0.05, -0.05, z), (-0.32, -0.045, z + 0.6)], [(0.05, 0.05, z + 1.05), (0.32, 0.045, z + 0.7)], STUFF["gold"]
    )
    front = join([tower, spire, cross]).at(0, -x - side * 0.42)
    turned = join([*body, *buttresses]).at(0, 0, yaw=math.pi / 2)
    return join([turned, front]).at(0, side * 0.4)


def _buttress(eave: float) -> Shape:
    outline = ((-0.62, -0.5), (0.1, -0.5), (0.1, eave * 0.8), (-0.25, eave * 0.8), (-0.62, eave * 0.62))
    return c.prism(outline, -0.2, 0.2, TRIM).at(0, 0, yaw=math.pi / 2)


CLASSES = (
    ThingClass(
        "tower",
        (
            "tower",
            "watchtower",
            "keep",
            "turret",
            "stone tower",
            "bell tower",
            "belfry",
            "spire",
            "lookout",
            "lookout tower",
            "watch tower",
            "guard tower",
        ),
        c.finished(_tower),
        4.2,
        14.0,
        kinds=("building", "structure"),
        variants=0,
        colour="grey",
        material="stone",
    ),
    ThingClass(
        "castle",
        ("castle", "fortress", "fort", "citadel", "palace", "stronghold"),
        c.finished(_castle),
        13.5,
        17.0,
        kinds=("building", "structure"),
        variants=0,
        colour="grey",
        material="stone",
    ),
    ThingClass(
        "church",
        ("church", "chapel", "temple", "cathedral", "abbey", "monastery", "shrine"),
        c.finished(_church),
        8.5,
        14.5,
        kinds=("building", "structure"),
        variants=0,
        colour="white",
        material="plaster",
    ),
    ThingClass(
        "windmill",
        ("windmill", "wind mill", "smock mill", "tower mill"),
        c.finished(windmill),
        6.4,
        13.5,
        kinds=("building", "structure"),
        variants=0,
        colour="white",
        material="plaster",
    ),
    ThingClass(
        "lighthouse",
        ("lighthouse", "light house", "beacon"),
        c.finished(lighthouse),
        4.0,
        17.0,
        kinds=("building", "structure", "tower"),
        variants=0,
        colour="white",
        material="plaster",
    ),
)
