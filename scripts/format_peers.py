"""What other programs make of our files, and we of theirs: by asking them (`tests/peers`)."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import peers
from peers import programs
from peers.reading import Reading

from format_kinds import Kind
from splatworld import formats
from splatworld.compare import Attributes, compare
from splatworld.errors import SplatworldError
from splatworld.formats.frames import FILE_FROM_WORLD, to_file
from splatworld.geometry import Similarity
from splatworld.progress import silent
from splatworld.splats import Splats
from splatworld.world import World, from_splats

PLACE, SHAPE, COLOUR, SH = 1e-4, 0.02, 0.01, 0.02
"""How far a program may be from what we read in the same file to have read it: position (99 %, of the reach of the
world), covariance (median, of its own size), opacity and colour (rms), SH (rms)."""
HALF_TURN = Similarity(rotation=(0.0, 0.0, 0.0, 1.0))
"""About the vertical: splat-transform's `.glb` looks the other way."""
_FAILS = (RuntimeError, OSError, ValueError, KeyError, IndexError, SplatworldError, subprocess.TimeoutExpired)


@dataclass(frozen=True)
class Read:
    """A program read a file of ours."""

    program: str
    wrong: str
    """What differs from our own reading, in words; empty if nothing does."""


@dataclass(frozen=True)
class Written:
    """A file of a program, against the world that it was made from, as we read it."""

    program: str
    bytes_per_splat: float = 0.0
    psnr: float | None = None
    errors: Attributes | None = None
    wrong: str = ""
    """Why there are no figures."""
    turned: str = ""
    """What had to be done to its axes, in words."""


def read_by(kind: Kind, path: Path) -> list[Read]:
    """What every program that reads this kind says of a file of ours."""
    if kind.peers is None:
        return []
    splats = formats.load(path).splats()
    found = [Read(p.name, _wrong(p, path, splats)) for p in programs.readers(kind.peers) if p.missing() is None]
    return found + [Read(name, check(path, splats)) for name, check in _CHECKS.get(kind.format, ())]


def _wrong(program: programs.Program, path: Path, ours: Splats) -> str:
    assert program.read is not None
    try:
        reading = program.read(path)
    except _FAILS as why:
        return f"fails: {_first_line(why)}"
    if len(reading) < 0.99 * len(ours):
        return f"shows {len(reading):,} of {len(ours):,} splats"
    return min((_differences(reading, to_file(ours, frame)) for frame in FILE_FROM_WORLD), key=_severity)


def _differences(reading: Reading, ours: Splats) -> str:
    """In which respects two readings of one file differ, with the figures."""
    rows, places = _rows(reading, ours)
    ours = ours[rows]
    found = []
    if places > PLACE:
        found.append(f"positions by {100 * places:.2g} % of the reach")
    truth = ours.covariances.double().numpy()
    shapes = np.linalg.norm(reading.covariances - truth, axis=(1, 2)) / np.linalg.norm(truth, axis=(1, 2))
    if np.median(shapes) > SHAPE:
        found.append(f"shapes by {100 * np.median(shapes):.2g} %")
    if (far := _rms(reading.opacities - ours.opacities.numpy())) > COLOUR:
        found.append(f"opacities by {far:.2g}")
    if (far := _rms(np.clip(reading.rgb, 0, 1) - ours.colours.clamp(0, 1).numpy())) > COLOUR:
        found.append(f"colours by {far:.2g}")
    if (far := _sh_rms(reading, ours)) > SH:
        found.append(f"SH by {far:.2g}")
    return ", ".join(found)


def _severity(differences: str) -> tuple[int, int]:
    return differences.count("positions"), len(differences)


def _rows(reading: Reading, ours: Splats) -> tuple[torch.Tensor, float]:
    """Our row for each row that was read, and how far they are apart: 99 % of them, as a share of the reach."""
    from scipy.spatial import KDTree

    means = ours.means.numpy()
    reach = float(np.quantile(np.linalg.norm(means - np.median(means, 0), axis=1), 0.9))
    far = np.linalg.norm(reading.means - means, axis=1) if len(means) == len(reading) else np.array([np.inf])
    if np.quantile(far, 0.99) <= PLACE * reach:
        return torch.arange(len(means)), float(np.quantile(far, 0.99)) / reach
    far, rows = KDTree(means).query(reading.means)
    return torch.from_numpy(np.asarray(rows)), float(np.quantile(far, 0.99)) / reach


