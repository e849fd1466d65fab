"""Fewer triangles for surfaces, where fewer do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splatworld.errors import UsageError
from splatworld.world import Surface

RIM_WEIGHT = 10.0
"""How much dearer it is to move the rim of a surface than its inside: lone leaves and the edges of the land stay."""
LEAST = 12
"""Triangles below which a surface is left alone: those of a box."""
RATIO, LEVELS = 0.6, 12
"""Triangles of a level over those of the one before, and how many levels there are at most."""

SAMPLES = 200_000
"""Points of a surface at which its error is measured, about; small surfaces have fewer."""


@dataclass(frozen=True, eq=False)
class Level:
    """A surface with fewer triangles."""

    surface: Surface
    error: float
    """Metres by which it strays from the full one at most, as far as its corners and middles tell."""


def simplified(surface: Surface, triangles: int) -> Surface:
    """At most `triangles` faces that stay near the surface (Garland and Heckbert 1997, by Open3D)."""
    import open3d

    if triangles < 1:
        raise UsageError(f"{triangles} triangles; expected at least 1")
    o3d: Any = open3d  # a compiled module, whose types checkers read wrongly
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(surface.vertices.astype(np.float64)), o3d.utility.Vector3iVector(surface.faces)
    )
    mesh.remove_duplicated_vertices()
    mesh.remove_degenerate_triangles()
    if len(mesh.triangles) > triangles:
        mesh = mesh.simplify_quadric_decimation(triangles, boundary_weight=RIM_WEIGHT)
        mesh.remove_degenerate_triangles()
    mesh.remove_unreferenced_vertices()
    return Surface(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.triangles, np.int32))


def levels(surface: Surface) -> list[Level]:
    """The surface itself, then with fewer and fewer triangles, each with its measured error."""
    found = [Level(surface, 0.0)]
    while len(found) < LEVELS and RATIO * len(found[-1].surface.faces) >= LEAST:
        fewer = simplified(found[-1].surface, int(RATIO * len(found[-1].surface.faces)))
        if not len(fewer.faces):
            break
        found.append(Level(fewer, max(strayed(surface, fewer), found[-1].error)))
    return found


def strayed(a: Surface, b: Surface) -> float:
    """Metres that corners and middles of the faces and edges of either surface lie off the other, at most."""
    return max(float(_distance(a, _points(b)).max()), float(_distance(b, _points(a)).max()))


def fitted(choices: Sequence[Sequence[Level]], ease: NDArray[np.floating], triangles: int) -> list[Level]:
    """One level of each surface such that all have `triangles` faces or fewer, and the largest error is least.

    `ease` [n] tells how much larger the error of each may be than that of others. Where even the last levels have too
    many faces they are returned all the same.
    """

    def chosen(error: float) -> list[Level]:
        return [
            next(level for level in reversed(levels) if level.error <= error * by or level is levels[0])
            for levels, by in zip(choices, ease, strict=True)
        ]

    errors = np.unique([level.error / by for levels, by in zip(choices, ease, strict=True) for level in levels])
    low, high = 0, len(errors) - 1
    while low < high:
        middle = (low + high) // 2
        few = sum(len(level.surface.faces) for level in chosen(errors[middle])) <= triangles
        low, high = (low, middle) if few else (middle + 1, high)
    return chosen(errors[low])


def _points(surface: Surface) -> NDArray[np.float32]:
    corners = surface.vertices[surface.faces]
    edges = 0.5 * (corners + np.roll(corners, 1, axis=1))
    points = np.concatenate([surface.vertices, corners.mean(1), edges.reshape(-1, 3)])
    return points[:: max(1, len(points) // SAMPLES)]


def _distance(surface: Surface, points: NDArray[np.float32]) -> NDArray[np.float32]:
    import open3d

    o3d: Any = open3d
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(surface.vertices), o3d.core.Tensor(surface.faces.astype(np.uint32)))
    return scene.compute_distance(o3d.core.Tensor(np.ascontiguousarray(points, np.float32))).numpy()
