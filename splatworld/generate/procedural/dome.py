"""The sky dome: splats far away that carry the colour of the sky, and stars."""

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.sample import Surfels
from splatworld.generate.procedural.terrain import FAR_METRES

Floats = NDArray[np.floating]

DOME_METRES = FAR_METRES + 50
LOWEST_DEG = -8.0
"""The dome reaches below the horizon, where haze hides its rim."""


def dome_surfels(count: int) -> Surfels:
    """About `count` discs facing inwards on a sphere around the start, twice as dense in front and near the horizon."""
    # Elevation is spread so that density falls from the horizon (1) to the zenith (0.35); azimuth by the golden angle.
    z = np.linspace(np.sin(np.radians(LOWEST_DEG)), 1, 4000)
    weight = np.cumsum(0.35 + 0.65 * np.exp(-np.maximum(z, 0) / 0.28))
    at = np.interp((np.arange(count) + 0.5) / count * weight[-1], weight, z)
    angle = np.arange(count) * np.pi * (3 - np.sqrt(5))
    ring = np.sqrt(np.maximum(1 - at * at, 0))
    d = np.column_stack([ring * np.cos(angle), ring * np.sin(angle), at])
    density = count / weight[-1] * np.interp(at, z, np.gradient(weight, z)) / (2 * np.pi)
    spacing = DOME_METRES / np.sqrt(density)
    return _facing_inwards(d, 0.85 * spacing)


def star_surfels(count: int, rng: np.random.Generator) -> Surfels:
    """Small bright points, more of them along a band across the sky."""
    d = rng.normal(size=(4 * count, 3))
    band = rng.random(4 * count) < 0.4
    tilt = np.array([0.6, -0.35, 0.72])
    d[band] -= 0.8 * (d[band] @ tilt)[:, None] * tilt
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    d = d[d[:, 2] > 0.04][:count]
    size = DOME_METRES * np.exp(rng.normal(np.log(0.0007), 0.35, len(d)))
    return _facing_inwards(d * 0.985, size)


def _facing_inwards(d: NDArray[np.floating], sigma: NDArray[np.floating]) -> Surfels:
    inwards = -d / np.linalg.norm(d, axis=1, keepdims=True)
    level = np.cross(inwards, [0, 0, 1.0])
    length = np.linalg.norm(level, axis=1, keepdims=True)
    grain = np.where(length > 1e-6, level / np.maximum(length, 1e-6), [[1.0, 0, 0]])
    return Surfels(
        (d * DOME_METRES).astype(np.float32),
        inwards.astype(np.float32),
        inwards.astype(np.float32),
        grain.astype(np.float32),
        np.stack([sigma, sigma, 0.02 * sigma], 1).astype(np.float32),
        np.zeros(len(d), np.int32),
    )
