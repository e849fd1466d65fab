"""Terrain: water lies level, the start is dry and easy, the far ring goes on where the near land ends."""

import numpy as np
import pytest

from splatworld.generate.procedural.erosion import eroded
from splatworld.generate.procedural.ground import near_surface, near_surfels
from splatworld.generate.procedural.terrain import NEAR_METRES, make_terrain
from splatworld.noise import fbm, gradient_noise, ridged, value_noise
from splatworld.scene_spec import SceneSpec

LANDS = ("flat", "rolling", "hills", "valley", "mountains", "dunes", "canyon", "coast")


@pytest.mark.parametrize("landform", LANDS)
def test_the_start_is_level_and_dry(landform: str) -> None:
    terrain = make_terrain(SceneSpec(landform=landform), np.random.default_rng(1))
    start = np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 2.0]])
    assert np.abs(terrain.height(start)).max() < 0.8
    assert terrain.slope(start).max() < 0.35
    assert np.isfinite(terrain.heights).all()


@pytest.mark.parametrize("water", ["lake", "pond", "river", "stream", "sea"])
@pytest.mark.parametrize("seed", [0, 5])
def test_water_lies_in_its_bed_and_land_above_it(water: str, seed: int) -> None:
    terrain = make_terrain(SceneSpec(landform="hills", water=water), np.random.default_rng(seed))
    level = float(terrain.water_level or 0)
    assert (terrain.heights[terrain.shores < 0] < level).all()
    assert (terrain.heights[terrain.shores > 0] > level).all()
    assert (terrain.shores < 0).any()
    assert float(terrain.shore(np.array([terrain.focus]))[0]) > 0
    assert float(terrain.depth(np.array([[0.0, 0.0]]))[0]) <= 0


def test_the_path_stays_dry() -> None:
    terrain = make_terrain(SceneSpec(water="lake", path=True), np.random.default_rng(2))
    assert terrain.path is not None
    assert terrain.shore(terrain.path).min() > 0
    assert terrain.path_distance(terrain.path[3:4])[0] < 1e-3


def test_the_far_ring_continues_the_near_land() -> None:
    terrain = make_terrain(SceneSpec(landform="rolling", far="mountains"), np.random.default_rng(3))
    angle = np.linspace(0, 2 * np.pi, terrain.far_heights.shape[1], endpoint=False)
    rim = (NEAR_METRES - 4) * np.stack([np.cos(angle), np.sin(angle)], 1)
    assert np.abs(terrain.height(rim) - terrain.far_heights[0]).max() < 1.0
    assert terrain.far_heights.max() > 60


def test_pads_are_level() -> None:
    terrain = make_terrain(SceneSpec(landform="hills"), np.random.default_rng(4)).flattened([(40.0, 30.0, 6.0)])
    around = np.array([40.0, 30.0]) + 4 * np.stack([np.cos(np.arange(8)), np.sin(np.arange(8))], 1)
    assert np.ptp(terrain.height(around)) < 0.05


def test_erosion_carries_earth_away_and_makes_none() -> None:
    ground = (20 * ridged(np.stack(np.meshgrid(np.arange(96), np.arange(96)), -1) / 30)).astype(np.float32)
    after = eroded(ground, np.random.default_rng(0), droplets=6_000)
    assert np.abs(after - ground).max() > 0.3
    assert -2.0 < float((after - ground).mean()) < 0.05
    assert after.max() <= ground.max() + 0.5


def test_ground_splats_leave_no_gap() -> None:
    terrain = make_terrain(SceneSpec(landform="rolling"), np.random.default_rng(5))
    surfels = near_surfels(terrain, 0.05, start_metres=3.0)
    from scipy.spatial import KDTree

    rng = np.random.default_rng(0)
    radius, angle = 60 * np.sqrt(rng.random(2_000)), rng.uniform(0, 2 * np.pi, 2_000)
    spots = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    distance, nearest = KDTree(surfels.points[:, :2]).query(spots)
    assert (distance / surfels.sigmas[nearest, 1]).max() < 2.0
    surface = near_surface(terrain)
    assert (np.hypot(*surface.vertices[:, :2].T) <= NEAR_METRES).all()


@pytest.mark.parametrize("noise", [value_noise, gradient_noise, fbm])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_noise_is_bounded_smooth_and_its_own_for_each_seed(noise, dimensions: int) -> None:
    points = np.random.default_rng(0).uniform(-50, 50, (4_000, dimensions)).astype(np.float32)
    values = noise(points, seed=1)
    assert np.abs(values).max() < 1.7
    assert abs(float(values.mean())) < 0.1
    assert 0.1 < float(values.std()) < 0.7
    assert np.abs(noise(points + np.float32(1e-3), seed=1) - values).max() < 0.05
    assert np.corrcoef(noise(points, seed=2), values)[0, 1] < 0.2
