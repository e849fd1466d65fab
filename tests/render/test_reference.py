"""The reference against closed forms, gsplat's own pictures and finite differences."""

import math
from dataclasses import replace

import pytest
import torch
from render_cases import ahead, cloud, drawn, one, stored, view
from torch import Tensor

from splatworld.camera import Camera, Lens
from splatworld.render import RenderSettings, reference, render
from splatworld.render.conventions import Profile
from splatworld.splats import Splats, cat


def test_one_gaussian_is_the_closed_form() -> None:
    # On the axis the Jacobian is f/z, so the covariance on screen is (f sigma / z)^2 + 0.3 along x and y.
    picture = drawn("reference", one(sigma=(0.2, 0.1, 0.3)), ahead())
    ys, xs = torch.meshgrid(torch.arange(21) + 0.5 - 10.5, torch.arange(33) + 0.5 - 16.5, indexing="ij")
    variance_x, variance_y = (40 * 0.2 / 2) ** 2 + 0.3, (40 * 0.1 / 2) ** 2 + 0.3
    alpha = 0.6 * torch.exp(-0.5 * (xs**2 / variance_x + ys**2 / variance_y))
    alpha = torch.where(alpha >= 1 / 255, alpha, 0)
    # float32: a few rounding errors of 6e-8 each
    assert torch.allclose(picture.alpha[0, ..., 0], alpha, atol=1e-6)
    assert torch.allclose(picture.rgb[0], alpha[..., None] * torch.tensor([0.2, 0.5, 0.9]), atol=1e-6)
    assert torch.allclose(picture.depth[0, ..., 0], torch.where(alpha > 0, 2.0, 0.0), atol=1e-5)
    surface = 1 - alpha <= 0.5
    assert surface.any()
    assert not surface.all()
    assert torch.equal(picture.things[0], torch.where(surface, 7, 0).int())
    assert torch.equal(picture.median_depth[0, ..., 0], torch.where(surface, 2.0, 0.0))


@pytest.mark.parametrize("name", ["tiny_case", "basic_case"])
def test_gsplat_drew_the_same(name: str) -> None:
    splats, camera, rgba = stored(name)
    picture = drawn("reference", splats, camera)
    # Two float32 programs with different orders of operation: 16 splats, errors of 1e-7 each.
    assert torch.allclose(torch.cat([picture.rgb[0], picture.alpha[0]], -1), rgba, rtol=0, atol=5e-6)


def test_conventions_are_visible() -> None:
    """The agreement above would notice a wrong dilation."""
    splats, camera, rgba = stored("basic_case")
    grown = replace(splats, log_scales=splats.log_scales + 0.01)
    assert (drawn("reference", grown, camera).rgb[0] - rgba[..., :3]).abs().max() > 1e-4


def test_tiles_and_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    splats, camera = cloud(400, size=0.5), view(40, 25)[0]
    for profile in ("gsplat", "inria"):
        monkeypatch.undo()
        whole = drawn("reference", splats, camera, profile=profile)
        monkeypatch.setattr(reference, "_TILE", 7)
        monkeypatch.setattr(reference, "_CHUNK", 13)
        parts = drawn("reference", splats, camera, profile=profile)
        # Sums in another order; no pixel may lose or gain a splat.
        assert torch.allclose(whole.rgb, parts.rgb, atol=1e-5)
        assert torch.equal(whole.things, parts.things)


def awkward(degree: int) -> list[Tensor]:
    """Float64 rows that meet every edge in `small()`: opaque splats that end pixels, tails, dark colours."""
    g = torch.Generator().manual_seed(degree)
    n = 9
    near = torch.rand(n, 3, generator=g) * torch.tensor([1.0, 1.0, 3.0]) + torch.tensor([-0.5, -0.5, 1.5])
    logits = torch.tensor([9.0, 5.0, 6.0, 4.0, 1.0, 0.0, -1.0, -2.0, -4.0])
    sizes = torch.randn(n, 3, generator=g) * 0.7 - 1.5
    rows = [near, torch.randn(n, 4, generator=g), sizes, logits, torch.randn(n, (degree + 1) ** 2, 3, generator=g)]
    rows.append(torch.randn(n, 5, generator=g))
    return [t.double().requires_grad_() for t in rows]


