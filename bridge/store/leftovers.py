"""What the broker has answered, on its way into the store.

Theory of operation. An event that is to be published has no row in the outbox: that it waits is
told by its own row and the watermark, which is stored with each batch (ADR 0009). So what is to be
done for most answers is to move one number. Only results, and events that the watermark has
overtaken, are rows of the outbox and deleted from it.

The event loop adds answers, the writer writes them. What a rolled back transaction has written is
kept and written again by the next one. What a kill leaves unwritten is in the receipts, and is
written first of all by the next start.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from bridge.store import sql
from bridge.store.receipts import Receipts
from bridge.store.stations import Row
from bridge.store.watermark import Watermark

HELD_UP_LIMIT: Final = 2000
"""Acknowledged events that one may hold up: about the most that a crash sends again."""


class Leftovers:
    """Acknowledged and refused messages that the store still counts as waiting."""

    def __init__(self, position: int) -> None:
        """Begin with the watermark of the store."""
        self.watermark = Watermark(position)
        self.overtaken: list[Row] = []
        """Numbers of events that become rows of the outbox, to be written before `done`."""
        self.done: list[Row] = []
        """Numbers of rows that leave it."""
        self.dead_letters: list[Row] = []
        self._stored_position = position
        self._acknowledged: deque[int] = deque()
        self._refused: deque[Row] = deque()

    # --- Called by the event loop ---------------------------------------------------------

    def acknowledge(self, row_ids: Sequence[int]) -> None:
        """Take in what the broker has."""
        self._acknowledged.extend(row_ids)

    def refuse(self, dead_letter: Row) -> None:
        """Take in what the broker does not want; a row of that table."""
        self._refused.append(dead_letter)

    # --- Called by the writer -------------------------------------------------------------

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._acknowledged or self._refused or self.done or self.overtaken)

    @property
    def moved(self) -> bool:
        """Whether the watermark is beyond that of the store."""
        return self.watermark.position != self._stored_position

    def take_in(self) -> None:
        """Sort out what was answered since; then the watermark is to be moved on."""
        refused = _drained(self._refused)
        rows = _drained(self._acknowledged) + [row[0] for row in refused]
        self.watermark.acknowledge(rows)
        self.dead_letters += refused
        self.done += [(row,) for row in rows]

    def overtake(self, *, all_of_it: bool) -> None:
        """Let the watermark pass what holds too much up, or anything at all."""
        if self.watermark.held_up > (0 if all_of_it else HELD_UP_LIMIT):
            self.overtaken += [(row,) for row in self.watermark.overtake()]

    def written(self) -> None:
        """Forget what is in the store now."""
        self._stored_position = self.watermark.position
        self.overtaken.clear()
        self.done.clear()
        self.dead_letters.clear()


class SqliteLeftovers(Leftovers):
    """How they are written to the file."""

    def __init__(self, connection: sqlite3.Connection, receipts: Receipts) -> None:
        """Begin where the file is, and what was acknowledged after that waits to be written."""
        (position,) = connection.execute(sql.WATERMARK).fetchone()
        super().__init__(position)
        self._connection = connection
        self._receipts = receipts
        super().acknowledge(receipts.found)

    def acknowledge(self, row_ids: Sequence[int]) -> None:
        """Take in what the broker has, so that a kill does not take it."""
        self._receipts.note(row_ids)
        super().acknowledge(row_ids)

    def write(self, *, all_of_it: bool = False) -> None:
        """Bring the outbox up to date, within a transaction; call `written` once it is durable.

        With `all_of_it`, also what would otherwise be sent again after a restart.
        """
        self.take_in()
        self.watermark.advance(self._next_event)
        self.overtake(all_of_it=all_of_it)
        sql.INSERT_DEAD_LETTERS.run(self._connection, self.dead_letters)
        sql.INSERT_OVERTAKEN.run(self._connection, self.overtaken)
        if self.done and self._connection.execute(sql.ANY_MESSAGE).fetchone():
            sql.DELETE_MESSAGES.run(self._connection, self.done)
        if self.moved:
            self._connection.execute(sql.MOVE_WATERMARK, (self.watermark.position,))

    def _next_event(self, row: int) -> int | None:
        found = self._connection.execute(sql.NEXT_EVENT, (row,)).fetchone()
        return None if found is None else int(found[0])


def _drained(pending: deque[Any]) -> list[Any]:
    """Take what is there now; the event loop may append meanwhile."""
    return [pending.popleft() for _ in range(len(pending))]
