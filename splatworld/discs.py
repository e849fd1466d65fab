"""Flat discs on triangle meshes: evenly spread, and drawn in where they stand out over an edge.

What becomes of surfaces on their way to splats, whether they were generated or come from a file.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Distance = Callable[[Floats], NDArray[np.float32]]

COVER = 0.66
"""Standard deviation of a splat over the spacing of its neighbours: closes the surface without blurring it much."""
HALF_OPAQUE = 1.15
"""Standard deviations from its middle at which a nearly opaque splat is half opaque."""
FLATNESS = 0.10
"""Thickness of a splat over its smaller extent."""
PACKING = 0.74
"""Least distance of two points over the spacing, at which about one per spacing by spacing is left."""


def scattered(weight: Floats, wanted: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], Floats, Floats]:
    """`wanted` places on triangles, spread evenly by `weight` [f]: face [n], barycentric u and v [n, 1].

    A place is `a + u (b - a) + v (c - a)`.
    """
    cumulative = np.cumsum(weight, dtype=np.float64)
    ticks = (np.arange(wanted) + rng.random(wanted)) * (cumulative[-1] / wanted)
    face = np.minimum(np.searchsorted(cumulative, ticks), len(weight) - 1)
    u, v = rng.random(len(face)).astype(np.float32), rng.random(len(face)).astype(np.float32)
    flip = u + v > 1
    return face, np.where(flip, 1 - u, u)[:, None], np.where(flip, 1 - v, v)[:, None]


def distance_to(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> Distance:
    """A function that tells how far points [n, 3] lie from the nearest of some triangles [n]."""
    import open3d

    o3d: Any = open3d  # a compiled module, whose types checkers read wrongly
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(vertices), o3d.core.Tensor(faces.astype(np.uint32)))
    return lambda points: scene.compute_distance(o3d.core.Tensor(points.astype(np.float32))).numpy()


def drawn_in(
    distance: Distance, points: Floats, axes: tuple[Floats, Floats], sigmas: Floats, near: Floats
) -> tuple[NDArray[np.float32], Floats]:
    """Points and sigmas of discs, recentred and shortened along each of their two `axes` so that none stands out.

    Points along both axes are asked for their distance to the surface; a disc ends where it is more than `near` [n].
    """
    points, sigmas = points.astype(np.float32), sigmas.copy()
    shift = np.zeros_like(points)
    for axis, direction in enumerate(axes):
        reach = (HALF_OPAQUE * sigmas[:, axis])[:, None]
        ends = []
        for sign in (1, -1):
            on, end = np.ones(len(points), bool), np.zeros(len(points), np.float32)
            for part in (0.25, 0.5, 0.75, 1.0):
                rows = np.flatnonzero(on)
                on[rows] = distance((points + sign * part * reach * direction)[rows]) < near[rows]
                end[on] = part
            ends.append(end)
        shift += (0.5 * (ends[0] - ends[1]))[:, None] * reach * direction
        sigmas[:, axis] *= np.clip(0.5 * (ends[0] + ends[1]), 0.2, 1.0)
    return (points + shift).astype(np.float32), sigmas


def in_plane(grain: Floats, normals: Floats) -> Floats:
    """Grain made perpendicular to the normals; any direction in the plane where there is none."""
    flat = grain - (grain * normals).sum(1, keepdims=True) * normals
    none = np.linalg.norm(flat, axis=1) < 1e-4
    if none.any():
        n = normals[none]
        flat[none] = np.cross(
            n, np.where(np.abs(n[:, 2:]) < 0.9, np.array([[0, 0, 1]], np.float32), np.array([[1, 0, 0]], np.float32))
        )
    return (flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def spread(points: Floats, normals: Floats, radius: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
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
