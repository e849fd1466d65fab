"""The axes of each file format, in one table.

Our world is right-handed with x right (east), y forward (north), z up. Frames are named by where their x, y and z point
when one looks along our +Y.

| name | x     | y       | z       | file = f(world)  | used by                                           |
|------|-------|---------|---------|------------------|---------------------------------------------------|
| rdf  | right | down    | forward | ( x, -z,  y)     | 3DGS .ply, .splat (COLMAP's habit; not recorded)  |
| rub  | right | up      | back    | ( x,  z, -y)     | .spz by its specification; OpenGL, glTF           |
| rfu  | right | forward | up      | ( x,  y,  z)     | .splatworld; .ply of tools that work with Z up    |

Changing frames turns the whole world, so positions, rotations, spherical harmonics and normals turn along.
"""

import math
from typing import Literal

from splatworld.geometry import Similarity
from splatworld.splats import Splats

Frame = Literal["rdf", "rub", "rfu"]

_H = math.sqrt(0.5)
FILE_FROM_WORLD: dict[Frame, Similarity] = {
    "rdf": Similarity(rotation=(_H, _H, 0.0, 0.0)),
    "rub": Similarity(rotation=(_H, -_H, 0.0, 0.0)),
    "rfu": Similarity(),
}

MEANINGS: dict[Frame, str] = {
    "rdf": "x right, y down, z forward",
    "rub": "x right, y up, z back",
    "rfu": "x right, y forward, z up",
}


def file_from_world(frame: Frame, unit: float = 1.0) -> Similarity:
    """What turns the world into a file of this `frame` whose unit is `unit` metres long."""
    return Similarity(scale=1 / unit) @ FILE_FROM_WORLD[frame]


def to_file(splats: Splats, frame: Frame) -> Splats:
    """Splats of the world frame, as a file of this `frame` holds them."""
    return splats.transformed(FILE_FROM_WORLD[frame])


def to_world(splats: Splats, frame: Frame) -> Splats:
    """Splats as a file of this `frame` holds them, in the world frame."""
    return splats.transformed(FILE_FROM_WORLD[frame].inverse())
