"""Counters and gauges in memory (`bridge.ports.Metrics`)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

_log = logging.getLogger(__name__)


class Counters:
    """Counts by dotted name, e.g. `store.commits`. For the event loop's thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._gauges: dict[str, float] = {}

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        self._counts[name] += amount

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._gauges[name] = value

    @property
    def counts(self) -> Mapping[str, int]:
        """What was counted so far; rises only."""
        return self._counts

    @property
    def gauges(self) -> Mapping[str, float]:
        """What was measured last."""
        return self._gauges

    def snapshot(self) -> dict[str, float]:
        """Return everything counted so far, sorted by name."""
        return dict(sorted({**self._counts, **self._gauges}.items()))

    async def dump_periodically(self, interval_seconds: float) -> None:
        """Log the snapshot at each interval, and a last time when cancelled."""
        try:
            while True:
                await asyncio.sleep(interval_seconds)
                _log.info("counters", extra=self._as_fields())
        finally:
            _log.info("counters", extra=self._as_fields())

    def _as_fields(self) -> dict[str, float]:
        return {name.replace(".", "_"): value for name, value in self.snapshot().items()}
