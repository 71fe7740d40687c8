"""Section 3: OCPP 2.0.1 and 2.1, TransactionEvent and StatusNotification."""

import pytest

from tests.mapping.charger import VERSIONS_2, Charger2, Row, Step

AVAILABLE: Step = ("status", "Available")
OCCUPIED: Step = ("status", "Occupied")
AUTHORIZE: Step = ("authorize",)
CHARGE: Step = ("charge",)
PLUGGED_IN = (AVAILABLE, OCCUPIED, ("event", "Started", "CablePluggedIn"))


def updated(charging_state: str | None, trigger: str = "ChargingStateChanged") -> Step:
    info = {} if charging_state is None else {"chargingState": charging_state}
    return ("event", "Updated", trigger, info)


def started(charging_state: str, trigger: str, token: str | None = None) -> Step:
    return ("event", "Started", trigger, {"chargingState": charging_state}, token)


def ended(reason: str, trigger: str = "StopAuthorized") -> Step:
    return ("event", "Ended", trigger, {"stoppedReason": reason})


ROWS: list[tuple[str, tuple[Step, ...], Row, bool | None]] = [
    # label, what happens, (state, phase, vehicleStatus, controller), plugged
    ("no tx / Available", (AVAILABLE,), ("Idle", "idle", "A", "A1"), False),
    (
        "no tx / Occupied, no token",
        (AVAILABLE, OCCUPIED),
        ("SuspendedEVSE", "awaiting_authorization", "B", "B1"),
        True,
    ),
    (
        "no tx / Occupied, authorised after",
        (AVAILABLE, OCCUPIED, AUTHORIZE),
        ("SuspendedEVSE", "awaiting_start", "B", "B1"),
        True,
    ),
    (
        "no tx / Occupied, authorised before",
        (AVAILABLE, AUTHORIZE, OCCUPIED),
        ("SuspendedEVSE", "awaiting_start", "B", "B1"),
        True,
    ),
    ("no tx / Reserved", (("status", "Reserved"),), ("Reserved", "reserved", "A", "A1"), None),
    (
        "no tx / Unavailable, nothing known before",
        (("status", "Unavailable"),),
        ("Unavailable", "unavailable", "S", None),
        None,
    ),
    (
        "no tx / Unavailable, last",
        (AVAILABLE, ("status", "Unavailable")),
        ("Unavailable", "unavailable", "A", None),
        False,
    ),
    ("no tx / Faulted", (("status", "Faulted"),), ("Faulted", "faulted", "F", "F1"), None),
    (
        "tx / Faulted",
        (CHARGE, ("status", "Faulted")),
        ("Faulted", "faulted", "F", "F1"),
        True,
    ),
    (
        "Started EVConnected, authorised",
        (OCCUPIED, started("EVConnected", "Authorized", "TAG1")),
        ("SuspendedEVSE", "starting", "B", "B1"),
        True,
    ),
    (
        "Started EVConnected, no token",
        (OCCUPIED, started("EVConnected", "CablePluggedIn")),
        ("SuspendedEVSE", "awaiting_authorization", "B", "B1"),
        True,
    ),
    (
        "Updated EVConnected, authorised",
        (*PLUGGED_IN, ("event", "Updated", "Authorized", {"chargingState": "EVConnected"}, "T")),
        ("SuspendedEVSE", "starting", "B", "B1"),
        True,
    ),
    (
        "Updated EVConnected, no token",
        (*PLUGGED_IN, updated("EVConnected")),
        ("SuspendedEVSE", "awaiting_authorization", "B", "B1"),
        True,
    ),
    (
        "Idle / Available, before plug",
        (AVAILABLE, started("Idle", "Authorized", "TAG1")),
        ("Idle", "awaiting_start", "A", "A1"),
        False,
    ),
    (
        "Idle / Occupied, before plug (ParkingBayOccupancy)",
        (AVAILABLE, started("Idle", "EVDetected"), OCCUPIED),
        ("Idle", "awaiting_start", "A", "A1"),
        False,
    ),
    (
        "Idle / Available, after plug was seen",
        (CHARGE, updated("Idle", "EVCommunicationLost"), AVAILABLE),
        ("Finishing", "lingering", "A", "A1"),
        False,
    ),
    (
        "Idle / Occupied, after plug was seen",
        (CHARGE, updated("Idle")),
        ("Finishing", "lingering", "A", "A1"),
        False,
    ),
    (
        "Charging",
        (*PLUGGED_IN, updated("Charging")),
        ("Charging", "charging", "C", "C2"),
        True,
    ),
    (
        "SuspendedEV",
        (*PLUGGED_IN, updated("SuspendedEV")),
        ("SuspendedEV", "suspended_ev", "B", "B2"),
        True,
    ),
    (
        "SuspendedEVSE",
        (*PLUGGED_IN, updated("SuspendedEVSE")),
        ("SuspendedEVSE", "suspended_evse", "B", "B1"),
        True,
    ),
    (
        "Updated without chargingState",
        (CHARGE, updated(None, "MeterValuePeriodic")),
        ("Charging", "charging", "C", "C2"),
        True,
    ),
    (
        "Ended, EV still plugged",
        (CHARGE, ended("Local")),
        ("Finishing", "stopped", "B", "B1"),
        True,
    ),
    (
        "Ended, EV still plugged, until Available",
        (CHARGE, ended("Local"), AVAILABLE, ("wait", 1)),
        ("Idle", "idle", "A", "A1"),
        False,
    ),
    (
        "Ended, EV gone, StatusNotification a second later",
        (CHARGE, ended("EVDisconnected", "EVCommunicationLost"), AVAILABLE),
        ("Idle", "idle", "A", "A1"),
        False,
    ),
    (
        "Ended, EV gone, StatusNotification first",
        (CHARGE, updated("Idle"), AVAILABLE, ended("EVDisconnected", "EVCommunicationLost")),
        ("Idle", "completed", "A", "A1"),
        False,
    ),
    (
        "Ended, EV gone, completed for a second",
        (CHARGE, ended("EVDisconnected", "EVCommunicationLost"), ("wait", 0.9)),
        ("Idle", "completed", "A", "A1"),
        False,
    ),
    (
        "Ended, EV gone, then idle",
        (CHARGE, ended("EVDisconnected", "EVCommunicationLost"), ("wait", 1)),
        ("Idle", "idle", "A", "A1"),
        False,
    ),
    (
        "Ended, Faulted",
        (CHARGE, ("status", "Faulted"), ended("GroundFault", "AbnormalCondition")),
        ("Faulted", "failed", "F", "F1"),
        True,
    ),
]


