"""The life of a transaction, from events that may be late, doubled, or missing.

Theory of operation. Stations number the events of a transaction, or leave the number at 0
(charger-quirks 34); they lose the first ones (E11.FR.04), queue them while offline (E12) and
send history after the end (TC_E_31_CSMS). So an event moves the live record only if it is not
older than what the record has already seen. An older one is `late`: it fills gaps and facts of
the start, and is otherwise history. Whether an event was stored before is not decided here but
by its id, which the journal knows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bridge.domain import metering
from bridge.domain.enums import ChargingState, EventType, StoppedReason, TriggerReason
from bridge.domain.events import TransactionEvent
from bridge.domain.ids import StationId, transaction_uuid
from bridge.domain.model import ClosedTransaction, Meter, Transaction
from bridge.domain.records import replace

SeqNoRanges = tuple[tuple[int, int], ...]

PHASES_BY_NUMBER: Final[Mapping[int | None, tuple[bool, bool, bool]]] = {
    1: (True, False, False),
    2: (True, True, False),
    3: (True, True, True),
}
NO_PHASE: Final = (False, False, False)
_BEGIN = "Transaction.Begin"

PLAUSIBLE_STARTS: Final = frozenset(
    {
        TriggerReason.AUTHORIZED,
        TriggerReason.CABLE_PLUGGED_IN,
        TriggerReason.CHARGING_STATE_CHANGED,
        TriggerReason.EV_DETECTED,
        TriggerReason.REMOTE_START,
        TriggerReason.SIGNED_DATA_RECEIVED,
    }
)
"""Triggers by which a transaction can begin, whatever its TxStartPoint is (mapping 5)."""

_SUSPENDING = frozenset(
    {
        TriggerReason.COST_LIMIT_REACHED,
        TriggerReason.DEAUTHORIZED,
        TriggerReason.ENERGY_LIMIT_REACHED,
        TriggerReason.EV_CONNECT_TIMEOUT,
        TriggerReason.REMOTE_STOP,
        TriggerReason.RESET_COMMAND,
        TriggerReason.SOC_LIMIT_REACHED,
        TriggerReason.STOP_AUTHORIZED,
        TriggerReason.TARIFF_NOT_ACCEPTED,
        TriggerReason.TIME_LIMIT_REACHED,
        TriggerReason.UNLOCK_COMMAND,
    }
)
"""Triggers by which the EVSE stops charging, if they do not end the transaction (mapping 5)."""


def begin(
    station_id: StationId, event: TransactionEvent, readings: metering.Readings
) -> Transaction:
    """Return the record of a transaction of which this is the first event seen."""
    started = event.event_type is EventType.STARTED
    blank = Transaction(
        id=event.transaction_id,
        uuid=transaction_uuid(station_id, event.transaction_id, event.timestamp),
        started_at=event.timestamp,
        last_event_at=event.timestamp,
        started_seen=started,
        first_seq_no=event.seq_no,
        last_seq_no=event.seq_no,
        phases_seen=NO_PHASE,
    )
    return advance(blank, event, readings)


def is_late(transaction: Transaction, event: TransactionEvent) -> bool:
    """Say whether the record has already seen something newer than this event.

    A rising seqNo is proof of being newer even where the station's clock was set back, and an
    Ended ends what is open in any case.
    """
    if not transaction.open:
        return True
    if not event.numbered:
        older = event.timed and event.timestamp < transaction.last_event_at
        return older and event.event_type is not EventType.ENDED
    if event.seq_no > transaction.last_seq_no or event.event_type is EventType.ENDED:
        return False
    if event.timestamp != transaction.last_event_at:
        return event.timestamp < transaction.last_event_at
    return event.seq_no < transaction.last_seq_no


def has_gap(transaction: Transaction | None, event: TransactionEvent) -> bool:
    """Say whether events before this one are missing, `transaction` being the record before it."""
    if not event.numbered:
        return False
    if transaction is None:
        return event.event_type is not EventType.STARTED
    return event.seq_no > transaction.last_seq_no + 1


def clock_went_back(transaction: Transaction, event: TransactionEvent) -> bool:
    """Say whether the station's clock was set back before an event that is not late."""
    return event.timed and event.timestamp < transaction.last_event_at


