"""Light: skies after the hour, shadows, lamps, and worlds lit anew."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch

from splatworld import generate, relight
from splatworld.light import develop, prepare
from splatworld.sky import direction, make_sky
from splatworld.world import Environment, World


@pytest.fixture(scope="module")
def cabin() -> World:
    return generate("a white cabin by a lake on a meadow at noon", seed=1, splats=15_000)


def _brightness(world: World, layer: str) -> float:
    return float(next(x for x in world.layers if x.id == layer).splats.colours.mean())


def test_directions_are_compass_directions() -> None:
    assert direction(0, 0) == pytest.approx([0, 1, 0], abs=1e-9)
    assert direction(90, 0) == pytest.approx([1, 0, 0], abs=1e-9)
    assert direction(10, 90) == pytest.approx([0, 0, 1], abs=1e-9)


def test_noon_is_blue_and_bright_sunset_warm_night_dim() -> None:
    zenith, low = np.array([[0.0, 0.1, 0.995]], np.float32), np.array([[0.0, 0.995, 0.1]], np.float32)
    noon = make_sky(Environment(sun_elevation_deg=55, clouds=0.0))
    sunset = make_sky(Environment(sun_azimuth_deg=0, sun_elevation_deg=3, clouds=0.0))
    night = make_sky(Environment(sun_elevation_deg=-24, clouds=0.0))
    r, _, b = noon.radiance(zenith)[0]
    assert b > 1.5 * r
    r, _, b = sunset.radiance(low)[0]
    assert r > 1.5 * b
    assert sunset.light[0] > 1.5 * sunset.light[2]
    assert night.night == 1
    assert night.ambient().mean() < 0.3 * noon.ambient().mean()


def test_a_closed_cover_hides_the_sun() -> None:
    clear, grey = (make_sky(Environment(sun_elevation_deg=45, clouds=c)) for c in (0.0, 1.0))
    assert grey.light.max() < 0.1 * clear.light.max()
    spread = grey.radiance(np.eye(3, dtype=np.float32)).std(1).mean()
    assert spread < 0.05


def test_skies_are_finite_in_every_direction_at_every_hour() -> None:
    rng = np.random.default_rng(0)
    d = rng.normal(size=(500, 3)).astype(np.float32)
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    for elevation in (-90, -8, -1, 0, 1, 12, 90):
        radiance = make_sky(Environment(sun_elevation_deg=elevation, clouds=0.5)).radiance(d)
        assert np.isfinite(radiance).all()
        assert radiance.min() >= 0


def test_relighting_with_the_same_environment_changes_nothing(cabin: World) -> None:
    again = relight(cabin)
    for a, b in zip(cabin.layers, again.layers, strict=True):
        assert torch.allclose(a.splats.sh, b.splats.sh, atol=1e-5), a.id
        assert torch.equal(a.splats.means, b.splats.means)


def test_evening_is_darker_and_warmer_and_shares_what_it_does_not_change(cabin: World) -> None:
    evening = relight(cabin, msgspec.structs.replace(cabin.environment, sun_elevation_deg=2.0))
    assert _brightness(evening, "things") < _brightness(cabin, "things")

    def warmth(world: World) -> float:
        sky = next(x for x in world.layers if x.id == "sky").splats.colours
        return float((sky[:, 0] - sky[:, 2]).mean())

    assert warmth(evening) > warmth(cabin)
    assert evening.surfaces is cabin.surfaces
    assert evening.layers[0].splats.means is cabin.layers[0].splats.means


def test_haze_draws_the_distance_together(cabin: World) -> None:
    foggy = relight(cabin, msgspec.structs.replace(cabin.environment, haze=0.05))
    clear, fog = (next(x for x in w.layers if x.id == "ground").splats for w in (cabin, foggy))
    far = clear.means.norm(dim=1) > 120
    assert float(fog.colours[far].std(0).mean()) < 0.5 * float(clear.colours[far].std(0).mean())


def test_the_sun_casts_shadows(cabin: World) -> None:
    high = relight(cabin, msgspec.structs.replace(cabin.environment, sun_elevation_deg=35.0, clouds=0.0))
    cabin_thing = cabin.thing("cabin 1")
    light = prepare(replace(high, things=(cabin_thing,)), high.environment)
    x, y, z = cabin_thing.position
    reach = 3.2 * light.sky.towards_light[:2] / np.linalg.norm(light.sky.towards_light[:2])
    shaded = np.array([[x - 1.8 * reach[0], y - 1.8 * reach[1], z + 0.3]], np.float32)
    open_ = np.array([[x + 3 * reach[0], y + 3 * reach[1], z + 0.3]], np.float32)
    assert light.scene.blocked(shaded, light.sky.towards_light[None])[0]
    assert not light.scene.blocked(open_, light.sky.towards_light[None])[0]


def test_lamps_light_what_is_near_them_by_night() -> None:
    world = generate("a street lamp on a meadow at night", seed=2, splats=12_000)
    lamp = next(t for t in world.things if t.kind == "lamp")
    assert lamp.lights
    dark = relight(world.with_things({lamp.id: msgspec.structs.replace(lamp, lights=())}))
    near = torch.tensor(lamp.position)
    for (_, lit), (_, unlit) in zip(world.placed(), dark.placed(), strict=True):
        rows = ((lit.means - near).norm(dim=1) < 4) & (lit.extras["label"] == world.labels.index("ground"))
        if rows.any():
            assert float((lit.colours - unlit.colours)[rows].mean()) > 0.02


def test_foreign_splats_keep_their_colours(cabin: World) -> None:
    bare = tuple(replace(x, splats=replace(x.splats, extras={"thing": x.splats.extras["thing"]})) for x in cabin.layers)
    foreign = replace(cabin, layers=bare)
    lit = relight(foreign, msgspec.structs.replace(cabin.environment, sun_elevation_deg=3.0))
    assert all(torch.equal(a.splats.sh, b.splats.sh) for a, b in zip(foreign.layers, lit.layers, strict=True))


def test_developing_is_monotonic_and_bounded(cabin: World) -> None:
    light = prepare(cabin, cabin.environment)
    ramp = np.repeat(np.linspace(0, 50, 400, dtype=np.float32)[:, None], 3, 1)
    shown = develop(ramp, light)
    assert (np.diff(shown[:, 0]) >= -1e-6).all()
    assert shown.min() >= 0
    assert shown.max() <= 1
