"""The cases of `scripts/bench`: python bench_cases.py CASE FOLDER runs one and prints its figures as JSON."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

SENTENCE = "a red cabin by a lake in a pine forest at sunset, two boats"
Figures = dict[str, float | int]


def timed(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of `work`, in milliseconds steps."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return round(median(seconds), 3)


def generate(folder: Path, splats: int) -> Figures:
    """From a sentence to a saved world."""
    import splatworld

    began = time.perf_counter()
    world = splatworld.generate(SENTENCE, seed=1, splats=splats)
    made = time.perf_counter()
    splatworld.save(world, folder / "world.splatworld")
    saved = time.perf_counter()
    size = (folder / "world.splatworld").stat().st_size
    return {
        "splats": len(world),
        "generate_s": round(made - began, 2),
        "save_s": round(saved - made, 2),
        "file_mb": round(size / 1e6, 1),
    }


def render(folder: Path) -> Figures:
    """The start view of a world of 300k splats, placed once."""
    import splatworld

    world = splatworld.generate(SENTENCE, seed=1, splats=300_000)
    splats, camera = world.splats(), world.start.camera(width=960, height=540)
    splatworld.render(splats, camera)
    return {
        "splats": len(splats),
        "place_s": timed(world.splats, 3),
        "render_s": timed(lambda: splatworld.render(splats, camera), 7),
    }


def importing(folder: Path) -> Figures:
    """`import splatworld` in fresh interpreters, over an empty one."""
    bare = timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True), 7)
    full = timed(lambda: subprocess.run([sys.executable, "-c", "import splatworld"], check=True), 7)
    return {"python_s": bare, "import_s": round(full - bare, 3)}


def helping(folder: Path) -> Figures:
    """`splatworld --help`, from start to end."""
    command = [sys.executable, "-m", "splatworld.cli", "--help"]
    return {"help_s": timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), 7)}


def formats(folder: Path) -> Figures:
    """A PLY of a million splats: reading it against `np.fromfile` of its bytes."""
    import numpy as np
    import torch

    import splatworld

    n, rng = 1_000_000, torch.Generator().manual_seed(1)
    splats = splatworld.Splats(
        means=torch.randn(n, 3, generator=rng),
        quats=torch.randn(n, 4, generator=rng),
        log_scales=torch.randn(n, 3, generator=rng) - 4,
        logit_opacities=torch.randn(n, generator=rng),
        sh=torch.randn(n, 1, 3, generator=rng),
    )
    path = folder / "million.ply"
    figures: Figures = {"write_s": timed(lambda: splatworld.save(splats, path, force=True), 3)}
    raw = timed(lambda: np.fromfile(path, np.uint8), 5)
    read = timed(lambda: splatworld.load(path), 5)
    return {**figures, "read_s": read, "fromfile_s": raw, "ratio": round(read / max(raw, 1e-3), 2)}


CASES: dict[str, Callable[[Path], Figures]] = {
    "generate-300k": lambda folder: generate(folder, 300_000),
    "generate-1m": lambda folder: generate(folder, 1_000_000),
    "world-300k": render,
    "import": importing,
    "help": helping,
    "formats-1m": formats,
}


if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](Path(sys.argv[2]))))
