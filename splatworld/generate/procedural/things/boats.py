"""Afloat or drawn up ashore: boat, sailboat, canoe, raft. The waterline is at z = 0, the bow towards -Y."""

import math
from dataclasses import dataclass, replace

import numpy as np

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, join, mesh, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things.carpentry import Array
from splatworld.generate.procedural.things.stuff import STUFF, mottle, painted, stuff
from splatworld.palette import linear


@dataclass(frozen=True)
class Hull:
    """The form of a hull: `s` runs from stern (0) to bow (1), `v` from one gunwale (-1) over the keel."""

    length: float
    beam: float
    keel: float
    """Depth of the keel amidships below the waterline."""
    sheer: float
    """Height of the gunwale amidships above it."""
    bow: float
    """How much higher the gunwale is at the bow; half of that at the stern."""
    stern: float
    """Breadth of the transom as a share of the beam; 0 for a pointed stern."""

    def at(self, v: Array | float, s: Array | float, *, inset: Array | float = 0.0) -> Array:
        """Points on the skin, [..., 3]; `inset` metres inside it."""
        v, s = np.broadcast_arrays(np.asarray(v, float), np.asarray(s, float))
        fore = np.clip((s - 0.42) / 0.58, 0, 1)
        aft = np.clip((0.42 - s) / 0.42, 0, 1)
        half = self.beam / 2 * np.maximum((1 - fore**2.2) * (1 - (1 - self.stern) * aft**2.2), 0.012)
        top = self.sheer + self.bow * (fore**2 + 0.5 * aft**2)
        lift = fore**4 + (aft**4 if self.stern == 0 else 0.35 * aft**3)
        low = -self.keel + (self.keel + 0.35 * top) * lift
        angle = np.abs(v) * math.pi / 2
        x = np.sign(v) * np.maximum(
            half * np.sin(angle) ** 0.8 * (0.9 + 0.1 * np.abs(v)) - inset * np.minimum(1, half / 0.2), 0
        )
        z = low + inset * (1 - np.abs(v)) + (top - low - inset * (1 - np.abs(v))) * (1 - np.cos(angle) ** 0.85)
        rake = 0.06 * self.length * (fore**5) * (1 - np.cos(angle))
        return np.stack([x, self.length * (0.5 - s) - rake, z], -1)

    def skin(
        self, outside: Material, inside: Material, rng: np.random.Generator, *, strakes: int = 5, lap: float = 0.016
    ) -> Shape:
        """Lapped planks outside, smooth inside, closed at the gunwale; with the transom."""
        s = np.linspace(0, 1, 16)
        edges = np.linspace(0, 1, strakes + 1)
        # Each plank's lower edge stands over the one below it.
        v = np.repeat(edges, 2)[1:-1]
        out = np.tile([lap, 0.0], strakes)
        v = np.concatenate([-v[::-1], v])
        out = np.concatenate([out[::-1], out])
        outer = self.at(v[:, None], s[None, :], inset=-out[:, None])
        inner = self.at(v[:, None], s[None, :], inset=0.03)
        strip = np.repeat(np.arange(len(v) - 1) // 2, 2 * (len(s) - 1))
        planks = mottle(_sheet(outer, outside).with_grain((0, 1, 0)), strip, rng, spread=0.16)
        rim = [np.stack([inner[i], outer[i]]) for i in (0, -1)]
        lining = _sheet(inner[::-1], inside)
        parts = [planks, lining, _sheet(rim[0], outside), _sheet(rim[1][::-1], outside)]
        if self.stern > 0:
            u = np.linspace(-1, 1, 15)
            section = self.at(u, np.zeros(15))
            plate = c.prism([(x, z) for x, _, z in section], self.length / 2 - 0.045, self.length / 2 + 0.015, outside)
            parts.append(plate)
        return join(parts)

    def gunwale(self, wood: Material, *, width: float = 0.06) -> Shape:
        """Rails along both edges, the stem and the keel."""
        s = np.linspace(0.0, 1.0, 14)
        parts = []
        for v in (-1.0, 1.0):
            p = self.at(np.full(14, v), s)
            parts.append(c.beams(p[:-1], p[1:] + 0.006 * (p[1:] - p[:-1]), width, 0.045, wood))
        k = np.linspace(0.04, 1.0, 11)
        p = self.at(np.zeros(11), k) - [0, 0, 0.02]
        parts.append(c.beams(p[:-1], p[1:], 0.05, 0.07, wood))
        stem = self.at(np.linspace(0.0, 1.0, 6), np.ones(6)) + np.array([0, -0.02, 0.02])
        stem[:, 0] = 0
        parts.append(c.beams(stem[:-1], stem[1:], 0.06, 0.07, wood, up=(0, -1, 0)))
        return join(parts)

    def ribs(self, wood: Material, places: Array) -> Shape:
        """Frames that show inside."""
        v = np.linspace(-0.97, 0.97, 7)
        a, b = [], []
        for s in places:
            p = self.at(v, np.full(7, s), inset=0.035)
            a.append(p[:-1])
            b.append(p[1:])
        return c.beams(np.concatenate(a), np.concatenate(b), 0.04, 0.035, wood, up=(0.02, 1, 0.01))

    def thwart(self, s: float, drop: float, wood: Material, *, width: float = 0.24) -> Shape:
        """A seat across the hull, `drop` metres below the gunwale."""
        top = self.at(np.array(1.0), np.array(s))
        z, reach = float(top[2]) - drop, width / 2 / self.length
        v = np.linspace(0.3, 1.0, 15)
        # The narrowest place of the lining under the plank.
        skin = [self.at(v, np.full(15, u), inset=0.02) for u in (s - reach, s + reach)]
        half = min(float(np.interp(z - 0.035, p[:, 2], p[:, 0])) for p in skin)
        y = float(top[1])
        return c.blocks([(-half, y - width / 2, z - 0.035)], [(half, y + width / 2, z)], wood)


def _sheet(grid: Array, material: Material) -> Shape:
    """An open sheet over points [a, b, 3], row by row."""
    a, b = grid.shape[:2]
    i = np.arange(a * b).reshape(a, b)
    p, q, r, t = i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, 1:]
    faces = np.stack([np.stack([p, q, r], -1), np.stack([p, r, t], -1)], 2).reshape(-1, 3)
    return mesh(grid.reshape(-1, 3), faces, material)


