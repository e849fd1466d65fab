"""Trees with leaves: broadleaf, birch, willow, palm, and the dead tree."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, lathe
from splatworld.generate.procedural.snow import snowed


def broadleaf(request: Request, rng: np.random.Generator) -> Shape:
    leaves = Material("leaf", request.colour or (0.06, 0.11, 0.03), "leaf")
    h = 9 * request.size * request.tall * rng.uniform(0.9, 1.1)
    return snowed(lathe([(0.3, 0), (0.2, 0.3 * h), (0.3 * h, 0.6 * h), (0, h)], leaves), request.snow)


birch = willow = palm = dead_tree = broadleaf

TREE = ("tree", "plant")
CLASSES = (
    ThingClass(
        "broadleaf",
        ("broadleaf", "tree", "oak", "oak tree", "maple", "maple tree", "beech", "linden", "lime tree", "elm", "ash tree",
         "chestnut", "chestnut tree", "walnut tree", "apple tree", "cherry tree", "pear tree", "plum tree", "orange tree",
         "lemon tree", "fruit tree", "olive tree", "hornbeam", "sycamore", "deciduous tree", "broadleaf tree",
         "broadleaved tree", "leafy tree", "shade tree"),
        broadleaf, footprint=1.5, height=9.0, kinds=TREE, variants=5, colour="green", material="leaf",
    ),
    ThingClass(
        "birch",
        ("birch", "birch tree", "silver birch", "white birch", "aspen", "aspen tree", "poplar", "poplar tree", "alder"),
        birch, footprint=1.1, height=10.0, kinds=TREE, variants=5, colour="green", material="leaf",
    ),
    ThingClass(
        "willow",
        ("willow", "willow tree", "weeping willow", "weeping tree"),
        willow, footprint=2.0, height=8.0, kinds=TREE, variants=3, colour="green", material="leaf",
    ),
    ThingClass(
        "palm",
        ("palm", "palm tree", "coconut palm", "coconut tree", "date palm"),
        palm, footprint=0.8, height=8.0, kinds=TREE, variants=4, colour="green", material="leaf",
    ),
    ThingClass(
        "dead_tree",
        ("dead tree", "bare tree", "withered tree", "leafless tree", "burnt tree", "snag", "gnarled tree"),
        dead_tree, footprint=1.0, height=7.0, kinds=TREE, variants=4, colour="grey", material="wood",
    ),
)  # fmt: skip
