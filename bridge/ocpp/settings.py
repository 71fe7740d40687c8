"""How the OCPP server is set up; the composition root fills it from the configuration."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from bridge.domain.credentials import OPEN, Access
from bridge.domain.ids import StationId
from bridge.domain.settings import StationSettings

IDENTITY_PATTERN: Final = r"[A-Za-z0-9*._:=@|+-]{1,48}"
"""What OCPP identifiers may hold and chargers really use (security.md, 6)."""

Direction = Literal["rx", "tx"]

OnFrame = Callable[[StationId, Direction, str, bytes], None]
"""Told of every readable message: station, direction, action, and the frame, redacted."""


def open_to_all(_station_id: StationId) -> Access:
    """Ask no station to prove anything."""
    return OPEN


_BUILT_IN: Final = StationSettings()


def built_in(_station_id: StationId) -> StationSettings:
    """Treat all stations alike."""
    return _BUILT_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class OcppSettings:
    """Settings of the WebSocket server for charging stations."""

    host: str = "0.0.0.0"  # noqa: S104  # stations come from the network
    port: int = 9000
    """0 = any free one; see `OcppServer.port`."""
    ssl_context: ssl.SSLContext | None = None
    """For `wss://`; None = `ws://` only."""
    tls_address: tuple[str, int] | None = None
    """Host and port for `wss://`, beside `ws://` on the others; None = all is `wss://` or none."""
    versions: tuple[str, ...] = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
    """WebSocket subprotocols to speak."""
    default_version: str = "ocpp1.6"
    """For stations that offer no subprotocol; they are refused where it is not spoken."""
    access: Callable[[StationId], Access] = open_to_all
    """What is asked of a station; whenever it connects."""
    slow_passwords: bool = False
    """Whether passwords are kept by slow hashes: then each failed login takes as long."""
    hides_ids: bool = False
    """Whether a station that is not known gets 401, as one with a wrong password does, so that
    nobody finds out ids; else it gets 404, as OCPP wants it."""
    station_settings: Callable[[StationId], StationSettings] = built_in
    """What a station needs otherwise, as it takes effect; asked whenever it matters."""
    identity_pattern: re.Pattern[str] = re.compile(IDENTITY_PATTERN)
    ping_interval_seconds: float = 60.0
    """0 = neither pings nor a check of silence (charger-quirks 10)."""
    call_timeout_seconds: float = 30.0
    call_queue_limit: int = 32
    """CALLs to one station that may wait behind the one that is outstanding."""
    opening_timeout_seconds: float = 5.0
    closing_timeout_seconds: float = 2.0
    duplicate_ping_seconds: float = 3.0
    """How long a connection has to show that it lives when its station connects once more."""
    max_frame_bytes: int = 256 * 1024
    max_connections: int = 20_000
    max_opening: int = 1_000
    """Handshakes under way; beyond it the oldest is dropped, so that a real station gets in."""
    compression: bool = True
    """Whether to accept permessage-deflate from stations of versions that want it."""
    strict: bool = False
    """Whether to refuse what breaks lengths, ranges, enumerations or has unknown properties."""
    on_frame: OnFrame | None = None
    redaction_key: bytes = b"ocpp-mqtt-bridge"
    """Key of the hashes that stand for id tokens in what `on_frame` gets."""
