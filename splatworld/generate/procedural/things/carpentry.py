"""Carpentry and masonry: the parts that structures are put together from.

A wall is built in its own frame: x along it from its middle, z up from its foot, its outside towards -Y with the skin
at y = 0. It is a list of pieces in courses (a log, a board, a stone), holes left out, and a way to shape each piece.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.catalogue import Builder, Request
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, lathe, mesh
from splatworld.generate.procedural.things.stuff import mottle
from splatworld.geometry import Vec3

Array = NDArray[np.floating]
Hole = tuple[float, float, float, float]
"""An opening in a wall: left, right, bottom, top in the wall's frame."""

LOG = ((0.0, 0.0), (0.12, 0.06), (0.5, 0.1), (0.88, 0.06), (1.0, 0.0))
"""Profile of a round log: (share of the course's height, metres outward)."""
CLAPBOARD = ((0.0, 0.0), (0.0, 0.035), (1.0, 0.0))
"""Profile of an overlapping board."""
FLAT = ((0.0, 0.0), (1.0, 0.0))


def scaled(build: Builder) -> Builder:
    """A builder whose whole shape grows with `request.size`, and in height with `request.tall`; snow lies on it."""

    def grown(request: Request, rng: np.random.Generator) -> Shape:
        shape = build(request, rng)
        s = request.size
        if s != 1.0:
            shape = shape.at(0, 0, scale=s)
        if request.tall != 1.0:
            shape = shape.mapped(lambda v: v * np.array([1, 1, request.tall], np.float32))
        return shape

    return finished(grown)


def finished(build: Builder) -> Builder:
    """A builder that minds `request.size` itself; snow is laid on what it makes."""

    def done(request: Request, rng: np.random.Generator) -> Shape:
        shape = build(request, rng)
        if request.snow <= 0:
            return shape
        from splatworld.generate.procedural.snow import snowed

        return snowed(shape, request.snow)

    return done


def blocks(low: Array | Sequence[Vec3], high: Array | Sequence[Vec3], material: Material) -> Shape:
    """Many upright boxes between corners `low` and `high` [n, 3], grain along the longest side of each."""
    lo, hi = np.asarray(low, np.float64).reshape(-1, 3), np.asarray(high, np.float64).reshape(-1, 3)
    long = np.argmax(hi - lo, 1)
    middle, size = (lo + hi) / 2, hi - lo
    a, b = middle.copy(), middle.copy()
    n = np.arange(len(lo))
    a[n, long] = lo[n, long]
    b[n, long] = hi[n, long]
    # Axes of the cross-section: beams() puts `across` sideways and the third axis over it.
    up = np.where((long == 2)[:, None], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]])
    wide = np.where(long == 0, size[:, 1], size[:, 0])
    thick = np.where(long == 2, size[:, 1], size[:, 2])
    return beams(a, b, wide, thick, material, up=up)


def beams(
    starts: Array | Sequence[Vec3],
    ends: Array | Sequence[Vec3],
    width: Array | float,
    thickness: Array | float,
    material: Material,
    *,
    up: Array | Vec3 = (0.0, 0.0, 1.0),
) -> Shape:
    """Square bars from `starts` to `ends` [n, 3]; `thickness` is measured towards `up`, `width` across it."""
    a, b = np.asarray(starts, np.float64).reshape(-1, 3), np.asarray(ends, np.float64).reshape(-1, 3)
    along = (b - a) / np.maximum(np.linalg.norm(b - a, axis=1, keepdims=True), 1e-9)
    side = np.cross(along, np.broadcast_to(np.asarray(up, np.float64), a.shape))
    upright = np.linalg.norm(side, axis=1) < 1e-3
    side[upright] = np.cross(along[upright], [0.0, 1.0, 0.0])
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    over = np.cross(side, along)
    w = np.broadcast_to(np.asarray(width, np.float64), len(a))[:, None] / 2
    t = np.broadcast_to(np.asarray(thickness, np.float64), len(a))[:, None] / 2
    ring = np.stack([-side * w - over * t, side * w - over * t, side * w + over * t, -side * w + over * t], 1)
    vertices = np.concatenate([a[:, None] + ring, b[:, None] + ring], 1)
    quads = [(0, 1, 2, 3), (7, 6, 5, 4), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0)]
    out = mesh(vertices.reshape(-1, 3), _repeated(quads, len(a), 8), material)
    return replace(out, grain=np.repeat(along, 12, 0).astype(np.float32))


