"""Plants and stones that nobody counted: each class has its habits, each place its usual company.

Spots are darts thrown at the ground, kept after the habits of the class (slope, water, patches) and thinned to a
Poisson-disk pattern, so that nothing clumps by accident and nothing stands in rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.catalogue import ThingClass
from splatworld.generate.procedural.placement import Placement
from splatworld.generate.procedural.site import HALF_VIEW, PATH_HALF_WIDTH, Floats, Site
from splatworld.generate.procedural.wishes import absent
from splatworld.noise import fbm
from splatworld.scene_spec import SceneSpec


@dataclass(frozen=True)
class Habit:
    """How a class spreads at density 1."""

    number: int
    """Copies within `far`, where the place has its usual share of 1."""
    near: float
    """Metres from the start where it begins."""
    far: float
    """Metres from the start where it ends."""
    spacing: float
    """Metres between two copies."""
    falloff: float = 0.5
    """Exponent of the radius: 0.5 spreads evenly over the ground, more is denser near the start."""
    steep: float = 0.8
    """Tangent of the steepest slope."""
    shore: tuple[float, float] = (0.7, np.inf)
    """Metres from the waterline between which it grows."""
    patch: float = 0.0
    """0 = everywhere, 1 = in patches only."""
    patch_metres: float = 14.0
    low: bool = True
    """Too low to stand in the way of a view."""


TREE = Habit(150, 6, 95, 2.7, 0.62, 0.85, (1.5, np.inf), 0.35, 26.0, low=False)
HABITS: Mapping[str, Habit] = {
    "bush": Habit(34, 5, 70, 1.6, 0.6, 0.9, (0.6, np.inf), 0.6, 18.0, low=False),
    "fern": Habit(150, 2.5, 45, 0.7, 0.75, 0.9, (0.5, np.inf), 0.75, 9.0),
    "flowers": Habit(260, 2.2, 48, 0.35, 0.85, 0.7, (0.6, np.inf), 0.9, 6.0),
    "grass": Habit(720, 1.6, 46, 0.22, 1.0, 0.9, (0.15, np.inf), 0.25, 5.0),
    "reeds": Habit(150, 3, 75, 0.4, 0.7, 0.9, (-0.9, 0.5), 0.85, 9.0),
    "mushroom": Habit(24, 2.2, 20, 0.5, 0.9, 0.7, (1.0, np.inf), 0.9, 4.0),
    "rock": Habit(26, 3.2, 80, 1.6, 0.65, 1.6, (-0.8, np.inf), 0.6, 16.0),
    "pebbles": Habit(110, 1.8, 32, 0.5, 0.85, 0.7, (-0.3, np.inf), 0.7, 6.0),
    "cliff": Habit(5, 55, 120, 14.0, 0.5, 3.0, (6.0, np.inf), low=False),
    "cactus": Habit(26, 7, 85, 2.5, 0.6, 0.6, (4.0, np.inf), 0.4, 24.0, low=False),
    "stump": Habit(6, 5, 40, 3.0, 0.6, 0.6, (1.0, np.inf)),
    "log": Habit(5, 5, 40, 4.0, 0.6, 0.5, (0.8, np.inf)),
    "palm": Habit(16, 7, 70, 3.0, 0.6, 0.5, (4.0, np.inf), 0.5, 20.0, low=False),
}
"""Trees that are not named share `TREE`."""
COMPANY: Mapping[str, Mapping[str, float]] = {
    "forest": {"pine": 0.5, "broadleaf": 0.4, "birch": 0.2, "bush": 0.8, "fern": 1.0, "grass": 0.75, "rock": 0.5,
               "flowers": 0.12, "mushroom": 1.0, "log": 1.0, "stump": 1.0, "pebbles": 0.2},
    "meadow": {"broadleaf": 0.09, "birch": 0.04, "bush": 0.3, "flowers": 1.0, "grass": 1.2, "rock": 0.2},
    "mountain": {"pine": 0.4, "rock": 1.5, "grass": 0.7, "flowers": 0.2, "bush": 0.3, "pebbles": 0.6, "cliff": 0.6},
    "lake": {"pine": 0.3, "birch": 0.15, "bush": 0.6, "reeds": 0.8, "grass": 1.0, "rock": 0.6, "flowers": 0.3,
             "pebbles": 0.3, "log": 0.3},
    "river": {"broadleaf": 0.25, "birch": 0.15, "bush": 0.7, "reeds": 0.6, "grass": 1.0, "rock": 0.9, "flowers": 0.3,
              "pebbles": 0.6, "log": 0.3},
    "desert": {"cactus": 0.6, "rock": 0.9, "grass": 0.08, "pebbles": 0.8},
    "beach": {"rock": 0.6, "pebbles": 1.0, "grass": 0.25, "log": 0.6},
    "snow": {"pine": 0.2, "rock": 0.6, "grass": 0.06},
    "village": {"broadleaf": 0.2, "bush": 0.5, "flowers": 0.4, "grass": 1.0, "rock": 0.1},
}  # fmt: skip
"""What grows in each place when the spec names no covers, as shares of the usual number."""
COMPANIONS = ("mushroom", "log", "stump", "pebbles", "reeds")
"""Small things that come along with the covers that a spec names."""
CLEARING = {"forest": (0.15, 26.0), "mountain": (0.3, 60.0)}
"""Half angle (radians) and depth (metres) of the view that trees keep open; other places are `OPEN`."""
OPEN = (0.5, 70.0)
FARTHER = {"meadow": 26.0, "lake": 12.0, "river": 12.0, "village": 24.0, "snow": 22.0, "mountain": 14.0}
"""Metres from the start where trees begin in places that are not woods."""
TREE_LINE = 34.0
"""Metres above the start where trees end in the mountains."""
BARE_IN_WINTER = ("flowers", "mushroom", "fern", "reeds")


def scatter(spec: SceneSpec, site: Site, rows: Mapping[str, ThingClass], middle: Floats, reach: float,
            rng: np.random.Generator) -> list[Placement]:  # fmt: skip
    """All covers of a place: those of the spec, and the usual company of the place for what the spec leaves open.

    `middle` [2] and `reach` are the focal thing's: trees keep the view of it open and frame it.
    """
    out: list[Placement] = []
    taken = np.zeros((0, 3))
    for thing, share in _shares(spec, rows).items():
        row = rows[thing]
        tree = "tree" in row.kinds
        habit = HABITS.get(thing, TREE if tree else Habit(30, 3, 50, 2 * row.footprint))
        xy, scale = _grown(spec, site, row, habit, share, taken, (middle, reach), rng)
        if not habit.low:
            taken = np.concatenate([taken, np.column_stack([xy, np.full(len(xy), habit.spacing / 2)])])
        out += _placed(site, row, xy, scale, rng)
    return out


def framing(
    spec: SceneSpec, site: Site, rows: Mapping[str, ThingClass], middle: Floats, rng: np.random.Generator
) -> list[Placement]:
    """One low thing in the near corner of the first view, on the side away from the focal thing: depth for the eye."""
    asked = {i.thing for i in spec.items}
    choice = {"forest": "rock", "meadow": "bush", "village": "bush", "desert": "rock", "beach": "log"}.get(
        spec.place, "rock"
    )
    row = rows[choice]
    if absent(spec, row) or choice in asked:
        return []
    side = -np.sign(float(site.bearing(middle[None])[0])) or 1.0
    bearing = side * rng.uniform(0.42, 0.62, 40)
    xy = site.point(bearing, rng.uniform(3.6, 5.4, 40))
    free = site.clearance(xy, np.zeros(40), np.array([[0, 0, row.footprint]])) > 0.2
    free &= (site.terrain.shore(xy) > row.footprint + 0.2) & (site.terrain.path_distance(xy) > row.footprint + 0.9)
    if not free.any():
        return []
    best = xy[free][:1]
    site.add(np.array([[*best[0], row.footprint]]), row.height, -1)
    return _placed(site, row, best, np.ones(1), rng)


def _shares(spec: SceneSpec, rows: Mapping[str, ThingClass]) -> dict[str, float]:
    """Class to share of its usual number, trees first: the spec's covers with their small companions."""
    usual = COMPANY.get(spec.place, {})
    asked = {i.thing for i in spec.items}
    if spec.covers:
        shares = {
            t: s
            for t, s in usual.items()
            if t in COMPANIONS and (t != "reeds" or spec.water in ("lake", "pond", "river"))
        }
        shares |= {c.thing: c.density for c in spec.covers if c.thing in rows}
    else:
        shares = {t: s for t, s in usual.items() if t not in asked}
    named = {c.thing for c in spec.covers}
    if spec.season == "winter" or spec.place == "snow":
        shares = {t: s for t, s in shares.items() if t in named or t not in BARE_IN_WINTER}
    allowed = {
        t: s for t, s in shares.items() if s > 0 and (t in named or t not in asked) and not absent(spec, rows[t])
    }
    return dict(
        sorted(allowed.items(), key=lambda ts: ("tree" not in rows[ts[0]].kinds, -rows[ts[0]].footprint, ts[0]))
    )


