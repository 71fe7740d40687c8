"""The WebSocket server for charging stations, and the way to call them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from websockets.frames import CloseCode

from bridge.domain.calls import CallFailed, CallFailure, CallOutcome, StationRequest
from bridge.domain.ids import StationId
from bridge.ocpp.actions import OcppVersion, Translator
from bridge.ocpp.connection import Hub, StationConnection
from bridge.ocpp.incidents import Incidents
from bridge.ocpp.logins import Logins
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
        self._hub = Hub(
            settings=settings,
            inbox=inbox,
            clock=clock,
            ids=ids,
            metrics=metrics,
            translators=translators,
            registry=self._registry,
            takeovers=Takeovers(),
            logins=Logins(),
            incidents=Incidents(inbox, ids),
            redactor=Redactor(settings.redaction_key),
        )
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened to, also where the settings leave the choice."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("the server does not listen")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many stations are connected."""
        return len(self._registry)

    async def start(self) -> None:
        """Begin to listen; raises OSError where that is not possible."""
        settings = self._hub.settings
        tls = settings.ssl_context is not None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: OpeningHandshake(self._hub),
            settings.host,
            settings.port,
            ssl=settings.ssl_context,
            ssl_handshake_timeout=settings.opening_timeout_seconds if tls else None,
            ssl_shutdown_timeout=settings.closing_timeout_seconds if tls else None,
            backlog=_BACKLOG,
        )
        _log.info(
            "listening for stations",
            extra={"port": self.port, "tls": tls, "versions": list(self._hub.translators)},
        )

    async def stop(self) -> None:
        """Stop listening and close all connections, giving stations a short time to answer."""
        if self._server is None:
            return
        self._server.close()
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
