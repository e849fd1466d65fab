"""Houses to live in: cabin, house, barn, tent."""

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
        "cabin",
        (
            "cabin",
            "hut",
            "log cabin",
            "log house",
            "shack",
            "chalet",
            "lodge",
            "cottage in the woods",
            "hunting lodge",
            "blockhouse",
            "summer house",
        ),
        _block,
        5.2,
        4.6,
        kinds=("building", "structure"),
        variants=0,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "house",
        (
            "house",
            "cottage",
            "farmhouse",
            "home",
            "villa",
            "inn",
            "tavern",
            "dwelling",
            "mill",
            "school",
            "shop",
            "bungalow",
            "manor",
        ),
        _block,
        6.6,
        7.0,
        kinds=("building", "structure"),
        variants=0,
        colour="white",
        material="plaster",
    ),
    ThingClass(
        "barn",
        ("barn", "stable", "shed", "farm building", "granary", "farm", "hayloft"),
        _block,
        7.6,
        6.8,
        kinds=("building", "structure"),
        variants=0,
        colour="red",
        material="wood",
    ),
    ThingClass(
        "tent",
        ("tent", "canvas tent", "marquee", "camp tent", "pavilion tent"),
        _block,
        2.2,
        1.9,
        kinds=("structure", "shelter"),
        variants=0,
        colour="beige",
        material="cloth",
    ),
)
