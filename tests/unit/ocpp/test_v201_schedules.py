"""Limits and profiles of others, as OCPP 2.0.1 stations tell of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.events import (
    ClearedChargingLimit,
    NotifyChargingLimit,
    ReportChargingProfiles,
)
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, Unreadable
from bridge.ocpp.v201.version import V201

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TIME = "2026-11-21T08:00:00Z"
SCHEDULE: dict[str, Any] = {
    "id": 1,
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
}
SIXTEEN = Schedule(unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=16.0),))
PROFILE: dict[str, Any] = {
    "id": 9,
    "stackLevel": 2,
    "chargingProfilePurpose": "ChargingStationMaxProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [SCHEDULE],
}
REPORT: dict[str, Any] = {
    "requestId": 5,
    "chargingLimitSource": "CSO",
    "evseId": 0,
    "chargingProfile": [PROFILE],
}


def read(action: str, payload: dict[str, Any]) -> Any:
    reading = Translator(V201).read(Call("a", action, payload))
    return reading.message if isinstance(reading, Reading) else reading


def reported(**changes: Any) -> ChargingProfile:
    message = read("ReportChargingProfiles", REPORT | {"chargingProfile": [PROFILE | changes]})
    assert isinstance(message, ReportChargingProfiles), message
    (profile,) = message.profiles
    return profile


def test_somebody_limits_the_charging() -> None:
    payload = {
        "chargingLimit": {"chargingLimitSource": "SO", "isGridCritical": True},
        "evseId": 1,
        "chargingSchedule": [SCHEDULE | {"startSchedule": TIME, "duration": 3600}],
    }
    schedule = Schedule(
        unit=RateUnit.AMPERE, periods=SIXTEEN.periods, start_at=AT, duration_seconds=3600
    )

    assert read("NotifyChargingLimit", payload) == NotifyChargingLimit(
        limit_source="SO", grid_critical=True, evse_id=1, schedules=(schedule,)
    )


@pytest.mark.parametrize("evse", [{}, {"evseId": 0}])
def test_a_limit_of_the_whole_station_comes_and_goes(evse: dict[str, int]) -> None:
    told = {"chargingLimit": {"chargingLimitSource": "EMS"}, **evse}
    cleared = {"chargingLimitSource": "EMS", **evse}

    assert read("NotifyChargingLimit", told) == NotifyChargingLimit(limit_source="EMS")
    assert read("ClearedChargingLimit", cleared) == ClearedChargingLimit(limit_source="EMS")


def test_a_source_that_the_standard_does_not_know_is_kept_within_bounds() -> None:
    cleared = read("ClearedChargingLimit", {"chargingLimitSource": "x" * 5000, "evseId": 2})

    assert cleared == ClearedChargingLimit(limit_source="x" * 50, evse_id=2)


def test_a_report_of_profiles() -> None:
    profile = ChargingProfile(
        profile_id=9,
        evse_id=0,
        purpose="ChargingStationMaxProfile",
        kind="Absolute",
        stack_level=2,
        schedule=SIXTEEN,
    )

    assert read("ReportChargingProfiles", REPORT) == ReportChargingProfiles(
        request_id=5, profiles=(profile,)
    )
    assert read("ReportChargingProfiles", REPORT | {"tbc": True}).more


def test_everything_that_a_profile_may_say() -> None:
    later = "2026-11-22T08:00:00Z"

    assert read(
        "ReportChargingProfiles",
        {
            "requestId": 5,
            "chargingLimitSource": "Other",
            "evseId": 1,
            "chargingProfile": [
                PROFILE
                | {
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Recurring",
                    "recurrencyKind": "Daily",
                    "validFrom": TIME,
                    "validTo": later,
                    "transactionId": "T1",
                }
            ],
        },
    ).profiles == (
        ChargingProfile(
            profile_id=9,
            evse_id=1,
            purpose="TxProfile",
            kind="Recurring",
            stack_level=2,
            schedule=SIXTEEN,
            limit_source="Other",
            recurrency="Daily",
            valid_from=AT,
            valid_to=AT + timedelta(days=1),
            transaction_id="T1",
        ),
    )


def test_the_first_of_several_schedules_counts() -> None:
    other = SCHEDULE | {"chargingRateUnit": "W"}

    assert reported(chargingSchedule=[SCHEDULE, other]).schedule == SIXTEEN


def test_periods_are_put_in_order_and_no_limit_stays_what_it_is() -> None:
    periods = [
        {"startPeriod": 600, "limit": -1},
        {"startPeriod": 0.0, "limit": 11000, "numberPhases": 3},
    ]
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": periods}

    assert reported(chargingSchedule=[schedule]).schedule == Schedule(
        unit=RateUnit.WATT,
        periods=(
            Period(start_seconds=0, limit=11000.0, number_phases=3),
            Period(start_seconds=600, limit=-1.0),
        ),
    )


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"chargingSchedule": []}, "/chargingProfile/0/chargingSchedule: empty"),
        (
            {"chargingSchedule": [SCHEDULE | {"chargingSchedulePeriod": []}]},
            "/chargingProfile/0/chargingSchedule/0/chargingSchedulePeriod: empty",
        ),
        (
            {"chargingSchedule": [SCHEDULE | {"chargingRateUnit": "kW"}]},
            "/chargingProfile/0/chargingSchedule/0/chargingRateUnit: unknown value",
        ),
        (
            {
                "chargingSchedule": [
                    SCHEDULE | {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10**400}]}
                ]
            },
            "/chargingProfile/0/chargingSchedule/0/chargingSchedulePeriod/0/limit: out of range",
        ),
        ({"validTo": "never"}, "/chargingProfile/0/validTo: not a date and a time"),
        ({"stackLevel": 2**60}, "/chargingProfile/0/stackLevel: out of range"),
    ],
)
def test_a_profile_without_a_meaning_is_refused_by_name(
    changes: dict[str, Any], description: str
) -> None:
    refused = read("ReportChargingProfiles", REPORT | {"chargingProfile": [PROFILE | changes]})

    assert isinstance(refused, Unreadable)
    assert (refused.code, refused.description) == ("PropertyConstraintViolation", description)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("NotifyChargingLimit", {"chargingLimit": "SO"}),
        ("ClearedChargingLimit", {}),
        ("ReportChargingProfiles", REPORT | {"chargingProfile": [None]}),
        ("ReportChargingProfiles", REPORT | {"requestId": 2**70}),
    ],
)
def test_a_message_without_a_meaning_is_refused(action: str, payload: dict[str, Any]) -> None:
    assert isinstance(read(action, payload), Unreadable)
