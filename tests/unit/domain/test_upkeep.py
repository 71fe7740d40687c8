"""Leases, failsafe, and when the next look at the clock is due."""

from datetime import timedelta

import pytest

from bridge.domain.calls import SetChargingProfile
from bridge.domain.commands import OnExpire, Pause
from bridge.domain.control import Cause, ChangeReason
from bridge.domain.effects import AllocationRecorded
from bridge.domain.enums import AllocationSource, ConnectorStatus, StoppedReason
from bridge.domain.station import ShareChanged
from bridge.domain.upkeep import next_deadline
from tests.unit.domain.builders import REJECTED, T0, TIMEOUT, Told, charging, ready, updated


def leased(**more: object) -> Told:
    told = charging(failsafe_a=7.0, failsafe_min_duration_seconds=600)
    told.applied(10.0, ttl_seconds=60, **more)
    return told


def reasons(told: Told) -> list[str]:
    """Why the allocations have changed so far."""
    return [e.cause.reason.value for e in told.events if isinstance(e, AllocationRecorded)]


# --- Leases


def test_a_lease_that_runs_out_gives_control_back() -> None:
    told = leased()
    told.tick(58)
    assert told.in_control == ("MQTT", 10.0, "active")
    told.tick(1)
    assert told.in_control == ("MQTT", 10.0, "pending")
    told.answer()
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_a_lease_is_renewed_by_the_same_controller() -> None:
    told = leased()
    told.now += timedelta(seconds=50)
    told.limit(10.0, ttl_seconds=60)
    told.tick(55)
    assert told.in_control == ("MQTT", 10.0, "active")


def test_control_moves_on_to_the_next_slot() -> None:
    told = leased()
    told.limit(16.0, controller="other")
    told.tick(60)
    told.answer()
    assert told.in_control == ("MQTT", 16.0, "active")


def test_a_lease_on_the_station_runs_out_on_every_evse() -> None:
    told = ready(evses=2)
    told.limit(10.0, evse_id=0, ttl_seconds=60)
    for call in list(told.calls):
        told.answer(call_id=call.call_id)
    told.tick(60)
    assert told.station.station_slots == ()
    assert len(told.outcome.calls) == 2


def test_an_event_after_the_expiry_is_enough_to_notice_it() -> None:
    told = leased()
    told.now += timedelta(seconds=60)
    told.tell(updated(1, told.now))
    assert told.limits_sent() == [10.0, None]
    told.answer()
    assert told.in_control == ("Unmanaged", 32.0, "released")


# --- Failsafe


def test_the_last_lease_may_leave_a_failsafe_behind() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.tick(60)
    (slot,) = told.evse().slots
    assert (slot.controller, slot.limit_a, slot.priority) == ("_failsafe", 7.0, 1000)
    assert slot.expires_at == told.now + timedelta(seconds=600)
    told.answer()
    assert told.in_control == ("MQTT", 7.0, "failsafe")
    assert told.allocation.mode == "failsafe"
    told.tick(600)
    told.answer()
    assert told.in_control == ("Unmanaged", 32.0, "released")
    assert told.allocation.mode == "normal"


def test_no_failsafe_while_another_claim_lives() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.limit(16.0, controller="other")
    told.tick(60)
    assert [slot.controller for slot in told.evse().slots] == ["other"]


def test_no_failsafe_while_a_claim_on_the_station_lives() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.limit(16.0, controller="other", evse_id=0)
    told.tick(60)
    assert told.evse().slots == ()


def test_a_new_limit_takes_the_place_of_the_failsafe() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.tick(60)
    told.answer()
    told.applied(12.0, controller="other")
    assert told.in_control == ("MQTT", 12.0, "active")


def test_a_limit_that_the_station_refuses_leaves_the_failsafe() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.tick(60)
    told.answer()
    told.limit(12.0)
    told.answer(REJECTED)
    assert told.in_control == ("MQTT", 7.0, "failsafe")


def test_a_failsafe_for_the_whole_station() -> None:
    told = ready()
    told.applied(10.0, evse_id=0, ttl_seconds=60, on_expire=OnExpire.FAILSAFE)
    told.tick(60)
    assert [slot.controller for slot in told.station.station_slots] == ["_failsafe"]
    assert told.limits_sent() == [10.0, 6.0]


def test_no_limit_is_given_up_before_its_failsafe_is_there() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.now += timedelta(seconds=60)
    told.tell(updated(1, told.now))
    assert told.limits_sent() == [10.0, 7.0]


def test_a_lease_that_ran_out_is_noticed_on_every_evse_by_any_message() -> None:
    told = ready(evses=2)
    told.applied(10.0, ttl_seconds=60, evse_id=2)
    told.now += timedelta(seconds=60)
    told.status(ConnectorStatus.OCCUPIED, evse_id=1)
    assert told.limits_sent() == [10.0, None]


def test_a_pause_is_lower_than_the_failsafe_and_leaves_it_in_place() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.tick(60)
    told.answer()
    told.command(Pause(), controller="other")
    told.answer()
    assert told.in_control == ("MQTT", 0.0, "active")
    told.resume(controller="other")
    told.answer()
    assert told.in_control == ("MQTT", 7.0, "failsafe")


def test_a_lease_that_runs_out_under_a_pause_leaves_its_failsafe_for_afterwards() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.command(Pause())
    told.answer()
    told.tick(60)
    assert told.in_control == ("MQTT", 0.0, "active")
    told.resume()
    told.answer()
    assert told.in_control == ("MQTT", 7.0, "failsafe")


