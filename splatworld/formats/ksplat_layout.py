"""Where things stand in a `.ksplat`: its header, its sections, their buckets and records.

A file has 4,096 bytes of header, 1,024 for each section, and then the sections one after the other: lengths of the
buckets that are not full, centres of all buckets, records. Source: SplatBuffer of GaussianSplats3D 0.4.7, and the
loader of three.js, which knows a third band of SH besides.
"""

import math
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.blocks import read_at
from splatworld.formats.checks import checked_count

LEVELS = (0, 1, 2)
"""Of compression: all in float32; positions in their bucket and the rest in float16; SH in bytes besides."""
_NUMBERS = {0: ("<f4", "<f4", "<f4"), 1: ("<u2", "<f2", "<f2"), 2: ("<u2", "<f2", "u1")}
"""Types of positions, of scales and rotations, and of SH, by level."""
CENTRE_BYTES = 12
STEPS = 32_767
"""Of half a block, which 16 bits hold; a file may say otherwise."""
_SH_RANGE = 1.5
"""Of SH in bytes, where a file says nothing."""

_HEADER = np.dtype(
    {
        "names": ["major", "minor", "sections", "filled", "room", "count", "level", "low", "high"],
        "formats": ["u1", "u1", "<u4", "<u4", "<u4", "<u4", "<u2", "<f4", "<f4"],
        "offsets": [0, 1, 4, 8, 12, 16, 20, 36, 40],
        "itemsize": 4096,
    }
)
_SECTION = np.dtype(
    {
        "names": [
            *("count", "room", "bucket_rows", "buckets", "block", "centre_bytes", "steps"),
            *("bytes", "full", "partial", "degree"),
        ],
        "formats": ["<u4", "<u4", "<u4", "<u4", "<f4", "<u2", "<u4", "<u4", "<u4", "<u4", "<u2"],
        "offsets": [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40],
        "itemsize": 1024,
    }
)


def record(level: int, degree: int) -> np.dtype:
    """One splat: its scale is linear, its quaternion wxyz, its SH channel after channel within each band."""
    mean, shape, band = _NUMBERS[level]
    fields = [("mean", mean, 3), ("scale", shape, 3), ("quat", shape, 4), ("rgba", "u1", 4)]
    bands = 3 * ((degree + 1) ** 2 - 1)
    return np.dtype([*fields, ("sh", band, bands)] if degree else fields)


def band_order(degree: int) -> NDArray[np.intp]:
    """For each value of our SH beyond the base colour, coefficient after coefficient, its place in a record."""
    order = [
        3 * (band**2 - 1) + channel * (2 * band + 1) + i
        for band in range(1, degree + 1)
        for i in range(2 * band + 1)
        for channel in range(3)
    ]
    return np.array(order, np.intp)


@dataclass(frozen=True)
class Section:
    """Where some splats of a file stand."""

    count: int
    degree: int
    records: int
    """Offset of the first in the file."""
    centres: NDArray[np.float32]
    """Of its buckets, [b, 3]; none at level 0."""
    ends: NDArray[np.int64]
    """The row after the last of each bucket, [b]."""
    step: float
    """Of positions."""
    steps: int
    """Of the centre: what is stored for it."""


@dataclass(frozen=True)
class Layout:
    """All of a file but its records."""

    level: int
    low: float
    high: float
    """What the bytes 0 and 255 stand for in SH of level 2."""
    sections: tuple[Section, ...]

    @property
    def count(self) -> int:
        """Splats in the file."""
        return sum(section.count for section in self.sections)

    @property
    def degree(self) -> int:
        """The highest of all sections."""
        return max((section.degree for section in self.sections), default=0)


def recognises(head: bytes) -> bool:
    """True if the first 512 bytes are those of a `.ksplat`: it has no magic, but next to nothing in its header."""
    return len(head) >= 512 and head[:4] == b"\0\1\0\0" and head[20] in LEVELS and not any(head[44:512])


def layout(file: BinaryIO, source: str) -> Layout:
    """Of an open file; all of it is checked against the size. Raises `FormatError`."""
    size = os.fstat(file.fileno()).st_size
    header = np.zeros(1, _HEADER)
    read_at(file, 0, header, source)
    found = header[0]
    if found["major"] != 0 or found["minor"] < 1:
        raise FormatError(f"{source} is .ksplat version {found['major']}.{found['minor']}; 0.1 is read")
    if found["level"] not in LEVELS:
        raise FormatError(f"{source} has compression level {found['level']}; .ksplat knows 0, 1 and 2")
    # A range of 0 stands for none given, in all programs.
    low, high = float(found["low"]) or -_SH_RANGE, float(found["high"]) or _SH_RANGE
    if not (math.isfinite(low) and math.isfinite(high)):
        raise FormatError(f"{source}: the range of its SH, {low} to {high}, is no range")
    sections = _sections(file, int(found["sections"]), int(found["level"]), size, source)
    whole = Layout(int(found["level"]), low, high, sections)
    if whole.count != found["count"]:
        raise FormatError(f"{source} claims {found['count']:,} splats; its sections hold {whole.count:,}")
    checked_count(whole.count, record(whole.level, 0).itemsize, size, source)
    return whole


