"""What a picture of splats is, in torch: the definition that every kernel is tested against.

3D Gaussian Splatting (Kerbl et al. 2023) with the numeric conventions of gsplat 1.5.3. Works in any float type, on any
device, and with autograd. Tiles and chunks only bound memory; they do not change the picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from splatworld import sh as _sh
from splatworld.camera import Camera
from splatworld.geometry import rotation_matrices
from splatworld.render import Rendering, RenderSettings
from splatworld.splats import Splats

NEAR, FAR = 0.01, 1e10
"""Metres of camera z between which centres are drawn."""
DILATION = 0.3
"""px², added to the projected covariance: every splat covers a pixel or so."""
FIELD_MARGIN = 0.3
"""The Jacobian is held constant further out than this part of the field of view."""
ALPHA_MAX, ALPHA_MIN = 0.999, 1 / 255
"""Contributions are clamped to the first and skipped below the second."""
STOP = 1e-4
"""A pixel ends before the splat that would bring its transmittance to this."""
MEDIAN = 0.5
"""Transmittance that marks the surface."""

_TILE = 32  # px
_CHUNK = 1024  # splats: with a tile's pixels 4 MB per intermediate result


@dataclass(frozen=True, eq=False, slots=True)
class Footprints:
    """Visible splats on the screen, nearest first.

    `whitening` is (p, q, r) of the triangular matrix that makes the footprint a unit circle: at pixel offset (dx, dy)
    the squared distance in standard deviations is (p dx + q dy)² + (r dy)², which rounding cannot make negative.
    """

    centres: Float[Tensor, "m 2"]
    whitening: Float[Tensor, "m 3"]
    reach: Float[Tensor, "m 2"]
    """Half width and height of the box outside which alpha is below ALPHA_MIN, px."""
    opacities: Float[Tensor, " m"]
    rgb: Float[Tensor, "m 3"]
    depths: Float[Tensor, " m"]
    things: Int[Tensor, " m"]

    def __getitem__(self, rows: Tensor | slice) -> Self:
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))


def unavailable(splats: Splats | None = None) -> str | None:
    """None: torch is always there."""
    return None


def rasterize(splats: Splats, cameras: Camera, settings: RenderSettings) -> Rendering:
    """Draw over black, one camera after the other."""
    images = [_draw(project(splats, cameras[i]), cameras.width, cameras.height) for i in range(len(cameras))]
    if not images:
        return _blank(splats.means, cameras)
    rgb, alpha, depth, median, things = (torch.stack(parts) for parts in zip(*images, strict=True))
    return Rendering(rgb, alpha[..., None], depth[..., None], median[..., None], things)


def project(splats: Splats, camera: Camera) -> Footprints:
    """Footprints on one camera's image; splats that are out of range or not finite are left out."""
    pose, K = camera.camera_from_world[0].to(splats.means), camera.Ks[0].to(splats.means)
    rotation, eye = pose[:3, :3], -pose[:3, :3].T @ pose[:3, 3]
    z = splats.means @ rotation[2] + pose[2, 3]
    # Rows are chosen before anything is computed from them: a NaN in a row that is not drawn must not reach gradients.
    drawn = (z >= NEAR) & (z <= FAR) & (splats.opacities >= ALPHA_MIN) & _finite(splats)
    splats = splats[drawn.nonzero()[:, 0]]
    at = splats.means @ rotation.T + pose[:3, 3]
    focal, principal = K.diagonal()[:2], K[:2, 2]
    size = K.new_tensor([camera.width, camera.height])
    tangent = at[:, :2] / at[:, 2:]
    margin = FIELD_MARGIN * 0.5 * size
    held = tangent.clamp(-(principal + margin) / focal, (size - principal + margin) / focal)
    # Rows of J R_view: how far a step in the world moves the pixel (EWA splatting, Zwicker et al. 2002).
    jacobian = (focal / at[:, 2:])[..., None] * (rotation[:2] - held[..., None] * rotation[2])
    u, v = (jacobian @ rotation_matrices(splats.quats) * splats.scales[:, None, :]).unbind(1)
    a, b, c = (u * u).sum(1) + DILATION, (u * v).sum(1), (v * v).sum(1) + DILATION
    # |u x v|² and not (u·u)(v·v) - (u·v)²: a splat seen edge on keeps a determinant without cancellation.
    det = torch.linalg.cross(u, v).square().sum(1) + DILATION * (a + c - DILATION)
    p = (c / det).sqrt()
    whitening = torch.stack([p, -b / c * p, c.rsqrt()], 1)
    # `opacity exp(-s²/2)` is ALPHA_MIN at s standard deviations.
    s = (2 * (splats.opacities / ALPHA_MIN).clamp(min=1).log()).sqrt()
    reach = (s[:, None] * torch.stack([a, c], 1).sqrt()).detach()
    directions = torch.nn.functional.normalize(splats.means - eye, dim=1)
    rgb = torch.einsum("nk,nkc->nc", _sh.basis(splats.degree, directions), splats.sh) + 0.5
    things = splats.extras.get("thing", at.new_zeros(len(splats), dtype=torch.int32)).int()
    centres = focal * tangent + principal
    out = Footprints(centres, whitening, reach, splats.opacities, rgb.clamp(min=0), at[:, 2], things)
    usable = det.isfinite() & centres.isfinite().all(1) & rgb.isfinite().all(1)
    rows = usable.nonzero()[:, 0]
    return out[rows[torch.argsort(out.depths[rows], stable=True)]]


