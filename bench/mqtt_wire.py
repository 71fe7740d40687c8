"""A small MQTT 3.1.1 client on asyncio: the cheap and independent peer of the measurements.

It exists because the instrument must cost less than what it measures (performance.md, table of
publishers) and must not share code with the bridge. It speaks CONNECT, SUBSCRIBE, PUBLISH at QoS 0
and 1, PUBACK and PINGREQ; it does not reconnect. Section numbers are those of MQTT 3.1.1 (OASIS).
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import unquote, urlsplit

CONNACK: Final = 0x20
PUBLISH: Final = 0x30
PUBACK: Final = 0x40
SUBACK: Final = 0x90
PINGREQ: Final = b"\xc0\x00"
DISCONNECT: Final = b"\xe0\x00"

_MAX_PACKET_ID: Final = 0xFFFF
_CONNECT_TIMEOUT_SECONDS: Final = 10.0
_CLEAN_SESSION: Final = 0x02
_WITH_USER: Final = 0x80
_WITH_PASSWORD: Final = 0x40


class MqttWireError(Exception):
    """The broker refused a request or the link to it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where a broker listens and who we are to it."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> "BrokerAddress":
        """Read `mqtt://[user[:password]@]host[:port]`.

        Raises:
            ValueError: another scheme than `mqtt`, or no host.
        """
        parts = urlsplit(url)
        if parts.scheme != "mqtt" or not parts.hostname:
            raise ValueError(f"expected mqtt://[user:password@]host[:port], not {url!r}")
        return cls(
            host=parts.hostname,
            port=parts.port or 1883,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One received PUBLISH."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    duplicate: bool


def encode_length(length: int) -> bytes:
    """Encode a remaining length (2.2.3), 0 to 268,435,455 bytes."""
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | 0x80 if length else digit)
        if not length:
            return bytes(encoded)


