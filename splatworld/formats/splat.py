"""`.splat` of antimatter15/splat: 32 bytes a splat, no header, no spherical harmonics.

3 float32 position, 3 float32 scale (linear), 4 bytes RGBA, 4 bytes quaternion wxyz stored as `q * 128 + 128`. Rows are
written with the largest and most opaque splats first, so that a viewer that streams the file shows the whole early.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import sh
from splatworld.errors import FormatError, OutputError
from splatworld.formats.blocks import ROWS, read_at
from splatworld.formats.checks import checked_count, writable
from splatworld.formats.frames import Frame
from splatworld.formats.quantise import bytes_from, logits_from_bytes
from splatworld.formats.streams import Shape, Source
from splatworld.progress import Note, Progress, Step
from splatworld.splats import Splats
from splatworld.threads import in_order

FRAME: Frame = "rdf"
RECORD = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("quat", "u1", 4)])


def recognises(head: bytes) -> bool:
    """Never: the format has no magic bytes, only its suffix."""
    return False


@contextmanager
def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Iterator[Source]:
    """A file to be read in blocks, in the `rdf` frame unless told otherwise. Raises `FormatError`."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size % RECORD.itemsize:
            raise FormatError(
                f"{path.name}: {size:,} bytes are not a multiple of {RECORD.itemsize}, the size of one splat"
            )
        count = checked_count(size // RECORD.itemsize, RECORD.itemsize, size, path.name)
        yield Source(path.name, count, 0, frame or FRAME, partial(_fill, file, path.name))


def _fill(file: BinaryIO, source: str, start: int, target: Splats) -> None:
    records = np.empty(len(target), RECORD)
    read_at(file, start * RECORD.itemsize, records, source)
    rgb = torch.from_numpy(records["rgba"][:, :3] / np.float32(255))
    target.means.numpy()[:] = records["mean"]
    target.quats.numpy()[:] = (records["quat"].astype(np.float32) - 128) / 128
    with np.errstate(divide="ignore", invalid="ignore"):  # a scale of 0 is a flat splat; below 0 it means nothing
        target.log_scales.numpy()[:] = np.log(records["scale"])
    target.logit_opacities.numpy()[:] = logits_from_bytes(records["rgba"][:, 3])
    target.sh.numpy()[:, 0] = sh.from_rgb(rgb).numpy()


@contextmanager
def sink(path: Path, shape: Shape, *, progress: Progress) -> Iterator["_Sink"]:
    """A file to be written when all of its splats are known, as they are sorted. Raises `OutputError`."""
    if not shape.count:
        raise OutputError(
            "cannot write .splat: without splats it would be an empty file, which cannot be told from a lost one"
        )
    if shape.degree:
        progress(Note(".splat keeps the base colour only; colours no longer change with the direction of view"))
    taken = _Sink(shape.count)
    yield taken
    with open(path, "wb") as file:
        taken.write(file, progress)


class _Sink:
    """Keeps what is sorted later: 40 bytes a splat."""

    degree = 0

    def __init__(self, count: int) -> None:
        self.records = np.empty((count, 8), np.uint32)  # as words, which numpy gathers ten times as fast as records
        self.weights = np.empty(count, np.float64)
        self.taken = 0

    def encode(self, splats: Splats) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
        writable(splats, ".splat")
        weights = splats.log_scales.double().sum(1).exp() * splats.opacities
        return _encoded(splats).view(np.uint32).reshape(-1, 8), weights.numpy()

    def put(self, encoded: tuple[NDArray[np.uint32], NDArray[np.float64]]) -> None:
        rows = slice(self.taken, self.taken + len(encoded[0]))
        self.records[rows], self.weights[rows] = encoded
        self.taken = rows.stop

    def write(self, file: BinaryIO, progress: Progress) -> None:
        order = np.argsort(-self.weights, kind="stable")
        starts = range(0, len(order), 8 * ROWS)
        with closing(in_order(lambda start: self.records.take(order[start : start + 8 * ROWS], 0), starts)) as pieces:
            for start, piece in zip(starts, pieces, strict=True):
                file.write(piece.data)  # and not `tofile`, which does not notice a full disk
                progress(Step(start + len(piece), len(order)))


def _encoded(splats: Splats) -> np.ndarray:
    records = np.empty(len(splats), RECORD)
    quats = torch.nn.functional.normalize(splats.quats, dim=1)
    records["mean"] = splats.means.numpy()
    records["scale"] = splats.scales.numpy()
    records["rgba"][:, :3] = bytes_from(splats.colours.numpy() * 255)
    records["rgba"][:, 3] = bytes_from(splats.opacities.numpy() * 255)
    records["quat"] = bytes_from(quats.numpy() * 128 + 128)
    return records
