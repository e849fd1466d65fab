"""What programs expect of a file: format, axes, unit, SH degree and how many splats they show with ease.

Sources: the documentation and issues of the programs, and, where a program runs without a screen, our own tests. The
budgets are those of the field (Spark's by device; PlayCanvas' for a browser).
"""

from dataclasses import dataclass, field
from typing import Any

from splatworld.formats.frames import Frame


@dataclass(frozen=True)
class Preset:
    """How to write for one program."""

    formats: tuple[str, ...]
    """Suffixes that it reads; the first is the best."""
    then: str
    """What to do in that program."""
    frame: Frame | None = None
    """None: as files of the format have it."""
    unit: float = 1.0
    """Metres."""
    degree: int = 3
    budget: int | None = None
    """Splats; worlds with more are merged down to it."""
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of a format."""


_PLAIN = {"ply": {"plain": True}}
"""Exactly the numbers of the reference code: some programs refuse any others."""

PRESETS: dict[str, Preset] = {
    "unity": Preset(
        ("ply",),
        "UnityGaussianSplatting copies the axes of a file into Unity's, which are left-handed: give the object the "
        "scale (1, -1, 1), and it stands upright, unmirrored and in metres",
        frame="rdf",
        options=_PLAIN,
    ),
    "unreal": Preset(
        ("ply",),
        "import the .ply with the axes of 3D Gaussian Splatting (COLMAP's); where the plug-in does not turn units into "
        "centimetres by itself, scale by 100",
        frame="rdf",
        budget=2_000_000,
        options=_PLAIN,
    ),
    "blender": Preset(
        ("ply",),
        "import without any turn: the axes are Blender's, +Z up, in metres",
        frame="rfu",
        options=_PLAIN,
    ),
    "three": Preset(
        ("spz", "glb", "ply"),
        "add it without any turn: +Y is up, in metres",
        frame="rub",
        budget=2_000_000,
    ),
    "playcanvas": Preset(
        ("sog", "compressed.ply"),
        "turn the entity by 180 degrees about Z, as PlayCanvas' own tools do with files that came from a .ply",
        frame="rdf",
        budget=4_000_000,
    ),
    "supersplat": Preset(
        ("sog", "ply", "compressed.ply"),
        "drop it on the window; SuperSplat turns it upright by itself",
        frame="rdf",
    ),
    "spark": Preset(
        ("spz", "ply", "sog"),
        "add the mesh without any turn: +Y is up, in metres; phones show 1,000,000 splats, headsets 500,000",
        frame="rub",
        budget=2_500_000,
    ),
    "nerfstudio": Preset(
        ("ply",),
        "the axes are nerfstudio's, +Z up, and the header says so as its exports do",
        frame="rfu",
        options=_PLAIN,
    ),
    "quest": Preset(
        ("spz", "sog", "ply"),
        "small enough for a headset on its own, with SH of degree 1; +Y is up, in metres",
        frame="rub",
        degree=1,
        budget=500_000,
    ),
}
