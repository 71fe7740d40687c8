"""Which connection is a station's."""

from typing import Self

from bridge.domain.ids import StationId
from bridge.ocpp.registry import Registry


class Connection:
    def __init__(self, station_id: str) -> None:
        self.station_id = StationId(station_id)
        self.superseded_by: list[Connection] = []
        self.dropped = False

    def supersede(self, newer: Self) -> None:
        self.superseded_by.append(newer)

    def drop(self) -> None:
        self.dropped = True


def test_the_old_connections_end_does_not_unregister_the_new_one() -> None:
    registry: Registry[Connection] = Registry()
    old, new = Connection("A"), Connection("A")
    registry.add(old)
    registry.add(new)
    assert (old.superseded_by, new.superseded_by) == ([new], [])
    assert registry.leaving == [old]
    registry.remove(old)
    assert registry.leaving == []
    assert registry.find(StationId("A")) is new
    registry.remove(new)
    assert registry.find(StationId("A")) is None
    assert len(registry) == 0


def test_the_memory_of_answers_outlives_connections_and_is_bounded() -> None:
    registry: Registry[Connection] = Registry(remembered=2)
    first = registry.memory(StationId("A"))
    registry.memory(StationId("B"))
    assert registry.memory(StationId("A")) is first
    registry.memory(StationId("C"))
    assert registry.memory(StationId("A")) is first


def test_emptiness_is_reported_once_it_is_there() -> None:
    registry: Registry[Connection] = Registry()
    told: list[str] = []
    connection = Connection("A")
    registry.add(connection)
    registry.when_empty(lambda: told.append("empty"))
    assert told == []
    newer = Connection("A")
    registry.add(newer)
    registry.remove(newer)
    assert told == []
    registry.remove(connection)
    assert told == ["empty"]


def test_the_oldest_handshake_makes_room() -> None:
    registry: Registry[Connection] = Registry()
    dropped: list[int] = []
    drops = [lambda number=number: dropped.append(number) for number in range(3)]
    for drop in drops:
        registry.begin_opening(drop, 2)
    assert dropped == [0]
    registry.end_opening(drops[1])
    registry.end_opening(drops[1])
    assert registry.openings == [drops[2]]
