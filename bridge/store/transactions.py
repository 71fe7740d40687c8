"""The record of transactions on SQLite, to read: `bridge.ports.Transactions`."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self, TypeVar

from bridge.domain.ledger import TransactionRecord
from bridge.domain.queries import TRANSACTION_ID, TransactionMoment, TransactionQuery
from bridge.ports import Clock
from bridge.store import sql
from bridge.store.codec import encode_time
from bridge.store.database import FILE_NAME, explained, open_for_reading
from bridge.store.pages import Dialect, Pages
from bridge.store.rows import transaction_record
from bridge.store.stations import Row

NAMED_LIMIT: Final = 100
"""Transactions of one id that are given, newest first."""

_COLUMNS: Final = {
    TransactionMoment.STARTED: "started_at",
    TransactionMoment.ENDED: "ended_at",
    TransactionMoment.INSERTED: "inserted_at",
    TRANSACTION_ID: "transaction_id",
}
_DIALECT: Final = Dialect(
    columns=_COLUMNS,
    unindexed={column: f"+{column}" for column in _COLUMNS.values()},
    nullable=frozenset({"ended_at"}),
    time=encode_time,
    everything="1",
)

ResultT = TypeVar("ResultT")


class SqliteTransactions:
    """Reads the record of transactions, beside the journal that writes it. Ended by `close`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the store's file for reading. Raises StoreError where that cannot be done."""
        self._path = path
        self._connection = open_for_reading(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-store-transactions")
        self._pages = Pages(_DIALECT, clock)

    @classmethod
    def open(cls, data_dir: Path, *, clock: Clock) -> Self:
        """Open the store of a data directory, which must be there already."""
        return cls(data_dir / FILE_NAME, clock)

    async def close(self) -> None:
        """Let go of the file."""
        await asyncio.to_thread(self._thread.shutdown)
        self._connection.close()

    async def find(self, uuid: str) -> TransactionRecord | None:
        """Return a transaction by its uuid, or by the one its `start` was answered with."""
        return await self._read(lambda: self._find(uuid))

    async def named(
        self, transaction_id: str, station_id: str | None = None
    ) -> Sequence[TransactionRecord]:
        """Return those with the id that their station (or the bridge) gave them, newest first."""
        parameters = {"id": transaction_id, "station": station_id, "limit": NAMED_LIMIT}
        return await self._read(
            lambda: _records(self._connection.execute(sql.NAMED_TRANSACTIONS, parameters))
        )

    async def page(self, query: TransactionQuery) -> Sequence[TransactionRecord]:
        """Return those that a query asks for, from its offset on, at most its limit."""
        return await self._read(lambda: self._page(query))

    async def _read(self, read: Callable[[], ResultT]) -> ResultT:
        def guarded() -> ResultT:
            with explained(self._path):
                return read()

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    def _find(self, uuid: str) -> TransactionRecord | None:
        found = _records(self._connection.execute(sql.FIND_TRANSACTION, {"uuid": uuid}))
        return found[0] if found else None

    def _page(self, query: TransactionQuery) -> list[TransactionRecord]:
        plan = self._pages.plan(query)
        first_row = None
        while True:
            try:
                asked = plan.send(first_row)
            except StopIteration as end:
                rows = self._connection.execute(*end.value).fetchall()
                return _records(self._pages.found(query, rows))
            first_row = self._connection.execute(*asked).fetchone()


def _records(rows: Iterable[Row]) -> list[TransactionRecord]:
    return [transaction_record(row) for row in rows]
