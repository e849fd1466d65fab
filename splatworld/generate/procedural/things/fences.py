"""What bounds: fence, wall, gate; along local X."""

import math

import numpy as np

from splatworld.generate.procedural.catalogue import Request
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things import roofs
from splatworld.generate.procedural.things.hall import wall_kind
from splatworld.generate.procedural.things.stuff import STUFF, mottle, painted, stuff


def fence(request: Request, rng: np.random.Generator) -> Shape:
    """Posts with three rails, or with pickets when painted."""
    length = max(request.length or 6.0 * request.size, 0.6)
    high = 1.1 * request.size * request.tall
    if wall_kind(request.material or "wood") not in ("wood", "boards"):
        return wall(request, rng)
    wood = painted(stuff(request.material, "wood"), request.colour)
    if request.material == "metal":
        return _railings(length, high * 1.1, wood)
    n = max(1, round(length / 1.9))
    x = np.linspace(-length / 2 + 0.06, length / 2 - 0.06, n + 1)
    picket = rng.random() < (0.75 if request.colour else 0.25)
    top = high * rng.uniform(0.97, 1.05, n + 1)
    posts = c.blocks(
        np.column_stack([x - 0.055, np.full(n + 1, -0.055), np.full(n + 1, -0.4)]),
        np.column_stack([x + 0.055, np.full(n + 1, 0.055), top]),
        wood,
    )
    caps = c.blocks(
        np.column_stack([x - 0.07, np.full(n + 1, -0.07), top]),
        np.column_stack([x + 0.07, np.full(n + 1, 0.07), top + 0.035]),
        wood,
    )
    levels = (0.25, 0.8) if picket else (0.28, 0.58, 0.88)
    a, b = [], []
    for share in levels:
        lean = rng.uniform(-0.025, 0.025, (n, 2))
        y = 0.0 if picket else -0.075
        a += [(x[k] - 0.1, y, share * high + lean[k, 0]) for k in range(n)]
        b += [(x[k + 1] + 0.1, y - (0.002 if k % 2 else 0.0), share * high + lean[k, 1]) for k in range(n)]
    rails = mottle(c.beams(a, b, 0.045, 0.11, wood), np.repeat(np.arange(len(a)), 12), rng)
    parts = [posts, caps, rails]
    if picket:
        parts.append(_pickets(length, high, wood, rng))
    return join(parts)


def _pickets(length: float, high: float, wood: Material, rng: np.random.Generator) -> Shape:
    m = max(2, round(length / 0.165))
    x = (np.arange(m) + 0.5) * length / m - length / 2
    one = c.prism(
        ((-0.043, 0.1), (0.043, 0.1), (0.043, high - 0.08), (0.0, high), (-0.043, high - 0.08)), -0.048, -0.024, wood
    )
    row = join([one.at(u, 0, rng.uniform(-0.015, 0.015)) for u in x])
    return mottle(row, np.repeat(np.arange(m), len(one.faces)), rng, spread=0.12)


def _railings(length: float, high: float, metal: Material) -> Shape:
    m = max(2, round(length / 0.14))
    x = np.linspace(-length / 2, length / 2, m + 1)
    thick = np.where(np.arange(m + 1) % 12, 0.012, 0.03)
    bars = c.blocks(
        np.column_stack([x - thick, -thick, np.full(m + 1, -0.2)]),
        np.column_stack([x + thick, thick, high + thick]),
        metal,
    )
    rails = c.blocks(
        [(-length / 2, -0.02, z) for z in (0.15, high - 0.15)],
        [(length / 2, 0.02, z + 0.04) for z in (0.15, high - 0.15)],
        metal,
    )
    return join([bars, rails])


