"""What `scripts/bench render` measures, one process after the other, and what a row is compared with."""

import json
import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import environment

CHILD = Path(__file__).with_name("bench_render.py")
Row = dict[str, object]


@dataclass(frozen=True)
class Part:
    """One scene with sizes and modes; each backend that is here gets a process for it."""

    scene: str
    sizes: Sequence[str]
    modes: Sequence[str] = ("forward",)
    """A picture (forward), with gradients (backward), a step of training (step), packed splats to bytes (frame)."""


SHORT = (
    Part("one", ("16p",)),
    Part("small-10k", ("360p",), ("forward", "backward", "step")),
    Part("scan", ("360p", "1080p"), ("forward", "backward")),
    Part("garden-1x1", ("1080p",)),
    Part("trained-1m", ("1080p",), ("forward", "backward", "step", "frame")),
    Part("garden-5x5", ("1080p",), ("forward", "backward", "frame")),
)
_ALL = ("forward", "backward", "step", "frame")
FULL = (
    Part("one", ("16p",), ("forward", "backward")),
    *(Part(name, ("360p", "720p", "1080p", "4K"), _ALL) for name in ("small-10k", "scan", "garden-1x1")),
    *(Part(name, ("360p", "720p", "1080p", "4K"), _ALL) for name in ("trained-1m", "garden-5x5")),
)
ON_GPU = ("cuda", "gsplat", "gsplat-packed")
ALSO_BY_REFERENCE = ("one", "small-10k")
"""It takes minutes for the others."""


@dataclass
class Asked:
    """What to run, and for how long."""

    parts: Sequence[Part] = SHORT
    full: bool = False
    seconds: float = 1.0
    backends: Sequence[str] = ()
    threads: Sequence[int] = (0,)
    deadline: float = float("inf")
    """Of `time.monotonic`: no process begins later, and the row says that it was cut."""


@dataclass
class Known:
    """Rows by scene, size and mode, to compare others with."""

    rows: dict[tuple[object, ...], list[Row]] = field(default_factory=dict)

    def compared(self, row: Row) -> Row:
        """The row with its time as a part of gsplat's and of the baseline's for the same picture."""
        key = (row.get("scene"), row.get("size"), row.get("mode"))
        others = self.rows.setdefault(key, [])
        found = dict(row)
        for name in ("gsplat", "baseline"):
            times = [
                r
                for r in others
                if str(r["backend"]).startswith(name) and r.get("threads") in (None, row.get("threads"))
            ]
            if times and "ms" in row and not str(row["backend"]).startswith(name):
                best = min(times, key=lambda r: float(str(r["ms"])))
                found |= {f"{kind}of_{name}": _part(row, best, unit) for kind, unit in (("", "ms"), ("cpu_", "cpu_ms"))}
        if "ms" in row:
            others.append(row)
        return found


def _part(row: Row, other: Row, unit: str) -> float | None:
    mine, theirs = row.get(unit), other.get(unit)
    return round(float(str(mine)) / float(str(theirs)), 3) if mine and theirs else None


COLUMNS = {
    "threads": ("thr", 4, "d"),
    "ms": ("ms", 10, ".2f"),
    "best_ms": ("best", 10, ".2f"),
    "cpu_ms": ("cpu ms", 10, ".2f"),
    "peak_mb": ("peak MB", 9, ".0f"),
    "of_gsplat": ("/gsplat", 9, ".2f"),
    "of_baseline": ("/baseline", 11, ".2f"),
    "cpu_of_baseline": ("/base cpu", 11, ".2f"),
}
"""Number of a row to heading, width and format. Parts of another's time are below 1 where we are faster."""
HEADING = f"{'scene':<18}{'size':<7}{'mode':<10}{'backend':<15}" + "".join(
    f"{heading:>{width}}" for heading, width, _ in COLUMNS.values()
)


