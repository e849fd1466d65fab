"""What grows near the ground: bush, flowers, grass, fern, reeds, mushroom, cactus, and what is left of trees."""

from dataclasses import replace

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Array, Shape, cards, join, lathe, tube
from splatworld.generate.procedural.snow import snowed
from splatworld.generate.procedural.things.blooms import daisies, poppies, spikes, tulips
from splatworld.generate.procedural.things.growth import (
    UP,
    Clumps,
    Floats,
    arcs,
    display,
    foliage,
    fronds,
    lit_as,
    painted,
    ribbons,
    rooted,
    shade,
    unit,
    varied,
)
from splatworld.geometry import Similarity
from splatworld.noise import value_noise
from splatworld.palette import Rgb

BARK = Material("bark", display(92, 78, 64), "bark", 0.5, 0.45, display(74, 84, 48), stretch=2.0)
TWIG = Material("bark", display(88, 70, 56), "plain", 0.3, 0.3, stretch=3.0)
PALE_WOOD = Material("wood", display(182, 152, 112), "plain", 0.15, 0.3)
RED_WOOD = Material("wood", display(152, 116, 80), "plain", 0.15, 0.3)

GREENS = {
    "spring": display(92, 124, 52),
    "summer": display(80, 102, 46),
    "autumn": display(122, 104, 58),
    "winter": display(104, 96, 66),
}
SHRUBS = {**GREENS, "autumn": display(146, 92, 48), "winter": display(74, 86, 52)}
STRAW = display(164, 146, 100)
PETALS = (
    display(196, 52, 38), display(226, 220, 204), display(224, 180, 56), display(86, 98, 172), display(146, 106, 176),
    display(210, 128, 152),
)  # fmt: skip


def bush(request: Request, rng: np.random.Generator) -> Shape:
    """A round body of small leaves; in winter half of them are gone and the twigs show."""
    scale = request.size * rng.uniform(0.85, 1.15)
    n = int(rng.integers(4, 7))
    angle = np.arange(n) * 2.4 + rng.uniform(0, 6)
    away = np.linspace(0, 0.44, n) * scale
    tall = scale * rng.uniform(0.38, 0.5, n) * (1.15 - 0.7 * np.linspace(0, 0.44, n))
    centres = np.stack([away * np.cos(angle), away * np.sin(angle), tall * 0.98 * request.tall], 1)
    wide = scale * rng.uniform(0.34, 0.46, n)
    body = Clumps(centres, np.stack([wide, wide, tall * request.tall], 1))
    leaf = replace(_green(request, rng, SHRUBS), stretch=1.3)
    dark = Material("leaf", shade(leaf.colour, 0.32), "leaf", 0.25, 0.6)
    bare = request.season == "winter"
    points, out, _ = body.on_shell(200 if bare else 330, rng, inner=0.7)
    points[:, 2] = np.abs(points[:, 2])
    sizes = rng.uniform(0.13, 0.23, len(points)) * scale
    leaves = foliage(points, out, np.array([0, 0, 0.2 * scale]), sizes, (leaf,), rng, droop=0.2)
    hull = body.hull(dark, rng, share=0.6 if bare else 0.72)
    ends, way, _ = body.on_shell(60, rng)
    length = np.linalg.norm(ends, axis=1)
    twigs = cards(ends * 0.62, ends, np.cross(ends, way[:, [1, 2, 0]]), 0.8 * length, 0.018 * scale, TWIG)
    whole = join([hull, twigs, leaves]).mapped(lambda p: np.maximum(p, [-9e9, -9e9, -0.02]))
    return snowed(whole, request.snow)


