"""The broker of the demo, in this order: the one given, Mosquitto, amqtt (mqtt-api.md, Brokers).

* Given by URL: used as it is, after a look whether it is there and lets us in.
* Mosquitto, where it is installed: an own process on the loopback with temporary configuration.
* Else amqtt inside this process, MQTT 3.1.1 only: no MQTT 5, no queue for clients that are away.
  Good enough to see the bridge work, never for more.
"""

import asyncio
import logging
import os
import random
import shutil
import socket
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bridge.mqtt.settings import BrokerUrlError
from bridge.mqtt.tools import ToolError, protocol_of

__all__ = [
    "BrokerError",
    "BrokerHandle",
    "demo_broker",
    "find_mosquitto",
    "free_port",
    "usable_port",
]

_LOOPBACK: Final = "127.0.0.1"
_USUAL_PORT: Final = 1883
_NEVER_OUTGOING: Final = range(15_000, 32_000)
"""Outgoing connections have ports from 32768 on (Linux), or 49152 (IANA)."""
_PORTS_TRIED: Final = 100
_STOP_SECONDS: Final = 2.0
_START_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.02

# TCP_NODELAY on both sides: one side alone can be worse than neither (QoS 1 round trip of 42 ms).
_MOSQUITTO_CONF: Final = """\
listener {port} {host}
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 100000
log_dest stdout
log_type error
log_type warning
"""


