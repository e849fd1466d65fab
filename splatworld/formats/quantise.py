"""Values as bytes, and back: what the compact formats share."""

import numpy as np
from numpy.typing import NDArray


def bytes_from(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The nearest of 0 to 255; same shape."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def logits_from_bytes(alphas: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits of opacities stored as 0 to 255; the ends stay finite and come back as 0 and 255."""
    share = np.arange(256, dtype=np.float64) / 255
    share = np.clip(share, 0.25 / 255, 1 - 0.25 / 255)
    return np.log(share / (1 - share)).astype(np.float32)[alphas]


def quats_from_smallest_three(packed: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Unit quaternions xyzw [n, 4] of 32-bit words [n]: two bits name the largest component, then sign and 9 bits each.

    The layout of SPZ version 3: the other components stand in falling order from the low bits.
    """
    largest = (packed >> 30).astype(np.intp)
    quats = np.zeros((len(packed), 4), np.float32)
    word = packed.copy()
    for axis in (3, 2, 1, 0):
        stored = largest != axis
        value = (word & 511).astype(np.float32) * np.float32(np.sqrt(0.5) / 511)
        quats[:, axis] = np.where(stored, np.where(word & 512, -value, value), 0)
        word = np.where(stored, word >> 10, word)
    rest = np.maximum(1 - np.square(quats).sum(1), 0)
    quats[np.arange(len(quats)), largest] = np.sqrt(rest)
    return quats


def smallest_three_from_quats(quats: NDArray[np.float32]) -> NDArray[np.uint32]:
    """32-bit words [n] of quaternions xyzw [n, 4] of any length; see `quats_from_smallest_three`."""
    unit = quats / np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), 1e-30)
    largest = np.abs(unit).argmax(1)
    flip = unit[np.arange(len(unit)), largest] < 0
    magnitude = np.minimum(np.abs(unit) * np.float32(511 * np.sqrt(2)) + 0.5, 511).astype(np.uint32)
    word = largest.astype(np.uint32)
    for axis in range(4):
        negative = ((unit[:, axis] < 0) != flip).astype(np.uint32)
        word = np.where(largest != axis, (word << 10) | (negative << 9) | magnitude[:, axis], word)
    return word
