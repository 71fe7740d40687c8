"""A light charging station: OCPP-J 2.0.1 on the Sans-I/O layer of `websockets`.

One asyncio.Protocol per station without tasks, queues or schemas, so that hundreds of them load a
bridge from one core. One CALL is outstanding at a time, as OCPP-J part 4 demands. CALLs of the
bridge are answered at once; a caller may listen to them.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

import orjson
from websockets import Subprotocol
from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from bench import frames

Answer = tuple[int, Any]
"""Message type (3 CALLRESULT, 4 CALLERROR) and the rest: its payload, or [code, text, details]."""

_OPEN_TIMEOUT_SECONDS: Final = 20.0
_CALL_TIMEOUT_SECONDS: Final = 30.0

_ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "SetChargingProfile": {"status": "Accepted"},
    "ClearChargingProfile": {"status": "Accepted"},
    "TriggerMessage": {"status": "Rejected"},
    "GetBaseReport": {"status": "NotSupported"},
    "RequestStartTransaction": {"status": "Rejected"},
    "RequestStopTransaction": {"status": "Rejected"},
    "GetTransactionStatus": {"messagesInQueue": False},
}


class StationError(Exception):
    """The connection of a station failed, ended, or a CALL was refused."""


class LightStation(asyncio.Protocol):
    """One station's connection.

    Args:
        station_id: identity, the last segment of the URL.
        on_call: called with (action, payload) for each CALL of the bridge, before its answer.
        message_prefix: of the message ids, at most 24 characters; a station that connects again
            needs another one, since its ids are unique over all connections (OCPP-J 2.0.1, 4.2).
    """

    def __init__(
        self,
        station_id: str,
        on_call: Callable[[str, Any], None] | None = None,
        message_prefix: str | None = None,
    ) -> None:
        """Set up a station that is not connected yet."""
        self.station_id = station_id
        self._message_prefix = message_prefix or station_id[-12:]
        self.closed = asyncio.Event()
        self._on_call = on_call
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._outstanding: tuple[str, Callable[[Answer], None]] | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._serial = 0

    async def connect(self, base_url: str) -> None:
        """Connect and finish the WebSocket handshake with subprotocol `ocpp2.0.1`.

        TLS (`wss`) takes any certificate: the other end is a process of this benchmark.

        Raises:
            StationError: the handshake was refused.
            OSError: nobody listens there.
            TimeoutError: no answer within 20 s.
        """
        uri = parse_uri(f"{base_url}/{self.station_id}")
        self._websocket = ClientProtocol(uri, subprotocols=[Subprotocol("ocpp2.0.1")])
        loop = asyncio.get_running_loop()
        tls = _any_certificate() if uri.secure else None
        await loop.create_connection(lambda: self, uri.host, uri.port, ssl=tls)
        async with asyncio.timeout(_OPEN_TIMEOUT_SECONDS):
            await self._opened

    def next_message_id(self) -> str:
        """Return a message id that is unique on any connection of this run."""
        self._serial += 1
        return f"{self._message_prefix}-{self._serial:08x}"

    def send_call(
        self, message_id: str, frame: bytes, on_answer: Callable[[Answer], None]
    ) -> None:
        """Send a complete CALL; `on_answer` is called once, never when the connection ends.

        Raises:
            StationError: a CALL is outstanding already, or the connection has ended.
        """
        if self._outstanding is not None or self.closed.is_set():
            raise StationError(
                f"{self.station_id}: a CALL is outstanding or the connection has ended"
            )
        self._outstanding = (message_id, on_answer)
        self._websocket.send_text(frame)
        self._flush()

    async def request(self, action: str, payload: dict[str, Any]) -> Any:
        """Send a CALL and wait for its CALLRESULT's payload.

        Raises:
            StationError: CALLERROR, or the connection ended.
            TimeoutError: no answer within 30 s.
        """
        message_id = self.next_message_id()
        kind, answer = await self.exchange(message_id, frames.call(message_id, action, payload))
        if kind != frames.MESSAGE_TYPE_RESULT:
            raise StationError(f"{self.station_id}: {action} was answered by CALLERROR {answer}")
        return answer

    async def exchange(self, message_id: str, frame: bytes) -> Answer:
        """Send a complete CALL and wait for its answer.

        Raises:
            StationError: the connection ended.
            TimeoutError: no answer within 30 s.
        """
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def on_answer(answer: Answer) -> None:
            if not answered.done():  # nobody may wait any more
                answered.set_result(answer)

        self.send_call(message_id, frame, on_answer)
        self._waiting = answered
        async with asyncio.timeout(_CALL_TIMEOUT_SECONDS):
            return await answered

    async def boot(self) -> None:
        """Send BootNotification until it is accepted, then the connector's status.

        Raises:
            StationError: still not accepted after ten attempts.
        """
        for _ in range(10):
            answer = await self.request("BootNotification", frames.boot_notification())
            if answer.get("status") == "Accepted":
                break
            await asyncio.sleep(min(1.0, float(answer.get("interval", 1))))
        else:
            raise StationError(f"{self.station_id}: BootNotification was not accepted")
        await self.request("StatusNotification", frames.status_notification("Available"))

    def abort(self) -> None:
        """Drop the TCP connection without a closing handshake."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the opening handshake."""
        self._transport = cast("asyncio.Transport", transport)
        endpoint: socket.socket = transport.get_extra_info("socket")
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._websocket.send_request(self._websocket.connect())
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self.closed.set()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(
                StationError(f"{self.station_id}: ended before the answer")
            )
        if not self._opened.done():
            self._opened.set_exception(StationError(f"{self.station_id}: refused ({exc})"))
            self._opened.exception()

    def data_received(self, data: bytes) -> None:
        """Feed the WebSocket machine and handle what came out."""
        self._websocket.receive_data(data)
        for event in self._websocket.events_received():
            if isinstance(event, Response):
                self._handshake_answered()
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._text(bytes(event.data))
        self._flush()
        if self._transport is not None and self._websocket.close_expected():
            self._transport.close()

    def _handshake_answered(self) -> None:
        refusal: WebSocketException | Exception | None = self._websocket.handshake_exc
        if refusal is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(StationError(f"{self.station_id}: {refusal}"))

    def _text(self, text: bytes) -> None:
        message = orjson.loads(text)
        if message[0] == frames.MESSAGE_TYPE_CALL:
            self.called(message[1], message[2], message[3])
        elif self._outstanding is not None and message[1] == self._outstanding[0]:
            _, on_answer = self._outstanding
            self._outstanding = None
            on_answer((message[0], message[2] if message[0] == 3 else message[2:]))

    def called(self, message_id: str, action: str, payload: Any) -> None:
        """Answer a CALL of the bridge; a subclass may do so differently or later."""
        if self._on_call is not None:
            self._on_call(action, payload)
        self.reply(message_id, _ANSWERS.get(action))

    def reply(self, message_id: str, answer: dict[str, Any] | None) -> None:
        """Answer a CALL by CALLRESULT, by CALLERROR NotSupported where there is no answer."""
        if self.closed.is_set():
            return
        if answer is None:
            reply = [4, message_id, "NotSupported", "a benchmark's station", {}]
        else:
            reply = [3, message_id, answer]
        self._websocket.send_text(orjson.dumps(reply))
        self._flush()

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        for chunk in self._websocket.data_to_send():
            if chunk:
                transport.write(chunk)
            elif transport.can_write_eof():
                transport.write_eof()


@functools.cache
def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
