"""Rooms: the shell closes and lets light in; furniture stands where it was asked for and nowhere else."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from splatworld.generate.procedural.catalogue import classes
from splatworld.generate.procedural.floor_grid import turned_half
from splatworld.generate.procedural.furnishing import furnish, plan_room, start_view
from splatworld.generate.procedural.guests import indoors, measured
from splatworld.generate.procedural.placement import Placement
from splatworld.generate.procedural.room import room_shell
from splatworld.generate.procedural.room_plan import RoomPlan, planned
from splatworld.generate.procedural.shape import join
from splatworld.scene_spec import Item, Relation, SceneSpec


def interior(*items: Item, **wish: object) -> SceneSpec:
    return SceneSpec(place="interior", ground="wood", items=list(items), **wish)


def item(thing: str, count: int = 1, relation: str = "", *to: str, **wish: object) -> Item:
    relations = [Relation(relation, list(to))] if relation else []
    return Item(id=wish.pop("id", thing), thing=thing, count=count, relations=relations, **wish)


def furnished(spec: SceneSpec, seed: int = 1) -> tuple[RoomPlan, list[Placement]]:
    plan = plan_room(spec, np.random.default_rng(seed))
    return plan, furnish(spec, plan)


def of(placements: list[Placement], key: str) -> list[Placement]:
    return [p for p in placements if p.item == key]


def xy(p: Placement) -> np.ndarray:
    return np.array(p.position[:2])


def front(p: Placement) -> np.ndarray:
    return np.array([np.sin(p.yaw), -np.cos(p.yaw)])


class Box:
    """A placement's upright box with the real measures of what is built there."""

    def __init__(self, spec: SceneSpec, p: Placement) -> None:
        size = next((i.size for i in spec.items if i.id == p.item), None)
        measure = measured(classes()[p.thing], size)
        self.p, self.half = p, np.array(measure.half) * p.scale
        self.z = p.position[2], p.position[2] + measure.height * p.scale
        self.flat = measure.height < 0.06
        self.axes = np.array([[np.cos(p.yaw), np.sin(p.yaw)], [-np.sin(p.yaw), np.cos(p.yaw)]])
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        self.corners = xy(p) + (signs * self.half) @ self.axes

    def overlaps(self, other: "Box") -> bool:
        """Deeper than 5 mm, by separating axes and heights."""
        if min(self.z[1], other.z[1]) - max(self.z[0], other.z[0]) < 0.005:
            return False
        depths = []
        for axis in (*self.axes, *other.axes):
            a, b = self.corners @ axis, other.corners @ axis
            depths.append(min(a.max(), b.max()) - max(a.min(), b.min()))
        return min(depths) > 0.005


def check_room(spec: SceneSpec, plan: RoomPlan, placements: list[Placement]) -> None:
    """What holds for every room."""
    for wish in spec.items:
        assert len(of(placements, wish.id)) == wish.count
    asked = {i.thing for i in spec.items} | {indoors(i) for i in spec.items}
    assert not [p for p in placements if p.item is None and p.thing in asked]
    assert not [p for p in placements if p.item is None and p.thing in spec.absent]
    boxes = [Box(spec, p) for p in placements]
    for box in boxes:
        assert (np.abs(box.corners) <= np.array([plan.width, plan.depth]) / 2 + 0.02).all(), box.p
        assert box.z[0] >= -1e-6, box.p
        assert box.z[1] <= plan.height + 0.6, box.p  # a thing may stand on a tall one
    nested = {i.id for i in spec.items for r in i.relations if r.kind in ("on", "in", "under")}
    resting = nested | {None}
    for a, b in itertools.combinations([b for b in boxes if not b.flat], 2):
        touching = (a.p.item in nested or b.p.item in nested) or (
            a.p.item in resting and b.p.item in resting and max(a.z[0], b.z[0]) > 0.05
        )
        small = min(a.half.max(), b.half.max()) < 0.3 and max(a.z[0], b.z[0]) > 0.05
        assert touching or small or not a.overlaps(b), (a.p, b.p)
    x, y, _ = plan.on_wall(plan.door.wall, plan.door.centre, 0.4)
    for box in boxes:
        if box.z[0] < 1.5 and not box.flat:
            reach = turned_half((box.half[0], box.half[1]), box.p.yaw)
            at_door = abs(box.p.position[0] - x) < reach[0] + 0.4 and abs(box.p.position[1] - y) < reach[1] + 0.4
            assert not at_door, ("the door is blocked", box.p)
            assert max(abs(xy(box.p) - plan.eye[:2]) - reach) > 0.25, ("the visitor stands in it", box.p)


