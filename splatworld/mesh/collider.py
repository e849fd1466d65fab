"""What bodies bump into: the solid surfaces of a world as one light mesh."""

from typing import Any

import numpy as np

from splatworld.errors import UsageError
from splatworld.mesh.placed import placed, solid
from splatworld.progress import Progress, Stage, silent
from splatworld.world import Surface, Thing, World

TRIANGLES = 150_000
"""What game engines and browsers take as a static collider without pains."""
RIM_WEIGHT = 10.0
"""How much dearer it is to move the rim of a surface than its inside: lone leaves and the edges of the land stay."""


def collider(world: World, *, triangles: int = TRIANGLES, progress: Progress = silent) -> Surface:
    """All that stops a body, in world coordinates, as at most `triangles` faces.

    Taken are the surfaces of visible solid things: no sky, no water, nothing whose `collider` is "none", and no
    undergrowth, which gives way. Raises `UsageError` for a world in which nothing is solid.
    """
    progress(Stage("collider", 1, 1))
    whole = placed(world, stops).surface
    if not len(whole.faces):
        raise UsageError("nothing in this world is solid, so it has no collider")
    return simplified(whole, triangles)


def stops(thing: Thing) -> bool:
    """Whether a body cannot pass: solid, and more than grass, reeds and bushes."""
    undergrowth = "plant" in thing.tags and "tree" not in thing.tags
    return solid(thing) and thing.collider != "none" and not undergrowth


def simplified(surface: Surface, triangles: int) -> Surface:
    """At most `triangles` faces that stay as near to the surface as they can (Garland and Heckbert 1997, by Open3D)."""
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
