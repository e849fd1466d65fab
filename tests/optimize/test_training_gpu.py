"""Training on a GPU. What the kernels compute is tested everywhere, emulated; here is what only a GPU shows."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from test_loss import SIZES, assert_close, defined, pictures
from test_step import BLACK, NAMES, RATES, assert_near, cameras, cloud, optimiser, targets

from splatworld.camera import Camera
from splatworld.optimize import Adam, photometric
from splatworld.optimize.fused import FusedStep
from splatworld.optimize.loss import Photometric
from splatworld.optimize.step import step
from splatworld.render import cuda
from splatworld.render.params import Params, RenderSettings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(cuda.unavailable() is not None, reason=str(cuda.unavailable())),
]


def moved(params: Params) -> Params:
    return replace(params, **{name: getattr(params, name).cuda() for name in NAMES})


def on_gpu(camera: Camera) -> Camera:
    return replace(camera, camera_from_world=camera.camera_from_world.cuda(), Ks=camera.Ks.cuda())


def back(params: Params) -> Params:
    return replace(params, **{name: getattr(params, name).detach().cpu() for name in NAMES})


@pytest.mark.parametrize("size", [*SIZES, (1, 540, 961)])
def test_the_loss_is_the_definition(size: tuple[int, int, int]) -> None:
    image, target, weights = pictures(size)
    found = photometric(image.cuda(), target.cuda(), weights=weights.cuda())
    assert found.gradient is not None
    on_host = Photometric(found.loss.cpu(), found.l1.cpu(), found.dissimilarity.cpu(), found.gradient.cpu())
    assert_close(on_host, defined(image, target, weights))


@pytest.mark.parametrize("mode", ["dense", "lazy", "selective"])
def test_adam_is_the_cpus(mode: str) -> None:
    host, device = cloud(500, 3), moved(cloud(500, 3))
    one, other = optimiser(host, mode), optimiser(device, mode)
    generator = torch.Generator().manual_seed(1)
    for _ in range(30):
        visible = torch.rand(500, generator=generator) < 0.3
        gradients = {}
        for name, tensor in one.params.items():
            noise = torch.randn(tensor.shape, generator=generator)
            gradients[name] = noise * visible.view(-1, *[1] * (tensor.ndim - 1))
        one.step(visible, gradients)
        other.step(visible.cuda(), {name: gradient.cuda() for name, gradient in gradients.items()})
    one.flush()
    other.flush()
    assert_near(back(device), host, cloud(500, 3))


def stepping(settings: RenderSettings, count: int = 2000) -> tuple[Params, Callable[..., Photometric]]:
    params = moved(cloud(count))
    return params, FusedStep(params, optimiser(params), settings)


def test_fused_steps_are_autograds() -> None:
    params, one = stepping(BLACK)
    plain = cloud(2000)
    adam = optimiser(plain)
    for camera, target in zip(cameras(160, 90), targets(160, 90), strict=True):
        found = one(on_gpu(camera), target.cuda())
        wanted = step(plain, adam, BLACK, camera, target, backend="reference")
        assert found.loss.item() == pytest.approx(wanted.loss.item(), rel=1e-4)
    # Adam's first steps go by the sign of the gradient, and some gradients are all rounding.
    for name in NAMES:
        far = (getattr(back(params), name) - getattr(plain, name)).abs()
        assert far.quantile(0.99) <= 0.02 * (getattr(plain, name) - getattr(cloud(2000), name)).abs().max(), name


def test_deterministic_steps_are_the_same_bits() -> None:
    ends = []
    for _ in range(2):
        params, one = stepping(RenderSettings(deterministic=True))
        for camera, target in zip(cameras(160, 90), targets(160, 90), strict=True):
            one(on_gpu(camera), target.cuda())
        ends.append(back(params))
    assert all(torch.equal(getattr(ends[0], name), getattr(ends[1], name)) for name in NAMES)


def test_a_step_does_not_wait() -> None:
    _, one = stepping(BLACK)
    camera, target = on_gpu(cameras(160, 90)[0]), targets(160, 90)[0].cuda()
    one(camera, target)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        one(camera, target)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_step_as_a_graph() -> None:
    camera, target = on_gpu(cameras(160, 90)[0]), targets(160, 90)[0].cuda()
    params, one = stepping(RenderSettings(deterministic=True))
    recorded, other = stepping(RenderSettings(deterministic=True))
    for call in (one, other):
        call(camera, target)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        other(camera, target)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        other(camera, target)
    graph.replay()
    graph.replay()
    for _ in range(3):
        one(camera, target)
    assert all(torch.equal(getattr(params, name), getattr(recorded, name)) for name in NAMES)


def test_nothing_is_left_behind() -> None:
    params = moved(cloud(1000))
    adam = Adam({name: getattr(params, name) for name in NAMES}, RATES, mode="lazy")
    one = FusedStep(params, adam, BLACK)
    camera, target = on_gpu(cameras()[0]), targets()[0].cuda()
    for _ in range(3):
        one(camera, target)
    held = torch.cuda.memory_allocated()
    for _ in range(20):
        one(camera, target)
    assert torch.cuda.memory_allocated() <= held + 1024
