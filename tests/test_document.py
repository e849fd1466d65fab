"""A world comes back from its document exactly as it was, and a bad document is refused."""

import contextlib
import hashlib
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from splatworld import document, formats
from splatworld.errors import FormatError, OutputError
from splatworld.geometry import Similarity
from splatworld.scene_spec import Item, Relation, SceneSpec
from splatworld.splats import Splats
from splatworld.world import (
    Environment,
    Layer,
    PointLight,
    Provenance,
    Surface,
    Thing,
    Viewpoint,
    World,
)


def splats(n: int, degree: int = 1, seed: int = 0) -> Splats:
    g = torch.Generator().manual_seed(seed)
    return Splats(
        torch.randn(n, 3, generator=g), torch.randn(n, 4, generator=g), torch.randn(n, 3, generator=g),
        torch.randn(n, generator=g), torch.randn(n, (degree + 1) ** 2, 3, generator=g),
    )  # fmt: skip


def world(n: int = 100) -> World:
    """A small world that uses everything a world can hold."""
    rows = splats(n).with_extras(
        thing=torch.arange(n, dtype=torch.int32) % 4,
        label=(torch.arange(n) % 2).to(torch.int16),
        normal=torch.randn(n, 3),
        albedo=torch.rand(n, 3).half(),
        seen=torch.arange(n) % 3 == 0,
        weight=torch.rand(n, 2, 2, dtype=torch.float64),
        coarse=torch.rand(n).bfloat16(),
    )
    turn = Similarity(1.5, (0.5, 0.5, 0.5, 0.5), (1 / 3, -2.0, 1e-7))
    lamp = PointLight((0.0, 0.0, 2.0), (1.0, 0.8, 0.5), 0.3)
    things = (
        Thing(
            id=3, name="cabin 1", kind="cabin", world_from_thing=turn, surface="cabin", lights=(lamp,), tags=("a", "b")
        ),
        Thing(
            id=1, name="pine 1", kind="pine", bounds=((-0.1, -0.2, 0.0), (0.1, 0.2, 5.0)), visible=False, colour="green"
        ),
    )
    surface = Surface(np.random.default_rng(0).random((5, 3)).astype("f4"), np.array([[0, 1, 2], [2, 3, 4]], np.int32))
    item = Item(id="cabin", thing="cabin", colour="red", relations=[Relation("by", ["lake"])])
    return World(
        layers=(
            Layer("base", "Ground", rows, turn, visible=False, locked=True),
            Layer("more", "Über \u2603", splats(7, degree=3)),
        ),
        things=things,
        environment=Environment(sun_azimuth_deg=12.3456789, indoors=True),
        viewpoints=(Viewpoint("start", (0.1, 0.2, 0.3), (1.0, 2.0, 3.0)), Viewpoint("b", (0, 0, 0), (0, 0, 1), 70.0)),
        spec=SceneSpec(prompt="a red cabin", items=[item], unknown=["blorp"]),
        provenance=Provenance("procedural", "0.1.0", 7, {"a": 1, "b": 2.5, "c": "x", "d": True}),
        surfaces={"cabin": surface, "empty": Surface(np.empty((0, 3), "f4"), np.empty((0, 3), np.int32))},
        labels=("pine", "cabin"),
    )


def assert_same(a: World, b: World) -> None:
    for name in ("things", "environment", "viewpoints", "spec", "provenance", "labels"):
        assert getattr(a, name) == getattr(b, name), name
    assert list(a.surfaces) == list(b.surfaces)
    for key, surface in a.surfaces.items():
        np.testing.assert_array_equal(surface.vertices, b.surfaces[key].vertices)
        np.testing.assert_array_equal(surface.faces, b.surfaces[key].faces)
        assert b.surfaces[key].faces.dtype == np.int32
    assert len(a.layers) == len(b.layers)
    for x, y in zip(a.layers, b.layers, strict=True):
        assert _rest(x) == _rest(y)
        columns = [{**{n: getattr(s, n) for n in document._CORE}, **s.extras} for s in (x.splats, y.splats)]
        assert list(columns[0]) == list(columns[1])
        for key, values in columns[0].items():
            assert values.dtype == columns[1][key].dtype
            assert torch.equal(values, columns[1][key]), key


def _rest(layer: Layer) -> tuple:
    return layer.id, layer.name, layer.world_from_layer, layer.visible, layer.locked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    formats.save(world(), tmp_path / "x.splatworld")
    return tmp_path / "x.splatworld"


def test_everything_comes_back_exactly(path: Path) -> None:
    torch.manual_seed(0)
    before = world()
    formats.save(before, path, force=True)
    assert_same(before, formats.load(path))
    assert [p.name for p in path.parent.iterdir()] == ["x.splatworld"]


