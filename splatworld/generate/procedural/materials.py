"""Materials: the unlit colour of surfaces, varied over several octaves, and what they do with light.

Patterns are functions of position in the thing's frame, so they need no texture coordinates: `pattern(points, normals,
scale, seed)` gives two weights per point: how much lighter or darker (about -1 to 1) and how much of the second colour
(0 to 1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splatworld.noise import cells, fbm, value_noise
from splatworld.palette import Rgb

Floats = NDArray[np.floating]
Pattern = Callable[[Floats, Floats, float, int], tuple[Floats, Floats]]


@dataclass(frozen=True)
class Material:
    """How a surface looks without light."""

    name: str
    """What it is called in words: "wood", "stone", "leaf"."""
    colour: Rgb
    """Mean albedo, linear."""
    pattern: str = "plain"
    """Key in `PATTERNS`."""
    scale: float = 1.0
    """Metres of the pattern's main period."""
    contrast: float = 0.25
    """How far it gets lighter and darker, as a share of `colour`."""
    second: Rgb | None = None
    """Albedo mixed in where the pattern asks for it: mortar, moss, dead wood."""
    translucency: float = 0.0
    """Share of light from behind that shines through: leaves, cloth."""
    emission: Rgb = (0.0, 0.0, 0.0)
    """Linear light given off where the noon sun on white gives 1: lamp glass, embers, lit windows."""
    stretch: float = 1.0
    """Splats are this many times longer along the grain than across."""
    gloss: float = 0.0
    """Share of the sky mirrored at grazing angles: wet stone, glass, varnish. 0 to 1."""


def albedo(material: Material, points: Floats, normals: Floats, *, seed: int) -> Floats:
    """Linear RGB [n, 3] at `points` with unit `normals` [n, 3], thing frame."""
    lightness, mix = PATTERNS[material.pattern](points, normals, material.scale, seed)
    base = np.asarray(material.colour, np.float32)
    # Large soft drifts and fine speckle belong to every natural surface, whatever its pattern.
    drift = fbm(points / np.float32(3.0 * max(material.scale, 0.3)), octaves=2, seed=seed + 31)
    lightness = 0.8 * lightness + 0.35 * drift
    colour = base * np.exp(material.contrast * 1.6 * lightness)[:, None]
    if material.second is not None:
        colour = colour + mix[:, None] * (np.asarray(material.second, np.float32) * (1 + 0.3 * drift[:, None]) - colour)
    # A slight drift of hue: warm where light, cool where dark.
    warm = 1 + 0.05 * lightness[:, None] * np.array([1.0, 0.1, -1.0], np.float32)
    return np.clip(colour * warm, 0.0, 0.95).astype(np.float32)


