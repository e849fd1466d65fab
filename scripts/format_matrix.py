"""Writes docs/format-matrix.md: what each format keeps, costs and loses, and which programs agree with us about it.

    scripts/format_matrix [FILE ...]

Everything in it is found by saving, loading and comparing files (`splatworld/compare`) and by asking other programs
(`tests/peers`), so a format that is added to the table of formats has its rows at the next run. FILE are worlds to
measure; by default a scan of a plant and 10,000 random splats with SH from the sample data.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields
from importlib import metadata
from pathlib import Path

import format_kinds
from format_kinds import Kept, Kind
from splatworld import __version__, formats
from splatworld.compare import Attributes, Comparison, compare, file_bytes
from splatworld.errors import OutputError, SplatworldError, UsageError
from splatworld.world import World

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "format-matrix.md"
SAMPLES = ("splats/plant.splat", "splats/peers/s10k.ply")
"""In the folder of sample data, which SPLATWORLD_DATA names."""
SECONDS = 900
"""That a program may take: SOG with SH is slow without a GPU."""
ERRORS = ("position 99 %, mm", "ln scale", "rotation 99 %, °", "opacity", "colour", "SH")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; 0 if that could be done."""
    parser = argparse.ArgumentParser(prog="scripts/format_matrix", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="worlds to measure")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page to write")
    parser.add_argument("--alone", action="store_true", help="leave out what needs other programs")
    asked = parser.parse_args(arguments)
    data = Path(os.environ.get("SPLATWORLD_DATA", ROOT.parent / "shared" / "data"))
    files = asked.files or [data / name for name in SAMPLES]
    try:
        with tempfile.TemporaryDirectory(prefix="format-matrix-") as folder:
            asked.out.write_text("\n".join(page(files, Path(folder), alone=asked.alone)) + "\n")
    except SplatworldError as why:
        print(f"format_matrix: {why}", file=sys.stderr)
        return 1
    print(asked.out)
    return 0


def page(files: Sequence[Path], folder: Path, *, alone: bool) -> Iterator[str]:
    """Its lines."""
    samples = {path.name.split(".")[0]: formats.load(path) for path in files}
    yield "# Formats, measured"
    yield ""
    yield "Written by `scripts/format_matrix`; changes by hand are lost. [File formats](formats.md) explains."
    yield ""
    yield from _programs(alone)
    yield from _kept(folder)
    for name, world in samples.items():
        yield from _round_trips(name, world, folder / name)
    if not alone:
        yield from _others(samples, folder / "others")


def _programs(alone: bool) -> Iterator[str]:
    found = {"splatworld": __version__, "Python": platform.python_version()}
    found |= {name: metadata.version(name) for name in ("torch", "numpy", "pillow")}
    if not alone:
        import format_peers

        found |= format_peers.versions()
        for name, reason in format_peers.missing().items():
            yield f"Not asked: {name} ({reason})."
            yield ""
    yield ", ".join(f"{name} {version}" for name, version in found.items()) + "."
    yield ""


def _kept(folder: Path) -> Iterator[str]:
    yield "## What is kept"
    yield ""
    yield (
        "Of a world with SH of degree 4, two layers, two things, all extra columns and a surface: what comes back "
        "when it is saved and loaded."
    )
    yield ""
    names = [field.name.replace("_", " ") for field in fields(Kept)]
    yield from _head("", *(_TITLES.get(name, name) for name in names))
    for kind in format_kinds.kinds():
        _say(f"{kind.title}: what is kept")
        kept = format_kinds.kept(kind, folder / _slug(kind))
        yield _row(kind.title, *(_yes(getattr(kept, field.name)) for field in fields(Kept)))
    yield ""
    if only := format_kinds.read_only():
        yield f"Read only: {', '.join(f'`.{name}`' for name in only)}."
        yield ""
    yield (
        '"Named": other axes or another unit can be asked for, and the file says so itself. "Not named": whoever '
        "reads it must be told."
    )
    yield ""


_TITLES = {"sh": "SH degree", "things of splats": "thing of each splat", "labels": "class of each splat"}


