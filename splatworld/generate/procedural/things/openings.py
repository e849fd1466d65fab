"""Walls of every make, with the windows and doors in them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball, join, quad
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things.stuff import STUFF, WINDOW_GLOW, mottle, shining
from splatworld.world import PointLight

ROWS = {"log": 0.21, "wood": 0.2, "stone": 0.42}
"""Heights of the courses of walls that have them; other walls are flat."""


@dataclass(frozen=True)
class Opening:
    """A window or door that a wall is asked to have; `x` of its middle, `z` of its foot."""

    kind: str
    """"window", "door" or "doors" (two leaves)."""
    x: float
    z: float
    width: float
    height: float


@dataclass(frozen=True)
class Dress:
    """How the openings of a house look."""

    frame: Material = STUFF["dark wood"]
    leaf: Material = STUFF["wood"]
    shutters: Material | None = None
    flowers: bool = False
    night: bool = False


def wall(
    kind: str,
    width: float,
    height: float,
    material: Material,
    rng: np.random.Generator,
    *,
    rise: float = 0.0,
    start: float = 0.0,
    openings: Sequence[Opening] = (),
    dress: Dress = Dress(),
    coarse: float = 1.0,
) -> Shape:
    """A wall "log", "wood" (clapboards), "boards", "stone", "timber" or flat, up to `height` and a gable of `rise`.

    `coarse` makes the courses of far or huge walls that much higher.
    """
    top = height + rise
    if kind in ROWS:
        levels = np.append(np.arange(start, top - 0.04, coarse * ROWS[kind]), top)
        openings = [_snapped(o, levels) for o in openings]
        holes = [_hole(o) for o in openings]
    else:
        holes = [_hole(o) for o in openings]
        edges = {round(z, 4) for h in holes for z in h[2:]}
        levels = np.array(sorted({0.0, height, top} | edges))
    block = 0.75 * coarse if kind == "stone" else None
    pieces = c.courses(width, levels, height=height, holes=holes, block=block, rng=rng)
    parts = [_skin(kind, pieces, material, rng)]
    if kind == "boards":
        parts.append(_battens(width, height, rise, holes, material))
    if kind == "timber":
        parts.append(_framework(width, height, rise, holes))
    proud = {"log": 0.13, "wood": 0.07, "boards": 0.06, "timber": 0.07, "stone": 0.07}.get(kind, 0.05)
    for o in openings:
        make = window if o.kind == "window" else door
        parts.append(make(o, dress, rng, proud=proud).at(o.x, 0, o.z))
    return join(parts)


def window(o: Opening, dress: Dress, rng: np.random.Generator, *, proud: float = 0.06) -> Shape:
    """Glass set back in a casing with sill and glazing bars; glows at night. Its foot's middle is the origin."""
    w, h, deep = o.width / 2, o.height, 0.07
    glass = STUFF["lit glass" if dress.night else "glass"]
    pane = quad(
        (-w - 0.02, deep, -0.02),
        (w + 0.02, deep, -0.02),
        (w + 0.02, deep, h + 0.02),
        (-w - 0.02, deep, h + 0.02),
        glass,
    )
    across = max(1, round(o.width / 0.42))
    up = max(2, round(h / 0.45))
    bars = [((x - 0.018, deep - 0.05, 0), (x + 0.018, deep - 0.01, h)) for x in np.linspace(-w, w, across + 1)[1:-1]]
    bars += [((-w, deep - 0.045, z - 0.015), (w, deep - 0.015, z + 0.015)) for z in np.linspace(0, h, up + 1)[1:-1]]
    sill = ((-w - 0.14, -proud - 0.09, -0.15), (w + 0.14, deep - 0.03, -0.085))
    frame = [*_casing(w, h, proud, deep, foot=True), *bars, sill]
    parts = [pane, c.boxes(frame, dress.frame)]
    if dress.shutters:
        parts.append(_shutters(w, h, proud, dress.shutters))
    if dress.flowers:
        parts.append(_flower_box(w, proud, dress.frame, rng))
    shape = join(parts)
    if not dress.night:
        return shape
    return shining(shape, PointLight((0.0, -0.4, h / 2), WINDOW_GLOW, 0.15 * min(o.width * h / 0.8, 1.6)))


