"""The surfaces of a world's things as one mesh in world coordinates."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splatworld.world import Surface, Thing, World


@dataclass(frozen=True, eq=False)
class Placed:
    """Surfaces of many things, one after the other."""

    vertices: NDArray[np.float32]
    """[v, 3] metres, world frame."""
    faces: NDArray[np.int32]
    """[f, 3]"""
    owners: NDArray[np.int32]
    """[f] thing id."""

    @property
    def surface(self) -> Surface:
        """Without the owners."""
        return Surface(self.vertices, self.faces)


def placed(world: World, wanted: Callable[[Thing], bool]) -> Placed:
    """The surfaces of all visible things that are `wanted`, in the order of the things."""
    return joined((thing, world.surfaces[str(thing.surface)]) for thing in shown(world) if wanted(thing))


def shown(world: World) -> list[Thing]:
    """The visible things that have a surface."""
    return [t for t in world.things if t.visible and t.surface is not None]


def joined(parts: Iterable[tuple[Thing, Surface]]) -> Placed:
    """Surfaces, each in the frame of its thing, put where the things are."""
    vertices, faces, owners, offset = [np.zeros((0, 3), np.float32)], [np.zeros((0, 3), np.int32)], [], 0
    for thing, surface in parts:
        vertices.append(thing.world_from_thing.apply(surface.vertices).astype(np.float32))
        faces.append((surface.faces + offset).astype(np.int32))
        owners.append(np.full(len(surface.faces), thing.id, np.int32))
        offset += len(surface.vertices)
    return Placed(np.concatenate(vertices), np.concatenate(faces), np.concatenate([np.zeros(0, np.int32), *owners]))


def solid(thing: Thing) -> bool:
    """Whether a thing stops light and walkers: all but sky and water."""
    return thing.kind != "sky" and "water" not in thing.tags
