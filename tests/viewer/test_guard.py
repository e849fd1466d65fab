"""Attacks by raw clients on a running server: who has no link gets nothing."""

import collections
import contextlib
import http.client
import socket
import time
from collections.abc import Iterator

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from worlds import small_world

from splatworld import limits
from splatworld.errors import UsageError
from splatworld_viewer import Viewer, serve
from splatworld_viewer.guard import admissible

TOKEN = "a-token-for-tests-only"
PATHS = ("/", "/index.html", "/splatworld/walk.js", "/splatworld/ground", "/robots.txt", "/../../etc/passwd")


@pytest.fixture(scope="module")
def viewer() -> Iterator[Viewer]:
    viewer = serve(small_world(splats=320), token=TOKEN)
    yield viewer
    viewer.stop()


def port(viewer: Viewer) -> int:
    return viewer.server.get_port()


def get(viewer: Viewer, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port(viewer), timeout=5)
    try:
        connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def cookie(viewer: Viewer) -> str:
    return get(viewer, f"/?token={TOKEN}")[0].headers["Set-Cookie"].partition(";")[0]


def socket_to(viewer: Viewer, path: str = "/", origin: str | None = None, **headers: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port(viewer)}{path}",
        subprotocols=["viser-v1.1.1"],  # type: ignore[list-item]
        origin=origin,  # type: ignore[arg-type]
        additional_headers=headers,
        compression=None,
        max_size=None,
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", f"?token={TOKEN}x", f"?Token={TOKEN}"])
def test_without_the_token_nothing_is_served(viewer, path, query):
    response, body = get(viewer, path + query)
    assert response.status == 403
    assert len(body) < 40
    assert "Set-Cookie" not in response.headers


def test_the_link_gives_the_page_and_a_cookie_that_opens_the_rest(viewer):
    response, body = get(viewer, f"/?token={TOKEN}")
    assert response.status == 200
    assert b"/splatworld/walk.js" in body
    assert "HttpOnly" in response.headers["Set-Cookie"]
    assert "SameSite=Strict" in response.headers["Set-Cookie"]
    assert TOKEN not in response.headers["Set-Cookie"]
    key = cookie(viewer)
    for path in PATHS[:4]:
        response, body = get(viewer, path, Cookie=f"other=1; {key}")
        assert response.status == 200
        assert body
    assert get(viewer, "/", Cookie=key + "x")[0].status == 403
    assert get(viewer, "/../../etc/passwd", Cookie=key)[0].status == 404


def test_headers_shut_other_sites_out(viewer):
    headers = get(viewer, f"/?token={TOKEN}")[0].headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


