"""`.rad`: every encoding is read as Spark reads it; what is written is read again; hostile files end in a sentence."""

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from format_cases import Heard, random_splats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from peers.agreement import LOOSE, differences, errors
from peers.programs import PROGRAMS

from splatworld import formats
from splatworld.errors import FormatError
from splatworld.formats.frames import to_file
from splatworld.formats.rad import _short_turns
from splatworld.splats import Splats

WIDTHS = {"center": 3, "alpha": 1, "rgb": 3, "scales": 3, "orientation": 3, "sh1": 9, "sh2": 15, "sh3": 21}
SETS = [
    {"center": "f32", "alpha": "f32", "rgb": "f32", "scales": "f32", "orientation": "f32", "sh": "f32"},
    {"center": "f16", "alpha": "f16", "rgb": "f16", "scales": "ln_f16", "orientation": "f16", "sh": "f16"},
    {"center": "f32_lebytes", "alpha": "r8", "rgb": "r8", "scales": "ln_0r8", "orientation": "oct88r8", "sh": "s8"},
    {
        "center": "f16_lebytes",
        "alpha": "r8",
        "rgb": "r8_delta",
        "scales": "f32",
        "orientation": "f32",
        "sh": "s8_delta",
    },
    {"center": "f32", "alpha": "f32", "rgb": "f32", "scales": "f32", "orientation": "f32", "sh": "r8"},
    {"center": "f32", "alpha": "f32", "rgb": "f32", "scales": "f32", "orientation": "f32", "sh": "r8_delta"},
]


def column(encoding: str, values: NDArray[np.float32]) -> bytes:
    """Values [n, k], column after column, from the description of the format alone; bytes for what is in bytes."""
    if encoding == "oct88r8":
        return values.astype(np.uint8).tobytes()
    flat = np.ascontiguousarray(values.T)
    if encoding in ("f32", "f16", "ln_f16"):
        return flat.astype("<f4" if encoding == "f32" else "<f2").tobytes()
    if encoding in ("f32_lebytes", "f16_lebytes"):
        numbers = flat.astype("<f4" if encoding == "f32_lebytes" else "<f2")
        return numbers.view(np.uint8).reshape(-1, numbers.itemsize).T.tobytes()
    steps = flat.astype(np.uint8)
    if encoding.endswith("delta"):
        steps = np.diff(steps, axis=1, prepend=np.zeros((len(steps), 1), np.uint8))
    return np.ascontiguousarray(steps).tobytes()


def values(rng: np.random.Generator, name: str, encoding: str, n: int) -> NDArray[np.float32]:
    """What a column may hold: numbers, or bytes as numbers."""
    shape = (n, WIDTHS[name])
    if encoding in ("r8", "r8_delta", "s8", "s8_delta", "ln_0r8", "oct88r8"):
        return rng.integers(0, 256, shape).astype(np.float32)
    if name == "orientation":
        quats = rng.normal(size=(n, 4))
        quats *= np.sign(quats[:, :1]) / np.linalg.norm(quats, axis=1, keepdims=True)
        return quats[:, 1:].astype(np.float32)
    low, high = {"center": (-30, 30), "alpha": (0.01, 0.99), "scales": (0.01, 2)}.get(name, (-0.9, 0.9))
    drawn = rng.uniform(low, high, shape)
    return (np.log(drawn) if encoding == "ln_f16" else drawn).astype(np.float32)


