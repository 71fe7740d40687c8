"""The journal on SQLite: `bridge.ports.Journal` for a real disk.

Encoding happens in the caller's thread, so that the writer thread holds the interpreter lock as
little as possible; reads have a connection and a thread of their own and never wait for a write.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

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
from bridge.store import sql
from bridge.store.batch import Job, settle
from bridge.store.codec import decode_team, encode_time
from bridge.store.database import (
    FILE_NAME,
    DataDirLock,
    explained,
    make_data_dir,
    open_for_reading,
    open_for_writing,
)
from bridge.store.housekeeping import Keeping
from bridge.store.receipts import Receipts
from bridge.store.rows import (
    job_of,
    stored_command,
    stored_message,
    stored_messages,
    transaction_record,
)
from bridge.store.stations import Row, StationRecords, read_stations
from bridge.store.tokens import token_record
from bridge.store.writer import Writer

QUEUE_LIMIT: Final = 16_384
"""Commits that may wait at a time; each station has at most a few."""

ResultT = TypeVar("ResultT")


class SqliteJournal:
    """Durable memory in `data_dir/bridge.sqlite3`. Made by `open`, ended by `close`."""

    def __init__(
        self,
        *,
        lock: DataDirLock,
        path: Path,
        writer: Writer,
        receipts: Receipts,
        reader: sqlite3.Connection,
        clock: Clock,
    ) -> None:
        self._lock = lock
        self._path = path
        self._writer = writer
        self._receipts = receipts
        self._reader = reader
        self._clock = clock
        self._stations = StationRecords()
        self._waiting = 0
        self._closed = False
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bridge-store-reader")

    @classmethod
    def open(
        cls,
        data_dir: Path,
        *,
        clock: Clock,
        metrics: Metrics | None = None,
        keeping: Keeping = Keeping(),  # noqa: B008  # frozen
    ) -> Self:
        """Open the store of a data directory, made where it is not there yet.

        Raises StoreError with a sentence for its owner: another bridge uses it, the file is
        damaged, of a newer version or cannot be written.
        """
        make_data_dir(data_dir)
        lock = DataDirLock(data_dir)
        path = data_dir / FILE_NAME
        try:
            connection = open_for_writing(path)
            reader = open_for_reading(path)
            receipts = Receipts(data_dir, connection)
            writer = Writer(
                connection,
                receipts=receipts,
                path=path,
                clock=clock,
                metrics=metrics,
                keeping=keeping,
            )
        except BaseException:
            lock.release()
            raise
        return cls(
            lock=lock,
            path=path,
            writer=writer,
            receipts=receipts,
            reader=reader,
            clock=clock,
        )

    async def close(self) -> None:
        """Write what waits, then let go of file and folder. Later calls raise StoreError."""
        self._closed = True
        self._writer.finish()
        await asyncio.to_thread(self._reading.shutdown)
        self._reader.close()
        # The last connection to close folds the log into the database: it must be able to write.
        await asyncio.to_thread(self._writer.stop)
        self._receipts.close()
        self._lock.release()

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
        self._check_open()
        if self._waiting >= QUEUE_LIMIT:
            raise StoreError(f"store {self._path}: {self._waiting} commits wait already")
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
        """Say whether this event is stored already. Raises StoreError where it cannot be read."""
        key = (encode_time(timestamp), event_id)
        return await self._read(lambda: self._fetch_one(sql.HAS_EVENT, *key) is not None)

    async def transaction(self, uuid: str) -> TransactionRecord | None:
        """Return what was written down of a transaction."""
        return await self._read(lambda: self._transaction(uuid))

    async def last_inserted(self) -> datetime | None:
        """Return when the newest event was inserted, None where there is none."""
        row = await self._read(lambda: self._fetch_one(sql.LAST_INSERTED))
        return None if row is None else datetime.fromisoformat(row[0])

    async def find_command(self, controller: str, command_id: str) -> StoredCommand | None:
        """Return what is known of a command id of this controller, None where it is new."""
        return await self._read(lambda: self._stored_command(controller, command_id))

    async def tokens(self) -> Sequence[TokenRecord]:
        """Return the tokens of the HTTP service, those that were revoked no more."""
        return await self._read(lambda: [*map(token_record, self._reader.execute(sql.ALL_TOKENS))])

    async def approved(self, station_id: StationId) -> bool:
        """Say whether the owner let this station in by hand."""
        return await self._read(lambda: self._fetch_one(sql.IS_APPROVED, station_id) is not None)

    async def unpublished(self, after_row_id: int, limit: int) -> Sequence[StoredMessage]:
        """Return the next outbox messages after a row, for a publisher that spilled."""
        return await self._read(lambda: self._messages(after_row_id, limit))

    async def restore(self) -> Mapping[StationId, Station]:
        """Read the stations of the last run. Raises StoreError where a record is damaged."""
        return await self._read(self._restored)

    async def teams(self) -> Mapping[str, TeamRecord]:
        """Read what was remembered of teams. Raises StoreError where a record is damaged."""
        return await self._read(self._stored_teams)

    async def _read(self, read: Callable[[], ResultT]) -> ResultT:
        def guarded() -> ResultT:
            with explained(self._path):
                return read()

        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._reading, guarded)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"store {self._path} is closed")

    def _fetch_one(self, statement: str, *parameters: object) -> Row | None:
        row: Row | None = self._reader.execute(statement, parameters).fetchone()
        return row

    def _transaction(self, uuid: str) -> TransactionRecord | None:
        row = self._reader.execute(sql.FIND_TRANSACTION, {"uuid": uuid}).fetchone()
        return None if row is None else transaction_record(row)

    def _stored_command(self, controller: str, command_id: str) -> StoredCommand | None:
        row = self._fetch_one(sql.FIND_COMMAND, controller, command_id)
        return None if row is None else stored_command(row)

    def _messages(self, after_row_id: int, limit: int) -> list[StoredMessage]:
        rows = self._reader.execute(sql.MESSAGES_AFTER, {"after": after_row_id, "limit": limit})
        return [stored_message(row) for row in rows]

    def _stored_teams(self) -> dict[str, TeamRecord]:
        records = [decode_team(document) for (document,) in self._reader.execute(sql.ALL_TEAMS)]
        return {record.name: record for record in records}

    def _restored(self) -> dict[StationId, Station]:
        try:
            return {station.id: station for station in read_stations(self._reader)}
        except StoreError as error:
            raise StoreError(
                f"store {self._path}: {error}; restore a backup, or let"
                f" `ocpp-mqtt-bridge stations forget` drop its record (its events stay)"
            ) from error
