"""The broker dies under load and comes back empty; nobody at the stations notices."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.bridges import Bridge, running_bridge
from tests.acceptance.gate import Gate
from tests.acceptance.stations import RawStation, Session, played
from tests.acceptance.witness import Witness, outcome
from tests.brokers import Broker, BrokerKind, MosquittoProcess

STATIONS = ("CS1", "CS2", "CS3")
EACH = 30
ROWS = ("state", "secc", "transaction", "allocation")


async def updates(station: RawStation, session: Session) -> float:
    """Send events one after the other; return the longest time that an answer took."""
    longest = 0.0
    for _ in range(EACH):
        begin = time.monotonic()
        assert await station.event(session, "Updated", "MeterValuePeriodic") == {}
        longest = max(longest, time.monotonic() - begin)
    return longest


async def update_all(stations: Sequence[RawStation], sessions: Sequence[Session]) -> float:
    return max(await asyncio.gather(*map(updates, stations, sessions)))


@pytest.mark.mosquitto
async def test_a_broker_that_dies_and_comes_back_empty_misses_nothing(
    mosquitto: MosquittoProcess, tmp_path: Path
) -> None:
    async with Gate(mosquitto.port) as gate:
        through = Broker(host="127.0.0.1", port=gate.port, kind=BrokerKind.MOSQUITTO)
        direct = Broker(host="127.0.0.1", port=mosquitto.port, kind=BrokerKind.MOSQUITTO)
        async with (
            running_bridge(through, tmp_path / "data") as bridge,
            played(bridge.url, STATIONS[0]) as first,
            played(bridge.url, STATIONS[1]) as second,
            played(bridge.url, STATIONS[2]) as third,
        ):
            stations, sessions = (first, second, third), [Session(f"T-{s}") for s in STATIONS]
            async with Witness(direct) as before:
                for name, station, session in zip(STATIONS, stations, sessions, strict=True):
                    await station.boot()
                    await station.call("TransactionEvent", session.started())
                    await before.until(f"{name}/1/event/transaction", eventType="Started")

            during = asyncio.create_task(update_all(stations, sessions))
            gate.shut()
            await mosquitto.kill()
            assert await during < 1
            assert await update_all(stations, sessions) < 1
            await mosquitto.start()
            async with Witness(direct) as after:
                gate.open()
                await _everything_arrives(after)
                assert outcome(await after.ask("get", place="CS1/1"))[-1] == ("done", "ok")
                await after.settle()
                _retained_set_is_complete(after)
            assert bridge.counts["mqtt.connected"] == 2


async def _everything_arrives(witness: Witness) -> None:
    """Wait for all events that were sent while the broker was gone, each in its order."""
    for name in STATIONS:
        topic = witness.address(f"{name}/1/event/transaction")
        await witness.wait_for(topic, lambda each: each.json["seqNo"] == 2 * EACH, timeout=20)
        numbers = [each["seqNo"] for each in witness.documents(f"{name}/1/event/transaction")]
        # what was acknowledged just before the end was delivered to the broker that died
        assert numbers == list(range(numbers[0], 2 * EACH + 1))
        assert numbers[0] <= EACH + 1


def _retained_set_is_complete(witness: Witness) -> None:
    topics = {message.topic for message in witness.messages}
    for name in STATIONS:
        expected = {witness.address(f"{name}/{rest}") for rest in ("availability", "info")}
        expected |= {witness.address(f"{name}/1/{row}") for row in ROWS}
        assert expected <= topics
    assert {f"ocpp/v1/bridge/main/{name}" for name in ("state", "info")} <= topics


async def test_of_two_connections_of_a_station_the_newest_counts(
    bridge: Bridge, witness: Witness
) -> None:
    session = Session()
    async with played(bridge.url) as older:
        await older.boot()
        await older.call("TransactionEvent", session.started())
        async with played(bridge.url) as newer:
            assert await older.closed() == 4001
            await newer.event(session, "Updated")
            results = await witness.ask("limit", {"limitA": 10}, place="CS1/1")
            assert outcome(results)[-1] == ("done", "ok")
            assert newer.calls_of("SetChargingProfile")
            assert not older.calls
            await witness.settle()
            present = witness.matching(witness.address("CS1/availability"))
            assert {each.text for each in present} == {"online"}
            assert not any(state["stale"] for state in witness.documents("CS1/1/state"))
    await witness.until_text("CS1/availability", "offline")


async def test_a_station_that_flaps_ends_as_it_is(bridge: Bridge, witness: Witness) -> None:
    async with played(bridge.url) as station:
        await station.boot()
    await asyncio.gather(*(_come_and_go(bridge) for _ in range(10)))
    async with played(bridge.url) as station:
        await station.call("Heartbeat", {})
        await witness.ask("get", place="CS1/1")
        await witness.settle()
        last = witness.matching(witness.address("CS1/availability"))[-1]
        assert last.text == "online"
        assert outcome(await witness.ask("limit", {"limitA": 9}, place="CS1/1"))[-1][0] == "done"


async def _come_and_go(bridge: Bridge) -> None:
    async with played(bridge.url):
        pass
