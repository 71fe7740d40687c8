"""Random interleavings of what several parties do to one EVSE, played against its rules and judged.

Theory of operation. A scene has parties: controllers that claim, claim again, pause and give up;
others that set and clear limits at the station; a group that shares; the transaction with limits
of its own; the cable. Each party's own inputs keep their order, and chance interleaves them with
each other and with the station's answers. So what holds in the end is known from the scene alone,
whatever the interleaving. It is reckoned here in the plainest way and without the bridge's own
arbiter, after every input, and the bridge is held to it:

* no limit that is sent, and no current that is said to be offered and in force, is above any
  constraint;
* `MQTT` is named only where a claim of MQTT is the binding minimum and the station has accepted it;
* in the end the interleaving makes no difference: the current is the one that the scene demands.

A station that refuses, fails, loses answers and connections makes the end depend on what it did;
there the first two are judged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Final, TypeVar

from bench.scenes import START, WATTS_PER_A, Claim, Maker, Scene, Truth
from bridge.domain import station as rules
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
from bridge.domain.control import Allocation
from bridge.domain.decision import weigh
from bridge.domain.draft import Draft
from bridge.domain.enums import AllocationSource as Source
from bridge.domain.events import Connected, Disconnected
from bridge.domain.leases import live_slots
from bridge.domain.model import Station
from bridge.domain.records import replace
from bridge.domain.settings import BelowMinimum, StationSettings
from bridge.domain.upkeep import next_deadline

_T = TypeVar("_T")

SECOND: Final = timedelta(seconds=1)
DYNAMIC: Final = frozenset({Source.OCPP_PROFILE, Source.TEAM, Source.TRANSACTION,
                            Source.MQTT, Source.API})  # fmt: skip
MOST_ANSWERS: Final = 200
"""After these, a station that is still asked something is never at rest."""

ACCEPTED: Final = CallResult(accepted=True, status="Accepted")
OUTCOMES: Final[tuple[CallOutcome, ...]] = (
    ACCEPTED,
    ACCEPTED,
    CallResult(accepted=False, status="Rejected"),
    CallFailed(failure=CallFailure.TIMEOUT),
    CallFailed(failure=CallFailure.ERROR, code="InternalError"),
    CallFailed(failure=CallFailure.QUEUE_FULL),
)
LOST: Final = CallFailed(failure=CallFailure.DISCONNECTED)


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was played, and what was wrong with it."""

    interleavings: int = 0
    inputs: int = 0
    writes: int = 0
    named: dict[str, int] = field(default_factory=dict)
    """How often each source was in control in the end."""
    violations: list[str] = field(default_factory=list)


# --- What a scene demands -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What should be in force: the current, and who may be named for it."""

    amps: float
    sources: frozenset[Source]
    highest_a: float
    """The lowest of all constraints."""


def demand_of(truth: Truth, settings: StationSettings) -> Demand:
    """Return what is demanded, by allocation.md."""
    installation_a = truth.constraints["installation"][1]
    limits = list(truth.constraints.values())
    highest_a = min(amps for _, amps in limits)
    for source in (Source.MQTT, Source.API):
        claims = [_effective(c) for c in truth.claims.values() if c.source is source]
        if claims:
            first = max(priority for priority, _ in claims)
            asked = min(amps for priority, amps in claims if priority == first)
            limits.append((source, min(asked, installation_a)))
    lowest = min(amps for _, amps in limits)
    tied = frozenset(source for source, amps in limits if amps == lowest)
    amps = lowest
    if 0 < lowest < settings.minimum_a:
        floor = settings.below_minimum is BelowMinimum.FLOOR and highest_a >= settings.minimum_a
        amps = settings.minimum_a if floor else 0.0
    # the installation's maximum goes before the cable where neither is anybody's will
    static = tied & {Source.UNMANAGED} or tied
    return Demand(amps=amps, sources=tied & DYNAMIC or static, highest_a=highest_a)


def _effective(claim: Claim) -> tuple[int, float]:
    return (max(claim.priority, 100), 0.0) if claim.paused else (claim.priority, claim.amps)


