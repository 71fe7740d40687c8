"""The publish path, at the edge of the socket: PUBLISH out, PUBACK in, batched.

paho keeps the session: CONNECT, keepalive, subscriptions, incoming messages, TLS, WebSocket. It
believes that it talks to a socket, and talks to a `Tap`. The tap reads and writes in large pieces
once per turn of the event loop, and carries QoS 1 publishes itself, because paho spends ten times
as long on one (a condition variable, locks, and one `recv` per byte of every PUBACK's header).
Both share one stream: whole packets only, told apart by packet identifier. paho numbers its few
SUBSCRIBEs from 1 upwards, the tap its PUBLISHes from 32768.

Section numbers are those of MQTT 5.0 (OASIS).
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

FIRST_ID: Final = 0x8000
"""Packet identifiers from here on are the tap's."""
_LAST_ID: Final = 0xFFFF
_PUBLISH: Final = 0x30
_PUBACK: Final = 0x40
_READ_BYTES: Final = 65_536
_SHORT_PUBACK: Final = 2
"""Remaining length of a PUBACK without a reason code, which means success (3.4.2.1)."""
_MAX_LENGTH_BYTES: Final = 4
_JSON_CONTENT: Final = b"\x03" + len(b"application/json").to_bytes(2, "big") + b"application/json"

TokenT = TypeVar("TokenT")


class SocketLike(Protocol):
    """What paho's sockets have in common: plain, TLS, and its WebSocket wrapper."""

    def recv(self, size: int, /) -> bytes:
        """Read."""

    def send(self, data: bytes | bytearray, /) -> int:
        """Write."""

    def close(self) -> None:
        """Close."""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001  # the socket's own signature
        """Choose the mode."""


def encode_length(length: int) -> bytes:
    """Encode a remaining length, a Variable Byte Integer (1.5.5)."""
    if length < 0x80:  # noqa: PLR2004  # seven bits to a byte
        return bytes((length,))
    encoded = bytearray()
    while length:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded[-1] &= 0x7F
    return bytes(encoded)


