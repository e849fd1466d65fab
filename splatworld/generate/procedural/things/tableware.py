"""Lamps for rooms, and the small things that lie on tables."""

from dataclasses import replace

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball, join, lathe, tube
from splatworld.generate.procedural.things.joinery import BRASS, PORCELAIN, board, finish, sized, turned
from splatworld.palette import Rgb
from splatworld.world import PointLight

LAMPLIGHT: Rgb = (1.0, 0.72, 0.42)
_LINEN_SHADE: Rgb = (0.66, 0.58, 0.44)
_WICK = Material("flame", (0.9, 0.6, 0.2), emission=(3.0, 1.6, 0.45), translucency=0.6)
_WAX = Material("wax", (0.72, 0.66, 0.5), contrast=0.06, translucency=0.3)


@sized
def floor_lamp(request: Request, rng: np.random.Generator) -> Shape:
    """A standing lamp: round foot, slim brass pole, cloth shade."""
    foot = [
        (0.15, 0),
        (0.15, 0.015),
        (0.13, 0.028),
        (0.03, 0.04),
        (0.014, 0.06),
        (0.012, 0.7),
        (0.02, 0.715),
        (0.02, 0.735),
        (0.012, 0.75),
        (0.012, 1.36),
    ]
    return _lamp(turned(foot, BRASS, sides=14), request, (0.22, 0.14), (1.28, 1.6), 0.5)


@sized
def table_lamp(request: Request, rng: np.random.Generator) -> Shape:
    """A lamp with a glazed belly and a cloth shade."""
    body = [
        (0.07, 0),
        (0.07, 0.012),
        (0.05, 0.02),
        (0.06, 0.06),
        (0.078, 0.12),
        (0.06, 0.18),
        (0.025, 0.22),
        (0.02, 0.25),
        (0.01, 0.26),
        (0.01, 0.33),
    ]
    glaze = replace(PORCELAIN, colour=(0.10, 0.20, 0.22))
    return _lamp(turned(body, glaze, sides=16), request, (0.15, 0.095), (0.27, 0.47), 0.3)


def _lamp(
    stand: Shape, request: Request, radii: tuple[float, float], heights: tuple[float, float], power: float
) -> Shape:
    """A stand under an open shade of two radii between two heights; lit at night. Its colour is that of the shade."""
    shade = finish(replace(request, material=None), "cloth", _LINEN_SHADE)
    if request.night:
        r, g, b = (min(1.0, 0.25 + c) * k for c, k in zip(shade.colour, LAMPLIGHT, strict=True))
        shade = replace(shade, emission=(1.3 * r, 1.3 * g, 1.3 * b), translucency=0.5)
    (low, high), (z0, z1) = radii, heights
    rim = [(low - 0.006, z0), (low, z0), (high, z1), (high - 0.006, z1), (low - 0.006, z0)]
    cloth = lathe(rim, shade, sides=20)
    bulb = Material("bulb", (0.8, 0.75, 0.65), emission=(4.0, 2.8, 1.6) if request.night else (0.0, 0.0, 0.0))
    middle = (z0 + z1) / 2
    glass = ball(0.03, bulb, subdivisions=1).at(0, 0, middle - 0.02)
    spider = [
        board((2 * low - 0.05, 0.005, 0.005), BRASS, (0, 0, z0 + 0.03)).at(0, 0, yaw=k * np.pi / 3) for k in range(3)
    ]
    light = (PointLight((0.0, 0.0, middle), LAMPLIGHT, power),) if request.night else ()
    return replace(join([stand, cloth, glass, *spider]), lights=light)


@sized
def candle(request: Request, rng: np.random.Generator) -> Shape:
    """A lit candle in a brass holder with a ring to carry it by."""
    wax = _WAX if request.colour is None else replace(_WAX, colour=request.colour)
    dish = [(0.045, 0), (0.062, 0.012), (0.058, 0.016), (0.024, 0.01), (0.018, 0.03), (0.024, 0.045), (0.014, 0.046)]
    stick = [(0.014, 0.03), (0.0135, 0.2), (0.011, 0.206), (0.003, 0.203)]
    flame = [(0.002, 0.208), (0.0075, 0.222), (0.006, 0.238), (0.001, 0.26)]
    parts = [turned(dish, BRASS, sides=14), turned(stick, wax, sides=10), turned(flame, _WICK, sides=7)]
    parts += [_loop(0.02, 0.004, BRASS).at(0.075, 0, 0.025)]
    return replace(join(parts), lights=(PointLight((0.0, 0.0, 0.25), (1.0, 0.6, 0.25), 0.06),))


