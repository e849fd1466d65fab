"""Reading OpenUSD's splats: the layer is looked at before it is composed; see `splatworld.formats.usd`.

usd-core would follow a file's references to other files and compose small files into endless ones; and its parser of
text ends the process where brackets are nested deep. So files that refer to anything are refused, and text is scanned.
"""

import importlib
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats import parts
from splatworld.formats.checks import checked_count, sound_ids
from splatworld.formats.frames import Frame
from splatworld.formats.parts import Part
from splatworld.formats.streams import Source
from splatworld.formats.structure import NOTHING, Structure, checked
from splatworld.geometry import Similarity
from splatworld.progress import Note, Progress
from splatworld.splats import Splats

FRAME: Frame = "rfu"
IDS = {"thing": np.dtype(np.int32), "label": np.dtype(np.int16)}
"""Extras that are written as primvars, and their types here."""
KEY = "splatworld"
"""Of the structure, in the custom data of the layer."""
NAME = "radiance:sphericalHarmonics"
_WIDTHS = {"positions": 3, "orientations": 4, "scales": 3, "opacities": 1, f"{NAME}Coefficients": 3}
_ARCS = ("references", "payload", "inheritPaths", "specializes", "variantSetNames")
_SCAN_BYTES = 1 << 20


@dataclass(frozen=True)
class _Part(Part):
    """The splats of one prim."""

    degree: int
    arrays: Mapping[str, NDArray[Any]]
    """By the name of the attribute; those that are missing have the defaults of the schema."""


@contextmanager
def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Iterator[Source]:
    """The splats of a USD, whose arrays are mapped or in memory. Raises `FormatError`."""
    Tf = pxr("Tf")
    _check_text(path)
    try:
        stage = _composed(path)
        found, structure = _parts(stage, path.name, progress), _structure(stage, path.name)
        up, unit = _axes(stage, path.name, progress)
    except Tf.ErrorException as why:
        raise FormatError(f"{path.name} is no USD that can be read: {said(why)}") from None
    shared = [name for name in IDS if found and all(name in part.arrays for part in found)]
    extras = {name: (IDS[name], ()) for name in shared if name != "label" or structure.labels}
    count, degree = sum(part.count for part in found), max((part.degree for part in found), default=0)
    fill = partial(parts.fill, found, partial(_fill, len(structure.labels)))
    yield Source(path.name, count, degree, frame or up, fill, extras, structure.labels, unit=unit, structure=structure)


def pxr(name: str) -> Any:
    """A module of usd-core, late, as it takes its time; and as anything, as its types are those of compiled code."""
    return importlib.import_module(f"pxr.{name}")


def said(why: Exception) -> str:
    """What usd-core has to say, without the places in its source."""
    try:
        found = re.findall(r" : '(.*?)'\s*(?:\n|$)", str(why), re.DOTALL)
    except UnicodeDecodeError:  # it cites the file
        found = []
    return " ".join((found[0] if found else "it is damaged").split())[:200]


def _check_text(path: Path) -> None:
    """Raise `FormatError` for text that usd-core cannot be trusted with, on its own or first in an archive."""
    with open(path, "rb") as file:
        head = file.read(30)
        start = 0
        if head.startswith(b"PK\x03\x04"):
            name = file.read(int.from_bytes(head[26:28], "little"))
            if not name.lower().endswith((b".usd", b".usda", b".usdc")):
                raise FormatError(f"{path.name}: the archive does not begin with a USD")
            start = file.tell() + int.from_bytes(head[28:30], "little")
            if not zipfile.is_zipfile(file):
                raise FormatError(f"{path.name} ends early: the directory of the archive is missing")
        file.seek(start)
        if file.read(8) != b"PXR-USDC":
            file.seek(start)
            _scan(file, path.name)


def _scan(file: BinaryIO, source: str) -> None:
    steps = np.zeros(256, np.int8)
    steps[list(b"([{")], steps[list(b")]}")] = 1, -1
    depth = prims = 0
    while block := file.read(_SCAN_BYTES):
        found = steps[np.frombuffer(block, np.uint8)]
        depths = depth + np.cumsum(found, dtype=np.int64)
        prims += block.count(b"{")
        if int(depths.max()) > limits.USD_DEPTH or prims > limits.USD_PRIMS:
            raise FormatError(f"{source} has brackets nested deeper than {limits.USD_DEPTH}, "
                              f"or more than {limits.USD_PRIMS:,} prims")  # fmt: skip
        depth = int(depths[-1])


def _composed(path: Path) -> Any:
    """The stage of a layer that refers to nothing else."""
    Sdf, Usd = pxr("Sdf"), pxr("Usd")
    layer = Sdf.Layer.OpenAsAnonymous(str(path))
    if layer is None:
        raise FormatError(f"{path.name} is no USD that can be read")
    prims, arcs = 0, list[str](["subLayers"] if layer.subLayerPaths else [])

    def look(at: Any) -> None:
        nonlocal prims
        prims += 1
        if prims <= limits.USD_PRIMS and at.IsPrimPath() and not arcs:
            spec = layer.GetPrimAtPath(at)
            arcs.extend(key for key in _ARCS if spec is not None and spec.HasInfo(key))

    layer.Traverse(Sdf.Path.absoluteRootPath, look)
    if prims > limits.USD_PRIMS:
        raise FormatError(f"{path.name} has more than {limits.USD_PRIMS:,} prims and properties")
    if arcs:
        raise FormatError(f"{path.name} is put together from other places ({arcs[0]}); `usdcat --flatten` makes one "
                          "file of them")  # fmt: skip
    return Usd.Stage.Open(layer)


