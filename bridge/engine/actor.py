"""One actor per station: its inputs one after the other, each durable before it shows.

For each input: ask the domain what follows, write that as one commit, and only then answer the
station, publish and call. Where the store cannot write, nothing has happened: a station's
message stays unanswered, so that the station sends it again; a command is not acknowledged to
the broker; what nobody would repeat (answers, deadlines) is tried until it can be written.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.crash import passes, passes_soon
from bridge.domain import charge_point, ledger, progress, upkeep, verdicts
from bridge.domain import station as rules
from bridge.domain.calls import CallAnswered, CallOutcome, StationCall
from bridge.domain.commands import Command, CommandResult
from bridge.domain.effects import (
    Acknowledged,
    Later,
    Outcome,
    Reply,
    TransactionRecorded,
    TransactionReply,
)
from bridge.domain.events import (
    BootNotification,
    Connected,
    Disconnected,
    MeterValues,
    StopTransaction,
    TransactionEvent,
)
from bridge.domain.ids import StationId
from bridge.domain.ledger import KeptTransaction
from bridge.domain.model import Station
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings
from bridge.engine.records import answer_only, commit_of
from bridge.engine.repeats import Belated, refused, repeated
from bridge.engine.services import Services
from bridge.engine.timers import Timers
from bridge.engine.waiting import Waiting
from bridge.ports import CommandRecord, Commit, StoredMessage, StoreError

_log = logging.getLogger(__name__)

HIGH_MARK: Final = 8
"""Waiting messages beyond which a station's socket is not read any further."""
COMMAND_LIMIT: Final = 200
"""Waiting inputs beyond which commands are refused with `queue_full`."""
STORE_RETRY_SECONDS: Final = 1.0
APPROVAL_INTERVAL: Final = timedelta(seconds=2)
"""How often it is looked whether a station that is connected and waits was approved meanwhile."""

_VOLATILE: Final = (Connected, Disconnected, rules.Restarted)
"""Inputs whose change of the record is found again at a restart and need not be written."""


@dataclass(frozen=True, slots=True)
class Mail:
    """An input and whom to tell about it."""

    message: rules.Input | Belated
    respond: Callable[[Reply | None], None] | None = None
    on_durable: Callable[[bool], None] | None = None
    body_hash: str = ""


