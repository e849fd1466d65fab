"""Writing streamed SOG: levels of detail, a tree over space, and SOGs in which each leaf is one run of rows.

The levels are made by joining splats (`splatworld.decimate`), each with half of those before. Cells are cubes, halved
along all axes until few splats are left in each; rows lie in files by cell, so a viewer loads what is near in fine and
the rest in coarse files. What belongs to the sky stands apart as the environment, which is always shown.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from splatworld.decimate import lod_chain
from splatworld.formats import sog_lod, sog_meta, sog_write, structure
from splatworld.formats.frames import Frame
from splatworld.formats.sog_read import FRAME
from splatworld.morton import morton_order
from splatworld.progress import Progress, Stage
from splatworld.splats import Splats
from splatworld.world import World, parted

LEAF_SPLATS = 16_384
"""Of the finest level, that a leaf holds at most."""
LEAF_DEPTH_MAX = 20
"""So small cells are not halved: their splats may all be at one place."""
CHUNK_SPLATS = 524_288
"""That a file holds at most, unless a leaf has more."""
COARSEST_SPLATS = 25_000
"""The coarsest level has about so many, or a little fewer ..."""
LEVELS_MAX = 6
"""... unless there would be more levels than this."""
SKY = "sky"

Rows = list[Tensor]
"""Rows of each level."""


def write(world: World, path: Path, *, progress: Progress, frame: Frame = FRAME, unit: float = 1.0) -> None:
    """All visible splats as streamed SOG in the folder of `path`, a lod-meta.json. Raises `OutputError`."""
    sky, rest = parted(world, lambda thing: thing.kind == SKY)
    levels = 1
    while levels < LEVELS_MAX and len(rest) >> levels >= COARSEST_SPLATS // 2:
        levels += 1
    progress(Stage("levels of detail", 1, levels + 2))
    worlds = lod_chain(rest, levels, progress=progress) if len(rest) else [rest]
    splats = [sog_write.storable(level, frame, unit, progress) for level in worlds]
    splats = [level[morton_order(level.means)] for level in splats]
    tree = _tree(splats)
    told = structure.described(world)
    ours = sog_meta.Ours(frame, unit, world={"labels": told.get("labels", ())})
    names: list[str] = []
    for index, level in enumerate(splats):
        progress(Stage(f"level {index}", index + 2, levels + 2))
        for chunk, rows in enumerate(_chunks(tree, index, len(names))):
            names.append(f"{index}_{chunk}")
            _put(path.parent / names[-1], level[rows], ours, progress)
    environment = {}
    if len(sky):
        progress(Stage("sky", levels + 2, levels + 2))
        _put(path.parent / "env", sog_write.storable(sky, frame, unit, progress), ours, progress)
        environment = {"environment": "env/meta.json"}
    counts = [len(level) for level in splats]
    meta = {
        "version": 1,
        "asset": {"generator": "splatworld"},
        "count": sum(counts),
        "counts": counts,
        "lodLevels": len(splats),
        **environment,
        "filenames": [f"{name}/meta.json" for name in names],
        "tree": _described(tree),
        "splatworld": msgspec.structs.replace(ours, world=told),
    }
    path.write_bytes(msgspec.json.encode(meta))


class _Cell(msgspec.Struct):
    """A part of space, with its rows of each level if it is a leaf."""

    low: list[float]
    high: list[float]
    children: list["_Cell"] = []
    rows: Rows = []
    runs: dict[str, sog_lod.Run] = {}


def _tree(levels: Sequence[Splats]) -> _Cell:
    means = levels[0].means if len(levels[0]) else torch.zeros(1, 3)
    corner, side = means.amin(0), float((means.amax(0) - means.amin(0)).max())
    reach = [_reach(level) for level in levels]
    rows = [torch.arange(len(level)) for level in levels]
    return _cell(levels, reach, rows, corner + side / 2, max(side, 1e-6) / 4, 0)


def _reach(splats: Splats) -> Float[Tensor, "n 3"]:
    """How far three standard deviations go along the axes of the file."""
    return 3 * splats.covariances.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()


def _cell(
    levels: Sequence[Splats], reach: Sequence[Tensor], rows: Rows, middle: Tensor, step: float, depth: int
) -> _Cell:
    """The cell around `middle` with these rows; the middles of its children are `step` away along each axis."""
    if len(rows[0]) <= LEAF_SPLATS or depth == LEAF_DEPTH_MAX:
        ends = [
            (levels[k].means[r] - reach[k][r], levels[k].means[r] + reach[k][r]) for k, r in enumerate(rows) if len(r)
        ]
        if not ends:
            return _Cell([0.0] * 3, [0.0] * 3)
        low = torch.stack([low.amin(0) for low, _ in ends]).amin(0)
        high = torch.stack([high.amax(0) for _, high in ends]).amax(0)
        return _Cell(low.tolist(), high.tolist(), rows=rows)
    sides = [((levels[k].means[r] >= middle).long() * torch.tensor([1, 2, 4])).sum(1) for k, r in enumerate(rows)]
    filled = sides[0].unique().tolist()
    # Coarse splats where no fine ones are go next door: a leaf without a fine level would be shown besides the others.
    next_door = torch.tensor([min(filled, key=lambda other: (octant ^ other).bit_count()) for octant in range(8)])
    children = []
    for octant in filled:
        part = [r[next_door[side] == octant] for r, side in zip(rows, sides, strict=True)]
        towards = torch.tensor([1.0 if octant >> axis & 1 else -1.0 for axis in range(3)])
        children.append(_cell(levels, reach, part, middle + step * towards, step / 2, depth + 1))
    low = [min(child.low[axis] for child in children) for axis in range(3)]
    high = [max(child.high[axis] for child in children) for axis in range(3)]
    return _Cell(low, high, children)


def _leaves(cell: _Cell) -> Iterator[_Cell]:
    if cell.rows:
        yield cell
    for child in cell.children:
        yield from _leaves(child)


def _chunks(tree: _Cell, level: int, first: int) -> Iterator[Int64[Tensor, " n"]]:
    """The rows of each file of a level; notes in the leaves where theirs are, files counted from `first`."""
    waiting: Rows = []
    count = 0
    for leaf in _leaves(tree):
        rows = leaf.rows[level]
        if count and count + len(rows) > CHUNK_SPLATS:
            yield torch.cat(waiting)
            waiting, count, first = [], 0, first + 1
        if len(rows):
            leaf.runs[str(level)] = sog_lod.Run(first, count, len(rows))
            waiting.append(rows)
            count += len(rows)
    if waiting:
        yield torch.cat(waiting)


def _described(cell: _Cell) -> dict[str, Any]:
    node: dict[str, Any] = {"bound": {"min": cell.low, "max": cell.high}}
    if cell.children:
        node["children"] = [_described(child) for child in cell.children]
    else:
        node["lods"] = cell.runs
    return node


def _put(folder: Path, splats: Splats, ours: sog_meta.Ours, progress: Progress) -> None:
    folder.mkdir()
    for name, data in sog_write.contents(splats, ours, progress).items():
        (folder / name).write_bytes(data)
