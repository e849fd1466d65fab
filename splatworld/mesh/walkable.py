"""Where a person can walk: the floors that are reached from the start, by steps and slopes, with room overhead."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splatworld.errors import UsageError
from splatworld.mesh.collider import solid_surface
from splatworld.mesh.placed import placed
from splatworld.mesh.simplify import simplified
from splatworld.progress import Progress, Stage, Step, silent
from splatworld.world import Surface, World

REACH = 64.0
"""Metres from the start to either side that are looked at."""
SIDE = 400
"""Columns along the longer side at most; they stand no closer than 0.1 m."""
LEAST_CELL = 0.1
TRIANGLES = 100_000
ABOVE = 2_000.0
"""Height from which floors are looked for."""
AHEAD = 4.0
"""Metres around the start within which its floor is looked for."""

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Walker:
    """Who is to walk."""

    radius: float = 0.3
    """Metres kept from walls."""
    height: float = 1.8
    step: float = 0.4
    """Metres that can be stepped up or down at once."""
    slope_deg: float = 45.0
    wade: float = 0.3
    """Metres of water that can be walked through."""


@dataclass(frozen=True, eq=False)
class _Floors:
    """Places to stand: one or more above each other at each point of a grid."""

    column: Ints
    """[n] iy * nx + ix."""
    points: Floats
    """[n, 3] metres."""
    shape: tuple[int, int]
    """ny, nx"""
    cell: float


def walkable(
    world: World, *, walker: Walker | None = None, triangles: int = TRIANGLES, progress: Progress = silent
) -> Surface:
    """What `walker` reaches on foot from the start view, as a mesh in world coordinates that lies on the floors.

    Floors above each other are told apart: a bridge and what is under it. Deep water stops, and so does what stops in
    `collider`; grass and bushes do not. Where the start is over no floor, the largest connected area is taken. Raises
    `UsageError` where there is nothing to stand on.
    """
    walker = walker or Walker()
    whole = solid_surface(world, progress=progress)
    progress(Stage("where one can walk", 1, 1))
    scene, water = _scene(whole), placed(world, lambda thing: "water" in thing.tags).surface
    floors = _floors(scene, whole, np.asarray(world.start.eye), walker)
    progress(Step(1, 3))
    dry = floors.points[:, 2] > _water_level(water, floors.points) - walker.wade
    floors = _Floors(floors.column[dry], floors.points[dry], floors.shape, floors.cell)
    pairs = _links(scene, floors, walker)
    progress(Step(2, 3))
    reached = _reached(floors, pairs, np.asarray(world.start.eye))
    made = _meshed(floors, pairs, reached)
    progress(Step(3, 3))
    if not len(made.faces):
        raise UsageError("there is no floor in this world that one could walk on")
    return simplified(made, triangles)


def _scene(whole: Surface) -> Any:
    import open3d

    o3d: Any = open3d  # a compiled module, whose types checkers read wrongly
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(whole.vertices), o3d.core.Tensor(whole.faces.astype(np.uint32)))
    return scene


def _rays(origins: Floats, directions: Floats) -> Any:
    import open3d

    o3d: Any = open3d
    return o3d.core.Tensor(np.concatenate([origins, directions], 1).astype(np.float32))


def _floors(scene: Any, whole: Surface, eye: Floats, walker: Walker) -> _Floors:
    """All that is level enough and has room above it for who is to walk."""
    low = np.maximum(whole.vertices[:, :2].min(0), eye[:2] - REACH)
    size = np.minimum(whole.vertices[:, :2].max(0), eye[:2] + REACH) - low
    if (size <= 0).any():  # the start is far from everything
        low, size = whole.vertices[:, :2].min(0), np.ptp(whole.vertices[:, :2], axis=0)
    cell = max(float(size.max()) / SIDE, LEAST_CELL)
    nx, ny = (int(n) for n in np.maximum(np.ceil(size / cell), 1) + 1)
    grid = np.stack(np.meshgrid(np.arange(nx), np.arange(ny)), -1).reshape(-1, 2)
    # Off the corners of a world's own grid, where rays could slip between triangles.
    xy = low + cell * (grid + 0.013)
    origins = np.column_stack([xy, np.full(len(xy), ABOVE)])
    found = scene.list_intersections(_rays(origins, np.tile([0.0, 0.0, -1.0], (len(xy), 1))))
    column, height = found["ray_ids"].numpy().astype(np.int64), ABOVE - found["t_hit"].numpy().astype(np.float64)
    face = whole.faces[found["primitive_ids"].numpy().astype(np.int64)]
    order = np.lexsort([height, column])
    column, height, face = column[order], height[order], face[order]
    a, b, c = (whole.vertices[face[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    steep = np.abs(normals[:, 2]) < np.cos(np.radians(walker.slope_deg)) * np.linalg.norm(normals, axis=1)
    # The next surface above that is no part of the same step.
    room = np.full(len(column), np.inf)
    room[:-1] = np.where(column[1:] == column[:-1], height[1:] - height[:-1], np.inf)
    stands = ~steep & (room > walker.height)
    return _Floors(column[stands], np.column_stack([xy[column[stands]], height[stands]]), (ny, nx), cell)


def _water_level(water: Surface, points: Floats) -> Floats:
    """Height [n] of the water over or under some points; far below all where there is none."""
    if not len(water.faces):
        return np.full(len(points), -np.inf)
    origins = np.column_stack([points[:, :2], np.full(len(points), ABOVE)])
    hits = _scene(water).cast_rays(_rays(origins, np.tile([0.0, 0.0, -1.0], (len(points), 1))))
    return ABOVE - hits["t_hit"].numpy().astype(np.float64)


def _links(scene: Any, floors: _Floors, walker: Walker) -> Ints:
    """Pairs [k, 2] of neighbouring floors between which one can step."""
    pairs = np.concatenate([_neighbours(floors, 1, 0), _neighbours(floors, 0, 1)])
    a, b = floors.points[pairs[:, 0]], floors.points[pairs[:, 1]]
    rise = np.abs(b[:, 2] - a[:, 2])
    slope = floors.cell * np.tan(np.radians(walker.slope_deg))
    pairs = pairs[rise <= max(walker.step, slope)]
    # Shoulders and knees: on the way, and a radius beyond it on both ends, nothing may stand.
    free = np.ones(len(pairs), bool)
    for share in (0.45, 0.9):
        a, b = (floors.points[pairs[:, i]] + [0, 0, share * walker.height] for i in range(2))
        beyond = (b - a) * [1, 1, 0] * (walker.radius / floors.cell)
        free &= ~scene.test_occlusions(_rays(a - beyond, b - a + 2 * beyond), tnear=0.0, tfar=1.0).numpy()
    return pairs[free]


def _neighbours(floors: _Floors, dx: int, dy: int) -> Ints:
    """Pairs of floors in columns that stand side by side; where there are several above each other, every two."""
    ny, nx = floors.shape
    first = np.searchsorted(floors.column, np.arange(ny * nx + 1))
    other = floors.column + dx + dy * nx
    inside = (floors.column % nx + dx < nx) & (other < ny * nx)
    count = np.where(inside, first[np.minimum(other, ny * nx - 1) + 1] - first[np.minimum(other, ny * nx - 1)], 0)
    a = np.repeat(np.arange(len(other)), count)
    rank = np.arange(len(a)) - np.repeat(np.cumsum(count) - count, count)
    return np.stack([a, first[other[a]] + rank], 1)


def _reached(floors: _Floors, pairs: Ints, eye: Floats) -> NDArray[np.bool_]:
    """Which floors [n] hang together with the one under the start; without any there, with most others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(floors.column)
    if not n:
        return np.zeros(0, bool)
    links = coo_array((np.ones(len(pairs), np.int8), pairs.T), (n, n))
    part = connected_components(links, directed=False)[1]
    sizes = np.bincount(part)
    away = np.linalg.norm(floors.points[:, :2] - eye[:2], axis=1)
    near = (away < AHEAD) & (floors.points[:, 2] < eye[2]) & (sizes[part] > 8)
    if not near.any():
        return part == sizes.argmax()
    # Under the eye, and not the cellar below it.
    return part == part[np.where(near, away + 2 * (eye[2] - floors.points[:, 2]), np.inf).argmin()]


def _meshed(floors: _Floors, pairs: Ints, reached: NDArray[np.bool_]) -> Surface:
    """Two triangles for each square of four floors that one can step around."""
    pairs = pairs[reached[pairs[:, 0]]]
    right, up = np.full(len(reached), -1), np.full(len(reached), -1)
    east = floors.column[pairs[:, 1]] - floors.column[pairs[:, 0]] == 1
    right[pairs[east, 0]], up[pairs[~east, 0]] = pairs[east, 1], pairs[~east, 1]
    a = np.flatnonzero((right >= 0) & (up >= 0))
    b, d = right[a], up[a]
    c = up[b]
    square = (c >= 0) & (c == right[d])
    a, b, c, d = a[square], b[square], c[square], d[square]
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    used, rows = np.unique(faces, return_inverse=True)
    return Surface(floors.points[used].astype(np.float32), rows.reshape(-1, 3).astype(np.int32))
