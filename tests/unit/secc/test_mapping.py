"""From readings to reports: whose word counts, how long codes have been so, readings as samples."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from bridge.domain.enums import ControllerStatus, Phase, SeccState, VehicleStatus
from bridge.secc.mapping import Circumstances, Dwell, news_of, report_of, state_of
from bridge.secc.payloads import Reading

NOW: Final = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)


def circumstances(**changes: Any) -> Circumstances:
    known: dict[str, Any] = {
        "now": NOW,
        "own_name": "API",
        "switches_phases": True,
        "limits_kept": True,
        "first": False,
    }
    return Circumstances(**{**known, **changes})


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (
            {"state": SeccState.RESERVED, "controller_status": ControllerStatus.CHARGING},
            "Reserved",
        ),
        ({"phase": Phase.LINGERING, "controller_status": ControllerStatus.CHARGING}, "Finishing"),
        ({"phase": Phase.AWAITING_START}, "SuspendedEVSE"),
        ({"phase": Phase.RESERVED}, "Reserved"),
        ({"controller_status": ControllerStatus.CHARGE_REQUEST}, "SuspendedEVSE"),
        ({"vehicle_status": VehicleStatus.CONNECTED}, "SuspendedEVSE"),
        ({"vehicle_status": VehicleStatus.CHARGE_REQUEST}, "Charging"),
        ({}, None),
    ],
)
def test_its_own_state_counts_before_what_codes_amount_to(
    said: dict[str, Any], state: str | None
) -> None:
    assert state_of(Reading(**said), NOW) == state


def after(code: ControllerStatus, seconds: float, amps: float = 0.0) -> SeccState | None:
    """Return the state after a code has been told for so long, with this current."""
    reading = Reading(controller_status=code, amperage_a=(amps, amps, amps))
    dwell = Dwell().after(reading, NOW)
    later = NOW + timedelta(seconds=seconds)
    dwell = dwell.after(reading, later)
    return state_of(reading, later, dwell)


def test_a_grant_without_current_is_suspended_by_the_ev_after_a_minute() -> None:
    assert after(ControllerStatus.CHARGING, 59) is SeccState.CHARGING
    assert after(ControllerStatus.CHARGING, 61) is SeccState.SUSPENDED_EV
    assert after(ControllerStatus.CHARGING, 61, amps=6.0) is SeccState.CHARGING


def test_a_restart_that_takes_more_than_a_minute_is_a_fault() -> None:
    assert after(ControllerStatus.RESTART, 59) is SeccState.UNAVAILABLE
    assert after(ControllerStatus.RESTART, 61) is SeccState.FAULTED


def test_readings_become_samples() -> None:
    reading = Reading(
        energy_wh=1234.0,
        power_w=11040.0,
        voltage_v=(230.1234, None, 229.0),
        amperage_a=(16.0, 16.0, 16.0),
        frequency_hz=50.0,
        signaled_a=16.0,
    )
    (value,) = report_of(reading, circumstances()).meter_values
    assert value.timestamp == NOW
    found = {(s.measurand, s.phase): (s.value, s.unit) for s in value.sampled_values}
    assert found["Energy.Active.Import.Register", None] == (1234.0, "Wh")
    assert found["Voltage", "L1"] == (230.123, "V")
    assert ("Voltage", "L2") not in found
    assert found["Current.Offered", None] == (16.0, "A")
    assert len(found) == 9
    assert report_of(Reading(), circumstances()).meter_values == ()


@pytest.mark.parametrize(
    ("name", "own", "ours"),
    [("API", "API", True), ("api", "API", True), ("MQTT", "API", False), ("Team", "API", False)],
)
def test_whether_it_names_the_way_that_the_bridge_writes(name: str, own: str, ours: bool) -> None:
    report = report_of(Reading(source_name=name), circumstances(own_name=own))
    assert report.own_source is ours


def test_phases_can_be_switched_where_relays_and_api_can() -> None:
    can = {"switches_phases": True}
    assert report_of(Reading(phase_shutoff=True), circumstances(**can)).phase_switching is True
    assert report_of(Reading(), circumstances(**can)).phase_switching is True
    assert report_of(Reading(phase_shutoff=False), circumstances(**can)).phase_switching is False
    cannot = circumstances(switches_phases=False)
    assert report_of(Reading(phase_shutoff=True), cannot).phase_switching is False


def test_a_fault_has_its_cause_and_nothing_else_has() -> None:
    fault = Reading(state=SeccState.FAULTED, error_cause="CpShortCircuit")
    assert report_of(fault, circumstances()).error_cause == "CpShortCircuit"
    over = Reading(state=SeccState.CHARGING, error_cause="CpShortCircuit")
    assert report_of(over, circumstances()).error_cause is None
    diode = Reading(controller_status=ControllerStatus.DIODE_FAIL)
    assert report_of(diode, circumstances()).error_cause == "EVCommunicationError"


def test_time_and_readings_alone_are_no_news() -> None:
    first = report_of(Reading(energy_wh=1.0, available_a=16.0), circumstances(first=True))
    second = report_of(
        Reading(energy_wh=2.0, available_a=16.04), circumstances(now=NOW + timedelta(seconds=5))
    )
    assert news_of(first) == news_of(second)
    third = report_of(Reading(energy_wh=2.0, available_a=15.0), circumstances())
    assert news_of(first) != news_of(third)


def test_who_has_a_lower_limit_and_is_not_named_is_none_of_the_bridges() -> None:
    report = report_of(Reading(available_a=7.0), circumstances(own_name="MQTT", undercut=True))
    assert (report.source_name, report.own_source) == ("OCPP Profile", False)
