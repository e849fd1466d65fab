"""Fallen snow: turns the faces that catch it white."""

from dataclasses import replace

import numpy as np

from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape
from splatworld.noise import value_noise

SNOW = Material("snow", (0.80, 0.83, 0.88), scale=0.5, contrast=0.05)


def snowed(shape: Shape, amount: float) -> Shape:
    """`shape` with snow on what looks up, for `amount` 0 (none) to 1 (deep).

    Solid faces turn by slope: flat ones first, up to about 70 degrees at 1. Faces with a shading normal of their own
    are leaves, and hold snow in patches on the upper side of the body they shade as. Nothing that glows is covered.
    """
    if amount <= 0:
        return shape
    amount = min(amount, 1.0)
    middle = shape.triangles.mean(1)
    patch = 0.7 * value_noise(middle * np.float32(3.0), seed=71) + 0.6 * value_noise(middle * np.float32(17.0), seed=72)
    leafy = np.linalg.norm(shape.shading, axis=1) > 0.5
    slope = shape.normals[:, 2]
    up = np.where(leafy, shape.shading[:, 2] * (0.15 + 0.85 * np.abs(slope)), slope)
    reach = np.where(leafy, 0.9 - 0.45 * amount + 0.6 * patch, 0.9 - 0.55 * amount + 0.25 * patch * (1 - amount))
    glows = np.array([max(m.emission) > 0 for m in shape.materials])
    covered = (up > reach) & ~glows[shape.material]
    white = np.where(covered, len(shape.materials), shape.material).astype(np.int32)
    return replace(shape, material=white, materials=(*shape.materials, SNOW))