FOREIGN_HOSTS = ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[", "localhost.evil"]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_foreign_hosts_are_refused(viewer, host):
    assert get(viewer, f"/?token={TOKEN}", Host=host)[0].status == 403
    assert get(viewer, "/", Host=host, Cookie=cookie(viewer))[0].status == 403


def test_localhost_is_a_known_name(viewer):
    assert get(viewer, f"/?token={TOKEN}", Host=f"localhost:{port(viewer)}")[0].status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
def test_foreign_origins_are_refused(viewer, origin):
    with pytest.raises(InvalidStatus) as refused:
        socket_to(viewer, origin=origin, Cookie=cookie(viewer))
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Cookie": "splatworld=1"}, {"Authorization": "Bearer x"}])
def test_no_socket_without_the_cookie(viewer, headers):
    with pytest.raises(InvalidStatus) as refused:
        socket_to(viewer, **headers)
    assert refused.value.response.status_code == 403


def test_the_cookie_opens_the_socket(viewer):
    with socket_to(viewer, origin=f"http://127.0.0.1:{port(viewer)}", Cookie=cookie(viewer)) as client:
        assert len(client.recv(timeout=5)) > 100


def message(kind: str, **fields: object) -> bytes:
    return msgspec.msgpack.encode({"type": kind, **fields})


def test_only_what_panels_need_is_let_through():
    assert admissible(message("ViewerCameraMessage", fov=1.0))
    assert admissible(message("GuiUpdateMessage", uuid="a", updates={"value": 3}))
    assert admissible(message("GuiUpdateMessage", uuid="a", updates={"value": 3, "update_cb": []})) is False
    for kind in ("ShareUrlRequest", "GuiFormDirtyMessage", "FileTransferStartUpload", "FileTransferPart", "Nonsense"):
        assert admissible(message(kind)) is False
    nested = b"\x82\xa4type\xa1a\xa1b" + b"\x91" * 100_000 + b"\xc0"
    for junk in (b"", b"\xc1", "text", b"\x93\x01\x02\x03", message("x")[:-1], nested):
        assert admissible(junk) in (None, False)


def test_mass_assignment_and_share_links_do_nothing(viewer):
    shared: list[int] = []
    viewer.server.request_share_url = lambda verbose=True: shared.append(1)  # type: ignore[assignment]
    handles = viewer.server.gui._gui_input_handle_from_uuid
    uuid, handle = next((u, h) for u, h in handles.items() if type(h).__name__ == "GuiCheckboxHandle")
    callbacks = list(handle._impl.update_cb)
    with socket_to(viewer, Cookie=cookie(viewer)) as client:
        client.send(message("GuiUpdateMessage", uuid=uuid, updates={"update_cb": [], "removed": True}))
        client.send(message("ShareUrlRequest"))
        client.send(message("GuiFormDirtyMessage", uuid="x" * 1000))
        time.sleep(0.3)
        assert handle._impl.update_cb == callbacks
        assert not handle._impl.removed
        assert shared == []
        client.ping().wait(5)


@pytest.mark.parametrize("bad", [b"\xc1garbage", b"", b"\x00" * (limits.VIEWER_MESSAGE_BYTES + 1)])
def test_malformed_and_large_messages_end_the_connection(viewer, bad):
    with socket_to(viewer, Cookie=cookie(viewer)) as client:
        client.send(bad)
        ended(client)
    assert get(viewer, "/", Cookie=cookie(viewer))[0].status == 200


def test_a_flood_ends_the_connection(viewer):
    with socket_to(viewer, Cookie=cookie(viewer)) as client:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(20 * limits.VIEWER_MESSAGES_BURST):
                client.send(message("Nonsense"))
        ended(client)
    assert get(viewer, "/", Cookie=cookie(viewer))[0].status == 200


def ended(client: ClientConnection) -> None:
    """Waits until the server has hung up."""
    with pytest.raises(ConnectionClosed):
        collections.deque(iter(lambda: client.recv(timeout=5), None), maxlen=0)


def test_visitors_are_limited(viewer):
    key = cookie(viewer)
    with contextlib.ExitStack() as stack:
        for _ in range(limits.VIEWER_CONNECTIONS_MAX):
            stack.enter_context(socket_to(viewer, Cookie=key))
        with pytest.raises(InvalidStatus) as refused:
            socket_to(viewer, Cookie=key)
        assert refused.value.response.status_code == 503
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            socket_to(viewer, Cookie=key).close()
            return
        except InvalidStatus:
            time.sleep(0.05)
    pytest.fail("places of visitors who left are not freed")


def test_a_checkbox_value_of_the_wrong_kind_harms_nobody(viewer):
    handles = viewer.server.gui._gui_input_handle_from_uuid
    boxes = [u for u, h in handles.items() if type(h).__name__ == "GuiCheckboxHandle"]
    with socket_to(viewer, Cookie=cookie(viewer)) as client:
        for uuid in boxes:
            client.send(message("GuiUpdateMessage", uuid=uuid, updates={"value": [1, {"a": 2}]}))
        client.ping().wait(5)
    assert get(viewer, "/", Cookie=cookie(viewer))[0].status == 200


def test_only_the_loopback_is_served_by_default(viewer):
    assert viewer.server.get_host() == "127.0.0.1"


def test_a_taken_port_is_told(viewer):
    with pytest.raises(UsageError, match="port"):
        serve(small_world(splats=160), port=port(viewer))


@pytest.mark.parametrize("options", [{"token": "short"}, {"port": 70_000}, {"budget": 0}, {"budget": 10**9}])
def test_bad_options_are_told(options):
    with pytest.raises(UsageError):
        serve(small_world(splats=160), **options)


def test_links_differ_and_are_printed(capsys):
    urls = []
    for _ in range(2):
        viewer = serve(small_world(splats=160))
        viewer.stop()
        urls.append(viewer.url.partition("token=")[2])
        assert viewer.url in capsys.readouterr().out
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port(viewer)), timeout=1)
    assert urls[0] != urls[1]
    assert min(map(len, urls)) >= 32
