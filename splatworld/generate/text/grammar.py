"""Terms to mentions: one pass from left to right with a little look-ahead, so time is linear.

Adjectives and numbers gather in `Traits` until their noun comes. A preposition opens a relation: its subject is the
noun before it (with its like: "a red house and a blue house by ..."; after a comma, the main noun of the sentence),
its object the next noun. "Behind the hut, a well" puts the subject last.
"""

from collections.abc import Sequence
from dataclasses import replace

from splatworld.generate.text.meanings import SCENE, adjectives_go_on, meaning, next_is, or_ahead, stands_before_noun
from splatworld.generate.text.mentions import Fact, Mention, Traits, divided, one_for_each_colour
from splatworld.generate.text.relations import INSIDE, Relation, alike, antecedent, owner
from splatworld.generate.text.terms import ADJECTIVES, HEADS, Sense, Term


def read(terms: Sequence[Term]) -> tuple[list[Mention], list[Fact]]:
    """All mentions and facts of a text, in order."""
    reader = _Reader(terms)
    for i in range(len(terms)):
        reader.step(i)
    reader.finish()
    return reader.mentions, reader.facts


class _Reader:
    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms = terms
        self.mentions: list[Mention] = []
        self.facts: list[Fact] = []
        self.traits = Traits()
        self.stash: list[Traits] = []
        self.group: list[Mention] = []
        self.last: Mention | None = None
        self.relation: Relation | None = None
        self.connector: str | None = "stop"
        self.negating = False
        self.scene_noun = False
        self.topic: Mention | None = None
        self.at = 0

    def step(self, i: int) -> None:
        """Read one term."""
        term = self.terms[i]
        self.at = i
        kind = meaning(self.terms, i, self.traits)
        if kind == "unknown":
            self.traits.unknown.append(term.text)
        elif kind == "same":
            self._same()
        if kind in ("unknown", "same", "skip", "tint"):
            return
        sense = term.senses[kind]
        if kind in SCENE:
            self._scene(kind, sense.value, term.text)
        elif kind in HEADS:
            self._noun(i, kind, sense)
        elif kind in ADJECTIVES:
            self._adjective(kind, sense.value)
        elif kind in ("relation", "reversed"):
            self._open(sense.value, term.text, is_reversed=kind == "reversed")
        elif kind == "stop":
            self._connect(i, sense.value)
        else:
            getattr(self, f"_{kind.replace('except', 'exception')}")(term, sense)

    def finish(self) -> None:
        """Close what is still open."""
        self._flush()
        self._close()

    # Traits -----------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """An article or a number: a noun phrase begins here."""
        if self.scene_noun and self.relation is not None and not self.relation.objects:
            self.relation = None  # "at sunset two boats": the sunset was the object
        if self.traits.described or self.traits.unknown:
            self._flush()
        if self.traits.perhaps_negated:
            self.traits.negated = self.traits.perhaps_negated = False
        self.scene_noun = False

    def _number(self, term: Term, sense: Sense) -> None:
        self._begin()
        self.traits.count = int(term.number or 1)

    def _collective(self, term: Term, sense: Sense) -> None:
        factor = self.traits.count or 1
        self._begin()
        self.traits.count = factor * int(sense.value)

    def _density(self, term: Term, sense: Sense) -> None:
        self._begin()
        self.traits.density = float(sense.value)
        self.traits.count = None

    def _determiner(self, term: Term, sense: Sense) -> None:
        negated = self.traits.negated and not self.traits.perhaps_negated
        self._begin()
        self.traits.negated = negated
        self.traits.definite = self.traits.definite or sense.value == "the"
        if sense.value == "a":
            self.traits.count = 1

    def _partitive(self, term: Term, sense: Sense) -> None:
        self._begin()
        self.traits.partitive = self.traits.definite = True

    def _lone(self, term: Term, sense: Sense) -> None:
        self.traits.lone = True
        self.traits.count = self.traits.count or 1

    def _other(self, term: Term, sense: Sense) -> None:
        self._begin()
        self.traits.other = True

    def _exception(self, term: Term, sense: Sense) -> None:
        self._flush()
        self.negating = False
        self.traits = Traits(exception=True)

    def _negation(self, term: Term, sense: Sense) -> None:
        self._begin()
        self.traits.negated = True
        self.traits.perhaps_negated = False

    def _far(self, term: Term, sense: Sense) -> None:
        said_of = self.last if self.last is not None and self.connector is None and not self.traits.started else None
        (said_of.traits if said_of else self.traits).far = True

    def _dry(self, term: Term, sense: Sense) -> None:
        self.traits.dry = True

    def _adjective(self, kind: str, value: str) -> None:
        if kind == "colour":
            self.traits.colours.append(value)
        else:
            setattr(self.traits, kind, getattr(self.traits, kind) or value)

    def _scene(self, kind: str, value: str, word: str) -> None:
        fact = Fact(kind, value, word, negated=self.traits.negated)
        self.facts.append(fact)
        self.traits.facts.append(fact)
        self.scene_noun = True

    # Nouns ------------------------------------------------------------------------------------------------------------

    def _noun(self, i: int, kind: str, sense: Sense) -> None:
        if stands_before_noun(self.terms, i, kind, sense):
            self._modifier(i, kind, sense)
        else:
            self._name(kind, sense, self.terms[i].text)

    def _same(self) -> None:
        """Read "a red one": another of the last thing, or a part of the last things."""
        last = next((m for m in reversed(self.mentions) if m.is_thing), None)
        if last is not None and not last.several:
            self._name(last.kind, Sense(last.value), last.word)

    def _name(self, kind: str, sense: Sense, word: str) -> None:
        """A noun with all that was said before it."""
        traits, self.traits = self.traits, Traits()
        parts = [*self.stash, traits]
        self.stash = []
        if len(traits.colours) > 1 and len(parts) == 1 and (sense.plural or (traits.count or 1) > 1):
            parts = one_for_each_colour(traits)
        for part in parts:
            mention = Mention(kind, sense.value, word, sense.plural and (part.count or 2) > 1, part)
            for fact in part.facts:
                fact.mention = mention
            self._attach(mention)
            self.connector = "and" if part is not parts[-1] else None
        self.negating = traits.negated
        self.scene_noun = False

    def _modifier(self, i: int, kind: str, sense: Sense) -> None:
        """A noun before a noun: a pine forest is one of pines, a pine table is of wood, a village well in a village."""
        if kind == "thing" and not self.terms[i + 1].any(("place",)):
            self.traits.material = self.traits.material or "wood"
            return
        self.mentions.append(
            Mention(kind, sense.value, self.terms[i].text, modifier=True, traits=Traits(negated=self.traits.negated))
        )

    def _pronoun(self, term: Term, sense: Sense) -> None:
        self._begin()
        self.traits = Traits()
        meant = self._antecedent(several=sense.value == "them")
        if meant is not None:
            self._attach(Mention("pronoun", meant.value, term.text, meant.several, same_as=meant))
            self.connector = None

    def _antecedent(self, *, several: bool) -> Mention | None:
        if not several and self.topic is not None:
            return self.topic
        relation = self.relation
        # "a cabin, behind it a well": the subject comes after, so what is before may be meant.
        after = relation is not None and relation.boundary and next_is(self.terms, self.at, ("number", "determiner"))
        taken = relation.subjects if relation is not None and not after else []
        owned = [m for m in owner(self.mentions, self.group) if m not in taken and not several]
        meant = owned[0] if owned else antecedent(self.mentions, taken, several=several)
        self.topic = self.topic if several else meant
        return meant

    def _attach(self, mention: Mention) -> None:
        """Make the mention an object of the open relation, or a new subject."""
        self.mentions.append(mention)
        mention.joined = self.connector
        relation = self.relation
        if relation is not None and relation.takes(mention, self.connector, self.last):
            mention.is_object = True
            mention.inside = relation.word in INSIDE
            relation.objects.append(mention)
        else:
            self._new_subject(mention)
        self.last = mention

    def _new_subject(self, mention: Mention) -> None:
        if self.relation is not None and self.relation.outer is not None:
            self.relation = self.relation.outer
        relation = self.relation
        goes_on = self.connector in ("and", "comma", "or") and self.last is not None and self.last in self.group
        if relation is not None:
            if relation.fronted and (not relation.subjects or goes_on):
                relation.subjects.append(mention)
            elif relation.boundary and self.connector is None:
                relation.subjects, relation.boundary = [mention], False
            else:
                self._close()
        self.group = [*self.group, mention] if goes_on else [mention]

    # Relations --------------------------------------------------------------------------------------------------------

    def _open(self, kind: str, word: str, *, is_reversed: bool) -> None:
        part = self._part()
        negated = self.traits.negated and not self.traits.unknown
        scene = self.scene_noun and not (self.relation is not None and not self.relation.objects)
        of_object = self.connector is None and self.last is not None and self.last.is_object
        fronted = not (self.group or self.traits.unknown or scene or of_object)
        boundary = self.connector in ("and", "comma", "colon") and not self.traits.started
        self._flush()
        chained = self.last if self.connector is None and self.last is not None and self.last.is_new_object else None
        outer = self.relation if of_object and not chained else None
        if outer is None or not outer.fronted or outer.subjects:
            self._close()
            outer = None
        subjects = [m for m in (part or chained,) if m is not None]
        if not subjects and boundary and self.connector == "comma":
            subjects = owner(self.mentions, self.group)
        if not subjects and not (scene and self.connector is not None):
            subjects = alike(self.group)
        self.relation = Relation(kind, word, is_reversed, subjects, [], fronted, boundary, negated, outer)
        self.scene_noun = False

    def _part(self) -> Mention | None:
        """The ones meant by a bare number before a preposition: "two lamps, one left of the bed and one behind it"."""
        traits = self.traits
        target = next((m for m in reversed(self.group) if m.kind in ("thing", "wide")), None)
        bare = traits.count is not None and not (
            traits.described or traits.unknown or traits.negated or traits.definite
        )
        if not bare or target is None or self.connector not in ("comma", "and", "colon"):
            return None
        if self.relation is not None and target in self.relation.subjects:
            self._close()
        count, self.traits = traits.count or 1, Traits()
        if target.links or (target.traits.count or count) < count:
            traits = target.traits.copy(count=count, described_by=Traits())
            made = replace(target, plural=count > 1, traits=traits, links=[])
            self.mentions.append(made)
            self.group.append(made)
            return made
        if target.traits.count != count:
            self._split(target, [Traits(count=count)])
        return target

    def _close(self) -> None:
        """Write the open relation down; "at sunset" is none."""
        relation, self.relation = self.relation, None
        if relation is not None and (relation.objects or not self.scene_noun):
            relation.write(self.mentions, self.group)

    # Commas and the like ----------------------------------------------------------------------------------------------

    def _connect(self, i: int, mark: str) -> None:
        if mark in ("and", "comma", "or") and adjectives_go_on(self.terms, i, self.traits):
            if self.traits.count is not None and next_is(self.terms, i, ("number", "determiner", "other")):
                self.stash.append(self.traits)
                self.traits = Traits()
            return
        self._flush()
        waiting = self.relation is not None and not self.relation.objects
        if waiting and not self.scene_noun:
            self.last = None  # "a chair to its left and ...": what follows is no part of the list
        if waiting or mark in ("stop", "with"):
            self._close()
        if mark == "stop":
            self.group, self.topic = [], None
        goes_on = mark == "or" or mark == "and" or (mark == "comma" and or_ahead(self.terms, i))
        self.traits.negated = self.negating and goes_on
        self.traits.perhaps_negated = self.traits.negated and mark != "or"
        self.negating = self.negating and goes_on
        if mark == "of" and self.connector is not None:
            return
        # ", and" is as strong as a comma.
        self.connector = "comma" if mark == "and" and self.connector == "comma" else mark
        self.scene_noun = False

    def _flush(self) -> None:
        """A noun phrase ends without a noun that is known."""
        traits, self.traits = self.traits, Traits(far=self.traits.far)
        parts = [*self.stash, traits]
        self.stash = []
        if traits.unknown and self.connector is None and not (traits.count or traits.definite or traits.described):
            return  # an unknown word right after a noun is a verb or an adverb
        if traits.unknown:
            self.traits = Traits()
            self._attach(Mention("unknown", "", traits.unknown[-1], traits=traits))
            self.connector = None
            return
        target = next((m for m in reversed(self.group) if m.kind in ("thing", "wide", "pronoun")), None)
        target = target.same_as if target is not None and target.same_as is not None else target
        said = [part for part in parts if (part.described or part.other) and not part.negated]
        if self.relation is not None and self.relation.kind == "in" and not self.relation.objects and traits.colours:
            self.relation = None  # "flowers in red and blue"
        if target is None or not said or (self.relation is not None and not self.relation.objects):
            return
        if target.traits.partitive:  # "one of the lanterns is red"
            whole = next(
                (m for m in reversed(self.mentions) if m.value == target.value and m is not target and m.several),
                target,
            )
            said, target = (
                [Traits(count=1, colours=said[0].colours, material=said[0].material, size=said[0].size)],
                whole,
            )
        if target.several and any(part.count or part.other for part in said):
            self._split(target, said)
            return
        if target.several and target.traits.colours:
            target.traits.colours += said[0].colours
        target.traits.fill(said[0])
        if target.traits.definite:  # "There is a cabin. The cabin is red."
            before = self.mentions[: self.mentions.index(target)]
            first = next((m for m in reversed(before) if m.is_thing and m.value == target.value), target)
            first.traits.fill(said[0])

    def _split(self, whole: Mention, parts: list[Traits]) -> None:
        """Put a mention for each part in the place of the whole: "two boats, one red and one black"."""
        traits = divided(whole.traits, parts)
        if not traits:
            return
        whole.traits, whole.plural = traits[0], (traits[0].count or 2) > 1
        copies = [
            replace(whole, traits=t, plural=(t.count or 2) > 1, links=list(whole.links), joined="and")
            for t in traits[1:]
        ]
        for row in (self.mentions, self.group):
            at = row.index(whole) + 1 if whole in row else len(row)
            row[at:at] = copies
        self.last = self.group[-1] if self.group else self.last
