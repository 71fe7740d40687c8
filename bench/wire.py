"""A loopback TCP proxy between bridge and broker that can swallow what passes.

A process that is killed has usually handed its last messages to the kernel, which still delivers
them: its outbox is empty too often to be put to the test. Behind this wire the messages of the last
moments are gone, as in a network that failed before the process did.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bench.mqtt_wire import BrokerAddress
from bench.process import LOOPBACK

_CHUNK_BYTES: Final = 65_536


class Wire:
    """Forwards connections to a broker; `swallowing` discards instead, in both directions."""

    def __init__(self, address: BrokerAddress) -> None:
        """Set up a wire that does not listen yet."""
        self.swallowing = False
        self.swallowed_bytes = 0
        self._address = address

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until one of its ends closes."""
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(
                self._address.host, self._address.port
            )
            with contextlib.closing(far_writer), contextlib.closing(writer):
                pumps = [
                    asyncio.ensure_future(self._pump(reader, far_writer)),
                    asyncio.ensure_future(self._pump(far_reader, writer)),
                ]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if self.swallowing:
                    self.swallowed_bytes += len(chunk)
                else:
                    writer.write(chunk)
                    await writer.drain()


@asynccontextmanager
async def run_wire(broker_url: str) -> AsyncIterator[tuple[Wire, str]]:
    """Run a wire to the broker while in the context; gives it and the URL of its near end."""
    address = BrokerAddress.parse(broker_url)
    wire = Wire(address)
    server = await asyncio.start_server(wire.serve, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    user = broker_url.removeprefix("mqtt://").rpartition("@")[0]
    async with server:
        yield wire, f"mqtt://{user}{'@' if user else ''}{LOOPBACK}:{port}"
