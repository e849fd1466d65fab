"""Joinery and upholstery: the materials and strokes that furniture is built with.

All strokes make closed solids, so that furniture has a back and an underside.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.catalogue import Builder, Request
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, box, lathe, mesh
from splatworld.geometry import Vec3
from splatworld.palette import Rgb
from splatworld.world import PointLight

OAK: Rgb = (0.30, 0.165, 0.075)
WALNUT: Rgb = (0.135, 0.066, 0.032)
PINE: Rgb = (0.42, 0.26, 0.12)
BRASS = Material("brass", (0.48, 0.31, 0.10), contrast=0.12, gloss=0.5)
IRON = Material("iron", (0.035, 0.034, 0.036), scale=0.2, contrast=0.25, gloss=0.3)
LINEN = Material("linen", (0.74, 0.70, 0.62), scale=0.25, contrast=0.08, translucency=0.05)
PORCELAIN = Material("porcelain", (0.78, 0.77, 0.73), contrast=0.04, gloss=0.5)

_WOOD = Material("wood", OAK, scale=0.22, contrast=0.22, second=(0.24, 0.13, 0.06), stretch=2.5, gloss=0.12)
_FINISHES: dict[str, Material] = {
    "wood": _WOOD,
    "bamboo": Material("bamboo", (0.46, 0.31, 0.13), scale=0.1, contrast=0.2, stretch=2.5),
    "wicker": Material("wicker", (0.40, 0.25, 0.11), scale=0.04, contrast=0.45),
    "stone": Material("stone", (0.36, 0.34, 0.30), scale=0.5, contrast=0.25, second=(0.24, 0.23, 0.2)),
    "marble": Material("marble", (0.68, 0.66, 0.62), scale=0.6, contrast=0.12, second=(0.4, 0.4, 0.42), gloss=0.4),
    "brick": Material("brick", (0.30, 0.11, 0.07), "bricks", 0.21, 0.3, (0.42, 0.38, 0.33)),
    "metal": Material("metal", (0.22, 0.225, 0.235), scale=0.3, contrast=0.12, gloss=0.5),
    "iron": IRON,
    "brass": BRASS,
    "gold": Material("gold", (0.62, 0.40, 0.10), contrast=0.1, gloss=0.6),
    "glass": Material("glass", (0.50, 0.62, 0.62), contrast=0.05, gloss=0.8),
    "leather": Material("leather", (0.17, 0.07, 0.03), scale=0.15, contrast=0.25, gloss=0.25),
    "velvet": Material("velvet", (0.24, 0.05, 0.07), scale=0.4, contrast=0.22),
    "cloth": Material("cloth", (0.30, 0.33, 0.34), scale=0.18, contrast=0.14),
    "clay": Material("clay", (0.38, 0.155, 0.08), scale=0.2, contrast=0.2, second=(0.42, 0.24, 0.16)),
    "porcelain": PORCELAIN,
}


def finish(request: Request, usual: str, natural: Rgb | None = None) -> Material:
    """The material of a thing's main part: the asked one or the `usual`, in the asked colour or its `natural` one."""
    word = request.material if request.material in _FINISHES else usual
    material = _FINISHES[word]
    if request.colour is not None:
        darker = _times(request.colour, 0.85)
        return replace(material, colour=request.colour, second=darker if material.second else None)
    if natural is None or word != usual:
        return material
    return wood(natural) if usual == "wood" else replace(material, colour=natural)


def wood(colour: Rgb) -> Material:
    """Varnished wood of a colour, with its own darker grain."""
    return replace(_WOOD, colour=colour, second=_times(colour, 0.8))


def toned(material: Material, factor: float) -> Material:
    """A lighter or darker piece of the same material: the next board, the shaded panel."""
    second = None if material.second is None else _times(material.second, factor)
    return replace(material, colour=_times(material.colour, factor), second=second)


def board_tones(material: Material, count: int, rng: np.random.Generator) -> list[Material]:
    """`count` boards from different trees."""
    return [toned(material, round(float(f), 2)) for f in rng.uniform(0.82, 1.18, count)]


def sized(build: Builder) -> Builder:
    """A builder of usual measures made to heed `size` and `tall`."""

    @functools.wraps(build)
    def scaled(request: Request, rng: np.random.Generator) -> Shape:
        shape = build(request, rng).at(0, 0, scale=request.size)
        return stretched(shape, (1.0, 1.0, request.tall)) if request.tall != 1.0 else shape

    return scaled


def stretched(shape: Shape, factors: Vec3) -> Shape:
    """Scaled by axis; lights move along."""

    def moved(light: PointLight) -> PointLight:
        x, y, z = (p * f for p, f in zip(light.position, factors, strict=True))
        return PointLight((x, y, z), light.colour, light.power)

    lights = tuple(moved(light) for light in shape.lights)
    return replace(shape.mapped(lambda v: v * np.asarray(factors, np.float32)), lights=lights)