def _grown(spec: SceneSpec, site: Site, row: ThingClass, habit: Habit, share: float, taken: Floats,
           focal: tuple[Floats, float], rng: np.random.Generator) -> tuple[Floats, Floats]:  # fmt: skip
    """[n, 2] where copies of one class grow, and their sizes [n]."""
    number = round(habit.number * share)
    near = habit.near
    if "tree" in row.kinds:
        near = max(near, FARTHER.get(spec.place, near)) if share < 0.8 else near
        number = round(number * (1.0 if spec.place == "forest" else 0.75))
    thrown = max(40, 9 * number)
    radius = near + (habit.far - near) * rng.uniform(0, 1, thrown) ** habit.falloff
    # Two in three darts fly ahead, where the first look goes; the rest go all around.
    bearing = np.where(
        rng.uniform(size=thrown) < 0.55, rng.uniform(-0.95, 0.95, thrown), rng.uniform(-np.pi, np.pi, thrown)
    )
    xy = site.point(bearing, radius)
    scale = np.clip(np.exp(rng.normal(0, 0.16, thrown)), 0.68, 1.5)
    ok = _suits(spec, site, row, habit, xy, scale, focal, rng)
    if len(taken) and not habit.low:
        ok &= site_gap(xy, taken) > habit.spacing / 2
    xy, scale = xy[ok], scale[ok]
    kept = thinned(xy, habit.spacing * scale)[:number]
    return xy[kept], scale[kept]


