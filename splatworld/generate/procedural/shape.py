"""`Shape`: the surface of a thing before it becomes splats, and the strokes that things are built from.

A shape stands in its thing's frame: metres, +Z up, its front towards -Y, origin below its middle where it touches the
ground. Each face names a material and may say how it wants to be lit and along which direction its grain runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.materials import Material
from splatworld.geometry import Similarity, Vec3
from splatworld.world import PointLight, Surface

Array = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Shape:
    """Triangles with materials."""

    vertices: Array
    """[v, 3] metres, thing frame."""
    faces: Ints
    """[f, 3], counter-clockwise seen from outside."""
    material: Ints
    """[f] index into `materials`."""
    materials: tuple[Material, ...]
    grain: Array
    """[f, 3] unit direction in which a splat on the face is stretched (blade, needle, plank, bark); zero = none."""
    shading: Array
    """[f, 3] normal used for light instead of the face's own (leaves take the crown's); zero = the face's own."""
    width: Array
    """[f] metres across the grain that a splat must not exceed by much: bars, slats, leaves; inf = a broad face."""
    lights: tuple[PointLight, ...] = ()

    @property
    def triangles(self) -> Array:
        """[f, 3, 3] corner positions."""
        return self.vertices[self.faces]

    @property
    def normals(self) -> Array:
        """[f, 3] unit face normals (zero for a degenerate face)."""
        t = self.triangles
        n = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
        return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-20)

    @property
    def areas(self) -> Array:
        """[f] square metres."""
        t = self.triangles
        return 0.5 * np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Smallest and largest corner."""
        if not len(self.vertices):
            return np.zeros(3, np.float32), np.zeros(3, np.float32)
        return self.vertices.min(0), self.vertices.max(0)

    @property
    def surface(self) -> Surface:
        """The bare mesh."""
        return Surface(self.vertices, self.faces)

    def moved(self, to_from_here: Similarity) -> Self:
        """The shape seen from another frame."""
        turn = Similarity(rotation=to_from_here.rotation)
        return replace(
            self,
            vertices=to_from_here.apply(self.vertices),
            width=self.width * np.float32(to_from_here.scale),
            grain=turn.apply(self.grain),
            shading=turn.apply(self.shading),
            lights=tuple(
                PointLight(_vec(to_from_here.apply(np.asarray(light.position))), light.colour, light.power)
                for light in self.lights
            ),
        )

    def only(self, rows: NDArray[np.bool_]) -> Self:
        """The chosen faces (a mask [f]); vertices stay."""
        return replace(
            self,
            faces=self.faces[rows],
            material=self.material[rows],
            grain=self.grain[rows],
            shading=self.shading[rows],
            width=self.width[rows],
        )

    def at(self, x: float, y: float, z: float = 0.0, *, yaw: float = 0.0, scale: float = 1.0) -> Self:
        """Scaled, turned by `yaw` radians about +Z, then shifted."""
        return self.moved(Similarity.at((x, y, z), yaw=yaw, scale=scale))

    def mapped(self, displace: Callable[[Array], NDArray[np.floating]]) -> Self:
        """Vertices passed through `displace` ([v, 3] to [v, 3])."""
        return replace(self, vertices=displace(self.vertices).astype(np.float32))

    def with_grain(self, direction: Vec3) -> Self:
        """Every face's grain along `direction`."""
        d = np.asarray(direction, np.float32)
        return replace(self, grain=np.tile(d / np.linalg.norm(d), (len(self.faces), 1)))

    def shaded_from(self, centre: Vec3, *, blend: float = 1.0) -> Self:
        """Lit as if the normals pointed away from `centre`: gives a crown of leaves a soft body."""
        away = self.triangles.mean(1) - np.asarray(centre, np.float32)
        away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
        mixed = blend * away + (1 - blend) * self.normals
        return replace(self, shading=(mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)))


