"""How things touch the ground: level pads, the z of every foot, and what stands on top of something else."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from splatworld.generate.procedural import spans
from splatworld.generate.procedural.placement import Placement
from splatworld.generate.procedural.site import Floats
from splatworld.generate.procedural.terrain import Terrain
from splatworld.generate.procedural.wishes import Wish

TOPS = {"table": 0.75, "coffee_table": 0.42, "bench": 0.46, "chair": 0.46, "bed": 0.55, "boat": 0.35, "well": 0.9,
        "raft": 0.3, "cart": 0.8}  # fmt: skip
"""Metres from the foot of a thing to what one can put on it, where that is not its full height."""
INSIDES = 0.3
"""Share of its height at which things lie that are in it."""


@dataclass(frozen=True, eq=False)
class Stand:
    """A thing in its place, before the ground is levelled."""

    wish: Wish
    xy: Floats
    yaw: float
    discs: Floats
    """[k, 3] on the map."""
    length: float | None = None
    half: float | None = None
    """Half side of the square, for a fence that goes round something."""
    on: "Stand | None" = None
    """What carries it."""
    inside: bool = False


def pads(stands: Iterable[Stand]) -> list[tuple[float, float, float]]:
    """Level ground (x, y, radius) for all that has a floor or legs."""
    return [
        (float(s.xy[0]), float(s.xy[1]), max(0.85 * s.wish.radius, 0.5))
        for s in stands
        if not _natural(s.wish)
        and s.wish.row.stands not in ("water", "line", "across")
        and s.on is None
        and s.wish.habitat == "land"
    ]


def _natural(wish: Wish) -> bool:
    """Grown or lain there by itself."""
    names = {*wish.row.kinds, wish.row.name}
    return bool(names & {"plant", "tree", "rock", "pebbles", "log", "stump"})


def placements(stands: list[Stand], terrain: Terrain) -> list[Placement]:
    """The copies of one wish on the final ground."""
    out = []
    for copy, s in enumerate(stands):
        wish, variants = s.wish, s.wish.row.variants
        z = _level(s, terrain)
        placed = Placement(
            wish.id,
            wish.row.name,
            (float(s.xy[0]), float(s.xy[1]), z),
            s.yaw,
            length=s.length,
            variant=(wish.index + copy) % variants if variants else copy,
        )
        if wish.row.stands == "line" and (wish.row.name != "pier" or terrain.water is None):
            parts = spans.fence_parts(terrain, s.xy, z, s.yaw, length=s.length or 1.0, half=s.half)
            placed = replace(placed, parts=parts, length=float(sum(p.length for p in parts)))
        out.append(placed)
    return out


def _level(s: Stand, terrain: Terrain) -> float:
    """World z of a thing's origin: on what carries it, afloat, or in the ground so far that no corner floats."""
    wish = s.wish
    if s.on is not None:
        share = INSIDES if s.inside else 1.0
        top = TOPS.get(s.on.wish.row.name, s.on.wish.height) * share
        return _level(s.on, terrain) + float(top)
    if wish.row.stands == "across" or (wish.row.name == "pier" and terrain.water_level is not None):
        return _bank(s, terrain)
    if wish.habitat == "afloat" and terrain.water_level is not None and float(terrain.depth(s.xy[None])[0]) > 0:
        return float(terrain.water_level)
    ground = terrain.height(_feet(s.xy, _foot(wish)))
    if wish.row.stands == "water":
        return float(ground.mean()) + 0.1 * wish.height
    return float(max(ground.min(), ground[0] - 0.5))


def _bank(s: Stand, terrain: Terrain) -> float:
    """The higher bank of a crossing; a pier's foot."""
    reach = 0.5 * (s.length or 1.0)
    along = np.array([np.cos(s.yaw), np.sin(s.yaw)])
    ends = terrain.height(np.array([s.xy - reach * along, s.xy + reach * along]))
    high = float(ends[0]) if s.wish.row.name == "pier" else float(ends.max())
    return max(high, (terrain.water_level if terrain.water_level is not None else -np.inf) + 0.15)


def _foot(wish: Wish) -> float:
    """Radius on which a thing touches the ground: trunks are slender."""
    return wish.radius * (0.2 if "tree" in wish.row.kinds else 0.65)


def _feet(xy: Floats, radius: float) -> NDArray[np.float64]:
    angle = np.arange(8) * (np.pi / 4)
    return np.concatenate([xy[None], xy + radius * np.column_stack([np.cos(angle), np.sin(angle)])])
