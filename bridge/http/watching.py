"""Who looks at a station now, to be told when it changes: nothing is done where nobody looks."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.domain.ids import StationId
from bridge.domain.model import Station


class Watchers:
    """Events to set when a station changes."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._events: dict[StationId, set[asyncio.Event]] = {}

    def station_changed(self, _before: Station, after: Station) -> None:
        """Wake whoever looks at a station."""
        for event in self._events.get(after.id, ()):
            event.set()

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
