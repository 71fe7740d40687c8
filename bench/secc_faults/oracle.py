"""The Oracle: were the transactions those of the car, each begun and ended once? Pure.

It knows the sessions that the controller has had, in their order and whether they are over, and the
events that a subscriber got. An event that was delivered again, under its id, is no violation.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class Session:
    """A charging session that a car has really had."""

    id: str
    ended: bool = False


def judge(sessions: Sequence[Session], events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Say what is wrong with the events of transactions; nothing where all is as it was."""
    told = list({event["id"]: event for event in events}.values())
    lives = _lives(told)
    for transaction_id in lives.keys() - {session.id for session in sessions}:
        yield f"transaction {transaction_id} was told, and there was none"
    for session in sessions:
        expected = ["Started", "Ended"] if session.ended else ["Started"]
        if lives.get(session.id) != expected:
            yield f"session {session.id}: {expected} became {lives.get(session.id)}"
    if list(lives) != [session.id for session in sessions if session.id in lives]:
        yield f"begun in another order than the sessions: {list(lives)}"
    yield from _miscounted(told)


def _lives(events: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return of each transaction its begin, its end, and whatever came after that."""
    lives: dict[str, list[str]] = {}
    for event in events:
        life = lives.setdefault(event["transaction"]["transactionId"], [])
        if event["eventType"] != "Updated" or "Ended" in life:
            life.append(event["eventType"])
    return lives


def _miscounted(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    numbers: dict[tuple[str, str], list[int]] = {}
    for event in events:
        transaction = event["transaction"]
        key = (transaction["transactionId"], transaction["transactionUuid"])
        numbers.setdefault(key, []).append(event["seqNo"])
    if len({transaction_id for transaction_id, _ in numbers}) != len(numbers):
        yield f"a transaction has several UUIDs: {sorted(numbers)}"
    for (transaction_id, _), counted in numbers.items():
        if counted != list(range(len(counted))):
            yield f"transaction {transaction_id} has the numbers {counted}"
