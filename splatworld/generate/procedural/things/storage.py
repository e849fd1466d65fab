"""Shelves, wardrobes, cabinets and chests."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, box


def shelf(request: Request, rng: np.random.Generator) -> Shape:
    """shelf."""
    return box((1.0, 0.32, 2.0), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def wardrobe(request: Request, rng: np.random.Generator) -> Shape:
    """wardrobe."""
    return box((1.2, 0.6, 2.05), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def cabinet(request: Request, rng: np.random.Generator) -> Shape:
    """cabinet."""
    return box((1.2, 0.46, 0.9), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def chest(request: Request, rng: np.random.Generator) -> Shape:
    """chest."""
    return box((0.9, 0.5, 0.55), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


CLASSES = (
    ThingClass("shelf", ("shelf", "bookshelf", "bookcase", "shelving", "rack"), shelf, 0.53, 2.0, stands="wall", kinds=("furniture",)),
    ThingClass("wardrobe", ("wardrobe", "cupboard", "closet", "armoire"), wardrobe, 0.68, 2.05, stands="wall", kinds=("furniture",)),
    ThingClass("cabinet", ("cabinet", "dresser", "chest of drawers", "sideboard", "drawers", "commode"), cabinet, 0.65, 0.9, stands="wall", kinds=("furniture",)),
    ThingClass("chest", ("chest", "trunk", "coffer", "treasure chest"), chest, 0.52, 0.55, stands="wall", kinds=("furniture",)),
)
