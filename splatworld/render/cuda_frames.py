"""How frames of the CUDA kernels are asked for: settings, room and counts, for `cuda`, `packed` and training."""

import functools
from typing import Any, NamedTuple

import torch
from torch import Tensor

from splatworld.camera import LENSES, Lens
from splatworld.render.params import RenderSettings

PAIRS_MAX = (1 << 31) - 1
"""Pairs of a splat and a tile that the kernels can number."""


class Needed(NamedTuple):
    """What a frame would have liked to hold."""

    visible: int
    pairs: int


def new_counters(device: torch.device) -> tuple[Tensor, torch.cuda.Event | None]:
    """Memory on the host for `Counter` of cuda/frame.h, and an event for when it is written; None without a GPU."""
    on_gpu = device.type == "cuda"
    return torch.zeros(8, dtype=torch.int32, pin_memory=on_gpu), torch.cuda.Event() if on_gpu else None


def counted(counters: Tensor) -> Needed:
    """What the kernels wrote there."""
    visible, _, low, high, *_ = (number & 0xFFFFFFFF for number in counters.tolist())
    return Needed(visible, low | high << 32)


def roomy(count: int) -> int:
    """A quarter more, rounded up so that few sizes occur."""
    wanted = count + count // 4 + 1024
    step = 1 << max(wanted.bit_length() - 4, 10)
    return -(-wanted // step) * step


def job_of(kernels: Any, settings: RenderSettings, lens: Lens, activated: bool) -> Any:
    """The kernels' `Settings`."""
    # The settings themselves are slow to hash, and may hold a background that is a tensor.
    planes = (settings.near_plane, settings.far, settings.dilation, settings.radius_clip)
    return _job(kernels, planes, settings.conventions, LENSES.index(lens), settings.antialiased, activated)


@functools.lru_cache(maxsize=64)
def _job(
    kernels: Any,
    planes: tuple[float, ...],
    conventions: tuple[float, ...],
    lens: int,
    antialiased: bool,
    activated: bool,
) -> Any:
    near, far, dilation, radius_clip = planes
    alpha_max, compensation_floor, _, box_sigmas = conventions
    numbers = (near, far, dilation, alpha_max, compensation_floor, radius_clip, box_sigmas)
    return kernels.Settings(*numbers, lens, antialiased, activated)


def stream_of(device: torch.device) -> int:
    """The stream on which torch works there."""
    return torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0
