"""A small made world to publish: a slope with a wall across it, a post, and a sky that is red in the east."""

import numpy as np
import torch

from splatworld.geometry import Similarity, quats_from_matrices
from splatworld.scene_spec import SceneSpec
from splatworld.sh import from_rgb
from splatworld.splats import Splats, cat
from splatworld.world import EYE_HEIGHT, Layer, Surface, Thing, Viewpoint, World

SLOPE = 0.06
"""Metres up for each metre north."""
WALL = (-3.0, 3.0, 0.0, 0.4, 2.2)
"""West, east, south and north end and height."""
SKY_METRES = 300.0
START = Viewpoint("start", (0.0, -5.0, -5 * SLOPE + EYE_HEIGHT), (0.3, 5.0, 1.5))
GATE = Viewpoint("by the post", (3.0, -4.5, -4.5 * SLOPE + EYE_HEIGHT), (1.2, -1.5, 0.8))
HOSTILE = '<img src=x onerror="window.hacked=1"></script><b>garden</b>'


def garden(*, splats: int = 12_000) -> World:
    """About `splats` splats."""
    rng = np.random.default_rng(0)
    share = splats // 12
    parts = [_ground(6 * share), _sky(3 * share), _wall(rng, 2 * share), _post(rng, share)]
    return World(
        layers=(Layer("base", "base", cat(parts)),),
        things=(
            Thing(id=1, name="ground", kind="ground", surface="ground", tags=("land",)),
            Thing(id=2, name="sky", kind="sky", collider="none", tags=("sky",)),
            Thing(id=3, name="wall", kind="wall", surface="wall", colour="red", material="brick", bounds=_box_bounds()),
            Thing(
                id=4, name="post 1", kind="post", surface="post", world_from_thing=Similarity.at((1.2, -1.5, -0.1)),
                bounds=((-0.15, -0.15, 0.0), (0.15, 0.15, 2.0)),
            ),
        ),
        viewpoints=(START,),
        spec=SceneSpec(prompt=HOSTILE),
        surfaces={"ground": _slope(), "wall": _box(*_box_bounds()), "post": _box((-0.15, -0.15, 0), (0.15, 0.15, 2))},
    )  # fmt: skip


def eye_to_world(position: list[float]) -> np.ndarray:
    """A position of the viewer, whose axes are left, up, forward."""
    x, y, z = position
    return np.array([-x, z, y])


def _box_bounds():
    west, east, south, north, height = WALL
    return (west, south, 0.0), (east, north, height)


def _slope() -> Surface:
    corners = np.array([[-30, -30], [30, -30], [30, 30], [-30, 30]], np.float32)
    return Surface(
        np.column_stack([corners, SLOPE * corners[:, 1]]).astype(np.float32),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    )


def _box(lo, hi) -> Surface:
    corners = np.array([[(lo, hi)[i >> k & 1][k] for k in range(3)] for i in range(8)], np.float32)
    faces = [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4]]
    faces += [[2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5]]
    return Surface(corners, np.array(faces, np.int32))


def _surfels(points, normals, sigma, rgb, thing: int) -> Splats:
    """Flat splats across `normals`."""
    n = len(points)
    helper = np.where(np.abs(normals[:, 2:]) < 0.9, [[0.0, 0, 1]], [[1.0, 0, 0]])
    tangent = np.cross(normals, helper)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    frames = np.stack([tangent, np.cross(normals, tangent), normals], 2)
    log_sigma = np.log(np.broadcast_to(sigma, n))
    return Splats(
        means=torch.tensor(points, dtype=torch.float32),
        quats=torch.tensor(quats_from_matrices(frames), dtype=torch.float32),
        log_scales=torch.tensor(np.stack([log_sigma, log_sigma, log_sigma - 2.5], 1), dtype=torch.float32),
        logit_opacities=torch.full((n,), 4.0),
        sh=from_rgb(torch.tensor(np.clip(rgb, 0, 1), dtype=torch.float32))[:, None],
        extras={"thing": torch.full((n,), thing, dtype=torch.int32)},
    )


def _ground(n: int) -> Splats:
    """Denser near the start."""
    radius = 26.0 * np.sqrt((np.arange(n) + 0.5) / n) ** 1.8
    angle = np.arange(n) * 2.399963
    x, y = radius * np.cos(angle), radius * np.sin(angle) + START.eye[1]
    tiles = np.sin(x * 1.1) * np.sin(y * 0.8)
    normals = np.tile(np.array([[0.0, -SLOPE, 1.0]]) / np.hypot(1, SLOPE), (n, 1))
    sigma = 0.5 * 26 * 1.8 * np.sqrt(np.pi / n) * np.maximum(radius / 26, 0.02) ** 0.45
    rgb = np.array([[0.35, 0.5, 0.25]]) + 0.2 * tiles[:, None]
    return _surfels(np.stack([x, y, SLOPE * y], 1), normals, sigma, rgb, 1)


def _sky(n: int) -> Splats:
    z = 1 - 1.15 * (np.arange(n) + 0.5) / n
    ring, angle = np.sqrt(1 - z * z), np.arange(n) * 2.399963
    points = np.stack([ring * np.cos(angle), ring * np.sin(angle), z], 1)
    east = np.clip(points[:, :1], 0, 1)
    rgb = (1 - east) * [[0.55, 0.7, 0.85]] + east * [[0.95, 0.35, 0.25]]
    return _surfels(points * SKY_METRES, -points, 0.9 * SKY_METRES * np.sqrt(4 * np.pi / n) / 1.4, rgb, 2)


def _wall(rng, n: int) -> Splats:
    west, east, south, _, height = WALL
    points = np.column_stack([rng.uniform(west, east, n), np.full(n, south), rng.uniform(0, height, n)])
    rgb = np.where((points[:, 2:] * 2 % 1 < 0.2), [[0.8, 0.75, 0.7]], [[0.65, 0.25, 0.2]])
    return _surfels(points, np.tile([[0.0, -1, 0]], (n, 1)), 0.07, rgb, 3)


def _post(rng, n: int) -> Splats:
    angle = rng.uniform(0, 2 * np.pi, n)
    normals = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(n)])
    points = 0.15 * normals + np.column_stack([np.zeros((n, 2)), rng.uniform(0, 2, n)])
    return _surfels(points, normals, 0.04, np.full((n, 3), 0.9), 4)
