"""Plants and stones: sound meshes within their budgets, for every season, snow and seed."""

from dataclasses import replace

import numpy as np
import pytest

from splatworld import palette
from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.materials import PATTERNS
from splatworld.generate.procedural.shape import Shape, ball, join, mesh
from splatworld.generate.procedural.snow import SNOW, snowed
from splatworld.generate.procedural.things import broadleaves, conifers, rocks, undergrowth

ROWS = {row.name: row for family in (conifers, broadleaves, undergrowth, rocks) for row in family.CLASSES}
MOST_FACES = {
    "pine": 4200, "cypress": 3000, "broadleaf": 5800, "birch": 4600, "willow": 5200, "palm": 1900, "dead_tree": 1900,
    "bush": 1350, "flowers": 420, "grass": 150, "fern": 620, "reeds": 380, "mushroom": 620, "cactus": 900, "stump": 600,
    "log": 700, "rock": 700, "pebbles": 720, "cliff": 2100,
}  # fmt: skip
SEASONS = ("spring", "summer", "autumn", "winter")


def built(name: str, seed: int = 0, **wishes: object) -> Shape:
    return ROWS[name].build(Request(name, **wishes), np.random.default_rng(seed))  # type: ignore[arg-type]


def colours(shape: Shape) -> np.ndarray:
    """Area-weighted mean albedo."""
    own = np.array([m.colour for m in shape.materials])[shape.material]
    return (own * shape.areas[:, None]).sum(0) / shape.areas.sum()


def assert_sound(shape: Shape, row: ThingClass) -> None:
    low, high = shape.bounds
    assert np.isfinite(shape.vertices).all()
    assert np.isfinite(shape.shading).all()
    assert np.isfinite(shape.grain).all()
    assert shape.faces.min() >= 0
    assert shape.faces.max() < len(shape.vertices)
    assert shape.material.max() < len(shape.materials)
    assert -0.15 <= low[2] <= 0.02
    assert high[2] == pytest.approx(row.height, rel=0.4)
    assert max(-low[:2].min(), high[:2].max()) > 0.5 * row.footprint
    assert (np.linalg.norm(shape.normals, axis=1) < 0.9).mean() < 0.01
    for directions in (shape.shading, shape.grain):
        length = np.linalg.norm(directions, axis=1)
        assert ((length < 1e-6) | (np.abs(length - 1) < 1e-3)).all()
    assert all(m.pattern in PATTERNS and min(m.colour) >= 0 and max(m.colour) < 1 for m in shape.materials)


@pytest.mark.parametrize("season", SEASONS)
@pytest.mark.parametrize("name", ROWS)
def test_a_class_builds_soundly(name: str, season: str):
    for snow in (0.0, 0.7):
        shape = built(name, SEASONS.index(season) + 4 * round(snow), season=season, snow=snow)
        assert_sound(shape, ROWS[name])
        assert 20 < len(shape.faces) <= MOST_FACES[name]


@pytest.mark.parametrize("name", ROWS)
def test_a_seed_fixes_the_shape_and_another_changes_it(name: str):
    one, again, other = built(name, 1), built(name, 1), built(name, 2)
    assert np.array_equal(one.vertices, again.vertices)
    assert np.array_equal(one.material, again.material)
    assert one.vertices.shape != other.vertices.shape or not np.allclose(one.vertices, other.vertices)


@pytest.mark.parametrize("name", ROWS)
def test_size_and_height_follow_the_request(name: str):
    usual, big, tall = (built(name, 3, **w).bounds[1] for w in ({}, {"size": 2.0}, {"tall": 1.5}))
    assert big[2] == pytest.approx(2 * usual[2], rel=0.25)
    assert tall[2] > 1.2 * usual[2]


@pytest.mark.parametrize("name", [n for n, row in ROWS.items() if row.paintable])
def test_a_colour_paints_the_main_part(name: str):
    plain, blue = colours(built(name, 5)), colours(built(name, 5, colour=palette.linear("blue")))
    assert blue[2] - blue[0] > plain[2] - plain[0] + 0.005


@pytest.mark.parametrize("name", ["broadleaf", "birch", "willow"])
def test_seasons_change_trees_with_leaves(name: str):
    summer, autumn, winter = (built(name, 4, season=s) for s in ("summer", "autumn", "winter"))
    assert colours(summer)[1] > colours(summer)[0]
    assert colours(autumn)[0] > 1.2 * colours(autumn)[1]
    assert not any(m.name == "leaf" for m in winter.materials)


def test_conifers_stay_green_in_winter():
    green = colours(built("pine", 4, season="winter"))
    assert green[1] > green[0]


@pytest.mark.parametrize("name", ROWS)
def test_snow_lies_on_everything_and_more_of_it_covers_more(name: str):
    def share(snow: float) -> float:
        shape = built(name, 2, snow=snow)
        white = np.array([m == SNOW for m in shape.materials])[shape.material]
        return float(shape.areas[white].sum() / shape.areas.sum())

    bare, some, deep = share(0.0), share(0.5), share(1.0)
    assert bare == 0
    assert some <= deep
    assert 0.03 < deep < 0.95


def test_snow_falls_on_the_upper_side_and_on_nothing_that_glows():
    stone = ball(1.0, rocks.rock(Request("rock"), np.random.default_rng(0)).materials[0])
    glass = replace(SNOW, emission=(1.0, 1.0, 1.0))
    lamp = mesh(np.array([[0.0, 0, 2], [1, 0, 2], [0, 1, 2]]), np.array([[0, 1, 2]]), glass)
    shape = snowed(join([stone, lamp]), 1.0)
    white = np.array([m == SNOW for m in shape.materials])[shape.material]
    assert not white[-1]
    assert shape.normals[white][:, 2].min() > 0.3
    assert white[:-1][stone.normals[:, 2] > 0.6].all()


@pytest.mark.parametrize("name", ["pine", "broadleaf", "bush"])
def test_no_look_passes_through_the_middle_of_a_crown(name: str):
    import open3d as o3d

    shape = built(name, 6)
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(shape.vertices), o3d.core.Tensor(shape.faces.astype(np.uint32)))
    heights = np.linspace(0.4, 0.7, 12) * shape.bounds[1][2]
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    z, a = (g.ravel() for g in np.meshgrid(heights, angles))
    away = np.stack([np.cos(a), np.sin(a), 0 * a], 1)
    rays = np.concatenate([20 * away + z[:, None] * [0, 0, 1], -away], 1).astype(np.float32)
    assert np.isfinite(scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy()).mean() > 0.97


def test_words_are_unique_and_lower_case():
    words = [w for row in ROWS.values() for w in row.words]
    assert len(words) == len(set(words))
    assert all(w == w.lower() for w in words)
    assert {"pine", "broadleaf", "birch", "bush", "flowers", "grass", "rock"} <= set(ROWS)
