"""Splats and cameras that the render tests share."""

import json
import math
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splatworld.camera import Camera, Lens, look_at
from splatworld.render import Rendering, RenderSettings, backends, render
from splatworld.splats import Splats

BACKENDS = [name for name, reason in backends().items() if reason is None and name != "gsplat"]
"""Ours that can be used here."""

STORED = Path(__file__).parents[1] / "data" / "gsplat_reference"


def cloud(n: int, *, seed: int = 0, size: float = 0.1, degree: int = 1) -> Splats:
    """A bumpy floor and a cloud above it, in front of `view()`."""
    g = torch.Generator().manual_seed(seed)
    means = torch.rand(n, 3, generator=g) * torch.tensor([20.0, 20.0, 3.0]) - torch.tensor([10.0, 10.0, 0.0])
    means[: n // 2, 2] = 0.3 * torch.sin(means[: n // 2, 0])
    return Splats(
        means,
        torch.randn(n, 4, generator=g),
        math.log(size) + 0.5 * torch.randn(n, 3, generator=g),
        2 * torch.randn(n, generator=g) + 1,
        0.5 * torch.randn(n, (degree + 1) ** 2, 3, generator=g),
        {"thing": torch.randint(1, 50, (n,), generator=g, dtype=torch.int32)},
    )


def view(width: int = 150, height: int = 100) -> Camera:
    """Two cameras; neither size is a multiple of a tile."""
    return look_at([(0, -14, 4), (9, 6, 2)], [(0, 0, 1), (0, 0, 0.5)], width=width, height=height)


def ahead(width: int = 33, height: int = 21, focal: float = 40.0, lens: Lens = "pinhole") -> Camera:
    """At the origin, axes of the world: x right, y down, z forward."""
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Camera(torch.eye(4)[None], K[None], width, height, lens)


def drawn(
    backend: str, splats: Splats, cameras: Camera, *, features: Tensor | None = None, **settings: Any
) -> Rendering:
    """Drawn where the backend wants its splats to be, and brought back."""
    device = "cuda" if backend == "cuda" else "cpu"
    features = None if features is None else features.to(device)
    picture = render(
        splats.to(device), cameras, backend=backend, settings=RenderSettings(**settings), features=features
    )
    images = (getattr(picture, f.name) for f in fields(Rendering))
    return Rendering(*(None if image is None else image.cpu() for image in images))  # pyright: ignore[reportArgumentType]


def one(
    mean: tuple[float, float, float] = (0, 0, 2),
    *,
    sigma: tuple[float, float, float] = (0.1, 0.1, 0.1),
    opacity: float = 0.6,
    rgb: tuple[float, float, float] = (0.2, 0.5, 0.9),
    thing: int = 7,
) -> Splats:
    """A single splat with axes along the world's."""
    return Splats(
        torch.tensor([mean], dtype=torch.float32),
        torch.tensor([[1.0, 0, 0, 0]]),
        torch.tensor([sigma]).log(),
        torch.tensor([math.log(opacity / (1 - opacity))]),
        ((torch.tensor([[rgb]]) - 0.5) / 0.28209479177387814),
        {"thing": torch.tensor([thing], dtype=torch.int32)},
    )


def stored(name: str) -> tuple[Splats, Camera, Tensor]:
    """A case that gsplat drew: splats, camera and its RGBA picture (h, w, 4)."""
    raw = (STORED / f"{name}.safetensors").read_bytes()
    (header_bytes,) = struct.unpack("<Q", raw[:8])
    header, body = json.loads(raw[8 : 8 + header_bytes]), raw[8 + header_bytes :]
    tensors = {
        key: torch.from_numpy(
            np.frombuffer(body[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"]).copy()
        )
        for key, entry in header.items()
        if key != "__metadata__"
    }
    splats = Splats(*(tensors[key] for key in ("means", "quats", "scales", "opacities", "coeffs")))
    pose = torch.eye(4)
    pose[:3, 3] = -torch.tensor([0.123, 0.456, -8.0])
    K = torch.tensor([[61.5, 0, 61.5], [0, 61.5, 41], [0, 0, 1]])
    return splats, Camera(pose[None], K[None], 123, 82), tensors["out_img"]
