"""How the bridge is to meet the broker; the composition root fills it from the configuration."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from bridge.domain.commands import DEFAULT_PRIORITY
from bridge.domain.ids import StationId

Protocol = Literal["5", "3.1.1"]
Transport = Literal["tcp", "websockets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerRights:
    """What one controller may do (mqtt-api.md, Access)."""

    stations: tuple[str, ...] = ("*",)
    """Globs of raw station ids."""
    commands: tuple[str, ...] = ("*",)
    """Globs of command names."""
    max_priority: int = DEFAULT_PRIORITY

    def allows(self, station_id: StationId, command: str) -> bool:
        """Say whether this controller may send this command to this station."""
        return any(fnmatchcase(station_id, glob) for glob in self.stations) and any(
            fnmatchcase(command, glob) for glob in self.commands
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """Settings of the link to the broker and of what is published there."""

    host: str
    port: int
    transport: Transport = "tcp"
    path: str = "/mqtt"
    """Of the WebSocket transport."""
    username: str | None = None
    password: str | None = None
    ssl_context: ssl.SSLContext | None = None
    protocol: Protocol = "5"
    client_id: str
    root: str = "ocpp"
    bridge_id: str = "main"
    raw: bool = False
    """Whether raw OCPP frames are published, redacted."""
    keepalive_seconds: int = 15
    session_expiry_seconds: int = 30
    will_delay_seconds: int = 5
    connect_timeout_seconds: float = 5.0
    back_off_min_seconds: float = 1.0
    back_off_max_seconds: float = 60.0
    window: int = 100
    """QoS 1 messages in flight at most; the broker's Receive Maximum may ask for fewer."""
    require_ts: bool = False
    """Refuse commands that carry neither `ts` nor `expiresAt`."""
    require_ttl: bool = False
    """Refuse limits without `ttlSeconds`."""
    controllers: Mapping[str, ControllerRights] = field(default_factory=dict)
    """Empty: any controller name may command everything."""
