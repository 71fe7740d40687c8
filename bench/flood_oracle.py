"""The Oracle of the flood of commands: judges from what controllers sent and got, and stations saw.

The promise is invariant I4 of delivery.md: no command is carried out twice, none after its expiry,
and each gets exactly one final result, however often it is sent and however often the bridge dies.
It is judged per command in these parts:

* `twice`      a station was asked for the same command more than once;
* `late`       a station was asked after the command's expiry;
* `forbidden`  a station was asked for a command that had to be refused;
* `unanswered` no final result came, or only answers to repetitions of it;
* `answers`    two final results differ, or an answer to a repetition says something else;
* `false`      the final result denies what a station was asked for, or claims what it was not.

A result that is delivered again is no violation: results reach the broker at least once.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.oracle import Violation

TOLERANCE_SECONDS: Final = 0.5
"""From the bridge's look at its clock to the station's, on a machine that does much else."""
DUPLICATE: Final = "duplicate"
TRY_AGAIN: Final = frozenset({"rate_limited", "queue_full"})
"""Refusals that were not remembered: the same command may come again."""
ASKED: Final = frozenset({"done", "failed", "unknown", "rejected"})
"""Final statuses that are compatible with the station having been asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One command of a controller, however often it was sent."""

    command_id: str
    kind: str
    """How it was sent (`flood_controller.KINDS`)."""
    visible: bool
    """Carrying it out is a CALL that bears its id."""
    expires_at: float | None = None
    """Seconds of the Unix clock."""
    must_be: str | None = None
    """The code of its refusal, for what must never be carried out."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A CALL at a station that bears a command's id."""

    command_id: str
    at: float
    """Seconds of the Unix clock."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A result as it arrived."""

    command_id: str
    status: str
    code: str
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodEvidence:
    """What controllers sent and got, and what stations saw."""

    orders: Sequence[Order]
    executions: Sequence[Execution]
    answers: Sequence[Answer]
    still_retained: Sequence[str] = ()
    """Topics of commands that the broker still keeps at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodVerdict:
    """What the Oracle found."""

    commands: int
    executed: int
    finals: dict[str, int]
    """Commands by status and code of their final result."""
    latest_seconds: float
    """How long before (negative) or after its expiry a command was carried out, at worst."""
    violations: list[Violation] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.violations


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one command."""

    order: Order
    executed_at: tuple[float, ...]
    answers: tuple[Answer, ...]
    """Final ones."""
    others: tuple[Answer, ...]
    """Those that are not final, and refusals after which it may come again."""

    @property
    def first_answers(self) -> set[tuple[str, str]]:
        """Distinct final results that are no answer to a repetition."""
        return {(a.status, a.code) for a in self.answers if a.code != DUPLICATE}


def judge_flood(evidence: FloodEvidence) -> FloodVerdict:
    """Check every part of the promise; pure and total."""
    stories = _stories(evidence)
    violations = [
        Violation(name, f"{story.order.command_id} ({story.order.kind}): {detail}")
        for story in stories
        for name, check in _CHECKS.items()
        for detail in check(story)
    ]
    violations += [Violation("retained", topic) for topic in evidence.still_retained]
    known = {order.command_id for order in evidence.orders}
    violations += [
        Violation("invented", execution.command_id)
        for execution in evidence.executions
        if execution.command_id not in known
    ]
    return FloodVerdict(
        commands=len(stories),
        executed=sum(bool(story.executed_at) for story in stories),
        finals=_finals(stories),
        latest_seconds=max((s for story in stories for s in _lateness(story)), default=0.0),
        violations=violations,
    )


def _stories(evidence: FloodEvidence) -> list[Story]:
    executed: defaultdict[str, list[float]] = defaultdict(list)
    answers: defaultdict[str, list[Answer]] = defaultdict(list)
    others: defaultdict[str, list[Answer]] = defaultdict(list)
    for execution in evidence.executions:
        executed[execution.command_id].append(execution.at)
    for answer in evidence.answers:
        counts = answer.final and answer.code not in TRY_AGAIN
        (answers if counts else others)[answer.command_id].append(answer)
    return [
        Story(
            order,
            tuple(executed[order.command_id]),
            tuple(answers[order.command_id]),
            tuple(others[order.command_id]),
        )
        for order in evidence.orders
    ]


def _finals(stories: Iterable[Story]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for story in stories:
        for status, code in story.first_answers:
            counts[f"{status} {code}"] += 1
    return dict(sorted(counts.items()))


def _lateness(story: Story) -> Iterator[float]:
    expires_at = story.order.expires_at
    if expires_at is not None:
        yield from (at - expires_at for at in story.executed_at)


def _twice(story: Story) -> Iterator[str]:
    if len(story.executed_at) > 1:
        yield f"the station was asked {len(story.executed_at)} times"


def _late(story: Story) -> Iterator[str]:
    for seconds in _lateness(story):
        if seconds > TOLERANCE_SECONDS:
            yield f"the station was asked {seconds:.3f} s after the expiry"


def _forbidden(story: Story) -> Iterator[str]:
    wanted = story.order.must_be
    if wanted is None:
        return
    if story.executed_at:
        yield f"the station was asked for what had to be refused as {wanted}"
    for status, code in sorted(story.first_answers):
        if code != wanted:
            yield f"{status} {code} instead of {wanted}"


def _unanswered(story: Story) -> Iterator[str]:
    if not story.answers:
        told = sorted(Counter(f"{each.status} {each.code}" for each in story.others).items())
        asked = f", the station was asked {len(story.executed_at)} times"
        yield f"no final result, but {told or 'nothing'}{asked if story.order.visible else ''}"
    elif not story.first_answers:
        yield "only answers to its repetitions"


def _answers(story: Story) -> Iterator[str]:
    if len(story.first_answers) > 1:
        yield f"final results {sorted(story.first_answers)}"
    statuses = {status for status, _ in story.first_answers}
    for answer in story.answers:
        if answer.code == DUPLICATE and statuses and answer.status not in statuses:
            yield f"{sorted(statuses)}, and {answer.status} when it was repeated"


def _false(story: Story) -> Iterator[str]:
    if not story.order.visible or len(story.first_answers) != 1:
        return
    ((status, code),) = story.first_answers
    if story.executed_at and status not in ASKED:
        yield f"{status} {code}, but the station was asked"
    if not story.executed_at and (status, code) == ("done", "ok"):
        yield "done, but the station was never asked"


_CHECKS: Final[dict[str, Callable[[Story], Iterator[str]]]] = {
    "twice": _twice,
    "late": _late,
    "forbidden": _forbidden,
    "unanswered": _unanswered,
    "answers": _answers,
    "false": _false,
}
