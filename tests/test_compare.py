"""What is told of two worlds: errors that were put there are found, and none where there are none."""

import json
import math
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

import splatworld
from splatworld import formats, sh
from splatworld.cli import main
from splatworld.compare import Comparison, compare, compare_files, file_bytes, viewing
from splatworld.compare.attributes import attributes, turns
from splatworld.compare.rows import paired
from splatworld.errors import Cancelled
from splatworld.geometry import quats_from_matrices, rotation_matrices
from splatworld.splats import Splats
from splatworld.splats import empty as no_splats
from splatworld.world import Layer, Thing, Viewpoint, World, from_splats


def cloud(n: int = 2_000, *, degree: int = 1, seed: int = 0) -> Splats:
    """Long, flat and round splats of all colours, about a metre apart from the origin."""
    g = torch.Generator().manual_seed(seed)
    bands = torch.randn(n, (degree + 1) ** 2, 3, generator=g) * 0.1
    bands[:, 0] = sh.from_rgb(torch.rand(n, 3, generator=g))
    return Splats(
        means=torch.randn(n, 3, generator=g) * 0.5,
        quats=torch.randn(n, 4, generator=g),
        log_scales=torch.rand(n, 3, generator=g) * 2 - 5,
        logit_opacities=torch.randn(n, generator=g) * 2,
        sh=bands,
    )


def turned_about_x(splats: Splats, degrees: float) -> Splats:
    """Each splat turned about the first of its own axes."""
    half = math.radians(degrees) / 2
    w, x, y, z = torch.nn.functional.normalize(splats.quats.double(), dim=1).unbind(1)
    c, s = math.cos(half), math.sin(half)
    return replace(splats, quats=torch.stack([c * w - s * x, c * x + s * w, c * y + s * z, c * z - s * y], 1).float())


def quick(a: Splats | World, b: Splats | World) -> Comparison:
    worlds = [from_splats(x) if isinstance(x, Splats) else x for x in (a, b)]
    return compare(*worlds, cameras=viewing(worlds[0], views=2, width=96, height=64))


def test_a_world_is_identical_to_itself() -> None:
    found = quick(cloud(), cloud())
    assert found.identical
    assert (found.matched, found.psnr) == (1.0, None)
    assert found.ssim == pytest.approx(1, abs=1e-6)
    assert found.attributes is not None
    assert found.attributes.position_max_m == found.attributes.rotation_p99_deg == found.attributes.opacity_rms == 0
    assert found.attributes.sh_rms == (0.0,)
    assert json.loads(msgspec.json.encode(found))["psnr"] is None


def test_errors_are_those_that_were_made() -> None:
    a = cloud()
    b = replace(
        a,
        means=a.means + torch.tensor([3e-4, 0.0, 4e-4]),
        log_scales=a.log_scales + 0.01,
        logit_opacities=torch.logit((a.opacities + 0.002).clamp(max=1)),
        sh=a.sh + torch.tensor([0.1, 0.02, 0.02, 0.02])[:, None],
    )
    found = attributes(a, b)
    assert found.position_median_m == pytest.approx(5e-4, rel=1e-3)
    assert found.position_max_m == pytest.approx(5e-4, rel=1e-2)
    assert found.log_scale_rms == pytest.approx(0.01, rel=1e-3)
    assert found.rotation_p99_deg < 1e-3
    assert found.opacity_rms == pytest.approx(0.002, rel=0.01)
    assert found.opacity_bias == pytest.approx(0.002, rel=0.01)
    assert found.colour_rms == pytest.approx(0.1 * sh.C0, rel=1e-3)
    assert found.sh_rms == (pytest.approx(0.02, rel=1e-3),)
    assert attributes(b, a).opacity_bias == pytest.approx(-0.002, rel=0.01)


def test_bands_that_one_lacks_count_as_zero() -> None:
    a = cloud(degree=2)
    found = attributes(a, a.with_degree(1))
    assert found.sh_rms[0] == 0
    assert found.sh_rms[1] == pytest.approx(float(a.sh[:, 4:].square().mean().sqrt()), rel=0.05)


def test_the_colour_of_what_is_not_seen_is_free() -> None:
    a = replace(cloud(), logit_opacities=torch.where(torch.arange(2_000) < 1_000, -30.0, 2.0))
    changed = a.sh.clone()
    changed[:1_000] += 1
    assert attributes(a, replace(a, sh=changed)).colour_rms < 1e-5
    changed = a.sh.clone()
    changed[1_000:, 0] += 0.1
    assert attributes(a, replace(a, sh=changed)).colour_rms == pytest.approx(0.1 * sh.C0, rel=1e-3)


def test_two_never_share_a_partner_while_another_is_left() -> None:
    a = replace(cloud(3), means=torch.tensor([[0.0, 0, 0], [1e-3, 0, 0], [2e-3, 0, 0]]))
    a = replace(a, **{name: getattr(a, name)[:1].expand_as(getattr(a, name)) for name in ("log_scales", "sh")})
    a = replace(a, logit_opacities=torch.zeros(3))
    b = replace(a, means=a.means[[1, 2, 0]] + torch.tensor([4e-4, 0.0, 0.0]))
    assert sorted(paired(a, b).b.tolist()) == [0, 1, 2]


