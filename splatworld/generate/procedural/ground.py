"""The ground: its surface, its splats and its colour after place, season, slope, water and path."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.sample import Surfels, joined
from splatworld.generate.procedural.terrain import FAR_METRES, NEAR_METRES, Terrain, smoothstep
from splatworld.noise import cells, fbm
from splatworld.palette import Rgb, linear_from_display
from splatworld.scene_spec import SceneSpec
from splatworld.world import Surface

Floats = NDArray[np.floating]

GROUND_COVER = 0.70
"""As `discs.COVER`; the ground has nothing behind it that could show through, so it is closed more tightly."""
STEEP = 2.0
"""Slopes can get up to this squared times more splats, as seen on the map, on top of those of level ground."""
RIM_METRES = NEAR_METRES - 4
"""Where the near ground ends and the far ring begins."""


def _rgb(r: int, g: int, b: int) -> Rgb:
    return tuple(linear_from_display(c / 255) for c in (r, g, b))  # type: ignore[return-value]


@dataclass(frozen=True)
class Soil:
    """How one kind of ground is coloured: three tones that large and small noise mix, and how bumpy it is."""

    base: Rgb
    dark: Rgb
    light: Rgb
    grain_metres: float = 0.5
    bump: float = 0.25
    """Tilt of the small normals."""


SOILS: dict[str, Soil] = {
    "grass": Soil(_rgb(88, 98, 52), _rgb(62, 74, 38), _rgb(126, 126, 76), 0.45, 0.35),
    "spring": Soil(_rgb(88, 106, 52), _rgb(62, 82, 38), _rgb(126, 134, 74), 0.45, 0.35),
    "autumn": Soil(_rgb(122, 108, 58), _rgb(88, 78, 40), _rgb(154, 124, 62), 0.4, 0.4),
    "forest_floor": Soil(_rgb(98, 80, 56), _rgb(70, 58, 40), _rgb(92, 100, 56), 0.4, 0.45),
    "sand": Soil(_rgb(206, 182, 140), _rgb(182, 154, 112), _rgb(222, 202, 166), 0.9, 0.16),
    "beach": Soil(_rgb(198, 180, 148), _rgb(170, 150, 120), _rgb(214, 200, 172), 0.6, 0.14),
    "snow": Soil(_rgb(232, 236, 240), _rgb(214, 222, 232), _rgb(242, 242, 242), 1.4, 0.12),
    "rock": Soil(_rgb(122, 116, 108), _rgb(84, 80, 76), _rgb(152, 146, 134), 0.8, 0.5),
    "dirt": Soil(_rgb(120, 96, 70), _rgb(92, 72, 52), _rgb(142, 118, 90), 0.5, 0.3),
    "gravel": Soil(_rgb(132, 126, 116), _rgb(96, 92, 86), _rgb(164, 158, 146), 0.18, 0.5),
    "stone": Soil(_rgb(136, 130, 120), _rgb(104, 100, 92), _rgb(162, 156, 144), 0.6, 0.3),
    "red_rock": Soil(_rgb(168, 104, 70), _rgb(128, 74, 50), _rgb(196, 140, 98), 0.8, 0.4),
    "far_forest": Soil(_rgb(56, 74, 46), _rgb(40, 56, 36), _rgb(84, 96, 56), 14.0, 0.5),
    "far_pines": Soil(_rgb(44, 62, 48), _rgb(32, 46, 38), _rgb(62, 80, 54), 12.0, 0.55),
    "far_autumn": Soil(_rgb(124, 88, 48), _rgb(84, 68, 42), _rgb(150, 104, 50), 12.0, 0.5),
}


@dataclass(frozen=True)
class Ground:
    """The kinds of soil of a place."""

    main: str
    steep: str
    far: str
    snow_line: float
    """Height in metres above which the far land is white."""
    snow: float
    """0 to 1: snow that lies everywhere."""


def ground_of(spec: SceneSpec) -> Ground:
    """Soils after place, ground cover and season."""
    main = {"grass": "grass", "wood": "dirt", "carpet": "dirt"}.get(spec.ground, spec.ground)
    if main == "grass" and spec.season in ("spring", "autumn"):
        main = spec.season
    if spec.ground == "sand" and spec.place == "beach":
        main = "beach"
    dry = spec.place == "desert" or spec.landform == "canyon"
    pines = spec.place in ("mountain", "snow") or any(c.thing == "pine" for c in spec.covers)
    far = "far_pines" if pines else "far_autumn" if spec.season == "autumn" else "far_forest"
    white = spec.season == "winter" or spec.ground == "snow"
    return Ground(
        main=main,
        steep="red_rock" if dry else "rock",
        far=("red_rock" if spec.landform == "canyon" else "sand") if dry else far,
        snow_line=15.0 if white else 400.0 if dry or spec.far != "mountains" else 118.0,
        snow=1.0 if spec.ground == "snow" else 0.35 if spec.season == "winter" and not dry else 0.0,
    )


def near_surfels(terrain: Terrain, spacing_at: float, *, start_metres: float) -> Surfels:
    """Surfels of the near ground; `spacing_at` is their spacing per metre of distance, even within `start_metres`.

    Far ground is seen at a grazing angle, so its spacing grows faster than the distance.
    """
    parts = []
    for extra in (False, True):
        xy, spacing = _spread(spacing_at, start_metres, RIM_METRES, extra=extra, grazing=0.35)
        dry = terrain.depth(xy) < 0.7
        xy, spacing = xy[dry], spacing[dry]
        parts.append(_discs(xy, terrain.height(xy), terrain.gradient(xy), spacing, extra=extra))
    return joined(parts)


def far_surfels(terrain: Terrain, spacing_at: float, *, start_metres: float) -> Surfels:
    """Surfels of the far ring, spread by their surface seen from the start."""
    height = _far_height(terrain)
    parts = []
    for extra in (False, True):
        xy, spacing = _spread(spacing_at, start_metres, FAR_METRES - 2, extra=extra, inner=RIM_METRES - 1.5)
        z = height(xy)
        # The low land lies behind trees and haze: every other splat will do there. The sea hides its bed.
        low = z < 22
        keep = ~low | (np.arange(len(xy)) % 2 == 0)
        if terrain.water == "sea" and terrain.water_level is not None:
            keep &= z > terrain.water_level - 0.6
        xy, z, spacing = xy[keep], z[keep], (spacing * np.where(low, 1.41, 1.0)).astype(np.float32)[keep]
        step = np.float32(4.0)
        ex, ey = np.array([step, 0], np.float32), np.array([0, step], np.float32)
        gradient = np.stack([height(xy + ex) - height(xy - ex), height(xy + ey) - height(xy - ey)], 1) / (2 * step)
        parts.append(_discs(xy, z, gradient, 0.82 * spacing, extra=extra))
    return joined(parts)


def _far_height(terrain: Terrain) -> Callable[[Floats], Floats]:
    """Heights [n] of the far ring at points [n, 2]."""
    from scipy.ndimage import map_coordinates

    grid = np.concatenate([terrain.far_heights, terrain.far_heights[:, :1]], 1)
    radii, rings = terrain.far_radii, len(terrain.far_radii)

    def height(at: Floats) -> Floats:
        row = np.interp(np.hypot(at[:, 0], at[:, 1]), radii, np.arange(rings))
        column = (np.arctan2(at[:, 1], at[:, 0]) / (2 * np.pi)) % 1.0 * (grid.shape[1] - 1)
        return map_coordinates(grid, [row, column], order=1, mode="nearest").astype(np.float32)

    return height


def _spread(
    spacing_at: float, start_metres: float, outer: float, *, extra: bool, inner: float = 0.0, grazing: float = 0.0
) -> tuple[Floats, Floats]:
    """Points and spacing of a spiral; the `extra` one is denser and turned, for slopes to take more from."""
    xy, spacing = spiral(spacing_at / (STEEP if extra else 1), start_metres, outer, inner=inner, grazing=grazing)
    return (xy[:, ::-1] * np.array([-1, 1], np.float32), spacing * STEEP) if extra else (xy, spacing)


def spiral(
    spacing_at: float, start_metres: float, outer: float, *, inner: float = 0.0, grazing: float = 0.0
) -> tuple[Floats, Floats]:
    """Points [n, 2] between `inner` and `outer` metres and their spacing [n]: spacing_at * max(distance, start_metres).

    A golden-angle spiral whose rings widen with the spacing: evenly spread, with no search. Beyond 14 m the spacing
    grows by the power `grazing` of the distance on top. Behind the start (beyond 75 degrees off +Y) it is 1.4 times
    wider: fewer look there first.
    """
    parts = []
    for wider, front in ((1.0, True), (1.4, False)):
        r = np.linspace(inner, outer, 4000)
        spacing = wider * spacing_at * np.maximum(r, start_metres) * np.maximum(r / 14, 1) ** grazing
        middle, ring = 0.5 * (spacing[1:] + spacing[:-1]), np.pi * (r[1:] ** 2 - r[:-1] ** 2)
        number = np.concatenate([[0], np.cumsum(ring / middle**2)])
        i = np.arange(int(number[-1])) + 0.5
        radius = np.interp(i, number, r)
        angle = i * np.pi * (3 - np.sqrt(5))
        xy = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
        # A little disorder hides the spiral's lattice on smooth ground.
        xy += 0.16 * np.interp(radius, r, spacing)[:, None] * np.random.default_rng(7).normal(size=xy.shape)
        ahead = (xy[:, 1] > np.cos(np.radians(75)) * radius) | (radius < 3)
        rows = ahead if front else ~ahead
        parts.append((xy[rows], np.interp(radius[rows], r, spacing)))
    return tuple(np.concatenate(p).astype(np.float32) for p in zip(*parts, strict=True))  # type: ignore[return-value]


def near_surface(terrain: Terrain) -> Surface:
    """Triangles of the near ground, out to the rim."""
    n = len(terrain.x)
    xx, yy = np.meshgrid(terrain.x, terrain.x)
    i = np.arange(n * n).reshape(n, n)
    corners = np.stack([i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]], -1).reshape(-1, 4)
    inside = (np.hypot(xx, yy) < NEAR_METRES - 2).ravel()[corners].all(1)
    corners = corners[inside]
    faces = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]])
    used, faces = np.unique(faces, return_inverse=True)
    vertices = np.column_stack([xx.ravel(), yy.ravel(), terrain.heights.ravel()])[used]
    return Surface(vertices.astype(np.float32), faces.reshape(-1, 3).astype(np.int32))


def far_surface(terrain: Terrain) -> Surface:
    """Triangles of the far ring."""
    rings, angles = terrain.far_heights.shape
    theta = np.linspace(0, 2 * np.pi, angles, endpoint=False)
    rr, tt = np.meshgrid(terrain.far_radii, theta, indexing="ij")
    vertices = np.stack([rr * np.cos(tt), rr * np.sin(tt), terrain.far_heights], -1).reshape(-1, 3)
    r, a = np.meshgrid(np.arange(rings - 1), np.arange(angles), indexing="ij")
    p, q = r * angles + a, r * angles + (a + 1) % angles
    s, t = q + angles, p + angles
    faces = np.concatenate([np.stack([p, t, s], -1).reshape(-1, 3), np.stack([p, s, q], -1).reshape(-1, 3)])
    return Surface(vertices.astype(np.float32), faces.astype(np.int32))


def near_albedo(
    terrain: Terrain, ground: Ground, points: Floats, normals: Floats, *, seed: int
) -> tuple[Floats, Floats]:
    """Linear albedo [n, 3] of the near ground and its normals [n, 3] with small bumps."""
    xy = points[:, :2]
    colour = _soil(SOILS[ground.main], points, seed)
    slope = np.sqrt(np.maximum(1 / np.maximum(normals[:, 2], 0.05) ** 2 - 1, 0))
    bare = smoothstep(0.7, 1.1, slope + 0.25 * fbm(points / 5, octaves=3, seed=seed + 2))
    if ground.steep == "red_rock":
        # Layers laid down one on the other, bent a little.
        layer = np.sin((points[:, 2] + 0.8 * fbm(points / 12, octaves=3, seed=seed + 3)) * 1.9)
        strata = _soil(SOILS[ground.steep], points, seed + 1) * (1 + 0.22 * layer[:, None])
    else:
        strata = _soil(SOILS[ground.steep], points, seed + 1)
    colour = _mix(colour, strata, bare)
    bump = np.full(len(points), SOILS[ground.main].bump, np.float32)
    if ground.snow > 0:
        cover = smoothstep(
            -0.2, 0.25, ground.snow * 1.9 - 0.75 + 0.6 * fbm(points / 2.4, octaves=4, seed=seed + 6)
        ) * smoothstep(1.1, 0.6, slope)
        colour = _mix(colour, _soil(SOILS["snow"], points, seed + 7), cover)
        bump = bump + cover * (SOILS["snow"].bump - bump)
    if terrain.path is not None:
        off = terrain.path_distance(xy) + 0.35 * fbm(points / 1.1, octaves=3, seed=seed + 4)
        trodden = 1 - smoothstep(0.45, 1.05, off)
        track = (
            SOILS["dirt"] if ground.snow < 0.9 else Soil(_rgb(206, 208, 212), _rgb(186, 186, 188), _rgb(220, 222, 226))
        )
        colour = _mix(colour, _soil(track, points, seed + 5), trodden)
        bump = bump + trodden * (0.25 - bump)
    if terrain.water is not None:
        colour, bump = _wet(terrain, ground, points, colour, bump, seed)
    # Blades, crumbs and pebbles below the spacing: each splat its own tone, the rougher the ground the more.
    speck = np.random.default_rng(seed).normal(size=len(points)).astype(np.float32)
    colour = np.clip(colour * np.exp(0.42 * np.minimum(bump, 0.5) * speck)[:, None], 0, 0.95)
    return colour, _bumped(points, normals, bump, seed)


def far_albedo(ground: Ground, points: Floats, normals: Floats, *, seed: int) -> tuple[Floats, Floats]:
    """Linear albedo of the far land: woods below, rock where steep or high, snow on top; and rough normals."""
    z = points[:, 2]
    wander = fbm(points / 60, octaves=5, gain=0.6, seed=seed + 8)
    colour = _soil(SOILS[ground.far], points, seed + 9)
    meadow = smoothstep(0.15, 0.5, fbm(points / 90, octaves=3, seed=seed + 10)) * (1 - smoothstep(30, 70, z))
    colour = _mix(colour, _soil(SOILS[ground.main], points, seed + 11), 0.8 * meadow)
    steep = 1 - normals[:, 2]
    crag = smoothstep(0.0, 0.35, (z - 0.62 * ground.snow_line) / 60 + 0.8 * wander + 1.6 * (steep - 0.25))
    colour = _mix(colour, _soil(SOILS[ground.steep], points / 8, seed + 12), crag)
    white = smoothstep(-0.12, 0.14, (z - ground.snow_line) / 80 + 0.55 * wander - 0.9 * np.maximum(steep - 0.35, 0))
    white = np.maximum(white, 0.85 * smoothstep(0, 1, np.full(len(z), ground.snow, np.float32)))
    colour = _mix(colour, _soil(SOILS["snow"], points, seed + 13), white)
    rough = 0.5 * (1 - white) + 0.16
    return colour, _bumped(points / 14, normals, rough.astype(np.float32), seed)


def _wet(
    terrain: Terrain, ground: Ground, points: Floats, colour: Floats, bump: Floats, seed: int
) -> tuple[Floats, Floats]:
    """A strip of sand, pebbles or mud along the water, wet at its edge; the bed below."""
    shore = terrain.shore(points[:, :2])
    strip = {"lake": 1.7, "pond": 0.9, "river": 1.6, "stream": 0.8, "sea": 15.0}[str(terrain.water)]
    strand = SOILS["beach" if terrain.water == "sea" or ground.main in ("sand", "beach") else "gravel"]
    if ground.snow > 0.9:
        strand = Soil(_rgb(176, 178, 180), _rgb(140, 142, 146), _rgb(214, 218, 222), 0.3, 0.3)
    off = shore + 0.45 * strip * fbm(points / (0.9 + 0.4 * strip), octaves=4, seed=seed + 14)
    bare = 1 - smoothstep(0.55 * strip, 1.15 * strip, off)
    colour = _mix(colour, _soil(strand, points, seed + 15), bare)
    damp = 1 - smoothstep(0.12, 0.75 + 0.06 * strip, shore + 0.2 * fbm(points / 0.8, octaves=2, seed=seed + 16))
    return colour * (1 - 0.42 * damp)[:, None], bump * (1 - 0.4 * bare)


def _soil(soil: Soil, points: Floats, seed: int) -> Floats:
    broad = fbm(points / np.float32(11 * soil.grain_metres), octaves=4, gain=0.6, seed=seed)
    fine = fbm(points / np.float32(soil.grain_metres), octaves=3, gain=0.7, seed=seed + 100)
    tone = 0.75 * broad + 0.75 * fine
    colour = _mix(np.asarray(soil.base, np.float32), np.asarray(soil.dark, np.float32), smoothstep(0.05, 0.75, -tone))
    colour = _mix(colour, np.asarray(soil.light, np.float32), smoothstep(0.05, 0.8, tone))
    if soil.grain_metres <= 0.2:
        gap, name = cells(points / np.float32(0.16), seed=seed + 3)
        colour = colour * (0.72 + 0.56 * name)[:, None] * (0.6 + 0.4 * smoothstep(0.02, 0.2, gap))[:, None]
    return colour.astype(np.float32)


def _mix(a: Floats, b: Floats, share: Floats) -> Floats:
    return (a + share[:, None] * (b - a)).astype(np.float32)


def _bumped(points: Floats, normals: Floats, bump: Floats, seed: int) -> Floats:
    tilt = np.stack([fbm(points / 0.35, octaves=2, seed=seed + 21), fbm(points / 0.35, octaves=2, seed=seed + 22)], 1)
    n = normals.copy()
    n[:, :2] += bump[:, None] * tilt
    return (n / np.linalg.norm(n, axis=1, keepdims=True)).astype(np.float32)


def _discs(xy: Floats, z: Floats, gradient: Floats, spacing: Floats, *, extra: bool) -> Surfels:
    """Discs on a slope. Of `extra` points, slopes keep as many as their surface is larger than its map."""
    steep = np.linalg.norm(gradient, axis=1)
    rise = np.sqrt(1 + steep * steep)
    if extra:
        kept = np.random.default_rng(8).random(len(xy)) < (1.8 * rise - 1.86) / STEEP**2
        xy, z, gradient, spacing, steep, rise = (v[kept] for v in (xy, z, gradient, spacing, steep, rise))
    normals = np.column_stack([-gradient, np.ones(len(xy))]) / rise[:, None]
    downhill = np.where(steep[:, None] > 1e-4, gradient / np.maximum(steep, 1e-4)[:, None], [[0.0, 1.0]])
    grain = np.column_stack([downhill, steep]) / rise[:, None]
    sigma = GROUND_COVER * spacing * np.where(rise > 1.4, 0.75, 1.0)
    return Surfels(
        np.column_stack([xy, z]).astype(np.float32),
        normals.astype(np.float32),
        normals.astype(np.float32),
        grain.astype(np.float32),
        np.stack([sigma * np.minimum(rise, 1.3), sigma, 0.08 * sigma], 1).astype(np.float32),
        np.zeros(len(xy), np.int32),
    )
