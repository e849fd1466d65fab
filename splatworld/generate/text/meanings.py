"""Which meaning a phrase has where it stands, and what lies ahead of it. Nothing here looks far."""

from collections.abc import Sequence

from splatworld.generate.procedural import catalogue
from splatworld.generate.text import lexicon
from splatworld.generate.text.mentions import Traits
from splatworld.generate.text.terms import ADJECTIVES, HEADS, NOUNS, Sense, Term

LOOK_AHEAD = 12
MADE_OF = ("of", "made of", "made from", "built of", "painted", "in", "out of")
SCENE = ("time", "night", "weather", "season", "snow", "style", "form")
ORDER = (
    "stop", "partitive", "pronoun", "collective", "density", "number", "lone", "other", "except", "negation",
    "reversed", "relation", "determiner", *SCENE, "far", "dry", "wide", "thing", "place", "water", "path", "shore",
    "ground", "landform", "colour", "material", "size", "tint", "scenery", "skip",
)  # fmt: skip
"""Which meaning a phrase has when nothing around it decides."""


def meaning(terms: Sequence[Term], i: int, traits: Traits) -> str:
    """The kind of the term at `i`, after `traits` were said; "unknown" if it has none, "same" for "a red one"."""
    term = terms[i]
    if term.text == "round" and not next_is(terms, i, ("determiner", "pronoun", "number")):
        return "unknown"
    if term.text in ("one", "ones") and traits.described:
        return "same"  # "a red one"
    if term.any(("thing", "place", "water", "ground")) and term.any(("colour", "material")):
        wanted = ADJECTIVES if _is_adjective(terms, i, traits) else NOUNS
        return next(kind for kind in (*wanted, *HEADS) if kind in term.senses)
    if "thing" in term.senses and term.text in lexicon.SHY:
        if traits.started and term.text != "light":
            return "thing"
        return next((kind for kind in ORDER if kind in term.senses and kind != "thing"), "thing")
    return next((kind for kind in ORDER if kind in term.senses), "unknown")


def _is_adjective(terms: Sequence[Term], i: int, traits: Traits) -> bool:
    """Whether a word such as "stone" is an adjective here: "a stone well", "of stone", "violet and pink flowers"."""
    if all(sense.plural for kind, sense in terms[i].senses.items() if kind in HEADS):
        return False
    for j in range(i + 1, min(i + 4, len(terms))):
        after = terms[j]
        if after.any(NOUNS) and not (after.any(("colour", "material")) and next_is(terms, j, NOUNS)):
            return not (after.any(("place",)) and is_plant(terms[i]))
        if after.senses and not after.any(ADJECTIVES):
            break
    made = i > 0 and terms[i - 1].text in MADE_OF
    joined = i + 1 < len(terms) and terms[i + 1].text in ("and", ",") and next_is(terms, i + 1, ("colour",))
    return (made or joined) and not traits.count and not traits.definite


def stands_before_noun(terms: Sequence[Term], i: int, kind: str, sense: Sense) -> bool:
    """Whether the noun at `i` only tells more of the next one: "pine forest", "village well", "oak table"."""
    if sense.plural or not next_is(terms, i, NOUNS):
        return False
    after = terms[i + 1]
    if after.text in lexicon.SHY or after.any(("relation", "skip", "stop")):
        return False
    if kind in ("place", "water", "landform", "ground", "scenery", "path"):
        return True
    return kind == "thing" and (after.any(("place",)) or (is_tree(sense.value) and not is_plant(after)))


def adjectives_go_on(terms: Sequence[Term], i: int, traits: Traits) -> bool:
    """Whether `traits` belong to a noun after the "and" or comma at `i`: "two red and three blue boats"."""
    if not (traits.described or traits.unknown) or traits.negated:
        return False
    counted, needs_adjective = traits.count is not None and not traits.unknown, True
    numbers = ("number", "determiner", "other")
    if counted and next_is(terms, i, numbers) and next_is(terms, i + 1, ADJECTIVES):
        return True  # "one red and two white"
    for term in terms[i + 1 : i + 1 + LOOK_AHEAD]:
        if term.any(ADJECTIVES):
            needs_adjective = False
        elif term.any(NOUNS):
            return not needs_adjective
        elif counted and term.any(numbers):
            needs_adjective = True
        elif not term.any(("skip", "tint")) and term.text not in ("and", ","):
            return False
    return False


def or_ahead(terms: Sequence[Term], i: int) -> bool:
    """Whether a list that goes on after the comma at `i` ends in "or": "no trees, houses or boats"."""
    for term in terms[i + 1 : i + 1 + LOOK_AHEAD]:
        stop = term.sense("stop")
        if stop is not None and stop.value == "or":
            return True
        if term.any(("relation", "number", "determiner", "negation")) or (
            stop is not None and term.text not in (",", "and")
        ):
            return False
    return False


def next_is(terms: Sequence[Term], i: int, kinds: Sequence[str]) -> bool:
    """Whether the term after `i` has a meaning of one of `kinds`."""
    return i + 1 < len(terms) and terms[i + 1].any(kinds)


def is_plant(term: Term) -> bool:
    """Whether the term can be a plant."""
    sense = term.sense("thing")
    return sense is not None and "plant" in catalogue.classes()[sense.value].kinds


def is_tree(name: str) -> bool:
    """Whether a class is a tree."""
    return "tree" in catalogue.classes()[name].kinds
