"""What a picture of splats is, in torch: the definition that every kernel is tested against.

3D Gaussian Splatting (Kerbl et al. 2023) with the numeric conventions of gsplat. Works in any float type, on any
device, and with autograd. Tiles and chunks only bound memory; they do not change the picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import torch
from jaxtyping import Bool, Float, Int, Int32
from torch import Tensor
from torch.nn.functional import normalize

from splatworld import sh as _sh
from splatworld.camera import Camera, Lens
from splatworld.geometry import rotation_matrices
from splatworld.render.params import Params, RenderSettings, Sums

FIELD_MARGIN = 0.3
"""The Jacobian of a pinhole is held constant further out than this part of the field of view."""
ALPHA_MIN = 1 / 255
"""Fainter contributions are skipped."""
STOP = 1e-4
"""A pixel ends before the splat that would bring its transmittance to this."""
MEDIAN = 0.5
"""Transmittance that marks the surface."""
BOX_TILE = 16
"""px; the tiles of `Conventions.box_sigmas`."""
ROUNDING = 0.02
"""How far from a corner `RenderSettings.smooth` rounds it."""

_TILE = 32  # px
_CHUNK = 1024  # splats: with a tile's pixels 4 MB per intermediate result


@dataclass(frozen=True, eq=False, slots=True)
class Footprints:
    """Splats on the screen.

    `whitening` is (p, q, r) of the triangular matrix that makes the footprint a unit circle: at pixel offset (dx, dy)
    the squared distance in standard deviations is (p dx + q dy)² + (r dy)², which rounding cannot make negative.
    """

    centres: Float[Tensor, "m 2"]
    whitening: Float[Tensor, "m 3"]
    begin: Float[Tensor, "m 2"]
    """First column and row of pixels that it may touch,"""
    end: Float[Tensor, "m 2"]
    """and those after the last."""
    opacities: Float[Tensor, " m"]
    values: Float[Tensor, "m v"]
    """Red, green, blue, camera z, features."""
    splats: Int[Tensor, " m"]
    """Rows of `Params`."""

    def __getitem__(self, rows: Tensor | slice) -> Self:
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))


class View(NamedTuple):
    """One camera."""

    lens: Lens
    rotation: Float[Tensor, "3 3"]
    """Camera from world."""
    translation: Float[Tensor, "3"]
    focal: Float[Tensor, "2"]
    principal: Float[Tensor, "2"]
    size: Float[Tensor, "2"]


def unavailable(params: Params | None = None) -> str | None:
    """None: torch is always there."""
    return None


def blend(params: Params, cameras: Camera, settings: RenderSettings) -> Sums:
    """Draw one camera after the other."""
    pictures = [_picture(params, cameras[i], settings) for i in range(len(cameras))]
    size = (len(cameras), cameras.height, cameras.width)
    channels = 4 + (0 if params.features is None else params.features.shape[1])
    if pictures:
        sums, alpha, median, things, skipped = (torch.stack(parts) for parts in zip(*pictures, strict=True))
    else:
        sums, alpha = params.means.new_zeros(*size, channels), params.means.new_zeros(size)
        median, things, skipped = alpha, alpha.int(), alpha.new_zeros(0, dtype=torch.int32)
    features = None if params.features is None else sums[..., 4:]
    return Sums(sums[..., :3], alpha[..., None], sums[..., 3:4], features, median[..., None], things, skipped)


def project(params: Params, camera: Camera, settings: RenderSettings) -> tuple[Footprints, Int32[Tensor, ""]]:
    """What one camera sees, nearest first, and how many splats are not finite."""
    pose, K = camera.camera_from_world[0].to(params.means), camera.Ks[0].to(params.means)
    size = K.new_tensor([camera.width, camera.height])
    view = View(camera.lens, pose[:3, :3], pose[:3, 3], K.diagonal()[:2], K[:2, 2], size)
    # Rows are chosen before gradients are computed from them: a NaN in a row that is not drawn must not reach others.
    with torch.no_grad():
        footprints, seen = _footprints(params, torch.arange(len(params.means), device=K.device), view, settings)
        finite, coloured = _finite(params), footprints.values[:, :3].sum(1).isfinite()
        skipped = (~finite | (seen & ~coloured)).sum(dtype=torch.int32)
        rows = (seen & finite & coloured).nonzero()[:, 0]
        rows = rows[torch.argsort(footprints.values[rows, 3], stable=True)]
    return _footprints(params, rows, view, settings)[0], skipped


def _footprints(
    params: Params, rows: Int[Tensor, " m"], view: View, settings: RenderSettings
) -> tuple[Footprints, Bool[Tensor, " m"]]:
    """The splats `rows` on the screen, and which of them show there."""
    stored = (params.means, params.quats, params.log_scales, params.logit_opacities)
    means, quats, scales, opacities = (_guarded(column[rows]) for column in stored)
    if not params.activated:
        scales, opacities = scales.exp(), opacities.sigmoid()
    at = _guarded(means @ view.rotation.T + view.translation)
    image, jacobian = _sight(view, at, settings.smooth)
    centres = view.focal * image + view.principal
    # Steps along the splat's axes, one standard deviation each, move the pixel by the columns of J R_view R S
    # (EWA splatting, Zwicker et al. 2002).
    turned = view.focal[:, None] * _guarded(jacobian) @ view.rotation @ rotation_matrices(quats)
    u, v = _guarded(turned * scales[:, None, :]).unbind(1)
    a, b, c = (u * u).sum(1) + settings.dilation, (u * v).sum(1), (v * v).sum(1) + settings.dilation
    # |u x v|² and not (u·u)(v·v) - (u·v)²: a splat seen edge on keeps a determinant without cancellation.
    sharp = torch.linalg.cross(u, v).square().sum(1)
    det = sharp + settings.dilation * (a + c - settings.dilation)
    if settings.antialiased:
        floor = settings.conventions.compensation_floor
        dim = (sharp / det).clamp(min=1e-30).sqrt()  # a root's slope at 0 is infinite
        opacities = opacities * (floor + _positive(dim - floor, settings.smooth))
    p = (c / det).sqrt()
    whitening = torch.stack([p, -b / c * p, c.rsqrt()], 1)
    begin, end, wide = _box(centres.detach(), a.detach(), c.detach(), det.detach(), opacities.detach(), settings)
    z = at[:, 2]
    values = torch.cat([_colours(params, rows, means, view, settings), z[:, None]], 1)
    if params.features is not None:
        values = torch.cat([values, params.features[rows]], 1)
    seen = (z >= settings.near_plane) & (z <= settings.far) & (opacities >= ALPHA_MIN) & det.isfinite() & (det > 0)
    seen &= centres.isfinite().all(1) & wide & (begin.clamp(min=0) < torch.minimum(end, view.size)).all(1)
    return Footprints(centres, whitening, begin, end, opacities, values, rows), seen


def _sight(view: View, at: Float[Tensor, "m 3"], smooth: bool) -> tuple[Float[Tensor, "m 2"], Float[Tensor, "m 2 3"]]:
    """Where points in front of the camera meet the image, before focal lengths, and how fast that moves with them."""
    flat, z = at[:, :2], at[:, 2:]
    straight = torch.eye(2, 3, dtype=at.dtype, device=at.device).expand(len(at), 2, 3)
    if view.lens == "orthographic":
        return flat, straight
    tangent = flat / z
    if view.lens == "pinhole":
        margin = FIELD_MARGIN * 0.5 * view.size
        low, high = -(view.principal + margin) / view.focal, (view.size - view.principal + margin) / view.focal
        held = _between(tangent, low, high, smooth)
        return tangent, torch.cat([straight[:, :, :2], -held[..., None]], 2) / z[..., None]
    # Equidistant: `ratio` is the tangent of the angle from the axis, and stretch = angle / ratio.
    ratio = tangent.norm(dim=1, keepdim=True).clamp(min=1e-6)
    stretch = ratio.atan() / ratio
    # d stretch / d ratio / ratio: a difference that cancels near the axis, where its series takes over.
    series = sum((-1) ** k * 2 * k / (2 * k + 1) * ratio ** (2 * k - 2) for k in range(1, 9))
    beyond = ratio.clamp(min=0.15)
    slope = torch.where(ratio < 0.15, series, (1 / (1 + beyond**2) - beyond.atan() / beyond) / beyond**2)
    square = stretch[..., None] * straight[:, :, :2] + (slope * tangent)[..., None] * tangent[:, None, :]
    return stretch * tangent, torch.cat([square, -(tangent / (1 + ratio**2))[..., None]], 2) / z[..., None]


def _box(
    centres: Tensor, a: Tensor, c: Tensor, det: Tensor, opacities: Tensor, settings: RenderSettings
) -> tuple[Float[Tensor, "m 2"], Float[Tensor, "m 2"], Bool[Tensor, " m"]]:
    """First pixels, those after the last, and whether there are enough of them for `radius_clip`."""
    # `opacity exp(-s²/2)` is ALPHA_MIN at s standard deviations.
    s = (2 * (opacities / ALPHA_MIN).clamp(min=1).log()).sqrt()
    reach = s[:, None] * torch.stack([a, c], 1).sqrt()
    slack = 0.01 + 1e-5 * reach  # the pixel test decides
    begin, end = (centres - reach - slack - 0.5).ceil(), (centres + reach + slack - 0.5).floor() + 1
    if box_sigmas := settings.conventions.box_sigmas:
        middle = 0.5 * (a + c)
        longest = middle + (middle.square() - det).clamp(min=0.1).sqrt()
        side = (box_sigmas * longest.sqrt()).ceil()[:, None]
        begin = begin.maximum(((centres - side) / BOX_TILE).floor() * BOX_TILE)
        end = end.minimum(((centres + side + BOX_TILE - 1) / BOX_TILE).floor() * BOX_TILE)
    wide = (reach.ceil() > settings.radius_clip).any(1) | (settings.radius_clip == 0)
    return begin, end, wide


def _colours(
    params: Params, rows: Int[Tensor, " m"], means: Float[Tensor, "m 3"], view: View, settings: RenderSettings
) -> Float[Tensor, "m 3"]:
    """Display values, not clamped from above."""
    if params.plain:
        return params.sh[rows, 0]
    eye = -view.rotation.T @ view.translation
    basis = _sh.basis(params.degree(settings), normalize(_guarded(means - eye), dim=1))
    rgb = torch.einsum("nk,nkc->nc", basis, params.sh[rows, : basis.shape[1]]) + 0.5
    # A colour of minus infinity is no black.
    return torch.where(rgb.isfinite(), _positive(rgb, settings.smooth), torch.nan)


def _finite(params: Params) -> Bool[Tensor, " n"]:
    shapes = torch.cat([params.means, params.quats, params.log_scales], 1)
    # Logits may be infinite: opacity 0 or 1.
    opacities = params.logit_opacities
    return shapes.isfinite().all(1) & (opacities.isfinite() if params.activated else ~opacities.isnan())


def _guarded(x: Tensor) -> Tensor:
    """The same. Where its gradient grew too large to be a number there is none, so that no other is spoilt."""
    if x.requires_grad:
        x.register_hook(lambda grad: torch.where(grad.isfinite(), grad, 0))
    return x


def _positive(x: Tensor, smooth: bool) -> Tensor:
    """`max(x, 0)`, whose slope at 0 is 1, or the same with its corner rounded."""
    if not smooth:
        return x.clamp(min=0)
    return torch.where(x.abs() < ROUNDING, (x + ROUNDING).square() / (4 * ROUNDING), x.relu())


def _between(x: Tensor, low: Tensor, high: Tensor, smooth: bool) -> Tensor:
    return x + _positive(low - x, True) - _positive(x - high, True) if smooth else x.clamp(low, high)


def _ramp(x: Tensor, least: float) -> Tensor:
    """From 0 at `least` to 1 at twice as much."""
    t = (x / least - 1).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _picture(params: Params, camera: Camera, settings: RenderSettings) -> tuple[Tensor, ...]:
    """Summed values (h w 4+d), alpha, median depth and thing (h w), put together from tiles; how many were skipped."""
    footprints, skipped = project(params, camera, settings)
    rows = []
    for y in range(0, camera.height, _TILE):
        height = min(_TILE, camera.height - y)
        band = footprints[_meeting(footprints, 1, y, y + height)]
        tiles = []
        for x in range(0, camera.width, _TILE):
            width = min(_TILE, camera.width - x)
            tiles.append(_tile(band[_meeting(band, 0, x, x + width)], x, y, width, height, settings))
        rows.append([torch.cat(parts, 1) for parts in zip(*tiles, strict=True)])
    values, alpha, median, surface = (torch.cat(parts) for parts in zip(*rows, strict=True))
    things = torch.zeros_like(surface, dtype=torch.int32)
    if params.things is not None and len(params.things):
        things = torch.where(surface < 0, things, params.things[surface.clamp(min=0)])
    # Zero, but part of the graph: where nothing is drawn gradients are zero too.
    nothing = sum(part[:0].sum() for part in (footprints.values, footprints.opacities, footprints.whitening))
    return values + nothing, alpha + nothing, median, things, skipped


def _meeting(footprints: Footprints, axis: int, begin: int, end: int) -> Int[Tensor, " k"]:
    return ((footprints.end[:, axis] > begin) & (footprints.begin[:, axis] < end)).nonzero()[:, 0]


def _tile(
    footprints: Footprints, x0: int, y0: int, width: int, height: int, settings: RenderSettings
) -> tuple[Tensor, ...]:
    """Summed values, alpha, median depth and the row of the splat there, or -1."""
    like = footprints.values
    ys, xs = torch.meshgrid(torch.arange(height) + y0 + 0.5, torch.arange(width) + x0 + 0.5, indexing="ij")
    pixels = torch.stack([xs, ys], -1).reshape(-1, 2).to(like)
    count = len(pixels)
    through, sums = like.new_ones(count), like.new_zeros(count, like.shape[1] + 1)
    median, surface = like.new_zeros(count), footprints.splats.new_full((count,), -1)
    for chunk in _chunks(footprints):
        alphas = _alphas(chunk, pixels, settings)
        after = through[:, None] * torch.cumprod(1 - alphas, 1)
        before = torch.cat([through[:, None], after[:, :-1]], 1)
        # `after` only falls, so this also leaves out everything behind the splat that ends the pixel.
        weights = before * alphas * (_ramp(after, STOP) if settings.smooth else after > STOP)
        sums = sums + weights @ torch.cat([chunk.values, torch.ones_like(chunk.values[:, :1])], 1)
        crossing = (before > MEDIAN) & (after <= MEDIAN)
        crosses, first = crossing.any(1), crossing.int().argmax(1)
        median = torch.where(crosses, chunk.values[first, 3].detach(), median)
        surface = torch.where(crosses, chunk.splats[first], surface)
        through = after[:, -1]
        if (through <= STOP).all():
            break
    return tuple(t.unflatten(0, (height, width)) for t in (sums[:, :-1], sums[:, -1], median, surface))


def _chunks(footprints: Footprints) -> Iterator[Footprints]:
    for begin in range(0, len(footprints.splats), _CHUNK):
        yield footprints[begin : begin + _CHUNK]


def _alphas(footprints: Footprints, pixels: Float[Tensor, "k 2"], settings: RenderSettings) -> Float[Tensor, "k m"]:
    dx, dy = (pixels[:, None] - footprints.centres).unbind(-1)
    p, q, r = footprints.whitening.unbind(1)
    alphas = footprints.opacities * torch.exp(-0.5 * ((p * dx + q * dy).square() + (r * dy).square()))
    if settings.conventions.box_sigmas:
        inside = (pixels[:, None] > footprints.begin) & (pixels[:, None] < footprints.end)
        alphas = alphas * inside.all(-1)
    kept = _ramp(alphas, ALPHA_MIN) if settings.smooth else alphas >= ALPHA_MIN
    return alphas * kept - _positive(alphas - settings.conventions.alpha_max, settings.smooth)
