"""Files of splats: one module per format, found by the suffix of the file and then by its first bytes.

A module supplies `FRAME`, `recognises(head) -> bool`, `read(path, *, frame, progress) -> World` and
`write(world, path, *, progress, **options)`; or, instead of one or both of the last, `opened` and `sink` (see
`splatworld.formats.streams`), and is then read and written in blocks, however large the file. Third parties add theirs
as entry points in the group `splatworld.formats`; the name of the entry point is the suffix without its dot.
"""

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from splatworld import files, limits
from splatworld.errors import FormatError, UsageError
from splatworld.formats import streams
from splatworld.formats.frames import FILE_FROM_WORLD, Frame
from splatworld.geometry import Similarity
from splatworld.progress import Note, Progress, silent
from splatworld.splats import Splats
from splatworld.world import Thing, World, from_splats

BUILT_IN = {
    "splatworld": "splatworld.document",
    "ply": "splatworld.formats.ply",
    "compressed.ply": "splatworld.formats.compressed_ply",
    "splat": "splatworld.formats.splat",
    "ksplat": "splatworld.formats.ksplat",
    "rad": "splatworld.formats.rad",
    "spz": "splatworld.formats.spz",
    "sog": "splatworld.formats.sog",
    "glb": "splatworld.formats.glb",
    "usd": "splatworld.formats.usd",
    "usda": "splatworld.formats.usd",
    "usdc": "splatworld.formats.usd",
    "usdz": "splatworld.formats.usd",
    "obj": "splatworld.formats.obj",
}
_HEAD_BYTES = 512
_LOD_META = "lod-meta.json"
"""Streamed SOG: a folder, which is named by this file in it ..."""
_LOD_PARTS = r"lod-meta\.json|env|\d+_\d+"
"""... and of which these are the parts."""
_STANDS_FOR_FOLDER = (_LOD_META, "meta.json")


@runtime_checkable
class Format(Protocol):
    """What every module of the table supplies."""

    FRAME: Frame
    """Axes of its files, unless they say otherwise."""

    def recognises(self, head: bytes) -> bool:
        """True if the first bytes are those of this format."""
        ...


@runtime_checkable
class Reads(Format, Protocol):
    """Supplies a world at once."""

    def read(self, path: Path, *, frame: Frame | None, progress: Progress) -> World:
        """The world of a file that is known to be readable and not empty; `frame` overrides the habitual axes."""
        ...


@runtime_checkable
class Writes(Format, Protocol):
    """Takes a world at once."""

    def write(self, world: World, path: Path, *, progress: Progress) -> None:
        """Write to a fresh path; the caller puts it in place.

        Keyword arguments beyond these are its options, `frame` and `unit` among them if one may choose the axes.
        """
        ...


@runtime_checkable
class Opens(Format, Protocol):
    """Supplies splats in blocks."""

    def opened(
        self, path: Path, *, frame: Frame | None, progress: Progress
    ) -> contextlib.AbstractContextManager[streams.Source]:
        """A file that can be read in blocks."""
        ...


@runtime_checkable
class Sinks(Format, Protocol):
    """Takes splats in blocks, in any axes; or in its own, if the module has `FIXED_AXES = True`.

    A format that holds `shape.structure` has `KEEPS_THINGS = True`.
    """

    def sink(
        self, path: Path, shape: streams.Shape, *, progress: Progress
    ) -> contextlib.AbstractContextManager[streams.Sink]:
        """A file that is written in blocks. Keyword arguments beyond these are its options."""
        ...


def load(
    path: Path | str, *, frame: Frame | None = None, unit: float | None = None, progress: Progress = silent
) -> World:
    """The world in a file of any known format, in world axes (+Z up) and metres.

    `frame` names the axes of files that do not record theirs, `unit` the metres that their unit stands for; see
    `splatworld.formats.frames`. Values that are no number are dropped and counted through `progress`. Raises
    `FormatError`, and `UsageError` for a unit that is not possible.
    """
    path = _file_in(Path(path))
    _check_source(path, frame)
    chosen = _format_of(path)
    try:
        if isinstance(chosen, Reads):
            return _enlarged(chosen.read(path, frame=frame, progress=progress), unit)
        assert isinstance(chosen, Opens)  # `_module` saw to it
        with chosen.opened(path, frame=frame, progress=progress) as source:
            return streams.read(_measured(source, unit), path, progress)
    except OSError as why:
        raise FormatError(f"cannot read {path}: {files.reason(why)}") from None
    except MemoryError:
        raise FormatError(f"{path} does not fit into the memory of this machine") from None