def _finite(splats: Splats) -> Tensor:
    shapes = torch.cat([splats.means, splats.quats, splats.log_scales, splats.logit_opacities[:, None]], 1)
    return shapes.isfinite().all(1) & splats.sh.isfinite().all(2).all(1)


def _draw(footprints: Footprints, width: int, height: int) -> tuple[Tensor, ...]:
    """Images (h, w, ...) of rgb, alpha, depth, median depth and thing, put together from tiles."""
    rows = []
    for y in range(0, height, _TILE):
        band = footprints[_overlaps(footprints, 1, y, y + _TILE)]
        tiles = []
        for x in range(0, width, _TILE):
            near = band[_overlaps(band, 0, x, x + _TILE)]
            tiles.append(_draw_tile(near, x, y, min(_TILE, width - x), min(_TILE, height - y)))
        rows.append([torch.cat(parts, 1) for parts in zip(*tiles, strict=True)])
    return tuple(torch.cat(parts) for parts in zip(*rows, strict=True))


def _overlaps(footprints: Footprints, axis: int, begin: int, end: int) -> Tensor:
    centre, reach = footprints.centres[:, axis].detach(), footprints.reach[:, axis]
    slack = 0.01 + 1e-5 * reach  # the pixel test decides
    return ((centre + reach + slack > begin) & (centre - reach - slack < end)).nonzero()[:, 0]


def _draw_tile(footprints: Footprints, x0: int, y0: int, width: int, height: int) -> tuple[Tensor, ...]:
    like = footprints.centres
    ys, xs = torch.meshgrid(torch.arange(height) + y0 + 0.5, torch.arange(width) + x0 + 0.5, indexing="ij")
    pixels = torch.stack([xs, ys], -1).reshape(-1, 2).to(like)
    count = len(pixels)
    through = like.new_ones(count)
    rgb, depth, alpha = like.new_zeros(count, 3), like.new_zeros(count), like.new_zeros(count)
    median, things = like.new_zeros(count), like.new_zeros(count, dtype=torch.int32)
    for chunk in _chunks(footprints):
        alphas = _alphas(chunk, pixels)
        after = through[:, None] * torch.cumprod(1 - alphas, 1)
        before = torch.cat([through[:, None], after[:, :-1]], 1)
        # `after` only falls, so this also leaves out everything behind the splat that ends the pixel.
        weights = before * alphas * (after > STOP)
        rgb = rgb + weights @ chunk.rgb
        depth = depth + weights @ chunk.depths
        alpha = alpha + weights.sum(1)
        crossing = (before > MEDIAN) & (after <= MEDIAN)
        crosses, first = crossing.any(1), crossing.int().argmax(1)
        median = torch.where(crosses, chunk.depths[first], median)
        things = torch.where(crosses, chunk.things[first], things)
        through = after[:, -1]
        if (through <= STOP).all():
            break
    depth = depth / alpha.clamp(min=torch.finfo(alpha.dtype).tiny)
    return tuple(t.unflatten(0, (height, width)) for t in (rgb, alpha, depth, median, things))


def _chunks(footprints: Footprints) -> Iterator[Footprints]:
    for begin in range(0, len(footprints.depths), _CHUNK):
        yield footprints[begin : begin + _CHUNK]


def _alphas(footprints: Footprints, pixels: Float[Tensor, "k 2"]) -> Float[Tensor, "k m"]:
    dx, dy = (pixels[:, None] - footprints.centres).unbind(-1)
    p, q, r = footprints.whitening.unbind(1)
    alphas = footprints.opacities * torch.exp(-0.5 * ((p * dx + q * dy).square() + (r * dy).square()))
    return torch.where(alphas >= ALPHA_MIN, alphas, 0).clamp(max=ALPHA_MAX)


def _blank(like: Tensor, cameras: Camera) -> Rendering:
    size = (len(cameras), cameras.height, cameras.width)
    one = like.new_zeros(*size, 1)
    return Rendering(like.new_zeros(*size, 3), one, one, one, like.new_zeros(size, dtype=torch.int32))
