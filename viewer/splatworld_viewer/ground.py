"""Where a walker's feet can be: two height levels on a grid, for the browser and for the server."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splatworld.geometry import Vec3
from splatworld.world import Thing, World

GROUND = frozenset({"ground", "terrain", "floor"})
DECK = frozenset({"bridge", "dock", "pier", "jetty", "deck", "porch", "path", "road", "stairs", "platform", "rug"})
"""Walked on above ground or water."""
WATER = frozenset({"water", "lake", "pond", "river", "stream", "sea"})

CELLS_MAX = 400
REACH_METRES = 100.0
WADE_METRES = 0.3
STEP_UP_METRES = 0.5
STEP_DOWN_METRES = 1.2
NOWHERE = -32768


@dataclass(frozen=True)
class Ground:
    """Heights on a square grid; row iy, column ix lies at (x0 + ix * cell, y0 + iy * cell)."""

    x0: float
    y0: float
    z0: float
    cell: float
    levels: NDArray[np.int16]
    """[2, ny, nx] centimetres above z0, ground and deck; `NOWHERE` where there is none."""

    def height(self, x: float, y: float, feet: float) -> float | None:
        """Where the feet come to stand at (x, y), coming from height `feet`; None if one cannot go there."""
        ix, iy = round((x - self.x0) / self.cell), round((y - self.y0) / self.cell)
        _, ny, nx = self.levels.shape
        if not (0 <= ix < nx and 0 <= iy < ny):
            return None
        heights = [self.z0 + v / 100 for v in self.levels[:, iy, ix].tolist() if v != NOWHERE]
        reachable = [h for h in heights if h <= feet + STEP_UP_METRES]
        return max(reachable) if reachable and max(reachable) >= feet - STEP_DOWN_METRES else None

    def encode(self) -> bytes:
        """For the browser: x0 y0 z0 cell as float32, nx ny as uint32, then the levels as int16; little-endian."""
        _, ny, nx = self.levels.shape
        header = struct.pack("<4f2I", self.x0, self.y0, self.z0, self.cell, nx, ny)
        return header + self.levels.astype("<i2").tobytes()


def ground(world: World) -> Ground | None:
    """The walkable surfaces around the start, or None for a world without any."""
    meshes = {name: _mesh(world, kinds) for name, kinds in (("ground", GROUND), ("deck", DECK), ("water", WATER))}
    if meshes["ground"] is None and meshes["deck"] is None:
        return None
    x, y = _grid(world.start.eye, [m[0] for m in meshes.values() if m is not None])
    # Indoors the ceiling is above, and belongs to no floor.
    above = world.start.eye[2] if world.environment.indoors else np.inf
    top, deck, water = (_heights(meshes[k], x, y, above) for k in ("ground", "deck", "water"))
    with np.errstate(invalid="ignore"):
        top[water > top + WADE_METRES] = np.nan
        deck[water > deck] = np.nan
    z0 = float(world.start.eye[2])
    levels = np.stack([_centimetres(top - z0), _centimetres(deck - z0)])
    return Ground(float(x[0]), float(y[0]), z0, float(x[-1] - x[0]) / (len(x) - 1), levels)


def _mesh(world: World, kinds: frozenset[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]] | None:
    vertices, faces, count = [], [], 0
    for thing in world.things:
        surface = world.surfaces.get(thing.surface or "")
        if surface is None or not thing.visible or not _is(thing, kinds):
            continue
        vertices.append(thing.world_from_thing.apply(surface.vertices))
        faces.append(surface.faces + count)
        count += len(surface.vertices)
    return (np.concatenate(vertices), np.concatenate(faces)) if vertices else None


def _is(thing: Thing, kinds: frozenset[str]) -> bool:
    return thing.kind in kinds or not kinds.isdisjoint(thing.tags)


def _grid(eye: Vec3, clouds: Iterable[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    points = np.concatenate([c[:, :2] for c in clouds])
    centre = np.asarray(eye[:2])
    low = np.maximum(points.min(0), centre - REACH_METRES)
    size = float((np.minimum(points.max(0), centre + REACH_METRES) - low).max())
    steps = np.linspace(0, max(size, 1.0), CELLS_MAX, dtype=np.float32)
    return low[0].astype(np.float32) + steps, low[1].astype(np.float32) + steps


def _heights(
    mesh: tuple[NDArray[np.float32], NDArray[np.int32]] | None,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    above: float,
) -> NDArray[np.float32]:
    """Highest point of the mesh over each grid point [ny, nx] and below `above`; NaN where there is none."""
    if mesh is None:
        return np.full((len(y), len(x)), np.nan, np.float32)
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(np.ascontiguousarray(mesh[0], np.float32), np.ascontiguousarray(mesh[1], np.uint32))
    above = min(above, float(mesh[0][:, 2].max()) + 1.0)
    rays = np.zeros((len(y), len(x), 6), np.float32)
    rays[..., 0], rays[..., 1] = np.meshgrid(x, y)
    rays[..., 2], rays[..., 5] = above, -1.0
    distance = scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy()
    return np.where(np.isfinite(distance), above - distance, np.nan).astype(np.float32)


def _centimetres(heights: NDArray[np.float32]) -> NDArray[np.int16]:
    whole = np.clip(np.round(np.nan_to_num(heights) * 100), -32000, 32000)
    return np.where(np.isfinite(heights), whole, NOWHERE).astype(np.int16)
