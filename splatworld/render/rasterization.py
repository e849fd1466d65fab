"""`rasterization`: `render` for people who come from gsplat, with the arguments, shapes and defaults that they know."""

import functools
from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor

from splatworld.camera import Camera, Lens
from splatworld.errors import UsageError
from splatworld.render import blend, joined, mean_depth
from splatworld.render.checks import Tail, check_amounts, check_cameras, check_planes, check_rows
from splatworld.render.conventions import Profile
from splatworld.render.params import Params, RenderSettings, Sums

RenderMode = Literal["RGB", "D", "ED", "RGB+D", "RGB+ED"]

_TAILS: dict[str, Tail] = {"means": (3,), "quats": (4,), "scales": (3,), "opacities": (), "colors": "d"}
_TAILS_SH: dict[str, Tail] = {**_TAILS, "colors": "k, 3"}
_LENSES: dict[str, Lens] = {"pinhole": "pinhole", "ortho": "orthographic", "fisheye": "fisheye"}
_DISTORTIONS = ("radial_coeffs", "tangential_coeffs", "thin_prism_coeffs", "ftheta_coeffs")
_BEYOND = frozenset(("covars", "with_ut", "with_eval3d", *_DISTORTIONS, "rolling_shutter", "viewmats_rs"))
"""Arguments of gsplat that ask for another picture than ours."""


