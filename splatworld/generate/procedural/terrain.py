"""Land and water: the ground that everything stands on.

The visitor starts near (0, 0) and looks along +Y. The near world is a square grid of 1 m cells; beyond it a ring of far
land closes the horizon. Water lies level.
"""

import itertools
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural.erosion import eroded
from splatworld.noise import fbm, ridged
from splatworld.scene_spec import SceneSpec

Floats = NDArray[np.floating]

NEAR_METRES = 160.0
"""Half the side of the near grid."""
FAR_METRES = 900.0
"""Where the far ring ends; the sky dome lies just beyond."""
FAR_RINGS, FAR_ANGLES = 72, 540
WATER_LEVEL = {"lake": -1.0, "pond": -0.5, "river": -0.9, "stream": -0.55, "sea": -1.5}
"""Metres, where the land around is about 0."""
KNOLL_METRES = {"lake": 1.3, "sea": 1.2}
"""Rise of the ground under the start: open water is seen better from a little above."""


@dataclass(frozen=True, eq=False)
class Terrain:
    """Heights on a grid, a level water surface, a path, and where to look."""

    x: Floats
    """[n] grid coordinates in metres, both ways."""
    heights: Floats
    """[n, n] ground height by (y, x)."""
    shores: Floats
    """[n, n] signed metres to the waterline, > 0 on land."""
    far_heights: Floats
    """[rings, angles] ground height of the far ring, radii `far_radii`."""
    water: str | None
    """"lake", "pond", "river", "stream", "sea" or None."""
    water_level: float | None
    path: Floats | None
    """[k, 2] polyline of the trodden path, from near the start to the focal spot and beyond."""
    focus: tuple[float, float]
    """Dry, fairly level spot ahead of the start that suits the focal thing."""

    @property
    def far_radii(self) -> Floats:
        """Metres; the first ring lies inside the near grid's corners."""
        return np.geomspace(NEAR_METRES - 4, FAR_METRES, len(self.far_heights)).astype(np.float32)

    def height(self, xy: NDArray[np.floating]) -> Floats:
        """Ground height [n] at [n, 2], bilinear; beyond the grid its border value."""
        return self._at(self.heights, xy)

    def shore(self, xy: NDArray[np.floating]) -> Floats:
        """Signed metres to the waterline [n]: > 0 on land, < 0 in water, +inf without water."""
        if self.water is None:
            return np.full(len(xy), np.inf, np.float32)
        return self._at(self.shores, xy)

    def depth(self, xy: NDArray[np.floating]) -> Floats:
        """Metres of water above the ground [n]; <= 0 on land."""
        if self.water_level is None:
            return np.full(len(xy), -np.inf, np.float32)
        depth = np.float32(self.water_level) - self.height(xy)
        return np.where(self.shore(xy) < 0, depth, np.minimum(depth, 0)).astype(np.float32)

    def gradient(self, xy: NDArray[np.floating]) -> Floats:
        """[n, 2] rise per metre along x and y."""
        xy = np.asarray(xy, np.float32)
        step = np.float32(0.75)
        ex, ey = np.array([step, 0], np.float32), np.array([0, step], np.float32)
        dx = self.height(xy + ex) - self.height(xy - ex)
        dy = self.height(xy + ey) - self.height(xy - ey)
        return np.stack([dx, dy], 1) / (2 * step)

    def normal(self, xy: NDArray[np.floating]) -> Floats:
        """[n, 3] unit ground normals."""
        g = self.gradient(xy)
        n = np.column_stack([-g, np.ones(len(g), np.float32)])
        return n / np.linalg.norm(n, axis=1, keepdims=True)

    def slope(self, xy: NDArray[np.floating]) -> Floats:
        """Tangent of the slope angle [n]."""
        return np.linalg.norm(self.gradient(xy), axis=1)

    def path_distance(self, xy: NDArray[np.floating]) -> Floats:
        """Metres to the path [n]; +inf without one."""
        if self.path is None:
            return np.full(len(xy), np.inf, np.float32)
        return distance_to_line(np.asarray(xy, np.float32), self.path)

    def flattened(self, pads: list[tuple[float, float, float]]) -> Self:
        """Level spots (x, y, radius) under buildings, blended out over as much again."""
        heights = self.heights.copy()
        xx, yy = np.meshgrid(self.x, self.x)
        for x, y, radius in pads:
            z = float(self.height(np.array([[x, y]]))[0])
            weight = 1 - smoothstep(radius, 1.8 * radius + 1.0, np.hypot(xx - x, yy - y))
            heights += weight * (z - heights)
        return replace(self, heights=heights.astype(np.float32))

    def _at(self, grid: Floats, xy: NDArray[np.floating]) -> Floats:
        from scipy.ndimage import map_coordinates

        cell = (np.asarray(xy, np.float32) - self.x[0]) / (self.x[1] - self.x[0])
        return map_coordinates(grid, [cell[:, 1], cell[:, 0]], order=1, mode="nearest").astype(np.float32)


