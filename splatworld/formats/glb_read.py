"""Reading GLB: splats in blocks, from the columns of any number of primitives; see `splatworld.formats.glb`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from splatworld import limits, sh
from splatworld.errors import FormatError
from splatworld.formats import gltf_container, gltf_nodes, gltf_read, mesh_world, parts, streams
from splatworld.formats.checks import checked_count, sound_ids
from splatworld.formats.frames import Frame
from splatworld.formats.gltf_container import POINTS, Column, Glb, Primitive
from splatworld.formats.parts import Part
from splatworld.formats.streams import Source
from splatworld.formats.structure import NOTHING, Structure, checked
from splatworld.geometry import Similarity
from splatworld.palette import display_from_linear
from splatworld.progress import Note, Progress, Warning
from splatworld.splats import Splats

FRAME: Frame = "rub"
EXTENSION = "KHR_gaussian_splatting"
DEGREE = 3
"""The highest that the extension knows."""
IDS = {"thing": ("_THING", np.dtype(np.int32)), "label": ("_LABEL", np.dtype(np.int16))}
"""Extras that are written: attribute of the points, and type here. glTF has no integers of 32 bits for attributes, so
all are float32, which is exact to 16 millions."""
DISPLAY, _LINEAR = "srgb_rec709_display", "lin_rec709_display"
_UNDERSTOOD = {EXTENSION, "KHR_materials_unlit", "KHR_mesh_quantization"}
"""Extensions that a file may require."""


class _Splatting(msgspec.Struct, frozen=True, rename="camel"):
    """The extension of a primitive."""

    kernel: str = "ellipse"
    color_space: str = DISPLAY
    extensions: dict[str, msgspec.Raw] = {}


class _Extras(msgspec.Struct, frozen=True):
    """Those of the scene."""

    splatworld: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True)
class _Part(Part):
    """The splats of one primitive at one node."""

    degree: int
    columns: Mapping[str, Column]
    linear: bool
    """Colours are linear light, and not display values."""


def widths(degree: int, ids: tuple[str, ...] = ()) -> dict[str, int]:
    """Numbers of each attribute of the points, by name, in the order in which we write them."""
    core = {"ROTATION": 4, "SCALE": 3, "OPACITY": 1, **dict.fromkeys(_coefficients(degree), 3)}
    named = {f"{EXTENSION}:{name}": width for name, width in core.items()}
    return {"POSITION": 3, "COLOR_0": 4, **named, **{IDS[name][0]: 1 for name in ids}}


def _coefficients(degree: int) -> list[str]:
    return [f"SH_DEGREE_{band}_COEF_{i}" for band in range(degree + 1) for i in range(2 * band + 1)]


@contextmanager
def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Iterator[Source]:
    """The splats of a GLB, to be read in blocks, or made of its meshes and points. Raises `FormatError`."""
    with gltf_container.opened(path) as glb:
        strange = [name for name in glb.json.extensions_required if name not in _UNDERSTOOD]
        if strange:
            raise FormatError(f"{path.name} cannot be read without the extension {strange[0]}, which is not known here")
        found, others = _parts(glb)
        if found or (EXTENSION in glb.json.extensions_used and not others):
            _tell(glb, found, others, progress)
            yield _source(glb, found, frame or FRAME)
        else:
            yield _of_meshes(glb, path, frame or FRAME, progress)


def _of_meshes(glb: Glb, path: Path, frame: Frame, progress: Progress) -> Source:
    """The splats that meshes or points are made into."""
    meshes = list(gltf_read.meshes(glb))
    if not meshes:
        raise FormatError(f"{path.name} shows neither splats nor meshes nor points")
    return streams.held(mesh_world.structured(meshes, name=path.stem, frame=frame, progress=progress), path.name)


def _parts(glb: Glb) -> tuple[list[_Part], int]:
    """All splats that the scene shows, and the number of primitives that are something else."""
    found, others, start = list[_Part](), 0, 0
    for node, place in gltf_nodes.shown(glb):
        for primitive in glb.item(glb.json.meshes, node.mesh, "mesh").primitives if node.mesh is not None else ():
            if EXTENSION not in primitive.extensions:
                others += 1
                continue
            if len(found) >= limits.GLTF_SPLAT_PRIMITIVES:
                raise FormatError(f"{glb.name} has more than {limits.GLTF_SPLAT_PRIMITIVES:,} primitives with splats")
            similarity = parts.similarity(place, f"{glb.name}: the node '{node.name}'")
            found.append(_part(glb, primitive, start, similarity))
            start += found[-1].count
            # The same bytes may be asked for many times.
            checked_count(start, 12, glb.size, glb.name)
    return found, others


def _part(glb: Glb, primitive: Primitive, start: int, place: Similarity) -> _Part:
    what = f"{glb.name}: a primitive with splats"
    try:
        splatting = msgspec.json.decode(primitive.extensions[EXTENSION], type=_Splatting)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as why:
        raise FormatError(f"{what} has no sound description of them: {why}") from None
    if primitive.mode != POINTS or splatting.kernel != "ellipse":
        raise FormatError(f"{what} has the mode {primitive.mode} and the kernel '{splatting.kernel}'; "
                          f"expected {POINTS}, points, and 'ellipse'")  # fmt: skip
    if splatting.color_space not in (DISPLAY, _LINEAR):
        raise FormatError(f"{what} has the colour space '{splatting.color_space}'; known are {DISPLAY} and {_LINEAR}")
    degree = _degree(primitive, what)
    wanted = widths(degree, tuple(name for name in IDS if IDS[name][0] in primitive.attributes))
    missing = [name for name in wanted if name not in primitive.attributes and name != "COLOR_0"]
    if missing:
        compressed = f"; it is packed by {', '.join(splatting.extensions)}" if splatting.extensions else ""
        raise FormatError(f"{what} lacks {missing[0]}{compressed}")
    del wanted["COLOR_0"]
    columns = {name: glb.column(primitive.attributes[name], width) for name, width in wanted.items()}
    counts = {column.count for column in columns.values()}
    if len(counts) > 1:
        raise FormatError(f"{what} has attributes of different counts: {', '.join(map(str, sorted(counts)))}")
    return _Part(start, counts.pop(), place, degree, columns, splatting.color_space == _LINEAR)


def _degree(primitive: Primitive, what: str) -> int:
    """The highest band that is there; it and those below must be complete."""
    prefix = f"{EXTENSION}:SH_DEGREE_"
    bands = {name.removeprefix(prefix)[:1] for name in primitive.attributes if name.startswith(prefix)}
    degree = max((int(band) for band in bands if band.isdecimal() and band.isascii()), default=0)
    if degree > DEGREE:
        raise FormatError(f"{what} has SH of degree {degree}; the extension knows {DEGREE}")
    return degree


def _tell(glb: Glb, found: list[_Part], others: int, progress: Progress) -> None:
    if others:
        progress(Note(f"{glb.name}: left out are {others:,} primitives that are no splats"))
    if any(part.linear for part in found):
        progress(Warning(f"{glb.name} has colours in linear light; they become display values, and where they change "
                         "with the direction, nearly"))  # fmt: skip


def _source(glb: Glb, found: list[_Part], frame: Frame) -> Source:
    structure = _structure(glb)
    shared = [name for name in IDS if found and all(IDS[name][0] in part.columns for part in found)]
    extras = {name: (IDS[name][1], ()) for name in shared if name != "label" or structure.labels}
    count, degree = sum(part.count for part in found), max((part.degree for part in found), default=0)
    fill = partial(parts.fill, found, partial(_fill, glb, len(structure.labels)))
    return Source(glb.name, count, degree, frame, fill, extras, structure.labels, structure=structure)


def _structure(glb: Glb) -> Structure:
    """What a file of ours says of its world; nothing in others, whose `extras` may be anything."""
    if not glb.json.scenes:
        return NOTHING
    try:
        extras = msgspec.json.decode(glb.item(glb.json.scenes, glb.json.scene, "scene").extras, type=_Extras | None)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NOTHING
    found = bytes(extras.splatworld) if extras is not None else b"null"
    return checked(found, glb.name) if found != b"null" else NOTHING


def _fill(glb: Glb, labels: int, part: _Part, start: int, target: Splats) -> None:
    def values(name: str) -> NDArray[np.float32]:
        return part.columns[name].rows(glb.file, glb.name, start, len(target))

    with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is mended or dropped, and counted
        opacity = np.clip(values(f"{EXTENSION}:OPACITY")[:, 0], 0, 1)
        target.logit_opacities.numpy()[:] = np.log(opacity) - np.log1p(-opacity)
        np.log(values(f"{EXTENSION}:SCALE"), out=target.log_scales.numpy())
    target.means.numpy()[:] = values("POSITION")
    target.quats.numpy()[:] = values(f"{EXTENSION}:ROTATION")[:, [3, 0, 1, 2]]
    bands = target.sh.numpy()
    for i, name in enumerate(_coefficients(part.degree)):
        bands[:, i] = values(f"{EXTENSION}:{name}")
    bands[:, (part.degree + 1) ** 2 :] = 0
    if part.linear:
        _to_display(bands)
    for name, high, none in (("thing", limits.THING_ID_MAX, 0), ("label", labels - 1, -1)):
        if name in target.extras:
            target.extras[name].numpy()[:] = sound_ids(values(IDS[name][0])[:, 0], none, high, none)


def _to_display(bands: NDArray[np.float32]) -> None:
    """Coefficients [n, k, 3] of linear light as those of display values, in place."""
    light = np.maximum(bands[:, 0] * sh.C0 + 0.5, 0)
    step = np.float32(1 / 512)
    slope = (display_from_linear(light + step) - display_from_linear(light)) / step
    bands[:, 0] = (display_from_linear(light) - 0.5) / sh.C0
    bands[:, 1:] *= slope[:, None]
