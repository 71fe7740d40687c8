"""A way to the broker that can be shut: so a test is back at the broker before the bridge is."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.brokers import LOOPBACK


class Gate:
    """Forwards connections to a port of this machine while it is open."""

    def __init__(self, target: int) -> None:
        """Stand before the port `target`."""
        self.port = 0
        self.closed = False
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()

    def shut(self) -> None:
        """Cut what is connected, and let nobody through until `open`."""
        self.closed = True
        for writer in self._writers:
            writer.close()

    def open(self) -> None:
        """Let connections through again."""
        self.closed = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shut()
        self._server.close()
        await self._server.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closed:
            writer.close()
            return
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target)
            self._writers |= {writer, far_writer}
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
            self._writers -= {writer, far_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(65_536):
            writer.write(block)
            await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
