"""The report finds holes, haze and floaters that were put there, and none where there are none."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch

from splatworld import quality
from splatworld.errors import Cancelled
from splatworld.geometry import Similarity
from splatworld.mesh import RayScene
from splatworld.splats import Splats, cat
from splatworld.world import Environment, Layer, Surface, Thing, Viewpoint, World, from_splats

REACH = 90.0
LABELS = ("sky", "ground", "cloud")


def discs(xyz, sigma, thing, label, *, flat=(0, 1)):
    """Opaque grey discs that are thin along the axes not in `flat`."""
    n = len(xyz)
    scales = torch.full((n, 3), 0.002)
    for axis in flat:
        scales[:, axis] = sigma
    return Splats(
        torch.as_tensor(np.asarray(xyz), dtype=torch.float32),
        torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1),
        scales.log(),
        torch.full((n,), 4.0),
        torch.zeros(n, 1, 3),
        {"thing": torch.full((n,), thing, dtype=torch.int32), "label": torch.full((n,), label, dtype=torch.int16)},
    )


def grid(x, y, step):
    a, b = np.meshgrid(np.arange(*x, step) + step / 2, np.arange(*y, step) + step / 2)
    return a.ravel(), b.ravel()


def quad(x, y, z=0.0):
    corners = np.float32([(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)])
    return Surface(corners, np.int32([[0, 1, 2], [0, 2, 3]]))


def plane(step=1.2):
    """A flat square of ground that its splats cover."""
    x, y = grid((-REACH, REACH), (-REACH, REACH), step)
    splats = discs(np.column_stack([x, y, 0 * x]), 0.7 * step, 2, 1)
    ground = Thing(id=2, name="ground", kind="ground", surface="ground", tags=("land",))
    return World(
        layers=(Layer("base", "land", splats),),
        things=(ground,),
        viewpoints=(Viewpoint("start", (0.0, 0.0, 1.7), (0.0, 1.0, 1.7)),),
        surfaces={"ground": quad((-REACH, REACH), (-REACH, REACH))},
        labels=LABELS,
    )


def with_layer(world, splats, *things):
    return replace(world, layers=(*world.layers, Layer("more", "more", splats)), things=(*world.things, *things))


@pytest.fixture(scope="module")
def flat():
    return plane()


@pytest.fixture(scope="module")
def flat_report(flat):
    return quality.report(flat)


def test_a_covered_plane_is_whole(flat_report):
    assert [r.metres for r in flat_report.rings] == [0, 10, 25, 50]
    assert all(r.eyes == 24 and r.surface_rays > 10_000 and r.open_rays > 10_000 for r in flat_report.rings)
    assert all(r.holes < 0.002 and r.haze < 0.02 for r in flat_report.rings)
    assert flat_report.floaters == 0
    assert not flat_report.notes


def test_splats_are_counted_by_class_and_layer(flat, flat_report):
    assert flat_report.classes == {"ground": len(flat)}
    assert flat_report.layers == {"land": len(flat)}
    sky = discs([[0, 0, 500.0]] * 7, 1.0, 1, 0)
    both = quality.report(with_layer(flat, sky, Thing(id=1, name="sky", kind="sky")))
    assert both.classes == {"ground": len(flat), "sky": 7}
    assert both.layers == {"land": len(flat), "more": 7}


def test_the_hole_ratio_is_that_of_the_rays_that_meet_bare_ground(flat):
    """The eastern half has no splats: from the start, the share of holes is that of the rays that meet that half."""
    means = flat.layers[0].splats.means
    bare = replace(flat, layers=(Layer("base", "land", flat.layers[0].splats[means[:, 0] < 0]),))
    scene = RayScene(bare)
    cameras = quality.cameras_at(bare, scene, 0.0, seed=0, notes=[])
    origins, directions = (a.numpy() for a in cameras.rays())
    with np.errstate(divide="ignore"):
        reach = np.where(directions[..., 2] < 0, -origins[..., 2] / directions[..., 2], np.inf)
    at = origins[..., :2] + np.where(np.isfinite(reach), reach, 0)[..., None] * directions[..., :2]
    lands = np.isfinite(reach) & (np.abs(at).max(-1) < REACH)
    truth = (at[..., 0] > 0)[lands].mean()
    found = quality.report(bare).rings[0]
    assert found.surface_rays == pytest.approx(lands.sum(), rel=0.001)
    assert 0.2 < truth < 0.8
    assert found.holes == pytest.approx(truth, abs=0.02)
    assert quality.report(bare).hole_classes.keys() == {"ground"}


def test_back_faces_are_surfaces(flat):
    """A ceiling seen from below, where its faces look away, with no splats: all rays upwards are holes."""
    ceiling = Thing(id=3, name="ceiling", kind="ceiling", surface="ceiling")
    high = replace(
        flat, things=(*flat.things, ceiling), surfaces={**flat.surfaces, "ceiling": quad((-900, 900), (-900, 900), 4.0)}
    )
    before = quality.look(
        quality.without_sky(flat), RayScene(flat), quality.cameras_at(flat, RayScene(flat), 0, seed=0, notes=[])
    )
    scene = RayScene(high)
    looks = quality.look(quality.without_sky(high), scene, quality.cameras_at(high, scene, 0, seed=0, notes=[]))
    assert looks.holes.sum() > 0.8 * (before.met == 0).sum()


def test_haze_before_the_sky_is_seen(flat, flat_report):
    """A veil of splats without a surface around the start, above the horizon, hides the sky."""
    angle, z = (a.ravel() for a in np.meshgrid(np.linspace(0, 2 * np.pi, 90), np.arange(2.0, 9.0, 0.3)))
    veil = np.column_stack([6 * np.cos(angle), 6 * np.sin(angle), z])
    cloud = Thing(id=5, name="cloud 1", kind="cloud")
    found = quality.report(with_layer(flat, discs(veil, 0.35, 5, 2, flat=(0, 1, 2)), cloud))
    assert found.rings[0].haze > 0.8
    assert found.rings[0].haze > 10 * flat_report.rings[0].haze
    assert found.rings[0].holes < 0.002
    assert next(iter(found.haze_classes)) == "cloud"


def test_the_sky_is_no_haze(flat, flat_report):
    rng = np.random.default_rng(1)
    way = rng.normal(size=(4_000, 3))
    dome = 400 * way / np.linalg.norm(way, axis=1, keepdims=True)
    found = quality.report(with_layer(flat, discs(dome, 20, 1, 0, flat=(0, 1, 2)), Thing(id=1, name="sky", kind="sky")))
    assert [r.haze for r in found.rings] == [r.haze for r in flat_report.rings]
    assert found.floaters == 0


def test_floaters_are_those_far_from_every_surface(flat):
    splats = flat.layers[0].splats
    near, far = discs([[0, 0, 0.29]] * 10, 0.1, 2, 1), discs([[0, 0, 0.31]] * 30, 0.1, 2, 1)
    world = replace(flat, layers=(Layer("base", "land", cat([splats, near, far])),))
    scene = RayScene(world)
    assert quality.floaters(quality.without_sky(world), scene) == pytest.approx(30 / (len(splats) + 40), rel=1e-6)


def test_water_is_a_surface_and_no_ground(flat):
    """A lake covers everything north of the start: its splats do not float, and no eye stands in it."""
    lake = Thing(id=4, name="lake", kind="lake", surface="lake", tags=("water",))
    x, y = grid((-REACH, REACH), (4, REACH), 0.8)
    water = discs(np.column_stack([x, y, 0 * x + 3.0]), 0.56, 4, 2)
    world = with_layer(flat, water, lake)
    world = replace(world, surfaces={**flat.surfaces, "lake": quad((-REACH, REACH), (4, REACH), 3.0)})
    scene = RayScene(world, water=True)
    assert quality.floaters(quality.without_sky(world), scene) == 0
    for metres in (10.0, 25.0, 50.0):
        eyes = quality.cameras_at(world, scene, metres, seed=1, notes=[]).positions.numpy()
        assert (eyes[:, 1] < 4).all()
        assert eyes[:, 2] == pytest.approx(1.7, abs=1e-3)
        assert np.hypot(*eyes[:, :2].T) == pytest.approx(metres, abs=1e-3)


def box(x, y, z):
    import trimesh

    mesh = trimesh.creation.box(bounds=[(x[0], y[0], z[0]), (x[1], y[1], z[1])])
    return Surface(mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))


def test_no_eye_stands_inside_a_solid(flat):
    rock = Thing(
        id=6, name="rock 1", kind="rock", surface="rock", world_from_thing=Similarity(translation=(0.0, 25.0, 0.0))
    )
    world = replace(
        flat, things=(*flat.things, rock), surfaces={**flat.surfaces, "rock": box((-20, 20), (-20, 20), (-1, 6))}
    )
    eyes = quality.cameras_at(world, RayScene(world), 25.0, seed=2, notes=[]).positions.numpy()
    assert len(eyes) == 24
    assert ((np.abs(eyes[:, 0]) > 20.4) | (eyes[:, 1] < 4.6)).all()


def test_indoors_the_eyes_stay_in_the_room():
    tags = {"floor": ("ground", "room"), "wall": ("room",)}
    things = tuple(Thing(id=7 + i, name=n, kind=n, surface=n, tags=t) for i, (n, t) in enumerate(tags.items()))
    world = World(
        layers=(Layer("base", "room", discs([[0, 0, 0.0]], 3, 7, 1)),),
        things=things,
        environment=Environment(indoors=True),
        viewpoints=(Viewpoint("start", (0.0, -1.0, 1.7), (0.0, 1.0, 1.5)),),
        surfaces={"floor": quad((-4, 4), (-3, 3)), "wall": box((-3, 3), (-2, 2), (-1, 3))},
        labels=LABELS,
    )
    found = quality.report(world)
    assert any("stay in the room" in n for n in found.notes)
    assert [r.eyes for r in found.rings] == [24] * 4
    eyes = quality.cameras_at(world, RayScene(world), 50.0, seed=0, notes=[]).positions.numpy()
    assert (np.abs(eyes[:, 0]) <= 2.55).all()
    assert (np.abs(eyes[:, 1]) <= 1.55).all()
    assert eyes[:, 2] == pytest.approx(1.7, abs=1e-3)


def test_bare_splats_are_counted_and_nothing_is_made_up():
    found = quality.report(from_splats(discs([[0, 0, 1.0]] * 3, 0.1, 0, 0)))
    assert (found.splats, found.rings, found.floaters) == (3, [], None)
    assert "no surfaces" in found.notes[0]
    assert quality.report(World(layers=())).splats == 0


def test_report_prints_and_becomes_json(flat_report):
    text = str(flat_report)
    assert "holes" in text
    assert "25 m" in text
    assert f"{flat_report.splats:,} splats" in text
    assert msgspec.json.decode(msgspec.json.encode(flat_report), type=quality.Report) == flat_report


def test_the_same_world_gives_the_same_figures(flat, flat_report):
    assert quality.report(flat) == flat_report


def test_it_can_be_stopped(flat):
    def stop(event):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        quality.report(flat, progress=stop)
