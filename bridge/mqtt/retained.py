"""Retained topics: the newest content wins, and nothing is sent that says nothing new.

Theory of operation (ADR 3). A topic is marked when its content may have changed; what it says is
asked for only when it is about to be sent, so that changes in between cost nothing. At most one
message per topic is in flight. Content that equals what the broker has acknowledged, apart from
the times in its head, is not sent. Some changes are spaced: sent at most once in a topic's time
(`TopicRow.spacing_seconds`), and what comes sooner waits in a heap with one timer. A whole set that
is published again (the broker has forgotten it) is paced, so that it leaves room for what is news.
"""

import asyncio
import heapq
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import Final

from bridge.mqtt.outbox import SUSPECT_LOSSES, PublishLink
from bridge.mqtt.topics import TopicRow
from bridge.mqtt.traffic import Outgoing, PublishOutcome
from bridge.ports import Clock, Metrics

_log = logging.getLogger(__name__)

PACE_PER_SECOND: Final = 2000
"""How fast a whole set is published again (mqtt-api.md, Connection manners)."""
BURST: Final = 100
"""Messages of a whole set that may leave at once."""
LEAST_WAIT_SECONDS: Final = 0.005
"""What comes due within it leaves together; and a loop that counts in milliseconds does not wake us
again and again for the rest of one."""
_NEVER: Final = float("-inf")

Signature = int
"""Hash of what a payload says, the times in its head left out."""


class _Place(Enum):
    """Where a topic waits."""

    NOWHERE = 0
    READY = 1
    LATER = 2
    """For its next time."""
    PACED = 3
    SUSPECT = 4
    """To be sent alone."""


_AS_SOON_AS_POSSIBLE: Final = (_Place.READY, _Place.SUSPECT)
_AT_ITS_OWN_PACE: Final = (_Place.PACED, _Place.SUSPECT)


class RetainedTopic(ABC):
    """One retained topic: what the broker has acknowledged, and whether there may be newer."""

    __slots__ = (
        "acknowledged",
        "address",
        "busy",
        "dirty",
        "due",
        "losses",
        "place",
        "refused",
        "row",
        "sending",
        "sent_at",
        "urgent",
    )

    def __init__(self, address: str, row: TopicRow) -> None:
        """Begin with nothing published."""
        self.address = address
        self.row = row
        self.acknowledged: Signature | None = None
        """None: nothing that we know of is on the broker."""
        self.sending: Signature = 0
        self.busy = False
        self.dirty = False
        self.urgent = False
        """A change that came while it was busy must not wait for its next time."""
        self.refused = False
        self.losses = 0
        self.place = _Place.NOWHERE
        self.sent_at = _NEVER
        self.due = _NEVER

    @abstractmethod
    def content(self) -> tuple[bytes, Signature] | None:
        """Return the payload and what it says; empty clears the topic, None leaves it alone."""

    def settled(self) -> None:  # noqa: B027  # few have anything to do then
        """Take note that the broker has what was sent last."""


class ClearedTopic(RetainedTopic):
    """A topic that is to be empty."""

    __slots__ = ()

    def content(self) -> tuple[bytes, Signature]:
        """Return nothing, which takes it off the broker."""
        return b"", 0


