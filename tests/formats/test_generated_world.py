"""A generated world, sky and water included, has the same count and bounds in programs that we did not write."""

from pathlib import Path

import numpy as np
import peers
import pytest
from numpy.typing import NDArray
from peers.programs import PROGRAMS

from splatworld import formats, generate
from splatworld.formats.frames import to_file
from splatworld.world import World


@pytest.fixture(scope="module")
def lake() -> World:
    return generate("a red cabin by a lake, two boats", seed=1, splats=6_000)


def _same(found: NDArray[np.floating], world: World, frame: str) -> None:
    stored = to_file(world.splats(), frame).means.numpy()  # type: ignore[arg-type]
    assert len(found) == len(stored)
    np.testing.assert_allclose(found.min(0), stored.min(0), atol=1e-3)
    np.testing.assert_allclose(found.max(0), stored.max(0), atol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_in_plyfile_and_gsply(lake: World, tmp_path: Path) -> None:
    plyfile, gsply = pytest.importorskip("plyfile"), pytest.importorskip("gsply")
    ply, spz = tmp_path / "lake.ply", tmp_path / "lake.spz"
    formats.save(lake, ply)
    formats.save(lake, spz)
    rows = plyfile.PlyData.read(str(ply))["vertex"].data
    _same(np.stack([rows[k] for k in "xyz"], 1), lake, "rdf")
    _same(gsply.plyread(str(ply)).means, lake, "rdf")
    _same(gsply.read_spz(str(spz)).means, lake, "rub")


@pytest.mark.parametrize(("suffix", "frame"), [("ply", "rdf"), ("splat", "rdf"), ("spz", "rub")])
def test_in_three(lake: World, tmp_path: Path, suffix: str, frame: str) -> None:
    peers.need("three")
    file = tmp_path / f"lake.{suffix}"
    formats.save(lake, file)
    _same(PROGRAMS["three"].read(file).means, lake, frame)
