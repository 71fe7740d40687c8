"""Claims that end by themselves: leases, the fail-safe, and what lasts until unplugging.

Theory of operation. When the last limit of a source runs out and its lease asked for it, a slot of
the fail-safe takes its place: an ordinary one, so that the arbiter needs no special case. It counts
only where nobody of that source claims anything, so that a pause is never overruled by it, and it
is there again when the pause is taken back. A new limit removes it, or the end of its time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bridge.domain import allocation
from bridge.domain.commands import OnExpire
from bridge.domain.control import Cause, ChangeReason, PhaseClaim, Slot
from bridge.domain.draft import Draft
from bridge.domain.model import Evse
from bridge.domain.records import replace

FAILSAFE_CONTROLLER: Final = "_failsafe"
HIGHEST_PRIORITY: Final = 1000


def live_slots(draft: Draft, evse: Evse) -> list[Slot]:
    """Return the slots that count for an EVSE: its own and those on the whole station."""
    slots = [
        slot
        for slot in (*evse.slots, *draft.station.station_slots)
        if allocation.is_live(slot, draft.now)
    ]
    if not any(slot.controller == FAILSAFE_CONTROLLER for slot in slots):
        return slots
    claimed = {slot.source for slot in slots if slot.controller != FAILSAFE_CONTROLLER}
    return [
        slot
        for slot in slots
        if slot.controller != FAILSAFE_CONTROLLER or slot.source not in claimed
    ]


def lapse(draft: Draft) -> bool:
    """Take away claims whose lease has run out, leaving a fail-safe where one was asked for.

    Returns whether there were any: then all EVSEs are to be brought up to date.
    """
    station_slots = draft.station.station_slots
    after = _lapsed(draft, station_slots, ())
    if after is not station_slots:
        draft.change(station_slots=after)
        for evse_id in draft.evses:
            draft.causes[evse_id] = _cause(station_slots, after)
    for evse in list(draft.evses.values()):
        slots = _lapsed(draft, evse.slots, draft.station.station_slots)
        phase_claims = evse.phase_claims
        if phase_claims:
            phase_claims = tuple(c for c in phase_claims if allocation.is_live(c, draft.now))
        if slots is not evse.slots or phase_claims != evse.phase_claims:
            draft.put(replace(evse, slots=slots, phase_claims=phase_claims))
            draft.causes[evse.id] = _cause(evse.slots, slots)
    return bool(draft.causes)


def _lapsed(draft: Draft, slots: tuple[Slot, ...], others: Iterable[Slot]) -> tuple[Slot, ...]:
    """Return the slots that are left, those of a fail-safe included; the same where all are."""
    if not slots:
        return slots
    live = tuple([slot for slot in slots if allocation.is_live(slot, draft.now)])
    if len(live) == len(slots):
        return slots
    held = {slot.source for slot in (*live, *others) if not slot.pause}
    asking = [slot for slot in slots if slot not in live and slot.on_expire is OnExpire.FAILSAFE]
    sources = {slot.source: slot for slot in asking if slot.source not in held}
    return (*live, *(_failsafe(draft, slot) for slot in sources.values()))


def _failsafe(draft: Draft, after: Slot) -> Slot:
    lasts = timedelta(seconds=draft.settings.failsafe_min_duration_seconds)
    return Slot(
        controller=FAILSAFE_CONTROLLER,
        source=after.source,
        priority=HIGHEST_PRIORITY,
        since=draft.now,
        limit_a=draft.settings.failsafe_a,
        expires_at=draft.now + lasts,
    )


def _cause(before: tuple[Slot, ...], after: tuple[Slot, ...]) -> Cause:
    moved = {slot.controller for slot in {*before} ^ {*after}}
    failsafe = FAILSAFE_CONTROLLER in moved
    reason = ChangeReason.FAILSAFE if failsafe else ChangeReason.LEASE_EXPIRED
    ended = [s for s in before if s not in after and s.controller != FAILSAFE_CONTROLLER]
    if len(ended) != 1:
        return Cause(reason=reason)
    (slot,) = ended
    return Cause(reason=reason, controller=slot.controller, command_id=slot.command_id)


def unplugged(draft: Draft, evse: Evse) -> Evse:
    """Return an EVSE without the slots that were to last until its vehicle is unplugged.

    Those on the whole station go with the last vehicle.
    """
    kept = _without_disconnect(evse.slots)
    if kept is not evse.slots:
        draft.causes[evse.id] = Cause(reason=ChangeReason.UNPLUGGED)
        evse = replace(evse, slots=kept)
    if not any(other.view.plugged for other in draft.evses.values() if other.id != evse.id):
        station_slots = _without_disconnect(draft.station.station_slots)
        if station_slots is not draft.station.station_slots:
            draft.change(station_slots=station_slots)
            for evse_id in draft.evses:
                draft.causes[evse_id] = Cause(reason=ChangeReason.UNPLUGGED)
    return evse


def _without_disconnect(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    kept = tuple(slot for slot in slots if not slot.until_disconnect)
    return slots if len(kept) == len(slots) else kept


def deadlines(claims: Iterable[Slot | PhaseClaim]) -> list[datetime]:
    """Return when leases run out."""
    return [claim.expires_at for claim in claims if claim.expires_at is not None]
