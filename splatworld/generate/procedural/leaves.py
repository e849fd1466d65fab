"""Leaves: the loose triangles and cards of a shape, each shown by splats of its own size; fewer, larger ones far away.

A leaf smaller than the spacing would be shown by a splat larger than itself, and a far crown would swell. Far crowns
therefore keep a share of their leaves, enlarged so that their area stays (Cook et al. 2007, "Stochastic simplification
of aggregate detail"). The simplified mesh is what is saved, lit and measured: it and its splats agree.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.sample import Surfels, joined, sample
from splatworld.generate.procedural.sample import count as surfel_count
from splatworld.generate.procedural.shape import Shape

Floats = NDArray[np.floating]
Faces = NDArray[np.int64]

GROWTH_MAX = 3.0
"""A far leaf is at most this many times longer than a near one, so that crowns keep their outline; more only where
splats are so few that the spacing exceeds `COARSE_METRES`."""
COARSE_METRES = 0.8
LEAF_AREA = 11.5
"""Area of a leaf over the product of its splat's standard deviations. Where a splat of opacity 0.95 is half opaque it
covers 4; less is right because the rims of many leaves add up, and a crown must not be wider than its leaves."""
FULLER = 2.2
"""Leaves of crowns are drawn this much longer: splats fade towards their rims, and finer gaps fade into haze."""
CROWN = 400
"""Leaves that make a crown."""
LEAF_METRES2 = 0.2
"""Larger loose faces are panes and sheets, and no leaves."""
FINE = 0.1
"""Bars narrower than this share of the spacing are left out, where they are not most of a thing."""
FINEST = 1
"""A leaf is quartered at most this many times."""


def loose(shape: Shape) -> tuple[Faces, Faces]:
    """Faces [a, 1] of leaves and [b, 2] of cards: small translucent triangles and quads with corners of their own."""
    uses = np.bincount(shape.faces.ravel(), minlength=len(shape.vertices))[shape.faces].sum(1)
    shared = (shape.faces[:-1, :, None] == shape.faces[1:, None, :]).sum((1, 2))
    through = np.array([m.translucency > 0 for m in shape.materials])[shape.material]
    small = through & (shape.areas < LEAF_METRES2)
    first = np.flatnonzero((uses[:-1] + uses[1:] == 10) & (shared == 2) & small[:-1] & small[1:])
    return np.flatnonzero((uses == 3) & small)[:, None], np.stack([first, first + 1], 1)


def count(shape: Shape, spacing: float) -> float:
    """How many surfels `shown` makes, nearly."""
    groups = loose(shape)
    solid = _solid(shape, groups)
    total = surfel_count(solid, _wood_spacing(spacing, _crown(groups))) if len(solid.faces) else 0.0
    for group in groups:
        area = shape.areas[group].sum(1)
        growth = _growth(area, spacing)
        total += float((_splats(area * growth**2, spacing, group.shape[1]) / growth**2).sum())
    return total


def shown(shape: Shape, spacing: float, rng: np.random.Generator) -> tuple[Shape, Surfels]:
    """The shape as it is shown with splats `spacing` metres apart, itself if it has no leaves, and its surfels."""
    groups = loose(shape)
    crown = _crown(groups)
    vertices = shape.vertices.copy()
    kept = np.ones(len(shape.faces), bool)
    for group in groups:
        growth = _growth(shape.areas[group].sum(1), spacing)
        kept[group[rng.random(len(group)) > 1 / growth**2].ravel()] = False
        corners = shape.faces[group].reshape(len(group), 3 * group.shape[1])
        middle = vertices[corners].mean(1, keepdims=True)
        # Corners that two faces share are written twice, with the same values.
        vertices[corners] = middle + (vertices[corners] - middle) * (_fuller(crown) * growth)[:, None, None]
    fine = shape.width < FINE * spacing
    for group in groups:
        fine[group.ravel()] = False
    if shape.areas[fine].sum() < 0.5 * shape.areas.sum():
        kept &= ~fine
    if not kept.any():  # so few splats that chance left nothing: the whole thing by its few even ones
        return shape, sample(shape, spacing, rng)
    if not kept.all() or any(len(group) for group in groups):
        index = np.cumsum(kept) - 1
        groups = tuple(index[group[kept[group].all(1)]] for group in groups)
        shape = _compact(replace(shape.only(kept), vertices=vertices.astype(np.float32)))
    return shape, _surfels(shape, groups, spacing, rng, crown=crown)


def _surfels(
    shape: Shape, groups: tuple[Faces, ...], spacing: float, rng: np.random.Generator, *, crown: bool
) -> Surfels:
    """Leaves by splats of their own form, all else evenly sampled."""
    solid = _solid(shape, groups)
    parts = [sample(solid, _wood_spacing(spacing, crown), rng)] if len(solid.faces) else []
    if parts and crown:
        # Wood within leaves may have gaps: leaves close them, while its rims would fill the gaps of the leaves.
        parts = [replace(parts[0], sigmas=parts[0].sigmas * np.array([0.7, 0.7, 1], np.float32))]
    for group in groups:
        level = _level(shape.areas[group].sum(1), _fuller(crown) * spacing, group.shape[1])
        for cuts in np.unique(level):
            faces = group[level == cuts]
            parts.append(_whole(shape, faces) if cuts == 0 else _cut(shape, faces.ravel(), int(cuts)))
    return joined(parts)


def _whole(shape: Shape, faces: Faces) -> Surfels:
    """One splat for each leaf [e, 1 or 2]."""
    return _fitted(shape, faces[:, 0], shape.triangles[faces])


def _cut(shape: Shape, faces: Faces, cuts: int) -> Surfels:
    """Splats for the small triangles of faces [f] cut `cuts` times into four; a card's first cut is into its halves."""
    triangles = shape.triangles[faces]
    for _ in range(cuts):
        a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        four = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        triangles = np.stack([np.stack(t, 1) for t in four], 1).reshape(-1, 3, 3)
        faces = np.repeat(faces, 4)
    return _fitted(shape, faces, triangles[:, None])