def _boat(request: Request, rng: np.random.Generator) -> Shape:
    """A clinker rowing boat with ribs, thwarts, floor boards and oars."""
    outside = painted(stuff(request.material), request.colour)
    inside = STUFF["wood"] if request.colour else STUFF["pale wood"]
    hull = Hull(rng.uniform(4.0, 4.4), rng.uniform(1.45, 1.6), 0.2, 0.36, 0.3, 0.6)
    trim = painted(STUFF["pale wood"], linear("white")) if request.colour and rng.random() < 0.6 else STUFF["dark wood"]
    parts = [hull.skin(outside, inside, rng), hull.gunwale(trim), hull.ribs(inside, np.linspace(0.12, 0.86, 7))]
    parts += [hull.thwart(s, 0.13, STUFF["wood"]) for s in (0.3, 0.55)]
    parts += [hull.thwart(0.06, 0.1, STUFF["wood"], width=0.4), hull.thwart(0.83, 0.12, STUFF["wood"], width=0.3)]
    x = np.linspace(-0.33, 0.33, 5)
    y0, y1 = -0.26 * hull.length, 0.36 * hull.length
    floor = c.blocks(
        [(u - 0.07, y0, -0.13) for u in x],
        [(u + 0.07, y1, -0.1 + 0.004 * (k % 2)) for k, u in enumerate(x)],
        STUFF["grey wood"],
    )
    parts.append(mottle(floor, np.repeat(np.arange(5), 12), rng))
    for side in (-1, 1):
        rest = hull.at(np.array([side * 1.0]), np.array([0.42]))[0]
        parts.append(c.blocks(rest - [0.025, 0.05, 0.0], rest + np.array([0.025, 0.05, 0.07]), STUFF["metal"]))
        parts.append(_oar(2.3, STUFF["pale wood"]).at(side * 0.24, 0.95, 0.29, yaw=side * rng.uniform(0.02, 0.07)))
    turn = np.linspace(0, 5 * math.pi, 28)
    coil = np.column_stack(
        [(0.06 + 0.004 * turn) * np.cos(turn), (0.06 + 0.004 * turn) * np.sin(turn), 0.015 + 0.001 * turn]
    )
    bow = hull.at(np.array([1.0]), np.array([0.83]))[0]
    parts.append(tube(coil, 0.014, STUFF["rope"], sides=5).at(0, bow[1], bow[2] - 0.12))
    return join(parts)


