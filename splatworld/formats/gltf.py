"""Meshes in GLB files: colliders, surfaces, what other programs made.

glTF has y up: positions are written as (x, z, -y), frame `rub` of `splatworld.formats.frames`, and turned back when
they are read. Its colours are linear light but for those in pictures; ours are display values. Specification: Khronos,
glTF 2.0, chapters 3.7 (meshes) and 3.9 (materials).
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splatworld import files
from splatworld.errors import OutputError
from splatworld.formats import gltf_container
from splatworld.formats.frames import FILE_FROM_WORLD
from splatworld.formats.gltf_container import INDICES, POINTS, Draft
from splatworld.formats.meshes import Material, Mesh
from splatworld.palette import linear_from_display

_UNLIT = "KHR_materials_unlit"


def write_meshes(
    path: Path | str,
    meshes: Sequence[Mesh],
    *,
    unlit: bool = False,
    double_sided: bool = False,
    extras: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Write meshes in world axes as a GLB, one node each; those without vertices are left out.

    `unlit`: colours already hold the light, so that programs should add none. `extras`, whatever JSON can hold, are
    those of the scene. Raises `OutputError` for an existing file without `force`, and for values that are no number.
    """
    made = gltf_container.draft()
    for mesh in meshes:
        add_mesh(made, mesh, unlit=unlit, double_sided=double_sided)
    made.scene.update({"extras": dict(extras)} if extras else {})
    with files.replacing(path, force=force) as temporary, open(temporary, "wb") as file:
        made.write(file)


def add_mesh(made: Draft, mesh: Mesh, *, unlit: bool = False, double_sided: bool = False) -> None:
    """Put a mesh into a GLB in the making, with a node of its own. Raises `OutputError`."""
    if not len(mesh.vertices):
        return
    attributes = _attributes(made, mesh)
    if not len(mesh.faces):
        primitives = [{"attributes": attributes, "mode": POINTS}]
    else:
        used = np.zeros(len(mesh.faces), np.int32) if mesh.material is None else mesh.material
        primitives = [
            {
                "attributes": attributes,
                "indices": _indices(made, mesh, mesh.faces[used == number]),
                "material": _material(made, mesh.materials[number], unlit, double_sided),
            }
            for number in np.unique(used).tolist()
        ]
    made.show({"name": mesh.name, "mesh": made.add("meshes", {"name": mesh.name, "primitives": primitives})})


def _attributes(made: Draft, mesh: Mesh) -> dict[str, int]:
    turn = FILE_FROM_WORLD["rub"]
    for name in ("vertices", "normals", "colours", "uv"):
        values = getattr(mesh, name)
        if values is not None and (len(values) != len(mesh.vertices) or not np.isfinite(values).all()):
            raise OutputError(f"cannot write GLB: {name} of '{mesh.name}' are not one finite number for each vertex")
    positions = turn.apply(mesh.vertices.astype(np.float32, copy=False))
    bounds = {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    found = {"POSITION": made.put(positions, **bounds)}
    if mesh.normals is not None:
        found["NORMAL"] = made.put(turn.apply(mesh.normals.astype(np.float32, copy=False)))
    if mesh.colours is not None:
        found["COLOR_0"] = made.put(_linear(mesh.colours), normalized=True)
    if mesh.uv is not None:
        found["TEXCOORD_0"] = made.put(mesh.uv.astype(np.float32, copy=False))
    return found


def _indices(made: Draft, mesh: Mesh, faces: NDArray[np.integer]) -> int:
    count = len(mesh.vertices)
    if faces.min() < 0 or faces.max() >= count:
        raise OutputError(f"cannot write GLB: '{mesh.name}' has faces beyond its {count:,} vertices")
    # The largest number of a type means a restart and not a vertex.
    return made.put(faces.astype(np.uint16 if count < 2**16 else np.uint32).reshape(-1), target=INDICES)


def _linear(colours: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Linear RGBA, [v, 4]; in 16 bits, because 8 bits of linear light show steps in the dark."""
    out = np.full((len(colours), 4), 65535, np.uint16)
    out[:, :3] = np.rint(linear_from_display(np.clip(colours, 0, 1)) * 65535)
    return out


def _material(made: Draft, material: Material, unlit: bool, double_sided: bool) -> int:
    """The index of a material; equal ones are written once."""
    factor = [*map(linear_from_display, material.colour), material.opacity]
    surface: dict[str, Any] = {"baseColorFactor": factor, "metallicFactor": 0.0, "roughnessFactor": 1.0}
    if material.texture is not None:
        image = made.add("images", {"bufferView": made.put_bytes(_png(material.texture)), "mimeType": "image/png"})
        surface["baseColorTexture"] = {"index": made.add("textures", {"source": image})}
    out: dict[str, Any] = {"pbrMetallicRoughness": surface, "doubleSided": double_sided}
    if any(material.emission):
        out["emissiveFactor"] = [*map(linear_from_display, material.emission)]
    if material.opacity < 1 or (material.texture is not None and material.texture.shape[2] == 4):
        out["alphaMode"] = "BLEND"
    if unlit:
        out["extensions"] = {_UNLIT: {}}
        made.use(_UNLIT)
    known = made.json.get("materials", [])
    return known.index(out) if out in known else made.add("materials", out)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
