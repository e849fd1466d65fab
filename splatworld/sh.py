"""Real spherical harmonics as the splat field uses them: bands 0 to 4, band 1 in the order (-y, z, -x).

A splat's colour seen along unit direction d (from the camera to the splat) is `max(sh @ basis(d) + 0.5, 0)`.
Constants and order: 3D Gaussian Splatting (Kerbl et al. 2023) and PlenOctrees; degree 4 as gsplat.
"""

import functools

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

C0 = 0.28209479177387814


def degree_of(coefficients: int) -> int:
    """The degree of `coefficients` = (degree + 1)**2."""
    degree = round(coefficients**0.5) - 1
    if (degree + 1) ** 2 != coefficients or not 0 <= degree <= 4:
        raise ValueError(f"sh has {coefficients} coefficients per channel; expected 1, 4, 9, 16 or 25")
    return degree


def from_rgb(rgb: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Band-0 coefficient that shows as `rgb` (display values, 0 to 1)."""
    return (rgb - 0.5) / C0


def to_rgb(dc: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Display colour of a band-0 coefficient, not clamped."""
    return dc * C0 + 0.5


def basis(degree: int, directions: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b k"]:
    """Basis values for unit `directions`, k = (degree + 1)**2; differentiable."""
    x, y, z = directions.unbind(-1)
    out = [torch.full_like(x, C0)]
    if degree >= 1:
        c = 0.4886025119029199
        out += [-c * y, c * z, -c * x]
    if degree >= 2:
        xx, yy, zz = x * x, y * y, z * z
        out += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * zz - xx - yy),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (xx - yy),
        ]
        if degree >= 3:
            out += [
                -0.5900435899266435 * y * (3 * xx - yy),
                2.890611442640554 * x * y * z,
                -0.4570457994644658 * y * (4 * zz - xx - yy),
                0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy),
                -0.4570457994644658 * x * (4 * zz - xx - yy),
                1.445305721320277 * z * (xx - yy),
                -0.5900435899266435 * x * (xx - 3 * yy),
            ]
        if degree >= 4:
            out += [
                2.5033429417967046 * x * y * (xx - yy),
                -1.7701307697799304 * y * z * (3 * xx - yy),
                0.9461746957575601 * x * y * (7 * zz - 1),
                -0.6690465435572892 * y * z * (7 * zz - 3),
                0.10578554691520431 * (zz * (35 * zz - 30) + 3),
                -0.6690465435572892 * x * z * (7 * zz - 3),
                0.47308734787878004 * (xx - yy) * (7 * zz - 1),
                -1.7701307697799304 * x * z * (xx - 3 * yy),
                0.6258357354491761 * (xx * (xx - 3 * yy) - yy * (3 * xx - yy)),
            ]
    return torch.stack(out, dim=-1)


def rotated(sh: Float[Tensor, "n k 3"], rotation: Float[Tensor, "3 3"]) -> Float[Tensor, "n k 3"]:
    """Coefficients of the same light field after the splats turn by `rotation`.

    Band matrices come from a least-squares fit of the rotated basis at fixed directions, exact to rounding because
    bands are closed under rotation.
    """
    k = sh.shape[1]
    if degree_of(k) == 0:
        return sh
    # One product over all coefficients and channels is several times faster than one per band.
    mixing = _mixing(degree_of(k), tuple(rotation.double().flatten().tolist()))
    return (sh.reshape(-1, 3 * k) @ mixing.to(sh).T).reshape(sh.shape)


@functools.lru_cache(maxsize=64)
def _mixing(degree: int, rotation: tuple[float, ...]) -> Float[Tensor, "k3 k3"]:
    """What multiplies the flattened coefficients; kept, as many blocks of splats turn by the same few rotations."""
    k = (degree + 1) ** 2
    mixing = torch.eye(k, dtype=torch.float64)
    directions = _directions()
    turned = directions @ torch.tensor(rotation, dtype=torch.float64).view(3, 3)  # R^T d: where it was seen from
    before, after = basis(degree, turned), basis(degree, directions)
    for band in range(1, degree + 1):
        rows = slice(band * band, (band + 1) ** 2)
        mixing[rows, rows] = torch.linalg.lstsq(after[:, rows], before[:, rows]).solution
    return torch.kron(mixing, torch.eye(3, dtype=torch.float64))


@functools.cache
def _directions() -> Float[Tensor, "m 3"]:
    rng = np.random.default_rng(0)
    d = rng.normal(size=(64, 3))
    return torch.from_numpy(d / np.linalg.norm(d, axis=1, keepdims=True))
