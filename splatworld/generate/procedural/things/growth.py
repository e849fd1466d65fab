"""How plants grow: branching skeletons and the wood, leaves and blades on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball, cards, join, mesh, tube
from splatworld.geometry import Vec3
from splatworld.noise import value_noise
from splatworld.palette import Rgb, linear_from_display

UP = np.array([0.0, 0.0, 1.0])
Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A branching line drawing: each node but the first hangs on an earlier one."""

    points: NDArray[np.float64]
    """[n, 3] metres."""
    parents: NDArray[np.int64]
    """[n] index of the node before, always smaller than the node's own; -1 for the root."""

    def radii(self, tip: float, *, exponent: float = 2.3) -> NDArray[np.float64]:
        """[n] metres: `tip` at every end, and below a fork as thick as needed to carry both arms (da Vinci's rule)."""
        load = np.zeros(len(self.points))
        for node in range(len(self.points) - 1, 0, -1):
            load[node] = load[node] or tip**exponent
            load[self.parents[node]] += load[node]
        return np.maximum(load, tip**exponent) ** (1 / exponent)

    def chains(self, radii: Floats) -> list[list[int]]:
        """The limbs: runs of nodes that follow the thickest child, each starting at the fork where it leaves."""
        heir = np.full(len(self.points), -1)
        for node in range(1, len(self.points)):
            rival = heir[self.parents[node]]
            if rival < 0 or radii[node] > radii[rival]:
                heir[self.parents[node]] = node
        runs = []
        for node in range(len(self.points)):
            if node and heir[self.parents[node]] == node:
                continue
            run = [int(self.parents[node]), node] if node else [node]
            while heir[run[-1]] >= 0:
                run.append(int(heir[run[-1]]))
            runs.append(run)
        return runs


def colonised(attractors: Floats, trunk: Floats, *, step: float, reach: float, lift: float = 0.1) -> Skeleton:
    """Grow from `trunk` [k, 3] towards `attractors` [n, 3] by space colonisation (Runions, Lane & Prusinkiewicz 2007).

    Each attractor within `reach` pulls its nearest node; pulled nodes sprout one `step` long, bent up by `lift`; an
    attractor that has been reached is gone.
    """
    from scipy.spatial import KDTree

    points, parents = np.asarray(trunk, np.float64), np.arange(len(trunk)) - 1
    left = np.asarray(attractors, np.float64)
    for _ in range(60):
        distance, nearest = (np.asarray(a) for a in KDTree(points).query(left))
        left, nearest = left[distance > 1.2 * step], nearest[distance > 1.2 * step]
        near = np.linalg.norm(left - points[nearest], axis=1) < reach
        if not near.any():
            break
        pull = np.zeros_like(points)
        np.add.at(pull, nearest[near], unit(left[near] - points[nearest[near]]))
        growing = np.flatnonzero(np.linalg.norm(pull, axis=1) > 1e-6)
        sprouts = points[growing] + step * unit(unit(pull[growing]) + lift * UP)
        free = np.asarray(KDTree(points).query(sprouts)[0]) > 0.5 * step
        if not free.any():
            break
        points, parents = np.concatenate([points, sprouts[free]]), np.concatenate([parents, growing[free]])
    return Skeleton(points, parents)


def wood(skeleton: Skeleton, radii: Floats, material: Material, *, thinnest: float = 0.012, stride: int = 2) -> Shape:
    """Round limbs along the skeleton; limbs that start thinner than `thinnest` are left out."""
    limbs = []
    for run in skeleton.chains(radii):
        size = radii[run[min(1, len(run) - 1)]]
        if len(run) < 2 or size < thinnest:
            continue
        kept = np.array(sorted({*run[::stride], run[-1]}))
        # A side limb leaves its parent with its own thickness, not with the parent's.
        thick = np.minimum(radii[kept], size if run[0] else np.inf) * np.linspace(1, 0.4, len(kept))
        limbs.append(tube(skeleton.points[kept], thick, material, sides=8 if size > 0.1 else 4 if size > 0.04 else 3))
    return join(limbs)


def rooted(trunk: Shape, radius: float, rng: np.random.Generator, *, flare: float = 0.8, lobes: int = 5) -> Shape:
    """A trunk that stands at the origin, widened into `lobes` roots where it meets the ground."""
    phase = rng.uniform(0, 2 * np.pi)

    def widen(p: Floats) -> Floats:
        lobe = 1 + 0.45 * np.cos(lobes * np.arctan2(p[:, 1], p[:, 0]) + phase)
        near = np.exp(-((np.linalg.norm(p[:, :2], axis=1) / (2.5 * radius)) ** 4))
        grow = flare * lobe * near * np.exp(-np.maximum(p[:, 2], 0) / (1.6 * radius))
        return p * np.stack([1 + grow, 1 + grow, np.ones(len(p))], 1)

    return trunk.mapped(widen)


