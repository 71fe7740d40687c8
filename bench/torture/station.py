"""A station that goes through any number of bridge deaths without losing an event.

It keeps each TransactionEvent until it is answered (OCPP 2.0.1 E13): after a lost connection the
same event goes out again, sometimes with the same message id and sometimes with a new one, as both
kinds of station exist. What it had acknowledged is what the bridge must not lose.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, Final

from bench import frames
from bench.oracle import EventKey, LastTransaction
from bench.station import LightStation, StationError

_RECONNECT_SECONDS: Final = (0.1, 0.6)
_THINK_SECONDS: Final = (0.005, 0.04)
_UPDATES: Final = (2, 9)
_ANSWER_TIMEOUT_SECONDS: Final = 10.0
_SAME_MESSAGE_ID: Final = 0.5
_BOOT_AGAIN: Final = 0.2
_EVENT_TIMEOUT_SECONDS: Final = 120.0


class TortureStation:
    """Runs transaction after transaction until `finish` is called, then ends the current one."""

    def __init__(
        self,
        station_id: str,
        base_url: str,
        chance: random.Random,
        on_answer: Callable[[float], None],
    ) -> None:
        """Set up a station; `chance` decides its course, `on_answer` is told seconds to answers."""
        self.station_id = station_id
        self.sent: list[EventKey] = []
        self.acknowledged: set[EventKey] = set()
        self.refused: list[EventKey] = []
        self.retries = 0
        self.resent = 0
        self.unanswered = 0
        self.stuck: EventKey | None = None
        """The event that was not answered for two minutes of retries; the station then gives up."""
        self.truth = LastTransaction("", -1, ended=True)
        self._base_url = base_url
        self._chance = chance
        self._on_answer = on_answer
        self._link: LightStation | None = None
        self._booted = False
        self._finishing = False
        self._serial = 0
        self._transmissions = 0

    def finish(self) -> None:
        """End after the present transaction."""
        self._finishing = True

    async def run(self) -> None:
        """Charge until `finish`, or until an event gets no answer for two minutes."""
        number = 0
        while not self._finishing and self.stuck is None:
            number += 1
            try:
                await self._transaction(f"{self.station_id}-{number:05d}")
            except TimeoutError:
                self.stuck = self.sent[-1]
        if self._link is not None:
            self._link.abort()

    async def _transaction(self, transaction_id: str) -> None:
        last = self._chance.randint(*_UPDATES)
        self.truth = LastTransaction(transaction_id, last, ended=True)
        for seq_no in range(last + 1):
            event_type = "Started" if seq_no == 0 else "Ended" if seq_no == last else "Updated"
            async with asyncio.timeout(_EVENT_TIMEOUT_SECONDS):
                await self._deliver(event_type, transaction_id, seq_no)
            await asyncio.sleep(self._chance.uniform(*_THINK_SECONDS))

    async def _deliver(self, event_type: str, transaction_id: str, seq_no: int) -> None:
        event = frames.transaction_event(event_type, transaction_id, seq_no, 100 * seq_no)
        event["offline"] = self._link is None or self._link.closed.is_set()
        key = EventKey(self.station_id, transaction_id, seq_no, event_type)
        self.sent.append(key)
        self._transmissions = 0
        message_id = self._message_id()
        while not await self._attempt(key, message_id, event):
            self.retries += 1
            if self._chance.random() > _SAME_MESSAGE_ID:
                message_id = self._message_id()

    async def _attempt(self, key: EventKey, message_id: str, event: dict[str, Any]) -> bool:
        """Send an event once; tell whether it was answered."""
        try:
            link = await self._connected()
            self.resent += self._transmissions > 0
            self._transmissions += 1
            began = time.monotonic()
            async with asyncio.timeout(_ANSWER_TIMEOUT_SECONDS):
                kind, _ = await link.exchange(
                    message_id, frames.call(message_id, "TransactionEvent", event)
                )
            self._on_answer(time.monotonic() - began)
        except TimeoutError:
            self.unanswered += 1
            self._drop()
            return False
        except (OSError, StationError):
            self._drop()
            await asyncio.sleep(self._chance.uniform(*_RECONNECT_SECONDS))
            return False
        if kind == frames.MESSAGE_TYPE_RESULT:
            self.acknowledged.add(key)
        else:
            self.refused.append(key)
        return True

    async def _connected(self) -> LightStation:
        if self._link is not None and not self._link.closed.is_set():
            return self._link
        link = LightStation(self.station_id, message_prefix=self._message_id())
        self._link = link
        async with asyncio.timeout(_ANSWER_TIMEOUT_SECONDS):
            await link.connect(self._base_url)
            if not self._booted or self._chance.random() < _BOOT_AGAIN:
                await link.boot()
                self._booted = True
        return link

    def _drop(self) -> None:
        if self._link is not None:
            self._link.abort()
            self._link = None

    def _message_id(self) -> str:
        self._serial += 1
        return f"{self.station_id[-10:]}-t{self._serial:06x}"
