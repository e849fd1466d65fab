"""The water surface: level, from the near shore to the horizon."""

import numpy as np
from numpy.typing import NDArray

from splatworld.discs import COVER
from splatworld.generate.procedural.ground import spiral
from splatworld.generate.procedural.sample import Surfels
from splatworld.generate.procedural.terrain import FAR_METRES, NEAR_METRES, Terrain, smoothstep
from splatworld.palette import linear_from_display
from splatworld.world import Surface

Floats = NDArray[np.floating]

SHALLOW = np.array([linear_from_display(c / 255) for c in (112, 124, 92)], np.float32)
DEEP = np.array([linear_from_display(c / 255) for c in (18, 46, 54)], np.float32)
SEA = np.array([linear_from_display(c / 255) for c in (14, 62, 80)], np.float32)


def water_surfels(terrain: Terrain, spacing_at: float, *, start_metres: float) -> tuple[Surfels, Floats, Floats]:
    """Level discs with their albedo [n, 3] and opacity [n]: the shallows let the bed shine through."""
    reach = FAR_METRES if terrain.water == "sea" else NEAR_METRES - 4
    xy, spacing = spiral(spacing_at, start_metres, reach, grazing=0.25)
    shore = np.where(np.hypot(*xy.T) < NEAR_METRES - 6, terrain.shore(xy), np.where(xy[:, 1] > 0, -60.0, 60.0))
    wet = shore < 0.12 * spacing
    xy, spacing, shore = xy[wet], spacing[wet], shore[wet].astype(np.float32)
    depth = np.where(np.hypot(*xy.T) < NEAR_METRES - 6, terrain.depth(xy), 4.0).astype(np.float32)
    n = len(xy)
    up = np.tile(np.array([0, 0, 1], np.float32), (n, 1))
    sigma = COVER * spacing
    discs = Surfels(
        np.column_stack([xy, np.full(n, terrain.water_level)]).astype(np.float32),
        up,
        up.copy(),
        np.tile(np.array([1, 0, 0], np.float32), (n, 1)),
        np.stack([sigma, sigma, np.full(n, 0.004)], 1).astype(np.float32),
        np.zeros(n, np.int32),
    )
    deep = smoothstep(0.05, 1.3, depth)[:, None]
    colour = SHALLOW + deep * ((SEA if terrain.water == "sea" else DEEP) - SHALLOW)
    opacity = 0.62 + 0.36 * smoothstep(0.0, 0.55, depth)
    if terrain.water == "sea":
        foam = smoothstep(-2.4, -0.3, shore + 0.9 * np.sin(xy[:, 0] / 2.1 + 2.2 * np.sin(xy[:, 0] / 7)))
        colour = colour + 0.75 * foam[:, None] * (0.85 - colour)
        opacity = np.maximum(opacity, 0.9 * foam)
    return discs, colour.astype(np.float32), opacity.astype(np.float32)


def water_surface(terrain: Terrain) -> Surface:
    """Triangles of the water, 2 m cells near by; the sea goes on to the horizon."""
    step = 2
    x = terrain.x[::step]
    n = len(x)
    xx, yy = np.meshgrid(x, x)
    i = np.arange(n * n).reshape(n, n)
    corners = np.stack([i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]], -1).reshape(-1, 4)
    wet = (terrain.shores[::step, ::step].ravel()[corners] < 0).all(1)
    wet &= (np.hypot(xx, yy).ravel()[corners] < NEAR_METRES - 3).all(1)
    faces = np.concatenate([corners[wet][:, [0, 1, 2]], corners[wet][:, [0, 2, 3]]])
    used, faces = np.unique(faces, return_inverse=True)
    vertices = np.column_stack([xx.ravel(), yy.ravel(), np.full(n * n, terrain.water_level)])[used]
    faces = faces.reshape(-1, 3)
    if terrain.water == "sea":
        vertices, faces = _with_open_sea(vertices, faces, float(terrain.water_level or 0.0))
    return Surface(vertices.astype(np.float32), faces.astype(np.int32))


def _with_open_sea(vertices: Floats, faces: NDArray[np.int64], level: float) -> tuple[Floats, NDArray[np.int64]]:
    angle = np.radians(np.linspace(8, 172, 42))
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    near, far = (NEAR_METRES - 3) * ring, FAR_METRES * ring
    new = np.column_stack([np.concatenate([near, far]), np.full(84, level)])
    a = np.arange(41) + len(vertices)
    quads = np.stack([a, a + 42, a + 43, a + 1], 1)
    more = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return np.concatenate([vertices, new]), np.concatenate([faces, more])
