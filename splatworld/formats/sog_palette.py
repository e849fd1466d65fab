"""The palette of SOG: up to 65,536 sets of SH coefficients that stand for those of all splats.

k-means at two levels, so that a splat is compared with hundreds of entries and not with all: a few hundred coarse
clusters of a sample first, then the entries inside each. Where an entry begins is drawn with the chance of the squared
distance to the coarse centre (as in k-means++), so that clusters get entries by their error and not by their count:
most splats hardly change with the direction of view, and need few.

The work is done by threads of ours with one thread of torch each: its matrices are too small to be shared.
"""

from contextlib import closing

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from splatworld.progress import Progress, Step
from splatworld.threads import in_order

_SIZE_STEP = 1_024
_ENTRIES_PER_GROUP, _GROUPS_MAX = 64, 256
_SAMPLE_ROWS = 65_536
_COARSE_STEPS, _FINE_STEPS = 8, 6
_EVEN_SHARE = 0.003
"""Part of the chance of a start that is the same for all rows."""
_BLOCK_DISTANCES = 1 << 20
"""4 MB of distances at a time stay in the cache."""


def palette_size(count: int) -> int:
    """Entries for so many splats: the power-of-two rule of the format's own writer, but all of a small set."""
    steps = 2 ** min(max((count // _SIZE_STEP).bit_length() - 1, 0), 6)
    return min(count, steps * _SIZE_STEP)


def palette(
    rows: Float[Tensor, "n d"], size: int, generator: torch.Generator, progress: Progress
) -> tuple[Float[Tensor, "k d"], Int[Tensor, " n"]]:
    """At most `size` entries, and the index of the one that stands for each row. The same for the same generator."""
    rows, kind, weight = _distinct(rows, generator)
    if size >= len(rows):
        return rows, kind
    coarse = _coarse(rows, min(max(size // _ENTRIES_PER_GROUP, 1), _GROUPS_MAX), generator)
    group, distance = _assigned(rows, coarse, progress)
    ends = torch.bincount(group, minlength=len(coarse)).cumsum(0).tolist()
    members = [index for index in torch.argsort(group, stable=True).tensor_split(ends[:-1]) if len(index)]
    starts = torch.zeros(len(rows), dtype=torch.bool)
    starts[_drawn(distance * weight, torch.stack([index[0] for index in members]), size, generator)] = True
    labels = torch.empty(len(rows), dtype=torch.int64)
    entries: list[Tensor] = []
    first = 0
    with closing(in_order(lambda index: _fine(rows[index], weight[index], starts[index]), members)) as clusters:
        for index, (found, label) in zip(members, clusters, strict=True):
            labels[index] = first + label
            entries.append(found)
            first += len(found)
            progress(Step(len(entries), len(members)))
    return torch.cat(entries), labels[kind]


def _distinct(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Each row once, which of them every row is, and how often it occurs: most rows of a made world are all 0.

    Rows are told apart by their length along a random direction, so that numbers are sorted and not rows.
    """
    direction = torch.randn(rows.shape[1], dtype=torch.float64, generator=generator)
    length = torch.cat([part.double() @ direction for part in rows.split(_SAMPLE_ROWS)])
    _, kind, count = torch.unique(length, return_inverse=True, return_counts=True)
    distinct = rows.new_empty(len(count), rows.shape[1])
    distinct[kind] = rows
    return distinct, kind, count.float()


def _coarse(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    sample = rows[torch.randperm(len(rows), generator=generator)[:_SAMPLE_ROWS]]
    return next(in_order(lambda start: _lloyd(sample, torch.ones(len(sample)), start, _COARSE_STEPS), [sample[:count]]))


def _assigned(rows: Tensor, centres: Tensor, progress: Progress) -> tuple[Tensor, Tensor]:
    """`_nearest` of many rows by several threads."""
    parts: list[tuple[Tensor, Tensor]] = []
    with closing(in_order(lambda part: _nearest(part, centres), rows.split(_SAMPLE_ROWS))) as results:
        for part in results:
            parts.append(part)
            progress(Step(0, len(centres)))  # none is finished, but whoever wants to stop is heard
    return torch.cat([label for label, _ in parts]), torch.cat([distance for _, distance in parts])


def _drawn(distance: Tensor, certain: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Rows [count] drawn without putting back, by squared distance: the first of n random clocks that ring."""
    rate = distance / distance.double().mean().clamp(min=1e-30).float() + _EVEN_SHARE
    rings = torch.empty_like(rate).exponential_(generator=generator) / rate
    rings[certain] = 0
    return torch.topk(rings, count, largest=False).indices


def _fine(rows: Tensor, weight: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Entries of one group, and labels of its rows."""
    entries = rows[starts]
    if len(entries) < len(rows):
        entries = _lloyd(rows, weight, entries, _FINE_STEPS)
    return entries, _nearest(rows, entries)[0]


def _lloyd(rows: Tensor, weight: Tensor, centres: Tensor, steps: int) -> Tensor:
    """Lloyd's algorithm; a centre that loses all its rows takes the place of a row that is badly off."""
    for step in range(steps):
        label, distance = _nearest(rows, centres)
        share = torch.zeros(len(centres)).index_add_(0, label, weight)
        sums = torch.zeros_like(centres).index_add_(0, label, rows * weight[:, None])
        centres = torch.where(share[:, None] > 0, sums / share[:, None].clamp(min=1), centres)
        lost = torch.nonzero(share == 0)[:, 0]
        if len(lost) and step < steps - 1:
            centres[lost] = rows[torch.topk(distance * weight, len(lost)).indices]
    return centres


def _nearest(rows: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row the nearest centre, and the squared distance to it."""
    half = centres.square().sum(1) / 2
    label, distance = torch.empty(len(rows), dtype=torch.int64), torch.empty(len(rows))
    block = max(_BLOCK_DISTANCES // max(len(centres), 1), 1)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        # |row - centre|^2 / 2 less |row|^2 / 2, which is the same for all centres. NumPy's argmin is the faster one.
        partial = torch.addmm(half, rows[part], centres.T, alpha=-1)
        label[part] = torch.from_numpy(np.argmin(partial.numpy(), axis=1))
        distance[part] = partial.gather(1, label[part, None])[:, 0]
    return label, (2 * distance + rows.square().sum(1)).clamp(min=0)
