"""Heads of flowers: `kind(tops, up, size, petal)` puts one on each stem.

`tops` [n, 3] are the stems' ends, `up` [n, 3] the unit directions in which the heads look, `size` [n] factors on the
usual measures.
"""

import numpy as np

from splatworld.generate.procedural.materials import Material
from splatworld.generate.procedural.shape import Shape, cards, join
from splatworld.generate.procedural.things.growth import UP, Floats, display, lit_as, unit


def daisies(tops: Floats, up: Floats, size: Floats, petal: Material) -> Shape:
    """Flat rays round a yellow eye."""
    eye = Material("eye", display(206, 152, 40), "plain", 0.1, 0.2)
    rays = _whorl(tops, up, size, petal, 6, length=0.068, width=0.056, cup=0.12)
    across = unit(np.cross(up, [1.0, 0.1, 0]))
    return join([rays, cards(tops + 0.006 * UP, across, up, 0.045 * size, 0.045 * size, eye)])


def poppies(tops: Floats, up: Floats, size: Floats, petal: Material) -> Shape:
    """Wide bowls with a dark heart."""
    heart = Material("heart", display(40, 34, 36), "plain", 0.1, 0.2)
    bowl = _whorl(tops, up, size, petal, 5, length=0.08, width=0.085, cup=0.55)
    across = unit(np.cross(up, [1.0, 0.1, 0]))
    return join([bowl, cards(tops + 0.012 * UP, across, up, 0.03 * size, 0.03 * size, heart)])


def tulips(tops: Floats, up: Floats, size: Floats, petal: Material) -> Shape:
    """Closed cups."""
    outer = _whorl(tops - up * 0.01, up, size, petal, 4, length=0.09, width=0.06, cup=1.25)
    return join([outer, _whorl(tops, up, size * 0.9, petal, 3, length=0.08, width=0.06, cup=1.4)])


def spikes(tops: Floats, up: Floats, size: Floats, petal: Material) -> Shape:
    """Lavender and lupin: whorls stacked along the stem's end."""
    whorls = []
    for k in range(4):
        place = tops + up * (0.042 * k - 0.05) * size[:, None]
        whorls.append(_whorl(place, up, size * (1.15 - 0.17 * k), petal, 3, length=0.058, width=0.05, cup=0.7))
    return join(whorls)


def _whorl(
    tops: Floats, up: Floats, size: Floats, petal: Material, count: int, *, length: float, width: float, cup: float
) -> Shape:
    """`count` petals round each of `tops` [n, 3], raised by `cup` radians from flat."""
    n = len(tops)
    first = unit(np.cross(up, [1.0, 0.15, 0.05]))
    second = np.cross(up, first)
    angle = (2 * np.pi * np.arange(count) / count + np.arange(n)[:, None])[..., None]
    ray = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    along = (np.cos(cup) * ray + np.sin(cup) * up[:, None]).reshape(-1, 3)
    facing = (np.cos(cup) * up[:, None] - np.sin(cup) * ray).reshape(-1, 3)
    each = np.repeat(size, count)
    centres = np.repeat(tops, count, 0) + along * (0.5 * length * each)[:, None]
    return lit_as(cards(centres, along, facing, length * each, width * each, petal), UP, 0.4)
