"""Who waits for the results of commands (`bridge.ports.OnResults`)."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from bridge.domain.commands import CommandResult
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId
from bridge.domain.model import Station

Build = Callable[[CommandResult, Station | None, StationId], Mapping[str, Any]]
Told = tuple[CommandResult, Mapping[str, Any]]
"""A result and its document."""


class PendingCommand:
    """A command that somebody waits for."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.told: Told | None = None
        """The newest result."""
        self.durable: bool | None = None
        """Whether the command, or what was wrong with it, could be stored; None: not yet."""
        self._changed = asyncio.Event()
        self._given_up = False

    def settle(self, durable: bool) -> None:  # noqa: FBT001  # as in ports.Inbox
        """Take note whether it is stored; its first result was told before."""
        self.durable = durable
        self._changed.set()

    def take(self, told: Told) -> None:
        """Take note of a result."""
        if self.told is None or not self.told[0].final:
            self.told = told
        self._changed.set()

    def give_up(self) -> None:
        """Wait no longer: the bridge ends."""
        self._given_up = True
        self._changed.set()

    async def first(self) -> None:
        """Return when there is a result, or it is clear that there will be none."""
        await self._until(lambda: self.told is not None or self.durable is not None)

    async def last(self, seconds: float) -> None:
        """Return when the final result is there, at the latest after these seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until(lambda: self.told is None or self.told[0].final)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not (condition() or self._given_up):
            self._changed.clear()
            await self._changed.wait()


class ResultDesk:
    """Hands results to those who wait for them; a look-up in a dict where nobody does."""

    def __init__(self, build: Build) -> None:
        """Plug in how the document of a result is built."""
        self._build = build
        self._waiting: dict[tuple[str, str], list[PendingCommand]] = {}
        self._closed = False

    def results(
        self, results: Sequence[CommandResult], station: Station | None, station_id: StationId
    ) -> None:
        """Hand out results that are durable (`bridge.ports.OnResults`)."""
        for result in results:
            waiting = self._waiting.get((result.ref.controller, result.ref.id))
            if waiting is not None and result.ref.source is AllocationSource.API:
                told = (result, self._build(result, station, station_id))
                for pending in waiting:
                    pending.take(told)

    @contextmanager
    def pending(self, controller: str, command_id: str) -> Iterator[PendingCommand]:
        """Return what waits for the results of a command, while in the context."""
        key = (controller, command_id)
        pending = PendingCommand()
        self._waiting.setdefault(key, []).append(pending)
        if self._closed:
            pending.give_up()
        try:
            yield pending
        finally:
            self._waiting[key].remove(pending)
            if not self._waiting[key]:
                del self._waiting[key]

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed = True
        for waiting in self._waiting.values():
            for pending in waiting:
                pending.give_up()
