"""The loss: its definition against conv2d with a window of its own, the kernels against the definition."""

import math
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from torch import Tensor

from splatworld.errors import UsageError
from splatworld.optimize import kernels, photometric, photometric_loss, psnr, ssim
from splatworld.optimize.loss import Photometric, reference, ssim_map

SIZES = [(1, 1, 1), (1, 7, 5), (2, 31, 48), (1, 66, 259)]
"""The last one is several tiles of the CPU, and too much for the emulation."""


@pytest.fixture
def cpu() -> ModuleType:
    module = kernels.kernels_for("cpu")
    if module is None:
        pytest.skip("there are no compiled kernels")
    return module


@pytest.fixture(params=["cpu", "emulated"])
def compiled(request: pytest.FixtureRequest) -> ModuleType:
    return request.getfixturevalue("cpu" if request.param == "cpu" else "built")


def pictures(size: tuple[int, int, int], seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """A picture, bytes that look somewhat like it, and weights, a third of them zero."""
    generator = torch.Generator().manual_seed(seed)
    image = 1.2 * torch.rand(*size, 3, generator=generator) - 0.1
    noise = torch.rand(*size, 3, generator=generator)
    target = (255 * (0.8 * image + 0.2 * noise).clamp(0, 1)).round().to(torch.uint8)
    weights = (torch.rand(*size, generator=generator) * 1.5 - 0.5).clamp_min(0)
    return image, target, weights


def defined(image: Tensor, target: Tensor, weights: Tensor | None, ssim_weight: float = 0.2) -> Photometric:
    """By the definition, in double precision."""
    leaf = image.double().requires_grad_()
    loss, l1, dissimilarity = reference(leaf, target, weights=weights, ssim_weight=ssim_weight)
    (gradient,) = torch.autograd.grad(loss, leaf)
    return Photometric(loss.detach(), l1.detach(), dissimilarity.detach(), gradient)


def assert_close(found: Photometric, wanted: Photometric) -> None:
    for name in ("loss", "l1", "dissimilarity"):
        assert getattr(found, name).item() == pytest.approx(getattr(wanted, name).item(), rel=2e-6, abs=1e-7), name
    assert found.gradient is not None
    assert wanted.gradient is not None
    assert (found.gradient - wanted.gradient).norm() <= 2e-6 * wanted.gradient.norm()


def test_similarity_is_the_textbooks() -> None:
    image, target, _ = pictures((1, 21, 17))
    x, y = image[0].double().numpy(), target[0].double().numpy() / 255
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))[..., None]
    window /= window.sum()

    def mean(values: np.ndarray) -> np.ndarray:
        return correlate(values, window, mode="constant")

    mean_x, mean_y = mean(x), mean(y)
    spread_x, spread_y, both = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    wanted = (2 * mean_x * mean_y + 1e-4) * (2 * both + 9e-4)
    wanted /= (mean_x**2 + mean_y**2 + 1e-4) * (spread_x + spread_y + 9e-4)
    found = ssim_map(image.double(), torch.tensor(y)[None])[0].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_kernels_are_the_definition(
    compiled: ModuleType, size: tuple[int, int, int], as_bytes: bool, weighted: bool
) -> None:
    if size == SIZES[-1] and hasattr(compiled, "set_seed"):
        size = (1, 33, 35)
    image, target, weights = pictures(size)
    target = target if as_bytes else target.float() / 255
    found = photometric(image, target, weights=weights if weighted else None, kernels=compiled)
    assert_close(found, defined(image, target, weights if weighted else None))


@pytest.mark.parametrize("ssim_weight", [0.0, 1.0])
def test_either_half_alone(compiled: ModuleType, ssim_weight: float) -> None:
    image, target, _ = pictures((1, 20, 33))
    found = photometric(image, target, ssim_weight=ssim_weight, kernels=compiled)
    assert_close(found, defined(image, target, None, ssim_weight))


def test_gradient_against_finite_differences(compiled: ModuleType) -> None:
    image, target, weights = pictures((1, 19, 18), seed=3)
    gradient = photometric(image, target, weights=weights, kernels=compiled).gradient
    assert gradient is not None
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        way = torch.randn(image.shape, generator=generator, dtype=torch.float64)
        ends = [reference(image.double() + s * 1e-6 * way, target, weights=weights)[0].item() for s in (1, -1)]
        assert (gradient * way).sum().item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-6)