def decode_length(buffer: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Decode a remaining length at `start`: (length, index after it), None while incomplete."""
    length = 0
    for index in range(start, min(start + 4, len(buffer))):
        length |= (buffer[index] & 0x7F) << (7 * (index - start))
        if not buffer[index] & 0x80:
            return length, index + 1
    return None


def encode_string(text: str) -> bytes:
    """Encode a UTF-8 string with its two byte length (1.5.3)."""
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def encode_publish(topic: bytes, payload: bytes, packet_id: int, *, retain: bool = False) -> bytes:
    """Encode a PUBLISH at QoS 1, or at QoS 0 where `packet_id` is 0."""
    first = PUBLISH | (0x02 if packet_id else 0) | retain
    middle = packet_id.to_bytes(2, "big") if packet_id else b""
    length = encode_length(2 + len(topic) + len(middle) + len(payload))
    return b"".join(
        (bytes((first,)), length, len(topic).to_bytes(2, "big"), topic, middle, payload)
    )


def encode_connect(
    address: BrokerAddress, client_id: str, *, clean: bool, keepalive_seconds: int
) -> bytes:
    """Encode a CONNECT without a Will (3.1)."""
    flags = _CLEAN_SESSION if clean else 0
    body = encode_string(client_id)
    if address.username is not None:
        flags |= _WITH_USER
        body += encode_string(address.username)
    if address.password is not None:
        flags |= _WITH_PASSWORD
        body += encode_string(address.password)
    head = encode_string("MQTT") + bytes((4, flags)) + keepalive_seconds.to_bytes(2, "big")
    return b"\x10" + encode_length(len(head) + len(body)) + head + body


class MqttSession(asyncio.Protocol):
    """One connection to a broker; made by `connect`, ended by `close` or by the broker.

    Args:
        on_message: called in the event loop for every PUBLISH, before its PUBACK is written.
    """

    def __init__(self, on_message: Callable[[Message], None] | None = None) -> None:
        """Set up a session that is not connected yet."""
        self._on_message = on_message
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._connack: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._acknowledged: dict[int, Callable[[], None]] = {}
        self._packet_id = 0
        self._ping: asyncio.TimerHandle | None = None
        self.lost = asyncio.Event()

    @classmethod
    async def connect(
        cls,
        url: str,
        client_id: str,
        *,
        on_message: Callable[[Message], None] | None = None,
        clean: bool = True,
        keepalive_seconds: int = 30,
    ) -> "MqttSession":
        """Open a session with TCP_NODELAY set.

        Raises:
            MqttWireError: the broker refused the connection.
            OSError: the broker cannot be reached.
            TimeoutError: no CONNACK within 10 s.
        """
        address = BrokerAddress.parse(url)
        packet = encode_connect(
            address, client_id, clean=clean, keepalive_seconds=keepalive_seconds
        )
        loop = asyncio.get_running_loop()
        _, session = await loop.create_connection(
            lambda: cls(on_message), address.host, address.port
        )
        await session.introduce(packet, keepalive_seconds / 2)
        return session

    async def introduce(self, connect_packet: bytes, ping_seconds: float) -> None:
        """Send CONNECT, wait for CONNACK, then ping the broker every `ping_seconds`."""
        self._write(connect_packet)
        async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
            await self._connack
        self._keep_alive(ping_seconds)

    async def subscribe(self, topic_filter: str, qos: int = 1) -> None:
        """Subscribe and wait for the SUBACK.

        Raises:
            MqttWireError: the broker refused the filter.
            TimeoutError: no SUBACK within 10 s.
        """
        done = asyncio.Event()
        packet_id = self._next_packet_id(done.set)
        body = packet_id.to_bytes(2, "big") + encode_string(topic_filter) + bytes((qos,))
        self._write(b"\x82" + encode_length(len(body)) + body)
        async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
            await done.wait()

    def publish(
        self,
        topic: str,
        payload: bytes,
        on_acknowledged: Callable[[], None],
        *,
        retain: bool = False,
    ) -> None:
        """Publish at QoS 1; `on_acknowledged` is called at the PUBACK."""
        packet_id = self._next_packet_id(on_acknowledged)
        self._write(encode_publish(topic.encode(), payload, packet_id, retain=retain))

    def close(self) -> None:
        """Say DISCONNECT and close; a session that is closed already stays so."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(DISCONNECT)
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and switch Nagle's algorithm off."""
        self._transport = cast("asyncio.Transport", transport)
        endpoint: socket.socket = transport.get_extra_info("socket")
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits for the broker."""
        if self._ping is not None:
            self._ping.cancel()
        self.lost.set()
        if not self._connack.done():
            self._connack.set_exception(MqttWireError(f"link ended before CONNACK: {exc}"))

    def data_received(self, data: bytes) -> None:
        """Cut the stream into packets; PUBACKs of one read leave in one write."""
        buffer = self._buffer
        buffer += data
        replies = bytearray()
        start = 0
        while len(buffer) - start >= 2 and (header := decode_length(buffer, start + 1)):
            length, body = header
            if len(buffer) < body + length:
                break
            self._packet(buffer[start], bytes(buffer[body : body + length]), replies)
            start = body + length
        del buffer[:start]
        if replies:
            self._write(bytes(replies))

    def _packet(self, first: int, body: bytes, replies: bytearray) -> None:
        kind = first & 0xF0
        if kind == PUBLISH:
            self._published(first, body, replies)
        elif kind == PUBACK:
            self._acknowledged.pop(int.from_bytes(body[:2], "big"), _nobody)()
        elif kind == SUBACK:
            self._subscribed(body)
        elif kind == CONNACK:
            self._connected(body)

    def _published(self, first: int, body: bytes, replies: bytearray) -> None:
        topic_end = 2 + int.from_bytes(body[:2], "big")
        qos = first >> 1 & 0x03
        payload_start = topic_end
        if qos:
            payload_start += 2
            replies += b"\x40\x02" + body[topic_end:payload_start]
        if self._on_message is not None:
            self._on_message(
                Message(
                    topic=body[2:topic_end].decode(),
                    payload=body[payload_start:],
                    qos=qos,
                    retain=bool(first & 0x01),
                    duplicate=bool(first & 0x08),
                )
            )

    def _subscribed(self, body: bytes) -> None:
        if body[2] & 0x80:
            self._fail("the broker refused a subscription")
        self._acknowledged.pop(int.from_bytes(body[:2], "big"), _nobody)()

    def _connected(self, body: bytes) -> None:
        if body[1]:
            self._connack.set_exception(MqttWireError(f"CONNACK with return code {body[1]}"))
        elif not self._connack.done():
            self._connack.set_result(bool(body[0] & 0x01))

    def _fail(self, message: str) -> None:
        if self._transport is not None:
            self._transport.abort()
        raise MqttWireError(message)

    def _write(self, packet: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise MqttWireError("the link to the broker is closed")
        self._transport.write(packet)

    def _next_packet_id(self, on_acknowledged: Callable[[], None]) -> int:
        if len(self._acknowledged) >= _MAX_PACKET_ID:
            raise MqttWireError("65,535 messages are in flight")
        while True:
            self._packet_id = self._packet_id % _MAX_PACKET_ID + 1
            if self._packet_id not in self._acknowledged:
                self._acknowledged[self._packet_id] = on_acknowledged
                return self._packet_id

    def _keep_alive(self, interval_seconds: float) -> None:
        if self.lost.is_set() or self._transport is None or self._transport.is_closing():
            return
        self._write(PINGREQ)
        loop = asyncio.get_running_loop()
        self._ping = loop.call_later(interval_seconds, self._keep_alive, interval_seconds)


def _nobody() -> None:
    """Take an acknowledgement that nobody waits for (a duplicate PUBACK)."""
