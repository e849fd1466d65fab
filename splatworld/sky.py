"""Sun, moon and sky: what light comes from which direction.

The clear sky is single scattering through a spherical atmosphere with Rayleigh, Mie and ozone (Nishita et al. 1993;
coefficients of Bruneton & Neyret 2008), tabulated once over azimuth and elevation. Clouds and the Milky Way are painted
over it. Radiance is scaled so that the noon sun lights a white, facing surface with 1.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from splatworld.world import Environment

Floats = NDArray[np.floating]

PLANET, TOP = 6_360e3, 6_460e3
"""Radii of the ground and of the top of the air, metres."""
RAYLEIGH = np.array([5.8e-6, 13.5e-6, 33.1e-6])
"""Scattering at sea level, 1/m, for red, green and blue."""
OZONE = np.array([0.65e-6, 1.88e-6, 0.085e-6])
"""Absorption at 25 km, 1/m: keeps the zenith blue at dusk."""
MIE = 3.2e-6
"""Scattering at sea level for turbidity 2, 1/m."""
MIE_G = 0.76
SUN_RADIANCE = 21.0
"""Sun outside the air, in units of the noon sun on the ground, times the brightness of scattered light: fitted so that
the clear noon sky gives about a sixth of the light on level ground."""
MOON = np.array([0.62, 0.76, 1.0]) * 0.11
"""Moonlight on a facing surface: far brighter than nature's, so that night worlds can be seen."""
NIGHT_SKY = np.array([0.0055, 0.0095, 0.021])
TABLE = (56, 96)
"""Elevations (denser near the horizon) and azimuths of the sky table."""


