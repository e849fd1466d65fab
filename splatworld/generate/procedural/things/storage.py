"""Shelves, wardrobes, cabinets and chests."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join
from splatworld.generate.procedural.things.joinery import (
    BRASS,
    IRON,
    OAK,
    PINE,
    WALNUT,
    board,
    board_tones,
    finish,
    hull,
    sized,
    toned,
    turned,
)  # fmt: skip

_SPINES = (
    (0.20, 0.035, 0.03), (0.03, 0.07, 0.15), (0.04, 0.11, 0.06), (0.30, 0.17, 0.05), (0.09, 0.04, 0.02), (0.48, 0.42, 0.30),  # noqa: E501
    (0.02, 0.02, 0.025), (0.34, 0.10, 0.04), (0.07, 0.15, 0.18), (0.16, 0.05, 0.13), (0.40, 0.30, 0.12), (0.13, 0.14, 0.13),  # noqa: E501
)  # fmt: skip


def shelf(request: Request, rng: np.random.Generator) -> Shape:
    """A bookcase full of books: taller ones get more boards, not longer books."""
    height = 2.0 * request.tall
    return _bookcase(finish(request, "wood", WALNUT), height, max(2, round(5 * request.tall)), rng).at(
        0, 0, scale=request.size
    )


def _bookcase(main: Material, height: float, rows: int, rng: np.random.Generator) -> Shape:
    parts = [board((0.03, 0.3, height - 0.05), main, (s * 0.475, 0, (height - 0.05) / 2 + 0.005)) for s in (-1, 1)]
    parts += [board((0.92, 0.012, height - 0.12), toned(main, 0.75), (0, 0.14, height / 2))]
    parts += [
        board((1.0, 0.32, 0.045), main, (0, 0, height - 0.0225), bevel=0.01),
        board((0.92, 0.27, 0.07), main, (0, 0.005, 0.035)),
    ]
    step = (height - 0.115) / rows
    for n in range(rows):
        z = 0.07 + n * step
        if n:
            parts += [board((0.92, 0.27, 0.022), main, (0, -0.005, z))]
        parts += _books(z + 0.0115, step - 0.05, rng)
    return join(parts)


def _books(z: float, room: float, rng: np.random.Generator) -> list[Shape]:
    """One row of books standing on `z`, with a gap or a lying pile here and there."""
    parts, x = [], -0.45
    while x < 0.4:
        kind = rng.random()
        if kind < 0.07:
            x += float(rng.uniform(0.05, 0.14))
        elif kind < 0.15 and x < 0.24:
            parts += _pile(x, z, min(room, 0.2), rng)
            x += 0.25
        else:
            width, tall, deep = (
                float(rng.uniform(0.028, 0.062)),
                float(rng.uniform(0.62, 0.96)) * room,
                float(rng.uniform(0.17, 0.22)),
            )
            if x + width > 0.45:
                break
            parts += [board((width - 0.003, deep, tall), _spine(rng), (x + width / 2, 0.115 - deep / 2, z + tall / 2))]
            x += width
    return parts


def _pile(x: float, z: float, room: float, rng: np.random.Generator) -> list[Shape]:
    parts, top = [], z
    for _ in range(int(rng.integers(2, 5))):
        thick = float(rng.uniform(0.025, 0.045))
        if top + thick > z + room:
            break
        book = board(
            (float(rng.uniform(0.19, 0.235)), 0.16, thick),
            _spine(rng),
            (x + 0.12, -0.01 + float(rng.uniform(0, 0.03)), top + thick / 2),
        )
        parts.append(book)
        top += thick
    return parts


def _spine(rng: np.random.Generator) -> Material:
    colour = _SPINES[int(rng.integers(len(_SPINES)))]
    return toned(Material("book", colour, scale=0.2, contrast=0.12), round(float(rng.uniform(0.8, 1.25)), 1))


@sized
def wardrobe(request: Request, rng: np.random.Generator) -> Shape:
    """A two-door wardrobe with raised panels, plinth and cornice."""
    main = finish(request, "wood", PINE)
    parts = [
        board((1.1, 0.52, 1.84), toned(main, 0.95), (0, 0.02, 1.02)),
        board((1.16, 0.56, 0.1), main, (0, 0.01, 0.05), bevel=0.008),
    ]
    parts += [
        board((1.15, 0.55, 0.05), main, (0, 0.02, 1.955), bevel=0.01),
        board((1.2, 0.59, 0.07), main, (0, 0.0, 2.015), bevel=0.025),
    ]
    for s in (-1, 1):
        parts += [panelled_door(0.53, 1.76, main, 2).at(s * 0.27, -0.24, 0.14), _pull().at(s * 0.04, -0.262, 1.0)]
    return join(parts)


def panelled_door(width: float, height: float, main: Material, panels: int) -> Shape:
    """A door leaf with raised panels, standing on z = 0, its front 0.02 before y = 0."""
    parts = [board((width, 0.02, height), main, (0, -0.01, height / 2), bevel=0.003)]
    step = (height - 0.07) / panels
    for n in range(panels):
        size = (width - 0.14, 0.024, step - 0.07)
        parts += [board(size, toned(main, 1.1), (0, -0.018, 0.07 + n * step + (step - 0.07) / 2), bevel=0.01)]
    return join(parts)


def _pull() -> Shape:
    """A small brass knob on a plate, out towards -Y from its origin."""
    stem = turned(
        [(0.012, -0.004), (0.012, 0.004), (0.006, 0.006), (0.006, 0.014), (0.016, 0.022), (0.014, 0.03)], BRASS, sides=6
    )
    return stem.mapped(lambda v: v[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32))


@sized
def cabinet(request: Request, rng: np.random.Generator) -> Shape:
    """A chest of drawers: two columns of three, brass knobs, bracket feet."""
    main = finish(request, "wood", OAK)
    parts = [
        board((1.14, 0.4, 0.74), toned(main, 0.88), (0, 0.02, 0.48)),
        board((1.2, 0.46, 0.03), main, (0, 0, 0.885), bevel=0.01),
    ]
    parts += [
        board((1.17, 0.43, 0.03), main, (0, 0.01, 0.855)),
        board((1.17, 0.43, 0.04), main, (0, 0.01, 0.1), bevel=0.01),
    ]
    for s in (-1, 1):
        for n, tone in enumerate(board_tones(toned(main, 1.12), 3, rng)):
            z = 0.235 + 0.236 * n
            parts += [board((0.53, 0.022, 0.21), tone, (s * 0.278, -0.186, z), bevel=0.007)]
            parts += [_pull().at(s * 0.278 + dx, -0.196, z) for dx in (-0.14, 0.14)]
        parts += [board((0.1, 0.06, 0.085), main, (s * 0.52, y, 0.0425), bevel=0.012) for y in (-0.16, 0.18)]
    return join(parts)


@sized
def chest(request: Request, rng: np.random.Generator) -> Shape:
    """A travelling chest: planked box, domed lid, iron bands and a lock."""
    main = finish(request, "wood", OAK)
    front = [
        board((0.86, 0.46, 0.1 - 0.004), tone, (0, 0, 0.05 + 0.1 * n))
        for n, tone in enumerate(board_tones(main, 3, rng))
    ]
    angle = np.linspace(0, np.pi, 9)
    arch = np.column_stack([0.235 * np.cos(angle), 0.302 + 0.02 + 0.2 * np.sin(angle)])
    lid = [hull(_prism(arch, -0.44, 0.44), main).with_grain((1, 0, 0)), board((0.88, 0.47, 0.022), main, (0, 0, 0.311))]
    bands = [hull(_prism(arch * [1.04, 1] + [0, 0.012], x - 0.03, x + 0.03), IRON) for x in (-0.33, 0.33)]
    bands += [board((0.06, 0.474, 0.3), IRON, (x, 0, 0.153)) for x in (-0.33, 0.33)]
    bands += [
        board((0.03, 0.03, 0.28), IRON, (sx * 0.425, sy * 0.225, 0.15), bevel=0.004) for sx in (-1, 1) for sy in (-1, 1)
    ]
    lock = [
        board((0.1, 0.02, 0.11), BRASS, (0, -0.238, 0.28), bevel=0.006),
        board((0.04, 0.03, 0.07), BRASS, (0, -0.24, 0.31), bevel=0.006),
    ]
    return join([*front, *lid, *bands, *lock])


def _prism(outline: np.ndarray, x0: float, x1: float) -> np.ndarray:
    """The corners of an outline [n, 2] in (y, z), drawn out from x0 to x1."""
    return np.concatenate([np.column_stack([np.full(len(outline), x), outline]) for x in (x0, x1)])


CLASSES = (
    ThingClass("shelf", ("shelf", "bookshelf", "bookcase", "shelving"), shelf, 0.53, 2.0, stands="wall",
               kinds=("furniture",), variants=0),
    ThingClass("wardrobe", ("wardrobe", "cupboard", "closet", "armoire"), wardrobe, 0.68, 2.05, stands="wall",
               kinds=("furniture",)),
    ThingClass("cabinet", ("cabinet", "dresser", "chest of drawers", "sideboard", "commode"), cabinet, 0.65, 0.9,
               stands="wall", kinds=("furniture",)),
    ThingClass("chest", ("chest", "coffer", "treasure chest", "travelling trunk"), chest, 0.51, 0.54, stands="wall",
               kinds=("furniture",)),
)  # fmt: skip
