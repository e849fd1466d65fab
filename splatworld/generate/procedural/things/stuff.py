"""What structures are made of: materials by word, paint, and small differences between neighbouring pieces."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape
from splatworld.palette import Rgb
from splatworld.world import PointLight

STUFF: dict[str, Material] = {
    "wood": Material("wood", (0.19, 0.115, 0.06), "plain", 0.35, 0.3, (0.20, 0.17, 0.14), stretch=3.0),
    "dark wood": Material("wood", (0.075, 0.045, 0.026), "plain", 0.3, 0.3, (0.10, 0.08, 0.06), stretch=3.0),
    "pale wood": Material("wood", (0.36, 0.25, 0.14), "plain", 0.3, 0.25, (0.28, 0.22, 0.15), stretch=3.0),
    "grey wood": Material("wood", (0.17, 0.145, 0.12), "plain", 0.3, 0.35, (0.10, 0.10, 0.075), stretch=3.0),
    "planks": Material("wood", (0.19, 0.115, 0.06), "planks", 0.2, 0.3, (0.20, 0.17, 0.14)),
    "bark": Material("bark", (0.11, 0.075, 0.05), "bark", 0.4, 0.4, (0.07, 0.08, 0.035), stretch=2.0),
    "stone": Material("stone", (0.29, 0.275, 0.245), "rock", 0.9, 0.22, (0.17, 0.18, 0.11)),
    "cobbles": Material("stone", (0.27, 0.255, 0.23), "stones", 0.32, 0.3, (0.15, 0.14, 0.12)),
    "pale stone": Material("stone", (0.44, 0.40, 0.33), "rock", 1.2, 0.16, (0.30, 0.27, 0.20)),
    "marble": Material("marble", (0.66, 0.65, 0.62), "rock", 1.6, 0.1, (0.5, 0.5, 0.47), gloss=0.15),
    "brick": Material("brick", (0.30, 0.10, 0.062), "bricks", 0.26, 0.3, (0.40, 0.37, 0.32)),
    "plaster": Material("plaster", (0.68, 0.64, 0.55), "plain", 0.9, 0.09, (0.52, 0.47, 0.38)),
    "clay": Material("clay", (0.42, 0.27, 0.16), "plain", 0.7, 0.15, (0.34, 0.22, 0.13)),
    "metal": Material("metal", (0.05, 0.052, 0.056), "plain", 0.4, 0.2, (0.09, 0.06, 0.04), gloss=0.35),
    "steel": Material("metal", (0.34, 0.35, 0.36), "plain", 0.5, 0.15, gloss=0.4),
    "copper": Material("copper", (0.16, 0.33, 0.27), "plain", 0.5, 0.25, (0.25, 0.14, 0.07), gloss=0.2),
    "gold": Material("gold", (0.62, 0.42, 0.12), "plain", 0.5, 0.12, gloss=0.5),
    "thatch": Material("thatch", (0.30, 0.215, 0.10), "thatch", 0.6, 0.32, (0.19, 0.15, 0.09), stretch=2.0),
    "hay": Material("hay", (0.52, 0.38, 0.13), "thatch", 0.45, 0.35, (0.38, 0.29, 0.11), stretch=2.0),
    "shingles": Material("shingles", (0.13, 0.10, 0.075), "plain", 0.4, 0.25, (0.10, 0.105, 0.06)),
    "tiles": Material("tiles", (0.33, 0.105, 0.05), "plain", 0.4, 0.22, (0.20, 0.10, 0.06)),
    "slate": Material("slate", (0.085, 0.095, 0.115), "plain", 0.4, 0.2, (0.12, 0.125, 0.11), gloss=0.15),
    "cloth": Material("cloth", (0.55, 0.47, 0.33), "plain", 0.5, 0.08, translucency=0.25),
    "leather": Material("leather", (0.12, 0.06, 0.03), "plain", 0.3, 0.2, gloss=0.1),
    "rope": Material("rope", (0.36, 0.28, 0.16), "plain", 0.1, 0.3, stretch=2.0),
    "glass": Material("glass", (0.035, 0.055, 0.075), "plain", 1.2, 0.12, (0.06, 0.09, 0.12), gloss=0.7),
    "lit glass": Material("glass", (0.5, 0.34, 0.15), "plain", 0.6, 0.15, emission=(0.95, 0.56, 0.21)),
    "lamp glass": Material("glass", (0.62, 0.58, 0.46), "plain", 0.5, 0.06, gloss=0.5),
    "lit lamp": Material("glass", (0.8, 0.6, 0.3), "plain", 0.5, 0.05, emission=(2.6, 1.75, 0.8)),
    "dark": Material("shadow", (0.016, 0.014, 0.013), "plain", 0.5, 0.2),
    "earth": Material("earth", (0.10, 0.07, 0.045), "plain", 0.4, 0.3, (0.07, 0.06, 0.04)),
    "ash": Material("ash", (0.09, 0.085, 0.08), "plain", 0.15, 0.5, (0.03, 0.028, 0.026)),
    "ember": Material(
        "ember", (0.10, 0.03, 0.012), "plain", 0.12, 0.5, (0.02, 0.018, 0.016), emission=(1.3, 0.28, 0.03)
    ),
    "flame": Material("flame", (0.9, 0.45, 0.1), "plain", 0.3, 0.2, emission=(1.5, 0.42, 0.04), stretch=2.0),
    "flame heart": Material("flame", (0.9, 0.7, 0.3), "plain", 0.3, 0.1, emission=(2.3, 1.25, 0.25), stretch=2.0),
    "water": Material("water", (0.03, 0.065, 0.07), "plain", 0.6, 0.2, (0.05, 0.09, 0.09), gloss=0.9),
    "leaves": Material("leaf", (0.07, 0.14, 0.03), "leaf", 0.4, 0.3, (0.12, 0.16, 0.03), translucency=0.3),
}

SAME = {
    "wooden": "wood", "timber": "wood", "log": "wood", "plank": "planks", "oak": "wood", "pine": "pale wood",
    "granite": "stone", "rock": "stone", "limestone": "pale stone", "sandstone": "pale stone", "cobblestone": "cobbles",
    "concrete": "pale stone", "bricks": "brick", "white": "plaster", "stucco": "plaster", "whitewashed": "plaster",
    "mud": "clay", "adobe": "clay", "iron": "metal", "steel": "steel", "tin": "steel", "bronze": "copper",
    "golden": "gold", "straw": "hay", "thatched": "thatch", "reed": "thatch", "tile": "tiles", "tiled": "tiles",
    "canvas": "cloth", "fabric": "cloth", "linen": "cloth", "shingle": "shingles",
}  # fmt: skip
"""Other words for a row of `STUFF`."""

WINDOW_GLOW = (1.0, 0.72, 0.38)
"""Colour of lamplight behind a window."""


def stuff(word: str | None, usual: str = "wood") -> Material:
    """The material that `word` names; `usual` when it is None or unknown here."""
    word = word or usual
    return STUFF.get(SAME.get(word, word)) or STUFF[usual]


def painted(material: Material, colour: Rgb | None) -> Material:
    """`material` under paint; itself when `colour` is None. Stones and bricks keep their joints."""
    if colour is None:
        return material
    r, g, b = (0.62 * c + 0.012 for c in colour)
    second = (r, g, b) if material.pattern not in ("bricks", "stones") else material.second
    return replace(material, colour=colour, second=second, contrast=min(material.contrast, 0.16))


def mottle(
    shape: Shape, piece: NDArray[np.integer], rng: np.random.Generator, *, spread: float = 0.2, tones: int = 4
) -> Shape:
    """A shape of one material whose faces get one of a few lighter or darker tones by their `piece` number [f]."""
    (material,) = shape.materials
    tone = rng.integers(0, tones, int(piece.max()) + 1)
    factors = 1 + spread * np.linspace(-1, 1, tones)
    kinds = tuple(replace(material, colour=_times(material.colour, f)) for f in factors)
    return replace(shape, materials=kinds, material=tone[piece].astype(np.int32))


def shining(shape: Shape, *lights: PointLight) -> Shape:
    """The shape with more lights."""
    return replace(shape, lights=(*shape.lights, *lights))


def _times(colour: Rgb, factor: float) -> Rgb:
    r, g, b = (float(c * factor) for c in colour)
    return r, g, b
