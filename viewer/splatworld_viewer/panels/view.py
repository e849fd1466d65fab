"""Where a visitor looks from: viewpoints, walking, and what is on show. Each visitor has their own."""

import math
import time
from collections.abc import Callable

import viser
from viser import _messages

from splatworld.world import EYE_HEIGHT, Viewpoint, World
from splatworld_viewer.ground import Ground

SNAP_AFTER_SECONDS = 0.8
SNAP_METRES = 0.4
"""The page's script keeps the eye closer than this; where there is no script, the server puts it down."""


def add(client: viser.ClientHandle, world: World, shown: int, ground: Callable[[], Ground | None]) -> None:
    """Viewpoint buttons, the walk box and the count of splats, for one client."""
    with client.gui.add_folder("View", order=-1.0):
        for viewpoint in (world.start, *world.viewpoints[1:8]):
            _viewpoint_button(client, viewpoint)
        walk = client.gui.add_checkbox("Walk", False, hint="Keep the eye 1.7 m above the ground (key G)")
        client.gui.add_html(f'<div style="padding:0 1em;opacity:.7;font-size:.85em">{_count(shown, len(world))}</div>')

    @walk.on_update
    async def _(event: viser.GuiEvent) -> None:
        on = walk.value is True
        if on and ground() is None:
            client.add_notification("No ground", "This world has no surfaces to walk on.", auto_close_seconds=6.0)
            walk.value = False
            return
        _tell_script(client, on)

    _snap(client, walk, ground)


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


def _snap(client: viser.ClientHandle, walk: viser.GuiCheckboxHandle, ground: Callable[[], Ground | None]) -> None:
    since: float | None = None

    @client.camera.on_update
    async def _(camera: viser.CameraHandle) -> None:
        nonlocal since
        eye = camera.position
        grid = ground() if walk.value is True else None
        height = grid.height(eye[0], eye[1], eye[2] - EYE_HEIGHT + 0.5) if grid else None
        if height is None or abs(eye[2] - height - EYE_HEIGHT) < SNAP_METRES:
            since = None
            return
        now = time.monotonic()
        since = since or now
        if now - since > SNAP_AFTER_SECONDS:
            since = None
            camera.position = (eye[0], eye[1], height + EYE_HEIGHT)
