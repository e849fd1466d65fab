"""Mentions to items, covers and absences: which mentions are the same thing, how many there are, what stands where."""

from dataclasses import dataclass, field
from typing import Any

from splatworld import limits
from splatworld.generate.procedural import catalogue
from splatworld.generate.text import lexicon
from splatworld.generate.text.mentions import Mention, Traits
from splatworld.scene_spec import Cover, Item, Place, Relation, Water

TARGETS_MAX = 8
RELATIONS_MAX = 8
COVERS_MAX = 32


@dataclass(eq=False)
class Entry:
    """One item or cover to be."""

    thing: str
    traits: Traits
    count: int
    is_cover: bool
    id: str = ""
    relations: list[Relation] = field(default_factory=list)

    @property
    def colour(self) -> str | None:
        """The colour asked for; of several the first."""
        return next(iter(self.traits.colours), None)

    @property
    def item(self) -> Item:
        """The entry in the spec's terms."""
        said: Any = self.traits
        return Item(
            id=self.id,
            thing=self.thing,
            count=self.count,
            colour=self.colour,
            material=said.material,
            size=said.size,
            relations=self.relations,
        )


@dataclass(eq=False)
class Stock:
    """What stands in the scene, for one place and water."""

    place: Place
    water: Water | None
    entries: list[Entry] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    meant: dict[Mention, list[Entry]] = field(default_factory=dict)
    """The entries that a mention speaks of."""

    @property
    def items(self) -> list[Item]:
        """Items of the spec."""
        return [e.item for e in self.entries if not e.is_cover]


def stock(mentions: list[Mention], place: Place, water: Water | None) -> Stock:
    """Things of a scene from its mentions, in order."""
    made = Stock(place, water)
    related = {m.same_as or m for mention in mentions for link in mention.links for m in (mention, *link.objects)}
    scattered_in = {
        m for mention in mentions for link in mention.links if link.kind in ("in", "on") for m in link.objects
    }
    for mention in mentions:
        if mention.kind == "pronoun" and mention.same_as is not None:
            made.meant[mention] = made.meant.get(mention.same_as, [])
        elif mention.traits.negated:
            _forbid(made, mention)
        elif mention.kind in ("thing", "wide") and not _is_wall(made, mention) and not is_shell(mention):
            made.meant[mention] = _speak_of(made, mention, mention in related, mention in scattered_in)
    _enumerated(made)
    _resolve_absent(made)
    _number(made)
    for mention in mentions:
        _relate(made, mention)
    return made


def is_shell(mention: Mention) -> bool:
    """Whether the scene is inside of this building."""
    return mention.inside and mention.kind == "thing" and "building" in catalogue.classes()[mention.value].kinds


def is_kind(thing: str, wanted: str) -> bool:
    """Whether a class is `wanted` or one of that kind."""
    return thing == wanted or wanted in catalogue.classes()[thing].kinds


def is_scattered(thing: str) -> bool:
    """Whether it grows or lies about uncounted."""
    row = catalogue.classes()[thing]
    return thing in lexicon.SCATTERED or ("plant" in row.kinds and row.stands == "ground")


def class_of(mention: Mention, place: Place) -> str:
    """The class that a noun asks for here; wide words take what suits the place."""
    if mention.kind == "thing":
        return mention.value
    if mention.value == "tree" and lexicon.TREES.get(place) in catalogue.classes():
        return lexicon.TREES[place]
    return lexicon.WIDE_CLASSES[mention.value]


# What a mention speaks of ---------------------------------------------------------------------------------------------


def _speak_of(made: Stock, mention: Mention, related: bool, scattered_in: bool) -> list[Entry]:
    known = _known(made, mention)
    if known:
        return known
    thing = class_of(mention, made.place)
    traits = mention.traits
    low = is_scattered(thing) and not is_kind(thing, "tree")
    mass = (
        not mention.plural and traits.count is None and low and thing not in lexicon.SCATTERED and not traits.definite
    )
    uncounted = traits.count is None and (
        mention.plural or traits.density is not None or mass or (scattered_in and low)
    )
    is_cover = is_scattered(thing) and (mention.modifier or (uncounted and (not related or scattered_in)))
    if mention.modifier and not is_cover:
        return []
    if (
        is_cover
        and traits.definite
        and not traits.described
        and any(is_kind(e.thing, mention.value) for e in made.entries)
    ):
        return []
    count = _count(mention, thing)
    if thing == "house" and made.place == "village" and traits.definite and mention.plural and traits.count is None:
        count = lexicon.VILLAGE_HOUSES
    if count > limits.SPEC_ITEM_COUNT:
        made.notes.append(f"{count:,} {mention.word} are too many: {limits.SPEC_ITEM_COUNT} are placed")
        count = limits.SPEC_ITEM_COUNT
    if len(traits.colours) > 1 and not is_cover:
        made.notes.append(f"a {mention.word} has one colour: {traits.colours[0]}")
    entry = Entry(thing, traits, count, is_cover)
    made.entries.append(entry)
    return [entry]


