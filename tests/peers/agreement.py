"""Whether a program and we see the same in a file, and how far a file is from what it was made of.

`verdicts` asks all programs about all kinds of files, in both directions: the tests want every one of them to agree,
and the matrix of formats shows them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from peers.programs import Program, readers, suffix, writers
from peers.reading import Reading
from splatworld import formats
from splatworld.formats.frames import Frame, to_file
from splatworld.splats import Splats

AXES: dict[str, Frame] = {"spz": "rub", "spz4": "rub", "glb": "rub"}
"""Of kinds that have others than a `.ply`."""
OPTIONS: dict[str, dict[str, Any]] = {
    "spz4": {"spz_version": 4},
    "ksplat0": {"ksplat_level": 0},
    "ksplat1": {"ksplat_level": 1},
}
WRITTEN = ("ply", "compressed.ply", "splat", "ksplat0", "ksplat1", "spz", "spz4", "sog", "rad", "glb")
"""The kinds that we write and others read."""
READ = (*WRITTEN, "ksplat2")
"""The kinds that others write and we read."""

EXACT = {"position": 3e-5, "covariance": 1e-5, "rgb": 1e-5, "opacity": 1e-5, "sh": 1e-5}
"""How far two programs may differ that decode a file alike: metres, shares of a splat's own, display values."""
LOOSE = {
    "three": {"rgb": 0.6 / 255, "opacity": 0.6 / 255, "sh": 0.6 / 128},  # it holds them in bytes
    "spark": {"covariance": 0.01, "rgb": 1e-3, "opacity": 1.2e-3, "sh": 1e-3},  # in half precision, and bytes
    ("spark", "splat"): {"covariance": 0.03},
    ("splat-transform", "splat"): {"covariance": 0.03},  # another zero of the bytes of a quaternion
}


@dataclass(frozen=True)
class Verdict:
    """What came of asking one program about one kind of file."""

    kind: str
    program: str
    version: str
    writer: str
    """Who wrote the file: "splatworld", or the program."""
    differences: dict[str, float] = field(default_factory=dict)
    """The largest between what it and we see, by attribute; see `EXACT` for the units."""
    allowed: dict[str, float] = field(default_factory=dict)
    missing: str | None = None
    """Why it could not be asked."""

    @property
    def agrees(self) -> bool:
        """True if it was asked and sees what we see."""
        return self.missing is None and all(self.differences[name] <= self.allowed[name] for name in self.allowed)


def verdicts(ply: Path, folder: Path) -> Iterator[Verdict]:
    """All programs about all kinds: first what we make of `ply` and they read, then what they make of it."""
    for kind in WRITTEN:
        for program in readers(kind):
            yield of_ours(program, kind, ply, folder)
    for kind in READ:
        for program in writers(kind):
            yield of_theirs(program, kind, ply, folder)


def of_ours(program: Program, kind: str, ply: Path, folder: Path) -> Verdict:
    """Does it see in our file what we see?"""
    if program.missing():
        return Verdict(kind, program.name, "", "splatworld", missing=program.missing())
    assert program.read is not None
    path = folder / f"ours-{kind}.{suffix(kind)}"
    if not path.exists():
        formats.convert(ply, path, **OPTIONS.get(kind, {}))
    axes = "rdf" if kind in program.turns else AXES.get(kind, "rdf")
    found = differences(program.read(path), to_file(formats.load(path).splats(), axes))
    return Verdict(kind, program.name, program.version, "splatworld", found, _allowed(program, kind))


def of_theirs(program: Program, kind: str, ply: Path, folder: Path) -> Verdict:
    """Do we see in its file what it sees, or, where it does not read what it writes, another program?"""
    if program.missing():
        return Verdict(kind, program.name, "", program.name, missing=program.missing())
    path = made_by(program, kind, ply, folder)
    reader = program if kind in program.reads else readers(kind)[0]
    assert reader.read is not None
    # What it copies has the axes of a .ply, whatever the kind says; what is turned on the way in is turned back out.
    stored: Frame = AXES.get(kind, "rdf") if kind in program.turns else "rdf"
    axes = "rdf" if kind in program.turns and kind in reader.turns else stored
    ours = to_file(formats.load(path, frame=stored).splats(), axes)
    found = differences(reader.read(path), ours)
    return Verdict(kind, program.name, program.version, program.name, found, _allowed(reader, kind))


def made_by(program: Program, kind: str, ply: Path, folder: Path) -> Path:
    """What it makes of `ply`, once."""
    assert program.write is not None
    path = folder / f"{program.name.replace('/', '-')}-{ply.stem}-{kind}.{suffix(kind)}"
    if not path.exists():
        program.write(ply, path, kind)
    return path


def _allowed(program: Program, kind: str) -> dict[str, float]:
    return EXACT | LOOSE.get(program.name, {}) | LOOSE.get((program.name, kind), {})


def differences(found: Reading, ours: Splats) -> dict[str, float]:
    """The largest between two readings of one file, by attribute; infinite if there is another number of splats."""
    if len(found) != len(ours) or found.sh.shape[1] > ours.sh.shape[1] - 1:
        return dict.fromkeys(EXACT, np.inf)
    order = _paired(found.means, ours.means.numpy())
    ours = ours[torch.from_numpy(order)]
    own = ours.covariances.numpy()
    bands = found.sh.shape[1]
    sh = found.cut(ours.sh.numpy()[:, 1 : 1 + bands])
    rgb = ours.colours.numpy()
    return {
        "position": _largest(found.means - ours.means.numpy()),
        "covariance": _largest((found.covariances - own) / np.trace(own, axis1=1, axis2=2)[:, None, None]),
        "rgb": _largest(found.rgb - (rgb if found.log_scales is not None else np.clip(rgb, 0, 1))),
        "opacity": _largest(found.opacities - ours.opacities.numpy()),
        "sh": _largest(found.sh - sh),
    }


def errors(found: Splats, original: Splats) -> dict[str, float]:
    """How far a file is from what it was made of: root mean squares, and of angles the median in degrees.

    Both in the same axes, in any order; SH up to the degree that the file has.
    """
    order = torch.from_numpy(_paired(original.means.numpy(), found.means.numpy()))
    found, sh = found[order], original.sh[:, 1 : found.sh.shape[1]]
    turns = [Rotation.from_quat(splats.quats.numpy()[:, [1, 2, 3, 0]]) for splats in (found, original)]
    # Half a turn about an axis of its own does not change an ellipsoid, and some programs turn that way.
    nearest = np.abs((turns[0].inv() * turns[1]).as_quat()).max(1)
    return {
        "position": _rms(found.means - original.means),
        "log scale": _rms(found.log_scales - original.log_scales),
        "rotation": float(np.median(np.rad2deg(2 * np.arccos(np.minimum(nearest, 1))))),
        "opacity": _rms(found.opacities - original.opacities),
        "rgb": _rms(found.colours - original.colours),
        "sh": _rms(found.sh[:, 1:] - sh),
    }


def _paired(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.intp]:
    """For each row of `left`, the one of `right` in the same place: programs may sort."""
    if len(left) == len(right) and (not len(left) or np.abs(left - right).max() < 1e-3):
        return np.arange(len(left))
    return cKDTree(right).query(left)[1]


def _largest(values: NDArray[np.floating]) -> float:
    return float(np.abs(values).max(initial=0))


def _rms(values: torch.Tensor) -> float:
    return float(values.double().square().mean().sqrt()) if values.numel() else 0.0
