"""The CUDA kernels' forward, run thread for thread on the host (cuda_ext/cuda/simt.h) by the driver that GPUs have."""

import math
from types import ModuleType
from typing import Any

import pytest
import torch
from render_cases import ahead, cloud, one, stored, view
from torch import Tensor

from splatworld.camera import Camera
from splatworld.errors import BackendError
from splatworld.render import cuda, reference
from splatworld.render.params import Params, RenderSettings, Sums
from splatworld.splats import Splats

EXACT = 1e-5
"""How far colours may be from the reference where no decision fell otherwise."""
EDGE = 2 / 255
"""And where rounding made one splat count or not."""


def params(splats: Splats, features: Tensor | None = None, **more: Any) -> Params:
    rows = (splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh)
    return Params(*rows, features, splats.extras.get("thing"), **more)


def images(sums: Sums) -> dict[str, Tensor]:
    names = ("rgb", "alpha", "depth_sum", "features", "median", "things", "skipped")
    return {name: image for name in names if (image := getattr(sums, name)) is not None}


def assert_same(found: Sums, expected: Sums, *, edges: float = 0.005) -> None:
    """Equal to EXACT but for at most the part `edges` of the pixels, which lie within EDGE."""
    assert images(found).keys() == images(expected).keys()
    for name, image in images(found).items():
        other = getattr(expected, name)
        assert image.shape == other.shape, name
        if image.dtype == torch.int32:
            assert (image != other).float().mean() <= edges, name
            continue
        assert image.isfinite().all(), name
        scale = other.abs().max().clamp(min=1)
        far = (image - other).abs() / scale
        assert (far > EXACT).float().mean() <= edges, (name, far.max())
        if name != "median":
            assert far.max() <= EDGE, (name, far.max())


