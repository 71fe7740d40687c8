"""Clients that were written for a charge controller drive a charger of OCPP through the bridge."""

import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from bridge.engine.clock import SystemClock
from bridge.ports import Scope
from bridge.store.tokens import create_token
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.secc_clients import evcc
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.test_http_how_to import BLOCK, charging, compare, run
from tests.acceptance.witness import Witness
from tests.brokers import LOOPBACK

PAGE: Final = Path(__file__).parents[2] / "docs/how-to/use-a-secc-client.md"
ALLOCATION: Final = "SIM001/1/allocation"
EVCC: Final = "SIM001/1/res/evcc"


@pytest.fixture
def options() -> Options:
    return {
        "http": {"listen": f"{LOOPBACK}:0", "auth": "token", "secc_disabled": "pause"},
        "stations": {"defaults": {"phase_switching": True}},
    }


@pytest.fixture
def token(tmp_path: Path) -> str:
    return create_token(
        tmp_path / "data", "evcc", [Scope.CONTROL], expires_at=None, clock=SystemClock()
    )


@pytest.fixture
async def car(bridge: Bridge) -> AsyncIterator[Watch]:
    """A car that charges with 16 A at the simulated station SIM001."""
    async with simulated(bridge.url, meter_interval_s=0.2) as watch:
        await watch.until_current(16)
        await charging(bridge)
        yield watch


async def test_evcc_charges_by_surplus(
    bridge: Bridge, witness: Witness, car: Watch, token: str
) -> None:
    assert bridge.app.http is not None
    host = f"evcc:{token}@{LOOPBACK}:{bridge.app.http.port}/secc/SIM001/1"
    async with evcc(host) as client:
        # it has connected: nothing is charged before it says so
        await car.until_current(0)
        paused = await witness.until(ALLOCATION, allocationSourceName="API", offeredA=0)
        assert paused["limits"][0]["controller"] == "evcc"
        await client.until(lambda: client.status == "B" and client.power_w == 0)

        # enough sun for 6 A
        await client.max_current(6)
        await client.enable(True)
        await car.until_current(6)
        await client.until(lambda: client.status == "C" and client.currents == [6, 6, 6])
        await client.until(lambda: client.limit_a == 6)
        assert sum(client.voltages) * 6 == pytest.approx(client.power_w, rel=0.05)
        before_kwh = client.energy_kwh
        await witness.until(ALLOCATION, allocationSourceName="API", offeredA=6)
        await witness.until("SIM001/1/secc", allocationSourceName="API", state="Charging")

        # more sun
        await client.max_current(10.5)
        await car.until_current(10.5)
        await client.until(lambda: client.limit_a == 10.5 and client.currents[0] == 10.5)
        await client.until(lambda: client.energy_kwh > before_kwh)

        # three minutes later
        held = await witness.until(ALLOCATION, allocationSourceName="API", offeredA=10.5)
        renewed = len(witness.documents(f"{EVCC}/limit"))
        await client.heartbeat()
        await witness.wait_for(
            witness.address(f"{EVCC}/limit"),
            lambda message: (
                message.json["final"] and len(witness.documents(f"{EVCC}/limit")) > renewed
            ),
            timeout=15,
        )
        after = witness.newest(f"{EVCC}/limit")
        assert after["data"]["expiresAt"] > held["limits"][0]["expiresAt"]

        # clouds, and sun again: the driver does not repeat a current that has not changed
        await client.enable(False)
        await car.until_current(0)
        await client.enable(True)
        await car.until_current(10.5)

        # one phase is enough
        await client.phases(1)
        one = await witness.until(ALLOCATION, onePhaseLimitActive=True, phaseLimitSourceName="API")
        assert one["allocationSourceName"] == "API"
        await client.until(lambda: client.currents == [10.5, 0, 0])


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_each_command_answers_what_the_page_says(
    bridge: Bridge, car: Watch, token: str
) -> None:
    assert bridge.app.http is not None
    address = f"{LOOPBACK}:{bridge.app.http.port}"
    environment = {**os.environ, "BRIDGE": f"http://{address}", "TOKEN": token}
    answer = ""
    for language, text in BLOCK.findall(PAGE.read_text("utf-8")):
        if language == "sh" and "curl" in text:
            answer = await run(environment, "bash", "-ec", text)
        elif language == "jsonc":
            compare(json.loads(text), json.loads(answer))
