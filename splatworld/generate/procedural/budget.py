"""How finely everything is sampled, so that detail on screen is even and the splats asked for suffice."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from splatworld.generate.procedural import ground, leaves, waters
from splatworld.generate.procedural.bodies import Body, Piece
from splatworld.generate.procedural.sample import count
from splatworld.generate.procedural.scene import Scene
from splatworld.generate.procedural.terrain import Terrain

OUT_METRES, IN_METRES = 3.0, 1.1
"""Spacing is even on screen beyond this distance from the start and stays constant nearer, outdoors and indoors."""
SPACING_MIN = 0.004
LEVELS = 2.0 ** (1 / 3)
"""Spacings are rounded to powers of this, so that like shapes at like distances share their surfels."""
YIELD = 0.88
"""Surfels that sampling makes, over what `count` says."""
# Spacing by what it is, relative to the general one.
FOCAL, ASKED, SCATTERED, BEHIND = 0.5, 0.55, 0.8, 1.3
LAND, FAR, WATER = 0.95, 0.7, 0.75
SHELL = {"floor": 1.2, "wall": 1.2, "ceiling": 1.5}
"""Broad parts of rooms; windows and doors are sampled like what is asked for."""
SHELL_METRES = 2.0


@dataclass(frozen=True, eq=False)
class Budget:
    """The general spacing, from which every other follows."""

    spacing_at: float
    """Metres per metre of distance."""
    start_metres: float

    def spacing(self, distance: float, weight: float) -> float:
        """Metres between splats of what is `distance` metres away, on a level of the ladder."""
        s = max(weight * self.spacing_at * max(distance, self.start_metres), SPACING_MIN)
        return LEVELS ** round(np.log(s) / np.log(LEVELS))

    def shell(self, name: str) -> float:
        """Metres between splats of a part of a room."""
        return self.spacing(SHELL_METRES, SHELL.get(name, ASKED))


def budget_for(scene: Scene, placed: list[Body], wanted: int) -> Budget:
    """The general spacing with which everything together has `wanted` splats.

    Counts fall with the square of the spacing, but for the smallest spacings and leaves: a few secant steps find it.
    """
    start_metres = IN_METRES if scene.shell else OUT_METRES
    spacing_at = 0.012
    for _ in range(6):
        total = _count(scene, placed, Budget(spacing_at, start_metres))
        spacing_at *= np.sqrt(total / max(wanted, 1))
    return Budget(float(spacing_at) * 1.005, start_metres)


def spaced(body: Body, budget: Budget, scene: Scene) -> Iterable[tuple[Piece, float]]:
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
        wider = BEHIND if behind and not scene.shell else 1.0
        # Whatever its copy's scale, a shape is sampled on the common ladder.
        yield piece, budget.spacing(distance, weight * wider / at.scale)


def _count(scene: Scene, placed: list[Body], budget: Budget) -> float:
    total = _land_count(scene.terrain, budget)
    total += sum(YIELD * count(shape, budget.shell(name)) for name, shape in scene.shell.items())
    memo: dict[tuple[str, float], float] = {}
    for body in placed:
        for piece, spacing in spaced(body, budget, scene):
            at = (piece.key, spacing)
            if at not in memo:
                memo[at] = max(YIELD * leaves.count(piece.shape, spacing), 1.0)
            total += memo[at]
    return total


def _land_count(terrain: Terrain | None, budget: Budget) -> float:
    """Splats of ground, far land and water, counted on a coarse spiral."""
    if terrain is None:
        return 0.0
    coarse, start = 0.05, budget.start_metres
    total = len(ground.near_surfels(terrain, LAND * coarse, start_metres=start))
    total += len(ground.far_surfels(terrain, FAR * coarse, start_metres=start))
    if terrain.water is not None:
        total += len(waters.water_surfels(terrain, WATER * coarse, start_metres=start)[0])
    return total * (coarse / budget.spacing_at) ** 2
