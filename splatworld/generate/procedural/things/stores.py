"""Goods and tools that lie about a yard: barrel, crate, cart, hay."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, box
from splatworld.palette import linear


def _block(request: Request, rng: np.random.Generator) -> Shape:
    row = next(r for r in CLASSES if r.name == request.thing)
    side = row.footprint * request.size * 1.2
    material = Material(row.material, request.colour or linear(row.colour))
    return box((side, side, row.height * request.size * request.tall), material, bottom=True)


CLASSES = (
    ThingClass(
        "barrel",
        ("barrel", "cask", "keg", "rain barrel", "tun", "wooden barrel"),
        _block,
        0.42,
        0.95,
        kinds=("object", "container"),
        variants=4,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "crate",
        ("crate", "box", "wooden box", "chest", "case", "wooden crate", "treasure chest"),
        _block,
        0.5,
        0.7,
        kinds=("object", "container"),
        variants=4,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "bucket",
        ("bucket", "pail", "tub", "water bucket", "wooden bucket"),
        _block,
        0.22,
        0.45,
        kinds=("object", "container"),
        variants=2,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "cart",
        ("cart", "wagon", "handcart", "hay cart", "hay wagon", "waggon", "carriage", "barrow", "trolley"),
        _block,
        2.1,
        1.6,
        kinds=("object", "vehicle"),
        variants=2,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "haystack",
        (
            "haystack",
            "hay",
            "haycock",
            "hay stack",
            "hay bale",
            "straw bale",
            "rick",
            "stack of hay",
            "pile of hay",
            "bale",
        ),
        _block,
        1.4,
        2.0,
        kinds=("object",),
        variants=3,
        colour="gold",
        material="hay",
        paintable=False,
    ),
    ThingClass(
        "logpile",
        (
            "logpile",
            "log pile",
            "woodpile",
            "wood pile",
            "firewood",
            "stack of wood",
            "pile of logs",
            "stacked logs",
            "pile of wood",
            "stack of logs",
        ),
        _block,
        1.3,
        1.2,
        kinds=("object",),
        variants=3,
        colour="brown",
        material="wood",
        paintable=False,
    ),
)
