"""Time and memory of the main jobs: a table on the screen, and one line of JSON for each case with --out.

Every measurement runs in a process of its own, whose wall time and peak memory are taken from outside.
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

import environment

CASES = Path(__file__).with_name("bench_cases.py")
GROUPS = {
    "generate": ("generate-300k", "generate-1m"),
    "render": ("render-300k",),
    "import": ("import", "help"),
    "formats": ("formats-1m",),
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
    cases = [case for group in asked.groups or GROUPS for case in GROUPS[group]]
    print(f"{'case':<16}{'wall':>9}{'peak':>11}  figures")
    rows = []
    for case in cases:
        row = measured(python, case)
        rows.append(row)
        figures = ", ".join(f"{name} {value}" for name, value in row["figures"].items())
        print(f"{case:<16}{row['wall_s']:>7.2f} s{row['peak_mb']:>8.0f} MB  {figures}", flush=True)
        if asked.out is not None:
            with asked.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return 0 if all(row["code"] == 0 for row in rows) else 1


def measured(python: Path, case: str) -> dict[str, object]:
    """One case in a fresh process: seconds from start to end, peak resident memory, and the figures it prints."""
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
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "cpu": _cpu(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        },
        "load_before": round(os.getloadavg()[0], 1),
        "case": case,
        "code": child.returncode,
        "wall_s": round(wall, 3),
        "peak_mb": round(peak, 1),
        "figures": json.loads(lines[-1]) if child.returncode == 0 and lines else {},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="what to measure (default: all)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to which lines of JSON are appended")
    return parser


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
