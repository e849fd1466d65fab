"""`rasterization` takes gsplat's arguments and gives gsplat's shapes; the backend "gsplat" goes the other way."""

import functools
import inspect
from typing import Any

import pytest
import torch
from render_cases import BACKENDS, ahead, cloud, one, stored, view
from torch import Tensor

import splatworld
from splatworld.camera import Camera
from splatworld.errors import BackendError, UsageError
from splatworld.render import RenderSettings, blend, gsplat, rasterization, render
from splatworld.render.params import Params
from splatworld.splats import Splats

rasterize = rasterization.rasterization
CAMERAS = view(60, 40)


def core(splats: Splats) -> tuple[Tensor, ...]:
    return splats.means, splats.quats, splats.scales, splats.opacities


def on_screen(cameras: Camera = CAMERAS) -> tuple[Tensor, Tensor, int, int]:
    return cameras.camera_from_world, cameras.Ks, cameras.width, cameras.height


def test_it_is_public_and_has_the_order_of_gsplat() -> None:
    assert splatworld.rasterization is rasterize
    theirs = inspect.signature(pytest.importorskip("gsplat").rasterization).parameters
    ours = inspect.signature(rasterize).parameters
    shared = [name for name in theirs if name in ours]
    assert list(ours)[: len(shared)] == shared == list(theirs)[: len(shared)]
    assert all(ours[name].default == theirs[name].default for name in shared)
    assert set(theirs) - set(shared) == rasterization._BEYOND


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "cuda"])
@pytest.mark.parametrize("name", ["tiny_case", "basic_case"])
def test_gsplat_drew_the_same(backend: str, name: str) -> None:
    splats, camera, rgba = stored(name)
    rgb, alpha, _ = rasterize(*core(splats), splats.sh, *on_screen(camera), sh_degree=splats.degree, backend=backend)
    assert torch.allclose(torch.cat([rgb, alpha], -1)[0], rgba, rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("RGB", [0, 1, 2]), ("D", [3]), ("ED", [4]), ("RGB+D", [0, 1, 2, 3]), ("RGB+ED", [0, 1, 2, 4])],
)
def test_modes(mode: Any, channels: list[int]) -> None:
    splats = cloud(300, degree=2, size=0.3)
    settings = RenderSettings(antialiased=True, near=3.0, far=20.0, radius_clip=1.5, dilation=0.2, sh_degree=1)
    picture = render(splats, CAMERAS, settings=settings)
    every = torch.cat([picture.rgb, picture.depth * picture.alpha, picture.depth], -1)
    got, alpha, meta = rasterize(
        *core(splats),
        splats.sh,
        *on_screen(),
        near_plane=3.0,
        far_plane=20.0,
        radius_clip=1.5,
        eps2d=0.2,
        sh_degree=1,
        render_mode=mode,
        rasterize_mode="antialiased",
    )
    assert torch.allclose(got, every[..., channels], atol=1e-4)
    assert torch.allclose(alpha, picture.alpha, atol=1e-5)
    assert torch.allclose(meta["median_depth"], picture.median_depth)
    assert (meta["width"], meta["height"], meta["n_cameras"], meta["skipped"].tolist()) == (60, 40, 2, [0, 0])


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 40])
def test_any_number_of_plain_channels(channels: int) -> None:
    splats = cloud(200, size=0.3)
    # Not clamped, from either side.
    colors = torch.randn(200, channels, generator=torch.Generator().manual_seed(0)) * 3
    background = torch.rand(2, channels)
    got, alpha, _ = rasterize(*core(splats), colors, *on_screen(), backgrounds=background, render_mode="RGB+D")
    features = render(splats, CAMERAS, features=colors).features
    assert features is not None
    assert got.shape == (2, 40, 60, channels + 1)
    assert got.min() < 0
    assert torch.allclose(got[..., :-1], features + (1 - alpha) * background[:, None, None], atol=1e-4)


