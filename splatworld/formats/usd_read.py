"""Reading OpenUSD's splats: usd-core is asked in a process of its own (`usd_child`), and not believed.

It ends the process that asks where a file is damaged in certain ways; and its parser of text does where brackets are
nested deep, so text is scanned before. Here what it found is checked and becomes splats; see `splatworld.formats.usd`.
"""

import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats import parts, usd_child
from splatworld.formats.checks import checked_unpacking, sound_ids
from splatworld.formats.frames import Frame
from splatworld.formats.parts import Part
from splatworld.formats.streams import Source
from splatworld.formats.structure import NOTHING, checked
from splatworld.formats.usd_child import NAME, WIDTHS
from splatworld.progress import Note, Progress
from splatworld.splats import Splats

FRAME: Frame = "rfu"
IDS = {"thing": np.dtype(np.int32), "label": np.dtype(np.int16)}
"""Extras that are written as primvars, and their types here."""
_SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")
_SCAN_BYTES = 1 << 20
_TYPES = ("<f4", "<i1", "<u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "|i1", "|u1")


class _Prim(msgspec.Struct, frozen=True):
    """Splats as the child tells of them."""

    path: str
    matrix: tuple[float | None, ...]
    degree: int
    arrays: dict[str, tuple[str, tuple[int, ...]]]
    """Type and shape by the name of the attribute, in the order in which they follow."""


class _Layer(msgspec.Struct, frozen=True):
    """A file as the child tells of it; or only a sentence about what is wrong."""

    error: str | None = None
    prims: tuple[_Prim, ...] = ()
    up: str = "Y"
    unit: float = 0.01
    unit_told: bool = False
    structure: str | None = None


@dataclass(frozen=True)
class _Part(Part):
    """The splats of one prim."""

    degree: int
    arrays: Mapping[str, NDArray[Any]]
    """By the name of the attribute; those that are missing have the defaults of the schema."""


@contextmanager
def opened(path: Path, *, frame: Frame | None, progress: Progress) -> Iterator[Source]:
    """The splats of a USD, whose arrays are in memory. Raises `FormatError`."""
    if path.suffix.lower() not in _SUFFIXES:
        raise FormatError(f"{path.name} is a USD, which usd-core knows by its name: give it a name that ends in .usd")
    _check_text(path)
    with _asked(path) as answer:
        layer = _layer(answer, path.name)
        arrays = [_arrays(answer, prim, path) for prim in layer.prims]
    found, start = list[_Part](), 0
    for prim, own in zip(layer.prims, arrays, strict=True):
        found.append(_part(prim, own, start, f"{path.name}: {prim.path}", progress))
        start += found[-1].count
    structure = NOTHING if layer.structure is None else checked(layer.structure.encode(), path.name)
    shared = [name for name in IDS if found and all(name in part.arrays for part in found)]
    extras = {name: (IDS[name], ()) for name in shared if name != "label" or structure.labels}
    degree = max((part.degree for part in found), default=0)
    fill = partial(parts.fill, found, partial(_fill, len(structure.labels)))
    up: Frame = "rfu" if layer.up == "Z" else "rub"
    if not layer.unit_told:
        progress(Note(f"{path.name} does not say how long its unit is; USD's own, a centimetre, is assumed"))
    yield Source(
        path.name, start, degree, frame or up, fill, extras, structure.labels, unit=layer.unit, structure=structure
    )


@contextmanager
def _asked(path: Path) -> Iterator[IO[bytes]]:
    """What the child says about a file. It is ended at last, at the latest when its time is over."""
    program = [sys.executable, "-P", usd_child.__file__, str(path)]
    # One thread, as others need memory of their own; and the modules from where ours are.
    variables = {**os.environ, "PXR_WORK_THREAD_LIMIT": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(program, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, env=variables) as child:
        assert child.stdout is not None
        patience = 60 + os.path.getsize(path) / limits.USD_BYTES_PER_SECOND
        timer = threading.Timer(patience, child.kill)
        timer.start()
        try:
            yield child.stdout
        finally:
            timer.cancel()
            child.kill()


def _layer(answer: IO[bytes], source: str) -> _Layer:
    line = answer.readline(limits.USD_ANSWER_BYTES)
    try:
        layer = msgspec.json.decode(line, type=_Layer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise FormatError(f"{source} is no USD that can be read: usd-core gave up on it") from None
    if layer.error is not None:
        raise FormatError(layer.error)
    if not limits.FILE_UNIT_MIN <= layer.unit <= limits.FILE_UNIT_MAX:
        raise FormatError(f"{source} has units of {layer.unit:g} m")
    return layer


def _arrays(answer: IO[bytes], prim: _Prim, path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a prim, which must be taken in order."""
    size, what = os.path.getsize(path), f"{path.name}: {prim.path}"
    if not 0 <= prim.degree <= limits.SH_DEGREE_MAX:
        raise FormatError(f"{what} has SH of degree {prim.degree}; 0 to {limits.SH_DEGREE_MAX} are read")
    rows = max((shape[0] for _, shape in prim.arrays.values()), default=0)
    checked_unpacking(rows // (prim.degree + 1) ** 2, prim.degree, size, what)
    found = {}
    for name, (kind, shape) in prim.arrays.items():
        width = (WIDTHS[name],) if WIDTHS.get(name, 1) > 1 else ()
        if kind not in _TYPES or shape[1:] != width:
            raise FormatError(f"{what}: {name} holds other values than {WIDTHS.get(name, 1)} numbers each")
        found[name] = np.empty(shape, kind)
        view, done = found[name].reshape(-1).view(np.uint8).data, 0
        while done < len(view):
            got = answer.readinto(view[done:])  # type: ignore[attr-defined]
            if not got:
                raise FormatError(f"{path.name} is no USD that can be read: usd-core gave up on it")
            done += got
    return found


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


def _part(prim: _Prim, arrays: dict[str, NDArray[Any]], start: int, what: str, progress: Progress) -> _Part:
    """What the schema says of missing and odd arrays: too long ones are cut, too short ones ignored."""
    values = [np.nan if number is None else number for number in prim.matrix]
    if len(values) != 16:
        raise FormatError(f"{what} has no transform")
    place = parts.similarity(np.array(values, np.float64).reshape(4, 4), what)
    count = len(arrays.get("positions", ()))
    needed = dict.fromkeys(arrays, count) | {f"{NAME}Coefficients": count * (prim.degree + 1) ** 2}
    short = [name for name, values in arrays.items() if len(values) < needed[name]]
    if short:
        progress(Note(f"{what}: left out are {', '.join(short)}, which are shorter than the positions"))
    kept = {name: values[: needed[name]] for name, values in arrays.items() if name not in short}
    return _Part(start, count, place, prim.degree if f"{NAME}Coefficients" in kept else 0, kept)


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
