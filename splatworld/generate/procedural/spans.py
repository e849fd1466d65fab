"""Long things: bridges across water, piers into it, fences and walls that follow the ground or go round a house."""

import numpy as np

from splatworld.generate.procedural.placement import Part
from splatworld.generate.procedural.site import Floats, Site, short_of
from splatworld.generate.procedural.terrain import Terrain
from splatworld.generate.procedural.wishes import row_of_discs

RAMP = 1.2
"""Metres of a bridge that lie on either bank."""
GATE = 2.0
"""Metres left open in front of a fence that goes round something."""
PIECE = 2.6
"""Longest piece of a fence, so that it follows the ground."""


def crossings(site: Site, rng: np.random.Generator, *, longest: float = 34.0) -> tuple[Floats, Floats, Floats]:
    """Where a bridge can cross the water: middles [n, 2], yaws [n], lengths [n] with ramps; maybe none.

    From wet spots in view the shore is sought both ways along ten directions; the shortest way across is taken.
    """
    bearing, distance = rng.uniform(-0.55, 0.55, 900), rng.uniform(7, 48, 900)
    spots = site.point(bearing, distance)
    spots = spots[site.terrain.shore(spots) < -0.2][:70]
    if not len(spots):
        return np.zeros((0, 2)), np.zeros(0), np.zeros(0)
    yaw = np.linspace(0, np.pi, 10, endpoint=False)
    direction = np.column_stack([np.cos(yaw), np.sin(yaw)])
    steps = np.arange(0, longest, 0.4)
    walk = steps[:, None] * direction[:, None]
    ends = []
    for sign in (-1, 1):
        dry = site.terrain.shore((spots[:, None, None] + sign * walk).reshape(-1, 2)).reshape(len(spots), 10, -1) > 0.1
        ends.append(np.where(dry.any(2), steps[dry.argmax(2)], np.inf))
    best = (ends[0] + ends[1]).argmin(1)
    back, on = (end[np.arange(len(spots)), best] for end in ends)
    ok = back + on < longest
    back, on, best = back[ok], on[ok], best[ok]
    return spots[ok] + ((on - back) / 2)[:, None] * direction[best], yaw[best], back + on + 2 * RAMP


def jetties(site: Site, shoreline: Floats, length: float) -> tuple[Floats, Floats]:
    """Piers from the shore straight out into the water: middles [n, 2] and yaws [n]."""
    e = 1.5
    ex, ey = np.array([e, 0]), np.array([0, e])
    shore = site.terrain.shore
    out = -np.column_stack(
        [shore(shoreline + ex) - shore(shoreline - ex), shore(shoreline + ey) - shore(shoreline - ey)]
    )
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    return shoreline + (length / 2 - 1.4) * out, np.arctan2(out[:, 1], out[:, 0])


def jetty_cost(site: Site, middle: Floats, yaw: Floats, length: float) -> Floats:
    """[n] cost of piers that end on land again, or whose foot is wet."""
    along = np.column_stack([np.cos(yaw), np.sin(yaw)])
    tip = site.terrain.shore(middle + (length / 2) * along)
    foot = site.terrain.shore(middle - (length / 2) * along)
    return short_of(-tip, 0.5, 200.0, 20.0) + short_of(foot, 0.2, 100.0, 20.0)


def enclosure(half: float) -> Floats:
    """[k, 3] discs of a square fence of half side `half`, open in the middle of its front (-Y)."""
    strips = [_turned_row(x, y, yaw, length, 0.35) for x, y, yaw, length in _sides(half)]
    return np.concatenate(strips)


def _sides(half: float) -> list[tuple[float, float, float, float]]:
    wing = half - GATE / 2
    return [
        (-(GATE + wing) / 2, -half, 0.0, wing),
        ((GATE + wing) / 2, -half, 0.0, wing),
        (half, 0.0, np.pi / 2, 2 * half),
        (0.0, half, np.pi, 2 * half),
        (-half, 0.0, -np.pi / 2, 2 * half),
    ]


def _turned_row(x: float, y: float, yaw: float, length: float, radius: float) -> Floats:
    discs = row_of_discs(length, radius)
    return np.column_stack([x + np.cos(yaw) * discs[:, 0], y + np.sin(yaw) * discs[:, 0], discs[:, 2]])


def fence_parts(
    terrain: Terrain, xy: Floats, z: float, yaw: float, *, length: float, half: float | None
) -> tuple[Part, ...]:
    """Pieces of a straight fence of `length`, or of one round a square of half side `half`, each on its own ground."""
    sides = _sides(half) if half is not None else [(0.0, 0.0, 0.0, length)]
    pieces = [piece for side in sides for piece in _pieces(*side)]
    local = np.array([p[:2] for p in pieces])
    c, s = np.cos(yaw), np.sin(yaw)
    world = xy + np.column_stack([c * local[:, 0] - s * local[:, 1], s * local[:, 0] + c * local[:, 1]])
    heights = terrain.height(world)
    return tuple(
        Part((float(x), float(y), float(h - z)), float(turn), float(size))
        for (x, y, turn, size), h in zip(pieces, heights, strict=True)
    )


def _pieces(x: float, y: float, yaw: float, length: float) -> list[tuple[float, float, float, float]]:
    n = max(1, int(np.ceil(length / PIECE)))
    along = (np.arange(n) + 0.5) / n * length - length / 2
    return [(x + np.cos(yaw) * t, y + np.sin(yaw) * t, yaw, length / n) for t in along]
