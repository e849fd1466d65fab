"""Splats and folders that the tests of formats share."""

import os
from pathlib import Path

import pytest
import torch

from splatworld import sh
from splatworld.progress import Event
from splatworld.splats import Splats

DATA = Path(__file__).parent / "data"
_SHARED = Path(os.environ.get("SPLATWORLD_DATA", Path(__file__).parents[2] / "../shared/data")).resolve() / "splats"


def shared(name: str) -> Path:
    """A file of the sample data; skips the test where there is none."""
    path = _SHARED / name
    if not path.exists():
        pytest.skip(f"no sample data at {path} (SPLATWORLD_DATA names its folder)")
    return path


def shared_files(pattern: str) -> list[Path]:
    """The sample files that fit a pattern; one that will skip where there are none."""
    return sorted(_SHARED.glob(pattern)) or [_SHARED / pattern]


def random_splats(n: int, *, degree: int = 0, seed: int = 0) -> Splats:
    """Splats with values in the ranges that every format can hold."""
    g = torch.Generator().manual_seed(seed)
    bands = torch.rand(n, (degree + 1) ** 2, 3, generator=g) * 1.6 - 0.8
    bands[:, 0] = sh.from_rgb(torch.rand(n, 3, generator=g))
    return Splats(
        means=torch.rand(n, 3, generator=g) * 200 - 100,
        quats=torch.randn(n, 4, generator=g) + 1e-3,
        log_scales=torch.rand(n, 3, generator=g) * 10 - 8,
        logit_opacities=torch.rand(n, generator=g) * 8 - 4,
        sh=bands,
    )


def axis_splats() -> Splats:
    """A red splat at x = 1, a green one at y = 2, a blue one at z = 3; 0.1, 0.2 and 0.4 m along x, y, z."""
    return Splats(
        means=torch.diag(torch.tensor([1.0, 2.0, 3.0])),
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(3, 1),
        log_scales=torch.log(torch.tensor([[0.1, 0.2, 0.4]])).repeat(3, 1),
        logit_opacities=torch.tensor([2.0, 1.0, 0.0]),
        sh=sh.from_rgb(torch.eye(3))[:, None],
    )


def angles_deg(a: Splats, b: Splats) -> torch.Tensor:
    """Angles between the rotations of two sets of splats, row by row."""
    unit = [torch.nn.functional.normalize(s.quats.double(), dim=1) for s in (a, b)]
    return torch.rad2deg(2 * torch.acos((unit[0] * unit[1]).sum(1).abs().clamp(max=1)))


class Heard(list[Event]):
    """A progress callable that remembers."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def texts(self) -> str:
        return "\n".join(getattr(event, "text", "") for event in self)
