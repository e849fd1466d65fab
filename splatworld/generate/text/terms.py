"""Tokens to terms: the longest phrases of the lexicon and the catalogue, with every meaning they can have.

A word that is no phrase's part is tried as a slip of the keyboard, and as "-less"; what remains is an unknown term.
"""

import difflib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from splatworld.generate.procedural import catalogue
from splatworld.generate.text import lexicon
from splatworld.generate.text.inflect import plurals
from splatworld.generate.text.tokens import Token, tokens

PHRASE_WORDS = 5
SLIP_CHARS = 5
SLIP_RATIO = 0.86
SLIPS_TRIED = 64
"""Different unknown words compared with the vocabulary, so that a page of nonsense costs no more than a line."""

HEADS = ("thing", "wide", "place", "water", "path", "ground", "shore", "landform", "scenery")
NOUNS = ("thing", "wide", "place", "water", "path", "landform")
ADJECTIVES = ("colour", "material", "size")


@dataclass(frozen=True)
class Sense:
    """One meaning of a phrase."""

    value: str
    """Canonical: class name, place, colour name, ..."""
    plural: bool = False


@dataclass(frozen=True)
class Term:
    """A phrase of the text and all it can mean: kind -> sense."""

    text: str
    senses: Mapping[str, Sense] = field(default_factory=dict)
    number: float | None = None

    def sense(self, kind: str) -> Sense | None:
        """Its meaning of this kind, if it has one."""
        return self.senses.get(kind)

    def any(self, kinds: Iterable[str]) -> bool:
        """Whether it has a meaning of one of these kinds."""
        return any(kind in self.senses for kind in kinds)


Vocabulary = dict[str, dict[str, Sense]]


def normal(phrase: str) -> str:
    """A phrase as its tokens read: lower case, hyphens and apostrophes undone."""
    return " ".join(token.text for token in tokens(phrase))


@functools.cache
def vocabulary() -> Vocabulary:
    """Every phrase that is understood: the lexicon's and the catalogue's."""
    known: Vocabulary = {}
    for kind, rows in _adverbs_and_adjectives().items():
        for phrase, value in rows.items():
            known.setdefault(normal(phrase), {})[kind] = Sense(value)
    for kind, rows in _nouns().items():
        for phrase, value in rows.items():
            known.setdefault(normal(phrase), {})[kind] = Sense(value)
        for phrase, value in rows.items():
            _add_plurals(known, kind, phrase, value)
    for kind, words in {
        "far": lexicon.FAR,
        "skip": lexicon.SKIP,
        "lone": lexicon.LONE,
        "other": lexicon.OTHERS,
    }.items():
        for phrase in words:
            known.setdefault(normal(phrase), {})[kind] = Sense(phrase)
    return known


def _nouns() -> dict[str, Mapping[str, str]]:
    return {
        "thing": thing_words(), "wide": lexicon.WIDER, "place": lexicon.PLACES, "water": lexicon.WATERS,
        "path": dict.fromkeys(lexicon.PATHS, "path"), "ground": lexicon.GROUNDS, "landform": lexicon.LANDFORMS,
        "shore": dict.fromkeys(lexicon.SHORES, "shore"), "scenery": dict.fromkeys(lexicon.SCENERY, ""),
    }  # fmt: skip


def _adverbs_and_adjectives() -> dict[str, Mapping[str, str]]:
    return {
        "time": lexicon.TIMES, "night": dict.fromkeys(lexicon.NIGHT_HINTS, "night"), "weather": lexicon.WEATHERS,
        "season": lexicon.SEASONS, "snow": dict.fromkeys(lexicon.SNOW, "snow"), "style": lexicon.STYLES,
        "form": lexicon.LANDFORM_ADJECTIVES, "colour": lexicon.COLOUR_WORDS, "material": lexicon.MATERIALS,
        "size": lexicon.SIZES, "tint": dict.fromkeys(lexicon.TINTS, ""), "dry": dict.fromkeys(lexicon.DRY, "dry"),
        "relation": lexicon.RELATIONS, "reversed": lexicon.REVERSED, "negation": dict.fromkeys(lexicon.NEGATIONS, ""),
        "except": dict.fromkeys(lexicon.EXCEPTIONS, ""), "pronoun": lexicon.PRONOUNS, "determiner": lexicon.DETERMINERS,
        "partitive": dict.fromkeys(lexicon.PARTITIVES, ""), "stop": lexicon.STOPS_WORDS,
        "density": {k: str(v) for k, v in lexicon.DENSITIES.items()}, "collective": _collectives(),
    }  # fmt: skip


def _collectives() -> dict[str, str]:
    out: dict[str, str] = {}
    for word, number in lexicon.COLLECTIVES.items():
        if word not in lexicon.COLLECTIVES_WITH_OF:
            out |= {word: str(number), f"a {word}": str(number), f"{word} of": str(number)}
            continue
        for form in (word, *plurals(word)):
            out[f"{form} of"] = str(number)
    return out


