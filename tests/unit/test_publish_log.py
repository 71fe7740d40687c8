"""The witness of what a broker acknowledged, from the bytes between bridge and broker."""

import pytest

from bench.mqtt_wire import BrokerAddress, Message, encode_connect, encode_length, encode_string
from bench.publish_log import PublishLog
from bench.wire import Way

CONNACK_5 = b"\x20\x03\x00\x00\x00"
CONNACK_311 = b"\x20\x02\x00\x00"


def connect(*, newest: bool) -> bytes:
    packet = encode_connect(
        BrokerAddress(host="h", port=1), "id", clean=True, keepalive_seconds=15
    )
    return packet.replace(b"MQTT\x04", b"MQTT\x05") if newest else packet


def publish(packet_id: int, payload: bytes, *, newest: bool, qos: int = 1) -> bytes:
    properties = b"\x05\x02\x00\x00\x00\x3c" if newest else b""
    number = packet_id.to_bytes(2, "big") if qos else b""
    body = encode_string("a/b") + number + properties + payload
    return bytes((0x30 | qos << 1,)) + encode_length(len(body)) + body


def puback(packet_id: int, *rest: int) -> bytes:
    body = packet_id.to_bytes(2, "big") + bytes(rest)
    return b"\x40" + encode_length(len(body)) + body


@pytest.mark.parametrize("newest", [True, False])
def test_a_message_counts_when_its_puback_has_passed(newest: bool) -> None:
    taken: list[Message] = []
    log = PublishLog(taken.append)
    log.passed(Way.THERE, connect(newest=newest))
    log.passed(Way.BACK, CONNACK_5 if newest else CONNACK_311)
    log.passed(Way.THERE, publish(7, b"first", newest=newest) + publish(8, b"2nd", newest=newest))
    assert taken == []

    log.passed(Way.BACK, puback(8))

    assert taken == [Message(topic="a/b", payload=b"2nd", qos=1, retain=False, duplicate=False)]


def test_packets_may_be_cut_anywhere() -> None:
    taken: list[Message] = []
    log = PublishLog(taken.append)
    for way, packet in (
        (Way.THERE, connect(newest=True)),
        (Way.BACK, CONNACK_5),
        (Way.THERE, publish(7, b"x" * 300, newest=True)),
        (Way.BACK, puback(7, 0, 0)),
    ):
        for byte in packet:
            log.passed(way, bytes((byte,)))

    assert [message.payload for message in taken] == [b"x" * 300]


def test_what_is_refused_unknown_or_asks_for_no_answer_does_not_count() -> None:
    taken: list[Message] = []
    log = PublishLog(taken.append)
    log.passed(Way.THERE, connect(newest=True))
    log.passed(Way.THERE, publish(0, b"QoS 0", newest=True, qos=0))
    log.passed(Way.THERE, publish(7, b"refused", newest=True))
    log.passed(Way.BACK, puback(7, 0x87, 0) + puback(9))

    assert taken == []
