"""The watermark never passes an event that is not acknowledged, and passes everything else."""

from bisect import bisect_right
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from bridge.store.watermark import Watermark

ROWS: Final = st.lists(st.booleans(), max_size=40)
"""Of each row from 1 on, whether it is an event."""


def watermark_over(kinds: list[bool]) -> tuple[Watermark, list[int]]:
    """Return a watermark at the bottom, and the rows that are events."""
    events = [row for row, is_event in enumerate(kinds, start=1) if is_event]

    def next_event(row: int) -> int | None:
        return next(iter(events[bisect_right(events, row) :]), None)

    return Watermark(0, next_event=next_event), events


@given(ROWS, st.data())
def test_what_is_left_is_beyond_the_watermark(kinds: list[bool], data: st.DataObject) -> None:
    watermark, events = watermark_over(kinds)
    order = data.draw(st.permutations(range(1, len(kinds) + 1)))
    acknowledged: set[int] = set()
    for row in order[: data.draw(st.integers(0, len(order)))]:
        acknowledged.add(row)
        watermark.acknowledge([row])
        watermark.advance()

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
    watermark, events = watermark_over(kinds)
    acknowledged = data.draw(st.sets(st.integers(1, len(kinds)))) if kinds else set()
    watermark.acknowledge(acknowledged)
    watermark.advance()

    before = watermark.position
    overtaken = watermark.overtake() if watermark.held_up else []

    waiting = {each for each in events if each not in acknowledged}
    assert {each for each in waiting if each <= watermark.position} <= set(overtaken)
    assert not acknowledged.intersection(overtaken)
    assert all(before < each <= watermark.position for each in overtaken)
    assert watermark.held_up == 0


def test_a_row_that_was_passed_already_is_not_remembered() -> None:
    watermark, _ = watermark_over([True, False, True])
    watermark.acknowledge([1, 3])
    watermark.advance()
    assert watermark.position == 3

    watermark.acknowledge([2])

    assert watermark.held_up == 0


def test_the_file_is_asked_once_for_the_event_that_holds_others_up() -> None:
    asked: list[int] = []

    def next_event(row: int) -> int:
        asked.append(row)
        return row + 1

    watermark = Watermark(0, next_event=next_event)
    for row in range(2, 50):
        watermark.acknowledge([row])
        watermark.advance()

    assert asked == [0]
