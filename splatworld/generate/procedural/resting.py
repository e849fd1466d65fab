"""Where on a thing another thing can be put."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from splatworld.generate.procedural.floor_grid import Half, turned_half
from splatworld.generate.procedural.guests import Measure

if TYPE_CHECKING:
    from splatworld.generate.procedural.arrangement import Spot


def rest(measure: Measure, below: "Spot", there: Sequence["Spot"], inside: Half) -> tuple[float, float, float]:
    """x, y and z, world, where a thing of `measure` rests on `below`.

    Level, near its middle, clear of what is `there`, and within a room of half extents `inside`.
    """
    tops = below.guest.measure.tops * below.scale
    c, s = np.cos(below.yaw), np.sin(below.yaw)
    half = np.asarray(below.guest.measure.half) * below.scale
    free = np.maximum(half - measure.half, 0.0)
    grid = np.linspace(-0.95, 0.95, 11)
    spots = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2) * free
    near = np.hypot(spots[:, None, 0] - tops[None, :, 0], spots[:, None, 1] - tops[None, :, 1]) < max(
        measure.radius * 0.85, 0.05
    )
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
    k = int(np.argmin(np.where(np.isfinite(level), cost, 1e6 + cost)))
    limit = np.maximum(np.asarray(inside) - turned_half(measure.half, below.yaw), 0.0)
    x, y = np.clip(world[k], -limit, limit)
    top = level[k] if np.isfinite(level[k]) else below.guest.measure.height * below.scale
    return float(x), float(y), float(below.z + top)
