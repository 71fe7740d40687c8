"""The station's end of one WebSocket: frames in, frames out, no sockets (part 4, section 4).

It pairs answers with CALLs, gives up on a CALL after the message time-out, answers the CALLs
of the CSMS at once (they may cross its own) unless a quirk makes it slow or mute, and ignores
answers that nobody waits for.
"""

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from bridge.simulator.commands import answer, vocabulary_of
from bridge.simulator.invalid import spoiled, spoiled_text
from bridge.simulator.outbox import Outgoing
from bridge.simulator.quirks import Quirk
from bridge.simulator.station import Boot, StationModel
from bridge.simulator.wire import (
    UNKNOWN_ID,
    Call,
    CallError,
    CallRefusedError,
    CallResult,
    CallResultError,
    UnreadableFrameError,
    decode,
    encode,
)

UNSUPPORTED: Final = frozenset({"NotImplemented", "NotSupported"})
"""Error codes of a CALL that the station does not carry out, in every version."""


class Endpoint:
    """The OCPP-J state of a station: which CALL is out, and since when."""

    def __init__(self, station: StationModel) -> None:
        self.station = station
        self._pending_id: str | None = None
        self._deadline: datetime | None = None
        self._asked: deque[tuple[datetime, Call]] = deque()
        """CALLs of the CSMS, and when each is to be carried out and answered."""
        self._answers: list[str] = []
        self.hung_up = False
        """Whether the station wants this connection to end."""

    def connected(self, now: datetime) -> None:
        """Begin on a new connection."""
        self.hung_up = False
        self.station.connected(now)

    def disconnected(self, now: datetime) -> None:
        """Forget what belonged to the connection; transactions' messages are kept."""
        self._pending_id = None
        self._deadline = None
        self._asked.clear()
        self._answers.clear()
        self.station.disconnected(now)

    def receive(self, text: str | bytes, now: datetime) -> None:
        """Take in one text frame of the CSMS."""
        self.station.tick(now)
        try:
            message = decode(text)
        except UnreadableFrameError as error:
            self._refuse_frame(error)
            return
        match message:
            case Call():
                self._hear(message, now)
            case CallResult() if self._is_awaited(message.message_id):
                self._take_answer(message, now)
            case CallError() if self._is_awaited(message.message_id):
                self._fail(now, message.code)
        self.station.tick(now)

    def tick(self, now: datetime) -> None:
        """Let time pass for the station and for the CALL that is out."""
        if self._deadline is not None and now >= self._deadline:
            self._fail(now, code="")
        self._work_off(now)
        self.station.tick(now)

    def frames(self, now: datetime) -> Iterator[str]:
        """Yield what has to be sent now: answers first, then the next CALL."""
        answers, self._answers = self._answers, []
        yield from answers
        accepted = self.station.boot is Boot.ACCEPTED
        outgoing = self.station.outbox.take(now, accepted=accepted)
        if outgoing is not None:
            yield spoiled_text(encode(self._call(outgoing, now)), self.station.quirks)

    def _call(self, outgoing: Outgoing, now: datetime) -> Call:
        # A retry has a new id: ids are unique over all connections (errata 2023-12, 4.2).
        sound = self.station.speech.finished(outgoing, self.station.options)
        payload = spoiled(sound, self.station.quirks)
        call = Call(message_id=self.station.new_id(), action=outgoing.action, payload=payload)
        timeout_s = self.station.variables.number("OCPPCommCtrlr", "MessageTimeout", "Default")
        self._pending_id = call.message_id
        self._deadline = now + timedelta(seconds=timeout_s)
        return call

    def _hear(self, call: Call, now: datetime) -> None:
        quirks = self.station.quirks
        if Quirk.NO_ANSWER in quirks:
            return
        early = self.station.boot is not Boot.ACCEPTED
        if early and Quirk.HANGS_UP_ON_EARLY_CALLS in quirks:
            self.hung_up = True
            return
        slow = Quirk.SLOW_ANSWERS in quirks
        delay_s = self.station.options.answer_delay_s if slow else 0.0
        self._asked.append((now + timedelta(seconds=delay_s), call))
        self._work_off(now)

    def _work_off(self, now: datetime) -> None:
        while self._asked and self._asked[0][0] <= now:
            _, call = self._asked.popleft()
            reply = self._answer(call, now)
            if not self._keeps_silent(reply):
                self._answers.append(encode(reply))

    def _keeps_silent(self, reply: CallResult | CallError) -> bool:
        unsupported = isinstance(reply, CallError) and reply.code in UNSUPPORTED
        return unsupported and Quirk.UNSUPPORTED_UNANSWERED in self.station.quirks

    def _answer(self, call: Call, now: datetime) -> CallResult | CallError:
        try:
            payload = answer(self.station, call.action, call.payload, now)
        except CallRefusedError as refusal:
            return self._refusal(call.message_id, refusal.code, refusal.description)
        return CallResult(message_id=call.message_id, payload=payload)

    def _refuse_frame(self, error: UnreadableFrameError) -> None:
        vocabulary = vocabulary_of(self.station)
        unknown_type = error.message_id != UNKNOWN_ID
        if not vocabulary.refuses_frames or (unknown_type and vocabulary.ignores_unknown_types):
            return
        code = "MessageTypeNotSupported" if unknown_type else "RpcFrameworkError"
        self._answers.append(encode(self._refusal(error.message_id, code, str(error)[:255])))

    def _refusal(self, message_id: str, code: str, description: str) -> CallError:
        """Return a CALLERROR with the name that the version has for an error code."""
        name = vocabulary_of(self.station).error_codes.get(code, code)
        return CallError(message_id=message_id, code=name, description=description)

    def _is_awaited(self, message_id: str) -> bool:
        return message_id == self._pending_id

    def _take_answer(self, result: CallResult, now: datetime) -> None:
        self._clear_pending()
        outgoing = self.station.outbox.answered()
        try:
            self.station.answered(outgoing, result.payload, now)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            # An answer that breaks the schema counts as none was understood.
            self.station.refused(outgoing, "FormatViolation", now)
            if vocabulary_of(self.station).tells_bad_results:
                complaint = CallResultError(
                    message_id=result.message_id,
                    code="FormatViolation",
                    description=str(error)[:255],
                )
                self._answers.append(encode(complaint))

    def _fail(self, now: datetime, code: str) -> None:
        self._clear_pending()
        variables = self.station.variables
        attempts = variables.number("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent")
        seconds = variables.number("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent")
        outgoing = self.station.outbox.failed(
            now, attempts=int(attempts), interval=timedelta(seconds=seconds)
        )
        self.station.refused(outgoing, code, now)

    def _clear_pending(self) -> None:
        self._pending_id = None
        self._deadline = None