def _known(made: Stock, mention: Mention) -> list[Entry]:
    """Entries that "the boats", or a bare "boat" after a preposition, already speaks of."""
    traits = mention.traits
    bare = mention.is_object and not mention.plural and traits.count is None and not traits.density
    if not (traits.definite or bare) or mention.modifier:
        return []
    same = [e for e in made.entries if _fits(e, mention)]
    if traits.count is not None and not traits.partitive:
        same = [e for e in same if e.count == traits.count] or (
            same if sum(e.count for e in same) == traits.count else []
        )
    return same if mention.several else same[-1:]


def _fits(entry: Entry, mention: Mention) -> bool:
    said, has = mention.traits, entry.traits
    return (
        is_kind(entry.thing, mention.value)
        and not entry.is_cover
        and (not said.colours or said.colours[:1] == has.colours[:1])
        and said.material in (None, has.material)
        and said.size in (None, has.size)
    )


def _count(mention: Mention, thing: str) -> int:
    """Its number; a bare plural is a few, more of them where they line or ring something."""
    traits = mention.traits
    if traits.count is not None:
        return max(1, traits.count)
    if not mention.plural and traits.density is None:
        return 1
    if catalogue.classes()[thing].stands in ("line", "across"):
        return 1 if mention.links else 2
    if traits.density is not None and traits.density >= lexicon.MANY_FROM:
        return 6
    rows = any(link.kind in ("along", "around") for link in mention.links)
    return (4 if is_kind(thing, "building") else 6) if rows else 3


def _enumerated(made: Stock) -> None:
    """Do not count twice: in "three lamps: a red lamp, a blue lamp and a green lamp" the list is the three."""
    for whole in [e for e in made.entries if e.count > 1 and not e.is_cover and not e.colour]:
        at = made.entries.index(whole) + 1
        parts: list[Entry] = []
        for entry in made.entries[at : at + whole.count]:
            if entry.thing != whole.thing or not entry.traits.described:
                break
            parts.append(entry)
        if len(parts) > 1 and (whole.traits.count is None or sum(e.count for e in parts) == whole.count):
            made.entries.remove(whole)
            made.meant = {m: parts if entries == [whole] else entries for m, entries in made.meant.items()}


# What must not be there -----------------------------------------------------------------------------------------------


def _forbid(made: Stock, mention: Mention) -> None:
    name = "water" if mention.word == "water" else mention.value
    if mention.kind in ("thing", "wide", "water") and name not in made.absent:
        made.absent.append(name)


def _resolve_absent(made: Stock) -> None:
    """Rule out: "no boats" beats "two boats", and is told; but "no trees, only an oak" leaves the oak."""
    for word in list(made.absent):
        inside = [e for e in made.entries if is_kind(e.thing, word)]
        kept = [e for e in inside if not e.is_cover and (e.traits.exception or e.thing != word)]
        made.entries = [e for e in made.entries if e not in inside or e in kept]
        if len(kept) < len(inside):
            made.notes.append(f"'{word}' is both asked for and ruled out: ruled out wins")
        if kept:
            others = [n for n in catalogue.classes() if is_kind(n, word) and n not in {e.thing for e in kept}]
            at = made.absent.index(word)
            made.absent[at : at + 1] = [n for n in others if n not in made.absent]
    there = set(map(id, made.entries))
    made.meant = {m: [e for e in entries if id(e) in there] for m, entries in made.meant.items()}


# Ids and relations ----------------------------------------------------------------------------------------------------


