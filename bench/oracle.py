"""The Oracle: judges what a bridge promised from three logs, and knows nothing of how it ran.

Logs: what simulated stations sent and had acknowledged, the rows of the store, every message that a
subscriber got. The invariants are those of delivery.md:

* I1  every acknowledged transaction event is in the store exactly once (and no event twice);
* I2  and on MQTT at least once, with one stable id, the store's;
* I3  first occurrences on MQTT are in seqNo order per transaction;
* I6  the retained transaction document of each station tells how its last transaction ended;
* I7  every valid frame was answered in the end, and none by CALLERROR;
* record    each transaction whose beginning was acknowledged is in the record of transactions
  exactly once, and has ended there exactly if its end was sent (and acknowledged);
* inserted  events of a station are in the store in the order of their insertedAt.

What becomes of commands (I4) is judged by `bench.flood_oracle`.

Repeated deliveries are no violation: they are counted, since consumers must drop them by id.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class EventKey(NamedTuple):
    """What makes a transaction event the same one in all three logs."""

    station: str
    transaction_id: str
    seq_no: int
    event_type: str

    def __str__(self) -> str:
        return f"{self.station} {self.transaction_id} #{self.seq_no} {self.event_type}"


class Copy(NamedTuple):
    """One event as the store or MQTT has it; `event_id` is None where there was no id."""

    key: EventKey
    event_id: str | None


class Record(NamedTuple):
    """A transaction in the bridge's record of transactions."""

    station: str
    transaction_id: str
    ended: bool


class LastTransaction(NamedTuple):
    """The end of a station's last transaction, or what a retained document says of it."""

    transaction_id: str
    last_seq_no: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    invariant: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The three logs."""

    sent: Sequence[EventKey]
    """In the order of each station, acknowledged or not."""
    acknowledged: frozenset[EventKey]
    refused: Sequence[EventKey]
    """Answered by CALLERROR."""
    unanswered: Sequence[EventKey] = ()
    """Never answered in spite of many retries."""
    stored: Sequence[Copy] | None
    """In the order of storing; None for a bridge without a store: I1 is then not judged."""
    inserted_at: Sequence[str] = ()
    """Of each of `stored`, sortable."""
    records: Sequence[Record] | None = None
    """None where there are none to be judged."""
    delivered: Sequence[Copy]
    """In the order of arrival."""
    truth: dict[str, LastTransaction]
    """By station."""
    retained: dict[str, LastTransaction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the Oracle found."""

    sent: int
    acknowledged: int
    stored: int
    delivered: int
    repeated_deliveries: int
    records: int = 0
    violations: list[Violation] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.violations


def judge(evidence: Evidence) -> Verdict:
    """Check every invariant; pure and total."""
    violations = [
        *_stored_once(evidence),
        *_delivered_with_one_id(evidence),
        *_in_order(evidence.delivered),
        *_retained_true(evidence),
        *_recorded_once(evidence),
        *_inserted_in_order(evidence),
        *(Violation("I7", f"CALLERROR for {key}") for key in evidence.refused),
        *(Violation("I7", f"never answered: {key}") for key in evidence.unanswered),
    ]
    return Verdict(
        sent=len(evidence.sent),
        acknowledged=len(evidence.acknowledged),
        stored=len(evidence.stored or ()),
        delivered=len(evidence.delivered),
        repeated_deliveries=len(evidence.delivered) - len({c.key for c in evidence.delivered}),
        records=len(evidence.records or ()),
        violations=violations,
    )


def _stored_once(evidence: Evidence) -> Iterable[Violation]:
    if evidence.stored is None:
        return
    rows = Counter(copy.key for copy in evidence.stored)
    for key in sorted(evidence.acknowledged - rows.keys()):
        yield Violation("I1", f"acknowledged, not in the store: {key}")
    for key, count in rows.items():
        if count > 1:
            yield Violation("I1", f"{count} times in the store: {key}")
    for key in sorted(rows.keys() - set(evidence.sent)):
        yield Violation("I1", f"in the store, never sent: {key}")


def _delivered_with_one_id(evidence: Evidence) -> Iterable[Violation]:
    ids: defaultdict[EventKey, set[str | None]] = defaultdict(set)
    owners: defaultdict[str | None, set[EventKey]] = defaultdict(set)
    for key, event_id in [*evidence.delivered, *(evidence.stored or ())]:
        ids[key].add(event_id)
        owners[event_id].add(key)
    delivered = {copy.key for copy in evidence.delivered}
    for key in sorted(evidence.acknowledged - delivered):
        yield Violation("I2", f"acknowledged, not on MQTT: {key}")
    for key in sorted(delivered - set(evidence.sent)):
        yield Violation("I2", f"on MQTT, never sent: {key}")
    for key, found in ids.items():
        if len(found) > 1:
            yield Violation("I2", f"more than one id: {key}: {sorted(map(str, found))}")
    for event_id, keys in owners.items():
        if event_id is None or len(keys) > 1:
            yield Violation("I2", f"id {event_id} names {len(keys)} events, one is {min(keys)}")


def _in_order(delivered: Iterable[Copy]) -> Iterable[Violation]:
    newest: dict[tuple[str, str], int] = {}
    seen: set[EventKey] = set()
    for key, _ in delivered:
        if key in seen:
            continue
        seen.add(key)
        transaction = (key.station, key.transaction_id)
        before = newest.get(transaction, -1)
        if key.seq_no < before:
            yield Violation("I3", f"after #{before}: {key}")
        newest[transaction] = max(before, key.seq_no)


def _retained_true(evidence: Evidence) -> Iterable[Violation]:
    for station, truth in sorted(evidence.truth.items()):
        found = evidence.retained.get(station)
        if found != truth:
            yield Violation("I6", f"{station}: retained {found}, true {truth}")


def _recorded_once(evidence: Evidence) -> Iterable[Violation]:
    if evidence.records is None:
        return
    found: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in evidence.records:
        found[record.station, record.transaction_id].append(record)
    told: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for key in evidence.sent:
        told[key.station, key.transaction_id].add(key.event_type)
    for key in sorted(evidence.acknowledged):
        records = found.get((key.station, key.transaction_id), [])
        if key.event_type == "Started" and not records:
            yield Violation("record", f"acknowledged, not in the record: {key}")
        if key.event_type == "Ended" and not any(record.ended for record in records):
            yield Violation("record", f"acknowledged, has not ended in the record: {key}")
    for (station, transaction_id), records in sorted(found.items()):
        for complaint in _record_complaints(records, told.get((station, transaction_id))):
            yield Violation("record", f"{complaint}: {station} {transaction_id}")


def _record_complaints(records: Sequence[Record], told: set[str] | None) -> Iterable[str]:
    if len(records) > 1:
        yield f"{len(records)} times in the record"
    if told is None:
        yield "in the record, never sent"
    elif records[0].ended and "Ended" not in told:
        yield "ended in the record, has not ended"


def _inserted_in_order(evidence: Evidence) -> Iterable[Violation]:
    newest: dict[str, str] = {}
    for copy, inserted_at in zip(evidence.stored or (), evidence.inserted_at, strict=False):
        before = newest.get(copy.key.station, "")
        if inserted_at < before:
            yield Violation("inserted", f"at {inserted_at} after {before}: {copy.key}")
        newest[copy.key.station] = max(before, inserted_at)
