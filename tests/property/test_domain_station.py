"""Any interleaving of a station's messages, commands, answers and time keeps the promises.

A model station with two EVSEs accepts, refuses, loses or executes without answering what it is
asked; controllers come and go; the bridge is restarted. After each step the invariants hold; at
the end everything is answered, and then every command has had exactly one final result.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from copy import copy
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.domain import station as rules
from bridge.domain.calls import (
    CallAnswered,
    CallFailed,
    CallFailure,
    ClearChargingProfile,
    ProfilePurpose,
    SetChargingProfile,
    StationCall,
)
from bridge.domain.commands import (
    ApproveStation,
    Arguments,
    ChangePassword,
    Get,
    OnExpire,
    Pause,
    Release,
    Resume,
    SetLimit,
    Start,
    Stop,
)
from bridge.domain.control import TeamShare
from bridge.domain.credentials import GivenPassword, NewPassword
from bridge.domain.enums import (
    AllocationSource,
    ChargingState,
    ConnectorStatus,
    EventType,
    TriggerReason,
)
from bridge.domain.events import (
    BootNotification,
    ClearedChargingLimit,
    Connected,
    Disconnected,
    IdToken,
    MeterValues,
    NotifyChargingLimit,
    StatusNotification,
    TransactionEvent,
)
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station, Transaction
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import BelowMinimum, RateUnit, StationSettings
from bridge.domain.upkeep import next_deadline
from tests.property.readings import assert_found_by_the_rules_too
from tests.unit.domain.builders import (
    ACCEPTED,
    CALLERROR,
    CUT,
    REJECTED,
    T0,
    TIMEOUT,
    command,
    event,
    wh,
)

SETTINGS: Final = StationSettings(
    installation_max_a=20.0, known=True, below_minimum=BelowMinimum.FLOOR, failsafe_a=7.0
)
BOOT: Final = BootNotification(vendor_name="v", model="m", reason="PowerUp")
QUEUE_FULL: Final = CallFailed(failure=CallFailure.QUEUE_FULL)
EVSES: Final = st.sampled_from([1, 2])
TTLS: Final = st.none() | st.sampled_from([5, 60])
NEW_PASSWORD: Final = ChangePassword(
    new=NewPassword(secret="00" * 20, given=GivenPassword(salt="s", digest="d", given_at=T0))
)
ARGUMENTS: Final[st.SearchStrategy[Arguments]] = st.one_of(
    st.builds(
        SetLimit,
        limit_a=st.sampled_from([0.0, 4.0, 8.0, 12.55, 16.0, 32.0]),
        ttl_seconds=TTLS,
        priority=st.sampled_from([100, 500]),
        on_expire=st.sampled_from(OnExpire),
        until_disconnect=st.booleans(),
    ),
    st.builds(SetLimit, limit_w=st.sampled_from([0.0, 5000.0]), ttl_seconds=TTLS),
    st.builds(Pause, ttl_seconds=TTLS),
    st.sampled_from([Release(), Resume(), Stop(), Get(), ApproveStation(), NEW_PASSWORD]),
    st.builds(
        Start,
        id_token=st.just(IdToken(value="x", type="Central")),
        max_a=st.none() | st.sampled_from([0.0, 9.0, 32.0]),
        energy_wh=st.none() | st.sampled_from([10.0, 20.0]),
        until=st.none() | st.sampled_from([T0 + timedelta(seconds=s) for s in (30, 600, 9000)]),
    ),
)


class Charger:
    """What is installed on one EVSE of the model station, and the transaction that runs there."""

    def __init__(self, evse_id: int) -> None:
        self.evse_id = evse_id
        self.profiles: dict[int, SetChargingProfile] = {}
        self.transaction_id: str | None = None
        self.seq_no = 0
        self.register_wh = 1000.0

    def carry_out(self, request: SetChargingProfile | ClearChargingProfile) -> None:
        if isinstance(request, SetChargingProfile):
            self.profiles[request.profile_id] = request
        else:
            self.profiles.pop(request.profile_id, None)

    def governing_limit(self) -> float | None:
        """Limit by the profiles that are installed: a TxProfile goes before a default."""
        default = None
        for profile in self.profiles.values():
            if profile.purpose is ProfilePurpose.TX_DEFAULT:
                default = profile.limit_a
            elif profile.transaction_id == self.transaction_id:
                return profile.limit_a
        return default


class StationMachine(RuleBasedStateMachine):
    """Inputs in any order through `station.handle`."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.station = Station(id=StationId("CS1"))
        self.chargers = {1: Charger(1), 2: Charger(2)}
        self.outstanding: dict[int, StationCall] = {}
        self.commands: list[str] = []
        self.finals: Counter[str] = Counter()
        self.connections = 0
        self.transactions = 0
        self.withheld: list[TransactionEvent] = []
        self.received: defaultdict[str, set[int]] = defaultdict(set)
        self.accepted: defaultdict[int, set[float]] = defaultdict(set)
        self.energy: dict[str, float] = {}
        self.registers: dict[str, tuple[datetime, float, float]] = {}
        self.others: dict[tuple[str, int], tuple[float, datetime]] = {}
        self.connect()
        self.begin(1, ChargingState.CHARGING, remote=False)

    def tell(self, message: rules.Input) -> None:
        before, parts = self.station, copy(self.station.evses)
        outcome = rules.handle(before, message, self.now, SETTINGS)
        assert rules.handle(before, message, self.now, SETTINGS) == outcome
        assert_found_by_the_rules_too(before, message, self.now, SETTINGS, outcome)
        assert before.evses == parts
        assert outcome.station.revision - before.revision == int(outcome.station is not before)
        self.station = outcome.station
        for call in outcome.calls:
            assert self.station.online
            self.outstanding[call.call_id] = call
            if isinstance(call.request, SetChargingProfile):
                assert 0 <= call.request.limit_a <= self.highest_a(call.request.evse_id)
        self.finals.update(r.ref.id for r in outcome.results if r.final)

    # --- time and connection

    @rule(seconds=st.sampled_from([0, 1, 5, 10, 60, 8000]))
    def tick(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.tell(rules.Tick())

    @rule(what=st.sampled_from(["connect", "replaced", "lost", "restart"]), kept=st.booleans())
    def disrupt(self, what: str, kept: bool) -> None:
        if what == "restart":
            self.restart(answers_were_kept=kept)
        elif what == "connect" or not self.station.online:
            self.connect()
        else:
            age = 1 if what == "replaced" else 0
            self.tell(Disconnected(connection_id=f"c{self.connections - age}"))
            assert self.station.online is (what == "replaced")

    def connect(self) -> None:
        self.connections += 1
        self.tell(
            Connected(version="2.0.1", connection_id=f"c{self.connections}", remote="127.0.0.1")
        )

    def restart(self, *, answers_were_kept: bool) -> None:
        """Lose the answers to all that is on its way, executed or not."""
        for call in self.outstanding.values():
            if answers_were_kept:
                self.carry_out(call)
        self.outstanding.clear()
        self.tell(rules.Restarted())
        self.connect()

    @precondition(lambda self: self.station.online)
    @rule(keeps_profiles=st.booleans())
    def boot(self, keeps_profiles: bool) -> None:
        if not keeps_profiles:
            for charger in self.chargers.values():
                charger.profiles.clear()
        self.tell(BOOT)

    # --- the station speaks

    @precondition(lambda self: self.station.online)
    @rule(evse_id=EVSES, status=st.sampled_from(ConnectorStatus))
    def status(self, evse_id: int, status: ConnectorStatus) -> None:
        self.tell(
            StatusNotification(timestamp=self.now, evse_id=evse_id, connector_id=1, status=status)
        )

    @precondition(lambda self: self.station.online)
    @rule(evse_id=EVSES, state=st.none() | st.sampled_from(ChargingState), remote=st.booleans())
    def begin(self, evse_id: int, state: ChargingState | None, remote: bool) -> None:
        charger = self.chargers[evse_id]
        self.transactions += 1
        charger.transaction_id, charger.seq_no = f"T{self.transactions}", 0
        start_id = (self.station.remote_start_count if remote else 0) or None
        self.report(
            charger,
            EventType.STARTED,
            charging_state=state,
            evse_id=evse_id,
            remote_start_id=start_id,
        )

    @precondition(lambda self: self.station.online)
    @rule(
        evse_id=EVSES,
        state=st.none() | st.sampled_from(ChargingState),
        lost=st.booleans(),
        more=st.sampled_from([0.0, 10.5, -500.0]),
        wait=st.integers(1, 20),
        trigger=st.sampled_from([TriggerReason.TRIGGER, TriggerReason.METER_VALUE_PERIODIC]),
    )
    def update(
        self,
        evse_id: int,
        state: ChargingState | None,
        lost: bool,
        more: float,
        wait: int,
        trigger: TriggerReason,
    ) -> None:
        charger = self.chargers[evse_id]
        if charger.transaction_id is None:
            return
        self.now += timedelta(seconds=wait)
        charger.register_wh = max(0.0, charger.register_wh + more)
        values = (wh(charger.register_wh, self.now),)
        self.report(
            charger,
            EventType.UPDATED,
            lost=lost,
            charging_state=state,
            meter_values=values,
            trigger_reason=trigger,
        )

    @precondition(lambda self: self.station.online)
    @rule(evse_id=EVSES, state=st.none() | st.sampled_from(ChargingState))
    def end(self, evse_id: int, state: ChargingState | None) -> None:
        charger = self.chargers[evse_id]
        if charger.transaction_id is not None:
            self.report(charger, EventType.ENDED, charging_state=state)
            charger.transaction_id = None

    @precondition(lambda self: self.station.online and self.withheld)
    @rule(number=st.integers(0, 9))
    def deliver_late(self, number: int) -> None:
        self.hand_in(self.withheld.pop(number % len(self.withheld)))

    @precondition(lambda self: self.station.online)
    @rule(evse_id=EVSES, age=st.integers(-100, 0))
    def meter_values(self, evse_id: int, age: int) -> None:
        at = self.now + timedelta(seconds=age)
        charger = self.chargers[evse_id]
        register_wh = charger.register_wh if age == 0 else charger.register_wh / 2
        known = self.station.evses.get(evse_id)
        if known is not None and known.view.transaction_id is not None:
            self.count(known.view.transaction_id, at, register_wh)
        self.tell(MeterValues(evse_id=evse_id, meter_values=(wh(register_wh, at),)))

    # --- others limit

    @precondition(lambda self: self.station.online)
    @rule(
        who=st.sampled_from(["EMS", "SO"]),
        evse_id=st.none() | EVSES,
        amps=st.sampled_from([0.0, 5.0, 7.0, 9.0, 11.0, 40.0]),
        in_watts=st.booleans(),
        seconds=st.sampled_from([5, 60, 100_000]),
    )
    def notify(
        self, who: str, evse_id: int | None, amps: float, in_watts: bool, seconds: int
    ) -> None:
        unit, limit = (RateUnit.WATT, amps * 690) if in_watts else (RateUnit.AMPERE, amps)
        period = Period(start_seconds=0, limit=limit)
        schedule = Schedule(unit=unit, periods=(period,), duration_seconds=seconds)
        self.others[who, evse_id or 0] = amps, self.now + timedelta(seconds=seconds)
        said = NotifyChargingLimit(limit_source=who, evse_id=evse_id, schedules=(schedule,))
        self.tell(said)

    @precondition(lambda self: self.station.online)
    @rule(who=st.sampled_from(["EMS", "SO"]), evse_id=st.none() | EVSES)
    def clear(self, who: str, evse_id: int | None) -> None:
        for place in [0, 1, 2] if evse_id is None else [evse_id]:
            self.others.pop((who, place), None)
        self.tell(ClearedChargingLimit(limit_source=who, evse_id=evse_id))

    @rule(evse_id=EVSES, amps=st.none() | st.sampled_from([0.0, 6.5, 9.5, 20.0]))
    def share(self, evse_id: int, amps: float | None) -> None:
        if evse_id in self.station.evses:
            given = 99.0 if amps is None else amps
            self.others["team", evse_id] = given, self.now + timedelta(days=9)
        share = None if amps is None else TeamShare(team="t", limit_a=amps, at=self.now)
        self.tell(rules.ShareChanged(evse_id=evse_id, share=share))

    def highest_a(self, evse_id: int) -> float:
        """The lowest limit that nothing may override on an EVSE now."""
        held = [
            amps
            for (_, place), (amps, until) in self.others.items()
            if place in {0, evse_id} and self.now < until
        ]
        evse = self.station.evses.get(evse_id)
        running = evse.transaction if evse else None
        if running is not None and running.open and running.max_a is not None:
            held.append(running.max_a)
        return min([SETTINGS.installation_max_a, *held])

    def report(
        self, charger: Charger, event_type: EventType, *, lost: bool = False, **more: Any
    ) -> None:
        assert charger.transaction_id is not None
        said = event(
            event_type, charger.seq_no, self.now, transaction_id=charger.transaction_id, **more
        )
        charger.seq_no += 1
        if lost:
            self.withheld.append(said)
        else:
            self.hand_in(said)

    def count(self, transaction_id: str, at: datetime, register_wh: float) -> None:
        """Follow the register as a reader with paper and pencil would."""
        last_at, last_wh, energy_wh = self.registers.get(transaction_id, (at, register_wh, 0.0))
        # of two readings of one moment the lower one is the older
        if at > last_at or (at == last_at and register_wh >= last_wh):
            energy_wh += max(0.0, register_wh - last_wh)
            self.registers[transaction_id] = (at, register_wh, energy_wh)

    def hand_in(self, said: TransactionEvent) -> None:
        received = self.received[said.transaction_id]
        if said.meter_values and said.seq_no > max(received):
            (reading,) = said.meter_values[0].sampled_values
            self.count(said.transaction_id, said.timestamp, reading.value)
        received.add(said.seq_no)
        self.tell(said)

    # --- controllers and answers

    @rule(
        arguments=ARGUMENTS,
        controller=st.sampled_from("ab"),
        evse_id=st.sampled_from([1, 0, 2, 3]),
        defer=st.booleans(),
        lives=st.none() | st.sampled_from([0, 1, 10]),
    )
    def command(
        self,
        arguments: Arguments,
        controller: str,
        evse_id: int,
        defer: bool,
        lives: int | None,
    ) -> None:
        command_id = f"command {len(self.commands)}"
        self.commands.append(command_id)
        self.tell(
            command(
                arguments,
                command_id,
                controller=controller,
                evse_id=evse_id,
                at=self.now,
                defer=defer,
                expires_at=None if lives is None else self.now + timedelta(seconds=lives),
            )
        )

    @rule(
        amps=st.sampled_from([8.0, 10.0, 12.0]),
        controller=st.sampled_from("ab"),
        evse_id=st.sampled_from([1, 0, 2]),
    )
    def limit(self, amps: float, controller: str, evse_id: int) -> None:
        self.command(SetLimit(limit_a=amps), controller, evse_id, defer=True, lives=None)

    @precondition(lambda self: not self.outstanding)
    @rule(
        amps=st.sampled_from([8.0, 10.0, 12.0]),
        outcome=st.sampled_from([ACCEPTED, TIMEOUT, REJECTED]),
        executed=st.booleans(),
    )
    def limit_and_answer(self, amps: float, outcome: Any, executed: bool) -> None:
        self.limit(amps, "a", 1)
        if self.outstanding:
            self.answer(0, outcome, executed)

    @precondition(lambda self: self.outstanding)
    @rule(
        number=st.integers(0, 2),
        outcome=st.sampled_from([ACCEPTED, REJECTED, CALLERROR, TIMEOUT, CUT, QUEUE_FULL]),
        executed=st.booleans(),
    )
    def answer(self, number: int, outcome: Any, executed: bool) -> None:
        call = self.outstanding.pop(list(self.outstanding)[number % len(self.outstanding)])
        if outcome is ACCEPTED or (outcome in {TIMEOUT, CUT} and executed):
            self.carry_out(call)
        if outcome is REJECTED and isinstance(call.request, ClearChargingProfile):
            self.carry_out(call)  # "Unknown": there is nothing to clear
        if outcome is ACCEPTED and isinstance(call.request, SetChargingProfile):
            self.accepted[call.request.evse_id].add(call.request.limit_a)
        self.tell(CallAnswered(call_id=call.call_id, outcome=outcome))

    def carry_out(self, call: StationCall) -> None:
        request = call.request
        if isinstance(request, SetChargingProfile):
            self.chargers[request.evse_id].carry_out(request)
        elif isinstance(request, ClearChargingProfile):
            for charger in self.chargers.values():
                charger.carry_out(request)

    # --- what holds at any time

    @invariant()
    def at_most_one_write_is_in_flight_per_evse(self) -> None:
        flying = Counter(
            (call.request.evse_id if isinstance(call.request, SetChargingProfile) else None)
            for call in self.outstanding.values()
            if isinstance(call.request, SetChargingProfile | ClearChargingProfile)
        )
        assert sum(flying.values()) <= 2
        assert all(flying[evse_id] <= 1 for evse_id in (1, 2))
        writes = {e.write.call_id for e in self.station.evses.values() if e.write}
        assert writes <= set(self.outstanding)

    @invariant()
    def mqtt_is_named_only_where_it_is_true(self) -> None:
        for evse in self.station.evses.values():
            held = evse.allocation
            if held is None or held.source is not AllocationSource.MQTT:
                continue
            assert held.offered_a in self.accepted[evse.id]
            if held.state not in {"active", "failsafe"}:
                continue
            assert held.accepted is not None
            assert held.accepted.limit_a == held.offered_a
            assert held.accepted in evse.installed
            assert self.chargers[evse.id].governing_limit() == held.offered_a
            slots = (*evse.slots, *self.station.station_slots)
            assert any(slot.source is AllocationSource.MQTT for slot in slots)

    @invariant()
    def offers_stay_within_all_limits(self) -> None:
        for evse in self.station.evses.values():
            held = evse.allocation
            if held is not None:
                assert 0 <= held.offered_a <= SETTINGS.installation_max_a
                if held.pending_a is None and self.station.online:
                    assert held.offered_a <= self.highest_a(evse.id)

    @invariant()
    def energy_only_grows(self) -> None:
        for transaction in self.known_transactions():
            assert transaction.energy_wh >= self.energy.get(transaction.uuid, 0.0)
            self.energy[transaction.uuid] = transaction.energy_wh
            counted = self.registers.get(transaction.id)
            assert transaction.energy_wh == (round(counted[2], 3) if counted else 0.0)

    @invariant()
    def missing_numbers_are_those_not_received(self) -> None:
        for transaction in self.known_transactions():
            got = self.received[transaction.id]
            missing = set(range(min(got), max(got) + 1)) - got
            assert expanded(transaction.missing_seq_nos) == missing

    @invariant()
    def no_command_has_two_final_results(self) -> None:
        assert all(count == 1 for count in self.finals.values())

    def known_transactions(self) -> Iterable[Transaction]:
        return [e.transaction for e in self.station.evses.values() if e.transaction is not None]

    # --- the end

    def teardown(self) -> None:
        """Let the station come back, accept everything and let all deadlines pass."""
        self.connect()
        for _ in range(100):
            if self.outstanding:
                self.answer(0, ACCEPTED, executed=True)
            elif (due := next_deadline(self.station, self.now)) is not None:
                self.pass_to(due)
            else:
                break
        assert not self.outstanding
        assert set(self.finals) == set(self.commands)
        self.no_command_has_two_final_results()
        self.mqtt_is_named_only_where_it_is_true()
        for evse in self.station.evses.values():
            assert_at_rest(evse)

    def pass_to(self, due: datetime) -> None:
        self.now = max(self.now, due)
        self.tell(rules.Tick())


def expanded(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


def assert_at_rest(evse: Evse) -> None:
    assert evse.write is None
    assert evse.waiting == ()
    assert evse.retry_at is None
    assert evse.allocation is not None
    assert evse.allocation.state in {"released", "active", "standby", "failsafe"}
    assert evse.allocation.pending_a is None


TestStation = StationMachine.TestCase
TestStation.settings = settings(stateful_step_count=50)
