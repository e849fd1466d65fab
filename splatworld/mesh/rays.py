"""Surfaces of a world as one scene to cast rays at."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splatworld.mesh.placed import placed, solid
from splatworld.world import Thing, World

Floats = NDArray[np.floating]


class RayScene:
    """All solid surfaces of a world, placed (Open3D's Embree scene). Sky and water cast no shadow and are left out."""

    def __init__(self, world: World, *, without: str | None = None, water: bool = False) -> None:
        """Take every visible solid thing with a surface, and `water` if asked, but for those with the tag `without`."""
        import open3d

        # Its types are those of a compiled module, which checkers read wrongly.
        self._o3d: Any = open3d
        self._scene = self._o3d.t.geometry.RaycastingScene()

        def wanted(thing: Thing) -> bool:
            return (solid(thing) or (water and "water" in thing.tags)) and without not in thing.tags

        found = placed(world, wanted)
        self.owners = found.owners
        self.empty = not len(found.vertices)
        if not self.empty:
            tensor = self._o3d.core.Tensor
            self._scene.add_triangles(tensor(found.vertices), tensor(found.faces.astype(np.uint32)))

    def blocked(self, origins: Floats, directions: Floats) -> NDArray[np.bool_]:
        """Whether each ray [n, 3] meets a surface."""
        if self.empty or not len(origins):
            return np.zeros(len(origins), bool)
        return self._scene.test_occlusions(self._rays(origins, directions)).numpy()

    def between(self, a: Floats, b: Floats) -> NDArray[np.bool_]:
        """Whether a surface stands between points `a` and `b` [n, 3]."""
        if self.empty or not len(a):
            return np.zeros(len(a), bool)
        return self._scene.test_occlusions(self._rays(a, b - a), tnear=0.0, tfar=1.0).numpy()

    def cast(self, origins: Floats, directions: Floats) -> tuple[Floats, NDArray[np.int32]]:
        """Metres to the first surface along unit directions [n] (inf: none) and the id of its thing (0: none)."""
        if self.empty or not len(origins):
            return np.full(len(origins), np.inf, np.float32), np.zeros(len(origins), np.int32)
        hits = self._scene.cast_rays(self._rays(origins, directions))
        distance = hits["t_hit"].numpy()
        face = hits["primitive_ids"].numpy().astype(np.int64)
        met = np.isfinite(distance)
        return distance, np.where(met, self.owners[np.where(met, face, 0)], 0)

    def distance(self, points: Floats) -> Floats:
        """Metres from points [n, 3] to the nearest surface; inf without any."""
        if self.empty:
            return np.full(len(points), np.inf, np.float32)
        return self._scene.compute_distance(self._o3d.core.Tensor(points.astype(np.float32))).numpy()

    def _rays(self, origins: Floats, directions: Floats):
        return self._o3d.core.Tensor(np.concatenate([origins, directions], 1).astype(np.float32))
