"""The training step on a GPU: everything is queued, nothing is waited for, and no gradient tensor is made.

Python owns the memory, and keeps it from step to step. How much the lists of a view need is known only once they are
made: where they do not fit, the kernels leave the splats as they are, and the next step has more room. The host looks
at the counts of a step when the next one begins.

A step of a view whose size has been seen can be recorded as a CUDA graph: from one to the next nothing changes but what
lies in `camera` and `target`.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from splatworld.camera import Camera
from splatworld.errors import UsageError
from splatworld.optimize.adam import Adam
from splatworld.optimize.kernels import current, kernels_for, where
from splatworld.optimize.loss import SSIM_WEIGHT, Photometric, Targets, Weights, photometric
from splatworld.render.background import behind, over
from splatworld.render.cuda_frames import PAIRS_MAX, counted, job_of, new_counters
from splatworld.render.params import Params, RenderSettings

NAMES = ("means", "quats", "log_scales", "logit_opacities", "sh")
"""What the kernels move, in the order in which they expect learning rates."""

_PAIRS_FIRST = 1 << 16


def why_not(params: Params, adam: Adam, settings: RenderSettings, kernels: ModuleType | None = None) -> str | None:
    """Why `FusedStep` cannot train these; None if it can."""
    if kernels is None and (params.means.device.type != "cuda" or kernels_for("cuda") is None):
        return "there are no CUDA kernels for the device of the splats"
    if params.features is not None:
        return "features are trained through autograd"
    if tuple(adam.params) != NAMES or any(adam.params[n].data_ptr() != getattr(params, n).data_ptr() for n in NAMES):
        return f"the optimiser must move {', '.join(NAMES)}, in this order"
    if adam.mode == "dense":
        return "a dense optimiser moves all splats; 'lazy' gives the same numbers"
    if isinstance(settings.background, Tensor) or settings.smooth or settings.check:
        return "the background must be plain, and nothing smooth or checked"
    return None


class FusedStep:
    """Takes steps, one camera each. The tensors must stay where they are; make a new one when rows come or go."""

    def __init__(
        self,
        params: Params,
        adam: Adam,
        settings: RenderSettings,
        ssim_weight: float = SSIM_WEIGHT,
        opacity_weight: float = 0.0,
        scale_weight: float = 0.0,
        *,
        absolute: Tensor | None = None,
        kernels: ModuleType | None = None,
    ) -> None:
        """See `stepper`.

        Args:
            params: the tensors that `adam` moves.
            adam: the optimiser.
            settings: how to draw.
            ssim_weight: see `photometric`.
            opacity_weight: see `stepper`.
            scale_weight: see `stepper`.
            absolute: [n, 2], to which each step adds how strongly pixels pull at centres (AbsGS), loss per px.
            kernels: the compiled module; by default the device's.

        Raises:
            UsageError: these cannot be trained this way, and why.
        """
        reason = why_not(params, adam, settings, kernels)
        if reason is not None:
            raise UsageError(f"no fused training step: {reason}")
        self._kernels: Any = kernels or kernels_for("cuda")
        self._params, self._adam, self._settings, self._absolute = params, adam, settings, absolute
        self._ssim_weight, self._weights = ssim_weight, (opacity_weight, scale_weight)
        self._rooms: dict[tuple[int, int], _Room] = {}
        self._splats = self._gaussians()
        self._optimiser = self._kernels.Optimiser(*_optimiser_places(adam))

    def __call__(self, camera: Camera, target: Targets, *, weights: Weights | None = None) -> Photometric:
        """Draw one camera [1], compare with `target` [1 h w 3], and step.

        Raises:
            UsageError: not one camera, or a view or target of a size that cannot be.
        """
        if len(camera) != 1:
            raise UsageError(f"{len(camera)} cameras; a fused step takes one at a time")
        with current(self._params.means.device):
            return self._step(camera, target, weights)

    def _step(self, camera: Camera, target: Targets, weights: Weights | None) -> Photometric:
        room = self._room_for(camera)
        self._bin(room, camera)
        images = (room.totals, room.alpha, room.median, room.things)
        self._kernels.blend(room.frame, *(t.data_ptr() for t in images), 0, self._stream)
        background = behind(self._settings, room.totals)
        image = over(room.totals[..., :3], room.alpha, background)
        found = photometric(image, target, weights=weights, ssim_weight=self._ssim_weight, kernels=self._kernels)
        assert found.gradient is not None
        alpha_grad = None if background is None else -(found.gradient @ background)
        self._adam.tick()
        self._go_back(room, camera, found.gradient, alpha_grad)
        return found

    @property
    def _stream(self) -> int:
        return where(self._kernels, self._params.means.device, 0)

    def _gaussians(self) -> Any:
        params = self._params
        degree, terms = params.degree(self._settings), params.sh.shape[1]
        rows = (getattr(params, name).data_ptr() for name in NAMES)
        return self._kernels.Gaussians(len(params.means), *rows, 0, 0, degree, terms, 0)

    def _job(self, camera: Camera) -> Any:
        return job_of(self._kernels, self._settings, camera.lens, self._params.activated)

    def _room_for(self, camera: Camera) -> "_Room":
        """Memory for this view; for the first one of its size the host waits until it knows how much."""
        size = (camera.height, camera.width)
        room = self._rooms.get(size)
        if room is None:
            room, pairs = None, _PAIRS_FIRST
            while room is None or room.pairs < pairs:
                room = self._new_room(size, pairs)
                self._bin(room, camera)
                pairs = room.pairs_needed(wait=True)
        elif not room.recorded and room.pairs_needed() > room.pairs * 7 // 8:
            room = self._new_room(size, room.pairs_needed())
        self._rooms[size] = room
        return room

    def _new_room(self, size: tuple[int, int], pairs: int) -> "_Room":
        if pairs > PAIRS_MAX:
            raise UsageError(f"{pairs} times a splat covers a tile of this view; a fused step takes {PAIRS_MAX}")
        pairs = min(PAIRS_MAX, pairs + pairs // 2)
        return _Room.of(self._kernels, size, len(self._params.means), pairs, self._settings, self._params.means.device)

    def _bin(self, room: "_Room", camera: Camera) -> None:
        room.pose.copy_(camera.camera_from_world[0], non_blocking=True)
        room.K.copy_(camera.Ks[0], non_blocking=True)
        counters = room.counters.data_ptr()
        self._kernels.bin(room.frame, self._splats, *room.camera, self._job(camera), counters, self._stream)
        if room.written is not None and not room.recorded:
            room.written.record()

    def _go_back(self, room: "_Room", camera: Camera, image_grad: Tensor, alpha_grad: Tensor | None) -> None:
        self._kernels.train(
            room.frame,
            self._optimiser,
            self._splats,
            *room.camera,
            self._job(camera),
            image_grad.data_ptr(),
            0 if alpha_grad is None else alpha_grad.data_ptr(),
            *self._weights,
            0 if self._absolute is None else self._absolute.data_ptr(),
            self._settings.deterministic,
            room.way_back.data_ptr(),
            self._stream,
        )


@dataclass
class _Room:
    """Memory for views of one size."""

    frame: Any
    """`Frame` of the kernels: where everything lies."""
    pairs: int
    blocks: tuple[Tensor, Tensor]
    way_back: Tensor
    totals: Tensor
    alpha: Tensor
    median: Tensor
    things: Tensor
    pose: Tensor
    K: Tensor
    counters: Tensor
    """On the host: `Counter` of cuda/frame.h."""
    written: torch.cuda.Event | None

    @staticmethod
    def of(
        kernels: Any, size: tuple[int, int], splats: int, pairs: int, settings: RenderSettings, device: torch.device
    ) -> "_Room":
        """Made for so many splats and pairs of a splat and a tile."""
        height, width = size
        rows = -(-height // kernels.TILE)
        if rows * -(-width // kernels.TILE) > kernels.TILES_MAX:
            raise UsageError(f"a view of {width}x{height} px has too many tiles for a fused step")
        frame = kernels.Frame(width, height, 0, rows, splats, max(splats, 1), pairs, True)
        blocks = _block(frame.kept_bytes, device), _block(frame.scratch_bytes, device)
        frame.place(*(b.data_ptr() for b in blocks))
        counters, written = new_counters(device)
        return _Room(
            frame,
            pairs,
            blocks,
            way_back=_block(kernels.backward_bytes(frame, settings.deterministic, False), device),
            totals=torch.empty(1, *size, 4, device=device),
            alpha=torch.empty(1, *size, 1, device=device),
            median=torch.empty(1, *size, 1, device=device),
            things=torch.empty(1, *size, dtype=torch.int32, device=device),
            pose=torch.empty(4, 4, device=device),
            K=torch.empty(3, 3, device=device),
            counters=counters,
            written=written,
        )

    def __del__(self) -> None:
        # The GPU may be about to write the counters, which nobody else must get before.
        if self.written is not None:
            self.written.synchronize()

    @property
    def camera(self) -> tuple[int, int]:
        """Where the kernels find the camera."""
        return self.pose.data_ptr(), self.K.data_ptr()

    @property
    def recorded(self) -> bool:
        """Whether a CUDA graph is being made of what is queued: the host must not look then."""
        return self.written is not None and torch.cuda.is_current_stream_capturing()

    def pairs_needed(self, *, wait: bool = False) -> int:
        """Of the last view; 0 where that is not known yet and nobody waits."""
        if self.written is not None and wait:
            self.written.synchronize()
        if self.written is not None and not self.written.query():
            return 0
        return counted(self.counters).pairs


def _block(count: int, device: torch.device) -> Tensor:
    return torch.empty(max(count, 1), dtype=torch.uint8, device=device)


def _optimiser_places(adam: Adam) -> tuple[Any, ...]:
    state = adam.state
    tensors = [(adam.params[n], state[f"first.{n}"], state[f"second.{n}"]) for n in NAMES]
    tables, last = state.get("tables"), state.get("last")
    return (
        adam.choice,
        *(tuple(t.data_ptr() for t in row) for row in tensors),
        state["now"].data_ptr(),
        state["pace"].data_ptr(),
        0 if last is None else last.data_ptr(),
        0 if tables is None else tables.data_ptr(),
        0 if tables is None else tables.shape[1],
    )
