"""Whether the limit that a station has accepted is in force: composite schedule and current.

Theory of operation. "Accepted" is a promise; two things show whether it is kept. The vehicle's
current, as far as it is measured after the acceptance (`look`), and what the station says that
all profiles together leave to the running transaction (`verify`, K08), asked once for each
accepted profile. Where it leaves less than ours and no known limit explains that, somebody else
limits: that becomes a limit of source `OCPP Profile`, looked at again until it is gone. Where a
TxDefaultProfile does not reach the transaction that runs, a TxProfile is tried before anything
is called a fault. What is observed never changes who is in control.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from bridge.domain import decision as decisions
from bridge.domain import external, faults, inferred, wanted
from bridge.domain.allocation import SUPPLY_STEP
from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    GetCompositeSchedule,
    ProfilePurpose,
)
from bridge.domain.control import InstalledProfile, Observed, Verification
from bridge.domain.draft import Draft
from bridge.domain.knowledge import Question, QuestionKind
from bridge.domain.model import Evse
from bridge.domain.records import replace
from bridge.domain.schedule import Period
from bridge.domain.settings import RateUnit

CODE: Final = "limit_not_observed"
CURRENT_TOLERANCE_A: Final = 0.5
NEWS_A: Final = 0.5
"""By how much a current that is allowed must have moved to be told beside the limit."""
SCHEDULE_TOLERANCE_A: Final = 0.1
COMPOSITE_SECONDS: Final = 60
"""Duration of the composite schedule that is asked for: only its beginning is read."""
ASK_AGAIN_AFTER: Final = timedelta(seconds=10)
"""How soon is asked again because the station says that its rate has changed."""
LOOK_AGAIN_AFTER: Final = timedelta(seconds=60)
"""How often is asked whether a limit of an unknown source is still there."""


# --- The current ----------------------------------------------------------------------------


def look(draft: Draft, evse: Evse) -> Evse:
    """Return the EVSE with what its last readings say about the limit."""
    profile = wanted.effective(evse)
    if profile is None:
        return evse if evse.observed is None else replace(evse, observed=None)
    measured_at = _new_reading_at(draft, evse)
    if measured_at is None or profile.limit_a is None:
        return evse
    assert evse.meter is not None  # noqa: S101  # there is a reading
    current_a = max([amps for amps in evse.meter.current_a if amps is not None])
    seen, now = evse.observed, draft.now
    ok, over_since = (True, None) if seen is None else (seen.ok, seen.over_since)
    counts = evse.write is None and _measured_since(draft, profile, measured_at)
    over = counts and current_a > profile.limit_a + CURRENT_TOLERANCE_A
    if over:
        over_since = _over_since(seen, profile, now)
    elif counts:
        ok, over_since = evse.verification is None or not evse.verification.failed, None
    observed = Observed(current_a=current_a, ok=ok, at=now, over_since=over_since)
    if counts and not over and _says_it(seen, observed, profile):
        return evse
    evse = replace(evse, observed=observed)
    if not over or not _has_lasted(draft, over_since) or _another_way(draft, evse, profile):
        return evse
    return _not_kept(draft, evse, profile, {"currentA": current_a})


def _says_it(held: Observed | None, seen: Observed, profile: InstalledProfile) -> bool:
    """Say whether what is held of this profile already says what was seen, well enough.

    What stays the same record is neither written nor published again with each reading.
    """
    return (
        held is not None
        and held.ok is seen.ok
        and held.over_since is None
        and held.at > profile.at
        and abs(seen.current_a - held.current_a) < NEWS_A
    )


def _has_lasted(draft: Draft, since: datetime | None) -> bool:
    patience = timedelta(seconds=draft.settings.observe_seconds)
    return since is not None and draft.now - since >= patience


def _new_reading_at(draft: Draft, evse: Evse) -> datetime | None:
    """Return when the current was measured, None where this input brings no reading of it."""
    before = draft.before.evses.get(evse.id)
    known = before.meter.current_at if before is not None and before.meter is not None else None
    measured = evse.meter.current_at if evse.meter is not None else None
    return None if measured == known else measured


def _measured_since(draft: Draft, profile: InstalledProfile, at: datetime) -> bool:
    """Say whether a reading was taken under this profile, even if the station's clock is slow."""
    return at >= profile.at or _has_lasted(draft, profile.at)


