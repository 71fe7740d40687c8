"""Connections to the server: how they are made, bounded in time, and explained when they fail.

Theory of operation. Nothing here waits for ever: whatever takes longer than it may is ended by
cutting the connection off, not by asking the server to cancel, which a server that does not answer
would not do either. A connection that failed in any other way than by a clear word of the server
is never used again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import asyncpg

from bridge.ports import StoreError

Connection = Any
"""An `asyncpg.Connection`; the package has no types."""
ResultT = TypeVar("ResultT")

SCHEMA: Final = "ocpp_mqtt_bridge"
"""All tables are in a schema of this name, beside whatever else is in the database."""
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
DISCONNECT_SECONDS: Final = 0.5
_SERVER_SIDE_MS: Final = 30_000
"""When the server gives up on a statement whose client has gone without a word."""

_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""What the driver raises."""
_SETTINGS: Final = (
    ("search_path", SCHEMA),
    ("default_transaction_isolation", "read committed"),
    ("statement_timeout", str(_SERVER_SIDE_MS)),
    ("idle_in_transaction_session_timeout", str(_SERVER_SIDE_MS)),
    # So that the lock of a bridge whose machine has died is free within half a minute.
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "25000"),
    # Short statements whose best plan depends on what is asked for.
    ("jit", "off"),
    ("plan_cache_mode", "force_custom_plan"),
)
# What was acknowledged survives a crash of the server, whatever its default is.
_PREPARE: Final = (
    "SELECT set_config('synchronous_commit', replace(current_setting('synchronous_commit'),"
    " 'off', 'on'), false), "
    + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SETTINGS)
    + ", set_config('application_name', $1, false)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database, and whose rows of it."""

    url: str
    """`postgresql://user:password@host:port/database`, and parameters of libpq."""
    bridge_id: str

    @property
    def shown(self) -> str:
        """The URL without user, password and parameters."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def application(self) -> str:
        """What `pg_stat_activity` calls our connections."""
        return f"ocpp-mqtt-bridge {self.bridge_id}"


class LostError(StoreError):
    """The server cannot be reached, or not any more."""


async def connected(place: Place) -> Connection:
    """Return a new connection. Raises LostError where there is no server, StoreError for its refusal.

    It has our settings, and takes statements that are bounded by `bounded`.
    """
    with explained(place):
        connection = await asyncpg.connect(place.url, timeout=CONNECT_SECONDS)
        try:
            with bounded(connection, CONNECT_SECONDS):
                await connection.fetchrow(_PREPARE, place.application)
        except BaseException:
            connection.terminate()
            raise
    return connection


async def disconnected(connection: Connection) -> None:
    """End a connection politely; the server may be gone."""
    with bounded(connection, DISCONNECT_SECONDS):
        try:
            await connection.close()
        except _ERRORS:
            connection.terminate()


@contextmanager
def bounded(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut the connection off where what is within takes longer."""
    watchdog = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        yield
    finally:
        watchdog.cancel()


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turn what the driver raises into a StoreError that names the database."""
    try:
        yield
    except _ERRORS as error:
        raise explanation(place, error) from error


def explanation(place: Place, error: Exception) -> StoreError:
    """Return the error of the port for one of the driver's."""
    if isinstance(error, StoreError):
        return error
    sentence = f"store {place.shown}: {_said(error)}"
    return LostError(sentence) if is_loss(error) else StoreError(sentence)


def is_loss(error: Exception) -> bool:
    """Say whether this is about the connection or the server, not about what was asked of it."""
    return isinstance(
        error,
        (
            OSError,  # a TimeoutError is one
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
            asyncpg.AdminShutdownError,
            asyncpg.CrashShutdownError,
            asyncpg.TooManyConnectionsError,
            asyncpg.IdleInTransactionSessionTimeoutError,
            asyncpg.InternalClientError,  # as one that was ended while nothing was asked of it
        ),
    ) or (isinstance(error, asyncpg.InterfaceError) and "closed" in str(error))


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    first_line, *_ = str(error).splitlines() or [type(error).__name__]
    return first_line


class Reader:
    """Connections for reading: made when they are needed, kept, and replaced when lost."""

    LIMIT: Final = 4

    def __init__(
        self, place: Place, check: Callable[[Connection, Place], Awaitable[None]]
    ) -> None:
        """Begin without any; `check` raises StoreError for one that is of no use."""
        self._place = place
        self._check = check
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._room = asyncio.Semaphore(self.LIMIT)
        self._closed = False

    async def read(self, work: Callable[[Connection], Awaitable[ResultT]]) -> ResultT:
        """Return what `work` reads; again, once, where an idle connection proves to be lost.

        Raises StoreError.
        """
        async with self._room:
            idle = bool(self._idle)
            try:
                return await self._on_one(work)
            except LostError:
                if not idle or self._closed:
                    raise
            self._drop_idle()
            return await self._on_one(work)

    async def _on_one(self, work: Callable[[Connection], Awaitable[ResultT]]) -> ResultT:
        connection = await self._take()
        try:
            with explained(self._place), bounded(connection, READ_SECONDS):
                result = await work(connection)
        except BaseException:
            connection.terminate()
            self._all.discard(connection)
            raise
        self._idle.append(connection)
        return result

    async def _take(self) -> Connection:
        if self._closed:
            raise StoreError(f"store {self._place.shown} is closed")
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._all.discard(connection)
        connection = await connected(self._place)
        try:
            with explained(self._place), bounded(connection, READ_SECONDS):
                await self._check(connection, self._place)
        except BaseException:
            connection.terminate()
            raise
        self._all.add(connection)
        return connection

    def _drop_idle(self) -> None:
        for connection in self._idle:
            connection.terminate()
            self._all.discard(connection)
        self._idle.clear()

    async def close(self) -> None:
        """Let go of the server. Later reads raise StoreError."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in self._all.difference(idle):
            connection.terminate()
        await asyncio.gather(*map(disconnected, idle))
        self._all.clear()
