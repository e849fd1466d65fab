"""Houses to live in: cabin, house, barn, tent.

Each is a `hall.Hall` with what belongs to it: a cabin has a porch, a farmhouse chimneys, steps and a hooded door.
"""

import math
from dataclasses import replace

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.shape import Shape, join
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things import roofs
from splatworld.generate.procedural.things.hall import FLOOR, Hall, bays, is_pale, wall_kind
from splatworld.generate.procedural.things.openings import Dress, Opening
from splatworld.generate.procedural.things.shelters import barn, tent
from splatworld.generate.procedural.things.stuff import STUFF, mottle, painted, stuff
from splatworld.palette import linear


def _cabin(request: Request, rng: np.random.Generator) -> Shape:
    """A log (or plank, stone, brick) cabin with a porch; its gable or its long side is the front."""
    s = request.size
    kind = {None: "log", "wood": "log", "wooden": "log", "log": "log", "planks": "wood"}.get(
        request.material
    ) or wall_kind(request.material)
    material = painted(stuff("wood" if kind == "log" else request.material), request.colour)
    bare = request.colour is None
    frame = (
        STUFF["pale wood"]
        if bare and kind == "log"
        else painted(STUFF["pale wood"], linear("white") if not is_pale(request.colour) else linear("brown"))
    )
    dress = Dress(frame, painted(STUFF["wood"], (0.09, 0.13, 0.09)) if rng.random() < 0.4 else STUFF["dark wood"],
                  STUFF["dark wood"] if rng.random() < 0.35 else None, rng.random() < 0.35, request.night)  # fmt: skip
    length, span = rng.uniform(5.6, 6.6) * s, rng.uniform(4.2, 4.8) * s
    eave = 2.52 * (0.5 + 0.5 * s) * request.tall
    cover = "thatch" if request.material == "thatch" else "shingles"
    hall = Hall(
        length, span, eave, span / 2 * rng.uniform(0.78, 0.95), kind, material, cover, STUFF["dark wood"], dress
    )
    if rng.random() < 0.5:
        return _gable_front(hall, rng)
    return _long_front(hall, rng)


def _long_front(hall: Hall, rng: np.random.Generator) -> Shape:
    x, y = hall.length / 2, hall.span / 2
    at = rng.uniform(-0.2, 0.2) * hall.length
    front = [Opening("door", at, 0.0, 0.95, 1.95), *bays(hall.length, rng, z=0.9, size=(0.95, 0.95), door=at)]
    window = [Opening("window", 0.0, 0.9, 0.9, 0.95)]
    openings = {"front": front, "back": bays(hall.length, rng, z=0.9, size=(0.9, 0.9)), "right": window}
    side = -1 if rng.random() < 0.5 else 1
    depth = 1.5
    pitch = math.atan2(hall.rise, hall.span / 2)
    top = FLOOR + hall.eave - 0.5 * math.tan(pitch) + 0.02
    porch_roof = roofs.lean_to(hall.length * 0.72, depth, 0.28, "shingles", STUFF["shingles"], hall.trim, rng)
    width = hall.length * 0.72 - 0.2
    parts = [
        hall.walls(openings, rng),
        hall.plinth(rng),
        hall.roof((-x - 0.45, x + 0.45), rng),
        roofs.chimney(
            side * (x + 0.3), 0.0, -0.4, FLOOR + hall.eave + hall.rise + 0.7, (0.75, 1.0), stuff("stone"), rng
        ),
        porch_roof.at(0, -y - 0.38, top),
        _porch(width, depth + 0.1, top - 0.36, at, hall, rng).at(0, -y - 0.04),
    ]
    if side == 1:
        parts[0] = hall.walls(openings | {"right": [], "left": window}, rng)
    return join(parts).at(0, 0.6)


