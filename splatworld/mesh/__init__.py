"""Surfaces: rays cast at those of a world, and meshes made of them or of bare splats for other programs."""

from splatworld.mesh.collider import collider
from splatworld.mesh.placed import solid
from splatworld.mesh.rays import RayScene
from splatworld.mesh.surface import surface
from splatworld.mesh.walkable import Walker, walkable

__all__ = ["RayScene", "Walker", "collider", "solid", "surface", "walkable"]
