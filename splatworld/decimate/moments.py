"""Splats as bodies that can be joined: mass, mean and covariance, which add up whatever the order of joining.

The mass of a splat is its opacity times the area that it shows, added up over three directions of view at right angles.
A body made of others has their mass, their common mean and covariance (moment matching), and as opacity its mass over
the area that it shows, so what it covers stays the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from splatworld.splats import Splats
from splatworld.threads import in_order

CONTRAST = 0.01
"""What a difference in what is covered counts besides colours, where 1 is one between black and white."""
_CHUNK = 1 << 15
_MEAN, _COV, _COLOUR, _MASS, _DENSITY = slice(0, 3), slice(3, 9), slice(9, 12), 12, 13
_WIDTH = 16
"""Numbers a row, so that each row is one line of the cache."""
_AXES = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""The entries of a covariance that are kept."""
_VIEWS = (((0, 1, 3), (0, 1)), ((0, 2, 5), (0, 2)), ((3, 4, 5), (1, 2)))
"""For each direction of view: where its 2x2 covariance is among the kept entries, and the axes of its picture."""

Columns = Float[Tensor, "16 m"]


@dataclass(frozen=True)
class Moments:
    """N bodies, one row each; see `_MEAN` and its like for the columns."""

    rows: Float[Tensor, "n 16"]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def means(self) -> Float[Tensor, "n 3"]:
        """Where they are."""
        return self.rows[:, _MEAN]

    @property
    def masses(self) -> Float[Tensor, " n"]:
        """Opacity times area."""
        return self.rows[:, _MASS]

    @property
    def covariances(self) -> Float[Tensor, "n 3 3"]:
        """Square metres."""
        full = self.rows.new_empty(len(self), 3, 3)
        for column, (i, j) in enumerate(_AXES):
            full[:, i, j] = full[:, j, i] = self.rows[:, _COV.start + column]
        return full

    @property
    def densities(self) -> Float[Tensor, " n"]:
        """Mass over area: the opacity, above 1 where more is to be covered than the body's own shape can hide."""
        return self.rows[:, _DENSITY]

    @property
    def colours(self) -> Float[Tensor, "n 3"]:
        """Display values."""
        return self.rows[:, _COLOUR]

    def costs(
        self, a: Int64[Tensor, " m"], b: Int64[Tensor, " m"], behind: Float[Tensor, "m 3"]
    ) -> Float[Tensor, " m"]:
        """What joining row a with row b changes before something of the colour `behind`: see `_change`."""
        one, two = self.rows[a].T.contiguous(), self.rows[b].T.contiguous()
        one[_COLOUR] -= behind.T
        two[_COLOUR] -= behind.T
        return _change(one, two)

    def behind(
        self, near: Int64[Tensor, "n k"], alike: Bool[Tensor, "n k"], tick: Callable[[], None]
    ) -> Float[Tensor, "n 3"]:
        """The colour each body is seen before: that of the bodies `near`, as far as these let nothing through.

        `alike` tells which of them count. Where a surface is closed, all that a body adds is how it differs from
        those around it. Where it is thin, what is behind shines through, and is taken for black.
        """
        dense = self.rows[:, _DENSITY].clone()

        def shaded(start: int) -> None:
            rows = slice(start, start + _CHUNK)
            ours = self.rows[rows].T.contiguous()
            roots = _roots(ours[_COV])
            alone = _own(roots).clamp_min_(1e-30)
            for k in range(near.shape[1]):
                theirs = self.rows[near[rows, k]].T.contiguous()
                shade = theirs[_DENSITY] * _overlap(ours, roots, theirs, _roots(theirs[_COV])) / alone
                dense[rows] += torch.where(alike[rows, k], shade, 0)

        for _ in in_order(shaded, range(0, len(self), _CHUNK)):
            tick()
        return self.colours[near].mean(1) * (1 - torch.exp(-dense))[:, None]

    def joined(self, a: Int64[Tensor, " m"], b: Int64[Tensor, " m"]) -> None:
        """Rows a become a and b together, in place."""
        self.rows[a] = _joined(self.rows[a].T.contiguous(), self.rows[b].T.contiguous()).T

    def kept(self, keep: Tensor) -> "Moments":
        """Rows of a mask or an index."""
        return replace(self, rows=self.rows[keep])


