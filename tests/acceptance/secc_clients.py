"""A client of charge controllers that reads and writes what evcc's driver does.

Compared with `charger/pulsatrix.go` of evcc of August 2026: the same messages and times, the same
fields of any document, null as no news.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

DATA_TIMEOUT_SECONDS: Final = 15.0
READ_TIMEOUT_SECONDS: Final = 10.0
SYNC_RETRIES: Final = 3
PATIENCE_SECONDS: Final = 15.0


class Evcc:
    """One loadpoint's charger: knows a host, and nothing else.

    It says `setEnabled false` when it has connected, merges whatever is pushed into one record,
    calls that outdated after 15 s, and hangs up after 10 s of silence. Its heartbeat (every three
    minutes) says again whether it is enabled.
    """

    def __init__(self, host: str) -> None:
        self._url = f"ws://{host}/api/ws"
        self._socket: ClientConnection | None = None
        self._data: dict[str, Any] = {}
        self._updated = float("-inf")
        self._changed = asyncio.Event()
        self.enabled = False

    async def run(self) -> None:
        """Connect, and read until nothing comes any more."""
        async with connect(self._url, compression=None) as socket:
            self._socket = socket
            for attempt in range(SYNC_RETRIES):
                try:
                    await self.enable(False)
                    break
                except OSError:
                    if attempt == SYNC_RETRIES - 1:
                        raise
                    await asyncio.sleep(1)
            while True:
                async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                    text = await socket.recv()
                assert isinstance(text, str)
                message = json.loads(text.replace(":NaN", ":null"))["message"]
                self._data |= {name: value for name, value in message.items() if value is not None}
                self._updated = asyncio.get_running_loop().time()
                self._changed.set()

    # --- commands

    async def _write(self, name: str, value: str) -> None:
        assert self._socket is not None
        await self._socket.send(f"{name}\n{value}")

    async def enable(self, enable: bool) -> None:
        await self._write("setEnabled", "true" if enable else "false")
        self.enabled = enable

    async def heartbeat(self) -> None:
        await self.enable(self.enabled)

    async def max_current(self, amps: float) -> None:
        await self._write("setCurrentLimit", f"{amps:g}")

    async def phases(self, number: int) -> None:
        await self._write("set1p3p", "true" if number == 1 else "false")

    # --- readings

    def _get(self, name: str) -> Any:
        if asyncio.get_running_loop().time() - self._updated > DATA_TIMEOUT_SECONDS:
            raise TimeoutError("outdated")
        return self._data[name]

    @property
    def status(self) -> str:
        status: str = self._get("vehicleStatus")
        assert status in {"A", "B", "C", "D", "E", "F"}
        return status

    @property
    def currents(self) -> list[float]:
        return [float(current) for current in self._get("amperage")]

    @property
    def voltages(self) -> list[float]:
        return [float(voltage) for voltage in self._get("voltage")]

    @property
    def power_w(self) -> float:
        return float(self._get("lastActivePower"))

    @property
    def energy_kwh(self) -> float:
        return float(self._get("energyImported"))

    @property
    def limit_a(self) -> float:
        return float(self._get("amperageLimit"))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is looked at whenever something was pushed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (self._data and condition()):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def evcc(host: str) -> AsyncIterator[Evcc]:
    """Run the client while in the context."""
    client = Evcc(host)
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        task.cancel()
        done, _ = await asyncio.wait([task])
        for each in done:
            if not each.cancelled():
                await each
