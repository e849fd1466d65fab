"""The compiled CPU kernels, with every instruction set that runs here: gradients."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from native_cases import FLOATS, Case, assert_equal_bits, cases, gradients, one_thread, params_of, with_gradients
from render_cases import ahead, cloud, one, view
from torch import Tensor

from splatworld.render import native, reference
from splatworld.render.params import RenderSettings
from splatworld.splats import cat, empty

pytestmark = pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))

PLAIN = RenderSettings()
ISAS = native.isas() if native.unavailable() is None else []
CASES = cases()


@cache
def truth(name: str) -> dict[str, Tensor]:
    case = with_gradients(CASES[name], torch.float64)
    with one_thread():
        return gradients(case, reference.blend(case.params, case.cameras, case.settings))


def computed(case: Case, isa: str = "") -> dict[str, Tensor]:
    case = with_gradients(case)
    return gradients(case, native.blend(case.params, case.cameras, case.settings, isa=isa))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", CASES)
def test_same_gradients_as_the_reference(isa: str, name: str) -> None:
    for leaf, grad in computed(CASES[name], isa).items():
        want = truth(name)[leaf]
        assert want.norm() > 0, leaf
        assert ((grad - want).norm() / want.norm()).item() < 1e-3, leaf


@pytest.mark.parametrize("isa", ISAS)
def test_threads_do_not_show(isa: str) -> None:
    params = params_of(cloud(9000, degree=2), torch.rand(9000, 5))
    first, *others = (computed(Case(params, view(200, 130), RenderSettings(threads=n)), isa) for n in (1, 1, 2, 4, 16))
    for other in others:
        assert_equal_bits(first, other)


def test_only_what_is_wanted_gets_gradients() -> None:
    case = CASES["features"]
    means = case.params.means.clone().requires_grad_()
    native.blend(replace(case.params, means=means), case.cameras, PLAIN).rgb.sum().backward()
    assert means.grad is not None
    pose = case.cameras.camera_from_world.clone().requires_grad_()
    native.blend(case.params, replace(case.cameras, camera_from_world=pose), PLAIN).alpha.sum().backward()
    assert pose.grad is not None
    assert (pose.grad[:, 3] == 0).all()
    with torch.no_grad():
        assert not native.blend(replace(case.params, means=means), case.cameras, PLAIN).rgb.requires_grad


def test_a_second_way_back_is_the_first_again() -> None:
    case = with_gradients(CASES["small"])
    loss = native.blend(case.params, case.cameras, PLAIN).rgb.sum()
    (first,) = torch.autograd.grad(loss, case.params.means, retain_graph=True)
    (second,) = torch.autograd.grad(loss, case.params.means)
    assert torch.equal(first, second)


def test_pulls_without_direction() -> None:
    """With one pixel per splat there is nothing to cancel; with all pixels they add up to more than the gradient."""
    splats, cameras = cloud(300), view()
    n = len(splats)
    case = with_gradients(Case(params_of(splats), cameras[0]))
    absolute = torch.zeros(n, 2)
    sums = native.blend(case.params, case.cameras, PLAIN, absolute=absolute)
    sums.rgb.sum().backward()
    assert absolute.isfinite().all()
    assert (absolute >= 0).all()
    assert torch.equal(absolute.any(1), case.params.means.grad.any(1))
    # On the axis, a centre moves f / z px per metre: here 20.
    case = with_gradients(Case(params_of(one(sigma=(0.3, 0.3, 0.1), opacity=0.5)), ahead()))
    absolute = torch.zeros(1, 2)
    native.blend(case.params, case.cameras, PLAIN, absolute=absolute).alpha[0, 6, 12, 0].backward()
    assert torch.allclose(absolute * 20, case.params.means.grad[:, :2].abs(), rtol=1e-4)


POISON = st.sampled_from(
    [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-38, 1e20, -1e20, 3e38, 88.0, -104.0, 40.0, -40.0]
)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_poison_gives_finite_gradients_and_none_to_broken_rows(data: st.DataObject) -> None:
    params = params_of(cloud(8, size=0.5, degree=2))
    broken = {}
    for name in FLOATS[:-1]:
        tensor = getattr(params, name).clone()
        for index in data.draw(st.lists(st.integers(0, tensor.numel() - 1), max_size=6), label=name):
            tensor.view(-1)[index] = data.draw(POISON)
        broken[name] = tensor
    for isa in ISAS:
        for how in (PLAIN, RenderSettings(antialiased=True)):
            grads = computed(Case(replace(params, **broken), view(40, 30), how), isa)
            for name, grad in grads.items():
                assert grad.isfinite().all(), name
                if name in broken:
                    lost = broken["means"].isnan().any(1)
                    assert not grad[lost].any(), name


def test_nothing_to_draw() -> None:
    grads = computed(Case(params_of(empty()), view()))
    assert grads["means"].shape == (0, 3)
    assert not grads["camera_from_world"].any()


def test_splats_that_cover_everything() -> None:
    # Flat in the picture: neither clamped nor cut anywhere.
    sheets = [one((0, 0, z), sigma=(99, 99, 0.1), opacity=0.4, rgb=(0.1 * z, 0.5, 0.3)) for z in (2, 3, 4)]
    case = Case(params_of(cat(sheets)), ahead(90, 60, 30.0))
    double = with_gradients(case, torch.float64)
    with one_thread():
        want = gradients(double, reference.blend(double.params, double.cameras, PLAIN))
    for name, grad in computed(case).items():
        assert (grad - want[name]).norm() <= 1e-3 * want[name].norm() + 1e-6, name


def test_lists_that_outgrow_their_memory_are_made_in_parts() -> None:
    # 40 million entries, more than are held at once; all splats are alike, and so are their gradients for opacity
    # but for how much lies in front.
    n, camera = 20_000, ahead(960, 540, 500.0)
    sheets = one(sigma=(99, 99, 0.1), opacity=0.005)[torch.zeros(n, dtype=torch.long)]
    logits = sheets.logit_opacities.clone().requires_grad_()
    params = replace(params_of(sheets), logit_opacities=logits)
    native.blend(params, camera, PLAIN).alpha.mean().backward()
    assert logits.grad is not None
    # d alpha / d opacity_i is what the others let through.
    reached = int((logits.grad > 0).sum())
    through = 0.005 * 0.995 ** (reached - 1) * 0.995
    assert torch.allclose(logits.grad[:1000], torch.tensor(through), rtol=0.1)


def test_what_is_stored_black_can_become_brighter() -> None:
    black = replace(params_of(one()), sh=torch.full((1, 1, 3), -1.7724538))  # 0.5 and C0 times this are exactly 0
    for backend in (reference, native):
        leaf = black.sh.clone().requires_grad_()
        backend.blend(replace(black, sh=leaf), view(16, 16), PLAIN).rgb.sum().backward()
        assert leaf.grad is not None
        assert (leaf.grad > 0).all()
