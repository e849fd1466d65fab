"""What is written is read again, within what each format says it can hold."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from format_cases import angles_deg, axis_splats, random_splats
from hypothesis import given, settings
from hypothesis import strategies as st

from splatworld import formats, sh
from splatworld.errors import OutputError
from splatworld.formats.frames import to_file
from splatworld.geometry import Similarity
from splatworld.splats import Splats, empty
from splatworld.world import Layer, Thing, World

cases = given(n=st.integers(0, 30), degree=st.integers(0, 3), seed=st.integers(0, 1_000))


def round_trip(world: World | Splats, folder: Path, suffix: str) -> Splats:
    path = folder / f"x.{suffix}"
    formats.save(world, path, force=True)
    return formats.load(path).splats()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round")


@cases
@settings(max_examples=12, deadline=None)
def test_ply_keeps_every_value(folder: Path, n: int, degree: int, seed: int) -> None:
    before = random_splats(n, degree=degree, seed=seed)
    after = round_trip(before, folder, "ply")
    assert len(after) == n
    torch.testing.assert_close(after.means, before.means, atol=2e-5, rtol=0)
    torch.testing.assert_close(after.log_scales, before.log_scales, atol=1e-6, rtol=0)
    torch.testing.assert_close(after.logit_opacities, before.logit_opacities, atol=0, rtol=0)
    torch.testing.assert_close(after.sh, before.sh, atol=1e-5, rtol=0)
    assert (angles_deg(before, after) < 0.01).all()


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_ply_holds_every_degree(tmp_path: Path, degree: int) -> None:
    before = random_splats(10, degree=degree)
    assert round_trip(before, tmp_path, "ply").degree == degree


@given(n=st.integers(1, 30), degree=st.integers(0, 3), seed=st.integers(0, 1_000))
@settings(max_examples=12, deadline=None)
def test_splat_keeps_positions_exactly_and_the_rest_to_a_byte(folder: Path, n: int, degree: int, seed: int) -> None:
    before = random_splats(n, degree=degree, seed=seed)
    after = round_trip(before, folder, "splat")
    order = torch.argsort(before.log_scales.double().sum(1).exp() * before.opacities, descending=True, stable=True)
    before = before[order]
    torch.testing.assert_close(after.means, before.means, atol=2e-5, rtol=0)
    torch.testing.assert_close(after.scales, before.scales, atol=0, rtol=1e-5)
    assert after.degree == 0
    assert ((after.colours - before.colours).abs() <= 0.501 / 255).all()
    assert ((after.opacities - before.opacities).abs() <= 0.501 / 255).all()
    assert (angles_deg(before, after) < 2).all()


@cases
@settings(max_examples=12, deadline=None)
def test_spz_keeps_values_to_its_steps(folder: Path, n: int, degree: int, seed: int) -> None:
    before = random_splats(n, degree=degree, seed=seed)
    after = round_trip(before, folder, "spz")
    assert (len(after), after.degree) == (n, degree)
    assert ((after.means - before.means).abs() <= 0.51 / 4096).all()
    assert ((after.log_scales - before.log_scales).abs() <= 0.501 / 16).all()
    assert ((after.opacities - before.opacities).abs() <= 0.501 / 255).all()
    assert ((after.colours - before.colours).abs() <= 0.501 / 255 / 0.15 * sh.C0).all()
    assert (angles_deg(before, after) < 0.4).all()
    error = (to_file(after, "rub").sh - to_file(before, "rub").sh).abs()
    inside = to_file(before, "rub").sh.abs() < 0.93
    assert (error[:, 1:4][inside[:, 1:4]] <= 4.51 / 128).all()
    assert (error[:, 4:][inside[:, 4:]] <= 8.51 / 128).all()


def test_spz_gives_up_precision_and_not_range(tmp_path: Path) -> None:
    before = replace(random_splats(20), means=random_splats(20).means * 500)
    after = round_trip(before, tmp_path, "spz")
    torch.testing.assert_close(after.means, before.means, atol=50_000 / 2**22, rtol=0)


@pytest.mark.parametrize("suffix", ["ply", "splat", "spz"])
def test_opaque_and_transparent_stay_so(tmp_path: Path, suffix: str) -> None:
    before = replace(axis_splats(), logit_opacities=torch.tensor([20.0, 0.0, -20.0]))
    after = round_trip(before, tmp_path, suffix)
    again = round_trip(after, tmp_path, suffix)
    assert (after.opacities.sort().values - torch.tensor([0.0, 0.5, 1.0])).abs().max() < 0.003
    torch.testing.assert_close(again.opacities, after.opacities, atol=1e-6, rtol=0)


@pytest.mark.parametrize("suffix", ["ply", "spz", "splatworld"])
def test_a_world_without_splats_is_a_world(tmp_path: Path, suffix: str) -> None:
    assert len(round_trip(empty(), tmp_path, suffix)) == 0


def test_an_empty_splat_file_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="without splats"):
        formats.save(empty(), tmp_path / "x.splat")


@pytest.mark.parametrize("suffix", ["ply", "splat", "spz"])
def test_things_are_exported_where_they_stand_and_hidden_ones_are_not(tmp_path: Path, suffix: str) -> None:
    splats = axis_splats().with_extras(thing=torch.tensor([1, 2, 3], dtype=torch.int32))
    moved = Similarity.at((10.0, 0.0, 0.0), scale=2.0)
    things = (
        Thing(id=1, name="a", kind="x", world_from_thing=moved),
        Thing(id=2, name="b", kind="x", visible=False),
        Thing(id=3, name="c", kind="x"),
    )
    after = round_trip(World((Layer("base", "base", splats),), things), tmp_path, suffix)
    assert len(after) == 2
    red = int(after.colours[:, 0].argmax())
    torch.testing.assert_close(after.means[red], torch.tensor([12.0, 0.0, 0.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(after.scales[red], torch.tensor([0.2, 0.4, 0.8]), atol=0, rtol=0.04)


def test_ply_keeps_things_labels_and_normals(tmp_path: Path) -> None:
    normals = torch.eye(3)
    splats = axis_splats().with_extras(
        thing=torch.tensor([5, 6, 1_000_000], dtype=torch.int32),
        label=torch.tensor([0, 1, 0], dtype=torch.int16),
        normal=normals,
    )
    formats.save(World((Layer("base", "base", splats),), labels=("pine", "red cabin")), tmp_path / "x.ply")
    world = formats.load(tmp_path / "x.ply")
    extras = world.splats().extras
    assert world.labels == ("pine", "red cabin")
    assert extras["thing"].tolist() == [5, 6, 1_000_000]
    assert extras["label"].tolist() == [0, 1, 0]
    torch.testing.assert_close(extras["normal"], normals, atol=1e-6, rtol=0)


@pytest.mark.parametrize("suffix", ["ply", "splat", "spz", "splatworld"])
@pytest.mark.parametrize("name", ["means", "quats", "log_scales", "logit_opacities", "sh"])
def test_writers_refuse_what_is_no_number(tmp_path: Path, suffix: str, name: str) -> None:
    bad = getattr(axis_splats(), name).clone()
    bad.view(-1)[0] = torch.nan
    with pytest.raises(OutputError, match=name):
        formats.save(replace(axis_splats(), **{name: bad}), tmp_path / f"x.{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["ply", "splat", "spz"])
def test_writers_refuse_positions_out_of_the_world(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(OutputError, match="positions"):
        formats.save(replace(axis_splats(), means=torch.eye(3) * 2e6), tmp_path / f"x.{suffix}")
