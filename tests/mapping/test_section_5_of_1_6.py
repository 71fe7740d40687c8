"""Section 5: what OCPP 1.6 says without a triggerReason, as one of OCPP 2.x."""

from typing import Any

import pytest

from bridge.domain.commands import Start
from bridge.domain.events import IdToken
from tests.mapping.charger import Charger16, Step
from tests.unit.domain.builders import REJECTED, command

PREPARING: Step = ("status", "Preparing")
AUTHORIZE: Step = ("authorize",)
START: Step = ("start",)


def remote_start(told: Charger16, tag: str = "TAG1", evse_id: int = 1) -> None:
    """Have the bridge ask for a transaction."""
    arguments = Start(id_token=IdToken(value=tag, type="Central"))
    told.tell(command(arguments, f"c{len(told.calls)}", evse_id=evse_id, at=told.now))


def accepted_start(told: Charger16, **more: Any) -> None:
    remote_start(told, **more)
    told.answer()


STARTS: list[tuple[str, tuple[Step, ...], str]] = [
    # label, what comes before StartTransaction and itself, startReason
    ("Preparing last", (AUTHORIZE, PREPARING, START), "CablePluggedIn"),
    ("Authorize last", (PREPARING, AUTHORIZE, START), "Authorized"),
    ("Preparing only", (PREPARING, START), "CablePluggedIn"),
    ("Authorize only", (AUTHORIZE, START), "Authorized"),
    ("neither", (START,), "Authorized"),
    ("Authorize of another idTag", (PREPARING, ("authorize", "TAG2"), START), "CablePluggedIn"),
]


@pytest.mark.parametrize(("steps", "reason"), [r[1:] for r in STARTS], ids=[r[0] for r in STARTS])
def test_the_start_reason(steps: tuple[Step, ...], reason: str) -> None:
    told = Charger16()
    told.status("Available")
    told.play(*steps)
    assert told.secc["startReason"] == reason
    assert told.published("transaction")[0]["triggerReason"] == reason
    assert told.published("transaction")[0]["warnings"] == []


def test_a_reservation_is_authorized() -> None:
    told = Charger16()
    told.start(reservationId=7)
    assert told.secc["startReason"] == "Authorized"


@pytest.mark.parametrize(
    ("evse_id", "tag", "pause", "reason"),
    [
        pytest.param(1, "TAG1", 0, "RemoteStart", id="accepted, same connector and idTag"),
        pytest.param(1, "tag1", 0, "RemoteStart", id="an idTag has no case"),
        pytest.param(0, "TAG1", 0, "RemoteStart", id="accepted for any connector"),
        pytest.param(1, "TAG1", 118, "RemoteStart", id="120 s before"),
        pytest.param(1, "TAG1", 120, "CablePluggedIn", id="longer before"),
        pytest.param(1, "TAG2", 0, "CablePluggedIn", id="another idTag"),
    ],
)
def test_a_remote_start_that_was_accepted(
    evse_id: int, tag: str, pause: float, reason: str
) -> None:
    told = Charger16()
    told.play(("status", "Available"), PREPARING)
    accepted_start(told, tag=tag, evse_id=evse_id)
    told.wait(pause)
    told.start()
    assert told.secc["startReason"] == reason
    assert (told.transaction["remoteStartId"] is not None) is (reason == "RemoteStart")


def test_a_remote_start_that_was_refused_starts_nothing() -> None:
    told = Charger16()
    told.play(("status", "Available"), PREPARING)
    remote_start(told)
    told.answer(REJECTED)
    told.start()
    assert told.secc["startReason"] == "CablePluggedIn"


def test_a_remote_start_waits_for_the_cable_and_counts_once() -> None:
    told = Charger16()
    told.status("Available")
    accepted_start(told)
    told.status("Preparing")
    assert told.row == ("Idle", "awaiting_start", "A", "A1")
    told.start()
    told.stop(reason="EVDisconnected")
    told.play(("status", "Available"), PREPARING)
    assert told.row == ("SuspendedEVSE", "awaiting_authorization", "B", "B1")


