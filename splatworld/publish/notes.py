"""Places of a world worth pointing out: its named views, or the things that its sentence asked for."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from splatworld.geometry import Vec3
from splatworld.world import EYE_HEIGHT, Thing, Viewpoint, World

if TYPE_CHECKING:
    from splatworld.mesh.rays import RayScene

Kind = Literal["views", "things", "none"]
NOTES: tuple[Kind, ...] = ("views", "things", "none")
_AT_MOST = 8
_RARE = 4
"""As many of a class are single things to a visitor; more are a crowd."""
_PLAIN_TAGS = {"sky", "land", "far", "plant", "water"}
_DIRECTIONS = 16
_DISTANCES = ((2.2, 3.0), (1.4, 1.2))
"""From its middle, in half diagonals of its box, and the least in metres."""
_OVERHEAD = 2.2
"""Metres over its foot: from there ground is sought, below crowns and ceilings."""
_STEP = 4.0
"""Metres below its foot where one may still stand."""
_FOV_DEG = 55.0


@dataclass(frozen=True, slots=True)
class Place:
    """A point of interest and where to stand to see it, world frame."""

    position: Vec3
    title: str
    text: str
    view: Viewpoint


def noted(world: World, kind: Kind | None = None) -> tuple[Place, ...]:
    """Places to mark on a page. Default: the views where a world has more than its start, else its things."""
    if kind is None:
        kind = "views" if len(world.viewpoints) > 1 else "things"
    if kind == "views":
        return tuple(Place(view.target, _capital(view.name), "", view) for view in world.viewpoints[1:])
    return _things(world) if kind == "things" else ()


def _things(world: World) -> tuple[Place, ...]:
    from splatworld.mesh.rays import RayScene

    chosen = _notable(world)
    if not chosen:
        return ()
    scene = RayScene(world, water=True)
    found = [(thing, _seen_from(scene, thing, np.asarray(world.start.eye))) for thing in chosen]
    alone = Counter(thing.kind for thing in chosen)
    return tuple(
        Place(seen[0], _capital(thing.kind if alone[thing.kind] == 1 else thing.name), _said(thing), seen[1])
        for thing, seen in found
        if seen is not None
    )


def _notable(world: World) -> list[Thing]:
    """What was asked for by name and stands alone, the largest first; anything rare where there was no sentence."""
    asked = {item.thing for item in world.spec.items} if world.spec is not None else set()
    seen = [t for t in world.things if t.visible and t.surface is not None and not _PLAIN_TAGS & set(t.tags)]
    count = Counter(thing.kind for thing in seen)
    rare = [thing for thing in seen if count[thing.kind] <= _RARE]
    wanted = [thing for thing in rare if thing.kind in asked] or rare
    return sorted(wanted, key=lambda thing: (-round(_reach(thing)), thing.name))[:_AT_MOST]


def _reach(thing: Thing) -> float:
    """Half the diagonal of its box, metres."""
    lo, hi = np.asarray(thing.world_bounds)
    return float(np.linalg.norm(hi - lo)) / 2


def _seen_from(scene: "RayScene", thing: Thing, start: NDArray[np.float64]) -> tuple[Vec3, Viewpoint] | None:
    """What one sees of a thing and from where: at eye height, from the side of the start if nothing is in the way.

    None if it cannot be seen from anywhere near.
    """
    lo, hi = np.asarray(thing.world_bounds)
    middle = (lo + hi) / 2
    towards = math.atan2(*(start - middle)[[1, 0]])
    # 0, 1, -1, 2, -2 ...: directions near that of the start come first; then all of them again from nearer.
    order = np.arange(_DIRECTIONS)
    turn = towards + np.where(order % 2, 1, -1) * np.ceil(order / 2) * (2 * np.pi / _DIRECTIONS)
    ring = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(_DIRECTIONS)])
    eyes = np.concatenate([middle + max(away * _reach(thing), least) * ring for away, least in _DISTANCES])
    eyes[:, 2] = min(max(lo[2], thing.position[2]), hi[2]) + _OVERHEAD
    drop, below = scene.cast(eyes, np.tile([0.0, 0.0, -1.0], (len(eyes), 1)))
    stands = (below > 0) & (below != thing.id) & (drop < _OVERHEAD + _STEP)
    eyes[stands, 2] += EYE_HEIGHT - drop[stands]
    ahead = (middle - eyes) / np.linalg.norm(middle - eyes, axis=1, keepdims=True)
    far, met = scene.cast(eyes, ahead)
    good = np.flatnonzero(stands & (met == thing.id))
    if not len(good):
        return None
    best = good[0]
    eye, seen = eyes[best].tolist(), (eyes[best] + far[best] * ahead[best]).tolist()
    return tuple(seen), Viewpoint(thing.name, tuple(eye), tuple(middle.tolist()), _FOV_DEG)


def _said(thing: Thing) -> str:
    """Colour and material, then its size in metres."""
    lo, hi = np.asarray(thing.world_bounds)
    x, y, z = hi - lo
    about = " ".join(word for word in (thing.colour, thing.material) if word)
    size = f"{max(x, y):.1f} m across, {z:.1f} m high"
    return f"{_capital(about)}, {size}" if about else _capital(size)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
