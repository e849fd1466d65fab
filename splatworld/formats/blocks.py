"""Parts of files, for all formats: how many splats are worked on at once, and reading at a place."""

import os
import threading
from typing import BinaryIO

import numpy as np

from splatworld import files
from splatworld.errors import FormatError

ROWS = 8_192
"""Splats in a block: 2 MB with SH of degree 3, about what the second cache of a core holds."""
_SEEKING = threading.Lock()


def read_at(file: BinaryIO, offset: int, into: np.ndarray, source: str) -> None:
    """Fill a contiguous array with the bytes of an open file from `offset` on; safe from several threads at once.

    Raises `FormatError` if there are too few.
    """
    view, done = into.reshape(-1).view(np.uint8), 0
    while done < len(view):
        try:
            got = _read_some(file, offset + done, view[done:].data)
        except OSError as why:
            raise FormatError(f"cannot read {source}: {files.reason(why)}") from None
        if not got:
            raise FormatError(f"{source} ends early: {len(view) - done:,} bytes are missing at {offset + done:,}")
        done += got


def _read_some(file: BinaryIO, offset: int, into: memoryview) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(file.fileno(), [into], offset)
    with _SEEKING:  # Windows: one place in the file for all
        file.seek(offset)
        return file.readinto(into)  # type: ignore[attr-defined]
