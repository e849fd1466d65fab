"""What a program says that a file holds, in one shape for all programs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

C0 = 0.28209479177387814
Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Reading:
    """Splats row by row, in the axes and units of the file."""

    means: Array
    """[n, 3]"""
    covariances: Array
    """[n, 3, 3]"""
    rgb: Array
    """[n, 3], base colour, 0 to 1 (beyond where the program tells)."""
    opacities: Array
    """[n], 0 to 1."""
    sh: Array
    """[n, k, 3], coefficients of the bands above the base: k = 0, 3, 8, 15 or 24."""
    log_scales: Array | None = None
    """[n, 3], where the program tells more than the covariance."""
    quats: Array | None = None
    """[n, 4] wxyz, where the program tells more than the covariance."""
    cut: Callable[[Array], Array] = lambda sh: sh
    """What it does to all SH [n, k, 3] that it holds."""

    def __len__(self) -> int:
        return len(self.means)


def from_parts(
    means: Array, log_scales: Array, quats: Array, rgb: Array, opacities: Array, sh: Array | None = None
) -> Reading:
    """A reading of a program that tells scales and rotations (wxyz, any length); `sh` may be flat, channels inside."""
    n = len(means)
    turns = Rotation.from_quat(quats[:, [1, 2, 3, 0]].astype(np.float64)).as_matrix()
    half = turns * np.exp(log_scales.astype(np.float64))[:, None, :]
    bands = np.zeros((n, 0, 3), np.float32) if sh is None else sh.reshape(n, -1, 3)
    return Reading(means, half @ half.transpose(0, 2, 1), rgb, opacities.reshape(n), bands, log_scales, quats)


def from_gaussians(
    means: Array, log_scales: Array, quats: Array, logits: Array, dc: Array, sh: Array | None = None
) -> Reading:
    """A reading of a program that tells what a `.ply` holds: logits of opacities, SH coefficients of base colours."""
    return from_parts(means, log_scales, quats, dc * C0 + 0.5, 1 / (1 + np.exp(-logits.astype(np.float64))), sh)


def from_rows(rows: NDArray[Any]) -> Reading:
    """A reading of the vertex records of a `.ply`, by the names of its properties."""

    def columns(*names: str) -> Array:
        return np.stack([rows[name] for name in names], 1).astype(np.float32)

    names = rows.dtype.names or ()
    rest = [f"f_rest_{i}" for i in range(sum(name.startswith("f_rest_") for name in names))]
    channels = columns(*rest).reshape(len(rows), 3, -1).transpose(0, 2, 1) if rest else None  # channel after channel
    return from_gaussians(
        columns(*"xyz"),
        columns(*(f"scale_{i}" for i in range(3))),
        columns(*(f"rot_{i}" for i in range(4))),
        columns("opacity"),
        columns(*(f"f_dc_{i}" for i in range(3))),
        channels,
    )


def from_three(found: dict[str, NDArray[Any]]) -> Reading:
    """What three.js holds of a file: covariances, and the rest in bytes."""
    six = found["covariance"].reshape(-1, 6)  # xx xy xz yy yz zz
    widths = {"sh1": 9, "sh2": 15, "sh3": 21}
    bands = [found[name][:, :width].reshape(-1, width // 3, 3) for name, width in widths.items() if name in found]
    sh = np.concatenate([np.zeros((len(six), 0, 3), np.uint8), *bands], 1)
    rgba = found["color"].reshape(-1, 4) / np.float32(255)
    covariances = six[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3)
    sh = (sh.astype(np.float32) - 128) / 128
    return Reading(found["position"], covariances, rgba[:, :3], rgba[:, 3], sh, cut=lambda sh: sh.clip(-1, 127 / 128))


def from_spark(found: dict[str, NDArray[Any]]) -> Reading:
    """What Spark holds of a file: half precision, and for each coefficient of SH three bytes with one exponent."""
    names = [name for name in ("sh1", "sh2", "sh3a", "sh3b") if name in found]
    words = np.concatenate([np.zeros((len(found["means"]), 0), np.uint32), *(found[name] for name in names)], 1)
    coefficients = {0: 0, 4: 3, 8: 8, 16: 15}[words.shape[1]]
    words = words[:, :coefficients]
    size = np.exp2((words >> 27).astype(np.float64) - 15) / 255
    channels = [
        (words >> 8 * channel & 255) * size * np.where(words >> 24 + channel & 1, -1, 1) for channel in range(3)
    ]
    with np.errstate(divide="ignore"):
        log_scales = np.log(found["scales"])
    quats = found["quats"][:, [3, 0, 1, 2]]
    whole = from_parts(found["means"], log_scales, quats, found["rgb"], found["opacities"], np.stack(channels, 2))
    return replace(whole, cut=_cut_by_spark)


def _cut_by_spark(sh: Array) -> Array:
    """Version 2.2 counts from the power of two below the largest channel, and cuts off what is beyond."""
    most = np.exp2(np.floor(np.log2(np.maximum(np.abs(sh).max(2, keepdims=True), 2.0**-15))))
    return sh.clip(-most, most)
