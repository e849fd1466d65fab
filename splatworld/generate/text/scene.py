"""Where and when: place, water, landform, light, season and ground from mentions and facts.

Where words contradict themselves: time of day beats weather, weather beats season; among times the first named wins,
among weathers the strongest. Each decision is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from splatworld.generate.procedural import catalogue
from splatworld.generate.text import lexicon
from splatworld.generate.text.items import is_kind, is_shell
from splatworld.generate.text.mentions import Fact, Mention

ASIDE = ("by", "behind", "in_front_of", "left_of", "right_of", "between", "along", "around", "under")
"""A place named after one of these is near the scene, not where it is."""
INDOORS = ("floor", "wall")


@dataclass
class Scene:
    """The part of a spec that is not things."""

    place: Any = "meadow"
    landform: Any = "rolling"
    time: Any = "afternoon"
    weather: Any = "clear"
    season: Any = "summer"
    water: Any = None
    ground: Any = "grass"
    far: Any = "hills"
    path: bool = False
    style: Any = "realistic"
    room: str = "room"
    """The word for an interior: "kitchen"."""
    woods: bool = False
    """A forest is named beside the place itself."""
    notes: list[str] = field(default_factory=list)


def scene(mentions: Sequence[Mention], facts: Sequence[Fact]) -> Scene:
    """Everything about a scene but its things."""
    made = Scene()
    there = [m for m in mentions if not m.traits.negated]
    lands = [m for m in there if m.kind == "place"]
    chosen = _chosen_place(lands, there)
    snowy = [f for f in facts if f.kind == "snow" and not f.negated and not _is_backdrop(f, chosen, lands)]
    _light(made, facts)
    _season(made, facts, bool(snowy))
    white = bool(snowy) or (made.season == "winter" and not _denied(facts, "snow"))
    made.place = _place(chosen, there, white)
    if chosen is not None and chosen.word in lexicon.READ_AS and made.place == chosen.value:
        made.notes.append(f"'{chosen.word}' is built as {lexicon.READ_AS[chosen.word]}")
    _rooms_and_woods(made, chosen, lands)
    _water(made, mentions, there)
    _land(made, there, facts, chosen)
    _ground(made, there, white, bool(snowy) or made.weather == "snow")
    made.path = made.place != "interior" and (made.place == "village" or any(m.kind == "path" for m in there))
    made.path = made.path and not any(m.kind == "path" and m.traits.negated for m in mentions)
    made.style = next((f.value for f in facts if f.kind == "style" and not f.negated), "realistic")
    return made


# Place ----------------------------------------------------------------------------------------------------------------


def _chosen_place(lands: list[Mention], there: list[Mention]) -> Mention | None:
    """The place that the scene is in: the first that is neither far nor beside, whole nouns before "village well"."""
    aside = {m for mention in there for link in mention.links if link.kind in ASIDE for m in link.objects}
    aside |= {mention for mention in there if any(link.kind == "around" for link in mention.links)}
    near = [m for m in lands if not m.traits.far]
    shell = next((m for m in there if is_shell(m)), None)
    water = any(m.kind == "water" and not m.traits.dry for m in there)
    for wanted in (
        [m for m in near if not m.modifier and m not in aside and m.value not in ("open", "mountain")],
        [m for m in near if m.value == "mountain" and not m.modifier and m not in aside],
        [m for m in near if m.modifier and m.value != "open"],
        [m for m in near if m.value != "open" and not m.modifier and not water],
        [m for m in near if m.value == "open"],
    ):
        if shell is not None:
            return shell
        if wanted:
            return wanted[0]
    return shell


def _place(chosen: Mention | None, there: list[Mention], white: bool) -> str:
    if chosen is not None and chosen.kind == "thing":
        return "interior"
    if (
        chosen is not None
        and chosen.value != "open"
        and not (chosen.value in ("mountain", "beach") and _main_water(there))
    ):
        return chosen.value
    waters = [m for m in there if m.kind == "water" and not m.traits.far and not m.traits.dry]
    if waters and (chosen is None or chosen.value != "open"):
        return lexicon.WATER_PLACES[waters[0].value]
    implied = None if chosen is not None else _implied_by_things(there)
    if implied:
        return implied
    form = next(
        (
            lexicon.LANDFORM_PLACES[m.value]
            for m in there
            if m.kind == "landform" and m.value in lexicon.LANDFORM_PLACES
        ),
        None,
    )
    return form or ("snow" if white else "meadow")


def _main_water(there: list[Mention]) -> bool:
    """Whether the text opens with a water that what follows only frames: "a lake in the mountains"."""
    first = next((m for m in there if m.kind in ("water", "place") and not m.modifier), None)
    return first is not None and first.kind == "water" and first.value != "sea"


def _implied_by_things(there: list[Mention]) -> str | None:
    """Furniture stands in a room, boats lie on a lake, bridges cross rivers, pines make a forest."""
    rows = [catalogue.classes()[m.value] for m in there if m.kind == "thing" and not m.modifier]
    furniture = [row for row in rows if row.stands in INDOORS] or [m for m in there if m.value == "furniture"]
    if (
        furniture
        and all(row in furniture or row.name in lexicon.INDOORS_TOO for row in rows)
        and not any(m.kind in ("water", "path") for m in there)
    ):
        return "interior"
    for row in rows:
        place = lexicon.THING_PLACES.get(row.name) or {"water": "lake", "across": "river"}.get(row.stands)
        if place:
            return place
    trees = [
        m
        for m in there
        if m.kind in ("thing", "wide") and (m.value == "tree" or (m.kind == "thing" and is_kind(m.value, "tree")))
    ]
    return (
        "forest"
        if any(m.plural and m.traits.count is None and not m.links for m in trees) and len(trees) == len(there)
        else None
    )


def _rooms_and_woods(made: Scene, chosen: Mention | None, lands: list[Mention]) -> None:
    if chosen is not None and made.place == "interior":
        made.room = chosen.word
    made.woods = made.place not in ("forest", "interior") and any(m.value == "forest" for m in lands)


# Water and land -------------------------------------------------------------------------------------------------------


def _water(made: Scene, mentions: Sequence[Mention], there: list[Mention]) -> None:
    named = [m for m in there if m.kind == "water" and not (m.word == "water" and made.place in lexicon.PLACE_WATERS)]
    dry = [m for m in named if m.traits.dry]
    wet = list(dict.fromkeys(m.value for m in named if not m.traits.dry))
    floating = any(m.kind == "thing" and catalogue.classes()[m.value].stands == "water" for m in there)
    crossing = any(m.kind == "thing" and catalogue.classes()[m.value].stands == "across" for m in there)
    implied = "river" if crossing else "lake" if floating else None
    if made.place in ("interior", "desert", "snow"):
        implied = None
    made.water = wet[0] if wet else None if dry else lexicon.PLACE_WATERS.get(made.place, implied)
    if made.place == "interior":
        made.water = None
    denied = {m.value if m.word != "water" else "water" for m in mentions if m.kind == "water" and m.traits.negated}
    if made.water in denied or "water" in denied:
        made.water = None
    if dry:
        made.notes.append(f"a dry {dry[0].word} is built without water")
    elif len(wet) > 1 and made.water:
        made.notes.append(f"a scene has one water: the {wet[0]} is built, the {wet[1]} is not")


def _is_backdrop(fact: Fact, chosen: Mention | None, lands: list[Mention]) -> bool:
    """Whether it is said of far land: "snowy mountains far away" do not make it winter here."""
    said_of = fact.mention
    if said_of is None or said_of.kind not in ("place", "landform"):
        return False
    return said_of.traits.far or (said_of is not chosen and said_of.value in ("mountain", "hills", "mountains"))


def _land(made: Scene, there: list[Mention], facts: Sequence[Fact], chosen: Mention | None) -> None:
    """Landform and what closes the horizon."""
    forms = [m.value for m in there if m.kind == "landform" and not m.traits.far]
    forms += [f.value for f in facts if f.kind == "form" and not f.negated]
    mountains = [m for m in there if m.value == "mountain" and (m is not chosen or made.place != "mountain")]
    hills = [m for m in there if m.kind == "landform" and m.value == "hills" and m.traits.far]
    flat = chosen is not None and chosen.value == "open" and not chosen.word.startswith("field")
    made.landform = forms[0] if forms else "flat" if flat else lexicon.PLACE_LANDFORMS.get(made.place, "rolling")
    if not forms and made.place in ("village", "forest", "meadow") and any(not m.traits.far for m in mountains):
        made.landform = "valley"
    if made.place == "interior":
        made.landform = "flat"
    made.far = "mountains" if mountains else "hills" if hills else lexicon.PLACE_FARS.get(made.place, "hills")


def _ground(made: Scene, there: list[Mention], white: bool, fallen: bool) -> None:
    """What lies underfoot: named ground, else the place's; snow over it in winter (on sand only if snow is named)."""
    named = [m.value for m in there if m.kind == "ground" and m.value]
    made.ground = lexicon.PLACE_GROUNDS.get(made.place, "grass")
    if made.place == "interior":
        made.ground = named[0] if named and named[0] in ("stone",) else "wood"
    elif fallen or (white and made.ground != "sand"):
        made.ground = "snow"
    elif named and made.place in ("meadow", "village", "river", "lake"):
        made.ground = named[0]


