"""Rotations, similarities and axes.

The world is right-handed, +Z up, in metres. Quaternions are `wxyz`. Transforms are named `a_from_b`, so that spaces
cancel when read: `world_from_layer.apply(points_in_layer)`.
"""

import math
from typing import Self, TypeVar

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]
Points = TypeVar("Points", Tensor, NDArray[np.float32], NDArray[np.float64])


class Similarity(msgspec.Struct, frozen=True):
    """Uniform scale, then rotation, then translation: `x -> R (s x) + t`."""

    scale: float = 1.0
    rotation: Quat = (1.0, 0.0, 0.0, 0.0)
    translation: Vec3 = (0.0, 0.0, 0.0)

    @classmethod
    def at(cls, position: Vec3, *, yaw: float = 0.0, scale: float = 1.0) -> Self:
        """Stand at `position`, turned by `yaw` radians about +Z."""
        return cls(scale, (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)), position)

    @property
    def linear(self) -> NDArray[np.float64]:
        """`s R`, 3x3."""
        return self.scale * rotation_matrix(self.rotation)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Homogeneous 4x4."""
        m = np.eye(4)
        m[:3, :3] = self.linear
        m[:3, 3] = self.translation
        return m

    def apply(self, points: Points) -> Points:
        """Transform points [..., 3] and keep their type, dtype and device."""
        if isinstance(points, Tensor):
            linear = torch.as_tensor(self.linear, dtype=points.dtype, device=points.device)
            return points @ linear.T + points.new_tensor(self.translation)
        linear = self.linear.astype(points.dtype)
        return points @ linear.T + np.asarray(self.translation, points.dtype)

    def __matmul__(self, other: "Similarity") -> "Similarity":
        """`a_from_b @ b_from_c` is `a_from_c`."""
        rotation = quat_multiply(self.rotation, other.rotation)
        translation = self.apply(np.asarray(other.translation))
        return Similarity(self.scale * other.scale, rotation, _vec3(translation))

    def inverse(self) -> "Similarity":
        """`b_from_a` of an `a_from_b`."""
        w, x, y, z = _unit(self.rotation)
        turned = Similarity(1.0 / self.scale, (w, -x, -y, -z))
        return Similarity(turned.scale, turned.rotation, _vec3(-turned.apply(np.asarray(self.translation))))

    @property
    def is_sound(self) -> bool:
        """True if it can be applied and undone: finite, scale above zero, a rotation that is not all zeros."""
        length = math.hypot(*self.rotation)
        return all(map(math.isfinite, (length, self.scale, *self.translation))) and self.scale > 0 and length > 1e-9

    @property
    def is_identity(self) -> bool:
        """True for the exact identity, which callers may skip."""
        return self == Similarity()


def rotation_matrix(quat: Quat) -> NDArray[np.float64]:
    """3x3 rotation of one `wxyz` quaternion of any non-zero length."""
    w, x, y, z = _unit(quat)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_matrices(quats: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Rotations of many `wxyz` quaternions of any non-zero length; differentiable."""
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def quats_from_matrices(rotations: NDArray[np.floating]) -> NDArray[np.float64]:
    """`wxyz` unit quaternions [n, 4] of rotation matrices [n, 3, 3] (Shepperd's method, w >= 0)."""
    m = np.asarray(rotations, np.float64)
    xx, yy, zz = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    # Four times the square of each component; the largest is the safe divisor.
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], 1)
    zy, xz, yx = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    sxy, sxz, syz = m[:, 0, 1] + m[:, 1, 0], m[:, 0, 2] + m[:, 2, 0], m[:, 1, 2] + m[:, 2, 1]
    candidates = np.stack(
        [
            np.stack([squares[:, 0], zy, xz, yx], 1),
            np.stack([zy, squares[:, 1], sxy, sxz], 1),
            np.stack([xz, sxy, squares[:, 2], syz], 1),
            np.stack([yx, sxz, syz, squares[:, 3]], 1),
        ],
        1,
    )
    quats = candidates[np.arange(len(m)), squares.argmax(1)]
    quats = quats / np.linalg.norm(quats, axis=1, keepdims=True)
    return np.where(quats[:, :1] < 0, -quats, quats)


def quat_multiply(a: Quat, b: Quat) -> Quat:
    """Rotate by `b`, then by `a`."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def quats_rotated(rotation: Quat, quats: Float[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
    """Each of `quats` followed by `rotation`."""
    w, x, y, z = rotation
    left = quats.new_tensor([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return quats @ left.T


def _unit(quat: Quat) -> Quat:
    length = math.sqrt(sum(c * c for c in quat))
    w, x, y, z = (c / length for c in quat)
    return w, x, y, z


def _vec3(values: NDArray[np.floating]) -> Vec3:
    x, y, z = (float(v) for v in values)
    return x, y, z
