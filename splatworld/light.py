"""Light: what colour every splat shows under an environment, and how linear light becomes display colour.

A splat's colour is `lit(albedo, normal, light)`; albedo and normal are stored with the splats and the surfaces with the
world, so the light of a finished world can be changed. Shadows and sky visibility come from casting rays at surfaces.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from splatworld import sh as _sh
from splatworld.mesh import RayScene
from splatworld.palette import display_from_linear
from splatworld.progress import Progress, Stage, Step, silent
from splatworld.sky import Sky, make_sky
from splatworld.splats import Splats
from splatworld.world import Environment, Layer, World

Floats = NDArray[np.floating]

SKY_RAYS, ROOM_RAYS = 14, 36
"""Directions in which each splat looks for the sky, in the open and in rooms, where windows are small."""
SMOOTH_OVER = 14
"""Neighbours over which light from windows is averaged."""
INDOOR_BOUNCE = 0.035
"""Light that goes round a room, over what falls on level ground outside."""
LAMP_SHOWN = 2.4
"""Linear value before the tone curve of white, lit by a lamp of power 1 at 1 m: eyes adapt to lamps at any hour."""
SUN_BLUR = 0.018
"""Tangent of half the angle the sun is taken to have: wider than nature's 0.0047, for soft shadow edges."""
CHUNK = 1 << 18
"""Splats lit at a time: bounds the memory of rays."""
GREY_POINT = 0.27
"""Linear value before the tone curve of an 18 % grey, level ground in the full light of its day."""
WATER_DEGREE = 2
"""SH degree that holds the mirror image of sky and shore."""


@dataclass(frozen=True, eq=False)
class Lamp:
    """A point light in world coordinates."""

    position: Floats
    light: Floats
    """[3] what a white surface facing it at 1 m gets."""
    reach: float
    """Metres beyond which it is not felt."""


@dataclass(frozen=True, eq=False)
class Light:
    """All that lights a world, ready to be asked."""

    sky: Sky
    scene: RayScene
    lamps: tuple[Lamp, ...]
    exposure: float
    bounce: Floats
    """[3] radiance of surfaces seen instead of the sky: light that has been reflected once."""
    eye: Floats
    """[3] where the air is looked through from: the start view."""
    haze: float
    air: Floats
    """[3] mean radiance of the sky all round, low down: the colour of distance."""
    indoors: bool


def relight(world: World, environment: Environment | None = None, *, progress: Progress = silent) -> World:
    """The world under another environment (default: its own): all splats coloured anew from albedo and normal.

    Layers whose splats carry no albedo, as those of foreign files, keep their colours. The sky is painted anew and
    water mirrors it anew.
    """
    environment = environment or world.environment
    light = prepare(world, environment)
    progress(Stage("light", 1, 1))
    placed = list(world.placed(visible_only=False))
    linear = []
    for _, splats in placed:
        before = sum(len(x) for x in linear)
        linear.append(_linear(splats, world, light, lambda n, b=before: progress(Step(b + n, len(world)))))
    if environment.indoors:
        light = _metered(light, placed, linear, environment)
    layers = []
    for layer, values in zip(world.layers, linear, strict=True):
        if "albedo" in layer.splats.extras:
            sh = torch.zeros_like(layer.splats.sh)
            sh[:, 0] = _sh.from_rgb(torch.from_numpy(develop(values, light)))
            layer = replace(layer, splats=replace(layer.splats, sh=sh))
        layers.append(layer)
    lit = replace(world, layers=tuple(layers), environment=environment)
    return _mirrored(lit, light) if any("water" in t.tags for t in world.things) else lit


