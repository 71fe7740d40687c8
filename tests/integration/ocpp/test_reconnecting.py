"""Stations that come back: old and new connections, repeated CALLs, a slow engine, silence."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from bridge.domain.calls import CallFailed, CallFailure, CallOutcome, RequestStopTransaction
from bridge.domain.events import StationMessage
from bridge.domain.ids import StationId
from tests.ocpp_inbox import RunningServer, eventually, running_server

STATION = StationId("CS1")
DATA = '[2,"d","DataTransfer",{"vendorId":"v"}]'
DATA_ANSWER = [3, "d", {"status": "UnknownVendorId"}]


async def take(websocket: ClientConnection) -> Any:
    async with asyncio.timeout(5):
        return json.loads(await websocket.recv())


async def ask(websocket: ClientConnection, text: str) -> Any:
    await websocket.send(text)
    return await take(websocket)


def handled(running: RunningServer) -> list[StationMessage]:
    return [message for _, message in running.inbox.messages]


async def test_the_newest_connection_wins(running: RunningServer) -> None:
    async with running.station() as old, running.station() as new:
        await old.wait_closed()
        assert old.close_code == 4001
        await running.inbox.until(lambda: len(running.inbox.connections) == 3)
        assert running.inbox.connections == [
            ("CS1", "2.0.1"),
            ("CS1", "2.0.1"),
            ("CS1", "gone"),
        ]
        # The end of the old one has not unregistered the new one.
        outcome: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
        running.server.call(
            STATION, RequestStopTransaction(transaction_id="T1"), outcome.set_result
        )
        message = await take(new)
        await new.send(json.dumps([3, message[1], {"status": "Accepted"}]))
        assert (await outcome).status == "Accepted"  # type: ignore[union-attr]


async def test_calls_out_on_the_old_connection_fail(running: RunningServer) -> None:
    async with running.station() as old:
        outcome: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
        running.server.call(
            STATION, RequestStopTransaction(transaction_id="T1"), outcome.set_result
        )
        await take(old)
        async with running.station():
            assert await outcome == CallFailed(failure=CallFailure.SUPERSEDED)


async def test_a_half_open_connection_does_not_lock_the_station_out() -> None:
    async with (
        running_server(duplicate_ping_seconds=0.1) as running,
        running.station() as old,
    ):
        old.transport.pause_reading()  # never answers the closing handshake
        async with running.station() as new:
            await running.inbox.until(lambda: ("CS1", "gone") in running.inbox.connections)
            assert (await ask(new, DATA)) == DATA_ANSWER
        old.transport.abort()


# --- Who has been there before -----------------------------------------------------------------


async def test_an_old_connection_that_answers_shows_that_there_are_two(
    running: RunningServer,
) -> None:
    async with running.station() as old, running.station() as new:
        await old.wait_closed()
        await running.inbox.until(lambda: bool(running.inbox.incidents))
        assert (await ask(new, DATA)) == DATA_ANSWER
        ((station_id, incident),) = running.inbox.incidents
        assert (station_id, incident.code, incident.alarm) == ("CS1", "duplicate", False)
        assert incident.details == {
            "remote": address_of(new),
            "present": address_of(old),
            "leftOut": 0,
        }
    assert running.metrics.counts["ocpp.superseded"] == 1
    assert running.metrics.counts["ocpp.duplicate"] == 1


async def test_an_old_connection_that_is_dead_shows_nothing() -> None:
    async with (
        running_server(duplicate_ping_seconds=0.1) as running,
        running.station() as old,
    ):
        old.transport.pause_reading()
        async with running.station() as new:
            await running.inbox.until(lambda: ("CS1", "gone") in running.inbox.connections)
            assert (await ask(new, DATA)) == DATA_ANSWER
        old.transport.abort()
    assert running.metrics.counts["ocpp.superseded"] == 1
    assert running.inbox.incidents == []


async def test_what_the_old_connection_says_after_its_goodbye_counts_no_more(
    running: RunningServer,
) -> None:
    async with running.station() as old:
        old.transport.pause_reading()  # has not read our goodbye, and goes on
        async with running.station() as new:
            old.transport.write(Frame(Opcode.TEXT, DATA.encode()).serialize(mask=True))
            old.transport.resume_reading()
            await old.wait_closed()
            assert handled(running) == []
            assert (await ask(new, DATA)) == DATA_ANSWER
    assert len(handled(running)) == 1


def address_of(websocket: ClientConnection) -> str:
    host, port = websocket.local_address[:2]
    return f"{host}:{port}"


@asynccontextmanager
async def fighting(running: RunningServer) -> AsyncIterator[ClientConnection]:
    """A station's connection from 127.0.0.2 after three swaps with 127.0.0.1 and back."""
    async with AsyncExitStack() as stack:
        for number in range(4):
            address = f"127.0.0.{number % 2 + 1}"
            station = running.station(local_addr=(address, 0))
            newest = await stack.enter_async_context(station)
        yield newest


