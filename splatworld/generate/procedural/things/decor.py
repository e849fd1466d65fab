"""Rugs, plants, lamps and small things for walls and tables."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, box


def rug(request: Request, rng: np.random.Generator) -> Shape:
    """rug."""
    return box((2.2, 1.5, 0.02), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def curtain(request: Request, rng: np.random.Generator) -> Shape:
    """curtain."""
    return box((0.5, 0.14, 2.15), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def picture(request: Request, rng: np.random.Generator) -> Shape:
    """picture."""
    return box((0.8, 0.05, 0.62), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def mirror(request: Request, rng: np.random.Generator) -> Shape:
    """mirror."""
    return box((0.6, 0.05, 0.9), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def clock(request: Request, rng: np.random.Generator) -> Shape:
    """clock."""
    return box((0.36, 0.07, 0.36), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def plant_pot(request: Request, rng: np.random.Generator) -> Shape:
    """plant_pot."""
    return box((0.7, 0.7, 1.0), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def vase(request: Request, rng: np.random.Generator) -> Shape:
    """vase."""
    return box((0.26, 0.26, 0.5), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def floor_lamp(request: Request, rng: np.random.Generator) -> Shape:
    """floor_lamp."""
    return box((0.44, 0.44, 1.6), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def table_lamp(request: Request, rng: np.random.Generator) -> Shape:
    """table_lamp."""
    return box((0.3, 0.3, 0.48), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def candle(request: Request, rng: np.random.Generator) -> Shape:
    """candle."""
    return box((0.12, 0.12, 0.26), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def book(request: Request, rng: np.random.Generator) -> Shape:
    """book."""
    return box((0.24, 0.18, 0.05), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def cup(request: Request, rng: np.random.Generator) -> Shape:
    """cup."""
    return box((0.13, 0.1, 0.09), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def bowl(request: Request, rng: np.random.Generator) -> Shape:
    """bowl."""
    return box((0.3, 0.3, 0.14), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


CLASSES = (
    ThingClass("rug", ("rug", "carpet", "mat"), rug, 1.34, 0.02, stands="floor", kinds=("furniture",)),
    ThingClass("curtain", ("curtain", "drape"), curtain, 0.26, 2.15, stands="wall", kinds=("cloth",)),
    ThingClass("picture", ("picture", "painting", "portrait", "poster", "framed picture", "artwork"), picture, 0.41, 0.62, stands="wall", kinds=("ornament",)),
    ThingClass("mirror", ("mirror", "looking glass"), mirror, 0.31, 0.9, stands="wall", kinds=("ornament",)),
    ThingClass("clock", ("clock", "wall clock"), clock, 0.19, 0.36, stands="wall", kinds=("ornament",)),
    ThingClass("plant_pot", ("plant pot", "potted plant", "houseplant", "house plant", "flowerpot", "flower pot", "pot plant"), plant_pot, 0.36, 1.0, stands="floor", kinds=("plant", "ornament")),
    ThingClass("vase", ("vase", "urn", "jug", "pitcher"), vase, 0.14, 0.5, stands="floor", kinds=("ornament",)),
    ThingClass("floor_lamp", ("floor lamp", "standing lamp", "reading lamp"), floor_lamp, 0.23, 1.6, stands="floor", kinds=("lamp", "light", "furniture")),
    ThingClass("table_lamp", ("table lamp", "desk lamp", "bedside lamp", "night lamp"), table_lamp, 0.16, 0.48, stands="floor", kinds=("lamp", "light", "ornament")),
    ThingClass("candle", ("candle", "candlestick", "taper"), candle, 0.07, 0.26, stands="floor", kinds=("light", "ornament")),
    ThingClass("book", ("book", "novel", "tome"), book, 0.15, 0.05, stands="floor", kinds=("ornament",)),
    ThingClass("cup", ("cup", "mug", "teacup", "goblet"), cup, 0.09, 0.09, stands="floor", kinds=("ornament",)),
    ThingClass("bowl", ("bowl", "fruit bowl", "dish"), bowl, 0.16, 0.14, stands="floor", kinds=("ornament",)),
)
