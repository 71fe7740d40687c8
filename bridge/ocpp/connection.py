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
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, cast

from websockets.frames import CloseCode, Frame
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol

from bridge.domain.calls import CallFailed, CallFailure, CallOutcome, RawCall, StationRequest
from bridge.domain.calls import CallResult as CallDone
from bridge.domain.effects import Later, Reply
from bridge.domain.ids import StationId
from bridge.domain.settings import StationSettings
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.complaints import Complaints
from bridge.ocpp.frames import Call, CallError, CallResult, Unreadable
from bridge.ocpp.registry import Registry
from bridge.ocpp.rpc import (
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
from bridge.ocpp.texts import BinaryMessageError, Texts, is_utf8
from bridge.ports import Clock, IdSource, Inbox, Metrics

_log = logging.getLogger(__name__)

SUPERSEDED: Final = 4001
"""Close code for a connection that a newer one of the same station has replaced."""

_SILENT_INTERVALS: Final = 3
"""Ping intervals without any frame after which the link counts as dead."""

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
    redactor: Redactor


class StationConnection(asyncio.Protocol):
    """An open, authenticated connection."""

    __slots__ = (
        "_alive_timer",
        "_backlog",
        "_closing_timer",
        "_complaints",
        "_deadline_timer",
        "_handed_in",
        "_heard_at",
        "_hub",
        "_id",
        "_loop",
        "_mailbox_full",
        "_rpc",
        "_station_id",
        "_texts",
        "_translator",
        "_transport",
        "_websocket",
        "_write_full",
    )

    def __init__(
        self,
        hub: Hub,
        transport: asyncio.Transport,
        websocket: ServerProtocol,
        station_id: StationId,
        translator: Translator,
    ) -> None:
        self._hub = hub
        self._transport = transport
        self._websocket = websocket
        self._station_id = station_id
        self._translator = translator
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
        self._backlog: deque[Frame] = deque()
        self._texts = Texts()
        self._handed_in: set[Exchange] = set()
        self._mailbox_full = False
        self._write_full = False
        self._complaints = Complaints(_log, self._fields(), hub.metrics)
        self._heard_at = self._loop.time()
        self._alive_timer: asyncio.TimerHandle | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._closing_timer: asyncio.TimerHandle | None = None

    @property
    def station_id(self) -> StationId:
        """Whose connection it is."""
        return self._station_id

    @property
    def _needs(self) -> StationSettings:
        """What this station needs otherwise: known in full once it has booted."""
        return self._hub.settings.station_settings(self._station_id)

    def start(self, remote: str) -> None:
        """Take over from the handshake: from now on this is the station's connection."""
        self._hub.registry.add(self)
        version = self._translator.version.name
        self._hub.inbox.connected(self._station_id, version, self._id, remote)
        self._hub.metrics.gauge("ocpp.connections", len(self._hub.registry))
        _log.info("station connected", extra=self._fields(version=version, remote=remote))
        self._schedule_ping()
        self._take_events()

    # --- asyncio.Protocol ---------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take bytes of the station."""
        self._heard_at = self._loop.time()
        self._websocket.receive_data(data)
        self._take_events()

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
        self._abandon_calls()
        self._hub.registry.remove(self)
        self._hub.inbox.disconnected(self._station_id, self._id)
        self._hub.metrics.gauge("ocpp.connections", len(self._hub.registry))
        _log.info("station disconnected", extra=self._fields(code=self._close_code()))

    # --- Reading ------------------------------------------------------------------------

    def _take_events(self) -> None:
        # After a handshake, websockets yields nothing but frames.
        self._backlog.extend(cast("list[Frame]", self._websocket.events_received()))
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
        incoming = self._rpc.received(text, self._loop.time())
        if isinstance(incoming, Request):  # by far the most frequent, and quicker than `match`
            self._show("rx", incoming.call.action, text)
            self._asked(incoming.call, incoming.exchange)
            return
        match incoming:
            case Answered(outgoing, answer):
                self._show("rx", outgoing.action, text)
                self._reset_deadline()
                self._tell(outgoing, answer)
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

    def _asked(self, call: Call, exchange: Exchange) -> None:
        reading = self._translator.read(call)
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

    def _told(self, call: Call, exchange: Exchange) -> None:
        """Take what is not answered; what cannot be read or is not known is left aside."""
        reading = self._translator.read_send(call)
        if isinstance(reading, Unreadable):
            self._hub.metrics.count("ocpp.send_ignored")
        else:
            self._hand_in(call.action, reading, exchange)

    def _hand_in(self, action: str, reading: Reading, exchange: Exchange) -> None:
        if reading.warnings:
            self._complaints.remark(action, reading.warnings)
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
        if self._open:
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
        timeout = self._hub.settings.closing_timeout_seconds
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

    def supersede(self) -> None:
        """End it because the station has opened a newer one."""
        self._hub.metrics.count("ocpp.superseded")
        _log.info("connection superseded", extra=self._fields())
        self._abandon_calls()
        self.close(SUPERSEDED, "superseded by a newer connection")

    # --- Calls to the station -----------------------------------------------------------

    def call(
        self,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None = None,
    ) -> None:
        """Send a request when it is its turn; `on_answer` is called later, exactly once."""
        written = self._translator.write(request)
        if isinstance(written, CallFailed):
            self._loop.call_soon(on_answer, written)
            return
        action, payload = written
        outgoing = Outgoing(
            message_id=self._hub.ids.new_id(),
            action=action,
            payload=payload,
            on_answer=on_answer,
            raw=isinstance(request, RawCall),
            timeout=self._needs.call_timeout_seconds,
            expires=None if expires_at is None else self._loop_time(expires_at),
        )
        if not self._open:
            self._loop.call_soon(on_answer, CallFailed(failure=CallFailure.DISCONNECTED))
        elif not self._rpc.call(outgoing, self._loop.time()):
            self._loop.call_soon(on_answer, CallFailed(failure=CallFailure.QUEUE_FULL))
        self._reset_deadline()

    def _loop_time(self, moment: datetime) -> float:
        return self._loop.time() + (moment - self._hub.clock.now()).total_seconds()

    def _tell(self, outgoing: Outgoing, answer: CallResult | CallError) -> None:
        if isinstance(answer, CallError):
            outgoing.on_answer(
                CallFailed(
                    failure=CallFailure.ERROR, code=answer.code, description=answer.description
                )
            )
        else:
            outcome = self._translator.outcome(outgoing.action, answer.payload, raw=outgoing.raw)
            if isinstance(outcome, CallDone) and outcome.warnings:
                self._complaints.remark(outgoing.action, outcome.warnings)
            outgoing.on_answer(outcome)

    def _reset_deadline(self) -> None:
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
        deadline = self._rpc.deadline
        self._deadline_timer = (
            None if deadline is None else self._loop.call_at(deadline, self._expire_calls)
        )

    def _expire_calls(self) -> None:
        now = self._loop.time()
        for outgoing in self._rpc.expire(now):
            self._hub.metrics.count("ocpp.call_timeout")
            _log.warning("call timed out", extra=self._fields(action=outgoing.action))
            outgoing.on_answer(_given_up(outgoing, now))
        self._reset_deadline()
        most = self._needs.max_unanswered_calls
        if self._open and 0 < most <= self._rpc.unanswered:
            self._give_up_on_silence(most)

    def _give_up_on_silence(self, row: int) -> None:
        """Have a station dial again that talks, but answers nothing (charger-quirks 12)."""
        self._hub.metrics.count("ocpp.closed_unanswered")
        _log.warning("station answers no requests", extra=self._fields(row=row))
        self.close(CloseCode.INTERNAL_ERROR, f"{row} requests without an answer")

    def _abandon_calls(self) -> None:
        for outgoing in self._rpc.close():
            outgoing.on_answer(CallFailed(failure=CallFailure.DISCONNECTED))
        self._reset_deadline()

    # --- Life ---------------------------------------------------------------------------

    def _watch_silence(self) -> None:
        """Ping, and end a link on which nothing at all was heard for too long."""
        interval = self._watch_interval
        if not self._open:
            return
        if self._paused:
            self._heard_at = self._loop.time()  # it is us who do not listen
        if self._loop.time() - self._heard_at >= interval * _SILENT_INTERVALS:
            _log.warning("station is silent", extra=self._fields())
            self.close(CloseCode.INTERNAL_ERROR, "nothing heard for too long")
            return
        if self._needs.pings:
            self._websocket.send_ping(b"")
            self._flush()
        self._schedule_ping()

    @property
    def _watch_interval(self) -> float:
        """How often the station is to be heard: by its pongs, or without pings its heartbeats."""
        interval, needs = self._hub.settings.ping_interval_seconds, self._needs
        return interval if needs.pings or not interval else needs.heartbeat_interval_seconds

    def _schedule_ping(self) -> None:
        interval = self._watch_interval
        if interval:
            self._alive_timer = self._loop.call_later(interval, self._watch_silence)

    def _stop_timers(self) -> None:
        for timer in (self._alive_timer, self._deadline_timer, self._closing_timer):
            if timer is not None:
                timer.cancel()

    def _show(self, direction: Direction, action: str, text: bytes) -> None:
        on_frame = self._hub.settings.on_frame
        # An action that nobody knows may be any text of any length, and is part of a topic.
        if on_frame is not None and self._translator.knows(action):
            on_frame(self._station_id, direction, action, self._hub.redactor.frame(text))

    def _close_code(self) -> int | None:
        close = self._websocket.close_rcvd or self._websocket.close_sent
        return None if close is None else int(close.code)

    def _fields(self, **fields: object) -> dict[str, object]:
        return {"station": self._station_id, "connection": self._id, **fields}


def _given_up(outgoing: Outgoing, now: float) -> CallFailed:
    if outgoing.sent:
        return CallFailed(failure=CallFailure.TIMEOUT)
    if outgoing.expires is not None and outgoing.expires <= now:
        return CallFailed(failure=CallFailure.EXPIRED)
    return CallFailed(failure=CallFailure.QUEUE_FULL, description="waited too long")