def hull(points: NDArray[np.floating] | Sequence[Vec3], material: Material) -> Shape:
    """The convex solid around `points` [n, 3]."""
    from scipy.spatial import ConvexHull

    points = np.asarray(points, np.float64)
    found = ConvexHull(points)
    tri = found.simplices
    a, b, c = (points[tri[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), found.equations[:, :3]) < 0
    tri[inward] = tri[inward][:, ::-1]
    used, faces = np.unique(tri, return_inverse=True)
    return mesh(points[used], faces.reshape(-1, 3), material)


def board(size: Vec3, material: Material, centre: Vec3, *, bevel: float = 0.0) -> Shape:
    """A plank or block with grain along its longest side and, if asked, bevelled edges."""
    solid = _bevelled(size, material, centre, bevel) if bevel else box(size, material, centre=centre)
    axis = [0.0, 0.0, 0.0]
    axis[int(np.argmax(size))] = 1.0
    return solid.with_grain((axis[0], axis[1], axis[2]))


def post(foot: Vec3, head: Vec3, thick_foot: float, thick_head: float, material: Material) -> Shape:
    """A square bar from `foot` to `head`, tapering, cut square to the nearest axis: legs, rails, spindles."""
    along = np.asarray(head) - np.asarray(foot)
    square = np.insert(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2, int(np.argmax(np.abs(along))), 0.0, axis=1)
    ends = np.concatenate([np.asarray(foot) + thick_foot * square, np.asarray(head) + thick_head * square])
    return hull(ends, material).with_grain((float(along[0]), float(along[1]), float(along[2])))


def turned(profile: Sequence[tuple[float, float]], material: Material, *, sides: int = 12) -> Shape:
    """A lathe-turned solid with closed ends; `profile` of (radius, z) runs up the outside (and down inside a bowl)."""
    closed = [(0.0, profile[0][1]), *profile, (0.0, profile[-1][1])]
    solid = lathe(closed, material, sides=sides)
    return solid.only(solid.areas > 1e-10)


def cushion(
    size: Vec3, material: Material, centre: Vec3, *, puff: float = 0.12, cells: int = 4, power: float = 5.0
) -> Shape:
    """A stuffed block: rounded edges, corners drawn in, top and bottom swelling by `puff` of the height."""
    cube = _grid_cube(cells)
    p = cube.vertices / np.sum(np.abs(cube.vertices) ** power, axis=1, keepdims=True) ** (1 / power)
    swell = (1 - p[:, 0] ** 2) * (1 - p[:, 1] ** 2)
    p = np.column_stack([p[:, :2], p[:, 2] * (1 - puff + puff * swell)])
    return mesh(p * np.asarray(size) / 2 + np.asarray(centre), cube.faces, material)


def thick_sheet(front: NDArray[np.floating], depth: Vec3, material: Material) -> Shape:
    """Cloth over the grid `front` [r, c, 3], whose back lies `depth` behind; counter-clockwise rows and columns."""
    r, c = front.shape[:2]
    back = front + np.asarray(depth)
    i = np.arange(r * c).reshape(r, c)
    a, b, d, e = (q.ravel() for q in (i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]))
    face = np.concatenate([np.column_stack([a, b, d]), np.column_stack([a, d, e])])
    rim = np.concatenate([i[0, :-1], i[:-1, -1], i[-1, :0:-1], i[:0:-1, 0]])
    following = np.roll(rim, -1)
    n = r * c
    sides = np.concatenate(
        [np.column_stack([following, rim, rim + n]), np.column_stack([following, rim + n, following + n])]
    )
    return mesh(
        np.concatenate([front.reshape(-1, 3), back.reshape(-1, 3)]),
        np.concatenate([face, face[:, ::-1] + n, sides]),
        material,
    )


def four(make: Callable[[float, float], Shape], x: float, y: float) -> list[Shape]:
    """One piece at each corner (±x, ±y): legs and posts."""
    return [make(sx * x, sy * y) for sx in (-1, 1) for sy in (-1, 1)]


@functools.cache
def _grid_cube(cells: int) -> Shape:
    """The cube [-1, 1]^3 with `cells` squares along each edge."""
    t = np.tan(np.linspace(-1, 1, cells + 1) * 0.9) / np.tan(0.9)
    u, v = np.meshgrid(t, t)
    top = np.column_stack([u.ravel(), v.ravel(), np.ones(u.size)])
    i = np.arange(u.size).reshape(cells + 1, cells + 1)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, 1:].ravel(), i[1:, :-1].ravel()
    face = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    turns = [np.roll(top, k, 1) * s for k in range(3) for s in (1, -1)]
    faces = [(face if s > 0 else face[:, ::-1]) + n * u.size for n, s in enumerate([1, -1] * 3)]
    return mesh(np.concatenate(turns), np.concatenate(faces), LINEN)


def _bevelled(size: Vec3, material: Material, centre: Vec3, bevel: float) -> Shape:
    half = np.asarray(size) / 2
    bevel = min(bevel, 0.45 * float(min(size)))
    signs = np.array([[sx, sy, sz] for sx in (-1, 1) for sy in (-1, 1) for sz in (-1, 1)])
    corners = [signs * (half - bevel * (np.arange(3) != axis)) for axis in range(3)]
    return hull(np.concatenate(corners) + np.asarray(centre), material)


def _times(colour: Rgb, factor: float) -> Rgb:
    return min(colour[0] * factor, 0.9), min(colour[1] * factor, 0.9), min(colour[2] * factor, 0.9)
