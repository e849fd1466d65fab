"""Shapes become surfels: evenly spaced points on their faces, each the seat of one flat Gaussian."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.shape import Shape

Floats = NDArray[np.floating]

COVER = 0.66
"""Standard deviation of a splat over the spacing of its neighbours: closes the surface without blurring it much."""
HALF_OPAQUE = 1.15
"""Standard deviations from its middle at which a nearly opaque splat is half opaque."""
FLATNESS = 0.10
"""Thickness of a splat over its smaller extent."""
SLIM, LONG = 6.0, 4.0
"""A splat on a thin face is at most this many times narrower than the spacing, and this many times longer than wide."""


@dataclass(frozen=True, eq=False)
class Surfels:
    """n flat discs in the frame of their shape."""

    points: Floats
    """[n, 3] metres."""
    normals: Floats
    """[n, 3] unit, of the face: which way the disc lies."""
    shading: Floats
    """[n, 3] unit, for light."""
    grain: Floats
    """[n, 3] unit, in the disc: its longer axis."""
    sigmas: Floats
    """[n, 3] metres along the grain, across it and along the normal."""
    material: NDArray[np.int32]
    """[n] index into the shape's materials."""

    def __len__(self) -> int:
        return len(self.points)


def joined(parts: Sequence[Surfels]) -> Surfels:
    """One after the other."""
    return Surfels(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Surfels)))


def spacings(shape: Shape, spacing: float) -> tuple[Floats, Floats]:
    """Distances [f] between splats along and across the grain of each face for a general `spacing` in metres."""
    stretch = np.sqrt(np.array([m.stretch for m in shape.materials], np.float32))[shape.material]
    stretch = np.where(np.abs(shape.grain).max(1) > 0, stretch, 1.0)
    along, across = spacing * stretch, spacing / stretch
    thin = np.clip(np.minimum(across, 0.8 * shape.width), across / SLIM, None)
    return np.where(thin < across, np.minimum(along, LONG * thin), along), thin


def count(shape: Shape, spacing: float) -> float:
    """How many surfels `sample` makes, nearly."""
    along, across = spacings(shape, spacing)
    return float((shape.areas / (along * across)).sum())


def sample(shape: Shape, spacing: float, rng: np.random.Generator) -> Surfels:
    """Blue-noise surfels on all faces, about one per spacing by spacing; at least one for the whole shape.

    Candidates are spread evenly by area, three times as many as wanted; those too close to one already taken on the
    same side of the surface are dropped.
    """
    along, across = spacings(shape, spacing)
    weight = shape.areas / (along * across)
    wanted = max(int(np.ceil(weight.sum())), 1)
    cumulative = np.cumsum(weight, dtype=np.float64)
    ticks = (np.arange(3 * wanted) + rng.random(3 * wanted)) * (cumulative[-1] / (3 * wanted))
    face = np.minimum(np.searchsorted(cumulative, ticks), len(weight) - 1)
    u, v = rng.random(len(face)).astype(np.float32), rng.random(len(face)).astype(np.float32)
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u)[:, None], np.where(flip, 1 - v, v)[:, None]
    corner = shape.triangles[face]
    points = corner[:, 0] + u * (corner[:, 1] - corner[:, 0]) + v * (corner[:, 2] - corner[:, 0])
    normals = shape.normals[face]
    radius = 0.74 * np.sqrt(along * across)[face]
    taken = _spread(points, normals, radius, rng)[:wanted]
    return _fitted(shape, _surfels(shape, face[taken], points[taken], along, across))


def _fitted(shape: Shape, surfels: Surfels) -> Surfels:
    """Discs drawn in where they stand out over an edge of the shape: recentred and shortened along each of their axes.

    Points along both axes are asked for their distance to the surface; a disc ends where they leave it.
    """
    import open3d

    o3d: Any = open3d  # a compiled module, whose types checkers read wrongly
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(shape.vertices), o3d.core.Tensor(shape.faces.astype(np.uint32)))
    points, sigmas = surfels.points.astype(np.float32), surfels.sigmas.copy()
    near = 0.2 * sigmas[:, :2].min(1) + 0.003
    shift = np.zeros_like(points)
    for axis, direction in enumerate((surfels.grain, np.cross(surfels.normals, surfels.grain))):
        reach = (HALF_OPAQUE * sigmas[:, axis])[:, None]
        ends = []
        for sign in (1, -1):
            on, end = np.ones(len(points), bool), np.zeros(len(points), np.float32)
            for part in (0.25, 0.5, 0.75, 1.0):
                rows = np.flatnonzero(on)
                asked = (points + sign * part * reach * direction)[rows].astype(np.float32)
                on[rows] = scene.compute_distance(o3d.core.Tensor(asked)).numpy() < near[rows]
                end[on] = part
            ends.append(end)
        shift += (0.5 * (ends[0] - ends[1]))[:, None] * reach * direction
        sigmas[:, axis] *= np.clip(0.5 * (ends[0] + ends[1]), 0.2, 1.0)
    return replace(surfels, points=(points + shift).astype(np.float32), sigmas=sigmas)


def _surfels(shape: Shape, face: NDArray[np.int64], points: Floats, along: Floats, across: Floats) -> Surfels:
    normals = shape.normals[face]
    shading = shape.shading[face]
    own = np.abs(shading).max(1) == 0
    shading = np.where(own[:, None], normals, shading)
    flat = COVER * np.stack([along, across], 1)[face]
    sigmas = np.column_stack([flat, np.maximum(FLATNESS * flat.min(1), 0.0008)])
    return Surfels(
        points.astype(np.float32),
        normals,
        shading.astype(np.float32),
        _in_plane(shape.grain[face], normals),
        sigmas.astype(np.float32),
        shape.material[face],
    )


def _in_plane(grain: Floats, normals: Floats) -> Floats:
    """Grain made perpendicular to the normals; any direction in the plane where there is none."""
    flat = grain - (grain * normals).sum(1, keepdims=True) * normals
    none = np.linalg.norm(flat, axis=1) < 1e-4
    if none.any():
        n = normals[none]
        flat[none] = np.cross(
            n, np.where(np.abs(n[:, 2:]) < 0.9, np.array([[0, 0, 1]], np.float32), np.array([[1, 0, 0]], np.float32))
        )
    return (flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def _spread(points: Floats, normals: Floats, radius: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of a subset in which no two points facing alike are closer than their mean `radius`, in random order.

    A maximal independent set of the conflict graph by random priorities (Luby 1986), all points at once.
    """
    from scipy.spatial import KDTree

    order = rng.permutation(len(points))
    points, normals, radius = points[order], normals[order], radius[order]
    pairs = KDTree(points).query_pairs(float(radius.max()), output_type="ndarray")
    if len(pairs):
        a, b = pairs.T
        near = np.linalg.norm(points[a] - points[b], axis=1) < 0.5 * (radius[a] + radius[b])
        pairs = pairs[near & ((normals[a] * normals[b]).sum(1) > 0.2)]
    lower, upper = np.sort(pairs, axis=1).T if len(pairs) else (np.zeros(0, int), np.zeros(0, int))
    open_ = np.ones(len(points), bool)
    taken = np.zeros(len(points), bool)
    while open_.any():
        # A point is taken when no open neighbour comes before it; its neighbours are then out.
        live = open_[lower] & open_[upper]
        lower, upper = lower[live], upper[live]
        behind = np.zeros(len(points), bool)
        behind[upper] = True
        chosen = open_ & ~behind
        taken |= chosen
        open_ &= ~chosen
        open_[upper[chosen[lower]]] = False
    return order[taken]
