"""What spans and what bounds: bridge, pier, fence, wall, gate. All lie along local X, `request.length` metres long."""

import math
from collections.abc import Callable

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, mesh, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things.carpentry import Array
from splatworld.generate.procedural.things.fences import fence, gate, wall
from splatworld.generate.procedural.things.hall import wall_kind
from splatworld.generate.procedural.things.stuff import STUFF, mottle, painted, stuff

Height = Callable[[Array], Array]
"""Height of a deck at places along x."""


def _bridge(request: Request, rng: np.random.Generator) -> Shape:
    """An arched way over water: beams and planks, or stone on arches. Its ends meet the ground at z = 0."""
    length = max(request.length or 9.0 * request.size, 2.5)
    rise = float(np.clip(0.8 + 0.03 * (length - 9.0), 0.45, 1.5)) * request.tall
    half = (1.15 if length < 14 else 1.4) * request.size**0.5

    def deck(x: Array) -> Array:
        return np.asarray(rise * (1 - (2 * x / length) ** 2))

    material = painted(stuff(request.material), request.colour)
    if wall_kind(request.material or "wood") in ("wood", "boards"):
        return _wooden_bridge(length, half, deck, material, request.colour is None, rng)
    return _stone_bridge(length, half, deck, material, rng)


def _wooden_bridge(
    length: float, half: float, deck: Height, wood: Material, bare: bool, rng: np.random.Generator
) -> Shape:
    grey = STUFF["grey wood"] if bare else wood
    parts = [_planking(length, half, deck, grey, rng)]
    x = np.linspace(-length / 2, length / 2, max(8, round(length / 0.9)) + 1)
    dark = STUFF["dark wood"]
    parts += [_curved(x, y, lambda u: deck(u) - 0.2, 0.16, 0.26, dark) for y in (-half + 0.15, 0.0, half - 0.15)]
    n = max(3, round(length / 1.5))
    posts = np.linspace(-length / 2 + 0.25, length / 2 - 0.25, n + 1)
    for y in (-half + 0.04, half - 0.04):
        foot, head = deck(posts) - 0.3, deck(posts) + 1.0
        parts.append(c.blocks(
            np.column_stack([posts - 0.055, np.full(n + 1, y - 0.055), foot]),
            np.column_stack([posts + 0.055, np.full(n + 1, y + 0.055), head]), wood))  # fmt: skip
        fine = np.linspace(posts[0] - 0.15, posts[-1] + 0.15, len(x))
        parts.append(_curved(fine, y, lambda u: deck(u) + 1.02, 0.15, 0.07, wood))
        parts.append(_curved(fine, y, lambda u: deck(u) + 0.52, 0.05, 0.1, wood))
        a = np.column_stack([posts[:-1] + 0.05, np.full(n, y), deck(posts[:-1]) + 0.1])
        b = np.column_stack([posts[1:] - 0.05, np.full(n, y), deck(posts[1:]) + 0.95])
        rising = (np.arange(n) < n / 2)[:, None]
        a[:, 2], b[:, 2] = (
            np.where(rising[:, 0], a[:, 2], deck(posts[:-1]) + 0.95),
            np.where(rising[:, 0], b[:, 2], deck(posts[1:]) + 0.1),
        )
        parts.append(c.beams(a, b, 0.045, 0.07, wood))
    piles = list(np.linspace(-length / 2, length / 2, max(2, round(length / 4.5)) + 1)[1:-1]) if length > 6 else []
    for u in piles:
        z = float(deck(np.array(u)))
        for y in (-half + 0.2, half - 0.2):
            path = np.array([[u, y * 1.18, -2.6], [u, y, z - 0.25]])
            parts.append(tube(path, 0.13, dark, sides=8))
        parts.append(c.blocks([(u - 0.1, -half - 0.05, z - 0.52)], [(u + 0.1, half + 0.05, z - 0.3)], dark))
        parts.append(c.beams([(u + 0.1, -half, -0.6)], [(u + 0.1, half, z - 0.4)], 0.1, 0.05, dark, up=(1, 0, 0)))
    for s in (-1, 1):
        x0, x1 = sorted((s * (length / 2 - 0.9), s * (length / 2 - 0.02)))
        top = float(deck(np.array(length / 2 - 0.9))) - 0.36
        parts.append(
            c.stonework(
                (x0, -half - 0.2, -1.8), (x1, half + 0.2, min(top, -0.06)), stuff("stone"), rng, row=0.4, block=0.6
            )
        )
    return join(parts)


