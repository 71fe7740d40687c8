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
    own: "OwnBroker | None" = None
    """None for a given one, which cannot be frozen or killed."""

    @property
    def pid(self) -> int | None:
        """Process of a broker of our own."""
        return None if self.own is None else self.own.pid

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
    own = OwnBroker(free_port(), directory)
    try:
        await own.start()
        yield Broker(url=own.url, name=own.name, protocol=own.protocol, own=own)
    finally:
        await own.stop()


class OwnBroker:
    """A broker process on a loopback port; it keeps nothing on disk."""

    def __init__(self, port: int, directory: Path) -> None:
        """Set up without a process; configuration and log go to `directory`."""
        self.url = f"mqtt://{LOOPBACK}:{port}"
        self._port = port
        self._log = directory / BROKER_LOG
        self._process: Process | None = None
        program = find_mosquitto()
        if program is None:
            self.name = "amqtt (no Mosquitto found: figures are the broker's limit)"
            self.protocol = "3.1.1"
            self._command = [sys.executable, "-c", _AMQTT_PROGRAM, f"{LOOPBACK}:{port}"]
        else:
            self.name = "mosquitto"
            self.protocol = "5"
            configuration = directory / "mosquitto.conf"
            configuration.write_text(MOSQUITTO_CONF.format(port=port, host=LOOPBACK))
            self._command = [program, "-c", str(configuration)]

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            ChildProcessError: it ended instead.
            TimeoutError: it did not listen within 30 s.
        """
        self._process = await start_logged(self._command, self._log)
        await wait_for_port(self._port, self._process, self._log)

    async def kill(self) -> None:
        """SIGKILL: all that it knew is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM."""
        if self._process is not None:
            await stop_process(self._process)
