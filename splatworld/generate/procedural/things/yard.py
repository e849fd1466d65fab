"""Small things outdoors: lamps, seats, wells, fires, signs, statues."""

import math

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball, join, lathe, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things import roofs, stores
from splatworld.generate.procedural.things.fires import campfire
from splatworld.generate.procedural.things.lamps import lamp, lantern
from splatworld.generate.procedural.things.statues import fountain, statue
from splatworld.generate.procedural.things.stuff import STUFF, mottle, painted, stuff
from splatworld.generate.procedural.things.towers import flag
from splatworld.palette import linear


def _bench(request: Request, rng: np.random.Generator) -> Shape:
    """Slats on two frames with a sloped back, or a slab of stone on two blocks."""
    material = painted(stuff(request.material), request.colour)
    width = rng.uniform(1.55, 1.8)
    h = width / 2
    if material.name not in ("wood", "metal"):
        slab = c.blocks([(-h, -0.25, 0.38)], [(h, 0.25, 0.5)], material)
        feet = [
            c.stonework(
                (s * h * 0.7 - 0.13, -0.2, -0.15), (s * h * 0.7 + 0.13, 0.2, 0.39), material, rng, row=0.27, block=0.4
            )
            for s in (-1, 1)
        ]
        return join([slab, *feet])
    frame = STUFF["metal"] if material.name == "wood" and rng.random() < 0.5 else material
    slats = [((-h, y, 0.42 + rng.uniform(0, 0.006)), (h, y + 0.085, 0.455)) for y in (-0.24, -0.14, -0.04, 0.06)]
    seat = mottle(c.boxes(slats, material), np.repeat(np.arange(4), 12), rng)
    back_a = [(-h, 0.2 + 0.09 * k, 0.55 + 0.125 * k) for k in range(3)]
    back_b = [(h, y, z) for _, y, z in back_a]
    back = mottle(c.beams(back_a, back_b, 0.03, 0.1, material, up=(0, 0.35, 1)), np.repeat(np.arange(3), 12), rng)
    parts = [seat, back]
    for s in (-1, 1):
        x = s * (h - 0.16)
        a = [(x, -0.2, -0.1), (x, 0.14, -0.1), (x, -0.27, 0.395), (x, 0.12, 0.36), (x, -0.2, 0.4), (x, -0.27, 0.64)]
        b = [(x, -0.2, 0.4), (x, 0.14, 0.42), (x, 0.2, 0.395), (x, 0.43, 0.9), (x, -0.2, 0.63), (x, 0.27, 0.64)]
        parts.append(c.beams(a, b, 0.06, 0.055, frame))
    return join(parts)


def _well(request: Request, rng: np.random.Generator) -> Shape:
    """A ring of stones with dark water, a windlass with rope and bucket, under a small roof."""
    material = painted(stuff(request.material, "stone"), request.colour)
    stone = material if material.name != "wood" else stuff("stone")
    wood = material if material.name == "wood" else STUFF["dark wood"]
    r, high = 0.85, 0.82
    ring = [
        c.stone_ring(r, -0.4, high, stone, rng, row=0.27, block=0.42, relief=0.04),
        c.stone_ring(r - 0.24, 0.1, high, stone, rng, row=0.36, block=0.5, flip=True),
        lathe([(r - 0.2, 0.22), (0.0, 0.22)], STUFF["water"], sides=16),
    ]
    n = 12
    edge = np.linspace(0, 2 * math.pi, n + 1) + 0.1
    p = np.column_stack([(r - 0.1) * np.cos(edge), (r - 0.1) * np.sin(edge), np.full(n + 1, high + 0.04)])
    coping = mottle(
        c.beams(p[:-1], p[1:], 0.4, 0.13, STUFF["pale stone"] if request.colour is None else stone),
        np.repeat(np.arange(n), 12),
        rng,
    )
    posts = c.blocks(
        [(s * 0.88 - 0.06, -0.06, -0.3) for s in (-1, 1)], [(s * 0.88 + 0.06, 0.06, 2.05) for s in (-1, 1)], wood
    )
    roof = roofs.gable_roof(
        1.25, 1.98, 0.55, (-1.15, 1.15), "shingles", STUFF["shingles"], wood, rng, overhang=0.18, rafters=False
    )
    axle = tube(np.array([[-1.0, 0, 1.45], [1.12, 0, 1.45]]), 0.045, wood, sides=8)
    drum = tube(np.array([[-0.32, 0, 1.45], [0.32, 0, 1.45]]), 0.1, STUFF["rope"], sides=10)
    crank = c.beams([(1.1, 0, 1.45), (1.1, 0, 1.17)], [(1.1, 0, 1.15), (1.3, 0, 1.17)], 0.035, 0.035, STUFF["metal"])
    rope = tube(np.array([[0.12, -0.1, 1.45], [0.12, -0.1, 1.12]]), 0.014, STUFF["rope"], sides=5)
    bucket = stores.pail(0.15, 0.3, STUFF["wood"], rng, full=False).at(0.12, -0.1, 0.72)
    a = [(s * 0.88, y, 1.75) for s in (-1, 1) for y in (0, 0)]
    b = [(s * 0.88, y, 2.05) for s in (-1, 1) for y in (-0.35, 0.35)]
    return join([*ring, coping, posts, roof, axle, drum, crank, rope, bucket, c.beams(a, b, 0.08, 0.08, wood)])


