"""One scene, drawn by one backend: python bench_render.py SCENE BACKEND ... prints a line of JSON for each measurement.

`scripts/bench render` runs it, once for each scene and backend, so that memory is told apart.
"""

import argparse
import functools
import itertools
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import bench_scenes
from bench_scenes import SIZES, Scene
from splatworld.camera import Camera
from splatworld.render import RenderSettings, backends, native, render
from splatworld.render.packed import PackedScene
from splatworld.render.params import Params
from splatworld.splats import Splats

PARAMETERS = ("means", "quats", "log_scales", "logit_opacities", "sh")
RATE = 1e-7
FAR = 100.0
"""Metres, as in gsplat's profiling."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds for one run of something."""

    median: float
    best: float
    cpu: float
    """Of all threads together, on average."""
    repeats: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or write a scene for another program."""
    asked = _parser().parse_args(arguments)
    if asked.scene == "backends":
        print(json.dumps(_available()))
        return
    scene = bench_scenes.scene(asked.scene)
    if asked.raw is not None:
        _write_raw(scene, asked.sizes[0], asked.raw)
        print(json.dumps({"scene": scene.name, "splats": len(scene.splats)}))
        return
    if asked.threads:
        torch.set_num_threads(asked.threads)
    if asked.isa:
        native.blend = functools.partial(native.blend, isa=asked.isa)
    for row in rows(scene, asked.backend, asked.sizes, asked.modes, asked.seconds):
        print(json.dumps(row), flush=True)


def rows(
    scene: Scene, backend: str, sizes: Sequence[str], modes: Sequence[str], seconds: float
) -> Iterator[dict[str, object]]:
    """A measurement for each size and mode; what cannot be measured says why in "no"."""
    device = "cuda" if backend in ("cuda", "gsplat", "gsplat-packed") else "cpu"
    splats = scene.splats.to(device)
    for size in sizes:
        width, height = SIZES[size]
        view = scene.view(width, height)
        camera = Camera(view.camera_from_world.to(device), view.Ks.to(device), width, height)
        for mode in modes:
            row: dict[str, object] = {"scene": scene.name, "splats": len(splats), "size": size, "mode": mode}
            try:
                job = _job(backend, mode, splats, camera, scene.radius_clip)
                row |= _told(timed(job, seconds, device), device)
            except (ImportError, torch.OutOfMemoryError) as why:
                row["no"] = str(why).splitlines()[0]
            yield row


def timed(job: Callable[[], object], seconds: float, device: str) -> Timing:
    """Run for about so many seconds after warming up, three times at least unless one run takes them all."""
    began = time.perf_counter()
    job()
    once = time.perf_counter() - began
    if once < seconds:
        for _ in range(20 if device == "cuda" else 2):
            job()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return _timed_on_gpu(job, seconds)
    walls, cpu, until = [], time.process_time(), time.perf_counter() + seconds
    while not walls or (len(walls) < 3 and once < seconds) or (time.perf_counter() < until and len(walls) < 300):
        began = time.perf_counter()
        job()
        walls.append(1e3 * (time.perf_counter() - began))
    return Timing(statistics.median(walls), min(walls), 1e3 * (time.process_time() - cpu) / len(walls), len(walls))


def _timed_on_gpu(job: Callable[[], object], seconds: float) -> Timing:
    """By events on the stream, and nothing is waited for between frames: as a loop of training runs."""
    torch.cuda.synchronize()
    walls, cpu, until = [], time.process_time(), time.perf_counter() + seconds
    while not walls or (time.perf_counter() < until and len(walls) < 1000):
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(21)]
        for mark in marks[:-1]:
            mark.record()
            job()
        marks[-1].record()
        torch.cuda.synchronize()
        walls += [a.elapsed_time(b) for a, b in itertools.pairwise(marks)]
    return Timing(statistics.median(walls), min(walls), 1e3 * (time.process_time() - cpu) / len(walls), len(walls))


def _told(timing: Timing, device: str) -> dict[str, object]:
    """Peak memory is of the process on the CPU, with torch and the scene in it, and of the allocator on a GPU."""
    found: dict[str, object] = {
        "ms": round(timing.median, 4),
        "best_ms": round(timing.best, 4),
        "cpu_ms": round(timing.cpu, 4),
        "repeats": timing.repeats,
        "threads": torch.get_num_threads(),
    }
    if device == "cuda":
        return found | {
            "device": torch.cuda.get_device_name(),
            "peak_mb": round(torch.cuda.max_memory_allocated() / 1e6, 1),
        }
    kib = 1024 if sys.platform != "darwin" else 1
    return found | {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kib / 1e6, 1)}


def _job(backend: str, mode: str, splats: Splats, camera: Camera, radius_clip: float) -> Callable[[], object]:
    draw = _gsplats_drawing(backend) if backend.startswith("gsplat") else functools.partial(_draw, backend)
    if mode == "step":
        return _step(backend, splats, camera, radius_clip)
    if mode == "frame":
        return functools.partial(PackedScene(splats, settings=_settings(radius_clip)).picture, camera)
    if mode == "forward":

        def forward() -> None:
            with torch.no_grad():
                draw(splats, camera, radius_clip)

        return forward
    leaves = {name: getattr(splats, name).clone().requires_grad_() for name in PARAMETERS}
    learning = Splats(**leaves)
    upstream = torch.randn(1, camera.height, camera.width, 3, generator=torch.Generator().manual_seed(1))
    upstream = upstream.to(splats.means.device)

    def backward() -> None:
        torch.autograd.grad(draw(learning, camera, radius_clip), list(leaves.values()), upstream)

    return backward


def _draw(backend: str, splats: Splats, camera: Camera, radius_clip: float) -> torch.Tensor:
    return render(splats, camera, settings=_settings(radius_clip), backend=backend).rgb


@functools.cache
def _settings(radius_clip: float) -> RenderSettings:
    return RenderSettings(radius_clip=radius_clip, far=FAR)


def _gsplats_drawing(backend: str) -> Callable[[Splats, Camera, float], torch.Tensor]:
    """As its users call it: `packed` is its default, and off is faster where much is in view."""
    from gsplat import rasterization

    def draw(splats: Splats, camera: Camera, radius_clip: float) -> torch.Tensor:
        rgb, _, _ = rasterization(
            splats.means,
            splats.quats,
            splats.log_scales.exp(),
            splats.logit_opacities.sigmoid(),
            splats.sh,
            camera.camera_from_world,
            camera.Ks,
            camera.width,
            camera.height,
            sh_degree=splats.degree,
            radius_clip=radius_clip,
            far_plane=FAR,
            packed=backend == "gsplat-packed",
        )
        return rgb

    return draw


def _step(backend: str, splats: Splats, camera: Camera, radius_clip: float) -> Callable[[], object]:
    """A step towards grey; so small that the scene stays what it is."""
    from splatworld.optimize import Adam, stepper
    from splatworld.optimize.step import step

    tensors = {name: getattr(splats, name).clone() for name in PARAMETERS}
    target = torch.full((1, camera.height, camera.width, 3), 128, dtype=torch.uint8, device=splats.means.device)
    if backend.startswith("gsplat"):
        return _gsplats_step(_gsplats_drawing(backend), Splats(**tensors), camera, radius_clip, target)
    adam = Adam(tensors, dict.fromkeys(PARAMETERS, RATE), mode="lazy")
    params, settings = Params(**tensors), _settings(radius_clip)
    if backend == "cuda":
        return functools.partial(stepper(params, adam, settings), camera, target)
    return functools.partial(step, params, adam, settings, camera, target, backend=backend)


def _gsplats_step(
    draw: Callable[[Splats, Camera, float], torch.Tensor],
    splats: Splats,
    camera: Camera,
    radius_clip: float,
    target: torch.Tensor,
) -> Callable[[], object]:
    """With our loss, which is fused, and torch's fused Adam: only what gsplat itself does is compared."""
    from splatworld.optimize import photometric_loss

    leaves = [getattr(splats, name).requires_grad_() for name in PARAMETERS]
    adam = torch.optim.Adam(leaves, lr=RATE, eps=1e-15, fused=True)

    def step() -> None:
        adam.zero_grad()
        photometric_loss(draw(splats, camera, radius_clip), target).backward()
        adam.step()

    return step