def _over_since(seen: Observed | None, profile: InstalledProfile, now: datetime) -> datetime:
    """Return since when the current is too high; the first reading speaks for all before it."""
    if seen is None:
        return profile.at
    if seen.over_since is not None and seen.over_since >= profile.at:
        return seen.over_since
    return profile.at if seen.at <= profile.at else now


def _another_way(draft: Draft, evse: Evse, profile: InstalledProfile) -> bool:
    """Say whether another write may reach the transaction that this profile does not reach.

    A TxProfile, where this is a default; the same one, where a remote start has brought this.
    """
    learnt = draft.station.learnt
    if profile.by_start and learnt.start_profile is not False:
        draft.change(learnt=replace(learnt, start_profile=False))
        return True
    by_default = wanted.running(evse) is not None and profile.purpose is ProfilePurpose.TX_DEFAULT
    if not by_default or learnt.tx_profile is False or learnt.default_governs_running is False:
        return False
    draft.change(learnt=replace(learnt, default_governs_running=False))
    return True


def _not_kept(
    draft: Draft, evse: Evse, profile: InstalledProfile, facts: dict[str, float]
) -> Evse:
    """Return the EVSE on which a limit is not kept; people are told of it once."""
    observed, verification = evse.observed, evse.verification
    told = observed is not None and not observed.ok
    if not told and not (verification is not None and verification.failed):
        _tell(draft, evse, profile, facts)
    return evse if observed is None else replace(evse, observed=replace(observed, ok=False))


def _tell(draft: Draft, evse: Evse, profile: InstalledProfile, facts: dict[str, float]) -> None:
    (found_a,) = facts.values()
    message = f"the station has accepted {profile.limit_a:g} A but allows {found_a:g} A"
    faults.record(draft, evse.id, CODE, message, {"offeredA": profile.limit_a, **facts})


# --- The composite schedule -----------------------------------------------------------------


def verify(draft: Draft) -> None:
    """Ask about each EVSE on which another profile governs the transaction than was asked about."""
    for evse in list(draft.evses.values()):
        if _moved(draft, evse):
            evse = _begun(draft, evse)  # noqa: PLW2901  # the same EVSE, a step further
            draft.put(evse)
        verification = evse.verification
        if verification is None or verification.due_at is None or verification.due_at > draft.now:
            continue
        if _may_ask(draft, evse):
            asked = replace(verification, due_at=None, asked_at=draft.now)
            draft.put(replace(evse, verification=asked))
            unit = wanted.rate_unit(draft.settings, draft.station.learnt)
            request = GetCompositeSchedule(
                evse_id=evse.id, duration_seconds=COMPOSITE_SECONDS, unit=unit
            )
            draft.ask(QuestionKind.COMPOSITE, request, evse.id)


def rate_changed(evse: Evse, now: datetime) -> Evse:
    """Return the EVSE that is to be asked about again: the station says that its rate changed."""
    held = evse.verification
    if held is None:
        return evse
    due_at = now if held.asked_at is None else max(now, held.asked_at + ASK_AGAIN_AFTER)
    if held.due_at is not None and held.due_at <= due_at:
        return evse
    return replace(evse, verification=replace(held, due_at=due_at))


def deadlines(evse: Evse) -> list[datetime]:
    """Return when the station is to be asked again."""
    verification = evse.verification
    return [verification.due_at] if verification and verification.due_at else []


def _moved(draft: Draft, evse: Evse) -> bool:
    """Say whether a verification is missing or is no longer about what governs."""
    before = draft.before.evses.get(evse.id)
    if before is not None and evse.installed is before.installed:
        was, is_ = before.transaction, evse.transaction
        if was is is_ or (was and is_ and (was.id, was.open) == (is_.id, is_.open)):
            return False
    held = evse.verification
    subject = _subject(draft, evse)
    return subject != (None if held is None else (held.profile, held.transaction_id))


def _subject(draft: Draft, evse: Evse) -> tuple[InstalledProfile, str] | None:
    """Return what is to be verified: which profile of ours, in which transaction."""
    running, profile = wanted.running(evse), wanted.effective(evse)
    if running is None or profile is None or profile.limit_a is None:
        return None
    settings, learnt = draft.settings, draft.station.learnt
    if not (settings.automatic_calls and settings.composite_schedule):
        return None
    if learnt.composite_schedule is False:
        return None
    return profile, running.id


