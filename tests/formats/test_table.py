"""Which format a file is taken for."""

import shutil
import sys
import types
from importlib import metadata
from pathlib import Path

import pytest
from format_cases import DATA, axis_splats

from splatworld import formats
from splatworld.errors import FormatError, OutputError, UsageError


@pytest.mark.parametrize("suffix", ["ply", "spz", "splatworld"])
def test_files_without_a_known_suffix_are_known_by_their_first_bytes(tmp_path: Path, suffix: str) -> None:
    formats.save(axis_splats(), tmp_path / f"x.{suffix}")
    shutil.copy(tmp_path / f"x.{suffix}", tmp_path / "noname.bin")
    assert len(formats.load(tmp_path / "noname.bin")) == 3


def test_suffixes_may_be_in_capitals(tmp_path: Path) -> None:
    formats.save(axis_splats(), tmp_path / "X.PLY")
    assert len(formats.load(tmp_path / "X.PLY")) == 3


def test_unknown_files_are_told_the_known_suffixes(tmp_path: Path) -> None:
    (tmp_path / "x.xyz").write_text("hello")
    with pytest.raises(FormatError, match=r"\.splatworld, \.ply, "):
        formats.load(tmp_path / "x.xyz")
    with pytest.raises(UsageError, match=r"\.splatworld, \.ply, "):
        formats.save(axis_splats(), tmp_path / "y.xyz")
    assert not (tmp_path / "y.xyz").exists()


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.ply").touch()
    for name, sentence in {"": "is a folder", "no.ply": "no such file", "empty.ply": "is empty"}.items():
        with pytest.raises(FormatError, match=sentence):
            formats.load(tmp_path / name)


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.ply"
    path.write_text("old")
    with pytest.raises(OutputError, match="--force"):
        formats.save(axis_splats(), path)
    assert path.read_text() == "old"
    formats.save(axis_splats(), path, force=True)
    assert len(formats.load(path)) == 3


def test_third_parties_add_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = types.ModuleType("some_plugin")
    world = formats.load(DATA / "minimal.splat")
    vars(plugin).update(
        FRAME="rfu", recognises=lambda head: False, read=lambda *a, **k: world, write=lambda *a, **k: None
    )
    monkeypatch.setitem(sys.modules, "some_plugin", plugin)
    points = [
        metadata.EntryPoint("foo", "some_plugin", "splatworld.formats"),
        metadata.EntryPoint("bad", "a_module_that_is_not_there", "splatworld.formats"),
        metadata.EntryPoint("ply", "some_plugin", "splatworld.formats"),
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    for cached in (formats._table, formats._module):
        monkeypatch.setattr(formats, cached.__name__, cached.__wrapped__)
    assert formats.names() == (*formats.BUILT_IN, "foo", "bad")
    reasons = formats.unavailable()
    assert reasons["foo"] is None
    assert "a_module_that_is_not_there" in (reasons["bad"] or "")
    assert formats.BUILT_IN["ply"] == "splatworld.formats.ply" == formats._table()["ply"]
