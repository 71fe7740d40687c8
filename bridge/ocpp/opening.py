"""The opening handshake of a connection, up to the answer 101 or a refusal.

Nothing is said to the inbox before a station has proven who it is, and a station's present
connection is not touched by a failed attempt in its name.
"""

import asyncio
import logging
import socket
from functools import partial
from http import HTTPStatus
from typing import Final, cast

from websockets.datastructures import Headers
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from bridge.domain.credentials import LoggedIn
from bridge.domain.enums import SecurityCode
from bridge.domain.ids import StationId
from bridge.ocpp import handshake
from bridge.ocpp.actions import Translator
from bridge.ocpp.addresses import remote_of
from bridge.ocpp.connection import Hub, StationConnection
from bridge.ocpp.gate import Claim, Verdict
from bridge.ocpp.handshake import Refusal

_log = logging.getLogger(__name__)

# websockets writes headers to its log at level DEBUG, passwords included, and a line per
# connection that says less than ours.
_websockets_log: Final = logging.getLogger("bridge.ocpp.websockets")
_websockets_log.setLevel(logging.ERROR)

# No context is kept between messages and the windows are small, so that a connection costs no
# memory for it while idle (performance.md, 4).
_DEFLATE: Final = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=11,
    client_max_window_bits=11,
    compress_settings={"memLevel": 4},
)


TLS_ON_PLAIN: Final = "it comes by wss:// (TLS), and this port takes ws://"
NO_HTTP: Final = "what it sends is not HTTP"
_END_OF_REQUEST: Final = b"\r\n\r\n"
_TLS_HANDSHAKE: Final = b"\x16"
"""First byte of a TLS connection: the content type of its first record (RFC 8446, 5.1)."""


class _Handshake(ServerProtocol):
    """`websockets`' server side, with the version chosen by our rules."""

    chosen: Subprotocol | None = None

    def process_extensions(self, headers: Headers) -> tuple[str | None, list[Extension]]:
        """Accept compression where the version wants it."""
        if not self.available_extensions:
            return None, []
        return super().process_extensions(headers)

    def process_subprotocol(self, headers: Headers) -> Subprotocol | None:  # noqa: ARG002
        """Answer with the version that was chosen, where the station offered it."""
        return self.chosen


