"""What a picture shows, by hand-made cases that every backend must draw alike."""

import math
from dataclasses import replace

import hypothesis
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from render_cases import BACKENDS, ahead, cloud, drawn, one, view
from torch import Tensor

from splatworld.camera import Camera, Lens, look_at
from splatworld.render.conventions import PROFILES
from splatworld.splats import Splats, cat, empty

pytestmark = pytest.mark.parametrize("backend", BACKENDS)

MIDDLE = (0, 10, 16)
"""The middle pixel of `ahead()`, whose centre is on the axis."""


def sheet(z: float = 2, **options: object) -> Splats:
    """As wide as the image."""
    return one((0, 0, z), sigma=(9, 9, 0.1), **options)


def test_front_hides_back(backend: str) -> None:
    front, back = sheet(2, opacity=0.75, rgb=(1, 0, 0), thing=1), sheet(4, opacity=0.8, rgb=(0, 1, 0), thing=2)
    picture = drawn(backend, cat([back, front]), ahead())
    assert torch.allclose(picture.rgb[MIDDLE], torch.tensor([0.75, 0.25 * 0.8, 0]), atol=1e-5)
    assert torch.allclose(picture.alpha[MIDDLE], torch.tensor([0.95]), atol=1e-5)
    assert torch.allclose(picture.depth[MIDDLE], torch.tensor([(0.75 * 2 + 0.2 * 4) / 0.95]), atol=1e-4)
    assert picture.things[MIDDLE] == 1


def test_median_is_where_transmittance_reaches_a_half(backend: str) -> None:
    picture = drawn(backend, cat([sheet(z, opacity=0.3, thing=z) for z in (2, 3, 4)]), ahead())
    assert picture.things[MIDDLE] == 3  # 0.7, then 0.49
    assert picture.median_depth[MIDDLE] == 3


def test_pixel_stops_before_the_splat_that_ends_it(backend: str) -> None:
    sheets = [one((0, 0, z), sigma=(99, 99, 0.1), opacity=0.995, rgb=(1, 1, 1)) for z in (2, 3, 4)]
    picture = drawn(backend, cat(sheets), ahead())
    # 0.005, then 2.5e-5 <= 1e-4: the second sheet is not blended, nor is the third.
    assert abs(picture.alpha[MIDDLE].item() - 0.995) < 1e-5


@pytest.mark.parametrize(("profile", "most"), [("gsplat", 0.999), ("gsplat16", 0.99), ("inria", 0.99)])
def test_nothing_is_fully_opaque(backend: str, profile: str, most: float) -> None:
    picture = drawn(backend, sheet(opacity=0.99999), ahead(), profile=profile)
    assert abs(picture.alpha[MIDDLE].item() - most) < 1e-6


def test_inria_cuts_tails_at_whole_tiles(backend: str) -> None:
    # sigma 30 px, so its square reaches ceil(3 sqrt(900.3 + sqrt(0.1))) = 91 px from 107.5: columns 16 to 207 as tiles.
    splats, camera = one(sigma=(1.5, 1.5, 0.1), opacity=0.99), ahead(215, 215)
    inria, gsplat = (drawn(backend, splats, camera, profile=name).alpha[0, 107, :, 0] for name in ("inria", "gsplat16"))
    tail = 0.99 * math.exp(-0.5 * 92**2 / 900.3)
    assert tail > 2 / 255
    assert abs(gsplat[15].item() - tail) < 1e-4
    assert inria[:16].max() == 0
    assert torch.allclose(inria[16:], gsplat[16:], atol=1e-6)


def test_antialiasing_dims_by_the_area_that_the_dilation_adds(backend: str) -> None:
    # 0.5 px wide, 0.25 px high: variances 0.25 and 0.0625, dilated by 0.3.
    splats = one(sigma=(0.025, 0.0125, 0.1), opacity=0.9)
    dim = math.sqrt(0.25 * 0.0625 / (0.55 * 0.3625))
    assert abs(drawn(backend, splats, ahead(), antialiased=True).alpha[MIDDLE].item() - 0.9 * dim) < 1e-6
    assert abs(drawn(backend, splats, ahead()).alpha[MIDDLE].item() - 0.9) < 1e-6
    wider = math.sqrt(0.25 * 0.0625 / (1.25 * 1.0625))
    got = drawn(backend, splats, ahead(), antialiased=True, dilation=1.0).alpha[MIDDLE].item()
    assert abs(got - 0.9 * wider) < 1e-6


