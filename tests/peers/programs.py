"""The programs by name: which kinds of files each reads and writes, and how to ask it.

Kinds are suffixes, but for `.spz` and `.ksplat`, which have several: "spz" is version 3 and "spz4" version 4, "ksplat0"
to "ksplat2" are the levels of compression.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import peers
from peers import reading
from peers.reading import Reading

SUFFIXES = {"spz4": "spz", "ksplat0": "ksplat", "ksplat1": "ksplat", "ksplat2": "ksplat"}
"""Of kinds that are not their own."""
_KSPLATS = ("ksplat0", "ksplat1", "ksplat2")


def suffix(kind: str) -> str:
    """What the name of a file of this kind ends in, without the dot before."""
    return SUFFIXES.get(kind, kind)


@dataclass(frozen=True)
class Program:
    """An independent reader or writer, or both."""

    name: str
    packages: tuple[str, ...]
    """Of npm; a program without any is a module of Python."""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    read: Callable[[Path], Reading] | None = None
    """What it sees in a file."""
    write: Callable[[Path, Path, str], None] | None = None
    """`write(ply, target, kind)`: make a file of a `.ply`."""
    turns: tuple[str, ...] = ()
    """Kinds whose values it turns between their axes and those of a `.ply`; all others it copies."""

    @property
    def version(self) -> str:
        """Of the one that is installed, or would be."""
        return peers.PACKAGES[self.packages[0]] if self.packages else metadata.version(self.name)

    def missing(self) -> str | None:
        """Why it cannot be asked here, as a sentence; None if it can."""
        if self.packages:
            return peers.missing(*self.packages)
        try:
            __import__(self.name)
        except ImportError as why:
            return f"needs {self.name}: {why}"
        return None

    def need(self) -> None:
        """Skip the test where it cannot be asked; in CI it must be."""
        if self.packages:
            peers.need(*self.packages)
        elif reason := self.missing():
            pytest.skip(reason)


def readers(kind: str) -> list[Program]:
    """All that read files of this kind."""
    return [program for program in PROGRAMS.values() if kind in program.reads]


def writers(kind: str) -> list[Program]:
    """All that write files of this kind."""
    return [program for program in PROGRAMS.values() if kind in program.writes]


def _plyfile_read(path: Path) -> Reading:
    return reading.from_rows(_rows(path))


def _rows(ply: Path) -> NDArray[Any]:
    import plyfile

    return plyfile.PlyData.read(str(ply))["vertex"].data


def _by_ply(path: Path, convert: Callable[[Path], None]) -> Reading:
    """What a program sees in `path`, by the `.ply` that it writes where `convert` is told to."""
    with tempfile.TemporaryDirectory() as folder:
        convert(Path(folder) / "x.ply")
        return _plyfile_read(Path(folder) / "x.ply")


def _gsply_read(path: Path) -> Reading:
    import gsply

    found = gsply.read_spz(path) if path.suffix == ".spz" else gsply.plyread(path)
    return reading.from_gaussians(found.means, found.scales, found.quats, found.opacities, found.sh0, found.shN)


def _gsply_write(ply: Path, target: Path, kind: str) -> None:
    import gsply

    found = gsply.plyread(ply)
    if kind.startswith("spz"):
        gsply.write_spz(target, found, version=4 if kind == "spz4" else 3)
    else:
        gsply.plywrite(target, found)  # the suffix tells it to compress


def _gaussforge_read(path: Path) -> Reading:
    """By way of the `.ply` that it makes: its own tables lack `.splat`."""
    return _by_ply(path, lambda ply: _gaussforge_convert(path, ply, "ply"))


def _gaussforge_convert(source: Path, target: Path, kind: str) -> None:
    import gaussforge

    options = {"spz_version": 4 if kind == "spz4" else 3}
    done = gaussforge.GaussForge().convert(source.read_bytes(), source.suffix[1:], suffix(kind), **options)
    if "error" in done:
        raise RuntimeError(f"gaussforge: {done['error']}")
    target.write_bytes(done["data"])


def _three_read(path: Path) -> Reading:
    return reading.from_three(peers.run("three_read.mjs", path))


def _spark_read(path: Path) -> Reading:
    return reading.from_spark(peers.run("spark_read.mjs", path))


def _splat_transform_read(path: Path) -> Reading:
    return _by_ply(path, lambda ply: peers.splat_transform(path, ply))


def _splat_transform_write(ply: Path, target: Path, kind: str) -> None:
    version = ("--spz-version", 4 if kind == "spz4" else 3) if kind.startswith("spz") else ()
    peers.splat_transform(ply, target, *version)


def _adobe_read(path: Path) -> Reading:
    found = peers.run("adobe_spz.mjs", "read", path)
    quats = found["rotations"][:, [3, 0, 1, 2]]
    return reading.from_gaussians(
        found["positions"], found["scales"], quats, found["alphas"], found["colors"], found.get("sh")
    )


def _adobe_write(ply: Path, target: Path, kind: str) -> None:
    rows = _rows(ply)

    def columns(*names: str) -> NDArray[np.float32]:
        return np.stack([rows[name] for name in names], 1).astype(np.float32)

    arrays = {
        "positions": columns(*"xyz"),
        "scales": columns(*(f"scale_{i}" for i in range(3))),
        "rotations": columns(*(f"rot_{i}" for i in (1, 2, 3, 0))),
        "alphas": columns("opacity"),
        "colors": columns(*(f"f_dc_{i}" for i in range(3))),
    }
    sh = _plyfile_read(ply).sh
    if sh.size:
        arrays["sh"] = np.ascontiguousarray(sh)
    peers.run("adobe_spz.mjs", "write", target, 4 if kind == "spz4" else 3, **arrays)


def _mkkellogg_read(path: Path) -> Reading:
    found = peers.run("mkkellogg.mjs", "read", path)
    rgba = found["rgba"] / np.float32(255)
    with np.errstate(divide="ignore"):
        log_scales = np.log(found["scales"])
    return reading.from_parts(
        found["means"], log_scales, found["quats"][:, [3, 0, 1, 2]], rgba[:, :3], rgba[:, 3], found.get("sh")
    )


def _mkkellogg_write(ply: Path, target: Path, kind: str) -> None:
    peers.run("mkkellogg.mjs", "write", ply, target, int(kind[-1]), 2)


_TABLE = (
    Program("plyfile", (), reads=("ply",), read=_plyfile_read),
    Program(
        "gsply",
        (),
        reads=("ply", "compressed.ply", "spz", "spz4"),
        writes=("ply", "compressed.ply", "spz", "spz4"),
        read=_gsply_read,
        write=_gsply_write,
    ),
    Program(  # which also knows the other kinds, and mixes up their SH
        "gaussforge",
        (),
        reads=("ply", "splat", "spz", "spz4", "sog"),
        writes=("splat", "spz", "spz4", "sog"),
        read=_gaussforge_read,
        write=_gaussforge_convert,
    ),
    Program("three", ("three",), reads=("ply", "splat", "spz", "spz4", *_KSPLATS, "glb"), read=_three_read),
    Program(
        "spark",
        ("@sparkjsdev/spark",),
        reads=("ply", "compressed.ply", "splat", *_KSPLATS, "spz", "sog", "rad"),
        read=_spark_read,
    ),
    Program(
        "splat-transform",
        ("@playcanvas/splat-transform",),
        reads=("ply", "compressed.ply", "splat", "spz", "spz4", *_KSPLATS, "sog"),
        writes=("ply", "compressed.ply", "spz", "spz4", "sog", "glb"),
        read=_splat_transform_read,
        write=_splat_transform_write,
        turns=("spz", "spz4", "glb"),
    ),
    Program(
        "@adobe/spz",
        ("@adobe/spz",),
        reads=("spz", "spz4"),
        writes=("spz", "spz4"),
        read=_adobe_read,
        write=_adobe_write,
    ),
    Program(
        "@mkkellogg/gaussian-splats-3d",
        ("@mkkellogg/gaussian-splats-3d", "three"),
        reads=_KSPLATS,
        writes=_KSPLATS,
        read=_mkkellogg_read,
        write=_mkkellogg_write,
    ),
)
PROGRAMS = {program.name: program for program in _TABLE}
