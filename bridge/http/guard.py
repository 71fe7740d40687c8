"""What every request must pass before anybody reads it (security.md, 20).

In this order: the name by which we are called (DNS rebinding), the page that it comes from
(cross-site requests and WebSockets), the kind of its body, its size. Each answer gets headers
that keep browsers from doing more with it than showing it.
"""

from collections.abc import Mapping
from http import HTTPMethod
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.http.problems import HttpCode, RequestError
from bridge.http.settings import HttpSettings

_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""For answers that do not say it themselves."""
_READING: Final = frozenset({HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS})
_ANY_BODY: Final = _READING | {HTTPMethod.PUT}
"""Methods whose body may be called anything: no page can PUT elsewhere without being asked for
leave (CORS), and clients of charge controllers send their JSON as text."""
_SAME_SITE: Final = frozenset({"same-origin", "none"})
"""`Sec-Fetch-Site` of our own pages, and of what a user has typed."""
_JSON: Final = "application/json"
_LOOPBACK: Final = IPv4Address("127.0.0.1")


class Guard:
    """Stands before the application (ASGI middleware)."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        """Take what is guarded, and whom it is there for."""
        self._app = app
        self._max_body = settings.max_body_bytes
        self._host = settings.host
        self._names = {settings.host.casefold(), *settings.allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            _check_origin(scope, headers)
            if scope["type"] == "http":
                self._check_body(scope["method"], headers)
        except RequestError as problem:
            await problem.response()(scope, receive, _with_headers(send))
        else:
            limited = receive if scope["type"] == "websocket" else self._limited(receive)
            await self._app(scope, limited, _with_headers(send))

    # --- Host -------------------------------------------------------------------------------

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        name = _host_name(host)
        if not name or not (name in self._names or self._is_ours(name)):
            raise RequestError(
                HttpCode.WRONG_HOST,
                f"this service is not called {name[:100]!r}: see http.allowed_hosts",
            )

    def _is_ours(self, name: str) -> bool:
        """Say whether a name is an address of this machine; no foreign name can lead there."""
        called, ours = _address(name), _address(self._host)
        if called is None or ours is None:
            return False
        if ours.is_unspecified:  # we listen to all of them
            return True
        return called == ours or (called.is_loopback and ours.is_loopback)

    # --- Body -------------------------------------------------------------------------------

    def _check_body(self, method: str, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body:
            raise self._too_large()
        has_body = length != "0" or "transfer-encoding" in headers
        kind = headers.get("content-type", "").partition(";")[0].strip().casefold()
        if method not in _ANY_BODY and kind != _JSON and (kind or has_body):
            raise RequestError(
                HttpCode.UNSUPPORTED_MEDIA_TYPE,
                f"the body must be JSON (Content-Type: {_JSON})",
            )

    def _too_large(self) -> RequestError:
        return RequestError(HttpCode.TOO_LARGE, f"a body may have {self._max_body} bytes")

    def _limited(self, receive: Receive) -> Receive:
        """Return a way to receive that ends where a body without a length becomes too large."""
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body:
                raise self._too_large()
            return message

        return limited


def _check_origin(scope: Scope, headers: Headers) -> None:
    """Refuse what a page of another site makes a browser send; what only reads is harmless.

    A WebSocket is not: browsers let every page open it and read what comes.
    """
    if scope["type"] == "http" and scope["method"] in _READING:
        return
    origin = headers.get("origin")
    foreign = (
        origin is not None and urlsplit(origin).netloc.casefold() != headers["host"].casefold()
    )
    if foreign or headers.get("sec-fetch-site", "none") not in _SAME_SITE:
        raise RequestError(HttpCode.WRONG_ORIGIN, "pages of other sites may not do this")


def _host_name(host: str) -> str:
    """Return the name or address in a `Host`, without its port, in lower case; "" for none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _address(name: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a name is; None for another name."""
    if name == "localhost":
        return _LOOPBACK
    try:
        return ip_address(name)
    except ValueError:
        return None


def _with_headers(send: Send) -> Send:
    """Return a way to send that adds what an answer does not say itself."""

    async def sending(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
