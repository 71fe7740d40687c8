"""Pages of the record of transactions: how they are found, in whichever database.

Theory of operation. A page is found through an index that holds what it is chosen and sorted by,
or nearly so, and only then are its rows read. A page that follows on another begins where that one
ended (keyset): what a page costs does not grow with its number. Pages are known by their offset, as
seed 002 has it, so the ends of the last ones are remembered for a while.

Which statement is best may depend on how much there is: `Pages.plan` asks for that first. It does
not look into the database itself; whoever follows it may have to wait for the answers.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from bridge.domain.queries import TransactionMoment, TransactionQuery
from bridge.domain.records import replace
from bridge.ports import Clock
from bridge.store.stations import Row

BOOKMARKS: Final = 1000
BOOKMARK_SECONDS: Final = 60.0
"""For how long a page is taken to be followed by the next one, not by what has come since."""
BOUND_ROWS: Final = 20_000
FEW: Final = 5000
"""So many at most are sorted for a page; where there are more, the index that sorts is walked."""

_PAGE: Final = (
    "SELECT station_id, evse_id, vehicle_id, inserted_at, document, {key}, id"
    " FROM charging_transaction"
    " WHERE id IN (SELECT id FROM charging_transaction WHERE {where} ORDER BY {order}"
    " LIMIT :limit OFFSET :offset) ORDER BY {order}"
)
_COUNT: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM charging_transaction WHERE {where} LIMIT :limit) AS few"
)
_BOUND: Final = (
    "SELECT {furthest}(key), count(key) FROM (SELECT {key} AS key FROM charging_transaction"
    " WHERE {where} ORDER BY {moment} {way}, id {way} LIMIT :rows) AS nearest"
)

Bookmark = tuple[float, Any, int]
"""When it was laid, and the sort key and id of the last row of a page."""
Parameters = Mapping[str, object]
Statement = tuple[str, Parameters]
"""With parameters by name (`:name`)."""


class Dialect(Struct, frozen=True, kw_only=True):
    """What differs between databases."""

    columns: Mapping[str, str]
    """What transactions are sorted by, by the names of `bridge.domain.queries`."""
    unindexed: Mapping[str, str]
    """The same for each column, as no index has it."""
    nullable: frozenset[str]
    """Columns in which NULL stands for a transaction that has not ended, and sorts first."""
    time: Callable[[datetime], object]
    """How a moment is given."""
    everything: str
    """A condition that always holds."""


class Pages:
    """Knows how to find pages, and where the last ones ended."""

    def __init__(self, dialect: Dialect, clock: Clock) -> None:
        self._dialect = dialect
        self._clock = clock
        self._bookmarks: OrderedDict[TransactionQuery, Bookmark] = OrderedDict()

    def plan(self, query: TransactionQuery) -> Generator[Statement, Any, Statement]:
        """Return the statement of a page; yields others, of which the first row is to be sent."""
        conditions, parameters = self._conditions(query)
        key = column = self._dialect.columns[query.order_by]
        if _is_sorted_otherwise(query):
            counting = _COUNT.format(where=" AND ".join(conditions))
            (count,) = yield counting, {**parameters, "limit": FEW}
            if count < FEW:
                # not by the index that sorts, but by the one that chooses
                column = self._dialect.unindexed[column]
            else:
                yield from self._bound(query, conditions, parameters)
        bookmark = self._bookmark(query)
        if bookmark is not None:
            _, last, row_id = bookmark
            conditions.append(self._beyond(key, last, descending=query.descending))
            parameters |= {"key": last, "row": row_id}
        way = _way(query)
        statement = _PAGE.format(
            key=key,
            where=" AND ".join(conditions) or self._dialect.everything,
            order=f"{column} {way}, id {way}",
        )
        offset = query.offset if bookmark is None else 0
        return statement, parameters | {"limit": query.limit, "offset": offset}

    def found(self, query: TransactionQuery, rows: Sequence[Row]) -> list[Row]:
        """Return the rows of a page that was read, as `transaction_record` takes them."""
        if len(rows) == query.limit and rows:
            *_, key, row_id = rows[-1]
            following = replace(query, offset=query.offset + query.limit, limit=0)
            self._bookmarks.pop(following, None)
            self._bookmarks[following] = (self._clock.monotonic(), key, row_id)
            if len(self._bookmarks) > BOOKMARKS:
                self._bookmarks.popitem(last=False)
        return [tuple(row)[:-2] for row in rows]

    def _conditions(self, query: TransactionQuery) -> tuple[list[str], dict[str, object]]:
        moment = self._dialect.columns[query.filter_by]
        time = self._dialect.time
        wanted: tuple[tuple[str, str, object], ...] = (
            ("station_id = :station", "station", query.station_id),
            ("evse_id = :evse", "evse", query.evse_id),
            ("connector_id = :connector", "connector", query.connector_id),
            ("vehicle_id = :vehicle", "vehicle", query.vehicle_id),
            (f"{moment} >= :since", "since", query.since and time(query.since)),
            (f"{moment} < :before", "before", query.before and time(query.before)),
        )
        asked = [each for each in wanted if each[2] is not None]
        conditions = [condition for condition, *_ in asked]
        if query.filter_by is TransactionMoment.ENDED and query.since is None and query.before:
            conditions.append("ended_at IS NOT NULL")
        return conditions, {name: value for _, name, value in asked}

    def _bound(
        self, query: TransactionQuery, conditions: list[str], parameters: dict[str, object]
    ) -> Generator[Statement, Any, None]:
        """Leave out most of what a page chosen by one moment and sorted by another cannot hold.

        As many as the page ends with are surely not beyond the furthest of those that come
        first by the moment they are chosen by; and both moments are mostly close to each other.
        """
        rows = query.offset + query.limit
        if rows > BOUND_ROWS or query.station_id is not None or query.vehicle_id is not None:
            return
        key = self._dialect.columns[query.order_by]
        bounding = _BOUND.format(
            furthest="min" if query.descending else "max",
            key=key,
            where=" AND ".join(conditions),
            moment=self._dialect.columns[query.filter_by],
            way=_way(query),
        )
        bound, count = yield bounding, {**parameters, "rows": rows}
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

    def _beyond(self, column: str, key: object, *, descending: bool) -> str:
        """Return the condition of being after a row in the order; NULL is before everything."""
        if key is None:
            return (
                f"({column} IS NULL AND id < :row)"
                if descending
                else f"({column} IS NOT NULL OR id > :row)"
            )
        beyond = f"({column}, id) {'<' if descending else '>'} (:key, :row)"
        if descending and column in self._dialect.nullable:
            return f"({beyond} OR {column} IS NULL)"
        return beyond


def _is_sorted_otherwise(query: TransactionQuery) -> bool:
    """Say whether the index that chooses is not the one that sorts."""
    if query.station_id is not None:
        return True
    by_moment = query.since is not None or query.before is not None
    return query.vehicle_id is not None or (by_moment and query.filter_by != query.order_by)


def _way(query: TransactionQuery) -> str:
    return "DESC" if query.descending else "ASC"
