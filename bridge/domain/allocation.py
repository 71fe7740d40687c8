"""The arbiter: out of all valid limits, which one binds, and whose it is (allocation.md).

Constraints (installation maximum, cable, OCPP Profile, Team, Transaction) combine by minimum and
nothing overrides them. Requests are the slots of controllers, clipped to the installation maximum:
inside one source the highest priority wins, then the lower limit, then the newer slot; the winner
joins the minimum. The result is a total order of its inputs: it never depends on the order of
their arrival.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from bridge.domain.control import Decision, Limit, PhaseClaim, PhaseStep, Slot
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse
from bridge.domain.records import replace
from bridge.domain.settings import BelowMinimum, StationSettings

TIE_ORDER: Final = (
    AllocationSource.OCPP_PROFILE,
    AllocationSource.TEAM,
    AllocationSource.TRANSACTION,
    AllocationSource.MQTT,
    AllocationSource.API,
    AllocationSource.UNMANAGED,
    AllocationSource.PROXIMITY_PILOT,
)
"""Who is named where several limits are equally low and none of them is the incumbent."""

STATIC: Final = frozenset({AllocationSource.UNMANAGED, AllocationSource.PROXIMITY_PILOT})
"""Sources that are no one's will; they lose a tie to any other."""

REQUESTING: Final = (AllocationSource.MQTT, AllocationSource.API)
"""Sources whose limit is the winner among the slots of controllers."""
ENFORCED: Final = frozenset({AllocationSource.TEAM, AllocationSource.TRANSACTION})
"""Constraints that no station knows of by itself: it must be told."""
SUPPLY_STEP: Final = 0.03
"""Watts are converted again when voltage or phases have moved by more than this share."""
MEASURED_WITHIN: Final = timedelta(seconds=10)


class Supply(Struct, frozen=True, kw_only=True):
    """What watts are divided by: volts between phase and neutral, and the number of phases."""

    voltage_v: float
    phases: int

    def amps(self, power_w: float) -> float:
        """Return the current per phase that draws `power_w` in all."""
        return power_w / (self.voltage_v * self.phases)

    def watts(self, current_a: float) -> float:
        """Return the power in all that `current_a` per phase draws."""
        return current_a * self.voltage_v * self.phases


def round_down(current_a: float) -> float:
    """Return amperes rounded down to 0.1 A, not fooled by binary fractions (10.3 stays 10.3)."""
    return math.floor(round(current_a * 10, 6)) / 10


def supply_of(evse: Evse, settings: StationSettings, now: datetime) -> Supply:
    """Return the supply to convert by: measured while fresh, else as configured.

    The present one is kept while neither voltage nor phases moved by more than 3 %.
    """
    voltage = settings.nominal_voltage_v
    meter = evse.meter
    if meter is not None and abs(now - meter.at) <= MEASURED_WITHIN:
        measured = [volts for volts in meter.voltage_v if volts]
        if measured:
            voltage = sum(measured) / len(measured)
    phases = _phases_in_use(evse) or settings.phases
    held = evse.supply_voltage_v
    if held and evse.supply_phases == phases and abs(voltage - held) <= held * SUPPLY_STEP:
        voltage = held
    return Supply(voltage_v=voltage, phases=phases)


def _phases_in_use(evse: Evse) -> int | None:
    """Return the number of phases as switched or seen; None where neither is known.

    What was seen while more phases were in use says nothing after a switch to one, and what was
    seen on one says nothing until the vehicle has settled on three.
    """
    switched = evse.phase.active
    if switched == 1 or evse.phase.step is PhaseStep.SETTLING:
        return switched
    running = evse.transaction
    if running is not None and running.open and evse.view.charging:
        return sum(running.phases_seen or ()) or switched
    return switched


def is_live(slot: Slot | PhaseClaim, now: datetime) -> bool:
    """Say whether the lease of a claim still runs."""
    return slot.expires_at is None or now < slot.expires_at


def claims_of(
    slots: Iterable[Slot], supply: Supply, highest_a: float = math.inf
) -> list[tuple[Limit, Slot]]:
    """Return what the slots of one source ask for, at most `highest_a`, the winner first.

    A pause shadows the same controller's limits, with the strongest of their priorities: who
    pauses must not be overruled by their own earlier limit.
    """
    strongest: dict[str, int] = {}
    paused: set[str] = set()
    for slot in slots:
        strongest[slot.controller] = max(slot.priority, strongest.get(slot.controller, 0))
        if slot.pause:
            paused.add(slot.controller)
    claims = [
        (strongest[slot.controller], 0.0, slot)
        if slot.pause
        else (slot.priority, min(_amps(slot, supply), highest_a), slot)
        for slot in slots
        if slot.pause or slot.controller not in paused
    ]
    if len(claims) > 1:
        claims.sort(key=_rank)
    return [(_limit(priority, wanted, slot), slot) for priority, wanted, slot in claims]


