"""Splats to pictures: one function, `render`, and a table of backends that are loaded when asked.

A backend is a module with `unavailable(params) -> reason or None` and `blend(params, cameras, settings) -> Sums`; the
types are in `params`. All give the same picture, which `reference` defines.

The package can be called: `splatworld.render(world, cameras)` is `render` below.
"""

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from splatworld.callables import call_as
from splatworld.camera import Camera
from splatworld.errors import BackendError, UsageError
from splatworld.geometry import rotation_matrices
from splatworld.render.background import behind, over
from splatworld.render.checks import check_cameras, check_finite, check_rows, described
from splatworld.render.params import Params, RenderSettings, Sums
from splatworld.splats import Splats

BACKENDS = {
    "cuda": "splatworld.render.cuda",
    "cpu": "splatworld.render.native",
    "reference": "splatworld.render.reference",
    "gsplat": "splatworld.render.gsplat",
}
"""Name to module."""

AUTO = ("cuda", "cpu", "reference")
"""What "auto" tries, in this order."""

_ALPHA_LEAST = 1e-3
"""Less than any alpha but 0, because contributions below 1/255 are skipped."""

_USUAL = RenderSettings()


@runtime_checkable
class HasSplats(Protocol):
    """Anything that shows as splats; `World` is the one that matters."""

    def splats(self) -> Splats:
        """What is visible, in world coordinates."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Rendering:
    """c pictures of the same splats. Gradients flow to all but `median_depth`, `things` and `skipped`."""

    rgb: Float[Tensor, "c h w 3"]
    """Display values over the background, not clamped from above."""
    alpha: Float[Tensor, "c h w 1"]
    depth: Float[Tensor, "c h w 1"]
    """Mean camera z in metres, each splat weighted by what it adds to the pixel; 0 where nothing is."""
    median_depth: Float[Tensor, "c h w 1"]
    """Camera z of the splat at which transmittance first falls to a half; 0 where it never does."""
    things: Int32[Tensor, "c h w"]
    """Thing id of that splat; 0 where there is none."""
    features: Float[Tensor, "c h w d"] | None
    """Summed, each splat weighted by what it adds; None if there were none."""
    normals: Float[Tensor, "c h w 3"] | None
    """The same for normals in the world's frame: as long as alpha where all agree. None unless asked for."""
    skipped: Int32[Tensor, " c"]
    """Splats left out because a parameter, or their colour from here, is not finite."""


def render(
    scene: HasSplats | Splats,
    cameras: Camera,
    *,
    settings: RenderSettings | None = None,
    backend: str = "auto",
    features: Tensor | None = None,
) -> Rendering:
    """Draw a world or splats from every camera.

    "auto" picks by where the splats are: the CUDA kernels, the compiled ones for the CPU, or else the reference in
    torch. `features` [n, d] are blended as colours are. Splats with parameters that are not finite are not drawn but
    counted. Zero quaternions mean no rotation; logits may be infinite; splats so large or near that their shape on the
    image overflows are not drawn. A camera that is not finite sees nothing.

    Raises:
        UsageError: an argument of a wrong shape or type, an image beyond the limits, an unknown backend, or with
            `settings.check` a splat that is not finite.
        BackendError: the backend asked for cannot draw these splats here.
    """
    if not isinstance(settings, RenderSettings | None):
        raise UsageError(f"settings is {described(settings)}; expected RenderSettings")
    settings = settings or _USUAL
    splats = scene if isinstance(scene, Splats) else _splats_of(scene)
    check_cameras(cameras, settings.background)
    params = _params(splats, features, settings)
    if settings.normals:
        stored = splats.extras.get("normal")  # worlds keep theirs in half precision
        stored = None if stored is None else stored.to(params.means.dtype)
        return _with_normals(params, stored, cameras, settings, backend)
    return _finished(blend(params, cameras, settings, backend), settings)


def blend(params: Params, cameras: Camera, settings: RenderSettings, backend: str = "auto") -> Sums:
    """What lies under `render`: the sums that the chosen backend makes, with nothing checked.

    Raises:
        UsageError: an unknown backend.
        BackendError: the backend asked for cannot draw these splats here.
    """
    return _chosen(backend, params, settings).blend(params, cameras, settings)


