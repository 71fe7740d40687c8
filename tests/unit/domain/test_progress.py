"""Where each transaction event belongs: live, late, history, new, or nowhere."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import progress
from bridge.domain.commands import Start
from bridge.domain.draft import MAX_EVSES
from bridge.domain.effects import TransactionReply
from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    StoppedReason,
    TriggerReason,
)
from bridge.domain.events import IdToken
from bridge.domain.ids import event_id
from bridge.domain.tokens import ACCEPTED, Verdict
from tests.unit.domain.builders import (
    T0,
    Told,
    charging,
    ended,
    readings,
    ready,
    sample,
    started,
    updated,
    wh,
)

TOKEN = IdToken(value="AABB", type="ISO14443")


def test_an_event_is_recorded_with_what_it_led_to() -> None:
    told = charging()
    event = updated(1, told.now, meter_values=(wh(500, told.now),), connector_id=2)
    told.tell(event)
    recorded = told.recorded
    assert recorded.event is event
    assert recorded.event_id == event_id(told.station.id, "T1", 1, "Updated", event.timestamp)
    assert (recorded.evse_id, recorded.connector_id) == (1, 2)
    assert recorded.received_at == told.now
    assert recorded.transaction is told.transaction
    assert recorded.meter is not None
    assert recorded.meter.energy_wh == 500
    assert recorded.allocation_source == "Unmanaged"
    assert (recorded.gap, recorded.late, recorded.warnings) == (False, False, ())


def test_the_allocation_at_the_moment_of_the_event_is_recorded() -> None:
    told = charging()
    told.applied(10.0)
    told.tell(updated(1, told.now))
    assert told.recorded.allocation_source == "MQTT"


@pytest.mark.parametrize(("token", "verdict"), [(TOKEN, ACCEPTED), (None, None)])
def test_who_sends_a_token_is_told_its_status(
    token: IdToken | None, verdict: Verdict | None
) -> None:
    outcome = ready().start(id_token=token)
    assert outcome.reply == TransactionReply(verdict=verdict)


# --- The EVSE of an event


def test_later_events_need_not_name_the_evse() -> None:
    told = ready(evses=2)
    told.start(evse_id=2, connector_id=3)
    told.tell(updated(1, told.now))
    assert (told.recorded.evse_id, told.recorded.connector_id) == (2, 3)
    told.end(seq_no=2)
    assert told.recorded.evse_id == 2
    told.start("T2", evse_id=2)
    told.tell(updated(1, told.now))
    assert told.recorded.evse_id == 2
    assert told.recorded.late


def test_late_events_find_the_evse_that_their_transaction_was_on() -> None:
    told = ready(evses=2)
    for evse_id, transaction_id in ((1, "A"), (2, "B")):
        told.start(transaction_id, evse_id)
        told.end(transaction_id)
        told.start(f"{transaction_id}2", evse_id)
    for evse_id, transaction_id in ((1, "A"), (2, "B")):
        told.end(transaction_id, seq_no=2)
        assert (told.recorded.evse_id, told.recorded.late) == (evse_id, True)


def test_a_station_with_one_evse_or_none_yet_needs_no_name() -> None:
    told = ready()
    told.start(evse_id=None)
    assert told.recorded.evse_id == 1
    unknown = Told()
    unknown.start(evse_id=None)
    assert unknown.recorded.evse_id == 1


@pytest.mark.parametrize("evse_id", [-1, 1_000_000])
def test_an_event_of_an_evse_that_cannot_be_is_kept_and_marked(evse_id: int) -> None:
    told = ready()
    before = told.station.evses
    told.start(evse_id=evse_id)
    assert (told.recorded.evse_id, told.recorded.warnings) == (0, ("evse_unknown",))
    assert told.station.evses == before


def test_a_station_cannot_invent_evses_without_end() -> None:
    told = ready(evses=MAX_EVSES)
    told.start(evse_id=MAX_EVSES)
    assert told.recorded.evse_id == MAX_EVSES
    told.start("T2", evse_id=MAX_EVSES + 1)
    assert told.recorded.evse_id == 0
    assert len(told.station.evses) == MAX_EVSES


def test_an_event_that_could_be_of_several_evses_is_kept_and_marked() -> None:
    told = ready(evses=2)
    before = told.station.evses
    told.start(evse_id=None)
    assert told.recorded.evse_id == 0
    assert not told.recorded.late
    assert list(told.recorded.warnings) == ["evse_unknown"]
    assert told.station.evses == before
    told.tell(updated(1, told.now, evse_id=2))
    assert told.recorded.evse_id == 2
    assert list(told.recorded.warnings) == []


def test_the_same_id_may_run_on_two_evses() -> None:
    told = ready(evses=2)
    told.start("1", evse_id=1)
    told.start("1", evse_id=2)
    assert told.evse(1).view.transaction_id == told.evse(2).view.transaction_id == "1"
    told.tell(updated(1, told.now, transaction_id="1", evse_id=2))
    assert told.recorded.evse_id == 2


# --- Missing, late, doubled


@pytest.mark.parametrize("make", [updated, ended])
def test_a_transaction_without_started_is_kept_from_its_first_event(make: Any) -> None:
    told = ready()
    told.tell(make(3, told.now, transaction_id="T9", evse_id=1))
    assert told.recorded.gap
    assert told.recorded.warnings == ("started_missing",)
    assert told.transaction.id == "T9"
    assert not told.transaction.started_seen


def test_a_missing_number_is_a_gap_until_it_arrives() -> None:
    told = charging()
    told.tell(updated(3, told.now + timedelta(seconds=30)))
    assert told.recorded.gap
    assert told.recorded.transaction.missing_seq_nos == ((1, 2),)
    for seq_no in (2, 1):
        told.tell(updated(seq_no, told.now, charging_state=ChargingState.SUSPENDED_EV))
        assert told.recorded.late
        assert not told.recorded.gap
        assert told.recorded.transaction.charging_state is ChargingState.SUSPENDED_EV
    assert told.transaction.missing_seq_nos == ()
    assert told.view.charging_state is ChargingState.CHARGING


def test_a_late_started_is_no_warning_any_more() -> None:
    told = ready()
    told.tell(updated(1, told.now, evse_id=1))
    told.tell(started(0, told.now - timedelta(seconds=9)))
    assert told.recorded.late
    assert told.recorded.warnings == ()
    assert told.transaction.started_at == told.recorded.event.timestamp


def test_events_after_the_end_are_history() -> None:
    told = charging()
    told.end(seq_no=3)
    assert told.transaction.missing_seq_nos == ((1, 2),)
    view = told.view
    told.tell(updated(1, T0 + timedelta(seconds=4), offline=True))
    assert (told.recorded.late, told.recorded.gap) == (True, False)
    assert told.view is view
    assert told.transaction.missing_seq_nos == ((2, 2),)
    assert told.transaction.offline


def test_a_second_ended_is_history() -> None:
    told = charging()
    told.end(stopped_reason=StoppedReason.REMOTE)
    first = told.transaction.ended_at
    told.end(seq_no=2, stopped_reason=StoppedReason.POWER_LOSS)
    assert told.recorded.late
    assert told.transaction.ended_at == first
    assert told.transaction.stopped_reason is StoppedReason.REMOTE
    assert len(told.station.closed) == 1


def test_history_of_an_evse_that_has_moved_on_touches_nothing() -> None:
    told = charging()
    told.end()
    told.start("T2")
    held = told.evse()
    told.tell(ended(2, told.now, stopped_reason=StoppedReason.POWER_LOSS))
    assert told.recorded.late
    assert told.recorded.transaction.id == "T1"
    assert told.recorded.transaction.stopped_reason is StoppedReason.POWER_LOSS
    assert told.evse() is held


def test_an_old_transaction_that_nobody_knew_is_history_too() -> None:
    told = charging()
    held = told.evse()
    past = T0 - timedelta(hours=1)
    told.tell(updated(3, past, transaction_id="T0", evse_id=1))
    assert told.recorded.late
    assert told.evse() is held
    told.tell(ended(4, past + timedelta(minutes=1), transaction_id="T0"))
    assert (told.recorded.late, told.recorded.evse_id) == (True, 1)
    assert told.evse() is held
    assert [closed.id for closed in told.station.closed] == ["T0"]


def test_an_offline_transaction_that_was_over_before_is_history() -> None:
    told = charging()
    told.end()
    held = told.evse()
    told.tell(started(0, T0 - timedelta(1), transaction_id="T0", offline=True))
    assert told.recorded.late
    assert told.evse() is held


def test_what_starts_now_is_live_even_if_the_clock_was_set_back() -> None:
    told = charging()
    told.tell(updated(1, told.now, meter_values=(wh(5000, told.now),)))
    told.end(seq_no=2)
    reset = T0 - timedelta(days=365)
    told.tell(
        started(
            0,
            reset,
            transaction_id="T2",
            charging_state=ChargingState.CHARGING,
            meter_values=(wh(5100, reset),),
        )
    )
    assert not told.recorded.late
    assert told.view.transaction_id == "T2"
    assert told.evse().meter is not None
    assert told.evse().meter.energy_wh == 5100  # type: ignore[union-attr]  # asserted above


def test_a_rising_number_is_live_even_if_the_clock_was_set_back() -> None:
    told = charging()
    told.tell(updated(1, T0 - timedelta(hours=1), charging_state=ChargingState.SUSPENDED_EV))
    assert not told.recorded.late
    assert told.view.charging_state is ChargingState.SUSPENDED_EV


def test_numbers_that_stay_at_zero_are_told_apart_by_time() -> None:
    told = charging()
    told.tell(updated(0, told.now))
    told.tell(updated(0, told.now))
    told.end(seq_no=0)
    assert not told.recorded.late
    ids = {recorded.event_id for recorded in told.events}
    assert len(ids) == len(told.events)


# --- One after the other


def test_a_started_displaces_an_open_transaction() -> None:
    told = charging()
    first = told.transaction
    told.start("T2", id_token=TOKEN)
    assert told.transaction.id == "T2"
    assert not told.recorded.late
    (closed,) = told.station.closed
    assert (closed.id, closed.ended_at) == ("T1", first.last_event_at)
    told.end("T1", seq_no=5)
    assert told.recorded.late
    assert told.transaction.open


def test_an_id_used_again_is_a_new_transaction() -> None:
    told = charging()
    first = told.transaction
    told.end()
    told.start("T1")
    assert told.transaction.uuid != first.uuid
    assert told.transaction.open
    told.start("T2")
    told.end("T2")
    told.start("T1")
    assert told.view.transaction_id == "T1"


def test_a_resent_started_of_a_closed_transaction_is_history() -> None:
    told = charging()
    original = told.recorded.event
    told.end()
    told.tell(original)
    assert told.recorded.late
    told.start("T2")
    told.tell(original)
    assert told.recorded.late
    assert told.view.transaction_id == "T2"


def test_only_the_last_sixteen_are_remembered() -> None:
    told = ready()
    for number in range(20):
        told.start(f"T{number}")
        told.end(f"T{number}")
    assert [closed.id for closed in told.station.closed] == [f"T{n}" for n in range(4, 20)]


def test_a_remote_start_is_recognised_by_its_number() -> None:
    told = ready()
    told.command(Start(id_token=TOKEN, invoice_id="INV-1"))
    told.answer()
    told.start("T1", remote_start_id=99)
    assert told.transaction.invoice_id is None
    told.start("T2", remote_start_id=1, trigger_reason=TriggerReason.REMOTE_START)
    assert told.transaction.invoice_id == "INV-1"
    assert told.transaction.remote_start_id == 1


def test_a_remote_start_without_invoice_adds_none() -> None:
    told = ready()
    told.command(Start(id_token=TOKEN))
    told.answer()
    told.start(remote_start_id=1)
    assert told.transaction.invoice_id is None


# --- The cable


def test_the_cable_reported_by_an_event_holds_until_it_is_pulled() -> None:
    told = ready()
    told.start(cable_max_current_a=20)
    assert told.in_control == ("ProximityPilot", 20.0, "released")
    told.tell(updated(1, told.now))
    assert told.allocation.offered_a == 20.0
    told.end(stopped_reason=StoppedReason.EV_DISCONNECTED)
    assert told.in_control == ("Unmanaged", 32.0, "released")


def test_available_at_the_end_means_unplugged() -> None:
    told = charging()
    told.status(ConnectorStatus.AVAILABLE)
    told.end()
    assert told.view.plugged is False


# --- What the journal must be asked


def test_only_what_could_be_a_resend_must_be_looked_up() -> None:
    told = ready(evses=2)
    told.start("T2", evse_id=2)
    told.start("T1", evse_id=1)
    assert not progress.perhaps_stored(told.station, updated(1, transaction_id="T2"))
    assert not progress.perhaps_stored(told.station, updated(1))
    assert progress.perhaps_stored(told.station, updated(0))
    assert progress.perhaps_stored(told.station, updated(1, transaction_id="other"))
    told.end()
    assert progress.perhaps_stored(told.station, updated(9))


def test_the_end_of_a_transaction_leaves_no_power_behind() -> None:
    told = charging()
    power = readings(sample("Power.Active.Import", 6900.0), at=told.now)
    told.tell(updated(1, told.now, meter_values=(power,)))
    told.end(seq_no=2)
    meter = told.evse().meter
    assert meter is not None
    assert meter.power_w == 0.0


def test_a_transaction_authorized_before_plugging_in_finds_its_evse() -> None:
    told = ready(evses=2)
    told.start(evse_id=None, id_token=TOKEN, charging_state=None)
    first = told.recorded.transaction
    told.tell(updated(2, told.now, offline=False))
    assert (told.recorded.gap, told.recorded.evse_id) == (True, 0)
    told.tell(updated(3, told.now, evse_id=2, charging_state=ChargingState.CHARGING))
    placed = told.evse(2).transaction
    assert placed is not None
    assert (placed.uuid, placed.id_token, placed.started_seen) == (first.uuid, TOKEN, True)
    assert placed.missing_seq_nos == ((1, 1),)
    assert told.recorded.warnings == ()
    assert told.station.unplaced == ()


def test_a_transaction_that_ends_without_an_evse_is_not_kept() -> None:
    told = ready(evses=2)
    told.start(evse_id=None)
    told.end()
    assert told.recorded.warnings == ("evse_unknown",)
    assert told.station.unplaced == ()
