"""The bridge is stopped, or killed, in the middle of a transaction with a live limit."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.script import PlugIn, Script
from tests.acceptance.bridges import BridgeProgram
from tests.acceptance.simulation import simulated
from tests.acceptance.stations import RawStation, Session, energy, iso, played
from tests.acceptance.witness import Document, Witness, outcome
from tests.brokers import LOOPBACK, Broker, BrokerKind, MosquittoProcess
from tests.mqtt_probe import Received

DONE = [("accepted", "ok"), ("done", "ok")]
PLACE = "CS1/1"
UPGRADE = (
    b"GET /STUCK HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
)
SILENT = {
    "RequestStartTransaction": None,
    "RequestStopTransaction": None,
    "SetChargingProfile": None,
}


@asynccontextmanager
async def limited(
    program: BridgeProgram, witness: Witness, session: Session
) -> AsyncIterator[RawStation]:
    """Start the bridge with a station that charges under a limit of 10 A."""
    await program.start()
    async with played(program.url) as station:
        await station.boot()
        await station.call("TransactionEvent", session.started())
        results = await witness.ask("limit", {"id": "ten", "limitA": 10}, place=PLACE)
        assert outcome(results) == DONE
        yield station


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])
async def test_a_transaction_and_its_limit_go_on_after_a_restart(
    program: BridgeProgram, witness: Witness, broker: Broker, kill: bool
) -> None:
    session = Session()
    async with limited(program, witness, session):
        before = await witness.until(f"{PLACE}/transaction", active=True)
        if kill:
            await program.kill()
        else:
            assert await program.stop() == 0
            await witness.wait_for(f"{witness.root}/v1/bridge/main/state", _is("offline"))
            await witness.until_text("CS1/availability", "offline")

    witness.forget()
    await program.start()
    await witness.wait_for(f"{witness.root}/v1/bridge/main/state", _is("online"))
    await witness.until(f"{PLACE}/state", stale=True)
    async with played(program.url) as station:
        await witness.until_text("CS1/availability", "online")
        await station.event(session, "Updated")
        event = await witness.until(f"{PLACE}/event/transaction", eventType="Updated")
        assert event["transaction"]["transactionUuid"] == before["transactionUuid"]
        assert (event["seqNo"], event["gap"], event["late"]) == (1, False, False)
        assert event["allocationSourceName"] == "MQTT"
        await witness.until(f"{PLACE}/state", stale=False, state="Charging")
        allocation = await witness.retained(broker, f"{PLACE}/allocation")
        assert (allocation["allocationSourceName"], allocation["offeredA"]) == ("MQTT", 10)
        assert (allocation["state"], allocation["mode"]) == ("active", "normal")
        transaction = await witness.retained(broker, f"{PLACE}/transaction")
        assert transaction["transactionUuid"] == before["transactionUuid"]
        assert transaction["active"]
        # the station has the profile: there was no reason to write it again
        assert not station.calls_of("SetChargingProfile")

        await witness.ask("limit", {"id": "ten", "limitA": 10}, place=PLACE)
        await witness.until(f"{PLACE}/res/me/limit", id="ten", status="done", code="duplicate")
        assert outcome(await witness.ask("release", place=PLACE)) == DONE
        assert len(station.calls_of("ClearChargingProfile")) == 1


async def test_a_station_of_2_1_keeps_the_limit_of_a_start_while_the_bridge_is_dead(
    program: BridgeProgram, witness: Witness
) -> None:
    place = "SIM001/1"
    car = Script(steps=(PlugIn(),))
    await program.start()
    async with simulated(program.url, version="2.1", script=car, speed=100.0) as watch:
        await witness.until(f"{place}/state", plugged=True)
        full_wh = watch.seen["SIM001"].evses[0].energy_wh + 500
        assert outcome(await witness.ask("start", {"energyWh": 500}, place=place)) == DONE
        told = await witness.until(f"{place}/event/transaction", triggerReason="LimitSet")
        assert told["ocpp"]["transactionLimit"]["maxEnergyWh"] == 500
        await program.kill()
        await watch.until(
            lambda seen: seen.evses[0].energy_wh >= full_wh and seen.evses[0].current_a == 0
        )
        await program.start()
        ended = await witness.until(f"{place}/transaction", active=False)
        assert ended["endedBy"] == "energyWh"
        await witness.until(f"{place}/event/transaction", triggerReason="EnergyLimitReached")
        await witness.until(f"{place}/event/transaction", eventType="Ended")


async def test_what_was_in_flight_when_it_was_killed(
    program: BridgeProgram, witness: Witness
) -> None:
    await program.start()
    async with played(program.url, answers=SILENT) as station:
        await station.boot()
        await witness.publish(witness.address(f"{PLACE}/cmd/me/start"), {"id": "go"})
        await station.asked("RequestStartTransaction")
        await witness.publish(witness.address(f"{PLACE}/cmd/me/limit"), {"id": "l", "limitA": 9})
        accepted = await witness.until(f"{PLACE}/res/me/limit", status="accepted")
        assert accepted["id"] == "l"
        await program.kill()

    await program.start()
    results = await witness.results("start", "go", place=PLACE)
    assert told(results) == [("accepted", "ok"), ("unknown", "unknown")]
    assert results[-1]["error"]["details"] == {"evses": {"1": "Idle"}}
    async with played(program.url) as station:
        assert told(await witness.results("limit", "l", place=PLACE)) == DONE
        await station.asked("SetChargingProfile")
        # at most once: the start is not sent again, not even when its id is
        await witness.ask("start", {"id": "go"}, place=PLACE)
        await witness.until(f"{PLACE}/res/me/start", status="unknown", code="duplicate")
        assert not station.calls_of("RequestStartTransaction")


async def test_what_a_station_sends_again_after_a_kill_is_there_once(
    program: BridgeProgram, witness: Witness
) -> None:
    session = Session()
    at = iso(session.begin)
    events: list[dict[str, Any]] = [
        session.started(),
        session.event("Updated", "MeterValuePeriodic", meterValue=energy(at, 100)),
        session.event("Updated", "MeterValuePeriodic", meterValue=energy(at, 200)),
    ]
    await program.start()
    async with played(program.url) as station:
        await station.boot()
        for payload in events:
            await station.call("TransactionEvent", payload)
        await program.kill()

    await program.start()
    async with played(program.url) as station:
        for payload in events:  # as if the answers had been lost
            assert await station.call("TransactionEvent", payload) == {}
        await station.event(session, "Ended", "EVDeparted")
        await witness.until(f"{PLACE}/event/transaction", eventType="Ended")
    await witness.settle()
    seen = witness.documents(f"{PLACE}/event/transaction")
    # at least once, so a message in flight at the kill may come twice: with the same id
    ids = list(dict.fromkeys(each["id"] for each in seen))
    firsts = [next(each for each in seen if each["id"] == event_id) for event_id in ids]
    assert [each["seqNo"] for each in firsts] == [0, 1, 2, 3]
    assert len({each["transaction"]["transactionUuid"] for each in seen}) == 1
    assert {each["id"]: each for each in seen} == {each["id"]: each for each in firsts}


async def test_a_lease_that_ran_out_while_the_bridge_was_away_is_over(
    program: BridgeProgram, witness: Witness
) -> None:
    session = Session()
    async with limited(program, witness, session):
        results = await witness.ask("limit", {"limitA": 7, "ttlSeconds": 1}, place=PLACE)
        assert outcome(results) == DONE
        await program.kill()
    witness.forget()
    await program.start()  # takes longer than the lease lasts, or nearly so
    async with played(program.url) as station:
        await station.asked("ClearChargingProfile")
        released = await witness.until(f"{PLACE}/allocation", allocationSourceName="Unmanaged")
        assert released["state"] == "released"


@pytest.mark.mosquitto
async def test_neither_a_stuck_station_nor_a_frozen_broker_holds_up_the_end(
    mosquitto: MosquittoProcess, tmp_path: Path
) -> None:
    broker = Broker(host=LOOPBACK, port=mosquitto.port, kind=BrokerKind.MOSQUITTO)
    program = BridgeProgram(broker, tmp_path)
    await program.start()
    reader, writer = await asyncio.open_connection(LOOPBACK, program.port)
    writer.write(UPGRADE)  # and nothing after it, not even an answer to the closing handshake
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    async with played(program.url) as station:
        session = Session()
        await station.boot()
        await station.call("TransactionEvent", session.started())
        mosquitto.freeze()
        await station.event(session, "Updated")
        assert await program.stop() == 0
    writer.close()


def told(results: Sequence[Document]) -> list[tuple[str, str]]:
    """Return the outcome; what a kill left unmarked in the outbox is delivered once more."""
    return list(dict.fromkeys(outcome(results)))


def _is(text: str) -> Callable[[Received], bool]:
    return lambda message: message.text == text
