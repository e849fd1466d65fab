"""From a spec to a lit world: the procedural generator.

land -> layout -> shapes -> surfels -> an unlit world of albedo and normals -> light.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

import splatworld
from splatworld import light
from splatworld.generate.procedural import dome, ground, waters
from splatworld.generate.procedural.bodies import Body, Piece, bodies
from splatworld.generate.procedural.materials import albedo
from splatworld.generate.procedural.sample import Surfels, count, sample
from splatworld.generate.procedural.scene import Scene, indoors, outdoors
from splatworld.generate.procedural.shape import Shape
from splatworld.generate.procedural.skies import environment_of
from splatworld.generate.procedural.terrain import Terrain
from splatworld.geometry import Similarity, quats_from_matrices
from splatworld.progress import Note, Progress, Stage, Step, silent
from splatworld.scene_spec import SceneSpec
from splatworld.splats import Splats, cat
from splatworld.world import Layer, PointLight, Provenance, Surface, Thing, World

Floats = NDArray[np.floating]

OUT_METRES, IN_METRES = 3.0, 1.1
"""Spacing is even on screen beyond this distance from the start and stays constant nearer, outdoors and indoors."""
SPACING_MIN = 0.004
LEVELS = 2.0 ** (1 / 3)
"""Spacings are rounded to powers of this, so that like shapes at like distances share their surfels."""
YIELD = 0.93
"""Surfels that `sample` makes, over `count`."""
# Spacing by what it is, relative to the general one.
FOCAL, ASKED, SCATTERED, LAND, FAR, WATER, SHELL = 0.58, 0.6, 0.8, 0.95, 0.7, 0.75, 1.5


@dataclass
class Grower:
    """Collects rows of one layer."""

    parts: list[Splats] = field(default_factory=list)

    def add(
        self,
        thing: int,
        label: int,
        surfels: Surfels,
        colour: Floats,
        *,
        opacity: Floats | float = 0.97,
        translucency: Floats | float = 0.0,
        emission: Floats | None = None,
        shading: Floats | None = None,
    ) -> None:
        """Unlit splats of `surfels`, which are in the frame of the thing."""
        n = len(surfels)
        across = np.cross(surfels.normals, surfels.grain)
        frames = np.stack([surfels.grain, across, surfels.normals], -1)
        opacity = np.broadcast_to(np.asarray(opacity, np.float32), n)
        glow = np.zeros((n, 3), np.float32) if emission is None else emission
        through = np.broadcast_to(np.asarray(translucency, np.float32), n)
        self.parts.append(
            Splats(
                means=torch.from_numpy(surfels.points),
                quats=torch.from_numpy(quats_from_matrices(frames).astype(np.float32)),
                log_scales=torch.from_numpy(np.log(surfels.sigmas)),
                logit_opacities=torch.from_numpy(np.log(opacity / (1 - opacity)).astype(np.float32)),
                sh=torch.zeros(n, 1, 3),
                extras={
                    "thing": torch.full((n,), thing, dtype=torch.int32),
                    "label": torch.full((n,), label, dtype=torch.int16),
                    "normal": torch.from_numpy(surfels.shading if shading is None else shading).half(),
                    "albedo": torch.from_numpy(colour).half(),
                    "translucency": torch.from_numpy(np.round(through * 255).astype(np.uint8)),
                    "emission": torch.from_numpy(glow).half(),
                },
            )
        )


@dataclass(frozen=True, eq=False)
class Budget:
    """How finely everything is sampled."""

    spacing_at: float
    """General spacing in metres per metre of distance."""
    start_metres: float

    def spacing(self, distance: float, weight: float) -> float:
        """Metres between splats of what is `distance` metres away, on a level of the ladder."""
        s = max(weight * self.spacing_at * max(distance, self.start_metres), SPACING_MIN)
        return LEVELS ** round(np.log(s) / np.log(LEVELS))


def build(spec: SceneSpec, *, splats: int, progress: Progress = silent) -> World:
    """The world of a spec with about `splats` splats (never more). Deterministic for spec, count and version."""
    seeds = iter(np.random.SeedSequence(spec.seed).spawn(8))
    progress(Stage("land", 1, 5))
    make = indoors if spec.place == "interior" else outdoors
    scene = make(spec, np.random.default_rng(next(seeds)), progress)
    for note in scene.notes:
        progress(Note(note))
    progress(Stage("shapes", 3, 5))
    things = bodies(scene.placements, spec)
    progress(Stage("splats", 4, 5))
    unlit = _unlit(spec, scene, things, splats, int(next(seeds).generate_state(1)[0] % (1 << 30)), progress)
    progress(Stage("light", 5, 5))
    lit = light.relight(unlit, progress=_without_stages(progress))
    return replace(lit, spec=replace_notes(spec, scene.notes))


def replace_notes(spec: SceneSpec, notes: Sequence[str]) -> SceneSpec:
    """The spec with what the layout had to decide added to its notes."""
    import msgspec

    return msgspec.structs.replace(spec, notes=[*spec.notes, *notes])


def _unlit(spec: SceneSpec, scene: Scene, placed: list[Body], splats: int, seed: int, progress: Progress) -> World:
    """Things, layers and surfaces with albedo and normals, in the dark."""
    labels = tuple(dict.fromkeys(["sky", "ground", "far land", "water", *(b.kind for b in placed), *scene.shell]))
    n_sky = (
        int(np.clip(0.075 * splats, 400, 60_000))
        if spec.place != "interior"
        else int(np.clip(0.02 * splats, 300, 6_000))
    )
    n_stars = min(1_600, n_sky // 8) if spec.time == "night" and spec.weather in ("clear", "cloudy") else 0
    budget = _budget(scene, placed, splats - n_sky - n_stars)
    ground_layer, thing_layer, water_layer, sky_layer = Grower(), Grower(), Grower(), Grower()
    surfaces: dict[str, Surface] = {}
    things: list[Thing] = []
    _add_sky(sky_layer, things, labels, n_sky, n_stars, np.random.default_rng(seed))
    _add_land(ground_layer, water_layer, things, surfaces, labels, spec, scene.terrain, budget, seed)
    for name, shape in scene.shell.items():
        _add_shell(thing_layer, things, surfaces, labels, name, shape, budget, scene, seed)
    cache: dict[tuple[str, float], tuple[Surfels, Floats]] = {}
    for index, body in enumerate(placed):
        _add_body(thing_layer, things, surfaces, labels, body, budget, scene, cache, seed)
        if index % 16 == 0:
            progress(Step(index, len(placed)))
    layers = [
        Layer(name, name, _capped(cat(grower.parts)))
        for name, grower in (
            ("ground", ground_layer),
            ("things", thing_layer),
            ("water", water_layer),
            ("sky", sky_layer),
        )
        if grower.parts
    ]
    return World(
        layers=tuple(_within(layers, splats)),
        things=tuple(things),
        environment=environment_of(spec),
        viewpoints=(scene.start,),
        spec=spec,
        provenance=Provenance("procedural", splatworld.__version__, spec.seed, {"splats": splats}),
        surfaces=surfaces,
        labels=labels,
    )


def _budget(scene: Scene, placed: list[Body], wanted: int) -> Budget:
    """The general spacing with which everything together has `wanted` splats: found by three secant steps.

    Counts fall with the square of the spacing, but for the smallest spacings.
    """
    start_metres = IN_METRES if scene.shell else OUT_METRES
    spacing_at = 0.012
    for _ in range(4):
        budget = Budget(spacing_at, start_metres)
        total = _land_count(scene.terrain, budget)
        total += sum(YIELD * count(s, budget.spacing(2.0, SHELL)) for s in scene.shell.values())
        memo: dict[tuple[str, float], float] = {}
        for body in placed:
            for piece, spacing in _spaced(body, budget, scene):
                at = (piece.key, spacing)
                if at not in memo:
                    memo[at] = YIELD * count(piece.shape, spacing)
                total += max(memo[at], 1)
        spacing_at *= np.sqrt(total / max(wanted, 1))
    return Budget(float(spacing_at) * 1.005, start_metres)


def _land_count(terrain: Terrain | None, budget: Budget) -> float:
    """Splats of ground, far land and water, counted on a coarse spiral."""
    if terrain is None:
        return 0.0
    coarse = Budget(0.05, budget.start_metres)
    total = len(ground.near_surfels(terrain, LAND * coarse.spacing_at, start_metres=coarse.start_metres))
    total += len(ground.far_surfels(terrain, FAR * coarse.spacing_at, start_metres=coarse.start_metres))
    if terrain.water is not None:
        total += len(waters.water_surfels(terrain, WATER * coarse.spacing_at, start_metres=coarse.start_metres)[0])
    return total * (coarse.spacing_at / budget.spacing_at) ** 2


def _spaced(body: Body, budget: Budget, scene: Scene) -> Iterable[tuple[Piece, float]]:
    """Each piece of a body with the spacing of its surfels in the piece's own frame."""
    weight = FOCAL if body.asked and "building" in body.row.kinds else ASKED if body.asked else SCATTERED
    eye = np.asarray(scene.start.eye)
    ahead = np.asarray(scene.start.target)[:2] - eye[:2]
    ahead = ahead / max(np.linalg.norm(ahead), 1e-6)
    for piece in body.pieces:
        at = body.world_from_thing @ piece.thing_from_piece
        offset = np.asarray(at.translation) - eye
        radius = body.row.footprint * at.scale
        distance = max(float(np.linalg.norm(offset)) - 0.7 * radius, 0.5)
        behind = float(offset[:2] @ ahead) < 0.2 * float(np.linalg.norm(offset[:2])) - radius
        yield piece, budget.spacing(distance, weight * (1.3 if behind and not scene.shell else 1.0)) / at.scale


