"""Limits that others have set at the station: source `OCPP Profile`."""

from datetime import timedelta
from typing import Any, Final

import pytest

from bridge.domain import external
from bridge.domain.allocation import Supply
from bridge.domain.control import ChangeReason
from bridge.domain.enums import AllocationSource
from bridge.domain.events import ClearedChargingLimit, MeterValues, NotifyChargingLimit
from bridge.domain.model import Evse, Station
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.domain.upkeep import next_deadline
from tests.unit.domain.builders import T0, Told, charging, readings, ready, sample, updated

SUPPLY: Final = Supply(voltage_v=230.0, phases=3)
STATION: Final = charging().station
MAX: Final = "ChargingStationMaxProfile"
EXTERNAL: Final = "ChargingStationExternalConstraints"
DEFAULT: Final = "TxDefaultProfile"
TX: Final = "TxProfile"


def amps(*periods: tuple[int, float], **more: Any) -> Schedule:
    steps = tuple(Period(start_seconds=start, limit=limit) for start, limit in periods)
    return Schedule(**{"unit": RateUnit.AMPERE, "periods": steps, **more})


def profile(
    limit_a: float, purpose: str = DEFAULT, level: int = 0, **more: Any
) -> ChargingProfile:
    more.setdefault("schedule", amps((0, limit_a), start_at=T0))
    return ChargingProfile(
        **{
            "profile_id": 7,
            "evse_id": 1,
            "purpose": purpose,
            "kind": "Absolute",
            "stack_level": level,
            **more,
        }
    )


def bound(*profiles: ChargingProfile, station: Station = STATION, evse_id: int = 1) -> list[float]:
    """Limits that these profiles put on an EVSE on which T1 charges."""
    evse = station.evses.get(evse_id, Evse(id=evse_id))
    station = replace(station, profiles=profiles)
    found = external.limits(station, evse, SUPPLY, T0 + timedelta(seconds=30))
    return [limit.limit_a for limit in found]


def others(told: Told) -> list[tuple[float, dict[str, Any]]]:
    """Others' limits in the allocation of EVSE 1."""
    limits = [x for x in told.allocation.limits if x.source is AllocationSource.OCPP_PROFILE]
    return [(limit.limit_a, dict(limit.detail or {})) for limit in limits]


def notified(limit_a: float | None = None, **more: Any) -> NotifyChargingLimit:
    schedules = () if limit_a is None else (amps((0, limit_a)),)
    return NotifyChargingLimit(**{"limit_source": "EMS", "schedules": schedules, **more})


# --- NotifyChargingLimit, ClearedChargingLimit


def test_a_notified_limit_binds_until_it_is_cleared() -> None:
    told = charging()
    told.tell(notified(10.0, grid_critical=True))
    assert told.in_control == ("OCPP Profile", 10.0, "released")
    assert others(told) == [(10.0, {"limitSource": "EMS", "gridCritical": True})]
    assert told.events[-1].cause.reason is ChangeReason.EXTERNAL_LIMIT
    told.tell(ClearedChargingLimit(limit_source="EMS"))
    assert told.in_control == ("Unmanaged", 32.0, "released")
    assert told.calls == []
    assert external.deadlines(told.station, told.now) == []


def test_without_a_schedule_it_is_only_known_that_there_is_a_limit() -> None:
    told = charging()
    told.tell(notified())
    assert told.in_control == ("Unmanaged", 32.0, "released")
    assert [known.limit_source for known in told.station.external_limits] == ["EMS"]


def test_a_limit_is_replaced_by_the_same_sources_next_one() -> None:
    told = charging()
    told.tell(notified(10.0))
    told.tell(notified(8.0, limit_source="SO"))
    told.tell(notified(12.0))
    assert [limit_a for limit_a, _ in others(told)] == [8.0, 12.0]
    assert told.allocation.offered_a == 8.0


def test_all_schedules_of_a_limit_hold() -> None:
    told = charging()
    told.tell(notified(schedules=(amps((0, 12.0)), amps((0, 10.0), start_at=T0))))
    assert [limit_a for limit_a, _ in others(told)] == [10.0, 12.0]
    told.tell(notified(11.0))
    assert [limit_a for limit_a, _ in others(told)] == [11.0]


