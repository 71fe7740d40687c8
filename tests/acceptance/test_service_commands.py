"""The commands to the station itself, end to end: against a simulated station with a car."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tests.acceptance.bridges import ASKING, Bridge, BridgeProgram, Options, merged
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.stations import Session, iso, played
from tests.acceptance.witness import Document, Witness, outcome

DONE: Final = [("accepted", "ok"), ("done", "ok")]
RATE_UNIT: Final = {"component": "SmartChargingCtrlr", "variable": "RateUnit"}
INTERVAL: Final = {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"}


@pytest.fixture
def options() -> Options:
    may_do_everything = {
        "commands": {"allow_call": True},
        "stations": {"defaults": {"phase_switching": True}},
    }
    return merged(ASKING, may_do_everything)


@pytest.fixture
async def car(bridge: Bridge, witness: Witness) -> AsyncIterator[Watch]:
    """A car that charges with 16 A at the simulated station SIM001."""
    async with simulated(bridge.url) as watch:
        await watch.until_current(16)
        await witness.until("SIM001/1/state", state="Charging")
        yield watch


async def done(witness: Witness, name: str, body: Document | None = None, **place: str) -> Any:
    """Give a command that must be done, and return the data of its result."""
    results = await witness.ask(name, body, **place)
    assert outcome(results) == DONE, results[-1]
    return results[-1]["data"]


async def test_availability_waits_for_the_end_of_the_transaction(
    car: Watch, witness: Witness
) -> None:
    assert await done(witness, "availability", {"operative": False}) == {"status": "Scheduled"}
    await done(witness, "stop")
    await witness.until("SIM001/1/state", connectorStatus="Unavailable")
    assert await done(witness, "availability", {"operative": True}) == {"status": "Accepted"}
    await witness.until("SIM001/1/event/status", previousStatus="Unavailable")


async def test_unlock_says_what_the_station_said(car: Watch, witness: Witness) -> None:
    results = await witness.ask("unlock", {"connector": 1})
    assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
    assert results[-1]["error"]["details"]["status"] == "OngoingAuthorizedTransaction"
    await done(witness, "stop")
    await witness.until("SIM001/1/event/transaction", eventType="Ended")
    assert await done(witness, "unlock") == {"status": "Unlocked"}


async def test_reset_restarts_the_station(car: Watch, witness: Witness) -> None:
    witness.forget()
    data = await done(witness, "reset", {"type": "Immediate"}, place="SIM001/0")
    assert data == {"status": "Accepted"}
    await witness.until_text("SIM001/availability", "offline")
    ended = await witness.until("SIM001/1/event/transaction", eventType="Ended")
    assert ended["transaction"]["stoppedReason"] == "ImmediateReset"
    await witness.until_text("SIM001/availability", "online")
    info = await witness.until("SIM001/info", registration="Accepted")
    assert info["boot"] is not None


async def test_trigger_brings_the_message(car: Watch, witness: Witness) -> None:
    await witness.settle()
    witness.forget()
    data = await done(witness, "trigger", {"message": "TransactionEvent"})
    assert data == {"status": "Accepted"}
    await witness.until("SIM001/1/event/transaction", triggerReason="Trigger")


async def test_variables_are_read_and_written(car: Watch, witness: Witness) -> None:
    nothing = {"component": "Nothing", "variable": "Nowhere"}
    place = {"place": "SIM001/0"}

    read = await done(witness, "getVariables", {"variables": [RATE_UNIT, nothing]}, **place)
    found = [(each["component"], each["status"], each["value"]) for each in read["variables"]]
    assert found == [
        ("SmartChargingCtrlr", "Accepted", "A,W"),
        ("Nothing", "UnknownComponent", None),
    ]

    body = {"variables": [{**INTERVAL, "value": "120"}]}
    written = await done(witness, "setVariables", body, **place)
    assert [each["status"] for each in written["variables"]] == ["Accepted"]
    read = await done(witness, "getVariables", {"variables": [INTERVAL]}, **place)
    assert [each["value"] for each in read["variables"]] == ["120"]

    refused = {"variables": [{**RATE_UNIT, "value": "W"}]}
    results = await witness.ask("setVariables", refused, **place)
    assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]


async def test_transaction_status_of_the_current_and_of_a_named_one(
    car: Watch, witness: Witness
) -> None:
    running = (await witness.until("SIM001/1/state", state="Charging"))["transactionId"]
    expected = {"transactionId": running, "ongoingIndicator": True, "messagesInQueue": False}
    assert await done(witness, "transactionStatus") == expected
    named = {"transactionId": running}
    assert await done(witness, "transactionStatus", named, place="SIM001/0") == expected


async def test_call_sends_what_it_is_told_and_gives_the_answer(
    car: Watch, witness: Witness
) -> None:
    body = {"action": "DataTransfer", "payload": {"vendorId": "nobody"}}
    results = await witness.ask("call", body, place="SIM001/0")
    assert outcome(results)[0] == ("accepted", "ok")
    assert "UnknownVendorId" in str(results[-1])

    body = {"action": "GetTransactionStatus", "payload": {}}
    data = await done(witness, "call", body, place="SIM001/0")
    assert data["payload"] == {"messagesInQueue": False}

    body = {"action": "SetChargingProfile", "payload": {}}
    results = await witness.ask("call", body, place="SIM001/0")
    assert results[-1]["status"] == "rejected"


async def test_extend_moves_the_end_of_the_running_transaction(
    car: Watch, witness: Witness
) -> None:
    running = (await witness.until("SIM001/1/state", state="Charging"))["transactionId"]
    later = iso(datetime.now(tz=UTC) + timedelta(hours=1))
    assert await done(witness, "extend", {"until": later}) == {
        "transactionId": running,
        "until": later,
    }
    await witness.until("SIM001/1/transaction", until=later)
    assert (await done(witness, "extend", {"until": None}))["until"] is None
    soon = iso(datetime.now(tz=UTC) + timedelta(seconds=2))
    await done(witness, "extend", {"until": soon})
    ended = await witness.until("SIM001/1/event/transaction", eventType="Ended")
    assert ended["transaction"]["stoppedReason"] == "Remote"


@pytest.mark.timeout(90)
async def test_phases_hold_the_charging_to_one_phase(car: Watch, witness: Witness) -> None:
    results = await witness.ask("phases", {"phases": 1})
    assert results[-1]["status"] == "done", results[-1]
    allocation = await witness.until("SIM001/1/allocation", onePhaseLimitActive=True, pending=None)
    assert (allocation["phases"], allocation["phaseLimitSourceName"]) == (1, "MQTT")
    await witness.until("SIM001/1/secc", onePhaseLimitActive=True, phaseLimitSourceName="MQTT")
    await car.until(
        lambda snapshot: (snapshot.evses[0].phases, snapshot.evses[0].current_a) == (1, 16)
    )


# --- bridge killed between sending and the answer

ONCE: Final[dict[str, tuple[str, Document]]] = {
    "unlock": ("UnlockConnector", {"connector": 1}),
    "reset": ("Reset", {"type": "Immediate"}),
    "trigger": ("TriggerMessage", {"message": "Heartbeat"}),
    "call": ("DataTransfer", {"action": "DataTransfer", "payload": {"vendorId": "x"}}),
    "start": ("RequestStartTransaction", {}),
}


@pytest.mark.parametrize("name", ONCE)
async def test_what_was_sent_when_the_bridge_was_killed_is_unknown_and_not_sent_again(
    program: BridgeProgram, witness: Witness, name: str
) -> None:
    action, arguments = ONCE[name]
    body = {"id": "once", **arguments}
    await program.start()
    async with played(program.url, answers={action: None}) as station:
        await station.boot()
        await witness.publish(witness.address(f"CS1/1/cmd/me/{name}"), body)
        await station.asked(action)
        await program.kill()

    await program.start()
    results = await witness.results(name, "once", place="CS1/1")
    assert list(dict.fromkeys(outcome(results))) == [("accepted", "ok"), ("unknown", "unknown")]
    assert results[-1]["error"]["details"] == {"evses": {"1": "Idle"}}
    async with played(program.url) as station:
        await station.event(Session(), "Started", "CablePluggedIn")
        await witness.publish(witness.address(f"CS1/1/cmd/me/{name}"), body)
        await witness.until(f"CS1/1/res/me/{name}", status="unknown", code="duplicate")
        assert not station.calls_of(action)
