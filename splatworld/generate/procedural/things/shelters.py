"""Plain shelters: barn and tent."""

import math
from dataclasses import replace

import numpy as np

from splatworld.generate.procedural.catalogue import Request
from splatworld.generate.procedural.shape import Shape, box, join, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things.hall import FLOOR, Hall, bays, is_pale, wall_kind
from splatworld.generate.procedural.things.openings import Dress, Opening
from splatworld.generate.procedural.things.stuff import STUFF, painted, stuff
from splatworld.palette import linear


def barn(request: Request, rng: np.random.Generator) -> Shape:
    """A tall hall of upright boards with big double doors in its gable."""
    s = request.size
    kind = "boards" if request.material in (None, "wood", "planks") else wall_kind(request.material)
    colour = request.colour or (linear("red") if kind == "boards" else None)
    white = painted(STUFF["pale wood"], linear("white") if not is_pale(request.colour) else linear("brown"))
    length, span = rng.uniform(9, 10.5) * s, rng.uniform(6.4, 7.2) * s
    eave = 3.0 * (0.5 + 0.5 * s) * request.tall
    material = painted(stuff(request.material), colour)
    hall = Hall(
        length,
        span,
        eave,
        span / 2 * rng.uniform(0.85, 1.0),
        kind,
        material,
        ("shingles", "metal")[rng.integers(2)],
        white,
        Dress(white, material, night=request.night),
    )
    x = length / 2
    gable = [Opening("doors", 0.0, 0.0, 2.7, 2.6), Opening("doors", 0.0, eave + 0.35, 1.2, 1.25)]
    openings = {
        "left": gable,
        "right": [Opening("window", 0.0, eave + 0.4, 0.9, 0.9), *bays(span, rng, z=1.2, size=(0.8, 0.8))],
    }
    for side in ("front", "back"):
        openings[side] = bays(length, rng, z=1.2, size=(0.8, 0.8))
    ramp = c.prism(((-1.3, -0.3), (0.0, -0.3), (0.0, FLOOR - 0.02)), -1.5, 1.5, STUFF["earth"]).at(-x - 0.06, 0)
    hoist_z = FLOOR + eave + hall.rise - 0.35
    hoist = c.beams([(-x + 0.2, 0, hoist_z)], [(-x - 1.0, 0, hoist_z)], 0.14, 0.16, STUFF["dark wood"])
    rope = tube(np.array([[-x - 0.9, 0, hoist_z], [-x - 0.9, 0, hoist_z - 1.4]]), 0.02, STUFF["rope"], sides=5)
    roof = hall.roof((-x - 0.45, x + 0.4), rng)
    return join([hall.walls(openings, rng), hall.plinth(rng), roof, ramp, hoist, rope]).at(0, 0, yaw=math.pi / 2)


def tent(request: Request, rng: np.random.Generator) -> Shape:
    """A ridge tent of sagging cloth with poles, guys and pegs, one flap tied open."""
    cloth = painted(stuff("cloth"), request.colour)
    length, half, high = rng.uniform(2.5, 2.9), rng.uniform(1.0, 1.15), rng.uniform(1.5, 1.65)
    y, t = np.linspace(-length / 2, length / 2, 9), np.linspace(0, 1, 7)
    front, back = y[0], y[-1]
    slope = _slope(y, t, half, high)
    mirrored = slope[::-1] * np.array([-1, 1, 1])
    dark = replace(cloth, colour=tuple(0.8 * v for v in cloth.colour))
    rear = c.prism(((-half * 0.93, 0.0), (half * 0.93, 0.0), (0.0, high * 0.93)), back - 0.12, back - 0.08, dark)
    flaps = [c.sheet(_flap(side, half, high, front + 0.1), 0.012, cloth) for side in (-1, 1)]
    floor = box((2 * half - 0.12, length - 0.1, 0.03), STUFF["leather"], bottom=True)
    bed = box((0.6, 1.7, 0.12), painted(STUFF["cloth"], (0.10, 0.13, 0.2)), centre=(-0.4, 0.1, 0.02), bottom=True)
    poles = [
        tube(np.array([[0, u, 0], [0, u, high + 0.15]]), 0.028, STUFF["wood"], sides=6)
        for u in (front - 0.02, back + 0.02)
    ]
    ties = [(s * half * 0.62, u, high * 0.36) for s in (-1, 1) for u in y[[0, 4, 8]]] + [
        (0, u, high + 0.08) for u in (front, back)
    ]
    pegs = [(s * (half + 0.5), u * 1.08, 0.05) for s in (-1, 1) for u in y[[0, 4, 8]]] + [
        (0, u * 1.5, 0.05) for u in (front, back)
    ]
    ropes = c.beams(ties, pegs, 0.02, 0.02, STUFF["rope"])
    stakes = c.beams(
        [(px, py, -0.1) for px, py, _ in pegs],
        [(px * 1.03, py * 1.03, 0.12) for px, py, _ in pegs],
        0.045,
        0.045,
        STUFF["wood"],
    )
    ridge = tube(np.array([[0, front - 0.05, high + 0.0], [0, back + 0.05, high + 0.0]]), 0.03, cloth, sides=6)
    return join(
        [
            c.sheet(slope, 0.012, cloth),
            c.sheet(mirrored, 0.012, cloth),
            rear,
            *flaps,
            floor,
            bed,
            *poles,
            ropes,
            stakes,
            ridge,
        ]
    )


def _slope(y: np.ndarray, t: np.ndarray, half: float, high: float) -> np.ndarray:
    """The right slope as points [t, y, 3] from the ground to the ridge; it sags between the poles."""
    tt, yy = np.meshgrid(t, y, indexing="ij")
    sag = 0.09 * (1 - (2 * yy / (y[-1] - y[0])) ** 2)
    hang = np.sin(np.pi * tt) * (0.05 + sag)
    x = (1 - tt) * half * 1.06 - hang * 0.7
    z = np.maximum(tt * high - hang * 0.6, 0.0)
    return np.stack([x, yy, z], -1)[:, ::-1]


def _flap(side: int, half: float, high: float, y: float) -> np.ndarray:
    """A front flap rolled back towards the slope on its `side`."""
    u, v = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5), indexing="ij")
    outer, inner = half * 0.98 * (1 - v), half * (0.42 * (1 - v))
    x = outer + (inner - outer) * u
    z = 0.02 + v * high * 0.95
    fold = y - 0.05 * np.sin(u * 9) * (1 - v)
    grid = np.stack([side * x, fold, z], -1)
    return grid if side < 0 else grid[::-1]
