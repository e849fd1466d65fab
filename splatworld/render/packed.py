"""Frames for viewers: a scene packed once, then drawn by the CUDA kernels straight to bytes.

Half precision for all but the means, rows along a curve through space, and no gradients: a fraction of the memory that
is read for each frame. On a GPU a frame is one CUDA graph, which costs the host next to nothing.
"""

import threading
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from splatworld.camera import Camera
from splatworld.errors import BackendError, UsageError
from splatworld.morton import morton_order
from splatworld.render.cuda import _cuda as _built
from splatworld.render.cuda import unavailable
from splatworld.render.cuda_frames import PAIRS_MAX, Needed, counted, job_of, new_counters, roomy, stream_of
from splatworld.render.params import RenderSettings
from splatworld.splats import Splats

_VIEWS_MAX = 4
"""Sizes of pictures for which memory is kept at a time."""


class PackedScene:
    """Splats that are drawn often, from any camera, until they change.

    Pictures are those of `render` over `settings.background`, within what half precision and 8 bits leave: a few levels
    of 256 at most. Depth, things and features are not drawn.
    """

    def __init__(
        self, splats: Splats, *, settings: RenderSettings | None = None, kernels: ModuleType | None = None
    ) -> None:
        """Pack splats that are on a GPU; rows that are not finite are left out.

        Args:
            splats: what to draw; nothing of it is kept.
            settings: how; the background must be a tuple.
            kernels: the module that draws; by default the real one.

        Raises:
            BackendError: there are no CUDA kernels, or no GPU for them.
            UsageError: splats on another device, or a background of one tensor per camera.
        """
        settings = settings or RenderSettings()
        if kernels is None and (reason := unavailable()) is not None:
            raise BackendError(f"a scene cannot be packed for the GPU: {reason}")
        if kernels is None and splats.means.device.type != "cuda":
            raise UsageError(f"means is on {splats.means.device}; a packed scene needs splats on a GPU")
        if not isinstance(settings.background, tuple):
            raise UsageError("background is a tensor; a packed scene needs a tuple of three numbers")
        self._kernels: Any = kernels or _built
        self._settings, self._background = settings, settings.background
        self._device = splats.means.device
        self._views: dict[tuple[int, int, str], _View] = {}
        self._lock = threading.Lock()
        with torch.no_grad():
            self._pack(splats)

    def __len__(self) -> int:
        return len(self._means)

    def picture(self, camera: Camera) -> UInt8[Tensor, "h w 3"]:
        """Display bytes of one camera's view, on the scene's device.

        If the view turns out to need more room than those before, this one picture lacks some splats, and the next has
        the room; the first picture of a size is always whole.

        Raises:
            UsageError: not one camera, or a picture of more than 65,535 tiles of 16 x 16 px.
            BackendError: more than 2^31 pairs of splats and tiles.
        """
        if len(camera) != 1:
            raise UsageError(f"{len(camera)} cameras; a packed scene draws one at a time")
        with self._lock, torch.no_grad():
            view = self._view(camera)
            view.draw(camera)
            return view.bytes.clone()

    def _pack(self, splats: Splats) -> None:
        floats = (splats.means, splats.quats, splats.log_scales, splats.sh.flatten(1))
        finite = torch.stack([t.isfinite().all(1) for t in floats]).all(0) & ~splats.logit_opacities.isnan()
        rows = finite.nonzero()[:, 0]
        rows = rows[morton_order(splats.means[rows])]
        degree = self._settings.degree(splats.sh.shape[1])
        terms = (degree + 1) ** 2
        quads = -(-3 * terms // 8)
        sh = torch.zeros(len(rows), 8 * quads, dtype=torch.float16, device=self._device)
        sh[:, : 3 * terms] = _half(splats.sh[rows, :terms].flatten(1))
        self._means = splats.means[rows].float().contiguous()
        quats = torch.nn.functional.normalize(splats.quats[rows], dim=1)
        opacities = splats.logit_opacities[rows, None]
        self._shapes = torch.cat([_half(quats), _half(splats.log_scales[rows]), _half(opacities)], 1).contiguous()
        self._sh = sh
        places = (t.data_ptr() for t in (self._means, self._shapes, self._sh))
        self._packed = self._kernels.Packed(len(rows), *places, degree, quads)

    def _view(self, camera: Camera) -> "_View":
        """Memory for pictures of this kind, with room for what the last one needed."""
        kind = (camera.width, camera.height, camera.lens)
        view = self._views.pop(kind, None)
        if view is None or view.too_small():
            least = (0, 0) if view is None else view.needed()
            del view
            view = self._fitting(camera, least)
        while len(self._views) >= _VIEWS_MAX:
            del self._views[next(iter(self._views))]
        self._views[kind] = view
        return view

    def _fitting(self, camera: Camera, least: tuple[int, int]) -> "_View":
        """A new one with room for what `camera` needs, at least for `least` footprints and pairs, and some more."""
        count = max(len(self._means), 1)
        room = count, roomy(2 * count)
        while True:
            view = _View(self._kernels, self._packed, self._settings, self._background, camera, self._device, room)
            view.run(camera)
            visible, pairs = map(max, view.needed(), least)
            if pairs > PAIRS_MAX:
                raise BackendError(f"{pairs} times a splat covers a tile; at most {PAIRS_MAX} fit")
            snug = min(roomy(visible), count), min(roomy(pairs), PAIRS_MAX)
            if room == snug:
                view.record()
                return view
            room = snug
            del view


class _View:
    """Memory for pictures of one size, and the graph that draws there."""

    def __init__(
        self,
        kernels: Any,
        packed: Any,
        settings: RenderSettings,
        background: tuple[float, float, float],
        camera: Camera,
        device: torch.device,
        room: tuple[int, int],
    ) -> None:
        width, height = camera.width, camera.height
        rows, columns = -(-height // kernels.TILE), -(-width // kernels.TILE)
        if rows * columns > kernels.TILES_MAX:
            raise UsageError(f"a picture of {width}x{height} px has more than {kernels.TILES_MAX} tiles of 16x16 px")
        self._kernels, self._packed, self._room = kernels, packed, room
        self._background, self._device = background, device
        self._job = job_of(kernels, settings, camera.lens, False)
        self._frame = kernels.Frame(width, height, 0, rows, packed.count, *room, False, True)
        kept, scratch = self._frame.kept_bytes, self._frame.scratch_bytes
        self._blocks = [torch.empty(size, dtype=torch.uint8, device=device) for size in (kept, scratch)]
        self._frame.place(*(block.data_ptr() for block in self._blocks))
        self._pose, self._K = torch.empty(4, 4, device=device), torch.empty(3, 3, device=device)
        self.bytes = torch.empty(height, width, 3, dtype=torch.uint8, device=device)
        self._counters, self._drawn = new_counters(device)
        self._graph: torch.cuda.CUDAGraph | None = None

    def draw(self, camera: Camera) -> None:
        """Queue the picture."""
        if self._graph is None:
            self.run(camera)
            return
        self._aim(camera)
        self._graph.replay()
        assert self._drawn is not None
        self._drawn.record()

    def run(self, camera: Camera) -> None:
        """Queue it kernel by kernel."""
        self._aim(camera)
        self._queue()
        if self._drawn is not None:
            self._drawn.record()

    def record(self) -> None:
        """Make a graph of it, where there are graphs."""
        if self._device.type != "cuda":
            return
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._queue()

    def needed(self) -> Needed:
        """Footprints and pairs of the last picture; waits for it."""
        if self._drawn is not None:
            self._drawn.synchronize()
        return counted(self._counters)

    def too_small(self) -> bool:
        """Whether the last picture did not fit; waits for it."""
        return any(needed > room for needed, room in zip(self.needed(), self._room, strict=True))

    def _aim(self, camera: Camera) -> None:
        self._pose.copy_(camera.camera_from_world[0], non_blocking=True)
        self._K.copy_(camera.Ks[0], non_blocking=True)

    def _queue(self) -> None:
        stream = stream_of(self._device)
        places = (self._pose.data_ptr(), self._K.data_ptr())
        self._kernels.bin(self._frame, self._packed, *places, self._job, self._counters.data_ptr(), stream)
        self._kernels.blend_bytes(self._frame, self.bytes.data_ptr(), *self._background, stream)


def _half(tensor: Tensor) -> Float[Tensor, "..."]:
    """Half precision; what is beyond its range is held at its end, but for infinite logits."""
    most = torch.finfo(torch.float16).max
    held = tensor.clamp(-most, most)
    return torch.where(tensor.isinf(), tensor, held).half()