def advance(
    transaction: Transaction, event: TransactionEvent, readings: metering.Readings
) -> Transaction:
    """Return the record after an event that is not late."""
    changes: dict[str, Any] = {
        "last_event_at": event.timestamp if event.timed else transaction.last_event_at,
        "last_seq_no": event.seq_no,
        "missing_seq_nos": _missing_after(transaction, event.seq_no),
    }
    changes |= _facts(transaction, event)
    charging_state = event.charging_state or _implied(transaction, event)
    if charging_state is not None:
        changes["charging_state"] = charging_state
    if event.time_spent_charging_seconds is not None:
        changes["time_spent_charging_seconds"] = event.time_spent_charging_seconds
    if event.operation_mode is not None:
        changes["operation_mode"] = event.operation_mode
    if readings.meter is not None:
        since = None if clock_went_back(transaction, event) else transaction.meter_last_at
        changes |= _measured(transaction, readings, readings.meter, since)
    if charging_state is ChargingState.CHARGING or _charges_untold(transaction, changes):
        changes |= _charging(transaction, changes, event.timestamp)
    if event.number_of_phases_used in PHASES_BY_NUMBER:
        changes["phases_seen"] = phases_with(
            changes.get("phases_seen", transaction.phases_seen),
            PHASES_BY_NUMBER[event.number_of_phases_used],
        )
    if event.event_type is EventType.ENDED:
        changes["ended_at"] = event.timestamp
        changes["stopped_reason"] = event.stopped_reason or _omitted_reason(event)
    return replace(transaction, **changes)


def _charges_untold(transaction: Transaction, changes: dict[str, Any]) -> bool:
    """Say whether energy flows at a station that never names a charging state (quirk 38)."""
    told = changes.get("charging_state", transaction.charging_state) is not None
    return not told and changes.get("energy_wh", 0.0) > transaction.energy_wh


