"""Tables, beds and a piano."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join
from splatworld.generate.procedural.things.joinery import (
    BRASS,
    LINEN,
    OAK,
    PINE,
    WALNUT,
    board,
    board_tones,
    cushion,
    finish,
    four,
    post,
    thick_sheet,
    toned,
    turned,
    wood,
)  # fmt: skip
from splatworld.generate.procedural.things.joinery import sized as _sized
from splatworld.geometry import Vec3

_LEG = ((0.5, 0.0), (0.62, 0.02), (0.5, 0.05), (0.72, 0.3), (1.0, 0.62), (0.7, 0.66), (1.0, 0.7), (0.8, 0.74))
"""A turned leg: radius as a share of the thickest, height as a share of the leg."""


@_sized
def table(request: Request, rng: np.random.Generator) -> Shape:
    """A farmhouse table: boards across the top, turned legs, an apron between them."""
    return _table((1.5, 0.85, 0.75), finish(request, "wood", OAK), 5, rng)


@_sized
def coffee_table(request: Request, rng: np.random.Generator) -> Shape:
    """A low table with a shelf below."""
    main = finish(request, "wood", WALNUT)
    shelf = board((0.86, 0.4, 0.02), toned(main, 0.9), (0, 0, 0.13))
    return join([_table((1.1, 0.6, 0.42), main, 4, rng), shelf])


def _table(size: Vec3, main: Material, boards: int, rng: np.random.Generator) -> Shape:
    w, d, h = size
    step = d / boards
    parts = [
        board((w - 0.16, step - 0.004, 0.038), tone, (0, -d / 2 + (n + 0.5) * step, h - 0.019), bevel=0.006)
        for n, tone in enumerate(board_tones(main, boards, rng))
    ]
    parts += [
        board((0.078, d, 0.042), toned(main, 0.92), (s * (w / 2 - 0.039), 0, h - 0.021), bevel=0.008) for s in (-1, 1)
    ]
    x, y, apron = w / 2 - 0.1, d / 2 - 0.08, min(0.1, 0.2 * h)
    parts += [board((2 * x, 0.022, apron), main, (0, s * y, h - 0.045 - apron / 2)) for s in (-1, 1)]
    parts += [board((0.022, 2 * y, apron), main, (s * x, 0, h - 0.045 - apron / 2)) for s in (-1, 1)]
    return join(parts + four(lambda u, v: turned_leg(h - 0.045, 0.038, toned(main, 0.95)).at(u, v), x, y))


def turned_leg(height: float, radius: float, material: Material) -> Shape:
    """A lathe-turned leg with a square block at its head."""
    shaft = turned([(radius * r, height * z) for r, z in _LEG], material, sides=10).with_grain((0, 0, 1))
    return join(
        [shaft, board((1.9 * radius, 1.9 * radius, 0.27 * height), material, (0, 0, 0.865 * height), bevel=0.004)]
    )


@_sized
def desk(request: Request, rng: np.random.Generator) -> Shape:
    """A writing desk: drawers on one side, legs on the other, a low gallery along the back."""
    main = finish(request, "wood", WALNUT)
    front, knob = toned(main, 1.25), BRASS
    parts = [
        board((1.3, 0.65, 0.035), main, (0, 0, 0.7325), bevel=0.008),
        board((1.2, 0.03, 0.1), main, (0, 0.29, 0.8)),
    ]
    parts += [
        board((0.42, 0.58, 0.6), toned(main, 0.9), (0.4, 0, 0.412)),
        board((0.78, 0.5, 0.09), main, (-0.2, 0.02, 0.668)),
    ]
    for z, height in ((0.215, 0.18), (0.41, 0.18), (0.605, 0.18)):
        parts += [board((0.37, 0.02, height), front, (0.4, -0.298, z), bevel=0.006), _knob(knob).at(0.4, -0.308, z)]
    parts += [board((0.66, 0.02, 0.07), front, (-0.2, -0.238, 0.668), bevel=0.005), _knob(knob).at(-0.2, -0.248, 0.668)]
    parts += [post((x, y, 0), (x, y, 0.715), 0.03, 0.05, main) for x in (-0.58,) for y in (-0.26, 0.26)]
    parts += [post((x, y, 0), (x, y, 0.12), 0.03, 0.05, main) for x in (0.24, 0.56) for y in (-0.24, 0.24)]
    return join(parts)


def _knob(material: Material) -> Shape:
    """A small round pull that sticks out towards -Y from its origin."""
    profile = [(0.006, -0.004), (0.006, 0.01), (0.016, 0.018), (0.016, 0.026), (0.008, 0.031)]
    stem = turned(profile, material, sides=6)
    return stem.mapped(lambda v: v[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32))


@_sized
def nightstand(request: Request, rng: np.random.Generator) -> Shape:
    """A bedside table with a drawer and an open shelf."""
    main = finish(request, "wood", OAK)
    parts = [
        board((0.45, 0.4, 0.028), main, (0, 0, 0.536), bevel=0.006),
        board((0.4, 0.34, 0.16), toned(main, 0.9), (0, 0, 0.44)),
    ]
    parts += [
        board((0.36, 0.018, 0.125), toned(main, 1.2), (0, -0.176, 0.44), bevel=0.005),
        _knob(BRASS).at(0, -0.185, 0.44),
    ]
    parts += [board((0.37, 0.31, 0.02), main, (0, 0, 0.17))]
    return join(parts + four(lambda x, y: post((x, y, 0), (x, y, 0.522), 0.026, 0.04, toned(main, 0.95)), 0.19, 0.16))


@_sized
def bed(request: Request, rng: np.random.Generator) -> Shape:
    """A double bed with a panelled headboard; the colour is that of its cover, the material that of its frame."""
    frame = wood(OAK) if request.material is None else finish(Request("bed", material=request.material), "wood", OAK)
    cover = finish(Request("bed", colour=request.colour), "cloth", (0.20, 0.27, 0.36))
    return join([*_bedstead(frame, 1.6, 2.1, 1.05), *_bedding(cover, 1.52, rng)])


def _bedstead(frame: Material, w: float, length: float, height: float) -> list[Shape]:
    x, y = w / 2 - 0.04, length / 2 - 0.04
    parts = [board((0.035, length - 0.1, 0.2), frame, (s * (x - 0.01), 0, 0.32)) for s in (-1, 1)]
    panel = toned(frame, 0.88)
    parts += [board((2 * x, 0.03, height - 0.32), panel, (0, y, 0.2 + (height - 0.3) / 2))]
    parts += [board((2 * x, 0.05, 0.09), frame, (0, y, z), bevel=0.012) for z in (height - 0.09, 0.62)]
    parts += [
        board((0.42, 0.05, 0.24), toned(frame, 1.08), (n * 0.49, y - 0.006, 0.79), bevel=0.012) for n in (-1, 0, 1)
    ]
    parts += [
        board((2 * x, 0.03, 0.3), panel, (0, -y, 0.38)),
        board((2 * x, 0.055, 0.07), frame, (0, -y, 0.56), bevel=0.012),
    ]
    for side in (-1, 1):
        parts += [_bedpost(height, frame).at(side * x, y), _bedpost(0.66, frame).at(side * x, -y)]
    return parts


def _bedpost(height: float, material: Material) -> Shape:
    top = height - 0.1
    profile = [
        (0.026, 0),
        (0.038, 0.06),
        (0.04, top),
        (0.026, top + 0.01),
        (0.044, top + 0.05),
        (0.03, top + 0.09),
        (0.008, height),
    ]
    return turned(profile, material, sides=8).with_grain((0, 0, 1))


def _bedding(cover: Material, w: float, rng: np.random.Generator) -> list[Shape]:
    parts = [board((w - 0.04, 1.96, 0.26), LINEN, (0, 0, 0.42), bevel=0.04)]
    parts += [
        cushion((0.66, 0.42, 0.2), toned(LINEN, 1.08), (0, 0, 0), puff=0.45, power=4.5, cells=3).at(
            s * 0.36, 0.73, 0.64, yaw=float(t)
        )
        for s, t in zip((-1, 1), rng.normal(0, 0.06, 2), strict=True)
    ]
    drape = _draped(w, -0.98, 0.42, rng)
    fold = _draped(w + 0.012, 0.2, 0.46, rng, lift=0.022)
    return [*parts, thick_sheet(drape, (0, 0, -0.02), cover), thick_sheet(fold, (0, 0, -0.02), toned(LINEN, 1.05))]


def _draped(w: float, y0: float, y1: float, rng: np.random.Generator, *, lift: float = 0.0) -> np.ndarray:
    """A blanket [r, c, 3] over the mattress: level above it, hanging at the sides, with soft folds."""
    across = np.array([-0.62, -0.60, -0.54, -0.5, -0.46, -0.25, 0, 0.25, 0.46, 0.5, 0.54, 0.60, 0.62])
    y = np.linspace(y0, y1, 8 if y1 - y0 > 0.6 else 3)
    s, t = np.meshgrid(across, y)
    over = np.maximum(np.abs(s) - 0.46, 0) / 0.16
    wave = np.sin(7 * t + 3 * np.sign(s) + rng.uniform(0, 6)) * 0.5 + np.sin(17 * t + rng.uniform(0, 6)) * 0.3
    x = np.sign(s) * np.minimum(np.abs(s), 0.5) * w + np.sign(s) * np.minimum(over, 1) * (0.022 + 0.014 * wave)
    soft = 0.016 * np.sin(9 * s + 4 * t + rng.uniform(0, 6)) * (1 - np.minimum(over, 1))
    z = 0.582 + lift + soft - 0.29 * over**1.4 - 0.02 * (t < -0.9)
    return np.stack([x, t, z], -1)


@_sized
def crib(request: Request, rng: np.random.Generator) -> Shape:
    """A child's bed with bars all round."""
    main = finish(request, "wood", PINE)
    x, y = 0.33, 0.6
    parts = four(
        lambda u, v: turned([(0.022, 0), (0.026, 0.86), (0.018, 0.88), (0.03, 0.92), (0.01, 0.95)], main, sides=8).at(
            u, v
        ),
        x,
        y,
    )
    for z in (0.28, 0.82):
        parts += [board((0.026, 2 * y, 0.045), main, (s * x, 0, z)) for s in (-1, 1)]
        parts += [board((2 * x, 0.026, 0.045), main, (0, s * y, z)) for s in (-1, 1)]
    bar = toned(main, 1.1)
    parts += [board((0.016, 0.016, 0.52), bar, (s * x, v, 0.55)) for s in (-1, 1) for v in np.linspace(-0.5, 0.5, 9)]
    parts += [board((0.016, 0.016, 0.52), bar, (u, s * y, 0.55)) for s in (-1, 1) for u in np.linspace(-0.22, 0.22, 4)]
    parts += [
        cushion((0.61, 1.14, 0.14), LINEN, (0, 0, 0.37), power=8),
        cushion((0.4, 0.26, 0.1), LINEN, (0, 0.4, 0.46), puff=0.6),
    ]
    blanket = finish(Request("crib"), "cloth", (0.30, 0.45, 0.55))
    return join([*parts, cushion((0.6, 0.66, 0.12), blanket, (0, -0.2, 0.42), puff=0.3)])


