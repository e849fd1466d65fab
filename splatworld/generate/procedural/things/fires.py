"""The campfire: logs leant together in a ring of stones, embers, flames."""

import math

import numpy as np

from splatworld.generate.procedural.catalogue import Request
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, lathe, tube
from splatworld.generate.procedural.things.stores import pebble
from splatworld.generate.procedural.things.stuff import STUFF, shining
from splatworld.world import PointLight

FIRELIGHT = (1.0, 0.5, 0.16)


def campfire(request: Request, rng: np.random.Generator) -> Shape:
    """Burning by day and night; its light stands in the flames and around them."""
    parts = [lathe([(0.0, -0.1), (0.52, -0.1), (0.5, 0.02), (0.3, 0.05), (0.0, 0.06)], STUFF["ash"], sides=16)]
    n = int(rng.integers(11, 14))
    for k in range(n):
        angle = 2 * math.pi * (k + rng.uniform(-0.15, 0.15)) / n
        stone = pebble(rng.uniform(0.13, 0.17), rng)
        parts.append(stone.at(0.62 * math.cos(angle), 0.62 * math.sin(angle), 0.05, yaw=angle))
    for k in range(7):
        angle = 2 * math.pi * (k + rng.uniform(-0.2, 0.2)) / 7
        foot = np.array([0.42 * math.cos(angle), 0.42 * math.sin(angle), 0.07])
        head = np.array([-0.05 * math.cos(angle), -0.05 * math.sin(angle), rng.uniform(0.38, 0.5)])
        path = np.stack([foot, (foot + head) / 2 + rng.normal(0, 0.012, 3), head])
        radius = rng.uniform(0.04, 0.058)
        parts.append(tube(path, [radius, radius, 0.8 * radius], STUFF["bark"], sides=7))
        parts.append(
            tube(
                np.stack([head - 0.25 * (head - foot), head + 0.04 * (head - foot)]),
                radius * 1.03,
                STUFF["ember"],
                sides=7,
            )
        )
    parts.append(lathe([(0.0, 0.05), (0.26, 0.05), (0.18, 0.1), (0.0, 0.13)], STUFF["ember"], sides=12))
    parts += [
        _tongues(15, 0.22, (0.3, 0.8), 0.085, STUFF["flame"], rng),
        _tongues(8, 0.11, (0.22, 0.45), 0.075, STUFF["flame heart"], rng),
    ]
    low = [PointLight((0.45 * math.cos(a), 0.45 * math.sin(a), 0.45), FIRELIGHT, 0.3) for a in np.arange(3) * 2.1 + 0.4]
    return shining(join(parts), PointLight((0.0, 0.0, 0.95), FIRELIGHT, 0.6), *low)


def _tongues(
    count: int, spread: float, heights: tuple[float, float], width: float, material: Material, rng: np.random.Generator
) -> Shape:
    """Flames: slim closed spindles that lick upwards and inwards."""
    parts = []
    for k in range(count):
        angle = 2 * math.pi * (k + rng.random()) / count
        r, high = spread * rng.uniform(0.4, 1.0), rng.uniform(*heights)
        x, y = r * math.cos(angle), r * math.sin(angle)
        sway = rng.normal(0, 0.03, 2)
        path = np.array([
            [x, y, 0.1],
            [x + sway[0], y + sway[1], 0.1 + 0.3 * high],
            [0.7 * x - sway[0], 0.7 * y, 0.1 + 0.65 * high],
            [0.35 * x, 0.35 * y + sway[1], 0.1 + high],
        ])  # fmt: skip
        parts.append(tube(path, width * np.array([0.25, 0.5, 0.3, 0.02]), material, sides=6))
    return join(parts)
