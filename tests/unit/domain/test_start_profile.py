"""The limit that a remote start brings: what is sent, what is believed, what is done without."""

from datetime import timedelta
from typing import Any, Final

import pytest

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallResult,
    GetCompositeSchedule,
    ProfilePurpose,
    RequestStartTransaction,
    SetChargingProfile,
)
from bridge.domain.commands import Pause, SetPhases, Start
from bridge.domain.control import TeamShare
from bridge.domain.effects import FaultRecorded
from bridge.domain.enums import ChargingState, TriggerReason
from bridge.domain.events import Connected, IdToken, StartTransaction
from bridge.domain.knowledge import Learnt
from bridge.domain.records import replace
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.domain.station import Restarted, ShareChanged
from bridge.domain.wanted import START_BEFORE
from tests.unit.domain.builders import (
    CALLERROR,
    CUT,
    REJECTED,
    T0,
    TIMEOUT,
    Told,
    readings,
    ready,
    sample,
    updated,
)

TOKEN: Final = IdToken(value="04AB", type="ISO14443")
TX_ID: Final = 0x4D510001
UNREADABLE: Final = CallFailed(failure=CallFailure.ERROR, code="PropertyConstraintViolation")


def given(told: Told, max_a: float | None = 10.0, **more: Any) -> str:
    """Give the command `start`; return its id."""
    evse_id = more.pop("evse_id", 1)
    return told.command(Start(id_token=TOKEN, max_a=max_a, **more), evse_id=evse_id)


def begins(told: Told, transaction_id: str = "T1") -> None:
    """The station tells of the transaction that the last start has begun."""
    told.start(
        transaction_id,
        remote_start_id=told.station.remote_start_count,
        trigger_reason=TriggerReason.REMOTE_START,
    )


def asking(told: Told, **learnt: Any) -> Told:
    """Let the bridge ask what a station makes of all profiles."""
    told.settings = replace(told.settings, automatic_calls=True)
    known = Learnt(asked=True, reads_profiles=False, **learnt)
    told.station = replace(told.station, learnt=known)
    return told


def starts(told: Told) -> list[RequestStartTransaction]:
    return [c.request for c in told.calls if isinstance(c.request, RequestStartTransaction)]


def writes(told: Told) -> list[SetChargingProfile]:
    return [c.request for c in told.calls if isinstance(c.request, SetChargingProfile)]


def brought(told: Told) -> list[float | None]:
    """Limits of the profiles of all starts, None for one without."""
    return [each.profile.limit_a if each.profile else None for each in starts(told)]


def composite(limit_a: float) -> CallResult:
    periods = (Period(start_seconds=0, limit=limit_a),)
    schedule = Schedule(unit=RateUnit.AMPERE, periods=periods)
    return CallResult(accepted=True, status="Accepted", schedule=schedule)


# --- What is sent


def test_a_start_brings_its_limit_as_a_profile_of_no_transaction_yet() -> None:
    told = ready(stack_level=3)
    given(told)
    assert told.request == RequestStartTransaction(
        evse_id=1,
        remote_start_id=1,
        id_token=TOKEN,
        profile=SetChargingProfile(
            evse_id=1,
            profile_id=TX_ID,
            purpose=ProfilePurpose.TX,
            stack_level=3,
            limit_a=10.0,
            start_at=told.now - START_BEFORE,
        ),
    )


@pytest.mark.parametrize(
    ("max_a", "limit_a"), [(10.0, 10.0), (50.0, 32.0), (4.0, 0.0), (10.16, 10.1)]
)
def test_it_is_the_limit_that_the_transaction_would_get(max_a: float, limit_a: float) -> None:
    told = ready()
    given(told, max_a)
    assert brought(told) == [limit_a]


def test_what_others_claim_is_part_of_it() -> None:
    told = ready()
    told.applied(8.0)
    given(told)
    told.command(Pause())
    told.answer()
    given(told)
    assert brought(told) == [8.0, 0.0]


def nothing_asked(told: Told) -> None:
    given(told, None)


def any_evse(told: Told) -> None:
    given(told, evse_id=0)


def not_wanted(told: Told) -> None:
    told.settings = replace(told.settings, start_profile=False)
    given(told)


def a_charge_controller(told: Told) -> None:
    told.settings = replace(told.settings, secc=True)
    given(told)


def known_to_refuse_it(told: Told) -> None:
    told.station = replace(told.station, learnt=Learnt(start_profile=False))
    given(told)


def known_to_refuse_tx_profiles(told: Told) -> None:
    told.station = replace(told.station, learnt=Learnt(tx_profile=False))
    given(told)


def in_a_group(told: Told) -> None:
    told.tell(ShareChanged(evse_id=1, share=TeamShare(team="t", limit_a=16.0, at=T0)))
    given(told)


def under_a_lease(told: Told) -> None:
    told.applied(8.0, ttl_seconds=60)
    given(told)


