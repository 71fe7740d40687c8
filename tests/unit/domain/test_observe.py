"""Whether an accepted limit is kept: the current that is measured, the composite schedule."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import allocation, upkeep
from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallResult,
    GetCompositeSchedule,
    ProfilePurpose,
    SetChargingProfile,
)
from bridge.domain.effects import FaultRecorded
from bridge.domain.enums import ChargingState, ConnectorStatus
from bridge.domain.events import NotifyChargingLimit
from bridge.domain.knowledge import Learnt
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.domain.station import Restarted
from tests.records import replace
from tests.unit.domain.builders import (
    CALLERROR,
    CUT,
    REJECTED,
    TIMEOUT,
    Told,
    charging,
    readings,
    ready,
    sample,
    updated,
)


def asking(told: Told) -> Told:
    """Let the bridge ask from now on, but not what `readback` asks."""
    told.settings = replace(told.settings, automatic_calls=True)
    learnt = Learnt(asked=True, reads_profiles=False)
    told.station = replace(told.station, learnt=learnt)
    return told


def limited(limit_a: float = 10.0, **changes: Any) -> Told:
    """A transaction under an accepted limit, about which the station is being asked."""
    told = asking(charging(**changes))
    told.applied(limit_a)
    return told


def draws(told: Told, current_a: float, after: float = 1.0, late: float = 0.0) -> None:
    """The highest phase carries this current; measured `late` seconds before it is told."""
    at = told.now + timedelta(seconds=after - late)
    moment = readings(
        sample("Current.Import", current_a - 1, "L1"),
        sample("Current.Import", current_a, "L2"),
        at=at,
    )
    seq_no = told.transaction.last_seq_no + 1
    told.tell(updated(seq_no, at, meter_values=(moment,)), after)


def schedule(*limits: float, unit: RateUnit = RateUnit.AMPERE) -> CallResult:
    periods = tuple(Period(start_seconds=60 * i, limit=each) for i, each in enumerate(limits))
    return CallResult(
        accepted=True, status="Accepted", schedule=Schedule(unit=unit, periods=periods)
    )


def asked(told: Told) -> int:
    return sum(isinstance(call.request, GetCompositeSchedule) for call in told.calls)


def faults(told: Told) -> list[dict[str, Any]]:
    return [dict(each.details) for each in told.events if isinstance(each, FaultRecorded)]


def kept(told: Told) -> bool:
    observed = told.evse().observed
    assert observed is not None
    return observed.ok


# --- The current


def test_a_vehicle_that_follows_is_seen_to_follow() -> None:
    told = charging()
    told.applied(10.0)
    draws(told, 9.8)
    observed = told.evse().observed
    assert observed is not None
    assert (observed.current_a, observed.ok, observed.at) == (9.8, True, told.now)


def test_a_current_that_hardly_moves_is_no_news() -> None:
    told = limited()
    draws(told, 9.0)
    first = told.evse().observed
    for current_a in (9.2, 9.4, 8.6):
        draws(told, current_a)
        assert told.evse().observed is first
    draws(told, 9.5)
    observed = told.evse().observed
    assert observed is not None
    assert (observed.current_a, observed.ok) == (9.5, True)


def test_a_current_above_the_limit_is_told_once_when_it_has_lasted() -> None:
    told = charging()
    told.applied(10.0)
    draws(told, 16.0, after=20)
    assert (kept(told), faults(told)) == (True, [])
    draws(told, 16.0, after=10)
    draws(told, 15.0, after=10)
    assert (kept(told), faults(told)) == (False, [{"offeredA": 10.0, "currentA": 16.0}])
    assert told.in_control == ("MQTT", 10.0, "active")
    fault = next(each for each in told.events if isinstance(each, FaultRecorded))
    assert fault.code == "limit_not_observed"
    assert fault.message == "the station has accepted 10 A but allows 16 A"


def test_it_is_well_again_when_the_current_falls_and_told_again_when_it_rises() -> None:
    told = charging()
    told.applied(10.0)
    draws(told, 16.0, after=40)
    draws(told, 10.5)
    assert kept(told)
    draws(told, 16.0)
    draws(told, 16.0, after=29)
    assert kept(told)
    draws(told, 16.0, after=1)
    assert not kept(told)
    assert len(faults(told)) == 2


def test_a_reading_from_before_the_acceptance_is_no_evidence() -> None:
    told = charging()
    told.applied(10.0)
    draws(told, 16.0, after=2, late=10)
    draws(told, 10.0, after=30)
    assert kept(told)
    assert faults(told) == []


def test_a_station_whose_clock_is_slow_is_observed_all_the_same() -> None:
    told = ready()
    told.status(ConnectorStatus.OCCUPIED)
    hour = timedelta(hours=1)
    told.now += hour
    told.tell(updated(0, told.now - hour, evse_id=1, charging_state=ChargingState.CHARGING))
    told.applied(10.0)
    draws(told, 16.0, after=31, late=3600)
    assert not kept(told)


def test_each_limit_gets_its_time() -> None:
    told = charging()
    told.applied(16.0)
    draws(told, 16.0, after=60)
    told.applied(10.0)
    draws(told, 16.0, after=5)
    draws(told, 10.0, after=30)
    assert faults(told) == []


def test_while_a_write_is_on_its_way_nothing_is_held_against_the_old_limit() -> None:
    told = charging()
    told.applied(10.0)
    told.limit(16.0)
    draws(told, 16.0, after=40)
    told.answer()
    draws(told, 16.0, after=40)
    assert kept(told)
    assert faults(told) == []


def test_without_a_limit_of_ours_nothing_is_observed() -> None:
    told = charging()
    draws(told, 16.0)
    assert told.evse().observed is None
    told.applied(10.0)
    draws(told, 10.0)
    told.release()
    told.answer()
    draws(told, 16.0)
    assert told.evse().observed is None


def test_a_message_without_a_current_says_nothing_of_the_limit() -> None:
    told = charging()
    draws(told, 16.0)
    told.applied(10.0)
    told.tell(updated(5, told.now, meter_values=(readings(sample("SoC", 50.0), at=told.now),)), 60)
    assert told.evse().observed is None


def test_a_limit_that_may_not_be_there_is_not_judged() -> None:
    told = charging()
    told.limit(10.0)
    told.answer(TIMEOUT)
    told.answer(TIMEOUT)
    draws(told, 16.0, after=40)
    assert faults(told) == []


def test_a_reading_that_keeps_to_the_limit_costs_no_arbitration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = charging()
    told.applied(10.0, ttl_seconds=600)
    draws(told, 9.8)
    monkeypatch.setattr(allocation, "arbitrate", None)
    draws(told, 9.7)
    assert told.evse().meter is not None


# --- A default that does not reach the transaction


def defaulted() -> Told:
    """A limit that was accepted before the transaction began."""
    told = ready()
    told.applied(10.0)
    asking(told)
    told.status(ConnectorStatus.OCCUPIED)
    told.start()
    return told


def purposes(told: Told) -> list[ProfilePurpose]:
    return [
        call.request.purpose for call in told.calls if isinstance(call.request, SetChargingProfile)
    ]


@pytest.mark.parametrize("by_schedule", [False, True])
def test_a_default_that_the_transaction_ignores_is_sent_as_its_own(by_schedule: bool) -> None:
    told = defaulted()
    if by_schedule:
        told.answer(schedule(16.0))
    else:
        told.answer(TIMEOUT)
        draws(told, 16.0, after=40)
    assert purposes(told) == [ProfilePurpose.TX_DEFAULT, ProfilePurpose.TX]
    assert told.station.learnt.default_governs_running is False
    assert faults(told) == []
    told.answer()
    assert told.in_control == ("MQTT", 10.0, "active")


def test_a_default_that_reaches_the_transaction_is_left_alone() -> None:
    told = defaulted()
    told.answer(schedule(10.0))
    assert told.station.learnt.default_governs_running is True
    assert purposes(told) == [ProfilePurpose.TX_DEFAULT]


# --- The composite schedule


def test_the_station_is_asked_once_for_each_accepted_limit_of_a_transaction() -> None:
    told = limited(10.0)
    assert told.request == GetCompositeSchedule(
        evse_id=1, duration_seconds=60, unit=RateUnit.AMPERE
    )
    told.answer(schedule(10.0, 6.0))
    draws(told, 9.0, after=60)
    told.tick(60)
    assert asked(told) == 1
    told.applied(12.0)
    assert asked(told) == 2


def test_a_question_is_never_queued_behind_another() -> None:
    told = limited(10.0)
    question = told.calls[-1].call_id
    told.applied(12.0)
    assert asked(told) == 1
    told.answer(schedule(10.0), call_id=question)
    assert asked(told) == 2
    assert told.evse().observed is None
    assert told.in_control == ("MQTT", 12.0, "active")


def test_nothing_is_asked_without_a_transaction_or_where_silence_is_wanted() -> None:
    idle = asking(ready())
    idle.applied(10.0)
    silent = charging()
    silent.applied(10.0)
    assert (asked(idle), asked(silent)) == (0, 0)


NO_SCHEDULE = CallResult(accepted=True, status="Accepted")


@pytest.mark.parametrize(
    "outcome", [REJECTED, NO_SCHEDULE, schedule(), schedule(-1.0), CALLERROR, TIMEOUT]
)
def test_who_has_no_composite_schedule_is_not_asked_again(outcome: Any) -> None:
    told = limited()
    told.answer(outcome)
    assert told.station.learnt.composite_schedule is False
    told.applied(12.0)
    assert asked(told) == 1


def test_a_lost_connection_says_nothing_of_what_a_station_can() -> None:
    told = limited()
    told.answer(CUT)
    assert told.station.learnt.composite_schedule is None


def test_a_station_that_allows_more_than_it_accepted_is_told_of_once() -> None:
    told = limited(10.0)
    told.answer(schedule(16.0))
    draws(told, 9.0)
    assert faults(told) == [{"offeredA": 10.0, "compositeA": 16.0}]
    assert not kept(told)
    told.applied(8.0)
    told.answer(schedule(16.0))
    assert len(faults(told)) == 1
    told.applied(7.0)
    told.answer(schedule(7.0))
    draws(told, 7.0)
    assert kept(told)


def test_a_tenth_of_an_ampere_is_no_difference() -> None:
    told = limited(10.0)
    told.answer(schedule(10.1))
    assert faults(told) == []
    assert told.station.external_limits == ()


def test_watts_are_compared_as_far_as_voltages_allow() -> None:
    told = limited(10.0)
    told.answer(schedule(7000.0, unit=RateUnit.WATT))
    assert faults(told) == []
    told.applied(8.0)
    told.answer(schedule(7000.0, unit=RateUnit.WATT))
    assert faults(told) == [{"offeredA": 8.0, "compositeA": 10.14}]


# --- Limits that nobody told of


def test_what_the_station_allows_less_is_somebody_elses_limit() -> None:
    told = limited(16.0)
    told.answer(schedule(8.0))
    assert told.in_control == ("OCPP Profile", 8.0, "standby")
    assert told.allocation.limits[0].detail == {"limitSource": "Unknown", "gridCritical": False}
    # it is not written back: then its end could never be seen
    assert told.limits_sent() == [16.0, None]


def test_such_a_limit_is_looked_at_until_it_is_gone() -> None:
    told = limited(16.0)
    told.answer(schedule(8.0))
    due = told.now + timedelta(seconds=60)
    assert upkeep.next_deadline(told.station, told.now) == due
    told.tick(60)
    told.answer(schedule(8.0))
    told.tick(60)
    told.answer(schedule(9.0))
    assert told.in_control == ("OCPP Profile", 9.0, "standby")
    told.tick(60)
    told.answer(schedule(16.0))
    assert told.in_control == ("MQTT", 16.0, "active")
    assert asked(told) == 4
    assert upkeep.next_deadline(told.station, told.now) is None


def test_such_a_limit_does_not_outlive_the_transaction() -> None:
    told = limited(16.0)
    told.answer(schedule(8.0))
    told.end()
    assert told.station.external_limits == ()


def test_a_lower_limit_of_a_controller_is_still_written() -> None:
    told = limited(16.0)
    told.answer(schedule(8.0))
    told.applied(6.0)
    assert told.in_control == ("MQTT", 6.0, "active")


def test_a_known_limit_explains_why_less_is_allowed() -> None:
    told = limited(16.0)
    known = Schedule(unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=8.0),))
    told.tell(NotifyChargingLimit(limit_source="EMS", evse_id=1, schedules=(known,)))
    told.answer(schedule(8.0), call_id=told.calls[1].call_id)
    assert [each.limit_source for each in told.station.external_limits] == ["EMS"]


def test_a_restart_forgets_what_was_being_asked() -> None:
    told = limited()
    told.tell(Restarted())
    assert told.station.questions == ()
    told.connect()
    told.applied(12.0)
    assert asked(told) == 2


def test_queue_full_is_no_answer_either() -> None:
    told = limited()
    told.answer(CallFailed(failure=CallFailure.QUEUE_FULL))
    assert told.station.learnt.composite_schedule is None


def test_a_station_that_is_away_is_asked_when_it_is_back() -> None:
    told = limited(16.0)
    told.answer(schedule(8.0))
    told.disconnect()
    told.tick(60)
    assert upkeep.next_deadline(told.station, told.now) is None
    told.connect()
    assert asked(told) == 2


def test_nothing_is_asked_while_another_limit_is_on_its_way() -> None:
    told = limited(16.0)
    told.answer(schedule(8.0))
    told.limit(6.0)
    told.tick(60)
    assert asked(told) == 1
