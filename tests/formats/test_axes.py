"""Coloured splats on our +x, +y and +z arrive at the documented axes, as programs see it that we did not write."""

from pathlib import Path

import numpy as np
import peers
import pytest
import torch
from format_cases import axis_splats, random_splats
from numpy.typing import NDArray
from peers.programs import PROGRAMS

from splatworld import formats, sh
from splatworld.formats.frames import FILE_FROM_WORLD, Frame, to_file, to_world
from splatworld.splats import Splats
from splatworld.world import Layer, World

RDF = np.array([[1, 0, 0], [0, 0, 2], [0, -3, 0]], float)
"""Where red, green and blue stand in a file whose axes are right, down, forward."""
RUB = np.array([[1, 0, 0], [0, 0, -2], [0, 3, 0]], float)


@pytest.mark.parametrize(("frame", "expected"), [("rdf", RDF), ("rub", RUB), ("rfu", np.diag([1.0, 2.0, 3.0]))])
def test_the_table_of_frames(frame: Frame, expected: NDArray[np.float64]) -> None:
    stored = to_file(axis_splats(), frame)
    np.testing.assert_allclose(stored.means, expected, atol=1e-6)
    np.testing.assert_allclose(to_world(stored, frame).means, axis_splats().means, atol=1e-6)
    assert np.linalg.det(FILE_FROM_WORLD[frame].linear) == pytest.approx(1)


@pytest.mark.parametrize("frame", ["rdf", "rub"])
def test_colours_by_direction_turn_with_the_frame(frame: Frame) -> None:
    splats = random_splats(20, degree=3)
    direction = torch.nn.functional.normalize(torch.tensor([[0.3, -0.8, 0.5]]), dim=1)
    turned = FILE_FROM_WORLD[frame].apply(direction)
    here = torch.einsum("nkc,mk->nc", splats.sh, sh.basis(3, direction))
    there = torch.einsum("nkc,mk->nc", to_file(splats, frame).sh, sh.basis(3, turned))
    torch.testing.assert_close(there, here, atol=1e-5, rtol=0)


def saved(folder: Path, suffix: str, splats: Splats | None = None) -> Path:
    """The axis splats with all that we add to a file, so that readers meet it."""
    splats = splats or axis_splats().with_extras(
        thing=torch.tensor([1, 2, 3], dtype=torch.int32), label=torch.zeros(3, dtype=torch.int16)
    )
    formats.save(World((Layer("base", "base", splats),), labels=("pine",)), folder / f"x.{suffix}")
    return folder / f"x.{suffix}"


def test_ply_as_plyfile_reads_it(tmp_path: Path) -> None:
    plyfile = pytest.importorskip("plyfile")
    rows = plyfile.PlyData.read(str(saved(tmp_path, "ply")))["vertex"].data
    np.testing.assert_allclose(np.stack([rows[k] for k in "xyz"], 1), RDF, atol=1e-3)
    colours = np.stack([rows[f"f_dc_{i}"] for i in range(3)], 1) * sh.C0 + 0.5
    np.testing.assert_allclose(colours, np.eye(3), atol=1 / 255)
    assert rows["thing"].tolist() == [1, 2, 3]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("suffix", "expected"), [("ply", RDF), ("spz", RUB)])
def test_ply_and_spz_as_gsply_reads_them(tmp_path: Path, suffix: str, expected: NDArray[np.float64]) -> None:
    gsply = pytest.importorskip("gsply")
    path = str(saved(tmp_path, suffix))
    found = gsply.plyread(path) if suffix == "ply" else gsply.read_spz(path)
    np.testing.assert_allclose(found.means, expected, atol=1e-3)
    np.testing.assert_allclose(found.sh0 * sh.C0 + 0.5, np.eye(3), atol=1 / 255)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["ply", "spz"])
def test_a_whole_world_as_gsply_reads_it(tmp_path: Path, suffix: str) -> None:
    gsply = pytest.importorskip("gsply")
    splats = random_splats(500, degree=3)
    path = str(saved(tmp_path, suffix, splats))
    found = gsply.plyread(path) if suffix == "ply" else gsply.read_spz(path)
    stored = to_file(splats, "rdf" if suffix == "ply" else "rub")
    np.testing.assert_allclose(found.means, stored.means, atol=1e-3)
    np.testing.assert_allclose(found.scales, stored.log_scales, atol=1 / 16)
    bands = stored.sh[:, 1:] if suffix == "ply" else stored.sh[:, 1:].clip(-1, 1)
    np.testing.assert_allclose(found.shN, bands, atol=1e-5 if suffix == "ply" else 9 / 128)


@pytest.mark.parametrize(("suffix", "expected"), [("ply", RDF), ("splat", RDF), ("spz", RUB)])
def test_all_as_three_reads_them(tmp_path: Path, suffix: str, expected: NDArray[np.float64]) -> None:
    peers.need("three")
    found = PROGRAMS["three"].read(saved(tmp_path, suffix))
    order = found.rgb.argmax(1).argsort()  # .splat is sorted by size and opacity
    np.testing.assert_allclose(found.means[order], expected, atol=1e-3)
    np.testing.assert_allclose(found.rgb[order], np.eye(3), atol=1.01 / 255)
    # Our y (0.2 m) lies along the file's z, our z (0.4 m) along its y.
    np.testing.assert_allclose(found.covariances, [np.diag([0.01, 0.16, 0.04])] * 3, rtol=0.07, atol=2e-3)
