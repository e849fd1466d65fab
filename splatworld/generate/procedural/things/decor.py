"""What makes a room lived in: rug, curtain, pictures and clock, plants and vases."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball, cards, join, tube
from splatworld.generate.procedural.things.joinery import (
    BRASS,
    WALNUT,
    board,
    finish,
    hull,
    sized,
    thick_sheet,
    toned,
    turned,
)  # fmt: skip
from splatworld.palette import Rgb

_FACING = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
"""Turns what was lathed upwards so that it looks towards -Y."""


@sized
def rug(request: Request, rng: np.random.Generator) -> Shape:
    """A woven rug: border bands, a field with lozenges, fringes at both ends."""
    main = finish(request, "cloth", (0.26, 0.055, 0.045))
    cream = Material("wool", (0.55, 0.47, 0.34), scale=0.08, contrast=0.2)
    dark = toned(main, 0.45)
    layers = (
        (2.1, 1.5, 0.010, dark),
        (2.0, 1.4, 0.012, cream),
        (1.94, 1.34, 0.014, main),
        (1.6, 1.0, 0.016, cream),
        (1.55, 0.95, 0.018, toned(main, 0.8)),
    )
    parts = [board((w, d, z), m, (0, 0, z / 2)) for w, d, z, m in layers]
    for n in (-1, 0, 1):
        parts += [
            _lozenge(n * 0.5, 0.24, 0.4, 0.020, cream),
            _lozenge(n * 0.5, 0.19, 0.32, 0.022, dark),
            _lozenge(n * 0.5, 0.1, 0.17, 0.024, main),
        ]
    fringe = [
        board((0.05, 0.022, 0.006), cream, (s * 1.072, float(y), 0.004))
        for s in (-1, 1)
        for y in np.linspace(-0.73, 0.73, 25)
    ]
    return join(parts + fringe)


def _lozenge(x: float, a: float, b: float, top: float, material: Material) -> Shape:
    outline = np.array([[x - a, 0], [x, -b], [x + a, 0], [x, b]])
    return hull(np.concatenate([np.insert(outline, 2, z, axis=1) for z in (0.004, top)]), material)


@sized
def curtain(request: Request, rng: np.random.Generator) -> Shape:
    """One hanging curtain in deep pleats under a piece of brass rod."""
    cloth = finish(request, "cloth", (0.52, 0.44, 0.32))
    u, z = np.meshgrid(np.linspace(0, 1, 33), np.array([0.0, 0.3, 0.9, 1.5, 2.0, 2.15]))
    phase = rng.uniform(0, 2 * np.pi)
    gather = 1 - 0.16 * np.sin(np.pi * z / 2.15)
    depth = 0.022 * np.sin(2 * np.pi * 5 * u + phase + 0.5 * z) * (1.1 - 0.25 * z)
    front = np.stack([(u - 0.5) * 0.46 * gather, -0.02 + depth, z], -1)
    rod = tube(np.array([[-0.25, 0, 2.13], [0.25, 0, 2.13]]), 0.013, BRASS, sides=6)
    return join([thick_sheet(front, (0, 0.006, 0), cloth).with_grain((0, 0, 1)), rod])


@sized
def picture(request: Request, rng: np.random.Generator) -> Shape:
    """A framed landscape in oils: sky, sun, ranges of hills and a meadow."""
    frame = finish(request, "gold", (0.42, 0.27, 0.09))
    sky, glow, far, near, field = _LANDSCAPES[int(rng.integers(len(_LANDSCAPES)))]
    parts = [
        board((0.7, 0.02, 0.52), _paint(sky), (0, 0.012, 0.31)),
        board((0.7, 0.004, 0.2), _paint(glow), (0, 0.001, 0.25)),
    ]
    sun = turned([(0.035, 0.0), (0.035, 0.004)], _paint((0.8, 0.62, 0.32)), sides=10).mapped(lambda v: v @ _FACING)
    parts += [sun.at(float(rng.uniform(-0.2, 0.2)), 0.0, 0.36)]
    for depth, level, tone in ((-0.002, 0.30, far), (-0.004, 0.22, near), (-0.006, 0.14, field)):
        parts += [_hills(level, depth, _paint(tone), rng)]
    for s in (-1, 1):
        parts += [
            board((0.06, 0.05, 0.62), frame, (s * 0.37, 0, 0.31), bevel=0.016),
            board((0.68, 0.05, 0.06), frame, (0, 0, 0.31 + s * 0.28), bevel=0.016),
        ]
    return join(parts)


_LANDSCAPES: tuple[tuple[Rgb, Rgb, Rgb, Rgb, Rgb], ...] = (
    ((0.22, 0.36, 0.55), (0.62, 0.55, 0.42), (0.18, 0.24, 0.34), (0.08, 0.16, 0.08), (0.25, 0.28, 0.07)),
    ((0.42, 0.26, 0.24), (0.72, 0.42, 0.16), (0.20, 0.12, 0.18), (0.08, 0.06, 0.08), (0.12, 0.08, 0.04)),
    ((0.38, 0.50, 0.60), (0.60, 0.66, 0.66), (0.30, 0.40, 0.46), (0.12, 0.24, 0.26), (0.40, 0.34, 0.16)),
)  # fmt: skip


def _paint(colour: Rgb) -> Material:
    return Material("oil paint", colour, scale=0.08, contrast=0.25, gloss=0.1)


def _hills(level: float, depth: float, material: Material, rng: np.random.Generator) -> Shape:
    """A range as convex slabs, one for each stretch of its ridge; `depth` is how far its front stands at -Y."""
    x = np.linspace(-0.345, 0.345, 8)
    ridge = level + 0.05 * np.sin(5 * x + rng.uniform(0, 6)) + rng.uniform(-0.015, 0.015, 8)
    slabs = []
    for k in range(7):
        corners = [(x[k], 0.05), (x[k + 1], 0.05), (x[k + 1], ridge[k + 1]), (x[k], ridge[k])]
        slabs.append(hull([(a, y, b) for a, b in corners for y in (depth, 0.004)], material))
    return join(slabs)


@sized
def mirror(request: Request, rng: np.random.Generator) -> Shape:
    """A tall looking glass in a wooden frame."""
    frame = finish(request, "wood", WALNUT)
    glass = Material("mirror", (0.50, 0.55, 0.57), scale=1.5, contrast=0.1, gloss=1.0)
    parts = [board((0.54, 0.02, 0.84), glass, (0, 0.01, 0.45))]
    for s in (-1, 1):
        parts += [
            board((0.055, 0.05, 0.9), frame, (s * 0.275, 0, 0.45), bevel=0.014),
            board((0.52, 0.05, 0.055), frame, (0, 0, 0.45 + s * 0.42), bevel=0.014),
        ]
    return join(parts)


@sized
def clock(request: Request, rng: np.random.Generator) -> Shape:
    """A round wall clock at ten past ten."""
    rim = finish(request, "wood", WALNUT)
    face, ink = Material("enamel", (0.72, 0.69, 0.6), contrast=0.04), Material("ink", (0.02, 0.02, 0.022))
    body = turned([(0.16, 0), (0.18, 0.012), (0.18, 0.05), (0.165, 0.062), (0.15, 0.05), (0.145, 0.04)], rim, sides=24)
    parts = [
        body,
        turned([(0.147, 0.036), (0.147, 0.043)], face, sides=24),
        turned([(0.012, 0.04), (0.01, 0.054)], BRASS, sides=8),
    ]
    for hour in range(12):
        mark = board((0.01, 0.035 if hour % 3 == 0 else 0.02, 0.006), ink, (0, 0.118, 0.045))
        parts += [mark.at(0, 0, yaw=hour * np.pi / 6)]
    parts += [board((0.013, 0.085, 0.004), ink, (0, 0.036, 0.048)).at(0, 0, yaw=np.radians(55))]
    parts += [board((0.009, 0.12, 0.004), ink, (0, 0.05, 0.053)).at(0, 0, yaw=np.radians(-60))]
    return join(parts).mapped(lambda v: v @ _FACING + np.array([0, 0.035, 0.18], np.float32))


@sized
def plant_pot(request: Request, rng: np.random.Generator) -> Shape:
    """A leafy plant in a clay pot with a saucer."""
    clay = finish(request, "clay")
    soil = Material("soil", (0.05, 0.034, 0.022), scale=0.05, contrast=0.4)
    leaf = Material("leaf", (0.062, 0.16, 0.045), "leaf", 0.3, 0.3, (0.12, 0.22, 0.06), translucency=0.35, stretch=2.0)
    pot = [
        (0.11, 0.02),
        (0.13, 0.08),
        (0.165, 0.27),
        (0.185, 0.275),
        (0.188, 0.325),
        (0.17, 0.33),
        (0.155, 0.3),
        (0.15, 0.27),
    ]
    parts = [
        turned([(0.14, 0), (0.19, 0.02), (0.185, 0.03), (0.13, 0.024)], toned(clay, 0.9), sides=16),
        turned(pot, clay, sides=16),
    ]
    parts += [turned([(0.152, 0.26), (0.12, 0.285), (0.05, 0.295)], soil, sides=12)]
    return join([*parts, *_fronds(22, leaf, rng)])


def _fronds(count: int, leaf: Material, rng: np.random.Generator) -> list[Shape]:
    """Arching stalks, the inner ones steeper, each with one large folded leaf."""
    stalk = Material("stalk", (0.08, 0.15, 0.04))
    parts, t = [], np.linspace(0, 1, 4)[:, None]
    for n in range(count):
        angle, steep = 2.4 * n + rng.normal(0, 0.2), n / count
        out = np.array([np.cos(angle), np.sin(angle), 0.0])
        reach, rise = (
            (0.07 + 0.11 * (1 - steep)) * rng.uniform(0.85, 1.1),
            (0.25 + 0.33 * steep) * rng.uniform(0.85, 1.1),
        )
        path = (
            0.05 * out * (1 - steep) + t * reach * out + [0, 0, 0.28] + (t - 0.25 * t**2 * (1 - steep)) * [0, 0, rise]
        )
        parts += [tube(path, (0.007, 0.006, 0.005, 0.003), stalk, sides=4)]
        side = np.array([-out[1], out[0], 0.0])
        parts += _blade(path[-1], out * (0.9 - 0.5 * steep) + np.array([0, 0, 0.75 * steep - 0.15]), side, leaf, rng)
    return parts


def _blade(
    base: np.ndarray, along: np.ndarray, side: np.ndarray, leaf: Material, rng: np.random.Generator
) -> list[Shape]:
    """A leaf folded along its midrib and drooping at its tip: two rows of rhombs."""
    along = along / np.linalg.norm(along)
    length, width = float(rng.uniform(0.16, 0.22)), float(rng.uniform(0.09, 0.12))
    up = np.cross(side, along) * -1.0
    up *= np.sign(up[2]) if up[2] else 1.0
    s = np.array([0.3, 0.55, 0.8])
    droop = np.outer(s**2, [0, 0, -0.18 * length])
    mid = base + np.outer(s * length, along) + droop
    halves = []
    for k in (-1, 1):
        wide = width * np.array([0.42, 0.5, 0.3])
        centres = mid + k * np.outer(wide / 2, side) + np.outer(wide * 0.22, up)
        tilt = up - 0.4 * k * side
        halves.append(
            cards(
                centres,
                np.tile(along, (3, 1)),
                np.tile(tilt, (3, 1)),
                length * np.array([0.55, 0.62, 0.5]),
                wide * 1.35,
                leaf,
            )
        )
    return halves


@sized
def vase(request: Request, rng: np.random.Generator) -> Shape:
    """A vase with a bunch of flowers."""
    glaze = finish(request, "porcelain", (0.12, 0.22, 0.30))
    body = [
        (0.05, 0),
        (0.055, 0.01),
        (0.085, 0.08),
        (0.09, 0.13),
        (0.06, 0.19),
        (0.042, 0.22),
        (0.056, 0.25),
        (0.046, 0.247),
        (0.034, 0.22),
        (0.03, 0.17),
    ]
    parts, stem = [turned(body, glaze, sides=16)], Material("stem", (0.07, 0.15, 0.04))
    petals = _BLOSSOMS[int(rng.integers(len(_BLOSSOMS)))]
    for n in range(9):
        angle, lean = 2.4 * n, 0.13 * np.sqrt(n / 9)
        tip = np.array([lean * np.cos(angle), lean * np.sin(angle), rng.uniform(0.36, 0.44) - 0.6 * lean])
        parts += [tube(np.array([[0, 0, 0.18], 0.25 * tip * [1, 1, 0] + [0, 0, 0.26], tip]), 0.003, stem, sides=4)]
        tone = Material("petal", petals[n % len(petals)], scale=0.02, contrast=0.25, translucency=0.3)
        flower = ball(0.028, tone, subdivisions=1).mapped(
            lambda v: v * np.array([1, 1, 0.75], np.float32) * (1 + 0.15 * np.sin(9 * np.arctan2(v[:, 1:2], v[:, :1])))
        )
        parts += [flower.at(*(float(c) for c in tip))]
        along = np.array([[np.cos(angle + 1), np.sin(angle + 1), 0.5]])
        leaf = Material("leaf", (0.07, 0.17, 0.05), "leaf", 0.2, translucency=0.3)
        parts += [
            cards(0.6 * tip[None] + along * 0.03 + [0, 0, 0.09], along, np.array([[0, 0, 1.0]]), 0.09, 0.035, leaf)
        ]
    return join(parts)


_BLOSSOMS: tuple[tuple[Rgb, ...], ...] = (
    ((0.62, 0.10, 0.14), (0.72, 0.36, 0.40), (0.75, 0.70, 0.62)),
    ((0.74, 0.50, 0.06), (0.76, 0.66, 0.30), (0.70, 0.28, 0.05)),
    ((0.30, 0.18, 0.55), (0.55, 0.42, 0.70), (0.74, 0.72, 0.72)),
)  # fmt: skip

CLASSES = (
    ThingClass("rug", ("rug", "carpet", "mat"), rug, 1.34, 0.024, stands="floor", kinds=("textile",), colour="red",
               material="cloth"),
    ThingClass("curtain", ("curtain", "drape"), curtain, 0.27, 2.15, stands="wall", kinds=("textile",), colour="beige",
               material="cloth"),
    ThingClass("picture", ("picture", "painting", "portrait", "poster", "picture frame", "artwork"), picture, 0.41, 0.62,  # noqa: E501
               stands="wall", kinds=("ornament",), variants=0, colour="gold"),
    ThingClass("mirror", ("mirror", "looking glass"), mirror, 0.31, 0.9, stands="wall", kinds=("ornament",)),
    ThingClass("clock", ("clock", "wall clock"), clock, 0.19, 0.36, stands="wall", kinds=("ornament",)),
    ThingClass("plant_pot", ("plant pot", "potted plant", "houseplant", "house plant", "flowerpot", "flower pot", "pot plant"),  # noqa: E501
               plant_pot, 0.5, 0.95, stands="floor", kinds=("plant", "ornament"), variants=0, material="clay"),
    ThingClass("vase", ("vase", "urn", "jug", "pitcher"), vase, 0.17, 0.42, stands="floor", kinds=("ornament",), variants=0,  # noqa: E501
               colour="blue", material="porcelain"),
)  # fmt: skip
