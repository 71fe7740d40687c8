"""A station that remembers which commands it was asked for, and dials again when the bridge dies.

A remote start bears the command's id as its token, a DataTransfer as its messageId.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, Final

from bench.flood_oracle import Execution
from bench.station import LightStation, StationError

_RECONNECT_SECONDS: Final = (0.02, 0.25)
_BOOT_AGAIN: Final = 0.2
_SLOW: Final = 0.25
"""Share of the CALLs that are not answered at once."""
_SLOW_SECONDS: Final = (0.005, 0.05)
_VERY_SLOW: Final = 0.03
_VERY_SLOW_SECONDS: Final = (0.3, 1.2)
_REFUSED: Final = 0.2


class FloodStation:
    """Keeps connected until `finish`."""

    def __init__(self, station_id: str, base_url: str, chance: random.Random) -> None:
        """Set up a station; `chance` decides how it answers."""
        self.station_id = station_id
        self.executions: list[Execution] = []
        self.calls = 0
        self._base_url = base_url
        self._chance = chance
        self._link: LightStation | None = None
        self._finishing = False
        self._booted = False
        self._connections = 0

    def finish(self) -> None:
        """Hang up for good."""
        self._finishing = True
        if self._link is not None:
            self._link.abort()

    async def run(self) -> None:
        """Dial, again and again, until `finish`."""
        while not self._finishing:
            try:
                await self._connect()
            except (OSError, StationError, TimeoutError):
                pass
            else:
                await self._hold()
            await asyncio.sleep(self._chance.uniform(*_RECONNECT_SECONDS))

    async def _connect(self) -> None:
        self._connections += 1
        link = _Link(self, f"{self.station_id[-10:]}-{self._connections:05x}")
        self._link = link
        await link.connect(self._base_url)
        if not self._booted or self._chance.random() < _BOOT_AGAIN:
            await link.boot()
            self._booted = True

    async def _hold(self) -> None:
        if self._link is not None:
            await self._link.closed.wait()

    def asked(self, action: str, payload: Any) -> tuple[dict[str, Any] | None, float]:
        """Take note of a CALL; return its answer and how many seconds to wait with it."""
        self.calls += 1
        read_id = _COMMAND_ID.get(action)
        if read_id is not None:
            self.executions.append(Execution(read_id(payload), time.time()))
        return self._answer(action), self._patience()

    def _answer(self, action: str) -> dict[str, Any] | None:
        if action not in _ACCEPTING:
            return None
        refused = action in _COMMAND_ID and self._chance.random() < _REFUSED
        return {"status": "Rejected" if refused else "Accepted"}

    def _patience(self) -> float:
        dice = self._chance.random()
        if dice < _VERY_SLOW:
            return self._chance.uniform(*_VERY_SLOW_SECONDS)
        return self._chance.uniform(*_SLOW_SECONDS) if dice < _SLOW else 0.0


class _Link(LightStation):
    """One connection of a `FloodStation`."""

    def __init__(self, station: FloodStation, message_prefix: str) -> None:
        super().__init__(station.station_id, message_prefix=message_prefix)
        self._station = station

    def called(self, message_id: str, action: str, payload: Any) -> None:
        """Answer when the station likes to."""
        answer, patience = self._station.asked(action, payload)
        loop = asyncio.get_running_loop()
        loop.call_later(patience, self.reply, message_id, answer)


_COMMAND_ID: Final[dict[str, Callable[[Any], str]]] = {
    "RequestStartTransaction": lambda payload: str(payload["idToken"]["idToken"]),
    "DataTransfer": lambda payload: str(payload["messageId"]),
}
_ACCEPTING: Final = {*_COMMAND_ID, "SetChargingProfile", "ClearChargingProfile"}