def moments_of(splats: Splats) -> Moments:
    """Each splat as a body of its own."""
    rows = torch.zeros(len(splats), _WIDTH)
    for start in range(0, len(splats), _CHUNK):
        part, out = splats[start : start + _CHUNK], rows[start : start + _CHUNK]
        covariances = part.covariances
        out[:, _MEAN] = part.means
        out[:, _COV] = torch.stack([covariances[:, i, j] for i, j in _AXES], 1)
        out[:, _COLOUR] = part.colours
        out[:, _DENSITY] = part.opacities
        out[:, _MASS] = (part.opacities * _areas(out[:, _COV].T)).clamp_min(1e-20)
    return Moments(rows)


def _roots(covariance: Float[Tensor, "6 m"]) -> list[Tensor]:
    """Root of the determinant in each view [m]."""
    c = covariance
    return [(c[xx] * c[yy] - c[xy] * c[xy]).clamp_min_(0).sqrt_() for (xx, xy, yy), _ in _VIEWS]


def _areas(covariance: Float[Tensor, "6 m"]) -> Float[Tensor, " m"]:
    """The roots of the three views, summed."""
    first, second, third = _roots(covariance)
    return (first + second + third).clamp_min_(1e-20)


def _joined(a: Columns, b: Columns) -> Columns:
    """The bodies a and b together."""
    whole = torch.empty_like(a)
    mass = a[_MASS] + b[_MASS]
    share = b[_MASS] / mass
    apart = b[_MEAN] - a[_MEAN]
    whole[:_MASS] = torch.lerp(a[:_MASS], b[:_MASS], share)
    spread = share * (1 - share)
    for column, (i, j) in enumerate(_AXES):
        whole[_COV.start + column] += spread * apart[i] * apart[j]
    whole[_MASS] = mass
    whole[_DENSITY] = mass / _areas(whole[_COV])
    return whole


def _change(a: Columns, b: Columns) -> Float[Tensor, " m"]:
    """Squared difference of the pictures of a and b to that of both joined, over all of three pictures.

    Pictures add up (as if nothing hid anything), in four channels: red, green, blue, and what is covered. The integral
    of a product of two Gaussians is known (Petersen & Pedersen, The Matrix Cookbook, 8.1.8), so this is exact.
    """
    whole = _joined(a, b)
    bodies = [(body, _roots(body[_COV]), body[_DENSITY].clamp_max(1)) for body in (a, b, whole)]
    change = torch.zeros_like(a[0])
    for body, roots, opacity in bodies:
        change += opacity * opacity * _alike(body, body) * _own(roots)
    for first, second, weight in ((0, 1, 2), (0, 2, -2), (1, 2, -2)):
        (one, ours, here), (two, theirs, there) = bodies[first], bodies[second]
        change += weight * here * there * _alike(one, two) * _overlap(one, ours, two, theirs)
    return change.clamp_min_(0)


def _alike(a: Columns, b: Columns) -> Float[Tensor, " m"]:
    return (a[_COLOUR] * b[_COLOUR]).sum(0) + CONTRAST


def _own(roots: list[Tensor]) -> Float[Tensor, " m"]:
    """`_overlap` of a Gaussian with itself."""
    return (roots[0] + roots[1] + roots[2]) / 2


def _overlap(a: Columns, ours: list[Tensor], b: Columns, theirs: list[Tensor]) -> Float[Tensor, " m"]:
    """Integral of the product of two Gaussians of peak 1 in each view, summed; over 2 pi. With the `_roots` of both."""
    total = torch.zeros_like(a[0])
    wide, apart = a[_COV] + b[_COV], b[_MEAN] - a[_MEAN]
    for ((xx, xy, yy), (x, y)), our, their in zip(_VIEWS, ours, theirs, strict=True):
        u, v = apart[x], apart[y]
        det = (wide[xx] * wide[yy] - wide[xy] * wide[xy]).clamp_min_(1e-30)
        distance = (u * u * wide[yy] - 2 * u * v * wide[xy] + v * v * wide[xx]) / det
        total += our * their * det.rsqrt_() * distance.mul_(-0.5).exp_()
    return total
