"""Stones: rock, pebbles, cliff."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball
from splatworld.generate.procedural.snow import snowed


def rock(request: Request, rng: np.random.Generator) -> Shape:
    stone = Material("stone", request.colour or (0.2, 0.2, 0.19), "rock")
    r = 0.5 * request.size * rng.uniform(0.9, 1.1)
    return snowed(ball(r, stone).at(0, 0, r), request.snow)


pebbles = cliff = rock

CLASSES = (
    ThingClass(
        "rock",
        ("rock", "stone", "boulder", "standing stone", "menhir", "monolith", "rubble"),
        rock, footprint=0.9, height=1.1, variants=6, colour="grey", material="stone",
    ),
    ThingClass(
        "pebbles",
        ("pebbles", "pebble", "small stone", "gravel", "scree", "cobblestone", "river stone"),
        pebbles, footprint=0.5, height=0.14, variants=4, colour="grey", material="stone",
    ),
    ThingClass(
        "cliff",
        ("cliff", "crag", "rock face", "outcrop", "bluff", "rock formation", "rocky outcrop", "precipice"),
        cliff, footprint=4.0, height=6.0, kinds=("rock",), variants=3, colour="grey", material="stone",
    ),
)  # fmt: skip
