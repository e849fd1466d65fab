"""`FloorGrid`: which parts of a room's floor are taken."""

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.room_plan import RoomPlan

Floats = NDArray[np.float64]
Half = tuple[float, float]
"""Half extents along x and y of a rectangle that lies square to the room, metres."""


def turned_half(half: Half, yaw: float, scale: float = 1.0) -> Half:
    """Half extents of the room-aligned box around a rectangle turned by `yaw`."""
    c, s = abs(np.cos(yaw)) * scale, abs(np.sin(yaw)) * scale
    return float(c * half[0] + s * half[1]), float(s * half[0] + c * half[1])


class FloorGrid:
    """The floor in small cells. A cell is taken by furniture, or kept free as the way to it.

    Many rectangles are tested at once through summed areas, so that a search over the whole floor costs one pass.
    """

    def __init__(self, plan: RoomPlan) -> None:
        self.half = (plan.width / 2, plan.depth / 2)
        self.cell = max(0.04, float(np.sqrt(plan.width * plan.depth)) / 220)
        self._size = tuple(int(np.ceil(2 * h / self.cell)) for h in self.half)
        self._taken = np.zeros(self._size, bool)
        self._kept = np.zeros(self._size, bool)
        self._sums: dict[bool, NDArray[np.int64]] = {}

    def clear(self, x: Floats, y: Floats, half: Half, *, ways: bool = True) -> NDArray[np.bool_]:
        """[n] True where a rectangle around (x, y) [n] is inside the room and free; with `ways`, out of the way too."""
        inside = (np.abs(x) + half[0] <= self.half[0] + 1e-6) & (np.abs(y) + half[1] <= self.half[1] + 1e-6)
        (x0, x1), (y0, y1) = self._range(x, half[0], 0), self._range(y, half[1], 1)
        s = self._summed(ways)
        return inside & (s[x1, y1] - s[x0, y1] - s[x1, y0] + s[x0, y0] == 0)

    def take(self, x: float, y: float, half: Half, *, only_keep: bool = False) -> None:
        """This rectangle is taken from now on, or only kept free of what has no business there."""
        (x0, x1), (y0, y1) = self._range(np.array([x]), half[0], 0), self._range(np.array([y]), half[1], 1)
        (self._kept if only_keep else self._taken)[x0[0] : x1[0], y0[0] : y1[0]] = True
        self._sums.clear()

    def places(self) -> tuple[Floats, Floats]:
        """X and y [n] of points all over the floor, fit for a search."""
        step = max(0.06, self.cell)
        x, y = (np.arange(-h + step / 2, h, step) for h in self.half)
        xx, yy = np.meshgrid(x, y)
        return xx.ravel(), yy.ravel()

    def _range(self, centre: Floats, half: float, axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        lo = np.floor((centre - half + self.half[axis]) / self.cell + 1e-6)
        hi = np.ceil((centre + half + self.half[axis]) / self.cell - 1e-6)
        return np.clip(lo, 0, self._size[axis]).astype(np.int64), np.clip(hi, 0, self._size[axis]).astype(np.int64)

    def _summed(self, ways: bool) -> NDArray[np.int64]:
        if ways not in self._sums:
            blocked = self._taken | self._kept if ways else self._taken
            self._sums[ways] = np.pad(blocked.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        return self._sums[ways]
