"""The way back through frames that `cuda` has drawn and kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splatworld.render.addresses import address, part

if TYPE_CHECKING:
    from splatworld.render.cuda import Frame, _Plan


def gradients(
    plan: "_Plan",
    frames: Sequence["Frame"],
    inputs: list[Tensor],
    pictures: Sequence[Tensor | None],
    wanted: Sequence[bool],
    stream: int,
) -> list[Tensor | None]:
    """Gradients for `inputs`, from those for the images.

    Args:
        plan: what was drawn.
        frames: all that drawing kept. The first pass's totals, to which they point, must be alive and as they were.
        inputs: poses [c 4 4], means, quats, log scales, logit opacities, sh, and features if there were any; contiguous
            float32.
        pictures: gradients for rgb [c h w 3], alpha [c h w 1], depth sums [c h w 1] and features [c h w d]; contiguous
            float32. None is zero.
        wanted: one for each input.
        stream: on which to work.

    Returns:
        One for each input, None where it is not wanted.
    """
    out = [torch.zeros_like(t) if want else None for t, want in zip(inputs, wanted, strict=True)]
    splats = plan.splats(inputs)
    rows = [address(t) for t in [*out[1:], None][:6]]
    for frame in frames:
        grads = plan.kernels.SplatGrads(part(out[0], frame.camera), *rows, address(plan.absolute))
        images = plan.kernels.PictureGrads(*(part(picture, frame.camera) for picture in pictures))
        needed = plan.kernels.backward_bytes(frame.kernels, plan.deterministic, pictures[3] is not None)
        scratch = torch.empty(needed, dtype=torch.uint8, device=plan.device)
        places = (part(inputs[0], frame.camera), part(plan.Ks, frame.camera))
        where = (scratch.data_ptr(), stream)
        plan.kernels.backward(frame.kernels, splats, *places, plan.job, images, grads, plan.deterministic, *where)
    return out
