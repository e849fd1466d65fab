"""Where the camera goes in pictures and films: the start view, an orbit, a walk."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from splatworld.camera import Camera, look_at
from splatworld.world import EYE_HEIGHT, Viewpoint, World

Shot = Callable[[World, int, int, int], Camera]
"""(world, frames, width, height) to one camera per frame."""

_WALK_SPEED = 0.7
"""How much of the way to what the start view looks at is walked."""


def start(world: World, frames: int, width: int, height: int) -> Camera:
    """The start view, held still."""
    view = world.start
    return _towards(np.tile(view.eye, (frames, 1)), view, width, height)


def orbit(world: World, frames: int, width: int, height: int) -> Camera:
    """Once round what the start view looks at, from the start eye on, never below eye height over the ground."""
    view = world.start
    eye, target = np.array(view.eye), np.array(view.target)
    turn = np.linspace(0, 2 * np.pi, frames, endpoint=False)
    x, y = (eye - target)[:2]
    eyes = np.column_stack(
        [
            target[0] + x * np.cos(turn) - y * np.sin(turn),
            target[1] + x * np.sin(turn) + y * np.cos(turn),
            np.full(frames, eye[2]),
        ]
    )
    eyes[:, 2] = np.maximum(eyes[:, 2], _smooth_heights(world, eyes, closed=True))
    return _towards(eyes, view, width, height)


def walk(world: World, frames: int, width: int, height: int) -> Camera:
    """From the start eye towards what it looks at, at eye height over the ground, slowly at both ends."""
    view = world.start
    eye, target = np.array(view.eye), np.array(view.target)
    share = np.linspace(0, 1, frames)[:, None]
    share = _WALK_SPEED * share * share * (3 - 2 * share)
    eyes = eye + share * (target - eye) * np.array([1, 1, 0])
    eyes[:, 2] = np.maximum(_smooth_heights(world, eyes, closed=False), eye[2] - 100)
    # A world without ground is walked on the level of the start eye.
    eyes[~np.isfinite(eyes[:, 2]), 2] = eye[2]
    return _towards(eyes, view, width, height)


SHOTS: dict[str, Shot] = {"start": start, "orbit": orbit, "walk": walk}


def _towards(eyes: NDArray[np.float64], view: Viewpoint, width: int, height: int) -> Camera:
    """Cameras at `eyes` [n, 3] that look where the view looks, at its angle."""
    places = [(x, y, z) for x, y, z in eyes.tolist()]
    return look_at(places, [view.target] * len(places), fov_deg=view.fov_deg, width=width, height=height)


def _smooth_heights(world: World, eyes: NDArray[np.float64], *, closed: bool) -> NDArray[np.float64]:
    """Eye height over what lies below each of `eyes` [n, 3], without the bumps; -inf where there is no ground."""
    from scipy.ndimage import uniform_filter1d
    from scipy.spatial import KDTree

    points = _ground_points(world)
    if not len(points):
        return np.full(len(eyes), -np.inf)
    _, nearest = KDTree(points[:, :2]).query(eyes[:, :2])
    heights = points[nearest, 2] + EYE_HEIGHT
    return uniform_filter1d(heights, max(len(eyes) // 12, 1), mode="wrap" if closed else "nearest")


def _ground_points(world: World) -> NDArray[np.float64]:
    """Corners of everything one can stand on or swims over: things named or tagged ground, terrain or water; [n, 3]."""
    kinds = {"ground", "terrain", "floor", "water", "lake", "river", "sea", "pond"}
    found = [
        t.world_from_thing.apply(world.surfaces[t.surface].vertices.astype(np.float64))
        for t in world.things
        if t.surface is not None and t.surface in world.surfaces and kinds & {t.kind, *t.tags}
    ]
    return np.concatenate(found) if found else np.empty((0, 3))
