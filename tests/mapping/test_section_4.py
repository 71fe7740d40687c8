"""Section 4: OCPP 1.6, ChargePointStatus and ChargePointErrorCode."""

import pytest
from ocpp.v16.enums import ChargePointErrorCode

from tests.mapping.charger import Charger16, Row, Step

AVAILABLE: Step = ("status", "Available")
PREPARING: Step = ("status", "Preparing")
AUTHORIZE: Step = ("authorize",)
CHARGE: Step = ("charge",)

ROWS: list[tuple[str, tuple[Step, ...], Row, bool | None]] = [
    # label, what happens, (state, phase, vehicle, ctrl), plugged
    ("Available", (AVAILABLE,), ("Idle", "idle", "A", "A1"), False),
    (
        "Preparing, cable",
        (AVAILABLE, PREPARING),
        ("SuspendedEVSE", "awaiting_authorization", "B", "B1"),
        True,
    ),
    (
        "Preparing, cable and then tag",
        (AVAILABLE, PREPARING, AUTHORIZE),
        ("SuspendedEVSE", "awaiting_start", "B", "B1"),
        True,
    ),
    (
        "Preparing, tag only",
        (AVAILABLE, AUTHORIZE, PREPARING),
        ("Idle", "awaiting_start", "A", "A1"),
        False,
    ),
    (
        "Preparing, tag and then cable: the transaction shows it",
        (AVAILABLE, AUTHORIZE, PREPARING, ("start",)),
        ("SuspendedEVSE", "starting", "B", "B1"),
        True,
    ),
    (
        "Preparing, tag only, and nothing came of it",
        (AVAILABLE, AUTHORIZE, PREPARING, ("wait", 60), AVAILABLE),
        ("Idle", "idle", "A", "A1"),
        False,
    ),
    (
        "Preparing still when no tag waits any more: it was the cable",
        (AVAILABLE, AUTHORIZE, PREPARING, ("wait", 119)),
        ("SuspendedEVSE", "awaiting_authorization", "B", "B1"),
        True,
    ),
    ("Charging", (("status", "Charging"),), ("Charging", "charging", "C", "C2"), True),
    (
        "SuspendedEVSE",
        (("status", "SuspendedEVSE"),),
        ("SuspendedEVSE", "suspended_evse", "B", "B1"),
        True,
    ),
    (
        "SuspendedEV",
        (("status", "SuspendedEV"),),
        ("SuspendedEV", "suspended_ev", "B", "B2"),
        True,
    ),
    ("Finishing", (("status", "Finishing"),), ("Finishing", "stopped", "B", "B1"), True),
    ("Reserved", (("status", "Reserved"),), ("Reserved", "reserved", "A", "A1"), None),
    (
        "Unavailable, nothing known before",
        (("status", "Unavailable"),),
        ("Unavailable", "unavailable", "S", None),
        None,
    ),
    (
        "Unavailable, last",
        (AVAILABLE, ("status", "Unavailable")),
        ("Unavailable", "unavailable", "A", None),
        False,
    ),
    (
        "Faulted",
        (("status", "Faulted", "InternalError"),),
        ("Faulted", "faulted", "F", "F1"),
        None,
    ),
]

IN_A_TRANSACTION: list[tuple[str, str, Row, bool]] = [
    # status, chargingState that it means, (state, phase, vehicle, ctrl), plugged
    ("Available", "Idle", ("Finishing", "lingering", "A", "A1"), False),
    ("Preparing", "EVConnected", ("SuspendedEVSE", "starting", "B", "B1"), True),
    ("Charging", "Charging", ("Charging", "charging", "C", "C2"), True),
    ("SuspendedEVSE", "SuspendedEVSE", ("SuspendedEVSE", "suspended_evse", "B", "B1"), True),
    ("SuspendedEV", "SuspendedEV", ("SuspendedEV", "suspended_ev", "B", "B2"), True),
    ("Finishing", "SuspendedEVSE", ("SuspendedEVSE", "suspended_evse", "B", "B1"), True),
    ("Reserved", "Charging", ("Charging", "charging", "C", "C2"), True),
    ("Unavailable", "Charging", ("Charging", "charging", "C", "C2"), True),
    ("Faulted", "Charging", ("Faulted", "faulted", "F", "F1"), True),
]