def written(
    n: int, encodings: dict[str, str], degree: int, *, per_chunk: int = 65_536, packs: bool = True, tree: bool = False
) -> bytes:
    """A file of random splats in these encodings."""
    rng = np.random.default_rng(n)
    chunks = []
    for base in range(0, n, per_chunk):
        count = min(per_chunk, n - base)
        names = ["center", "alpha", "rgb", "scales", "orientation", *(f"sh{band}" for band in range(1, degree + 1))]
        kinds = {name: encodings["sh" if name.startswith("sh") else name] for name in names}
        columns = {name: (kinds[name], column(kinds[name], values(rng, name, kinds[name], count))) for name in names}
        if tree:
            children = (rng.uniform(size=count) < 0.3).astype("<u2")
            columns["child_count"] = ("u16", children.tobytes())
            columns["child_start"] = ("u32", np.zeros(count, "<u4").tobytes())
        chunks.append(chunk(base, count, degree, columns, packs=packs, tree=tree))
    starts = np.cumsum([0, *map(len, chunks)])[:-1].tolist()
    meta: dict[str, Any] = {"version": 1, "type": "gsplat", "count": n, "maxSh": degree, "chunkSize": per_chunk}
    meta |= {"lodTree": True} if tree else {}
    meta |= {"allChunkBytes": sum(map(len, chunks)), "comment": "by a test"}
    meta["chunks"] = [{"offset": at, "bytes": len(data)} for at, data in zip(starts, chunks, strict=True)]
    return _described(b"RAD0", meta) + b"".join(chunks)