def door(o: Opening, dress: Dress, rng: np.random.Generator, *, proud: float = 0.06) -> Shape:
    """Planks of slightly different depth behind a casing, with ledges, hinges and a knob; two leaves for "doors"."""
    w, h, deep = o.width / 2, o.height, 0.09
    n = max(4, round(o.width / 0.2))
    edge = np.linspace(-w - 0.02, w + 0.02, n + 1)
    front = deep - 0.045 + rng.uniform(-0.009, 0.009, n)
    low = np.column_stack([edge[:-1] + 0.006, front, np.full(n, 0.0)])
    high = np.column_stack([edge[1:] - 0.006, np.full(n, deep + 0.02), np.full(n, h + 0.02)])
    planks = mottle(c.blocks(low, high, dress.leaf), np.repeat(np.arange(n), 12), rng)
    back = quad((-w, deep, 0), (w, deep, 0), (w, deep, h), (-w, deep, h), STUFF["dark"])
    leaves = [(-w, w)] if o.kind == "door" else [(-w, -0.02), (0.02, w)]
    ledges = [
        ((a + 0.05, deep - 0.085, z), (b - 0.05, deep - 0.05, z + 0.12))
        for a, b in leaves
        for z in (0.16 * h, 0.78 * h)
    ]
    parts = [planks, back, c.boxes(ledges, dress.leaf)]
    if o.kind == "doors":
        ends = [((a + 0.1, deep - 0.07, 0.18 * h), (b - 0.1, deep - 0.07, 0.8 * h)) for a, b in leaves]
        parts.append(c.bars(ends, 0.035, 0.12, dress.leaf, up=(0, 0, 1)))
    knobs = [(b - 0.1) for _, b in leaves]
    parts += [ball(0.04, STUFF["metal"], subdivisions=1).at(x, deep - 0.09, 0.48 * h) for x in knobs]
    casing = [*_casing(w, h, proud, deep, foot=False), ((-w - 0.06, -proud - 0.06, -0.05), (w + 0.06, deep, 0.015))]
    return join([*parts, c.boxes(casing, dress.frame)])


def portal(width: float, height: float, stone: Material, leaf: Material, rng: np.random.Generator) -> Shape:
    """A pair of doors in a stone frame that stands proud of a wall at y = 0, with a step."""
    dress = Dress(stone, leaf)
    leaves = door(Opening("doors", 0.0, 0.0, width, height), dress, rng, proud=0.14).at(0, -0.13, 0)
    deep = c.blocks([(-width / 2 - 0.1, -0.04, 0.0)], [(width / 2 + 0.1, 0.5, height + 0.1)], stone)
    steps = c.blocks([(-width / 2 - 0.3, -0.75, -0.4)], [(width / 2 + 0.3, 0.2, 0.02)], stone)
    return join(
        [
            leaves,
            deep,
            steps,
            _arch_stones(width / 2 + 0.05, height + 0.1, 0.36, stone),
            _tympanum(width / 2, height, stone),
        ]
    )


def _tympanum(radius: float, z: float, stone: Material) -> Shape:
    angle = np.linspace(0, math.pi, 9)
    fan = [(radius * math.cos(a), z + 0.1 + radius * math.sin(a)) for a in angle]
    return c.prism(fan, -0.1, 0.3, stone)


def slit(width: float, height: float, material: Material, *, night: bool = False, arch: bool = False) -> Shape:
    """An opening framed in stone that stands proud of a wall at y = 0: arrow slits, tower windows."""
    w, t, out = width / 2, 0.13, 0.1
    frame = [
        ((-w - t, -out, -t), (w + t, 0.3, 0)),
        ((-w - t, -out, 0), (-w, 0.3, height)),
        ((w, -out, 0), (w + t, 0.3, height)),
        ((-w - t - 0.05, -out - 0.03, height), (w + t + 0.05, 0.3, height + 1.3 * t)),
    ]
    pane = STUFF["lit glass" if night else "dark" if width < 0.3 else "glass"]
    y = -0.055
    parts = [
        c.boxes(frame, material),
        quad((-w, y, 0), (w, y, 0), (w, y, height), (-w, y, height), pane),
    ]
    if arch:
        parts.append(_arch_stones(w + 0.02, height + 1.3 * t, out, material))
    shape = join(parts)
    return shining(shape, PointLight((0.0, -0.5, height / 2), WINDOW_GLOW, 0.12)) if night and width >= 0.3 else shape


def _arch_stones(radius: float, z: float, out: float, material: Material) -> Shape:
    angle = np.linspace(0, math.pi, 8)
    a = np.column_stack([radius * np.cos(angle[:-1]), np.full(7, -out / 2), z + radius * np.sin(angle[:-1])])
    b = np.column_stack([radius * np.cos(angle[1:]), np.full(7, -out / 2), z + radius * np.sin(angle[1:])])
    return c.beams(a, b, out, 0.16, material, up=(0, -1, 0))


def _casing(w: float, h: float, proud: float, deep: float, *, foot: bool) -> list[tuple]:
    t, y0, y1 = 0.1, -proud, deep + 0.01
    parts = [
        ((-w - t, y0, 0), (-w, y1, h)),
        ((w, y0, 0), (w + t, y1, h)),
        ((-w - t - 0.03, y0 - 0.02, h), (w + t + 0.03, y1, h + 1.2 * t)),
    ]
    return [*parts, ((-w - t, y0, -0.085), (w + t, y1, 0))] if foot else parts


