"""A surface for worlds that have none: depth is drawn from all sides and fused (Curless and Levoy 1996, by Open3D)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld.camera import Camera, look_at
from splatworld.errors import UsageError
from splatworld.progress import Progress, Stage, Step, silent
from splatworld.render import render
from splatworld.splats import Splats
from splatworld.world import Surface, World, parted

Floats = NDArray[np.floating]

CELLS = 256
"""Voxels along the longest side of what is fused."""
TRUNCATION = 4.0
"""Voxels in front of and behind a seen surface that learn of it."""
SIDE_PX = 400
FOV_DEG = 60.0
RINGS = ((-25.0, 8), (10.0, 12), (45.0, 10), (80.0, 4))
"""Elevation in degrees and number of the views from outside."""
INSIDE = ((-40.0, 6), (0.0, 8), (40.0, 6))
"""The same from a place within, looking out."""
SEEN = 1.5
"""Views that must have seen a place, about: single ones are often wrong at edges."""
OPAQUE = 0.6
"""Alpha from which a pixel shows a surface."""
WALLED = 0.75
"""Mean alpha around the middle, level, from which a world is a room to be seen from within."""
SAMPLES = 20_000
"""Splats that are looked for from without."""
FAINT = 0.1
"""Splats less opaque than this tell nothing about where things are."""
TAIL = 0.005
"""Share of the splats on either side of each axis that may be strays, and do not widen the box."""
LEAST_SHARE = 0.01
"""Of the triangles of the largest connected part: smaller parts are floaters."""


@dataclass(frozen=True, eq=False)
class _Box:
    low: Floats
    high: Floats

    @property
    def middle(self) -> Floats:
        return 0.5 * (self.low + self.high)

    @property
    def reach(self) -> float:
        """Half the diagonal."""
        return 0.5 * float(np.linalg.norm(self.high - self.low))


def fused(world: World, *, cells: int = CELLS, progress: Progress = silent) -> Surface:
    """What the splats of a world look like from all sides, as one mesh in world coordinates.

    Its detail is a `cells`th of the longest side of the box that holds all but stray splats. Raises `UsageError` for a
    world without opaque splats. Takes about a second for a million splats and ten views.
    """
    _, near = parted(world, lambda thing: thing.kind == "sky" or "far" in thing.tags)
    splats = near.splats()
    opaque = splats[(splats.opacities > FAINT) & splats.means.isfinite().all(1)]
    if not len(opaque):
        raise UsageError("this world has no opaque splats, so it has no surface")
    means = opaque.means.numpy()
    box = _Box(*np.quantile(means, [TAIL, 1 - TAIL], axis=0))
    margin = 0.02 * max(box.reach, 1e-3)
    box = _Box(box.low - margin, box.high + margin)
    return _cleaned(_integrated(opaque, _cameras(world, opaque, box), box, cells, progress))


def _cameras(world: World, splats: Splats, box: _Box) -> Camera:
    """From without, or for rooms from within; and those of the world's own views."""
    eyes, targets = _around(box.middle, RINGS, 2.1 * box.reach)
    if _is_room(world, splats, box, _camera(eyes, targets)):
        stands = box.middle + (box.high - box.low) * np.array([[0, 0, 0], [0.2, 0.2, 0], [-0.2, -0.2, 0.1]])
        looks = [_around(stand, INSIDE, 1.0) for stand in stands]
        eyes, targets = np.concatenate([t for _, t in looks]), np.concatenate([e for e, _ in looks])
    for view in world.viewpoints:
        eyes, targets = np.vstack([eyes, view.eye]), np.vstack([targets, view.target])
    return _camera(eyes, targets)


def _is_room(world: World, splats: Splats, box: _Box, without: Camera) -> bool:
    """Closed around its middle, and meant to be looked at from there: by its views, or as most cannot be seen else."""
    level, _ = _around(box.middle, ((0.0, 8),), 1.0)
    round_about = _camera(np.tile(box.middle, (len(level), 1)), level)
    if float(render(splats, round_about).alpha.mean()) < WALLED:
        return False
    eyes = np.array([view.eye for view in world.viewpoints]).reshape(-1, 3)
    if ((eyes > box.low) & (eyes < box.high)).all(1).any():
        return True
    return _seen_share(splats, without[::4], 0.03 * box.reach) < 0.5


