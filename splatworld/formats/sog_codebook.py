"""Codebooks of SOG: 256 values that stand for all values of an array.

One-dimensional k-means. On sorted values a cluster is a run, so with running sums a step of Lloyd's algorithm costs 256
look-ups, however many values there are. It moves entries to their neighbours' places only; between its fixed points,
entries are taken from where they gain little to where they gain more.
"""

import numpy as np
from numpy.typing import NDArray

SIZE = 256
_KNOTS = 4_096
_SAMPLE = 1 << 18
"""Values that entries are moved by; all of them have the last word."""
_STEPS_MAX = 300
_MOVES_MAX = 20


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
    """Lloyd's algorithm from the start of `_first_guess`, and again after each time that entries were moved."""
    picked = np.linspace(0, len(ranked) - 1, min(_SAMPLE, len(ranked))).astype(np.intp)
    sample = ranked[picked].astype(np.float64)
    sums = np.r_[0.0, np.cumsum(sample)]
    entries = _settled(sample, sums, _first_guess(ranked))
    for _ in range(_MOVES_MAX):
        moved = _moved(sample, sums, entries)
        if moved is None:
            break
        entries = _settled(sample, sums, moved)
    return _settled(ranked, np.r_[0.0, np.cumsum(ranked, dtype=np.float64)], entries).astype(np.float32)


def _edges(ranked: NDArray[np.floating], entries: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the run of each entry begins, and where the last one ends [257]."""
    return np.r_[0, np.searchsorted(ranked, (entries[1:] + entries[:-1]) / 2), len(ranked)]


def _settled(
    ranked: NDArray[np.floating], sums: NDArray[np.float64], entries: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Entries at the means of their runs, by Lloyd's algorithm."""
    edges = np.zeros(0, np.intp)
    for _ in range(_STEPS_MAX):
        before, edges = edges, _edges(ranked, entries)
        if np.array_equal(before, edges):
            break
        counts = np.diff(edges)
        entries = np.where(counts, np.diff(sums[edges]) / np.maximum(counts, 1), entries)
    return entries


def _moved(
    ranked: NDArray[np.float64], sums: NDArray[np.float64], entries: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Runs that gain most when they are cut get the entries of neighbours that lose least as one; None if none gains.

    Each move lowers the squared error by itself, as no two of them touch the same run.
    """
    edges = _edges(ranked, entries)
    counts = np.diff(edges)
    costs = counts[1:] * counts[:-1] / np.maximum(counts[1:] + counts[:-1], 1) * np.diff(entries) ** 2
    gains, cuts = _cuts(sums, edges)
    cheap, touched = iter(np.argsort(costs)), set[int]()
    entries = entries.copy()
    for run in np.argsort(-gains):
        if run in touched:
            continue
        pair = next((i for i in cheap if not touched & {i, i + 1} and run not in (i, i + 1)), None)
        if pair is None or gains[run] <= costs[pair] * (1 + 1e-9):
            break
        touched |= {run, pair, pair + 1}
        for left, first, last in ((run, edges[run], cuts[run]), (pair, edges[pair], edges[pair + 2])):
            entries[left] = (sums[last] - sums[first]) / max(last - first, 1)
        entries[pair + 1] = (sums[edges[run + 1]] - sums[cuts[run]]) / (edges[run + 1] - cuts[run])
    return np.sort(entries) if touched else None


def _cuts(sums: NDArray[np.float64], edges: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """How much the squared error of each run would fall if it were two [256], and where the second would begin."""
    counts = np.diff(edges)
    run = np.repeat(np.arange(len(counts)), counts)
    left = np.arange(len(run)) - edges[run]
    right = counts[run] - left
    means = np.diff(sums[edges]) / np.maximum(counts, 1)
    beyond = sums[:-1] - sums[edges[run]] - means[run] * left
    gains = np.where(left > 0, beyond**2 * (1 / np.maximum(left, 1) + 1 / right), 0)
    order = np.lexsort((gains, run))
    filled = counts > 0
    best = np.zeros(len(counts), np.intp)
    best[filled] = order[edges[1:][filled] - 1]
    return np.where(filled, gains[best], 0), best


def _first_guess(ranked: NDArray[np.float32]) -> NDArray[np.float64]:
    """Entries as dense as the cube root of the density of the values: the best for many entries (Panter, Dite 1951)."""
    knots = ranked[np.linspace(0, len(ranked) - 1, min(_KNOTS, len(ranked))).astype(np.intp)].astype(np.float64)
    reached = np.r_[0.0, np.cumsum(np.diff(knots) ** (2 / 3))]
    return np.interp((np.arange(SIZE) + 0.5) / SIZE * reached[-1], reached, knots)
