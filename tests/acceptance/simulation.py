"""Simulated stations for a test, and what can be seen of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from bridge.simulator import SimulatorOptions, StationSnapshot, simulate
from bridge.simulator.script import Authorize, Charge, PlugIn, Script

CHARGE: Final = Script(steps=(PlugIn(), Authorize(), Charge(seconds=3600)))
"""A car that stays."""
QUICK: Final = {
    "start_delay_s": 0.0,
    "meter_interval_s": 0.5,
    "speed": 10.0,
    "reconnect_min_s": 0.05,
    "reconnect_max_s": 0.2,
    "reboot_s": 0.1,
}
PATIENCE_SECONDS: Final = 30.0


class Watch:
    """Keeps the newest snapshot of every station."""

    def __init__(self) -> None:
        self.seen: dict[str, StationSnapshot] = {}
        self._changed = asyncio.Event()

    def __call__(self, snapshot: StationSnapshot) -> None:
        self.seen[snapshot.station_id] = snapshot
        self._changed.set()

    async def until(
        self, condition: Callable[[StationSnapshot], bool], station: str = "SIM001"
    ) -> StationSnapshot:
        """Wait until a condition holds for a station."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while station not in self.seen or not condition(self.seen[station]):
                self._changed.clear()
                await self._changed.wait()
        return self.seen[station]

    async def until_current(self, amps: float) -> None:
        """Wait until the first car draws exactly this, A per phase."""
        await self.until(lambda snapshot: snapshot.evses[0].current_a == amps)


@asynccontextmanager
async def simulated(url: str, **options: Any) -> AsyncIterator[Watch]:
    """Run simulated stations while in the context."""
    stop, watch = asyncio.Event(), Watch()
    settings = SimulatorOptions(**{"url": url, "script": CHARGE, **QUICK, **options})
    task = asyncio.create_task(simulate(settings, stop, watch))
    try:
        yield watch
    finally:
        stop.set()
        async with asyncio.timeout(2):
            await task
