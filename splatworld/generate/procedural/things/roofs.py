"""Roofs and chimneys. A covering is laid like a wall (see `carpentry`) and then tilted or bent into place."""

import math
from dataclasses import replace

import numpy as np

from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things.stuff import STUFF
from splatworld.geometry import Similarity

COVER = {
    "shingles": (0.32, 0.42, 0.032),
    "tiles": (0.36, 0.34, 0.045),
    "slate": (0.34, 0.42, 0.024),
    "thatch": (0.75, None, 0.07),
    "metal": (9.0, 0.55, 0.0),
    "planks": (9.0, 0.3, 0.0),
}
"""Height of a course, width of a piece and how far it stands up, metres."""


def covering(
    word: str, slope: float, length: float, rng: np.random.Generator, material: Material, *, taper: bool = False
) -> Shape:
    """Shingles, tiles, thatch on a sheet in the wall frame: `length` along x, `slope` along z."""
    row, piece, lift = COVER.get(word, COVER["shingles"])
    levels = c.even(0.0, slope, row)
    pieces = c.courses(length, levels, height=0.0 if taper else None, block=piece, rng=rng)
    profile = ((0.0, 0.0), (0.0, lift), (1.0, 0.006)) if lift else ((0.0, 0.0), (0.0, 0.025), (1.0, 0.025))
    if lift:
        # Lower edges are ragged, as if each piece had been nailed by hand.
        pieces[:, 0] -= np.where(pieces[:, 0] > 0, rng.uniform(0, 0.8, len(pieces)) * lift, 0.0)
    shape = c.swept(pieces, profile, material, rng)
    if lift or taper:
        return shape
    seams = np.linspace(-length / 2, length / 2, max(round(length / (piece or 1)), 1) + 1)
    ribs = c.blocks([(x - 0.02, -0.06, 0) for x in seams], [(x + 0.02, 0.01, slope) for x in seams], material)
    return join([shape, ribs])


def pitched(sheet: Shape, angle: float) -> Shape:
    """A sheet of the wall frame laid back to `angle` radians above the horizontal; its lower edge stays."""
    half = (angle - math.pi / 2) / 2
    return sheet.moved(Similarity(rotation=(math.cos(half), math.sin(half), 0.0, 0.0)))


def gable_roof(
    span: float,
    eave: float,
    rise: float,
    ends: tuple[float, float],
    word: str,
    material: Material,
    trim: Material,
    rng: np.random.Generator,
    *,
    overhang: float = 0.45,
    rafters: bool = True,
) -> Shape:
    """A roof with its ridge along x between `ends`; its underside meets walls `span` apart in y at `eave`."""
    pitch = math.atan2(rise, span / 2)
    thick = (0.26 if word == "thatch" else 0.1) / math.cos(pitch)
    reach, low = span / 2 + overhang, eave - overhang * math.tan(pitch)
    ridge, length, middle = eave + rise, ends[1] - ends[0], (ends[0] + ends[1]) / 2
    under = trim if word != "thatch" else material
    outline = ((0.0, ridge), (reach, low), (reach, low + thick), (0.0, ridge + thick))
    slab = c.prism(outline, -length / 2, length / 2, under)
    cover = covering(word, reach / math.cos(pitch), length - 0.04, rng, material)
    sheet = pitched(cover, pitch).at(0, -reach, low + thick)
    parts = [slab.at(0, 0, yaw=s * math.pi / 2) for s in (-1, 1)] + [sheet, sheet.at(0, 0, yaw=math.pi)]
    parts.append(_ridge(word, length, ridge + thick, material))
    if word != "thatch":
        parts.append(_bargeboards(length, reach, low, ridge, thick, trim))
    if rafters:
        x = np.linspace(-length / 2 + 0.25, length / 2 - 0.25, max(round(length / 0.7), 2))
        drop = 0.05 / math.cos(pitch)
        for s in (-1, 1):
            inner = [(u, s * (span / 2 - 0.1), eave + 0.1 * math.tan(pitch) - drop) for u in x]
            outer = [(u, s * (reach - 0.05), low + 0.05 * math.tan(pitch) - drop) for u in x]
            parts.append(c.beams(inner, outer, 0.08, 0.11, trim))
    return join(parts).at(middle, 0)


