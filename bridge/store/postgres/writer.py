"""The one task that writes.

Theory of operation. Jobs gather while a transaction is under way; the next one takes all of them,
at most `BATCH_LIMIT`, and their callers are told together. A batch that the server refuses is
rolled back and its jobs are tried one by one, so that one bad job (an event that is stored already)
cannot harm its neighbours; when the server itself cannot write (disk full, read-only) the first
refusal answers for the rest.

When the connection is lost, the jobs of the transaction under way are refused, and so are those
that come while there is none: their stations keep them and send them again. Only a transaction
whose COMMIT was sent and not answered is in doubt. Its jobs wait for the next connection, which
takes the bridge's lock first (lease.py): then the number of committed transactions tells what has
become of it. So a refused commit is never found in the database later.

What the broker has acknowledged is noted with the next batch, or after `TIDY_SECONDS` by itself.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from bridge.crash import passes
from bridge.ports import Clock, Metrics, StoreError
from bridge.store.batch import Batch, Job
from bridge.store.codec import encode_time
from bridge.store.postgres import lease, statements
from bridge.store.postgres.batch import write_batch
from bridge.store.postgres.leftovers import PostgresLeftovers
from bridge.store.postgres.schema import join
from bridge.store.postgres.session import (
    Connection,
    LostError,
    Place,
    bounded,
    connected,
    disconnected,
    explanation,
)
from bridge.store.stations import Row

BATCH_LIMIT: Final = 256
WRITE_SECONDS: Final = 10.0
"""A transaction's time; then the server is taken for gone."""
TIDY_SECONDS: Final = 0.2
STOP_SECONDS: Final = 1.0
"""How long the end waits for a server that does not answer."""
FIRST_PAUSE_SECONDS: Final = 0.1
"""Before the first attempt to connect again; doubled with each, up to the last."""
LAST_PAUSE_SECONDS: Final = 5.0
OWN_LOCK_SECONDS: Final = 1.0
"""How long our own lost connection may take to end on the server."""
COMMAND_MEMORY: Final = timedelta(hours=24)
PRUNE_INTERVAL_SECONDS: Final = 600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doubt:
    """A transaction whose COMMIT was sent and not answered."""

    jobs: Sequence[Job]
    batch: int
    last_row: int


class _InDoubtError(LostError):
    """The transaction may be in the database or not; its jobs are not to be told anything yet."""


