"""Simulate charge controllers until told to stop."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.websockets import WebSocket

from bridge.simulator.secc.driver import SeccDriver
from bridge.simulator.secc.model import SeccModel, SeccSnapshot
from bridge.simulator.secc.mqtt import SeccMqtt
from bridge.simulator.secc.options import SeccOptions
from bridge.simulator.secc.web import SeccServer, SeccWeb

LOGGER: Final = logging.getLogger("bridge.simulator")
TICK_S: Final = 0.2

OnChange = Callable[[SeccSnapshot], None]


class SeccRunner:
    """One SECC with its faces and its driver; for tests also a handle on it."""

    def __init__(
        self, options: SeccOptions, index: int = 0, on_change: OnChange | None = None
    ) -> None:
        """Set it up; `run` makes it live."""
        name = f"SECC{index + 1:03d}"
        now = _utc_now()
        self.model = SeccModel(name, options, now=now, new_id=_new_id)
        self._driver = SeccDriver(
            script=options.script,
            model=self.model,
            speed=options.speed,
            begins_at=now + timedelta(seconds=options.start_delay_s),
        )
        self._web = SeccWeb(self.model, self.advance)
        port = options.port and options.port + index
        self._server = SeccServer(self._web.app, options.host, port)
        self._on_change = on_change
        self._seen = self.model.snapshot
        self._client_id = options.client_id + (f"-{index + 1}" if index else "")

    @property
    def url(self) -> str:
        """Where REST and WebSocket are, without a path."""
        host = self.model.options.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._server.port}"

    @property
    def sockets(self) -> list[WebSocket]:
        """The clients of its WebSocket, to hang up on them."""
        return list(self._web.sockets)

    def advance(self) -> None:
        """Bring the model up to the present moment, and tell who watches."""
        now = _utc_now()
        self.model.tick(now)
        self._driver.tick(now)
        seen = self.model.snapshot
        if seen != self._seen:
            for line in describe_changes(self._seen, seen):
                LOGGER.info("%s: %s", self.model.name, line)
            self._seen = seen
            if self._on_change is not None:
                self._on_change(seen)

    async def start(self) -> None:
        """Listen for REST and WebSocket. Raises OSError where that cannot be."""
        await self._server.start()
        LOGGER.info("%s: %s", self.model.name, self.url)

    async def run(self) -> None:
        """Live until cancelled; `start` comes before."""
        try:
            async with asyncio.TaskGroup() as faces:
                faces.create_task(self._beat())
                if self.model.options.mqtt_url:
                    mqtt = SeccMqtt(self.model, self._client_id, self.advance)
                    faces.create_task(mqtt.run())
        finally:
            await self._server.stop()

    async def _beat(self) -> None:
        while True:
            self.advance()
            await asyncio.sleep(TICK_S)


async def simulate_secc(
    options: SeccOptions, stop: asyncio.Event, on_change: OnChange | None = None
) -> None:
    """Run all SECCs of `options` in this event loop until `stop` is set.

    Raises OSError where a port cannot be listened on.
    """
    runners = [SeccRunner(options, index, on_change) for index in range(options.count)]
    for runner in runners:
        await runner.start()
    async with asyncio.TaskGroup() as seccs:
        tasks = [seccs.create_task(runner.run()) for runner in runners]
        stopping = seccs.create_task(stop.wait())
        await stopping
        for task in tasks:
            task.cancel()


def describe_changes(before: SeccSnapshot, after: SeccSnapshot) -> Iterator[str]:
    """Yield one line for each change that a person wants to read."""
    if before.plugged != after.plugged:
        yield "car plugged in" if after.plugged else "car unplugged"
    if before.session_id != after.session_id:
        yield f"session {after.session_id}"
    if before.state is not after.state:
        yield f"{before.state} -> {after.state}"
    if (before.available_a, before.source) != (after.available_a, after.source):
        yield f"{after.available_a:g} A available ({after.source})"
    if before.phases != after.phases and after.plugged and before.plugged:
        yield f"charges on {after.phases} phase{'s' * (after.phases > 1)}"


def _utc_now() -> datetime:
    return datetime.now(tz=UTC)


def _new_id() -> str:
    return str(uuid.uuid4())
