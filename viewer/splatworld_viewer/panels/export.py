"""Download the world in a file format."""

import asyncio
import re
import tempfile
from pathlib import Path

import viser

from splatworld import limits
from splatworld.world import World
from splatworld_viewer.panels import told
from splatworld_viewer.session import Session

FORMATS = (".splatworld", ".ply", ".splat", ".spz")


def add(gui: viser.GuiApi, session: Session) -> None:
    """A row of buttons, one for each format."""
    with gui.add_folder("Export", expand_by_default=False):
        buttons = gui.add_button_group("Download", FORMATS)
    busy = asyncio.Lock()

    @buttons.on_click
    async def _(event: viser.GuiEvent) -> None:
        suffix, client = buttons.value, event.client
        if suffix not in FORMATS or client is None or busy.locked():
            return

        async def send() -> None:
            name = file_name(session.world, suffix)
            data = await asyncio.to_thread(exported, session.world, suffix)
            client.send_file_download(name, data)

        async with busy:
            await told(client, "Export", send())


def exported(world: World, suffix: str) -> bytes:
    """The bytes of `world` in the format of `suffix`. Raises `OutputError`."""
    from splatworld.errors import OutputError
    from splatworld.formats import save

    with tempfile.TemporaryDirectory(prefix="splatworld-") as folder:
        path = Path(folder) / f"world{suffix}"
        save(world, path)
        size = path.stat().st_size
        if size > limits.VIEWER_DOWNLOAD_BYTES:
            raise OutputError(f"the file has {size >> 20:,} MB, too much for a download; use `splatworld convert`")
        return path.read_bytes()


def file_name(world: World, suffix: str) -> str:
    """A harmless name made from the prompt."""
    words = re.findall(r"[a-z0-9]+", world.spec.prompt.lower()) if world.spec else []
    return ("-".join(words[:6])[:48] or "world") + suffix
