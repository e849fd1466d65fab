"""Surfaces: rays cast at those of a world, and meshes made of them or of bare splats for other programs."""

from splatworld.mesh.collider import collider
from splatworld.mesh.placed import solid
from splatworld.mesh.rays import RayScene

__all__ = ["RayScene", "collider", "solid"]
