"""One step of training: draw a view, compare it with its picture, go back, move the splats."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from splatworld.camera import Camera
from splatworld.optimize.adam import Adam
from splatworld.optimize.fused import FusedStep, why_not
from splatworld.optimize.loss import SSIM_WEIGHT, Photometric, Targets, Weights, photometric
from splatworld.render import blend
from splatworld.render.background import behind, over
from splatworld.render.params import Params, RenderSettings

Step = Callable[..., Photometric]
"""Called with a camera, its target and, by name, weights (see `photometric`)."""


def stepper(
    params: Params,
    adam: Adam,
    settings: RenderSettings | None = None,
    *,
    ssim_weight: float = SSIM_WEIGHT,
    opacity_weight: float = 0.0,
    scale_weight: float = 0.0,
) -> Step:
    """What takes one step after the other: kernels that keep everything on the GPU where they can, else `step`.

    Args:
        params: the tensors that `adam` moves.
        adam: the optimiser, with exactly the names of the five tensors of `params`.
        settings: how to draw.
        ssim_weight: see `photometric`.
        opacity_weight: times the sum of opacities of the splats that a view reaches is added to the loss.
        scale_weight: the same for their scales.
    """
    settings = settings or RenderSettings()
    if why_not(params, adam, settings) is None:
        return FusedStep(params, adam, settings, ssim_weight, opacity_weight, scale_weight)
    weights = {"ssim_weight": ssim_weight, "opacity_weight": opacity_weight, "scale_weight": scale_weight}
    return partial(step, params, adam, settings, **weights)


def step(
    params: Params,
    adam: Adam,
    settings: RenderSettings,
    camera: Camera,
    target: Targets,
    *,
    weights: Weights | None = None,
    ssim_weight: float = SSIM_WEIGHT,
    opacity_weight: float = 0.0,
    scale_weight: float = 0.0,
    backend: str = "auto",
) -> Photometric:
    """One step through autograd, on any backend and with any number of cameras. See `stepper`.

    Returns:
        the loss before the step, without what the two last weights add.
    """
    leaves = {name: tensor.requires_grad_() for name, tensor in adam.params.items()}
    with torch.enable_grad():
        sums = blend(params, camera, settings, backend)
        image = over(sums.rgb, sums.alpha, behind(settings, sums.rgb))
    found = photometric(image, target, weights=weights, ssim_weight=ssim_weight, threads=settings.threads)
    if image.requires_grad:
        grads = torch.autograd.grad(image, list(leaves.values()), found.gradient, allow_unused=True)
    else:  # nothing was in view
        grads = [None] * len(leaves)
    gradients = {name: grad for name, grad in zip(leaves, grads, strict=True) if grad is not None}
    visible = None if adam.mode == "dense" and not opacity_weight and not scale_weight else adam.touched(gradients)
    if visible is not None:
        _regularise(params, gradients, visible, opacity_weight, scale_weight)
    adam.step(visible, gradients)
    return found


@torch.no_grad()
def _regularise(
    params: Params, gradients: dict[str, Tensor], visible: Tensor, opacity_weight: float, scale_weight: float
) -> None:
    if opacity_weight and "logit_opacities" in gradients:
        opacity = torch.sigmoid(params.logit_opacities)
        slope = torch.ones_like(opacity) if params.activated else opacity * (1 - opacity)
        gradients["logit_opacities"] = gradients["logit_opacities"] + opacity_weight * slope * visible
    if scale_weight and "log_scales" in gradients:
        slope = torch.ones_like(params.log_scales) if params.activated else params.log_scales.exp()
        gradients["log_scales"] = gradients["log_scales"] + scale_weight * slope * visible[:, None]
