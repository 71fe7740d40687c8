"""Keeping a station up to date with itself: leases that run out, views and allocations."""

from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

from bridge.domain import (
    arrival,
    authorization,
    connector,
    external,
    inquiries,
    leases,
    ledger,
    looking,
    observe,
    phases,
    profile,
    readback,
    station_max,
    transaction_limits,
)
from bridge.domain.draft import Draft
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.domain.records import replace

OVERDUE_AGAIN_AFTER: Final = timedelta(seconds=1)
COMPLETED_SHOWN: Final = timedelta(seconds=1)
"""How long `completed` is shown after both the end and the unplugging (mapping.md, 3)."""


def next_deadline(station: Station, now: datetime) -> datetime | None:
    """Return when the next `Tick` is due, None where nothing waits for time to pass."""
    due: list[datetime] = []
    online = station.online
    for evse in station.evses.values():
        if evse.slots or evse.phase_claims:
            due += leases.deadlines((*evse.slots, *evse.phase_claims))
        if evse.completed_until is not None:
            due.append(evse.completed_until)
        due += profile.deadlines(evse, online=online)
        if online:
            due += transaction_limits.deadlines(evse, now)
            due += observe.deadlines(evse)
    if _waits(station) != _NOTHING:  # most stations wait for none of these
        due += leases.deadlines(station.station_slots)
        due += external.deadlines(station, now)
        due += authorization.deadlines(station, now)
        due += readback.deadlines(station)
        due += arrival.deadlines(station)
        due += looking.deadlines(station)
        due += inquiries.deadlines(station.inquiries)
    due += station_max.deadlines(station)
    if not due:
        return None
    soonest = min(due)
    # what is due and could not be done waits for something else: it is not tried in a loop
    return soonest if now < soonest else now + OVERDUE_AGAIN_AFTER


_waits: Final = attrgetter(
    "station_slots",
    "external_limits",
    "profiles",
    "authorized_at",
    "remote_starts",
    "readback",
    "quiet_until",
    "boot_due_at",
    "calls",
    "inquiries",
)
_NOTHING: Final = _waits(Station(id=StationId("")))


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
    running = evse.transaction if evse.transaction and evse.transaction.open else None
    authorized = running is None and authorization.is_authorized(draft.station, evse, draft.now)
    plugged = connector.plugged_after_all(evse, running, plugged=plugged, authorized=authorized)
    if plugged is False and evse.view.plugged:
        evse = _unplugged(draft, evse)
    elif plugged and not evse.view.plugged:
        evse = replace(evse, plugged_at=draft.said_at)
    if plugged and running is not None and not running.plug_seen:
        plugged_in = replace(running, plug_seen=True, plugged_at=evse.plugged_at)
        evse = replace(evse, transaction=plugged_in)
    evse = observe.look(draft, evse)
    shown = connector.view(
        evse,
        online=draft.station.online,
        plugged=plugged,
        authorized=authorized,
        now=draft.now,
    )
    return evse if shown is evse.view else replace(evse, view=shown)


def _unplugged(draft: Draft, evse: Evse) -> Evse:
    """Forget what held for the cable and for claims that were to last until it was pulled."""
    shown = draft.now + COMPLETED_SHOWN if evse.finishing else evse.completed_until
    return replace(
        leases.unplugged(draft, evse),
        cable_max_a=None,
        finishing=False,
        completed_until=shown,
        plugged_at=None,
        transaction=ledger.unplugged(evse.transaction, draft.said_at),
        phase=phases.unplugged(evse.phase),
    )