needs_addresses = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems have one loopback address only"
)


@needs_addresses
async def test_where_two_addresses_fight_the_one_that_is_there_stays() -> None:
    async with running_server() as running, fighting(running) as present:
        before = running.metrics.counts["ocpp.superseded"]
        with pytest.raises(InvalidStatus) as refused:
            async with running.station(local_addr=("127.0.0.1", 0)):
                pass
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["Retry-After"] == "60"
        assert (await ask(present, DATA)) == DATA_ANSWER
        assert running.metrics.counts["ocpp.superseded"] == before == 3
        assert running.metrics.counts["ocpp.refused.429"] == 1
        _, alarm = running.inbox.incidents[-1]
        assert (alarm.code, alarm.alarm) == ("duplicate_refused", True)
        assert alarm.details["present"] == address_of(present)
        # its own address may come back at any time
        async with running.station(local_addr=("127.0.0.2", 0)) as again:
            assert (await ask(again, DATA)) == DATA_ANSWER


@needs_addresses
async def test_where_two_addresses_fight_a_dead_one_does_not_stay() -> None:
    async with running_server(duplicate_ping_seconds=0.1) as running, fighting(running) as dead:
        dead.transport.pause_reading()
        async with running.station(local_addr=("127.0.0.1", 0)) as new:
            assert (await ask(new, DATA)) == DATA_ANSWER
        dead.transport.abort()


@needs_addresses
async def test_who_leaves_while_it_is_asked_makes_room() -> None:
    async with running_server() as running, fighting(running) as present:
        present.transport.pause_reading()
        waiting = asyncio.create_task(connected(running, "127.0.0.1", stays=False))
        await eventually(lambda: bool(running.server._registry.openings))
        running.server.disconnect(STATION, "bye")
        present.transport.resume_reading()  # its answer to our goodbye is no reason to refuse
        assert await waiting == 101


@needs_addresses
async def test_a_station_that_is_busy_with_us_lives() -> None:
    async with running_server(duplicate_ping_seconds=0.1) as running, fighting(running) as present:
        running.inbox.holding = True
        running.inbox.high_mark = 1
        await present.send(DATA)
        await running.inbox.until(lambda: bool(running.inbox.held))
        present.transport.pause_reading()
        with pytest.raises(InvalidStatus):
            async with running.station(local_addr=("127.0.0.1", 0)):
                pass
        present.transport.resume_reading()
        running.inbox.holding = False
        running.inbox.release()
        assert await take(present) == DATA_ANSWER


@needs_addresses
async def test_several_that_wait_for_the_same_answer_are_let_in_one_after_the_other() -> None:
    async with running_server(duplicate_ping_seconds=0.3) as running, fighting(running) as dead:
        dead.transport.pause_reading()
        waiting = [
            asyncio.create_task(connected(running, f"127.0.0.{number}")) for number in (1, 3)
        ]
        # the first takes the dead one's place; it lives, and stays
        assert sorted(await asyncio.gather(*waiting)) == [101, 429]
        dead.transport.abort()


