"""Order along a Morton curve: what is near in space comes to stand near in the file."""

import numpy as np
from numpy.typing import NDArray

_BITS = 21
"""Of each axis: three times as many fill a 64-bit word."""
_SPREAD = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)
"""Steps that draw the bits of a word apart, two empty ones after each."""


def morton_order(points: NDArray[np.floating]) -> NDArray[np.intp]:
    """Rows of `points` [n, 3] along the curve, [n]; equal points keep their order. Cells are cubes."""
    if not len(points):
        return np.zeros(0, np.intp)
    low = points.min(0)
    span = max(float((points.max(0) - low).max()), 1e-30)
    cells = ((points - low).astype(np.float64) * ((2**_BITS - 1) / span)).astype(np.uint64)
    code = _spread(cells[:, 0]) | (_spread(cells[:, 1]) << np.uint64(1)) | (_spread(cells[:, 2]) << np.uint64(2))
    return np.argsort(code, kind="stable")


def _spread(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    for shift, mask in _SPREAD:
        words = (words | (words << np.uint64(shift))) & np.uint64(mask)
    return words