def test_some_profiles_dim_no_further_than_a_floor(backend: str) -> None:
    speck = one(sigma=(1e-5, 1e-5, 1e-5), opacity=0.9)
    assert drawn(backend, speck, ahead(), antialiased=True).alpha.max() == 0
    floored = drawn(backend, speck, ahead(), antialiased=True, profile="gsplat16").alpha
    assert abs(floored[MIDDLE].item() - 0.9 * 0.005) < 1e-6


@pytest.mark.parametrize(
    ("z", "settings", "shown"),
    [
        (0.1, {}, True),
        (0.1, {"profile": "inria"}, False),
        (0.3, {"profile": "inria"}, True),
        (0.1, {"profile": "inria", "near": 0.05}, True),
        (2.0, {"near": 2.5}, False),
        (2.0, {"far": 1.5}, False),
        (-2.0, {}, False),
        (0.0, {"near": 0.0}, False),
    ],
)
def test_only_what_lies_between_near_and_far_is_drawn(
    backend: str, z: float, settings: dict[str, object], shown: bool
) -> None:
    assert bool(drawn(backend, one((0, 0, z)), ahead(), **settings).alpha.any()) == shown


def test_small_splats_can_be_left_out(backend: str) -> None:
    # alpha falls to 1/255 at sqrt(2 ln(0.6 * 255)) = 3.17 sigma of sqrt(4.3) px: at 6.58 px, so 7.
    assert drawn(backend, one(), ahead(), radius_clip=6.9).alpha.any()
    assert not drawn(backend, one(), ahead(), radius_clip=7.0).alpha.any()


def test_fewer_bands_can_be_evaluated(backend: str) -> None:
    splats, cameras = cloud(200, degree=3, size=0.3), view(60, 40)
    cut, whole = drawn(backend, splats, cameras, sh_degree=1), drawn(backend, splats, cameras)
    assert torch.equal(cut.rgb, drawn(backend, splats.with_degree(1), cameras).rgb)
    assert not torch.equal(cut.rgb, whole.rgb)
    assert torch.equal(drawn(backend, splats, cameras, sh_degree=4).rgb, whole.rgb)


@pytest.mark.parametrize(
    ("lens", "mean", "pixel"),
    [
        ("pinhole", (1.0, 0.5, 2.0), (60.5, 40.5)),  # 40 * 1/2, 40 * 0.5/2
        ("orthographic", (0.5, 0.25, 2.0), (60.5, 40.5)),  # 40 px a metre
        ("fisheye", (2.0, 0.0, 2.0), (40.5 + 40 * math.pi / 4, 30.5)),
        ("fisheye", (0.0, 0.6, 0.8), (40.5, 30.5 + 40 * math.atan2(0.6, 0.8))),
    ],
)
def test_lenses(backend: str, lens: Lens, mean: tuple[float, float, float], pixel: tuple[float, float]) -> None:
    alpha = drawn(backend, one(mean, sigma=(0.05, 0.05, 0.05)), ahead(81, 61, lens=lens)).alpha[0, ..., 0]
    ys, xs = torch.meshgrid(torch.arange(61) + 0.5, torch.arange(81) + 0.5, indexing="ij")
    middle = torch.stack([(alpha * xs).sum(), (alpha * ys).sum()]) / alpha.sum()
    assert torch.allclose(middle, torch.tensor(pixel), atol=0.1)


def test_rays_go_where_the_lens_sees(backend: str) -> None:
    for lens in ("pinhole", "orthographic", "fisheye"):
        eye = look_at([(1, -3, 2)], [(0, 0, 0)], width=81, height=61)
        K = torch.tensor([[[30.0, 0, 40.5], [0, 30, 30.5], [0, 0, 1]]])
        camera = Camera(eye.camera_from_world, K, 81, 61, lens)
        origins, directions = camera.rays()
        mean = origins[0, 20, 60] + 3 * directions[0, 20, 60]
        alpha = drawn(backend, one(tuple(mean.tolist()), sigma=(0.02, 0.02, 0.02)), camera).alpha[0, ..., 0]
        assert alpha.argmax() == 20 * 81 + 60


