"""Writing SOG: planes of bytes from splats in Morton order, then their pictures."""

from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import OutputError
from splatworld.formats import sog_members, sog_meta, sog_pictures, structure
from splatworld.formats.checks import writable
from splatworld.formats.frames import Frame, file_from_world
from splatworld.formats.quantise import bytes_from
from splatworld.formats.sog_codebook import codebook
from splatworld.formats.sog_meta import COEFFICIENTS
from splatworld.formats.sog_palette import palette, palette_size
from splatworld.formats.sog_pictures import ENTRIES_PER_ROW, FIRST_MODE, OTHERS, Plane
from splatworld.formats.sog_read import FRAME
from splatworld.formats.streams import merged
from splatworld.morton import morton_order
from splatworld.progress import Note, Progress, Stage, Step
from splatworld.splats import Splats
from splatworld.threads import in_order
from splatworld.world import World

_ALIGN = 4
"""Sides of pictures are multiples of it."""
_SEED = 0


def write(world: World, path: Path, *, progress: Progress, frame: Frame = FRAME, unit: float = 1.0) -> None:
    """All visible splats as version 2. Raises `OutputError` for values that are no number."""
    splats = storable(world, frame, unit, progress)
    ours = sog_meta.Ours(frame, unit, world=structure.described(world))
    order = morton_order(torch.from_numpy(_logarithmic(splats.means.numpy())))
    sog_members.write_archive(path, contents(splats[order], ours, progress))


def storable(world: World, frame: Frame, unit: float, progress: Progress) -> Splats:
    """All visible splats as a file of this frame and unit holds them. Raises `OutputError` if it cannot."""
    splats, file_from_here = merged(world, file_from_world(frame, unit))
    writable(splats, "SOG")
    if len(splats) > limits.SOG_SPLATS_MAX:
        raise OutputError(f"cannot write SOG: it holds {limits.SOG_SPLATS_MAX:,} splats at most, not {len(splats):,}")
    if splats.degree > 3:
        progress(Note("SOG holds SH up to degree 3; the fourth band is left out"))
        splats = splats.with_degree(3)
    return splats.transformed(file_from_here)


def contents(splats: Splats, ours: sog_meta.Ours, progress: Progress) -> dict[str, bytes]:
    """The files of a SOG by name: of splats in its axes, in this order."""
    progress(Stage("palette", 1, 2))
    planes, meta = _encoded(splats, _logarithmic(splats.means.numpy()), ours, progress)
    return {sog_members.META: meta, **_pictures(planes, progress)}


def _pictures(planes: dict[str, Plane], progress: Progress) -> dict[str, bytes]:
    """Packed side by side: the packer works outside of Python's lock."""
    progress(Stage("pictures", 2, 2))
    pictures = {}
    with closing(in_order(sog_pictures.encoded, planes.values())) as packed:
        for name, data in zip(planes, packed, strict=True):
            pictures[name] = data
            progress(Step(len(pictures), len(planes)))
    return pictures


def _logarithmic(means: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = means.astype(np.float64)
    return np.sign(wide) * np.log1p(np.abs(wide))


def _encoded(
    splats: Splats, means: NDArray[np.float64], ours: sog_meta.Ours, progress: Progress
) -> tuple[dict[str, Plane], bytes]:
    """The pictures by name, not yet packed, and meta.json."""
    low, high = (means.min(0), means.max(0)) if len(means) else (np.zeros(3), np.zeros(3))
    steps = np.rint((means - low) * (65535 / np.maximum(high - low, 1e-30))).astype(np.uint16)
    scales, scale_index = codebook(splats.log_scales.numpy())
    base, base_index = codebook(splats.sh[:, 0].numpy())
    opacity = bytes_from(splats.opacities.numpy() * 255)
    planes = {
        "means_l.webp": _square((steps & 255).astype(np.uint8)),
        "means_u.webp": _square((steps >> 8).astype(np.uint8)),
        "quats.webp": _square(_packed_quats(splats.quats.numpy())),
        "scales.webp": _square(scale_index),
        "sh0.webp": _square(np.concatenate([base_index, opacity[:, None]], 1)),
    }
    books, size = {"scales": scales, "sh0": base}, 0
    if splats.degree:
        bands, books["shN"], size = _packed_bands(splats, progress)
        planes |= bands
    ids = {name: f"{name}.webp" for name in ("thing", "label") if name in splats.extras}
    planes |= {ids[name]: _square(_id_bytes(splats.extras[name].numpy() + (name == "label"))) for name in ids}
    bounds, ours = (low.tolist(), high.tolist()), msgspec.structs.replace(ours, rows=ids)
    return planes, sog_meta.text(len(splats), bounds, books, (size, splats.degree), ours)


def _id_bytes(ids: NDArray[np.integer]) -> Plane:
    """The low three bytes of each, [n, 3]."""
    return np.ascontiguousarray(ids.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3])


def _square(pixels: Plane) -> Plane:
    """Pixels [n, c] as a picture [h, w, c] as near to a square as multiples of 4 allow; the rest is 0."""
    width = max(-(-int(np.ceil(np.sqrt(len(pixels)))) // _ALIGN) * _ALIGN, _ALIGN)
    height = max(-(-len(pixels) // (width * _ALIGN)) * _ALIGN, _ALIGN)
    plane = np.zeros((height * width, pixels.shape[1]), np.uint8)
    plane[: len(pixels)] = pixels
    return plane.reshape(height, width, -1)


def _packed_quats(quats: NDArray[np.float32]) -> Plane:
    """The three smaller components in bytes, and which one is left out, [n, 4]; of quaternions of any length."""
    unit = quats / np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), 1e-30)
    largest = np.abs(unit).argmax(1)
    unit = np.where(np.take_along_axis(unit, largest[:, None], 1) < 0, -unit, unit)
    stored = np.take_along_axis(unit, OTHERS[largest], 1)
    mode = (FIRST_MODE + largest).astype(np.uint8)
    return np.concatenate([bytes_from((stored * np.sqrt(0.5) + 0.5) * 255), mode[:, None]], 1)


def _packed_bands(splats: Splats, progress: Progress) -> tuple[dict[str, Plane], NDArray[np.float32], int]:
    """The pictures of palette and labels, the codebook, and the size of the palette."""
    coefficients = COEFFICIENTS[splats.degree]
    rows = splats.sh.flatten(1)[:, 3:]
    entries, labels = palette(rows, palette_size(len(splats)), torch.Generator().manual_seed(_SEED), progress)
    book, index = codebook(entries.numpy())
    label = labels.numpy().astype("<u2").view(np.uint8).reshape(-1, 2)
    height = max(-(-len(entries) // ENTRIES_PER_ROW), 1)
    plane = np.zeros((height * ENTRIES_PER_ROW, 3 * coefficients), np.uint8)
    plane[: len(entries)] = index
    pictures = {
        "shN_centroids.webp": plane.reshape(height, ENTRIES_PER_ROW * coefficients, 3),
        "shN_labels.webp": _square(np.concatenate([label, np.zeros_like(label[:, :1])], 1)),
    }
    return pictures, book, len(entries)
