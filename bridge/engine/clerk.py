"""Answers that concern no station's record: refusals at the edge and unknown stations."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from bridge.domain.commands import CommandRef, CommandResult, Refusal
from bridge.domain.ids import StationId
from bridge.engine.records import answer_only
from bridge.engine.repeats import refused
from bridge.engine.services import Services
from bridge.ports import StoreError

_log = logging.getLogger(__name__)

LIMIT: Final = 1000
"""Answers that may wait; beyond it refusals are counted and dropped (a flood of bad commands)."""

Entry = tuple[StationId, CommandResult, Callable[[bool], None]]


class Clerk:
    """Writes refusals to the outbox, one after the other."""

    def __init__(self, services: Services) -> None:
        """Start with nothing to do; `run` does the work."""
        self._services = services
        self._entries: asyncio.Queue[Entry] = asyncio.Queue(maxsize=LIMIT)

    def refuse(
        self,
        station_id: StationId,
        ref: CommandRef,
        refusal: Refusal,
        on_durable: Callable[[bool], None],
    ) -> None:
        """Answer a command with a refusal."""
        result = refused(ref, refusal, self._services.clock.now())
        try:
            self._entries.put_nowait((station_id, result, on_durable))
        except asyncio.QueueFull:
            self._services.metrics.count("engine.refusal_dropped")
            on_durable(True)

    async def idle(self) -> None:
        """Return when everything that was handed in so far has been written."""
        await self._entries.join()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            station_id, result, on_durable = await self._entries.get()
            try:
                commit = answer_only(result, None, station_id, self._services)
                self._services.publisher.publish(await self._services.journal.commit(commit))
            except StoreError as error:
                _log.error("store cannot write: %s", error, extra={"station": station_id})
                on_durable(False)
            else:
                self._services.on_results((result,), None, station_id)
                on_durable(True)
            finally:
                self._entries.task_done()
