"""Trees with leaves: broadleaf, birch, willow, palm, and the dead tree.

Crowns are bodies of leaves first: clumps are set out in the tree's outline, branches grow into them by space
colonisation, and leaf cards cover their outer layers.
"""

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, cards, join, lathe, tube
from splatworld.generate.procedural.snow import snowed
from splatworld.generate.procedural.things.growth import (
    UP,
    Clumps,
    Floats,
    Skeleton,
    colonised,
    display,
    foliage,
    fronds,
    lit_as,
    painted,
    rooted,
    shade,
    unit,
    varied,
    wood,
)
from splatworld.palette import Rgb

BARK = Material("bark", display(92, 78, 64), "bark", 0.5, 0.45, display(78, 84, 52), stretch=2.0)
BIRCH_BARK = Material("bark", display(206, 202, 192), "birch", 0.8, 0.18, display(44, 40, 38))
GREY_WOOD = Material("wood", display(132, 124, 114), "bark", 0.4, 0.4, display(96, 88, 78), stretch=2.5)

# Display values of leaves by season; a crown is dealt several of them.
LEAVES = {
    "spring": ((104, 132, 58), (88, 120, 52)),
    "summer": ((82, 99, 48), (68, 88, 44)),
    "autumn": ((192, 150, 62), (160, 134, 62), (176, 110, 52), (142, 70, 44)),
}
BLOSSOM = ((214, 188, 190), (208, 162, 172))


def broadleaf(request: Request, rng: np.random.Generator) -> Shape:
    """An oak-like tree: short trunk with roots, forking limbs, a wide crown of clumps."""
    scale = request.size * rng.uniform(0.9, 1.1)
    height, wide = 9.0 * scale * request.tall, 3.5 * scale * rng.uniform(0.88, 1.12)
    middle, tall = 0.62 * height, 0.38 * height
    lean = rng.normal(0, 0.25 * scale, 2)
    crown = _crown(13, np.array([*lean, middle]), np.array([wide, wide, tall]), 0.4, rng)
    trunk = _trunk(0.24 * height, 0.25 * scale, rng)
    bare = request.season == "winter"
    skeleton = _branching(crown, trunk, 0.42 * scale, rng, bare=bare)
    radii = skeleton.radii(0.02 * scale)
    radii *= 0.24 * scale / radii[0]
    thinnest, stride = (0.02, 2) if bare else (0.045, 3)
    limbs = wood(skeleton, radii, BARK, thinnest=thinnest * scale, stride=stride)
    limbs = rooted(limbs, 0.24 * scale, rng)
    if bare:
        return snowed(join([limbs, _twigs(skeleton, 1300, 0.6 * scale, BARK, rng)]), request.snow)
    leaves = _leaves(request, rng, blossoms=0.5)
    points, out, _ = crown.on_shell(1550, rng)
    sizes = rng.uniform(0.34, 0.54, len(points)) * scale
    cover = foliage(points, out, np.array([0, 0, middle - 0.3 * tall]), sizes, leaves, rng)
    return snowed(join([limbs, crown.hull(_dark(leaves[-1]), rng), cover]), request.snow)


def birch(request: Request, rng: np.random.Generator) -> Shape:
    """A slender white stem that runs to the top, and an airy, hanging crown."""
    scale = request.size * rng.uniform(0.9, 1.1)
    height, wide = 9.6 * scale * request.tall, 1.55 * scale * rng.uniform(0.9, 1.15)
    crown = _crown(16, np.array([0, 0, 0.62 * height]), np.array([wide, wide, 0.34 * height]), 0.42, rng)
    trunk = _trunk(0.93 * height, 0.2 * scale, rng, knots=20)
    bare = request.season == "winter"
    skeleton = _branching(crown, trunk, 0.38 * scale, rng, lift=0.35, bare=bare)
    radii = skeleton.radii(0.012 * scale)
    radii = np.maximum(radii * 0.12 * scale / radii[0], 0.01 * scale)
    limbs = rooted(wood(skeleton, radii, BIRCH_BARK, thinnest=0.013 * scale), 0.12 * scale, rng, flare=0.5)
    if bare:
        return snowed(join([limbs, _twigs(skeleton, 1200, 0.55 * scale, BARK, rng, hang=0.5)]), request.snow)
    leaves = _leaves(request, rng, golden=True)
    points, out, _ = crown.on_shell(1150, rng, inner=0.5)
    sizes = rng.uniform(0.24, 0.4, len(points)) * scale
    cover = foliage(points, out, np.array([0, 0, 0.5 * height]), sizes, leaves, rng, width=0.45, droop=1.1)
    return snowed(join([limbs, crown.hull(_dark(leaves[-1]), rng, share=0.5), cover]), request.snow)