def test_a_limit_of_one_evse_is_none_of_another() -> None:
    told = ready(evses=2)
    told.tell(notified(10.0, evse_id=2))
    assert told.allocation.offered_a == 32.0
    held = told.evse(2).allocation
    assert held is not None
    assert held.offered_a == 10.0
    told.tell(ClearedChargingLimit(limit_source="EMS", evse_id=1))
    assert told.station.external_limits != ()
    told.tell(ClearedChargingLimit(limit_source="EMS", evse_id=2))
    assert told.station.external_limits == ()


def test_clearing_what_is_not_there_changes_nothing() -> None:
    told = charging()
    before = told.station
    told.tell(ClearedChargingLimit(limit_source="SO"))
    assert told.station is before


def test_watts_are_converted_with_the_phases_in_use() -> None:
    told = charging()
    told.tell(notified(schedules=(amps((0, 6900.0), unit=RateUnit.WATT),)))
    assert told.allocation.offered_a == 10.0
    one_phase = readings(sample("Current.Import", 16.0, "L1"), at=told.now)
    told.tell(updated(1, told.now, meter_values=(one_phase,)))
    assert told.allocation.offered_a == 30.0


def test_no_more_limits_are_kept_than_a_station_can_have() -> None:
    told = charging()
    told.tell(notified(schedules=tuple(amps((0, float(a))) for a in range(40))))
    assert len(told.station.external_limits) == external.MAX_EXTERNAL_LIMITS


# --- In time


def test_a_notified_schedule_counts_from_its_coming_and_changes_in_time() -> None:
    told = charging()
    told.tell(notified(schedules=(amps((0, 10.0), (60, 16.0), duration_seconds=120),)))
    assert next_deadline(told.station, told.now) == told.now + timedelta(seconds=60)
    told.tick(60)
    assert told.in_control == ("OCPP Profile", 16.0, "released")
    told.tick(60)
    assert told.in_control == ("Unmanaged", 32.0, "released")
    assert next_deadline(told.station, told.now) is None


def test_an_event_after_the_change_is_enough_to_notice_it() -> None:
    told = charging()
    told.tell(notified(schedules=(amps((0, 10.0), duration_seconds=60),)))
    allocation = told.allocation
    told.tell(updated(1, told.now))
    assert told.allocation is allocation
    told.now += timedelta(seconds=60)
    told.tell(updated(2, told.now))
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_a_relative_profile_counts_from_the_charging_on() -> None:
    told = charging()
    began = told.transaction.charging_started_at
    steps = amps((0, 10.0), (60, 16.0))
    relative = profile(0, TX, kind="Relative", schedule=steps, transaction_id="T1")
    told.station = replace(told.station, profiles=(relative,))
    told.tick(1)
    assert told.in_control == ("OCPP Profile", 10.0, "released")
    assert began is not None
    assert next_deadline(told.station, told.now) == began + timedelta(seconds=60)
    told.tick(60)
    assert told.in_control == ("OCPP Profile", 16.0, "released")


# --- Profiles that the bridge did not install


@pytest.mark.parametrize("purpose", [TX, DEFAULT, MAX, EXTERNAL])
def test_the_highest_stack_level_of_a_purpose_counts(purpose: str) -> None:
    assert bound(profile(20.0, purpose, 1), profile(10.0, purpose, 0)) == [20.0]
    assert bound(profile(10.0, purpose, 0), profile(20.0, purpose, 1)) == [20.0]


def test_a_profile_that_is_not_in_force_leaves_it_to_those_below() -> None:
    over = profile(20.0, level=1, valid_to=T0)
    assert bound(over, profile(10.0)) == [10.0]


def test_a_profile_without_a_limit_hides_those_below() -> None:
    assert bound(profile(-1.0, level=1), profile(10.0)) == []
    assert bound(profile(-1.0, TX), profile(10.0)) == []


def test_the_running_transactions_profile_goes_before_the_default() -> None:
    default = profile(8.0, level=5)
    assert bound(profile(16.0, TX, transaction_id="T1"), default) == [16.0]
    assert bound(profile(16.0, TX), default) == [16.0]
    assert bound(profile(16.0, TX, transaction_id="T0"), default) == [8.0]


def test_without_a_transaction_only_the_default_counts() -> None:
    idle = ready().station
    assert bound(profile(16.0, TX), profile(8.0), station=idle) == [8.0]


def test_an_evses_own_default_goes_before_the_one_for_all() -> None:
    for_all = profile(8.0, level=5, evse_id=0)
    assert bound(profile(16.0), for_all) == [16.0]
    assert bound(for_all, profile(16.0)) == [16.0]
    assert bound(for_all, profile(16.0), evse_id=2) == [8.0]


