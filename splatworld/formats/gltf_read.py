"""Reading the meshes and points of a GLB: one `Mesh` for each node that shows some, placed in the axes of the file."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from splatworld import limits
from splatworld.errors import FormatError
from splatworld.formats import gltf_nodes, pictures
from splatworld.formats.gltf_container import FAN, POINTS, STRIP, TRIANGLES, Glb, Primitive
from splatworld.formats.meshes import Material, Mesh
from splatworld.palette import display_from_linear

_FORMATS = ("PNG", "JPEG", "WEBP")
_SHOWN = (POINTS, TRIANGLES, STRIP, FAN)


def meshes(glb: Glb) -> Iterator[Mesh]:
    """All that the scene shows as triangles or points, in axes with y up (`rub`); no lines. Raises `FormatError`."""
    reader = _Reader(glb)
    for node, place in gltf_nodes.shown(glb):
        if node.mesh is None:
            continue
        mesh = glb.item(glb.json.meshes, node.mesh, "mesh")
        name = node.name or mesh.name or f"mesh {node.mesh + 1}"
        parts = [reader.part(name, primitive) for primitive in mesh.primitives if primitive.mode in _SHOWN]
        triangles = [part for part in parts if len(part.faces)]
        points = [part for part in parts if not len(part.faces) and len(part.vertices)]
        for found in ([_joined(triangles)] if triangles else []) + points:
            yield _placed(found, place, glb.name)


class _Reader:
    """Reads what primitives ask for, which may be the same many times, within a budget; and every picture once."""

    def __init__(self, glb: Glb) -> None:
        self.glb = glb
        self.values_left = limits.GLTF_COPIES_MAX * (glb.size // 4)
        self.pixels_left = limits.GLTF_TEXTURE_PIXELS
        self.pictures: dict[int, NDArray[np.uint8]] = {}

    def part(self, name: str, primitive: Primitive) -> Mesh:
        """A primitive as it stands there, in its own axes."""
        if "POSITION" not in primitive.attributes:
            raise FormatError(f"{self.glb.name}: '{name}' has no positions")
        coordinates, material = self._material(primitive)
        vertices = self._rows(primitive, "POSITION", 3)
        assert vertices is not None
        normals = self._rows(primitive, "NORMAL", 3)
        light = self._rows(primitive, "COLOR_0", 3, 4)
        uv = self._rows(primitive, f"TEXCOORD_{coordinates}", 2)
        if any(values is not None and len(values) != len(vertices) for values in (normals, light, uv)):
            raise FormatError(f"{self.glb.name}: the attributes of '{name}' have different counts")
        colours = None if light is None else display_from_linear(np.clip(light[:, :3], 0, 1))
        return Mesh(name, vertices, self._faces(name, primitive, len(vertices)), colours, normals, uv, (material,))

    def _rows(self, primitive: Primitive, attribute: str, *widths: int) -> NDArray[np.float32] | None:
        if attribute not in primitive.attributes:
            return None
        column = self.glb.column(primitive.attributes[attribute], *widths)
        self._spend(column.count * column.width)
        values = column.rows(self.glb.file, self.glb.name)
        if not np.isfinite(values).all():
            raise FormatError(f"{self.glb.name}: {attribute} holds values that are no finite number")
        return values

    def _faces(self, name: str, primitive: Primitive, count: int) -> NDArray[np.int32]:
        """Corners of the triangles, [f, 3]; none of points, whatever order their indices say."""
        if primitive.mode == POINTS:
            return np.zeros((0, 3), np.int32)
        if primitive.indices is None:
            return _triangles(np.arange(count, dtype=np.int32), primitive.mode)
        column = self.glb.column(primitive.indices, 1)
        self._spend(3 * column.count)
        if column.dtype.kind != "u":
            raise FormatError(f"{self.glb.name}: the indices of '{name}' are no whole numbers")
        corners = column.raw(self.glb.file, self.glb.name)[:, 0]
        if len(corners) and int(corners.max()) >= count:
            raise FormatError(f"{self.glb.name}: '{name}' asks for vertex {corners.max():,} of {count:,}")
        return _triangles(corners.astype(np.int32), primitive.mode)

    def _spend(self, values: int) -> None:
        self.values_left -= values
        if self.values_left < 0:
            raise FormatError(f"{self.glb.name} shows its meshes so often that they take more than "
                              f"{limits.GLTF_COPIES_MAX} times its size")  # fmt: skip

    def _material(self, primitive: Primitive) -> tuple[int, Material]:
        """The set of texture coordinates that it uses, and the material."""
        if primitive.material is None:
            return 0, Material()
        found = self.glb.item(self.glb.json.materials, primitive.material, "material")
        surface = found.pbr_metallic_roughness
        *light, alpha = np.clip(surface.base_color_factor, 0, 1).tolist()
        red, green, blue = map(display_from_linear, light)
        opacity = 1.0 if found.alpha_mode == "OPAQUE" else alpha
        shine = np.clip(found.emissive_factor, 0, 1).tolist()
        emission = tuple(map(display_from_linear, shine))
        info = surface.base_color_texture
        texture = None if info is None else self._picture(info.index)
        return info.tex_coord if info else 0, Material((red, green, blue), opacity, texture, emission)

    def _picture(self, index: int) -> NDArray[np.uint8] | None:
        """The pixels of a texture; None if its picture is of a kind that only an extension can read, or elsewhere."""
        glb = self.glb
        source = glb.item(glb.json.textures, index, "texture").source
        view = None if source is None else glb.item(glb.json.images, source, "image").buffer_view
        if view is None:
            return None
        if view not in self.pictures:
            found = pictures.pixels(glb.blob(view), f"{glb.name}: picture {source}", _FORMATS, self.pixels_left)
            self.pixels_left -= found.shape[0] * found.shape[1]
            self.pictures[view] = found
        return self.pictures[view]


def _triangles(corners: NDArray[np.int32], mode: int) -> NDArray[np.int32]:
    """Triangles [f, 3] of a list, a strip or a fan of corners."""
    if mode == TRIANGLES or len(corners) < 3:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == FAN:
        return np.stack([corners[1:-1], corners[2:], np.broadcast_to(corners[0], len(corners) - 2)], 1)
    faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], 1)
    faces[1::2] = faces[1::2, [0, 2, 1]]  # every other one of a strip runs the other way
    return faces


def _joined(parts: list[Mesh]) -> Mesh:
    """Primitives of one node as one mesh with several materials."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    rows = {}
    for name, default in (("normals", np.zeros(3)), ("colours", np.ones(3)), ("uv", np.zeros(2))):
        columns = [getattr(part, name) for part in parts]
        if any(values is not None for values in columns):
            filled = (
                np.tile(default.astype(np.float32), (len(part.vertices), 1)) if values is None else values
                for part, values in zip(parts, columns, strict=True)
            )
            rows[name] = np.concatenate(list(filled))
    return Mesh(
        parts[0].name,
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + np.int32(at) for part, at in zip(parts, offsets, strict=False)]),
        **rows,
        materials=tuple(part.materials[0] for part in parts),
        material=np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.faces) for part in parts]),
    )


def _placed(mesh: Mesh, place: NDArray[np.float64], source: str) -> Mesh:
    """A mesh moved by an affine transform [4, 4]; one that mirrors turns the faces round."""
    linear = place[:3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        vertices = mesh.vertices @ linear.T + place[:3, 3]
        volume = np.linalg.det(linear)
    if len(vertices) and not np.abs(vertices).max() <= limits.POSITION_METRES_MAX:
        raise FormatError(f"{source}: '{mesh.name}' lies beyond {limits.POSITION_METRES_MAX:,.0f} m")
    normals = None
    if mesh.normals is not None and abs(volume) > 1e-30:
        normals = mesh.normals @ np.linalg.inv(linear)
        normals = (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)).astype(np.float32)
    faces = mesh.faces[:, ::-1] if volume < 0 else mesh.faces
    return Mesh(
        mesh.name, vertices.astype(np.float32), np.ascontiguousarray(faces), mesh.colours, normals, mesh.uv,
        mesh.materials, mesh.material,
    )  # fmt: skip