def _gable_front(hall: Hall, rng: np.random.Generator) -> Shape:
    """The roof runs on over a porch before the gable; the hall is turned so that its gable looks to -Y."""
    x, depth = hall.length / 2, 1.5
    at = rng.choice([-1.0, 1.0]) * hall.span * 0.2
    gable = [Opening("door", at, 0.0, 0.95, 1.95), Opening("window", -at, 0.9, 0.85, 0.95)]
    if hall.rise > 1.6:
        gable.append(Opening("window", 0.0, hall.eave + 0.35, 0.6, 0.6))
    openings = {side: bays(hall.length, rng, z=0.9, size=(0.95, 0.95)) for side in ("front", "back")}
    openings |= {"left": gable, "right": [Opening("window", 0.0, 0.9, 0.95, 0.95)]}
    ridge = FLOOR + hall.eave + hall.rise
    body = [
        hall.walls(openings, rng),
        hall.plinth(rng),
        hall.roof((-x - depth - 0.35, x + 0.4), rng),
        roofs.chimney(x * 0.35, hall.span * 0.16, ridge - 0.95, ridge + 0.75, (0.65, 0.65), stuff("stone"), rng),
    ]
    porch = _porch(hall.span - 0.15, depth, FLOOR + hall.eave - 0.05, at, hall, rng).at(0, -x - 0.04)
    return join([*(p.at(0, 0, yaw=math.pi / 2) for p in body), porch]).at(0, depth / 2)


def _porch(width: float, depth: float, post_top: float, steps_at: float, hall: Hall, rng: np.random.Generator) -> Shape:
    """A deck of planks on posts before a wall at y = 0, with railings and steps; posts carry a beam at `post_top`."""
    h, wood = width / 2, STUFF["wood"]
    n = max(3, round(depth / 0.17))
    edge = np.linspace(-depth, 0, n + 1)
    low = [(-h, y + 0.006, FLOOR - 0.09) for y in edge[:-1]]
    high = [(h, y - 0.006, FLOOR - 0.02 + 0.012 * rng.random()) for y in edge[1:]]
    deck = mottle(c.blocks(low, high, wood), np.repeat(np.arange(n), 12), rng)
    joists = [((-h + 0.03, y, -0.35), (h - 0.03, y + 0.1, FLOOR - 0.1)) for y in (-depth + 0.04, -0.2)]
    gap = (steps_at - 0.7, steps_at + 0.7)
    places = sorted({-h + 0.1, h - 0.1, *np.clip(gap, -h + 0.1, h - 0.1)})
    y = -depth + 0.1
    posts = [((x - 0.07, y - 0.07, FLOOR - 0.03), (x + 0.07, y + 0.07, post_top - 0.12)) for x in places]
    tie = [((-h - 0.1, y - 0.08, post_top - 0.13), (h + 0.1, y + 0.08, post_top + 0.04))]
    tie += [((s * (h - 0.1) - 0.06, y, post_top - 0.12), (s * (h - 0.1) + 0.06, 0.1, post_top + 0.02)) for s in (-1, 1)]
    rails = []
    for a, b in c.spans(-h + 0.1, h - 0.1, [gap]):
        rails += _railing((a, y), (b, y))
    for s in (-1, 1):
        rails += _railing((s * (h - 0.1), y), (s * (h - 0.1), -0.05))
    treads = [
        ((steps_at - 0.6, -depth - 0.28 * (2 - k), -0.3), (steps_at + 0.6, -depth - 0.28 * (1 - k), 0.105 * (k + 1)))
        for k in range(2)
    ]
    braces_a = [(x, y, post_top - 0.6) for x in (places[0], places[-1])]
    braces_b = [(x - math.copysign(0.5, x), y, post_top - 0.1) for x in (places[0], places[-1])]
    frame = hall.trim
    return join([
        deck,
        c.boxes(joists, STUFF["dark wood"]),
        c.boxes([*posts, *tie], frame),
        c.boxes(rails, wood),
        c.boxes(treads, STUFF["grey wood"]),
        c.beams(braces_a, braces_b, 0.1, 0.1, frame),
    ])  # fmt: skip


