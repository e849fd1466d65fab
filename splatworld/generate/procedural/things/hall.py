"""The hall: a gabled block with its ridge along x, whose walls are split into bays and each bay into openings."""

import math
from dataclasses import dataclass, replace

import numpy as np

from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things import roofs
from splatworld.generate.procedural.things.openings import Dress, Opening, wall
from splatworld.generate.procedural.things.stuff import STUFF, stuff
from splatworld.palette import Rgb

CUT = replace(STUFF["pale wood"], pattern="plain", scale=0.12, contrast=0.3)
"""The sawn end of a log."""

FLOOR = 0.32
"""Height of the ground floor above the ground."""


@dataclass(frozen=True)
class Hall:
    """A block with a gabled roof: measures in metres, its ridge along x."""

    length: float
    span: float
    eave: float
    """Of the walls, above the floor."""
    rise: float
    kind: str
    """How the walls are made: see `openings.wall`."""
    material: Material
    cover: str
    """Covering of the roof: see `roofs.COVER`."""
    trim: Material
    dress: Dress

    def walls(self, openings: dict[str, list[Opening]], rng: np.random.Generator) -> Shape:
        """The four walls on the floor; `openings` by side: front (-Y), right, back, left."""
        x, y, turn = self.length / 2, self.span / 2, math.pi / 2
        start = -0.105 if self.kind == "log" else 0.0
        sides = [
            self._wall(self.length, 0.0, 0.0, openings.get("front", []), rng).at(0, -y),
            self._wall(self.span, self.rise, start, openings.get("right", []), rng).at(x, 0, yaw=turn),
            self._wall(self.length, 0.0, 0.0, openings.get("back", []), rng).at(0, y, yaw=2 * turn),
            self._wall(self.span, self.rise, start, openings.get("left", []), rng).at(-x, 0, yaw=3 * turn),
        ]
        corners = self._log_ends(rng) if self.kind == "log" else self._corner_boards()
        return join([*sides, corners]).at(0, 0, FLOOR)

    def _wall(
        self, width: float, rise: float, start: float, openings: list[Opening], rng: np.random.Generator
    ) -> Shape:
        return wall(
            self.kind, width, self.eave, self.material, rng, rise=rise, start=start, openings=openings, dress=self.dress
        )

    def _log_ends(self, rng: np.random.Generator) -> Shape:
        """Logs run on past the corners, those of the end walls half a log lower."""
        x, y, out = self.length / 2, self.span / 2, 0.26
        a, b = [], []
        for z in np.arange(0.105, self.eave - 0.02, 0.21):
            for sx in (-1, 1):
                for sy in (-1, 1):
                    reach = out + rng.uniform(-0.04, 0.04)
                    a += [(sx * (x - 0.06), sy * (y - 0.01), z), (sx * (x - 0.01), sy * (y - 0.06), z - 0.105)]
                    b += [(sx * (x + reach), sy * (y - 0.01), z), (sx * (x - 0.01), sy * (y + reach), z - 0.105)]
        return c.logs(np.array(a), np.array(b), 0.108, self.material, CUT, rng)

    def _corner_boards(self) -> Shape:
        x, y, h = self.length / 2, self.span / 2, self.eave
        if self.kind in ("stone", "plaster", "brick", "clay"):
            return _quoins(x, y, h)
        t = 0.05
        low = [(sx * x - 0.09, sy * y - 0.09, 0.0) for sx in (-1, 1) for sy in (-1, 1)]
        high = [(sx * x + 0.09, sy * y + 0.09, h - t) for sx in (-1, 1) for sy in (-1, 1)]
        return c.blocks(low, high, self.dress.frame)

    def roof(self, ends: tuple[float, float], rng: np.random.Generator, *, overhang: float = 0.5) -> Shape:
        """The roof over the walls, from `ends[0]` to `ends[1]` along x."""
        material = STUFF[self.cover if self.cover in STUFF else "steel"]
        eave = FLOOR + self.eave - 0.03
        return roofs.gable_roof(
            self.span, eave, self.rise, ends, self.cover, material, self.trim, rng, overhang=overhang
        )

    def plinth(self, rng: np.random.Generator) -> Shape:
        """Foundation stones that reach into the ground."""
        x, y = self.length / 2 + 0.06, self.span / 2 + 0.06
        return c.stonework((-x, -y, -0.5), (x, y, FLOOR), stuff("stone"), rng, row=0.41, block=0.7)


def bays(
    width: float, rng: np.random.Generator, *, z: float, size: tuple[float, float], door: float | None = None
) -> list[Opening]:
    """A wall split into bays about 2.2 m wide with a window in each; the bay of a door at `door` has none."""
    n = max(1, round((width - 0.6) / rng.uniform(1.9, 2.4)))
    step = (width - 0.6) / n
    places = [-width / 2 + 0.3 + step * (k + 0.5) for k in range(n)]
    w, h = min(size[0], step - 0.55), size[1]
    return [Opening("window", x, z, w, h) for x in places if door is None or abs(x - door) > 0.75 + w / 2]


def wall_kind(word: str | None) -> str:
    """How walls of a material are made."""
    material = stuff(word, "plaster")
    made = {"stone": "stone", "marble": "stone", "wood": "wood", "brick": "brick", "metal": "boards"}
    return made.get(material.name, "timber" if word == "timber" else "plaster")


def is_pale(colour: Rgb | None) -> bool:
    """White trim would not show against it."""
    return colour is not None and min(colour) > 0.35


def _quoins(x: float, y: float, height: float) -> Shape:
    """Dressed stones at the corners, long and short in turn."""
    low, high = [], []
    for k, z in enumerate(np.arange(0.0, height - 0.36, 0.38)):
        a, b = (0.42, 0.24) if k % 2 else (0.24, 0.42)
        for sx in (-1, 1):
            for sy in (-1, 1):
                (x0, x1), (y0, y1) = sorted((sx * (x + 0.05), sx * (x - a))), sorted((sy * (y + 0.05), sy * (y - b)))
                low.append((x0, y0, z))
                high.append((x1, y1, z + 0.35))
    return c.blocks(low, high, STUFF["pale stone"])
