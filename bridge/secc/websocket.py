"""A charge controller by its WebSocket API: `/api/ws` pushes documents, takes two-line commands.

A push is `{"topic": ..., "message": {...}}`; some firmware writes the topic before the document
instead.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from bridge.domain.enums import AllocationSource
from bridge.secc import payloads
from bridge.secc.link import LinkError, fields_of
from bridge.secc.payloads import Reading
from bridge.secc.pushes import Push, Pushes
from bridge.secc.settings import SeccSettings

NEEDED: Final = frozenset({"transaction", "configuration"})
CLOSE_SECONDS: Final = 1.0


class WebSocketLink:
    """Listens to pushes (`bridge.secc.link.SeccLink`)."""

    own_name = AllocationSource.API.value
    switches_phases = True
    reads_limits = True
    poll_seconds = 0.0

    def __init__(self, settings: SeccSettings) -> None:
        """Take where it is."""
        host = settings.url.rstrip("/").replace("http", "ws", 1)
        self._url = host if host.endswith("/api/ws") else f"{host}/api/ws"
        self._timeout_seconds = settings.request_timeout_seconds
        self._socket: ClientConnection | None = None
        self._pushes = Pushes(
            self._next,
            order=tuple(payloads.TOPICS),
            needed=NEEDED,
            silence_seconds=settings.offline_after_seconds,
        )

    async def open(self) -> None:
        """Connect. Nothing is sent: no `setEnabled false`, which would stop a charging car."""
        self._pushes.forget()
        try:
            self._socket = await connect(
                self._url,
                compression=None,
                proxy=None,
                max_size=4 * payloads.MAX_TEXT,
                open_timeout=self._timeout_seconds,
                close_timeout=CLOSE_SECONDS,
                ping_interval=None,  # pushes show that it is there
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise LinkError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Hang up."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    # --- Reading ----------------------------------------------------------------------------

    async def reading(self) -> Reading:
        """Wait for news and return all that is known."""
        return await self._pushes.reading()

    async def _next(self) -> Push:
        while True:
            try:
                raw = await self._connection().recv()
            except ConnectionClosed as error:
                raise LinkError("the connection was closed") from error
            pushed = pushed_document(raw)
            if pushed is not None:
                topic, document = pushed
                return topic, fields_of(topic, document, payloads.TOPICS[topic])

    def _connection(self) -> ClientConnection:
        if self._socket is None:
            raise LinkError("not connected")
        return self._socket

    # --- Writing ----------------------------------------------------------------------------

    async def set_limit(self, limit_a: float, timeout_ms: int) -> None:
        """Write a limit, and let it count last: what was set before must not for a moment."""
        await self._send("setTimeout", str(timeout_ms))
        await self._send("setCurrentLimit", f"{limit_a:g}")
        await self._send("setEnabled", "true")

    async def release(self) -> None:
        """Give the limit up: NaN."""
        await self._send("setCurrentLimit", "NaN")

    async def disable(self) -> None:
        """Give the limit up where NaN is not understood."""
        await self._send("setEnabled", "false")

    async def hold_to_one_phase(self, *, active: bool) -> None:
        """Charge on one phase or on all."""
        await self._send("set1p3p", "true" if active else "false")

    async def _send(self, command: str, value: str) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._connection().send(f"{command}\n{value}")
        except ConnectionClosed as error:
            raise LinkError("the connection was closed") from error
        except TimeoutError as error:
            raise LinkError("the command could not be sent in time") from error


def pushed_document(raw: str | bytes) -> tuple[str, Mapping[str, Any]] | None:
    """Return topic and document of a push; None where it is none that is known."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    begin = text.find("{")
    document = payloads.parse(text[begin:]) if begin >= 0 else None
    if document is None:
        return None
    topic: Any = document.get("topic")
    message = document.get("message")
    if not isinstance(message, dict):
        topic, message = text[:begin].strip(), document
    known = isinstance(topic, str) and topic in payloads.TOPICS
    return (topic, message) if known else None
