"""The Oracle of the kill -9 harness must find each kind of seeded violation, and nothing else."""

import pytest

from bench.oracle import Copy, EventKey, Evidence, LastTransaction, Record, Violation, judge
from tests.records import replace


def _events(station: str, transaction_id: str, count: int = 4) -> list[EventKey]:
    kinds = ["Started", *["Updated"] * (count - 2), "Ended"]
    return [EventKey(station, transaction_id, seq_no, kind) for seq_no, kind in enumerate(kinds)]


def _copies(keys: list[EventKey]) -> list[Copy]:
    return [Copy(key, f"id of {key}") for key in keys]


EVENTS = _events("A", "A-1") + _events("B", "B-1") + _events("A", "A-2")
LOST, OTHER = EVENTS[1], EVENTS[2]
RECORDS = [
    Record(station, f"{station}-{number}", ended=True) for station, number in ("A1", "B1", "A2")
]


@pytest.fixture
def kept() -> Evidence:
    truth = {
        "A": LastTransaction("A-2", 3, ended=True),
        "B": LastTransaction("B-1", 3, ended=True),
    }
    return Evidence(
        sent=EVENTS,
        acknowledged=frozenset(EVENTS),
        refused=[],
        stored=_copies(EVENTS),
        records=RECORDS,
        delivered=_copies(EVENTS),
        truth=truth,
        retained=dict(truth),
    )


def _broken(evidence: Evidence) -> list[str]:
    return [violation.invariant for violation in judge(evidence).violations]


def test_a_kept_promise_has_no_violation(kept: Evidence) -> None:
    verdict = judge(kept)

    assert verdict.kept
    assert (verdict.sent, verdict.acknowledged, verdict.stored) == (12, 12, 12)
    assert (verdict.delivered, verdict.repeated_deliveries) == (12, 0)


def test_an_acknowledged_event_lost_from_the_store_is_found(kept: Evidence) -> None:
    stored = [copy for copy in _copies(EVENTS) if copy.key != LOST]

    verdict = judge(replace(kept, stored=stored))

    assert verdict.violations == [
        Violation("I1", "acknowledged, not in the store: A A-1 #1 Updated")
    ]


def test_an_event_twice_in_the_store_is_found(kept: Evidence) -> None:
    stored = [*_copies(EVENTS), *_copies([LOST])]

    verdict = judge(replace(kept, stored=stored))

    assert verdict.violations == [Violation("I1", "2 times in the store: A A-1 #1 Updated")]


def test_an_event_twice_in_the_store_under_two_ids_is_found_twice(kept: Evidence) -> None:
    stored = [*_copies(EVENTS), Copy(LOST, "another id")]

    assert _broken(replace(kept, stored=stored)) == ["I1", "I2"]


def test_an_acknowledged_event_lost_on_the_way_to_mqtt_is_found(kept: Evidence) -> None:
    delivered = [copy for copy in _copies(EVENTS) if copy.key != LOST]

    verdict = judge(replace(kept, delivered=delivered))

    assert verdict.violations == [Violation("I2", "acknowledged, not on MQTT: A A-1 #1 Updated")]


def test_an_event_that_nobody_acknowledged_may_be_anywhere_or_nowhere(kept: Evidence) -> None:
    acknowledged = frozenset(EVENTS) - {LOST}
    without = [copy for copy in _copies(EVENTS) if copy.key != LOST]

    assert judge(replace(kept, acknowledged=acknowledged)).kept
    assert judge(replace(kept, acknowledged=acknowledged, stored=without, delivered=without)).kept


def test_repeated_deliveries_are_counted_and_no_violation(kept: Evidence) -> None:
    delivered = [*_copies(EVENTS), *_copies([LOST, OTHER])]

    verdict = judge(replace(kept, delivered=delivered))

    assert verdict.kept
    assert verdict.repeated_deliveries == 2


def test_a_repeated_delivery_under_another_id_is_found(kept: Evidence) -> None:
    delivered = [*_copies(EVENTS), Copy(LOST, "another id")]

    assert _broken(replace(kept, delivered=delivered)) == ["I2"]


def test_mqtt_and_store_with_different_ids_are_found(kept: Evidence) -> None:
    stored = [
        Copy(key, f"{event_id}!") if key == LOST else Copy(key, event_id)
        for key, event_id in _copies(EVENTS)
    ]

    assert _broken(replace(kept, stored=stored)) == ["I2"]


def test_one_id_for_two_events_is_found(kept: Evidence) -> None:
    same = [
        Copy(key, "same" if key in {LOST, OTHER} else event_id)
        for key, event_id in _copies(EVENTS)
    ]

    assert _broken(replace(kept, stored=same, delivered=same)) == ["I2"]


def test_an_event_without_id_is_found(kept: Evidence) -> None:
    bare = [Copy(key, None if key == LOST else event_id) for key, event_id in _copies(EVENTS)]

    assert _broken(replace(kept, stored=bare, delivered=bare)) == ["I2"]


