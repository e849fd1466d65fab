"""Which splats become one: rounds of joining pairs of neighbours that are each other's best."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from splatworld.decimate.moments import Moments
from splatworld.threads import in_order

NEIGHBOURS = 6
PART = 0.8
"""Of the pairs found in a round, those with the least cost that are joined in it."""
STALE = 0.4
"""Neighbours are looked up anew when so many of the bodies are left."""
_CHUNK = 1 << 15

Tick = Callable[[int], None]
"""Called often with the number of bodies left; stops the work by raising."""


class Gathering:
    """Bodies on their way to fewer ones, and which of them each splat is in.

    Neighbours stand in a table, with what joining each would cost. Rows of bodies that were joined are computed anew;
    the others keep theirs until many bodies are gone.
    """

    def __init__(
        self, moments: Moments, groups: Int64[Tensor, " n"], weights: Float[Tensor, " n"], least: int, tick: Tick
    ) -> None:
        self.moments, self.groups, self.weights, self.tick = moments, groups, weights, tick
        self.least = least
        self.cluster = torch.arange(len(moments))
        """The body that each splat is in."""
        self._look_up()

    def __len__(self) -> int:
        return len(self.moments)

    def reduce(self, count: int) -> None:
        """Join until `count` bodies are left, or none may be joined."""
        while len(self) > count:
            a, b, costs = self._pairs()
            if not len(a):
                if self._fresh == len(self):
                    return
                self._look_up()
                continue
            some = min(len(self) - count, max(1, int(len(a) * PART)))
            cheapest = costs.argsort(stable=True)[:some]
            self._join(a[cheapest], b[cheapest])
            if len(self) > count and len(self) < STALE * self._fresh:
                self._look_up()
            self.tick(len(self))

    def _look_up(self) -> None:
        self._fresh = len(self)
        self._near = _neighbours(self.moments.means, self.groups, NEIGHBOURS, lambda: self.tick(len(self)))
        own = torch.arange(len(self))[:, None]
        alike = (self._near != own) & (self.groups[self._near] == self.groups[:, None])
        self._behind = self.moments.behind(self._near, alike, lambda: self.tick(len(self)))
        self._costs = torch.full(self._near.shape, torch.inf)
        self._price(torch.ones(len(self), dtype=torch.bool))

    def _price(self, changed: Bool[Tensor, " n"]) -> None:
        """Costs of all pairs with a body that changed."""
        rows, columns = (changed[:, None] | changed[self._near]).nonzero(as_tuple=True)

        def price(start: int) -> None:
            row, column = rows[start : start + _CHUNK], columns[start : start + _CHUNK]
            near = self._near[row, column]
            costs = self.moments.costs(row, near, self._behind[row]) * self.weights[row]
            barred = (row == near) | (self.groups[row] != self.groups[near])
            self._costs[row, column] = torch.where(barred, torch.inf, costs)

        for done, _ in enumerate(in_order(price, range(0, len(rows), _CHUNK))):
            if done % 8 == 7:
                self.tick(len(self))

    def _pairs(self) -> tuple[Int64[Tensor, " m"], Int64[Tensor, " m"], Float[Tensor, " m"]]:
        """Pairs of bodies of which neither has a better one, each body at most once; and their costs."""
        costs, column = self._costs.min(1)
        a = costs.isfinite().nonzero()[:, 0]
        b, costs = self._near[a, column[a]], costs[a]
        best = torch.full((len(self),), torch.inf)
        best.scatter_reduce_(0, a, costs, "amin").scatter_reduce_(0, b, costs, "amin")
        mutual = (costs <= best[a]) & (costs <= best[b])
        a, b, costs = a[mutual], b[mutual], costs[mutual]
        rank = torch.arange(len(a))
        first = torch.full((len(self),), len(a))
        first.scatter_reduce_(0, a, rank, "amin").scatter_reduce_(0, b, rank, "amin")
        alone = (first[a] == rank) & (first[b] == rank)
        return self._spared(a[alone], b[alone], costs[alone])

    def _spared(self, a: Tensor, b: Tensor, costs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Without pairs that would leave fewer than `least` bodies of a group."""
        sizes = torch.bincount(self.groups)
        group = self.groups[a]
        order = torch.argsort(costs, stable=True)
        order = order[torch.argsort(group[order], stable=True)]
        starts = torch.searchsorted(group[order].contiguous(), group[order].contiguous())
        place = torch.arange(len(order)) - starts
        order = order[place < sizes[group[order]] - self.least]
        return a[order], b[order], costs[order]

    def _join(self, a: Int64[Tensor, " m"], b: Int64[Tensor, " m"]) -> None:
        self.moments.joined(a, b)
        keep = torch.ones(len(self), dtype=torch.bool)
        keep[b] = False
        changed = torch.zeros(len(self), dtype=torch.bool)
        changed[a] = True
        now = keep.cumsum(0) - 1
        now[b] = now[a]
        self.cluster = now[self.cluster]
        self._near, self._costs = now[self._near[keep]], self._costs[keep]
        self.moments, self.groups, self.weights = self.moments.kept(keep), self.groups[keep], self.weights[keep]
        self._behind = self._behind[keep]
        self._price(changed[keep])


def _neighbours(means: Tensor, groups: Tensor, count: int, tick: Callable[[], None]) -> Int64[Tensor, "n k"]:
    """The nearest of the same group, or itself where there are too few."""
    from scipy.spatial import KDTree

    points = (means - means.mean(0)).double().numpy()
    reach = float(np.ptp(points, axis=0).max()) + 1e-6
    # Many at one place would fall into one leaf of the tree, which is searched from end to end.
    points += np.random.default_rng(0).random(points.shape) * (1e-9 * reach)
    if int(groups.max()):
        points = np.concatenate([points, groups.double().numpy()[:, None] * (3 * reach)], 1)
    tree = KDTree(points, balanced_tree=False, compact_nodes=False)
    found = np.empty((len(points), count), np.int64)
    for start in range(0, len(points), 2 * _CHUNK):
        rows = slice(start, start + 2 * _CHUNK)
        found[rows] = np.asarray(tree.query(points[rows], count + 1, workers=torch.get_num_threads())[1])[:, 1:]
        tick()
    own = np.arange(len(points))[:, None]
    return torch.from_numpy(np.where(found < len(points), found, own))