def _rank(claim: tuple[int, float, Slot]) -> tuple[object, ...]:
    """Order claims: priority, the lower limit, the newer; then anything that is total."""
    priority, wanted, slot = claim
    newest_first = -slot.since.timestamp()
    return -priority, wanted, newest_first, slot.controller, slot.command_id or "", repr(slot)


def _limit(priority: int, wanted: float, slot: Slot) -> Limit:
    return Limit(
        source=slot.source,
        limit_a=round_down(wanted),
        controller=slot.controller,
        priority=priority,
        expires_at=slot.expires_at,
    )


def _amps(slot: Slot, supply: Supply) -> float:
    if slot.limit_w is None:
        return slot.limit_a or 0.0
    by_power = supply.amps(slot.limit_w)
    return by_power if slot.limit_a is None else min(by_power, slot.limit_a)


def constraints_of(evse: Evse, settings: StationSettings) -> list[Limit]:
    """Return the limits that nothing overrides."""
    limits = [
        Limit(source=AllocationSource.UNMANAGED, limit_a=round_down(settings.installation_max_a))
    ]
    cable = evse.cable_max_a or settings.cable_max_a
    if cable:
        limits.append(Limit(source=AllocationSource.PROXIMITY_PILOT, limit_a=round_down(cable)))
    share = evse.team
    if share is not None:
        limits.append(
            Limit(
                source=AllocationSource.TEAM,
                limit_a=round_down(share.limit_a),
                detail={"team": share.team},
            )
        )
    return limits


def arbitrate(
    slots: Sequence[Slot],
    constraints: Sequence[Limit],
    *,
    supply: Supply,
    settings: StationSettings,
    incumbent: AllocationSource | None,
) -> Decision:
    """Return who binds and what is offered, per phase. Pure and total; slots must be live.

    `constraints` are rounded, and hold at least the installation maximum.

    The offered current is never above any constraint; between 0 A and the minimum current it
    is 0 A, or with `floor` the minimum as far as the constraints allow it.
    """
    highest_a = round_down(settings.installation_max_a)
    asked = [
        claims_of([slot for slot in slots if slot.source is source], supply, highest_a)
        for source in REQUESTING
    ]
    winners = [claims[0] for claims in asked if claims]
    losers = [limit for claims in asked for limit, _ in claims[1:]]
    limits = [*constraints, *(limit for limit, _ in winners)]
    lowest = min(limit.limit_a for limit in limits)
    tied = {limit.source for limit in limits if limit.limit_a == lowest}
    source = _named(tied, incumbent)
    below = 0 < lowest < settings.minimum_a
    offered = _at_least_minimum(constraints, settings) if below else lowest
    return Decision(
        source=source,
        offered_a=taken(offered, settings),
        limits=_ordered([_marked(limit, source, lowest) for limit in limits] + losers),
        below_minimum=below,
        enforced=bool(winners) or any(_must_be_told(limit) for limit in constraints),
        winners=tuple(slot for _, slot in winners),
    )


def _must_be_told(limit: Limit) -> bool:
    return limit.source in ENFORCED and not limit.inferred


def taken(current_a: float, settings: StationSettings) -> float:
    """Return what the station can be told of a current, A per phase: never more (quirk 18).

    Where it takes only certain values, and none between the minimum and this, it is 0.
    """
    values = settings.limit_values_a
    if not values:
        return current_a
    at_least = min(settings.minimum_a, current_a)
    return max((value for value in values if at_least <= value <= current_a), default=0.0)


def _named(tied: set[AllocationSource], incumbent: AllocationSource | None) -> AllocationSource:
    dynamic = tied - STATIC
    if incumbent is not None and incumbent in dynamic:
        return incumbent
    return min(dynamic or tied, key=TIE_ORDER.index)


def _at_least_minimum(constraints: Sequence[Limit], settings: StationSettings) -> float:
    if settings.below_minimum is not BelowMinimum.FLOOR:
        return 0.0
    allowed = min(limit.limit_a for limit in constraints)
    return settings.minimum_a if allowed >= settings.minimum_a else 0.0


def _marked(limit: Limit, source: AllocationSource, lowest_a: float) -> Limit:
    """Return the limit, marked where it binds: a source may have further, higher ones."""
    binds = limit.source is source and limit.limit_a == lowest_a
    return replace(limit, binding=True) if binds else limit


def _ordered(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """Return all limits, the binding one first, then from low to high."""
    return tuple(sorted(limits, key=_place))


def _place(limit: Limit) -> tuple[object, ...]:
    return (
        not limit.binding,
        limit.limit_a,
        TIE_ORDER.index(limit.source),
        -(limit.priority or 0),
        limit.controller or "",
        repr(limit.detail),
    )
