"""The watermark never passes an event that is not acknowledged, and passes everything else."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from bridge.store.watermark import Watermark

ROWS: Final = st.lists(st.booleans(), max_size=40)
"""Of each row from 1 on, whether it is an event."""


Search = Callable[[int], int | None]


def events_of(kinds: list[bool]) -> tuple[list[int], Search]:
    """Return the rows that are events, and what finds the next one."""
    events = [row for row, is_event in enumerate(kinds, start=1) if is_event]

    def next_event(row: int) -> int | None:
        return next(iter(events[bisect_right(events, row) :]), None)

    return events, next_event


@given(ROWS, st.data())
def test_what_is_left_is_beyond_the_watermark(kinds: list[bool], data: st.DataObject) -> None:
    events, next_event = events_of(kinds)
    watermark = Watermark(0)
    order = data.draw(st.permutations(range(1, len(kinds) + 1)))
    acknowledged: set[int] = set()
    for row in order[: data.draw(st.integers(0, len(order)))]:
        acknowledged.add(row)
        watermark.acknowledge([row])
        watermark.advance(next_event)

        waiting = [each for each in events if each not in acknowledged]
        first = waiting[0] if waiting else len(kinds) + 1
        assert watermark.position < first
        passed = [each for each in acknowledged if each < first]
        assert watermark.position >= max(passed, default=0)
        assert watermark.position <= max(acknowledged), "never into what may be rolled back"
        assert watermark.held_up == sum(each > watermark.position for each in acknowledged)


@given(ROWS, st.data())
def test_overtaking_tells_of_every_event_that_is_passed(
    kinds: list[bool], data: st.DataObject
) -> None:
    events, next_event = events_of(kinds)
    watermark = Watermark(0)
    acknowledged = data.draw(st.sets(st.integers(1, len(kinds)))) if kinds else set()
    watermark.acknowledge(acknowledged)
    watermark.advance(next_event)

    before = watermark.position
    overtaken = watermark.overtake() if watermark.held_up else []

    waiting = {each for each in events if each not in acknowledged}
    assert {each for each in waiting if each <= watermark.position} <= set(overtaken)
    assert not acknowledged.intersection(overtaken)
    assert all(before < each <= watermark.position for each in overtaken)
    assert watermark.held_up == 0


def test_a_row_that_was_passed_already_is_not_remembered() -> None:
    _, next_event = events_of([True, False, True])
    watermark = Watermark(0)
    watermark.acknowledge([1, 3])
    watermark.advance(next_event)
    assert watermark.position == 3

    watermark.acknowledge([2])

    assert watermark.held_up == 0


def test_the_file_is_asked_once_for_the_event_that_holds_others_up() -> None:
    asked: list[int] = []

    def next_event(row: int) -> int:
        asked.append(row)
        return row + 1

    watermark = Watermark(0)
    for row in range(2, 50):
        watermark.acknowledge([row])
        watermark.advance(next_event)

    assert asked == [0]
