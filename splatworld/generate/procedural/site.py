"""`Site`: the ground with all that stands on it so far, and what a spot costs there.

The layout weighs spots by cost. One unit is a matter of taste; `WISH` breaks what was asked for; `WORLD` breaks the
world itself: a house in the lake, a tree through a wall.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.terrain import Terrain

Floats = NDArray[np.float64]

WISH = 30.0
"""Cost of each metre by which a relation is missed."""
WORLD = 1000.0
"""Cost of a spot that the world forbids."""
HALF_VIEW = 0.62
"""Radians to either side of the view axis that lie well inside a 16:9 picture of 55 degrees."""
PATH_HALF_WIDTH = 0.8
"""Metres of the trodden path that stay free on either side of its middle."""


@dataclass
class Site:
    """Discs stand for things: each thing is one disc, a long one is a row of them."""

    terrain: Terrain
    eye: Floats
    """[2] where the visitor starts."""
    ahead: Floats
    """[2] unit direction of the first look."""
    discs: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    """[k, 4]: x, y, radius, and the metres around it that are kept for things that belong to it."""
    heights: Floats = field(default_factory=lambda: np.zeros(0))
    """[k] metres."""
    owners: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """[k] which wish a disc belongs to; -1 = none."""

    def distance(self, xy: Floats) -> Floats:
        """Metres [n] from the eye to points [n, 2]."""
        return np.hypot(xy[:, 0] - self.eye[0], xy[:, 1] - self.eye[1])

    def bearing(self, xy: Floats) -> Floats:
        """Radians [n] to the right of the view axis."""
        d = xy - self.eye
        return np.arctan2(d @ np.array([self.ahead[1], -self.ahead[0]]), d @ self.ahead)

    def point(self, bearing: Floats, distance: Floats) -> Floats:
        """[n, 2] points seen from the eye at `bearing` and `distance`: the inverse of the two above."""
        right = np.array([self.ahead[1], -self.ahead[0]])
        return self.eye + distance[:, None] * (np.cos(bearing)[:, None] * self.ahead + np.sin(bearing)[:, None] * right)

    def add(self, discs: Floats, height: float, owner: int, *, reserve: float = 0.0) -> None:
        """Something of `discs` [k, 3] stands here from now on."""
        rows = np.column_stack([discs, np.full(len(discs), reserve)])
        self.discs = np.concatenate([self.discs, rows])
        self.heights = np.concatenate([self.heights, np.full(len(discs), height)])
        self.owners = np.concatenate([self.owners, np.full(len(discs), owner)])

    def release(self, owner: int) -> None:
        """What was kept around the things of `owner` is free again."""
        self.discs[self.owners == owner, 3] = 0.0

    def clearance(self, xy: Floats, yaw: Floats, outline: Floats, *, friends: Collection[int] = (),
                  through: Collection[int] = ()) -> Floats:  # fmt: skip
        """Metres [n] of free ground between a thing of `outline` and all others, < 0 where it would cut into one.

        Around `friends` nothing is kept free; things of `through` may be cut.
        """
        known = ~np.isin(self.owners, list(through))
        keep = np.where(np.isin(self.owners, list(friends)), 0.0, self.discs[:, 3])
        return gaps(xy, yaw, outline, np.column_stack([self.discs[:, :2], self.discs[:, 2] + keep])[known])

    def ground_cost(self, xy: Floats, yaw: Floats, outline: Floats, *, level: bool) -> Floats:
        """[n] cost of wet, steep and trodden ground for a thing that stands on land."""
        cost = np.zeros(len(xy))
        for disc in outline:
            at = turned(xy, yaw, disc)
            cost += short_of(self.terrain.shore(at), disc[2] + 0.4, WORLD / 2, 20.0)
            cost += short_of(self.terrain.path_distance(at), disc[2] + PATH_HALF_WIDTH, WORLD / 4, 20.0)
        free = 0.18 if level else 0.5
        return cost + 25.0 * np.maximum(self.terrain.slope(xy) - free, 0)

    def start_cost(self, xy: Floats, radius: float, height: float) -> Floats:
        """[n] cost of standing on the visitor's toes or in front of the visitor's nose."""
        reach = self.distance(xy) - radius
        cost = short_of(reach, 1.8, WORLD / 2, 50.0)
        if height > 1.0:
            cost += np.where(np.abs(self.bearing(xy)) < 0.8, short_of(reach, 3.8, 90.0, 20.0), 0)
        return cost

    def view_cost(self, xy: Floats, radius: float, height: float) -> Floats:
        """[n] cost of spots outside the first view, hidden in it, or hiding what stands there already."""
        bearing, distance = self.bearing(xy), self.distance(xy)
        outside = np.maximum(np.abs(bearing) + 0.5 * radius / np.maximum(distance, 1) - HALF_VIEW, 0)
        cost = 40.0 * outside + 8.0 * (outside > 0)
        shown = np.flatnonzero((self.heights > 0.6) & (self.owners >= 0))
        if not len(shown):
            return cost
        size = self.discs[shown, 2] * self.heights[shown] / self.distance(self.discs[shown, :2])
        shown = shown[np.argsort(-size, kind="stable")[:80]]
        other_bearing, other_distance = self.bearing(self.discs[shown, :2]), self.distance(self.discs[shown, :2])
        half = np.arctan(radius / np.maximum(distance, 0.5))[:, None] + np.arctan(self.discs[shown, 2] / other_distance)
        overlap = np.clip(1.2 - np.abs(bearing[:, None] - other_bearing) / half, 0, 1)
        hides = np.where(distance[:, None] < other_distance, min(height, 3.0), 0.0)
        hidden = np.where(distance[:, None] > other_distance, np.minimum(self.heights[shown], 3.0), 0.0)
        return cost + 2.5 * (overlap * np.maximum(hides, hidden)).max(1)

    def water_behind(self, xy: Floats) -> NDArray[np.bool_]:
        """[n] True where water lies within 24 m behind a dry spot, as seen from the eye."""
        if self.terrain.water is None:
            return np.zeros(len(xy), bool)
        away = (xy - self.eye) / np.maximum(self.distance(xy), 1e-6)[:, None]
        beyond = np.array([self.terrain.shore(xy + step * away) < 0 for step in (4.0, 10.0, 17.0, 24.0)])
        return beyond.any(0) & (self.terrain.shore(xy) > 0)


def turned(xy: Floats, yaw: Floats, disc: Floats) -> Floats:
    """[n, 2] where a disc of an outline comes to lie when its thing stands at `xy` turned by `yaw`."""
    c, s = np.cos(yaw), np.sin(yaw)
    return xy + np.column_stack([c * disc[0] - s * disc[1], s * disc[0] + c * disc[1]])


def gaps(xy: Floats, yaw: Floats, outline: Floats, discs: Floats) -> Floats:
    """[n] smallest gap between `outline` [k, 3] standing at `xy`, turned by `yaw`, and `discs` [m, 3]; inf if none."""
    best = np.full(len(xy), np.inf)
    if not len(discs):
        return best
    step = max(1, 2_000_000 // len(xy))  # bounds the memory of many copies among many things
    for disc in outline:
        at = turned(xy, yaw, disc)
        for some in (discs[i : i + step] for i in range(0, len(discs), step)):
            apart = np.hypot(at[:, 0, None] - some[:, 0], at[:, 1, None] - some[:, 1]) - some[:, 2]
            best = np.minimum(best, apart.min(1) - disc[2])
    return best


def short_of(value: NDArray[np.floating], least: float, base: float, each: float) -> Floats:
    """[n] cost where `value` is less than `least`: `base`, and `each` for every unit that is missing."""
    missing = np.maximum(least - np.asarray(value, np.float64), 0)
    return np.where(missing > 0, base + each * missing, 0.0)
