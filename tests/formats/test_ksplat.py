"""`.ksplat`: every layout that the format allows is read, and two of them are written."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import peers
import pytest
import torch
from format_cases import DATA, Heard, angles_deg, random_splats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from peers.programs import PROGRAMS
from scipy.spatial import cKDTree

from splatworld import formats
from splatworld.errors import FormatError, OutputError, UsageError
from splatworld.formats.frames import to_file

BANDS = {0: 0, 1: 9, 2: 24, 3: 45}
LEVELS = given(
    level=st.integers(0, 2),
    counts=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=4),
    seed=st.integers(0, 1_000),
)


@dataclass(frozen=True)
class Part:
    """A section for `packed`: values as they shall be read, and how its rows are spread over buckets."""

    means: NDArray[np.float32]
    scales: NDArray[np.float32]
    quats: NDArray[np.float32]
    rgba: NDArray[np.uint8]
    sh: NDArray[np.float32]
    """[n, k, 3]"""
    full: int
    bucket_rows: int
    lengths: Sequence[int]
    spare: int = 0
    """Places for records beyond those that are there."""


def packed(level: int, parts: Sequence[Part], *, low: float = -2.0, high: float = 2.0, room: int = 0) -> bytes:
    """A file with these sections, record by record, from the description of the format alone."""
    total = sum(len(part.means) for part in parts)
    head = struct.pack("<BBHIIIIH", 0, 1, 0, len(parts), 0, room, total, level).ljust(36, b"\0")
    tables, bodies = b"", b""
    for part in parts:
        buckets = part.full + len(part.lengths)
        centre = part.means.mean(0) if len(part.means) else np.zeros(3)
        block = 4.0 * float(np.abs(part.means - centre).max(initial=1.0))
        degree = {0: 0, 3: 1, 8: 2, 15: 3}[part.sh.shape[1]]
        table = struct.pack(
            "<4If2x2xI", len(part.means), len(part.means) + part.spare, part.bucket_rows, buckets, block, 0
        )
        table = table[:20] + struct.pack("<HHI", 12, 0, 1_000) + struct.pack("<III", 0, part.full, len(part.lengths))
        tables += (table + struct.pack("<H", degree)).ljust(1024, b"\0")
        bodies += struct.pack(f"<{len(part.lengths)}I", *part.lengths) + centre.astype("<f4").tobytes() * buckets
        rows = [_row(level, part, i, centre.astype("<f4"), block, low, high) for i in range(len(part.means))]
        size = {0: 44, 1: 24, 2: 24}[level] + BANDS[degree] * {0: 4, 1: 2, 2: 1}[level]
        bodies += b"".join(rows) + b"\xff" * size * part.spare
    return (head + struct.pack("<2f", low, high)).ljust(4096, b"\0") + tables + bodies


def _row(level: int, part: Part, i: int, centre: NDArray, block: float, low: float, high: float) -> bytes:
    if level == 0:
        place = part.means[i].astype("<f4").tobytes()
    else:
        place = (np.rint((part.means[i] - centre) * (1_000 / (block / 2))) + 1_000).astype("<u2").tobytes()
    number = "<f4" if level == 0 else "<f2"
    shape = np.concatenate([part.scales[i], part.quats[i]]).astype(number).tobytes()
    sh = []
    for band in range(1, round((part.sh.shape[1] + 1) ** 0.5)):
        sh.append(part.sh[i, band**2 - 1 : (band + 1) ** 2 - 1].T.ravel())  # channel after channel
    flat = np.concatenate([*sh, np.zeros(0)])
    if level == 2:
        bands = np.rint((flat - low) / (high - low) * 255).astype("u1").tobytes()
    else:
        bands = flat.astype(number).tobytes()
    return place + shape + part.rgba[i].tobytes() + bands


def part(rng: np.random.Generator, n: int, degree: int) -> Part:
    """Some rows, spread over full buckets and others at random."""
    rows = int(rng.integers(1, 6))
    full = int(rng.integers(0, n // rows + 1))
    left, lengths = n - full * rows, []
    while left:
        lengths.append(int(rng.integers(1, left + 1)))
        left -= lengths[-1]
    return Part(
        means=rng.uniform(-50, 50, (n, 3)).astype(np.float32),
        scales=rng.uniform(0.01, 2, (n, 3)).astype(np.float32),
        quats=rng.normal(size=(n, 4)).astype(np.float32),
        rgba=rng.integers(0, 256, (n, 4), dtype=np.uint8),
        sh=rng.uniform(-1.9, 1.9, (n, (degree + 1) ** 2 - 1, 3)).astype(np.float32),
        full=full,
        bucket_rows=rows,
        lengths=lengths,
        spare=int(rng.integers(0, 3)),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ksplat")


@LEVELS
@settings(max_examples=40, deadline=None)
def test_every_layout_is_read(folder: Path, level: int, counts: list[tuple[int, int]], seed: int) -> None:
    parts = [part(np.random.default_rng([seed, i]), n, degree) for i, (n, degree) in enumerate(counts)]
    (folder / "x.ksplat").write_bytes(packed(level, parts))
    found = to_file(formats.load(folder / "x.ksplat").splats(), "rdf")
    assert len(found) == sum(n for n, _ in counts)
    start = 0
    for own in parts:
        rows = found[start : start + len(own.means)]
        start += len(own.means)
        block = 4 * float(np.abs(own.means - own.means.mean(0)).max(initial=1.0)) if len(own.means) else 1.0
        np.testing.assert_allclose(rows.means, own.means, atol=2e-5 if level == 0 else block / 2 / 1_000)
        np.testing.assert_allclose(rows.scales, own.scales, rtol=1e-5 if level == 0 else 1e-3)
        assert (angles_deg(rows, replace(rows, quats=torch.from_numpy(own.quats))) < 0.2).all()
        np.testing.assert_allclose(rows.colours * 255, own.rgba[:, :3], atol=1e-3)
        np.testing.assert_allclose(rows.opacities * 255, own.rgba[:, 3], atol=0.3)
        bands = rows.sh.numpy()[:, 1:]
        k = own.sh.shape[1]
        np.testing.assert_allclose(bands[:, :k], own.sh, atol={0: 1e-5, 1: 2e-3, 2: 2.01 / 255}[level])
        np.testing.assert_allclose(bands[:, k:], 0, atol=1e-6)


@given(n=st.integers(0, 600), degree=st.integers(0, 3), level=st.integers(0, 1), seed=st.integers(0, 1_000))
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read(folder: Path, n: int, degree: int, level: int, seed: int) -> None:
    before = random_splats(n, degree=degree, seed=seed)
    before = replace(before, means=before.means / 25)  # 8 m: some blocks have many splats, some few
    formats.save(before, folder / "y.ksplat", ksplat_level=level, force=True)
    after = formats.load(folder / "y.ksplat").splats()
    assert (len(after), after.degree) == (n, min(degree, 2))
    _, nearest = cKDTree(after.means.numpy()).query(before.means.numpy())
    if len(set(nearest.tolist())) < n:
        return  # two in one place
    after = after[torch.from_numpy(nearest)]
    position, scale, band = (1e-5, 1e-5, 1e-5) if level == 0 else (0.51 * 5 / 65_534, 2**-10, 2**-11)
    assert ((after.means - before.means).abs() <= position).all()
    assert ((after.log_scales - before.log_scales).abs() <= scale).all()
    assert ((after.opacities - before.opacities).abs() <= 0.501 / 255).all()
    assert ((after.colours - before.colours).abs() <= 0.501 / 255).all()
    assert (angles_deg(before, after) < 0.1).all()
    error = to_file(after, "rdf").sh - to_file(before, "rdf").sh[:, : after.sh.shape[1]]
    assert (error[:, 1:].abs() <= band).all()


def test_far_and_extreme_splats_keep_their_place(tmp_path: Path) -> None:
    before = random_splats(50)
    means = before.means * 1e4  # 1,000 km
    log_scales = before.log_scales.clone()
    log_scales[0], log_scales[1] = -20.0, 20.0
    formats.save(replace(before, means=means[:50], log_scales=log_scales), tmp_path / "x.ksplat")
    after = formats.load(tmp_path / "x.ksplat").splats()
    distance = torch.cdist(after.means.double(), means.double()).min(0).values
    assert float(distance.max()) < 0.2
    assert bool(after.log_scales.isfinite().all())
    assert float(after.log_scales.min()) > -17
    assert float(after.log_scales.max()) == pytest.approx(np.log(65504), abs=1e-3)


def test_files_in_blocks_and_by_way_of_memory_are_the_same(tmp_path: Path) -> None:
    formats.save(random_splats(20_000, degree=2), tmp_path / "x.ply")
    for level in (0, 1):
        formats.convert(tmp_path / "x.ply", tmp_path / f"a{level}.ksplat", ksplat_level=level)
        formats.save(formats.load(tmp_path / "x.ply"), tmp_path / f"b{level}.ksplat", ksplat_level=level)
        assert (tmp_path / f"a{level}.ksplat").read_bytes() == (tmp_path / f"b{level}.ksplat").read_bytes()


def test_a_third_band_is_left_out_and_told(tmp_path: Path) -> None:
    heard = Heard()
    formats.save(random_splats(5, degree=3), tmp_path / "x.ksplat", progress=heard)
    assert "degree 2" in heard.texts()
    with pytest.raises(UsageError, match="level 2"):
        formats.save(random_splats(5), tmp_path / "y.ksplat", ksplat_level=2)
    bad = replace(random_splats(5), means=torch.full((5, 3), torch.nan))
    with pytest.raises(OutputError, match="means"):
        formats.save(bad, tmp_path / "y.ksplat")
    assert not (tmp_path / "y.ksplat").exists()


def test_a_file_without_a_known_suffix_is_known_by_its_header(tmp_path: Path) -> None:
    formats.save(random_splats(5), tmp_path / "x.ksplat")
    (tmp_path / "x.ksplat").rename(tmp_path / "x.bin")
    assert len(formats.load(tmp_path / "x.bin")) == 5
    assert len(formats.load(DATA / "minimal.ksplat")) == 4


def _with(data: bytes, offset: int, code: str, value: float) -> bytes:
    return data[:offset] + struct.pack(code, value) + data[offset + struct.calcsize(code) :]


S = 4096
"""Where the first section's header is."""
HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "short": (lambda d: d[:3_000], "ends early"),
    "no sections": (lambda d: _with(d, 4, "<I", 0), "sections hold 0"),
    "sections beyond the file": (lambda d: _with(d, 4, "<I", 9_000), "sections"),
    "billions of sections": (lambda d: _with(d, 4, "<I", 2**32 - 1), "sections"),
    "version": (lambda d: _with(d, 0, "<B", 3), "version 3.1"),
    "version 0.0": (lambda d: _with(d, 1, "<B", 0), "version 0.0"),
    "level": (lambda d: _with(d, 20, "<H", 3), "level 3"),
    "count": (lambda d: _with(d, 16, "<I", 2**32 - 1), "sections hold"),
    "range of SH": (lambda d: _with(d, 36, "<f", float("nan")), "range"),
    "endless range of SH": (lambda d: _with(d, 40, "<f", float("inf")), "range"),
    "rows beyond the places": (lambda d: _with(d, S, "<I", 2**32 - 1), "places"),
    "places beyond the file": (lambda d: _with(d, S + 4, "<I", 2**32 - 1), "ends at"),
    "buckets": (lambda d: _with(d, S + 12, "<I", 2**32 - 1), "buckets"),
    "partial buckets": (lambda d: _with(d, S + 36, "<I", 2**32 - 1), "ends at"),
    "full buckets": (lambda d: _with(d, S + 32, "<I", 2**32 - 1), "full"),
    "empty full buckets": (lambda d: _with(_with(d, S + 8, "<I", 0), S + 36, "<I", 0), "hold"),
    "no block": (lambda d: _with(d, S + 16, "<f", 0), "blocks of 0"),
    "endless block": (lambda d: _with(d, S + 16, "<f", float("inf")), "blocks of inf"),
    "block that is no number": (lambda d: _with(d, S + 16, "<f", float("nan")), "blocks of nan"),
    "centres too small": (lambda d: _with(d, S + 20, "<H", 4), "centres of 4"),
    "centres too large": (lambda d: _with(d, S + 20, "<H", 65_535), "ends at"),
    "degree": (lambda d: _with(d, S + 40, "<H", 4), "degree 4"),
    "more SH than there are": (lambda d: _with(d, S + 40, "<H", 3), "ends at"),
    "lengths": (lambda d: _with(d, S + 1024, "<I", 0), "hold"),
    "last byte": (lambda d: d[:-1], "ends at"),
}


