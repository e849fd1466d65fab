"""meta.json of a SOG, version 1 or 2, as one description of the planes.

The versions differ in how bytes become values: version 2 has codebooks, version 1 the two ends of a straight line.
Either is a table of 256 rows, and decoding looks up in it. Source: developer.playcanvas.com, formats/sog, and for
version 1 the files that are still about.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats import structure
from splatworld.formats.frames import Frame
from splatworld.formats.quantise import logits_from_bytes
from splatworld.formats.structure import NOTHING, Structure

COEFFICIENTS = (0, 3, 8, 15)
"""SH coefficients above the base colour, by degree."""

Codebook = list[float | None]
_Triple = tuple[float, float, float]


class _Means(msgspec.Struct):
    files: tuple[str, str]
    mins: _Triple
    maxs: _Triple
    shape: tuple[int, int] | None = None


class _Scales(msgspec.Struct):
    files: tuple[str]
    codebook: Codebook | None = None
    mins: _Triple | None = None
    maxs: _Triple | None = None


class _Quats(msgspec.Struct):
    files: tuple[str]


class _Sh0(msgspec.Struct):
    files: tuple[str]
    codebook: Codebook | None = None
    mins: tuple[float, float, float, float] | None = None
    maxs: tuple[float, float, float, float] | None = None


class _ShN(msgspec.Struct):
    files: tuple[str, str]
    codebook: Codebook | None = None
    mins: float | None = None
    maxs: float | None = None
    count: int | None = None
    bands: int | None = None


class Ours(msgspec.Struct, frozen=True):
    """What only our files say, in a key that other programs pass over."""

    frame: Frame = "rdf"
    unit: float = 1.0
    """Metres that a unit of the positions stands for."""
    rows: dict[Literal["thing", "label"], str] = {}
    """Pictures of ids, low byte first: 0 is none, and a label is one more than its number."""
    world: Any = None
    """See `splatworld.formats.structure`."""


class _Meta(msgspec.Struct):
    means: _Means
    scales: _Scales
    quats: _Quats
    sh0: _Sh0
    shN: _ShN | None = None
    version: int = 1
    count: int | None = None
    model: str = "default"
    antialias: bool = False
    """What older files say in place of `model`."""
    splatworld: Ours = Ours()


@dataclass(frozen=True)
class Bands:
    """The palette of SH coefficients."""

    files: tuple[str, str]
    """Of the palette's entries, and of the labels."""
    values: NDArray[np.float32]
    """[256]."""
    count: int | None
    degree: int | None
    """Version 1 states neither."""


