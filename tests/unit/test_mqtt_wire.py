"""The benchmark's own MQTT client against bytes of the standard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.mqtt_wire import (
    BrokerAddress,
    decode_length,
    encode_connect,
    encode_length,
    encode_publish,
)


@given(st.integers(0, 268_435_455), st.binary(max_size=4))
def test_a_remaining_length_survives_the_wire(length: int, rest: bytes) -> None:
    encoded = encode_length(length)

    assert decode_length(encoded + rest, 0) == (length, len(encoded))
    assert decode_length(encoded[:-1], 0) is None


@pytest.mark.parametrize(
    ("length", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (16_384, "808001")]
)
def test_remaining_lengths_are_those_of_the_standard(length: int, encoded: str) -> None:
    assert encode_length(length).hex() == encoded


def test_a_connect_packet_is_that_of_the_standard() -> None:
    address = BrokerAddress.parse("mqtt://us%40er:pw@host")

    packet = encode_connect(address, "me", clean=True, keepalive_seconds=30)

    assert packet == (b"\x10\x19\x00\x04MQTT\x04\xc2\x00\x1e\x00\x02me\x00\x05us@er\x00\x02pw")


def test_a_publish_packet_has_an_id_at_qos_1_only() -> None:
    assert encode_publish(b"a/b", b"hi", 7) == b"\x32\x09\x00\x03a/b\x00\x07hi"
    assert encode_publish(b"a/b", b"hi", 0, retain=True) == b"\x31\x07\x00\x03a/bhi"


@pytest.mark.parametrize("url", ["http://host", "mqtt://", "host:1883"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected mqtt://"):
        BrokerAddress.parse(url)