@given(n=st.sampled_from([0, 1, 65_535, 65_536, 65_537, 70_000]), degree=st.integers(0, 4))
@settings(max_examples=8, deadline=None)
def test_any_number_of_rows(tmp_path_factory: pytest.TempPathFactory, n: int, degree: int) -> None:
    path = tmp_path_factory.mktemp("rows") / "x.splatworld"
    before = World((Layer("base", "base", splats(n, degree=degree % 2 if n > 1000 else degree)),))
    formats.save(before, path)
    assert_same(before, formats.load(path))


def test_it_is_a_marked_sqlite_file(path: Path) -> None:
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA application_id").fetchone() == (0x53574C44,)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for digest, codec, data in db.execute("SELECT hash, codec, data FROM blob"):
        plain = zstandard.ZstdDecompressor().decompress(data) if codec == "zstd" else data
        assert hashlib.blake2b(plain, digest_size=32).digest() == digest
    db.close()


def test_equal_worlds_give_equal_files_and_equal_tiles_are_stored_once(tmp_path: Path) -> None:
    one = splats(70_000, degree=0)
    formats.save(World((Layer("a", "a", one),)), tmp_path / "a.splatworld")
    formats.save(World((Layer("a", "a", one),)), tmp_path / "b.splatworld")
    formats.save(World((Layer("a", "a", one), Layer("b", "b", one))), tmp_path / "c.splatworld")
    a, b, c = ((tmp_path / f"{name}.splatworld").read_bytes() for name in "abc")
    assert a == b
    assert len(c) < 1.05 * len(a)


def test_three_hundred_thousand_splats_are_saved_in_a_second(tmp_path: Path) -> None:
    n = 300_000
    rows = splats(n).with_extras(
        thing=torch.ones(n, dtype=torch.int32), albedo=torch.rand(n, 3), normal=torch.rand(n, 3)
    )
    big = World((Layer("a", "a", rows),))
    times = []
    for _ in range(3):
        started = time.perf_counter()
        formats.save(big, tmp_path / "x.splatworld", force=True)
        times.append(time.perf_counter() - started)
    assert min(times) < 1


def test_reading_changes_nothing(path: Path) -> None:
    path.chmod(0o444)
    before = path.read_bytes()
    formats.load(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


NO_PLACE = Similarity(rotation=(0.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda w: replace(w, environment=Environment(haze=float("nan"))), "not valid"),
        (lambda w: replace(w, things=(w.things[0], w.things[0])), "same id"),
        (lambda w: replace(w, surfaces={}), "names the surface"),
        (lambda w: replace(w, layers=(w.layers[0], w.layers[0])), "same id"),
        (lambda w: replace(w, layers=(replace(w.layers[0], world_from_layer=NO_PLACE),)), "impossible place"),
        (lambda w: replace(w, labels=()), "impossible label"),
        (lambda w: replace(w, surfaces={"cabin": replace_faces(w, 99)}), "no such corner"),
    ],
)
def test_a_world_that_could_not_be_read_is_not_written(
    tmp_path: Path, change: Callable[[World], World], sentence: str
) -> None:
    with pytest.raises(OutputError, match=sentence):
        formats.save(change(world()), tmp_path / "x.splatworld")
    assert list(tmp_path.iterdir()) == []


def replace_faces(before: World, corner: int) -> Surface:
    return replace(before.surfaces["cabin"], faces=np.array([[0, 1, corner]], np.int32))


def change_json(db: sqlite3.Connection, key: str, value: object) -> None:
    """Set one entry of the manifest of the first layer, "columns.0.rows" or the like."""
    (text,) = db.execute("SELECT manifest FROM layer WHERE id = 'base'").fetchone()
    manifest = at = msgspec.json.decode(text)
    *way, last = [int(k) if k.isdigit() else k for k in key.split(".")]
    for step in way:
        at = at[step]
    at[last] = value
    db.execute("UPDATE layer SET manifest = ? WHERE id = 'base'", (msgspec.json.encode(manifest).decode(),))


def lie_about_zstd(db: sqlite3.Connection) -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(100 << 20))
    db.execute("UPDATE blob SET codec = 'zstd', data = ?", (bomb,))