def _shutters(w: float, h: float, proud: float, material: Material) -> Shape:
    parts = []
    for side in (-1, 1):
        x0, x1 = sorted((side * (w + 0.12), side * (w + 0.12 + 0.85 * w)))
        y = -proud - 0.005
        parts.append(((x0, y, 0), (x1, -0.01, h)))
        slats = np.linspace(0.06, h - 0.06, max(4, round(h / 0.24)))
        parts += [((x0 + 0.05, y - 0.022, z - 0.06), (x1 - 0.05, y, z + 0.03)) for z in slats]
    return c.boxes(parts, material)


def _flower_box(w: float, proud: float, wood: Material, rng: np.random.Generator) -> Shape:
    y0, y1 = -proud - 0.3, -proud - 0.1
    box = c.blocks([(-w, y0, -0.14)], [(w, y1, 0.03)], wood)
    petal = replace(
        STUFF["leaves"], colour=((0.5, 0.05, 0.06), (0.55, 0.2, 0.3), (0.6, 0.45, 0.05))[rng.integers(3)], second=None
    )
    parts = [box]
    for k, x in enumerate(np.arange(-w + 0.08, w - 0.05, 0.13)):
        tuft = ball(rng.uniform(0.07, 0.1), petal if k % 2 else STUFF["leaves"], subdivisions=0)
        parts.append(tuft.at(x, (y0 + y1) / 2 + rng.uniform(-0.04, 0.04), 0.07 + rng.uniform(0, 0.05)))
    return join(parts)


def _skin(kind: str, pieces: np.ndarray, material: Material, rng: np.random.Generator) -> Shape:
    if kind == "log":
        return c.swept(pieces, c.LOG, material, rng)
    if kind == "wood":
        return c.swept(pieces, c.CLAPBOARD, material, rng)
    if kind == "stone":
        return c.pillows(pieces, material, rng)
    flat = c.swept(pieces, c.FLAT, material, rng)
    return replace(flat, materials=(material,), material=np.zeros_like(flat.material))


def _battens(width: float, height: float, rise: float, holes: Sequence[c.Hole], material: Material) -> Shape:
    low, high = [], []
    for x in np.linspace(-width / 2, width / 2, max(round(width / 0.32), 2) + 1)[1:-1]:
        top = height + rise * (1 - 2 * abs(x) / width) - 0.02
        cuts = [(z0 - 0.02, z1 + 0.1) for u0, u1, z0, z1 in holes if u0 - 0.12 < x < u1 + 0.12]
        for a, b in c.spans(0.0, top, cuts):
            low.append((x - 0.028, -0.028, a))
            high.append((x + 0.028, 0.01, b))
    return c.blocks(low, high, material)


def _framework(width: float, height: float, rise: float, holes: Sequence[c.Hole]) -> Shape:
    """Posts, rails and braces of a timber frame that keep clear of the openings."""
    wood, t, h = STUFF["dark wood"], 0.17, width / 2
    posts = sorted(
        {-h + t / 2, h - t / 2, *(x for u0, u1, _, _ in holes for x in (u0 - 0.2, u1 + 0.2) if abs(x) < h - 0.4)}
    )
    keep = [x for i, x in enumerate(posts) if i == 0 or x - posts[i - 1] > 0.45 or x == posts[-1]]
    lines = [((x, 0, 0.0), (x, 0, height)) for x in keep]
    lines += [((-h, -0.004, z), (h, -0.004, z)) for z in {t / 2, height - t / 2}]
    for x0, x1 in pairwise(keep):
        clear = not any(u1 > x0 and u0 < x1 for u0, u1, _, _ in holes)
        if clear and x1 - x0 > 0.7:
            lines.append(
                ((x0, 0.006, 0.1), (x1, 0.006, height - 0.1))
                if x0 < 0
                else ((x0, 0.006, height - 0.1), (x1, 0.006, 0.1))
            )
    if rise > 0.5:
        lines.append(((0, 0.003, height), (0, 0.003, height + rise - 0.15)))
        lines += [((s * h * 0.55, 0.008, height), (s * h * 0.1, 0.008, height + rise * 0.8)) for s in (-1, 1)]
        lines.append(((-h * 0.5, -0.006, height + rise * 0.48), (h * 0.5, -0.006, height + rise * 0.48)))
    a, b = zip(*lines, strict=True)
    return c.beams(a, b, t, 0.07, wood, up=(0, -1, 0))


def _hole(o: Opening) -> c.Hole:
    return o.x - o.width / 2, o.x + o.width / 2, o.z, o.z + o.height


def _snapped(o: Opening, levels: np.ndarray) -> Opening:
    """Foot and head moved to joints between courses."""
    low = float(levels[np.argmin(np.abs(levels - o.z))]) if o.z > 0.05 else 0.0
    high = float(levels[np.argmin(np.abs(levels - o.z - o.height))])
    return replace(o, z=low, height=high - low)
