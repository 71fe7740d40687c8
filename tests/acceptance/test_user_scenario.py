"""Issue 2, "With the demo running": what a user sees and does with any MQTT client.

It is the same at stations of all versions of OCPP. What 1.6 does not tell is the table
`alike.GAPS`: here the event of the token, the reason of the start that follows from it, the event
of another rate, and the cable.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.acceptance.alike import GAPS, VERSIONS
from tests.acceptance.bridges import Bridge
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Witness, outcome
from tests.brokers import Broker

DONE = [("accepted", "ok"), ("done", "ok")]
PATIENCE_SECONDS = 30
BEGUN_BY = {"1.6": "Authorized"}
"""Start reason by version, else CablePluggedIn."""


def told(version: str, *events: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    """Return those of these events that a version has."""
    left_out = {event for gap in GAPS.values() for event in gap.events if version == "1.6"}
    return [each for each in events if each[:2] not in left_out]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Version of OCPP that the station speaks."""
    return str(request.param)


@pytest.fixture
async def car(bridge: Bridge, witness: Witness, version: str) -> AsyncIterator[Watch]:
    """A car that charges with 16 A at the simulated station SIM001."""
    async with simulated(bridge.url, version=version, meter_interval_s=0.2) as watch:
        await watch.until_current(16)
        await witness.until("SIM001/1/state", state="Charging")
        yield watch


async def metered(witness: Witness, amps: float) -> Any:
    """Wait until the meter on MQTT shows this current on all phases."""
    return await witness.until("SIM001/1/meter", currentA=[amps] * 3)


