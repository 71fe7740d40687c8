"""Which kinds of profile a station takes, learnt from its answers (allocation.md, Ladder).

A running transaction gets a TxProfile; where the station refuses it, a TxDefaultProfile is tried
for the same limit before anything is called refused. Each is tried with the end of its lease
(validTo) first, then without. A station of OCPP 2.1 that says so gets profiles of kind Dynamic, and
where it refuses one after all, the others. Where all are refused, it was not the kind of profile, and what was
known before holds again.
"""

from bridge.domain.calls import ProfilePurpose
from bridge.domain.control import InstalledProfile
from bridge.domain.knowledge import Learnt
from bridge.domain.records import replace


def accepted(learnt: Learnt, profile: InstalledProfile) -> Learnt:
    """Return what is known after a profile was accepted; the same where that is nothing new."""
    if profile.purpose is ProfilePurpose.TX and learnt.tx_profile is not True:
        learnt = replace(learnt, tx_profile=True)
    if profile.valid_to is not None and learnt.valid_to is not True:
        learnt = replace(learnt, valid_to=True)
    return learnt


def next_rung(learnt: Learnt, before: Learnt, refused: InstalledProfile) -> Learnt | None:
    """Return what a refusal may mean, where there is another kind to try; None where not.

    `before` is what was known when the first kind was tried.
    """
    if refused.dynamic and learnt.dynamic_profiles:
        return replace(learnt, dynamic_profiles=False)
    if refused.valid_to is not None and learnt.valid_to is None:
        return replace(learnt, valid_to=False)
    if refused.purpose is ProfilePurpose.TX and learnt.tx_profile is None:
        return replace(learnt, tx_profile=False, valid_to=before.valid_to)
    return None


def undone(learnt: Learnt, before: Learnt) -> Learnt:
    """Return what is known without what was supposed while the kinds were tried."""
    return replace(
        learnt,
        tx_profile=before.tx_profile,
        valid_to=before.valid_to,
        dynamic_profiles=before.dynamic_profiles,
    )
