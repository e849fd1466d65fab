"""The compiled CPU kernels (cuda_ext/cpu): the pictures of `reference` a hundred times faster, and their gradients."""

from dataclasses import replace
from functools import lru_cache
from types import ModuleType
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from splatworld.camera import LENSES, Camera
from splatworld.errors import UsageError
from splatworld.render.params import Params, RenderSettings, Sums

_cpu: ModuleType | None
try:
    from splatworld import _cpu  # pyright: ignore[reportAttributeAccessIssue]
except ImportError as error:
    _cpu = None
    _why = (
        "splatworld was installed without its kernels: install it where there is a C++ compiler "
        "(apt install g++ python3-dev), see README"
    )
    if not str(error).startswith("cannot import name"):
        _why = f"the kernels are installed, but cannot be loaded ({error})"
else:
    _why = None

_THREADS_MAX = 1024
_Images = tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor, Tensor, Tensor]


def unavailable(params: Params | None = None) -> str | None:
    """Why the kernels cannot be used here, or cannot draw `params`; None if they can."""
    if params is None or _why is not None:
        return _why
    if params.means.device.type != "cpu":
        return f"the splats are on {params.means.device}, and it draws from the CPU's memory"
    return None


def isas() -> list[str]:
    """Instruction sets that this processor can run, fastest first."""
    assert _cpu is not None
    return _cpu.isas()


def blend(
    params: Params, cameras: Camera, settings: RenderSettings, *, isa: str = "", absolute: Tensor | None = None
) -> Sums:
    """Draw, one camera after the other; gradients flow where they are wanted.

    Args:
        params: splats on the CPU; anything but contiguous float32 is copied.
        cameras: from where.
        settings: how; `normals`, `smooth` and the background mean nothing here.
        isa: one of `isas()`; by default the fastest.
        absolute: [n, 2] float32, contiguous. The way back adds to it how strongly the pixels pulled each splat's centre
            along x and y, in units of the loss per px, as if no two pulled in opposite directions (AbsGS, Ye et al.
            2024).

    Raises:
        UsageError: a tensor of a wrong shape, by name.
    """
    plan = _Plan(params, cameras, settings, isa, absolute)
    p = params
    inputs = (cameras.camera_from_world, p.means, p.quats, p.log_scales, p.logit_opacities, p.sh)
    inputs = inputs if p.features is None else (*inputs, p.features)
    if torch.is_grad_enabled() and any(t.requires_grad for t in inputs):
        images = cast(_Images, _Blend.apply(plan, *inputs))
    else:
        images, _ = plan.draw([_plain(t) for t in inputs], keep=False)
    return Sums(*images)


def project(
    params: Params, camera: Camera, settings: RenderSettings, *, isa: str = ""
) -> tuple[Int[Tensor, " m"], Float[Tensor, "m 6"], Float[Tensor, "m 4"]]:
    """What the first camera sees, nearest first: rows, footprints and what is blended. Slow: to look into.

    A footprint is x and y in px, the whitening p, q, r of `splatworld/gaussian.h`, and log2 of the opacity; what is
    blended is red, green, blue and camera z. `reference.project` is the definition.
    """
    plain = replace(params, features=None)
    plan = _Plan(plain, camera, settings, isa, None)
    rows = (camera.camera_from_world, plain.means, plain.quats, plain.log_scales, plain.logit_opacities, plain.sh)
    _, frames = plan.draw([_plain(t) for t in rows], keep=True)
    seen = frames.footprints(0)
    footprints, values = (torch.tensor([row[k] for row in seen]).reshape(len(seen), -1) for k in (1, 2))
    return torch.tensor([row[0] for row in seen], dtype=torch.int64), footprints, values