@dataclass(frozen=True, eq=False)
class Clumps:
    """The bodies that a crown is made of: ellipsoids of leaves."""

    centres: NDArray[np.float64]
    """[c, 3] metres."""
    radii: NDArray[np.float64]
    """[c, 3] half-axes in metres."""

    def on_shell(self, count: int, rng: np.random.Generator, *, inner: float = 0.66) -> tuple[Floats, Floats, Ints]:
        """About `count` places in the outer layers: points [n, 3], outward directions [n, 3], clump index [n].

        Places buried in another clump are dropped: nobody sees them.
        """
        share = (self.radii**2).mean(1)
        each = np.ceil(1.45 * count * share / share.sum()).astype(int)
        owner = np.repeat(np.arange(len(each)), each)
        # A sunflower spiral from pole to pole leaves no bald patch; the jitter hides the spiral.
        k = np.concatenate([np.arange(n) + 0.5 for n in each])
        height = 1 - 2 * k / each[owner]
        turn = 2.39996 * k + owner
        level = np.sqrt(1 - height**2)
        out = np.stack([level * np.cos(turn), level * np.sin(turn), height], 1)
        out = unit(out + rng.normal(0, 0.1, out.shape))
        swell = 1 + 0.22 * value_noise(out * 2.3 + owner[:, None] * 7.1, seed=3)
        points = self.centres[owner] + out * self.radii[owner] * (swell * rng.uniform(inner, 1.08, len(owner)))[:, None]
        apart = (points[:, None] - self.centres) / self.radii
        depth = np.linalg.norm(apart, axis=2)
        depth[np.arange(len(owner)), owner] = 9
        seen = rng.permutation(np.flatnonzero(depth.min(1) > 0.78))[:count]
        return points[seen], out[seen], owner[seen]

    def hull(self, material: Material, rng: np.random.Generator, *, share: float = 0.62) -> Shape:
        """The dark inside of the crown: a lump per clump, so that no look passes through the leaves."""
        lumps = []
        for centre, radii in zip(self.centres, self.radii, strict=True):
            rough = ball(1.0, material, subdivisions=1)
            bumps = 1 + rng.uniform(-0.16, 0.16, (len(rough.vertices), 1))
            lump = replace(rough, vertices=(rough.vertices * bumps * radii * share + centre).astype(np.float32))
            lumps.append(lump.shaded_from(tuple(centre), blend=0.8))
        return join(lumps)


def foliage(
    points: Floats,
    out: Floats,
    centre: Floats,
    lengths: Floats,
    materials: Sequence[Material],
    rng: np.random.Generator,
    *,
    width: float = 0.5,
    droop: float = 0.5,
    blend: float = 0.6,
) -> Shape:
    """A sprig of two leaves at each of `points` [n, 3], facing about `out` [n, 3] and hanging by `droop`.

    A leaf is one triangle, `lengths` [n] metres long and `width` times as wide. Light falls on it as on the soft body
    of its clump and, further out, of the crown round `centre`; `blend` is the share of that against its own tilt.
    The materials are dealt in drifts, so that colours come in sprays.
    """
    n = len(points)
    facing = unit(out + 0.7 * unit(rng.normal(size=(n, 3))) + 0.25 * UP)
    along = unit(unit(rng.normal(size=(n, 3))) + 0.5 * out - droop * UP)
    along = unit(along - 0.8 * facing * (along * facing).sum(1, keepdims=True))
    leaves = sprigs(points - 0.4 * lengths[:, None] * along, along, facing, lengths, materials[0], rng, width=width)
    body = unit(0.55 * out + 0.45 * unit(points - centre) + 0.1 * UP)
    light = np.repeat(unit(blend * body + (1 - blend) * facing), 2, 0).astype(np.float32)
    drift = value_noise(points * 0.9, seed=11) * 0.9 + rng.uniform(-1, 1, n)
    deal = np.clip(((drift * 0.5 + 0.5) * len(materials)).astype(np.int32), 0, len(materials) - 1)
    return replace(leaves, shading=light, material=np.repeat(deal, 2).astype(np.int32), materials=tuple(materials))


def sprigs(
    stalks: Floats,
    along: Floats,
    facing: Floats,
    lengths: Floats,
    material: Material,
    rng: np.random.Generator,
    *,
    width: float,
    splay: float = 0.55,
) -> Shape:
    """Two triangular leaves from each of `stalks` [n, 3], `splay` apart to either side of `along`, facing `facing`."""
    n = len(stalks)
    across = unit(np.cross(facing, along))
    pair = unit(np.stack([along + splay * across, along - splay * across], 1) + rng.normal(0, 0.15, (n, 2, 3)))
    stalk = np.repeat(stalks[:, None], 2, 1)
    longs = lengths[:, None, None] * rng.uniform(0.8, 1.15, (n, 2, 1))
    spread = np.stack([across, -across], 1) + 0.3 * facing[:, None]
    corners = np.stack([stalk, stalk + pair * longs, stalk + (0.5 * pair + width * spread) * longs], 2)
    corners[:, 0] = corners[:, 0, [0, 2, 1]]
    leaves = mesh(corners.reshape(-1, 3), np.arange(6 * n), material)
    return replace(leaves, grain=pair.reshape(-1, 3).astype(np.float32))


