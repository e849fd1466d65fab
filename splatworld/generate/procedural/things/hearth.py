"""Fireplace, stove and sink."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, box


def fireplace(request: Request, rng: np.random.Generator) -> Shape:
    """fireplace."""
    return box((1.6, 0.55, 2.5), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def stove(request: Request, rng: np.random.Generator) -> Shape:
    """stove."""
    return box((0.7, 0.6, 2.2), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def sink(request: Request, rng: np.random.Generator) -> Shape:
    """sink."""
    return box((0.8, 0.55, 1.15), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


CLASSES = (
    ThingClass("fireplace", ("fireplace", "hearth", "chimney", "mantelpiece", "open fire"), fireplace, 0.85, 2.5, stands="wall", kinds=("furniture", "fire")),
    ThingClass("stove", ("stove", "oven", "cooker", "wood stove", "range"), stove, 0.47, 2.2, stands="wall", kinds=("furniture", "fire")),
    ThingClass("sink", ("sink", "washbasin", "basin", "kitchen sink"), sink, 0.49, 1.15, stands="wall", kinds=("furniture",)),
)
