"""Errors of splats against their partners, in the terms in which splats are stored."""

import itertools

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from splatworld.geometry import rotation_matrices
from splatworld.splats import Splats

_ROWS = 1 << 15
"""At once, so that they stay in the cache."""
_ORDERS = [(list(axes), round(np.linalg.det(np.eye(3)[:, axes]))) for axes in itertools.permutations(range(3))]
"""Ways to order three axes, and whether that turns (1) or mirrors (-1) them."""


class Attributes(msgspec.Struct, frozen=True):
    """How far splats are from their partners."""

    splats: int
    """Pairs that were compared."""
    position_median_m: float
    position_p99_m: float
    position_max_m: float
    log_scale_rms: float
    """Of ln scale, each axis against the one that it stands for in the partner."""
    rotation_median_deg: float
    """By what the shape turns: see `turns`."""
    rotation_p99_deg: float
    opacity_rms: float
    """Of opacity from 0 to 1."""
    opacity_bias: float
    """Mean of what the second is more opaque."""
    colour_rms: float
    """Of the base colour, display values; by opacity, as the colour of what is not seen is free."""
    sh_rms: tuple[float, ...]
    """Of the coefficients of each band from the first on, to the higher of both degrees; those not stored are 0. By
    opacity too."""
    same_thing: float | None
    """Share whose thing is the same; None where one of the two does not tell things."""


def attributes(a: Splats, b: Splats) -> Attributes:
    """Errors of the rows of `b` against those of `a`, of which there is at least one, all finite."""
    distance = (a.means - b.means).double().norm(dim=1).numpy()
    angles, log_scales = turns(a, b)
    opacity = (b.opacities - a.opacities).double()
    return Attributes(
        splats=len(a),
        position_median_m=float(np.median(distance)),
        position_p99_m=float(np.quantile(distance, 0.99)),
        position_max_m=float(distance.max()),
        log_scale_rms=_rms(log_scales),
        rotation_median_deg=float(np.median(angles.numpy())),
        rotation_p99_deg=float(np.quantile(angles.numpy(), 0.99)),
        opacity_rms=_rms(opacity),
        opacity_bias=float(opacity.mean()),
        colour_rms=_seen_rms(b.colours - a.colours, a),
        sh_rms=_bands(a, b),
        same_thing=_same_thing(a, b),
    )


def turns(a: Splats, b: Splats) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
    """Degrees by which the shape of each splat turns, and what is added to ln of its scales, axis by axis.

    A Gaussian is the same if its axes change places or point the other way, so of the 24 ways to name the axes of `b`
    that is taken which brings both rotation and scales nearest. A turn about one axis then counts by how far from
    round the splat is about that axis, |s² - t²| / (s² + t²) for the scales s and t of the other two: this is the
    first-order change of its covariance, and nothing for a sphere.
    """
    blocks = [_turns(a[start : start + _ROWS], b[start : start + _ROWS]) for start in range(0, len(a), _ROWS)]
    angles, changes = zip(*blocks, strict=True)
    return torch.cat(angles), torch.cat(changes)


def _turns(a: Splats, b: Splats) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
    frame = rotation_matrices(a.quats.double()).transpose(1, 2) @ rotation_matrices(b.quats.double())
    sizes, others = a.log_scales.double(), b.log_scales.double()
    turn, change = torch.empty_like(frame), torch.empty_like(sizes)
    least = torch.full((len(a),), torch.inf, dtype=torch.float64)
    for axes, parity in _ORDERS:
        named, added = frame[:, :, axes], others[:, axes] - sizes
        along = named.diagonal(dim1=1, dim2=2)
        signs = _nearest_signs(along, parity)
        # For small angles 3 - trace is the square of the angle, the measure that log scales have.
        far = 3 - (signs * along).sum(1) + added.square().sum(1)
        better = far < least
        least[better], change[better] = far[better], added[better]
        turn[better] = named[better] * signs[better, None]
    flat = torch.tanh(sizes.roll(-1, 1) - sizes.roll(-2, 1))
    return torch.rad2deg((_vector(turn) * flat).norm(dim=1)), change


def _nearest_signs(along: Float[Tensor, "n 3"], parity: int) -> Float[Tensor, "n 3"]:
    """Signs for three axes that make most of them point `along`, with a product of `parity`, as it is a rotation."""
    signs = torch.where(along < 0, -1.0, 1.0).double()
    weakest = along.abs().argmin(1, keepdim=True)
    wrong = (signs.prod(1, keepdim=True) != parity).double()
    return signs.scatter(1, weakest, signs.gather(1, weakest) * (1 - 2 * wrong))


def _vector(turn: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n 3"]:
    """Rotation vectors, in radians, of rotations by less than half a turn."""
    m = turn
    sine = torch.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], 1) / 2
    length = sine.norm(dim=1, keepdim=True)
    angle = torch.atan2(length, (m.diagonal(dim1=1, dim2=2).sum(1, keepdim=True) - 1) / 2)
    return sine * torch.where(length > 0, angle / length.clamp(min=1e-300), 1.0)


def _bands(a: Splats, b: Splats) -> tuple[float, ...]:
    degree = max(a.degree, b.degree)
    error = b.with_degree(degree).sh - a.with_degree(degree).sh
    return tuple(_seen_rms(error[:, band * band : (band + 1) ** 2], a) for band in range(1, degree + 1))


def _same_thing(a: Splats, b: Splats) -> float | None:
    if "thing" not in a.extras or "thing" not in b.extras:
        return None
    return float((a.extras["thing"] == b.extras["thing"]).double().mean())


def _seen_rms(error: Tensor, splats: Splats) -> float:
    """Rows weigh as much as the splats are opaque."""
    weight = splats.opacities.double().clamp(min=1e-9)
    squares = error.double().square().flatten(1).mean(1)
    return float(((weight * squares).sum() / weight.sum()).sqrt())


def _rms(error: Tensor) -> float:
    return float(error.double().square().mean().sqrt())