@pytest.mark.parametrize("purpose", [MAX, EXTERNAL])
def test_the_total_of_the_station_binds_beside_an_evses_own_limit(purpose: str) -> None:
    total = profile(8.0, purpose, evse_id=0)
    assert bound(profile(16.0, purpose), total) == [16.0, 8.0]
    assert bound(profile(16.0, purpose), total, evse_id=2) == [8.0]


def test_over_the_purposes_the_lowest_holds_and_all_are_shown() -> None:
    told = charging()
    told.station = replace(
        told.station,
        profiles=(
            profile(16.0, MAX, profile_id=1, evse_id=0),
            profile(10.0, TX, profile_id=2, level=3, limit_source="CSO"),
            profile(12.0, EXTERNAL, profile_id=-3, limit_source="EMS"),
        ),
    )
    told.tick(1)
    assert told.in_control == ("OCPP Profile", 10.0, "released")
    assert others(told) == [
        (10.0, {"limitSource": "CSO", "profileId": 2, "purpose": TX, "stackLevel": 3}),
        (12.0, {"limitSource": "EMS", "profileId": -3, "purpose": EXTERNAL, "stackLevel": 0}),
        (16.0, {"limitSource": "CSO", "profileId": 1, "purpose": MAX, "stackLevel": 0}),
    ]
    assert [limit.binding for limit in told.allocation.limits] == [True, False, False, False]


def test_purposes_that_only_raise_do_not_bind() -> None:
    assert bound(profile(6.0, "PriorityCharging"), profile(6.0, "LocalGeneration")) == []


def test_of_equals_the_same_one_counts_in_any_order() -> None:
    first, second = profile(10.0, profile_id=1), profile(20.0, profile_id=2)
    assert bound(first, second) == bound(second, first) == [20.0]


# --- With the claims of controllers


def test_while_a_claim_is_enforced_the_station_is_told_the_lowest_of_all() -> None:
    told = charging()
    told.applied(16.0)
    told.tell(notified(10.0))
    assert told.in_control == ("MQTT", 16.0, "pending")
    told.answer()
    assert told.limits_sent() == [16.0, 10.0]
    assert told.in_control == ("OCPP Profile", 10.0, "standby")
    told.tell(ClearedChargingLimit(limit_source="EMS"))
    told.answer()
    assert told.in_control == ("MQTT", 16.0, "active")


def test_a_reading_costs_no_decision_while_others_limits_stand() -> None:
    told = charging()
    told.tell(notified(10.0))
    told.station = replace(told.station, profiles=(profile(12.0),))
    told.tick(1)
    before = told.evse()
    told.tell(MeterValues(evse_id=1, meter_values=()))
    assert told.evse().allocation is before.allocation
    assert told.evse().supply_voltage_v is before.supply_voltage_v


def test_limits_reported_in_the_same_moment_are_weighed() -> None:
    told = charging()
    before, evse = told.station, told.evse()
    after = replace(before, profiles=(profile(10.0),))
    told.tell(notified(10.0))
    assert not external.stand(before, after, evse, SUPPLY, told.now)
    assert not external.stand(before, told.station, evse, SUPPLY, told.now)


def test_an_evse_without_any_decision_has_no_limits_to_stand() -> None:
    station = replace(STATION, profiles=(profile(10.0),))
    assert not external.stand(station, station, Evse(id=1), SUPPLY, T0)


def test_what_a_schedule_says_beyond_its_limit_is_told() -> None:
    """OCPP 2.1, Q: setpoint, dischargeLimit and operationMode, each in the schedule's unit."""
    told = charging()
    period = Period(
        start_seconds=0,
        limit=6900.0,
        setpoint=-2300.0,
        discharge_limit=-4600.0,
        operation_mode="CentralSetpoint",
    )
    schedule = Schedule(unit=RateUnit.WATT, periods=(period,))
    told.tell(NotifyChargingLimit(limit_source="EMS", grid_critical=False, schedules=(schedule,)))
    assert others(told) == [
        (
            10.0,
            {
                "limitSource": "EMS",
                "gridCritical": False,
                "setpointW": -2300.0,
                "dischargeLimitW": -4600.0,
                "operationMode": "CentralSetpoint",
            },
        )
    ]
