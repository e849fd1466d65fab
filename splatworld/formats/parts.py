"""Splats that lie in several parts of a file, each in a place of its own: nodes of a glTF, prims of a USD."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from splatworld.errors import FormatError
from splatworld.geometry import Similarity, quats_from_matrices
from splatworld.splats import Splats

_ROUNDING = 1e-3
"""By how much a transform may differ from a similarity, as a share."""


@dataclass(frozen=True)
class Part:
    """Rows from `start` on; `place` turns them into the axes of the file."""

    start: int
    count: int
    place: Similarity


P = TypeVar("P", bound=Part)


def fill(parts: Sequence[P], fill_part: Callable[[P, int, Splats], None], start: int, target: Splats) -> None:
    """Write the rows from `start` on into all tensors of `target`: what a `streams.Source` is asked for.

    `fill_part(part, first, rows)` writes those of one part, from its own row `first` on, as they stand there.
    """
    for part in parts:
        first, last = max(start, part.start), min(start + len(target), part.start + part.count)
        if first >= last:
            continue
        rows = target[first - start : last - start]
        fill_part(part, first - part.start, rows)
        if not part.place.is_identity:
            placed = rows.transformed(part.place)
            for name in ("means", "quats", "log_scales", "sh"):
                getattr(rows, name)[:] = getattr(placed, name)


def similarity(place: NDArray[np.float64], what: str) -> Similarity:
    """A transform that turns, moves and scales all axes alike, from its matrix [4, 4]; `FormatError` for others."""
    if not np.isfinite(place).all():
        raise FormatError(f"{what} has a transform that is no finite number")
    if np.array_equal(place, np.eye(4)):
        return Similarity()
    linear = place[:3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(np.cbrt(np.linalg.det(linear)))
    if not 1e-12 < abs(scale) < 1e12:
        raise FormatError(f"{what} scales by nothing, or beyond all measure")
    if scale < 0:
        raise FormatError(f"{what} mirrors its splats, which only the program that made them can carry out")
    turn = linear / scale
    if np.abs(turn @ turn.T - np.eye(3)).max() > _ROUNDING:
        raise FormatError(f"{what} scales its splats unequally along the axes; only equal scaling is read")
    w, x, y, z = quats_from_matrices(turn[None])[0].tolist()
    tx, ty, tz = place[:3, 3].tolist()
    return Similarity(scale, (w, x, y, z), (tx, ty, tz))
