"""What the MQTT adapter is told; `bridge.app` builds it from the configuration."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from bridge.api.rights import CommandRules
from bridge.domain.ids import StationId

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_ENCRYPTED: Final = frozenset({"mqtts", "wss"})
_WEBSOCKET: Final = frozenset({"ws", "wss"})


class BrokerUrlError(ValueError):
    """The broker's URL cannot be used; the message says how it should look."""


class Protocol(StrEnum):
    """MQTT version to speak."""

    V5 = "5"
    V311 = "3.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and who we are to it."""

    scheme: str = "mqtt"
    host: str
    port: int
    path: str = "/mqtt"
    """Of a WebSocket."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str, *, username: str | None = None, password: str | None = None) -> Self:
        """Read `mqtt://[user[:password]@]host[:port]` (also mqtts, ws, wss with a path).

        User and password that are given besides win over those in the URL.

        Raises:
            BrokerUrlError: It is no such URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise BrokerUrlError(
                "expected a broker's URL such as mqtt://[user:password@]host[:1883] "
                f"(schemes: {', '.join(_PORTS)})"
            )
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise BrokerUrlError("the port in the broker's URL is no number below 65536") from None
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port,
            path=parts.path or "/mqtt",
            username=username or (unquote(parts.username) if parts.username else None),
            password=password or (unquote(parts.password) if parts.password else None),
        )

    @property
    def encrypted(self) -> bool:
        """Whether it is TLS."""
        return self.scheme in _ENCRYPTED

    @property
    def websocket(self) -> bool:
        """Whether MQTT goes over a WebSocket."""
        return self.scheme in _WEBSOCKET

    def __str__(self) -> str:
        """Return the URL without user and password, for logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path if self.websocket else ''}"


class DiscoveryMode(StrEnum):
    """Whether stations are announced to Home Assistant."""

    AUTO = "auto"
    """New ones while there are not many (`announcements.MAX_STATIONS`)."""
    ON = "on"
    OFF = "off"


class DiscoveryStyle(StrEnum):
    """How: a topic per device, or one per entity."""

    DEVICE = "device"
    ENTITY = "entity"


def _no_name(_station_id: StationId) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverySettings:
    """What Home Assistant is told, and where."""

    mode: DiscoveryMode = DiscoveryMode.AUTO
    style: DiscoveryStyle = DiscoveryStyle.DEVICE
    prefix: str = "homeassistant"
    """Of its discovery topics, and of the topic of its birth message."""
    controller: str = "homeassistant"
    """In whose name it commands: its user at the broker, where that holds ACLs."""
    name_of: Callable[[StationId], str | None] = _no_name
    """What the owner calls a station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedEvse:
    """An EVSE with the topics of a charge controller (`secc_topics`)."""

    station_id: StationId
    evse_id: int
    topic_prefix: str
    client_id: str
    """Second part of its topics."""
    controller: str
    """In whose name it is limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """Everything that the MQTT adapter is told."""

    address: BrokerAddress
    root: str = "ocpp"
    bridge_id: str = "main"
    protocol: Protocol = Protocol.V5
    client_id: str | None = None
    """None: derived from root and bridge id, so that it is fixed per instance."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    raw: bool = False
    """Publish raw frames."""
    scalars: bool = False
    """Publish plain values too (`val/...`)."""
    discovery: DiscoverySettings | None = None
    """None: nothing is announced to Home Assistant, and nothing that was is looked for."""
    secc_topics: tuple[ServedEvse, ...] = ()
    token_key: bytes | None = field(default=None, repr=False)
    """Key of the hashes of idTokens; None publishes idTokens in clear."""
    rules: CommandRules = field(default_factory=CommandRules)
    """What every command must obey, and who may give which."""
    keepalive_seconds: int = 15
    connect_timeout_seconds: float = 5.0
    session_expiry_seconds: int = 30
    will_delay_seconds: int = 5
    backoff_min_seconds: float = 1.0
    backoff_max_seconds: float = 60.0
    window: int = 1000
    """QoS 1 messages in flight at most, where the broker allows more (Receive Maximum)."""
    window_311: int = 100
    """The same on MQTT 3.1.1, whose brokers do not tell."""
    memory_limit: int = 10_000
    """Outbox messages kept in memory; more wait in the store."""

    @property
    def effective_client_id(self) -> str:
        """Return the client id of this instance."""
        return self.client_id or f"ocpp-mqtt-bridge-{self.root}-{self.bridge_id}"
