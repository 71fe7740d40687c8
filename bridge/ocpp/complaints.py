"""What is wrong with a station, in the log."""

import logging
from typing import Final

_MAX_COMPLAINTS: Final = 20
"""Of one connection that are logged; metrics count all."""


class Complaints:
    """Logs what is wrong with one connection, but does not let it fill the log."""

    __slots__ = ("_count", "_fields", "_log")

    def __init__(self, log: logging.Logger, fields: dict[str, object]) -> None:
        """Take the fields by which the connection is known."""
        self._log = log
        self._fields = fields
        self._count = 0

    def add(self, event: str, **fields: object) -> None:
        """Log a warning; nothing any more after too many of them."""
        self._count += 1
        if self._count <= _MAX_COMPLAINTS:
            last = {"last_of_this_connection": self._count == _MAX_COMPLAINTS}
            self._log.warning(event, extra={**self._fields, **fields, **last})
