"""The CUDA kernels' way back, run thread for thread on the host (cuda_ext/cuda/simt.h) by the driver that GPUs have."""

import gc
import math
import weakref
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native_cases import FLOATS, Case, assert_equal_bits, cases, gradients, params_of, with_gradients
from render_cases import ahead, cloud, one, view
from test_native_backward import POISON, truth
from torch import Tensor

from splatworld.render import cuda, reference
from splatworld.render.params import RenderSettings, Sums
from splatworld.splats import cat, empty

PLAIN = RenderSettings()
FIXED = RenderSettings(deterministic=True)
CASES = cases()


def drawn(kernels: ModuleType, case: Case, absolute: Tensor | None = None) -> Sums:
    return cuda.blend(case.params, case.cameras, case.settings, absolute=absolute, kernels=kernels)


def computed(kernels: ModuleType, case: Case) -> dict[str, Tensor]:
    case = with_gradients(case)
    return gradients(case, drawn(kernels, case))


def defined(case: Case) -> dict[str, Tensor]:
    """By the reference, in double precision."""
    case = with_gradients(case, torch.float64)
    return gradients(case, reference.blend(case.params, case.cameras, case.settings))


def assert_close(found: dict[str, Tensor], wanted: dict[str, Tensor], most: float) -> None:
    assert found.keys() == wanted.keys()
    for name, grad in found.items():
        want = wanted[name]
        assert want.norm() > 0, name
        assert ((grad - want).norm() / want.norm()).item() < most, name


def deep(count: int = 800, width: int = 40, height: int = 27) -> Case:
    """Veils over the whole picture: pixels take hundreds of them, and lists go over several buckets."""
    g = torch.Generator().manual_seed(3)
    z = 2 + 8 * torch.rand(count, generator=g)
    across = (2 * torch.rand(count, 2, generator=g) - 1) * z[:, None] * torch.tensor([0.5, 0.35])
    splats = replace(
        cloud(count, seed=3, degree=1),
        means=torch.cat([across, z[:, None]], 1),
        log_scales=0.4 * torch.randn(count, 3, generator=g) + z[:, None].log() - 1,
        logit_opacities=torch.randn(count, generator=g) - 4.5,
    )
    return Case(params_of(splats, torch.randn(count, 5, generator=g)), ahead(width, height))


def scene() -> Case:
    """Small, with all that has gradients."""
    features = torch.randn(150, 5, generator=torch.Generator().manual_seed(6))
    return Case(params_of(cloud(150, size=0.4, degree=3), features), view(70, 45))


@pytest.mark.parametrize("name", CASES)
def test_same_gradients_as_the_reference(kernels: ModuleType, name: str) -> None:
    assert_close(computed(kernels, CASES[name]), truth(name), 1e-4)


def test_deep_pixels(kernels: ModuleType) -> None:
    case = deep()
    drawn(kernels, case)
    (needed,) = cuda._memory(torch.device("cpu"), 0).seen.values()
    assert needed.pairs > 6 * 2 * 256, "more than two buckets in each of six tiles, on average"
    wanted = defined(case)
    for how in (PLAIN, FIXED):
        assert_close(computed(kernels, replace(case, settings=how)), wanted, 1e-4)


def test_opaque_in_front_of_much(kernels: ModuleType) -> None:
    """Clamped alphas let a thousandth through: what lies behind is weighed by 1 / (1 - alpha) and must not blow up."""
    case = deep()
    logits = case.params.logit_opacities.clone()
    logits[::20] += 14
    case = replace(case, params=replace(case.params, logit_opacities=logits))
    assert_close(computed(kernels, case), defined(case), 1e-4)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_order_of_threads_matters(kernels: ModuleType, seed: int) -> None:
    first = computed(kernels, scene())
    kernels.set_seed(seed)
    assert_close(computed(kernels, scene()), first, 1e-5)


def test_a_fixed_order_gives_the_same_bits(kernels: ModuleType) -> None:
    for case in (scene(), deep(300, 20, 20)):
        case = replace(case, settings=FIXED)
        first = computed(kernels, case)
        for seed in (1, 2):
            kernels.set_seed(seed)
            assert_equal_bits(first, computed(kernels, case))


