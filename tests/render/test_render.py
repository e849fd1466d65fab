"""The seam: which backend draws, what it costs, and what is refused in words."""

import copy
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from render_cases import BACKENDS, ahead, cloud, one, view
from torch import Tensor

import splatworld
from splatworld.errors import BackendError, UsageError
from splatworld.render import RenderSettings, backends, native, render
from splatworld.splats import Splats, empty
from splatworld.world import from_splats


def test_the_table_names_every_backend_and_why_it_is_missing() -> None:
    table = backends()
    assert list(table) == ["cuda", "cpu", "reference", "gsplat"]
    assert table["reference"] is None
    assert all(reason is None or len(reason) > 10 for reason in table.values())


def test_a_world_draws_as_its_splats() -> None:
    splats = cloud(100)
    assert torch.equal(render(from_splats(splats), view()).rgb, render(splats, view()).rgb)


def test_the_package_is_called_like_its_function() -> None:
    assert torch.equal(splatworld.render(one(), ahead()).rgb, render(one(), ahead()).rgb)


@pytest.mark.parametrize("name", ["means", "quats", "log_scales", "logit_opacities", "sh"])
def test_gradients_go_through_auto(name: str) -> None:
    splats = cloud(50, size=0.3)
    leaf = getattr(splats, name).requires_grad_()
    render(splats, view()).rgb.square().sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.abs().sum() > 0