def decode_length(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Decode a remaining length: (length, index after it), None while it is incomplete.

    Raises:
        ValueError: It has more than four bytes, so this is no MQTT.
    """
    length = 0
    for index in range(start, min(start + _MAX_LENGTH_BYTES, len(buffer))):
        length |= (buffer[index] & 0x7F) << (7 * (index - start))
        if buffer[index] < 0x80:  # noqa: PLR2004  # the last byte of the integer
            return length, index + 1
    if len(buffer) - start >= _MAX_LENGTH_BYTES:
        raise ValueError("what the broker sends is no MQTT")
    return None


def publish_properties(
    *, json: bool, expiry_seconds: int | None = None, correlation: bytes | None = None
) -> bytes:
    """Encode the properties of a PUBLISH with their length (3.3.2.3)."""
    parts = []
    if expiry_seconds is not None:
        parts.append(b"\x02" + expiry_seconds.to_bytes(4, "big"))
    if json:
        parts.append(_JSON_CONTENT)
    if correlation is not None:
        parts.append(b"\x09" + len(correlation).to_bytes(2, "big") + correlation)
    properties = b"".join(parts)
    return encode_length(len(properties)) + properties


class Tap(Generic[TokenT]):
    """A socket in paho's eyes, and the place where publishes join the stream."""

    def __init__(
        self, connection: SocketLike, acknowledged: Callable[[TokenT, int], None]
    ) -> None:
        """Wrap a connected socket; nothing moves until `attach`.

        `acknowledged` is told of every PUBACK: the token of its publish, and the reason code.
        """
        self._connection = connection
        self._over_tls = isinstance(connection, ssl.SSLSocket)
        self._acknowledged = acknowledged
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_packets: Callable[[], None] | None = None
        self._raw = bytearray()
        """Read from the socket, not yet cut into packets."""
        self._for_paho = bytearray()
        self._ended = False
        self._out = bytearray()
        self._flush_due = False
        self._waits_for_room = False
        self._next_id = FIRST_ID
        self._in_flight: dict[int, TokenT] = {}

    # --- What paho sees -----------------------------------------------------------------

    def recv(self, size: int) -> bytes:
        """Return bytes of packets that are not the tap's; b"" at the end of the stream."""
        if not self._for_paho:
            if self._ended:
                return b""
            raise BlockingIOError
        piece = bytes(self._for_paho[:size])
        del self._for_paho[:size]
        return piece

    def send(self, data: bytes | bytearray) -> int:
        """Take a whole packet; it goes out in this turn of the loop."""
        self._out += data
        self._schedule_flush()
        return len(data)

    def pending(self) -> int:
        """Return how many bytes `recv` has at once."""
        return len(self._for_paho)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  # the socket's own signature
        """Choose the mode of the socket."""
        self._connection.setblocking(flag)

    def fileno(self) -> int:
        """Return the descriptor of the socket, -1 once closed."""
        return self._connection.fileno()

    def close(self) -> None:
        """Write what still can be written, and close."""
        self._flush()
        if self._loop is not None and self.fileno() >= 0:
            self._loop.remove_reader(self.fileno())
            self._loop.remove_writer(self.fileno())
        self._loop = None
        self._ended = True
        self._connection.close()

    # --- What the link sees -------------------------------------------------------------

    @property
    def unsent_bytes(self) -> int:
        """How much waits because the broker does not read."""
        return len(self._out)

    @property
    def in_flight(self) -> int:
        """How many publishes wait for their PUBACK."""
        return len(self._in_flight)

    def attach(self, loop: asyncio.AbstractEventLoop, on_packets: Callable[[], None]) -> None:
        """Let the loop drive it; `on_packets` is called after every read."""
        self._loop = loop
        self._on_packets = on_packets
        loop.add_reader(self.fileno(), self._readable)
        self._schedule_flush()

    def publish(
        self,
        topic: bytes,
        payload: bytes,
        *,
        retain: bool,
        properties: bytes,
        token: TokenT | None,
    ) -> None:
        """Send a PUBLISH: at QoS 1 with a token, at QoS 0 without.

        `properties` is what MQTT 5 has there, b"" on 3.1.1.
        """
        identifier = b""
        first = _PUBLISH | retain
        if token is not None:
            packet_id = self._free_id()
            self._in_flight[packet_id] = token
            identifier = packet_id.to_bytes(2, "big")
            first |= 0x02
        length = 2 + len(topic) + len(identifier) + len(properties) + len(payload)
        self._out += b"".join(
            (
                bytes((first,)),
                encode_length(length),
                len(topic).to_bytes(2, "big"),
                topic,
                identifier,
                properties,
                payload,
            )
        )
        self._schedule_flush()

    def flush(self) -> None:
        """Write what was published now, not only at the end of this turn of the loop."""
        if self._flush_due and not self._waits_for_room:
            self._flush()

    def abandon(self) -> list[TokenT]:
        """Return what waits for a PUBACK, in the order of sending; nobody waits any more."""
        waiting, self._in_flight = self._in_flight, {}
        return list(waiting.values())

    def _free_id(self) -> int:
        while True:
            packet_id = self._next_id
            self._next_id = FIRST_ID if packet_id == _LAST_ID else packet_id + 1
            if packet_id not in self._in_flight:
                return packet_id

    # --- Reading ------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            self._fill()
            self._cut()
        except (OSError, ValueError):
            self._ended = True
        if self._on_packets is not None:
            self._on_packets()

    def _fill(self) -> None:
        """Read until there is no more: TLS may hold back bytes that no selector sees."""
        more = True
        while more:
            try:
                piece = self._connection.recv(_READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not piece:
                self._ended = True
                return
            self._raw += piece
            more = len(piece) == _READ_BYTES or self._over_tls

    def _cut(self) -> None:
        """Take our PUBACKs out of the stream, leave every other whole packet to paho."""
        raw = self._raw
        position = 0
        while position + 1 < len(raw):
            found = decode_length(raw, position + 1)
            if found is None:
                break
            length, body = found
            end = body + length
            if end > len(raw):
                break
            if not (raw[position] == _PUBACK and length > 1 and self._is_ours(raw, body, length)):
                self._for_paho += raw[position:end]
            position = end
        del raw[:position]

    def _is_ours(self, raw: bytearray, body: int, length: int) -> bool:
        packet_id = raw[body] << 8 | raw[body + 1]
        if packet_id < FIRST_ID:
            return False
        token = self._in_flight.pop(packet_id, None)
        if token is not None:
            self._acknowledged(token, raw[body + 2] if length > _SHORT_PUBACK else 0)
        return True

    # --- Writing ------------------------------------------------------------------------

    def _schedule_flush(self) -> None:
        if self._loop is not None and not self._flush_due and not self._waits_for_room:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        try:
            while self._out:
                del self._out[: self._connection.send(self._out)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._wait_for_room(wanted=True)
        except OSError:
            # The reader is told of the same end, and with what the broker said before it.
            self._out.clear()
        else:
            self._wait_for_room(wanted=False)

    def _wait_for_room(self, *, wanted: bool) -> None:
        if self._loop is None or wanted is self._waits_for_room:
            return
        self._waits_for_room = wanted
        if wanted:
            self._loop.add_writer(self.fileno(), self._flush)
        else:
            self._loop.remove_writer(self.fileno())
