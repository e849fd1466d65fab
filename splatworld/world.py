"""`World`: layers of splats, the things they belong to, their light, and where to stand.

A world is a frozen value; edits make new ones that share unchanged tensors. Splats of a thing are stored in the thing's
own frame: moving it changes `world_from_thing`, never rows.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, Self

import msgspec
import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray

from splatworld import limits
from splatworld import splats as _splats
from splatworld.camera import Camera, look_at
from splatworld.geometry import Similarity, Vec3
from splatworld.scene_spec import SceneSpec
from splatworld.splats import Splats

EYE_HEIGHT = 1.7
"""Metres from the ground to a walker's eye."""


class PointLight(msgspec.Struct, frozen=True):
    """A lamp, window or fire, in the frame of the thing that carries it."""

    position: Vec3
    colour: Vec3
    """Linear RGB of its light; the largest component is 1."""
    power: float
    """Radiance it gives a white surface facing it at 1 m, where the noon sun gives 1."""


class Environment(msgspec.Struct, frozen=True):
    """Sun or moon, sky, air and exposure: all that lights a world besides its lamps."""

    sun_azimuth_deg: float = -60.0
    """Clockwise from +Y (north), so 90 is +X (east)."""
    sun_elevation_deg: float = 40.0
    """Above the horizon; below 0 the moon lights the world."""
    turbidity: float = 2.5
    """2 is mountain air, 6 is haze."""
    clouds: float = 0.25
    """Share of the sky that is covered."""
    haze: float = 0.0012
    """Extinction of the air, 1/m: what hides the distance."""
    exposure: float = 1.0
    """Factor on linear light before the tone curve."""
    indoors: bool = False
    """Closed room: the sky comes in by windows only."""


class Viewpoint(msgspec.Struct, frozen=True):
    """A place to look from."""

    name: str
    eye: Vec3
    target: Vec3
    fov_deg: float = 55.0
    """Vertical."""

    def camera(self, *, width: int = 960, height: int = 540) -> Camera:
        """This view as a one-camera batch."""
        return look_at(self.eye, self.target, fov_deg=self.fov_deg, width=width, height=height)


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the world: the cabin, a pine, the lake, the ground, the sky."""

    id: Annotated[int, Meta(ge=1)]
    name: Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS)]
    """Unique: "cabin 1"."""
    kind: str = msgspec.field(name="class")
    """Class name from the catalogue: "cabin"."""
    world_from_thing: Similarity = Similarity()
    """The thing frame has its origin at the pivot: the ground contact below the thing's middle; +Z up, front -Y."""
    pivot: Vec3 = (0.0, 0.0, 0.0)
    """What it turns about, in its own frame."""
    contact: Vec3 = (0.0, 0.0, 0.0)
    """Where it touches what it stands on, in its own frame."""
    bounds: tuple[Vec3, Vec3] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    """Smallest and largest corner, in its own frame."""
    colour: str | None = None
    """Name of its main colour."""
    material: str | None = None
    size: str | None = None
    surface: str | None = None
    """Key in `World.surfaces`."""
    collider: Literal["mesh", "box", "none"] = "mesh"
    body: Literal["static", "dynamic"] = "static"
    visible: bool = True
    tags: tuple[str, ...] = ()
    """Wider words it answers to: "tree", "building"."""
    lights: tuple[PointLight, ...] = ()

    @property
    def position(self) -> Vec3:
        """World position of the pivot."""
        x, y, z = (float(v) for v in self.world_from_thing.apply(np.asarray(self.pivot)))
        return x, y, z

    @property
    def world_bounds(self) -> tuple[Vec3, Vec3]:
        """Axis-aligned box around the transformed bounds, world frame."""
        lo, hi = np.asarray(self.bounds)
        corners = np.array([[(lo, hi)[i >> k & 1][k] for k in range(3)] for i in range(8)])
        placed = self.world_from_thing.apply(corners)
        return tuple(placed.min(0).tolist()), tuple(placed.max(0).tolist())  # type: ignore[return-value]


@dataclass(frozen=True, eq=False, slots=True)
class Surface:
    """A triangle mesh that light, picking, colliders and the quality report use; in the frame of its thing."""

    vertices: NDArray[np.float32]
    """[v, 3] metres."""
    faces: NDArray[np.int32]
    """[f, 3], counter-clockwise seen from outside."""


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """Splats that are shown, locked and moved together. Rows with thing id i are in the frame of thing i."""

    id: str
    name: str
    splats: Splats
    world_from_layer: Similarity = Similarity()
    visible: bool = True
    locked: bool = False


class Provenance(msgspec.Struct, frozen=True):
    """Where a world comes from: enough to make it again."""

    generator: str = ""
    version: str = ""
    seed: int = 0
    settings: dict[str, int | float | str | bool] = {}


@dataclass(frozen=True, eq=False)
class World:
    """A structured world of splats. Right-handed, +Z up, metres, ground near z = 0 at the start view."""

    layers: tuple[Layer, ...]
    things: tuple[Thing, ...] = ()
    environment: Environment = Environment()
    viewpoints: tuple[Viewpoint, ...] = ()
    """The first is the start view."""
    spec: SceneSpec | None = None
    provenance: Provenance = Provenance()
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    """Class names; the splat extra "label" is an index into them."""

    def __len__(self) -> int:
        return sum(len(layer.splats) for layer in self.layers)

    @property
    def start(self) -> Viewpoint:
        """Where a visitor begins."""
        return self.viewpoints[0] if self.viewpoints else framed(self)

    def thing(self, id_or_name: int | str) -> Thing:
        """The thing with this id or name. Raises `KeyError`."""
        for thing in self.things:
            if id_or_name in (thing.id, thing.name):
                return thing
        raise KeyError(id_or_name)

    def with_things(self, changed: Mapping[int, Thing]) -> Self:
        """Replace things by id."""
        return replace(self, things=tuple(changed.get(t.id, t) for t in self.things))

    def splats(self, *, visible_only: bool = True) -> Splats:
        """All layers merged into one set in world coordinates, things placed."""
        return _splats.cat(part for _, part in self.placed(visible_only=visible_only))

    def placed(self, *, visible_only: bool = True) -> Iterator[tuple[Layer, Splats]]:
        """Each layer with its splats in world coordinates, things placed."""
        for layer in self.layers:
            if visible_only and not layer.visible:
                continue
            splats = place(layer.splats, self.things, visible_only=visible_only)
            yield layer, splats.transformed(layer.world_from_layer)


