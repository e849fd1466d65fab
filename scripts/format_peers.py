"""What other programs make of our files, and we of theirs: by asking them (`tests/peers`)."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import peers
from peers import agreement
from peers.programs import PROGRAMS, Program, readers, writers
from peers.reading import from_parts

from format_kinds import Kind
from splatworld import formats
from splatworld.compare import Comparison, compare
from splatworld.errors import SplatworldError
from splatworld.formats.frames import FILE_FROM_WORLD, to_file
from splatworld.geometry import Similarity
from splatworld.world import World, from_splats

HALF_TURN = Similarity(rotation=(0.0, 0.0, 0.0, 1.0))
"""About the vertical: splat-transform's `.glb` looks the other way."""
BYTE_ENDS = 0.26 / 255
"""Opacity: we read the bytes 0 and 255 a quarter of a step further in, so that their logits are finite."""
_FAILS = (RuntimeError, OSError, ValueError, KeyError, IndexError, SplatworldError, subprocess.TimeoutExpired)


@dataclass(frozen=True)
class Said:
    """What came of asking a program about a file."""

    program: str
    wrong: str = ""
    """In which respect it sees something else than we do; empty if it agrees."""


@dataclass(frozen=True)
class Made:
    """A file that a program made of a world, as we read it, against that world."""

    program: str
    found: Comparison | None = None
    bytes_per_splat: float = 0.0
    said: str = ""
    """What had to be done to its axes; or why there is no file."""


def read_by(kind: Kind, ply: Path, folder: Path) -> Iterator[Said]:
    """Whether all programs that read this kind see in a file of ours what we see; we make it of `ply`."""
    for program in _here(readers(kind.peers or "")):
        yield _judged(program, partial(agreement.of_ours, program, kind.peers or "", ply, folder))
    for name, check in _CHECKS.get(kind.format, {}).items():
        path = kind.path(folder)
        formats.convert(ply, path, force=True, **kind.options)
        yield Said(name, check(path))


def written_by(kind: Kind, ply: Path, folder: Path) -> Iterator[Said]:
    """Whether we see what they see in the files that programs make of `ply`; these stay in the folder."""
    for program in _here(writers(kind.peers or "")):
        yield _judged(program, partial(agreement.of_theirs, program, kind.peers or "", ply, folder))


def made_by(kind: Kind, world: World, ply: Path, folder: Path) -> Iterator[Made]:
    """The files that programs make of `ply`, against the world that it holds."""
    for program in _here(writers(kind.peers or "")):
        assert kind.peers is not None
        try:
            target = agreement.made_by(program, kind.peers, ply, folder)
            said, found = _turned(world, target)
        except _FAILS as why:
            yield Made(program.name, said=_sentence(why))
            continue
        yield Made(program.name, compare(world, found), target.stat().st_size / max(len(found), 1), said)


def versions() -> dict[str, str]:
    """Of all programs that are here."""
    found = {program.name: program.version for program in _here(PROGRAMS.values())}
    return found | {name: _VERSIONS[name]() for checks in _CHECKS.values() for name in checks}


def missing() -> dict[str, str]:
    """Programs that are not here, and why."""
    return {p.name: reason for p in PROGRAMS.values() if (reason := p.missing()) is not None}


def _here(programs: Any) -> list[Program]:
    return [program for program in programs if program.missing() is None]


def _judged(program: Program, ask: Callable[[], agreement.Verdict]) -> Said:
    try:
        verdict = ask()
    except _FAILS as why:
        return Said(program.name, _sentence(why))
    allowed = verdict.allowed | {"opacity": max(verdict.allowed["opacity"], BYTE_ENDS)}
    return Said(program.name, _exceeding(verdict.differences, allowed))


def _exceeding(differences: dict[str, float], allowed: dict[str, float]) -> str:
    found = [f"{name} {far:.2g}" for name, far in differences.items() if not far <= allowed[name]]
    return f"differs by {', '.join(found)}" if found else ""


def _turned(world: World, path: Path) -> tuple[str, World]:
    """A file of a program, in the axes in which it is nearest to the world that it was made of; and which they are."""
    ways: list[tuple[str, Any, Similarity]] = [("", None, Similarity())]
    ways += [(f"{frame}, not named", frame, Similarity()) for frame in FILE_FROM_WORLD]
    ways += [("looks backwards", None, HALF_TURN)]
    truth = world.splats().means.sort(0).values
    best, least = ("", formats.load(path)), np.inf
    for said, frame, turn in ways:
        try:
            splats = formats.load(path, frame=frame).splats().transformed(turn)
        except SplatworldError:  # a format whose axes are fixed
            continue
        # A program may drop a few.
        count = min(len(splats), len(truth))
        far = float((splats.means.sort(0).values[:count] - truth[:count]).abs().mean())
        if far < 0.5 * least:
            best, least = (said, from_splats(splats)), far
    return best


def _gltf_validator(path: Path) -> str:
    """Khronos' validator does not know the extension yet, and takes its attributes for misspelt ones."""
    codes = {issue["code"] for issue in peers.gltf_issues(path)}
    strange = codes - {"UNSUPPORTED_EXTENSION", "MESH_PRIMITIVE_INVALID_ATTRIBUTE"}
    return f"complains: {', '.join(sorted(strange))}" if strange else ""


def _usd_core(path: Path) -> str:
    """What the reference implementation holds of a stage. We read and write by it too, but not by this way."""
    from pxr import Usd, UsdGeom, UsdVol

    stage = Usd.Stage.Open(str(path))
    fields = [prim for prim in stage.Traverse() if prim.IsA(UsdVol.ParticleField3DGaussianSplat)]
    if len(fields) != 1:
        return f"holds {len(fields)} fields of splats"

    def values(name: str) -> Any:
        return np.array(fields[0].GetAttribute(name).Get(), np.float32)

    quats = np.array([(q.real, *q.imaginary) for q in fields[0].GetAttribute("orientations").Get()], np.float32)
    coefficients = values("radiance:sphericalHarmonicsCoefficients").reshape(len(quats), -1, 3)
    rgb = coefficients[:, 0] * 0.28209479177387814 + 0.5
    reading = from_parts(
        values("positions"), np.log(values("scales")), quats, rgb, values("opacities"), coefficients[:, 1:]
    )
    frame = "rfu" if UsdGeom.GetStageUpAxis(stage) == "Z" else "rub"
    found = agreement.differences(reading, to_file(formats.load(path).splats(), frame))
    return _exceeding(found, agreement.EXACT)


def _checks() -> dict[str, dict[str, Callable[[Path], str]]]:
    """Programs beyond those of `peers`, by format: each tells what is wrong with a file."""
    found: dict[str, dict[str, Callable[[Path], str]]] = {}
    if peers.missing("gltf-validator") is None:
        found["glb"] = {"gltf-validator": _gltf_validator}
    for name in formats.writable():
        if name.startswith("usd"):
            found[name] = {"usd-core": _usd_core}
    return found


_CHECKS = _checks()
_VERSIONS: dict[str, Callable[[], str]] = {
    "gltf-validator": lambda: peers.PACKAGES["gltf-validator"],
    "usd-core": lambda: metadata.version("usd-core"),
}


def _sentence(why: Exception) -> str:
    if isinstance(why, subprocess.TimeoutExpired):
        return f"takes more than {why.timeout:.0f} s"
    lines = [line.strip() for line in str(why).splitlines() if line.strip()]
    said = next((line for line in lines if "rror" in line), lines[-1] if lines else type(why).__name__)
    return f"fails: {said[:120]}"
