"""The station's end of one WebSocket: frames in, frames out, no sockets (part 4, section 4).

It pairs answers with CALLs, gives up on a CALL after the message time-out, answers the CALLs
of the CSMS at once (they may cross its own), and ignores answers that nobody waits for.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bridge.simulator.commands import answer
from bridge.simulator.outbox import Outgoing
from bridge.simulator.station import Boot, StationModel
from bridge.simulator.wire import (
    UNKNOWN_ID,
    Call,
    CallError,
    CallRefusedError,
    CallResult,
    UnreadableFrameError,
    decode,
    encode,
)


class Endpoint:
    """The OCPP-J state of a station: which CALL is out, and since when."""

    def __init__(self, station: StationModel) -> None:
        self.station = station
        self._pending_id: str | None = None
        self._deadline: datetime | None = None
        self._answers: list[str] = []

    def connected(self, now: datetime) -> None:
        """Begin on a new connection."""
        self.station.connected(now)

    def disconnected(self, now: datetime) -> None:
        """Forget what belonged to the connection; transactions' messages are kept."""
        self._pending_id = None
        self._deadline = None
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
                self._answers.append(encode(self._answer(message, now)))
            case CallResult() if self._is_awaited(message.message_id):
                self._take_answer(message, now)
            case CallError() if self._is_awaited(message.message_id):
                self._fail(now, message.code)
        self.station.tick(now)

    def tick(self, now: datetime) -> None:
        """Let time pass for the station and for the CALL that is out."""
        if self._deadline is not None and now >= self._deadline:
            self._fail(now, code="")
        self.station.tick(now)

    def frames(self, now: datetime) -> Iterator[str]:
        """Yield what has to be sent now: answers first, then the next CALL."""
        answers, self._answers = self._answers, []
        yield from answers
        accepted = self.station.boot is Boot.ACCEPTED
        outgoing = self.station.outbox.take(now, accepted=accepted)
        if outgoing is not None:
            yield encode(self._call(outgoing, now))

    def _call(self, outgoing: Outgoing, now: datetime) -> Call:
        # A retry has a new id: ids are unique over all connections (errata 2023-12, 4.2).
        call = Call(
            message_id=self.station.new_id(), action=outgoing.action, payload=outgoing.payload
        )
        timeout_s = self.station.variables.number("OCPPCommCtrlr", "MessageTimeout", "Default")
        self._pending_id = call.message_id
        self._deadline = now + timedelta(seconds=timeout_s)
        return call

    def _answer(self, call: Call, now: datetime) -> CallResult | CallError:
        try:
            payload = answer(self.station, call.action, call.payload, now)
        except CallRefusedError as refusal:
            return CallError(
                message_id=call.message_id, code=refusal.code, description=refusal.description
            )
        return CallResult(message_id=call.message_id, payload=payload)

    def _refuse_frame(self, error: UnreadableFrameError) -> None:
        code = "RpcFrameworkError" if error.message_id == UNKNOWN_ID else "MessageTypeNotSupported"
        refusal = CallError(message_id=error.message_id, code=code, description=str(error)[:255])
        self._answers.append(encode(refusal))

    def _is_awaited(self, message_id: str) -> bool:
        return message_id == self._pending_id

    def _take_answer(self, result: CallResult, now: datetime) -> None:
        self._clear_pending()
        outgoing = self.station.outbox.answered()
        try:
            self.station.answered(outgoing, result.payload, now)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            # An answer that breaks the schema counts as none was understood.
            self.station.refused(outgoing, "FormatViolation", now)

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
