"""`serve`: a world in the browser, behind the guard."""

import contextlib
import io
import math
import secrets
import socket
import threading
import urllib.parse
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path

import viser

from splatworld import limits
from splatworld.errors import UsageError
from splatworld.world import World
from splatworld_viewer.ground import Ground, ground
from splatworld_viewer.guard import Guard, Page
from splatworld_viewer.panels import about, export, light, things, view
from splatworld_viewer.scene import Scene
from splatworld_viewer.session import Change, Session

USUAL_PORT = 8080
FAR_METRES = 20_000.0
_WEB = Path(__file__).parent / "web"


@dataclass
class Viewer:
    """A running viewer."""

    session: Session
    scene: Scene
    server: viser.ViserServer
    url: str
    """The link to open; its token is the only key."""
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End the server and free the port."""
        if not self._stopped.is_set():
            self._stopped.set()
            with contextlib.redirect_stdout(io.StringIO()):
                self.server.stop()

    def wait(self) -> None:
        """Block until `stop` or Ctrl-C, and stop then."""
        try:
            self._stopped.wait()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()


def serve(
    world: World | Path | str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    budget: int = 500_000,
    open_browser: bool = False,
    allowed_hosts: tuple[str, ...] = (),
    wait: bool = False,
) -> Viewer:
    """Show a world, or the world in a file, to who holds the printed link.

    `port` 0 takes 8080, or the next one that is free. `token` is random unless given. `budget` limits the splats that
    are sent to the browser. `allowed_hosts` are further names by which the server may be called (behind a proxy).
    `wait` blocks until Ctrl-C. Raises `UsageError` for a port that is taken and for bad options, `FormatError` for
    a file that cannot be read.
    """
    _check(port, token, budget)
    session = Session(_loaded(world))
    grid = _GroundOf(session)
    guard = Guard(
        token=token or secrets.token_urlsafe(24),
        hosts=frozenset({"localhost", host.lower(), *(name.lower() for name in allowed_hosts)}),
        pages=_pages(grid),
    )
    server = _started(guard, host, port)
    viewer = Viewer(session, Scene(server, session.world, budget), server, _link(host, server.get_port(), guard.token))
    _furnish(viewer, grid)
    threading.Thread(target=grid, name="splatworld ground").start()  # ready before somebody wants to walk
    print(f"Open {viewer.url}", flush=True)
    if open_browser:
        webbrowser.open(viewer.url)
    if wait:
        viewer.wait()
    return viewer


class _GroundOf:
    """The ground of a session's world, computed when asked for and again after things changed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._world: World | None = None
        self._ground: Ground | None = None

    def __call__(self) -> Ground | None:
        with self._lock:
            if self._world is not self._session.world:
                self._world = self._session.world
                self._ground = ground(self._world)
            return self._ground

    def encoded(self) -> bytes:
        """For the page's script; empty if there is nothing to walk on."""
        grid = self()
        return grid.encode() if grid else b""


def _check(port: int, token: str | None, budget: int) -> None:
    if not 0 <= port <= 65535:
        raise UsageError(f"port {port} does not exist; ports go from 1 to 65535, and 0 takes a free one")
    if token is not None and len(token) < limits.VIEWER_TOKEN_CHARS_MIN:
        raise UsageError(
            f"the token has {len(token)} characters; at least {limits.VIEWER_TOKEN_CHARS_MIN} are needed to be safe"
        )
    if not limits.SPLATS_MIN <= budget <= limits.VIEWER_SPLATS_MAX:
        raise UsageError(
            f"a budget of {budget:,} splats is outside {limits.SPLATS_MIN:,} to {limits.VIEWER_SPLATS_MAX:,}"
        )


def _loaded(world: World | Path | str) -> World:
    if isinstance(world, World):
        return world
    from splatworld.formats import load

    return load(world)


def _started(guard: Guard, host: str, port: int) -> viser.ViserServer:
    _check_free(host, port)
    # viser prints an address without the token, which leads to a refusal.
    with guard.in_front(), contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=port or USUAL_PORT, label="Splatworld", verbose=False)
    if port and server.get_port() != port:
        server.stop()
        raise UsageError(f"port {port} is taken; choose another, or 0 for any free one")
    return server


def _check_free(host: str, port: int) -> None:
    """Try to bind: viser would search a thousand ports, or for ever, instead of failing."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as why:
        raise UsageError(f"cannot listen on {host} port {port}: {why.strerror or why}") from None


def _link(host: str, port: int, token: str) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/?token={urllib.parse.quote(token, safe='')}"


def _pages(grid: _GroundOf) -> dict[str, Page]:
    html = Page("text/html; charset=utf-8", _wrapped_client)
    return {
        "/": html,
        "/index.html": html,
        "/splatworld/walk.js": Page("text/javascript; charset=utf-8", (_WEB / "walk.js").read_bytes),
        "/splatworld/ground": Page("application/octet-stream", grid.encoded),
    }


def _wrapped_client() -> bytes:
    """The page of viser with our script before it."""
    page = (Path(str(viser.__file__)).parent / "client" / "build" / "index.html").read_text(encoding="utf-8")
    page = page.replace("<title>Viser</title>", "<title>Splatworld</title>", 1)
    return page.replace("<head>", '<head><script src="/splatworld/walk.js"></script>', 1).encode()


def _furnish(viewer: Viewer, grid: _GroundOf) -> None:
    server, session, scene = viewer.server, viewer.session, viewer.scene
    start, camera = session.world.start, server.initial_camera
    camera.position, camera.look_at, camera.up = start.eye, start.target, (0.0, 0.0, 1.0)
    camera.fov, camera.near, camera.far = math.radians(start.fov_deg), 0.02, FAR_METRES
    server.gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False)
    about.add(server.gui, session.world)
    things.add(server.gui, session)
    light.add(server.gui, session)
    export.add(server.gui, session)

    def follow(change: Change) -> None:
        scene.update(session.world, change)

    session.listen(follow)

    @server.on_client_connect
    async def _(client: viser.ClientHandle) -> None:
        view.add(client, session.world, len(scene), grid)
