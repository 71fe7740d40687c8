"""A small MQTT client for people: `ocpp-mqtt-bridge pub` and `sub`, and the demo's live view.

Independent of the bridge's own link, so that what it shows is what any client sees.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import ssl
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple

import aiomqtt
import orjson

from bridge.mqtt.settings import BrokerAddress, BrokerUrlError

__all__ = [
    "Message",
    "ToolError",
    "add_pub_arguments",
    "add_sub_arguments",
    "connected",
    "follow",
    "protocol_of",
    "pub",
    "sub",
]

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
"""Exit codes, as in bridge.cli."""

DEFAULT_URL: Final = "mqtt://127.0.0.1:1883"
URL_VARIABLE: Final = "BRIDGE_MQTT__URL"
USERNAME_VARIABLE: Final = "BRIDGE_MQTT__USERNAME"
PASSWORD_VARIABLE: Final = "BRIDGE_MQTT__PASSWORD"  # noqa: S105  # a name, no password
CONNECT_SECONDS: Final = 5.0
RESULT_SECONDS: Final = 10.0
"""How long `pub` waits for the final result of a command."""

ProtocolName = Literal["5", "3.1.1"]
_VERSIONS: Final[Mapping[ProtocolName, aiomqtt.ProtocolVersion]] = {
    "5": aiomqtt.ProtocolVersion.V5,
    "3.1.1": aiomqtt.ProtocolVersion.V311,
}
_BAD_CREDENTIALS: Final = frozenset({4, 5, 0x86, 0x87})
"""CONNACK codes of MQTT 3.1.1 (table 3.1) and 5 (table 3-1) that blame the user or password."""
_FIRST_FAILURE: Final = 0x80
_NO_DELAY: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class ToolError(Exception):
    """It cannot be done; the message says what to change."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        """Take a sentence for people and the exit code."""
        super().__init__(message)
        self.code = code


class Message(NamedTuple):
    """A message as it arrived."""

    topic: str
    payload: bytes
    retain: bool


# --- connecting -----------------------------------------------------------------------------


@asynccontextmanager
async def connected(
    address: BrokerAddress, protocol: ProtocolName | None = None
) -> AsyncIterator[aiomqtt.Client]:
    """Hold a connection to a broker; without `protocol` MQTT 5, else 3.1.1 where that fails.

    Raises:
        ToolError: There is no connection, or it ended.
    """
    client = await _connect(address, protocol)
    try:
        yield client
    except aiomqtt.MqttError as error:
        raise ToolError(f"the connection to {address} ended: {error}") from error
    finally:
        with contextlib.suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)


async def protocol_of(url: str) -> ProtocolName:
    """Return the newest version of MQTT that the broker speaks.

    Raises:
        ToolError: There is no connection.
        BrokerUrlError: It is no URL of a broker.
    """
    address = BrokerAddress.parse(url)
    refusal: ToolError | None = None
    for version in _VERSIONS:
        try:
            async with connected(address, version):
                return version
        except ToolError as error:
            refusal = error
    raise refusal or ToolError(f"no connection to {address}")


async def _connect(address: BrokerAddress, protocol: ProtocolName | None) -> aiomqtt.Client:
    refusal: ToolError | None = None
    for version in (protocol,) if protocol else _VERSIONS:
        client = _client(address, version)
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            refusal = _explained(error, address)
            if isinstance(error.__context__, OSError) or _blames_us(error):
                break
        else:
            return client
    raise refusal or ToolError(f"no connection to {address}")


def _client(address: BrokerAddress, protocol: ProtocolName) -> aiomqtt.Client:
    return aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        protocol=_VERSIONS[protocol],
        timeout=CONNECT_SECONDS,
        transport="websockets" if address.websocket else "tcp",
        websocket_path=address.path if address.websocket else None,
        tls_context=ssl.create_default_context() if address.encrypted else None,
        socket_options=_NO_DELAY,
    )


def _code(error: aiomqtt.MqttError) -> int | None:
    reason = getattr(error, "rc", None)
    return getattr(reason, "value", reason)


def _blames_us(error: aiomqtt.MqttError) -> bool:
    return _code(error) in _BAD_CREDENTIALS


def _explained(error: aiomqtt.MqttError, address: BrokerAddress) -> ToolError:
    if _blames_us(error):
        return ToolError(
            f"{address} refuses this user or password: give them in the URL, "
            "mqtt://user:password@host, special characters as %XX"
        )
    if isinstance(error.__context__, ssl.SSLError):
        return ToolError(f"{address}: TLS failed: {error}")
    return ToolError(
        f"no broker at {address}: {error}. Is it running, and are host and port right? (--url)"
    )


async def _subscribe(client: aiomqtt.Client, filters: Sequence[str]) -> None:
    """Subscribe at QoS 1. Raises ToolError where that is not possible or not allowed."""
    try:
        codes = await client.subscribe([(each, 1) for each in filters])
    except ValueError:
        raise ToolError(
            f"{' '.join(filters)!r} is no topic filter: # may only stand at the end, and + and # "
            "only between slashes",
            WRONG_USAGE,
        ) from None
    for each, code in zip(filters, codes, strict=False):
        number: Any = getattr(code, "value", code)  # MQTT 5: a ReasonCode
        if number >= _FIRST_FAILURE:
            raise ToolError(f"the broker does not let this user subscribe to {each!r}")


async def _messages(client: aiomqtt.Client, filters: Sequence[str]) -> AsyncIterator[Message]:
    """Yield what was subscribed to: amqtt also sends what others have subscribed to."""
    async for message in client.messages:
        if any(message.topic.matches(each) for each in filters):
            yield Message(message.topic.value, bytes(message.payload), message.retain)


async def follow(
    url: str, filters: Sequence[str], protocol: ProtocolName | None = None
) -> AsyncGenerator[Message, None]:
    """Yield what comes on topic filters, the retained messages first, until cancelled.

    Raises:
        ToolError: There is no connection, it ended, or the filters are not allowed.
        BrokerUrlError: It is no URL of a broker.
    """
    async with connected(BrokerAddress.parse(url), protocol) as client:
        await _subscribe(client, filters)
        async for message in _messages(client, filters):
            yield message


# --- pub ------------------------------------------------------------------------------------


def add_pub_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pub` to a parser."""
    parser.add_argument("topic", metavar="TOPIC", help="e.g. ocpp/v1/cs/STATION/1/cmd/me/limit")
    parser.add_argument("message", metavar="MESSAGE", help="""e.g. '{"limitA":10}'""")
    _add_url_argument(parser)
    parser.add_argument("--retain", action="store_true", help="let the broker keep the message")
    parser.add_argument(
        "--wait",
        type=float,
        metavar="SECONDS",
        default=RESULT_SECONDS,
        help="how long to wait for the final result of a command (default: %(default)g; 0: not)",
    )


