"""`.ply` of 3D Gaussian Splatting: what every splat program reads and writes.

Any SH degree, any order of properties, any scalar types and both byte orders are read; extra properties and elements
are skipped. Written is the layout of the reference code (Kerbl et al. 2023): x y z nx ny nz f_dc f_rest opacity scale
rot, little-endian, followed by the ids `thing` and `label` if the splats carry them. All are float32, the ids too,
because gsply takes every property for one. Class names stand in the header as `comment label NAME`, in the order of
their numbers.

scale is ln(metres), opacity a logit, rot a wxyz quaternion; f_rest goes channel after channel: all red, all green, all
blue.
"""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError, OutputError
from splatworld.formats import compressed_ply
from splatworld.formats.checks import cleaned, sound_ids, writable
from splatworld.formats.frames import Frame, to_file, to_world
from splatworld.formats.ply_header import Header, read_header
from splatworld.progress import Progress, Step
from splatworld.splats import Splats
from splatworld.world import Layer, World

FRAME: Frame = "rdf"

_POSITION = ("x", "y", "z")
_NORMAL = ("nx", "ny", "nz")
_DC = ("f_dc_0", "f_dc_1", "f_dc_2")
_SCALE = ("scale_0", "scale_1", "scale_2")
_QUAT = ("rot_0", "rot_1", "rot_2", "rot_3")
_NEEDED = (*_POSITION, *_DC, "opacity", *_SCALE, *_QUAT)
_BLOCK_ROWS = 16_384
"""4 MB of splats with SH: read and spread over the arrays while it is in the cache."""


def recognises(head: bytes) -> bool:
    """True if the first bytes of a file are those of a PLY."""
    return head.startswith((b"ply\n", b"ply\r"))


def read(path: Path, *, frame: Frame | None, progress: Progress) -> World:
    """The splats of a PLY, plain or compressed, in the `rdf` frame unless told otherwise. Raises `FormatError`."""
    with open(path, "rb") as file:
        header = read_header(file, path.name)
        if compressed_ply.recognises(header):
            splats = compressed_ply.read(file, header, path.name)
        else:
            _check_fields(header.elements["vertex"].dtype, path.name)
            splats = _read_splats(file, header, path.name, progress)
    splats = to_world(cleaned(splats, path.name, progress), frame or FRAME)
    return World(layers=(Layer("base", path.stem[: limits.NAME_CHARS], splats),), labels=header.labels)


def _check_fields(dtype: np.dtype, source: str) -> None:
    missing = [name for name in _NEEDED if name not in dtype.names]  # type: ignore[operator]
    if missing:
        raise FormatError(f"{source} holds no 3D Gaussians: its vertices lack {', '.join(missing)}")


def _rest_names(dtype: np.dtype, source: str) -> list[str]:
    """Names of the higher SH properties in file order of their numbers: none, or 3 times 3, 8, 15 or 24."""
    count = sum(name.startswith("f_rest_") for name in dtype.names)  # type: ignore[union-attr]
    names = [f"f_rest_{i}" for i in range(count)]
    if count not in (0, 9, 24, 45, 72) or any(name not in dtype.names for name in names):  # type: ignore[operator]
        raise FormatError(f"{source}: {count} f_rest properties; expected 0, 9, 24, 45 or 72, numbered from 0")
    return names


def _read_splats(file: BinaryIO, header: Header, source: str, progress: Progress) -> Splats:
    """Block by block, so that memory is that of the result and each block is spread while it is in the cache."""
    vertex = header.elements["vertex"]
    rest = _rest_names(vertex.dtype, source)
    n, per_channel = vertex.count, len(rest) // 3
    names: dict[str, tuple[str, ...]] = {
        "means": _POSITION,
        "quats": _QUAT,
        "log_scales": _SCALE,
        "opacity": ("opacity",),
    }
    if set(_NORMAL) <= set(vertex.fields):
        names["normal"] = _NORMAL
    out = {key: np.empty((n, len(columns)), np.float32) for key, columns in names.items()}
    fields = vertex.dtype.fields or {}
    ids = {k: np.empty(n, np.int32) for k in ("thing", "label") if k in fields and fields[k][0].kind in "iuf"}
    sh = np.empty((n, 1 + per_channel, 3), np.float32)
    file.seek(vertex.offset)
    for start in range(0, n, _BLOCK_ROWS):
        records = np.fromfile(file, vertex.dtype, min(_BLOCK_ROWS, n - start))
        rows = slice(start, start + len(records))
        for key, columns in names.items():
            out[key][rows] = _columns(records, columns)
        sh[rows, 0] = _columns(records, _DC)
        if rest:
            sh[rows, 1:] = _columns(records, rest).reshape(-1, 3, per_channel).transpose(0, 2, 1)
        with np.errstate(invalid="ignore"):  # what is no number becomes a negative id, and the ids are not used then
            for key, values in ids.items():
                values[rows] = records[key]
        progress(Step(rows.stop, n))
    return _assembled({k: torch.from_numpy(v) for k, v in out.items()}, torch.from_numpy(sh), ids, header.labels)


