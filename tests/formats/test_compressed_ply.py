"""The order of the splats in a compressed `.ply`, which its precision depends on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from format_cases import random_splats

from splatworld import formats
from splatworld.compare.rows import paired
from splatworld.formats import compressed_ply
from splatworld.morton import morton_order


def _sides(means: np.ndarray) -> float:
    """Mean of the longest sides of the bounds of chunks."""
    chunks = [means[start : start + 256] for start in range(0, len(means), 256)]
    return float(np.mean([np.ptp(chunk, 0).max() for chunk in chunks]))


def test_chunks_are_narrower_than_along_the_curve(tmp_path: Path) -> None:
    splats = random_splats(20_000)
    formats.save(splats, tmp_path / "x.compressed.ply")
    found = formats.load(tmp_path / "x.compressed.ply").splats()
    curve = splats.means[morton_order(splats.means)].numpy()
    assert _sides(found.means.numpy()) < 0.8 * _sides(curve)
    pairs = paired(splats, found)
    assert pairs.matched > 0.999


@pytest.mark.parametrize("n", [1, 255, 256, 257, 511, 1_000, 8_192])
def test_every_row_is_there_once(n: int) -> None:
    means = torch.randn(n, 3, generator=torch.Generator().manual_seed(n)).numpy()
    assert np.array_equal(np.sort(compressed_ply._halved(means)), np.arange(n))


def test_splats_in_one_place_are_written(tmp_path: Path) -> None:
    means = np.zeros((700, 3), np.float32)
    assert np.array_equal(compressed_ply._halved(means), np.arange(700))