def test_features_are_blended_like_colours(backend: str) -> None:
    splats, cameras = cloud(300, degree=0, size=0.3), view(60, 40)
    rgb = splats.colours.clamp(min=0)
    for channels in (1, 3, 4, 9):
        features = rgb.repeat(1, 3)[:, :channels]
        picture = drawn(backend, splats, cameras, features=features)
        assert picture.features is not None
        assert picture.features.shape == (2, 40, 60, channels)
        assert torch.allclose(picture.features, picture.rgb.repeat(1, 1, 1, 3)[..., :channels], atol=1e-5)
    assert drawn(backend, splats, cameras).features is None


def test_normals_are_the_shortest_axes_turned_to_the_camera(backend: str) -> None:
    plate = one(sigma=(9, 9, 0.001), opacity=0.9)
    for settings in ({}, {"features": torch.ones(1, 2)}):
        picture = drawn(backend, plate, ahead(), normals=True, **settings)
        assert picture.normals is not None
        assert torch.allclose(picture.normals[MIDDLE], torch.tensor([0, 0, -0.9]), atol=1e-5)
    behind = look_at([(0, 0.01, 5)], [(0, 0, 2)], width=33, height=21, up=(0, 1, 0))
    both = Camera(torch.cat([ahead().camera_from_world, behind.camera_from_world]), ahead().Ks.repeat(2, 1, 1), 33, 21)
    picture = drawn(backend, plate, both, normals=True)
    assert picture.normals is not None
    assert torch.allclose(picture.normals[:, 10, 16, 2], torch.tensor([-0.9, 0.9]), atol=1e-2)
    stored = plate.with_extras(normal=torch.tensor([[0.0, 1, 0]]))
    normals = drawn(backend, stored, ahead(), normals=True).normals
    assert normals is not None
    assert torch.allclose(normals[MIDDLE], torch.tensor([0, 0.9, 0]), atol=1e-5)


@pytest.mark.parametrize(
    "background",
    [(0.25, 0.5, 1.0), torch.tensor([0.25, 0.5, 1.0]), torch.tensor([[0.25, 0.5, 1.0], [1, 0, 0]])],
    ids=["tuple", "tensor", "one per camera"],
)
def test_background_shows_where_nothing_is(backend: str, background: tuple[float, float, float] | Tensor) -> None:
    behind = torch.as_tensor(background).expand(2, 3)[:, None, None]
    nothing = drawn(backend, empty(), view(), background=background)
    assert torch.equal(nothing.rgb, behind.expand(2, 100, 150, 3))
    over, black = (drawn(backend, cloud(50, size=0.3), view(), **how) for how in ({"background": background}, {}))
    assert torch.allclose(over.rgb, black.rgb + (1 - black.alpha) * behind, atol=1e-6)


def test_nothing_to_draw_and_nobody_to_look(backend: str) -> None:
    picture = drawn(backend, empty(3), view(), normals=True)
    assert picture.rgb.shape == (2, 100, 150, 3)
    assert picture.skipped.tolist() == [0, 0]
    names = ("rgb", "alpha", "depth", "median_depth", "things", "normals")
    assert not any(getattr(picture, name).any() for name in names)
    nobody = Camera(torch.zeros(0, 4, 4), torch.zeros(0, 3, 3), 8, 4)
    picture = drawn(backend, one(), nobody, normals=True, features=torch.ones(1, 2))
    assert picture.rgb.shape == (0, 4, 8, 3)
    assert picture.features is not None
    assert picture.features.shape == (0, 4, 8, 2)
    assert picture.skipped.shape == (0,)


def test_what_is_not_finite_is_left_out_and_counted(backend: str) -> None:
    good = cloud(300)
    fields = {"means": math.nan, "quats": math.inf, "log_scales": -math.inf, "logit_opacities": math.nan}
    broken = [replace(one(), **{name: torch.full_like(getattr(one(), name), x)}) for name, x in fields.items()]
    colourless = replace(one((0, 0, 1)), sh=torch.full((1, 1, 3), math.inf))
    out_of_sight = replace(one((0, 0, 1e6)), sh=torch.full((1, 1, 3), math.inf))
    picture = drawn(backend, cat([*broken[:2], good, colourless, *broken[2:], out_of_sight]), view())
    assert torch.equal(picture.rgb, drawn(backend, good, view()).rgb)
    assert picture.skipped.tolist() == [5, 5]


