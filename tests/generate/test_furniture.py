"""Every class of furniture builds: sound, the right size, closed and cheap."""

import time

import numpy as np
import pytest

from splatworld.generate.procedural.catalogue import Request, ThingClass
from splatworld.generate.procedural.things import decor, furniture, hearth, seats, storage, tableware
from splatworld.palette import linear

ROWS = [row for family in (furniture, seats, storage, hearth, decor, tableware) for row in family.CLASSES]
FACES_MAX = 1_750


def built(row: ThingClass, seed: int = 0, **wish: object):
    return row.build(Request(row.name, **wish), np.random.default_rng(seed))


def same(a, b) -> bool:
    return np.array_equal(a.vertices, b.vertices) and np.array_equal(a.faces, b.faces) and a.materials == b.materials


@pytest.fixture(params=ROWS, ids=lambda r: r.name)
def row(request: pytest.FixtureRequest) -> ThingClass:
    return request.param


@pytest.mark.parametrize(
    "wish", [{}, {"night": True}, {"size": 0.75}, {"tall": 1.5}, {"material": "stone", "size": 1.4}], ids=str
)
def test_stands_on_the_floor_with_its_promised_measures(row: ThingClass, wish: dict):
    size, tall = wish.get("size", 1.0), wish.get("tall", 1.0)
    for seed in range(2):
        shape = built(row, seed, **wish)
        lo, hi = shape.bounds
        assert np.isfinite(shape.vertices).all()
        assert (shape.areas > 1e-12).all()
        assert len(shape.faces) <= FACES_MAX * (1.5 if tall > 1 else 1)
        assert abs(lo[2]) < 0.006 * size * tall
        assert 0.8 < hi[2] / (row.height * size * tall) < 1.2
        assert np.hypot(shape.vertices[:, 0], shape.vertices[:, 1]).max() <= 1.15 * row.footprint * size


def test_same_seed_same_shape(row: ThingClass):
    assert same(built(row, 5), built(row, 5))


def test_is_closed(row: ThingClass):
    import open3d as o3d

    shape = built(row)
    solid = [not m.translucency or m.name in ("linen", "wax", "cloth") for m in shape.materials]
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(shape.vertices), o3d.core.Tensor(shape.faces.astype(np.uint32)))
    lo, hi = shape.bounds
    rng = np.random.default_rng(3)
    aim = rng.uniform(lo, hi, (4000, 3))
    away = rng.normal(size=(4000, 3))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    start = aim + away * 2 * np.linalg.norm(hi - lo)
    hit = scene.cast_rays(o3d.core.Tensor(np.concatenate([start, -away], 1).astype(np.float32)))
    met = np.isfinite(hit["t_hit"].numpy())
    face = hit["primitive_ids"].numpy()[met].astype(np.int64)
    opaque = np.array(solid)[shape.material[face]]
    back = np.einsum("ij,ij->i", shape.normals[face], -away[met]) > 1e-6
    assert met.any()
    assert (back & opaque).sum() < 0.01 * max(1, opaque.sum())


def test_colour_paints_what_shows(row: ThingClass):
    plain, red = built(row), built(row, colour=linear("red"))

    def share(shape) -> float:
        """Of the surface that is redder than green and blue together."""
        reddish = np.array([m.colour[0] > 1.5 * (m.colour[1] + m.colour[2]) for m in shape.materials])
        return float(shape.areas[reddish[shape.material]].sum() / shape.areas.sum())

    assert share(red) > 0.12
    assert np.array_equal(plain.vertices, red.vertices)


def test_lamps_shine_at_night_only():
    for row in tableware.CLASSES:
        if "lamp" in row.kinds:
            assert not built(row).lights
            assert built(row, night=True).lights
            assert max(max(m.emission) for m in built(row, night=True).materials) > 1


@pytest.mark.parametrize("name", ["fireplace", "stove", "candle"])
def test_fires_always_shine(name: str):
    row = next(r for r in ROWS if r.name == name)
    light = built(row, size=2.0).lights[0]
    assert light.power > 0
    assert light.position[2] == pytest.approx(2 * built(row).lights[0].position[2])


def test_a_taller_bookcase_has_more_boards_not_longer_books():
    row = next(r for r in ROWS if r.name == "shelf")
    assert len(built(row, tall=1.5).faces) > 1.3 * len(built(row).faces)


def test_builds_fast():
    for row in ROWS:
        built(row)
    start = time.perf_counter()
    for row in ROWS:
        built(row, 1)
    assert (time.perf_counter() - start) / len(ROWS) < 0.1


def test_words_are_unique():
    words = [w for row in ROWS for w in row.words]
    assert len(words) == len(set(words))
    assert all(row.name.replace("_", " ") in row.words for row in ROWS)