def flowers(request: Request, rng: np.random.Generator) -> Shape:
    """A clump of one kind of flower: daisies, poppies, tulips or spikes, on stems among leaves."""
    scale = request.size * rng.uniform(0.9, 1.1)
    n = int(rng.integers(7, 11))
    bases = _disc(n, 0.24 * scale, rng)
    heading, lengths = rng.uniform(0, 6.28, n), scale * request.tall * rng.uniform(0.28, 0.46, n)
    paths, sides = arcs(bases, heading, rng.uniform(0, 0.25, n), rng.uniform(-0.1, 0.45, n), lengths, knots=4)
    green = _green(request, rng, GREENS, paint=False)
    stems = ribbons(paths, sides, np.tile([0.016, 0.014, 0.012, 0.01], (n, 1)) * scale, green)
    colour = request.colour or varied(PETALS[rng.integers(len(PETALS))], rng, 0.08)
    petal = Material("petal", colour, "plain", 0.3, 0.2, translucency=0.35)
    head = (daisies, daisies, poppies, tulips, spikes)[rng.integers(5)]
    up = unit(unit(paths[:, -1] - paths[:, -2]) + rng.normal(0, 0.3, (n, 3)))
    blooms = head(paths[:, -1], up, scale * rng.uniform(0.85, 1.15, n), petal)
    leaves = _blades(22, 0.26 * scale, scale * request.tall * 0.3, 0.03 * scale, green, rng)
    return snowed(join([lit_as(stems, UP), leaves, blooms]), request.snow)


def grass(request: Request, rng: np.random.Generator) -> Shape:
    """A tuft of bent blades, some of them dry."""
    scale = request.size * rng.uniform(0.85, 1.15)
    tall = 0.5 * scale * request.tall
    green = _green(request, rng, GREENS)
    dry = Material("leaf", varied(STRAW, rng, 0.06), "leaf", 0.4, 0.25, translucency=0.3, stretch=3.0)
    share = {"spring": 2, "summer": 6, "autumn": 16, "winter": 18}.get(request.season, 6)
    fresh = _blades(36 - share, 0.26 * scale, tall, 0.022 * scale, green, rng)
    old = _blades(share, 0.24 * scale, 1.1 * tall, 0.018 * scale, green if request.colour else dry, rng)
    return snowed(join([fresh, old]), request.snow)


def fern(request: Request, rng: np.random.Generator) -> Shape:
    """A shuttlecock of feathered fronds."""
    scale = request.size * rng.uniform(0.85, 1.15)
    n = int(rng.integers(10, 13))
    heading = np.arange(n) * 2.4 + rng.normal(0, 0.2, n)
    lengths = scale * rng.uniform(0.62, 0.95, n)
    lean, curl = rng.uniform(0.15, 0.75, n), rng.uniform(0.7, 1.25, n)
    leaflet = 0.25 * (1 - np.linspace(0.02, 0.97, 10)) ** 0.8 + 0.02
    green = _green(request, rng, GREENS)
    heads = _disc(n, 0.04 * scale, rng)
    feathers = fronds(heads, heading, lean, curl, lengths, leaflet, green, rng, width=0.055 * scale, hang=0.15)
    stretched = feathers.mapped(lambda p: np.maximum(p, [-9e9, -9e9, 0]) * [1, 1, request.tall])
    return snowed(lit_as(stretched, UP, 0.5), request.snow)


def reeds(request: Request, rng: np.random.Generator) -> Shape:
    """Upright blades and brown-headed stems, for the water's edge."""
    scale = request.size * rng.uniform(0.85, 1.12)
    tall = 1.75 * scale * request.tall
    green = _green(request, rng, GREENS)
    n = 26
    lean, curl = rng.normal(0, 0.07, n), rng.uniform(0.0, 0.5, n) ** 1.5
    heading, lengths = rng.uniform(0, 6.28, n), tall * rng.uniform(0.5, 1, n)
    paths, sides = arcs(_disc(n, 0.34 * scale, rng), heading, lean, curl, lengths, knots=4)
    blades = ribbons(paths, sides, np.tile([0.026, 0.034, 0.026, 0.006], (n, 1)) * scale, green)
    brown = Material("seed", display(92, 60, 40), "plain", 0.1, 0.3)
    heads = []
    for x, y, _ in _disc(6, 0.26 * scale, rng):
        top = np.array([x * 1.3, y * 1.3, tall * rng.uniform(0.72, 0.98)])
        foot = np.array([x, y, 0.0])
        cut = foot + (top - foot) * np.array([[0.0], [0.86], [0.88], [1.0]])
        heads += [tube(cut[:2], 0.008 * scale, green, sides=3), tube(cut[2:], 0.026 * scale, brown, sides=5)]
    return snowed(join([lit_as(blades, UP, 0.5), *heads]), request.snow)