def _signpost(request: Request, rng: np.random.Generator) -> Shape:
    """A post in a heap of stones with two or three pointing boards."""
    wood = painted(stuff(request.material), request.colour)
    post = c.blocks([(-0.06, -0.06, -0.3)], [(0.06, 0.06, 2.2)], wood)
    cap = c.blocks([(-0.09, -0.09, 2.2), (-0.05, -0.05, 2.24)], [(0.09, 0.09, 2.24), (0.05, 0.05, 2.3)], wood)
    parts = [post, cap]
    for k, level in enumerate((1.9, 1.58, 1.26)[: rng.integers(2, 4)]):
        w = rng.uniform(0.62, 0.8)
        shape = ((-0.18, -0.11), (w - 0.14, -0.11), (w, 0.0), (w - 0.14, 0.11), (-0.18, 0.11))
        board = c.prism(shape, -0.095, -0.06, STUFF["pale wood"] if request.colour is None else wood)
        strokes = np.arange(0.0, w - 0.25, 0.055)[rng.random(len(np.arange(0.0, w - 0.25, 0.055))) < 0.85]
        heights = rng.uniform(0.01, 0.05, len(strokes))
        letters = c.blocks(
            [(x, -0.1, -0.035) for x in strokes],
            [(x + 0.032, -0.09, z) for x, z in zip(strokes, heights, strict=True)],
            STUFF["dark"],
        )
        parts.append(
            join([board, letters]).at(
                0, 0, level, yaw=(0.15 if k % 2 == 0 else math.pi - 0.35) + rng.uniform(-0.3, 0.3)
            )
        )
    for _ in range(6):
        angle = rng.uniform(0, 2 * math.pi)
        parts.append(
            stores.pebble(rng.uniform(0.08, 0.14), rng).at(0.16 * math.cos(angle), 0.16 * math.sin(angle), 0.02)
        )
    return join(parts)


def _flag(request: Request, rng: np.random.Generator) -> Shape:
    base = c.drum(0.28, -0.2, 0.22, stuff("stone"), top=0.22)
    return join([base, flag(0.2, 5.0, request.colour or linear("red"), fly=1.6, drop=1.0)])


def _mailbox(request: Request, rng: np.random.Generator) -> Shape:
    """A round-topped box on a post with a little flag."""
    paint = painted(stuff(request.material, "steel"), request.colour or linear("red"))
    post = c.blocks(
        [(-0.05, -0.05, -0.3), (-0.09, -0.22, 0.9)], [(0.05, 0.05, 0.92), (0.09, 0.22, 0.94)], STUFF["wood"]
    )
    angle = np.linspace(0, math.pi, 9)
    arch = [(-0.13, 0.0), (0.13, 0.0), *((0.13 * math.cos(a), 0.15 + 0.13 * math.sin(a)) for a in angle)]
    body = c.prism(arch, -0.26, 0.26, paint).at(0, 0, 0.94)
    lid = c.prism([(x * 1.08, z * 1.04 - 0.005) for x, z in arch], -0.285, -0.25, paint).at(0, 0, 0.94)
    knob = ball(0.02, STUFF["metal"], subdivisions=1).at(0, -0.3, 1.15)
    arm = c.blocks(
        [(0.13, 0.0, 1.05), (0.131, 0.0, 1.22)],
        [(0.15, 0.03, 1.25), (0.149, 0.13, 1.3)],
        painted(STUFF["steel"], linear("white")),
    )
    return join([post, body, lid, knob, arm])


