"""Lamps on posts and lanterns on the ground."""

import math

import numpy as np

from splatworld.generate.procedural.catalogue import Request
from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, ball, join, lathe, tube
from splatworld.generate.procedural.things import carpentry as c
from splatworld.generate.procedural.things.stuff import STUFF, WINDOW_GLOW, painted, shining, stuff
from splatworld.world import PointLight


def lamp(request: Request, rng: np.random.Generator) -> Shape:
    """A post with a four-sided lantern; cast iron, or a wooden post with an arm."""
    metal = painted(stuff(request.material, "metal"), request.colour)
    if metal.name == "wood":
        return _arm_lamp(metal, request.night)
    turned = [
        (0.0, -0.2), (0.19, -0.2), (0.19, 0.1), (0.15, 0.16), (0.12, 0.34), (0.09, 0.42), (0.065, 0.5), (0.06, 1.2),
        (0.085, 1.25),
        (0.085, 1.3), (0.05, 1.36), (0.042, 2.35), (0.075, 2.4), (0.075, 2.45), (0.045, 2.5), (0.0, 2.52),
    ]  # fmt: skip
    bar = tube(np.array([[-0.3, 0, 2.22], [0.3, 0, 2.22]]), 0.018, metal, sides=6)
    knobs = [ball(0.035, metal, subdivisions=1).at(s * 0.31, 0, 2.22) for s in (-1, 1)]
    head = lantern_head(0.24, 0.5, metal, request.night).at(0, 0, 2.55)
    return join([lathe(turned, metal, sides=12), bar, *knobs, head])


def lantern_head(width: float, height: float, metal: Material, night: bool) -> Shape:
    """A glazed case, wider above, under a hood with a knob; it gives light at night. Its underside is at z = 0."""
    lo, hi, h = width * 0.32, width * 0.52, height * 0.62
    glass = STUFF["lit lamp" if night else "lamp glass"]
    pane = lathe([(0.0, 0.035), (lo * 1.3, 0.035), (hi * 1.3, h), (0.0, h)], glass, sides=4).at(0, 0, yaw=math.pi / 4)
    feet = [(sx * lo, sy * lo, 0.02) for sx in (-1, 1) for sy in (-1, 1)]
    tops = [(sx * hi, sy * hi, h) for sx in (-1, 1) for sy in (-1, 1)]
    t = 0.08 * width
    edges = c.beams(feet, tops, t, t, metal)
    base = c.blocks([(-lo - t, -lo - t, -0.01)], [(lo + t, lo + t, 0.035)], metal)
    rim = c.blocks([(-hi - t, -hi - t, h)], [(hi + t, hi + t, h + 0.03)], metal)
    r = hi * 1.41
    hood = lathe(
        [
            (0.0, h + 0.02),
            (r * 1.18, h + 0.02),
            (r * 0.55, h + 0.19 * height),
            (r * 0.5, h + 0.25 * height),
            (0.0, h + 0.31 * height),
        ],
        metal,
        sides=4,
    )
    knob = ball(0.1 * width, metal, subdivisions=1).at(0, 0, h + 0.34 * height)
    shape = join([pane, edges, base, rim, hood.at(0, 0, yaw=math.pi / 4), knob])
    if not night:
        return shape
    # Four lights outside the case: one inside it would be shut in by its own glass.
    out = hi + 0.1
    lights = [
        PointLight((out * math.cos(a), out * math.sin(a), h / 2), WINDOW_GLOW, 0.22 * (width / 0.24) ** 0.5)
        for a in np.arange(4) * math.pi / 2
    ]
    return shining(shape, *lights)


def _arm_lamp(wood: Material, night: bool) -> Shape:
    post = c.blocks([(-0.07, -0.07, -0.3)], [(0.07, 0.07, 2.75)], wood)
    arm = c.beams([(-0.15, 0, 2.6), (0.06, 0, 2.1)], [(0.75, 0, 2.6), (0.5, 0, 2.55)], 0.09, 0.09, wood)
    chain = tube(np.array([[0.62, 0, 2.56], [0.62, 0, 2.4]]), 0.012, STUFF["metal"], sides=5)
    return join([post, arm, chain, lantern_head(0.24, 0.42, STUFF["metal"], night).at(0.62, 0, 2.02)])


def lantern(request: Request, rng: np.random.Generator) -> Shape:
    """A lantern that stands on the ground, with a handle."""
    metal = painted(stuff(request.material, "metal"), request.colour)
    angle = np.linspace(0, math.pi, 12)
    handle = np.column_stack([0.1 * np.cos(angle), np.zeros(12), 0.36 + 0.11 * np.sin(angle)])
    foot = c.blocks([(-0.1, -0.1, 0.0)], [(0.1, 0.1, 0.03)], metal)
    head = lantern_head(0.26, 0.42, metal, request.night).at(0, 0, 0.03)
    return join([foot, head, tube(handle, 0.008, metal, sides=5)])