def parted(world: World, chosen: Callable[[Thing], bool]) -> tuple[World, World]:
    """The things that are chosen with their splats, and all the rest: two worlds with the same layers."""
    ids = [thing.id for thing in world.things if chosen(thing)]
    masks = [_belonging(layer.splats, ids) for layer in world.layers]
    parts = []
    for side in (True, False):
        layers = (
            replace(layer, splats=layer.splats[mask if side else ~mask])
            for layer, mask in zip(world.layers, masks, strict=True)
        )
        things = tuple(thing for thing in world.things if chosen(thing) == side)
        parts.append(replace(world, layers=tuple(layers), things=things))
    return parts[0], parts[1]


def _belonging(splats: Splats, ids: list[int]) -> torch.Tensor:
    owners = splats.extras.get("thing")
    if owners is None or not ids:
        return torch.zeros(len(splats), dtype=torch.bool)
    return torch.isin(owners, owners.new_tensor(ids))


def place(splats: Splats, things: tuple[Thing, ...], *, visible_only: bool = True) -> Splats:
    """Rows of each thing moved by its `world_from_thing`; rows of hidden things left out.

    Vectorised over rows: one table of transforms is gathered by thing id. SH above band 0 turns only for the few things
    that carry it and are turned.
    """
    ids = splats.extras.get("thing")
    if ids is None or not len(splats):
        return splats
    if visible_only:
        hidden = [t.id for t in things if not t.visible]
        if hidden:
            splats = splats[~torch.isin(ids, ids.new_tensor(hidden))]
            ids = splats.extras["thing"]
    moved = [t for t in things if not t.world_from_thing.is_identity]
    if not moved:
        return splats
    size = int(max(int(ids.max()) if len(ids) else 0, max(t.id for t in moved))) + 1
    return _gathered(splats, ids.long(), moved, size)


def _gathered(splats: Splats, ids: torch.Tensor, moved: list[Thing], size: int) -> Splats:
    linear = torch.eye(3).repeat(size, 1, 1)
    rotate = torch.eye(4).repeat(size, 1, 1)
    shift, log_scale = torch.zeros(size, 3), torch.zeros(size)
    for thing in moved:
        at = thing.world_from_thing
        w, x, y, z = at.rotation
        linear[thing.id] = torch.from_numpy(at.linear).float()
        rotate[thing.id] = torch.tensor([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
        shift[thing.id] = torch.tensor(at.translation)
        log_scale[thing.id] = float(np.log(at.scale))
    rows = linear[ids]
    extras = dict(splats.extras)
    if "normal" in extras:
        turned = torch.einsum("nij,nj->ni", rows, extras["normal"].float()) * torch.exp(-log_scale[ids])[:, None]
        extras["normal"] = turned.to(extras["normal"].dtype)
    return replace(
        splats,
        means=torch.einsum("nij,nj->ni", rows, splats.means) + shift[ids],
        quats=torch.einsum("nij,nj->ni", rotate[ids], splats.quats),
        log_scales=splats.log_scales + log_scale[ids][:, None],
        sh=_turned_sh(splats, ids, moved),
        extras=extras,
    )


def _turned_sh(splats: Splats, ids: torch.Tensor, moved: list[Thing]) -> torch.Tensor:
    if splats.degree == 0:
        return splats.sh
    from splatworld.sh import rotated

    sh = splats.sh.clone()
    for thing in moved:
        turn = Similarity(rotation=thing.world_from_thing.rotation)
        rows = ids == thing.id
        if rows.any() and not np.allclose(turn.linear, np.eye(3)):
            sh[rows] = rotated(sh[rows], torch.from_numpy(turn.linear))
    return sh


def from_splats(splats: Splats, *, name: str = "splats") -> World:
    """A world around bare splats, as read from a foreign file."""
    return World(layers=(Layer("base", name, splats),))


def framed(world: World) -> Viewpoint:
    """A view of everything from the south and a little above: for worlds that bring no viewpoint.

    What lies far around the rest, such as a dome for the sky, is not taken for the world, and one stands inside of it.
    """
    means = world.splats().means
    means = means[torch.isfinite(means).all(1)]
    if not len(means):
        return Viewpoint("start", (0.0, -3.0, EYE_HEIGHT), (0.0, 0.0, 1.0))
    middle = means.median(0).values
    distance = (means - middle).norm(dim=1)[:: max(1, len(means) // 100_000)].sort().values
    most, many, half = (float(distance[int(share * (len(distance) - 1))]) for share in (0.98, 0.9, 0.5))
    reach = max(next((d for d in (most, many) if d < _SURROUNDED * half), half), 0.05)
    x, y, z = (float(v) for v in middle)
    return Viewpoint("start", (x, y - 2.4 * reach, z + 0.6 * reach), (x, y, z))


_SURROUNDED = 5.0
"""Times farther than half of the splats are: what lies there is around the world and not in it."""
