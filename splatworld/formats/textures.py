"""Pictures that stand beside a mesh: read from its own folder only, and never larger than the limits allow."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splatworld import files, limits
from splatworld.errors import FormatError
from splatworld.formats import pictures
from splatworld.progress import Progress, Warning

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TGA")


class Folder:
    """The folder of a mesh file, as far as the file may reach into it; every picture is read once."""

    def __init__(self, mesh: Path, progress: Progress) -> None:
        self._mesh, self._progress = mesh, progress
        self._pixels_left = limits.MESH_TEXTURE_PIXELS
        self._pictures: dict[str, NDArray[np.uint8] | None] = {}

    def file(self, name: str) -> Path | None:
        """The file of this name beside the mesh, whatever folder is named; None, and a warning, if there is none."""
        plain = name.replace("\\", "/").rsplit("/", 1)[-1]
        path = self._mesh.parent / plain
        try:
            if plain and path.is_file() and path.resolve().parent == self._mesh.parent.resolve():
                return path
        except (OSError, ValueError):
            pass
        self._progress(Warning(f"{self._mesh.name}: there is no file '{plain[:80]}' beside it; it goes without"))
        return None

    def picture(self, name: str) -> NDArray[np.uint8] | None:
        """The pixels [h, w, 3 or 4] of a picture beside the mesh; None, and a warning, if there is none.

        Raises `FormatError` for one that is damaged or too large.
        """
        if name not in self._pictures:
            path = self.file(name)
            self._pictures[name] = None if path is None else self._decoded(path)
        return self._pictures[name]

    def _decoded(self, path: Path) -> NDArray[np.uint8]:
        if files.check_input(path) > limits.MESH_TEXTURE_BYTES:
            raise FormatError(f"{path} is too large; at most {limits.MESH_TEXTURE_BYTES:,} bytes make sense")
        source = f"{self._mesh.name}: the picture '{path.name}'"
        found = pictures.pixels(path.read_bytes(), source, _FORMATS, self._pixels_left)
        self._pixels_left -= found.shape[0] * found.shape[1]
        return found
