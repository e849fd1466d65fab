"""Meshes into files of other programs: `.glb` with our own writer, `.obj`, `.ply` and `.stl` with trimesh."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splatworld import files
from splatworld.errors import UsageError
from splatworld.formats import gltf
from splatworld.formats.frames import Frame, file_from_world
from splatworld.formats.meshes import Mesh

FRAMES: dict[str, Frame] = {".glb": "rub", ".obj": "rub", ".ply": "rfu", ".stl": "rfu"}
"""Axes by suffix, as most programs expect them: y up or z up."""


def check_suffix(path: Path) -> None:
    """Raise `UsageError` if no mesh can be written under this name."""
    if path.suffix.lower() not in FRAMES:
        raise UsageError(f"cannot write {path}: meshes are written as {', '.join(FRAMES)}")


def save(meshes: Sequence[Mesh], path: Path, *, force: bool = False) -> None:
    """Write meshes that stand in world coordinates; the suffix names the format. The file appears whole or not at all.

    `.glb` and `.obj` keep them apart by name, `.ply` and `.stl` hold one mesh, `.stl` without colours. Raises
    `UsageError` for an unknown suffix, `OutputError` for what cannot be written.
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    if suffix == ".glb":
        lit = all(mesh.colours is not None for mesh in meshes)  # the colours of splats hold the light already
        gltf.write_meshes(path, meshes, unlit=lit, double_sided=True, force=force)
        return
    import trimesh

    made: list[Any] = [_trimesh(mesh, FRAMES[suffix]) for mesh in meshes]
    if suffix == ".obj":
        scene: Any = trimesh.Scene({mesh.name: one for mesh, one in zip(meshes, made, strict=True)})
        data: Any = scene.export(file_type="obj")
    else:
        whole: Any = trimesh.util.concatenate(made)
        data = whole.export(file_type=suffix[1:])
    files.write_bytes(path, data.encode() if isinstance(data, str) else data, force=force)


def _trimesh(mesh: Mesh, frame: Frame) -> Any:
    import trimesh

    vertices = file_from_world(frame, 1.0).apply(mesh.vertices.astype(np.float64))
    shown = None if mesh.colours is None else np.rint(np.clip(mesh.colours, 0, 1) * 255).astype(np.uint8)
    return trimesh.Trimesh(vertices, mesh.faces, vertex_colors=shown, process=False)
