"""English plurals. Forms are made, not undone: the vocabulary lists the plurals of its nouns, so none is guessed."""

_IRREGULAR = {
    "child": "children", "foot": "feet", "goose": "geese", "man": "men", "mouse": "mice", "ox": "oxen",
    "person": "people", "tooth": "teeth", "woman": "women", "sheep": "sheep", "deer": "deer", "fish": "fish",
    "cactus": "cacti", "fungus": "fungi", "bureau": "bureaux",
}  # fmt: skip
_VES = ("shelf", "leaf", "loaf", "wolf", "half", "calf", "knife", "wharf", "hoof", "sheaf", "roof", "dwarf")


def plurals(noun: str) -> tuple[str, ...]:
    """Plural forms of a singular noun, the usual one first.

    Of several words the last one changes ("apple trees"), or the one before "of" ("chests of drawers").
    """
    head, of, rest = noun.partition(" of ")
    if of:
        return tuple(form + of + rest for form in plurals(head))
    first, space, last = noun.rpartition(" ")
    return tuple(first + space + form for form in _word_plurals(last))


def _word_plurals(word: str) -> tuple[str, ...]:
    regular = _regular(word)
    for singular, plural in _IRREGULAR.items():
        if word == singular or (len(singular) > 2 and word.endswith(singular) and word != "human"):
            return word[: -len(singular)] + plural, regular
    if word.endswith(_VES):
        return word.removesuffix("fe").removesuffix("f") + "ves", regular
    return (regular,)


def _regular(word: str) -> str:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        return word[:-1] + "ies"
    if word.endswith("o") and word.endswith(("mato", "tato", "hero", "echo")):
        return word + "es"
    return word + "s"
