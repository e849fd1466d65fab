"""The list of things, by class, each with a box that shows or hides it."""

from collections import defaultdict
from collections.abc import Callable

import viser

from splatworld_viewer.panels import told
from splatworld_viewer.session import Change, Session

PER_CLASS_MAX = 40
TOTAL_MAX = 400
"""Boxes in the browser. Things beyond these are reached through their class."""

Box = viser.GuiCheckboxHandle


def add(gui: viser.GuiApi, session: Session) -> None:
    """Folders by class, closed, with one box for the class and one for each of its things."""
    boxes: list[tuple[Box, frozenset[int]]] = []
    by_class: dict[str, list[int]] = defaultdict(list)
    names = {t.id: t.name for t in session.world.things}
    for thing in session.world.things:
        by_class[thing.kind].append(thing.id)
    with gui.add_folder("Things"):
        for kind in sorted(by_class):
            room = min(PER_CLASS_MAX, TOTAL_MAX - len(boxes))
            boxes += _folder(gui, session, kind, by_class[kind], names, room)
    session.listen(_follower(session, boxes))


def _folder(
    gui: viser.GuiApi, session: Session, kind: str, ids: list[int], names: dict[int, str], room: int
) -> list[tuple[Box, frozenset[int]]]:
    if len(ids) == 1:
        return [_box(gui, session, names[ids[0]], frozenset(ids))]
    with gui.add_folder(f"{kind} ({len(ids)})", expand_by_default=False):
        boxes = [_box(gui, session, f"every {kind}", frozenset(ids))]
        boxes += [_box(gui, session, names[i], frozenset([i])) for i in ids[: max(room, 0)]]
    return boxes


def _box(gui: viser.GuiApi, session: Session, label: str, ids: frozenset[int]) -> tuple[Box, frozenset[int]]:
    box = gui.add_checkbox(label, _any_visible(session, ids))

    @box.on_update
    async def _(event: viser.GuiEvent) -> None:
        async def change() -> None:
            show(session, ids, box.value is True)

        await told(event.client, "Showing or hiding", change())

    return box, ids


def show(session: Session, ids: frozenset[int], visible: bool) -> None:
    """Show or hide things. Raises `EditError`."""
    from splatworld.edits import SetVisible

    present = tuple(t.id for t in session.world.things if t.id in ids)
    if present:
        session.apply(SetVisible(things=present, visible=visible))


def _any_visible(session: Session, ids: frozenset[int]) -> bool:
    return any(t.visible for t in session.world.things if t.id in ids)


def _follower(session: Session, boxes: list[tuple[Box, frozenset[int]]]) -> Callable[[Change], None]:
    def follow(change: Change) -> None:
        for box, ids in boxes:
            if ids & change.shown:
                box.value = _any_visible(session, ids)

    return follow
