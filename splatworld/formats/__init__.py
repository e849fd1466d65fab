"""Files of splats: one module per format, found by the suffix of the file and then by its first bytes.

A module supplies `FRAME`, `recognises(head) -> bool`, `read(path, *, frame, progress) -> World` and
`write(world, path, *, progress, **options)`. One that also supplies `opened` and `sink` (see
`splatworld.formats.streams`) is converted from and to in blocks, however large the file. Third parties add theirs as
entry points in the group `splatworld.formats`; the name of the entry point is the suffix without its dot.
"""

import contextlib
import functools
import importlib
import inspect
from importlib import metadata
from pathlib import Path
from typing import Protocol, runtime_checkable

from splatworld import files
from splatworld.errors import FormatError, UsageError
from splatworld.formats import streams
from splatworld.formats.frames import FILE_FROM_WORLD, Frame
from splatworld.progress import Progress, silent
from splatworld.splats import Splats
from splatworld.world import World, from_splats

BUILT_IN = {
    "splatworld": "splatworld.document",
    "ply": "splatworld.formats.ply",
    "compressed.ply": "splatworld.formats.compressed_ply",
    "splat": "splatworld.formats.splat",
    "spz": "splatworld.formats.spz",
    "sog": "splatworld.formats.sog",
}
_HEAD_BYTES = 512
_STANDS_FOR_FOLDER = ("lod-meta.json", "meta.json")


@runtime_checkable
class Format(Protocol):
    """What a module of the table supplies."""

    FRAME: Frame

    def recognises(self, head: bytes) -> bool:
        """True if the first bytes are those of this format."""
        ...

    def read(self, path: Path, *, frame: Frame | None, progress: Progress) -> World:
        """The world of a file that is known to be readable and not empty; `frame` overrides the habitual axes."""
        ...

    def write(self, world: World, path: Path, *, progress: Progress) -> None:
        """Write to a fresh path; the caller puts it in place. Keyword arguments beyond these are its options."""
        ...


@runtime_checkable
class Streaming(Format, Protocol):
    """What a module of the table may supply besides: see `splatworld.formats.streams`."""

    def opened(
        self, path: Path, *, frame: Frame | None, progress: Progress
    ) -> contextlib.AbstractContextManager[streams.Source]:
        """A file that can be read in blocks."""
        ...

    def sink(
        self, path: Path, shape: streams.Shape, *, progress: Progress
    ) -> contextlib.AbstractContextManager[streams.Sink]:
        """A file that is written in blocks."""
        ...


def load(path: Path | str, *, frame: Frame | None = None, progress: Progress = silent) -> World:
    """The world in a file of any known format, in world axes (+Z up).

    `frame` names the axes of files that do not record theirs; see `splatworld.formats.frames`. Values that are no
    number are dropped and counted through `progress`. Raises `FormatError`.
    """
    path = _file_in(Path(path))
    _check_source(path, frame)
    chosen = _format_of(path)
    try:
        return chosen.read(path, frame=frame, progress=progress)
    except OSError as why:
        raise FormatError(f"cannot read {path}: {files.reason(why)}") from None
    except MemoryError:
        raise FormatError(f"{path} does not fit into the memory of this machine") from None


def save(
    world: World | Splats, path: Path | str, *, force: bool = False, progress: Progress = silent, **options: object
) -> None:
    """Write a world, or bare splats, in the format that the suffix of `path` names.

    The file appears whole or not at all; an existing one is replaced only with `force`. Every format but `.splatworld`
    holds the visible splats only, things placed. `options` are those of the format: `spz_version` and `sh_bits` for
    `.spz`. Raises `OutputError`, and `UsageError` for an unknown suffix or option.
    """
    path = Path(path)
    check_suffix(path, **options)
    chosen = _module(_suffix(path))
    value = from_splats(world) if isinstance(world, Splats) else world
    with files.replacing(path, force=force) as temporary:
        chosen.write(value, temporary, progress=progress, **options)