def _sh_rms(reading: Reading, ours: Splats) -> float:
    """Of the bands that the program reads, within the -1 to 1 that some hold."""
    truth = ours.sh[:, 1 : 1 + reading.sh.shape[1]].numpy()
    if truth.shape != reading.sh.shape:
        return float("inf")
    return _rms(np.clip(reading.sh, -1, 1) - np.clip(truth, -1, 1)) if truth.size else 0.0


def written_by(kind: Kind, world: World, ply: Path, folder: Path) -> Iterator[Written]:
    """What we read in the file that each program makes of `ply`, which holds `world`."""
    for program in programs.writers(kind.peers) if kind.peers else ():
        if program.missing() is None:
            target = folder / program.name.replace("/", "-") / kind.path(Path()).name
            target.parent.mkdir(parents=True)
            yield _written(program, kind, world, ply, target)


def _written(program: programs.Program, kind: Kind, world: World, ply: Path, target: Path) -> Written:
    assert program.write is not None
    assert kind.peers is not None
    try:
        program.write(ply, target, kind.peers)
        turned, found = _best_turn(world, target)
    except _FAILS as why:
        return Written(program.name, wrong=_first_line(why))
    compared = compare(world, found)
    size = target.stat().st_size / max(len(found), 1)
    return Written(program.name, size, compared.psnr, compared.attributes, turned=turned)


def _best_turn(world: World, path: Path) -> tuple[str, World]:
    """A file of a program in the axes in which it is nearest to the world it was made from."""
    ways: list[tuple[str, Any, Similarity]] = [("", None, Similarity())]
    ways += [(f"axes {frame}", frame, Similarity()) for frame in FILE_FROM_WORLD]
    ways += [("looks backwards", None, HALF_TURN)]
    best, least, truth = None, np.inf, world.splats().means.sort(0).values
    for word, frame, turn in ways:
        try:
            splats = formats.load(path, frame=frame, progress=silent).splats().transformed(turn)
        except SplatworldError:
            if not word:
                raise
            continue
        far = float("inf")
        if abs(len(splats) - len(truth)) <= 0.01 * len(truth):
            count = min(len(splats), len(truth))
            far = float((splats.means.sort(0).values[:count] - truth[:count]).abs().mean())
        if best is None or far < 0.5 * least:
            best, least = (word, from_splats(splats)), far
    assert best is not None
    return best


def _gltf_validator(path: Path, ours: Splats) -> str:
    """Khronos' validator does not know the extension yet, and takes its attributes for misspelt ones."""
    codes = {issue["code"] for issue in peers.gltf_issues(path)}
    strange = codes - {"UNSUPPORTED_EXTENSION", "MESH_PRIMITIVE_INVALID_ATTRIBUTE"}
    return f"complains: {', '.join(sorted(strange))}" if strange else ""


_CHECKS: dict[str, list[tuple[str, Callable[[Path, Splats], str]]]] = {}
"""Programs that only judge a format: what is wrong, in words."""
if peers.missing("gltf-validator") is None:
    _CHECKS["glb"] = [("gltf-validator", _gltf_validator)]


def versions() -> dict[str, str]:
    """Of all programs that are here."""
    from importlib import metadata

    found = {}
    for program in programs.PROGRAMS.values():
        if program.missing() is None:
            name = program.packages[0] if program.packages else program.name
            found[program.name] = peers.PACKAGES[name] if program.packages else metadata.version(name)
    for names in _CHECKS.values():
        found |= {name: peers.PACKAGES[name] for name, _ in names if name in peers.PACKAGES}
    return found


def missing() -> dict[str, str]:
    """Programs that are not here, and why."""
    return {p.name: reason for p in programs.PROGRAMS.values() if (reason := p.missing()) is not None}


def _first_line(why: Exception) -> str:
    if isinstance(why, subprocess.TimeoutExpired):
        return f"takes more than {why.timeout:.0f} s"
    lines = [line.strip() for line in str(why).splitlines() if line.strip()]
    return next((line for line in lines if "rror" in line), lines[-1] if lines else type(why).__name__)[:120]


def _rms(error: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(error, dtype=np.float64)))) if error.size else 0.0