def _planking(length: float, half: float, deck: Height, wood: Material, rng: np.random.Generator) -> Shape:
    """Planks across the deck, each a little off."""
    n = max(8, round(length / 0.21))
    edge = np.linspace(-length / 2, length / 2, n + 1)
    x = (edge[:-1] + edge[1:]) / 2
    slope = np.gradient(deck(edge), edge)
    tilt = np.stack([-(slope[:-1] + slope[1:]) / 2, np.zeros(n), np.ones(n)], 1)
    z = deck(x) - 0.03 + rng.uniform(-0.008, 0.008, n)
    a = np.column_stack([x, -half - rng.uniform(0.0, 0.06, n), z])
    b = np.column_stack([x, half + rng.uniform(0.0, 0.06, n), z])
    return mottle(
        c.beams(a, b, length / n - 0.018, 0.055, wood, up=tilt), np.repeat(np.arange(n), 12), rng, spread=0.28
    )


def _curved(x: Array, y: float, height: Height, width: float, thick: float, material: Material) -> Shape:
    """A bar along the curve of the deck, in overlapping straight pieces."""
    p = np.column_stack([x, np.full(len(x), y), height(x)])
    step = (p[1:] - p[:-1]) / np.linalg.norm(p[1:] - p[:-1], axis=1, keepdims=True)
    return c.beams(p[:-1], p[1:] + 0.012 * step, width, thick, material)


def _stone_bridge(length: float, half: float, deck: Height, material: Material, rng: np.random.Generator) -> Shape:
    """Spandrel walls over round arches, a cobbled way between parapets."""
    arches = max(1, round(length / 7.5))
    under, rings = _soffit(length, arches, deck)
    wall = material if material.pattern in ("bricks", "stones") else painted(stuff("cobbles"), material.colour)
    parts = [_vault(under, half, deck, wall)]
    for y in (-half - 0.02, half + 0.02):
        for a, b in rings:
            shift = np.array([0.0, y, 0.0])
            stones = c.beams(a + shift, b + shift, 0.12, 0.34, material, up=c.outward(a, b))
            parts.append(mottle(stones, np.repeat(np.arange(len(a)), 12), rng, spread=0.3))
    n = max(8, round(length / 0.75))
    edge = np.linspace(-length / 2, length / 2, n + 1)
    for s in (-1, 1):
        y = s * (half - 0.12)
        parts.append(_curved(edge, y, lambda u: deck(u) + 0.26, 0.3, 0.62, wall))
        p = np.column_stack([edge, np.full(n + 1, y), deck(edge) + 0.63])
        coping = c.beams(p[:-1], p[1:] - (p[1:] - p[:-1]) * 0.02, 0.44, 0.14, STUFF["pale stone"])
        parts.append(mottle(coping, np.repeat(np.arange(n), 12), rng, spread=0.15))
        parts += [
            c.stonework(
                (e * length / 2 - 0.3, y - 0.3, -1.2),
                (e * length / 2 + 0.3, y + 0.3, 0.95),
                material,
                rng,
                row=0.36,
                block=0.6,
            )
            for e in (-1, 1)
        ]
        parts.append(_curved(edge, s * (half + 0.04), lambda u: deck(u) - 0.06, 0.12, 0.14, STUFF["pale stone"]))
    return join(parts)


def _soffit(length: float, arches: int, deck: Height) -> tuple[Array, list[tuple[Array, Array]]]:
    """The lower edge of the side walls as a polyline of (x, z), and the stones of each arch's ring as bars."""
    bay, low = length / arches, -2.2
    line, rings = [(-length / 2, low)], []
    for k in range(arches):
        x0 = -length / 2 + bay * (k + 0.5)
        wide = bay * 0.36
        crown = float(min(deck(np.array([x0 - wide * 0.4, x0 + wide * 0.4])).min(), deck(np.array(x0)))) - 0.42
        spring = -0.45
        angle = np.linspace(math.pi, 0, 15)
        arc = np.column_stack([x0 + wide * np.cos(angle), spring + (crown - spring) * np.sin(angle)])
        line += [(x0 - wide, low), *map(tuple, arc), (x0 + wide, low)]
        out = np.column_stack([arc[:, 0], np.zeros(15), arc[:, 1]])
        centre = np.array([x0, 0.0, spring])
        grown = centre + (out - centre) * (1 + 0.13 / max(wide, 0.5)) + np.array([0, 0, 0.04])
        rings.append((grown[:-1], grown[1:]))
    return np.array([*line, (length / 2, low)]), rings