def test_gradients_reach_features_background_and_pose() -> None:
    features, background = torch.rand(50, 5).requires_grad_(), torch.rand(3).requires_grad_()
    cameras = view()
    pose = cameras.camera_from_world.requires_grad_()
    picture = render(cloud(50, size=0.3), cameras, settings=RenderSettings(background=background), features=features)
    assert picture.features is not None
    (picture.features.sum() + picture.rgb.square().sum()).backward()
    for leaf in (features, background, pose):
        assert leaf.grad is not None
        assert leaf.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("problem", "sentences"),
    [
        (
            "ModuleNotFoundError(name, name=name)",
            ("install it where there is a C++ compiler", "built where nvcc and an"),
        ),
        ("ImportError('no such symbol')", ("kernels are installed, but cannot be loaded (no such symbol)",) * 2),
    ],
)
def test_missing_kernels_say_what_to_do_and_broken_ones_why(problem: str, sentences: tuple[str, str]) -> None:
    code = f"""
import sys, splatworld
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("splatworld._cpu", "splatworld._cuda"):
            raise {problem}
sys.meta_path.insert(0, Finder())
from splatworld.render import cuda, native
print(native.unavailable(), cuda.unavailable(), sep="\\n")
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for line, sentence in zip(found.splitlines(), sentences, strict=True):
        assert sentence in line
        assert "import" not in line


@pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))
def test_without_kernels_the_reference_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_why", "splatworld was installed without its kernels")
    assert render(one(), ahead()).alpha.max() > 0.5
    assert "without its kernels" in str(backends()["cpu"])
    with pytest.raises(BackendError, match="without its kernels"):
        render(one(), ahead(), backend="cpu")


def test_a_backend_that_cannot_draw_says_why() -> None:
    with pytest.raises(BackendError, match=r"the backend 'gsplat' cannot draw this: .*(CUDA|installed|cpu)"):
        render(one(), ahead(), backend="gsplat")
    with pytest.raises(BackendError, match="only the reference has smooth edges"):
        render(one(), ahead(), backend="cpu", settings=RenderSettings(smooth=True))
    assert render(one(), ahead(), settings=RenderSettings(smooth=True)).alpha.max() > 0.5


def test_unknown_backend() -> None:
    with pytest.raises(UsageError, match="unknown backend 'gpu'; expected auto, cuda, cpu, reference, gsplat"):
        render(one(), ahead(), backend="gpu")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"means": torch.zeros(7)}, r"means is \[7\] of float32; expected a float tensor \[n, 3\]"),
        ({"means": [[0, 0, 2]]}, r"means is a list; expected a float tensor \[n, 3\]"),
        ({"means": torch.zeros(7, 3, dtype=torch.int64)}, "means is int64; expected float32 or float64"),
        ({"means": torch.zeros(7, 3, dtype=torch.float16)}, "means is float16; expected float32 or float64"),
        ({"means": torch.zeros(7, 2)}, r"means is \[7, 2\] of float32; expected a tensor \[7, 3\]"),
        ({"quats": torch.zeros(6, 4)}, r"quats is \[6, 4\] of float32; expected a tensor \[7, 4\], a row for each"),
        ({"quats": None}, r"quats is missing; expected a tensor \[7, 4\]"),
        ({"log_scales": torch.zeros(7, 1)}, r"log_scales is \[7, 1\] of float32; expected a tensor \[7, 3\]"),
        ({"logit_opacities": torch.zeros(7, 1)}, r"logit_opacities is \[7, 1\] of float32; expected a tensor \[7\]"),
        ({"logit_opacities": torch.zeros(7).double()}, "logit_opacities is float64 and means is float32; expected one"),
        ({"sh": torch.zeros(7, 3)}, r"sh is \[7, 3\] of float32; expected a tensor \[7, k, 3\]"),
        ({"sh": torch.zeros(7, 5, 3)}, "sh has 5 coefficients per channel; expected 1, 4, 9, 16 or 25"),
        ({"sh": torch.zeros(7, 0, 3)}, "sh has 0 coefficients per channel; expected 1, 4, 9, 16 or 25"),
        ({"quats": torch.zeros(7, 4, device="meta")}, "quats is on meta and means is on cpu; expected one device"),
        ({"extras": {"thing": torch.zeros(7)}}, "thing is float32; expected integers"),
        ({"extras": {"thing": torch.zeros(3, dtype=torch.int32)}}, r"thing is \[3\] of int32; expected a tensor \[7\]"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_splats_of_a_wrong_shape_or_type_are_refused_by_name(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        render(replace(cloud(7), **changes), view())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"camera_from_world": torch.eye(4)}, r"camera_from_world is \[4, 4\] of float32; expected .* \[c, 4, 4\]"),
        ({"camera_from_world": None}, r"camera_from_world is missing; expected a float tensor \[c, 4, 4\]"),
        ({"Ks": torch.zeros(2, 3, 4)}, r"Ks is \[2, 3, 4\] of float32; expected a float tensor \[c, 3, 3\]"),
        ({"Ks": torch.zeros(2, 3, 3, dtype=torch.int32)}, r"Ks is \[2, 3, 3\] of int32; expected a float tensor"),
        ({"Ks": torch.zeros(3, 3, 3)}, "there are 2 camera_from_world and 3 Ks; expected one of each per camera"),
        ({"lens": "ftheta"}, "unknown lens 'ftheta'; expected pinhole, orthographic, fisheye"),
        ({"width": 0}, "an image of 0x100 px; each side must be 1 to 16384"),
        ({"height": -1}, "an image of 150x-1 px"),
        ({"width": 2.5}, "width is 2.5; expected a whole number of pixels"),
        ({"width": "a"}, "width is a str; expected a whole number of pixels"),
        ({"height": None}, "height is missing; expected a whole number of pixels"),
        ({"lens": []}, "unknown lens"),
        ({"width": 10**9}, "an image of 1000000000x100 px"),
        ({"width": 16_000, "height": 16_000}, "an image of 16000x16000 px; expected at most 50000000 pixels"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_cameras_that_cannot_be_are_refused_by_name(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        render(one(), replace(view(), **changes))


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_scene_or_camera_is_refused() -> None:
    with pytest.raises(UsageError, match="the scene is a dict; expected a World or Splats"):
        render({}, view())
    with pytest.raises(UsageError, match=r"cameras is \[4, 4\] of float32; expected a Camera"):
        render(one(), torch.eye(4))


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (torch.zeros(7), r"features is \[7\] of float32; expected a tensor \[7, d\]"),
        (torch.zeros(6, 2), r"features is \[6, 2\] of float32; expected a tensor \[7, d\]"),
        (torch.zeros(7, 0), r"features is \[7, 0\] of float32; expected a tensor \[7, d\]"),
        (torch.zeros(7, 2, dtype=torch.int32), "features is int32 and means is float32"),
    ],
)
def test_features_of_a_wrong_shape_or_type_are_refused(features: Tensor, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        render(cloud(7), view(), features=features)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"profile": "brush"}, "unknown profile 'brush'; expected gsplat, gsplat16, inria"),
        ({"near": -1.0}, "near is -1.0; expected a finite number, not below 0"),
        ({"near": float("nan")}, "near is nan; expected"),
        ({"far": float("inf")}, "far is inf; expected"),
        ({"near": 3.0, "far": 2.0}, "far is 2.0 m and near is 3.0 m; far must be further"),
        ({"radius_clip": -1.0}, "radius_clip is -1.0; expected"),
        ({"dilation": -0.1}, "dilation is -0.1; expected"),
        ({"threads": -1}, "threads is -1; expected"),
        ({"sh_degree": 5}, "sh_degree is 5; expected a whole number from 0 to 4, or None for all"),
        ({"background": (1.0, 2.0)}, r"background is \(1.0, 2.0\); expected a tuple of three finite numbers"),
        ({"background": torch.zeros(4)}, r"background is a tensor \[4\] of torch.float32; expected a tuple of three"),
        ({"background": ("a", 1, 1)}, r"background is \('a', 1, 1\); expected a tuple of three finite numbers"),
        ({"background": [0.0, 0.0, 0.0]}, r"background is \[0.0, 0.0, 0.0\]; expected a tuple of three"),
        ({"background": (0.0, 0.0, float("nan"))}, r"background is \(0.0, 0.0, nan\); expected a tuple of three"),
        ({"background": torch.tensor([0.0, float("nan"), 0.0])}, "background holds numbers that are not finite"),
        ({"background": torch.full((2, 3), float("inf"))}, "background holds numbers that are not finite"),
        ({"near": "a"}, "near is a str; expected a finite number, not below 0"),
        ({"near": 10**400, "far": 1e10}, "near is 10+; expected a finite number"),
        ({"far": None}, "far is missing; expected a finite number"),
        ({"dilation": [0.3]}, "dilation is a list; expected a finite number"),
        ({"radius_clip": torch.tensor(1.0)}, r"radius_clip is \[\] of float32; expected a finite number"),
        ({"sh_degree": "1"}, "sh_degree is a str; expected a whole number from 0 to 4"),
        ({"sh_degree": 1.5}, "sh_degree is 1.5; expected a whole number from 0 to 4"),
        ({"threads": 1.5}, "threads is 1.5; expected a whole number, not below 0"),
        ({"threads": None}, "threads is missing; expected a whole number, not below 0"),
        ({"profile": []}, "profile is a list; expected gsplat, gsplat16, inria"),
        ({"profile": None}, "profile is missing; expected gsplat, gsplat16, inria"),
        ({"antialiased": "yes"}, "antialiased is a str; expected True or False"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_settings_have_ranges(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        RenderSettings(**settings)


@pytest.mark.usefixtures("unchecked")
def test_numbers_of_numpy_are_numbers() -> None:
    number, whole = np.float32(0.25), np.int64(1)
    given: dict[str, Any] = {"near": number, "background": (number,) * 3, "sh_degree": whole, "threads": whole}
    size: dict[str, Any] = {"width": np.int64(9)}
    assert render(one(), replace(ahead(), **size), settings=RenderSettings(**given)).rgb.shape[2] == 9


def test_a_background_for_each_camera_needs_as_many() -> None:
    with pytest.raises(UsageError, match="background has 3 rows for 2 cameras; expected one per camera"):
        render(one(), view(), settings=RenderSettings(background=torch.zeros(3, 3)))


@pytest.mark.parametrize("name", ["means", "quats", "log_scales", "logit_opacities", "sh", "features"])
def test_check_names_the_first_row_that_is_not_finite(name: str) -> None:
    splats, features = cloud(9), torch.zeros(9, 2)
    rows = {n: getattr(splats, n).clone() for n in ("means", "quats", "log_scales", "logit_opacities", "sh")}
    rows["features"] = features
    rows[name][4] = float("nan")
    rows["sh"][7] = float("inf")
    features = rows.pop("features")
    with pytest.raises(UsageError, match=rf"{name}\[4\] holds nan; expected finite numbers"):
        render(Splats(**rows), view(), settings=RenderSettings(check=True), features=features)


def test_check_lets_infinite_logits_pass() -> None:
    opaque = replace(one(), logit_opacities=torch.tensor([float("inf")]))
    assert render(opaque, ahead(), settings=RenderSettings(check=True)).alpha.max() > 0.9


@pytest.mark.parametrize("backend", BACKENDS)
def test_settings_are_remembered_by_value(backend: str) -> None:
    """Backends keep what they derive from settings: equal ones are the same, others are not."""
    first, second = RenderSettings(radius_clip=1.0), RenderSettings(radius_clip=1.0)
    assert hash(first) == hash(second)
    assert first == second
    device = "cuda" if backend == "cuda" else "cpu"
    wide, narrow = (
        render(one().to(device), ahead(), backend=backend, settings=RenderSettings(radius_clip=clip))
        for clip in (0.0, 99.0)
    )
    assert wide.alpha.any()
    assert not narrow.alpha.any()


def test_inputs_are_left_as_they_are() -> None:
    splats, cameras = cloud(50), view()
    before = copy.deepcopy((splats.means, splats.quats, splats.sh, cameras.camera_from_world))
    render(splats, cameras, settings=RenderSettings(background=(0.5, 0.5, 0.5), normals=True))
    after = (splats.means, splats.quats, splats.sh, cameras.camera_from_world)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_double_splats_draw_like_single() -> None:
    splats = cloud(200)
    core = (splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh)
    for backend in ("auto", "reference"):
        double = render(Splats(*(t.double() for t in core)), view(), backend=backend)
        assert torch.allclose(double.rgb.float(), render(splats, view(), backend=backend).rgb, atol=1e-3)


def test_empty_worlds_show_the_background() -> None:
    settings = RenderSettings(background=(0.25, 0.5, 1.0))
    assert torch.equal(render(empty(), ahead(), settings=settings).rgb[0, 3, 3], torch.tensor([0.25, 0.5, 1]))


def test_import_is_lazy() -> None:
    code = "import sys, splatworld; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", splatworld.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(splatworld, name) is not None
    assert name in dir(splatworld)


def test_no_other_name_is_made_up() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = splatworld.nonsense


def test_normals_kept_in_half_precision_are_drawn() -> None:
    normals = torch.tensor([[0.0, 0.6, -0.8]])
    settings = RenderSettings(normals=True)
    pictures = [render(one().with_extras(normal=n), ahead(), settings=settings) for n in (normals, normals.half())]
    found, half = (picture.normals for picture in pictures)
    assert found is not None
    assert half is not None
    assert found.abs().max() > 0.1
    assert torch.allclose(half, found, atol=1e-3)


@pytest.mark.usefixtures("unchecked")
def test_settings_and_backend_of_a_wrong_type_are_refused() -> None:
    with pytest.raises(UsageError, match=r"settings is .*; expected RenderSettings"):
        render(one(), ahead(), settings={})  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="unknown backend"):
        render(one(), ahead(), backend=["cpu"])  # pyright: ignore[reportArgumentType]
