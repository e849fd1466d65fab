"""A budgeted copy of a world for the browser: fewer splats, one colour each, ordered along a space-filling curve."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from splatworld import sh as _sh
from splatworld.geometry import Vec3
from splatworld.morton import morton_order
from splatworld.splats import Splats
from splatworld.world import Layer, World, place

NEAR_METRES = 4.0
"""Splats nearer to the start than this count as if they were here: the visitor will move."""
ENLARGE_MAX = 1.8
"""A kept splat grows at most so much to cover for its dropped neighbours; more makes spikes of needles."""
DETAIL = 0.25
"""Power of the solid angle in a splat's weight. 1 keeps big splats and loses windows and twigs; 0 treats all alike.
Of 1, 0.5 and 0.25 this kept pictures of a cabin by a lake closest to the whole world's, at a third of the splats."""
SIGMA_MIN_METRES, SIGMA_MAX_METRES = 1e-3, 200.0
THICKNESS_RATIO = 32.0
"""Half-float covariances of flatter splats may lose positive definiteness: rounding moves an entry by 2**-11 of the
largest, so the smallest variance is kept above 2**-10 of it."""


def budgeted(world: World, budget: int) -> World:
    """`world` with at most about `budget` splats, SH of degree 0 as seen from the start, Morton-ordered.

    Each splat is kept with a probability that grows with how large it looks from the start; kept ones stand for their
    dropped neighbours and grow in area by the inverse of it, so that surfaces stay closed. The choice is systematic
    sampling along the Morton curve, hence deterministic and evenly spread. Things keep their frames.
    """
    eye = world.start.eye
    layers = [_clean(layer) for layer in world.layers]
    placed = [_placed(layer, world) for layer in layers]
    weights = [_weight(splats, eye) for splats in placed]
    share = _keep_probability(torch.cat(weights) if weights else torch.zeros(0), budget)
    out, start = [], 0
    for layer, splats in zip(layers, placed, strict=True):
        chance = share[start : start + len(splats)]
        start += len(splats)
        out.append(replace(layer, splats=_thinned(layer.splats, splats, chance, eye)))
    return replace(world, layers=tuple(out))


def _clean(layer: Layer) -> Layer:
    s = layer.splats
    good = torch.isfinite(s.means).all(1) & torch.isfinite(s.log_scales).all(1) & torch.isfinite(s.quats).all(1)
    good &= ~torch.isnan(s.logit_opacities)
    return layer if bool(good.all()) else replace(layer, splats=s[good])


def _placed(layer: Layer, world: World) -> Splats:
    return place(layer.splats, world.things, visible_only=False).transformed(layer.world_from_layer)


def _weight(splats: Splats, eye: Vec3) -> Float[Tensor, " n"]:
    """What each splat adds to the picture from the start: opacity times solid angle, to the power of `DETAIL`."""
    axes = splats.scales.clamp(SIGMA_MIN_METRES, SIGMA_MAX_METRES).sort(dim=1).values
    distance = (splats.means - splats.means.new_tensor(eye)).square().sum(1)
    angle = axes[:, 1] * axes[:, 2] / distance.clamp_min(NEAR_METRES**2)
    return (angle * splats.opacities) ** DETAIL


def _keep_probability(weight: Float[Tensor, " n"], budget: int) -> Float[Tensor, " n"]:
    """min(1, weight / t) with t such that the sum is `budget`."""
    if len(weight) <= budget:
        return torch.ones_like(weight)
    falling = weight.double().sort(descending=True).values
    tail = falling.flip(0).cumsum(0).flip(0)[:budget]
    threshold = tail / torch.arange(budget, 0, -1)
    sure = int((falling[:budget] > threshold).sum())
    return (weight / threshold[min(sure, budget - 1)].clamp_min(1e-300)).clamp(max=1.0).float()


def _thinned(own: Splats, placed: Splats, chance: Float[Tensor, " n"], eye: Vec3) -> Splats:
    order = morton_order(placed.means)
    steps = chance[order].double().cumsum(0).add(1e-6).floor()
    kept = order[torch.diff(steps, prepend=steps.new_zeros(1)) > 0]
    grow = chance[kept].clamp_min(1e-6).rsqrt().clamp(1.0, ENLARGE_MAX).log()
    part = own[kept]
    extras = {"thing": part.extras["thing"]} if "thing" in part.extras else {}
    return replace(
        part,
        log_scales=_grown(part.log_scales, grow),
        sh=_sh.from_rgb(_seen(placed[kept], eye))[:, None],
        extras=extras,
    )


def _grown(log_scales: Float[Tensor, "n 3"], grow: Float[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """The two larger axes grow by `grow`; the smallest stays, but not below what half floats hold."""
    low, high = math.log(SIGMA_MIN_METRES), math.log(SIGMA_MAX_METRES)
    smallest = torch.zeros_like(log_scales).scatter_(1, log_scales.argmin(1, keepdim=True), 1.0)
    out = (log_scales + (1 - smallest) * grow[:, None]).clamp(low, high)
    return torch.maximum(out, out.max(1, keepdim=True).values - math.log(THICKNESS_RATIO))


def _seen(splats: Splats, eye: Vec3) -> Float[Tensor, "n 3"]:
    """Display colour of each splat from `eye`, 0 to 1."""
    if splats.degree == 0:
        return splats.colours.clamp(0, 1)
    directions = torch.nn.functional.normalize(splats.means - splats.means.new_tensor(eye), dim=1)
    basis = _sh.basis(splats.degree, directions)
    return (torch.einsum("nk,nkc->nc", basis, splats.sh) + 0.5).clamp(0, 1)