def make_terrain(spec: SceneSpec, rng: np.random.Generator) -> Terrain:
    """Land after the wishes: landform, water, path and far horizon; eroded where it is steep."""
    seed = int(rng.integers(1 << 30))
    x = np.linspace(-NEAR_METRES, NEAR_METRES, int(2 * NEAR_METRES) + 1).astype(np.float32)
    xx, yy = np.meshgrid(x, x)
    points = np.stack([xx, yy], -1)
    land = _land(spec, points, seed)
    if spec.landform in ("hills", "valley", "mountains", "canyon"):
        land = eroded(land, rng)
    # The start lies on easy ground: relief grows with distance.
    reach = np.hypot(xx, yy - 8)
    land = (land - _near_mean(land, reach)) * smoothstep(6, 46, reach)
    land += 0.06 * fbm(points / 2.3, octaves=3, seed=seed + 9)
    shores = _shores(spec.water, points, seed)
    if spec.water is not None:
        land = _carved(land, shores, WATER_LEVEL[spec.water], steep=spec.water in ("river", "stream"))
        land += (
            KNOLL_METRES.get(spec.water, 0.0) * np.exp(-((np.hypot(xx, yy + 2) / 11) ** 2)) * smoothstep(0, 6, shores)
        )
    focus = _focus(spec.water, x, land, shores)
    terrain = Terrain(
        x=x,
        heights=land.astype(np.float32),
        shores=shores,
        far_heights=np.zeros((FAR_RINGS, FAR_ANGLES), np.float32),
        water=spec.water,
        water_level=WATER_LEVEL[spec.water] if spec.water else None,
        path=None,
        focus=focus,
    )
    terrain = replace(terrain, far_heights=_far(spec, terrain, seed))
    return replace(terrain, path=_path(terrain, seed)) if spec.path else terrain


def smoothstep(lo: float, hi: float, x: NDArray[np.floating]) -> Floats:
    """0 below `lo`, 1 above `hi`, smooth between."""
    t = np.clip((np.asarray(x, np.float32) - np.float32(lo)) / np.float32(hi - lo), 0, 1)
    return t * t * (3 - 2 * t)


def distance_to_line(xy: Floats, line: Floats) -> Floats:
    """Metres [n] from points [n, 2] to a polyline [k, 2]."""
    best = np.full(len(xy), np.inf, np.float32)
    for a, b in itertools.pairwise(line):
        along = b - a
        t = np.clip((xy - a) @ along / max(float(along @ along), 1e-9), 0, 1)
        best = np.minimum(best, np.linalg.norm(xy - (a + t[:, None] * along), axis=1))
    return best