def mushroom(request: Request, rng: np.random.Generator) -> Shape:
    """A family of capped mushrooms; red ones wear white flecks."""
    red = request.colour is not None or rng.random() < 0.6
    colour = request.colour or (display(176, 44, 30) if red else display(138, 96, 62))
    cap = Material("cap", colour, "plain", 0.1, 0.25, gloss=0.2)
    pale = Material("stalk", display(214, 202, 178), "plain", 0.05, 0.2)
    family = []
    spots = _disc(int(rng.integers(2, 5)), 0.12, rng)
    for k, (x, y, _) in enumerate(spots):
        size = request.size * (1.0 if k == 0 else rng.uniform(0.4, 0.75))
        family.append(_toadstool(size, request.tall, cap, pale, red, rng).at(x * request.size, y * request.size))
    return snowed(join(family), request.snow)


def cactus(request: Request, rng: np.random.Generator) -> Shape:
    """A ribbed saguaro with raised arms."""
    scale = request.size * rng.uniform(0.8, 1.15)
    tall, girth = 3.2 * scale * request.tall, 0.24 * scale
    colour = request.colour or varied(display(86, 112, 68), rng, 0.08)
    skin = Material("cactus", colour, "leaf", 0.5, 0.22, shade(colour, 1.5), stretch=2.0)
    stem = np.outer(np.linspace(0, 1, 9), [0, 0, tall])
    parts = [_ribbed(stem, girth, skin, 14)]
    for k in range(int(rng.integers(1, 4))):
        azimuth, start = k * 2.3 + rng.uniform(0, 1), tall * rng.uniform(0.3, 0.52)
        ahead = np.array([np.cos(azimuth), np.sin(azimuth), 0])
        turn = np.linspace(0, np.pi / 2, 4)[:, None]
        out, lift = girth * 0.6 + 0.42 * scale * np.sin(turn), start + 0.3 * scale * (1 - np.cos(turn))
        elbow = ahead * out + UP * lift
        rise = elbow[-1] + np.outer(np.linspace(0.3, 1, 4) * tall * rng.uniform(0.2, 0.36), UP)
        parts.append(_ribbed(np.concatenate([elbow, rise]), 0.62 * girth, skin, 10))
    return snowed(join(parts), request.snow)


def stump(request: Request, rng: np.random.Generator) -> Shape:
    """What the saw left: roots, bark and a ringed cut."""
    scale = request.size * rng.uniform(0.85, 1.2)
    tall, girth = 0.5 * scale * request.tall, 0.27 * scale
    z = np.linspace(-0.02, 1, 7)
    body = lathe([(girth * (1.06 - 0.06 * t), tall * t) for t in z], painted(BARK, request.colour), sides=20)
    lean, seed = rng.uniform(-0.12, 0.12, 2), int(rng.integers(1 << 20))

    def weather(p: Array) -> Floats:
        furrow = 1 + 0.13 * value_noise(np.column_stack([p[:, :2] * 9 / scale, p[:, 2:] * 2.5 / scale]), seed=seed)
        slant = (p[:, :2] @ lean) * np.clip(p[:, 2] / tall, 0, 1)
        return np.column_stack([p[:, :2] * furrow[:, None], p[:, 2] + slant])

    whole = join([body, _cut(girth, 20).at(0, 0, tall)]).mapped(weather)
    return snowed(rooted(whole, girth, rng, flare=0.5, lobes=int(rng.integers(4, 7))), request.snow)


def log(request: Request, rng: np.random.Generator) -> Shape:
    """A fallen trunk along x with stubs of branches and sawn ends."""
    scale = request.size * rng.uniform(0.9, 1.1)
    long, girth = (request.length or 2.6) * scale / 2, 0.21 * scale
    x = np.linspace(-1, 1, 9)
    path = np.stack([x * long, 0.05 * scale * np.sin(2.4 * x + rng.uniform(0, 6)), np.full(9, girth)], 1)
    girths = girth * (1 - 0.1 * (x + 1)) * (1 + rng.normal(0, 0.03, 9))
    path[:, 2] = girths * 0.96
    bark = painted(BARK, request.colour)
    parts = [tube(path, girths, bark, sides=13)]
    for end, turn in ((0, (0.7071, 0.0, -0.7071, 0.0)), (-1, (0.7071, 0.0, 0.7071, 0.0))):
        side = -1.0 if end == 0 else 1.0
        place = (float(path[end, 0] + 0.004 * side), float(path[end, 1]), float(path[end, 2]))
        parts.append(_cut(float(girths[end]) * 1.01, 13).moved(Similarity(1.0, turn, place)))
    for at in rng.uniform(-0.7, 0.8, 3):
        a = rng.uniform(-0.2, 1.8)
        foot = np.array([at * long, np.interp(at, x, path[:, 1]), girth])
        out = np.array([0.35, np.cos(a), np.sin(a)]) * scale
        stub = foot + np.outer([0.1, 0.2, rng.uniform(0.26, 0.4)], out * [1, 1, 0.9])
        parts.append(tube(stub, np.array([0.06, 0.05, 0.03]) * scale, bark, sides=6))
    return snowed(join(parts).mapped(lambda p: p * [1, 1, request.tall]), request.snow)


