"""The allocation as it is told: in force, or with something still to be written."""

from typing import Any

from bridge.domain import decision as decisions
from bridge.domain import leases, mqtt_state, wanted
from bridge.domain.control import Allocation, Decision, Limit, PhaseWish
from bridge.domain.draft import Draft
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse
from bridge.domain.records import replace


def settled(draft: Draft, evse: Evse, decision: Decision, wish: PhaseWish | None) -> Allocation:
    """Return the allocation that is in force now; the present one where nothing changed."""
    held = evse.allocation
    same = held and (held.source, held.offered_a) == (decision.source, decision.offered_a)
    new = Allocation(
        source=decision.source,
        offered_a=decision.offered_a,
        limits=decision.limits,
        since=held.since if held and same else draft.now,
        state=_state(draft, decision, settled=True),
        mode="failsafe" if _failsafe(decision) else "normal",
        accepted=wanted.effective(evse) if evse.installed else None,
        **_held_to(evse, wish),
        **_asked(decision, wish),
    )
    return held if held == new else new


def _held_to(evse: Evse, wish: PhaseWish | None) -> dict[str, Any]:
    """Return whether the station is held to one phase and by whom, in fields of an Allocation.

    While it lasts after nobody claims it any more, it is still theirs who did.
    """
    if evse.phase.active != 1:
        return {"phase_limit": None, "phase_source": None}
    held = evse.allocation
    source = wish.source if wish is not None and wish.phases == 1 else None
    return {"phase_limit": 1, "phase_source": source or (held and held.phase_source)}


def unsettled(
    draft: Draft, evse: Evse, decision: Decision, wish: PhaseWish | None, *, paused: bool
) -> Allocation:
    """Return the allocation while something is still to be written: source and offer stay.

    Not where the profile that made them true has ended by its own validTo, nor while the
    charging is paused for a switch of phases.
    """
    held = evse.allocation
    if held is None or (held.accepted is not None and wanted.effective(evse) is None):
        held = settled(draft, evse, decisions.untold(draft, evse), wish)
    new = replace(
        held,
        state=_state(draft, decision, settled=False),
        pending_a=decision.offered_a,
        offered_a=0.0 if paused and _is_paused(evse) else held.offered_a,
        **_held_to(evse, wish),
        **_asked(decision, wish),
    )
    return held if held == new else new


def _asked(decision: Decision, wish: PhaseWish | None) -> dict[str, Any]:
    """Return what controllers ask for, in the fields of an Allocation."""
    winner = max(
        _claimed(decision), key=lambda limit: (limit.binding, limit.priority or 0), default=None
    )
    watts = [slot.limit_w for slot in decision.winners if slot.source is AllocationSource.MQTT]
    return {
        "requested_a": winner.limit_a if winner else None,
        "requested_w": watts[0] if watts else None,
        "requested_phases": wish.phases if wish else None,
    }


def _claimed(decision: Decision) -> list[Limit]:
    """Return the limits that MQTT controllers of this bridge ask for.

    Not what a charge controller calls MQTT and somebody else has written there.
    """
    return [
        limit
        for limit in decision.limits
        if limit.source is AllocationSource.MQTT and not limit.inferred
    ]


def _is_paused(evse: Evse) -> bool:
    in_force = wanted.effective(evse)
    return in_force is not None and in_force.limit_a == 0.0


def _failsafe(decision: Decision) -> bool:
    return any(
        limit.binding and limit.controller == leases.FAILSAFE_CONTROLLER
        for limit in decision.limits
    )


def _state(draft: Draft, decision: Decision, *, settled: bool) -> str:
    mqtt = _claimed(decision)
    return mqtt_state.state_of(
        mqtt_state.Facts(
            online=draft.station.online,
            recovering=draft.station.recovering,
            settled=settled,
            live=bool(mqtt),
            binding=any(limit.binding for limit in mqtt),
            failsafe=_failsafe(decision),
        )
    )
