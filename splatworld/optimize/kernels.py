"""Which compiled kernels train on a device, and how they are asked."""

import importlib
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from types import ModuleType

import torch

_MODULES = {"cpu": "splatworld._cpu", "cuda": "splatworld._cuda"}
_THREADS_MAX = 1024


@cache
def kernels_for(device_type: str) -> ModuleType | None:
    """The compiled module for "cpu" or "cuda"; None where there is none and torch does the work, slower."""
    name = _MODULES.get(device_type)
    if name is None:
        return None
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    return module if hasattr(module, "adam_step") else None


def on_device(kernels: ModuleType) -> bool:
    """Whether these are CUDA's kernels (or their emulation), which return before the work is done."""
    return hasattr(kernels, "loss_scratch")


def where(kernels: ModuleType, device: torch.device, threads: int) -> int:
    """The kernels' last argument: CUDA's stream, or the number of threads (0: as many as torch uses)."""
    if on_device(kernels):
        return torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0
    return max(1, min(threads or torch.get_num_threads(), _THREADS_MAX))


def current(device: torch.device) -> AbstractContextManager[object]:
    """Within it, kernels are queued on this device, whichever was current before."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
