"""Fireplace, stove and sink."""

import itertools
from dataclasses import replace

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, tube
from splatworld.generate.procedural.things.joinery import (
    BRASS,
    IRON,
    OAK,
    PINE,
    PORCELAIN,
    board,
    finish,
    four,
    post,
    sized,
    toned,
    turned,
    wood,
)  # fmt: skip
from splatworld.generate.procedural.things.storage import panelled_door
from splatworld.palette import Rgb
from splatworld.world import PointLight

FIRELIGHT: Rgb = (1.0, 0.52, 0.18)
_SOOT = Material("soot", (0.025, 0.022, 0.02), scale=0.3, contrast=0.4)
_LOG = Material("log", (0.09, 0.05, 0.03), "bark", 0.3, 0.4, stretch=2.0)
_EMBER = Material("ember", (0.3, 0.06, 0.02), scale=0.06, contrast=0.6, emission=(1.6, 0.34, 0.05))
_FLAME = Material("flame", (0.8, 0.45, 0.12), translucency=0.6, emission=(3.2, 1.35, 0.28), stretch=2.0)
_FLAME_TIP = Material("flame", (0.8, 0.4, 0.08), translucency=0.6, emission=(1.9, 0.55, 0.07), stretch=2.0)


@sized
def fireplace(request: Request, rng: np.random.Generator) -> Shape:
    """An open fire between stone jambs, an oak mantel above and the chimney breast up to the ceiling."""
    stone = finish(request, "stone", (0.33, 0.30, 0.26))
    parts = [board((1.6, 0.55, 0.07), toned(stone, 0.8), (0, 0, 0.035), bevel=0.015)]
    parts += _stonework(stone, rng)
    parts += [board((0.9, 0.04, 0.8), _SOOT, (0, 0.235, 0.46)), board((0.9, 0.46, 0.02), _SOOT, (0, 0.02, 0.078))]
    parts += [board((0.02, 0.4, 0.72), _SOOT, (s * 0.445, 0.02, 0.43)) for s in (-1, 1)]
    parts += [board((1.56, 0.46, 0.075), wood(OAK), (0, -0.03, 1.185), bevel=0.015)]
    parts += [board((0.08, 0.1, 0.14), wood(OAK), (s * 0.62, -0.2, 1.08), bevel=0.015) for s in (-1, 1)]
    parts += [
        board((1.2, 0.34, 1.28), stone, (0, 0.1, 1.86)),
        board((1.24, 0.37, 0.06), toned(stone, 0.9), (0, 0.09, 2.47)),
    ]
    return join([*parts, _wood_fire(rng).at(0, 0.0, 0.09)])


def _stonework(stone: Material, rng: np.random.Generator) -> list[Shape]:
    """Jambs of dressed blocks and a lintel of wedge stones."""
    parts = []
    edges = np.array([0.07, 0.25, 0.43, 0.6, 0.8])
    for s in (-1, 1):
        for n, (z0, z1) in enumerate(itertools.pairwise(edges)):
            wide = 0.3 if n % 2 else 0.26
            tone = toned(stone, round(float(rng.uniform(0.8, 1.25)), 2))
            parts += [
                board((wide, 0.42, z1 - z0 - 0.008), tone, (s * (0.455 + wide / 2), 0.04, (z0 + z1) / 2), bevel=0.014)
            ]
    for n in range(-3, 4):
        tone = toned(stone, round(float(rng.uniform(0.8, 1.25)), 2))
        tall = 0.36 if n == 0 else 0.34
        parts += [board((0.212, 0.42 + 0.03 * (n == 0), tall), tone, (n * 0.216, 0.04, 0.8 + 0.172), bevel=0.014)]
    return parts


