"""The record of transactions on SQLite: how it is written, and `bridge.ports.Transactions`.

Theory of operation. A page is found through an index that holds everything it is chosen and
sorted by, or nearly so, and only then are its rows read. A page that follows on another begins
where that one ended (keyset): what a page costs does not grow with its number. Pages are known
by their offset, as seed 002 has it, so the ends of the last ones are remembered for a while.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, Self, TypeVar

from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.queries import TRANSACTION_ID, TransactionMoment, TransactionQuery
from bridge.ports import Clock
from bridge.store import sql
from bridge.store.codec import decode_transaction, encode, encode_time
from bridge.store.database import FILE_NAME, explained, open_for_reading
from bridge.store.stations import Row

NAMED_LIMIT: Final = 100
"""Transactions of one id that are given, newest first."""
BOOKMARKS: Final = 1000
BOOKMARK_SECONDS: Final = 60.0
"""For how long a page is taken to be followed by the next one, not by what has come since."""
BOUND_ROWS: Final = 20_000
FEW: Final = 5000
"""So many at most are sorted for a page; where there are more, the index that sorts is walked."""

_COLUMNS: Final = {
    TransactionMoment.STARTED: "started_at",
    TransactionMoment.ENDED: "ended_at",
    TransactionMoment.INSERTED: "inserted_at",
    TRANSACTION_ID: "transaction_id",
}

ResultT = TypeVar("ResultT")
Bookmark = tuple[float, str | None, int]
"""When it was laid, and the sort key and id of the last row of a page."""


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


class SqliteTransactions:
    """Reads the record of transactions, beside the journal that writes it. Ended by `close`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the store's file for reading. Raises StoreError where that cannot be done."""
        self._path = path
        self._clock = clock
        self._connection = open_for_reading(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-store-transactions")
        self._bookmarks: OrderedDict[TransactionQuery, Bookmark] = OrderedDict()

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
        statement, parameters = self._statement(query)
        rows = self._connection.execute(statement, parameters).fetchall()
        if len(rows) == query.limit:
            *_, key, row_id = rows[-1]
            self._remember(query, key, row_id)
        return [transaction_record(row[:-2]) for row in rows]

    def _statement(self, query: TransactionQuery) -> tuple[str, dict[str, object]]:
        conditions, parameters = _conditions(query)
        column = _COLUMNS[query.order_by]
        if _is_sorted_otherwise(query):
            if self._are_few(conditions, parameters):
                column = f"+{column}"  # not by the index that sorts, but by the one that chooses
            else:
                self._bound(query, conditions, parameters)
        bookmark = self._bookmark(query)
        if bookmark is not None:
            _, key, row_id = bookmark
            conditions.append(_beyond(_COLUMNS[query.order_by], key, descending=query.descending))
            parameters |= {"key": key, "row": row_id}
        way = _way(query)
        statement = sql.TRANSACTION_PAGE.format(
            key=_COLUMNS[query.order_by],
            where=" AND ".join(conditions) or "1",
            order=f"{column} {way}, id {way}",
        )
        offset = query.offset if bookmark is None else 0
        return statement, parameters | {"limit": query.limit, "offset": offset}

    def _are_few(self, conditions: Sequence[str], parameters: Mapping[str, object]) -> bool:
        """Say whether it is quicker to find all that a query asks for and to sort them."""
        counting = sql.COUNT_TRANSACTIONS.format(where=" AND ".join(conditions))
        (count,) = self._connection.execute(counting, {**parameters, "limit": FEW}).fetchone()
        return bool(count < FEW)

    def _bound(
        self, query: TransactionQuery, conditions: list[str], parameters: dict[str, object]
    ) -> None:
        """Leave out most of what a page chosen by one moment and sorted by another cannot hold.

        As many as the page ends with are surely not beyond the furthest of those that come
        first by the moment they are chosen by; and both moments are mostly close to each other.
        """
        rows = query.offset + query.limit
        if rows > BOUND_ROWS or query.station_id is not None or query.vehicle_id is not None:
            return
        key = _COLUMNS[query.order_by]
        bounding = sql.TRANSACTION_BOUND.format(
            furthest="min" if query.descending else "max",
            key=key,
            where=" AND ".join(conditions),
            moment=_COLUMNS[query.filter_by],
            way=_way(query),
        )
        bound, count = self._connection.execute(bounding, {**parameters, "rows": rows}).fetchone()
        if count == rows:
            conditions.append(f"{key} {'>=' if query.descending else '<='} :bound")
            parameters["bound"] = bound

    def _bookmark(self, query: TransactionQuery) -> Bookmark | None:
        """Return where the page before this one ended, None where that is not known."""
        if query.offset == 0:
            return None
        found = self._bookmarks.get(replace(query, limit=0))
        if found is None or self._clock.monotonic() - found[0] > BOOKMARK_SECONDS:
            return None
        return found

    def _remember(self, query: TransactionQuery, key: str | None, row_id: int) -> None:
        following = replace(query, offset=query.offset + query.limit, limit=0)
        self._bookmarks.pop(following, None)
        self._bookmarks[following] = (self._clock.monotonic(), key, row_id)
        if len(self._bookmarks) > BOOKMARKS:
            self._bookmarks.popitem(last=False)


def _conditions(query: TransactionQuery) -> tuple[list[str], dict[str, object]]:
    moment = _COLUMNS[query.filter_by]
    wanted: tuple[tuple[str, str, object], ...] = (
        ("station_id = :station", "station", query.station_id),
        ("evse_id = :evse", "evse", query.evse_id),
        ("connector_id = :connector", "connector", query.connector_id),
        ("vehicle_id = :vehicle", "vehicle", query.vehicle_id),
        (f"{moment} >= :since", "since", query.since and encode_time(query.since)),
        (f"{moment} < :before", "before", query.before and encode_time(query.before)),
    )
    asked = [(condition, name, value) for condition, name, value in wanted if value is not None]
    return [condition for condition, *_ in asked], {name: value for _, name, value in asked}


def _is_sorted_otherwise(query: TransactionQuery) -> bool:
    """Say whether the index that chooses is not the one that sorts."""
    if query.station_id is not None:
        return True
    by_moment = query.since is not None or query.before is not None
    return query.vehicle_id is not None or (by_moment and query.filter_by != query.order_by)


def _way(query: TransactionQuery) -> str:
    return "DESC" if query.descending else "ASC"


def _beyond(column: str, key: str | None, *, descending: bool) -> str:
    """Return the condition of being after a row in the order; NULL sorts before everything."""
    if key is None:
        return (
            f"({column} IS NULL AND id < :row)"
            if descending
            else (f"({column} IS NOT NULL OR id > :row)")
        )
    beyond = f"({column}, id) {'<' if descending else '>'} (:key, :row)"
    if descending and column == _COLUMNS[TransactionMoment.ENDED]:
        return f"({beyond} OR {column} IS NULL)"
    return beyond


def _records(rows: Iterable[Row]) -> list[TransactionRecord]:
    return [transaction_record(row) for row in rows]
