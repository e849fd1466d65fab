"""The first view: where the visitor looks when the world opens."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.site import HALF_VIEW, Floats, Site
from splatworld.generate.procedural.terrain import Terrain
from splatworld.generate.procedural.wishes import Wish
from splatworld.world import EYE_HEIGHT, Viewpoint

FOV_DEG = 55.0
THIRD = 0.2
"""Radians by which the focal thing stands beside the view axis: about a third of a 16:9 picture."""
HORIZON = 0.38
"""Where the level horizon lies, as a share of the picture's height from the top."""


def first_look(terrain: Terrain, focal: Wish | None, wishes: list[Wish]) -> Floats:
    """[2] direction in which to compose: the focus beside the axis, on the side that leaves room for its neighbours."""
    x, y = terrain.focus
    bearing = float(np.arctan2(x, y))
    lean = sum(
        (r.kind == "left_of") - (r.kind == "right_of") for w in wishes for r in w.relations if _about(r.to, focal)
    )
    both = any(r.kind in ("left_of", "right_of", "around") for w in wishes for r in w.relations if _about(r.to, focal))
    side = np.sign(lean) or (0.4 if both else 1.0) * (np.sign(bearing) or 1.0)
    axis = float(np.clip(bearing - side * THIRD, -0.3, 0.3))
    return np.array([np.sin(axis), np.cos(axis)])


def comfortable(wish: Wish) -> float:
    """Metres from which a thing is seen whole."""
    return max(6.0 + 1.3 * wish.radius, 1.35 * wish.height if wish.height > 4 else 0.0)


def stepped_back(site: Site, focal: Wish | None, wishes: list[Wish]) -> Floats:
    """[2] eye: the start, or farther back where water ahead leaves too little land for all that was asked for."""
    land = [w for w in wishes if w.habitat == "land" and w.row.stands not in ("line", "across")]
    need = sum(w.count * 4.5 * (w.radius + 0.6) ** 2 for w in land)
    bearing, distance = (
        g.ravel() for g in np.meshgrid(np.linspace(-HALF_VIEW, HALF_VIEW, 25), np.arange(4.0, 48.0, 1.0))
    )
    area = distance * (2 * HALF_VIEW / 24)
    start = best = site.eye
    for back in np.arange(0.0, 33.0, 4.0):
        eye = start - back * site.ahead
        moved = replace(site, eye=eye)
        if float(site.terrain.shore(eye[None])[0]) < 2 or float(site.terrain.slope(eye[None])[0]) > 0.35:
            break
        spots = moved.point(bearing, distance)
        shore = site.terrain.shore(spots)
        fits = focal is None or focal.habitat != "land" or _has_room(focal, bearing, distance, shore)
        if fits and float(area[shore > 2].sum()) >= need:
            return eye
        best = eye
    return best if site.terrain.water is not None else start


def _has_room(focal: Wish, bearing: Floats, distance: Floats, shore: NDArray[np.floating]) -> bool:
    near = comfortable(focal)
    return bool(
        ((shore > focal.radius + 0.6) & (np.abs(bearing) < 0.4) & (distance > near) & (distance < near + 9)).any()
    )


def _about(names: list[str], focal: Wish | None) -> bool:
    return focal is not None and focal.id in names


def start_view(site: Site, middle: Floats, height: float, seen: list[tuple[Floats, float, float]]) -> Viewpoint:
    """The view from the site's eye that has the horizon near a third, and as much as it can of what was asked for.

    `middle` and `height` are the focal thing's; `seen` lists (xy [2], radius, height) of all things asked for.
    """
    turn = _turn(site, middle, seen)
    axis = site.point(np.array([turn]), np.array([12.0]))[0]
    ground = float(site.terrain.height(site.eye[None])[0])
    eye = np.array([*site.eye, ground + EYE_HEIGHT])
    half = np.tan(np.radians(FOV_DEG / 2))
    pitch = -np.arctan((1 - 2 * HORIZON) * half)
    distance = max(float(np.hypot(*(middle - site.eye))), 1.0)
    foot = float(site.terrain.height(middle[None])[0])
    top = np.arctan2(foot + height - eye[2], distance)
    # A tall thing lifts the view until its top is in; then the horizon comes to lie in the lower third.
    pitch = float(np.clip(max(pitch, top + 0.06 - np.radians(FOV_DEG / 2)), pitch, 0.16))
    target = (float(axis[0]), float(axis[1]), float(eye[2] + 12.0 * np.tan(pitch)))
    return Viewpoint("start", (float(eye[0]), float(eye[1]), float(eye[2])), target, FOV_DEG)


def _turn(site: Site, middle: Floats, seen: list[tuple[Floats, float, float]]) -> float:
    """Radians to turn from the composing axis so that everything asked for is in the picture."""
    turns = np.linspace(-0.35, 0.35, 29)
    at = float(site.bearing(middle[None])[0])
    cost = 2.0 * np.abs(np.abs(at - turns) - THIRD) + 0.6 * np.abs(turns)
    for xy, radius, _ in seen:
        half = np.arctan2(0.7 * radius, max(float(site.distance(xy[None])[0]), 0.5))
        cost = cost + 6.0 * np.maximum(np.abs(float(site.bearing(xy[None])[0]) - turns) + half - 0.72, 0)
    return float(turns[int(np.argmin(cost))])
