"""Codebooks of SOG: 256 values that stand for all values of an array.

One-dimensional k-means. On sorted values a cluster is a run, so with running sums a step of Lloyd's algorithm costs 256
look-ups, however many values there are.
"""

import numpy as np
from numpy.typing import NDArray

SIZE = 256
_KNOTS = 4_096
_STEPS_MAX = 300


def codebook(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The codebook, rising [256], and for each of `values`, of any shape, the index of the nearest entry.

    Values of no more than 256 kinds are kept exactly. Ends at a fixed point of the squared error, or close to one.
    """
    if not values.size:
        return np.zeros(SIZE, np.float32), np.zeros(values.shape, np.uint8)
    ranked = np.sort(values, axis=None)
    steps = np.flatnonzero(np.diff(ranked)) + 1
    kinds = ranked[np.r_[0, steps]]
    entries = _padded(kinds) if len(kinds) <= SIZE else _clustered(ranked)
    middles = (entries[1:].astype(np.float64) + entries[:-1]) / 2
    return entries, np.searchsorted(middles, values).astype(np.uint8)


def _padded(kinds: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([kinds, np.full(SIZE - len(kinds), kinds[-1])]).astype(np.float32)


def _clustered(ranked: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lloyd's algorithm from the start of `_first_guess`."""
    sums = np.r_[0.0, np.cumsum(ranked, dtype=np.float64)]
    entries = _first_guess(ranked)
    ends = np.zeros(0, np.intp)
    for _ in range(_STEPS_MAX):
        before, ends = ends, np.searchsorted(ranked, (entries[1:] + entries[:-1]) / 2)
        if np.array_equal(before, ends):
            break
        edges = np.r_[0, ends, len(ranked)]
        counts = np.diff(edges)
        entries = np.where(counts, np.diff(sums[edges]) / np.maximum(counts, 1), entries)
    return entries.astype(np.float32)


def _first_guess(ranked: NDArray[np.float32]) -> NDArray[np.float64]:
    """Entries as dense as the cube root of the density of the values: the best for many entries (Panter, Dite 1951)."""
    knots = ranked[np.linspace(0, len(ranked) - 1, min(_KNOTS, len(ranked))).astype(np.intp)].astype(np.float64)
    reached = np.r_[0.0, np.cumsum(np.diff(knots) ** (2 / 3))]
    return np.interp((np.arange(SIZE) + 0.5) / SIZE * reached[-1], reached, knots)
