"""One heap of deadlines for all stations, and one timer of the event loop for the first."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from typing import Final

from bridge.domain.ids import StationId
from bridge.ports import Clock

LONGEST_SLEEP_SECONDS: Final = 30.0
"""Wall clocks are set; looking at least this often bounds how late a deadline is noticed."""


class Timers:
    """Calls `on_due(station_id)` when the station's latest set deadline has passed."""

    def __init__(self, clock: Clock, on_due: Callable[[StationId], None]) -> None:
        """Start with no deadline."""
        self._clock = clock
        self._on_due = on_due
        self._due: dict[StationId, datetime] = {}
        self._heap: list[tuple[datetime, StationId]] = []
        self._handle: asyncio.TimerHandle | None = None

    def set(self, station_id: StationId, due: datetime | None) -> None:
        """Replace the station's deadline; None takes it away."""
        if due is None:
            self._due.pop(station_id, None)
        elif self._due.get(station_id) != due:
            self._due[station_id] = due
            heapq.heappush(self._heap, (due, station_id))
            if self._heap[0][0] == due:
                self._arm()

    def close(self) -> None:
        """Fire no more."""
        self._due.clear()
        self._heap.clear()
        self._disarm()

    def _arm(self) -> None:
        self._disarm()
        if self._heap:
            seconds = (self._heap[0][0] - self._clock.now()).total_seconds()
            delay = min(max(seconds, 0.0), LONGEST_SLEEP_SECONDS)
            self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            due, station_id = heapq.heappop(self._heap)
            if self._due.get(station_id) == due:
                del self._due[station_id]
                self._on_due(station_id)
        self._arm()
