"""A bridge as its users have it: in this process, or as a program that can be killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from bridge.app import Application, application
from bridge.config import load_config
from bridge.config.model import CommandsSection
from bridge.config.stations import StationDefaults
from bridge.demo.broker import free_port
from tests.brokers import LOOPBACK, Broker

REPOSITORY: Final = Path(__file__).parents[2]
START_SECONDS: Final = 15.0
STOP_SECONDS: Final = 5.0
"""How long a bridge may take to end (delivery.md, F14)."""
INSTALLATION_MAX_A: Final = 32

Options = Mapping[str, Mapping[str, Any]]
"""Configuration by section and key, over what every test has."""
AT_ONCE: Final[Options] = {
    "commands": {"min_increase_interval_seconds": 0},
    "stations": {"defaults": {"increase_hold_seconds": 0, "min_decrease_interval_seconds": 0}},
}
"""Every limit is written as soon as it is decided: most tests are not about the pace."""
PACED: Final[Options] = {
    "commands": {"min_increase_interval_seconds": CommandsSection().min_increase_interval_seconds},
    "stations": {
        "defaults": {
            key: getattr(StationDefaults(), key)
            for key in ("increase_hold_seconds", "min_decrease_interval_seconds")
        }
    },
}
"""The pace as it is shipped."""
ASKING: Final[Options] = {"stations": {"defaults": {"automatic_calls": True}}}
"""The bridge asks stations of its own accord, as it is shipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """A bridge that runs in this process."""

    app: Application

    @property
    def url(self) -> str:
        """Where stations connect, without their id."""
        return f"ws://{LOOPBACK}:{self.app.server.port}"

    @property
    def counts(self) -> dict[str, float]:
        return self.app.counters.snapshot()

    async def at_rest(self) -> None:
        """Return when all that was said so far is handled, and the broker has what came of it.

        What waits for its time (readings, at most once a second) does not count.
        """
        await self.app.engine.idle()
        publisher = self.app.engine._services.publisher
        assert await publisher._wait_for(publisher._is_idle, 10)  # type: ignore[attr-defined]


@asynccontextmanager
async def running_bridge(
    broker: Broker, data_dir: Path, options: Options | None = None
) -> AsyncIterator[Bridge]:
    """Run a bridge while in the context."""
    values = configuration(broker, data_dir, options or {})
    async with application(load_config(overrides=values)) as app:
        await app.link.wait_connected(START_SECONDS)
        yield Bridge(app=app)


def configuration(
    broker: Broker, data_dir: Path, options: Options, listen: str = f"{LOOPBACK}:0"
) -> dict[str, dict[str, Any]]:
    """Return what every test has, with these options over it."""
    values: Options = {
        "bridge": {"data_dir": str(data_dir)},
        "mqtt": {
            "url": broker.url,
            "root": broker.root,
            "protocol": "5" if broker.mqtt5 else "3.1.1",
            "client_id": f"bridge-{broker.root}",
            "discovery": "off",
        },
        "ocpp": {"listen": listen},
        "http": {"listen": ""},
        "stations": {
            "unknown": "accept",
            "defaults": {"installation_max_a": INSTALLATION_MAX_A, "automatic_calls": False},
        },
    }
    return merged(values, AT_ONCE, options)


def merged(*options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of these, the later ones over the earlier ones, tables key by key."""
    result: dict[str, Any] = {}
    for each in options:
        for key, value in each.items():
            before = result.get(key)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                result[key] = merged(before, value)
            else:
                result[key] = value
    return result


class BridgeProgram:
    """`python -m bridge run` with a port and a data directory that outlive it."""

    def __init__(self, broker: Broker, directory: Path, options: Options | None = None) -> None:
        """Write its configuration; `start` runs it."""
        self.port = free_port()
        self.log = directory / "bridge.log"
        self._process: asyncio.subprocess.Process | None = None
        self.file = directory / "bridge.toml"
        values = configuration(
            broker, directory / "data", options or {}, f"{LOOPBACK}:{self.port}"
        )
        self.file.write_text(_toml(values), encoding="utf-8")

    @property
    def url(self) -> str:
        return f"ws://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Run it; returns once stations can connect."""
        environment = {name: value for name, value in os.environ.items() if name[:7] != "BRIDGE_"}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bridge", "run", "--config", str(self.file)),
                cwd=REPOSITORY,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(START_SECONDS):
            while not await self._listens():
                assert self._process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.02)

    async def stop(self) -> int:
        """End it by SIGTERM; return its exit code. Raises TimeoutError after five seconds."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    async def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            await self.kill()

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None, "the bridge does not run"
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _listens(self) -> bool:
        try:
            _reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def _toml(values: Mapping[str, Any]) -> str:
    """Return the values as TOML: tables as dotted keys, everything else as JSON writes it."""
    return "".join(f"{line}\n" for line in _lines("", values))


def _lines(prefix: str, value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{prefix} = {orjson.dumps(value).decode()}"]
    dot = f"{prefix}." if prefix else ""
    return [
        line
        for key, part in value.items()
        for line in _lines(f"{dot}{orjson.dumps(key).decode()}", part)
    ]
