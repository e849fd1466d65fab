"""What holds for every format of the table, as it is: damaged files, no splats, values that are no numbers."""

import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import Heard, axis_splats, random_splats

from splatworld import formats, limits
from splatworld.errors import FormatError, OutputError, UsageError
from splatworld.splats import Splats, empty
from splatworld.world import World

WHOLE_BYTES = 1_500
"""Shorter files are cut at every byte; of longer ones, all of the beginning and the end, and some of the middle."""
SOUND_WHEN_CUT = {"obj", "usda"}
"""Texts without an end: half a file may be a smaller world."""
MARK = 1234.5
"""A number that occurs in a file where we put it, and nowhere else."""


def written(splats: Splats | World, path: Path) -> bytes | None:
    """The bytes of a file, or None for a format that is only read."""
    try:
        formats.save(splats, path, force=True)
    except UsageError:
        return None
    return path.read_bytes()


def writable() -> Iterator[str]:
    for suffix in formats.names():
        try:
            formats.check_suffix(Path(f"x.{suffix}"))
            yield suffix
        except UsageError:
            pass


SUFFIXES = list(writable())
SLOW = {"usd", "usda", "usdc", "usdz"}
"""A process is started for each of their files."""


def outcome(path: Path) -> str:
    """`read` or `refused`; what is read is sound, and what is refused is named."""
    refusal = None
    try:
        splats = formats.load(path).splats()
    except FormatError as why:
        refusal = str(why)
    if refusal is not None:
        assert path.name in refusal
        return "refused"
    for values in (splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh):
        assert bool(values.isfinite().all())
    return "read"


def cuts(size: int) -> list[int]:
    return [
        end
        for end in range(1, size)
        if size <= WHOLE_BYTES or end < 600 or end > size - 200 or (end % 97 == 0 and size < 20_000)
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_cut_at_any_byte_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    whole = written(random_splats(2), path)
    assert whole is not None
    for end in range(9, len(whole), len(whole) // 4) if suffix in SLOW else cuts(len(whole)):
        path.write_bytes(whole[:end])
        allowed = {"read", "refused"} if suffix in SOUND_WHEN_CUT else {"refused"}
        if suffix == "splat" and end % 32 == 0:
            allowed = {"read"}
        assert outcome(path) in allowed, f"the first {end} of {len(whole)} bytes"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_flipped_bits_never_crash(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    whole = written(random_splats(5, degree=1), path)
    assert whole is not None
    rng = np.random.default_rng(1)
    for _ in range(5 if suffix in SLOW else 150):
        broken = bytearray(whole)
        # Half of them in the first bytes, where the sizes stand.
        broken[rng.integers(len(whole) if rng.random() < 0.5 else min(len(whole), 200))] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        outcome(path)


@pytest.mark.parametrize("suffix", formats.names())
def test_noise_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(np.random.default_rng(0).bytes(1001))
    assert outcome(path) == "refused"


@pytest.mark.parametrize("suffix", formats.names())
def test_an_empty_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(b"")
    with pytest.raises(FormatError, match="is empty"):
        formats.load(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("degree", [0, 3])
def test_no_splats_are_written_and_read_or_refused_in_a_sentence(tmp_path: Path, suffix: str, degree: int) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "splat":
        with pytest.raises(OutputError, match="without splats"):
            formats.save(empty(degree), path)
        assert not path.exists()
    else:
        formats.save(empty(degree), path)
        assert len(formats.load(path)) == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_splats_that_are_all_the_same_are_written_and_read(tmp_path: Path, suffix: str) -> None:
    one = random_splats(1)
    rows = torch.zeros(300, dtype=torch.long)
    formats.save(one[rows], tmp_path / f"x.{suffix}")
    back = formats.load(tmp_path / f"x.{suffix}").splats()
    assert len(back) == 300
    torch.testing.assert_close(back.means, one[rows].means, atol=0.05, rtol=1e-3)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["means", "quats", "log_scales", "logit_opacities", "sh"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_written(tmp_path: Path, suffix: str, name: str, value: float) -> None:
    bad = getattr(axis_splats(), name).clone()
    bad.view(-1)[-1] = value
    with pytest.raises(OutputError, match=name):
        formats.save(replace(axis_splats(), **{name: bad}), tmp_path / f"x.{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [-1_000.0, 1_000.0])
def test_absurd_sizes_end_within_bounds_or_in_a_sentence(tmp_path: Path, suffix: str, size: float) -> None:
    splats = replace(axis_splats(), log_scales=torch.full((3, 3), size))
    try:
        formats.save(splats, tmp_path / f"x.{suffix}")
    except OutputError:
        return
    back = formats.load(tmp_path / f"x.{suffix}").splats()
    assert bool(back.scales.isfinite().all())
    assert float(back.log_scales.abs().max()) <= limits.LOG_SCALE_ABS_MAX or suffix == "splatworld"


@pytest.mark.parametrize("suffix", ["ply", "splat", "ksplat", "glb"])
@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_positions_that_mean_nothing_are_dropped_and_told(tmp_path: Path, suffix: str, value: float) -> None:
    """In files that hold positions as float32. Frames turn the mark, and its sign with it."""
    path = tmp_path / f"x.{suffix}"
    means = torch.tensor([[1.0, 2.0, 3.0], [MARK, MARK, MARK], [4.0, 5.0, 6.0]])
    options = {"ksplat": {"ksplat_level": 0}}.get(suffix, {})
    formats.save(replace(axis_splats(), means=means), path, **options)
    whole = path.read_bytes()
    marks = [struct.pack("<f", sign * MARK) for sign in (1, -1)]
    at = max(whole.find(mark) for mark in marks)
    assert at > 0
    path.write_bytes(whole[:at] + struct.pack("<f", value) + whole[at + 4 :])
    heard = Heard()
    back = formats.load(path, progress=heard).splats()
    assert len(back) == 2
    assert "dropped 1 of 3" in heard.texts()
