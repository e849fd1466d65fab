"""`Assembly`: sky, land, rooms and bodies become things, surfaces and rows of unlit splats."""

from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from splatworld.generate.procedural import dome, ground, leaves, waters
from splatworld.generate.procedural.bodies import Body, Piece
from splatworld.generate.procedural.budget import FAR, LAND, WATER, Budget, spaced
from splatworld.generate.procedural.materials import albedo
from splatworld.generate.procedural.sample import Surfels, sample
from splatworld.generate.procedural.scene import Scene
from splatworld.generate.procedural.shape import Shape
from splatworld.generate.procedural.terrain import Terrain
from splatworld.geometry import Similarity, Vec3, quats_from_matrices
from splatworld.scene_spec import SceneSpec
from splatworld.splats import Splats, cat
from splatworld.world import Layer, Surface, Thing

Floats = NDArray[np.floating]

SKY, GROUND, FAR_LAND, WATERS, FIRST = 1, 2, 3, 4, 10
"""Thing ids of what every world may have, and of the first other thing."""
LAYERS = ("ground", "things", "water", "sky")


@dataclass(frozen=True, eq=False)
class Paint:
    """What surfels look like without light."""

    albedo: Floats
    """[n, 3] linear."""
    emission: Floats | None = None
    """[n, 3] linear."""
    translucency: Floats | float = 0.0
    """[n], 0 to 1."""
    opacity: Floats | float = 0.97
    """[n], 0 to 1."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A shape as it is shown at one spacing; copies share it."""

    key: str
    shape: Shape
    surfels: Surfels
    paint: Paint


