"""Reading SOG: all pictures are decoded at once, 4 bytes a pixel, and become splats in blocks."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats import sog_members, sog_meta, sog_pictures
from splatworld.formats.checks import checked_unpacking, sound_ids
from splatworld.formats.frames import Frame
from splatworld.formats.sog_members import Members
from splatworld.formats.sog_meta import COEFFICIENTS, Bands, Description
from splatworld.formats.sog_pictures import ENTRIES_PER_ROW, FIRST_MODE, OTHERS, Plane
from splatworld.formats.streams import Source
from splatworld.progress import Note, Progress
from splatworld.splats import Splats

FRAME: Frame = "rdf"
"""By habit, against the specification."""
_ROW_TYPES = {"thing": np.dtype(np.int32), "label": np.dtype(np.int16)}


@dataclass(frozen=True)
class _Content:
    """A SOG in memory: pixels of the splats, [n, 4], and what they mean."""

    meta: Description
    low: Plane
    high: Plane
    quats: Plane
    scales: Plane
    sh0: Plane
    labels: NDArray[np.uint16] | None
    """Entry of the palette by splat, [n]."""
    palette: NDArray[np.float32]
    """SH above the base colour by entry, [k, 3 times 3, 8 or 15]; [0, 0] if there are none."""
    ids: dict[str, NDArray[np.int32]]
    """Of things and labels, 0 for none, [n]."""


@contextmanager
def opened(
    path: Path, *, frame: Frame | None, progress: Progress, runs: Sequence[tuple[int, int]] | None = None
) -> Iterator[Source]:
    """A SOG of version 1 or 2, by its archive or its meta.json; of its rows those of `runs`, (first, end), or all.

    Raises `FormatError`.
    """
    with sog_members.opened(path) as members:
        meta = sog_meta.parsed(members.read(sog_members.META, limits.SOG_META_BYTES), path.name)
        checked_unpacking(meta.count, (meta.bands.degree or 3) if meta.bands else 0, members.size, path.name)
        rows = None if runs is None else _chosen(runs, meta.count, path)
        content = _content(meta, members)
    if meta.model != "default":
        progress(Note(f"{path.name} was made for the renderer '{meta.model}'; it is shown like any other"))
    degree = COEFFICIENTS.index(content.palette.shape[1] // 3)
    known = _ROW_TYPES if meta.structure.labels else {"thing": _ROW_TYPES["thing"]}
    yield Source(
        path.name,
        meta.count if rows is None else len(rows),
        degree,
        frame or meta.ours.frame,
        functools.partial(_fill, content, rows),
        extras={name: (kind, ()) for name, kind in known.items() if name in content.ids},
        labels=meta.structure.labels,
        unit=meta.ours.unit,
        structure=meta.structure,
    )


def _content(meta: Description, members: Members) -> _Content:
    plane = functools.partial(_plane, members, meta.count)
    low, high = (plane(name) for name in meta.means)
    labels, palette = None, np.zeros((0, 0), np.float32)
    if meta.bands is not None:
        labels = plane(meta.bands.files[1])[:, :2].copy().view("<u2")[:, 0]
        palette = _palette(meta.bands, members)
        if len(labels) and int(labels.max()) >= len(palette):
            asked = f"entry {labels.max():,} of {len(palette):,} of the palette"
            raise FormatError(f"{members.source}: a splat asks for {asked}")
    ids = {name: _ids(plane(file)) for name, file in meta.ours.rows.items()}
    return _Content(meta, low, high, plane(meta.quats), plane(meta.scales), plane(meta.sh0), labels, palette, ids)


def _ids(pixels: Plane) -> NDArray[np.int32]:
    """From three bytes, low first."""
    words = np.zeros((len(pixels), 4), np.uint8)
    words[:, :3] = pixels[:, :3]
    return words.view("<i4")[:, 0]


def _plane(members: Members, count: int, name: str) -> Plane:
    """The pixels of the splats in a picture, [count, 4]."""
    most = count + count // 10 + limits.SOG_SPARE_PIXELS
    return _picture(members, name, count, most).reshape(-1, 4)[:count]


def _picture(members: Members, name: str, least: int, most: int) -> Plane:
    # Noise takes its own size, and not five times it.
    data = members.read(name, 5 * most)
    return sog_pictures.decoded(data, f"{members.source}: {name}", pixels_min=max(least, 1), pixels_max=most)


def _palette(bands: Bands, members: Members) -> NDArray[np.float32]:
    """The entries, [k, 3 times 3, 8 or 15]; the degree may have to be told from the width of the picture."""
    name = bands.files[0]
    plane = _picture(members, name, 1, COEFFICIENTS[3] * limits.SOG_PALETTE_MAX + limits.SOG_SPARE_PIXELS)
    coefficients, rest = divmod(plane.shape[1], ENTRIES_PER_ROW)
    degree = COEFFICIENTS.index(coefficients) if coefficients in COEFFICIENTS and not rest else 0
    if not degree or bands.degree not in (None, degree):
        raise FormatError(f"{members.source}: {name} is {plane.shape[1]} pixels wide, which does not fit its bands")
    return bands.values[plane[:, :, :3].reshape(-1, 3 * coefficients)[: bands.count]]


def _chosen(runs: Sequence[tuple[int, int]], count: int, path: Path) -> NDArray[np.int64]:
    """The numbers of the rows in some runs."""
    if sum(end - first for first, end in runs) > count or max((end for _, end in runs), default=0) > count:
        raise FormatError(f"{path}: its {count:,} splats are fewer than the tree above it names")
    return np.concatenate([np.arange(first, end) for first, end in runs] or [np.empty(0, np.int64)])


def _fill(content: _Content, chosen: NDArray[np.int64] | None, start: int, target: Splats) -> None:
    meta, own = content.meta, slice(start, start + len(target))
    rows = own if chosen is None else chosen[own]
    sh = target.sh.numpy().reshape(len(target), -1)
    base = np.take_along_axis(meta.base, content.sh0[rows], 0)
    target.means.numpy()[:] = _positions(meta, content.low[rows, :3], content.high[rows, :3])
    target.quats.numpy()[:] = _quats(content.quats[rows])
    target.log_scales.numpy()[:] = np.take_along_axis(meta.log_scales, content.scales[rows, :3], 0)
    target.logit_opacities.numpy()[:] = base[:, 3]
    sh[:, :3] = base[:, :3]
    if content.labels is not None:
        sh[:, 3:] = content.palette[content.labels[rows]]
    if "thing" in target.extras:
        target.extras["thing"].numpy()[:] = sound_ids(content.ids["thing"][rows], 0, limits.THING_ID_MAX, 0)
    if "label" in target.extras:
        labels = len(meta.structure.labels)
        target.extras["label"].numpy()[:] = sound_ids(content.ids["label"][rows] - 1, -1, labels - 1, -1)


def _positions(meta: Description, low: Plane, high: Plane) -> NDArray[np.float32]:
    """From 16 bits of sign(x) ln(1 + |x|) between the bounds."""
    steps = low.astype(np.float64) + high.astype(np.float64) * 256
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is dropped and counted later
        values = meta.low + (meta.high - meta.low) / 65535 * steps
        return (np.sign(values) * np.expm1(np.abs(values))).astype(np.float32)


def _quats(pixels: Plane) -> NDArray[np.float32]:
    """Unit quaternions wxyz [n, 4]; zero ones, which are mended and told later, where alpha means nothing."""
    stored = (pixels[:, :3].astype(np.float32) / 255 - 0.5) * np.float32(np.sqrt(2))
    left_out = np.sqrt(np.maximum(1 - np.square(stored).sum(1), 0))
    largest = np.maximum(pixels[:, 3].astype(np.intp) - FIRST_MODE, 0)
    quats: NDArray[np.float32] = np.empty((len(pixels), 4), np.float32)
    np.put_along_axis(quats, OTHERS[largest], stored, 1)
    np.put_along_axis(quats, largest[:, None], left_out[:, None], 1)
    quats[pixels[:, 3] < FIRST_MODE] = 0
    return quats
