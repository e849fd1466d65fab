"""Numbers between the records of a PLY and the tensors of splats: by a compiled kernel, or by numpy and torch.

A record has the numbers of a splat in the order of the file, 62 of them with SH of degree 3, and a tensor those of one
kind. The kernel (cuda_ext/cpu/records.cpp) touches each number once, while it is in the first cache, and looks in
passing whether it is within bounds. Without it the result is the same, and takes three times as long.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splatworld.splats import Splats

try:
    from splatworld import _cpu  # pyright: ignore[reportAttributeAccessIssue]
except ImportError:
    _cpu = None

_LARGEST = float(np.finfo(np.float32).max)

Numbers = NDArray[np.float32]
_NOWHERE = -1
_Move = tuple[int, int, int, int, int]
"""Table, column in the record, place in a row of the table, how many, and channels: see cuda_ext/cpu/records.h."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a record hold the numbers of which tensors, in the order of both."""

    width: int
    """Numbers in a record."""
    names: tuple[str, ...]
    of: tuple[tuple[int, ...], ...]
    """For each of `names`, the columns of one row."""
    moves: tuple[_Move, ...]

    @classmethod
    def at(cls, width: int, columns: Mapping[str, Sequence[int]]) -> "Columns":
        """`sh` begins with the three of the base colour, and has the channels of each coefficient together."""
        moves = [move for table, (name, chosen) in enumerate(columns.items()) for move in _moves(table, name, chosen)]
        unused = sorted(set(range(width)).difference(*columns.values()))
        moves += [(_NOWHERE, column, 0, 1, 1) for column in unused]
        return cls(width, tuple(columns), tuple(map(tuple, columns.values())), tuple(moves))

    def tensors(self, splats: Splats) -> list[Tensor]:
        """Those of some splats, in the order of `names`."""
        return [splats.extras[name] if name in splats.extras else getattr(splats, name) for name in self.names]

    def spread(self, records: Numbers, tensors: Sequence[Tensor], bounds: Mapping[str, float]) -> set[str] | None:
        """Fill `tensors`, contiguous float32 in the order of `names`, from records [n, width].

        Returns the names of those with values beyond +-bound or that are no number; None if nobody looked. `bounds`
        are by name; others need to be finite.
        """
        if _cpu is not None:
            return self._moved(_cpu.spread, records, tensors, bounds)
        for columns, tensor in zip(self.of, tensors, strict=True):
            rows = tensor.view(len(records), -1)
            if len(columns) < 5:  # column by column, which for so few takes a third of the time of all at once
                for i, column in enumerate(columns):
                    rows.numpy()[:, i] = records[:, column]
            else:
                torch.index_select(torch.from_numpy(records), 1, torch.tensor(columns), out=rows)
        return None

    def gather(self, tensors: Sequence[Tensor], bounds: Mapping[str, float]) -> tuple[Numbers, set[str] | None]:
        """Records [n, width] of `tensors`, and what `spread` returns; columns of none of them are 0."""
        tensors = [tensor.detach().to("cpu", torch.float32).contiguous() for tensor in tensors]
        if _cpu is not None:
            records = np.empty((len(tensors[0]), self.width), np.float32)
            return records, self._moved(_cpu.gather, records, tensors, bounds)
        records = np.zeros((len(tensors[0]), self.width), np.float32)
        for columns, tensor in zip(self.of, tensors, strict=True):
            rows = tensor.view(len(records), -1).numpy()
            for i, column in enumerate(columns):
                records[:, column] = rows[:, i]
        return records, None

    def _moved(
        self, way: Callable[..., int], records: Numbers, tensors: Sequence[Tensor], bounds: Mapping[str, float]
    ) -> set[str]:
        """The kernel gets bare addresses, so no size may be wrong."""
        n = len(records)
        good = records.shape == (n, self.width) and records.dtype == np.float32 and records.flags.c_contiguous
        tables = []
        for name, columns, tensor in zip(self.names, self.of, tensors, strict=True):
            good &= tensor.numel() == n * len(columns) and tensor.dtype == torch.float32 and tensor.is_contiguous()
            tables.append((tensor.data_ptr(), len(columns), bounds.get(name, _LARGEST)))
        if not good:
            raise ValueError(f"tensors do not fit {n} records of {self.width} numbers")
        found = way(records.ctypes.data, n, self.width, tables, self.moves)
        return {name for i, name in enumerate(self.names) if found >> i & 1}


def _moves(table: int, name: str, columns: Sequence[int]) -> list[_Move]:
    """Columns in as few moves as there are; the SH of the usual file is two: base colour, and three woven channels."""
    if name == "sh" and len(columns) > 3:
        bands, third = list(columns[3:]), len(columns) // 3 - 1
        if bands == [bands[0] + channel * third + i for i in range(third) for channel in range(3)]:
            return [*_moves(table, name, columns[:3]), (table, bands[0], 3, third, 3)]
    breaks = [i for i in range(1, len(columns)) if columns[i] != columns[i - 1] + 1]
    return [(table, columns[a], a, b - a, 1) for a, b in pairwise([0, *breaks, len(columns)])]
