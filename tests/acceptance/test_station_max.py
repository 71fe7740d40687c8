"""A limit for the whole station, shared by its EVSEs: at simulated stations of each version."""

from typing import Final

import pytest

from bridge.simulator.quirks import Quirk
from tests.acceptance.bridges import ASKING, Bridge, Options, merged
from tests.acceptance.simulation import simulated
from tests.acceptance.witness import Witness, outcome

SHARED: Final[Options] = {
    "stations": {"defaults": {"installation_max_a": 16, "station_max_a": 20}}
}


@pytest.fixture
def options() -> Options:
    return merged(ASKING, SHARED)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_two_cars_share_what_the_station_may_draw(
    bridge: Bridge, witness: Witness, version: str
) -> None:
    async with simulated(bridge.url, version=version, evses=2) as watch:
        await watch.until(lambda seen: [each.current_a for each in seen.evses] == [10, 10])
        results = await witness.ask("limit", {"limitA": 8}, place="SIM001/1")
        assert outcome(results)[-1] == ("done", "ok")
        await watch.until(lambda seen: [each.current_a for each in seen.evses] == [8, 10])


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_station_without_smart_charging_says_so_once_and_charges(
    bridge: Bridge, witness: Witness, version: str
) -> None:
    quirks = frozenset({Quirk.NO_SMART_CHARGING})
    async with simulated(bridge.url, version=version, quirks=quirks) as watch:
        await watch.until_current(16)
        fault = await witness.until("SIM001/0/event/fault", code="station_max_refused")
        assert fault["details"]["code"] == "NotSupported"
        await witness.until_newest("SIM001/1/state", state="Charging")
