"""The generator as a whole: same wishes, same bytes; limits kept; things where they say they are."""

import msgspec
import numpy as np
import pytest
import torch

from splatworld import generate
from splatworld.errors import Cancelled, SpecError, UsageError
from splatworld.mesh import RayScene
from splatworld.progress import Stage
from splatworld.scene_spec import Item, SceneSpec
from splatworld.world import World

SENTENCE = "a red cabin and thirty pines by a lake at sunset, two boats"


@pytest.fixture(scope="module")
def lake() -> World:
    return generate(SENTENCE, seed=3, splats=12_000)


def test_same_sentence_and_seed_give_the_same_bytes(lake: World) -> None:
    again = generate(SENTENCE, seed=3, splats=12_000)
    assert again.things == lake.things
    for a, b in zip(lake.layers, again.layers, strict=True):
        for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
            assert torch.equal(getattr(a.splats, name), getattr(b.splats, name)), (a.id, name)
        assert all(torch.equal(a.splats.extras[k], b.splats.extras[k]) for k in a.splats.extras)


def test_another_seed_gives_another_world(lake: World) -> None:
    other = generate(SENTENCE, seed=4, splats=12_000)
    assert [t.world_from_thing for t in other.things] != [t.world_from_thing for t in lake.things]


def test_the_asked_things_are_there(lake: World) -> None:
    kinds = [t.kind for t in lake.things]
    assert kinds.count("cabin") == 1
    assert kinds.count("boat") == 2
    assert kinds.count("pine") >= 30
    assert lake.thing("cabin 1").colour == "red"
    assert lake.thing("lake").kind == "lake"
    assert len({t.id for t in lake.things}) == len({t.name for t in lake.things}) == len(kinds)


def test_no_more_splats_than_asked_for_and_not_many_fewer() -> None:
    for splats in (3_000, 25_000):
        assert 0.7 * splats <= len(generate("a meadow with three oaks", splats=splats)) <= splats


def test_every_splat_belongs_to_a_thing_and_knows_its_surface(lake: World) -> None:
    ids = {t.id for t in lake.things}
    for layer in lake.layers:
        extras = layer.splats.extras
        assert set(extras["thing"].unique().tolist()) <= ids
        assert int(extras["label"].max()) < len(lake.labels)
        assert torch.allclose(extras["normal"].float().norm(dim=1), torch.ones(len(layer.splats)), atol=0.02)
        assert float(extras["albedo"].min()) >= 0


def test_solid_splats_lie_on_their_surfaces(lake: World) -> None:
    scene = RayScene(lake)
    for layer, splats in lake.placed():
        if layer.id == "things":
            reach = 3 * splats.scales.max(1).values.numpy() + 0.02
            assert (scene.distance(splats.means.numpy()) < reach).mean() > 0.999


def test_only_water_carries_higher_bands(lake: World) -> None:
    degrees = {layer.id: layer.splats.degree for layer in lake.layers}
    assert degrees["water"] == 2
    assert degrees["things"] == degrees["ground"] == degrees["sky"] == 0


def test_bounds_hold_the_surface(lake: World) -> None:
    thing = lake.thing("cabin 1")
    vertices = thing.world_from_thing.apply(lake.surfaces[str(thing.surface)].vertices)
    low, high = (np.asarray(v) for v in thing.world_bounds)
    assert (vertices >= low - 1e-3).all()
    assert (vertices <= high + 1e-3).all()


def test_an_edited_spec_is_built() -> None:
    spec = SceneSpec(place="desert", ground="sand", landform="dunes", far="none", items=[Item(id="w", thing="well")])
    world = generate(spec, splats=3_000)
    assert [t.kind for t in world.things].count("well") == 1
    assert world.spec is not None
    assert msgspec.structs.replace(world.spec, notes=[]) == spec


def test_what_the_catalogue_lacks_is_refused() -> None:
    with pytest.raises(SpecError, match="spaceship"):
        generate(SceneSpec(items=[Item(id="a", thing="spaceship")]))
    with pytest.raises(SpecError, match="octarine"):
        generate(SceneSpec(items=[Item(id="a", thing="cabin", colour="octarine")]))
    with pytest.raises(UsageError, match="splats"):
        generate("a meadow", splats=3)


def test_work_can_be_cancelled_between_stages() -> None:
    def stop(event: object) -> None:
        if isinstance(event, Stage) and event.name == "splats":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        generate("a meadow", splats=3_000, progress=stop)
