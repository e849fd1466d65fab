"""Who sits where around a table."""

from typing import TYPE_CHECKING

import numpy as np

from splatworld.generate.procedural.floor_grid import Floats
from splatworld.generate.procedural.guests import Guest

if TYPE_CHECKING:
    from splatworld.generate.procedural.arrangement import Spot


def seats_around(guest: Guest, index: int, middle: "Spot") -> list[tuple[int, float, int]]:
    """Places (side, share along it, row) for copy `index`, then all other seats as second choices."""
    wide, deep = (2 * h * middle.scale for h in middle.guest.measure.half)
    each = 2 * guest.measure.half[0] + 0.08
    seats: list[tuple[int, float, int]] = []
    left, row = guest.count, 0
    while left > 0 and row < 6:
        lengths = np.array([wide, deep, wide, deep]) + row * 1.2
        most = np.maximum(1, (lengths / each).astype(int))
        counts = _shared_out(left, lengths, most)
        for side, n in enumerate(counts):
            seats += [(side, 0.0 if n == 1 else -1 + 2 * k / (n - 1), row) for k in range(n)]
        left -= sum(counts)
        row += 1
    return seats[index:] + seats[:index]


def _shared_out(total: int, lengths: Floats, most: np.ndarray) -> list[int]:
    """Seats for each side: the next one goes where the most room is left for each."""
    counts = [0, 0, 0, 0]
    for _ in range(min(total, int(most.sum()))):
        room = [length / (n + 1) if n < m else -1.0 for n, m, length in zip(counts, most, lengths, strict=True)]
        side = int(np.argmax(np.array(room) + np.array([0.0, 1e-3, 2e-3, 0.0])))
        counts[side] += 1
    return counts