def lean_to(
    length: float, depth: float, drop: float, word: str, material: Material, trim: Material, rng: np.random.Generator
) -> Shape:
    """A single slope that falls by `drop` over `depth` towards -Y from its upper edge at the origin (underside)."""
    thick = 0.09
    outline = ((-depth, -drop), (0.0, 0.0), (0.0, thick), (-depth, thick - drop))
    slab = c.prism(outline, -length / 2, length / 2, trim).at(0, 0, yaw=math.pi / 2)
    pitch = math.atan2(drop, depth)
    cover = pitched(covering(word, math.hypot(depth, drop), length - 0.04, rng, material), pitch)
    x = np.linspace(-length / 2 + 0.1, length / 2 - 0.1, max(round(length / 0.7), 2))
    rafters = c.beams([(u, -0.05, -0.05) for u in x], [(u, -depth + 0.04, -drop - 0.05) for u in x], 0.08, 0.1, trim)
    return join([slab, cover.at(0, -depth, thick - drop), rafters])


def pyramid_roof(
    side: float, rise: float, word: str, material: Material, rng: np.random.Generator, *, trim: Material
) -> Shape:
    """Four slopes over a square of `side`, base at z = 0, closed below."""
    pitch, h = math.atan2(rise, side / 2), side / 2
    sheet = pitched(covering(word, math.hypot(rise, h), side, rng, material, taper=True), pitch).at(0, -h, 0.05)
    base = c.blocks([(-h, -h, -0.06)], [(h, h, 0.05)], trim)
    hips = c.beams([(x, y, 0.06) for x in (-h, h) for y in (-h, h)], [(0, 0, rise + 0.08)] * 4, 0.12, 0.08, material)
    return join([c.around(sheet, 4), base, hips])


def cone_roof(
    radius: float, rise: float, word: str, material: Material, rng: np.random.Generator, *, trim: Material
) -> Shape:
    """A pointed round roof with its base at z = 0, closed below, with a finial."""
    row, piece, lift = COVER.get(word, COVER["shingles"])
    levels = c.even(0.0, rise, row * 1.25)[:-1]
    pieces = c.courses(2 * math.pi * radius, np.append(levels, rise * 0.985), block=(piece or 0.5) * 1.35, rng=rng)
    cover = c.bent(
        c.swept(pieces, ((0.0, 0.0), (0.0, max(lift, 0.03)), (1.0, 0.004)), material, rng), radius, taper=radius / rise
    )
    rim = c.drum(radius + 0.02, -0.08, 0.03, trim, sides=24)
    finial = tube(
        np.array([[0, 0, rise - 0.25], [0, 0, rise + 0.15], [0, 0, rise + 0.5]]),
        [0.1, 0.05, 0.01],
        STUFF["metal"],
        sides=6,
    )
    return join([cover, rim, finial])


def chimney(
    x: float, y: float, low: float, high: float, size: tuple[float, float], material: Material, rng: np.random.Generator
) -> Shape:
    """A stack with a cap and a dark flue."""
    w, d = size[0] / 2, size[1] / 2
    if material.pattern == "bricks":
        stack = c.blocks([(x - w, y - d, low)], [(x + w, y + d, high)], material)
    else:
        stack = c.stonework((x - w, y - d, low), (x + w, y + d, high), material, rng, row=0.26, block=0.36)
    cap = c.blocks([(x - w - 0.07, y - d - 0.07, high)], [(x + w + 0.07, y + d + 0.07, high + 0.1)], STUFF["stone"])
    pot = c.drum(min(w, d) * 0.55, high + 0.1, high + 0.36, STUFF["clay"], top=min(w, d) * 0.48, sides=10).at(x, y)
    hole = c.drum(min(w, d) * 0.38, high + 0.3, high + 0.37, STUFF["dark"], sides=10).at(x, y)
    return join([stack, cap, pot, hole])


def _ridge(word: str, length: float, z: float, material: Material) -> Shape:
    h = length / 2
    dark = replace(material, colour=tuple(0.8 * v for v in material.colour))
    if word == "thatch":
        return c.beams([(-h - 0.02, 0, z)], [(h + 0.02, 0, z)], 0.5, 0.22, dark)
    x = np.linspace(-h - 0.03, h + 0.03, max(round(length / 0.5), 2) + 1)
    path = np.column_stack([x, np.zeros_like(x), np.full_like(x, z)])
    return tube(path, np.where(np.arange(len(x)) % 2, 0.095, 0.115), dark, sides=7)


def _bargeboards(length: float, reach: float, low: float, ridge: float, thick: float, trim: Material) -> Shape:
    x = length / 2 + 0.022
    starts = [(u, s * (reach + 0.02), low + thick / 2 - 0.04) for u in (-x, x) for s in (-1, 1)]
    ends = [(u, 0.0, ridge + thick / 2) for u in (-x, x) for _ in (-1, 1)]
    return c.beams(starts, ends, 0.05, thick + 0.1, trim)
