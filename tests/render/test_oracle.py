"""The reference's projection and colours against gsplat's own in torch: an outside oracle for values and gradients."""

import pytest
import torch
from render_cases import cloud, view
from torch import Tensor

from splatworld.camera import Camera, Lens
from splatworld.render import RenderSettings, reference
from splatworld.render.params import Params

gsplat = pytest.importorskip("gsplat.cuda._torch_impl", reason="gsplat is not installed")

MODELS: dict[Lens, str] = {"pinhole": "pinhole", "orthographic": "ortho", "fisheye": "fisheye"}
DILATION = 0.3


def parameters(degree: int) -> list[Tensor]:
    splats = cloud(400, size=0.3, degree=degree)
    rows = [splats.means, splats.quats, splats.log_scales, splats.logit_opacities, splats.sh]
    return [t.double().requires_grad_() for t in rows]


def camera_of(lens: Lens) -> Camera:
    """In float64, rotation and all; principal point off the middle, focal lengths apart."""
    camera = view()[0]
    pose = camera.camera_from_world.double()
    u, _, v = torch.linalg.svd(pose[0, :3, :3])
    pose[0, :3, :3] = u @ v
    scale = 0.1 if lens == "orthographic" else 1.0
    Ks = torch.tensor([[[90.0 * scale, 0, 70], [0, 110 * scale, 60], [0, 0, 1]]], dtype=torch.float64)
    return Camera(pose.requires_grad_(), Ks, camera.width, camera.height, lens)


def ours(leaves: list[Tensor], camera: Camera) -> tuple[dict[str, Tensor], Tensor]:
    """What projection gives, under gsplat's names, and the rows it is for."""
    seen, skipped = reference.project(Params(*leaves), camera, RenderSettings(antialiased=True, dilation=DILATION))
    assert skipped == 0
    p, q, r = seen.whitening.unbind(1)
    conics = torch.stack([p * p, p * q, q * q + r * r], 1)
    stages = {"means2d": seen.centres, "depths": seen.values[:, 3], "conics": conics}
    return {**stages, "opacities": seen.opacities, "colors": seen.values[:, :3]}, seen.splats


def theirs(leaves: list[Tensor], camera: Camera, rows: Tensor) -> dict[str, Tensor]:
    means, quats, log_scales, logits, sh = leaves
    covariances, _ = gsplat._quat_scale_to_covar_preci(quats, log_scales.exp(), compute_preci=False)
    _, means2d, depths, conics, compensations = gsplat._fully_fused_projection(
        means,
        covariances,
        camera.camera_from_world,
        camera.Ks,
        camera.width,
        camera.height,
        eps2d=DILATION,
        calc_compensations=True,
        camera_model=MODELS[camera.lens],
    )
    degree = round(sh.shape[1] ** 0.5) - 1
    directions = means - torch.inverse(camera.camera_from_world)[0, :3, 3]
    colours = gsplat._spherical_harmonics(degree, directions, sh)
    stages = {"means2d": means2d[0], "depths": depths[0], "conics": conics[0]}
    stages |= {"opacities": logits.sigmoid() * compensations[0], "colors": torch.clamp_min(colours + 0.5, 0.0)}
    return {name: values[rows] for name, values in stages.items()}


def gradients(stages: dict[str, Tensor], leaves: list[Tensor], camera: Camera) -> list[Tensor]:
    """Of sums with fixed weights, for every parameter and for the ways in which a rigid pose can move."""
    g = torch.Generator().manual_seed(5)
    total = sum(
        (v * torch.randn(v.shape, generator=g, dtype=v.dtype)).sum() / v.detach().std() for v in stages.values()
    )
    *rows, pose = torch.autograd.grad(total, [*leaves, camera.camera_from_world])
    turn = camera.camera_from_world[0, :3, :3].detach().T @ pose[0, :3, :3]
    return [*rows, turn - turn.T, pose[0, :3, 3]]


@pytest.mark.parametrize("degree", range(5))
@pytest.mark.parametrize("lens", MODELS)
def test_gsplat_projects_the_same(lens: Lens, degree: int) -> None:
    leaves, camera = parameters(degree), camera_of(lens)
    got, rows = ours(leaves, camera)
    want = theirs(leaves, camera, rows)
    assert len(rows) > 100
    # float64, but gsplat adds 1e-7 here and there to keep its fisheye off zero.
    tolerance = 1e-7 if lens == "fisheye" else 1e-12
    for name, values in want.items():
        assert (got[name] - values).abs().max() <= tolerance * values.abs().max(), name
    for mine, other in zip(gradients(got, leaves, camera), gradients(want, leaves, camera), strict=True):
        assert (mine - other).norm() <= tolerance * other.norm()
