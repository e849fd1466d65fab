"""What reading one broken file came to, and whether a user may meet that."""

import contextlib
import resource
import sys
import time
import traceback
from pathlib import Path

from splatworld import formats, limits
from splatworld.errors import OutputError, SplatworldError
from splatworld.splats import Splats
from splatworld.world import World

SECONDS_MAX = 1.0
"""Of processor time for one input, as other work may share the machine."""
MEMORY_MAX = 300 << 20
"""More than before, for one input."""
_SENTENCE_CHARS_MAX = 600


class Failure(Exception):
    """An input that ended otherwise than it should."""


def outcome(path: Path, data: bytes, *, again: bool = False) -> str:
    """`accepted`, or the kind of error. Raises `Failure` for anything that users must not meet.

    With `again`, a world that was accepted is also written and read once more.
    """
    path.write_bytes(data)
    began, before = time.process_time(), _peak()
    try:
        world = formats.load(path)
        _check(world)
        kind = "accepted"
    except SplatworldError as why:
        world, kind = None, _checked_kind(why, path)
    except Failure:
        raise
    except Exception as why:
        raise Failure("".join(traceback.format_exception(why))) from why
    seconds, grown = time.process_time() - began, _peak() - before
    if seconds > SECONDS_MAX and (seconds := _seconds(path)) > SECONDS_MAX:  # the first of a kind waits for imports
        raise Failure(f"took longer than {SECONDS_MAX} s: {seconds:.1f} s")
    if grown > MEMORY_MAX:
        raise Failure(f"took more than {MEMORY_MAX >> 20} MB: {grown >> 20} MB")
    if again and world is not None:
        for suffix in (".ply", ".splatworld"):
            _write_again(world, path.parent / f"again{suffix}")
    return kind


def _seconds(path: Path) -> float:
    began = time.process_time()
    with contextlib.suppress(SplatworldError):
        formats.load(path)
    return time.process_time() - began


def _check(world: World) -> None:
    """What a reader lets through is finite and within bounds."""
    for layer, placed in world.placed(visible_only=False):
        if fault := _fault(placed):
            raise Failure(f"accepted, but in the layer {layer.id!r} {fault}")
        if len(placed) and float(layer.splats.means.abs().max()) > limits.POSITION_METRES_MAX:
            raise Failure(f"accepted, but in the layer {layer.id!r} means lie out of bounds")


def _fault(splats: Splats) -> str | None:
    for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
        if not bool(getattr(splats, name).isfinite().all()):
            return f"{name} are not finite"
    return None


def _write_again(world: World, path: Path) -> None:
    """What was read can be written, and that can be read; but units and places may have carried it too far away."""
    try:
        formats.save(world, path, force=True)
        formats.load(path)
    except Exception as why:
        if isinstance(why, OutputError) and "positions lie beyond" in str(why):
            return
        raise Failure(f"accepted, but then: {''.join(traceback.format_exception(why))}") from why


def _checked_kind(why: SplatworldError, path: Path) -> str:
    """The kind of a refusal whose text is what it should be: one sentence that names the file."""
    text = str(why)
    if "does not fit into the memory" in text:
        raise Failure("asked for far too much memory")
    if path.name not in text and str(path.parent) not in text:  # files beside it are named by their paths
        raise Failure(f"the sentence does not name the file: {text[:300]!r}")
    if len(text) > _SENTENCE_CHARS_MAX or "\n" in text:
        raise Failure(f"no sentence: {text[:300]!r}")
    return type(why).__name__


def _peak() -> int:
    """Largest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