def _wood_fire(rng: np.random.Generator) -> Shape:
    """Three logs on embers, flames among them, and the light they give."""
    parts = [turned([(0.26, 0), (0.2, 0.03), (0.08, 0.05)], _EMBER, sides=10)]
    for x, y, z, yaw in ((0, -0.05, 0.06, 0.15), (0.02, 0.08, 0.07, -0.2), (0, 0.01, 0.15, 0.75)):
        log = tube(np.array([[-0.26, 0, 0], [0, 0, 0.01], [0.26, 0, 0]]), (0.05, 0.055, 0.048), _LOG, sides=8)
        parts += [log.at(x, y, z, yaw=yaw)]
    fire = join([*parts, *flames(5, 0.2, 0.34, rng)])
    return replace(fire, lights=(PointLight((0.0, -0.12, 0.28), FIRELIGHT, 0.5),))


def flames(count: int, spread: float, height: float, rng: np.random.Generator) -> list[Shape]:
    """Tongues of fire over a hearth of radius `spread` metres, tallest in the middle."""
    parts = []
    for n in range(count):
        angle, reach = 2.4 * n, spread * np.sqrt(n / count)
        tall = height * float(rng.uniform(0.75, 1.1)) * (1 - 0.55 * n / count)
        profile = [(0.02, 0.0), (0.05, 0.16), (0.056, 0.3), (0.038, 0.6), (0.012, 0.9), (0.002, 1.0)]
        sway = float(rng.uniform(-0.05, 0.05))
        for (lo, hi), material in (((0, 4), _FLAME), ((3, 6), _FLAME_TIP)):
            tongue = turned([(r, z * tall) for r, z in profile[lo:hi]], material, sides=6).with_grain((0, 0, 1))
            bent = tongue.mapped(
                lambda v, k=sway, t=tall: (
                    v + np.array([k, 0.4 * k, 0], np.float32) * np.sin(5 * v[:, 2:] / np.float32(t))
                )
            )
            parts.append(bent.at(reach * np.cos(angle), 0.5 * reach * np.sin(angle), 0.06))
    return parts


@sized
def stove(request: Request, rng: np.random.Generator) -> Shape:
    """A cast-iron stove on legs: glowing door, hob, kettle and flue pipe."""
    iron = finish(request, "iron")
    glow = Material("embers behind glass", (0.4, 0.1, 0.03), scale=0.08, contrast=0.5, emission=(1.7, 0.5, 0.09))
    parts = [
        board((0.6, 0.48, 0.5), iron, (0, 0.02, 0.46), bevel=0.02),
        board((0.68, 0.56, 0.04), toned(iron, 1.3), (0, 0.01, 0.73), bevel=0.012),
    ]
    parts += [board((0.64, 0.52, 0.04), toned(iron, 1.3), (0, 0.01, 0.2), bevel=0.012)]
    parts += four(lambda x, y: post((1.1 * x, 1.1 * y, 0), (x, y, 0.19), 0.05, 0.07, iron), 0.26, 0.2)
    parts += [
        board((0.42, 0.03, 0.36), toned(iron, 1.5), (0, -0.23, 0.47), bevel=0.01),
        board((0.3, 0.012, 0.23), glow, (0, -0.244, 0.48)),
    ]
    parts += [board((0.014, 0.014, 0.23), iron, (x, -0.253, 0.48)) for x in (-0.075, 0.0, 0.075)]
    parts += [board((0.025, 0.05, 0.12), BRASS, (0.18, -0.26, 0.47), bevel=0.008)]
    parts += [turned([(0.085, 0.748), (0.085, 0.8), (0.07, 0.82), (0.07, 2.2)], iron, sides=12).at(0, 0.13)]
    parts += [turned([(0.09, 1.5), (0.09, 1.53)], toned(iron, 1.5), sides=12).at(0, 0.13)]
    stove_with_kettle = join([*parts, *_kettle(0.17, -0.1, 0.75)])
    return replace(stove_with_kettle, lights=(PointLight((0.0, -0.34, 0.48), FIRELIGHT, 0.15),))


