"""Stones: rock, pebbles, cliff. Each is a ball of clay, split along planes, layered and worn."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Array, Shape, join, mesh
from splatworld.generate.procedural.snow import snowed
from splatworld.generate.procedural.things.growth import UP, Floats, display, unit, varied
from splatworld.noise import fbm, ridged, value_noise

STONES = (display(124, 120, 112), display(112, 114, 116), display(134, 124, 108), display(104, 100, 96))
MOSS, LICHEN = display(88, 96, 56), display(150, 148, 128)


def rock(request: Request, rng: np.random.Generator) -> Shape:
    """A boulder, sunk a little into the ground, with a splinter or two at its foot."""
    scale = request.size * rng.uniform(0.8, 1.2)
    stone = _material(request, rng, 0.8 * scale)
    half = np.array([rng.uniform(0.8, 1.0), rng.uniform(0.62, 0.85), rng.uniform(0.62, 0.82)]) * scale
    parts = [_seated(_worn(_ball(7, stone), rng, half, cuts=11, rough=0.2), 0.24)]
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(0, 3))):
        splinter = _worn(_ball(2, stone), rng, half * rng.uniform(0.14, 0.26), cuts=4, rough=0.12)
        x, y = half[:2] * [np.cos(angle), np.sin(angle)]
        parts.append(_seated(splinter, 0.3).at(float(x), float(y), yaw=float(angle)))
    whole = join(parts).mapped(lambda p: p * [1, 1, request.tall])
    return snowed(whole, request.snow)


def pebbles(request: Request, rng: np.random.Generator) -> Shape:
    """A scatter of rounded stones of several sizes."""
    n = int(rng.integers(11, 15))
    k = np.arange(n) + 0.3
    away = 0.46 * request.size * np.sqrt(k / n) * rng.uniform(0.85, 1.15, n)
    kinds = [_material(request, rng, 0.3) for _ in range(3)]
    stones = []
    for i in range(n):
        size = 0.12 * request.size * rng.uniform(0.35, 1.0) ** 1.3
        half = size * np.array([1.0, rng.uniform(0.65, 0.95), rng.uniform(0.45, 0.7) * request.tall])
        stone = _seated(_worn(_ball(2, kinds[i % 3]), rng, half, cuts=3, rough=0.1), 0.15)
        stones.append(stone.at(away[i] * np.cos(2.4 * i), away[i] * np.sin(2.4 * i), yaw=float(rng.uniform(0, 6))))
    return snowed(join(stones), request.snow)


def cliff(request: Request, rng: np.random.Generator) -> Shape:
    """A crag of tilted strata: steep towards the front, with ledges, clefts and a broken top."""
    scale = request.size * rng.uniform(0.9, 1.1)
    tall, seed = 6.6 * scale * request.tall, int(rng.integers(1 << 20))
    tilt = rng.uniform(-0.16, 0.16, 2)

    def carve(p: Array) -> Floats:
        block = p / np.maximum(np.abs(p).max(1, keepdims=True), 1e-6) * 0.75 + p * 0.25
        q = block * np.array([3.6 * scale, 2.4 * scale, tall / 2])
        layer = (q[:, 2] + q[:, :2] @ tilt) / (0.95 * scale)
        step = value_noise(np.stack([np.floor(layer), 0 * layer], 1) * 1.7, seed=seed)
        cleft = ridged(np.column_stack([q[:, :2] / (2.0 * scale), 0.08 * layer]), octaves=3, seed=seed + 1)
        swell = fbm(q / (3.5 * scale), octaves=4, seed=seed + 2)
        level = np.clip(q[:, 2] / tall + 0.5, 0, 1)
        side = 0.92 + 0.16 * step - 0.34 * cleft**2 + 0.3 * swell + 0.3 * (1 - level)
        side -= 0.7 * np.maximum(level - 0.7, 0)
        crest = 1 + np.clip(level - 0.55, 0, 1) * (0.9 * fbm(q[:, :2] / (1.8 * scale), octaves=3, seed=seed + 3) - 0.15)
        return q * np.stack([side, side, crest], 1)

    body = _ball(13, _material(request, rng, 1.8 * scale)).mapped(carve)
    return snowed(_seated(body, 0.13), request.snow)


def _ball(n: int, material: Material) -> Shape:
    """A unit sphere from a cube of n x n squares a side: even triangles, no poles; 12 n^2 faces."""
    t = np.tan(np.linspace(-1, 1, n + 1) * np.pi / 4)
    u, v = (a.ravel() for a in np.meshgrid(t, t))
    i = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    a, b, c, d = (i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, 1:].ravel(), i[1:, :-1].ravel())
    face = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    one = np.ones_like(u)
    sides = [(u, v, one), (v, u, -one), (one, u, v), (-one, v, u), (v, one, u), (u, -one, v)]
    points = unit(np.concatenate([np.column_stack(s) for s in sides]))
    faces = np.concatenate([face + k * len(u) for k in range(6)])
    return mesh(points, faces, material)


def _worn(ball: Shape, rng: np.random.Generator, half: Floats, *, cuts: int, rough: float) -> Shape:
    """A unit ball split along `cuts` random planes, weathered by `rough` of its radius, scaled to half-axes `half`."""
    planes, depths = unit(rng.normal(size=(cuts, 3))), rng.uniform(0.55, 0.9, cuts)
    seed = int(rng.integers(1 << 20))

    def split(p: Array) -> Floats:
        q = p.astype(np.float64)
        for plane, depth in zip(planes, depths, strict=True):
            # Push what stands over the plane nearly back to it, along the plane's normal.
            q = q - 0.93 * np.maximum(q @ plane - depth, 0)[:, None] * plane
        swell = fbm(q * 0.9, octaves=2, seed=seed + 9) + fbm(q * 2.2, octaves=4, gain=0.6, seed=seed)
        # Broad below and narrow above: stones come to rest on their wide side.
        taper = 1.05 - 0.22 * q[:, 2:] * (1 - UP)
        return q * (1 + rough * swell)[:, None] * taper * half

    return ball.mapped(split)


def _seated(shape: Shape, sunk: float) -> Shape:
    """Lowered by the share `sunk` of its height, with what goes under the ground squeezed flat there."""
    low, high = shape.bounds[0][2], shape.bounds[1][2]
    ground = low + sunk * (high - low)
    return shape.mapped(lambda p: np.column_stack([p[:, :2], np.maximum(p[:, 2] - ground, -0.01)]))


def _material(request: Request, rng: np.random.Generator, period: float) -> Material:
    """Grey or brownish stone with moss or lichen on top; painted stone is bare."""
    colour = request.colour or varied(STONES[rng.integers(len(STONES))], rng, 0.08)
    growth = None if request.colour else (MOSS, LICHEN)[rng.integers(2)]
    return Material("stone", colour, "rock", period, 0.32, growth)


CLASSES = (
    ThingClass(
        "rock",
        ("rock", "stone", "boulder", "standing stone", "menhir", "monolith", "rubble"),
        rock, footprint=0.9, height=1.1, variants=6, colour="grey", material="stone",
    ),
    ThingClass(
        "pebbles",
        ("pebbles", "pebble", "small stone", "gravel", "scree", "cobblestone", "river stone"),
        pebbles, footprint=0.5, height=0.14, variants=4, colour="grey", material="stone",
    ),
    ThingClass(
        "cliff",
        ("cliff", "crag", "rock face", "outcrop", "bluff", "rock formation", "rocky outcrop", "precipice"),
        cliff, footprint=4.0, height=6.0, variants=3, colour="grey", material="stone",
    ),
)  # fmt: skip