def mesh(vertices: NDArray[np.floating], faces: NDArray[np.integer], material: Material) -> Shape:
    """One material on given triangles."""
    f = np.asarray(faces, np.int32).reshape(-1, 3)
    none = np.zeros((len(f), 3), np.float32)
    vertices = np.asarray(vertices, np.float32).reshape(-1, 3)
    return Shape(
        vertices, f, np.zeros(len(f), np.int32), (material,), none, none.copy(), np.full(len(f), np.inf, np.float32)
    )


def join(shapes: Sequence[Shape]) -> Shape:
    """Many shapes as one; equal materials are shared."""
    shapes = [s for s in shapes if len(s.faces)]
    if not shapes:
        raise ValueError("join: no shape has a face")
    materials: list[Material] = []
    faces, index, offset = [], [], 0
    for s in shapes:
        for m in s.materials:
            if m not in materials:
                materials.append(m)
        lookup = np.array([materials.index(m) for m in s.materials], np.int32)
        faces.append(s.faces + offset)
        index.append(lookup[s.material])
        offset += len(s.vertices)
    return Shape(
        np.concatenate([s.vertices for s in shapes]),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(index),
        tuple(materials),
        np.concatenate([s.grain for s in shapes]),
        np.concatenate([s.shading for s in shapes]),
        np.concatenate([s.width for s in shapes]),
        tuple(light for s in shapes for light in s.lights),
    )


def box(size: Vec3, material: Material, *, centre: Vec3 = (0.0, 0.0, 0.0), bottom: bool = False) -> Shape:
    """A block of `size` (x, y, z) around `centre`; with `bottom` its underside stands at `centre`'s z."""
    corners = np.array([[(i & 1) - 0.5, (i >> 1 & 1) - 0.5, (i >> 2 & 1) - 0.5] for i in range(8)])
    if bottom:
        corners[:, 2] += 0.5
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    out = mesh(corners * np.asarray(size) + np.asarray(centre), np.array(faces), material)
    # Each side's grain runs along its longer edge and its splats keep to its shorter one.
    grain, width = np.zeros((12, 3), np.float32), np.zeros(12, np.float32)
    for face, flat in enumerate((2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0)):
        longer = max((k for k in range(3) if k != flat), key=lambda k: size[k])
        grain[face, longer] = 1
        width[face] = min(size[k] for k in range(3) if k != flat)
    return replace(out, grain=grain, width=width)


def quad(a: Vec3, b: Vec3, c: Vec3, d: Vec3, material: Material) -> Shape:
    """A flat four-cornered sheet, counter-clockwise seen from outside."""
    return mesh(np.array([a, b, c, d]), np.array([[0, 1, 2], [0, 2, 3]]), material)


def lathe(profile: Sequence[tuple[float, float]], material: Material, *, sides: int = 16) -> Shape:
    """A profile of (radius, z), from low to high, turned about the z axis."""
    p = np.asarray(profile, np.float64)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    vertices = np.concatenate([np.column_stack([ring * r, np.full(sides, z)]) for r, z in p])
    # A splat on a round body must be small against its radius, or it stands off at the sides.
    radius = np.repeat(np.maximum(p[1:, 0], p[:-1, 0]), 2 * sides)
    upwards = np.tile(np.array([0, 0, 1], np.float32), (len(radius), 1))
    return replace(
        mesh(vertices, _grid_faces(len(p), sides), material),
        grain=upwards,
        width=np.maximum(1.3 * radius, 1e-3).astype(np.float32),
    )


