"""The CUDA kernels (cuda_ext/cuda): the pictures of `reference` on an NVIDIA GPU, and their gradients.

Python owns all memory. What a frame needs is not known before it is drawn, so it is given what frames like it needed
before and a quarter more; the kernels count what they would have needed, and a frame that did not fit is drawn again.
The host looks at these counts while the GPU blends, so that it rarely waits.
"""

import functools
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from splatworld.camera import Camera
from splatworld.errors import BackendError
from splatworld.render.addresses import address, part
from splatworld.render.cuda_frames import PAIRS_MAX, Needed, counted, job_of, new_counters, roomy, stream_of
from splatworld.render.cuda_gradients import gradients
from splatworld.render.params import Params, RenderSettings, Sums

_cuda: ModuleType | None
try:
    from splatworld import _cuda  # pyright: ignore[reportAttributeAccessIssue]
except ImportError as error:
    _cuda = None
    _why = "no CUDA kernels are installed: they are built where nvcc and an NVIDIA GPU are, or by scripts/wheel"
    if not str(error).startswith("cannot import name"):
        _why = f"the CUDA kernels are installed, but cannot be loaded ({error})"
else:
    _why = None

_PAIRS_USUAL = 1 << 28
"""Pairs of a splat and a tile beyond which a picture is drawn in parts: 10 GB."""
_PAIRS_FIRST = 1 << 22
"""At most so many for a frame like none before."""
_KINDS_MAX = 256
"""Kinds of frames remembered."""


def unavailable(params: Params | None = None) -> str | None:
    """Why the kernels cannot be used here, or cannot draw `params`; None if they can."""
    reason = _why or _no_device()
    if params is None or reason is not None:
        return reason
    if params.means.device.type != "cuda":
        return f"the splats are on the device {params.means.device}, and it draws from a GPU's memory"
    return None


@functools.cache
def _no_device() -> str | None:
    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    assert _cuda is not None
    problem = _cuda.problem()
    return None if problem is None else f"no GPU can be used ({problem})"


def blend(
    params: Params,
    cameras: Camera,
    settings: RenderSettings,
    *,
    absolute: Tensor | None = None,
    kernels: ModuleType | None = None,
) -> Sums:
    """Draw, one camera after the other; gradients flow where they are wanted.

    Args:
        params: splats on a GPU; anything but contiguous float32 is copied.
        cameras: from where; on any device.
        settings: how; `normals`, `smooth`, `threads` and the background mean nothing here.
        absolute: [n, 2] float32, contiguous. The way back adds to it how strongly the pixels pulled each splat's
            centre along x and y, in units of the loss per px, as if no two pulled in opposite directions (AbsGS, Ye et
            al. 2024).
        kernels: the module that draws; by default the real one.

    Raises:
        BackendError: more splats cover one row of tiles than can be listed.
    """
    plan = _Plan(params, cameras, settings, absolute, kernels or _cuda)
    poses = cameras.camera_from_world
    if poses.device != plan.device or poses.dtype is not torch.float32:
        poses = poses.to(plan.device, torch.float32)
    inputs = (poses, params.means, params.quats, params.log_scales, params.logit_opacities, params.sh)
    inputs = inputs if params.features is None else (*inputs, params.features)
    elsewhere = plan.device.type == "cuda" and plan.device.index != torch.cuda.current_device()
    with torch.cuda.device(plan.device) if elsewhere else nullcontext():
        if torch.is_grad_enabled() and any(t.requires_grad for t in inputs):
            return Sums(*_Blend.apply(plan, *inputs))
        images, _ = plan.draw([_plain(t) for t in inputs], keep=False)
        return Sums(*images.outputs(_channels(inputs)))


class Frame(NamedTuple):
    """A camera's picture, or a band of it, as it is kept for the way back."""

    kernels: Any
    """`Frame` of the kernels: where everything lies in `memory`."""
    memory: Tensor | None
    camera: int


