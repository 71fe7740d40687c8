"""An inbox of a few lines and a way to run the OCPP server, for tests of bridge.ocpp."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from websockets.asyncio.client import ClientConnection, connect
from websockets.protocol import State

from bridge.domain.commands import Command, CommandRef, Refusal
from bridge.domain.credentials import OPEN, Access, GoodPassword, LoggedIn
from bridge.domain.effects import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    NotAccepted,
    Reply,
    TransactionReply,
)
from bridge.domain.enums import Registration
from bridge.domain.events import Authorize, BootNotification, StationMessage, TransactionEvent
from bridge.domain.ids import StationId
from bridge.domain.passwords import PlainPassword
from bridge.domain.security import Incident
from bridge.domain.settings import StationAuth
from bridge.domain.tokens import ACCEPTED
from bridge.engine.clock import SystemClock
from bridge.ocpp.server import OcppServer
from bridge.ocpp.settings import OcppSettings
from tests.records import replace

Respond = Callable[[Reply | None], None]


@dataclass
class MemoryInbox:
    """Takes everything in and answers it at once, unless told to hold the answers back."""

    refused: set[str] = field(default_factory=set)
    not_accepted: set[str] = field(default_factory=set)
    holding: bool = False
    high_mark: int = 1_000_000
    messages: list[tuple[str, StationMessage]] = field(default_factory=list)
    held: list[tuple[StationMessage, Respond]] = field(default_factory=list)
    connections: list[tuple[str, str]] = field(default_factory=list)
    """Station and what happened: the version at connecting, "gone" at disconnecting."""
    logins: list[tuple[str, LoggedIn]] = field(default_factory=list)
    """Those that change what is asked of the station."""
    incidents: list[tuple[str, Incident]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def security(self, station_id: StationId, incident: Incident) -> None:
        self.incidents.append((station_id, incident))
        self._wake()

    def logged_in(self, station_id: StationId, login: LoggedIn) -> None:
        self.logins.append((station_id, login))

    def admit(self, station_id: StationId) -> bool:
        return station_id not in self.refused

    def connected(
        self, station_id: StationId, version: str, connection_id: str, remote: str
    ) -> None:
        self.connections.append((station_id, version))
        self._wake()

    def disconnected(self, station_id: StationId, connection_id: str) -> None:
        self.connections.append((station_id, "gone"))
        self._wake()

    def receive(self, station_id: StationId, message: StationMessage, respond: Respond) -> bool:
        self.messages.append((station_id, message))
        if self.holding:
            self.held.append((message, respond))
        elif station_id in self.not_accepted and not isinstance(message, BootNotification):
            respond(NotAccepted())
        else:
            respond(reply_to(message))
        self._wake()
        return len(self.held) < self.high_mark

    def command(
        self,
        station_id: StationId,
        command: Command,
        body_hash: str,
        on_durable: Callable[[bool], None],
    ) -> None:
        raise AssertionError("stations give no commands")

    def refuse(
        self,
        station_id: StationId,
        ref: CommandRef,
        refusal: Refusal,
        on_durable: Callable[[bool], None],
        body_hash: str = "",
    ) -> None:
        raise AssertionError("stations give no commands")

    def release(self) -> None:
        """Answer all that was held back."""
        held, self.held = self.held, []
        for message, respond in held:
            respond(reply_to(message))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; looked at whenever something came in."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(condition), 5)

    def _wake(self) -> None:
        async def notify() -> None:
            async with self.changed:
                self.changed.notify_all()

        task = asyncio.ensure_future(notify())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


def logged_in_by(password: bytes, only: str | None = None) -> Callable[[StationId], Access]:
    """Ask all stations, or one of them, for a password."""
    good = GoodPassword(PlainPassword(password))
    asked = Access(auth=StationAuth.BASIC, passwords=(good,))
    return lambda station_id: asked if only in {None, station_id} else OPEN


async def eventually(condition: Callable[[], bool]) -> None:
    """Return when a condition holds of which no event tells."""
    async with asyncio.timeout(20):
        for _ in iter(condition, True):
            await asyncio.sleep(0.01)


_tasks: set[asyncio.Future[None]] = set()


def reply_to(message: StationMessage) -> Reply:
    """Accept everything."""
    match message:
        case BootNotification():
            return BootReply(status=Registration.ACCEPTED, interval_seconds=300)
        case Authorize():
            return AuthorizeReply(verdict=ACCEPTED)
        case TransactionEvent(id_token=token):
            return TransactionReply(verdict=ACCEPTED if token else None)
        case _:
            return Acknowledged()


class CountedIds:
    """Ids that are easy to expect: call-1, call-2, ..."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new_id(self) -> str:
        return f"call-{next(self._numbers)}"

    def jitter(self) -> float:
        return 0.5


class CountedMetrics:
    """Metrics to assert on."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.gauges: dict[str, float] = {}

    def count(self, name: str, amount: int = 1) -> None:
        self.counts[name] += amount

    def gauge(self, name: str, value: float) -> None:
        self.gauges[name] = value


@dataclass
class RunningServer:
    """A server on a free port of this machine, and what is plugged into it."""

    server: OcppServer
    inbox: MemoryInbox
    metrics: CountedMetrics
    scheme: str = "ws"
    beside: bool = False

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/{path}"

    @property
    def port(self) -> int:
        return self.server.tls_port if self.beside else self.server.port

    def over_tls(self) -> "RunningServer":
        """The same server, for stations that come over TLS beside others."""
        return replace(self, scheme="wss", beside=True)

    @asynccontextmanager
    async def station(
        self,
        path: str = "CS1",
        *,
        subprotocols: tuple[str, ...] = ("ocpp2.0.1",),
        **options: object,
    ) -> AsyncIterator[ClientConnection]:
        """Connect as a station."""
        options.setdefault("compression", None)
        websocket = await connect(
            self.url(path),
            subprotocols=list(subprotocols) or None,  # type: ignore[arg-type]
            **options,  # type: ignore[arg-type]
        )
        try:
            yield websocket
        finally:
            # Closing a connection that was lost while sending trips over itself in asyncio.
            if websocket.state is not State.CLOSED:
                await websocket.close()


@asynccontextmanager
async def running_server(**settings: object) -> AsyncIterator[RunningServer]:
    """Run a server with these fields of `OcppSettings`."""
    inbox, metrics = MemoryInbox(), CountedMetrics()
    server = OcppServer(
        inbox=inbox,
        clock=SystemClock(),
        ids=CountedIds(),
        metrics=metrics,
        settings=OcppSettings(host="127.0.0.1", port=0, **settings),  # type: ignore[arg-type]
    )
    await server.start()
    await server.start_tls()
    try:
        yield RunningServer(
            server=server,
            inbox=inbox,
            metrics=metrics,
            scheme="wss" if "ssl_context" in settings and "tls_address" not in settings else "ws",
        )
    finally:
        await server.stop()
