"""`.mtl` of Wavefront: the materials of an `.obj`."""

from pathlib import Path

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.meshes import Material
from splatworld.formats.textures import Folder

_OPTIONS = {"-o": 3, "-s": 3, "-t": 3, "-mm": 2}
"""How many words follow an option of a picture; one follows any other."""


def read(libraries: list[str], folder: Folder) -> dict[str, Material]:
    """Materials by name, of files beside the mesh. Raises `FormatError` for one that is too large."""
    found: dict[str, Material] = {}
    for library in libraries:
        path = folder.file(library)
        if path is not None:
            found.update(_materials(path, folder))
    return found


def _materials(path: Path, folder: Folder) -> dict[str, Material]:
    if path.stat().st_size > limits.MTL_BYTES:
        raise FormatError(f"{path.name} has more than {limits.MTL_BYTES:,} bytes")
    said: dict[str, dict[str, str]] = {}
    now: dict[str, str] = {}
    for line in path.read_bytes().decode("utf-8", "replace").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "newmtl":
            now = said.setdefault(rest.strip(), {})
        elif word:
            now[word] = rest.strip()
    return {name: _material(lines, folder) for name, lines in said.items()}


def _material(lines: dict[str, str], folder: Folder) -> Material:
    picture = _picture(lines.get("map_Kd", ""))
    texture = folder.picture(picture) if picture else None
    # Programs that write a picture often leave Kd at grey or black and mean the picture as it is.
    colour = (1.0, 1.0, 1.0) if texture is not None else _colour(lines.get("Kd", ""), 0.8)
    opacity = _number(lines.get("d", ""), 1 - _number(lines.get("Tr", ""), 0.0))
    return Material(colour, opacity, texture, _colour(lines.get("Ke", ""), 0.0))


def _picture(text: str) -> str:
    """The name of a picture, behind its options; it may hold spaces."""
    words = text.split()
    while words and words[0].startswith("-"):
        words = words[1 + _OPTIONS.get(words[0], 1) :]
    return " ".join(words)


def _colour(text: str, otherwise: float) -> tuple[float, float, float]:
    red, green, blue, *_ = [_number(word, otherwise) for word in text.split()[:3]] + [otherwise] * 3
    return red, green, blue


def _number(word: str, otherwise: float) -> float:
    """Between 0 and 1."""
    try:
        value = float(word)
    except ValueError:
        return otherwise
    return min(max(value, 0.0), 1.0) if value == value else otherwise
