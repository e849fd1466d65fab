"""Goods and tools that lie about a yard: barrel, crate, bucket, cart, hay, logs."""

import math

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball, join, lathe, mesh, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things.stuff import STUFF, mottle, painted, stuff
from splatworld.noise import fbm


def pebble(radius: float, rng: np.random.Generator) -> Shape:
    """A rounded stone, half sunk."""
    stretch = rng.uniform(0.7, 1.3, 3) * [1, 1, 0.75]
    offset = rng.uniform(0, 50, 3)
    return ball(radius, stuff("stone"), subdivisions=1).mapped(
        lambda v: v * stretch * (1 + 0.25 * fbm(v / radius + offset, octaves=2))[:, None]
    )


def _staves(profile: list[tuple[float, float]], count: int, wood: Material, rng: np.random.Generator) -> Shape:
    """A round vessel of staves with V-shaped joints; `profile` of (radius, z) from low to high."""
    r, z = np.array(profile).T
    step = 2 * math.pi / count
    angle = np.arange(count)[:, None] * step + np.array([0.0, 0.06, 0.94, 1.0]) * step
    proud = np.array([-0.009, 0.0, 0.0, -0.009]) * r.max() / 0.35
    radius = r[None, :, None] + proud
    vertices = np.stack(
        [
            radius * np.cos(angle)[:, None],
            radius * np.sin(angle)[:, None],
            np.broadcast_to(z[None, :, None], (count, len(z), 4)),
        ],
        -1,
    )
    k = len(z)
    quads = [(4 * i + j, 4 * i + j + 1, 4 * i + j + 5, 4 * i + j + 4) for i in range(k - 1) for j in range(3)]
    faces = np.array([t for a, b, d, e in quads for t in ((a, b, d), (a, d, e))])
    faces = (faces[None] + 4 * k * np.arange(count)[:, None, None]).reshape(-1, 3)
    shape = mesh(vertices.reshape(-1, 3), faces, wood).with_grain((0.0, 0.0, 1.0))
    return mottle(shape, np.repeat(np.arange(count), 6 * (k - 1)), rng)


def _barrel(request: Request, rng: np.random.Generator) -> Shape:
    """Bulging staves, four hoops, sunk heads; upright."""
    wood = painted(stuff(request.material), request.colour)
    low, belly, high = 0.28, 0.36, 0.92

    def radius(z: float) -> float:
        return low + (belly - low) * (1 - (2 * z / high - 1) ** 2)

    z = np.linspace(0.0, high, 7)
    parts = [_staves([(radius(u), u) for u in z], 17, wood, rng)]
    for u in (0.07, 0.27, 0.62, 0.82):
        a, b = radius(u), radius(u + 0.055)
        parts.append(
            lathe(
                [(a - 0.01, u), (a + 0.014, u + 0.002), (b + 0.014, u + 0.053), (b - 0.01, u + 0.055)],
                STUFF["metal"],
                sides=22,
            )
        )
    inner = low - 0.035
    parts.append(
        lathe(
            [(low - 0.004, high - 0.001), (inner, high + 0.002), (inner, high - 0.05), (0.0, high - 0.05)],
            wood,
            sides=18,
        )
    )
    parts.append(lathe([(0.0, 0.03), (low - 0.005, 0.0)], wood, sides=18))
    return join(parts)


def pail(radius: float, height: float, wood: Material, rng: np.random.Generator, *, full: bool = True) -> Shape:
    """A bucket of staves with two hoops and a rope handle."""
    r, t = radius, 0.1 * radius
    outer = _staves([(0.82 * r, 0.0), (r, height)], 10, wood, rng)
    level = height * (0.75 if full else 0.1)
    inside = lathe([(r + 0.002, height + 0.001), (r - t, height + 0.001), (0.85 * r - t, level - 0.02)], wood, sides=14)
    surface = lathe([(r - 0.6 * t, level), (0.0, level)], STUFF["water"] if full else wood, sides=14)
    floor = lathe([(0.0, 0.0), (0.82 * r, 0.0)], wood, sides=14)
    hoops = [
        lathe([(q - 0.01, z), (q + 0.008, z), (q + 0.012, z + 0.03), (q - 0.01, z + 0.03)], STUFF["metal"], sides=16)
        for z, q in ((0.15 * height, 0.85 * r), (0.75 * height, 0.955 * r))
    ]
    angle = np.linspace(0, math.pi, 10)
    path = np.column_stack([r * np.cos(angle), np.zeros(10), height * 0.95 + 0.85 * r * np.sin(angle)])
    return join([outer, inside, surface, floor, *hoops, tube(path, 0.035 * radius + 0.004, STUFF["rope"], sides=5)])


