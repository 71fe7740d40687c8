"""Keeping a station up to date with itself: leases that run out, views and allocations."""

from datetime import datetime, timedelta
from typing import Final

from bridge.domain import allocation, connector, profile
from bridge.domain.commands import OnExpire
from bridge.domain.draft import Draft
from bridge.domain.model import Evse, Slot, Station
from bridge.domain.records import replace

HIGHEST_PRIORITY: Final = 1000
COMPLETED_SHOWN: Final = timedelta(seconds=1)
"""How long `completed` is shown after both the end and the unplugging (mapping.md, 3)."""


def next_deadline(station: Station) -> datetime | None:
    """Return when the next `Tick` is due, None where nothing waits for time to pass."""
    due: list[datetime] = [s.expires_at for s in station.station_slots if s.expires_at]
    for evse in station.evses.values():
        due += [slot.expires_at for slot in evse.slots if slot.expires_at]
        due += [w.expires_at for w in evse.waiting if w.expires_at]
        due += [evse.completed_until] if evse.completed_until else []
        # nothing is tried while it is offline: its coming back is what triggers that
        due += [evse.retry_at] if evse.retry_at and station.online else []
    return min(due, default=None)


def lapse(draft: Draft) -> None:
    """Take away slots whose lease has run out; the last one may leave a failsafe behind."""
    station_slots = draft.station.station_slots
    live = tuple(slot for slot in station_slots if allocation.is_live(slot, draft.now))
    if len(live) != len(station_slots):
        draft.change(station_slots=_or_failsafe(draft, station_slots, live))
    for evse in list(draft.evses.values()):
        live = tuple(slot for slot in evse.slots if allocation.is_live(slot, draft.now))
        if len(live) != len(evse.slots):
            after = live if draft.station.station_slots else _or_failsafe(draft, evse.slots, live)
            draft.put(replace(evse, slots=after))


def _or_failsafe(
    draft: Draft, before: tuple[Slot, ...], live: tuple[Slot, ...]
) -> tuple[Slot, ...]:
    wanted = [slot for slot in before if slot not in live and slot.on_expire is OnExpire.FAILSAFE]
    if live or not wanted:
        return live
    lasts = timedelta(seconds=draft.settings.failsafe_min_duration_seconds)
    return (
        Slot(
            controller=profile.FAILSAFE_CONTROLLER,
            source=wanted[-1].source,
            priority=HIGHEST_PRIORITY,
            since=draft.now,
            limit_a=draft.settings.failsafe_a,
            expires_at=draft.now + lasts,
        ),
    )


def refresh_all(draft: Draft) -> None:
    """Bring every EVSE up to date, whatever may have changed."""
    station_slots = draft.station.station_slots
    for evse_id in draft.evses:
        evse = draft.evses[evse_id]
        shown = _observed(draft, evse, plugged=evse.view.plugged)
        draft.put(profile.reconcile(draft, shown))
    if draft.station.station_slots is not station_slots:
        # a command on the whole station expired: those that were brought up to date before
        # it was noticed follow the slot that is in force again
        refresh_all(draft)


def refresh(draft: Draft, evse: Evse, *, plugged: bool | None) -> None:
    """Bring the view and the allocation of an EVSE up to date with what it has just reported."""
    evse = _observed(draft, evse, plugged=plugged)
    draft.put(evse if profile.stands(draft, evse) else profile.reconcile(draft, evse))


def _observed(draft: Draft, evse: Evse, *, plugged: bool | None) -> Evse:
    """Return the EVSE with its view up to date."""
    if plugged is False and evse.view.plugged:
        evse = _unplugged(evse, draft.now)
    running = evse.transaction
    if plugged and running is not None and running.open and not running.plug_seen:
        evse = replace(evse, transaction=replace(running, plug_seen=True))
    shown = connector.view(evse, online=draft.station.online, plugged=plugged, now=draft.now)
    return evse if shown is evse.view else replace(evse, view=shown)


def _unplugged(evse: Evse, now: datetime) -> Evse:
    """Forget what held for the cable and for slots that were to last until it was pulled."""
    slots = tuple(slot for slot in evse.slots if not slot.until_disconnect)
    shown = now + COMPLETED_SHOWN if evse.finishing else evse.completed_until
    return replace(evse, cable_max_a=None, finishing=False, slots=slots, completed_until=shown)