def _loop(radius: float, thickness: float, material: Material) -> Shape:
    """A ring handle in the xz plane."""
    angle = np.linspace(0, 2 * np.pi, 11)
    path = radius * np.column_stack([np.cos(angle), np.zeros(11), np.sin(angle)])
    return tube(path, thickness, material, sides=5)


@sized
def book(request: Request, rng: np.random.Generator) -> Shape:
    """A bound book lying closed: two boards, a rounded spine, pages."""
    cover = finish(request, "leather", (0.16, 0.035, 0.03))
    pages = Material("paper", (0.66, 0.6, 0.48), scale=0.02, contrast=0.12)
    parts = [board((0.23, 0.165, 0.004), cover, (0.0, 0, z)) for z in (0.002, 0.045)]
    parts += [board((0.215, 0.15, 0.038), pages, (-0.002, 0.002, 0.0235))]
    spine = np.array([[-0.115, -0.078, 0.0235], [0.115, -0.078, 0.0235]])
    gold = [board((0.006, 0.17, 0.0015), BRASS, (x, 0, 0.0476)) for x in (-0.1, 0.1)]
    return join([*parts, tube(spine, 0.0235, cover, sides=8), *gold])


@sized
def cup(request: Request, rng: np.random.Generator) -> Shape:
    """A cup of tea on its saucer."""
    glaze = finish(request, "porcelain")
    tea = Material("tea", (0.13, 0.045, 0.012), contrast=0.05, gloss=0.5)
    saucer = [(0.035, 0), (0.07, 0.012), (0.068, 0.016), (0.03, 0.006)]
    wall = [(0.024, 0.006), (0.028, 0.012), (0.042, 0.05), (0.045, 0.085), (0.042, 0.085), (0.038, 0.05), (0.034, 0.04)]
    parts = [
        turned(saucer, glaze, sides=16),
        turned(wall, glaze, sides=16),
        turned([(0.039, 0.06), (0.04, 0.072)], tea, sides=14),
    ]
    return join([*parts, _loop(0.018, 0.0045, glaze).at(0.056, 0, 0.05)])


@sized
def bowl(request: Request, rng: np.random.Generator) -> Shape:
    """A bowl of apples and oranges."""
    glaze = finish(request, "porcelain", (0.30, 0.36, 0.34))
    wall = [(0.05, 0), (0.055, 0.012), (0.11, 0.045), (0.145, 0.09), (0.138, 0.092), (0.1, 0.05), (0.05, 0.022)]
    fruits: tuple[Rgb, ...] = ((0.42, 0.05, 0.03), (0.50, 0.30, 0.04), (0.58, 0.24, 0.02), (0.24, 0.32, 0.05))
    parts = [turned(wall, glaze, sides=20)]
    spots = [(0.062 * np.cos(a), 0.062 * np.sin(a), 0.072) for a in np.arange(5) * 1.2566] + [(0.0, 0.012, 0.118)]
    for x, y, z in spots:
        skin = Material("fruit", fruits[int(rng.integers(4))], scale=0.03, contrast=0.2, gloss=0.2)
        parts += [ball(0.036, skin, subdivisions=1).at(float(x), float(y), z)]
    return join(parts)


CLASSES = (
    ThingClass("floor_lamp", ("floor lamp", "standing lamp", "reading lamp"), floor_lamp, 0.23, 1.6, stands="floor",
               kinds=("lamp", "furniture"), colour="beige", material="cloth"),
    ThingClass("table_lamp", ("table lamp", "desk lamp", "bedside lamp", "night lamp"), table_lamp, 0.16, 0.47,
               stands="floor", kinds=("lamp", "ornament"), colour="beige", material="cloth"),
    ThingClass("candle", ("candle", "candlestick", "taper"), candle, 0.1, 0.26, stands="floor", kinds=("ornament",),
               colour="cream", material="wax"),
    ThingClass("book", ("book", "novel", "tome"), book, 0.16, 0.05, stands="floor", kinds=("ornament",), colour="red",
               material="leather"),
    ThingClass("cup", ("cup", "mug", "teacup", "goblet"), cup, 0.08, 0.086, stands="floor", kinds=("ornament",),
               colour="white", material="porcelain"),
    ThingClass("bowl", ("bowl", "fruit bowl", "dish"), bowl, 0.15, 0.155, stands="floor", kinds=("ornament",),
               material="porcelain", colour="grey"),
)  # fmt: skip
