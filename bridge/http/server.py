"""uvicorn in the bridge's event loop: its start, its port, its end.

It sets no signal handlers: the composition root decides when it ends.
"""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.http.settings import HttpSettings

_log = logging.getLogger(__name__)

_MAX_WEBSOCKET_MESSAGE_BYTES = 4096
"""Clients have little to say there."""


class HttpServer:
    """Listens for HTTP, between `start` and `stop`."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        """Set it up; nothing is listened to before `start`."""
        self._settings = settings
        config = uvicorn.Config(
            app,
            http=_protocol(settings.opening_timeout_seconds),
            ws="websockets-sansio",
            ws_max_size=_MAX_WEBSOCKET_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,  # the bridge has its own
            access_log=False,
            proxy_headers=False,  # the rate limit counts who really calls
            server_header=False,
            limit_concurrency=settings.max_connections,
            timeout_graceful_shutdown=settings.closing_timeout_seconds,
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened to, also where the settings leave the choice."""
        if self._socket is None:
            raise RuntimeError("the server does not listen")
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen; returns when clients can connect. Raises OSError where that cannot be."""
        self._socket = await _bound(self._settings.host, self._settings.port)
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="http")
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await self._task  # raises what was wrong
        _log.info("listening for HTTP", extra={"host": self._settings.host, "port": self.port})

    async def stop(self) -> None:
        """Take no more requests, let those under way end for a moment, and close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _Server(uvicorn.Server):
    """A server that leaves signals alone and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the composition root."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.ready.set()


def _protocol(opening_timeout_seconds: float) -> type[H11Protocol]:
    """Return uvicorn's HTTP/1.1, which also closes what connects and does not ask (slow loris)."""

    class Impatient(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.loop.call_later(opening_timeout_seconds, self._opening_over)

        def _opening_over(self) -> None:
            if self.cycle is None and self in self.connections:
                self.transport.close()

    return Impatient


async def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the first address of a host. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _type, _protocol_number, _name, address = found[0]
    return socket.create_server(address[:2], family=family)