def _land(spec: SceneSpec, p: Floats, seed: int) -> Floats:
    """Raw relief of the near grid, before erosion, water and the easy start."""
    warp = 14 * np.stack([fbm(p / 60, octaves=2, seed=seed + 20), fbm(p / 60, octaves=2, seed=seed + 30)], -1)
    q = p + warp
    x, y = p[..., 0], p[..., 1]
    match spec.landform:
        case "flat" | "coast":
            return 0.5 * fbm(q / 45, octaves=3, seed=seed)
        case "rolling":
            return 3.2 * fbm(q / 70, octaves=4, gain=0.42, seed=seed)
        case "hills":
            return (
                17 * fbm(q / 85, octaves=5, gain=0.45, seed=seed) + 0.0016 * np.maximum(np.hypot(x, y) - 30, 0) ** 2 / 2
            )
        case "valley":
            side = np.maximum(np.abs(x + 10 * fbm(p / 90, octaves=2, seed=seed)) - 34, 0)
            return 0.32 * side + 8 * ridged(q / 70, seed=seed) * smoothstep(20, 90, np.abs(x))
        case "mountains":
            rise = np.maximum(np.hypot(x, y) - 40, 0)
            return 0.22 * rise + 34 * ridged(q / 95, seed=seed) * smoothstep(40, 150, np.hypot(x, y))
        case "dunes":
            # Dunes run across the wind: long gentle backs, short steep faces.
            d = q @ np.array([0.28, 0.96], np.float32)
            phase = d / 30 + 0.9 * fbm(p / 55, octaves=2, seed=seed)
            saw = phase - np.floor(phase)
            crest = np.where(saw < 0.72, saw / 0.72, (1 - saw) / 0.28)
            return 4.6 * smoothstep(0, 1, crest) * (0.7 + 0.5 * fbm(p / 80, octaves=2, seed=seed + 3)) + 2 * fbm(
                p / 90, octaves=2, seed=seed
            )
        case "canyon":
            # A river crosses the view along x, so its canyon does too; a dry one leads away along y.
            across, along = (y - 18, x) if spec.water else (x, y)
            wall = smoothstep(36, 60, np.abs(across + 16 * fbm(p / 70, octaves=3, seed=seed)) + 0.1 * np.abs(along))
            terraces = wall * 34
            return terraces + 1.6 * np.sin(terraces / 1.7) * wall + 2 * ridged(q / 40, seed=seed) * wall
        case _:
            raise ValueError(f"no such landform: {spec.landform}")


def _near_mean(land: Floats, reach: Floats) -> float:
    return float(land[reach < 18].mean())


def _shores(water: str | None, p: Floats, seed: int) -> Floats:
    """Signed metres to the waterline on the grid, roughly metric near the shore."""
    x, y = p[..., 0], p[..., 1]
    wobble = fbm(p / 26, octaves=4, seed=seed + 50)
    side = 1 if seed % 2 else -1
    match water:
        case "lake":
            return (np.hypot((x - 8 * side) / 1.75, y - 52) - 29 + 7 * wobble).astype(np.float32)
        case "pond":
            return (np.hypot((x - 3 * side) / 1.35, y - 19) - 7.5 + 1.8 * wobble).astype(np.float32)
        case "river" | "stream":
            half, middle = (4.6, 21.0) if water == "river" else (1.5, 15.0)
            bend = (
                middle
                + side * (0.10 * x + 5.5 * np.sin(x / 27 + seed % 7))
                + 3.0 * fbm(x[..., None] / 40, octaves=2, seed=seed)
            )
            slope = np.abs(np.gradient(bend, axis=1)).clip(0, 2)
            return (np.abs(y - bend) / np.sqrt(1 + slope**2) - half + 0.9 * wobble).astype(np.float32)
        case "sea":
            return (24 + 0.12 * side * x + 9 * fbm(x[..., None] / 60, octaves=3, seed=seed) + 1.5 * wobble - y).astype(
                np.float32
            )
        case _:
            return np.full(x.shape, np.inf, np.float32)


def _carved(land: Floats, shores: Floats, level: float, *, steep: bool) -> Floats:
    """A bed under the water and banks that meet the waterline; land never dips below the level elsewhere."""
    bank, bed = (0.11, 0.42) if steep else (0.085, 0.16)
    width = 13.0 if steep else 22.0
    on_land = level + 0.015 + bank * np.maximum(shores, 0)
    below = level - np.minimum(bed * np.maximum(-shores, 0) + 0.02, 3.2)
    floor = level + 0.05 + np.minimum(0.05 * np.maximum(shores, 0), 0.5)
    above = floor + np.logaddexp(0, (land - floor) / 1.2) * 1.2  # a soft maximum: no flat plains where land was low
    return np.where(shores < 0, below, on_land + smoothstep(0, width, shores) * (above - on_land))


def _focus(water: str | None, x: Floats, land: Floats, shores: Floats) -> tuple[float, float]:
    """The levellest dry spot 11 to 17 m ahead, a little to one side; near the shore where there is one."""
    xx, yy = np.meshgrid(x, x)
    reach = np.hypot(xx, yy)
    angle = np.degrees(np.arctan2(np.abs(xx), np.maximum(yy, 0.01)))
    down, right = np.gradient(land)
    rough = np.hypot(down, right)
    cost = 3 * rough + 0.05 * np.abs(angle - 15) + 0.06 * np.abs(reach - 14)
    near = (reach > 10) & (reach < 19) & (angle < 32) & (yy > 5)
    if water is not None:
        cost = cost + np.where(shores < 3.5, 50 - 4 * shores, 0) + 0.02 * np.maximum(shores - 8, 0)
        # Where the water leaves no such spot, the nearest dry one serves.
        dry = shores > 1.5
        near = near & dry if (near & dry).any() else dry & (reach < 60)
    cost = np.where(near, cost, np.inf)
    row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return float(xx[row, column]), float(yy[row, column])


