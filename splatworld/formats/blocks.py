"""Parts of files and work in parts, for all formats: reading at a place, and many threads with one order."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, TypeVar

import numpy as np
import torch

from splatworld import files
from splatworld.errors import FormatError

ROWS = 8_192
"""Splats in a block: 2 MB with SH of degree 3, about what the second cache of a core holds."""
_THREADS_MAX = 8
_SEEKING = threading.Lock()

Item = TypeVar("Item")
Result = TypeVar("Result")


def threads() -> int:
    """How many threads work on blocks: as many as torch was allowed, within reason."""
    return min(torch.get_num_threads(), _THREADS_MAX)


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Results of `work` in the order of `items`, made by several threads of which none runs far ahead.

    Close it (`contextlib.closing`) to stop early. Raises what `work` raises.
    """
    count, of_torch = threads(), torch.get_num_threads()
    if count == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(count, initializer=_alone, initargs=(of_torch,)) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _alone(of_torch: int) -> None:
    """Keep torch in this thread to this thread: teams within teams would wait for each other at full speed.

    torch notes the number for threads to come as well as for this one, so another thread puts the note right.
    """
    torch.get_num_threads()  # torch sets a thread up when it is first asked, and not again
    torch.set_num_threads(1)
    other = threading.Thread(target=torch.set_num_threads, args=(of_torch,))
    other.start()
    other.join()


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
