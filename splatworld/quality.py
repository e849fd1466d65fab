"""The quality report of a world: how many splats of what, and where they fail its surfaces.

The world's own surfaces are the truth. A ray that meets one should see splats (else: a hole); a ray that meets none
should see sky alone (else: haze); a splat should sit on one (else: a floater).
"""

from collections import Counter
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from splatworld.camera import Camera, look_at
from splatworld.geometry import Vec3
from splatworld.mesh import RayScene
from splatworld.progress import Progress, Stage, Step, silent
from splatworld.render import render
from splatworld.splats import Splats
from splatworld.world import EYE_HEIGHT, Thing, World, parted

Floats = NDArray[np.floating]

METRES = (0.0, 10.0, 25.0, 50.0)
"""Distances from the start at which eyes are set."""
EYES = 24
"""Looks at each distance, every one from another place (all from the start itself at 0 m)."""
WIDTH, HEIGHT = 128, 96
FOV_DEG = 10.57
"""Vertical. A pixel is then as wide as one of a 960 x 540 picture with 55 degrees: in coarser pixels the rasterizer's
widening of small splats (0.3 px^2) would close holes and fatten edges that a visitor sees as they are."""
PITCH_DEG = 18.0
"""Looks are level give or take this much."""
COVERED = 0.5
"""Alpha from which a pixel counts as covered."""
FAR_SIGMAS = 3.0
"""A splat further than this many of its largest sigmas from every surface floats."""
CLEARANCE = 0.45
"""Metres that an eye keeps from every surface, as a walker's shoulders do."""
INDOOR_CLEARANCE = 0.6
"""Metres that an eye keeps from what it walks up to indoors."""
OPEN_SHARE = 0.06
"""Share of the upper half-sphere that must be open above an eye out of doors: there is none inside a rock."""


class Ring(msgspec.Struct, frozen=True):
    """What eyes at one distance from the start see."""

    metres: float
    """Distance asked for."""
    eyes: int
    """How many looks were taken; fewer than usual where little ground is free."""
    surface_rays: int
    """Rays that meet a surface."""
    holes: float | None
    """Share of `surface_rays` whose pixel has alpha below 0.5; back faces count as surface. None without such rays."""
    open_rays: int
    """Rays that meet nothing but the sky dome."""
    haze: float | None
    """Share of `open_rays` whose pixel has alpha above 0.5, sky left out. None without such rays."""


class Report(msgspec.Struct, frozen=True):
    """Quality figures of one world; its text is what the terminal shows."""

    splats: int
    """All splats, hidden ones too."""
    classes: dict[str, int]
    """Splats by label, most first; "unlabelled" are those of foreign files."""
    layers: dict[str, int]
    """Splats by name of layer."""
    rings: list[Ring]
    """Holes and haze by distance from the start; empty for a world without surfaces."""
    hole_classes: dict[str, int]
    """Hole rays of all rings by the class of the thing they should have shown, most first."""
    haze_classes: dict[str, int]
    """Haze rays of all rings by the class of the thing whose splats hang there, most first."""
    floaters: float | None
    """Share of visible splats, sky left out, whose centre is more than 3 of their largest sigmas from every surface."""
    notes: list[str]
    """What could not be measured as said."""

    def __str__(self) -> str:
        lines = [
            f"{self.splats:,} splats",
            f"  by layer: {_listed(self.layers)}",
            f"  by class: {_listed(self.classes)}",
        ]
        if self.rings:
            lines.append(f"{'from start':>12}{'holes':>9}{'haze':>9}{'eyes':>7}")
            lines += [f"{r.metres:>10.0f} m{_share(r.holes):>9}{_share(r.haze):>9}{r.eyes:>7}" for r in self.rings]
        if self.hole_classes:
            lines.append(f"hole rays on: {_listed(self.hole_classes)}")
        if self.haze_classes:
            lines.append(f"haze rays by: {_listed(self.haze_classes)}")
        return "\n".join([*lines, f"floaters: {_share(self.floaters)}", *(f"note: {n}" for n in self.notes)])


