"""Meshes of a file become a world: each a thing with its name, its surface and the splats that show it."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from splatworld import limits
from splatworld.formats import surfels
from splatworld.formats.frames import Frame, file_from_world
from splatworld.formats.meshes import Mesh
from splatworld.geometry import Similarity, Vec3
from splatworld.progress import Note, Progress, Step
from splatworld.scene_spec import clean_text
from splatworld.splats import Splats, cat
from splatworld.world import Layer, Surface, Thing, World, from_splats


def structured(
    meshes: Sequence[Mesh], *, name: str, frame: Frame = "rfu", count: int | None = None, progress: Progress
) -> World:
    """A world of meshes whose vertices stand in the axes `frame`; bare points alone make a layer without things.

    `count`: splats in all, about; by default as many as show the meshes well. `name` is that of the file.
    """
    meshes = [_turned(mesh, frame) for mesh in meshes if len(mesh.vertices)]
    spacing, parts, things, surfaces = surfels.spacing_of(meshes, count), [], [], {}
    names, labels = _names(meshes), list[str]()
    for number, mesh in enumerate(meshes, 1):
        splats = surfels.from_mesh(mesh, spacing=spacing, shaded=True)
        if not len(mesh.faces) and len(meshes) == 1:
            return from_splats(splats, name=name[: limits.NAME_CHARS])
        thing, surface = _thing(number, names[number - 1], mesh)
        labels += [] if thing.kind in labels else [thing.kind]
        parts.append(_owned(splats, thing, labels.index(thing.kind)))
        things.append(thing)
        if surface is not None:
            surfaces[thing.name] = surface
        progress(Step(number, len(meshes)))
    splats = cat(parts)
    progress(Note(f"{name}: {_counted(meshes)} became {len(splats):,} splats"))
    layer = Layer("base", name[: limits.NAME_CHARS], splats)
    return World((layer,), tuple(things), surfaces=surfaces, labels=tuple(labels))


def _turned(mesh: Mesh, frame: Frame) -> Mesh:
    """In world axes. Normals that mean nothing become zero, and vertices that do are left out later."""
    turn, normals = file_from_world(frame, 1.0).inverse(), None
    if mesh.normals is not None:
        sound = (np.abs(mesh.normals) <= 2).all(1, keepdims=True)  # they are of length 1
        normals = turn.apply(np.where(sound, mesh.normals, np.float32(0)))
    with np.errstate(over="ignore", invalid="ignore"):
        return replace(mesh, vertices=turn.apply(mesh.vertices), normals=normals)


def _thing(number: int, name: str, mesh: Mesh) -> tuple[Thing, Surface | None]:
    """A thing that stands on the middle of its footprint, and its surface in its frame."""
    sound = mesh.vertices[(np.abs(mesh.vertices) <= limits.POSITION_METRES_MAX).all(1)]
    low, high = (sound.min(0), sound.max(0)) if len(sound) else (np.zeros(3), np.zeros(3))
    foot = np.array([*(0.5 * (low + high))[:2], low[2]])
    surface = _surface(mesh, foot)
    thing = Thing(
        id=number,
        name=name,
        kind=_kind(name),
        world_from_thing=Similarity(translation=_vec3(foot)),
        bounds=(_vec3(low - foot), _vec3(high - foot)),
        surface=name if surface is not None else None,
        collider="mesh" if surface is not None else "none",
    )
    return thing, surface


def _surface(mesh: Mesh, foot: np.ndarray) -> Surface | None:
    """Of the faces that mean something."""
    rows = surfels.sound_rows(mesh)
    if not len(rows):
        return None
    used, faces = np.unique(mesh.faces[rows], return_inverse=True)
    return Surface((mesh.vertices[used] - foot).astype(np.float32), faces.reshape(-1, 3).astype(np.int32))


def _owned(splats: Splats, thing: Thing, label: int) -> Splats:
    """Splats in the frame of their thing."""
    n = len(splats)
    if "normal" not in splats.extras:
        splats = splats.with_extras(normal=torch.zeros(n, 3, dtype=torch.float16))
    placed = splats.transformed(thing.world_from_thing.inverse())
    ids = torch.full((n,), thing.id, dtype=torch.int32)
    return placed.with_extras(thing=ids, label=torch.full((n,), label, dtype=torch.int16))


def _names(meshes: Sequence[Mesh]) -> list[str]:
    """Names that are clean and differ."""
    taken, out, numbers = set[str](), [], dict[str, int]()
    for mesh in meshes:
        name = clean_text(mesh.name)[: limits.NAME_CHARS - 8].strip() or "mesh"
        unique = name
        while unique in taken:
            numbers[name] = numbers.get(name, 1) + 1
            unique = f"{name} {numbers[name]}"
        taken.add(unique)
        out.append(unique)
    return out


def _kind(name: str) -> str:
    """The class that a name speaks of: "Chair.001" is a chair."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[\W\d_]+", " ", name)).lower().split()
    return " ".join(words) or "mesh"


def _counted(meshes: Sequence[Mesh]) -> str:
    faces = sum(len(mesh.faces) for mesh in meshes)
    return f"{len(meshes):,} mesh{'es' * (len(meshes) != 1)} of {faces:,} triangles"


def _vec3(values: np.ndarray) -> Vec3:
    x, y, z = (float(v) for v in values)
    return x, y, z
