"""`.ksplat` of GaussianSplats3D: 44 bytes a splat at level 0, 24 at level 1, and SH of two bands.

Read are the levels of compression 0 to 2, any sections and buckets, and a third band where a file has one. Written are
0, which keeps all but colours and opacities exactly, and 1 (unless told otherwise): positions in 16 bits of a block of
5 m, that is to 0.04 mm, the rest in half precision. The layout is described in `ksplat_layout`.

Files do not record their axes; they are those of the `.ply` that a file was made of.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import sh
from splatworld.errors import UsageError
from splatworld.formats.blocks import ROWS, read_at
from splatworld.formats.checks import writable
from splatworld.formats.frames import Frame
from splatworld.formats.ksplat_layout import STEPS, Layout, Section, band_order, headers, layout, recognises, record
from splatworld.formats.quantise import bytes_from, logits_from_bytes
from splatworld.formats.streams import Shape, Source
from splatworld.progress import Note, Progress
from splatworld.splats import Splats
from splatworld.threads import in_order

FRAME: Frame = "rdf"

_DEGREE = 2
"""The highest that its own program reads."""
_BLOCK = 5.0
"""Side of the cubes whose splats share a centre; of 5, as its own program has them: larger is coarser."""
_BUCKET_ROWS = 256
_HALF_MIN, _HALF_MAX = 2.0**-24, 65504.0
"""Between them half precision has numbers that are not 0 or infinite."""

__all__ = ["FRAME", "opened", "recognises", "sink"]


@contextmanager
def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Iterator[Source]:
    """A file to be read in blocks, in the `rdf` frame unless told otherwise. Raises `FormatError`."""
    with open(path, "rb") as file:
        found = layout(file, path.name)
        first = [0, *accumulate(section.count for section in found.sections)]
        fill = partial(_fill, file, path.name, found, first)
        yield Source(path.name, found.count, found.degree, frame or FRAME, fill)


def _fill(file: BinaryIO, source: str, found: Layout, first: list[int], start: int, target: Splats) -> None:
    done = 0
    while done < len(target):
        i = bisect_right(first, start + done) - 1
        section, row = found.sections[i], start + done - first[i]
        rows = min(len(target) - done, section.count - row)
        _fill_section(file, source, found, section, row, target[done : done + rows])
        done += rows


def _fill_section(file: BinaryIO, source: str, found: Layout, section: Section, start: int, target: Splats) -> None:
    records = np.empty(len(target), record(found.level, section.degree))
    read_at(file, section.records + start * records.itemsize, records, source)
    target.means.numpy()[:] = _positions(found, section, start, records["mean"])
    target.quats.numpy()[:] = records["quat"]
    with np.errstate(divide="ignore", invalid="ignore"):  # a scale of 0 is a flat splat; below 0 it means nothing
        target.log_scales.numpy()[:] = np.log(records["scale"].astype(np.float32))
    target.logit_opacities.numpy()[:] = logits_from_bytes(records["rgba"][:, 3])
    values = target.sh.numpy().reshape(len(target), -1)
    rgb = torch.from_numpy(records["rgba"][:, :3] / np.float32(255))
    values[:, :3] = sh.from_rgb(rgb).numpy()
    values[:, 3:] = 0
    if section.degree:
        bands = records["sh"].astype(np.float32)
        if found.level == 2:
            bands = np.float32(found.low) + bands * np.float32((found.high - found.low) / 255)
        values[:, 3 : 3 + bands.shape[-1]] = bands[:, band_order(section.degree)]


def _positions(found: Layout, section: Section, start: int, stored: NDArray[Any]) -> NDArray[np.float32]:
    if found.level == 0:
        return stored
    rows = np.arange(start, start + len(stored))
    centres = section.centres[np.searchsorted(section.ends, rows, side="right")]
    offsets = (stored.astype(np.int64) - section.steps) * section.step
    with np.errstate(over="ignore", invalid="ignore"):  # of a hostile file
        return (offsets + centres).astype(np.float32)


@contextmanager
def sink(path: Path, shape: Shape, *, progress: Progress, ksplat_level: int = 1) -> Iterator["_Rows | _Buckets"]:
    """A file to be written: at level 0 as the splats come, at level 1 when all are known, as neighbours share buckets.

    Raises `UsageError` for another level and `OutputError` for values that are no number.
    """
    if ksplat_level not in (0, 1):
        raise UsageError(f".ksplat of level {ksplat_level} is not written; 0 and 1 are")
    degree = min(shape.degree, _DEGREE)
    if degree < shape.degree:
        progress(Note(f".ksplat holds SH up to degree {_DEGREE}; what is beyond is left out"))
    with open(path, "wb") as file:
        if ksplat_level == 0:
            file.write(headers(0, degree, shape.count))
            yield _Rows(file, degree)
        else:
            taken = _Buckets(shape.count, degree)
            yield taken
            taken.write(file)


class _Rows:
    """Writes each block as it comes."""

    def __init__(self, file: BinaryIO, degree: int) -> None:
        self.file, self.degree = file, degree

    def encode(self, splats: Splats) -> NDArray[Any]:
        records = _records(writable(splats, ".ksplat"), 0)
        records["mean"] = splats.means.numpy()
        return records

    def put(self, encoded: NDArray[Any]) -> None:
        self.file.write(encoded.data)


class _Buckets:
    """Keeps what is sorted by blocks later: 32 bytes a splat, 80 with two bands."""

    def __init__(self, count: int, degree: int) -> None:
        self.degree = degree
        self.records = np.empty(count, record(1, degree))
        self.blocks = np.empty(count, np.int64)
        self.taken = 0

    def encode(self, splats: Splats) -> tuple[NDArray[Any], NDArray[np.int64]]:
        records = _records(writable(splats, ".ksplat"), 1)
        means = splats.means.numpy().astype(np.float64)
        cells = np.floor(means / _BLOCK)
        records["mean"] = np.rint((means - _centres(cells)) * (STEPS / (_BLOCK / 2))) + STEPS
        return records, _numbered(cells)

    def put(self, encoded: tuple[NDArray[Any], NDArray[np.int64]]) -> None:
        rows = slice(self.taken, self.taken + len(encoded[0]))
        self.records[rows], self.blocks[rows] = encoded
        self.taken = rows.stop

    def write(self, file: BinaryIO) -> None:
        order = np.argsort(self.blocks, kind="stable")
        blocks, counts = np.unique(self.blocks, return_counts=True)
        full, left = np.divmod(counts, _BUCKET_ROWS)
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)  # in its own block
        in_full = rank < np.repeat(full * _BUCKET_ROWS, counts)
        order = np.concatenate([order[in_full], order[~in_full]])
        buckets = _cells(np.concatenate([np.repeat(blocks, full), blocks[left > 0]]))
        sizes = {"full": int(full.sum()), "partial": int((left > 0).sum()), "rows": _BUCKET_ROWS, "block": _BLOCK}
        file.write(headers(1, self.degree, len(order), **sizes))
        file.write(left[left > 0].astype("<u4").tobytes())
        file.write(_centres(buckets).astype("<f4").tobytes())
        self._write_records(file, order)

    def _write_records(self, file: BinaryIO, order: NDArray[np.intp]) -> None:
        # numpy gathers words faster than records.
        words = self.records.view("<u2").reshape(len(order), self.records.itemsize // 2)
        starts = range(0, len(order), 8 * ROWS)
        with closing(in_order(lambda start: words.take(order[start : start + 8 * ROWS], 0), starts)) as pieces:
            for piece in pieces:
                file.write(piece.data)


def _records(splats: Splats, level: int) -> NDArray[Any]:
    """All of them but their positions."""
    records = np.empty(len(splats), record(level, splats.degree))
    scales = splats.scales
    records["scale"] = (scales.clamp(_HALF_MIN, _HALF_MAX) if level else scales).numpy()
    records["quat"] = torch.nn.functional.normalize(splats.quats, dim=1).numpy()
    records["rgba"][:, :3] = bytes_from(splats.colours.numpy() * 255)
    records["rgba"][:, 3] = bytes_from(splats.opacities.numpy() * 255)
    if splats.degree:
        records["sh"][:, band_order(splats.degree)] = splats.sh.numpy().reshape(len(splats), -1)[:, 3:]
    return records


_HALF_GRID, _BITS = 1 << 20, 21
"""Blocks to each side of the middle, more than positions may need; and bits for the number of one."""


def _numbered(cells: NDArray[np.float64]) -> NDArray[np.int64]:
    """One number for each block [n, 3]."""
    x, y, z = (cells.astype(np.int64) + _HALF_GRID).T
    return x << 2 * _BITS | y << _BITS | z


def _cells(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """The blocks [n, 3] of such numbers."""
    parts = [(numbers >> shift & 2 * _HALF_GRID - 1) - _HALF_GRID for shift in (2 * _BITS, _BITS, 0)]
    return np.stack(parts, 1).astype(np.float64)


def _centres(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middles of blocks, exact in single precision."""
    return (cells + 0.5) * _BLOCK
