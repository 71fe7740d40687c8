"""The workbench on which one input's consequences are put together.

`station.handle` is a pure function; inside it, a draft collects what changes. It never leaves
the call: what comes out is the frozen `Outcome`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bridge.domain import history, ledger
from bridge.domain.calls import StationCall, StationRequest
from bridge.domain.commands import (
    CommandRef,
    CommandResult,
    Refusal,
    ResultCode,
    ResultStatus,
)
from bridge.domain.control import Cause, ChangeReason
from bridge.domain.effects import Acknowledged, LateReply, Outcome, RecordedEvent, Reply
from bridge.domain.enums import Registration
from bridge.domain.knowledge import Question, QuestionKind
from bridge.domain.ledger import KeptTransaction
from bridge.domain.model import Evse, Station, Transaction
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings, UnknownStations

MAX_EVSES: Final = 256
"""EVSEs of one station that are kept."""
MAX_EVSE_ID: Final = 999_999
"""Six digits, as topics have them."""


def registered(station: Station, settings: StationSettings) -> bool:
    """Say whether the station may speak beyond BootNotification (OCPP 2.x B01 to B03).

    Known stations, and all where the owner accepts unknown ones, are accepted from the first
    connection on: one that was booted by an earlier central system may never boot again.
    """
    if settings.known or settings.unknown_stations is UnknownStations.ACCEPT:
        return True
    return station.registration is Registration.ACCEPTED


class Draft:
    """A station under change at the moment `now`."""

    def __init__(self, station: Station, now: datetime, settings: StationSettings) -> None:
        """Start from the record that is in force."""
        self.before = station
        self.station = station
        self.now = now
        self.said_at = now
        """When that happened which this input tells of, by the station's clock."""
        self.settings = settings
        self.evses = dict(station.evses)
        self.events: list[RecordedEvent] = []
        self.results: list[CommandResult] = []
        self.calls: list[StationCall] = []
        self.late: list[LateReply] = []
        self.kept: list[KeptTransaction] = []
        self.cause = Cause(reason=ChangeReason.STATION)
        """What this input is, for the record of what it changes (`history`)."""
        self.causes: dict[int, Cause] = {}
        """By EVSE: what an earlier input has led to, of which this one is the consequence."""

    @property
    def present(self) -> Station:
        """The station as it is by now, with its EVSEs as far as this input has changed them."""
        return replace(self.station, evses=self.evses)

    @property
    def reachable(self) -> bool:
        """Whether requests may be sent now: not while it is pending (B02), nor left in quiet."""
        station = self.station
        if not station.online or station.quiet_until is not None:
            return False
        return registered(station, self.settings)

    def can_have(self, evse_id: int) -> bool:
        """Say whether the station has this EVSE, or could: invented ones must not fill us up."""
        if evse_id in self.evses:
            return True
        return 0 < evse_id <= MAX_EVSE_ID and len(self.evses) < MAX_EVSES

    def put(self, evse: Evse) -> None:
        """Replace an EVSE, unless it is the same."""
        if self.evses.get(evse.id) is not evse:
            self.evses[evse.id] = evse

    def keep(self, evse_id: int, transaction: Transaction) -> None:
        """Write down a transaction that no EVSE will hold after this input."""
        self.kept.append(KeptTransaction(evse_id=evse_id, transaction=transaction))

    def change(self, **fields: Any) -> None:
        """Replace fields of the station itself."""
        self.station = replace(self.station, **fields)

    def call(
        self,
        request: StationRequest,
        expires_at: datetime | None = None,
        not_before: datetime | None = None,
    ) -> int:
        """Ask something of the station between two moments; return the number of the call."""
        call_id = self.station.call_count + 1
        self.change(call_count=call_id)
        self.calls.append(
            StationCall(
                call_id=call_id, request=request, expires_at=expires_at, not_before=not_before
            )
        )
        return call_id

    def ask(self, kind: QuestionKind, request: StationRequest, evse_id: int | None = None) -> None:
        """Ask something of the bridge's own accord; the answer goes to the kind's module."""
        question = Question(
            call_id=self.call(request),
            kind=kind,
            evse_id=evse_id,
            request_id=getattr(request, "request_id", None),
        )
        self.change(questions=(*self.station.questions, question))

    def accept(self, ref: CommandRef) -> None:
        """Tell a controller that its command is taken on."""
        self._result(ref, ResultStatus.ACCEPTED, ResultCode.OK)

    def done(
        self, ref: CommandRef, code: ResultCode, data: Mapping[str, Any] | None = None
    ) -> None:
        """Tell a controller that its command has been carried out."""
        self._result(ref, ResultStatus.DONE, code, data=data)

    def refuse(
        self, ref: CommandRef, refusal: Refusal, status: ResultStatus = ResultStatus.REJECTED
    ) -> None:
        """Tell a controller why its command was not carried out."""
        self._result(ref, status, refusal.code, refusal=refusal)

    def superseded(self, ref: CommandRef) -> None:
        """Tell a controller that a newer command of its own has taken this one's place."""
        self._result(ref, ResultStatus.SUPERSEDED, ResultCode.SUPERSEDED)

    def _result(
        self,
        ref: CommandRef,
        status: ResultStatus,
        code: ResultCode,
        *,
        data: Mapping[str, Any] | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        self.results.append(
            CommandResult(
                ref=ref, status=status, code=code, at=self.now, data=data, refusal=refusal
            )
        )

    def finish(self, reply: Reply | None = None) -> Outcome:
        """Return everything that follows; the station is the same object if nothing changed."""
        station = self.station
        held = station.evses
        changes: dict[str, Any] = {}
        for evse_id, evse in self.evses.items():
            was = held.get(evse_id)
            if evse is was:
                continue
            changes["evses"] = self.evses
            held_before = None if was is None else was.transaction
            if evse.transaction is not None and ledger.is_news(held_before, evse.transaction):
                self.keep(evse_id, evse.transaction)
        if changes or station is not self.before:
            station = replace(station, revision=self.before.revision + 1, **changes)
            if changes:
                self.events += history.changes(self.before, station, self._cause_of, self.now)
        return Outcome(
            station=station,
            reply=reply or Acknowledged(),
            events=tuple(self.events),
            results=tuple(self.results),
            calls=tuple(self.calls),
            late=tuple(self.late),
            transactions=tuple(self.kept),
        )

    def _cause_of(self, evse_id: int) -> Cause:
        return self.causes.get(evse_id, self.cause)
