"""Polygons of files become triangles."""

import numpy as np
from numpy.typing import NDArray


def fans(counts: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Triangles of polygons that stand one after the other, with `counts` [p] corners each.

    Returned are numbers of corners [f, 3] and the polygon [f] of each triangle. Less than three corners make none.
    """
    counts = counts.astype(np.int64)
    first = np.cumsum(counts) - counts
    each = np.maximum(counts - 2, 0)
    polygon = np.repeat(np.arange(len(counts)), each)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(each) - each, each)
    return np.stack([first[polygon], first[polygon] + step + 1, first[polygon] + step + 2], 1), polygon
