"""GLB, the binary container of glTF 2.0: a header, a chunk of JSON, and a chunk of bytes that the JSON describes.

The JSON is decoded into the types below, so that what stands there is known to be of the kind we expect; the rest of it
is skipped. Offsets, counts and strides are checked against the size of the file before anything is read.
Specification: Khronos, glTF 2.0, chapters 3.6 (buffers and accessors) and 4 (GLB).
"""

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError, OutputError
from splatworld.formats.blocks import read_at

MAGIC = b"glTF"
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_TYPES = ("SCALAR", "VEC2", "VEC3", "VEC4")
"""Of accessors, by the count of numbers less one. Matrices occur only in skins and animations."""
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_COMPONENTS = {np.dtype(name): number for number, name in _DTYPES.items()}
POINTS, TRIANGLES, STRIP, FAN = 0, 4, 5, 6
VERTICES, INDICES = 34962, 34963
"""Use of a view, as its `target` says it."""

Index = Annotated[int, Meta(ge=0, le=2**32)]
Size = Annotated[int, Meta(ge=0, le=2**40)]
Vec3 = tuple[float, float, float]
Vec4 = tuple[float, float, float, float]
Item = TypeVar("Item")
_NULL = msgspec.Raw(b"null")


class _Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    pass


class Accessor(_Struct, frozen=True):
    """Numbers in a view: `count` elements of `type`."""

    count: Size
    component_type: int
    type: str
    buffer_view: Index | None = None
    byte_offset: Size = 0
    normalized: bool = False
    sparse: msgspec.Raw = _NULL


class View(_Struct, frozen=True):
    """A run of bytes."""

    byte_length: Size
    buffer: Index = 0
    byte_offset: Size = 0
    byte_stride: Size = 0


class Buffer(_Struct, frozen=True):
    """All bytes; those of the file itself if there is no `uri`."""

    byte_length: Size
    uri: str | None = None


class Primitive(_Struct, frozen=True):
    """Points or triangles with one material."""

    attributes: dict[str, Index]
    indices: Index | None = None
    material: Index | None = None
    mode: int = TRIANGLES
    extensions: dict[str, msgspec.Raw] = {}


class Mesh(_Struct, frozen=True):
    """What a node shows."""

    primitives: list[Primitive]
    name: str = ""


class Node(_Struct, frozen=True):
    """A place in the tree of places; either `matrix`, column after column, or the other three."""

    children: list[Index] = []
    mesh: Index | None = None
    name: str = ""
    matrix: Annotated[list[float], Meta(min_length=16, max_length=16)] | None = None
    rotation: Vec4 = (0.0, 0.0, 0.0, 1.0)
    scale: Vec3 = (1.0, 1.0, 1.0)
    translation: Vec3 = (0.0, 0.0, 0.0)


class Scene(_Struct, frozen=True):
    """The roots of what is shown together."""

    nodes: list[Index] = []
    extras: msgspec.Raw = _NULL


class TextureInfo(_Struct, frozen=True):
    """A texture, and which of the texture coordinates it uses."""

    index: Index
    tex_coord: Index = 0


class Surfacing(_Struct, frozen=True):
    """The part of a material that gives the colour."""

    base_color_factor: Vec4 = (1.0, 1.0, 1.0, 1.0)
    base_color_texture: TextureInfo | None = None


class Material(_Struct, frozen=True):
    """Colour of triangles."""

    pbr_metallic_roughness: Surfacing = Surfacing()
    emissive_factor: Vec3 = (0.0, 0.0, 0.0)
    alpha_mode: str = "OPAQUE"


class Texture(_Struct, frozen=True):
    """An image in use."""

    source: Index | None = None


class Image(_Struct, frozen=True):
    """A picture in a view."""

    buffer_view: Index | None = None


class Gltf(_Struct, frozen=True):
    """The JSON, as far as we read it."""

    accessors: list[Accessor] = []
    buffers: list[Buffer] = []
    buffer_views: list[View] = []
    extensions_required: list[str] = []
    extensions_used: list[str] = []
    images: list[Image] = []
    materials: list[Material] = []
    meshes: list[Mesh] = []
    nodes: list[Node] = []
    scene: Index = 0
    scenes: list[Scene] = []
    textures: list[Texture] = []


@dataclass(frozen=True)
class Column:
    """Where the numbers of an accessor stand: `count` elements of `width`, every `stride` bytes from `offset` on."""

    count: int
    width: int
    dtype: np.dtype
    offset: int
    stride: int
    normalized: bool

    def raw(self, file: BinaryIO, source: str, start: int = 0, n: int | None = None) -> NDArray[Any]:
        """Some elements as they stand there, [n, width]. Raises `FormatError`."""
        n = self.count - start if n is None else n
        if not n:
            return np.empty((0, self.width), self.dtype)
        item = self.width * self.dtype.itemsize
        data = np.empty((n - 1) * self.stride + item, np.uint8)
        read_at(file, self.offset + start * self.stride, data, source)
        return np.ndarray((n, self.width), self.dtype, data.data, strides=(self.stride, self.dtype.itemsize))

    def rows(self, file: BinaryIO, source: str, start: int = 0, n: int | None = None) -> NDArray[np.float32]:
        """Some elements as numbers, normalised ones between -1 or 0 and 1, [n, width]. Raises `FormatError`."""
        values = self.raw(file, source, start, n).astype(np.float32, copy=False)
        if self.normalized and self.dtype.kind != "f":
            values = np.maximum(values / np.float32(np.iinfo(self.dtype).max), np.float32(-1))
        return values


