"""The compiled CPU kernels (cuda_ext/cpu): the pictures of `reference` a hundred times faster, without gradients."""

from types import ModuleType

import torch
from torch import Tensor

from splatworld.camera import Camera
from splatworld.render import Rendering, RenderSettings
from splatworld.splats import Splats

_cpu: ModuleType | None
try:
    from splatworld import _cpu  # pyright: ignore[reportAttributeAccessIssue]
except ImportError as error:
    _cpu = None
    _why = f"splatworld was installed without its kernels ({error})"
else:
    _why = None

_THREADS_MAX = 1024


def unavailable(splats: Splats | None = None) -> str | None:
    """Why the kernels cannot be used here, or cannot draw `splats`; None if they can."""
    if splats is None or _why is not None:
        return _why
    tensors = (splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh)
    if any(t.device.type != "cpu" for t in tensors):
        return f"the splats are on {splats.means.device}, and it draws from the CPU's memory"
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        return "it gives no gradients"
    return None


def isas() -> list[str]:
    """Instruction sets that this processor can run, fastest first."""
    assert _cpu is not None
    return _cpu.isas()


def rasterize(splats: Splats, cameras: Camera, settings: RenderSettings, *, isa: str | None = None) -> Rendering:
    """Draw over black, one camera after the other; `isa` is one of `isas()`, by default the fastest."""
    assert _cpu is not None
    rows = [_plain(t) for t in (splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh)]
    things = splats.extras.get("thing")
    rows.append(torch.zeros(len(splats), dtype=torch.int32) if things is None else _plain(things, torch.int32))
    poses, Ks = _plain(cameras.camera_from_world), _plain(cameras.Ks)
    size = (len(cameras), cameras.height, cameras.width)
    rgb, things_seen = torch.empty(*size, 3), torch.empty(size, dtype=torch.int32)
    alpha, depth, median = torch.empty(size), torch.empty(size), torch.empty(size)
    threads = min(settings.threads or torch.get_num_threads(), _THREADS_MAX)
    for i in range(len(cameras)):
        images = (rgb[i], alpha[i], depth[i], median[i], things_seen[i])
        _cpu.render(*rows, poses[i], Ks[i], *images, isa=isa or isas()[0], threads=threads)
    return Rendering(rgb, alpha[..., None], depth[..., None], median[..., None], things_seen)


def _plain(tensor: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    return tensor.detach().to("cpu", dtype).contiguous()
