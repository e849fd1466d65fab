"""Outdoor layout: counts, room, wet and dry feet, relations, the first view; checked on the placements alone."""

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splatworld.generate.procedural.catalogue import classes
from splatworld.generate.procedural.layout import Layout, lay_out
from splatworld.generate.procedural.placement import Placement
from splatworld.generate.procedural.scatter import thinned
from splatworld.generate.procedural.terrain import Terrain, make_terrain
from splatworld.generate.procedural.wishes import SIZES
from splatworld.scene_spec import Cover, Item, Relation, SceneSpec, checked

PLACES = ("forest", "meadow", "mountain", "lake", "river", "desert", "beach", "snow", "village")
WATER = {"lake": "lake", "river": "river", "beach": "sea"}
LANDFORM = {"mountain": "mountains", "desert": "dunes", "beach": "coast", "snow": "flat"}
THINGS = ("cabin", "house", "tower", "well", "bench", "lamp", "barrel", "campfire", "rock", "pine", "broadleaf", "bush",
          "boat", "bridge", "fence", "table", "tent", "cart")  # fmt: skip
KINDS = ("by", "behind", "in_front_of", "left_of", "right_of", "around", "between", "along", "on", "in", "under")


def spec_of(place: str, *items: Item, **wishes: object) -> SceneSpec:
    usual = {"water": WATER.get(place), "landform": LANDFORM.get(place, "rolling")}
    return checked(SceneSpec(place=place, items=list(items), **(usual | wishes)))  # type: ignore[arg-type]


def laid(spec: SceneSpec) -> Layout:
    ground = land(spec.place, spec.water, spec.landform, spec.path, spec.seed)
    return lay_out(spec, ground, np.random.default_rng(spec.seed + 1))


@cache
def land(place: str, water: str | None, landform: str, path: bool, seed: int) -> Terrain:
    spec = spec_of(place, water=water, landform=landform, path=path)
    return make_terrain(spec, np.random.default_rng(seed))


def thing(
    name: str, count: int = 1, *relations: tuple[str, str | list[str]], id: str | None = None, **more: object
) -> Item:
    told = [Relation(kind, [to] if isinstance(to, str) else to) for kind, to in relations]  # type: ignore[arg-type]
    return Item(id=id or name, thing=name, count=count, relations=told, **more)  # type: ignore[arg-type]


def of(layout: Layout, item: str) -> list[Placement]:
    return [p for p in layout.placements if p.item == item]


def spot(p: Placement) -> np.ndarray:
    return np.array(p.position[:2])


def radius(spec: SceneSpec, p: Placement) -> float:
    size = next((i.size for i in spec.items if i.id == p.item), None)
    return classes()[p.thing].footprint * p.scale * SIZES[size][0]


def seen(layout: Layout, xy: np.ndarray) -> tuple[float, float]:
    """Bearing to the right of the first view, and distance."""
    eye = np.array(layout.start.eye[:2])
    ahead = np.array(layout.start.target[:2]) - eye
    ahead /= np.hypot(*ahead)
    d = xy - eye
    return float(np.arctan2(d @ np.array([ahead[1], -ahead[0]]), d @ ahead)), float(np.hypot(*d))


@st.composite
def specs(draw: st.DrawFn) -> SceneSpec:
    """Small scenes of any kind, with relations that may be odd, chained or circular."""
    place = draw(st.sampled_from(PLACES))
    names = draw(st.lists(st.sampled_from(THINGS), min_size=1, max_size=5))
    ids = [f"{name}-{i}" for i, name in enumerate(names)]
    fixed = ["path", "ground", *(["lake"] if place in WATER else [])]
    items = []
    for i, name in zip(ids, names, strict=True):
        to = st.lists(st.sampled_from([t for t in [*ids, *fixed] if t != i]), min_size=1, max_size=2)
        links = st.lists(st.builds(Relation, st.sampled_from(KINDS), to), max_size=2)
        items.append(Item(id=i, thing=name, count=draw(st.integers(1, 4)), relations=draw(links)))
    return spec_of(
        place,
        *items,
        path=draw(st.booleans()),
        seed=draw(st.integers(0, 1)),
        covers=[Cover(thing="grass", density=0.05)],
    )


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(specs())
def test_any_scene_is_complete_sound_and_repeatable(spec: SceneSpec) -> None:
    layout = laid(spec)
    for item in spec.items:
        assert [p.thing for p in of(layout, item.id)] == [item.thing] * item.count
    numbers = np.array([[*p.position, p.yaw, p.scale] for p in layout.placements])
    assert np.isfinite(numbers).all()
    eye = np.array(layout.start.eye)
    assert layout.terrain.shore(eye[None, :2])[0] > 0
    assert eye[2] - layout.terrain.height(eye[None, :2])[0] == pytest.approx(1.7, abs=1e-3)
    assert laid(spec).placements == layout.placements
    assert_room(spec, layout)


