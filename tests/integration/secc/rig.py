"""Adapter and simulated SECC over real sockets, with an inbox that remembers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bridge.domain.calls import (
    CallOutcome,
    ClearChargingProfile,
    ProfilePurpose,
    SetChargingProfile,
    StationRequest,
)
from bridge.domain.effects import Acknowledged, Reply
from bridge.domain.events import ControllerReport
from bridge.domain.ids import StationId
from bridge.engine.clock import RandomIds, SystemClock
from bridge.secc.settings import SeccSettings, SeccType
from bridge.secc.stations import SeccStations
from tests.seccs import PATIENCE_SECONDS, SimulatedSecc

STATION: Final = StationId("carport")
QUICK: Final[dict[str, Any]] = {
    "poll_seconds": 0.1,
    "meter_interval_seconds": 0.5,
    "request_timeout_seconds": 1.0,
    "offline_after_seconds": 2.0,
    "confirm_seconds": 2.0,
    "retry_max_seconds": 0.3,
}


class Remembers:
    """What an engine would have been told (`bridge.ports.Inbox`, as far as an adapter uses it)."""

    def __init__(self) -> None:
        self.reports: list[ControllerReport] = []
        self.presence: list[str] = []
        self.storing = True
        """Whether reports are stored; else they are to come again."""
        self._changed = asyncio.Event()

    def logged_in(self, *_arguments: Any) -> None:
        raise NotImplementedError

    def security(self, *_arguments: Any) -> None:
        raise NotImplementedError

    def admit(self, station_id: StationId) -> bool:
        raise NotImplementedError

    def connected(
        self, station_id: StationId, version: str, connection_id: str, remote: str
    ) -> None:
        self.presence.append("online")
        self._changed.set()

    def disconnected(self, station_id: StationId, connection_id: str) -> None:
        self.presence.append("offline")
        self._changed.set()

    def receive(
        self, station_id: StationId, message: Any, respond: Callable[[Reply | None], None]
    ) -> bool:
        assert isinstance(message, ControllerReport)
        self.reports.append(message)
        self._changed.set()
        reply = Acknowledged() if self.storing else None
        asyncio.get_running_loop().call_soon(respond, reply)
        return True

    def command(self, *_arguments: Any) -> None:
        raise NotImplementedError

    def refuse(self, *_arguments: Any, **_named: Any) -> None:
        raise NotImplementedError

    async def until(self, condition: Callable[["Remembers"], Any]) -> None:
        """Wait until a condition holds of what is remembered."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            last = self.reports[-1] if self.reports else None
            raise AssertionError(f"{self.presence}, last report {last}") from None

    async def until_report(self, **values: Any) -> ControllerReport:
        """Wait for a report, of those from now on, with these values."""
        seen = len(self.reports)

        def fits(report: ControllerReport) -> bool:
            return all(getattr(report, name) == value for name, value in values.items())

        await self.until(lambda inbox: any(map(fits, inbox.reports[seen:])))
        return next(filter(fits, self.reports[seen:]))


class Counts:
    """Counters that can be waited for (`bridge.ports.Metrics`)."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def count(self, name: str, amount: int = 1) -> None:
        self.seen[name] += amount
        self._changed.set()

    def gauge(self, name: str, value: float) -> None:
        raise NotImplementedError

    async def until(self, name: str) -> None:
        """Wait until something was counted once more."""
        wanted = self.seen[name] + 1
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.seen[name] < wanted:
                self._changed.clear()
                await self._changed.wait()


class Rig:
    """An adapter of one SECC."""

    def __init__(self, kind: SeccType, url: str, **options: Any) -> None:
        settings = SeccSettings(
            station_id=STATION, type=kind, url=url, **{**QUICK, "client_id": "S1", **options}
        )
        self.inbox = Remembers()
        self.counts = Counts()
        self.stations = SeccStations(
            [settings],
            inbox=self.inbox,
            clock=SystemClock(),
            ids=RandomIds(),
            metrics=self.counts,
        )

    async def ask(
        self, request: StationRequest, expires_at: datetime | None = None
    ) -> CallOutcome:
        """Ask something and return the answer."""
        answer: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
        self.stations.call(STATION, request, answer.set_result, expires_at)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await answer

    async def limit(
        self, limit_a: float, *, number_phases: int | None = None, seconds: float | None = None
    ) -> CallOutcome:
        now = datetime.now(UTC)
        return await self.ask(
            SetChargingProfile(
                evse_id=1,
                profile_id=1,
                purpose=ProfilePurpose.TX_DEFAULT,
                stack_level=0,
                limit_a=limit_a,
                start_at=now,
                number_phases=number_phases,
                valid_to=None if seconds is None else now + timedelta(seconds=seconds),
            )
        )

    async def clear(self) -> CallOutcome:
        return await self.ask(ClearChargingProfile(profile_id=1))


@asynccontextmanager
async def reading(kind: SeccType, secc: SimulatedSecc | str, **options: Any) -> AsyncIterator[Rig]:
    """Read a SECC while in the context."""
    url = secc if isinstance(secc, str) else secc.url
    rig = Rig(kind, url, **options)
    rig.stations.start()
    try:
        yield rig
    finally:
        await rig.stations.stop()
