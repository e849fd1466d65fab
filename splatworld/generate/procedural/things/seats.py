"""Chairs, armchairs and sofas."""

import itertools

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, tube
from splatworld.generate.procedural.things.joinery import (
    OAK,
    WALNUT,
    board,
    cushion,
    finish,
    hull,
    post,
    sized,
    toned,
    turned,
    wood,
)  # fmt: skip

_ACCENTS = ((0.45, 0.20, 0.08), (0.16, 0.24, 0.22), (0.52, 0.40, 0.18), (0.30, 0.10, 0.10), (0.55, 0.50, 0.42))


@sized
def chair(request: Request, rng: np.random.Generator) -> Shape:
    """A wooden chair: raked back with slats between curved posts, dished seat, stretchers."""
    main = finish(request, "wood", OAK)
    parts = [_seat(main), *_chair_back(main)]
    for s in (-1, 1):
        parts += [post((s * 0.19, -0.2, 0), (s * 0.18, -0.19, 0.43), 0.026, 0.038, main)]
        parts += [post((s * 0.19, -0.195, 0.2), (s * 0.185, 0.2, 0.2), 0.02, 0.02, toned(main, 0.92))]
        parts += [board((0.02, 0.36, 0.055), main, (s * 0.18, 0, 0.405))]
    parts += [board((0.35, 0.02, 0.055), main, (0, -0.19, 0.405)), board((0.35, 0.02, 0.055), main, (0, 0.19, 0.405))]
    return join([*parts, board((0.37, 0.02, 0.022), toned(main, 0.92), (0, 0.0, 0.2))])


def _seat(main: Material) -> Shape:
    front, back, y = 0.23, 0.2, 0.225
    top = [(-front, -y, 0.455), (front, -y, 0.455), (back, y, 0.455), (-back, y, 0.455)]
    low = [(0.94 * px, 0.95 * py, 0.425) for px, py, _ in top]
    rim = [(1.0 * px, py, 0.44) for px, py, _ in top]
    inner = [(0.94 * px, 0.94 * py, 0.462) for px, py, _ in top]
    return hull(low + rim + inner, toned(main, 1.08)).with_grain((0, 1, 0))


def _chair_back(main: Material) -> list[Shape]:
    def rake(z: float) -> float:
        return 0.2 + 0.055 * max(0.0, (z - 0.45) / 0.45) ** 1.2 * 0.75

    parts = []
    for s in (-1, 1):
        heights = (0.0, 0.45, 0.7, 0.92)
        for z0, z1 in itertools.pairwise(heights):
            thick = 0.036 - 0.008 * z1
            foot = 0.225 if z0 == 0 else rake(z0)
            parts += [post((s * 0.185, foot, z0), (s * 0.185, rake(z1), z1), thick if z0 else 0.026, thick, main)]
    for z, height in ((0.6, 0.045), (0.72, 0.05), (0.855, 0.085)):
        parts += [_slat(0.36, height, main).at(0, rake(z), z)]
    return parts


def _slat(width: float, height: float, main: Material) -> Shape:
    """A slat bowed backwards, in three flat pieces."""
    x = np.array([-1, -0.4, 0.4, 1]) * width / 2
    y = np.array([0, 0.016, 0.016, 0])
    pieces = []
    for a in range(3):
        ends = [(x[k], y[k] + t, z) for k in (a, a + 1) for t in (-0.008, 0.008) for z in (-height / 2, height / 2)]
        pieces.append(hull(ends, toned(main, 1.05)).with_grain((1, 0, 0)))
    return join(pieces)


@sized
def armchair(request: Request, rng: np.random.Generator) -> Shape:
    """A deep upholstered chair with rolled arms."""
    return _upholstered(0.86, 1, finish(request, "cloth", (0.20, 0.235, 0.16)), rng)


@sized
def sofa(request: Request, rng: np.random.Generator) -> Shape:
    """A sofa with rolled arms, loose cushions and two throw pillows."""
    return _upholstered(2.0, 2, finish(request, "cloth", (0.22, 0.25, 0.27)), rng)


def _upholstered(width: float, seats: int, cloth: Material, rng: np.random.Generator) -> Shape:
    inner = width - 0.36
    each = inner / seats
    parts = [board((width - 0.1, 0.8, 0.2), toned(cloth, 0.9), (0, 0.03, 0.2), bevel=0.02)]
    parts += [cushion((width - 0.12, 0.2, 0.68), toned(cloth, 0.96), (0, 0.34, 0.5), power=9, cells=3)]
    for n in range(seats):
        x = (n + 0.5) * each - inner / 2
        parts += [cushion((each - 0.008, 0.68, 0.19), toned(cloth, 1.06), (x, -0.1, 0.385), puff=0.22, power=7)]
        back = cushion((each - 0.012, 0.2, 0.44), cloth, (0, 0, 0), puff=0.06, power=4.5, cells=3)
        parts += [_tilted(back, -0.2).at(x, 0.2, 0.64)]
    for s in (-1, 1):
        parts += [board((0.15, 0.8, 0.4), toned(cloth, 0.93), (s * (width / 2 - 0.095), -0.02, 0.32), bevel=0.02)]
        y = np.array([-0.43, -0.42, 0.34, 0.36])
        roll = np.column_stack([np.full(4, s * (width / 2 - 0.09)), y, np.full(4, 0.54)])
        parts += [tube(roll, (0.075, 0.088, 0.088, 0.06), cloth, sides=12)]
        parts += [
            turned([(0.018, 0), (0.03, 0.1)], wood(WALNUT), sides=8).at(s * (width / 2 - 0.12), y0)
            for y0 in (-0.32, 0.36)
        ]
    accent = _ACCENTS[int(rng.integers(len(_ACCENTS)))]
    for s in (-1, 1)[:seats]:
        pillow = cushion(
            (0.42, 0.14, 0.42), Material("cloth", accent, scale=0.1, contrast=0.15), (0, 0, 0), power=4.6, cells=3
        )
        lean = _tilted(pillow, -0.38).at(s * (inner / 2 - 0.22), 0.02, 0.66, yaw=-s * float(rng.uniform(0.15, 0.45)))
        parts += [lean]
    return join(parts)


def _tilted(shape: Shape, angle: float) -> Shape:
    """Leant by `angle` radians about the x axis; negative leans the top back, towards +Y."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return shape.mapped(lambda v: np.column_stack([v[:, 0], c * v[:, 1] - s * v[:, 2], s * v[:, 1] + c * v[:, 2]]))


CLASSES = (
    ThingClass("chair", ("chair", "stool", "dining chair", "kitchen chair"), chair, 0.36, 0.92, stands="floor",
               kinds=("furniture",)),
    ThingClass("armchair", ("armchair", "arm chair", "easy chair", "recliner", "throne"), armchair, 0.63, 0.86,
               stands="floor", kinds=("furniture",), colour="green", material="cloth"),
    ThingClass("sofa", ("sofa", "couch", "settee", "loveseat", "divan"), sofa, 1.1, 0.86, stands="wall",
               kinds=("furniture",), colour="grey", material="cloth"),
)  # fmt: skip