def _suits(spec: SceneSpec, site: Site, row: ThingClass, habit: Habit, xy: Floats, scale: Floats,
           focal: tuple[Floats, float], rng: np.random.Generator) -> NDArray[np.bool_]:  # fmt: skip
    terrain = site.terrain
    lo, hi = habit.shore
    shore = terrain.shore(xy)
    size = row.footprint * scale
    ok = (terrain.slope(xy) < habit.steep) & (shore > lo)
    ok &= (shore < hi) if np.isfinite(hi) else True
    ok &= terrain.path_distance(xy) > PATH_HALF_WIDTH + (0.9 if not habit.low else 0.3 * size)
    margin = 0.5 if not habit.low else 0.05
    ok &= site.clearance(xy, np.zeros(len(xy)), np.zeros((1, 3))) > size + margin
    ok &= site.distance(xy) > size + 1.4
    if not habit.low:
        ok &= ~_in_view(spec, site, xy, size, focal)
        ok &= terrain.height(xy) < TREE_LINE + 8 * rng.normal(size=len(xy))
    elif row.height > 0.3 and terrain.water is not None:
        # At this height even grass hides a river: little of it, and nothing taller, grows before the water.
        before = (np.abs(site.bearing(xy)) < 0.5) & (site.distance(xy) > 5) & site.water_behind(xy)
        ok &= ~before | ((rng.uniform(size=len(xy)) < 0.2) & (row.height < 0.7))
    if row.name == "grass" and spec.place == "beach":
        ok &= shore > 9
    if habit.patch > 0:
        field = 0.5 + 0.5 * fbm(xy / habit.patch_metres, octaves=2, seed=int(rng.integers(1 << 20)))
        ok &= rng.uniform(size=len(xy)) < 1 - habit.patch * (1 - np.clip((field - 0.42) / 0.16, 0, 1))
    return ok


