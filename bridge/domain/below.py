"""The profiles below the one that governs: what a station falls back to by itself.

Theory of operation. A permanent TxDefaultProfile at stackLevel 0 takes over when ours has ended by
its validTo (allocation.md, Applying a limit); and while a TxProfile governs, the default under it
must not leave more than a load-management group allows. Nobody waits for these writes: they are
made when nothing more urgent is to be done, and what failed is tried again after a long pause.
"""

from datetime import timedelta
from typing import Final

from bridge.domain import wanted
from bridge.domain.calls import (
    CallOutcome,
    CallResult,
    ClearChargingProfile,
    SetChargingProfile,
)
from bridge.domain.control import Decision, InstalledProfile, ProfileWrite
from bridge.domain.draft import Draft
from bridge.domain.model import Evse
from bridge.domain.records import replace

AGAIN_AFTER: Final = timedelta(seconds=300)


def keep(draft: Draft, evse: Evse, decision: Decision) -> Evse:
    """Return the EVSE after sending off the next of these writes, if there is one."""
    waits = evse.fallback_retry_at is not None and draft.now < evse.fallback_retry_at
    if evse.write is not None or waits:
        return evse
    default = wanted.default_within_share(evse, decision)
    if default is not None:
        return _send(draft, evse, default, wanted.request_for(draft, evse, default))
    target, held = wanted.fallback_for(draft, evse, decision), evse.fallback
    if target is None and held is not None:
        gone = replace(held, limit_a=None)
        return _send(draft, evse, gone, ClearChargingProfile(profile_id=held.profile_id))
    if target is None or (held is not None and held.limit_a == target.limit_a):
        # what had failed is no longer wanted
        return evse if evse.fallback_retry_at is None else replace(evse, fallback_retry_at=None)
    return _send(draft, evse, target, wanted.request_for(draft, evse, target, fallback=True))


def _send(
    draft: Draft,
    evse: Evse,
    profile: InstalledProfile,
    request: SetChargingProfile | ClearChargingProfile,
) -> Evse:
    clear = isinstance(request, ClearChargingProfile)
    write = ProfileWrite(call_id=draft.call(request), profile=profile, clear=clear, fallback=True)
    return replace(evse, write=write, fallback_retry_at=None)


def answered(draft: Draft, evse: Evse, write: ProfileWrite, outcome: CallOutcome) -> Evse:
    """Return the EVSE after the station's answer to such a write."""
    evse = replace(evse, write=None)
    if not isinstance(outcome, CallResult) or not (outcome.accepted or write.clear):
        return replace(evse, fallback_retry_at=draft.now + AGAIN_AFTER)
    if wanted.is_fallback(write.profile.profile_id):
        return replace(evse, fallback=None if write.clear else write.profile)
    others = (p for p in evse.installed if p.profile_id != write.profile.profile_id)
    return replace(evse, installed=(*others, write.profile))
