from datetime import timedelta

import pytest

from bridge.simulator.profiles import ProfileRejectedError, parse_profile
from bridge.simulator.wire import JsonObject
from tests.unit.simulator.rig import BEGIN, profile

DAY_S = 86_400


def limit_after(
    payload: JsonObject, seconds: float, *, transaction_after: float = 0
) -> float | None:
    period = parse_profile(payload).period_at(
        BEGIN + timedelta(seconds=seconds), BEGIN + timedelta(seconds=transaction_after)
    )
    return None if period is None else period.limit


STEPS = [
    {"startPeriod": 0, "limit": 16.0},
    {"startPeriod": 60, "limit": 8.0},
    {"startPeriod": 120, "limit": 0.0},
]
ONE_PHASE = {"startPeriod": 0, "limit": 6.0, "numberPhases": 1}


@pytest.mark.parametrize(
    ("seconds", "limit"), [(-1, None), (0, 16.0), (59.9, 16.0), (60, 8.0), (120, 0.0), (9e5, 0.0)]
)
def test_an_absolute_schedule_begins_at_its_start_and_its_last_period_lasts(
    seconds: float, limit: float | None
) -> None:
    assert limit_after(profile(periods=STEPS), seconds) == limit


def test_a_duration_ends_a_schedule() -> None:
    payload = profile(periods=STEPS, duration=100)
    assert (limit_after(payload, 99), limit_after(payload, 100)) == (8.0, None)


@pytest.mark.parametrize("seconds", [3_700, DAY_S + 3_700, 9 * DAY_S + 3_700])
def test_a_daily_schedule_comes_back_every_day(seconds: float) -> None:
    payload = profile(
        chargingProfileKind="Recurring",
        recurrencyKind="Daily",
        duration=7_200,
        periods=[{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 3_600, "limit": 8.0}],
    )
    assert limit_after(payload, seconds) == 8.0
    assert limit_after(payload, seconds - 3_600) == 16.0
    assert limit_after(payload, seconds + 3_600) is None


def test_a_relative_schedule_counts_from_the_start_of_the_transaction() -> None:
    payload = profile(chargingProfileKind="Relative", startSchedule=None, periods=STEPS)
    assert limit_after(payload, 570, transaction_after=500) == 8.0
    assert limit_after(payload, 550, transaction_after=500) == 16.0


def test_validity_bounds_a_profile() -> None:
    payload = profile(validFrom="2026-01-10T10:00:10Z", validTo="2026-01-10T10:00:20Z")
    answers = [limit_after(payload, seconds) for seconds in (9, 10, 19, 20)]
    assert answers == [None, 10.0, 10.0, None]


def test_a_timestamp_with_an_offset_means_that_moment() -> None:
    assert limit_after(profile(startSchedule="2026-01-10T12:00:00+02:00"), 0) == 10.0


def test_every_edge_inside_the_window_is_a_possible_change() -> None:
    payload = profile(periods=STEPS, duration=200, validTo="2026-01-10T10:05:00Z")
    edges = parse_profile(payload).changes(BEGIN, BEGIN + timedelta(hours=1), BEGIN)
    assert sorted((edge - BEGIN).total_seconds() for edge in edges) == [60, 120, 200, 300]


@pytest.mark.parametrize(
    ("payload", "reason_code"),
    [
        (profile(periods=[{"startPeriod": 5, "limit": 6.0}]), "InvalidSchedule"),
        (profile(periods=[STEPS[0], STEPS[2], STEPS[1]]), "InvalidSchedule"),
        (profile(periods=[STEPS[0], STEPS[0]]), "InvalidSchedule"),
        (profile(startSchedule=None), "InvalidSchedule"),
        (profile(chargingProfileKind="Relative"), "InvalidSchedule"),
        (profile(chargingProfileKind="Recurring"), "InvalidSchedule"),
        (profile(limit=-1.0), "InvalidSchedule"),
        (
            profile(periods=[{"startPeriod": 0, "limit": 6.0, "numberPhases": 4}]),
            "InvalidSchedule",
        ),
        (profile(periods=[{"startPeriod": 0, "limit": 6.0, "phaseToUse": 1}]), "InvalidSchedule"),
        (profile(periods=[{**ONE_PHASE, "phaseToUse": 4}]), "InvalidSchedule"),
    ],
)
def test_a_profile_that_breaks_a_rule_of_its_own_is_rejected(
    payload: JsonObject, reason_code: str
) -> None:
    with pytest.raises(ProfileRejectedError) as caught:
        parse_profile(payload)
    assert caught.value.reason_code == reason_code
