"""What every actor works with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.ids import StationId
from bridge.domain.settings import StationSettings
from bridge.ports import Clock, Journal, Metrics, Presenter, Publisher, StationGateway


@dataclass(slots=True, kw_only=True)
class Services:
    """The ports, as plugged together by `bridge.app`."""

    clock: Clock
    journal: Journal
    presenter: Presenter
    publisher: Publisher
    metrics: Metrics
    settings_for: Callable[[StationId], StationSettings]
    gateway: StationGateway = field(init=False)
    """Set when the engine starts: the server for stations needs the engine to be made first."""
    _last_inserted: datetime | None = field(default=None, init=False)

    def inserted_at(self, now: datetime) -> datetime:
        """Return the moment of insertion of an event of `now`: never before an earlier one's.

        Readers page through what was inserted since (seed 002), so the machine's clock being
        set back must not put new events among old ones.
        """
        if self._last_inserted is not None and now < self._last_inserted:
            now = self._last_inserted
        self._last_inserted = now
        return now
