"""Conifers: pine and cypress."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, lathe
from splatworld.generate.procedural.snow import snowed


def pine(request: Request, rng: np.random.Generator) -> Shape:
    needles = Material("needles", request.colour or (0.03, 0.06, 0.03), "leaf")
    h = 11 * request.size * request.tall * rng.uniform(0.9, 1.1)
    return snowed(lathe([(0.2, 0), (0.2, 0.1 * h), (0.2 * h, 0.1 * h), (0, h)], needles), request.snow)


cypress = pine

CLASSES = (
    ThingClass(
        "pine",
        ("pine", "pine tree", "fir", "fir tree", "spruce", "spruce tree", "conifer", "evergreen", "larch", "cedar", "redwood",
         "sequoia", "hemlock", "yew", "christmas tree"),
        pine, footprint=1.6, height=11.0, kinds=("tree", "plant"), variants=5, colour="green", material="needles",
    ),
    ThingClass(
        "cypress",
        ("cypress", "cypress tree", "juniper", "thuja"),
        cypress, footprint=0.9, height=9.0, kinds=("tree", "plant"), variants=3, colour="green", material="needles",
    ),
)  # fmt: skip