def test_a_failsafe_of_the_station_does_not_overrule_who_still_claims_something() -> None:
    told = ready(evses=2)
    told.applied(16.0, evse_id=2, controller="other")
    told.limit(10.0, evse_id=0, ttl_seconds=60, on_expire=OnExpire.FAILSAFE)
    for call in told.calls[1:]:
        told.answer(call_id=call.call_id)
    told.tick(60)
    told.answer(call_id=told.calls[-1].call_id)
    told.answer(call_id=told.calls[-2].call_id)
    offers = [told.evse(n).allocation for n in (1, 2)]
    assert [(a.offered_a, a.mode) for a in offers if a] == [(6.0, "failsafe"), (16.0, "normal")]


def test_a_lease_of_another_source_does_not_hold_back_the_failsafe() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.limit(16.0, controller="http", source=AllocationSource.API)
    told.tick(60)
    told.answer()
    assert told.in_control == ("MQTT", 7.0, "failsafe")


def test_each_change_is_told_with_what_led_to_it() -> None:
    told = leased(on_expire=OnExpire.FAILSAFE)
    told.tick(60)
    told.answer()
    told.tick(600)
    told.answer()
    told.applied(10.0, ttl_seconds=60)
    told.tick(60)
    told.answer()
    assert reasons(told) == ["command", "failsafe", "failsafe", "command", "lease_expired"]


def test_whose_lease_has_run_out_is_told_where_it_was_one() -> None:
    told = charging()
    told.applied(10.0, ttl_seconds=60, controller="pv")
    told.tick(60)
    told.answer()
    assert told.events[-1].cause == Cause(
        reason=ChangeReason.LEASE_EXPIRED, controller="pv", command_id="1"
    )
    for controller in ("pv", "me"):
        told.applied(10.0, ttl_seconds=60, controller=controller)
    told.tick(120)
    told.answer()
    assert told.events[-1].cause == Cause(reason=ChangeReason.LEASE_EXPIRED)


# --- Until unplugging


def test_what_was_to_last_until_unplugging_ends_then() -> None:
    told = charging()
    told.applied(10.0, until_disconnect=True)
    told.end()
    told.answer()
    told.status(ConnectorStatus.AVAILABLE)
    while told.outcome.calls:
        told.answer()
    assert told.in_control == ("Unmanaged", 32.0, "released")
    assert reasons(told)[-1] == "unplugged"


def test_on_the_whole_station_it_ends_with_the_last_vehicle() -> None:
    told = ready(evses=2)
    for evse_id in (1, 2):
        told.status(ConnectorStatus.OCCUPIED, evse_id)
    told.limit(10.0, evse_id=0, until_disconnect=True)
    for call in list(told.calls):
        told.answer(call_id=call.call_id)
    told.status(ConnectorStatus.AVAILABLE, evse_id=1)
    assert len(told.station.station_slots) == 1
    told.status(ConnectorStatus.AVAILABLE, evse_id=2)
    assert not told.station.station_slots
    for call in told.outcome.calls:
        told.answer(call_id=call.call_id)
    assert reasons(told)[-2:] == ["unplugged", "unplugged"]


# --- Deadlines


def test_what_is_overdue_is_tried_once_a_second() -> None:
    told = leased()
    late = told.now + timedelta(hours=2)
    assert next_deadline(told.station, late) == late + timedelta(seconds=1)


def test_a_share_of_an_evse_that_there_is_not_changes_nothing() -> None:
    told = ready()
    before = told.station
    told.tell(ShareChanged(evse_id=9, share=None))
    assert told.station is before


def test_nothing_is_due_on_a_station_at_rest() -> None:
    assert next_deadline(charging().station, T0) is None


def test_the_earliest_deadline_is_next() -> None:
    told = ready(evses=2)
    told.applied(10.0, evse_id=0, ttl_seconds=90)
    assert next_deadline(told.station, T0) == told.station.station_slots[0].expires_at
    told.limit(9.0, evse_id=2, ttl_seconds=60)
    assert next_deadline(told.station, T0) == told.evse(2).slots[0].expires_at
    expiry = told.now + timedelta(seconds=30)
    told.limit(8.0, evse_id=2, ttl_seconds=60, expires_at=expiry)
    assert next_deadline(told.station, T0) == expiry


def test_completed_is_shown_until_a_deadline() -> None:
    told = charging()
    told.end(stopped_reason=StoppedReason.EV_DISCONNECTED)
    assert next_deadline(told.station, T0) == told.now + timedelta(seconds=1)


def test_a_retry_is_due_only_while_the_station_is_there() -> None:
    told = charging()
    told.applied(10.0)
    told.release()
    told.answer(TIMEOUT)
    assert next_deadline(told.station, T0) == told.now + timedelta(seconds=10)
    told.disconnect()
    assert next_deadline(told.station, T0) is None
    told.now += timedelta(seconds=60)
    told.connect()
    assert told.evse().write is not None


@pytest.mark.parametrize("seconds", [0.0, 3600.0])
def test_a_tick_too_many_does_no_harm(seconds: float) -> None:
    told = charging()
    told.command(Pause())
    told.answer()
    calls = len(told.calls)
    told.tick(seconds)
    assert len(told.calls) == calls
    assert isinstance(told.request, SetChargingProfile)


def test_the_deadline_of_a_lease_passes_with_its_slot() -> None:
    told = leased()
    told.tick(60)
    told.answer()
    told.status(ConnectorStatus.OCCUPIED)
    assert next_deadline(told.station, T0) is None
