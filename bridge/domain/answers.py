"""Final results of the commands that wait for what a station makes of them.

A command waits on every EVSE that it concerns: on one, or with EVSE 0 on all. It is answered
once: when the last of them is done, or as soon as one of them fails; then the slot that it had
set is taken back and the one before is in its place again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.domain import allocation, phases
from bridge.domain.calls import CallFailure, CallOutcome, CallResult
from bridge.domain.commands import CommandRef, Refusal, ResultCode, ResultStatus
from bridge.domain.control import Decision, Slot, Waiting
from bridge.domain.draft import Draft
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import Evse
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings
from bridge.domain.units import rfc3339


def foreseen(waiting: Waiting, decision: Decision) -> Waiting:
    """Return a command with the answer that is true once this decision is in force."""
    slot = waiting.slot
    # the source alone does not tell: a charge controller may name another's limit MQTT or API, too
    binding = any(
        limit.binding and limit.controller == waiting.ref.controller for limit in decision.limits
    ) and (slot is None or (decision.source is slot.source and slot in decision.winners))
    facts = {
        "requestedA": waiting.requested_a,
        "appliedA": decision.offered_a,
        "binding": binding,
        "allocationSourceName": decision.source.value,
        "expiresAt": rfc3339(slot.expires_at) if slot and slot.expires_at else None,
    }
    return replace(waiting, code=_code(slot, decision, binding=binding), facts=facts)


def _code(slot: Slot | None, decision: Decision, *, binding: bool) -> ResultCode:
    if slot is None:
        return ResultCode.OK
    if not binding:
        return ResultCode.STANDBY
    if decision.below_minimum and decision.offered_a == 0:
        return ResultCode.BELOW_MINIMUM_PAUSED
    return ResultCode.CLIPPED if slot.clipped else ResultCode.OK


def applied(draft: Draft, evse: Evse, waiting: Waiting) -> None:
    """Say that a command is carried out on an EVSE: its result, if this was the last one."""
    if _waits_elsewhere(draft, evse, waiting.ref):
        return
    if not waiting.about_phases:
        draft.done(waiting.ref, waiting.code, waiting.facts)
        return
    others = [other for other in draft.evses.values() if other.id != evse.id]
    concerned = [evse, *others] if waiting.ref.evse_id == STATION_EVSE else [evse]
    code, facts = _about_phases(waiting, concerned, draft.settings)
    draft.done(waiting.ref, code, facts)


def _about_phases(
    waiting: Waiting, concerned: Sequence[Evse], settings: StationSettings
) -> tuple[ResultCode, Mapping[str, Any]]:
    """Return what a claim on the number of phases has come to, on all its EVSEs."""
    asked = waiting.phase_claim.phases if waiting.phase_claim else None
    controls = [evse.phase for evse in concerned]
    numbers = {phases.in_use(control, settings) for control in controls}
    ready = [control.ready_at for control in controls if control.ready_at is not None]
    overruled = asked is not None and any(
        phases.in_use(control, settings) != asked and control.ready_at is None
        for control in controls
    )
    facts = {
        "requestedPhases": asked,
        "phases": numbers.pop() if len(numbers) == 1 else None,
        "switchesAt": rfc3339(max(ready)) if ready else None,
    }
    return (ResultCode.STANDBY if overruled else ResultCode.OK), facts


def failed(
    draft: Draft, evse: Evse, waiting: Waiting, refusal: Refusal, status: ResultStatus
) -> Evse:
    """Refuse a command and return the EVSE with the slot that it had set taken back."""
    for other in list(draft.evses.values()):
        if other.id != evse.id:
            draft.put(_without(other, waiting))
    evse = _without(evse, waiting)
    draft.refuse(waiting.ref, refusal, status)
    if waiting.ref.evse_id == STATION_EVSE:
        slots = _restored(draft, draft.station.station_slots, waiting)
        draft.change(station_slots=slots)
        return evse
    return replace(evse, slots=_restored(draft, evse.slots, waiting))


def _restored(draft: Draft, slots: tuple[Slot, ...], waiting: Waiting) -> tuple[Slot, ...]:
    """Return slots with the one that this command had set replaced by the one before."""
    kept = tuple(slot for slot in slots if slot != waiting.slot)
    previous = waiting.previous
    if len(kept) == len(slots) or previous is None:
        return kept
    return (*kept, previous) if allocation.is_live(previous, draft.now) else kept


def again(draft: Draft, evse: Evse, unanswered: tuple[Waiting, ...]) -> Evse:
    """Return the EVSE with commands waiting again whose write did not settle them.

    Those that a newer command of the same controller has replaced meanwhile are answered so; where
    one is on its way to another EVSE, that answer counts.
    """
    kept = []
    for old in unanswered:
        if not any(_replaces(new, old) for new in evse.waiting):
            kept.append(old)
        elif not _waits_elsewhere(draft, evse, old.ref):
            draft.superseded(old.ref)
    return replace(evse, waiting=(*kept, *evse.waiting))


def _replaces(new: Waiting, old: Waiting) -> bool:
    """Say whether both are the same controller's word on the same kind of claim."""
    mine = (new.ref.controller, new.ref.source, new.ref.evse_id)
    if mine != (old.ref.controller, old.ref.source, old.ref.evse_id):
        return False
    if new.about_phases or old.about_phases:
        return new.about_phases and old.about_phases
    return new.slot is None or old.slot is None or new.slot.pause == old.slot.pause


