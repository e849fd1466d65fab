"""Converting in blocks gives the bytes that the way through memory gives, and takes little memory."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import DATA, Heard, random_splats
from hypothesis import given, settings
from hypothesis import strategies as st

from splatworld import formats
from splatworld.errors import Cancelled, FormatError, OutputError, UsageError
from splatworld.formats import blocks, streams
from splatworld.progress import Event, Step
from splatworld.threads import in_order
from splatworld.world import Layer, World

TARGETS = ["ply", "splat", "spz", "compressed.ply"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks so small that any file has many."""
    for module in (blocks, streams):
        monkeypatch.setattr(module, "ROWS", 7)
    return 7


def world(n: int, *, degree: int = 0, seed: int = 0) -> World:
    """Splats with all extras that a file can hold."""
    g = torch.Generator().manual_seed(seed)
    splats = random_splats(n, degree=degree, seed=seed).with_extras(
        thing=torch.randint(0, 9, (n,), generator=g, dtype=torch.int32),
        label=torch.randint(-1, 2, (n,), generator=g, dtype=torch.int16),
        normal=torch.randn(n, 3, generator=g),
    )
    return World((Layer("base", "base", splats),), labels=("pine", "red cabin"))


def through_memory(source: Path, target: Path) -> bytes:
    formats.save(formats.load(source), target, force=True)
    return target.read_bytes()


def in_blocks(source: Path, target: Path) -> bytes:
    formats.convert(source, target, force=True)
    return target.read_bytes()


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize("target", TARGETS)
@given(n=st.integers(1, 40), degree=st.integers(0, 4), seed=st.integers(0, 99))
@settings(max_examples=4, deadline=None)
def test_blocks_of_any_size_give_the_same_file(
    folder: Path, target: str, size: int, n: int, degree: int, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        source, out = folder / "from.ply", folder / f"to.{target}"
        formats.save(world(n, degree=degree, seed=seed), source, force=True)
        expected = through_memory(source, out)
        patch.setattr(streams, "ROWS", size)
        assert in_blocks(source, out) == expected


@pytest.mark.parametrize("source", ["ply", "splat", "spz", "compressed.ply", "splatworld"])
@pytest.mark.parametrize("target", [*TARGETS, "splatworld"])
def test_every_pair_of_formats(tmp_path: Path, rows: int, source: str, target: str) -> None:
    formats.save(world(50, degree=3), tmp_path / f"a.{source}")
    expected = through_memory(tmp_path / f"a.{source}", tmp_path / f"b.{target}")
    assert formats.convert(tmp_path / f"a.{source}", tmp_path / f"c.{target}") == 50
    if target != "splatworld":  # whose bytes hold the time
        assert (tmp_path / f"c.{target}").read_bytes() == expected
    assert len(formats.load(tmp_path / f"c.{target}")) == 50


def test_ply_comes_back_bit_for_bit(tmp_path: Path, rows: int) -> None:
    first, second, third = (tmp_path / f"{i}.ply" for i in range(3))
    before = world(50, degree=3)
    before.layers[0].splats.sh[3] *= -0.0
    formats.save(before, first)
    assert through_memory(first, second) == first.read_bytes()
    assert in_blocks(first, third) == first.read_bytes()


def test_any_order_of_properties_is_the_same_ply(tmp_path: Path) -> None:
    plain, mixed = tmp_path / "a.ply", tmp_path / "b.ply"
    formats.save(random_splats(50, degree=2), plain)
    head, body = plain.read_bytes().split(b"end_header\n", 1)
    lines = head.decode().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("property"))
    order = np.random.default_rng(0).permutation(len(lines) - start)
    records = np.frombuffer(body, "<f4").reshape(50, -1)[:, order]
    lines[start:] = [lines[start + i] for i in order]
    mixed.write_bytes("\n".join([*lines, "end_header", ""]).encode() + records.tobytes())
    assert in_blocks(mixed, tmp_path / "c.ply") == plain.read_bytes()


def test_rows_that_have_to_go_are_left_out_and_told_once(tmp_path: Path, rows: int) -> None:
    formats.save(random_splats(100, degree=1), tmp_path / "a.ply")
    data = bytearray((tmp_path / "a.ply").read_bytes())
    records = np.frombuffer(data, "<f4", offset=len(data) - 100 * 26 * 4).reshape(100, 26)
    records[[0, 6, 7, 50, 99], 0] = np.nan
    records[20, 22:26] = 0
    (tmp_path / "a.ply").write_bytes(data)
    heard = Heard()
    assert formats.convert(tmp_path / "a.ply", tmp_path / "b.ply", progress=heard) == 95
    assert heard.texts().count("dropped 5 of 100") == 1
    assert heard.texts().count("1 splats have no rotation") == 1
    assert (tmp_path / "b.ply").read_bytes() == through_memory(tmp_path / "a.ply", tmp_path / "c.ply")


