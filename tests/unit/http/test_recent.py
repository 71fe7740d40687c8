"""What the status page shows of the past: bounded, and honest where the clock is not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from bridge.domain.effects import FaultRecorded
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, EvseView, Meter, Station
from bridge.domain.records import replace
from bridge.http import recent
from bridge.http.recent import SLOT_SECONDS, SLOTS, EventLog, PowerHistory, Recent
from bridge.http.watching import Watchers

BEGIN: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
UNIX: Final = int(BEGIN.timestamp())


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.at = BEGIN
        self.passed = 0.0
        """Seconds by no clock on the wall."""

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.passed

    def on(self, slots: float) -> None:
        self.at += timedelta(seconds=slots * SLOT_SECONDS)
        self.passed += max(1.0, slots * SLOT_SECONDS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock: Clock) -> PowerHistory:
    return PowerHistory(clock)


def with_evse(evse: Evse, station_id: str = "CS1") -> Station:
    return Station(id=StationId(station_id), evses={evse.id: evse})


def told(watts: float | None, *, charging: bool = True) -> Evse:
    meter = Meter(at=BEGIN, power_w=watts)
    return Evse(id=1, meter=meter, view=EvseView(charging=charging))


class Teller:
    """Tells readings of one station, one after the other."""

    def __init__(self, history: PowerHistory, station_id: str = "CS1") -> None:
        self._history = history
        self._station = Station(id=StationId(station_id))

    def tell(self, evse: Evse) -> None:
        after = with_evse(evse, self._station.id)
        self._history.station_changed(self._station, after)
        self._station = after


def watts(history: PowerHistory, station_id: str = "CS1", since: int = 0) -> Sequence[float]:
    return [value for _, value in history.points(StationId(station_id), 1, since)]


def test_a_reading_has_the_beginning_of_its_slot(history: PowerHistory, clock: Clock) -> None:
    clock.on(2.5)
    Teller(history).tell(told(6900.4))
    assert history.points(StationId("CS1"), 1) == ((UNIX + 2 * SLOT_SECONDS, 6900.4),)


def test_the_last_reading_of_a_slot_counts(history: PowerHistory, clock: Clock) -> None:
    teller = Teller(history)
    teller.tell(told(1000))
    clock.on(0.9)
    teller.tell(told(2000))
    clock.on(1)
    teller.tell(told(3000))
    assert watts(history) == [2000, 3000]


def test_slots_without_a_reading_are_left_out(history: PowerHistory, clock: Clock) -> None:
    teller = Teller(history)
    teller.tell(told(1000))
    clock.on(40)
    teller.tell(told(2000))
    points = history.points(StationId("CS1"), 1)
    assert points == ((UNIX, 1000), (UNIX + 40 * SLOT_SECONDS, 2000))


def test_no_more_than_six_hours_are_kept(history: PowerHistory, clock: Clock) -> None:
    teller = Teller(history)
    for number in range(SLOTS + 10):
        teller.tell(told(float(number)))
        clock.on(1)
    assert watts(history) == [float(number) for number in range(10, SLOTS + 10)]


def test_what_is_older_than_the_ring_is_gone_after_a_long_silence(
    history: PowerHistory, clock: Clock
) -> None:
    teller = Teller(history)
    teller.tell(told(1000))
    clock.on(SLOTS * 5 + 3)
    teller.tell(told(2000))
    assert watts(history) == [2000]


def test_who_has_seen_the_newest_slot_gets_it_again(history: PowerHistory, clock: Clock) -> None:
    teller = Teller(history)
    teller.tell(told(1000))
    clock.on(1)
    teller.tell(told(2000))
    teller.tell(told(2500))
    assert watts(history, since=UNIX + SLOT_SECONDS) == [2500]


def test_a_clock_that_is_set_back_begins_anew(history: PowerHistory, clock: Clock) -> None:
    teller = Teller(history)
    teller.tell(told(1000))
    clock.on(-100)
    teller.tell(told(2000))
    assert history.points(StationId("CS1"), 1) == ((UNIX - 100 * SLOT_SECONDS, 2000),)


def test_the_end_of_charging_is_no_power_where_the_station_tells_none(
    history: PowerHistory, clock: Clock
) -> None:
    teller, charging = Teller(history), told(7000)
    teller.tell(charging)
    clock.on(1)
    teller.tell(replace(charging, view=EvseView(charging=False)))
    assert watts(history) == [7000, 0]


def test_a_reading_at_the_end_counts_as_told(history: PowerHistory, clock: Clock) -> None:
    teller = Teller(history)
    teller.tell(told(7000))
    clock.on(1)
    teller.tell(told(35, charging=False))
    assert watts(history) == [7000, 35]


def test_what_is_no_reading_of_power_is_none(history: PowerHistory) -> None:
    teller, silent = Teller(history), told(None)
    teller.tell(silent)
    teller.tell(replace(silent, cable_max_a=16))
    assert watts(history) == []


def test_there_is_room_for_so_many_evses_and_silent_ones_give_way(
    history: PowerHistory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "MOST_EVSES", 2)
    for name in ("A", "B", "C"):
        Teller(history, name).tell(told(1))
    assert [watts(history, name) for name in "ABC"] == [[1], [1], []]

    clock.on(SLOTS - 1)
    Teller(history, "B").tell(told(2))
    clock.on(1)
    Teller(history, "C").tell(told(3))
    assert [watts(history, name) for name in "ABC"] == [[], [1, 2], [3]]


# --- events


def fault(number: int) -> FaultRecorded:
    return FaultRecorded(
        event_id=str(number),
        station_id=StationId("CS1"),
        evse_id=1,
        received_at=BEGIN,
        code="connector_faulted",
        message="",
    )


def test_events_are_kept_in_order_and_so_many() -> None:
    log = EventLog(lambda: None)
    log.take([fault(number) for number in range(3)])
    seen = log.count
    log.take([fault(3)])
    assert [each.event_id for each in log.since(0)] == ["0", "1", "2", "3"]
    assert [each.event_id for each in log.since(seen)] == ["3"]
    assert list(log.since(log.count)) == []

    log.take([fault(number) for number in range(4, 4 + recent.MOST_EVENTS)])
    assert [each.event_id for each in log.since(seen)] == [
        str(number) for number in range(4, 4 + recent.MOST_EVENTS)
    ]


def test_who_looks_is_woken_after_it_is_kept() -> None:
    watchers = Watchers()
    past = Recent(Clock(), watchers)
    with watchers.watching_all() as changes:
        past.station_changed(Station(id=StationId("CS1")), with_evse(told(5)))
        assert changes.take() == {"CS1"}
        assert watts(past.power) == [5]
        past.events.take([fault(1)])
        assert changes.take() == set()
        assert past.events.count == 1
    assert watchers.of_all == 0
