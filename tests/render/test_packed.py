"""Packed scenes against `render`, on the kernels' build for the host (see conftest)."""

import math
from types import ModuleType
from typing import Any

import pytest
import torch
from render_cases import ahead, cloud, view
from torch import Tensor

from splatworld.camera import Camera
from splatworld.errors import BackendError, UsageError
from splatworld.render import RenderSettings, render
from splatworld.render import packed as module
from splatworld.render.packed import PackedScene
from splatworld.splats import Splats


def expected(splats: Splats, camera: Camera, settings: RenderSettings) -> Tensor:
    """What `render` draws, in levels of 256."""
    picture = render(splats, camera, settings=settings, backend="reference")
    return picture.rgb[0].clamp(0, 1) * 255


@pytest.mark.parametrize("degree", range(5))
def test_within_a_few_levels(kernels: ModuleType, degree: int) -> None:
    splats, cameras = cloud(300, degree=degree), view(64, 48)
    settings = RenderSettings(background=(0.2, 0.3, 0.9), sh_degree=min(degree, 3))
    scene = PackedScene(splats, settings=settings, kernels=kernels)
    for i in range(2):
        picture = scene.picture(cameras[i])
        assert picture.dtype == torch.uint8
        assert picture.shape == (48, 64, 3)
        apart = (picture.float() - expected(splats, cameras[i], settings)).abs()
        assert apart.mean() < 0.4, "half a level is rounding"
        assert apart.max() < 4


@pytest.mark.parametrize("lens", ["orthographic", "fisheye"])
def test_lenses_and_settings(kernels: ModuleType, lens: Any) -> None:
    splats = cloud(100, size=0.3)
    forward = Splats(splats.means.roll(1, 1) + torch.tensor([0, 0, 12.0]), *rows_of(splats)[1:])
    settings = RenderSettings(profile="inria", antialiased=True)
    camera = ahead(40, 30, 6.0, lens)
    apart = PackedScene(forward, settings=settings, kernels=kernels).picture(camera) - expected(
        forward, camera, settings
    )
    assert apart.abs().max() < 4


def rows_of(splats: Splats) -> tuple[Tensor, ...]:
    return splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh


def test_what_cannot_be_packed_is_left_out(kernels: ModuleType) -> None:
    rows = [t.clone() for t in rows_of(cloud(20))]
    rows[0][0] = math.nan
    rows[4][1, 2, 0] = math.inf
    rows[3][2] = math.nan
    rows[3][3] = math.inf  # opaque
    rows[2][4] = 1e9
    scene = PackedScene(Splats(*rows), kernels=kernels)
    assert len(scene) == 17
    assert scene.picture(view(20, 20)[0]).shape == (20, 20, 3)


def test_nothing_and_one_pixel(kernels: ModuleType) -> None:
    scene = PackedScene(cloud(3)[:0], settings=RenderSettings(background=(1.0, 0.5, 0.0)), kernels=kernels)
    assert scene.picture(view(1, 1)[0]).tolist() == [[[255, 128, 0]]]


def test_a_view_that_needs_more_room_gets_it_for_the_next_picture(kernels: ModuleType) -> None:
    splats = cloud(600, size=0.4)
    near, cameras = view(64, 48)[0], view(64, 48)
    away = near.camera_from_world.clone()
    away[0, :3, 3] = torch.tensor([0.0, 0.0, -50.0])
    scene = PackedScene(splats, kernels=kernels)
    assert scene.picture(Camera(away, near.Ks, 64, 48)).max() == 0, "sees nothing, and has room for little"
    scene.picture(cameras[1])
    whole = PackedScene(splats, kernels=kernels).picture(cameras[1])
    assert torch.equal(scene.picture(cameras[1]), whole)


def test_views_of_many_sizes_do_not_pile_up(kernels: ModuleType) -> None:
    scene = PackedScene(cloud(5), kernels=kernels)
    for width in range(10, 20):
        assert scene.picture(view(width, 8)[0]).shape == (8, width, 3)
    assert len(scene._views) == module._VIEWS_MAX


def test_order_of_threads(kernels: ModuleType) -> None:
    splats, camera = cloud(100), view(40, 30)[0]
    first = PackedScene(splats, kernels=kernels).picture(camera)
    kernels.set_seed(7)
    assert torch.equal(first, PackedScene(splats, kernels=kernels).picture(camera))


def test_refusals(kernels: ModuleType) -> None:
    scene = PackedScene(cloud(5), kernels=kernels)
    with pytest.raises(UsageError, match="2 cameras"):
        scene.picture(view(8, 8))
    with pytest.raises(UsageError, match="more than 65535 tiles"):
        scene.picture(view(16000, 16000)[0])
    with pytest.raises(UsageError, match="background is a tensor"):
        PackedScene(cloud(5), settings=RenderSettings(background=torch.zeros(3)), kernels=kernels)


def test_without_a_gpu() -> None:
    with pytest.raises((BackendError, UsageError), match="GPU"):
        PackedScene(cloud(5))
