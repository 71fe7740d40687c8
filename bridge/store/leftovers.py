"""What the broker has answered, on its way into the file.

Theory of operation. An event that is to be published has no row in the outbox: that it waits is
told by its own row and the watermark, which is stored with each batch (ADR 0009). So what is to be
done for most answers is to move one number. Only results, and events that the watermark has
overtaken, are rows of the outbox and deleted from it.

The event loop adds answers, the writer's thread writes them. What a rolled back transaction has
written is kept and written again by the next one.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from bridge.store import sql
from bridge.store.stations import Row
from bridge.store.watermark import Watermark

HELD_UP_LIMIT: Final = 2000
"""Acknowledged events that one may hold up: about the most that a crash sends again."""


class Leftovers:
    """Acknowledged and refused messages that the file still counts as waiting."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Begin where the file is."""
        self._connection = connection
        (self._stored_position,) = connection.execute(sql.WATERMARK).fetchone()
        self._watermark = Watermark(self._stored_position, next_event=self._next_event)
        self._acknowledged: deque[int] = deque()
        self._refused: deque[Row] = deque()
        self._overtaken: list[Row] = []
        self._done: list[Row] = []
        self._dead_letters: list[Row] = []

    # --- Called by the event loop ---------------------------------------------------------

    def acknowledge(self, row_ids: Sequence[int]) -> None:
        """Take in what the broker has."""
        self._acknowledged.extend(row_ids)

    def refuse(self, dead_letter: Row) -> None:
        """Take in what the broker does not want; a row of that table."""
        self._refused.append(dead_letter)

    # --- Called by the writer's thread ----------------------------------------------------

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._acknowledged or self._refused or self._done or self._overtaken)

    def write(self, *, all_of_it: bool = False) -> None:
        """Bring the outbox up to date, within a transaction; call `written` once it is durable.

        With `all_of_it`, also what would otherwise be sent again after a restart.
        """
        self._take_in()
        self._watermark.advance()
        if self._watermark.held_up > (0 if all_of_it else HELD_UP_LIMIT):
            self._overtaken += [(row,) for row in self._watermark.overtake()]
        sql.INSERT_DEAD_LETTERS.run(self._connection, self._dead_letters)
        sql.INSERT_OVERTAKEN.run(self._connection, self._overtaken)
        if self._done and self._connection.execute(sql.ANY_MESSAGE).fetchone():
            sql.DELETE_MESSAGES.run(self._connection, self._done)
        if self._watermark.position != self._stored_position:
            self._connection.execute(sql.MOVE_WATERMARK, (self._watermark.position,))

    def written(self) -> None:
        """Forget what is in the file now."""
        self._stored_position = self._watermark.position
        self._overtaken.clear()
        self._done.clear()
        self._dead_letters.clear()

    def _take_in(self) -> None:
        refused = _drained(self._refused)
        rows = _drained(self._acknowledged) + [row[0] for row in refused]
        self._watermark.acknowledge(rows)
        self._dead_letters += refused
        self._done += [(row,) for row in rows]

    def _next_event(self, row: int) -> int | None:
        found = self._connection.execute(sql.NEXT_EVENT, (row,)).fetchone()
        return None if found is None else int(found[0])


def _drained(pending: deque[Any]) -> list[Any]:
    """Take what is there now; the event loop may append meanwhile."""
    return [pending.popleft() for _ in range(len(pending))]
