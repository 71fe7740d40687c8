"""Simulated stations that run beside the small central system, and what can be seen of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, cast

from ocpp.v201 import call

from bridge.simulator import SimulatorOptions, StationSnapshot, simulate
from bridge.simulator.script import Authorize, Charge, PlugIn, Script
from tests.integration.simulator.csms import Csms, Peer

QUICK: Final = {
    "start_delay_s": 0.0,
    "meter_interval_s": 0.2,
    "reconnect_min_s": 0.05,
    "reconnect_max_s": 0.1,
    "reboot_s": 0.1,
}
CHARGE: Final = Script(steps=(PlugIn(), Authorize(), Charge(seconds=3600)))


class Watch:
    """Keeps the newest snapshot of every station."""

    def __init__(self) -> None:
        self.seen: dict[str, StationSnapshot] = {}
        self._changed = asyncio.Event()

    def __call__(self, snapshot: StationSnapshot) -> None:
        self.seen[snapshot.station_id] = snapshot
        self._changed.set()

    async def until(self, condition: Callable[[StationSnapshot], bool]) -> None:
        """Wait until a condition holds for the first station."""
        async with asyncio.timeout(20):
            while "SIM001" not in self.seen or not condition(self.seen["SIM001"]):
                self._changed.clear()
                await self._changed.wait()

    async def until_current(self, amps: float) -> None:
        await self.until(lambda snapshot: snapshot.evses[0].current_a == amps)


@asynccontextmanager
async def simulated(csms: Csms, **options: Any) -> AsyncIterator[Watch]:
    stop, watch = asyncio.Event(), Watch()
    settings = SimulatorOptions(**{"url": csms.url, "script": CHARGE, **QUICK, **options})
    task = asyncio.create_task(simulate(settings, stop, watch))
    try:
        yield watch
    finally:
        stop.set()
        async with asyncio.timeout(1):
            await task


async def charging(csms: Csms) -> Peer:
    """Return the station once it charges."""
    await csms.until(
        lambda: any(event["trigger_reason"] == "ChargingStateChanged" for event in csms.events())
    )
    return cast("Peer", csms.peers["SIM001"])


def transaction_id(csms: Csms) -> str:
    return str(csms.events()[-1]["transaction_info"]["transaction_id"])


def tx_profile(csms: Csms, limit_a: float, **period: Any) -> Any:
    """Return a TxProfile for the running transaction; `period` adds to its only period."""
    return call.SetChargingProfile(
        evse_id=1,
        charging_profile={
            "id": 7,
            "stack_level": 1,
            "charging_profile_purpose": "TxProfile",
            "charging_profile_kind": "Absolute",
            "transaction_id": transaction_id(csms),
            "charging_schedule": [
                {
                    "id": 1,
                    "start_schedule": datetime.now(tz=UTC).isoformat(),
                    "charging_rate_unit": "A",
                    "charging_schedule_period": [{"start_period": 0, "limit": limit_a, **period}],
                }
            ],
        },
    )