def _stall(request: Request, rng: np.random.Generator) -> Shape:
    """A table of fruit under a striped awning with a scalloped edge."""
    colour = request.colour or linear("red")
    w, d = 1.3, 0.75
    wood = STUFF["wood"]
    posts = [
        ((sx * w - 0.045, sy * d - 0.045, -0.1), (sx * w + 0.045, sy * d + 0.045, 2.12 + (0.4 if sy > 0 else 0)))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    posts += [
        ((-w, -d, 0.78), (w, d * 0.7, 0.84)),
        ((-w, d - 0.05, 2.4), (w, d + 0.05, 2.5)),
        ((-w, -d - 0.05, 2.02), (w, -d + 0.05, 2.1)),
    ]
    boards = c.blocks(
        [(-w, -d - 0.02, z) for z in (0.12, 0.34, 0.56)], [(w, -d + 0.02, z + 0.19) for z in (0.12, 0.34, 0.56)], wood
    )
    parts = [c.boxes(posts, wood), mottle(boards, np.repeat(np.arange(3), 12), rng)]
    cloths = (
        painted(STUFF["cloth"], colour),
        painted(STUFF["cloth"], linear("cream") if min(colour) < 0.5 else linear("green")),
    )
    edge = np.linspace(-w - 0.2, w + 0.2, 12)
    for k in range(11):
        parts.append(c.sheet(_awning_strip(edge[k], edge[k + 1], d), 0.015, cloths[0 if k % 2 == 0 else 1]))
    fruits = ("red", "orange", "yellow", "green", "purple")
    for k, x in enumerate(np.linspace(-w + 0.32, w - 0.32, 4)):
        tray = c.blocks([(x - 0.26, -d + 0.1, 0.84)], [(x + 0.26, d * 0.5, 0.95)], STUFF["pale wood"])
        kind = Material("fruit", linear(fruits[(k + rng.integers(2)) % 5]), contrast=0.15, gloss=0.1)
        fruit = lathe([(0.0, -0.075), (0.062, -0.04), (0.075, 0.015), (0.045, 0.062), (0.0, 0.07)], kind, sides=7)
        heap = [
            fruit.at(x + dx, y, 0.985 + rng.uniform(0, 0.025))
            for dx in (-0.17, -0.03, 0.12)
            for y in (-0.5, -0.32, -0.14, 0.04)
        ]
        parts += [tray, *heap]
    parts += [stores.wooden_box(0.55, 0.45, 0.4, wood, rng).at(-w + 0.5, d + 0.5, 0)]
    return join(parts)


def _awning_strip(x0: float, x1: float, d: float) -> np.ndarray:
    """One stripe from the back rail to the hanging front edge."""
    y = np.array([d + 0.15, 0.4, 0.0, -0.4, -d - 0.25, -d - 0.29, -d - 0.3])
    z = np.array([2.54, 2.37, 2.25, 2.17, 2.13, 1.98, 1.9])
    x = np.array([x0, (x0 + x1) / 2, x1])
    grid = np.stack([np.stack([np.full_like(y, u), y, z], -1) for u in x], 1)
    grid[-1, 1, 2] -= 0.06
    return grid[::-1]


def _scarecrow(request: Request, rng: np.random.Generator) -> Shape:
    """A stuffed coat on a cross of sticks with a straw hat."""
    cloth = painted(STUFF["cloth"], request.colour or linear("blue"))
    hay = STUFF["hay"]
    post = c.blocks(
        [(-0.04, -0.03, -0.3), (-0.75, -0.03, 1.36)], [(0.04, 0.03, 1.75), (0.75, 0.03, 1.43)], STUFF["grey wood"]
    )
    coat = lathe(
        [(0.0, 0.7), (0.3, 0.72), (0.24, 1.0), (0.2, 1.1), (0.25, 1.35), (0.13, 1.5), (0.0, 1.52)], cloth, sides=12
    ).mapped(lambda v: v * [1, 0.62, 1])
    belt = lathe([(0.215, 1.06), (0.225, 1.07), (0.225, 1.12), (0.215, 1.13)], STUFF["leather"], sides=12).mapped(
        lambda v: v * [1, 0.64, 1]
    )
    arms = [
        tube(np.array([[s * 0.1, 0, 1.38], [s * 0.35, 0, 1.4], [s * 0.62, 0, 1.36]]), [0.12, 0.1, 0.11], cloth, sides=8)
        for s in (-1, 1)
    ]
    tufts = [_tuft((s * 0.62, 0.0, 1.38), (s * 0.2, 0.0, -0.03), rng) for s in (-1, 1)]
    skirt = [
        _tuft((0.2 * math.cos(a), 0.12 * math.sin(a), 0.75), (0.05 * math.cos(a), 0.05 * math.sin(a), -0.2), rng)
        for a in np.arange(5) * 1.26
    ]
    head = ball(0.16, painted(STUFF["cloth"], linear("beige")), subdivisions=2).at(0, 0, 1.63)
    face = c.blocks(
        [(-0.07, -0.165, 1.65), (0.04, -0.165, 1.65), (-0.06, -0.155, 1.55)],
        [(-0.04, -0.14, 1.69), (0.07, -0.14, 1.69), (0.06, -0.13, 1.565)],
        STUFF["dark"],
    )
    hat = lathe([(0.0, 1.7), (0.34, 1.68), (0.33, 1.71), (0.16, 1.76), (0.14, 1.92), (0.0, 1.95)], hay, sides=14)
    return join([post, coat, belt, *arms, *tufts, *skirt, head, face, hat])


def _tuft(at: tuple[float, float, float], along: tuple[float, float, float], rng: np.random.Generator) -> Shape:
    """Straws that stick out of a sleeve."""
    a = np.tile(at, (7, 1))
    b = a + np.asarray(along) + rng.normal(0, 0.035, (7, 3))
    return c.beams(a, b, 0.012, 0.012, STUFF["hay"])


CLASSES = (
    ThingClass(
        "lamp",
        (
            "lamp",
            "street lamp",
            "streetlamp",
            "street light",
            "streetlight",
            "lamp post",
            "lamppost",
            "lamp-post",
            "light post",
            "lantern post",
        ),
        c.scaled(lamp),
        0.5,
        3.3,
        kinds=("object", "light"),
        variants=0,
        colour="black",
        material="metal",
    ),
    ThingClass(
        "lantern",
        ("lantern", "oil lamp", "oil lantern", "paper lantern", "storm lantern", "candle lantern"),
        c.scaled(lantern),
        0.22,
        0.48,
        kinds=("object", "light", "lamp"),
        variants=0,
        colour="black",
        material="metal",
    ),
    ThingClass(
        "bench",
        ("bench", "park bench", "garden bench", "wooden bench", "stone bench"),
        c.scaled(_bench),
        1.0,
        0.9,
        kinds=("object", "seat", "furniture"),
        variants=0,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "well",
        ("well", "water well", "wishing well", "draw well", "stone well"),
        c.scaled(_well),
        1.4,
        2.8,
        kinds=("object", "structure"),
        variants=0,
        colour="grey",
        material="stone",
    ),
    ThingClass(
        "campfire",
        (
            "campfire",
            "fire",
            "bonfire",
            "camp fire",
            "fire pit",
            "firepit",
            "fire ring",
            "hearth fire",
        ),
        c.scaled(campfire),
        0.95,
        0.9,
        kinds=("object", "light"),
        variants=3,
        colour="brown",
        material="wood",
        paintable=False,
    ),
    ThingClass(
        "signpost",
        (
            "signpost",
            "sign",
            "sign post",
            "guidepost",
            "waymarker",
            "fingerpost",
            "road sign",
            "notice board",
            "signboard",
        ),
        c.scaled(_signpost),
        0.8,
        2.3,
        kinds=("object",),
        variants=0,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "statue",
        ("statue", "sculpture", "monument", "bust", "idol", "obelisk"),
        c.scaled(statue),
        0.9,
        2.9,
        kinds=("object",),
        variants=3,
        colour="grey",
        material="stone",
    ),
    ThingClass(
        "fountain",
        ("fountain", "water fountain", "stone fountain"),
        c.scaled(fountain),
        2.1,
        2.3,
        kinds=("object", "structure"),
        variants=2,
        colour="grey",
        material="stone",
    ),
    ThingClass(
        "flag",
        ("flag", "flagpole", "flag pole", "banner", "pennant"),
        c.scaled(_flag),
        1.6,
        5.2,
        kinds=("object",),
        variants=0,
        colour="red",
        material="cloth",
    ),
    ThingClass(
        "mailbox",
        ("mailbox", "letterbox", "letter box", "mail box", "postbox", "post box", "pillar box"),
        c.scaled(_mailbox),
        0.35,
        1.25,
        kinds=("object",),
        variants=0,
        colour="red",
        material="metal",
    ),
    ThingClass(
        "stall",
        ("stall", "market stall", "market stand", "kiosk", "booth", "vegetable stall"),
        c.scaled(_stall),
        1.8,
        2.6,
        kinds=("structure", "object"),
        variants=0,
        colour="red",
        material="cloth",
    ),
    ThingClass(
        "scarecrow",
        ("scarecrow", "straw man"),
        c.scaled(_scarecrow),
        0.9,
        2.0,
        kinds=("object",),
        variants=2,
        colour="blue",
        material="cloth",
    ),
    *stores.CLASSES,
)
