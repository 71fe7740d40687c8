"""Making the arbiter's decision real at the station by charging profiles.

Theory of operation. The bridge owns two profile ids per EVSE: a TxDefaultProfile, which governs
while nothing charges and the beginning of the next transaction, and a TxProfile bound to the
running transaction (K01.FR.15 ff.). `reconcile` compares what is wanted with what the station
has accepted and sends at most one write per EVSE at a time; what is asked meanwhile waits, and
only the newest counts. A decision is published as in force when nothing is left to write.
A failed write leaves the earlier profile and the earlier name in place, and the slot that
caused it is taken back; a write that nobody asked for (a lapsed lease, the end of a
transaction) is tried again with growing pauses.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from bridge.domain import allocation, answers
from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    ClearChargingProfile,
    ProfilePurpose,
    SetChargingProfile,
)
from bridge.domain.draft import Draft
from bridge.domain.enums import AllocationSource
from bridge.domain.model import (
    Allocation,
    Decision,
    Evse,
    InstalledProfile,
    ProfileWrite,
    Slot,
)
from bridge.domain.records import replace

TX_PROFILE_ID: Final = 0x4D510000
"""Id of the TxProfile of EVSE n is this + n; the range tells our profiles from others'."""
TX_DEFAULT_PROFILE_ID: Final = 0x4D518000
START_BEFORE: Final = timedelta(minutes=1)
"""Profiles start in the past, since stations' clocks are behind (charger-quirks 17)."""
FIRST_RETRY_SECONDS: Final = 10
LONGEST_RETRY_SECONDS: Final = 300
FAILSAFE_CONTROLLER: Final = "_failsafe"


def live_slots(draft: Draft, evse: Evse) -> list[Slot]:
    """Return the slots that count for an EVSE: its own and those on the whole station."""
    return [
        slot
        for slot in (*evse.slots, *draft.station.station_slots)
        if allocation.is_live(slot, draft.now)
    ]


def decide(draft: Draft, evse: Evse) -> tuple[Evse, Decision]:
    """Return what the arbiter says now, and the EVSE with the supply that it reckoned with."""
    supply = allocation.supply_of(evse, draft.settings, draft.now)
    if (supply.voltage_v, supply.phases) != (evse.supply_voltage_v, evse.supply_phases):
        evse = replace(evse, supply_voltage_v=supply.voltage_v, supply_phases=supply.phases)
    return evse, _arbitrate(draft, evse, live_slots(draft, evse))


def _arbitrate(draft: Draft, evse: Evse, slots: Sequence[Slot]) -> Decision:
    return allocation.arbitrate(
        slots,
        allocation.constraints_of(evse, draft.settings),
        supply=allocation.Supply(
            voltage_v=evse.supply_voltage_v or draft.settings.nominal_voltage_v,
            phases=evse.supply_phases or draft.settings.phases,
        ),
        settings=draft.settings,
        incumbent=evse.allocation.source if evse.allocation else None,
    )


def stands(draft: Draft, evse: Evse) -> bool:
    """Say whether the decision in force needs no second look after what the station reported.

    So that an event in which only readings have moved costs no arbitration.
    """
    before = draft.before.evses.get(evse.id)
    return (
        before is not None
        and before.allocation is not None
        and evse.slots is before.slots
        and evse.installed is before.installed
        and evse.cable_max_a == before.cable_max_a
        and _running_id(evse) == _running_id(before)
        and not _is_due(draft, evse)
        and not _claims_moved(draft, evse)
    )


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


def _is_due(draft: Draft, evse: Evse) -> bool:
    if evse.retry_at is not None and evse.retry_at <= draft.now:
        return True
    return any(w.expires_at is not None and w.expires_at <= draft.now for w in evse.waiting)


def reconcile(draft: Draft, evse: Evse) -> Evse:
    """Return the EVSE after whatever must be written now has been sent off."""
    evse = answers.drop_expired(draft, evse)
    evse, decision = decide(draft, evse)
    write = None if evse.write else _next_write(draft, evse, decision)
    if write is not None and draft.reachable and _may_write(draft, evse):
        evse = _send(draft, evse, write, decision)
    elif write is None and evse.write is None:
        return _settle(draft, evse, decision)
    return _changed(evse, allocation=_unsettled(draft, evse, decision))


def _changed(evse: Evse, **fields: Any) -> Evse:
    """Return the EVSE with these fields; itself where they are what it has."""
    if all(getattr(evse, name) == value for name, value in fields.items()):
        return evse
    return replace(evse, **fields)


def _may_write(draft: Draft, evse: Evse) -> bool:
    return bool(evse.waiting) or evse.retry_at is None or draft.now >= evse.retry_at


def _next_write(draft: Draft, evse: Evse, decision: Decision) -> InstalledProfile | None:
    """Return the profile to write next: with a limit to set it, without one to clear it."""
    if not decision.enforced:
        if not evse.installed:
            return None
        return replace(evse.installed[0], limit_a=None, at=draft.now)
    running = evse.transaction if evse.transaction and evse.transaction.open else None
    effective = _effective(evse, running.id if running else None)
    if effective is not None and effective.limit_a == decision.offered_a:
        return None
    purpose = ProfilePurpose.TX if running else ProfilePurpose.TX_DEFAULT
    base = TX_PROFILE_ID if running else TX_DEFAULT_PROFILE_ID
    return InstalledProfile(
        profile_id=base + evse.id,
        purpose=purpose,
        limit_a=decision.offered_a,
        at=draft.now,
        transaction_id=running.id if running else None,
    )


