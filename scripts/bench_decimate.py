"""How much decimation shows: PSNR of pictures before and after, of ours and of leaving out the smallest splats.

Other programs are measured the same way: their results, put as `NAME_plant_50.ply` and the like into the folder that
SPLATWORLD_DECIMATED names, appear in the same table. Their input is what `plant.ply` and `world.ply` there were made
from: the scan of the sample data (SPLATWORLD_DATA) and a generated world, which this writes if they are missing.
"""

import os
import time
from pathlib import Path

PERCENT = (50, 25, 10)
SENTENCE = "a red cabin by a lake in a pine forest at sunset, two boats"
Figures = dict[str, float | int]


def speed(folder: Path) -> Figures:
    """A million splats with SH of degree 3 to a tenth."""
    import bench_formats
    from splatworld.decimate import decimated

    splats = bench_formats._splats(3)
    began = time.perf_counter(), time.process_time()
    decimated(splats, len(splats) // 10)
    seconds, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    return {"decimate_s": round(seconds, 2), "decimate_cpu_s": round(cpu, 2)}


def looks(folder: Path, name: str) -> Figures:
    """PSNR in dB, mean of all views, of the scan ("plant") or of a generated world of 200k splats ("world")."""
    import splatworld
    from splatworld.decimate import decimated

    others = Path(os.environ.get("SPLATWORLD_DECIMATED", folder))
    world = _plant() if name == "plant" else splatworld.generate(SENTENCE, seed=1, splats=200_000)
    if not world:
        return {}
    if not (others / f"{name}.ply").exists():
        splatworld.save(world, others / f"{name}.ply")
    cameras = _around(world) if name == "plant" else _about(world)
    before = _pictures(world, cameras)
    figures: Figures = {}
    for percent in PERCENT:
        count = len(world) * percent // 100
        figures[f"ours_{percent}"] = _psnr(before, _pictures(decimated(world, count), cameras))
        figures[f"pruned_{percent}"] = _psnr(before, _pictures(_pruned(world.splats(), count), cameras))
        for path in sorted(others.glob(f"*_{name}_{percent}.ply")):
            figures[path.stem.replace(f"_{name}", "")] = _psnr(before, _pictures(splatworld.load(path), cameras))
    return figures


def _plant():
    import splatworld

    path = Path(os.environ.get("SPLATWORLD_DATA", "../shared/data")) / "splats" / "plant.splat"
    return splatworld.load(path) if path.exists() else None


def _around(world) -> list:
    """Four views of an object from all sides, 480x320."""
    import math

    from splatworld.camera import look_at

    start = world.start
    (x, y, z), (cx, cy, cz) = start.eye, start.target
    far, cameras = math.hypot(x - cx, y - cy), []
    for turn in range(4):
        angle = turn * math.pi / 2
        eye = (cx + far * math.sin(angle), cy - far * math.cos(angle), z)
        cameras.append(look_at(eye, (cx, cy, cz), fov_deg=60, width=480, height=320))
    return cameras


def _about(world) -> list:
    """The start view of a world, and two from a walk, 480x320."""
    import numpy as np

    from splatworld.camera import look_at

    eye, target = np.asarray(world.start.eye), np.asarray(world.start.target)
    ahead = (target - eye) / np.linalg.norm(target - eye)
    aside = np.cross(ahead, [0.0, 0.0, 1.0])
    walk = [eye + 4 * ahead + 3 * aside, eye + 7 * ahead - 4 * aside]
    cameras = [look_at(tuple(at), tuple(at + 10 * ahead), fov_deg=60, width=480, height=320) for at in walk]
    return [world.start.camera(width=480, height=320), *cameras]


def _pictures(scene, cameras: list) -> list:
    import splatworld

    return [splatworld.render(scene, camera).rgb.clamp(0, 1) for camera in cameras]


def _psnr(before: list, after: list) -> float:
    values = [-10 * ((a - b) ** 2).mean().log10() for a, b in zip(before, after, strict=True)]
    return round(float(sum(values)) / len(values), 2)


def _pruned(splats, count: int):
    """Those of the largest opacity times area."""
    area = splats.log_scales.sort(1).values[:, 1:].sum(1).exp()
    return splats[(area * splats.opacities).argsort(descending=True)[:count]]
