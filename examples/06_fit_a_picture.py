"""Fit a picture: gradients through the renderer, and an optimiser that follows them.

You learn: `render` gives colour, depth, normals and things of the same view; `blend` is what gradients flow through; a
few hundred coarse splats become the picture of many fine ones.
Run: python examples/06_fit_a_picture.py [output folder] [number of splats of the world]
"""

import sys
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

import splatworld
from splatworld.optimize import Adam, psnr, stepper
from splatworld.render import RenderSettings, blend
from splatworld.render.params import Params

RATES = {"means": 0.02, "quats": 0.01, "log_scales": 0.02, "logit_opacities": 0.05, "sh": 0.02}


def main(folder: Path, splats: int) -> None:
    world = splatworld.generate("a red cabin by a lake, pines", seed=3, splats=splats)
    camera = world.start.camera(width=240, height=135)
    picture = splatworld.render(world, camera, settings=RenderSettings(normals=True))
    assert picture.normals is not None
    save(picture.rgb, folder / "colour.png")
    save(picture.normals * 0.5 + 0.5, folder / "normals.png")
    save((3 / picture.median_depth.clamp(min=3)).expand(-1, -1, -1, 3), folder / "near_and_far.png")

    # Every eighth splat, so much larger and fainter that they cover what is left out.
    rows = world.splats()[::8]
    coarse = Params(rows.means, rows.quats, rows.log_scales + 0.7, rows.logit_opacities.clamp(max=1.0), rows.sh)
    adam = Adam({name: getattr(coarse, name).clone() for name in RATES}, RATES)
    coarse = Params(**adam.params)
    step = stepper(coarse, adam)
    before = float(psnr(blend(coarse, camera, RenderSettings()).rgb.detach(), picture.rgb))
    for _ in range(100):
        step(camera, picture.rgb)
    with torch.no_grad():
        fitted = blend(coarse, camera, RenderSettings()).rgb
    after = float(psnr(fitted, picture.rgb))
    save(fitted, folder / "fitted.png")
    print(f"{len(rows)} splats instead of {len(world)}: {before:.1f} dB before, {after:.1f} dB after")


def save(image: Tensor, path: Path) -> None:
    Image.fromarray((image[0].clamp(0, 1) * 255).byte().numpy()).save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