def test_events_that_no_station_sent_are_found(kept: Evidence) -> None:
    phantom = _copies([EventKey("A", "A-9", 0, "Started")])

    stored = [*_copies(EVENTS), *phantom]
    delivered = [*_copies(EVENTS), *phantom]

    assert _broken(replace(kept, stored=stored, delivered=delivered)) == ["I1", "I2"]


def test_a_reordered_event_is_found(kept: Evidence) -> None:
    delivered = _copies(EVENTS)
    delivered[1], delivered[2] = delivered[2], delivered[1]

    verdict = judge(replace(kept, delivered=delivered))

    assert verdict.violations == [Violation("I3", "after #2: A A-1 #1 Updated")]


def test_order_holds_per_transaction_and_not_between_them(kept: Evidence) -> None:
    delivered = _copies(EVENTS[8:] + EVENTS[4:8] + EVENTS[:4])

    assert judge(replace(kept, delivered=delivered)).kept


def test_a_repeat_of_an_old_event_is_no_inversion(kept: Evidence) -> None:
    delivered = [*_copies(EVENTS[:4]), *_copies(EVENTS)]

    assert judge(replace(kept, delivered=delivered)).kept


@pytest.mark.parametrize(
    "found",
    [
        None,
        LastTransaction("A-1", 3, ended=True),
        LastTransaction("A-2", 3, ended=False),
        LastTransaction("A-2", 2, ended=True),
    ],
    ids=["missing", "an older transaction", "not ended", "without its end"],
)
def test_a_retained_document_that_is_not_the_truth_is_found(
    kept: Evidence, found: LastTransaction | None
) -> None:
    retained = {"B": kept.retained["B"]} | ({} if found is None else {"A": found})

    assert _broken(replace(kept, retained=retained)) == ["I6"]


def test_a_valid_frame_answered_by_an_error_is_found(kept: Evidence) -> None:
    assert _broken(replace(kept, refused=[LOST])) == ["I7"]


def test_a_valid_frame_that_is_never_answered_is_found(kept: Evidence) -> None:
    assert _broken(replace(kept, unanswered=[LOST])) == ["I7"]


def test_a_bridge_without_a_store_is_judged_by_mqtt_alone(kept: Evidence) -> None:
    verdict = judge(replace(kept, stored=None))

    assert verdict.kept
    assert verdict.stored == 0


def test_a_transaction_that_is_not_in_the_record_is_found(kept: Evidence) -> None:
    verdict = judge(replace(kept, records=RECORDS[1:]))

    assert verdict.violations == [
        Violation("record", "acknowledged, not in the record: A A-1 #0 Started"),
        Violation("record", "acknowledged, has not ended in the record: A A-1 #3 Ended"),
    ]


def test_a_transaction_twice_in_the_record_is_found(kept: Evidence) -> None:
    verdict = judge(replace(kept, records=[*RECORDS, RECORDS[0]]))

    assert verdict.violations == [Violation("record", "2 times in the record: A A-1")]


def test_an_end_that_the_record_has_not_is_found(kept: Evidence) -> None:
    records = [RECORDS[0]._replace(ended=False), *RECORDS[1:]]

    verdict = judge(replace(kept, records=records))

    assert verdict.violations == [
        Violation("record", "acknowledged, has not ended in the record: A A-1 #3 Ended")
    ]


def test_an_end_that_nobody_sent_is_found(kept: Evidence) -> None:
    going_on = [key for key in EVENTS if key != EVENTS[3]]
    evidence = replace(
        kept,
        sent=going_on,
        acknowledged=frozenset(going_on),
        stored=_copies(going_on),
        delivered=_copies(going_on),
    )

    assert judge(evidence).violations == [
        Violation("record", "ended in the record, has not ended: A A-1")
    ]


def test_a_transaction_in_the_record_that_nobody_began_is_found(kept: Evidence) -> None:
    verdict = judge(replace(kept, records=[*RECORDS, Record("A", "A-9", ended=False)]))

    assert verdict.violations == [Violation("record", "in the record, never sent: A A-9")]


def test_a_transaction_whose_beginning_nobody_acknowledged_may_be_missing(kept: Evidence) -> None:
    unknown = frozenset(key for key in EVENTS if key.transaction_id != "A-1")

    assert judge(replace(kept, acknowledged=unknown, records=RECORDS[1:])).kept


def test_events_that_go_back_in_insertion_time_are_found_per_station(kept: Evidence) -> None:
    times = [f"2026-01-10T10:00:{second:02d}" for second in range(12)]
    assert judge(replace(kept, inserted_at=times)).kept

    times[2] = times[0]  # of A, after a later one
    times[5] = times[0]  # of B, after a later one of its own
    times[8] = times[3]  # of A, the same as the one before it

    assert [
        violation.detail for violation in judge(replace(kept, inserted_at=times)).violations
    ] == [
        "at 2026-01-10T10:00:00 after 2026-01-10T10:00:01: A A-1 #2 Updated",
        "at 2026-01-10T10:00:00 after 2026-01-10T10:00:04: B B-1 #1 Updated",
    ]