def ribbons(paths: Floats, sides: Floats, widths: Floats, material: Material) -> Shape:
    """Flat blades along `paths` [n, k, 3], as wide as `widths` [n, k] along the unit `sides` [n, 3]."""
    n, k, _ = paths.shape
    half = widths[..., None] * sides[:, None] / 2
    vertices = np.stack([paths - half, paths + half], 2).reshape(-1, 3)
    row = (2 * k * np.arange(n)[:, None] + 2 * np.arange(k - 1)).ravel()[:, None]
    faces = (row[:, None] + np.array([[0, 1, 3], [0, 3, 2]])).reshape(-1, 3)
    along = unit(np.repeat(np.diff(paths, axis=1).reshape(-1, 3), 2, 0))
    wide = np.repeat(np.broadcast_to((widths[:, 1:] + widths[:, :-1]) / 2, (n, k - 1)).ravel(), 2)
    return replace(mesh(vertices, faces, material), grain=along.astype(np.float32), width=wide.astype(np.float32))


def arcs(
    bases: Floats, heading: Floats, lean: Floats, curl: Floats, lengths: Floats, *, knots: int = 4
) -> tuple[Floats, Floats]:
    """Bent lines from `bases` [n, 3]: paths [n, knots, 3] and their sideways directions [n, 3].

    They start `lean` radians off the vertical towards the azimuth `heading` and bend over by `curl` radians on the way.
    """
    t = (np.arange(knots - 1) + 0.5) / (knots - 1)
    tilt = lean[:, None] + curl[:, None] * t
    ahead = np.stack([np.cos(heading), np.sin(heading), np.zeros_like(heading)], 1)
    steps = np.sin(tilt)[..., None] * ahead[:, None] + np.cos(tilt)[..., None] * UP
    walk = np.cumsum(steps * (lengths / (knots - 1))[:, None, None], axis=1)
    sides = np.stack([-np.sin(heading), np.cos(heading), np.zeros_like(heading)], 1)
    return np.concatenate([bases[:, None], bases[:, None] + walk], 1), sides


def fronds(
    heads: Floats,
    heading: Floats,
    lean: Floats,
    curl: Floats,
    lengths: Floats,
    leaflet: Floats,
    material: Material,
    rng: np.random.Generator,
    *,
    width: float,
    hang: float,
) -> Shape:
    """Feathers: ribs that arc out from `heads` [n, 3], with leaflets on both hands; palms and ferns.

    `leaflet` [k] are the leaflets' lengths along the rib, as a share of the rib's; `width` is theirs in metres; they
    droop by `hang`. The other arguments are those of `arcs`.
    """
    n, k = len(heads), len(leaflet)
    paths, sides = arcs(heads, heading, lean, curl, lengths, knots=k + 1)
    kept = np.unique(np.linspace(0, k, 4).astype(int))
    ribs = ribbons(paths[:, kept], sides, np.tile(np.linspace(0.5, 0.2, len(kept)) * width, (n, 1)), material)
    feather = [ribs]
    rib = unit(np.gradient(paths, axis=1))[:, 1:]
    for hand in (-1, 1):
        along = unit(hand * sides[:, None] + 0.75 * rib - hang * UP + rng.normal(0, 0.08, rib.shape)).reshape(-1, 3)
        size = (lengths[:, None] * leaflet).ravel() * rng.uniform(0.85, 1.1, n * k)
        facing = np.cross(rib.reshape(-1, 3), along) * hand
        middles = paths[:, 1:].reshape(-1, 3) + along * size[:, None] * 0.48
        feather.append(cards(middles, along, facing, size, width, material))
    return join(feather)


def lit_as(shape: Shape, direction: Floats | Vec3, blend: float = 0.7) -> Shape:
    """`shape` with its shading turned by `blend` from its own normals towards `direction` [3] or [f, 3]."""
    own = shape.normals
    aim = unit(np.broadcast_to(np.asarray(direction, np.float64), own.shape))
    own = np.where((own * aim).sum(1, keepdims=True) < 0, -own, own)
    return replace(shape, shading=unit(blend * aim + (1 - blend) * own).astype(np.float32))


def display(red: float, green: float, blue: float) -> Rgb:
    """Linear albedo of a colour given as display values 0 to 255."""
    r, g, b = (linear_from_display(c / 255) for c in (red, green, blue))
    return r, g, b


def painted(material: Material, colour: Rgb | None) -> Material:
    """`material` in the asked colour, if one was asked for."""
    return material if colour is None else replace(material, colour=colour, second=None)


def shade(colour: Rgb, share: float) -> Rgb:
    """`colour` times `share`."""
    r, g, b = colour
    return r * share, g * share, b * share


def varied(colour: Rgb, rng: np.random.Generator, amount: float = 0.12) -> Rgb:
    """`colour` a little lighter or darker and warmer or cooler: no two plants are quite the same green."""
    light, warm = np.exp(amount * np.clip(rng.normal(size=2), -1.3, 1.3))
    r, g, b = colour
    return r * light * warm, g * light, b * light / warm


def unit(v: Floats) -> NDArray[np.float64]:
    """Vectors [..., 3] scaled to length 1; zero stays zero."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)
