"""Edits are pure, replayable, and do what their names say."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from splatworld import edits, palette, sh
from splatworld.edits import (
    AddViewpoint,
    Delete,
    Duplicate,
    Edit,
    History,
    Move,
    Recolour,
    Rename,
    SetEnvironment,
    SetVisible,
)
from splatworld.errors import EditError
from splatworld.geometry import Similarity
from splatworld.splats import Splats
from splatworld.world import Environment, Layer, Surface, Thing, Viewpoint, World

ROWS = 40
SUN = 0.6
"""Linear light on everything in the test world."""


def world(*, degree: int = 1, albedo: bool = True) -> World:
    """Two cabins and a pine, ten splats each, and ten splats of nothing; cabins share a surface."""
    g = torch.Generator().manual_seed(0)
    base = torch.tensor([0.5, 0.5, 0.5]) * (0.5 + torch.rand(ROWS, 1, generator=g))
    shown = torch.from_numpy(palette.display_from_linear((base * SUN).numpy()))
    bands = torch.randn(ROWS, (degree + 1) ** 2, 3, generator=g) * 0.05
    bands[:, 0] = sh.from_rgb(shown)
    splats = Splats(
        torch.rand(ROWS, 3, generator=g), torch.randn(ROWS, 4, generator=g), torch.full((ROWS, 3), -3.0),
        torch.zeros(ROWS), bands,
    ).with_extras(thing=torch.arange(ROWS, dtype=torch.int32) % 4)  # fmt: skip
    if albedo:
        splats = splats.with_extras(albedo=base)
    mesh = Surface(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))
    things = (
        Thing(id=1, name="cabin 1", kind="cabin", surface="cabin", pivot=(1.0, 0.0, 0.0)),
        Thing(id=2, name="cabin 2", kind="cabin", surface="cabin", world_from_thing=Similarity.at((5.0, 0.0, 0.0))),
        Thing(id=3, name="pine", kind="pine", surface="pine"),
    )
    return World((Layer("base", "base", splats),), things, surfaces={"cabin": mesh, "pine": mesh})


EVERY_EDIT: list[Edit] = [
    Move((1, 2), Similarity.at((1.0, 2.0, 3.0), yaw=0.3, scale=1.5)),
    Duplicate((1, 3), Similarity.at((0.0, 4.0, 0.0))),
    Delete((2,)),
    SetVisible((1,), visible=False),
    Recolour((1,), "red"),
    Recolour((2, 3), (0.1, 0.2, 0.3)),
    Rename(3, "old pine"),
    SetEnvironment(Environment(sun_elevation_deg=5.0)),
    AddViewpoint(Viewpoint("door", (0.0, -5.0, 1.7), (0.0, 0.0, 1.0))),
]


@pytest.mark.parametrize("edit", EVERY_EDIT, ids=lambda e: type(e).__name__)
def test_json_and_back(edit: Edit) -> None:
    assert edits.decode(edits.encode(edit)) == edit


@pytest.mark.parametrize("edit", EVERY_EDIT, ids=lambda e: type(e).__name__)
def test_edits_are_pure_and_repeatable(edit: Edit) -> None:
    before = world()
    rows = {k: v.clone() for k, v in before.layers[0].splats.extras.items()}
    sh_before, things = before.layers[0].splats.sh.clone(), before.things
    one, two = edits.apply(edit, before), edits.apply(edit, before)
    assert torch.equal(one.splats().means, two.splats().means)
    assert torch.equal(one.splats().sh, two.splats().sh)
    assert one.things == two.things
    assert before.things is things
    assert torch.equal(before.layers[0].splats.sh, sh_before)
    assert all(torch.equal(before.layers[0].splats.extras[k], v) for k, v in rows.items())


def test_move_turns_about_the_pivot_and_touches_no_rows() -> None:
    before = world()
    after = edits.apply(Move((1,), Similarity.at((0.0, 0.0, 2.0), yaw=math.pi / 2, scale=2.0)), before)
    assert after.layers[0].splats is before.layers[0].splats
    assert after.thing(1).position == pytest.approx((1.0, 0.0, 2.0))
    beside = after.thing(1).world_from_thing.apply(np.array([2.0, 0.0, 0.0]))
    np.testing.assert_allclose(beside, [1.0, 2.0, 2.0], atol=1e-12)
    assert after.thing(2) == before.thing(2)


@given(
    yaw=st.floats(-7, 7),
    scale=st.floats(0.1, 10),
    shift=st.tuples(*[st.floats(-100, 100)] * 3),
    length=st.floats(0.1, 9),
)
@settings(max_examples=30, deadline=None)
def test_moving_there_and_back_again(
    yaw: float, scale: float, shift: tuple[float, float, float], length: float
) -> None:
    there = Similarity.at(shift, yaw=yaw, scale=scale)
    there = Similarity(there.scale, tuple(length * c for c in there.rotation), there.translation)  # type: ignore[arg-type]
    back = Similarity(1 / scale, (math.cos(yaw / 2), 0.0, 0.0, -math.sin(yaw / 2)), tuple(-c for c in shift))  # type: ignore[arg-type]
    after = edits.apply(Move((1,), back), edits.apply(Move((1,), there), world()))
    np.testing.assert_allclose(after.thing(1).world_from_thing.matrix, np.eye(4), atol=1e-9)
    assert math.hypot(*after.thing(1).world_from_thing.rotation) == pytest.approx(1)


def test_delete_takes_splats_and_unused_surfaces() -> None:
    after = edits.apply(Delete((1, 3)), world())
    assert [t.name for t in after.things] == ["cabin 2"]
    assert sorted(set(after.splats().extras["thing"].tolist())) == [0, 2]
    assert list(after.surfaces) == ["cabin"]


def test_duplicate_makes_new_things_with_new_names() -> None:
    before = world()
    after = edits.apply(Duplicate((1, 3), Similarity.at((0.0, 7.0, 0.0))), before)
    assert [(t.id, t.name) for t in after.things[3:]] == [(4, "cabin 3"), (5, "pine 2")]
    assert after.thing(4).position == pytest.approx((1.0, 7.0, 0.0))
    assert len(after) == ROWS + 20
    old, new = (after.splats()[after.splats().extras["thing"] == i] for i in (1, 4))
    torch.testing.assert_close(new.means, old.means + torch.tensor([0.0, 7.0, 0.0]))
    assert torch.equal(new.sh, old.sh)


def test_hidden_things_are_not_among_the_splats() -> None:
    after = edits.apply(SetVisible((1,), visible=False), world())
    assert len(after) == ROWS
    assert 1 not in after.splats().extras["thing"]
    assert len(edits.apply(SetVisible((1,), visible=True), after).splats()) == ROWS


@pytest.mark.parametrize("albedo", [True, False])
def test_recolour_keeps_light_and_variation(albedo: bool) -> None:
    before = world(albedo=albedo)
    after = edits.apply(Recolour((1,), "red"), before)
    red = torch.tensor(palette.linear("red"))
    mine = before.layers[0].splats.extras["thing"] == 1
    old, new = before.layers[0].splats, after.layers[0].splats
    assert torch.equal(new.sh[~mine], old.sh[~mine])
    assert after.thing(1).colour == "red"
    shown = torch.from_numpy(palette.linear_from_display(new.colours[mine].numpy()))
    # The old colour was grey under SUN, so its brightness against the mean is what has to stay.
    grey = torch.from_numpy(palette.linear_from_display(old.colours[mine].numpy()))
    variation = (grey / grey.mean())[:, :1]
    torch.testing.assert_close(shown, red * variation * (SUN if albedo else 1.0), atol=2e-3, rtol=0)
    if albedo:
        torch.testing.assert_close(new.extras["albedo"][mine], red * variation, atol=1e-3, rtol=0)
        assert torch.equal(new.extras["albedo"][~mine], old.extras["albedo"][~mine])


def test_recolour_by_numbers_names_the_nearest_colour() -> None:
    assert edits.apply(Recolour((1,), palette.linear("blue")), world()).thing(1).colour == "blue"


def test_rename_cleans_the_name() -> None:
    assert edits.apply(Rename(3, "  old\u202e\npine "), world()).thing(3).name == "old pine"


NAN = float("nan")


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (Delete((9,)), "no thing with id 9"),
        (Delete(()), "length >= 1"),
        (Move((1,), Similarity(scale=NAN)), "not a valid|no valid"),
        (Move((1,), Similarity(scale=0.0)), "a move needs"),
        (Move((1,), Similarity(rotation=(0.0, 0.0, 0.0, 0.0))), "a move needs"),
        (Move((1,), Similarity(translation=(1e9, 0.0, 0.0))), "a move needs"),
        (Recolour((1,), "reddish"), "no known colour"),
        (Recolour((1,), (2.0, 0.0, 0.0)), "no valid"),
        (Rename(1, "pine"), "another thing"),
        (Rename(1, "\u202e"), "visible character"),
        (Rename(1, "x" * 999), "no valid"),
        (Rename(7, "x"), "no thing with id 7"),
        (SetEnvironment(Environment(haze=NAN)), "no valid"),
        (AddViewpoint(Viewpoint("a", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))), "a viewpoint needs"),
    ],
)
def test_edits_that_make_no_sense_are_refused(edit: Edit, sentence: str) -> None:
    with pytest.raises(EditError, match=sentence):
        edits.apply(edit, world())


def test_viewpoints_have_names_of_their_own() -> None:
    view = Viewpoint("a", (0.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    after = edits.apply(AddViewpoint(view), world())
    assert after.viewpoints == (view,)
    with pytest.raises(EditError, match="differ"):
        edits.apply(AddViewpoint(view), after)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"type":"Exec"}', b'{"type":"Delete","things":[1],"x":1}', b"[" * 10_000]
)
def test_json_that_is_no_edit_is_refused(text: bytes) -> None:
    with pytest.raises(EditError, match="no valid edit"):
        edits.decode(text)


@pytest.mark.parametrize("edit", EVERY_EDIT[:6], ids=lambda e: type(e).__name__)
def test_locked_layers_refuse(edit: Edit) -> None:
    before = world()
    locked = replace(before, layers=(replace(before.layers[0], locked=True),))
    with pytest.raises(EditError, match="locked"):
        edits.apply(edit, locked)


def test_splats_without_things_have_nothing_to_edit() -> None:
    bare = World((Layer("base", "base", world().splats()[:0]),))
    with pytest.raises(EditError, match="no thing"):
        edits.apply(Delete((1,)), bare)


def test_history_goes_back_and_forth() -> None:
    start = History(world())
    states = [start]
    for edit in EVERY_EDIT[:4]:
        states.append(states[-1].do(edit))
    back = states[-1]
    for state in states[-2::-1]:
        back = back.undo()
        assert back.world is state.world
    with pytest.raises(EditError, match="nothing to undo"):
        back.undo()
    for state in states[1:]:
        back = back.redo()
        assert back.world is state.world
    with pytest.raises(EditError, match="nothing to redo"):
        back.redo()
    assert back.undo().do(EVERY_EDIT[8]).future == ()
