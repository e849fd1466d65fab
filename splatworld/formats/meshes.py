"""`Mesh`: a named triangle mesh with colours, as mesh files hold it: what their readers give and their writers take."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Material:
    """What faces are painted with: a colour, times a picture if there is one."""

    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Display values, 0 to 1."""
    opacity: float = 1.0
    """0 to 1."""
    texture: NDArray[np.uint8] | None = None
    """[h, w, 3 or 4] display values, the fourth opacity; first row at the top."""
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Display values that it shines with by itself."""


@dataclass(frozen=True, eq=False, slots=True)
class Mesh:
    """One object of a file: a mesh, or bare points if it has no faces. It becomes, or was, one thing of a world."""

    name: str
    vertices: NDArray[np.float32]
    """[v, 3] metres, placed in the file's scene."""
    faces: NDArray[np.int32]
    """[f, 3], counter-clockwise seen from outside; [0, 3] for points."""
    colours: NDArray[np.float32] | None = None
    """[v, 3] display values, 0 to 1, that multiply those of the material."""
    normals: NDArray[np.float32] | None = None
    """[v, 3] unit."""
    uv: NDArray[np.float32] | None = None
    """[v, 2] places in the texture, (0, 0) at its upper left corner and v downwards, as in glTF; repeats beyond 1."""
    materials: tuple[Material, ...] = (Material(),)
    material: NDArray[np.int32] | None = None
    """[f] index into `materials`; None: all faces have the first."""
