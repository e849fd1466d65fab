"""What a world knows beyond its splats, for files that have room for it: things, class names, views, light.

Formats hold it as JSON in a place of their own; rows name their thing and label in the format's own way. It is written
in world axes and metres, whatever the axes of the splats, and with things as they stand: their rows are in world
coordinates in every format but `.splatworld`, so a thing comes back with its frame at the origin of the world.
"""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from splatworld import soundness
from splatworld.errors import FormatError
from splatworld.geometry import Similarity, Vec3
from splatworld.world import Environment, Provenance, Thing, Viewpoint, World


class Structure(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON."""

    version: int = 1
    labels: tuple[str, ...] = ()
    things: tuple[Thing, ...] = ()
    viewpoints: tuple[Viewpoint, ...] = ()
    environment: Environment = Environment()
    provenance: Provenance = Provenance()


NOTHING = Structure()


def of(world: World) -> Structure:
    """The structure of a world whose visible splats are written, things placed; surfaces and layers are not in it."""
    things = tuple(_as_placed(thing) for thing in world.things if thing.visible)
    return Structure(1, world.labels, things, world.viewpoints, world.environment, world.provenance)


def described(world: World) -> dict[str, Any]:
    """`of(world)` as plain lists and dictionaries, for JSON within JSON."""
    return msgspec.to_builtins(of(world))


def restored(world: World, found: Any, source: str = "the file") -> World:
    """A world as read, with the structure that was `described` in its file; rows then are in world axes.

    Ids and labels of rows that name nothing are cleared. Raises `FormatError` for what is no such description.
    """
    return onto(world, checked(found, source))


def checked(found: Any, source: str) -> Structure:
    """A structure from plain lists and dictionaries, or from JSON. Raises `FormatError`."""
    try:
        if isinstance(found, bytes):
            structure = msgspec.json.decode(found, type=Structure)
        else:
            structure = msgspec.convert(found, Structure)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as why:
        raise FormatError(f"{source}: its description of the world is broken ({why})") from None
    if structure.version != 1:
        raise FormatError(f"{source}: version {structure.version} of its description of the world is not known")
    if problem := soundness.problem(World((), structure.things)):
        raise FormatError(f"{source}: its description of the world is broken: {problem}")
    return structure


def onto(world: World, structure: Structure) -> World:
    """A world as read with this structure."""
    if structure == NOTHING:
        return world
    layers = world.layers
    if structure.things:  # whose transforms act before that of the layer, and are told in world axes
        layers = tuple(
            replace(layer, splats=layer.splats.transformed(layer.world_from_layer), world_from_layer=Similarity())
            for layer in layers
        )
    return replace(
        world,
        layers=layers,
        things=structure.things,
        labels=structure.labels,
        viewpoints=structure.viewpoints,
        environment=structure.environment,
        provenance=structure.provenance,
    )


def _as_placed(thing: Thing) -> Thing:
    """The thing whose frame is that of the world, as its rows now are."""
    at = thing.world_from_thing
    if at.is_identity:
        return msgspec.structs.replace(thing, surface=None)
    lights = (
        msgspec.structs.replace(light, position=_moved(at, light.position), power=light.power * at.scale**2)
        for light in thing.lights
    )
    return msgspec.structs.replace(
        thing,
        world_from_thing=Similarity(),
        pivot=_moved(at, thing.pivot),
        contact=_moved(at, thing.contact),
        bounds=thing.world_bounds,
        surface=None,
        lights=tuple(lights),
    )


def _moved(at: Similarity, point: Vec3) -> Vec3:
    x, y, z = at.apply(np.asarray(point, np.float64)).tolist()
    return x, y, z
