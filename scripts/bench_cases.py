"""The cases of `scripts/bench`: python bench_cases.py CASE FOLDER runs one and prints its figures as JSON."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import bench_decimate
import bench_formats

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


CASES: dict[str, Callable[[Path], Figures]] = {
    "generate-300k": lambda folder: generate(folder, 300_000),
    "generate-1m": lambda folder: generate(folder, 1_000_000),
    "world-300k": render,
    "import": importing,
    "help": helping,
    "ply-1m": lambda folder: bench_formats.reading_and_writing(folder, "ply"),
    "ply-1m-sh0": lambda folder: bench_formats.reading_and_writing(folder, "ply", degree=0),
    "compressed-1m": lambda folder: bench_formats.reading_and_writing(folder, "compressed.ply"),
    "splat-1m": lambda folder: bench_formats.reading_and_writing(folder, "splat"),
    "spz3-1m": lambda folder: bench_formats.reading_and_writing(folder, "spz"),
    "spz4-1m": lambda folder: bench_formats.reading_and_writing(folder, "spz", spz_version=4),
    "sog-1m": lambda folder: bench_formats.reading_and_writing(folder, "sog", repeats=1),
    "sog-1m-sh0": lambda folder: bench_formats.reading_and_writing(folder, "sog", degree=0, repeats=1),
    **{
        f"{name}-{suffix}-1m": partial(bench_formats.peer, name=name, suffix=suffix)
        for name, suffixes in bench_formats.PEERS_OF.items()
        for suffix in suffixes
    },
    "decimate-1m": bench_decimate.speed,
    "decimate-plant": partial(bench_decimate.looks, name="plant"),
    "decimate-world": partial(bench_decimate.looks, name="world"),
    "compressed-10m": lambda folder: bench_formats.converting(folder, "compressed.ply"),
    "ply-10m": lambda folder: bench_formats.converting(folder, "ply"),
    "splat-10m": lambda folder: bench_formats.converting(folder, "splat"),
    "spz-10m": lambda folder: bench_formats.converting(folder, "spz"),
}


if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](Path(sys.argv[2]))))
