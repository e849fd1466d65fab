"""`Guest`: what is to be placed in a room: the spec's items, read as furniture, and a few tasteful extras."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.shape import Shape
from splatworld.generate.procedural.wishes import SIZES, absent
from splatworld.scene_spec import Item, Relation, SceneSpec

SURFACES = ("table", "desk", "coffee_table", "cabinet", "nightstand", "chest")
"""Where small things are put when nobody says where, best first."""
SEATS = ("chair", "armchair")
"""They face what they stand at."""
_FLAT = 0.06
"""Things lower than this may be stepped on: rugs."""


@dataclass(frozen=True, eq=False)
class Measure:
    """What a thing takes of the room, upright and unturned."""

    half: tuple[float, float]
    """Half extents along x and y, metres, about its origin."""
    height: float
    tops: NDArray[np.float64]
    """[n, 3] points on faces that look up: where things can be put."""
    clear: float
    """Metres from the floor to its underside, halfway to its middle."""

    @property
    def radius(self) -> float:
        """Of the circle around it."""
        return float(np.hypot(*self.half))

    @property
    def small(self) -> bool:
        """Belongs on a table rather than on the floor."""
        return self.radius < 0.3 and self.height < 0.6


@dataclass(frozen=True, eq=False)
class Guest:
    """Copies of one class that want a place."""

    key: str
    """The item's id, or the class of an extra with a plus before it."""
    item: str | None
    row: ThingClass
    count: int
    relations: tuple[Relation, ...]
    measure: Measure

    @property
    def flat(self) -> bool:
        """Others may stand on it."""
        return self.measure.height < _FLAT and self.measure.radius > 0.4

    @property
    def hangs(self) -> bool:
        """On the wall, feet off the floor."""
        return self.row.stands == "wall" and self.measure.half[1] < 0.08

    def targets(self, *kinds: str) -> list[str]:
        """What its relations of these kinds (of any kind, if none is named) point at."""
        return [t for r in self.relations if not kinds or r.kind in kinds for t in r.to]


def indoors(item: Item) -> str:
    """The class that is built in a room for an item: a lamp is no street lamp there."""
    if item.thing != "lamp":
        return item.thing
    resting = any(r.kind in ("on", "in") and r.to[0] not in ("ground", "wall") for r in item.relations)
    return "table_lamp" if resting else "floor_lamp"


def measured(row: ThingClass, size: str | None) -> Measure:
    """Build a thing of a size word and take its measures."""
    factor, tall = SIZES[size]
    return _measure(row, factor, tall)


@functools.lru_cache(maxsize=256)
def _measure(row: ThingClass, size: float, tall: float) -> Measure:
    shape = row.build(Request(row.name, size=size, tall=tall), np.random.default_rng(0))
    lo, hi = shape.bounds
    half = np.maximum(np.abs(lo), np.abs(hi))[:2]
    if row.variants == 0 and "plant" in row.kinds:
        half = np.maximum(half, row.footprint * size)  # grown things differ from copy to copy
    return Measure(
        (float(half[0]), float(half[1])), float(hi[2]), _points(shape, upwards=True), _clearance(shape, half)
    )


def _points(shape: Shape, *, upwards: bool) -> NDArray[np.float64]:
    """Evenly strewn points on all faces that look up (or down)."""
    rows = shape.normals[:, 2] > 0.7 if upwards else shape.normals[:, 2] < -0.3
    triangles, areas = shape.triangles[rows].astype(np.float64), shape.areas[rows]
    count = np.maximum(1, np.ceil(areas / 2e-4)).astype(int)
    count = np.minimum(count, 4000)
    u = np.random.default_rng(1).random((int(count.sum()), 2))
    u = np.where(u.sum(1, keepdims=True) > 1, 1 - u, u)
    t = np.repeat(triangles, count, axis=0)
    return t[:, 0] + u[:, :1] * (t[:, 1] - t[:, 0]) + u[:, 1:] * (t[:, 2] - t[:, 0])


def _clearance(shape: Shape, half: NDArray[np.floating]) -> float:
    below = _points(shape, upwards=False)
    inner = np.all(np.abs(below[:, :2]) < 0.5 * half, axis=1)
    return float(below[inner, 2].min()) if inner.any() else 0.0


def guests(spec: SceneSpec, rows: Mapping[str, ThingClass], windows: int) -> list[Guest]:
    """All items of the spec in an order in which each comes after those that it refers to, then the extras."""
    asked = [_guest(item, rows[indoors(item)]) for item in spec.items]
    asked = [_at_home(g, asked) for g in _turned_between(asked)]
    extras = _extras(spec, rows, asked, windows)
    homeless = [g for g in asked if not g.relations and g.measure.small and g.row.stands == "floor"]
    if homeless and any(g.key == "+table" for g in extras):
        asked = [replace(g, relations=(Relation("on", ["+table"]),)) if g in homeless else g for g in asked]
    return _ordered([*asked, *extras])


def _guest(item: Item, row: ThingClass) -> Guest:
    return Guest(item.id, item.id, row, item.count, tuple(item.relations), measured(row, item.size))


