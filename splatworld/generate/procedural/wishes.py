"""`Wish`: an item of the spec with what the catalogue knows about it, and the order in which wishes are granted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from splatworld.generate.procedural.catalogue import ThingClass
from splatworld.generate.procedural.relations import WATERS, Newcomer
from splatworld.generate.procedural.site import Floats
from splatworld.scene_spec import Item, Relation, RelationKind, SceneSpec

SIZES: Mapping[str | None, tuple[float, float]] = {
    None: (1.0, 1.0), "tiny": (0.6, 1.0), "small": (0.75, 1.0), "large": (1.4, 1.0), "huge": (1.9, 1.0),
    "tall": (1.0, 1.5), "short": (1.0, 0.7), "long": (1.2, 1.0), "wide": (1.2, 0.9),
}  # fmt: skip
"""Size word: factor on all measures, extra factor on height (`Request.size`, `Request.tall`)."""
INVERSE: Mapping[str, RelationKind] = {
    "behind": "in_front_of", "in_front_of": "behind", "left_of": "right_of", "right_of": "left_of", "by": "by",
}  # fmt: skip
FIXED = (*WATERS, "path", "ground", "wall")
"""Names that a relation may point at besides items."""


@dataclass(frozen=True, eq=False)
class Wish:
    """One item to be placed."""

    index: int
    id: str | None
    """The item's id; None for an extra that nobody asked for."""
    row: ThingClass
    count: int
    size: str | None
    relations: tuple[Relation, ...]

    @property
    def radius(self) -> float:
        """Metres of the disc that one copy needs."""
        return self.row.footprint * SIZES[self.size][0]

    @property
    def height(self) -> float:
        """Metres."""
        size, tall = SIZES[self.size]
        return self.row.height * size * tall

    @property
    def length(self) -> float:
        """Metres along X, for things that are stretched."""
        return 2 * self.radius * (1.6 if self.size == "long" else 1.0)

    @property
    def depth(self) -> float:
        """Metres of half its extent across its length."""
        return 0.6 if self.row.stands == "line" else self.radius

    @property
    def newcomer(self) -> Newcomer:
        """Itself as relations see it."""
        return Newcomer(self.radius, self.count, self.depth)

    @property
    def habitat(self) -> Literal["land", "afloat", "shallow", "beach"]:
        """Where it stands, after its class and its relations."""
        wet = {r.kind for r in self.relations if any(t in WATERS for t in r.to)}
        if self.row.stands == "water":
            return "beach" if any(t == "ground" for r in self.relations for t in r.to) else "afloat"
        return "shallow" if "in" in wet and self.row.stands not in ("across", "line") else "land"

    @property
    def building(self) -> bool:
        """Walls and a door."""
        return "building" in self.row.kinds

    @property
    def outline(self) -> Floats:
        """[k, 3] discs in its own frame; long things are rows of discs."""
        if self.row.stands == "water":
            return self.radius * np.array([[0, -0.6, 0.42], [0, 0, 0.42], [0, 0.6, 0.42]])
        if self.row.stands in ("line", "across"):
            return row_of_discs(self.length, 0.45 if self.row.height < 1.3 else 1.1)
        return np.array([[0.0, 0.0, self.radius]])

    def about(self, *kinds: str) -> list[str]:
        """Names that its relations of these kinds point at."""
        return [t for r in self.relations if r.kind in kinds for t in r.to]


def row_of_discs(length: float, radius: float) -> Floats:
    """[k, 3] discs along X that cover a strip of `length`."""
    n = max(2, int(np.ceil(length / (1.4 * radius))))
    x = np.linspace(-length / 2 + radius, length / 2 - radius, n)
    return np.column_stack([x, np.zeros(n), np.full(n, radius)])


def wishes(spec: SceneSpec, rows: Mapping[str, ThingClass], rng: np.random.Generator) -> list[Wish]:
    """All items of the spec, and for a village the houses that nobody counted."""
    found = [
        Wish(i, item.id, rows[item.thing], item.count, item.size, _relations(spec, item, rows[item.thing]))
        for i, item in enumerate(spec.items)
    ]
    found = _turned_round(found)
    return found + _village(spec, rows, found, rng)