@dataclass(frozen=True)
class Glb:
    """An open file."""

    name: str
    """For messages."""
    file: BinaryIO
    json: Gltf
    start: int
    """Where its bytes begin."""
    size: int
    """How many there are."""

    def item(self, items: Sequence[Item], index: int, what: str) -> Item:
        """`items[index]`. Raises `FormatError`."""
        if index >= len(items):
            raise FormatError(f"{self.name} asks for {what} {index:,} and has {len(items):,}, numbered from 0")
        return items[index]

    def column(self, index: int, *widths: int) -> Column:
        """The place of an accessor whose elements have one of `widths` numbers. Raises `FormatError`."""
        accessor, what = self.item(self.json.accessors, index, "accessor"), f"{self.name}: accessor {index}"
        if accessor.sparse != _NULL or accessor.buffer_view is None:
            raise FormatError(f"{what} is sparse, or without bytes; such are not read")
        width = _TYPES.index(accessor.type) + 1 if accessor.type in _TYPES else 0
        if width not in widths or accessor.component_type not in _DTYPES:
            expected = " or ".join(_TYPES[width - 1] for width in widths)
            raise FormatError(f"{what} holds {accessor.type} of type {accessor.component_type}; expected {expected}")
        if accessor.count > limits.FILE_SPLATS_MAX:
            raise FormatError(f"{what} claims {accessor.count:,} elements; at most {limits.FILE_SPLATS_MAX:,} are read")
        offset, length, stride = self._view(accessor.buffer_view)
        dtype = np.dtype(_DTYPES[accessor.component_type])
        item = width * dtype.itemsize
        if stride and not item <= stride <= limits.GLTF_STRIDE_BYTES:
            raise FormatError(f"{what} has elements of {item} bytes every {stride} bytes")
        stride = stride or item
        end = accessor.byte_offset + (accessor.count - 1) * stride + item if accessor.count else 0
        if end > length:
            raise FormatError(f"{what} ends at byte {end:,} of the {length:,} of its view, which begins at {offset:,}")
        return Column(accessor.count, width, dtype, offset + accessor.byte_offset, stride, accessor.normalized)

    def blob(self, index: int) -> bytes:
        """The bytes of a view. Raises `FormatError`."""
        offset, length, _ = self._view(index)
        data = np.empty(length, np.uint8)
        read_at(self.file, offset, data, self.name)
        return data.tobytes()

    def _view(self, index: int) -> tuple[int, int, int]:
        """Offset in the file, length and stride."""
        view = self.item(self.json.buffer_views, index, "view")
        if self.item(self.json.buffers, view.buffer, "buffer").uri is not None or view.buffer:
            raise FormatError(f"{self.name}: view {index} lies in another file; only the file's own bytes are read")
        if view.byte_offset + view.byte_length > self.size:
            end = f"{view.byte_offset + view.byte_length:,} of {self.size:,}"
            raise FormatError(f"{self.name}: view {index} ends at byte {end} of the binary chunk")
        return self.start + view.byte_offset, view.byte_length, view.byte_stride


