"""`.spz` of Niantic: about 15 bytes a splat without SH, 32 with three bands.

Versions 1 to 3 are a gzip stream of a 16-byte header and six arrays; version 4 has a plain header and one zstd stream
per array. Read are 1 to 4. Written is 3, which the most programs open, or 4 on request, which holds SH of degree 4 and
names its axes. Specification: github.com/nianticlabs/spz, README, extensions/README and load-spz.cc.

The specification says RUB axes, but many programs copy PLY axes (RDF) unchanged. A file of version 4 may name its
frame; otherwise `rub` is assumed and told, and `frame="rdf"` reads the others.

Positions are 24-bit fixed point, so their range follows from the number of fractional bits: 12 (a step of 0.24 mm) up
to 2,048 m, fewer for larger worlds. ln scales are stored in steps of 1/16 from -10 to 5.9, band 1 of the SH in 5 bits,
the others in 4 unless told otherwise, between -1 and 1.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from splatworld.errors import UsageError
from splatworld.formats.blocks import ROWS
from splatworld.formats.checks import writable
from splatworld.formats.frames import Frame
from splatworld.formats.quantise import (
    bytes_from,
    logits_from_bytes,
    quats_from_smallest_three,
    smallest_three_from_quats,
)
from splatworld.formats.spz_container import Arrays, Header, packed_gzip, packed_zstd, recognises, unpacked
from splatworld.formats.streams import Shape, Source
from splatworld.progress import Note, Progress, Step, Warning
from splatworld.splats import Splats

FRAME: Frame = "rub"

_FRACTIONAL_BITS = 12
_COLOUR_SCALE = np.float32(0.15)
_SH_BITS = (5, 4, 4, 4)
"""Of band 1 and the others, as the reference writes them."""

__all__ = ["FRAME", "opened", "recognises", "sink"]


@contextmanager
def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Iterator[Source]:
    """An SPZ whose bytes are in memory and whose splats are decoded in blocks. Raises `FormatError`."""
    with open(path, "rb") as file:
        header, arrays, stated = unpacked(file, path.name)
    if frame is None and stated is None:
        progress(Note(f"{path.name} does not say which way is up; the axes of its specification (rub) are assumed"))
    yield Source(path.name, header.count, header.degree, frame or stated or FRAME, partial(_fill, header, arrays))


def _fill(header: Header, arrays: Arrays, start: int, target: Splats) -> None:
    own = (array[start : start + len(target)] for array in arrays)
    positions, alphas, colours, scales, rotations, rest = map(np.ascontiguousarray, own)
    xyzw = quats_from_smallest_three(rotations.view("<u4")[:, 0]) if header.version >= 3 else _first_three(rotations)
    sh = target.sh.numpy().reshape(len(target), -1)
    target.means.numpy()[:] = _positions(header, positions)
    target.quats.numpy()[:] = xyzw[:, [3, 0, 1, 2]]
    target.log_scales.numpy()[:] = scales / np.float32(16) - np.float32(10)
    target.logit_opacities.numpy()[:] = logits_from_bytes(alphas[:, 0])
    sh[:, :3] = (colours / np.float32(255) - np.float32(0.5)) / _COLOUR_SCALE
    np.multiply(rest, np.float32(1 / 128), out=sh[:, 3:])
    sh[:, 3:] -= 1


def _positions(header: Header, data: NDArray[np.uint8]) -> NDArray[np.float32]:
    if header.version == 1:
        return data.view("<f2").astype(np.float32)
    words = np.zeros((len(data), 3, 4), np.uint8)
    words[:, :, 1:] = data.reshape(-1, 3, 3)
    fixed = words.view("<i4")[:, :, 0] >> 8  # with their sign
    return fixed.astype(np.float32) * np.float32(2.0**-header.fractional_bits)


def _first_three(rotations: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Versions 1 and 2: x, y, z in a byte each; w is what is missing to length 1."""
    xyz = rotations.astype(np.float32) / np.float32(127.5) - np.float32(1)
    w = np.sqrt(np.maximum(1 - np.square(xyz).sum(1, keepdims=True), 0))
    return np.concatenate([xyz, w], 1)


@contextmanager
def sink(
    path: Path, shape: Shape, *, progress: Progress, spz_version: int = 3, sh_bits: int | None = None
) -> Iterator["_Sink"]:
    """An SPZ to be packed when all of its splats are known, as its arrays follow each other.

    `sh_bits`, 1 to 8, replaces the 5 bits of band 1 and the 4 of the others. Raises `UsageError` for options that do
    not exist and `OutputError` for values that are no number.
    """
    if spz_version not in (3, 4):
        raise UsageError(f"SPZ version {spz_version} is not written; 3 and 4 are")
    if sh_bits is not None and not 1 <= sh_bits <= 8:
        raise UsageError(f"{sh_bits} bits for SH coefficients are not possible; give 1 to 8")
    degree = min(shape.degree, spz_version)
    if degree < shape.degree:
        progress(Note("SPZ version 3 holds SH up to degree 3; the fourth band is left out"))
    taken = _Sink(shape.count, degree, (sh_bits,) * 4 if sh_bits else _SH_BITS)
    yield taken
    with open(path, "wb") as file:
        taken.write(file, spz_version, shape.frame, progress)


