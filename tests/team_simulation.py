"""A day of a group of charging stations in virtual time: real rules, played stations and cars.

Everything between the leader and the wire is the bridge's own: station records, arbiter, profile
writes. Played are the stations (slow, refusing, silent, offline, rebooting), their cars, and a
bridge that is killed and started again from what it has stored.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bridge.domain import station as rules
from bridge.domain import upkeep
from bridge.domain.calls import (
    CallAnswered,
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    ClearChargingProfile,
    ProfilePurpose,
    SetChargingProfile,
    StationCall,
)
from bridge.domain.enums import ChargingState, ConnectorStatus, EventType, TriggerReason
from bridge.domain.events import (
    Connected,
    Disconnected,
    MeterValue,
    MeterValues,
    SampledValue,
    StatusNotification,
    TransactionEvent,
)
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.settings import StationSettings
from bridge.domain.team import MemberId, TeamSettings, Totals
from bridge.domain.team_leader import READINGS_SECONDS, TeamState, begin, lead, matters
from bridge.store.codec import decode_station, encode
from tests.unit.domain.builders import T0

TOTAL_A: Final = 63.0
INSTALLATION_MAX_A: Final = 16.0
METER_SECONDS: Final = 120.0
CALL_TIMEOUT_SECONDS: Final = 30.0


@dataclass
class PlayedEvse:
    """An EVSE as it physically is."""

    id: int
    plugged: bool = False
    transaction: str | None = None
    state: ChargingState = ChargingState.EV_CONNECTED
    seq_no: int = 0
    sessions: int = 0
    need_ah: float = 0.0
    car_max_a: float = 0.0
    default_a: float | None = None
    tx: tuple[str, float] | None = None
    charged_ah: float = 0.0
    hungry_since: datetime | None = None
    longest_wait: timedelta = timedelta()

    def in_force_a(self) -> float:
        """Return the limit that governs; nothing can be drawn before the first transaction."""
        if self.transaction is not None and self.tx and self.tx[0] == self.transaction:
            return self.tx[1]
        if self.default_a is not None:
            return self.default_a
        return INSTALLATION_MAX_A if self.transaction is not None else 0.0

    def drawn_a(self) -> float:
        if self.transaction is None or self.need_ah <= 0:
            return 0.0
        current = min(self.in_force_a(), self.car_max_a)
        return current if current >= 6 else 0.0

    def wait(self, now: datetime, *, reachable: bool) -> None:
        """Note for how long a vehicle has got nothing although it could be given something."""
        if not reachable or self.transaction is None or self.need_ah <= 0 or self.drawn_a():
            self.hungry_since = None
        else:
            self.hungry_since = self.hungry_since or now
            self.longest_wait = max(self.longest_wait, now - self.hungry_since)


@dataclass
class PlayedStation:
    """A station: its EVSEs, its line, and what the bridge has asked of it."""

    id: StationId
    evses: dict[int, PlayedEvse]
    online: bool = False
    link: int = 0
    calls: deque[StationCall] = field(default_factory=deque)
    busy: bool = False
    said: list[rules.Input] = field(default_factory=list)
    """What it could not tell while it was offline."""


class Day:
    """The whole world; `run` plays it, and looks at the sum after everything that happens."""

    def __init__(self, seed: int, stations: int = 10, evses: int = 2) -> None:
        self.chance = random.Random(seed)
        self.now = T0
        self.settings = StationSettings(
            installation_max_a=INSTALLATION_MAX_A, known=True, automatic_calls=False
        )
        ids = [StationId(f"CS{number:02}") for number in range(1, stations + 1)]
        self.played = {
            cs: PlayedStation(id=cs, evses={n: PlayedEvse(id=n) for n in range(1, evses + 1)})
            for cs in ids
        }
        self.team = TeamSettings(
            name="house",
            members=tuple(MemberId(cs, n) for cs in ids for n in range(1, evses + 1)),
            totals=Totals(limit_a=TOTAL_A),
        )
        self.records = {cs: Station(id=cs) for cs in ids}
        self.state: TeamState = begin(self.team, None)
        self.looks_at: datetime | None = None
        self.looked_at = T0
        self.bridge = 0
        self.highest_a = 0.0
        self.moments = 0
        self.served_ah = 0.0
        self.trace: list[str] = []
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._pushes = 0

    # --- time -----------------------------------------------------------------------------

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        self._pushes += 1
        moment = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._queue, (moment, self._pushes, what))

    def run(self, hours: float) -> None:
        end = self.now + timedelta(hours=hours)
        while self._queue and self._queue[0][0] <= end:
            moment, _, what = heapq.heappop(self._queue)
            self._pass(moment)
            what()
            self._look_at_the_sum()

    def _pass(self, moment: datetime) -> None:
        hours = (moment - self.now).total_seconds() / 3600
        self.now = moment
        for evse in self._evses():
            drawn = evse.drawn_a() * hours
            evse.need_ah -= drawn
            evse.charged_ah += drawn
            self.served_ah += drawn

    def _look_at_the_sum(self) -> None:
        self.moments += 1
        in_force = round(sum(evse.in_force_a() for evse in self._evses()), 6)
        self.highest_a = max(self.highest_a, in_force)
        assert in_force <= TOTAL_A, (self.now, in_force, self.trace[-20:])
        for station in self.played.values():
            for evse in station.evses.values():
                evse.wait(self.now, reachable=station.online)

    def _evses(self) -> list[PlayedEvse]:
        return [evse for station in self.played.values() for evse in station.evses.values()]

    # --- the bridge -----------------------------------------------------------------------

    def tell(self, cs: StationId, message: rules.Input) -> None:
        before = self.records[cs]
        outcome = rules.handle(before, message, self.now, self.settings)
        self.records[cs] = outcome.station
        for call in outcome.calls:
            self.played[cs].calls.append(call)
        self._serve(self.played[cs])
        self._wake_station(cs)
        pace = 1 if matters(before, outcome.station) else READINGS_SECONDS
        self._look_at(max(self.now, self.looked_at + timedelta(seconds=pace)))

    def _wake_station(self, cs: StationId) -> None:
        due = upkeep.next_deadline(self.records[cs], self.now)
        if due is None:
            return
        revision = self.records[cs].revision

        def tick() -> None:
            if self.records[cs].revision == revision:
                self.tell(cs, rules.Tick())

        self.later(max((due - self.now).total_seconds(), 0.001), tick)

    def _look_at(self, moment: datetime) -> None:
        if self.looks_at is not None and self.looks_at <= moment:
            return
        self.looks_at = moment

        def look() -> None:
            if self.looks_at == moment:
                self.looks_at = None
                self._lead()

        self.later((moment - self.now).total_seconds(), look)

    def _lead(self) -> None:
        self.looked_at = self.now
        self.state, orders, next_at = lead(
            self.state, self.records, lambda _: self.settings, self.now
        )
        for cs, order in orders:
            assert order.share is not None
            self.trace.append(f"{self.now:%H:%M:%S} {cs}/{order.evse_id} {order.share.limit_a}")
            self.tell(cs, order)
        if next_at is not None:
            self._look_at(max(next_at, self.now + timedelta(seconds=1)))

    def restart(self) -> None:
        """Kill the bridge; it comes back with what it has stored."""
        self.trace.append(f"{self.now:%H:%M:%S} restart")
        for station in self.played.values():
            station.online = False
            station.calls.clear()
            station.busy = False
            station.link += 1
        self.records = {cs: decode_station(encode(record)) for cs, record in self.records.items()}
        self.state = begin(self.team, None)
        for cs in self.records:
            self.tell(cs, rules.Restarted())
        for cs in self.played:
            self.later(self.chance.uniform(1, 30), partial(self.connect, cs))

    # --- stations -------------------------------------------------------------------------

    def connect(self, cs: StationId) -> None:
        station = self.played[cs]
        if station.online:
            return
        station.online = True
        station.link += 1
        self.tell(cs, Connected(version="2.0.1", connection_id=str(station.link), remote="-"))
        said, station.said = station.said, []
        for message in said:
            self.tell(cs, message)
        for evse in station.evses.values():
            self._status(station, evse)

    def cut(self, cs: StationId, seconds: float) -> None:
        station = self.played[cs]
        if station.online:
            self.trace.append(f"{self.now:%H:%M:%S} {cs} offline")
            self._hang_up(station)
            self.later(seconds, lambda: self.connect(cs))

    def _hang_up(self, station: PlayedStation) -> None:
        station.online = False
        self.tell(station.id, Disconnected(connection_id=str(station.link)))
        station.link += 1
        lost, station.calls = list(station.calls), deque()
        station.busy = False
        for call in lost:
            self._answer(station, call, CallFailed(failure=CallFailure.DISCONNECTED))

    def _serve(self, station: PlayedStation) -> None:
        """Take the next call, one at a time, as slowly and as badly as chance will have it."""
        if station.busy or not station.calls:
            return
        if not station.online:
            call = station.calls.popleft()
            self._answer(station, call, CallFailed(failure=CallFailure.DISCONNECTED))
            return
        station.busy = True
        call, link, luck = station.calls[0], station.link, self.chance.random()
        delay = self.chance.uniform(0.05, 0.5) if luck < 0.9 else self.chance.uniform(1, 25)
        self.later(delay, lambda: self._carry_out(station, call, link))

    def _carry_out(self, station: PlayedStation, call: StationCall, link: int) -> None:
        if station.link != link:
            return
        luck = self.chance.random()
        outcome: CallOutcome = CallResult(accepted=True, status="Accepted")
        if luck < 0.04:
            outcome = CallResult(accepted=False, status="Rejected")
        elif luck < 0.06:
            outcome = CallFailed(failure=CallFailure.TIMEOUT)
        if luck >= 0.05:  # so half of those that time out have been carried out
            self._obey(station, call)
        self._look_at_the_sum()

        def answered() -> None:
            if station.link == link:
                station.calls.popleft()
                station.busy = False
                self._answer(station, call, outcome)

        self.later(CALL_TIMEOUT_SECONDS if isinstance(outcome, CallFailed) else 0.02, answered)

    def _answer(self, station: PlayedStation, call: StationCall, outcome: CallOutcome) -> None:
        self.tell(station.id, CallAnswered(call_id=call.call_id, outcome=outcome))

    def _obey(self, station: PlayedStation, call: StationCall) -> None:
        request = call.request
        if isinstance(request, SetChargingProfile):
            evse = station.evses[request.evse_id]
            assert request.limit_a is not None
            if request.purpose is ProfilePurpose.TX_DEFAULT:
                evse.default_a = request.limit_a
            elif request.transaction_id == evse.transaction and evse.transaction:
                evse.tx = (evse.transaction, request.limit_a)
        else:
            # a member is never set free
            assert not isinstance(request, ClearChargingProfile), request

    # --- cars -----------------------------------------------------------------------------

    def arrive(self, cs: StationId, evse_id: int) -> None:
        """Plug a car in; some drivers take their time to show a card."""
        station = self.played[cs]
        evse = station.evses[evse_id]
        evse.plugged = True
        self._status(station, evse)
        self.later(self.chance.choice([0, 0, 5, 600]), lambda: self._begin(station, evse))

    def _begin(self, station: PlayedStation, evse: PlayedEvse) -> None:
        evse.sessions += 1
        evse.transaction, evse.seq_no = f"T{evse.id}-{evse.sessions}", 0
        evse.need_ah = self.chance.uniform(5, 60)
        evse.car_max_a = self.chance.choice([10.0, 16.0, 16.0, 32.0])
        self._event(station, evse, EventType.STARTED)
        self._sample(station, evse, evse.transaction)
        stay = self.chance.uniform(1800, 8 * 3600)
        self.later(stay, lambda: self.leave(station.id, evse.id))

    def leave(self, cs: StationId, evse_id: int) -> None:
        station = self.played[cs]
        evse = station.evses[evse_id]
        self._event(station, evse, EventType.ENDED)
        evse.transaction = evse.tx = None
        evse.plugged = False
        self._status(station, evse)
        pause = self.chance.uniform(60, 2 * 3600)
        self.later(pause, lambda: self.arrive(cs, evse_id))

    def _sample(self, station: PlayedStation, evse: PlayedEvse, transaction: str) -> None:
        if evse.transaction != transaction:
            return
        state = _state(evse)
        if state is not evse.state:
            evse.state = state
            self._event(station, evse, EventType.UPDATED)
        if station.online:
            self._measure(station, evse)
        self.later(METER_SECONDS, lambda: self._sample(station, evse, transaction))

    def _measure(self, station: PlayedStation, evse: PlayedEvse) -> None:
        currents = tuple(
            SampledValue(measurand="Current.Import", value=evse.drawn_a(), unit="A", phase=phase)
            for phase in ("L1", "L2", "L3")
        )
        reading = MeterValue(timestamp=self.now, sampled_values=currents)
        self.tell(station.id, MeterValues(evse_id=evse.id, meter_values=(reading,)))

    def _event(self, station: PlayedStation, evse: PlayedEvse, event_type: EventType) -> None:
        assert evse.transaction is not None
        message = TransactionEvent(
            event_type=event_type,
            timestamp=self.now,
            trigger_reason=TriggerReason.CHARGING_STATE_CHANGED,
            seq_no=evse.seq_no,
            transaction_id=evse.transaction,
            evse_id=evse.id,
            charging_state=_state(evse),
            offline=not station.online,
        )
        evse.seq_no += 1
        self._say(station, message)

    def _status(self, station: PlayedStation, evse: PlayedEvse) -> None:
        status = ConnectorStatus.OCCUPIED if evse.plugged else ConnectorStatus.AVAILABLE
        message = StatusNotification(
            timestamp=self.now, evse_id=evse.id, connector_id=1, status=status
        )
        if station.online:
            self.tell(station.id, message)

    def _say(self, station: PlayedStation, message: rules.Input) -> None:
        if station.online:
            self.tell(station.id, message)
        else:
            station.said.append(message)


def _state(evse: PlayedEvse) -> ChargingState:
    if evse.drawn_a():
        return ChargingState.CHARGING
    return ChargingState.SUSPENDED_EV if evse.need_ah <= 0 else ChargingState.SUSPENDED_EVSE


def typical(seed: int) -> Day:
    """Return a day with arrivals, departures, lines that break, and restarts of the bridge."""
    day = Day(seed)
    for cs, station in day.played.items():
        day.connect(cs)
        for evse_id in station.evses:
            arrival = day.chance.uniform(60, 3 * 3600)
            day.later(arrival, partial(day.arrive, cs, evse_id))
        for _ in range(3):
            day.later(
                day.chance.uniform(600, 23 * 3600),
                partial(day.cut, cs, day.chance.uniform(5, 3600)),
            )
    for _ in range(3):
        day.later(day.chance.uniform(3600, 23 * 3600), day.restart)
    return day