def _columns(records: np.ndarray, names: tuple[str, ...] | list[str]) -> NDArray[np.floating]:
    """Fields as [n, k] numbers: a view without copying where they are float32 side by side, the usual case."""
    dtype: Any = records.dtype
    fields = dtype.fields or {}
    first = fields[names[0]][1]
    if all(fields[name][:2] == (np.dtype("<f4"), first + 4 * i) for i, name in enumerate(names)):
        shape, strides = (len(records), len(names)), (records.dtype.itemsize, 4)
        return np.ndarray(shape, "<f4", records.data, first, strides) if len(records) else np.empty(shape, "<f4")
    with np.errstate(over="ignore"):  # doubles beyond float32 become infinite, and are dropped and counted later
        return np.stack([records[name].astype(np.float32) for name in names], 1)


def _assembled(
    out: dict[str, torch.Tensor], sh: torch.Tensor, ids: dict[str, NDArray[np.int32]], labels: tuple[str, ...]
) -> Splats:
    extras = {}
    thing, label = (torch.from_numpy(ids[k]) if k in ids else None for k in ("thing", "label"))
    if thing is not None and sound_ids(thing):
        extras["thing"] = thing
    if label is not None and labels and int(label.min()) >= 0 and int(label.max()) < len(labels):
        extras["label"] = label.to(torch.int16)
    if "normal" in out and bool(out["normal"].isfinite().all()) and bool(out["normal"].any()):
        extras["normal"] = out["normal"]
    return Splats(out["means"], out["quats"], out["log_scales"], out["opacity"][:, 0], sh, extras)


def write(world: World, path: Path, *, progress: Progress) -> None:
    """All visible splats, things placed, in the `rdf` frame. Raises `OutputError` for values that are no number."""
    splats = to_file(writable(world.splats(), "PLY"), FRAME)
    columns = _written_columns(splats)
    dtype = np.dtype([(name, "<f4") for names, _ in columns for name in names])
    with open(path, "wb") as file:
        file.write(_header_text(dtype, len(splats), world.labels if "label" in splats.extras else ()))
        for start in range(0, len(splats), _BLOCK_ROWS):
            stop = min(start + _BLOCK_ROWS, len(splats))
            records = np.empty(stop - start, dtype)
            for names, values in columns:
                _fill(records, names, values[start:stop])
            file.write(records.data)  # and not `tofile`, which does not notice a full disk
            progress(Step(stop, len(splats)))


def _written_columns(splats: Splats) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """Names of the properties in the order of the reference code, each group with its values [n, ...]."""
    n = len(splats)
    normals = splats.extras.get("normal", torch.zeros(1, 3).expand(n, 3)).float()
    quats = torch.nn.functional.normalize(splats.quats, dim=1)
    groups: list[tuple[tuple[str, ...], torch.Tensor]] = [
        (_POSITION, splats.means), (_NORMAL, normals), (_DC, splats.sh[:, 0]),
        (tuple(f"f_rest_{i}" for i in range(3 * (splats.sh.shape[1] - 1))), splats.sh[:, 1:].transpose(1, 2)),
        (("opacity",), splats.logit_opacities), (_SCALE, splats.log_scales), (_QUAT, quats),
    ]  # fmt: skip
    ids = [((name,), splats.extras[name]) for name in ("thing", "label") if name in splats.extras]
    return [(names, values.numpy()) for names, values in groups + ids if names]


def _fill(records: np.ndarray, names: tuple[str, ...], values: np.ndarray) -> None:
    """Write one group of side by side fields, [rows, ...], into the records."""
    first = records.dtype.fields[names[0]][1]  # type: ignore[index]
    shape, strides = (len(records), len(names)), (records.dtype.itemsize, 4)
    np.ndarray(shape, "<f4", records.data, first, strides)[:] = values.reshape(shape)


def _header_text(dtype: np.dtype, count: int, labels: tuple[str, ...]) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", "comment written by splatworld"]
    lines += [f"comment label {' '.join(label.split())}" for label in labels]
    lines += [f"element vertex {count}"]
    lines += [f"property float {name}" for name in dtype.names or ()]
    text = "\n".join([*lines, "end_header", ""]).encode("latin-1", "replace")
    if len(text) > limits.PLY_HEADER_BYTES:
        raise OutputError(f"cannot write PLY: {len(labels):,} class names do not fit its header")
    return text