def _in_view(spec: SceneSpec, site: Site, xy: Floats, size: Floats, focal: tuple[Floats, float]) -> NDArray[np.bool_]:
    """True where a tall plant would stand before the focal thing, or in the open part of the view."""
    middle, reach = focal
    distance, bearing = site.distance(xy), site.bearing(xy)
    far = float(site.distance(middle[None])[0])
    half = np.arctan2(reach + 1.5 + size, far)
    before = (np.abs(bearing - float(site.bearing(middle[None])[0])) < half) & (distance < far + reach + 1)
    open_half, depth = CLEARING.get(spec.place, OPEN)
    stage = (np.abs(bearing) < open_half) & (distance < depth)
    near = (np.abs(bearing) < 0.75) & (distance < 5.5)
    return before | stage | near | _before_asked(site, xy, size)


def _before_asked(site: Site, xy: Floats, size: Floats) -> NDArray[np.bool_]:
    """True where a tall plant would hide something that was asked for and lies in the first picture."""
    asked = site.discs[site.owners >= 0]
    far, aside = site.distance(asked[:, :2]), site.bearing(asked[:, :2])
    shown = np.flatnonzero((np.abs(aside) < HALF_VIEW) & (far < 50))[:60]
    distance, bearing = site.distance(xy), site.bearing(xy)
    hidden = np.zeros(len(xy), bool)
    for i in shown:
        half = np.arctan2(asked[i, 2] + 0.6 * size, far[i])
        hidden |= (np.abs(bearing - aside[i]) < half + 0.5 * size / np.maximum(distance, 1)) & (distance < far[i])
    return hidden


def site_gap(xy: Floats, discs: Floats) -> Floats:
    """Metres [n] from points to the nearest of `discs` [k, 3], < 0 inside."""
    from scipy.spatial import KDTree

    reach = float(discs[:, 2].max())
    distance, nearest = KDTree(discs[:, :2]).query(xy, distance_upper_bound=reach + 10)
    radius = np.append(discs[:, 2], 0.0)[nearest]
    return np.where(np.isfinite(distance), distance - radius, 10.0)


def thinned(xy: Floats, spacing: Floats) -> NDArray[np.int64]:
    """Rows of points [n, 2] that stay as a Poisson-disk set: earlier points win, none is nearer than its `spacing` [n].

    Parallel greedy choice: a point is kept once no earlier undecided point conflicts, and drops all that it conflicts
    with; a few rounds settle thousands (Luby 1986).
    """
    from scipy.spatial import KDTree

    n = len(xy)
    if n < 2:
        return np.arange(n)
    pairs = KDTree(xy).query_pairs(float(spacing.max()), output_type="ndarray")
    first, second = pairs.min(1), pairs.max(1)
    conflict = np.hypot(*(xy[first] - xy[second]).T) < np.maximum(spacing[first], spacing[second])
    first, second = first[conflict], second[conflict]
    kept, open_ = np.zeros(n, bool), np.ones(n, bool)
    while open_.any():
        blocked = np.zeros(n, bool)
        blocked[second[open_[first]]] = True
        chosen = open_ & ~blocked
        kept |= chosen
        open_ &= ~chosen
        open_[second[chosen[first]]] = False
    return np.flatnonzero(kept)


def _placed(site: Site, row: ThingClass, xy: Floats, scale: Floats, rng: np.random.Generator) -> list[Placement]:
    """Copies of a class at spots [n, 2], turned at random, their feet in the ground."""
    n = len(xy)
    yaw = rng.uniform(0, 2 * np.pi, n)
    variant = rng.integers(max(row.variants, 1), size=n)
    foot = row.footprint * (0.2 if "tree" in row.kinds else 0.6)
    sink = np.minimum(site.terrain.slope(xy) * foot * scale, 0.4) + 0.01 if n else np.zeros(0)
    z = site.terrain.height(xy) - sink if n else np.zeros(0)
    return [
        Placement(None, row.name, (float(x), float(y), float(h)), float(a), scale=float(s), variant=int(v))
        for (x, y), h, a, s, v in zip(xy, z, yaw, scale, variant, strict=True)
    ]