@pytest.mark.parametrize(
    ("attack", "sentence"),
    [
        (lambda db: db.execute("PRAGMA user_version = 2"), "version 2"),
        (lambda db: db.execute("PRAGMA application_id = 0"), "no splatworld document"),
        (lambda db: db.execute("CREATE TABLE other (a)"), "other tables"),
        (lambda db: db.execute("CREATE TRIGGER t AFTER INSERT ON meta BEGIN SELECT 1; END"), "other tables"),
        (lambda db: db.execute("CREATE VIEW v AS SELECT 1"), "other tables"),
        (lambda db: db.execute("DELETE FROM blob"), "missing"),
        (lambda db: db.execute("UPDATE blob SET data = zeroblob(length(data))"), "damaged"),
        (lambda db: db.execute("UPDATE blob SET data = 'text'"), "missing or of the wrong size"),
        (lambda db: db.execute("UPDATE blob SET nbytes = 1"), "wrong size"),
        (lambda db: db.execute("UPDATE blob SET codec = 'exec'"), "missing or of the wrong size"),
        (lie_about_zstd, "damaged"),
        (lambda db: db.execute("DELETE FROM meta WHERE k = 'spec'"), "lacks spec"),
        (lambda db: db.execute("UPDATE meta SET v = '{'"), "damaged"),
        (lambda db: db.execute("UPDATE meta SET v = '" + "[" * 100_000 + "' WHERE k = 'labels'"), "damaged"),
        (lambda db: db.execute("UPDATE thing SET data = replace(data, 'cabin 1', 'pine 1')"), "same name"),
        (lambda db: db.execute("UPDATE thing SET data = replace(data, '\"id\":3', '\"id\":2000000')"), "impossible id"),
        (lambda db: change_json(db, "columns.0.rows", 2**40), "tiles for"),
        (lambda db: change_json(db, "columns.0.rows", -1), "tiles for"),
        (lambda db: change_json(db, "columns.0.shape", [2**40]), "impossible shape"),
        (lambda db: change_json(db, "columns.0.shape", [4]), "wrong size"),
        (lambda db: change_json(db, "columns.0.dtype", "object"), "unknown type"),
        (lambda db: change_json(db, "columns.0.name", "sh"), "lacks columns"),
        (lambda db: change_json(db, "columns.0.tiles", ["zz"]), "proper hash"),
        (lambda db: change_json(db, "world_from_layer.scale", 0), "impossible place"),
        (lambda db: change_json(db, "world_from_layer.scale", 1e300), "impossible place"),
        (lambda db: change_json(db, "world_from_layer.translation", [1e300, 0, 0]), "impossible place"),
        (lambda db: change_json(db, "visible", "yes"), "damaged"),
        (lambda db: db.execute("UPDATE meta SET v = x'ff'"), "an entry is no text"),
    ],
)
def test_hostile_documents_are_refused(
    path: Path, attack: Callable[[sqlite3.Connection], object], sentence: str
) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    attack(db)
    db.close()
    with pytest.raises(FormatError, match=sentence):
        formats.load(path)


def test_a_tile_named_many_times_is_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "x.splatworld"
    zeros = Splats(*(torch.zeros(65_536, k) for k in (3, 4, 3)), torch.zeros(65_536), torch.zeros(65_536, 1, 3))
    formats.save(World((Layer("base", "base", zeros),)), path)
    db = sqlite3.connect(path, isolation_level=None)
    (text,) = db.execute("SELECT manifest FROM layer").fetchone()
    manifest = msgspec.json.decode(text)
    for column in manifest["columns"]:
        column["rows"], column["tiles"] = 3000 * 65_536, column["tiles"] * 3000
    db.execute("UPDATE layer SET manifest = ?", (msgspec.json.encode(manifest).decode(),))
    db.close()
    with pytest.raises(FormatError, match="honestly"):
        formats.load(path)


def test_texts_are_no_longer_than_the_file(path: Path) -> None:
    """In a damaged one, many rows may share the same pages."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        rows = document._Rows(db, path)
        assert len(list(rows.select("k, v", "meta"))) == 6
        rows.texts = 100
        with pytest.raises(FormatError, match="longer than the file"):
            list(rows.select("k, v", "meta"))


def test_nothing_beside_a_document_is_read_or_made(path: Path) -> None:
    """Neither the log of a file that asks for one, nor a journal that someone laid there."""
    before = world(100)
    data = bytearray(path.read_bytes())
    data[18:20] = b"\2\2"  # WAL
    path.write_bytes(data)
    journal = path.with_name(path.name + "-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))
    assert len(formats.load(path)) == len(before)
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, journal.name]


def test_absurd_values_are_refused(tmp_path: Path) -> None:
    for name, value in (("means", 2e6), ("log_scales", 100.0), ("sh", 1e20), ("quats", float("nan"))):
        rows = splats(3)
        getattr(rows, name).view(-1)[0] = value
        with pytest.raises(OutputError, match=name):
            formats.save(rows, tmp_path / "x.splatworld")


def test_a_frame_cannot_be_chosen(path: Path) -> None:
    with pytest.raises(FormatError, match="records its axes"):
        formats.load(path, frame="rdf")


def test_another_sqlite_file_is_no_document(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "x.splatworld")
    db.execute("CREATE TABLE a (b)")
    db.close()
    with pytest.raises(FormatError, match="no splatworld document"):
        formats.load(tmp_path / "x.splatworld")


def test_names_with_odd_characters(path: Path) -> None:
    odd = path.with_name("a b?mode=rw&#%20'.splatworld")
    shutil.copy(path, odd)
    assert len(formats.load(odd)) == 107
