"""Which connections there are, and what outlives them. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, Protocol, Self, TypeVar

from bridge.domain.ids import StationId
from bridge.ocpp.rpc import AnswerMemory

REMEMBERED_STATIONS: Final = 20_000
"""Stations whose last answers are kept over a reconnect."""


class Link(Protocol):
    """An authenticated connection of a station."""

    @property
    def station_id(self) -> StationId:
        """Whose connection it is."""

    def supersede(self, newer: Self) -> None:
        """End it because the station has opened a newer one."""

    def drop(self) -> None:
        """End it at once."""


_L = TypeVar("_L", bound=Link)


class Registry(Generic[_L]):
    """Connections by station, at most one each: the newest authenticated one."""

    def __init__(self, remembered: int = REMEMBERED_STATIONS) -> None:
        self._links: dict[StationId, _L] = {}
        self._leaving: dict[_L, None] = {}
        self._memories: OrderedDict[StationId, AnswerMemory] = OrderedDict()
        self._remembered = remembered
        self._opening: dict[Callable[[], None], None] = {}
        self._on_empty: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._links)

    @property
    def links(self) -> list[_L]:
        """All connections."""
        return list(self._links.values())

    @property
    def leaving(self) -> list[_L]:
        """Connections that were superseded and are not gone yet."""
        return list(self._leaving)

    def find(self, station_id: StationId) -> _L | None:
        """Return the connection of a station."""
        return self._links.get(station_id)

    def add(self, link: _L) -> None:
        """Take a connection in; one that the station had before is superseded."""
        older = self._links.get(link.station_id)
        self._links[link.station_id] = link
        if older is not None:
            self._leaving[older] = None
            older.supersede(link)

    def remove(self, link: _L) -> None:
        """Take a connection out, unless a newer one has taken its place (charger-quirks 5)."""
        self._leaving.pop(link, None)
        if self._links.get(link.station_id) is link:
            del self._links[link.station_id]
        self._report_empty()

    def when_empty(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when there is no connection (any more), no leaving one either."""
        self._on_empty = callback
        self._report_empty()

    def _report_empty(self) -> None:
        if self._on_empty is not None and not self._links and not self._leaving:
            self._on_empty()

    def memory(self, station_id: StationId) -> AnswerMemory:
        """Return what was answered to this station lately."""
        memory = self._memories.setdefault(station_id, AnswerMemory())
        self._memories.move_to_end(station_id)
        if len(self._memories) > self._remembered:
            self._memories.popitem(last=False)
        return memory

    # --- Handshakes under way -----------------------------------------------------------

    @property
    def openings(self) -> list[Callable[[], None]]:
        """How to drop each handshake that is under way, the oldest first."""
        return list(self._opening)

    def begin_opening(self, drop: Callable[[], None], limit: int) -> None:
        """Note a handshake; beyond the limit the oldest is dropped."""
        self._opening[drop] = None
        if len(self._opening) > limit:
            oldest = next(iter(self._opening))
            del self._opening[oldest]
            oldest()

    def end_opening(self, drop: Callable[[], None]) -> None:
        """Forget a handshake that has come to its end."""
        self._opening.pop(drop, None)