def _bucket(request: Request, rng: np.random.Generator) -> Shape:
    wood = painted(stuff(request.material), request.colour)
    return pail(0.18, 0.3, wood, rng)


def wooden_box(width: float, depth: float, height: float, wood: Material, rng: np.random.Generator) -> Shape:
    """A closed crate of boards within a frame, with a brace on each side."""
    x, y, t = width / 2, depth / 2, 0.035
    core = c.blocks([(-x + t, -y + t, 0.01)], [(x - t, y - t, height - t)], STUFF["dark"])
    low, high = [], []
    n = max(3, round(height / 0.14))
    z = np.linspace(0.0, height - 0.02, n + 1)
    for a, b in zip(z[:-1] + 0.006, z[1:] - 0.006, strict=True):
        low += [(-x + 0.02, -y + 0.012, a), (-x + 0.02, y - t, a), (-x + 0.014, -y + 0.04, a), (x - t, -y + 0.04, a)]
        high += [(x - 0.02, -y + t, b), (x - 0.02, y - 0.012, b), (-x + t, y - 0.04, b), (x - 0.014, y - 0.04, b)]
    m = max(3, round(width / 0.14))
    u = np.linspace(-x + 0.01, x - 0.01, m + 1)
    low += [(a + 0.006, -y + 0.01, height - t) for a in u[:-1]]
    high += [(b - 0.006, y - 0.01, height - 0.008 + 0.008 * rng.random()) for b in u[1:]]
    boards = mottle(c.blocks(low, high, wood), np.repeat(np.arange(len(low)), 12), rng, spread=0.25)
    e = 0.055
    posts = [
        (
            (sx * x - (e if sx > 0 else 0), sy * y - (e if sy > 0 else 0), 0),
            (sx * x + (e if sx < 0 else 0), sy * y + (e if sy < 0 else 0), height + 0.004),
        )
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    rails = [
        ((-x + e, s * y - (0.03 if s > 0 else 0), v), (x - e, s * y + (0.03 if s < 0 else 0), v + e))
        for s in (-1, 1)
        for v in (0.004, height - e)
    ]
    rails += [
        ((s * x - (0.03 if s > 0 else 0), -y + e, v), (s * x + (0.03 if s < 0 else 0), y - e, v + e))
        for s in (-1, 1)
        for v in (0.004, height - e)
    ]
    frame = c.boxes([*posts, *rails], wood)
    a = [(-x + e, s * (y - 0.009), e) for s in (-1, 1)] + [(s * (x - 0.009), -y + e, e) for s in (-1, 1)]
    b = [(x - e, s * (y - 0.009), height - e) for s in (-1, 1)] + [
        (s * (x - 0.009), y - e, height - e) for s in (-1, 1)
    ]
    up = [(0, 1, 0)] * 2 + [(1, 0, 0)] * 2
    return join([core, boards, frame, c.beams(a, b, 0.06, 0.018, wood, up=np.array(up, float))])


def _crate(request: Request, rng: np.random.Generator) -> Shape:
    wood = painted(stuff(request.material, "pale wood"), request.colour)
    return wooden_box(rng.uniform(0.65, 0.8), rng.uniform(0.55, 0.65), rng.uniform(0.55, 0.7), wood, rng).at(
        0, 0, yaw=0.0
    )


def _wheel(radius: float, wood: Material) -> Shape:
    """A spoked wheel in the y-z plane around the origin."""
    angle = np.linspace(0, 2 * math.pi, 19)
    ring = np.column_stack([np.zeros(19), radius * np.cos(angle), radius * np.sin(angle)])
    rim = c.beams(
        ring[:-1], ring[1:], 0.07, 0.075, wood, up=np.column_stack([np.zeros(18), (ring[:-1] + ring[1:])[:, 1:]])
    )
    tyre_r = ring * (1 + 0.045 / radius)
    tyre = c.beams(
        tyre_r[:-1],
        tyre_r[1:],
        0.06,
        0.018,
        STUFF["metal"],
        up=np.column_stack([np.zeros(18), (ring[:-1] + ring[1:])[:, 1:]]),
    )
    spoke = np.arange(10) * 2 * math.pi / 10
    ends = np.column_stack([np.zeros(10), np.cos(spoke), np.sin(spoke)])
    spokes = c.beams(ends * 0.08, ends * radius, 0.04, 0.045, wood, up=(1, 0, 0))
    hub = tube(np.array([[-0.14, 0, 0], [0.14, 0, 0]]), 0.1, wood, sides=10)
    return join([rim, tyre, spokes, hub])


def _cart(request: Request, rng: np.random.Generator) -> Shape:
    """A two-wheeled hay cart resting on its shafts, shafts towards -Y."""
    wood = painted(stuff(request.material), request.colour)
    dark = STUFF["dark wood"]
    x, back, front, floor = 0.62, 1.15, -0.95, 0.72
    n = 8
    edge = np.linspace(-x, x, n + 1)
    planks = c.blocks(
        [(a + 0.006, front, floor) for a in edge[:-1]], [(b - 0.006, back, floor + 0.05) for b in edge[1:]], wood
    )
    sides = []
    for s in (-1, 1):
        x0, x1 = sorted((s * (x + 0.02), s * (x - 0.025)))
        sides += [((x0, front, floor + v), (x1, back, floor + v + 0.17)) for v in (0.06, 0.26)]
        x0, x1 = sorted((s * (x + 0.02), s * (x + 0.075)))
        sides += [((x0, v, floor - 0.1), (x1, v + 0.07, floor + 0.55)) for v in (front + 0.1, 0.05, back - 0.17)]
    sides += [((-x, y, floor + 0.05), (x, y + 0.045, floor + 0.42)) for y in (front - 0.045, back)]
    rails = mottle(c.boxes(sides, wood), np.repeat(np.arange(len(sides)), 12), rng)
    wheels = [_wheel(0.58, dark).at(s * (x + 0.25), 0.15, 0.63) for s in (-1, 1)]
    axle = tube(np.array([[-x - 0.38, 0.15, 0.63], [x + 0.38, 0.15, 0.63]]), 0.055, dark, sides=8)
    shafts = c.beams(
        [(s * (x - 0.12), back - 0.3, floor - 0.04) for s in (-1, 1)],
        [(s * (x - 0.22), front - 1.3, 0.5) for s in (-1, 1)],
        0.09,
        0.09,
        dark,
    )
    prop = c.blocks([(-0.03, front - 0.3, 0.0)], [(0.03, front - 0.24, floor + 0.02)], dark)
    cross = c.blocks([(-x, front - 0.32, floor - 0.11)], [(x, front - 0.24, floor - 0.03)], dark)
    hay = _heap(0.62, 0.42, rng).mapped(lambda v: v * [0.9, 1.5, 1] + [0, 0.1, floor + 0.06])
    return join([mottle(planks, np.repeat(np.arange(n), 12), rng), rails, *wheels, axle, shafts, prop, cross, hay])


def _heap(radius: float, height: float, rng: np.random.Generator) -> Shape:
    """A mound of hay, closed below, with loose straws."""
    offset = rng.uniform(0, 90, 3)
    profile = [
        (0.0, 0.0),
        (radius, 0.0),
        (1.04 * radius, 0.2 * height),
        (0.9 * radius, 0.5 * height),
        (0.55 * radius, 0.84 * height),
        (0.2 * radius, height),
        (0.0, 1.03 * height),
    ]
    z = np.linspace(0.0, height, 10)
    fine = np.column_stack([np.interp(z, [q[1] for q in profile[1:]], [q[0] for q in profile[1:]]), z])
    body = lathe([(0.0, 0.0), *map(tuple, fine), (0.0, 1.03 * height)], STUFF["hay"], sides=26).mapped(
        lambda v: (
            v
            * np.column_stack(
                [1 + 0.18 * fbm(v * 3 / radius + offset, octaves=3)] * 2 + [1 + 0.1 * fbm(v * 2 / radius + offset)]
            )
        )
    )
    n = 90
    t, angle = rng.uniform(0.05, 0.9, n), rng.uniform(0, 2 * math.pi, n)
    r = radius * np.interp(t, [0, 0.2, 0.5, 0.84, 1], [1, 1.04, 0.9, 0.55, 0.2])
    a = np.column_stack([r * np.cos(angle), r * np.sin(angle), t * height])
    b = (
        a
        + np.column_stack([np.cos(angle), np.sin(angle), -0.7 * np.ones(n)]) * rng.uniform(0.06, 0.16, (n, 1)) * radius
        + rng.normal(0, 0.1 * radius, (n, 3))
    )
    b[:, 2] = np.maximum(b[:, 2], 0.01)
    return join([body, c.beams(a, b, 0.012, 0.012, STUFF["hay"])])


def _haystack(request: Request, rng: np.random.Generator) -> Shape:
    """A rick round a pole."""
    high = rng.uniform(1.8, 2.1)
    profile_heap = _heap(rng.uniform(1.1, 1.25), high, rng)
    pole = tube(np.array([[0, 0, high * 0.8], [0.03, 0, high + 0.35]]), [0.045, 0.03], STUFF["wood"], sides=6)
    return join([profile_heap, pole])


def _logpile(request: Request, rng: np.random.Generator) -> Shape:
    """Split logs stacked in rows between two stakes, their cut ends to -Y."""
    r, middle = 0.1, []
    for k in range(6):
        count = 10 - (k % 2)
        x = (np.arange(count) - (count - 1) / 2) * 2.02 * r + rng.normal(0, 0.006, count)
        middle.append(np.column_stack([x, rng.uniform(-0.05, 0.05, count), np.full(count, r + k * 1.75 * r)]))
    centre = np.concatenate(middle)
    parts = [
        c.logs(centre, centre + np.array([0, y, 0]), 0.97 * r, STUFF["bark"], STUFF["pale wood"], rng)
        for y in (-0.35, 0.35)
    ]
    stakes = [
        ((s * 1.09 - 0.04, y - 0.04, -0.3), (s * 1.09 + 0.04, y + 0.04, 1.25)) for s in (-1, 1) for y in (-0.2, 0.2)
    ]
    axe = [c.beams([(0.35, -0.5, 0.02)], [(0.5, -0.38, 0.75)], 0.035, 0.045, STUFF["pale wood"])]
    return join([*parts, c.boxes(stakes, STUFF["wood"]), *axe])


CLASSES = (
    ThingClass(
        "barrel",
        ("barrel", "cask", "keg", "rain barrel", "tun", "wooden barrel"),
        c.scaled(_barrel),
        0.42,
        0.95,
        kinds=("object", "container"),
        variants=4,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "crate",
        ("crate", "box", "wooden box", "wooden crate"),
        c.scaled(_crate),
        0.5,
        0.7,
        kinds=("object", "container"),
        variants=4,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "bucket",
        ("bucket", "pail", "tub", "water bucket", "wooden bucket"),
        c.scaled(_bucket),
        0.22,
        0.45,
        kinds=("object", "container"),
        variants=2,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "cart",
        ("cart", "wagon", "handcart", "hay cart", "hay wagon", "waggon", "carriage", "barrow", "trolley"),
        c.scaled(_cart),
        2.1,
        1.6,
        kinds=("object", "vehicle"),
        variants=2,
        colour="brown",
        material="wood",
    ),
    ThingClass(
        "haystack",
        (
            "haystack",
            "hay",
            "haycock",
            "hay stack",
            "hay bale",
            "straw bale",
            "rick",
            "stack of hay",
            "pile of hay",
            "bale",
        ),
        c.scaled(_haystack),
        1.6,
        2.2,
        kinds=("object",),
        variants=3,
        colour="gold",
        material="hay",
        paintable=False,
    ),
    ThingClass(
        "logpile",
        (
            "logpile",
            "log pile",
            "woodpile",
            "wood pile",
            "firewood",
            "stack of wood",
            "pile of logs",
            "stacked logs",
            "pile of wood",
            "stack of logs",
        ),
        c.scaled(_logpile),
        1.3,
        1.2,
        kinds=("object",),
        variants=3,
        colour="brown",
        material="wood",
        paintable=False,
    ),
)
