"""`.splat` of antimatter15/splat: 32 bytes a splat, no header, no spherical harmonics.

3 float32 position, 3 float32 scale (linear), 4 bytes RGBA, 4 bytes quaternion wxyz stored as `q * 128 + 128`. Rows are
written with the largest and most opaque splats first, so that a viewer that streams the file shows the whole early.
"""

import os
from pathlib import Path

import numpy as np
import torch

from splatworld import limits, sh
from splatworld.errors import FormatError, OutputError
from splatworld.formats.checks import checked_count, cleaned, writable
from splatworld.formats.frames import Frame, to_file, to_world
from splatworld.formats.quantise import bytes_from, logits_from_bytes
from splatworld.progress import Note, Progress
from splatworld.splats import Splats
from splatworld.world import Layer, World

FRAME: Frame = "rdf"
RECORD = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("quat", "u1", 4)])


def recognises(head: bytes) -> bool:
    """Never: the format has no magic bytes, only its suffix."""
    return False


def read(path: Path, *, frame: Frame | None, progress: Progress) -> World:
    """The splats of the file, taken to be in the `rdf` frame unless told otherwise. Raises `FormatError`."""
    size = os.path.getsize(path)
    if size % RECORD.itemsize:
        raise FormatError(f"{path.name}: {size:,} bytes are not a multiple of {RECORD.itemsize}, the size of one splat")
    count = checked_count(size // RECORD.itemsize, RECORD.itemsize, size, path.name)
    splats = cleaned(_decoded(np.fromfile(path, RECORD, count)), path.name, progress)
    return World(layers=(Layer("base", path.stem[: limits.NAME_CHARS], to_world(splats, frame or FRAME)),))


def write(world: World, path: Path, *, progress: Progress) -> None:
    """All visible splats, things placed, in the `rdf` frame. Raises `OutputError` for values that are no number."""
    splats = to_file(writable(world.splats(), ".splat"), FRAME)
    if not len(splats):
        raise OutputError(
            "cannot write .splat: without splats it would be an empty file, which cannot be told from a lost one"
        )
    if splats.degree:
        progress(Note(".splat keeps the base colour only; colours no longer change with the direction of view"))
    weight = splats.log_scales.double().sum(1).exp() * splats.opacities
    records = _encoded(splats[torch.argsort(weight, descending=True, stable=True)])
    path.write_bytes(records.data)  # and not `tofile`, which does not notice a full disk


def _decoded(records: np.ndarray) -> Splats:
    with np.errstate(divide="ignore", invalid="ignore"):  # a scale of 0 is a flat splat; below 0 it means nothing
        log_scales = np.log(records["scale"])
    rgb = torch.from_numpy(records["rgba"][:, :3] / np.float32(255))
    return Splats(
        means=torch.from_numpy(records["mean"].copy()),
        quats=torch.from_numpy((records["quat"].astype(np.float32) - 128) / 128),
        log_scales=torch.from_numpy(log_scales),
        logit_opacities=torch.from_numpy(logits_from_bytes(records["rgba"][:, 3])),
        sh=sh.from_rgb(rgb)[:, None],
    )


def _encoded(splats: Splats) -> np.ndarray:
    records = np.empty(len(splats), RECORD)
    quats = torch.nn.functional.normalize(splats.quats, dim=1)
    records["mean"] = splats.means.numpy()
    records["scale"] = splats.scales.numpy()
    records["rgba"][:, :3] = bytes_from(splats.colours.numpy() * 255)
    records["rgba"][:, 3] = bytes_from(splats.opacities.numpy() * 255)
    records["quat"] = bytes_from(quats.numpy() * 128 + 128)
    return records