def _seen_share(splats: Splats, cameras: Camera, near: float) -> float:
    """Share of splats that lie within `near` metres of what some camera sees in their direction."""
    some = splats.means[:: max(1, len(splats) // SAMPLES)]
    seen = torch.zeros(len(some), dtype=torch.bool)
    for i in range(len(cameras)):
        pose = cameras.camera_from_world[i]
        local = some @ pose[:3, :3].T + pose[:3, 3]
        pixel = (local @ cameras.Ks[i].T)[:, :2] / local[:, 2:].clamp(min=1e-6)
        x, y = pixel.floor().long().clamp(0, SIDE_PX - 1).unbind(1)
        depth = render(splats, cameras[i]).median_depth[0, ..., 0]
        seen |= (depth[y, x] > local[:, 2] - near) & (depth[y, x] > 0)
    return float(seen.float().mean())


def _around(middle: Floats, rings: tuple[tuple[float, int], ...], distance: float) -> tuple[Floats, Floats]:
    """Places on rings round a point, and the point as often."""
    out = []
    for elevation, count in rings:
        turn = np.linspace(0, 2 * np.pi, count, endpoint=False) + np.radians(elevation)
        rise = np.radians(elevation)
        out.append(
            np.stack([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.full(count, np.sin(rise))], 1)
        )
    places = middle + distance * np.concatenate(out)
    return places, np.tile(middle, (len(places), 1))


def _camera(eyes: Floats, targets: Floats) -> Camera:
    return look_at(eyes, targets, fov_deg=FOV_DEG, width=SIDE_PX, height=SIDE_PX)


def _integrated(splats: Splats, cameras: Camera, box: _Box, cells: int, progress: Progress) -> Surface:
    import open3d

    o3d: Any = open3d  # a compiled module, whose types checkers read wrongly
    number = o3d.core.float32
    voxel = float((box.high - box.low).max()) / cells
    grid = o3d.t.geometry.VoxelBlockGrid(("tsdf", "weight"), (number, number), (1, 1), voxel, 16, 4096)
    lens = o3d.core.Tensor(cameras.Ks[0].double().numpy())
    progress(Stage("depth from all sides", 1, 1))
    for i in range(len(cameras)):
        depth = _depth(splats, cameras[i], box)
        if depth.any():
            seen = (lens, o3d.core.Tensor(cameras.camera_from_world[i].double().numpy()), 1.0, float(depth.max()) + 1.0)
            picture = o3d.t.geometry.Image(depth)
            blocks = grid.compute_unique_block_coordinates(picture, *seen, TRUNCATION)
            grid.integrate(blocks, picture, *seen, TRUNCATION)
        progress(Step(i + 1, len(cameras)))
    mesh = grid.extract_triangle_mesh(weight_threshold=SEEN)
    return Surface(mesh.vertex.positions.numpy().astype(np.float32), mesh.triangle.indices.numpy().astype(np.int32))


def _depth(splats: Splats, camera: Camera, box: _Box) -> NDArray[np.float32]:
    """Metres along the axis to the surface that each pixel shows within the box; 0 where it shows none."""
    picture = render(splats, camera)
    depth, alpha = picture.median_depth[0, ..., 0].numpy(), picture.alpha[0, ..., 0].numpy()
    rows, columns = np.nonzero(alpha > OPAQUE)
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], 1)
    local = pixels @ torch.linalg.inv(camera.Ks[0]).double().numpy().T * depth[rows, columns, None]
    pose = camera.world_from_camera[0].double().numpy()
    points = local @ pose[:3, :3].T + pose[:3, 3]
    inside = ((points > box.low) & (points < box.high)).all(1)
    out = np.zeros(depth.shape, np.float32)
    out[rows[inside], columns[inside]] = depth[rows[inside], columns[inside]]
    return out


def _cleaned(surface: Surface) -> Surface:
    """Without small parts that hang in the air. Raises `UsageError` if nothing is left."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    faces, n = surface.faces, len(surface.vertices)
    if not len(faces):
        raise UsageError("these splats show no surface from any side, so there is none to make a mesh of")
    ends = np.concatenate([faces[:, :2], faces[:, 1:]])
    links = coo_array((np.ones(len(ends), np.int8), ends.T), (n, n))
    part = connected_components(links, directed=False)[1][faces[:, 0]]
    counts = np.bincount(part)
    kept = faces[counts[part] >= LEAST_SHARE * counts.max()]
    used, rows = np.unique(kept, return_inverse=True)
    return Surface(surface.vertices[used], rows.reshape(-1, 3).astype(np.int32))
