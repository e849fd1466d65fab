"""Every reader is given broken files for a while, from a fixed seed; `scripts/fuzz` does it for hours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from splatworld import formats

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 10 if os.environ.get("CI") == "true" else 2
"""For each reader."""


def fuzzed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    single = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS")}
    command = [sys.executable, ROOT / "scripts" / "fuzz_run.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **single})


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_no_reader_falls_to_a_broken_file(tmp_path: Path) -> None:
    counts = tmp_path / "counts.json"
    run = fuzzed("--seconds", str(SECONDS), "--jobs", "2", "--out", tmp_path / "failed", "--json", counts)
    assert run.returncode == 0, run.stdout + run.stderr
    readers = {reader["name"]: reader for reader in json.loads(counts.read_text())["readers"]}
    usable = [name for name, reason in formats.unavailable().items() if reason is None]
    assert set(usable) <= set(readers)
    for name in usable:
        assert readers[name]["kinds"].get("accepted", 0) > 0, run.stdout
        if readers[name]["inputs"] > 200:  # the first are sound
            assert readers[name]["kinds"].get("FormatError", 0) > 0, run.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_the_same_seed_breaks_the_same_files(tmp_path: Path) -> None:
    kinds = []
    for name in ("a", "b"):
        run = fuzzed("--format", "ply", "--format", "sog", "--inputs", "150", "--seed", "7", "--json", tmp_path / name)
        assert run.returncode == 0, run.stdout + run.stderr
        kinds.append([reader["kinds"] for reader in json.loads((tmp_path / name).read_text())["readers"]])
    assert kinds[0] == kinds[1]


def test_a_reader_that_is_not_known_is_a_sentence() -> None:
    run = fuzzed("--format", "nothing")
    assert run.returncode == 2
    assert "no reader nothing" in run.stderr