def _add_sky(
    grower: Grower, things: list[Thing], labels: tuple[str, ...], n: int, stars: int, rng: np.random.Generator
) -> None:
    discs = dome.dome_surfels(n)
    grower.add(1, labels.index("sky"), discs, np.zeros((len(discs), 3), np.float32), opacity=0.99)
    if stars:
        points = dome.star_surfels(stars, rng)
        tint = np.array([1.0, 0.93, 0.82]) + rng.random((len(points), 1)) * np.array([-0.25, 0.0, 0.25])
        bright = 0.06 + 0.9 * rng.random((len(points), 1)) ** 5
        grower.add(1, labels.index("sky"), points, (tint * bright).astype(np.float32), opacity=0.95)
    r = dome.DOME_METRES
    things.append(
        Thing(id=1, name="sky", kind="sky", bounds=((-r, -r, -0.14 * r), (r, r, r)), collider="none", tags=("sky",))
    )


def _add_land(
    grower: Grower,
    water: Grower,
    things: list[Thing],
    surfaces: dict[str, Surface],
    labels: tuple[str, ...],
    spec: SceneSpec,
    terrain: Terrain | None,
    budget: Budget,
    seed: int,
) -> None:
    if terrain is None:
        return
    kinds = ground.ground_of(spec)
    near = ground.near_surfels(terrain, LAND * budget.spacing_at, start_metres=budget.start_metres)
    colour, normals = ground.near_albedo(terrain, kinds, near.points, near.normals, seed=seed)
    grower.add(2, labels.index("ground"), near, colour, shading=normals)
    surfaces["ground"] = ground.near_surface(terrain)
    things.append(_land_thing(2, "ground", "ground", surfaces, spec.ground, None, ("land",)))
    far = ground.far_surfels(terrain, FAR * budget.spacing_at, start_metres=budget.start_metres)
    colour, normals = ground.far_albedo(kinds, far.points, far.normals, seed=seed)
    grower.add(3, labels.index("far land"), far, colour, shading=normals)
    surfaces["far land"] = ground.far_surface(terrain)
    kind = {"mountains": "mountains", "hills": "hills", "none": "plain"}[spec.far]
    things.append(_land_thing(3, f"far {kind}", kind, surfaces, None, "far land", ("land", "far")))
    if terrain.water is not None:
        discs, colour, opacity = waters.water_surfels(
            terrain, WATER * budget.spacing_at, start_metres=budget.start_metres
        )
        water.add(4, labels.index("water"), discs, colour, opacity=opacity)
        surfaces["water"] = waters.water_surface(terrain)
        wider = {"pond": ("lake",), "stream": ("river",)}.get(terrain.water, ())
        thing = _land_thing(4, terrain.water, terrain.water, surfaces, "water", "water", ("water", *wider))
        things.append(_replaced(thing, collider="none"))