ERROR_CODES = [
    # errorCode, cause
    ("ConnectorLockFailure", None),
    ("EVCommunicationError", "IEC61851EvDisconnect"),
    ("GroundFailure", None),
    ("HighTemperature", None),
    ("InternalError", None),
    ("LocalListConflict", None),
    ("OtherError", None),
    ("OverCurrentFailure", "SignalledAmperageExceeded"),
    ("OverVoltage", None),
    ("PowerMeterFailure", None),
    ("PowerSwitchFailure", None),
    ("ReaderFailure", None),
    ("ResetFailure", None),
    ("UnderVoltage", None),
    ("WeakSignal", None),
]


@pytest.mark.parametrize(
    ("steps", "row", "plugged"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_a_row(steps: tuple[Step, ...], row: Row, plugged: bool | None) -> None:
    told = Charger16()
    told.play(*steps)
    assert told.row == row
    assert told.plugged is plugged
    assert told.state["charging"] is (row[0] == "Charging")


@pytest.mark.parametrize(
    ("status", "charging_state", "row", "plugged"),
    IN_A_TRANSACTION,
    ids=[r[0] for r in IN_A_TRANSACTION],
)
def test_a_status_in_a_transaction(
    status: str, charging_state: str, row: Row, plugged: bool
) -> None:
    told = Charger16()
    told.charge()
    told.status(status)
    assert told.transaction["chargingState"] == charging_state
    assert (told.row, told.plugged) == (row, plugged)


def test_finishing_after_the_end_lasts_until_available() -> None:
    told = Charger16()
    told.play(CHARGE, ("stop",))
    assert told.row == ("Finishing", "stopped", "B", "B1")
    told.status("Finishing")
    assert told.row == ("Finishing", "stopped", "B", "B1")
    told.play(AVAILABLE, ("wait", 1))
    assert told.row == ("Idle", "idle", "A", "A1")


def test_a_tag_for_another_connector_does_not_hide_the_cable_for_ever() -> None:
    told = Charger16()
    told.play(AVAILABLE, AUTHORIZE, PREPARING)
    assert told.plugged is False
    told.send(
        "StartTransaction",
        {"connectorId": 2, "idTag": "TAG1", "meterStart": 0, "timestamp": told.time},
    )
    assert told.row == ("SuspendedEVSE", "awaiting_authorization", "B", "B1")


@pytest.mark.parametrize(("error", "cause"), ERROR_CODES, ids=[row[0] for row in ERROR_CODES])
def test_an_error_code_of_a_faulted_connector(error: str, cause: str | None) -> None:
    told = Charger16()
    told.status("Faulted", error)
    assert told.state["ocpp"]["errorCode"] == error
    assert told.row == ("Faulted", "faulted", "F", "F1")
    (fault,) = told.published("fault")
    assert (fault["code"], fault["message"]) == (
        "connector_faulted",
        f"connector 1 is faulted: {error}",
    )
    assert fault["details"] == {"connector": 1, "errorCode": error, "cause": cause}


@pytest.mark.parametrize(("error", "cause"), ERROR_CODES, ids=[row[0] for row in ERROR_CODES])
def test_an_error_code_of_a_connector_that_is_not_faulted_is_a_warning(
    error: str, cause: str | None
) -> None:
    told = Charger16()
    told.charge()
    told.status("Charging", error)
    told.status("Charging", error)
    assert told.row == ("Charging", "charging", "C", "C2")
    assert told.state["ocpp"]["errorCode"] == error
    (fault,) = told.published("fault")
    assert (fault["code"], fault["details"]["cause"]) == ("connector_warning", cause)
    told.status("Charging")
    assert told.state["ocpp"]["errorCode"] is None
    assert len(told.published("fault")) == 1


def test_all_error_codes_are_there() -> None:
    known = [error for error, _ in ERROR_CODES]
    assert sorted([*known, "NoError"]) == sorted(code.value for code in ChargePointErrorCode)


def test_connector_0_is_the_station_and_no_evse() -> None:
    told = Charger16()
    told.status("Available")
    told.status("Faulted", "InternalError", 0)
    assert list(told.station.evses) == [1]
    assert told.row == ("Idle", "idle", "A", "A1")
