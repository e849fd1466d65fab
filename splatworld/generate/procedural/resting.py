"""Where on a thing another thing can be put."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from splatworld.generate.procedural.guests import Measure

if TYPE_CHECKING:
    from splatworld.generate.procedural.arrangement import Spot


def rest(measure: Measure, below: "Spot", there: Sequence["Spot"]) -> tuple[float, float, float]:
    """x, y and z, world, where a thing of `measure` rests on `below`: level, near its middle, clear of what is `there`."""
    tops = below.guest.measure.tops * below.scale
    c, s = np.cos(below.yaw), np.sin(below.yaw)
    if not len(tops):
        return below.x, below.y, below.z + below.guest.measure.height * below.scale
    half = np.asarray(below.guest.measure.half) * below.scale
    grid = np.linspace(-0.85, 0.85, 11)
    spots = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2) * half
    near = np.hypot(spots[:, None, 0] - tops[None, :, 0], spots[:, None, 1] - tops[None, :, 1]) < max(measure.radius * 0.85, 0.05)
    level = np.where(near, tops[None, :, 2], -np.inf).max(1)
    held = (near & (tops[None, :, 2] > level[:, None] - 0.05)).sum(1) * 2e-4
    area = np.pi * max(measure.radius * 0.85, 0.05) ** 2
    unheld = np.clip(1 - held / area, 0, 1)
    world = np.column_stack([below.x + c * spots[:, 0] - s * spots[:, 1], below.y + s * spots[:, 0] + c * spots[:, 1]])
    crowd = np.zeros(len(spots))
    for other in there:
        apart = np.hypot(*(world - other.xy).T) - other.guest.measure.radius - measure.radius
        crowd += 40 * np.maximum(0.0, 0.02 - apart)
    edge = np.abs(spots / half).max(1)
    cost = 6 * unheld + crowd + 0.5 * edge + 0.3 * np.hypot(*(spots / half).T)
    cost[~np.isfinite(level)] = np.inf
    if not np.isfinite(cost).any():
        return below.x, below.y, below.z + below.guest.measure.height * below.scale
    k = int(np.argmin(cost))
    return float(world[k, 0]), float(world[k, 1]), float(below.z + level[k])
