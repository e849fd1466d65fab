"""Taking away what nobody sees or wants: invisible splats, floaters, and splats larger than the scene."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from splatworld.progress import Note, Progress, Step, silent
from splatworld.splats import Splats
from splatworld.world import World, place

OPACITY_MIN = 1 / 255
"""Renderers skip what adds less to a pixel."""
FLAT_MIN = 1e-7
"""A splat whose second axis is shorter than this share of the scene is a line or a point that no picture shows."""
NEIGHBOURS = 8
FAR_FROM_OTHERS = 10.0
"""A floater is so many times farther from its neighbours than splats usually are ..."""
FAR_FROM_ITSELF = 6.0
"""... and than its own size, and its neighbours' distances ..."""
LONELY = 3.0
"""... so many times farther than these are from theirs."""
_ROWS = 1 << 18


def cleaned(world: World, *, progress: Progress = silent) -> World:
    """The world without splats that show nothing, hang alone in the air, or are larger than the scene.

    Invisible are those of an opacity below 1/255, without an area, or with values that are no number. Floaters and
    giants are looked for among splats that belong to no thing: what is a thing (sky, ground) is there by intent. Counts
    are told as one `Note`.
    """
    counts = {"invisible": 0, "floaters": 0, "larger than the scene": 0}
    layers = []
    for index, layer in enumerate(world.layers):
        bad = _found(layer.splats, world)
        for name, mask in bad.items():
            counts[name] += int(mask.sum())
        whole = torch.stack(list(bad.values())).any(0)
        layers.append(replace(layer, splats=layer.splats[~whole]) if whole.any() else layer)
        progress(Step(index + 1, len(world.layers)))
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    progress(Note(f"cleaned: removed {told} of {len(world):,} splats" if told else "cleaned: nothing to remove"))
    return replace(world, layers=tuple(layers))


def _found(splats: Splats, world: World) -> dict[str, Bool[Tensor, " n"]]:
    """Masks of what has to go, by reason; no row is in two."""
    none = torch.zeros(len(splats), dtype=torch.bool)
    found = {"invisible": none, "floaters": none, "larger than the scene": none}
    if not len(splats):
        return found
    finite = torch.stack([getattr(splats, name).flatten(1).isfinite().all(1) for name in ("means", "quats", "sh")]).all(
        0
    )
    finite &= ~(splats.log_scales.isnan().any(1) | splats.logit_opacities.isnan())
    scales, means = splats.scales, place(splats.with_degree(0), world.things, visible_only=False).means
    reach = _reach(means[finite])
    found["invisible"] = ~finite | (splats.opacities < OPACITY_MIN) | (scales.median(1).values < FLAT_MIN * reach)
    ids = splats.extras.get("thing", torch.zeros(len(splats), dtype=torch.int32))
    loose = ~found["invisible"] & ~torch.isin(ids, ids.new_tensor([thing.id for thing in world.things]))
    found["larger than the scene"] = giant = loose & (scales.amax(1) > reach)
    loose &= ~giant
    rows = loose.nonzero()[:, 0]
    if len(rows) > 2 * NEIGHBOURS:
        floating = none.clone()
        floating[rows[_floating(means[rows], scales[rows].amax(1))]] = True
        found["floaters"] = floating
    return found


def _reach(means: Float[Tensor, "n 3"]) -> float:
    """Distance from the middle within which 99 of 100 splats are."""
    if not len(means):
        return 0.0
    some = means[:: max(1, len(means) // 100_000)]
    return float(torch.quantile((some - some.median(0).values).norm(dim=1), 0.99))


def _floating(means: Float[Tensor, "n 3"], sizes: Float[Tensor, " n"]) -> Bool[Tensor, " n"]:
    """Those far from all others, as others go: by the median distance to neighbours."""
    from scipy.spatial import KDTree

    points = (means - means.mean(0)).double().numpy()
    # Many at one place would fall into one leaf of the tree, which is searched from end to end.
    points += np.random.default_rng(0).random(points.shape) * 1e-9 * (np.ptp(points, axis=0).max() + 1e-6)
    tree = KDTree(points, balanced_tree=False, compact_nodes=False)
    parts = [
        tree.query(points[start : start + _ROWS], NEIGHBOURS + 1, workers=torch.get_num_threads())
        for start in range(0, len(points), _ROWS)
    ]
    near = torch.from_numpy(np.concatenate([np.asarray(rows)[:, 1:] for _, rows in parts]))
    distances = np.concatenate([np.asarray(distances)[:, 1:] for distances, _ in parts])
    away = torch.from_numpy(distances).float().median(1).values
    others = away[near].median(1).values
    usual = away.median()
    return (away > FAR_FROM_OTHERS * usual) & (away > FAR_FROM_ITSELF * sizes) & (away > LONELY * others)
