"""Files of splats: one module per format, found by the suffix of the file and then by its first bytes.

A module supplies `FRAME`, `recognises(head) -> bool`, `read(path, *, frame, progress) -> World` and
`write(world, path, *, progress)`. Third parties add theirs as entry points in the group `splatworld.formats`; the name
of the entry point is the suffix without its dot.
"""

import functools
import importlib
from importlib import metadata
from pathlib import Path
from typing import Protocol, runtime_checkable

from splatworld import files
from splatworld.errors import FormatError, UsageError
from splatworld.formats.frames import FILE_FROM_WORLD, Frame
from splatworld.progress import Progress, silent
from splatworld.splats import Splats
from splatworld.world import World, from_splats

BUILT_IN = {
    "splatworld": "splatworld.document",
    "ply": "splatworld.formats.ply",
    "splat": "splatworld.formats.splat",
    "spz": "splatworld.formats.spz",
}
_HEAD_BYTES = 512


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
        """Write to a fresh path; the caller puts it in place."""
        ...


def load(path: Path | str, *, frame: Frame | None = None, progress: Progress = silent) -> World:
    """The world in a file of any known format, in world axes (+Z up).

    `frame` names the axes of files that do not record theirs; see `splatworld.formats.frames`. Values that are no
    number are dropped and counted through `progress`. Raises `FormatError`.
    """
    path = Path(path)
    if frame is not None and frame not in FILE_FROM_WORLD:
        raise FormatError(f"there is no frame '{frame}'; known are {', '.join(FILE_FROM_WORLD)}")
    files.check_input(path)
    chosen = _format_of(path)
    try:
        return chosen.read(path, frame=frame, progress=progress)
    except OSError as why:
        raise FormatError(f"cannot read {path}: {files.reason(why)}") from None
    except MemoryError:
        raise FormatError(f"{path} does not fit into the memory of this machine") from None


def save(world: World | Splats, path: Path | str, *, force: bool = False, progress: Progress = silent) -> None:
    """Write a world, or bare splats, in the format that the suffix of `path` names.

    The file appears whole or not at all; an existing one is replaced only with `force`. Every format but `.splatworld`
    holds the visible splats only, things placed. Raises `OutputError`, and `UsageError` for an unknown suffix.
    """
    path = Path(path)
    check_suffix(path)
    chosen = _module(_suffix(path))
    value = from_splats(world) if isinstance(world, Splats) else world
    with files.replacing(path, force=force) as temporary:
        chosen.write(value, temporary, progress=progress)


def check_suffix(path: Path) -> None:
    """Raise `UsageError` if no format writes files of this name: for use before long work."""
    if _suffix(path) not in names():
        raise UsageError(f"cannot write {path}: {_unknown(path)}")


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
    return path.suffix[1:].lower()


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
