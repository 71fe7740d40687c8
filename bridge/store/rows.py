"""Rows of the tables that a commit writes, and records of the rows that are read.

In the order of the columns in `bridge.store.sql`, times as text.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.ports import (
    CommandRecord,
    Commit,
    EventRecord,
    FinalResult,
    OutboxMessage,
    StoredCommand,
    StoredMessage,
    StoreError,
)
from bridge.store.audit import audit_row
from bridge.store.batch import Job
from bridge.store.codec import decode_result, decode_transaction, encode, encode_time
from bridge.store.stations import Row, StationRows

_NOWHERE: Final = (None, None, None)
"""The address of an event that is not published."""


def job_of(
    commit: Commit, station: StationRows | None, done: Callable[[int | StoreError], None]
) -> Job:
    """Return what the writer is given. Raises StoreError for what JSON cannot hold."""
    events, messages = _numbered_rows(commit)
    return Job(
        done=done,
        station=station,
        events=events,
        messages=messages,
        command=None if commit.command is None else _command_row(commit.command),
        results=[_result_row(result) for result in commit.results],
        audit=[audit_row(record) for record in commit.audit],
        team=None if commit.team is None else (commit.team.name, encode(commit.team)),
        transactions=[transaction_row(record) for record in commit.transactions],
    )


def stored_messages(commit: Commit, first_row: int) -> list[StoredMessage]:
    """Return the messages of a commit that was written, with their numbers."""
    return [
        StoredMessage(row_id=row_id, message=message)
        for row_id, message in enumerate(commit.messages, start=first_row)
    ]


def _numbered_rows(commit: Commit) -> tuple[list[Row], list[Row]]:
    """Return the rows of events and of messages, each beginning with its place in the commit.

    A message that carries an event is that event's row; the messages come first, in their order.
    """
    if len(commit.events) == len(commit.messages) == 1:  # most commits are an event's
        [event], [message] = commit.events, commit.messages
        if event.payload is message.payload and message.correlation is None:
            return [_event_row(0, event, message)], []
    events: list[Row] = []
    messages: list[Row] = []
    silent = list(commit.events)
    for number, message in enumerate(commit.messages):
        index = _carried(message, silent)
        if index is None:
            messages.append(_message_row(number, message))
        else:
            events.append(_event_row(number, silent.pop(index), message))
    for number, event in enumerate(silent, start=len(commit.messages)):
        events.append(_event_row(number, event, None))
    return events, messages


def _carried(message: OutboxMessage, events: Sequence[EventRecord]) -> int | None:
    """Return which event's payload this is, None where it has to be kept by itself."""
    if message.correlation is not None:
        return None
    for index, event in enumerate(events):
        if event.payload is message.payload:
            return index
    return None


def _event_row(number: int, event: EventRecord, message: OutboxMessage | None) -> Row:
    address: Row = _NOWHERE
    if message is not None:
        address = (message.topic, message.ordering_key, message.expiry_seconds)
    return (
        number,
        event.event_id,
        event.station_id,
        event.evse_id,
        event.transaction_id,
        event.transaction_uuid,
        event.seq_no,
        event.event_type,
        encode_time(event.timestamp),
        encode_time(event.inserted_at),
        event.payload,
        *address,
    )


def _message_row(number: int, message: OutboxMessage) -> Row:
    return (
        number,
        message.topic,
        message.ordering_key,
        message.expiry_seconds,
        message.correlation,
        message.payload,
    )


def _command_row(command: CommandRecord) -> Row:
    return (
        command.controller,
        command.command_id,
        command.station_id,
        command.body_hash,
        encode_time(command.received_at),
    )


def _result_row(final: FinalResult) -> Row:
    return (encode(final.result), final.controller, final.command_id)


def stored_message(row: Row) -> StoredMessage:
    """Return the message of a row of `sql.MESSAGES_AFTER`."""
    row_id, topic, payload, ordering_key, expiry_seconds, correlation = row
    return StoredMessage(
        row_id=row_id,
        message=OutboxMessage(
            topic=topic,
            payload=payload,
            ordering_key=ordering_key,
            expiry_seconds=expiry_seconds,
            correlation=correlation,
        ),
    )


def stored_command(row: Row) -> StoredCommand:
    """Return what is known of a command, of a row of `sql.FIND_COMMAND`."""
    station_id, body_hash, result = row
    return StoredCommand(
        station_id=StationId(station_id),
        body_hash=body_hash,
        result=None if result is None else decode_result(result),
    )


def transaction_row(record: TransactionRecord) -> Row:
    """Return the row of a record, as `sql.SAVE_TRANSACTIONS` takes it."""
    held = record.transaction
    return (
        held.uuid,
        held.start_uuid,
        record.station_id,
        record.evse_id,
        held.connector_id,
        held.id,
        record.vehicle_id,
        encode_time(held.started_at),
        None if held.ended_at is None else encode_time(held.ended_at),
        encode_time(record.inserted_at),
        held.complete,
        encode(held),
    )


def transaction_record(row: Row) -> TransactionRecord:
    """Return the record of a row as `sql.FIND_TRANSACTION` has it."""
    station_id, evse_id, vehicle_id, inserted_at, document = row
    return TransactionRecord(
        station_id=StationId(station_id),
        evse_id=evse_id,
        transaction=decode_transaction(document),
        vehicle_id=vehicle_id,
        inserted_at=datetime.fromisoformat(inserted_at),
    )
