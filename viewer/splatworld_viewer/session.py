"""`Session`: the open world, what is selected, and who wants to know of changes. Knows no viser."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from splatworld.errors import EditError
from splatworld.progress import Progress, silent
from splatworld.world import Environment, World

Listener = Callable[["Change"], None]


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between the world before and the world after."""

    shown: frozenset[int] = frozenset()
    """Things that were hidden or shown."""
    moved: frozenset[int] = frozenset()
    """Things that stand elsewhere."""
    environment: bool = False
    selection: bool = False
    rebuilt: bool = False
    """Splats, layers or the list of things differ: everything must be shown anew."""

    def __bool__(self) -> bool:
        return self != Change()


def difference(before: World, after: World) -> Change:
    """What changed, found by comparing values; splats are compared by identity, because edits share unchanged ones."""
    old, new = ({t.id: t for t in w.things} for w in (before, after))
    environment = before.environment != after.environment
    if _layers(before) != _layers(after) or list(old) != list(new):
        return Change(environment=environment, rebuilt=True)
    return Change(
        shown=frozenset(i for i in old if old[i].visible != new[i].visible),
        moved=frozenset(i for i in old if old[i].world_from_thing != new[i].world_from_thing),
        environment=environment,
    )


def _layers(world: World) -> list[tuple[Any, ...]]:
    return [(layer.id, id(layer.splats), layer.visible, layer.world_from_layer) for layer in world.layers]


class Session:
    """One open world. All changes go through `apply` and `replace`, one at a time; listeners hear of each in order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._selected: int | None = None
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()

    @property
    def world(self) -> World:
        """The world as it is now."""
        return self._world

    @property
    def selected(self) -> int | None:
        """Id of the selected thing."""
        return self._selected

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after every change; returns a callable that ends this."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def apply(self, edit: Any) -> Change:
        """Carry out one of `splatworld.edits`. Raises `EditError` and changes nothing if it does not fit."""
        from splatworld.edits import apply

        with self._lock:
            return self.replace(apply(edit, self._world))

    def replace(self, world: World) -> Change:
        """Take `world` as the new state."""
        with self._lock:
            change = difference(self._world, world)
            self._world = world
            if self._selected is not None and all(t.id != self._selected for t in world.things):
                self._selected = None
                change = replace(change, selection=True)
            self._tell(change)
            return change

    def select(self, thing: int | None) -> Change:
        """Select a thing by id, or nothing. Raises `KeyError` for an unknown id."""
        with self._lock:
            if thing is not None:
                self._world.thing(thing)
            change = Change(selection=thing != self._selected)
            self._selected = thing
            self._tell(change)
            return change

    def relit(self, environment: Environment, progress: Progress = silent) -> Change:
        """Light the world anew; slow. What is hidden meanwhile stays hidden; raises `EditError` if more changed."""
        from splatworld.light import relight

        before = self._world
        lit = relight(before, environment, progress=progress)
        with self._lock:
            change = difference(before, self._world)
            if change.rebuilt or change.moved:
                raise EditError("the world was changed while it was being lit; apply the light again")
            return self.replace(replace(lit, things=self._world.things))

    def _tell(self, change: Change) -> None:
        if change:
            for listener in tuple(self._listeners):
                listener(change)