def _railing(a: tuple[float, float], b: tuple[float, float]) -> list[tuple]:
    """Boxes of a railing 0.85 m high between two places on a deck, along x or y."""
    (x0, x1), (y0, y1) = sorted((a[0], b[0])), sorted((a[1], b[1]))
    if max(x1 - x0, y1 - y0) < 0.3:
        return []
    rails = [((x0 - 0.03, y0 - 0.03, FLOOR + z), (x1 + 0.03, y1 + 0.03, FLOOR + z + 0.06)) for z in (0.12, 0.8)]
    n = max(2, round(max(x1 - x0, y1 - y0) / 0.22))
    bars = [(x0 + (x1 - x0) * k / n, y0 + (y1 - y0) * k / n) for k in range(1, n)]
    return rails + [((x - 0.02, y - 0.02, FLOOR + 0.16), (x + 0.02, y + 0.02, FLOOR + 0.82)) for x, y in bars]


def _house(request: Request, rng: np.random.Generator) -> Shape:
    """A farmhouse or cottage of one or two storeys: plaster, timber frame, brick, stone or boards."""
    s = request.size
    kinds = ("plaster", "plaster", "timber", "stone", "brick")
    kind = (
        wall_kind(request.material)
        if request.material
        else kinds[rng.integers(len(kinds))]
        if request.colour is None
        else ("plaster", "timber")[rng.integers(2)]
    )
    base = (
        stuff(request.material, "plaster" if kind == "timber" else kind)
        if request.material != "timber"
        else stuff("plaster")
    )
    material = painted(base, request.colour)
    storeys = 2 if rng.random() < 0.6 or request.tall > 1.2 else 1
    height = 2.65 * (0.6 + 0.4 * s) * (request.tall if request.tall < 1.2 else request.tall / 1.15)
    length, span = rng.uniform(7.2, 9.0) * s, rng.uniform(5.4, 6.2) * s
    cover = (
        "thatch"
        if request.material == "thatch"
        else ("tiles", "tiles", "slate", "thatch" if storeys == 1 else "tiles")[rng.integers(4)]
    )
    trim = STUFF["dark wood"]
    green, blue = (0.05, 0.12, 0.07), (0.06, 0.12, 0.22)
    shutters = (
        painted(STUFF["wood"], (green, blue, (0.20, 0.04, 0.03))[rng.integers(3)]) if rng.random() < 0.75 else None
    )
    leaf = shutters or STUFF["wood"]
    frame = (
        STUFF["dark wood"]
        if kind in ("timber",) or (is_pale(request.colour) and rng.random() < 0.3)
        else painted(STUFF["pale wood"], linear("white"))
    )
    dress = Dress(frame, leaf, None if kind == "timber" else shutters, rng.random() < 0.35, request.night)
    hall = Hall(length, span, storeys * height, span / 2 * rng.uniform(0.85, 1.1), kind, material, cover, trim, dress)
    return _farmhouse(hall, storeys, height, rng)


def _farmhouse(hall: Hall, storeys: int, height: float, rng: np.random.Generator) -> Shape:
    x, y = hall.length / 2, hall.span / 2
    at = rng.uniform(-0.12, 0.12) * hall.length
    size = (rng.uniform(0.85, 1.05), 1.2)
    front = [Opening("door", at, 0.0, 1.05, 2.1), *bays(hall.length, rng, z=0.85, size=size, door=at)]
    sides: dict[str, list[Opening]] = {"front": front, "back": bays(hall.length, rng, z=0.85, size=size)}
    if storeys == 2:
        upper = [replace(o, z=o.z + height) for o in front[1:]] + [
            Opening("window", at, 0.85 + height, size[0], size[1])
        ]
        sides["front"] = front + upper
        sides["back"] += [replace(o, z=o.z + height) for o in sides["back"]]
    attic = Opening("window", 0.0, hall.eave + 0.3, 0.75, 0.85)
    sides["left"] = [*bays(hall.span, rng, z=0.85, size=size), attic]
    sides["right"] = [
        attic,
        *(
            [Opening("window", -hall.span * 0.25, 0.85, *size)]
            if storeys == 1
            else bays(hall.span, rng, z=0.85 + height, size=size)
        ),
    ]
    ridge = FLOOR + hall.eave + hall.rise
    stack = STUFF["brick"] if hall.kind in ("brick", "plaster") else stuff("stone")
    parts = [
        hall.walls(sides, rng),
        hall.plinth(rng),
        hall.roof((-x - 0.35, x + 0.35), rng, overhang=0.42),
        roofs.chimney(x - 0.75, 0.3, ridge - 0.8, ridge + 0.85, (0.6, 0.75), stack, rng),
        _door_steps(at, -y),
        _hood(at, -y, hall, rng),
    ]
    if storeys == 2:
        parts.append(roofs.chimney(-x + 0.8, -0.3, ridge - 0.8, ridge + 0.7, (0.6, 0.6), stack, rng))
        parts.append(_band(x, y, FLOOR + height - 0.06, hall))
    return join(parts)


