"""The compiled CPU kernels on a real scan, where the sample data are (SPLATWORLD_DATA names their folder)."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from native_cases import Case, gradients, one_thread, params_of, with_gradients

import splatworld
from splatworld.camera import Camera
from splatworld.render import native, reference
from splatworld.render.params import Params

ROOT = Path(__file__).parents[2]
SCAN = Path(os.environ.get("SPLATWORLD_DATA", ROOT / "../shared/data")) / "splats" / "plant.splat"
pytestmark = [
    pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable())),
    pytest.mark.skipif(not SCAN.is_file(), reason="no sample data (SPLATWORLD_DATA names its folder)"),
]


def scan() -> Case:
    """A window of the picture that the bench draws, with the splats that show in it."""
    stored = json.loads((ROOT / "scripts" / "bench_cameras.json").read_text())["plant"]
    K = torch.tensor(stored["K"])
    K[:2, 2] -= torch.tensor([900.0, 420.0])
    camera = Camera(torch.tensor(stored["camera_from_world"])[None], K[None], 96, 80)
    params = params_of(splatworld.load(SCAN).splats())
    inside = with_gradients(Case(params, camera))
    native.blend(inside.params, camera, inside.settings).alpha.sum().backward()
    assert inside.params.logit_opacities.grad is not None
    rows = inside.params.logit_opacities.grad.nonzero()[:, 0]
    names = ("means", "quats", "log_scales", "logit_opacities", "sh")
    return Case(Params(*(getattr(params, name)[rows] for name in names)), camera)


def test_a_real_scan_is_drawn_as_by_the_reference() -> None:
    case = scan()
    assert len(case.params.means) > 500
    double = with_gradients(case, torch.float64)
    with one_thread():
        truth = reference.blend(double.params, double.cameras, double.settings)
    assert truth.alpha.mean() > 0.3
    singles = [with_gradients(case) for _ in native.isas()]
    pictures = [
        native.blend(single.params, single.cameras, single.settings, isa=isa)
        for single, isa in zip(singles, native.isas(), strict=True)
    ]
    off = torch.stack([(picture.rgb.detach() - truth.rgb.detach()).abs().amax(-1, True) for picture in pictures]).amax(
        0
    )
    assert off.max() < 0.02
    # Where a splat ends or two change places, through rounding, pictures jump and so do gradients.
    smooth = off < 1e-5
    assert smooth.float().mean() > 0.98
    with one_thread():
        want = gradients(double, truth, smooth)
    for isa, single, picture in zip(native.isas(), singles, pictures, strict=True):
        for name, grad in gradients(single, picture, smooth).items():
            assert ((grad - want[name]).norm() / want[name].norm()).item() < 1e-3, (isa, name)


def test_splats_of_a_real_scan_come_in_any_order() -> None:
    """All depths differ, so the order of the rows does not show."""
    case = scan()
    backwards = torch.arange(len(case.params.means) - 1, -1, -1)
    names = ("means", "quats", "log_scales", "logit_opacities", "sh")
    mirrored = replace(case.params, **{name: getattr(case.params, name)[backwards] for name in names})
    depths = (case.params.means @ case.cameras.camera_from_world[0, 2, :3]).unique()
    assert len(depths) > 0.99 * len(backwards)
    there = native.blend(case.params, case.cameras, case.settings)
    back = native.blend(mirrored, case.cameras, case.settings)
    assert ((there.rgb - back.rgb).abs() > 1e-5).float().mean() < 0.01
