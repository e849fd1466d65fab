"""Shapes become surfels: evenly spaced points on their faces, each the seat of one flat Gaussian."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from splatworld import discs
from splatworld.generate.procedural.shape import Shape

Floats = NDArray[np.floating]

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
    face, u, v = discs.scattered(weight, 3 * wanted, rng)
    corner = shape.triangles[face]
    points = corner[:, 0] + u * (corner[:, 1] - corner[:, 0]) + v * (corner[:, 2] - corner[:, 0])
    normals = shape.normals[face]
    radius = discs.PACKING * np.sqrt(along * across)[face]
    taken = discs.spread(points, normals, radius, rng)[:wanted]
    return _fitted(shape, _surfels(shape, face[taken], points[taken], along, across))


def _fitted(shape: Shape, surfels: Surfels) -> Surfels:
    """Discs drawn in where they stand out over an edge of the shape."""
    axes = (surfels.grain, np.cross(surfels.normals, surfels.grain))
    distance = discs.distance_to(shape.vertices, shape.faces)
    near = 0.2 * surfels.sigmas[:, :2].min(1) + 0.003
    points, sigmas = discs.drawn_in(distance, surfels.points, axes, surfels.sigmas, near)
    return replace(surfels, points=points, sigmas=sigmas)


def _surfels(shape: Shape, face: NDArray[np.int64], points: Floats, along: Floats, across: Floats) -> Surfels:
    normals = shape.normals[face]
    shading = shape.shading[face]
    own = np.abs(shading).max(1) == 0
    shading = np.where(own[:, None], normals, shading)
    flat = discs.COVER * np.stack([along, across], 1)[face]
    sigmas = np.column_stack([flat, np.maximum(discs.FLATNESS * flat.min(1), 0.0008)])
    return Surfels(
        points.astype(np.float32),
        normals,
        shading.astype(np.float32),
        discs.in_plane(shape.grain[face], normals),
        sigmas.astype(np.float32),
        shape.material[face],
    )
