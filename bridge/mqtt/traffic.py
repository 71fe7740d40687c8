"""What goes over the link to the broker, and who is told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct

DEFAULT_RECEIVE_MAXIMUM: Final = 65_535
"""QoS 1 messages in flight where the broker names no Receive Maximum (MQTT 5, 3.2.2.3.3)."""


class LinkError(Exception):
    """The broker cannot be reached or refuses us; the message says why."""


class PublishOutcome(Enum):
    """What became of a message."""

    ACKNOWLEDGED = "acknowledged"
    """PUBACK below 0x80 (QoS 1), or handed to the socket (QoS 0)."""
    REFUSED = "refused"
    """PUBACK of 0x80 and above, or it cannot be sent at all: again is pointless."""
    LOST = "lost"
    """The connection died while it was in flight: it may or may not have arrived."""


OnDone = Callable[[PublishOutcome, str], None]


class Outgoing(Struct, frozen=True, kw_only=True):
    """A message to publish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_seconds: int | None = None
    correlation: bytes | None = None
    json: bool = True
    """Content type application/json, with MQTT 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message that was received and, at QoS 1, waits for `Link.acknowledge`."""

    topic: str
    payload: bytes
    retain: bool
    """With MQTT 5 the publisher's own flag; with 3.1.1 only that it was stored before."""
    response_topic: str | None
    correlation: bytes | None
    ack_id: tuple[int, int]
    """Number of the connection and packet identifier (0 for QoS 0)."""
    duplicate: bool = False
    """The broker has sent it before and saw no acknowledgement (the DUP flag)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCapabilities:
    """What the broker can do, from its CONNACK (MQTT 5, 3.2.2.3); 3.1.1 brokers do not say."""

    protocol: str
    maximum_qos: int = 2
    retain_available: bool = True
    receive_maximum: int = DEFAULT_RECEIVE_MAXIMUM
    maximum_packet_size: int | None = None
    wildcard_subscriptions: bool = True
    shared_subscriptions: bool = True
    server_keepalive: int | None = None


class LinkListener(Protocol):
    """Who is told of what happens on the link."""

    def on_connected(self, *, session_present: bool) -> None:
        """Act on a new connection; subscriptions must be made again."""

    def on_disconnected(self, reason: str) -> None:
        """Act on the loss of the connection; everything in flight was reported `LOST` before."""

    def on_writable(self) -> None:
        """Use the room in the window that acknowledgements have made."""

    def on_message(self, message: Incoming) -> None:
        """Take a message."""