@dataclass(frozen=True)
class Description:
    """What meta.json says, checked."""

    count: int
    model: str
    means: tuple[str, str]
    """Of the low and the high bytes."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    """Ends of sign(x) ln(1 + |x|), [3]."""
    scales: str
    log_scales: NDArray[np.float32]
    """ln of metres by byte and axis, [256, 3]."""
    quats: str
    sh0: str
    base: NDArray[np.float32]
    """Red, green, blue coefficients and logit of the opacity by byte, [256, 4]."""
    bands: Bands | None
    ours: Ours
    structure: Structure


def parsed(text: bytes, source: str) -> Description:
    """The description in a meta.json. Raises `FormatError`."""
    try:
        meta = msgspec.json.decode(text, type=_Meta)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as why:
        raise FormatError(f"{source}: its meta.json is not that of a SOG ({why})") from None
    if meta.version not in (1, 2):
        raise FormatError(f"{source}: SOG version {meta.version} is not known; 1 and 2 are read")
    low, high = np.array(meta.means.mins), np.array(meta.means.maxs)
    if not np.isfinite([low, high]).all() or not (low <= high).all():
        raise FormatError(f"{source}: the bounds of its means are no interval")
    return Description(
        count=_count(meta, source),
        model="antialiased" if meta.antialias else meta.model[: limits.NAME_CHARS],
        means=meta.means.files,
        low=low,
        high=high,
        scales=meta.scales.files[0],
        log_scales=_table(meta.scales, 3, f"{source}: scales"),
        quats=meta.quats.files[0],
        sh0=meta.sh0.files[0],
        base=_base(meta.sh0, f"{source}: sh0"),
        bands=_bands(meta.shN, source),
        ours=sound(meta.splatworld, source),
        structure=structure_of(meta.splatworld, source),
    )


def sound(ours: Ours, source: str) -> Ours:
    """What is ours, checked. Raises `FormatError`."""
    if not limits.FILE_UNIT_MIN <= ours.unit <= limits.FILE_UNIT_MAX:
        raise FormatError(f"{source}: its unit of {ours.unit:g} metres is not possible")
    return ours


def structure_of(ours: Ours, source: str) -> Structure:
    """What is told there of the world. Raises `FormatError`."""
    return NOTHING if ours.world is None else structure.checked(ours.world, source)


def _count(meta: _Meta, source: str) -> int:
    count = meta.count if meta.count is not None else meta.means.shape[0] if meta.means.shape else -1
    if not 0 <= count <= limits.SOG_SPLATS_MAX:
        raise FormatError(f"{source} claims {count:,} splats; at most {limits.SOG_SPLATS_MAX:,} are read from a SOG")
    return count


def _table(values: _Scales | _Sh0, channels: int, source: str) -> NDArray[np.float32]:
    """Values by byte and channel, [256, channels]."""
    if values.codebook is not None:
        return np.repeat(_codebook(values.codebook, source)[:, None], channels, axis=1)
    if values.mins is None or values.maxs is None:
        raise FormatError(f"{source} has neither a codebook nor bounds")
    return _line(np.array(values.mins)[:channels], np.array(values.maxs)[:channels], source)


def _base(values: _Sh0, source: str) -> NDArray[np.float32]:
    if values.codebook is None:
        return _table(values, 4, source)
    logits = logits_from_bytes(np.arange(256, dtype=np.uint8))
    return np.concatenate([_table(values, 3, source), logits[:, None]], 1)


def _bands(values: _ShN | None, source: str) -> Bands | None:
    if values is None or values.bands == 0:
        return None
    source = f"{source}: shN"
    if values.bands is not None and not 1 <= values.bands <= 3:
        raise FormatError(f"{source} has {values.bands} bands; 1 to 3 exist")
    if values.codebook is not None:
        table = _codebook(values.codebook, source)
    elif values.mins is not None and values.maxs is not None:
        table = _line(np.array([values.mins]), np.array([values.maxs]), source)[:, 0]
    else:
        raise FormatError(f"{source} has neither a codebook nor bounds")
    return Bands(values.files, table, values.count, values.bands)


def _codebook(values: Codebook, source: str) -> NDArray[np.float32]:
    """256 finite numbers. Some writers left the first one out; it continues the others, as viewers do it."""
    if len(values) != 256:
        raise FormatError(f"{source}: its codebook has {len(values):,} values; expected 256")
    numbers = [math.nan if value is None else value for value in values]
    if values[0] is None:
        numbers[0] = numbers[1] + (numbers[1] - numbers[255]) / 255
    with np.errstate(over="ignore"):
        table = np.array(numbers, np.float32)
    if not np.isfinite(table).all():
        raise FormatError(f"{source}: its codebook holds values that are no finite number")
    return table


def _line(low: NDArray[np.float64], high: NDArray[np.float64], source: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        table = np.linspace(low, high, 256).astype(np.float32)
    if not np.isfinite(table).all():
        raise FormatError(f"{source}: its bounds are no finite numbers")
    return table


def text(
    count: int,
    bounds: tuple[list[float], list[float]],
    books: dict[str, NDArray[np.float32]],
    palette: tuple[int, int],
    ours: Ours,
) -> bytes:
    """meta.json of version 2. `books` has `scales`, `sh0` and maybe `shN`; `palette` is its size and degree."""
    meta: dict[str, object] = {
        "version": 2,
        "asset": {"generator": "splatworld"},
        "count": count,
        "means": {"mins": bounds[0], "maxs": bounds[1], "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": _rounded(books["scales"]), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": _rounded(books["sh0"]), "files": ["sh0.webp"]},
    }
    if "shN" in books:
        files = ["shN_centroids.webp", "shN_labels.webp"]
        palette_values = {"codebook": _rounded(books["shN"]), "files": files}
        meta["shN"] = {"count": palette[0], "bands": palette[1], **palette_values}
    meta["splatworld"] = ours
    return msgspec.json.encode(meta)


def _rounded(book: NDArray[np.float32]) -> list[float]:
    """Six digits are float32 to within the last bits, and half as long as what JSON makes of a float64."""
    return [float(f"{value:.6g}") for value in book.tolist()]
