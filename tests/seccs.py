"""Simulated charge controllers for a test, and what can be seen of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from bridge.simulator.script import Authorize, Charge, PlugIn, Script
from bridge.simulator.secc import SeccOptions, SeccQuirk, SeccRunner, SeccSnapshot

STAY: Final = Script(steps=(PlugIn(), Authorize(), Charge(seconds=3600)), repeat=False)
"""A car that charges and stays."""
NOBODY: Final = Script(steps=(), repeat=False)
"""No car: the test plugs one in."""
PATIENCE_SECONDS: Final = 20.0
QUICK: Final[dict[str, Any]] = {
    "port": 0,
    "start_delay_s": 0.0,
    "speed": 10.0,
    "push_interval_s": 1.0,
}


class SimulatedSecc:
    """A SECC that runs in this process, in the test's hand."""

    def __init__(self, **options: Any) -> None:
        quirks = frozenset(SeccQuirk(name) for name in options.pop("quirks", ()))
        self._changed = asyncio.Event()
        settings = SeccOptions(**{"script": STAY, **QUICK, "quirks": quirks, **options})
        self.runner = SeccRunner(settings, on_change=self._on_change)

    @property
    def url(self) -> str:
        return self.runner.url

    @property
    def model(self) -> Any:
        return self.runner.model

    @property
    def seen(self) -> SeccSnapshot:
        return self.runner.model.snapshot

    def _on_change(self, _snapshot: SeccSnapshot) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[SeccSnapshot], bool]) -> SeccSnapshot:
        """Wait until a condition holds."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not condition(self.seen):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not in {PATIENCE_SECONDS} s; now {self.seen}") from None
        return self.seen

    async def until_current(self, amps: float) -> None:
        await self.until(lambda seen: seen.current_a == amps)


@asynccontextmanager
async def simulated_secc(**options: Any) -> AsyncIterator[SimulatedSecc]:
    """Run a simulated SECC while in the context."""
    secc = SimulatedSecc(**options)
    await secc.runner.start()
    task = asyncio.create_task(secc.runner.run())
    try:
        yield secc
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE_SECONDS)
