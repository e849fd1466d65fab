"""Words to `SceneSpec`: the whole way, and what a scene holds that nobody asked for."""

from collections.abc import Sequence

from splatworld import limits
from splatworld.errors import UsageError
from splatworld.generate.procedural import catalogue
from splatworld.generate.text import grammar, lexicon
from splatworld.generate.text.items import Stock, covers, is_kind, stock
from splatworld.generate.text.mentions import Mention
from splatworld.generate.text.scene import Scene, scene
from splatworld.generate.text.terms import Term, terms
from splatworld.generate.text.tokens import tokens
from splatworld.scene_spec import Item, SceneSpec, checked, clean_text

ABSENT_MAX = 32
WOODS = 0.4
"""Density of the trees of a forest that is beside the scene."""


def parse(text: str, *, seed: int = 0) -> SceneSpec:
    """Read a description of a scene.

    Args:
        text: English words; at most `limits.PROMPT_CHARS` characters.
        seed: stored in the spec; 0 to `limits.SEED_MAX`.

    Returns:
        A checked spec. Words that were not understood are in `unknown`, decisions in `notes`.

    Raises:
        PromptError: the text is too long, or holds no letter and no digit.
        UsageError: the seed is out of range.
    """
    if not 0 <= seed <= limits.SEED_MAX:
        raise UsageError(f"the seed must be from 0 to {limits.SEED_MAX:,}")
    found, notes = terms(tokens(text))
    mentions, facts = grammar.read(found)
    where = scene(mentions, facts)
    things = stock(mentions, where.place, where.water)
    if (not mentions and not facts) or (all(m.kind == "unknown" for m in mentions) and not facts):
        notes.append("nothing in the sentence was understood; this is the usual summer meadow")
    winter = where.season == "winter"
    return checked(
        SceneSpec(
            prompt=clean_text(text)[: limits.PROMPT_CHARS], place=where.place, landform=where.landform, time=where.time,
            weather=where.weather, season=where.season, water=where.water, ground=where.ground, far=where.far,
            items=[*things.items, *_usual_items(where, things, mentions)],
            covers=covers(things, _thickness(where, mentions), winter),
            absent=things.absent[:ABSENT_MAX], path=where.path, style=where.style, seed=seed, unknown=_unknown(found),
            notes=[*notes, *where.notes, *things.notes],
        )
    )  # fmt: skip


def _unknown(found: Sequence[Term]) -> list[str]:
    return list(dict.fromkeys(term.text for term in found if not term.senses))


def _thickness(where: Scene, mentions: Sequence[Mention]) -> dict[str, float]:
    """The place's own covers; "a dense forest" has more of them, a forest beside the place lends its trees."""
    usual = dict(lexicon.COVERS[where.place])
    if where.woods:
        usual |= {name: max(WOODS, usual.get(name, 0)) for name in ("pine", "broadleaf")}
    said = next(
        (m.traits.density for m in mentions if m.kind == "place" and m.value == where.place and m.traits.density), 1.0
    )
    return {name: min(4.0, density * said) for name, density in usual.items()}


def _usual_items(where: Scene, things: Stock, mentions: Sequence[Mention]) -> list[Item]:
    """Houses of a village, furniture of a room, where none are named."""
    named = {e.thing for e in things.entries}
    allowed = [n for n in catalogue.classes() if not any(is_kind(n, word) for word in things.absent)]
    if where.place == "village" and "house" in allowed and not any(is_kind(n, "building") for n in named):
        return [Item(id="house", thing="house", count=lexicon.VILLAGE_HOUSES)]
    crowded = sum(e.count for e in things.entries) > limits.SPEC_TOTAL_COUNT // 2
    if where.place != "interior" or crowded or len(things.entries) > limits.SPEC_ITEM_KINDS // 2:
        return []
    room = lexicon.ROOMS.get(where.room, lexicon.ROOMS["room"])
    wanted = room if not named else room[:1] if where.room in ("bedroom", "kitchen") else ()
    return [Item(id=name, thing=name) for name in wanted if name in allowed and name not in named]