def willow(request: Request, rng: np.random.Generator) -> Shape:
    """A broad dome whose long twigs hang down like curtains."""
    scale = request.size * rng.uniform(0.9, 1.1)
    height, wide = 7.6 * scale * request.tall, 3.3 * scale
    crown = _crown(11, np.array([0, 0, 0.72 * height]), np.array([wide, wide, 0.24 * height]), 0.45, rng)
    trunk = _trunk(0.3 * height, 0.3 * scale, rng)
    skeleton = _branching(crown, trunk, 0.5 * scale, rng)
    radii = skeleton.radii(0.02 * scale)
    radii *= 0.3 * scale / radii[0]
    limbs = rooted(wood(skeleton, radii, BARK, thinnest=0.018 * scale), 0.3 * scale, rng)
    points, out, _ = crown.on_shell(360, rng)
    if request.season == "winter":
        return snowed(join([limbs, _curtain(points, out, height, (BARK,), 0.04, rng)]), request.snow)
    leaves = _leaves(request, rng, golden=True)
    hull = crown.hull(_dark(leaves[-1]), rng, share=0.58)
    tops, up, _ = crown.on_shell(330, rng)
    sizes = rng.uniform(0.34, 0.5, len(tops)) * scale
    dome = foliage(tops, up, np.array([0, 0, 0.5 * height]), sizes, leaves, rng, width=0.3, droop=0.9)
    return snowed(join([limbs, hull, dome, _curtain(points, out, height, leaves, 0.18, rng)]), request.snow)


def palm(request: Request, rng: np.random.Generator) -> Shape:
    """A leaning ringed stem with a head of feathered fronds."""
    scale = request.size * rng.uniform(0.85, 1.15)
    height = 6.6 * scale * request.tall
    azimuth, lean = rng.uniform(0, 2 * np.pi), rng.uniform(0.04, 0.2) * height
    t = np.linspace(0, 1, 15)
    path = np.stack([np.cos(azimuth) * lean * t**1.7, np.sin(azimuth) * lean * t**1.7, height * t], 1)
    girth = scale * (0.13 + 0.11 * np.exp(-9 * t)) * (1 + 0.1 * (np.arange(15) % 2))
    bark = Material("bark", display(124, 106, 84), "bark", 0.3, 0.35, display(92, 78, 60))
    head = path[-1]
    colour = request.colour or varied(display(86, 112, 52), rng, 0.08)
    green = Material("leaf", colour, "leaf", 0.8, 0.3, display(150, 140, 72), translucency=0.35, stretch=2.5)
    nut = lathe([(0.02, -0.14), (0.1, -0.06), (0.1, 0.04), (0.02, 0.12)], bark, sides=6)
    around = np.arange(5) * 1.3
    spots = head + scale * np.stack([0.2 * np.cos(around), 0.2 * np.sin(around), np.full(5, -0.12)], 1)
    nuts = [nut.at(float(x), float(y), float(z), scale=scale) for x, y, z in spots]
    return snowed(join([tube(path, girth, bark, sides=9), *nuts, _fronds(head, scale, green, rng)]), request.snow)


def dead_tree(request: Request, rng: np.random.Generator) -> Shape:
    """A grey, twisted, broken tree without a leaf."""
    scale = request.size * rng.uniform(0.9, 1.1)
    height = 6.6 * scale * request.tall
    crown = _crown(9, np.array([0, 0, 0.68 * height]), np.array([1.9, 1.9, 0.28 * height / scale]) * scale, 0.4, rng)
    attractors = crown.centres[rng.integers(0, 9, 110)] + rng.normal(0, 0.45 * scale, (110, 3))
    skeleton = colonised(attractors, _trunk(0.42 * height, 0.6 * scale, rng), step=0.3 * scale, reach=9 * scale)
    bend = rng.normal(0, 0.07 * scale, skeleton.points.shape) * (skeleton.points[:, 2:] > 0.4 * scale)
    skeleton = Skeleton(skeleton.points + bend, skeleton.parents)
    radii = skeleton.radii(0.022 * scale, exponent=2.1)
    radii *= 0.23 * scale / radii[0]
    limbs = wood(skeleton, radii, painted(GREY_WOOD, request.colour), thinnest=0.0)
    return snowed(rooted(limbs, 0.23 * scale, rng, flare=1.1), request.snow)


