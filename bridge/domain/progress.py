"""Placing a station's TransactionEvents: live progress, history, or a new transaction.

Only the first event of a transaction names its EVSE and its token (E01.FR.16, E03.FR.02); some
never come; others come after the end. Here each event finds its EVSE, and either moves that
EVSE's live record (`transaction.advance`), or is kept as history that moves nothing.
"""

from datetime import datetime
from typing import Final

from bridge.domain import (
    authorization,
    connector,
    faults,
    kept_limits,
    ledger,
    metering,
    observe,
    start_profile,
    transaction,
    transaction_limits,
    upkeep,
)
from bridge.domain.annotations import Remark
from bridge.domain.calls import ProfilePurpose
from bridge.domain.draft import Draft
from bridge.domain.effects import TransactionRecorded
from bridge.domain.enums import ConnectorStatus, EventType, TriggerReason
from bridge.domain.events import TransactionEvent
from bridge.domain.ids import STATION_EVSE, StationId, event_id
from bridge.domain.in_control import in_control
from bridge.domain.metering import Readings
from bridge.domain.model import Evse, Meter, Station, Transaction
from bridge.domain.records import replace

REMEMBERED_TRANSACTIONS: Final = 16
REMEMBERED_UNPLACED: Final = 4
UNNUMBERED: Final = -1

_RATE_CHANGED: Final = frozenset(
    {
        TriggerReason.CHARGING_RATE_CHANGED,
        TriggerReason.LIMIT_SET,
        TriggerReason.OPERATION_MODE_CHANGED,
    }
)
"""Triggers after which the station is asked what all profiles together leave (mapping.md, 5)."""


def perhaps_stored(station: Station, event: TransactionEvent) -> bool:
    """Say whether this event could be a resend, so that the journal must be asked.

    An event whose number is beyond all that its open transaction has seen is certainly new.
    """
    for evse in station.evses.values():
        known = evse.transaction
        if known is not None and known.id == event.transaction_id:
            if not event.numbered:
                return event.timestamp <= known.last_event_at or not known.open
            return event.seq_no <= known.last_seq_no or not known.open
    return True


def transaction_event_id(station_id: StationId, event: TransactionEvent) -> str:
    """Return the id of an event, the same for every resend of it.

    Where the station does not number its events, the trigger and the time tell them apart.
    """
    seq_no = event.seq_no if event.numbered else UNNUMBERED
    kind = event.event_type if event.numbered else f"{event.event_type}/{event.trigger_reason}"
    return event_id(station_id, event.transaction_id, seq_no, kind, event.timestamp)


def take_in(draft: Draft, event: TransactionEvent) -> None:
    """Record an event and move the live state of its EVSE where it is not late."""
    place = _place(draft, event)
    readings = metering.read(event.meter_values)
    if draft.settings.session_register:
        readings = _as_meter_readings(draft, place, event, readings)
    if place is None or not draft.can_have(place):
        _unplaced(draft, event, readings)
    else:
        _record(draft, draft.evses.get(place) or Evse(id=place), event, readings)


def _as_meter_readings(
    draft: Draft, place: int | None, event: TransactionEvent, readings: Readings
) -> Readings:
    """Return the readings of a station whose register counts from 0 in each transaction."""
    evse = draft.evses.get(place or STATION_EVSE)
    held = evse.transaction if evse is not None else None
    if held is None or held.id != event.transaction_id:
        return readings
    if held.meter_start_wh is None or held.meter_last_wh is None:
        return readings
    return metering.lifted(readings, held.meter_start_wh, held.meter_last_wh)


def _place(draft: Draft, event: TransactionEvent) -> int | None:
    """Return the EVSE of an event; only the first one needs to name it (E01.FR.16)."""
    holders = [
        evse.id
        for evse in draft.evses.values()
        if evse.transaction is not None and evse.transaction.id == event.transaction_id
    ]
    if event.evse_id in holders:
        return event.evse_id
    if event.evse_id and event.event_type is EventType.STARTED:
        return event.evse_id  # the same id on two EVSEs (charger-quirks 24)
    if holders:
        return holders[0]
    for closed in reversed(draft.station.closed):
        if closed.id == event.transaction_id:
            return closed.evse_id
    if event.evse_id:
        return event.evse_id
    if len(draft.evses) <= 1:
        return next(iter(draft.evses), 1)
    return None


