"""How fast files are read, written and converted, against numpy's raw read and write of the same bytes.

Seconds of the clock and, in `..._cpu_s`, of all processors together, which other work on the machine disturbs less.
"""

import importlib.util
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SPLATS = 1_000_000
Figures = dict[str, float | int]


def reading_and_writing(folder: Path, suffix: str, *, degree: int = 3, repeats: int = 5, **options: object) -> Figures:
    """A million splats in one format: written from memory, read back, and written again as they were read.

    Raw is numpy's `fromfile` of the same file, and `tofile` of its bytes to a new file that is on the disk at the end,
    as those of `save` are. All take turns, so that other work on the machine hits all of them.
    """
    import numpy as np

    import splatworld

    path, again = folder / f"x.{suffix}", folder / f"y.{suffix}"
    splats = _splats(degree)
    splatworld.save(splats, path, **options)
    loaded, data = splatworld.load(path), np.fromfile(path, np.uint8)
    figures = _in_turns(
        {
            "fromfile": lambda: np.fromfile(path, np.uint8),
            "read": lambda: splatworld.load(path),
            "place": loaded.splats,
            "tofile": lambda: _raw_write(data, again),
            "write": lambda: splatworld.save(splats, again, **options),
            "rewrite": lambda: splatworld.save(loaded, again, **options),
        },
        repeats,
        again,
    )
    if suffix == "ply":  # the others hold other bytes than the tensors
        for done, against in (("read", "fromfile"), ("write", "tofile"), ("rewrite", "tofile")):
            for kind in ("", "cpu_"):
                ratio = figures[f"{done}_{kind}s"] / max(figures[f"{against}_{kind}s"], 1e-3)
                figures[f"{done}_{kind}ratio"] = round(ratio, 2)
    return {**figures, "bytes_per_splat": round(path.stat().st_size / SPLATS, 2)}


def peer(folder: Path, name: str, suffix: str, *, degree: int = 3, repeats: int = 2) -> Figures:
    """The same million splats read and written by another program; nothing if it is not installed."""
    if importlib.util.find_spec(name) is None:
        return {}
    import splatworld

    path, ply, again = folder / f"x.{suffix}", folder / "x.ply", folder / f"y.{suffix}"
    splats = _splats(degree)
    for file in {path, ply}:
        splatworld.save(splats, file)
    read, load, write = PEERS[name]
    held = load(ply)
    return _in_turns({"read": lambda: read(path), "write": lambda: write(held, again)}, repeats, again)


def _in_gsply(path: Path) -> Any:
    import gsply

    return gsply.read_spz(path) if path.suffix == ".spz" else gsply.plyread(path)


def _by_gsply(held: Any, path: Path) -> None:
    import gsply

    if path.suffix == ".spz":
        gsply.write_spz(path, held, version=3)
    else:
        gsply.plywrite(path, held)


def _in_plyfile(path: Path) -> Any:
    import plyfile

    return plyfile.PlyData.read(path)


def _in_gaussforge(path: Path) -> Any:
    import gaussforge

    kind = "compressed.ply" if path.name.endswith("compressed.ply") else path.suffix[1:]
    found = gaussforge.GaussForge().read(path.read_bytes(), kind)
    if "error" in found:
        raise RuntimeError(found["error"])
    return found["data"]


def _by_gaussforge(held: Any, path: Path) -> None:
    import gaussforge

    kind = "compressed.ply" if path.name.endswith("compressed.ply") else path.suffix[1:]
    made = gaussforge.GaussForge().write(held, kind)
    if "error" in made:
        raise RuntimeError(made["error"])
    path.write_bytes(made["data"])


PEERS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any], Callable[[Any, Path], None]]] = {
    "gsply": (_in_gsply, _in_gsply, _by_gsply),
    "plyfile": (_in_plyfile, _in_plyfile, lambda held, path: held.write(path)),
    "gaussforge": (_in_gaussforge, _in_gaussforge, _by_gaussforge),
}
"""To read a file of any kind, to read a `.ply` that is to be written, and to write that."""
PEERS_OF = {
    "gsply": ("ply", "compressed.ply", "spz"),
    "plyfile": ("ply",),
    "gaussforge": ("ply", "compressed.ply", "spz"),
}
"""What they are measured on; a million splats as `.sog` take gaussforge too long, and it cannot read a `.splat`."""


def converting(folder: Path, suffix: str, *, millions: int = 10) -> Figures:
    """A `.ply` of ten million splats with SH (2.5 GB) as another format, against a raw copy of it."""
    import splatworld
    from splatworld import formats

    source, target = folder / "x.ply", folder / f"y.{suffix}"
    splatworld.save(_splats(3), source)
    _repeated(source, millions)
    figures = _in_turns({"convert": lambda: formats.convert(source, target)}, 1, target)
    figures |= _in_turns({"copy": lambda: _copied(source, folder / "copy")}, 1, target)
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


def _in_turns(jobs: dict[str, Callable[[], object]], repeats: int, made: Path) -> Figures:
    """The quickest of some rounds, by the clock and by the processors, after one to warm up.

    Each begins without the file that it may make, whose pages are free for it then.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(repeats + (repeats > 1)):
        for name, work in jobs.items():
            made.unlink(missing_ok=True)
            began = time.perf_counter(), time.process_time()
            work()
            seconds[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    figures: Figures = {}
    for name, pairs in seconds.items():
        clock, processors = zip(*pairs, strict=True)
        figures |= {f"{name}_s": round(min(clock), 3), f"{name}_cpu_s": round(min(processors), 3)}
    return figures


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
