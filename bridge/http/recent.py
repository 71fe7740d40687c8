"""The recent past for whoever opens the status page: power and events, in bounded memory.

It begins with the process. What is kept for ever is in the store.
"""

from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from math import isnan, nan
from typing import Final

from bridge.domain.effects import RecordedEvent, TransactionRecorded
from bridge.domain.enums import EventType, TriggerReason
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.http.watching import Watchers
from bridge.ports import Clock

SLOT_SECONDS: Final = 15
"""Each holds the last power that was told in it."""
SLOTS: Final = 6 * 3600 // SLOT_SECONDS
MOST_EVSES: Final = 1000
"""EVSEs whose power is kept; 6 KiB each."""
MOST_EVENTS: Final = 200

Point = tuple[int, float]
"""Unix time, s, of the beginning of a slot, and W."""

_ROUTINE: Final = frozenset({TriggerReason.METER_VALUE_PERIODIC, TriggerReason.METER_VALUE_CLOCK})


class _Ring:
    """The power of one EVSE over the last `SLOTS` slots."""

    def __init__(self, slot: int) -> None:
        self.newest = slot
        self._watts = array("f", [nan]) * SLOTS

    def put(self, slot: int, watts: float) -> None:
        """Keep a value; slots that were passed over are empty."""
        if slot != self.newest:
            self._move_to(slot)
        self._watts[slot % SLOTS] = watts

    def _move_to(self, slot: int) -> None:
        if slot < self.newest:  # the clock was set back: what is kept has no place in time
            self._watts = array("f", [nan]) * SLOTS
            self.newest = slot
        for each in range(max(self.newest + 1, slot - SLOTS + 1), slot):
            self._watts[each % SLOTS] = nan
        self.newest = slot

    def since(self, slot: int) -> Iterator[Point]:
        """Yield what is kept from a slot on, oldest first."""
        for each in range(max(slot, self.newest - SLOTS + 1), self.newest + 1):
            watts = self._watts[each % SLOTS]
            if not isnan(watts):
                yield each * SLOT_SECONDS, round(watts, 1)


class PowerHistory:
    """What each EVSE drew over the last hours."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing known."""
        self._clock = clock
        self._rings: OrderedDict[tuple[StationId, int], _Ring] = OrderedDict()
        self._slot = 0
        self._look_at = float("-inf")
        """When the slot may be another one; `clock.monotonic()`."""

    def station_changed(self, before: Station, after: Station) -> None:
        """Take what a station has told of its power."""
        if before.evses is after.evses:
            return
        for evse in after.evses.values():
            was = before.evses.get(evse.id)
            if was is not evse:
                watts = _news(was, evse)
                if watts is not None:
                    self._put((after.id, evse.id), watts)

    def points(self, station_id: StationId, evse_id: int, since: int = 0) -> Sequence[Point]:
        """Return the power of an EVSE from a moment (Unix time, s) on, oldest first."""
        ring = self._rings.get((station_id, evse_id))
        return () if ring is None else tuple(ring.since(since // SLOT_SECONDS))

    def _put(self, key: tuple[StationId, int], watts: float) -> None:
        slot = self._slot_now()
        ring = self._rings.get(key)
        if ring is None:
            if len(self._rings) >= MOST_EVSES and not self._forget_one(slot):
                return
            ring = self._rings[key] = _Ring(slot)
        self._rings.move_to_end(key)
        ring.put(slot, watts)

    def _slot_now(self) -> int:
        """Return the present slot; the wall clock is looked at once a second at most."""
        now = self._clock.monotonic()
        if now >= self._look_at:
            time = self._clock.now().timestamp()
            self._slot = int(time) // SLOT_SECONDS
            left = (self._slot + 1) * SLOT_SECONDS - time
            self._look_at = now + min(left, 1.0)
        return self._slot

    def _forget_one(self, slot: int) -> bool:
        """Make room by what has not told anything for the whole time; say whether there was."""
        key, ring = next(iter(self._rings.items()))
        if ring.newest > slot - SLOTS:
            return False
        del self._rings[key]
        return True


def _news(before: Evse | None, after: Evse) -> float | None:
    """Return the power that is new of an EVSE, W; None: nothing new."""
    if after.meter is not None and (before is None or before.meter is not after.meter):
        return after.meter.power_w
    # Many stations send no more readings once the charging is over.
    ended = before is not None and before.view.charging and not after.view.charging
    return 0.0 if ended else None


class EventLog:
    """The newest events, apart from those that only bring another reading."""

    def __init__(self, on_event: Callable[[], None]) -> None:
        """Plug in who is told that there is one more."""
        self._on_event = on_event
        self._events: deque[RecordedEvent] = deque(maxlen=MOST_EVENTS)
        self.count = 0
        """How many there were."""

    def take(self, events: Sequence[RecordedEvent]) -> None:
        """Take what has happened and is durable."""
        told = [each for each in events if not _is_routine(each)]
        if told:
            self._events.extend(told)
            self.count += len(told)
            self._on_event()

    def since(self, count: int) -> Iterator[RecordedEvent]:
        """Yield those that are still kept of what came after the first `count`, oldest first."""
        kept = len(self._events)
        yield from islice(self._events, max(0, kept - (self.count - count)), kept)


def _is_routine(event: RecordedEvent) -> bool:
    return (
        isinstance(event, TransactionRecorded)
        and event.event.event_type is EventType.UPDATED
        and event.event.trigger_reason in _ROUTINE
    )


class Recent:
    """Keeps what has happened, then wakes who looks."""

    def __init__(self, clock: Clock, watchers: Watchers) -> None:
        """Plug in the time and who looks."""
        self._watchers = watchers
        self.power = PowerHistory(clock)
        self.events = EventLog(watchers.wake)

    def station_changed(self, before: Station, after: Station) -> None:
        """Take what is new of a station."""
        self.power.station_changed(before, after)
        self._watchers.station_changed(before, after)
