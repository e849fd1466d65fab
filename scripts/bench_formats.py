"""How fast files are read, written and converted, against numpy's raw read and write of the same bytes.

Seconds of the clock and, in `..._cpu_s`, of all processors together, which other work on the machine disturbs less.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

SPLATS = 1_000_000
Figures = dict[str, float | int]


def reading_and_writing(folder: Path, suffix: str, *, degree: int = 3, **options: object) -> Figures:
    """A million splats in one format: written from memory, read back, and written again as they were read."""
    import numpy as np

    import splatworld

    path, raw = folder / f"x.{suffix}", folder / "raw"
    splats = _splats(degree)
    figures: Figures = {}
    figures |= _timed("write", lambda: splatworld.save(splats, path, force=True, **options), 3)
    figures["bytes_per_splat"] = round(path.stat().st_size / SPLATS, 2)
    figures |= _timed("fromfile", lambda: np.fromfile(path, np.uint8), 5)
    figures |= _timed("read", lambda: splatworld.load(path), 5)
    loaded, data = splatworld.load(path), np.fromfile(path, np.uint8)
    figures |= _timed("place", loaded.splats, 3)
    figures |= _timed("rewrite", lambda: splatworld.save(loaded, path, force=True, **options), 3)
    figures |= _timed("tofile", lambda: _raw_write(data, raw), 5)
    if suffix == "ply":  # the others hold other bytes than the tensors
        for done, against in (("read", "fromfile"), ("write", "tofile"), ("rewrite", "tofile")):
            figures[f"{done}_ratio"] = round(figures[f"{done}_s"] / max(figures[f"{against}_s"], 1e-3), 2)
    return figures


def converting(folder: Path, suffix: str, *, millions: int = 10) -> Figures:
    """A `.ply` of ten million splats with SH (2.5 GB) as another format, against a raw copy of it."""
    import splatworld
    from splatworld import formats

    source, target = folder / "x.ply", folder / f"y.{suffix}"
    splatworld.save(_splats(3), source)
    _repeated(source, millions)
    figures = _timed("convert", lambda: formats.convert(source, target, force=True), 1)
    figures |= _timed("copy", lambda: _copied(source, folder / "copy"), 1)
    return {**figures, "ratio": round(figures["convert_s"] / figures["copy_s"], 2)}


def _splats(degree: int):
    import torch

    import splatworld

    rng = torch.Generator().manual_seed(1)
    return splatworld.Splats(
        means=torch.randn(SPLATS, 3, generator=rng) * 10,
        quats=torch.randn(SPLATS, 4, generator=rng),
        log_scales=torch.randn(SPLATS, 3, generator=rng) - 4,
        logit_opacities=torch.randn(SPLATS, generator=rng),
        sh=torch.randn(SPLATS, (degree + 1) ** 2, 3, generator=rng) * 0.2,
    )


def _timed(name: str, work: Callable[[], object], repeats: int) -> Figures:
    """The quickest of some runs, by the clock and by the processors; the first one warms up."""
    clock, processors = [], []
    for _ in range(repeats + (repeats > 1)):
        began = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - began[0])
        processors.append(time.process_time() - began[1])
    return {f"{name}_s": round(min(clock), 3), f"{name}_cpu_s": round(min(processors), 3)}


def _raw_write(data, path: Path) -> None:
    """What `save` has to do at least: its files are on the disk when it returns."""
    with open(path, "wb") as file:
        data.tofile(file)
        file.flush()
        os.fsync(file.fileno())


def _copied(source: Path, target: Path) -> None:
    with open(source, "rb") as old, open(target, "wb") as new:
        shutil.copyfileobj(old, new, 1 << 22)
        new.flush()
        os.fsync(new.fileno())


def _repeated(path: Path, times: int) -> None:
    """The same splats again and again in one `.ply`."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    with open(path, "wb") as file:
        file.write(head.replace(b"vertex %d" % SPLATS, b"vertex %d" % (SPLATS * times)) + b"end_header\n")
        for _ in range(times):
            file.write(body)
