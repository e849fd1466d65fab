"""docs/reliability.md names the limits that there are."""

import re
from pathlib import Path

import pytest

from splatworld import limits

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
KINDS = (
    *(
        "FILE",
        "POSITION",
        "LOG_SCALE",
        "SH",
        "SPLAT_",
        "THING",
        "NAME",
        "UNPACKED",
        "PATH",
        "PLY",
        "SPZ",
        "KSPLAT",
        "RAD",
        "ZIP",
    ),
    *("SOG", "GLTF", "PICTURE", "USD", "MESH", "MTL", "DOCUMENT"),
)
"""Beginnings of the names of limits on files."""
NAMES = [name for name in vars(limits) if name.isupper() and name.startswith(KINDS)]


def shown(name: str) -> str:
    value = getattr(limits, name)
    if name.endswith(("BYTES", "BYTES_MAX", "PER_SECOND")) and value % 1024 == 0:
        power = next(power for power in (3, 2, 1) if value % 1024**power == 0)
        return f"{value // 1024**power:,} {('KiB', 'MiB', 'GiB')[power - 1]}"
    if isinstance(value, float) and 1 <= value < 1e6:
        return f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_stands_on_the_page(name: str) -> None:
    assert f"| `{name}` | {shown(name)} |" in PAGE.read_text()


def test_no_other_limits_do() -> None:
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(), re.MULTILINE)) == set(NAMES)