def _kettle(x: float, y: float, z: float) -> list[Shape]:
    copper = Material("copper", (0.42, 0.17, 0.08), contrast=0.15, gloss=0.5)
    body = [(0.085, 0), (0.1, 0.05), (0.085, 0.11), (0.04, 0.135), (0.012, 0.14), (0.016, 0.165)]
    handle = np.array([[0.08, 0, 0.1], [0.05, 0, 0.2], [-0.05, 0, 0.2], [-0.08, 0, 0.1]])
    spout = np.array([[-0.07, 0, 0.05], [-0.13, 0, 0.09], [-0.15, 0, 0.13]])
    pieces = [
        turned(body, copper, sides=10),
        tube(handle, 0.007, IRON, sides=5),
        tube(spout, (0.022, 0.013, 0.01), copper, sides=6),
    ]
    return [p.at(x, y, z, yaw=0.5) for p in pieces]


@sized
def sink(request: Request, rng: np.random.Generator) -> Shape:
    """A farmhouse sink: deep white basin in a wooden top over two doors, a curved brass tap."""
    main = finish(request, "wood", PINE)
    parts = [
        board((0.76, 0.48, 0.6), toned(main, 0.9), (0, 0.025, 0.4)),
        board((0.72, 0.42, 0.1), toned(main, 0.6), (0, 0.03, 0.05)),
    ]
    parts += [panelled_door(0.36, 0.55, main, 1).at(s * 0.185, -0.215, 0.115) for s in (-1, 1)]
    parts += [
        turned([(0.012, -0.004), (0.016, 0.0), (0.012, 0.02)], BRASS, sides=6).at(s * 0.04, -0.25, 0.5) for s in (-1, 1)
    ]
    parts += [
        board((0.8, 0.12, 0.04), main, (0, 0.215, 0.87), bevel=0.006),
        board((0.8, 0.1, 0.17), main, (0, 0.215, 0.77)),
    ]
    parts += [board((0.1, 0.43, 0.04), main, (s * 0.35, -0.06, 0.87), bevel=0.006) for s in (-1, 1)]
    parts += [board((0.07, 0.42, 0.16), main, (s * 0.345, -0.055, 0.77)) for s in (-1, 1)]
    parts += [board((0.6, 0.04, 0.25), PORCELAIN, (0, y, 0.78), bevel=0.015) for y in (-0.25, 0.14)]
    parts += [board((0.04, 0.36, 0.25), PORCELAIN, (s * 0.28, -0.055, 0.78), bevel=0.015) for s in (-1, 1)]
    parts += [
        board((0.53, 0.36, 0.03), PORCELAIN, (0, -0.055, 0.71)),
        turned([(0.03, 0.722), (0.02, 0.728)], IRON, sides=8).at(0, -0.05),
    ]
    tap = np.array(
        [[0, 0.21, 0.88], [0, 0.21, 1.06], [0, 0.18, 1.13], [0, 0.1, 1.14], [0, 0.05, 1.1], [0, 0.045, 1.05]]
    )
    parts += [tube(tap, (0.022, 0.014, 0.013, 0.013, 0.013, 0.015), BRASS, sides=8)]
    for s in (-1, 1):
        parts += [
            turned([(0.018, 0.885), (0.012, 0.93), (0.028, 0.94), (0.02, 0.965)], BRASS, sides=8).at(s * 0.11, 0.21)
        ]
    return join(parts)


CLASSES = (
    ThingClass("fireplace", ("fireplace", "hearth", "mantelpiece", "open fire"), fireplace, 0.85, 2.5, stands="wall",
               kinds=("furniture", "fire"), colour="grey", material="stone"),
    ThingClass("stove", ("stove", "oven", "cooker", "wood stove"), stove, 0.47, 2.2, stands="wall",
               kinds=("furniture", "fire"), colour="black", material="metal"),
    ThingClass("sink", ("sink", "washbasin", "kitchen sink"), sink, 0.5, 1.15, stands="wall", kinds=("furniture",)),
)  # fmt: skip
