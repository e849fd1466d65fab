"""Where things come to stand outdoors: `lay_out` turns the wishes of a spec into placements and a first view.

Wishes are granted one after the other, each after those that it refers to. For each, many spots are proposed, all are
given a cost (see `site` and `relations`), and the cheapest is taken; so a wish that cannot be met is met as nearly as
the ground allows, and a note says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from splatworld.generate.procedural import spans
from splatworld.generate.procedural.catalogue import classes
from splatworld.generate.procedural.facing import facing
from splatworld.generate.procedural.footing import Stand, pads, placements
from splatworld.generate.procedural.placement import Placement
from splatworld.generate.procedural.relations import (
    WATERS,
    Group,
    missing,
    path_group,
    proposals,
    ring_radius,
    slots,
    target,
    water_group,
)
from splatworld.generate.procedural.scatter import framing, scatter
from splatworld.generate.procedural.site import WISH, WORLD, Floats, Site, gaps, short_of, turned
from splatworld.generate.procedural.start import comfortable, first_look, start_view, stepped_back
from splatworld.generate.procedural.terrain import Terrain
from splatworld.generate.procedural.wishes import Wish, focal, in_order, wishes
from splatworld.scene_spec import Relation, SceneSpec
from splatworld.world import Viewpoint


@dataclass(frozen=True)
class Layout:
    """Everything that stands outdoors, the ground levelled for it, and the first view."""

    placements: tuple[Placement, ...]
    terrain: Terrain
    start: Viewpoint
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Plan:
    """What is known while wishes are granted."""

    spec: SceneSpec
    site: Site
    focal: Wish | None
    all: list[Wish]
    rng: np.random.Generator
    fixed: Mapping[str, Group]
    """Water and path, by the names that relations use."""
    stands: dict[int, list[Stand]] = field(default_factory=dict)
    """By index of the wish."""
    notes: list[str] = field(default_factory=list)

    def wish(self, name: str) -> Wish | None:
        """The item called `name`."""
        return next((w for w in self.all if w.id == name), None)

    def group(self, name: str) -> Group | None:
        """What stands already under this name; None if nothing does."""
        wish = self.wish(name)
        if wish is None or wish.index not in self.stands:
            return self.fixed.get(name)
        placed = self.stands[wish.index]
        reach = [s.discs[:, 2].max() if len(s.discs) > 1 else wish.radius for s in placed]
        crown = 1.2 * wish.radius if "tree" in wish.row.kinds else 0.0
        return Group(
            np.array([s.xy for s in placed]), np.array(reach), np.concatenate([s.discs for s in placed]), crown=crown
        )

    def targets(self, wish: Wish) -> list[tuple[Relation, Group]]:
        """The wish's relations, each with all that it points at; those that point at nothing here are left out."""
        found = []
        for relation in wish.relations:
            groups = [g for name in relation.to if name != wish.id and (g := self.group(name)) is not None]
            if groups:
                found.append((relation, target(relation.kind, groups, self.site)))
        return found


def lay_out(spec: SceneSpec, terrain: Terrain, rng: np.random.Generator) -> Layout:
    """Place everything that `spec` asks for on `terrain`, then scatter its covers.

    World frame: metres, +Z up; the visitor starts near (0, 0) and looks along +Y. Every item is placed with its exact
    count; whatever had to give way is told in `notes`. The same arguments and generator state give the same layout.
    """
    rows = classes()
    everything = wishes(spec, rows, rng)
    chosen = focal(everything)
    site = Site(terrain, np.zeros(2), first_look(terrain, chosen, everything))
    site.eye = stepped_back(site, chosen, everything)
    order, notes = in_order(everything)
    plan = Plan(spec, site, chosen, everything, rng, _fixed(terrain, site), notes=notes)
    for wish in order:
        plan.stands[wish.index] = _granted(plan, wish)
        for name in {t for r in wish.relations for t in r.to}:
            _release(plan, name)
    level = terrain.flattened(pads(s for stands in plan.stands.values() for s in stands))
    site.terrain = level
    placed = [p for w in everything for p in placements(plan.stands[w.index], level)]
    around = plan.stands[chosen.index][0] if chosen else None
    middle = around.xy if around is not None else np.asarray(terrain.focus)
    reach = chosen.radius if chosen else 2.0
    extras = framing(spec, site, rows, middle, rng) + scatter(spec, site, rows, middle, reach, rng)
    seen = [(s.xy, s.wish.radius, s.wish.height) for stands in plan.stands.values() for s in stands]
    height = chosen.height * (1.0 if "structure" in chosen.row.kinds else 0.7) if chosen else 1.0
    view = start_view(site, middle, height, seen)
    return Layout((*placed, *extras), level, view, tuple(plan.notes))


