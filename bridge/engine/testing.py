"""In-memory versions of the ports, shipped for tests of whatever uses them.

They pass the same contract tests as the real adapters (tests/contract).
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Station
from bridge.domain.queries import TRANSACTION_ID, TransactionMoment, TransactionQuery
from bridge.domain.records import replace
from bridge.domain.team_total import TeamRecord
from bridge.ports import (
    AuditRecord,
    Commit,
    EventRecord,
    OnStored,
    OutboxMessage,
    StoredCommand,
    StoredMessage,
    StoreError,
)


class MemoryJournal:
    """A journal that forgets at the end of the process.

    Its contents are there to assert on. While `failing` is set, nothing can be written.
    """

    def __init__(self) -> None:
        self.failing: StoreError | None = None
        self.events: dict[str, EventRecord] = {}
        self.stations: dict[StationId, Station] = {}
        self.outbox: dict[int, OutboxMessage] = {}
        self.dead_letters: list[tuple[StoredMessage, str]] = []
        self.commands: dict[tuple[str, str], StoredCommand] = {}
        self.approvals: set[StationId] = set()
        self.audit: list[AuditRecord] = []
        self.transactions: dict[str, TransactionRecord] = {}
        self.team_records: dict[str, TeamRecord] = {}
        self._last_row_id = 0
        self._submitted: set[asyncio.Task[None]] = set()

    async def commit(self, commit: Commit) -> Sequence[StoredMessage]:
        """Keep all of it or nothing; return the outbox messages with their row ids.

        Raises StoreError while `failing`, for an event that is stored already and for a
        command's id that is known already.
        """
        await asyncio.sleep(0)  # the real one never answers at once either
        self._check(commit)
        if commit.station is not None:
            self.stations[commit.station.id] = commit.station
        self.events.update((event.event_id, event) for event in commit.events)
        if commit.team is not None:
            self.team_records[commit.team.name] = commit.team
        for record in commit.transactions:
            self._remember_transaction(record)
        self._remember_commands(commit)
        self.audit += commit.audit
        return [self._queued(message) for message in commit.messages]

    def submit(self, commit: Commit, done: OnStored) -> None:
        """As `commit`, for who does not wait; `done` is told later, in the event loop."""

        async def tell() -> None:
            try:
                stored = await self.commit(commit)
            except StoreError as error:
                done(error)
            else:
                done(stored)

        task = asyncio.create_task(tell())
        self._submitted.add(task)
        task.add_done_callback(self._submitted.discard)

    def _check(self, commit: Commit) -> None:
        if self.failing is not None:
            raise self.failing
        ids = [event.event_id for event in commit.events]
        if len(set(ids)) < len(ids) or not self.events.keys().isdisjoint(ids):
            raise StoreError(f"an event of {ids} is stored already")
        command = commit.command
        if command is not None and (command.controller, command.command_id) in self.commands:
            raise StoreError(f"command {command.command_id} is known already")

    def _remember_transaction(self, record: TransactionRecord) -> None:
        known = self.transactions.get(record.transaction.uuid)
        if known is not None and not known.transaction.open and known.transaction.complete:
            record = replace(record, inserted_at=known.inserted_at)
        self.transactions[record.transaction.uuid] = record

    def _remember_commands(self, commit: Commit) -> None:
        if commit.command is not None:
            key = (commit.command.controller, commit.command.command_id)
            self.commands[key] = StoredCommand(
                station_id=commit.command.station_id,
                body_hash=commit.command.body_hash,
                result=None,
            )
        for final in commit.results:
            known = self.commands.get((final.controller, final.command_id))
            if known is not None:
                answered = replace(known, result=final.result)
                self.commands[final.controller, final.command_id] = answered

    def _queued(self, message: OutboxMessage) -> StoredMessage:
        self._last_row_id += 1
        self.outbox[self._last_row_id] = message
        return StoredMessage(row_id=self._last_row_id, message=message)

    async def has_event(self, event_id: str, timestamp: datetime) -> bool:  # noqa: ARG002
        """Say whether this event is stored already."""
        await asyncio.sleep(0)
        return event_id in self.events

    async def transaction(self, uuid: str) -> TransactionRecord | None:
        """Return what was written down of a transaction."""
        await asyncio.sleep(0)
        return self.transactions.get(uuid)

    async def last_inserted(self) -> datetime | None:
        """Return when the newest event was inserted, None where there is none."""
        await asyncio.sleep(0)
        return max((event.inserted_at for event in self.events.values()), default=None)

    async def find_command(self, controller: str, command_id: str) -> StoredCommand | None:
        """Return what is known of a command id of this controller, None where it is new."""
        await asyncio.sleep(0)
        return self.commands.get((controller, command_id))

    def published(self, row_ids: Sequence[int]) -> None:
        """Take acknowledged messages out of the outbox."""
        for row_id in row_ids:
            self.outbox.pop(row_id, None)

    def dead_letter(self, message: StoredMessage, reason: str) -> None:
        """Move a message that the broker refuses to the dead letters."""
        self.outbox.pop(message.row_id, None)
        self.dead_letters.append((message, reason))

    async def unpublished(self, after_row_id: int, limit: int) -> Sequence[StoredMessage]:
        """Return the next outbox messages after a row."""
        await asyncio.sleep(0)
        waiting = (
            StoredMessage(row_id=row_id, message=message)
            for row_id, message in self.outbox.items()
            if row_id > after_row_id
        )
        return list(islice(waiting, limit))

    async def restore(self) -> Mapping[StationId, Station]:
        """Return what a start would find."""
        await asyncio.sleep(0)
        return dict(self.stations)

    async def forget(self, station_id: StationId) -> None:
        """Remove a station's record and approval (its events stay)."""
        await asyncio.sleep(0)
        if self.failing is not None:
            raise self.failing
        self.stations.pop(station_id, None)
        self.approvals.discard(station_id)

    async def teams(self) -> Mapping[str, TeamRecord]:
        """Return what was remembered of teams."""
        await asyncio.sleep(0)
        return dict(self.team_records)

    async def approved(self, station_id: StationId) -> bool:
        """Say whether the station is among `approvals`."""
        await asyncio.sleep(0)
        return station_id in self.approvals