def test_rows_that_are_finite_but_odd_are_drawn_as_documented(backend: str) -> None:
    plain = drawn(backend, one(), ahead())
    turned = replace(one(), quats=torch.zeros(1, 4))
    assert torch.equal(drawn(backend, turned, ahead()).rgb, plain.rgb)  # zero quaternion: no rotation
    opaque = replace(sheet(), logit_opacities=torch.tensor([math.inf]))
    assert abs(drawn(backend, opaque, ahead()).alpha[MIDDLE].item() - 0.999) < 1e-6
    absent = replace(one(), logit_opacities=torch.tensor([-math.inf]))
    assert not drawn(backend, absent, ahead()).alpha.any()
    point = replace(one(), log_scales=torch.full((1, 3), -40.0))
    assert abs(drawn(backend, point, ahead()).alpha[MIDDLE].item() - 0.6) < 1e-6
    universe = replace(one(), log_scales=torch.full((1, 3), 40.0))
    for odd in (turned, opaque, absent, point, universe):
        picture = drawn(backend, odd, ahead())
        assert picture.rgb.isfinite().all()
        assert picture.skipped.tolist() == [0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_camera_that_is_not_finite_sees_nothing(backend: str, value: float) -> None:
    sound = ahead()
    for pose, Ks in [(torch.full((1, 4, 4), value), sound.Ks), (sound.camera_from_world, sound.Ks * value)]:
        picture = drawn(backend, one(), Camera(pose, Ks, 33, 21))
        assert not picture.alpha.any()
        assert not picture.rgb.any()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (17, 3), (5, 64), (16_384, 2), (2, 16_384)])
def test_every_image_size(backend: str, width: int, height: int) -> None:
    picture = drawn(backend, one(sigma=(0.5, 0.5, 0.5)), ahead(width, height))
    assert picture.rgb.shape == (1, height, width, 3)
    assert picture.alpha.max() > 0.5


def test_layout_in_memory_does_not_show(backend: str) -> None:
    splats = cloud(200)
    odd = replace(splats, means=splats.means.T.contiguous().T, sh=splats.sh.repeat_interleave(2, 0)[::2])
    odd = odd.with_extras(thing=splats.extras["thing"].long())
    assert not odd.means.is_contiguous()
    got, want = drawn(backend, odd, view()), drawn(backend, splats, view())
    assert torch.equal(got.rgb, want.rgb)
    assert torch.equal(got.things, want.things)


@pytest.mark.parametrize("name", ["means", "quats", "log_scales", "logit_opacities", "sh"])
def test_gradients_of_rows_that_are_not_drawn_are_zero_and_others_finite(backend: str, name: str) -> None:
    rows = [one(), one((math.nan, 0, 2)), one((0, 0, -1)), one(opacity=0.5), one((50, 0, 2)), one((0, 0, 1e-20))]
    splats = cat(rows)
    leaf = getattr(splats, name).clone().requires_grad_()
    picture = drawn(backend, replace(splats, **{name: leaf}), ahead(), normals=True)
    assert picture.normals is not None
    (picture.rgb.sum() + picture.depth.sum() + picture.normals.sum()).backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()
    size = leaf.grad.flatten(1).abs().sum(1) if leaf.ndim > 1 else leaf.grad.abs()
    assert size[[1, 2, 4, 5]].max() == 0
    assert size[[0, 3]].min() > 0


def test_a_picture_of_nothing_has_gradients_of_zero(backend: str) -> None:
    splats, cameras = one((0, 0, -5)), ahead()
    leaves = [t.requires_grad_() for t in (splats.means, splats.quats, splats.sh, cameras.camera_from_world)]
    picture = drawn(backend, splats, cameras)
    for grad in torch.autograd.grad(picture.rgb.sum() + picture.depth.sum(), leaves):
        assert not grad.any()


FINITE = st.sampled_from([0.0, -0.0, 1e-45, 1e-20, 1e20, -1e20, 3e38, -3e38, 88.0, 40.0, -40.0, -104.0, 1.0])