@contextmanager
def opened(path: Path) -> Iterator[Glb]:
    """A GLB of version 2, its chunks and JSON checked. Raises `FormatError`."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        magic, version, length = struct.unpack("<4sII", _exactly(file, 12, path.name))
        if magic != MAGIC or version != 2:
            raise FormatError(f"{path.name} is no GLB of version 2")
        if length > size:
            raise FormatError(f"{path.name} ends early: it says {length:,} bytes and has {size:,}")
        json_size = _chunk(file, _JSON, length, path.name)
        if json_size > limits.GLTF_JSON_BYTES:
            raise FormatError(f"{path.name}: its JSON is {json_size:,} bytes; at most {limits.GLTF_JSON_BYTES:,} "
                              "are read")  # fmt: skip
        json = _decoded(_exactly(file, json_size, path.name), path.name)
        # Chunks begin at multiples of four; a file may have none but JSON.
        bin_size = _chunk(file, _BIN, length, path.name) if file.tell() + 8 <= length else 0
        yield Glb(path.name, file, json, file.tell(), bin_size)


def _exactly(file: BinaryIO, count: int, source: str) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise FormatError(f"{source} ends early: {count - len(data):,} bytes of its header are missing")
    return data


def _chunk(file: BinaryIO, kind: int, end: int, source: str) -> int:
    """The size of the chunk that begins here; the file then stands at its content."""
    at = file.tell()
    size, found = struct.unpack("<II", _exactly(file, 8, source))
    if found != kind:
        expected = "JSON" if kind == _JSON else "binary"
        raise FormatError(f"{source} has no {expected} chunk at byte {at:,}")
    if at + 8 + size > end:
        raise FormatError(f"{source}: the chunk at byte {at:,} claims {size:,} bytes; {end - at - 8:,} are left")
    return size


def _decoded(data: bytes, source: str) -> Gltf:
    # A few bytes of JSON become a hundred of an object.
    if data.count(b"{") > limits.GLTF_OBJECTS:
        raise FormatError(f"{source}: its JSON describes more than {limits.GLTF_OBJECTS:,} objects")
    try:
        return msgspec.json.decode(data, type=Gltf)
    except RecursionError:
        raise FormatError(f"{source}: its JSON is nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as why:
        raise FormatError(f"{source}: its JSON is no glTF: {why}") from None


@dataclass
class Draft:
    """A GLB in the making: its JSON, and how many bytes that describes so far."""

    json: dict[str, Any]
    size: int = 0
    blobs: list[tuple[int, bytes | memoryview]] = field(default_factory=list)
    """Offset and content of what is to be written; bytes whose room was only reserved are not among them."""

    def add(self, kind: str, item: dict[str, Any]) -> int:
        """Append to one of the lists of the JSON; returns the index."""
        self.json.setdefault(kind, []).append(item)
        return len(self.json[kind]) - 1

    @property
    def scene(self) -> dict[str, Any]:
        """The JSON of its one scene."""
        return self.json["scenes"][0]

    def use(self, extension: str) -> None:
        """Name an extension that occurs."""
        used = self.json.setdefault("extensionsUsed", [])
        used += [] if extension in used else [extension]

    def show(self, node: dict[str, Any]) -> None:
        """Add a node to the scene."""
        self.scene.setdefault("nodes", []).append(self.add("nodes", node))

    def reserve(self, size: int, target: int | None = None) -> tuple[int, int]:
        """A view of `size` bytes: its index, and its offset in the binary chunk."""
        offset = self.size
        self.size = offset + -(-size // 4) * 4
        view = {"buffer": 0, "byteOffset": offset, "byteLength": size}
        return self.add("bufferViews", view | ({"target": target} if target else {})), offset

    def accessor(
        self, count: int, width: int, dtype: np.dtype | type, *, target: int = VERTICES, **more: Any
    ) -> tuple[int, int]:
        """Room for `count` elements of `width` numbers: index of the accessor, and offset."""
        dtype = np.dtype(dtype)
        view, offset = self.reserve(count * width * dtype.itemsize, target)
        kind = {"bufferView": view, "componentType": _COMPONENTS[dtype], "type": _TYPES[width - 1]}
        return self.add("accessors", {**kind, "count": count, **more}), offset

    def put(self, values: NDArray[Any], *, target: int = VERTICES, **more: Any) -> int:
        """An accessor with its values, [n] or [n, width]; returns its index."""
        width = values.shape[1] if values.ndim == 2 else 1
        index, offset = self.accessor(len(values), width, values.dtype, target=target, **more)
        self.blobs.append((offset, np.ascontiguousarray(values).reshape(-1).view(np.uint8).data))
        return index

    def put_bytes(self, data: bytes) -> int:
        """A view with its content; returns its index."""
        view, offset = self.reserve(len(data))
        self.blobs.append((offset, data))
        return view

    def head(self, size: int = 0) -> bytes:
        """All of the file before the bytes, at least `size` bytes long. Raises `OutputError` beyond 4 GiB."""
        buffers = {"buffers": [{"byteLength": self.size}]} if self.size else {}
        text = msgspec.json.encode(self.json | buffers)
        text = text.ljust(max(-(-len(text) // 4) * 4, size - 20 - (8 if self.size else 0)))
        total = 12 + 8 + len(text) + (8 + self.size if self.size else 0)
        if total >= 2**32:
            raise OutputError(f"cannot write GLB: it would have {total:,} bytes, and its sizes have 32 bits")
        if len(text) > limits.GLTF_JSON_BYTES:
            raise OutputError(f"cannot write GLB: its JSON would have {len(text):,} bytes")
        head = struct.pack("<4sIIII", MAGIC, 2, total, len(text), _JSON) + text
        return head + (struct.pack("<II", self.size, _BIN) if self.size else b"")

    def write(self, file: BinaryIO, *, spare: int = 0) -> None:
        """The whole file, its head `spare` bytes longer than it must be. Raises `OutputError` beyond 4 GiB."""
        head = self.head(len(self.head()) + spare)
        file.write(head)
        for offset, data in self.blobs:
            file.seek(len(head) + offset)
            file.write(data)
        file.truncate(len(head) + self.size)


def draft() -> Draft:
    """A file with nothing in it yet but one scene."""
    return Draft({"asset": {"version": "2.0", "generator": "splatworld"}, "scene": 0, "scenes": [{}]})