def on_one_phase(told: Told) -> None:
    told.settings = replace(told.settings, phase_switching=True)
    told.command(SetPhases(phases=1))
    given(told)


def while_a_profile_is_written(told: Told) -> None:
    told.limit(8.0)
    given(told)


@pytest.mark.parametrize(
    "situation",
    [
        nothing_asked,
        any_evse,
        not_wanted,
        a_charge_controller,
        known_to_refuse_it,
        known_to_refuse_tx_profiles,
        in_a_group,
        under_a_lease,
        on_one_phase,
        while_a_profile_is_written,
    ],
)
def test_a_start_without_a_profile(situation: Any) -> None:
    told = ready()
    situation(told)
    assert brought(told) == [None]


# --- What is believed


def test_the_profile_is_known_when_the_transaction_begins() -> None:
    told = ready()
    command_id = given(told)
    told.answer()
    begins(told)
    assert told.finals(command_id) == [("done", "ok")]
    assert writes(told) == []
    assert told.in_control == ("Transaction", 10.0, "released")
    accepted = told.allocation.accepted
    assert accepted is not None
    assert (accepted.profile_id, accepted.transaction_id) == (TX_ID, "T1")
    assert told.station.learnt.start_profile is True


def test_a_transaction_that_is_told_before_the_answer_has_it_too() -> None:
    told = ready()
    given(told)
    begins(told)
    told.answer(call_id=told.calls[0].call_id)
    assert writes(told) == []
    assert told.in_control == ("Transaction", 10.0, "released")


def test_a_transaction_that_the_cable_began_gets_it_with_its_token() -> None:
    told = ready()
    told.start(charging_state=ChargingState.EV_CONNECTED)
    given(told)
    told.answer()
    about = {"trigger_reason": TriggerReason.REMOTE_START, "remote_start_id": 1}
    told.tell(updated(1, told.now, id_token=TOKEN, **about))
    assert (brought(told), writes(told)) == ([10.0], [])
    assert told.in_control == ("Transaction", 10.0, "released")


def test_a_transaction_that_has_a_profile_of_ours_keeps_it() -> None:
    told = ready()
    told.start(charging_state=ChargingState.EV_CONNECTED)
    told.applied(8.0)
    given(told)
    assert brought(told) == [None]


def test_what_was_written_meanwhile_counts() -> None:
    told = ready()
    told.start(charging_state=ChargingState.EV_CONNECTED)
    given(told)
    told.answer()
    told.limit(8.0)
    about = {"trigger_reason": TriggerReason.REMOTE_START, "remote_start_id": 1}
    told.tell(updated(1, told.now, id_token=TOKEN, **about))
    told.answer(call_id=told.calls[1].call_id)
    assert [each.limit_a for each in writes(told)] == [8.0]
    (installed,) = told.evse().installed
    assert installed.limit_a == 8.0

    told.tell(updated(2, told.now, **about))
    assert told.evse().installed == (installed,)


def test_a_limit_that_has_changed_by_then_is_written() -> None:
    told = ready()
    given(told)
    told.answer()
    told.applied(8.0)
    begins(told)
    assert [(each.purpose, each.limit_a) for each in writes(told)] == [
        (ProfilePurpose.TX_DEFAULT, 8.0),
        (ProfilePurpose.TX, 8.0),
    ]


def test_a_transaction_on_another_evse_does_not_have_it() -> None:
    told = ready(evses=2)
    given(told)
    told.answer()
    told.start(evse_id=2, remote_start_id=1)
    assert [(each.evse_id, each.limit_a) for each in writes(told)] == [(2, 10.0)]


def test_the_profile_goes_with_its_transaction() -> None:
    told = ready()
    given(told)
    told.answer()
    begins(told)
    told.end()
    assert told.evse().installed == ()
    begins(told, "T2")  # says a number that was used up
    assert [each.transaction_id for each in writes(told)] == []


# --- What is verified


def test_the_station_is_asked_what_it_makes_of_it_and_no_more_is_written() -> None:
    told = asking(ready())
    given(told)
    told.answer()
    begins(told)
    assert isinstance(told.request, GetCompositeSchedule)
    told.answer(composite(10.0))
    assert writes(told) == []
    assert told.in_control == ("Transaction", 10.0, "released")
    assert told.station.learnt.start_profile is True


def test_a_station_that_leaves_more_gets_it_written_and_is_known_to_ignore_it() -> None:
    told = asking(ready())
    given(told)
    told.answer()
    begins(told)
    told.answer(composite(32.0))
    (written,) = writes(told)
    assert (written.profile_id, written.transaction_id, written.limit_a) == (TX_ID, "T1", 10.0)
    told.answer()
    assert told.station.learnt.start_profile is False
    assert not [each for each in told.events if isinstance(each, FaultRecorded)]
    told.answer(composite(10.0))
    told.end()
    given(told)
    assert brought(told) == [10.0, None]