def _land_thing(
    number: int,
    name: str,
    kind: str,
    surfaces: dict[str, Surface],
    material: str | None,
    key: str | None,
    tags: tuple[str, ...],
) -> Thing:
    key = key or name
    lo, hi = surfaces[key].vertices.min(0), surfaces[key].vertices.max(0)
    return Thing(
        id=number, name=name, kind=kind, bounds=(_vec(lo), _vec(hi)), material=material, surface=key, tags=tags
    )


def _add_shell(
    grower: Grower,
    things: list[Thing],
    surfaces: dict[str, Surface],
    labels: tuple[str, ...],
    name: str,
    shape: Shape,
    budget: Budget,
    scene: Scene,
    seed: int,
) -> None:
    number = len(things) + 5
    surfels = sample(shape, budget.spacing(2.0, SHELL), np.random.default_rng([seed, number]))
    # Walls are bright outside and dim inside: they are closed more tightly, so that no daylight shows through.
    surfels = replace(surfels, sigmas=surfels.sigmas * np.array([1.5, 1.5, 0.5], np.float32))
    colour, glow, through = _painted(shape, surfels, seed + number)
    grower.add(number, labels.index(name), surfels, colour, emission=glow, translucency=through, opacity=0.99)
    surfaces[name] = shape.surface
    lo, hi = shape.bounds
    main = shape.materials[int(np.bincount(shape.material, weights=shape.areas).argmax())]
    tags = ("ground", "room") if name == "floor" else ("room",)
    things.append(
        Thing(
            id=number,
            name=name,
            kind=name,
            bounds=(_vec(lo), _vec(hi)),
            material=main.name,
            surface=name,
            tags=tags,
            lights=shape.lights,
        )
    )