def boxes(corners: Sequence[tuple[Vec3, Vec3]], material: Material) -> Shape:
    """Upright boxes given one by one as (low corner, high corner)."""
    low, high = zip(*corners, strict=True)
    return blocks(low, high, material)


def bars(
    ends: Sequence[tuple[Vec3, Vec3]], width: float, thickness: float, material: Material, *, up: Vec3 = (0.0, 0.0, 1.0)
) -> Shape:
    """Square bars given one by one as (start, end); see `beams`."""
    starts, stops = zip(*ends, strict=True)
    return beams(starts, stops, width, thickness, material, up=up)


def outward(a: Array, b: Array) -> Array:
    """Directions [n, 3] to the left of steps from `a` to `b` in the x-z plane: away from an arch's middle."""
    along = b - a
    return np.column_stack([-along[:, 2], np.zeros(len(a)), along[:, 0]])


def drum(
    radius: float, low: float, high: float, material: Material, *, top: float | None = None, sides: int = 12
) -> Shape:
    """A closed upright cylinder, or a cone's stump with another `top` radius."""
    upper = radius if top is None else top
    return lathe([(0.0, low), (radius, low), (upper, high), (0.0, high)], material, sides=sides)


def courses(
    width: float,
    levels: Array | Sequence[float],
    *,
    height: float | None = None,
    holes: Sequence[Hole] = (),
    block: float | None = None,
    rng: np.random.Generator | None = None,
) -> Array:
    """The pieces of a wall, [n, 6]: bottom z, top z, left x at the bottom, left at the top, right at both.

    `levels` are the heights of the joints between courses. Above `height` the wall narrows to a gable that ends in a
    point at the last level. A course is cut where its middle lies in a hole. With `block`, courses are broken into
    stones about that long.
    """
    top = float(levels[-1])
    height = top if height is None else height
    pieces = []
    for z0, z1 in pairwise(levels):
        inside = [(u0, u1) for u0, u1, low, high in holes if low < (z0 + z1) / 2 < high]
        ends = [half_width(z, width, height, top - height) for z in (z0, z1)]
        for left, right in spans(-width / 2, width / 2, inside):
            cuts = [left, *_joints(left, right, block, rng), right]
            for a, b in pairwise(cuts):
                pieces.append((z0, z1, *(np.clip(u, -e, e) for u in (a, b) for e in ends)))
    out = np.array(pieces)
    return out[(out[:, 4] - out[:, 2]) + (out[:, 5] - out[:, 3]) > 0.02]


def even(low: float, high: float, row: float) -> Array:
    """Joints of courses about `row` high that fill `low` to `high` exactly."""
    return np.linspace(low, high, max(round((high - low) / row), 1) + 1)


def half_width(z: float, width: float, height: float, rise: float) -> float:
    """Half the breadth of a gabled wall at the height `z`."""
    if z <= height or rise <= 0:
        return width / 2
    return max(0.0, width / 2 * (1 - (z - height) / rise))


def swept(pieces: Array, profile: Sequence[tuple[float, float]], material: Material, rng: np.random.Generator) -> Shape:
    """Each piece as a board of the given profile; every piece has its own tone."""
    t, out = np.array(profile).T
    k, n = len(t), len(pieces)
    z = pieces[:, :1] + t * (pieces[:, 1:2] - pieces[:, :1])
    left = pieces[:, 2:3] + t * (pieces[:, 3:4] - pieces[:, 2:3])
    right = pieces[:, 4:5] + t * (pieces[:, 5:6] - pieces[:, 4:5])
    y = np.broadcast_to(-out, z.shape)
    vertices = np.stack([np.stack([left, y, z], -1), np.stack([right, y, z], -1)], 2)
    quads = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(k - 1)]
    shape = mesh(vertices.reshape(-1, 3), _repeated(quads, n, 2 * k), material).with_grain((1.0, 0.0, 0.0))
    return mottle(shape, np.repeat(np.arange(n), 2 * (k - 1)), rng)


