"""A charge controller without OCPP, by each of its APIs: topics, commands, allocation as any."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.witness import Witness, outcome
from tests.brokers import Broker
from tests.seccs import NOBODY, SimulatedSecc, simulated_secc

DONE: Final = [("accepted", "ok"), ("done", "ok")]
NAME: Final = "carport"
PLACE: Final = f"{NAME}/1"
QUICK: Final[dict[str, Any]] = {"poll_seconds": 1, "meter_interval_seconds": 1}
OWN_NAME: Final = {"rest": "API", "websocket": "API", "mqtt": "MQTT"}


def configured(kind: str, secc: SimulatedSecc, broker: Broker) -> dict[str, Any]:
    """Return the table of a simulated SECC in the configuration."""
    table = {"type": kind, **QUICK}
    if kind == "mqtt":
        return {**table, "client_id": "S1", "topic_prefix": prefix_of(broker), "url": broker.url}
    return {**table, "url": secc.url}


def prefix_of(broker: Broker) -> str:
    """Return where a SECC's own topics are: not among those of the bridge."""
    return f"secc/{broker.root}"


def faces_of(kind: str, broker: Broker) -> dict[str, Any]:
    """Return the options of a SECC that is reached in this way."""
    if kind != "mqtt":
        return {}
    return {"mqtt_url": broker.url, "mqtt_prefix": prefix_of(broker), "client_id": "S1"}


@pytest.fixture(params=["rest", "websocket", "mqtt"])
def kind(request: pytest.FixtureRequest) -> str:
    """Type of the API that is used."""
    return str(request.param)


@pytest.fixture
async def secc(kind: str, broker: Broker) -> AsyncIterator[SimulatedSecc]:
    """A SECC without a car."""
    async with simulated_secc(script=NOBODY, **faces_of(kind, broker)) as running:
        yield running


@pytest.fixture
def options(kind: str, secc: SimulatedSecc, broker: Broker) -> Options:
    """A bridge that reads it."""
    return {"secc": {NAME: {**configured(kind, secc, broker), "phase_switching": True}}}


@pytest.fixture
async def charging(secc: SimulatedSecc, bridge: Bridge, witness: Witness) -> SimulatedSecc:
    """A car that charges with 16 A at the SECC, and a bridge that knows it."""
    await witness.until(f"{PLACE}/state", state="Idle")
    secc.model.plug_in()
    await witness.until(f"{PLACE}/state", state="SuspendedEVSE")
    secc.model.authorize()
    await secc.until_current(16)
    await witness.until(f"{PLACE}/state", state="Charging")
    await witness.until(f"{PLACE}/meter", currentA=[16.0] * 3)
    return secc


