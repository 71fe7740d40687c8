"""Publisher and subscriber on a real link to a real broker, with what is around them in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self

from bridge.domain.commands import Command, CommandRef, Refusal
from bridge.domain.credentials import LoggedIn
from bridge.domain.enums import Registration
from bridge.domain.events import StationMessage
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.domain.security import Incident
from bridge.domain.settings import StationSettings
from bridge.engine.clock import RandomIds, SystemClock
from bridge.engine.testing import MemoryJournal
from bridge.mqtt.link import Link
from bridge.mqtt.mapping import Documents, TokenMask
from bridge.mqtt.publisher import MqttPublisher, presence
from bridge.mqtt.settings import BrokerAddress, MqttSettings
from bridge.mqtt.subscriber import Subscriber
from bridge.mqtt.topics import Topics
from bridge.ports import Commit, Journal, OutboxMessage, StoredMessage
from bridge.telemetry.counters import Counters

PATIENCE_SECONDS: Final = 20.0


class Inbox:
    """Takes every command and refusal, durable at once, unless the disk is full."""

    def __init__(self) -> None:
        self.full = False
        self.turned_away = 0
        self.commands: list[tuple[StationId, Command]] = []
        self.refusals: list[tuple[StationId, CommandRef, Refusal]] = []

    def command(
        self,
        station_id: StationId,
        command: Command,
        body_hash: str,
        on_durable: Callable[[bool], None],
    ) -> None:
        if self.full:
            self.turned_away += 1
        else:
            self.commands.append((station_id, command))
        on_durable(not self.full)

    def refuse(
        self,
        station_id: StationId,
        ref: CommandRef,
        refusal: Refusal,
        on_durable: Callable[[bool], None],
        body_hash: str = "",
    ) -> None:
        self.refusals.append((station_id, ref, refusal))
        on_durable(True)

    def logged_in(self, station_id: StationId, login: LoggedIn) -> None:
        raise AssertionError("stations are not here")

    def security(self, station_id: StationId, incident: Incident) -> None:
        raise AssertionError("stations are not here")

    def admit(self, station_id: StationId) -> bool:
        raise NotImplementedError

    def connected(
        self, station_id: StationId, version: str, connection_id: str, remote: str
    ) -> None:
        raise NotImplementedError

    def disconnected(self, station_id: StationId, connection_id: str) -> None:
        raise NotImplementedError

    def receive(
        self, station_id: StationId, message: StationMessage, respond: Callable[[Any], None]
    ) -> bool:
        raise NotImplementedError


class Rig:
    """The bridge's MQTT side."""

    def __init__(self, settings: MqttSettings, journal: Journal) -> None:
        self.counters = Counters()
        self.topics = Topics(settings.root, settings.bridge_id)
        self.inbox = Inbox()
        self.journal = journal
        clock, ids = SystemClock(), RandomIds()
        self.link = Link(
            settings, ids=ids, metrics=self.counters, will=presence(self.topics, "offline")
        )
        self.publisher = MqttPublisher(
            link=self.link,
            journal=journal,
            documents=Documents(settings.bridge_id, TokenMask(None), lambda _: StationSettings()),
            topics=self.topics,
            settings=settings,
            clock=clock,
            ids=ids,
            metrics=self.counters,
        )
        self.subscriber = Subscriber(
            link=self.link,
            inbox=self.inbox,
            topics=self.topics,
            settings=settings,
            clock=clock,
            ids=ids,
            metrics=self.counters,
        )
        self.link.add_listener(self.publisher)
        self.link.add_listener(self.subscriber)

    async def publish(self, *messages: OutboxMessage) -> Sequence[StoredMessage]:
        stored = await self.journal.commit(Commit(messages=messages))
        self.publisher.publish(stored)
        return stored

    def count(self, name: str) -> float:
        return self.counters.snapshot().get(name, 0)

    async def until_idle(self) -> None:
        """Return when all that was to be published is acknowledged."""
        await eventually(lambda: self.link.connected and self.publisher._is_idle())

    async def until_acknowledged(self) -> None:
        """Return when nothing is in flight, also of what the subscriber sends."""
        await eventually(lambda: self.link.connected and self.link.room == self.link._window)


@asynccontextmanager
async def running(
    url: str, *, journal: Journal | None = None, connect: bool = True, **changes: Any
) -> AsyncIterator[Rig]:
    values: dict[str, Any] = {
        "address": BrokerAddress.parse(url),
        "backoff_min_seconds": 0.05,
        "backoff_max_seconds": 0.2,
        "client_id": f"rig-{id(changes):x}",
    }
    rig = Rig(MqttSettings(**values | changes), journal or MemoryJournal())
    rig.link.start()
    try:
        if connect:
            await rig.link.wait_connected(PATIENCE_SECONDS)
        yield rig
    finally:
        rig.publisher.close()
        await rig.link.stop()


async def eventually(condition: Callable[[], Any], timeout: float = PATIENCE_SECONDS) -> None:
    """Return when something has become true that nobody signals."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)


def station(station_id: str, *, online: bool = True) -> Station:
    return Station(
        id=StationId(station_id),
        registration=Registration.ACCEPTED,
        online=online,
        version="2.0.1",
        evses={1: Evse(id=1)},
    )


class Gate:
    """A TCP forwarder that a test opens and shuts; connections through it are cut at shutting."""

    def __init__(self, port: int, *, poison: bytes | None = None) -> None:
        """Forward to a port of the loopback; cut a connection on which `poison` is sent."""
        self._target = port
        self._poison = poison
        self.poisoned = 0
        self._open = True
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.shut()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    def open(self) -> None:
        self._open = True

    def shut(self) -> None:
        self._open = False
        for task in self._tasks:
            task.cancel()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                if self._open:
                    await self._join(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            forth = asyncio.create_task(self._pump(reader, inner_writer))
            back = asyncio.create_task(self._pump(inner_reader, writer))
            try:
                await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                forth.cancel()
                back.cancel()
                await asyncio.gather(forth, back, return_exceptions=True)
        finally:
            inner_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self._poison is not None and self._poison in data:
                self.poisoned += 1
                return
            writer.write(data)
            await writer.drain()
