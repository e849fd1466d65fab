"""Carved stone: statue and fountain."""

import math

import numpy as np

from splatworld.generate.procedural.catalogue import Request
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball, join, lathe, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things.carpentry import Array
from splatworld.generate.procedural.things.stuff import STUFF, painted, stuff
from splatworld.noise import fbm


def statue(request: Request, rng: np.random.Generator) -> Shape:
    """A robed figure with a staff on a moulded plinth."""
    stone = painted(stuff(request.material, "pale stone"), request.colour)
    sizes = ((0.55, -0.2, 0.18), (0.47, 0.18, 0.3), (0.4, 0.3, 1.0), (0.48, 1.0, 1.1))
    plinth = c.blocks([(-w, -w, a) for w, a, _ in sizes], [(w, w, b) for w, _, b in sizes], stone)
    plate = c.blocks([(-0.24, -0.42, 0.52)], [(0.24, -0.38, 0.8)], STUFF["metal"])
    return join([plinth, plate, _figure(stone, rng).at(0, 0, 1.1)])


def _figure(stone: Material, rng: np.random.Generator) -> Shape:
    robe = [
        (0.0, 0.0),
        (0.3, 0.0),
        (0.29, 0.1),
        (0.22, 0.6),
        (0.17, 0.95),
        (0.2, 1.2),
        (0.225, 1.34),
        (0.17, 1.44),
        (0.07, 1.5),
        (0.065, 1.58),
        (0.0, 1.6),
    ]
    offset = rng.uniform(0, 40)

    def folds(v: Array) -> Array:
        angle = np.arctan2(v[:, 1], v[:, 0])
        depth = 0.07 * np.clip(1 - v[:, 2] / 1.25, 0, 1) * np.sin(angle * 9 + 2.5 * fbm(v * 2 + offset))
        return v * np.column_stack([1 + depth, (1 + depth) * 0.78, np.ones(len(v))])

    fine = np.array(
        [(np.interp(z, [p[1] for p in robe[1:-1]], [p[0] for p in robe[1:-1]]), z) for z in np.linspace(0.0, 1.58, 22)]
    )
    body = lathe([(0.0, 0.0), *map(tuple, fine), (0.0, 1.6)], stone, sides=36).mapped(folds)
    head = ball(0.125, stone, subdivisions=2).mapped(lambda v: v * [0.85, 0.95, 1.2]).at(0, -0.01, 1.68)
    hood = lathe([(0.0, 0.0), (0.13, 0.0), (0.15, 0.1), (0.12, 0.22), (0.0, 0.28)], stone, sides=14).at(0, 0.03, 1.58)
    side = 1 if rng.random() < 0.5 else -1
    arm = tube(
        np.array([[side * 0.2, 0, 1.34], [side * 0.3, -0.06, 1.1], [side * 0.36, -0.24, 1.12]]),
        [0.085, 0.08, 0.055],
        stone,
        sides=9,
    )
    other = tube(
        np.array([[-side * 0.2, 0, 1.34], [-side * 0.27, -0.06, 1.08], [-side * 0.06, -0.2, 1.02]]),
        [0.085, 0.085, 0.05],
        stone,
        sides=9,
    )
    staff = tube(np.array([[side * 0.38, -0.26, 0.0], [side * 0.37, -0.26, 1.9]]), 0.025, stone, sides=7)
    knob = ball(0.07, stone, subdivisions=1).at(side * 0.37, -0.26, 1.93)
    return join([body, head, hood, arm, other, staff, knob])


def fountain(request: Request, rng: np.random.Generator) -> Shape:
    """An eight-sided basin, a column with a bowl, and falling water."""
    stone = painted(stuff(request.material, "pale stone"), request.colour)
    r, water = 1.75, STUFF["water"]
    basin = lathe(
        [
            (0.0, -0.25),
            (r + 0.22, -0.25),
            (r + 0.22, 0.12),
            (r, 0.16),
            (r, 0.5),
            (r + 0.12, 0.54),
            (r + 0.12, 0.66),
            (r - 0.24, 0.66),
            (r - 0.2, 0.35),
        ],
        stone,
        sides=8,
    )
    pool = lathe([(r - 0.12, 0.5), (0.0, 0.5)], water, sides=8)
    column = lathe(
        [
            (0.42, 0.3),
            (0.42, 0.6),
            (0.3, 0.68),
            (0.2, 0.85),
            (0.24, 1.1),
            (0.18, 1.3),
            (0.26, 1.4),
            (0.7, 1.52),
            (0.8, 1.62),
            (0.8, 1.68),
            (0.7, 1.68),
            (0.62, 1.6),
        ],
        stone,
        sides=20,
    )
    bowl = lathe([(0.72, 1.64), (0.0, 1.64)], water, sides=20)
    top = lathe(
        [(0.16, 1.55), (0.16, 1.7), (0.09, 1.8), (0.08, 1.95), (0.15, 2.05), (0.1, 2.15), (0.0, 2.2)], stone, sides=14
    )
    foam = Material("water", (0.72, 0.78, 0.8), "plain", 0.15, 0.2, gloss=0.4, translucency=0.4, stretch=3.0)
    t = np.linspace(0, 1, 6)
    low = np.column_stack([0.12 + 0.36 * t, np.zeros(6), 2.12 + 0.22 * t - 0.72 * t * t])
    high = np.column_stack([0.78 + 0.24 * t, np.zeros(6), 1.68 + 0.05 * t - 1.22 * t * t])
    jets = [
        tube(p, np.linspace(0.02, 0.035, 6), foam, sides=5).at(0, 0, yaw=k * math.pi / 4)
        for k in range(8)
        for p in (low, high)
    ]
    splash = [
        ball(0.08, foam, subdivisions=1)
        .mapped(lambda v: v * [1.3, 1.3, 0.35])
        .at(1.02, 0, 0.5)
        .at(0, 0, yaw=k * math.pi / 4)
        for k in range(8)
    ]
    return join([basin, pool, column, bowl, top, *jets, *splash])
