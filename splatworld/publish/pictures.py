"""Pictures of a world for its page: the poster that is shown while it loads, and its sky as one round picture."""

import io
import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from splatworld.camera import look_at
from splatworld.publish.settings import page_fov_deg
from splatworld.render import RenderSettings, render
from splatworld.splats import Splats
from splatworld.world import Viewpoint

POSTER_PX = 1024
SKY_PX = 2048
"""Of the whole round."""
_SIDE_DEG = 110.0
_SIDES = (((0, 1, 0), (0, 0, 1)), ((1, 0, 0), (0, 0, 1)), ((0, -1, 0), (0, 0, 1)), ((-1, 0, 0), (0, 0, 1)),
          ((0, 0, 1), (0, -1, 0)), ((0, 0, -1), (0, 1, 0)))  # fmt: skip
"""Where each side of a cube round the eye looks, and what is up there."""


def poster(splats: Splats, view: Viewpoint, background: tuple[float, float, float], *, side: int = POSTER_PX) -> bytes:
    """A square JPEG of the start view.

    The page's angle of view goes across it and up and down, so that a window of any shape that it covers, cut about its
    middle, shows just what the viewer will show there.
    """
    camera = look_at(view.eye, view.target, fov_deg=page_fov_deg(view), width=side, height=side)
    shown = render(splats, camera, settings=RenderSettings(background=background)).rgb[0]
    return encoded(_bytes(shown), "JPEG", quality=82, optimize=True, progressive=True)


def encoded(picture: NDArray[np.uint8], kind: str, **options: int | bool) -> bytes:
    """A picture [h, w, 3] as a file of a kind that Pillow writes."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, format=kind, **options)
    return file.getvalue()


def sky_picture(sky: Splats, eye: tuple[float, float, float], *, width: int = SKY_PX) -> NDArray[np.uint8]:
    """What the splats of a sky show from `eye`, all round: [width / 2, width, 3] display values.

    Azimuth runs along a row, clockwise from south (-Y) at the left end, so north is in the middle; the zenith is the
    first row. Below the sky's rim the colours of the rim go on.
    """
    side = width // 2
    views = [look_at(eye, tuple(np.add(eye, d)), fov_deg=_SIDE_DEG, width=side, height=side, up=up) for d, up in _SIDES]
    shown = [render(sky, view) for view in views]
    sides = torch.cat([torch.cat([picture.rgb, picture.alpha], -1) for picture in shown])
    return _bytes(_downwards(_unrolled(sides, width)))


def _unrolled(sides: Float[Tensor, "6 s s d"], width: int) -> Float[Tensor, "h w d"]:
    """Six sides of a cube as one picture of all directions; where they overlap, one fades into the other."""
    turn = ((torch.arange(width) + 0.5) / width * 2 - 1) * torch.pi
    rise = (0.5 - (torch.arange(width // 2) + 0.5) / (width // 2)) * torch.pi
    rise, turn = torch.meshgrid(rise, turn, indexing="ij")
    directions = torch.stack([turn.sin() * rise.cos(), turn.cos() * rise.cos(), rise.sin()], -1)
    reach = math.tan(math.radians(_SIDE_DEG) / 2)
    summed, weights = sides.new_zeros(*rise.shape, sides.shape[-1]), sides.new_zeros(*rise.shape, 1)
    for side, (ahead, up) in zip(sides, _SIDES, strict=True):
        forward, upward = torch.tensor(ahead, dtype=torch.float32), torch.tensor(up, dtype=torch.float32)
        z = directions @ forward
        across = torch.stack([directions @ torch.linalg.cross(forward, upward), -(directions @ upward)], -1)
        at = across / (reach * z[..., None])
        weight = torch.where(z > 0, 1 - at.abs().amax(-1), 0.0).clamp(min=0)[..., None]
        found = torch.nn.functional.grid_sample(side.permute(2, 0, 1)[None], at[None], align_corners=False)
        summed += weight * found[0].permute(1, 2, 0)
        weights += weight
    return summed / weights


def _downwards(picture: Float[Tensor, "h w 4"]) -> Float[Tensor, "h w 3"]:
    """Colours over what is solid; each column goes on below with the last colour in which the sky still is."""
    rgb, alpha = picture[..., :3], picture[..., 3:]
    rgb = rgb / alpha.clamp(min=1e-3)
    rows = torch.arange(len(rgb))[:, None]
    last = torch.where(alpha[..., 0] > 0.9, rows, torch.zeros_like(rows)).amax(0)
    return rgb[torch.minimum(rows, last[None]), torch.arange(rgb.shape[1])[None]]


def _bytes(picture: Float[Tensor, "h w 3"]) -> NDArray[np.uint8]:
    return (picture.clamp(0, 1) * 255 + 0.5).byte().numpy()