@pytest.mark.parametrize("count", range(1, 13))
def test_chairs_around_a_table_face_it(count: int):
    spec = interior(item("table"), item("chair", count, "around", "table"))
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    table = of(placements, "table")[0]
    towards = [(xy(table) - xy(c)) / np.linalg.norm(xy(table) - xy(c)) for c in of(placements, "chair")]
    assert all(front(c) @ t > 0.6 for c, t in zip(of(placements, "chair"), towards, strict=True))
    assert all(np.linalg.norm(xy(table) - xy(c)) < 2.4 for c in of(placements, "chair"))
    if count >= 2:
        angles = np.sort([np.arctan2(*t) for t in towards])
        assert np.diff(np.append(angles, angles[0] + 2 * np.pi)).max() < np.radians(185)


def test_chairs_gather_at_the_table_unasked():
    spec = interior(item("table"), item("chair", 6), item("shelf"))
    _, placements = furnished(spec)
    table = of(placements, "table")[0]
    assert all(np.linalg.norm(xy(c) - xy(table)) < 1.6 for c in of(placements, "chair"))


def test_a_lamp_on_a_table_is_a_table_lamp_on_its_top():
    spec = interior(item("table"), item("lamp", 1, "on", "table"))
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    lamp, table = of(placements, "lamp")[0], of(placements, "table")[0]
    assert lamp.thing == "table_lamp"
    assert lamp.position[2] == pytest.approx(0.75, abs=0.01)
    assert np.linalg.norm(xy(lamp) - xy(table)) < 0.5


def test_things_on_one_table_do_not_touch():
    spec = interior(item("table"), item("cup", 3), item("book", 2), item("bowl"), item("candle"))
    _plan, placements = furnished(spec)
    small = [Box(spec, p) for p in placements if p.item not in (None, "table")]
    assert len(small) == 7
    assert all(b.z[0] == pytest.approx(0.75, abs=0.01) for b in small)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(small, 2))


def test_small_things_alone_get_a_table():
    spec = interior(item("candle", 2))
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    assert [p.thing for p in placements if p.thing == "table"] == ["table"]
    assert all(p.position[2] > 0.7 for p in of(placements, "candle"))


def test_a_bed_between_two_lamps_has_one_on_each_side():
    spec = interior(item("bed", 1, "between", "lamp", size="large"), item("lamp", 2, size="small"))
    for seed in range(6):
        plan, placements = furnished(spec, seed)
        check_room(spec, plan, placements)
        bed = of(placements, "bed")[0]
        across = np.array([np.cos(bed.yaw), np.sin(bed.yaw)])
        sides = sorted(float((xy(lamp) - xy(bed)) @ across) for lamp in of(placements, "lamp"))
        assert sides[0] < -1.0 < 1.0 < sides[1]


def test_a_barrel_fits_under_the_table():
    spec = interior(item("table"), item("barrel", 1, "under", "table", size="small"))
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    barrel = Box(spec, of(placements, "barrel")[0])
    assert barrel.z[1] < 0.72
    assert np.allclose(xy(barrel.p), xy(of(placements, "table")[0]), atol=0.05)


def test_a_rug_lies_under_the_table():
    spec = interior(item("rug", 1, "under", "table"), item("table"))
    _, placements = furnished(spec)
    assert np.linalg.norm(xy(of(placements, "rug")[0]) - xy(of(placements, "table")[0])) < 0.8
    assert of(placements, "rug")[0].position[2] == 0


@pytest.mark.parametrize("kind", ["behind", "in_front_of", "left_of", "right_of"])
@pytest.mark.parametrize("seed", range(4))
def test_as_seen_from_the_start(kind: str, seed: int):
    spec = interior(item("table"), item("chest", 1, kind, "table"))
    plan, placements = furnished(spec, seed)
    check_room(spec, plan, placements)
    eye, table, chest = np.array(plan.eye[:2]), xy(of(placements, "table")[0]), xy(of(placements, "chest")[0])
    ahead = (table - eye) / np.linalg.norm(table - eye)
    right = np.array([ahead[1], -ahead[0]])
    way = {"behind": ahead, "in_front_of": -ahead, "right_of": right, "left_of": -right}[kind]
    off = (chest - table) / np.linalg.norm(chest - table)
    assert off @ way > 0.65


def test_a_coffee_table_in_front_of_the_sofa_is_where_the_knees_are():
    spec = interior(item("sofa"), item("coffee_table", 1, "in_front_of", "sofa"), item("fireplace"))
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    sofa, low = of(placements, "sofa")[0], of(placements, "coffee_table")[0]
    assert (xy(low) - xy(sofa)) @ front(sofa) > 0.7
    assert np.linalg.norm(xy(low) - xy(sofa)) < 2


@pytest.mark.parametrize("thing", ["bed", "shelf", "sofa", "wardrobe", "fireplace", "cabinet"])
def test_backs_stand_against_walls(thing: str):
    spec = interior(item(thing, 2))
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    for box in (Box(spec, p) for p in of(placements, thing)):
        back = xy(box.p) - front(box.p) * box.half[1]
        assert min(np.array([plan.width, plan.depth]) / 2 - np.abs(back)) < 0.06


def test_pictures_hang_clear_of_windows():
    spec = interior(item("picture", 4), item("clock"), item("mirror"))
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    hung = [Box(spec, p) for p in placements if p.item in ("picture", "clock", "mirror")]
    assert all(b.z[0] > 0.8 for b in hung)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(hung, 2))