def _path(terrain: Terrain, seed: int) -> Floats:
    """From behind the start towards the focus, then on and away, winding; kept off the water."""
    from scipy.interpolate import CubicSpline

    fx, fy = terrain.focus
    side = -np.sign(fx) if fx else 1.0
    past = [(fx + side * dx, fy + dy) for dx, dy in ((4.5, -1.5), (9, 6), (22, 12), (60, 22))]
    here = [(-side * 1.5, -30), (-side * 0.4, -8), (side * 0.5, 2), (fx * 0.45 + side * 1.2, fy * 0.55)]
    knots = np.array([*here, *past])
    t = np.linspace(0, len(knots) - 1, 64)
    line = CubicSpline(np.arange(len(knots)), knots)(t)
    line = line + 0.35 * fbm(t[:, None] / 2.2, octaves=2, seed=seed + 3)[:, None]
    for _ in range(30 if terrain.water else 0):
        line = _pushed_ashore(terrain, line)
    return line.astype(np.float32)


def _pushed_ashore(terrain: Terrain, line: NDArray[np.floating]) -> NDArray[np.floating]:
    """One small step away from water for points within 3 m of it, then a light smoothing."""
    ex, ey = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    east, north = (
        terrain.shore(line + ex) - terrain.shore(line - ex),
        terrain.shore(line + ey) - terrain.shore(line - ey),
    )
    away = np.stack([east, north], 1)
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    line = line + np.where(terrain.shore(line) < 3, 1.0, 0.0)[:, None] * away
    line[1:-1] = 0.5 * line[1:-1] + 0.25 * (line[:-2] + line[2:])
    return line


def _far(spec: SceneSpec, near: Terrain, seed: int) -> Floats:
    """Heights of the far ring: a closed horizon that is highest ahead, open where the sea lies."""
    theta = np.linspace(0, 2 * np.pi, FAR_ANGLES, endpoint=False)
    rr, tt = np.meshgrid(near.far_radii, theta, indexing="ij")
    p = np.stack([rr * np.cos(tt), rr * np.sin(tt)], -1).astype(np.float32)
    rise = smoothstep(NEAR_METRES, 620, rr)
    low = 5 * fbm(p / 120, octaves=3, seed=seed + 70)
    tall = {"mountains": 235.0, "hills": 58.0, "none": 7.0}[spec.far]
    if spec.far == "mountains":
        # Broad massifs, whose ridges are bent by a warp so that none runs straight.
        bent = p + 60 * np.stack([fbm(p / 150, octaves=4, seed=seed + 74), fbm(p / 150, octaves=4, seed=seed + 75)], -1)
        crest = 0.45 * (0.5 + 0.5 * fbm(p / 330, octaves=2, seed=seed + 72)) + 0.8 * ridged(
            bent / 210, octaves=7, gain=0.55, seed=seed + 71
        )
    else:
        crest = 0.5 + 0.5 * fbm(p / 230, octaves=5, seed=seed + 72)
    spread = 0.45 + 0.55 * (0.5 + 0.5 * np.cos(tt - np.pi / 2)) + 0.25 * fbm(p / 400, octaves=2, seed=seed + 73)
    heights = low + tall * rise * crest * spread
    # The ring continues the near land and lets it go over some hundred metres.
    border = near.height((p[:1] * 0.999).reshape(-1, 2)).reshape(1, -1)
    heights = heights + (border - heights[:1]) * (1 - smoothstep(NEAR_METRES - 4, 420, rr))
    if spec.water == "sea":
        open_water = smoothstep(-0.1, 0.25, np.sin(tt)) * smoothstep(NEAR_METRES - 4, NEAR_METRES + 30, rr)
        heights = heights * (1 - open_water) + (WATER_LEVEL["sea"] - 4) * open_water
    return heights.astype(np.float32)
