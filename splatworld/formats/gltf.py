"""Triangle meshes in GLB files, of whatever a mesh is wanted for: colliders, surfaces, what other programs made.

glTF has y up, so values are written as (x, z, -y) and read back: frame `rub` of `splatworld.formats.frames`. Vertex
colours and material colours of glTF are linear light; ours are display values. Specification: Khronos, glTF 2.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splatworld import files
from splatworld.errors import OutputError
from splatworld.formats import gltf_container
from splatworld.formats.frames import FILE_FROM_WORLD
from splatworld.formats.gltf_container import INDICES, Draft
from splatworld.palette import linear_from_display

_UNLIT = "KHR_materials_unlit"
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in world axes (+Z up), in metres."""

    name: str
    positions: NDArray[np.float32]
    """[v, 3]"""
    faces: NDArray[np.integer]
    """[f, 3], counter-clockwise seen from outside."""
    normals: NDArray[np.float32] | None = None
    """[v, 3], of length 1."""
    colours: NDArray[np.float32] | None = None
    """[v, 3] or, with opacity, [v, 4]: display values, 0 to 1."""
    uv: NDArray[np.float32] | None = None
    """[v, 2], from the upper left corner of the picture."""
    texture: bytes | None = None
    """A PNG or JPEG."""
    colour: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    """What all colours are multiplied with; display values and opacity."""
    unlit: bool = False
    """Colours already hold the light, so that renderers should add none."""
    double_sided: bool = False
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Whatever JSON can hold; ends up in the `extras` of the node."""


def write_meshes(
    path: Path | str, meshes: Sequence[Mesh], *, extras: Mapping[str, Any] | None = None, force: bool = False
) -> None:
    """Write a GLB with one node for each mesh; `extras` are those of the scene.

    Raises `OutputError` for an existing file without `force`, and for values that are no number.
    """
    made = gltf_container.draft()
    add_meshes(made, meshes)
    made.scene.update({"extras": dict(extras)} if extras else {})
    with files.replacing(path, force=force) as temporary, open(temporary, "wb") as file:
        made.write(file)


def add_meshes(made: Draft, meshes: Sequence[Mesh]) -> None:
    """Put meshes into a GLB in the making, each with a node of its own. Those without triangles are left out."""
    for mesh in meshes:
        if not len(mesh.faces):
            continue
        primitive = {"attributes": _attributes(made, mesh), "material": _material(made, mesh)}
        count = len(mesh.positions)
        if mesh.faces.min() < 0 or mesh.faces.max() >= count:
            raise OutputError(f"cannot write GLB: '{mesh.name}' has faces beyond its {count:,} vertices")
        # The largest number of a type means a restart and not a vertex.
        faces = np.asarray(mesh.faces, np.uint16 if count < 2**16 - 1 else np.uint32).reshape(-1)
        primitive["indices"] = made.put(faces, target=INDICES)
        node = {"mesh": made.add("meshes", {"name": mesh.name, "primitives": [primitive]}), "name": mesh.name}
        extras = {"extras": dict(mesh.extras)} if mesh.extras else {}
        made.show(node | extras)


def _attributes(made: Draft, mesh: Mesh) -> dict[str, int]:
    turn = FILE_FROM_WORLD["rub"]
    for name in ("positions", "normals", "colours", "uv"):
        values = getattr(mesh, name)
        if values is not None and (len(values) != len(mesh.positions) or not np.isfinite(values).all()):
            raise OutputError(f"cannot write GLB: {name} of '{mesh.name}' are not one finite number for each vertex")
    positions = np.ascontiguousarray(turn.apply(mesh.positions.astype(np.float32)))
    bounds = {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    found = {"POSITION": made.put(positions, **bounds)}
    if mesh.normals is not None:
        found["NORMAL"] = made.put(turn.apply(mesh.normals.astype(np.float32)))
    if mesh.colours is not None:
        found["COLOR_0"] = made.put(_linear(mesh.colours), normalized=True)
    if mesh.uv is not None:
        found["TEXCOORD_0"] = made.put(mesh.uv.astype(np.float32))
    return found


def _linear(colours: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Linear RGBA, [v, 4]; in 16 bits, because 8 bits of linear light show steps in the dark."""
    out = np.full((len(colours), 4), 65535, np.uint16)
    shown = np.clip(colours, 0, 1)
    out[:, :3] = np.rint(linear_from_display(shown[:, :3]) * 65535)
    if shown.shape[1] == 4:
        out[:, 3] = np.rint(shown[:, 3] * 65535)
    return out


def _material(made: Draft, mesh: Mesh) -> int:
    red, green, blue, alpha = mesh.colour
    factor = [linear_from_display(red), linear_from_display(green), linear_from_display(blue), alpha]
    surface: dict[str, Any] = {"baseColorFactor": factor, "metallicFactor": 0.0, "roughnessFactor": 1.0}
    if mesh.texture is not None:
        surface["baseColorTexture"] = {"index": _texture(made, mesh.texture)}
    material: dict[str, Any] = {"pbrMetallicRoughness": surface, "doubleSided": mesh.double_sided}
    if alpha < 1 or (mesh.colours is not None and mesh.colours.shape[1] == 4):
        material["alphaMode"] = "BLEND"
    if mesh.unlit:
        material["extensions"] = {_UNLIT: {}}
        used = made.json.setdefault("extensionsUsed", [])
        used += [] if _UNLIT in used else [_UNLIT]
    return _shared(made, "materials", material)


def _texture(made: Draft, picture: bytes) -> int:
    kind = next((kind for magic, kind in _PICTURES.items() if picture.startswith(magic)), None)
    if kind is None:
        raise OutputError("cannot write GLB: a texture is neither PNG nor JPEG")
    image = made.add("images", {"bufferView": made.put_bytes(picture), "mimeType": kind})
    return made.add("textures", {"source": image})


def _shared(made: Draft, kind: str, item: dict[str, Any]) -> int:
    """The index of an equal item, or that of this one, newly added."""
    items = made.json.get(kind, [])
    return items.index(item) if item in items else made.add(kind, item)
