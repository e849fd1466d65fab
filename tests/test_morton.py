"""The order along a Morton curve."""

import pytest
import torch

from splatworld import morton
from splatworld.morton import morton_order


def test_neighbours_in_order_are_near() -> None:
    points = torch.rand(4096, 3, generator=torch.Generator().manual_seed(0))
    order = morton_order(points)
    assert sorted(order.tolist()) == list(range(4096))
    jump = points[order].diff(dim=0).norm(dim=1).mean()
    assert jump < 0.15 * points.diff(dim=0).norm(dim=1).mean() / 0.66


def test_x_is_the_lowest_bit_and_z_the_highest() -> None:
    corners = torch.tensor([[x, y, z] for z in (0.0, 1.0) for y in (0.0, 1.0) for x in (0.0, 1.0)])
    assert morton_order(corners.flip(0)).tolist() == list(range(7, -1, -1))


def test_a_grid_is_walked_cube_by_cube() -> None:
    grid = torch.cartesian_prod(*[torch.arange(8.0)] * 3)
    along = grid[morton_order(grid)]
    assert along.diff(dim=0).abs().sum(1).mean() < 2
    assert (along[:8] < 2).all()
    assert len(along.unique(dim=0)) == 512


@pytest.mark.parametrize("points", [torch.zeros(0, 3), torch.zeros(5, 3), torch.full((2, 3), 1e6)])
def test_equal_points_keep_their_order(points: torch.Tensor) -> None:
    assert morton_order(points).tolist() == list(range(len(points)))


@pytest.mark.parametrize("same", [0, 900, 1_000])
@pytest.mark.parametrize("at_once", [1, 60, 999])
def test_many_points_are_sorted_in_parts_and_the_order_is_the_same(
    monkeypatch: pytest.MonkeyPatch, same: int, at_once: int
) -> None:
    points = torch.randn(1_000, 3, generator=torch.Generator().manual_seed(0))
    points[:same] = 0.5
    expected = morton_order(points)
    monkeypatch.setattr(morton, "_SORTED_AT_ONCE", at_once)
    monkeypatch.setattr(morton, "_ROWS", 37)
    assert torch.equal(morton_order(points), expected)
