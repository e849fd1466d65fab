"""`.rad` of Spark: columns in chunks of 65,536 splats, with or without coarser levels.

Read is every encoding of Spark 2.2 but palettes of SH; of a file with coarser levels, which are one tree with the
splats as its leaves, the finest. Written are plain files without levels: positions in single precision, colours, scales
and rotations in half, SH in a byte each of the range of their chunk. `rad_chunks` describes the layout.

Files do not record their axes; they are those of the `.ply` that a file was made of.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import sh
from splatworld.errors import FormatError
from splatworld.formats.checks import checked_unpacking, writable
from splatworld.formats.frames import Frame
from splatworld.formats.quantise import bytes_from
from splatworld.formats.rad_chunks import (
    CHUNK_MAGIC,
    CHUNK_ROWS,
    MAGIC,
    VERSION,
    Chunk,
    Meta,
    Range,
    chunk_at,
    columns,
    described,
    framed,
    packed,
)
from splatworld.formats.streams import Shape, Source
from splatworld.progress import Note, Progress, Warning
from splatworld.splats import Splats, cat
from splatworld.threads import in_order

FRAME: Frame = "rdf"

_DEGREE = 3
_BANDS = ("sh1", "sh2", "sh3")
_NEEDED = ("center", "alpha", "rgb", "scales", "orientation")
_LEVEL = 3
"""Of deflate; higher ones take twice the time for the same bytes."""


def recognises(head: bytes) -> bool:
    """True if the first bytes are those of a `.rad`."""
    return head.startswith((MAGIC, CHUNK_MAGIC))


@contextmanager
def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Iterator[Source]:
    """A file, decoded as it is opened, as splats with coarser levels are not known before. Raises `FormatError`."""
    with open(path, "rb") as file:
        chunks, degree = _layout(file, path.name)
        with closing(in_order(partial(_splats, file, path.name, degree), chunks)) as parts:
            found = list(parts)
    if any(palette for _, palette in found):
        progress(Warning(f"{path.name}: its SH are a palette, which is not read; colours stay the same from all sides"))
    splats = cat(part for part, _ in found)
    count = sum(chunk.meta.count for chunk in chunks)
    if len(splats) < count:
        progress(Note(f"{path.name} has coarser levels; of its {count:,} splats the finest {len(splats):,} are read"))
    yield Source(path.name, len(splats), splats.degree, frame or FRAME, partial(_copy, splats))


def _copy(splats: Splats, start: int, target: Splats) -> None:
    rows = splats[start : start + len(target)]
    for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
        getattr(target, name)[:] = getattr(rows, name)


def _layout(file: BinaryIO, source: str) -> tuple[list[Chunk], int]:
    """The chunks and the degree of their SH. A file may also be one chunk without a header."""
    size = os.fstat(file.fileno()).st_size
    if file.read(4) == CHUNK_MAGIC:
        chunks = [chunk_at(file, 0, size, source)]
        count, degree = chunks[0].meta.count, chunks[0].meta.max_sh
    else:
        meta, start = described(file, 0, MAGIC, Meta, source)
        ranges = _ranges(meta, start, size, source)
        chunks = [chunk_at(file, first, end, source) for first, end in ranges]
        count, degree = meta.count, meta.max_sh
    if not 0 <= degree <= _DEGREE:
        raise FormatError(f"{source}: SH of degree {degree}; 0 to {_DEGREE} are read")
    checked_unpacking(count, degree, size, source)
    if any(chunk.meta.count < 0 for chunk in chunks) or count != sum(chunk.meta.count for chunk in chunks):
        raise FormatError(f"{source} claims {count:,} splats; its chunks hold others")
    return chunks, degree


def _ranges(meta: Meta, start: int, size: int, source: str) -> list[tuple[int, int]]:
    """From where to where each chunk stands."""
    if meta.type != "gsplat":
        raise FormatError(f"{source} holds '{meta.type}'; splats are read")
    if any(range.filename for range in meta.chunks):
        raise FormatError(f"{source} has its chunks in files of their own; one file is read")
    ranges = [(start + range.offset, start + range.offset + range.bytes) for range in meta.chunks]
    if any(not start <= first <= end <= size for first, end in ranges):
        raise FormatError(f"{source}: a chunk reaches beyond its {size:,} bytes")
    if sum(end - first for first, end in ranges) > size:
        raise FormatError(f"{source}: its chunks overlap")
    return ranges


def _splats(file: BinaryIO, source: str, degree: int, chunk: Chunk) -> tuple[Splats, bool]:
    """The finest splats of a chunk, and whether they have a palette of SH."""
    count, found = chunk.meta.count, columns(file, chunk, source)
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise FormatError(f"{source}: a chunk without '{missing[0]}'")
    known = [found[name].reshape(count, -1, 3) for name in _BANDS[:degree] if name in found]
    rgb = sh.from_rgb(torch.from_numpy(np.ascontiguousarray(found["rgb"])))[:, None].numpy()
    harmonics = np.zeros((count, (degree + 1) ** 2, 3), np.float32)
    if [band.shape[1] for band in known] != [3, 5, 7][: len(known)]:
        raise FormatError(f"{source}: a band of SH without the one before")
    harmonics[:, : (len(known) + 1) ** 2] = np.concatenate([rgb, *known], 1)
    xyz = found["orientation"]
    w = np.sqrt(np.maximum(1 - np.square(xyz).sum(1, keepdims=True), 0))
    with np.errstate(divide="ignore", invalid="ignore"):  # a scale of 0 is a flat splat; below 0 it means nothing
        log_scales = np.log(found["scales"])
    arrays = [found["center"], np.concatenate([w, xyz], 1), log_scales, _logits(found["alpha"][:, 0]), harmonics]
    means, quats, log_scales, logits, bands = (torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)
    whole = Splats(means, quats, log_scales, logits, bands)
    finest = whole[torch.from_numpy(found["child_count"][:, 0] == 0)] if "child_count" in found else whole
    return finest, "sh_label" in found


def _logits(opacities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Finite ones, as of opacities that are stored in bytes; merged splats of coarser levels have more than 1."""
    share = np.clip(opacities.astype(np.float64), 0.25 / 255, 1 - 0.25 / 255)
    return np.log(share / (1 - share)).astype(np.float32)


