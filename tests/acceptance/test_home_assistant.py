"""Home Assistant discovery with a real broker and simulated stations, as a stand-in sees it.

`script/test --home-assistant` does the same with Home Assistant itself (tests/home_assistant).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.bridges import Bridge, Options, merged, running_bridge
from tests.acceptance.home import PlayedHome
from tests.acceptance.simulation import simulated
from tests.acceptance.witness import Witness
from tests.brokers import Broker

POWER: Final = "sensor.sim001_1_power"
LIMIT: Final = "number.sim001_1_limit"
ALLOWED: Final = "switch.sim001_1_allowed"
SOURCE: Final = "sensor.sim001_1_allocation_source"
CONNECTED: Final = "binary_sensor.sim001_connectivity"


@pytest.fixture
def prefix(broker: Broker) -> str:
    """A discovery prefix of the test's own: the broker serves others too."""
    return f"ha-{broker.root}"


@pytest.fixture
def options(prefix: str) -> Options:
    return {"mqtt": {"discovery": "auto", "discovery_prefix": prefix}}


@pytest.fixture
async def home(witness: Witness, prefix: str) -> PlayedHome:
    """It is there before the bridge."""
    played = PlayedHome(witness, prefix)
    await played.begin()
    return played


@asynccontextmanager
async def another_run(
    broker: Broker, data_dir: Path, options: Options, **mqtt: Any
) -> AsyncIterator[Bridge]:
    """Run the bridge once more on the same data, with other settings."""
    async with running_bridge(broker, data_dir, merged(options, {"mqtt": mqtt})) as bridge:
        yield bridge


@pytest.mark.parametrize("style", ["device", "entity"])
@pytest.mark.parametrize("version", ["2.0.1", "1.6"])
async def test_a_charging_car_is_shown_and_controlled(
    broker: Broker,
    tmp_path: Path,
    options: Options,
    witness: Witness,
    home: PlayedHome,
    style: str,
    version: str,
) -> None:
    async with (
        another_run(broker, tmp_path, options, discovery_style=style) as bridge,
        simulated(bridge.url, version=version) as car,
    ):
        await car.until_current(16)
        await home.until_known(POWER, LIMIT, ALLOWED, SOURCE, CONNECTED)
        await home.until_shown("sensor.sim001_1_state", "Charging")
        await home.until_above(POWER, 10_000)
        await home.until_shown("binary_sensor.sim001_1_plugged", "ON")
        await home.until_shown(LIMIT, "32.0")
        await home.until_shown(SOURCE, "Unmanaged")
        await home.until_shown(CONNECTED, "online")

        await home.press(LIMIT, 10)
        await home.until_shown(LIMIT, "10.0")
        await home.until_shown(SOURCE, "MQTT")
        await car.until_current(10)

        await home.press(ALLOWED, "false")
        await home.until_shown(ALLOWED, "false")
        await home.until_shown(LIMIT, "None")
        await car.until_current(0)
        await home.press(ALLOWED, "true")
        await home.until_shown(LIMIT, "10.0")

        await home.press("button.sim001_1_release")
        await home.until_shown(SOURCE, "Unmanaged")

        await home.press("button.sim001_1_stop")
        event = "event.sim001_1_transaction"
        await witness.until("SIM001/1/event/transaction", eventType="Ended")
        shown = home.shown(event)
        assert shown is not None
        assert '"event_type": "ended"' in shown


async def test_over_mqtt_3_1_1(
    broker: Broker, tmp_path: Path, options: Options, home: PlayedHome
) -> None:
    async with (
        another_run(broker, tmp_path, options, protocol="3.1.1") as bridge,
        simulated(bridge.url) as car,
    ):
        await car.until_current(16)
        await home.until_known(LIMIT)
        await home.press(LIMIT, 8)
        await home.until_shown(LIMIT, "8.0")
        await car.until_current(8)


async def test_an_entity_is_unavailable_while_station_or_bridge_are(
    broker: Broker, tmp_path: Path, options: Options, home: PlayedHome
) -> None:
    async with another_run(broker, tmp_path, options) as bridge:
        async with simulated(bridge.url):
            await home.until_known(POWER, CONNECTED)
            await home.until_available(POWER, available=True)
        await home.until_available(POWER, available=False)
        await home.until_shown(CONNECTED, "offline")
        assert home.available(CONNECTED)
    await home.until_available(CONNECTED, available=False)


async def test_what_was_announced_moves_with_the_style_and_goes_with_discovery(
    broker: Broker, tmp_path: Path, options: Options, witness: Witness, home: PlayedHome
) -> None:
    async with another_run(broker, tmp_path, options) as bridge, simulated(bridge.url):
        await home.until_known(POWER, CONNECTED)
    devices, entities = home.configurations, home.entities

    async with another_run(broker, tmp_path, options, discovery_style="entity"):
        for topic in devices:
            await witness.wait_for(topic, lambda each: not each.payload, timeout=20)
        await home.until_known(*entities)
    assert not devices.keys() & home.configurations.keys()
    assert home.entities == entities
    topics = [message.topic for message in home.said() if b"migrate" in message.payload]
    assert sorted(topics) == sorted(devices)

    async with another_run(broker, tmp_path, options, discovery="off"):
        await home.until_gone()


async def test_home_assistant_that_comes_up_is_told_again(
    broker: Broker, tmp_path: Path, options: Options, witness: Witness, home: PlayedHome
) -> None:
    async with another_run(broker, tmp_path, options) as bridge, simulated(bridge.url) as car:
        await car.until_current(16)
        await home.until_known(POWER, CONNECTED)
        await home.until_above(POWER, 10_000)
        await bridge.at_rest()
        witness.forget()
        await home.is_born()
        await home.until_known(POWER, CONNECTED)
        await witness.until("SIM001/1/state", state="Charging")


async def test_single_values_are_plain_and_retained(
    broker: Broker, tmp_path: Path, options: Options, witness: Witness
) -> None:
    run = another_run(broker, tmp_path, options, scalars=True)
    async with run as bridge, simulated(bridge.url) as car:
        await car.until_current(16)
        for name, text in {
            "state": "Charging",
            "plugged": "true",
            "offeredA": "32",
            "currentL1A": "16",
            "allocationSourceName": "Unmanaged",
        }.items():
            await witness.until_text(f"SIM001/1/val/{name}", text)
        await witness.set_value("limitA", "10")
        await witness.until_text("SIM001/1/val/limitA", "10")
        await witness.until_text("SIM001/1/val/allocationSourceName", "MQTT")
        await witness.until_text("SIM001/1/val/currentA", "10")
    witness.forget()
    async with another_run(broker, tmp_path, options):
        await witness.until_text("SIM001/1/val/state", "")
        await witness.until_text("SIM001/1/val/powerW", "")
