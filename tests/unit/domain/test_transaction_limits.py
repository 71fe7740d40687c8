"""Limits bound to the running transaction: maxA, energyWh, until."""

from datetime import timedelta
from typing import Any, Final

import pytest

from bridge.domain import station as rules
from bridge.domain import transaction_limits
from bridge.domain.calls import RequestStopTransaction
from bridge.domain.commands import Extend, Start
from bridge.domain.control import ChangeReason
from bridge.domain.enums import ChargingState, Registration, TriggerReason
from bridge.domain.events import IdToken, MeterValues
from bridge.domain.records import replace
from bridge.domain.upkeep import next_deadline
from tests.unit.domain.builders import (
    ACCEPTED,
    CALLERROR,
    CUT,
    REJECTED,
    T0,
    TIMEOUT,
    Told,
    charging,
    ready,
    started,
    updated,
    wh,
)

TOKEN: Final = IdToken(value="04AB", type="ISO14443")
LATER: Final = T0 + timedelta(seconds=600)


def remote_start(told: Told, **limits: Any) -> int:
    """Have the station begin a transaction; return the remoteStartId."""
    told.command(Start(id_token=TOKEN, **limits))
    return told.station.remote_start_count


def begun(**limits: Any) -> Told:
    """EVSE 1 charges in T1, begun by a `start` with these limits."""
    told = ready()
    remote_start_id = remote_start(told, **limits)
    told.answer()
    told.start(remote_start_id=remote_start_id, trigger_reason=TriggerReason.REMOTE_START)
    if told.outcome.calls:
        told.answer()
    return told


def stops(told: Told) -> list[str]:
    """Transactions that the station was asked to end, so often."""
    requests = [call.request for call in told.calls]
    return [r.transaction_id for r in requests if isinstance(r, RequestStopTransaction)]


def overdue() -> Told:
    """T1 has just outlasted its time; the pause is in force, the stop is not answered."""
    told = begun(until=LATER)
    told.tick(600)
    pause, _ = told.calls[-2:]
    told.answer(call_id=pause.call_id)
    return told


# --- What a start lays down


def test_the_maximum_of_a_start_binds_its_transaction_alone() -> None:
    told = begun(max_a=10.0)
    assert told.in_control == ("Transaction", 10.0, "released")
    assert told.limits_sent() == [None]  # the start has brought it
    assert [(x.limit_a, x.detail) for x in told.allocation.limits if x.binding] == [
        (10.0, {"reason": "maxA"})
    ]
    told.end()
    assert told.in_control == ("Unmanaged", 32.0, "released")
    told.start("T2")
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_the_lower_of_the_maximum_and_a_claim_holds() -> None:
    told = begun(max_a=10.0)
    told.applied(16.0)
    assert told.in_control == ("Transaction", 10.0, "standby")
    told.applied(8.0)
    assert told.in_control == ("MQTT", 8.0, "active")


def test_a_transaction_that_is_told_before_the_answer_is_bound_all_the_same() -> None:
    told = ready()
    remote_start_id = remote_start(told, max_a=10.0, invoice_id="I1", until=LATER)
    told.start(remote_start_id=remote_start_id)
    assert (told.transaction.max_a, told.transaction.invoice_id) == (10.0, "I1")
    assert told.transaction.until == LATER


def test_a_transaction_may_name_its_remote_start_later() -> None:
    told = ready()
    remote_start_id = remote_start(told, max_a=10.0)
    told.answer()
    told.start()
    assert told.transaction.max_a is None
    told.tell(updated(1, told.now, remote_start_id=remote_start_id))
    assert told.transaction.max_a == 10.0
    assert told.in_control == ("Transaction", 10.0, "released")


def test_a_late_start_still_binds() -> None:
    told = ready()
    remote_start_id = remote_start(told, max_a=10.0)
    told.answer()
    told.tell(updated(1, told.now, evse_id=1, charging_state=ChargingState.CHARGING))
    told.tell(started(0, T0, remote_start_id=remote_start_id))
    assert told.transaction.max_a == 10.0
    assert told.limits_sent() == [None, 10.0]


def test_history_of_a_bound_transaction_changes_nothing() -> None:
    told = begun(max_a=10.0)
    told.tell(updated(2, told.now))
    allocation = told.allocation
    told.tell(updated(1, T0, remote_start_id=4711))
    assert told.transaction.remote_start_id == 1
    assert told.allocation is allocation


def test_a_remote_start_of_somebody_else_lays_nothing_down() -> None:
    told = ready()
    told.start(remote_start_id=4711)
    assert told.transaction.max_a is None
    assert told.in_control == ("Unmanaged", 32.0, "released")


# --- The end by time


def test_a_transaction_whose_time_is_over_is_ended_and_paused() -> None:
    told = begun(until=LATER)
    assert told.in_control == ("Unmanaged", 32.0, "released")
    assert next_deadline(told.station, told.now) == LATER
    told.tick((LATER - told.now).total_seconds())
    assert stops(told) == ["T1"]
    assert told.limits_sent() == [None, 0.0, None]
    assert told.allocation.pending_a == 0.0
    told.answer(call_id=told.calls[-2].call_id)
    assert told.in_control == ("Transaction", 0.0, "released")
    assert [x.detail for x in told.allocation.limits if x.binding] == [{"reason": "until"}]
    assert told.events[-1].cause.reason is ChangeReason.TRANSACTION
    told.end()
    assert told.in_control == ("Unmanaged", 32.0, "released")
    assert transaction_limits.deadlines(told.evse(), told.now) == []


