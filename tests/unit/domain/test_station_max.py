"""The profile for the whole station: when it is written, and when it is left alone."""

from typing import Any

import pytest

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallResult,
    ClearChargingProfile,
    GetChargingProfiles,
    ProfilePurpose,
    SetChargingProfile,
    StationRequest,
)
from bridge.domain.control import NO_STATION_MAX
from bridge.domain.effects import FaultRecorded
from bridge.domain.events import BootNotification, Connected, ReportChargingProfiles
from bridge.domain.knowledge import Learnt
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import NumberPhases, ProfileKind, RateUnit
from bridge.domain.station import Restarted
from bridge.domain.upkeep import next_deadline
from bridge.domain.wanted import START_BEFORE
from tests.unit.domain.builders import (
    ACCEPTED,
    CALLERROR,
    CUT,
    KNOWN,
    REJECTED,
    T0,
    TIMEOUT,
    Told,
    ready,
)

ID = 0x4D528000
FORTY = replace(KNOWN, station_max_a=40.0)
UNSENT = CallFailed(failure=CallFailure.UNSUPPORTED, description="no such request")


def booted(firmware: str = "1") -> BootNotification:
    return BootNotification(
        vendor_name="V", model="M", firmware_version=firmware, reason="PowerUp"
    )


def asked(told: Told) -> list[StationRequest]:
    """What was asked for the whole station."""
    return [
        call.request
        for call in told.calls
        if (isinstance(call.request, SetChargingProfile) and call.request.evse_id == 0)
        or (isinstance(call.request, ClearChargingProfile) and call.request.profile_id == ID)
    ]


def limits(told: Told) -> list[float | None]:
    """Their limits, None for a clear."""
    return [getattr(request, "limit_a", None) for request in asked(told)]


def faults(told: Told) -> list[FaultRecorded]:
    return [event for event in told.events if isinstance(event, FaultRecorded)]


def limited(**changes: Any) -> Told:
    """A station that has accepted 40 A for all its EVSEs."""
    told = ready(replace(FORTY, **changes))
    told.answer(call_id=1)
    return told


def again(told: Told, station_max_a: float | None) -> None:
    """Restart the bridge with another configuration; the station comes back."""
    told.settings = replace(told.settings, station_max_a=station_max_a)
    told.tell(Restarted())
    told.connect()


def profile(limit: float, unit: RateUnit = RateUnit.AMPERE) -> ChargingProfile:
    return ChargingProfile(
        profile_id=ID,
        evse_id=0,
        purpose="ChargingStationMaxProfile",
        kind="Absolute",
        stack_level=0,
        schedule=Schedule(unit=unit, periods=(Period(start_seconds=0, limit=limit),), start_at=T0),
    )


# --- What is sent


def test_where_nothing_is_configured_nothing_is_written() -> None:
    told = ready()
    told.tell(booted())
    assert asked(told) == []
    assert told.station.station_max is NO_STATION_MAX


def test_it_is_for_evse_0_and_written_once() -> None:
    told = ready(FORTY, stack_level=3, profile_kind=ProfileKind.RELATIVE)
    told.answer(call_id=1)
    told.tell(booted())
    told.tell(booted())
    told.tick(3600)
    assert asked(told) == [
        SetChargingProfile(
            evse_id=0,
            profile_id=ID,
            purpose=ProfilePurpose.STATION_MAX,
            stack_level=3,
            limit_a=40.0,
            start_at=T0.replace(second=1) - START_BEFORE,
        )
    ]
    assert told.station.learnt.station_max_profile is True
    assert faults(told) == []


def test_it_is_in_watts_with_phases_where_the_station_wants_that() -> None:
    told = ready(FORTY, rate_unit=RateUnit.WATT, number_phases=NumberPhases.ALWAYS)
    (request,) = asked(told)
    assert isinstance(request, SetChargingProfile)
    assert (request.limit_w, request.number_phases) == (27_600.0, 3)


