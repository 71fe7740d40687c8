"""The one bridge of a `bridge.id`: an advisory lock, and a number that tells its holders apart.

Theory of operation. The lock is the connection's by which the bridge writes: whoever cannot write
any more does not hold it either, and the server frees it when the connection ends. A bridge that
has lost its connection takes the lock again before anything else; by then the server has ended
whatever the lost connection had under way, so that what it has committed is certain.

Meanwhile another process may have been started with the same id and have written. So each start
raises `bridge.epoch`, and each transaction checks it: who is not the latest writes nothing more.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

from bridge.ports import StoreError
from bridge.store.postgres import statements
from bridge.store.postgres.session import Connection, Place

RETRY_SECONDS: Final = 0.1
_HALF: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRow:
    """What the store knows of a bridge."""

    number: int
    """Which stands for its id in all tables."""
    epoch: int
    """How often it was started."""
    batch: int
    """How many transactions it has committed."""
    last_row: int
    """Highest number that an event or a message of it has had."""
    watermark: int
    """Up to which all its events are published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The server's side of a connection."""

    pid: int
    started_at: datetime


def lock_key(name: str) -> int:
    """Return the 64-bit key of an advisory lock, the same in all versions."""
    digest = blake2b(f"ocpp-mqtt-bridge {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


async def is_locked(connection: Connection, place: Place) -> bool:
    """Say whether a bridge of this id runs."""
    return await _holder(connection, place) is not None


async def take_lock(
    connection: Connection,
    place: Place,
    *,
    patience_seconds: float = 0.0,
    own: Backend | None = None,
) -> None:
    """Take the lock of the bridge's id for as long as the connection lasts.

    Raises StoreError, saying who holds it, where it does not become free in time. A bridge that
    was killed is gone from the server in a moment, which is what to wait for. `own` is ended: a
    connection that this process has lost, and the server perhaps not yet.
    """
    for attempts_left in range(round(patience_seconds / RETRY_SECONDS), -1, -1):
        if await connection.fetchval(statements.TRY_LOCK, _key(place)):
            return
        if own is not None:
            await connection.fetchval(statements.END_BACKEND, own.pid, own.started_at)
        if attempts_left:
            await asyncio.sleep(RETRY_SECONDS)
    holder = await _holder(connection, place)
    raise StoreError(
        f'store {place.shown}: bridge.id "{place.bridge_id}" is in use by another bridge'
        f"{'' if holder is None else _whereabouts(*holder)}: stop it, or give this one an id of"
        " its own"
    )


async def backend_of(connection: Connection) -> Backend:
    """Return the server's side of a connection."""
    pid, started_at = await connection.fetchrow(statements.OWN_BACKEND)
    return Backend(pid=pid, started_at=started_at)


async def started(connection: Connection, place: Place) -> BridgeRow:
    """Note a start of the bridge; return what its last run has left."""
    return BridgeRow(**await connection.fetchrow(statements.START_BRIDGE, place.bridge_id))


async def found(connection: Connection, number: int) -> BridgeRow | None:
    """Return the present row of a bridge, None where the database has lost it."""
    row = await connection.fetchrow(statements.FIND_BRIDGE, number)
    return None if row is None else BridgeRow(**row)


def _key(place: Place) -> int:
    return lock_key(f"bridge {place.bridge_id}")


async def _holder(connection: Connection, place: Place) -> tuple[object, datetime | None] | None:
    """Return address and beginning of the connection that holds the lock; None if it is free."""
    key = _key(place) % (1 << 2 * _HALF)
    row = await connection.fetchrow(statements.LOCK_HOLDER, key >> _HALF, key % (1 << _HALF))
    return None if row is None else (row["client_addr"], row["backend_start"])


def _whereabouts(address: object, since: datetime | None) -> str:
    """Return where the holder of the lock is, as far as the server tells us."""
    if since is None:
        return ""
    place = "" if address is None else f"from {address} "
    return f" ({place}since {since.isoformat(timespec='seconds')})"
