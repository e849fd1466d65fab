"""Planes of bytes as lossless WebP pictures: how SOG stores everything.

Names, sizes and kinds are read from the first bytes before a decoder sees the picture, because a decoder takes memory
for the size that the picture claims.
"""

import io

import numpy as np
from numpy.typing import NDArray

from splatworld.errors import FormatError

Plane = NDArray[np.uint8]

ENTRIES_PER_ROW = 64
"""Of the palette, in its picture."""
FIRST_MODE = 252
"""Alpha of a rotation whose largest component is w; x, y and z follow."""
OTHERS = np.array([[c for c in range(4) if c != k] for k in range(4)])
"""The three components of a rotation that are stored, by the one that is not."""
_EFFORT = {"quality": 40, "method": 2}
"""On planes of splats more effort makes files larger, or smaller by less than 1 % in ten times the time."""


def encoded(plane: Plane) -> bytes:
    """A WebP of a plane [h, w, 3 or 4] that decodes to the same bytes, those under alpha 0 too."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(plane).save(file, "WEBP", lossless=True, exact=True, **_EFFORT)
    return file.getvalue()


def decoded(data: bytes, source: str, *, pixels_min: int, pixels_max: int) -> Plane:
    """The plane of a lossless WebP, [h, w, 4]. Raises `FormatError` for a size out of bounds before decoding."""
    from PIL import Image

    width, height = _size(data, source)
    if not pixels_min <= width * height <= pixels_max:
        raise FormatError(f"{source} has {width} x {height} pixels; expected are {pixels_min:,} to {pixels_max:,}")
    try:
        with Image.open(io.BytesIO(data), formats=["WEBP"]) as picture:
            if picture.size != (width, height):
                raise FormatError(f"{source} states two different sizes")
            return np.asarray(picture.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, EOFError) as why:
        raise FormatError(f"{source} is a damaged WebP picture ({why})") from None


def _size(data: bytes, source: str) -> tuple[int, int]:
    """Width and height from the header of a lossless WebP, simple (VP8L) or extended (VP8X)."""
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise FormatError(f"{source} is no WebP picture; others are not read")
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & 2:
            raise FormatError(f"{source} is a moving picture")
        if b"VP8L" not in data[30:]:
            raise FormatError(f"{source} is compressed with loss, which destroys the values in it")
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        word = int.from_bytes(data[21:25], "little")
        return 1 + (word & 0x3FFF), 1 + (word >> 14 & 0x3FFF)
    raise FormatError(f"{source} is compressed with loss, which destroys the values in it")
