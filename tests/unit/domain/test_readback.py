"""Finding out what a station has and can do, before anything is written to it."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import upkeep
from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallResult,
    ClearChargingProfile,
    GetChargingProfiles,
    GetVariables,
    SetChargingProfile,
    VariableName,
    VariableResult,
)
from bridge.domain.enums import ConnectorStatus
from bridge.domain.events import (
    BootNotification,
    ClearedChargingLimit,
    Connected,
    Heartbeat,
    ReportChargingProfiles,
)
from bridge.domain.knowledge import Learnt
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.domain.station import Approved, Restarted
from bridge.domain.wanted import FALLBACK_PROFILE_ID, TX_DEFAULT_PROFILE_ID, TX_PROFILE_ID
from tests.records import replace
from tests.unit.domain.builders import (
    ACCEPTED,
    CALLERROR,
    CUT,
    KNOWN,
    REJECTED,
    TIMEOUT,
    Told,
    charging,
    ready,
)

BOOT = BootNotification(vendor_name="V", model="M", reason="PowerUp", firmware_version="1.0")
NO_PROFILES = CallResult(accepted=False, status="NoProfiles")
OTHERS_ID = 7


def fresh(**changes: Any) -> Told:
    """A station that has connected for the first time and has said nothing."""
    return Told(replace(KNOWN, automatic_calls=True, trigger_boot=False, **changes))


def remembered(limit_a: float = 10.0, **changes: Any) -> Told:
    """A charging EVSE under a limit of ours; then the bridge restarts, and the station is back."""
    told = charging(**changes)
    told.applied(limit_a)
    told.station = replace(told.station, learnt=replace(told.station.learnt, asked=True))
    told.settings = replace(told.settings, automatic_calls=True)
    told.tell(Restarted())
    told.connect()
    return told


def profile(
    profile_id: int, limit: float = 10.0, unit: RateUnit = RateUnit.AMPERE, **more: Any
) -> ChargingProfile:
    more.setdefault("evse_id", 1)
    more.setdefault("purpose", "TxDefaultProfile")
    periods = () if limit < 0 else (Period(start_seconds=0, limit=limit),)
    return ChargingProfile(
        profile_id=profile_id,
        kind="Absolute",
        stack_level=0,
        schedule=Schedule(unit=unit, periods=periods),
        **more,
    )


def ours(limit: float = 10.0, **more: Any) -> ChargingProfile:
    return profile(TX_PROFILE_ID + 1, limit, purpose="TxProfile", transaction_id="T1", **more)


def asked(told: Told, kind: type) -> list[Any]:
    return [call.request for call in told.calls if isinstance(call.request, kind)]


def call_id(told: Told, kind: type) -> int:
    return next(call.call_id for call in reversed(told.calls) if isinstance(call.request, kind))


def reports(told: Told, *profiles: ChargingProfile, more: bool = False) -> None:
    request_id = asked(told, GetChargingProfiles)[-1].request_id
    told.tell(ReportChargingProfiles(request_id=request_id, profiles=profiles, more=more))


def has(told: Told, *profiles: ChargingProfile) -> None:
    """The station answers that it has these profiles, and no others."""
    told.answer(ACCEPTED if profiles else NO_PROFILES, call_id=call_id(told, GetChargingProfiles))
    if profiles:
        reports(told, *profiles)


def writes(told: Told) -> list[tuple[str, float | None]]:
    return [
        (type(call.request).__name__, getattr(call.request, "limit_a", None))
        for call in told.calls
        if isinstance(call.request, (SetChargingProfile, ClearChargingProfile))
    ]


# --- When it is asked


def test_a_station_is_asked_when_its_boot_has_been_answered() -> None:
    told = fresh()
    assert told.calls == []
    told.tell(BOOT)
    names = ("RateUnit", "ProfileStackLevel", "ACPhaseSwitchingSupported", "Phases3to1")
    variables = tuple(VariableName(component="SmartChargingCtrlr", variable=n) for n in names)
    assert [call.request for call in told.calls] == [
        GetChargingProfiles(request_id=1),
        GetVariables(names=variables),
    ]


def test_a_station_that_does_not_boot_is_asked_with_its_first_message() -> None:
    told = fresh()
    told.tell(Heartbeat())
    told.tell(Heartbeat())
    assert len(told.calls) == 2


def test_a_silent_station_is_asked_after_five_seconds() -> None:
    told = fresh()
    assert upkeep.next_deadline(told.station, told.now) == told.now + timedelta(seconds=5)
    told.tick(4)
    assert told.calls == []
    told.tick(1)
    assert len(told.calls) == 2


def test_a_station_is_asked_nothing_where_the_owner_wants_silence() -> None:
    told = Told(KNOWN, online=False)
    told.tell(Connected(version="2.0.1", connection_id="c1", remote="127.0.0.1"))
    told.tell(BOOT)
    assert told.calls == []
    assert not told.station.recovering


def test_a_station_of_ocpp_1_6_is_asked_what_it_can_and_cannot_be_asked_for_profiles() -> None:
    told = Told(replace(KNOWN, automatic_calls=True), online=False)
    told.tell(Connected(version="1.6", connection_id="c1", remote="127.0.0.1"))
    told.tell(BOOT)
    keys = (
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargeProfileMaxStackLevel",
        "ConnectorSwitch3to1PhaseSupported",
    )
    names = tuple(VariableName(component="ChargePoint", variable=key) for key in keys)
    assert [call.request for call in told.calls] == [GetVariables(names=names)]
    learnt = said(told, **dict(zip(keys, ("Current,Power", "8", "true"), strict=True)))
    assert learnt == Learnt(
        asked=True, rate_units=("A", "W"), max_stack_level=8, phase_switching=True
    )
    assert not told.station.recovering
    told.tell(BOOT)
    assert len(told.calls) == 1


def test_a_station_that_is_pending_is_asked_when_it_is_approved() -> None:
    told = fresh(known=False)
    told.tell(BOOT)
    assert told.calls == []
    told.tell(Approved())
    told.tell(Heartbeat())
    assert len(told.calls) == 2


def test_a_lost_connection_is_no_reason_to_ask_again() -> None:
    told = fresh()
    told.tell(BOOT)
    has(told)
    told.answer(REJECTED)
    told.disconnect()
    told.connect()
    told.tell(Heartbeat())
    assert len(told.calls) == 2


def test_a_boot_is_a_reason_to_ask_for_profiles_again_and_a_new_firmware_for_everything() -> None:
    told = fresh()
    told.tell(BOOT)
    has(told)
    told.answer(REJECTED)
    told.tell(BOOT)
    assert len(told.calls) == 3
    has(told)
    told.tell(replace(BOOT, firmware_version="1.1"))
    assert told.station.learnt == Learnt()
    assert len(told.calls) == 5


def test_an_answer_that_the_connection_took_away_is_asked_for_again() -> None:
    told = fresh()
    told.tell(BOOT)
    told.disconnect()
    assert not told.station.recovering
    told.answer(CUT, call_id=1)
    told.answer(CUT, call_id=2)
    told.connect()
    told.tell(Heartbeat())
    assert len(told.calls) == 4
    assert told.station.learnt == Learnt()


# --- What a station can do


def said(told: Told, **values: str) -> Learnt:
    variables = tuple(
        VariableResult(
            name=VariableName(component="SmartChargingCtrlr", variable=name),
            status="Accepted",
            value=value,
        )
        for name, value in values.items()
    )
    told.answer(
        CallResult(accepted=True, status="", variables=variables),
        call_id=call_id(told, GetVariables),
    )
    return told.station.learnt


@pytest.mark.parametrize(
    ("values", "learnt"),
    [
        ({"RateUnit": "A,W", "ProfileStackLevel": "8"}, {"rate_units": ("A", "W"), "max": 8}),
        ({"rateunit": "Current, Power"}, {"rate_units": ("A", "W")}),
        ({"RateUnit": "W", "ProfileStackLevel": "many"}, {"rate_units": ("W",)}),
        ({"RateUnit": "furlong"}, {}),
        ({"Phases3to1": "true", "ACPhaseSwitchingSupported": "false"}, {"phases": True}),
        ({"Phases3to1": "False"}, {"phases": False}),
        ({"ACPhaseSwitchingSupported": "true"}, {"phases": True}),
        ({"ACPhaseSwitchingSupported": "false"}, {}),
        ({}, {}),
    ],
)
def test_what_a_station_says_of_itself_is_learnt(
    values: dict[str, str], learnt: dict[str, Any]
) -> None:
    told = fresh()
    told.tell(BOOT)
    assert said(told, **values) == Learnt(
        asked=True,
        rate_units=learnt.get("rate_units", ()),
        max_stack_level=learnt.get("max"),
        phase_switching=learnt.get("phases"),
    )


@pytest.mark.parametrize("outcome", [CALLERROR, TIMEOUT])
def test_a_station_that_cannot_say_is_not_asked_again(outcome: CallFailed) -> None:
    told = fresh()
    told.tell(BOOT)
    told.answer(outcome, call_id=call_id(told, GetVariables))
    told.answer(outcome, call_id=call_id(told, GetChargingProfiles))
    assert told.station.learnt == Learnt(asked=True, reads_profiles=False)
    told.tell(BOOT)
    assert len(told.calls) == 2
    assert not told.station.recovering


def test_limits_are_sent_as_the_station_takes_them() -> None:
    told = fresh()
    told.tell(BOOT)
    has(told)
    said(told, RateUnit="W", ProfileStackLevel="3")
    told.status(ConnectorStatus.AVAILABLE)
    told.limit(10.0)
    request = told.request
    assert isinstance(request, SetChargingProfile)
    assert (request.limit_w, request.stack_level) == (6900.0, 3)


# --- Nothing is written before it is known


def test_a_command_waits_until_it_is_known_what_the_station_has() -> None:
    told = fresh()
    told.tell(BOOT)
    told.status(ConnectorStatus.AVAILABLE)
    command_id = told.limit(10.0)
    assert told.in_control == ("Unmanaged", 32.0, "recovering")
    said(told)
    assert writes(told) == []
    has(told)
    assert writes(told) == [("SetChargingProfile", 10.0)]
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]


def test_a_command_waits_no_longer_than_for_thirty_seconds() -> None:
    told = fresh()
    told.tell(BOOT)
    told.status(ConnectorStatus.AVAILABLE)
    told.limit(10.0)
    told.tick(20)
    assert writes(told) == []
    told.tick(10)
    assert writes(told) == [("SetChargingProfile", 10.0)]
    told.answer(TIMEOUT, call_id=1)
    assert told.station.learnt.reads_profiles is False


def test_a_queue_that_is_full_teaches_nothing_and_holds_nothing_up() -> None:
    told = fresh()
    told.tell(BOOT)
    full = CallFailed(failure=CallFailure.QUEUE_FULL)
    told.answer(full, call_id=1)
    told.answer(full, call_id=2)
    assert not told.station.recovering
    assert told.station.learnt == Learnt()


# --- After a restart


def test_what_the_station_still_has_is_not_written_again() -> None:
    told = remembered()
    assert told.in_control == ("MQTT", 10.0, "recovering")
    told.tick(5)
    has(told, ours())
    assert told.in_control == ("MQTT", 10.0, "active")
    assert writes(told) == [("SetChargingProfile", 10.0)]


def test_watts_and_whole_seconds_are_recognised_too() -> None:
    told = remembered(10.0, rate_unit=RateUnit.WATT)
    told.tick(5)
    has(told, ours(6900.0, unit=RateUnit.WATT))
    assert told.evse().installed[0].limit_a == 10.0
    assert len(writes(told)) == 1


def test_a_lease_is_recognised_by_its_end() -> None:
    told = charging()
    told.applied(10.0, ttl_seconds=600)
    held = told.evse().installed[0]
    assert held.valid_to is not None
    told.settings = replace(told.settings, automatic_calls=True)
    told.tell(Restarted())
    told.connect()
    told.tick(5)
    has(told, ours(valid_to=held.valid_to.replace(microsecond=0)))
    said(told)
    assert told.evse().installed == (held,)


@pytest.mark.parametrize(
    "reported",
    [
        [],
        [ours(16.0)],
        [ours(-1.0)],
        [ours(valid_to=Told().now + timedelta(minutes=9))],
        [profile(TX_PROFILE_ID + 1, transaction_id="T0")],
    ],
)
def test_what_the_station_has_lost_or_changed_is_written_again(
    reported: list[ChargingProfile],
) -> None:
    told = remembered()
    told.tick(5)
    has(told, *reported)
    assert writes(told) == [("SetChargingProfile", 10.0)] * 2


def test_a_profile_of_ours_that_nobody_wants_is_cleared() -> None:
    told = fresh()
    told.tell(BOOT)
    said(told)
    has(told, profile(TX_DEFAULT_PROFILE_ID + 2, evse_id=2), profile(FALLBACK_PROFILE_ID + 2))
    assert told.request == ClearChargingProfile(profile_id=TX_DEFAULT_PROFILE_ID + 2)
    told.answer()
    assert told.request == ClearChargingProfile(profile_id=FALLBACK_PROFILE_ID + 2)
    told.answer()
    assert told.evse(2).installed == ()
    assert told.evse(2).fallback is None


def test_a_report_may_come_in_parts_and_before_the_answer() -> None:
    told = remembered()
    told.tick(5)
    reports(told, profile(OTHERS_ID, 8.0), more=True)
    reports(told, ours())
    assert told.station.recovering
    told.answer()
    assert not told.station.recovering
    told.answer()
    assert told.in_control[:2] == ("OCPP Profile", 8.0)


def test_a_report_that_nobody_asked_for_changes_nothing() -> None:
    told = remembered()
    told.tick(5)
    told.tell(ReportChargingProfiles(request_id=99, profiles=(profile(OTHERS_ID, 8.0),)))
    has(told, ours())
    told.tell(ReportChargingProfiles(request_id=99, profiles=(profile(OTHERS_ID, 8.0),)))
    assert told.station.profiles == ()


def test_who_cannot_tell_is_taken_to_have_what_is_remembered() -> None:
    told = remembered()
    told.tick(5)
    told.answer(CALLERROR)
    assert told.in_control == ("MQTT", 10.0, "active")
    assert len(writes(told)) == 1


def test_what_a_boot_may_have_taken_is_written_again_where_the_station_cannot_tell() -> None:
    told = remembered()
    told.tell(BOOT)
    told.answer(CALLERROR)
    assert told.in_control == ("MQTT", 10.0, "pending")
    assert writes(told) == [("SetChargingProfile", 10.0)] * 2


def test_a_pause_is_not_invented_on_a_start() -> None:
    told = remembered()
    told.tick(5)
    has(told)
    assert ("SetChargingProfile", 0.0) not in writes(told)


# --- Profiles of others


def test_a_profile_of_somebody_else_is_a_limit() -> None:
    told = remembered(16.0)
    told.tick(5)
    has(told, ours(16.0), profile(OTHERS_ID, 8.0))
    told.answer()
    assert told.in_control[:2] == ("OCPP Profile", 8.0)
    assert [each.profile_id for each in told.station.profiles] == [OTHERS_ID]


def test_when_a_limit_is_cleared_profiles_are_looked_at_again_without_holding_anything_up() -> (
    None
):
    told = remembered(16.0)
    told.tick(5)
    has(told, ours(16.0), profile(OTHERS_ID, 8.0))
    told.answer()
    told.tell(ClearedChargingLimit(limit_source="CSO"))
    assert not told.station.recovering
    told.limit(6.0)
    assert writes(told)[-1] == ("SetChargingProfile", 6.0)
    told.answer()
    has(told, ours(16.0))
    assert told.station.profiles == ()
    assert told.in_control == ("MQTT", 6.0, "active")
    assert told.station.readback is None


def test_such_a_look_ends_when_nothing_comes() -> None:
    told = remembered(16.0)
    told.tick(5)
    has(told, profile(OTHERS_ID, 8.0), ours(16.0))
    told.answer()
    told.tell(ClearedChargingLimit(limit_source="CSO"))
    told.tick(30)
    assert told.station.readback is None
    assert [each.profile_id for each in told.station.profiles] == [OTHERS_ID]


def test_who_cannot_read_profiles_is_not_asked_when_a_limit_is_cleared() -> None:
    told = ready()
    told.tell(ClearedChargingLimit(limit_source="CSO"))
    assert told.calls == []


def test_a_station_that_cannot_read_profiles_can_still_say_what_it_can() -> None:
    told = fresh()
    told.station = replace(told.station, learnt=Learnt(reads_profiles=False))
    told.tell(BOOT)
    said(told, ProfileStackLevel="2")
    assert (len(told.calls), told.station.recovering) == (1, False)
    assert told.station.learnt.max_stack_level == 2


def test_a_station_that_boots_again_and_again_is_asked_once() -> None:
    told = fresh()
    told.tell(BOOT)
    told.tell(BOOT)
    assert len(told.calls) == 2
    has(told, profile(OTHERS_ID, 8.0))
    said(told)
    assert [each.profile_id for each in told.station.profiles] == [OTHERS_ID]


def test_what_went_down_with_an_earlier_connection_is_asked_again() -> None:
    told = fresh()
    told.tell(BOOT)
    told.connect()
    told.tell(BOOT)
    told.answer(CUT, call_id=1)
    assert len(asked(told, GetChargingProfiles)) == 2
    has(told, profile(OTHERS_ID, 8.0))
    said(told)
    assert [each.profile_id for each in told.station.profiles] == [OTHERS_ID]