def test_a_turn_counts_by_the_shape() -> None:
    """Ten degrees about the first axis: all of it for a needle across, none for a splat round about that axis."""
    needle = replace(cloud(50), log_scales=torch.tensor([-9.0, -2.0, -9.0]).repeat(50, 1))
    disc = replace(needle, log_scales=torch.tensor([-9.0, -2.0, -2.0]).repeat(50, 1))
    ball = replace(needle, log_scales=torch.full((50, 3), -3.0))
    for splats, expected in ((needle, 10.0), (disc, 0.0), (ball, 0.0)):
        angles, change = turns(splats, turned_about_x(splats, 10))
        assert float((angles - expected).abs().max()) < 1e-3
        assert float(change.abs().max()) == 0
    # A disc that tips over is seen to.
    tipped = turns(replace(disc, log_scales=torch.tensor([-2.0, -9.0, -2.0]).repeat(50, 1)), turned_about_x(disc, 0))
    assert float(tipped[1].abs().max()) < 1e-9


def test_the_weight_of_a_turn_is_the_change_of_the_covariance() -> None:
    splats = cloud(200)
    moved = turned_about_x(splats, 0.05)
    s = splats.scales.double()
    expected = 0.05 * (s[:, 1] ** 2 - s[:, 2] ** 2).abs() / (s[:, 1] ** 2 + s[:, 2] ** 2)
    torch.testing.assert_close(turns(splats, moved)[0], expected, atol=2e-4, rtol=1e-2)


@pytest.mark.parametrize("axes", [(1, 2, 0), (1, 0, 2), (2, 1, 0)])
def test_other_names_for_the_axes_are_no_error(axes: tuple[int, int, int]) -> None:
    a = cloud(500)
    columns = rotation_matrices(a.quats.double())[:, :, list(axes)]
    columns[:, :, 0] *= torch.linalg.det(columns)[:, None]
    b = replace(
        a,
        quats=torch.from_numpy(quats_from_matrices(columns.numpy())).float(),
        log_scales=a.log_scales[:, list(axes)],
    )
    torch.testing.assert_close(a.covariances, b.covariances, atol=1e-6, rtol=1e-4)
    angles, change = turns(a, b)
    assert float(angles.max()) < 1e-3
    assert float(change.abs().max()) < 1e-6
    assert float(turns(a, replace(a, quats=-3 * a.quats))[0].max()) < 1e-3


def test_rows_in_another_order_find_their_partners() -> None:
    a = cloud()
    order = torch.randperm(len(a), generator=torch.Generator().manual_seed(1))
    b = replace(a[order], means=a.means[order] + 1e-4)
    pairs = paired(a, b)
    assert pairs.matched == 1.0
    assert bool((order[pairs.b] == pairs.a).all())
    assert not quick(a, b).identical


def test_splats_in_one_place_are_told_apart_by_their_look() -> None:
    a = replace(cloud(6), means=torch.zeros(6, 3))
    pairs = paired(a, a[torch.tensor([3, 4, 5, 0, 1, 2])])
    assert pairs.b.tolist() == [3, 4, 5, 0, 1, 2]


def test_fewer_splats_are_compared_with_those_that_they_came_from() -> None:
    a = cloud()
    kept = torch.arange(0, len(a), 4)
    found = quick(a, a[kept])
    assert found.matched == 0.25
    assert (found.a.splats, found.b.splats) == (2_000, 500)
    assert found.attributes is not None
    assert found.attributes.position_max_m == 0
    assert found.psnr is not None
    assert found.psnr < 30
    swapped = paired(a[kept], a)
    assert swapped.b.tolist() == kept.tolist()


def test_more_error_is_less_psnr() -> None:
    a = cloud()
    noise = torch.randn(a.means.shape, generator=torch.Generator().manual_seed(2))
    levels = [quick(a, replace(a, means=a.means + noise * size)) for size in (1e-4, 1e-3, 1e-2)]
    decibels = [found.psnr for found in levels]
    assert decibels == sorted(decibels, reverse=True)
    assert levels[0].ssim > levels[1].ssim > levels[2].ssim
    assert levels[0].psnr > levels[2].psnr + 20


def test_black_does_not_hide_what_is_missing() -> None:
    """Black splats are nothing on black: it is on white that they are missed."""
    black = replace(cloud(degree=0), sh=sh.from_rgb(torch.zeros(2_000, 1, 3)))
    found = quick(black, black[:0])
    assert found.attributes is None
    assert found.matched == 0
    assert found.psnr is not None
    assert found.psnr < 20
    assert max(view.covered for view in found.views) > 0.1


def test_worlds_without_splats_are_equal() -> None:
    found = quick(no_splats(), no_splats())
    assert found.identical
    assert found.attributes is None
    assert found.psnr is None