def test_a_status_is_a_charging_state_changed() -> None:
    told = Charger16()
    told.play(PREPARING, START, ("status", "Charging"), ("status", "SuspendedEV"))
    triggers = [event["triggerReason"] for event in told.published("transaction")]
    assert triggers == ["CablePluggedIn", "ChargingStateChanged", "ChargingStateChanged"]


CONTEXTS = [
    # context of MeterValues, triggerReason
    ("Sample.Periodic", "MeterValuePeriodic"),
    ("Sample.Clock", "MeterValueClock"),
    ("Trigger", "Trigger"),
    ("Other", "AbnormalCondition"),
    ("Interruption.Begin", "AbnormalCondition"),
    ("Interruption.End", "AbnormalCondition"),
    ("Transaction.Begin", "MeterValuePeriodic"),
    ("Transaction.End", "MeterValuePeriodic"),
    (None, "MeterValuePeriodic"),
]


@pytest.mark.parametrize(
    ("context", "trigger"), CONTEXTS, ids=[row[0] or "omitted" for row in CONTEXTS]
)
def test_the_context_of_readings(context: str | None, trigger: str) -> None:
    told = Charger16()
    told.charge()
    told.measure({"value": "1500", **({} if context is None else {"context": context})})
    event = told.published("transaction")[-1]
    assert (event["eventType"], event["triggerReason"]) == ("Updated", trigger)
    assert told.row == ("Charging", "charging", "C", "C2")
    assert told.published("fault") == []


STOPS: list[tuple[str | None, str, str]] = [
    # reason of OCPP 1.6, stopReason, triggerReason
    ("DeAuthorized", "DeAuthorized", "Deauthorized"),
    ("EmergencyStop", "EmergencyStop", "AbnormalCondition"),
    ("EVDisconnected", "EVDisconnected", "EVCommunicationLost"),
    ("HardReset", "ImmediateReset", "ResetCommand"),
    ("SoftReset", "ImmediateReset", "ResetCommand"),
    ("Local", "Local", "StopAuthorized"),
    (None, "Local", "StopAuthorized"),
    ("Other", "Other", "AbnormalCondition"),
    ("PowerLoss", "PowerLoss", "AbnormalCondition"),
    ("Reboot", "Reboot", "ResetCommand"),
    ("Remote", "Remote", "RemoteStop"),
    ("UnlockCommand", "Remote", "UnlockCommand"),
    ("deauthorized", "DeAuthorized", "Deauthorized"),
    ("evdisconnected", "EVDisconnected", "EVCommunicationLost"),
    ("NobodyKnows", "Other", "AbnormalCondition"),
]


@pytest.mark.parametrize(
    ("reason", "stop_reason", "trigger"), STOPS, ids=[row[0] or "omitted" for row in STOPS]
)
def test_the_reason_of_a_stop(reason: str | None, stop_reason: str, trigger: str) -> None:
    told = Charger16()
    told.charge()
    more: dict[str, Any] = {} if reason is None else {"reason": reason}
    told.stop(**more)
    event = told.published("transaction")[-1]
    assert (event["eventType"], event["triggerReason"]) == ("Ended", trigger)
    assert event["transaction"]["stoppedReason"] == stop_reason
    assert told.secc["stopReason"] == stop_reason
    assert told.transaction["stoppedReason"] == stop_reason
    assert told.plugged is (stop_reason != "EVDisconnected")


@pytest.mark.parametrize(
    ("error", "stop_reason"),
    [
        ("GroundFailure", "GroundFault"),
        ("OverCurrentFailure", "OvercurrentFault"),
        ("WeakSignal", "Other"),
    ],
)
def test_other_is_told_more_exactly_by_the_error_of_the_connector(
    error: str, stop_reason: str
) -> None:
    told = Charger16()
    told.play(("charge",), ("status", "Faulted", error))
    told.stop(reason="Other")
    assert told.secc["stopReason"] == stop_reason
    assert told.row == ("Faulted", "failed", "F", "F1")