def prepare(world: World, environment: Environment) -> Light:
    """Sky, shadow casters, lamps and exposure of a world."""
    sky = make_sky(environment, seed=world.provenance.seed)
    # Far mountains would hide every low sun; they light the scene as the sky above them does.
    scene = RayScene(world, without="far")
    ambient = sky.ambient()
    level = ambient + sky.light * max(float(sky.towards_light[2]), 0.0)
    exposure = environment.exposure * _auto_exposure(level, sky.night, _paleness(world))
    bounce = 0.20 * (0.6 * level + 0.4 * ambient) * np.array([1.05, 1.0, 0.88], np.float32)
    if environment.indoors:
        # What comes in by windows and goes round the room; lamps then count for what they are.
        exposure, bounce = _DAY_EXPOSURE, INDOOR_BOUNCE * level * np.array([1.06, 1.0, 0.9], np.float32)
    return Light(
        sky=sky,
        scene=scene,
        lamps=_lamps(world, LAMP_SHOWN / exposure * (0.2 if environment.indoors else 1.0)),
        exposure=exposure,
        bounce=bounce.astype(np.float32),
        eye=np.asarray(world.start.eye, np.float32),
        haze=environment.haze,
        air=_air(sky),
        indoors=environment.indoors,
    )


def _air(sky: Sky) -> Floats:
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    around = np.stack([np.cos(turn), np.sin(turn), np.full(32, 0.12)], 1).astype(np.float32)
    return sky.radiance(around / np.linalg.norm(around, axis=1, keepdims=True), clouds=False).mean(0)


def _linear(splats: Splats, world: World, light: Light, report: Callable[[int], None]) -> Floats:
    """Linear colour [n, 3] of placed splats; zero where it is not ours to know: water, and splats without albedo."""
    linear = np.zeros((len(splats), 3), np.float32)
    if "albedo" not in splats.extras:
        return linear
    ids = splats.extras["thing"].numpy()
    is_sky = np.isin(ids, [t.id for t in world.things if t.kind == "sky"])
    is_water = np.isin(ids, [t.id for t in world.things if "water" in t.tags])
    solid = np.flatnonzero(~is_sky & ~is_water)
    for start in range(0, len(solid), CHUNK):
        rows = solid[start : start + CHUNK]
        linear[rows] = shade(splats[torch.from_numpy(rows)], light)
        report(start + len(rows))
    if is_sky.any():
        towards = splats.means.numpy()[is_sky] - light.eye
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        stars = splats.extras["albedo"].float().numpy()[is_sky]  # they shine by themselves
        linear[is_sky] = sky_colour(light.sky, towards) + stars * light.sky.night
    return linear