@dataclass(frozen=True, eq=False)
class Sky:
    """Light from far away: one directional source and radiance for every direction."""

    towards_light: Floats
    """[3] unit vector towards the sun, or towards the moon at night."""
    light: Floats
    """[3] linear light that a white surface facing the source gets."""
    sun: Floats
    """[3] unit vector towards the sun itself, which may be below the horizon."""
    night: float
    """0 by day, 1 when the sun is deep below the horizon."""
    environment: Environment
    table: Floats
    """[elevations, azimuths, 3] clear-sky radiance; rows at `(i / (rows - 1))**2 * 90` deg, columns from the sun."""
    seed: int

    def radiance(self, directions: Floats, *, clouds: bool = True) -> Floats:
        """Linear radiance [n, 3] of the sky without the sun's disc for unit `directions`; its rim below the horizon."""
        d = np.asarray(directions, np.float32)
        colour = self._clear(d)
        grey = float(self.environment.clouds)
        if grey > 0.8:
            # A closed cover: even light, a little brighter overhead.
            even = self._cover_light() * (0.75 + 0.35 * np.clip(d[:, 2:], 0, 1))
            colour = colour + min((grey - 0.8) / 0.2, 1.0) * (even - colour)
        if clouds and 0.02 < grey <= 0.97:
            amount, shade = self._clouds(d)
            colour = colour + amount[:, None] * (shade - colour)
        if clouds and self.night > 0 and grey < 0.9:
            colour = colour + self.night * (1 - grey) * self._milky_way(d)[:, None] * np.array(
                [0.9, 0.95, 1.1], np.float32
            )
        return colour.astype(np.float32)

    def ambient(self) -> Floats:
        """[3] mean light from the whole sky on level ground: what fills shadows and colours fog."""
        rng = np.random.default_rng(5)
        v = rng.normal(size=(512, 3))
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        v += [0, 0, 1.001]
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        return self.radiance(v.astype(np.float32)).mean(0)

    def _clear(self, d: Floats) -> Floats:
        from scipy.ndimage import map_coordinates

        rows, columns = self.table.shape[:2]
        elevation = np.degrees(np.arcsin(np.clip(d[:, 2], 0, 1)))
        row = np.sqrt(elevation / 90) * (rows - 1)
        turn = np.arctan2(d[:, 0], d[:, 1]) - np.arctan2(self.sun[0], self.sun[1])
        column = (turn / (2 * np.pi)) % 1.0 * columns
        wrapped = np.concatenate([self.table, self.table[:, :1]], 1)
        return np.stack([map_coordinates(wrapped[..., c], [row, column], order=1, mode="nearest") for c in range(3)], 1)

    def _cover_light(self) -> Floats:
        """[3] radiance of a closed cloud cover: what sun and sky put into it from above."""
        top = self.light * max(float(self.towards_light[2]), 0.06) + self.table[TABLE[0] // 2 :].mean((0, 1)) * np.pi
        grey = top.mean() * 0.7 + top * 0.3
        return (grey * 0.16).astype(np.float32)

    def _clouds(self, d: Floats) -> tuple[Floats, Floats]:
        """Cover [n] and colour [n, 3] of broken clouds on a plane some kilometres up."""
        from splatworld.noise import fbm

        height = np.maximum(d[:, 2:], 0.0) + 0.09
        at = d[:, :2] / height
        swirl = at + 0.35 * np.stack(
            [fbm(at * 0.9, octaves=2, seed=self.seed), fbm(at * 0.9, octaves=2, seed=self.seed + 9)], 1
        )
        density = fbm(swirl * np.array([0.75, 1.0], np.float32), octaves=6, gain=0.56, seed=self.seed + 1)
        level = 0.42 - 0.95 * self.environment.clouds
        amount = np.clip((density - level) / 0.30, 0, 1)
        amount = amount * amount * (3 - 2 * amount)
        fade = np.clip(d[:, 2] / 0.10, 0, 1)
        # Towards the light thin clouds glow and thick ones keep a bright rim.
        towards = np.clip(d @ self.towards_light, 0, 1)
        thin = np.exp(-1.8 * amount)
        glow = (0.30 + 0.9 * towards**10 * thin)[:, None] * self.light
        base = self._clear(np.column_stack([d[:, :2], np.maximum(d[:, 2], 0.25)]).astype(np.float32))
        body = 0.46 * (0.45 + 0.55 * thin)[:, None] * self.light + 0.7 * base + 0.3 * glow
        low = float(np.clip((9 - self.environment.sun_elevation_deg) / 7, 0, 1)) * (1 - self.night)
        body = body * (1 + low * np.array([0.16, -0.10, -0.14], np.float32))
        return (0.94 * amount * fade).astype(np.float32), body.astype(np.float32)

    def _milky_way(self, d: Floats) -> Floats:
        """[n] faint light of the band of stars; single stars are splats of their own."""
        from splatworld.noise import fbm

        off = d @ _unit([0.6, -0.35, 0.72])
        band = np.clip(fbm(d * 2.6, octaves=5, seed=self.seed + 40) + 0.6 - 3.2 * np.abs(off), 0, 1)
        return 0.022 * band * np.clip(d[:, 2] / 0.2, 0, 1)


def make_sky(environment: Environment, *, seed: int = 0) -> Sky:
    """The sky of an environment; `seed` shapes clouds and stars."""
    sun = direction(environment.sun_azimuth_deg, environment.sun_elevation_deg)
    elevation = environment.sun_elevation_deg
    night = float(np.clip((-elevation - 3) / 9, 0, 1))
    table = _table(round(elevation, 2), round(environment.turbidity, 2)) + (night * NIGHT_SKY).astype(np.float32)
    cover = 1 - 0.97 * np.clip((environment.clouds - 0.55) / 0.4, 0, 1)
    if elevation > -1.5:
        towards = direction(environment.sun_azimuth_deg, max(elevation, 1.2))
        light = _transmittance(np.array([0, 0, PLANET + 2.0]), towards, environment.turbidity)
        noon = _transmittance(np.array([0, 0, PLANET + 2.0]), np.array([0, 0, 1.0]), 2.0)
        # A low sun is taken brighter than it is: eyes adapt to the dim scene and so see it golden.
        golden = 1 + 1.4 * float(np.clip((16 - elevation) / 16, 0, 1))
        light = golden * light / noon.max() * float(np.clip((elevation + 1.5) / 2.5, 0, 1))
        # Adapted eyes also take back a part of its redness.
        redness = 0.3 * float(np.clip((12 - elevation) / 12, 0, 1))
        light = light + redness * (light @ np.array([0.3, 0.6, 0.1]) * np.array([1.25, 1.0, 0.8]) - light)
    else:
        towards = direction(environment.sun_azimuth_deg + 140, 38.0)
        light = MOON * night
    return Sky(
        towards.astype(np.float32),
        (light * cover).astype(np.float32),
        sun.astype(np.float32),
        night,
        environment,
        table,
        seed,
    )


def direction(azimuth_deg: float, elevation_deg: float) -> NDArray[np.float64]:
    """Unit vector; azimuth clockwise from +Y."""
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    return np.array([np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), np.sin(e)])


@lru_cache(maxsize=16)
def _table(elevation_deg: float, turbidity: float) -> Floats:
    rows, columns = TABLE
    up = np.radians((np.linspace(0, 1, rows) ** 2) * 90)
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    ee, aa = np.meshgrid(up, turn, indexing="ij")
    d = np.stack([np.sin(aa) * np.cos(ee), np.cos(aa) * np.cos(ee), np.sin(ee)], -1).reshape(-1, 3)
    sky = _scattered(d, direction(0.0, elevation_deg), turbidity).reshape(rows, columns, 3)
    # Light scattered more than once, roughly: a soft blue share of the mean sky, strongest overhead. It is what keeps
    # the zenith blue when the sun is low.
    mean = (sky * np.cos(ee)[..., None]).mean()
    low = np.clip((14 - elevation_deg) / 14, 0, 1)
    lift = (0.25 + 0.75 * np.sin(ee))[..., None] * mean * np.array([0.30, 0.52, 1.0]) * (0.35 + 0.75 * low)
    return ((sky + lift) * _afterglow(ee, aa, elevation_deg)).astype(np.float32)


