"""Tall and old buildings: tower, castle, church, windmill, lighthouse."""

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
        "tower",
        (
            "tower",
            "watchtower",
            "keep",
            "turret",
            "stone tower",
            "bell tower",
            "belfry",
            "spire",
            "lookout",
            "lookout tower",
            "watch tower",
            "guard tower",
        ),
        _block,
        4.2,
        14.0,
        kinds=("building", "structure"),
        variants=0,
        colour="grey",
        material="stone",
    ),
    ThingClass(
        "castle",
        ("castle", "fortress", "fort", "citadel", "palace", "stronghold"),
        _block,
        13.5,
        17.0,
        kinds=("building", "structure"),
        variants=0,
        colour="grey",
        material="stone",
    ),
    ThingClass(
        "church",
        ("church", "chapel", "temple", "cathedral", "abbey", "monastery", "shrine"),
        _block,
        8.5,
        14.5,
        kinds=("building", "structure"),
        variants=0,
        colour="white",
        material="plaster",
    ),
    ThingClass(
        "windmill",
        ("windmill", "wind mill", "smock mill", "tower mill"),
        _block,
        6.4,
        13.5,
        kinds=("building", "structure"),
        variants=0,
        colour="white",
        material="plaster",
    ),
    ThingClass(
        "lighthouse",
        ("lighthouse", "light house", "beacon"),
        _block,
        4.0,
        17.0,
        kinds=("building", "structure"),
        variants=0,
        colour="white",
        material="plaster",
    ),
)
