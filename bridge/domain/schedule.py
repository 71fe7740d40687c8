"""Charging profiles as data, whoever installed them, and what they allow at a moment (OCPP 2.x K).

Theory of operation. A profile is a schedule of periods with a start of its own (Absolute), the
charging's (Relative) or one that recurs (Recurring). `period_at` says what one profile allows
now, `next_change` when that may be different. Which profile of several counts is not decided
here (`external`).
"""

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from bridge.domain.settings import RateUnit

UNLIMITED: Final = 1e12
"""The limit of a period that has none, in either unit: more than anything, and still finite."""


class Period(Struct, frozen=True, kw_only=True):
    """ChargingSchedulePeriodType: from `start_seconds` after the schedule's start on."""

    start_seconds: int
    limit: float
    """In the schedule's unit: A per phase, or W in all."""
    number_phases: int | None = None
    setpoint: float | None = None
    """OCPP 2.1 (Q): what the EV should follow, in the schedule's unit; negative to discharge."""
    discharge_limit: float | None = None
    """OCPP 2.1 (Q): how much the EV may discharge, in the schedule's unit; never positive."""
    operation_mode: str | None = None
    """OCPP 2.1 (Q): OperationModeEnumType."""


class Schedule(Struct, frozen=True, kw_only=True):
    """ChargingScheduleType, its periods in rising order."""

    unit: RateUnit
    periods: tuple[Period, ...]
    start_at: datetime | None = None
    duration_seconds: int | None = None


class ChargingProfile(Struct, frozen=True, kw_only=True):
    """A profile that is installed at the station, as the station reports it (K09)."""

    profile_id: int
    evse_id: int
    """0 = the whole station, or each of its EVSEs for a TxDefaultProfile."""
    purpose: str
    """ChargingProfilePurposeEnumType."""
    kind: str
    """ChargingProfileKindEnumType."""
    stack_level: int
    schedule: Schedule
    limit_source: str = "CSO"
    """ChargingLimitSourceEnumType: who installed it."""
    recurrency: str | None = None
    """Daily or Weekly, of kind Recurring."""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None


_CYCLES: Final = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}
_AT_ONCE: Final = timedelta(0)
_NEVER: Final = timedelta(days=36_500)
"""What lies further ahead is not waited for: stations may send any number of seconds."""


def period_at(
    profile: ChargingProfile, now: datetime, started_at: datetime | None
) -> Period | None:
    """Return the period in force at a moment; None where the profile is not in force then.

    `started_at` is when the charging began: by it a Relative profile counts, and one without a
    startSchedule (ChargingScheduleType). One that still waits for that is in its beginning.
    """
    if not _is_valid(profile, now):
        return None
    run = _run(profile, now, started_at)
    offset = _AT_ONCE if run is None else run
    duration = profile.schedule.duration_seconds
    if offset < _AT_ONCE or (duration is not None and offset >= _span(duration)):
        return None
    current = None
    for period in profile.schedule.periods:
        if _span(period.start_seconds) > offset:
            break
        current = period
    return current


def has_limit(period: Period) -> bool:
    """Say whether a period limits at all: some stations write -1 for none (charger-quirks 19)."""
    return 0 <= period.limit < UNLIMITED


def to_discharge(period: Period, unit: RateUnit) -> dict[str, Any]:
    """Return what OCPP 2.1 says of a period beyond its limit (Q), which is told and not followed.

    In the payload's own keys, without those that the period does not have.
    """
    told = {
        f"setpoint{unit}": period.setpoint,
        f"dischargeLimit{unit}": period.discharge_limit,
        "operationMode": period.operation_mode,
    }
    return {name: value for name, value in told.items() if value is not None}


def next_change(
    profile: ChargingProfile, now: datetime, started_at: datetime | None
) -> datetime | None:
    """Return when a profile may limit otherwise than now, None where it never will."""
    waits = [at - now for at in (profile.valid_from, profile.valid_to) if at is not None]
    run = _run(profile, now, started_at)
    if run is not None:
        waits += [edge - run for edge in _edges(profile)]
    soonest = min((wait for wait in waits if _AT_ONCE < wait < _NEVER), default=None)
    return None if soonest is None else now + soonest


def _edges(profile: ChargingProfile) -> list[timedelta]:
    """Return when within its run a schedule changes, from its begin on."""
    schedule = profile.schedule
    edges = [_span(period.start_seconds) for period in schedule.periods]
    if schedule.duration_seconds is not None:
        edges.append(_span(schedule.duration_seconds))
    cycle = _cycle(profile)
    return edges if cycle is None else [*edges, cycle]


def _span(seconds: int) -> timedelta:
    longest = int(_NEVER.total_seconds())
    return timedelta(seconds=max(-longest, min(seconds, longest)))


def _cycle(profile: ChargingProfile) -> timedelta | None:
    return _CYCLES.get(profile.recurrency or "") if profile.kind == "Recurring" else None


def _is_valid(profile: ChargingProfile, now: datetime) -> bool:
    begun = profile.valid_from is None or profile.valid_from <= now
    return begun and (profile.valid_to is None or now < profile.valid_to)


def _run(profile: ChargingProfile, now: datetime, started_at: datetime | None) -> timedelta | None:
    """Return for how long the (present) run has lasted, negative before the first one.

    None where it begins with the charging, and that has not begun.
    """
    own = None if profile.kind == "Relative" else profile.schedule.start_at
    begin = own or started_at
    if begin is None:
        return None
    cycle = _cycle(profile)
    run = now - begin
    return run if cycle is None or run < _AT_ONCE else run % cycle
