"""A training step: the fused one against autograd through the reference, and both against the aim of fitting."""

import math
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest
import torch
from torch import Tensor

from splatworld.camera import Camera
from splatworld.errors import UsageError
from splatworld.optimize import Adam, adam_reference, psnr, stepper
from splatworld.optimize.fused import NAMES, FusedStep
from splatworld.optimize.step import step
from splatworld.render import blend
from splatworld.render.params import Params, RenderSettings

BLACK = RenderSettings()
RATES = {"means": 2e-3, "quats": 1e-3, "log_scales": 5e-3, "logit_opacities": 5e-2, "sh": (2.5e-2, 1.25e-3)}
VIEWS = 3


def cameras(width: int = 33, height: int = 21) -> list[Camera]:
    """Three, which see different parts of `cloud`."""
    K = torch.tensor([[[0.9 * width, 0, width / 2], [0, 0.9 * width, height / 2], [0, 0, 1]]])
    poses = torch.eye(4).repeat(VIEWS, 1, 1)
    poses[:, 2, 3] = 4
    poses[:, 0, 3] = torch.tensor([0.0, 2.0, -2.5])
    return [Camera(pose[None], K, width, height) for pose in poses]


def cloud(count: int, degree: int = 1, seed: int = 0) -> Params:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return Params(
        means=normal(count, 3) * torch.tensor([1.2, 1.0, 0.3]),
        quats=normal(count, 4),
        log_scales=0.3 * normal(count, 3) - 2,
        logit_opacities=normal(count) - 1,
        sh=0.3 * normal(count, (degree + 1) ** 2, 3),
    )


def targets(width: int = 33, height: int = 21) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(256, (1, height, width, 3), dtype=torch.uint8, generator=generator) for _ in range(VIEWS)]


def optimiser(params: Params, mode: str = "lazy", kernels: ModuleType | None = None) -> Adam:
    return Adam({name: getattr(params, name) for name in NAMES}, RATES, mode=mode, steps_max=512, kernels=kernels)


def fused(
    kernels: ModuleType, mode: str, settings: RenderSettings, degree: int, **rest: float
) -> tuple[Params, Callable]:
    params = cloud(60, degree)
    return params, FusedStep(params, optimiser(params, mode, kernels), settings, **rest, kernels=kernels)


def defined(mode: str, settings: RenderSettings, degree: int, **rest: float) -> tuple[Params, Callable]:
    params = cloud(60, degree)
    return params, partial(step, params, optimiser(params, mode, adam_reference), settings, **rest, backend="reference")


def assert_near(found: Params, wanted: Params, begun: Params) -> None:
    for name in NAMES:
        moved = (getattr(wanted, name) - getattr(begun, name)).abs().max()
        assert moved > 0, name
        assert (getattr(found, name) - getattr(wanted, name)).abs().max() <= 1e-3 * moved, name


@pytest.mark.parametrize(
    ("mode", "settings", "degree", "rest"),
    [
        ("lazy", BLACK, 1, {}),
        ("lazy", RenderSettings(background=(1.0, 0.5, 0.2)), 3, {"opacity_weight": 1e-3, "scale_weight": 1e-3}),
        ("selective", RenderSettings(antialiased=True, deterministic=True), 0, {}),
        ("lazy", RenderSettings(sh_degree=1), 2, {}),
        ("lazy", RenderSettings(profile="inria"), 4, {}),
    ],
)
def test_fused_is_autograd(
    built: ModuleType, mode: str, settings: RenderSettings, degree: int, rest: dict[str, float]
) -> None:
    built.set_seed(degree)
    params, one = fused(built, mode, settings, degree, **rest)
    plain, other = defined(mode, settings, degree, **rest)
    for number in range(VIEWS):
        camera, target = cameras()[number], targets()[number]
        found, wanted = one(camera, target), other(camera, target)
        assert found.loss.item() == pytest.approx(wanted.loss.item(), rel=1e-5)
    assert_near(params, plain, cloud(60, degree))


def test_fused_steps_are_the_same_bits_in_any_order(built: ModuleType) -> None:
    ends = []
    for seed in (1, 2, 3):
        built.set_seed(seed)
        params, one = fused(built, "lazy", RenderSettings(deterministic=True), 1)
        for camera, target in zip(cameras(), targets(), strict=True):
            one(camera, target)
        ends.append(params)
    for other in ends[1:]:
        assert all(torch.equal(getattr(other, name), getattr(ends[0], name)) for name in NAMES)


