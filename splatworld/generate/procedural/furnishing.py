"""Furnishing: a room large enough for what is asked, everything in its place, and where to stand."""

import numpy as np

from splatworld.generate.procedural.arrangement import Arrangement, Spot
from splatworld.generate.procedural.catalogue import classes
from splatworld.generate.procedural.guests import Guest, guests
from splatworld.generate.procedural.placement import Placement
from splatworld.generate.procedural.room_plan import RoomPlan, planned
from splatworld.scene_spec import SceneSpec
from splatworld.world import Viewpoint

_STRICT, _GROWTHS = 12, 40
"""Sizes of room that are tried: each 8 % longer than the one before, the first ones with all relations kept."""


def plan_room(spec: SceneSpec, rng: np.random.Generator) -> RoomPlan:
    """The smallest pleasant room in which everything asked for finds its place; it grows until all fits."""
    seed = int(rng.integers(2**31))
    wanted = guests(spec, classes(), windows=2)
    area = sum(g.count * 4 * (g.measure.half[0] + 0.15) * (g.measure.half[1] + 0.2) for g in wanted if not _aloft(g))
    side = float(np.sqrt(max(17.0, 1.9 * area)))
    heights = {g.key: g.measure.height for g in wanted}
    tallest = max(
        (g.measure.height + sum(heights.get(t, 0.0) for t in set(g.targets("on", "in"))) for g in wanted), default=0.0
    )
    height = max(2.6, tallest + 0.12)
    for growth in range(_GROWTHS):
        # Some wishes fit into no room; halfway they are given up, and the room starts small again.
        relaxed = growth >= _STRICT
        grown = side * 1.08 ** (growth - _STRICT if relaxed else growth)
        plan = planned(round(1.08 * grown, 2), round(0.92 * grown, 2), round(height, 2), seed, relaxed=relaxed)
        if _arranged(spec, plan) is not None:
            return plan
    raise ValueError("no room holds what is asked")


def _aloft(g: Guest) -> bool:
    return g.hangs or g.flat or bool(g.targets("on", "under", "in"))


def furnish(spec: SceneSpec, plan: RoomPlan) -> list[Placement]:
    """Every item of the spec, counted exactly, and a few extras with item None.

    Raises `ValueError` if `plan` is too small for `spec`; a plan made by `plan_room` from it never is.
    """
    spots = _arranged(spec, plan)
    if spots is None:
        raise ValueError("the room is too small for what is asked; plan_room makes one that is not")
    variants: dict[str, int] = {}
    placements = []
    for s in spots:
        name = s.guest.row.name
        variants[name] = variants.get(name, -1) + 1
        placements.append(
            Placement(
                s.guest.item,
                name,
                (s.x, s.y, s.z),
                float((s.yaw + np.pi) % (2 * np.pi) - np.pi),
                s.scale,
                variant=variants[name],
            )
        )
    return placements


def start_view(plan: RoomPlan, placements: list[Placement]) -> Viewpoint:
    """From the corner by the door, across the room to what was asked for."""
    asked = np.array([p.position for p in placements if p.item is not None] or [(0.0, 0.0, 0.0)])
    away = asked[np.hypot(asked[:, 0] - plan.eye[0], asked[:, 1] - plan.eye[1]) > 0.8]
    focus = (away if len(away) else asked).mean(0)
    x, y = 0.55 * focus[0] - 0.09 * plan.width, 0.55 * focus[1] + 0.09 * plan.depth
    return Viewpoint("start", plan.eye, (float(x), float(y), 0.95), 62.0)


def _arranged(spec: SceneSpec, plan: RoomPlan) -> list[Spot] | None:
    """All spots, or None if something that was asked for finds no place."""
    everyone = guests(spec, classes(), len(plan.windows))
    room = Arrangement(plan, everyone)
    for guest in everyone:
        for index in range(guest.count):
            spot = room.find(guest, index)
            if spot is not None:
                room.settle(spot)
            elif guest.item is not None:
                return None
    return [s for g in everyone for s in room.spots[g.key]]