def _available() -> dict[str, str | None]:
    return backends() | {"isas": ",".join(native.isas()) if native.unavailable() is None else ""}


def _write_raw(scene: Scene, size: str, file: Path) -> None:
    """A scene for SPLATWORLD_BASELINE, without heading or padding.

    int32: count, width, height. float32: camera_from_world 4x4, K 3x3, then for all splats means, standard deviations,
    quaternions wxyz, opacities, RGB.
    """
    width, height = SIZES[size]
    camera, splats = scene.view(width, height), scene.splats
    colours = (0.5 + 0.28209479177387814 * splats.sh[:, 0]).clamp(min=0)
    parts = (camera.camera_from_world[0], camera.Ks[0], splats.means, splats.log_scales.exp(), splats.quats)
    with file.open("wb") as out:
        np.array([len(splats), width, height], np.int32).tofile(out)
        for part in (*parts, splats.logit_opacities.sigmoid(), colours):
            part.contiguous().numpy().tofile(out)


def _parser() -> argparse.ArgumentParser:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scene", choices=[*bench_scenes.SCENES, "backends"])
    parser.add_argument("backend", nargs="?", default="cpu")
    parser.add_argument("--sizes", type=names, default=["1080p"])
    parser.add_argument("--modes", type=names, default=["forward"])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--isa", default="")
    parser.add_argument("--raw", type=Path)
    return parser


if __name__ == "__main__":
    main()
