"""From the domain's outcome to the one commit that makes it durable."""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.domain.commands import CommandResult
from bridge.domain.effects import (
    AllocationRecorded,
    FaultRecorded,
    InquiryRecorded,
    Outcome,
    RecordedEvent,
    SecurityRecorded,
    StatusRecorded,
    TransactionRecorded,
)
from bridge.domain.ids import StationId
from bridge.domain.ledger import KeptTransaction, TransactionRecord
from bridge.domain.model import Station
from bridge.engine import audit
from bridge.engine.services import Services
from bridge.ports import CommandRecord, Commit, EventRecord, FinalResult, OutboxMessage, Readings

_EVENT_TYPES: Final[Mapping[type, str]] = {
    StatusRecorded: "status",
    AllocationRecorded: "allocation",
    FaultRecorded: "fault",
    InquiryRecorded: "authorize",
    SecurityRecorded: "security",
}
"""How events that are no TransactionEvents are called in the store."""


def commit_of(
    outcome: Outcome,
    *,
    before: Station,
    services: Services,
    command: CommandRecord | None = None,
    more: Sequence[KeptTransaction] = (),
) -> Commit:
    """Return everything that follows from one input as one unit of storage.

    `before` is the record of the station until now, `more` are transactions to be written down besides those of the outcome.
    """
    station = outcome.station
    events: list[EventRecord] = []
    messages: list[OutboxMessage] = []
    for event in outcome.events:
        record, message = _recorded(event, services)
        events.append(record)
        messages.append(message)
    for result in outcome.results:
        messages += services.presenter.results(result, station, station.id)
    evse_id = outcome.readings_of
    return Commit(
        station=None if station is before else station,
        readings=None if evse_id is None else Readings(since=before, evse_id=evse_id),
        events=events,
        messages=messages,
        command=command,
        results=finals(outcome.results),
        audit=audit.records_of(outcome),
        transactions=[
            _kept(station.id, kept, services) for kept in (*outcome.transactions, *more)
        ],
    )


def _kept(station_id: StationId, kept: KeptTransaction, services: Services) -> TransactionRecord:
    return TransactionRecord(
        station_id=station_id,
        evse_id=kept.evse_id,
        transaction=kept.transaction,
        vehicle_id=services.vehicle_of(kept.transaction),
        inserted_at=services.inserted_at(services.clock.now()),
    )


def finals(results: tuple[CommandResult, ...]) -> list[FinalResult]:
    """Return the final ones among results, to be given again to whoever repeats a command."""
    return [
        FinalResult(controller=r.ref.controller, command_id=r.ref.id, result=r)
        for r in results
        if r.final
    ]


def answer_only(
    result: CommandResult, station: Station | None, station_id: StationId, services: Services
) -> Commit:
    """Return the commit of a result that changes nothing else."""
    return Commit(
        messages=services.presenter.results(result, station, station_id),
        audit=audit.record_of(result, station_id),
    )


def _recorded(event: RecordedEvent, services: Services) -> tuple[EventRecord, OutboxMessage]:
    inserted_at = services.inserted_at(event.received_at)
    message = services.presenter.event(event, inserted_at)
    if isinstance(event, TransactionRecorded):
        record = EventRecord(
            event_id=event.event_id,
            station_id=event.station_id,
            evse_id=event.evse_id,
            event_type=event.event.event_type.value,
            timestamp=event.event.timestamp,
            inserted_at=inserted_at,
            payload=message.payload,
            transaction_id=event.event.transaction_id,
            transaction_uuid=event.transaction.uuid,
            seq_no=event.event.seq_no,
        )
    else:
        record = EventRecord(
            event_id=event.event_id,
            station_id=event.station_id,
            evse_id=event.evse_id,
            event_type=_EVENT_TYPES[type(event)],
            timestamp=event.timestamp if isinstance(event, StatusRecorded) else event.received_at,
            inserted_at=inserted_at,
            payload=message.payload,
        )
    return record, message
