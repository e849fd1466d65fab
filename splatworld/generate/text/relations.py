"""Relations while they are read: what they take as objects, what their subjects are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from splatworld.generate.procedural import catalogue
from splatworld.generate.text.mentions import Link, Mention

INSIDE = ("inside", "inside of", "interior of")
BOTH_SIDES = ("on each side of", "at each side of", "on either side of", "on both sides of", "along both sides of",
              "on each side", "on either side", "on both sides")  # fmt: skip
ADVERBIAL = ("along", "by", "behind", "in_front_of", "around", "left_of", "right_of", "under", "on")
"""Relations that may come without an object: "a table with four chairs around"."""


@dataclass(eq=False)
class Relation:
    """A relation of which the subjects or the objects may still be missing."""

    kind: str
    word: str
    is_reversed: bool
    subjects: list[Mention]
    objects: list[Mention] = field(default_factory=list)
    fronted: bool = False
    """Its subject comes after its object."""
    boundary: bool = False
    """It began after a comma or "and", so its subject may still come."""
    void: bool = False
    outer: "Relation | None" = None
    """A relation that still waits for its subject while its object is told more of: "by a lake in a wood, a hut"."""

    def takes(self, mention: Mention, connector: str | None, last: Mention | None) -> bool:
        """Whether a mention after `connector` is an object of this relation; `last` is the mention before it."""
        if not self.objects:
            return True
        first = self.objects[-1]
        if connector == "of" and first.kind in ("unknown", "scenery") and first is last:
            self.objects.pop()  # "on the roof of the cabin": on the cabin
            return True
        if self.is_reversed and connector == "and" and (mention.plural or mention.kind == "place"):
            return True  # "surrounded by pines and birches"
        if self.kind != "between" or len(self.objects) > 1 or connector != "and":
            return False
        return not first.several or mention.traits.definite or mention.kind in ("water", "path")

    def write(self, mentions: Sequence[Mention], group: list[Mention]) -> None:
        """Link the subjects to the objects; `group` is the list of nouns that the sentence speaks of."""
        if self.void or not self.subjects:
            return
        if not self.objects and self.kind in ADVERBIAL:
            self.objects = _left_out(mentions, self.subjects[0])
        if not self.objects:
            return
        self._widen(group)
        subjects, objects = (self.objects, self.subjects) if self.is_reversed else (self.subjects, self.objects)
        for subject in subjects:
            others = [mention for mention in objects if mention is not subject]
            if others:
                subject.links.append(Link(self.kind, others))
            if self.word in BOTH_SIDES and len(subjects) == 1 and subject.traits.count == 1:
                subject.traits.count = 2

    def _widen(self, group: list[Mention]) -> None:
        """Take in "a cabin and a tower by the lake", and the bridge of "a bridge between two towers over a river"."""
        to = self.objects[0]
        shared = to.kind in ("water", "path", "pronoun") and group[-1:] == self.subjects and len(group) > 1
        if shared and group[-1].joined == "and" and not group[-2].links:
            self.subjects = group[-2:]
        chained = bool(group) and self.subjects[0] not in group
        if chained and self.kind == "on" and to.kind == "water" and _over_water(group[-1]):
            self.subjects = self.subjects if _over_water(self.subjects[0]) else alike(group)


def _left_out(mentions: Sequence[Mention], subject: Mention) -> list[Mention]:
    """What "around" is around when nothing follows it: the last thing of another kind, or the path."""
    thing = next(([m] for m in reversed(mentions) if m.is_thing and m.value != subject.value), [])
    return thing or next(([m] for m in reversed(mentions) if m.kind in ("path", "water")), [])


def _over_water(mention: Mention) -> bool:
    return mention.kind == "thing" and catalogue.classes()[mention.value].stands in ("water", "across", "line")


def owner(mentions: Sequence[Mention], group: list[Mention]) -> list[Mention]:
    """What the list belongs to that was begun by "with": the house of "a house with a fence and a well"."""
    if not group or group[0].joined != "with":
        return []
    first = mentions.index(group[0])
    found = next((m for m in reversed(mentions[:first]) if m.kind in ("thing", "wide")), None)
    return [found] if found is not None and found.is_thing and not found.several else []


def alike(group: list[Mention]) -> list[Mention]:
    """The last of a list and those of its kind right before it."""
    tail = group[-1:]
    for mention in reversed(group[:-1]):
        if mention.value != group[-1].value or mention.kind != group[-1].kind:
            break
        tail.insert(0, mention)
    return tail


def antecedent(mentions: Sequence[Mention], taken: Sequence[Mention], *, several: bool) -> Mention | None:
    """What "it" or "them" stands for: the last thing of that number, else a place or water."""
    for kinds in (("thing", "wide"), ("water", "place", "path")):
        for mention in reversed(mentions):
            fits = mention.kind in kinds and mention.several == several and not mention.traits.negated
            if fits and mention not in taken:
                return mention
    return None
