"""Splats pass through files in blocks: the one mechanism behind reading, writing and converting.

A format that takes part supplies two context managers. `opened(path, frame=, progress=)` gives a `Source`: what the
file holds, and a function that fills tensors with any run of its rows. `sink(path, shape, progress=)` gives a `Sink`:
`encode` turns splats into what the file holds of them, and `put` takes the results in the order of the rows.

A block is small enough for the cache, so each value comes from memory once: it is read, mended, turned and encoded
while it is there. Blocks are worked on by several threads (numpy and torch let others run meanwhile) and put in order,
so the result depends neither on their number nor on whether the splats came from a file or from memory.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from splatworld import limits
from splatworld.formats.blocks import ROWS
from splatworld.formats.checks import CORE, Tally, mended
from splatworld.formats.frames import Frame, file_from_world
from splatworld.formats.structure import NOTHING, Structure, of, onto
from splatworld.geometry import Similarity
from splatworld.progress import Progress, Step
from splatworld.splats import Splats, cat
from splatworld.threads import in_order
from splatworld.world import Layer, World, place


@dataclass(frozen=True)
class Source:
    """What an open file holds, and the way to it."""

    name: str
    """The file, for messages."""
    count: int
    degree: int
    frame: Frame
    """Axes of the values that `fill` gives."""
    fill: Callable[[int, Splats], bool | None]
    """`fill(start, target)`: write the file's rows from `start` on, as they stand there, into all tensors of `target`.
    True if it has seen that none of them has to be mended. Called by several threads at once."""
    extras: Mapping[str, tuple[np.dtype, tuple[int, ...]]] = field(default_factory=dict)
    """Type and shape of one row of each extra."""
    labels: tuple[str, ...] = ()
    unit: float = 1.0
    """Metres that a unit of the values stands for."""
    structure: Structure = NOTHING
    """What the file says of its world besides; its labels are `labels`."""

    world: World | None = None
    """For files that are no splats but became some: the whole, of which `fill` gives the splats, placed."""

    @property
    def world_from_file(self) -> Similarity:
        """What turns the values into world axes and metres."""
        return file_from_world(self.frame, self.unit).inverse()


@dataclass(frozen=True)
class Shape:
    """What a sink is told beforehand."""

    count: int
    degree: int
    extras: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    frame: Frame = "rfu"
    """Axes of the splats that come, for files that record them; the sink need not turn anything."""
    unit: float = 1.0
    """Metres that their unit stands for."""
    structure: Structure = NOTHING
    world: World | None = None
    """What is written, for files that hold more of it than splats; None where splats come from a file."""


@runtime_checkable
class Sink(Protocol):
    """A file that is being written."""

    degree: int
    """Highest SH degree that it holds; what is beyond is cut off before it is turned."""

    def encode(self, splats: Splats) -> Any:
        """What the file needs of some rows, in its axes. Called by several threads at once; may raise `OutputError`."""
        ...

    def put(self, encoded: Any) -> None:
        """Take the result of `encode` for the next rows."""
        ...


OpenSink = Callable[[Path, Shape], AbstractContextManager[Sink]]


def read(source: Source, path: Path, progress: Progress) -> World:
    """All sound splats of a source as a world of one layer, which holds them as the file does; its place turns them.

    So nothing is computed that is undone when the layer is written again in the same axes. Raises `FormatError`.
    """
    if source.world is not None:
        return source.world
    splats = _without_empty_normals(gathered(source, progress))
    layer = Layer("base", path.stem[: limits.NAME_CHARS], splats, source.world_from_file)
    return onto(World((layer,), labels=source.labels), source.structure)


def held(world: World, name: str) -> Source:
    """The source of a world that is in memory already, as the file `name` holds none that could be read in blocks."""
    splats = world.splats()
    kept = {key: rows for key, rows in splats.extras.items() if key in ("normal", "thing", "label")}
    kinds = {"normal": np.dtype(np.float32), "thing": np.dtype(np.int32), "label": np.dtype(np.int16)}

    def fill(start: int, target: Splats) -> None:
        rows = splats[start : start + len(target)]
        for key in CORE:
            getattr(target, key)[:] = getattr(rows, key)
        for key in kept:
            target.extras[key][:] = rows.extras[key]

    extras = {key: (kinds[key], tuple(rows.shape[1:])) for key, rows in kept.items()}
    structure = of(world)
    return Source(name, len(splats), splats.degree, "rfu", fill, extras, world.labels, structure=structure, world=world)


def _without_empty_normals(splats: Splats) -> Splats:
    """Most programs write normals of zero for want of any; those are worth no memory."""
    normals = splats.extras.get("normal")
    if normals is None or normals.numpy().view(np.int32).any():
        return splats
    return replace(splats, extras={name: rows for name, rows in splats.extras.items() if name != "normal"})


def gathered(source: Source, progress: Progress) -> Splats:
    """All sound splats of a source, in the axes of its file. Raises `FormatError`."""
    whole, tally, bad = _room(source, source.count), Tally(), []
    starts = range(0, source.count, ROWS)
    with closing(in_order(lambda start: _filled(source, whole[start : start + ROWS], start), starts)) as blocks:
        for start, (mask, found) in zip(starts, blocks, strict=True):
            tally += found
            if mask is not None:
                bad.append(start + mask.nonzero()[:, 0])
            progress(Step(min(start + ROWS, source.count), source.count))
    tally.tell(source.name, source.count, progress)
    return _without(whole, torch.cat(bad)) if bad else whole


def write(
    world: World, frame: Frame, path: Path, open_sink: OpenSink, progress: Progress, *, unit: float = 1.0
) -> None:
    """All visible splats of a world, things placed, into a sink with axes `frame` and units of `unit` metres.

    Raises `OutputError`.
    """
    splats, file_from_here = merged(world, file_from_world(frame, unit))
    labels = world.labels if "label" in splats.extras else ()
    shape = Shape(len(splats), splats.degree, tuple(splats.extras), labels, frame, unit, of(world), world)

    def block(start: int) -> tuple[Splats, Tally]:
        return splats[start : start + ROWS], Tally()

    with open_sink(path, shape) as sink:
        _pour(sink, block, file_from_here, len(splats), progress)


def convert(
    source: Source,
    frame: Frame,
    path: Path,
    open_sink: OpenSink,
    progress: Progress,
    *,
    unit: float = 1.0,
    degree: int | None = None,
) -> int:
    """All sound splats of a source into a sink, a few blocks at a time; returns how many.

    The sink has axes `frame` and units of `unit` metres, and gets SH up to `degree`. The file has the bytes it would
    have by way of memory. Raises `FormatError` and `OutputError`.
    """
    labels = source.labels if "label" in source.extras else ()
    degree = source.degree if degree is None else min(degree, source.degree)
    shape = Shape(source.count, degree, tuple(source.extras), labels, frame, unit, source.structure)
    try:
        return _converted(source, path, open_sink, shape, progress)
    except _Fewer as why:  # unsound rows were met, but files begin with the count: once more, with the right one
        return _converted(source, path, open_sink, replace(shape, count=why.count), progress)


class _Fewer(Exception):
    """A source holds fewer sound splats than it said."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def _converted(source: Source, path: Path, open_sink: OpenSink, shape: Shape, progress: Progress) -> int:
    file_from_source = _settled(file_from_world(shape.frame, shape.unit) @ source.world_from_file)

    def block(start: int) -> tuple[Splats, Tally]:
        rows = _room(source, min(ROWS, source.count - start))
        if source.fill(start, rows):
            return rows.with_degree(shape.degree), Tally()
        sound, _, found = mended(rows)
        return sound.with_degree(shape.degree), found

    with open_sink(path, shape) as sink:
        tally = _pour(sink, block, file_from_source, source.count, progress)
        if source.count - tally.dropped != shape.count:
            raise _Fewer(source.count - tally.dropped)
    tally.tell(source.name, source.count, progress)
    return shape.count


