"""The two containers of `.spz`: one gzip stream (versions 1 to 3), or a zstd stream for each array (version 4).

What is read is never inflated beyond what the header announces, and a header is not believed that the file cannot fill.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.checks import checked_count, checked_unpacking
from splatworld.formats.frames import Frame
from splatworld.threads import in_order, threads

_MAGIC = b"NGSP"
_GZIP = b"\x1f\x8b"
_HEADER = struct.Struct("<4sIIBBBB")
_TOC_AT = 32
_HAS_EXTENSIONS = 2
_COORDINATE_SYSTEM = 0xADBE0003
_AXES: dict[int, Frame | None] = {0: None, 4: "rub", 6: "rdf"}
"""Values of the coordinate-system extension: 0 unspecified, then LDB RDB LUB RUB LDF RDF LUF RUF."""
_DEFLATE_RATIO_MAX = 1_032
_PIECE = 1 << 20
_SAMPLE = 1 << 16
_WINDOW = 1 << 15
_DEFLATE_LEVEL = 5
_ZSTD_LEVEL = 6

Arrays = list[NDArray[np.uint8]]


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


def unpacked(file: BinaryIO, source: str) -> tuple[Header, Arrays, Frame | None]:
    """Header, arrays [n, bytes per splat] and stated frame of a file of version 1 to 4. Raises `FormatError`."""
    head = file.read(4)
    file.seek(0)
    return _read_gzip(file, source) if head.startswith(_GZIP) else _read_plain(file, source)


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


def _read_gzip(file: BinaryIO, source: str) -> tuple[Header, Arrays, Frame | None]:
    """Versions 1 to 3. Never inflates more than the header announces, nor believes a header the file cannot fill."""
    size = os.fstat(file.fileno()).st_size
    inflater = zlib.decompressobj(31)
    header = _header(_inflated(file, inflater, _HEADER.size, source).tobytes(), source)
    if header.version == 4:
        raise FormatError(f"{source}: SPZ version 4 inside gzip, which does not exist")
    per_splat = sum(header.sizes)
    checked_count(header.count, per_splat, size * _DEFLATE_RATIO_MAX, source)
    checked_unpacking(header.count, header.degree, size, source)
    body = _inflated(file, inflater, header.count * per_splat, source)
    _refuse_surplus(file, inflater, source)
    return header, _split(body, header), None


def _inflated(file: BinaryIO, inflater: "zlib._Decompress", wanted: int, source: str) -> NDArray[np.uint8]:
    """Exactly `wanted` bytes more of the stream."""
    body, done = np.empty(wanted, np.uint8), 0
    try:
        while done < wanted:
            piece = inflater.unconsumed_tail or file.read(_PIECE)
            got = inflater.decompress(piece, min(wanted - done, 4 * _PIECE))
            if not got and (inflater.eof or not piece):
                raise FormatError(f"{source} ends early: {wanted - done:,} of {wanted:,} bytes are missing")
            body[done : done + len(got)] = np.frombuffer(got, np.uint8)
            done += len(got)
    except zlib.error as why:
        raise FormatError(f"{source}: the gzip stream is damaged ({why})") from None
    return body


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
        return header, _split(np.frombuffer(file.read(header.count * sum(header.sizes)), np.uint8), header), None
    checked_unpacking(header.count, header.degree, size, source)
    toc_offset = int.from_bytes(file.read(4), "little")
    wanted = [header.count * s for s in header.sizes if s] if header.count else []
    if header.streams != len(wanted) or not _TOC_AT <= toc_offset <= min(size, _TOC_AT + limits.SPZ_TRAILING_BYTES):
        raise FormatError(f"{source}: the table of its {header.streams} streams does not fit {header.count:,} splats")
    file.seek(_TOC_AT)
    stated = _stated_frame(file.read(toc_offset - _TOC_AT), source) if header.flags & _HAS_EXTENSIONS else None
    file.seek(toc_offset)
    return header, _read_streams(file, header, wanted, size, source), stated


def _read_streams(file: BinaryIO, header: Header, wanted: list[int], size: int, source: str) -> Arrays:
    import zstandard

    raw = file.read(16 * len(wanted))
    table = np.frombuffer(raw[: len(raw) // 16 * 16], "<u8")
    if table[1::2].tolist() != wanted or sum(table[::2].tolist()) > size - file.tell():
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
    return [
        np.frombuffer(bodies.pop(0) if size and header.count else b"", np.uint8).reshape(header.count, size)
        for size in header.sizes
    ]


def _stated_frame(records: bytes, source: str) -> Frame | None:
    """The frame named by a version 4 file, if it has the extension record [type u32, length u32, value]."""
    at = 0
    while at + 8 <= len(records):
        kind, length = struct.unpack_from("<II", records, at)
        if kind == _COORDINATE_SYSTEM and 1 <= length <= len(records) - at - 8:
            code = records[at + 8]
            if code not in _AXES:
                raise FormatError(f"{source}: axes of kind {code} are not read yet; give --frame to choose others")
            return _AXES[code]
        at += 8 + length
    return None


def _split(flat: NDArray[np.uint8], header: Header) -> Arrays:
    """The six arrays, each [n, bytes per splat]."""
    ends = np.cumsum([0, *(s * header.count for s in header.sizes)])
    return [flat[a:b].reshape(header.count, s) for a, b, s in zip(ends, ends[1:], header.sizes, strict=False)]


def packed_gzip(file: BinaryIO, header: Header, arrays: Arrays) -> Iterator[int]:
    """Write version 3; yields the bytes done, to be told.

    Pieces are deflated apart by several threads, each with the end of the one before as its dictionary, and joined on
    byte boundaries (as pigz does it). So the result does not depend on the number of threads.
    """
    start = _packed_header(header)
    file.write(_GZIP + bytes((8, 0, 0, 0, 0, 0, 0, 255)))
    file.write(_deflated((np.frombuffer(start, np.uint8), 0)))
    checksum, size = zlib.crc32(start), len(start)
    flat = [array.reshape(-1) for array in arrays]
    pieces = [(array, at) for array in flat for at in range(0, len(array), _PIECE)]
    with closing(in_order(_deflated, pieces)) as results:
        for (array, at), result in zip(pieces, results, strict=True):
            file.write(result)
            checksum = zlib.crc32(array[at : at + _PIECE].data, checksum)
            size += len(array[at : at + _PIECE])
            yield size
    file.write(b"\x03\x00" + struct.pack("<II", checksum, size & 0xFFFFFFFF))


def _deflated(piece: tuple[NDArray[np.uint8], int]) -> bytes:
    """One piece of an array, as whole bytes of a raw deflate stream."""
    array, at = piece
    data = array[at : at + _PIECE].data
    strategy = _cheaper(data[:_SAMPLE])
    dictionary = array[max(at - _WINDOW, 0) : at].tobytes()
    deflater = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, -15, 9, strategy, dictionary)
    return deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)


def _cheaper(sample: memoryview) -> int:
    """Plain Huffman codes beat repeated strings where values are noise, like SH, and take a tenth of the time."""
    sizes = {}
    for strategy in (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY):
        deflater = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, -15, 9, strategy)
        sizes[strategy] = len(deflater.compress(sample)) + len(deflater.flush())
    return min(sizes, key=sizes.__getitem__)


def packed_zstd(file: BinaryIO, header: Header, arrays: Arrays, frame: Frame) -> Iterator[int]:
    """Write version 4, whose axes are stated if the format has a value for them; yields the bytes done, to be told."""
    import zstandard

    arrays = [array for array in arrays if array.size]
    codes = [code for code, named in _AXES.items() if named == frame]
    record = struct.pack("<III", _COORDINATE_SYSTEM, 4, codes[0] if codes else 0)
    start = _packed_header(header) + struct.pack("<I12x", _TOC_AT + len(record)) + record
    file.write(start + bytes(16 * len(arrays)))
    table, done = [], 0
    for array in (array.reshape(-1) for array in arrays):
        # With threads of its own, whose number makes no difference to the result as long as there are any.
        packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, threads=threads()).compressobj(size=array.size)
        began = file.tell()
        for at in range(0, array.size, _PIECE):
            file.write(packer.compress(array[at : at + _PIECE].data))
            yield done + at
        file.write(packer.flush())
        table += [file.tell() - began, array.size]
        done += array.size
    file.seek(len(start))
    file.write(struct.pack(f"<{len(table)}Q", *table))


def _packed_header(header: Header) -> bytes:
    values = header.version, header.count, header.degree, header.fractional_bits, header.flags, header.streams
    return _HEADER.pack(_MAGIC, *values)
