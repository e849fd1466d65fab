"""What is seen of two worlds from the same places."""

import math
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from splatworld.camera import Camera, look_at, orbit
from splatworld.optimize.loss import psnr, ssim
from splatworld.progress import Progress, Step
from splatworld.render import render
from splatworld.splats import Splats
from splatworld.world import World, framed

_NEAR = 0.5
"""Every second look at a world without viewpoints is from this share of the distance of the others."""
_FOV_DEG = 55.0


class View(msgspec.Struct, frozen=True):
    """How alike both worlds look from one place, on black or on white, whichever is worse."""

    psnr: float | None
    """dB; None where no pixel differs."""
    ssim: float
    covered: float
    """Share of pixels of which either world covers half: where it is small, agreeing emptiness lifts both figures."""


def viewing(world: World, *, views: int, width: int, height: int) -> Camera:
    """Places from which a world is judged.

    A world with viewpoints is seen from these, and all around from the eye of the first; one without from a ring
    around the middle of its splats, by turns from outside and from half as far.
    """
    if not world.viewpoints:
        return _around(world, views, width, height)
    own = world.viewpoints[: math.ceil(views / 2)]
    eye, target = np.array(world.start.eye, float), np.array(world.start.target, float)
    turn = math.atan2(*(target - eye)[1::-1]) + 2 * np.pi * np.arange(1, views - len(own) + 1) / (views - len(own) + 1)
    ahead = np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])
    ring = look_at(np.tile(eye, (len(turn), 1)), eye + ahead, fov_deg=_FOV_DEG, width=width, height=height)
    return _joined([*(view.camera(width=width, height=height) for view in own), ring])


def _around(world: World, views: int, width: int, height: int) -> Camera:
    view = framed(world)
    x, y, z = (float(v) for v in np.subtract(view.eye, view.target))
    rings = []
    for count, share, start in ((views - views // 2, 1.0, -90.0), (views // 2, _NEAR, -90.0 + 180 / max(views, 1))):
        rings.append(
            orbit(
                view.target, share * math.hypot(x, y), frames=count, height_above=share * z, fov_deg=_FOV_DEG,
                width=width, height=height, start_deg=start,
            )
        )  # fmt: skip
    return _joined(rings)


def _joined(cameras: Sequence[Camera]) -> Camera:
    return Camera(
        torch.cat([c.camera_from_world for c in cameras]),
        torch.cat([c.Ks for c in cameras]),
        cameras[0].width,
        cameras[0].height,
    )


def looks(a: Splats, b: Splats, cameras: Camera, progress: Progress) -> Iterator[View]:
    """One view after the other."""
    for index in range(len(cameras)):
        (black, alpha), (others, other_alpha) = (_drawn(splats, cameras[index]) for splats in (a, b))
        pairs = [(black, others), (_on_white(black, alpha), _on_white(others, other_alpha))]
        decibels = min(float(psnr(y, x)) for x, y in pairs)
        yield View(
            psnr=None if math.isinf(decibels) else decibels,
            ssim=min(float(ssim(y, x)) for x, y in pairs),
            covered=float((torch.maximum(alpha, other_alpha) > 0.5).float().mean()),
        )
        progress(Step(index + 1, len(cameras)))


def _drawn(splats: Splats, camera: Camera) -> tuple[Float[Tensor, "1 h w 3"], Float[Tensor, "1 h w 1"]]:
    """Display values on black, 0 to 1, and alpha."""
    picture = render(splats, camera)
    return picture.rgb.clamp(0, 1), picture.alpha


def _on_white(black: Float[Tensor, "1 h w 3"], alpha: Float[Tensor, "1 h w 1"]) -> Float[Tensor, "1 h w 3"]:
    return (black + (1 - alpha)).clamp(0, 1)


def pooled(views: Sequence[View]) -> float | None:
    """PSNR over all pixels of all views, which have one size; None where none differs."""
    error = sum(10 ** (-view.psnr / 10) for view in views if view.psnr is not None)
    return -10 * math.log10(error / len(views)) if error else None
