"""Which changes of an allocation are told afterwards, and with which cause."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import history
from bridge.domain.control import Allocation, Cause, ChangeReason, Limit
from bridge.domain.effects import AllocationRecorded
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from tests.records import replace
from tests.unit.domain.builders import T0, ready

FREE = Allocation(offered_a=32.0, since=T0)
HELD = replace(FREE, source=AllocationSource.MQTT, offered_a=10.0)
CAUSE = Cause(reason=ChangeReason.STATION)


def told(
    before: dict[int, Allocation | None],
    after: dict[int, Allocation | None],
    causes: dict[int, Cause] | None = None,
) -> list[AllocationRecorded]:
    known = causes or {}
    return list(
        history.changes(
            station(before, 6), station(after, 7), lambda evse_id: known.get(evse_id, CAUSE), T0
        )
    )


def station(allocations: dict[int, Allocation | None], revision: int) -> Station:
    evses = {number: Evse(id=number, allocation=held) for number, held in allocations.items()}
    return Station(id=StationId("CS1"), evses=evses, revision=revision)


def test_a_change_is_told_with_what_was_and_what_is() -> None:
    (record,) = told({1: FREE}, {1: HELD})
    assert (record.station_id, record.evse_id, record.at) == ("CS1", 1, T0)
    assert (record.before, record.after, record.cause) == (FREE, HELD, CAUSE)
    assert record.received_at == T0


def test_each_evse_has_a_record_and_a_cause_of_its_own() -> None:
    cause = Cause(reason=ChangeReason.COMMAND, controller="pv", command_id="1")
    first, second = told({1: FREE, 2: FREE, 3: FREE}, {1: HELD, 2: HELD, 3: FREE}, {2: cause})
    assert [first.evse_id, second.evse_id] == [1, 2]
    assert [first.cause, second.cause] == [CAUSE, cause]
    assert first.event_id != second.event_id


@pytest.mark.parametrize(
    "field",
    [
        {"source": AllocationSource.TEAM},
        {"offered_a": 9.9},
        {"mode": "failsafe"},
        {"phase_limit": 1},
        {"phase_source": AllocationSource.API},
    ],
)
def test_control_and_offer_are_what_counts(field: dict[str, Any]) -> None:
    assert len(told({1: HELD}, {1: replace(HELD, **field)})) == 1


@pytest.mark.parametrize(
    "field",
    [
        {"since": T0 + timedelta(seconds=1)},
        {"state": "pending"},
        {"requested_a": 8.0},
        {"pending_a": 8.0},
        {"limits": (Limit(source=AllocationSource.UNMANAGED, limit_a=32.0),)},
    ],
)
def test_what_is_only_on_its_way_is_no_change(field: dict[str, Any]) -> None:
    assert told({1: HELD}, {1: replace(HELD, **field)}) == []


def test_the_first_decision_on_an_evse_is_no_change() -> None:
    assert told({}, {1: FREE}) == []
    assert told({1: None}, {1: HELD}) == []
    assert told({1: None}, {1: None}) == []


def test_a_limit_and_its_release_are_told_of_a_station_that_lives() -> None:
    station = ready()
    limit = station.applied(10.0)
    release = station.release()
    station.answer()
    changes = [event for event in station.events if isinstance(event, AllocationRecorded)]
    assert [(c.after.source.value, c.after.offered_a) for c in changes] == [
        ("MQTT", 10.0),
        ("Unmanaged", 32.0),
    ]
    assert [c.cause.command_id for c in changes] == [limit, release]
    assert len({c.event_id for c in changes}) == 2
