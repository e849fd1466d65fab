"""GLB with KHR_gaussian_splatting: what it holds, how others see it, nodes, and files that lie."""

import copy
import json
import math
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import peers
import pytest
import torch
from format_cases import Heard, angles_deg, axis_splats, random_splats
from glb_cases import KHR, attribute, packed, parsed, splats
from hypothesis import given, settings
from hypothesis import strategies as st
from peers.programs import PROGRAMS

from splatworld import formats, limits, sh
from splatworld.errors import FormatError, OutputError, UsageError
from splatworld.formats import gltf_container
from splatworld.formats.frames import to_file
from splatworld.geometry import Similarity
from splatworld.palette import linear_from_display
from splatworld.splats import Splats
from splatworld.world import Layer, Surface, Thing, World

RUB = np.array([[1, 0, 0], [0, 0, -2], [0, 3, 0]], float)
"""Where red, green and blue of the axis splats stand in glTF's axes: x right, y up, -z forward."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("glb")


@given(n=st.integers(0, 30), degree=st.integers(0, 3), seed=st.integers(0, 1_000))
@settings(max_examples=12, deadline=None)
def test_every_value_is_kept(folder: Path, n: int, degree: int, seed: int) -> None:
    before = random_splats(n, degree=degree, seed=seed)
    formats.save(before, folder / "x.glb", force=True)
    after = formats.load(folder / "x.glb").splats()
    assert len(after) == n
    torch.testing.assert_close(after.means, before.means, atol=2e-5, rtol=0)
    torch.testing.assert_close(after.log_scales, before.log_scales, atol=1e-6, rtol=0)
    torch.testing.assert_close(after.logit_opacities, before.logit_opacities, atol=1e-4, rtol=0)
    if n:
        torch.testing.assert_close(after.sh, before.sh, atol=1e-5, rtol=0)
    assert (angles_deg(before, after) < 0.01).all()


def test_numbers_stand_where_the_specification_says(tmp_path: Path) -> None:
    formats.save(axis_splats(), tmp_path / "x.glb")
    np.testing.assert_allclose(attribute(tmp_path / "x.glb", "POSITION"), RUB, atol=1e-6)
    np.testing.assert_allclose(attribute(tmp_path / "x.glb", f"{KHR}:SCALE"), [[0.1, 0.2, 0.4]] * 3, rtol=1e-6)
    # A quarter turn about x: our z becomes y.
    quarter = [[-math.sqrt(0.5), 0, 0, math.sqrt(0.5)]] * 3
    np.testing.assert_allclose(attribute(tmp_path / "x.glb", f"{KHR}:ROTATION"), quarter, atol=1e-6)
    opacity = attribute(tmp_path / "x.glb", f"{KHR}:OPACITY")
    np.testing.assert_allclose(opacity[:, 0], [0.8808, 0.7311, 0.5], atol=1e-4)
    said, _ = parsed(tmp_path / "x.glb")
    bounds = said["accessors"][said["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    np.testing.assert_allclose([bounds["min"], bounds["max"]], [RUB.min(0), RUB.max(0)], atol=1e-6)


def test_programs_without_the_extension_see_the_base_colour_as_linear_light(tmp_path: Path) -> None:
    colours = torch.tensor([[0.2, 0.5, 0.9], [-0.3, 1.4, 0.0]])
    formats.save(replace(axis_splats()[:2], sh=sh.from_rgb(colours)[:, None]), tmp_path / "x.glb")
    light = linear_from_display(colours.clamp(0, 1).numpy())
    shown = attribute(tmp_path / "x.glb", "COLOR_0") / 255
    np.testing.assert_allclose(shown[:, :3], light, atol=0.51 / 255)
    np.testing.assert_allclose(shown[:, 3], [0.8808, 0.7311], atol=0.51 / 255)


def test_degree_4_is_cut_and_told(tmp_path: Path) -> None:
    heard = Heard()
    formats.save(random_splats(5, degree=4), tmp_path / "x.glb", progress=heard)
    assert "fourth band" in heard.texts()
    assert formats.load(tmp_path / "x.glb").splats().degree == 3


def test_axes_and_unit_cannot_be_chosen(tmp_path: Path) -> None:
    for options in ({"frame": "rdf"}, {"unit": 0.01}):
        with pytest.raises(UsageError, match="cannot be chosen"):
            formats.save(axis_splats(), tmp_path / "x.glb", **options)


def test_converting_in_blocks_gives_the_same_bytes(tmp_path: Path) -> None:
    formats.save(random_splats(20_000, degree=1), tmp_path / "x.ply")
    formats.convert(tmp_path / "x.ply", tmp_path / "a.glb")
    formats.save(formats.load(tmp_path / "x.ply"), tmp_path / "b.glb")
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_beyond_4_gib_it_is_refused_at_once(tmp_path: Path) -> None:
    made = gltf_container.draft()
    made.accessor(2**28, 4, np.float32)
    with pytest.raises(OutputError, match="32 bits"):
        made.head()


def world_of_two() -> World:
    surface = Surface(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32))
    placed = Similarity.at((5.0, 0.0, 1.0))
    things = (
        Thing(id=1, name="hut", kind="cabin", surface="hut", colour="red", world_from_thing=placed),
        Thing(id=2, name="ghost", kind="cabin", surface="hut", visible=False),
        Thing(id=7, name="pine", kind="pine"),
    )
    ids = torch.tensor([1, 7, 7], dtype=torch.int32)
    rows = axis_splats().with_extras(thing=ids, label=torch.tensor([0, 1, -1], dtype=torch.int16))
    return World((Layer("base", "base", rows),), things, surfaces={"hut": surface}, labels=("cabin", "pine"))


def test_things_and_labels_come_back(tmp_path: Path) -> None:
    formats.save(world_of_two(), tmp_path / "x.glb")
    found = formats.load(tmp_path / "x.glb")
    assert [thing.name for thing in found.things] == ["hut", "pine"]
    assert found.labels == ("cabin", "pine")
    extras = found.splats().extras
    assert extras["thing"].tolist() == [1, 7, 7]
    assert extras["label"].tolist() == [0, 1, -1]


def test_surfaces_stand_beside_the_splats_when_asked(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    heard = Heard()
    formats.save(world_of_two(), tmp_path / "x.glb", surfaces=True)
    said, _ = parsed(tmp_path / "x.glb")
    assert [node["name"] for node in said["nodes"]] == ["hut", "splats"]
    hut = trimesh.load(tmp_path / "x.glb").geometry["hut"]
    np.testing.assert_allclose(hut.bounds, [[5, 1, -1], [6, 1, 0]], atol=1e-6)
    assert len(formats.load(tmp_path / "x.glb", progress=heard)) == 3
    assert "1 primitives that are no splats" in heard.texts()


def test_khronos_validator_knows_nothing_worse_than_the_new_names(tmp_path: Path) -> None:
    peers.need("gltf-validator")
    formats.save(random_splats(50, degree=3), tmp_path / "x.glb")
    formats.save(world_of_two(), tmp_path / "y.glb", surfaces=True)
    formats.save(random_splats(0), tmp_path / "z.glb")
    for name in ("x.glb", "y.glb", "z.glb"):
        for issue in peers.gltf_issues(tmp_path / name):
            assert issue["code"] in ("UNSUPPORTED_EXTENSION", "MESH_PRIMITIVE_INVALID_ATTRIBUTE"), issue
            if issue["code"] == "MESH_PRIMITIVE_INVALID_ATTRIBUTE":
                assert f"/attributes/{KHR}:" in issue["pointer"]


def test_three_sees_our_axes(tmp_path: Path) -> None:
    program = PROGRAMS["three"]
    program.need()
    world = replace(world_of_two(), things=())
    formats.save(world, tmp_path / "x.glb")
    assert program.read is not None
    found = program.read(tmp_path / "x.glb")
    np.testing.assert_allclose(found.means, RUB, atol=1e-6)
    np.testing.assert_allclose(found.rgb, np.eye(3), atol=1.01 / 255)
    # Our y (0.2 m) lies along the file's z, our z (0.4 m) along its y.
    np.testing.assert_allclose(found.covariances, [np.diag([0.01, 0.16, 0.04])] * 3, rtol=1e-4, atol=1e-7)


def test_files_of_splat_transform_are_turned_half_round(tmp_path: Path) -> None:
    """It turns a `.ply` about z and we about x: both have y up then, and face opposite ways."""
    program = PROGRAMS["splat-transform"]
    program.need()
    assert program.write is not None
    formats.save(random_splats(100, degree=3), tmp_path / "x.ply")
    program.write(tmp_path / "x.ply", tmp_path / "x.glb", "glb")
    theirs = formats.load(tmp_path / "x.glb").splats()
    ours = formats.load(tmp_path / "x.ply").splats().transformed(Similarity.at((0, 0, 0), yaw=math.pi))
    torch.testing.assert_close(theirs.means, ours.means, atol=1e-4, rtol=0)
    torch.testing.assert_close(theirs.log_scales, ours.log_scales, atol=1e-5, rtol=0)
    torch.testing.assert_close(theirs.sh, ours.sh, atol=1e-5, rtol=0)
    torch.testing.assert_close(theirs.covariances, ours.covariances, atol=1e-4, rtol=1e-4)


def in_file(path: Path) -> Splats:
    """The splats of a file in the axes of glTF."""
    return to_file(formats.load(path).splats(), "rub")


def test_nodes_place_their_splats(tmp_path: Path) -> None:
    plain = in_file(splats(6, degree=2).write(tmp_path / "a.glb"))
    made = splats(6, degree=2)
    half = math.sqrt(0.5)
    made.json["nodes"] = [
        {"children": [1], "translation": [1, 2, 3], "rotation": [0, half, 0, half]},
        {"children": [2], "scale": [0.5, 0.5, 0.5]},
        {"matrix": [0, 2, 0, 0, -2, 0, 0, 0, 0, 0, 2, 0, 7, 8, 9, 1], "mesh": 0},
    ]
    found = in_file(made.write(tmp_path / "b.glb"))
    # The matrix stands column after column: x becomes 2 y, y becomes -2 x.
    inner = Similarity(2.0, (half, 0, 0, half), (7.0, 8.0, 9.0))
    place = Similarity(0.5, (half, 0, half, 0), (1.0, 2.0, 3.0)) @ inner
    expected = plain.transformed(place)
    torch.testing.assert_close(found.means, expected.means, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.covariances, expected.covariances, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(found.sh, expected.sh, atol=1e-5, rtol=0)
    assert (found.means - plain.means).abs().max() > 1


def test_colours_by_direction_turn_with_the_node(tmp_path: Path) -> None:
    plain = in_file(splats(5, degree=3).write(tmp_path / "a.glb"))
    made = splats(5, degree=3)
    made.json["nodes"][0]["rotation"] = [math.sqrt(0.5), 0, 0, math.sqrt(0.5)]  # y to z, z to -y
    found = in_file(made.write(tmp_path / "b.glb"))
    before, after = torch.tensor([[0.36, 0.48, 0.8]]), torch.tensor([[0.36, -0.8, 0.48]])
    seen = torch.einsum("nkc,mk->nc", plain.sh, sh.basis(3, before))
    torch.testing.assert_close(torch.einsum("nkc,mk->nc", found.sh, sh.basis(3, after)), seen, atol=1e-5, rtol=0)


def test_all_primitives_of_the_scene_are_read(tmp_path: Path) -> None:
    made = splats(9_000, degree=1)
    (primitive,) = made.json["meshes"][0]["primitives"]
    without = {name: index for name, index in primitive["attributes"].items() if "DEGREE_1" not in name}
    made.json["meshes"].append({"primitives": [primitive | {"attributes": without}]})
    made.json["nodes"] += [{"mesh": 1, "translation": [100, 0, 0]}, {"mesh": 0}]
    made.json["scenes"] = [{"nodes": [1, 0]}]  # the third node is not shown
    found = in_file(made.write(tmp_path / "x.glb"))
    assert len(found) == 18_000
    assert found.degree == 1
    torch.testing.assert_close(found.means[:9_000, 0], found.means[9_000:, 0] + 100, atol=1e-4, rtol=0)
    assert not found.sh[:9_000, 1:].abs().gt(1e-6).any()
    assert found.sh[9_000:, 1:].abs().max() > 0.1


def test_small_numbers_mean_what_the_specification_says(tmp_path: Path) -> None:
    made = splats(2)
    attributes = made.json["meshes"][0]["primitives"][0]["attributes"]
    attributes[f"{KHR}:ROTATION"] = made.put(np.array([[0, 0, 127, 0], [0, -128, 0, 0]], np.int8), normalized=True)
    attributes[f"{KHR}:OPACITY"] = made.put(np.array([32768, 13107], np.uint16), normalized=True)
    scale = np.zeros((2, 4), np.uint8)
    scale[:, :3] = [[51, 102, 255], [1, 2, 3]]
    index = made.put(scale, normalized=True)
    made.json["accessors"][index]["type"] = "VEC3"
    made.json["bufferViews"][-1]["byteStride"] = 4
    attributes[f"{KHR}:SCALE"] = index
    found = in_file(made.write(tmp_path / "x.glb"))
    torch.testing.assert_close(found.scales[0], torch.tensor([0.2, 0.4, 1.0]), rtol=1e-5, atol=0)
    torch.testing.assert_close(found.opacities, torch.tensor([0.5, 0.2]), rtol=0, atol=1e-4)
    torch.testing.assert_close(found.quats.abs()[:, [3, 2]], torch.eye(2), atol=1e-6, rtol=0)


def test_linear_colours_become_display_values_and_are_told(tmp_path: Path) -> None:
    made, heard = splats(1, degree=1), Heard()
    (primitive,) = made.json["meshes"][0]["primitives"]
    primitive["extensions"][KHR]["colorSpace"] = "lin_rec709_display"
    light = np.array([[0.25, 0.5, 0.01]], np.float32)
    primitive["attributes"][f"{KHR}:SH_DEGREE_0_COEF_0"] = made.put((light - np.float32(0.5)) / np.float32(sh.C0))
    found = formats.load(made.write(tmp_path / "x.glb"), progress=heard).splats()
    np.testing.assert_allclose(linear_from_display(found.colours.numpy()), light, rtol=1e-3)
    assert "linear light" in heard.texts()


def test_values_that_mean_nothing_are_dropped_or_mended(tmp_path: Path) -> None:
    made, heard = splats(4), Heard()
    attributes = made.json["meshes"][0]["primitives"][0]["attributes"]
    scales = np.array([[0, 1, 1], [-1, 1, 1], [1, 1, 1], [math.nan, 1, 1]], np.float32)
    attributes[f"{KHR}:SCALE"] = made.put(scales)
    attributes[f"{KHR}:OPACITY"] = made.put(np.array([0, 1, 2, 0.5], np.float32))
    found = formats.load(made.write(tmp_path / "x.glb"), progress=heard).splats()
    assert "dropped 2 of 4" in heard.texts()
    assert bool(found.log_scales.isfinite().all())
    assert bool(found.logit_opacities.isfinite().all())


Change = Callable[[dict[str, Any]], Any]


def primitive_of(said: dict[str, Any]) -> dict[str, Any]:
    return said["meshes"][0]["primitives"][0]


BROKEN: dict[str, tuple[Change, str]] = {
    "mirrored": (lambda s: s["nodes"][0].update(scale=[1, -1, 1]), "mirrors"),
    "stretched": (lambda s: s["nodes"][0].update(scale=[1, 2, 1]), "unequally"),
    "flattened": (lambda s: s["nodes"][0].update(scale=[0, 0, 0]), "scales by nothing"),
    "huge": (lambda s: s["nodes"][0].update(scale=[1e300, 1e300, 1e300]), "finite|beyond all measure"),
    "unturned": (lambda s: s["nodes"][0].update(rotation=[0, 0, 0, 0]), "no rotation"),
    "own child": (lambda s: s["nodes"][0].update(children=[0]), "below itself"),
    "two parents": (
        lambda s: s.update(nodes=[{"children": [1, 2]}, {"children": [2]}, {"mesh": 0}]),
        "in two places",
    ),
    "deep": (
        lambda s: s.update(nodes=[{"children": [i + 1]} for i in range(100)] + [{"mesh": 0}]),
        "deeper than 64",
    ),
    "no such node": (lambda s: s["scenes"][0].update(nodes=[7]), "node 7 and has 1"),
    "no such scene": (lambda s: s.update(scene=3), "scene 3"),
    "no such mesh": (lambda s: s["nodes"][0].update(mesh=9), "mesh 9"),
    "no such accessor": (lambda s: primitive_of(s)["attributes"].update(POSITION=99), "accessor 99"),
    "no such view": (lambda s: s["accessors"][0].update(bufferView=99), "view 99"),
    "negative": (lambda s: s["accessors"][0].update(bufferView=-1), r">= 0.*accessors\[0\].bufferView"),
    "text": (lambda s: s["accessors"][0].update(count="4"), r"Expected `int`.*accessors\[0\].count"),
    "many": (lambda s: [a.update(count=10**9) for a in s["accessors"]], "claims 1,000,000,000"),
    "more": (lambda s: [a.update(count=5) for a in s["accessors"]], "ends at byte"),
    "overflow": (lambda s: s["accessors"][0].update(byteOffset=2**63), "byteOffset"),
    "beyond": (lambda s: s["bufferViews"][0].update(byteOffset=10**6), "of the binary chunk"),
    "stride": (lambda s: s["bufferViews"][0].update(byteStride=4), "elements of 12 bytes every 4"),
    "wide stride": (lambda s: s["bufferViews"][0].update(byteStride=10**6), "every 1000000 bytes"),
    "sparse": (lambda s: s["accessors"][0].update(sparse={"count": 1}), "sparse"),
    "matrix": (lambda s: s["accessors"][0].update(type="MAT3"), "holds MAT3"),
    "strange type": (lambda s: s["accessors"][0].update(componentType=5130), "type 5130"),
    "different counts": (lambda s: s["accessors"][0].update(count=3), "different counts"),
    "other file": (lambda s: s["buffers"][0].update(uri="../../etc/passwd"), "another file"),
    "other web": (lambda s: s["buffers"][0].update(uri="https://example.org/x.bin"), "another file"),
    "second buffer": (lambda s: s["bufferViews"][0].update(buffer=1), "buffer 1"),
    "unknown extension": (lambda s: s.update(extensionsRequired=["EXT_meshopt_compression"]), "EXT_meshopt"),
    "unknown kernel": (lambda s: primitive_of(s)["extensions"][KHR].update(kernel="box"), "'box'"),
    "unknown colours": (lambda s: primitive_of(s)["extensions"][KHR].update(colorSpace="aces"), "'aces'"),
    "triangles": (lambda s: primitive_of(s).update(mode=4), "mode 4"),
    "no extension object": (lambda s: primitive_of(s)["extensions"].update({KHR: 5}), "no sound description"),
    "no positions": (lambda s: primitive_of(s)["attributes"].pop("POSITION"), "lacks POSITION"),
    "packed": (
        lambda s: (
            primitive_of(s)["attributes"].pop(f"{KHR}:SCALE"),
            primitive_of(s)["extensions"][KHR].update(extensions={"KHR_gaussian_splatting_compression_spz_2": {}}),
        ),
        "packed by KHR_gaussian_splatting_compression_spz_2",
    ),
    "half a band": (
        lambda s: primitive_of(s)["attributes"].update({f"{KHR}:SH_DEGREE_1_COEF_0": 4}),
        "lacks .*SH_DEGREE_1_COEF_1",
    ),
    "degree 5": (lambda s: primitive_of(s)["attributes"].update({f"{KHR}:SH_DEGREE_5_COEF_0": 4}), "degree 5"),
    "shown too often": (
        lambda s: s.update(nodes=[{"mesh": 0}] * 2_000, scenes=[{"nodes": list(range(2_000))}]),
        "which take",
    ),
    "strange structure": (
        lambda s: s["scenes"][0].update(extras={"splatworld": {"things": 4}}),
        "description of the world",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_lie_end_in_one_sentence(tmp_path: Path, name: str) -> None:
    change, sentence = BROKEN[name]
    made = splats(4)
    made.json["buffers"] = [{"byteLength": len(made.data)}]
    said = copy.deepcopy(made.json)
    change(said)
    (tmp_path / "x.glb").write_bytes(packed(json.dumps(said).encode(), made.data))
    with pytest.raises(FormatError, match=sentence) as caught:
        formats.load(tmp_path / "x.glb")
    assert "x.glb" in str(caught.value)


@pytest.mark.parametrize("extras", [5, [1], {"splatworld": None}, {"other": {"splatworld": 3}}, "text"])
def test_extras_of_others_are_left_alone(tmp_path: Path, extras: Any) -> None:
    made = splats(4)
    made.json["scenes"][0]["extras"] = extras
    assert len(formats.load(made.write(tmp_path / "x.glb"))) == 4


DEEP = 100_000
TEXTS: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"splats", "no glTF"),
    "a list": (b"[1]", "Expected `object`"),
    "no text": (b'{"nodes": [{"name": "\xff\xfe"}]}', "no glTF"),
    "deep lists": (b'{"accessors": ' + b"[" * DEEP + b"]" * DEEP + b"}", "nested too deep|Expected"),
    "deep extras": (b'{"extras": ' + b"[" * DEEP + b"]" * DEEP + b"}", "nested too deep"),
    "deep scene": (b'{"scenes": [{"extras": ' + b"[" * DEEP + b"]" * DEEP + b"}]}", "nested too deep"),
    "many objects": (b'{"nodes": [' + b"{}," * 300_000 + b"{}]}", "more than 250,000 objects"),
    "large": (b'{"a": "' + b" " * limits.GLTF_JSON_BYTES + b'"}', "at most 8,388,608"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_json_ends_in_one_sentence(tmp_path: Path, name: str) -> None:
    text, sentence = TEXTS[name]
    (tmp_path / "x.glb").write_bytes(packed(text, bytes(64)))
    formats.check_suffix(tmp_path / "x.glb")  # its module is imported before the clock runs
    started = time.perf_counter()
    with pytest.raises(FormatError, match=sentence):
        formats.load(tmp_path / "x.glb")
    assert time.perf_counter() - started < 1


HEADS: dict[str, tuple[bytes, str]] = {
    "version 1": (struct.pack("<4sII", b"glTF", 1, 12), "version 2"),
    "longer than it is": (struct.pack("<4sII", b"glTF", 2, 10**9) + bytes(60), "ends early"),
    "no chunks": (struct.pack("<4sII", b"glTF", 2, 12), "ends early"),
    "no JSON": (struct.pack("<4sIIII", b"glTF", 2, 24, 4, 0x004E4942) + b"{}  ", "no JSON chunk"),
    "a long chunk": (struct.pack("<4sIIII", b"glTF", 2, 24, 2**32 - 1, 0x4E4F534A) + b"{}  ", "claims 4,294,967,295"),
    "nothing": (struct.pack("<4sIIII", b"glTF", 2, 24, 4, 0x4E4F534A) + b"{}  ", "neither splats nor meshes"),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads_that_lie(tmp_path: Path, name: str) -> None:
    data, sentence = HEADS[name]
    (tmp_path / "x.glb").write_bytes(data)
    with pytest.raises(FormatError, match=sentence):
        formats.load(tmp_path / "x.glb")


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_value_of_the_json_may_be_anything(folder: Path, data: st.DataObject) -> None:
    made = splats(3, degree=1)
    made.json["buffers"] = [{"byteLength": len(made.data)}]
    said, places = copy.deepcopy(made.json), list(_places(made.json))
    path = data.draw(st.sampled_from(places))
    value = data.draw(
        st.one_of(st.none(), st.booleans(), st.integers(-5, 2**70), st.floats(), st.text(max_size=3), st.just([]))
    )
    at = said
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    (folder / "f.glb").write_bytes(packed(json.dumps(said).encode(), made.data))
    try:
        found = formats.load(folder / "f.glb").splats()
    except FormatError:
        return
    assert bool(found.means.isfinite().all())
    assert bool(found.log_scales.isfinite().all())


def _places(value: Any, path: tuple = ()) -> Any:
    """Paths to everything in a JSON."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))
