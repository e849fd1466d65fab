"""`Scene`: what stands where, before anything is built; one way in for the open air, one for rooms."""

from dataclasses import dataclass, field

import numpy as np

from splatworld.generate.procedural.placement import Placement
from splatworld.generate.procedural.shape import Shape
from splatworld.generate.procedural.terrain import Terrain, make_terrain
from splatworld.progress import Progress, Stage
from splatworld.scene_spec import SceneSpec
from splatworld.world import Viewpoint


@dataclass(frozen=True, eq=False)
class Scene:
    """Land, placements and the first view."""

    placements: tuple[Placement, ...]
    start: Viewpoint
    terrain: Terrain | None = None
    shell: dict[str, Shape] = field(default_factory=dict)
    """Parts of a room by class name: "floor", "wall", "ceiling"."""
    notes: tuple[str, ...] = ()


def outdoors(spec: SceneSpec, rng: np.random.Generator, progress: Progress) -> Scene:
    """Terrain with things laid out on it."""
    from splatworld.generate.procedural.layout import lay_out

    terrain = make_terrain(spec, rng)
    progress(Stage("layout", 2, 5))
    layout = lay_out(spec, terrain, rng)
    return Scene(tuple(layout.placements), layout.start, layout.terrain, notes=tuple(layout.notes))


def indoors(spec: SceneSpec, rng: np.random.Generator, progress: Progress) -> Scene:
    """A furnished room. Outside its windows there is sky."""
    from splatworld.generate.procedural.furnishing import furnish, plan_room, start_view
    from splatworld.generate.procedural.room import room_shell

    progress(Stage("layout", 2, 5))
    plan = plan_room(spec, rng)
    placements = furnish(spec, plan)
    return Scene(tuple(placements), start_view(plan, placements), None, room_shell(plan, spec, rng))
