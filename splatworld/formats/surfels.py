"""Points and meshes become splats: flat ones that close the surface and show its colour from all sides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import discs, limits, sh
from splatworld.formats.meshes import Material, Mesh
from splatworld.geometry import quats_from_matrices
from splatworld.palette import linear_from_display
from splatworld.splats import Splats, empty

Floats = NDArray[np.floating]

COUNT = 500_000
"""Splats that a mesh is made into at most, unless another number is asked for ..."""
FINENESS = 400
"""... and how many of them lie along its diagonal at most."""
OPACITY = 0.99
LEAST_OPACITY = 0.05
"""What is more transparent is left out: holes that a texture cuts."""
GREY = 0.7
"""Display value of points and meshes without any colour."""
NEIGHBOURS = 6
"""Points from which the spacing and the plane at a point are told."""
ROUND = 1.12
"""Distance to the farthest of the neighbours over the spacing, between those of even and of random points."""
POINT_COVER = 0.85
"""As `discs.COVER`, for points that nobody spread evenly."""
CROWD = 24
"""Candidates in a cube of one spacing that are looked at; more are there only where surfaces lie on each other."""
SHADE = 0.45
"""Share of their brightness that faces lose which look straight away from the light."""
LIGHT = np.array([-0.40, -0.52, 0.755], np.float32)
_BLOCK = 100_000


def from_points(points: Floats, colours: Floats | None = None, normals: Floats | None = None) -> Splats:
    """A splat for each point [n, 3], as wide as its neighbours are apart and flat along the surface they lie on.

    `colours` [n, 3] are display values from 0 to 1, `normals` [n, 3] of any length; where they are missing or zero the
    plane through the neighbours is taken. Points that are no number are left out.
    """
    sound = np.isfinite(points).all(1) & (np.abs(points) <= limits.POSITION_METRES_MAX).all(1)
    points = np.ascontiguousarray(points[sound], np.float32)
    if not len(points):
        return empty()
    shown = np.full((len(points), 3), GREY, np.float32) if colours is None else colours[sound]
    spacing, frames, thickness = _neighbourhoods(points)
    given = None if normals is None else np.nan_to_num(normals[sound].astype(np.float32), posinf=0, neginf=0)
    if given is not None:
        known = np.linalg.norm(given, axis=1) > 1e-6
        frames[known] = _frames(given[known] / np.linalg.norm(given[known], axis=1, keepdims=True))
    flat = np.maximum(POINT_COVER * spacing, 1e-6)
    thin = np.clip(thickness, discs.FLATNESS * flat, 0.7 * flat)
    opacity = np.full(len(points), OPACITY, np.float32)
    splats = _splats(points, frames, np.stack([flat, flat, thin], 1), shown, opacity)
    return splats if given is None else splats.with_extras(normal=torch.from_numpy(frames[..., 2].copy()).half())


def from_mesh(mesh: Mesh, *, spacing: float | None = None, shaded: bool = False) -> Splats:
    """Flat splats spread evenly over the faces of a mesh, `spacing` metres apart, in its frame.

    One for each point where there are no faces. Colours are those of material, picture and vertices, looked up at each
    splat; they also stand in the extra "albedo" as linear light, so that the world can be lit anew. `shaded` darkens
    faces of one colour that look away from the light, as viewers of meshes do. Faces with values that are no number are
    left out. The same mesh gives the same splats.
    """
    if not len(mesh.faces):
        return from_points(mesh.vertices, mesh.colours, mesh.normals)
    faces = _sound_faces(mesh)
    if not faces.areas.sum() > 0:
        return empty()
    spacing = spacing or spacing_of([mesh])
    seats = _seats(faces, spacing)
    normals = faces.normals[seats.face]
    shading = normals if mesh.normals is None else _unit(seats.mixed(mesh.normals[faces.rows[seats.face]]), normals)
    colours, opacity = _painted(mesh, faces, seats, spacing)
    points, sigmas = _drawn_in(faces.corners, seats.mixed(faces.corners[seats.face]), _frames(normals), spacing)
    kept = opacity >= LEAST_OPACITY
    splats = _splats(points[kept], _frames(normals)[kept], sigmas[kept], colours[kept], OPACITY * opacity[kept])
    if shaded:
        plain = np.array([m.texture is None for m in mesh.materials])[faces.material[seats.face]][kept]
        splats = _shaded(splats, shading[kept], plain if mesh.colours is None else plain & False)
    return splats.with_extras(normal=torch.from_numpy(shading[kept]).half())


def spacing_of(meshes: Sequence[Mesh], count: int | None = None) -> float:
    """Metres between splats at which all meshes together have about `count`; by default as many as show them well."""
    area, low, high = 0.0, np.full(3, np.inf), np.full(3, -np.inf)
    for mesh in meshes:
        faces = _sound_faces(mesh)
        if len(faces.corners):
            area += float(faces.areas.sum(dtype=np.float64))
            low, high = np.minimum(low, faces.corners.min((0, 1))), np.maximum(high, faces.corners.max((0, 1)))
    if not area:
        return 1.0
    if count is not None:
        return float(np.sqrt(area / max(count, 1)))
    return max(float(np.sqrt(area / COUNT)), float(np.linalg.norm(high - low)) / FINENESS)


@dataclass(frozen=True, eq=False)
class _Faces:
    """The faces of a mesh that mean something."""

    corners: Floats
    """[f, 3, 3] metres."""
    rows: NDArray[np.int32]
    """[f, 3] vertices of the mesh."""
    material: NDArray[np.int32]
    """[f]"""
    areas: Floats
    """[f]"""
    normals: Floats
    """[f, 3] unit; zero for faces without area."""


@dataclass(frozen=True, eq=False)
class _Seats:
    """Places on faces."""

    face: NDArray[np.int64]
    """[n]"""
    weights: Floats
    """[n, 3, 1] of the corners."""

    def mixed(self, values: Floats) -> Floats:
        """Values [n, k] here, of those [n, 3, k] at the corners."""
        return (values * self.weights).sum(1).astype(np.float32)


def sound_rows(mesh: Mesh) -> NDArray[np.int64]:
    """Numbers of the faces whose corners and materials exist and lie within the limits."""
    sound = ((mesh.faces >= 0) & (mesh.faces < len(mesh.vertices))).all(1)
    if mesh.material is not None:
        sound &= (mesh.material >= 0) & (mesh.material < len(mesh.materials))
    rows = np.flatnonzero(sound)
    if not len(rows):
        return rows
    reach = np.abs(mesh.vertices).max(1)[mesh.faces[rows]].max(1)
    return rows[reach <= limits.POSITION_METRES_MAX]  # false for what is no number


def _sound_faces(mesh: Mesh) -> _Faces:
    sound = sound_rows(mesh)
    rows = mesh.faces[sound]
    material = np.zeros(len(rows), np.int32) if mesh.material is None else mesh.material[sound]
    corners = mesh.vertices[rows].astype(np.float32)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(cross, axis=1)
    normals = (cross / np.maximum(double, 1e-30)[:, None]).astype(np.float32)
    single = _single(mesh.vertices, rows, normals)
    rows, material, corners, double, normals = (x[single] for x in (rows, material, corners, double, normals))
    return _Faces(corners, rows, material, 0.5 * double, normals)


def _single(vertices: NDArray[np.float32], rows: NDArray[np.int32], normals: Floats) -> NDArray[np.int64]:
    """Of faces [f, 3] with the same three corners the brightest: sheets that have one on either side need but that."""
    if not len(rows):
        return np.zeros(0, np.int64)
    places = np.unique(vertices.astype(np.float32), axis=0, return_inverse=True)[1].reshape(-1)
    bright = np.argsort(-(normals @ LIGHT), kind="stable")
    return np.sort(bright[np.unique(np.sort(places[rows[bright]], axis=1), axis=0, return_index=True)[1]])


def _seats(faces: _Faces, spacing: float) -> _Seats:
    """About one for each spacing by spacing, none too near to another on the same side of the surface."""
    wanted = max(int(np.ceil(faces.areas.sum(dtype=np.float64) / spacing**2)), 1)
    rng = np.random.default_rng([wanted, 91])
    face, u, v = discs.scattered(faces.areas, 3 * wanted, rng)
    seats = _Seats(face, np.concatenate([1 - u - v, u, v], 1)[..., None])
    points, normals = seats.mixed(faces.corners[face]), faces.normals[face]
    rows = _uncrowded(points, normals, spacing)
    radius = np.full(len(rows), discs.PACKING * spacing, np.float32)
    taken = rows[discs.spread(points[rows], normals[rows], radius, rng)[:wanted]]
    return _Seats(face[taken], seats.weights[taken])


def _uncrowded(points: Floats, normals: Floats, spacing: float) -> NDArray[np.int64]:
    """Rows of at most `CROWD` points for each cube and side of the surface, lest all be compared with all."""
    cells = np.floor((points - points.min(0)) / spacing).astype(np.int64)
    size = cells.max(0) + 1
    side = np.abs(normals).argmax(1)
    side = 2 * side + (normals[np.arange(len(normals)), side] > 0)
    key = ((cells[:, 0] * size[1] + cells[:, 1]) * size[2] + cells[:, 2]) * 6 + side
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    rank = np.arange(len(key)) - np.repeat(first, np.diff(np.r_[first, len(key)]))
    return np.sort(order[rank < CROWD])


def _drawn_in(triangles: Floats, points: Floats, frames: Floats, spacing: float) -> tuple[Floats, Floats]:
    """Points and sigmas of discs that do not stand out over the edges of triangles [f, 3, 3].

    Few lie near an edge: those with all four ends on the surface are left as they are.
    """
    flat = discs.COVER * spacing
    sigmas = np.tile(np.array([flat, flat, discs.FLATNESS * flat], np.float32), (len(points), 1))
    faces = np.arange(3 * len(triangles), dtype=np.int32).reshape(-1, 3)
    distance = discs.distance_to(np.ascontiguousarray(triangles.reshape(-1, 3), np.float32), faces)
    out = np.zeros(len(points), bool)
    for end in (frames[..., 0], -frames[..., 0], frames[..., 1], -frames[..., 1]):
        out[~out] = distance((points + discs.HALF_OPAQUE * flat * end)[~out]) >= 0.2 * flat
    axes, near = (frames[out, :, 0], frames[out, :, 1]), np.full(int(out.sum()), 0.2 * flat, np.float32)
    points[out], sigmas[out] = discs.drawn_in(distance, points[out], axes, sigmas[out], near)
    return points, sigmas


def _painted(mesh: Mesh, faces: _Faces, seats: _Seats, spacing: float) -> tuple[Floats, Floats]:
    """Display colour [n, 3] and opacity [n] at places on faces."""
    bare = mesh.colours is None and mesh.materials == (Material(),)
    corners, material = faces.rows[seats.face], faces.material[seats.face]
    colours = np.full((len(corners), 3), GREY if bare else 1.0, np.float32)
    opacity = np.ones(len(corners), np.float32)
    if mesh.colours is not None:
        colours *= seats.mixed(np.clip(mesh.colours, 0, 1)[corners])
    for number, paint in enumerate(mesh.materials):
        rows = np.flatnonzero(material == number)
        if len(rows) and paint.texture is not None and mesh.uv is not None:
            picture = _reduced(paint.texture, mesh.uv[corners[rows]], faces.areas[seats.face[rows]], spacing)
            texels = _looked_up(picture, seats.mixed(mesh.uv[corners])[rows])
            colours[rows] *= texels[:, :3]
            opacity[rows] *= texels[:, 3]
        colours[rows] = colours[rows] * np.asarray(paint.colour, np.float32) + np.asarray(paint.emission, np.float32)
        opacity[rows] *= paint.opacity
    return np.clip(np.nan_to_num(colours), 0, 1), np.clip(opacity, 0, 1)


def _reduced(texture: NDArray[np.uint8], uv: Floats, areas: Floats, spacing: float) -> NDArray[np.uint8]:
    """A picture made smaller until its pixels are as large as the splats, which would else pick single ones of many.

    `uv` [n, 3, 2] and `areas` [n] are those of the faces that the splats lie on.
    """
    from PIL import Image

    height, width = texture.shape[:2]
    edges = uv[:, 1:] - uv[:, :1]
    texels = 0.5 * np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]) * width * height
    each = float(np.nan_to_num(np.median(texels / np.maximum(areas, 1e-30)))) * spacing**2
    factor = int(np.clip(np.sqrt(max(each, 1.0)), 1, max(1, min(width, height) // 4)))
    return np.asarray(Image.fromarray(texture).reduce(factor)) if factor > 1 else texture


def _looked_up(texture: NDArray[np.uint8], uv: Floats) -> Floats:
    """Display values and opacity [n, 4], 0 to 1, between the pixels at `uv` [n, 2]; the picture repeats."""
    height, width, channels = texture.shape
    at = np.nan_to_num(np.mod(uv, 1.0)) * np.array([width, height]) - 0.5
    low = np.floor(at).astype(np.int64)
    part = (at - low).astype(np.float32)
    out = np.zeros((len(uv), 4), np.float32)
    out[:, 3] = 255.0 if channels == 3 else 0.0
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
        texels = texture[(low[:, 1] + dy) % height, (low[:, 0] + dx) % width]
        out[:, :channels] += weight[:, None] * texels
    return out / 255


def _neighbourhoods(points: NDArray[np.float32]) -> tuple[Floats, Floats, Floats]:
    """Spacing [n], frames [n, 3, 3] with the normal last, and thickness [n] in metres, from the nearest points.

    A spacing far beyond that of most points is that of a stray one, and is cut.
    """
    from scipy.spatial import KDTree

    n = len(points)
    spacing, thickness = np.zeros(n, np.float32), np.zeros(n, np.float32)
    frames = np.tile(np.eye(3, dtype=np.float32), (n, 1, 1))
    near = min(NEIGHBOURS, n - 1)
    if near < 3:
        return np.full(n, _alone(points), np.float32), frames, np.full(n, np.inf, np.float32)
    tree = KDTree(points)
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        distance, index = tree.query(points[rows], near + 1, workers=-1)
        offsets = (points[index] - points[rows, None]).astype(np.float64)
        covariance = np.einsum("nki,nkj->nij", offsets, offsets) / near
        values, vectors = np.linalg.eigh(covariance)
        spacing[rows] = distance[:, -1] / (ROUND * np.sqrt(near / np.pi))
        thickness[rows] = np.sqrt(np.maximum(values[:, 0], 0))
        frames[rows] = vectors[:, :, ::-1] * np.sign(np.linalg.det(vectors))[:, None, None] * -1
    return np.minimum(spacing, 4 * np.median(spacing)), frames, thickness


def _alone(points: NDArray[np.float32]) -> float:
    """Spacing of very few points."""
    reach = float(np.linalg.norm(points.max(0) - points.min(0)))
    return reach / 3 if reach > 0 else 0.01


def _frames(normals: Floats) -> Floats:
    """[n, 3, 3] rotations with the normal as the last column."""
    along = discs.in_plane(np.zeros_like(normals), normals)
    return np.stack([along, np.cross(normals, along), normals], -1).astype(np.float32)


def _unit(vectors: Floats, otherwise: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), otherwise).astype(np.float32)


def _shaded(splats: Splats, normals: Floats, plain: NDArray[np.bool_]) -> Splats:
    """Splats whose `plain` rows are darker the more they look away from the light."""
    share = np.where(plain, 1 - SHADE * 0.5 * (1 - normals @ LIGHT), 1.0).astype(np.float32)
    shown = splats.colours * torch.from_numpy(share)[:, None]
    return replace(splats, sh=sh.from_rgb(shown)[:, None])


def _splats(points: Floats, frames: Floats, sigmas: Floats, colours: Floats, opacity: Floats) -> Splats:
    shown = np.clip(np.nan_to_num(colours.astype(np.float32)), 0, 1)
    return Splats(
        means=torch.from_numpy(np.ascontiguousarray(points, np.float32)),
        quats=torch.from_numpy(quats_from_matrices(frames).astype(np.float32)),
        log_scales=torch.from_numpy(np.log(sigmas).astype(np.float32)),
        logit_opacities=torch.from_numpy(np.log(opacity / (1 - opacity)).astype(np.float32)),
        sh=sh.from_rgb(torch.from_numpy(shown))[:, None],
        extras={"albedo": torch.from_numpy(linear_from_display(shown)).half()},
    )