@dataclass(frozen=True, eq=False)
class Looks:
    """What the pixels of some cameras show and what the rays through them meet; all arrays are [c, h, w]."""

    alpha: Floats
    """Of all splats but the sky's."""
    shown: NDArray[np.int32]
    """Thing of the splat at half transparency, 0 where none."""
    met: NDArray[np.int32]
    """Thing of the nearest surface, 0 where none."""

    @property
    def holes(self) -> NDArray[np.bool_]:
        """Pixels whose ray meets a surface that is not covered."""
        return (self.met > 0) & (self.alpha < COVERED)

    @property
    def haze(self) -> NDArray[np.bool_]:
        """Covered pixels whose ray meets no surface."""
        return (self.met == 0) & (self.alpha > COVERED)


def report(world: World, *, progress: Progress = silent) -> Report:
    """Measure a world. The eyes are the same at every run; `Cancelled` raised by `progress` passes through."""
    splats = without_sky(world)
    scene = RayScene(world, water=True)
    if scene.empty:
        return _report(world, [], [], None, ["the world has no surfaces: holes, haze and floaters cannot be told"])
    rings, looks, notes = [], [], []
    progress(Stage("looks", 1, 2))
    for index, metres in enumerate(METRES):
        progress(Step(index, len(METRES)))
        camera = cameras_at(world, scene, metres, seed=index, notes=notes)
        if camera is None:
            rings.append(Ring(metres, 0, 0, None, 0, None))
            continue
        looks.append(look(splats, scene, camera))
        rings.append(_ring(metres, looks[-1]))
    progress(Stage("floaters", 2, 2))
    return _report(world, rings, looks, floaters(splats, scene), notes)


def look(splats: Splats, scene: RayScene, cameras: Camera) -> Looks:
    """Draw `splats` and cast the rays through the very centres of the pixels at `scene`."""
    picture = render(splats, cameras)
    origins, directions = (x.reshape(-1, 3).numpy() for x in cameras.rays())
    met = scene.cast(origins, directions)[1]
    alpha = picture.alpha[..., 0].numpy()
    return Looks(alpha, picture.things.numpy(), met.reshape(alpha.shape).astype(np.int32))


def floaters(splats: Splats, scene: RayScene) -> float | None:
    """Share of splats whose centre is more than 3 of their largest sigmas from every surface of `scene`."""
    if not len(splats):
        return None
    reach = FAR_SIGMAS * splats.scales.amax(1).numpy()
    return float((scene.distance(splats.means.numpy()) > reach).mean())


def without_sky(world: World) -> Splats:
    """The visible splats of a world, placed, but for those of the sky."""
    return parted(world, lambda thing: thing.kind == "sky")[1].splats()


def cameras_at(world: World, scene: RayScene, metres: float, *, seed: int, notes: list[str]) -> Camera | None:
    """Up to 24 cameras whose eyes stand `metres` from the start on free ground, 1.7 m above it, looking anywhere.

    Indoors, whoever would have to pass through something stops 0.6 m before it. None where no ground is free; what
    went otherwise than asked is added to `notes`.
    """
    rng = np.random.default_rng([31, seed])
    start = np.asarray(world.start.eye, np.float32)
    angle = rng.uniform(0, 2 * np.pi, 40 * EYES if metres else EYES)
    away = np.full(len(angle), metres)
    if world.environment.indoors:
        away = _within_sight(scene, start, angle, metres)
        if (away < metres).any():
            notes.append(f"at {metres:.0f} m: eyes stay in the room, nearer where something stands in the way")
    xy = (start[:2] + away[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)).astype(np.float32)
    eyes, land = _on_land(world, xy, float(start[2]))
    # The visitor stands at the start already: it needs no test.
    free = land & _free(scene, eyes, indoors=world.environment.indoors) if metres else land
    eyes = eyes[free][:EYES]
    if len(eyes) < EYES:
        notes.append(f"at {metres:.0f} m: free ground for {len(eyes)} of {EYES} eyes only")
    return _looking_anywhere(eyes, rng) if len(eyes) else None


def _looking_anywhere(eyes: Floats, rng: np.random.Generator) -> Camera:
    azimuth = rng.uniform(0, 2 * np.pi, len(eyes))
    pitch = np.radians(rng.uniform(-PITCH_DEG, PITCH_DEG, len(eyes)))
    ahead = np.stack([np.cos(azimuth) * np.cos(pitch), np.sin(azimuth) * np.cos(pitch), np.sin(pitch)], 1)
    return look_at(_vecs(eyes), _vecs(eyes + ahead), fov_deg=FOV_DEG, width=WIDTH, height=HEIGHT)