def joined(parts: Sequence[Sums]) -> Sums:
    """The same splats from some cameras, then from others."""

    def column(name: str) -> Any:
        pieces = [getattr(part, name) for part in parts]
        return None if pieces[0] is None else torch.cat(pieces)

    return Sums(**{f.name: column(f.name) for f in fields(Sums)})


def mean_depth(sums: Sums) -> Float[Tensor, "c h w 1"]:
    """Camera z, each splat weighted by what it adds; 0 where nothing is."""
    return sums.depth_sum / sums.alpha.clamp(min=_ALPHA_LEAST)


def backends() -> dict[str, str | None]:
    """Each backend with the reason why it cannot be used here, or None."""
    return {name: _module(name).unavailable() for name in BACKENDS}


@functools.cache
def _module(name: str) -> ModuleType:
    return importlib.import_module(BACKENDS[name])


def _chosen(backend: str, params: Params, settings: RenderSettings) -> ModuleType:
    if not isinstance(backend, str) or (backend != "auto" and backend not in BACKENDS):
        raise UsageError(f"unknown backend '{backend}'; expected auto, {', '.join(BACKENDS)}")
    reasons = []
    for name in AUTO if backend == "auto" else (backend,):
        module = _module(name)
        reason = module.unavailable(params)
        if settings.smooth and name != "reference":
            reason = "only the reference has smooth edges"
        if reason is None:
            return module
        reasons.append(f"the backend '{name}' cannot draw this: {reason}")
    raise BackendError("; ".join(reasons))


def _splats_of(scene: object) -> Splats:
    if not isinstance(scene, HasSplats):
        raise UsageError(f"the scene is a {type(scene).__name__}; expected a World or Splats")
    return scene.splats()


def _params(splats: Splats, features: Tensor | None, settings: RenderSettings) -> Params:
    floats = {name: getattr(splats, name) for name in ("means", "quats", "log_scales", "logit_opacities", "sh")}
    if features is not None:
        floats["features"] = features
    things = splats.extras.get("thing")
    check_rows(floats if things is None else {**floats, "thing": things})
    if settings.check:
        check_finite(floats)
    if things is not None and things.dtype is not torch.int32:
        things = things.int()
    return Params(**floats, things=things)


def _with_normals(
    params: Params, stored: Tensor | None, cameras: Camera, settings: RenderSettings, backend: str
) -> Rendering:
    """Normals are features; where they are not stored they turn with the camera, so that each has its own."""
    if stored is not None:
        check_rows({"means": params.means, "normal": stored})
    own, parts = params.features, []
    for camera in [cameras] if stored is not None or not len(cameras) else [cameras[i] for i in range(len(cameras))]:
        normals = _towards(params, camera) if stored is None else stored
        every = normals if own is None else torch.cat([own, normals], 1)
        parts.append(blend(replace(params, features=every), camera, settings, backend))
    picture = _finished(joined(parts), settings)
    assert picture.features is not None
    features, normals = picture.features[..., :-3], picture.features[..., -3:]
    return replace(picture, features=None if own is None else features, normals=normals)


def _towards(params: Params, camera: Camera) -> Float[Tensor, "n 3"]:
    """Each splat's shortest axis, turned to the side that one camera sees."""
    shortest = params.log_scales.argmin(1)
    # Rows that are not finite are not drawn; their gradients must be 0 and not 0 times something that is no number.
    turns = torch.where(params.quats.isfinite().all(1, keepdim=True), params.quats, 1.0)
    axes = rotation_matrices(turns).gather(2, shortest[:, None, None].expand(-1, 3, 1))[..., 0]
    if not len(camera):
        return axes
    pose = camera.camera_from_world[0].detach().to(params.means)
    rotation, translation = pose[:3, :3], pose[:3, 3]
    sight = rotation[2] if camera.lens == "orthographic" else params.means.detach() + rotation.T @ translation
    return torch.where(((axes.detach() * sight).sum(1) > 0)[:, None], -axes, axes)


def _finished(sums: Sums, settings: RenderSettings) -> Rendering:
    """Means of depths, and the background."""
    rgb = over(sums.rgb, sums.alpha, behind(settings, sums.rgb))
    return Rendering(rgb, sums.alpha, mean_depth(sums), sums.median, sums.things, sums.features, None, sums.skipped)


call_as(__name__, render)

__all__ = [
    "BACKENDS",
    "HasSplats",
    "RenderSettings",
    "Rendering",
    "backends",
    "blend",
    "joined",
    "mean_depth",
    "render",
]
