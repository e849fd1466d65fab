"""What a world looks like as coloured meshes, for programs that show no splats."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from splatworld.formats.meshes import Mesh
from splatworld.mesh.placed import shown
from splatworld.mesh.simplify import simplified
from splatworld.mesh.tsdf import fused
from splatworld.palette import COLOURS
from splatworld.progress import Progress, Stage, Step, silent
from splatworld.splats import Splats
from splatworld.world import Surface, Thing, World

TRIANGLES = 600_000
"""That a surface made from depth has at most; and to which surfaces are divided for the sake of their colours."""
NEIGHBOURS = 4
"""Splats whose colours mix at a vertex."""
SEEN = 0.3
"""Opacity from which a splat counts for colour."""
ROUNDS = 7
"""Times that the triangles of a thing are divided at most."""

Floats = NDArray[np.floating]


def surface(world: World, *, triangles: int = TRIANGLES, progress: Progress = silent) -> list[Mesh]:
    """A mesh for each visible thing with a surface, sky left out, or one made from depth for a world without any.

    World coordinates; vertices have the colours of the splats around them, in the light they were made in. Triangles
    larger than the splats on them are divided, as long as there are fewer than `triangles` in all.
    """
    things = [t for t in shown(world) if t.kind != "sky" and len(world.surfaces[str(t.surface)].faces)]
    if not things:
        made = simplified(fused(world, progress=progress), triangles)
        return [Mesh("surface", made.vertices, made.faces, _colours(made.vertices, world.splats()))]
    progress(Stage("colours", 1, 1))
    left = triangles - sum(len(world.surfaces[str(t.surface)].faces) for t in things)
    meshes = []
    for thing, splats in _with_splats(world, things):
        own = world.surfaces[str(thing.surface)]
        vertices = thing.world_from_thing.apply(own.vertices).astype(np.float32)
        fine = _divided(Surface(vertices, own.faces), len(splats), left)
        left -= len(fine.faces) - len(own.faces)
        meshes.append(Mesh(thing.name, fine.vertices, fine.faces, _colours(fine.vertices, splats, thing)))
        progress(Step(len(meshes), len(things)))
    return meshes


def _with_splats(world: World, things: list[Thing]) -> Iterator[tuple[Thing, Splats]]:
    """Each thing with its splats, placed; nearest to the start first, where triangles are best spent."""
    import torch

    splats = world.splats()
    ids = splats.extras.get("thing")
    owner = np.zeros(len(splats), np.int32) if ids is None else ids.numpy()
    order = np.argsort(owner, kind="stable")
    eye = np.asarray(world.start.eye)

    def away(thing: Thing) -> float:
        low, high = np.asarray(thing.world_bounds)
        return float(np.linalg.norm(eye - np.clip(eye, low, high)))

    for thing in sorted(things, key=away):
        first, last = np.searchsorted(owner[order], [thing.id, thing.id + 1])
        yield thing, splats[torch.from_numpy(order[first:last])]


def _divided(whole: Surface, splats: int, spare: int) -> Surface:
    """A surface whose triangles are about as large as its splats, with at most `spare` more than before."""
    vertices, faces = whole.vertices, whole.faces
    corners: Floats = vertices[faces]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    edge = 2.5 * np.sqrt(area / max(splats, 1))
    for _ in range(ROUNDS):
        corners = vertices[faces]
        long = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2).max(1) > edge
        if not long.any() or 3 * int(long.sum()) > spare:
            break
        spare -= 3 * int(long.sum())
        vertices, faces = _halved(vertices, faces, long)
    return Surface(vertices, faces)


def _halved(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Each chosen triangle as four, by the middles of its edges."""
    old = faces[chosen]
    edges = np.sort(np.concatenate([old[:, [0, 1]], old[:, [1, 2]], old[:, [2, 0]]]), axis=1)
    distinct, which = np.unique(edges, axis=0, return_inverse=True)
    ab, bc, ca = (which.reshape(3, -1) + len(vertices)).astype(np.int32)
    a, b, c = old.T
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    new = np.concatenate([np.stack(part, 1) for part in parts])
    middles = vertices[distinct].mean(1)
    return np.concatenate([vertices, middles]).astype(np.float32), np.concatenate([faces[~chosen], new])


def _colours(vertices: NDArray[np.float32], splats: Splats, thing: Thing | None = None) -> NDArray[np.float32]:
    """Display values [v, 3] of the nearest splats; the thing's own colour where it has none."""
    from scipy.spatial import KDTree

    seen = splats[splats.opacities > SEEN]
    if not len(seen):
        named = COLOURS.get((thing.colour if thing else None) or "grey", COLOURS["grey"])
        return np.full((len(vertices), 3), np.array(named, np.float32) / 255, np.float32)
    count = min(NEIGHBOURS, len(seen))
    distance, index = KDTree(seen.means.numpy()).query(vertices, count, workers=-1)
    distance, index = distance.reshape(len(vertices), -1), index.reshape(len(vertices), -1)
    weight = 1 / (distance + 0.3 * distance.mean(1, keepdims=True) + 1e-9)
    mixed = (seen.colours.numpy()[index] * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)
    return np.clip(mixed, 0, 1).astype(np.float32)
