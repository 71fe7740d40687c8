"""What is wrong with a station, in the log and in metrics."""

import logging
from collections.abc import Iterable
from typing import Final

from bridge.domain.annotations import remark_of
from bridge.ports import Metrics

_MAX_COMPLAINTS: Final = 20
"""Of one connection that are logged; metrics count all."""


class Complaints:
    """Logs what is wrong with one connection, but does not let it fill the log."""

    __slots__ = ("_count", "_fields", "_log", "_metrics")

    def __init__(self, log: logging.Logger, fields: dict[str, object], metrics: Metrics) -> None:
        """Take the fields by which the connection is known."""
        self._log = log
        self._metrics = metrics
        self._fields = fields
        self._count = 0

    def add(self, event: str, **fields: object) -> None:
        """Log a warning; nothing any more after too many of them."""
        self._count += 1
        if self._count <= _MAX_COMPLAINTS:
            last = {"last_of_this_connection": self._count == _MAX_COMPLAINTS}
            self._log.warning(event, extra={**self._fields, **fields, **last})

    def remark(self, action: str, warnings: Iterable[str]) -> None:
        """Count what was mended in a message or remarked on it: `ocpp.warning.` and the code."""
        for warning in warnings:
            self._metrics.count(f"ocpp.warning.{remark_of(warning)}")
        self._log.debug("message remarked on", extra={**self._fields, "action": action})
