"""The settings of stations as they take effect: as configured, with the quirks of the device."""

from collections.abc import Callable

from bridge.domain import quirks
from bridge.domain.events import BootNotification
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.settings import StationSettings


class EffectiveSettings:
    """Settings by station, worked out again only when it has told that it is another device."""

    def __init__(self, configured: Callable[[StationId], StationSettings]) -> None:
        """Take what the configuration says of a station; it stays the same while we run."""
        self.configured = configured
        self._known: dict[StationId, tuple[BootNotification | None, StationSettings]] = {}

    def __call__(self, station: Station) -> StationSettings:
        """Return the settings of a station by its record."""
        return self.of(station.id, station.boot)

    def of(self, station_id: StationId, boot: BootNotification | None) -> StationSettings:
        """Return the settings of a station that has told this when it booted."""
        known = self._known.get(station_id)
        if known is not None and known[0] is boot:
            return known[1]
        settings = quirks.effective(self.configured(station_id), boot)
        self._known[station_id] = boot, settings
        return settings
