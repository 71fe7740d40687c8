"""The engine's surroundings in memory: everything that it does lands in one list, in order."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain.calls import CallOutcome, CallResult, StationRequest
from bridge.domain.commands import CommandResult
from bridge.domain.effects import RecordedEvent, Reply
from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Station
from bridge.domain.settings import StationSettings
from bridge.engine.engine import Engine
from bridge.engine.services import Services
from bridge.engine.settings import EffectiveSettings
from bridge.engine.testing import MemoryJournal, MemoryTransactions
from bridge.ports import Commit, OutboxMessage, StoredMessage
from bridge.telemetry.counters import Counters

START = datetime(2026, 1, 10, 10, tzinfo=UTC)
CS = StationId("CS1")


class ManualClock:
    """A clock that is set by the test."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - START).total_seconds()

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class World:
    """Journal, presenter, publisher and gateway around an engine, all writing to `log`."""

    def __init__(self, settings: StationSettings | None = None) -> None:
        self.log: list[tuple[str, object]] = []
        self.clock = ManualClock()
        self.journal = LoggingJournal(self.log)
        self.counters = Counters()
        self.settings = settings or StationSettings(
            known=True, installation_max_a=32, automatic_calls=False
        )
        self.station: Station | None = None
        self.answer: CallOutcome | None = CallResult(accepted=True, status="Accepted")
        self.services = Services(
            clock=self.clock,
            journal=self.journal,
            presenter=self,
            publisher=self,
            metrics=self.counters,
            transactions=MemoryTransactions(self.journal),
            settings=EffectiveSettings(lambda _: self.settings),
        )
        self.engine = Engine(self.services)
        self.unanswered: list[Callable[[CallOutcome], None]] = []

    # Presenter
    def page(self, records: Sequence[TransactionRecord]) -> Mapping[str, Any]:
        return {"transactions": [record.transaction.id for record in records]}

    def event(self, event: RecordedEvent, inserted_at: datetime) -> OutboxMessage:
        kind = type(event).__name__.removesuffix("Recorded").lower()
        return OutboxMessage(topic=f"event/{kind}", payload=b"{}", ordering_key=event.station_id)

    def results(
        self, result: CommandResult, station: Station | None, station_id: StationId
    ) -> Sequence[OutboxMessage]:
        text = f"{result.status}/{result.code}"
        return [OutboxMessage(topic=f"res/{text}", payload=b"{}", ordering_key=station_id)]

    # Publisher
    def publish(self, messages: Sequence[StoredMessage]) -> None:
        self.log += [("published", stored.message.topic) for stored in messages]

    def station_changed(self, before: Station | None, after: Station) -> None:
        self.station = after

    def readings_moved(self, after: Station, evse_id: int) -> None:
        self.station = after

    def station_removed(self, station: Station) -> None:
        raise AssertionError(f"{station.id} removed")

    # StationGateway
    def call(
        self,
        station_id: StationId,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None = None,  # what waits is the adapter's affair
    ) -> None:
        self.log.append(("called", request))
        if self.answer is None:
            self.unanswered.append(on_answer)
        else:
            on_answer(self.answer)

    def disconnect(self, station_id: StationId, reason: str) -> None:
        raise AssertionError(f"{station_id} disconnected")

    # The station's side
    def respond(self, reply: Reply | None) -> None:
        self.log.append(("answered", reply))

    def durable(self, done: bool) -> None:
        self.log.append(("durable", done))

    def took(self, kind: str) -> list[object]:
        """Return what was logged of one kind, in order."""
        return [what for logged, what in self.log if logged == kind]


class LoggingJournal(MemoryJournal):
    """A journal that logs when a commit is written."""

    def __init__(self, log: list[tuple[str, object]]) -> None:
        super().__init__()
        self._log = log

    async def commit(self, commit: Commit) -> Sequence[StoredMessage]:
        stored = await super().commit(commit)
        self._log.append(("committed", len(commit.events)))
        return stored
