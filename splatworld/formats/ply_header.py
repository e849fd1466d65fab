"""The text at the start of a PLY: which elements follow, and where in the file each of them begins."""

import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.blocks import read_at
from splatworld.formats.checks import checked_count

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class Element:
    """A run of equal records; the file is long enough to hold them."""

    dtype: np.dtype
    count: int
    offset: int
    """Byte of the file where they begin."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the properties."""
        return self.dtype.names or ()

    def rows(self, file: BinaryIO, start: int, count: int, source: str) -> np.ndarray:
        """Some of the records. Several threads may ask at once. Raises `FormatError`."""
        records = np.empty(count, self.dtype)
        read_at(file, self.offset + start * self.dtype.itemsize, records, source)
        return records


@dataclass(frozen=True)
class Header:
    """What the text at the start of a PLY says."""

    elements: dict[str, Element]
    """Holds `vertex` at least; others that stand behind something of unknown size are left out."""
    comments: tuple[str, ...]


def read_header(file: BinaryIO, source: str) -> Header:
    """Read and check the header of an open PLY of equal records. Raises `FormatError`."""
    lines, offset = read_lines(file, source)
    size = os.fstat(file.fileno()).st_size
    return Header(_elements([line.split() for line in lines], offset, size, source), comments(lines))


def read_lines(file: BinaryIO, source: str) -> tuple[list[str], int]:
    """The lines of the header of an open PLY, and where its data begin. Raises `FormatError`."""
    text = file.read(limits.PLY_HEADER_BYTES)
    if not text.startswith((b"ply\n", b"ply\r")):
        raise FormatError(f"{source} is no PLY: it does not begin with 'ply'")
    end = text.find(b"end_header")
    newline = text.find(b"\n", end)
    if end < 0 or newline < 0:
        raise FormatError(f"{source}: no end of header in the first {limits.PLY_HEADER_BYTES >> 10} KiB")
    return text[:end].decode("latin-1").splitlines(), newline + 1


def comments(lines: list[str]) -> tuple[str, ...]:
    """What stands in the comments."""
    return tuple(line.removeprefix("comment").strip() for line in lines if line.startswith("comment"))


def _elements(lines: list[list[str]], offset: int, size: int, source: str) -> dict[str, Element]:
    order = _byte_order(lines, source)
    found: dict[str, Element] = {}
    for name, count, properties in declared(lines, source):
        if any(p[0] == "list" for p in properties):
            if "vertex" in found:
                break
            raise FormatError(f"{source}: the element '{name[:40]}' has a list, so its size is not known beforehand")
        dtype = _record(properties, order, source)
        if name == "vertex" or "vertex" in found:
            checked_count(count, dtype.itemsize, size - offset, source)
        found[name] = Element(dtype, count, offset)
        offset += count * dtype.itemsize
    if "vertex" not in found:
        raise FormatError(f"{source}: the PLY has no 'vertex' element")
    return found


def _byte_order(lines: list[list[str]], source: str) -> str:
    kind = next((line[1] for line in lines if line[:1] == ["format"] and len(line) > 1), "missing")
    if kind not in ORDERS:
        raise FormatError(f"{source}: PLY format '{kind[:40]}' is not read; expected {' or '.join(ORDERS)}")
    return ORDERS[kind]


def declared(lines: list[list[str]], source: str) -> list[tuple[str, int, list[list[str]]]]:
    """(name, count, properties) of each element; a property is [type, ..., name]."""
    elements: list[tuple[str, int, list[list[str]]]] = []
    for line in lines:
        broken = FormatError(f"{source}: broken header line '{' '.join(line)[:80]}'")
        if line[:1] == ["element"]:
            if len(line) != 3 or not line[2].isascii() or not line[2].isdigit() or len(line[2]) > 18:
                raise broken
            elements.append((line[1], int(line[2]), []))
        elif line[:1] == ["property"]:
            if not elements or len(line) < 3:
                raise broken
            elements[-1][2].append(line[1:])
    return elements


def _record(properties: list[list[str]], order: str, source: str) -> np.dtype:
    if not 0 < len(properties) <= limits.PLY_PROPERTIES:
        raise FormatError(
            f"{source}: an element has {len(properties)} properties; 1 to {limits.PLY_PROPERTIES} are read"
        )
    unknown = [p[0] for p in properties if p[0] not in TYPES]
    if unknown:
        raise FormatError(f"{source}: unknown property type '{unknown[0][:40]}'")
    names = [p[-1] for p in properties]
    if len(set(names)) < len(names):
        raise FormatError(f"{source}: an element has two properties of the same name")
    return np.dtype([(p[-1], order + TYPES[p[0]]) for p in properties])