def test_it_is_a_level_below_that_of_somebody_else() -> None:
    told = Told(FORTY, online=False)
    theirs = replace(profile(63.0), profile_id=7, stack_level=3)
    told.station = replace(told.station, profiles=(theirs,), learnt=Learnt(max_stack_level=3))
    told.connect()
    (request,) = asked(told)
    assert isinstance(request, SetChargingProfile)
    assert request.stack_level == 2


def test_a_charge_controller_has_none() -> None:
    assert asked(ready(FORTY, secc=True)) == []


def test_limits_of_evses_come_first() -> None:
    told = Told(FORTY, online=False)
    told.station = ready().station
    told.limit(10.0, defer=True)
    told.connect()
    assert [getattr(call.request, "evse_id", None) for call in told.calls] == [1]
    told.answer()
    assert [getattr(call.request, "evse_id", None) for call in told.calls] == [1, 0]
    told.limit(8.0)  # does not wait for the answer
    assert [getattr(call.request, "evse_id", None) for call in told.calls] == [1, 0, 1]


def test_nothing_is_written_before_the_station_is_accepted() -> None:
    told = ready(FORTY, known=False)
    assert asked(told) == []


# --- When it is written again


def test_another_limit_replaces_it() -> None:
    told = limited()
    again(told, 50.0)
    assert limits(told) == [40.0, 50.0]


def test_the_same_limit_after_a_restart_is_left_alone() -> None:
    told = limited()
    again(told, 40.0)
    assert limits(told) == [40.0]


def test_other_software_may_have_lost_it() -> None:
    told = limited()
    told.tell(booted("1"))
    told.tell(booted("2"))
    assert limits(told) == [40.0, 40.0]


@pytest.mark.parametrize("answer", [ACCEPTED, CallResult(accepted=False, status="Unknown")])
def test_it_is_removed_when_it_is_no_longer_configured(answer: CallResult) -> None:
    told = limited()
    again(told, None)
    assert asked(told)[1:] == [ClearChargingProfile(profile_id=ID)]
    told.answer(answer)
    assert told.station.station_max == NO_STATION_MAX
    again(told, None)
    assert limits(told) == [40.0, None]


@pytest.mark.parametrize("failed", [CALLERROR, TIMEOUT])
def test_a_removal_that_failed_is_tried_again_later(failed: CallFailed) -> None:
    told = limited()
    again(told, None)
    told.answer(failed)
    told.tick(200)
    assert limits(told) == [40.0, None]
    told.tick(100)
    assert limits(told) == [40.0, None, None]
    assert faults(told) == []


# --- What the station reports


def reading(limit_a: float | None = 40.0) -> Told:
    """A station that is asked which profiles it has, as soon as it is there."""
    told = Told(replace(KNOWN, station_max_a=limit_a, automatic_calls=True), online=False)
    told.station = replace(told.station, learnt=Learnt(asked=True))
    return told


def report(told: Told, *profiles: ChargingProfile) -> None:
    """The station boots, and reports its profiles when it is asked."""
    told.connect()
    told.tell(booted())
    request = told.request
    assert isinstance(request, GetChargingProfiles)
    told.answer()
    told.tell(ReportChargingProfiles(request_id=request.request_id, profiles=profiles))


def test_nothing_is_written_before_the_station_has_reported() -> None:
    told = reading()
    told.connect()
    told.tell(booted())
    assert asked(told) == []


@pytest.mark.parametrize(
    "reported", [profile(40.0), profile(40.04), profile(27_600.0, RateUnit.WATT)]
)
def test_one_that_is_reported_is_known_again(reported: ChargingProfile) -> None:
    told = reading()
    report(told, reported)
    assert asked(told) == []
    assert told.station.profiles == ()


