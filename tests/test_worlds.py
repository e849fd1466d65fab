"""The 30 sentences, checked on finished worlds (see SENTENCES.md and judging.py)."""

import json
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from judging import Seen, share_of, verdicts

import splatworld
from splatworld.geometry import Similarity

SENTENCES = json.loads((Path(__file__).parent / "sentences.json").read_text())
QUICK = (2, 4, 6, 10, 15, 22)
"""A room, a lawn, a beach, a bedroom, a winter wood and a village: checked at every run."""
WANTED = 0.95
"""Share of all expectations that must be met."""


@cache
def judged(index):
    """(sentence, verdict) of all expectations of a sentence."""
    entry = SENTENCES[index]
    world = splatworld.generate(entry["text"], seed=entry["seed"], splats=4_000)
    return [(entry["text"], verdict) for verdict in verdicts(world, entry)]


def demand(chosen):
    rows = [row for index in chosen for row in judged(index)]
    misses = [(text, v) for text, v in rows if not v.met]
    for text, v in misses:
        print(f"MISS {v.asked:<44} found: {v.found:<30} in: {text[:60]}")
    print(f"{len(rows) - len(misses)} of {len(rows)} expectations met")
    assert len(rows) >= 4 * len(chosen)
    assert 1 - len(misses) / len(rows) >= WANTED, "\n".join(f"{v.asked} (found: {v.found}): {t}" for t, v in misses)


def test_six_sentences_become_their_worlds():
    demand(QUICK)


@pytest.mark.slow
def test_thirty_sentences_become_their_worlds():
    demand(range(len(SENTENCES)))


def test_the_judge_is_not_pleased_by_another_world():
    """A world of another sentence must fail most expectations, or the judge sees nothing."""
    world = splatworld.generate("a red house in a meadow", seed=1, splats=4_000)
    for index in (4, 6, 8, 21):
        rows = verdicts(world, SENTENCES[index])
        assert np.mean([v.met for v in rows]) < 0.4, SENTENCES[index]["text"]


def test_the_judge_sees_where_things_stand():
    """Moving a thing away breaks its relation; painting it breaks its colour."""
    entry = SENTENCES[6]
    world = splatworld.generate(entry["text"], seed=entry["seed"], splats=4_000)
    barrel = Seen(world).of("barrel")[0]
    gone = Similarity(translation=(60.0, -60.0, 0.0)) @ barrel.world_from_thing
    moved = world.with_things({barrel.id: msgspec.structs.replace(barrel, world_from_thing=gone)})
    assert all(v.met for v in verdicts(world, entry) if v.asked == "barrel by boat")
    assert not any(v.met for v in verdicts(moved, entry) if v.asked == "barrel by boat")


PAINTS = {
    "red": (0.6, 0.15, 0.12),
    "white": (0.9, 0.88, 0.85),
    "black": (0.1, 0.1, 0.12),
    "brown": (0.4, 0.28, 0.18),
    "blue": (0.2, 0.35, 0.6),
    "green": (0.27, 0.46, 0.22),
}


@pytest.mark.parametrize(("word", "rgb"), PAINTS.items())
def test_the_judge_knows_colours(word, rgb):
    colours = np.tile(rgb, (5, 1))
    assert share_of(word, colours) == 1
    assert all(share_of(other, colours) == 0 for other in {"red", "white", "black", "blue", "green"} - {word})