def _turned_round(found: list[Wish]) -> list[Wish]:
    """Small things take over what a building says of them: for "a cabin behind a fence", the fence seeks the cabin."""
    out = {w.index: w for w in found}
    for big in found:
        if not big.building or big.count > 1 or len(big.relations) != 1 or big.relations[0].kind not in INVERSE:
            continue
        relation = big.relations[0]
        small = next((w for w in out.values() if [w.id] == relation.to), None)
        if small is None or small.building or small.count > 1 or small.relations or small.row.stands == "across":
            continue
        out[big.index] = replace(big, relations=())
        out[small.index] = replace(small, relations=(Relation(INVERSE[relation.kind], [big.id or ""]),))
    return list(out.values())


def _relations(spec: SceneSpec, item: Item, row: ThingClass) -> tuple[Relation, ...]:
    """The item's relations; houses of a village line its path unless they were wanted elsewhere."""
    if not item.relations and item.count > 2 and spec.place == "village" and spec.path and "building" in row.kinds:
        return (Relation("along", ["path"]),)
    return tuple(item.relations)


def _village(
    spec: SceneSpec, rows: Mapping[str, ThingClass], asked: list[Wish], rng: np.random.Generator
) -> list[Wish]:
    if spec.place != "village" or any(w.building for w in asked):
        return []
    line = Relation("along", ["path"])
    extras = [
        ("house", int(rng.integers(5, 8)), (line,) if spec.path else ()),
        ("well", 1, ()),
        ("lamp", 4, (line,) if spec.path else ()),
    ]
    extras = [e for e in extras if not absent(spec, rows[e[0]]) and not any(w.row.name == e[0] for w in asked)]
    return [
        Wish(len(asked) + i, None, rows[thing], count, None, relations)
        for i, (thing, count, relations) in enumerate(extras)
    ]


def absent(spec: SceneSpec, row: ThingClass) -> bool:
    """True if the spec forbids this class, by its name or by a wider word."""
    return row.name in spec.absent or any(kind in spec.absent for kind in row.kinds)


def focal(all_wishes: list[Wish]) -> Wish | None:
    """What the view is composed on: a building, else a structure, else the most prominent thing."""

    def rank(w: Wish) -> tuple[int, float]:
        kind = 2 if w.building else 1 if "structure" in w.row.kinds and w.row.stands != "line" else 0
        kind = 0 if any(t not in FIXED for t in w.about("around")) else kind  # what gathers round a thing frames it
        return kind, w.radius * w.height - w.index * 1e-6

    dry = [w for w in all_wishes if w.habitat != "afloat"] or all_wishes
    return max(dry, key=rank, default=None)


def in_order(all_wishes: list[Wish]) -> tuple[list[Wish], list[str]]:
    """Wishes so that each comes after those that it refers to, the big ones first; and notes on cut circles."""
    names = {w.id for w in all_wishes if w.id is not None}
    waiting = {w.index: {t for r in w.relations for t in r.to if t in names and t != w.id} for w in all_wishes}
    left, order, notes = list(all_wishes), [], []
    while left:
        ready = [w for w in left if not waiting[w.index]]
        if not ready:
            first = min(left, key=lambda w: (len(waiting[w.index]), -_weight(w), w.index))
            notes.append(
                f"'{first.id}' and {_listed(waiting[first.index])} refer to each other; '{first.id}' was placed first."
            )
            ready = [first]
        chosen = max(ready, key=lambda w: (_weight(w), -w.index))
        order.append(chosen)
        left.remove(chosen)
        for index in waiting:
            waiting[index].discard(chosen.id or "")
    return order, notes


def _weight(w: Wish) -> float:
    fixed = 1000.0 if w.row.stands == "across" else 0.0
    ring = 100.0 if w.about("around") else 0.0  # rings close before others settle inside them
    return fixed + ring + w.radius * (2.0 if w.building else 1.0)


def _listed(names: set[str]) -> str:
    return ", ".join(f"'{n}'" for n in sorted(names))
