"""Who looks at stations now, to be told when they change: nothing is done where nobody looks."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.domain.ids import StationId
from bridge.domain.model import Station


class Changes:
    """Which stations have changed since somebody looked last; bounded by how many there are."""

    def __init__(self) -> None:
        """Begin with none."""
        self._stations: set[StationId] = set()
        self._event = asyncio.Event()
        self.over = False
        """Nobody will tell of changes any more."""

    def add(self, station_id: StationId) -> None:
        """Note a station, and wake who waits."""
        self._stations.add(station_id)
        self._event.set()

    def wake(self) -> None:
        """Wake who waits: something else than a station has changed."""
        self._event.set()

    def end(self) -> None:
        """Wake who waits for the last time."""
        self.over = True
        self._event.set()

    async def wait(self) -> None:
        """Return when something has changed since the last `take`."""
        await self._event.wait()

    def take(self) -> set[StationId]:
        """Return the stations that have changed, and begin again."""
        taken, self._stations = self._stations, set()
        if not self.over:
            self._event.clear()
        return taken


class Watchers:
    """Who is to be woken when a station changes."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._events: dict[StationId, set[asyncio.Event]] = {}
        self._everywhere: set[Changes] = set()
        self._closed = False

    @property
    def of_all(self) -> int:
        """How many look at all stations."""
        return len(self._everywhere)

    def station_changed(self, _before: Station, after: Station) -> None:
        """Wake whoever looks at a station."""
        for event in self._events.get(after.id, ()):
            event.set()
        for changes in self._everywhere:
            changes.add(after.id)

    def wake(self) -> None:
        """Wake whoever looks at all stations: there is news other than of a station."""
        for changes in self._everywhere:
            changes.wake()

    @contextmanager
    def watching(self, station_id: StationId) -> Iterator[asyncio.Event]:
        """Return what is set when the station changes, while in the context."""
        event = asyncio.Event()
        mine = self._events.setdefault(station_id, set())
        mine.add(event)
        try:
            yield event
        finally:
            mine.discard(event)
            if not mine:
                del self._events[station_id]

    @contextmanager
    def watching_all(self) -> Iterator[Changes]:
        """Return what is told of the changes of all stations, while in the context."""
        changes = Changes()
        changes.over = self._closed
        self._everywhere.add(changes)
        try:
            yield changes
        finally:
            self._everywhere.discard(changes)

    def close(self) -> None:
        """Let nobody look at all stations any longer: the bridge ends."""
        self._closed = True
        for changes in self._everywhere:
            changes.end()