@pytest.fixture(scope="module")
def sound(folder: Path) -> bytes:
    formats.save(random_splats(300, degree=1), folder / "sound.ksplat", force=True)
    return (folder / "sound.ksplat").read_bytes()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_in_a_sentence(folder: Path, sound: bytes, name: str) -> None:
    change, sentence = HOSTILE[name]
    (folder / "bad.ksplat").write_bytes(change(sound))
    with pytest.raises(FormatError, match=sentence) as caught:
        formats.load(folder / "bad.ksplat")
    assert "bad.ksplat" in str(caught.value)


@given(cuts=st.integers(0, 10**9), flips=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_damage_anywhere_is_an_error_or_a_world(
    folder: Path, sound: bytes, cuts: int, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(sound[: len(sound) - cuts % 40] if cuts % 3 == 0 else sound)
    for place, value in flips:
        # Most of the headers are empty; hit what is not.
        place = place % 44 if place % 2 else S + place % 44 if place % 5 else place
        data[place % len(data)] = value
    (folder / "hit.ksplat").write_bytes(data)
    try:
        world = formats.load(folder / "hit.ksplat")
    except FormatError:
        return
    assert bool(world.splats().means.isfinite().all())


@pytest.mark.parametrize("name", ["three", "splat-transform"])
def test_a_file_of_four_splats_as_others_read_it(name: str) -> None:
    """Its own program is not asked: it allots room for none, as the header of this file says."""
    program = PROGRAMS[name]
    program.need()
    assert program.read is not None
    theirs = program.read(DATA / "minimal.ksplat")
    ours = to_file(formats.load(DATA / "minimal.ksplat").splats(), "rdf")
    np.testing.assert_allclose(ours.means, theirs.means, atol=1e-6)
    np.testing.assert_allclose(ours.covariances, theirs.covariances, atol=1e-6)
    np.testing.assert_allclose(ours.colours, theirs.rgb, atol=1e-3)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_sections_of_the_program_it_comes_from(tmp_path: Path, level: int) -> None:
    """Five sections of a thousand, with buckets of their own, as it writes them."""
    program = PROGRAMS["@mkkellogg/gaussian-splats-3d"]
    program.need()
    ply, path = tmp_path / "x.ply", tmp_path / "x.ksplat"
    before = random_splats(5_000, degree=2)
    formats.save(replace(before, means=before.means / 10), ply)
    peers.run("mkkellogg.mjs", "write", ply, path, level, 2, 1_000)
    theirs = program.read(path)
    ours = to_file(formats.load(path).splats(), "rdf")
    assert len(ours) == len(theirs) == 5_000
    np.testing.assert_allclose(ours.means, theirs.means, atol=1e-5)
    np.testing.assert_allclose(ours.log_scales, theirs.log_scales, atol=1e-5)
    np.testing.assert_allclose(ours.covariances, theirs.covariances, atol=1e-4)
    np.testing.assert_allclose(ours.sh[:, 1:], theirs.sh, atol=1e-4)
    np.testing.assert_allclose(ours.colours, theirs.rgb, atol=1e-3)
