"""The call machine of one station connection, without I/O (OCPP 2.0.1 part 4, 4.1).

Theory of operation
-------------------
Two conversations cross on one WebSocket, and each of them is a strict alternation of question
and answer. CALLs of both sides may cross: neither conversation waits for the other.

*Ours.* One CALL is outstanding at a time; the others wait in a bounded queue. An answer belongs
to the CALL whose id it carries and to nothing else: late, doubled and invented answers are
dropped and counted, so no answer ever shifts to the next question. A CALL whose answer does not
come in time is given up, and the next one goes; one that waits for its turn for two time-outs is
given up without having been sent. A peer that floods us with unsolicited answers is to be
disconnected.

*The station's.* Each CALL opens an `Exchange`, which is closed by the answer. A station that
missed the answer sends the CALL again, perhaps over a new connection; what it then gets is

    id known, same text, answered        -> the stored answer, without handling it again
    id known, same text, being handled   -> nothing now; the answer goes to the newest asker
    id known, other text                 -> handled as new; the older answer is not sent any more
    id unknown                           -> handled

`AnswerMemory` knows this. It belongs to the station, not to the connection, and holds the most
recent exchanges only: a station has one CALL outstanding, so it can only repeat a recent one.

*Neither.* OCPP 2.1 lets the station tell something that is not answered at any time (SEND), and
complain of an answer of ours (CALLRESULTERROR), which changes nothing: the exchange was over.
Older versions do not know these types. They answer a type that they do not know, where OCPP 2.1
passes over it.

Texts go out by the functions that the owner of the machine gave it; time is the owner's, too,
in seconds of any monotonic clock.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct

from bridge.domain.calls import CallOutcome
from bridge.ocpp import frames
from bridge.ocpp.frames import (
    Call,
    CallError,
    CallResult,
    ErrorCode,
    OtherType,
    Unreadable,
)

UNSOLICITED_LIMIT: Final = 100
"""Unsolicited answers in a minute that end the connection (security.md, 12)."""

_MINUTE_SECONDS: Final = 60.0

REPEATED: Final = "ocpp.call_repeated"
"""Metric: CALLs that came again."""

Send = Callable[[bytes], None]


# --- The station's CALLs --------------------------------------------------------------------


class Exchange:
    """One CALL of the station, from its text to its answer."""

    __slots__ = ("_memory", "answer", "digest", "message_id", "send")

    def __init__(
        self, memory: "AnswerMemory", message_id: str, digest: int, send: Send | None
    ) -> None:
        self._memory = memory
        self.message_id = message_id
        self.digest = digest
        self.send: Send | None = send
        """Where the answer goes; None once that is settled, and where none is wanted."""
        self.answer: bytes | None = None

    def close(self, answer: bytes | None, *, remember: bool = True) -> None:
        """Answer the CALL; with None, leave it unanswered so that the station repeats it.

        Only the first closing counts. An answer that is not remembered is given once: the same
        CALL may get another answer later.
        """
        send, self.send = self.send, None
        if send is None:
            return
        if answer is None or not remember:
            self._memory.forget(self)
        else:
            # A copy, because orjson leaves its result the 4 KiB that it grew in.
            self.answer = bytes(memoryview(answer))
        if answer is not None:
            send(answer)


class AnswerMemory:
    """The most recent exchanges with one station, over all its connections."""

    __slots__ = ("_exchanges", "_size")

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._exchanges: dict[str, Exchange] = {}

    def find(self, message_id: str, digest: int) -> Exchange | None:
        """Return the exchange of a CALL that is repeated."""
        exchange = self._exchanges.get(message_id)
        return exchange if exchange is not None and exchange.digest == digest else None

    def open(self, message_id: str, digest: int, send: Send) -> Exchange:
        """Begin an exchange; an older one of the same id will not be answered any more."""
        older = self._exchanges.pop(message_id, None)
        if older is not None:
            older.send = None
        exchange = self._exchanges[message_id] = Exchange(self, message_id, digest, send)
        if len(self._exchanges) > self._size:
            self._drop_oldest_answered()
        return exchange

    def forget(self, exchange: Exchange) -> None:
        """Take an unanswered exchange out, so that a repeated CALL is handled as new."""
        del self._exchanges[exchange.message_id]

    def _drop_oldest_answered(self) -> None:
        for message_id, exchange in self._exchanges.items():
            if exchange.answer is not None:
                del self._exchanges[message_id]
                return


# --- Our CALLs ------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Outgoing:
    """A CALL of ours on its way."""

    message_id: str
    action: str
    payload: Mapping[str, Any]
    on_answer: Callable[[CallOutcome], None]
    raw: bool = False
    """Whether it is a RawCall, whose answer is handed on as it is."""
    timeout: float | None = None
    """The station's time to answer, s; None = as for every CALL."""
    expires: float | None = None
    """When it must not be sent any more."""
    deadline: float = 0.0
    sent: bool = False


# --- What came of a text --------------------------------------------------------------------


class Request(Struct, frozen=True):
    """A CALL to be handled; `exchange.close` answers it."""

    call: Call
    exchange: Exchange


class Told(Struct, frozen=True):
    """A SEND to be handled; closing the exchange sends nothing."""

    call: Call
    exchange: Exchange


class Answered(Struct, frozen=True):
    """The answer to a CALL of ours."""

    outgoing: Outgoing
    answer: CallResult | CallError


class Refused(Struct, frozen=True):
    """Not a CALL that could be handled: answer with this CALLERROR."""

    error: Unreadable


class AnswerRefused(Struct, frozen=True):
    """The station could not use an answer of ours."""

    error: CallError


