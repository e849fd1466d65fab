"""Render a camera: the start view, and a walk round it.

You learn: cameras come in batches, a picture brings depth and the thing behind each pixel, and rays match pixels.
Run: python examples/02_render_a_camera.py [output folder] [number of splats]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import splatworld
from splatworld.camera import orbit


def main(folder: Path, splats: int) -> None:
    world = splatworld.generate("a stone tower in a meadow, three oaks", seed=3, splats=splats)
    picture = splatworld.render(world, world.start.camera(width=480, height=270))
    save(picture.rgb[0].numpy(), folder / "start.png")
    # What is in the middle of the picture, and how far away?
    number = int(picture.things[0, 135, 240])
    print(f"the middle shows {world.thing(number).name}, {float(picture.median_depth[0, 135, 240, 0]):.1f} m away")
    tower = world.thing("tower 1").position
    ring = orbit(tower, 25.0, frames=4, height_above=6.0, width=240, height=136)
    for index, rgb in enumerate(splatworld.render(world, ring).rgb.numpy()):
        save(rgb, folder / f"round_{index}.png")


def save(rgb: np.ndarray, path: Path) -> None:
    Image.fromarray((rgb.clip(0, 1) * 255).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