# Light and season -----------------------------------------------------------------------------------------------------


def _denied(facts: Sequence[Fact], value: str) -> bool:
    return any(f.negated and f.value == value for f in facts)


def _light(made: Scene, facts: Sequence[Fact]) -> None:
    times = [f for f in facts if f.kind == "time" and not f.negated]
    hints = [f for f in facts if f.kind == "night" and not f.negated]
    named = list(dict.fromkeys(f.value for f in times))
    if times:
        made.time = named[0]
    elif hints:
        made.time = "night"
    if len(named) > 1:
        made.notes.append(f"a scene has one time of day: {named[0]} is taken, {named[1]} is not")
    elif times and hints and named[0] not in ("night", "dusk", "dawn", "sunset"):
        made.notes.append(f"'{hints[0].word}' does not go with {named[0]}: {named[0]} wins")
    _weather(made, facts)


def _weather(made: Scene, facts: Sequence[Fact]) -> None:
    said = [f for f in facts if f.kind == "weather" and not f.negated]
    said = [f for f in said if not (f.value == "clear" and f.mention is not None and f.mention.kind == "water")]
    values = list(dict.fromkeys(f.value for f in said))
    if values:
        made.weather = max(values, key=lexicon.WEATHER_STRENGTH.index)
    if len(values) > 1:
        left = [v for v in values if v != made.weather]
        made.notes.append(f"a scene has one weather: {made.weather} is taken, {left[0]} is not")
    sunny = next((f.word for f in said if "sun" in f.word), None)
    if sunny and made.time == "night":
        made.notes.append(f"'{sunny}' does not go with night: night wins, under a clear sky with a moon")


def _season(made: Scene, facts: Sequence[Fact], snowy: bool) -> None:
    said = list(dict.fromkeys(f.value for f in facts if f.kind == "season" and not f.negated))
    if said:
        made.season = said[0]
    if len(said) > 1:
        made.notes.append(f"a scene has one season: {said[0]} is taken, {said[1]} is not")
    if made.season != "winter" and (made.weather == "snow" or snowy):
        if said and made.weather == "snow":
            made.notes.append(f"it does not snow in {said[0]}: the weather wins, so it is winter")
        elif said:
            made.notes.append(f"snow lies on the ground although it is {said[0]}")
            return
        made.season = "winter"
