"""What one charging profile allows at a moment, and when that changes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.domain.schedule import (
    UNLIMITED,
    ChargingProfile,
    Period,
    Schedule,
    has_limit,
    next_change,
    period_at,
)
from bridge.domain.settings import RateUnit
from tests.unit.domain.builders import T0

HOUR = 3600
DAY = 24 * HOUR


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def profile(
    *periods: tuple[int, float],
    start_at: datetime | None = T0,
    duration: int | None = None,
    **more: Any,
) -> ChargingProfile:
    return ChargingProfile(
        profile_id=1,
        evse_id=1,
        purpose="TxDefaultProfile",
        stack_level=0,
        schedule=Schedule(
            unit=RateUnit.AMPERE,
            periods=tuple(Period(start_seconds=s, limit=a) for s, a in periods),
            start_at=start_at,
            duration_seconds=duration,
        ),
        **{"kind": "Absolute", **more},
    )


def limits_at(
    charging_profile: ChargingProfile, *seconds: float, began: datetime | None = None
) -> list[float | None]:
    """Limits at moments after T0, None where the profile is not in force."""
    periods = [period_at(charging_profile, after(each), began) for each in seconds]
    return [None if period is None else period.limit for period in periods]


def changes(
    charging_profile: ChargingProfile, *, began: datetime | None = None, most: int = 10
) -> list[float]:
    """Seconds after T0 at which the profile may change, one found from the other."""
    found: list[float] = []
    now: datetime | None = after(-1)
    while len(found) < most and now is not None:
        now = next_change(charging_profile, now, began)
        if now is not None:
            found.append((now - T0).total_seconds())
    return found


def test_an_absolute_schedule_holds_from_its_start_to_its_end() -> None:
    steps = profile((0, 10.0), (60, 16.0), duration=120)
    assert limits_at(steps, -0.001, 0, 59.999, 60, 119.999, 120) == [None, 10, 10, 16, 16, None]
    assert changes(steps) == [0, 60, 120]


def test_the_last_period_lasts_where_there_is_no_duration() -> None:
    steps = profile((0, 10.0), (60, 16.0))
    assert limits_at(steps, 10 * DAY) == [16]
    assert changes(steps) == [0, 60]


def test_nothing_holds_before_the_first_period() -> None:
    assert limits_at(profile((30, 10.0)), 0, 29, 30) == [None, None, 10]


def test_an_hour_that_was_told_in_fractions_of_a_second_is_exact() -> None:
    odd = T0 + timedelta(microseconds=1)
    daily = profile((0, 10.0), (HOUR, 16.0), start_at=odd, kind="Recurring", recurrency="Daily")
    now = odd + timedelta(days=400)
    change = next_change(daily, now, None)
    assert change == now + timedelta(hours=1)
    at_the_change = period_at(daily, change, None)
    assert at_the_change is not None
    assert at_the_change.limit == 16


def test_validity_cuts_a_schedule_short() -> None:
    valid = profile((0, 10.0), valid_from=after(10), valid_to=after(50))
    assert limits_at(valid, 0, 10, 49.999, 50) == [None, 10, 10, None]
    assert changes(valid) == [0, 10, 50]


@pytest.mark.parametrize("kind", ["Relative", "Absolute", "Recurring"])
def test_without_a_start_of_its_own_a_schedule_counts_from_the_charging_on(kind: str) -> None:
    steps = profile((0, 10.0), (60, 16.0), start_at=None, kind=kind)
    assert limits_at(steps, 0, 100, 160, began=after(100)) == [None, 10, 16]
    assert changes(steps, began=after(100)) == [100, 160]


def test_a_relative_schedule_has_no_start_of_its_own() -> None:
    steps = profile((0, 10.0), (60, 16.0), start_at=T0, kind="Relative")
    assert limits_at(steps, 100, 160, began=after(100)) == [10, 16]


def test_before_the_charging_a_relative_schedule_waits_in_its_first_period() -> None:
    steps = profile((0, 10.0), (60, 16.0), start_at=None, kind="Relative", valid_to=after(DAY))
    assert limits_at(steps, 0, HOUR) == [10, 10]
    assert changes(steps) == [DAY]


def test_a_dynamic_profile_holds_like_an_absolute_one() -> None:
    assert limits_at(profile((0, 10.0), kind="Dynamic"), -1, 0, DAY) == [None, 10, 10]


@pytest.mark.parametrize(("recurrency", "cycle"), [("Daily", DAY), ("Weekly", 7 * DAY)])
def test_a_recurring_schedule_begins_anew(recurrency: str, cycle: int) -> None:
    night = profile((0, 10.0), (HOUR, 16.0), kind="Recurring", recurrency=recurrency)
    assert limits_at(night, -1, 0, HOUR, cycle - 1, cycle, cycle + HOUR) == [
        None, 10, 16, 16, 10, 16,
    ]  # fmt: skip
    assert changes(night, most=5) == [0, HOUR, cycle, cycle + HOUR, 2 * cycle]


def test_between_its_runs_a_recurring_schedule_with_a_duration_does_not_hold() -> None:
    night = profile((0, 10.0), kind="Recurring", recurrency="Daily", duration=HOUR)
    assert limits_at(night, HOUR - 1, HOUR, DAY) == [10, None, 10]
    assert changes(night, most=4) == [0, HOUR, DAY, DAY + HOUR]


def test_an_unknown_recurrency_is_none() -> None:
    once = profile((0, 10.0), kind="Recurring", recurrency="Yearly", duration=HOUR)
    assert limits_at(once, 0, DAY) == [10, None]


@pytest.mark.parametrize(
    ("limit", "limits"), [(0.0, True), (16.0, True), (-1.0, False), (UNLIMITED, False)]
)
def test_a_negative_limit_is_none(limit: float, limits: bool) -> None:
    assert has_limit(Period(start_seconds=0, limit=limit)) is limits


def test_numbers_beyond_all_reason_do_no_harm() -> None:
    far = profile((-(2**53), 10.0), (2**53, 16.0), duration=2**53)
    assert limits_at(far, 0, DAY) == [10, 10]
    assert changes(far) == []
    last = datetime.max.replace(tzinfo=T0.tzinfo)
    assert next_change(profile((0, 10.0), start_at=last, valid_to=last), T0, None) is None
