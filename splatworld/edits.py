"""Changes to a world, as data.

Panels, keys, voice, command line and HTTP all make the same structs. `apply` is pure: it gives a new world that shares
every unchanged tensor with the old one, so keeping past worlds is cheap and undo is exact.
"""

import functools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Self

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from msgspec import Meta
from torch import Tensor

from splatworld import limits, palette, sh
from splatworld.errors import EditError
from splatworld.geometry import Similarity
from splatworld.scene_spec import clean_text
from splatworld.splats import Splats, cat
from splatworld.world import Environment, Layer, Thing, Viewpoint, World

ThingIds = Annotated[tuple[int, ...], Meta(min_length=1, max_length=limits.SPEC_TOTAL_COUNT)]
Unit = Annotated[float, Meta(ge=0.0, le=1.0)]
Name = Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS)]


class _Edit(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    pass


class Move(_Edit, frozen=True):
    """Turn and scale each thing about its own pivot, then shift it; world axes."""

    things: ThingIds
    by: Similarity


class Duplicate(_Edit, frozen=True):
    """Copies of things with names of their own, placed as `Move` would place them."""

    things: ThingIds
    by: Similarity = Similarity()


class Delete(_Edit, frozen=True):
    """Take things away, with their splats and surfaces."""

    things: ThingIds


class SetVisible(_Edit, frozen=True):
    """Show or hide things; hidden ones are not drawn or exported."""

    things: ThingIds
    visible: bool


class Recolour(_Edit, frozen=True):
    """Give things another colour and keep their light, shade and variation of brightness."""

    things: ThingIds
    colour: str | tuple[Unit, Unit, Unit]
    """A name of `splatworld.palette`, or linear RGB albedo."""


class Rename(_Edit, frozen=True):
    """Call one thing by another name, which no other thing has."""

    thing: int
    name: Name


class SetEnvironment(_Edit, frozen=True):
    """Replace sun, sky, air and exposure. Stored light does not change by it."""

    environment: Environment


class AddViewpoint(_Edit, frozen=True):
    """Keep a place to look from, under a name that is not taken."""

    viewpoint: Viewpoint


Edit = Move | Duplicate | Delete | SetVisible | Recolour | Rename | SetEnvironment | AddViewpoint


def encode(edit: Edit) -> bytes:
    """JSON of an edit, with its kind as `type`."""
    return msgspec.json.encode(edit)


def decode(data: bytes | str) -> Edit:
    """The edit in a piece of JSON. Raises `EditError`."""
    try:
        return msgspec.json.decode(data, type=Edit)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as why:
        raise EditError(f"that is no valid edit: {why}") from None


def apply(edit: Edit, world: World) -> World:
    """The world after an edit; the old one is untouched.

    Raises `EditError` if a thing is unknown, stands in a locked layer, or a value makes no sense.
    """
    # An edit built in code passes the same checks as one that came as JSON: what is logged is what was done.
    return _applied(decode(encode(edit)), world)


@functools.singledispatch
def _applied(edit: Edit, world: World) -> World:
    raise TypeError(f"{type(edit).__name__} is no edit")


@_applied.register
def _(edit: Move, world: World) -> World:
    _check_place(edit.by)
    return world.with_things({t.id: _moved(t, edit.by) for t in _chosen(world, edit.things)})


@_applied.register
def _(edit: Duplicate, world: World) -> World:
    _check_place(edit.by)
    originals = _chosen(world, edit.things)
    names = {t.name for t in world.things}
    first = max(t.id for t in world.things) + 1
    if first + len(originals) > limits.THING_ID_MAX:
        raise EditError(f"a world holds at most {limits.THING_ID_MAX:,} things")
    copies = []
    for i, thing in enumerate(originals):
        name = _free_name(thing.name, names)
        names.add(name)
        copies.append(msgspec.structs.replace(_moved(thing, edit.by), id=first + i, name=name))
    new_ids = {old.id: copy.id for old, copy in zip(originals, copies, strict=True)}
    layers = tuple(replace(layer, splats=_with_copies(layer.splats, new_ids)) for layer in world.layers)
    return replace(world, layers=layers, things=world.things + tuple(copies))


@_applied.register
def _(edit: Delete, world: World) -> World:
    gone = {t.id for t in _chosen(world, edit.things)}
    things = tuple(t for t in world.things if t.id not in gone)
    used = {t.surface for t in things}
    dropped = {t.surface for t in world.things if t.id in gone} - used
    surfaces = {key: surface for key, surface in world.surfaces.items() if key not in dropped}
    layers = tuple(_changed(layer, gone, lambda s, rows: s[~rows]) for layer in world.layers)
    return replace(world, layers=layers, things=things, surfaces=surfaces)


@_applied.register
def _(edit: SetVisible, world: World) -> World:
    chosen = _chosen(world, edit.things)
    return world.with_things({t.id: msgspec.structs.replace(t, visible=edit.visible) for t in chosen})


@_applied.register
def _(edit: Recolour, world: World) -> World:
    albedo, name = _colour(edit.colour)
    chosen = _chosen(world, edit.things)
    repaint = functools.partial(_repainted, albedo=albedo)
    layers = tuple(_changed(layer, {t.id for t in chosen}, repaint) for layer in world.layers)
    changed = {t.id: msgspec.structs.replace(t, colour=name) for t in chosen}
    return replace(world, layers=layers).with_things(changed)


@_applied.register
def _(edit: Rename, world: World) -> World:
    (thing,) = _chosen(world, (edit.thing,))
    name = clean_text(edit.name)
    if not name:
        raise EditError("a thing needs a name with at least one visible character")
    if any(t.name == name and t.id != thing.id for t in world.things):
        raise EditError(f"another thing is called '{name}' already; names must differ")
    return world.with_things({thing.id: msgspec.structs.replace(thing, name=name)})


@_applied.register
def _(edit: SetEnvironment, world: World) -> World:
    return replace(world, environment=edit.environment)


@_applied.register
def _(edit: AddViewpoint, world: World) -> World:
    view = edit.viewpoint
    if any(v.name == view.name for v in world.viewpoints):
        raise EditError(f"there is a viewpoint '{view.name}' already; names must differ")
    if not 1 <= view.fov_deg <= 170 or view.eye == view.target:
        raise EditError("a viewpoint needs an angle of view of 1 to 170 degrees and a target apart from its eye")
    return replace(world, viewpoints=(*world.viewpoints, view))


def _chosen(world: World, ids: Iterable[int]) -> list[Thing]:
    """The things with these ids, each once. `EditError` for ids the world does not have and for locked things."""
    known = {t.id: t for t in world.things}
    wanted = list(dict.fromkeys(ids))
    missing = [i for i in wanted if i not in known]
    if missing:
        raise EditError(f"the world has no thing with id {missing[0]}")
    for layer in world.layers:
        rows = _rows(layer.splats, wanted) if layer.locked else None
        if rows is not None and rows.any():
            name = known[int(layer.splats.extras["thing"][rows][0])].name
            raise EditError(f"'{name}' stands in the layer '{layer.name}', which is locked")
    return [known[i] for i in wanted]


def _rows(splats: Splats, ids: Iterable[int]) -> Tensor | None:
    """Mask of the splats that belong to things, or None if the splats belong to no things."""
    owners = splats.extras.get("thing")
    return None if owners is None else torch.isin(owners, torch.tensor(sorted(ids), dtype=owners.dtype))


def _changed(layer: Layer, ids: set[int], change: Callable[[Splats, Tensor], Splats]) -> Layer:
    """The layer with `change(splats, mask)` done to its splats; the layer itself if it holds none of the things."""
    rows = _rows(layer.splats, ids)
    if rows is None or not rows.any():
        return layer
    return replace(layer, splats=change(layer.splats, rows))


def _check_place(by: Similarity) -> None:
    far = max(map(abs, by.translation)) > limits.POSITION_METRES_MAX
    if not by.is_sound or far or not 1e-3 <= by.scale <= 1e3:
        raise EditError("a move needs a rotation, a scale of 0.001 to 1000 and a shift within the world")


def _moved(thing: Thing, by: Similarity) -> Thing:
    x, y, z = thing.position
    about_pivot = Similarity(translation=(x, y, z)) @ by @ Similarity(translation=(-x, -y, -z))
    placed = about_pivot @ thing.world_from_thing
    # Unit length, so that a thousand moves neither overflow nor vanish.
    a, b, c, d = (component / math.hypot(*placed.rotation) for component in placed.rotation)
    return msgspec.structs.replace(thing, world_from_thing=msgspec.structs.replace(placed, rotation=(a, b, c, d)))


def _free_name(name: str, taken: set[str]) -> str:
    """`name` with the next number that is free: "cabin 1" gives "cabin 2"."""
    stem = re.sub(r" \d+$", "", name)[: limits.NAME_CHARS - 8]
    number = 2
    while f"{stem} {number}" in taken:
        number += 1
    return f"{stem} {number}"


def _with_copies(splats: Splats, new_ids: dict[int, int]) -> Splats:
    """The splats, then those of the copied things under their new ids."""
    rows = _rows(splats, new_ids)
    if rows is None or not rows.any():
        return splats
    copied = splats[rows]
    owners = copied.extras["thing"]
    renumber = torch.zeros(max(new_ids) + 1, dtype=owners.dtype)
    for old, new in new_ids.items():
        renumber[old] = new
    return cat([splats, copied.with_extras(thing=renumber[owners.long()])])


def _colour(colour: str | tuple[float, float, float]) -> tuple[Tensor, str]:
    """Linear albedo and colour name."""
    if not isinstance(colour, str):
        return torch.tensor(colour), palette.nearest_name(colour)
    if colour not in palette.COLOURS:
        raise EditError(f"'{colour[:40]}' is no known colour; known are {', '.join(palette.COLOURS)}")
    return torch.tensor(palette.linear(colour)), colour


_LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Of linear RGB (ITU-R BT.709)."""
_DARKEST = 0.01
"""Albedo below which the light on a surface cannot be told from its colour."""


def _repainted(splats: Splats, rows: Tensor, *, albedo: Tensor) -> Splats:
    """The rows in a new albedo that keeps the relative brightness within each thing, under the light they are seen in.

    The light is what is seen divided by the albedo, in linear values; splats without a known albedo count as seen in
    white light. Higher bands shrink or grow with the base colour.
    """
    seen = splats.colours[rows].clamp_min(0)
    seen_linear = _linear(seen)
    known = splats.extras.get("albedo")
    before = seen_linear if known is None else known[rows].float()
    brightness = before @ torch.tensor(_LUMINANCE)
    mean = _mean_per_owner(brightness, splats.extras["thing"][rows])
    relative = (brightness / mean.clamp_min(_DARKEST)).clamp(0.25, 4.0)
    after = (albedo[None] * relative[:, None]).clamp(0.0, 1.0)
    light = seen_linear / before.clamp_min(_DARKEST)
    shown = _display(light * after)
    new_sh = splats.sh.clone()
    new_sh[rows, 0] = sh.from_rgb(shown)
    new_sh[rows, 1:] *= (shown / seen.clamp_min(0.05)).clamp(0.0, 4.0)[:, None, :]
    if known is None:
        return replace(splats, sh=new_sh)
    new_albedo = known.clone()
    new_albedo[rows] = after.to(known.dtype)
    return replace(splats, sh=new_sh).with_extras(albedo=new_albedo)


def _mean_per_owner(values: Float[Tensor, " n"], owners: Tensor) -> Float[Tensor, " n"]:
    """For each row the mean over the rows of the same thing."""
    ids, index = owners.unique(return_inverse=True)
    sums = torch.zeros(len(ids)).index_add_(0, index, values)
    return (sums / torch.bincount(index, minlength=len(ids)))[index]


def _linear(display: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return torch.from_numpy(palette.linear_from_display(display.numpy().astype(np.float32)))


def _display(linear: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return torch.from_numpy(palette.display_from_linear(linear.numpy().astype(np.float32)))


@dataclass(frozen=True)
class History:
    """A world with its past and future; a value like the world itself."""

    world: World
    past: tuple[World, ...] = ()
    future: tuple[World, ...] = ()

    def do(self, edit: Edit) -> Self:
        """After an edit; what was undone before can no longer be redone. Raises `EditError`."""
        return type(self)(apply(edit, self.world), (*self.past, self.world))

    def undo(self) -> Self:
        """One edit back. Raises `EditError` at the beginning."""
        if not self.past:
            raise EditError("there is nothing to undo")
        return type(self)(self.past[-1], self.past[:-1], (self.world, *self.future))

    def redo(self) -> Self:
        """One undone edit forward again. Raises `EditError` if none was undone."""
        if not self.future:
            raise EditError("there is nothing to redo")
        return type(self)(self.future[0], (*self.past, self.world), self.future[1:])
