"""What the adapter is told of each charge controller."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from bridge.domain.ids import StationId


class SeccType(StrEnum):
    """By which of its APIs a controller is reached."""

    REST = "rest"
    WEBSOCKET = "websocket"
    MQTT = "mqtt"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccSettings:
    """One charge controller."""

    station_id: StationId
    type: SeccType
    url: str
    """http://host[:port], or of the broker mqtt://[user:password@]host[:port]."""
    ca_file: Path | None = None
    """MQTT: certificates of who may vouch for the broker; None = those of the system."""
    topic_prefix: str = ""
    """MQTT: first part of its topics; "" = `pulsatrix/secc`, with or without a slash before."""
    client_id: str = ""
    """MQTT: second part of its topics."""
    poll_seconds: float = 5.0
    """REST: between two readings."""
    lease_seconds: float = 300.0
    """Time-out of the limits that are written; they are renewed at a third of it."""
    meter_interval_seconds: float = 10.0
    """Between two readings of the meter that are told although nothing else has changed."""
    offline_after_seconds: float = 15.0
    """How long nothing may be read before it counts as offline."""
    request_timeout_seconds: float = 5.0
    """For one REST request, one command, or the opening of a connection."""
    confirm_seconds: float = 5.0
    """How long a limit that was written may take to show."""
    slow_seconds: float = 20.0
    """REST: how much longer where no reading that could show it has been whole by then."""
    retry_max_seconds: float = 30.0
    """Longest pause between two attempts to reach it."""

    @property
    def host(self) -> str:
        """Where it is, without user and password."""
        return urlsplit(self.url).hostname or ""
