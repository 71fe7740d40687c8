"""The closed loop: one write in flight, the newest waits, failures leave what was before."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallResult,
    ClearChargingProfile,
    ProfilePurpose,
    SetChargingProfile,
)
from bridge.domain.commands import Pause, SetLimit
from bridge.domain.control import Cause, ChangeReason
from bridge.domain.effects import AllocationRecorded
from bridge.domain.enums import ConnectorStatus, StoppedReason
from tests.records import replace
from tests.unit.domain.builders import (
    CALLERROR,
    CUT,
    REJECTED,
    TIMEOUT,
    Told,
    charging,
    ready,
    sample,
    takes_all,
    updated,
)
from tests.unit.domain.builders import readings as moment

QUEUE_FULL = CallFailed(failure=CallFailure.QUEUE_FULL)
FAILURES = [
    (REJECTED, ("rejected", "station_rejected")),
    (CALLERROR, ("failed", "station_error")),
    (TIMEOUT, ("failed", "timeout")),
    (CUT, ("failed", "station_offline")),
    (QUEUE_FULL, ("failed", "queue_full")),
]


def purposes(told: Told) -> list[tuple[ProfilePurpose, str | None]]:
    """Purpose and transaction of each SetChargingProfile so far."""
    return [
        (call.request.purpose, call.request.transaction_id)
        for call in told.calls
        if isinstance(call.request, SetChargingProfile)
    ]


# --- One write in flight


def test_while_one_write_is_in_flight_the_newest_waits_and_those_between_are_superseded() -> None:
    told = charging()
    ids = [told.limit(float(amps)) for amps in (10, 11, 12, 13)]
    assert told.limits_sent() == [10.0]
    assert [told.finals(each) for each in ids] == [
        [],
        [("superseded", "superseded")],
        [("superseded", "superseded")],
        [],
    ]
    told.answer()
    assert told.finals(ids[0]) == [("done", "ok")]
    assert told.in_control == ("Unmanaged", 32.0, "pending")
    assert told.limits_sent() == [10.0, 13.0]
    told.answer()
    assert told.finals(ids[3]) == [("done", "ok")]
    assert told.in_control == ("MQTT", 13.0, "active")


def test_commands_of_different_controllers_do_not_supersede_each_other() -> None:
    told = charging()
    first = told.limit(10.0)
    others = [told.limit(9.0, controller="a"), told.limit(8.0, controller="b")]
    told.answer()
    told.answer()
    assert told.limits_sent() == [10.0, 8.0]
    assert told.finals(first) == [("done", "ok")]
    assert told.finals(others[0]) == [("done", "standby")]
    assert told.finals(others[1]) == [("done", "ok")]


def test_a_limit_is_not_superseded_by_a_pause_that_it_outlives() -> None:
    told = charging()
    told.applied(16.0)
    told.limit(14.0)
    limit = told.limit(10.0)
    pause = told.command(Pause())
    told.answer()
    told.answer()
    assert told.finals(limit) == [("done", "standby")]
    assert told.finals(pause) == [("done", "ok")]
    told.resume()
    told.answer()
    assert told.in_control == ("MQTT", 10.0, "active")


def test_a_release_supersedes_everything_that_waits() -> None:
    told = charging()
    told.limit(10.0)
    waiting = [told.limit(9.0), told.command(Pause())]
    release = told.release()
    assert [told.finals(each) for each in waiting] == [[("superseded", "superseded")]] * 2
    told.answer()
    told.answer()
    assert told.finals(release) == [("done", "ok")]
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_the_answer_to_an_overtaken_command_says_what_held_when_it_was_sent() -> None:
    told = ready(cable_max_a=20.0)
    first = told.limit(25.0)
    told.limit(10.0)
    told.answer()
    assert told.finals(first) == [("done", "standby")]
    data = told.result(first).data
    assert data is not None
    assert data["allocationSourceName"] == "ProximityPilot"
    assert (data["appliedA"], data["binding"]) == (20.0, False)


# --- Failure


@pytest.mark.parametrize(("outcome", "final"), FAILURES)
def test_a_failed_first_limit_leaves_nobody_in_control(
    outcome: Any, final: tuple[str, str]
) -> None:
    told = takes_all(charging())
    command_id = told.limit(10.0)
    told.answer(outcome)
    assert told.finals(command_id) == [final]
    assert told.evse().slots == ()
    assert told.allocation.source.value == "Unmanaged"


@pytest.mark.parametrize(("outcome", "final"), FAILURES)
def test_a_failed_change_puts_the_earlier_slot_back(outcome: Any, final: tuple[str, str]) -> None:
    told = charging()
    told.applied(10.0)
    slots = told.evse().slots
    command_id = told.limit(16.0)
    told.answer(outcome)
    assert told.finals(command_id) == [final]
    assert told.evse().slots == slots
    assert (told.allocation.source.value, told.allocation.offered_a) == ("MQTT", 10.0)


def test_a_refusal_names_the_stations_words() -> None:
    told = takes_all(charging())
    rejected = told.limit(10.0)
    told.answer(REJECTED)
    result = told.result(rejected).refusal
    assert result is not None
    assert result.message == "the station answered Rejected"
    assert result.details == {
        "status": "Rejected",
        "reasonCode": "InvalidProfile",
        "additionalInfo": None,
    }
    error = told.limit(10.0)
    told.answer(CALLERROR)
    refusal = told.result(error).refusal
    assert refusal is not None
    assert refusal.details == {"code": "InternalError", "description": "out of memory"}


def test_a_rejected_change_needs_no_further_write() -> None:
    told = charging()
    told.applied(10.0)
    told.limit(16.0)
    told.answer(REJECTED)
    assert told.limits_sent() == [10.0, 16.0]
    assert told.allocation.pending_a is None
    assert told.evse().retry_at is None


def test_after_a_timeout_it_is_not_known_what_the_station_has() -> None:
    told = charging()
    told.applied(10.0)
    told.limit(16.0)
    told.answer(TIMEOUT)
    assert told.in_control == ("MQTT", 10.0, "pending")
    told.tick(10)
    assert told.limits_sent() == [10.0, 16.0, 10.0]
    told.answer()
    assert told.in_control == ("MQTT", 10.0, "active")


def test_a_newer_limit_waiting_is_tried_after_the_first_was_rejected() -> None:
    told = takes_all(charging())
    first, second = told.limit(10.0), told.limit(12.0)
    told.answer(REJECTED)
    assert told.finals(first) == [("rejected", "station_rejected")]
    told.answer()
    assert told.finals(second) == [("done", "ok")]
    assert told.in_control == ("MQTT", 12.0, "active")


def test_a_rejected_limit_never_comes_back_through_a_later_refusal() -> None:
    told = takes_all(charging())
    told.limit(10.0)
    told.limit(12.0)
    told.answer(REJECTED)
    told.answer(REJECTED)
    assert told.evse().slots == ()
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_a_superseded_limit_never_comes_back_through_a_later_refusal() -> None:
    told = charging()
    for amps in (10.0, 12.0, 14.0):
        told.limit(amps)
    told.answer()
    told.answer(REJECTED)
    assert [slot.limit_a for slot in told.evse().slots] == [10.0]
    assert told.in_control == ("MQTT", 10.0, "active")


def test_an_accepted_command_is_not_taken_back_by_the_next_ones_refusal() -> None:
    told = charging()
    mine = told.limit(10.0)
    other = told.limit(8.0, controller="other")
    told.answer()
    told.answer(REJECTED)
    assert told.finals(mine) == [("done", "ok")]
    assert told.finals(other) == [("rejected", "station_rejected")]
    assert told.in_control == ("MQTT", 10.0, "active")


def test_a_lease_that_ran_out_meanwhile_is_not_put_back() -> None:
    told = charging()
    told.applied(10.0, ttl_seconds=5)
    told.limit(16.0)
    told.now += timedelta(seconds=10)
    told.answer(REJECTED)
    assert told.evse().slots == ()
    told.tick(10)
    assert told.request == ClearChargingProfile(profile_id=0x4D510001)


def test_what_nobody_asked_for_is_tried_again_with_growing_pauses() -> None:
    told = charging()
    told.applied(10.0)
    resume_of_nothing = told.release()
    told.answer(TIMEOUT)
    assert told.finals(resume_of_nothing) == [("failed", "timeout")]
    pauses = []
    for _ in range(8):
        retry_at = told.evse().retry_at
        assert retry_at is not None
        pauses.append((retry_at - told.now).total_seconds())
        told.tick(pauses[-1] - 0.5)
        assert told.evse().write is None
        told.tick(0.5)
        told.answer(CALLERROR)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    told.tick(300)
    told.answer()
    assert told.in_control == ("Unmanaged", 32.0, "released")
    assert told.evse().retries == 0


def test_an_event_is_as_good_as_a_tick_for_a_retry_that_is_due() -> None:
    told = charging()
    told.applied(10.0)
    told.release()
    told.answer(TIMEOUT)
    told.tell(updated(1, told.now))
    assert told.limits_sent() == [10.0, None]
    told.now += timedelta(seconds=10)
    told.tell(updated(2, told.now))
    assert told.limits_sent() == [10.0, None, None]


def test_a_command_does_not_wait_for_the_pause() -> None:
    told = charging()
    told.applied(10.0)
    told.release()
    told.answer(TIMEOUT)
    told.limit(8.0)
    assert told.limits_sent() == [10.0, None, 8.0]


def test_unknown_in_answer_to_a_clear_counts_as_cleared() -> None:
    told = charging()
    told.applied(10.0)
    command_id = told.release()
    told.answer(CallResult(accepted=False, status="Unknown"))
    assert told.finals(command_id) == [("done", "ok")]
    assert told.evse().installed == ()


# --- Expiry and offline


def test_a_command_that_waits_past_its_expiry_is_not_carried_out() -> None:
    told = charging()
    told.limit(10.0)
    late = told.limit(8.0, expires_at=told.now + timedelta(seconds=10))
    told.tick(10)
    assert told.finals(late) == [("expired", "expired")]
    told.answer()
    assert told.limits_sent() == [10.0]
    assert told.in_control == ("MQTT", 10.0, "active")


def test_a_command_on_the_station_that_expires_on_one_evse_is_taken_back_on_all() -> None:
    told = ready(evses=2)
    told.limit(8.0, evse_id=2)
    both = told.limit(10.0, evse_id=0, expires_at=told.now + timedelta(seconds=10))
    told.answer()
    assert told.evse(1).allocation.source.value == "MQTT"  # type: ignore[union-attr]
    told.tick(10)
    assert told.finals(both) == [("expired", "expired")]
    assert told.request == ClearChargingProfile(profile_id=0x4D518001)


def test_a_deferred_limit_is_applied_when_the_station_is_back() -> None:
    told = charging()
    told.disconnect()
    command_id = told.limit(10.0, defer=True)
    assert told.in_control == ("Unmanaged", 32.0, "suspended")
    assert told.calls == []
    told.connect()
    assert told.limits_sent() == [10.0]
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]


def test_a_deferred_limit_may_expire_before_the_station_is_back() -> None:
    told = charging()
    told.disconnect()
    command_id = told.limit(10.0, defer=True, expires_at=told.now + timedelta(seconds=60))
    told.now += timedelta(seconds=60)
    told.connect()
    assert told.finals(command_id) == [("expired", "expired")]
    assert told.calls == []
    assert told.evse().slots == ()


def test_a_limit_that_holds_goes_on_holding_offline() -> None:
    told = charging()
    told.applied(10.0)
    told.disconnect()
    assert told.in_control == ("MQTT", 10.0, "suspended")
    told.connect()
    assert told.in_control == ("MQTT", 10.0, "active")
    assert told.limits_sent() == [10.0]


def test_a_connection_lost_before_the_answer_is_made_good_on_the_next() -> None:
    told = charging()
    told.applied(10.0)
    command_id = told.limit(8.0)
    told.disconnect()
    told.answer(CUT)
    assert told.finals(command_id) == [("failed", "station_offline")]
    told.connect()
    told.tick(10)
    told.answer()
    assert told.limits_sent() == [10.0, 8.0, 10.0]
    assert told.in_control == ("MQTT", 10.0, "active")


# --- Purposes over a transaction's life


def test_a_default_before_a_tx_profile_during_and_a_default_again_after() -> None:
    told = ready()
    told.applied(10.0)
    told.status(ConnectorStatus.OCCUPIED)
    told.start()
    assert told.limits_sent() == [10.0]
    told.applied(12.0)
    assert told.in_control == ("MQTT", 12.0, "active")
    told.end()
    assert told.in_control == ("MQTT", 12.0, "pending")
    told.answer()
    assert told.in_control == ("MQTT", 12.0, "active")
    default, tx = (ProfilePurpose.TX_DEFAULT, None), (ProfilePurpose.TX, "T1")
    assert purposes(told) == [default, tx, default]
    assert told.limits_sent() == [10.0, 12.0, 12.0]


def test_a_limit_that_lives_on_is_renewed_as_default_after_the_end() -> None:
    told = charging()
    told.applied(10.0)
    told.end()
    assert purposes(told)[-1] == (ProfilePurpose.TX_DEFAULT, None)


def test_release_clears_every_profile_of_ours() -> None:
    told = ready()
    told.applied(10.0)
    told.start()
    told.applied(12.0)
    command_id = told.release()
    told.answer()
    assert told.finals(command_id) == []
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]
    cleared = [c.request for c in told.calls if isinstance(c.request, ClearChargingProfile)]
    assert [c.profile_id for c in cleared] == [0x4D518001, 0x4D510001]


def test_a_tx_profile_accepted_after_the_end_does_not_govern() -> None:
    told = charging()
    told.limit(10.0)
    told.end()
    told.answer()
    assert purposes(told) == [(ProfilePurpose.TX, "T1"), (ProfilePurpose.TX_DEFAULT, None)]
    assert told.allocation.source.value == "Unmanaged"
    told.answer()
    assert told.in_control == ("MQTT", 10.0, "active")


def test_until_disconnect_ends_with_the_cable() -> None:
    told = charging()
    told.applied(10.0, until_disconnect=True)
    told.applied(12.0, controller="other")
    told.end(stopped_reason=StoppedReason.EV_DISCONNECTED)
    assert [slot.controller for slot in told.evse().slots] == ["other"]


# --- Watts


def test_watts_follow_voltage_and_phases_in_steps_of_three_percent() -> None:
    told = ready()
    told.start()
    told.command(SetLimit(limit_w=6900.0))
    told.answer()

    def measure(volts: float, seq_no: int, *amps: float) -> None:
        names = ("L1", "L2", "L3")
        samples = [sample("Voltage", volts, name) for name in names]
        samples += [sample("Current.Import", a, n) for a, n in zip(amps, names, strict=False)]
        told.tell(updated(seq_no, told.now, meter_values=(moment(*samples, at=told.now),)))

    measure(235.0, 1)
    assert told.limits_sent() == [10.0]
    measure(240.0, 2)
    assert told.limits_sent() == [10.0, 9.5]
    told.answer()
    measure(236.0, 3)
    assert told.limits_sent() == [10.0, 9.5]
    measure(236.0, 4, 20.0, 0.0, 0.0)
    assert told.limits_sent() == [10.0, 9.5, 29.2]


# --- The allocation document


def test_the_allocation_keeps_its_identity_while_nothing_changes() -> None:
    told = charging()
    told.applied(10.0)
    held, since = told.allocation, told.allocation.since
    told.tell(updated(1, told.now))
    told.tick(1)
    assert told.allocation is held
    told.applied(10.0)
    assert told.allocation.since == since
    assert told.allocation.requested_a == 10.0


def test_the_allocation_names_the_profile_that_the_station_accepted() -> None:
    told = charging()
    told.applied(10.0)
    accepted = told.allocation.accepted
    assert accepted is not None
    assert (accepted.purpose, accepted.limit_a) == (ProfilePurpose.TX, 10.0)
    told.release()
    told.answer()
    assert told.allocation.accepted is None


def test_a_tick_that_brings_nothing_changes_nothing() -> None:
    told = charging()
    told.applied(10.0)
    before = told.station
    assert told.tick(60).station is before


def test_what_is_asked_for_is_told_before_the_station_has_answered() -> None:
    told = charging()
    told.applied(20.0)
    told.limit(10.0)
    assert told.in_control == ("MQTT", 20.0, "pending")
    assert told.allocation.requested_a == 10.0


def test_watts_are_told_as_they_were_asked_for() -> None:
    told = charging()
    told.command(SetLimit(limit_w=6900.0))
    told.answer()
    assert (told.allocation.requested_a, told.allocation.requested_w) == (10.0, 6900.0)
    told.release()
    assert (told.allocation.requested_a, told.allocation.requested_w) == (None, None)


def test_a_write_that_was_stored_without_its_cause_is_the_stations_doing() -> None:
    told = charging()
    told.limit(10.0)
    write = told.evse().write
    assert write is not None
    evse = replace(told.evse(), write=replace(write, cause=None))
    told.station = replace(told.station, evses={1: evse})
    told.answer()
    (event,) = [each for each in told.events if isinstance(each, AllocationRecorded)]
    assert event.cause == Cause(reason=ChangeReason.STATION)