def _fixed(terrain: Terrain, site: Site) -> dict[str, Group]:
    path = terrain.path
    if path is None:
        # Who asks for lamps along a path that nobody trod means the way ahead.
        path = np.array(
            [site.eye + 2 * site.ahead, np.asarray(terrain.focus), np.asarray(terrain.focus) + 20 * site.ahead]
        )
    fixed = {"path": path_group(path, site)}
    if terrain.water is not None:
        fixed |= dict.fromkeys(WATERS, water_group(terrain, site))
    return fixed


def _granted(plan: Plan, wish: Wish) -> list[Stand]:
    """All copies of one wish in their places; the site knows of them afterwards."""
    relations = plan.targets(wish)
    half = _enclosing(plan, wish)
    xy, yaw, lengths = _spots(plan, wish, relations, half)
    outline = wish.outline if half is None else spans.enclosure(half)
    if wish.row.stands == "across":
        outline = spans.row_of_discs(float(np.median(lengths)), 1.2)
    friends = {w.index for r in wish.relations for t in r.to if (w := plan.wish(t))}
    through = {w.index for t in wish.about("on", "in", "under") if (w := plan.wish(t))} if half is None else friends
    cost = _ground_cost(plan, wish, xy, yaw, outline) + _taste(plan, wish, xy)
    broken = np.zeros(len(xy))
    for relation, group in relations:
        if half is None:
            broken += missing(relation.kind, xy, wish.newcomer, group, plan.site)
    broken += _elbow_room(plan, wish, xy)
    free = plan.site.clearance(xy, yaw, outline, friends=friends, through=through)
    apart = np.full(len(xy), np.inf)
    stands: list[Stand] = []
    for index in range(wish.count):
        total = cost + WISH * broken + short_of(free, 0.12 + 0.06 * wish.radius, WORLD / 2, 200.0)
        for relation, group in relations:
            weight = 12.0 if relation.kind == "around" else 5.0
            total = total + weight * slots(relation.kind, xy, wish.newcomer, group, plan.site, index)
        total = total + _sibling_cost(plan, wish, apart)
        best = int(np.argmin(total))
        stand = _stand(plan, wish, xy[best], float(yaw[best]), outline, float(lengths[best]), half)
        stands.append(stand)
        free = np.minimum(free, gaps(xy, yaw, outline, stand.discs))
        apart = np.minimum(apart, np.hypot(*(xy - stand.xy).T) - 2 * wish.radius)
        plan.site.add(stand.discs, wish.height, wish.index, reserve=_reserve(plan, wish))
        _regret(plan, wish, float(broken[best]), float(total[best]))
    return stands