def test_by_the_bed_is_near_the_bed():
    spec = interior(item("bed"), item("table", 1, "by", "bed"), item("lamp", 1, "on", "table"), absent=["chair"])
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    bed, table = Box(spec, of(placements, "bed")[0]), Box(spec, of(placements, "table")[0])
    assert not bed.overlaps(table)
    assert np.linalg.norm(xy(bed.p) - xy(table.p)) < bed.half[0] + table.half[0] + 1.0
    assert "chair" not in {p.thing for p in placements}


def test_an_empty_wish_gives_a_furnished_room():
    spec = interior()
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    assert {"table", "chair", "rug", "picture", "plant_pot"} <= {p.thing for p in placements}
    bare = interior(absent=["furniture", "ornament", "textile", "plant"])
    assert furnished(bare)[1] == []


def test_many_things_get_a_large_room():
    spec = interior(item("chair", 120), item("table", 12), item("shelf", 30))
    plan, placements = furnished(spec)
    check_room(spec, plan, placements)
    assert plan.width > 9


def test_circles_and_impossible_relations_end():
    spec = interior(
        item("chair", 1, "on", "table"), item("table", 1, "on", "chair"), item("bed", 1, "between", "shelf"),
        item("shelf", 3, "left_of", "bed"), item("sofa", 1, "by", "sofa"),
    )  # fmt: skip
    _plan, placements = furnished(spec)
    assert {i.id: len(of(placements, i.id)) for i in spec.items} == {i.id: i.count for i in spec.items}


_NAMES = [
    "table",
    "chair",
    "bed",
    "shelf",
    "sofa",
    "armchair",
    "lamp",
    "rug",
    "picture",
    "book",
    "plant_pot",
    "desk",
    "fireplace",
]


@st.composite
def specs(draw: st.DrawFn) -> SceneSpec:
    names = draw(st.lists(st.sampled_from(_NAMES), max_size=5, unique=True))
    sizes = st.sampled_from([None, None, "small", "large", "tall"])
    items: list[Item] = []
    for n, name in enumerate(names):
        kinds = ["", "", "by", "on", "around", "behind", "left_of", "in_front_of", "under", "between"]
        kind = draw(st.sampled_from(kinds)) if n else ""
        to = [draw(st.sampled_from(names[:n]))] if kind else []
        items.append(item(name, draw(st.integers(1, 4)), kind, *to, size=draw(sizes)))
    return interior(*items, time=draw(st.sampled_from(["noon", "night"])))


@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
@given(specs(), st.integers(0, 3))
def test_any_room_is_sound(spec: SceneSpec, seed: int):
    plan, placements = furnished(spec, seed)
    check_room(spec, plan, placements)
    assert placements == furnish(spec, plan)
    view = start_view(plan, placements)
    assert np.isfinite(view.target).all()


def test_plan_too_small_is_refused():
    with pytest.raises(ValueError, match="too small"):
        furnish(interior(item("bed", 9)), planned(3.0, 3.0, 2.6, 0))


def test_shell_is_closed_but_for_its_windows():
    import open3d as o3d

    spec = interior(item("table"))
    plan = plan_room(spec, np.random.default_rng(0))
    shell = room_shell(plan, spec, np.random.default_rng(0))
    assert set(shell) == {"floor", "wall", "ceiling", "window", "door"}
    whole = join(list(shell.values()))
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(whole.vertices), o3d.core.Tensor(whole.faces.astype(np.uint32)))
    rng = np.random.default_rng(1)
    way = rng.normal(size=(20_000, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    eye = np.tile(np.array([0.1, 0.05, 1.4]), (len(way), 1))
    hit = scene.cast_rays(o3d.core.Tensor(np.concatenate([eye, way], 1).astype(np.float32)))
    t, face = hit["t_hit"].numpy(), hit["primitive_ids"].numpy().astype(np.int64)
    out = ~np.isfinite(t)
    assert 0.01 < out.mean() < 0.15  # light comes in, by the windows only
    met = ~out
    assert (np.einsum("ij,ij->i", whole.normals[face[met]], way[met]) > 1e-6).mean() < 0.002
    w, d = plan.width / 2, plan.depth / 2
    for direction in way[out]:
        reach = min(abs(b / c) for b, c in ((w, direction[0]), (d, direction[1])) if abs(c) > 1e-9)
        z = 1.4 + reach * direction[2]
        assert 0.7 < z < 2.5


@pytest.mark.parametrize("ground", ["wood", "stone", "carpet", "grass"])
def test_shell_repeats(ground: str):
    spec = SceneSpec(place="interior", ground=ground)
    plan = planned(4.5, 3.8, 2.6, 0)
    a, b = (room_shell(plan, spec, np.random.default_rng(4)) for _ in range(2))
    for name in a:
        assert np.array_equal(a[name].vertices, b[name].vertices)
        assert a[name].materials == b[name].materials
