"""The catalogue: every class of thing that can stand in a world, and who builds it.

One file per family in `things/`; each lists its `CLASSES`. The words of a class are what the lexicon understands, so a
new family brings its own vocabulary.
"""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splatworld.generate.procedural.shape import Shape
from splatworld.palette import Rgb

FAMILIES = (
    "conifers", "broadleaves", "undergrowth", "rocks", "houses", "towers", "bridges", "yard", "boats",
    "furniture", "seats", "storage", "hearth", "decor", "tableware",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What a builder is asked for."""

    thing: str
    """Class name."""
    colour: Rgb | None = None
    """Linear albedo for its main, paintable part; None = its natural colour."""
    material: str | None = None
    """Word for its main material ("stone", "wood", "brick", "metal"); None = its usual one."""
    size: float = 1.0
    """Factor on its usual measures."""
    tall: float = 1.0
    """Extra factor on height alone."""
    season: str = "summer"
    night: bool = False
    """Lamps are lit and windows glow."""
    snow: float = 0.0
    """0 to 1: how much snow lies on it."""
    length: float | None = None
    """Metres to span, for what is stretched between places: bridge, fence, path."""


Builder = Callable[[Request, np.random.Generator], Shape]


@dataclass(frozen=True)
class ThingClass:
    """A row of the catalogue."""

    name: str
    """Canonical name: "cabin"."""
    words: tuple[str, ...]
    """Singular nouns that mean it, its own name among them; plurals are derived."""
    build: Builder
    footprint: float
    """Radius in metres of the circle that it needs for itself."""
    height: float
    """Metres, usual."""
    stands: Literal["ground", "water", "floor", "wall", "across", "line"] = "ground"
    """ground: outdoors on land · water: afloat, or drawn up ashore · floor: indoors (outdoors too if asked for) ·
    wall: indoors, back against a wall · across: spans water (bridge) · line: along a line of `length` (fence)."""
    kinds: tuple[str, ...] = ()
    """Wider words that include it: "tree", "plant", "building", "furniture"."""
    variants: int = 1
    """How many shapes are built for many copies; 0 = one for each copy."""
    colour: str = "brown"
    """Colour name of its main part when none is asked for."""
    material: str = "wood"
    """Material of its main part when none is asked for."""
    paintable: bool = True
    """A colour word changes its main part."""


@functools.cache
def classes() -> dict[str, ThingClass]:
    """All classes by name, in the order of `FAMILIES`."""
    rows: dict[str, ThingClass] = {}
    for family in FAMILIES:
        module = importlib.import_module(f"splatworld.generate.procedural.things.{family}")
        for row in module.CLASSES:
            if row.name in rows:
                raise ValueError(f"two families define the class '{row.name}'; the second is {family}")
            rows[row.name] = row
    return rows