def test_equal_pictures(compiled: ModuleType) -> None:
    image = pictures((1, 40, 40))[0]
    found = photometric(image, image.clone(), kernels=compiled)
    assert found.loss.item() == pytest.approx(0, abs=1e-6)
    assert found.gradient is not None
    assert found.gradient.abs().max() < 1e-7


@pytest.mark.parametrize("value", [1e30, -1e4, 12.0, 9.0, 0.0])
def test_no_picture_makes_the_gradient_wild(compiled: ModuleType, value: float) -> None:
    image, target, _ = pictures((1, 20, 20))
    image[0, 10:] = value
    found = photometric(image, target, kernels=compiled)
    assert found.gradient is not None
    assert found.loss.isfinite()
    wanted = defined(image, target, None).gradient
    assert wanted is not None
    assert (found.gradient - wanted).norm() <= 1e-4 * wanted.norm()
    assert found.gradient.abs().max() < 1


def test_bits_do_not_depend_on_threads(cpu: ModuleType) -> None:
    image, target, weights = pictures((2, 150, 300))
    first, *others = (photometric(image, target, weights=weights, threads=n, kernels=cpu) for n in (1, 2, 4))
    for other in others:
        assert torch.equal(first.loss, other.loss)
        assert first.gradient is not None
        assert other.gradient is not None
        assert torch.equal(first.gradient, other.gradient)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bits_do_not_depend_on_the_order_of_threads(built: ModuleType, seed: int) -> None:
    image, target, _ = pictures((1, 20, 37))
    first = photometric(image, target, kernels=built)
    built.set_seed(seed)
    again = photometric(image, target, kernels=built)
    built.set_seed(0)
    assert torch.equal(first.loss, again.loss)
    assert first.gradient is not None
    assert again.gradient is not None
    assert torch.equal(first.gradient, again.gradient)


def test_wider_pixels_are_read_in_place(built: ModuleType) -> None:
    image, target, _ = pictures((1, 9, 22))
    wide = torch.cat([image, torch.full((1, 9, 22, 1), math.nan)], -1)
    assert_close(photometric(wide[..., :3], target, kernels=built), defined(image, target, None))


def test_autograd_scales_the_gradient() -> None:
    image, target, weights = pictures((1, 16, 24))
    leaf = image.clone().requires_grad_()
    (3 * photometric_loss(leaf, target, weights=weights)).backward()
    gradient = photometric(image, target, weights=weights).gradient
    assert gradient is not None
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad, 3 * gradient)


def test_double_precision_is_kept() -> None:
    image, target, _ = pictures((1, 12, 12))
    found = photometric(image.double(), target)
    assert found.loss.dtype == torch.float64
    assert found.loss == defined(image, target, None).loss


def test_metrics_are_by_picture() -> None:
    image, target, _ = pictures((3, 30, 30))
    image[1] = target[1].float() / 255
    similarities, ratios = ssim(image, target), psnr(image, target)
    assert similarities.shape == ratios.shape == (3,)
    assert similarities[1].item() == pytest.approx(1, abs=1e-6)
    assert ratios[1] == math.inf
    squares = (image[0].clamp(0, 1) - target[0] / 255).square().mean().item()
    assert ratios[0].item() == pytest.approx(-10 * math.log10(squares), rel=1e-5)
    assert similarities[0].item() == pytest.approx(ssim_map(image[:1], target[:1] / 255).mean().item(), abs=1e-5)


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_named() -> None:
    image, target, weights = pictures((1, 8, 8))
    with pytest.raises(UsageError, match=r"the target is \[1, 7, 8, 3\]"):
        photometric(image, target[:, :7])
    with pytest.raises(UsageError, match=r"the weights are"):
        photometric(image, target, weights=weights[:, :7])
    with pytest.raises(UsageError, match=r"expected \[cameras, height, width, 3\]"):
        photometric(image[:, :0], target[:, :0])
    with pytest.raises(UsageError, match="ssim_weight is 2"):
        photometric(image, target, ssim_weight=2)