def _round_trips(name: str, world: World, folder: Path) -> Iterator[str]:
    splats = world.splats()
    yield f"## {name}: {len(splats):,} splats, SH of degree {splats.degree}, saved and loaded"
    yield ""
    yield from _head("", "bytes a splat", "PSNR", "SSIM", *ERRORS)
    for kind in format_kinds.kinds():
        _say(f"{kind.title}: {name}")
        try:
            path = kind.written(world, folder / _slug(kind))
        except (OutputError, UsageError) as why:
            yield _row(kind.title, str(why))
            continue
        found = compare(world, formats.load(path))
        size = file_bytes(path.parent) / len(splats)
        yield _row(kind.title, f"{size:.1f}", _decibels(found), f"{found.ssim:.5f}", *_errors(found.attributes))
    yield ""
    yield _METHOD
    yield ""


_METHOD = (
    "PSNR over all pixels of eight views of 480 x 320, each on black or on white, whichever is worse. Errors are rms "
    "but where said, of colour and SH (band by band) by opacity; a rotation counts by the shape that it turns, so that "
    "of a sphere is none."
)


def _others(samples: dict[str, World], folder: Path) -> Iterator[str]:
    """What other programs have to do with our files, and we with theirs."""
    import peers

    peers.SECONDS = SECONDS
    plys = {name: folder / f"{name}.ply" for name in samples}
    folder.mkdir()
    for name, world in samples.items():
        formats.save(world, plys[name])
        (folder / name).mkdir()
    *_, last = samples
    yield from _agreement(last, plys[last], folder / last)
    for name, ply in plys.items():
        yield from _makers(name, ply, folder / name)


def _agreement(name: str, ply: Path, folder: Path) -> Iterator[str]:
    import format_peers

    yield "## Who reads what we write, and wrote what we read"
    yield ""
    yield (
        f"{name} as a file of each kind, by us and by others: whoever is named sees in it what we see, splat by splat, "
        "but for rounding (`tests/peers/agreement.py` has the bounds; opacities of 0 and 1 we read a quarter of a step "
        "further in). `tests/formats/test_peers.py` wants the same in "
        "every run of the tests."
    )
    yield ""
    yield from _head("", "they read ours", "we read theirs", "but")
    for kind in (kind for kind in format_kinds.kinds() if kind.peers is not None):
        _say(f"{kind.title}: who reads and writes it")
        read, made = [list(ask(kind, ply, folder)) for ask in (format_peers.read_by, format_peers.written_by)]
        wrong = [f"{said.program} {said.wrong}" for said in (*read, *made) if said.wrong]
        good = [", ".join(said.program for said in half if not said.wrong) or "-" for half in (read, made)]
        yield _row(kind.title, *good, "; ".join(wrong))
    yield ""


def _makers(name: str, ply: Path, folder: Path) -> Iterator[str]:
    import format_peers

    yield f"## {name}, as others write it"
    yield ""
    yield (
        "From one `.ply`, read by us; of each kind the first row is ours. Under axes: those of the file, where it does "
        "not have those of its kind."
    )
    yield ""
    yield from _head("", "by", "bytes a splat", "PSNR", *ERRORS, "axes")
    world = formats.load(ply)
    for kind in (kind for kind in format_kinds.kinds() if kind.peers is not None):
        _say(f"{kind.title}: {name} by others")
        made = list(format_peers.made_by(kind, world, ply, folder))
        if made:
            path = kind.written(world, folder / _slug(kind))
            ours = compare(world, formats.load(path))
            yield _made(kind.title, "splatworld", ours, file_bytes(path.parent) / len(world), "")
        for row in made:
            yield _made("", row.program, row.found, row.bytes_per_splat, row.said)
    yield ""


def _made(title: str, program: str, found: Comparison | None, size: float, said: str) -> str:
    if found is None:
        return _row(title, program, said, *[""] * (len(ERRORS) + 2))
    return _row(title, program, f"{size:.1f}", _decibels(found), *_errors(found.attributes), said)


def _errors(found: Attributes | None) -> Iterator[str]:
    if found is None:
        return
    yield _figure(1000 * found.position_p99_m, 3)
    yield _figure(found.log_scale_rms, 4)
    yield _figure(found.rotation_p99_deg, 3)
    yield _figure(found.opacity_rms, 4)
    yield _figure(found.colour_rms, 4)
    yield " ".join(_figure(band, 4) for band in found.sh_rms) or "-"


def _figure(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return "0" if float(text) == 0 else text


def _decibels(found: Comparison) -> str:
    if found.identical:
        return "identical"
    return "no difference" if found.psnr is None else f"{found.psnr:.2f} dB"


def _yes(value: str | bool) -> str:
    return value if isinstance(value, str) else "yes" if value else "-"


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|" + "---|" * len(names)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def _slug(kind: Kind) -> str:
    return "".join(c if c.isalnum() else "-" for c in kind.title)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
