"""Work in parts by many threads, with one order."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

_THREADS_MAX = 8

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
