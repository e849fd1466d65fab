"""One splat: what a Gaussian is made of, and what it looks like.

You learn: the fields of `Splats`, that sizes and opacities are logarithms and logits, and how a camera is set.
Run: python examples/00_one_splat.py [output folder]
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import splatworld
from splatworld.camera import look_at
from splatworld.sh import from_rgb


def main(folder: Path) -> None:
    splats = splatworld.Splats(
        means=torch.tensor([[0.0, 0.0, 1.0]]),  # metres; +Z is up
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]),  # w, x, y, z: not turned
        log_scales=torch.tensor([[0.5, 0.2, 0.1]]).log(),  # half a metre wide, flat
        logit_opacities=torch.tensor([0.95]).logit(),
        sh=from_rgb(torch.tensor([[0.9, 0.4, 0.1]]))[:, None],  # one colour from all sides
    )
    camera = look_at((0.0, -4.0, 1.0), (0.0, 0.0, 1.0), width=320, height=240)
    picture = splatworld.render(splats, camera)
    pixels = (picture.rgb[0].clamp(0, 1).numpy() * 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "one_splat.png")
    print(f"alpha in the middle: {float(picture.alpha[0, 120, 160, 0]):.2f}")
    print(f"distance of the camera: {float(picture.depth[0, 120, 160, 0]):.2f} m")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
