"""What holds on an EVSE now: its claims and constraints, put before the arbiter."""

from collections.abc import Sequence

from bridge.domain import allocation, external, leases, transaction_limits
from bridge.domain.control import Cause, ChangeReason, Decision, Limit, Slot
from bridge.domain.draft import Draft
from bridge.domain.model import Evse
from bridge.domain.records import replace


def decide(draft: Draft, evse: Evse) -> tuple[Evse, Decision]:
    """Return what the arbiter says now, and the EVSE with the supply that it reckoned with."""
    supply = allocation.supply_of(evse, draft.settings, draft.now)
    if (supply.voltage_v, supply.phases) != (evse.supply_voltage_v, evse.supply_phases):
        evse = replace(evse, supply_voltage_v=supply.voltage_v, supply_phases=supply.phases)
    if transaction_limits.is_new(evse, draft.now):
        draft.causes.setdefault(evse.id, Cause(reason=ChangeReason.TRANSACTION))
    return evse, weigh(draft, evse, leases.live_slots(draft, evse))


def weigh(draft: Draft, evse: Evse, slots: Sequence[Slot], more: Sequence[Limit] = ()) -> Decision:
    """Return what the arbiter says of these slots, with the supply that the EVSE holds.

    `more` are constraints beside those that hold now.
    """
    supply = supply_held(draft, evse)
    constraints = [
        *allocation.constraints_of(evse, draft.settings),
        *external.limits(draft.station, evse, supply, draft.now),
        *transaction_limits.limits(evse, draft.now),
        *more,
    ]
    decision = _arbitrated(draft, evse, slots, constraints)
    told = [limit for limit in constraints if not limit.inferred]
    if len(told) == len(constraints):
        return decision
    return replace(decision, written_a=_arbitrated(draft, evse, slots, told).offered_a)


def _arbitrated(
    draft: Draft, evse: Evse, slots: Sequence[Slot], constraints: Sequence[Limit]
) -> Decision:
    return allocation.arbitrate(
        slots,
        constraints,
        supply=supply_held(draft, evse),
        settings=draft.settings,
        incumbent=evse.allocation.source if evse.allocation else None,
    )


def untold(draft: Draft, evse: Evse) -> Decision:
    """Return what holds while the station has been told nothing by the bridge.

    Its cable, its installation and the limits of others bind it all the same.
    """
    supply = supply_held(draft, evse)
    own = [
        limit
        for limit in allocation.constraints_of(evse, draft.settings)
        if limit.source in allocation.STATIC
    ]
    return allocation.arbitrate(
        (),
        [*own, *external.limits(draft.station, evse, supply, draft.now)],
        supply=supply,
        settings=draft.settings,
        incumbent=None,
    )


def supply_held(draft: Draft, evse: Evse) -> allocation.Supply:
    """Return what watts are converted by until voltage or phases have moved."""
    return allocation.Supply(
        voltage_v=evse.supply_voltage_v or draft.settings.nominal_voltage_v,
        phases=evse.supply_phases or draft.settings.phases,
    )


def stands(draft: Draft, evse: Evse) -> bool:
    """Say whether claims and constraints are what they were before this input.

    So that an event in which only readings have moved costs no arbitration.
    """
    before = draft.before.evses.get(evse.id)
    return (
        before is not None
        and before.allocation is not None
        and evse.slots is before.slots
        and evse.team is before.team
        and evse.cable_max_a == before.cable_max_a
        and _running_id(evse) == _running_id(before)
        and evse.phase_claims is before.phase_claims
        and transaction_limits.stand(before, evse, draft.now)
        and _others_stand(draft, evse)
        and not _claims_moved(draft, evse)
    )


def _others_stand(draft: Draft, evse: Evse) -> bool:
    station = draft.station
    if not station.external_limits and not station.profiles:
        before = draft.before
        return not before.external_limits and not before.profiles
    supply = allocation.supply_of(evse, draft.settings, draft.now)
    return external.stand(draft.before, station, evse, supply, draft.now)


def _claims_moved(draft: Draft, evse: Evse) -> bool:
    """Say whether a lease has run out, or watts are other amperes than before."""
    for slot in (*evse.slots, *draft.station.station_slots):
        if not allocation.is_live(slot, draft.now):
            return True
        if slot.limit_w is not None and _supply_moved(draft, evse):
            return True
    return False


def _supply_moved(draft: Draft, evse: Evse) -> bool:
    supply = allocation.supply_of(evse, draft.settings, draft.now)
    return (supply.voltage_v, supply.phases) != (evse.supply_voltage_v, evse.supply_phases)


def _running_id(evse: Evse) -> str | None:
    return evse.transaction.id if evse.transaction and evse.transaction.open else None