def test_an_event_after_its_time_is_enough_to_end_it() -> None:
    told = begun(until=LATER)
    told.now = LATER
    told.tell(updated(1, told.now))
    assert stops(told) == ["T1"]
    assert told.limits_sent() == [None, 0.0, None]


def test_a_longer_time_is_as_if_it_had_never_been_over() -> None:
    told = overdue()
    told.answer(REJECTED)
    told.command(Extend(until=told.now + timedelta(seconds=60)))
    told.answer()
    assert told.in_control == ("Unmanaged", 32.0, "released")
    told.tick(60)
    assert stops(told) == ["T1", "T1"]


def test_a_refusal_that_comes_after_the_extension_starts_no_further_attempt() -> None:
    told = overdue()
    stop = told.calls[-1].call_id
    told.command(Extend(until=None))
    told.answer(REJECTED, call_id=stop)
    told.tick(3600)
    assert stops(told) == ["T1"]


# --- The end by energy


def test_a_transaction_that_has_its_energy_is_ended_at_that_reading() -> None:
    told = begun(energy_wh=1000.0)
    told.tell(updated(1, told.now, meter_values=(wh(5000, told.now),)))
    told.tell(updated(2, told.now, meter_values=(wh(5999, told.now),)))
    assert stops(told) == []
    told.tell(updated(3, told.now, meter_values=(wh(6000, told.now),)))
    assert stops(told) == ["T1"]
    assert told.limits_sent() == [None, 0.0, None]
    told.answer(call_id=told.calls[-2].call_id)
    assert [x.detail for x in told.allocation.limits if x.binding] == [{"reason": "energyWh"}]


def test_readings_outside_a_transaction_event_count_as_well() -> None:
    told = begun(energy_wh=1000.0)
    for register in (5000, 6000):
        told.tell(MeterValues(evse_id=1, meter_values=(wh(register, told.now),)))
    assert stops(told) == ["T1"]
    told.answer(call_id=told.calls[-2].call_id)
    assert told.events[-1].cause.reason is ChangeReason.TRANSACTION


# --- Asking until it ends


def test_a_station_that_agrees_is_asked_once() -> None:
    told = overdue()
    told.answer(ACCEPTED)
    assert next_deadline(told.station, told.now) is None
    told.tick(10_000)
    assert stops(told) == ["T1"]


@pytest.mark.parametrize("outcome", [REJECTED, CALLERROR, TIMEOUT, CUT])
def test_a_station_that_does_not_is_asked_again_with_growing_pauses(outcome: Any) -> None:
    told = overdue()
    pauses = []
    for _ in range(6):
        told.answer(outcome)
        due = next_deadline(told.station, told.now)
        assert due is not None
        pauses.append((due - told.now).total_seconds())
        told.tick(pauses[-1] - 1)
        asked = len(stops(told))
        told.tick(1)
        assert len(stops(told)) == asked + 1
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_nothing_is_asked_while_an_answer_is_awaited() -> None:
    told = overdue()
    told.tick(3600)
    assert stops(told) == ["T1"]


def test_an_answer_that_comes_after_the_end_is_nothing() -> None:
    told = overdue()
    told.end()
    told.answer(REJECTED)
    told.tick(3600)
    assert stops(told) == ["T1"]


# --- While one of both is away


def test_what_fell_due_while_the_station_was_away_is_done_when_it_is_back() -> None:
    told = begun(until=LATER)
    told.disconnect()
    assert next_deadline(told.station, told.now) is None
    told.tick(900)
    assert stops(told) == []
    told.connect()
    assert stops(told) == ["T1"]
    assert 0.0 in told.limits_sent()


def test_what_fell_due_while_the_bridge_was_down_is_done_when_it_is_back() -> None:
    told = begun(until=LATER)
    told.tell(rules.Restarted(), after=900)
    assert stops(told) == []
    told.connect()
    assert stops(told) == ["T1"]


def test_an_answer_that_the_bridge_did_not_live_to_see_is_asked_for_again() -> None:
    told = overdue()
    told.tell(rules.Restarted())
    told.connect()
    assert stops(told) == ["T1"]
    told.tick(30)
    assert stops(told) == ["T1", "T1"]


def test_a_station_that_is_pending_is_asked_nothing() -> None:
    told = begun(until=LATER)
    told.settings = replace(told.settings, known=False)
    told.station = replace(told.station, registration=Registration.PENDING)
    told.tick(600)
    assert stops(told) == []
    told.tell(rules.Approved())
    assert stops(told) == ["T1"]


def test_readings_cost_no_decision_while_no_limit_is_reached() -> None:
    told = charging()
    before = told.allocation
    told.tell(updated(1, told.now, meter_values=(wh(1000, told.now),)))
    assert told.allocation is before
