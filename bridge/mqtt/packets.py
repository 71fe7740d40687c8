"""Between paho's packets and the bridge's own words; for `bridge.mqtt.link` only."""

from typing import Any

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bridge.mqtt.traffic import (
    DEFAULT_RECEIVE_MAXIMUM,
    BrokerCapabilities,
    Incoming,
)


def refusal(code: int) -> str:
    """Return the name of a PUBACK's reason code."""
    try:
        return str(ReasonCode(PacketTypes.PUBACK, identifier=code))
    except (
        KeyError,
        ValueError,
    ):  # e.g. 0x95, which Mosquitto sends though it is none of a PUBACK
        return f"reason code {code:#04x}"


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
        duplicate=bool(message.dup),
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
