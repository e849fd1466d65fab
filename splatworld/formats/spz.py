"""`.spz` of Niantic: about 15 bytes a splat without SH, 32 with three bands.

Versions 1 to 3 are a gzip stream of a 16-byte header and six arrays; version 4 has a plain header and one zstd stream
per array. Read are 1 to 4, written is 3, which the most programs open. Specification: github.com/nianticlabs/spz,
README and load-spz.cc.

The specification says RUB axes, but many programs copy PLY axes (RDF) unchanged. A file of version 4 may name its
frame; otherwise `rub` is assumed and told, and `frame="rdf"` reads the others.

Positions are 24-bit fixed point, so their range follows from the number of fractional bits: 12 (a step of 0.24 mm) up
to 2,048 m, fewer for larger worlds. ln scales are stored in steps of 1/16 from -10 to 5.9, band 1 of the SH in 5 bits,
the others in 4, between -1 and 1.
"""

import math
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.checks import checked_count, cleaned, writable
from splatworld.formats.frames import Frame, to_file, to_world
from splatworld.formats.quantise import (
    bytes_from,
    logits_from_bytes,
    quats_from_smallest_three,
    smallest_three_from_quats,
)
from splatworld.progress import Note, Progress, Warning
from splatworld.splats import Splats
from splatworld.world import Layer, World

FRAME: Frame = "rub"

_MAGIC = b"NGSP"
_GZIP = b"\x1f\x8b"
_HEADER = struct.Struct("<4sIIBBBB")
_HAS_EXTENSIONS = 2
_COORDINATE_SYSTEM = 0xADBE0003
_DEFLATE_RATIO_MAX = 1_032
_PIECE = 1 << 20
_FRACTIONAL_BITS = 12
_COLOUR_SCALE = 0.15
_SH_STEP = (8, 16, 16)
"""Of 256 steps: 5 bits for band 1, 4 for the others."""
_RDF_CODES, _RUB_CODES = (6,), (0, 4)
"""Values of the coordinate-system extension: 0 unspecified, then LDB RDB LUB RUB LDF RDF LUF RUF."""