def _begun(draft: Draft, evse: Evse) -> Evse:
    held, subject = evse.verification, _subject(draft, evse)
    same = held and subject and held.transaction_id == subject[1]
    if not same:
        inferred.infer(draft, evse, None)
    if subject is None:
        return replace(evse, verification=None)
    failed = bool(same and held and held.failed)
    profile, transaction_id = subject
    return replace(
        evse,
        verification=Verification(
            profile=profile, transaction_id=transaction_id, due_at=draft.now, failed=failed
        ),
    )


def _may_ask(draft: Draft, evse: Evse) -> bool:
    """Say whether all is written, and nothing of the kind is asked already."""
    if not draft.reachable or draft.station.recovering:
        return False
    if evse.write is not None or evse.hold_until is not None or evse.waiting:
        return False
    return not any(
        question.kind is QuestionKind.COMPOSITE and question.evse_id == evse.id
        for question in draft.station.questions
    )


def answered(draft: Draft, question: Question, outcome: CallOutcome) -> None:
    """Take in a composite schedule; a station that has none to tell is not asked again."""
    if isinstance(outcome, CallFailed) and outcome.failure not in _CANNOT:
        return
    evse = draft.evses[question.evse_id or 0]
    period = _first_period(outcome)
    _learn(draft, composite_schedule=period is not None)
    held = evse.verification
    if period is None or held is None or held.due_at is not None:
        return  # nothing was said, or of a profile that has been replaced since
    assert isinstance(outcome, CallResult)  # noqa: S101  # it has a period
    assert outcome.schedule is not None  # noqa: S101  # likewise
    draft.put(_judged(draft, evse, held, period, outcome.schedule.unit))


_CANNOT: Final = frozenset({CallFailure.ERROR, CallFailure.TIMEOUT})


def _first_period(outcome: CallOutcome) -> Period | None:
    """Return what holds now; None where the station says nothing of use (charger-quirks 19)."""
    if not isinstance(outcome, CallResult) or not outcome.accepted or outcome.schedule is None:
        return None
    periods = outcome.schedule.periods
    return periods[0] if periods and periods[0].limit >= 0 else None


def _learn(draft: Draft, **shown: Any) -> None:
    learnt = draft.station.learnt
    if any(getattr(learnt, name) is not value for name, value in shown.items()):
        draft.change(learnt=replace(learnt, **shown))


def _judged(draft: Draft, evse: Evse, held: Verification, period: Period, unit: RateUnit) -> Evse:
    """Return the EVSE after comparing what the station says with what it has accepted."""
    ours_a = held.profile.limit_a or 0.0
    found_a, tolerance_a = round(period.limit, 2), SCHEDULE_TOLERANCE_A
    if unit is RateUnit.WATT:
        found_a = round(decisions.supply_held(draft, evse).amps(period.limit), 2)
        tolerance_a = max(tolerance_a, ours_a * SUPPLY_STEP)
    difference_a = round(found_a - ours_a, 6)
    if difference_a > tolerance_a:
        return _more(draft, evse, held, found_a)
    evse = replace(evse, verification=replace(held, failed=False))
    if difference_a >= -tolerance_a:
        inferred.infer(draft, evse, None)
        if held.profile.purpose is ProfilePurpose.TX_DEFAULT:
            _learn(draft, default_governs_running=True)
        return evse
    if _explained(draft, evse, found_a + tolerance_a):
        inferred.infer(draft, evse, None)
        return evse
    inferred.infer(draft, evse, found_a)
    again = draft.now + LOOK_AGAIN_AFTER
    return replace(evse, verification=replace(held, failed=False, due_at=again))


def _more(draft: Draft, evse: Evse, held: Verification, found_a: float) -> Evse:
    """Return the EVSE to which the station leaves more than it has accepted."""
    inferred.infer(draft, evse, None)
    if _another_way(draft, evse, held.profile):
        return evse
    evse = _not_kept(draft, evse, held.profile, {"compositeA": found_a})
    return replace(evse, verification=replace(held, failed=True))


def _explained(draft: Draft, evse: Evse, at_most_a: float) -> bool:
    """Say whether somebody else's limit that is known is as low as what the station says."""
    supply = decisions.supply_held(draft, evse)
    return any(
        limit.limit_a <= at_most_a
        for limit in external.limits(draft.station, evse, supply, draft.now)
        if not limit.inferred
    )
