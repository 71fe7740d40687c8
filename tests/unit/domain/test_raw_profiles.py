"""Profiles that the raw `call` sets and clears, below the bridge's own."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from bridge.domain.calls import CallResult, GetChargingProfiles, RawCall
from bridge.domain.commands import CallStation
from bridge.domain.events import ReportChargingProfiles
from bridge.domain.knowledge import Learnt, Readback
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit
from tests.unit.domain.builders import ACCEPTED, REJECTED, Told, charging, refusal

LEARNT: Final = Learnt(asked=True, reads_profiles=True, max_stack_level=8)
OWN: Final = 8
FOREIGN_ID: Final = 77


def telling(learnt: Learnt = LEARNT) -> Told:
    """A station whose profiles can be read, while T1 charges."""
    told = charging()
    told.station = replace(told.station, learnt=learnt)
    return told


def profile(limit: float = 10, **members: Any) -> dict[str, Any]:
    """The payload of a SetChargingProfile for EVSE 1, which may be sent."""
    period = members.pop("period", {"startPeriod": 0, "limit": limit})
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    schedule |= members.pop("schedule", {})
    evse_id = members.pop("evseId", 1)
    usual = {
        "id": FOREIGN_ID,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    return {"evseId": evse_id, "chargingProfile": usual | members}


def call(told: Told, payload: Mapping[str, Any], action: str = "SetChargingProfile") -> str:
    return told.command(CallStation(action=action, payload=payload))


# --- What may be sent


@pytest.mark.parametrize(
    "payload",
    [
        profile(),
        profile(32),
        profile(chargingProfileKind="Recurring", recurrencyKind="Daily"),
        profile(schedule={"randomizedDelay": 300}),
        profile(chargingProfilePurpose="TxProfile", transactionId="T1"),
        profile(chargingProfilePurpose="ChargingStationMaxProfile", evseId=0),
        profile(stackLevel=OWN - 1),
        profile(22_080, schedule={"chargingRateUnit": "W"}),
        profile(
            period={"startPeriod": 0, "limit": 7360, "numberPhases": 1},
            schedule={"chargingRateUnit": "W"},
        ),
    ],
)
def test_a_profile_below_the_bridges_own_is_sent_as_it_is(payload: dict[str, Any]) -> None:
    told = telling()
    call(told, payload)
    assert told.request == RawCall(action="SetChargingProfile", payload=payload)


@pytest.mark.parametrize(
    ("payload", "member"),
    [
        (profile(chargingProfilePurpose="PriorityCharging"), "chargingProfilePurpose"),
        (profile(evseId=None), "chargingProfilePurpose"),
        (profile(chargingProfileKind="Dynamic"), "chargingProfileKind"),
        (profile(id=0x4D510001), "id"),
        (profile(id="x"), "id"),
        (profile(stackLevel=OWN), "stackLevel"),
        (profile(stackLevel=OWN + 1), "stackLevel"),
        (profile(stackLevel=0), "stackLevel"),
        (profile(stackLevel=None), "stackLevel"),
        (profile(32.1), "chargingSchedule"),
        (profile(-1), "chargingSchedule"),
        (profile(period={"startPeriod": 0, "setpoint": 5}), "chargingSchedule"),
        (
            profile(period={"startPeriod": 0, "limit": 5, "dischargeLimit": -5}),
            "chargingSchedule",
        ),
        (profile(22_081, schedule={"chargingRateUnit": "W"}), "chargingSchedule"),
        (profile(chargingSchedule="none"), "chargingSchedule"),
        (profile(chargingSchedule=[{"chargingSchedulePeriod": None}]), "chargingSchedule"),
    ],
)
def test_any_other_is_refused_and_the_member_named(payload: dict[str, Any], member: str) -> None:
    told = telling()
    calls = list(told.calls)
    status, code, _, details = refusal(told, call(told, payload))
    assert (status, code) == ("rejected", "invalid_argument")
    assert details == {"pointer": f"/payload/chargingProfile/{member}"}
    assert told.calls == calls


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        ({"chargingProfileId": FOREIGN_ID}, None),
        ({"chargingProfileId": 0x4D518001}, "/payload/chargingProfileId"),
        ({"chargingProfileCriteria": {"stackLevel": 2}}, None),
        (
            {
                "chargingProfileCriteria": {
                    "evseId": 1,
                    "stackLevel": 2,
                    "chargingProfilePurpose": "TxDefaultProfile",
                }
            },
            None,
        ),
        (
            {"chargingProfileCriteria": {"stackLevel": OWN}},
            "/payload/chargingProfileCriteria/stackLevel",
        ),
        (
            {"chargingProfileCriteria": {"chargingProfilePurpose": "TxProfile"}},
            "/payload/chargingProfileCriteria/stackLevel",
        ),
        ({}, "/payload/chargingProfileCriteria/stackLevel"),
    ],
)
def test_what_is_cleared_is_none_of_the_bridges_own(
    payload: dict[str, Any], pointer: str | None
) -> None:
    told = telling()
    command_id = call(told, payload, "ClearChargingProfile")
    if pointer is None:
        assert told.request == RawCall(action="ClearChargingProfile", payload=payload)
    else:
        assert refusal(told, command_id)[3] == {"pointer": pointer}


@pytest.mark.parametrize("learnt", [Learnt(), Learnt(reads_profiles=False)])
def test_a_station_that_does_not_tell_its_profiles_gets_none(learnt: Learnt) -> None:
    told = telling(learnt)
    assert refusal(told, call(told, profile()))[1] == "unsupported"


# --- What comes of it


def report(told: Told, *profiles: ChargingProfile) -> None:
    """Answer the question for the profiles by these."""
    request = told.request
    assert isinstance(request, GetChargingProfiles)
    told.answer(ACCEPTED)
    told.tell(ReportChargingProfiles(request_id=request.request_id, profiles=profiles, more=False))


NIGHT: Final = ChargingProfile(
    profile_id=FOREIGN_ID,
    evse_id=1,
    purpose="TxDefaultProfile",
    kind="Recurring",
    recurrency="Daily",
    stack_level=2,
    schedule=Schedule(unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=10.0),)),
)


@pytest.mark.parametrize("outcome", [ACCEPTED, REJECTED])
def test_the_station_is_asked_what_it_has_and_its_answer_is_the_allocations(
    outcome: CallResult,
) -> None:
    told = telling()
    command_id = call(told, profile())
    told.answer(outcome)
    assert told.finals(command_id) == [("done", "ok")]
    report(told, NIGHT)
    assert told.in_control == ("OCPP Profile", 10.0, "released")
    call(told, {"chargingProfileId": FOREIGN_ID}, "ClearChargingProfile")
    told.answer()
    report(told)
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_a_limit_of_the_bridge_holds_above_it() -> None:
    told = telling()
    call(told, profile())
    told.answer()
    report(told, NIGHT)
    told.applied(8.0)
    assert told.in_control == ("MQTT", 8.0, "active")


def test_a_report_that_was_under_way_is_asked_for_once_more() -> None:
    told = telling()
    call(told, profile())
    told.answer()
    request = told.request
    assert isinstance(request, GetChargingProfiles)
    told.answer(ACCEPTED)  # its report is still to come when the next call is answered
    call(told, profile(8, id=78))
    told.answer()
    told.tell(ReportChargingProfiles(request_id=request.request_id, profiles=(NIGHT,), more=False))
    assert told.in_control == ("Unmanaged", 32.0, "released")
    report(told, NIGHT)
    assert told.in_control == ("OCPP Profile", 10.0, "released")


def test_a_question_that_is_still_to_be_asked_is_early_enough() -> None:
    told = telling()
    call(told, profile())
    call_id = told.calls[-1].call_id
    told.station = replace(told.station, readback=Readback(until=told.now))
    asked = len(told.calls)
    told.answer(call_id=call_id)
    assert not any(isinstance(each.request, GetChargingProfiles) for each in told.calls[asked:])