async def test_a_session_is_told_in_order(
    car: Watch, witness: Witness, broker: Broker, version: str
) -> None:
    await metered(witness, 16)

    events = witness.documents("SIM001/1/event/transaction")
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    begun_by = BEGUN_BY.get(version, "CablePluggedIn")
    first = told(
        version,
        ("Started", begun_by, "EVConnected"),
        ("Updated", "Authorized", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    )
    assert [
        (e["eventType"], e["triggerReason"], e["transaction"]["chargingState"])
        for e in events[: len(first)]
    ] == first
    assert {e["type"] for e in events[1:]} == {"transaction.updated"}
    assert {e["triggerReason"] for e in events[len(first) :]} == {"MeterValuePeriodic"}
    assert len({event["id"] for event in events}) == len(events)
    assert len({event["transaction"]["transactionUuid"] for event in events}) == 1
    tokens = [event["idToken"] for event in events if event["triggerReason"] == "Authorized"]
    assert [token.keys() for token in tokens] == [{"type", "hash"}]
    statuses = witness.documents("SIM001/1/event/status")
    assert [(e["previousStatus"], e["connectorStatus"]) for e in statuses] == [
        (None, "Available"),
        ("Available", "Occupied"),
    ]
    phases = [each["phase"] for each in witness.documents("SIM001/1/state")]
    order = ["idle", "awaiting_authorization", "awaiting_start", "starting", "charging"]
    assert sorted(set(phases), key=order.index) == list(dict.fromkeys(phases))
    secc = await witness.retained(broker, "SIM001/1/secc")
    assert secc["state"] == "Charging"
    assert (secc["vehicleStatus"], secc["chargeControllerStatus"]) == ("C", "C2")
    assert secc["usedPhasesSession"] == "111"
    assert secc["startReason"] == begun_by
    assert (secc["stopReason"], secc["endedTime"]) == (None, 0)


async def test_a_limit_takes_control_and_release_gives_it_back(
    car: Watch, witness: Witness, broker: Broker, version: str
) -> None:
    results = await witness.ask("limit", {"limitA": 10})

    assert outcome(results) == DONE
    assert results[0]["data"] is None
    assert results[1]["data"] == {
        "requestedA": 10.0,
        "appliedA": 10.0,
        "binding": True,
        "allocationSourceName": "MQTT",
        "expiresAt": None,
    }
    await car.until_current(10)
    await metered(witness, 10)
    allocation = await witness.retained(broker, "SIM001/1/allocation")
    assert allocation["allocationSourceName"] == "MQTT"
    assert (allocation["state"], allocation["offeredA"]) == ("active", 10)
    assert allocation["accepted"]["via"] == "TxProfile"
    assert allocation["pending"] is None
    cable = set() if version == "1.6" else {("ProximityPilot", 32)}
    limits = {(limit["source"], limit["limitA"]) for limit in allocation["limits"]}
    assert limits == {("MQTT", 10), ("Unmanaged", 32)} | cable
    binding = [limit for limit in allocation["limits"] if limit["binding"]]
    assert [(limit["controller"], limit["priority"]) for limit in binding] == [("me", 100)]
    assert (await witness.retained(broker, "SIM001/1/secc"))["allocationSourceName"] == "MQTT"
    assert (await witness.retained(broker, "SIM001/1/state"))["offeredA"] == 10
    for _, trigger, _ in told(version, ("Updated", "ChargingRateChanged", "Charging")):
        rate = await witness.until("SIM001/1/event/transaction", triggerReason=trigger)
        assert rate["transaction"]["chargingState"] == "Charging"
        assert rate["allocationSourceName"] == "MQTT"

    witness.forget()
    assert outcome(await witness.ask("release")) == DONE
    await car.until_current(16)
    await metered(witness, 16)
    allocation = await witness.retained(broker, "SIM001/1/allocation")
    assert (allocation["allocationSourceName"], allocation["offeredA"]) == ("Unmanaged", 32)
    assert (allocation["state"], allocation["accepted"]) == ("released", None)
    secc = await witness.retained(broker, "SIM001/1/secc")
    assert secc["allocationSourceName"] == "Unmanaged"


async def test_a_pause_keeps_the_transaction_open_and_resume_goes_on(
    car: Watch, witness: Witness, broker: Broker
) -> None:
    before = await witness.retained(broker, "SIM001/1/transaction")
    await witness.ask("limit", {"limitA": 12})

    results = await witness.ask("pause")
    assert outcome(results) == DONE
    assert results[-1]["data"]["appliedA"] == 0
    await car.until_current(0)
    state = await witness.until("SIM001/1/state", state="SuspendedEVSE", offeredA=0)
    assert state["transactionId"] == before["transactionId"]
    assert (state["phase"], state["chargeControllerStatus"]) == ("suspended_evse", "B1")
    assert state["allocationSourceName"] == "MQTT"
    paused = await witness.retained(broker, "SIM001/1/transaction")
    assert paused["active"]
    assert paused["transactionUuid"] == before["transactionUuid"]

    witness.forget()
    results = await witness.ask("resume")
    assert outcome(results) == DONE
    assert results[-1]["data"]["appliedA"] == 12
    await car.until_current(12)
    await witness.until("SIM001/1/state", state="Charging", offeredA=12)
    assert not witness.matching(witness.address("SIM001/1/event/transaction"), _ended)


async def test_stop_ends_it_remotely_and_start_begins_one(
    car: Watch, witness: Witness, broker: Broker
) -> None:
    before = await witness.retained(broker, "SIM001/1/transaction")

    results = await witness.ask("stop")
    assert outcome(results) == DONE
    assert results[-1]["data"] == {"transactionUuid": before["transactionUuid"]}
    ended = await witness.until("SIM001/1/event/transaction", eventType="Ended")
    assert ended["triggerReason"] == "RemoteStop"
    assert ended["transaction"]["stoppedReason"] == "Remote"
    secc = await witness.until("SIM001/1/secc", stopReason="Remote")
    assert (secc["state"], secc["vehicleStatus"]) == ("Finishing", "B")
    assert secc["endedTime"] >= secc["startedTime"] > 0
    assert secc["meterStop"] >= secc["meterStart"]
    assert not (await witness.retained(broker, "SIM001/1/transaction"))["active"]

    witness.forget()
    results = await witness.ask(
        "start", {"idToken": {"value": "ME", "type": "Central"}, "invoiceId": "bill-7"}
    )
    assert outcome(results) == DONE
    started = await witness.until("SIM001/1/event/transaction", eventType="Started")
    assert started["triggerReason"] == "RemoteStart"
    assert started["transaction"]["remoteStartId"] == results[-1]["data"]["remoteStartId"]
    assert started["transaction"]["transactionUuid"] != before["transactionUuid"]
    await car.until_current(16)
    running = await witness.retained(broker, "SIM001/1/transaction")
    assert (running["active"], running["invoiceId"]) == (True, "bill-7")
    assert (await witness.until("SIM001/1/secc", state="Charging"))["startReason"] == "RemoteStart"


async def test_what_is_done_already_is_said(car: Watch, witness: Witness) -> None:
    running = witness.newest("SIM001/1/transaction")

    results = await witness.ask("start")
    assert outcome(results) == [("accepted", "ok"), ("done", "already_started")]
    assert results[-1]["data"]["transactionId"] == running["transactionId"]
    assert outcome(await witness.ask("stop", {"transactionId": running["transactionId"]})) == DONE
    await witness.until("SIM001/1/event/transaction", eventType="Ended")
    assert outcome(await witness.ask("stop")) == [("accepted", "ok"), ("done", "already_stopped")]
    assert outcome(await witness.ask("release")) == DONE


async def test_get_gives_what_is_retained(car: Watch, witness: Witness, broker: Broker) -> None:
    await witness.ask("pause")
    await witness.until("SIM001/1/state", state="SuspendedEVSE")
    await witness.settle()

    data: Any = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:  # the car's current may still be falling, and with it what is observed
            results = await witness.ask("get")
            assert outcome(results) == DONE
            data = results[-1]["data"]
            kept = {
                name: await witness.retained(broker, f"SIM001/1/{name}")
                for name in ("state", "secc", "allocation", "transaction")
            }
            if all(_timeless(data[name]) == _timeless(kept[name]) for name in kept):
                break
    assert data["availability"] == "online"
    assert data["info"]["boot"]["vendorName"]

    of_station = (await witness.ask("get", {"what": "state"}, place="SIM001/0"))[-1]["data"]
    assert of_station.keys() == {"evses"}
    assert of_station["evses"]["1"]["state"]["state"] == "SuspendedEVSE"


async def test_one_slider_and_one_switch_are_enough(car: Watch, witness: Witness) -> None:
    results = await witness.set_value("limitA", "9.5")
    assert outcome(results) == DONE
    assert results[-1]["cmd"] == "limitA"
    await car.until_current(9.5)

    assert outcome(await witness.set_value("charging", "false")) == DONE
    await car.until_current(0)
    assert outcome(await witness.set_value("charging", "ON")) == DONE
    await car.until_current(9.5)

    assert outcome(await witness.set_value("limitW", "5520")) == DONE
    await car.until(lambda snapshot: 7.7 <= snapshot.evses[0].current_a <= 8.1)


async def test_two_controllers_and_the_whole_station(car: Watch, witness: Witness) -> None:
    assert outcome(await witness.ask("limit", {"limitA": 14}, place="SIM001/0")) == DONE
    await car.until_current(14)

    results = await witness.ask("limit", {"limitA": 7, "priority": 50}, controller="pv")
    assert outcome(results) == [("accepted", "ok"), ("done", "standby")]
    assert results[-1]["data"]["binding"] is False
    assert outcome(await witness.ask("release", place="SIM001/0")) == DONE
    await car.until_current(7)
    assert outcome(await witness.ask("limit", {"limitA": 40}, controller="pv")) == [
        ("accepted", "ok"),
        ("done", "clipped"),
    ]
    assert outcome(await witness.ask("limit", {"limitA": 4}, controller="pv")) == [
        ("accepted", "ok"),
        ("done", "below_minimum_paused"),
    ]
    await car.until_current(0)


async def test_a_lease_runs_out_by_itself(car: Watch, witness: Witness) -> None:
    results = await witness.ask("limit", {"limitA": 8, "ttlSeconds": 1})
    assert outcome(results) == DONE
    assert results[-1]["data"]["expiresAt"] is not None
    await car.until_current(8)
    await car.until_current(16)
    witness.forget()
    await witness.ask("get", {"what": "allocation"})
    results = await witness.ask("limit", {"limitA": 8, "ttlSeconds": 1, "onExpire": "failsafe"})
    assert outcome(results) == DONE
    failsafe = await witness.until("SIM001/1/allocation", mode="failsafe")
    assert (failsafe["allocationSourceName"], failsafe["offeredA"]) == ("MQTT", 6)
    assert failsafe["state"] == "failsafe"
    await car.until_current(6)


@pytest.mark.mqtt5
async def test_mqtt5_carries_expiry_type_and_the_answer_to_whoever_asked(
    car: Watch, witness: Witness
) -> None:
    inbox = f"{witness.root}/v1/client/me/inbox"
    await witness.ask(
        "limit", {"limitA": 11}, ResponseTopic=inbox, CorrelationData=b"\x00\xffwhich"
    )
    answers = await witness.wait_for_count(2, inbox)
    assert [each.json["status"] for each in answers] == ["accepted", "done"]
    assert {each.properties["CorrelationData"] for each in answers} == {b"\x00\xffwhich"}
    result = witness.matching(witness.address("SIM001/1/res/me/limit"))[-1]
    assert result.properties["MessageExpiryInterval"] <= 300
    event = witness.matching(witness.address("SIM001/1/event/transaction"))[0]
    assert event.properties["ContentType"] == "application/json"
    assert 86_000 < event.properties["MessageExpiryInterval"] <= 86_400

    elsewhere = witness.address("SIM001/1/state")
    await witness.settle()
    before = len(witness.matching(elsewhere, lambda each: b'"cmd"' in each.payload))
    await witness.ask("limit", {"limitA": 12}, ResponseTopic=elsewhere)
    await witness.settle()
    assert len(witness.matching(elsewhere, lambda each: b'"cmd"' in each.payload)) == before == 0


def _ended(message: Any) -> bool:
    return bool(message.json["eventType"] == "Ended")


def _timeless(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without what moves with time and energy alone."""
    moving = {"receivedAt", "ts", "energyWh", "meterLastWh", "lastSeqNo", "meterStop"}
    return {key: value for key, value in document.items() if key not in moving}
