"""What lies behind all splats."""

import functools

import torch
from jaxtyping import Float
from torch import Tensor

from splatworld.render.params import RenderSettings


def behind(settings: RenderSettings, like: Tensor) -> Tensor | None:
    """The background, of the type and on the device of `like`: [3], or [c, 1, 1, 3]; None if it is black."""
    background = settings.background
    if isinstance(background, Tensor):
        return background.to(like).reshape(-1, 1, 1, 3)
    return _colour(background, like.dtype, like.device) if any(background) else None


def over(rgb: Float[Tensor, "c h w 3"], alpha: Float[Tensor, "c h w 1"], behind: Tensor | None) -> Tensor:
    """Summed colours over what `behind` gave."""
    return rgb if behind is None else torch.addcmul(rgb + behind, alpha, behind, value=-1)


@functools.lru_cache(64)
def _colour(rgb: tuple[float, float, float], dtype: torch.dtype, device: torch.device) -> Float[Tensor, "3"]:
    return torch.tensor(rgb, dtype=dtype, device=device)
