"""gsplat 1.5.3 behind our seam: something to compare with, for people who have it and a CUDA device.

It knows no median depth and no things (both are zeros), has the conventions of the profile "gsplat" alone, and compiles
itself when it is first used. "auto" never picks it.
"""

import functools
import importlib.metadata
from typing import Any

import torch
from torch import Tensor

from splatworld.camera import Camera
from splatworld.errors import BackendError
from splatworld.render.params import Params, RenderSettings, Sums

VERSION = "1.5.3"

_CAMERA_MODELS = {"pinhole": "pinhole", "orthographic": "ortho", "fisheye": "fisheye"}


def unavailable(params: Params | None = None) -> str | None:
    """Why it cannot be used here, or cannot draw these splats; None if it can."""
    if (reason := _missing()) is not None:
        return reason
    if not torch.cuda.is_available():
        return "it needs a CUDA device, and there is none"
    if params is None:
        return None
    if params.means.device.type != "cuda":
        return f"the splats are on {params.means.device}, and it draws from a CUDA device's memory"
    return None


@functools.cache
def _missing() -> str | None:
    try:
        version = importlib.metadata.version("gsplat")
    except importlib.metadata.PackageNotFoundError:
        return f"gsplat is not installed (pip install gsplat=={VERSION})"
    return None if version == VERSION else f"gsplat {version} is installed, and it needs {VERSION}"


def blend(params: Params, cameras: Camera, settings: RenderSettings) -> Sums:
    """Draw in float32.

    Raises:
        BackendError: another profile.
    """
    from gsplat import rasterization

    if settings.profile != "gsplat":
        raise BackendError(f"the backend 'gsplat' knows the profile 'gsplat' only, not '{settings.profile}'")
    finite = _finite(params)
    rows = finite.nonzero()[:, 0]
    scales, opacities = params.log_scales[rows].float(), params.logit_opacities[rows].float()
    if not params.activated:
        scales, opacities = scales.exp(), opacities.sigmoid()
    core = (params.means[rows].float(), params.quats[rows].float(), scales, opacities)
    device = params.means.device
    poses = cameras.camera_from_world.to(device, torch.float32)
    options: dict[str, Any] = {
        "viewmats": poses,
        "Ks": cameras.Ks.to(device, torch.float32),
        "width": cameras.width,
        "height": cameras.height,
        "near_plane": settings.near_plane,
        "far_plane": settings.far,
        "radius_clip": settings.radius_clip,
        "eps2d": settings.dilation,
        "rasterize_mode": "antialiased" if settings.antialiased else "classic",
        "camera_model": _CAMERA_MODELS[cameras.lens],
        "packed": False,
    }
    colours = params.sh[rows].float()
    degree = None if params.plain else params.degree(settings)
    drawn, alpha, _ = rasterization(
        *core, colours[:, 0] if params.plain else colours, sh_degree=degree, render_mode="RGB+D", **options
    )
    features = None
    if params.features is not None:
        features = rasterization(*core, params.features[rows].float(), **options)[0]
    nothing = torch.zeros_like(alpha)
    skipped = (~finite).sum(dtype=torch.int32).expand(len(cameras))
    return Sums(drawn[..., :3], alpha, drawn[..., 3:], features, nothing, nothing[..., 0].int(), skipped)


def _finite(params: Params) -> Tensor:
    """It would spread what is not finite over the whole picture."""
    rows = torch.cat([params.means, params.quats, params.log_scales, params.sh.flatten(1)], 1)
    return rows.isfinite().all(1) & ~params.logit_opacities.isnan()
