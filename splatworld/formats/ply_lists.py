"""Elements of a PLY, binary or text, that may hold lists: faces, mostly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.ply_header import TYPES


@dataclass(frozen=True)
class Element:
    """A run of records, as the header declares it."""

    name: str
    count: int
    properties: list[list[str]]
    """[type, name] or ["list", type of the length, type, name]"""

    @property
    def names(self) -> list[str]:
        """Of the properties."""
        return [p[-1] for p in self.properties]

    @property
    def even(self) -> bool:
        """Without lists, so that all records are of one size."""
        return all(p[0] != "list" for p in self.properties)


@dataclass(frozen=True)
class Values:
    """What stands behind the header: bytes, or the numbers of a text."""

    data: NDArray[Any]
    """[n] uint8, or float64 of a text."""
    order: str
    """"<" or ">"; empty for a text."""
    source: str

    def size(self, kind: str) -> int:
        """Items of `data` that a value of this type takes."""
        if kind not in TYPES:
            raise FormatError(f"{self.source}: unknown property type '{kind[:40]}'")
        return int(TYPES[kind][1]) if self.order else 1

    def strided(self, kind: str, start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> NDArray[Any]:
        """A view of values of this type, `strides` items of `data` apart."""
        dtype = np.dtype(self.order + TYPES[kind]) if self.order else self.data.dtype
        if 0 in shape:
            return np.zeros(shape, dtype)
        return np.ndarray(
            shape, dtype, self.data, start * self.data.itemsize, [s * self.data.itemsize for s in strides]
        )

    def columns(self, element: Element, start: int) -> tuple[dict[str, NDArray[Any]], int]:
        """The properties [count] of an even element that begins at `start`, and where it ends."""
        sizes = [self.size(p[0]) for p in element.properties]
        end = start + self.checked(element, sum(sizes), start) * sum(sizes)
        places = start + np.cumsum([0, *sizes])[:-1]
        return {
            p[-1]: self.strided(p[0], int(at), (element.count,), (sum(sizes),))
            for p, at in zip(element.properties, places, strict=True)
        }, end

    def checked(self, element: Element, size: int, start: int) -> int:
        """The count of an element whose records take `size` items at least. Raises `FormatError` if they do not fit."""
        most = limits.MESH_VERTICES_MAX if element.even else limits.MESH_FACES_MAX
        if element.count > most and element.name in ("vertex", "face"):
            raise FormatError(f"{self.source} claims {element.count:,} of '{element.name}'; at most {most:,} are read")
        if element.count * max(size, 1) > len(self.data) - start:
            raise FormatError(f"{self.source} claims {element.count:,} of '{element.name[:40]}', more than it holds")
        return element.count

    def lists(self, element: Element, wanted: str, start: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Length of one list of each record, and all their values one after the other."""
        sizes = [
            (self.size(p[1]), self.size(p[2])) if p[0] == "list" else (0, self.size(p[0])) for p in element.properties
        ]
        self.checked(element, sum(length or size for length, size in sizes), start)
        which = element.names.index(wanted)
        kind = element.properties[which][2]
        lengths = self._lengths_of(element, sizes, start)
        stride = sum(size * n + length for (length, size), n in zip(sizes, lengths, strict=True))
        if self._uniform(element, sizes, lengths, stride, start):
            at = start + sum(s * n + b for (b, s), n in zip(sizes[:which], lengths, strict=False)) + sizes[which][0]
            shape = (element.count, lengths[which])
            values = self.strided(kind, at, shape, (stride, sizes[which][1]))
            return np.full(element.count, lengths[which], np.int64), values.reshape(-1)
        starts, counts = self._walked(element, sizes, which, start)
        each = np.repeat(starts, counts) + sizes[which][1] * _ranks(counts)
        if not self.order:
            return counts, self.data[each]
        cells = self.data[each[:, None] + np.arange(sizes[which][1])]
        return counts, cells.reshape(-1).view(self.order + TYPES[kind])

    def _length(self, kind: str, at: int) -> int:
        if at + self.size(kind) > len(self.data):
            raise FormatError(f"{self.source} ends within its faces")
        value = self.strided(kind, at, (1,), (1,))[0]
        if not 0 <= value <= limits.MESH_POLYGON_CORNERS or value != int(value):
            raise FormatError(
                f"{self.source}: a list of {value:g} entries; at most {limits.MESH_POLYGON_CORNERS:,} are read"
            )
        return int(value)

    def _lengths_of(self, element: Element, sizes: list[tuple[int, int]], at: int) -> list[int]:
        """Entries of each property of the record at `at`."""
        out = []
        for p, (length, size) in zip(element.properties, sizes, strict=True):
            out.append(self._length(p[1], at) if length and element.count else 1)
            at += length + out[-1] * size
        return out

    def _uniform(
        self, element: Element, sizes: list[tuple[int, int]], lengths: list[int], stride: int, start: int
    ) -> bool:
        """Whether the lists of all records are as long as those of the first: the usual, fast case."""
        if element.count * stride > len(self.data) - start:
            return False
        at = start
        for p, (length, size), n in zip(element.properties, sizes, lengths, strict=True):
            if length and (self.strided(p[1], at, (element.count,), (stride,)) != n).any():
                return False
            at += length + n * size
        return True

    def _walked(
        self, element: Element, sizes: list[tuple[int, int]], which: int, at: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where one list of each record begins and how long it is; record by record, as only each tells its size."""
        starts, counts = np.zeros(element.count, np.int64), np.zeros(element.count, np.int64)
        for row in range(element.count):
            for i, (length, size) in enumerate(sizes):
                n = self._length(element.properties[i][1], at) if length else 1
                if i == which:
                    starts[row], counts[row] = at + length, n
                at += length + n * size
        if at > len(self.data):
            raise FormatError(f"{self.source} ends within its faces")
        return starts, counts


def _ranks(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... within each of some runs."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
