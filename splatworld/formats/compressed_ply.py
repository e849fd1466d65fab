"""The compressed `.ply` of PlayCanvas: 16 bytes a splat and a byte per SH coefficient, in chunks of 256.

Each chunk has the bounds of its positions, ln scales and colours; each splat has four words: position and scale in
11 + 10 + 11 bits of those bounds, the rotation as its three smaller components in 10 bits each, colour and opacity in
bytes. SH coefficients lie between -4 and 4. Source: splat-transform, compressed-chunk.ts and decompress-ply.ts.

Written with the splats along a Morton curve, and runs of it halved across their longest side until a chunk is left, so
that the bounds of chunks are narrow: half the largest error of the curve alone. The frame is that of `.ply`.
"""

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import limits, sh
from splatworld.errors import FormatError
from splatworld.formats import ply_comments
from splatworld.formats.blocks import ROWS
from splatworld.formats.checks import writable
from splatworld.formats.frames import Frame
from splatworld.formats.ply_header import Element, Header
from splatworld.formats.quantise import bytes_from, logits_from_bytes
from splatworld.formats.streams import Shape, Source
from splatworld.morton import morton_order
from splatworld.progress import Note, Progress, Step
from splatworld.splats import Splats
from splatworld.threads import in_order

FRAME: Frame = "rdf"

_CHUNK_ROWS = 256
_BAND_RANGE = 8.0
_WORDS = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_BOUNDS = tuple(f"{end}_{kind}{axis}" for kind in ("", "scale_") for end in ("min", "max") for axis in "xyz")
_COLOUR_BOUNDS = tuple(f"{end}_{channel}" for end in ("min", "max") for channel in "rgb")
_THIRDS = ((21, 2047), (11, 1023), (0, 2047))
"""Shift and largest value of the three parts of a word."""
_OTHERS = np.array([[c for c in range(4) if c != k] for k in range(4)])
_BAND_LEVELS = np.where(np.isin(np.arange(256), (0, 255)), np.arange(256) / 255, (np.arange(256) + 0.5) / 256)
_BAND_VALUES = ((_BAND_LEVELS - 0.5) * _BAND_RANGE).astype(np.float32)
"""What each byte of an SH coefficient stands for."""


def is_compressed(header: Header) -> bool:
    """True if the elements of a PLY are those of the compressed kind."""
    return "chunk" in header.elements and set(_WORDS) <= set(header.elements["vertex"].fields)


def recognises(head: bytes) -> bool:
    """Never: by its first bytes this is a PLY, whose module reads both kinds."""
    return False


def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Any:
    """As `ply.opened`, as the name of a file says little about its kind."""
    from splatworld.formats import ply  # it builds on this module

    return ply.opened(path, frame=frame, progress=progress)


def source(file: BinaryIO, header: Header, name: str, frame: Frame, unit: float) -> Source:
    """An open file of this kind. Raises `FormatError`."""
    vertex, chunk, bands = header.elements["vertex"], header.elements["chunk"], header.elements.get("sh")
    if chunk.count * _CHUNK_ROWS < vertex.count:
        raise FormatError(f"{name}: {chunk.count:,} chunks are too few for {vertex.count:,} splats")
    if any((vertex.dtype[word].kind, vertex.dtype[word].itemsize) != ("u", 4) for word in _WORDS):
        raise FormatError(f"{name}: its packed properties are not all of type uint")
    missing = [field for field in _BOUNDS if field not in chunk.fields]
    if missing:
        raise FormatError(f"{name}: its chunks lack {missing[0]}")
    degree = 0 if bands is None else _degree(bands, vertex.count, name)
    rows = chunk.rows(file, 0, math.ceil(vertex.count / _CHUNK_ROWS), name)
    # Files of the first kind have no bounds of colour.
    names = _BOUNDS + (_COLOUR_BOUNDS if set(_COLOUR_BOUNDS) <= set(chunk.fields) else ())
    with np.errstate(over="ignore"):
        bounds = np.stack([rows[field].astype(np.float32) for field in names], 1).reshape(
            len(rows), len(names) // 6, 2, 3
        )
    fill = partial(_fill, file, vertex, bands, bounds, name)
    return Source(name, vertex.count, degree, frame, fill, unit=unit)