async def test_a_session_is_told_in_the_same_topics_and_events(
    charging: SimulatedSecc, witness: Witness, broker: Broker
) -> None:
    charging.model.stop("Local")
    await witness.until(f"{PLACE}/secc", state="Finishing")
    charging.model.unplug()
    await witness.until_newest(f"{PLACE}/state", state="Idle", plugged=False)
    await witness.settle()

    events = witness.documents(f"{PLACE}/event/transaction")
    told = [
        (e["eventType"], e["triggerReason"], e["transaction"]["chargingState"])
        for e in events
        if e["triggerReason"] not in {"MeterValuePeriodic", "ChargingRateChanged"}
    ]
    begun_by = "CablePluggedIn"
    assert told == [
        ("Started", begun_by, "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
        ("Ended", "StopAuthorized", "EVConnected"),
    ]
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert len({event["transaction"]["transactionUuid"] for event in events}) == 1
    statuses = witness.documents(f"{PLACE}/event/status")
    assert [each["connectorStatus"] for each in statuses] == [
        "Available",
        "Occupied",
        "Available",
    ]
    secc = await witness.retained(broker, f"{PLACE}/secc")
    session = charging.model.session
    assert secc["stopReason"] == "Local"
    # whole seconds, between what was seen before and after
    assert abs(secc["startedTime"] - session.started_at.timestamp()) <= 1
    assert abs(secc["endedTime"] - session.ended_at.timestamp()) <= 1
    assert secc["meterStart"] == round(session.meter_start_wh / 1000, 3)
    assert secc["meterStop"] == round(session.meter_stop_wh / 1000, 3)
    assert (secc["usedPhasesSession"], secc["vehicleStatus"]) == ("111", "A")
    info = await witness.retained(broker, f"{NAME}/info")
    assert (info["ocppVersion"], info["registration"]) == (None, "Accepted")
    assert (info["boot"]["vendorName"], info["boot"]["model"]) == ("pulsatrix", "SECC")
    await witness.until_text(f"{NAME}/availability", "online")


async def test_codes_are_measured_and_the_controllers_name_is_translated(
    charging: SimulatedSecc, kind: str, witness: Witness
) -> None:
    state = await witness.until(f"{PLACE}/state", state="Charging")
    assert (state["iecSource"], state["vehicleStatus"], state["chargeControllerStatus"]) == (
        "secc",
        "C",
        "C2",
    )
    assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
    await charging.until_current(10)
    allocation = await witness.until_newest(
        f"{PLACE}/allocation", allocationSourceName="MQTT", offeredA=10, state="active"
    )
    assert allocation["computed"] == "MQTT"
    if kind != "mqtt":  # on MQTT it does not say who is in control
        reported = await witness.until_newest(f"{PLACE}/allocation", allocationSourceName="MQTT")
        assert reported["reported"]["allocationSourceName"] == OWN_NAME[kind]
        assert reported["reported"]["byUs"] is True


async def test_a_limit_takes_control_and_release_gives_it_back(
    charging: SimulatedSecc, kind: str, witness: Witness
) -> None:
    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)
    assert outcome(results) == DONE
    assert results[1]["data"] == {
        "requestedA": 10.0,
        "appliedA": 10.0,
        "binding": True,
        "allocationSourceName": "MQTT",
        "expiresAt": None,
    }
    await charging.until_current(10)
    witness.forget()
    assert outcome(await witness.ask("release", place=PLACE)) == DONE
    await charging.until_current(16)
    await witness.until(
        f"{PLACE}/allocation", allocationSourceName="Unmanaged", offeredA=32, state="released"
    )
    lease = charging.model.limits.mqtt if kind == "mqtt" else charging.model.limits.api
    assert lease.amps is None


async def test_a_pause_keeps_the_transaction_open_and_resume_goes_on(
    charging: SimulatedSecc, witness: Witness
) -> None:
    assert outcome(await witness.ask("limit", {"limitA": 12}, place=PLACE)) == DONE
    results = await witness.ask("pause", place=PLACE)
    assert (outcome(results), results[-1]["data"]["appliedA"]) == (DONE, 0)
    await charging.until_current(0)
    state = await witness.until(f"{PLACE}/state", state="SuspendedEVSE", offeredA=0)
    assert state["transactionId"] == charging.model.session.id
    witness.forget()
    assert outcome(await witness.ask("resume", place=PLACE)) == DONE
    await charging.until_current(12)
    await witness.until(f"{PLACE}/state", state="Charging", offeredA=12)
    events = witness.documents(f"{PLACE}/event/transaction")
    assert "Ended" not in {event["eventType"] for event in events}


async def test_what_its_api_has_not_is_unsupported_with_the_reason(
    charging: SimulatedSecc, witness: Witness
) -> None:
    for name, body in (
        ("stop", None),
        ("unlock", None),
        ("reset", {"type": "Immediate"}),
        ("availability", {"operative": False}),
        ("trigger", {"message": "StatusNotification"}),
    ):
        results = await witness.ask(name, body, place=PLACE)
        assert outcome(results) == [("accepted", "ok"), ("rejected", "unsupported")]
        assert "charge controller's own API" in results[-1]["error"]["message"]


async def test_phases_are_switched_where_the_api_can(
    charging: SimulatedSecc, kind: str, witness: Witness
) -> None:
    results = await witness.ask("phases", {"phases": 1}, place=PLACE)
    if kind != "websocket":
        assert outcome(results)[-1] == ("rejected", "phase_switch_blocked")
        return
    assert outcome(results)[-1] == ("done", "ok")
    await charging.until(lambda seen: seen.phases == 1 and seen.current_a == 16)
    await witness.until(f"{PLACE}/secc", onePhaseLimitActive=True, phaseLimitSourceName="MQTT")


async def test_a_lease_of_the_controller_is_renewed_and_not_left_behind(
    secc: SimulatedSecc, bridge: Bridge, witness: Witness, kind: str
) -> None:
    await witness.until(f"{PLACE}/state", state="Idle")
    assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE)) == DONE
    lease = secc.model.limits.mqtt if kind == "mqtt" else secc.model.limits.api
    assert (lease.amps, lease.enabled, lease.timeout_ms) == (8.0, True, 300_000)
    await witness.ask("release", place=PLACE)
    assert lease.amps is None
