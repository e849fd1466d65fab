"""Events of long work. They leave sideways, through one callable: `progress(event)`.

The command line draws bars from them and the viewer draws panels from the same events. A callable stops the work by
raising `splatworld.errors.Cancelled`.
"""

from collections.abc import Callable

import msgspec


class Stage(msgspec.Struct, frozen=True, tag=True):
    """A named part of the work begins; `index` counts from 1 to `total`."""

    name: str
    index: int
    total: int


class Step(msgspec.Struct, frozen=True, tag=True):
    """The running stage has done `done` of `total` equal parts."""

    done: int
    total: int


class Note(msgspec.Struct, frozen=True, tag=True):
    """Something the user should know and need not act on."""

    text: str


class Warning(msgspec.Struct, frozen=True, tag=True):
    """Something the user should know and may want to act on."""

    text: str


Event = Stage | Step | Note | Warning
Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """The progress callable of those who do not watch."""
