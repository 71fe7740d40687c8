"""Making the arbiter's decision real at the station by charging profiles.

Theory of operation. `wanted` says which profile should be in force; `reconcile` compares that
with what the station has accepted and sends at most one write per EVSE at a time, not more often
than `pacing` allows; what is asked meanwhile waits, and only the newest counts. A decision is
published as in force (`published`) when nothing is left to write. Where a station refuses a
kind of profile, the next one is tried before anything is given up, and what was learnt is
remembered. A write that failed for good leaves the earlier profile and the earlier name in
place, and the slot that caused it is taken back; a write that nobody asked for (a lapsed lease,
the end of a transaction) is tried again with growing pauses.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bridge.domain import (
    answers,
    below,
    ladder,
    leases,
    pacing,
    phases,
    published,
    switching,
    wanted,
)
from bridge.domain import decision as decisions
from bridge.domain.calls import (
    MAY_HAVE_HAPPENED,
    CallFailed,
    CallOutcome,
    CallResult,
    ClearChargingProfile,
    StationRequest,
)
from bridge.domain.control import (
    Cause,
    ChangeReason,
    Decision,
    InstalledProfile,
    ProfileWrite,
    Waiting,
)
from bridge.domain.draft import Draft
from bridge.domain.model import Evse
from bridge.domain.records import replace

FIRST_RETRY_SECONDS: Final = 10
LONGEST_RETRY_SECONDS: Final = 300


# --- When to look ---------------------------------------------------------------------------


def stands(draft: Draft, evse: Evse) -> bool:
    """Say whether nothing is to be decided or written after what the station reported."""
    before = draft.before.evses.get(evse.id)
    return (
        before is not None
        and evse.installed is before.installed
        and evse.phase is before.phase
        and not phases.is_under_way(evse.phase)
        and draft.station.readback is draft.before.readback
        and draft.station.learnt is draft.before.learnt
        and decisions.stands(draft, evse)
        and not _is_due(draft, evse)
    )


def _is_due(draft: Draft, evse: Evse) -> bool:
    times = _times(evse)
    return bool(times) and min(times) <= draft.now


def _times(evse: Evse) -> list[datetime]:
    times = phases.deadlines(evse)
    for at in (evse.retry_at, evse.hold_until, evse.fallback_retry_at):
        if at is not None:
            times.append(at)
    return _limited(evse, times)


def _limited(evse: Evse, times: list[datetime]) -> list[datetime]:
    """Return times, and those up to which what waits or is installed holds."""
    if evse.waiting:
        times += [w.expires_at for w in evse.waiting if w.expires_at]
    if evse.installed:
        times += [profile.valid_to for profile in evse.installed if profile.valid_to]
    return times


def deadlines(evse: Evse, *, online: bool) -> list[datetime]:
    """Return when an EVSE is to be reconciled again although nothing else happens."""
    if online:
        return _times(evse)
    # nothing is tried while it is offline: its coming back is what triggers that
    return _limited(evse, [])


# --- What to write --------------------------------------------------------------------------


def reconcile(draft: Draft, evse: Evse) -> Evse:
    """Return the EVSE after whatever must be written now has been sent off."""
    evse = answers.drop_expired(draft, evse)
    evse = _changed(evse, installed=wanted.without_ended(evse.installed, draft.now))
    evse, decision = decisions.decide(draft, evse)
    wish = phases.wish(evse, leases.live_slots(draft, evse))
    evse, plan = switching.advance(draft, evse, wish)
    write = evse.write
    busy = write is not None and not write.fallback
    profile = None if busy else _next(draft, evse, decision, plan)
    if profile is None and not busy and not plan.pause:
        evse = _settle(draft, evse, decision)
        return below.keep(draft, evse, decision) if _may_write(draft, evse) else evse
    if profile is not None and write is None and _may_write(draft, evse):
        evse = _send_in_time(draft, evse, profile, decision, pause=plan.pause)
    if evse.write is None or busy:
        evse = _changed(evse, hold_cause=_cause(draft, evse))
    current = published.unsettled(draft, evse, decision, wish, paused=plan.pause)
    return _changed(evse, allocation=current)


def _changed(evse: Evse, **fields: Any) -> Evse:
    """Return the EVSE with these fields; itself where they are what it has."""
    if all(getattr(evse, name) == value for name, value in fields.items()):
        return evse
    return replace(evse, **fields)


def _next(
    draft: Draft, evse: Evse, decision: Decision, plan: phases.Plan
) -> InstalledProfile | None:
    """Return the profile to write next: with a limit to set it, without one to clear it."""
    if not (decision.enforced or plan.needs_profile):
        if not evse.installed:
            return None
        return replace(evse.installed[0], limit_a=None, at=draft.now)
    profile = wanted.profile_for(draft, evse, decision, plan)
    if wanted.will_do(draft, evse, decision, profile):
        return None
    return wanted.in_the_way(draft, evse, decision, profile) or profile


def _may_write(draft: Draft, evse: Evse) -> bool:
    if not draft.reachable or draft.station.recovering:
        return False
    return bool(evse.waiting) or evse.retry_at is None or draft.now >= evse.retry_at


def _send_in_time(
    draft: Draft, evse: Evse, profile: InstalledProfile, decision: Decision, *, pause: bool
) -> Evse:
    """Send a profile, or remember until when it must wait."""
    held_a, wanted_a = _moves(draft, evse, profile)
    earliest = pacing.earliest(evse.pace, held_a, wanted_a, draft.now, draft.settings)
    if earliest is not None and draft.now < earliest:
        return _changed(evse, hold_until=earliest)
    evse = replace(
        evse, pace=pacing.moved(evse.pace, held_a, wanted_a, draft.now), hold_until=None
    )
    return _send(draft, evse, profile, () if pause else evse.waiting, decision)


def _moves(draft: Draft, evse: Evse, profile: InstalledProfile) -> tuple[float, float]:
    """Return between which limits a write moves the station, both A per phase."""
    free_a = decisions.untold(draft, evse).offered_a
    held = wanted.effective(evse)
    wanted_a = free_a if profile.limit_a is None else profile.limit_a
    if held is None:
        return free_a, wanted_a
    # not known: it is put right, and that is no move
    return (wanted_a if held.limit_a is None else held.limit_a), wanted_a


def _send(
    draft: Draft,
    evse: Evse,
    profile: InstalledProfile,
    waiting: tuple[Waiting, ...],
    decision: Decision,
) -> Evse:
    clear = profile.limit_a is None
    request: StationRequest
    if clear:
        request = ClearChargingProfile(profile_id=profile.profile_id)
    elif (update := wanted.update_for(draft, evse, profile, decision)) is not None:
        request, profile = update
    else:
        request = wanted.request_for(draft, evse, profile)
    write = ProfileWrite(
        call_id=draft.call(request),
        profile=profile,
        clear=clear,
        waiting=tuple(answers.foreseen(each, decision) for each in waiting),
        cause=_cause_of(draft, evse, waiting),
    )
    left = evse.waiting[len(waiting) :]
    return replace(evse, write=write, waiting=left, retry_at=None, hold_cause=None)


_OCCASIONS: Final = frozenset({ChangeReason.TIME, ChangeReason.STATION, ChangeReason.CONNECTION})
"""Of what is written then, the reason lies before."""


def _cause(draft: Draft, evse: Evse) -> Cause:
    """Return what led to a write that has to wait, or that has waited."""
    present = draft.causes.get(evse.id, draft.cause)
    return evse.hold_cause or present if present.reason in _OCCASIONS else present


def _cause_of(draft: Draft, evse: Evse, waiting: Sequence[Waiting]) -> Cause:
    """Return what leads to a write: the newest command that is carried out by it, if there is one."""
    cause = _cause(draft, evse)
    if not waiting or cause.reason is ChangeReason.PHASES:
        return cause
    ref = waiting[-1].ref
    return Cause(reason=ChangeReason.COMMAND, controller=ref.controller, command_id=ref.id)


def _settle(draft: Draft, evse: Evse, decision: Decision) -> Evse:
    """Publish the decision as in force and answer those who waited for it."""
    held = wanted.effective(evse)
    if held is not None and held.limit_a is not None and decision.written_a is None:
        decision = replace(decision, offered_a=held.limit_a)
    waiting = evse.waiting
    wish = phases.wish(evse, leases.live_slots(draft, evse))
    current = published.settled(draft, evse, decision, wish)
    evse = _changed(
        evse,
        waiting=(),
        allocation=current,
        hold_until=None,
        hold_cause=None,
        retry_at=None,
        retries=0,
    )
    for each in waiting:
        answers.applied(draft, evse, answers.foreseen(each, decision))
    return evse


# --- Answers --------------------------------------------------------------------------------


def answered(draft: Draft, evse: Evse, write: ProfileWrite, outcome: CallOutcome) -> Evse:
    """Return the EVSE after the station's answer to a write (before reconciling again)."""
    if write.fallback:
        return below.answered(draft, evse, write, outcome)
    if write.cause is not None:
        draft.causes[evse.id] = write.cause
    evse = replace(evse, write=None)
    if isinstance(outcome, CallResult) and (outcome.accepted or write.clear):
        return _accepted(draft, evse, write)
    if isinstance(outcome, CallResult):
        before = evse.learnt_before or draft.station.learnt
        learnt = ladder.next_rung(draft.station.learnt, before, write.profile)
        if learnt is not None:
            draft.change(learnt=learnt)
            return answers.again(draft, replace(evse, learnt_before=before), write.waiting)
    return _failed(draft, evse, write, outcome)


