"""`.obj` of Wavefront with its `.mtl`: triangles or points of almost every modelling program, made into splats.

Read are positions, with the colours that some programs write behind them, normals, texture coordinates, polygons, the
names of objects (or of groups, where there are none) and of materials: Kd, Ke, d or Tr, and the picture map_Kd. The
files named must lie beside the `.obj`. Axes are not recorded; taken is y up, as most programs write, and a note tells.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats import mtl
from splatworld.formats.frames import Frame
from splatworld.formats.mesh_world import structured
from splatworld.formats.meshes import Material, Mesh
from splatworld.formats.obj_text import KINDS, ObjText
from splatworld.formats.polygons import fans
from splatworld.formats.textures import Folder
from splatworld.progress import Note, Progress
from splatworld.world import World

FRAME: Frame = "rub"
_BLOCK_BYTES = 4 << 20


def recognises(head: bytes) -> bool:
    """Never: the text begins as it likes."""
    return False


def read(path: Path, *, frame: Frame | None, progress: Progress) -> World:
    """The objects of an OBJ as things. Raises `FormatError`."""
    if path.stat().st_size > limits.MESH_TEXT_BYTES:
        raise FormatError(f"{path.name} has more than {limits.MESH_TEXT_BYTES:,} bytes, which is all that is read")
    text = ObjText(path.name)
    with open(path, "rb") as file:
        while lines := file.readlines(_BLOCK_BYTES):
            text.take(lines)
    positions = text.rows(b"v")
    if positions is None:
        raise FormatError(f"{path.name} holds no vertices, so it is no mesh in the .obj format")
    if frame is None:
        progress(Note(f"{path.name} does not record its axes; taken is {FRAME}, y up (others: `convert --frame`)"))
    folder = Folder(path, progress)
    known = mtl.read(text.libraries, folder)
    materials = tuple(known.get(name, Material()) for name in text.materials)
    meshes = list(_meshes(text, positions, materials, path.stem))
    return structured(meshes, name=path.stem, frame=frame or FRAME, progress=progress)


def _meshes(
    text: ObjText, positions: NDArray[np.float32], materials: tuple[Material, ...], stem: str
) -> Iterator[Mesh]:
    """One mesh for each object that has faces; the bare points of a file without faces."""
    polygons, corners = np.concatenate(text.polygons), np.concatenate(text.corners)
    colours = np.clip(positions[:, 3:6], 0, 1) if positions.shape[1] >= 6 else None
    if not len(polygons):
        yield Mesh(stem, positions[:, :3], np.zeros((0, 3), np.int32), colours)
        return
    uv = text.rows(b"vt")
    flipped = None if uv is None else uv[:, :2] * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)
    values = (positions[:, :3], flipped, text.rows(b"vn"))
    triangles, polygon = fans(polygons[:, 0])
    sound = _within(corners, text)[triangles].all(1)
    triangles, polygon = triangles[sound], polygon[sound]
    order = np.argsort(polygons[polygon, 1], kind="stable")
    names = list(text.objects)
    parts = np.split(order, np.flatnonzero(np.diff(polygons[polygon[order], 1])) + 1)
    for rows in parts:
        if len(rows):
            number, material = polygons[polygon[rows[0]], 1], polygons[polygon[rows], 2]
            name = names[number] or stem
            yield _mesh(name, corners[triangles[rows]], values, colours, materials, material)


def _within(corners: NDArray[np.int32], text: ObjText) -> NDArray[np.bool_]:
    """Whether each corner [k] names a vertex that exists; texture coordinates and normals may be missing."""
    counts = np.array([text.counts[kind] for kind in KINDS])
    return (corners < counts).all(1) & (corners[:, 0] >= 0)


def _mesh(
    name: str,
    corners: NDArray[np.int32],
    values: tuple[NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32] | None],
    colours: NDArray[np.float32] | None,
    materials: tuple[Material, ...],
    material: NDArray[np.int32],
) -> Mesh:
    """A mesh of triangles with corners [f, 3, 3], each a row of `values`; corners that agree in all are one vertex."""
    distinct, faces = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    uv, normals = (None if x is None else _taken(x, distinct[:, i + 1]) for i, x in enumerate(values[1:]))
    used, own = np.unique(material, return_inverse=True)
    return Mesh(
        name,
        values[0][distinct[:, 0]],
        faces.reshape(-1, 3).astype(np.int32),
        None if colours is None else colours[distinct[:, 0]],
        normals,
        uv,
        tuple(materials[number] for number in used.tolist()),
        own.reshape(-1).astype(np.int32),
    )


def _taken(values: NDArray[np.float32], rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """Some rows; zeros for row -1."""
    return np.where((rows >= 0)[:, None], values[np.maximum(rows, 0)], 0).astype(np.float32)