def test_weights_reach_the_fused_step(built: ModuleType) -> None:
    weights = torch.rand(1, 21, 33, generator=torch.Generator().manual_seed(7))
    (params, one), (plain, other) = fused(built, "lazy", BLACK, 1), defined("lazy", BLACK, 1)
    for call in (one, other):
        call(cameras()[0], targets()[0], weights=weights)
    assert_near(params, plain, cloud(60))


def test_a_view_that_does_not_fit_moves_nothing_and_the_next_one_fits(
    built: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splatworld.optimize.fused._PAIRS_FIRST", 8)
    params = cloud(100)
    one = FusedStep(params, optimiser(params, kernels=built), BLACK, kernels=built)
    near, target = cameras(80, 64)[0], torch.zeros(1, 64, 80, 3, dtype=torch.uint8)
    away = near.camera_from_world.clone()
    away[0, 2, 3] = 40
    one(Camera(away, near.Ks, 80, 64), target)
    (room,) = one._rooms.values()
    before = params.means.clone()
    one(near, target)
    assert room.pairs_needed() > room.pairs
    assert torch.equal(params.means, before)
    one(near, target)
    assert not torch.equal(params.means, before)


def test_what_cannot_be_fused_is_named(built: ModuleType) -> None:
    params = cloud(5)
    with pytest.raises(UsageError, match="a dense optimiser moves all splats"):
        FusedStep(params, optimiser(params, "dense", built), BLACK, kernels=built)
    with pytest.raises(UsageError, match="in this order"):
        FusedStep(params, Adam({"means": params.means}, {"means": 1.0}, mode="lazy"), BLACK, kernels=built)
    one = FusedStep(params, optimiser(params, "lazy", built), BLACK, kernels=built)
    pair = Camera(torch.eye(4).repeat(2, 1, 1), torch.eye(3).repeat(2, 1, 1), 8, 8)
    with pytest.raises(UsageError, match="2 cameras"):
        one(pair, torch.zeros(2, 8, 8, 3))


@pytest.mark.parametrize("emulated", [False, True])
def test_wild_splats_spoil_no_others(request: pytest.FixtureRequest, emulated: bool) -> None:
    kernels = request.getfixturevalue("built") if emulated else None
    params = cloud(50)
    params.means[3], params.means[4] = math.nan, torch.tensor([0.0, 0.0, -4.0])
    params.quats[5], params.logit_opacities[6], params.logit_opacities[7] = 0, math.inf, -math.inf
    params.log_scales[8], params.log_scales[9] = 40, -40
    params.sh[10], params.sh[11] = 1e30, -1e30
    adam = optimiser(params, kernels=kernels)
    one = FusedStep(params, adam, BLACK, kernels=kernels) if emulated else stepper(params, adam)
    for camera, target in zip(cameras(), targets(), strict=True):
        one(camera, target)
    adam.flush()
    for name in NAMES:
        spoiled = ~getattr(params, name).isfinite().reshape(50, -1).all(1)
        assert spoiled.nonzero().flatten().tolist() == {"means": [3], "logit_opacities": [6, 7]}.get(name, []), name


def test_nothing_in_view_is_a_step_too() -> None:
    params = cloud(10)
    params.means[:, 2] = -100
    before = params.means.clone()
    found = stepper(params, optimiser(params))(cameras()[0], targets()[0])
    assert found.loss.isfinite()
    assert torch.equal(params.means, before)


@pytest.mark.parametrize("mode", ["dense", "lazy", "selective"])
def test_a_picture_is_fitted(mode: str) -> None:
    width, height = 64, 48
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    rings = 0.5 + 0.5 * torch.sin(25 * ((x - 0.4).square() + (y - 0.6).square()).sqrt())
    picture = torch.stack([rings, x * y, (x > 0.5).float()], -1)[None]
    params, camera = cloud(500, seed=1), cameras(width, height)[0]
    adam = optimiser(params, mode)
    adam.set_rate("means", 1e-2)
    one = stepper(params, adam)
    ratios = []
    for _ in range(200):
        one(camera, picture)
    adam.flush()
    for drawn in (cloud(500, seed=1), params):
        ratios.append(psnr(blend(drawn, camera, BLACK).rgb.detach(), picture).item())
    assert ratios[0] < 12
    assert ratios[1] > ratios[0] + 10
