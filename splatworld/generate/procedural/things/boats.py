"""Afloat or drawn up ashore: boat, sailboat, canoe, raft. The waterline is at z = 0."""

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
        "boat",
        (
            "boat",
            "rowing boat",
            "rowboat",
            "row boat",
            "dinghy",
            "skiff",
            "fishing boat",
            "punt",
            "dory",
            "wooden boat",
            "rowing-boat",
            "ferry",
            "barge",
        ),
        _block,
        2.4,
        0.9,
        kinds=("vehicle", "object"),
        variants=0,
        colour="brown",
        material="wood",
        stands="water",
    ),
    ThingClass(
        "sailboat",
        (
            "sailboat",
            "sailing boat",
            "sail boat",
            "yacht",
            "sloop",
            "ship",
            "sailing ship",
            "sailing-boat",
            "catamaran",
        ),
        _block,
        3.2,
        6.6,
        kinds=("vehicle", "object"),
        variants=0,
        colour="white",
        material="wood",
        stands="water",
    ),
    ThingClass(
        "canoe",
        ("canoe", "kayak", "dugout", "dug-out", "pirogue"),
        _block,
        2.4,
        0.6,
        kinds=("vehicle", "object"),
        variants=0,
        colour="brown",
        material="wood",
        stands="water",
    ),
    ThingClass(
        "raft",
        ("raft", "wooden raft", "log raft", "float"),
        _block,
        1.8,
        0.4,
        kinds=("vehicle", "object"),
        variants=0,
        colour="brown",
        material="wood",
        stands="water",
    ),
)
