"""`.glb` with KHR_gaussian_splatting: splats as glTF holds them, uncompressed, for engines and map viewers.

Release candidate of January 2026, KhronosGroup/glTF, extensions/2.0/Khronos/KHR_gaussian_splatting: points with
rotations (xyzw), scales in metres, opacities from 0 to 1 and SH up to degree 3, one accessor for each coefficient. A
program without the extension shows the points in their base colour, `COLOR_0`. glTF has y up and metres: values are
turned to `rub`, x right, -z forward. Which way is forward the specification leaves open; splat-transform turns about
another axis, so that its files are turned half round here.

Ours add `_THING` and `_LABEL` to the points, and the structure of the world to the `extras` of the scene. Other files
may hold any number of splat primitives below any nodes that turn, move and scale them equally in all directions. A file
with meshes or points only is made into splats (`splatworld.formats.mesh_world`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.formats import gltf, gltf_container
from splatworld.formats.checks import writable
from splatworld.formats.glb_read import DEGREE, DISPLAY, EXTENSION, FRAME, IDS, opened, widths
from splatworld.formats.gltf_container import MAGIC, POINTS, Draft
from splatworld.formats.meshes import Material, Mesh
from splatworld.formats.quantise import bytes_from
from splatworld.formats.streams import Shape
from splatworld.formats.structure import NOTHING
from splatworld.palette import COLOURS, linear_from_display
from splatworld.progress import Note, Progress
from splatworld.splats import Splats
from splatworld.world import World

FIXED_AXES = True
"""glTF says that +Y is up, and that a unit is a metre."""
KEEPS_THINGS = True

__all__ = ["FRAME", "opened", "recognises", "sink"]

_LINEAR_BYTES = np.rint(linear_from_display(np.arange(4096) / 4095) * 255).astype(np.uint8)
"""Linear light of display values in 4095ths."""
_BOUNDS_BYTES = 256
"""Room in the header for the bounds of the positions, which are known last."""
_PROPERTIES = {
    "kernel": "ellipse",
    "colorSpace": DISPLAY,
    "sortingMethod": "cameraDistance",
    "projection": "perspective",
}


def recognises(head: bytes) -> bool:
    """True if the first bytes of a file are those of a GLB."""
    return head.startswith(MAGIC)


@contextmanager
def sink(path: Path, shape: Shape, *, progress: Progress, surfaces: bool = False) -> Iterator["_Sink"]:
    """A GLB to be written in blocks; with `surfaces`, those of the visible things stand beside as ordinary meshes.

    Raises `OutputError` for values that are no number and for more than 4 GiB.
    """
    degree = min(shape.degree, DEGREE)
    if degree < shape.degree:
        progress(Note("GLB holds SH up to degree 3; the fourth band is left out"))
    made = gltf_container.draft()
    made.use(EXTENSION)
    if shape.structure != NOTHING:
        made.scene["extras"] = {"splatworld": shape.structure}
    for mesh in _surfaces(shape.world) if surfaces and shape.world is not None else ():
        gltf.add_mesh(made, mesh)
    with open(path, "wb") as file:
        sink = _Sink(file, made, degree, tuple(name for name in IDS if name in shape.extras), shape.count)
        yield sink
        sink.end()


def _surfaces(world: World) -> Iterator[Mesh]:
    """Surfaces of the visible things in world axes, in the main colour of their thing."""
    for thing in world.things:
        if thing.visible and thing.surface is not None:
            surface = world.surfaces[thing.surface]
            red, green, blue = (value / 255 for value in COLOURS.get(thing.colour or "", (255, 255, 255)))
            vertices = thing.world_from_thing.apply(surface.vertices)
            yield Mesh(thing.name, vertices, surface.faces, materials=(Material((red, green, blue)),))


class _Sink:
    """Writes each column of a block to its place in the file."""

    def __init__(self, file: BinaryIO, made: Draft, degree: int, ids: tuple[str, ...], count: int) -> None:
        self.file, self.made, self.degree, self.ids = file, made, degree, ids
        self.low, self.high = np.full(3, np.inf, np.float32), np.full(3, -np.inf, np.float32)
        offsets = self._lay_out(count) if count else []
        made.write(file, spare=_BOUNDS_BYTES)
        self.start = len(made.head()) + _BOUNDS_BYTES
        """Of the binary chunk."""
        self.offsets = [self.start + offset for offset in offsets]
        """Where the next rows of each column go."""

    def _lay_out(self, count: int) -> list[int]:
        """Make room for all columns, in the order of `encode`, and add the node that shows them; their offsets."""
        attributes, offsets = {}, []
        for name, width in widths(self.degree, self.ids).items():
            kind = np.uint8 if name == "COLOR_0" else np.float32
            more = {"POSITION": {"min": [0.0] * 3, "max": [0.0] * 3}, "COLOR_0": {"normalized": True}}.get(name, {})
            attributes[name], offset = self.made.accessor(count, width, kind, **more)
            offsets.append(offset)
        self.position = attributes["POSITION"]
        primitive = {"attributes": attributes, "mode": POINTS, "extensions": {EXTENSION: _PROPERTIES}}
        mesh = self.made.add("meshes", {"name": "splats", "primitives": [primitive]})
        self.made.show({"name": "splats", "mesh": mesh})
        return offsets

    def encode(self, splats: Splats) -> list[NDArray[Any]]:
        means = writable(splats, "GLB").means.numpy()
        quats = splats.quats.numpy()[:, [1, 2, 3, 0]]
        opacities = splats.opacities.numpy()
        scales = splats.log_scales.clamp(-limits.LOG_SCALE_ABS_MAX, limits.LOG_SCALE_ABS_MAX).exp()
        return [
            np.ascontiguousarray(means),
            _fallback(splats.colours.numpy(), opacities),
            quats / np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), np.float32(1e-30)),
            scales.numpy(),
            opacities,
            *np.ascontiguousarray(splats.sh.numpy().transpose(1, 0, 2)),
            *(splats.extras[name].numpy().astype(np.float32) for name in self.ids),
        ]

    def put(self, encoded: list[NDArray[Any]]) -> None:
        self.low = np.minimum(self.low, encoded[0].min(0))
        self.high = np.maximum(self.high, encoded[0].max(0))
        for i, values in enumerate(encoded):
            self.file.seek(self.offsets[i])
            self.file.write(np.ascontiguousarray(values).data)
            self.offsets[i] += values.nbytes

    def end(self) -> None:
        """Tell the bounds."""
        if self.offsets:
            self.made.json["accessors"][self.position] |= {"min": self.low.tolist(), "max": self.high.tolist()}
            self.file.seek(0)
            self.file.write(self.made.head(self.start))


def _fallback(colours: NDArray[np.float32], opacities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGBA as glTF has it, linear light, [n, 4]."""
    out = np.empty((len(colours), 4), np.uint8)
    out[:, :3] = _LINEAR_BYTES[np.clip(np.rint(colours * 4095), 0, 4095).astype(np.uint16)]
    out[:, 3] = bytes_from(opacities * 255)
    return out
