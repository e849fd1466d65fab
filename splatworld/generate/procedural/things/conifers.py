"""Conifers, built whorl upon whorl: pine and cypress."""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Array, Shape, join, lathe, tube
from splatworld.generate.procedural.snow import snowed
from splatworld.generate.procedural.things.growth import (
    UP,
    Floats,
    arcs,
    display,
    foliage,
    lit_as,
    ribbons,
    rooted,
    shade,
    sprigs,
    unit,
    varied,
)
from splatworld.noise import value_noise
from splatworld.palette import Rgb

BARK = Material("bark", display(104, 80, 62), "bark", 0.45, 0.45, display(92, 90, 70), stretch=2.0)
BRANCH = Material("bark", display(78, 64, 52), "bark", 0.3, 0.35, stretch=2.0)


def pine(request: Request, rng: np.random.Generator) -> Shape:
    """A straight stem with whorls of boughs: young ones rise near the top, old ones hang and are longest low down."""
    scale = request.size * rng.uniform(0.88, 1.12)
    height = 11.0 * scale * request.tall
    bare = rng.uniform(0.13, 0.27)
    girth, sway = 0.21 * scale, rng.normal(0, 0.012, 2)
    z = np.linspace(0, 1, 9)
    stem = np.column_stack([np.outer(np.sin(z * 3.0) * height, sway), z * height * 0.985])
    trunk = rooted(tube(stem, girth * (1.02 - z) ** 0.85, BARK, sides=9), girth, rng, flare=0.6, lobes=4)
    needles = _needles(request.colour or varied(display(54, 76, 52), rng, 0.08))
    at, length, droop = _whorls(bare, rng)
    reach = scale * rng.uniform(2.0, 2.5) * length
    boughs = _boughs(at * height, reach, droop, stem, needles, rng)
    dark = Material("needles", shade(needles.colour, 0.4), "leaf", 0.3, 0.6)
    core = _core(bare * height + 0.25 * scale, height, 0.42 * reach.max(), dark)
    top = stem[-1] - 0.1 * scale * UP
    leader = sprigs(np.tile(top, (4, 1)), np.tile(UP, (4, 1)), unit(rng.normal(size=(4, 3)) * (1 - UP)),
                    np.full(4, 0.55 * scale), needles, rng, width=0.1, splay=0.12)  # fmt: skip
    dead = _dead_branches(bare * height, girth, scale, rng)
    return snowed(join([trunk, core, boughs, leader, *dead]), request.snow)


def cypress(request: Request, rng: np.random.Generator) -> Shape:
    """A tall dark flame of upright sprays."""
    scale = request.size * rng.uniform(0.9, 1.1)
    height, wide = 8.8 * scale * request.tall, 0.78 * scale * rng.uniform(0.85, 1.15)
    needles = _needles(request.colour or varied(display(58, 76, 48), rng, 0.07))
    dark = Material("needles", shade(needles.colour, 0.3), "leaf", 0.4, 0.5)
    n = 1150
    t = rng.uniform(0, 1, n) ** 1.15
    angle = rng.uniform(0, 2 * np.pi, n)
    out = np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], 1)
    radius = wide * _flame(t) * (1 + 0.22 * value_noise(np.column_stack([2 * out[:, :2], 7 * t]), seed=5))
    axis = np.outer(0.35 * scale + t * (height - 0.6 * scale), UP)
    points = axis + out * (radius * rng.uniform(0.8, 1.05, n))[:, None]
    sizes = rng.uniform(0.3, 0.5, n) * scale
    cover = foliage(points, unit(out + 0.25 * UP), axis - wide * UP, sizes, (needles,), rng, width=0.34, droop=-2.2)
    steps = np.linspace(0, 1, 11)
    profile = np.stack([0.78 * wide * _flame(steps), 0.3 * scale + steps * (height - 0.7 * scale)], 1)
    body = lathe([(float(r), float(z)) for r, z in profile], dark, sides=10)
    trunk = rooted(tube(np.outer([0, 0.5, 1.0], [0, 0, scale]), 0.13 * scale, BARK), 0.13 * scale, rng, flare=0.5)
    return snowed(join([trunk, body, cover]), request.snow)


