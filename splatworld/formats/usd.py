"""OpenUSD's splats, ParticleField3DGaussianSplat (26.03 and later): `.usdc`, `.usda`, `.usdz`, and `.usd` of any kind.

Needs usd-core (`pip install splatworld[usd]`). Positions and scales in units of the stage, rotations, opacities from 0
to 1 and SH up to degree 4, all float32. Which thing a splat belongs to and its class are the primvars `thing` and
`label`; the structure of the world is JSON in `customLayerData`. Writing takes memory, twice the size of the file.
"""

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import OutputError
from splatworld.formats.checks import writable
from splatworld.formats.streams import Shape
from splatworld.formats.structure import NOTHING
from splatworld.formats.usd_child import KEY, NAME, pxr, said
from splatworld.formats.usd_read import FRAME, IDS, opened
from splatworld.progress import Progress
from splatworld.splats import Splats

if importlib.util.find_spec("pxr") is None:
    raise ImportError("it needs usd-core; pip install 'splatworld[usd]' brings it")

FIXED_AXES = True
"""A stage says where up is and how long its unit is, so nobody need choose: Z and a metre."""
KEEPS_THINGS = True

__all__ = ["FRAME", "opened", "recognises", "sink"]

_REACH = 3.0
"""Standard deviations to which splats are taken to extend."""


def recognises(head: bytes) -> bool:
    """True if the first bytes of a file are those of a USD, in bytes, as text or as archive."""
    archive = head.startswith(b"PK\x03\x04") and b".usd" in head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return head.startswith((b"PXR-USDC", b"#usda ")) or archive


@contextmanager
def sink(path: Path, shape: Shape, *, progress: Progress) -> Iterator["_Sink"]:
    """A USD to be written when all of its splats are known. Raises `OutputError` for values that are no number."""
    taken = _Sink(shape)
    yield taken
    try:
        _export(taken, shape, path)
    except pxr("Tf").ErrorException as why:
        raise OutputError(f"cannot write USD: {said(why)}") from None


class _Sink:
    """Keeps the arrays."""

    def __init__(self, shape: Shape) -> None:
        self.degree = shape.degree
        widths = {"positions": (3,), "orientations": (4,), "scales": (3,), "opacities": ()}
        widths[f"{NAME}Coefficients"] = ((shape.degree + 1) ** 2, 3)
        self.arrays = {name: np.empty((shape.count, *width), np.float32) for name, width in widths.items()}
        self.arrays |= {name: np.empty(shape.count, np.int32) for name in IDS if name in shape.extras}
        self.taken = 0

    def encode(self, splats: Splats) -> list[NDArray[Any]]:
        quats = writable(splats, "USD").quats.numpy()[:, [1, 2, 3, 0]]
        scales = splats.log_scales.clamp(-limits.LOG_SCALE_ABS_MAX, limits.LOG_SCALE_ABS_MAX).exp()
        return [
            splats.means.numpy(),
            quats / np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), np.float32(1e-30)),
            scales.numpy(),
            splats.opacities.numpy(),
            splats.sh.numpy(),
            *(splats.extras[name].numpy() for name in IDS if name in self.arrays),
        ]

    def put(self, encoded: list[NDArray[Any]]) -> None:
        rows = slice(self.taken, self.taken + len(encoded[0]))
        for whole, part in zip(self.arrays.values(), encoded, strict=True):
            whole[rows] = part
        self.taken = rows.stop


def _export(taken: _Sink, shape: Shape, path: Path) -> None:
    stage = _stage(taken, shape)
    if path.suffix.lower() != ".usdz":
        stage.GetRootLayer().Export(str(path))
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        inside = Path(folder) / "splats.usdc"
        stage.GetRootLayer().Export(str(inside))
        with pxr("Sdf").ZipFileWriter.CreateNew(str(path)) as archive:
            archive.AddFile(str(inside), inside.name)


def _stage(taken: _Sink, shape: Shape) -> Any:
    """A stage of one prim below an Xform, with the arrays, which are let go."""
    Sdf, Usd, UsdGeom, UsdVol, Vt = map(pxr, ("Sdf", "Usd", "UsdGeom", "UsdVol", "Vt"))
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    field = UsdVol.ParticleField3DGaussianSplat.Define(stage, "/World/splats")
    field.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(_extent(taken.arrays)))
    field.CreateRadianceSphericalHarmonicsDegreeAttr(taken.degree)
    primvars = UsdGeom.PrimvarsAPI(field)
    for name in tuple(taken.arrays):
        values = taken.arrays.pop(name)
        if name in IDS:
            made = Vt.IntArray.FromNumpy(values)
            primvars.CreatePrimvar(name, Sdf.ValueTypeNames.IntArray, UsdGeom.Tokens.vertex).Set(made)
            continue
        kind = {1: Vt.FloatArray, 3: Vt.Vec3fArray, 4: Vt.QuatfArray}[values.shape[-1] if values.ndim > 1 else 1]
        flat = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values
        field.GetPrim().GetAttribute(name).Set(kind.FromNumpy(flat))
    if shape.structure != NOTHING:
        stage.GetRootLayer().customLayerData = {KEY: msgspec.json.encode(shape.structure).decode()}
    return stage


def _extent(arrays: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Smallest and largest corner, [2, 3]."""
    means, reach = arrays["positions"], _REACH * arrays["scales"].max(1, keepdims=True, initial=0)
    if not len(means):
        return np.zeros((2, 3), np.float32)
    return np.stack([(means - reach).min(0), (means + reach).max(0)])