@given(data=st.data())
@hypothesis.settings(max_examples=40, deadline=None)
def test_whatever_is_finite_gives_finite_pictures_and_gradients(backend: str, data: st.DataObject) -> None:
    healthy, cameras = cloud(8, size=0.5), view(40, 30)
    leaves = {}
    for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
        tensor = getattr(healthy, name).clone()
        for index in data.draw(st.lists(st.integers(0, tensor.numel() - 1), max_size=6), label=name):
            tensor.view(-1)[index] = data.draw(FINITE)
        leaves[name] = tensor.requires_grad_()
    pose = cameras.camera_from_world.requires_grad_()
    choices = {"antialiased": [False, True], "profile": PROFILES, "near": [None, 0.0], "dilation": [0.3, 0.0]}
    settings = {name: data.draw(st.sampled_from(list(values)), label=name) for name, values in choices.items()}
    lens = data.draw(st.sampled_from(["pinhole", "orthographic", "fisheye"]))
    picture = drawn(backend, Splats(**leaves), replace(cameras, lens=lens), **settings)
    for name in ("rgb", "alpha", "depth", "median_depth"):
        assert getattr(picture, name).isfinite().all(), name
    # A loss need not be so careful; one that overflows by itself is not our matter.
    (picture.rgb.clamp(max=10).sum() + picture.alpha.sum() + picture.depth.clamp(max=100).sum()).backward()
    for name, leaf in [*leaves.items(), ("camera_from_world", pose)]:
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all(), name


@pytest.mark.parametrize("log_scale", [-104.0, -40.0, 40.0, 88.0])
@pytest.mark.parametrize("mean", [(0, 0, 2), (0, 0, 0), (1e20, 0, 2), (1e9, 1e9, 1e9)])
def test_extremes_give_finite_gradients(backend: str, log_scale: float, mean: tuple[float, float, float]) -> None:
    for lens in ("pinhole", "orthographic", "fisheye"):
        for settings in ({"profile": "gsplat16"}, {"dilation": 0.0, "near": 0.0}):
            splats = replace(one(mean, opacity=0.9), log_scales=torch.tensor([[log_scale, 0.0, -3.0]]))
            leaves = [t.requires_grad_() for t in (splats.means, splats.quats, splats.log_scales)]
            picture = drawn(backend, splats, ahead(lens=lens), antialiased=True, **settings)
            for grad in torch.autograd.grad(picture.rgb.sum() + picture.depth.sum(), leaves):
                assert grad.isfinite().all()


@pytest.mark.parametrize("log_scale", [15.0, 20.0, 30.0])
def test_gradients_of_a_splat_as_long_as_the_world(backend: str, log_scale: float) -> None:
    """Against the reference in double: no square of its length may overflow on the way back."""
    splats = cloud(40, size=0.3, degree=0)
    log_scales = splats.log_scales.clone()
    log_scales[3, 0] = log_scale
    grads = {}
    for name, dtype in ((backend, torch.float32), ("reference", torch.float64)):
        leaves = [t.to(dtype).requires_grad_() for t in (splats.means, splats.quats, log_scales)]
        rest = [t.to(dtype) for t in (splats.logit_opacities, splats.sh)]
        picture = drawn(name, Splats(*leaves, *rest), view()[0])
        pull = torch.linspace(-1, 1, picture.rgb.numel()).reshape(picture.rgb.shape).to(picture.rgb)
        grads[dtype] = torch.autograd.grad((picture.rgb * pull).sum(), leaves)
    for found, true in zip(grads[torch.float32], grads[torch.float64], strict=True):
        assert (found[3].double() - true[3]).norm() < 1e-4 * true[3].norm()


def test_rows_left_out_get_no_gradient_through_their_normals(backend: str) -> None:
    quats = cloud(6).quats.clone()
    quats[2] = math.nan
    quats.requires_grad_()
    picture = drawn(backend, replace(cloud(6), quats=quats), view(), normals=True)
    assert picture.skipped.tolist() == [1, 1]
    assert picture.normals is not None
    (grad,) = torch.autograd.grad(picture.normals.sum() + picture.rgb.sum(), [quats])
    assert grad.isfinite().all()
    assert not grad[2].any()
    assert grad.any()


def test_no_splats_have_gradients_too(backend: str) -> None:
    means = empty().means.clone().requires_grad_()
    picture = drawn(backend, replace(empty(), means=means), ahead(), normals=True)
    assert picture.normals is not None
    if picture.normals.requires_grad:
        assert torch.autograd.grad(picture.normals.sum(), [means])[0].shape == (0, 3)