def _parts(stage: Any, source: str, progress: Progress) -> list[_Part]:
    """All visible fields of splats. Raises `FormatError` if there are none at all."""
    Usd, UsdGeom, UsdVol = pxr("Usd"), pxr("UsdGeom"), pxr("UsdVol")
    fields = [prim for prim in stage.Traverse() if prim.IsA(UsdVol.ParticleField3DGaussianSplat)]
    if not fields:
        raise FormatError(f"{source} holds no ParticleField3DGaussianSplat")
    places = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
    found, start = list[_Part](), 0
    for prim in fields:
        if UsdGeom.Imageable(prim).ComputeVisibility() == UsdGeom.Tokens.invisible:
            continue
        place = np.array(places.GetLocalToWorldTransform(prim)).T  # USD's vectors are rows
        found.append(_part(prim, start, parts.similarity(place, f"{source}: {prim.GetPath()}"), source, progress))
        start += found[-1].count
    return found


def _part(prim: Any, start: int, place: Similarity, source: str, progress: Progress) -> _Part:
    """What the schema says of missing and odd arrays: too long ones are cut, too short ones ignored."""
    what = f"{source}: {prim.GetPath()}"
    arrays = {name: _values(prim, name, width, what) for name, width in _WIDTHS.items()}
    positions = arrays["positions"]
    count = 0 if positions is None else checked_count(len(positions), 0, 0, what)
    degree = prim.GetAttribute(f"{NAME}Degree").Get()
    if not isinstance(degree, int) or not 0 <= degree <= limits.SH_DEGREE_MAX:
        raise FormatError(f"{what} has SH of degree {degree}; 0 to {limits.SH_DEGREE_MAX} are read")
    arrays |= {name: _values(prim, f"primvars:{name}", 1, what) for name in IDS}
    needed = dict.fromkeys(arrays, count) | {f"{NAME}Coefficients": count * (degree + 1) ** 2}
    short = [name for name, values in arrays.items() if values is not None and len(values) < needed[name]]
    if short:
        progress(Note(f"{what}: left out are {', '.join(short)}, which are shorter than the positions"))
    kept = {name: v[: needed[name]] for name, v in arrays.items() if v is not None and name not in short}
    return _Part(start, count, place, degree if f"{NAME}Coefficients" in kept else 0, kept)


def _values(prim: Any, name: str, width: int, what: str) -> NDArray[Any] | None:
    """The numbers of an attribute, [n] or [n, width], at the earliest time; None without. float32 before float16."""
    earliest = pxr("Usd").TimeCode.EarliestTime()
    for attribute in (prim.GetAttribute(name), prim.GetAttribute(f"{name}h")):
        found = attribute.Get(earliest) if attribute else None
        if found is None or not len(found):
            continue
        try:
            values = np.asarray(found)
            values = values if values.dtype.kind in "iu" else values.astype(np.float32, copy=False)
        except (TypeError, ValueError):
            values = np.zeros(0)
        if values.shape != ((len(found), width) if width > 1 else (len(found),)):
            raise FormatError(f"{what}: {name} holds other values than {width} numbers each")
        return values
    return None


def _structure(stage: Any, source: str) -> Structure:
    found = stage.GetRootLayer().customLayerData.get(KEY)
    return checked(found.encode(), source) if isinstance(found, str) else NOTHING


def _axes(stage: Any, source: str, progress: Progress) -> tuple[Frame, float]:
    """The axes, and the metres of a unit."""
    UsdGeom = pxr("UsdGeom")
    unit = UsdGeom.GetStageMetersPerUnit(stage)
    if not limits.FILE_UNIT_MIN <= unit <= limits.FILE_UNIT_MAX:
        raise FormatError(f"{source} has units of {unit:g} m")
    if not UsdGeom.StageHasAuthoredMetersPerUnit(stage):
        progress(Note(f"{source} does not say how long its unit is; USD's own, a centimetre, is assumed"))
    return "rfu" if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.z else "rub", unit


def _fill(labels: int, part: _Part, start: int, target: Splats) -> None:
    def put(name: str, into: NDArray[Any], default: float = 0.0) -> NDArray[Any]:
        values = part.arrays.get(name)
        into[:] = default if values is None else values[start : start + len(target)]
        return into

    put("positions", target.means.numpy())
    if "orientations" in part.arrays:
        target.quats.numpy()[:] = part.arrays["orientations"][start : start + len(target)][:, [3, 0, 1, 2]]
    else:
        target.quats.numpy()[:] = (1, 0, 0, 0)
    opacity = np.clip(put("opacities", target.logit_opacities.numpy(), 1.0), 0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is mended or dropped, and counted
        target.logit_opacities.numpy()[:] = np.log(opacity) - np.log1p(-opacity)
        np.log(put("scales", target.log_scales.numpy(), 1.0), out=target.log_scales.numpy())
    _fill_bands(part, start, target.sh.numpy())
    for name, high, none in (("thing", limits.THING_ID_MAX, 0), ("label", labels - 1, -1)):
        if name in target.extras:
            rows = part.arrays[name][start : start + len(target)]
            target.extras[name].numpy()[:] = sound_ids(rows, none, high, none)


def _fill_bands(part: _Part, start: int, bands: NDArray[np.float32]) -> None:
    """Coefficients, [n, k, 3]; without any, a grey."""
    k, values = (part.degree + 1) ** 2, part.arrays.get(f"{NAME}Coefficients")
    bands[:] = 0
    if values is not None:
        bands[:, :k] = values[start * k : (start + len(bands)) * k].reshape(-1, k, 3)
