"""The outbox on its way to the broker: in order per key, many keys at a time, bounded in memory.

Theory of operation. Messages of one ordering key stand in a lane, and only the first of a lane is
in flight. A message that the connection died on goes out again, first of its lane. One that two
connections have died on may be what they died of: it waits until nothing else is in flight and
goes out alone; if the connection dies a third time, it is a dead letter. So a broker that is
restarted twice takes no innocent message with it.

Every message is in the store, so memory need not hold them all. Beyond the limit, further ones are
left there (`_spilled`) and read back, in the order of their rows, when there is room again. The
outbox begins in that state: what an earlier run has left is read as if it had been spilled.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from bridge.crash import passes, passes_soon
from bridge.mqtt.traffic import OnDone, Outgoing, PublishOutcome
from bridge.ports import Clock, Journal, Metrics, StoredMessage, StoreError

_log = logging.getLogger(__name__)

SUSPECT_LOSSES: Final = 2
"""Connections that died on a message before it is sent alone."""
READ_LIMIT: Final = 1000
"""Messages that are read back from the store at a time."""
READ_RETRY_SECONDS: Final = 1.0
COMPLAINT_SECONDS: Final = 10.0
"""Least time between two log lines about dead letters: missing rights concern every message."""


class PublishLink(Protocol):
    """What sending needs of `bridge.mqtt.link.Link`."""

    def publish(self, message: Outgoing, on_done: OnDone) -> bool:
        """Send a message; False, without `on_done` ever being called, where there is no room."""


class _Lane:
    """Waiting messages of one ordering key; the first may be in flight."""

    __slots__ = ("key", "losses", "waiting")

    def __init__(self, key: str, first: StoredMessage) -> None:
        self.key = key
        self.losses = 0
        """Connections that have died on the first message."""
        self.waiting = deque((first,))


class Outbox:
    """Sends durable messages and tells the journal what became of each."""

    def __init__(
        self,
        *,
        link: PublishLink,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        memory_limit: int,
        wake: Callable[[], None],
    ) -> None:
        """Plug in the link, the store, and who is to be woken when there is something to do."""
        self.in_flight = 0
        """Messages that the broker has not acknowledged yet."""
        self._link = link
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._limit = memory_limit
        self._chunk = max(1, min(READ_LIMIT, memory_limit // 2))
        self._wake = wake
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[_Lane] = deque()
        self._suspects: deque[_Lane] = deque()
        self._in_memory = 0
        self._acknowledged: list[int] = []
        self._spilled = True
        self._taken = 0
        """Highest row that is, or was, in memory."""
        self._read = 0
        """Up to this row everything was read from the store."""
        self._left = 0
        """Highest row that was left in the store."""
        self._reader: asyncio.Task[None] | None = None
        self._complained_at = float("-inf")
        self._unmentioned = 0

    # --- in ------------------------------------------------------------------------------

    def add(self, messages: Sequence[StoredMessage]) -> None:
        """Take messages in, or leave them in the store where memory is at its limit."""
        for stored in messages:
            row_id = stored.row_id
            if row_id <= self._read:
                continue
            if self._spilled and row_id > self._taken:
                self._left = max(self._left, row_id)
                continue
            self._enqueue(stored)
            if self._in_memory >= self._limit and not self._spilled:
                self._spilled = True
                self._metrics.count("mqtt.outbox_spilled")

    def _enqueue(self, stored: StoredMessage) -> None:
        key = stored.message.ordering_key
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key, stored)
            self._ready.append(lane)
        else:
            lane.waiting.append(stored)
        self._in_memory += 1
        self._taken = max(self._taken, stored.row_id)

    def refill(self) -> None:
        """Begin to read from the store where something was left there and there is room."""
        room = self._in_memory <= self._limit - self._chunk
        if self._spilled and room and self._reader is None:
            self._reader = asyncio.create_task(self._read_back(), name="mqtt-outbox-reader")

    async def _read_back(self) -> None:
        left = self._left
        try:
            rows = await self._journal.unpublished(self._taken, self._chunk)
        except StoreError as error:
            _log.error("store cannot be read: %s", error)
            self._metrics.count("mqtt.outbox_read_failed")
            await asyncio.sleep(READ_RETRY_SECONDS)
        else:
            self._take_back(rows, left)
        self._reader = None
        self._wake()

    def _take_back(self, rows: Sequence[StoredMessage], left: int) -> None:
        """Take in what was read; `left` is what had been left in the store when it was begun."""
        for stored in rows:
            self._enqueue(stored)
        self._read = self._taken
        complete = self._left == left or self._left <= self._read
        if len(rows) < self._chunk and complete:
            self._spilled = False

    # --- out -----------------------------------------------------------------------------

    @property
    def suspected(self) -> bool:
        """Whether a message waits to be sent alone."""
        return bool(self._suspects)

    @property
    def idle(self) -> bool:
        """Whether everything is acknowledged."""
        return not (self._lanes or self._spilled)

    @property
    def ready(self) -> bool:
        """Whether something could be sent now."""
        return bool(self._ready)

    @property
    def backlog(self) -> int:
        """How many messages wait in memory, those in flight included."""
        return self._in_memory

    def send(self, limit: int) -> None:
        """Send at most `limit` messages."""
        for _ in range(min(limit, len(self._ready))):
            if not self._publish(self._ready[0]):
                return
            self._ready.popleft()

    def send_suspect(self) -> None:
        """Send the next message that must be alone in flight."""
        if self._publish(self._suspects[0]):
            self._suspects.popleft()

    def _publish(self, lane: _Lane) -> bool:
        message = lane.waiting[0].message
        outgoing = Outgoing(
            topic=message.topic,
            payload=message.payload,
            expiry_seconds=message.expiry_seconds,
            correlation=message.correlation,
        )
        passes("before-publish")
        sent = self._link.publish(outgoing, partial(self._done, lane))
        passes_soon("after-publish")
        self.in_flight += sent
        return sent

    def _done(self, lane: _Lane, outcome: PublishOutcome, reason: str) -> None:
        self.in_flight -= 1
        if outcome is PublishOutcome.LOST and lane.losses < SUSPECT_LOSSES:
            lane.losses += 1
            self._metrics.count("mqtt.outbox_lost")
            again = self._suspects if lane.losses == SUSPECT_LOSSES else self._ready
            again.append(lane)
        else:
            self._finish(lane, outcome, reason)
        self._wake()

    def _finish(self, lane: _Lane, outcome: PublishOutcome, reason: str) -> None:
        stored = lane.waiting.popleft()
        lane.losses = 0
        self._in_memory -= 1
        if outcome is PublishOutcome.ACKNOWLEDGED:
            passes("before-puback")
            self._acknowledged.append(stored.row_id)
        elif outcome is PublishOutcome.REFUSED:
            self._bury(stored, f"the broker refused it: {reason}")
        else:
            self._bury(stored, f"the connection died on it again and again: {reason}")
        if lane.waiting:
            self._ready.append(lane)
        else:
            del self._lanes[lane.key]

    def _bury(self, stored: StoredMessage, reason: str) -> None:
        self._journal.dead_letter(stored, reason)
        self._metrics.count("mqtt.dead_letters")
        now = self._clock.monotonic()
        if now < self._complained_at + COMPLAINT_SECONDS:
            self._unmentioned += 1
            return
        extra = {"topic": stored.message.topic, "row": stored.row_id, "reason": reason}
        _log.error(
            "message not published, see the dead letters",
            extra={**extra, "unmentioned": self._unmentioned},
        )
        self._complained_at = now
        self._unmentioned = 0

    def flush(self) -> None:
        """Tell the journal what was acknowledged since the last time."""
        if self._acknowledged:
            self._journal.published(self._acknowledged)
            self._metrics.count("mqtt.published", len(self._acknowledged))
            self._acknowledged = []

    def close(self) -> None:
        """Stop reading from the store."""
        if self._reader is not None:
            self._reader.cancel()
