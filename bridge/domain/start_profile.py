"""The TxProfile that a remote start brings (OCPP 2.x K05, 1.6 RemoteStartTransaction.req).

Theory of operation. A `start` with maxA carries its limit in the request, so that the transaction
begins with it and not with what held before. It is what the bridge would write once the
transaction runs; where that could be another by then, or where more than a limit would have to be
told (a lease, a number of phases, a share of a group), the request carries none.

A station that accepts the start has not said that it has taken the profile: one without smart
charging ignores it (F01). So it counts as installed as far as it will be verified (`observe`); where
the station leaves more to the transaction, or cannot be asked, the profile is written once more, by
SetChargingProfile. A start that is refused may be refused for the profile: it is asked for once more
without. No answer is no refusal: then nothing is asked a second time, since it may have begun.
"""

from typing import Final

from bridge.domain import decision as decisions
from bridge.domain import leases, phases, transaction_limits, wanted
from bridge.domain.calls import CallFailure, CallOutcome, CallResult, ProfilePurpose
from bridge.domain.control import InstalledProfile
from bridge.domain.draft import Draft
from bridge.domain.model import Evse, PendingRemote, Station, Transaction
from bridge.domain.records import replace

_NOT_UNDERSTOOD: Final = frozenset(
    {
        "FormatViolation",
        "FormationViolation",
        "NotSupported",
        "OccurenceConstraintViolation",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "TypeConstraintViolation",
    }
)
"""Codes of a CALLERROR by which a station says that it has not carried a request out."""


def profile_for(draft: Draft, evse: Evse | None, max_a: float | None) -> InstalledProfile | None:
    """Return the profile that a start on an EVSE is to bring, `max_a` in A per phase; None: none."""
    if evse is None or max_a is None or not _may_bring_one(draft, evse):
        return None
    slots = leases.live_slots(draft, evse)
    if phases.wish(evse, slots) is not None or evse.phase.active is not None:
        return None
    decision = decisions.weigh(draft, evse, slots, [transaction_limits.of_start(max_a)])
    if wanted.lease(decision) is not None:
        return None
    return InstalledProfile(
        profile_id=wanted.TX_PROFILE_ID + evse.id,
        purpose=ProfilePurpose.TX,
        limit_a=decision.to_write_a,
        at=draft.now,
        by_start=True,
    )


def _may_bring_one(draft: Draft, evse: Evse) -> bool:
    settings, learnt = draft.settings, draft.station.learnt
    if not settings.start_profile or settings.secc or evse.team is not None:
        return False
    if learnt.start_profile is False or learnt.tx_profile is False:
        return False
    # a transaction that the cable has begun may have one already
    has = any(profile.purpose is ProfilePurpose.TX for profile in evse.installed)
    return not has and evse.write is None


# --- Answers --------------------------------------------------------------------------------


def may_be_refused(draft: Draft, pending: PendingRemote, outcome: CallOutcome) -> bool:
    """Say whether a start may have been refused for its profile, and not be under way."""
    if pending.again is None or draft.station.learnt.start_profile is True:
        return False
    if isinstance(outcome, CallResult):
        return not outcome.accepted
    return outcome.failure is CallFailure.ERROR and outcome.code in _NOT_UNDERSTOOD


def learn(draft: Draft, pending: PendingRemote) -> None:
    """Take note of what an accepted start says: whether one may bring a profile."""
    if pending.profile is None and not pending.without_profile:
        return
    takes = pending.profile is not None
    if draft.station.learnt.start_profile is not takes:
        draft.change(learnt=replace(draft.station.learnt, start_profile=takes))


# --- The transaction ------------------------------------------------------------------------


def installed(draft: Draft, evse: Evse, began: Transaction) -> Evse:
    """Return the EVSE with the profile that the start of its transaction has brought."""
    start = _start_of(draft.station, began)
    if start is None or start.profile is None or start.ref.evse_id != evse.id:
        return evse
    profile_id = start.profile.profile_id
    if any(profile.profile_id == profile_id for profile in evse.installed):
        return evse
    if evse.write is not None and evse.write.profile.profile_id == profile_id:
        return evse
    profile = replace(start.profile, transaction_id=began.id, at=draft.now)
    return replace(evse, installed=(*evse.installed, profile))


def _start_of(station: Station, began: Transaction) -> PendingRemote | None:
    if began.remote_start_id is None:
        return None
    starts = (*station.remote_starts, *station.calls)
    return next((s for s in starts if s.remote_start_id == began.remote_start_id), None)
