"""Which transactions are to be written into the record of transactions, and when.

The station's own record holds the transaction of each EVSE, the running one or the last. The
record of transactions keeps all of them for good (seeds 001 and 002): a transaction is written
there when it begins, when it ends, and when something of that is found out later. What moves with
each reading is not: of a running transaction the live values are asked for where they are.
"""

from datetime import datetime

from msgspec import Struct

from bridge.domain import metering, transaction
from bridge.domain.enums import EventType
from bridge.domain.events import TransactionEvent
from bridge.domain.ids import StationId
from bridge.domain.model import Station, Transaction
from bridge.domain.records import replace


class KeptTransaction(Struct, frozen=True, kw_only=True):
    """A transaction as it is to be written down now."""

    evse_id: int
    """0 where the station has not told."""
    transaction: Transaction


class TransactionRecord(Struct, frozen=True, kw_only=True):
    """A transaction as it is kept for good: at its begin, its end, and when more became known."""

    station_id: StationId
    evse_id: int
    """0 where the station has not told."""
    transaction: Transaction
    vehicle_id: str | None
    """Which vehicle it is taken for, as far as anything tells (seed 002: VehicleID)."""
    inserted_at: datetime
    """When it was written down in its present state of open or ended: what came in later than it
    happened is found by this (seed 002: InsertedAt). Never before that of an earlier record."""


def is_news(before: Transaction | None, after: Transaction) -> bool:
    """Say whether a change of an EVSE's transaction is to be written into the record."""
    if after is before:
        return False
    if before is None or before.uuid != after.uuid:
        return True
    if not after.open:
        return True
    return (
        before.until != after.until
        or before.id_token is not after.id_token
        or before.start_uuid != after.start_uuid
        or before.connector_id != after.connector_id
    )


def live(record: TransactionRecord, station: Station) -> TransactionRecord:
    """Return what was written down of a transaction, as far as it has come by now."""
    for evse in station.evses.values():
        held = evse.transaction
        if held is not None and held.uuid == record.transaction.uuid:
            return replace(record, transaction=held)
    return record


def with_history(
    known: Transaction | None, station_id: StationId, uuid: str, event: TransactionEvent
) -> Transaction:
    """Return the record of a transaction that is over, after an event of it that comes late.

    `known` is what was written down of it so far. One of which no Ended came is taken as ended
    with its last event, until the Ended comes.
    """
    readings = metering.read(event.meter_values)
    if known is None:
        after = replace(transaction.begin(station_id, event, readings), uuid=uuid)
    elif known.complete and known.ended_at is not None:
        return transaction.fill_in(known, event, readings)
    elif event.timestamp < known.last_event_at and event.event_type is not EventType.ENDED:
        after = transaction.fill_in(known, event, readings)
    else:
        after = transaction.advance(replace(known, ended_at=None, complete=True), event, readings)
    return after if after.ended_at is not None else transaction.close_unfinished(after)


def unplugged(held: Transaction | None, at: datetime) -> Transaction | None:
    """Return an EVSE's transaction after its EV has gone (seed 002: SessionEndTime)."""
    if held is None or not held.plug_seen or held.unplugged_at is not None:
        return held
    return replace(held, unplugged_at=at)
