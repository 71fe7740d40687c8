"""Ask a broker which MQTT it speaks, with one CONNECT and nothing else.

The demo must know before it starts the bridge whether the broker that it was given is there, lets
it in, and knows MQTT 5. That is one packet each way (MQTT 5.0, 3.1 CONNECT and 3.2 CONNACK), so it
is written out here and the MQTT client stays behind `bridge.mqtt`.
"""

import asyncio
import ssl
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

__all__ = ["BrokerError", "hello"]

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_LEVEL_5: Final = 5
_LEVEL_3_1_1: Final = 4
_CONNACK: Final = 0x20
_DISCONNECT: Final = b"\xe0\x00"
_CLEAN, _USERNAME, _PASSWORD = 0x02, 0x80, 0x40

# CONNACK codes that blame the user or password: MQTT 3.1.1 table 3.1, MQTT 5.0 table 3-1.
_BAD_CREDENTIALS: Final = frozenset({4, 5, 0x86, 0x87})
# "I do not know this version of MQTT", in the words of either version.
_BAD_VERSION: Final = frozenset({1, 0x84})


class BrokerError(Exception):
    """There is no broker to use; the message says what to do about it."""


async def hello(url: str, *, timeout_seconds: float = 5.0) -> bool:
    """Return whether the broker at `url` speaks MQTT 5 (else it speaks 3.1.1).

    Brokers behind a WebSocket (`ws`, `wss`) are only reached, not asked: MQTT 5 is assumed.

    Raises:
        BrokerError: The URL is wrong, nobody answers there, or the broker refuses us.
    """
    parts = _split(url)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _newest_level(parts) == _LEVEL_5
    except TimeoutError:
        raise BrokerError(f"{_where(parts)} does not answer: is it an MQTT broker?") from None
    except ssl.SSLError as error:
        raise BrokerError(f"{_where(parts)}: TLS failed: {error}") from error
    except (OSError, EOFError) as error:
        raise BrokerError(
            f"no broker at {_where(parts)}: {error}. Is it running, and are host and port right?"
        ) from error


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        known = ", ".join(_PORTS)
        raise BrokerError(
            f"not a broker URL: expected mqtt://[user:password@]host[:port] (schemes: {known})"
        )
    return parts


def _where(parts: SplitResult) -> str:
    """Name the broker without its credentials."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


async def _newest_level(parts: SplitResult) -> int:
    for level in (_LEVEL_5, _LEVEL_3_1_1):
        code = await _connect(parts, level)
        if code == 0:
            return level
        if code in _BAD_CREDENTIALS:
            raise BrokerError(
                f"{_where(parts)} refuses this user or password (CONNACK code {code:#04x}): "
                "give them in the URL, mqtt://user:password@host, special characters as %XX"
            )
        if code is not None and code not in _BAD_VERSION:
            raise BrokerError(f"{_where(parts)} refuses the connection (CONNACK code {code:#04x})")
    raise BrokerError(f"{_where(parts)} speaks neither MQTT 5 nor MQTT 3.1.1")


async def _connect(parts: SplitResult, level: int) -> int | None:
    """Return the code of the CONNACK, or None where the broker only hangs up."""
    tls = ssl.create_default_context() if parts.scheme in {"mqtts", "wss"} else None
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or _PORTS[parts.scheme], ssl=tls
    )
    try:
        if parts.scheme in {"ws", "wss"}:
            return 0
        writer.write(_connect_packet(level, parts.username, parts.password))
        return await _read_connack(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
    finally:
        writer.close()


async def _read_connack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    kind, length, _flags, code = await reader.readexactly(4)
    if kind != _CONNACK or length < 2:  # noqa: PLR2004  flags and code are always there
        raise EOFError("what answers is not MQTT")
    if code == 0:
        writer.write(_DISCONNECT)
    return code


def _connect_packet(level: int, username: str | None, password: str | None) -> bytes:
    """Return a CONNECT with a clean session and a client id of the broker's choice."""
    flags = _CLEAN
    payload = _text("")
    if username is not None:
        flags |= _USERNAME
        payload += _text(unquote(username))
    if password is not None:
        flags |= _PASSWORD
        payload += _text(unquote(password))
    keepalive_seconds = 10
    head = _text("MQTT") + bytes((level, flags)) + keepalive_seconds.to_bytes(2, "big")
    properties = b"\x00" if level == _LEVEL_5 else b""
    body = head + properties + payload
    return b"\x10" + _variable_length(len(body)) + body


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _variable_length(value: int) -> bytes:
    """Return a Variable Byte Integer (MQTT 5.0, 1.5.5)."""
    encoded = bytearray()
    while True:
        value, digit = divmod(value, 128)
        encoded.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(encoded)
