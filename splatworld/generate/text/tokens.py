"""Text to tokens: lower-case words, numbers and the few punctuation marks that separate phrases.

Everything else (HTML, JSON, shell signs, emoji) falls between tokens, so hostile text is words and nothing more. The
patterns have no nested repetition: time is linear in the length of the text.
"""

import re
from dataclasses import dataclass

from splatworld import limits
from splatworld.errors import PromptError
from splatworld.scene_spec import clean_text

WORD_CHARS = 40
"""Longer words are shown cut."""
NUMBER_DIGITS = 9

_TOKEN = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|[^\W_]+(?:['\u2019][^\W_]+)?|[,;:.!?()\n]")
_UNITS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
          "eighteen": 18, "nineteen": 19}  # fmt: skip
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_MULTIPLES = {"dozen": 12, "dozens": 12, "hundred": 100, "hundreds": 100, "thousand": 1000, "thousands": 1000,
              "score": 20, "pair": 2, "pairs": 2, "couple": 2}  # fmt: skip


@dataclass(frozen=True)
class Token:
    """One word, number or mark."""

    text: str
    """Lower case; a word without its possessive 's."""
    number: int | None = None
    """Value of digits or of a number word ("seven", "half a dozen", "1,000")."""


def tokens(text: str) -> list[Token]:
    """Tokens of a prompt, number words already joined into numbers.

    Raises `PromptError` when the text is too long or holds no letter and no digit.
    """
    if len(text) > limits.PROMPT_CHARS:
        raise PromptError(f"the sentence has {len(text):,} characters; at most {limits.PROMPT_CHARS:,} are read")
    # Line breaks separate phrases, so they are kept through the cleaning as a comma would be.
    cleaned = clean_text(re.sub(r"[\n\r]+", " , ", text))
    words = [word for found in _TOKEN.findall(cleaned) for word in _split(found.lower())]
    if not any(word[0].isalnum() for word in words):
        raise PromptError(
            "the sentence holds no word to build from; describe a place, such as 'a red cabin by a lake at sunset'"
        )
    return _join_numbers(words)


def _split(word: str) -> list[str]:
    """Undo contractions and possessives: "there's" -> there, "aren't" -> are not."""
    word = word.replace("\u2019", "'")
    stem, mark, ending = word.partition("'")
    if not mark:
        return [word]
    if ending == "t" and stem.endswith("n"):
        return [stem[:-1] or stem, "not"]
    return [stem]


def _digits(word: str) -> int | None:
    plain = word.replace(",", "")
    if not plain.isdecimal():
        return None
    return int(plain) if len(plain) <= NUMBER_DIGITS else 10**NUMBER_DIGITS


def _join_numbers(words: list[str]) -> list[Token]:
    """Fold runs such as "twenty five", "two hundred", "half a dozen", "a couple of" into one token."""
    out: list[Token] = []
    i = 0
    while i < len(words):
        value, used = _number_at(words, i)
        out.append(
            Token(words[i][:WORD_CHARS]) if value is None else Token(" ".join(words[i : i + used])[:WORD_CHARS], value)
        )
        i += used
    return out


def _number_at(words: list[str], i: int) -> tuple[int | None, int]:
    """Value and length in words of the number that starts at `i`; (None, 1) if there is none."""
    if words[i : i + 3] == ["half", "a", "dozen"]:
        return 6, 3 + (words[i + 3 : i + 4] == ["of"])
    article = words[i] in ("a", "an") and words[i + 1 : i + 2] != [] and words[i + 1] in _MULTIPLES
    value, used = (1, 1) if article else _small(words, i)
    bare = value is None and words[i] in _MULTIPLES and words[i] not in ("score", "pair", "couple")
    if bare:  # "dozens of", "hundreds of": at least two of them
        value, used = (2 if words[i].endswith("s") else 1), 0
    if value is None:
        return None, 1
    while i + used < len(words):
        of = (
            used > 1
            and words[i + used] == "of"
            and words[i + used + 1 : i + used + 2] != []
            and words[i + used + 1] in _MULTIPLES
        )
        if words[i + used + of] not in _MULTIPLES:
            break
        value, used = min(value * _MULTIPLES[words[i + used + of]], 10**NUMBER_DIGITS), used + 1 + of
    if used > (0 if bare else 1) and words[i + used : i + used + 1] == ["of"] and words[i + used - 1] in _MULTIPLES:
        used += 1
    return value, used


def _small(words: list[str], i: int) -> tuple[int | None, int]:
    """A number below a hundred, or digits."""
    word = words[i]
    if word in _TENS:
        unit = _UNITS.get(words[i + 1], 10) if i + 1 < len(words) else 10
        return (_TENS[word] + unit, 2) if unit < 10 else (_TENS[word], 1)
    value = _UNITS.get(word)
    return (_digits(word), 1) if value is None else (value, 1)
