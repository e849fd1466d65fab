"""Smooth noise over points, vectorised: the one source of irregularity in worlds.

Value and gradient noise on an integer lattice with quintic interpolation and a hash of the lattice point, and fractal
sums of gradient noise. Same input, same output on every machine to rounding.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def value_noise(points: Floats, *, seed: int = 0) -> NDArray[np.float32]:
    """Noise in [-1, 1] at `points` [..., d], d = 1, 2 or 3; one feature per unit length."""
    p = np.asarray(points, np.float32)
    cell = np.floor(p)
    t = p - cell
    t = t * t * t * (t * (t * 6 - 15) + 10)
    corner = cell.astype(np.int64)
    out = np.zeros(p.shape[:-1], np.float32)
    d = p.shape[-1]
    for bits in range(1 << d):
        offset = np.array([bits >> k & 1 for k in range(d)])
        weight = np.prod(np.where(offset == 1, t, 1 - t), axis=-1, dtype=np.float32)
        out += weight * _lattice(corner + offset, seed)
    return out


def gradient_noise(points: Floats, *, seed: int = 0) -> NDArray[np.float32]:
    """Noise in about [-1, 1] at `points` [..., d], d = 1, 2 or 3; zero on the lattice (Perlin 2002), so less blocky."""
    p = np.asarray(points, np.float32)
    d = p.shape[-1]
    cell = np.floor(p)
    offset = p - cell
    t = offset * offset * offset * (offset * (offset * 6 - 15) + 10)
    corner = cell.astype(np.int32)
    slopes = _SLOPES[d]
    out = np.zeros(p.shape[:-1], np.float32)
    for bits in range(1 << d):
        step = np.array([bits >> k & 1 for k in range(d)], np.int32)
        weight = np.ones(p.shape[:-1], np.float32)
        for k in range(d):
            weight *= t[..., k] if step[k] else 1 - t[..., k]
        slope = slopes[_hash(corner + step, seed) >> np.uint32(28)]
        reach = sum(slope[..., k] * (offset[..., k] - np.float32(step[k])) for k in range(d))
        out += weight * reach
    return out * np.float32(1.6)


def fbm(points: Floats, *, octaves: int = 4, gain: float = 0.5, seed: int = 0) -> NDArray[np.float32]:
    """Sum of gradient noise in about [-1, 1]; each octave has twice the frequency and `gain` times the height."""
    out = np.zeros(np.shape(points)[:-1], np.float32)
    total, amplitude = 0.0, 1.0
    p = np.asarray(points, np.float32)
    for octave in range(octaves):
        # A shift per octave hides that all lattices share the origin.
        out += amplitude * gradient_noise(p * np.float32(2**octave) + np.float32(17.37 * octave), seed=seed + octave)
        total += amplitude
        amplitude *= gain
    return out * np.float32(1.4 / total)  # sums of octaves seldom reach their bounds


def ridged(points: Floats, *, octaves: int = 5, gain: float = 0.5, seed: int = 0) -> NDArray[np.float32]:
    """Sharp crests in [0, 1]: folded noise, each octave strongest where the one before is high (Musgrave 1994)."""
    out = np.zeros(np.shape(points)[:-1], np.float32)
    weight = np.ones_like(out)
    total, amplitude = 0.0, 1.0
    p = np.asarray(points, np.float32)
    for octave in range(octaves):
        fold = 1 - np.abs(gradient_noise(p * np.float32(2**octave) + np.float32(11.71 * octave), seed=seed + octave))
        fold = fold * fold * weight
        out += amplitude * fold
        weight = np.clip(fold * 1.6, 0, 1)
        total += amplitude
        amplitude *= gain
    return out / np.float32(total)


def cells(points: Floats, *, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Worley noise at `points` [n, d]: (gap between the nearest two cell centres' distances, random id in [0, 1]).

    The gap is 0 on cell borders: cracks, cobbles, stone walls.
    """
    p = np.asarray(points, np.float32)
    cell = np.floor(p).astype(np.int64)
    d = p.shape[-1]
    best = np.full(p.shape[:-1], np.inf, np.float32)
    second = best.copy()
    name = np.zeros_like(best)
    for k in range(3**d):
        offset = np.array([k // 3**i % 3 - 1 for i in range(d)])
        corner = cell + offset
        centre = corner + np.stack([0.5 + 0.4 * _lattice(corner, seed + 101 * (i + 1)) for i in range(d)], -1)
        distance = np.sqrt(((p - centre) ** 2).sum(-1)).astype(np.float32)
        nearer = distance < best
        second = np.where(nearer, best, np.minimum(second, distance))
        name = np.where(nearer, _lattice(corner, seed + 7) * 0.5 + 0.5, name)
        best = np.minimum(best, distance)
    return second - best, name


def _lattice(corner: NDArray[np.integer], seed: int) -> NDArray[np.float32]:
    """A random number in [-1, 1] per integer point."""
    return (_hash(corner, seed).astype(np.float32) * np.float32(2 / 0xFFFFFFFF)) - np.float32(1)


def _hash(corner: NDArray[np.integer], seed: int) -> NDArray[np.uint32]:
    """32 well-mixed bits per integer point [..., d]: xor and multiply."""
    h = np.full(corner.shape[:-1], (seed * 0x9E3779B9 + 0x7F4A7C15) & 0xFFFFFFFF, np.uint32)
    for k, prime in zip(range(corner.shape[-1]), (0x8DA6B343, 0xD8163841, 0xCB1AB31F), strict=False):
        h ^= corner[..., k].astype(np.uint32) * np.uint32(prime)
        h ^= h >> np.uint32(15)
        h *= np.uint32(0x2C1B3C6D)
    h ^= h >> np.uint32(12)
    h *= np.uint32(0x297A2D39)
    return h ^ (h >> np.uint32(15))


def _slopes() -> dict[int, NDArray[np.float32]]:
    """Sixteen unit slopes for each dimension."""
    turn = np.arange(16) * (2 * np.pi / 16) + 0.13
    z = (np.arange(16) + 0.5) / 8 - 1
    spiral = np.arange(16) * 2.399963
    ring = np.sqrt(1 - z * z)
    return {
        1: np.where(np.arange(16) % 2, 1.0, -1.0)[:, None].astype(np.float32),
        2: np.stack([np.cos(turn), np.sin(turn)], 1).astype(np.float32),
        3: np.stack([ring * np.cos(spiral), ring * np.sin(spiral), z], 1).astype(np.float32),
    }


_SLOPES = _slopes()
