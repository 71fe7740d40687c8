"""The record of transactions, with those that run as they are now."""

from collections.abc import Callable, Sequence

from bridge.domain import ledger
from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Station
from bridge.domain.queries import TransactionQuery
from bridge.ports import Transactions


class LiveTransactions:
    """`bridge.ports.Transactions`, brought up to date with the stations' own records."""

    def __init__(
        self, kept: Transactions, station_of: Callable[[StationId], Station | None]
    ) -> None:
        """Take what was written down, and where the present state of a station is."""
        self._kept = kept
        self._station_of = station_of

    async def find(self, uuid: str) -> TransactionRecord | None:
        """Return a transaction by its uuid, or by the one its `start` was answered with."""
        found = await self._kept.find(uuid)
        return None if found is None else self._live(found)

    async def named(
        self, transaction_id: str, station_id: str | None = None
    ) -> Sequence[TransactionRecord]:
        """Return those with the id that their station gave them, newest first."""
        return [self._live(each) for each in await self._kept.named(transaction_id, station_id)]

    async def page(self, query: TransactionQuery) -> Sequence[TransactionRecord]:
        """Return those that a query asks for, from its offset on, at most its limit."""
        return [self._live(each) for each in await self._kept.page(query)]

    def _live(self, record: TransactionRecord) -> TransactionRecord:
        station = self._station_of(record.station_id)
        return record if station is None else ledger.live(record, station)
