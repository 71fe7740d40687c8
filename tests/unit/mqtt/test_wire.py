"""The tap between paho and the socket, over a real socket pair."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.wire import FIRST_ID, Tap, decode_length, encode_length, publish_properties


class Peer:
    """A tap on one end of a socket pair, and the broker's end of it."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[str, int]] = []
        self.read = asyncio.Event()
        ours, self.broker = socket.socketpair()
        ours.setblocking(False)
        self.broker.setblocking(False)
        self.tap: Tap[str] = Tap(ours, lambda token, code: self.acknowledged.append((token, code)))
        self.tap.attach(asyncio.get_running_loop(), self.read.set)

    async def tells(self, data: bytes) -> None:
        self.read.clear()
        await asyncio.get_running_loop().sock_sendall(self.broker, data)
        await self.read.wait()

    async def hears(self, size: int) -> bytes:
        heard = b""
        while len(heard) < size:
            heard += await asyncio.get_running_loop().sock_recv(self.broker, size - len(heard))
        return heard

    def publish(self, token: str | None, **changes: bytes) -> None:
        self.tap.publish(
            changes.get("topic", b"a/b"),
            changes.get("payload", b"xyz"),
            retain=False,
            properties=changes.get("properties", b""),
            token=token,
        )


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    found = Peer()
    yield found
    found.tap.close()
    found.broker.close()


def puback(packet_id: int, code: int | None = None) -> bytes:
    tail = b"" if code is None else bytes((code,))
    return b"\x40" + bytes((2 + len(tail),)) + packet_id.to_bytes(2, "big") + tail


async def test_a_publish_at_qos_1_is_as_the_standard_has_it(peer: Peer) -> None:
    peer.publish("first")
    assert await peer.hears(12) == b"\x32\x0a\x00\x03a/b\x80\x00xyz"
    assert peer.tap.in_flight == 1


async def test_a_publish_at_qos_0_has_no_identifier(peer: Peer) -> None:
    peer.publish(None)
    assert await peer.hears(10) == b"\x30\x08\x00\x03a/bxyz"
    assert peer.tap.in_flight == 0


@pytest.mark.parametrize("code", [None, 0x00, 0x10, 0x87])
async def test_an_acknowledgement_is_told_once_with_its_code(peer: Peer, code: int | None) -> None:
    peer.publish("first")
    await peer.tells(puback(FIRST_ID, code))
    await peer.tells(puback(FIRST_ID, code))
    assert peer.acknowledged == [("first", code or 0)]
    assert peer.tap.in_flight == 0


async def test_acknowledgements_among_other_packets_split_anywhere(peer: Peer) -> None:
    for token in ("one", "two"):
        peer.publish(token)
    other = b"\x30\x82\x01" + b"p" * 130
    stream = puback(FIRST_ID) + other + puback(FIRST_ID + 1, 0x87) + puback(7)
    for byte in stream:
        await peer.tells(bytes((byte,)))
    assert peer.acknowledged == [("one", 0), ("two", 0x87)]
    assert peer.tap.recv(1000) == other + puback(7)


async def test_paho_is_told_to_come_again_and_of_the_end(peer: Peer) -> None:
    with pytest.raises(BlockingIOError):
        peer.tap.recv(1)
    peer.read.clear()
    peer.broker.close()
    await peer.read.wait()
    assert peer.tap.recv(1) == b""


async def test_what_is_no_mqtt_is_the_end(peer: Peer) -> None:
    await peer.tells(b"\x30\xff\xff\xff\xff\xff")
    assert peer.tap.recv(1) == b""


async def test_a_broker_that_does_not_read_gets_everything_later_in_order(peer: Peer) -> None:
    payloads = [bytes((number,)) * 50_000 for number in range(40)]
    for number, payload in enumerate(payloads):
        peer.publish(str(number), payload=payload)
    await asyncio.sleep(0)
    assert peer.tap.unsent_bytes > 0
    for number, payload in enumerate(payloads):
        packet = await peer.hears(4 + 5 + 2 + len(payload))
        assert packet[-len(payload) :] == payload
        assert int.from_bytes(packet[9:11], "big") == FIRST_ID + number
    assert peer.tap.unsent_bytes == 0


async def test_identifiers_go_round_and_skip_what_is_in_flight(peer: Peer) -> None:
    peer.publish("stays")
    await peer.hears(12)
    seen = set()
    for number in range(0x8000 + 5):
        peer.publish("passes")
        packet_id = int.from_bytes((await peer.hears(12))[7:9], "big")
        seen.add(packet_id)
        if number % 1000 == 0 or packet_id == FIRST_ID + 1:
            assert packet_id != FIRST_ID
        peer.tap._is_ours(bytearray(packet_id.to_bytes(2, "big")), 0, 2)
    assert FIRST_ID not in seen
    assert min(seen) > 0x7FFF
    assert peer.tap.in_flight == 1


async def test_what_is_in_flight_at_the_end_is_given_back_in_order(peer: Peer) -> None:
    for token in ("one", "two", "three"):
        peer.publish(token)
    assert peer.tap.abandon() == ["one", "two", "three"]
    assert peer.tap.in_flight == 0


async def test_closing_writes_what_waits(peer: Peer) -> None:
    peer.tap.send(b"\xe0\x00")
    peer.tap.close()
    assert peer.broker.recv(10) == b"\xe0\x00"
    assert peer.tap.fileno() == -1


@given(st.integers(0, 268_435_455))
def test_a_length_is_read_back(length: int) -> None:
    encoded = encode_length(length)
    assert decode_length(bytearray(encoded), 0) == (length, len(encoded))
    for end in range(len(encoded)):
        assert decode_length(bytearray(encoded[:end]), 0) is None


@pytest.mark.parametrize(
    ("length", "encoded"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (16_383, b"\xff\x7f")],
)
def test_lengths_of_the_standard(length: int, encoded: bytes) -> None:
    assert encode_length(length) == encoded


def test_a_length_of_five_bytes_is_no_mqtt() -> None:
    with pytest.raises(ValueError, match="no MQTT"):
        decode_length(bytearray(b"\xff\xff\xff\xff\x01"), 0)


def test_properties_of_a_publish() -> None:
    assert publish_properties(json=False) == b"\x00"
    assert publish_properties(json=True, expiry_seconds=300, correlation=b"\x01") == (
        b"\x1c\x02\x00\x00\x01\x2c\x03\x00\x10application/json\x09\x00\x01\x01"
    )
