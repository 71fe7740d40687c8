"""What is kept for how long in the database: `bridge.store.housekeeping`, for this bridge's rows.

It has a connection and a task of its own, so that neither the writer nor a reader waits for it; each
step is one transaction of a few hundred rows. Events are given up by the bridge that stored them,
transactions and the audit by whichever bridge keeps them the shortest. How full the server's disk
is cannot be known here: that is its administrator's watch.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from bridge.ports import Clock, Metrics, StoreError
from bridge.store import housekeeping
from bridge.store.housekeeping import COUNTED, STEP_ROWS, Keeping, Thinning
from bridge.store.postgres import statements
from bridge.store.postgres.schema import check
from bridge.store.postgres.session import Connection, Place, Reader

PAUSE_SECONDS: Final = 0.05
"""Between two steps, so that a backlog does not keep the server from anything else."""

_log = logging.getLogger(__name__)

Task = Callable[[Connection], Awaitable[bool]]
"""Does a little; returns whether there may be more of it."""


class Housekeeping:
    """Gives up rows of a bridge in small steps."""

    def __init__(
        self, place: Place, number: int, *, clock: Clock, metrics: Metrics | None, keeping: Keeping
    ) -> None:
        """Start the task."""
        self._number = number
        self._clock = clock
        self._metrics = metrics
        self._keeping = keeping
        self._thinning = Thinning(keeping.thin_to)
        self._reader = Reader(place, check)
        self._too_many = 0
        self._task = asyncio.create_task(self._run(), name="bridge-store-housekeeping")

    async def stop(self) -> None:
        """End the task; a step that is under way is rolled back."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._reader.close()

    async def _run(self) -> None:
        round_at = self._clock.monotonic()
        while True:
            try:
                await self._reader.read(self._look)
                if self._clock.monotonic() >= round_at:
                    await self._round()
                    round_at = self._clock.monotonic() + housekeeping.ROUND_SECONDS
            except StoreError as error:
                _log.warning("store was not tidied", extra={"error": str(error)})
            await asyncio.sleep(housekeeping.LOOK_SECONDS)

    async def _round(self) -> None:
        keeping = self._keeping
        tasks: list[Task] = []
        if keeping.retention is not None:
            tasks += [self._forget_events, self._forget_transactions, self._forget_audit]
        if keeping.thin_after is not None:
            tasks.append(self._thin)
        if self._too_many:
            tasks.append(self._shed)
        for task in tasks:
            while await self._reader.read(task):  # noqa: ASYNC110  # there is nothing to wait for
                await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self, connection: Connection) -> None:
        waiting, oldest = await connection.fetchrow(statements.WAITING, self._number, COUNTED)
        most = self._keeping.outbox_events
        self._too_many = 0 if most is None else max(0, waiting - most)
        if self._metrics is not None:
            age = 0.0 if oldest is None else (self._clock.now() - oldest).total_seconds()
            self._metrics.gauge("store.outbox_events", waiting)
            self._metrics.gauge("store.outbox_oldest_seconds", max(0.0, age))

    # --- Tasks ----------------------------------------------------------------------------

    async def _forget_events(self, connection: Connection) -> bool:
        deleted = await connection.execute(
            statements.FORGET_EVENTS, self._number, self._oldest(), STEP_ROWS
        )
        return _is_a_full_step(deleted)

    async def _forget_transactions(self, connection: Connection) -> bool:
        deleted = await connection.execute(
            statements.FORGET_TRANSACTIONS, self._oldest(), STEP_ROWS
        )
        return _is_a_full_step(deleted)

    async def _forget_audit(self, connection: Connection) -> bool:
        return _is_a_full_step(
            await connection.execute(statements.FORGET_AUDIT, self._oldest(), STEP_ROWS)
        )

    def _oldest(self) -> datetime:
        now = self._clock.now()
        return now if self._keeping.retention is None else now - self._keeping.retention

    async def _thin(self, connection: Connection) -> bool:
        """Keep one periodic reading per span, going on where the last step has ended."""
        now = self._clock.now()
        before = now if self._keeping.thin_after is None else now - self._keeping.thin_after
        async with connection.transaction():
            rows = await connection.fetch(statements.THINNABLE, self._number, before, STEP_ROWS)
            if not rows:
                self._thinning.forget()
                return False
            superfluous = [
                (row_id,)
                for row_id, uuid, timestamp, periodic in rows
                if self._thinning.is_superfluous(uuid, timestamp, periodic=periodic)
            ]
            await statements.DELETE_EVENTS.run(connection, self._number, superfluous)
            await connection.execute(statements.THINNED, self._number, rows[-1]["id"])
        return True

    async def _shed(self, connection: Connection) -> bool:
        """Do not publish the oldest periodic readings, as many as there are too many events."""
        limit = min(STEP_ROWS, self._too_many)
        shed = await connection.execute(statements.SHED_EVENTS, self._number, limit)
        count = _count(shed)
        self._too_many -= count
        if count and self._metrics is not None:
            self._metrics.count("store.outbox_shed", count)
        return count > 0 and self._too_many > 0


def _is_a_full_step(status: str) -> bool:
    return _count(status) == STEP_ROWS


def _count(status: str) -> int:
    """Return the number of rows of a command's status, such as `DELETE 12`."""
    return int(status.rpartition(" ")[2])
