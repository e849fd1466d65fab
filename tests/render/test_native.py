"""The compiled CPU kernels, with every instruction set that runs here: pictures."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from native_cases import Case, assert_equal_bits, cases, images, one_thread, params_of
from render_cases import ahead, cloud, one, stored, view

from splatworld.camera import Camera
from splatworld.errors import UsageError
from splatworld.render import native, reference
from splatworld.render.params import RenderSettings, Sums
from splatworld.splats import Splats, cat, empty

pytestmark = pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))

PLAIN = RenderSettings()
ISAS = native.isas() if native.unavailable() is None else []
CASES = cases()


@cache
def truth(name: str) -> Sums:
    case = CASES[name]
    with one_thread():
        return reference.blend(case.params, case.cameras, case.settings)


def drawn(splats: Splats, cameras: Camera, how: RenderSettings = PLAIN, isa: str = "") -> Sums:
    return native.blend(params_of(splats), cameras, how, isa=isa)


def assert_same_picture(got: Sums, want: Sums) -> None:
    """Equal up to rounding, but for a few pixels at the edge of a splat, where alpha jumps from 1/255 to 0."""
    for name, tolerance in (("rgb", 1e-5), ("alpha", 1e-5), ("depth_sum", 2e-4), ("features", 1e-5)):
        a, b = getattr(got, name), getattr(want, name)
        if b is None:
            assert a is None
            continue
        assert a.shape == b.shape
        off = ((a - b).abs() > tolerance * (1 + b.abs())).any(-1)
        assert off.float().mean() < 2e-3, f"{name}: {int(off.sum())} pixels differ"
        assert ((a - b).abs() <= 0.02 * (1 + b.abs())).all(), name
    # A pixel that settles on another splat is rare.
    assert (got.things != want.things).float().mean() < 2e-3
    assert ((got.median - want.median).abs() > 1e-4).float().mean() < 2e-3
    assert torch.equal(got.skipped, want.skipped)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", CASES)
def test_same_picture_as_the_reference(isa: str, name: str) -> None:
    case, want = CASES[name], truth(name)
    assert want.alpha.mean() > 0.01
    assert want.things.any()
    assert_same_picture(native.blend(case.params, case.cameras, case.settings, isa=isa), want)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", ["tiny_case", "basic_case"])
def test_gsplat_drew_the_same(isa: str, name: str) -> None:
    splats, camera, rgba = stored(name)
    picture = drawn(splats, camera, isa=isa)
    assert torch.allclose(torch.cat([picture.rgb[0], picture.alpha[0]], -1), rgba, atol=5e-6)


@pytest.mark.parametrize("isa", ISAS)
def test_threads_do_not_show(isa: str) -> None:
    case = Case(params_of(cloud(9000, degree=2), torch.rand(9000, 5)), view(200, 130))
    first, *others = (
        images(native.blend(case.params, case.cameras, RenderSettings(threads=n), isa=isa)) for n in (1, 1, 2, 4, 16)
    )
    for other in others:
        assert_equal_bits(first, other)


@pytest.mark.parametrize("isa", ISAS)
def test_equal_depths_keep_the_order_of_the_splats(isa: str) -> None:
    sheets = [one(sigma=(9, 9, 0.1), opacity=0.75, thing=i) for i in range(1, 6)]
    assert (drawn(cat(sheets), ahead(), isa=isa).things == 1).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (17, 3), (5, 64)])
def test_every_image_size(isa: str, width: int, height: int) -> None:
    cameras = ahead(width, height)
    splats = cat([one(opacity=0.99999), one((0.3, 0.1, 3), sigma=(0.5, 0.1, 0.2), thing=9)])
    assert_same_picture(drawn(splats, cameras, isa=isa), reference.blend(params_of(splats), cameras, PLAIN))


def test_nothing_to_draw_and_nobody_to_look() -> None:
    picture = drawn(empty(), view())
    assert picture.rgb.shape == (2, 100, 150, 3)
    assert not any(image.any() for image in images(picture).values())
    nobody = Camera(torch.zeros(0, 4, 4), torch.zeros(0, 3, 3), 8, 4)
    assert drawn(one(), nobody).rgb.shape == (0, 4, 8, 3)


POISON = st.sampled_from(
    [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-38, 1e20, -1e20, 3e38, 88.0, -104.0, 40.0, -40.0]
)


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
    for isa in ISAS:
        for name, image in images(drawn(Splats(**broken), view(40, 30), isa=isa)).items():
            assert image.isfinite().all(), name
            assert (image >= 0).all(), name


@pytest.mark.parametrize("isa", ISAS)
def test_broken_rows_are_counted_and_leave_the_others_alone(isa: str) -> None:
    splats, cameras = cloud(300), view()
    broken = [one((math.nan, 0, 0)), replace(one(), quats=torch.full((1, 4), math.inf)), one(opacity=math.nan)]
    picture = drawn(cat([splats, *broken]), cameras, isa=isa)
    assert picture.skipped.tolist() == [3, 3]
    assert torch.equal(picture.rgb, drawn(splats, cameras, isa=isa).rgb)
    dazzling = replace(one(), sh=torch.full((1, 1, 3), math.inf))
    assert drawn(dazzling, ahead(), isa=isa).skipped.tolist() == [1]


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_poison_cameras_see_nothing_or_something_finite(value: float) -> None:
    for pose, K in [(torch.full((1, 4, 4), value), ahead().Ks), (torch.eye(4)[None], torch.full((1, 3, 3), value))]:
        assert drawn(cloud(50), Camera(pose, K, 20, 10)).rgb.isfinite().all()


@pytest.mark.parametrize("isa", ISAS)
def test_opacities_of_nothing_and_all(isa: str) -> None:
    sheets = [replace(one(sigma=(9, 9, 0.1)), logit_opacities=torch.tensor([x])) for x in (-math.inf, math.inf)]
    assert not drawn(sheets[0], ahead(), isa=isa).alpha.any()
    assert abs(drawn(sheets[1], ahead(), isa=isa).alpha[0, 10, 16, 0].item() - 0.999) < 1e-6


def test_lists_that_outgrow_their_memory_are_made_in_parts() -> None:
    # 40 million entries, more than are held at once.
    n, camera = 20_000, ahead(960, 540, 500.0)
    sheet = one(sigma=(99, 99, 0.1), opacity=0.005)
    picture = drawn(sheet[torch.zeros(n, dtype=torch.long)], camera)
    assert (picture.alpha - picture.alpha[0, 0, 0]).abs().max() < 1e-3
    assert picture.alpha.min() > 0.99


def test_the_widest_image() -> None:
    camera = ahead(16_384, 20, 40.0)
    splats = cat([one(sigma=(900, 9, 0.1), opacity=0.9), one((2 * 8000 / 40, 0, 2), sigma=(1, 1, 1e-4))])
    picture = drawn(splats, camera)
    assert picture.alpha.min() > 0.3
    # The first splat is as bright left as right; the second is at pixel 16,192 of them.
    bright = (picture.alpha[0] - picture.alpha[0].flip(1)).clamp(min=0)[10, :, 0]
    assert abs(int(bright.argmax()) - 16_192) < 10


def test_other_types_and_layouts_are_taken() -> None:
    splats, cameras = cloud(200), view()
    want = drawn(splats, cameras)
    strided = replace(splats, means=splats.means.T.contiguous().T, sh=splats.sh.double())
    got = drawn(strided, replace(cameras, Ks=cameras.Ks.double()))
    assert torch.equal(got.rgb, want.rgb)
    assert torch.equal(got.things, want.things)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("quats", torch.zeros(3, 3)),
        ("log_scales", torch.zeros(2, 3)),
        ("logit_opacities", torch.zeros(3, 1)),
        ("sh", torch.zeros(3, 1, 4)),
        ("features", torch.zeros(2, 4)),
        ("things", torch.zeros(4, dtype=torch.int32)),
    ],
)
def test_wrong_shapes_are_named(name: str, tensor: torch.Tensor) -> None:
    params = params_of(cat([one(), one(), one()]))
    with pytest.raises(UsageError, match=f"{name} is"):
        native.blend(replace(params, **{name: tensor}), ahead(), PLAIN)


@pytest.mark.usefixtures("unchecked")
def test_other_wrong_arguments_are_named() -> None:
    params, camera = params_of(one()), ahead()
    with pytest.raises(ValueError, match="isa must be one of"):
        native.blend(params, camera, PLAIN, isa="abacus")
    with pytest.raises(UsageError, match="absolute must be"):
        native.blend(params, camera, PLAIN, absolute=torch.zeros(1, 2, dtype=torch.float64))
    with pytest.raises(UsageError, match="camera_from_world is"):
        native.blend(params, Camera(torch.eye(3)[None], camera.Ks, 4, 4), PLAIN)
