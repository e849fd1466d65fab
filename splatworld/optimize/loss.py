"""How far pictures are from their targets: the field's loss (Kerbl et al. 2023), with its gradient, and two metrics.

    loss = (1 - s) mean |x - y| + s (1 - mean SSIM(x, y)),   s = 0.2

SSIM (Wang et al. 2004) as trainers of Gaussian splats take it: window 11x11, a Gaussian of sigma 1.5, zeros around the
picture, each colour by itself; values beyond ±10 are held there for it, so that one wild splat does not drown others.
Means are over all pixels and colours of all pictures. `reference` is the definition, in plain torch; where there are
kernels (cuda_ext), loss and gradient come out of one sweep over the picture.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from splatworld.errors import UsageError
from splatworld.optimize.kernels import current, kernels_for, on_device, where

SSIM_WEIGHT = 0.2
_REACH, _SIGMA, _C1, _C2, _PEAK = 5, 1.5, 0.01**2, 0.03**2, 10.0

Pictures = Float[Tensor, "c h w 3"]
Targets = Float[Tensor, "c h w 3"] | UInt8[Tensor, "c h w 3"]
Weights = Float[Tensor, "c h w"]


@dataclass(frozen=True, eq=False, slots=True)
class Photometric:
    """A loss and what it consists of, on the device of the pictures."""

    loss: Float[Tensor, ""]
    l1: Float[Tensor, ""]
    """Mean of |x - y|."""
    dissimilarity: Float[Tensor, ""]
    """Mean of 1 - SSIM."""
    gradient: Float[Tensor, "c h w 3"] | None = field(repr=False)
    """Of the loss for the picture, where it was asked for."""


def photometric(
    image: Pictures,
    target: Targets,
    *,
    weights: Weights | None = None,
    ssim_weight: float = SSIM_WEIGHT,
    gradient: bool = True,
    threads: int = 0,
    kernels: ModuleType | None = None,
) -> Photometric:
    """Loss and gradient at once, outside autograd and without waiting for a device.

    Args:
        image: display values, mostly 0 to 1.
        target: the same, or bytes 0 to 255.
        weights: factor for what each pixel adds to both means; the means are over all pixels all the same.
        ssim_weight: s above, 0 to 1.
        gradient: whether it is wanted.
        threads: on the CPU; 0 is as many as torch uses. The result does not depend on it.
        kernels: the compiled module; by default that of the image's device.

    Raises:
        UsageError: sizes or devices that do not fit each other.
    """
    _check(image, target, weights, ssim_weight)
    kernels = kernels or kernels_for(image.device.type)
    if kernels is None or image.dtype != torch.float32:
        return _by_autograd(image, target, weights, ssim_weight, gradient)
    factors = None if weights is None else weights.float().contiguous()
    bytes_ = target.dtype == torch.uint8
    target = (target if bytes_ else target.detach().float()).contiguous()
    targets = (None, target) if bytes_ else (target, None)
    scales = ((1 - ssim_weight) / image.numel(), ssim_weight / image.numel())
    place = where(kernels, image.device, threads)
    if on_device(kernels):
        return _on_device(kernels, image.detach(), targets, factors, scales, gradient, place)
    image = image.detach().contiguous()
    grad = torch.empty_like(image) if gradient else None
    l1, dissimilarity = kernels.loss(image, *targets, factors, *scales, grad, place)
    values = (scales[0] * l1 + scales[1] * dissimilarity, l1 / image.numel(), dissimilarity / image.numel())
    return Photometric(*_three(torch.tensor(values)), grad)


def photometric_loss(
    image: Pictures,
    target: Targets,
    *,
    weights: Weights | None = None,
    ssim_weight: float = SSIM_WEIGHT,
    threads: int = 0,
) -> Float[Tensor, ""]:
    """The loss of `photometric`, for autograd: it takes a gradient for `image` alone.

    Raises:
        UsageError: sizes or devices that do not fit each other.
    """
    return _Loss.apply(image, target, weights, ssim_weight, threads)  # pyright: ignore[reportReturnType]


def reference(
    image: Pictures, target: Targets, *, weights: Weights | None = None, ssim_weight: float = SSIM_WEIGHT
) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Float[Tensor, ""]]:
    """The definition, in plain torch: loss, mean of |x - y|, mean of 1 - SSIM."""
    target = _unit(target, image.dtype)
    factor = 1.0 if weights is None else weights[..., None].to(image.dtype)
    l1 = (factor * (image - target).abs()).mean()
    dissimilarity = (factor * (1 - ssim_map(image, target))).mean()
    return (1 - ssim_weight) * l1 + ssim_weight * dissimilarity, l1, dissimilarity


def ssim_map(image: Pictures, target: Pictures) -> Pictures:
    """Structural similarity around each pixel, -1 to 1."""
    x, y = (t.permute(0, 3, 1, 2).clamp(-_PEAK, _PEAK) for t in (image, target))
    mean_x, mean_y = _window(x), _window(y)
    variances = _window(x * x) - mean_x * mean_x, _window(y * y) - mean_y * mean_y
    covariance = _window(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x * mean_x + mean_y * mean_y + _C1)
    return (luminance * (2 * covariance + _C2) / (sum(variances) + _C2)).permute(0, 2, 3, 1)


def ssim(image: Pictures, target: Targets) -> Float[Tensor, " c"]:
    """Mean structural similarity of each picture."""
    with torch.no_grad():
        pairs = zip(image.split(1), target.split(1), strict=True)
        return torch.stack([1 - photometric(x, y, gradient=False).dissimilarity for x, y in pairs])


def psnr(image: Pictures, target: Targets) -> Float[Tensor, " c"]:
    """Peak signal to noise ratio of each picture in dB, the image held to 0 to 1; infinite for equal ones."""
    with torch.no_grad():
        squares = (image.clamp(0, 1) - _unit(target, image.dtype)).square()
        return -10 * squares.mean((1, 2, 3)).log10()


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, target: Tensor, weights: Tensor | None, ssim_weight: float, threads: int):
        wanted = ctx.needs_input_grad[0]
        found = photometric(image, target, weights=weights, ssim_weight=ssim_weight, gradient=wanted, threads=threads)
        ctx.save_for_backward(found.gradient)
        return found.loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor):
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0], None, None, None, None


def _check(image: Tensor, target: Tensor, weights: Tensor | None, ssim_weight: float) -> None:
    if image.ndim != 4 or image.shape[-1] != 3 or 0 in image.shape:
        raise UsageError(f"the image is {list(image.shape)}; expected [cameras, height, width, 3], none of them 0")
    if target.shape != image.shape:
        raise UsageError(f"the target is {list(target.shape)} and the image {list(image.shape)}; expected equal sizes")
    if weights is not None and weights.shape != image.shape[:3]:
        raise UsageError(f"the weights are {list(weights.shape)}; expected {list(image.shape[:3])}, one for each pixel")
    if any(t is not None and t.device != image.device for t in (target, weights)):
        raise UsageError(f"the image is on {image.device}, so target and weights must be there too")
    if not 0 <= ssim_weight <= 1:
        raise UsageError(f"ssim_weight is {ssim_weight}; expected 0 to 1")


def _by_autograd(
    image: Tensor, target: Tensor, weights: Tensor | None, ssim_weight: float, gradient: bool
) -> Photometric:
    with torch.set_grad_enabled(gradient):
        leaf = image.detach().requires_grad_(gradient)
        found = reference(leaf, target, weights=weights, ssim_weight=ssim_weight)
        grad = torch.autograd.grad(found[0], leaf)[0] if gradient else None
    return Photometric(found[0].detach(), found[1].detach(), found[2].detach(), grad)


def _on_device(
    kernels: ModuleType,
    image: Tensor,
    targets: tuple[Tensor | None, Tensor | None],
    factors: Tensor | None,
    scales: tuple[float, float],
    gradient: bool,
    stream: int,
) -> Photometric:
    count, height, width, _ = image.shape
    stride = image.stride(2)
    if image.stride() != (height * width * stride, width * stride, stride, 1):  # a part of wider pixels is fine
        image, stride = image.contiguous(), 3
    grad = image.new_empty(image.shape) if gradient else None
    scratch = image.new_empty(kernels.loss_scratch(count, height, width, gradient))
    sums = image.new_empty(3)
    places = [0 if t is None else t.data_ptr() for t in (*targets, factors, grad, scratch, sums)]
    with current(image.device):
        kernels.loss(image.data_ptr(), stride, *places[:3], count, height, width, *scales, *places[3:], stream)
    return Photometric(*_three(sums), grad)


def _three(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return values[0], values[1], values[2]


def _unit(target: Tensor, dtype: torch.dtype) -> Tensor:
    return target.to(dtype) / 255 if target.dtype == torch.uint8 else target.to(dtype)


@lru_cache(maxsize=16)
def _taps(dtype: torch.dtype, device: torch.device) -> Tensor:
    offsets = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
    taps = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    return (taps / taps.sum()).to(dtype).to(device)


def _window(planes: Float[Tensor, "c 3 h w"]) -> Float[Tensor, "c 3 h w"]:
    """The window's weighted mean around each pixel, with zeros around the picture."""
    taps = _taps(planes.dtype, planes.device).expand(3, 1, 1, -1)
    along = functional.conv2d(planes, taps, padding=(0, _REACH), groups=3)
    return functional.conv2d(along, taps.transpose(2, 3), padding=(_REACH, 0), groups=3)