def _number(made: Stock) -> None:
    """Give ids; drop what is over the limits."""
    seen: dict[str, int] = {}
    total, dropped = 0, 0
    for entry in list(made.entries):
        if entry.is_cover:
            continue
        room = limits.SPEC_TOTAL_COUNT - total
        if room < 1 or sum(seen.values()) >= limits.SPEC_ITEM_KINDS:
            made.entries.remove(entry)
            dropped += 1
            continue
        entry.count = min(entry.count, room)
        total += entry.count
        seen[entry.thing] = seen.get(entry.thing, 0) + 1
        entry.id = entry.thing if seen[entry.thing] == 1 else f"{entry.thing}-{seen[entry.thing]}"
    if dropped:
        made.notes.append(
            f"{dropped} of the things asked for are left out: a scene holds {limits.SPEC_ITEM_KINDS} different ones"
        )


def _relate(made: Stock, mention: Mention) -> None:
    """Write the links of a mention into its entries."""
    for entry in made.meant.get(mention, []):
        if entry.is_cover or not entry.id:
            continue
        for link in mention.links:
            to = [t for other in link.objects for t in _targets(made, other, link.kind, entry)]
            to = [t for t in dict.fromkeys(to) if t != entry.id][:TARGETS_MAX]
            relation = Relation(kind=_kind(made, link.kind, to, entry.thing), to=to) if to else None  # type: ignore[arg-type]
            if relation is not None and relation not in entry.relations and len(entry.relations) < RELATIONS_MAX:
                entry.relations.append(relation)


def _kind(made: Stock, kind: str, to: list[str], thing: str) -> str:
    """Lamps "on both sides of" a road are along it, of a bed by it; a house "on a lake" is by it."""
    long = {e.id for e in made.entries if catalogue.classes()[e.thing].stands in ("line", "across")}
    if kind == "along" and all(t not in long and t in {e.id for e in made.entries} for t in to):
        return "by"
    wet = catalogue.classes()[thing].stands in ("water", "across", "line") or (kind == "in" and is_scattered(thing))
    return "by" if kind in ("in", "on") and to[0] in lexicon.WATER_TARGETS.values() and not wet else kind


def _targets(made: Stock, other: Mention, kind: str, subject: Entry) -> list[str]:
    """What a relation's object is called in the spec; empty when it is nothing to stand by."""
    if other.same_as is not None:
        other = other.same_as
    floats = catalogue.classes()[subject.thing].stands == "water"
    on_land = ["ground"] if kind == "on" and floats else []
    if _is_wall(made, other):
        return ["wall"]
    if other.kind in ("thing", "wide"):
        if kind == "on" and other.value == "grass":
            return on_land
        return [e.id for e in made.meant.get(other, []) if e.id and not e.is_cover]
    if other.kind == "path":
        return ["path"]
    at_water = other.kind == "water" or (kind in ("by", "along") and (other.kind == "shore" or other.value == "beach"))
    if at_water:
        return [lexicon.WATER_TARGETS[made.water]] if made.water else []
    return on_land if other.kind in ("ground", "shore", "place") else []


def _is_wall(made: Stock, mention: Mention) -> bool:
    return made.place == "interior" and mention.kind == "thing" and mention.value == "wall"


def covers(made: Stock, thickness: dict[str, float], winter: bool) -> list[Cover]:
    """What grows uncounted: what was asked for, and the usual of the place where nothing speaks against it.

    `thickness`: the place's own covers and their densities. Classes that were counted are not scattered too ("three
    oaks" are three); a forest of named trees has no others; "a lone tree" stands alone.
    """
    asked = [e for e in made.entries if e.is_cover]
    found = {(e.thing, colour): e for e in asked for colour in e.traits.colours or (None,)}
    named_trees = any(is_kind(e.thing, "tree") for e in asked)
    lone = any(e.traits.lone and is_kind(e.thing, "tree") for e in made.entries)
    counted = {e.thing for e in made.entries}
    usual = [
        Cover(thing=thing, density=density)
        for thing, density in thickness.items()
        if thing in catalogue.classes()
        and thing not in counted
        and not (winter and thing in lexicon.WITHERING)
        and not ((named_trees or lone) and is_kind(thing, "tree"))
        and not any(is_kind(thing, word) for word in made.absent)
    ]
    wanted = [
        Cover(thing=thing, density=entry.traits.density or 1.0, colour=colour, size=entry.traits.size)  # type: ignore[arg-type]
        for (thing, colour), entry in found.items()
    ]
    return [*wanted, *usual][:COVERS_MAX]
