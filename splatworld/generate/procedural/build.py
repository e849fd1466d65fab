"""From a spec to a lit world: the procedural generator.

land -> layout -> shapes -> surfels -> an unlit world of albedo and normals -> light.
"""

from dataclasses import replace

import msgspec
import numpy as np
import torch

import splatworld
from splatworld import light
from splatworld.generate.procedural.assembly import Assembly
from splatworld.generate.procedural.bodies import Body, bodies
from splatworld.generate.procedural.budget import budget_for
from splatworld.generate.procedural.scene import Scene, indoors, outdoors
from splatworld.generate.procedural.skies import environment_of
from splatworld.progress import Note, Progress, Stage, Step, silent
from splatworld.scene_spec import SceneSpec
from splatworld.world import Layer, Provenance, World

SKY_SHARE = {False: (0.075, 400, 60_000), True: (0.02, 300, 6_000)}
"""Splats of the sky dome, outdoors and indoors: share of all, at least, at most."""
STARS = 1_600


def build(spec: SceneSpec, *, splats: int, progress: Progress = silent) -> World:
    """The world of a spec with about `splats` splats (never more). Deterministic for spec, count and version."""
    seeds = np.random.SeedSequence(spec.seed).spawn(2)
    progress(Stage("land", 1, 5))
    make = indoors if spec.place == "interior" else outdoors
    scene = make(spec, np.random.default_rng(seeds[0]), progress)
    for note in scene.notes:
        progress(Note(note))
    progress(Stage("shapes", 3, 5))
    placed = bodies(scene.placements, spec)
    progress(Stage("splats", 4, 5))
    told = msgspec.structs.replace(spec, notes=[*spec.notes, *scene.notes])
    unlit = _unlit(told, scene, placed, splats, int(seeds[1].generate_state(1)[0] % (1 << 30)), progress)
    progress(Stage("light", 5, 5))
    return light.relight(unlit, progress=lambda event: None if isinstance(event, Stage) else progress(event))


def _unlit(spec: SceneSpec, scene: Scene, placed: list[Body], splats: int, seed: int, progress: Progress) -> World:
    """Things, layers and surfaces with albedo and normals, in the dark."""
    share, least, most = SKY_SHARE[bool(scene.shell)]
    sky = int(np.clip(share * splats, least, most))
    starry = spec.time == "night" and spec.weather in ("clear", "cloudy")
    stars = min(STARS, sky // 8) if starry else 0
    labels = tuple(dict.fromkeys(["sky", "ground", "far land", "water", *(b.kind for b in placed), *scene.shell]))
    assembly = Assembly(spec, scene, budget_for(scene, placed, splats - sky - stars), labels, seed)
    assembly.add_sky(sky, stars)
    if scene.terrain is not None:
        assembly.add_land(scene.terrain)
    for name, shape in scene.shell.items():
        assembly.add_shell(name, shape)
    for index, body in enumerate(placed):
        assembly.add_body(body)
        if index % 16 == 0:
            progress(Step(index, len(placed)))
    return World(
        layers=tuple(_within(assembly.layers(), splats)),
        things=tuple(assembly.things),
        environment=environment_of(spec),
        viewpoints=(scene.start,),
        spec=spec,
        provenance=Provenance("procedural", splatworld.__version__, spec.seed, {"splats": splats}),
        surfaces=assembly.surfaces,
        labels=labels,
    )


def _within(layers: list[Layer], limit: int) -> list[Layer]:
    """Drop an even share of the largest layer's rows where the estimate ran over the limit."""
    over = sum(len(layer.splats) for layer in layers) - limit
    if over <= 0:
        return layers
    big = max(range(len(layers)), key=lambda i: len(layers[i].splats))
    splats = layers[big].splats
    keep = torch.ones(len(splats), dtype=torch.bool)
    keep[torch.linspace(0, len(splats) - 1, over).long()] = False
    return [replace(x, splats=x.splats[keep]) if i == big else x for i, x in enumerate(layers)]