@pytest.mark.parametrize("version", VERSIONS_2)
@pytest.mark.parametrize(
    ("steps", "row", "plugged"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_a_row(version: str, steps: tuple[Step, ...], row: Row, plugged: bool | None) -> None:
    told = Charger2(version)
    told.play(*steps)
    assert told.row == row
    assert told.plugged is plugged
    assert told.state["charging"] is (row[0] == "Charging")
    assert told.state["iecSource"] == "derived"


def test_a_fault_keeps_the_transaction_open() -> None:
    told = Charger2()
    told.play(CHARGE, ("status", "Faulted"))
    assert told.transaction["active"] is True
    assert told.state["transactionId"] == "T1"
    told.play(OCCUPIED)
    assert told.row == ("Charging", "charging", "C", "C2")


def test_a_token_that_nobody_uses_is_forgotten() -> None:
    told = Charger2()
    told.play(AVAILABLE, OCCUPIED, AUTHORIZE, ("wait", 119))
    assert told.state["phase"] == "awaiting_start"
    told.wait(1)
    assert told.state["phase"] == "awaiting_authorization"


def test_a_token_is_used_once() -> None:
    told = Charger2()
    told.play(AVAILABLE, AUTHORIZE, OCCUPIED, started("Charging", "Authorized", "tag1"))
    told.play(ended("EVDisconnected", "EVCommunicationLost"), AVAILABLE, OCCUPIED)
    assert told.state["phase"] == "awaiting_authorization"


def test_the_token_that_ended_a_transaction_begins_no_other() -> None:
    told = Charger2()
    told.play(CHARGE, AUTHORIZE, ended("Local"), AVAILABLE, OCCUPIED)
    assert told.state["phase"] == "awaiting_authorization"


def test_an_operation_mode_of_2_1_is_shown() -> None:
    told = Charger2("2.1")
    told.charge()
    assert told.state["ocpp"]["operationMode"] is None
    info = {"chargingState": "Charging", "operationMode": "CentralSetpoint"}
    told.event("Updated", "OperationModeChanged", info)
    told.event("Updated", "MeterValuePeriodic")
    assert told.state["ocpp"]["operationMode"] == "CentralSetpoint"
    told.play(ended("Local"))
    assert told.state["ocpp"]["operationMode"] is None


@pytest.mark.parametrize("version", VERSIONS_2)
def test_started_time_is_the_first_charging_and_started_at_the_started(version: str) -> None:
    told = Charger2(version)
    told.play(*PLUGGED_IN)
    began = told.transaction["startedAt"]
    assert told.secc["startedTime"] == 0
    charges_at = told.now
    told.play(updated("Charging"), updated("SuspendedEV"), updated("Charging"))
    assert told.secc["startedTime"] == int(charges_at.timestamp())
    assert told.transaction["startedAt"] == began
    assert told.transaction["chargingStartedAt"] > began


@pytest.mark.parametrize("version", VERSIONS_2)
def test_where_it_never_charged_started_time_is_that_of_started(version: str) -> None:
    told = Charger2(version)
    began = told.now
    told.play(("event", "Started", "CablePluggedIn"), ended("Timeout", "EVConnectTimeout"))
    assert told.secc["startedTime"] == int(began.timestamp())
    assert told.transaction["chargingStartedAt"] is None
