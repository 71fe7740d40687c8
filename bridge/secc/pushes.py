"""Readings out of what a charge controller tells by itself, by WebSocket or MQTT.

What changes at once comes as several messages: a reading waits until they have all come. A message
that cannot be read is as none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bridge.secc import payloads
from bridge.secc.link import LinkError
from bridge.secc.payloads import Fields, Reading

SETTLES_SECONDS: Final = 0.3
"""Messages that follow the first one within this are of the same moment."""

Push = tuple[str, Fields]
"""Topic, and what of its document was understood."""


class Pushes:
    """Remembers the newest document of each topic."""

    def __init__(
        self,
        next_push: Callable[[], Awaitable[Push]],
        *,
        order: tuple[str, ...],
        needed: frozenset[str],
        silence_seconds: float,
    ) -> None:
        """Take where messages come from, which raises LinkError where they end.

        Args:
            next_push: Waits for the next message that can be read.
            order: The topics; of a field that several tell the last one counts.
            needed: Without these there is no reading.
            silence_seconds: After this without a message the connection is taken for dead.
        """
        self._next = next_push
        self._order = order
        self._needed = needed
        self._silence_seconds = silence_seconds
        self._told: dict[str, Fields] = {}

    def forget(self) -> None:
        """Begin anew, on another connection."""
        self._told.clear()

    async def reading(self) -> Reading:
        """Wait for news and return all that is known. Raises LinkError."""
        while True:
            try:
                async with asyncio.timeout(self._silence_seconds):
                    await self._take()
            except TimeoutError as error:
                raise LinkError("nothing was told in time") from error
            await self._settle()
            if self._needed <= self._told.keys():
                known = [self._told[topic] for topic in self._order if topic in self._told]
                return payloads.reading_of(known)

    async def _settle(self) -> None:
        try:
            async with asyncio.timeout(SETTLES_SECONDS):
                while True:
                    await self._take()
        except TimeoutError:
            return

    async def _take(self) -> None:
        topic, said = await self._next()
        self._told[topic] = said