def test_rows_that_nobody_sees_get_nothing(kernels: ModuleType) -> None:
    behind, aside = one((0, 0, -2)), one((50, 0, 2))
    faint, hidden = one((0, 0, 3), opacity=0.003), one((0, 0, 9), sigma=(0.1, 0.1, 0.1))
    wall = one((0, 0, 5), sigma=(99, 99, 0.1), opacity=0.9999)
    case = Case(params_of(cat([one(), behind, aside, faint, wall, wall, wall, hidden])), ahead())
    for how in (PLAIN, FIXED):
        grads = computed(kernels, replace(case, settings=how))
        for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
            rows = grads[name].reshape(8, -1)
            assert not rows[[1, 2, 3, 7]].any(), name
            assert name == "quats" or rows[0].any(), name
        assert (grads["camera_from_world"][:, 3] == 0).all()


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_poison_gives_finite_gradients_and_none_to_broken_rows(kernels: ModuleType, data: st.DataObject) -> None:
    params = params_of(cloud(8, size=0.5, degree=2))
    broken = {}
    for name in FLOATS[:-1]:
        tensor = getattr(params, name).clone()
        for index in data.draw(st.lists(st.integers(0, tensor.numel() - 1), max_size=6), label=name):
            tensor.view(-1)[index] = data.draw(POISON)
        broken[name] = tensor
    for how in (PLAIN, RenderSettings(antialiased=True, deterministic=True)):
        grads = computed(kernels, Case(replace(params, **broken), view(40, 30), how))
        lost = broken["means"].isnan().any(1)
        for name, grad in grads.items():
            assert grad.isfinite().all(), name
            assert name not in broken or not grad[lost].any(), name


def test_images_one_by_one(kernels: ModuleType) -> None:
    """Each image's gradients alone add up to those of all together."""
    case = with_gradients(scene())
    leaves = (case.params.means, case.params.sh, case.params.features, case.cameras.camera_from_world)
    assert all(leaf is not None for leaf in leaves)
    sums = drawn(kernels, case)
    pictures = [image for image in (sums.rgb, sums.alpha, sums.depth_sum, sums.features) if image is not None]
    options = {"retain_graph": True, "allow_unused": True, "materialize_grads": True}
    parts = [torch.autograd.grad(image.square().sum(), leaves, **options) for image in pictures]
    whole = torch.autograd.grad(sum(image.square().sum() for image in pictures), leaves)
    for i, grad in enumerate(whole):
        total = torch.stack([part[i] for part in parts]).sum(0)
        assert ((grad - total).norm() / grad.norm()).item() < 1e-5
    assert not parts[1][1].any(), "alpha does not depend on colours"
    assert not any(part[2].any() for part in parts[:3]), "only the features' image depends on them"


def test_only_what_is_wanted_gets_gradients(kernels: ModuleType) -> None:
    case = scene()
    for name in FLOATS:
        leaf = getattr(case.params, name).clone().requires_grad_()
        sums = drawn(kernels, replace(case, params=replace(case.params, **{name: leaf})))
        assert sums.features is not None
        (sums.rgb.sum() + sums.features.sum()).backward()
        assert leaf.grad is not None
        assert leaf.grad.any(), name
    pose = case.cameras.camera_from_world.clone().requires_grad_()
    drawn(kernels, replace(case, cameras=replace(case.cameras, camera_from_world=pose))).alpha.sum().backward()
    assert pose.grad is not None
    assert pose.grad[:, :3].any()
    with torch.no_grad():
        assert not drawn(kernels, with_gradients(case)).rgb.requires_grad


def test_other_types_and_strides(kernels: ModuleType) -> None:
    case = with_gradients(scene())
    expected = gradients(case, drawn(kernels, case))
    double = with_gradients(scene(), torch.float64)
    strided = double.params.sh.transpose(1, 2).contiguous().transpose(1, 2)
    found = gradients(double, drawn(kernels, replace(double, params=replace(double.params, sh=strided))))
    assert found["sh"].dtype == torch.float64
    assert_close(found, expected, 1e-5)


