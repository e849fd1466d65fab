"""Events of long work as bars on stderr; as plain lines where stderr is no terminal."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from splatworld.progress import Event, Note, Progress, Stage, Step, Warning

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


@contextlib.contextmanager
def shown() -> Iterator[Progress]:
    """A progress callable that draws while the block runs."""
    if not sys.stderr.isatty():
        yield _line
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Drawn(bars)


class _Drawn:
    """One bar at a time: a stage's, or that of steps without a stage."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None)

    def __call__(self, event: Event) -> None:
        match event:
            case Stage(name, index, total):
                self._bars.reset(self._task, total=None, description=f"{index}/{total} {name}")
            case Step(done, total):
                self._bars.update(self._task, completed=done, total=total)
            case Note(text) | Warning(text):
                self._bars.console.print(_sentence(event, text), markup=False, highlight=False)


def _line(event: Event) -> None:
    match event:
        case Stage(name, index, total):
            print(f"{index}/{total} {name}", file=sys.stderr, flush=True)
        case Note(text) | Warning(text):
            print(_sentence(event, text), file=sys.stderr, flush=True)


def _sentence(event: Event, text: str) -> str:
    from splatworld.scene_spec import clean_text

    return f"{'warning: ' if isinstance(event, Warning) else ''}{clean_text(text)}"