def test_colours_of_each_camera() -> None:
    splats = cloud(200, size=0.3)
    for shape, degree in (((2, 200, 5), None), ((2, 200, 4, 3), 1)):
        colors = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
        got, _, meta = rasterize(*core(splats), colors, *on_screen(), sh_degree=degree)
        for i in range(2):
            alone, _, _ = rasterize(*core(splats), colors[i], *on_screen(CAMERAS[i]), sh_degree=degree)
            assert torch.equal(got[i], alone[0])
        assert meta["skipped"].shape == (2,)
        got.sum().backward()
        assert colors.grad is not None
        assert colors.grad.flatten(1).abs().sum(1).min() > 0


def test_lenses_have_gsplats_names() -> None:
    splats, K = one(), ahead().Ks
    for model, lens in (("ortho", "orthographic"), ("fisheye", "fisheye"), ("pinhole", "pinhole")):
        got, _, _ = rasterize(*core(splats), splats.sh, torch.eye(4)[None], K, 33, 21, sh_degree=0, camera_model=model)
        want = render(splats, Camera(torch.eye(4)[None], K, 33, 21, lens)).rgb
        assert torch.allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "cuda"])
def test_opacities_and_scales_may_be_anything(backend: str) -> None:
    splats = cloud(5, size=0.3)
    opacities, scales = splats.opacities, splats.scales
    opacities[0], opacities[1], scales[2], scales[3] = float("inf"), float("nan"), float("inf"), -scales[3]
    rgb, _, meta = rasterize(
        splats.means, splats.quats, scales, opacities, splats.sh, *on_screen(), sh_degree=1, backend=backend
    )
    assert meta["skipped"].tolist() == [3, 3]
    assert rgb.isfinite().all()
    rest = splats[torch.tensor([3, 4])]
    assert torch.allclose(rgb, rasterize(*core(rest), rest.sh, *on_screen(), sh_degree=1, backend=backend)[0])


def test_nobody_to_look() -> None:
    nobody = (torch.zeros(0, 4, 4), torch.zeros(0, 3, 3), 8, 4)
    assert rasterize(*core(one()), torch.rand(1, 3), *nobody)[0].shape == (0, 4, 8, 3)
    assert rasterize(*core(one()), torch.rand(0, 1, 7), *nobody)[0].shape == (0, 4, 8, 7)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"covars": torch.zeros(7, 3, 3)}, "covars is not supported: leave it out"),
        ({"distributed": True}, "distributed is not supported"),
        ({"with_ut": True}, "with_ut is not supported"),
        ({"absgrad": True}, "absgrad is not supported"),
        ({"camera_model": "ftheta"}, "camera_model 'ftheta' is not supported; expected pinhole, ortho, fisheye"),
        ({"render_mode": "N"}, "unknown render_mode 'N'; expected RGB, D, ED"),
        ({"rasterize_mode": "fast"}, "unknown rasterize_mode 'fast'; expected classic or antialiased"),
        ({"near_plane": -1.0}, "near_plane is -1.0; expected a finite number, not below 0"),
        ({"near_plane": None}, "near_plane is missing; expected a finite number"),
        ({"near_plane": []}, "near_plane is a list; expected a finite number"),
        ({"far_plane": float("inf")}, "far_plane is inf; expected a finite number"),
        ({"far_plane": "a"}, "far_plane is a str; expected a finite number"),
        ({"near_plane": 3.0, "far_plane": 2.0}, "far_plane is 2.0 m and near_plane is 3.0 m; far_plane must be"),
        ({"radius_clip": -1.0}, "radius_clip is -1.0; expected a finite number"),
        ({"eps2d": -1.0}, "eps2d is -1.0; expected a finite number"),
        ({"eps2d": "a"}, "eps2d is a str; expected a finite number"),
        ({"profile": []}, "profile is a list; expected gsplat, gsplat16, inria"),
        ({"camera_model": []}, "camera_model '.*' is not supported; expected pinhole"),
        ({"sh_degree": 1.5, "colors": torch.zeros(7, 4, 3)}, "sh_degree is 1.5; expected a whole number"),
        ({"width": 2.5}, "width is 2.5; expected a whole number of pixels"),
        ({"sh_degree": 2}, r"colors is \[7, 3\] of float32; expected a tensor \[7, k, 3\]"),
        ({"sh_degree": 2, "colors": torch.zeros(7, 4, 3)}, "colors has 4 coefficients per channel; sh_degree 2 needs"),
        ({"colors": torch.zeros(3, 7, 3)}, "colors has 3 rows of cameras; expected 2"),
        ({"colors": torch.zeros(6, 3)}, r"colors is \[6, 3\] of float32; expected a tensor \[7, d\]"),
        ({"colors": None}, r"colors is missing; expected a tensor \[7, d\]"),
        ({"scales": torch.zeros(7, 2)}, r"scales is \[7, 2\] of float32; expected a tensor \[7, 3\]"),
        ({"opacities": torch.zeros(7, 1)}, r"opacities is \[7, 1\] of float32; expected a tensor \[7\]"),
        ({"means": torch.zeros(2, 7, 3)}, r"means is \[2, 7, 3\] of float32; expected a float tensor \[n, 3\]"),
        ({"viewmats": torch.eye(4)}, r"viewmats is \[4, 4\] of float32; expected a float tensor \[c, 4, 4\]"),
        ({"backgrounds": torch.zeros(2, 4)}, r"backgrounds must be a tensor \[2, 3\], one row per camera"),
        ({"width": 0}, "an image of 0x40 px"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], sentence: str) -> None:
    splats = cloud(7)
    names = ("means", "quats", "scales", "opacities", "colors", "viewmats", "Ks", "width", "height")
    given = dict(zip(names, (*core(splats), torch.rand(7, 3), *on_screen()), strict=True))
    with pytest.raises(UsageError, match=sentence):
        rasterize(**{**given, **changes})
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        rasterize(**given, nonsense=1)


