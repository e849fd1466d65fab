"""Small files that ask for much: each is read or refused in less than a second, with less than 300 MB.

They are read in processes of their own, because memory is measured as the system counts it: what zlib, libwebp and
torch take is not seen from within Python.
"""

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from format_cases import random_splats, shared_files
from PIL import Image

from splatworld import formats

SECONDS, MEGABYTES = 1.0, 300.0
NULLS = bytes(1 << 20)


def gzipped(count: int, *, head: bytes = b"") -> bytes:
    """`count` MiB of nothing behind `head`."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(head) + b"".join(packer.compress(NULLS) for _ in range(count)) + packer.flush()


def spz_head(n: int, *, version: int = 3, degree: int = 0, streams: int = 0) -> bytes:
    return struct.pack("<4sIIBBBB", b"NGSP", version, n, degree, 12, 0, streams)


def spz4(n: int, stated: int | None = None) -> bytes:
    """Version 4 with `n` splats of nothing, whose streams inflate as they should, or to `stated` bytes each."""
    sizes = [n * s for s in (9, 1, 3, 3, 4)]
    packer = zstandard.ZstdCompressor()
    packed = []
    for size in sizes:
        out = packer.compressobj(size=stated or size)
        left, parts = stated or size, []
        while left > 0:
            parts.append(out.compress(NULLS[: min(left, len(NULLS))]))
            left -= len(NULLS)
        packed.append(b"".join(parts) + out.flush())
    table = b"".join(struct.pack("<QQ", len(data), size) for data, size in zip(packed, sizes, strict=True))
    return spz_head(n, version=4, streams=5) + struct.pack("<I12x", 32) + table + b"".join(packed)


def picture(width: int, height: int, kind: str = "WEBP", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (1, 2, 3)).save(file, kind, **options)
    return file.getvalue()


def sog(folder: Path, count: int, plane: bytes, **extra: bytes) -> bytes:
    """A SOG with SH whose pictures all are `plane`."""
    formats.save(random_splats(4, degree=1), folder / "seed.sog", force=True)
    with zipfile.ZipFile(folder / "seed.sog") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    meta = json.loads(members.pop("meta.json")) | {"count": count}
    del meta["shN"]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.json", json.dumps(meta))
        for name in members:
            archive.writestr(name, plane)
        for name, data in extra.items():
            archive.writestr(name, data)
    return file.getvalue()


def lod_tree(folder: Path, runs: int) -> bytes:
    """A streamed SOG whose leaves take one splat each, in turn from one of two places of one file."""
    formats.save(random_splats(2 * runs), folder / "chunk.sog", force=True)
    (folder / "many").mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "chunk.sog") as archive:
        archive.extractall(folder / "many")
    leaves = [{"lods": {"0": {"file": 0, "offset": 2 * i, "count": 1}}} for i in range(runs)]
    return json.dumps({"lodLevels": 1, "filenames": ["many/meta.json"], "tree": {"children": leaves}}).encode()


def lod_copies(folder: Path, copies: int) -> bytes:
    """A streamed SOG that names one file under as many numbers."""
    lod_tree(folder, 1_000)
    leaves = [{"lods": {"0": {"file": i, "offset": 0, "count": 2_000}}} for i in range(copies)]
    names = ["./" * (i % 50) + "many/meta.json" for i in range(copies)]
    return json.dumps({"lodLevels": 1, "filenames": names, "tree": {"children": leaves}}).encode()


def glb(text: bytes, body: bytes = b"") -> bytes:
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(body), b"BIN\0") + body if body else b""
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def textured(data: bytes) -> bytes:
    """A GLB of one triangle under a picture."""
    corners = np.eye(3, dtype="<f4").tobytes() + bytes(24)
    data += bytes(-len(data) % 4)
    views = [{"buffer": 0, "byteOffset": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 24}]
    views.append({"buffer": 0, "byteOffset": 60, "byteLength": len(data)})
    accessors = [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}]
    accessors.append({"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"})
    primitive = {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}
    surface = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    whole = {"asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "bufferViews": views}
    whole |= {"meshes": [{"primitives": [primitive]}], "accessors": accessors, "materials": [surface]}
    whole |= {"textures": [{"source": 0}], "images": [{"bufferView": 2, "mimeType": "image/png"}]}
    whole |= {"buffers": [{"byteLength": 60 + len(data)}]}
    return glb(json.dumps(whole).encode(), corners + data)


def crowded(primitives: int) -> bytes:
    """A GLB that shows the same splats as often as it can say so."""
    names = ["ROTATION", "SCALE", "OPACITY", "SH_DEGREE_0_COEF_0"]
    attributes = {"POSITION": 0, **{f"KHR_gaussian_splatting:{name}": i for i, name in enumerate(names, 1)}}
    primitive = {"attributes": attributes, "mode": 0, "extensions": {"KHR_gaussian_splatting": {}}}
    kinds = ["VEC3", "VEC4", "VEC3", "SCALAR", "VEC3"]
    accessors = [{"bufferView": 0, "componentType": 5126, "count": 1, "type": kind} for kind in kinds]
    whole = {"extensionsUsed": ["KHR_gaussian_splatting"], "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}]}
    whole |= {"meshes": [{"primitives": [primitive] * primitives}], "accessors": accessors}
    body = np.ones(primitives * 3 + 4, "<f4").tobytes()
    whole |= {"bufferViews": [{"buffer": 0, "byteLength": 16}], "buffers": [{"byteLength": len(body)}]}
    return glb(json.dumps(whole).encode(), body)


BOMBS: dict[str, Callable[[Path], bytes]] = {
    "surplus.spz": lambda folder: gzipped(200, head=spz_head(1) + bytes(20)),
    "honest.spz": lambda folder: gzipped(300, head=spz_head((300 << 20) // 20)),
    "bands.spz": lambda folder: gzipped(200, head=spz_head((200 << 20) // 65, degree=3)),
    "just_allowed.spz": lambda folder: gzip.compress(spz_head(1_190_000) + bytes(1_190_000 * 20)),
    "zstd.spz": lambda folder: spz4(1_000, stated=256 << 20),
    "zstd_honest.spz": lambda folder: spz4(30_000_000),
    "zip.sog": lambda folder: sog(folder, 4, bytes(64 << 20)),
    "members.sog": lambda folder: sog(folder, 4, picture(4, 4), **{f"{i}": bytes(1_000) for i in range(60)}),
    "webp.sog": lambda folder: sog(folder, 16_000 * 4_000, picture(16_000, 4_000, lossless=True, method=0)),
    "just_allowed.sog": lambda folder: sog(folder, 1_190_000, picture(1_200, 1_000, lossless=True, method=0)),
    "many/lod-meta.json": lambda folder: lod_tree(folder, 20_000),
    "copies/lod-meta.json": lambda folder: lod_copies(folder, 20_000),
    "png.glb": lambda folder: textured(picture(12_000, 12_000, "PNG")),
    "just_allowed.glb": lambda folder: textured(picture(2_900, 2_800, "PNG")),
    "webp.glb": lambda folder: textured(picture(16_000, 8_000, lossless=True, method=0)),
    "parts.glb": lambda folder: crowded(30_000),
    "deep.glb": lambda folder: glb(b'{"extras":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "objects.glb": lambda folder: glb(b'{"nodes":[' + b",".join([b"{}"] * 1_000_000) + b"]}"),
    "header.ply": lambda folder: b"ply\n" + b"comment " * (4 << 20),
    "labels.ply": lambda folder: b"ply\nformat ascii 1.0\n" + b"comment label x\n" * 4_000 + b"end_header\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What became of every bomb, and of the malformed samples if they are here."""
    folder = tmp_path_factory.mktemp("bombs")
    paths = {}
    for name, make in BOMBS.items():
        paths[name] = folder / name
        paths[name].parent.mkdir(exist_ok=True)
        paths[name].write_bytes(make(paths[name].parent))
    paths |= {path.name: path for path in shared_files("malformed/*") if path.exists()}
    program = [sys.executable, Path(__file__).with_name("measured.py"), *paths.values()]
    single = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS")}
    run = subprocess.run(program, capture_output=True, text=True, check=True, env={**os.environ, **single})
    return dict(zip(paths, map(json.loads, run.stdout.splitlines()), strict=True))


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs(found: dict[str, dict[str, float]], name: str) -> None:
    figures = found[name]
    assert figures.get("seconds", 99) < SECONDS, figures
    assert figures["mb"] < MEGABYTES, figures
    if "just_allowed" not in name and name != "many/lod-meta.json":
        assert figures["kind"] == "FormatError", figures


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_the_malformed_samples_take_no_more(found: dict[str, dict[str, float]]) -> None:
    samples = [name for name in found if name not in BOMBS]
    if not samples:
        pytest.skip("no sample data here (SPLATWORLD_DATA names its folder)")
    for name in samples:
        assert found[name].get("seconds", 99) < SECONDS, found[name]
        assert found[name]["mb"] < MEGABYTES, found[name]