def convert(
    source: Path | str,
    target: Path | str,
    *,
    frame: Frame | None = None,
    force: bool = False,
    progress: Progress = silent,
    **options: object,
) -> int:
    """Write the splats of one file as another, as `load` and `save` would; returns their number.

    Where both formats work in blocks, memory does not grow with the size of a `.ply` (a `.splat` takes 60 bytes a
    splat, an `.spz` with three bands 90). Raises what `load` and `save` raise.
    """
    source, target = _file_in(Path(source)), Path(target)
    check_suffix(target, **options)
    _check_source(source, frame)
    reader, writer = _format_of(source), _module(_suffix(target))
    if not (isinstance(reader, Streaming) and isinstance(writer, Streaming)):
        world = load(source, frame=frame, progress=progress)
        save(world, target, force=force, progress=progress, **options)
        return len(world)
    open_sink = functools.partial(writer.sink, progress=progress, **options)
    try:
        with (
            files.replacing(target, force=force) as temporary,
            reader.opened(source, frame=frame, progress=progress) as opened,
        ):
            return streams.convert(opened, writer.FRAME, temporary, open_sink, progress)
    except MemoryError:
        raise FormatError(f"{source} does not fit into the memory of this machine") from None


def check_suffix(path: Path, **options: object) -> None:
    """Raise `UsageError` if no format writes files of this name with these options: for use before long work."""
    if _suffix(path) not in names():
        raise UsageError(f"cannot write {path}: {_unknown(path)}")
    known = inspect.signature(_module(_suffix(path)).write).parameters if options else {}
    strange = [name for name in options if name not in known]
    if strange:
        raise UsageError(f"cannot write {path}: .{_suffix(path)} has no option {strange[0]}")


def names() -> tuple[str, ...]:
    """The suffixes that are known, without dots, built-in ones first."""
    return tuple(_table())


def unavailable() -> dict[str, str | None]:
    """For each format, None or the reason why it cannot be used here."""
    reasons: dict[str, str | None] = {}
    for name in names():
        try:
            _module(name)
            reasons[name] = None
        except FormatError as why:
            reasons[name] = str(why)
    return reasons


def _check_source(path: Path, frame: Frame | None) -> None:
    if frame is not None and frame not in FILE_FROM_WORLD:
        raise FormatError(f"there is no frame '{frame}'; known are {', '.join(FILE_FROM_WORLD)}")
    files.check_input(path)


def _file_in(path: Path) -> Path:
    """The file that stands for a folder of files, an unpacked SOG; other paths as they are."""
    return next((path / name for name in _STANDS_FOR_FOLDER if (path / name).is_file()), path)


def _format_of(path: Path) -> Format:
    if _suffix(path) in names():
        return _module(_suffix(path))
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    for name, reason in unavailable().items():
        if reason is None and _module(name).recognises(head):
            return _module(name)
    raise FormatError(f"cannot read {path}: {_unknown(path)}")


def _suffix(path: Path) -> str:
    """The longest known one, without its first dot; the last part of the name if none is known."""
    known = [name for name in names() if path.name.lower().endswith(f".{name}")]
    return max(known, key=len, default=path.suffix[1:].lower())


def _unknown(path: Path) -> str:
    given = f"'{path.suffix}' is no known suffix" if path.suffix else "the name has no suffix"
    return f"{given}; known are {', '.join('.' + name for name in names())}"


@functools.cache
def _table() -> dict[str, str]:
    found = {point.name: point.value for point in metadata.entry_points(group="splatworld.formats")}
    return {**BUILT_IN, **{name: value for name, value in found.items() if name not in BUILT_IN}}


@functools.cache
def _module(name: str) -> Format:
    try:
        module = importlib.import_module(_table()[name])
    except Exception as why:  # a plug-in may fail in any way; the others must go on working
        raise FormatError(f"the format '{name}' cannot be used here: {why}") from why
    if not isinstance(module, Format):
        raise FormatError(f"the format '{name}' cannot be used here: {_table()[name]} lacks FRAME, read or write")
    return module
