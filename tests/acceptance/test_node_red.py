"""examples/node-red in a real Node-RED, with a bridge, a broker and a car."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from bridge.api import commands
from bridge.mqtt import topics
from bridge.mqtt.topics import Direction
from tests.acceptance.bridges import Bridge
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Witness
from tests.brokers import Broker
from tests.mqtt_probe import MqttProbe
from tests.node_red import NodeRed, node_red
from tests.schema_check import row_of

FLOWS: Final = Path(__file__).parents[2] / "examples/node-red/flows.json"
NODES: Final[list[dict[str, Any]]] = json.loads(FLOWS.read_text(encoding="utf-8"))
SURPLUS: Final = "solar/surplus"
MESSAGE: Final = "home/charging/message"


# --- what can be seen without Node-RED


def test_every_topic_is_one_of_the_bridge_or_of_the_home() -> None:
    known = topics.Topics("ocpp", "main")
    for node in NODES:
        topic = node.get("topic")
        if topic is None or topic in {SURPLUS, MESSAGE}:
            continue
        if node["type"] == "mqtt in":
            row = row_of(topic.replace("+/+", "SIM001/1"), "ocpp")
            assert row.direction is Direction.FROM_BRIDGE
        else:
            found = known.parse_command(topic)
            assert (found.problem, found.controller) == (None, "nodered")
            assert found.name in commands.COMMAND_MODELS
            assert (node["qos"], node["retain"]) == ("1", "false")


def test_every_wire_leads_to_a_node() -> None:
    ids = [node["id"] for node in NODES]
    assert len(ids) == len(set(ids))
    for node in NODES:
        assert {each for wires in node.get("wires", []) for each in wires} <= set(ids)
        assert node.get("z", "sun") in ids
        assert node.get("broker") in {None, "broker", "localhost"}


# --- and with it


def flows_for(broker: Broker) -> list[dict[str, Any]]:
    """Return the example with the changes that its README asks for: broker and topics."""
    text = FLOWS.read_text(encoding="utf-8")
    for shipped, here in {
        '"ocpp/v1/': f'"{broker.root}/v1/',
        f'"{SURPLUS}"': f'"{SURPLUS}/{broker.root}"',
        f'"{MESSAGE}"': f'"{MESSAGE}/{broker.root}"',
        '"localhost"': f'"{broker.host}"',
        '"port": "1883"': f'"port": "{broker.port}"',
        '"protocolVersion": "5"': f'"protocolVersion": "{5 if broker.mqtt5 else 4}"',
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    flows: list[dict[str, Any]] = json.loads(text)
    return flows


@pytest.fixture
async def home(broker: Broker) -> AsyncIterator[MqttProbe]:
    """What the flows tell people."""
    topic = f"{MESSAGE}/{broker.root}"
    async with MqttProbe(broker.url, topic, mqtt5=broker.mqtt5) as probe:
        yield probe


@pytest.fixture
async def red(broker: Broker, tmp_path: Path) -> AsyncIterator[NodeRed]:
    directory = tmp_path / "node-red"
    directory.mkdir()
    async with node_red(directory) as running:
        await running.deploy(flows_for(broker))
        yield running


@pytest.mark.npm
@pytest.mark.timeout(400)  # the first time it is installed
async def test_the_flows_limit_by_the_sun_and_tell_of_transactions(
    broker: Broker, bridge: Bridge, witness: Witness, home: MqttProbe, red: NodeRed
) -> None:
    told = f"{MESSAGE}/{broker.root}"
    house = House()
    async with house.metered(witness, f"{SURPLUS}/{broker.root}"):
        refused = await home.wait_for(told, timeout=30)  # no station is there yet
        assert refused.text.startswith("The limit was refused: ")
        async with simulated(bridge.url) as house.car:
            await home.wait_for(told, lambda each: "begun" in each.text, timeout=30)
            await witness.until("SIM001/1/res/nodered/limit", status="done")
            # 7 kW on three phases of 230 V are 10.1 A, of the 16 A that the car could take
            await house.car.until(lambda snapshot: 9.5 < snapshot.evses[0].current_a < 10.7)
            await witness.until("SIM001/1/allocation", allocationSourceName="MQTT")
            await witness.ask("stop")
            ended = await home.wait_for(told, lambda each: "ended" in each.text, timeout=30)
    begun = [each.text for each in home.messages if "begun" in each.text]
    assert begun == ["SIM001, EVSE 1: a transaction has begun"]
    assert ended.text.startswith("SIM001, EVSE 1: the transaction has ended after ")
    assert ended.text.endswith(" kWh (Remote)")
    assert "[error]" not in red.log


class House:
    """A roof that gives 7 kW, and a car that takes some of it."""

    SUN_W: Final = 7000.0

    def __init__(self) -> None:
        self.car = Watch()

    @property
    def surplus_w(self) -> float:
        """What is fed in."""
        currents = [each.evses[0].current_a for each in self.car.seen.values()]
        return self.SUN_W - sum(currents) * 3 * 230

    @asynccontextmanager
    async def metered(self, witness: Witness, topic: str) -> AsyncIterator[None]:
        """Publish what is fed in every second while in the context."""

        async def go_on() -> None:
            while True:
                await witness.publish(topic, str(self.surplus_w))
                await asyncio.sleep(1)

        going = asyncio.create_task(go_on())
        yield
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