@dataclass
class Assembly:
    """Collects the parts of a world while it is built."""

    spec: SceneSpec
    scene: Scene
    budget: Budget
    labels: tuple[str, ...]
    seed: int
    things: list[Thing] = field(default_factory=list)
    surfaces: dict[str, Surface] = field(default_factory=dict)
    rows: dict[str, list[Splats]] = field(default_factory=lambda: {name: [] for name in LAYERS})
    cache: dict[tuple[str, float], Sampled] = field(default_factory=dict)

    def layers(self) -> list[Layer]:
        """The rows so far, as layers; emission is carried only where something glows."""
        out = []
        for name, parts in self.rows.items():
            if parts:
                splats = cat(parts)
                dark = not splats.extras["emission"].any()
                extras = {k: v for k, v in splats.extras.items() if k != "emission" or not dark}
                out.append(Layer(name, name, replace(splats, extras=extras)))
        return out

    def add_sky(self, count: int, stars: int) -> None:
        """The dome, and stars that shine by their albedo."""
        discs = dome.dome_surfels(count)
        self._grow("sky", SKY, "sky", discs, Paint(np.zeros((len(discs), 3), np.float32), opacity=0.99))
        if stars:
            rng = np.random.default_rng(self.seed)
            points = dome.star_surfels(stars, rng)
            tint = np.array([1.0, 0.93, 0.82]) + rng.random((len(points), 1)) * np.array([-0.25, 0.0, 0.25])
            bright = 0.06 + 0.9 * rng.random((len(points), 1)) ** 5
            self._grow("sky", SKY, "sky", points, Paint(tint * bright, opacity=0.95))
        r = dome.DOME_METRES
        box = ((-r, -r, -0.14 * r), (r, r, r))
        self.things.append(Thing(id=SKY, name="sky", kind="sky", bounds=box, collider="none", tags=("sky",)))

    def add_land(self, terrain: Terrain) -> None:
        """Near ground, far land and water."""
        kinds = ground.ground_of(self.spec)
        at, start = self.budget.spacing_at, self.budget.start_metres
        near = ground.near_surfels(terrain, LAND * at, start_metres=start)
        colour, normals = ground.near_albedo(terrain, kinds, near.points, near.normals, seed=self.seed)
        self._grow("ground", GROUND, "ground", replace(near, shading=normals), Paint(colour))
        self._land(GROUND, "ground", "ground", ground.near_surface(terrain), self.spec.ground, ("land",))
        far = ground.far_surfels(terrain, FAR * at, start_metres=start)
        colour, normals = ground.far_albedo(kinds, far.points, far.normals, seed=self.seed)
        self._grow("ground", FAR_LAND, "far land", replace(far, shading=normals), Paint(colour))
        kind = {"mountains": "mountains", "hills": "hills", "none": "plain"}[self.spec.far]
        self._land(FAR_LAND, f"far {kind}", kind, ground.far_surface(terrain), None, ("land", "far"))
        if terrain.water is not None:
            discs, colour, opacity = waters.water_surfels(terrain, WATER * at, start_metres=start)
            self._grow("water", WATERS, "water", discs, Paint(colour, opacity=opacity))
            wider = {"pond": ("lake",), "stream": ("river",)}.get(terrain.water, ())
            surface = waters.water_surface(terrain)
            self._land(WATERS, terrain.water, terrain.water, surface, "water", ("water", *wider), collider="none")

    def add_shell(self, name: str, shape: Shape) -> None:
        """A part of a room."""
        number = FIRST + len(self.things)
        surfels = sample(shape, self.budget.shell(name), np.random.default_rng([self.seed, number]))
        if name in ("floor", "wall", "ceiling"):
            # Bright outside and dim inside: closed more tightly, so that no daylight shows through.
            surfels = replace(surfels, sigmas=surfels.sigmas * np.array([1.5, 1.5, 0.5], np.float32))
        paint = replace(_painted(shape, surfels, self.seed + number), opacity=0.99)
        self._grow("things", number, name, surfels, paint)
        self.surfaces[name] = shape.surface
        main = shape.materials[int(np.bincount(shape.material, weights=shape.areas).argmax())]
        self.things.append(
            Thing(
                id=number,
                name=name,
                kind=name,
                bounds=_box(shape.vertices),
                material=main.name,
                surface=name,
                tags=("ground", "room") if name == "floor" else ("room",),
                lights=shape.lights,
            )
        )

    def add_body(self, body: Body) -> None:
        """A placed thing."""
        number = FIRST + len(self.things)
        rng = np.random.default_rng([self.seed, number])
        shown = [
            (self._sampled(piece, s), piece.thing_from_piece) for piece, s in spaced(body, self.budget, self.scene)
        ]
        for sampled, at in shown:
            # Copies of one shape differ a little in tone, as siblings do.
            tint = 1 + (0.03 if body.asked else 0.09) * rng.normal(size=3) * [1, 0.6, 0.8] + 0.06 * rng.normal()
            paint = replace(sampled.paint, albedo=np.clip(sampled.paint.albedo * tint, 0, 0.95))
            self._grow("things", number, body.kind, _moved(sampled.surfels, at), paint)
        key = shown[0][0].key if len(shown) == 1 else body.name
        if key not in self.surfaces:
            self.surfaces[key] = _merged([(s.shape.surface, at) for s, at in shown])
        wish = body.wish
        self.things.append(
            Thing(
                id=number,
                name=body.name,
                kind=body.kind,
                world_from_thing=body.world_from_thing,
                bounds=_box(self.surfaces[key].vertices),
                colour=(wish.colour if wish else None) or body.row.colour,
                material=(body.item.material if body.item else None) or body.row.material,
                size=wish.size if wish else None,
                surface=key,
                body="dynamic" if body.row.height < 1.3 and body.row.stands == "ground" and body.asked else "static",
                tags=body.row.kinds,
                lights=tuple(light for s, at in shown for light in s.shape.moved(at).lights),
            )
        )

    def _sampled(self, piece: Piece, spacing: float) -> Sampled:
        at = (piece.key, round(spacing, 9))
        if at not in self.cache:
            rng = np.random.default_rng([self.seed, *piece.key.encode()])
            shape, surfels = leaves.shown(piece.shape, spacing, rng)
            key = piece.key if shape is piece.shape else f"{piece.key}@{spacing:.4f}"
            self.cache[at] = Sampled(key, shape, surfels, _painted(shape, surfels, self.seed + len(piece.key)))
        return self.cache[at]

    def _land(
        self,
        number: int,
        name: str,
        kind: str,
        surface: Surface,
        material: str | None,
        tags: tuple[str, ...],
        collider: str = "mesh",
    ) -> None:
        self.surfaces[name] = surface
        box = _box(surface.vertices)
        (a, b, c), (d, e, f) = box
        middle = ((a + d) / 2, (b + e) / 2, (c + f) / 2)
        thing = Thing(
            id=number, name=name, kind=kind, pivot=middle, bounds=box, material=material, surface=name, tags=tags
        )
        self.things.append(msgspec.structs.replace(thing, collider=collider))

    def _grow(self, layer: str, thing: int, label: str, surfels: Surfels, paint: Paint) -> None:
        """Unlit splats of surfels that are in the frame of their thing."""
        n = len(surfels)
        frames = np.stack([surfels.grain, np.cross(surfels.normals, surfels.grain), surfels.normals], -1)
        opacity = np.broadcast_to(np.asarray(paint.opacity, np.float32), n)
        through = np.broadcast_to(np.asarray(paint.translucency, np.float32), n)
        glow = np.zeros((n, 3), np.float32) if paint.emission is None else paint.emission
        self.rows[layer].append(
            Splats(
                means=torch.from_numpy(surfels.points.astype(np.float32)),
                quats=torch.from_numpy(quats_from_matrices(frames).astype(np.float32)),
                log_scales=torch.from_numpy(np.log(surfels.sigmas).astype(np.float32)),
                logit_opacities=torch.from_numpy(np.log(opacity / (1 - opacity)).astype(np.float32)),
                sh=torch.zeros(n, 1, 3),
                extras={
                    "thing": torch.full((n,), thing, dtype=torch.int32),
                    "label": torch.full((n,), self.labels.index(label), dtype=torch.int16),
                    "normal": torch.from_numpy(surfels.shading).half(),
                    "albedo": torch.from_numpy(paint.albedo).half(),
                    "translucency": torch.from_numpy(np.round(through * 255).astype(np.uint8)),
                    "emission": torch.from_numpy(glow).half(),
                },
            )
        )


