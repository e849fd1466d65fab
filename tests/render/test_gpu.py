"""The CUDA kernels on a GPU. What they compute is tested everywhere, emulated; here is what only a GPU shows."""

import math
from dataclasses import replace
from functools import cache, partial

import pytest
import torch
from native_cases import Case, assert_equal_bits, cases, gradients, images, params_of, with_gradients
from render_cases import ahead, cloud, drawn, one, stored, view
from test_native import assert_same_picture
from torch import Tensor

from splatworld.camera import Camera
from splatworld.errors import BackendError
from splatworld.optimize import Adam, stepper
from splatworld.optimize.fused import NAMES, FusedStep
from splatworld.optimize.step import step
from splatworld.render import cuda, reference, render
from splatworld.render.packed import PackedScene
from splatworld.render.params import Params, RenderSettings, Sums
from splatworld.splats import cat, empty

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(cuda.unavailable() is not None, reason=str(cuda.unavailable())),
]

PLAIN = RenderSettings()
CASES = cases()


def on(device: str, case: Case) -> Case:
    """The case with its tensors there."""
    tensors = {
        name: value.to(device)
        for name in ("means", "quats", "log_scales", "logit_opacities", "sh", "features", "things")
        if (value := getattr(case.params, name)) is not None
    }
    cameras = replace(
        case.cameras, camera_from_world=case.cameras.camera_from_world.to(device), Ks=case.cameras.Ks.to(device)
    )
    return Case(replace(case.params, **tensors), cameras, case.settings)


def pictured(case: Case) -> Sums:
    """Drawn on the GPU, brought back."""
    case = on("cuda", case)
    sums = cuda.blend(case.params, case.cameras, case.settings)
    return Sums(*(None if (t := getattr(sums, name)) is None else t.cpu() for name in Sums.__slots__))


def computed(case: Case) -> dict[str, Tensor]:
    case = with_gradients(on("cuda", case))
    found = gradients(case, cuda.blend(case.params, case.cameras, case.settings))
    return {name: grad.cpu() for name, grad in found.items()}


@cache
def slopes(name: str) -> dict[str, Tensor]:
    case = with_gradients(CASES[name], torch.float64)
    return gradients(case, reference.blend(case.params, case.cameras, case.settings))


@pytest.mark.parametrize("name", CASES)
def test_same_picture_as_the_reference(name: str) -> None:
    case = CASES[name]
    assert_same_picture(pictured(case), reference.blend(case.params, case.cameras, case.settings))


@pytest.mark.parametrize("name", ["tiny_case", "basic_case"])
def test_gsplat_drew_the_same(name: str) -> None:
    splats, camera, rgba = stored(name)
    picture = pictured(Case(params_of(splats), camera))
    assert torch.allclose(torch.cat([picture.rgb[0], picture.alpha[0]], -1), rgba, atol=5e-6)


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_same_gradients_as_the_reference(name: str, deterministic: bool) -> None:
    case = CASES[name]
    settings = replace(case.settings, deterministic=deterministic)
    for leaf, grad in computed(replace(case, settings=settings)).items():
        want = slopes(name)[leaf]
        assert ((grad - want).norm() / want.norm()).item() < 1e-3, leaf


def test_the_same_bits_every_time() -> None:
    params = params_of(cloud(9000, degree=2), torch.rand(9000, 5, generator=torch.Generator().manual_seed(2)))
    case = Case(params, view(200, 130), RenderSettings(deterministic=True))
    pictures, ways_back = [images(pictured(case)) for _ in range(3)], [computed(case) for _ in range(3)]
    for found in (pictures, ways_back):
        assert_equal_bits(found[0], found[1])
        assert_equal_bits(found[0], found[2])


def test_small_enough_for_a_sanitizer() -> None:
    """`scripts/gpu_check` runs this under compute-sanitizer: every kernel, few threads."""
    params = params_of(cloud(200, degree=3, size=0.3), torch.rand(200, 5))
    for settings in (PLAIN, RenderSettings(antialiased=True, deterministic=True)):
        case = Case(params, view(75, 50)[0], settings)
        assert pictured(case).alpha.mean() > 0.1
        assert all(grad.isfinite().all() for grad in computed(case).values())


