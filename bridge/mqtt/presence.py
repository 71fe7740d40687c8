"""The bridge's own topics: whether it is there, what it is, and what its broker can do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from bridge.api import payloads
from bridge.domain.units import rfc3339
from bridge.mqtt import topics
from bridge.mqtt.retained import RetainedSender, RetainedTopic, Signature
from bridge.mqtt.topics import Topics
from bridge.mqtt.traffic import BrokerCapabilities, Incoming, Outgoing
from bridge.ports import Clock

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
_TIMELESS: Final = b'"bridge":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """This run of the process."""

    version: str
    """Of ocpp-mqtt-bridge."""
    boot_id: str
    """New with every start."""
    started: datetime


def presence(topic_table: Topics, state: payloads.Presence) -> Outgoing:
    """Return the message that says whether the bridge is there; `offline` is also the Will."""
    return Outgoing(
        topic=topic_table.bridge(topics.BRIDGE_STATE),
        payload=state.encode(),
        retain=True,
        json=False,
    )


class _State(RetainedTopic):
    """`online` or `offline`."""

    __slots__ = ("payload",)

    def __init__(self, address: str) -> None:
        super().__init__(address, topics.BRIDGE_STATE)
        self.payload = ONLINE

    def content(self) -> tuple[bytes, Signature]:
        return self.payload, hash(self.payload)


class _Info(RetainedTopic):
    """What the bridge is."""

    __slots__ = ("_build",)

    def __init__(self, address: str, build: Callable[[], payloads.BridgeInfo | None]) -> None:
        super().__init__(address, topics.BRIDGE_INFO)
        self._build = build

    def content(self) -> tuple[bytes, Signature] | None:
        document = self._build()
        if document is None:
            return None
        payload = orjson.dumps(document)
        return payload, hash(payload[payload.find(_TIMELESS) :])


class Presence:
    """Keeps the bridge's own topics true."""

    def __init__(
        self,
        *,
        topic_table: Topics,
        sender: RetainedSender,
        clock: Clock,
        boot: Boot,
        capabilities: Callable[[], BrokerCapabilities | None],
        stations: Callable[[], int],
    ) -> None:
        """Plug in the facts."""
        self._bridge_id = topic_table.bridge_id
        self._sender = sender
        self._clock = clock
        self._boot = boot
        self._capabilities = capabilities
        self._stations = stations
        self._state = _State(topic_table.bridge(topics.BRIDGE_STATE))
        self._info = _Info(topic_table.bridge(topics.BRIDGE_INFO), self._document)

    @property
    def address(self) -> str:
        """The topic of our own state, which is to be watched."""
        return self._state.address

    @property
    def told(self) -> bool:
        """Whether the broker has acknowledged the present state."""
        return self._state.acknowledged == hash(self._state.payload) and not self._state.busy

    def announce(self) -> None:
        """Say `online` and who we are, before anything else is said."""
        self._state.payload = ONLINE
        self._sender.mark_first(self._info)
        self._sender.mark_first(self._state)

    def leave(self) -> None:
        """Say `offline`, before anything else that waits."""
        self._state.payload = OFFLINE
        self._sender.mark_first(self._state)

    def update(self) -> None:
        """Publish the facts again where they have changed, at most once a second."""
        self._sender.mark(self._info, spaced=True)

    def observe(self, message: Incoming) -> bool:
        """Contradict whoever says `offline` while we are here; False where we need not.

        It is an older connection's Will, late, or somebody who must not (security.md, threat 24).
        """
        wrong = message.payload != ONLINE and self._state.payload == ONLINE
        if wrong:
            self._sender.mark_first(self._state)
        return wrong

    def _document(self) -> payloads.BridgeInfo | None:
        can = self._capabilities()
        if can is None:
            return None
        return {
            "v": 1,
            "ts": rfc3339(self._clock.now()),
            "bridge": self._bridge_id,
            "version": self._boot.version,
            "schemaVersion": payloads.SCHEMA_VERSION,
            "bootId": self._boot.boot_id,
            "started": rfc3339(self._boot.started),
            "stations": self._stations(),
            "broker": broker_info(can),
        }


def broker_info(can: BrokerCapabilities) -> payloads.BrokerInfo:
    """Return what is published of a broker."""
    newest = can.protocol == "5"
    return {
        "protocol": "5" if newest else "3.1.1",
        "maximumQos": can.maximum_qos,
        "receiveMaximum": can.receive_maximum if newest else None,
        "maximumPacketSize": can.maximum_packet_size,
        "retainAvailable": can.retain_available,
        "wildcardSubscriptions": can.wildcard_subscriptions,
        "degraded": degradations(can),
    }


def degradations(can: BrokerCapabilities) -> list[str]:
    """Return what works less well with a broker, a sentence each (mqtt-api.md, Brokers)."""
    found = []
    if can.protocol != "5":
        found.append(
            "MQTT 3.1.1: messages do not expire, results go to no Response Topic, and a command "
            "that was published as retained is known for one only after a reconnect."
        )
    if not can.retain_available:
        found.append("No retained messages: use the command `get` for the present documents.")
    if not can.wildcard_subscriptions:
        found.append("No wildcard subscriptions: commands cannot be received.")
    if can.maximum_qos == 0:
        found.append("QoS 0 only: messages may be lost on their way to the broker.")
    return found
