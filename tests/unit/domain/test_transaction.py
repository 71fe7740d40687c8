"""A transaction's record: numbers, gaps, energy, phases, state of charge."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.domain import metering, transaction
from bridge.domain.enums import ChargingState, EventType, StoppedReason, TriggerReason
from bridge.domain.events import IdToken, MeterValue, TransactionEvent
from bridge.domain.ids import StationId
from bridge.domain.model import Transaction
from tests.unit.domain.builders import ENERGY, T0, ended, readings, sample, started, updated, wh

CS = StationId("CS1")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def after(*events: TransactionEvent) -> Transaction:
    """The record after events, each late or not."""
    first, *others = events
    held = transaction.begin(CS, first, metering.read(first.meter_values))
    for each in others:
        move = transaction.fill_in if transaction.is_late(held, each) else transaction.advance
        held = move(held, each, metering.read(each.meter_values))
    return held


# --- What is said once


def test_facts_are_kept_from_the_event_that_names_them() -> None:
    token = IdToken(value="AABB", type="ISO14443")
    held = after(
        started(trigger_reason=TriggerReason.CABLE_PLUGGED_IN, connector_id=2),
        updated(1, at(1), id_token=token, remote_start_id=7, time_spent_charging_seconds=5),
        updated(2, at(2), id_token=IdToken(value="other", type="Central"), connector_id=9),
    )
    assert held.start_reason is TriggerReason.CABLE_PLUGGED_IN
    assert (held.connector_id, held.id_token, held.remote_start_id) == (2, token, 7)
    assert held.time_spent_charging_seconds == 5
    assert held.started_seen


def test_the_first_charging_is_the_start_of_charging() -> None:
    held = after(
        started(charging_state=ChargingState.EV_CONNECTED),
        updated(1, at(5), charging_state=ChargingState.CHARGING),
        updated(2, at(9), charging_state=ChargingState.SUSPENDED_EV),
        updated(3, at(20), charging_state=ChargingState.CHARGING),
    )
    assert held.started_at == T0
    assert held.charging_started_at == at(5)


def test_an_event_without_charging_state_leaves_it() -> None:
    held = after(started(charging_state=ChargingState.CHARGING), updated(1, at(1)))
    assert held.charging_state is ChargingState.CHARGING


@pytest.mark.parametrize(
    ("given", "kept"),
    [(StoppedReason.EV_DISCONNECTED, StoppedReason.EV_DISCONNECTED), (None, StoppedReason.LOCAL)],
)
def test_an_omitted_reason_of_the_end_means_local(
    given: StoppedReason | None, kept: StoppedReason
) -> None:
    held = after(started(), ended(1, at(9), stopped_reason=given))
    assert (held.ended_at, held.stopped_reason, held.open) == (at(9), kept, False)


def test_offline_sticks() -> None:
    assert after(started(), updated(1, at(1), offline=True), updated(2, at(2))).offline
    assert not after(started(), updated(1, at(1))).offline


@pytest.mark.parametrize("trigger", sorted(transaction._SUSPENDING))
def test_a_trigger_that_stops_charging_suspends(trigger: TriggerReason) -> None:
    held = after(
        started(charging_state=ChargingState.CHARGING), updated(1, at(1), trigger_reason=trigger)
    )
    assert held.charging_state is ChargingState.SUSPENDED_EVSE


def test_the_stations_own_word_goes_before_what_a_trigger_implies() -> None:
    stop = TriggerReason.STOP_AUTHORIZED
    held = after(
        started(charging_state=ChargingState.CHARGING),
        updated(1, at(1), trigger_reason=stop, charging_state=ChargingState.SUSPENDED_EV),
    )
    assert held.charging_state is ChargingState.SUSPENDED_EV
    assert after(started(), updated(1, at(1), trigger_reason=stop)).charging_state is None


# --- Sequence numbers


def test_a_jump_is_a_gap_and_a_late_event_fills_it() -> None:
    events = [started(), updated(4, at(4))]
    assert after(*events).missing_seq_nos == ((1, 3),)
    events.append(updated(2, at(2)))
    assert after(*events).missing_seq_nos == ((1, 1), (3, 3))
    events += [updated(1, at(1)), updated(3, at(3))]
    assert after(*events).missing_seq_nos == ()
    assert after(*events).last_seq_no == 4


def test_gaps_add_up() -> None:
    assert after(started(), updated(2, at(2)), updated(5, at(5))).missing_seq_nos == (
        (1, 1),
        (3, 4),
    )


def test_numbers_may_rise_over_transactions_or_stay_at_zero() -> None:
    assert after(started(100), updated(101, at(1))).missing_seq_nos == ()
    held = after(started(0), updated(0, at(1)), updated(0, at(2)), ended(0, at(3)))
    assert held.missing_seq_nos == ()
    assert held.ended_at == at(3)


def test_a_number_may_come_twice_while_a_gap_is_open() -> None:
    held = after(started(), updated(2, at(2)), updated(2, at(3)))
    assert held.missing_seq_nos == ((1, 1),)


@pytest.mark.parametrize(
    ("event_", "late"),
    [
        (updated(6, at(1)), False),  # a rising number beats a clock that was set back
        (updated(5, at(11)), False),
        (updated(3, at(11)), False),  # numbering begins again after a boot
        (updated(5, at(10)), False),
        (updated(4, at(10)), True),
        (updated(4, at(9)), True),
        (ended(4, at(9)), False),
    ],
)
def test_an_event_is_late_if_the_record_has_seen_newer(
    event_: TransactionEvent, late: bool
) -> None:
    held = after(started(), updated(5, at(10)))
    assert transaction.is_late(held, event_) is late


def test_after_the_end_every_event_is_late() -> None:
    assert transaction.is_late(after(started(), ended(1, at(1))), updated(9, at(9)))


@pytest.mark.parametrize(("seq_no", "gap"), [(1, False), (2, True), (0, False)])
def test_a_gap_is_a_number_left_out(seq_no: int, gap: bool) -> None:
    assert transaction.has_gap(after(started()), updated(seq_no, at(1))) is gap


def test_a_transaction_that_does_not_begin_with_started_has_a_gap() -> None:
    assert transaction.has_gap(None, updated(0))
    assert not transaction.has_gap(None, started(7))


def test_a_late_started_tells_the_start() -> None:
    token = IdToken(value="x", type="Central")
    first = updated(3, at(30), meter_values=(wh(500, at(30)),))
    late = started(0, T0, id_token=token, meter_values=(wh(100, T0, "Transaction.Begin"),))
    implicit = after(first)
    assert not implicit.started_seen
    assert implicit.meter_start_approximate
    held = after(first, late)
    assert (held.started_seen, held.started_at, held.id_token) == (True, T0, token)
    assert (held.meter_start_wh, held.meter_last_wh, held.energy_wh) == (100, 500, 400)
    assert not held.meter_start_approximate
    assert (held.first_seq_no, held.uuid) == (0, implicit.uuid)


@pytest.mark.parametrize("start", [(), (wh(600, T0),)])
def test_a_late_started_without_a_usable_register_leaves_the_meter(
    start: tuple[MeterValue, ...],
) -> None:
    held = after(
        updated(3, at(30), meter_values=(wh(500, at(30)),)), started(0, T0, meter_values=start)
    )
    assert (held.meter_start_wh, held.energy_wh) == (500, 0)


def test_a_late_started_may_bring_the_first_reading() -> None:
    held = after(
        updated(3, at(30)),
        started(0, T0, meter_values=(wh(100, T0),)),
        updated(4, at(40), meter_values=(wh(150, at(40)),)),
    )
    assert (held.meter_start_wh, held.energy_wh) == (100, 50)


def test_a_second_started_does_not_move_the_start() -> None:
    held = after(started(0, at(10)), updated(1, at(20)), started(0, at(5)))
    assert held.started_at == at(10)


@pytest.mark.parametrize(
    ("ranges", "less", "left"),
    [
        (((1, 3),), 1, ((2, 3),)),
        (((1, 3),), 3, ((1, 2),)),
        (((1, 3), (7, 7)), 7, ((1, 3),)),
        (((1, 3),), 9, ((1, 3),)),
    ],
)
def test_a_number_is_taken_out_of_ranges(
    ranges: transaction.SeqNoRanges, less: int, left: transaction.SeqNoRanges
) -> None:
    assert transaction.without(ranges, less) == left


# --- Energy


def test_energy_is_the_register_less_its_begin() -> None:
    held = after(
        started(meter_values=(wh(1000, T0, "Transaction.Begin"),)),
        updated(1, at(1), meter_values=(wh(1200.5, at(1)),)),
        ended(2, at(2), meter_values=(wh(1300, at(2), "Transaction.End"),)),
    )
    assert (held.meter_start_wh, held.meter_last_wh, held.energy_wh) == (1000, 1300, 300)
    assert not held.meter_start_approximate
    assert not held.meter_reset


def test_without_a_begin_the_first_reading_serves() -> None:
    held = after(started(), updated(1, at(1), meter_values=(wh(500, at(1)),)))
    assert (held.meter_start_wh, held.energy_wh) == (500, 0)
    assert held.meter_start_approximate


def test_energy_goes_on_over_a_reset_of_the_register() -> None:
    held = after(
        started(meter_values=(wh(1000, T0),)),
        updated(1, at(1), meter_values=(wh(1200, at(1)),)),
        updated(2, at(2), meter_values=(wh(10, at(2)),)),
        updated(3, at(3), meter_values=(wh(60, at(3)),)),
    )
    assert held.energy_wh == 250
    assert held.meter_reset


def test_an_ended_that_repeats_the_readings_of_the_transaction_adds_nothing() -> None:
    held = after(
        started(meter_values=(wh(1000, T0, "Transaction.Begin"),)),
        updated(1, at(10), meter_values=(wh(1200, at(10)),)),
        ended(
            2,
            at(20),
            meter_values=(
                wh(1000, T0, "Transaction.Begin"),
                wh(1200, at(10)),
                wh(1250, at(20), "Transaction.End"),
            ),
        ),
    )
    assert held.energy_wh == 250
    assert not held.meter_reset


def test_a_begin_that_comes_later_corrects_an_approximate_start() -> None:
    held = after(
        started(),
        updated(1, at(10), meter_values=(wh(1200, at(10)),)),
        ended(2, at(20), meter_values=(wh(1000, T0, "Transaction.Begin"), wh(1250, at(20)))),
    )
    assert (held.meter_start_wh, held.energy_wh) == (1000, 250)
    assert not held.meter_start_approximate


def test_a_begin_above_the_first_reading_is_not_believed() -> None:
    held = after(
        started(),
        updated(1, at(10), meter_values=(wh(1200, at(10)),)),
        ended(2, at(20), meter_values=(wh(1201, T0, "Transaction.Begin"),)),
    )
    assert (held.meter_start_wh, held.energy_wh) == (1200, 0)


def test_two_readings_of_one_moment_are_no_reset() -> None:
    held = after(
        started(meter_values=(wh(1000, T0),)),
        updated(1, at(1), meter_values=(wh(1100, at(1)), wh(1099, at(1), "Sample.Clock"))),
    )
    assert held.energy_wh == 100
    assert not held.meter_reset


def test_energy_counts_on_after_the_clock_was_set_back() -> None:
    held = after(
        started(at=at(3600), meter_values=(wh(1000, at(3600)),)),
        updated(1, at(10), meter_values=(wh(1100, at(10)),)),
        updated(2, at(20), meter_values=(wh(1200, at(20)),)),
    )
    assert (held.energy_wh, held.last_event_at) == (200, at(20))
    assert not held.meter_reset


def test_readings_outside_events_count_once_and_not_when_old() -> None:
    held = after(started(meter_values=(wh(1000, at(10)),)))
    held = transaction.measured(held, metering.read((wh(1100, at(20)),)))
    held = transaction.measured(held, metering.read((wh(1050, at(15)),)))
    assert held.energy_wh == 100
    assert not held.meter_reset
    assert transaction.measured(held, metering.read(())) is held


# --- Phases and state of charge


def currents(*amps: float, at: datetime = T0) -> tuple[MeterValue, ...]:
    names = ("L1", "L2", "L3")
    return (
        readings(
            *(sample("Current.Import", a, p) for a, p in zip(amps, names, strict=False)), at=at
        ),
    )


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"meter_values": currents(9.0, 0.4, 0.0)}, (True, False, False)),
        ({"number_of_phases_used": 2}, (True, True, False)),
        ({"number_of_phases_used": 7}, (False, False, False)),
        (
            {"meter_values": currents(0.0, 0.0, 9.0), "number_of_phases_used": 1},
            (True, False, True),
        ),
        ({}, (False, False, False)),
        ({"charging_state": ChargingState.CHARGING}, None),
    ],
)
def test_phases_come_from_currents_or_the_stations_number(
    options: dict[str, Any], seen: tuple[bool, bool, bool] | None
) -> None:
    assert after(started(), updated(1, at(1), **options)).phases_seen == seen


def test_phases_once_used_stay_used() -> None:
    held = after(
        started(charging_state=ChargingState.CHARGING),
        updated(1, at(1), meter_values=currents(9.0, 9.0, 9.0)),
        updated(2, at(2), meter_values=currents(9.0, 0.0, 0.0)),
        updated(3, at(3), charging_state=ChargingState.CHARGING),
    )
    assert held.phases_seen == (True, True, True)


def test_the_state_of_charge_has_a_start_and_a_last() -> None:
    held = after(
        started(),
        updated(1, at(1), meter_values=(readings(sample("SoC", 20.0)),)),
        updated(2, at(2), meter_values=(readings(sample("SoC", 80.0)),)),
        updated(3, at(3), meter_values=(readings(sample(ENERGY, 80.0)),)),
    )
    assert (held.soc_start_percent, held.soc_last_percent) == (20.0, 80.0)


# --- Closing


def test_a_displaced_transaction_is_closed_where_it_was_last_seen() -> None:
    closed = transaction.close_unfinished(after(started(), updated(1, at(5))))
    assert (closed.ended_at, closed.complete, closed.open) == (at(5), False, False)
    assert closed.stopped_reason is None


def test_history_shows_what_is_still_known() -> None:
    ended_ = after(started(connector_id=1), ended(2, at(5)))
    known = transaction.summary(ended_, evse_id=3)
    late = updated(1, at(1), offline=True, charging_state=ChargingState.CHARGING)
    shown = transaction.history(known, late)
    assert (known.evse_id, known.ended_at, known.last_seq_no) == (3, at(5), 2)
    assert (shown.uuid, shown.ended_at, shown.connector_id) == (ended_.uuid, at(5), 1)
    assert (shown.charging_state, shown.offline) == (ChargingState.CHARGING, True)


def test_the_summary_of_an_open_transaction_ends_where_it_was_last_seen() -> None:
    assert transaction.summary(after(started()), 1).ended_at == T0


def test_event_types_are_told_apart() -> None:
    assert after(updated(0)).start_reason is None
    assert started().event_type is EventType.STARTED


# --- Why it ended


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        (TriggerReason.REMOTE_STOP, StoppedReason.REMOTE),
        (TriggerReason.STOP_AUTHORIZED, StoppedReason.LOCAL),
        (TriggerReason.EV_DEPARTED, StoppedReason.LOCAL),
    ],
)
def test_an_omitted_reason_is_local_but_where_we_have_asked_for_the_end(
    trigger: TriggerReason, reason: StoppedReason
) -> None:
    held = after(started(), ended(1, at(1), trigger_reason=trigger))
    assert held.stopped_reason is reason


def test_readings_of_their_own_show_that_energy_flows_at_a_station_of_few_words() -> None:
    """Meter values in MeterValues CALLs only, and no charging state (charger-quirks 37, 38)."""
    held = after(started(meter_values=(wh(100.0),)))
    same = transaction.measured(held, metering.read((wh(100.0, at(10)),)))
    assert same.charging_started_at is None
    more = transaction.measured(same, metering.read((wh(160.0, at(20)),)))
    assert (more.charging_started_at, more.phases_seen) == (at(20), None)
