"""Chairs, armchairs and sofas."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, box


def chair(request: Request, rng: np.random.Generator) -> Shape:
    """chair."""
    return box((0.46, 0.5, 0.92), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def armchair(request: Request, rng: np.random.Generator) -> Shape:
    """armchair."""
    return box((0.86, 0.86, 0.92), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def sofa(request: Request, rng: np.random.Generator) -> Shape:
    """sofa."""
    return box((2.0, 0.92, 0.86), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


CLASSES = (
    ThingClass("chair", ("chair", "stool", "dining chair", "kitchen chair", "wooden chair", "seat"), chair, 0.34, 0.92, stands="floor", kinds=("furniture",)),
    ThingClass("armchair", ("armchair", "arm chair", "easy chair", "recliner", "throne"), armchair, 0.61, 0.92, stands="floor", kinds=("furniture", "seat")),
    ThingClass("sofa", ("sofa", "couch", "settee", "loveseat", "divan"), sofa, 1.11, 0.86, stands="wall", kinds=("furniture", "seat")),
)
