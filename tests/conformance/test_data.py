"""Data transfer and custom data (OCPP 2.0.1 part 6, P; 1.6 core profile)."""

from typing import Final

import pytest

from tests.acceptance.bridges import Bridge
from tests.acceptance.stations import BOOT, Json, played
from tests.acceptance.witness import Witness
from tests.conformance.charge_point import BOOT_16
from tests.conformance.story import ACCEPTED, TOKEN, Story

CUSTOM: Final = {"customData": {"vendorId": "org.example", "anything": [1, {"a": None}]}}


@pytest.mark.parametrize(
    ("version", "boot"),
    [
        pytest.param("1.6", BOOT_16, marks=pytest.mark.conformance("TC_064_CSMS")),
        pytest.param("2.0.1", BOOT, marks=pytest.mark.conformance("TC_P_02_CSMS")),
        pytest.param("2.1", BOOT, marks=pytest.mark.conformance("TC_P_02_CSMS")),
    ],
)
async def test_data_of_a_vendor_that_nobody_knows(
    bridge: Bridge, witness: Witness, version: str, boot: Json
) -> None:
    async with played(bridge.url, version=version) as station:
        await station.call("BootNotification", boot)
        answer = await station.call("DataTransfer", {"vendorId": "org.example", "data": "x"})
        assert answer["status"] == "UnknownVendorId"


@pytest.mark.conformance("TC_P_03_CSMS")
async def test_custom_data_is_taken_anywhere(story: Story) -> None:
    station = story.station
    boot = BOOT | CUSTOM
    boot["chargingStation"] = {"model": "Hand", "vendorName": "Played", **CUSTOM}
    assert (await station.call("BootNotification", boot))["status"] == "Accepted"
    assert (await station.call("Heartbeat", CUSTOM)).keys() == {"currentTime"}
    token = TOKEN | CUSTOM
    answer = await story.event(
        "Started", "Authorized", "Charging", info=CUSTOM, idToken=token, **CUSTOM
    )
    assert answer == ACCEPTED
    await story.shows(state="Charging")
    assert await story.told() == [("Started", "Authorized", "Charging")]