def test_a_scene_that_grows_between_frames() -> None:
    """Buffers are as large as the frames before needed; a frame that does not fit is drawn again."""
    camera = view(300, 200)
    for n, size in ((10, 0.01), (5000, 0.05), (20_000, 0.8), (50, 0.01), (40_000, 0.4)):
        splats = cloud(n, size=size)
        got = pictured(Case(params_of(splats), camera))
        assert_same_picture(got, drawn_on_cpu(params_of(splats), camera))


def drawn_on_cpu(params: Params, camera: Camera) -> Sums:
    from splatworld.render import blend

    return blend(params, camera, PLAIN)


def test_another_stream_gives_the_same() -> None:
    case = CASES["small"]
    want, other = pictured(case), torch.cuda.Stream()
    with torch.cuda.stream(other):
        found = pictured(case)
    other.synchronize()
    assert_equal_bits(images(found), images(want))


def test_lists_that_outgrow_their_memory_are_made_in_parts() -> None:
    camera = ahead(960, 540, 500.0)
    sheets = one(sigma=(99, 99, 0.1), opacity=0.005)[torch.zeros(20_000, dtype=torch.long)]
    picture = pictured(Case(params_of(sheets), camera))
    assert (picture.alpha - picture.alpha[0, 0, 0]).abs().max() < 1e-3
    assert picture.alpha.min() > 0.99


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 3), (16_384, 20), (20, 16_384), (8192, 8192)])
def test_every_image_size(width: int, height: int) -> None:
    splats = cat([one(sigma=(900, 900, 0.1), opacity=0.9), one((0.01, 0, 2), sigma=(0.1, 0.1, 0.1), thing=9)])
    camera = ahead(width, height)
    assert_same_picture(pictured(Case(params_of(splats), camera)), drawn_on_cpu(params_of(splats), camera))


def test_poison_is_counted_and_not_drawn() -> None:
    splats = cloud(300)
    broken = [one((math.nan, 0, 0)), replace(one(), quats=torch.full((1, 4), math.inf)), one(opacity=math.nan)]
    alone, among = (pictured(Case(params_of(s), view())) for s in (splats, cat([splats, *broken])))
    assert among.skipped.tolist() == [3, 3]
    assert torch.equal(alone.rgb, among.rgb)
    wild = replace(cloud(300), log_scales=torch.full((300, 3), 40.0))
    assert all(grad.isfinite().all() for grad in computed(Case(params_of(wild), view())).values())
    assert not pictured(Case(params_of(empty()), view())).rgb.any()


def test_packed_frames_are_within_a_few_levels() -> None:
    splats, cameras = cloud(3000, degree=3), view(320, 200)
    scene = PackedScene(splats.to("cuda"), settings=RenderSettings(background=(0.2, 0.3, 0.9)))
    for i in (0, 1, 0, 1):
        want = render(splats, cameras[i], settings=RenderSettings(background=(0.2, 0.3, 0.9))).rgb[0].clamp(0, 1) * 255
        apart = (scene.picture(cameras[i]).cpu().float() - want).abs()
        assert apart.mean() < 0.4
        assert apart.max() < 6


def test_the_fused_step_is_the_step_through_autograd() -> None:
    splats, cameras = cloud(3000, degree=2), view(160, 120)
    targets = render(cloud(3000, degree=2, seed=1), cameras).rgb.cuda()
    found = []
    for fused in (True, False):
        tensors = {name: getattr(splats, name).clone().cuda() for name in NAMES}
        params, adam = Params(**tensors), Adam(tensors, dict.fromkeys(NAMES, 1e-3), mode="lazy")
        take = stepper(params, adam, PLAIN) if fused else partial(step, params, adam, PLAIN, backend="cuda")
        assert isinstance(take, FusedStep) == fused
        losses = [take(cameras[i % 2], targets[i % 2 : i % 2 + 1]).loss.item() for i in range(20)]
        adam.flush()
        found.append((losses, tensors))
    (losses, fused), (others, apart) = found
    assert losses == pytest.approx(others, rel=2e-3)
    assert losses[-2] < losses[0]
    for name in NAMES:  # Adam makes full steps of gradients that are rounding, so a few rows differ by more
        assert (fused[name] - apart[name]).abs().median() < 1e-4, name


def test_auto_follows_the_splats() -> None:
    splats = cloud(100)
    picture = render(splats.to("cuda"), view())
    assert picture.rgb.device.type == "cuda"
    with pytest.raises(BackendError, match="cuda"):
        render(splats, view(), backend="cuda")
    assert drawn("cuda", splats, view(), normals=True).normals is not None