def _turned_between(asked: list[Guest]) -> list[Guest]:
    """Of "a bed between two lamps" the lamps go to the bed's sides, since the bed needs its wall."""
    by_key = {g.key: g for g in asked}
    flank: dict[str, list[Relation]] = {}
    kept = []
    for g in asked:
        for r in [r for r in g.relations if r.kind == "between"]:
            others = [by_key[t] for t in r.to if t in by_key and t != g.key]
            if others and all(o.measure.radius <= g.measure.radius and not o.relations for o in others):
                g = replace(g, relations=tuple(q for q in g.relations if q is not r))
                for o in others:
                    flank.setdefault(o.key, []).append(Relation("between", [g.key]))
        kept.append(g)
    return [replace(g, relations=(*g.relations, *flank.get(g.key, []))) for g in kept]


def _at_home(guest: Guest, asked: Sequence[Guest]) -> Guest:
    """Where a thing goes when nobody says: chairs round the table, cups on it, a rug under it."""
    if guest.relations:
        return guest
    names = {g.row.name: g.key for g in reversed(asked) if g.key != guest.key and not g.targets()}
    names |= {
        g.row.name: g.key for g in reversed(asked) if g.row.name in (*SURFACES, "bed", "sofa") and g.key != guest.key
    }
    if guest.row.name in SEATS and "table" in names:
        return replace(guest, relations=(Relation("around", [names["table"]]),))
    if guest.flat:
        home = next((names[n] for n in ("coffee_table", "bed", "sofa", "table") if n in names), None)
        return guest if home is None else replace(guest, relations=(Relation("under", [home]),))
    if guest.measure.small and guest.row.stands == "floor":
        home = next((names[n] for n in SURFACES if n in names), None)
        return guest if home is None else replace(guest, relations=(Relation("on", [home]),))
    return guest


def _extras(spec: SceneSpec, rows: Mapping[str, ThingClass], asked: Sequence[Guest], windows: int) -> list[Guest]:
    """Things nobody asked for that make a room lived in; none of a class or kind that was asked for or forbidden."""
    have = {g.row.name for g in asked} | {item.thing for item in spec.items}
    kinds = {k for g in asked for k in g.row.kinds if k == "lamp"} | ({"lamp"} if "lamp" in have else set())
    here: dict[str, str] = {g.row.name: g.key for g in reversed(asked)}
    found: list[Guest] = []

    def add(thing: str, count: int = 1, *relations: Relation) -> None:
        row = rows.get(thing)
        if row is None or thing in have or absent(spec, row) or kinds & set(row.kinds) or spec.ground == thing:
            return
        found.append(Guest("+" + thing, None, row, count, relations, measured(row, None)))
        here.setdefault(thing, "+" + thing)

    big = sum(g.count for g in asked if not g.measure.small and not g.flat and not g.hangs)
    homeless = any(not g.relations and g.measure.small and g.row.stands == "floor" for g in asked)
    if homeless or (big == 0 and not have & {"bed", "sofa", "table"}):
        add("table")
        if "+table" in here.values():
            add("chair", 2, Relation("around", [here["table"]]))
    if big <= 3:
        add("shelf" if "bed" not in here else "wardrobe")
    if big <= 2:
        add("armchair")
        add("cabinet")
    if "bed" in here:
        add("nightstand", 1, Relation("by", [here["bed"]]))
    under = next((here[n] for n in ("coffee_table", "bed", "sofa", "table") if n in here), None)
    add("rug", 1, *([Relation("under", [under])] if under else []))
    on = next((here[n] for n in ("cabinet", "nightstand") if n in here), None)
    if spec.time in ("night", "dusk") and not {"fireplace", "candle"} & have:
        add("table_lamp", 1, *([Relation("on", [on])] if on else [])) if on else add("floor_lamp")
    if "table" in here and not any(here["table"] in g.targets("on") for g in asked):
        add("bowl", 1, Relation("on", [here["table"]]))
    if "cabinet" in here:
        add("vase", 1, Relation("on", [here["cabinet"]]))
    add("curtain", 2 * windows, Relation("by", ["window"]))
    add("picture", 2)
    add("plant_pot")
    return found


def _ordered(all_guests: list[Guest]) -> list[Guest]:
    """Each after those it refers to; else hangings last, asked before extra, walls first, large before small."""
    known = {g.key for g in all_guests}
    waiting = {g.key: {t for t in g.targets() if t in known and t != g.key} for g in all_guests}
    left, order = list(all_guests), []
    while left:
        ready = [g for g in left if not waiting[g.key]] or [min(left, key=lambda g: len(waiting[g.key]))]
        chosen = max(ready, key=_rank)
        order.append(chosen)
        left.remove(chosen)
        for needs in waiting.values():
            needs.discard(chosen.key)
    return order


def _rank(g: Guest) -> tuple[bool, bool, bool, bool, float]:
    return not g.hangs, g.item is not None, g.row.stands == "wall", not g.flat, g.measure.radius * g.measure.height
