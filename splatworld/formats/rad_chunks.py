"""Chunks of a `.rad`: columns of splats, each deflated for itself, and the JSON that names them.

A file is `RAD0`, the length of a JSON and that JSON, padded to 8 bytes; then its chunks, each `RADC`, a JSON of its
own, the length of what follows and the columns it names, in order, each padded to 8 bytes. A column has all first
values, then all second ones and so on; but "oct88r8" has three bytes a splat together. Source: rad.rs of Spark 2.2,
whose own decoder the tests ask.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.blocks import read_at

MAGIC, CHUNK_MAGIC = b"RAD0", b"RADC"
VERSION = 1
CHUNK_ROWS = 65_536
WIDTHS = {
    **{"center": 3, "alpha": 1, "rgb": 3, "scales": 3, "orientation": 3, "sh1": 9, "sh2": 15, "sh3": 21},
    **{"child_count": 1, "child_start": 1, "sh_label": 1},
}
"""Values a splat of each property; palettes of SH, whose rows are no splats, are missing."""

Column = NDArray[np.float32]


class Range(msgspec.Struct, omit_defaults=True):
    """Where a chunk stands, counted from the end of the header; or, with a name, in a file of its own."""

    offset: int
    bytes: int
    filename: str | None = None


class Meta(msgspec.Struct, rename="camel", omit_defaults=True):
    """The header of a file."""

    version: int
    type: str
    count: int
    all_chunk_bytes: int = 0
    chunks: tuple[Range, ...] = ()
    max_sh: int = 0
    lod_tree: bool = False
    chunk_size: int | None = None
    splat_encoding: dict[str, float | bool | None] | None = None


class Property(msgspec.Struct, omit_defaults=True):
    """One column of a chunk."""

    offset: int
    bytes: int
    property: str
    encoding: str
    compression: str | None = None
    min: float | None = None
    max: float | None = None


class ChunkMeta(msgspec.Struct, rename="camel", omit_defaults=True):
    """The header of a chunk."""

    version: int
    base: int
    count: int
    payload_bytes: int
    properties: tuple[Property, ...]
    max_sh: int = 0
    lod_tree: bool = False


Described = TypeVar("Described", Meta, ChunkMeta)


def described(file: BinaryIO, at: int, magic: bytes, kind: type[Described], source: str) -> tuple[Described, int]:
    """The JSON that begins at `at`, and where what follows it begins. Raises `FormatError`."""
    head = np.zeros(8, np.uint8)
    read_at(file, at, head, source)
    size = int(head[4:].view("<u4")[0])
    if head[:4].tobytes() != magic:
        raise FormatError(f"{source}: no {magic.decode()} at byte {at:,}")
    if size > limits.RAD_JSON_BYTES:
        raise FormatError(f"{source}: a description of {size:,} bytes; at most {limits.RAD_JSON_BYTES:,} are read")
    text = np.zeros(size, np.uint8)
    read_at(file, at + 8, text, source)
    try:
        found = msgspec.json.decode(text.tobytes(), type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as why:
        raise FormatError(f"{source}: its description at byte {at:,} is none: {why}") from None
    if found.version != VERSION:
        raise FormatError(f"{source} is .rad of version {found.version}; {VERSION} is read")
    return found, at + 8 + _padded(size)


@dataclass(frozen=True)
class Chunk:
    """Where the columns of a chunk stand in the file, and what they are."""

    meta: ChunkMeta
    start: int
    end: int


def chunk_at(file: BinaryIO, at: int, end: int, source: str) -> Chunk:
    """The chunk that stands from `at` to `end`. Raises `FormatError`."""
    meta, start = described(file, at, CHUNK_MAGIC, ChunkMeta, source)
    names = [about.property for about in meta.properties]
    if len(names) != len(set(names)):
        raise FormatError(f"{source}: the chunk at byte {at:,} has a property twice")
    return Chunk(meta, start + 8, end)  # the size of all columns, which the JSON has too


def columns(file: BinaryIO, chunk: Chunk, source: str) -> dict[str, Column]:
    """The values of a chunk by property, as [count, values a splat]. Raises `FormatError`."""
    found: dict[str, Column] = {}
    for about in chunk.meta.properties:
        if about.property not in WIDTHS:
            continue
        if about.offset < 0 or about.bytes < 0 or chunk.start + about.offset + about.bytes > chunk.end:
            raise FormatError(f"{source}: '{about.property}' reaches beyond the chunk that ends at byte {chunk.end:,}")
        data = np.zeros(about.bytes, np.uint8)
        read_at(file, chunk.start + about.offset, data, source)
        found[about.property] = _decoded(about, data.tobytes(), chunk.meta.count, source)
    return found


def _decoded(about: Property, data: bytes, count: int, source: str) -> Column:
    name = f"{source}: '{about.property}' in '{about.encoding}'"
    known = _DECODERS.get(about.encoding)
    if known is None or (about.encoding == "oct88r8") != (about.property == "orientation" and known is _turns):
        raise FormatError(f"{name}: this encoding is not known")
    low, high = about.min or 0.0, about.max if about.max is not None else 1.0
    if not (np.isfinite(low) and np.isfinite(high)):
        raise FormatError(f"{name}: {low} to {high} is no range")
    width = WIDTHS[about.property]
    wanted = count * width * _BYTES.get(about.encoding, 1)
    plain = _inflated(data, wanted, name) if about.compression == "gz" else data
    if len(plain) != wanted or about.compression not in (None, "gz"):
        raise FormatError(f"{name}: {len(plain):,} bytes for {count:,} splats; {wanted:,} are needed")
    with np.errstate(over="ignore", invalid="ignore"):  # what means nothing is dropped later
        return known(plain, width, low, high)


def _inflated(data: bytes, wanted: int, name: str) -> bytes:
    """Without the header that gzip would have. One byte more than `wanted` shows a bomb."""
    try:
        return zlib.decompressobj(-15).decompress(data, wanted + 1)
    except zlib.error as why:
        raise FormatError(f"{name} is damaged: {why}") from None


def _numbers(dtype: str, data: bytes, width: int, low: float, high: float) -> Column:
    return np.frombuffer(data, dtype).reshape(width, -1).T.astype(np.float32)


def _scattered(dtype: str, data: bytes, width: int, low: float, high: float) -> Column:
    """All first bytes of the numbers, then all second ones."""
    planes = np.frombuffer(data, np.uint8).reshape(np.dtype(dtype).itemsize, -1)
    return _numbers(dtype, np.ascontiguousarray(planes.T).tobytes(), width, low, high)


def _steps(kind: type, most: int, delta: bool, data: bytes, width: int, low: float, high: float) -> Column:
    """Bytes between `low` and `high`, or signed ones between -`high` and `high`; with `delta`, less the one before."""
    values = np.frombuffer(data, np.uint8).reshape(width, -1)
    values = (np.cumsum(values, 1, dtype=np.uint8) if delta else values).view(kind).T.astype(np.float32)
    start, span = (low, high - low) if kind is np.uint8 else (0.0, high)
    return values / np.float32(most) * np.float32(span) + np.float32(start)


def _logarithms(data: bytes, width: int, low: float, high: float) -> Column:
    """Linear scales of bytes: 0 is none, 1 to 255 are their logarithms between `low` and `high`."""
    values = np.frombuffer(data, np.uint8).reshape(width, -1).T.astype(np.float32)
    return np.where(values > 0, np.exp(np.float32(low) + (values - 1) * np.float32((high - low) / 254)), np.float32(0))


def _half_logarithms(data: bytes, width: int, low: float, high: float) -> Column:
    return np.exp(_numbers("<f2", data, width, low, high))


def _turns(data: bytes, width: int, low: float, high: float) -> Column:
    """x, y, z of quaternions: two bytes of an axis on an unfolded octahedron, one of the angle up to half a turn."""
    u, v, angle = np.frombuffer(data, np.uint8).reshape(-1, 3).T.astype(np.float32) / np.float32(255)
    x, y = u * 2 - 1, v * 2 - 1
    z = 1 - np.abs(x) - np.abs(y)
    fold = np.maximum(-z, 0)
    axis = np.stack([x - np.copysign(fold, x), y - np.copysign(fold, y), z], 1)
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-12)
    return axis * np.sin(angle * np.float32(np.pi / 2))[:, None]


_DECODERS: dict[str, Callable[[bytes, int, float, float], Column]] = {
    "f32": partial(_numbers, "<f4"),
    "f16": partial(_numbers, "<f2"),
    "f32_lebytes": partial(_scattered, "<f4"),
    "f16_lebytes": partial(_scattered, "<f2"),
    "u16": partial(_numbers, "<u2"),
    "u32": partial(_numbers, "<u4"),
    "r8": partial(_steps, np.uint8, 255, False),
    "r8_delta": partial(_steps, np.uint8, 255, True),
    "s8": partial(_steps, np.int8, 127, False),
    "s8_delta": partial(_steps, np.int8, 127, True),
    "ln_0r8": _logarithms,
    "ln_f16": _half_logarithms,
    "oct88r8": _turns,
}
_BYTES = {"f32": 4, "f16": 2, "f32_lebytes": 4, "f16_lebytes": 2, "u16": 2, "u32": 4, "ln_f16": 2}
"""Of one value; 1 in all others."""


def framed(magic: bytes, about: Any, room: int = 0) -> bytes:
    """A JSON with what stands before and behind it; filled up with spaces to `room` bytes, which programs skip."""
    text = msgspec.json.encode(about).ljust(room)
    return magic + struct.pack("<I", len(text)) + text.ljust(_padded(len(text)), b"\0")


def _padded(size: int) -> int:
    return -(-size // 8) * 8


def packed(base: int, count: int, degree: int, written: dict[str, tuple[str, bytes, float | None]]) -> bytes:
    """A chunk of columns: encoding, deflated bytes and, where it has one, the end of its range by property."""
    properties, at = [], 0
    for name, (encoding, data, most) in written.items():
        least = None if most is None else -most if encoding == "s8" else 0.0
        properties.append(Property(at, len(data), name, encoding, "gz", least, most))
        at += _padded(len(data))
    head = framed(CHUNK_MAGIC, ChunkMeta(VERSION, base, count, at, tuple(properties), degree))
    body = [data.ljust(_padded(len(data)), b"\0") for _, data, _ in written.values()]
    return b"".join([head, struct.pack("<Q", at), *body])