def save(
    world: World | Splats,
    path: Path | str,
    *,
    frame: Frame | None = None,
    unit: float = 1.0,
    force: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> None:
    """Write a world, or bare splats, in the format that the suffix of `path` names.

    The file appears whole or not at all; an existing one is replaced only with `force`. Every format but `.splatworld`
    holds the visible splats only, things placed. `frame` and `unit` (metres) replace the axes and the length that files
    of this format have by habit. `options` are those of the format: `spz_version` and `sh_bits` for `.spz`. Raises
    `OutputError`, and `UsageError` for an unknown suffix or option.
    """
    path = Path(path)
    options = _with_axes(options, frame, unit)
    check_suffix(path, **options)
    chosen = _module(suffix(path))
    value = from_splats(world) if isinstance(world, Splats) else world
    _tell_lost(value.things, path, chosen, progress)
    with _replacing(path, force=force) as temporary:
        if isinstance(chosen, Sinks):
            frame, unit, rest = _split_axes(options, chosen)
            open_sink = functools.partial(chosen.sink, progress=progress, **rest)
            streams.write(value, frame, temporary, open_sink, progress, unit=unit)
        else:
            assert isinstance(chosen, Writes)  # `check_suffix` saw to it
            chosen.write(value, temporary, progress=progress, **options)


def _measured(source: streams.Source, unit: float | None) -> streams.Source:
    """A source whose unit is this one, whatever it says."""
    if unit is None:
        return source
    _check_unit(unit)
    return replace(source, unit=unit)


def _enlarged(world: World, unit: float | None) -> World:
    """A world whose unit was taken for a metre."""
    if unit is None:
        return world
    _check_unit(unit)
    wider = Similarity(scale=unit)
    layers = (replace(layer, world_from_layer=wider @ layer.world_from_layer) for layer in world.layers)
    return replace(world, layers=tuple(layers))


Change = Callable[[World, Progress], World]
"""A step between reading and writing: `clean`, `decimate`, ..."""


def convert(
    source: Path | str,
    target: Path | str,
    *,
    frame: Frame | None = None,
    source_unit: float | None = None,
    target_frame: Frame | None = None,
    unit: float = 1.0,
    degree: int | None = None,
    changes: Sequence[Change] = (),
    force: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> int:
    """Write the splats of one file as another, as `load` and `save` would; returns their number.

    `frame` and `source_unit` are the axes and the unit of the source if it does not record them; `target_frame` and
    `unit` those of the target, and `degree` the highest of its SH. `changes` are made in between, in order. Where there
    are none and both formats work in blocks, memory does not grow with the size of a `.ply` (a `.splat` takes 60 bytes
    a splat, an `.spz` with three bands 90). Raises what `load` and `save` raise.
    """
    source, target = _file_in(Path(source)), Path(target)
    options = _with_axes(options, target_frame, unit)
    check_suffix(target, **options)
    _check_source(source, frame)
    reader, writer = _format_of(source), _module(suffix(target))
    if changes or not (isinstance(reader, Opens) and isinstance(writer, Sinks)):
        world = load(source, frame=frame, unit=source_unit, progress=progress)
        for change in (functools.partial(_cut, degree), *changes):
            world = change(world, progress)
        save(world, target, force=force, progress=progress, **options)
        return len(world)
    into, unit, rest = _split_axes(options, writer)
    open_sink = functools.partial(writer.sink, progress=progress, **rest)
    try:
        with (
            files.replacing(target, force=force) as temporary,
            reader.opened(source, frame=frame, progress=progress) as opened,
        ):
            _tell_lost(opened.structure.things, target, writer, progress)
            measured = _measured(opened, source_unit)
            return streams.convert(measured, into, temporary, open_sink, progress, unit=unit, degree=degree)
    except MemoryError:
        raise FormatError(f"{source} does not fit into the memory of this machine") from None


def check_suffix(path: Path, **options: Any) -> None:
    """Raise `UsageError` if no format writes files of this name with these options: for use before long work."""
    if suffix(path) not in names():
        raise UsageError(f"cannot write {path}: {_unknown(path)}")
    if not isinstance(_module(suffix(path)), Writes | Sinks):
        raise UsageError(f"cannot write {path}: .{suffix(path)} is read only (`splatworld mesh` writes meshes)")
    strange = [name for name in options if name not in _options(_module(suffix(path)))]
    if set(strange) & _AXES:
        raise UsageError(f"cannot write {path}: the axes and the unit of .{suffix(path)} cannot be chosen")
    if strange:
        raise UsageError(f"cannot write {path}: .{suffix(path)} has no option {strange[0]}")


def check_target(path: Path, *, force: bool = False) -> None:
    """Raise `OutputError` if `save` could not write there: for use before long work."""
    if path.name == _LOD_META:
        files.check_folder_output(path, parts=_LOD_PARTS, force=force)
    else:
        files.check_output(path, force=force)


def _replacing(path: Path, *, force: bool) -> contextlib.AbstractContextManager[Path]:
    if path.name == _LOD_META:
        return files.replacing_folder_of(path, parts=_LOD_PARTS, force=force)
    return files.replacing(path, force=force)


def options(path: Path) -> set[str]:
    """What may be asked of the format that the suffix of `path` names, when it is written: `frame`, `spz_version`."""
    return _options(_module(suffix(path)))


def habitual_frame(path: Path) -> Frame:
    """The axes that files with the suffix of `path` have if nobody says otherwise."""
    return _module(suffix(path)).FRAME


_AXES = {"frame", "unit"}


def _options(chosen: Format) -> set[str]:
    """What may be asked of a format that is written; one that is written in blocks has any axes."""
    if isinstance(chosen, Sinks):
        free = set() if getattr(chosen, "FIXED_AXES", False) else _AXES
        return set(inspect.signature(chosen.sink).parameters) - {"path", "shape", "progress"} | free
    if isinstance(chosen, Writes):
        return set(inspect.signature(chosen.write).parameters) - {"world", "path", "progress"}
    return set()


def _with_axes(options: dict[str, Any], frame: Frame | None, unit: float) -> dict[str, Any]:
    """The options with the axes among them, if they are not the habitual ones."""
    if frame is not None and frame not in FILE_FROM_WORLD:
        raise UsageError(f"there is no frame '{frame}'; known are {', '.join(FILE_FROM_WORLD)}")
    _check_unit(unit)
    return options | ({"frame": frame} if frame else {}) | ({"unit": unit} if unit != 1 else {})


def _check_unit(unit: float) -> None:
    if not limits.FILE_UNIT_MIN <= unit <= limits.FILE_UNIT_MAX:
        possible = f"{limits.FILE_UNIT_MIN:f} to {limits.FILE_UNIT_MAX:g}"
        raise UsageError(f"a unit of {unit:g} metres is not possible; give {possible}")


def _tell_lost(things: tuple[Thing, ...], path: Path, chosen: Format, progress: Progress) -> None:
    if things and not getattr(chosen, "KEEPS_THINGS", False):
        progress(Note(f".{suffix(path)} has no room for things, views and light; {len(things):,} things stay behind"))


def _split_axes(options: dict[str, Any], chosen: Format) -> tuple[Frame, float, dict[str, Any]]:
    rest = {name: value for name, value in options.items() if name not in _AXES}
    return options.get("frame", chosen.FRAME), options.get("unit", 1.0), rest


def _cut(degree: int | None, world: World, progress: Progress) -> World:
    """A world with SH of at most this degree."""
    if degree is None:
        return world
    cut = (replace(layer, splats=layer.splats.with_degree(min(degree, layer.splats.degree))) for layer in world.layers)
    return replace(world, layers=tuple(cut))


def names() -> tuple[str, ...]:
    """The suffixes that are known, without dots, built-in ones first."""
    return tuple(_table())


def writable() -> tuple[str, ...]:
    """Those of `names` that can be written here."""
    return tuple(name for name in names() if unavailable()[name] is None and isinstance(_module(name), Writes | Sinks))


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
    if suffix(path) in names():
        return _module(suffix(path))
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    for name, reason in unavailable().items():
        if reason is None and _module(name).recognises(head):
            return _module(name)
    raise FormatError(f"cannot read {path}: {_unknown(path)}")


def suffix(path: Path) -> str:
    """The longest known one, without its first dot; the last part of the name if none is known."""
    if path.name == _LOD_META:
        return "sog"
    known = [name for name in names() if path.name.lower().endswith(f".{name}")]
    return max(known, key=len, default=path.suffix[1:].lower())


def _unknown(path: Path) -> str:
    given = f"'{path.suffix}' is no known suffix" if path.suffix else "the name has no suffix"
    return f"{given}; known are {_suffixes(names())}, and FOLDER/{_LOD_META} for streamed SOG"


def _suffixes(chosen: Iterable[str]) -> str:
    return ", ".join(f".{name}" for name in chosen)


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
    if not (isinstance(module, Format) and isinstance(module, Reads | Opens)):
        raise FormatError(f"the format '{name}' cannot be used here: {_table()[name]} lacks FRAME, recognises or read")
    return module