def test_frames_drawn_in_between_change_nothing(kernels: ModuleType) -> None:
    case, other = with_gradients(scene()), with_gradients(deep(300, 20, 20))
    expected = computed(kernels, scene())
    sums = drawn(kernels, case)
    gradients(other, drawn(kernels, other))
    assert_close(gradients(case, sums), expected, 1e-5)


def test_a_second_way_back_is_the_first_again(kernels: ModuleType) -> None:
    case = with_gradients(replace(scene(), settings=FIXED))
    loss = drawn(kernels, case).rgb.sum()
    (first,) = torch.autograd.grad(loss, case.params.means, retain_graph=True)
    (second,) = torch.autograd.grad(loss, case.params.means)
    assert torch.equal(first, second)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, case.params.means)


def test_what_was_kept_is_freed_after_the_way_back(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[weakref.ref[torch.UntypedStorage]] = []
    band = cuda._Plan._band

    def watched(*arguments: object) -> cuda.Frame | None:
        frame = band(*arguments)  # pyright: ignore[reportArgumentType]
        assert frame is not None
        assert frame.memory is not None
        kept.append(weakref.ref(frame.memory.untyped_storage()))
        return frame

    monkeypatch.setattr(cuda._Plan, "_band", watched)
    case = with_gradients(scene())
    sums = drawn(kernels, case)
    gc.collect()
    assert all(memory() is not None for memory in kept)
    sums.rgb.sum().backward()
    gc.collect()
    assert len(kept) == 2
    assert all(memory() is None for memory in kept)


def test_bands_give_the_same_gradients(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = computed(kernels, scene())
    monkeypatch.setattr(kernels, "TILES_MAX", 6)  # rows of five tiles: one row a band
    assert_close(computed(kernels, scene()), expected, 1e-5)


def test_pulls_without_direction(kernels: ModuleType) -> None:
    """With one pixel per splat there is nothing to cancel; with all pixels they add up to more than the gradient."""
    case = with_gradients(Case(params_of(cloud(300)), view()[0]))
    absolute = torch.zeros(300, 2)
    drawn(kernels, case, absolute).rgb.sum().backward()
    assert (absolute >= 0).all()
    assert case.params.means.grad is not None
    assert torch.equal(absolute.any(1), case.params.means.grad.any(1))
    # On the axis, a centre moves f / z px per metre: here 20.
    case = with_gradients(Case(params_of(one(sigma=(0.3, 0.3, 0.1), opacity=0.5)), ahead()))
    absolute = torch.zeros(1, 2)
    drawn(kernels, case, absolute).alpha[0, 6, 12, 0].backward()
    assert case.params.means.grad is not None
    assert torch.allclose(absolute * 20, case.params.means.grad[:, :2].abs(), rtol=1e-4)


def test_nothing_to_draw(kernels: ModuleType) -> None:
    grads = computed(kernels, Case(params_of(empty()), view()))
    assert grads["means"].shape == (0, 3)
    assert not grads["camera_from_world"].any()
    nobody = with_gradients(Case(params_of(cloud(5)), view()[:0]))
    assert not gradients(nobody, drawn(kernels, nobody))["means"].any()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 3), (16, 16), (3, 130)])
def test_every_image_size(kernels: ModuleType, width: int, height: int) -> None:
    sheets = [one((0, 0, z), sigma=(99, 99, 0.1), opacity=0.4, rgb=(0.1 * z, 0.5, 0.3)) for z in (2, 3, 4)]
    case = Case(params_of(cat([*sheets, one((0.01, 0, 1.5))])), ahead(width, height))
    found, wanted = computed(kernels, case), defined(case)
    for name, grad in found.items():
        assert (grad - wanted[name]).norm() <= 1e-4 * wanted[name].norm() + 1e-6, name


def test_huge_splats_stay_finite(kernels: ModuleType) -> None:
    wild = replace(cloud(60), log_scales=torch.full((60, 3), 40.0))
    turned = replace(cloud(60), quats=torch.zeros(60, 4), logit_opacities=torch.full((60,), math.inf))
    for splats in (wild, turned):
        for how in (PLAIN, RenderSettings(antialiased=True)):
            grads = computed(kernels, Case(params_of(splats), view(40, 30), how))
            assert all(grad.isfinite().all() for grad in grads.values())
