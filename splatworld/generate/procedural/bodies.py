"""`Body`: a placed thing with its shapes, ready to become splats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatworld import palette
from splatworld.generate.procedural.catalogue import Request, ThingClass, classes
from splatworld.generate.procedural.placement import Placement
from splatworld.generate.procedural.shape import Shape, join
from splatworld.generate.procedural.wishes import SIZES
from splatworld.geometry import Similarity, Vec3
from splatworld.scene_spec import Cover, Item, SceneSpec

MERGED_METRES = 0.75
"""Scattered things smaller than this become one thing per class: the grass, the flowers."""


@dataclass(frozen=True, eq=False)
class Piece:
    """One shape of a body."""

    key: str
    """Equal keys mean equal shapes: sampled once, used many times."""
    shape: Shape
    thing_from_piece: Similarity = Similarity()


@dataclass(frozen=True, eq=False)
class Body:
    """One thing of the world to be."""

    name: str
    row: ThingClass
    world_from_thing: Similarity
    pieces: tuple[Piece, ...]
    kind: str
    """Class name as it was asked for: a "lamp" may be built as a table lamp."""
    item: Item | None = None
    cover: Cover | None = None

    @property
    def wish(self) -> Item | Cover | None:
        """What the spec says of it."""
        return self.item or self.cover

    @property
    def asked(self) -> bool:
        """Somebody asked for this very thing: it gets finer splats."""
        return self.item is not None


def bodies(placements: Sequence[Placement], spec: SceneSpec) -> list[Body]:
    """Shapes built for all placements; scattered small things merged; named "pine 1", "pine 2", ... by class."""
    items = {item.id: item for item in spec.items}
    rows = classes()
    shapes: dict[str, Shape] = {}
    numbers: dict[str, int] = {}
    out: list[Body] = []
    small: dict[str, list[Placement]] = {}
    for p in placements:
        row = rows[p.thing]
        if p.item is None and row.footprint < MERGED_METRES and row.stands == "ground" and not p.parts:
            small.setdefault(p.thing, []).append(p)
            continue
        item = items.get(p.item) if p.item is not None else None
        at = Similarity.at(p.position, yaw=p.yaw, scale=p.scale)
        kind = item.thing if item else p.thing
        out.append(
            Body(
                _numbered(kind, numbers), row, at, (_piece(p, row, item, spec, shapes),), kind, item, _cover(spec, kind)
            )
        )
    for thing, group in small.items():
        out.append(_merged(_numbered(thing, numbers), rows[thing], group, spec, shapes))
    return out


def request_for(thing: str, item: Item | None, spec: SceneSpec, *, length: float | None = None) -> Request:
    """What the builder is told, from the item's words and the spec's season and hour."""
    wish = item or _cover(spec, thing)
    size, tall = SIZES[wish.size if wish else None]
    colour = wish.colour if wish else None
    return Request(
        thing=thing,
        colour=palette.linear(colour) if colour in palette.COLOURS else None,
        material=item.material if item else None,
        size=size,
        tall=tall,
        season=spec.season,
        night=spec.time in ("night", "dusk"),
        snow=1.0 if spec.ground == "snow" else 0.45 if spec.season == "winter" and spec.place != "desert" else 0.0,
        length=length,
    )


def _piece(p: Placement, row: ThingClass, item: Item | None, spec: SceneSpec, shapes: dict[str, Shape]) -> Piece:
    copies = max(row.variants, 1)
    variant = p.variant % copies if row.variants else p.variant
    spans = [round(part.length, 2) for part in p.parts] or [p.length]
    key = f"{p.thing}/{p.item}/{variant}/{spans}/{[part.position for part in p.parts]}"
    if row.variants == 0:
        key += f"/{p.position}"
    if key not in shapes:
        # The seed hangs on the words and the variant alone, so that adding a thing does not change the others.
        rng = np.random.default_rng([spec.seed, *key.encode()])
        if p.parts:
            built = [
                row.build(request_for(p.thing, item, spec, length=part.length), rng).at(*part.position, yaw=part.yaw)
                for part in p.parts
            ]
            shapes[key] = join(built)
        else:
            shapes[key] = row.build(request_for(p.thing, item, spec, length=p.length), rng)
    return Piece(key, shapes[key])


def _merged(name: str, row: ThingClass, group: list[Placement], spec: SceneSpec, shapes: dict[str, Shape]) -> Body:
    middle = np.mean([p.position for p in group], axis=0)
    pivot: Vec3 = (float(middle[0]), float(middle[1]), float(middle[2]))
    world_from_thing = Similarity.at(pivot)
    thing_from_world = world_from_thing.inverse()
    pieces = []
    for p in group:
        piece = _piece(p, row, None, spec, shapes)
        at = thing_from_world @ Similarity.at(p.position, yaw=p.yaw, scale=p.scale)
        pieces.append(Piece(piece.key, piece.shape, at))
    return Body(name, row, world_from_thing, tuple(pieces), row.name, cover=_cover(spec, row.name))


def _cover(spec: SceneSpec, thing: str) -> Cover | None:
    return next((c for c in spec.covers if c.thing == thing), None)


def _numbered(thing: str, numbers: dict[str, int]) -> str:
    numbers[thing] = numbers.get(thing, 0) + 1
    return f"{thing.replace('_', ' ')} {numbers[thing]}"
