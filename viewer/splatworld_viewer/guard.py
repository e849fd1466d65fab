"""What stands between the network and viser 1.1.1, which has no access control of its own.

Nothing is served without the token of the printed link; the link's first use sets a cookie. `Host` and `Origin` are
checked, so that no other web page can reach the viewer through its visitor's browser. Messages are limited in kind,
size and rate before viser sees them.
"""

import contextlib
import gzip
import hmac
import http
import ipaddress
import secrets
import threading
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import websockets.asyncio.server as websocket_server
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedOK
from websockets.http11 import Request, Response

from splatworld import limits

MESSAGES = frozenset({"ViewerCameraMessage", "GuiUpdateMessage"})
"""All that our panels need; viser's uploads, share links, forms, drags, commands and renders are dropped."""

# viser's page is one file of inline script that unpacks itself and compiles wasm: it needs the "unsafe" words.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; "
    "worker-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' ws://{host} wss://{host} data: blob:; "
    "frame-ancestors 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"
)

Handler = Callable[[ServerConnection], Awaitable[None]]


@dataclass(frozen=True)
class Page:
    """Something we serve ourselves, next to viser's files."""

    mime: str
    body: Callable[[], bytes]


class _Message(msgspec.Struct):
    """The part of a message that is checked; decoding skips all else without building objects."""

    type: str
    updates: dict[str, msgspec.Raw] | None = None


_decoder = msgspec.msgpack.Decoder(_Message)


@dataclass
class Guard:
    """Decides about each request, connection and message. One per server."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    hosts: frozenset[str] = frozenset({"localhost"})
    """Names by which the server may be called; plain IP addresses always may, as they cannot be rebound."""
    pages: Mapping[str, Page] = field(default_factory=dict)
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _connections: int = 0

    @contextlib.contextmanager
    def in_front(self) -> Iterator[None]:
        """Servers that are started inside this context by `websockets.asyncio.server.serve` are guarded."""
        with _patching:
            plain = websocket_server.serve

            def serve(handler: Handler, *args: Any, **kwargs: Any) -> Any:
                kwargs |= {
                    "process_request": self._gate(kwargs.get("process_request")),
                    "max_size": limits.VIEWER_MESSAGE_BYTES,
                }
                return plain(self._watched(handler), *args, **kwargs)

            websocket_server.serve = serve  # type: ignore[assignment,misc]
            try:
                yield
            finally:
                websocket_server.serve = plain  # type: ignore[misc]

    def refusal(self, request: Request, cookie_name: str) -> str | None:
        """Why this request is not served, or None."""
        host = request.headers.get("Host", "")
        if not self._knows(host):
            return "host"
        origin = request.headers.get("Origin")
        if origin is not None and urllib.parse.urlsplit(origin).netloc != host:
            return "origin"
        if not (_same(_query_token(request), self.token) or _same(_cookie(request, cookie_name), self._cookie)):
            return "token"
        return None

    def _knows(self, host: str) -> bool:
        try:
            name = urllib.parse.urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _gate(self, inner: Callable[..., Response | None] | None) -> Callable[..., Response | None]:
        def process_request(connection: ServerConnection, request: Request) -> Response | None:
            name = f"splatworld_{connection.local_address[1]}"
            why = self.refusal(request, name)
            if why is not None:
                return _plain(http.HTTPStatus.FORBIDDEN, f"refused: {why}\n")
            if request.headers.get("Upgrade", "").lower() == "websocket":
                full = self._connections >= limits.VIEWER_CONNECTIONS_MAX
                return _plain(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many visitors\n") if full else None
            response = self._own_page(request) or (inner(connection, request) if inner else None)
            if response is not None:
                self._harden(response, request, name)
            return response

        return process_request

    def _own_page(self, request: Request) -> Response | None:
        page = self.pages.get(request.path.partition("?")[0])
        if page is None:
            return None
        body, headers = page.body(), Headers()
        headers["Content-Type"] = page.mime
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 5)
        headers["Content-Length"] = str(len(body))
        return Response(http.HTTPStatus.OK, "OK", headers, body)

    def _harden(self, response: Response, request: Request, cookie_name: str) -> None:
        headers = response.headers
        headers["Content-Security-Policy"] = CONTENT_POLICY.format(host=request.headers["Host"])
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Cache-Control"] = "no-store"
        if _same(_query_token(request), self.token):
            headers["Set-Cookie"] = f"{cookie_name}={self._cookie}; HttpOnly; SameSite=Strict; Path=/"

    def _watched(self, handler: Handler) -> Handler:
        async def watched(connection: ServerConnection) -> None:
            self._connections += 1
            connection.recv = _checked(connection)  # type: ignore[method-assign]
            try:
                await handler(connection)
            finally:
                self._connections -= 1

        return watched


def admissible(data: bytes | str) -> bool | None:
    """True: pass it on; False: drop it; None: it is no message at all, end the connection."""
    try:
        message = _decoder.decode(data)  # type: ignore[arg-type]
    except (msgspec.MsgspecError, TypeError, RecursionError):
        return None
    # viser sets whatever attributes `updates` names: only the value is for clients to set.
    return message.type in MESSAGES and set(message.updates or ()) <= {"value"}


def _checked(connection: ServerConnection) -> Callable[..., Awaitable[bytes]]:
    plain = connection.recv
    allowance, last = float(limits.VIEWER_MESSAGES_BURST), time.monotonic()

    async def recv(*args: Any, **kwargs: Any) -> bytes:
        nonlocal allowance, last
        while True:
            data = await plain(*args, **kwargs)
            now = time.monotonic()
            earned = (now - last) * limits.VIEWER_MESSAGES_PER_SECOND
            allowance, last = min(limits.VIEWER_MESSAGES_BURST, allowance + earned) - 1, now
            verdict = admissible(data)
            if allowance < 0 or verdict is None:
                connection.transport.abort()  # a polite close would wait for an impolite peer
                raise ConnectionClosedOK(None, None)
            if verdict:
                return data  # type: ignore[return-value]

    return recv


_patching = threading.Lock()


def _plain(status: http.HTTPStatus, text: str) -> Response:
    headers = Headers()
    headers["Content-Type"] = "text/plain; charset=utf-8"
    headers["Content-Length"] = str(len(text))
    headers["Content-Security-Policy"] = "default-src 'none'"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Connection"] = "close"
    return Response(status, status.phrase, headers, text.encode())


def _query_token(request: Request) -> str:
    query = urllib.parse.urlsplit(request.path).query
    return (urllib.parse.parse_qs(query, max_num_fields=32).get("token") or [""])[0] if len(query) < 4096 else ""


def _cookie(request: Request, name: str) -> str:
    for part in ";".join(request.headers.get_all("Cookie")).split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def _same(given: str, secret: str) -> bool:
    return bool(given) and hmac.compare_digest(given.encode(), secret.encode())