def wall(request: Request, rng: np.random.Generator) -> Shape:
    """A free-standing wall under rough or dressed coping stones."""
    length = max(request.length or 6.0 * request.size, 0.6)
    high = 1.1 * request.size * request.tall
    material = painted(stuff(request.material, "stone"), request.colour)
    h, t = length / 2, 0.24
    if material.pattern in ("bricks", "plain"):
        body = c.blocks([(-h, -t, -0.5)], [(h, t, high - 0.1)], material)
    else:
        body = c.stonework((-h, -t, -0.4), (h, t, high - 0.1), material, rng, row=0.24, block=0.42)
    n = max(2, round(length / 0.3))
    edge = np.linspace(-h, h, n + 1)
    low = np.column_stack([edge[:-1] + 0.008, -t - 0.03 - 0.03 * rng.random(n), np.full(n, high - 0.12)])
    top = np.column_stack([edge[1:] - 0.008, t + 0.03 + 0.03 * rng.random(n), high + rng.uniform(0.0, 0.1, n)])
    coping = mottle(
        c.blocks(low, top, material if material.pattern == "rock" else STUFF["pale stone"]),
        np.repeat(np.arange(n), 12),
        rng,
    )
    return join([body, coping])


def gate(request: Request, rng: np.random.Generator) -> Shape:
    """Two piers with an arch, or two posts with a small roof; a gate of boards stands open between them."""
    material = painted(stuff(request.material), request.colour)
    half, high = 1.2, 2.2
    leaves = join(
        [
            _leaf(half - 0.1, s, material if material.name == "wood" else STUFF["wood"]).at(
                s * (half - 0.06), 0, yaw=s * 0.9
            )
            for s in (-1, 1)
        ]
    )
    if wall_kind(request.material or "wood") in ("wood", "boards"):
        posts = [((s * half - 0.1, -0.1, -0.5), (s * half + 0.1, 0.1, high)) for s in (-1, 1)]
        posts.append(((-half - 0.35, -0.09, high - 0.02), (half + 0.35, 0.09, high + 0.2)))
        a = [(s * half, 0, high - 0.7) for s in (-1, 1)]
        braces = c.beams(a, [(s * (half - 0.65), 0, high) for s in (-1, 1)], 0.12, 0.12, material)
        roof = roofs.gable_roof(
            0.7,
            high + 0.2,
            0.42,
            (-half - 0.45, half + 0.45),
            "shingles",
            STUFF["shingles"],
            material,
            rng,
            overhang=0.25,
        )
        return join([c.boxes(posts, material), braces, roof, leaves])
    piers = [
        c.stonework(
            (s * (half + 0.3) - 0.32, -0.35, -0.5),
            (s * (half + 0.3) + 0.32, 0.35, high - 0.3),
            material,
            rng,
            row=0.33,
            block=0.5,
        )
        for s in (-1, 1)
    ]
    angle = np.linspace(0, math.pi, 14)
    ring = np.column_stack([(half + 0.3) * np.cos(angle), np.zeros(14), high - 0.35 + (half + 0.0) * np.sin(angle)])
    arch = mottle(
        c.beams(ring[:-1], ring[1:], 0.6, 0.55, material, up=-c.outward(ring[:-1], ring[1:])),
        np.repeat(np.arange(13), 12),
        rng,
        spread=0.3,
    )
    key = c.blocks([(-0.16, -0.36, high + half - 0.68)], [(0.16, 0.36, high + half + 0.02)], STUFF["pale stone"])
    return join([*piers, arch, key, leaves])


def _leaf(width: float, side: int, wood: Material) -> Shape:
    """A gate leaf hung at the origin that reaches towards the middle."""
    n = max(4, round(width / 0.17))
    x = np.linspace(0.03, width, n + 1)
    tops = 1.15 + 0.25 * np.cos(np.linspace(0, math.pi, n)) + 0.1
    low = np.column_stack([x[:-1] + 0.012, np.full(n, -0.03), np.full(n, 0.12)])
    high = np.column_stack([x[1:] - 0.012, np.full(n, 0.0), tops])
    bars = c.blocks([(0.0, 0.0, z) for z in (0.25, 0.95)], [(width, 0.05, z + 0.11) for z in (0.25, 0.95)], wood)
    leaf = join([c.blocks(low, high, wood), bars])
    return leaf if side < 0 else leaf.at(0, 0, yaw=math.pi)
