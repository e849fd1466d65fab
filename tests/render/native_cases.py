"""Scenes that the tests of the compiled kernels share, and how pictures and gradients are compared."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from render_cases import cloud, view
from torch import Tensor

from splatworld.camera import Camera
from splatworld.render.params import Params, RenderSettings, Sums
from splatworld.splats import Splats

FLOATS = ("means", "quats", "log_scales", "logit_opacities", "sh", "features")


@dataclass(frozen=True, eq=False)
class Case:
    """Splats, from where and how."""

    params: Params
    cameras: Camera
    settings: RenderSettings = field(default_factory=RenderSettings)


@contextmanager
def one_thread() -> Iterator[None]:
    """For torch: on small tensors its threads only wait for each other, for long where the machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def params_of(splats: Splats, features: Tensor | None = None) -> Params:
    """The rows as a backend gets them."""
    rows = (splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh)
    return Params(*rows, features=features, things=splats.extras.get("thing"))


def through(lens: str, cameras: Camera) -> Camera:
    """The same eyes with another lens; the orthographic one shows 20 m."""
    if lens != "orthographic":
        return replace(cameras, lens=lens)
    K = torch.tensor(
        [[cameras.width / 20, 0, cameras.width / 2], [0, cameras.width / 20, cameras.height / 2], [0, 0, 1]]
    )
    return replace(cameras, lens=lens, Ks=K.expand(len(cameras), 3, 3).contiguous())


def _features(n: int, channels: int) -> Tensor:
    return torch.randn(n, channels, generator=torch.Generator().manual_seed(5))


def _activated(params: Params) -> Params:
    return replace(
        params,
        log_scales=params.log_scales.exp(),
        logit_opacities=params.logit_opacities.sigmoid(),
        sh=params.sh[:, :1] + 0.5,
        activated=True,
        plain=True,
    )


def cases() -> dict[str, Case]:
    """Each feature of the rasterizer, alone or with others."""
    eyes = view(90, 60)
    small, thick = cloud(1200, degree=4, size=0.03), cloud(500, degree=0, size=0.3)
    paper = cloud(400, size=0.4)
    paper = replace(paper, log_scales=paper.log_scales + torch.tensor([0.0, 0.0, -12.0]))
    clamped = cloud(500, degree=3)
    clamped = replace(clamped, logit_opacities=clamped.logit_opacities + 9)
    some = params_of(cloud(700, degree=2))
    return {
        "small": Case(params_of(small), eyes),
        "thick": Case(params_of(thick), eyes),
        "thin": Case(params_of(paper), eyes),
        "clamped": Case(params_of(clamped), eyes),
        "fisheye": Case(some, through("fisheye", eyes)),
        "orthographic": Case(some, through("orthographic", eyes)),
        "antialiased": Case(params_of(small), eyes, RenderSettings(antialiased=True)),
        "gsplat16": Case(params_of(small), eyes, RenderSettings(profile="gsplat16", antialiased=True)),
        "inria": Case(params_of(thick), eyes, RenderSettings(profile="inria")),
        "features": Case(replace(some, features=_features(700, 9)), eyes),
        "one feature": Case(replace(some, features=_features(700, 1)), eyes),
        "activated": Case(_activated(some), eyes),
        "low degree": Case(params_of(small), eyes, RenderSettings(sh_degree=1)),
        "clipped": Case(some, eyes, RenderSettings(near=12.0, far=16.0, radius_clip=3.0)),
    }


def with_gradients(case: Case, dtype: torch.dtype = torch.float32) -> Case:
    """The same numbers in leaves that want gradients."""
    p = case.params
    leaves: dict[str, Any] = {
        name: None if getattr(p, name) is None else getattr(p, name).detach().to(dtype).clone().requires_grad_()
        for name in FLOATS
    }
    pose = case.cameras.camera_from_world.detach().to(dtype).clone().requires_grad_()
    cameras = replace(case.cameras, camera_from_world=pose, Ks=case.cameras.Ks.to(dtype))
    return Case(replace(p, **leaves), cameras, case.settings)


def gradients(case: Case, sums: Sums, pixels: Tensor | float = 1.0) -> dict[str, Tensor]:
    """Of a fixed random loss of all images, for every leaf of `with_gradients`; `pixels` says how much each counts."""
    g = torch.Generator().manual_seed(8)
    loss = torch.zeros((), dtype=torch.float64)
    for image in (sums.rgb, sums.alpha, sums.depth_sum, sums.features):
        if image is not None:
            loss = loss + (pixels * image * torch.randn(image.shape, generator=g).to(image)).sum()
    loss.backward()
    leaves = {name: getattr(case.params, name) for name in FLOATS}
    leaves["camera_from_world"] = case.cameras.camera_from_world
    return {name: leaf.grad for name, leaf in leaves.items() if leaf is not None}


def images(sums: Sums) -> dict[str, Tensor]:
    """All that there are, by name."""
    return {f.name: getattr(sums, f.name) for f in fields(Sums) if getattr(sums, f.name) is not None}


def assert_equal_bits(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name
