"""The WebSocket of one station, from the accepted handshake to its end.

An asyncio Protocol around the Sans-I/O layer of `websockets`: bytes come in, `Rpc` tells what
they mean, the inbox gets what has to be handled. There is no task here: everything happens in
callbacks of the event loop, and nothing in them waits.

Reading pauses while the station's mailbox is full or the station does not take its answers;
frames that were read before keep until then.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Self, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol

from bridge.domain.calls import CallFailure, CallOutcome, StationRequest
from bridge.domain.effects import Later, Reply
from bridge.domain.enums import SecurityCode
from bridge.domain.ids import StationId
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.addresses import remote_of
from bridge.ocpp.complaints import Complaints
from bridge.ocpp.frames import Call, CallError, Unreadable
from bridge.ocpp.gate import Gate
from bridge.ocpp.incidents import Incidents
from bridge.ocpp.liveness import Liveness
from bridge.ocpp.registry import Registry
from bridge.ocpp.requests import Requests
from bridge.ocpp.rpc import (
    REPEATED,
    Answered,
    AnswerRefused,
    Exchange,
    Flooded,
    Outgoing,
    Refused,
    Request,
    Rpc,
    Settled,
    Told,
)
from bridge.ocpp.security import Redactor
from bridge.ocpp.settings import Direction, OcppSettings
from bridge.ocpp.short_cut import ShortCut, text_frame
from bridge.ocpp.takeovers import Takeovers
from bridge.ocpp.texts import BinaryMessageError, Texts, is_utf8
from bridge.ocpp.times import in_utc
from bridge.ports import Clock, IdSource, Inbox, Metrics

_log = logging.getLogger(__name__)

SUPERSEDED: Final = 4001
"""Close code for a connection that a newer one of the same station has replaced."""

_GOODBYE: Final = b"goodbye"
"""Content of the ping that goes before the goodbye to a connection that was superseded."""

_MAX_ACTION_LENGTH: Final = 64
"""Of an action in the log: where it is unknown, it may be any text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """What all connections of a server share."""

    settings: OcppSettings
    inbox: Inbox
    clock: Clock
    ids: IdSource
    metrics: Metrics
    translators: dict[str, Translator]
    registry: "Registry[StationConnection]"
    takeovers: Takeovers
    gate: Gate
    incidents: Incidents
    redactor: Redactor