def _record(draft: Draft, evse: Evse, event: TransactionEvent, readings: Readings) -> None:
    held = evse.transaction
    if held is not None and held.id == event.transaction_id and not _id_used_again(held, event):
        _continue(draft, evse, held, event, readings)
    elif _is_history(draft, evse, event):
        _history(draft, evse, event, readings)
    else:
        _begin(draft, evse, event, readings)


def _id_used_again(held: Transaction, event: TransactionEvent) -> bool:
    """Say whether a Started names a new transaction by an id that an ended one had."""
    if held.ended_at is None or event.event_type is not EventType.STARTED:
        return False
    return event.timestamp > held.ended_at


def _is_history(draft: Draft, evse: Evse, event: TransactionEvent) -> bool:
    """Say whether an event of another transaction than the present one belongs to the past."""
    if any(
        c.id == event.transaction_id and event.timestamp <= c.ended_at
        for c in draft.station.closed
    ):
        return True
    held = evse.transaction
    if held is None:
        return False
    if any(c.id == event.transaction_id for c in draft.station.closed):
        return event.event_type is not EventType.STARTED
    if not held.open and event.event_type is EventType.STARTED and not event.offline:
        return False  # the clock was set back: what starts now is no history
    return event.timestamp < (held.ended_at or held.last_event_at)


def _continue(
    draft: Draft, evse: Evse, held: Transaction, event: TransactionEvent, readings: Readings
) -> None:
    gap = transaction.has_gap(held, event)
    if transaction.is_late(held, event):
        filled = transaction.fill_in(held, event, readings)
        if held.remote_start_id is None:
            filled = _bound(draft.station, filled)
        upkeep.refresh(draft, replace(evse, transaction=filled), plugged=evse.view.plugged)
        shown = replace(filled, charging_state=event.charging_state)
        _recorded(draft, evse, event, readings, shown, gap=gap and held.open, late=True)
        return
    after = kept_limits.heard(transaction.advance(held, event, readings), event)
    if held.remote_start_id is None:
        after = _bound(draft.station, after)
        evse = start_profile.installed(draft, evse, after)
    _advance(draft, evse, after, event, readings, gap=gap)


def _begin(draft: Draft, evse: Evse, event: TransactionEvent, readings: Readings) -> None:
    held = evse.transaction
    if held is not None and held.open:
        closed = transaction.close_unfinished(held)
        draft.keep(evse.id, closed)
        evse = _ended(draft, replace(evse, transaction=closed), closed)
    waiting = _unplaced_of(draft.station, event)
    gap = transaction.has_gap(waiting, event)
    if waiting is None:
        began = transaction.begin(draft.station.id, event, readings)
    else:
        _set_unplaced(draft, waiting, None)
        began = transaction.advance(waiting, event, readings)
    began = _bound(draft.station, began)
    if waiting is None and began.start_uuid is not None:
        began = replace(began, uuid=began.start_uuid)
    evse = start_profile.installed(draft, replace(evse, finishing=False), began)
    _advance(draft, evse, began, event, readings, gap=gap)


def _bound(station: Station, began: Transaction) -> Transaction:
    """Return a transaction with what the remote start that began it lays down for it.

    A station may tell of the transaction before it answers the request (F02).
    """
    if began.remote_start_id is None:
        return began
    for start in (*station.remote_starts, *station.calls):
        if start.remote_start_id == began.remote_start_id:
            return transaction_limits.bound(began, start)
    return began


def _advance(
    draft: Draft,
    evse: Evse,
    after: Transaction,
    event: TransactionEvent,
    readings: Readings,
    *,
    gap: bool,
) -> None:
    """Move the live state of an EVSE by an event that is not late."""
    shown_now = event.id_token is not None or not after.open
    used = shown_now and authorization.used(draft, event.id_token or after.id_token)
    plugged = connector.plugged_by_event(event, plugged=evse.view.plugged)
    held = evse.transaction
    went_back = held is not None and transaction.clock_went_back(held, event)
    known = None if went_back else evse.meter
    meter = metering.latest(known, readings.meters, event.warnings)
    evse = replace(
        evse,
        transaction=after,
        meter=meter,
        cable_max_a=event.cable_max_current_a or evse.cable_max_a,
    )
    if not after.open:
        evse = _ended(draft, evse, after)
        if connector.status_of(evse) is ConnectorStatus.AVAILABLE:
            plugged = False
        shown = None if plugged else draft.now + upkeep.COMPLETED_SHOWN
        evse = replace(
            evse,
            finishing=bool(plugged),
            completed_until=shown,
            meter=metering.at_rest(meter, event.timestamp),
        )
    elif event.trigger_reason in _RATE_CHANGED:
        evse = observe.rate_changed(evse, draft.now)
    upkeep.refresh(draft, evse, plugged=plugged)
    _recorded(draft, draft.evses[evse.id], event, readings, after, gap=gap, late=False)
    faults.of_event(draft, evse, event)
    if used:
        upkeep.refresh_all(draft)  # it does not count for the other EVSEs any more


