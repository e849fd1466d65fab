"""The kinds of files that the matrix of formats has rows for, and what each keeps of a world: found out by trying."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splatworld import formats
from splatworld.compare.attributes import attributes
from splatworld.compare.rows import paired
from splatworld.errors import SplatworldError
from splatworld.formats.frames import FILE_FROM_WORLD
from splatworld.geometry import Similarity
from splatworld.splats import Splats
from splatworld.world import Environment, Layer, Surface, Thing, Viewpoint, World


@dataclass(frozen=True)
class Kind:
    """A format with some options."""

    format: str
    """In the table of formats."""
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    peers: str | None = None
    """What `tests/peers` calls it; None where no program is asked about these options."""
    file: str = ""
    """Whole name of its file, where it is not found by its suffix."""

    def path(self, folder: Path) -> Path:
        """Of its file in a folder of its own, so that all that is there belongs to it."""
        return folder / (self.file or f"world.{self.format}")

    def written(self, world: World, folder: Path, **more: Any) -> Path:
        """Save a world in a fresh folder; raises what `formats.save` raises."""
        folder.mkdir(parents=True)
        formats.save(world, self.path(folder), **self.options, **more)
        return self.path(folder)


VARIANTS = {
    "spz": (
        Kind("spz", "`.spz` 3", {}, "spz"),
        Kind("spz", "`.spz` 3, `--sh-bits 8`", {"sh_bits": 8}),
        Kind("spz", "`.spz` 4", {"spz_version": 4}, "spz4"),
    ),
    "ksplat": tuple(Kind("ksplat", f"`.ksplat` level {n}", {"ksplat_level": n}, f"ksplat{n}") for n in (0, 1)),
    "sog": (
        Kind("sog", "`.sog`", {}, "sog"),
        Kind("sog", "streamed SOG, all levels", file="lod-meta.json"),
    ),
}
"""Formats that are more than one kind."""


def kinds() -> list[Kind]:
    """All that we write, in the order of the table of formats."""
    found: list[Kind] = []
    for name in formats.writable():
        found += VARIANTS.get(name, [Kind(name, f"`.{name}`", {}, name)])
    return found


def read_only() -> list[str]:
    """Names of formats that we read and do not write."""
    return [name for name in formats.names() if name not in formats.writable()]


@dataclass(frozen=True)
class Kept:
    """What came back of a world that has everything; yes and no, or a word."""

    sh: str
    things_of_splats: bool
    labels: bool
    things: bool
    viewpoints: bool
    light: bool
    surfaces: bool
    layers: bool
    normals: bool
    albedo: bool
    axes: str
    """Usual ones."""
    other_axes: str
    unit: str


def kept(kind: Kind, folder: Path) -> Kept:
    """Save the whole of a small world, load it, and look."""
    world = _everything()
    found = formats.load(kind.written(world, folder / "kept"))
    a, b = world.splats(), found.splats()
    pairs = paired(a, b)
    a, b = a[pairs.a], b[pairs.b]
    axes, other_axes = _axes(kind, folder)
    return Kept(
        sh=_degree(a, b),
        things_of_splats=_agree(a, b, "thing", 0),
        labels=found.labels == world.labels and _agree(a, b, "label", 0),
        things=[t.name for t in found.things] == [t.name for t in world.things],
        viewpoints=found.viewpoints == world.viewpoints,
        light=found.environment == world.environment,
        surfaces=bool(found.surfaces),
        layers=[layer.name for layer in found.layers] == [layer.name for layer in world.layers],
        normals=_agree(a, b, "normal", 0.1),
        albedo=_agree(a, b, "albedo", 0.1),
        axes=axes,
        other_axes=other_axes,
        unit=_unit(kind, folder),
    )


def _everything() -> World:
    """600 splats of two things, with all that a world can have."""
    n, g = 600, torch.Generator().manual_seed(5)
    random = lambda *shape: torch.rand(*shape, generator=g)  # noqa: E731
    splats = Splats(
        random(n, 3) * 6, random(n, 4) + 0.1, random(n, 3) - 4, random(n) * 4 - 1, random(n, 25, 3) - 0.5,
    ).with_extras(
        thing=torch.arange(n, dtype=torch.int32) % 2 + 1,
        label=(torch.arange(n) % 2).to(torch.int16),
        normal=torch.nn.functional.normalize(random(n, 3) - 0.5, dim=1),
        albedo=random(n, 3),
    )  # fmt: skip
    half = n // 2
    return World(
        layers=(Layer("base", "ground", splats[:half]), Layer("more", "houses", splats[half:])),
        things=(
            Thing(id=1, name="boat 1", kind="boat", surface="boat", colour="red"),
            Thing(id=2, name="cabin 1", kind="cabin", world_from_thing=Similarity.at((1.0, 2.0, 0.0), yaw=0.5)),
        ),
        environment=Environment(sun_elevation_deg=12.0, haze=0.01),
        viewpoints=(
            Viewpoint("start", (0.0, -9.0, 1.7), (1.0, 1.0, 1.0)),
            Viewpoint("roof", (2.0, 2.0, 9.0), (0.0, 0.0, 0.0)),
        ),
        surfaces={"boat": Surface(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32))},
        labels=("boat", "cabin"),
    )


def _degree(a: Splats, b: Splats) -> str:
    """The highest band of which more came back than was lost."""
    lost = attributes(a, b).sh_rms
    whole = attributes(a, a.with_degree(0)).sh_rms
    return str(next((band for band in range(len(lost), 0, -1) if lost[band - 1] < 0.5 * whole[band - 1]), 0))


def _agree(a: Splats, b: Splats, extra: str, error: float) -> bool:
    if extra not in b.extras:
        return False
    far = (a.extras[extra].float() - b.extras[extra].float()).abs() > error
    return float(far.float().mean()) < 0.02


def _same_place(world: World, path: Path, **options: Any) -> bool:
    try:
        means = formats.load(path, **options).splats().means
    except SplatworldError:
        return False
    middle = world.splats().means.sort(0).values
    return bool(len(means) == len(middle)) and float((means.sort(0).values - middle).abs().max()) < 0.02


def _axes(kind: Kind, folder: Path) -> tuple[str, str]:
    """Those it is written with, and which others can be asked for and are then read right without being told."""
    world = _everything()
    path = kind.written(world, folder / "axes")
    fitting = [frame for frame in FILE_FROM_WORLD if _same_place(world, path, frame=frame)]
    usual = fitting[0] if len(fitting) == 1 else "its own"
    others = [frame for frame in FILE_FROM_WORLD if frame != usual]
    found = {frame: _chosen(kind, world, folder / f"axes-{frame}", frame=frame) for frame in others}
    if None in found.values():
        return usual, "-"
    named = [frame for frame in others if found[frame]]
    return usual, "named" if named == others else f"{' '.join(named)} named" if named else "not named"


def _chosen(kind: Kind, world: World, folder: Path, **axes: Any) -> bool | None:
    """Whether a file with these axes is read right without being told; None if they cannot be asked for."""
    try:
        path = kind.written(world, folder, **axes)
    except SplatworldError:
        return None
    return _same_place(world, path)


def _unit(kind: Kind, folder: Path) -> str:
    found = _chosen(kind, _everything(), folder / "unit", unit=0.1)
    return {None: "-", True: "named", False: "not named"}[found]