class StationConnection(asyncio.Protocol):
    """An open, authenticated connection."""

    __slots__ = (
        "_backlog",
        "_closing_timer",
        "_complaints",
        "_handed_in",
        "_hub",
        "_id",
        "_liveness",
        "_loop",
        "_mailbox_full",
        "_requests",
        "_rpc",
        "_short_cut",
        "_station_id",
        "_successor",
        "_texts",
        "_translator",
        "_transport",
        "_websocket",
        "_write_full",
        "remote",
    )

    def __init__(
        self,
        hub: Hub,
        transport: asyncio.Transport,
        websocket: ServerProtocol,
        station_id: StationId,
        translator: Translator,
        *,
        clean: bool,
    ) -> None:
        """`clean`: nothing was read after the request of the handshake."""
        self._hub = hub
        self._transport = transport
        self._websocket = websocket
        self._short_cut: ShortCut | None = None
        if not websocket.extensions:  # what is compressed has to go through the parser
            self._short_cut = ShortCut(hub.settings.max_frame_bytes, clean=clean)
        self._station_id = station_id
        self._translator = translator
        self.remote = remote_of(transport)
        """Address and port of the station, `host:port`."""
        self._id = hub.ids.new_id()
        self._loop = asyncio.get_running_loop()
        self._rpc = Rpc(
            hub.registry.memory(station_id),
            send=self._send,
            send_call=self._send_call,
            call_timeout=hub.settings.call_timeout_seconds,
            queue_limit=hub.settings.call_queue_limit,
            knows_send=translator.version.knows_send,
        )
        self._requests = Requests(hub, self, translator, self._rpc)
        self._backlog: deque[Frame] = deque()
        self._texts = Texts()
        self._handed_in: set[Exchange] = set()
        self._mailbox_full = False
        self._write_full = False
        self._complaints = Complaints(_log, self._fields(), hub.metrics)
        self._liveness = Liveness(self, hub.settings.ping_interval_seconds)
        self._successor: str | None = None
        self._closing_timer: asyncio.TimerHandle | None = None

    @property
    def station_id(self) -> StationId:
        """Whose connection it is."""
        return self._station_id

    @property
    def needs(self) -> StationSettings:
        """What this station needs otherwise: known in full once it has booted."""
        return self._hub.settings.station_settings(self._station_id)

    def start(self) -> None:
        """Take over from the handshake: from now on this is the station's connection."""
        self._hub.registry.add(self)
        version = self._translator.version.name
        self._hub.inbox.connected(self._station_id, version, self._id, self.remote)
        self._hub.metrics.gauge("ocpp.connections", len(self._hub.registry))
        _log.info("station connected", extra=self._fields(version=version, remote=self.remote))
        self._liveness.start()
        self._take_events(b"")

    # --- asyncio.Protocol ---------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take bytes of the station."""
        self._liveness.heard()
        if self._short_cut is not None and not self._backlog and not self._paused:
            text = self._short_cut.text_of(data)
            if text is not None:
                self._take_text(text)
                return
        self._websocket.receive_data(data)
        self._take_events(data)

    def eof_received(self) -> None:
        """Take note that the station has closed its side; the transport closes ours."""
        self._websocket.receive_eof()
        self._flush()

    def pause_writing(self) -> None:
        """Stop reading while the station does not take what it is sent."""
        self._write_full = True
        self._pause()

    def resume_writing(self) -> None:
        """Go on: the station has taken what it was sent."""
        self._write_full = False
        self._resume()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Clean up; a newer connection of the station is not touched."""
        self._stop_timers()
        self._backlog.clear()
        self._requests.abandon(CallFailure.DISCONNECTED)
        self._hub.registry.remove(self)
        self._hub.inbox.disconnected(self._station_id, self._id)
        self._hub.metrics.gauge("ocpp.connections", len(self._hub.registry))
        _log.info("station disconnected", extra=self._fields(code=self._close_code()))

    # --- Reading ------------------------------------------------------------------------

    def _take_events(self, data: bytes) -> None:
        # After a handshake, websockets yields nothing but frames.
        frames = cast("list[Frame]", self._websocket.events_received())
        if self._short_cut is not None:
            self._short_cut.parsed(data, frames)
        if self._successor is not None:
            self._look_for_life(frames, self._successor)
        self._backlog.extend(frames)
        self._work_off()
        self._flush()

    def _work_off(self) -> None:
        while self._backlog and not self._paused:
            self._take_frame(self._backlog.popleft())

    def _take_frame(self, frame: Frame) -> None:
        try:
            text = self._texts.take(frame)
        except BinaryMessageError:
            self.close(CloseCode.UNSUPPORTED_DATA, "OCPP is text")
            return
        if text is not None:
            self._take_text(text)

    def _take_text(self, text: bytes) -> None:
        if self._websocket.state is not OPEN:
            return  # closing: what still arrives will be repeated on the next connection
        quick = self._translator.quick(text)
        if quick is not None:  # by far the most frequent
            self._asked_quickly(text, *quick)
            return
        incoming = self._rpc.received(text, self._loop.time())
        match incoming:
            case Request(call, exchange):
                self._show("rx", call.action, text)
                self._asked(call, exchange)
            case Answered(outgoing, answer):
                self._show("rx", outgoing.action, text)
                self._requests.answered(outgoing, answer)
            case Told(call, exchange):
                self._show("rx", call.action, text)
                self._told(call, exchange)
            case Refused(error):
                self._refuse(error, text)
            case AnswerRefused(error):
                self._answer_refused(error)
            case Settled(reason):
                self._hub.metrics.count(reason)
            case Flooded():
                self._hub.metrics.count("ocpp.answer_flood")
                _log.warning("too many unsolicited answers", extra=self._fields())
                self.close(CloseCode.POLICY_VIOLATION, "too many unsolicited answers")

    def _asked_quickly(self, text: bytes, action: str, message_id: str, reading: Reading) -> None:
        """Take a CALL that was read in one go. Its times have a zone: there is none to add."""
        exchange = self._rpc.asked(message_id, hash(text))
        if exchange is None:
            self._hub.metrics.count(REPEATED)
            return
        self._show("rx", action, text)
        self._hand_in(action, reading, exchange)

    def _asked(self, call: Call, exchange: Exchange) -> None:
        reading = self._translator.read(self._in_its_zone(call))
        if isinstance(reading, Unreadable):
            self._hub.metrics.count("ocpp.call_refused")
            self._complaints.add(
                "call refused",
                action=call.action[:_MAX_ACTION_LENGTH],
                code=reading.code,
                reason=reading.description,
            )
            exchange.close(self._translator.error(reading), remember=False)
        else:
            self._hand_in(call.action, reading, exchange)

    def _in_its_zone(self, call: Call) -> Call:
        """Return a CALL whose times mean what the station means (charger-quirks 29)."""
        zone = self.needs.time_zone
        return replace(call, payload=in_utc(call.payload, zone)) if zone else call

    def _told(self, call: Call, exchange: Exchange) -> None:
        """Take what is not answered; what cannot be read or is not known is left aside."""
        reading = self._translator.read_send(call)
        if isinstance(reading, Unreadable):
            self._hub.metrics.count("ocpp.send_ignored")
        else:
            self._hand_in(call.action, reading, exchange)

    def _hand_in(self, action: str, reading: Reading, exchange: Exchange) -> None:
        if reading.warnings:
            self.remark(action, reading.warnings)
        if reading.tolerated is not None:
            self._hub.metrics.count("ocpp.call_tolerated")
        self._handed_in.add(exchange)
        respond = partial(self._respond, action, exchange)
        room = self._hub.inbox.receive(self._station_id, reading.message, respond)
        if not room and self._handed_in:
            self._mailbox_full = True
            self._pause()

    def _respond(self, action: str, exchange: Exchange, reply: Reply | None) -> None:
        """Answer a CALL, once. What is answered later does not keep others from being read."""
        if exchange.send is not None and not isinstance(reply, Later):
            self._answer(action, exchange, reply)
        self._handed_in.discard(exchange)
        if self._mailbox_full and not self._handed_in:
            self._mailbox_full = False
            self._resume()

    def _answer(self, action: str, exchange: Exchange, reply: Reply | None) -> None:
        answer = None
        if reply is not None:
            answer = self._translator.answer(
                action, exchange.message_id, reply, self._hub.clock.now()
            )
            self._show("tx", action, answer)
        exchange.close(answer, remember=self._translator.remembers(action, reply))

    def _answer_refused(self, error: CallError) -> None:
        """Note that the station could not use an answer: it is not given another."""
        self._hub.metrics.count("ocpp.answer_refused")
        self._complaints.add(
            "answer refused by the station",
            code=error.code[:_MAX_ACTION_LENGTH],
            reason=error.description,
        )

    def _refuse(self, error: Unreadable, text: bytes) -> None:
        self._hub.metrics.count("ocpp.frame_refused")
        self._complaints.add("frame refused", code=error.code, reason=error.description)
        if is_utf8(text):
            self._send(self._translator.error(error))
        else:
            # RFC 6455, 8.1: text that is no UTF-8 ends the connection.
            self.close(CloseCode.INVALID_DATA, "text frames are UTF-8")

    def _pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._work_off()
        if not self._paused and not self._transport.is_closing():
            self._transport.resume_reading()
        self._flush()

    @property
    def _paused(self) -> bool:
        return self._mailbox_full or self._write_full

    # --- Writing ------------------------------------------------------------------------

    @property
    def _open(self) -> bool:
        return self._websocket.state is OPEN and not self._transport.is_closing()

    def _send(self, text: bytes) -> None:
        """Send a text; without effect once the connection is closing."""
        if not self._open:
            return
        frame = None if self._short_cut is None else text_frame(text)
        if frame is not None:  # what went before it was flushed
            self._transport.write(frame)
        else:
            self._websocket.send_text(text)
            self._flush()

    def _send_call(self, outgoing: Outgoing, text: bytes) -> None:
        self._show("tx", outgoing.action, text)
        self._send(text)

    def _flush(self) -> None:
        for chunk in self._websocket.data_to_send():
            if self._transport.is_closing():
                return
            if chunk != SEND_EOF:
                self._transport.write(chunk)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()  # TLS has no half-closed state
        if self._closing_timer is None and self._websocket.close_expected():
            self._await_closing()

    def _await_closing(self) -> None:
        settings = self._hub.settings
        timeout = settings.closing_timeout_seconds
        if self._successor is not None:
            timeout = settings.duplicate_ping_seconds
        self._closing_timer = self._loop.call_later(timeout, self._transport.abort)
        # The end of the station's stream must be seen, whatever the mailbox is like.
        self._backlog.clear()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake, which is given a short time."""
        if self._open:
            self._websocket.send_close(code, reason)
            self._flush()

    def drop(self) -> None:
        """End it at once."""
        self._transport.abort()

    # --- The station connects once more -------------------------------------------------

    def supersede(self, newer: Self) -> None:
        """End it because the station has opened a newer one.

        A ping goes before the goodbye: whoever answers one of them lives.
        """
        self._hub.metrics.count("ocpp.superseded")
        _log.info("connection superseded", extra=self._fields(remote=newer.remote))
        self._hub.takeovers.note(self._station_id, self.remote, newer.remote, self._loop.time())
        self._requests.abandon(CallFailure.SUPERSEDED)
        if self._open:
            self._successor = newer.remote
            self._websocket.send_ping(_GOODBYE)
            self.close(SUPERSEDED, "superseded by a newer connection")

    def ask_whether_alive(self, on_answer: Callable[[bool], None]) -> None:
        """Say once, later, whether the station still hears this connection."""
        self._liveness.ask(self._hub.settings.duplicate_ping_seconds, on_answer)

    def _look_for_life(self, frames: Iterable[Frame], successor: str) -> None:
        """Tell that two have this identity, where the superseded one answers."""
        if not any(_is_answer(frame) for frame in frames):
            return
        self._successor = None
        self._hub.metrics.count("ocpp.duplicate")
        _log.warning("two connections of a station", extra=self._fields(remote=successor))
        self._hub.incidents.tell(
            self._station_id,
            SecurityCode.DUPLICATE,
            self._loop.time(),
            remote=successor,
            present=self.remote,
        )

    # --- Calls to the station -----------------------------------------------------------

    def call(
        self,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None = None,
    ) -> None:
        """Send a request when it is its turn; `on_answer` is called later, exactly once."""
        self._requests.add(request, on_answer, expires_at)

    def remark(self, action: str, warnings: Iterable[str]) -> None:
        """Take note of what was mended in a message of the station, or remarked on it."""
        self._complaints.remark(action, warnings)

    def give_up(self, unanswered: int) -> None:
        """Have a station dial again that talks, but answers nothing (charger-quirks 12)."""
        self._hub.metrics.count("ocpp.closed_unanswered")
        _log.warning("station answers no requests", extra=self._fields(row=unanswered))
        self.close(CloseCode.INTERNAL_ERROR, f"{unanswered} requests without an answer")

    # --- Life ---------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether it can be sent on (`liveness`)."""
        return self._open

    @property
    def is_paused(self) -> bool:
        """Whether it is us who do not listen (`liveness`)."""
        return self._paused

    @property
    def is_busy(self) -> bool:
        """Whether what the station said is still being handled (`liveness`)."""
        return self._mailbox_full

    def ping(self) -> None:
        """Send a ping (`liveness`)."""
        self._websocket.send_ping(b"")
        self._flush()

    def end_silence(self) -> None:
        """End a connection on which nothing was heard for too long (`liveness`)."""
        _log.warning("station is silent", extra=self._fields())
        self.close(CloseCode.INTERNAL_ERROR, "nothing heard for too long")

    def _stop_timers(self) -> None:
        self._liveness.stop()
        if self._closing_timer is not None:
            self._closing_timer.cancel()

    def _show(self, direction: Direction, action: str, text: bytes) -> None:
        on_frame = self._hub.settings.on_frame
        # An action that nobody knows may be any text of any length, and is part of a topic.
        if on_frame is not None and self._translator.knows(action):
            on_frame(self._station_id, direction, action, self._hub.redactor.frame(text))

    def _close_code(self) -> int | None:
        close = self._websocket.close_rcvd or self._websocket.close_sent
        return None if close is None else int(close.code)

    @property
    def fields(self) -> dict[str, object]:
        """What names it in the log (`requests`)."""
        return self._fields()

    def _fields(self, **fields: object) -> dict[str, object]:
        return {"station": self._station_id, "connection": self._id, **fields}


def _is_answer(frame: Frame) -> bool:
    """Say whether a frame answers our goodbye, or the ping before it."""
    return frame.opcode is Opcode.CLOSE or (
        frame.opcode is Opcode.PONG and bytes(frame.data) == _GOODBYE
    )