def _crown(count: int, centre: Floats, radii: Floats, size: float, rng: np.random.Generator) -> Clumps:
    """`count` clumps spread evenly through an ellipsoid and out to its surface; `size` is their share of its radii."""
    tries = unit(rng.normal(size=(300, 3))) * rng.uniform(0.25, 1, (300, 1)) ** 0.4
    tries = tries[tries[:, 2] > -0.85]
    chosen = [0]
    gap = np.full(len(tries), np.inf)
    for _ in range(count - 1):
        gap = np.minimum(gap, np.linalg.norm(tries - tries[chosen[-1]], axis=1))
        chosen.append(int(gap.argmax()))
    spread = tries[chosen]
    own = size * rng.uniform(0.7, 1.25, (count, 1)) * np.array([1, 1, 0.85])
    mean = radii.mean() * 0.35 + radii * 0.65
    return Clumps(centre + spread * radii * (1 - 0.8 * size), own * mean)


def _trunk(height: float, wander: float, rng: np.random.Generator, knots: int = 7) -> Floats:
    """The stem's line [knots, 3] from a little below the ground up, wandering sideways by about `wander`."""
    z = np.linspace(0, height, knots)
    phase, drift = rng.uniform(0, 2 * np.pi, 2), rng.normal(0, wander, 2)
    sway = 0.35 * wander * (np.sin(np.stack([z, z], 1) * 2.2 / max(height, 0.1) * 2 + phase) - np.sin(phase))
    return np.column_stack([sway + drift * (z / height)[:, None] ** 1.5, z])


def _branching(
    crown: Clumps, trunk: Floats, step: float, rng: np.random.Generator, *, lift: float = 0.1, bare: bool = False
) -> Skeleton:
    """Limbs from the trunk into every clump; a bare crown shows them all, so they reach further and fork more."""
    owner = np.repeat(np.arange(len(crown.centres)), 34 if bare else 12)
    inside = unit(rng.normal(size=(len(owner), 3))) * rng.uniform(0, 1.1 if bare else 0.85, (len(owner), 1))
    points = crown.centres[owner] + inside * crown.radii[owner]
    return colonised(points, trunk, step=step, reach=30 * step, lift=lift)


def _twigs(
    skeleton: Skeleton, count: int, length: float, bark: Material, rng: np.random.Generator, hang: float = 0.0
) -> Shape:
    """Winter: a fine spray of twigs at the branches' outer parts."""
    thin = np.flatnonzero(skeleton.radii(1.0) < 2.2)
    node = rng.choice(thin[thin > 0], count)
    limb = unit(skeleton.points[node] - skeleton.points[skeleton.parents[node]])
    along = unit(limb + 0.9 * unit(rng.normal(size=(count, 3))) + (0.25 - hang) * UP)
    lengths = length * rng.uniform(0.5, 1.2, count)
    centres = skeleton.points[node] + along * lengths[:, None] * 0.42
    facing = unit(np.cross(along, rng.normal(size=(count, 3))))
    return cards(centres, along, facing, lengths, 0.05 * lengths, bark)


def _curtain(
    points: Floats, out: Floats, height: float, materials: tuple[Material, ...], width: float, rng: np.random.Generator
) -> Shape:
    """Strands of hanging cards below `points`, longest at the crown's edge, ending above the ground."""
    edge = np.clip(np.linalg.norm(points[:, :2], axis=1) / np.linalg.norm(points[:, :2], axis=1).max(), 0, 1)
    reach = np.minimum(height * rng.uniform(0.2, 0.62, len(points)) * edge**1.5, points[:, 2] - 0.06 * height)
    count = np.clip((reach / 0.36).astype(int), 1, 9)
    strand = np.repeat(np.arange(len(points)), count)
    place = np.concatenate([np.arange(c) + 0.3 for c in count]) * 0.36
    sway = unit(out * [1, 1, 0])[strand] * 0.25 * np.sqrt(place)[:, None]
    centres = points[strand] + sway - np.stack([0 * place, 0 * place, place], 1)
    hung = foliage(
        centres, unit(out * [1, 1, 0.3])[strand], np.array([0, 0, 0.55 * height]), rng.uniform(0.42, 0.72, len(strand)),
        materials, rng, width=width, droop=4.0,
    )  # fmt: skip
    return hung