def _spots(
    plan: Plan, wish: Wish, relations: list[tuple[Relation, Group]], half: float | None
) -> tuple[Floats, Floats, Floats]:
    """Proposed middles [n, 2], yaws [n] and lengths [n]."""
    site, rng = plan.site, plan.rng
    if half is not None:
        group, first = next((g, w) for n in wish.about("around") if (g := plan.group(n)) and (w := plan.wish(n)))
        yaw = plan.stands[first.index][0].yaw
        turns = np.array([yaw, yaw + np.pi / 2, yaw - np.pi / 2, yaw + np.pi])
        return np.repeat(group.xy.mean(0, keepdims=True), 4, 0), turns, np.full(4, 2 * half)
    if wish.row.stands == "across":
        xy, yaw, lengths = spans.crossings(site, rng)
        if len(xy):
            return xy, yaw, lengths
        if site.terrain.water is None:
            plan.notes.append(f"'{wish.id}' has no water to cross and stands on dry land.")
    if (
        wish.row.stands in ("line", "across")
        and plan.fixed.get("lake")
        and (wish.row.name == "pier" or wish.row.stands == "across")
    ):
        xy, yaw = spans.jetties(site, plan.fixed["lake"].discs[:, :2], wish.length)
        return xy, yaw, np.full(len(xy), wish.length)
    wide = int(np.clip(wish.count // 12, 1, 12))
    xy = _polar(site, rng, 420 * wide, 0.66, 70.0 if wish.habitat == "afloat" else 48.0)
    xy = np.concatenate([xy, _polar(site, rng, 160 * wide, np.pi, 80.0)])
    for relation, group in relations:
        new = [proposals(relation.kind, wish.newcomer, group, site, rng) for _ in range(wide)]
        xy = np.concatenate([xy, *new])
    around = [(r, g) for r, g in relations if r.kind in ("around", "by", "along", "in_front_of")]
    return xy, facing(wish, xy, site, around, rng), np.full(len(xy), wish.length)


def _polar(site: Site, rng: np.random.Generator, n: int, half: float, far: float) -> Floats:
    """[n, 2] spots around the view axis, denser near the eye as the picture is."""
    distance = np.exp(rng.uniform(np.log(3.0), np.log(far), n))
    return site.point(rng.uniform(-half, half, n), distance)


def _ground_cost(plan: Plan, wish: Wish, xy: Floats, yaw: Floats, outline: Floats) -> Floats:
    site, terrain = plan.site, plan.site.terrain
    habitat = wish.habitat
    if wish.row.stands == "across" and terrain.water is not None:
        return np.zeros(len(xy))
    if wish.row.name == "pier" and terrain.water is not None:
        return spans.jetty_cost(site, xy, yaw, wish.length)
    if terrain.water is not None and habitat in ("afloat", "shallow"):
        deep = 0.3 if habitat == "afloat" else 0.05
        cost = short_of(terrain.depth(xy), deep, 30.0, 100.0)
        for disc in outline:
            cost += short_of(-terrain.shore(turned(xy, yaw, disc)), disc[2] + 0.2, WORLD / 2, 20.0)
        return cost + (short_of(-terrain.depth(xy), -0.7 * wish.height, 10.0, 60.0) if habitat == "shallow" else 0.0)
    if any(name == "path" for name in wish.about("on")):
        return short_of(terrain.shore(xy), wish.radius + 0.3, WORLD / 2, 20.0)
    cost = site.ground_cost(xy, yaw, outline, level=wish.building)
    if habitat == "beach" and terrain.water is not None:
        cost += 8.0 * np.maximum(terrain.shore(xy) - wish.radius - 3.0, 0)
    return cost


def _taste(plan: Plan, wish: Wish, xy: Floats) -> Floats:
    """[n] cost of spots that make a poor picture."""
    site = plan.site
    distance = site.distance(xy)
    cost = site.start_cost(xy, wish.depth, wish.height)
    if wish.row.stands != "across":
        cost += site.view_cost(xy, wish.radius, wish.height)
    if wish.height > 2.5 and wish.habitat == "land":
        # The middle of the view belongs to the water.
        cost += 14.0 * np.maximum(1 - np.abs(site.bearing(xy)) / 0.4, 0) * site.water_behind(xy)
    near = comfortable(wish)
    if wish is plan.focal:
        # A ring of houses is seen whole from a little outside its opening.
        rings = [1.35 * ring_radius(w.newcomer) for w in plan.all if w.radius > 2 and wish.id in w.about("around")]
        before = [2.0 + 2 * w.depth for w in plan.all if wish.id in w.about("in_front_of")]
        near = max(near, 8.0, *rings) + max(before, default=0.0)
        off = np.abs(np.abs(site.bearing(xy)) - 0.2)
        focus = np.hypot(*(xy - np.asarray(site.terrain.focus)).T)
        return (
            cost
            + 2.0 * np.maximum(near - distance, 0)
            + 1.5 * np.maximum(distance - near - 5, 0)
            + 10 * off
            + 0.2 * focus
        )
    far = 17.0 + 2.5 * wish.radius + (8.0 if wish.habitat == "afloat" else 0.0)
    if wish.habitat == "afloat" and site.terrain.water is not None:
        offshore = 16.0 if any(t in WATERS for t in wish.about("in")) else 3.0
        cost += 0.6 * np.maximum(offshore + wish.radius + site.terrain.shore(xy), 0)
    wander = plan.rng.uniform(0, 3.0 if "plant" in wish.row.kinds else 0.6, len(xy))
    return (
        cost
        + (2.5 if wish.height > 1.5 else 0.6) * np.maximum(near - distance, 0)
        + 0.22 * np.maximum(distance - far, 0)
        + wander
    )


def _elbow_room(plan: Plan, wish: Wish, xy: Floats) -> Floats:
    """Metres [n] missing to what is to be placed between this wish and another, or the water, later on."""
    lack = np.zeros(len(xy))
    for other in plan.all:
        for relation in other.relations:
            if relation.kind != "between" or wish.id not in relation.to or other is wish:
                continue
            fenced = any(w.row.stands == "line" and set(w.about("around")) & set(relation.to) for w in plan.all)
            room = 2 * other.radius + 1.2 + (5.0 if fenced else 0.0)
            for name in relation.to:
                group = plan.group(name) if name != wish.id else None
                if group is not None:
                    gap = np.abs(group.distance(xy)) - wish.radius
                    lack += np.maximum(room - gap, 0) + 0.15 * np.maximum(gap - room - 5, 0)
    return lack


def _sibling_cost(plan: Plan, wish: Wish, apart: Floats) -> Floats:
    """[n] cost of copies that crowd or stray from each other; rings and lines have their own order.

    `apart` [n] are the metres to the nearest copy so far, inf before the first.
    """
    if wish.about("around", "along") or not np.isfinite(apart).any():
        return np.zeros(len(apart))
    between = any(r.kind == "between" and wish.id in r.to for w in plan.all for r in w.relations)
    room = 3.0 if between else 0.35 * wish.radius + 0.15
    return 4.0 * np.maximum(room - apart, 0) + 0.5 * np.maximum(apart - 2.5 - 2.5 * wish.radius, 0)


def _enclosing(plan: Plan, wish: Wish) -> float | None:
    """Half side of the square of a fence or wall that goes round things; None for all others."""
    names = [n for n in wish.about("around") if plan.wish(n) is not None]
    if wish.row.stands != "line" or not names:
        return None
    group = plan.group(names[0])
    if group is None:
        return None
    middle = group.xy.mean(0)
    reach = np.hypot(*(group.discs[:, :2] - middle).T) + group.discs[:, 2]
    return float(reach.max()) * (0.92 if len(group.xy) == 1 else 1.0) + 0.9


def _reserve(plan: Plan, wish: Wish) -> float:
    """Metres to keep free around a thing for those that will gather round it."""
    room = 0.0
    for other in plan.all:
        if other.index in plan.stands or wish.id is None or wish.id not in other.about("around"):
            continue
        room = max(room, 2.2 if other.row.stands == "line" else 2 * other.radius + 1.2)
    return min(room, 5.0)


def _release(plan: Plan, name: str) -> None:
    wish = plan.wish(name)
    if wish is not None and wish.index in plan.stands and _reserve(plan, wish) == 0:
        plan.site.release(wish.index)


def _stand(plan: Plan, wish: Wish, xy: Floats, yaw: float, outline: Floats, length: float, half: float | None) -> Stand:
    on = None
    carriers = [
        (kind, w) for kind in ("on", "in") for t in wish.about(kind) if (w := plan.wish(t)) and w.index in plan.stands
    ]
    if carriers:
        copies = plan.stands[carriers[0][1].index]
        on = min(copies, key=lambda s: float(np.hypot(*(s.xy - xy))))
    if wish.row.stands == "across":
        outline = spans.row_of_discs(length, 1.2)
    spot = xy[None]
    turn = np.array([yaw])
    discs = np.array([[*turned(spot, turn, disc)[0], disc[2]] for disc in outline])
    stretched = wish.row.stands in ("line", "across")
    inside = bool(carriers) and carriers[0][0] == "in"
    return Stand(wish, xy, yaw, discs, length if stretched else None, half, on, inside)


def _regret(plan: Plan, wish: Wish, broken: float, total: float) -> None:
    """Say so, once, where a wish could not be met."""
    name = wish.id or wish.row.name
    if broken > 1.5 and not any(f"'{name}' stands" in n for n in plan.notes):
        plan.notes.append(f"'{name}' stands as near to where it was wanted as there was room.")
    elif total > WORLD / 2 and not any(f"'{name}' is cramped" in n for n in plan.notes):
        plan.notes.append(f"'{name}' is cramped: there was no better ground for it.")