class BrokerError(Exception):
    """There is no broker to use; the message says what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerHandle:
    """A broker that answers."""

    url: str
    """Where clients connect, with user and password where it was given with them."""
    kind: Literal["given", "mosquitto", "amqtt"]
    mqtt5: bool
    """False: connect with MQTT 3.1.1."""
    persistent: bool
    """Keeps QoS 1 messages for a client that is away; assumed of a broker that was given."""


@asynccontextmanager
async def demo_broker(
    url: str | None = None,
    port: int | None = None,
    on_log: Callable[[str], None] = lambda _line: None,
) -> AsyncIterator[BrokerHandle]:
    """Use the broker at `url`, or run one on the loopback while in the context.

    Args:
        url: A broker to use as it is; nothing is started.
        port: TCP port of an own broker; without it 1883 where that is free, else a free one.
        on_log: Gets one line about what was chosen, and the broker's own warnings.

    Raises:
        BrokerError: There is none; the message says what to do.
    """
    async with _choose(url, port, on_log) as handle:
        yield handle


def _choose(
    url: str | None, port: int | None, on_log: Callable[[str], None]
) -> AbstractAsyncContextManager[BrokerHandle]:
    if url is not None:
        return _given(url, on_log)
    program = find_mosquitto()
    if program is not None:
        return _mosquitto(program, _broker_port(port), on_log)
    return _amqtt(_broker_port(port), on_log)


def find_mosquitto() -> str | None:
    """Return Mosquitto's path; Debian installs it where an ordinary user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which(
        "mosquitto", path=os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"))
    )


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on now.

    For a process that is started a moment later, and perhaps again: so none of those that the
    system gives to outgoing connections, of which one could take it meanwhile.
    """
    for port in random.sample(_NEVER_OUTGOING, _PORTS_TRIED):
        if _is_free(port):
            return port
    raise BrokerError(f"no port is free among {_PORTS_TRIED} tried below {_NEVER_OUTGOING.stop}")


def usable_port(wanted: int | None, *, usual: int, advice: str) -> int:
    """Return the wanted port of the loopback, else the usual one where it is free, else any.

    Raises:
        BrokerError: The wanted one is taken; the message ends with `advice`.
    """
    if _is_free(wanted or usual):
        return wanted or usual
    if wanted is None:
        return free_port()
    raise BrokerError(f"port {wanted} is taken: {advice}")


def _broker_port(wanted: int | None) -> int:
    url = f"mqtt://{_LOOPBACK}:{wanted}"
    advice = (
        "choose another with --mqtt-port, or use the broker that listens there with "
        f"--broker {url}"
    )
    return usable_port(wanted, usual=_USUAL_PORT, advice=advice)


def _is_free(port: int) -> bool:
    """Return whether we can listen on `port` and nobody else does.

    A connection just closed there (TIME_WAIT) does not count: the demo keeps its port when it is
    started again. Some systems let us have a port of the loopback that another listens on at
    0.0.0.0, hence the look whether somebody answers.
    """
    try:
        socket.create_server((_LOOPBACK, port)).close()
    except OSError:
        return False
    try:
        socket.create_connection((_LOOPBACK, port), timeout=_STOP_SECONDS).close()
    except OSError:
        return True
    return False


@asynccontextmanager
async def _given(url: str, on_log: Callable[[str], None]) -> AsyncIterator[BrokerHandle]:
    try:
        protocol = await protocol_of(url)
    except (ToolError, BrokerUrlError) as error:
        raise BrokerError(str(error)) from None  # the cause may show a password
    on_log(f"broker: the given one, MQTT {protocol}")
    yield BrokerHandle(url=url, kind="given", mqtt5=protocol == "5", persistent=True)


@asynccontextmanager
async def _mosquitto(
    program: str, port: int, on_log: Callable[[str], None]
) -> AsyncIterator[BrokerHandle]:
    url = f"mqtt://{_LOOPBACK}:{port}"
    with tempfile.TemporaryDirectory(prefix="bridge-demo-") as directory:
        process = await _start_mosquitto(program, port, Path(directory))
        log = asyncio.create_task(_forward_log(process, on_log), name="mosquitto-log")
        try:
            await _wait_until_it_listens(process, port)
            on_log(f"broker: {program} on {url}, own process, nothing is kept")
            yield BrokerHandle(url=url, kind="mosquitto", mqtt5=True, persistent=True)
        finally:
            await _stop(process)
            await log


async def _start_mosquitto(program: str, port: int, directory: Path) -> Process:
    configuration = directory / "mosquitto.conf"
    lines = _MOSQUITTO_CONF.format(port=port, host=_LOOPBACK)
    configuration.write_text(lines, encoding="utf-8")
    # A session of its own: Ctrl-C in the terminal is for the demo, which stops the broker last, so
    # that the bridge can still say goodbye.
    return await asyncio.create_subprocess_exec(
        program,
        *("-c", str(configuration)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )


async def _forward_log(process: Process, on_log: Callable[[str], None]) -> None:
    if process.stdout is not None:
        async for line in process.stdout:
            on_log(f"mosquitto: {line.decode(errors='replace').rstrip()}")


async def _wait_until_it_listens(process: Process, port: int) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await _listens(port):
                if process.returncode is not None:
                    raise BrokerError(
                        f"mosquitto ended at once (exit code {process.returncode}), its log is "
                        "above; use another broker with --broker mqtt://host"
                    )
                await asyncio.sleep(_RETRY_SECONDS)
    except TimeoutError:
        raise BrokerError(
            f"mosquitto did not open port {port} within {_START_SECONDS:.0f} s; use another "
            "broker with --broker mqtt://host"
        ) from None


async def _listens(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection(_LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def _stop(process: Process) -> None:
    """End the broker politely, and by force where that takes more than two seconds."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def _amqtt(port: int, on_log: Callable[[str], None]) -> AsyncIterator[BrokerHandle]:
    try:
        from amqtt.broker import Broker  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        raise BrokerError(
            "no broker to run: install Mosquitto (Debian, Ubuntu: apt install mosquitto; macOS: "
            "brew install mosquitto), or pip install 'ocpp-mqtt-bridge[demo]', or use one with "
            "--broker mqtt://host"
        ) from None
    for talkative in ("amqtt", "transitions"):
        logging.getLogger(talkative).setLevel(logging.CRITICAL)
    url = f"mqtt://{_LOOPBACK}:{port}"
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{_LOOPBACK}:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    await broker.start()
    try:
        on_log(f"broker: amqtt on {url}, MQTT 3.1.1 only; for more than a look install Mosquitto")
        yield BrokerHandle(url=url, kind="amqtt", mqtt5=False, persistent=False)
    finally:
        await broker.shutdown()