def _vault(line: Array, half: float, deck: Height, material: Material) -> Shape:
    """Side walls, soffits and way of a stone bridge as one closed body."""
    x, z = line.T
    top = deck(x)
    n = len(x)
    corners = [np.column_stack([x, np.full(n, y), h]) for y in (-half, half) for h in (z, top)]
    fl, ft, bl, bt = (np.arange(n) + k * n for k in range(4))
    quads = []
    for a, b in zip(range(n - 1), range(1, n), strict=True):
        flat = abs(x[a] - x[b]) < 1e-6
        quads.append((fl[b], fl[a], bl[a], bl[b]))
        if not flat:
            quads += [(fl[a], fl[b], ft[b], ft[a]), (bl[b], bl[a], bt[a], bt[b])]
    quads += [(fl[0], ft[0], bt[0], bl[0]), (fl[-1], bl[-1], bt[-1], ft[-1])]
    body = mesh(
        np.concatenate(corners), np.array([t for a, b, d, e in quads for t in ((a, b, d), (a, d, e))]), material
    )
    u = np.linspace(x[0], x[-1], 25)
    p = np.concatenate([np.column_stack([u, np.full(25, y), deck(u)]) for y in (-half, half)])
    k = np.arange(24)
    way = np.concatenate([np.column_stack([k, k + 1, k + 26]), np.column_stack([k, k + 26, k + 25])])
    return join([body, mesh(p, way, stuff("cobbles"))])


def _pier(request: Request, rng: np.random.Generator) -> Shape:
    """A plank way on piles, from the shore at -X out over the water to a head at +X."""
    length = max(request.length or 9.0 * request.size, 2.5)
    half, high = 0.95, 0.5 * request.tall

    def deck(x: Array) -> Array:
        return high * np.clip((x + length / 2) / 1.6, 0.0, 1.0) + 0.02

    bare = request.colour is None
    wood = painted(STUFF["grey wood"] if bare else stuff(request.material), request.colour)
    dark = STUFF["dark wood"]
    x = np.linspace(-length / 2, length / 2, max(4, round(length / 1.2)) + 1)
    parts = [_planking(length, half, deck, wood, rng)]
    parts += [_curved(x, y, lambda u: deck(u) - 0.17, 0.12, 0.2, dark) for y in (-half + 0.12, half - 0.12)]
    for k, u in enumerate(np.linspace(-length / 2 + 1.4, length / 2 - 0.2, max(2, round(length / 2.2)))):
        for s in (-1, 1):
            top = high + (0.55 if (k + (s > 0)) % 2 else 0.02) + rng.uniform(0, 0.15)
            lean = rng.uniform(-0.06, 0.06, 2)
            path = np.array(
                [
                    [u + lean[0], s * (half + 0.1) + lean[1], -2.6],
                    [u, s * (half + 0.1), high - 0.1],
                    [u, s * (half + 0.1), top],
                ]
            )
            parts.append(tube(path, 0.105, dark, sides=8))
        parts.append(c.blocks([(u - 0.08, -half - 0.08, high - 0.42)], [(u + 0.08, half + 0.08, high - 0.25)], dark))
    end = length / 2
    rungs = np.arange(-0.9, high, 0.3)
    ladder = [((end + 0.02, y - 0.03, -1.2), (end + 0.08, y + 0.03, high + 0.5)) for y in (-0.25, 0.25)]
    ladder += [((end + 0.03, -0.25, z), (end + 0.07, 0.25, z + 0.05)) for z in rungs]
    parts.append(c.boxes(ladder, wood))
    turn = np.linspace(0, 9 * math.pi, 60)
    coil = np.column_stack([0.2 * np.cos(turn), 0.2 * np.sin(turn), 0.025 + 0.0045 * turn])
    parts.append(tube(coil, 0.022, STUFF["rope"], sides=5).at(end - 0.6, half - 0.35, high + 0.02))
    return join(parts)


CLASSES = (
    ThingClass(
        "bridge",
        ("bridge", "footbridge", "stone bridge", "wooden bridge", "viaduct", "foot bridge"),
        c.finished(_bridge),
        6.0,
        1.9,
        kinds=("structure",),
        variants=0,
        colour="brown",
        material="wood",
        stands="across",
    ),
    ThingClass(
        "pier",
        ("pier", "jetty", "dock", "landing stage", "boardwalk", "wharf", "quay", "mooring"),
        c.finished(_pier),
        5.5,
        1.4,
        kinds=("structure",),
        variants=0,
        colour="brown",
        material="wood",
        stands="line",
    ),
    ThingClass(
        "fence",
        ("fence", "picket fence", "railing", "paling", "palisade", "hedge fence", "post and rail fence", "rail fence"),
        c.finished(fence),
        3.2,
        1.2,
        kinds=("structure",),
        variants=0,
        colour="brown",
        material="wood",
        stands="line",
    ),
    ThingClass(
        "wall",
        ("wall", "stone wall", "garden wall", "dry stone wall", "boundary wall"),
        c.finished(wall),
        3.2,
        1.2,
        kinds=("structure",),
        variants=0,
        colour="grey",
        material="stone",
        stands="line",
    ),
    ThingClass(
        "gate",
        ("gate", "gateway", "archway", "portal", "arch"),
        c.scaled(gate),
        2.4,
        3.0,
        kinds=("structure",),
        variants=0,
        colour="brown",
        material="wood",
    ),
)
