"""What bodies bump into: the solid surfaces of a world as one light mesh."""

import numpy as np

from splatworld.errors import UsageError
from splatworld.mesh import simplify
from splatworld.mesh.placed import joined, shown, solid
from splatworld.mesh.simplify import Level
from splatworld.mesh.tsdf import fused
from splatworld.progress import Progress, Stage, Step, silent
from splatworld.world import Surface, Thing, World

TRIANGLES = 150_000
"""What game engines and browsers take as a static collider without pains."""
NEAR = 30.0
"""Metres from the start up to which errors count in full; farther off they may grow as things look smaller."""


def collider(world: World, *, triangles: int = TRIANGLES, progress: Progress = silent) -> Surface:
    """All that stops a body, in world coordinates, as at most `triangles` faces.

    Taken are the surfaces of visible solid things: no sky, no water, nothing whose `collider` is "none", and no
    undergrowth, which gives way. Thin and round surfaces keep more triangles than flat ones, those near the start more
    than those far away. A world without surfaces, as captured ones are, is looked at from all sides (`mesh.tsdf`).
    Raises `UsageError` for a world in which nothing is solid.
    """
    things = solid_things(world)
    if not things:
        return simplify.simplified(_seen(world, progress), triangles)
    progress(Stage("collider", 1, 1))
    choices = _choices(world, things, triangles, progress)
    levels = simplify.fitted(choices, np.array([_ease(world, t) for t in things]), triangles)
    whole = joined((t, level.surface) for t, level in zip(things, levels, strict=True)).surface
    return whole if len(whole.faces) <= triangles else simplify.simplified(whole, triangles)


def solid_surface(world: World, *, progress: Progress = silent) -> Surface:
    """What `collider` is made from, with all its triangles. Raises `UsageError`."""
    things = solid_things(world)
    if not things:
        return _seen(world, progress)
    return joined((t, world.surfaces[str(t.surface)]) for t in things).surface


def solid_things(world: World) -> list[Thing]:
    """The things that stop a body and have a surface."""
    return [t for t in shown(world) if stops(t) and len(world.surfaces[str(t.surface)].faces)]


def _seen(world: World, progress: Progress) -> Surface:
    if world.surfaces:
        raise UsageError("nothing in this world is solid, so it has no collider")
    return fused(world, progress=progress)


def stops(thing: Thing) -> bool:
    """Whether a body cannot pass: solid, and more than grass, reeds and bushes."""
    undergrowth = "plant" in thing.tags and "tree" not in thing.tags
    return solid(thing) and thing.collider != "none" and not undergrowth


def _choices(world: World, things: list[Thing], triangles: int, progress: Progress) -> list[list[Level]]:
    """For each thing its surface and simpler ones; things that share a surface share the work."""
    keys = [str(t.surface) for t in things]
    if sum(len(world.surfaces[key].faces) for key in keys) <= triangles:
        return [[Level(world.surfaces[key], 0.0)] for key in keys]
    made: dict[str, list[Level]] = {}
    for key in keys:
        if key not in made:
            made[key] = simplify.levels(world.surfaces[key])
            progress(Step(len(made), len(set(keys))))
    return [made[key] for key in keys]


def _ease(world: World, thing: Thing) -> float:
    """How much larger the error of a thing may be, in its own units, for its distance from the start."""
    low, high = np.asarray(thing.world_bounds)
    eye = np.asarray(world.start.eye)
    away = float(np.linalg.norm(eye - np.clip(eye, low, high)))
    return max(away / NEAR, 1.0) / thing.world_from_thing.scale