class OpeningHandshake(asyncio.Protocol):
    """A connection of which nothing is known yet; becomes a `StationConnection`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._websocket = _Handshake(max_size=hub.settings.max_frame_bytes, logger=_websockets_log)
        self._transport: asyncio.Transport  # from connection_made on
        self._timer: asyncio.TimerHandle | None = None
        self._remote = ""
        self._clean = False
        """Whether nothing but the request was read."""
        self._login: LoggedIn | None = None
        """What must be remembered of how the station has logged in."""

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the peer a short time to say who it is."""
        self._transport = cast("asyncio.Transport", transport)
        self._remote = remote_of(self._transport)
        _set_no_delay(self._transport)
        settings = self._hub.settings
        self._timer = self._loop.call_later(settings.opening_timeout_seconds, self.drop)
        self._hub.registry.begin_opening(self.drop, settings.max_opening)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the request."""
        if data[:1] == _TLS_HANDSHAKE:
            self._drop_with(TLS_ON_PLAIN)
            return
        self._websocket.receive_data(data)
        self._clean = data.endswith(_END_OF_REQUEST)
        for event in self._websocket.events_received():
            if isinstance(event, Request):
                self._decide(event)
                return
        if self._websocket.handshake_exc is not None:
            self._drop_with(NO_HTTP)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Forget it."""
        self._finish()

    def drop(self) -> None:
        """End it without an answer."""
        self._hub.metrics.count("ocpp.opening_dropped")
        self._transport.abort()

    def _drop_with(self, reason: str) -> None:
        """End what cannot be answered, since it does not speak HTTP here."""
        _log.warning("connection refused", extra={"remote": self._remote, "reason": reason})
        self.drop()

    def _finish(self) -> None:
        self._hub.registry.end_opening(self.drop)
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # --- The decision -------------------------------------------------------------------

    def _decide(self, request: Request) -> None:
        station_id = handshake.identity(request.path, self._hub.settings.identity_pattern)
        if isinstance(station_id, Refusal):
            self._refuse(station_id, None)
            return
        translator = self._choose_version(request.headers)
        if isinstance(translator, Refusal):
            self._refuse(translator, station_id)
            return
        hub = self._hub
        known = hub.inbox.admit(station_id)
        if not known and not hub.settings.hides_ids:
            reason = "this charging station is not known here"
            self._refuse(Refusal(HTTPStatus.NOT_FOUND, reason), station_id)
            return
        access = hub.settings.access(station_id) if known else None
        claim = self._claim(request.headers, station_id)
        judge = partial(self._judge, request, station_id, translator)
        self._transport.pause_reading()  # it may take a while
        hub.gate.ask(claim, access, self._is_open, judge)

    def _claim(self, headers: Headers, station_id: StationId) -> Claim:
        sent = headers.get_all("Authorization")
        return Claim(
            station_id=station_id,
            remote=self._remote,
            over_tls=self._transport.get_extra_info("sslcontext") is not None,
            password=handshake.password(sent[0] if len(sent) == 1 else None, station_id),
            common_name=handshake.common_name(self._transport.get_extra_info("peercert")),
        )

    def _is_open(self) -> bool:
        return not self._transport.is_closing()

    def _judge(
        self, request: Request, station_id: StationId, translator: Translator, verdict: Verdict
    ) -> None:
        """Go on once it is decided whether the station is who it says."""
        self._transport.resume_reading()
        if isinstance(verdict, Refusal):
            self._refuse(verdict, station_id)
            return
        self._login = verdict.news
        full = len(self._hub.registry) >= self._hub.settings.max_connections
        if full and self._hub.registry.find(station_id) is None:
            refusal = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
            self._refuse(refusal, station_id)
            return
        self._let_in(request, station_id, translator)

    def _let_in(self, request: Request, station_id: StationId, translator: Translator) -> None:
        """Accept a station, unless connections of it take over from each other all the time.

        Then the present one is asked whether it lives, and the new one waits for the answer.
        """
        present = self._hub.registry.find(station_id)
        if present is None or not self._hub.takeovers.too_many(
            station_id, present.remote, self._remote, self._loop.time()
        ):
            self._accept(request, station_id, translator)
            return
        self._stop_timer()
        self._transport.pause_reading()

        def answered(alive: bool) -> None:  # noqa: FBT001  # the answer itself
            if self._transport.is_closing():
                return
            self._transport.resume_reading()
            newest = self._hub.registry.find(station_id)
            if newest is not present:
                self._let_in(request, station_id, translator)  # things have changed meanwhile
            elif alive and present.is_open:
                self._refuse_fight(station_id, present.remote)
            else:
                self._accept(request, station_id, translator)

        present.ask_whether_alive(answered)

    def _refuse_fight(self, station_id: StationId, present: str) -> None:
        reason = "another connection of this station is alive"
        self._refuse(Refusal(HTTPStatus.TOO_MANY_REQUESTS, reason), station_id)
        self._hub.incidents.tell(
            station_id,
            SecurityCode.DUPLICATE_REFUSED,
            self._loop.time(),
            alarm=True,
            remote=self._remote,
            present=present,
        )

    def _choose_version(self, headers: Headers) -> Translator | Refusal:
        chosen = handshake.subprotocol(
            headers.get_all("Sec-WebSocket-Protocol"),
            self._hub.translators,
            self._hub.settings.default_version,
        )
        if isinstance(chosen, Refusal):
            return chosen
        name, offered = chosen
        translator = self._hub.translators[name]
        if offered:
            self._websocket.chosen = Subprotocol(name)
        if translator.version.compression and self._hub.settings.compression:
            self._websocket.available_extensions = [_DEFLATE]
        return translator

    def _refuse(self, refusal: Refusal, station_id: StationId | None) -> None:
        self._hub.metrics.count(f"ocpp.refused.{refusal.status.value}")
        _log.log(
            logging.DEBUG if refusal.quiet else logging.WARNING,
            "connection refused",
            extra={
                "station": station_id,
                "remote": self._remote,
                "status": refusal.status.value,
                "reason": refusal.because or refusal.reason,
            },
        )
        response = self._websocket.reject(refusal.status, f"{refusal.reason}\n")
        for name, value in handshake.refusal_headers(refusal).items():
            response.headers[name] = value
        self._websocket.send_response(response)
        self._write_and_close()

    def _accept(self, request: Request, station_id: StationId, translator: Translator) -> None:
        response = self._websocket.accept(request)
        self._websocket.send_response(response)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._write_and_close()
            return
        self._finish()
        # websockets keeps the request as long as the connection: 2 KiB, and the password.
        request.headers.clear()
        self._transport.write(b"".join(self._websocket.data_to_send()))
        if self._login is not None:
            self._hub.inbox.logged_in(station_id, self._login)
        connection = StationConnection(
            *(self._hub, self._transport, self._websocket, station_id, translator),
            clean=self._clean,
        )
        self._transport.set_protocol(connection)
        connection.start()

    def _write_and_close(self) -> None:
        self._transport.write(b"".join(self._websocket.data_to_send()))
        self._transport.close()


def _set_no_delay(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
