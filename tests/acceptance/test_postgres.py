"""The bridge keeps its memory in a PostgreSQL database, and is killed, or the server is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.acceptance.bridges import BridgeProgram
from tests.acceptance.simulation import simulated
from tests.acceptance.stations import Session, played
from tests.acceptance.witness import Witness, outcome
from tests.brokers import LOOPBACK, Broker, BrokerKind, MosquittoProcess
from tests.postgres import PostgresServer, postgres_server

pytestmark = pytest.mark.postgres

EVENTS = "SIM001/1/event/transaction"
PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as own:
        yield own


@pytest.fixture
def database(server: PostgresServer) -> str:
    return server.empty_database()


@pytest.fixture
def options(database: str) -> dict[str, Any]:
    return {"store": {"url": database}}


@pytest.fixture
async def own_broker(mosquitto: MosquittoProcess) -> Broker:
    return Broker(host=LOOPBACK, port=mosquitto.port, kind=BrokerKind.MOSQUITTO)


@pytest.fixture
async def own_program(
    own_broker: Broker, tmp_path: Path, options: dict[str, Any]
) -> AsyncIterator[BridgeProgram]:
    program = BridgeProgram(own_broker, tmp_path, options)
    yield program
    await program.close()


@pytest.mark.mosquitto
async def test_what_waits_for_the_broker_is_published_after_a_kill(
    own_program: BridgeProgram,
    own_broker: Broker,
    mosquitto: MosquittoProcess,
    server: PostgresServer,
    database: str,
) -> None:
    def stored() -> list[tuple[str, int]]:
        """Return ids and seqNo of the transaction's events, in the order of storing."""
        statement = "SELECT event_id, seq_no FROM event WHERE seq_no IS NOT NULL ORDER BY id"
        return [(event_id, seq_no) for event_id, seq_no in server.query(statement, database)]

    async def until_stored(count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(stored()) < count:  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.05)

    await own_program.start()
    async with simulated(own_program.url):
        async with Witness(own_broker) as before:
            await before.until(EVENTS, eventType="Updated")
            limited = await before.ask("limit", {"limitA": 10})
            assert outcome(limited)[-1] == ("done", "ok")
        await mosquitto.kill()
        await until_stored(len(stored()) + 3)
        await own_program.kill()
        waiting = stored()[-3:]

        await mosquitto.start()
        async with Witness(own_broker) as after:
            await own_program.start()
            for event_id, _seq_no in waiting:
                await after.until(EVENTS, id=event_id)
            await until_stored(len(stored()) + 3)
            kept = stored()
            await after.until(EVENTS, id=kept[-1][0])
            allocation = await after.retained(own_broker, "SIM001/1/allocation")
            assert allocation["allocationSourceName"] == "MQTT"
            told = after.documents(EVENTS)
    assert await own_program.stop() == 0

    assert [seq_no for _id, seq_no in kept] == list(range(len(kept)))
    firsts = list(dict.fromkeys(each["id"] for each in told))
    begin = [event_id for event_id, _seq_no in kept].index(firsts[0])
    assert firsts[: len(kept) - begin] == [event_id for event_id, _seq_no in kept[begin:]]
    assert server.query("SELECT * FROM outbox", database) == []
    unpublished = "SELECT count(*) FROM event, bridge WHERE event.id > watermark AND topic <> ''"
    assert server.query(unpublished, database) == [(0,)]


async def test_the_bridge_goes_on_by_itself_when_the_server_comes_back(
    program: BridgeProgram, witness: Witness, server: PostgresServer, database: str
) -> None:
    session = Session()
    await program.start()
    async with played(program.url) as station:
        await station.boot()
        await station.call("TransactionEvent", session.started())
        await witness.until("CS1/1/event/transaction", eventType="Started")
        server.kill()
        unanswered = session.event("Updated")
        answers = len(station.answers)
        await station.send(orjson.dumps([2, "lost", "TransactionEvent", unanswered]).decode())
        heartbeat = await station.call("Heartbeat", {})
        assert set(heartbeat) == {"currentTime"}
        assert len(station.answers) == answers + 1, "what is not stored is not answered"

        await asyncio.to_thread(server.start)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "store writes again" not in program.log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await station.call("TransactionEvent", unanswered) == {}
        await station.event(session, "Ended", "EVDeparted")
        await witness.until("CS1/1/event/transaction", eventType="Ended")
    await witness.settle()
    numbers = [each["seqNo"] for each in witness.documents("CS1/1/event/transaction")]
    assert numbers == [0, 1, 2]
    assert await program.stop() == 0
    assert server.query("SELECT seq_no FROM event WHERE seq_no >= 0 ORDER BY id", database) == [
        (0,),
        (1,),
        (2,),
    ]


async def test_a_second_bridge_of_the_same_id_does_not_start(
    program: BridgeProgram, broker: Broker, tmp_path: Path, options: dict[str, Any]
) -> None:
    await program.start()
    other = tmp_path / "other"
    other.mkdir()
    second = BridgeProgram(broker, other, options)
    with pytest.raises(AssertionError) as ended:
        await second.start()
    complaint = str(ended.value)
    assert 'bridge.id "main" is in use by another bridge (from 127.0.0.1 since 2' in complaint
    assert "ss%2Fword" not in complaint
    assert await program.stop() == 0


async def test_the_end_does_not_wait_for_a_server_that_is_gone(
    program: BridgeProgram, server: PostgresServer, database: str
) -> None:
    session = Session()
    await program.start()
    async with played(program.url) as station:
        await station.boot()
        await station.call("TransactionEvent", session.started())
        server.kill()
        payload = session.event("Updated")
        await station.send(orjson.dumps([2, "lost", "TransactionEvent", payload]).decode())
        assert await program.stop() == 0

    await asyncio.to_thread(server.start)
    await program.start()
    async with played(program.url) as station:
        assert await station.call("TransactionEvent", payload) == {}
    assert await program.stop() == 0
    rows = server.query("SELECT seq_no FROM event WHERE seq_no >= 0 ORDER BY id", database)
    assert rows == [(0,), (1,)]
