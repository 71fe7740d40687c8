"""A loopback TCP proxy: a network between two processes that can fail in its own ways.

Swallowing: what passes is gone, for processes that are about to die. A process that is killed has
usually handed its last messages to the kernel, which still delivers them: its outbox is empty too
often to be put to the test. Behind this wire the messages of the last moments are gone, as in a
network that failed before the process did.

Holding: a black hole, one way or both. Neither end notices anything, as TCP keeps what it could not
deliver; new connections are as silent. When it is over, what was held arrives, or everything is
cut off where it took too long.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Final, Protocol

from bench.mqtt_wire import BrokerAddress
from bench.process import LOOPBACK

_CHUNK_BYTES: Final = 65_536


class Way(Enum):
    """A direction on a wire."""

    THERE = "there"
    """From who has connected."""
    BACK = "back"


class Watcher(Protocol):
    """Reads what passes on one connection, chunk by chunk."""

    def passed(self, way: Way, chunk: bytes) -> None:
        """Take note of a chunk that is about to be handed on."""


class Wire:
    """Forwards connections to a host and port, as long as nothing is done to it."""

    def __init__(self, host: str, port: int, watch: Callable[[], Watcher] | None = None) -> None:
        """Set up a wire that does not listen yet; `watch` makes a watcher of each connection."""
        self.swallowing = False
        self.swallowed_bytes = 0
        self._host = host
        self._port = port
        self._watch = watch
        self._free = {way: asyncio.Event() for way in Way}
        self._ends: set[asyncio.StreamWriter] = set()
        self.release()

    def hold(self, ways: Iterable[Way]) -> None:
        """Let nothing through any more, these ways."""
        for way in ways:
            self._free[way].clear()

    def release(self) -> None:
        """Let everything through, also what was held."""
        for free in self._free.values():
            free.set()

    def cut(self) -> None:
        """End every connection at once."""
        for end in self._ends:
            end.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until one of its ends closes."""
        with contextlib.suppress(OSError), contextlib.closing(writer):
            await self._free[Way.THERE].wait()
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            watcher = None if self._watch is None else self._watch()
            ends = {writer, far_writer}
            self._ends |= ends
            with contextlib.closing(far_writer):
                pumps = [
                    asyncio.ensure_future(self._pump(Way.THERE, reader, far_writer, watcher)),
                    asyncio.ensure_future(self._pump(Way.BACK, far_reader, writer, watcher)),
                ]
                try:
                    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    self._ends -= ends
                    for pump in pumps:
                        pump.cancel()

    async def _pump(
        self,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        watcher: Watcher | None,
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._free[way].wait()
                if self.swallowing:
                    self.swallowed_bytes += len(chunk)
                    continue
                if watcher is not None:
                    watcher.passed(way, chunk)
                writer.write(chunk)
                await writer.drain()
            await self._free[way].wait()  # the end of a stream does not get through either


@asynccontextmanager
async def listening(wire: Wire) -> AsyncIterator[int]:
    """Have a wire listen while in the context; gives the port of its near end."""
    server = await asyncio.start_server(wire.serve, LOOPBACK, 0)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            wire.release()
            wire.cut()


@asynccontextmanager
async def run_wire(
    broker_url: str, watch: Callable[[], Watcher] | None = None
) -> AsyncIterator[tuple[Wire, str]]:
    """Run a wire to a broker while in the context; gives it and the URL of its near end."""
    address = BrokerAddress.parse(broker_url)
    wire = Wire(address.host, address.port, watch)
    user = broker_url.removeprefix("mqtt://").rpartition("@")[0]
    async with listening(wire) as port:
        yield wire, f"mqtt://{user}{'@' if user else ''}{LOOPBACK}:{port}"
