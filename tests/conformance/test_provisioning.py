"""Provisioning: boot, versions, variables, restarts (OCPP 2.0.1 part 6, B; 1.6 core profile)."""

import json
from typing import Any, Final

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from bridge.domain.ids import StationId
from bridge.engine.clock import SystemClock
from bridge.store.admin import approve_station
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import BOOT, Json, played
from tests.acceptance.witness import Witness, outcome
from tests.conformance.story import PLACE

BOOT_16: Final = {"chargePointModel": "Hand", "chargePointVendor": "Played"}
BOOTS: Final = {"1.6": BOOT_16, "2.0.1": BOOT, "2.1": BOOT}
FREE: Final[dict[str, Json]] = {
    "1.6": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "2.0.1": {
        "timestamp": "2026-11-21T08:00:00Z",
        "connectorStatus": "Available",
        "evseId": 1,
        "connectorId": 1,
    },
}
FREE["2.1"] = FREE["2.0.1"]


# --- boot


@pytest.mark.parametrize("version", BOOTS)
@pytest.mark.conformance("TC_B_01_CSMS", "TC_001_CSMS")
async def test_a_known_station_is_accepted_when_it_boots(
    bridge: Bridge, witness: Witness, version: str
) -> None:
    async with played(bridge.url, version=version) as station:
        answer = await station.call("BootNotification", BOOTS[version])
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        assert answer["currentTime"].endswith("Z")
        assert await station.call("StatusNotification", FREE[version]) == {}
        assert (await station.call("Heartbeat", {})).keys() == {"currentTime"}
        info = await witness.until_newest("CS1/info", registration="Accepted", ocppVersion=version)
        assert info["cs"] == "CS1"
        booted = await witness.until_newest(
            "CS1/info", evses=[{"evse": 1, "connectors": [1], "phases": 3}]
        )
        assert (booted["boot"]["vendorName"], booted["boot"]["model"]) == ("Played", "Hand")
        state = await witness.until_newest(f"{PLACE}/state", state="Idle")
        assert state["connectorStatus"] == "Available"
        assert not station.calls


class TestUnknownStation:
    """The owner has not let this station in yet."""

    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"unknown": "pending"}}

    @pytest.mark.parametrize("version", BOOTS)
    @pytest.mark.conformance("TC_B_02_CSMS")
    async def test_it_is_pending_until_it_is_approved_on_the_same_connection(
        self, bridge: Bridge, witness: Witness, tmp_path: Any, version: str
    ) -> None:
        async with played(bridge.url, version=version) as station:
            pending = await station.call("BootNotification", BOOTS[version])
            assert pending["status"] == "Pending"
            assert pending["interval"] > 0
            await witness.until_newest("CS1/info", registration="Pending")
            assert approve_station(tmp_path / "data", StationId("CS1"), SystemClock())
            accepted = await station.call("BootNotification", BOOTS[version])
            assert accepted["status"] == "Accepted"
            assert await station.call("StatusNotification", FREE[version]) == {}
            await witness.until_newest("CS1/info", registration="Accepted")
            await witness.until_newest(f"{PLACE}/state", state="Idle")

    @pytest.mark.parametrize("version", BOOTS)
    @pytest.mark.conformance("TC_B_30_CSMS")
    async def test_what_it_says_before_that_is_a_security_error(
        self, bridge: Bridge, witness: Witness, version: str
    ) -> None:
        async with played(bridge.url, version=version) as station:
            pending = await station.call("BootNotification", BOOTS[version])
            assert pending["status"] == "Pending"
            said = f'[2,"early","StatusNotification",{json.dumps(FREE[version])}]'
            assert (await station.exchange(said))[:3] == [4, "early", "SecurityError"]
            await witness.until_newest("CS1/info", registration="Pending")
            await witness.settle()
            assert not witness.matching(witness.address(f"{PLACE}/#"))
            results = await witness.ask("limit", {"limitA": 10}, place=PLACE)
            assert outcome(results)[-1][0] == "rejected"
            assert not station.calls_of("SetChargingProfile")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp0.1", "ocpp2.0.1"], "ocpp2.0.1"),
        (["ocpp0.1", "ocpp1.6"], "ocpp1.6"),
        (["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], "ocpp2.1"),
    ],
)
@pytest.mark.conformance("TC_B_58_CSMS", "TC_088_CSMS")
async def test_of_a_mixed_offer_the_first_known_version_is_spoken(
    bridge: Bridge, offered: list[str], chosen: str
) -> None:
    names = [Subprotocol(each) for each in offered]
    async with connect(f"{bridge.url}/CS1", subprotocols=names) as socket:
        assert socket.subprotocol == chosen
        version = chosen.removeprefix("ocpp")
        await socket.send(f'[2,"boot","BootNotification",{json.dumps(BOOTS[version])}]')
        assert '"Accepted"' in str(await socket.recv())


@pytest.mark.parametrize("offered", [["ocpp0.1"], ["ocpp0.1", "mqtt"]])
@pytest.mark.conformance("TC_B_58_CSMS", "TC_088_CSMS")
async def test_an_offer_without_a_known_version_is_not_upgraded(
    bridge: Bridge, witness: Witness, offered: list[str]
) -> None:
    names = [Subprotocol(each) for each in offered]
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{bridge.url}/CS1", subprotocols=names):
            pass
    assert refused.value.response.status_code == 400
    await witness.settle()
    assert not witness.matching(witness.address("CS1/#"))