@contextmanager
def sink(path: Path, shape: Shape, *, progress: Progress) -> Iterator["_Sink"]:
    """A file to be written chunk by chunk; its header comes last, in the room left for it. Raises `OutputError`."""
    degree = min(shape.degree, _DEGREE)
    if degree < shape.degree:
        progress(Note(f".rad holds SH up to degree {_DEGREE}; the fourth band is left out"))
    with open(path, "wb") as file:
        taken = _Sink(file, shape.count, degree)
        yield taken
        taken.close()


class _Sink:
    """Gathers splats until a chunk is full."""

    def __init__(self, file: BinaryIO, count: int, degree: int) -> None:
        self.file, self.count, self.degree = file, count, degree
        self.waiting: list[Splats] = []
        self.ranges: list[Range] = []
        self.written = self.offset = 0
        self.bounds = {"rgbMin": 0.0, "rgbMax": 1.0, "sh1Max": 1.0, "sh2Max": 1.0, "sh3Max": 1.0}
        self.room = 1_024 + 64 * -(-count // CHUNK_ROWS)
        file.write(self._header())

    def encode(self, splats: Splats) -> Splats:
        return writable(splats, ".rad")

    def put(self, encoded: Splats) -> None:
        self.waiting.append(encoded)
        if sum(map(len, self.waiting)) >= CHUNK_ROWS:
            whole = cat(self.waiting)
            self._write(whole[:CHUNK_ROWS])
            self.waiting = [whole[CHUNK_ROWS:]]

    def close(self) -> None:
        rest = cat(self.waiting)
        if len(rest):
            self._write(rest)
        self.file.seek(0)
        self.file.write(self._header())

    def _header(self) -> bytes:
        """The same size at any time."""
        encoding = {"lnScaleMin": -12.0, "lnScaleMax": 9.0, "lodOpacity": False} | self.bounds
        meta = Meta(VERSION, "gsplat", self.count, self.offset, tuple(self.ranges), self.degree, False, CHUNK_ROWS)
        meta.splat_encoding = encoding
        return framed(MAGIC, meta, self.room)

    def _write(self, splats: Splats) -> None:
        plain = _columns(splats)
        self._widen(splats)
        with closing(in_order(_deflated, [data for _, data, _ in plain.values()])) as deflated:
            ready = {
                name: (kind, data, most) for (name, (kind, _, most)), data in zip(plain.items(), deflated, strict=True)
            }
        data = packed(self.written, len(splats), self.degree, ready)
        self.file.write(data)
        self.ranges.append(Range(self.offset, len(data)))
        self.offset += len(data)
        self.written += len(splats)

    def _widen(self, splats: Splats) -> None:
        """What Spark packs splats by, if it packs them into bytes."""
        colours = splats.colours
        self.bounds["rgbMin"] = min(self.bounds["rgbMin"], max(float(colours.min()), -1.0))
        self.bounds["rgbMax"] = max(self.bounds["rgbMax"], min(float(colours.max()), 2.0))
        for band in range(1, self.degree + 1):
            most = float(splats.sh[:, band**2 : (band + 1) ** 2].abs().max())
            self.bounds[f"sh{band}Max"] = max(self.bounds[f"sh{band}Max"], most)


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _columns(splats: Splats) -> dict[str, tuple[str, bytes, float | None]]:
    """Encoding, bytes and the end of the range of each property."""
    half = {"rgb": splats.colours, "scales": splats.log_scales, "orientation": _short_turns(splats.quats)}
    positions = np.ascontiguousarray(splats.means.numpy().T, "<f4").view(np.uint8).reshape(-1, 4)
    written: dict[str, tuple[str, bytes, float | None]] = {
        "center": ("f32_lebytes", np.ascontiguousarray(positions.T).tobytes(), None),
        "alpha": ("r8", bytes_from(splats.opacities.numpy() * 255).tobytes(), 1.0),
    }
    for name, values in half.items():
        written[name] = ("ln_f16" if name == "scales" else "f16", values.numpy().T.astype("<f2").tobytes(), None)
    for band, name in enumerate(_BANDS[: splats.degree], 1):
        values = splats.sh[:, band**2 : (band + 1) ** 2].reshape(len(splats), -1).numpy().T
        most = max(float(np.abs(values).max(initial=0)), 1e-6)
        written[name] = ("s8", np.rint(values * np.float32(127 / most)).astype(np.int8).tobytes(), most)
    return written


def _short_turns(quats: torch.Tensor) -> torch.Tensor:
    """x, y, z of quaternions whose w is their largest component, so that it follows from them with little error.

    Half a turn about an axis of its own does not change a splat; it exchanges the components and their signs.
    """
    unit = torch.nn.functional.normalize(quats, dim=1)
    largest = unit.abs().argmax(1)
    w, x, y, z = unit.T
    choices = torch.stack(
        [torch.stack(row, 1) for row in ((w, x, y, z), (x, -w, -z, y), (y, z, -w, -x), (z, -y, x, -w))]
    )
    turned = choices[largest, torch.arange(len(quats))]
    return turned[:, 1:] * torch.where(turned[:, :1] < 0, -1.0, 1.0)