def assert_room(spec: SceneSpec, layout: Layout) -> None:
    """Nothing stands in anything else, or on the visitor's toes."""
    if any("cramped" in note for note in layout.notes):
        return
    inside = {i.id for i in spec.items for r in i.relations if r.kind in ("on", "in", "under")}
    solid = [
        p
        for p in layout.placements
        if classes()[p.thing].stands in ("ground", "floor") and p.item not in inside and p.thing != "grass"
    ]
    for a, b in itertools.combinations(solid, 2):
        assert np.hypot(*(spot(a) - spot(b))) > radius(spec, a) + radius(spec, b) - 0.05 or (
            a.item is None and b.item is None
        )
    eye = np.array(layout.start.eye[:2])
    assert all(np.hypot(*(spot(p) - eye)) > radius(spec, p) + 1.2 for p in solid)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("place", ["lake", "river", "beach"])
def test_boats_float_and_all_else_has_dry_feet(place: str, seed: int) -> None:
    spec = spec_of(
        place,
        thing("boat", 3),
        thing("boat", 1, ("on", "ground"), id="ashore"),
        thing("cabin"),
        thing("barrel", 3),
        seed=seed,
    )
    layout = laid(spec)
    land = layout.terrain
    for p in of(layout, "boat"):
        assert land.depth(spot(p)[None])[0] > 0.2
        assert p.position[2] == land.water_level
    assert 0 < land.shore(spot(of(layout, "ashore")[0])[None])[0] < 12
    for p in [*of(layout, "cabin"), *of(layout, "barrel")]:
        assert land.shore(spot(p)[None])[0] > 0.8 * radius(spec, p)
        assert p.position[2] == pytest.approx(float(land.height(spot(p)[None])[0]), abs=0.55)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("place", ["meadow", "forest", "mountain", "snow"])
def test_behind_before_and_beside_as_seen_from_the_start(place: str, seed: int) -> None:
    spec = spec_of(
        place,
        thing("cabin"),
        thing("pine", 4, ("behind", "cabin")),
        thing("lamp", 2, ("in_front_of", "cabin")),
        thing("birch", 3, ("left_of", "cabin")),
        thing("barrel", 2, ("right_of", "cabin")),
        seed=seed,
    )
    layout = laid(spec)
    cabin = of(layout, "cabin")[0]
    bearing, distance = seen(layout, spot(cabin))
    half = np.arcsin(radius(spec, cabin) / distance)
    for p in of(layout, "pine"):
        b, d = seen(layout, spot(p))
        assert d > distance + radius(spec, cabin)
        assert abs(b - bearing) < half
    for p in of(layout, "lamp"):
        b, d = seen(layout, spot(p))
        assert d < distance - radius(spec, cabin)
        assert abs(b - bearing) < half
    assert all(seen(layout, spot(p))[0] < bearing - half for p in of(layout, "birch"))
    assert all(seen(layout, spot(p))[0] > bearing + half for p in of(layout, "barrel"))
    assert not layout.notes


@pytest.mark.parametrize("seed", range(2))
def test_rings_close_and_gatherings_stay_near(seed: int) -> None:
    spec = spec_of(
        "meadow",
        thing("campfire"),
        thing("rock", 8, ("around", "campfire")),
        thing("chair", 2, ("by", "campfire")),
        seed=seed,
    )
    layout = laid(spec)
    fire = spot(of(layout, "campfire")[0])
    around = [spot(p) - fire for p in of(layout, "rock")]
    assert max(np.hypot(*d) for d in around) < 7
    angles = np.sort([np.arctan2(d[1], d[0]) for d in around])
    assert np.diff([*angles, angles[0] + 2 * np.pi]).max() < np.radians(100)
    assert all(np.hypot(*(spot(p) - fire)) < 4.5 for p in of(layout, "chair"))


