"""Which splat of one world is which of the other: formats sort, decimation drops and merges."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from splatworld.splats import Splats

ROWS_MAX = 300_000
"""Splats for which a partner is sought, evenly spread over the smaller world; in equal order all are compared."""
_CANDIDATES = 8
"""Nearest splats among which the most alike is the partner: where they lie densely the nearest may be another one."""
_SAME_PLACE = 1e-3
"""Of the reach of the world: what a row may have moved if the order is to count as the same ..."""
_SAME_LOOK = (0.25, 0.05)
"""... how far its ln scales and its opacity may be ..."""
_SAME_SHARE = 0.99
"""... and how many rows must agree in all that."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Row `a[i]` of one world and row `b[i]` of the other are partners."""

    a: Int64[Tensor, " p"]
    b: Int64[Tensor, " p"]
    matched: float
    """Share of the larger world's splats that are the partner of one in the smaller, as far as the pairs tell."""


def usable(splats: Splats) -> Splats:
    """The rows whose numbers are finite; logits may be infinite."""
    good = ~splats.logit_opacities.isnan()
    for values in (splats.means, splats.quats, splats.log_scales, splats.sh):
        good &= values.isfinite().flatten(1).all(1)
    return splats if bool(good.all()) else splats[good]


def paired(a: Splats, b: Splats) -> Pairs:
    """Partners: the rows in order if most agree, else for splats of the smaller world the most alike of the other."""
    if not len(a) or not len(b):
        none = torch.zeros(0, dtype=torch.int64)
        return Pairs(none, none, 1.0 if len(a) == len(b) else 0.0)
    if len(a) == len(b) and _in_order(a, b):
        rows = torch.arange(len(a))
        return Pairs(rows, rows, 1.0)
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    rows = torch.from_numpy(np.linspace(0, len(few) - 1, min(len(few), ROWS_MAX)).round().astype(np.int64))
    partners = _most_alike(few[rows], many)
    matched = len(partners.unique()) / len(rows) * len(few) / len(many)
    return Pairs(rows, partners, matched) if few is a else Pairs(partners, rows, matched)


def _in_order(a: Splats, b: Splats) -> bool:
    middle = a.means.median(0).values
    reach = float(np.quantile((a.means - middle).norm(dim=1).numpy(), 0.9))
    agree: Bool[Tensor, " n"] = (a.means - b.means).norm(dim=1) <= _SAME_PLACE * reach
    agree &= (a.log_scales.sort(1).values - b.log_scales.sort(1).values).abs().amax(1) <= _SAME_LOOK[0]
    agree &= (a.opacities - b.opacities).abs() <= _SAME_LOOK[1]
    return float(agree.float().mean()) >= _SAME_SHARE


def _most_alike(few: Splats, many: Splats) -> Int64[Tensor, " p"]:
    """For each of `few` its partner: of the nearest of `many` the most alike that no other claims."""
    from scipy.spatial import KDTree

    count = min(_CANDIDATES, len(many))
    tree = KDTree(many.means.numpy())
    distances, nearest = (
        torch.from_numpy(np.asarray(x).reshape(len(few), count)) for x in tree.query(few.means.numpy(), k=count)
    )
    spacing = max(float(distances[:, -1].median()), 1e-12)
    unlike = (_look(few)[:, None] - _look(many)[nearest]).square().sum(2) + (distances / spacing).square()
    return _claimed(unlike, nearest, len(many))


def _claimed(unlike: Float[Tensor, "p k"], candidates: Int64[Tensor, "p k"], count: int) -> Int64[Tensor, " p"]:
    """One candidate for each row, different ones while there are any: who is most like it has it.

    In each round all rows without a partner ask for the best candidate that is left, so k rounds are enough.
    """
    partners = candidates.gather(1, unlike.argmin(1, keepdim=True))[:, 0]
    free, rows = torch.ones(count, dtype=torch.bool), torch.arange(len(partners))
    for _ in range(candidates.shape[1]):
        costs, choices = unlike[rows].masked_fill(~free[candidates[rows]], torch.inf).min(1)
        costs, order = costs.sort(stable=True)
        rows, choices = rows[order], choices[order]
        asked = candidates[rows, choices]
        first = torch.from_numpy(np.unique(asked.numpy(), return_index=True)[1])
        first = first[costs[first].isfinite()]
        partners[rows[first]], free[asked[first]] = asked[first], False
        left = torch.ones(len(rows), dtype=torch.bool)
        left[first] = False
        rows = rows[left]
    return partners


def _look(splats: Splats) -> Float[Tensor, "n 7"]:
    """What tells splats in one place apart: size whatever the order of the axes, opacity, colour."""
    colours = splats.colours.clamp(0, 1)
    return torch.cat([splats.log_scales.sort(1).values, splats.opacities[:, None], colours], 1)