class Settled(Struct, frozen=True):
    """Nothing more to do; `reason` is a metric's name."""

    reason: str


class Flooded(Struct, frozen=True):
    """Too many unsolicited answers: close the connection."""


Incoming = Request | Told | Answered | Refused | AnswerRefused | Settled | Flooded


class Rpc:
    """Both conversations of one connection."""

    __slots__ = (
        "_in_flight",
        "_knows_send",
        "_memory",
        "_minute_began",
        "_queue_limit",
        "_send",
        "_send_call",
        "_timeout",
        "_unsolicited",
        "_waiting",
        "unanswered",
    )

    def __init__(
        self,
        memory: AnswerMemory,
        *,
        send: Send,
        send_call: Callable[[Outgoing, bytes], None],
        call_timeout: float,
        queue_limit: int,
        knows_send: bool = False,
    ) -> None:
        """Take `send` for what answers the station, `send_call` for what asks it."""
        self._memory = memory
        self._send = send
        self._send_call = send_call
        self._timeout = call_timeout
        self._queue_limit = queue_limit
        self._knows_send = knows_send
        self._in_flight: Outgoing | None = None
        self._waiting: deque[Outgoing] = deque()
        self._unsolicited = 0
        self._minute_began = 0.0
        self.unanswered = 0
        """CALLs in a row whose answer did not come in time; a late one ends the row."""

    def received(self, text: bytes, now: float) -> Incoming:
        """Take a text of the station in."""
        frame = frames.parse(text)
        if isinstance(frame, Call):
            exchange = self.asked(frame.message_id, hash(text))
            return Settled(REPEATED) if exchange is None else Request(frame, exchange)
        if isinstance(frame, CallResult | CallError):
            return self._answered(frame, now)
        if isinstance(frame, Unreadable):
            return Refused(frame)
        return self._later_type(frame) if self._knows_send else _unknown_type(frame)

    def _later_type(self, frame: OtherType) -> Incoming:
        match frame.content:
            case Call() as call:
                return Told(call, Exchange(self._memory, call.message_id, 0, None))
            case CallError() as error:
                return AnswerRefused(error)
            case None:  # OCPP 2.1 part 4, 4.1.3 and 4.4: to be ignored
                return Settled("ocpp.message_type_unknown")

    def asked(self, message_id: str, digest: int) -> Exchange | None:
        """Open the exchange of a CALL, `digest` telling its text; None: repeated, and settled."""
        known = self._memory.find(message_id, digest)
        if known is None:
            return self._memory.open(message_id, digest, self._send)
        if known.answer is None:
            known.send = self._send
        else:
            self._send(known.answer)
        return None

    def _answered(self, answer: CallResult | CallError, now: float) -> Incoming:
        self.unanswered = 0
        outgoing = self._in_flight
        if outgoing is None or outgoing.message_id != answer.message_id:
            return self._not_asked_for(now)
        self._in_flight = None
        self._send_next(now)
        return Answered(outgoing, answer)

    def _not_asked_for(self, now: float) -> Incoming:
        if now - self._minute_began >= _MINUTE_SECONDS:
            self._minute_began = now
            self._unsolicited = 0
        self._unsolicited += 1
        if self._unsolicited >= UNSOLICITED_LIMIT:
            return Flooded()
        return Settled("ocpp.answer_unsolicited")

    # --- Ours ---------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When to call `expire` next."""
        ahead = [o.deadline for o in self._waiting]
        if self._in_flight is not None:
            ahead.append(self._in_flight.deadline)
        return min(ahead, default=None)

    def call(self, outgoing: Outgoing, now: float) -> bool:
        """Send a CALL as soon as it is its turn; False where too many wait already."""
        if len(self._waiting) >= self._queue_limit:
            return False
        patience = now + 2 * (outgoing.timeout or self._timeout)
        outgoing.deadline = min(
            patience, patience if outgoing.expires is None else outgoing.expires
        )
        self._waiting.append(outgoing)
        self._send_next(now)
        return True

    def expire(self, now: float) -> list[Outgoing]:
        """Give up the CALLs whose time is over, and send the next one."""
        expired = []
        if self._in_flight is not None and self._in_flight.deadline <= now:
            expired.append(self._in_flight)
            self._in_flight = None
            self.unanswered += 1
        over = [outgoing for outgoing in self._waiting if outgoing.deadline <= now]
        for outgoing in over:
            self._waiting.remove(outgoing)
        expired += over
        self._send_next(now)
        return expired

    def close(self) -> list[Outgoing]:
        """Give up all CALLs: the connection is gone."""
        abandoned = [o for o in (self._in_flight, *self._waiting) if o is not None]
        self._in_flight = None
        self._waiting.clear()
        return abandoned

    def _send_next(self, now: float) -> None:
        if self._in_flight is not None or not self._waiting:
            return
        if self._waiting[0].deadline <= now:
            return  # `expire` is due, and goes on with the next one
        outgoing = self._in_flight = self._waiting.popleft()
        outgoing.sent = True
        outgoing.deadline = now + (outgoing.timeout or self._timeout)
        self._send_call(
            outgoing,
            frames.encode_call(outgoing.message_id, outgoing.action, outgoing.payload),
        )


def _unknown_type(frame: OtherType) -> Incoming:
    """Answer where it can be.

    OCPP 2.0.1 part 4 wants it ignored in 4.1.3 and answered in 4.4, and an answer tells more.
    """
    if frame.message_id is None:
        return Settled("ocpp.message_type_unknown")
    return Refused(
        Unreadable(
            frame.message_id,
            ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED,
            f"message type {frame.type_number} is not known",
        )
    )