async def connected(running: RunningServer, address: str, *, stays: bool = True) -> int:
    """Return the status of an attempt that stays, where it succeeds, until another is refused."""
    try:
        async with running.station(local_addr=(address, 0)):
            if stays:
                await eventually(lambda: running.metrics.counts["ocpp.refused.429"] == 1)
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@needs_addresses
async def test_who_waits_and_goes_away_leaves_nothing_behind() -> None:
    async with running_server(duplicate_ping_seconds=0.2) as running, fighting(running) as dead:
        dead.transport.pause_reading()
        waiting = asyncio.create_task(connected(running, "127.0.0.1"))
        await eventually(lambda: bool(running.server._registry.openings))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await eventually(lambda: not running.server._registry.openings)
        dead.transport.abort()


async def test_stopping_waits_for_no_connection_that_was_superseded() -> None:
    async with running_server(duplicate_ping_seconds=60) as running, running.station() as old:
        old.transport.pause_reading()
        async with running.station() as new:
            async with asyncio.timeout(10):
                await running.server.stop()
            await new.wait_closed()
        old.transport.abort()


# --- The same CALL again -----------------------------------------------------------------------


async def test_a_repeated_call_gets_the_stored_answer(running: RunningServer) -> None:
    async with running.station() as websocket:
        assert await ask(websocket, DATA) == DATA_ANSWER
        assert await ask(websocket, DATA) == DATA_ANSWER
    async with running.station() as websocket:
        assert await ask(websocket, DATA) == DATA_ANSWER
    assert len(handled(running)) == 1


async def test_the_same_id_with_other_content_is_handled(running: RunningServer) -> None:
    async with running.station() as websocket:
        assert await ask(websocket, DATA) == DATA_ANSWER
        assert await ask(websocket, DATA.replace('"v"', '"w"')) == DATA_ANSWER
    assert len(handled(running)) == 2


async def test_a_station_that_counts_ids_from_one_again_is_heard(running: RunningServer) -> None:
    boot = (
        '[2,"1","BootNotification",'
        '{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]'
    )
    for _ in range(2):
        async with running.station() as websocket:
            assert (await ask(websocket, boot))[2]["status"] == "Accepted"
    assert len(handled(running)) == 2


async def test_a_refusal_before_acceptance_is_not_remembered(running: RunningServer) -> None:
    running.inbox.not_accepted.add("CS1")
    async with running.station() as websocket:
        assert (await ask(websocket, DATA))[:3] == [4, "d", "SecurityError"]
        running.inbox.not_accepted.clear()
        assert await ask(websocket, DATA) == DATA_ANSWER


async def test_a_call_repeated_while_it_is_handled_is_answered_once(
    running: RunningServer,
) -> None:
    running.inbox.holding = True
    async with running.station() as old:
        await old.send(DATA)
        await old.send(DATA)
        await running.inbox.until(lambda: bool(running.inbox.held))
        async with running.station() as new:
            await new.send(DATA)
            await (await new.ping())  # its pong says that what was sent before has been read
            running.inbox.release()
            assert await take(new) == DATA_ANSWER
    assert len(handled(running)) == 1


async def test_what_could_not_be_stored_is_not_answered_and_may_come_again(
    running: RunningServer,
) -> None:
    running.inbox.holding = True
    async with running.station() as websocket:
        await websocket.send(DATA)
        await running.inbox.until(lambda: bool(running.inbox.held))
        _, respond = running.inbox.held.pop()
        respond(None)
        respond(None)
        running.inbox.holding = False
        assert await ask(websocket, DATA) == DATA_ANSWER
    assert len(handled(running)) == 2


async def test_reading_stops_while_the_mailbox_is_full(running: RunningServer) -> None:
    running.inbox.holding = True
    running.inbox.high_mark = 3
    async with running.station("CS1") as busy, running.station("CS2") as other:
        for number in range(200):
            await busy.send(f'[2,"{number}","DataTransfer",{{"vendorId":"v"}}]')
        await running.inbox.until(lambda: len(running.inbox.held) >= 3)
        await asyncio.sleep(0.1)
        assert len(running.inbox.held) == 3
        running.inbox.holding = False
        assert (await ask(other, DATA)) == DATA_ANSWER
        running.inbox.release()
        answers = [await take(busy) for _ in range(200)]
        assert [answer[1] for answer in answers] == [str(number) for number in range(200)]


