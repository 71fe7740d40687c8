"""What the station wants to send: order, one CALL at a time, nothing of a transaction lost.

Rules (OCPP 2.0.1 part 4, section 4.1.1, and E04, E12, E13 of part 2):

* One CALL is outstanding at a time; the next one waits for its answer or its time-out.
* Until the boot is accepted only messages marked `before_acceptance` leave.
* Messages of transactions leave in the order in which they came to be, survive a lost
  connection, and are sent again with the same payload when no answer came. While one waits
  for its next attempt those behind it wait too, but other messages may pass.
* Everything else dies with the connection: the station reports its state anew.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bridge.simulator.transaction import Transaction
from bridge.simulator.wire import JsonObject

MAXIMUM_WAITING: Final = 2000
"""Bound of the queue; above it every second intermediate Updated event goes (E11.FR.04)."""


@dataclass(slots=True, kw_only=True, eq=False)
class Outgoing:
    """One CALL that the station wants to make."""

    action: str
    payload: JsonObject
    evse_id: int = 0
    """The EVSE that it tells of; 0: the station."""
    transaction: Transaction | None = None
    """The transaction that it tells of: it must not be lost then."""
    id_token: str = ""
    """The token that it tells of."""
    periodic: bool = False
    """Whether it may be lost where there is no room."""
    tells_status: bool = False
    before_acceptance: bool = False
    attempts: int = 0
    not_before: datetime | None = None

    @property
    def transactional(self) -> bool:
        """Whether it must not be lost."""
        return self.transaction is not None


@dataclass(slots=True)
class Outbox:
    """The queue of one station and the CALL that is outstanding."""

    _waiting: deque[Outgoing] = field(default_factory=deque)
    _in_flight: Outgoing | None = None

    def put(self, outgoing: Outgoing) -> None:
        """Queue a CALL behind the others."""
        self._waiting.append(outgoing)
        if len(self._waiting) > MAXIMUM_WAITING:
            self._thin_out()

    def take(self, now: datetime, *, accepted: bool) -> Outgoing | None:
        """Return the next CALL to send, now in flight; None: nothing may leave now."""
        if self._in_flight is not None:
            return None
        blocked = False
        for outgoing in self._waiting:
            if not accepted and not outgoing.before_acceptance:
                continue
            if outgoing.transactional:
                due = outgoing.not_before is None or outgoing.not_before <= now
                blocked = blocked or not due
                if blocked:
                    continue
            self._waiting.remove(outgoing)
            self._in_flight = outgoing
            outgoing.attempts += 1
            return outgoing
        return None

    def answered(self) -> Outgoing:
        """Return the CALL in flight, whose answer came, and forget it."""
        outgoing = self._in_flight
        if outgoing is None:
            raise LookupError("no CALL is outstanding")
        self._in_flight = None
        return outgoing

    def failed(self, now: datetime, *, attempts: int, interval: timedelta) -> Outgoing:
        """Note that the CALL in flight failed; keep one of a transaction for another attempt.

        It waits `interval` times the number of its transmissions and is discarded after
        `attempts` of them (E13.FR.02 to .04).
        """
        outgoing = self.answered()
        if outgoing.transactional and outgoing.attempts < attempts:
            outgoing.not_before = now + interval * outgoing.attempts
            self._waiting.appendleft(outgoing)
        return outgoing

    def connection_lost(self) -> list[Outgoing]:
        """Keep the messages of transactions, in order; return the rest, which is gone."""
        if self._in_flight is not None:
            self._in_flight.attempts -= 1
            self._waiting.appendleft(self._in_flight)
            self._in_flight = None
        gone = [item for item in self._waiting if not item.transactional]
        self._waiting = deque(item for item in self._waiting if item.transactional)
        for outgoing in self._waiting:
            outgoing.not_before = None
        return gone

    def holds_transaction(self, transaction_id: str | None = None) -> bool:
        """Tell whether messages of a transaction (None: of any) wait or are in flight."""
        in_flight = [] if self._in_flight is None else [self._in_flight]
        return any(
            transaction_id in {None, item.transaction.transaction_id}
            for item in (*in_flight, *self._waiting)
            if item.transaction is not None
        )

    @property
    def empty(self) -> bool:
        """Whether nothing waits and nothing is outstanding."""
        return self._in_flight is None and not self._waiting

    def __len__(self) -> int:
        """Return how many CALLs wait, without the one in flight."""
        return len(self._waiting)

    def _thin_out(self) -> None:
        kept: deque[Outgoing] = deque()
        drop_next = False
        for outgoing in self._waiting:
            if outgoing.periodic:
                drop_next = not drop_next
                if drop_next:
                    continue
            kept.append(outgoing)
        self._waiting = kept