def _degree(bands: Element, count: int, source: str) -> int:
    total = len(bands.fields)
    is_bytes = bands.dtype.itemsize == total and set(bands.fields) == {f"f_rest_{i}" for i in range(total)}
    if total not in (9, 24, 45) or not is_bytes or bands.count < count:
        raise FormatError(
            f"{source}: its element 'sh' has {total} properties and {bands.count:,} rows, which do not fit"
        )
    return math.isqrt(total // 3 + 1) - 1


def _fill(
    file: BinaryIO,
    vertex: Element,
    bands: Element | None,
    bounds: NDArray[np.float32],
    source: str,
    start: int,
    target: Splats,
) -> None:
    rows = vertex.rows(file, start, len(target), source)
    position, rotation, scale, colour = (rows[name].astype(np.uint32) for name in _WORDS)
    own = bounds[np.arange(start, start + len(rows)) // _CHUNK_ROWS]  # [rows, kinds, 2, 3]
    rgba = np.stack([(colour >> shift) & 255 for shift in (24, 16, 8, 0)], 1).astype(np.uint8)
    rgb = rgba[:, :3].astype(np.float32) / np.float32(255)
    if own.shape[1] == 3:
        rgb = _between(rgb, own[:, 2])
    target.means.numpy()[:] = _between(_thirds(position), own[:, 0])
    target.log_scales.numpy()[:] = _between(_thirds(scale), own[:, 1])
    target.quats.numpy()[:] = _quats(rotation)
    target.logit_opacities.numpy()[:] = logits_from_bytes(rgba[:, 3])
    target.sh.numpy()[:, 0] = sh.from_rgb(torch.from_numpy(rgb)).numpy()
    if bands is not None:
        levels = bands.rows(file, start, len(target), source)
        order = np.array([bands.fields.index(f"f_rest_{i}") for i in range(len(bands.fields))])
        values = _BAND_VALUES[levels.view(np.uint8).reshape(len(levels), -1)[:, order]]
        target.sh.numpy()[:, 1:] = values.reshape(len(levels), 3, -1).transpose(0, 2, 1)


def _thirds(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """11, 10 and 11 bits as shares of 1, [n, 3]."""
    parts = [((words >> shift) & top).astype(np.float32) / np.float32(top) for shift, top in _THIRDS]
    return np.stack(parts, 1)


def _between(shares: NDArray[np.float32], bounds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares [n, 3] of the bounds [n, 2, 3] as values."""
    with np.errstate(all="ignore"):  # what overflows is dropped and counted later
        return (bounds[:, 0] + shares * (bounds[:, 1] - bounds[:, 0])).astype(np.float32, copy=False)


def _quats(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Unit quaternions wxyz [n, 4]; the top bits name the component that is left out, the largest."""
    stored = np.stack([((words >> shift) & 1023).astype(np.float32) for shift in (20, 10, 0)], 1)
    stored = (stored / np.float32(1023) - np.float32(0.5)) * np.float32(math.sqrt(2))
    largest = (words >> 30).astype(np.intp)
    quats: NDArray[np.float32] = np.empty((len(words), 4), np.float32)
    np.put_along_axis(quats, _OTHERS[largest], stored, 1)
    quats[np.arange(len(words)), largest] = np.sqrt(np.maximum(1 - np.square(stored).sum(1), 0))
    return quats


@contextmanager
def sink(path: Path, shape: Shape, *, progress: Progress) -> Iterator["_Sink"]:
    """A file to be written when all of its splats are known, as they are sorted. Raises `OutputError`."""
    if shape.degree > 3:
        progress(Note("compressed .ply holds SH up to degree 3; the fourth band is left out"))
    comments = ply_comments.lines(replace(shape, extras=(), labels=()), progress)
    taken = _Sink(shape.count, min(shape.degree, 3), comments)
    yield taken
    with open(path, "wb") as file:
        taken.write(file, progress)


_Encoded = tuple[NDArray[np.float32], NDArray[np.uint32], NDArray[np.uint8], NDArray[np.uint8]]


class _Sink:
    """Keeps what is sorted later: 41 bytes a splat, and the SH as bytes."""

    def __init__(self, count: int, degree: int, comments: list[str]) -> None:
        self.degree, self.comments = degree, comments
        self.values = np.empty((count, 9), np.float32)
        """Position, ln scale and colour, which depend on the bounds of their chunk."""
        self.rotations = np.empty(count, np.uint32)
        self.alphas = np.empty(count, np.uint8)
        self.bands = np.empty((count, 3 * ((degree + 1) ** 2 - 1)), np.uint8)
        self.taken = 0

    def encode(self, splats: Splats) -> _Encoded:
        writable(splats, "PLY")
        scales = splats.log_scales.clamp(-limits.LOG_SCALE_ABS_MAX, limits.LOG_SCALE_ABS_MAX)
        quats = torch.nn.functional.normalize(splats.quats, dim=1)
        values = torch.cat([splats.means, scales, splats.colours], 1).numpy()
        alphas = bytes_from(splats.opacities.numpy() * np.float32(255))
        return values, _quats_packed(quats.numpy()), alphas, _band_bytes(splats.sh[:, 1:].numpy())

    def put(self, encoded: _Encoded) -> None:
        rows = slice(self.taken, self.taken + len(encoded[0]))
        self.values[rows], self.rotations[rows], self.alphas[rows], self.bands[rows] = encoded
        self.taken = rows.stop

    def write(self, file: BinaryIO, progress: Progress) -> None:
        count = len(self.values)
        starts = range(0, count, ROWS)
        order = self._order(starts, progress)
        header = _header_text(count, self.bands.shape[1], self.comments)
        words_at = len(header) + math.ceil(count / _CHUNK_ROWS) * 4 * len(_BOUNDS + _COLOUR_BOUNDS)
        bands_at, bounds = words_at + count * 4 * len(_WORDS), [header]

        def packed(start: int) -> tuple[NDArray[np.float32], NDArray[np.uint32], NDArray[np.uint8]]:
            rows = order[start : start + ROWS]
            return *_packed(self.values[rows], self.rotations[rows], self.alphas[rows]), self.bands[rows]

        with closing(in_order(packed, starts)) as blocks:
            for start, (own, words, bands) in zip(starts, blocks, strict=True):
                bounds.append(own.tobytes())
                for at, array in ((words_at, words), (bands_at, bands)):
                    file.seek(at + start * array.itemsize * array.shape[1])
                    file.write(array.data.cast("B") if array.size else b"")
                progress(Step(min(start + ROWS, count), count))
        file.seek(0)
        file.write(b"".join(bounds))

    def _order(self, starts: range, progress: Progress) -> NDArray[np.int64]:
        """Rows so that those of a chunk are near each other."""
        means = self.values[:, :3]
        curve = morton_order(torch.from_numpy(means), tick=lambda: progress(Step(0, len(means)))).numpy()

        def tighten(start: int) -> int:
            rows = curve[start : start + ROWS]
            rows[:] = rows[_halved(means[rows])]
            return start + len(rows)

        with closing(in_order(tighten, starts)) as ends:
            for end in ends:
                progress(Step(end, len(means)))
        return curve


def _halved(means: NDArray[np.float32]) -> NDArray[np.int64]:
    """Order of a run of rows, cut across the longest side of its bounds, between two chunks, again and again."""
    low = means.min(0)
    # In whole numbers, which are sorted several times faster; and not only parted, as what is left unsorted by that
    # differs between processors.
    cells = (means - low) * np.float32(65_535 / max(float((means.max(0) - low).max()), 1e-30))
    return _cut(cells.astype(np.uint16), np.arange(len(means)))


def _cut(cells: NDArray[np.uint16], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    chunks = math.ceil(len(rows) / _CHUNK_ROWS)
    if chunks <= 1:
        return rows
    axis = np.ptp(cells, 0).argmax()
    order, half = cells[:, axis].argsort(kind="stable"), chunks // 2 * _CHUNK_ROWS
    parts = order[:half], order[half:]
    return np.concatenate([_cut(cells[part], rows[part]) for part in parts])


def _band_bytes(bands: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Coefficients [n, k, 3] as bytes [n, 3 k], channel after channel."""
    levels = bands.transpose(0, 2, 1).reshape(len(bands), -1) + np.float32(_BAND_RANGE / 2)
    levels *= np.float32(256 / _BAND_RANGE)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


def _packed(
    values: NDArray[np.float32], rotations: NDArray[np.uint32], alphas: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Bounds [chunks, 18] and words [n, 4] of sorted rows."""
    starts = np.arange(0, len(values), _CHUNK_ROWS)
    low, high = (extreme.reduceat(values, starts, axis=0) for extreme in (np.minimum, np.maximum))
    own = np.arange(len(values)) // _CHUNK_ROWS
    span = np.maximum(high - low, np.finfo(np.float32).tiny)
    shares = ((values - low[own]) / span[own]).astype(np.float32, copy=False)
    words = np.empty((len(values), 4), "<u4")
    words[:, 0], words[:, 2] = _thirds_packed(shares[:, 0:3]), _thirds_packed(shares[:, 3:6])
    words[:, 1] = rotations
    rgb = bytes_from(shares[:, 6:] * np.float32(255)).astype(np.uint32)
    words[:, 3] = (rgb[:, 0] << 24) | (rgb[:, 1] << 16) | (rgb[:, 2] << 8) | alphas
    bounds = np.concatenate([end[:, kind : kind + 3] for kind in (0, 3, 6) for end in (low, high)], 1)
    return np.ascontiguousarray(bounds, "<f4"), words


def _thirds_packed(shares: NDArray[np.float32]) -> NDArray[np.uint32]:
    x, y, z = (
        np.rint(shares[:, axis] * np.float32(top)).astype(np.uint32) << shift
        for axis, (shift, top) in enumerate(_THIRDS)
    )
    return (x | y | z).astype(np.uint32, copy=False)


def _quats_packed(quats: NDArray[np.float32]) -> NDArray[np.uint32]:
    """See `_quats`; the sign is chosen so that the component left out is positive."""
    largest = np.abs(quats).argmax(1)
    sign = np.where(np.take_along_axis(quats, largest[:, None], 1) < 0, np.float32(-1), np.float32(1))
    stored = np.take_along_axis(quats, _OTHERS[largest], 1) * sign
    levels = np.rint((stored * np.float32(math.sqrt(0.5)) + np.float32(0.5)) * np.float32(1023)).astype(np.uint32)
    words = largest.astype(np.uint32) << np.uint32(30)
    for axis, shift in enumerate((20, 10, 0)):
        words |= levels[:, axis] << np.uint32(shift)
    return words.astype(np.uint32, copy=False)


def _header_text(count: int, bands: int, comments: list[str]) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", "comment written by splatworld"]
    lines += [f"comment {line}" for line in comments]
    lines += [f"element chunk {math.ceil(count / _CHUNK_ROWS)}"]
    lines += [f"property float {name}" for name in _BOUNDS + _COLOUR_BOUNDS]
    lines += [f"element vertex {count}", *(f"property uint {name}" for name in _WORDS)]
    if bands:
        lines += [f"element sh {count}", *(f"property uchar f_rest_{i}" for i in range(bands))]
    return "\n".join([*lines, "end_header", ""]).encode()
