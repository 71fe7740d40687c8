"""How often the connections of a station take over from each other. Pure.

Theory of operation (ocpp-rules.md, "Same station connects twice"). A station that comes back is
let in at once, whatever has become of its old connection: one that is half open must not lock it
out, nor may the new one's frames wait. So the newest authenticated connection wins, and who was
there before only shows, by answering, that two have the same identity. Where two at different
addresses fight for it, neither serves anybody: after `MOST_SWAPS` in a minute the one that is
there is asked first, and stays if it answers.
"""

from collections import OrderedDict, deque
from typing import Final

from bridge.domain.ids import StationId
from bridge.ocpp.addresses import host_of

MOST_SWAPS: Final = 3
"""Swaps between different addresses in a minute, after which the present one stays."""
WITHIN_SECONDS: Final = 60.0
REMEMBERED: Final = 1_000
"""Stations whose swaps are counted; those that have not swapped for longest are forgotten."""


class Takeovers:
    """Counts the swaps of each station; time is the owner's, in s of any monotonic clock."""

    def __init__(self) -> None:
        self._swaps: OrderedDict[StationId, deque[float]] = OrderedDict()

    def note(self, station_id: StationId, old: str, new: str, now: float) -> None:
        """Count a takeover of a connection from `old` by one from `new` (`host:port`)."""
        if host_of(old) == host_of(new):
            return
        self._swaps.setdefault(station_id, deque(maxlen=MOST_SWAPS)).append(now)
        self._swaps.move_to_end(station_id)
        if len(self._swaps) > REMEMBERED:
            self._swaps.popitem(last=False)

    def too_many(self, station_id: StationId, old: str, new: str, now: float) -> bool:
        """Say whether one more is to be had only where the present connection is dead."""
        swaps = self._swaps.get(station_id)
        if swaps is None or len(swaps) < MOST_SWAPS or host_of(old) == host_of(new):
            return False
        return now - swaps[0] < WITHIN_SECONDS
