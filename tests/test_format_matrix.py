"""The matrix of formats is made by its script, and knows every format of the table."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from splatworld import formats
from splatworld.splats import Splats

pytestmark = pytest.mark.slow  # every format, a dozen times

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "format-matrix.md"


def run(*command: str | Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the script writes about a small world, without asking other programs."""
    folder = tmp_path_factory.mktemp("matrix")
    g = torch.Generator().manual_seed(3)
    n = 200
    splats = Splats(
        torch.randn(n, 3, generator=g),
        torch.randn(n, 4, generator=g),
        torch.rand(n, 3, generator=g) - 3,
        torch.randn(n, generator=g) + 2,
        torch.randn(n, 4, 3, generator=g) * 0.2,
    )
    formats.save(splats, folder / "tiny.ply")
    run(ROOT / "scripts" / "format_matrix.py", folder / "tiny.ply", "--alone", "--out", folder / "page.md")
    return (folder / "page.md").read_text()


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """Cells by the first of their row, of the tables under a heading."""
    part = page.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line[:2] == "| " and line[2:3].strip()]
    return {cells[0]: cells for cells in lines}


def test_every_format_has_its_rows(page: str) -> None:
    kept, tripped = rows(page, "What is kept"), rows(page, "tiny")
    assert list(kept) == list(tripped)
    for name in formats.writable():
        assert any(name in title for title in kept), name


def test_what_is_kept_was_found_by_trying(page: str) -> None:
    kept = rows(page, "What is kept")
    assert kept["`.splatworld`"][1:11] == ["4", *["yes"] * 9]
    assert kept["`.splat`"][1:4] == ["0", "-", "-"]
    assert kept["`.spz` 3"][1] == "3"
    assert kept["`.spz` 4"][1] == "4"
    tripped = rows(page, "tiny")
    assert tripped["`.ply`"][2] == "identical"
    assert tripped["`.spz` 3"][2].endswith(" dB")


def test_the_page_in_the_docs_knows_the_same_formats(page: str) -> None:
    """`scripts/format_matrix` makes it anew."""
    assert list(rows(PAGE.read_text(), "What is kept")) == list(rows(page, "What is kept"))
