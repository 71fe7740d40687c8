"""The Oracle of `bench.secc_faults` finds each kind of violation, and none where all is well."""

from typing import Any

import pytest

from bench.secc_faults.oracle import Session, judge

FIRST, LAST = Session(id="S1", ended=True), Session(id="S2")
GOOD = ["S1 Started 0", "S1 Updated 1", "S1 Ended 2", "S2 Started 0", "S2 Updated 1"]


def events(*lines: str) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        session, kind, number = line.split()
        found.append(
            {
                "id": line,
                "eventType": kind,
                "seqNo": int(number),
                "transaction": {
                    "transactionId": session.rstrip("*"),
                    "transactionUuid": f"uuid of {session}",
                },
            }
        )
    return found


def test_what_was_so_is_no_violation_and_neither_is_a_second_delivery() -> None:
    assert list(judge([FIRST, LAST], events(*GOOD, GOOD[0], GOOD[2]))) == []


@pytest.mark.parametrize(
    ("lines", "violation"),
    [
        (GOOD[:2] + GOOD[3:], "S1: ['Started', 'Ended'] became ['Started']"),
        ([*GOOD, "S2 Ended 2"], "S2: ['Started'] became ['Started', 'Ended']"),
        ([*GOOD[:3], "S1 Started 3", *GOOD[3:]], "S1: ['Started', 'Ended'] became"),
        ([*GOOD[:3], "S1 Updated 3", *GOOD[3:]], "S1: ['Started', 'Ended'] became"),
        (GOOD[:3], "S2: ['Started'] became None"),
        ([*GOOD, "S3 Started 0"], "transaction S3 was told, and there was none"),
        (GOOD[3:] + GOOD[:3], "begun in another order"),
        ([*GOOD[:4], "S2 Updated 2"], "S2 has the numbers [0, 2]"),
        ([*GOOD[:4], "S2* Updated 1"], "a transaction has several UUIDs"),
    ],
)
def test_each_violation_is_found(lines: list[str], violation: str) -> None:
    assert any(violation in each for each in judge([FIRST, LAST], events(*lines)))