@pytest.mark.parametrize("seed", range(2))
def test_seven_houses_around_a_well_leave_the_visitor_room(seed: int) -> None:
    spec = spec_of("village", thing("house", 7, ("around", "well")), thing("well"), seed=seed)
    layout = laid(spec)
    well = spot(of(layout, "well")[0])
    angles = np.sort([np.arctan2(*(spot(p) - well)[::-1]) for p in of(layout, "house")])
    assert np.diff([*angles, angles[0] + 2 * np.pi]).max() < np.radians(125)
    assert len(of(layout, "house")) == 7


@pytest.mark.parametrize("seed", range(2))
def test_between_two_things_and_between_a_house_and_the_lake(seed: int) -> None:
    spec = spec_of(
        "lake",
        thing("house"),
        thing("broadleaf", 1, size="large"),
        thing("well", 1, ("between", ["house", "broadleaf"])),
        thing("campfire", 1, ("between", ["house", "lake"])),
        seed=seed,
    )
    layout = laid(spec)
    house, tree, well, fire = (spot(of(layout, n)[0]) for n in ("house", "broadleaf", "well", "campfire"))
    t = float((well - house) @ (tree - house) / ((tree - house) @ (tree - house)))
    assert 0.2 < t < 0.9
    assert np.hypot(*(well - house - t * (tree - house))) < 1.6
    shore = layout.terrain.shore(np.array([house, fire]))
    assert 0 < shore[1] < shore[0]


@pytest.mark.parametrize("seed", range(2))
def test_lamps_line_the_path_on_both_sides(seed: int) -> None:
    spec = spec_of("forest", thing("lamp", 6, ("along", "path")), path=True, seed=seed)
    layout = laid(spec)
    xy = np.array([spot(p) for p in of(layout, "lamp")])
    assert layout.terrain.path_distance(xy).max() < 4.5
    assert min(np.hypot(*(a - b)) for a, b in itertools.combinations(xy, 2)) > 2
    trees = np.array([spot(p) for p in layout.placements if "tree" in classes()[p.thing].kinds])
    assert layout.terrain.path_distance(trees).min() > 1.2


@pytest.mark.parametrize("seed", range(2))
def test_a_bridge_spans_the_river_from_bank_to_bank(seed: int) -> None:
    layout = laid(
        spec_of("river", thing("bridge", 1, ("on", "river")), thing("birch", 5, ("along", "river")), seed=seed)
    )
    bridge = of(layout, "bridge")[0]
    assert bridge.length is not None
    along = np.array([np.cos(bridge.yaw), np.sin(bridge.yaw)])
    ends = np.array([spot(bridge) + s * bridge.length / 2 * along for s in (-1, 1)])
    assert (layout.terrain.shore(ends) > 0).all()
    assert layout.terrain.shore(spot(bridge)[None])[0] < 0
    assert abs(seen(layout, spot(bridge))[0]) < 0.75
    assert bridge.position[2] > (layout.terrain.water_level or 0)
    birches = layout.terrain.shore(np.array([spot(p) for p in of(layout, "birch")]))
    assert ((birches > 0) & (birches < 7)).all()


def test_a_fence_around_a_house_is_one_thing_of_pieces_that_encloses_it() -> None:
    layout = laid(spec_of("meadow", thing("house"), thing("fence", 1, ("around", "house"))))
    (fence,), (house,) = of(layout, "fence"), of(layout, "house")
    at = np.array([part.position[:2] for part in fence.parts])
    assert len(at) >= 8
    assert (at.min(0) < -5).all() and (at.max(0) > 5).all()  # noqa: PT018
    assert np.hypot(*(spot(fence) - spot(house))) < 0.5
    gate = at[(at[:, 1] < -5)]
    assert np.abs(gate[:, 0]).min() > 1.0


