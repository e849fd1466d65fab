"""Where a visitor looks from: viewpoints, walking, and what is on show. Each visitor has their own."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import viser
from viser import _messages

from splatworld.world import EYE_HEIGHT, Viewpoint, World
from splatworld_viewer.ground import Ground

SNAP_AFTER_SECONDS = 1.0
SNAP_METRES = 0.4
"""The page's script keeps the eye closer than this; where there is no script, the server puts it down."""


def add(client: viser.ClientHandle, world: World, shown: int, ground: Callable[[], Ground | None]) -> None:
    """Viewpoint buttons, the walk box and the count of splats, for one client."""
    with client.gui.add_folder("View", order=-1.0):
        for viewpoint in (world.start, *world.viewpoints[1:8]):
            _viewpoint_button(client, viewpoint)
        walk = client.gui.add_checkbox("Walk", False, hint="Keep the eye 1.7 m above the ground (key G)")
        client.gui.add_html(f'<div style="padding:0 1em;opacity:.7;font-size:.85em">{_count(shown, len(world))}</div>')

    put_down = _put_down(client, walk, ground)
    client.camera.on_update(put_down)

    @walk.on_update
    async def _(event: viser.GuiEvent) -> None:
        on = walk.value is True
        if on and await asyncio.to_thread(ground) is None:
            client.add_notification("No ground", "This world has no surfaces to walk on.", auto_close_seconds=6.0)
            walk.value = False
            return
        _tell_script(client, on)
        await put_down(client.camera)


def look_from(client: viser.ClientHandle, view: Viewpoint) -> None:
    """Move the client's camera to `view`."""
    with client.atomic():
        client.camera.up_direction = (0.0, 0.0, 1.0)
        client.camera.position = view.eye
        client.camera.look_at = view.target
        client.camera.fov = math.radians(view.fov_deg)


def _viewpoint_button(client: viser.ClientHandle, view: Viewpoint) -> None:
    button = client.gui.add_button("Start view" if view.name == "start" else view.name)

    @button.on_click
    async def _(event: viser.GuiEvent) -> None:
        look_from(client, view)


def _count(shown: int, total: int) -> str:
    return f"{shown:,} splats" if shown == total else f"{shown:,} of {total:,} splats"


def _tell_script(client: viser.ClientHandle, on: bool) -> None:
    # The source is constant; no text from users ever gets here.
    source = f"window.splatworld && window.splatworld.setWalk({'true' if on else 'false'})"
    client._websock_connection.queue_message(_messages.RunJavascriptMessage(source))


def _put_down(
    client: viser.ClientHandle, walk: viser.GuiCheckboxHandle, ground: Callable[[], Ground | None]
) -> Callable[[viser.CameraHandle], Coroutine[Any, Any, None]]:
    """Puts a walker's eye above the ground, a moment after it has left it for good."""
    waiting = False

    async def put_down(camera: viser.CameraHandle) -> None:
        nonlocal waiting
        if waiting or walk.value is not True:
            return
        waiting = True
        await asyncio.sleep(SNAP_AFTER_SECONDS)
        waiting = False
        grid, (x, y, z) = await asyncio.to_thread(ground), client.camera.position.tolist()
        height = grid.below(x, y, z - EYE_HEIGHT) if grid and walk.value is True else None
        if height is not None and abs(z - height - EYE_HEIGHT) > SNAP_METRES:
            client.camera.position = (x, y, height + EYE_HEIGHT)

    return put_down
