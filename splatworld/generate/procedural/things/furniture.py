"""Tables, beds and a piano."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, box


def table(request: Request, rng: np.random.Generator) -> Shape:
    """table."""
    return box((1.5, 0.85, 0.75), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def coffee_table(request: Request, rng: np.random.Generator) -> Shape:
    """coffee_table."""
    return box((1.1, 0.6, 0.42), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def desk(request: Request, rng: np.random.Generator) -> Shape:
    """desk."""
    return box((1.3, 0.65, 0.75), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def nightstand(request: Request, rng: np.random.Generator) -> Shape:
    """nightstand."""
    return box((0.45, 0.4, 0.55), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def bed(request: Request, rng: np.random.Generator) -> Shape:
    """bed."""
    return box((1.6, 2.1, 1.05), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def crib(request: Request, rng: np.random.Generator) -> Shape:
    """crib."""
    return box((0.72, 1.26, 0.95), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


def piano(request: Request, rng: np.random.Generator) -> Shape:
    """piano."""
    return box((1.5, 0.65, 1.25), Material("wood", (0.2, 0.1, 0.05)), bottom=True)


CLASSES = (
    ThingClass("table", ("table", "dining table", "kitchen table", "worktop"), table, 0.87, 0.75, stands="floor", kinds=("furniture",)),
    ThingClass("coffee_table", ("coffee table", "side table", "tea table", "low table"), coffee_table, 0.63, 0.42, stands="floor", kinds=("furniture",)),
    ThingClass("desk", ("desk", "writing desk", "bureau", "writing table"), desk, 0.73, 0.75, stands="wall", kinds=("furniture",)),
    ThingClass("nightstand", ("nightstand", "night stand", "bedside table", "night table"), nightstand, 0.31, 0.55, stands="wall", kinds=("furniture",)),
    ThingClass("bed", ("bed", "double bed", "single bed", "bedstead", "bunk", "cot"), bed, 1.33, 1.05, stands="wall", kinds=("furniture",)),
    ThingClass("crib", ("crib", "cradle"), crib, 0.73, 0.95, stands="wall", kinds=("furniture",)),
    ThingClass("piano", ("piano", "pianoforte", "upright piano", "keyboard"), piano, 0.82, 1.25, stands="wall", kinds=("furniture",)),
)