def claims_in(station: Station) -> dict[str, Claim]:
    """Return the claims that a station's record holds: those that it has not refused."""
    claims: dict[str, Claim] = {}
    slots = (*station.evses[1].slots, *station.station_slots)
    for slot in sorted(slots, key=lambda slot: slot.pause):
        asked = slot.limit_a if slot.limit_w is None else slot.limit_w / WATTS_PER_A
        claim = Claim(source=slot.source, priority=slot.priority, amps=round(asked or 0.0, 6))
        claims[slot.controller] = (
            replace(claims.get(slot.controller, claim), paused=True) if slot.pause else claim
        )
    return claims


# --- Playing them ---------------------------------------------------------------------------


class Play:
    """One interleaving of a scene, with the station's side of it."""

    def __init__(self, scene: Scene, chance: Random, verdict: Verdict) -> None:
        """Begin where the scene begins."""
        self._scene = scene
        self._chance = chance
        self._verdict = verdict
        self._now = START
        self._number = 0
        self._truth = scene.truth
        self._outstanding: list[StationCall] = []
        self._installed: dict[int, SetChargingProfile] = {}
        self._accepted: set[float] = set()
        self._connections = 1
        self.station = scene.station

    def run(self) -> None:
        """Play everything, let the station come to rest, and judge."""
        if not self._scene.decided:
            self._tell(rules.Tick())
        remaining = [list(party) for party in self._scene.parties]
        while remaining:
            self._meanwhile()
            party = self._chance.choice(remaining)
            built, meaning = party.pop(0)
            if not party:
                remaining.remove(party)
            meaning(self._truth)
            self._number += 1
            self._tell(built(self._now, self._number))
        self._come_to_rest()
        self._judge_the_end()

    def _meanwhile(self) -> None:
        """Let the station answer now and then, not always well, or lose its connection."""
        obedient = self._scene.obedient
        while self._outstanding and self._chance.random() < 0.6:
            outcome = ACCEPTED if obedient else self._chance.choice(OUTCOMES)
            index = self._chance.randrange(len(self._outstanding))
            self._answer(self._outstanding.pop(index), outcome)
        if not obedient and self._chance.random() < 0.1:
            self._reconnect()

    def _reconnect(self) -> None:
        self._tell(Disconnected(connection_id=f"c{self._connections}"))
        while self._outstanding:
            self._answer(self._outstanding.pop(0), LOST)
        self._connections += 1
        self._tell(
            Connected(version="2.0.1", connection_id=f"c{self._connections}", remote="127.0.0.1")
        )

    def _answer(self, call: StationCall, outcome: CallOutcome) -> None:
        carried_out = outcome is ACCEPTED or (
            isinstance(outcome, CallFailed)
            and outcome.failure in {CallFailure.TIMEOUT, CallFailure.DISCONNECTED}
            and self._chance.random() < 0.5
        )
        request = call.request
        if carried_out and isinstance(request, SetChargingProfile):
            self._installed[request.profile_id] = request
        elif isinstance(request, ClearChargingProfile) and (
            carried_out or isinstance(outcome, CallResult)
        ):
            self._installed.pop(request.profile_id, None)  # refused: there is nothing to clear
        if outcome is ACCEPTED and isinstance(request, SetChargingProfile):
            self._accepted.add(request.limit_a)
        self._tell(CallAnswered(call_id=call.call_id, outcome=outcome))

    def _come_to_rest(self) -> None:
        for _ in range(MOST_ANSWERS):
            if self._outstanding:
                self._answer(self._outstanding.pop(0), ACCEPTED)
                continue
            due = next_deadline(self.station, self._now)
            if due is None:
                return
            self._now = max(self._now, due)
            self._tell(rules.Tick())
        self._blame("it never comes to rest")

    def _tell(self, message: rules.Input) -> None:
        self._now += SECOND
        outcome = rules.handle(self.station, message, self._now, self._scene.settings)
        self.station = outcome.station
        self._outstanding += outcome.calls
        self._verdict.inputs += 1
        self._judge_writes(outcome.calls)
        self._judge_state()

    # --- judging

    def _judge_writes(self, calls: tuple[StationCall, ...]) -> None:
        for call in calls:
            request = call.request
            if isinstance(request, SetChargingProfile):
                self._verdict.writes += 1
                if request.limit_a > self._demand().highest_a:
                    self._blame(f"{request.limit_a} A are sent")
            elif isinstance(request, ClearChargingProfile):
                self._verdict.writes += 1
                self._judge_clearing(request.profile_id)

    def _judge_clearing(self, profile_id: int) -> None:
        """Blame a profile's end where a limit is to be enforced and no other profile does that."""
        sources = {source for source, _ in self._truth.constraints.values()}
        sources |= {claim.source for claim in self._claims().values()}
        if not sources - {Source.UNMANAGED, Source.PROXIMITY_PILOT, Source.OCPP_PROFILE}:
            return
        others = [p.limit_a for p in self._installed.values() if p.profile_id != profile_id]
        if min(others, default=math.inf) > self._demand().highest_a:
            self._blame("a profile is cleared that is still needed")

    def _judge_state(self) -> None:
        allocation = self._allocation()
        if allocation.source is Source.MQTT and allocation.offered_a not in self._accepted:
            self._blame(f"MQTT is named for {allocation.offered_a} A that were never accepted")
        if allocation.pending_a is None:
            self._judge_what_is_in_force(allocation)

    def _judge_what_is_in_force(self, allocation: Allocation) -> None:
        demand = self._demand()
        if allocation.offered_a > demand.highest_a:
            self._blame(f"{allocation.offered_a} A are offered")
        if allocation.source not in demand.sources:
            self._blame(f"{allocation.source} is named instead of {sorted(demand.sources)}")
        if self._scene.coarse and allocation.offered_a != demand.amps:
            self._blame(f"{allocation.offered_a} A are offered instead of {demand.amps} A")
        if allocation.source is Source.MQTT and self._governing() != allocation.offered_a:
            self._blame(f"the station has {self._governing()} A, not {allocation.offered_a} A")

    def _judge_the_end(self) -> None:
        allocation = self._allocation()
        if allocation.pending_a is not None:
            self._blame("something is still pending")
        named = self._verdict.named
        named[allocation.source.value] = named.get(allocation.source.value, 0) + 1
        self._judge_order(allocation)

    def _judge_order(self, allocation: Allocation) -> None:
        """Put the same claims and limits before the arbiter in another order."""
        evse = self.station.evses[1]
        station = replace(
            self.station,
            external_limits=tuple(self._shuffled(self.station.external_limits)),
            profiles=tuple(self._shuffled(self.station.profiles)),
        )
        draft = Draft(station, self._now, self._scene.settings)
        decision = weigh(draft, evse, self._shuffled(live_slots(draft, evse)))
        if (decision.source, decision.limits) != (allocation.source, allocation.limits):
            self._blame("the arbiter depends on the order")

    def _shuffled(self, items: Sequence[_T]) -> list[_T]:
        return self._chance.sample(items, len(items))

    def _claims(self) -> dict[str, Claim]:
        return self._truth.claims if self._scene.obedient else claims_in(self.station)

    def _demand(self) -> Demand:
        truth = Truth(constraints=self._truth.constraints, claims=self._claims())
        return demand_of(truth, self._scene.settings)

    def _allocation(self) -> Allocation:
        allocation = self.station.evses[1].allocation
        assert allocation is not None  # noqa: S101  # decided at the outset
        return allocation

    def _governing(self) -> float | None:
        """Return the limit by the installed profiles: a TxProfile goes before a default."""
        purposes = {p.purpose: p.limit_a for p in self._installed.values()}
        return purposes.get(ProfilePurpose.TX, purposes.get(ProfilePurpose.TX_DEFAULT))

    def _blame(self, what: str) -> None:
        limits = {key: amps for key, (_, amps) in self._truth.constraints.items()}
        self._verdict.violations.append(f"{what}; limits {limits}; claims {self._claims()}")


def play(seed: int, count: int, most_violations: int = 20) -> Verdict:
    """Play so many random interleavings; the same ones for the same seed."""
    chance = Random(seed)
    maker, verdict = Maker(chance), Verdict()
    for _ in range(count):
        Play(maker.scene(), chance, verdict).run()
        verdict.interleavings += 1
        if len(verdict.violations) >= most_violations:
            break
    return verdict
