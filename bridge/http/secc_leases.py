"""What clients of a charge controller's API have set, as far as no claim of theirs holds it."""

import asyncio
from datetime import datetime

from bridge.api.secc_limits import Remembered, SeccLimits
from bridge.domain.ids import StationId

Lessee = tuple[str, StationId, int]
"""A controller on an EVSE."""


class SeccLeases:
    """Remembers a lease of each client and EVSE until its time-out is over."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._remembered: dict[Lessee, Remembered] = {}
        self._locks: dict[Lessee, asyncio.Lock] = {}

    def of(self, lessee: Lessee) -> Remembered | None:
        """Return what a client has set last."""
        return self._remembered.get(lessee)

    def set(self, lessee: Lessee, limits: SeccLimits, now: datetime) -> None:
        """Remember what a client has set just now."""
        self._remembered[lessee] = Remembered.at(now, limits)

    def lock(self, lessee: Lessee) -> asyncio.Lock:
        """Return what lets a client's writes be taken in one after the other."""
        return self._locks.setdefault(lessee, asyncio.Lock())