def _whorls(bare: float, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Boughs of all whorls: height up the stem (0 to 1), length against the longest, droop in radians below level."""
    levels = bare + (1 - bare) * (1 - np.linspace(1, 0.02, 19) ** 1.15)
    count = np.clip((9 * (1 - (levels - bare) / (1 - bare)) ** 0.4).astype(int), 4, 8)
    at = np.repeat(levels, count) + rng.normal(0, 0.008, count.sum())
    age = np.clip((1 - at) / (1 - bare), 0.02, 1)
    length = np.minimum(0.03 + age**0.75, 1.3 - 0.32 * age) * rng.uniform(0.78, 1.12, len(at))
    droop = np.clip(-0.75 + 1.35 * age**0.6, -0.8, 0.45) + rng.normal(0, 0.08, len(at))
    return at, length, droop


def _boughs(
    z: Floats, reach: Floats, droop: Floats, stem: Floats, needles: Material, rng: np.random.Generator
) -> Shape:
    """Flat fans of needle sprays along arched branches, tips turned up."""
    n = len(z)
    heading = np.arange(n) * 2.4 + rng.normal(0, 0.25, n)
    root = np.stack([np.interp(z, stem[:, 2], stem[:, k]) for k in (0, 1)] + [z], 1)
    paths, sides = arcs(root, heading, np.pi / 2 + droop + 0.12, np.full(n, -0.3), reach, knots=9)
    wooden = ribbons(paths[:, ::4], sides, np.tile([0.09, 0.05, 0.02], (n, 1)) * (reach / reach.max())[:, None], BRANCH)
    count = np.clip((reach / reach.max() * 12).astype(int) + 6, 6, 16)
    owner = np.repeat(np.arange(n), count)
    place = np.concatenate([(np.arange(c) + 0.6) / c for c in count]) * 0.86 + 0.14 + rng.normal(0, 0.02, len(owner))
    hand = np.concatenate([np.arange(c) % 2 * 2.0 - 1 for c in count])
    knot = np.clip(place, 0, 1) * 8
    low = np.minimum(knot.astype(int), 7)
    spine = paths[owner, low] + (paths[owner, low + 1] - paths[owner, low]) * (knot - low)[:, None]
    ahead = unit(paths[owner, low + 1] - paths[owner, low])
    # Side sprays are longest in the middle of a bough: its outline is a feather, and its end is one spray ahead.
    swing = np.where(place > 0.93, 0.1, 0.95)[:, None] * hand[:, None] * sides[owner]
    along = unit(ahead + swing + rng.normal(0, 0.2, ahead.shape) - 0.42 * UP)
    size = (0.3 + 0.36 * (reach[owner] / reach.max()) ** 0.7) * (1.15 - 0.45 * np.abs(2 * place - 0.9))
    size *= reach.max() / 2.1
    facing = unit(np.cross(np.cross(ahead, UP), ahead) + 0.5 * ahead + rng.normal(0, 0.35, ahead.shape))
    sprays = sprigs(spine, along, facing, size, needles, rng, width=0.2, splay=0.34)
    outward = unit(np.repeat(spine - np.column_stack([0 * z, 0 * z, z - 0.6 * reach])[owner], 2, 0))
    return join([wooden, lit_as(sprays, outward + 0.35 * UP, 0.65)])


def _core(low: float, height: float, radius: float, dark: Material) -> Shape:
    """The dark inside: a cone with a ripple for each few whorls, so that no look passes through the tree."""
    t = np.linspace(0, 0.86, 17)
    ripple = 1 + 0.14 * (np.arange(17) % 2 * 2 - 1)
    cone = radius * (1 - t / 0.9) ** 0.9 * ripple * np.minimum(1, 0.25 + 9 * t)
    body = lathe([(r, low + s * (height - low)) for r, s in zip(cone, t, strict=True)], dark, sides=11)

    def rough(p: Array) -> Floats:
        bump = 1 + 0.25 * value_noise(p * 1.3, seed=9)
        return p * np.stack([bump, bump, np.ones(len(p))], 1)

    body = body.mapped(rough)
    return lit_as(body, body.triangles.mean(1) * (1 - UP) - 0.1 * UP, 1.0)


def _dead_branches(height: float, girth: float, scale: float, rng: np.random.Generator) -> list[Shape]:
    """Short dry snags on the bare part of the stem."""
    stubs = []
    for z in rng.uniform(0.3, 1.1, 5) * height:
        a = rng.uniform(0, 2 * np.pi)
        side = np.array([np.cos(a), np.sin(a), rng.uniform(-0.25, 0.05)])
        path = np.array([0, 0, z]) + np.outer([0.6 * girth, girth + 0.6 * rng.uniform(0.3, 1) * scale], side)
        stubs.append(tube(path, [0.022 * scale, 0.008 * scale], BRANCH, sides=3))
    return stubs


def _flame(t: Floats) -> Floats:
    """A cypress' outline: radius share at height share `t`."""
    return np.sin(np.pi * np.clip(0.16 + 0.84 * t, 0, 1) ** 0.8) ** 0.75


def _needles(colour: Rgb) -> Material:
    """Needle sprays: bluish green with yellower young ends."""
    r, g, b = colour
    return Material("needles", colour, "leaf", 1.0, 0.32, (r * 1.3, g * 1.2, b), translucency=0.12, stretch=2.5)


CLASSES = (
    ThingClass(
        "pine",
        ("pine", "pine tree", "fir", "fir tree", "spruce", "spruce tree", "conifer", "evergreen", "larch", "cedar",
         "redwood", "sequoia", "hemlock", "yew", "christmas tree"),
        pine, footprint=2.0, height=11.0, kinds=("tree", "plant"), variants=5, colour="green", material="needles",
    ),
    ThingClass(
        "cypress",
        ("cypress", "cypress tree", "juniper", "thuja"),
        cypress, footprint=1.0, height=9.0, kinds=("tree", "plant"), variants=3, colour="green", material="needles",
    ),
)  # fmt: skip