class StationActor:
    """The life of one charging station."""

    def __init__(self, station: Station, services: Services, timers: Timers[StationId]) -> None:
        """Take up a record; `run` does the work."""
        self.station = station
        self._services = services
        self._timers = timers
        self._mailbox: deque[Mail] = deque()
        self._asleep: asyncio.Future[None] | None = None
        self._busy = False
        self._waiting = Waiting()
        self._waiting_for_idle: list[asyncio.Future[None]] = []

    @property
    def registered(self) -> bool:
        """Whether the station is accepted, by the owner's rules or by having been approved."""
        return rules.registered(self.station, self._settings())

    def _settings(self, message: rules.Input | None = None) -> StationSettings:
        """Return the settings as they take effect; a boot is handled by those of what booted."""
        boot = message if isinstance(message, BootNotification) else self.station.boot
        return self._services.settings.of(self.station.id, boot)

    @property
    def backlog(self) -> int:
        """How many inputs wait."""
        return len(self._mailbox)

    def post(self, mail: Mail) -> bool:
        """Take an input in; False where reading should stop for a while."""
        self._mailbox.append(mail)
        if self._asleep is not None and not self._asleep.done():
            self._asleep.set_result(None)
        return len(self._mailbox) < HIGH_MARK

    async def idle(self) -> None:
        """Return when nothing that was posted is left to be handled."""
        if self._mailbox or self._busy:
            idle = asyncio.get_running_loop().create_future()
            self._waiting_for_idle.append(idle)
            await idle

    async def run(self) -> None:
        """Handle inputs until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while self._mailbox:
                self._busy = True
                await self._handle_safely(self._mailbox.popleft())
            self._busy = False
            self._tell_that_idle()
            self._asleep = loop.create_future()
            await self._asleep

    def _tell_that_idle(self) -> None:
        waiting, self._waiting_for_idle = self._waiting_for_idle, []
        for idle in waiting:
            if not idle.done():
                idle.set_result(None)

    async def _handle_safely(self, mail: Mail) -> None:
        try:
            await self._handle(mail)
        except StoreError as error:
            _log.error("store cannot be read: %s", error, extra=self._fields(mail))
            _tell(mail, done=False)
        except Exception:  # noqa: BLE001  # task boundary: one bad input must not end the actor
            _log.exception("input failed", extra=self._fields(mail))
            self._services.metrics.count("engine.input_failed")
            _tell(mail, done=False)

    async def _handle(self, mail: Mail) -> None:
        message = mail.message
        if isinstance(message, Belated):
            await self._answer_belated(mail, message)
            return
        event = self._event_of(message)
        if event is not None and await self._is_stored(event):
            self._services.metrics.count("engine.event_repeated")
            _tell(mail, done=True, reply=self._reply_again(message, event))
            return
        if isinstance(message, (BootNotification, rules.Tick)) and not self.registered:
            await self._look_for_approval(boots=isinstance(message, BootNotification))
        outcome = rules.handle(
            self.station, message, self._services.clock.now(), self._settings(message)
        )
        command = None
        if isinstance(message, Command):
            command = self._command_record(message, mail.body_hash)
        await self._carry_out(mail, outcome, command)
        if self.station.online and not self.registered:
            self._timers.set(self.station.id, self._services.clock.now() + APPROVAL_INTERVAL)

    async def _carry_out(
        self, mail: Mail, outcome: Outcome, command: CommandRecord | None
    ) -> None:
        changed = outcome.station is not self.station
        matters = bool(outcome.events or outcome.results or outcome.calls or command)
        if changed and not matters:
            matters = not isinstance(mail.message, _VOLATILE)
        stored = []
        if matters:
            if any(result.page is not None for result in outcome.results):
                outcome = await self._with_pages(outcome)
            apart = [e for e in outcome.events if isinstance(e, TransactionRecorded) and e.apart]
            commit = commit_of(
                outcome,
                keep_station=changed,
                services=self._services,
                command=command,
                more=await self._history(apart) if apart else (),
            )
            written = await self._write(mail, commit)
            if written is None:
                return
            stored = list(written)
        before, self.station = self.station, outcome.station
        self._announce(outcome)
        _tell(mail, done=True, reply=outcome.reply)
        if isinstance(outcome.reply, Later) and mail.respond is not None:
            self._waiting.add(outcome.reply.ticket, mail.respond)
        self._waiting.answer(outcome.late)
        if stored:
            self._services.publisher.publish(stored)
        if changed:
            self._services.publisher.station_changed(before, self.station)
            self._services.watch(before, self.station)
            self._services.on_station(before, self.station)
            self._timers.set(
                self.station.id, upkeep.next_deadline(self.station, self._services.clock.now())
            )
        for call in outcome.calls:
            self._call(call)

    def _announce(self, outcome: Outcome) -> None:
        """Tell those who look of what is durable now."""
        if outcome.results:
            self._services.on_results(outcome.results, self.station, self.station.id)
        if outcome.events:
            self._services.on_events(outcome.events)

    async def _with_pages(self, outcome: Outcome) -> Outcome:
        """Return the outcome with what its results tell of the record of transactions."""
        results = [await self._with_page(result) for result in outcome.results]
        return replace(outcome, results=tuple(results))

    async def _with_page(self, result: CommandResult) -> CommandResult:
        if result.page is None:
            return result
        page = await self._services.transactions.page(result.page)
        records = [ledger.live(record, self.station) for record in page]
        return replace(result, page=None, data=self._services.presenter.page(records))

    async def _history(self, apart: Sequence[TransactionRecorded]) -> Sequence[KeptTransaction]:
        """Return what late events tell of transactions that no EVSE holds any more."""
        told: list[KeptTransaction] = []
        for event in apart:  # one at most: an input is one event of the station
            uuid = event.transaction.uuid
            known = await self._services.journal.transaction(uuid)
            before = None if known is None else known.transaction
            after = ledger.with_history(before, event.station_id, uuid, event.event)
            told.append(KeptTransaction(evse_id=event.evse_id, transaction=after))
        return told

    async def _write(self, mail: Mail, commit: Commit) -> Sequence[StoredMessage] | None:
        """Write a commit; None where it could not be and somebody will repeat the input."""
        while True:
            try:
                return await self._services.journal.commit(commit)
            except StoreError as error:
                if await self._answered_again(mail, commit):
                    return None
                _log.error("store cannot write: %s", error, extra=self._fields(mail))
                self._services.metrics.count("store.commit_failed")
            if mail.respond is not None or mail.on_durable is not None:
                _tell(mail, done=False)
                return None
            await asyncio.sleep(STORE_RETRY_SECONDS)

    def _call(self, call: StationCall) -> None:
        def answered(outcome: CallOutcome) -> None:
            self.post(Mail(CallAnswered(call_id=call.call_id, outcome=outcome)))

        def send() -> None:
            gateway = self._services.gateway
            gateway.call(self.station.id, call.request, answered, call.expires_at)

        if call.not_before is None:
            send()
            return
        wait = call.not_before - self._services.clock.now()
        asyncio.get_running_loop().call_later(max(wait.total_seconds(), 0.0), send)

    async def _look_for_approval(self, *, boots: bool) -> None:
        """Take up an approval that the owner has given since (`stations approve`)."""
        if await self._services.journal.approved(self.station.id):
            approved = rules.Approved(boots=boots)
            now = self._services.clock.now()
            outcome = rules.handle(self.station, approved, now, self._settings())
            await self._carry_out(Mail(approved), outcome, None)

    async def _answered_again(self, mail: Mail, commit: Commit) -> bool:
        """Answer a command whose id this controller has used before; False where it is new.

        Looked up only when the journal has refused it: most commands are new, and each look-up
        would cost them the way to another thread and back.
        """
        command = mail.message
        if commit.command is None or not isinstance(command, Command):
            return False
        ref = command.ref
        known = await self._services.journal.find_command(ref.controller, ref.id)
        if known is None:
            return False
        await self._answer(mail, repeated(ref, known, mail.body_hash, self._services.clock.now()))
        return True

    async def _answer_belated(self, mail: Mail, message: Belated) -> None:
        """Refuse it, unless it repeats a command that came in time."""
        ref, now = message.ref, self._services.clock.now()
        known = await self._services.journal.find_command(ref.controller, ref.id)
        if known is not None and known.body_hash == mail.body_hash:
            await self._answer(mail, repeated(ref, known, mail.body_hash, now))
        else:
            await self._answer(mail, refused(ref, message.refusal, now))

    async def _answer(self, mail: Mail, result: CommandResult) -> None:
        """Answer a command that changes nothing."""
        commit = answer_only(result, self.station, self.station.id, self._services)
        stored = await self._write(mail, commit)
        if stored is not None:
            self._services.on_results((result,), self.station, self.station.id)
            _tell(mail, done=True)
            self._services.publisher.publish(stored)

    def _command_record(self, command: Command, body_hash: str) -> CommandRecord:
        return CommandRecord(
            controller=command.ref.controller,
            command_id=command.ref.id,
            station_id=self.station.id,
            body_hash=body_hash,
            received_at=command.received_at,
        )

    def _fields(self, mail: Mail) -> dict[str, str]:
        return {"station": self.station.id, "input": type(mail.message).__name__}

    def _event_of(self, message: rules.Input) -> TransactionEvent | None:
        """Return the event that a message is, or (OCPP 1.6) stands for."""
        if isinstance(message, TransactionEvent):
            return message
        if isinstance(message, (MeterValues, StopTransaction)):
            return charge_point.event_of(self.station, message, self._services.clock.now())
        return None

    def _reply_again(self, message: rules.Input, event: TransactionEvent) -> Reply:
        """Return the answer to an event that was recorded before, by what is known by now."""
        if isinstance(message, MeterValues):
            return Acknowledged()
        now = self._services.clock.now()
        return TransactionReply(
            verdict=verdicts.at_once(self.station, event, self._settings(), now)
        )

    async def _is_stored(self, event: TransactionEvent) -> bool:
        if not progress.perhaps_stored(self.station, event):
            return False
        return await self._services.journal.has_event(
            progress.transaction_event_id(self.station.id, event), event.timestamp
        )


def _tell(mail: Mail, *, done: bool, reply: Reply | None = None) -> None:
    if mail.respond is not None:
        passes("before-answer")
        mail.respond(reply if done else None)
        passes_soon("after-answer")
    if mail.on_durable is not None:
        mail.on_durable(done)
