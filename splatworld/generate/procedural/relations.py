"""Relations as costs: how far a spot is from being "by the lake" or "behind the cabin".

Each kind of relation is measured in metres that are missing, on the discs that things stand for, as seen from the eye
where "behind" and "left of" need an onlooker. Zero means that it holds with some room to spare.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.site import PATH_HALF_WIDTH, Floats, Site
from splatworld.generate.procedural.terrain import Terrain
from splatworld.scene_spec import RelationKind

WATERS = ("lake", "river", "sea")


@dataclass(frozen=True, eq=False)
class Group:
    """What a relation points at: the copies of an item, the water, or the path."""

    xy: Floats
    """[m, 2] middles of the copies."""
    radius: Floats
    """[m]"""
    discs: Floats
    """[k, 3] all ground that it covers; for water, its waterline."""
    gap: Callable[[Floats], Floats] | None = None
    """Metres [n] to its border where discs are too coarse."""
    kind: str = "things"
    """"things", "water" or "path"."""
    ends: tuple[tuple[Floats, Floats], ...] = ()
    """Pairs of discs ([3], [3]) to stand between."""
    crown: float = 0.0
    """Metres by which branches reach beyond the disc."""

    @classmethod
    def union(cls, groups: list[Self]) -> Self:
        """Several groups as one."""
        if len(groups) == 1:
            return groups[0]
        parts = [(g.xy, g.radius, g.discs) for g in groups]
        xy, radius, discs = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(xy, radius, discs, crown=max(g.crown for g in groups))

    def distance(self, xy: Floats) -> Floats:
        """Metres [n] from points to its border; < 0 inside."""
        return self.gap(xy) if self.gap else (_apart(xy, self.discs[:, :2]) - self.discs[:, 2]).min(1)


@dataclass(frozen=True, eq=False)
class Newcomer:
    """What looks for a place: one of `count` copies, each a disc of `radius`."""

    radius: float
    count: int
    depth: float
    """Half of its extent towards the visitor, metres: the radius, but less for a fence across the view."""


def water_group(terrain: Terrain, site: Site) -> Group:
    """The waterline that the visitor has in view."""
    x, y = np.meshgrid(np.arange(-75, 75, 1.5), np.arange(-45, 105, 1.5))
    xy = np.column_stack([x.ravel(), y.ravel()])
    near = np.abs(terrain.shore(xy)) < 0.9
    ahead = near & (np.abs(site.bearing(xy)) < 0.75)
    line = xy[ahead if ahead.any() else near]
    if not len(line):
        line = xy[[int(np.argmin(np.abs(terrain.shore(xy))))]]
    discs = np.column_stack([line, np.full(len(line), 0.1)])
    return Group(
        line.mean(0, keepdims=True),
        np.zeros(1),
        discs,
        gap=lambda xy: terrain.shore(xy).astype(np.float64),
        kind="water",
    )


def path_group(path: NDArray[np.floating], site: Site) -> Group:
    """The part of the path that lies ahead, in steps of about a metre from near to far."""
    steps = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    even = np.arange(0, steps[-1], 1.0)
    line = np.column_stack([np.interp(even, steps, path[:, 0]), np.interp(even, steps, path[:, 1])])
    ahead = (np.abs(site.bearing(line)) < 0.68) & (site.distance(line) > 3.0) & (site.distance(line) < 60)
    line = line[ahead] if ahead.sum() > 3 else line
    discs = np.column_stack([line, np.full(len(line), PATH_HALF_WIDTH)])
    return Group(line.mean(0, keepdims=True), np.zeros(1), discs, kind="path")


def proposals(kind: RelationKind, a: Newcomer, b: Group, site: Site, rng: np.random.Generator) -> Floats:
    """[m, 2] spots worth a look for `a` that stands `kind` `b`."""
    pick = b.discs[rng.integers(len(b.discs), size=420)]
    if kind in ("on", "in", "under") and b.kind == "things":
        reach = rng.uniform(0, 1, 420) * (pick[:, 2] + b.crown + a.radius)
    else:
        lo, _ = around_gap(a, b) if kind == "around" else (0.0, 0.0)
        far = rng.uniform(0, 1, 420) ** 2 * (9 + 2.2 * a.radius * np.sqrt(a.count))
        reach = pick[:, 2] + a.radius + 0.15 + lo + far
    angle = rng.uniform(0, 2 * np.pi, 420)
    spots = pick[:, :2] + reach[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    if kind != "between":
        return spots
    chosen = [_on_segment(p, q, rng) for p, q in b.ends]
    return np.concatenate([spots, *chosen])


def missing(kind: RelationKind, xy: Floats, a: Newcomer, b: Group, site: Site) -> Floats:
    """Metres [n] by which spots fail "`a` stands `kind` `b`"; 0 where it holds."""
    match kind:
        case "by":
            return _by(xy, a, b)
        case "along":
            return _off(_outside(xy, b) - a.depth, 0.2, 2.2)
        case "around":
            return _off(_outside(xy, b) - a.radius, *around_gap(a, b))
        case "on" | "in" | "under":
            return _within(kind, xy, a, b)
        case "behind":
            return _in_depth(xy, a, b, site, beyond=True)
        case "in_front_of":
            return _in_depth(xy, a, b, site, beyond=False)
        case "left_of":
            return _beside(xy, a, b, site, side=-1)
        case "right_of":
            return _beside(xy, a, b, site, side=1)
        case "between":
            return np.min([_off_segment(xy, a, p, q) for p, q in b.ends], axis=0)


def slots(kind: RelationKind, xy: Floats, a: Newcomer, b: Group, site: Site, index: int) -> Floats:
    """Metres [n] from the share of the ring or line that copy `index` should take; 0 for other relations."""
    if a.count == 1:
        return np.zeros(len(xy))
    if kind == "around":
        return _ring_slot(xy, a, b, site, index)
    if kind == "along":
        return _line_slot(xy, a, b, site, index)
    return np.zeros(len(xy))


def around_gap(a: Newcomer, b: Group) -> tuple[float, float]:
    """Least and largest gap in metres between a ring of `a` and what it surrounds."""
    if len(b.xy) > 1 or b.kind != "things":
        return 0.4, 3.0 + 0.3 * a.radius
    crowded = ring_radius(a) - float(b.radius[0]) - a.radius
    lo = max(0.7, crowded) if a.radius > 0.6 else max(0.15, crowded)
    return lo, lo + 0.8 + 0.25 * a.radius


def ring_radius(a: Newcomer) -> float:
    """Metres of a ring that is long enough for all copies, with a third of it open towards the visitor."""
    return a.count * 2 * (a.radius + 0.35) / (2 * np.pi * 0.7)


def target(kind: RelationKind, groups: list[Group], site: Site) -> Group:
    """All that one relation points at as one group; for "between", with the pairs that something can stand between."""
    whole = Group.union(groups)
    return replace(whole, ends=tuple(_pairs(groups, site))) if kind == "between" else whole


def _pairs(groups: list[Group], site: Site) -> list[tuple[Floats, Floats]]:
    rows = [np.column_stack([g.xy, g.radius]) for g in groups if g.kind == "things"]
    borders = [g for g in groups if g.kind != "things"]
    if not rows:
        return [(borders[0].discs[0], np.append(site.eye, 0.5))]
    if borders:
        return [(p, _facing_end(p, g)) for g in borders for p in rows[0]]
    if len(rows) > 1:
        return [(p, q) for p in rows[0] for q in rows[1]][:40]
    inside = [(rows[0][i], rows[0][j]) for i in range(len(rows[0])) for j in range(i)]
    # One thing has no between: the visitor stands at the other end.
    return inside[:40] or [(rows[0][0], np.append(site.eye, 0.5))]


def _facing_end(p: Floats, border: Group) -> Floats:
    """The disc of a waterline or path that lies nearest to `p`, rather in its middle."""
    line = border.discs[:, :2]
    return border.discs[int(np.argmin(_apart(line, p[None, :2]) + 0.25 * _apart(line, border.xy)))]


def _by(xy: Floats, a: Newcomer, b: Group) -> Floats:
    room = 1.8 if b.kind == "things" else 3.2
    if a.count > 3:
        room += 0.9 * a.radius * np.sqrt(a.count)
    return _off(_outside(xy, b) - a.depth, 0.1, room)


def _within(kind: RelationKind, xy: Floats, a: Newcomer, b: Group) -> Floats:
    if b.kind == "path":
        return np.maximum(b.distance(xy) + 0.3, 0)
    if b.kind == "water":
        return np.maximum(b.distance(xy) + (2.5 if kind == "in" else 0.6) * a.radius, 0)
    if kind == "under":
        middle = (_apart(xy, b.discs[:, :2])).min(1)
        return _off(middle, a.radius + 0.45 if b.crown else 0.0, a.radius + 0.6 + 0.6 * b.crown)
    apart = _apart(xy, b.xy)
    return np.maximum((apart - np.maximum(0.35 * b.radius, 0.02)).min(1), 0)


def _in_depth(xy: Floats, a: Newcomer, b: Group, site: Site, *, beyond: bool) -> Floats:
    """Behind or in front of those discs of `b` that lie in the same direction, and of the middle of all."""
    distance, bearing = site.distance(xy), site.bearing(xy)
    other = site.distance(b.discs[:, :2])
    middle = b.xy.mean(0)
    past = (xy - middle) @ (middle - site.eye) / max(float(np.hypot(*(middle - site.eye))), 1e-6)
    half = np.arcsin(np.clip(b.discs[:, 2] / other, 0, 0.98))
    aside = np.abs(bearing[:, None] - site.bearing(b.discs[:, :2])) - 0.8 * half
    overlap = aside < a.radius / np.maximum(distance, 1)[:, None] * 0.6 + 0.02
    if beyond:
        limit = np.where(overlap, other + b.discs[:, 2], -np.inf).max(1)
        limit = np.where(overlap.any(1), limit, float((other + b.discs[:, 2]).max()))
        gap = np.minimum(distance - a.depth - limit, past)
    else:
        limit = np.where(overlap, other - b.discs[:, 2], np.inf).min(1)
        limit = np.where(overlap.any(1), limit, float((other - b.discs[:, 2]).min()))
        gap = np.minimum(limit - a.depth - distance, -past)
    room = (7.0 if beyond else 3.0) + 1.2 * a.depth * np.sqrt(a.count)
    short, long = np.maximum(0.3 - gap, 0), np.maximum(gap - room, 0)
    return short + 0.12 * long + np.maximum(aside.min(1), 0) * distance


def _beside(xy: Floats, a: Newcomer, b: Group, site: Site, *, side: int) -> Floats:
    distance, bearing = site.distance(xy), side * site.bearing(xy)
    other = site.distance(b.discs[:, :2])
    # Corners stick out of the disc, more so in a box along the axes.
    half = np.arcsin(np.clip(1.2 * b.discs[:, 2] / other, 0, 0.98))
    edge = (side * site.bearing(b.discs[:, :2]) + half).max()
    gap = (bearing - edge) * distance - a.radius
    room = 3.5 + 1.5 * a.radius * np.sqrt(a.count)
    level = np.abs(distance - float(np.median(other))) - (3.0 + 0.25 * float(np.median(other)))
    return np.maximum(0.25 - gap, 0) + 0.15 * np.maximum(gap - room, 0) + 0.25 * np.maximum(level, 0)


def _off_segment(xy: Floats, a: Newcomer, p: Floats, q: Floats) -> Floats:
    """Metres from the middle of the free stretch between two discs."""
    whole = float(np.hypot(*(q[:2] - p[:2]))) or 1e-6
    along = (q[:2] - p[:2]) / whole
    t = (xy - p[:2]) @ along
    aside = np.abs((xy - p[:2]) @ np.array([-along[1], along[0]]))
    middle = 0.5 * (whole + p[2] - q[2])
    slack = max(0.22 * (whole - p[2] - q[2] - 2 * a.radius), 0.05)
    cramped = max(2 * a.radius + 0.3 - (whole - p[2] - q[2]), 0.0)
    return np.maximum(np.abs(t - middle) - slack, 0) + np.maximum(aside - 0.15 - 0.06 * whole, 0) + cramped


def _ring_slot(xy: Floats, a: Newcomer, b: Group, site: Site, index: int) -> Floats:
    copies = len(b.xy) if b.kind == "things" else 1
    middle = b.xy[index % copies] if copies < a.count else b.xy.mean(0)
    n = max(-(-a.count // copies) if copies < a.count else a.count, 1)
    k = index // copies if copies < a.count else index
    to_eye = float(np.arctan2(*(site.eye - middle)[::-1]))
    reach = float(b.radius.max()) + a.radius + around_gap(a, b)[0]
    crowded = n > 3 and reach + 1.3 * a.radius + 1.8 > float(np.hypot(*(site.eye - middle)))
    opening = np.radians(104) if crowded else 2 * np.pi / n
    step = (2 * np.pi - opening) / max(n - 1, 1)
    wanted = to_eye + opening / 2 + k * step
    d = xy - middle
    off = np.abs((np.arctan2(d[:, 1], d[:, 0]) - wanted + np.pi) % (2 * np.pi) - np.pi)
    return np.maximum(off - 0.12 * step, 0) * np.maximum(np.hypot(d[:, 0], d[:, 1]), 0.5)


def _line_slot(xy: Floats, a: Newcomer, b: Group, site: Site, index: int) -> Floats:
    """Copies share the visible stretch of a line evenly; along a path they stand on alternate sides."""
    nearest = _apart(xy, b.discs[:, :2]).argmin(1)
    if b.kind == "path":
        position, step = np.arange(len(b.discs), dtype=np.float64), 7.0
    else:
        shown = b.discs[:, :2] - b.discs[:, :2].mean(0)
        axis = np.linalg.svd(shown, full_matrices=False)[2][0] if len(shown) > 1 else np.array([1.0, 0.0])
        position, step = shown @ axis, 6.0
    step = max(step, 2.1 * a.radius + 1.0)
    near = int(np.argmin(site.distance(b.discs[:, :2])))
    ahead = np.abs(site.bearing(b.discs[:, :2])) < 0.6
    lo, hi = (float(f(position[ahead if ahead.any() else slice(None)])) for f in (np.min, np.max))
    length = min(hi - lo, step * max(a.count, 1))
    first = np.clip(position[near] - length / 2, lo, hi - length)
    wanted = first + (index + 0.5) / a.count * length
    off = np.maximum(np.abs(position[nearest] - wanted) - 0.15 * length / a.count, 0)
    return off + (_wrong_side(xy, b, nearest, index) if b.kind == "path" else 0.0)


def _wrong_side(xy: Floats, b: Group, nearest: NDArray[np.int64], index: int) -> Floats:
    line = b.discs[:, :2]
    along = np.gradient(line, axis=0)[nearest] if len(line) > 1 else np.tile([0.0, 1.0], (len(xy), 1))
    d = xy - line[nearest]
    left = along[:, 0] * d[:, 1] - along[:, 1] * d[:, 0] > 0
    return np.where(left == bool(index % 2), 0.0, 2.0)


def _on_segment(p: Floats, q: Floats, rng: np.random.Generator) -> Floats:
    t = rng.uniform(0, 1, 60)[:, None]
    return p[:2] + t * (q[:2] - p[:2]) + rng.normal(0, 0.4, (60, 2))


def _outside(xy: Floats, b: Group) -> Floats:
    """Distance to the border; to the waterline from either side."""
    gap = b.distance(xy)
    return np.abs(gap) if b.kind == "water" else gap


def _off(value: Floats, lo: float, hi: float) -> Floats:
    return np.maximum(lo - value, 0) + np.maximum(value - hi, 0)


def _apart(a: Floats, b: Floats) -> Floats:
    return np.hypot(a[:, 0, None] - b[:, 0], a[:, 1, None] - b[:, 1])
