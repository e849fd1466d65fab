"""`.ply` that holds no Gaussians but points or triangles: scans, point clouds, meshes; text or binary.

Read are positions, normals (nx ny nz), colours (red green blue), one picture (u v or s t, with MeshLab's `comment
TextureFile`), and faces of any number of corners (`vertex_indices`), which become fans of triangles. Most programs
that write meshes and clouds have z up, so `rfu` is taken for the axes unless the file or `frame` says otherwise; a note
tells.
"""

import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats import ply_comments
from splatworld.formats.frames import Frame
from splatworld.formats.mesh_world import structured
from splatworld.formats.meshes import Material, Mesh
from splatworld.formats.ply_header import ORDERS, comments, declared, read_lines
from splatworld.formats.ply_lists import Element, Values
from splatworld.formats.polygons import fans
from splatworld.formats.textures import Folder
from splatworld.progress import Note, Progress
from splatworld.world import World

HABIT: Frame = "rfu"
_GAUSSIAN = ("f_dc_", "scale_", "rot_", "opacity", "packed_")
_LISTS = ("vertex_indices", "vertex_index")
_COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_UV = (("u", "v"), ("s", "t"), ("texture_u", "texture_v"))

Columns = dict[str, NDArray[Any]]


def read(file: BinaryIO, path: Path, frame: Frame | None, progress: Progress) -> World | None:
    """The world of an open PLY; None if it holds Gaussians, or nothing known. Raises `FormatError`."""
    lines, offset = read_lines(file, path.name)
    elements = [Element(*found) for found in declared([line.split() for line in lines], path.name)]
    if not _is_mesh(elements):
        return None
    told = comments(lines)
    said = ply_comments.understood(told, HABIT, path.name)
    if frame is None and not any(text.startswith(("axes", "Vertical Axis")) for text in told):
        progress(Note(f"{path.name} does not record its axes; taken is {HABIT}, z up (others: `convert --frame`)"))
    vertices, faces = _read(elements, _values(file, lines, offset, path.name))
    uv = _stacked(vertices, _UV)
    picture = next((text.split(maxsplit=1)[1] for text in told if text.startswith("TextureFile ")), None)
    texture = Folder(path, progress).picture(picture) if picture is not None and uv is not None else None
    mesh = Mesh(
        path.stem,
        np.stack([vertices[axis] for axis in "xyz"], 1).astype(np.float32) * np.float32(said.unit),
        faces,
        _colours(vertices),
        _stacked(vertices, [("nx", "ny", "nz")]),
        None if uv is None else np.stack([uv[:, 0], 1 - uv[:, 1]], 1),
        (Material(texture=texture),),
    )
    return structured([mesh], name=path.stem, frame=frame or said.frame, progress=progress)


def _is_mesh(elements: list[Element]) -> bool:
    """True if there are vertices with positions, and nothing that only Gaussians have."""
    vertex = next((e for e in elements if e.name == "vertex"), None)
    if vertex is None or not vertex.count or not vertex.even or not {"x", "y", "z"} <= set(vertex.names):
        return False
    return not any(name.startswith(_GAUSSIAN) for name in vertex.names)


def _values(file: BinaryIO, lines: list[str], offset: int, source: str) -> Values:
    kind = next((line.split()[1] for line in lines if line.startswith("format ") and len(line.split()) > 1), "missing")
    size = file.seek(0, 2) - offset
    file.seek(offset)
    if kind in ORDERS:
        return Values(np.frombuffer(file.read(), np.uint8), ORDERS[kind], source)
    if kind != "ascii":
        raise FormatError(f"{source}: PLY format '{kind[:40]}' is not read; expected ascii or {' or '.join(ORDERS)}")
    if size > limits.MESH_TEXT_BYTES:
        raise FormatError(f"{source} has {size:,} bytes of text; at most {limits.MESH_TEXT_BYTES:,} are read")
    return Values(numbers(file.read(), source), "", source)


def numbers(text: bytes, source: str) -> NDArray[np.float64]:
    """All numbers of a text, parted by white space. Raises `FormatError` for anything else in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy's way to say that it stopped before the end
        try:
            return np.fromstring(text, np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            raise FormatError(f"{source}: its text holds something that is no number") from None


def _read(elements: list[Element], values: Values) -> tuple[Columns, NDArray[np.int32]]:
    """Properties of the vertices, and triangles."""
    vertices: Columns = {}
    faces, at = np.zeros((0, 3), np.int32), 0
    for element in elements:
        if element.even:
            columns, at = values.columns(element, at)
            vertices = columns if element.name == "vertex" else vertices
            continue
        wanted = next((name for name in _LISTS if name in element.names), None)
        if element.name == "face" and wanted is not None and element.count:
            counts, corners = values.lists(element, wanted, at)
            faces = corners.astype(np.float64)[fans(counts)[0]]
        break  # what follows is of no use to us
    if not vertices:
        raise FormatError(f"{values.source}: its vertices stand behind lists, where they are not read")
    sound = (faces >= 0) & (faces < len(vertices["x"]))
    return vertices, faces[sound.all(1)].astype(np.int32)


def _stacked(vertices: Columns, choices: Any) -> NDArray[np.float32] | None:
    """The first of some groups of columns that is there, [v, k]; None if none is."""
    for names in choices:
        if set(names) <= set(vertices):
            with np.errstate(over="ignore"):
                return np.stack([vertices[name] for name in names], 1).astype(np.float32)
    return None


def _colours(vertices: Columns) -> NDArray[np.float32] | None:
    """Display values from 0 to 1: of whole numbers the largest of their type is 1, and of those in a text 255."""
    found = _stacked(vertices, _COLOURS)
    if found is None:
        return None
    kind = next(vertices[names[0]].dtype for names in _COLOURS if set(names) <= set(vertices))
    if kind.kind in "iu":
        return found / np.float32(np.iinfo(kind).max)
    return found / np.float32(255) if np.nanmax(found, initial=0) > 1 else found
