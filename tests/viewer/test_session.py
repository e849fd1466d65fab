import subprocess
import sys

import pytest
from worlds import small_world

from splatworld.edits import Move, Recolour, SetVisible
from splatworld.errors import EditError
from splatworld.geometry import Similarity
from splatworld_viewer.panels.light import environment_from
from splatworld_viewer.panels.things import show
from splatworld_viewer.session import Change, Session, difference


@pytest.fixture
def session() -> Session:
    return Session(small_world(splats=800))


def test_hiding_a_thing_tells_listeners_which(session):
    heard: list[Change] = []
    session.listen(heard.append)
    session.apply(SetVisible(things=(3, 5), visible=False))
    assert heard == [Change(shown=frozenset({3, 5}))]
    assert not session.world.thing(5).visible
    session.apply(SetVisible(things=(3,), visible=False))
    assert len(heard) == 1, "nothing changed, nothing is told"


def test_moving_a_thing_shares_its_splats(session):
    before = session.world
    change = session.apply(Move(things=(4,), by=Similarity(translation=(1.0, 0.0, 0.0))))
    assert change == Change(moved=frozenset({4}))
    assert session.world.layers[0].splats is before.layers[0].splats


def test_other_splats_mean_a_new_scene(session):
    before = session.world
    assert session.apply(Recolour(things=(3,), colour="green")).rebuilt
    assert difference(before, session.world).rebuilt


def test_an_edit_that_does_not_fit_changes_nothing(session):
    heard: list[Change] = []
    session.listen(heard.append)
    before = session.world
    with pytest.raises(EditError):
        session.apply(SetVisible(things=(99,), visible=False))
    assert session.world is before
    assert heard == []


def test_a_listener_can_leave(session):
    heard: list[Change] = []
    leave = session.listen(heard.append)
    leave()
    session.apply(SetVisible(things=(3,), visible=False))
    assert heard == []


def test_selection(session):
    heard: list[Change] = []
    session.listen(heard.append)
    session.select(3)
    session.select(3)
    assert session.selected == 3
    assert heard == [Change(selection=True)]
    with pytest.raises(KeyError):
        session.select(99)
    assert session.selected == 3


def test_the_list_shows_and_hides_a_class(session):
    show(session, frozenset({3, 4, 99}), False)
    assert [t.visible for t in session.world.things if t.kind == "box"] == [False, False]
    show(session, frozenset({99}), False)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "12", None, [1]])
def test_light_refuses_what_is_no_number(session, bad):
    now = session.world.environment
    assert environment_from(now, bad, 10.0, 1.0) is None
    assert environment_from(now, 10.0, bad, 1.0) is None
    assert environment_from(now, 10.0, 10.0, bad) is None


def test_light_limits_what_is_too_much(session):
    lit = environment_from(session.world.environment, 1e308, -500.0, 1e9)
    assert lit is not None
    assert (lit.sun_azimuth_deg, lit.sun_elevation_deg) == (360.0, -18.0)
    assert lit.haze == pytest.approx(0.03)


def test_a_session_needs_no_viser():
    code = "import sys, splatworld_viewer.session; sys.exit('viser' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
