"""Colour names, and the step between display and linear light."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[float, float, float]
A = TypeVar("A", float, NDArray[np.floating])

# Display values (sRGB, 0 to 255) of painted or dyed things in soft daylight: muted, because a saturated screen colour
# looks like plastic once it is lit.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (158, 42, 36),
    "crimson": (140, 24, 44),
    "pink": (222, 142, 160),
    "orange": (206, 108, 38),
    "yellow": (222, 184, 60),
    "gold": (196, 154, 62),
    "green": (70, 118, 58),
    "turquoise": (70, 160, 156),
    "blue": (52, 88, 152),
    "navy": (34, 46, 84),
    "purple": (104, 62, 132),
    "violet": (126, 92, 170),
    "white": (226, 224, 216),
    "cream": (226, 212, 180),
    "grey": (128, 128, 126),
    "silver": (172, 174, 178),
    "black": (34, 33, 34),
    "brown": (104, 72, 46),
    "beige": (198, 178, 142),
}


def linear_from_display(value: A) -> A:
    """Undo the sRGB curve (IEC 61966-2-1); 0 to 1 in and out."""
    v = np.asarray(value, np.float64)
    out = np.where(v <= 0.04045, v / 12.92, ((np.maximum(v, 0.04045) + 0.055) / 1.055) ** 2.4)
    return out.astype(value.dtype) if isinstance(value, np.ndarray) else float(out)  # type: ignore[return-value]


def display_from_linear(value: A) -> A:
    """The sRGB curve; negative light shows as black."""
    v = np.maximum(np.asarray(value, np.float64), 0.0)
    out = np.where(v <= 0.0031308, v * 12.92, 1.055 * np.maximum(v, 0.0031308) ** (1 / 2.4) - 0.055)
    return out.astype(value.dtype) if isinstance(value, np.ndarray) else float(out)  # type: ignore[return-value]


def linear(name: str) -> Rgb:
    """Linear RGB albedo of a colour name; raises `KeyError` for a name not in `COLOURS`."""
    r, g, b = (linear_from_display(c / 255) for c in COLOURS[name])
    return r, g, b


def nearest_name(rgb: Rgb) -> str:
    """The colour name closest to a linear albedo, compared in display values."""
    shown = [255 * display_from_linear(c) for c in rgb]
    return min(COLOURS, key=lambda n: sum((a - b) ** 2 for a, b in zip(COLOURS[n], shown, strict=True)))
