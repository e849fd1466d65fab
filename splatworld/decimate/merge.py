"""Worlds of fewer splats: whole chains of them, each made by joining bodies of the one before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from splatworld.decimate.moments import Moments, moments_of
from splatworld.decimate.pairs import Gathering
from splatworld.errors import UsageError
from splatworld.geometry import quats_from_matrices
from splatworld.morton import morton_order
from splatworld.progress import Progress, Step, silent
from splatworld.splats import Splats, cat
from splatworld.threads import in_order
from splatworld.world import World, from_splats, place

LEAST = 8
"""So many splats each thing keeps, if there are enough for all."""
GROWTH_MAX = 1.45
"""A body that should cover more than its shape can hide grows by this area at most."""
WALK_METRES = 8.0
"""How far visitors go from a viewpoint: splats nearer than this count alike."""
OPACITY_MAX = 0.999
_CHUNK = 1 << 16
Scene = TypeVar("Scene", World, Splats)


def decimated(scene: Scene, count: int, *, progress: Progress = silent) -> Scene:
    """The same scene of `count` splats, neighbours joined where that shows least; itself if it has no more.

    A splat that is joined with others takes their common mean, shape, colour and SH, weighted by what they cover. Only
    splats of one thing and label are joined, so things, layers and their places stay. Splats far from the viewpoints
    (or, without any, from the middle) count less. Splats that are not finite are left out. The same input gives the
    same splats. Raises `UsageError` for a count below 1.
    """
    return chain(scene, [count], progress=progress)[0]


def lod_chain(scene: Scene, levels: int, *, ratio: float = 0.5, progress: Progress = silent) -> list[Scene]:
    """Levels of detail: the scene itself first, and then `levels` - 1 times `ratio` of the splats before.

    Raises `UsageError` for no level, or a ratio that is not between 0 and 1.
    """
    if levels < 1 or not 0 < ratio < 1:
        raise UsageError(f"{levels} levels with a ratio of {ratio}: at least one, and between 0 and 1, make sense")
    counts = [max(round(len(scene) * ratio**level), 1) for level in range(1, levels)]
    return [scene, *chain(scene, counts, progress=progress)]


def chain(scene: Scene, counts: Sequence[int], *, progress: Progress = silent) -> list[Scene]:
    """The scene of each of these numbers of splats, which fall; see `decimated`."""
    if any(count < 1 for count in counts):
        raise UsageError(f"cannot reduce to {min(counts)} splats; at least 1 has to stay")
    world = from_splats(scene) if isinstance(scene, Splats) else scene
    if not counts or len(world) <= min(counts):
        return [scene for _ in counts]
    worlds = _chain(_finite(world), counts, progress)
    return [w.layers[0].splats for w in worlds] if isinstance(scene, Splats) else worlds  # type: ignore[return-value]


def _chain(world: World, counts: Sequence[int], progress: Progress) -> list[World]:
    if not len(world):
        return [world for _ in counts]
    groups, (rows, weights, order) = _groups(world), _seen(world)
    total = len(world) - min(counts)

    def tick(left: int) -> None:
        progress(Step(len(world) - left, max(total, 1)))

    tick(len(world))
    moments = moments_of(rows)
    masses = moments.masses.clone()
    # A few for each thing, of the half at most of those that will be left.
    least = min(LEAST, max(1, min(counts) // (2 * int(groups.max() + 1))))
    # What is near in space is then near in memory, which is several times faster.
    gathering = Gathering(moments.kept(order), groups[order], weights[order], least, tick)
    cluster = torch.empty_like(order)
    worlds = []
    for count in counts:
        gathering.reduce(count)
        cluster[order] = gathering.cluster
        worlds.append(_heaviest(_assembled(world, gathering.moments, cluster, masses), count))
    return worlds


def _finite(world: World) -> World:
    """Without splats that have a value which is no number, in the numbers that joining computes with."""

    def sound(splats: Splats) -> Splats:
        values = (splats.means, splats.quats, splats.log_scales, splats.sh.flatten(1), splats.logit_opacities[:, None])
        good = torch.stack([value.isfinite().all(1) for value in values[:4]]).all(0) & ~splats.logit_opacities.isnan()
        return splats if good.all() else splats[good]

    return replace(world, layers=tuple(replace(layer, splats=sound(layer.splats)) for layer in world.layers))


def _groups(world: World) -> Int64[Tensor, " n"]:
    """Numbers from 0 of what may be joined: splats of one layer, thing and label."""
    found, first = [], 0
    for layer in world.layers:
        none = torch.zeros(len(layer.splats), dtype=torch.int64)
        keys = torch.stack([layer.splats.extras.get(name, none).long() for name in ("thing", "label")], 1)
        # One number for both: ids are not negative, and labels from -1 on take 16 bits.
        kinds, group = (keys[:, 0] * 65_536 + keys[:, 1] + 1).unique(return_inverse=True)
        found.append(group + first)
        first += len(kinds)
    return torch.cat(found)


def _seen(world: World) -> tuple[Splats, Float[Tensor, " n"], Int64[Tensor, " n"]]:
    """All rows with their base colours, in the frames of their things; how much each counts; and their order in space.

    What counts is the area covered in a picture, over its own: by how the thing is scaled, and by distance. The order
    is that along a Morton curve, one layer after the other.
    """
    rows, placed = [], []
    for layer in world.layers:
        ids = {name: values for name, values in layer.splats.extras.items() if name == "thing"}
        plain = replace(layer.splats.with_degree(0), extras=ids)
        rows.append(plain)
        placed.append(place(plain, world.things, visible_only=False).transformed(layer.world_from_layer))
    here, there = cat(rows), cat(placed)
    distance = torch.full((len(there),), torch.inf)
    for eye in [v.eye for v in world.viewpoints] or [there.means.median(0).values.tolist()]:
        distance = torch.minimum(distance, (there.means - torch.tensor(eye)).norm(dim=1))
    near = torch.tensor(WALK_METRES) if world.viewpoints else _quantile(distance, 0.9).clamp_min(1e-9)
    enlarged = torch.exp(2 * (there.log_scales[:, 0] - here.log_scales[:, 0]))
    order = morton_order(there.means)
    layers = torch.repeat_interleave(torch.tensor([len(layer.splats) for layer in world.layers]))
    order = order[layers[order].argsort(stable=True)]
    return here, enlarged * (near / torch.maximum(distance, near)).square(), order


def _quantile(values: Float[Tensor, " n"], share: float) -> Float[Tensor, ""]:
    return values.sort().values[int(share * (len(values) - 1))]


def _assembled(world: World, moments: Moments, clusters: Int64[Tensor, " n"], masses: Float[Tensor, " n"]) -> World:
    """The world with the bodies of its layers as splats."""
    layers, start = [], 0
    for layer in world.layers:
        stop = start + len(layer.splats)
        if stop > start:
            cluster = clusters[start:stop]
            # Bodies stand where one of their splats stood, so those of a layer follow each other.
            first, last = int(cluster.min()), int(cluster.max())
            bodies = moments.kept(torch.arange(first, last + 1))
            layer = replace(layer, splats=_joined(layer.splats, bodies, cluster - first, masses[start:stop]))
        layers.append(layer)
        start = stop
    return replace(world, layers=tuple(layers))


def _joined(splats: Splats, bodies: Moments, cluster: Int64[Tensor, " n"], masses: Float[Tensor, " n"]) -> Splats:
    """One splat for each body; those that were not joined with others stay as they are."""
    sizes = torch.bincount(cluster, minlength=len(bodies))
    heaviest = _heaviest_rows(cluster, masses, len(bodies))
    out = splats[heaviest]
    many = (sizes > 1).nonzero()[:, 0]
    if not len(many):
        return out
    place_of = torch.full((len(bodies),), -1)
    place_of[many] = torch.arange(len(many))
    members = (sizes[cluster] > 1).nonzero()[:, 0]
    mean = _Mean(place_of[cluster[members]], masses[members], len(many))
    chosen = bodies.kept(many)
    quats, log_scales = _shapes(chosen)
    out.means[many] = chosen.means
    out.quats[many], out.log_scales[many] = quats.to(out.quats.dtype), log_scales
    out.logit_opacities[many] = torch.logit(chosen.densities.clamp(1e-6, OPACITY_MAX))
    out.sh[many] = mean(splats.sh[members])
    for name, values in splats.extras.items():
        if values.is_floating_point() or values.dtype == torch.uint8:  # other integers are ids: the heaviest one's
            out.extras[name][many] = _averaged(name, mean(values[members].float()), values.dtype)
    return out


def _averaged(name: str, values: Tensor, dtype: torch.dtype) -> Tensor:
    if name == "normal":
        values = torch.nn.functional.normalize(values, dim=1)
    return (values.round() if dtype == torch.uint8 else values).to(dtype)


class _Mean:
    """Means of the rows of each cluster, weighted by mass."""

    def __init__(self, cluster: Int64[Tensor, " m"], masses: Float[Tensor, " m"], count: int) -> None:
        self._cluster, self._count = cluster, count
        total = torch.zeros(count).index_add_(0, cluster, masses)
        self._shares = masses / total[cluster]

    def __call__(self, values: Tensor) -> Tensor:
        """From rows [m, ...] those of the clusters, [count, ...]."""
        flat = values.reshape(len(values), -1) * self._shares[:, None]
        total = flat.new_zeros(self._count, flat.shape[1]).index_add_(0, self._cluster, flat)
        return total.reshape(-1, *values.shape[1:])


def _shapes(bodies: Moments) -> tuple[Float[Tensor, "n 4"], Float[Tensor, "n 3"]]:
    """Quaternions and ln scales of covariances; bodies that cannot hide all they should have grown."""
    quats, log_scales = torch.empty(len(bodies), 4), torch.empty(len(bodies), 3)
    growth = bodies.densities.clamp(1, GROWTH_MAX).log() / 2

    def shaped(start: int) -> None:
        rows = slice(start, start + _CHUNK)
        variances, axes = torch.linalg.eigh(bodies.kept(torch.arange(len(bodies))[rows]).covariances.double())
        axes[:, :, 2] *= torch.det(axes)[:, None]
        quats[rows] = torch.from_numpy(quats_from_matrices(axes.numpy())).float()
        least = variances[:, 2:] * 1e-8 + 1e-16
        log_scales[rows] = (0.5 * torch.maximum(variances, least).log()).float() + growth[rows, None]

    for _ in in_order(shaped, range(0, len(bodies), _CHUNK)):
        pass
    return quats, log_scales


def _heaviest_rows(cluster: Int64[Tensor, " n"], masses: Float[Tensor, " n"], count: int) -> Int64[Tensor, " c"]:
    """For each cluster its row of the largest mass, the first of equals."""
    best = torch.zeros(count).scatter_reduce_(0, cluster, masses, "amax")
    rows = (masses == best[cluster]).nonzero()[:, 0]
    first = torch.full((count,), len(cluster))
    return first.scatter_reduce_(0, cluster[rows], rows, "amin")


def _heaviest(world: World, count: int) -> World:
    """Without the lightest splats that are too many: there may be more things than splats are asked for."""
    if len(world) <= count:
        return world
    masses = torch.cat(
        [moments_of(layer.splats).masses if len(layer.splats) else torch.zeros(0) for layer in world.layers]
    )
    keep = torch.zeros(len(masses), dtype=torch.bool)
    keep[masses.argsort(descending=True, stable=True)[:count]] = True
    layers, start = [], 0
    for layer in world.layers:
        layers.append(replace(layer, splats=layer.splats[keep[start : start + len(layer.splats)]]))
        start += len(layer.splats)
    return replace(world, layers=tuple(layers))