def line(row: Row) -> str:
    """A row of the table."""
    name = f"{row['backend']} {row['isa']}" if "isa" in row else str(row["backend"])
    head = f"{row['scene']:<18}{row.get('size', ''):<7}{row.get('mode', ''):<10}{name:<15}"
    if "no" in row:
        return f"{head} no: {row['no']}"
    cells = ("" if (n := row.get(key)) is None else f"{n:{form}}" for key, (_, _, form) in COLUMNS.items())
    return head + "".join(f"{cell:>{width}}" for cell, (_, width, _) in zip(cells, COLUMNS.values(), strict=True))


def rows(python: Path, asked: Asked) -> Iterator[Row]:
    """Everything asked for, in order: rivals before our own, so that the comparison is there at once."""
    here = _here(python)
    known = Known()
    for part in asked.parts:
        for backend, options in _runs(here, part, asked):
            if time.monotonic() > asked.deadline:
                yield {"scene": part.scene, "backend": backend, "no": "cut: no time was left"}
                continue
            for row in _measured(python, part, backend, options, asked):
                yield known.compared({"backend": backend, **row})


def _here(python: Path) -> dict[str, str | None]:
    """Backends with the reason why one is missing, and the instruction sets of this processor under "isas"."""
    asked = environment.capture([python, str(CHILD), "backends"])
    return json.loads(asked.splitlines()[-1])


def _runs(here: dict[str, str | None], part: Part, asked: Asked) -> Iterator[tuple[str, list[str]]]:
    """Backends and what else their process is told."""
    ready = {name for name, reason in here.items() if reason is None}
    if "gsplat" in ready:
        ready.add("gsplat-packed")
    if os.environ.get("SPLATWORLD_BASELINE"):
        ready.add("baseline")
    order = ("gsplat", "gsplat-packed", "cuda", "baseline", "cpu", "reference")
    for backend in [name for name in order if name in ready and (not asked.backends or name in asked.backends)]:
        if backend == "reference" and part.scene not in ALSO_BY_REFERENCE:
            continue
        if backend in ON_GPU or backend == "reference":
            yield backend, []
            continue
        for threads in asked.threads:
            yield backend, ["--threads", str(threads)]
        if backend == "cpu" and asked.full:
            for isa in str(here["isas"]).split(",")[1:]:
                yield backend, ["--isa", isa]


def _measured(python: Path, part: Part, backend: str, options: list[str], asked: Asked) -> Iterator[Row]:
    if backend == "baseline":
        yield from _baseline(python, part, options)
        return
    command = [python, str(CHILD), part.scene, backend, "--sizes", ",".join(part.sizes)]
    modes = [mode for mode in part.modes if mode != "frame" or backend == "cuda"]
    command += ["--modes", ",".join(modes), "--seconds", str(asked.seconds), *options]
    isa = {"isa": options[1]} if "--isa" in options else {}
    child = environment.start(command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    cut = threading.Timer(min(asked.deadline - time.monotonic(), 1e6), child.kill)
    cut.start()
    with child:
        for line in child.stdout:
            yield {**json.loads(line), **isa}
    cut.cancel()
    if child.returncode:
        yield {"scene": part.scene, "no": f"ended with {child.returncode}", **isa}


def _baseline(python: Path, part: Part, options: list[str]) -> Iterator[Row]:
    """Another program's forward pass: `$SPLATWORLD_BASELINE FILE THREADS` ends with a line "WALL_MS CPU_MS"."""
    threads = int(options[1]) or os.cpu_count() or 1
    for size in part.sizes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "scene.raw")
            wrote = environment.capture([python, str(CHILD), part.scene, "--sizes", size, "--raw", str(file)])
            command = [*shlex.split(os.environ["SPLATWORLD_BASELINE"]), str(file), str(threads)]
            said = environment.capture(command).split()
        times = {"ms": float(said[-2]), "cpu_ms": float(said[-1]), "threads": threads}
        yield {**json.loads(wrote.splitlines()[-1]), "size": size, "mode": "forward", **times}