def _sections(file: BinaryIO, count: int, level: int, size: int, source: str) -> tuple[Section, ...]:
    start = _HEADER.itemsize + count * _SECTION.itemsize
    if count > limits.KSPLAT_SECTIONS or start > size:
        raise FormatError(f"{source} claims {count:,} sections, which do not fit its {size:,} bytes")
    tables = np.zeros(count, _SECTION)
    read_at(file, _HEADER.itemsize, tables, source)
    sections = []
    for i, table in enumerate(tables):
        about = {name: table[name].item() for name in _SECTION.names or ()}
        section, start = _section(file, about, level, start, size, f"{source}: section {i}")
        sections.append(section)
    return tuple(sections)


def _section(
    file: BinaryIO, about: dict[str, float], level: int, start: int, size: int, name: str
) -> tuple[Section, int]:
    """A section that begins at `start`, and where the next one does."""
    count, degree, buckets, partial = (int(about[key]) for key in ("count", "degree", "buckets", "partial"))
    if degree > 3 or count > about["room"]:
        raise FormatError(f"{name} has {count:,} splats with SH of degree {degree} in {about['room']:,} places")
    centres = start + 4 * partial
    records = centres + int(about["centre_bytes"]) * buckets
    end = records + record(level, degree).itemsize * int(about["room"])
    if buckets > about["room"]:
        raise FormatError(f"{name} claims {buckets:,} buckets for {about['room']:,} splats")
    if end > size:
        raise FormatError(f"{name} ends at {end:,}, and the file at {size:,}")
    if level == 0 or not count:
        nowhere = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)
        return Section(count, degree, records, *nowhere, step=1.0, steps=0), end
    steps = int(about["steps"]) or STEPS
    if about["centre_bytes"] < CENTRE_BYTES or not 0 < about["block"] < math.inf:
        raise FormatError(f"{name} has blocks of {about['block']} and centres of {about['centre_bytes']} bytes")
    lengths = np.zeros(partial, "<u4")
    read_at(file, start, lengths, name)
    ends = _ends(int(about["full"]), int(about["bucket_rows"]), lengths, buckets, count, name)
    values = np.zeros((buckets, int(about["centre_bytes"])), np.uint8)
    read_at(file, centres, values, name)
    places = np.ascontiguousarray(values[:, :CENTRE_BYTES]).view("<f4")
    return Section(count, degree, records, places, ends, about["block"] / 2 / steps, steps), end


def _ends(full: int, rows: int, lengths: NDArray[np.uint32], buckets: int, count: int, name: str) -> NDArray[np.int64]:
    """The row after the last of each bucket: first those that are full, then the others."""
    filled = np.full(full if full <= buckets else 0, rows, np.int64)
    ends = np.cumsum(np.concatenate([filled, lengths.astype(np.int64)]))
    if full + len(lengths) > buckets or (ends[-1] if len(ends) else 0) < count:
        raise FormatError(f"{name}: its buckets, {full:,} full of {buckets:,}, do not hold its {count:,} splats")
    return ends


def headers(
    level: int, degree: int, count: int, *, full: int = 0, partial: int = 0, rows: int = 0, block: float = 0
) -> bytes:
    """What stands before a single section, whose buckets have `rows` places."""
    header, section = np.zeros(1, _HEADER), np.zeros(1, _SECTION)
    values = {"minor": 1, "sections": 1, "filled": 1, "room": count, "count": count, "level": level}
    for name, value in (values | {"low": -_SH_RANGE, "high": _SH_RANGE}).items():
        header[name] = value
    buckets = full + partial
    size = count * record(level, degree).itemsize + buckets * CENTRE_BYTES + 4 * partial
    values = {"count": count, "room": count, "bytes": min(size, 2**32 - 1), "degree": degree}
    if level:
        values |= {"bucket_rows": rows, "buckets": buckets, "full": full, "partial": partial}
        values |= {"centre_bytes": CENTRE_BYTES, "steps": STEPS}
        section["block"] = block
    for name, value in values.items():
        section[name] = value
    return header.tobytes() + section.tobytes()