class Writer:
    """Owns the writing connection, and with it the lock of the bridge."""

    def __init__(
        self,
        connection: Connection,
        place: Place,
        found: lease.BridgeRow,
        backend: lease.Backend,
        *,
        clock: Clock,
        metrics: Metrics | None,
        on_loss: Callable[[], None],
    ) -> None:
        """Start the task. `on_loss` is called when the database has lost what it had committed."""
        self._place = place
        self._clock = clock
        self._metrics = metrics
        self._on_loss = on_loss
        self._number = found.number
        self._epoch = found.epoch
        self._batch = found.batch
        self._last_row = found.last_row
        self._leftovers = PostgresLeftovers(found.watermark)
        self._backend = backend
        self._connection: Connection | None = None
        self._jobs: deque[Job] = deque()
        self._wake = asyncio.Event()
        self._doubt: _Doubt | None = None
        self._tidy_at: float | None = None
        self._prune_at = clock.monotonic()
        self._pause = FIRST_PAUSE_SECONDS
        self._retry_at = 0.0
        self._failure: StoreError | None = None
        """Why there is no connection."""
        self._failing = False
        self._stopping = False
        self._adopt(connection)
        self._task = asyncio.create_task(self._run(), name="bridge-store-writer")

    def submit(self, job: Job) -> None:
        """Hand a job over; it is resolved when it is durable or refused."""
        self._jobs.append(job)
        self._wake.set()

    def acknowledged(self, row_ids: Sequence[int]) -> None:
        """Take these messages out of the outbox soon."""
        self._leftovers.acknowledge(row_ids)
        self._tidy_soon()

    def dead_letter(self, row: Row) -> None:
        """Move a message to the dead letters soon; `row` as in that table."""
        self._leftovers.refuse(row)
        self._tidy_soon()

    async def stop(self) -> None:
        """Write what waits, end the task and let go of the lock; without the server if need be."""
        self._stopping = True
        self._wake.set()
        done, _ = await asyncio.wait({self._task}, timeout=STOP_SECONDS)
        if not done and self._connection is not None:
            self._connection.terminate()
        elif not done:  # it is about to connect
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._refuse(self._taken(len(self._jobs)), self._failure)
        if self._doubt is not None:  # the next start finds out
            self._refuse(self._doubt.jobs, self._failure)

    def _tidy_soon(self) -> None:
        if self._tidy_at is None:
            self._tidy_at = self._clock.monotonic() + TIDY_SECONDS
            self._wake.set()

    # --- The task -------------------------------------------------------------------------

    async def _run(self) -> None:
        while not (self._stopping and not self._jobs):
            await self._rest()
            if not await self._is_connected():
                self._refuse(self._taken(len(self._jobs)), self._failure)
            elif self._jobs:
                await self._write(self._taken(BATCH_LIMIT))
            elif self._tidy_at is not None and self._clock.monotonic() >= self._tidy_at:
                await self._tidy()
        await self._end()

    async def _rest(self) -> None:
        """Wait for work, or until it is time to tidy or to connect again."""
        if self._jobs or self._stopping:
            return
        self._wake.clear()
        at = self._retry_at if self._connection is None else self._tidy_at
        with suppress(TimeoutError):
            async with asyncio.timeout(None if at is None else at - self._clock.monotonic()):
                await self._wake.wait()

    def _taken(self, most: int) -> list[Job]:
        return [self._jobs.popleft() for _ in range(min(most, len(self._jobs)))]

    async def _end(self) -> None:
        if self._connection is not None:
            await self._tidy(all_of_it=True)
        connection, self._connection = self._connection, None
        if connection is not None:
            await disconnected(connection)

    # --- Writing --------------------------------------------------------------------------

    async def _write(self, jobs: Sequence[Job]) -> None:
        try:
            await self._write_together(jobs)
        except _InDoubtError as loss:
            self._lose(loss)
        except StoreError as error:
            if isinstance(error, LostError):
                self._lose(error)
            if isinstance(error, LostError) or len(jobs) == 1:
                self._refuse(jobs, error)
            else:
                await self._write_one_by_one(jobs)
        else:
            self._report(None)
            self._tell(jobs)

    async def _write_one_by_one(self, jobs: Sequence[Job]) -> None:
        """Give each job its own transaction; what the server says where it refuses is for all."""
        refusal: StoreError | None = None
        for place, job in enumerate(jobs):
            try:
                await self._write_together([job])
            except StoreError as error:
                if isinstance(error, LostError):
                    self._lose(error)
                if not isinstance(error, _InDoubtError):
                    self._refuse([job], error)
                if not _is_the_jobs_fault(error):
                    refusal = error
                    self._refuse(jobs[place + 1 :], error)
                    break
            else:
                self._tell([job])
        self._report(refusal)

    async def _write_together(self, jobs: Sequence[Job], *, all_of_it: bool = False) -> None:
        """Write all of it durably or nothing. Raises StoreError: LostError, _InDoubtError for a loss."""
        connection = self._connection
        if connection is None:
            raise LostError(f"store {self._place.shown}: the connection is lost")
        now = self._clock.now()
        batch = Batch(next_row=self._last_row + 1, created_at=encode_time(now))
        for job in jobs:
            batch.add(job)
        doubt = _Doubt(jobs=jobs, batch=self._batch + 1, last_row=batch.next_row - 1)
        committing = False
        try:
            with bounded(connection, WRITE_SECONDS):
                await connection.execute("BEGIN")
                await write_batch(connection, self._number, batch)
                await self._leftovers.write(connection, self._number, all_of_it=all_of_it)
                await self._prune(connection, now)
                await self._move_on(connection, doubt)
                passes("before-commit" if jobs else "in-tidy")
                committing = True
                await connection.execute("COMMIT")
        except StoreError:
            await self._rolled_back(connection)
            raise
        except Exception as error:
            raise await self._explained(
                error, connection, doubt if committing else None
            ) from error
        if jobs:
            passes("after-commit")
        self._committed(doubt)

    async def _explained(
        self, error: Exception, connection: Connection, committing: _Doubt | None
    ) -> StoreError:
        """Return what has become of a transaction that failed, and end it.

        Once COMMIT was sent, only the server's own word says that it was not carried out.
        """
        explained = explanation(self._place, error)
        told = committing is None or isinstance(error, asyncpg.PostgresError)
        lost = isinstance(explained, LostError)
        if told and not lost and await self._rolled_back(connection):
            return explained
        if committing is None:
            return LostError(str(explained))
        self._doubt = committing
        return _InDoubtError(str(explained))

    async def _rolled_back(self, connection: Connection) -> bool:
        try:
            with bounded(connection, WRITE_SECONDS):
                await connection.execute("ROLLBACK")
        except Exception:  # noqa: BLE001 - likewise
            return False
        return True

    async def _prune(self, connection: Connection, now: datetime) -> None:
        if self._clock.monotonic() >= self._prune_at:
            oldest = now - COMMAND_MEMORY
            await connection.execute(statements.PRUNE_COMMANDS, self._number, oldest)
            passes("in-prune")
            self._prune_at = self._clock.monotonic() + PRUNE_INTERVAL_SECONDS

    async def _move_on(self, connection: Connection, after: _Doubt) -> None:
        """Count the transaction. Raises StoreError where this process is not the latest."""
        moved = await connection.execute(
            statements.MOVE_ON,
            self._number,
            self._epoch,
            after.batch,
            after.last_row,
            self._leftovers.watermark.position,
        )
        if moved != "UPDATE 1":
            raise self._superseded()

    def _committed(self, done: _Doubt) -> None:
        self._batch = done.batch
        self._last_row = done.last_row
        self._leftovers.written()
        if not self._leftovers:
            self._tidy_at = None

    async def _tidy(self, *, all_of_it: bool = False) -> None:
        """Note what the broker has acknowledged, without anybody who waits for it."""
        self._tidy_at = self._clock.monotonic() + TIDY_SECONDS
        try:
            await self._write_together([], all_of_it=all_of_it)
        except LostError as loss:
            self._lose(loss)
        except StoreError as error:
            self._report(error)

    # --- The connection -------------------------------------------------------------------

    async def _is_connected(self) -> bool:
        """Say whether there is a connection, after an attempt to make one where it is time."""
        if self._connection is not None:
            if not self._connection.is_closed():
                return True
            self._lose(LostError(f"store {self._place.shown}: the connection is lost"))
        if self._stopping or self._clock.monotonic() < self._retry_at:
            return False
        try:
            await self._connect()
        except Exception as error:  # noqa: BLE001 - as in _write_together
            self._failure = explanation(self._place, error)
            self._report(self._failure)
            self._retry_at = self._clock.monotonic() + self._pause
            self._pause = min(2 * self._pause, LAST_PAUSE_SECONDS)
            return False
        self._pause = FIRST_PAUSE_SECONDS
        self._report(None)
        return True

    async def _connect(self) -> None:
        """Connect again as the bridge that we are. Raises StoreError, or what the driver raises."""
        connection = await connected(self._place)
        try:
            with bounded(connection, WRITE_SECONDS):
                await join(connection, self._place)
                await lease.take_lock(
                    connection, self._place, own=self._backend, patience_seconds=OWN_LOCK_SECONDS
                )
                self._backend = await lease.backend_of(connection)
                found = await lease.found(connection, self._number)
        except BaseException:
            connection.terminate()
            raise
        if found is None or found.epoch != self._epoch:
            connection.terminate()
            raise self._superseded()
        self._settle(found)
        self._adopt(connection)

    def _superseded(self) -> StoreError:
        return StoreError(
            f'store {self._place.shown}: another bridge was started as "{self._place.bridge_id}",'
            " or the database was replaced: this one writes nothing more until it is restarted"
        )

    def _settle(self, found: lease.BridgeRow) -> None:
        """Find out what has become of the transaction that is in doubt."""
        doubt, self._doubt = self._doubt, None
        if doubt is not None and found.batch >= doubt.batch:
            self._committed(doubt)
            self._tell(doubt.jobs)
        elif doubt is not None:
            self._refuse(doubt.jobs, self._failure)
        if found.batch < self._batch:
            _log.error(
                "store has lost transactions that it had committed",
                extra={"path": self._place.shown, "transactions": self._batch - found.batch},
            )
            self._on_loss()

    def _adopt(self, connection: Connection) -> None:
        self._connection = connection
        self._failure = None
        connection.add_termination_listener(self._on_termination)

    def _on_termination(self, _connection: Connection) -> None:
        self._wake.set()

    def _lose(self, loss: LostError) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
            self._retry_at = self._clock.monotonic()
            if self._metrics is not None:
                self._metrics.count("store.connections_lost")
        self._failure = loss
        self._report(loss)

    # --- Telling --------------------------------------------------------------------------

    def _refuse(self, jobs: Sequence[Job], error: StoreError | None) -> None:
        for job in jobs:
            job.error = StoreError(str(error or f"store {self._place.shown} is closed"))
            job.error.__cause__ = error
        self._tell(jobs)

    def _tell(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        asyncio.get_running_loop().call_soon(_resolve, jobs)
        if self._metrics is not None:
            self._metrics.count("store.commits", len(jobs))
            self._metrics.count("store.batches")
            self._metrics.count("store.failures", sum(job.error is not None for job in jobs))

    def _report(self, error: StoreError | None) -> None:
        """Log the first failure of a row of them, and its end."""
        where = {"path": self._place.shown}
        if error is not None and not self._failing:
            _log.error("store cannot write", extra=where | {"error": str(error)})
        elif error is None and self._failing:
            _log.info("store writes again", extra=where)
        self._failing = error is not None
        if self._metrics is not None:
            self._metrics.gauge("store.failing", float(self._failing))


def _resolve(jobs: Sequence[Job]) -> None:
    """Tell the callers; some have more to be written at once."""
    for job in jobs:
        job.resolve()


def _is_the_jobs_fault(error: StoreError) -> bool:
    """Say whether another job may well be written."""
    return isinstance(
        error.__cause__,
        (
            asyncpg.DataError,
            asyncpg.IntegrityConstraintViolationError,
            asyncpg.TransactionRollbackError,
        ),
    )