@pytest.mark.parametrize("plain", [False, True])
def test_what_gsplat_is_asked_is_what_we_were_asked(monkeypatch: pytest.MonkeyPatch, plain: bool) -> None:
    """`rasterization` stands in for the function whose arguments it has, so that the way there and back meet."""
    theirs = pytest.importorskip("gsplat")
    monkeypatch.setattr(theirs, "rasterization", functools.partial(rasterize, backend="reference"))
    splats, sh = cloud(200, size=0.3), torch.randn(200, 1 if plain else 9, 3)
    features = torch.rand(200, 5)
    rows = (splats.scales, splats.opacities) if plain else (splats.log_scales, splats.logit_opacities)
    params = Params(splats.means, splats.quats, *rows, sh, features, activated=plain, plain=plain)
    settings = RenderSettings(antialiased=True, near=3.0, far=20.0, radius_clip=1.5, dilation=0.2, sh_degree=1)
    got, want = gsplat.blend(params, CAMERAS, settings), blend(params, CAMERAS, settings, "reference")
    for name in ("rgb", "alpha", "depth_sum", "features"):
        assert torch.allclose(getattr(got, name), getattr(want, name), atol=1e-4), name
    assert got.skipped.tolist() == [0, 0]
    with pytest.raises(BackendError, match="knows the profile 'gsplat' only, not 'inria'"):
        gsplat.blend(params, CAMERAS, RenderSettings(profile="inria"))


@pytest.mark.gpu
def test_gsplat_draws_the_same_on_a_gpu() -> None:
    if (reason := gsplat.unavailable()) is not None:
        pytest.skip(reason)
    splats = cloud(2000, degree=3, size=0.2).to("cuda")
    got, want = (render(splats, view(), backend=name) for name in ("gsplat", "reference"))
    for name in ("rgb", "alpha", "depth"):
        error = (getattr(got, name) - getattr(want, name)).abs()
        assert (error > 1e-4).float().mean() < 2e-3, name
