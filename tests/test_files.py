"""A file is whole or not there, whatever fails."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from splatworld import files, formats, sh
from splatworld.errors import FormatError, OutputError
from splatworld.splats import Splats

SUFFIXES = ["ply", "splat", "spz", "splatworld"]
OPERATIONS = ("open", "close", "fsync", "replace", "stat")


def splats(n: int = 50) -> Splats:
    g = torch.Generator().manual_seed(n)
    rgb = torch.rand(n, 1, 3, generator=g)
    return Splats(
        torch.randn(n, 3, generator=g),
        torch.randn(n, 4, generator=g),
        torch.zeros(n, 3),
        torch.zeros(n),
        sh.from_rgb(rgb),
    )


class Failing:
    """Counts the file operations of `splatworld.files` and fails the one with number `at`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, failure: Callable[[], None]) -> None:
        self.count, self.at, self.failure = 0, at, failure
        for name in OPERATIONS:
            monkeypatch.setattr(files.os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, operation: Callable) -> Callable:
        def wrapped(*args, **kwargs):
            self.count += 1
            if self.count == self.at:
                self.failure()
            return operation(*args, **kwargs)

        return wrapped


def disk_full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("failure", [disk_full, interrupt])
@pytest.mark.parametrize("old", [None, b"the old file"])
def test_a_failure_at_any_operation_harms_nothing(
    tmp_path: Path, old: bytes | None, failure: Callable[[], None]
) -> None:
    path = tmp_path / "x.bin"
    for k in range(1, 100):
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_bytes(old)
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(patch, k, failure)
            try:
                files.write_bytes(path, b"the new file", force=True)
                done = True
            except (OutputError, KeyboardInterrupt):
                done = False
            operations = failing.count
        found = path.read_bytes() if path.exists() else None
        # An interruption may come when the new file is in place already; a failure then is none.
        assert found == (b"the new file" if done else old) or (failure is interrupt and found == b"the new file"), k
        assert [p.name for p in tmp_path.iterdir()] == (["x.bin"] if found is not None else []), k
        if operations < k:
            break
    assert 6 < k < 99


def test_a_kill_at_any_operation_harms_no_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    for k in range(1, 100):
        path.write_bytes(b"old")
        child = os.fork()
        if child == 0:
            with pytest.MonkeyPatch.context() as patch:
                Failing(patch, k, lambda: os._exit(9))
                files.write_bytes(path, b"new", force=True)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert path.read_bytes() in (b"old", b"new")
        if status == 0:
            break
    assert 6 < k < 99
    assert path.read_bytes() == b"new"


@pytest.fixture
def size_limit() -> Iterator[Callable[[int], None]]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_fills_up_at_any_byte_harms_nothing(
    tmp_path: Path, suffix: str, size_limit: Callable[[int], None]
) -> None:
    path = tmp_path / f"x.{suffix}"
    formats.save(splats(), path)
    old, whole = path.read_bytes(), path.stat().st_size
    for limit in range(0, whole, whole // 23):
        size_limit(limit)
        try:
            with pytest.raises(OutputError, match="cannot write"):
                formats.save(splats(60), path, force=True)
        finally:
            size_limit(resource.RLIM_INFINITY)
        assert path.read_bytes() == old
        assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_exception_while_writing_leaves_nothing(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_sync", lambda path: interrupt())
    with pytest.raises(KeyboardInterrupt):
        formats.save(splats(), tmp_path / f"x.{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"

    def racing() -> None:
        with files.replacing(path) as temporary:
            temporary.write_bytes(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="--force"):
        racing()
    assert path.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_links_are_followed_and_permissions_are_the_usual(tmp_path: Path) -> None:
    real, link = tmp_path / "real.bin", tmp_path / "link.bin"
    real.write_bytes(b"old")
    link.symlink_to(real)
    files.write_bytes(link, b"new", force=True)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    plain = tmp_path / "plain"
    plain.touch()
    assert real.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "is a folder"),
        ("no/such/x.bin", "no folder"),
        ("file/x.bin", "no folder"),
        ("a\0b", "null byte"),
        ("n" * 300, "too long"),
    ],
)
def test_impossible_targets_are_told(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=sentence):
        files.write_bytes(f"{tmp_path}/{name}", b"x", force=True)


def test_devices_are_no_targets_and_no_sources() -> None:
    with pytest.raises(OutputError, match="no regular file"):
        files.write_bytes("/dev/null", b"x", force=True)
    with pytest.raises(FormatError, match="no regular file"):
        files.check_input("/dev/zero")