def _blades(n: int, radius: float, tall: float, width: float, material: Material, rng: np.random.Generator) -> Shape:
    """A tuft of `n` blades from a disc: the outer ones lean out and bend further."""
    bases = _disc(n, 0.45 * radius, rng)
    outer = np.linalg.norm(bases[:, :2], axis=1) / (0.45 * radius)
    heading = np.arctan2(bases[:, 1], bases[:, 0]) + rng.normal(0, 0.5, n)
    lean, curl = 0.1 + 0.35 * outer + rng.normal(0, 0.08, n), rng.uniform(0.2, 1.1, n)
    paths, sides = arcs(bases, heading, lean, curl, tall * rng.uniform(0.6, 1.15, n), knots=3)
    widths = width * rng.uniform(0.8, 1.2, (n, 1)) * np.array([0.8, 1.0, 0.15])
    return lit_as(ribbons(paths, sides, widths, material), UP, 0.65)


def _toadstool(
    size: float, tall: float, cap: Material, pale: Material, flecks: bool, rng: np.random.Generator
) -> Shape:
    """One mushroom, 0.19 m tall at `size` 1."""
    h, r = 0.19 * size * tall, 0.085 * size
    stalk = lathe([(0.03 * size, 0), (0.022 * size, 0.5 * h), (0.018 * size, 0.8 * h)], pale, sides=6)
    t = np.linspace(0, 1, 5)
    dome = lathe([(r * np.cos(t_ * 1.5) + 0.0005, 0.72 * h + 0.3 * h * np.sin(t_ * 1.5708)) for t_ in t], cap, sides=11)
    gills = lathe([(0.012 * size, 0.78 * h), (r, 0.72 * h)], pale, sides=11)
    gills = replace(gills, faces=gills.faces[:, ::-1])
    parts = [stalk, dome, gills]
    if flecks:
        a, up = np.arange(9) * 2.4, np.linspace(0.15, 1.35, 9)
        spot = np.stack([r * np.cos(up) * np.cos(a), r * np.cos(up) * np.sin(a), 0.72 * h + 0.3 * h * np.sin(up)], 1)
        normal = unit((spot - [0, 0, 0.72 * h]) / np.array([r, r, 0.3 * h]) ** 2)
        along = unit(np.cross(normal, [0.3, 0.2, 1.0]))
        parts.append(cards(spot + 0.004 * size * normal, along, normal, 0.022 * size, 0.02 * size, pale))
    return join(parts).at(0, 0, yaw=float(rng.uniform(0, 6)))


def _ribbed(path: Floats, girth: float, skin: Material, sides: int) -> Shape:
    """A tube with a rounded end and a rib on every other side."""
    k = len(path)
    radii = girth * np.where(np.arange(k) < k - 2, 1.0, np.where(np.arange(k) == k - 2, 0.86, 0.34))
    bar = tube(path, radii, skin, sides=sides)
    axis = np.repeat(path, sides, 0)
    ribs = np.tile(np.where(np.arange(sides) % 2 == 0, 1.1, 0.82), k)[:, None]
    ring = bar.vertices[: k * sides]
    ring = (axis + (ring - axis) * ribs).astype(np.float32)
    return replace(bar, vertices=np.concatenate([ring, bar.vertices[k * sides :]]))