def chunk(
    base: int, count: int, degree: int, columns: dict[str, tuple[str, bytes]], *, packs: bool, tree: bool
) -> bytes:
    properties, body = [], b""
    for name, (encoding, data) in columns.items():
        if packs:
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            data = packer.compress(data) + packer.flush()
        about = {"offset": len(body), "bytes": len(data), "property": name, "encoding": encoding}
        low, high = {"scales": (-9.0, 1.0), "sh1": (-0.7, 0.9), "rgb": (-0.2, 1.1)}.get(name, (0.0, 1.0))
        about |= {"compression": "gz"} if packs else {}
        properties.append(about | ({"min": low, "max": high} if encoding[:1] in "rs" or encoding == "ln_0r8" else {}))
        body += data.ljust(-(-len(data) // 8) * 8, b"\0")
    meta = {"version": 1, "base": base, "count": count, "payloadBytes": len(body), "maxSh": degree}
    meta |= {"lodTree": True} if tree else {}
    return _described(b"RADC", meta | {"properties": properties}) + struct.pack("<Q", len(body)) + body


def _described(magic: bytes, about: dict[str, Any]) -> bytes:
    text = json.dumps(about).encode()
    return magic + struct.pack("<I", len(text)) + text.ljust(-(-len(text) // 8) * 8, b"\0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rad")


def as_spark_reads_it(path: Path) -> dict[str, float]:
    program = PROGRAMS["spark"]
    program.need()
    assert program.read is not None
    return differences(program.read(path), formats.load(path).layers[0].splats)  # as they stand in the file


@pytest.mark.parametrize("number", range(len(SETS)))
def test_every_encoding_is_read_as_spark_reads_it(tmp_path: Path, number: int) -> None:
    degree = (3, 3, 2, 1, 3, 0)[number]
    (tmp_path / "x.rad").write_bytes(written(300, SETS[number], degree, per_chunk=130, packs=number != 4))
    found = as_spark_reads_it(tmp_path / "x.rad")
    allowed = LOOSE["spark"] | {"position": 1e-6, "sh": 0.51 / 255}  # of 1, which the bytes go up to
    assert all(found[name] <= allowed[name] for name in allowed), found


def test_of_a_tree_the_leaves_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.rad").write_bytes(written(200, SETS[0], 1, tree=True))
    heard = Heard()
    splats = formats.load(tmp_path / "x.rad", progress=heard).splats()
    assert 110 < len(splats) < 170
    assert "coarser levels" in heard.texts()
    program = PROGRAMS["spark"]
    program.need()
    assert program.read is not None
    whole = program.read(tmp_path / "x.rad").means
    assert len(whole) == 200
    mine = to_file(splats, "rdf").means.numpy()
    assert all((np.abs(whole - mean).max(1) < 1e-5).any() for mean in mine)


def test_one_chunk_is_a_file(tmp_path: Path) -> None:
    data = written(50, SETS[0], 1)
    (tmp_path / "x.rad").write_bytes(data[data.index(b"RADC") :])
    assert len(formats.load(tmp_path / "x.rad")) == 50
    (tmp_path / "x.rad").rename(tmp_path / "x.bin")
    assert len(formats.load(tmp_path / "x.bin")) == 50


@pytest.mark.parametrize("n", [0, 1, 65_536, 70_000])
def test_what_is_written_is_read(tmp_path: Path, n: int) -> None:
    before = random_splats(n, degree=1)
    formats.save(before, tmp_path / "x.rad")
    after = formats.load(tmp_path / "x.rad").splats()
    assert len(after) == n
    if not n:
        return
    found = errors(to_file(after, "rdf"), to_file(before, "rdf"))
    limits = {"position": 1e-6, "log scale": 0.002, "rotation": 0.05, "opacity": 0.0012, "rgb": 2e-4, "sh": 0.003}
    assert all(found[name] <= limits[name] for name in limits), found
    assert as_spark_reads_it(tmp_path / "x.rad")["covariance"] < 0.01


def test_blocks_and_memory_give_the_same_file_and_a_fourth_band_is_told(tmp_path: Path) -> None:
    formats.save(random_splats(70_000, degree=1), tmp_path / "x.ply")
    formats.convert(tmp_path / "x.ply", tmp_path / "a.rad")
    formats.save(formats.load(tmp_path / "x.ply"), tmp_path / "b.rad")
    assert (tmp_path / "a.rad").read_bytes() == (tmp_path / "b.rad").read_bytes()
    heard = Heard()
    formats.save(random_splats(5, degree=4), tmp_path / "c.rad", progress=heard)
    assert "degree 3" in heard.texts()


@given(seed=st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_turns_may_be_exchanged_for_shorter_ones(seed: int) -> None:
    splats = random_splats(50, seed=seed)
    xyz = _short_turns(splats.quats)
    w = (1 - xyz.square().sum(1, keepdim=True)).sqrt()
    assert float(w.min()) > 0.499
    turned = replace(splats, quats=torch.cat([w, xyz], 1))
    relative = (turned.covariances - splats.covariances).abs().amax((1, 2)) / splats.scales.square().sum(1)
    # Scales stay with their axes, which only change direction.
    assert float(relative.max()) < 1e-4


def _meta(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Change the JSON of the header."""

    def changed(data: bytes) -> bytes:
        (size,) = struct.unpack("<I", data[4:8])
        meta = json.loads(data[8 : 8 + size])
        change(meta)
        return _described(b"RAD0", meta) + data[8 + -(-size // 8) * 8 :]

    return changed


def _chunk(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Change the JSON of the only chunk, in its old room."""

    def changed(data: bytes) -> bytes:
        at = data.index(b"RADC")
        (size,) = struct.unpack("<I", data[at + 4 : at + 8])
        meta = json.loads(data[at + 8 : at + 8 + size])
        change(meta)
        text = json.dumps(meta, separators=(",", ":")).encode().ljust(size)
        assert len(text) == size
        return data[: at + 8] + text + data[at + 8 + size :]

    return changed


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "magic": (lambda d: b"RAD1" + d[4:], "no RAD0"),
    "size of the description": (lambda d: d[:4] + b"\xff\xff\xff\xff" + d[8:], "at most"),
    "longer description than file": (lambda d: d[:4] + b"\xff\xff\x0f\x00" + d[8:], "ends early"),
    "no JSON": (lambda d: d[:8] + b"x" + d[9:], "is none"),
    "version": (_meta(lambda m: m.update(version=2)), "version 2"),
    "type": (_meta(lambda m: m.update(type="mesh")), "'mesh'"),
    "more than memory": (_meta(lambda m: m.update(count=150_000_000)), "claims"),
    "more than there are": (_meta(lambda m: m.update(count=101)), "others"),
    "fewer than there are": (_meta(lambda m: m.update(count=99)), "others"),
    "negative": (_meta(lambda m: m.update(count=-1)), "claims"),
    "degree": (_meta(lambda m: m.update(maxSh=4)), "degree 4"),
    "no chunks": (_meta(lambda m: m.update(chunks=[])), "others"),
    "the chunk twice": (_meta(lambda m: m.update(chunks=m["chunks"] * 2, count=200)), "overlap"),
    "beyond the file": (_meta(lambda m: m["chunks"][0].update(bytes=10**12)), "beyond"),
    "before the chunks": (_meta(lambda m: m["chunks"][0].update(offset=-8)), "beyond"),
    "files of their own": (_meta(lambda m: m["chunks"][0].update(filename="../a.radc")), "files of their own"),
    "chunk magic": (lambda d: d.replace(b"RADC", b"RADD"), "no RADC"),
    "count of a chunk": (_chunk(lambda m: m.update(count=10**6)), "others"),
    "negative count of a chunk": (_chunk(lambda m: m.update(count=-100)), "others"),
    "column beyond the chunk": (_chunk(lambda m: m["properties"][1].update(offset=10**6)), "beyond"),
    "column before the chunk": (_chunk(lambda m: m["properties"][1].update(offset=-1)), "beyond"),
    "encoding": (_chunk(lambda m: m["properties"][0].update(encoding="f99")), "not known"),
    "turns of a position": (_chunk(lambda m: m["properties"][0].update(encoding="oct88r8")), "not known"),
    "a column twice": (_chunk(lambda m: m["properties"][1].update(property="center")), "twice"),
    "a column missing": (_chunk(lambda m: m["properties"][1].update(property="other")), "'alpha'"),
    "short column": (_chunk(lambda m: m["properties"][0].update(bytes=20)), "center"),
    "narrower column": (_chunk(lambda m: m["properties"][1].update(encoding="u32")), "needed"),
    "end": (lambda d: d[:-8], "beyond"),
}


@pytest.fixture(scope="module")
def sound(folder: Path) -> bytes:
    """With room in its descriptions."""
    data = written(100, SETS[2], 1)
    at = data.index(b"RADC")
    (size,) = struct.unpack("<I", data[at + 4 : at + 8])
    text = data[at + 8 : at + 8 + size] + b" " * 400
    text = text.ljust(-(-len(text) // 8) * 8)
    chunk = b"RADC" + struct.pack("<I", len(text)) + text + data[at + 8 + -(-size // 8) * 8 :]
    return _meta(lambda m: m["chunks"][0].update(bytes=len(chunk)))(data[:at] + chunk)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_in_a_sentence(folder: Path, sound: bytes, name: str) -> None:
    change, sentence = HOSTILE[name]
    (folder / "bad.rad").write_bytes(change(sound))
    with pytest.raises(FormatError, match=sentence) as caught:
        formats.load(folder / "bad.rad")
    assert "bad.rad" in str(caught.value)


def test_a_bomb_is_not_unpacked(folder: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(1 << 28)) + packer.flush()
    names = {"center": 3, "alpha": 1, "rgb": 3, "scales": 3, "orientation": 3}
    body = bomb.ljust(-(-len(bomb) // 8) * 8, b"\0")
    properties = [
        {"offset": 0, "bytes": len(bomb), "property": name, "encoding": "f32", "compression": "gz"} for name in names
    ]
    meta = {"version": 1, "base": 0, "count": 10, "payloadBytes": len(body), "properties": properties}
    (folder / "bomb.rad").write_bytes(_described(b"RADC", meta) + struct.pack("<Q", len(body)) + body)
    with pytest.raises(FormatError, match="needed"):
        formats.load(folder / "bomb.rad")


@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6), cut=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_damage_anywhere_is_an_error_or_a_world(
    folder: Path, sound: bytes, flips: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(sound[: len(sound) - cut % len(sound)] if cut % 3 == 0 else sound)
    for place, value in flips:
        data[place % len(data)] = value
    (folder / "hit.rad").write_bytes(data)
    try:
        world = formats.load(folder / "hit.rad")
    except FormatError:
        return
    assert isinstance(world.splats(), Splats)
    assert bool(world.splats().means.isfinite().all())
