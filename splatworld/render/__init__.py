"""Splats to pictures: one function, `render`, and a table of backends that are loaded when asked.

A backend is a module with `unavailable(splats) -> reason or None` and `rasterize(splats, cameras, settings)`.

The package can be called: `splatworld.render(world, cameras)` is `render` below.
"""

import importlib
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int32
from torch import Tensor

from splatworld import limits
from splatworld.callables import call_as
from splatworld.camera import Camera
from splatworld.errors import BackendError, UsageError
from splatworld.render.params import RenderSettings
from splatworld.splats import Splats

BACKENDS = {"cpu": "splatworld.render.native", "reference": "splatworld.render.reference"}
"""Name to module, in the order in which "auto" tries them."""


@runtime_checkable
class HasSplats(Protocol):
    """Anything that shows as splats; `World` is the one that matters."""

    def splats(self) -> Splats:
        """What is visible, in world coordinates."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Rendering:
    """c pictures of the same splats."""

    rgb: Float[Tensor, "c h w 3"]
    """Display values over the background, not clamped from above."""
    alpha: Float[Tensor, "c h w 1"]
    depth: Float[Tensor, "c h w 1"]
    """Mean camera z in metres, each splat weighted by what it adds to the pixel; 0 where nothing is."""
    median_depth: Float[Tensor, "c h w 1"]
    """Camera z of the splat at which transmittance first falls to a half; 0 where it never does."""
    things: Int32[Tensor, "c h w"]
    """Thing id of that splat; 0 where there is none."""


def render(
    scene: HasSplats | Splats, cameras: Camera, *, settings: RenderSettings | None = None, backend: str = "auto"
) -> Rendering:
    """Draw a world or splats from every camera.

    "auto" takes the first backend that can draw these splats: the compiled one, or the reference in torch where there
    is no kernel, gradients are wanted or the splats are not on the CPU. Splats with parameters that are not finite are
    not drawn.

    Raises:
        UsageError: an image size beyond the limits, or an unknown backend.
        BackendError: the backend asked for cannot draw these splats here.
    """
    settings = settings or RenderSettings()
    _check_size(cameras)
    splats = scene if isinstance(scene, Splats) else scene.splats()
    picture = _chosen(backend, splats).rasterize(splats, cameras, settings)
    return _over(picture, settings.background)


def backends() -> dict[str, str | None]:
    """Each backend with the reason why it cannot be used here, or None."""
    return {name: importlib.import_module(module).unavailable() for name, module in BACKENDS.items()}


def _chosen(backend: str, splats: Splats) -> ModuleType:
    if backend != "auto" and backend not in BACKENDS:
        raise UsageError(f"unknown backend '{backend}'; expected auto, {', '.join(BACKENDS)}")
    reasons = []
    for name in BACKENDS if backend == "auto" else [backend]:
        module = importlib.import_module(BACKENDS[name])
        reason = module.unavailable(splats)
        if reason is None:
            return module
        reasons.append(f"the backend '{name}' cannot draw this: {reason}")
    raise BackendError("; ".join(reasons))


def _check_size(cameras: Camera) -> None:
    width, height = cameras.width, cameras.height
    if not (1 <= width <= limits.IMAGE_SIDE_MAX_PX and 1 <= height <= limits.IMAGE_SIDE_MAX_PX):
        raise UsageError(f"an image of {width}x{height} px; each side must be 1 to {limits.IMAGE_SIDE_MAX_PX}")
    if width * height > limits.IMAGE_PIXELS_MAX:
        raise UsageError(f"an image of {width}x{height} px; expected at most {limits.IMAGE_PIXELS_MAX} pixels")


def _over(picture: Rendering, background: tuple[float, float, float]) -> Rendering:
    if not any(background):
        return picture
    behind = (1 - picture.alpha) * picture.rgb.new_tensor(background)
    return replace(picture, rgb=picture.rgb + behind)


call_as(__name__, render)

__all__ = ["BACKENDS", "HasSplats", "RenderSettings", "Rendering", "backends", "render"]
