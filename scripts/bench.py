"""Time and memory of the main jobs: a table on the screen, and one line of JSON for each case with --out.

Every measurement runs in a process of its own, whose wall time and peak memory are taken from outside; "render" takes
the time of many frames in one process for each scene and backend (`bench_plan.py`).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bench_plan
import environment

CASES = Path(__file__).with_name("bench_cases.py")
GROUPS = {
    "generate": ("generate-300k", "generate-1m"),
    "world": ("world-300k",),
    "import": ("import", "help"),
    "decimate": ("decimate-1m", "decimate-plant", "decimate-world"),
    "formats": (
        "ply-1m",
        "ply-1m-sh0",
        "compressed-1m",
        "splat-1m",
        "spz3-1m",
        "spz4-1m",
        "sog-1m-sh0",
        "sog-1m",
        "gsply-ply-1m",
        "plyfile-ply-1m",
        "gaussforge-ply-1m",
        "gsply-compressed.ply-1m",
        "gaussforge-compressed.ply-1m",
        "gsply-spz-1m",
        "gaussforge-spz-1m",
    ),
    "large": ("ply-10m", "compressed-10m", "splat-10m", "spz-10m"),
}
"""What can be asked for, and the cases it runs (see `bench_cases.py`)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases asked for; 0 if all of them ended well."""
    asked = _parser().parse_args(arguments)
    try:
        python = environment.ready(("app",))
    except environment.SetupError as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    groups = asked.groups or [*(group for group in GROUPS if group != "large"), "render"]
    cases = [case for group in groups for case in GROUPS.get(group, ())]
    good = _cases(python, cases, asked.out) if cases else True
    if "render" in groups:
        good &= _render(python, asked)
    return 0 if good else 1


def _cases(python: Path, cases: Sequence[str], out: Path | None) -> bool:
    print(f"{'case':<28}{'wall':>9}{'peak':>11}  figures")
    good = True
    for case in cases:
        row = measured(python, case)
        figures = ", ".join(f"{name} {value}" for name, value in row["figures"].items())
        print(f"{case:<28}{row['wall_s']:>7.2f} s{row['peak_mb']:>8.0f} MB  {figures}", flush=True)
        good &= row["code"] == 0
        _append(out, row)
    return good


def _render(python: Path, asked: argparse.Namespace) -> bool:
    plan = bench_plan.Asked(
        parts=bench_plan.FULL if asked.full else bench_plan.SHORT,
        full=asked.full,
        seconds=asked.seconds,
        backends=asked.backends,
        threads=asked.threads,
    )
    good = True
    print(bench_plan.HEADING)
    for row in bench_plan.rows(python, plan):
        print(bench_plan.line(row), flush=True)
        good &= "ms" in row
        _append(asked.out, {**where(), "case": "render", **row})
    return good


def _append(out: Path | None, row: dict[str, Any]) -> None:
    if out is not None:
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")


def where() -> dict[str, Any]:
    """When, what and on which machine: the start of every line of JSON."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "cpu": _cpu(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        },
        "load_before": round(os.getloadavg()[0], 1),
    }


def measured(python: Path, case: str) -> dict[str, Any]:
    """One case in a fresh process: seconds from start to end, peak resident memory, and the figures it prints."""
    before = where()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        began = time.monotonic()
        child = subprocess.Popen([python, str(CASES), case, folder], stdout=said, cwd=environment.ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().splitlines()
    # Linux counts in KiB, macOS in bytes.
    peak = usage.ru_maxrss / (1 if sys.platform == "darwin" else 1 / 1024) / 1e6
    return {
        **before,
        "case": case,
        "code": child.returncode,
        "wall_s": round(wall, 3),
        "peak_mb": round(peak, 1),
        "figures": json.loads(lines[-1]) if child.returncode == 0 and lines else {},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, "render", []], help="what to measure (all but large)")
    parser.add_argument("--full", action="store_true", help="render: every scene, size, mode and instruction set")
    parser.add_argument("--seconds", type=float, default=1.0, help="render: spent on each row (default: 1)")
    parser.add_argument("--backends", type=_names, default=(), metavar="A,B", help="render: only these (default: all)")
    parser.add_argument("--threads", type=_numbers, default=(0,), metavar="1,2", help="render: 0 is as many as cores")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to which lines of JSON are appended")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(asked, cwd=environment.ROOT, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")),
        platform.machine(),
    )


if __name__ == "__main__":
    sys.exit(main())
