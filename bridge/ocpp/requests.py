"""Our requests to a station over one connection: written, sent in turn, given up in time."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from bridge.domain.calls import CallFailed, CallFailure, CallOutcome, RawCall, StationRequest
from bridge.domain.calls import CallResult as CallDone
from bridge.domain.settings import StationSettings
from bridge.ocpp.actions import Translator
from bridge.ocpp.frames import CallError, CallResult
from bridge.ocpp.rpc import Outgoing, Rpc
from bridge.ports import Clock, IdSource, Metrics

_log = logging.getLogger(__name__)


class Surroundings(Protocol):
    """What requests need of the server."""

    @property
    def clock(self) -> Clock:
        """Tells when a request has expired."""

    @property
    def ids(self) -> IdSource:
        """Names them."""

    @property
    def metrics(self) -> Metrics:
        """Counts those that were not answered in time."""


class Line(Protocol):
    """The connection that the requests go over."""

    @property
    def is_open(self) -> bool:
        """Whether anything can be sent."""

    @property
    def fields(self) -> dict[str, object]:
        """What names it in the log."""

    @property
    def needs(self) -> StationSettings:
        """What the station needs otherwise."""

    def remark(self, action: str, warnings: Iterable[str]) -> None:
        """Take note of what was mended in an answer."""

    def give_up(self, unanswered: int) -> None:
        """End it: the station has answered none of so many requests in a row."""


class Requests:
    """The requests of one connection, around its call machine."""

    __slots__ = ("_around", "_deadline_timer", "_line", "_loop", "_rpc", "_translator")

    def __init__(self, around: Surroundings, line: Line, translator: Translator, rpc: Rpc) -> None:
        self._around = around
        self._line = line
        self._translator = translator
        self._rpc = rpc
        self._loop = asyncio.get_running_loop()
        self._deadline_timer: asyncio.TimerHandle | None = None

    def add(
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
        needs = self._line.needs
        outgoing = Outgoing(
            message_id=self._around.ids.new_id(),
            action=action,
            payload=payload,
            on_answer=on_answer,
            raw=isinstance(request, RawCall),
            timeout=needs.call_timeouts.get(action, needs.call_timeout_seconds),
            expires=None if expires_at is None else self._loop_time(expires_at),
        )
        if not self._line.is_open:
            self._loop.call_soon(on_answer, CallFailed(failure=CallFailure.DISCONNECTED))
        elif not self._rpc.call(outgoing, self._loop.time()):
            self._loop.call_soon(on_answer, CallFailed(failure=CallFailure.QUEUE_FULL))
        self._reset_deadline()

    def answered(self, outgoing: Outgoing, answer: CallResult | CallError) -> None:
        """Hand on what the station has answered."""
        self._reset_deadline()
        if isinstance(answer, CallError):
            outgoing.on_answer(
                CallFailed(
                    failure=CallFailure.ERROR, code=answer.code, description=answer.description
                )
            )
        else:
            outcome = self._translator.outcome(outgoing.action, answer.payload, raw=outgoing.raw)
            if isinstance(outcome, CallDone) and outcome.warnings:
                self._line.remark(outgoing.action, outcome.warnings)
            outgoing.on_answer(outcome)

    def abandon(self, failure: CallFailure) -> None:
        """Give up all of them."""
        for outgoing in self._rpc.close():
            outgoing.on_answer(CallFailed(failure=failure))
        self._reset_deadline()

    def _loop_time(self, moment: datetime) -> float:
        return self._loop.time() + (moment - self._around.clock.now()).total_seconds()

    def _reset_deadline(self) -> None:
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
        deadline = self._rpc.deadline
        self._deadline_timer = (
            None if deadline is None else self._loop.call_at(deadline, self._expire)
        )

    def _expire(self) -> None:
        now = self._loop.time()
        for outgoing in self._rpc.expire(now):
            self._around.metrics.count("ocpp.call_timeout")
            _log.warning("call timed out", extra=self._line.fields | {"action": outgoing.action})
            outgoing.on_answer(_given_up(outgoing, now))
        self._reset_deadline()
        most = self._line.needs.max_unanswered_calls
        if self._line.is_open and 0 < most <= self._rpc.unanswered:
            self._line.give_up(most)


def _given_up(outgoing: Outgoing, now: float) -> CallFailed:
    if outgoing.sent:
        return CallFailed(failure=CallFailure.TIMEOUT)
    if outgoing.expires is not None and outgoing.expires <= now:
        return CallFailed(failure=CallFailure.EXPIRED)
    return CallFailed(failure=CallFailure.QUEUE_FULL, description="waited too long")
