"""The WebSocket server for charging stations, and the way to call them."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from websockets.frames import CloseCode

from bridge.domain.calls import CallFailed, CallFailure, CallOutcome, StationRequest
from bridge.domain.ids import StationId
from bridge.ocpp.actions import OcppVersion, Translator
from bridge.ocpp.connection import Hub, StationConnection
from bridge.ocpp.gate import Gate
from bridge.ocpp.incidents import Incidents
from bridge.ocpp.opening import OpeningHandshake
from bridge.ocpp.registry import Registry
from bridge.ocpp.security import Redactor
from bridge.ocpp.settings import OcppSettings
from bridge.ocpp.takeovers import Takeovers
from bridge.ocpp.v16.version import V16
from bridge.ocpp.v21.version import V21
from bridge.ocpp.v201.version import V201
from bridge.ports import Clock, IdSource, Inbox, Metrics

_log = logging.getLogger(__name__)

VERSIONS: Final[Mapping[str, OcppVersion]] = {
    version.subprotocol: version for version in (V201, V21, V16)
}
"""The versions that are built, by WebSocket subprotocol."""


class OcppServer:
    """Listens for charging stations (`bridge.ports.StationGateway`)."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        clock: Clock,
        ids: IdSource,
        metrics: Metrics,
        settings: OcppSettings,
    ) -> None:
        """Set it up; nothing is listened to before `start`.

        Versions of the settings that are not built are left out; ValueError where none is left.
        """
        translators = {
            name: Translator(VERSIONS[name], strict=settings.strict, now=clock.now)
            for name in settings.versions
            if name in VERSIONS
        }
        if not translators:
            raise ValueError(f"none of these OCPP versions is spoken: {settings.versions}")
        self._registry: Registry[StationConnection] = Registry()
        incidents = Incidents(inbox, ids)
        gate = Gate(
            incidents=incidents,
            metrics=metrics,
            clock=clock.monotonic,
            slow_passwords=settings.slow_passwords,
        )
        self._hub = Hub(
            settings=settings,
            inbox=inbox,
            clock=clock,
            ids=ids,
            metrics=metrics,
            translators=translators,
            registry=self._registry,
            takeovers=Takeovers(),
            gate=gate,
            incidents=incidents,
            redactor=Redactor(settings.redaction_key),
        )
        self._servers: list[asyncio.Server] = []

    @property
    def port(self) -> int:
        """The port that is listened to, also where the settings leave the choice."""
        return self._port(0)

    @property
    def tls_port(self) -> int:
        """The port of `wss://` beside that of `ws://`."""
        return self._port(1)

    def _port(self, place: int) -> int:
        if len(self._servers) <= place or not self._servers[place].sockets:
            raise RuntimeError("the server does not listen")
        port: int = self._servers[place].sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many stations are connected."""
        return len(self._registry)

    async def start(self) -> None:
        """Begin to listen; raises OSError where that is not possible."""
        settings = self._hub.settings
        context = settings.ssl_context if settings.tls_address is None else None
        await self._listen((settings.host, settings.port), context)

    async def start_tls(self) -> None:
        """Also listen for `wss://`, beside `ws://`; raises OSError where that is not possible."""
        settings = self._hub.settings
        if settings.tls_address is not None:
            await self._listen(settings.tls_address, settings.ssl_context)

    async def _listen(self, address: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        settings = self._hub.settings
        server = await asyncio.get_running_loop().create_server(
            lambda: OpeningHandshake(self._hub),
            *address,
            ssl=tls,
            ssl_handshake_timeout=settings.opening_timeout_seconds if tls else None,
            ssl_shutdown_timeout=settings.closing_timeout_seconds if tls else None,
            backlog=_BACKLOG,
        )
        self._servers.append(server)
        _log.info(
            "listening for stations",
            extra={
                "port": self._port(len(self._servers) - 1),
                "tls": tls is not None,
                "versions": list(self._hub.translators),
            },
        )

    async def stop(self) -> None:
        """Stop listening and close all connections, giving stations a short time to answer."""
        if not self._servers:
            return
        for server in self._servers:
            server.close()
        self._hub.gate.close()
        for drop in self._registry.openings:
            drop()
        for superseded in self._registry.leaving:
            superseded.drop()
        for connection in self._registry.links:
            connection.close(CloseCode.GOING_AWAY, "the bridge is stopping")
        # Connections end by themselves, at the latest after the closing time-out.
        gone = asyncio.Event()
        self._registry.when_empty(gone.set)
        await gone.wait()

    # --- bridge.ports.StationGateway ----------------------------------------------------

    def call(
        self,
        station_id: StationId,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None = None,
    ) -> None:
        """Queue a request; `on_answer` is called exactly once, later."""
        connection = self._registry.find(station_id)
        if connection is None:
            failed = CallFailed(failure=CallFailure.DISCONNECTED)
            asyncio.get_running_loop().call_soon(on_answer, failed)
        else:
            connection.call(request, on_answer, expires_at)

    def disconnect(self, station_id: StationId, reason: str) -> None:
        """Close the station's connection, if there is one."""
        connection = self._registry.find(station_id)
        if connection is not None:
            connection.close(CloseCode.NORMAL_CLOSURE, reason)


_BACKLOG: Final = 1024
"""Connections that may wait to be accepted when a whole fleet comes back at once."""
