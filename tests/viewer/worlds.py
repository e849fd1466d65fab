"""A small made world with everything the viewer must show: ground, water, a bridge, boxes, a sky."""

import numpy as np
import torch

from splatworld.geometry import Similarity, quats_from_matrices
from splatworld.sh import from_rgb
from splatworld.splats import Splats, cat
from splatworld.world import Layer, Surface, Thing, Viewpoint, World

SKY_METRES = 600.0


def small_world(*, splats: int = 16_000, seed: int = 0) -> World:
    """About `splats` splats: a striped disc, three boxes, two small posts, a bridge over a pond, a sky."""
    rng = np.random.default_rng(seed)
    share = splats // 16
    parts = [
        _ground(rng, 7 * share, 1),
        _sky(3 * share, 2),
        _box(rng, share, 3, (1.5, 1.5, 2.5), (0.75, 0.2, 0.15)),
        _box(rng, share, 4, (2.0, 1.0, 1.2), (0.2, 0.3, 0.75)),
        _box(rng, share, 5, (1.0, 1.0, 3.5), (0.85, 0.75, 0.2)),
        _flat(rng, 2 * share, 6, (10.0, 6.0, 0.02), (0.2, 0.4, 0.5)),
        _flat(rng, share, 7, (2.0, 8.0, 0.4), (0.5, 0.35, 0.2)),
        _box(rng, share // 5, 8, (0.25, 0.25, 1.6), (0.9, 0.9, 0.9)),
        _box(rng, share // 5, 9, (0.25, 0.25, 1.6), (0.1, 0.1, 0.1)),
    ]
    things = (
        Thing(id=1, name="ground", kind="ground", surface="ground"),
        Thing(id=2, name="sky", kind="sky", collider="none"),
        _thing(3, "box 1", "box", (-2.5, 6.0, 0.0), 0.4),
        _thing(4, "box 2", "box", (2.5, 7.0, 0.0), -0.3),
        _thing(5, "tower", "tower", (0.5, 11.0, 0.0), 0.2),
        _thing(6, "pond", "pond", (-9.0, 12.0, 0.0), 0.0, "pond"),
        _thing(7, "bridge", "bridge", (-9.0, 12.0, 0.0), 0.0, "bridge"),
        _thing(8, "post 1", "post", (-0.8, 0.0, 0.0), 0.0),
        _thing(9, "post 2", "post", (1.0, 0.5, 0.0), 0.5),
    )
    return World(
        layers=(Layer("base", "base", cat(parts)),),
        things=things,
        viewpoints=(Viewpoint("start", (0.0, -6.0, 1.7), (0.0, 8.0, 1.4)),),
        surfaces={"ground": _square(60, 60, 0), "pond": _square(10, 6, 0.02), "bridge": _square(2, 8, 0.4)},
    )


def _thing(id_: int, name: str, kind: str, at: tuple[float, float, float], yaw: float, surface: str = "") -> Thing:
    return Thing(id=id_, name=name, kind=kind, world_from_thing=Similarity.at(at, yaw=yaw), surface=surface or None)


def _square(width: float, depth: float, z: float) -> Surface:
    x, y = width / 2, depth / 2
    vertices = np.array([[-x, -y, z], [x, -y, z], [x, y, z], [-x, y, z]], np.float32)
    return Surface(vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def _surfels(points: np.ndarray, normals: np.ndarray, sigma: float | np.ndarray, rgb: np.ndarray, thing: int) -> Splats:
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
        sh=from_rgb(torch.tensor(rgb, dtype=torch.float32))[:, None],
        extras={"thing": torch.full((n,), thing, dtype=torch.int32)},
    )


def _ground(rng: np.random.Generator, n: int, thing: int) -> Splats:
    """Denser near the start, with stripes so that a turned camera sees something else."""
    radius = 34.0 * np.sqrt((np.arange(n) + 0.5) / n) ** 1.6
    angle = np.arange(n) * 2.399963
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle) - 4, np.zeros(n)], 1)
    stripes = np.sin(points[:, 0] * 1.3) * np.sin(points[:, 1] * 0.9)
    rgb = np.clip(np.array([[0.35, 0.5, 0.25]]) + 0.2 * stripes[:, None] + rng.normal(0, 0.02, (n, 3)), 0, 1)
    sigma = 0.55 * 34 * 1.6 * np.sqrt(np.pi / n) * np.maximum(radius / 34, 0.02) ** 0.375
    return _surfels(points, np.tile([[0.0, 0, 1]], (n, 1)), sigma, rgb, thing)


def _sky(n: int, thing: int) -> Splats:
    z = 1 - 1.05 * (np.arange(n) + 0.5) / n
    ring, angle = np.sqrt(1 - z * z), np.arange(n) * 2.399963
    points = np.stack([ring * np.cos(angle), ring * np.sin(angle), z], 1)
    clouds = 0.5 + 0.5 * np.sin(8 * points[:, :1]) * np.sin(6 * points[:, 1:2] + 11 * points[:, 2:])
    rgb = (1 - z[:, None]) * [[0.75, 0.8, 0.85]] + z[:, None] * [[0.25, 0.45, 0.8]] + 0.12 * clouds
    sigma = 0.8 * SKY_METRES * np.sqrt(4 * np.pi / n) / 1.4
    return _surfels(points * SKY_METRES, -points, sigma, np.clip(rgb, 0, 1), thing)


def _box(
    rng: np.random.Generator, n: int, thing: int, size: tuple[float, float, float], rgb: tuple[float, float, float]
) -> Splats:
    """Six faces; each with its own brightness."""
    half = np.array(size) / 2
    area = np.array([half[1] * half[2], half[0] * half[2], half[0] * half[1]]).repeat(2)
    face = rng.choice(6, n, p=area / area.sum())
    points, rows = rng.uniform(-1, 1, (n, 3)), np.arange(n)
    sign = np.where(face % 2, 1.0, -1.0)
    points[rows, face // 2] = sign
    normals = np.zeros((n, 3))
    normals[rows, face // 2] = sign
    sigma = 0.75 * np.sqrt(8 * area.sum() / n)
    shade = np.array([0.75, 0.9, 0.6, 1.0, 0.5, 1.1])[face][:, None]
    return _surfels(points * half + [0, 0, half[2]], normals, sigma, np.clip(shade * np.array([rgb]), 0, 1), thing)


def _flat(
    rng: np.random.Generator, n: int, thing: int, size: tuple[float, float, float], rgb: tuple[float, float, float]
) -> Splats:
    width, depth, z = size
    points = np.column_stack([rng.uniform(-0.5, 0.5, n) * width, rng.uniform(-0.5, 0.5, n) * depth, np.full(n, z)])
    sigma = 0.7 * np.sqrt(width * depth / n)
    shown = np.clip(np.array([rgb]) + rng.normal(0, 0.02, (n, 3)), 0, 1)
    return _surfels(points, np.tile([[0.0, 0, 1]], (n, 1)), sigma, shown, thing)
