"""Pictures within files of others, PNG, JPEG and the like: how large they are is known before they are decoded."""

import io
import struct
import warnings

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError


def pixels(data: bytes, source: str, formats: tuple[str, ...], left: int) -> NDArray[np.uint8]:
    """The pixels [h, w, 3 or 4] of a picture, at most `left`, and no more than so few bytes can honestly hold.

    `formats` are those of Pillow. Raises `FormatError`.
    """
    from PIL import Image

    most = min(left, limits.PICTURE_PIXELS_FREE + limits.PICTURE_PIXELS_PER_BYTE * len(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is looked at right here
            picture = Image.open(io.BytesIO(data), formats=formats)
        with picture:
            if picture.width * picture.height > most:
                raise FormatError(f"{source} has {picture.width} x {picture.height} pixels; at most {most:,} are read")
            mode = "RGBA" if picture.has_transparency_data else "RGB"
            return np.asarray(picture if picture.mode == mode else picture.convert(mode))
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as why:
        raise FormatError(f"{source} cannot be read ({why})") from None
