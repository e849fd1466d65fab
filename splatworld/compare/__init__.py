"""How far two worlds are from each other: their splats, their pictures, their structure, their bytes.

What a conversion, a compression or a decimation did to a world is told in figures that mean the same for all of them:
errors of matched splats (`rows`, `attributes`), and PSNR and SSIM of what is seen from the same places (`pictures`).

The package can be called: `splatworld.compare(a, b)` is `compare` below.
"""

from pathlib import Path

import msgspec
import torch

from splatworld import formats
from splatworld.callables import call_as
from splatworld.camera import Camera
from splatworld.compare.attributes import Attributes, attributes
from splatworld.compare.pictures import View, looks, pooled, viewing
from splatworld.compare.rows import paired, usable
from splatworld.formats.checks import CORE
from splatworld.formats.frames import Frame
from splatworld.progress import Progress, Stage, silent
from splatworld.splats import Splats
from splatworld.world import World

VIEWS = 8
WIDTH, HEIGHT = 480, 320


class Side(msgspec.Struct, frozen=True):
    """What one of the two worlds holds."""

    splats: int
    """Visible ones."""
    degree: int
    """Of SH, as stored."""
    layers: int
    things: int
    labels: int
    """Names of classes."""
    viewpoints: int
    extras: tuple[str, ...]
    """Columns of the splats beyond the usual ones, such as "thing" and "normal"."""
    bytes: int | None = None
    """Of the file, or of all files of a folder."""
    bytes_per_splat: float | None = None


class Comparison(msgspec.Struct, frozen=True):
    """World `b` against world `a`, which counts as the truth."""

    a: Side
    b: Side
    identical: bool
    """Every splat equals, to the last bit and in the same order."""
    matched: float
    """Share of the splats, of the world that has more, that are the partner of one in the other."""
    attributes: Attributes | None
    """Errors of partners; None where one of the two has no splats."""
    psnr: float | None
    """dB over all pixels of all views, each view on black or on white, whichever is worse; None: all are equal."""
    ssim: float
    """Mean of the views, in the same way."""
    views: tuple[View, ...]


def compare(a: World, b: World, *, cameras: Camera | None = None, progress: Progress = silent) -> Comparison:
    """Measure world `b` against world `a`, in world coordinates, things placed; hidden splats are left out.

    Both are drawn by the same `cameras`: unless given, those of `viewing(a)`. The figures are the same in every run.
    `Cancelled` raised by `progress` passes through.
    """
    cameras = viewing(a, views=VIEWS, width=WIDTH, height=HEIGHT) if cameras is None else cameras
    splats = usable(a.splats()), usable(b.splats())
    progress(Stage("matching splats", 1, 2))
    pairs = paired(*splats)
    found = attributes(splats[0][pairs.a], splats[1][pairs.b]) if len(pairs.a) else None
    progress(Stage("drawing", 2, 2))
    views = tuple(looks(*splats, cameras, progress))
    return Comparison(
        a=_side(a, splats[0]),
        b=_side(b, splats[1]),
        identical=_identical(*splats),
        matched=pairs.matched,
        attributes=found,
        psnr=pooled(views),
        ssim=sum(view.ssim for view in views) / max(len(views), 1),
        views=views,
    )


def compare_files(
    a: Path | str,
    b: Path | str,
    *,
    frames: tuple[Frame | None, Frame | None] = (None, None),
    units: tuple[float | None, float | None] = (None, None),
    views: int = VIEWS,
    width: int = WIDTH,
    height: int = HEIGHT,
    progress: Progress = silent,
) -> Comparison:
    """`compare` what two files of any format hold, and their sizes; `frames` and `units` are as for `formats.load`.

    Raises `FormatError`.
    """
    worlds = [
        formats.load(path, frame=frame, unit=unit, progress=progress)
        for path, frame, unit in zip((a, b), frames, units, strict=True)
    ]
    cameras = viewing(worlds[0], views=views, width=width, height=height)
    found = compare(worlds[0], worlds[1], cameras=cameras, progress=progress)
    return msgspec.structs.replace(found, a=_sized(found.a, Path(a)), b=_sized(found.b, Path(b)))


def _side(world: World, splats: Splats) -> Side:
    return Side(
        splats=len(splats),
        degree=splats.degree,
        layers=len(world.layers),
        things=len(world.things),
        labels=len(world.labels),
        viewpoints=len(world.viewpoints),
        extras=tuple(sorted(splats.extras)),
    )


def _sized(side: Side, path: Path) -> Side:
    size = file_bytes(path)
    return msgspec.structs.replace(side, bytes=size, bytes_per_splat=size / max(side.splats, 1))


def file_bytes(path: Path) -> int:
    """Bytes of a file; of all files in its folder if it is a folder, or the JSON that stands for one."""
    if path.name in ("meta.json", "lod-meta.json"):
        path = path.parent
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else path.stat().st_size


def _identical(a: Splats, b: Splats) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in CORE)


call_as(__name__, compare)

__all__ = ["Attributes", "Comparison", "Side", "View", "compare", "compare_files", "file_bytes", "viewing"]
