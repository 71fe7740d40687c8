"""Charging schedules and profiles of OCPP 2.x, read into the words of the domain (K).

Limits are kept as they come, negative ones too: there are stations that say -1 for "none"
(charger-quirks 19), and what that means is not for a codec to decide.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bridge.domain.schedule import UNLIMITED, ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.ocpp.v2.parts import (
    integer,
    invalid,
    optional_integer,
    optional_timestamp,
    optional_word,
    timestamp,
    word,
)

_Payload = Mapping[str, Any]

_Combine = Callable[[Iterable[float]], float]
_OVER_PHASES: Final[Mapping[RateUnit, _Combine]] = {RateUnit.AMPERE: min, RateUnit.WATT: sum}
"""What the limits of single phases make of the whole, by unit."""


def read_schedule(payload: _Payload, pointer: str) -> Schedule:
    """Read a ChargingScheduleType."""
    unit = _unit(payload, pointer)
    return Schedule(
        unit=unit,
        periods=_periods(payload, unit, pointer),
        start_at=optional_timestamp(payload.get("startSchedule"), f"{pointer}/startSchedule"),
        duration_seconds=optional_integer(payload.get("duration"), f"{pointer}/duration"),
    )


def read_composite(payload: _Payload) -> Schedule:
    """Read the CompositeScheduleType of a GetCompositeScheduleResponse (K08)."""
    unit = _unit(payload, "/schedule")
    return Schedule(
        unit=unit,
        periods=_periods(payload, unit, "/schedule"),
        start_at=timestamp(payload["scheduleStart"], "/schedule/scheduleStart"),
        duration_seconds=integer(payload["duration"], "/schedule/duration"),
    )


def read_profile(
    payload: _Payload, *, evse_id: int, limit_source: str, pointer: str
) -> ChargingProfile:
    """Read a ChargingProfileType as a station reports it (K09).

    Of up to three schedules only the first is read: a second is for an EV that chooses among
    them by ISO 15118 (K16), and each of them has to keep to all other profiles anyway.
    """
    schedules = payload["chargingSchedule"]
    if not schedules:
        raise invalid(f"{pointer}/chargingSchedule", "empty")
    return ChargingProfile(
        profile_id=integer(payload["id"], f"{pointer}/id"),
        evse_id=evse_id,
        purpose=word(payload["chargingProfilePurpose"]),
        kind=word(payload["chargingProfileKind"]),
        stack_level=integer(payload["stackLevel"], f"{pointer}/stackLevel"),
        schedule=read_schedule(schedules[0], f"{pointer}/chargingSchedule/0"),
        limit_source=limit_source,
        recurrency=optional_word(payload.get("recurrencyKind") or None),
        valid_from=optional_timestamp(payload.get("validFrom"), f"{pointer}/validFrom"),
        valid_to=optional_timestamp(payload.get("validTo"), f"{pointer}/validTo"),
        transaction_id=payload.get("transactionId"),
    )


def _unit(payload: _Payload, pointer: str) -> RateUnit:
    try:
        return RateUnit(payload["chargingRateUnit"])
    except ValueError:
        raise invalid(f"{pointer}/chargingRateUnit", "unknown value") from None


def _periods(payload: _Payload, unit: RateUnit, pointer: str) -> tuple[Period, ...]:
    """Return the periods in rising order, as they should have come."""
    items = payload["chargingSchedulePeriod"]
    if not items:
        raise invalid(f"{pointer}/chargingSchedulePeriod", "empty")
    periods = [
        _period(item, unit, f"{pointer}/chargingSchedulePeriod/{index}")
        for index, item in enumerate(items)
    ]
    return tuple(sorted(periods, key=lambda period: period.start_seconds))


def _period(item: _Payload, unit: RateUnit, pointer: str) -> Period:
    setpoint = _power(item, "setpoint", unit, pointer)
    return Period(
        start_seconds=integer(item["startPeriod"], f"{pointer}/startPeriod"),
        limit=_limit(_power(item, "limit", unit, pointer), setpoint),
        number_phases=optional_integer(item.get("numberPhases"), f"{pointer}/numberPhases"),
        setpoint=setpoint,
        discharge_limit=_power(item, "dischargeLimit", unit, pointer),
        operation_mode=optional_word(item.get("operationMode")),
    )


def _limit(limit: float | None, setpoint: float | None) -> float:
    """Return the limit; OCPP 2.1 has periods with only a setpoint, or with neither."""
    if limit is not None:
        return limit
    return UNLIMITED if setpoint is None else max(setpoint, 0.0)


def _power(item: _Payload, name: str, unit: RateUnit, pointer: str) -> float | None:
    """Return a property that OCPP 2.1 may give for each phase; its plain name is then L1."""
    given = [key for key in (name, f"{name}_L2", f"{name}_L3") if key in item]
    for key in given:
        if not -UNLIMITED <= item[key] <= UNLIMITED:
            raise invalid(f"{pointer}/{key}", "out of range")
    return float(_OVER_PHASES[unit](item[key] for key in given)) if given else None
