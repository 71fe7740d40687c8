"""The one thread that writes.

Theory of operation. The event loop gathers jobs while the last batch is written (at most
`BATCH_LIMIT`) and hands them over together; the writer writes them in one transaction and tells all
callers together, in one call into the loop. After a batch of `BUSY_JOBS` or more, more is on its
way: the next one waits `GATHER_SECONDS` for it, which saves more time than it costs. So an idle
store adds no delay, a busy one shares the fsync among many.

Each time that the thread has let go of the interpreter lock, it must win it back from a busy event
loop: it loses some ten times first, and each time costs the loop a system call. So it waits but
once for a batch, and takes few steps to write it (`sql.BulkStatement`).

A batch that fails is rolled back and its jobs are tried one by one, so that one bad job (an event
that is stored already) cannot harm its neighbours; when the disk itself refuses (full, read-only,
I/O error) the first refusal answers for the rest. The next batch simply tries again.

What the broker has acknowledged is noted with the next batch, or after `TIDY_SECONDS` by itself in
a transaction that does not wait for the disk. Until then a kill leaves it in the receipts.
The write-ahead log is checkpointed when nobody waits, or when it has grown by
`CHECKPOINT_LIMIT` jobs.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Final

from bridge.crash import passes
from bridge.ports import Clock, Metrics, StoreError
from bridge.store import sql
from bridge.store.batch import Batch, Job, StationTables
from bridge.store.codec import encode_time
from bridge.store.housekeeping import Housekeeping, Keeping
from bridge.store.leftovers import SqliteLeftovers
from bridge.store.receipts import Receipts
from bridge.store.stations import Row

BATCH_LIMIT: Final = 256
BUSY_JOBS: Final = 8
"""As many gather within an fsync and the wait for more at about 1,000 events/s, not at 250."""
GATHER_SECONDS: Final = 0.004
TIDY_SECONDS: Final = 0.2
TIDY_AT_LEAST_SECONDS: Final = 1.0
"""How often what the broker has acknowledged is noted apart while batches take it along, too."""
CHECKPOINT_WHEN_IDLE: Final = 200
"""Jobs since the last checkpoint that make one worthwhile in a quiet moment."""
CHECKPOINT_LIMIT: Final = 4000
COMMAND_MEMORY: Final = timedelta(hours=24)
PRUNE_INTERVAL_SECONDS: Final = 600.0

_log = logging.getLogger(__name__)


class Writer:
    """Owns the writing connection and its thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        receipts: Receipts,
        path: Path,
        clock: Clock,
        metrics: Metrics | None,
        keeping: Keeping,
    ) -> None:
        """Start the thread."""
        self._connection = connection
        self._path = path
        self._clock = clock
        self._metrics = metrics
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Job] = []
        self._gathering: asyncio.TimerHandle | None = None
        """What hands over those that wait, once it is time."""
        self._under_way = 0
        """Batches that the thread has."""
        self._not_before = 0.0
        """When the next batch may be handed over; `loop.time()`."""
        self._queue: SimpleQueue[Sequence[Job] | None] = SimpleQueue()
        """Batches; None only wakes the thread."""
        self._leftovers = SqliteLeftovers(connection, receipts)
        (self._last_row,) = connection.execute(sql.LAST_ROW).fetchone()
        self._housekeeping = Housekeeping(
            connection, path=path, clock=clock, metrics=metrics, keeping=keeping
        )
        self._tidy_at: float | None = None
        self._tidied_at = clock.monotonic()
        self._prune_at = clock.monotonic()
        self._jobs_since_checkpoint = 0
        self._failing = False
        self._busy = False
        self._stopping = Event()
        with suppress(sqlite3.Error):  # else it is sent again, and noted with the next batch
            self._write_leftovers_alone(all_of_it=True)
        self._thread = Thread(target=self._run, name="bridge-store-writer", daemon=True)
        self._thread.start()

    # --- Called by the event loop ---------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Take a job; it is resolved in the event loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._waiting.append(job)
        if not self._under_way and self._gathering is None:
            self._gather(self._loop)

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over what waits when it is time, and with it what comes until then."""
        delay = self._not_before - loop.time()
        if delay > 0 and len(self._waiting) < BATCH_LIMIT:
            self._gathering = loop.call_later(delay, self._hand_over)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        self._gathering = None
        jobs = self._waiting[:BATCH_LIMIT]
        del self._waiting[:BATCH_LIMIT]
        if jobs:
            self._under_way += 1
            self._queue.put(jobs)

    def acknowledged(self, row_ids: Sequence[int]) -> None:
        """Take these messages out of the outbox soon."""
        self._leftovers.acknowledge(row_ids)
        self._wake_to_tidy()

    def dead_letter(self, row: Row) -> None:
        """Move a message to the dead letters soon; `row` as in that table."""
        self._leftovers.refuse(row)
        self._wake_to_tidy()

    def finish(self) -> None:
        """Take no more jobs: hand over all that wait."""
        if self._gathering is not None:
            self._gathering.cancel()
        while self._waiting:
            self._hand_over()

    def stop(self) -> None:
        """Write what was handed over and end the thread; blocks until it has ended."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()

    def _wake_to_tidy(self) -> None:
        if self._tidy_at is None:  # read after what was added: see _tidy_in_time
            self._queue.put(None)

    # --- The thread -----------------------------------------------------------------------

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            jobs = self._next_jobs()
            if jobs:
                self._write(jobs)
            if self._jobs_since_checkpoint >= CHECKPOINT_WHEN_IDLE and self._idle():
                self._checkpoint()
            self._tidy_in_time()
            self._keep_house()
        self._tidy(at_the_end=True)
        self._connection.close()

    def _next_jobs(self) -> Sequence[Job]:
        """Wait for a batch or the time to tidy."""
        try:
            jobs = self._queue.get(timeout=self._patience())
        except Empty:
            self._busy = False
            return ()
        if jobs is None:
            return ()
        self._busy = len(jobs) >= BUSY_JOBS
        return jobs

    def _patience(self) -> float:
        due = self._housekeeping.due_at
        due = due if self._tidy_at is None else min(due, self._tidy_at)
        return max(GATHER_SECONDS, due - self._clock.monotonic())

    def _write(self, jobs: Sequence[Job]) -> None:
        refusal: Exception | None = None
        try:
            self._write_together(jobs)
        except Exception as error:  # noqa: BLE001 - a dead writer would hang every station
            if isinstance(error, sqlite3.OperationalError):
                self._checkpoint()  # on a full disk this makes room in the log
            refusal = self._write_one_by_one(jobs)
        self._report(refusal)
        self._tell(jobs)
        self._jobs_since_checkpoint += len(jobs)
        if self._jobs_since_checkpoint >= CHECKPOINT_LIMIT:
            self._checkpoint()

    def _write_one_by_one(self, jobs: Sequence[Job]) -> StoreError | None:
        """Give each job its own transaction; return what the disk said where it refused."""
        refusal: StoreError | None = None
        for job in jobs:
            if refusal is not None:
                job.error = refusal
                continue
            try:
                self._write_together([job])
            except Exception as error:  # noqa: BLE001 - as in _write
                job.error = StoreError(f"store {self._path}: {error}")
                job.error.__cause__ = error
                if isinstance(error, sqlite3.OperationalError):
                    refusal = job.error
        return refusal

    def _write_together(self, jobs: Sequence[Job]) -> None:
        """Write all of it durably or nothing. Raises what sqlite3 raises."""
        now = self._clock.now()
        batch = Batch(next_row=self._last_row + 1, created_at=encode_time(now))
        for job in jobs:
            batch.add(job)
        with self._transaction():
            write_batch(self._connection, batch)
            self._leftovers.write()
            self._prune(now)
            passes("before-commit")
        passes("after-commit")
        self._last_row = batch.next_row - 1
        self._leftovers.written()
        if self._tidy_at is not None:  # all that was to be noted has been
            self._tidy_at = min(self._clock.monotonic(), self._tidied_at + TIDY_AT_LEAST_SECONDS)
            self._tidy_at += TIDY_SECONDS

    def _prune(self, now: datetime) -> None:
        if self._clock.monotonic() >= self._prune_at:
            self._connection.execute(sql.PRUNE_COMMANDS, (encode_time(now - COMMAND_MEMORY),))
            passes("in-prune")
            self._prune_at = self._clock.monotonic() + PRUNE_INTERVAL_SECONDS

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite ends it by itself on some errors
                self._connection.execute("ROLLBACK")
            raise

    # --- Quiet moments --------------------------------------------------------------------

    def _tidy_in_time(self) -> None:
        """Tidy once the time is up, and note when that will be again.

        Nobody wakes us while the time is set, so it is taken back before we look for the last
        time: what was added before that is seen, what is added later wakes us.
        """
        now = self._clock.monotonic()
        if self._tidy_at is not None and now >= self._tidy_at:
            self._tidy_at = None
            self._tidied_at = now
            self._tidy()
        if self._tidy_at is None and self._leftovers:
            self._tidy_at = now + TIDY_SECONDS

    def _keep_house(self) -> None:
        """Give up a few rows, where nobody waits."""
        if not self._idle() or self._clock.monotonic() < self._housekeeping.due_at:
            return
        try:
            with self._unhurried():
                self._housekeeping.step()
        except (sqlite3.Error, OSError) as error:
            _log.warning("store was not tidied", extra={"error": str(error)})

    def _tidy(self, *, at_the_end: bool = False) -> None:
        try:
            if self._leftovers or at_the_end:
                self._write_leftovers_alone(all_of_it=at_the_end)
        except sqlite3.Error as error:
            self._report(error)

    def _idle(self) -> bool:
        return self._queue.empty() and not self._busy

    def _write_leftovers_alone(self, *, all_of_it: bool) -> None:
        with self._unhurried():
            self._leftovers.write(all_of_it=all_of_it)
            passes("in-tidy")
        self._leftovers.written()

    @contextmanager
    def _unhurried(self) -> Iterator[None]:
        """Write without waiting for the disk: what may be done again."""
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            with self._transaction():
                yield
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")

    def _checkpoint(self) -> None:
        """Copy the log into the database. What fails here fails again where somebody waits."""
        with suppress(sqlite3.Error):
            self._connection.execute(sql.CHECKPOINT).fetchall()
        self._jobs_since_checkpoint = 0

    # --- Telling --------------------------------------------------------------------------

    def _tell(self, jobs: Sequence[Job]) -> None:
        # A loop that is closed has nobody left who waits.
        assert self._loop is not None  # noqa: S101  # known since the first job
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._resolve, jobs, self._failing)

    def _resolve(self, jobs: Sequence[Job], failing: bool) -> None:  # noqa: FBT001
        assert self._loop is not None  # noqa: S101  # as above
        self._under_way -= 1
        if len(jobs) >= BUSY_JOBS:
            self._not_before = self._loop.time() + GATHER_SECONDS
        if self._waiting and self._gathering is None:
            self._gather(self._loop)
        for job in jobs:
            job.resolve()
        if self._metrics is not None:
            self._metrics.count("store.commits", len(jobs))
            self._metrics.count("store.batches")
            self._metrics.count("store.failures", sum(job.error is not None for job in jobs))
            self._metrics.gauge("store.failing", float(failing))

    def _report(self, error: Exception | None) -> None:
        """Log the first failure of a row of them, and its end."""
        if error is not None and not self._failing:
            _log.error("store cannot write", extra={"path": str(self._path), "error": str(error)})
        elif error is None and self._failing:
            _log.info("store writes again", extra={"path": str(self._path)})
        self._failing = error is not None


def write_batch(connection: sqlite3.Connection, batch: Batch) -> None:
    """Execute everything, within the caller's transaction."""
    sql.INSERT_EVENTS.run(connection, batch.events)
    sql.INSERT_MESSAGES.run(connection, batch.messages)
    _write_stations(connection, batch.station_rows())
    sql.INSERT_COMMANDS.run(connection, batch.commands)
    if batch.results:
        connection.executemany(sql.SAVE_RESULT, batch.results)
    sql.INSERT_AUDIT.run(connection, batch.audit)
    sql.SAVE_TRANSACTIONS.run(connection, batch.transactions)
    if batch.teams:
        connection.executemany(sql.SAVE_TEAM, batch.teams)


def _write_stations(connection: sqlite3.Connection, tables: StationTables) -> None:
    written = [row[:1] for row in tables.documents]
    sql.SAVE_STATIONS.run(connection, tables.documents)
    sql.FORGET_PROGRESS.run(connection, written + tables.forgotten)
    sql.SAVE_PROGRESS.run(connection, tables.progress)
    sql.FORGET_STATIONS.run(connection, tables.forgotten)
    sql.FORGET_APPROVALS.run(connection, tables.forgotten)
