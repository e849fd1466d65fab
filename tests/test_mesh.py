"""Meshes made of worlds: colliders near their surfaces, surfaces near their splats, and where one can walk."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from splatworld import formats, generate
from splatworld.cli import main
from splatworld.errors import Cancelled, UsageError
from splatworld.formats import surfels
from splatworld.formats.meshes import Mesh
from splatworld.mesh import Walker, collider, export, surface, walkable
from splatworld.mesh.collider import solid_surface
from splatworld.mesh.simplify import Level, fitted, levels, simplified
from splatworld.mesh.tsdf import fused
from splatworld.progress import Step
from splatworld.sh import from_rgb
from splatworld.splats import empty
from splatworld.world import Layer, Surface, Thing, Viewpoint, World, from_splats

SHARED = Path(os.environ.get("SPLATWORLD_DATA", Path(__file__).parents[1] / "../shared/data")).resolve() / "splats"


def box(low, high):
    corners = np.float32([(x, y, z) for z in (low[2], high[2]) for y in (low[1], high[1]) for x in (low[0], high[0])])
    quads = np.int32([(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6)])
    return Surface(corners, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))


def world_of(parts, *, eye=(0.0, 0.0, 1.7), tags=None):
    """A world of named surfaces, without splats."""
    things = tuple(
        Thing(id=i, name=name, kind=name, surface=name, tags=(tags or {}).get(name, ()))
        for i, name in enumerate(parts, 1)
    )
    view = Viewpoint("start", eye, (eye[0], eye[1] + 1, eye[2]))
    return World((Layer("base", "base", empty()),), things, viewpoints=(view,), surfaces=parts)


def scene(made):
    import open3d

    found = open3d.t.geometry.RaycastingScene()
    tensor = open3d.core.Tensor
    found.add_triangles(tensor(made.vertices), tensor(made.faces.astype(np.uint32)))
    return lambda origins, ways: found.cast_rays(tensor(np.concatenate([origins, ways], 1).astype(np.float32)))[
        "t_hit"
    ].numpy()


def covers(made, xy, z=50.0):
    """Heights [n] of a mesh seen from above at `xy`; NaN where there is none."""
    origins = np.column_stack([xy, np.full(len(xy), z)])
    depth = scene(made)(origins, np.tile([0, 0, -1.0], (len(xy), 1)))
    return np.where(np.isfinite(depth), z - depth, np.nan)


@pytest.fixture(scope="module")
def lake() -> World:
    return generate("a cabin and six pines by a lake", seed=3, splats=8_000)


@pytest.mark.slow
def test_a_collider_keeps_its_budget_and_lies_on_the_surfaces(lake):
    whole, made = solid_surface(lake), collider(lake, triangles=150_000)
    assert len(whole.faces) > 200_000
    assert len(made.faces) <= 150_000
    rng = np.random.default_rng(0)
    eye = np.asarray(lake.start.eye) + np.column_stack([rng.uniform(-12, 12, (2_000, 2)), np.zeros(2_000)])
    ways = rng.normal(size=(2_000, 3)) * [1, 1, 0.4]
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    there, here = scene(whole)(eye, ways), scene(made)(eye, ways)
    near = there < 15
    assert near.sum() > 400
    assert np.isfinite(here[near]).mean() > 0.99
    away = np.abs(there[near] - here[near])
    assert np.median(away) < 0.03
    assert np.quantile(away, 0.9) < 0.25
    down = np.tile([0.0, 0.0, -1.0], (2_000, 1))
    assert np.quantile(np.abs(scene(whole)(eye, down) - scene(made)(eye, down)), 0.9) < 0.06


def test_a_collider_holds_what_stops_and_nothing_else():
    parts = {"wall": box((0, 0, 0), (1, 1, 1)), "grass": box((5, 0, 0), (6, 1, 1)), "pine": box((9, 0, 0), (10, 1, 1)),
             "lake": box((20, 0, 0), (21, 1, 1))}  # fmt: skip
    tags = {"grass": ("plant",), "pine": ("plant", "tree"), "lake": ("water",)}
    made = collider(world_of(parts, tags=tags))
    assert np.unique(made.vertices[:, 0]).tolist() == [0, 1, 9, 10]
    with pytest.raises(UsageError, match="nothing in this world is solid"):
        collider(world_of({"lake": parts["lake"]}, tags=tags))


def test_levels_know_how_far_they_stray():
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
    vertices = np.concatenate([ring, ring + np.array([0, 0, 2])]).astype(np.float32)
    i, j = np.arange(400), np.roll(np.arange(400), -1)
    tube = Surface(
        vertices, np.concatenate([np.stack([i, j, i + 400], 1), np.stack([j, j + 400, i + 400], 1)]).astype(np.int32)
    )
    found = levels(tube)
    errors = [level.error for level in found]
    assert errors == sorted(errors)
    assert errors[0] == 0
    assert len(found[3].surface.faces) < 0.25 * len(tube.faces)
    assert errors[3] < 0.01
    for level in found[1:4]:  # a chord of so many corners is no nearer to its circle
        corners = len(level.surface.vertices) / 2
        assert level.error < 4 * (1 - np.cos(np.pi / corners)) + 1e-3


def test_budgets_go_where_they_matter():
    one = [
        Level(box((0, 0, 0), (1, 1, 1)), 0.0),
        Level(Surface(np.zeros((3, 3), np.float32), np.int32([(0, 1, 2)])), 0.5),
    ]
    near, far = fitted([one, one], np.array([1.0, 10.0]), 13)
    assert len(near.surface.faces) == 12
    assert len(far.surface.faces) == 1
    assert sum(len(level.surface.faces) for level in fitted([one, one], np.ones(2), 24)) == 24
    with pytest.raises(UsageError, match="at least 1"):
        simplified(one[0].surface, 0)


def test_the_surface_of_bare_splats_is_where_they_are():
    shape = box((-1, -2, 0), (1, 2, 1))
    splats = surfels.from_mesh(Mesh("box", shape.vertices, shape.faces), spacing=0.06)
    made = fused(from_splats(splats), cells=64)
    away = np.abs(made.vertices - np.clip(made.vertices, (-1, -2, 0), (1, 2, 1))).max(1)
    inside = np.minimum(made.vertices - np.float32((-1, -2, 0)), np.float32((1, 2, 1)) - made.vertices).min(1)
    assert np.quantile(np.maximum(away, inside), 0.98) < 0.12
    assert np.median(np.maximum(away, inside)) < 0.02
    heights = covers(made, np.array([(0.0, 0.0), (0.7, 1.5), (-0.7, -1.5), (1.4, 0.0)]))
    assert heights[:3] == pytest.approx(1.0, abs=0.05)
    assert np.isnan(heights[3])
    # Counter-clockwise seen from outside.
    corners = made.vertices[made.faces].astype(np.float64)
    assert np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() > 0


def test_a_room_is_seen_from_within():
    shape = box((-2, -3, 0), (2, 3, 2.5))
    splats = surfels.from_mesh(Mesh("room", shape.vertices, shape.faces), spacing=0.1)
    view = Viewpoint("start", (0.0, 0.0, 1.5), (0.0, 1.0, 1.5))
    made = fused(replace(from_splats(splats), viewpoints=(view,)), cells=64)
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(500, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    eye = np.array([0.3, 0.4, 1.4])
    with np.errstate(divide="ignore"):
        truth = (np.where(ways > 0, (2, 3, 2.5), (-2, -3, 0)) - eye) / ways
    depth = scene(made)(np.tile(eye, (500, 1)), ways)
    assert (np.abs(depth - truth.min(1)) < 0.15).mean() > 0.9


def test_no_splats_make_no_surface():
    with pytest.raises(UsageError, match="no opaque splats"):
        fused(from_splats(empty()))


@pytest.mark.slow
def test_the_surface_of_a_scan_is_near_its_splats():
    if not (SHARED / "plant.splat").is_file():
        pytest.skip("no sample data here (SPLATWORLD_DATA names its folder)")
    from scipy.spatial import KDTree

    world = formats.load(SHARED / "plant.splat")
    made = fused(world)
    splats = world.splats()
    solid, some = splats[splats.opacities > 0.5], splats[splats.opacities > 0.1]
    distance = KDTree(some.means.numpy()).query(made.vertices)[0]
    assert len(made.faces) > 50_000
    assert np.median(distance) < 0.012  # of about a metre
    assert np.quantile(distance, 0.99) < 0.04
    back = KDTree(made.vertices).query(solid.means.numpy())[0]
    assert np.quantile(back, 0.8) < 0.015


def test_surfaces_have_the_colours_of_their_splats():
    wall = box((-1, -1, 0), (1, 1, 1))
    splats = surfels.from_mesh(Mesh("wall", wall.vertices, wall.faces), spacing=0.1)
    red = (splats.means[:, 0] > 0).float()
    shown = torch.stack([red, 1 - red, torch.zeros_like(red)], 1)
    ids = torch.ones(len(splats), dtype=torch.int32)
    world = world_of({"wall": wall})
    world = replace(
        world, layers=(Layer("base", "base", replace(splats, sh=from_rgb(shown)[:, None], extras={"thing": ids})),)
    )
    (made,) = surface(world)
    assert made.name == "wall"
    assert len(made.faces) > 500  # divided for the sake of the colours
    assert made.colours is not None
    x = made.vertices[:, 0]
    assert made.colours[x > 0.2].mean(0) == pytest.approx((1, 0, 0), abs=0.02)
    assert made.colours[x < -0.2].mean(0) == pytest.approx((0, 1, 0), abs=0.02)
    (few,) = surface(world, triangles=12)
    assert len(few.faces) == 12


# Walking

GROUND = box((-8, -8, -0.5), (8, 8, 0.0))


def test_walls_keep_a_walker_off_and_in():
    fence = {
        "north": box((-4, 3.9, 0), (4, 4.1, 2)),
        "south": box((-4, -4.1, 0), (4, -3.9, 2)),
        "east": box((3.9, -4, 0), (4.1, 4, 2)),
        "west": box((-4.1, -4, 0), (-3.9, 4, 2)),
        "post": box((1, 1, 0), (1.5, 1.5, 2)),
    }
    made = walkable(world_of({"ground": GROUND, **fence}))
    places = np.array([(0.0, 0.0), (3.0, -3.0), (1.25, 1.25), (1.7, 1.25), (3.8, 0.0), (6.0, 0.0)])
    found = covers(made, places)
    assert found[:2] == pytest.approx(0.0, abs=1e-3)
    assert np.isnan(found[2:]).all()  # in the post, too near to it and to the wall, and beyond the fence
    outside = walkable(world_of({"ground": GROUND, **fence}, eye=(6.0, 0.0, 1.7)))
    assert np.isnan(covers(outside, places[:2])).all()
    assert covers(outside, places[5:]) == pytest.approx(0.0, abs=1e-3)


def test_steps_and_headroom_and_slopes():
    parts = {
        "ground": GROUND,
        "low": box((2, -8, 0), (4, 8, 0.3)),
        "high": box((4, -8, 0), (6, 8, 1.2)),
        "roof": box((-6, -8, 1.5), (-4, 8, 1.7)),
    }
    world = world_of(parts)
    places = np.array([(0.0, 0.0), (3.0, 0.0), (5.0, 0.0), (-5.0, 0.0)])
    found = covers(walkable(world), places, z=10.0)
    assert found[:2] == pytest.approx([0, 0.3], abs=1e-3)
    assert np.isnan(found[2:]).all()  # too high a step, and too low a roof
    child = covers(walkable(world, walker=Walker(height=1.2)), places, z=1.4)
    assert child[3] == pytest.approx(0.0, abs=1e-3)
    assert np.isnan(covers(walkable(world, walker=Walker(step=0.2)), places, z=10.0)[1])


def test_a_bridge_and_what_is_under_it_are_two_floors():
    ramp = np.float32(
        [(-8, -1, 0), (-3, -1, 2.5), (-3, 1, 2.5), (-8, 1, 0), (3, -1, 2.5), (8, -1, 0), (8, 1, 0), (3, 1, 2.5)]
    )
    faces = np.int32([(0, 1, 2), (0, 2, 3), (1, 4, 7), (1, 7, 2), (4, 5, 6), (4, 6, 7)])
    made = walkable(world_of({"ground": GROUND, "bridge": Surface(ramp, faces)}, eye=(0.0, -5.0, 1.7)))
    middle = np.array([(0.0, 0.02)])
    assert covers(made, middle, z=10.0)[0] == pytest.approx(2.5, abs=0.02)
    assert covers(made, middle, z=2.0)[0] == pytest.approx(0.0, abs=0.02)


def test_deep_water_stops_and_shallows_do_not():
    bed = box((-8, -8, -3), (8, 0, -1.0))
    shallow = box((-8, 0, -3), (8, 4, -0.2))
    shore = box((-8, 4, -3), (8, 8, 0.0))
    water = Surface(np.float32([(-8, -8, 0), (8, -8, 0), (8, 4, 0), (-8, 4, 0)]), np.int32([(0, 1, 2), (0, 2, 3)]))
    parts = {"bed": bed, "shallow": shallow, "shore": shore, "lake": water}
    made = walkable(world_of(parts, eye=(0.0, 6.0, 1.7), tags={"lake": ("water",)}))
    found = covers(made, np.array([(0.0, 6.0), (0.0, 2.0), (0.0, -4.0)]))
    assert found[:2] == pytest.approx([0, -0.2], abs=0.01)
    assert np.isnan(found[2])


def test_a_generated_world_is_walked_from_its_start_and_not_on_its_lake(lake):
    made = walkable(lake)
    eye = np.asarray(lake.start.eye)
    assert covers(made, eye[None, :2], z=eye[2])[0] == pytest.approx(eye[2] - 1.7, abs=0.1)
    water = next(t for t in lake.things if "water" in t.tags)
    placed = water.world_from_thing.apply(lake.surfaces[str(water.surface)].vertices)
    near = placed[np.linalg.norm(placed[:, :2] - eye[:2], axis=1) < 60]
    bed = covers(solid_surface(lake), near[:, :2], z=500.0)
    deep = near[bed < near[:, 2] - 0.6]
    assert len(deep) > 10
    assert np.isnan(covers(made, deep[:, :2], z=500.0)).mean() > 0.98


def test_nowhere_to_stand():
    post = box((0, 0, 0), (0.05, 0.05, 5))
    with pytest.raises(UsageError, match="no floor"):
        walkable(world_of({"post": post}))


# Files


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".stl"])
def test_files_hold_what_was_written(tmp_path, suffix, monkeypatch):
    import trimesh

    monkeypatch.setattr(surfels, "COUNT", 500)

    shape = box((0, 0, 0), (1, 2, 3))
    colours = np.tile(np.float32([(1, 0, 0)]), (8, 1))
    export.save([Mesh("a box", shape.vertices, shape.faces, colours)], tmp_path / f"out{suffix}")
    found = trimesh.load(tmp_path / f"out{suffix}", force="mesh")
    assert len(found.faces) == 12
    assert found.volume == pytest.approx(6.0)
    up = 1 if suffix in (".glb", ".obj") else 2
    assert np.ptp(found.vertices, axis=0)[up] == pytest.approx(3.0)
    if suffix != ".stl":  # read again by ourselves
        world = formats.load(tmp_path / f"out{suffix}")
        assert world.things[0].world_bounds == (pytest.approx((0, 0, 0)), pytest.approx((1, 2, 3)))
        assert world.splats().extras["albedo"].float().mean(0).numpy() == pytest.approx((1, 0, 0), abs=0.01)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(surfels, "COUNT", 500)
    world = world_of({"ground": GROUND})
    formats.save(world, tmp_path / "w.splatworld")
    out = tmp_path / "w.glb"
    assert main(["mesh", str(tmp_path / "w.splatworld"), "-o", str(out), "--kind", "collider", "walkable"]) == 0
    assert "collider and walkable" in capsys.readouterr().out
    again = formats.load(out)
    assert [t.name for t in again.things] == ["collider", "walkable"]
    assert main(["mesh", str(tmp_path / "w.splatworld"), "-o", str(out)]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["mesh", str(tmp_path / "w.splatworld"), "-o", str(tmp_path / "w.fbx")]) == 2
    assert ".glb" in capsys.readouterr().err


def test_work_can_be_stopped():
    def stop(event):
        if isinstance(event, Step):
            raise Cancelled("stopped")

    shape = box((-1, -2, 0), (1, 2, 1))
    world = from_splats(surfels.from_mesh(Mesh("box", shape.vertices, shape.faces), spacing=0.2))
    for work in (collider, surface, walkable):
        with pytest.raises(Cancelled):
            work(world, progress=stop)
