"""What is asked of usd-core about a file, in a process of its own: damaged files end that process or take its memory.

Run as a program with a path, it writes a line of JSON (`Layer`) and then the arrays that the JSON names, one after the
other; or a sentence about what is wrong. Little is imported here, as every file has to wait for it.

usd-core would follow a file's references to other files and compose small files into endless ones, so files that refer
to anything are refused.
"""

import importlib
import json
import math
import os
import re
import sys
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError

KEY = "splatworld"
"""Of the structure, in the custom data of the layer."""
NAME = "radiance:sphericalHarmonics"
WIDTHS = {"positions": 3, "orientations": 4, "scales": 3, "opacities": 1, f"{NAME}Coefficients": 3}
"""Numbers in each element of the attributes."""
IDS = ("thing", "label")
_ARCS = ("references", "payload", "inheritPaths", "specializes", "variantSetNames")

Prim = dict[str, Any]
"""`path`, `degree`, `matrix` (16 numbers, columns are axes; None for what is no number), and `arrays`: by name the type
and shape."""


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


def main(path: str) -> None:
    """Tell what is in a file."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what usd-core prints is not for the reader at the other end
    _restrict(os.path.getsize(path))
    source = os.path.basename(path)
    try:
        _tell(path, source, out)
    except FormatError as why:
        _line(out, {"error": str(why)})
    except Exception as why:  # whatever its bindings raise for what is damaged
        _line(out, {"error": f"{source} is no USD that can be read: {said(why)}"})
    out.close()


def _restrict(size: int) -> None:
    """Little memory and time, by the size of the file, where the system can be told."""
    try:
        import resource
    except ImportError:  # Windows
        return
    seconds = limits.USD_SECONDS + size // limits.USD_BYTES_PER_SECOND
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = limits.USD_MEMORY_BYTES + limits.USD_MEMORY_PER_BYTE * size
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _tell(path: str, source: str, out: BinaryIO) -> None:
    stage = _composed(path, source)
    UsdGeom = pxr("UsdGeom")
    arrays: list[NDArray[Any]] = []
    prims = _prims(stage, source, arrays)
    structure = stage.GetRootLayer().customLayerData.get(KEY)
    _line(out, {
        "prims": prims,
        "up": str(UsdGeom.GetStageUpAxis(stage)),
        "unit": _number(UsdGeom.GetStageMetersPerUnit(stage)) or 0.0,
        "unit_told": bool(UsdGeom.StageHasAuthoredMetersPerUnit(stage)),
        "structure": structure if isinstance(structure, str) else None,
    })  # fmt: skip
    for values in arrays:
        out.write(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)


def _line(out: BinaryIO, value: dict[str, Any]) -> None:
    out.write(json.dumps(value).encode() + b"\n")


def _number(value: float) -> float | None:
    """JSON has no others."""
    return value if math.isfinite(value) else None


def _composed(path: str, source: str) -> Any:
    """The stage of a layer that refers to nothing else."""
    Sdf, Usd = pxr("Sdf"), pxr("Usd")
    layer = Sdf.Layer.OpenAsAnonymous(path)
    if layer is None:
        raise FormatError(f"{source} is no USD that can be read")
    prims, arcs = 0, list[str](["subLayers"] if layer.subLayerPaths else [])

    def look(at: Any) -> None:
        nonlocal prims
        prims += 1
        if prims <= limits.USD_PRIMS and at.IsPrimPath() and not arcs:
            spec = layer.GetPrimAtPath(at)
            arcs.extend(key for key in _ARCS if spec is not None and spec.HasInfo(key))

    layer.Traverse(Sdf.Path.absoluteRootPath, look)
    if prims > limits.USD_PRIMS:
        raise FormatError(f"{source} has more than {limits.USD_PRIMS:,} prims and properties")
    if arcs:
        raise FormatError(f"{source} is put together from other places ({arcs[0]}); `usdcat --flatten` makes one "
                          "file of them")  # fmt: skip
    return Usd.Stage.Open(layer)


def _prims(stage: Any, source: str, arrays: list[NDArray[Any]]) -> list[Prim]:
    """All visible fields of splats; their arrays are appended. Raises `FormatError` if there are none at all."""
    Usd, UsdGeom, UsdVol = pxr("Usd"), pxr("UsdGeom"), pxr("UsdVol")
    fields = [prim for prim in stage.Traverse() if prim.IsA(UsdVol.ParticleField3DGaussianSplat)]
    if not fields:
        raise FormatError(f"{source} holds no ParticleField3DGaussianSplat")
    places = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
    found = []
    for prim in fields:
        if UsdGeom.Imageable(prim).ComputeVisibility() == UsdGeom.Tokens.invisible:
            continue
        place = np.array(places.GetLocalToWorldTransform(prim)).T  # USD's vectors are rows
        degree = prim.GetAttribute(f"{NAME}Degree").Get()
        own: dict[str, tuple[str, tuple[int, ...]]] = {}
        for name, width in {**WIDTHS, **dict.fromkeys(IDS, 1)}.items():
            attribute = f"primvars:{name}" if name in IDS else name
            values = _values(prim, attribute, width, f"{source}: {prim.GetPath()}")
            if values is not None:
                own[name] = values.dtype.str, values.shape
                arrays.append(values)
        whole = degree if isinstance(degree, int) else -1
        matrix = [_number(value) for value in place.ravel().tolist()]
        found.append({"path": str(prim.GetPath()), "matrix": matrix, "degree": whole, "arrays": own})
    return found


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


if __name__ == "__main__":
    main(sys.argv[1])
