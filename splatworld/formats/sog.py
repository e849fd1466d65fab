"""`.sog` of PlayCanvas: 12 to 20 bytes a splat, SH included; what web viewers stream.

A zip archive, or a folder, of meta.json and lossless WebP pictures, one pixel a splat. Versions 1 and 2 are read, as
archive or by the path of their meta.json; 2 is written, as archive. Specification: developer.playcanvas.com,
formats/sog. It says y points up, but files have the axes of the `.ply` they came from.

Positions have 16 bits an axis on a logarithmic scale; rotations three components in 8 bits; opacities 8 bits. ln scales
and base colours are entries of codebooks of 256; the SH above of a splat are one entry of a palette of at most 65,536,
whose numbers are entries of a third codebook. Lost are SH of degree 4, things and labels.
"""

import functools
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError, OutputError
from splatworld.formats import sog_members, sog_meta, sog_pictures
from splatworld.formats.blocks import in_order
from splatworld.formats.checks import cleaned, writable
from splatworld.formats.frames import Frame, to_file, to_world
from splatworld.formats.morton import morton_order
from splatworld.formats.quantise import bytes_from
from splatworld.formats.sog_codebook import codebook
from splatworld.formats.sog_members import Members
from splatworld.formats.sog_meta import COEFFICIENTS, Bands, Description
from splatworld.formats.sog_palette import palette, palette_size
from splatworld.progress import Note, Progress, Stage, Step
from splatworld.splats import Splats
from splatworld.world import Layer, World

FRAME: Frame = "rdf"

Plane = NDArray[np.uint8]

_ENTRIES_PER_ROW = 64
_FIRST_MODE = 252
"""Alpha of a rotation whose largest component is w; x, y and z follow."""
_ALIGN = 4
_SEED = 0


def recognises(head: bytes) -> bool:
    """True for a zip whose first member is one of a SOG, and for the meta.json of a folder."""
    if head.startswith(b"PK\x03\x04"):
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        return name == b"meta.json" or name.endswith(b".webp")
    return head.lstrip().startswith(b"{") and b'"means"' in head


def read(path: Path, *, frame: Frame | None, progress: Progress) -> World:
    """The splats of a SOG of version 1 or 2, in the `rdf` frame unless told otherwise. Raises `FormatError`."""
    with sog_members.opened(path) as members:
        found = sog_meta.parsed(members.read(sog_members.META, limits.SOG_META_BYTES), path.name)
        if found.count > members.size * limits.SOG_SPLATS_PER_BYTE_MAX:
            raise FormatError(f"{path.name} claims {found.count:,} splats in {members.size:,} bytes")
        splats = _decoded(found, members)
    if found.model != "default":
        progress(Note(f"{path.name} was made for the renderer '{found.model}'; it is shown like any other"))
    name = path.parent.resolve().name if path.name == sog_members.META else path.stem
    splats = to_world(cleaned(splats, path.name, progress), frame or FRAME)
    return World(layers=(Layer("base", name[: limits.NAME_CHARS], splats),))


def _decoded(found: Description, members: Members) -> Splats:
    plane = functools.partial(_plane, members, found.count)
    low, high = (plane(name)[:, :3] for name in found.means)
    base = np.take_along_axis(found.base, plane(found.sh0), 0)
    sh = base[:, None, :3]
    if found.bands is not None:
        sh = np.concatenate([sh, _read_bands(found.bands, plane(found.bands.files[1]), members)], 1)
    return Splats(
        means=torch.from_numpy(_positions(found, low, high)),
        quats=torch.from_numpy(_quats(plane(found.quats))),
        log_scales=torch.from_numpy(np.take_along_axis(found.log_scales, plane(found.scales)[:, :3], 0)),
        logit_opacities=torch.from_numpy(base[:, 3].copy()),
        sh=torch.from_numpy(np.ascontiguousarray(sh)),
    )


def _plane(members: Members, count: int, name: str) -> Plane:
    """The pixels of the splats in a picture, [count, 4]."""
    most = count + count // 10 + limits.SOG_SPARE_PIXELS
    return _picture(members, name, count, most).reshape(-1, 4)[:count]


def _picture(members: Members, name: str, least: int, most: int) -> Plane:
    # Noise takes its own size, and not five times it.
    data = members.read(name, 5 * most)
    return sog_pictures.decoded(data, f"{members.source}: {name}", pixels_min=max(least, 1), pixels_max=most)


def _positions(found: Description, low: Plane, high: Plane) -> NDArray[np.float32]:
    """From 16 bits of sign(x) ln(1 + |x|) between the bounds."""
    steps = low.astype(np.float64) + high.astype(np.float64) * 256
    values = found.low + (found.high - found.low) / 65535 * steps
    with np.errstate(over="ignore"):  # what overflows is dropped and counted later
        return (np.sign(values) * np.expm1(np.abs(values))).astype(np.float32)