def _add_url_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        help=f"broker, mqtt://[user:password@]host[:port] (default: {URL_VARIABLE}, "
        f"else {DEFAULT_URL})",
    )


async def pub(namespace: argparse.Namespace) -> int:
    """Publish one message; of a command, print its results until the final one.

    Returns 0 where it was published, and a command was done; 1 where not; 2 for wrong usage.
    """
    try:
        return await _pub(namespace)
    except ToolError as error:
        return _complain(error)


async def _pub(namespace: argparse.Namespace) -> int:
    topic: str = namespace.topic
    _check_topic(topic)
    address = _address(namespace.url)
    results = result_topic(topic) if namespace.wait > 0 else None
    async with connected(address) as client:
        if results is not None:
            await _subscribe(client, [results])
        await client.publish(topic, namespace.message, qos=1, retain=namespace.retain)
        if results is None:
            return DONE
        return await _print_results(client, results, namespace.message, namespace.wait)


def _check_topic(topic: str) -> None:
    if not topic or "+" in topic or "#" in topic or "\0" in topic:
        raise ToolError(
            f"{topic!r} is no topic to publish to: it must be without + and #", WRONG_USAGE
        )


def result_topic(topic: str) -> str | None:
    """Return where the results of a command come; None where the topic is no command's."""
    segments = topic.split("/")
    match segments[-3:]:
        case ["cmd", controller, name]:
            return "/".join([*segments[:-3], "res", controller, name])
        case ["set", controller, name]:
            return "/".join([*segments[:-3], "res", controller, f"set_{name}"])
    return None


async def _print_results(client: aiomqtt.Client, topic: str, message: str, seconds: float) -> int:
    wanted = _command_id(message)
    try:
        async with asyncio.timeout(seconds):
            async for each in _messages(client, [topic]):
                result = _result(each.payload)
                if wanted is not None and result.get("id") != wanted:
                    continue
                _print(each)
                if result.get("final", True):
                    return DONE if result.get("status") == "done" else FAILED
    except TimeoutError:
        pass
    raise ToolError(
        f"published, but no final result came within {seconds:g} s: is the bridge running on "
        "this broker, is the station's id right, and may this user write and read there?"
    )


def _command_id(message: str) -> str | None:
    found = _result(message.encode(errors="replace")).get("id")
    return found if isinstance(found, str) else None


def _result(payload: bytes) -> dict[str, Any]:
    try:
        result = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return result if isinstance(result, dict) else {}


# --- sub ------------------------------------------------------------------------------------


def add_sub_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `sub` to a parser."""
    parser.add_argument("topics", metavar="TOPIC", nargs="+", help="may contain + and #")
    _add_url_argument(parser)
    parser.add_argument("--count", type=int, metavar="N", help="end after N messages")
    parser.add_argument("--seconds", type=float, metavar="N", help="end after N seconds")


async def sub(namespace: argparse.Namespace) -> int:
    """Print each message on the topics as one line: time, topic, payload.

    Returns 0 at the end of what was asked for, 1 where `--count` messages did not come in time
    or the connection failed, 2 for wrong usage.
    """
    try:
        return await _sub(namespace)
    except ToolError as error:
        return _complain(error)


async def _sub(namespace: argparse.Namespace) -> int:
    address = _address(namespace.url)
    count: int | None = namespace.count
    try:
        async with asyncio.timeout(namespace.seconds), connected(address) as client:
            await _subscribe(client, namespace.topics)
            async for message in _messages(client, namespace.topics):
                _print(message)
                if count is not None:
                    count -= 1
                    if count <= 0:
                        break
    except TimeoutError:
        return DONE if count is None else FAILED
    return DONE


# --- printing -------------------------------------------------------------------------------


def _address(url: str | None) -> BrokerAddress:
    environment = os.environ
    try:
        if url is not None:
            return BrokerAddress.parse(url)
        return BrokerAddress.parse(
            environment.get(URL_VARIABLE) or DEFAULT_URL,
            username=environment.get(USERNAME_VARIABLE),
            password=environment.get(PASSWORD_VARIABLE),
        )
    except BrokerUrlError as error:
        raise ToolError(str(error), WRONG_USAGE) from error


def _print(message: Message) -> None:
    now = time.strftime("%H:%M:%S")
    sys.stdout.write(f"{now} {_one_line(message.topic)} {one_line(message.payload)}\n")
    sys.stdout.flush()


def one_line(payload: bytes) -> str:
    """Return a payload as one line of text that leaves the terminal alone."""
    return _one_line(payload.decode(errors="backslashreplace"))


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _complain(error: ToolError) -> int:
    sys.stderr.write(f"error: {error}\n")
    return error.code
