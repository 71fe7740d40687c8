"""The lines of mosquitto/README.md for a charge controller's topics, on a real Mosquitto."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from bridge.api.secc_topics import WRITABLE
from bridge.demo.broker import free_port
from bridge.mqtt.rows_of_a_secc import SECC_ROWS
from tests.brokers import MosquittoProcess
from tests.mqtt_probe import MqttProbe
from tests.shipped_mosquitto import SHIPPED, configuration_for, runnable

pytestmark = [pytest.mark.mosquitto, pytest.mark.mqtt5]

ROOT: Final = "pulsatrix/secc/garage/"
OTHER: Final = "pulsatrix/secc/other/"
USERS: Final = {"bridge": "pw-bridge", "pv": "pw-pv", "hems": "pw-hems"}
TOLD: Final = [topic for topic in SECC_ROWS if topic not in WRITABLE]


def documented() -> str:
    """Return the block of the page that is to be added to the ACL."""
    (block,) = re.findall(
        r"```\n(user bridge\n.*?)```", (SHIPPED / "README.md").read_text(), re.DOTALL
    )
    return str(block)


@pytest.fixture(params=runnable())
async def broker(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[MosquittoProcess]:
    acl = tmp_path / "acl"
    acl.write_text((SHIPPED / "acl").read_text() + "\n" + documented())
    acl.chmod(0o644)
    port = free_port()
    configuration = configuration_for(tmp_path, port, name=request.param, acl=acl)
    async with MosquittoProcess(
        tmp_path, port=port, users=USERS, configuration=configuration
    ) as process:
        yield process


async def arrived(broker: MosquittoProcess, reader: str, writer: str, *topics: str) -> list[str]:
    """Return which topics, written by one user, reach another; the fence is the bridge's."""
    async with (
        MqttProbe(broker.url_of(reader), "pulsatrix/#", "ocpp/#") as reading,
        MqttProbe(broker.url_of(writer)) as writing,
        MqttProbe(broker.url_of("bridge")) as bridge,
    ):
        for topic in topics:
            await writing.publish(topic, "1")
        await bridge.publish("ocpp/v1/bridge/main/state", "fence")
        await reading.wait_for("ocpp/v1/bridge/main/state")
        return [each.topic for each in reading.messages if each.topic.startswith("pulsatrix")]


async def test_the_client_sees_what_the_bridge_tells(broker: MosquittoProcess) -> None:
    async with (
        MqttProbe(broker.url_of("hems"), "pulsatrix/#") as client,
        MqttProbe(broker.url_of("bridge")) as bridge,
    ):
        for topic in TOLD:
            await bridge.publish(ROOT + topic, "{}")
        await client.wait_for(ROOT + TOLD[-1])
        assert [each.topic for each in client.messages] == [ROOT + topic for topic in TOLD]


async def test_the_one_client_limits_and_nobody_else_writes_or_reads(
    broker: MosquittoProcess,
) -> None:
    told = [ROOT + topic for topic in TOLD]
    written = [ROOT + topic for topic in WRITABLE]
    assert await arrived(broker, "pv", "bridge", *told) == []
    assert await arrived(broker, "bridge", "hems", *written, *told) == written
    assert await arrived(broker, "bridge", "pv", *written) == []
    assert await arrived(broker, "bridge", "hems", f"{OTHER}charging/amperageLimit") == []
