"""Order along a Morton curve (Morton 1966): what is near in space comes to stand near in memory, or in a file."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_BITS = 21
"""Of each axis: three times as many fill a 64-bit word."""
_ROWS = 1 << 16
_SORTED_AT_ONCE = 1 << 20
_SPREAD = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)
"""Steps that draw the bits of a word apart, two empty ones after each."""


def morton_order(points: Float[Tensor, "n 3"], *, tick: Callable[[], object] = int) -> Int64[Tensor, " n"]:
    """Rows of finite `points` along the curve; equal points keep their order. Cells are cubes, x is the lowest bit.

    `tick` is called now and then, and stops the work by raising.
    """
    if not len(points):
        return torch.zeros(0, dtype=torch.int64, device=points.device)
    low = points.amin(0)
    span = max(float((points.amax(0) - low).max()), 1e-30)
    codes = torch.empty(len(points), dtype=torch.int64, device=points.device)
    for part, own in zip(points.split(_ROWS), codes.split(_ROWS), strict=True):
        x, y, z = (((part[:, i] - low[i]).double() * ((2**_BITS - 1) / span)).long() for i in range(3))
        own[:] = _spread(x) | _spread(y) << 1 | _spread(z) << 2
        tick()
    return _order(codes, tick)


def _order(codes: Int64[Tensor, " n"], tick: Callable[[], object]) -> Int64[Tensor, " n"]:
    """Stable; many codes in parts of about equal size, as sorting takes five times the memory of what is sorted."""
    if len(codes) <= _SORTED_AT_ONCE:
        return codes.argsort(stable=True)
    sample = codes[:: 1 + (len(codes) >> 16)].sort().values
    ends = sample[:: 1 + len(sample) * _SORTED_AT_ONCE // len(codes)][1:].contiguous()
    part = torch.bucketize(codes, ends, out_int32=True)
    order, first = torch.empty_like(codes), 0
    for i in range(len(ends) + 1):
        rows = (part == i).nonzero()[:, 0]
        order[first : first + len(rows)] = rows[codes[rows].argsort(stable=True)]
        first += len(rows)
        tick()
    return order


def _spread(words: Int64[Tensor, " n"]) -> Int64[Tensor, " n"]:
    for shift, mask in _SPREAD:
        words = (words << shift).bitwise_or_(words).bitwise_and_(mask)
    return words
