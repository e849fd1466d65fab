"""Surfels: even, as many as counted, on their surface and not beyond its edges; leaves keep their area."""

import numpy as np
import pytest

from splatworld.discs import HALF_OPAQUE
from splatworld.generate.procedural import leaves
from splatworld.generate.procedural.catalogue import Request, classes
from splatworld.generate.procedural.materials import PATTERNS, Material, albedo
from splatworld.generate.procedural.sample import count, sample
from splatworld.generate.procedural.shape import Shape, ball, box, cards, join, lathe, tube

WOOD = Material("wood", (0.3, 0.2, 0.1), "planks", 0.2)
LEAF = Material("leaf", (0.1, 0.2, 0.05), "leaf", 0.5, translucency=0.4)
STROKES = {
    "box": lambda: box((1, 2, 3), WOOD, bottom=True),
    "lathe": lambda: lathe([(0.01, 0), (1, 0.5), (0.01, 1)], WOOD),
    "tube": lambda: tube(np.array([[0, 0, 0], [0, 0, 1], [0, 0.4, 2.0]]), [0.3, 0.2, 0.1], WOOD),
    "ball": lambda: ball(1.0, WOOD),
}


@pytest.mark.parametrize("stroke", STROKES)
def test_strokes_face_outwards(stroke: str) -> None:
    shape = STROKES[stroke]()
    away = shape.triangles.mean(1) - shape.vertices.mean(0)
    assert ((shape.normals * away).sum(1) > 0).mean() > 0.98


def test_cards_face_where_they_were_told() -> None:
    shape = cards(np.zeros((3, 3)), np.eye(3)[[0, 0, 1]], np.eye(3)[[2, 2, 2]], 1.0, 0.5, LEAF)
    assert np.allclose(shape.normals, [0, 0, 1], atol=1e-6)
    assert shape.areas.sum() == pytest.approx(3 * 0.25)


def test_samples_are_even_and_as_many_as_counted() -> None:
    shape = box((4, 4, 0.5), WOOD)
    surfels = sample(shape, 0.1, np.random.default_rng(0))
    assert 0.7 * count(shape, 0.1) < len(surfels) <= count(shape, 0.1) + 1
    from scipy.spatial import KDTree

    top = surfels.points[surfels.normals[:, 2] > 0.9]
    gaps = KDTree(top).query(top, k=2)[0][:, 1]
    assert gaps.min() > 0.03
    assert gaps.std() / gaps.mean() < 0.35


def test_discs_end_where_the_surface_ends() -> None:
    surfels = sample(box((1, 1, 1), WOOD), 0.15, np.random.default_rng(1))
    across = np.cross(surfels.normals, surfels.grain)
    for axis, direction in enumerate((surfels.grain, across)):
        for sign in (-1, 1):
            tips = surfels.points + sign * HALF_OPAQUE * surfels.sigmas[:, axis : axis + 1] * direction
            assert np.quantile(np.abs(tips).max(1), 0.98) < 0.5 + 0.06


def test_thin_bars_get_slim_splats() -> None:
    surfels = sample(box((0.04, 3.0, 0.04), WOOD), 0.2, np.random.default_rng(2))
    assert np.median(surfels.sigmas[:, 1]) < 0.03
    assert np.median(surfels.sigmas[:, 0] / surfels.sigmas[:, 1]) > 1.5


@pytest.mark.parametrize("spacing", [0.05, 0.2, 0.6])
def test_far_crowns_keep_the_area_of_their_leaves(spacing: float) -> None:
    pine = classes()["pine"].build(Request("pine"), np.random.default_rng(1))
    shown, surfels = leaves.shown(pine, spacing, np.random.default_rng(0))

    def area(shape: Shape) -> float:
        alone = np.bincount(shape.faces.ravel())[shape.faces].sum(1) == 3
        return float(shape.areas[alone].sum())

    assert area(shown) == pytest.approx(leaves.FULLER**2 * area(pine), rel=0.15)
    assert len(shown.faces) <= len(pine.faces)
    assert 0.6 * leaves.count(pine, spacing) < len(surfels) < 1.4 * leaves.count(pine, spacing)
    assert np.isfinite(surfels.points).all()
    assert (surfels.sigmas > 0).all()


def test_joined_shapes_share_materials() -> None:
    both = join([box((1, 1, 1), WOOD), box((1, 1, 1), WOOD), ball(1, LEAF)])
    assert both.materials == (WOOD, LEAF)
    assert len(both.faces) == 24 + 320


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_colour_around_their_mean(pattern: str) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-3, 3, (3_000, 3)).astype(np.float32)
    normals = rng.normal(size=(3_000, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    colour = albedo(Material("x", (0.3, 0.3, 0.3), pattern, 0.4), points, normals, seed=1)
    assert colour.min() >= 0
    assert colour.max() <= 0.95
    assert 0.15 < colour.mean() < 0.5
    assert colour.std() > 0.01