def test_ids_that_are_none_mean_no_thing(tmp_path: Path) -> None:
    formats.save(world(4), tmp_path / "a.ply")
    data = bytearray((tmp_path / "a.ply").read_bytes())
    records = np.frombuffer(data, "<f4", offset=len(data) - 4 * 19 * 4).reshape(4, 19)
    records[:, 17] = [np.nan, -5, 1e30, 3]
    records[:, 18] = [np.inf, -1, 2, 1]
    (tmp_path / "a.ply").write_bytes(data)
    extras = formats.load(tmp_path / "a.ply").splats().extras
    assert extras["thing"].tolist() == [0, 0, 0, 3]
    assert extras["label"].tolist() == [-1, -1, -1, 1]


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_stopped_leaves_nothing(tmp_path: Path, rows: int, target: str) -> None:
    formats.save(random_splats(100), tmp_path / "a.ply")

    def stop(event: Event) -> None:
        if isinstance(event, Step):
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        formats.convert(tmp_path / "a.ply", tmp_path / f"b.{target}", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]


@pytest.mark.parametrize("suffix", ["ply", "compressed.ply", "spz"])
def test_a_file_cut_at_any_byte_is_refused_or_read(tmp_path: Path, suffix: str) -> None:
    formats.save(random_splats(3, degree=1), tmp_path / f"a.{suffix}")
    whole, cut = (tmp_path / f"a.{suffix}").read_bytes(), tmp_path / f"b.{suffix}"
    for end in range(1, len(whole)):
        cut.write_bytes(whole[:end])
        with pytest.raises(FormatError):
            formats.load(cut)


def test_a_source_that_shrinks_while_it_is_read_is_told(tmp_path: Path) -> None:
    from splatworld.formats import ply

    formats.save(random_splats(100), tmp_path / "a.ply")
    with ply.opened(tmp_path / "a.ply", frame=None, progress=Heard()) as source:
        os.truncate(tmp_path / "a.ply", 1_000)
        with pytest.raises(FormatError, match="ends early"):
            streams.gathered(source, Heard())


def test_several_layers_are_one_file(tmp_path: Path) -> None:
    parts = [random_splats(10, degree=1, seed=1), random_splats(20, seed=2)]
    formats.save(World(tuple(Layer(str(i), str(i), part) for i, part in enumerate(parts))), tmp_path / "a.ply")
    found = formats.load(tmp_path / "a.ply").splats()
    assert (len(found), found.degree) == (30, 1)
    torch.testing.assert_close(found.means, torch.cat([part.means for part in parts]), atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"spz_version": 2}, "version 2 is not written"), ({"sh_bits": 9}, "9 bits"), ({"level": 1}, "no option level")],
)
def test_options_that_do_not_exist(tmp_path: Path, options: dict[str, int], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        formats.save(random_splats(3), tmp_path / "x.spz", **options)
    with pytest.raises(UsageError, match="no option sh_bits"):
        formats.save(random_splats(3), tmp_path / "x.ply", sh_bits=8)


def test_what_cannot_be_written_is_refused_in_blocks_too(tmp_path: Path) -> None:
    formats.save(random_splats(3), tmp_path / "a.ply")
    with pytest.raises(OutputError, match="--force"):
        formats.convert(tmp_path / "a.ply", tmp_path / "a.ply")
    (tmp_path / "empty.ply").write_bytes((DATA / "ply_empty.ply").read_bytes())
    with pytest.raises(OutputError, match="without splats"):
        formats.convert(tmp_path / "empty.ply", tmp_path / "b.splat")


def test_work_in_order_stops_at_the_first_error() -> None:
    done = []

    def work(i: int) -> int:
        done.append(i)
        if i == 3:
            raise FormatError("no")
        return i

    with pytest.raises(FormatError):
        list(in_order(work, range(10_000)))
    assert len(done) < 200


def test_threads_of_torch_are_as_many_as_before() -> None:
    before, seen = torch.get_num_threads(), []
    inside = list(in_order(lambda _: torch.get_num_threads(), range(8)))
    later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert set(inside) == {1}
    assert [torch.get_num_threads(), *seen] == [before, before]


MEASURE = """
import resource, sys
from splatworld import formats
import splatworld.formats.ply, splatworld.formats.spz, splatworld.formats.splat
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
formats.convert(sys.argv[1], sys.argv[2])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024))
"""


def large(path: Path, n: int) -> None:
    """A PLY with SH of degree 3 in which the same 10,000 splats come again and again."""
    formats.save(random_splats(10_000, degree=3), path)
    head, body = path.read_bytes().split(b"end_header\n", 1)
    with open(path, "wb") as file:
        file.write(head.replace(b"vertex 10000", b"vertex %d" % n) + b"end_header\n")
        for _ in range(n // 10_000):
            file.write(body)


@pytest.mark.skipif(sys.platform == "win32", reason="counts memory by resource")
@pytest.mark.parametrize(
    ("target", "bytes_per_splat"), [("ply", 0), ("splat", 75), ("spz", 100), ("compressed.ply", 130)]
)
def test_memory_does_not_hold_the_file(tmp_path: Path, target: str, bytes_per_splat: int) -> None:
    n = 500_000  # 124 MB
    large(tmp_path / "a.ply", n)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "a.ply"), str(tmp_path / f"b.{target}")]
    used = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert used < 60e6 + n * bytes_per_splat
