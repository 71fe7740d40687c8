"""The record of transactions on PostgreSQL, to read: `bridge.ports.Transactions`."""

from collections.abc import Sequence
from typing import Final

from bridge.domain.ledger import TransactionRecord
from bridge.domain.queries import TRANSACTION_ID, TransactionMoment, TransactionQuery
from bridge.ports import Clock
from bridge.store.pages import Dialect, Pages
from bridge.store.postgres import statements
from bridge.store.postgres.reading import transaction_records
from bridge.store.postgres.schema import check
from bridge.store.postgres.session import Connection, Place, Reader
from bridge.store.postgres.statements import numbered, text_of
from bridge.store.stations import Row

NAMED_LIMIT: Final = 100
"""Transactions of one id that are given, newest first."""

_DIALECT: Final = Dialect(
    columns={
        TransactionMoment.STARTED: "started_at",
        TransactionMoment.ENDED: "end_key",
        TransactionMoment.INSERTED: "inserted_at",
        TRANSACTION_ID: "transaction_id",
    },
    unindexed={
        "started_at": "started_at + interval '0'",
        "end_key": "end_key + interval '0'",
        "inserted_at": "inserted_at + interval '0'",
        "transaction_id": "transaction_id || ''",
    },
    nullable=frozenset(),
    time=lambda moment: moment,
    everything="true",
)


class PostgresTransactions:
    """Reads the record of transactions of all bridges. Ended by `close`."""

    def __init__(self, place: Place, clock: Clock) -> None:
        """Connections are made when they are needed."""
        self._reader = Reader(place, check)
        self._pages = Pages(_DIALECT, clock)

    async def close(self) -> None:
        """Let go of the database."""
        await self._reader.close()

    async def find(self, uuid: str) -> TransactionRecord | None:
        """Return a transaction by its uuid, or by the one its `start` was answered with."""
        found = await self._reader.read(
            lambda each: each.fetch(statements.FIND_TRANSACTION, text_of(uuid))
        )
        return transaction_records(found)[0] if found else None

    async def named(
        self, transaction_id: str, station_id: str | None = None
    ) -> Sequence[TransactionRecord]:
        """Return those with the id that their station (or the bridge) gave them, newest first."""
        station = None if station_id is None else text_of(station_id)
        asked = (text_of(transaction_id), station, NAMED_LIMIT)
        found = await self._reader.read(
            lambda each: each.fetch(statements.NAMED_TRANSACTIONS, *asked)
        )
        return transaction_records(found)

    async def page(self, query: TransactionQuery) -> Sequence[TransactionRecord]:
        """Return those that a query asks for, from its offset on, at most its limit."""

        async def read(connection: Connection) -> Sequence[Row]:
            plan = self._pages.plan(query)
            first_row = None
            while True:
                try:
                    asked, parameters = numbered(*plan.send(first_row))
                except StopIteration as end:
                    asked, parameters = numbered(*end.value)
                    rows: Sequence[Row] = await connection.fetch(asked, *parameters)
                    return rows
                first_row = await connection.fetchrow(asked, *parameters)

        rows = await self._reader.read(read)
        return transaction_records(self._pages.found(query, rows))
