"""What the grammar finds: mentions of things and places with their traits, relations between them, and facts."""

from dataclasses import dataclass, field
from typing import Self


@dataclass(eq=False)
class Fact:
    """A word about the whole scene: time, weather, season, snow, style, ..."""

    kind: str
    value: str
    word: str
    negated: bool = False
    mention: "Mention | None" = None
    """The noun it was said of ("snowy mountains"), if any."""


@dataclass(eq=False)
class Traits:
    """What is said of a noun before (or after) it: number, adjectives, determiners, negation."""

    count: int | None = None
    colours: list[str] = field(default_factory=list)
    material: str | None = None
    size: str | None = None
    density: float | None = None
    definite: bool = False
    partitive: bool = False
    """Said as "one of the ...": a part of what is already there."""
    other: bool = False
    """Said as "the others": what is left of a number."""
    lone: bool = False
    negated: bool = False
    perhaps_negated: bool = False
    """Negated by "and" after a negated noun, as long as no number or article follows."""
    exception: bool = False
    far: bool = False
    dry: bool = False
    unknown: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    @property
    def described(self) -> bool:
        """An adjective was said."""
        return bool(self.colours or self.material or self.size)

    @property
    def started(self) -> bool:
        """A noun is expected: an article, number or adjective was said."""
        return bool(
            self.described or self.count or self.definite or self.density or self.unknown or self.negated or self.other
        )

    def fill(self, other: "Traits") -> None:
        """Take over adjectives of `other` where there are none yet."""
        self.colours = self.colours or other.colours
        self.material = self.material or other.material
        self.size = self.size or other.size

    def copy(self, *, count: int | None, described_by: "Traits") -> Self:
        """The same traits with another count, adjectives first from `described_by`."""
        made = type(self)(
            count=count, colours=list(described_by.colours), material=described_by.material, size=described_by.size,
            density=self.density, definite=self.definite, negated=self.negated,
        )  # fmt: skip
        made.fill(self)
        return made


@dataclass(eq=False)
class Link:
    """A relation as it was said."""

    kind: str
    objects: "list[Mention]"


@dataclass(eq=False)
class Mention:
    """A noun with its traits and relations."""

    kind: str
    """A kind of `terms.HEADS`, "unknown" or "pronoun"."""
    value: str
    word: str
    plural: bool = False
    traits: Traits = field(default_factory=Traits)
    links: list[Link] = field(default_factory=list)
    modifier: bool = False
    """Stands before another noun: the pine of "pine forest"."""
    inside: bool = False
    """Said as "inside the cabin"."""
    joined: str | None = None
    """The word or mark before it: "and", "comma", "with", "of"."""
    same_as: "Mention | None" = None
    """What a pronoun stands for."""
    is_object: bool = False

    @property
    def is_thing(self) -> bool:
        """A thing that shall be there."""
        return self.kind in ("thing", "wide") and not self.traits.negated

    @property
    def is_new_object(self) -> bool:
        """The object of a relation that nothing was said of before: a relation after it tells more of it."""
        return self.is_object and self.is_thing and not self.traits.definite

    @property
    def several(self) -> bool:
        """More than one."""
        return (self.plural and self.traits.count != 1) or (self.traits.count or 1) > 1


def divided(whole: Traits, parts: list[Traits]) -> list[Traits]:
    """Traits of the parts of a number of things, and of what is left of it; "the others" are the rest."""
    counts = [part.count or 1 for part in parts]
    rest = 0
    if whole.count is not None:
        named = sum(part.count or 0 for part in parts)
        counts = [whole.count - named if part.other else n for part, n in zip(parts, counts, strict=True)]
        rest = whole.count - sum(counts)
    made = [whole.copy(count=n, described_by=part) for n, part in zip(counts, parts, strict=True) if n > 0]
    return [*made, whole.copy(count=rest, described_by=Traits())] if rest > 0 else made


def one_for_each_colour(traits: Traits) -> list[Traits]:
    """Four red and blue boats are two and two; a red and white boat stays one."""
    n, count = len(traits.colours), traits.count
    if count is not None and count < n:
        return [traits]
    counts = [None if count is None else count // n + (k < count % n) for k in range(n)]
    return [
        traits.copy(count=c, described_by=Traits(colours=[colour]))
        for c, colour in zip(counts, traits.colours, strict=True)
    ]
