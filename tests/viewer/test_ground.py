import struct

import msgspec
import numpy as np
import pytest
from worlds import small_world

from splatworld.world import from_splats
from splatworld_viewer.ground import ground


@pytest.fixture(scope="module")
def grid():
    return ground(small_world(splats=160))


def test_feet_stand_on_the_ground(grid):
    assert grid.height(0.0, 0.0, 0.0) == pytest.approx(0.0, abs=0.011)


def test_water_is_no_ground(grid):
    world = small_world(splats=160)
    deep = world.surfaces["pond"].vertices + np.float32([0, 0, 0.35])
    raised = {**world.surfaces, "pond": type(world.surfaces["pond"])(deep, world.surfaces["pond"].faces)}
    flooded = ground(type(world)(world.layers, world.things, viewpoints=world.viewpoints, surfaces=raised))
    assert flooded.height(-5.5, 12.0, 0.0) is None
    assert flooded.height(-9.0, 12.0, 0.4) == pytest.approx(0.4, abs=0.011), "the bridge is"
    assert grid.height(-5.5, 12.0, 0.0) is not None, "ankle-deep water can be waded"


def test_one_steps_onto_the_bridge_and_not_off_its_middle(grid):
    assert grid.height(-9.0, 12.0, 0.0) == pytest.approx(0.4, abs=0.011), "a step up"
    assert grid.height(-9.0, 12.0, -0.2) == pytest.approx(0.0, abs=0.011), "under it"
    assert grid.height(0.0, 0.0, 3.0) is None, "too far down"
    assert grid.height(500.0, 0.0, 0.0) is None, "off the grid"


def test_hidden_bridges_do_not_carry():
    world = small_world(splats=160)
    gone = world.with_things({7: msgspec.structs.replace(world.thing("bridge"), visible=False)})
    assert ground(gone).height(-9.0, 12.0, 0.4) == pytest.approx(0.0, abs=0.011)


def test_what_the_browser_gets(grid):
    data = grid.encode()
    x0, y0, z0, cell, nx, ny = struct.unpack("<4f2I", data[:24])
    assert len(data) == 24 + 2 * 2 * nx * ny <= 1 << 20
    assert (x0, z0) == pytest.approx((grid.x0, grid.z0))
    assert cell * (nx - 1) == pytest.approx(60.0)
    assert y0 == pytest.approx(-30.0)


def test_worlds_without_surfaces_have_no_ground():
    assert ground(from_splats(small_world(splats=160).splats())) is None
