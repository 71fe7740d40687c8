"""Limits bound to the running transaction: source `Transaction` (maxA, energyWh, until).

A refusal of the token that it runs on is one of them (`verdicts`).

Theory of operation. A transaction that has reached its own limit is ended: the bridge asks the
station to (RequestStopTransaction), once, and again with growing pauses where that was refused
or got lost. Until the station tells of the end the limit is 0 A, so that nothing more is drawn
where it refuses. A station of OCPP 2.1 that has taken the limit on itself is left some time to do so
without being asked (`kept_limits`). All this is part of the transaction's record: what fell due while the bridge or
the station was away is done when it is back.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.domain import kept_limits
from bridge.domain.allocation import round_down
from bridge.domain.calls import CallOutcome, CallResult, RequestStopTransaction
from bridge.domain.control import Limit
from bridge.domain.draft import Draft
from bridge.domain.enums import AllocationSource
from bridge.domain.knowledge import Question, QuestionKind
from bridge.domain.model import Evse, PendingRemote, Transaction
from bridge.domain.records import replace

FIRST_RETRY_SECONDS: Final = 30
LONGEST_RETRY_SECONDS: Final = 300
_MOST_DOUBLINGS: Final = 4
"""After these the pause is as long as it gets."""


def bound(transaction: Transaction, start: PendingRemote) -> Transaction:
    """Return a transaction with what the `start` that began it lays down for it."""
    return replace(
        transaction,
        start_uuid=start.transaction_uuid,
        invoice_id=start.invoice_id,
        max_a=start.max_a,
        energy_limit_wh=start.energy_wh,
        until=start.until,
    )


def extended(transaction: Transaction, until: datetime | None) -> Transaction:
    """Return a transaction that is to end at another time, as if it had never been over."""
    kept = transaction.kept_limit
    return replace(
        transaction,
        until=until,
        stop_asked_at=None,
        stop_cause=None,
        stop_again_at=None,
        kept_limit=None if kept is None else replace(kept, reached=None),
    )


# --- What holds -----------------------------------------------------------------------------


def reached(transaction: Transaction, now: datetime) -> str | None:
    """Return which limit of its own a transaction has reached, in the API's word for it."""
    if transaction.refused:
        return "refused"
    if transaction.kept_limit is not None and transaction.kept_limit.reached is not None:
        return transaction.kept_limit.reached
    if transaction.until is not None and transaction.until <= now:
        return "until"
    limit_wh = transaction.energy_limit_wh
    if limit_wh is not None and transaction.energy_wh >= limit_wh:
        return "energyWh"
    return None


def limits(evse: Evse, now: datetime) -> list[Limit]:
    """Return the limits that the running transaction puts on its EVSE now."""
    running = _running(evse)
    if running is None:
        return []
    found = []
    reason = reached(running, now)
    if reason is not None:
        found.append(_limit(0.0, reason))
    if running.max_a is not None:
        found.append(of_start(running.max_a))
    return found


def of_start(max_a: float) -> Limit:
    """Return the limit that `maxA` of a start is, A per phase."""
    return _limit(round_down(max_a), "maxA")


def _limit(limit_a: float, reason: str) -> Limit:
    return Limit(source=AllocationSource.TRANSACTION, limit_a=limit_a, detail={"reason": reason})


def _running(evse: Evse) -> Transaction | None:
    return evse.transaction if evse.transaction and evse.transaction.open else None


def stand(before: Evse, evse: Evse, now: datetime) -> bool:
    """Say whether those limits are what they were before this input.

    Of a limit that is reached it is not known whether it was already so when it was last looked
    at: then all is decided again, which costs nothing that matters.
    """
    was, running = before.transaction, evse.transaction
    if was is None or running is None:
        return was is running
    if was.kept_limit is not running.kept_limit:
        return False
    return was.max_a == running.max_a and (not running.open or reached(running, now) is None)


# --- The end --------------------------------------------------------------------------------


def is_new(evse: Evse, now: datetime) -> bool:
    """Say whether a limit is reached and nothing has come of it yet."""
    running = _running(evse)
    return (
        running is not None and running.stop_asked_at is None and reached(running, now) is not None
    )


def enforce(draft: Draft) -> None:
    """Ask the station to end transactions that have reached their own limit."""
    if not draft.reachable:
        return
    for evse in list(draft.evses.values()):
        running = _running(evse)
        reason = None if running is None else reached(running, draft.now)
        if running is None or reason is None or _is_being_asked(draft, evse):
            continue
        if _is_due(running, reason, draft.now):
            draft.put(replace(evse, transaction=_asked(running, reason, draft.now)))
            request = RequestStopTransaction(transaction_id=running.id)
            draft.ask(QuestionKind.TRANSACTION_STOP, request, evse.id)
        elif running.stop_again_at is None and running.stop_asked_at is None:
            left = replace(running, stop_again_at=draft.now + kept_limits.GRACE)
            draft.put(replace(evse, transaction=left))


def _is_being_asked(draft: Draft, evse: Evse) -> bool:
    return any(
        question.kind is QuestionKind.TRANSACTION_STOP and question.evse_id == evse.id
        for question in draft.station.questions
    )


def _is_due(running: Transaction, reason: str, now: datetime) -> bool:
    """Say whether to ask now; the first time not before the station could end it by itself."""
    if running.stop_asked_at is None and not kept_limits.keeps(running, reason):
        return True
    return running.stop_again_at is not None and running.stop_again_at <= now


def _asked(running: Transaction, reason: str, now: datetime) -> Transaction:
    """Return the record of one that is asked to end, and again where the answer gets lost."""
    attempts = 1 if running.stop_asked_at is None else running.stop_attempts + 1
    again = _after_pause(attempts, now)
    return replace(
        running,
        stop_asked_at=now,
        stop_cause=reason,
        stop_again_at=again,
        stop_attempts=attempts,
    )


def _after_pause(attempts: int, now: datetime) -> datetime:
    doublings = min(attempts - 1, _MOST_DOUBLINGS)
    return now + timedelta(seconds=min(FIRST_RETRY_SECONDS * 2**doublings, LONGEST_RETRY_SECONDS))


def answered(draft: Draft, question: Question, outcome: CallOutcome) -> None:
    """Take in the answer: the end itself is an event of its own, what failed is tried again."""
    evse = draft.evses[question.evse_id or 0]
    running = _running(evse)
    if running is None or running.stop_asked_at is None:
        return  # it has ended, or was extended meanwhile
    accepted = isinstance(outcome, CallResult) and outcome.accepted
    again = None if accepted else _after_pause(running.stop_attempts, draft.now)
    draft.put(replace(evse, transaction=replace(running, stop_again_at=again)))


def deadlines(evse: Evse, now: datetime) -> list[datetime]:
    """Return when a limit of the running transaction falls due, or its end is asked for again."""
    running = _running(evse)
    if running is None:
        return []
    return [at for at in (running.until, running.stop_again_at) if at is not None and now < at]