def _ended(draft: Draft, evse: Evse, ended: Transaction) -> Evse:
    """Remember an ended transaction for its late events; its TxProfile is gone with it."""
    closed = (*draft.station.closed, transaction.summary(ended, evse.id))
    draft.change(closed=closed[-REMEMBERED_TRANSACTIONS:])
    kept = tuple(p for p in evse.installed if p.purpose is not ProfilePurpose.TX)
    return replace(evse, installed=kept)


def _history(draft: Draft, evse: Evse, event: TransactionEvent, readings: Readings) -> None:
    """Record an event of a transaction that is over, without touching what is live."""
    closed = draft.station.closed
    known = next((c for c in reversed(closed) if c.id == event.transaction_id), None)
    if known is None:
        known = transaction.summary(transaction.begin(draft.station.id, event, readings), evse.id)
        draft.change(closed=(*closed, known)[-REMEMBERED_TRANSACTIONS:])
    shown = transaction.history(known, event)
    _recorded(draft, evse, event, readings, shown, gap=False, late=True, apart=True)


def _unplaced(draft: Draft, event: TransactionEvent, readings: Readings) -> None:
    """Record an event that does not tell which EVSE it concerns, or one that cannot be.

    Whoever authorizes before plugging in begins a transaction that has no EVSE yet (TC_E_04):
    it is kept until an event of it names one.
    """
    held = _unplaced_of(draft.station, event)
    gap = transaction.has_gap(held, event)
    if held is None:
        after = transaction.begin(draft.station.id, event, readings)
    else:
        after = transaction.advance(held, event, readings)
    _set_unplaced(draft, held, after)
    if ledger.is_news(held, after):
        draft.keep(STATION_EVSE, after)
    nowhere = Evse(id=STATION_EVSE)
    _recorded(
        draft,
        nowhere,
        event,
        readings,
        after,
        gap=gap,
        late=False,
        warnings=(Remark.EVSE_UNKNOWN.value,),
    )


def _unplaced_of(station: Station, event: TransactionEvent) -> Transaction | None:
    return next((t for t in station.unplaced if t.id == event.transaction_id), None)


def _set_unplaced(draft: Draft, before: Transaction | None, after: Transaction | None) -> None:
    others = [t for t in draft.station.unplaced if t is not before]
    kept = [*others, after] if after is not None and after.open else others
    draft.change(unplaced=tuple(kept[-REMEMBERED_UNPLACED:]))


def _recorded(
    draft: Draft,
    evse: Evse,
    event: TransactionEvent,
    readings: Readings,
    shown: Transaction,
    *,
    gap: bool,
    late: bool,
    warnings: tuple[str, ...] = (),
    apart: bool = False,
) -> None:
    record = recorded(
        draft.station.id,
        evse,
        event,
        meter=readings.meter,
        shown=shown,
        now=draft.now,
        warnings=warnings,
    )
    if gap or late or apart:
        record = replace(record, gap=gap, late=late, apart=apart)
    draft.events.append(record)


def recorded(
    station_id: StationId,
    evse: Evse,
    event: TransactionEvent,
    *,
    meter: Meter | None,
    shown: Transaction,
    now: datetime,
    warnings: tuple[str, ...] = (),
) -> TransactionRecorded:
    """Return the record of an event on an EVSE: what it has measured, its transaction after it."""
    warnings = (*event.warnings, *warnings)
    if not shown.started_seen:
        warnings = (*warnings, Remark.STARTED_MISSING.value)
    if event.event_type is EventType.STARTED and (
        event.trigger_reason not in transaction.PLAUSIBLE_STARTS
    ):
        warnings = (*warnings, Remark.ODD_START.value)
    return TransactionRecorded(
        event_id=transaction_event_id(station_id, event),
        station_id=station_id,
        evse_id=evse.id,
        connector_id=event.connector_id or shown.connector_id,
        event=event,
        received_at=now,
        transaction=shown,
        meter=meter,
        allocation_source=in_control(evse),
        warnings=warnings,
    )
