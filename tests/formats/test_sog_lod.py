"""Streamed SOG: the finest level of a folder of SOGs is read, and what names other things is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from format_cases import random_splats

from splatworld import formats
from splatworld.errors import FormatError

Meta = dict[str, Any]


def run(file: int, offset: int, count: int) -> Meta:
    return {"file": file, "offset": offset, "count": count}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two levels in two chunks and surroundings, as splat-transform lays them out."""
    root = tmp_path / "scene"
    for seed, (name, n) in enumerate({"0_0": 30, "0_1": 20, "1_0": 10, "env": 5}.items()):
        formats.save(random_splats(n, degree=1, seed=seed), tmp_path / "x.sog", force=True)
        shutil.unpack_archive(tmp_path / "x.sog", root / name, "zip")
    leaves = [
        {"lods": {"0": run(0, 0, 12), "1": run(2, 0, 4)}},
        {"lods": {"0": run(0, 12, 18), "1": run(2, 4, 3)}},
        {"children": [{"lods": {"1": run(2, 7, 3), "0": run(1, 0, 20)}}]},
    ]
    meta = {
        "version": 1, "count": 60, "counts": [50, 10], "lodLevels": 2, "environment": "env/meta.json",
        "filenames": ["0_0/meta.json", "0_1/meta.json", "1_0/meta.json"],
        "tree": {"bound": {"min": [0, 0, 0], "max": [1, 1, 1]}, "children": leaves},
    }  # fmt: skip
    (root / "lod-meta.json").write_text(json.dumps(meta))
    return root


def edited(folder: Path, edit: Callable[[Meta], None]) -> Path:
    path = folder / "lod-meta.json"
    meta = json.loads(path.read_text())
    edit(meta)
    path.write_text(json.dumps(meta))
    return path


@pytest.mark.parametrize("name", ["", "lod-meta.json"])
def test_the_finest_level_and_the_surroundings_are_read(folder: Path, name: str) -> None:
    world = formats.load(folder / name)
    assert [(layer.id, layer.name, len(layer.splats)) for layer in world.layers] == [
        ("base", "scene", 50),
        ("environment", "environment", 5),
    ]
    parts = [formats.load(folder / chunk / "meta.json").splats() for chunk in ("0_0", "0_1", "env")]
    torch.testing.assert_close(world.splats().means, torch.cat([part.means for part in parts]))
    torch.testing.assert_close(world.splats().sh, torch.cat([part.sh for part in parts]))


def test_a_leaf_that_ends_at_a_coarse_level_shows_that(folder: Path) -> None:
    path = edited(folder, lambda meta: meta["tree"]["children"][2]["children"][0]["lods"].pop("0"))
    assert len(formats.load(path).layers[0].splats) == 30 + 3


def test_files_of_before_version_1_are_read(folder: Path) -> None:
    path = edited(folder, lambda meta: [meta.pop(key) for key in ("version", "count", "counts", "environment")])
    assert len(formats.load(path)) == 50


def deep(meta: Meta) -> None:
    node = meta["tree"]
    for _ in range(80):
        node["children"] = [{}]
        node = node["children"][0]


def first_run(**values: int) -> Callable[[Meta], None]:
    return lambda meta: meta["tree"]["children"][0]["lods"]["0"].update(values)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda meta: meta.update(version=2), "version 2"),
        (lambda meta: meta.update(filenames=["../x.sog"] * 3), "below its folder"),
        (lambda meta: meta.update(filenames=["/etc/hostname"] * 3), "below its folder"),
        (lambda meta: meta.update(filenames=["https://x.org/meta.json"] * 3), "below its folder"),
        (lambda meta: meta.update(filenames=["link/hostname"] * 3), "another folder"),
        (lambda meta: meta.update(filenames=["no/meta.json"] * 3), "no such file"),
        (lambda meta: meta.update(environment="env"), "is a folder"),
        (lambda meta: meta.update(environment=""), "below its folder"),
        (lambda meta: meta.update(tree=[]), "not that of a streamed SOG"),
        (first_run(file=9), "do not exist"),
        (first_run(offset=-1), "do not exist"),
        (first_run(count=31), "fewer than"),
        (first_run(offset=25), "fewer than"),
        (first_run(count=10**12), "claims 1,000,000,"),
        (lambda meta: meta["tree"]["children"][0]["lods"].update(x=run(0, 0, 1)), "no number"),
        (lambda meta: meta["tree"]["children"][0]["lods"].update({"9" * 5_000: run(0, 0, 1)}), "no number"),
        (lambda meta: meta.update(filenames=["0_0/meta.json", "./0_0//meta.json", "1_0/meta.json"]), "fewer"),
        (deep, "more than 64 levels"),
    ],
)
def test_hostile_ones_are_refused(folder: Path, edit: Callable[[Meta], None], sentence: str) -> None:
    (folder / "link").symlink_to("/etc")
    with pytest.raises(FormatError, match=sentence):
        formats.load(edited(folder, edit))


def test_brackets_without_end_are_refused(folder: Path) -> None:
    (folder / "lod-meta.json").write_text('{"lodLevels": 1, "filenames": [], "tree": ' + '{"children": [' * 100_000)
    with pytest.raises(FormatError, match="not that of a streamed SOG"):
        formats.load(folder)