def _fronds(head: Floats, scale: float, green: Material, rng: np.random.Generator, count: int = 19) -> Shape:
    """Feathered leaves in a spiral round the palm's head: the young ones upright, the old ones hanging."""
    age = (np.arange(count) + 0.5) / count
    heading = np.arange(count) * 2.4 + rng.normal(0, 0.15, count)
    lengths = scale * (2.5 + 0.6 * np.sin(np.pi * age)) * rng.uniform(0.9, 1.1, count)
    leaflet = 0.25 * np.sin(np.pi * (0.15 + 0.8 * np.linspace(0.07, 1, 15))) ** 0.7
    feathers = fronds(
        np.tile(head, (count, 1)), heading, 0.25 + 1.15 * age, 1.15 + 0.35 * age, lengths, leaflet, green, rng,
        width=0.17 * scale, hang=0.6,
    )  # fmt: skip
    return lit_as(feathers, (0, 0, 1), 0.35)


def _leaves(
    request: Request, rng: np.random.Generator, *, blossoms: float = 0.0, golden: bool = False
) -> tuple[Material, ...]:
    """Leaf materials for the season: two or three tones, dealt in drifts.

    A share `blossoms` of trees blooms in spring; `golden` ones do not turn red in autumn.
    """
    shown = LEAVES.get(request.season, LEAVES["summer"])[: 2 if golden else 4]
    tones = [display(*shown[i]) for i in rng.permutation(len(shown))[:3]]
    if request.season == "spring" and rng.random() < blossoms:
        tones = [*(display(*c) for c in BLOSSOM), tones[0]]
    if request.colour is not None:
        tones = [request.colour, varied(request.colour, rng, 0.06)]
    tint = varied((1.0, 1.0, 1.0), rng, 0.07 if request.colour is None else 0.0)
    return tuple(_leaf((r * tint[0], g * tint[1], b * tint[2])) for r, g, b in tones)


def _leaf(colour: Rgb) -> Material:
    """Leaves of one tone, with sunlit yellower ones among them."""
    r, g, b = colour
    return Material("leaf", colour, "leaf", 1.2, 0.3, (r * 1.35, g * 1.18, b), translucency=0.3, stretch=1.4)


def _dark(leaf: Material) -> Material:
    """The same leaves deep in the crown."""
    return Material("leaf", shade(leaf.colour, 0.31), "leaf", 0.3, 0.6)


TREE = ("tree", "plant")
CLASSES = (
    ThingClass(
        "broadleaf",
        ("broadleaf", "tree", "oak", "oak tree", "maple", "maple tree", "beech", "beech tree", "linden", "lime tree",
         "elm", "elm tree", "ash tree", "chestnut", "chestnut tree", "walnut tree", "apple tree", "cherry tree",
         "pear tree", "plum tree", "orange tree", "lemon tree", "fruit tree", "olive tree", "hornbeam", "sycamore",
         "deciduous tree", "broadleaf tree", "broadleaved tree", "leafy tree", "shade tree"),
        broadleaf, footprint=2.7, height=9.0, kinds=TREE, variants=5, colour="green", material="leaf",
    ),
    ThingClass(
        "birch",
        ("birch", "birch tree", "silver birch", "white birch", "aspen", "aspen tree", "poplar", "poplar tree", "alder"),
        birch, footprint=1.5, height=10.0, kinds=TREE, variants=5, colour="green", material="leaf",
    ),
    ThingClass(
        "willow",
        ("willow", "willow tree", "weeping willow", "weeping tree"),
        willow, footprint=3.0, height=8.0, kinds=TREE, variants=3, colour="green", material="leaf",
    ),
    ThingClass(
        "palm",
        ("palm", "palm tree", "coconut palm", "coconut tree", "date palm"),
        palm, footprint=0.8, height=8.0, kinds=TREE, variants=4, colour="green", material="leaf",
    ),
    ThingClass(
        "dead_tree",
        ("dead tree", "bare tree", "withered tree", "leafless tree", "burnt tree", "snag", "gnarled tree"),
        dead_tree, footprint=1.2, height=6.6, kinds=TREE, variants=4, colour="grey", material="wood",
    ),
)  # fmt: skip
