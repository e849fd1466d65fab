"""What `render` and `rasterization` refuse, in sentences that name the argument. Only looks at values when asked to."""

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal, TypeGuard

import numpy as np
import torch
from torch import Tensor

from splatworld import limits
from splatworld.camera import LENSES, Camera
from splatworld.errors import UsageError

Tail = tuple[int, ...] | Literal["k, 3", "d"]
"""What follows the number of rows in a shape: k for spherical harmonics, d for any number but 0."""

TAILS: dict[str, Tail] = {
    "means": (3,),
    "quats": (4,),
    "log_scales": (3,),
    "logit_opacities": (),
    "sh": "k, 3",
    "features": "d",
    "thing": (),
    "normal": (3,),
}
_SH_TERMS = (1, 4, 9, 16, 25)
_WHOLE = (int, np.integer)
_FLOATS = (torch.float32, torch.float64)
_INTEGERS = (torch.int32, torch.int64, torch.int16, torch.int8, torch.uint8)


def check_rows(tensors: Mapping[str, Any], tails: Mapping[str, Tail] = TAILS) -> None:
    """Tensors by name, with "means", have one row per splat, one float type ("thing": integers) and one device.

    Raises:
        UsageError: one has not, by name.
    """
    means = tensors["means"]
    if not isinstance(means, Tensor) or means.ndim != 2:
        raise UsageError(f"means is {_described(means)}; expected a float tensor [n, 3]")
    n, dtype, device = means.shape[0], means.dtype, means.device
    if dtype not in _FLOATS:
        raise UsageError(f"means is {_named(dtype)}; expected float32 or float64")
    for name, tensor in tensors.items():
        tail = tails[name]
        if not isinstance(tensor, Tensor) or not (tensor.shape == (n, *tail) or _fits(tensor.shape, n, tail)):
            expected = ", ".join(map(str, (n, *(tail if isinstance(tail, tuple) else [tail]))))
            raise UsageError(f"{name} is {_described(tensor)}; expected a tensor [{expected}], a row for each of means")
        if tensor.device != device:
            raise UsageError(f"{name} is on {tensor.device} and means is on {device}; expected one device")
        if name == "thing":
            if tensor.dtype not in _INTEGERS:
                raise UsageError(f"thing is {_named(tensor.dtype)}; expected integers")
        elif tensor.dtype is not dtype:
            raise UsageError(f"{name} is {_named(tensor.dtype)} and means is {_named(dtype)}; expected one type")
        if tail == "k, 3" and tensor.shape[1] not in _SH_TERMS:
            raise UsageError(f"{name} has {tensor.shape[1]} coefficients per channel; expected 1, 4, 9, 16 or 25")


def check_cameras(cameras: Camera, background: object, *, poses: str = "camera_from_world") -> None:
    """Any number of cameras with an image that can be drawn; their values may be anything.

    `poses` is what the caller calls them.

    Raises:
        UsageError: they are not, by name.
    """
    if not isinstance(cameras, Camera):
        raise UsageError(f"cameras is {_described(cameras)}; expected a Camera")
    for name, tensor, side in ((poses, cameras.camera_from_world, 4), ("Ks", cameras.Ks, 3)):
        if not isinstance(tensor, Tensor) or tensor.shape[1:] != (side, side) or not tensor.is_floating_point():
            raise UsageError(f"{name} is {_described(tensor)}; expected a float tensor [c, {side}, {side}]")
    count, width, height = len(cameras), cameras.width, cameras.height
    if not (isinstance(width, _WHOLE) and isinstance(height, _WHOLE)):
        name, side = ("height", height) if isinstance(width, _WHOLE) else ("width", width)
        raise UsageError(f"{name} is {described(side)}; expected a whole number of pixels")
    if len(cameras.Ks) != count:
        raise UsageError(f"there are {count} {poses} and {len(cameras.Ks)} Ks; expected one of each per camera")
    if cameras.lens not in LENSES:
        raise UsageError(f"unknown lens '{cameras.lens}'; expected {', '.join(LENSES)}")
    if not (0 < width <= limits.IMAGE_SIDE_MAX_PX and 0 < height <= limits.IMAGE_SIDE_MAX_PX):
        raise UsageError(f"an image of {width}x{height} px; each side must be 1 to {limits.IMAGE_SIDE_MAX_PX}")
    if width * height > limits.IMAGE_PIXELS_MAX:
        raise UsageError(f"an image of {width}x{height} px; expected at most {limits.IMAGE_PIXELS_MAX} pixels")
    if isinstance(background, Tensor) and background.ndim == 2 and len(background) != count:
        raise UsageError(f"background has {len(background)} rows for {count} cameras; expected one per camera")


def check_amounts(amounts: Mapping[str, object]) -> None:
    """Numbers by name are finite, and not below 0.

    Raises:
        UsageError: one is not, by name.
    """
    for name, value in amounts.items():
        if not (finite(value) and value >= 0):
            raise UsageError(f"{name} is {described(value)}; expected a finite number, not below 0")


def check_planes(planes: Mapping[str, float]) -> None:
    """Of two depths by name, the second is further.

    Raises:
        UsageError: it is not, by name.
    """
    (near, start), (far, end) = planes.items()
    if end <= start:
        raise UsageError(f"{far} is {end} m and {near} is {start} m; {far} must be further")


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Every value of every tensor is finite, but for opacity logits, which may be infinite.

    Raises:
        UsageError: the first row, of all tensors, in which one is not.
    """
    broken = []
    for name, tensor in tensors.items():
        bad = tensor.isnan() if name == "logit_opacities" else ~tensor.isfinite()
        if bad.any():
            row = int(bad.reshape(len(tensor), -1).any(1).int().argmax())
            value = tensor[row][bad[row]].reshape(-1)[0].item()
            broken.append((row, f"{name}[{row}] holds {value}; expected finite numbers"))
    if broken:
        raise UsageError(min(broken, key=lambda found: found[0])[1])


def finite(value: object) -> TypeGuard[float]:
    """Whether it is a number that a float can hold."""
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:
        return False


def described(value: object) -> str:
    """A number as it is, tensors by shape and type, and anything else by its type alone."""
    return str(value) if isinstance(value, Real) else _described(value)


def _fits(shape: torch.Size, n: int, tail: Tail) -> bool:
    if tail == "k, 3":
        return len(shape) == 3 and shape[0] == n and shape[2] == 3
    return tail == "d" and len(shape) == 2 and shape[0] == n and shape[1] > 0


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{list(value.shape)} of {_named(value.dtype)}"
    return "missing" if value is None else f"a {type(value).__name__}"


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