def test_a_vehicle_that_draws_more_gets_it_written() -> None:
    told = ready()
    given(told)
    told.answer()
    begins(told)
    for number in (1, 2):
        at = told.now + timedelta(seconds=40)
        values = (readings(sample("Current.Import", 16.0, "L1"), at=at),)
        told.tell(updated(number, at, meter_values=values), 40)
    assert [each.limit_a for each in writes(told)] == [10.0]


@pytest.mark.parametrize("answer", [CALLERROR, TIMEOUT, REJECTED])
def test_a_station_that_cannot_be_asked_gets_it_written(answer: Any) -> None:
    told = asking(ready())
    given(told)
    told.answer()
    begins(told)
    told.answer(answer)
    assert [each.limit_a for each in writes(told)] == [10.0]


def test_a_station_that_is_known_not_to_tell_gets_it_written_at_once() -> None:
    told = asking(ready(), composite_schedule=False)
    given(told)
    told.answer()
    begins(told)
    assert brought(told) == [10.0]
    assert [each.limit_a for each in writes(told)] == [10.0]


# --- What is done without


@pytest.mark.parametrize("refused", [REJECTED, UNREADABLE])
def test_a_refused_start_is_asked_for_once_more_without(refused: Any) -> None:
    told = ready()
    command_id = given(told)
    told.answer(refused)
    assert told.finals(command_id) == []
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data is not None
    assert told.station.learnt.start_profile is False
    first, second = starts(told)
    assert second == replace(first, profile=None)
    begins(told)
    assert [each.limit_a for each in writes(told)] == [10.0]


def test_one_that_is_refused_without_too_says_nothing_of_profiles() -> None:
    told = ready()
    command_id = given(told)
    told.answer(REJECTED)
    told.answer(REJECTED)
    assert told.finals(command_id) == [("rejected", "station_rejected")]
    assert brought(told) == [10.0, None]
    assert told.station.learnt.start_profile is None
    assert told.station.calls == ()


def test_a_station_that_takes_them_is_not_asked_again() -> None:
    told = ready()
    told.station = replace(told.station, learnt=Learnt(start_profile=True))
    command_id = given(told)
    told.answer(REJECTED)
    assert told.finals(command_id) == [("rejected", "station_rejected")]
    assert brought(told) == [10.0]


@pytest.mark.parametrize("failed", [TIMEOUT, CUT, CALLERROR])
def test_what_may_have_begun_is_not_asked_for_again(failed: Any) -> None:
    told = ready()
    command_id = given(told)
    told.answer(failed)
    assert [status for status, _ in told.finals(command_id)] == ["failed"]
    assert brought(told) == [10.0]


def test_where_a_transaction_runs_by_then_none_is_asked_for() -> None:
    told = ready()
    command_id = given(told)
    told.start()
    told.answer(REJECTED)
    assert told.finals(command_id) == [("rejected", "station_rejected")]
    assert brought(told) == [10.0]


def test_a_start_that_has_expired_by_then_is_not_asked_for_again() -> None:
    told = ready()
    start = Start(id_token=TOKEN, max_a=10.0)
    command_id = told.command(start, expires_at=told.now + timedelta(seconds=2))
    told.tick(5)
    told.answer(REJECTED)
    assert told.finals(command_id) == [("rejected", "station_rejected")]
    assert brought(told) == [10.0]


# --- Answers that are lost


def lost_by_time(told: Told) -> None:
    told.answer(TIMEOUT)


def lost_by_restart(told: Told) -> None:
    told.tell(Restarted())
    told.connect()


@pytest.mark.parametrize("lost", [lost_by_time, lost_by_restart])
def test_a_start_that_was_carried_out_all_the_same_has_its_limit(lost: Any) -> None:
    told = ready()
    given(told)
    lost(told)
    begins(told)
    assert told.transaction.max_a == 10.0
    assert told.in_control == ("Transaction", 10.0, "released")
    assert writes(told) == []


@pytest.mark.parametrize(("after", "max_a"), [(60, 10.0), (180, None)])
def test_a_charge_point_of_1_6_too_for_some_time(after: int, max_a: float | None) -> None:
    told = ready()
    told.tell(Connected(version="1.6", connection_id="c2", remote="127.0.0.1"))
    given(told)
    told.answer(TIMEOUT)
    told.tick(after)
    told.tell(
        StartTransaction(
            evse_id=1, id_token=TOKEN, meter_start_wh=0.0, timestamp=told.now, reservation_id=None
        )
    )
    assert told.transaction.max_a == max_a


def test_a_charge_point_of_1_6_that_begins_before_it_answers_has_its_limit() -> None:
    told = ready()
    told.tell(Connected(version="1.6", connection_id="c2", remote="127.0.0.1"))
    given(told)
    told.tell(
        StartTransaction(
            evse_id=1, id_token=TOKEN, meter_start_wh=0.0, timestamp=told.now, reservation_id=None
        )
    )
    told.answer(call_id=told.calls[0].call_id)
    assert told.transaction.max_a == 10.0
    assert (brought(told), writes(told)) == ([10.0], [])