@dataclass(frozen=True)
class Header:
    """The first 16 bytes."""

    version: int
    count: int
    degree: int
    fractional_bits: int
    flags: int
    streams: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes per splat of positions, alphas, colours, scales, rotations and SH, in file order."""
        position = 6 if self.version == 1 else 9
        rotation = 4 if self.version >= 3 else 3
        return position, 1, 3, 3, rotation, 3 * ((self.degree + 1) ** 2 - 1)


def recognises(head: bytes) -> bool:
    """True if the first bytes of a file are those of an SPZ; gzip is looked into."""
    if head.startswith(_GZIP):
        try:
            return zlib.decompressobj(31).decompress(head, 4) == _MAGIC
        except zlib.error:
            return False
    return head.startswith(_MAGIC)


def read(path: Path, *, frame: Frame | None, progress: Progress) -> World:
    """The splats of an SPZ of version 1 to 4. Raises `FormatError`."""
    with open(path, "rb") as file:
        head = file.read(4)
        file.seek(0)
        unpack = _read_gzip if head.startswith(_GZIP) else _read_plain
        header, arrays, stated = unpack(file, path.name)
    used = frame or stated or FRAME
    if frame is None and stated is None:
        progress(Note(f"{path.name} does not say which way is up; the axes of its specification (rub) are assumed"))
    splats = cleaned(_decoded(header, arrays), path.name, progress)
    return World(layers=(Layer("base", path.stem[: limits.NAME_CHARS], to_world(splats, used)),))


def _header(data: bytes, source: str) -> Header:
    if len(data) < _HEADER.size or not data.startswith(_MAGIC):
        raise FormatError(f"{source} is no SPZ: it does not hold the bytes NGSP")
    _, version, count, degree, bits, flags, streams = _HEADER.unpack(data[: _HEADER.size])
    if not 1 <= version <= 4:
        raise FormatError(f"{source}: SPZ version {version} is not known; 1 to 4 are read")
    if degree > (limits.SH_DEGREE_MAX if version == 4 else 3):
        raise FormatError(f"{source}: SH degree {degree} does not exist in SPZ version {version}")
    if bits > limits.SPZ_FRACTIONAL_BITS_MAX:
        raise FormatError(f"{source}: {bits} fractional bits; at most {limits.SPZ_FRACTIONAL_BITS_MAX} make sense")
    return Header(version, count, degree, bits, flags, streams)


Arrays = list[NDArray[np.uint8]]


def _read_gzip(file: BinaryIO, source: str) -> tuple[Header, Arrays, Frame | None]:
    """Versions 1 to 3. Never inflates more than the header announces, nor believes a header the file cannot fill."""
    size = os.fstat(file.fileno()).st_size
    inflater = zlib.decompressobj(31)
    header = _header(_inflated(file, inflater, _HEADER.size, source), source)
    if header.version == 4:
        raise FormatError(f"{source}: SPZ version 4 inside gzip, which does not exist")
    per_splat = sum(header.sizes)
    checked_count(header.count, per_splat, size * _DEFLATE_RATIO_MAX, source)
    body = _inflated(file, inflater, header.count * per_splat, source)
    _refuse_surplus(file, inflater, source)
    return header, _split(body, header), None


def _inflated(file: BinaryIO, inflater: "zlib._Decompress", wanted: int, source: str) -> bytes:
    """Exactly `wanted` bytes more of the stream."""
    parts, missing = [], wanted
    try:
        while missing:
            piece = inflater.unconsumed_tail or file.read(_PIECE)
            got = inflater.decompress(piece, missing)
            if not got and (inflater.eof or not piece):
                raise FormatError(f"{source} ends early: {missing:,} of {wanted:,} bytes are missing")
            parts.append(got)
            missing -= len(got)
    except zlib.error as why:
        raise FormatError(f"{source}: the gzip stream is damaged ({why})") from None
    return b"".join(parts)


def _refuse_surplus(file: BinaryIO, inflater: "zlib._Decompress", source: str) -> None:
    """Read to the end of the stream, where its checksum stands; a bomb hides behind the announced bytes."""
    surplus = 0
    try:
        while not inflater.eof:
            piece = inflater.unconsumed_tail or file.read(_PIECE)
            got = inflater.decompress(piece, _PIECE)
            surplus += len(got)
            if surplus > limits.SPZ_TRAILING_BYTES:
                raise FormatError(f"{source} inflates to more than its header announces")
            if not got and not piece:
                raise FormatError(f"{source} ends early: the gzip checksum is missing")
    except zlib.error as why:
        raise FormatError(f"{source}: the gzip stream is damaged ({why})") from None


def _read_plain(file: BinaryIO, source: str) -> tuple[Header, Arrays, Frame | None]:
    """Version 4, or versions 1 to 3 stored without gzip."""
    size = os.fstat(file.fileno()).st_size
    header = _header(file.read(_HEADER.size), source)
    if header.version < 4:
        checked_count(header.count, sum(header.sizes), size - _HEADER.size, source)
        return header, _split(file.read(header.count * sum(header.sizes)), header), None
    checked_count(header.count, sum(header.sizes), size * limits.ZSTD_RATIO_MAX, source)
    toc_offset = int.from_bytes(file.read(4), "little")
    wanted = [header.count * s for s in header.sizes if s] if header.count else []
    if header.streams != len(wanted) or not 32 <= toc_offset <= min(size, 32 + limits.SPZ_TRAILING_BYTES):
        raise FormatError(f"{source}: the table of its {header.streams} streams does not fit {header.count:,} splats")
    file.seek(32)
    stated = _stated_frame(file.read(toc_offset - 32), source) if header.flags & _HAS_EXTENSIONS else None
    file.seek(toc_offset)
    return header, _read_streams(file, header, wanted, size, source), stated


def _read_streams(file: BinaryIO, header: Header, wanted: list[int], size: int, source: str) -> Arrays:
    import zstandard

    table = np.frombuffer(file.read(16 * len(wanted)), "<u8")
    if len(table) != 2 * len(wanted) or table[1::2].tolist() != wanted or sum(table[::2].tolist()) > size - file.tell():
        raise FormatError(f"{source}: the sizes in its table of streams do not fit {header.count:,} splats")
    bodies = []
    for packed, plain in zip(table[::2].tolist(), wanted, strict=True):
        try:
            # A frame need not state its size, so the reader is asked for one byte more than there should be.
            reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file.read(packed))
            body = reader.read(plain + 1)
        except zstandard.ZstdError as why:
            raise FormatError(f"{source}: a zstd stream is damaged ({why})") from None
        if len(body) != plain:
            raise FormatError(f"{source}: a zstd stream does not hold the {plain:,} bytes its table announces")
        bodies.append(body)
    return _split(b"".join(bodies), header)


def _stated_frame(records: bytes, source: str) -> Frame | None:
    """The frame named by a version 4 file, if it has the extension record [type u32, length u32, value]."""
    at = 0
    while at + 8 <= len(records):
        kind, length = struct.unpack_from("<II", records, at)
        if kind == _COORDINATE_SYSTEM and 1 <= length <= len(records) - at - 8:
            code = records[at + 8]
            if code not in _RDF_CODES + _RUB_CODES:
                raise FormatError(f"{source}: axes of kind {code} are not read yet; give --frame to choose others")
            return "rdf" if code in _RDF_CODES else "rub" if code else None
        at += 8 + length
    return None


def _split(body: bytes, header: Header) -> Arrays:
    """The six arrays, each [n, bytes per splat]."""
    ends = np.cumsum([0, *(s * header.count for s in header.sizes)])
    flat = np.frombuffer(body, np.uint8)
    return [flat[a:b].reshape(header.count, s) for a, b, s in zip(ends, ends[1:], header.sizes, strict=False)]


def _decoded(header: Header, arrays: Arrays) -> Splats:
    positions, alphas, colours, scales, rotations, rest = arrays
    xyzw = quats_from_smallest_three(rotations.view("<u4")[:, 0]) if header.version >= 3 else _first_three(rotations)
    sh = np.empty((header.count, (header.degree + 1) ** 2, 3), np.float32)
    sh[:, 0] = (colours / np.float32(255) - np.float32(0.5)) / np.float32(_COLOUR_SCALE)
    sh[:, 1:] = ((rest.astype(np.float32) - 128) / 128).reshape(header.count, sh.shape[1] - 1, 3)
    return Splats(
        means=torch.from_numpy(_positions(header, positions)),
        quats=torch.from_numpy(np.ascontiguousarray(xyzw[:, [3, 0, 1, 2]])),
        log_scales=torch.from_numpy(scales / np.float32(16) - np.float32(10)),
        logit_opacities=torch.from_numpy(logits_from_bytes(alphas[:, 0])),
        sh=torch.from_numpy(sh),
    )


def _positions(header: Header, data: NDArray[np.uint8]) -> NDArray[np.float32]:
    if header.version == 1:
        return data.view("<f2").astype(np.float32)
    low, middle, high = (data.reshape(-1, 3, 3)[:, :, i].astype(np.int32) for i in range(3))
    high = np.where(high > 127, high - 256, high)
    fixed = low | (middle << 8) | (high << 16)
    return (fixed / 2.0**header.fractional_bits).astype(np.float32)


def _first_three(rotations: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Versions 1 and 2: x, y, z in a byte each; w is what is missing to length 1."""
    xyz = rotations.astype(np.float32) / np.float32(127.5) - np.float32(1)
    w = np.sqrt(np.maximum(1 - np.square(xyz).sum(1, keepdims=True), 0))
    return np.concatenate([xyz, w], 1)


