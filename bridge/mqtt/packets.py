"""Between paho's packets and the bridge's own words; for `bridge.mqtt.link` only."""

from typing import Any

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.mqtt.traffic import (
    DEFAULT_RECEIVE_MAXIMUM,
    BrokerCapabilities,
    Incoming,
    Outgoing,
)


class Packed(Properties):
    """Properties that are encoded once: most messages share a handful of them."""

    def __init__(self, packet_type: int) -> None:
        """Start with none."""
        super().__init__(packet_type)  # type: ignore[no-untyped-call]  # paho's has no types
        object.__setattr__(self, "_encoded", None)  # the class allows only MQTT's own names

    def pack(self) -> bytes:
        """Return the encoded properties."""
        encoded: bytes | None = self.__dict__["_encoded"]
        if encoded is None:
            encoded = bytes(super().pack())  # type: ignore[no-untyped-call]  # as above
            object.__setattr__(self, "_encoded", encoded)
        return encoded


def publish_properties(message: Outgoing) -> Properties:
    """Return the MQTT 5 properties of a message."""
    properties = Packed(PacketTypes.PUBLISH)
    if message.json:
        properties.ContentType = "application/json"
    if message.expiry_seconds is not None:
        properties.MessageExpiryInterval = message.expiry_seconds
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    return properties


def incoming(message: MQTTMessage, connection: int) -> Incoming:
    """Return what paho received, free of paho."""
    properties = message.properties
    return Incoming(
        topic=message.topic,
        payload=bytes(message.payload),
        retain=message.retain,
        response_topic=getattr(properties, "ResponseTopic", None),
        correlation=getattr(properties, "CorrelationData", None),
        ack_id=(connection, message.mid if message.qos else 0),
    )


def capabilities(protocol: str, properties: Properties | None) -> BrokerCapabilities:
    """Return what the broker said of itself in its CONNACK."""

    def said(name: str, default: Any) -> Any:
        return getattr(properties, name, default)

    return BrokerCapabilities(
        protocol=protocol,
        maximum_qos=said("MaximumQoS", 2),
        retain_available=bool(said("RetainAvailable", 1)),
        receive_maximum=said("ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM),
        maximum_packet_size=said("MaximumPacketSize", None),
        wildcard_subscriptions=bool(said("WildcardSubscriptionAvailable", 1)),
        shared_subscriptions=bool(said("SharedSubscriptionAvailable", 1)),
        server_keepalive=said("ServerKeepAlive", None),
    )
