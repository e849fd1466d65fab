"""Water: what a level surface mirrors of sky and shore, stored as spherical harmonics of each splat."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import sh as _sh
from splatworld.light import WATER_DEGREE, Light, develop, sky_colour, through_air
from splatworld.mesh import RayScene
from splatworld.noise import fbm
from splatworld.world import World

Floats = NDArray[np.floating]

VIEWS = 20
"""Directions in which the mirror image of each splat is sampled."""
F0 = 0.02
"""Reflectance of water seen straight down (refractive index 1.33)."""


def mirror(world: World, light: Light) -> World:
    """A lit world whose water splats show what they mirror; other splats are shared.

    For each splat the mirrored light is traced for views from around the start and from all round, blended by Fresnel
    with the light that comes out of the water, and fitted by least squares: the start views count most.
    """
    from scipy.spatial import KDTree

    water = [t.id for t in world.things if "water" in t.tags]
    around = world.splats(visible_only=False)
    ids = around.extras["thing"].numpy()
    solid = ~np.isin(ids, [*water, *(t.id for t in world.things if t.kind == "sky")])
    rows = np.flatnonzero(solid)[:: max(1, int(solid.sum()) // 250_000)]
    nearest = KDTree(around.means.numpy()[rows]) if len(rows) else None
    shown = around.colours.numpy()[rows]
    scene = RayScene(world)
    layers = list(world.layers)
    for index, (layer, placed) in enumerate(world.placed(visible_only=False)):
        if "albedo" not in placed.extras:
            continue
        mine = np.isin(placed.extras["thing"].numpy(), water)
        if not mine.any():
            continue
        points = placed.means.numpy()[mine]
        albedo = placed.extras["albedo"].float().numpy()[mine]
        coefficients = _fitted(points, albedo, light, scene, nearest, shown)
        wide = layer.splats.with_degree(WATER_DEGREE)
        sh = wide.sh.clone()
        sh[torch.from_numpy(mine)] = torch.from_numpy(coefficients)
        layers[index] = replace(layer, splats=replace(wide, sh=sh))
    return replace(world, layers=tuple(layers))


def _fitted(points: Floats, albedo: Floats, light: Light, scene: RayScene, nearest, shown: Floats) -> Floats:
    """SH coefficients [n, k, 3] of water at `points`."""
    n = len(points)
    rng = np.random.default_rng(21)
    k = (WATER_DEGREE + 1) ** 2
    normal_matrix = np.zeros((n, k, k), np.float32)
    moment = np.zeros((n, k, 3), np.float32)
    ripple = _ripples(points, light)
    for view in range(VIEWS):
        eye = _eye(points, light, view, rng)
        d = points - eye
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        colour = develop(_seen(points, d, ripple, albedo, light, scene, nearest, shown), light)
        basis = _sh.basis(WATER_DEGREE, torch.from_numpy(d)).numpy()
        weight = np.float32(5.0 if view < VIEWS // 2 else 1.0)
        normal_matrix += weight * basis[:, :, None] * basis[:, None, :]
        moment += weight * basis[:, :, None] * (colour - 0.5)[:, None, :]
    normal_matrix += 0.04 * np.diag([0.01] + [1.0] * (k - 1)).astype(np.float32)
    return np.linalg.solve(normal_matrix, moment).astype(np.float32)


def _eye(points: Floats, light: Light, view: int, rng: np.random.Generator) -> Floats:
    """Where water is looked at from: half the views near the start, half from somewhere round the splat."""
    n = len(points)
    if view < VIEWS // 2:
        spread = np.array([5.0, 4.0, 1.2], np.float32)
        eye = light.eye + spread * rng.normal(size=(n, 3)).astype(np.float32) * (view > 0)
    else:
        angle = rng.uniform(0, 2 * np.pi, n) + view
        reach = rng.uniform(4, 40, n)
        eye = points + np.stack([reach * np.cos(angle), reach * np.sin(angle), rng.uniform(1.2, 12, n)], 1)
    eye[:, 2] = np.maximum(eye[:, 2], points[:, 2] + 0.6)
    return eye.astype(np.float32)


def _ripples(points: Floats, light: Light) -> Floats:
    """Unit normals [n, 3] of the water: long swells and short ripples, rougher in wind, flattened with distance."""
    distance = np.linalg.norm(points - light.eye, axis=1)
    rough = (0.055 / (1 + distance / 26))[:, None]
    stretch = points * np.array([0.55, 1.5, 1.0], np.float32)
    tilt = np.stack([fbm(stretch / 0.8, octaves=3, seed=61), fbm(stretch / 0.8, octaves=3, seed=62)], 1)
    n = np.column_stack([rough * tilt, np.ones(len(points))]).astype(np.float32)
    return n / np.linalg.norm(n, axis=1, keepdims=True)


def _seen(
    points: Floats,
    d: Floats,
    normal: Floats,
    albedo: Floats,
    light: Light,
    scene: RayScene,
    nearest: Any,
    shown: Floats,
) -> Floats:
    """Linear radiance [n, 3] of water seen along `d`."""
    facing = -(d * normal).sum(1, keepdims=True)
    bounced = d + 2 * np.maximum(facing, 0.02) * normal
    bounced[:, 2] = np.maximum(bounced[:, 2], 0.012)
    bounced /= np.linalg.norm(bounced, axis=1, keepdims=True)
    distance, hit = scene.cast(points + np.array([0, 0, 0.05], np.float32), bounced)
    met = hit > 0
    image = sky_colour(light.sky, bounced)
    # A sun disc in ripples is a soft glitter, not a disc.
    image = np.minimum(image, 6 * light.sky.light.max() + 1)
    if met.any() and nearest is not None:
        at = points[met] + bounced[met] * distance[met, None]
        image[met] = _undeveloped(shown[nearest.query(at, workers=2)[1]], light)
    fresnel = F0 + (1 - F0) * np.clip(1 - facing, 0, 1) ** 5
    sun = light.sky.light * max(float(light.sky.towards_light[2]), 0.0)
    below = albedo * (light.sky.ambient() + 0.6 * sun)
    return through_air((fresnel * image + (1 - fresnel) * below).astype(np.float32), points, light)


def _undeveloped(shown: Floats, light: Light) -> Floats:
    """Roughly the linear light of a display colour: inverts `develop`, where the curve allows it."""
    from splatworld.palette import linear_from_display

    y = np.clip(linear_from_display(np.clip(shown, 0, 0.97).astype(np.float32)), 0, 0.95)
    a, b, c = 2.51 - 2.43 * y, 0.03 - 0.59 * y, -0.14 * y
    x = (-b + np.sqrt(np.maximum(b * b - 4 * a * c, 0))) / (2 * a)
    return (x / light.exposure).astype(np.float32)