def _add_body(
    grower: Grower,
    things: list[Thing],
    surfaces: dict[str, Surface],
    labels: tuple[str, ...],
    body: Body,
    budget: Budget,
    scene: Scene,
    cache: dict[tuple[str, float], tuple[Surfels, Floats]],
    seed: int,
) -> None:
    number = len(things) + 10
    rng = np.random.default_rng([seed, number])
    lights: list[PointLight] = []
    for piece, spacing in _spaced(body, budget, scene):
        surfels, colour, glow, through = _sampled(piece, spacing, cache, seed)
        # Copies of one shape differ a little in tone, as siblings do.
        tint = 1 + (0.09 if not body.asked else 0.03) * rng.normal(size=3) * [1, 0.6, 0.8] + 0.06 * rng.normal()
        at = piece.thing_from_piece
        grower.add(
            number,
            labels.index(body.kind),
            surfels if at.is_identity else _moved(surfels, at),
            np.clip(colour * tint, 0, 0.95).astype(np.float32),
            emission=glow,
            translucency=through,
        )
        lights += piece.shape.moved(at).lights
    key, surface = _surface_of(body)
    surfaces.setdefault(key, surface)
    lo, hi = surface.vertices.min(0), surface.vertices.max(0)
    item = body.item
    colour_word = (item.colour if item else None) or body.row.colour
    things.append(
        Thing(
            id=number,
            name=body.name,
            kind=body.kind,
            world_from_thing=body.world_from_thing,
            bounds=(_vec(lo), _vec(hi)),
            colour=colour_word,
            material=(item.material if item else None) or body.row.material,
            size=item.size if item else None,
            surface=key,
            body="dynamic" if body.row.height < 1.3 and body.row.stands == "ground" and body.asked else "static",
            tags=body.row.kinds,
            lights=tuple(lights),
        )
    )


