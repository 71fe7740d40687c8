"""Telling of what concerns the identity of a station, but not of all that comes in a flood."""

from collections import Counter
from typing import Any, Final

from bridge.domain.enums import SecurityCode
from bridge.domain.ids import StationId
from bridge.domain.security import Incident
from bridge.ocpp.buckets import Buckets
from bridge.ports import IdSource, Inbox

BURST: Final = 5
"""Incidents of a kind at one station that are told at once; a further one each 12 s."""
EVERY_SECONDS: Final = 12.0

_Key = tuple[StationId, SecurityCode]


class Incidents:
    """Hands incidents in, with the number of those that were left out before them."""

    def __init__(self, inbox: Inbox, ids: IdSource) -> None:
        """Plug in who is told, and what names the incidents."""
        self._inbox = inbox
        self._ids = ids
        self._buckets: Buckets[_Key] = Buckets(burst=BURST, every_seconds=EVERY_SECONDS)
        self._left_out: Counter[_Key] = Counter()

    def tell(
        self,
        station_id: StationId,
        code: SecurityCode,
        now: float,
        *,
        alarm: bool = False,
        **details: Any,
    ) -> None:
        """Tell of an incident at a moment of the monotonic clock."""
        key = (station_id, code)
        if not self._buckets.allows(key, now):
            self._left_out[key] += 1
            return
        self._buckets.take(key, now)
        details["leftOut"] = self._left_out.pop(key, 0)
        incident = Incident(
            incident_id=self._ids.new_id(), code=code, alarm=alarm, details=details
        )
        self._inbox.security(station_id, incident)
