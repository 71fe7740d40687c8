"""Which database a bridge keeps its memory in, opened by whoever needs it.

With a URL it is PostgreSQL, else a file in the data directory. The driver of PostgreSQL is an
extra, and only imported where there is a URL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bridge.domain.ids import StationId
from bridge.ports import (
    AuditRecord,
    Clock,
    Journal,
    Metrics,
    Scope,
    StoreError,
    TokenRecord,
    TokenStore,
    Transactions,
)
from bridge.store import admin, tokens
from bridge.store.admin import StationEntry
from bridge.store.audit import AuditQuery, read_audit
from bridge.store.database import make_data_dir
from bridge.store.housekeeping import Keeping
from bridge.store.journal import SqliteJournal
from bridge.store.transactions import SqliteTransactions

if TYPE_CHECKING:
    from bridge.store.postgres import session

_LENT: Final = "ocpp-mqtt-bridge"
"""Name of the token, and of the controller, that the command line is to the bridge."""
_LENT_FOR: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePlace:
    """Where the memory of a bridge is."""

    data_dir: Path
    """Holds the file, and in any case the key by which tokens are hashed."""
    url: str | None = field(default=None, repr=False)
    """Of a PostgreSQL database; None: the file."""
    bridge_id: str = "main"
    """Whose rows of the database."""


class OpenJournal(Journal, TokenStore, Protocol):
    """A journal that is open."""

    async def close(self) -> None:
        """Write what waits, then let go of the store."""


class OpenTransactions(Transactions, Protocol):
    """A record of transactions that is open."""

    async def close(self) -> None:
        """Let go of the store."""


class StoreTools(Protocol):
    """What tools do in a store, beside a bridge that runs or without one. Raises StoreError."""

    def stations(self) -> list[StationEntry]:
        """Return all stations by id."""

    def approve(self, station_id: StationId, clock: Clock) -> bool:
        """Let a station in from its next BootNotification on; say whether it has been seen."""

    def forget(self, station_id: StationId) -> bool:
        """Remove a station's record and approval; say whether there was one.

        Refused while the bridge runs: it would write the record again.
        """

    def is_running(self) -> bool:
        """Say whether the bridge runs at this moment."""

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return records in the order in which they were written."""

    def add_token(self, token: TokenRecord) -> bool:
        """Keep a token, in a store that is made where there is none; False if its name is taken."""

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens by name, expired ones too."""

    def revoke_token(self, name: str) -> bool:
        """Remove a token; say whether there was one."""


async def open_journal(
    place: StorePlace, *, clock: Clock, metrics: Metrics, keeping: Keeping
) -> OpenJournal:
    """Open a bridge's memory for itself alone, made where it is not there yet.

    Raises StoreError with a sentence for its owner.
    """
    if place.url is None:
        return SqliteJournal.open(place.data_dir, clock=clock, metrics=metrics, keeping=keeping)
    database = _database(place)
    from bridge.store.postgres.journal import PostgresJournal  # noqa: PLC0415 - an extra

    make_data_dir(place.data_dir)
    return await PostgresJournal.open(database, clock=clock, metrics=metrics, keeping=keeping)


def open_transactions(place: StorePlace, *, clock: Clock) -> OpenTransactions:
    """Open the record of transactions to read. Raises StoreError where there is none."""
    if place.url is None:
        return SqliteTransactions.open(place.data_dir, clock=clock)
    database = _database(place)
    from bridge.store.postgres.transactions import PostgresTransactions  # noqa: PLC0415 - likewise

    return PostgresTransactions(database, clock)


def tools_of(place: StorePlace) -> StoreTools:
    """Return what tools do in a store."""
    if place.url is None:
        return SqliteTools(place.data_dir)
    database = _database(place)
    from bridge.store.postgres.admin import PostgresTools  # noqa: PLC0415 - likewise

    return PostgresTools(database)


@contextmanager
def lent_token(place: StorePlace, scope: Scope, clock: Clock) -> Iterator[str]:
    """Give a token of the HTTP service, for as long as the context lasts. Raises StoreError."""
    tools = tools_of(place)
    tools.revoke_token(_LENT)  # of one who was killed
    expires_at = clock.now() + _LENT_FOR
    token, record = tokens.new_token(_LENT, [scope], expires_at=expires_at, clock=clock)
    if not tools.add_token(record):
        raise tokens.taken(_LENT)
    try:
        yield token
    finally:
        tools.revoke_token(_LENT)


def _database(place: StorePlace) -> "session.Place":
    """Return the database. Raises StoreError where its driver is not installed."""
    try:
        from bridge.store.postgres.session import Place  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise StoreError(
            "store.url needs the driver of PostgreSQL:"
            " pip install 'ocpp-mqtt-bridge[postgres]', or pip install asyncpg"
        ) from error
    return Place(url=str(place.url), bridge_id=place.bridge_id)


class SqliteTools:
    """Tools for the file of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        """Nothing is opened yet."""
        self._data_dir = data_dir

    def stations(self) -> list[StationEntry]:
        """Return all stations by id."""
        return admin.list_stations(self._data_dir)

    def approve(self, station_id: StationId, clock: Clock) -> bool:
        """Let a station in; say whether it has been seen."""
        return admin.approve_station(self._data_dir, station_id, clock)

    def forget(self, station_id: StationId) -> bool:
        """Remove a station's record; say whether there was one."""
        return admin.forget_station(self._data_dir, station_id)

    def is_running(self) -> bool:
        """Say whether a bridge holds the data directory."""
        return admin.is_running(self._data_dir)

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return records in the order in which they were written."""
        return read_audit(self._data_dir, query)

    def add_token(self, token: TokenRecord) -> bool:
        """Keep a token; False if its name is taken."""
        return tokens.add_token(self._data_dir, token)

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens by name."""
        return tokens.list_tokens(self._data_dir)

    def revoke_token(self, name: str) -> bool:
        """Remove a token; say whether there was one."""
        return tokens.revoke_token(self._data_dir, name)