def _plain(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    v = fbm(p / np.float32(scale), octaves=4, gain=0.6, seed=seed)
    return v, _ramp(fbm(p / np.float32(scale * 2.1), octaves=3, seed=seed + 5), 0.0, 0.5)


def _planks(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Boards `scale` metres wide: horizontal on walls, along y on floors; dark seams, each board its own tone."""
    across = np.where(np.abs(n[:, 2]) > 0.7, p[:, 0], p[:, 2]) / np.float32(scale)
    along = np.where(np.abs(n[:, 2]) > 0.7, p[:, 1], p[:, 0] + p[:, 1])
    board = np.floor(across)
    seam = 1 - _ramp(np.minimum(across - board, 1 - (across - board)), 0.0, 0.07)
    tone = value_noise(np.stack([board * 3.7, np.floor(along / 2.4 + board * 0.37)], 1), seed=seed)
    fibre = fbm(np.stack([along * 1.5, across * 9], 1), octaves=3, seed=seed + 1)
    return 0.8 * tone + 0.5 * fibre - 2.2 * seam, np.clip(fibre - 0.3, 0, 1)


def _shingles(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Overlapping courses `scale` metres high, staggered; works on any slope."""
    row_axis = p[:, 2] / np.float32(scale)
    row = np.floor(row_axis)
    along = np.where(np.abs(n[:, 0]) > np.abs(n[:, 1]), p[:, 1], p[:, 0])
    col_axis = along / np.float32(scale * 1.1) + 0.5 * (row % 2)
    col = np.floor(col_axis)
    tone = value_noise(np.stack([col * 5.3, row * 3.1], 1), seed=seed)
    edge = 1 - _ramp(row_axis - row, 0.0, 0.22)
    gap = 1 - _ramp(np.minimum(col_axis - col, 1 - (col_axis - col)), 0.0, 0.08)
    moss = fbm(p / np.float32(1.3), octaves=3, seed=seed + 2)
    return 0.8 * tone - 1.2 * edge - 0.8 * gap, _ramp(moss, 0.15, 0.6)


def _bricks(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Courses `scale` metres long and a third as high, with mortar as the second colour."""
    height = np.float32(scale * 0.34)
    row_axis = p[:, 2] / height
    row = np.floor(row_axis)
    along = np.where(np.abs(n[:, 0]) > np.abs(n[:, 1]), p[:, 1], p[:, 0])
    col_axis = along / np.float32(scale) + 0.5 * (row % 2)
    col = np.floor(col_axis)
    tone = value_noise(np.stack([col * 5.3, row * 3.1], 1), seed=seed)
    edge_r = np.minimum(row_axis - row, 1 - (row_axis - row)) * 0.34
    edge_c = np.minimum(col_axis - col, 1 - (col_axis - col))
    mortar = 1 - _ramp(np.minimum(edge_r, edge_c), 0.01, 0.05)
    return 0.9 * tone + 0.4 * fbm(p * 9, octaves=2, seed=seed + 3), mortar


def _stones(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Field stones about `scale` metres across with joints of the second colour; also cobbles."""
    gap, name = cells(p * np.array([1, 1, 1.35], np.float32) / np.float32(scale), seed=seed)
    return 1.8 * (name - 0.5) + 0.5 * fbm(p * 6, octaves=3, seed=seed), 1 - _ramp(gap, 0.03, 0.14)


def _bark(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Furrows that run up the stem; the second colour (moss) low down and on the north."""
    furrow = fbm(p * np.array([6, 6, 1.1], np.float32) / np.float32(scale), octaves=4, gain=0.6, seed=seed)
    moss = fbm(p * 1.7, octaves=3, seed=seed + 4) + 0.35 * n[:, 1] - 0.25 * p[:, 2]
    return 1.6 * furrow, _ramp(moss, 0.1, 0.6)


def _birch(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """White stems with dark lens-shaped bands: the second colour."""
    band = fbm(p * np.array([2.2, 2.2, 13], np.float32) / np.float32(scale), octaves=3, seed=seed)
    low = _ramp(-p[:, 2], -0.8, 0.1) * 0.6
    return 0.4 * fbm(p * 4, octaves=2, seed=seed + 1), np.clip(_ramp(band, 0.28, 0.42) + low, 0, 1)


def _leaf(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Each leaf its own tone, branches drifting in hue; the second colour is old or autumn leaf."""
    own = value_noise(p * np.float32(23.0), seed=seed)
    drift = fbm(p / np.float32(scale), octaves=3, seed=seed + 1)
    return 0.7 * own + 0.6 * drift, _ramp(0.6 * drift + 0.5 * own, 0.0, 0.7)


def _rock(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Cracked, layered stone; the second colour (lichen, moss) lies on top."""
    layers = fbm(p * np.array([0.6, 0.6, 3.0], np.float32) / np.float32(scale), octaves=5, gain=0.6, seed=seed)
    gap, _ = cells(p / np.float32(scale * 0.8) + 0.3 * layers[:, None], seed=seed + 1)
    crack = 1 - _ramp(gap, 0.0, 0.06)
    lichen = fbm(p * 2.3 / np.float32(scale), octaves=4, gain=0.65, seed=seed + 2) + 0.5 * n[:, 2] - 0.35
    return 1.5 * layers - 0.9 * crack, _ramp(lichen, 0.05, 0.4)


def _thatch(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Straw that runs down the slope."""
    along = np.where(np.abs(n[:, 0]) > np.abs(n[:, 1]), p[:, 1], p[:, 0])
    straw = fbm(np.stack([along * 22, p[:, 2] * 2.5], 1) / np.float32(scale), octaves=3, seed=seed)
    return 1.2 * straw, _ramp(fbm(p * 0.9, octaves=3, seed=seed + 1), 0.2, 0.7)


def _weave(p: Floats, n: Floats, scale: float, seed: int) -> tuple[Floats, Floats]:
    """Cloth: a fine weave and broad stripes of the second colour."""
    stripe = np.sin(p[:, 0] * np.float32(2 * np.pi / scale))
    return 0.3 * fbm(p * 40, octaves=2, seed=seed), _ramp(stripe, 0.75, 0.85)


PATTERNS: dict[str, Pattern] = {
    "plain": _plain,
    "planks": _planks,
    "shingles": _shingles,
    "bricks": _bricks,
    "stones": _stones,
    "bark": _bark,
    "birch": _birch,
    "leaf": _leaf,
    "rock": _rock,
    "thatch": _thatch,
    "weave": _weave,
}


def _ramp(x: Floats, lo: float, hi: float) -> Floats:
    """Smoothstep from 0 at `lo` to 1 at `hi`."""
    t = np.clip((x - np.float32(lo)) / np.float32(hi - lo), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
