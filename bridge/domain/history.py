"""What is told of allocations afterwards: one record for each change, with its cause.

A change is another source in control, another current offered, the fail-safe, or another number of
phases. What is only asked for or on its way is none, nor is the first decision on an EVSE.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from bridge.domain.control import Allocation, Cause
from bridge.domain.effects import AllocationRecorded
from bridge.domain.ids import event_id
from bridge.domain.model import Station


def changes(
    before: Station, after: Station, cause_of: Callable[[int], Cause], now: datetime
) -> Iterator[AllocationRecorded]:
    """Return a record for each EVSE on which control or the offered current has changed.

    `cause_of` says by EVSE what has led to it.
    """
    for evse_id, evse in after.evses.items():
        held = before.evses.get(evse_id)
        was = held.allocation if held else None
        now_is = evse.allocation
        if now_is is None or now_is is was or not _differs(was, now_is):
            continue
        place = f"allocation/{evse_id}"
        yield AllocationRecorded(
            event_id=event_id(after.id, place, after.revision, "allocation", now),
            station_id=after.id,
            evse_id=evse_id,
            at=now,
            before=was,
            after=now_is,
            cause=cause_of(evse_id),
        )


def _differs(was: Allocation | None, now_is: Allocation) -> bool:
    if was is None:
        return False
    return _told(was) != _told(now_is)


def _told(allocation: Allocation) -> tuple[object, ...]:
    return (
        allocation.source,
        allocation.offered_a,
        allocation.mode,
        allocation.phase_limit,
        allocation.phase_source,
    )
