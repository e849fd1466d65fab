"""What fuzzing starts from: for each reader, small sound files of our own making, and the samples that are there."""

import json
import os
import tempfile
import zipfile
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from splatworld import formats
from splatworld.errors import SplatworldError
from splatworld.formats import gltf
from splatworld.formats.meshes import Material, Mesh
from splatworld.splats import Splats
from splatworld.world import Layer, Surface, Thing, Viewpoint, World, from_splats

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = tuple(Path(os.environ[name]) for name in ("SPLATWORLD_DATA",) if os.environ.get(name))
SAMPLE_BYTES = 32 << 10
"""Of larger samples nothing is learnt in the time they take."""
OPTIONS: dict[str, tuple[dict[str, object], ...]] = {"spz": ({"spz_version": 4},), "ksplat": ({"ksplat_level": 0},)}
"""Besides none at all."""
_OBJ = b"""# a table
mtllib x.mtl
o table
v 0 0 1 1 0.5 0
v 1 0 1
v 1 1 1
v 0 1 1
vt 0 0
vt 1 1
vn 0 0 1
usemtl wood
s off
f 1/1/1 2/2/1 3/1/1 4/2/1
f -4//1 -3//1 -2//1
g more
f 1 2 3
"""
_PLY = b"""ply
format ascii 1.0
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 2
property list uchar int vertex_indices
end_header
0 0 0 255 0 0
1 0 0 0 255 0
1 1 0 0 0 255
0 1 0 9 9 9
4 0 1 2 3
3 0 1 2
"""
_POINTS = _PLY[: _PLY.index(b"element face")] + _PLY[_PLY.index(b"end_header") : _PLY.index(b"4 0 1 2 3")]
MADE = {"obj": (_OBJ,), "ply": (_PLY, _POINTS, _PLY.replace(b"\n", b"\r\n"))}
"""By hand, of what is read and not written."""
BESIDE = {"x.mtl": b"newmtl wood\nKd 0.5 0.4 0.3\nd 0.9\nmap_Kd x.png\n"}
PROCESSES = {"usd", "usda", "usdc", "usdz"}
"""Readers that start a process for each file, which takes so long that other readers are not given such files."""
FOLDERS = ("meta.json", "lod-meta.json")
NAMELESS = "nameless"


@dataclass(frozen=True)
class Case:
    """A reader, by the name of the file it is given."""

    name: str
    file: str
    seeds: tuple[bytes, ...]
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Other files of its folder, which stay as they are."""


def names() -> tuple[str, ...]:
    """All that can be asked for: formats, folders that are read by a file in them, and a file without a suffix."""
    return (*formats.names(), *FOLDERS, NAMELESS)


def cases(wanted: Container[str]) -> list[Case]:
    """Those of these names; a format that is only read, and of which there are no samples, has none."""
    found: list[Case] = []
    for suffix in formats.names():
        if suffix not in wanted and (NAMELESS not in wanted or suffix in PROCESSES):
            continue
        seeds = (*_written(suffix), *MADE.get(suffix, ()), *_meshes(suffix), *_found(suffix))
        if seeds:
            found.append(Case(suffix, f"x.{suffix}", seeds, BESIDE if suffix == "obj" else {}))
    everything = tuple(seed for case in found if case.name not in PROCESSES for seed in case.seeds)
    found += [_folder(name) for name in FOLDERS if name in wanted]
    found += [Case(NAMELESS, "x", everything)] if NAMELESS in wanted else []
    return [case for case in found if case.name in wanted]


def _written(suffix: str) -> Iterator[bytes]:
    """The tiny worlds in one format, with and without its options; nothing if it is only read."""
    for world in _worlds():
        for options in ({}, *OPTIONS.get(suffix, ())):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"x.{suffix}")
                try:
                    formats.save(world, path, **options)
                except SplatworldError:
                    continue
                yield path.read_bytes()


def _meshes(suffix: str) -> Iterator[bytes]:
    """Meshes in formats of splats: a triangle with everything, and points."""
    if suffix != "glb":
        return
    corners, faces = np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32)
    picture = Material(texture=np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    full = Mesh("full", corners, faces, corners, corners, corners[:, :2], (picture, Material()), np.zeros(1, np.int32))
    for mesh in (full, Mesh("points", corners, np.zeros((0, 3), np.int32), corners)):
        with tempfile.TemporaryDirectory() as folder:
            gltf.write_meshes(Path(folder, "x.glb"), [mesh])
            yield Path(folder, "x.glb").read_bytes()


def _found(suffix: str) -> Iterator[bytes]:
    """The small files of this format among our test data and the samples, in a fixed order."""
    for folder in (ROOT / "tests" / "formats" / "data", *SAMPLES):
        for path in sorted(folder.rglob(f"*.{suffix}")):
            if path.is_file() and 0 < path.stat().st_size <= SAMPLE_BYTES:
                yield path.read_bytes()


def _worlds() -> Iterator[World]:
    for degree in range(4):
        yield from_splats(_splats(3 + degree, degree))
    yield from_splats(_splats(0, 0))
    ids = torch.tensor([1, 2, 0], dtype=torch.int32)
    rows = _splats(3, 1).with_extras(thing=ids, label=torch.tensor([0, 1, -1], dtype=torch.int16))
    things = (Thing(id=1, name="box 1", kind="box", surface="box"), Thing(id=2, name="lamp 1", kind="lamp"))
    corners, faces = np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32)
    yield World(
        layers=(Layer("base", "base", rows), replace(from_splats(_splats(2, 0)).layers[0], id="more")),
        things=things,
        viewpoints=(Viewpoint("start", (0.0, -5.0, 2.0), (0.0, 0.0, 1.0)),),
        surfaces={"box": Surface(corners, faces)},
        labels=("box", "lamp"),
    )


def _splats(n: int, degree: int) -> Splats:
    rng = torch.Generator().manual_seed(n)

    def noise(*shape: int) -> torch.Tensor:
        return torch.rand(n, *shape, generator=rng) * 2 - 1

    return Splats(noise(3) * 9, noise(4), noise(3) - 2, noise(), noise((degree + 1) ** 2, 3) / 2)


def _folder(name: str) -> Case:
    """An unpacked SOG, or a streamed one of two levels."""
    beside, files = {}, {}
    for level in range(2):
        with tempfile.TemporaryDirectory() as folder:
            formats.save(_splats(8 >> level, 1), Path(folder, "x.sog"))
            with zipfile.ZipFile(Path(folder, "x.sog")) as archive:
                files = {member: archive.read(member) for member in archive.namelist()}
        beside |= {f"{level}/{member}": data for member, data in files.items()}
    if name == "meta.json":
        meta = files.pop(name)
        return Case(name, name, (meta, meta.replace(b'"version":2,', b"")), files)
    runs = [{"file": level, "offset": 0, "count": 8 >> level} for level in range(2)]
    tree = {"bound": {"min": [0, 0, 0], "max": [9, 9, 9]}, "children": [{"lods": {"0": runs[0], "1": runs[1]}}]}
    streamed = {"version": 1, "count": 12, "counts": [8, 4], "lodLevels": 2, "tree": tree}
    streamed |= {"filenames": ["0/meta.json", "1/meta.json"], "environment": "1/meta.json"}
    return Case(name, name, (json.dumps(streamed).encode(),), beside)
