"""A bridge that reads another bridge as if that were a charge controller, by REST and WebSocket.

The other one has a charging station of OCPP and serves the SECC's API for it. Control passes
through both, and each names who is in control as it sees it.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.bridges import Bridge, running_bridge
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Witness, outcome
from tests.brokers import Broker, unique_root

DONE: Final = ("done", "ok")
PLACE: Final = "behind/1"
QUICK: Final[dict[str, Any]] = {"poll_seconds": 0.2, "meter_interval_seconds": 0.5}


@pytest.fixture(params=["rest", "websocket"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def inner(broker: Broker, tmp_path: Path) -> AsyncIterator[Bridge]:
    """The bridge that has the station of OCPP."""
    options = {"http": {"listen": "127.0.0.1:0"}}
    async with running_bridge(broker, tmp_path / "inner", options) as running:
        yield running


@pytest.fixture
async def outer_broker(broker: Broker) -> Broker:
    """Topics of the bridge that reads the other one."""
    return broker.with_root(unique_root())


@pytest.fixture
async def outer(
    kind: str, inner: Bridge, outer_broker: Broker, tmp_path: Path
) -> AsyncIterator[Bridge]:
    """The bridge that reads the other one."""
    assert inner.app.http is not None
    url = f"http://127.0.0.1:{inner.app.http.port}/secc/SIM001/1"
    options = {"secc": {"behind": {"type": kind, "url": url, **QUICK}}}
    async with running_bridge(outer_broker, tmp_path / "outer", options) as running:
        yield running


@pytest.fixture
async def car(inner: Bridge) -> AsyncIterator[Watch]:
    async with simulated(inner.url) as watch:
        await watch.until_current(16)
        yield watch


async def test_control_passes_through_both(
    car: Watch, outer: Bridge, witness: Witness, outer_broker: Broker
) -> None:
    async with Witness(outer_broker) as far:
        running = await far.until(f"{PLACE}/state", state="Charging")
        assert running["iecSource"] == "secc"
        results = await far.ask("limit", {"limitA": 10}, place=PLACE)
        assert outcome(results)[-1] == DONE
        await car.until_current(10)
        await far.until_newest(f"{PLACE}/allocation", allocationSourceName="MQTT", offeredA=10)
        await witness.until_newest("SIM001/1/allocation", allocationSourceName="API", offeredA=10)

        # the nearer bridge has a lower limit: the farther one sees that somebody else limits
        assert outcome(await witness.ask("limit", {"limitA": 7}, place="SIM001/1"))[-1] == DONE
        await car.until_current(7)
        await far.until_newest(f"{PLACE}/allocation", offeredA=7)
        assert outcome(await witness.ask("release", place="SIM001/1"))[-1] == DONE
        await car.until_current(10)
        await far.until_newest(f"{PLACE}/allocation", allocationSourceName="MQTT", offeredA=10)

        assert outcome(await far.ask("release", place=PLACE))[-1] == DONE
        await car.until_current(16)
        await witness.until_newest("SIM001/1/allocation", allocationSourceName="Unmanaged")
        events = far.documents(f"{PLACE}/event/transaction")
        assert [e["eventType"] for e in events if e["eventType"] != "Updated"] == ["Started"]