class _Sink:
    """Keeps the arrays: 65 bytes a splat with three bands, and 3 more of positions, whose step is not known yet."""

    def __init__(self, count: int, degree: int, sh_bits: tuple[int, ...]) -> None:
        self.degree = degree
        self.means = np.empty((count, 3), np.float32)
        sizes = Header(3, count, degree, 0, 0, 0).sizes
        self.arrays = [np.empty((count, size), np.uint8) for size in sizes[1:]]
        self.clamped = self.taken = 0
        bands = [2 ** (8 - sh_bits[band - 1]) for band in range(1, degree + 1) for _ in range(3 * (2 * band + 1))]
        self.steps = np.array(bands, np.int16)

    def encode(self, splats: Splats) -> tuple[NDArray[np.float32], Arrays, int]:
        splats = writable(splats, "SPZ")
        scales = splats.log_scales.numpy()
        beyond = (scales.min() < -10 - 1 / 32 or scales.max() > 255 / 16 - 10 + 1 / 32) if len(scales) else False
        clamped = ((scales < -10 - 1 / 32) | (scales > 255 / 16 - 10 + 1 / 32)).any(1).sum() if beyond else 0
        xyzw = np.ascontiguousarray(splats.quats.numpy()[:, [1, 2, 3, 0]])
        arrays = [
            bytes_from(splats.opacities.numpy() * np.float32(255))[:, None],
            bytes_from((splats.sh[:, 0].numpy() * _COLOUR_SCALE + np.float32(0.5)) * np.float32(255)),
            bytes_from((scales + np.float32(10)) * np.float32(16)),
            smallest_three_from_quats(xyzw).astype("<u4").view(np.uint8).reshape(-1, 4),
            _band_bytes(splats.sh.numpy().reshape(len(splats), -1)[:, 3:], self.steps),
        ]
        return splats.means.numpy(), arrays, int(clamped)

    def put(self, encoded: tuple[NDArray[np.float32], Arrays, int]) -> None:
        means, arrays, clamped = encoded
        rows = slice(self.taken, self.taken + len(means))
        self.means[rows] = means
        for whole, part in zip(self.arrays, arrays, strict=True):
            whole[rows] = part
        self.clamped += clamped
        self.taken = rows.stop

    def write(self, file: BinaryIO, version: int, frame: Frame, progress: Progress) -> None:
        if self.clamped:
            progress(Warning(f"{self.clamped:,} splats are smaller than 0.05 mm or larger than 380 m, which SPZ "
                             "cannot hold; their size was clamped"))  # fmt: skip
        bits = _fitting_bits(self.means)
        arrays = [_fixed(self.means, bits), *self.arrays]
        flags, filled = (2, sum(array.size > 0 for array in arrays)) if version == 4 else (0, 0)
        header = Header(version, len(self.means), self.degree, bits, flags, filled)
        total = sum(array.size for array in arrays)
        packing = packed_zstd(file, header, arrays, frame) if version == 4 else packed_gzip(file, header, arrays)
        for done in packing:
            progress(Step(min(done, total), total))


def _fitting_bits(means: NDArray[np.float32]) -> int:
    """As many fractional bits, at most 12, as leave room for the farthest position in 24 bits."""
    reach = max(float(means.max()), -float(means.min()), 1.0) if len(means) else 1.0
    return min(_FRACTIONAL_BITS, math.floor(math.log2((2**23 - 1) / reach)))


def _fixed(means: NDArray[np.float32], bits: int) -> NDArray[np.uint8]:
    """Positions in 3 bytes a coordinate, [n, 9]; exact, as float32 has the 24 bits."""
    out = np.empty((len(means), 9), np.uint8)
    for start in range(0, len(means), ROWS):
        fixed = np.rint(means[start : start + ROWS] * np.float32(2.0**bits)).astype("<i4")
        out[start : start + ROWS] = fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3].reshape(-1, 9)
    return out


def _band_bytes(sh: NDArray[np.float32], steps: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Coefficients [n, 3 k] as bytes around 128, rounded to the middle of the step of their band for the packer."""
    values = np.rint(sh * np.float32(128))
    np.clip(values, -128, 127, out=values)
    levels = values.astype(np.int16)
    levels += 128 + steps // 2
    levels &= -steps
    return np.minimum(levels, 255).astype(np.uint8)