def _fitted(shape: Shape, face: Faces, triangles: Floats) -> Surfels:
    """Splats [e] with the centres, axes and areas of `triangles` [e, k, 3, 3]; their looks are those of `face` [e]."""
    edges = triangles[:, :, 1:] - triangles[:, :, :1]
    areas = 0.5 * np.linalg.norm(np.cross(edges[:, :, 0], edges[:, :, 1]), axis=-1)
    share = areas / np.maximum(areas.sum(1, keepdims=True), 1e-20)
    centre = (share[..., None] * triangles.mean(2)).sum(1)
    # Second moments of uniform triangles about the common centre: corners and middle weigh 1 and 9 of 12.
    corners = triangles - centre[:, None, None]
    middle = corners.mean(2)
    spread = np.einsum("ekvi,ekvj->ekij", corners, corners) + 9 * middle[..., None] * middle[..., None, :]
    moments = (share[..., None, None] * spread / 12).sum(1)
    values, axes = np.linalg.eigh(moments)
    deviations = np.sqrt(np.maximum(values[:, :0:-1], 1e-10))  # largest, second
    swell = np.sqrt(areas.sum(1) / (LEAF_AREA * deviations.prod(1)))
    grain, normals = axes[:, :, 2], axes[:, :, 0]
    normals = normals * np.sign((normals * shape.normals[face]).sum(1, keepdims=True) + 1e-12)
    shading = shape.shading[face]
    own = np.abs(shading).max(1) == 0
    flat = np.maximum(deviations * np.clip(swell, 0.3, 1.5)[:, None], 0.0012)
    return Surfels(
        centre.astype(np.float32),
        normals.astype(np.float32),
        np.where(own[:, None], normals, shading).astype(np.float32),
        grain.astype(np.float32),
        np.column_stack([flat, np.full(len(flat), 0.0012)]).astype(np.float32),
        shape.material[face],
    )


def _crown(groups: tuple[Faces, ...]) -> bool:
    return sum(len(group) for group in groups) >= CROWN


def _fuller(crown: bool) -> float:
    return FULLER if crown else 1.0


def _wood_spacing(spacing: float, crown: bool) -> float:
    """Spacing on what is not leaf: finer within crowns, where large splats would bridge the gaps of leaves."""
    return 0.85 * spacing if crown else spacing


def _growth(area: Floats, spacing: float) -> Floats:
    """Factor on the length of leaves of `area` square metres."""
    most = GROWTH_MAX * max(spacing / COARSE_METRES, 1.0)
    return np.clip(spacing / np.sqrt(np.maximum(area, 1e-12)), 1.0, most)


def _level(area: Floats, spacing: float, faces: int) -> NDArray[np.int64]:
    """How often leaves are cut: not at all, or so that their parts are about as large as the spacing asks."""
    wanted = np.log2(np.maximum(area / faces, 1e-12) / spacing**2) / 2
    return np.clip(np.round(wanted), 0, FINEST).astype(np.int64)


def _splats(area: Floats, spacing: float, faces: int) -> Floats:
    level = _level(area, spacing, faces)
    return np.where(level == 0, 1, faces * 4.0**level)


def _solid(shape: Shape, groups: tuple[Faces, ...]) -> Shape:
    rows = np.ones(len(shape.faces), bool)
    for group in groups:
        rows[group.ravel()] = False
    return shape.only(rows)


def _compact(shape: Shape) -> Shape:
    """Without vertices that no face uses."""
    used, faces = np.unique(shape.faces, return_inverse=True)
    return replace(shape, vertices=shape.vertices[used], faces=faces.reshape(-1, 3).astype(np.int32))