def _oar(length: float, wood: Material) -> Shape:
    """From its handle at the origin towards -Y."""
    y = -length * np.array([0.0, 0.07, 0.08, 0.75])
    loom = tube(np.column_stack([np.zeros(4), y, np.zeros(4)]), [0.017, 0.017, 0.026, 0.021], wood, sides=7)
    blade = [(-0.025, 0.0), (0.025, 0.0), (0.075, 0.25), (0.07, 0.55), (-0.07, 0.55), (-0.075, 0.25)]
    flat = np.array([(x, -length * 0.72 - u, z) for z in (-0.011, 0.011) for x, u in blade])
    fan = [(0, i, i + 1) for i in range(1, 5)]
    sides = [t for i in range(6) for j in [(i + 1) % 6] for t in ((i, j, 6 + j), (i, 6 + j, 6 + i))]
    faces = fan + [(6 + a, 6 + d, 6 + b) for a, b, d in fan] + [t[::-1] for t in sides]
    return join([loom, mesh(flat, np.array(faces), wood)])


def _canoe(request: Request, rng: np.random.Generator) -> Shape:
    """Pointed at both ends, with thwarts, ribs and a paddle."""
    outside = painted(stuff(request.material), request.colour)
    hull = Hull(rng.uniform(4.4, 4.8), 0.86, 0.12, 0.24, 0.22, 0.0)
    parts = [
        hull.skin(outside, STUFF["pale wood"], rng, strakes=4, lap=0.004),
        hull.gunwale(STUFF["dark wood"], width=0.04),
    ]
    parts.append(hull.ribs(STUFF["pale wood"], np.linspace(0.12, 0.88, 8)))
    parts += [hull.thwart(s, 0.06, STUFF["wood"], width=w) for s, w in ((0.28, 0.2), (0.5, 0.07), (0.72, 0.2))]
    return join([*parts, _oar(1.5, STUFF["pale wood"]).at(0.1, 0.75, 0.2, yaw=0.12)])


def _sailboat(request: Request, rng: np.random.Generator) -> Shape:
    """A decked sloop with a small cabin, mainsail and jib."""
    outside = painted(stuff(request.material, "wood"), request.colour or linear("white"))
    hull = Hull(5.8, 2.0, 0.35, 0.62, 0.3, 0.62)
    parts = [hull.skin(outside, STUFF["pale wood"], rng, strakes=7, lap=0.008), hull.gunwale(STUFF["wood"], width=0.08)]
    stripe = [hull.at(np.full(19, v), np.linspace(0, 1, 19)) for v in (-0.9, 0.9)]
    for p in stripe:
        away = np.sign(p[9, 0]) * np.array([0.022, 0, 0])
        parts.append(c.beams((p + away)[:-1], (p + away)[1:], 0.03, 0.07, painted(STUFF["wood"], linear("navy"))))
    parts.append(_deck(hull))
    walls = painted(STUFF["wood"], linear("cream"))
    cabin = [((-0.55, -0.75, 0.58), (0.55, 0.65, 0.98)), ((-0.62, -0.85, 0.98), (0.62, 0.75, 1.03))]
    parts.append(c.blocks(cabin[0][0:1], cabin[0][1:2], walls))
    parts.append(c.blocks(cabin[1][0:1], cabin[1][1:2], STUFF["wood"]))
    glass = STUFF["lit glass" if request.night else "glass"]
    ports = [(s, y) for s in (-1, 1) for y in (-0.45, 0.0, 0.45)]
    parts.append(
        c.blocks(
            [(min(s * 0.54, s * 0.575), y - 0.12, 0.72) for s, y in ports],
            [(max(s * 0.54, s * 0.575), y + 0.12, 0.88) for s, y in ports],
            glass,
        )
    )
    parts += [_rig(rng), c.blocks([(-0.03, 2.85, -0.5)], [(0.03, 3.15, 0.75)], STUFF["wood"])]
    parts.append(c.beams([(0, 3.0, 0.78)], [(0.12, 1.9, 0.98)], 0.05, 0.05, STUFF["wood"]))
    parts.append(c.blocks([(-0.04, -0.9, -0.85)], [(0.04, 0.9, -0.3)], outside))
    return join(parts)