@_sized
def piano(request: Request, rng: np.random.Generator) -> Shape:
    """An upright piano with its keys open."""
    main = finish(request, "wood", (0.03, 0.018, 0.014))
    ivory, ebony = (
        Material("ivory", (0.72, 0.68, 0.58), contrast=0.05, gloss=0.3),
        Material("ebony", (0.012, 0.012, 0.012), gloss=0.3),
    )
    parts = [
        board((1.42, 0.28, 1.18), main, (0, 0.17, 0.61), bevel=0.01),
        board((1.5, 0.34, 0.035), main, (0, 0.15, 1.2175), bevel=0.01),
    ]
    parts += [board((0.06, 0.62, 0.12), main, (s * 0.7, 0, 0.68), bevel=0.01) for s in (-1, 1)]
    parts += [turned_leg(0.62, 0.035, main).at(s * 0.69, -0.24) for s in (-1, 1)]
    parts += [board((1.34, 0.3, 0.04), main, (0, -0.12, 0.64)), board((1.3, 0.03, 0.05), main, (0, -0.26, 0.66))]
    parts += [
        board((1.3, 0.15, 0.022), ivory, (0, -0.165, 0.671)),
        board((1.34, 0.06, 0.08), main, (0, 0.01, 0.7), bevel=0.01),
    ]
    octave = np.array([0.5, 1.5, 3.5, 4.5, 5.5])
    places = [(-25 + 7 * n + k) * 1.28 / 52 for n in range(7) for k in octave]
    parts += [board((0.014, 0.09, 0.02), ebony, (float(x), -0.135, 0.69)) for x in places]
    parts += [
        board((0.56, 0.02, 0.24), toned(main, 1.6), (0, 0.018, 0.92), bevel=0.008),
        board((0.5, 0.05, 0.02), main, (0, 0, 0.81)),
    ]
    parts += [board((0.34, 0.02, 0.4), toned(main, 1.4), (s * 0.46, 0.026, 0.95), bevel=0.012) for s in (-1, 1)]
    parts += [board((1.2, 0.02, 0.44), toned(main, 1.3), (0, 0.026, 0.33), bevel=0.012)]
    return join(
        parts
        + [board((0.03, 0.1, 0.015), BRASS, (x, -0.02, 0.06), bevel=0.004) for x in (-0.08, 0.0, 0.08)]
        + [board((1.5, 0.3, 0.06), main, (0, 0.17, 0.03), bevel=0.01)]
    )


CLASSES = (
    ThingClass("table", ("table", "dining table", "kitchen table"), table, 0.87, 0.75, stands="floor", kinds=("furniture",)),  # noqa: E501
    ThingClass("coffee_table", ("coffee table", "side table", "tea table", "low table"), coffee_table, 0.63, 0.42,
               stands="floor", kinds=("furniture",)),
    ThingClass("desk", ("desk", "writing desk", "bureau", "writing table"), desk, 0.73, 0.85, stands="wall",
               kinds=("furniture",)),
    ThingClass("nightstand", ("nightstand", "night stand", "bedside table", "night table"), nightstand, 0.31, 0.55,
               stands="wall", kinds=("furniture",)),
    ThingClass("bed", ("bed", "double bed", "single bed", "bedstead", "bunk", "cot"), bed, 1.33, 1.05, stands="wall",
               kinds=("furniture",), colour="blue"),
    ThingClass("crib", ("crib", "cradle"), crib, 0.73, 0.95, stands="wall", kinds=("furniture",)),
    ThingClass("piano", ("piano", "pianoforte", "upright piano"), piano, 0.82, 1.25, stands="wall", kinds=("furniture",),  # noqa: E501
               colour="black"),
)  # fmt: skip
