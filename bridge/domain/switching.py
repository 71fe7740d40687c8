"""Carrying a switch between one and three phases on, and telling when it fails.

`phases` decides, purely; here its decisions become the record of an EVSE, the event/fault of a
failed switch and the refusal of the commands that waited for it.
"""

from typing import Final

from bridge.domain import answers, faults, phases, wanted
from bridge.domain.commands import Refusal, ResultCode, ResultStatus
from bridge.domain.control import Cause, ChangeReason, PhaseControl, PhaseFailure, PhaseWish
from bridge.domain.draft import Draft
from bridge.domain.model import Evse
from bridge.domain.records import replace

FAULT: Final = "phase_switch_failed"

_SENTENCES: Final = {
    PhaseFailure.CURRENT_FLOWS: "the current did not fall although the station accepted 0 A",
    PhaseFailure.STATION_REFUSED: "the station refused, or did not answer",
}


def advance(draft: Draft, evse: Evse, wish: PhaseWish | None) -> tuple[Evse, phases.Plan]:
    """Return what the number of phases demands of the next write, and the EVSE that keeps it."""
    in_force = wanted.effective(evse)
    plan = phases.plan(
        evse,
        wish,
        held_a=in_force.limit_a if in_force else None,
        learnt=draft.station.learnt,
        settings=draft.settings,
        now=draft.now,
    )
    if _moves(evse.phase, plan.control):
        controller = wish.controller if wish else None
        draft.causes.setdefault(evse.id, _cause(draft.cause, controller))
    return _with_control(draft, evse, plan.control), plan


def _moves(before: PhaseControl, after: PhaseControl) -> bool:
    """Say whether a switch begins, goes on or ends."""
    under_way = phases.is_under_way(before) or phases.is_under_way(after)
    return under_way and before.step is not after.step


def _cause(present: Cause, controller: str | None) -> Cause:
    """Return why the limit moves: a command is named itself, all else is for the phases' sake."""
    if present.reason is ChangeReason.COMMAND:
        return present
    return Cause(reason=ChangeReason.PHASES, controller=controller)


def accepted(draft: Draft, evse: Evse, number_phases: int | None) -> Evse:
    """Return the EVSE after the station has accepted a profile with that number of phases."""
    control = phases.confirmed(evse.phase, number_phases, accepted=True, now=draft.now)
    return _with_control(draft, evse, control)


def refused(draft: Draft, evse: Evse) -> Evse:
    """Return the EVSE after a profile of ours was refused for good."""
    control = phases.confirmed(evse.phase, None, accepted=False, now=draft.now)
    return _with_control(draft, evse, control)


def _with_control(draft: Draft, evse: Evse, control: PhaseControl) -> Evse:
    before = evse.phase
    if control == before:
        return evse
    evse = replace(evse, phase=control)
    if control.failures > before.failures and control.failure is not None:
        evse = _told(draft, evse, before.target, control.failure)
    return evse


def _told(draft: Draft, evse: Evse, target: int | None, failure: PhaseFailure) -> Evse:
    """Tell of a switch that failed, also those who wait for it: their claims are taken back."""
    phases_ = "1 phase" if target == 1 else f"{target} phases"
    message = f"the switch to {phases_} failed: {_SENTENCES[failure]}"
    faults.record(draft, evse.id, FAULT, message, {"phases": target, "reason": failure.value})
    refusal = Refusal(
        code=ResultCode.PHASE_SWITCH_BLOCKED,
        message=message,
        details={"reason": failure.value, "evse": evse.id},
    )
    for waiting in evse.waiting:
        if waiting.about_phases:
            evse = answers.failed(draft, evse, waiting, refusal, ResultStatus.FAILED)
    return evse
