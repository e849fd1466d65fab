"""Words to a scene spec: the thirty sentences, a row for each rule, and anything at all."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splatworld import limits
from splatworld.errors import PromptError, UsageError
from splatworld.generate.procedural import catalogue
from splatworld.generate.text import describe, lexicon, parse
from splatworld.generate.text.inflect import plurals
from splatworld.generate.text.terms import slip, vocabulary
from splatworld.palette import COLOURS
from splatworld.scene_spec import Item, SceneSpec, checked, decode, encode

SENTENCES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "sentences.json").read_text())
TREES = ("pine", "broadleaf", "birch")
SAME = {"lantern": "lamp", "table_lamp": "lamp", "floor_lamp": "lamp", "lighthouse": "tower"}
SIZES = {"huge": "large", "tiny": "small"}


# The thirty sentences -------------------------------------------------------------------------------------------------


def _class(thing: str) -> str:
    return SAME.get(thing, thing)


def _fits(thing: Any, wanted: dict[str, Any]) -> bool:
    """Whether an item or a cover is of the class, colour, material and size asked for."""
    return (
        _class(thing.thing) == wanted["class"]
        and wanted["colour"] in (None, thing.colour)
        and wanted["material"] in (None, getattr(thing, "material", None))
        and wanted["size"] in (None, SIZES.get(thing.size, thing.size))
    )


def _check_thing(spec: SceneSpec, wanted: dict[str, Any], total: Counter[str], asked: Counter[str]) -> list[str]:
    name, count = wanted["class"], wanted["count"]
    found = sum(item.count for item in spec.items if _fits(item, wanted))
    covered = any(_fits(cover, wanted) for cover in spec.covers)
    if isinstance(count, dict):
        return [] if covered or found >= count["min"] else [f"at least {count['min']} {wanted}, found {found}"]
    misses = [] if found >= count else [f"{count} {wanted}, found {found}"]
    extra = total[name] != asked[name] or any(_class(c.thing) == name for c in spec.covers)
    return [*misses, f"exactly {asked[name]} {name}, found {total[name]} and covers"] if extra else misses


def _check_relation(spec: SceneSpec, wanted: dict[str, Any]) -> list[str]:
    classes = {item.id: _class(item.thing) for item in spec.items} | {k: k for k in ("lake", "river", "sea", "path")}
    subjects = [item for item in spec.items if _class(item.thing) == wanted["a"]]

    def holds(item: Item) -> bool:
        return any(
            r.kind == wanted["kind"] and {classes.get(t) for t in r.to} == set(wanted["b"]) for r in item.relations
        )

    return [] if subjects and all(map(holds, subjects)) else [f"{wanted['a']} {wanted['kind']} {wanted['b']}"]


def _checks(sentence: dict[str, Any]) -> list[list[str]]:
    """One list for each thing asked; it holds what was missed."""
    spec = parse(sentence["text"], seed=sentence["seed"])
    checks: list[list[str]] = []
    for key in ("place", "time", "weather", "season", "water"):
        wanted = sentence[key]
        if wanted is not None:
            got = getattr(spec, key)
            checks.append([] if got == wanted.removesuffix(" room") else [f"{key} {wanted}, got {got}"])
    total = Counter[str]()
    for item in spec.items:
        total[_class(item.thing)] += item.count
    asked = Counter[str]()
    for thing in sentence["things"]:
        asked[thing["class"]] += thing["count"] if isinstance(thing["count"], int) else 0
    checks += [_check_thing(spec, thing, total, asked) for thing in sentence["things"]]
    for name in sentence["absent"]:
        ruled_out = TREES if name == "tree" else (name,)
        there = [t.thing for t in (*spec.items, *spec.covers) if _class(t.thing) in ruled_out]
        checks.append([f"no {name}, found {there}"] if there or name not in spec.absent else [])
    checks += [_check_relation(spec, relation) for relation in sentence["relations"]]
    checks += [[] if word in spec.unknown else [f"unknown {word}"] for word in sentence["unknown"]]
    return checks


def test_the_thirty_sentences() -> None:
    checks = [(s["text"], check) for s in SENTENCES for check in _checks(s)]
    misses = [f"{text[:50]}...: {'; '.join(check)}" for text, check in checks if check]
    report = f"{len(checks) - len(misses)} of {len(checks)}\n" + "\n".join(misses)
    print(report)
    assert len(SENTENCES) == 30
    assert len(misses) <= 0.05 * len(checks), report


# One row for each rule ------------------------------------------------------------------------------------------------


def things(spec: SceneSpec) -> str:
    """Items in a short notation: "2 blue boat on lake; 1 small wood cabin"."""
    rows = []
    for item in spec.items:
        words = [str(item.count), item.size, item.colour, item.material, item.thing]
        rows.append(" ".join([w for w in words if w] + [f"{r.kind} {'+'.join(r.to)}" for r in item.relations]))
    return "; ".join(rows)


ITEM_ROWS = [
    # numbers
    ("a well", "1 well"),
    ("12 barrels", "12 barrel"),
    ("twenty-five lamps", "25 lamp"),
    ("half a dozen chairs", "6 chair"),
    ("a dozen barrels", "12 barrel"),
    ("two dozen barrels", "24 barrel"),
    ("a couple of dozen pines", "24 pine"),
    ("a couple of boats", "2 boat"),
    ("a pair of lamps", "2 lamp"),
    ("two pairs of chairs", "4 chair"),
    ("a few barrels", "3 barrel"),
    ("several barrels", "4 barrel"),
    ("many barrels", "6 barrel"),
    ("barrels", "3 barrel"),
    ("a row of lamps", "5 lamp"),
    ("a row of seven lamps", "7 lamp"),
    ("1,000,000,000 barrels", "500 barrel"),
    ("a lone oak", "1 broadleaf"),
    # words of several parts, plurals
    ("two chests of drawers", "2 cabinet"),
    ("three apple trees and a rowing boat", "3 broadleaf; 1 boat"),
    ("street lamps", "3 lamp"),
    ("four benches and two shelves", "4 bench; 2 shelf"),
    # adjectives
    ("a red cabin and two blue boats", "1 red cabin; 2 blue boat"),
    ("red and blue boats", "3 red boat; 3 blue boat"),
    ("four red and blue boats", "2 red boat; 2 blue boat"),
    ("two red and three blue boats", "2 red boat; 3 blue boat"),
    ("a red, a blue and a yellow house", "1 red house; 1 blue house; 1 yellow house"),
    ("cabins, one red and two white", "1 red cabin; 2 white cabin"),
    ("three boats, one red and the others white", "1 red boat; 2 white boat"),
    ("five boats, two of them green", "2 green boat; 3 boat"),
    ("a small, red, wooden cabin", "1 small red wood cabin"),
    ("The houses are white. The tower is red.", "3 white house; 1 red tower"),
    ("a red wooden chair, a blue one and a green one", "1 red wood chair; 1 blue chair; 1 green chair"),
    ("two boats, a red one and a blue one", "1 red boat; 1 blue boat"),
    ("houses: three red, two blue", "3 red house; 2 blue house"),
    ("ten barrels, one of the barrels is red", "1 red barrel; 9 barrel"),
    ("a tower of stone and a cottage made of brick", "1 stone tower; 1 brick house"),
    ("eight stones around a stone well", "8 rock around well; 1 stone well"),
    ("an oak table", "1 wood table"),
    ("a scarlet house, a teal boat and a dark blue bench", "1 red house; 1 turquoise boat; 1 navy bench"),
    ("a cabin with a red roof and a boat", "1 cabin; 1 boat"),
    ("a gnarled huge oak", "1 huge broadleaf"),
    # relations
    ("a red cabin by a lake in a pine forest at sunset, two boats", "1 red cabin by lake; 2 boat"),
    ("four houses and a long bench by the lake", "4 house by lake; 1 long bench by lake"),
    ("a bench under the big oak", "1 bench under broadleaf; 1 large broadleaf"),
    ("a bench between two birches", "1 bench between birch; 2 birch"),
    ("two birches in a meadow and a bench between them", "2 birch; 1 bench between birch"),
    ("a well between a cabin and a house", "1 well between cabin+house; 1 cabin; 1 house"),
    ("In front of the hut, a campfire", "1 cabin; 1 campfire in_front_of cabin"),
    ("On the table there is a lamp", "1 table; 1 lamp on table"),
    ("a cabin, behind it a well", "1 cabin; 1 well behind cabin"),
    ("By the lake in the forest, a cabin", "1 cabin by lake"),
    ("a cabin by a lake, behind a fence", "1 cabin by lake behind fence; 1 fence"),
    ("a table with four chairs around", "1 table; 4 chair around table"),
    ("a table with two chairs, a lamp on it", "1 table; 2 chair; 1 lamp on table"),
    ("a cabin surrounded by birches and pines", "1 cabin; 6 birch around cabin; 6 pine around cabin"),
    ("a path lined with birches", "6 birch along path"),
    ("lamps line the path", "6 lamp along path"),
    ("a red house left of a blue house", "1 red house left_of house-2; 1 blue house"),
    ("two lamps, one to the left of the bed and one to the right of it",
     "1 lamp left_of bed; 1 lamp right_of bed; 1 bed"),
    ("a house with three oaks behind it and five in front of it",
     "1 house; 3 broadleaf behind house; 5 broadleaf in_front_of house"),
    ("a bench on either side of the path", "2 bench along path"),
    ("lamps on both sides of the bed", "6 lamp by bed; 1 bed"),
    ("a bed with a small lamp on either side", "1 bed; 2 small lamp by bed"),
    ("a table with a red chair to its left and a blue chair to its right",
     "1 table; 1 red chair left_of table; 1 blue chair right_of table"),
    ("boats: one yellow boat and one green boat", "1 yellow boat; 1 green boat"),
    ("a road with cacti on both sides", "6 cactus along path"),
    ("pine trees with a cabin between them", "3 pine; 1 cabin between pine"),
    ("three lamps: a red lamp, a blue lamp and a green lamp", "1 red lamp; 1 blue lamp; 1 green lamp"),
    ("There is a cabin. The cabin is red. Behind the cabin are two barrels.", "1 red cabin; 2 barrel behind cabin"),
    ("a house on a lake", "1 house by lake"),
    ("a stone house with a fence, two barrels and a cart in front of it, by a stream",
     "1 stone house by river; 1 fence; 2 barrel in_front_of house; 1 cart in_front_of house"),
    ("lamps glow in front of two houses", "3 lamp in_front_of house; 2 house"),
    ("a boat on the sand", "1 boat on ground"),
    ("a bed against the wall", "1 bed by wall"),
    ("a lamp on the roof of the cabin", "1 lamp on cabin; 1 cabin"),
    ("a bridge between two towers over a river", "1 bridge between tower on river; 2 tower"),
    ("a village with a well and a bench", "1 well; 1 bench; 5 house"),
    ("three pines stand behind the barn", "3 pine behind barn; 1 barn"),
    # negation
    ("a forest without a fence or houses, but a well", "1 well"),
    ("not a single boat, two barrels", "2 barrel"),
    ("two boats, no boats", ""),
    ("a quokka asleep on the bed", "1 bed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ITEM_ROWS)
def test_items(text: str, expected: str) -> None:
    assert things(parse(text)) == expected


SCENE_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("snowy plain", {"place": "snow", "season": "winter", "ground": "snow", "weather": "clear", "landform": "flat"}),
    ("it is snowing in the village", {"place": "village", "weather": "snow", "season": "winter"}),
    ("a lake, snowy mountains far away", {"place": "lake", "season": "summer", "far": "mountains"}),
    ("a village in the mountains", {"place": "village", "landform": "valley", "far": "mountains"}),
    ("a lake in the mountains", {"place": "lake", "water": "lake", "far": "mountains"}),
    ("a mountain lake", {"place": "lake"}),
    ("a lake surrounded by mountains and forest", {"place": "lake", "far": "mountains"}),
    ("a meadow by a river", {"place": "meadow", "water": "river"}),
    ("pines", {"place": "forest"}),
    ("a bed", {"place": "interior", "ground": "wood", "far": "none", "water": None}),
    ("inside a cabin, a table", {"place": "interior"}),
    ("a bridge", {"place": "river", "water": "river"}),
    ("two boats", {"place": "lake", "water": "lake"}),
    ("a lighthouse", {"place": "beach", "water": "sea", "landform": "coast"}),
    ("a desert lake", {"place": "desert", "water": "lake", "notes": []}),
    ("winter", {"place": "snow", "season": "winter"}),
    ("rolling hills at 6 am", {"landform": "rolling", "time": "dawn"}),
    ("a starry desert", {"place": "desert", "time": "night"}),
    ("an evening with the setting sun", {"time": "dusk"}),
    ("blue sky over a field", {"weather": "clear", "place": "meadow"}),
    ("no path through the forest", {"place": "forest", "path": False}),
    ("a trail through the forest", {"place": "forest", "path": True}),
    ("low poly forest", {"style": "lowpoly"}),
    ("a painterly beach", {"style": "painterly", "place": "beach"}),
]


@pytest.mark.parametrize(("text", "expected"), SCENE_ROWS[1:])
def test_scene(text: str, expected: dict[str, Any]) -> None:
    spec = parse(text)
    assert {key: getattr(spec, key) for key in expected} == expected


NOTE_ROWS = [
    ("a sunny night", "night wins", {"time": "night", "weather": "clear"}),
    ("a summer snowstorm", "weather wins", {"season": "winter", "weather": "snow"}),
    ("rain on a sunny day", "rain is taken", {"weather": "rain"}),
    ("sunset, then midnight", "sunset is taken", {"time": "sunset"}),
    ("a dry lake", "without water", {"water": None}),
    ("a river and a lake", "one water", {"water": "river"}),
    ("a cabbin in a medow", "read 'cabbin' as 'cabin'", {"place": "meadow"}),
    ("a city at night", "built as the village", {"place": "village"}),
    ("two boats and no boats", "ruled out wins", {"absent": ["boat"]}),
    ("1000000 barrels", "too many", {}),
    ("a 10 metre tall tower", "sizes are given in words", {}),
    ("qwv zxc", "nothing in the sentence was understood", {"place": "meadow", "unknown": ["qwv", "zxc"]}),
]


@pytest.mark.parametrize(("text", "note", "expected"), NOTE_ROWS)
def test_what_was_decided_is_told(text: str, note: str, expected: dict[str, Any]) -> None:
    spec = parse(text)
    assert note in " ".join(spec.notes)
    assert {key: getattr(spec, key) for key in expected} == expected


def covers(text: str) -> dict[str, str | None]:
    return {cover.thing: cover.colour for cover in parse(text).covers}


def test_covers() -> None:
    assert [t for t in covers("a birch forest") if t in TREES] == ["birch"]
    assert covers("a meadow with yellow flowers")["flowers"] == "yellow"
    assert not set(TREES) & set(covers("a treeless meadow"))
    assert not set(TREES) & set(covers("a lone oak in a meadow"))
    colours = {c.colour for c in parse("a meadow with flowers in red, yellow and blue").covers if c.thing == "flowers"}
    assert colours == {"red", "yellow", "blue"}
    assert "broadleaf" not in covers("three oaks in a meadow"), "three oaks are three"
    assert "flowers" not in covers("a meadow in winter")
    assert next(c for c in parse("tall grass").covers if c.thing == "grass").size == "tall"
    thick, usual = parse("a dense pine forest"), parse("a pine forest")
    assert next(c.density for c in thick.covers if c.thing == "fern") > next(
        c.density for c in usual.covers if c.thing == "fern"
    )


def test_an_exception_keeps_its_tree() -> None:
    spec = parse("no trees except a lone oak")
    assert things(spec) == "1 broadleaf"
    assert "pine" in spec.absent
    assert "broadleaf" not in spec.absent


@pytest.mark.parametrize(
    "text", ["no trees or bushes", "without any trees or bushes", "neither trees nor bushes", "no trees and no bushes"]
)
def test_negation_reaches_over_or(text: str) -> None:
    assert parse(text).absent == ["tree", "bush"]


# Vocabulary -----------------------------------------------------------------------------------------------------------


def test_a_word_belongs_to_one_class() -> None:
    owners: dict[str, set[str]] = {}
    for row in catalogue.classes().values():
        assert row.name.replace("_", " ") in row.words or row.name in row.words
        for word in row.words:
            owners.setdefault(word, set()).add(row.name)
    assert {word: names for word, names in owners.items() if len(names) > 1} == {}


def test_the_lexicon_names_only_what_exists() -> None:
    known = set(catalogue.classes())
    kinds = {kind for row in catalogue.classes().values() for kind in row.kinds}
    named = (
        {n for covers in lexicon.COVERS.values() for n in covers}
        | set(lexicon.TREES.values())
        | set(lexicon.WIDE_CLASSES.values())
    )
    named |= (
        {n for room in lexicon.ROOMS.values() for n in room}
        | set(lexicon.THING_PLACES)
        | lexicon.SCATTERED
        | lexicon.WITHERING
    )
    assert named | lexicon.INDOORS_TOO <= known
    assert set(lexicon.WIDER.values()) <= kinds
    assert set(lexicon.COLOUR_WORDS.values()) <= set(COLOURS)


def test_every_class_is_understood_by_each_of_its_words() -> None:
    """Each noun, after an article, gives its class; "gravel" and the like may be read as ground."""
    wrong: dict[str, str] = {}
    seen: set[str] = set()
    for row in catalogue.classes().values():
        for word in sorted(set(row.words) - seen):
            seen.add(word)
            spec = parse(f"a {word}")
            if row.name not in {t.thing for t in (*spec.items, *spec.covers)}:
                wrong[word] = things(spec) or spec.place
    assert wrong.keys() <= {"light", "cottage in the woods", "tree", "small stone"}, wrong


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("berry", "berries"), ("bench", "benches"), ("shelf", "shelves"), ("leaf", "leaves"),
     ("apple tree", "apple trees"),
     ("chest of drawers", "chests of drawers"), ("cactus", "cacti"), ("box", "boxes"), ("valley", "valleys")],
)  # fmt: skip
def test_plurals(noun: str, plural: str) -> None:
    assert plurals(noun)[0] == plural


@pytest.mark.parametrize(
    ("word", "meant"),
    [("cabbin", "cabin"), ("montain", "mountain"), ("villager", None), ("fern", None)],
)
def test_slips_of_the_keyboard(word: str, meant: str | None) -> None:
    assert slip(word) == meant


def test_unknown_words_are_listed_once_in_order() -> None:
    assert parse("a zorblat, two quokkas and a zorblat on a green gramophone").unknown == [
        "zorblat",
        "quokkas",
        "gramophone",
    ]


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "   \n\t ", "🌲🌊🔥", "!?...", "\x00\x1b\u202e", "a" * (limits.PROMPT_CHARS + 1)])
def test_nothing_to_build_from(text: str) -> None:
    with pytest.raises(PromptError):
        parse(text)


@pytest.mark.parametrize(
    "text", ["a bedroom, " + "nine hundred barrels, " * 9, "a bedroom, " + "a red barrel, a blue barrel, " * 40]
)
def test_more_things_than_a_scene_holds(text: str) -> None:
    spec = checked(parse(text))
    assert decode(encode(spec)) == spec
    assert any("left out" in note or "too many" in note for note in spec.notes)


@pytest.mark.parametrize("seed", [-1, limits.SEED_MAX + 1])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(UsageError, match="seed"):
        parse("a well", seed=seed)


def test_hostile_text_is_words() -> None:
    spec = parse('<script>alert("boat")</script> \x1b[31m{"place": "desert"}; $(rm -rf /) \u202e')
    assert spec.place == "desert"
    assert things(spec) == "1 boat"
    assert "\x1b" not in spec.prompt
    assert all(word.isalnum() for word in spec.unknown)


LONG = ["a red boat by the lake, " * 166, "boat and " * 444, "red, " * 790 + "boat", "it behind it " * 300,
        "between " * 490, "," * 3990 + "a", "a " * 1999, "1,000," * 600, "two boats, one red, " * 200,
        "qwertz uiop asdf " * 235]  # fmt: skip


@pytest.mark.parametrize("text", LONG, ids=[text[:12] for text in LONG])
def test_long_text_takes_no_time(text: str) -> None:
    parse("a well")
    start = time.perf_counter()
    checked(parse(text))
    assert time.perf_counter() - start < 5, "quadratic or worse"


WORDS = st.sampled_from(sorted(vocabulary())) | st.sampled_from(
    [",", ".", "and", "a", "two", "the", "of", "with", "no", "99999", "zorblat", ":"]
)


@settings(max_examples=60, deadline=2000)
@given(st.lists(WORDS, min_size=1, max_size=60).map(" ".join))
def test_any_words_make_a_valid_spec(text: str) -> None:
    if len(text) > limits.PROMPT_CHARS or not any(c.isalnum() for c in text):
        return
    spec = parse(text, seed=7)
    assert decode(encode(spec)) == spec
    assert parse(text, seed=7) == spec
    assert describe(spec)


@settings(max_examples=60, deadline=2000)
@given(st.text(max_size=limits.PROMPT_CHARS))
def test_any_text_makes_a_spec_or_a_sentence(text: str) -> None:
    try:
        spec = parse(text)
    except PromptError:
        return
    assert decode(encode(checked(spec))) == spec


def test_describe_says_what_was_understood() -> None:
    said = describe(parse("a red cabin by a lake in a pine forest at sunset, two boats, no lamps and a zorblat"))
    for part in (
        "forest",
        "lake",
        "sunset",
        "1 red cabin, by the lake",
        "2 boats",
        "Without: lamps",
        "Not understood: zorblat",
    ):
        assert part in said
    assert len(said.splitlines()) <= 12