def _band(x: float, y: float, z: float, hall: Hall) -> Shape:
    """A string course between the storeys."""
    t = 0.06
    rails = [((-x - t, s * y - t, z), (x + t, s * y + t, z + 0.14)) for s in (-1, 1)]
    rails += [((s * x - t, -y + t, z + 0.004), (s * x + t, y - t, z + 0.136)) for s in (-1, 1)]
    return c.boxes(rails, STUFF["dark wood"] if hall.kind in ("timber", "wood") else STUFF["pale stone"])


def _door_steps(x: float, y: float) -> Shape:
    steps = [
        ((x - 0.75, y - 0.75, -0.3), (x + 0.75, y, 0.15)),
        ((x - 0.62, y - 0.45, 0.1), (x + 0.62, y - 0.01, FLOOR - 0.03)),
    ]
    return c.boxes(steps, stuff("stone"))


def _hood(x: float, y: float, hall: Hall, rng: np.random.Generator) -> Shape:
    """A small gabled roof on brackets over the door."""
    material = STUFF[hall.cover if hall.cover in STUFF else "shingles"]
    cover = "shingles" if hall.cover == "thatch" else hall.cover
    roof = roofs.gable_roof(1.3, 0.0, 0.5, (0.0, 0.85), cover, material, hall.trim, rng, overhang=0.15, rafters=False)
    z = FLOOR + 2.42
    arms = c.beams(
        [(x + u, y, z - 0.5) for u in (-0.62, 0.62)], [(x + u, y - 0.7, z) for u in (-0.62, 0.62)], 0.09, 0.1, hall.trim
    )
    rails = c.blocks(
        [(x + u - 0.05, y - 0.75, z - 0.05) for u in (-0.62, 0.62)],
        [(x + u + 0.05, y, z + 0.05) for u in (-0.62, 0.62)],
        hall.trim,
    )
    gable = c.prism(((-0.6, 0.0), (0.6, 0.0), (0.0, 0.44)), -0.7, -0.62, hall.trim).at(x, y, z + 0.02)
    return join([roof.at(x, y, z + 0.03, yaw=-math.pi / 2), arms, rails, gable])


CLASSES = (
    ThingClass(
        "cabin",
        (
            "cabin",
            "hut",
            "log cabin",
            "log house",
            "shack",
            "chalet",
            "lodge",
            "hunting lodge",
            "blockhouse",
            "summer house",
        ),
        c.finished(_cabin),
        5.2,
        5.9,
        kinds=("building", "structure", "house"),
        variants=0,
    ),
    ThingClass(
        "house",
        (
            "house",
            "cottage",
            "farmhouse",
            "home",
            "villa",
            "inn",
            "tavern",
            "dwelling",
            "mill",
            "school",
            "bungalow",
            "manor",
        ),
        c.finished(_house),
        6.6,
        8.0,
        kinds=("building", "structure"),
        variants=0,
        colour="white",
        material="plaster",
    ),
    ThingClass(
        "barn",
        ("barn", "stable", "shed", "farm building", "granary", "farm", "hayloft"),
        c.finished(barn),
        7.6,
        6.8,
        kinds=("building", "structure"),
        variants=0,
        colour="red",
    ),
    ThingClass(
        "tent",
        ("tent", "canvas tent", "marquee", "camp tent", "pavilion tent"),
        c.scaled(tent),
        2.2,
        1.8,
        kinds=("structure", "shelter"),
        variants=0,
        colour="beige",
        material="cloth",
    ),
)