def _vecs(points: NDArray[np.floating]) -> list[Vec3]:
    return [(float(x), float(y), float(z)) for x, y, z in points]


def _on_land(world: World, xy: Floats, height: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Eyes [n, 3] over the ground at `xy`, and whether there is dry ground; `height` stands in without any ground."""
    down = np.tile(np.array([0, 0, -1], np.float32), (len(xy), 1))
    above = np.column_stack([xy, np.full(len(xy), 2_000.0)]).astype(np.float32)
    ground = RayScene(replace(world, things=tuple(t for t in world.things if _is_ground(t))), water=True)
    if ground.empty:
        return np.column_stack([xy, np.full(len(xy), height)]).astype(np.float32), np.ones(len(xy), bool)
    depth, owner = ground.cast(above, down)
    water = [t.id for t in world.things if "water" in t.tags]
    land = np.isfinite(depth) & ~np.isin(owner, water)
    z = np.where(land, 2_000.0 - depth + EYE_HEIGHT, height)
    return np.column_stack([xy, z]).astype(np.float32), land


def _is_ground(thing: Thing) -> bool:
    return bool({"land", "ground", "water"} & set(thing.tags))


def _within_sight(scene: RayScene, start: Floats, angle: NDArray[np.floating], metres: float) -> NDArray[np.floating]:
    """Metres [n] to walk from the start at each angle: `metres`, or less where something stands in the way."""
    ways = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1).astype(np.float32)
    reach = scene.cast(np.tile(start, (len(ways), 1)), ways)[0]
    return np.clip(reach - INDOOR_CLEARANCE, 0, metres)


def _free(scene: RayScene, eyes: Floats, *, indoors: bool) -> NDArray[np.bool_]:
    """Whether each eye keeps clear of all surfaces and, out of doors, sees some sky: inside a solid none is seen."""
    clear = scene.distance(eyes) > CLEARANCE
    if indoors:
        return clear
    rng = np.random.default_rng(7)
    up = rng.normal(size=(48, 3)).astype(np.float32)
    up[:, 2] = np.abs(up[:, 2])
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    blocked = scene.blocked(np.repeat(eyes, len(up), 0), np.tile(up, (len(eyes), 1)))
    return clear & (1 - blocked.reshape(len(eyes), len(up)).mean(1) > OPEN_SHARE)


def _ring(metres: float, looks: Looks) -> Ring:
    surface = int((looks.met > 0).sum())
    open_rays = looks.met.size - surface
    return Ring(
        metres=metres,
        eyes=len(looks.alpha),
        surface_rays=surface,
        holes=float(looks.holes.sum() / surface) if surface else None,
        open_rays=open_rays,
        haze=float(looks.haze.sum() / open_rays) if open_rays else None,
    )


def _report(world: World, rings: list[Ring], looks: list[Looks], floating: float | None, notes: list[str]) -> Report:
    return Report(
        splats=len(world),
        classes=_by_class(world),
        layers={layer.name: len(layer.splats) for layer in world.layers},
        rings=rings,
        hole_classes=_kinds(world, [x.met[x.holes] for x in looks]),
        haze_classes=_kinds(world, [x.shown[x.haze] for x in looks]),
        floaters=floating,
        notes=notes,
    )


def _by_class(world: World) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for layer in world.layers:
        index = layer.splats.extras.get("label")
        if index is None:
            counted["unlabelled"] += len(layer.splats)
            continue
        for label, number in enumerate(torch.bincount(index.long().clamp(min=0)).tolist()):
            if number:
                counted[world.labels[label] if label < len(world.labels) else "unlabelled"] += number
    return dict(counted.most_common())


def _kinds(world: World, ids: list[NDArray[np.int32]]) -> dict[str, int]:
    kinds = {t.id: t.kind for t in world.things}
    counted: Counter[str] = Counter()
    numbers, times = np.unique(np.concatenate([np.zeros(0, np.int32), *ids]), return_counts=True)
    for number, seen in zip(numbers.tolist(), times.tolist(), strict=True):
        counted[kinds.get(number, "no thing")] += seen
    return dict(counted.most_common())


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items())


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"