def tube(
    path: NDArray[np.floating],
    radii: NDArray[np.floating] | Sequence[float] | float,
    material: Material,
    *,
    sides: int = 8,
) -> Shape:
    """A round bar along `path` [k, 3], with grain along it and closed ends."""
    path = np.asarray(path, np.float64)
    radius = np.broadcast_to(np.asarray(radii, np.float64), len(path))
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    side = _carried_side(along)
    over = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * over[:, None]
    vertices = (path[:, None] + radius[:, None, None] * ring).reshape(-1, 3)
    faces = _grid_faces(len(path), sides)
    first, last = len(vertices), len(vertices) + 1
    n = np.arange(sides)
    low = np.column_stack([np.full(sides, first), (n + 1) % sides, n])
    base = (len(path) - 1) * sides
    high = np.column_stack([np.full(sides, last), base + n, base + (n + 1) % sides])
    vertices = np.concatenate([vertices, path[:1], path[-1:]])
    out = mesh(vertices, np.concatenate([faces, low, high]), material)
    mid = np.repeat(np.arange(len(path) - 1), 2 * sides)
    ends = np.zeros((2 * sides, 3), np.float32)
    round_the_bar = np.concatenate([1.3 * np.minimum(radius[mid], radius[mid + 1]), np.repeat(radius[[0, -1]], sides)])
    return replace(
        out,
        grain=np.concatenate([along[mid].astype(np.float32), ends]),
        width=np.maximum(round_the_bar, 1e-3).astype(np.float32),
    )


def ball(radius: float, material: Material, *, subdivisions: int = 2) -> Shape:
    """An icosphere; displace it with `mapped` for boulders and bushes."""
    import trimesh

    sphere = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return mesh(sphere.vertices, sphere.faces, material)


def cards(
    centres: NDArray[np.floating],
    along: NDArray[np.floating],
    normals: NDArray[np.floating],
    lengths: NDArray[np.floating] | float,
    widths: NDArray[np.floating] | float,
    material: Material,
) -> Shape:
    """Many small rhombic leaves: `centres`, long axes `along` and `normals` [n, 3]; lengths and widths [n] in metres.

    A rhombus covers what one stretched splat covers, so that the mesh and its splats agree.
    """
    n = len(centres)
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.cross(normals, along)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    a = along * np.broadcast_to(np.asarray(lengths, np.float64), n)[:, None] / 2
    b = across * np.broadcast_to(np.asarray(widths, np.float64), n)[:, None] / 2
    vertices = np.stack([centres - a, centres + b, centres + a, centres - b], 1).reshape(-1, 3)
    base = 4 * np.arange(n)[:, None]
    faces = (base[..., None] + np.array([[0, 2, 1], [0, 3, 2]])).reshape(-1, 3)
    return replace(
        mesh(vertices, faces, material),
        grain=np.repeat(along, 2, 0).astype(np.float32),
        width=np.repeat(np.broadcast_to(np.asarray(widths, np.float32), n), 2),
    )


def heightfield(x: NDArray[np.floating], y: NDArray[np.floating], z: NDArray[np.floating], material: Material) -> Shape:
    """A sheet over the grid `x` [a], `y` [b] with heights `z` [b, a]."""
    xx, yy = np.meshgrid(x, y)
    vertices = np.column_stack([xx.ravel(), yy.ravel(), z.ravel()])
    i = np.arange(len(y) * len(x)).reshape(len(y), len(x))
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, 1:].ravel(), i[1:, :-1].ravel()
    return mesh(vertices, np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])]), material)


def _grid_faces(rows: int, sides: int) -> NDArray[np.int64]:
    r, s = np.meshgrid(np.arange(rows - 1), np.arange(sides), indexing="ij")
    a, b = r * sides + s, r * sides + (s + 1) % sides
    c, d = b + sides, a + sides
    return np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], -2).reshape(-1, 3)


def _carried_side(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """A direction across each of `along` [k, 3] that turns as little as possible from one to the next: no twist."""
    side = np.cross(along[0], (1.0, 0, 0) if abs(along[0, 2]) > 0.9 else (0, 0, 1.0))
    sides = np.empty_like(along)
    for k, direction in enumerate(along):
        side = side - direction * (side @ direction)
        side /= max(np.linalg.norm(side), 1e-9)
        sides[k] = side
    return sides


def _vec(v: NDArray[np.floating]) -> Vec3:
    x, y, z = (float(c) for c in v)
    return x, y, z