class MemoryTransactions:
    """The record of transactions that a `MemoryJournal` keeps, to read."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal

    async def find(self, uuid: str) -> TransactionRecord | None:
        """Return a transaction by its uuid, or by the one its `start` was answered with."""
        await asyncio.sleep(0)
        known = self._journal.transactions
        started = (each for each in known.values() if each.transaction.start_uuid == uuid)
        return known.get(uuid) or next(started, None)

    async def named(
        self, transaction_id: str, station_id: str | None = None
    ) -> Sequence[TransactionRecord]:
        """Return those with an id that their station gave them, newest first."""
        await asyncio.sleep(0)
        return [
            each
            for each in reversed(self._journal.transactions.values())
            if each.transaction.id == transaction_id and station_id in {None, each.station_id}
        ]

    async def page(self, query: TransactionQuery) -> Sequence[TransactionRecord]:
        """Return those that a query asks for, from its offset on, at most its limit."""
        await asyncio.sleep(0)
        numbered = enumerate(self._journal.transactions.values())
        found = [(number, each) for number, each in numbered if _asked_for(each, query)]
        found.sort(
            key=lambda each: (*_sort_key(each[1], query.order_by), each[0]),
            reverse=query.descending,
        )
        return [each for _, each in found][query.offset : query.offset + query.limit]


def _asked_for(record: TransactionRecord, query: TransactionQuery) -> bool:
    held = record.transaction
    pairs = (
        (query.station_id, record.station_id),
        (query.evse_id, record.evse_id),
        (query.connector_id, held.connector_id),
        (query.vehicle_id, record.vehicle_id),
    )
    if any(wanted not in {None, value} for wanted, value in pairs):
        return False
    moment = _moment(record, query.filter_by)
    if query.since is None and query.before is None:
        return True
    if moment is None or (query.since is not None and moment < query.since):
        return False
    return query.before is None or moment < query.before


def _moment(record: TransactionRecord, which: TransactionMoment) -> datetime | None:
    return {
        TransactionMoment.STARTED: record.transaction.started_at,
        TransactionMoment.ENDED: record.transaction.ended_at,
        TransactionMoment.INSERTED: record.inserted_at,
    }[which]


def _sort_key(record: TransactionRecord, order_by: str) -> tuple[bool, datetime | str | None]:
    if order_by == TRANSACTION_ID:
        return True, record.transaction.id
    moment = _moment(record, TransactionMoment(order_by))
    return moment is not None, moment
