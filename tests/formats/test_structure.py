"""Things, names, views, axes and units go along where a file has room for them, and come back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from format_cases import Heard, axis_splats, random_splats

from splatworld import formats
from splatworld.errors import FormatError, UsageError
from splatworld.formats import ply_comments, streams, structure
from splatworld.formats.frames import FILE_FROM_WORLD, Frame
from splatworld.formats.ply_header import read_header
from splatworld.geometry import Similarity
from splatworld.limits import PLY_HEADER_BYTES
from splatworld.splats import Splats, cat
from splatworld.world import Environment, Layer, PointLight, Thing, Viewpoint, World, framed, from_splats

HOLD_STRUCTURE = ("ply", "sog", "glb", "usdc")
FREE_AXES = tuple(name for name in formats.writable() if "frame" in formats.options(Path(f"x.{name}")))


def structured(splats: Splats | None = None) -> World:
    """A turned boat with a lamp, a cabin and loose splats, seen from somewhere."""
    splats = splats or axis_splats()
    ids = torch.arange(len(splats), dtype=torch.int32) % 3
    splats = splats.with_extras(thing=ids, label=(ids - 1).to(torch.int16))
    lamp = PointLight((0.0, 1.0, 2.0), (1.0, 0.5, 0.25), 4.0)
    boat = Thing(
        id=1, name="boat 1", kind="boat", bounds=((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0)), lights=(lamp,), colour="red"
    )
    boat = msgspec.structs.replace(boat, world_from_thing=Similarity.at((5.0, 0.0, 1.0), yaw=np.pi / 2, scale=2.0))
    cabin = Thing(id=2, name="cabin “1”", kind="cabin", tags=("building",))
    return World(
        (Layer("base", "base", splats),),
        (boat, cabin),
        Environment(sun_elevation_deg=7.0),
        (Viewpoint("start", (0.0, -5.0, 1.7), (0.0, 0.0, 1.0)),),
        labels=("boat", "cabin"),
    )


@pytest.mark.parametrize("suffix", HOLD_STRUCTURE)
def test_a_structured_world_comes_back(tmp_path: Path, suffix: str) -> None:
    world, path = structured(), tmp_path / f"x.{suffix}"
    formats.save(world, path)
    found = formats.load(path)
    assert [thing.name for thing in found.things] == ["boat 1", "cabin “1”"]
    assert found.labels == world.labels
    assert found.environment == world.environment
    assert found.viewpoints == world.viewpoints
    boat, was = found.thing("boat 1"), world.thing("boat 1")
    np.testing.assert_allclose(boat.position, was.position, atol=1e-4)
    np.testing.assert_allclose(boat.world_bounds, was.world_bounds, atol=1e-4)
    np.testing.assert_allclose(boat.lights[0].position, (3.0, 0.0, 5.0), atol=1e-4)
    assert boat.lights[0].power == pytest.approx(16)
    (layer,) = found.layers
    before, after = world.splats(), found.splats()
    order = [int((after.means - row).norm(dim=1).argmin()) for row in before.means]
    torch.testing.assert_close(after.means[order], before.means, atol=1e-3, rtol=0)
    assert after.extras["thing"][order].tolist() == [0, 1, 2]
    assert after.extras["label"][order].tolist() == [-1, 0, 1]
    assert layer.world_from_layer == Similarity()


def test_a_streamed_world_comes_back(tmp_path: Path) -> None:
    world = structured(random_splats(300))
    formats.save(world, tmp_path / "x" / "lod-meta.json", frame="rub", unit=0.01)
    found = formats.load(tmp_path / "x")
    assert [thing.name for thing in found.things] == ["boat 1", "cabin “1”"]
    before, after = world.splats(), found.splats()
    order = [int((after.means - row).norm(dim=1).argmin()) for row in before.means]
    torch.testing.assert_close(after.means[order], before.means, atol=0.05, rtol=0)
    assert after.extras["thing"][order].tolist() == before.extras["thing"].tolist()
    assert after.extras["label"][order].tolist() == before.extras["label"].tolist()


@pytest.mark.parametrize("suffix", HOLD_STRUCTURE)
def test_what_comes_back_can_be_moved(tmp_path: Path, suffix: str) -> None:
    formats.save(structured(), tmp_path / f"x.{suffix}")
    found = formats.load(tmp_path / f"x.{suffix}")
    cabin = msgspec.structs.replace(found.thing(2), world_from_thing=Similarity.at((0.0, 0.0, 7.0)))
    up = found.with_things({2: cabin}).splats().means - found.splats().means
    mine = found.splats().extras["thing"] == 2
    torch.testing.assert_close(up[mine], torch.tensor([[0.0, 0.0, 7.0]]), atol=1e-4, rtol=0)
    assert not up[~mine].any()


@pytest.mark.parametrize("frame", FILE_FROM_WORLD)
@pytest.mark.parametrize("suffix", FREE_AXES)
def test_any_axes_and_unit_can_be_written(tmp_path: Path, suffix: str, frame: Frame) -> None:
    splats = random_splats(60, degree=1)
    formats.save(splats, tmp_path / f"a.{suffix}", frame=frame)
    formats.save(splats, tmp_path / f"b.{suffix}")
    here = formats.load(tmp_path / f"a.{suffix}", frame=frame).splats()
    usual = formats.load(tmp_path / f"b.{suffix}", frame=formats.habitual_frame(Path(f"b.{suffix}"))).splats()
    a, b = (rows[torch.argsort(rows.means[:, 0])] for rows in (here, usual))
    torch.testing.assert_close(a.means, b.means, atol=0.15, rtol=0)
    # Of sorted files neighbours may have changed places, and bytes of turned rotations differ.
    assert (a.covariances - b.covariances).abs().median() < 0.01


@pytest.mark.parametrize("suffix", ["ply", "compressed.ply", "sog"])
def test_axes_and_unit_are_recorded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    formats.save(axis_splats(), path, frame="rub", unit=0.01)
    found = formats.load(path).splats()
    means = found.means[torch.argsort(found.means[:, 2])]
    torch.testing.assert_close(means, axis_splats().means, atol=5e-3, rtol=0)
    torch.testing.assert_close(
        found.log_scales.sort(dim=1).values, axis_splats().log_scales.sort(dim=1).values, atol=0.02, rtol=0
    )


@pytest.mark.parametrize("suffix", ["ply", "splat", "spz"])
def test_a_unit_of_a_centimetre_makes_numbers_a_hundred_times_as_large(tmp_path: Path, suffix: str) -> None:
    formats.save(axis_splats(), tmp_path / f"a.{suffix}", unit=0.01)
    with formats._module(suffix).opened(tmp_path / f"a.{suffix}", frame=None, progress=Heard()) as source:
        rows = streams.gathered(source, Heard())
    assert sorted(rows.means.abs().amax(1).tolist()) == pytest.approx([100, 200, 300], abs=0.01)


@pytest.mark.parametrize("suffix", ["splat", "spz", "ply"])
def test_a_unit_that_a_file_does_not_state_can_be_told(tmp_path: Path, suffix: str) -> None:
    formats.save(axis_splats(), tmp_path / f"a.{suffix}", frame="rub", unit=0.01)
    found = formats.load(tmp_path / f"a.{suffix}", frame="rub", unit=0.01).splats()
    torch.testing.assert_close(
        found.means.sort(dim=0).values, axis_splats().means.sort(dim=0).values, atol=5e-3, rtol=0
    )
    formats.convert(tmp_path / f"a.{suffix}", tmp_path / "b.ply", frame="rub", source_unit=0.01)
    again = formats.load(tmp_path / "b.ply").splats()
    torch.testing.assert_close(again.means, found.means, atol=1e-4, rtol=0)
    with pytest.raises(UsageError, match="not possible"):
        formats.load(tmp_path / f"a.{suffix}", unit=0.0)


@pytest.mark.parametrize("suffix", ["splat", "spz", "compressed.ply"])
def test_it_is_told_that_things_stay_behind(tmp_path: Path, suffix: str) -> None:
    heard = Heard()
    formats.save(structured(), tmp_path / f"x.{suffix}", progress=heard)
    assert any("2 things stay behind" in event.text for event in heard if hasattr(event, "text"))
    formats.save(structured(), tmp_path / "x.ply")
    heard = Heard()
    formats.convert(tmp_path / "x.ply", tmp_path / f"y.{suffix}", progress=heard)
    assert any("2 things stay behind" in event.text for event in heard if hasattr(event, "text"))


def test_a_dome_around_everything_is_not_what_one_looks_at() -> None:
    inside = random_splats(900)
    sky = random_splats(300, seed=1)
    dome = replace(sky, means=torch.nn.functional.normalize(sky.means, dim=1) * 5_000)
    eye = framed(from_splats(cat([inside, dome]))).eye
    assert np.linalg.norm(eye) < 600
    assert np.linalg.norm(framed(from_splats(inside)).eye) > 200


def test_a_ply_of_nerfstudio_stands_upright(tmp_path: Path) -> None:
    formats.save(axis_splats(), tmp_path / "a.ply", frame="rfu")
    text = (tmp_path / "a.ply").read_bytes()
    assert b"comment Vertical Axis: z\n" in text
    (tmp_path / "b.ply").write_bytes(text.replace(b"comment axes rfu\n", b""))
    torch.testing.assert_close(formats.load(tmp_path / "b.ply").splats().means, axis_splats().means)


def test_plain_plys_have_the_numbers_of_the_reference_code(tmp_path: Path) -> None:
    formats.save(structured(), tmp_path / "a.ply", plain=True)
    with open(tmp_path / "a.ply", "rb") as file:
        vertex = read_header(file, "a").elements["vertex"]
    assert vertex.dtype.itemsize == 248
    assert formats.load(tmp_path / "a.ply").things == ()


@pytest.mark.parametrize("source", ["ply", "splat", "spz"])
def test_files_are_turned_and_cut_on_their_way(tmp_path: Path, source: str) -> None:
    formats.save(random_splats(50, degree=3), tmp_path / f"a.{source}")
    straight = formats.load(tmp_path / f"a.{source}").splats()
    formats.convert(tmp_path / f"a.{source}", tmp_path / "b.ply", target_frame="rub", unit=0.1, degree=1)
    found = formats.load(tmp_path / "b.ply").splats()
    assert found.degree == min(straight.degree, 1)
    torch.testing.assert_close(found.means, straight.means, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.sh, straight.with_degree(found.degree).sh, atol=1e-5, rtol=0)


def test_changes_are_made_in_between(tmp_path: Path) -> None:
    formats.save(structured(), tmp_path / "a.ply")

    def first_only(world: World, progress: Any) -> World:
        (layer,) = world.layers
        return World((Layer("base", "base", layer.splats[:1], layer.world_from_layer),))

    assert formats.convert(tmp_path / "a.ply", tmp_path / "b.spz", changes=[first_only]) == 1
    assert len(formats.load(tmp_path / "b.spz")) == 1


def test_more_things_than_a_header_holds_are_told(tmp_path: Path) -> None:
    things = tuple(Thing(id=i, name=f"thing {i} " + "x" * 150, kind="thing") for i in range(1, 2_000))
    heard = Heard()
    splats = structured().layers[0].splats
    formats.save(World((Layer("base", "base", splats),), things), tmp_path / "a.ply", progress=heard)
    assert any("found no room" in event.text for event in heard if hasattr(event, "text"))
    assert (tmp_path / "a.ply").read_bytes().find(b"end_header") < PLY_HEADER_BYTES
    assert 100 < len(formats.load(tmp_path / "a.ply").things) < 1_999


@pytest.mark.parametrize(
    ("comments", "reason"),
    [
        (["thing {"], "broken"),
        (["thing 7"], "broken"),
        (['thing {"id":1,"name":"a","class":"a"}'] * 2, "same id"),
        (['thing {"id":99999999,"name":"a","class":"a"}'], "impossible id"),
        (["world []"], "broken"),
        (['world {"version":7}'], "version 7"),
        (["unit nan"], "not possible"),
        (["unit 1e300"], "not possible"),
        (["unit two"], "broken"),
        (["world " + "[" * 20_000], "broken"),
    ],
)
def test_broken_descriptions_are_told(comments: list[str], reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        ply_comments.understood(comments, "rdf", "x.ply")


def test_descriptions_are_checked_wherever_they_stand() -> None:
    told = structure.described(structured())
    assert structure.checked(json.loads(json.dumps(told)), "x") == structure.of(structured())
    with pytest.raises(FormatError, match="broken"):
        structure.restored(structured(), {"things": [{"id": "one"}]})


def test_fixed_axes_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be chosen"):
        formats.save(axis_splats(), tmp_path / "a.splatworld", frame="rub")
    with pytest.raises(UsageError, match="not possible"):
        formats.save(axis_splats(), tmp_path / "a.ply", unit=0.0)
