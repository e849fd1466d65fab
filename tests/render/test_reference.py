"""The reference against the closed form, gsplat's own pictures and finite differences."""

import math
from dataclasses import replace

import pytest
import torch
from render_cases import ahead, cloud, one, stored, view

from splatworld.camera import Camera
from splatworld.render import RenderSettings, reference
from splatworld.splats import Splats, cat, empty

PLAIN = RenderSettings()


def test_one_gaussian_is_the_closed_form() -> None:
    # On the axis the Jacobian is f/z, so the covariance on screen is (f sigma / z)^2 + 0.3 along x and y.
    camera = ahead()
    picture = reference.rasterize(one(sigma=(0.2, 0.1, 0.3)), camera, PLAIN)
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


def test_front_hides_back() -> None:
    front = one((0, 0, 2), sigma=(9, 9, 0.1), opacity=0.75, rgb=(1, 0, 0), thing=1)
    back = one((0, 0, 4), sigma=(9, 9, 0.1), opacity=0.8, rgb=(0, 1, 0), thing=2)
    picture = reference.rasterize(cat([back, front]), ahead(), PLAIN)
    middle = (0, 10, 16)
    assert torch.allclose(picture.rgb[middle], torch.tensor([0.75, 0.25 * 0.8, 0]), atol=1e-5)
    assert torch.allclose(picture.alpha[middle], torch.tensor([0.95]), atol=1e-5)
    assert torch.allclose(picture.depth[middle], torch.tensor([(0.75 * 2 + 0.2 * 4) / 0.95]), atol=1e-4)
    assert picture.things[middle] == 1


def test_median_is_where_transmittance_reaches_a_half() -> None:
    sheets = [one((0, 0, z), sigma=(9, 9, 0.1), opacity=0.3, thing=z) for z in (2, 3, 4)]
    picture = reference.rasterize(cat(sheets), ahead(), PLAIN)
    assert picture.things[0, 10, 16] == 3  # 0.7, then 0.49
    assert picture.median_depth[0, 10, 16, 0] == 3


def test_nothing_is_fully_opaque() -> None:
    picture = reference.rasterize(one(sigma=(9, 9, 0.1), opacity=0.99999), ahead(), PLAIN)
    assert abs(picture.alpha[0, 10, 16, 0].item() - 0.999) < 1e-6


def test_pixel_stops_before_the_splat_that_ends_it() -> None:
    sheets = [one((0, 0, z), sigma=(99, 99, 0.1), opacity=0.995, rgb=(1, 1, 1)) for z in (2, 3, 4)]
    picture = reference.rasterize(cat(sheets), ahead(), PLAIN)
    # 0.005, then 2.5e-5 <= 1e-4: the second sheet is not blended, nor is the third.
    assert abs(picture.alpha[0, 10, 16, 0].item() - 0.995) < 1e-5


@pytest.mark.parametrize("name", ["tiny_case", "basic_case"])
def test_gsplat_drew_the_same(name: str) -> None:
    splats, camera, rgba = stored(name)
    picture = reference.rasterize(splats, camera, PLAIN)
    # Two float32 programs with different orders of operation: 16 splats, errors of 1e-7 each.
    assert torch.allclose(torch.cat([picture.rgb[0], picture.alpha[0]], -1), rgba, atol=1e-5)


def test_conventions_are_visible() -> None:
    """The agreement above would notice a wrong dilation."""
    splats, camera, rgba = stored("basic_case")
    grown = replace(splats, log_scales=splats.log_scales + 0.01)
    assert (reference.rasterize(grown, camera, PLAIN).rgb[0] - rgba[..., :3]).abs().max() > 1e-4


def test_tiles_and_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    splats, camera = cloud(400, size=0.5), view(60, 40)[0]
    whole = reference.rasterize(splats, camera, PLAIN)
    monkeypatch.setattr(reference, "_TILE", 7)
    monkeypatch.setattr(reference, "_CHUNK", 13)
    parts = reference.rasterize(splats, camera, PLAIN)
    # Sums in another order; no pixel may lose or gain a splat.
    assert torch.allclose(whole.rgb, parts.rgb, atol=1e-5)
    assert torch.equal(whole.things, parts.things)


def test_gradients_are_those_of_finite_differences() -> None:
    g = torch.Generator().manual_seed(3)
    n = 3
    # Faint and wide: no pixel is near the cut at 1/255, the clamp or the stop, where a picture jumps.
    inputs = (
        torch.tensor([[0.0, 0, 2], [0.1, 0, 3], [-0.1, 0.1, 4]], dtype=torch.float64),
        torch.randn(n, 4, generator=g, dtype=torch.float64),
        torch.full((n, 3), math.log(0.8), dtype=torch.float64),
        torch.full((n,), -0.5, dtype=torch.float64),
        torch.randn(n, 4, 3, generator=g, dtype=torch.float64) * 0.2,
    )
    camera = ahead(6, 5)

    def draw(*parameters: torch.Tensor) -> tuple[torch.Tensor, ...]:
        picture = reference.rasterize(Splats(*parameters), camera, PLAIN)
        return picture.rgb, picture.alpha, picture.depth

    assert torch.autograd.gradcheck(draw, [t.requires_grad_() for t in inputs], fast_mode=True)


def test_poison_rows_get_no_gradient_and_spoil_none() -> None:
    splats = cat([one(), one((math.nan, 0, 2)), one((0, 0, -1)), one(opacity=0.5)])
    means = splats.means.clone().requires_grad_()
    reference.rasterize(replace(splats, means=means), ahead(), PLAIN).rgb[0, 8, 14].sum().backward()
    assert means.grad is not None
    assert means.grad.isfinite().all()
    assert means.grad[0].abs().sum() > 0
    assert means.grad[1:3].abs().sum() == 0


def test_nothing_to_draw_and_nobody_to_look() -> None:
    assert reference.rasterize(empty(), ahead(), PLAIN).rgb.abs().max() == 0
    nobody = Camera(torch.zeros(0, 4, 4), torch.zeros(0, 3, 3), 8, 4)
    assert reference.rasterize(one(), nobody, PLAIN).rgb.shape == (0, 4, 8, 3)
