"""Looking after stations, tokens and the audit in the database, beside running bridges.

What belongs to a bridge is that of `Place.bridge_id`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bridge.domain.ids import StationId
from bridge.ports import AuditRecord, Clock, StoreError, TokenRecord
from bridge.store.admin import StationEntry
from bridge.store.audit import AuditQuery
from bridge.store.postgres import lease, schema, statements
from bridge.store.postgres.reading import audit_of, station_rows, token_of
from bridge.store.postgres.session import (
    READ_SECONDS,
    Connection,
    Place,
    bounded,
    connected,
    disconnected,
    explained,
)
from bridge.store.postgres.statements import text_of
from bridge.store.stations import stations_of

ResultT = TypeVar("ResultT")


class PostgresTools:
    """What tools do; each is a connection of its own. Raises StoreError."""

    def __init__(self, place: Place) -> None:
        """Nothing is connected yet."""
        self._place = place

    def stations(self) -> list[StationEntry]:
        """Return the bridge's stations by id, and those that were approved and never seen."""

        async def read(connection: Connection) -> list[StationEntry]:
            number = await self._number(connection)
            rows = await connection.fetch(statements.OWN_APPROVALS, number)
            approved = {station_id for (station_id,) in rows}
            records = {
                each.id: each for each in stations_of(*await station_rows(connection, number))
            }
            return [
                StationEntry(
                    id=StationId(station_id),
                    record=records.get(StationId(station_id)),
                    approved=station_id in approved,
                )
                for station_id in sorted(approved | records.keys())
            ]

        return self._with_store(read)

    def approve(self, station_id: StationId, clock: Clock) -> bool:
        """Let a station in from its next BootNotification on, at whichever bridge.

        Returns whether it has been seen already.
        """

        async def write(connection: Connection) -> bool:
            station = text_of(station_id)
            await connection.execute(statements.APPROVE, station, clock.now())
            return await connection.fetchval(statements.HAS_STATION, station) is not None

        return self._with_store(write)

    def forget(self, station_id: StationId) -> bool:
        """Remove a station's record and approval; its events stay. Returns whether there was one.

        Refused while the bridge runs: it would write the record again.
        """

        async def write(connection: Connection) -> bool:
            number = await self._number(connection)
            await lease.take_lock(connection, self._place)
            async with connection.transaction():
                known = await connection.fetchval(statements.OWN_STATION, number, station_id)
                for statement in (
                    statements.FORGET_APPROVALS,
                    statements.FORGET_PROGRESS,
                    statements.FORGET_STATIONS,
                ):
                    await statement.run(connection, number, [(station_id,)])
            return known is not None

        return self._with_store(write)

    def is_running(self) -> bool:
        """Say whether a bridge of this id runs at this moment."""
        return self._with_store(lambda connection: lease.is_locked(connection, self._place))

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Return records of all bridges in the order in which they were written."""

        async def read(connection: Connection) -> list[AuditRecord]:
            wanted = (query.station_id, query.controller, query.since, query.limit)
            rows = await connection.fetch(statements.READ_AUDIT, *wanted)
            return [audit_of(row) for row in reversed(rows)]

        return self._with_store(read)

    # --- Tokens ---------------------------------------------------------------------------

    def add_token(self, token: TokenRecord) -> bool:
        """Keep a token; the tables are made where there are none. False if the name is taken."""

        async def write(connection: Connection) -> bool:
            await connection.execute(statements.MAKE_BRIDGE, self._place.bridge_id)
            number = await self._number(connection)
            row = (
                token.name,
                token.digest,
                ",".join(sorted(token.scopes)),
                token.created_at,
                token.expires_at,
            )
            return await connection.fetchval(statements.ADD_TOKEN, number, *row) is not None

        return self._with_store(write, made=True)

    def tokens(self) -> list[TokenRecord]:
        """Return the tokens of the bridge by name, expired ones too."""

        async def read(connection: Connection) -> list[TokenRecord]:
            number = await self._number(connection)
            return [token_of(row) for row in await connection.fetch(statements.ALL_TOKENS, number)]

        return self._with_store(read)

    def revoke_token(self, name: str) -> bool:
        """Remove a token. Returns whether there was one."""

        async def write(connection: Connection) -> bool:
            number = await self._number(connection)
            return await connection.fetchval(statements.REVOKE_TOKEN, number, name) is not None

        return self._with_store(write)

    # --------------------------------------------------------------------------------------

    async def _number(self, connection: Connection) -> int:
        number: int | None = await connection.fetchval(
            statements.BRIDGE_NUMBER, self._place.bridge_id
        )
        if number is None:
            raise StoreError(
                f'store {self._place.shown} knows no bridge "{self._place.bridge_id}": is it this'
                " bridge.id, and has it run with this store.url?"
            )
        return number

    def _with_store(
        self, work: Callable[[Connection], Awaitable[ResultT]], *, made: bool = False
    ) -> ResultT:
        """Return what `work` does in a store that is there, or is `made` where it is not."""

        async def done() -> ResultT:
            connection = await connected(self._place)
            try:
                with explained(self._place):
                    if made:
                        await schema.make_ready(connection, self._place)
                    with bounded(connection, READ_SECONDS):
                        await schema.check(connection, self._place)
                        return await work(connection)
            finally:
                await disconnected(connection)

        return asyncio.run(done())
