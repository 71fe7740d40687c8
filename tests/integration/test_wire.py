"""The proxy of the torture: what passes, what is held, what is swallowed, what is cut."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bench.process import LOOPBACK
from bench.wire import Way, Wire, listening

PATIENCE_SECONDS = 10
Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that says everything back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(100):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def wire(echo: int) -> Wire:
    return Wire(LOOPBACK, echo)


@pytest.fixture
async def link(wire: Wire) -> AsyncIterator[Link]:
    async with listening(wire) as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        yield reader, writer
        writer.close()


async def said_back(link: Link, text: bytes) -> bytes:
    reader, writer = link
    writer.write(text)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await reader.readexactly(len(text))


async def test_what_is_sent_arrives_both_ways(link: Link) -> None:
    assert await said_back(link, b"hello") == b"hello"


@pytest.mark.parametrize("ways", [[Way.THERE], [Way.BACK], [Way.THERE, Way.BACK]])
async def test_what_is_held_arrives_when_it_is_over(
    wire: Wire, link: Link, ways: list[Way]
) -> None:
    reader, writer = link
    await said_back(link, b"before")
    wire.hold(ways)
    writer.write(b"held")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.readexactly(1)

    wire.release()

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await reader.readexactly(4) == b"held"


async def test_a_connection_that_is_cut_ends_at_both_ends(wire: Wire, link: Link) -> None:
    await said_back(link, b"before")

    wire.cut()

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await link[0].read() == b""


async def test_what_is_swallowed_is_gone_and_counted(wire: Wire, link: Link) -> None:
    await said_back(link, b"before")
    wire.swallowing = True
    link[1].write(b"gone")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while wire.swallowed_bytes < 4:  # noqa: ASYNC110  # a count, that nobody waits for elsewhere
            await asyncio.sleep(0.01)

    wire.swallowing = False

    assert await said_back(link, b"after") == b"after"


async def test_where_nobody_listens_the_near_end_is_closed(unused_tcp_port: int) -> None:
    async with listening(Wire(LOOPBACK, unused_tcp_port)) as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.read() == b""
        writer.close()