@pytest.mark.parametrize(
    "reported",
    [
        (),
        (profile(32.0),),
        (replace(profile(0.0), schedule=Schedule(unit=RateUnit.AMPERE, periods=())),),
    ],
)
def test_one_that_is_missing_or_different_is_written(
    reported: tuple[ChargingProfile, ...],
) -> None:
    told = reading()
    report(told, *reported)
    assert limits(told) == [40.0]


def test_one_that_was_accepted_and_is_not_reported_is_written_again() -> None:
    told = reading()
    report(told)
    told.answer()
    report(told)
    assert limits(told) == [40.0, 40.0]


def test_one_of_an_earlier_configuration_is_removed() -> None:
    told = reading(None)
    report(told, profile(40.0))
    assert asked(told) == [ClearChargingProfile(profile_id=ID)]


# --- What the station refuses


@pytest.mark.parametrize(
    ("refused", "details"),
    [
        (REJECTED, {"status": "Rejected", "reasonCode": "InvalidProfile", "additionalInfo": None}),
        (
            CALLERROR,
            {"code": "InternalError", "description": "out of memory"},
        ),
    ],
)
def test_a_refusal_is_told_once_and_not_tried_again(refused: Any, details: Any) -> None:
    told = ready(FORTY)
    told.answer(refused, call_id=1)
    (fault,) = faults(told)
    assert (fault.evse_id, fault.code) == (0, "station_max_refused")
    assert fault.message.startswith("no limit for the whole station: the station answered")
    assert fault.details == {"limitA": 40.0, **details}
    assert told.station.learnt.station_max_profile is False
    told.tick(100_000)
    again(told, 40.0)
    told.tell(booted())
    assert limits(told) == [40.0]
    assert len(faults(told)) == 1


def test_the_limits_of_evses_are_none_the_worse_for_it() -> None:
    told = ready(FORTY)
    told.answer(CALLERROR, call_id=1)
    command_id = told.applied(10.0)
    assert told.finals(command_id) == [("done", "ok")]
    assert told.in_control == ("MQTT", 10.0, "active")


def test_other_software_or_another_limit_is_tried() -> None:
    told = ready(FORTY)
    told.answer(REJECTED, call_id=1)
    told.tell(booted("1"))
    told.tell(booted("2"))
    told.answer(REJECTED)
    again(told, 32.0)
    assert limits(told) == [40.0, 40.0, 32.0]


def test_what_is_no_longer_wanted_was_never_refused() -> None:
    told = ready(FORTY)
    told.answer(REJECTED, call_id=1)
    again(told, None)
    again(told, 40.0)
    assert limits(told) == [40.0, 40.0]


def test_a_refused_change_leaves_the_limit_before() -> None:
    told = limited()
    again(told, 50.0)
    told.answer(REJECTED)
    assert told.station.station_max.limit_a == 40.0
    again(told, 40.0)
    assert limits(told) == [40.0, 50.0]


@pytest.mark.parametrize("failed", [TIMEOUT, CUT, UNSENT])
def test_no_answer_is_no_refusal_and_is_waited_for_longer_each_time(failed: CallFailed) -> None:
    told = ready(FORTY)
    told.answer(failed, call_id=1)
    waits = []
    for _ in range(11):
        deadline = next_deadline(told.station, told.now)
        assert deadline is not None
        waits.append(round((deadline - told.now).total_seconds()))
        told.tick(waits[-1])
        told.answer(failed)
    minutes = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    assert waits == [60 * each for each in minutes]
    assert len(asked(told)) == 12
    assert faults(told) == []


def test_what_the_bridge_died_over_is_asked_again() -> None:
    told = ready(FORTY)
    again(told, 40.0)
    assert limits(told) == [40.0, 40.0]


def test_an_offline_station_waits_for_nothing() -> None:
    told = ready(FORTY)
    told.answer(CUT, call_id=1)
    told.disconnect()
    assert next_deadline(told.station, told.now) is None
    told.tell(Connected(version="1.6", connection_id="c2", remote="127.0.0.1"))
    assert len(asked(told)) == 1
