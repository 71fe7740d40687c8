"""OCPP 1.6 told in TransactionEvents: triggers, states, ids, retries, and what comes late."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import charge_point
from bridge.domain.effects import (
    Outcome,
    StartReply,
    StatusRecorded,
    TransactionRecorded,
    TransactionReply,
)
from bridge.domain.enums import (
    ChargePointStatus,
    ChargingState,
    ConnectorStatus,
    EventType,
    SeccState,
    StoppedReason,
    TriggerReason,
)
from bridge.domain.events import (
    IdToken,
    MeterValues,
    StartTransaction,
    StatusNotification,
    StopTransaction,
)
from bridge.domain.tokens import ACCEPTED
from tests.unit.domain.builders import T0, Told, wh

TAG = IdToken(value="TAG1", type="Central")
STATUS = {
    ChargePointStatus.AVAILABLE: ConnectorStatus.AVAILABLE,
    ChargePointStatus.FAULTED: ConnectorStatus.FAULTED,
    ChargePointStatus.RESERVED: ConnectorStatus.RESERVED,
    ChargePointStatus.UNAVAILABLE: ConnectorStatus.UNAVAILABLE,
}


class Told16(Told):
    """A charge point of OCPP 1.6 with connector 1."""

    def says(self, status: ChargePointStatus, **more: Any) -> Outcome:
        return self.tell(
            StatusNotification(
                timestamp=more.pop("timestamp", None),
                evse_id=1,
                connector_id=1,
                status=STATUS.get(status, ConnectorStatus.OCCUPIED),
                point_status=status,
                **more,
            )
        )

    def begins(self, **more: Any) -> int:
        more.setdefault("timestamp", self.now)
        message = StartTransaction(
            evse_id=more.pop("evse_id", 1), id_token=TAG, meter_start_wh=1000.0, **more
        )
        reply = self.tell(message).reply
        assert isinstance(reply, StartReply)
        assert reply.verdict == ACCEPTED
        return reply.transaction_id

    def measures(self, energy_wh: float, transaction_id: Any, **more: Any) -> Outcome:
        value = wh(energy_wh, more.pop("at", self.now), **more)
        return self.tell(
            MeterValues(
                evse_id=1,
                meter_values=(value,),
                transaction_id=None if transaction_id is None else str(transaction_id),
            )
        )

    def stops(self, transaction_id: Any, **more: Any) -> Outcome:
        more.setdefault("timestamp", self.now)
        more.setdefault("reason", StoppedReason.LOCAL)
        more.setdefault("trigger_reason", TriggerReason.STOP_AUTHORIZED)
        return self.tell(
            StopTransaction(transaction_id=str(transaction_id), meter_stop_wh=3500.0, **more)
        )

    @property
    def told(self) -> list[tuple[EventType, TriggerReason, int]]:
        """Type, trigger and number of all transaction events so far."""
        return [(e.event.event_type, e.event.trigger_reason, e.event.seq_no) for e in self.records]

    @property
    def records(self) -> list[TransactionRecorded]:
        return [e for e in self.events if isinstance(e, TransactionRecorded)]


def test_a_session_is_started_updated_and_ended_in_order() -> None:
    told = Told16()
    told.says(ChargePointStatus.PREPARING)
    number = told.begins()
    told.says(ChargePointStatus.CHARGING)
    told.measures(2000.0, number)
    told.says(ChargePointStatus.SUSPENDED_EV)
    told.stops(number)
    told.says(ChargePointStatus.FINISHING)
    told.says(ChargePointStatus.AVAILABLE)
    assert told.told == [
        (EventType.STARTED, TriggerReason.CABLE_PLUGGED_IN, 0),
        (EventType.UPDATED, TriggerReason.CHARGING_STATE_CHANGED, 1),
        (EventType.UPDATED, TriggerReason.METER_VALUE_PERIODIC, 2),
        (EventType.UPDATED, TriggerReason.CHARGING_STATE_CHANGED, 3),
        (EventType.ENDED, TriggerReason.STOP_AUTHORIZED, 4),
    ]
    transaction = told.transaction
    assert transaction.id == str(number)
    assert (transaction.meter_start_wh, transaction.energy_wh) == (1000.0, 2500.0)
    assert not transaction.meter_start_approximate
    assert not any(record.gap or record.late for record in told.records)
    assert told.view.state is SeccState.IDLE


def test_a_transaction_after_another_one_begins_with_a_car_that_is_connected() -> None:
    told = Told16()
    told.says(ChargePointStatus.PREPARING)
    told.stops(told.begins())
    told.says(ChargePointStatus.FINISHING)
    told.begins()
    assert told.transaction.charging_state is ChargingState.EV_CONNECTED


def test_a_status_that_says_nothing_new_of_the_transaction_is_no_event_of_it() -> None:
    told = Told16()
    told.begins()
    told.says(ChargePointStatus.CHARGING)
    before = len(told.records)
    told.says(ChargePointStatus.CHARGING)
    told.says(ChargePointStatus.FAULTED, error_code="GroundFailure")
    assert len(told.records) == before
    assert told.view.state is SeccState.FAULTED


def test_a_status_is_an_event_of_the_connector_where_the_word_of_ocpp_2_changes() -> None:
    told = Told16()
    told.says(ChargePointStatus.PREPARING)
    told.says(ChargePointStatus.CHARGING)  # Occupied, as it was
    told.says(ChargePointStatus.CHARGING, error_code="OverVoltage")
    told.says(ChargePointStatus.AVAILABLE)
    recorded = [e for e in told.events if isinstance(e, StatusRecorded)]
    assert [(e.previous, e.status, e.error_code) for e in recorded] == [
        (None, ConnectorStatus.OCCUPIED, None),
        (ConnectorStatus.OCCUPIED, ConnectorStatus.OCCUPIED, "OverVoltage"),
        (ConnectorStatus.OCCUPIED, ConnectorStatus.AVAILABLE, None),
    ]


# --- Ids and retries ---------------------------------------------------------------------------


def test_a_retried_start_gets_the_same_id_and_is_not_told_twice() -> None:
    told = Told16()
    first = told.begins(timestamp=T0)
    assert told.begins(timestamp=T0) == first
    assert len(told.records) == 1


def test_ids_rise_and_are_beyond_those_of_a_lost_database() -> None:
    told = Told16()
    first = told.begins()
    told.stops(first)
    second = told.begins(timestamp=told.now + timedelta(seconds=1))
    assert int(T0.timestamp()) <= first < second <= charge_point.MAX_ID


def test_events_of_a_resend_have_the_id_of_the_first() -> None:
    told = Told16()
    number = told.begins()
    at = told.now
    told.measures(2000.0, number, at=at)
    told.measures(2000.0, number, at=at)
    first, again = told.records[1:]
    assert first.event_id == again.event_id


def test_clock_aligned_and_periodic_readings_of_one_moment_are_two_events() -> None:
    told = Told16()
    number = told.begins()
    at = told.now
    told.measures(2000.0, number, at=at)
    told.measures(2000.0, number, at=at, context="Sample.Clock")
    periodic, aligned = told.records[1:]
    assert aligned.event.trigger_reason is TriggerReason.METER_VALUE_CLOCK
    assert periodic.event_id != aligned.event_id


@pytest.mark.parametrize("unknown", [-1, 0, 4711])
def test_an_id_that_is_none_of_ours_means_the_transaction_that_runs(unknown: int) -> None:
    # OCPP 1.6 errata 3.18
    told = Told16()
    number = told.begins()
    told.measures(2000.0, unknown)
    told.stops(unknown)
    assert {record.event.transaction_id for record in told.records} == {str(number)}
    assert not told.transaction.open


def test_the_end_of_a_transaction_that_nobody_knows_is_recorded() -> None:
    told = Told16()
    told.says(ChargePointStatus.AVAILABLE)
    outcome = told.stops(77, id_token=TAG)
    assert outcome.reply == TransactionReply(verdict=ACCEPTED)
    (record,) = told.records
    assert (record.event.transaction_id, record.warnings) == ("77", ("started_missing",))


def test_readings_without_a_transaction_move_only_the_meter() -> None:
    told = Told16()
    told.says(ChargePointStatus.AVAILABLE)
    told.measures(5.0, None)
    told.measures(6.0, 99)
    assert told.records == []
    meter = told.evse().meter
    assert meter is not None
    assert meter.energy_wh == 6.0


# --- What comes late ---------------------------------------------------------------------------


def test_readings_queued_while_offline_are_history_after_a_newer_status() -> None:
    told = Told16()
    told.says(ChargePointStatus.PREPARING)
    number = told.begins()
    told.says(ChargePointStatus.CHARGING)
    then = told.now
    told.disconnect()
    told.connect()
    told.says(ChargePointStatus.FINISHING, timestamp=told.now)
    told.measures(1500.0, number, at=then + timedelta(milliseconds=1))
    told.stops(number, timestamp=then + timedelta(milliseconds=2))
    queued, end = told.records[-2:]
    assert (queued.late, end.late) == (True, False)
    assert [record.event.seq_no for record in told.records] == [0, 1, 2, 3, 4]
    assert told.transaction.ended_at == then + timedelta(milliseconds=2)


@pytest.mark.parametrize("hours", [-1, 1], ids=["behind", "ahead"])
def test_a_status_without_a_time_says_nothing_of_the_stations_clock(hours: int) -> None:
    told = Told16()
    told.says(ChargePointStatus.PREPARING, timestamp=None)
    there = told.now + timedelta(hours=hours)
    number = told.begins(timestamp=there)
    told.says(ChargePointStatus.CHARGING, timestamp=None)
    told.measures(2500.0, number, at=there + timedelta(seconds=10))
    told.says(ChargePointStatus.SUSPENDED_EV, timestamp=None)
    told.measures(2600.0, number, at=there + timedelta(seconds=20))
    assert not any(record.late for record in told.records)
    assert [record.transaction.charging_state for record in told.records] == [
        ChargingState.EV_CONNECTED,
        *[ChargingState.CHARGING] * 2,
        *[ChargingState.SUSPENDED_EV] * 2,
    ]
    assert told.transaction.meter_last_wh == 2600.0


def test_readings_after_the_end_are_history() -> None:
    # charger-quirks 25
    told = Told16()
    number = told.begins()
    told.stops(number)
    told.measures(3500.0, number)
    assert told.records[-1].late
    assert told.transaction.energy_wh == 2500.0
