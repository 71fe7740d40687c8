"""One actor per station: its inputs one after the other, each durable before it shows.

For each input: ask the domain what follows, write that as one commit, and only then answer the
station, publish and call. Where the store cannot write, nothing has happened: a station's
message stays unanswered, so that the station sends it again; a command is not acknowledged to
the broker; what nobody would repeat (answers, deadlines) is tried until it can be written.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final

from msgspec import Struct

from bridge.crash import passes, passes_soon
from bridge.domain import charge_point, kept_limits, ledger, progress, upkeep, verdicts
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


class Mail(Struct, frozen=True):
    """An input and whom to tell about it."""

    message: rules.Input | Belated
    respond: Callable[[Reply | None], None] | None = None
    on_durable: Callable[[bool], None] | None = None
    body_hash: str = ""
    looked_up: bool = False
    """Whether an approval of the station was looked for already."""


class StationActor:
    """The life of one charging station."""

    __slots__ = (
        "_busy",
        "_looking",
        "_mailbox",
        "_services",
        "_stopped",
        "_timers",
        "_waiting",
        "_waiting_for_idle",
        "_working",
        "station",
    )

    def __init__(self, station: Station, services: Services, timers: Timers[StationId]) -> None:
        """Take up a record."""
        self.station = station
        self._services = services
        self._timers = timers
        self._mailbox: deque[Mail] = deque()
        self._busy = False
        """An input is being handled."""
        self._working = False
        self._stopped = False
        self._looking: asyncio.Task[None] | None = None
        """What the present input waits for, other than its commit."""
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
        """How many inputs are not handled yet."""
        return len(self._mailbox) + self._busy

    def post(self, mail: Mail) -> bool:
        """Take an input in; False where reading should stop for a while."""
        self._mailbox.append(mail)
        if not self._busy:
            self._work()
        return self.backlog < HIGH_MARK

    async def idle(self) -> None:
        """Return when nothing that was posted is left to be handled."""
        if self._mailbox or self._busy:
            idle = asyncio.get_running_loop().create_future()
            self._waiting_for_idle.append(idle)
            await idle

    async def stop(self) -> None:
        """Handle no more inputs; what is being handled ends where it is."""
        self._stopped = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    # --- One input after the other --------------------------------------------------------

    def _work(self) -> None:
        """Handle what waits, until something has to be waited for."""
        if self._working:
            return
        self._working = True
        while self._mailbox and not self._busy and not self._stopped:
            self._busy = True
            self._go_on(self._begin, self._mailbox.popleft())
        self._working = False
        if not self._busy:
            self._tell_that_idle()

    def _done(self) -> None:
        """The input is handled: the next one may be."""
        self._busy = False
        self._work()

    def _tell_that_idle(self) -> None:
        waiting, self._waiting_for_idle = self._waiting_for_idle, []
        for idle in waiting:
            if not idle.done():
                idle.set_result(None)

    def _go_on(self, step: Callable[..., None], mail: Mail, *arguments: Any) -> None:
        """Take the next step with an input; where it fails, that is the end of it."""
        if self._stopped:
            return
        try:
            step(mail, *arguments)
        except Exception as error:  # noqa: BLE001  # task boundary: one bad input must not end the actor
            self._failed(mail, error)

    def _look(self, mail: Mail, work: Coroutine[Any, Any, None]) -> None:
        """Go on with an input in a task: something has to be looked up first."""
        self._looking = asyncio.create_task(self._looked(mail, work), name=self.station.id)

    async def _looked(self, mail: Mail, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  # as in _go_on
            self._failed(mail, error)
        finally:
            if self._looking is asyncio.current_task():
                self._looking = None

    def _failed(self, mail: Mail, error: Exception) -> None:
        if isinstance(error, StoreError):
            _log.error("store cannot be read: %s", error, extra=self._fields(mail))
        else:
            _log.error("input failed", exc_info=error, extra=self._fields(mail))
            self._services.metrics.count("engine.input_failed")
        try:
            _tell(mail, done=False)
        finally:
            self._done()

    # --- The steps of an input: each leads to another one or to `_done` -------------------

    def _begin(self, mail: Mail) -> None:
        """Handle it at once, unless something must be known first."""
        message = mail.message
        if isinstance(message, Belated):
            self._look(mail, self._answer_belated(mail, message))
            return
        event = self._event_of(message)
        if event is not None and progress.perhaps_stored(self.station, event):
            self._look(mail, self._unless_stored(mail, message, event))
        elif self._may_be_approved(mail):
            self._look(mail, self._look_for_approval(mail, message))
        else:
            self._handle(mail, message)

    def _may_be_approved(self, mail: Mail) -> bool:
        """Say whether the owner may have approved the station since it was looked last."""
        if mail.looked_up or not isinstance(mail.message, (BootNotification, rules.Tick)):
            return False
        return not self.registered

    async def _unless_stored(
        self, mail: Mail, message: rules.Input, event: TransactionEvent
    ) -> None:
        """Handle an event that may be a repetition; answer again where it is one."""
        event_id = progress.transaction_event_id(self.station.id, event)
        if await self._services.journal.has_event(event_id, event.timestamp):
            self._services.metrics.count("engine.event_repeated")
            _tell(mail, done=True, reply=self._reply_again(message, event))
            self._done()
        else:
            self._handle(mail, message)

    def _handle(self, mail: Mail, message: rules.Input) -> None:
        """Ask the domain what follows."""
        settings = self._settings(message)
        outcome = rules.handle(self.station, message, self._services.clock.now(), settings)
        command = None
        if isinstance(message, Command):
            command = self._command_record(message, mail.body_hash)
        changed = outcome.station is not self.station
        matters = bool(outcome.events or outcome.results or outcome.calls or command)
        if changed and not matters:
            matters = not isinstance(message, _VOLATILE)
        if not matters:
            self._carry_out(mail, outcome, ())
            return
        apart = [e for e in outcome.events if isinstance(e, TransactionRecorded) and e.apart]
        if apart or any(result.page is not None for result in outcome.results):
            self._look(mail, self._complete(mail, outcome, command, apart))
        else:
            self._keep(mail, outcome, command)

    async def _complete(
        self,
        mail: Mail,
        outcome: Outcome,
        command: CommandRecord | None,
        apart: Sequence[TransactionRecorded],
    ) -> None:
        """Add what only the record of transactions knows."""
        outcome = await self._with_pages(outcome)
        self._keep(mail, outcome, command, await self._history(apart))

    def _keep(
        self,
        mail: Mail,
        outcome: Outcome,
        command: CommandRecord | None,
        more: Sequence[KeptTransaction] = (),
    ) -> None:
        """Write down what follows."""
        commit = commit_of(
            outcome,
            before=self.station,
            services=self._services,
            command=command,
            more=more,
        )
        self._write(mail, outcome, commit)

    def _write(self, mail: Mail, outcome: Outcome, commit: Commit) -> None:
        def written(stored: Sequence[StoredMessage] | StoreError) -> None:
            if isinstance(stored, StoreError):
                self._go_on(self._not_written, mail, outcome, commit, stored)
            else:
                self._go_on(self._carry_out, mail, outcome, stored)

        try:
            self._services.journal.submit(commit, written)
        except StoreError as error:
            self._not_written(mail, outcome, commit, error)

    def _not_written(
        self, mail: Mail, outcome: Outcome, commit: Commit, error: StoreError
    ) -> None:
        self._look(mail, self._write_again(mail, outcome, commit, error))

    async def _write_again(
        self, mail: Mail, outcome: Outcome, commit: Commit, error: StoreError
    ) -> None:
        """Try a commit again that could not be written, unless somebody will repeat the input."""
        if await self._answered_again(mail, commit):
            return
        _log.error("store cannot write: %s", error, extra=self._fields(mail))
        self._services.metrics.count("store.commit_failed")
        if mail.respond is not None or mail.on_durable is not None:
            _tell(mail, done=False)
            self._done()
            return
        await asyncio.sleep(STORE_RETRY_SECONDS)
        self._write(mail, outcome, commit)

    def _carry_out(self, mail: Mail, outcome: Outcome, stored: Sequence[StoredMessage]) -> None:
        """Let everybody know what is durable now: the station first."""
        services = self._services
        before, self.station = self.station, outcome.station
        self._announce(outcome)
        _tell(mail, done=True, reply=outcome.reply)
        if isinstance(outcome.reply, Later) and mail.respond is not None:
            self._waiting.add(outcome.reply.ticket, mail.respond)
        if outcome.late:
            self._waiting.answer(outcome.late)
        if stored:
            services.publisher.publish(stored)
        for call in outcome.calls:  # before the documents: somebody waits for what a command does
            self._call(call)
        if outcome.readings_of is not None:  # nobody waits for it: the events leave first
            loop = asyncio.get_running_loop()
            loop.call_soon(self._go_on, self._tell_of_readings, mail, before, outcome.readings_of)
            return
        if self.station is not before:
            self._tell_of_change(before)
        if self.station.online and not self.registered:
            self._timers.set(self.station.id, services.clock.now() + APPROVAL_INTERVAL)
        self._done()

    def _tell_of_change(self, before: Station) -> None:
        """Let those know who look at the station, and set the time of its next deadline."""
        services, station = self._services, self.station
        services.publisher.station_changed(before, station)
        self._tell_who_looks(before)
        self._timers.set(station.id, upkeep.next_deadline(station, services.clock.now()))

    def _tell_of_readings(self, _mail: Mail, before: Station, evse_id: int) -> None:
        """Let them know of readings. No deadline depends on these."""
        self._services.publisher.readings_moved(self.station, evse_id)
        self._tell_who_looks(before)
        self._done()

    def _tell_who_looks(self, before: Station) -> None:
        self._services.watch(before, self.station)
        self._services.on_station(before, self.station)

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

    async def _look_for_approval(self, mail: Mail, message: rules.Input) -> None:
        """Handle it after an approval that the owner may have given (`stations approve`)."""
        if not await self._services.journal.approved(self.station.id):
            self._handle(mail, message)
            return
        self._mailbox.appendleft(replace(mail, looked_up=True))
        approved = rules.Approved(boots=isinstance(message, BootNotification))
        self._handle(Mail(approved), approved)

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
        self._answer(mail, repeated(ref, known, mail.body_hash, self._services.clock.now()))
        return True

    async def _answer_belated(self, mail: Mail, message: Belated) -> None:
        """Refuse it, unless it repeats a command that came in time."""
        ref, now = message.ref, self._services.clock.now()
        known = await self._services.journal.find_command(ref.controller, ref.id)
        if known is not None and known.body_hash == mail.body_hash:
            self._answer(mail, repeated(ref, known, mail.body_hash, now))
        else:
            self._answer(mail, refused(ref, message.refusal, now))

    def _answer(self, mail: Mail, result: CommandResult) -> None:
        """Answer a command that changes nothing."""
        commit = answer_only(result, self.station, self.station.id, self._services)
        self._write(mail, Outcome(station=self.station, results=(result,)), commit)

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
            verdict=verdicts.at_once(self.station, event, self._settings(), now),
            limit=kept_limits.tell_again(self.station, event),
        )


def _tell(mail: Mail, *, done: bool, reply: Reply | None = None) -> None:
    if mail.respond is not None:
        passes("before-answer")
        mail.respond(reply if done else None)
        passes_soon("after-answer")
    if mail.on_durable is not None:
        mail.on_durable(done)
