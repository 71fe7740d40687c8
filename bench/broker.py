"""The broker of the measurements: the one given, else an own Mosquitto, else amqtt."""

import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.process import LOOPBACK, start_logged, stop_process, wait_for_port
from bridge.demo.broker import free_port

MOSQUITTO_CONF: Final = """\
listener {port} {host}
allow_anonymous true
set_tcp_nodelay true
max_inflight_messages 2000
max_queued_messages 0
persistence false
log_type error
"""

BROKER_LOG: Final = "broker.log"

_AMQTT_PROGRAM: Final = """\
import asyncio, sys
from amqtt.broker import Broker
async def main():
    listener = {"type": "tcp", "bind": sys.argv[1], "max_connections": 0}
    broker = Broker({"listeners": {"default": listener}, "plugins": {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}})
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A running broker."""

    url: str
    name: str
    protocol: str
    """Newest MQTT version it speaks, as the bridge's configuration spells it: `5` or `3.1.1`."""
    pid: int | None = None
    """Of a broker of our own, which may be frozen."""

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze a broker of our own while in the context: its links stay open and silent."""
        if self.pid is None:
            raise ValueError("only a broker of our own can be frozen")
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


def find_mosquitto() -> str | None:
    """Return the path of Mosquitto; Debian installs it where a user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@asynccontextmanager
async def run_broker(url: str | None, directory: Path) -> AsyncIterator[Broker]:
    """Use the broker at `url`, or run an own one on a free loopback port while in the context."""
    if url is not None:
        yield Broker(url=url, name=f"given: {url.rpartition('@')[2]}", protocol="5")
        return
    port = free_port()
    process, name, protocol = await _start(port, directory)
    try:
        await wait_for_port(port, process, directory / BROKER_LOG)
        url = f"mqtt://{LOOPBACK}:{port}"
        yield Broker(url=url, name=name, protocol=protocol, pid=process.pid)
    finally:
        await stop_process(process)


async def _start(port: int, directory: Path) -> tuple[Process, str, str]:
    program = find_mosquitto()
    log = directory / BROKER_LOG
    if program is None:
        command = [sys.executable, "-c", _AMQTT_PROGRAM, f"{LOOPBACK}:{port}"]
        process = await start_logged(command, log)
        return process, "amqtt (no Mosquitto found: figures are the broker's limit)", "3.1.1"
    configuration = directory / "mosquitto.conf"
    configuration.write_text(MOSQUITTO_CONF.format(port=port, host=LOOPBACK))
    process = await start_logged([program, "-c", str(configuration)], log)
    return process, "mosquitto", "5"