def test_a_cabin_behind_a_fence_and_things_on_things() -> None:
    layout = laid(
        spec_of(
            "meadow",
            thing("cabin", 1, ("behind", "fence")),
            thing("fence"),
            thing("table"),
            thing("lantern", 1, ("on", "table")),
            thing("bench", 1, ("under", "broadleaf")),
            thing("broadleaf", 3),
        )
    )
    assert seen(layout, spot(of(layout, "fence")[0]))[1] < seen(layout, spot(of(layout, "cabin")[0]))[1]
    table, lantern = of(layout, "table")[0], of(layout, "lantern")[0]
    assert lantern.position[2] - table.position[2] == pytest.approx(0.75)
    assert np.hypot(*(spot(table) - spot(lantern))) < 0.5
    bench = spot(of(layout, "bench")[0])
    assert min(np.hypot(*(spot(p) - bench)) for p in of(layout, "broadleaf")) < 3.2


def test_circles_are_cut_and_told() -> None:
    layout = laid(spec_of("meadow", thing("barrel", 1, ("by", "cart")), thing("cart", 1, ("by", "barrel"))))
    assert any("refer to each other" in note for note in layout.notes)
    assert np.hypot(*(spot(of(layout, "barrel")[0]) - spot(of(layout, "cart")[0]))) < 6


@pytest.mark.parametrize("place", PLACES)
def test_the_first_view_has_what_was_asked_for_in_it(place: str) -> None:
    layout = laid(spec_of(place, thing("cabin"), thing("barrel", 2), seed=5))
    bearing, distance = seen(layout, spot(of(layout, "cabin")[0]))
    assert abs(bearing) < 0.45
    assert 8 < distance < 22
    assert all(abs(seen(layout, spot(p))[0]) < 0.74 for p in of(layout, "barrel"))
    rise = layout.start.target[2] - layout.start.eye[2]
    pitch = np.arctan2(rise, np.hypot(*(np.subtract(layout.start.target, layout.start.eye)[:2])))
    horizon = 0.5 + np.tan(pitch) / (2 * np.tan(np.radians(layout.start.fov_deg / 2)))
    assert 0.34 < horizon < 0.68


@cache
def forest() -> Layout:
    return laid(
        spec_of("forest", thing("cabin"), covers=[Cover(thing="pine"), Cover(thing="fern"), Cover(thing="grass")])
    )


def test_a_forest_is_thick_and_leaves_the_view_open() -> None:
    layout = forest()
    pines = np.array([spot(p) for p in layout.placements if p.thing == "pine"])
    near = np.hypot(*pines.T) < 70
    assert 70 < near.sum() < 190
    bearing, distance = seen(layout, spot(of(layout, "cabin")[0]))
    for xy in pines:
        b, d = seen(layout, xy)
        assert not (abs(b - bearing) < 0.2 and d < distance)
    grass = sum(p.thing == "grass" for p in layout.placements)
    assert 350 < grass < 1000
    assert {p.thing for p in layout.placements if p.item is None} <= {
        "pine",
        "fern",
        "grass",
        "rock",
        "mushroom",
        "log",
        "stump",
        "pebbles",
    }


def test_what_must_be_absent_is_absent() -> None:
    layout = laid(spec_of("forest", absent=["tree", "rock"]))
    assert not any({"tree", "rock"} & {p.thing, *classes()[p.thing].kinds} for p in layout.placements)


def test_who_counts_rocks_gets_no_others() -> None:
    layout = laid(spec_of("desert", thing("rock", 2)))
    assert sum(p.thing == "rock" for p in layout.placements) == 2


def test_a_village_has_houses_of_its_own_unless_forbidden() -> None:
    assert sum(p.thing == "house" for p in laid(spec_of("village", path=True)).placements) >= 5
    assert not any(p.thing == "house" for p in laid(spec_of("village", path=True, absent=["building"])).placements)


def test_five_hundred_of_one_thing_find_room() -> None:
    layout = laid(spec_of("meadow", thing("barrel", 500)))
    assert len({p.position for p in of(layout, "barrel")}) == 500


def test_thinned_points_keep_their_distance_and_their_order() -> None:
    xy = np.random.default_rng(0).uniform(0, 40, (5000, 2))
    rows = thinned(xy, np.full(5000, 0.8))
    kept = xy[rows]
    assert rows[0] == 0
    assert (np.diff(rows) > 0).all()
    from scipy.spatial.distance import pdist

    assert pdist(kept).min() >= 0.8
    assert len(kept) > 1000  # dense: a maximal Poisson-disk set of this square has about 1,700
