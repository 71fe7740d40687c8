"""Sections 2 and 3b: what a charge controller (SECC) tells, as pure tables."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.enums import ControllerStatus, Phase, SeccState, VehicleStatus
from bridge.domain.iec61851 import STATE_OF_PHASE, derived

SECTION_2 = [
    # tx/status.state, phase, state
    ("IDLE", "idle", "Idle"),
    ("AWAITING_START", "awaiting_start", "SuspendedEVSE"),
    ("AWAITING_AUTHORIZATION", "awaiting_authorization", "SuspendedEVSE"),
    ("STARTING", "starting", "SuspendedEVSE"),
    ("SUSPENDED_EVSE", "suspended_evse", "SuspendedEVSE"),
    ("SUSPENDED_EV", "suspended_ev", "SuspendedEV"),
    ("CHARGING", "charging", "Charging"),
    ("FAILED", "failed", "Faulted"),
    ("STOPPED", "stopped", "Finishing"),
    ("LINGERING", "lingering", "Finishing"),
    ("COMPLETED", "completed", "Idle"),
]


@pytest.mark.parametrize(("told", "phase", "state"), SECTION_2, ids=[row[0] for row in SECTION_2])
def test_section_2_a_state_of_its_transaction(told: str, phase: str, state: str) -> None:
    read = Phase.read(told)
    assert read is not None
    assert (read.value, STATE_OF_PHASE[read].value) == (phase, state)


def test_section_2_is_complete() -> None:
    assert [phase.value for phase in STATE_OF_PHASE] == [row[1] for row in SECTION_2]


SECTION_3B: list[tuple[str, dict[str, Any], tuple[str, str, str | None, str, str]]] = [
    # chargeControllerStatus, circumstances,
    # (vehicleStatus, state, 2.x chargingState, ConnectorStatus, 1.6 status)
    ("A1", {}, ("A", "Idle", "Idle", "Available", "Available")),
    ("B1", {}, ("B", "SuspendedEVSE", "EVConnected", "Occupied", "Preparing")),
    (
        "B1",
        {"energy_flowed": True},
        ("B", "SuspendedEVSE", "SuspendedEVSE", "Occupied", "SuspendedEVSE"),
    ),
    ("B2", {}, ("B", "SuspendedEV", "SuspendedEV", "Occupied", "SuspendedEV")),
    ("C1", {}, ("C", "SuspendedEVSE", "SuspendedEVSE", "Occupied", "SuspendedEVSE")),
    ("C2", {}, ("C", "Charging", "Charging", "Occupied", "Charging")),
    (
        "C2",
        {"no_current_for": timedelta(seconds=60)},
        ("C", "Charging", "Charging", "Occupied", "Charging"),
    ),
    (
        "C2",
        {"no_current_for": timedelta(seconds=61)},
        ("C", "SuspendedEV", "Charging", "Occupied", "Charging"),
    ),
    ("D1", {}, ("D", "SuspendedEVSE", "SuspendedEVSE", "Occupied", "SuspendedEVSE")),
    ("D2", {}, ("D", "Charging", "Charging", "Occupied", "Charging")),
    ("E1", {}, ("E", "Faulted", "SuspendedEVSE", "Faulted", "Faulted")),
    ("F1", {}, ("F", "Faulted", "SuspendedEVSE", "Faulted", "Faulted")),
    ("S1", {}, ("S", "Unavailable", None, "Unavailable", "Unavailable")),
    (
        "S1",
        {"in_code_for": timedelta(seconds=61)},
        ("S", "Faulted", None, "Unavailable", "Unavailable"),
    ),
    ("R1", {}, ("R", "Faulted", "SuspendedEVSE", "Faulted", "Faulted")),
]


@pytest.mark.parametrize(
    ("code", "more", "row"), SECTION_3B, ids=[f"{row[0]} {'+'.join(row[1])}" for row in SECTION_3B]
)
def test_section_3b_a_code(
    code: str, more: dict[str, Any], row: tuple[str, str, str | None, str, str]
) -> None:
    found = derived(ControllerStatus(code), **more)
    assert (
        found.vehicle_status,
        found.state,
        found.charging_state,
        found.connector_status,
        found.point_status,
    ) == row


def test_section_3b_a_diode_fail_is_a_communication_error() -> None:
    codes = {code: derived(code).error_code for code in ControllerStatus}
    assert {code.value for code, error in codes.items() if error} == {"R1"}
    assert codes[ControllerStatus.DIODE_FAIL] == "EVCommunicationError"


def test_section_3b_all_11_and_8_codes_are_there() -> None:
    rows = [derived(code) for code in ControllerStatus]
    assert len(rows) == 11
    assert {row.vehicle_status for row in rows} == set(VehicleStatus)
    assert len(VehicleStatus) == 8


def test_section_3b_finishing_and_reserved_are_never_derived() -> None:
    every = {
        derived(code, no_current_for=timedelta(hours=1), in_code_for=timedelta(hours=1)).state
        for code in ControllerStatus
    } | {derived(code).state for code in ControllerStatus}
    assert set(SeccState) - every == {SeccState.FINISHING, SeccState.RESERVED}