def _sampled(piece: Piece, spacing: float, cache: dict, seed: int) -> tuple[Surfels, Floats, Floats | None, Floats]:
    at = (piece.key, round(spacing, 9))
    if at not in cache:
        surfels = sample(piece.shape, spacing, np.random.default_rng([seed, *piece.key.encode()]))
        cache[at] = (surfels, *_painted(piece.shape, surfels, seed + len(piece.key)))
    return cache[at]


def _painted(shape: Shape, surfels: Surfels, seed: int) -> tuple[Floats, Floats | None, Floats]:
    """Albedo [n, 3], emission [n, 3] or None, and translucency [n] of surfels in the frame of their shape."""
    colour = np.zeros((len(surfels), 3), np.float32)
    glow = np.zeros_like(colour)
    through = np.zeros(len(surfels), np.float32)
    for index, material in enumerate(shape.materials):
        rows = surfels.material == index
        if rows.any():
            colour[rows] = albedo(material, surfels.points[rows], surfels.normals[rows], seed=seed % 1000)
            glow[rows] = material.emission
            through[rows] = material.translucency
    return colour, glow if glow.any() else None, through


def _surface_of(body: Body) -> tuple[str, Surface]:
    if len(body.pieces) == 1:
        return body.pieces[0].key, body.pieces[0].shape.surface
    vertices, faces, offset = [], [], 0
    for piece in body.pieces:
        vertices.append(piece.thing_from_piece.apply(piece.shape.vertices))
        faces.append(piece.shape.faces + offset)
        offset += len(piece.shape.vertices)
    return body.name, Surface(np.concatenate(vertices), np.concatenate(faces).astype(np.int32))


def _moved(surfels: Surfels, at: Similarity) -> Surfels:
    turn = Similarity(rotation=at.rotation)
    return Surfels(
        at.apply(surfels.points),
        turn.apply(surfels.normals),
        turn.apply(surfels.shading),
        turn.apply(surfels.grain),
        surfels.sigmas * np.float32(at.scale),
        surfels.material,
    )


def _within(layers: list[Layer], limit: int) -> list[Layer]:
    """Drop an even share of the largest layers' rows where the estimate ran over the limit."""
    over = sum(len(layer.splats) for layer in layers) - limit
    if over <= 0:
        return layers
    big = max(range(len(layers)), key=lambda i: len(layers[i].splats))
    splats = layers[big].splats
    keep = torch.ones(len(splats), dtype=torch.bool)
    keep[torch.linspace(0, len(splats) - 1, over).long()] = False
    return [replace(x, splats=x.splats[keep]) if i == big else x for i, x in enumerate(layers)]


def _capped(splats: Splats) -> Splats:
    """Emission is carried only where something glows."""
    if not splats.extras["emission"].any():
        return replace(splats, extras={k: v for k, v in splats.extras.items() if k != "emission"})
    return splats


def _without_stages(progress: Progress) -> Progress:
    return lambda event: None if isinstance(event, Stage) else progress(event)


def _replaced(thing: Thing, **changes: object) -> Thing:
    import msgspec

    return msgspec.structs.replace(thing, **changes)


def _vec(v: NDArray[np.floating]) -> tuple[float, float, float]:
    x, y, z = (float(c) for c in v)
    return x, y, z
