"""One heap of deadlines for all stations or teams, and one timer of the event loop for the first.

Where the wall clock is set back, what is due may have been reckoned from times that have not come
yet. So everybody who has a deadline is called then, to look again; the deadlines stay.
"""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from typing import Final, Generic, TypeVar

from bridge.ports import Clock

KeyT = TypeVar("KeyT", bound=str)

SHORTEST_SLEEP_SECONDS: Final = 0.001
"""Event loops count in milliseconds: less would wake us again and again until it is over."""
LONGEST_SLEEP_SECONDS: Final = 30.0
"""Wall clocks are set; looking at least this often bounds how late a deadline is noticed."""
SET_BACK_SECONDS: Final = 1.0
"""A wall clock that has lost so much against the monotonic one was set back."""


class Timers(Generic[KeyT]):
    """Calls `on_due(key)` when the latest set deadline of a station or a team has passed."""

    def __init__(self, clock: Clock, on_due: Callable[[KeyT], None]) -> None:
        """Start with no deadline."""
        self._clock = clock
        self._on_due = on_due
        self._due: dict[KeyT, datetime] = {}
        self._heap: list[tuple[datetime, KeyT]] = []
        self._handle: asyncio.TimerHandle | None = None
        self._ahead = self._ahead_now()

    def set(self, key: KeyT, due: datetime | None) -> None:
        """Replace the deadline; None takes it away."""
        if due is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
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
            delay = min(max(seconds, SHORTEST_SLEEP_SECONDS), LONGEST_SLEEP_SECONDS)
            self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ahead_now(self) -> float:
        """Return seconds that the wall clock is ahead of the monotonic one."""
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _was_set_back(self) -> bool:
        before, self._ahead = self._ahead, self._ahead_now()
        return self._ahead < before - SET_BACK_SECONDS

    def _fire(self) -> None:
        if self._was_set_back():
            for key in list(self._due):
                self._on_due(key)
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self._on_due(key)
        self._arm()