def _accepted(draft: Draft, evse: Evse, write: ProfileWrite) -> Evse:
    others = tuple(p for p in evse.installed if p.profile_id != write.profile.profile_id)
    evse = replace(evse, retries=0, learnt_before=None)
    if write.clear:  # also where the station answers Unknown: it is as good as cleared
        # the other profile of ours may have to go too before the command is carried out
        return answers.again(draft, replace(evse, installed=others), write.waiting)
    learnt = ladder.accepted(draft.station.learnt, write.profile)
    if learnt is not draft.station.learnt:
        draft.change(learnt=learnt)
    evse = switching.accepted(draft, evse, write.profile.number_phases)
    for waiting in write.waiting:
        answers.applied(draft, evse, waiting)
    return replace(evse, installed=(*others, write.profile))


def _failed(draft: Draft, evse: Evse, write: ProfileWrite, outcome: CallOutcome) -> Evse:
    if evse.learnt_before is not None:
        # it was not the kind of profile: all kinds were refused
        draft.change(learnt=ladder.undone(draft.station.learnt, evse.learnt_before))
        evse = replace(evse, learnt_before=None)
    refusal, status = answers.refusal_of(outcome)
    for waiting in write.waiting:
        evse = answers.failed(draft, evse, waiting, refusal, status)
    evse = replace(evse, hold_cause=None if write.waiting else write.cause)
    evse = _later(draft, switching.refused(draft, evse))
    if isinstance(outcome, CallFailed) and outcome.failure in MAY_HAVE_HAPPENED:
        others = tuple(p for p in evse.installed if p.profile_id != write.profile.profile_id)
        evse = replace(evse, installed=(*others, replace(write.profile, limit_a=None)))
    return evse


def _later(draft: Draft, evse: Evse) -> Evse:
    pause = min(FIRST_RETRY_SECONDS * 2**evse.retries, LONGEST_RETRY_SECONDS)
    return replace(
        evse,
        retries=min(evse.retries + 1, 10),
        retry_at=draft.now + timedelta(seconds=pause),
    )
