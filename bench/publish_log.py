"""What a bridge has published and the broker has acknowledged, read off the wire between them.

A broker that is killed loses what it had acknowledged and not delivered yet. The promise ends at
the broker (docs/explanation/delivery.md), so where brokers die a subscriber is no witness: this is.
Section numbers are those of MQTT 5.0 (OASIS).
"""

from collections.abc import Callable
from typing import Final

from bench.mqtt_wire import CONNACK, PUBACK, PUBLISH, Message, decode_length
from bench.wire import Way

_CONNECT: Final = 0x10
_FAILURE: Final = 0x80
_LEVEL_AT: Final = 6
"""Of the protocol version in a CONNECT, behind the name `MQTT` (3.1.2.2)."""
_MQTT_5: Final = 5


class PublishLog:
    """Hands each PUBLISH at QoS 1 to `take` when its PUBACK passes; watches one connection."""

    def __init__(self, take: Callable[[Message], None]) -> None:
        """Begin with a new connection."""
        self._take = take
        self._newest = False
        self._buffers = {way: bytearray() for way in Way}
        self._in_flight: dict[bytes, Message] = {}

    def passed(self, way: Way, chunk: bytes) -> None:
        """Cut the stream into packets."""
        buffer = self._buffers[way]
        buffer += chunk
        start = 0
        while len(buffer) - start >= 2 and (header := decode_length(buffer, start + 1)):
            length, body = header
            if len(buffer) < body + length:
                break
            self._packet(way, buffer[start], bytes(buffer[body : body + length]))
            start = body + length
        del buffer[:start]

    def _packet(self, way: Way, first: int, body: bytes) -> None:
        kind = first & 0xF0
        if way is Way.THERE and kind == _CONNECT:
            self._newest = body[_LEVEL_AT] == _MQTT_5
        elif way is Way.THERE and kind == PUBLISH and first & 0x06:
            self._published(first, body)
        elif way is Way.BACK and kind == PUBACK:
            self._acknowledged(body)
        elif way is Way.BACK and kind == CONNACK:
            self._in_flight.clear()

    def _published(self, first: int, body: bytes) -> None:
        topic_end = 2 + int.from_bytes(body[:2], "big")
        packet_id, payload_start = body[topic_end : topic_end + 2], topic_end + 2
        if self._newest:
            properties = decode_length(body, payload_start)
            assert properties is not None  # noqa: S101  # a whole packet has them (3.3.2.3)
            payload_start = sum(properties)
        self._in_flight[packet_id] = Message(
            topic=body[2:topic_end].decode(),
            payload=body[payload_start:],
            qos=first >> 1 & 0x03,
            retain=bool(first & 0x01),
            duplicate=bool(first & 0x08),
        )

    def _acknowledged(self, body: bytes) -> None:
        message = self._in_flight.pop(body[:2], None)
        code = body[2] if len(body) > 2 else 0
        if message is not None and code < _FAILURE:
            self._take(message)