def _pour(
    sink: Sink,
    block: Callable[[int], tuple[Splats, Tally]],
    file_from_here: Similarity,
    count: int,
    progress: Progress,
) -> Tally:
    """Put `count` rows, of which `block(start)` gives a block, into a sink in order."""

    def encoded(start: int) -> tuple[Any, Tally]:
        splats, found = block(start)
        splats = splats.with_degree(min(splats.degree, sink.degree))
        return sink.encode(splats.transformed(file_from_here)), found

    tally, starts = Tally(), range(0, count, ROWS)
    with closing(in_order(encoded, starts)) as results:
        for start, (result, found) in zip(starts, results, strict=True):
            sink.put(result)
            tally += found
            progress(Step(min(start + ROWS, count), count))
    return tally


def _filled(source: Source, target: Splats, start: int) -> tuple[torch.Tensor | None, Tally]:
    """Fill some rows and mend them in place: the mask of those that have to go, and what was done."""
    if source.fill(start, target):
        return None, Tally()
    sound, bad, found = mended(target)
    rows = slice(None) if bad is None else ~bad
    for name in CORE:
        if getattr(sound, name) is not getattr(target, name):
            getattr(target, name)[rows] = getattr(sound, name)
    return bad, found


def _room(source: Source, count: int) -> Splats:
    """Tensors for `count` rows, not yet filled. numpy asks for large pages, which are several times faster to get."""

    def empty(*shape: int, dtype: np.dtype | type = np.float32) -> torch.Tensor:
        return torch.from_numpy(np.empty((count, *shape), dtype))

    return Splats(
        means=empty(3),
        quats=empty(4),
        log_scales=empty(3),
        logit_opacities=empty(),
        sh=empty((source.degree + 1) ** 2, 3),
        extras={name: empty(*shape, dtype=dtype) for name, (dtype, shape) in source.extras.items()},
    )


def _without(splats: Splats, rows: torch.Tensor) -> Splats:
    keep = torch.ones(len(splats), dtype=torch.bool)
    keep[rows] = False
    return splats[keep]


def merged(world: World, file_from_world: Similarity) -> tuple[Splats, Similarity]:
    """The visible splats and what turns them into axes and units of a file; one layer, the usual case, is no copy."""
    parts = [
        (place(layer.splats, world.things), _settled(file_from_world @ layer.world_from_layer))
        for layer in world.layers
        if layer.visible
    ]
    if len(parts) == 1:
        return parts[0]
    return cat(splats.transformed(turn) for splats, turn in parts), Similarity()


def _settled(there_from_here: Similarity) -> Similarity:
    """The exact identity for what is one but for rounding: turned to and fro."""
    return Similarity() if np.abs(there_from_here.matrix - np.eye(4)).max() < 1e-12 else there_from_here
