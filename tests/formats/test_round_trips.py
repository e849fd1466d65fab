"""What is written is read again, within what each format says it can hold."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from format_cases import Heard, angles_deg, axis_splats, random_splats
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


@pytest.mark.parametrize("suffix", ["ply", "compressed.ply", "spz", "splatworld"])
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


@cases
@settings(max_examples=12, deadline=None)
def test_compressed_ply_keeps_values_to_the_steps_of_its_chunks(folder: Path, n: int, degree: int, seed: int) -> None:
    before = random_splats(n, degree=degree, seed=seed)
    after = round_trip(before, folder, "compressed.ply")
    assert (len(after), after.degree) == (n, degree)
    order = [torch.argsort(splats.means[:, 0]) for splats in (before, after)]
    before, after = before[order[0]], after[order[1]]
    if n > 1 and float(before.means[:, 0].diff().min()) < 0.2:
        return  # neighbours may have changed places
    assert ((after.means - before.means).abs() <= 0.51 * 200 / 1023).all()
    assert ((after.log_scales - before.log_scales).abs() <= 0.51 * 10 / 1023).all()
    assert ((after.opacities - before.opacities).abs() <= 0.501 / 255).all()
    assert ((after.colours - before.colours).abs() <= 0.501 / 255).all()
    assert (angles_deg(before, after) < 0.3).all()
    error = (to_file(after, "rdf").sh - to_file(before, "rdf").sh).abs()
    assert (error[:, 1:] <= 4.01 / 256).all()


def test_compressed_ply_stands_in_the_order_of_space(tmp_path: Path) -> None:
    after = round_trip(random_splats(5_000), tmp_path, "compressed.ply").means
    chunks = after[: len(after) // 256 * 256].reshape(-1, 256, 3)
    assert float((chunks.amax(1) - chunks.amin(1)).mean()) < 130  # of 200; about 199 in any other order


@pytest.mark.parametrize("degree", [0, 3, 4])
def test_spz_of_version_4_holds_the_same_and_its_axes(tmp_path: Path, degree: int) -> None:
    before = random_splats(200, degree=degree)
    for version in (3, 4):
        formats.save(before, tmp_path / f"{version}.spz", spz_version=version)
    heard = Heard()
    new, old = formats.load(tmp_path / "4.spz", progress=heard), formats.load(tmp_path / "3.spz")
    assert heard.texts() == ""
    assert new.splats().degree == degree
    for name in ("means", "quats", "log_scales", "logit_opacities"):
        assert torch.equal(getattr(new.splats(), name), getattr(old.splats(), name))
    atol = 0 if degree < 4 else 1e-6  # the fourth band takes part in the product that turns the others
    torch.testing.assert_close(new.splats().with_degree(min(degree, 3)).sh, old.splats().sh, atol=atol, rtol=0)


@pytest.mark.parametrize("version", [3, 4])
def test_more_bits_for_colours_by_direction(tmp_path: Path, version: int) -> None:
    before = random_splats(200, degree=3)
    errors = []
    for bits in (2, 4, 8):
        formats.save(before, tmp_path / "x.spz", force=True, spz_version=version, sh_bits=bits)
        after = formats.load(tmp_path / "x.spz").splats()
        inside = to_file(before, "rub").sh[:, 1:].abs() < 0.9
        errors.append(float((to_file(after, "rub").sh - to_file(before, "rub").sh)[:, 1:].abs()[inside].max()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 8.51 / 128
    assert errors[2] < 0.51 / 128 + 1e-5


def test_a_large_spz_is_one_gzip_stream(tmp_path: Path) -> None:
    """Its pieces are deflated apart; each array here has several."""
    before = random_splats(150_000, degree=3)
    formats.save(before, tmp_path / "x.spz")
    body = gzip.decompress((tmp_path / "x.spz").read_bytes())
    assert len(body) == 16 + 65 * 150_000
    torch.testing.assert_close(formats.load(tmp_path / "x.spz").splats().means, before.means, atol=1.3e-4, rtol=0)