def _painted(shape: Shape, surfels: Surfels, seed: int) -> Paint:
    """The look of surfels in the frame of their shape."""
    colour = np.zeros((len(surfels), 3), np.float32)
    glow = np.zeros_like(colour)
    through = np.zeros(len(surfels), np.float32)
    for index, material in enumerate(shape.materials):
        rows = surfels.material == index
        if rows.any():
            colour[rows] = albedo(material, surfels.points[rows], surfels.normals[rows], seed=seed % 1000)
            glow[rows] = material.emission
            through[rows] = material.translucency
    return Paint(colour, glow if glow.any() else None, through)


def _merged(parts: list[tuple[Surface, Similarity]]) -> Surface:
    """Surfaces moved into their thing's frame, as one."""
    if len(parts) == 1 and parts[0][1].is_identity:
        return parts[0][0]
    vertices, faces, offset = [], [], 0
    for surface, at in parts:
        vertices.append(at.apply(surface.vertices))
        faces.append(surface.faces + offset)
        offset += len(surface.vertices)
    return Surface(np.concatenate(vertices), np.concatenate(faces).astype(np.int32))


def _moved(surfels: Surfels, at: Similarity) -> Surfels:
    if at.is_identity:
        return surfels
    turn = Similarity(rotation=at.rotation)
    return Surfels(
        at.apply(surfels.points),
        turn.apply(surfels.normals),
        turn.apply(surfels.shading),
        turn.apply(surfels.grain),
        surfels.sigmas * np.float32(at.scale),
        surfels.material,
    )


def _box(vertices: Floats) -> tuple[Vec3, Vec3]:
    (a, b, c), (d, e, f) = vertices.min(0).tolist(), vertices.max(0).tolist()
    return (a, b, c), (d, e, f)