def _add_plurals(known: Vocabulary, kind: str, phrase: str, value: str) -> None:
    """Plural forms; a class that is called by its plural ("flowers") is plural too."""
    for form in plurals(normal(phrase)):
        senses = known.setdefault(form, {})
        if kind not in senses or senses[kind].value == value:
            senses[kind] = Sense(value, plural=True)


def thing_words() -> dict[str, str]:
    """Noun -> class name, from the catalogue. Where two families claim a word, the first has it.

    "stone tower" is dropped where "tower" is there too: the material must be read as one. So is what holds a place.
    """
    words: dict[str, str] = {}
    for row in catalogue.classes().values():
        for word in row.words:
            words.setdefault(normal(word), row.name)
    adjectives = (lexicon.MATERIALS | lexicon.SIZES).keys()
    described = {
        w for w, name in words.items() if w.partition(" ")[0] in adjectives and words.get(w.partition(" ")[2]) == name
    }
    return {w: name for w, name in words.items() if " in the " not in w and w not in described | lexicon.NOT_PHRASES}


def terms(found: list[Token]) -> tuple[list[Term], list[str]]:
    """Terms in order, and notes on words read as others."""
    known = vocabulary()
    out: list[Term] = []
    notes: list[str] = []
    slips: dict[str, str | None] = {}
    i = 0
    while i < len(found):
        used, senses = _longest(found, i, known)
        token = found[i]
        text = " ".join(t.text for t in found[i : i + used])
        if used == 1 and token.number is not None:
            term, used = _number(found, i)
            if term.any(("skip",)):
                notes.append(f"'{term.text}' is not used: sizes are given in words, such as small, tall or huge")
            out.append(term)
        elif senses:
            out.append(Term(text, senses))
        elif not token.text[0].isalnum():
            if not (out and out[-1].text == token.text):
                out.append(Term(text, {"stop": Sense(lexicon.STOPS[token.text])}))
        else:
            out += _guess(token.text, known, slips, notes)
        i += used
    return out, notes


def _longest(found: list[Token], i: int, known: Vocabulary) -> tuple[int, dict[str, Sense]]:
    for used in range(min(PHRASE_WORDS, len(found) - i), 0, -1):
        senses = known.get(" ".join(t.text for t in found[i : i + used]))
        of_them = (
            senses and "partitive" in senses and i + used < len(found) and found[i + used].text in ("them", "which")
        )
        if senses and not of_them:
            return used, senses
    return 1, {}


def _number(found: list[Token], i: int) -> tuple[Term, int]:
    """A count; or an hour ("at 6 pm"); or a measure ("10 metres tall"), which is skipped."""
    token = found[i]
    after = found[i + 1].text if i + 1 < len(found) else ""
    value = token.number or 0
    if after in lexicon.HOURS and 0 <= value <= 24:
        return Term(token.text, {"time": Sense(_hour((value % 12 + 12) if after == "pm" else value))}), 2
    if after in lexicon.UNITS:
        return Term(f"{token.text} {after}", {"skip": Sense("")}), 2
    if value == 0:
        return Term(token.text, {"negation": Sense("")}), 1
    return Term(token.text, {"number": Sense("")}, number=value), 1


def _hour(hour: int) -> str:
    bounds = ((4, "night"), (7, "dawn"), (11, "morning"), (14, "noon"), (18, "afternoon"), (20, "sunset"), (22, "dusk"))
    return next((name for end, name in bounds if hour < end), "night")


def _guess(word: str, known: Vocabulary, slips: dict[str, str | None], notes: list[str]) -> list[Term]:
    """An unknown word: "treeless" is two terms, a slip is what it was meant to be, else it stays unknown."""
    stem = word.removesuffix("less")
    if stem != word and stem in known and any(k in known[stem] for k in NOUNS):
        return [Term(word, {"negation": Sense("")}), Term(stem, known[stem])]
    if word not in slips and len(slips) < SLIPS_TRIED:
        slips[word] = slip(word)
        if slips[word]:
            notes.append(f"read '{word}' as '{slips[word]}'")
    meant = slips.get(word)
    return [Term(meant, known[meant]) if meant else Term(word)]


def slip(word: str) -> str | None:
    """The known word that `word` was most likely meant to be, or None."""
    if len(word) < SLIP_CHARS:
        return None
    near = [w for w in _by_first_letter().get(word[0], ()) if abs(len(w) - len(word)) <= 2]
    found = difflib.get_close_matches(word, near, n=1, cutoff=SLIP_RATIO)
    if not found or any(
        long.removeprefix(short) in lexicon.NOT_A_SLIP for long, short in ((word, found[0]), (found[0], word))
    ):
        return None
    return found[0]


@functools.cache
def _by_first_letter() -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for phrase in vocabulary():
        if " " not in phrase and len(phrase) >= SLIP_CHARS:
            out.setdefault(phrase[0], []).append(phrase)
    return out
