"""`SceneSpec`: what the words asked for, as data.

It is printed by `splatworld spec`, can be edited as JSON and given back to `splatworld generate --spec`. It holds
wishes only: where things come to stand is the generator's business.
"""

import unicodedata
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from splatworld import limits
from splatworld.errors import SpecError

VERSION = 1

Place = Literal["forest", "meadow", "mountain", "lake", "river", "desert", "beach", "snow", "village", "interior"]
Landform = Literal["flat", "rolling", "hills", "valley", "mountains", "dunes", "canyon", "coast"]
Time = Literal["dawn", "morning", "noon", "afternoon", "sunset", "dusk", "night"]
Weather = Literal["clear", "cloudy", "overcast", "rain", "storm", "fog", "snow"]
Season = Literal["spring", "summer", "autumn", "winter"]
Water = Literal["lake", "pond", "river", "stream", "sea"]
Ground = Literal["grass", "forest_floor", "sand", "snow", "rock", "dirt", "gravel", "wood", "stone", "carpet"]
Style = Literal["realistic", "lowpoly", "painterly"]
RelationKind = Literal[
    "by", "on", "in", "under", "behind", "in_front_of", "left_of", "right_of", "between", "around", "along",
]  # fmt: skip
Size = Literal["tiny", "small", "large", "huge", "tall", "short", "long", "wide"]

Name = Annotated[str, Meta(min_length=1, max_length=64)]


class Relation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing's place relative to others: `a by the lake`, `a between the b's`."""

    kind: RelationKind
    to: Annotated[list[Name], Meta(min_length=1, max_length=8)]
    """Item ids of this spec, or "lake", "river", "sea", "path", "ground", "wall"."""


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Things that were asked for: `count` copies of one class."""

    id: Name
    """Unique in the spec; relations name it: "cabin", "boat-2"."""
    thing: Name
    """Class name from the catalogue: "cabin", "pine"."""
    count: Annotated[int, Meta(ge=1, le=limits.SPEC_ITEM_COUNT)] = 1
    colour: Annotated[str, Meta(max_length=32)] | None = None
    """Colour name, see `splatworld.palette`."""
    material: Annotated[str, Meta(max_length=32)] | None = None
    size: Size | None = None
    relations: Annotated[list[Relation], Meta(max_length=8)] = []


class Cover(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plants and stones scattered without being counted: a pine forest, a flowery meadow."""

    thing: Name
    density: Annotated[float, Meta(ge=0.0, le=4.0)] = 1.0
    """1 is the usual density of such a place; 0.3 is sparse, 2 is thick."""
    colour: Annotated[str, Meta(max_length=32)] | None = None
    size: Size | None = None


class SceneSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scene in wishes. Everything has a default; an empty spec is a summer meadow at noon."""

    version: Literal[1] = VERSION
    prompt: Annotated[str, Meta(max_length=limits.PROMPT_CHARS)] = ""
    place: Place = "meadow"
    landform: Landform = "rolling"
    time: Time = "afternoon"
    weather: Weather = "clear"
    season: Season = "summer"
    water: Water | None = None
    ground: Ground = "grass"
    far: Literal["mountains", "hills", "none"] = "hills"
    """What closes the horizon."""
    items: Annotated[list[Item], Meta(max_length=limits.SPEC_ITEM_KINDS)] = []
    covers: Annotated[list[Cover], Meta(max_length=32)] = []
    absent: Annotated[list[Name], Meta(max_length=32)] = []
    """Classes or wider words ("tree") that must not be there."""
    path: bool = False
    """A trodden path leads from the start to the focal thing."""
    style: Style = "realistic"
    seed: Annotated[int, Meta(ge=0, le=limits.SEED_MAX)] = 0
    unknown: list[str] = []
    """Words that were not understood."""
    notes: list[str] = []
    """What was decided where the words contradict themselves or ask for more than there is."""


def decode(data: bytes) -> SceneSpec:
    """Read a spec from JSON. Raises `SpecError` with the path of what is wrong."""
    if len(data) > limits.SPEC_FILE_BYTES:
        raise SpecError(f"the spec has {len(data):,} bytes; at most {limits.SPEC_FILE_BYTES:,} are read")
    try:
        spec = msgspec.json.decode(data, type=SceneSpec)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeDecodeError) as why:
        raise SpecError(f"the spec is not valid: {why}; `splatworld spec --schema` prints what is expected") from None
    return checked(spec)


def encode(spec: SceneSpec) -> bytes:
    """JSON, indented, one trailing newline."""
    return msgspec.json.format(msgspec.json.encode(spec), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a spec."""
    return msgspec.json.schema(SceneSpec)


def checked(spec: SceneSpec) -> SceneSpec:
    """The spec itself, if it is consistent; else `SpecError`."""
    seen: set[str] = set()
    for item in spec.items:
        if item.id in seen:
            raise SpecError(f"the spec has two items with id '{item.id}'; ids must differ")
        seen.add(item.id)
    for item in spec.items:
        for relation in item.relations:
            missing = [
                t for t in relation.to if t not in seen and t not in ("lake", "river", "sea", "path", "ground", "wall")
            ]
            if missing:
                raise SpecError(f"item '{item.id}' stands {relation.kind} '{missing[0]}', which is no item of the spec")
    total = sum(item.count for item in spec.items)
    if total > limits.SPEC_TOTAL_COUNT:
        raise SpecError(f"the spec asks for {total:,} things; at most {limits.SPEC_TOTAL_COUNT:,} can be placed")
    return spec


def clean_text(text: str) -> str:
    """NFC text without control, bidi and private characters, white space folded: safe to store and to show."""
    kept = (" " if c.isspace() else c for c in unicodedata.normalize("NFC", text))
    plain = "".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn"))
    return " ".join(plain.split())
