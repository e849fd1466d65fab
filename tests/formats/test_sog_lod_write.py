"""Streamed SOG as written: whole, in levels, by cells, and never over other files."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from format_cases import random_splats

from splatworld import formats
from splatworld.errors import Cancelled, OutputError
from splatworld.formats import sog_lod_write
from splatworld.progress import Event, Stage
from splatworld.world import Layer, Thing, World

Meta = dict[str, Any]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves, levels and files of few splats."""
    monkeypatch.setattr(sog_lod_write, "LEAF_SPLATS", 100)
    monkeypatch.setattr(sog_lod_write, "COARSEST_SPLATS", 200)
    monkeypatch.setattr(sog_lod_write, "CHUNK_SPLATS", 300)


def world_with_sky() -> World:
    splats = random_splats(800, degree=1)
    thing = torch.full((800,), 2, dtype=torch.int32)
    thing[:50] = 1
    things = (Thing(id=1, name="sky", kind="sky"), Thing(id=2, name="rest", kind="ground"))
    return World((Layer("base", "base", splats.with_extras(thing=thing)),), things)


def written(folder: Path, world: World) -> Meta:
    formats.save(world, folder / "lod-meta.json")
    return json.loads((folder / "lod-meta.json").read_text())


def leaves(node: Meta) -> list[Meta]:
    return [leaf for child in node["children"] for leaf in leaves(child)] if "children" in node else [node]


def test_the_finest_level_comes_back_and_the_sky_stands_apart(tmp_path: Path) -> None:
    world = world_with_sky()
    meta = written(tmp_path / "scene", world)
    assert meta["counts"] == [750, 375, 188]
    assert meta["count"] == sum(meta["counts"])
    assert meta["lodLevels"] == 3
    back = formats.load(tmp_path / "scene")
    assert [len(layer.splats) for layer in back.layers] == [750, 50]
    assert meta["environment"] == "env/meta.json"
    for mine, theirs in ((world.splats()[50:], back.layers[0]), (world.splats()[:50], back.layers[1])):
        means = theirs.splats.transformed(theirs.world_from_layer).means
        distance, nearest = torch.cdist(mine.means, means, compute_mode="donot_use_mm_for_euclid_dist").min(1)
        assert distance.max() < 0.02
        assert len(nearest.unique()) == len(mine)


def test_leaves_are_small_and_name_each_row_once(tmp_path: Path) -> None:
    meta = written(tmp_path / "scene", world_with_sky())
    for level, count in enumerate(meta["counts"]):
        runs = [leaf["lods"][str(level)] for leaf in leaves(meta["tree"]) if str(level) in leaf["lods"]]
        names = {meta["filenames"][run["file"]] for run in runs}
        assert all(name.startswith(f"{level}_") for name in names)
        rows = {(run["file"], run["offset"] + i) for run in runs for i in range(run["count"])}
        assert len(rows) == count == sum(run["count"] for run in runs)
        assert all(run["count"] <= 100 for run in runs) or level
    assert sum(name.startswith("0_") for name in meta["filenames"]) >= 3


def test_bounds_hold_what_is_below_them(tmp_path: Path) -> None:
    meta = written(tmp_path / "scene", world_with_sky())
    for leaf in leaves(meta["tree"]):
        low, high = torch.tensor(leaf["bound"]["min"]), torch.tensor(leaf["bound"]["max"])
        assert (low >= torch.tensor(meta["tree"]["bound"]["min"])).all()
        for run in leaf["lods"].values():
            chunk = formats.load(tmp_path / "scene" / meta["filenames"][run["file"]]).layers[0].splats
            means = chunk.means[run["offset"] : run["offset"] + run["count"]]
            assert (means >= low - 0.02).all()
            assert (means <= high + 0.02).all()


def test_splats_at_one_place_and_none_at_all(tmp_path: Path) -> None:
    splats = random_splats(250)
    splats.means[:] = 1.0
    formats.save(splats, tmp_path / "one" / "lod-meta.json")
    assert len(formats.load(tmp_path / "one")) == 250
    formats.save(splats[:0], tmp_path / "none" / "lod-meta.json")
    assert len(formats.load(tmp_path / "none")) == 0


def test_an_older_one_is_replaced_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "scene" / "lod-meta.json"
    formats.save(random_splats(400), path)
    with pytest.raises(OutputError, match="exists already"):
        formats.save(random_splats(10), path)
    formats.save(random_splats(10), path, force=True)
    assert len(formats.load(path)) == 10
    assert [entry.name for entry in tmp_path.iterdir()] == ["scene"]
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["0_0", "lod-meta.json"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "letter.txt").write_text("dear")
    for force in (False, True):
        with pytest.raises(OutputError, match=r"holds other files \(letter\.txt\)"):
            formats.save(random_splats(10), tmp_path / "scene" / "lod-meta.json", force=force)
        with pytest.raises(OutputError, match="holds other files"):
            formats.check_target(tmp_path / "scene" / "lod-meta.json", force=force)
    assert [entry.name for entry in (tmp_path / "scene").iterdir()] == ["letter.txt"]
    with pytest.raises(OutputError, match="there is no folder"):
        formats.save(random_splats(10), tmp_path / "no" / "scene" / "lod-meta.json")


def test_stopped_half_way_nothing_is_left(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Stage) and event.name == "level 1":
            raise Cancelled

    path = tmp_path / "scene" / "lod-meta.json"
    formats.save(random_splats(10), path)
    before = path.read_bytes()
    with pytest.raises(Cancelled):
        formats.save(random_splats(800), path, force=True, progress=stop)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["scene"]