async def test_a_station_that_takes_no_answers_is_read_no_further(running: RunningServer) -> None:
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", running.server.port))
    async with running.station("CS1", sock=narrow) as deaf, running.station("CS2") as other:
        (link,) = (link for link in running.server._registry.links if link.station_id == "CS1")
        deaf.transport.pause_reading()
        # A pong is as long as its ping, so the pongs fill the line.
        deaf.transport.write(Frame(Opcode.PING, b"p" * 125).serialize(mask=True) * 60_000)
        await eventually(lambda: link._write_full)
        assert (await ask(other, DATA)) == DATA_ANSWER
        deaf.transport.resume_reading()
        assert (await ask(deaf, DATA)) == DATA_ANSWER


async def test_a_silent_station_is_disconnected() -> None:
    async with (
        running_server(ping_interval_seconds=0.1, closing_timeout_seconds=0.1) as running,
        running.station() as websocket,
    ):
        websocket.transport.pause_reading()  # hears no ping, so answers none
        await running.inbox.until(lambda: ("CS1", "gone") in running.inbox.connections)
        websocket.transport.abort()


@pytest.mark.parametrize("says", ["pongs", "pings"])
async def test_any_frame_counts_as_alive(says: str) -> None:
    async with (
        running_server(ping_interval_seconds=0.1) as running,
        running.station() as websocket,
    ):
        for _ in range(8):
            await asyncio.sleep(0.05)
            if says == "pings":
                await (await websocket.ping())
        assert running.inbox.connections == [("CS1", "2.0.1")]
        assert await ask(websocket, DATA) == DATA_ANSWER


async def test_without_pings_silence_is_allowed() -> None:
    async with (
        running_server(ping_interval_seconds=0) as running,
        running.station() as websocket,
    ):
        await asyncio.sleep(0.2)
        assert await ask(websocket, DATA) == DATA_ANSWER


async def test_stopping_says_goodbye(running: RunningServer) -> None:
    async with running.station("CS1") as first, running.station("CS2") as second:
        url = running.url("CS3")
        await running.server.stop()
        for websocket in (first, second):
            await websocket.wait_closed()
            assert websocket.close_code == 1001
        assert running.server.connections == 0
        with pytest.raises(OSError, match="Connect"):
            await connect(url)


async def test_stopping_does_not_wait_for_the_dead() -> None:
    async with (
        running_server(closing_timeout_seconds=0.1) as running,
        running.station() as websocket,
    ):
        websocket.transport.pause_reading()
        async with asyncio.timeout(2):
            await running.server.stop()
        websocket.transport.abort()
        with pytest.raises(ConnectionClosed):
            await websocket.recv()


async def test_what_arrives_after_our_goodbye_is_left_for_the_next_connection(
    running: RunningServer,
) -> None:
    async with running.station() as websocket:
        running.server.disconnect(STATION, "bye")
        websocket.transport.write(Frame(Opcode.TEXT, DATA.encode()).serialize(mask=True))
        await websocket.wait_closed()
    await running.inbox.until(lambda: ("CS1", "gone") in running.inbox.connections)
    assert handled(running) == []


async def test_an_answer_after_the_end_is_kept_for_the_next_connection(
    running: RunningServer,
) -> None:
    running.inbox.holding = True
    async with running.station() as websocket:
        await websocket.send(DATA)
        await running.inbox.until(lambda: bool(running.inbox.held))
    await running.inbox.until(lambda: ("CS1", "gone") in running.inbox.connections)
    running.inbox.release()
    async with running.station() as websocket:
        assert await ask(websocket, DATA) == DATA_ANSWER
    assert len(handled(running)) == 1


async def test_one_connection_cannot_fill_the_log(
    running: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with running.station() as websocket:
        for _ in range(100):
            await ask(websocket, "nonsense")
    refused = [record for record in caplog.records if record.message == "frame refused"]
    assert len(refused) == 20
    assert running.metrics.counts["ocpp.frame_refused"] == 100