def _deck(hull: Hull) -> Shape:
    """A closed deck just below the gunwale, with a dark cockpit hatch aft."""
    s = np.linspace(0.0, 1.0, 15)
    left, right = (hull.at(np.full(15, v), s) - [0, 0, 0.05] for v in (-0.97, 0.97))
    grid = np.stack([left, (left + right) / 2 + [0, 0, 0.03], right])
    well = c.blocks([(-0.5, 1.15, 0.5)], [(0.5, 2.35, 0.735)], STUFF["dark wood"])
    rim = [
        ((-0.56, 1.1, 0.6), (-0.5, 2.4, 0.82)),
        ((0.5, 1.1, 0.6), (0.56, 2.4, 0.82)),
        ((-0.5, 1.1, 0.6), (0.5, 1.16, 0.82)),
        ((-0.5, 2.34, 0.6), (0.5, 2.4, 0.82)),
    ]
    seats = c.blocks([(-0.5, 1.3, 0.7), (0.28, 1.3, 0.7)], [(-0.28, 2.2, 0.765), (0.5, 2.2, 0.765)], STUFF["pale wood"])
    return join([_sheet(grid[::-1], STUFF["pale wood"]), well, c.boxes(rim, STUFF["wood"]), seats])


def _cloth(grid: Array, material: Material) -> Shape:
    """A single layer over a grid of points [a, b, 3]: light falls through it, so it needs no second side."""
    a, b = grid.shape[:2]
    i = np.arange(a * b).reshape(a, b)
    corners = np.stack([i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, 1:]], -1).reshape(-1, 4)
    return mesh(grid.reshape(-1, 3), np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]), material)


def _rig(rng: np.random.Generator) -> Shape:
    mast, boom, sail = -0.95, 1.25, replace(painted(STUFF["cloth"], (0.72, 0.69, 0.60)), translucency=0.95)
    top = 6.4
    pole = tube(
        np.array([[0, mast, 0.5], [0, mast, 3.5], [0, mast, top]]), [0.065, 0.06, 0.035], STUFF["wood"], sides=8
    )
    swing = 0.35
    end = np.array([swing, boom + 1.1, 1.5])
    spar = tube(np.array([[0, mast + 0.08, 1.45], end]), 0.04, STUFF["wood"], sides=7)
    u, v = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 11), indexing="ij")
    foot = np.array([0, mast + 0.07, 1.53]) + u[..., None] * (end - [0, mast + 0.07, 1.45])
    peak = np.array([0.0, mast + 0.07, top - 0.2])
    main = foot * (1 - v[..., None]) + peak * v[..., None]
    main[..., 0] += 0.32 * np.sin(np.pi * u) * (1 - v) ** 0.7 * np.sin(np.pi * np.clip(v * 0.8 + 0.2, 0, 1))
    main[..., 1] += 0.25 * u * np.sin(np.pi * v)
    tack, head, clew = np.array([0, -2.95, 0.98]), np.array([0, mast - 0.07, 5.2]), np.array([0.3, mast + 0.1, 1.15])
    jib = (tack * (1 - u[..., None]) + clew * u[..., None]) * (1 - v[..., None]) + head * v[..., None]
    jib[..., 0] += 0.22 * np.sin(np.pi * u) * (1 - v)
    stays = [((0, -2.98, 0.95), (0, mast, 5.3)), ((0, mast, top - 0.1), (0, 2.85, 0.8))]
    stays += [((0, mast, 4.8), (s * 0.92, mast + 0.25, 0.75)) for s in (-1, 1)]
    lines = c.bars(stays, 0.018, 0.018, STUFF["rope"])
    pennant = np.stack([0.02 + 0.0 * u, mast + 0.45 * u, top - 0.02 - 0.12 * (v - 0.5) * (1 - u)], -1)
    flag = c.sheet(pennant[::2, ::5], 0.012, painted(STUFF["cloth"], linear("red")))
    return join([pole, spar, _cloth(main, sail), _cloth(jib, sail), lines, flag])