def _quats(pixels: Plane) -> NDArray[np.float32]:
    """Unit quaternions wxyz [n, 4]; zero ones, which are mended and told later, where alpha means nothing."""
    stored = (pixels[:, :3].astype(np.float32) / 255 - 0.5) * np.float32(np.sqrt(2))
    left_out = np.sqrt(np.maximum(1 - np.square(stored).sum(1), 0))
    largest = np.maximum(pixels[:, 3].astype(np.intp) - _FIRST_MODE, 0)
    quats: NDArray[np.float32] = np.empty((len(pixels), 4), np.float32)
    np.put_along_axis(quats, _OTHERS[largest], stored, 1)
    np.put_along_axis(quats, largest[:, None], left_out[:, None], 1)
    quats[pixels[:, 3] < _FIRST_MODE] = 0
    return quats


_OTHERS = np.array([[c for c in range(4) if c != k] for k in range(4)])
"""The three components that are stored, by the one that is not."""


def _read_bands(bands: Bands, pixels: Plane, members: Members) -> NDArray[np.float32]:
    """SH above the base colour, [n, 3 or 8 or 15, 3]."""
    labels = pixels[:, 0].astype(np.intp) | pixels[:, 1].astype(np.intp) << 8
    entries = _entries(bands, members)
    if len(labels) and int(labels.max()) >= len(entries):
        raise FormatError(
            f"{members.source}: a splat asks for entry {labels.max():,} of {len(entries):,} of the palette"
        )
    return bands.values[entries][labels]


def _entries(bands: Bands, members: Members) -> Plane:
    """The palette as indices of the codebook, [k, 3 or 8 or 15, 3]; the degree may have to be told from its width."""
    name = bands.files[0]
    plane = _picture(members, name, 1, COEFFICIENTS[3] * limits.SOG_PALETTE_MAX + limits.SOG_SPARE_PIXELS)
    coefficients, rest = divmod(plane.shape[1], _ENTRIES_PER_ROW)
    degree = COEFFICIENTS.index(coefficients) if coefficients in COEFFICIENTS and not rest else 0
    if not degree or bands.degree not in (None, degree):
        raise FormatError(f"{members.source}: {name} is {plane.shape[1]} pixels wide, which does not fit its bands")
    return plane[:, :, :3].reshape(-1, coefficients, 3)[: bands.count]


def write(world: World, path: Path, *, progress: Progress) -> None:
    """All visible splats as version 2 in the `rdf` frame. Raises `OutputError` for values that are no number."""
    splats = writable(world.splats(), "SOG")
    if len(splats) > limits.SOG_SPLATS_MAX:
        raise OutputError(f"cannot write SOG: it holds {limits.SOG_SPLATS_MAX:,} splats at most, not {len(splats):,}")
    if splats.degree > 3:
        progress(Note("SOG holds SH up to degree 3; the fourth band is left out"))
        splats = splats.with_degree(3)
    splats = to_file(splats, FRAME)
    progress(Stage("palette", 1, 2))
    means = _logarithmic(splats.means.numpy())
    order = morton_order(means)
    planes, meta = _encoded(splats[torch.from_numpy(order)], means[order], progress)
    sog_members.write_archive(path, {sog_members.META: meta, **_pictures(planes, progress)})


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


def _encoded(splats: Splats, means: NDArray[np.float64], progress: Progress) -> tuple[dict[str, Plane], bytes]:
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
    bounds = low.tolist(), high.tolist()
    return planes, sog_meta.text(len(splats), bounds, books, (size, splats.degree))


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
    stored = np.take_along_axis(unit, _OTHERS[largest], 1)
    mode = (_FIRST_MODE + largest).astype(np.uint8)
    return np.concatenate([bytes_from((stored * np.sqrt(0.5) + 0.5) * 255), mode[:, None]], 1)


def _packed_bands(splats: Splats, progress: Progress) -> tuple[dict[str, Plane], NDArray[np.float32], int]:
    """The pictures of palette and labels, the codebook, and the size of the palette."""
    coefficients = COEFFICIENTS[splats.degree]
    rows = splats.sh[:, 1:].reshape(len(splats), 3 * coefficients)
    entries, labels = palette(rows, palette_size(len(splats)), torch.Generator().manual_seed(_SEED), progress)
    book, index = codebook(entries.numpy())
    label = labels.numpy().astype("<u2").view(np.uint8).reshape(-1, 2)
    height = max(-(-len(entries) // _ENTRIES_PER_ROW), 1)
    plane = np.zeros((height * _ENTRIES_PER_ROW, 3 * coefficients), np.uint8)
    plane[: len(entries)] = index
    pictures = {
        "shN_centroids.webp": plane.reshape(height, _ENTRIES_PER_ROW * coefficients, 3),
        "shN_labels.webp": _square(np.concatenate([label, np.zeros_like(label[:, :1])], 1)),
    }
    return pictures, book, len(entries)
