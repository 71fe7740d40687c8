"""What is kept for how long, and what is given up where there is no room.

Theory of operation. The writer has one step done in each quiet moment: a few hundred rows, so that
no station waits for it. Nothing that the broker has not had yet is ever deleted here. Beginnings
and ends of transactions and changes of status stay until `retention`; of the periodic readings
between them one per `thin_to` is enough once they are `thin_after` old, or at once where the disk
is nearly full. Where the broker is away for so long that more than `outbox_events` wait, the
oldest periodic readings of those are not published any more (they stay in the record): they are
what subscribers can do without.
"""

import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec import Struct

from bridge.ports import Clock, Metrics
from bridge.store import sql
from bridge.store.codec import encode_time

STEP_ROWS: Final = 500
ROUND_SECONDS: Final = 60.0
"""Between two looks whether there is anything to do."""
LOOK_SECONDS: Final = 5.0
"""Between two looks at how much waits for the broker, and how full the disk is."""
COUNTED: Final = 100_000
"""So far the waiting events are counted."""
LOW_SPACE: Final = 0.1
"""Share of the disk that is free, below which there is little room (delivery.md, Outbox)."""
LOW_SPACE_BYTES: Final = 1024 * 1024 * 1024
"""With so much free there is room, whatever share it is."""


class Keeping(Struct, frozen=True, kw_only=True):
    """The owner's rules (configuration: `store`)."""

    retention: timedelta | None = None
    """None: for ever."""
    thin_after: timedelta | None = None
    """None: periodic readings are kept as long as everything else."""
    thin_to: timedelta = timedelta(minutes=15)
    outbox_events: int | None = None
    """None: everything is published at last."""


class Thinning:
    """Tells which periodic readings are superfluous, of those that come in the order of storing."""

    def __init__(self, span: timedelta) -> None:
        """One reading of each transaction is kept per `span`."""
        self._span_seconds = span.total_seconds()
        self._last_kept: dict[str, int] = {}
        """By transaction: the span of which a reading was kept last."""

    def is_superfluous(self, uuid: str, timestamp: datetime, *, periodic: bool) -> bool:
        """Say whether there is another reading, or a change, of the same span already."""
        span = int(timestamp.timestamp() // self._span_seconds)
        if periodic and self._last_kept.get(uuid) == span:
            return True
        self._last_kept[uuid] = span
        return False

    def forget(self) -> None:
        """Forget the transactions so far."""
        self._last_kept.clear()


class Housekeeping:
    """Gives up rows of a store in small steps, in the writer's thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        path: Path,
        clock: Clock,
        metrics: Metrics | None,
        keeping: Keeping,
    ) -> None:
        """Take the writing connection, and the rules."""
        self._connection = connection
        self._path = path
        self._clock = clock
        self._metrics = metrics
        self._keeping = keeping
        self._little_room = False
        self._too_many = 0
        self._look_at = clock.monotonic()
        self._round_at = clock.monotonic()
        self._left: list[Callable[[datetime], bool]] = []
        self._thinning = Thinning(keeping.thin_to)

    @property
    def due_at(self) -> float:
        """When `step` is to be called next, by the monotonic clock."""
        return float("-inf") if self._left else min(self._look_at, self._round_at)

    def step(self) -> None:
        """Do a little of what is due, within a transaction of the caller's."""
        if self._clock.monotonic() >= self._look_at:
            self._look()
            return
        if not self._left:
            self._left = self._tasks()
            self._round_at = self._clock.monotonic() + ROUND_SECONDS
        if self._left:
            task = self._left.pop(0)  # where it fails, it is tried again in the next round
            if task(self._clock.now()):
                self._left.insert(0, task)

    def _tasks(self) -> list[Callable[[datetime], bool]]:
        keeping = self._keeping
        tasks: list[Callable[[datetime], bool]] = []
        if keeping.retention is not None:
            tasks += [self._forget_events, self._forget_transactions, self._forget_audit]
        if keeping.thin_after is not None or self._little_room:
            tasks.append(self._thin)
        if self._too_many:
            tasks.append(self._shed)
        return tasks

    # --- Looking --------------------------------------------------------------------------

    def _look(self) -> None:
        self._look_at = self._clock.monotonic() + LOOK_SECONDS
        usage = shutil.disk_usage(self._path.parent)
        self._little_room = usage.free < min(usage.total * LOW_SPACE, LOW_SPACE_BYTES)
        waiting, oldest = self._connection.execute(sql.WAITING, {"limit": COUNTED}).fetchone()
        most = self._keeping.outbox_events
        self._too_many = 0 if most is None else max(0, waiting - most)
        if self._metrics is None:
            return
        age = 0.0
        if oldest is not None:
            age = (self._clock.now() - datetime.fromisoformat(oldest)).total_seconds()
        self._metrics.gauge("store.outbox_events", waiting)
        self._metrics.gauge("store.outbox_oldest_seconds", max(0.0, age))
        self._metrics.gauge("store.free_bytes", usage.free)
        self._metrics.gauge("store.little_room", float(self._little_room))

    # --- Tasks: each returns whether there may be more of it --------------------------------

    def _forget_events(self, now: datetime) -> bool:
        return self._forget(sql.OLD_EVENTS, sql.FORGET_EVENTS, now)

    def _forget_transactions(self, now: datetime) -> bool:
        return self._forget(sql.OLD_TRANSACTIONS, sql.FORGET_TRANSACTIONS, now)

    def _forget_audit(self, now: datetime) -> bool:
        return self._forget(sql.OLD_AUDIT, sql.FORGET_AUDIT, now)

    def _forget(self, finding: str, forgetting: sql.BulkStatement, now: datetime) -> bool:
        assert self._keeping.retention is not None  # noqa: S101  # by _tasks
        before = encode_time(now - self._keeping.retention)
        return self._delete(finding, forgetting, {"before": before})

    def _delete(
        self, finding: str, deleting: sql.BulkStatement, parameters: dict[str, object]
    ) -> bool:
        rows = self._connection.execute(finding, {**parameters, "limit": STEP_ROWS}).fetchall()
        deleting.run(self._connection, rows)
        return len(rows) == STEP_ROWS

    def _thin(self, now: datetime) -> bool:
        """Keep one periodic reading per span, going on where the last step has ended."""
        age = timedelta() if self._little_room else self._keeping.thin_after or timedelta()
        parameters = {"before": encode_time(now - age), "limit": STEP_ROWS}
        rows = self._connection.execute(sql.THINNABLE, parameters).fetchall()
        if not rows:
            self._thinning.forget()
            return False
        superfluous = [
            (row_id,)
            for row_id, uuid, timestamp, periodic in rows
            if self._thinning.is_superfluous(
                uuid, datetime.fromisoformat(timestamp), periodic=bool(periodic)
            )
        ]
        sql.FORGET_EVENTS.run(self._connection, superfluous)
        self._connection.execute(sql.THINNED, (rows[-1][0],))
        return True

    def _shed(self, _now: datetime) -> bool:
        """Do not publish the oldest periodic readings, as many as there are too many events."""
        limit = min(STEP_ROWS, self._too_many)
        rows = self._connection.execute(sql.SHEDDABLE, {"limit": limit}).fetchall()
        sql.SHED_EVENTS.run(self._connection, rows)
        if rows and self._metrics is not None:
            self._metrics.count("store.outbox_shed", len(rows))
        return False  # how many are too many now is looked at first
