"""Splats and cameras that `scripts/bench render` draws: real ones from the folder SPLATWORLD_DATA, others made here.

Nothing depends on the machine: made scenes come from seeded generators. Where a file is absent, a made scene with as
many splats stands in, and its name says so.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatworld.camera import Camera, look_at
from splatworld.sh import from_rgb
from splatworld.splats import Splats

EYE = (0.0, -16.0, 1.7)
SIZES = {
    "16p": (16, 16),
    "360p": (640, 360),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "4K": (3840, 2160),
}
"""px"""
SCAN_CAMERA = Path(__file__).with_name("bench_cameras.json")


@dataclass(frozen=True)
class Scene:
    """Splats, a view of them for any size, and what is drawn differently from the default."""

    name: str
    splats: Splats
    view: Callable[[int, int], Camera]
    radius_clip: float = 0.0


def scene(name: str) -> Scene:
    """One of `SCENES`, loaded or made."""
    return SCENES[name]()


def data() -> Path | None:
    """The folder of real scenes, where there is one."""
    named = os.environ.get("SPLATWORLD_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def plant() -> Scene:
    """A phone scan of a plant, 113,648 splats without SH (Marcel Padilla, CC-BY-4.0), from a stored camera."""
    import splatworld

    file = (data() or Path()) / "splats" / "plant.splat"
    if not file.is_file():
        return Scene("scan made", surfaces(113_648, degree=0, seed=3), from_eye_height)
    pose = json.loads(SCAN_CAMERA.read_text())["plant"]
    view = _posed(torch.tensor(pose["camera_from_world"]), torch.tensor(pose["K"]), (pose["width"], pose["height"]))
    return Scene("scan", splatworld.load(file).splats(), view)


def garden(grid: int) -> Scene:
    """The profiling scene of gsplat: the points of a garden, cropped, side by side `grid` times in x and y."""
    file = (data() or Path()) / "test_garden.npz"
    name = f"garden {grid}x{grid}"
    if not file.is_file():
        count = 111_640 * grid * grid if grid > 1 else 138_766
        return Scene(f"{name} made", surfaces(count, degree=0, seed=4), from_eye_height, radius_clip=3.0)
    stored = np.load(file)
    means, colours = torch.from_numpy(stored["means3d"]), torch.from_numpy(stored["colors"]) / 255
    if grid > 1:
        inside = (means.abs() <= 2).all(1)
        means, colours = means[inside], colours[inside]
        steps = torch.arange(grid, dtype=torch.float32) - grid // 2
        offsets = 4 * torch.cartesian_prod(steps, steps, torch.zeros(1))
        means, colours = (offsets[:, None] + means).reshape(-1, 3), colours.repeat(grid * grid, 1)
    size = int(stored["width"]), int(stored["height"])
    pose, K = torch.from_numpy(stored["viewmats"][0]), torch.from_numpy(stored["Ks"][0])
    return Scene(name, _gsplats_profile(means, colours), _posed(pose, K, size), radius_clip=3.0)


def trained() -> Scene:
    """A million splats with the statistics of a trained outdoor scene, SH degree 3.

    At 1080p 82 % are in the picture, with boxes over 5.7 tiles of 16 px on average and 4 at the median; 64 % have an
    opacity below a half, and the longest axis is 3.7 times the shortest at the median.
    """
    return Scene("trained 1M", surfaces(1_000_000, degree=3, seed=5), from_eye_height)


def small() -> Scene:
    """Ten thousand splats, SH degree 3: what a call costs matters here."""
    return Scene("small 10k", surfaces(10_000, degree=3, seed=6, size=1.0), from_eye_height)


def single() -> Scene:
    """One splat: what a call costs, and nothing else."""
    return Scene("one", surfaces(10_000, degree=0, seed=6)[:1], from_eye_height)


SCENES: dict[str, Callable[[], Scene]] = {
    "one": single,
    "small-10k": small,
    "scan": plant,
    "garden-1x1": lambda: garden(1),
    "trained-1m": trained,
    "garden-5x5": lambda: garden(5),
}


def surfaces(n: int, *, degree: int, seed: int, size: float = 2.0) -> Splats:
    """A ground of 60 m, a hundred shapes on it and a far shell, of n splats whose sizes follow their density."""
    rng = np.random.default_rng(seed)
    ground, far = int(0.35 * n), int(0.1 * n)
    means = np.concatenate([_ground(ground, rng), _shell(far, rng), _shapes(n - ground - far, rng)])
    distance = np.linalg.norm(means - EYE, axis=1)
    # As training leaves them: so many to a picture that each covers a few pixels, whatever its distance.
    sigma = distance * size / np.sqrt(n) * rng.lognormal(0.0, 0.8, n)
    scales = np.log(sigma)[:, None] + rng.normal(0.0, 0.5, (n, 3)) - [0.0, 0.0, 1.0]
    sh = np.zeros((n, (degree + 1) ** 2, 3), np.float32)
    sh[:, 0] = from_rgb(torch.from_numpy(rng.random((n, 3)))).numpy()
    sh[:, 1:] = rng.normal(0.0, 0.05, sh[:, 1:].shape)
    logits = rng.normal(-0.7, 2.0, n)
    parts = (means, rng.normal(size=(n, 4)), scales, logits, sh)
    order = torch.from_numpy(rng.permutation(n))
    return Splats(*(torch.from_numpy(np.asarray(part, np.float32)) for part in parts))[order]


def from_eye_height(width: int, height: int) -> Camera:
    """A walker's view of `surfaces`, 62 degrees high."""
    return look_at([EYE], [(0.0, 0.0, 1.2)], width=width, height=height)


def _ground(n: int, rng: np.random.Generator) -> np.ndarray:
    angle, radius = rng.uniform(0, 2 * np.pi, n), 30 * rng.random(n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), 0.05 * np.sin(radius)], 1)


def _shell(n: int, rng: np.random.Generator) -> np.ndarray:
    direction = rng.normal(size=(n, 3)) + np.array([0.0, 1.0, 0.4])
    direction[:, 2] = np.abs(direction[:, 2])
    return 60 * direction / np.linalg.norm(direction, axis=1, keepdims=True)


def _shapes(n: int, rng: np.random.Generator) -> np.ndarray:
    centres = np.concatenate([rng.uniform(-7, 7, (100, 2)), rng.uniform(0, 2.5, (100, 1))], 1)
    radii = rng.uniform(0.2, 1.2, (100, 3))
    which, direction = rng.integers(0, 100, n), rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return centres[which] + radii[which] * direction + rng.normal(0, 0.01, (n, 3))


def _gsplats_profile(means: Tensor, colours: Tensor) -> Splats:
    """Attributes as gsplat's profiling draws them: scales up to 0.02, any turn, opacities from 0 to 1."""
    rng = torch.Generator().manual_seed(42)
    n = len(means)
    opacities = torch.rand(n, generator=rng).clamp(1e-4, 1 - 1e-4)
    return Splats(
        means.contiguous(),
        torch.randn(n, 4, generator=rng),
        (0.02 * torch.rand(n, 3, generator=rng)).clamp(min=1e-6).log(),
        opacities.logit(),
        from_rgb(colours)[:, None].contiguous(),
    )


def _posed(pose: Tensor, K: Tensor, size: tuple[int, int]) -> Callable[[int, int], Camera]:
    """The same view at any size, stretched as gsplat's profiling stretches it."""

    def view(width: int, height: int) -> Camera:
        stretch = torch.tensor([width / size[0], height / size[1], 1.0])
        return Camera(pose[None].float(), (stretch[:, None] * K)[None].float(), width, height)

    return view
