"""Short words for the domain's inputs, and a station that is told them one after the other."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bridge.domain import station as rules
from bridge.domain.calls import (
    CallAnswered,
    CallFailed,
    CallFailure,
    CallResult,
    StationCall,
    StationRequest,
)
from bridge.domain.commands import (
    Arguments,
    Command,
    CommandRef,
    CommandResult,
    Release,
    ReplyTo,
    Resume,
    SetLimit,
)
from bridge.domain.control import Allocation, Slot
from bridge.domain.effects import Outcome, TransactionRecorded
from bridge.domain.enums import (
    AllocationSource,
    ChargingState,
    ConnectorStatus,
    EventType,
    TriggerReason,
)
from bridge.domain.events import (
    Connected,
    Disconnected,
    MeterValue,
    SampledValue,
    StatusNotification,
    TransactionEvent,
)
from bridge.domain.ids import StationId
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Evse, EvseView, Station, Transaction
from bridge.domain.settings import StationSettings
from tests.records import replace

T0: Final = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
KNOWN: Final = StationSettings(
    installation_max_a=32.0,
    known=True,
    automatic_calls=False,
    min_increase_interval_seconds=0.0,
    increase_hold_seconds=0.0,
    min_decrease_interval_seconds=0.0,
)
"""Nothing is asked and nothing is held back, except in the tests that are about that."""
ENERGY: Final = "Energy.Active.Import.Register"
ACCEPTED: Final = CallResult(accepted=True, status="Accepted")
REJECTED: Final = CallResult(accepted=False, status="Rejected", reason_code="InvalidProfile")
TIMEOUT: Final = CallFailed(failure=CallFailure.TIMEOUT)
CUT: Final = CallFailed(failure=CallFailure.DISCONNECTED)
CALLERROR: Final = CallFailed(
    failure=CallFailure.ERROR, code="InternalError", description="out of memory"
)


def sample(measurand: str, value: float, phase: str | None = None, **more: Any) -> SampledValue:
    return SampledValue(measurand=measurand, value=value, unit=None, phase=phase, **more)


def wh(value: float, at: datetime = T0, context: str = "Sample.Periodic") -> MeterValue:
    """One reading of the energy register."""
    return MeterValue(timestamp=at, sampled_values=(sample(ENERGY, value, context=context),))


def readings(*samples: SampledValue, at: datetime = T0) -> MeterValue:
    return MeterValue(timestamp=at, sampled_values=samples)


def event(event_type: EventType, seq_no: int, at: datetime = T0, **more: Any) -> TransactionEvent:
    more.setdefault("trigger_reason", TriggerReason.TRIGGER)
    more.setdefault("transaction_id", "T1")
    return TransactionEvent(event_type=event_type, seq_no=seq_no, timestamp=at, **more)


def started(seq_no: int = 0, at: datetime = T0, **more: Any) -> TransactionEvent:
    more.setdefault("evse_id", 1)
    more.setdefault("trigger_reason", TriggerReason.AUTHORIZED)
    return event(EventType.STARTED, seq_no, at, **more)


def updated(seq_no: int, at: datetime = T0, **more: Any) -> TransactionEvent:
    return event(EventType.UPDATED, seq_no, at, **more)


def ended(seq_no: int, at: datetime = T0, **more: Any) -> TransactionEvent:
    return event(EventType.ENDED, seq_no, at, **more)


def command(
    arguments: Arguments,
    command_id: str,
    *,
    controller: str = "me",
    evse_id: int = 1,
    source: AllocationSource = AllocationSource.MQTT,
    at: datetime = T0,
    **more: Any,
) -> Command:
    name = type(arguments).__name__.removeprefix("Set").lower()
    ref = CommandRef(
        id=command_id,
        name=name,
        controller=controller,
        source=source,
        evse_id=evse_id,
        reply_to=ReplyTo(name=name),
    )
    return Command(ref=ref, arguments=arguments, received_at=at, **more)


def slot(limit_a: float | None = None, controller: str = "me", **more: Any) -> Slot:
    more.setdefault("source", AllocationSource.MQTT)
    more.setdefault("priority", 100)
    more.setdefault("since", T0)
    return Slot(controller=controller, limit_a=limit_a, **more)


class Told:
    """A station and what has come of each input so far; time moves one second per input."""

    def __init__(self, settings: StationSettings = KNOWN, *, online: bool = True) -> None:
        self.station = Station(id=StationId("CS1"))
        self.settings = settings
        self.now = T0
        self.outcome = Outcome(station=self.station)
        self.results: list[CommandResult] = []
        self.calls: list[StationCall] = []
        self.events: list[Any] = []
        self._commands = 0
        if online:
            self.tell(Connected(version="2.0.1", connection_id="c1", remote="127.0.0.1"))

    def tell(self, message: rules.Input, after: float = 1.0) -> Outcome:
        self.now += timedelta(seconds=after)
        self.outcome = rules.handle(self.station, message, self.now, self.settings)
        self.station = self.outcome.station
        self.results += self.outcome.results
        self.calls += self.outcome.calls
        self.events += self.outcome.events
        return self.outcome

    def tick(self, after: float) -> Outcome:
        return self.tell(rules.Tick(), after)

    # --- the station speaks

    def status(self, status: ConnectorStatus, evse_id: int = 1, connector_id: int = 1) -> Outcome:
        return self.tell(
            StatusNotification(
                timestamp=self.now, evse_id=evse_id, connector_id=connector_id, status=status
            )
        )

    def start(self, transaction_id: str = "T1", evse_id: int | None = 1, **more: Any) -> Outcome:
        more.setdefault("charging_state", ChargingState.CHARGING)
        more.setdefault("trigger_reason", TriggerReason.CABLE_PLUGGED_IN)
        return self.tell(
            started(at=self.now, transaction_id=transaction_id, evse_id=evse_id, **more)
        )

    def end(self, transaction_id: str = "T1", seq_no: int = 1, **more: Any) -> Outcome:
        return self.tell(ended(seq_no, self.now, transaction_id=transaction_id, **more))

    def connect(self, connection_id: str = "c2") -> Outcome:
        return self.tell(
            Connected(version="2.0.1", connection_id=connection_id, remote="127.0.0.1")
        )

    def disconnect(self, connection_id: str = "c1") -> Outcome:
        return self.tell(Disconnected(connection_id=connection_id))

    def answer(self, outcome: Any = ACCEPTED, call_id: int | None = None) -> Outcome:
        """Answer a call, the last one if no other is named."""
        number = self.calls[-1].call_id if call_id is None else call_id
        return self.tell(CallAnswered(call_id=number, outcome=outcome))

    # --- controllers speak

    def command(self, arguments: Arguments, **more: Any) -> str:
        """Send a command; return its id."""
        self._commands += 1
        command_id = str(self._commands)
        self.tell(command(arguments, command_id, at=self.now, **more))
        return command_id

    def limit(self, limit_a: float, **more: Any) -> str:
        options = {k: more.pop(k) for k in list(more) if k in SetLimit.__struct_fields__}
        return self.command(SetLimit(limit_a=limit_a, **options), **more)

    def applied(self, limit_a: float, **more: Any) -> str:
        """Send a limit and let the station accept it."""
        command_id = self.limit(limit_a, **more)
        self.answer()
        return command_id

    def release(self, **more: Any) -> str:
        return self.command(Release(), **more)

    def resume(self, **more: Any) -> str:
        return self.command(Resume(), **more)

    # --- what can be seen

    def evse(self, evse_id: int = 1) -> Evse:
        return self.station.evses[evse_id]

    @property
    def view(self) -> EvseView:
        return self.evse().view

    @property
    def allocation(self) -> Allocation:
        held = self.evse().allocation
        assert held is not None
        return held

    @property
    def in_control(self) -> tuple[str, float, str]:
        """Name, offered current and state of the MQTT source."""
        return (self.allocation.source.value, self.allocation.offered_a, self.allocation.state)

    @property
    def transaction(self) -> Transaction:
        held = self.evse().transaction
        assert held is not None
        return held

    @property
    def recorded(self) -> TransactionRecorded:
        """The last transaction event that was recorded."""
        last = self.events[-1]
        assert isinstance(last, TransactionRecorded)
        return last

    @property
    def request(self) -> StationRequest:
        """The last request to the station."""
        return self.calls[-1].request

    def limits_sent(self) -> list[float | None]:
        """Limits of all profile writes so far, None for a clear."""
        return [getattr(call.request, "limit_a", None) for call in self.calls]

    def finals(self, command_id: str) -> list[tuple[str, str]]:
        """Final results of a command: status and code."""
        return [
            (result.status.value, result.code.value)
            for result in self.results
            if result.ref.id == command_id and result.final
        ]

    def result(self, command_id: str) -> CommandResult:
        """The one final result of a command."""
        (found,) = [r for r in self.results if r.ref.id == command_id and r.final]
        return found


def ready(settings: StationSettings = KNOWN, evses: int = 1, **changes: Any) -> Told:
    """A connected station whose EVSEs are available."""
    told = Told(replace(settings, **changes))
    for evse_id in range(1, evses + 1):
        told.status(ConnectorStatus.AVAILABLE, evse_id)
    return told


def charging(settings: StationSettings = KNOWN, **changes: Any) -> Told:
    """A connected station on whose EVSE 1 transaction T1 charges."""
    told = ready(settings, **changes)
    told.status(ConnectorStatus.OCCUPIED)
    told.start()
    return told


def takes_all(told: Told) -> Told:
    """A station of which it is known that it takes our kinds of profiles: a refusal counts."""
    told.station = replace(told.station, learnt=Learnt(tx_profile=True, valid_to=True))
    return told


def refusal(told: Told, command_id: str) -> tuple[str, str, str, dict[str, Any]]:
    """Status, code, sentence and details of a command that was refused."""
    result = told.result(command_id)
    assert result.refusal is not None
    details = dict(result.refusal.details)
    return result.status.value, result.code.value, result.refusal.message, details
