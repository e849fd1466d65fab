"""What the comments in the header of a PLY say of its world, as far as we know how to read them.

We write `comment axes rdf`, `comment unit 1` (metres), `comment label NAME` in the order of their numbers, `comment
thing JSON` for each thing and `comment world JSON` for views and light; see `splatworld.formats.structure`. Other
programs pass comments over. nerfstudio writes `Vertical Axis: z`, which are the axes we call `rfu`.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

import msgspec

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats import structure
from splatworld.formats.frames import Frame
from splatworld.formats.streams import Shape
from splatworld.formats.structure import Structure
from splatworld.progress import Note, Progress
from splatworld.world import Thing

_UPRIGHT = "Vertical Axis: z"


class Said(msgspec.Struct, frozen=True):
    """The meaning of the comments."""

    frame: Frame
    unit: float
    structure: Structure


def understood(comments: Sequence[str], frame: Frame, source: str) -> Said:
    """With the axes `frame` if they name none. Raises `FormatError` for comments that look like ours and are broken."""
    labels = tuple(text[: limits.NAME_CHARS] for text in _after(comments, "label"))
    world = next(_after(comments, "world"), "{}")
    try:
        found = {**json.loads(world), "things": [json.loads(text) for text in _after(comments, "thing")]}
        unit = float(next(_after(comments, "unit"), "1"))
    except (ValueError, TypeError, RecursionError) as why:
        raise FormatError(f"{source}: a comment about its world is broken ({why})") from None
    if not (math.isfinite(unit) and limits.FILE_UNIT_MIN <= unit <= limits.FILE_UNIT_MAX):
        raise FormatError(f"{source}: its unit of {unit:g} metres is not possible")
    return Said(_frame(comments) or frame, unit, structure.checked(found | {"labels": labels}, source))


def _frame(comments: Sequence[str]) -> Frame | None:
    named = next(_after(comments, "axes"), None)
    if named in get_args(Frame):
        return named  # type: ignore[return-value]
    return "rfu" if _UPRIGHT in comments else None


def _after(comments: Iterable[str], word: str) -> Iterator[str]:
    """What follows this word in each comment that begins with it."""
    return (text[len(word) + 1 :].strip() for text in comments if text.startswith(word + " "))


def lines(shape: Shape, progress: Progress) -> list[str]:
    """The comments of a file to be written; things that find no room in a header are left out and told."""
    told = [f"axes {shape.frame}", f"unit {shape.unit:.9g}"] + [_UPRIGHT] * (shape.frame == "rfu")
    told += [f"label {' '.join(label.split())}" for label in shape.labels]
    if shape.structure == structure.NOTHING or "thing" not in shape.extras:
        return told
    world = msgspec.structs.replace(shape.structure, labels=(), things=())
    told.append(f"world {_json(msgspec.to_builtins(world))}")
    room = limits.PLY_STRUCTURE_BYTES - sum(map(len, told))
    for i, thing in enumerate(shape.structure.things):
        line = f"thing {_json(_short(thing))}"
        room -= len(line) + len("comment \n")
        if room < 0:
            left = len(shape.structure.things) - i
            progress(Note(f"{left:,} things found no room in the header of the PLY; their splats keep their ids"))
            break
        told.append(line)
    return told


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))  # in ASCII, as headers are


_NEEDED = ("id", "name", "class")
_PLAIN = msgspec.to_builtins(Thing(id=1, name="x", kind="x"))


def _short(thing: Thing) -> dict[str, Any]:
    """A thing without what it has in common with the plainest one."""
    whole = msgspec.to_builtins(thing)
    return {key: _rounded(value) for key, value in whole.items() if value != _PLAIN[key] or key in _NEEDED}


def _rounded(value: Any) -> Any:
    """To a tenth of a millimetre, as there is little room."""
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value
