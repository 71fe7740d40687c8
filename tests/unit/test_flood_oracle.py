"""The Oracle of the flood of commands must find each kind of seeded violation, and nothing else."""

from typing import Any

import pytest

from bench.flood_oracle import (
    Answer,
    Execution,
    FloodEvidence,
    Order,
    judge_flood,
)
from tests.records import replace

EXPIRY = 1_000.0


def order(command_id: str, **members: Any) -> Order:
    return replace(Order(command_id=command_id, kind="plain start", visible=True), **members)


@pytest.fixture
def kept() -> FloodEvidence:
    """Each kind of command, as it should end."""
    return FloodEvidence(
        orders=[
            order("done"),
            order("refused"),
            order("killed"),
            order("in time", expires_at=EXPIRY),
            order("too late", expires_at=EXPIRY),
            order("retained", must_be="retained_command"),
            order("limit", visible=False),
        ],
        executions=[
            Execution("done", 1.0),
            Execution("refused", 2.0),
            Execution("killed", 3.0),
            Execution("in time", EXPIRY - 0.25),
        ],
        answers=[
            Answer("done", "rejected", "queue_full"),
            Answer("done", "done", "ok"),
            Answer("done", "done", "ok"),
            Answer("done", "done", "duplicate"),
            Answer("refused", "rejected", "station_rejected"),
            Answer("killed", "unknown", "unknown"),
            Answer("killed", "unknown", "duplicate"),
            Answer("in time", "done", "ok"),
            Answer("too late", "expired", "expired"),
            Answer("retained", "rejected", "retained_command"),
            Answer("limit", "superseded", "superseded"),
        ],
    )


def broken(evidence: FloodEvidence) -> list[tuple[str, str]]:
    """Return which promise was broken and for which command."""
    found = judge_flood(evidence).violations
    return [(each.invariant, each.detail.partition(" (")[0]) for each in found]


def with_answers(evidence: FloodEvidence, *answers: Answer) -> FloodEvidence:
    return replace(evidence, answers=[*evidence.answers, *answers])


def test_a_kept_promise_has_no_violation(kept: FloodEvidence) -> None:
    verdict = judge_flood(kept)

    assert verdict.kept
    assert (verdict.commands, verdict.executed) == (7, 4)
    assert verdict.latest_seconds == -0.25
    assert verdict.finals == {
        "done ok": 2,
        "expired expired": 1,
        "rejected retained_command": 1,
        "rejected station_rejected": 1,
        "superseded superseded": 1,
        "unknown unknown": 1,
    }


@pytest.mark.parametrize(
    ("execution", "promise"),
    [
        (Execution("killed", 9.0), "twice"),
        (Execution("retained", 9.0), "forbidden"),
        (Execution("nobody's", 9.0), "invented"),
    ],
)
def test_what_a_station_should_not_have_been_asked_is_found(
    kept: FloodEvidence, execution: Execution, promise: str
) -> None:
    evidence = replace(kept, executions=[*kept.executions, execution])

    assert (promise, execution.command_id) in broken(evidence)


def test_a_command_after_its_expiry_is_found(kept: FloodEvidence) -> None:
    evidence = replace(
        kept, executions=[*kept.executions[:3], Execution("in time", EXPIRY + 0.75)]
    )

    assert broken(evidence) == [("late", "in time")]
    assert judge_flood(evidence).latest_seconds == 0.75


def test_silence_is_found(kept: FloodEvidence) -> None:
    evidence = replace(kept, answers=[a for a in kept.answers if a.command_id != "limit"])

    assert broken(evidence) == [("unanswered", "limit")]


def test_of_a_silence_it_is_said_what_was_heard_before(kept: FloodEvidence) -> None:
    heard = Answer("done", "accepted", "duplicate", final=False)
    answers = [a for a in kept.answers if a.command_id != "done" or a.code == "queue_full"]
    [violation] = judge_flood(replace(kept, answers=[*answers, heard, heard])).violations

    assert violation.detail.endswith(
        "no final result, but [('accepted duplicate', 2), ('rejected queue_full', 1)],"
        " the station was asked 1 times"
    )


def test_an_answer_to_a_repetition_alone_is_no_answer(kept: FloodEvidence) -> None:
    answers = [
        Answer("limit", "done", "duplicate") if a.command_id == "limit" else a
        for a in kept.answers
    ]

    assert broken(replace(kept, answers=answers)) == [("unanswered", "limit")]


def test_two_final_results_are_found(kept: FloodEvidence) -> None:
    evidence = with_answers(kept, Answer("limit", "done", "ok"))

    assert broken(evidence) == [("answers", "limit")]


def test_another_answer_to_a_repetition_is_found(kept: FloodEvidence) -> None:
    evidence = with_answers(kept, Answer("done", "rejected", "duplicate"))

    assert broken(evidence) == [("answers", "done")]


def test_another_refusal_than_the_one_that_is_due_is_found(kept: FloodEvidence) -> None:
    answers = [a for a in kept.answers if a.command_id != "retained"]
    answers.append(Answer("retained", "rejected", "stale_command"))

    assert broken(replace(kept, answers=answers)) == [("forbidden", "retained")]


def test_a_result_that_denies_what_happened_is_found(kept: FloodEvidence) -> None:
    executions = [*kept.executions, Execution("too late", EXPIRY)]

    assert broken(replace(kept, executions=executions)) == [("false", "too late")]


def test_a_result_that_claims_what_did_not_happen_is_found(kept: FloodEvidence) -> None:
    executions = [each for each in kept.executions if each.command_id != "done"]

    assert broken(replace(kept, executions=executions)) == [("false", "done")]


def test_a_command_that_the_broker_still_keeps_is_found(kept: FloodEvidence) -> None:
    assert broken(replace(kept, still_retained=["a topic"])) == [("retained", "a topic")]