class RetainedSender:
    """Sends retained topics that were marked."""

    def __init__(
        self,
        *,
        link: PublishLink,
        clock: Clock,
        metrics: Metrics,
        wake: Callable[[], None],
    ) -> None:
        """Plug in the link and who is to be woken when there is something to do."""
        self.in_flight = 0
        """Messages that the broker has not acknowledged yet."""
        self._link = link
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._ready: deque[RetainedTopic] = deque()
        self._paced: deque[RetainedTopic] = deque()
        self._later: list[tuple[float, int, RetainedTopic]] = []
        self._pushes = 0
        self._suspects: deque[RetainedTopic] = deque()
        self._allowance = float(BURST)
        self._allowed_at = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = _NEVER

    # --- in ------------------------------------------------------------------------------

    def mark(self, topic: RetainedTopic, *, spaced: bool = False) -> None:
        """Say that the content of a topic may have changed; `spaced` may wait its time."""
        topic.dirty = True
        if topic.busy:
            topic.urgent |= not spaced
        elif topic.place in _AS_SOON_AS_POSSIBLE or (spaced and self._waits(topic)):
            return
        else:
            self._make_ready(topic)
        self._wake()

    def _waits(self, topic: RetainedTopic) -> bool:
        """Say whether a topic waits already, or put it off to its next time."""
        if topic.place is _Place.NOWHERE:
            due = topic.sent_at + topic.row.spacing_seconds
            if due <= self._clock.monotonic():
                return False
            topic.place = _Place.LATER
            topic.due = due
            self._pushes += 1
            heapq.heappush(self._later, (due, self._pushes, topic))
            self._arm(due)
        return True

    def _make_ready(self, topic: RetainedTopic) -> None:
        topic.place = _Place.READY
        self._ready.append(topic)

    def mark_first(self, topic: RetainedTopic) -> None:
        """Send a topic before all others, also where it says what was acknowledged already."""
        topic.acknowledged = None
        topic.dirty = True
        topic.urgent = True
        if not topic.busy and topic.place is not _Place.SUSPECT:
            topic.place = _Place.READY
            self._ready.appendleft(topic)
        self._wake()

    def mark_all(self, topics: Iterable[RetainedTopic]) -> None:
        """Publish a whole set, at the pace of one: the broker has none of it."""
        for topic in topics:
            topic.acknowledged = None
            topic.dirty = True
            if not topic.busy and topic.place not in _AT_ITS_OWN_PACE:
                topic.place = _Place.PACED
                self._paced.append(topic)
        self._wake()

    def hurry(self) -> None:
        """Make everything that waits for its time ready at once (the end is near)."""
        for due, _, topic in self._later:
            self._come_due(topic, due)
        self._later.clear()
        self._wake()

    # --- out -----------------------------------------------------------------------------

    @property
    def suspected(self) -> bool:
        """Whether a message waits to be sent alone."""
        return bool(self._suspects)

    @property
    def idle(self) -> bool:
        """Whether all that was marked is acknowledged; what waits for its time does not count."""
        return not (self._ready or self._paced or self._suspects or self.in_flight)

    @property
    def ready(self) -> bool:
        """Whether something could be sent now."""
        return bool(self._ready or self._paced)

    def send(self, limit: int) -> None:
        """Send at most `limit` messages."""
        sent = 0
        while sent < limit and self._ready:
            topic = self._ready.popleft()
            if topic.place is not _Place.READY:
                continue
            topic.place = _Place.NOWHERE
            if not self._offer(topic):
                topic.place = _Place.READY
                self._ready.appendleft(topic)
                return
            sent += topic.busy
        if self._paced:
            self._send_paced(limit - sent)

    def _send_paced(self, limit: int) -> None:
        self._refill_allowance()
        limit = min(limit, int(self._allowance))
        while limit > 0 and self._paced:
            topic = self._paced.popleft()
            if topic.place is not _Place.PACED:
                continue
            topic.place = _Place.NOWHERE
            if not self._offer(topic):
                topic.place = _Place.PACED
                self._paced.appendleft(topic)
                return
            limit -= topic.busy
            self._allowance -= topic.busy
        if self._paced:
            self._arm(self._clock.monotonic() + BURST / 2 / PACE_PER_SECOND)

    def _refill_allowance(self) -> None:
        now = self._clock.monotonic()
        if self._allowed_at != _NEVER:
            self._allowance += (now - self._allowed_at) * PACE_PER_SECOND
        self._allowance = min(self._allowance, float(BURST))
        self._allowed_at = now

    def send_suspect(self) -> None:
        """Send the next message that must be alone in flight."""
        topic = self._suspects[0]
        if self._offer(topic):
            self._suspects.popleft()
            topic.place = _Place.NOWHERE

    def _offer(self, topic: RetainedTopic) -> bool:
        """Send what a topic says now, if that is news; False where there is no room for it."""
        content = topic.content() if topic.dirty else None
        if content is None or content[1] == topic.acknowledged:
            topic.dirty = False
            return True
        payload, signature = content
        message = Outgoing(
            topic=topic.address,
            payload=payload,
            qos=topic.row.qos,
            retain=True,
            expiry_seconds=topic.row.expiry_seconds,
            json=topic.row.json,
        )
        if not self._link.publish(message, partial(self._done, topic)):
            return False
        topic.dirty = topic.urgent = False
        topic.busy = True
        topic.sending = signature
        topic.sent_at = self._clock.monotonic()
        self.in_flight += 1
        return True

    def _done(self, topic: RetainedTopic, outcome: PublishOutcome, reason: str) -> None:
        self.in_flight -= 1
        topic.busy = False
        if outcome is PublishOutcome.LOST and topic.losses < SUSPECT_LOSSES:
            self._again(topic)
        else:
            self._finish(topic, outcome, reason)
        self._wake()

    def _again(self, topic: RetainedTopic) -> None:
        topic.acknowledged = None  # it may have arrived, or not
        topic.dirty = True
        topic.losses += 1
        if topic.losses == SUSPECT_LOSSES:
            topic.place = _Place.SUSPECT
            self._suspects.append(topic)
        else:
            self._make_ready(topic)

    def _finish(self, topic: RetainedTopic, outcome: PublishOutcome, reason: str) -> None:
        topic.losses = 0
        # What was refused is not offered again before it says something else.
        topic.acknowledged = topic.sending
        if outcome is not PublishOutcome.ACKNOWLEDGED:
            self._complain(topic, outcome, reason)
        if topic.dirty:
            self.mark(topic, spaced=not topic.urgent)
        else:
            topic.settled()

    def _complain(self, topic: RetainedTopic, outcome: PublishOutcome, reason: str) -> None:
        """Count, and log the first time for each topic."""
        self._metrics.count("mqtt.retained_refused")
        if not topic.refused:
            topic.refused = True
            lost = outcome is PublishOutcome.LOST
            why = f"the connection died on it again and again: {reason}" if lost else reason
            _log.error("document not published", extra={"topic": topic.address, "reason": why})

    # --- time ----------------------------------------------------------------------------

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        delay = max(LEAST_WAIT_SECONDS, due - self._clock.monotonic())
        self._timer_due = due
        self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        while self._later and self._later[0][0] <= now:
            due, _, topic = heapq.heappop(self._later)
            self._come_due(topic, due)
        if self._later:
            self._arm(self._later[0][0])
        self._wake()

    def _come_due(self, topic: RetainedTopic, due: float) -> None:
        if topic.place is _Place.LATER and topic.due == due:
            self._make_ready(topic)

    def close(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
