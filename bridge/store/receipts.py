"""What the broker has acknowledged last, where a kill cannot take it.

Theory of operation. That a message has arrived is noted in the store with the next batch, whose
turn may be held up by the disk. Meanwhile the numbers of such rows stand in a ring in a small file,
written without waiting for the disk: what the operating system has been given outlives the process.
After a start they count as acknowledged. A power failure may take some of them; then the broker
gets those messages twice.

The file is of one store and names an event of it. Where the store has no such event (it is another
one, or a backup from before it), or its numbers have not got so far, the file says nothing.
"""

import logging
import os
import sqlite3
from array import array
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Final

from bridge.store import sql

FILE_NAME: Final = "bridge.receipts"
SLOTS: Final = 8192
"""More than are acknowledged while a batch is written."""

_HEADER: Final = Struct("=8sQ32s")
"""What it is, and the number and hash of an event of the store."""
_MAGIC: Final = b"receipt1"
_NUMBER_BYTES: Final = 8
_SIZE: Final = _HEADER.size + SLOTS * _NUMBER_BYTES

_log = logging.getLogger(__name__)


class Receipts:
    """The ring; a folder in which it cannot be written goes without."""

    def __init__(self, data_dir: Path, connection: sqlite3.Connection) -> None:
        """Read what an earlier run has left for this store, and begin anew with that."""
        self.found: Sequence[int] = ()
        """Rows that were acknowledged, in order, whether or not the store knows of it."""
        self._descriptor: int | None = None
        self._next = 0
        path = data_dir / FILE_NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self.found = _found(os.pread(self._descriptor, _SIZE, 0), connection)
            self._begin(connection)
        except OSError as error:
            self._give_up(error)

    def _begin(self, connection: sqlite3.Connection) -> None:
        assert self._descriptor is not None  # noqa: S101  # by the caller
        if not self.found:
            os.ftruncate(self._descriptor, 0)
        anchor = connection.execute(sql.NEWEST_EVENT).fetchone()
        head = bytes(_HEADER.size) if anchor is None else _HEADER.pack(_MAGIC, *_named(*anchor))
        ring = array("Q", self.found).tobytes().ljust(_SIZE - len(head), b"\0")
        os.pwrite(self._descriptor, head + ring, 0)
        self._next = len(self.found) % SLOTS

    def note(self, row_ids: Sequence[int]) -> None:
        """Write down acknowledged rows, which have been committed."""
        numbers = array("Q", row_ids[-SLOTS:])
        room = SLOTS - self._next
        try:
            self._put(numbers[:room])
            if len(numbers) > room:
                self._put(numbers[room:])
        except OSError as error:
            self._give_up(error)

    def _put(self, numbers: "array[int]") -> None:
        if self._descriptor is not None:
            place = _HEADER.size + self._next * _NUMBER_BYTES
            os.pwrite(self._descriptor, numbers.tobytes(), place)
            self._next = (self._next + len(numbers)) % SLOTS

    def close(self) -> None:
        """Let go of the file; what is noted after that is not written."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _give_up(self, error: OSError) -> None:
        _log.warning(
            "more than usual is published again after a kill", extra={"error": str(error)}
        )
        with suppress(OSError):
            self.close()


def _found(content: bytes, connection: sqlite3.Connection) -> Sequence[int]:
    if len(content) != _SIZE:
        return ()
    magic, row, digest = _HEADER.unpack_from(content)
    if magic != _MAGIC or not _knows(connection, row, digest):
        return ()
    (last,) = connection.execute(sql.LAST_ROW).fetchone()
    numbers = array("Q", content[_HEADER.size :])
    return sorted({number for number in numbers if 0 < number <= last})


def _knows(connection: sqlite3.Connection, row: int, digest: bytes) -> bool:
    """Say whether the store has this event, by its number and hash."""
    with suppress(OverflowError):  # a number that SQLite cannot hold
        event = connection.execute(sql.NAMED_EVENT, (row,)).fetchone()
        return event is not None and _named(*event) == (row, digest)
    return False


def _named(row: int, event_id: str) -> tuple[int, bytes]:
    return row, sha256(event_id.encode()).digest()