def _charging(transaction: Transaction, changes: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Return since when it charges; which phases carry the current may not be known."""
    phases = changes.get("phases_seen", transaction.phases_seen)
    return {
        "charging_started_at": transaction.charging_started_at or at,
        "phases_seen": None if phases == NO_PHASE else phases,
    }


def _omitted_reason(event: TransactionEvent) -> StoppedReason:
    """Return what an omitted stoppedReason means: Local (OCPP 2.0.1, TransactionType).

    There are stations that omit it on the end that we asked for, too (charger-quirks 38).
    """
    remote = event.trigger_reason is TriggerReason.REMOTE_STOP
    return StoppedReason.REMOTE if remote else StoppedReason.LOCAL


def measured(transaction: Transaction, readings: metering.Readings) -> Transaction:
    """Return the record after readings of this transaction."""
    if readings.meter is None:
        return transaction
    changes = _measured(transaction, readings, readings.meter, transaction.meter_last_at)
    if _charges_untold(transaction, changes):
        changes |= _charging(transaction, changes, readings.meter.at)
    return replace(transaction, **changes)


def fill_in(
    transaction: Transaction, event: TransactionEvent, readings: metering.Readings
) -> Transaction:
    """Return the record after a late event: gaps close, facts of the start become known."""
    changes: dict[str, Any] = {
        "missing_seq_nos": without(transaction.missing_seq_nos, event.seq_no),
        "first_seq_no": min(transaction.first_seq_no, event.seq_no),
    }
    if not event.numbered:
        changes["last_seq_no"] = event.seq_no
    changes |= _facts(transaction, event)
    if event.event_type is EventType.STARTED and not transaction.started_seen:
        changes |= {"started_seen": True, "started_at": event.timestamp}
        changes |= _start_register(transaction, readings.registers)
    return replace(transaction, **changes)


def _implied(transaction: Transaction, event: TransactionEvent) -> ChargingState | None:
    """Return the charging state that an event implies which names none."""
    if transaction.charging_state in _WITH_AN_EV and event.trigger_reason in _SUSPENDING:
        return ChargingState.SUSPENDED_EVSE
    return None


_WITH_AN_EV: Final = frozenset(
    {ChargingState.CHARGING, ChargingState.EV_CONNECTED, ChargingState.SUSPENDED_EV}
)


def _facts(transaction: Transaction, event: TransactionEvent) -> dict[str, Any]:
    """Return what is said once and then holds: token, connector, remote start, reason of start."""
    facts: dict[str, Any] = {}
    if event.event_type is EventType.STARTED:
        facts["start_reason"] = event.trigger_reason
    for name in ("id_token", "connector_id", "remote_start_id"):
        said = getattr(event, name)
        if said is not None and getattr(transaction, name) is None:
            facts[name] = said
    if event.offline and not transaction.offline:
        facts["offline"] = True
    if event.trigger_reason is TriggerReason.TX_RESUMED:
        facts["resumed"] = True
    return facts


def _measured(
    transaction: Transaction, readings: metering.Readings, seen: Meter, since: datetime | None
) -> dict[str, Any]:
    changes = _energy(transaction, readings.registers, since) if readings.registers else {}
    in_use = metering.phases_in_use(seen.current_a)
    if in_use is not None:
        changes["phases_seen"] = phases_with(transaction.phases_seen, in_use)
    if seen.soc_percent is not None:
        changes["soc_last_percent"] = seen.soc_percent
        if transaction.soc_start_percent is None:
            changes["soc_start_percent"] = seen.soc_percent
    return changes


def _energy(
    transaction: Transaction, readings: Sequence[metering.Register], since: datetime | None
) -> dict[str, Any]:
    """Follow the register; where it runs backwards it was reset and the energy goes on.

    Readings older than the last one that counted are not counted again: an Ended may repeat
    those of the whole transaction (J02, TxEndedMeasurands), and queues are sent late.
    """
    start, last = transaction.meter_start_wh, transaction.meter_last_wh
    approximate, reset = transaction.meter_start_approximate, transaction.meter_reset
    energy = transaction.energy_wh
    for reading in readings:
        wh = reading.energy_wh
        if start is None or last is None:
            start, approximate = wh, reading.context != _BEGIN
        elif since is not None and reading.at <= since and (wh < last or reading.at < since):
            if approximate and reading.context == _BEGIN and wh <= start:
                energy, start, approximate = energy + start - wh, wh, False
            continue
        elif wh < last:
            reset = True
        else:
            energy += wh - last
        last, since = wh, reading.at
    return {
        "meter_start_wh": start,
        "meter_last_wh": last,
        "meter_last_at": since,
        "meter_start_approximate": approximate,
        "meter_reset": reset,
        "energy_wh": round(energy, 3),
    }


def _start_register(
    transaction: Transaction, readings: Sequence[metering.Register]
) -> dict[str, Any]:
    known = transaction.meter_start_wh
    if not readings or (known is not None and readings[0].energy_wh > known):
        return {}
    first = readings[0].energy_wh
    return {
        "meter_start_wh": first,
        "meter_start_approximate": readings[0].context != _BEGIN,
        "meter_last_wh": first if known is None else transaction.meter_last_wh,
        "meter_last_at": readings[0].at if known is None else transaction.meter_last_at,
        "energy_wh": round(transaction.energy_wh + (known or first) - first, 3),
    }


def phases_with(
    known: tuple[bool, bool, bool] | None, new: tuple[bool, bool, bool]
) -> tuple[bool, bool, bool]:
    """Return which phases were in use, those of a new reading included."""
    if known is None:
        return new
    return known[0] or new[0], known[1] or new[1], known[2] or new[2]


def _missing_after(transaction: Transaction, seq_no: int) -> SeqNoRanges:
    if seq_no > transaction.last_seq_no + 1:
        return (*transaction.missing_seq_nos, (transaction.last_seq_no + 1, seq_no - 1))
    if transaction.missing_seq_nos:
        return without(transaction.missing_seq_nos, seq_no)
    return ()


def without(ranges: SeqNoRanges, seq_no: int) -> SeqNoRanges:
    """Return inclusive ranges less one number."""
    kept: list[tuple[int, int]] = []
    for first, last in ranges:
        if not first <= seq_no <= last:
            kept.append((first, last))
            continue
        kept += [part for part in ((first, seq_no - 1), (seq_no + 1, last)) if part[0] <= part[1]]
    return tuple(kept)


def close_unfinished(transaction: Transaction) -> Transaction:
    """Return the record of one that another transaction has displaced without an Ended."""
    return replace(transaction, ended_at=transaction.last_event_at, complete=False)


def summary(transaction: Transaction, evse_id: int) -> ClosedTransaction:
    """Return what must be remembered of a closed transaction for its late events."""
    return ClosedTransaction(
        id=transaction.id,
        uuid=transaction.uuid,
        evse_id=evse_id,
        connector_id=transaction.connector_id,
        started_at=transaction.started_at,
        ended_at=transaction.ended_at or transaction.last_event_at,
        last_seq_no=transaction.last_seq_no,
    )


def history(closed: ClosedTransaction, event: TransactionEvent) -> Transaction:
    """Return the record to show with a late event of a closed transaction."""
    return Transaction(
        id=closed.id,
        uuid=closed.uuid,
        started_at=closed.started_at,
        last_event_at=event.timestamp,
        started_seen=True,
        connector_id=closed.connector_id,
        ended_at=closed.ended_at,
        charging_state=event.charging_state,
        stopped_reason=event.stopped_reason,
        remote_start_id=event.remote_start_id,
        time_spent_charging_seconds=event.time_spent_charging_seconds,
        last_seq_no=closed.last_seq_no,
        offline=event.offline,
    )
