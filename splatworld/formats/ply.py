"""`.ply` of 3D Gaussian Splatting: what every splat program reads and writes.

Any SH degree, any order of properties, any scalar types and both byte orders are read; extra properties and elements
are skipped. Written is the layout of the reference code (Kerbl et al. 2023): x y z nx ny nz f_dc f_rest opacity scale
rot, little-endian, followed by the ids `thing` and `label` if the splats carry them. All are float32, the ids too,
because gsply takes every property for one. Axes, unit, class names and things stand in comments (`ply_comments`).

scale is ln(metres), opacity a logit, rot a wxyz quaternion of any length; f_rest goes channel after channel: all red,
all green, all blue. Values are kept bit for bit from file to file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError, OutputError
from splatworld.formats import compressed_ply, ply_comments, ply_mesh
from splatworld.formats.checks import SOUND, WRITABLE, sound_ids, writable
from splatworld.formats.frames import Frame
from splatworld.formats.ply_comments import Said
from splatworld.formats.ply_header import Element, Header, read_header
from splatworld.formats.ply_rows import Columns
from splatworld.formats.streams import Shape, Source, held
from splatworld.progress import Note, Progress
from splatworld.splats import Splats

FRAME: Frame = "rdf"
KEEPS_THINGS = True

_POSITION = ("x", "y", "z")
_NORMAL = ("nx", "ny", "nz")
_DC = ("f_dc_0", "f_dc_1", "f_dc_2")
_SCALE = ("scale_0", "scale_1", "scale_2")
_QUAT = ("rot_0", "rot_1", "rot_2", "rot_3")
_NEEDED = (*_POSITION, *_DC, "opacity", *_SCALE, *_QUAT)
_CORE = {"means": _POSITION, "quats": _QUAT, "log_scales": _SCALE, "logit_opacities": ("opacity",)}


def recognises(head: bytes) -> bool:
    """True if the first bytes of a file are those of a PLY."""
    return head.startswith((b"ply\n", b"ply\r"))


@contextmanager
def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Iterator[Source]:
    """A PLY, plain or compressed, to be read in blocks. Raises `FormatError`."""
    with open(path, "rb") as file:
        if (world := ply_mesh.read(file, path, frame, progress)) is not None:
            yield held(world, path.name)
            return
        file.seek(0)
        header = read_header(file, path.name)
        said = ply_comments.understood(header.comments, FRAME, path.name)
        said = msgspec.structs.replace(said, frame=frame or said.frame)
        if compressed_ply.is_compressed(header):
            yield compressed_ply.source(file, header, path.name, said.frame, said.unit)
            return
        source = _source(file, header, path.name, said)
        if unused := _unused(header, source):
            progress(Note(f"{path.name}: left out are {', '.join(unused)}"))
        yield source


def _source(file: BinaryIO, header: Header, name: str, said: Said) -> Source:
    vertex = header.elements["vertex"]
    missing = [field for field in _NEEDED if field not in vertex.fields]
    if missing:
        raise FormatError(f"{name} holds no 3D Gaussians: its vertices lack {', '.join(missing)}")
    rest = _rest_names(vertex.fields, name)
    extras: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
    if set(_NORMAL) <= set(vertex.fields):
        extras["normal"] = (np.dtype(np.float32), (3,))
    if "thing" in vertex.fields:
        extras["thing"] = (np.dtype(np.int32), ())
    if "label" in vertex.fields and said.structure.labels:
        extras["label"] = (np.dtype(np.int16), ())
    degree = round((len(rest) // 3 + 1) ** 0.5) - 1
    columns = _columns(vertex.fields, degree, normals="normal" in extras)
    plain = all(vertex.dtype[field] == np.dtype("<f4") for field in vertex.fields)
    reader = _Reader(file, name, vertex, columns, len(said.structure.labels), plain)
    labels = said.structure.labels
    return Source(name, vertex.count, degree, said.frame, reader.fill, extras, labels, said.unit, said.structure)


def _unused(header: Header, source: Source) -> list[str]:
    """Properties and elements that Gaussians do not have; we know no meaning for them."""
    known = {*_NEEDED, *_NORMAL, *source.extras, *(f"f_rest_{i}" for i in range(3 * ((source.degree + 1) ** 2 - 1)))}
    fields = [f"'{name}'" for name in header.elements["vertex"].fields if name not in known]
    return fields + [f"the element '{name}'" for name in header.elements if name != "vertex"]


def _rest_names(fields: tuple[str, ...], source: str) -> list[str]:
    """Names of the higher SH properties in file order of their numbers: none, or 3 times 3, 8, 15 or 24."""
    count = sum(name.startswith("f_rest_") for name in fields)
    names = [f"f_rest_{i}" for i in range(count)]
    if count not in (0, 9, 24, 45, 72) or any(name not in fields for name in names):
        raise FormatError(f"{source}: {count} f_rest properties; expected 0, 9, 24, 45 or 72, numbered from 0")
    return names


def _columns(fields: Sequence[str], degree: int, *, normals: bool) -> Columns:
    """Where records have the tensors of splats. Files have SH channel after channel, splats all three together."""
    third = (degree + 1) ** 2 - 1
    bands = [f"f_rest_{channel * third + i}" for i in range(third) for channel in range(3)]
    wanted = {**_CORE, "sh": (*_DC, *bands)} | ({"normal": _NORMAL} if normals else {})
    return Columns.at(len(fields), {name: [fields.index(field) for field in own] for name, own in wanted.items()})


@dataclass(frozen=True)
class _Reader:
    file: BinaryIO
    name: str
    vertex: Element
    columns: Columns
    labels: int
    plain: bool
    """True if all numbers of a record are float32 already."""

    def fill(self, start: int, target: Splats) -> bool:
        """Read some records at once and spread them over the tensors while they are in the cache."""
        values = self._numbers(self.vertex.rows(self.file, start, len(target), self.name))
        beyond = self.columns.spread(values, self.columns.tensors(target), SOUND)
        if "normal" in target.extras and (beyond is None or "normal" in beyond):
            normals = target.extras["normal"].numpy()
            normals[~np.isfinite(normals).all(1)] = 0
        for name, high, none in (("thing", limits.THING_ID_MAX, 0), ("label", self.labels - 1, -1)):
            if name in target.extras:
                ids = values[:, self.vertex.fields.index(name)]
                target.extras[name].numpy()[:] = sound_ids(ids, none, high, none)
        return beyond is not None and beyond <= {"normal"} and bool(target.quats.numpy()[:, 0].all())

    def _numbers(self, records: np.ndarray) -> NDArray[np.float32]:
        """All properties as [n, k] float32: a view of the records if that is what they are, the usual case."""
        if self.plain:
            return records.view("<f4").reshape(len(records), -1)
        with np.errstate(over="ignore"):  # doubles beyond float32 become infinite, and are dropped and counted later
            return np.stack([records[name].astype(np.float32) for name in self.vertex.fields], 1)


@contextmanager
def sink(path: Path, shape: Shape, *, progress: Progress, plain: bool = False) -> Iterator["_Sink"]:
    """A PLY to be written in blocks. Raises `OutputError`.

    `plain` asks for the 62 numbers of the reference code and no others, whatever the degree of the splats, for programs
    that count bytes.
    """
    if plain:
        shape = replace(shape, degree=3, extras=tuple(set(shape.extras) & {"normal"}), labels=())
    ids = tuple(name for name in ("thing", "label") if name in shape.extras)
    rest = tuple(f"f_rest_{i}" for i in range(3 * ((shape.degree + 1) ** 2 - 1)))
    names = (*_POSITION, *_NORMAL, *_DC, *rest, "opacity", *_SCALE, *_QUAT, *ids)
    with open(path, "wb", buffering=0) as file:
        _put_all(file, _header_text(names, shape.count, ply_comments.lines(shape, progress)))
        columns = _columns(names, shape.degree, normals="normal" in shape.extras)
        yield _Sink(shape.degree, file, columns, {name: names.index(name) for name in ids})


@dataclass
class _Sink:
    degree: int
    file: Any
    columns: Columns
    ids: dict[str, int]
    """Columns of extras that are whole numbers."""

    def encode(self, splats: Splats) -> NDArray[np.float32]:
        splats = splats.with_degree(self.degree)
        records, beyond = self.columns.gather(self.columns.tensors(splats), WRITABLE)
        if beyond is None or not beyond <= {"normal"}:
            writable(splats, "PLY")
        for name, column in self.ids.items():
            records[:, column] = splats.extras[name].numpy()
        return records

    def put(self, encoded: NDArray[np.float32]) -> None:
        _put_all(self.file, encoded.data.cast("B"))


def _put_all(file: Any, data: bytes | memoryview) -> None:
    """Without a buffer between, whose copy would cost as much as the write; and not by `tofile`, deaf to full disks."""
    done = 0
    while done < len(data):
        done += file.write(data[done:])


def _header_text(names: Sequence[str], count: int, comments: Sequence[str]) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", "comment written by splatworld"]
    lines += [f"comment {line}" for line in comments]
    lines += [f"element vertex {count}"]
    lines += [f"property float {name}" for name in names]
    text = "\n".join([*lines, "end_header", ""]).encode("latin-1", "replace")
    if len(text) > limits.PLY_HEADER_BYTES:
        raise OutputError("cannot write PLY: so many class names do not fit its header")
    return text
