"""Streamed SOG: a lod-meta.json that names SOGs, each with splats of one level of detail; the finest level is read.

A tree divides space; its leaves name, by level, the run of rows in one of the SOGs that shows them. Surroundings may
stand apart and become a layer of their own. Source: developer.playcanvas.com, formats/streamed-sog, version 1; older
files lack the version and the counts.
"""

from pathlib import Path, PurePosixPath

import msgspec

from splatworld import files, limits, splats
from splatworld.errors import FormatError
from splatworld.formats import sog_meta, sog_read, streams
from splatworld.formats.frames import Frame, file_from_world
from splatworld.formats.structure import onto
from splatworld.progress import Progress
from splatworld.splats import Splats
from splatworld.world import Layer, World

META = "lod-meta.json"


class Run(msgspec.Struct):
    """Rows of one of the SOGs."""

    file: int
    offset: int
    count: int


class Node(msgspec.Struct):
    """A part of space: divided further, or a leaf with a run for each level."""

    children: list["Node"] = []
    lods: dict[str, Run] = {}


class _Meta(msgspec.Struct):
    filenames: list[str]
    tree: Node
    version: int = 1
    environment: str | None = None
    splatworld: sog_meta.Ours = sog_meta.Ours()


def recognises(head: bytes) -> bool:
    """True for the first bytes of a lod-meta.json."""
    return head.lstrip().startswith(b"{") and b'"lodLevels"' in head


def read(path: Path, *, frame: Frame | None, progress: Progress) -> World:
    """The finest level, and the surroundings as a second layer if there are any. Raises `FormatError`."""
    meta = _parsed(path)
    chosen: dict[str, list[Run]] = {}  # by name, as many numbers could stand for one file
    for run in sorted(_finest(meta, path.name), key=lambda run: run.file):
        chosen.setdefault(str(PurePosixPath(meta.filenames[run.file])), []).append(run)
    parts = [_rows(_beside(path, name), runs, progress) for name, runs in chosen.items()]
    ours = sog_meta.sound(meta.splatworld, path.name)
    world_from_file = file_from_world(frame or ours.frame, ours.unit).inverse()
    name = path.resolve().parent.name[: limits.NAME_CHARS]
    layers = [Layer("base", name, splats.cat(parts), world_from_file)]
    if meta.environment is not None:
        surroundings = _rows(_beside(path, meta.environment), None, progress)
        layers.append(Layer("environment", "environment", surroundings, world_from_file))
    return onto(World(tuple(layers)), sog_meta.structure_of(ours, path.name))


def _parsed(path: Path) -> _Meta:
    if files.check_input(path) > limits.SOG_META_BYTES:
        raise FormatError(f"{path} is too large; at most {limits.SOG_META_BYTES:,} bytes make sense")
    try:
        meta = msgspec.json.decode(path.read_bytes(), type=_Meta)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as why:
        raise FormatError(f"{path.name} is not that of a streamed SOG ({why})") from None
    if meta.version != 1:
        raise FormatError(f"{path.name}: version {meta.version} of streamed SOG is not known; 1 is read")
    return meta


def _finest(meta: _Meta, source: str) -> list[Run]:
    """The run of each leaf at its finest level."""
    runs, level = [], [meta.tree]
    for _ in range(limits.SOG_LOD_DEPTH):
        for node in level:
            if node.lods:
                if not all(key.isdecimal() and len(key) < 10 for key in node.lods):
                    raise FormatError(f"{source}: a level of detail has no number")
                runs.append(min(node.lods.items(), key=lambda item: int(item[0]))[1])
        level = [child for node in level for child in node.children]
    if level:
        raise FormatError(f"{source}: its tree has more than {limits.SOG_LOD_DEPTH} levels")
    if any(run.offset < 0 or run.count < 0 or not 0 <= run.file < len(meta.filenames) for run in runs):
        raise FormatError(f"{source}: a leaf names splats that do not exist")
    total = sum(run.count for run in runs)
    if total > limits.FILE_SPLATS_MAX:
        raise FormatError(f"{source} claims {total:,} splats; at most {limits.FILE_SPLATS_MAX:,} are read")
    return [run for run in runs if run.count]


def _rows(path: Path, runs: list[Run] | None, progress: Progress) -> Splats:
    """The rows of these runs of a SOG in the order of the file, or all, in its axes."""
    ends = None if runs is None else sorted((run.offset, run.offset + run.count) for run in runs)
    with sog_read.opened(path, frame=None, progress=progress, runs=ends) as source:
        return streams.gathered(source, progress)


def _beside(path: Path, name: str) -> Path:
    """A file in the folder of lod-meta.json or below it, and nowhere else."""
    pure = PurePosixPath(name)
    if (
        not name
        or len(name) > limits.PATH_CHARS_MAX
        or pure.is_absolute()
        or ".." in pure.parts
        or "\\" in name
        or "\0" in name
        or ":" in name
    ):
        raise FormatError(f"{path.name} names {name[:80]!r}, which is no file below its folder")
    found = path.parent / pure
    if not found.resolve().is_relative_to(path.parent.resolve()):
        raise FormatError(f"{path.name} names {name[:80]!r}, a link to another folder")
    files.check_input(found)
    return found
