"""`Camera`: a batch of cameras, and ways to place them.

OpenCV convention: x right, y down, z forward; pixel centres at +0.5; `camera_from_world` maps world to camera.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from splatworld.geometry import Vec3

Lens = Literal["pinhole", "orthographic", "fisheye"]
"""How a point at (x, y, z) in front of the camera meets the image, before focal lengths and principal point:

(x, y) / z; (x, y), with `Ks` in pixels per metre; or (x, y) made as long as its angle from the axis, in radians.
"""

LENSES: tuple[Lens, ...] = get_args(Lens)
"""In the order of the kernels' numbers for them."""


@dataclass(frozen=True, eq=False, slots=True)
class Camera:
    """c cameras that share an image size and a kind of lens."""

    camera_from_world: Float[Tensor, "c 4 4"]
    Ks: Float[Tensor, "c 3 3"]
    """Intrinsics in pixels."""
    width: int
    height: int
    lens: Lens = "pinhole"

    def __len__(self) -> int:
        return self.camera_from_world.shape[0]

    def __getitem__(self, index: int | slice) -> Self:
        rows = slice(index, index + 1) if isinstance(index, int) else index
        return type(self)(self.camera_from_world[rows], self.Ks[rows], self.width, self.height, self.lens)

    @property
    def world_from_camera(self) -> Float[Tensor, "c 4 4"]:
        """Camera poses; the last column holds the eye positions."""
        return torch.linalg.inv(self.camera_from_world)

    @property
    def positions(self) -> Float[Tensor, "c 3"]:
        """Eye positions, world metres."""
        return self.world_from_camera[:, :3, 3]

    def rays(self) -> tuple[Float[Tensor, "c h w 3"], Float[Tensor, "c h w 3"]]:
        """Origins and unit directions of the rays through all pixel centres, world frame."""
        x = torch.arange(self.width) + 0.5
        y = torch.arange(self.height) + 0.5
        yy, xx = torch.meshgrid(y, x, indexing="ij")
        pixels = torch.stack([xx, yy, torch.ones_like(xx)], -1).to(self.Ks)
        inverse = torch.linalg.inv(self.Ks)
        local = torch.einsum("cij,hwj->chwi", inverse, pixels)
        starts, local = _through(self.lens, local)
        pose = self.world_from_camera
        directions = torch.nn.functional.normalize(torch.einsum("cij,chwj->chwi", pose[:, :3, :3], local), dim=-1)
        origins = pose[:, None, None, :3, 3] + torch.einsum("cij,chwj->chwi", pose[:, :3, :3], starts)
        return origins, directions


def _through(lens: Lens, image: Float[Tensor, "*b 3"]) -> tuple[Float[Tensor, "*b 3"], Float[Tensor, "*b 3"]]:
    """Where rays start and where they go, in the camera's frame, for points (x, y, 1) of the image."""
    flat = image * image.new_tensor([1.0, 1.0, 0.0])
    ahead = image - flat
    if lens == "orthographic":
        return flat, ahead
    if lens == "fisheye":
        angle = flat.norm(dim=-1, keepdim=True)
        return torch.zeros_like(image), torch.sinc(angle / math.pi) * flat + angle.cos() * ahead
    return torch.zeros_like(image), image


def look_at(
    eyes: Sequence[Vec3] | Vec3 | NDArray[np.floating],
    targets: Sequence[Vec3] | Vec3 | NDArray[np.floating],
    *,
    fov_deg: float = 55.0,
    width: int = 960,
    height: int = 540,
    up: Vec3 = (0.0, 0.0, 1.0),
) -> Camera:
    """Cameras at `eyes` [c, 3] or [3] that look at `targets`; `fov_deg` is the vertical angle of view."""
    eye = np.atleast_2d(np.asarray(eyes, np.float64))
    forward = np.atleast_2d(np.asarray(targets, np.float64)) - eye
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-12)
    right = np.cross(forward, np.asarray(up, np.float64))
    # Looking straight along `up` leaves the roll open; take +Y as up then.
    flat = np.linalg.norm(right, axis=1) < 1e-6
    right[flat] = np.cross(forward[flat], np.array([0.0, 1.0, 0.0]))
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    down = np.cross(forward, right)
    pose = np.tile(np.eye(4), (len(eye), 1, 1))
    pose[:, 0, :3], pose[:, 1, :3], pose[:, 2, :3] = right, down, forward
    pose[:, :3, 3] = -np.einsum("cij,cj->ci", pose[:, :3, :3], eye)
    focal = 0.5 * height / math.tan(math.radians(fov_deg) / 2)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Camera(
        torch.as_tensor(pose, dtype=torch.float32),
        torch.as_tensor(np.tile(K, (len(eye), 1, 1)), dtype=torch.float32),
        width,
        height,
    )


def orbit(
    centre: Vec3,
    radius: float,
    *,
    frames: int,
    height_above: float = 2.0,
    fov_deg: float = 55.0,
    width: int = 960,
    height: int = 540,
    start_deg: float = -90.0,
) -> Camera:
    """`frames` cameras on a level circle around `centre`, counter-clockwise from `start_deg` (-90: from the south)."""
    angles = np.radians(start_deg) + np.linspace(0, 2 * np.pi, frames, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], 1) * radius
    eyes = np.column_stack([centre[0] + ring[:, 0], centre[1] + ring[:, 1], np.full(frames, centre[2] + height_above)])
    targets = np.tile(np.asarray(centre, float), (frames, 1))
    return look_at(eyes, targets, fov_deg=fov_deg, width=width, height=height)
