"""The lines of an `.obj`, read in blocks, so that a text of any kind takes no more memory than its numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats.ply_mesh import numbers

KINDS = (b"v", b"vt", b"vn")


class ObjText:
    """What the lines so far have said. Corners and polygons stand one after the other, in the order of the file."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.values: dict[bytes, list[NDArray[np.float32]]] = {kind: [] for kind in KINDS}
        """Blocks of rows of each kind."""
        self.counts: dict[bytes, int] = dict.fromkeys(KINDS, 0)
        self.corners = [np.zeros((0, 3), np.int32)]
        """Blocks [k, 3]: rows in `KINDS`, -1 where none is named."""
        self.polygons = [np.zeros((0, 3), np.int32)]
        """Blocks [p, 3]: number of corners, object, material."""
        self.objects: dict[str, int] = {"": 0}
        """Numbers by name, in order."""
        self.materials: dict[str, int] = {"": 0}
        self.libraries: list[str] = []
        self._object, self._material, self._named = 0, 0, False

    def take(self, lines: Sequence[bytes]) -> None:
        """Some more lines. Raises `FormatError`."""
        rows: dict[bytes, list[bytes]] = {kind: [] for kind in KINDS}
        faces: dict[int, list[tuple[bytes, int]]] = {}
        at: list[tuple[int, ...]] = []
        for line in lines:
            word, _, rest = line.strip().partition(b" ")
            if word in rows:
                rows[word].append(rest)
                self.counts[word] += 1
            elif word == b"f":
                faces.setdefault(_style(rest), []).append((rest, len(at)))
                at.append((*self.counts.values(), self._object, self._material))
            elif word in (b"o", b"g", b"usemtl", b"mtllib"):
                self._name(word, rest.strip().decode("utf-8", "replace"))
        for kind in KINDS:
            self._keep(kind, rows[kind])
        if at:
            self._keep_faces(faces, np.array(at, np.int64))

    def rows(self, kind: bytes) -> NDArray[np.float32] | None:
        """All rows of a kind [n, k]; None if there are none."""
        blocks = self.values[kind]
        if not blocks:
            return None
        width = min(block.shape[1] for block in blocks)
        return np.concatenate([block[:, :width] for block in blocks])

    def _name(self, word: bytes, name: str) -> None:
        if word == b"mtllib":
            self.libraries += [name] if name not in self.libraries and len(self.libraries) < 16 else []
        elif word == b"usemtl":
            self._material = self._index(self.materials, name)
        elif word == b"o" or not self._named:  # groups stand for objects where there are none
            self._named |= word == b"o"
            self._object = self._index(self.objects, name)

    def _index(self, names: dict[str, int], name: str) -> int:
        if name not in names and len(names) >= limits.MESH_OBJECTS:
            raise FormatError(f"{self.source} has more than {limits.MESH_OBJECTS:,} objects or materials")
        return names.setdefault(name, len(names))

    def _keep(self, kind: bytes, rows: list[bytes]) -> None:
        if self.counts[kind] > limits.MESH_VERTICES_MAX:
            raise FormatError(f"{self.source} has more than {limits.MESH_VERTICES_MAX:,} vertices")
        if not rows:
            return
        width = len(rows[0].split())
        flat = numbers(b" ".join(rows), self.source)
        least = 2 if kind == b"vt" else 3
        if len(flat) != width * len(rows):  # rows of different lengths: each is cut to what all must have
            flat = numbers(b" ".join(b" ".join(row.split()[:least]) for row in rows), self.source)
            width = least
        if width < least or len(flat) != width * len(rows):
            raise FormatError(f"{self.source} has lines of '{kind.decode()}' with too few numbers")
        with np.errstate(over="ignore"):
            self.values[kind].append(flat.reshape(-1, width).astype(np.float32))

    def _keep_faces(self, faces: dict[int, list[tuple[bytes, int]]], at: NDArray[np.int64]) -> None:
        """Corners of faces [p]; `at` [p, 5] holds the counts of v, vt, vn so far, and object and material."""
        parts, lengths, order = [], [], []
        for style, found in faces.items():
            width = (1, 2, 3, 3)[style]
            texts = [text.replace(b"//", b"/0/").replace(b"/", b" ") for text, _ in found]
            count = np.array([len(text.split()) for text in texts], np.int64)
            named = numbers(b" ".join(texts), self.source).reshape(-1)
            if (
                (count % width).any()
                or len(named) != count.sum()
                or (count > width * limits.MESH_POLYGON_CORNERS).any()
            ):
                raise FormatError(f"{self.source} has a face whose corners are named in different ways, or too many")
            if not (np.abs(named) <= np.iinfo(np.int32).max).all():
                raise FormatError(f"{self.source} has a face with a corner of no number, or of a far too large one")
            corners = np.zeros((len(named) // width, 3), np.int64)
            corners[:, :width] = named.reshape(-1, width)
            face = np.array([number for _, number in found])
            parts.append(_rows_of(corners, np.repeat(at[face, :3], count // width, axis=0)))
            lengths.append(count // width)
            order.append(face)
        self._store(parts, lengths, order, at)

    def _store(
        self,
        parts: list[NDArray[np.int64]],
        lengths: list[NDArray[np.int64]],
        order: list[NDArray],
        at: NDArray[np.int64],
    ) -> None:
        face, length = np.concatenate(order), np.concatenate(lengths)
        self.corners.append(np.concatenate(parts).astype(np.int32))
        self.polygons.append(np.column_stack([length, at[face, 3:]]).astype(np.int32))
        if sum(len(block) for block in self.corners) > 3 * limits.MESH_FACES_MAX:
            raise FormatError(f"{self.source} has more than {limits.MESH_FACES_MAX:,} faces")


def _style(face: bytes) -> int:
    """How corners are named: v is 0, v/vt 1, v/vt/vn 2, v//vn 3."""
    first = face.split(None, 1)[0] if face.strip() else b""
    return 3 if b"//" in first else min(first.count(b"/"), 2)


def _rows_of(named: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows from 0 on, of numbers [k, 3] that count from 1, or from the end if negative; -1 for 0, which is none."""
    rows = np.where(named < 0, named + counts, named - 1)
    return np.clip(rows, -1, np.iinfo(np.int32).max)