def _afterglow(up: NDArray[np.float64], turn: NDArray[np.float64], elevation_deg: float) -> NDArray[np.float64]:
    """Tint [..., 3] of a low sun's sky: amber low down and towards the sun, rose above, as painters see it."""
    low = float(np.clip((9 - elevation_deg) / 7, 0, 1)) * float(np.clip((elevation_deg + 14) / 8, 0, 1))
    towards = 0.55 + 0.45 * np.cos(turn)
    height = np.sin(up)
    amber = low * towards * np.exp(-height / 0.16)
    rose = low * (0.35 + 0.65 * towards) * np.exp(-(((height - 0.26) / 0.24) ** 2))
    return 1 + amber[..., None] * np.array([0.55, -0.02, -0.42]) + rose[..., None] * np.array([0.38, -0.10, -0.06])


def _scattered(
    d: NDArray[np.float64], sun: NDArray[np.float64], turbidity: float, steps: int = 20
) -> NDArray[np.float64]:
    """Single-scattered radiance [n, 3] along `d` from the ground."""
    eye = np.array([0, 0, PLANET + 2.0])
    length = _exit(eye, d)
    # Quadratic steps: the low air does most of the scattering.
    edges = np.linspace(0, 1, steps + 1) ** 2
    mu = d @ sun
    phase_r = 3 / (16 * np.pi) * (1 + mu**2)
    phase_m = 3 / (8 * np.pi) * (1 - MIE_G**2) * (1 + mu**2) / ((2 + MIE_G**2) * (1 + MIE_G**2 - 2 * MIE_G * mu) ** 1.5)
    mie = MIE * turbidity / 2
    total = np.zeros((len(d), 3))
    depth = np.zeros((len(d), 3))
    for k in range(steps):
        step = (edges[k + 1] - edges[k]) * length
        p = eye + d * (0.5 * (edges[k + 1] + edges[k]) * length)[:, None]
        r, m, o = _densities(p)
        depth += 0.5 * step[:, None] * (RAYLEIGH * r[:, None] + 1.1 * mie * m[:, None] + OZONE * o[:, None])
        arriving = _transmittance(p, sun, turbidity) * np.exp(-depth)
        total += step[:, None] * arriving * (RAYLEIGH * (r * phase_r)[:, None] + mie * (m * phase_m)[:, None])
        depth += 0.5 * step[:, None] * (RAYLEIGH * r[:, None] + 1.1 * mie * m[:, None] + OZONE * o[:, None])
    return total * SUN_RADIANCE / np.pi


def _transmittance(
    p: NDArray[np.float64], towards: NDArray[np.float64], turbidity: float, steps: int = 10
) -> NDArray[np.float64]:
    """Share of sunlight [..., 3] that reaches points `p` [..., 3]; none where the planet is in the way."""
    p = np.atleast_2d(p)
    length = _exit(p, np.broadcast_to(towards, p.shape))
    depth = np.zeros((len(p), 3))
    edges = np.linspace(0, 1, steps + 1) ** 2
    for k in range(steps):
        q = p + towards * (0.5 * (edges[k] + edges[k + 1]) * length)[:, None]
        r, m, o = _densities(q)
        step = ((edges[k + 1] - edges[k]) * length)[:, None]
        depth += step * (RAYLEIGH * r[:, None] + 1.1 * MIE * turbidity / 2 * m[:, None] + OZONE * o[:, None])
    along = -(p @ towards)
    nearest = np.linalg.norm(p + np.maximum(along, 0)[:, None] * towards, axis=1)
    # The planet's edge is blurred a little: its shadow falls softly through the twilight sky.
    lit = np.clip((nearest - PLANET + 2_000) / 4_000, 0, 1)
    out = np.exp(-depth) * np.where(along > 0, lit, 1.0)[:, None]
    return out[0] if len(out) == 1 else out


def _densities(p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Air, haze and ozone relative to where each is densest."""
    height = np.maximum(np.linalg.norm(p, axis=-1) - PLANET, 0)
    return np.exp(-height / 8_000), np.exp(-height / 1_200), np.maximum(1 - np.abs(height - 25_000) / 15_000, 0)


def _exit(p: NDArray[np.float64], d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres along `d` to the top of the air."""
    b = (p * d).sum(-1)
    c = (p * p).sum(-1) - TOP**2
    return -b + np.sqrt(np.maximum(b * b - c, 0))


def _unit(v: list[float]) -> Floats:
    a = np.asarray(v, np.float32)
    return a / np.linalg.norm(a)
