"""The journal on PostgreSQL: `bridge.ports.Journal` for a database that several bridges share.

Each bridge has its own stations, outbox, commands and teams; events, transactions, approvals and
the audit are everybody's. A station belongs to the bridge that wrote its record last.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Self

from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Station
from bridge.domain.team_total import TeamRecord
from bridge.ports import (
    Clock,
    Commit,
    Metrics,
    OnStored,
    StoredCommand,
    StoredMessage,
    StoreError,
    TokenRecord,
)
from bridge.store.batch import Job, settle
from bridge.store.codec import decode_team, encode_time
from bridge.store.housekeeping import Keeping
from bridge.store.postgres import lease, statements
from bridge.store.postgres.housekeeping import Housekeeping
from bridge.store.postgres.reading import station_rows, token_of, transaction_records
from bridge.store.postgres.schema import check, make_ready
from bridge.store.postgres.session import Connection, Place, Reader, connected, explained
from bridge.store.postgres.statements import text_of
from bridge.store.postgres.writer import Writer
from bridge.store.rows import job_of, stored_command, stored_message, stored_messages
from bridge.store.stations import Row, StationRecords, stations_of

QUEUE_LIMIT: Final = 16_384
"""Commits that may wait at a time; each station has at most a few."""
LOCK_SECONDS: Final = 3.0
"""How long a start waits for another bridge of the same id, which may just have been killed."""


class PostgresJournal:
    """Durable memory in a database. Made by `open`, ended by `close`."""

    def __init__(
        self,
        place: Place,
        number: int,
        *,
        stations: StationRecords,
        writer: Writer,
        housekeeping: Housekeeping,
        clock: Clock,
    ) -> None:
        """`number` stands for the bridge in the tables."""
        self._place = place
        self._number = number
        self._stations = stations
        self._writer = writer
        self._housekeeping = housekeeping
        self._clock = clock
        self._reader = Reader(place, check)
        self._waiting = 0
        self._closed = False

    @classmethod
    async def open(
        cls,
        place: Place,
        *,
        clock: Clock,
        metrics: Metrics | None = None,
        keeping: Keeping = Keeping(),  # noqa: B008  # frozen
        patience_seconds: float = LOCK_SECONDS,
    ) -> Self:
        """Open the store of a database, whose tables are made where they are not there yet.

        Raises StoreError with a sentence for its owner: no server answers, it does not let us in,
        another bridge has this id, or the tables are of a newer version.
        """
        connection = await connected(place)
        try:
            with explained(place):
                await make_ready(connection, place)
                await lease.take_lock(connection, place, patience_seconds=patience_seconds)
                backend = await lease.backend_of(connection)
                found = await lease.started(connection, place)
        except BaseException:
            connection.terminate()
            raise
        stations = StationRecords()
        writer = Writer(
            connection,
            place,
            found,
            backend,
            clock=clock,
            metrics=metrics,
            on_loss=stations.distrust,
        )
        keeper = Housekeeping(place, found.number, clock=clock, metrics=metrics, keeping=keeping)
        return cls(
            place, found.number, stations=stations, writer=writer, housekeeping=keeper, clock=clock
        )

    async def close(self) -> None:
        """Write what waits, then let go of the database. Later calls raise StoreError."""
        self._closed = True
        await self._housekeeping.stop()
        await self._reader.close()
        await self._writer.stop()

    async def commit(self, commit: Commit) -> Sequence[StoredMessage]:
        """Write all of it durably; return the outbox messages with their row ids.

        Raises StoreError where it could not be written, an event of it is stored already, or
        its command's id is known already.
        """
        future: asyncio.Future[Sequence[StoredMessage]]
        future = asyncio.get_running_loop().create_future()
        self.submit(commit, partial(settle, future))
        return await future

    def submit(self, commit: Commit, done: OnStored) -> None:
        """As `commit`, for who does not wait; `done` is told later, in the event loop."""
        station = None
        if commit.station is not None:
            station = self._stations.rows(commit.station, commit.readings)
        self._hand_over(job_of(commit, station, partial(self._written, commit, done)))

    def _written(self, commit: Commit, done: OnStored, outcome: int | StoreError) -> None:
        self._waiting -= 1
        if isinstance(outcome, StoreError):
            done(outcome)
            return
        if commit.station is not None:
            self._stations.written(commit.station)
        done(stored_messages(commit, outcome))

    async def forget(self, station_id: StationId) -> None:
        """Remove a station's record and approval (its events stay)."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        rows = self._stations.forget(station_id)
        self._hand_over(Job(done=partial(settle, future), station=rows))
        try:
            await future
        finally:
            self._waiting -= 1

    def _hand_over(self, job: Job) -> None:
        if self._closed:
            raise StoreError(f"store {self._place.shown} is closed")
        if self._waiting >= QUEUE_LIMIT:
            raise StoreError(f"store {self._place.shown}: {self._waiting} commits wait already")
        self._waiting += 1
        self._writer.submit(job)

    def published(self, row_ids: Sequence[int]) -> None:
        """Take acknowledged messages out of the outbox, within 200 ms."""
        self._writer.acknowledged(row_ids)

    def dead_letter(self, message: StoredMessage, reason: str) -> None:
        """Move a message that the broker refuses to the dead letters, within 200 ms."""
        outbox = message.message
        failed_at = encode_time(self._clock.now())
        self._writer.dead_letter(
            (message.row_id, outbox.topic, outbox.ordering_key, outbox.payload, reason, failed_at)
        )

    # --- Reading --------------------------------------------------------------------------

    async def has_event(self, event_id: str, timestamp: datetime) -> bool:
        """Say whether any bridge has stored this event. Raises StoreError."""
        return await self._value(statements.HAS_EVENT, timestamp, text_of(event_id)) is not None

    async def transaction(self, uuid: str) -> TransactionRecord | None:
        """Return what was written down of a transaction."""
        found = transaction_records(await self._rows(statements.FIND_TRANSACTION, text_of(uuid)))
        return found[0] if found else None

    async def last_inserted(self) -> datetime | None:
        """Return when the newest event was inserted, at any bridge; None where there is none."""
        found: datetime | None = await self._value(statements.LAST_INSERTED)
        return found

    async def find_command(self, controller: str, command_id: str) -> StoredCommand | None:
        """Return what is known of a command id of this controller, None where it is new."""
        key = (text_of(controller), text_of(command_id))
        rows = await self._rows(statements.FIND_COMMAND, self._number, *key)
        return stored_command(rows[0]) if rows else None

    async def tokens(self) -> Sequence[TokenRecord]:
        """Return the tokens of this bridge's HTTP service, those that were revoked no more."""
        return [token_of(row) for row in await self._rows(statements.ALL_TOKENS, self._number)]

    async def approved(self, station_id: StationId) -> bool:
        """Say whether the owner let this station in by hand, at any bridge."""
        return await self._value(statements.IS_APPROVED, text_of(station_id)) is not None

    async def unpublished(self, after_row_id: int, limit: int) -> Sequence[StoredMessage]:
        """Return the next outbox messages after a row, for a publisher that spilled."""
        asked = (self._number, after_row_id, limit)
        return [
            stored_message(tuple(row))
            for row in await self._rows(statements.MESSAGES_AFTER, *asked)
        ]

    async def restore(self) -> Mapping[StationId, Station]:
        """Read this bridge's stations of the last run. Raises StoreError for a damaged record."""
        documents, progress = await self._reader.read(self._stored)
        try:
            return {station.id: station for station in stations_of(documents, progress)}
        except StoreError as error:
            raise StoreError(
                f"store {self._place.shown}: {error}; restore a backup, or let"
                f" `ocpp-mqtt-bridge stations forget` drop its record (its events stay)"
            ) from error

    async def teams(self) -> Mapping[str, TeamRecord]:
        """Read what was remembered of teams. Raises StoreError where a record is damaged."""
        rows = await self._rows(statements.ALL_TEAMS, self._number)
        records = [decode_team(document) for (document,) in rows]
        return {record.name: record for record in records}

    async def _stored(self, connection: Connection) -> tuple[Sequence[Row], Sequence[Row]]:
        return await station_rows(connection, self._number)

    async def _value(self, statement: str, *parameters: object) -> Any:
        return await self._reader.read(lambda each: each.fetchval(statement, *parameters))

    async def _rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        rows: Sequence[Row] = await self._reader.read(
            lambda each: each.fetch(statement, *parameters)
        )
        return rows
