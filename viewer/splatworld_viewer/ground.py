"""Where a walker's feet can be: two height levels on a grid, for the browser and for the server."""

import struct
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from splatworld.geometry import Vec3
from splatworld.mesh import RayScene
from splatworld.world import Thing, World

GROUND = frozenset({"ground", "terrain", "floor"})
DECK = frozenset({"bridge", "dock", "pier", "jetty", "deck", "porch", "path", "road", "stairs", "platform", "rug"})
"""Walked on above ground or water."""
WATER = frozenset({"water", "lake", "pond", "river", "stream", "sea"})

CELLS_MAX = 400
REACH_METRES = 100.0
SKY_METRES = 2000.0
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

    def below(self, x: float, y: float, feet: float) -> float | None:
        """The highest level at (x, y) that a step up from height `feet` reaches; None where there is none."""
        ix, iy = round((x - self.x0) / self.cell), round((y - self.y0) / self.cell)
        _, ny, nx = self.levels.shape
        if not (0 <= ix < nx and 0 <= iy < ny):
            return None
        heights = [self.z0 + v / 100 for v in self.levels[:, iy, ix].tolist() if v != NOWHERE]
        return max((h for h in heights if h <= feet + STEP_UP_METRES), default=None)

    def height(self, x: float, y: float, feet: float) -> float | None:
        """Where the feet come to stand at (x, y), coming from height `feet`; None if one cannot go there."""
        height = self.below(x, y, feet)
        return height if height is not None and height >= feet - STEP_DOWN_METRES else None

    def encode(self) -> bytes:
        """For the browser: x0 y0 z0 cell as float32, nx ny as uint32, then the levels as int16; little-endian."""
        _, ny, nx = self.levels.shape
        header = struct.pack("<4f2I", self.x0, self.y0, self.z0, self.cell, nx, ny)
        return header + self.levels.astype("<i2").tobytes()


def ground(world: World) -> Ground | None:
    """The walkable surfaces around the start, or None for a world without any."""
    corners = [c for thing in _of(world, GROUND | DECK) for c in _footprint(world, thing)]
    if not corners:
        return None
    x, y = _grid(world.start.eye, np.array(corners, np.float32))
    top, deck, water = (_heights(world, kinds, x, y) for kinds in (GROUND, DECK, WATER))
    with np.errstate(invalid="ignore"):
        top[water > top + WADE_METRES] = np.nan
        deck[water > deck] = np.nan
    z0 = float(world.start.eye[2])
    levels = np.stack([_centimetres(top - z0), _centimetres(deck - z0)])
    return Ground(float(x[0]), float(y[0]), z0, float(x[-1] - x[0]) / (len(x) - 1), levels)


def _of(world: World, kinds: frozenset[str]) -> list[Thing]:
    """Visible things with a surface whose class or tags are among `kinds`."""
    return [
        thing
        for thing in world.things
        if thing.visible and thing.surface in world.surfaces and not kinds.isdisjoint((thing.kind, *thing.tags))
    ]


def _footprint(world: World, thing: Thing) -> tuple[list[float], list[float]]:
    """Smallest and largest x, y."""
    placed = thing.world_from_thing.apply(world.surfaces[str(thing.surface)].vertices)[:, :2]
    return placed.min(0).tolist(), placed.max(0).tolist()


def _grid(eye: Vec3, corners: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    centre = np.asarray(eye[:2])
    low = np.maximum(corners.min(0), centre - REACH_METRES)
    size = float((np.minimum(corners.max(0), centre + REACH_METRES) - low).max())
    steps = np.linspace(0, max(size, 1.0), CELLS_MAX, dtype=np.float32)
    return low[0].astype(np.float32) + steps, low[1].astype(np.float32) + steps


def _heights(
    world: World, kinds: frozenset[str], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Highest surface of `kinds` over each grid point [ny, nx]; NaN where there is none."""
    # Rays meet solid things only, and know water by its tag.
    things = tuple(msgspec.structs.replace(thing, tags=()) for thing in _of(world, kinds))
    scene = RayScene(replace(world, things=things))
    # Indoors the ceiling is above, and belongs to no floor.
    above = world.start.eye[2] if world.environment.indoors else SKY_METRES
    origins = np.full((len(y), len(x), 3), above, np.float32)
    origins[..., 0], origins[..., 1] = np.meshgrid(x, y)
    down = np.broadcast_to(np.array([0, 0, -1], np.float32), origins.shape)
    distance = scene.cast(origins.reshape(-1, 3), down.reshape(-1, 3))[0].reshape(len(y), len(x))
    return np.where(np.isfinite(distance), above - distance, np.nan).astype(np.float32)


def _centimetres(heights: NDArray[np.float32]) -> NDArray[np.int16]:
    whole = np.clip(np.round(np.nan_to_num(heights) * 100), -32000, 32000)
    return np.where(np.isfinite(heights), whole, NOWHERE).astype(np.int16)