def _concerns(evse: Evse, ref: CommandRef) -> bool:
    sent = evse.write.waiting if evse.write else ()
    return any(waiting.ref == ref for waiting in (*evse.waiting, *sent))


def _waits_elsewhere(draft: Draft, evse: Evse, ref: CommandRef) -> bool:
    return any(_concerns(other, ref) for other in draft.evses.values() if other.id != evse.id)


def waits_anywhere(draft: Draft, ref: CommandRef) -> bool:
    """Say whether a command still waits on some EVSE."""
    return any(_concerns(evse, ref) for evse in draft.evses.values())


def _without(evse: Evse, lost: Waiting) -> Evse:
    """Return the EVSE without a command that failed, also as what a later one would go back to."""
    write = evse.write
    if write is not None and write.waiting:
        write = replace(write, waiting=_less(write.waiting, lost))
    claims = tuple(claim for claim in evse.phase_claims if claim != lost.phase_claim)
    return replace(evse, write=write, waiting=_less(evse.waiting, lost), phase_claims=claims)


def _less(commands: tuple[Waiting, ...], lost: Waiting) -> tuple[Waiting, ...]:
    return tuple(
        replace(waiting, previous=lost.previous)
        if lost.slot is not None and waiting.previous == lost.slot
        else waiting
        for waiting in commands
        if waiting.ref != lost.ref
    )


def drop_expired(draft: Draft, evse: Evse) -> Evse:
    """Refuse commands that waited past their own expiry: they must not be carried out."""
    refusal = Refusal(
        code=ResultCode.EXPIRED, message="expiresAt passed before it could be applied"
    )
    for waiting in evse.waiting:
        if waiting.expires_at is not None and waiting.expires_at <= draft.now:
            evse = failed(draft, evse, waiting, refusal, ResultStatus.EXPIRED)
    return evse


def refusal_of(outcome: CallOutcome) -> tuple[Refusal, ResultStatus]:
    """Return what to tell a controller about an answer that was not Accepted."""
    if isinstance(outcome, CallResult):
        details: dict[str, Any] = {
            "status": outcome.status,
            "reasonCode": outcome.reason_code,
            "additionalInfo": outcome.additional_info,
        }
        message = f"the station answered {outcome.status}"
        refusal = Refusal(code=ResultCode.STATION_REJECTED, message=message, details=details)
        return refusal, ResultStatus.REJECTED
    if outcome.failure is CallFailure.UNSUPPORTED:
        refusal = Refusal(code=ResultCode.UNSUPPORTED, message=outcome.description)
        return refusal, ResultStatus.REJECTED
    if outcome.failure is CallFailure.INVALID:
        message = f"not sent, as it breaks the schema: {outcome.description}"
        refusal = Refusal(
            code=ResultCode.INVALID_ARGUMENT, message=message, details={"pointer": "/payload"}
        )
        return refusal, ResultStatus.REJECTED
    code, message = _FAILURES[outcome.failure]
    details = {"code": outcome.code, "description": outcome.description} if outcome.code else {}
    expired = outcome.failure is CallFailure.EXPIRED
    status = ResultStatus.EXPIRED if expired else ResultStatus.FAILED
    return Refusal(code=code, message=message, details=details), status


_FAILURES: Final = {
    CallFailure.ERROR: (ResultCode.STATION_ERROR, "the station answered with a CALLERROR"),
    CallFailure.TIMEOUT: (ResultCode.TIMEOUT, "the station did not answer in time"),
    CallFailure.DISCONNECTED: (
        ResultCode.STATION_OFFLINE,
        "the connection to the station was lost before it answered",
    ),
    CallFailure.SUPERSEDED: (
        ResultCode.STATION_OFFLINE,
        "the connection was superseded by a newer one of the station before it answered",
    ),
    CallFailure.QUEUE_FULL: (
        ResultCode.QUEUE_FULL,
        "too many requests are waiting for this station",
    ),
    CallFailure.EXPIRED: (
        ResultCode.EXPIRED,
        "expiresAt passed while other requests waited for this station's answers",
    ),
}