def rasterization(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    packed: bool = True,
    tile_size: int = 16,
    backgrounds: Tensor | None = None,
    render_mode: RenderMode = "RGB",
    sparse_grad: bool = False,
    absgrad: bool = False,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
    channel_chunk: int = 32,
    distributed: bool = False,
    camera_model: Literal["pinhole", "ortho", "fisheye"] = "pinhole",
    segmented: bool = False,
    *,
    profile: Profile = "gsplat",
    backend: str = "auto",
    **beyond: Any,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Draw Gaussians as `gsplat.rasterization` of version 1.5.3 does, on any of our backends.

    `packed`, `tile_size`, `sparse_grad`, `channel_chunk` and `segmented` tune gsplat's memory and speed; they are
    accepted and ignored, and gradients are dense. Gradients flow to all tensors but `Ks`.

    Args:
        means: [n, 3].
        quats: [n, 4], wxyz of any length.
        scales: [n, 3], standard deviations.
        opacities: [n], 0 to 1.
        colors: [n, d], or [n, k, 3] spherical harmonics where `sh_degree` is given; either may have one for each
            camera, [c, n, d] and [c, n, k, 3].
        viewmats: [c, 4, 4], world to camera, OpenCV.
        Ks: [c, 3, 3].
        width: px.
        height: px.
        near_plane: Nearer centres are not drawn.
        far_plane: Further ones neither.
        radius_clip: Splats that reach no further than so many pixels are not drawn.
        eps2d: px² added to the projected covariance.
        sh_degree: Bands to evaluate; None: `colors` are what is blended.
        packed: Ignored.
        tile_size: Ignored.
        backgrounds: [c, d].
        render_mode: Colours, summed depth (D) or mean depth (ED), or colours with depth as the last channel.
        sparse_grad: Ignored.
        absgrad: Must be false.
        rasterize_mode: "antialiased" dims splats by what `eps2d` adds to their area.
        channel_chunk: Ignored.
        distributed: Must be false.
        camera_model: The lens.
        segmented: Ignored.
        profile: Whose numeric conventions, but for the near plane.
        backend: As for `render`.
        beyond: gsplat's other arguments, at their defaults.

    Returns:
        Colours [c, height, width, x], alphas [c, height, width, 1], and a dictionary with "median_depth"
        [c, height, width, 1], "skipped" [c] (splats that are not finite), "width", "height" and "n_cameras". Nothing
        per splat is in it, so gsplat's densification strategies cannot run on it.

    Raises:
        UsageError: an argument of a wrong shape, type or value, or one that asks for what we cannot do.
        BackendError: the backend asked for cannot draw these splats here.
    """
    _refuse({"absgrad": absgrad, "distributed": distributed, **beyond})
    if not isinstance(camera_model, str) or camera_model not in _LENSES:
        raise UsageError(f"camera_model '{camera_model}' is not supported; expected {', '.join(_LENSES)}")
    if render_mode not in get_args(RenderMode):
        raise UsageError(f"unknown render_mode '{render_mode}'; expected {', '.join(get_args(RenderMode))}")
    cameras = Camera(viewmats, Ks, width, height, _LENSES[camera_model])
    check_cameras(cameras, None, poses="viewmats")
    rows = {"means": means, "quats": quats, "scales": scales, "opacities": opacities}
    each = _per_camera(colors, len(viewmats), sh_degree)
    for part in each:
        check_rows({**rows, "colors": part}, _TAILS if sh_degree is None else _TAILS_SH)
    settings = _remembered(profile, rasterize_mode, sh_degree, near_plane, far_plane, radius_clip, eps2d)
    views = [cameras] if len(each) == 1 else [cameras[i] for i in range(len(cameras))]
    core = (means, quats, scales, opacities)
    parts = [
        blend(_params(core, part, sh_degree), view, settings, backend) for part, view in zip(each, views, strict=True)
    ]
    sums = parts[0] if len(parts) == 1 else joined(parts)
    out = _channels(sums, 3 if sh_degree is not None else each[0].shape[1], render_mode, backgrounds)
    meta = {"median_depth": sums.median, "skipped": sums.skipped}
    return out, sums.alpha, {**meta, "width": width, "height": height, "n_cameras": len(viewmats)}


def _refuse(beyond: dict[str, Any]) -> None:
    for name, value in beyond.items():
        if name not in _BEYOND | {"absgrad", "distributed"}:
            raise TypeError(f"rasterization() got an unexpected keyword argument '{name}'")
        if value is not None and value is not False:
            raise UsageError(f"{name} is not supported: leave it out")


def _remembered(*how: Any) -> RenderSettings:
    """`_settings`, made once for equal arguments."""
    try:
        return _settings(*how)
    except TypeError:  # one cannot be hashed, and so is of a wrong type: without memory it is refused by name
        return _settings.__wrapped__(*how)


@functools.lru_cache(256, typed=True)
def _settings(
    profile: Profile,
    mode: str,
    sh_degree: int | None,
    near: float,
    far: float,
    radius_clip: float,
    eps2d: float,
) -> RenderSettings:
    if mode not in ("classic", "antialiased"):
        raise UsageError(f"unknown rasterize_mode '{mode}'; expected classic or antialiased")
    planes = {"near_plane": near, "far_plane": far}
    check_amounts({**planes, "radius_clip": radius_clip, "eps2d": eps2d})
    check_planes(planes)
    return RenderSettings(
        profile=profile,
        antialiased=mode == "antialiased",
        sh_degree=sh_degree,
        near=near,
        far=far,
        radius_clip=radius_clip,
        dilation=eps2d,
    )


def _per_camera(colors: Tensor, cameras: int, sh_degree: int | None) -> Sequence[Tensor]:
    """The colours that all cameras share, or those of each."""
    shared = 2 if sh_degree is None else 3
    if not isinstance(colors, Tensor) or colors.ndim != shared + 1:
        return [colors]
    if len(colors) != cameras:
        raise UsageError(f"colors has {len(colors)} rows of cameras; expected {cameras}, as viewmats has")
    return list(colors) if cameras else [colors.new_zeros(colors.shape[1:])]


def _params(core: tuple[Tensor, Tensor, Tensor, Tensor], colors: Tensor, sh_degree: int | None) -> Params:
    """Of plain channels the first three are blended as colours, and what is left as features."""
    if sh_degree is not None:
        if (sh_degree + 1) ** 2 > colors.shape[1]:
            raise UsageError(f"colors has {colors.shape[1]} coefficients per channel; sh_degree {sh_degree} needs more")
        return Params(*core, colors, activated=True)
    missing = max(0, 3 - colors.shape[1])
    first = torch.nn.functional.pad(colors, (0, missing)) if missing else colors[:, :3]
    rest = colors[:, 3:] if colors.shape[1] > 3 else None
    return Params(*core, first[:, None], rest, activated=True, plain=True)


def _channels(sums: Sums, colours: int, mode: RenderMode, backgrounds: Tensor | None) -> Tensor:
    parts = []
    if mode.startswith("RGB"):
        rgb = sums.rgb[..., :colours]
        rgb = rgb if sums.features is None else torch.cat([rgb, sums.features], -1)
        parts.append(rgb if backgrounds is None else _over(rgb, sums.alpha, backgrounds))
    if mode.endswith("ED"):
        parts.append(mean_depth(sums))
    elif mode.endswith("D"):
        parts.append(sums.depth_sum)
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def _over(rgb: Tensor, alpha: Tensor, backgrounds: Tensor) -> Tensor:
    expected = (len(rgb), rgb.shape[-1])
    if not isinstance(backgrounds, Tensor) or backgrounds.shape != expected:
        raise UsageError(f"backgrounds must be a tensor {list(expected)}, one row per camera")
    return rgb + (1 - alpha) * cast(Tensor, backgrounds)[:, None, None].to(rgb)
