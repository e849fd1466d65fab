"""Which way things look: doors towards the visitor, benches towards the water or the fire, boats along the river."""

import numpy as np

from splatworld.generate.procedural.relations import Group
from splatworld.generate.procedural.site import Floats, Site
from splatworld.generate.procedural.wishes import Wish
from splatworld.scene_spec import Relation


def facing(
    wish: Wish, xy: Floats, site: Site, targets: list[tuple[Relation, Group]], rng: np.random.Generator
) -> Floats:
    """Yaws [n] for a thing that may stand at any of `xy` [n, 2]; yaw 0 looks towards -Y."""
    n = len(xy)
    jitter = rng.normal(0, 0.12, n)
    to_eye = _yaw_towards(site.eye - xy)
    if wish.row.stands == "water":
        return _moored(wish, xy, site, to_eye, rng)
    if wish.row.stands in ("line", "across"):
        return _stretched(wish, xy, targets, to_eye) + 0.5 * jitter
    if any(k in wish.row.kinds for k in ("plant", "tree", "rock", "container")) or wish.row.name == "rock":
        return rng.uniform(0, 2 * np.pi, n)
    things = [(r, g) for r, g in targets if g.kind == "things"]
    if things and (any(r.kind == "around" for r, _ in things) or "seat" in wish.row.kinds):
        return _yaw_towards(_nearest(xy, things[0][1]) - xy) + 0.5 * jitter
    if "seat" in wish.row.kinds:
        return np.where(site.terrain.shore(xy) < 14, _yaw_towards(-_uphill_of_shore(xy, site)), to_eye + 3 * jitter)
    if wish.building:
        return _doors(xy, site, to_eye, rng) + jitter
    return to_eye + 2 * jitter


def _doors(xy: Floats, site: Site, to_eye: Floats, rng: np.random.Generator) -> Floats:
    """Towards the path where it is near, else a little past the visitor, so that two walls are seen."""
    aslant = to_eye + np.sign(site.bearing(xy) + 1e-9) * rng.uniform(0.25, 0.5)
    path = site.terrain.path
    if path is None:
        return aslant
    line = np.asarray(path, np.float64)
    nearest = line[np.hypot(xy[:, 0, None] - line[:, 0], xy[:, 1, None] - line[:, 1]).argmin(1)]
    to_path = _yaw_towards(nearest - xy)
    # A door that looks away from the visitor makes a dull picture: turn it half-way.
    away = (to_path - aslant + np.pi) % (2 * np.pi) - np.pi
    return aslant + np.clip(away, -0.8, 0.8)


def _moored(wish: Wish, xy: Floats, site: Site, to_eye: Floats, rng: np.random.Generator) -> Floats:
    inland = _uphill_of_shore(xy, site)
    if wish.habitat == "beach":
        return _yaw_towards(inland) + rng.uniform(-0.7, 0.7, len(xy))
    if site.terrain.water in ("river", "stream"):
        return _yaw_towards(np.column_stack([-inland[:, 1], inland[:, 0]])) + rng.normal(0, 0.1, len(xy))
    side = np.where(rng.uniform(size=len(xy)) < 0.5, -1, 1)
    return to_eye + side * rng.uniform(0.7, 1.9, len(xy))


def _stretched(wish: Wish, xy: Floats, targets: list[tuple[Relation, Group]], to_eye: Floats) -> Floats:
    """X along what it follows, else across the view."""
    follow = [g for r, g in targets if r.kind in ("along", "by") and len(g.discs) > 2]
    if not follow:
        return to_eye
    line = follow[0].discs[:, :2]
    out = np.empty(len(xy))
    for i, p in enumerate(xy):
        near = line[np.argsort(np.hypot(*(line - p).T), kind="stable")[:7]]
        axis = np.linalg.svd(near - near.mean(0), full_matrices=False)[2][0]
        out[i] = np.arctan2(axis[1], axis[0])
    return out


def _uphill_of_shore(xy: Floats, site: Site) -> Floats:
    """[n, 2] direction away from the water, any length."""
    ex, ey = np.array([1.5, 0.0]), np.array([0.0, 1.5])
    shore = site.terrain.shore
    if site.terrain.water is None:
        return np.tile([0.0, -1.0], (len(xy), 1))
    return np.column_stack([shore(xy + ex) - shore(xy - ex), shore(xy + ey) - shore(xy - ey)]).astype(np.float64)


def _nearest(xy: Floats, group: Group) -> Floats:
    apart = np.hypot(xy[:, 0, None] - group.xy[:, 0], xy[:, 1, None] - group.xy[:, 1])
    return group.xy[apart.argmin(1)]


def _yaw_towards(d: Floats) -> Floats:
    """Yaws [n] that turn -Y to directions [n, 2]."""
    return np.arctan2(d[:, 0], -d[:, 1])