class _Plan:
    """What a call draws apart from what has gradients."""

    __slots__ = ("Ks", "absolute", "degree", "deterministic", "device", "job", "kernels", "size", "things")

    def __init__(
        self,
        params: Params,
        cameras: Camera,
        settings: RenderSettings,
        absolute: Tensor | None,
        kernels: ModuleType | None,
    ) -> None:
        assert kernels is not None
        self.kernels: Any = kernels
        self.device = params.means.device
        self.job = job_of(kernels, settings, cameras.lens, params.activated)
        self.degree = params.degree(settings)
        self.things = None if params.things is None else _plain(params.things, torch.int32)
        self.Ks = _plain(cameras.Ks if cameras.Ks.device == self.device else cameras.Ks.to(self.device))
        self.size = (len(cameras), cameras.height, cameras.width)
        self.absolute = absolute
        self.deterministic = settings.deterministic

    def splats(self, inputs: list[Tensor]) -> Any:
        """Addresses of the rows; `inputs` must outlive them."""
        means, sh, features = inputs[1], inputs[5], inputs[6] if len(inputs) > 6 else None
        rows = (t.data_ptr() for t in inputs[1:6])
        channels = 0 if features is None else features.shape[1]
        places = (address(features), address(self.things))
        return self.kernels.Gaussians(means.shape[0], *rows, *places, self.degree, sh.shape[1], channels)

    def draw(self, inputs: list[Tensor], *, keep: bool) -> tuple["_Images", list[Frame]]:
        """Images, and frames for the way back where they are to be kept."""
        images = _Images(self.size, self.device, passes=1 + -(-(_channels(inputs) or 0) // 4))
        frames = []
        for camera in range(self.size[0]):
            frames += self._picture(camera, inputs, images, keep)
        return images, frames

    def _picture(self, camera: int, inputs: list[Tensor], images: "_Images", keep: bool) -> list[Frame]:
        """One camera's, in bands of tile rows where it must be."""
        tiles_x, tiles_y = (-(-side // self.kernels.TILE) for side in self.size[:0:-1])
        most = max(1, self.kernels.TILES_MAX // tiles_x)
        bands = [(row, min(most, tiles_y - row)) for row in range(0, tiles_y, most)][::-1]
        frames = []
        while bands:
            first, rows = bands.pop()
            frame = self._band(camera, (first, rows), inputs, images, keep)
            if frame is None:
                bands += [(first + rows // 2, rows - rows // 2), (first, rows // 2)]
            elif keep:
                frames.append(frame)
        return frames

    def _band(
        self, camera: int, band: tuple[int, int], inputs: list[Tensor], images: "_Images", keep: bool
    ) -> Frame | None:
        """Draw tile rows (first, number); None where they need more pairs than one should hold at once."""
        _, height, width = self.size
        stream = stream_of(self.device)
        memory, splats, count = _memory(self.device, stream), self.splats(inputs), inputs[1].shape[0]
        kind, most = (count, height, width, *band), _PAIRS_USUAL if band[1] > 1 else PAIRS_MAX
        while True:
            with memory.lock:
                room = memory.room(kind, count, most)
                frame = self.kernels.Frame(width, height, *band, count, *room, keep)
                kept = torch.empty(frame.kept_bytes, dtype=torch.uint8, device=self.device)
                frame.place(kept.data_ptr(), memory.scratch_of(frame.scratch_bytes, self.device).data_ptr())
                places = (part(inputs[0], camera), part(self.Ks, camera))
                self.kernels.bin(frame, splats, *places, self.job, memory.counters.data_ptr(), stream)
                memory.mark()
                self._blend(frame, camera, band[0] == 0, inputs, images, stream)
                needed = memory.needed()
                memory.learn(kind, needed)
            if needed.pairs > most:
                if band[1] > 1:
                    return None
                raise BackendError(f"{needed.pairs} times a splat covers a tile in one row of them; at most {most} fit")
            if needed.visible <= room[0] and needed.pairs <= room[1]:
                return Frame(frame, kept, camera)

    def _blend(
        self, frame: Any, camera: int, first: bool, inputs: list[Tensor], images: "_Images", stream: int
    ) -> None:
        totals = [part(t, camera) for t in images.totals]
        others = [part(t, camera) for t in (images.alpha, images.median, images.things)]
        # Bands all see the same broken splats.
        skipped = part(images.skipped, camera) if first else 0
        self.kernels.blend(frame, totals[0], *others, skipped, stream)
        for number, total in enumerate(totals[1:]):
            features = inputs[6]
            self.kernels.blend_features(frame, features.data_ptr(), features.shape[1], 4 * number, total, stream)


class _Images:
    """What c pictures are written to; `totals` has four channels for each pass."""

    def __init__(self, size: tuple[int, int, int], device: torch.device, passes: int) -> None:
        self.totals = [torch.empty(*size, 4, device=device) for _ in range(passes)]
        self.alpha = torch.empty(*size, 1, device=device)
        self.median = torch.empty(*size, 1, device=device)
        self.things = torch.empty(size, dtype=torch.int32, device=device)
        self.skipped = torch.empty(size[0], dtype=torch.int32, device=device)

    def outputs(self, channels: int | None) -> tuple[Any, ...]:
        """In the order of `Sums`, with so many channels of features; None for none."""
        rgb, depth, features = self.totals[0][..., :3], self.totals[0][..., 3:], None
        if channels is not None:
            features = torch.cat([self.totals[0][..., :0], *self.totals[1:]], -1)[..., :channels]
        return rgb, self.alpha, depth, features, self.median, self.things, self.skipped


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: _Plan, *inputs: Tensor) -> tuple[Any, ...]:
        images, ctx.frames = plan.draw([_plain(t) for t in inputs], keep=True)
        ctx.plan = plan
        outputs = images.outputs(_channels(inputs))
        # Frames point to the totals: torch now watches that nobody writes to them, and frees both after the way back.
        ctx.save_for_backward(*inputs, images.totals[0], *(frame.memory for frame in ctx.frames))
        ctx.frames = [frame._replace(memory=None) for frame in ctx.frames]
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*outputs[4:])
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[1:]
        inputs = ctx.saved_tensors[: len(wanted)]
        pictures = [None if g is None else _plain(g) for g in grads[:4]]
        plain, stream = [_plain(t) for t in inputs], stream_of(ctx.plan.device)
        found = gradients(ctx.plan, ctx.frames, plain, pictures, wanted, stream)
        return None, *(g if g is None else g.to(t) for g, t in zip(found, inputs, strict=True))


def _channels(inputs: Sequence[Tensor]) -> int | None:
    return inputs[6].shape[1] if len(inputs) > 6 else None


@dataclass
class _Memory:
    """What one stream of a device keeps from frame to frame."""

    counters: Tensor
    """On the host: `Counter` of cuda/frame.h."""
    written: torch.cuda.Event | None
    scratch: Tensor
    seen: dict[tuple[int, ...], Needed] = field(default_factory=dict)
    """The most that frames of a kind needed; slowly forgotten."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held from a frame's start until its needs are known: threads may share a stream."""

    def room(self, kind: tuple[int, ...], count: int, most: int) -> Needed:
        """What to hold for the next frame of this kind, of `count` splats."""
        seen = self.seen.get(kind)
        if seen is None:
            return Needed(max(count, 1), min(_PAIRS_FIRST, roomy(2 * count)))
        return Needed(max(min(roomy(seen.visible), count), 1), min(roomy(seen.pairs), most))

    def learn(self, kind: tuple[int, ...], needed: Needed) -> None:
        """Remember the most, and forget a little of it each time."""
        before = self.seen.get(kind, needed)
        if len(self.seen) >= _KINDS_MAX:
            self.seen.clear()
        self.seen[kind] = Needed(*(max(new, old - old // 64) for new, old in zip(needed, before, strict=True)))

    def scratch_of(self, size: int, device: torch.device) -> Tensor:
        """At least `size` bytes that nobody needs after this frame."""
        if self.scratch.numel() < size:
            self.scratch = torch.empty(size, dtype=torch.uint8, device=device)
        return self.scratch

    def mark(self) -> None:
        """From here on the counters are being copied."""
        if self.written is not None:
            self.written.record()

    def needed(self) -> Needed:
        """What the frame needed, once that is known."""
        if self.written is not None:
            self.written.synchronize()
        return counted(self.counters)


@functools.cache
def _memory(device: torch.device, stream: int) -> _Memory:
    return _Memory(*new_counters(device), torch.empty(0, dtype=torch.uint8, device=device))


def _plain(tensor: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    if tensor.dtype is dtype and tensor.is_contiguous():
        return tensor
    return tensor.detach().to(dtype).contiguous()