def test_values_that_are_no_numbers_are_left_out() -> None:
    a = cloud(100)
    broken = a.means.clone()
    broken[3, 1] = torch.nan
    found = quick(a, replace(a, means=broken))
    assert (found.a.splats, found.b.splats) == (100, 99)
    assert found.attributes is not None
    assert found.attributes.position_max_m == 0


def test_structure_is_told() -> None:
    splats = cloud(300).with_extras(thing=torch.ones(300, dtype=torch.int32))
    things = (Thing(id=1, name="boat 1", kind="boat"),)
    a = World(
        (Layer("base", "base", splats),),
        things,
        labels=("sky", "boat"),
        viewpoints=(Viewpoint("start", (0, -3, 1), (0, 0, 0)),),
    )
    ids = torch.ones(300, dtype=torch.int32)
    ids[:30] = 2
    found = quick(a, splats.with_extras(thing=ids))
    assert (found.a.things, found.a.labels, found.a.viewpoints, found.a.extras) == (1, 2, 1, ("thing",))
    assert (found.b.things, found.b.labels, found.b.viewpoints) == (0, 0, 0)
    assert found.attributes is not None
    assert found.attributes.same_thing == pytest.approx(0.9)
    assert quick(a, cloud(300)).attributes.same_thing is None  # type: ignore[union-attr]


def test_a_world_is_seen_from_its_viewpoints_and_all_around() -> None:
    views = (Viewpoint("start", (0, -3, 1), (0, 0, 1)), Viewpoint("far", (9, 9, 9), (0, 0, 0), 30.0))
    cameras = viewing(replace(from_splats(cloud()), viewpoints=views), views=6, width=90, height=60)
    assert len(cameras) == 6
    eyes = cameras.positions
    torch.testing.assert_close(eyes[1], torch.tensor([9.0, 9.0, 9.0]), atol=1e-4, rtol=0)
    assert float((eyes[2:] - eyes[0]).abs().max()) < 1e-4
    ahead = cameras.world_from_camera[:, :3, 2]
    turns_between = (ahead[[0, 2, 3, 4, 5]] * ahead[[2, 3, 4, 5, 0]]).sum(1)
    torch.testing.assert_close(turns_between, torch.full((5,), math.cos(2 * math.pi / 5)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("views", [1, 2, 5])
def test_any_number_of_views(views: int) -> None:
    world = from_splats(cloud(50))
    assert len(viewing(world, views=views, width=9, height=9)) == views
    named = replace(world, viewpoints=(Viewpoint("start", (0, -3, 1), (0, 0, 0)),) * 3)
    assert len(viewing(named, views=views, width=9, height=9)) == views


def test_it_can_be_stopped() -> None:
    def stop(event: object) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        compare(from_splats(cloud(20)), from_splats(cloud(20)), progress=stop)


def test_files_have_sizes_and_folders_too(tmp_path: Path) -> None:
    formats.save(cloud(200), tmp_path / "a.ply")
    formats.save(cloud(200), tmp_path / "b.spz")
    found = compare_files(tmp_path / "a.ply", tmp_path / "b.spz", views=1, width=64, height=48)
    assert found.a.bytes == (tmp_path / "a.ply").stat().st_size
    assert found.b.bytes_per_splat == (tmp_path / "b.spz").stat().st_size / 200
    folder = tmp_path / "parts"
    (folder / "0").mkdir(parents=True)
    (folder / "lod-meta.json").write_bytes(b"12")
    (folder / "0" / "x.webp").write_bytes(b"345")
    assert file_bytes(folder) == file_bytes(folder / "lod-meta.json") == 5


def test_the_package_can_be_called() -> None:
    assert splatworld.compare(from_splats(cloud(20)), from_splats(cloud(20))).identical


def test_the_verb_prints_a_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(tmp_path / name) for name in ("a.ply", "b.spz")]
    for file in files:
        formats.save(cloud(200), file)
    small = ["--views", "2", "--width", "64", "--height", "48"]
    assert main(["compare", *files, *small]) == 0
    shown = capsys.readouterr().out
    for words in ("a.ply", "b.spz", "bytes a splat", "SH band 1", "PSNR", "dB", "SSIM"):
        assert words in shown
    assert main(["compare", files[0], files[0], *small]) == 0
    assert "identical" in capsys.readouterr().out
    assert main(["compare", *files, *small, "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=Comparison)
    assert found.b.bytes == Path(files[1]).stat().st_size


def test_the_verb_fails_below_a_psnr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(tmp_path / name) for name in ("a.ply", "b.spz")]
    for file in files:
        formats.save(cloud(200), file)
    small = ["--views", "1", "--width", "64", "--height", "48"]
    assert main(["compare", *files, *small, "--min-psnr", "90"]) == 1
    assert "below 90" in capsys.readouterr().err
    assert main(["compare", *files, *small, "--min-psnr", "20"]) == 0
    assert main(["compare", files[0], files[0], *small, "--min-psnr", "200"]) == 0
    assert main(["compare", *files, "--views", "0"]) == 2
    assert main(["compare", *files, "--width", "0"]) == 2