def frame_of(kernels: ModuleType, p: Params, camera: Camera, settings: RenderSettings) -> dict[str, Tensor]:
    """What one picture leaves behind for the way back."""
    plan = cuda._Plan(p, camera, settings, None, kernels)
    inputs = [camera.camera_from_world, p.means, p.quats, p.log_scales, p.logit_opacities, p.sh]
    _, [frame] = plan.draw([t.contiguous() for t in inputs], keep=True)
    tiles = -(-camera.width // 16) * -(-camera.height // 16)
    pixels = camera.width * camera.height
    counters = _array(frame, "counters", torch.int32, 8)
    visible, pairs = int(counters[0]), int(counters[2])
    return {
        "geometry": _array(frame, "geometry", torch.float32, 8 * visible).view(visible, 8),
        "values": _array(frame, "values", torch.float32, 4 * visible).view(visible, 4),
        "pairs": _array(frame, "pairs", torch.int32, pairs).long(),
        "ranges": _array(frame, "ranges", torch.int32, 2 * tiles).view(tiles, 2),
        "last": _array(frame, "last", torch.int32, pixels).view(camera.height, camera.width),
        "tile_last": _array(frame, "tile_last", torch.int32, tiles),
        "transmittance": _array(frame, "transmittance", torch.float32, pixels).view(camera.height, camera.width),
        "checkpoint_values": _array(frame, "checkpoint_values", torch.float32, 4 * (pairs // 256) * 256),
        "checkpoint_transmittance": _array(frame, "checkpoint_transmittance", torch.float32, pairs // 256 * 256),
    }


def _array(frame: cuda.Frame, name: str, dtype: torch.dtype, count: int) -> Tensor:
    start = frame.kernels.addresses[name] - frame.memory.data_ptr()
    return frame.memory[start : start + count * dtype.itemsize].clone().view(dtype)


def rows_of(frame: dict[str, Tensor]) -> Tensor:
    return frame["geometry"][:, 7].contiguous().view(torch.int32).long()


def alphas_of(frame: dict[str, Tensor], numbers: Tensor, tile_x: int, tile_y: int) -> Tensor:
    """[256, m]: of footprints at a tile's pixels, 0 where too faint to count."""
    y, x = torch.meshgrid(torch.arange(16) + 16 * tile_y + 0.5, torch.arange(16) + 16 * tile_x + 0.5, indexing="ij")
    gx, gy, p, q, r, power, _, _ = frame["geometry"][numbers].double().unbind(1)
    dx, dy = x.reshape(-1, 1) - gx, y.reshape(-1, 1) - gy
    log2 = power - (p * dx + q * dy) ** 2 - (r * dy) ** 2
    return torch.where(log2 >= math.log2(1 / 255), log2.exp2(), 0).clamp(max=0.999)


@pytest.mark.parametrize("degree", range(5))
def test_the_picture_is_the_references(kernels: ModuleType, degree: int) -> None:
    splats = cloud(150, degree=degree)
    p = params(splats, torch.randn(150, 5, generator=torch.Generator().manual_seed(1)))
    camera = view(64, 48)
    assert_same(cuda.blend(p, camera, RenderSettings(), kernels=kernels), reference.blend(p, camera, RenderSettings()))


@pytest.mark.parametrize("stored_degree", [1, 3])
@pytest.mark.parametrize("asked", [0, 1, 2])
def test_fewer_bands_than_stored(kernels: ModuleType, stored_degree: int, asked: int) -> None:
    p, settings = params(cloud(60, degree=stored_degree)), RenderSettings(sh_degree=asked)
    camera = view(40, 24)
    assert_same(cuda.blend(p, camera, settings, kernels=kernels), reference.blend(p, camera, settings))


@pytest.mark.parametrize("lens", ["pinhole", "orthographic", "fisheye"])
@pytest.mark.parametrize("profile", ["gsplat", "gsplat16", "inria"])
@pytest.mark.parametrize("antialiased", [False, True])
def test_lenses_and_profiles(kernels: ModuleType, lens: Any, profile: Any, antialiased: bool) -> None:
    g = torch.Generator().manual_seed(3)
    splats = cloud(80, size=0.2)
    means = torch.randn(80, 3, generator=g) * torch.tensor([0.5, 0.4, 1.0]) + torch.tensor([0, 0, 2.5])
    p = params(Splats(means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh, splats.extras))
    camera, settings = ahead(50, 37, 30.0, lens), RenderSettings(profile=profile, antialiased=antialiased)
    assert_same(cuda.blend(p, camera, settings, kernels=kernels), reference.blend(p, camera, settings))


def test_activated_and_plain(kernels: ModuleType) -> None:
    splats = cloud(60)
    p = Params(
        splats.means,
        splats.quats,
        splats.log_scales.exp(),
        splats.logit_opacities.sigmoid(),
        torch.randn(60, 1, 3, generator=torch.Generator().manual_seed(2)),
        activated=True,
        plain=True,
    )
    camera, settings = view(40, 30), RenderSettings(near=2.0, far=18.0, radius_clip=2.0)
    found = cuda.blend(p, camera, settings, kernels=kernels)
    assert found.rgb.min() < 0
    assert_same(found, reference.blend(p, camera, settings))


@pytest.mark.parametrize("name", ["tiny_case", "basic_case"])
def test_stored_pictures_of_gsplat(kernels: ModuleType, name: str) -> None:
    splats, camera, expected = stored(name)
    found = cuda.blend(params(splats), camera, RenderSettings(), kernels=kernels)
    assert (torch.cat([found.rgb, found.alpha], -1)[0] - expected).abs().max() <= 5e-6


def test_footprints_are_the_references(kernels: ModuleType) -> None:
    p, camera = params(cloud(200, degree=2)), view(64, 48)[0]
    frame = frame_of(kernels, p, camera, RenderSettings())
    expected, _ = reference.project(p, camera, RenderSettings())
    rows = rows_of(frame)
    assert (rows.diff() > 0).all(), "in the order of rows"
    by_row = expected[expected.splats.argsort()]
    # The reference keeps boxes that reach into the image; those whose ellipse touches no tile are left out here.
    kept = torch.isin(by_row.splats, rows)
    assert kept.sum() == len(rows)
    assert kept.float().mean() > 0.95
    by_row = by_row[kept]
    torch.testing.assert_close(frame["geometry"][:, :2], by_row.centres, rtol=1e-5, atol=1e-4)
    whitening = by_row.whitening * 0.8493218
    torch.testing.assert_close(frame["geometry"][:, 2:5], whitening, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(frame["geometry"][:, 5].exp2(), by_row.opacities, rtol=1e-5, atol=0)
    torch.testing.assert_close(frame["values"], by_row.values, rtol=1e-5, atol=1e-5)


def test_lists_hold_what_shows_nearest_first(kernels: ModuleType) -> None:
    camera = view(64, 48)[0]
    frame = frame_of(kernels, params(cloud(200)), camera, RenderSettings())
    depths, every = frame["values"][:, 3], torch.arange(len(frame["values"]))
    listed = 0
    for tile, (begin, end) in enumerate(frame["ranges"].tolist()):
        numbers = frame["pairs"][begin:end]
        keys = list(zip(depths[numbers].tolist(), numbers.tolist(), strict=True))
        assert keys == sorted(keys)
        shows = (alphas_of(frame, every, tile % 4, tile // 4) > 0).any(0)
        assert set(every[shows].tolist()) <= set(numbers.tolist())
        listed += len(numbers)
        # A tile's list is exact but for the room that rounding is given: what shows nowhere in it passes nearby.
        idle = numbers[~shows[numbers]]
        assert len(idle) <= 0.25 * len(numbers) + 2
    assert listed == len(frame["pairs"])


def test_equal_depths_go_by_row(kernels: ModuleType) -> None:
    splats = one()
    n = 40
    same = Splats(*(t.expand(n, *t.shape[1:]).contiguous() for t in params_rows(splats)))
    frame = frame_of(kernels, params(same), ahead(), RenderSettings())
    begin, end = frame["ranges"][frame["ranges"].diff(dim=1).argmax()].tolist()
    assert frame["pairs"][begin:end].tolist() == list(range(n))


def params_rows(splats: Splats) -> tuple[Tensor, ...]:
    return splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh


def test_long_lists_and_their_checkpoints(kernels: ModuleType) -> None:
    g = torch.Generator().manual_seed(5)
    n = 900
    means = torch.rand(n, 3, generator=g) * torch.tensor([0.6, 0.4, 3.0]) + torch.tensor([-0.3, -0.2, 1.0])
    splats = Splats(
        means, torch.randn(n, 4, generator=g), torch.full((n, 3), -2.0), torch.full((n,), -4.5), torch.rand(n, 1, 3)
    )
    p, camera = params(splats), ahead(33, 21)
    assert_same(cuda.blend(p, camera, RenderSettings(), kernels=kernels), reference.blend(p, camera, RenderSettings()))
    frame = frame_of(kernels, p, camera, RenderSettings())
    checked = 0
    for tile, (begin, end) in enumerate(frame["ranges"].tolist()):
        tile_x, tile_y = tile % 3, tile // 3
        numbers = frame["pairs"][begin:end]
        alphas = alphas_of(frame, numbers, tile_x, tile_y)
        after = torch.cumprod(1 - alphas, 1)
        inside = (torch.arange(16)[:, None] + 16 * tile_y < 21) & (torch.arange(16) + 16 * tile_x < 33)
        last = torch.where(alphas > 0, torch.arange(1, len(numbers) + 1), 0).amax(1).view(16, 16)
        picture = frame["last"][16 * tile_y : 16 * tile_y + 16, 16 * tile_x : 16 * tile_x + 16]
        assert (picture != last[inside].view(picture.shape)).float().mean() < 0.01
        assert frame["tile_last"][tile] == picture.max()
        for bucket in range(1, -(-int(frame["tile_last"][tile]) // 256)):
            slot = begin // 256 + bucket - 1
            kept = frame["checkpoint_transmittance"][256 * slot : 256 * slot + 256].double().view(16, 16)
            expected = after[:, 256 * bucket - 1].view(16, 16)
            assert (kept - expected)[inside].abs().max() < EDGE
            assert ((kept - expected)[inside].abs() > 1e-5).float().mean() < 0.05
            weights = (torch.cat([torch.ones(256, 1), after[:, :-1]], 1) * alphas)[:, : 256 * bucket]
            prefix = weights @ frame["values"][numbers[: 256 * bucket]].double()
            found = frame["checkpoint_values"].view(-1, 256, 4)[slot].double()
            assert ((found - prefix)[inside.view(-1)].abs() > 1e-4).float().mean() < 0.05
            checked += 1
    assert checked >= 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_order_of_threads_changes_a_bit(kernels: ModuleType, seed: int) -> None:
    p, camera = params(cloud(120), torch.ones(120, 2)), view(48, 32)
    first = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    kernels.set_seed(seed)
    again = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    for name, image in images(first).items():
        assert torch.equal(image, getattr(again, name)), name


def test_what_does_not_fit_is_drawn_again(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    p, camera = params(cloud(300)), view(64, 48)
    expected = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    cuda._memory.cache_clear()
    rooms: list[tuple[int, int]] = []
    room = cuda._Memory.room

    def narrow(memory: Any, kind: tuple[int, ...], count: int, most: int) -> cuda.Needed:
        wanted = room(memory, kind, count, most) if kind in memory.seen else cuda.Needed(10, 20)
        rooms.append(wanted)
        return wanted

    monkeypatch.setattr(cuda._Memory, "room", narrow)
    found = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    assert len(rooms) >= 3
    for name, image in images(expected).items():
        assert torch.equal(image, getattr(found, name)), name


def test_bands_give_the_same_picture(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    p, camera = params(cloud(100), torch.ones(100, 1)), view(40, 70)
    broken = p.means.clone()
    broken[3] = torch.nan
    p = Params(broken, *params_rows(cloud(100))[1:], p.features, p.things)
    expected = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    monkeypatch.setattr(kernels, "TILES_MAX", 6)  # rows of three tiles: two rows a band
    found = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    assert expected.skipped.tolist() == [1, 1]
    for name, image in images(expected).items():
        assert torch.equal(image, getattr(found, name)), name


def test_too_many_pairs_are_drawn_in_parts(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    p, camera = params(cloud(100)), view(40, 70)
    expected = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    pairs = sum(needed.pairs for needed in cuda._memory(torch.device("cpu"), 0).seen.values())
    monkeypatch.setattr(cuda, "_PAIRS_USUAL", pairs // 3)
    found = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    assert len(cuda._memory(torch.device("cpu"), 0).seen) > 1
    for name, image in images(expected).items():
        assert torch.equal(image, getattr(found, name)), name
    monkeypatch.setattr(cuda, "PAIRS_MAX", 3)
    monkeypatch.setattr(cuda, "_PAIRS_USUAL", 3)
    with pytest.raises(BackendError, match="at most 3 fit"):
        cuda.blend(p, camera, RenderSettings(), kernels=kernels)


def test_splats_over_many_tiles(kernels: ModuleType) -> None:
    splats = one(sigma=(3.0, 0.6, 0.1), opacity=0.9)
    turned = Splats(splats.means, torch.tensor([[0.9, 0, 0, 0.4]]), *params_rows(splats)[2:], splats.extras)
    camera = ahead(250, 190, 60.0)
    frame = frame_of(kernels, params(turned), camera, RenderSettings())
    assert len(frame["pairs"]) > 64, "more than a thread writes alone"
    assert_same(
        cuda.blend(params(turned), camera, RenderSettings(), kernels=kernels),
        reference.blend(params(turned), camera, RenderSettings()),
    )


def test_many_blocks_look_back(kernels: ModuleType) -> None:
    """More than 32 blocks of 256: sums reach back over several steps of a warp."""
    n = 10_000
    splats = cloud(n, size=0.01, degree=0)
    camera = view(32, 16)[0]
    frame = frame_of(kernels, params(splats), camera, RenderSettings())
    expected, _ = reference.project(params(splats), camera, RenderSettings())
    rows = rows_of(frame)
    assert (rows.diff() > 0).all()
    assert set(rows.tolist()) <= set(expected.splats.tolist())
    assert len(rows) > 0.9 * len(expected.splats)


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("size", [(1, 1), (17, 1), (1, 33)])
def test_small_things(kernels: ModuleType, n: int, size: tuple[int, int]) -> None:
    p, camera = params(cloud(3)[:n]), view(*size)
    assert_same(cuda.blend(p, camera, RenderSettings(), kernels=kernels), reference.blend(p, camera, RenderSettings()))
    none = cuda.blend(p, camera[0:0], RenderSettings(), kernels=kernels)
    assert none.rgb.shape == (0, size[1], size[0], 3)


def test_poison(kernels: ModuleType) -> None:
    """What is not finite is left out and counted, what is extreme does no harm."""
    splats = cloud(64)
    rows = [t.clone() for t in params_rows(splats)]
    bad = torch.tensor([math.nan, math.inf, -math.inf, 1e38, -1e38, 1e-45, 0.0, 3e19])
    for column, tensor in enumerate(rows):
        flat = tensor.view(64, -1)
        for i, value in enumerate(bad):
            flat[8 * column + i, i % flat.shape[1]] = value
    rows[2][50] = 40.0
    rows[2][51] = -40.0
    rows[1][52] = 0.0
    p, camera = Params(*rows), view(40, 30)
    found, expected = (
        cuda.blend(p, camera, RenderSettings(), kernels=kernels),
        reference.blend(p, camera, RenderSettings()),
    )
    assert found.rgb.isfinite().all()
    assert found.skipped.tolist() == expected.skipped.tolist()
    assert_same(found, expected, edges=0.02)


def test_a_camera_that_is_not_finite_sees_nothing(kernels: ModuleType) -> None:
    camera = view(20, 20)
    poses = camera.camera_from_world.clone()
    poses[0, 0, 3] = math.nan
    found = cuda.blend(params(cloud(30)), Camera(poses, camera.Ks, 20, 20), RenderSettings(), kernels=kernels)
    assert found.alpha[0].abs().max() == 0
    assert found.alpha[1].max() > 0


def test_doubles_and_strides_are_copied(kernels: ModuleType) -> None:
    p, camera = params(cloud(40)), view(30, 20)
    expected = cuda.blend(p, camera, RenderSettings(), kernels=kernels)
    rows = [torch.stack([t.double(), t.double()], -1)[..., 0] for t in (p.means, p.quats, p.log_scales)]
    other = Params(*rows, p.logit_opacities.double(), p.sh.double(), things=p.things)
    found = cuda.blend(other, camera, RenderSettings(), kernels=kernels)
    assert torch.equal(found.rgb, expected.rgb)


def test_sentences_where_it_cannot_be_used() -> None:
    reason = cuda.unavailable(params(cloud(2)))
    assert reason is not None
    assert any(part in reason for part in ("no CUDA kernels", "built without CUDA", "no GPU", "on the device cpu"))