def write(world: World, path: Path, *, progress: Progress) -> None:
    """All visible splats as version 3, RUB axes. Raises `OutputError` for values that are no number."""
    splats = writable(world.splats(), "SPZ")
    if splats.degree > 3:
        progress(Note("SPZ version 3 holds SH up to degree 3; the fourth band is left out"))
        splats = splats.with_degree(3)
    scales = splats.log_scales
    clamped = int(((scales < -10 - 1 / 32) | (scales > 255 / 16 - 10 + 1 / 32)).any(1).sum())
    if clamped:
        progress(Warning(f"{clamped:,} splats are smaller than 0.05 mm or larger than 380 m, which SPZ cannot hold; "
                         "their size was clamped"))  # fmt: skip
    _write_gzip(to_file(splats, FRAME), path)


def _write_gzip(splats: Splats, path: Path) -> None:
    bits = _fitting_bits(splats)
    deflater = zlib.compressobj(6, zlib.DEFLATED, 31)
    with open(path, "wb") as file:
        file.write(deflater.compress(_HEADER.pack(_MAGIC, 3, len(splats), splats.degree, bits, 0, 0)))
        for array in _encoded(splats, bits):
            file.write(deflater.compress(np.ascontiguousarray(array).data))
        file.write(deflater.flush())


def _fitting_bits(splats: Splats) -> int:
    """As many fractional bits, at most 12, as leave room for the farthest position in 24 bits."""
    reach = float(splats.means.abs().max()) if len(splats) else 0.0
    return min(_FRACTIONAL_BITS, math.floor(math.log2((2**23 - 1) / max(reach, 1.0))))


def _encoded(splats: Splats, bits: int) -> Arrays:
    """The six arrays in file order."""
    fixed = np.rint(splats.means.double().numpy() * 2.0**bits).astype("<i4")
    positions = fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3]
    xyzw = np.ascontiguousarray(splats.quats.numpy()[:, [1, 2, 3, 0]])
    return [
        positions,
        bytes_from(splats.opacities.numpy() * 255),
        bytes_from((splats.sh[:, 0].numpy() * _COLOUR_SCALE + 0.5) * 255),
        bytes_from((splats.log_scales.numpy() + 10) * 16),
        smallest_three_from_quats(xyzw).astype("<u4").view(np.uint8),
        _encoded_bands(splats.sh[:, 1:].numpy(), splats.degree),
    ]


def _encoded_bands(sh: NDArray[np.float32], degree: int) -> NDArray[np.uint8]:
    """Bytes around 128, rounded to the middle of the step of their band, as deflate likes them."""
    steps = np.array([_SH_STEP[band - 1] for band in range(1, degree + 1) for _ in range(2 * band + 1)], np.int32)
    values = np.clip(np.rint(sh * 128), -128, 127).astype(np.int32) + 128
    steps = steps[None, :, None]
    return np.clip((values + steps // 2) // steps * steps, 0, 255).astype(np.uint8)
