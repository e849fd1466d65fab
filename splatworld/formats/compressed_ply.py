"""The compressed `.ply` of PlayCanvas: 16 bytes a splat and a byte per SH coefficient, in chunks of 256; read only.

Each chunk has the bounds of its positions, ln scales and colours; each splat has four words: position and scale in
11 + 10 + 11 bits of those bounds, the rotation as its three smaller components in 10 bits each, colour and opacity in
bytes. Source: splat-transform, compressed-chunk.ts and decompress-ply.ts.
"""

from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import sh
from splatworld.errors import FormatError
from splatworld.formats.ply_header import Element, Header
from splatworld.formats.quantise import logits_from_bytes
from splatworld.splats import Splats

_CHUNK_ROWS = 256
_BAND_RANGE = 8.0
"""SH coefficients lie between -4 and 4."""
_WORDS = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_BOUNDS = ("{}_x", "{}_y", "{}_z")
_COLOUR_BOUNDS = ("{}_r", "{}_g", "{}_b")


def recognises(header: Header) -> bool:
    """True if the elements of a PLY are those of the compressed kind."""
    return "chunk" in header.elements and set(_WORDS) <= set(header.elements["vertex"].fields)


def read(file: BinaryIO, header: Header, source: str) -> Splats:
    """The splats in the axes of the file. Raises `FormatError`."""
    vertex, chunk = header.elements["vertex"], header.elements["chunk"]
    if chunk.count * _CHUNK_ROWS < vertex.count:
        raise FormatError(f"{source}: {chunk.count:,} chunks are too few for {vertex.count:,} splats")
    bounds, rows = chunk.read(file), vertex.read(file)
    position, rotation, scale, colour = (rows[name].astype(np.uint32) for name in _WORDS)
    rgba = np.stack([(colour >> shift) & 255 for shift in (24, 16, 8, 0)], 1).astype(np.uint8)
    rgb = rgba[:, :3].astype(np.float32) / np.float32(255)
    if "min_r" in chunk.fields:  # files of the first kind have no bounds of colour
        rgb = _between(rgb, bounds, _COLOUR_BOUNDS, "", source)
    base = sh.from_rgb(torch.from_numpy(rgb.astype(np.float32)))[:, None]
    bands = torch.from_numpy(_bands(file, header.elements.get("sh"), len(rows), source))
    return Splats(
        means=torch.from_numpy(_between(_thirds(position), bounds, _BOUNDS, "", source)),
        quats=torch.from_numpy(_quats(rotation)),
        log_scales=torch.from_numpy(_between(_thirds(scale), bounds, _BOUNDS, "_scale", source)),
        logit_opacities=torch.from_numpy(logits_from_bytes(rgba[:, 3])),
        sh=torch.cat([base, bands], 1),
    )


def _thirds(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """11, 10 and 11 bits as shares of 1, [n, 3]."""
    parts = [((words >> 21) & 2047) / 2047, ((words >> 11) & 1023) / 1023, (words & 2047) / 2047]
    return np.stack(parts, 1).astype(np.float32)


def _between(
    shares: NDArray[np.float32], bounds: np.ndarray, names: tuple[str, ...], kind: str, source: str
) -> NDArray[np.float32]:
    """Shares of the bounds of each row's chunk as values, [n, 3]."""
    fields = [[name.format(end + kind) for name in names] for end in ("min", "max")]
    missing = [name for row in fields for name in row if name not in (bounds.dtype.names or ())]
    if missing:
        raise FormatError(f"{source}: its chunks lack {missing[0]}")
    low, high = (np.stack([bounds[name] for name in row], 1).astype(np.float32) for row in fields)
    chunk = np.arange(len(shares)) // _CHUNK_ROWS
    with np.errstate(all="ignore"):  # what overflows is dropped and counted later
        return (low[chunk] + shares * (high - low)[chunk]).astype(np.float32, copy=False)


def _quats(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Unit quaternions wxyz [n, 4]; the top bits name the component that is left out, the largest."""
    stored = np.stack([((words >> shift) & 1023) / 1023 for shift in (20, 10, 0)], 1)
    stored = (stored - 0.5) * np.sqrt(2)
    left_out = np.sqrt(np.maximum(1 - np.square(stored).sum(1), 0))
    largest = (words >> 30).astype(np.intp)
    quats: NDArray[np.float32] = np.empty((len(words), 4), np.float32)
    others = np.array([[c for c in range(4) if c != k] for k in range(4)])[largest]
    np.put_along_axis(quats, others, stored.astype(np.float32), 1)
    quats[np.arange(len(words)), largest] = left_out
    return quats.astype(np.float32, copy=False)


def _bands(file: BinaryIO, element: Element | None, count: int, source: str) -> NDArray[np.float32]:
    """Coefficients above band 0, [n, k - 1, 3]; none if the file has no element `sh`."""
    if element is None:
        return np.zeros((count, 0, 3), np.float32)
    total = len(element.fields)
    names = [f"f_rest_{i}" for i in range(total)]
    if total not in (9, 24, 45) or set(names) != set(element.fields) or element.count < count:
        raise FormatError(
            f"{source}: its element 'sh' has {total} properties and {element.count:,} rows, which do not fit"
        )
    records = element.read(file)[:count]
    levels = np.stack([records[name] for name in names], 1).astype(np.float32)
    shares = np.where(levels == 0, 0, np.where(levels == 255, 1, (levels + 0.5) / 256))
    bands = (shares.reshape(count, 3, total // 3) - 0.5) * _BAND_RANGE
    return np.ascontiguousarray(bands.transpose(0, 2, 1), np.float32)