def _raft(request: Request, rng: np.random.Generator) -> Shape:
    """Logs lashed to three poles, with a paddle."""
    wood = painted(stuff(request.material), request.colour)
    n, r = 9, 0.13
    x = (np.arange(n) - (n - 1) / 2) * 2 * r * 1.02
    front, back = -1.35 - rng.uniform(0, 0.2, n), 1.35 + rng.uniform(0, 0.2, n)
    middle = np.column_stack([x, np.zeros(n), np.full(n, 0.02)])
    logs = [
        c.logs(middle, np.column_stack([x, y, np.full(n, 0.02)]), r, wood, STUFF["pale wood"], rng)
        for y in (front, back)
    ]
    poles = [
        tube(np.array([[-1.3, y, 0.2], [1.3, y, 0.2]]), 0.06, STUFF["dark wood"], sides=8) for y in (-1.0, 0.0, 1.0)
    ]
    ties = [(u, y) for u in x for y in (-1.0, 0.0, 1.0)]
    lash = c.blocks(
        [(u - 0.04, y - 0.075, 0.1) for u, y in ties], [(u + 0.04, y + 0.075, 0.272) for u, y in ties], STUFF["rope"]
    )
    return join([*logs, *poles, lash, _oar(1.8, STUFF["pale wood"]).at(0.45, 0.9, 0.3, yaw=0.3)])


CLASSES = (
    ThingClass(
        "boat",
        (
            "boat",
            "rowing boat",
            "rowboat",
            "row boat",
            "dinghy",
            "skiff",
            "fishing boat",
            "punt",
            "dory",
            "wooden boat",
            "rowing-boat",
            "ferry",
            "barge",
        ),
        c.scaled(_boat),
        2.4,
        0.9,
        kinds=("vehicle", "object"),
        variants=0,
        colour="brown",
        material="wood",
        stands="water",
    ),
    ThingClass(
        "sailboat",
        (
            "sailboat",
            "sailing boat",
            "sail boat",
            "yacht",
            "sloop",
            "ship",
            "sailing ship",
            "sailing-boat",
            "catamaran",
        ),
        c.scaled(_sailboat),
        3.2,
        6.6,
        kinds=("vehicle", "object"),
        variants=0,
        colour="white",
        material="wood",
        stands="water",
    ),
    ThingClass(
        "canoe",
        ("canoe", "kayak", "dugout", "dug-out", "pirogue"),
        c.scaled(_canoe),
        2.4,
        0.6,
        kinds=("vehicle", "object"),
        variants=0,
        colour="brown",
        material="wood",
        stands="water",
    ),
    ThingClass(
        "raft",
        ("raft", "wooden raft", "log raft"),
        c.scaled(_raft),
        1.8,
        0.4,
        kinds=("vehicle", "object"),
        variants=0,
        colour="brown",
        material="wood",
        stands="water",
    ),
)