def _cut(girth: float, sides: int) -> Shape:
    """A sawn end facing up: bark rim and rings in two tones of wood."""
    edges = np.array([1.0, 0.92, 0.74, 0.6, 0.4, 0.26, 0.004]) * girth
    tones = (BARK, PALE_WOOD, RED_WOOD, PALE_WOOD, RED_WOOD, RED_WOOD)
    return join([lathe([(a, 0), (b, 0)], m, sides=sides) for a, b, m in zip(edges[:-1], edges[1:], tones, strict=True)])


def _disc(n: int, radius: float, rng: np.random.Generator) -> Floats:
    """`n` places on the ground, evenly spread over a disc: a sunflower spiral, jittered."""
    k = np.arange(n) + 0.5
    r, a = radius * np.sqrt(k / n), k * 2.39996 + rng.uniform(0, 6.28)
    return np.stack([r * np.cos(a), r * np.sin(a), np.zeros(n)], 1) + rng.normal(0, 0.08 * radius, (n, 3)) * [1, 1, 0]


def _green(request: Request, rng: np.random.Generator, by_season: dict[str, Rgb], *, paint: bool = True) -> Material:
    """The season's leaf, or the asked colour."""
    natural = varied(by_season.get(request.season, by_season["summer"]), rng, 0.09)
    colour = request.colour if paint and request.colour is not None else natural
    r, g, b = colour
    return Material("leaf", colour, "leaf", 0.5, 0.3, (r * 1.35, g * 1.18, b), translucency=0.3, stretch=2.0)


PLANT = ("plant",)
CLASSES = (
    ThingClass(
        "bush",
        ("bush", "shrub", "hedge", "bramble", "thicket", "undergrowth", "holly", "hazel", "elder", "gorse", "boxwood",
         "berry bush", "rose bush", "rosebush", "rhododendron", "hydrangea", "scrub", "sagebrush"),
        bush, footprint=0.7, height=1.2, kinds=PLANT, variants=5, colour="green", material="leaf",
    ),
    ThingClass(
        "flowers",
        ("flowers", "flower", "wildflower", "wild flower", "poppy", "daisy", "tulip", "lavender", "rose", "sunflower",
         "bluebell", "buttercup", "dandelion", "daffodil", "iris", "lily", "lupin", "lupine", "cornflower", "marigold",
         "violet", "crocus", "snowdrop", "heather", "blossom", "bloom", "flowerbed", "flower bed", "clover", "orchid"),
        flowers, footprint=0.3, height=0.45, kinds=PLANT, variants=6, colour="white", material="petal",
    ),
    ThingClass(
        "grass",
        ("grass", "tall grass", "long grass", "tuft", "tuft of grass", "grass tuft", "tussock", "wheat", "barley",
         "straw", "prairie grass", "dune grass", "beach grass", "blade of grass"),
        grass, footprint=0.25, height=0.45, kinds=PLANT, variants=6, colour="green", material="leaf",
    ),
    ThingClass(
        "fern", ("fern", "bracken"),
        fern, footprint=0.55, height=0.6, kinds=PLANT, variants=4, colour="green", material="leaf",
    ),
    ThingClass(
        "reeds",
        ("reeds", "reed", "rush", "bulrush", "cattail", "sedge", "papyrus", "bamboo", "cane"),
        reeds, footprint=0.35, height=1.7, kinds=PLANT, variants=4, colour="green", material="leaf",
    ),
    ThingClass(
        "mushroom",
        ("mushroom", "toadstool", "fungus", "fly agaric", "chanterelle", "bolete"),
        mushroom, footprint=0.2, height=0.2, kinds=PLANT, variants=4, colour="red", material="mushroom",
    ),
    ThingClass(
        "cactus",
        ("cactus", "saguaro", "cactus plant", "succulent"),
        cactus, footprint=0.6, height=3.2, kinds=PLANT, variants=4, colour="green", material="cactus",
    ),
    ThingClass(
        "stump",
        ("stump", "tree stump", "tree trunk stump", "chopping block"),
        stump, footprint=0.45, height=0.55, kinds=(), variants=3, colour="brown", material="wood",
    ),
    ThingClass(
        "log",
        ("log", "fallen tree", "fallen log", "driftwood", "fallen trunk", "tree trunk", "trunk", "timber"),
        log, footprint=1.3, height=0.5, kinds=(), variants=3, colour="brown", material="wood",
    ),
)  # fmt: skip