def _effective(evse: Evse, transaction_id: str | None) -> InstalledProfile | None:
    """Return the profile of ours that governs: a TxProfile comes before a TxDefaultProfile."""
    default = None
    for profile in evse.installed:
        if profile.purpose is ProfilePurpose.TX_DEFAULT:
            default = profile
        elif profile.transaction_id == transaction_id:
            return profile
    return default


def _send(draft: Draft, evse: Evse, profile: InstalledProfile, decision: Decision) -> Evse:
    clear = not decision.enforced
    request = (
        ClearChargingProfile(profile_id=profile.profile_id)
        if clear
        else SetChargingProfile(
            evse_id=evse.id,
            profile_id=profile.profile_id,
            purpose=profile.purpose,
            stack_level=draft.settings.stack_level,
            limit_a=decision.offered_a,
            start_at=draft.now - START_BEFORE,
            transaction_id=profile.transaction_id,
        )
    )
    waiting = tuple(answers.foreseen(each, decision) for each in evse.waiting)
    write = ProfileWrite(
        call_id=draft.call(request), profile=profile, clear=clear, waiting=waiting
    )
    return replace(evse, write=write, waiting=(), retry_at=None)


def answered(draft: Draft, evse: Evse, write: ProfileWrite, outcome: CallOutcome) -> Evse:
    """Return the EVSE after the station's answer to a write (before reconciling again)."""
    others = tuple(p for p in evse.installed if p.profile_id != write.profile.profile_id)
    done = replace(evse, write=None, retries=0)
    if write.clear and isinstance(outcome, CallResult):  # "Unknown" is as good as cleared
        # the other profile of ours may have to go too before the command is carried out
        return replace(done, installed=others, waiting=write.waiting + evse.waiting)
    if isinstance(outcome, CallResult) and outcome.accepted:
        for waiting in write.waiting:
            answers.applied(draft, evse.id, waiting)
        return replace(done, installed=(*others, write.profile))
    evse = _failed(draft, evse, write, outcome)
    if isinstance(outcome, CallFailed) and outcome.failure in _MAY_HAVE_HAPPENED:
        unknown = replace(write.profile, limit_a=None)
        evse = replace(evse, installed=(*others, unknown))
    return evse


_MAY_HAVE_HAPPENED: Final = frozenset({CallFailure.TIMEOUT, CallFailure.DISCONNECTED})


def _failed(draft: Draft, evse: Evse, write: ProfileWrite, outcome: CallOutcome) -> Evse:
    refusal, status = answers.refusal_of(outcome)
    for waiting in write.waiting:
        evse = answers.failed(draft, evse, waiting, refusal, status)
    pause = min(FIRST_RETRY_SECONDS * 2**evse.retries, LONGEST_RETRY_SECONDS)
    return replace(
        evse,
        write=None,
        retries=min(evse.retries + 1, 10),
        retry_at=draft.now + timedelta(seconds=pause),
    )


def _settle(draft: Draft, evse: Evse, decision: Decision) -> Evse:
    """Publish the decision as in force and answer those who waited for it."""
    waiting = evse.waiting
    current = _allocation(draft, evse, decision)
    evse = _changed(evse, waiting=(), retry_at=None, retries=0, allocation=current)
    for each in waiting:
        answers.applied(draft, evse.id, answers.foreseen(each, decision))
    return evse


def _allocation(draft: Draft, evse: Evse, decision: Decision) -> Allocation:
    """Return the allocation that is in force now; the present one where nothing changed."""
    held = evse.allocation
    same = held and (held.source, held.offered_a) == (decision.source, decision.offered_a)
    running = evse.transaction.id if evse.transaction and evse.transaction.open else None
    mqtt = [limit for limit in decision.limits if limit.source is AllocationSource.MQTT]
    winner = max(mqtt, key=lambda limit: (limit.binding, limit.priority or 0), default=None)
    new = Allocation(
        source=decision.source,
        offered_a=decision.offered_a,
        limits=decision.limits,
        since=held.since if held and same else draft.now,
        state=_state(draft, decision, settled=True),
        mode="failsafe" if _failsafe(decision) else "normal",
        accepted=_effective(evse, running) if decision.enforced else None,
        requested_a=winner.limit_a if winner else None,
    )
    return held if held == new else new


def _unsettled(draft: Draft, evse: Evse, decision: Decision) -> Allocation:
    """Return the allocation while something is still to be written: source and offer stay."""
    held = evse.allocation or _allocation(draft, evse, _unasked(draft, evse))
    new = replace(
        held,
        state=_state(draft, decision, settled=False),
        pending_a=decision.offered_a,
    )
    return held if held == new else new


def _unasked(draft: Draft, evse: Evse) -> Decision:
    """Return what holds while the station has accepted nothing of what is asked."""
    return _arbitrate(draft, evse, ())


def _failsafe(decision: Decision) -> bool:
    return any(
        limit.binding and limit.controller == FAILSAFE_CONTROLLER for limit in decision.limits
    )


def _state(draft: Draft, decision: Decision, *, settled: bool) -> str:
    """Return the state of the MQTT source (allocation.md, States of the MQTT source)."""
    mqtt = [limit for limit in decision.limits if limit.source is AllocationSource.MQTT]
    if not draft.station.online and (mqtt or not settled):
        return "suspended"
    if not settled:
        return "pending"
    if not mqtt:
        return "released"
    if _failsafe(decision):
        return "failsafe"
    return "active" if any(limit.binding for limit in mqtt) else "standby"