def _metered(light: Light, placed: list[tuple[Layer, Splats]], linear: list[Floats], environment: Environment) -> Light:
    """The light with the exposure that a photographer would take in a room: for the middle of what is lit there."""
    sky = {"sky", "ground", "water"}
    rows = [v[:: max(1, len(v) // 50_000)] for (layer, _), v in zip(placed, linear, strict=True) if layer.id not in sky]
    grey = np.concatenate(rows) @ np.array([0.2126, 0.7152, 0.0722], np.float32) if rows else np.ones(1, np.float32)
    middle = max(float(np.quantile(grey, 0.55)), 1e-4)
    return replace(light, exposure=float(np.clip(0.20 / middle, 0.4, 40.0)) * environment.exposure)


def shade(splats: Splats, light: Light) -> Floats:
    """Linear radiance [n, 3] of splats in world coordinates that carry albedo and normal, air in front included."""
    points = splats.means.numpy()
    normals = splats.extras["normal"].float().numpy()
    albedo = splats.extras["albedo"].float().numpy()
    through = splats.extras["translucency"].float().numpy() / 255 if "translucency" in splats.extras else 0.0
    # Rays start a little off the surface, farther for the large splats that stand for many leaves.
    lift = np.clip(0.35 * splats.scales.max(1).values.numpy(), 0.006, 0.3)[:, None]
    origins = points + normals * lift
    ambient = _from_sky(origins, normals, light)
    if light.indoors:
        ambient = _smoothed(ambient, points, normals)
    incoming = _sun(origins, normals, through, light) + ambient
    incoming += _from_lamps(origins, normals, through, light)
    out = albedo * incoming
    if "emission" in splats.extras:
        out += splats.extras["emission"].float().numpy() / max(light.exposure / _DAY_EXPOSURE, 1.0)
    return through_air(out, points, light)


def through_air(colour: Floats, points: Floats, light: Light) -> Floats:
    """Colours [n, 3] at `points` as seen from the start through haze, which thins out with height."""
    offset = points - light.eye
    distance = np.linalg.norm(offset, axis=1)
    if light.indoors:
        return colour
    height = np.maximum(points[:, 2] - light.eye[2], 0)
    thinning = np.where(height > 1, (1 - np.exp(-height / 140)) / np.maximum(height / 140, 1e-6), 1.0)
    clear = np.exp(-light.haze * distance * thinning)[:, None]
    towards = offset / np.maximum(distance, 1e-6)[:, None]
    towards[:, 2] = np.clip(towards[:, 2], 0.02, 0.12)
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    # Air shows the sky behind it and the light all round, half and half.
    air = 0.5 * np.minimum(light.sky.radiance(towards, clouds=False), 3 * light.air) + 0.5 * light.air
    return (colour * clear + air * (1 - clear)).astype(np.float32)


def develop(linear: Floats, light: Light) -> Floats:
    """Exposed, through a filmic curve, to display values 0 to 1.

    Curve: rational fit with a short toe and a long shoulder (Narkowicz 2015), applied to each channel after a little of
    the luminance has bled into the others, so that strong light goes white instead of garish.
    """
    x = np.maximum(linear, 0) * np.float32(light.exposure)
    # By night eyes see little colour, and that little is blue.
    grey = (x @ np.array([0.2126, 0.7152, 0.0722], np.float32))[:, None]
    moonlit = 0.5 * light.sky.night * np.exp(-4 * grey)
    x = x + (0.08 + 0.92 * moonlit) * (grey * (1 + moonlit * np.array([-0.25, 0.0, 0.45], np.float32)) - x)
    y = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    return display_from_linear(np.clip(y, 0, 1).astype(np.float32))


def sky_colour(sky: Sky, towards: Floats) -> Floats:
    """Linear colour [n, 3] of the dome for unit directions, sun or moon disc and their glare included."""
    colour = sky.radiance(towards)
    near = towards @ sky.towards_light
    clear = 1 - 0.93 * np.clip((sky.environment.clouds - 0.4) / 0.5, 0, 1)
    size = 0.99945 if sky.night > 0.5 else 0.99935
    disc = np.clip((near - size) / 0.0004, 0, 1)
    glare = 0.35 * np.clip(near, 0, 1) ** 1800 + 0.05 * np.clip(near, 0, 1) ** 160
    strength = (30 * disc + 2.0 * glare) if sky.night < 0.5 else (7 * disc + 0.5 * glare)
    return (colour + (clear * strength)[:, None] * (sky.light + 0.03 * (1 - sky.night))).astype(np.float32)


_DAY_EXPOSURE = 1.75


def _auto_exposure(level: Floats, night: float, paleness: float) -> float:
    """Factor that brings level ground near the grey point; dim scenes are lifted, yet stay dim."""
    brightness = float(level @ np.array([0.3, 0.6, 0.1], np.float32))
    full = GREY_POINT / 0.18 / max(brightness, 1e-3)
    reference = GREY_POINT / 0.18 / 0.8
    pale = float(np.clip(paleness, 0.7, 5.0)) ** -0.28
    return float(reference * (full / reference) ** 0.64 * (1 - 0.36 * night) * pale)


def _lamps(world: World, gain: float) -> tuple[Lamp, ...]:
    """All point lights of visible things in world coordinates, `gain` times as strong as they say."""
    return tuple(
        Lamp(
            thing.world_from_thing.apply(np.asarray(p.position, np.float32)),
            np.asarray(p.colour, np.float32) * np.float32(gain * p.power),
            16.0 * p.power + 4.0,
        )
        for thing in world.things
        if thing.visible
        for p in thing.lights
    )


def _paleness(world: World) -> float:
    """Mean albedo of the ground over that of grass: snow and sand ask for a shorter exposure."""
    layer = next((x for x in world.layers if "albedo" in x.splats.extras and x.id == "ground"), None)
    if layer is None or not len(layer.splats):
        return 1.0
    rows = slice(None, None, max(1, len(layer.splats) // 20_000))
    return float(layer.splats.extras["albedo"][rows].float().mean()) / 0.12


def _sun(origins: Floats, normals: Floats, through: Floats | float, light: Light) -> Floats:
    """Direct light [n, 3] of sun or moon."""
    if light.sky.light.max() < 1e-4:
        return np.zeros_like(origins)
    facing = normals @ light.sky.towards_light
    strength = np.maximum(facing, 0) + through * (0.25 + 0.35 * np.maximum(-facing, 0))
    rng = np.random.default_rng(11)
    rays = light.sky.towards_light + SUN_BLUR * rng.normal(size=origins.shape).astype(np.float32)
    lit = np.zeros(len(origins), np.float32)
    asked = np.flatnonzero(strength > 1e-3)
    lit[asked] = ~light.scene.blocked(origins[asked], rays[asked])
    return (lit * strength)[:, None] * light.sky.light


def _from_sky(origins: Floats, normals: Floats, light: Light) -> Floats:
    """Light [n, 3] from the sky where it is seen and from lit surfaces where it is not."""
    rng = np.random.default_rng(12)
    total = np.zeros_like(origins)
    turn = rng.uniform(0, 2 * np.pi, len(origins)).astype(np.float32)
    count = ROOM_RAYS if light.indoors else SKY_RAYS
    for k in range(count):
        d = _cosine_direction(normals, (k + 0.5) / count, turn + np.float32(k * 2.39996))
        up = d[:, 2] > 0.01
        seen = np.zeros(len(d), bool)
        asked = np.flatnonzero(up)
        seen[asked] = ~light.scene.blocked(origins[asked], d[asked])
        total += light.bounce
        total[seen] += light.sky.radiance(d[seen], clouds=False) - light.bounce
    return total / count


def _smoothed(values: Floats, points: Floats, normals: Floats) -> Floats:
    """Each value [n, 3] averaged with those of the nearest splats that face alike: few rays find a small window."""
    from scipy.spatial import KDTree

    _, near = KDTree(points).query(points, k=min(SMOOTH_OVER, len(points)), workers=-1)
    near = near.reshape(len(points), -1)
    alike = np.einsum("nki,ni->nk", normals[near], normals) > 0.8
    alike[:, 0] = True
    return np.einsum("nk,nki->ni", alike.astype(np.float32), values[near]) / alike.sum(1, keepdims=True)


def _from_lamps(origins: Floats, normals: Floats, through: Floats | float, light: Light) -> Floats:
    """Light [n, 3] of lamps within reach, shadowed."""
    total = np.zeros_like(origins)
    for lamp in light.lamps:
        offset = lamp.position - origins
        square = (offset * offset).sum(1)
        reach = lamp.reach
        rows = np.flatnonzero(square < reach * reach)
        if not len(rows):
            continue
        distance = np.sqrt(square[rows])
        towards = offset[rows] / np.maximum(distance, 1e-4)[:, None]
        facing = (normals[rows] * towards).sum(1)
        # Flames and panes are broad: their light reaches a little round corners.
        strength = np.maximum(0.7 * facing + 0.3, 0) + (0.3 * through[rows] if isinstance(through, np.ndarray) else 0.0)
        open_way = ~light.scene.between(
            origins[rows], origins[rows] + towards * np.maximum(distance - 0.25, 0)[:, None]
        )
        strength = strength * np.where(open_way, 1.0, 0.12) / np.maximum(square[rows], 0.35**2)
        fade = np.clip(1 - square[rows] / (reach * reach), 0, 1) ** 2
        total[rows] += (strength * fade)[:, None] * lamp.light
    return total


def _cosine_direction(normals: Floats, share: float, angle: Floats) -> Floats:
    """Cosine-weighted directions about normals: `share` 0 is along them, 1 at right angles; turned by `angle` [n]."""
    radius = np.sqrt(share)
    side = np.where(np.abs(normals[:, 2:]) < 0.9, np.array([[0, 0, 1]], np.float32), np.array([[1, 0, 0]], np.float32))
    t = np.cross(normals, side)
    t /= np.maximum(np.linalg.norm(t, axis=1, keepdims=True), 1e-9)
    b = np.cross(normals, t)
    flat = radius * (np.cos(angle)[:, None] * t + np.sin(angle)[:, None] * b)
    return (flat + np.float32(np.sqrt(1 - radius * radius)) * normals).astype(np.float32)


def _mirrored(world: World, light: Light) -> World:
    """Water splats of a lit world, coloured by what they mirror."""
    from splatworld.water import mirror

    return mirror(world, light)
