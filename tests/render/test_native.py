"""The CPU kernels against the reference, on every instruction set that this machine has."""

import functools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from render_cases import ahead, cloud, one, stored, view

from splatworld.camera import Camera
from splatworld.render import Rendering, RenderSettings, native, reference
from splatworld.splats import Splats, cat, empty

pytestmark = pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))
ISAS = native.isas() if native.unavailable() is None else []
PLAIN = RenderSettings()


def assert_same_picture(ours: Rendering, truth: Rendering) -> None:
    """Equal but for rounding.

    A splat whose alpha rounds to the other side of 1/255 is in one picture and not in the other: up to 1/255 of its
    colour, in a few pixels of a thousand. Elsewhere float32 sums of some dozen terms differ by about 1e-6.
    """
    for got, want in ((ours.rgb, truth.rgb), (ours.alpha, truth.alpha)):
        error = (got - want).abs()
        assert error.max() < 0.02
        assert (error > 1e-5).float().mean() < 2e-3
    error = (ours.depth - truth.depth).abs() / (1e-2 + truth.depth)
    assert (error > 1e-4).float().mean() < 2e-3
    assert (ours.things != truth.things).float().mean() < 1e-3
    assert ((ours.median_depth - truth.median_depth).abs() > 1e-4).float().mean() < 1e-3


@functools.cache
def clouds() -> list[tuple[Splats, Rendering]]:
    """Splats of several sizes and degrees, the last thin as paper, with the reference's pictures from `view()`."""
    scenes = [cloud(700, degree=0, size=0.3), cloud(1500, degree=3, size=0.1), cloud(1500, degree=4, size=0.02)]
    scenes.append(replace(scenes[1], logit_opacities=scenes[1].logit_opacities + 9))  # alpha at its clamp
    paper = cloud(500, size=0.4)
    scenes.append(replace(paper, log_scales=paper.log_scales + torch.tensor([0.0, 0.0, -12.0])))
    return [(splats, reference.rasterize(splats, view(), PLAIN)) for splats in scenes]


@pytest.mark.parametrize("isa", ISAS)
def test_same_picture_as_the_reference(isa: str) -> None:
    for splats, truth in clouds():
        assert truth.alpha.mean() > 0.02
        assert truth.things.any()
        assert_same_picture(native.rasterize(splats, view(), PLAIN, isa=isa), truth)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", ["tiny_case", "basic_case"])
def test_gsplat_drew_the_same(isa: str, name: str) -> None:
    splats, camera, rgba = stored(name)
    picture = native.rasterize(splats, camera, PLAIN, isa=isa)
    assert torch.allclose(torch.cat([picture.rgb[0], picture.alpha[0]], -1), rgba, atol=1e-5)


@pytest.mark.parametrize("isa", ISAS)
def test_threads_do_not_show(isa: str) -> None:
    splats, cameras = cloud(9000, degree=2), view(200, 130)
    first, *others = (native.rasterize(splats, cameras, RenderSettings(threads=n), isa=isa) for n in (1, 2, 5, 16))
    for other in others:
        for name in ("rgb", "alpha", "depth", "median_depth", "things"):
            assert torch.equal(getattr(first, name), getattr(other, name))


@pytest.mark.parametrize("isa", ISAS)
def test_equal_depths_keep_the_order_of_the_splats(isa: str) -> None:
    sheets = [one(sigma=(9, 9, 0.1), opacity=0.75, thing=i) for i in range(1, 6)]
    picture = native.rasterize(cat(sheets), ahead(), PLAIN, isa=isa)
    assert (picture.things == 1).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (17, 3), (5, 64)])
def test_every_image_size(isa: str, width: int, height: int) -> None:
    cameras = ahead(width, height)
    splats = cat([one(opacity=0.99999), one((0.3, 0.1, 3), sigma=(0.5, 0.1, 0.2), thing=9)])
    assert_same_picture(native.rasterize(splats, cameras, PLAIN, isa=isa), reference.rasterize(splats, cameras, PLAIN))


def test_nothing_to_draw_and_nobody_to_look() -> None:
    picture = native.rasterize(empty(), view(), PLAIN)
    assert picture.rgb.shape == (2, 100, 150, 3)
    assert not any(getattr(picture, name).any() for name in ("rgb", "alpha", "depth", "median_depth", "things"))
    nobody = Camera(torch.zeros(0, 4, 4), torch.zeros(0, 3, 3), 8, 4)
    assert native.rasterize(one(), nobody, PLAIN).rgb.shape == (0, 4, 8, 3)


POISON = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-38, 1e20, -1e20, 3e38, 88.0, -104.0, 1.0])


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_poison_gives_a_finite_picture(data: st.DataObject) -> None:
    healthy = cloud(8, size=0.5)
    broken = {}
    for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
        tensor = getattr(healthy, name).clone()
        for index in data.draw(st.lists(st.integers(0, tensor.numel() - 1), max_size=6), label=name):
            tensor.view(-1)[index] = data.draw(POISON)
        broken[name] = tensor
    splats, cameras = Splats(**broken), view(40, 30)
    pictures = [native.rasterize(splats, cameras, PLAIN, isa=isa) for isa in ISAS]
    for picture in [*pictures, reference.rasterize(splats, cameras, PLAIN)]:
        for name in ("rgb", "alpha", "depth", "median_depth"):
            values = getattr(picture, name)
            assert values.isfinite().all(), name
            assert (values >= 0).all(), name
        assert (picture.alpha <= 1).all()


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_poison_cameras_see_nothing_or_something_finite(value: float) -> None:
    for pose, K in [(torch.full((1, 4, 4), value), ahead().Ks), (torch.eye(4)[None], torch.full((1, 3, 3), value))]:
        camera = Camera(pose, K, 20, 10)
        assert native.rasterize(cloud(50), camera, PLAIN).rgb.isfinite().all()
        assert reference.rasterize(cloud(50), camera, PLAIN).rgb.isfinite().all()


def test_one_broken_splat_leaves_the_others_alone() -> None:
    splats, cameras = cloud(300), view()
    broken = cat([splats, one((math.nan, 0, 0)), replace(one(), sh=torch.full((1, 1, 3), math.inf))])
    assert torch.equal(native.rasterize(broken, cameras, PLAIN).rgb, native.rasterize(splats, cameras, PLAIN).rgb)


def test_lists_that_outgrow_their_memory_are_made_in_parts() -> None:
    # 40 million entries, more than are held at once.
    n, camera = 20_000, ahead(960, 540, 500.0)
    sheet = one(sigma=(99, 99, 0.1), opacity=0.005)
    rows = torch.zeros(n, dtype=torch.long)
    picture = native.rasterize(sheet[rows], camera, PLAIN)
    assert (picture.alpha - picture.alpha[0, 0, 0]).abs().max() < 1e-3
    assert picture.alpha.min() > 0.99


def test_other_types_and_layouts_are_taken() -> None:
    splats, cameras = cloud(200), view()
    want = native.rasterize(splats, cameras, PLAIN)
    strided = replace(splats, means=splats.means.T.contiguous().T, sh=splats.sh.double())
    wide = strided.with_extras(thing=splats.extras["thing"].long())
    got = native.rasterize(wide, cameras, PLAIN)
    assert torch.equal(got.rgb, want.rgb)
    assert torch.equal(got.things, want.things)
