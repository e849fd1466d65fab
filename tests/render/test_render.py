"""The seam: which backend draws, and what is refused in words."""

import subprocess
import sys

import pytest
import torch
from render_cases import ahead, cloud, one, view

import splatworld
from splatworld.camera import Camera
from splatworld.errors import BackendError, UsageError
from splatworld.render import RenderSettings, backends, native, render
from splatworld.splats import empty
from splatworld.world import from_splats

needs_kernels = pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))


def test_the_table_names_every_backend_and_why_it_is_missing() -> None:
    table = backends()
    assert list(table) == ["cpu", "reference", "gsplat"]
    assert table["reference"] is None
    assert all(reason is None or len(reason) > 10 for reason in table.values())


def test_a_world_draws_as_its_splats() -> None:
    splats = cloud(100)
    assert torch.equal(render(from_splats(splats), view()).rgb, render(splats, view()).rgb)


def test_the_package_is_called_like_its_function() -> None:
    assert torch.equal(splatworld.render(one(), ahead()).rgb, render(one(), ahead()).rgb)


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_background_shows_where_nothing_is(backend: str) -> None:
    settings = RenderSettings(background=(0.25, 0.5, 1.0))
    assert torch.equal(
        render(empty(), ahead(), settings=settings, backend=backend).rgb[0, 3, 3], torch.tensor([0.25, 0.5, 1])
    )
    over = render(one(), ahead(), settings=settings, backend=backend)
    black = render(one(), ahead(), backend=backend)
    expected = black.rgb + (1 - black.alpha) * torch.tensor([0.25, 0.5, 1])
    assert torch.allclose(over.rgb, expected)


def test_gradients_go_through_auto() -> None:
    splats = one()
    splats.means.requires_grad_()
    render(splats, ahead()).alpha.sum().backward()
    assert splats.means.grad is not None


@needs_kernels
def test_kernels_say_that_they_give_no_gradients() -> None:
    splats = one()
    splats.means.requires_grad_()
    with pytest.raises(BackendError, match="no gradients"):
        render(splats, ahead(), backend="cpu")
    with torch.no_grad():
        assert render(splats, ahead(), backend="cpu").alpha.max() > 0.5


def test_without_kernels_the_reference_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_why", "splatworld was installed without its kernels")
    assert render(one(), ahead()).alpha.max() > 0.5
    assert "without its kernels" in str(backends()["cpu"])
    with pytest.raises(BackendError, match="without its kernels"):
        render(one(), ahead(), backend="cpu")


def test_unknown_backend() -> None:
    with pytest.raises(UsageError, match="unknown backend 'gpu'; expected auto, cpu, reference, gsplat"):
        render(one(), ahead(), backend="gpu")


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, -1), (10**9, 1), (16_000, 16_000)])
def test_image_sizes_have_limits(width: int, height: int) -> None:
    camera = Camera(torch.eye(4)[None], torch.eye(3)[None], width, height)
    with pytest.raises(UsageError, match="an image of"):
        render(one(), camera)


def test_import_is_lazy() -> None:
    code = "import sys, splatworld; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", splatworld.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(splatworld, name) is not None
    assert name in dir(splatworld)


def test_no_other_name_is_made_up() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = splatworld.nonsense