def pillows(
    pieces: Array, material: Material, rng: np.random.Generator, *, relief: float = 0.035, joint: float = 0.02
) -> Shape:
    """Each piece as a dressed stone: its face stands `relief` proud of V-shaped joints; no two are alike."""
    n = len(pieces)
    z0, z1, a0, a1, b0, b1 = pieces.T
    base = np.stack([np.stack([x, np.zeros(n), z], 1) for x, z in ((a0, z0), (b0, z0), (b1, z1), (a1, z1))], 1)
    centre = base.mean(1, keepdims=True)
    reach = np.abs(base - centre)
    size = np.maximum(reach.max(1, keepdims=True), 1e-6)
    face = centre + (base - centre) * np.maximum(1 - joint * (1 + rng.random((n, 4, 3))) / size, 0.1)
    face[..., 1] = -relief * rng.uniform(0.5, 1.2, (n, 1)) - relief * rng.uniform(-0.15, 0.15, (n, 4))
    quads = [(4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    shape = mesh(np.concatenate([base, face], 1).reshape(-1, 3), _repeated(quads, n, 8), material)
    return mottle(shape, np.repeat(np.arange(n), 10), rng, spread=0.3)


def bent(shape: Shape, radius: float, *, taper: float = 0.0) -> Shape:
    """A wall wrapped round the z axis, its middle towards -Y; the radius shrinks by `taper` per metre of height."""

    def wrap(v: Array) -> Array:
        angle = v[:, 0] / radius
        r = radius - taper * v[:, 2] - v[:, 1]
        return np.stack([r * np.sin(angle), -r * np.cos(angle), v[:, 2]], 1)

    return shape.mapped(wrap)


def stone_ring(
    radius: float,
    low: float,
    high: float,
    material: Material,
    rng: np.random.Generator,
    *,
    row: float = 0.4,
    block: float = 0.7,
    taper: float = 0.0,
    relief: float = 0.035,
    flip: bool = False,
) -> Shape:
    """A round wall of dressed stones around the z axis; with `flip` seen from inside (a well, a basin)."""
    length = 2 * math.pi * radius
    levels = even(low, high, row)
    count = max(round(length / block), 6)
    pieces = []
    for k, (z0, z1) in enumerate(pairwise(levels)):
        edges = (np.arange(count) + 0.5 * (k % 2) + rng.uniform(-0.18, 0.18, count)) * length / count
        for a, b in zip(edges, np.append(edges[1:], edges[0] + length), strict=True):
            pieces.append((z0, z1, a, a, b, b))
    wall = pillows(np.array(pieces), material, rng, relief=relief)
    if flip:
        wall = replace(wall.mapped(lambda v: v * [1, -1, 1]), faces=wall.faces[:, ::-1].copy())
    return bent(wall, radius, taper=taper)


def stonework(
    low: Vec3, high: Vec3, material: Material, rng: np.random.Generator, *, row: float = 0.3, block: float = 0.5
) -> Shape:
    """An upright block of masonry with stones on its four sides and a flat top."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    w, d = x1 - x0, y1 - y0
    sides = []
    for length, x, y, yaw in ((w, 0, -d / 2, 0), (d, w / 2, 0, 1), (w, 0, d / 2, 2), (d, -w / 2, 0, 3)):
        pieces = courses(length, even(0.0, z1 - z0, row), block=block, rng=rng)
        sides.append(pillows(pieces, material, rng, relief=0.03).at(x, y, yaw=yaw * math.pi / 2))
    lid = mesh(
        np.array([[x, y, z1 - z0] for x, y in ((-w / 2, -d / 2), (w / 2, -d / 2), (w / 2, d / 2), (-w / 2, d / 2))]),
        np.array([[0, 1, 2], [0, 2, 3]]),
        material,
    )
    return join([*sides, lid]).at((x0 + x1) / 2, (y0 + y1) / 2, z0)


def logs(
    starts: Array, ends: Array, radius: float, material: Material, cut: Material, rng: np.random.Generator
) -> Shape:
    """Straight round logs, open at their hidden start, with a pale cut at the end."""
    along = (ends - starts) / np.linalg.norm(ends - starts, axis=1, keepdims=True)
    side = np.cross(along, [0.0, 0.0, 1.0])
    angle = np.linspace(0, 2 * np.pi, 7, endpoint=False)
    ring = radius * (np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * np.array([0, 0, 1.0]))
    n = len(starts)
    vertices = np.concatenate([starts[:, None] + ring, ends[:, None] + ring, ends[:, None]], 1).reshape(-1, 3)
    k = np.arange(7)
    after = (k + 1) % 7
    bark = np.concatenate([np.column_stack([k, after + 7, after]), np.column_stack([k, k + 7, after + 7])])
    sawn = np.column_stack([after + 7, k + 7, np.full(7, 14)])
    offset = 15 * np.arange(n)[:, None, None]
    outside = mesh(vertices, (bark + offset).reshape(-1, 3), material)
    outside = replace(outside, grain=np.repeat(along, 14, 0).astype(np.float32))
    return join(
        [mottle(outside, np.repeat(np.arange(n), 14), rng), mesh(vertices, (sawn + offset).reshape(-1, 3), cut)]
    )


def sheet(points: Array, thickness: float, material: Material) -> Shape:
    """A closed skin of `thickness` below a grid of points [a, b, 3]: cloth, sails, hulls.

    The outside is where the first axis turns to the second counter-clockwise.
    """
    a, b = points.shape[:2]
    normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9)
    i = np.arange(a * b).reshape(a, b)
    p, q, r, s = i[:-1, :-1].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel(), i[:-1, 1:].ravel()
    outer = np.concatenate([np.column_stack([p, q, r]), np.column_stack([p, r, s])])
    border = np.concatenate([i[:, 0], i[-1, 1:], i[-2::-1, -1], i[0, -2:0:-1]])
    after = np.roll(border, -1)
    rim = np.concatenate(
        [np.column_stack([after, border, border + a * b]), np.column_stack([after, border + a * b, after + a * b])]
    )
    vertices = np.concatenate([points.reshape(-1, 3), (points - thickness * normal).reshape(-1, 3)])
    return mesh(vertices, np.concatenate([outer, outer[:, ::-1] + a * b, rim]), material)


def around(shape: Shape, count: int, *, start: float = 0.0) -> Shape:
    """`count` copies turned evenly about the z axis."""
    return join([shape.at(0, 0, yaw=start + 2 * math.pi * k / count) for k in range(count)])


def prism(outline: Sequence[tuple[float, float]], low: float, high: float, material: Material) -> Shape:
    """A closed solid: a convex outline in x and z, counter-clockwise seen from -Y, swept along y."""
    p = np.array(outline)
    n = len(p)
    front = np.column_stack([p[:, 0], np.full(n, low), p[:, 1]])
    back = np.column_stack([p[:, 0], np.full(n, high), p[:, 1]])
    fan = [(0, i, i + 1) for i in range(1, n - 1)]
    caps = fan + [(n + c, n + b, n + a) for a, b, c in fan]
    sides = [t for i in range(n) for j in [(i + 1) % n] for t in ((i, n + i, n + j), (i, n + j, j))]
    return mesh(np.concatenate([front, back]), np.array(caps + sides), material)


def with_each(parts: Sequence[Vec3], build: Callable[[], Shape]) -> Shape:
    """One shape, built once, at many places (x, y, yaw)."""
    one = build()
    return join([one.at(x, y, yaw=yaw) for x, y, yaw in parts])


def _repeated(quads: Sequence[tuple[int, int, int, int]], count: int, stride: int) -> NDArray[np.int64]:
    one = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    return (one[None] + stride * np.arange(count)[:, None, None]).reshape(-1, 3)


def spans(left: float, right: float, cuts: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """What is left of an interval without `cuts`."""
    rest, at = [], left
    for u0, u1 in sorted(cuts):
        if u0 > at:
            rest.append((at, u0))
        at = max(at, u1)
    return [*rest, (at, right)] if right > at else rest


def _joints(left: float, right: float, block: float | None, rng: np.random.Generator | None) -> list[float]:
    if block is None or rng is None:
        return []
    n = max(round((right - left) / block + rng.uniform(-0.4, 0.4)), 1)
    return [left + (right - left) * (k + rng.uniform(-0.22, 0.22)) / n for k in range(1, n)]
