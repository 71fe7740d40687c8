"""Commands that only look: installed profiles, and what they come to together."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.calls import (
    CallResult,
    GetChargingProfiles,
    GetCompositeSchedule,
    ProfileCriteria,
)
from bridge.domain.commands import ReadComposite, ReadProfiles
from bridge.domain.events import Connected, ReportChargingProfiles
from bridge.domain.schedule import UNLIMITED, ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.domain.station import Restarted
from bridge.domain.upkeep import next_deadline
from tests.unit.domain.builders import (
    ACCEPTED,
    CALLERROR,
    CUT,
    REJECTED,
    T0,
    TIMEOUT,
    Told,
    ready,
    refusal,
)

ALL = ReadProfiles(criteria=ProfileCriteria())
NONE = CallResult(accepted=False, status="NoProfiles")
OURS = ChargingProfile(
    profile_id=0x4D510001,
    evse_id=1,
    purpose="TxProfile",
    kind="Absolute",
    stack_level=8,
    schedule=Schedule(
        unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=10.0),), start_at=T0
    ),
    transaction_id="T1",
    valid_to=T0 + timedelta(hours=1),
)
THEIRS = ChargingProfile(
    profile_id=7,
    evse_id=0,
    purpose="ChargingStationMaxProfile",
    kind="Recurring",
    recurrency="Daily",
    stack_level=0,
    limit_source="EMS",
    valid_from=T0,
    schedule=Schedule(
        unit=RateUnit.WATT,
        duration_seconds=86_400,
        periods=(
            Period(start_seconds=0, limit=11_000.0, number_phases=3),
            Period(start_seconds=3600, limit=UNLIMITED, setpoint=-500.0, operation_mode="Idle"),
        ),
    ),
)
TOLD_OURS = {
    "evse": 1,
    "profileId": 0x4D510001,
    "ours": True,
    "purpose": "TxProfile",
    "kind": "Absolute",
    "recurrency": None,
    "stackLevel": 8,
    "limitSource": "CSO",
    "transactionId": "T1",
    "validFrom": None,
    "validTo": "2026-01-10T11:00:00.000Z",
    "schedule": {
        "startAt": "2026-01-10T10:00:00.000Z",
        "durationSeconds": None,
        "unit": "A",
        "periods": [{"startSeconds": 0, "limitA": 10.0, "numberPhases": None}],
    },
}
TOLD_THEIRS = {
    "evse": 0,
    "profileId": 7,
    "ours": False,
    "purpose": "ChargingStationMaxProfile",
    "kind": "Recurring",
    "recurrency": "Daily",
    "stackLevel": 0,
    "limitSource": "EMS",
    "transactionId": None,
    "validFrom": "2026-01-10T10:00:00.000Z",
    "validTo": None,
    "schedule": {
        "startAt": None,
        "durationSeconds": 86_400,
        "unit": "W",
        "periods": [
            {"startSeconds": 0, "limitW": 11_000.0, "numberPhases": 3},
            {
                "startSeconds": 3600,
                "limitW": None,
                "numberPhases": None,
                "setpointW": -500.0,
                "operationMode": "Idle",
            },
        ],
    },
}


def report(told: Told, *profiles: ChargingProfile, more: bool = False, request: int = 0) -> None:
    """Report profiles for the last question, or for another one."""
    asked = told.request
    assert isinstance(asked, GetChargingProfiles)
    number = request or asked.request_id
    told.tell(ReportChargingProfiles(request_id=number, profiles=profiles, more=more))


# --- What is asked


@pytest.mark.parametrize(
    ("arguments", "evse_id", "asked"),
    [
        (ALL, 0, None),
        (ALL, 1, 1),
        (ReadProfiles(criteria=ProfileCriteria(), station_only=True), 0, 0),
    ],
)
def test_profiles_of_an_evse_of_the_station_alone_or_all(
    arguments: ReadProfiles, evse_id: int, asked: int | None
) -> None:
    told = ready()
    told.command(arguments, evse_id=evse_id)
    assert told.request == GetChargingProfiles(request_id=1, evse_id=asked)


def test_criteria_are_handed_on_and_each_question_has_a_number_of_its_own() -> None:
    told = ready()
    criteria = ProfileCriteria(
        profile_ids=(1, 2), purpose="TxProfile", stack_level=3, limit_sources=("CSO",)
    )
    for _ in range(2):
        told.command(ReadProfiles(criteria=criteria))
    assert [call.request for call in told.calls] == [
        GetChargingProfiles(request_id=number, evse_id=1, criteria=criteria) for number in (1, 2)
    ]


@pytest.mark.parametrize(("evse_id", "unit"), [(0, None), (1, RateUnit.WATT)])
def test_a_composite_schedule_is_asked_for(evse_id: int, unit: RateUnit | None) -> None:
    told = ready()
    told.command(ReadComposite(duration_seconds=300, unit=unit), evse_id=evse_id)
    assert told.request == GetCompositeSchedule(evse_id=evse_id, duration_seconds=300, unit=unit)


def test_ocpp_1_6_has_no_question_for_profiles() -> None:
    told = ready()
    told.tell(Connected(version="1.6", connection_id="c2", remote="127.0.0.1"))
    assert refusal(told, told.command(ALL)) == (
        "rejected",
        "unsupported",
        "OCPP 1.6 cannot be asked which profiles are installed: use getComposite",
        {},
    )
    told.command(ReadComposite(duration_seconds=60))
    assert told.request == GetCompositeSchedule(evse_id=1, duration_seconds=60)


def test_the_station_alone_is_no_evse() -> None:
    told = ready()
    command_id = told.command(ReadProfiles(criteria=ProfileCriteria(), station_only=True))
    assert refusal(told, command_id) == (
        "rejected",
        "invalid_argument",
        "stationOnly is for EVSE 0",
        {"pointer": "/stationOnly"},
    )
    assert told.calls == []


# --- What is told


def test_all_parts_of_the_report_are_one_result() -> None:
    told = ready()
    command_id = told.command(ALL, evse_id=0)
    told.answer()
    assert told.finals(command_id) == []
    report(told, OURS, more=True)
    assert told.finals(command_id) == []
    report(told, THEIRS)
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {"profiles": [TOLD_OURS, TOLD_THEIRS]}
    assert told.station.calls == ()


def test_a_report_before_the_answer_is_not_lost() -> None:
    told = ready()
    command_id = told.command(ALL)
    report(told, OURS)
    assert told.finals(command_id) == []
    told.answer()
    assert told.result(command_id).data == {"profiles": [TOLD_OURS]}


def test_a_report_of_another_question_is_none_of_this_one() -> None:
    told = ready()
    command_id = told.command(ALL)
    told.answer()
    report(told, OURS, request=99)
    assert told.finals(command_id) == []
    report(told)
    assert told.result(command_id).data == {"profiles": []}


def test_where_there_are_none_nothing_is_reported() -> None:
    told = ready()
    command_id = told.command(ALL)
    told.answer(NONE)
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {"profiles": []}


@pytest.mark.parametrize("arguments", [ALL, ReadComposite(duration_seconds=60)])
@pytest.mark.parametrize(
    ("answer", "final"),
    [
        (REJECTED, ("rejected", "station_rejected")),
        (CALLERROR, ("failed", "station_error")),
        (TIMEOUT, ("failed", "timeout")),
        (CUT, ("failed", "station_offline")),
    ],
)
def test_a_refused_question_says_why(arguments: Any, answer: Any, final: tuple[str, str]) -> None:
    told = ready()
    command_id = told.command(arguments)
    told.answer(answer)
    assert told.finals(command_id) == [final]
    assert told.station.calls == ()


def test_a_report_that_does_not_come_is_given_up() -> None:
    told = ready()
    command_id = told.command(ALL)
    told.answer()
    told.tick(20)
    report(told, OURS, more=True)
    told.tick(20)
    assert told.finals(command_id) == []
    deadline = next_deadline(told.station, told.now)
    assert deadline is not None
    told.tick((deadline - told.now).total_seconds())
    assert refusal(told, command_id) == (
        "failed",
        "timeout",
        "the station accepted, and did not report its profiles in time",
        {"reported": 1},
    )
    assert told.station.calls == ()
    report(told, OURS)
    assert told.finals(command_id) == [("failed", "timeout")]


@pytest.mark.parametrize("answered", [False, True])
def test_a_question_does_not_outlive_the_bridge(*, answered: bool) -> None:
    told = ready()
    command_id = told.command(ALL)
    if answered:
        told.answer()
    told.tell(Restarted())
    assert told.finals(command_id) == [("unknown", "unknown")]
    assert told.station.calls == ()


def test_the_composite_schedule_is_told() -> None:
    told = ready()
    command_id = told.command(ReadComposite(duration_seconds=60))
    told.answer(CallResult(accepted=True, status="Accepted", schedule=OURS.schedule))
    assert told.result(command_id).data == {
        "status": "Accepted",
        "schedule": TOLD_OURS["schedule"],
    }


def test_an_answer_without_a_schedule_tells_none() -> None:
    told = ready()
    command_id = told.command(ReadComposite(duration_seconds=60))
    told.answer(ACCEPTED)
    assert told.result(command_id).data == {"status": "Accepted", "schedule": None}