class _Plan:
    """What a call draws apart from what has gradients."""

    __slots__ = ("Ks", "absolute", "degree", "job", "size", "things")

    def __init__(
        self, params: Params, cameras: Camera, settings: RenderSettings, isa: str, absolute: Tensor | None
    ) -> None:
        threads = min(settings.threads or torch.get_num_threads(), _THREADS_MAX)
        self.job = _job(
            (settings.near_plane, settings.far, settings.dilation, settings.radius_clip, settings.antialiased),
            settings.conventions,
            (LENSES.index(cameras.lens), params.activated, isa, threads),
        )
        self.things = None if params.things is None else _plain(params.things, torch.int32)
        self.absolute = absolute
        self.size = (len(cameras), cameras.height, cameras.width)
        self._check(params, cameras)
        self.degree = params.degree(settings)
        self.Ks = _plain(cameras.Ks)

    def _check(self, params: Params, cameras: Camera) -> None:
        """The kernels get bare addresses, so no shape may be wrong, whatever has been checked before."""
        n, c, p = params.means.shape[0], self.size[0], params
        for name, tensor, shape in (
            ("means", p.means, (n, 3)),
            ("quats", p.quats, (n, 4)),
            ("log_scales", p.log_scales, (n, 3)),
            ("logit_opacities", p.logit_opacities, (n,)),
            ("sh", p.sh, (n, *p.sh.shape[1:2], 3)),
            ("camera_from_world", cameras.camera_from_world, (c, 4, 4)),
            ("Ks", cameras.Ks, (c, 3, 3)),
        ):
            if tensor.shape != shape:
                raise UsageError(f"{name} is {list(tensor.shape)}; expected {list(shape)}")
        if self.things is not None and self.things.shape != (n,):
            raise UsageError(f"things is {list(self.things.shape)}; expected {[n]}")
        if p.features is not None and (p.features.ndim != 2 or p.features.shape[0] != n):
            raise UsageError(f"features is {list(p.features.shape)}; expected {[n]} rows of one length")
        good = self.absolute is None or (self.absolute.shape == (n, 2) and _plain(self.absolute) is self.absolute)
        if not good:
            raise UsageError(f"absolute must be a contiguous float32 tensor {[n, 2]} on the CPU")

    def splats(self, inputs: list[Tensor]) -> Any:
        """Addresses of the rows; `inputs` must outlive them."""
        assert _cpu is not None
        means, sh, features = inputs[1], inputs[5], inputs[6] if len(inputs) > 6 else None
        return _cpu.Gaussians(
            means.shape[0],
            *(t.data_ptr() for t in inputs[1:6]),
            _address(features),
            _address(self.things),
            self.degree,
            sh.shape[1],
            0 if features is None else features.shape[1],
        )

    def draw(self, inputs: list[Tensor], *, keep: bool) -> tuple[_Images, Any]:
        """Images, and frames for the way back where they are to be kept."""
        assert _cpu is not None
        count, height, width = self.size
        rgb, alpha, depth = torch.empty(*self.size, 3), torch.empty(*self.size, 1), torch.empty(*self.size, 1)
        features = torch.empty(*self.size, inputs[6].shape[1]) if len(inputs) > 6 else None
        median, things = torch.empty(*self.size, 1), torch.empty(self.size, dtype=torch.int32)
        skipped = torch.empty(count, dtype=torch.int32)
        images = (rgb, alpha, depth, features, median, things, skipped)
        pose, splats = inputs[0], self.splats(inputs)
        frames = _cpu.draw(
            self.job, splats, pose.data_ptr(), self.Ks.data_ptr(), count, width, height, *map(_address, images), keep
        )
        return images, frames


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: _Plan, *inputs: Tensor) -> _Images:
        plain = [_plain(t) for t in inputs]
        images, ctx.frames = plan.draw(plain, keep=True)
        ctx.plan = plan
        ctx.save_for_backward(*inputs)
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*images[4:])
        return images

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        plain = [_plain(t) for t in inputs]
        pictures = [None if g is None else _plain(g) for g in grads[:4]]
        # Features are always summed where there are any.
        wanted = [*ctx.needs_input_grad[1:7], *(True for _ in inputs[6:])]
        out = [torch.zeros_like(t) if want else None for t, want in zip(plain, wanted, strict=True)]
        rows = [_address(t) for t in [*out[1:], None][:6]]
        addresses = (*map(_address, pictures), *rows, _address(ctx.plan.absolute), _address(out[0]))
        ctx.frames.backward(ctx.plan.splats(plain), *addresses)
        return None, *(g if g is None else g.to(t) for g, t in zip(out, inputs, strict=True))


@lru_cache(maxsize=64)
def _job(settings: tuple[Any, ...], conventions: tuple[float, ...], rest: tuple[Any, ...]) -> Any:
    assert _cpu is not None
    near, far, dilation, radius_clip, antialiased = settings
    alpha_max, compensation_floor, _, box_sigmas = conventions
    lens, activated, isa, threads = rest
    return _cpu.Job(
        near, far, dilation, alpha_max, compensation_floor, radius_clip, box_sigmas, lens, antialiased, activated,
        isa or isas()[0], threads,
    )  # fmt: skip


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _plain(tensor: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    if tensor.dtype is dtype and tensor.is_contiguous() and tensor.is_cpu:
        return tensor
    return tensor.detach().to("cpu", dtype).contiguous()