def small(lens: Lens) -> tuple[Tensor, Tensor]:
    """A pose that is a little off and intrinsics."""
    pose = torch.eye(4, dtype=torch.float64) + 0.05 * torch.linspace(-1, 1, 16, dtype=torch.float64).view(4, 4)
    focal = 3.0 if lens == "orthographic" else 7.0
    K = torch.tensor([[focal, 0, 4.2], [0, focal + 1, 2.9], [0, 0, 1]], dtype=torch.float64)
    return pose[None].requires_grad_(), K[None]


@pytest.mark.parametrize("profile", ["gsplat", "gsplat16", "inria"])
@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("lens", ["pinhole", "orthographic", "fisheye"])
def test_gradients_are_those_of_finite_differences(lens: Lens, antialiased: bool, profile: Profile) -> None:
    differences(lens, degree=1, antialiased=antialiased, profile=profile)


@pytest.mark.parametrize("degree", [0, 2, 3, 4])
def test_so_they_are_for_every_degree(degree: int) -> None:
    differences("pinhole", degree=degree)


def differences(lens: Lens, degree: int, **settings: object) -> None:
    pose, Ks = small(lens)
    background = torch.tensor([[0.1, 0.7, 0.4]], dtype=torch.float64).requires_grad_()

    def draw(*leaves: Tensor) -> tuple[Tensor, ...]:
        *rows, features, pose, background = leaves
        how = RenderSettings(background=background, smooth=True, normals=True, **settings)
        camera = Camera(pose, Ks, 8, 6, lens)
        picture = render(Splats(*rows), camera, settings=how, features=features, backend="reference")
        assert picture.features is not None
        assert picture.normals is not None
        return picture.rgb, picture.alpha, picture.depth, picture.features, picture.normals

    leaves = [*awkward(degree), pose, background]
    picture = draw(*leaves)
    assert 0.1 < picture[1].mean() < 0.99
    assert torch.autograd.gradcheck(draw, leaves, fast_mode=True, check_undefined_grad=False)


def test_smooth_is_nearly_the_same_picture() -> None:
    splats, camera = cloud(400, size=0.3), view(60, 40)
    hard, smooth = drawn("reference", splats, camera), drawn("reference", splats, camera, smooth=True)
    assert (hard.rgb - smooth.rgb).abs().mean() < 0.01


def test_a_smooth_picture_changes_by_the_integral_of_its_gradients_and_others_jump() -> None:
    assert jumps(smooth=True) < 2e-5  # the integral is a sum of 30
    assert jumps(smooth=False) > 3e-4


def jumps(*, smooth: bool) -> float:
    """How far a mean colour's change, while shapes, opacities and colours change, is from the gradients on the way."""
    pose, Ks = small("pinhole")
    g = torch.Generator().manual_seed(1)
    start = [t.detach() for t in awkward(1)[:5]]
    way = [0.2 * torch.randn(t.shape, generator=g, dtype=t.dtype) for t in start]
    way[0] *= 0  # where the order of depths changes, every picture jumps

    def at(t: float) -> tuple[float, float]:
        leaves = [(row + t * step).requires_grad_() for row, step in zip(start, way, strict=True)]
        camera = Camera(pose.detach(), Ks, 8, 6)
        picture = render(Splats(*leaves), camera, settings=RenderSettings(smooth=smooth), backend="reference")
        mean = picture.rgb.sum() / 48
        slopes = torch.autograd.grad(mean, leaves)
        return mean.item(), sum((a * b).sum().item() for a, b in zip(slopes, way, strict=True))

    steps = 30
    integral = sum(at((i + 0.5) / steps)[1] for i in range(steps)) / steps
    return abs(at(1.0)[0] - at(0.0)[0] - integral)


def test_poison_rows_get_no_gradient_and_spoil_none() -> None:
    splats = cat([one(), one((math.nan, 0, 2)), one((0, 0, -1)), one(opacity=0.5)])
    means = splats.means.clone().requires_grad_()
    render(replace(splats, means=means), ahead(), backend="reference").rgb[0, 8, 14].sum().backward()
    assert means.grad is not None
    assert means.grad.isfinite().all()
    assert means.grad[0].abs().sum() > 0
    assert means.grad[1:3].abs().sum() == 0
