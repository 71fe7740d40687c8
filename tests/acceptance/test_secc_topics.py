"""A client of a charge controller's MQTT topics drives a charger of OCPP through the bridge."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.witness import Witness
from tests.brokers import Broker
from tests.mqtt_probe import MqttProbe
from tests.schema_check import check_document

PLACE: Final = "SIM001/1"
ALLOCATION: Final = f"{PLACE}/allocation"
ROWS: Final = {
    "chargingPoint/status": "seccPointStatus",
    "charging/status": "seccChargingStatus",
    "tx/status": "seccTxStatus",
    "meter/fiscal": "seccMeterFiscal",
    "meter/grid": "seccMeterGrid",
}


class Client(MqttProbe):
    """Knows the topics of a charge controller and nothing else."""

    def __init__(self, broker: Broker) -> None:
        self.root = f"{prefix_of(broker)}/garage/"
        super().__init__(broker.url, f"{self.root}#", mqtt5=broker.mqtt5)

    async def write(self, topic: str, text: str) -> None:
        await self.publish(f"{self.root}charging/{topic}", text)

    async def until(self, topic: str, **values: Any) -> dict[str, Any]:
        """Wait for a message from now on with these values."""
        self.messages.clear()
        found = await self.wait_for(
            f"{self.root}{topic}",
            lambda message: all(message.json[key] == value for key, value in values.items()),
            timeout=15,
        )
        document: dict[str, Any] = found.json
        check_document(ROWS[topic], document)
        return document


def prefix_of(broker: Broker) -> str:
    return f"/secc/{broker.root}"


@pytest.fixture
def options(broker: Broker) -> Options:
    served = {"station": "SIM001", "topic_prefix": prefix_of(broker), "controller": "hems"}
    return {"secc_topics": {"garage": served}}


@pytest.fixture
async def car(bridge: Bridge) -> AsyncIterator[Watch]:
    async with simulated(bridge.url) as watch:
        await watch.until_current(16)
        yield watch


async def test_a_client_sees_and_limits_a_charger_of_ocpp(
    car: Watch, bridge: Bridge, witness: Witness, broker: Broker
) -> None:
    async with Client(broker) as client:
        await client.until("chargingPoint/status", connectorStatus="Occupied")
        await client.until("tx/status", state="CHARGING", allocationSourceName="Unmanaged")
        await client.until("charging/status", chargeControllerStatus="C2", availableAmperage=32)
        await client.until("meter/fiscal", amperage=[16.0] * 3)
        await client.until("meter/grid", activePower=None)

        await client.write("limitTimeout", "60000")
        await client.write("amperageLimit", "8.5")
        await car.until_current(8.5)
        held = await witness.until_newest(ALLOCATION, allocationSourceName="MQTT", offeredA=8.5)
        assert held["limits"][0]["controller"] == "hems"
        assert held["limits"][0]["expiresAt"] is not None
        await client.until("charging/status", availableAmperage=8.5)
        await client.until("tx/status", allocationSourceName="MQTT")

        # the lower of both holds, and what is too low for a car is a pause
        await client.write("powerLimit", "4140")  # 6 A by three phases and 230 V
        await witness.until_newest(ALLOCATION, offeredA=6.0)
        await client.write("amperageLimit", "5")
        await car.until_current(0)
        await client.until("tx/status", state="SUSPENDED_EVSE")

        await client.write("amperageLimit", "NaN")
        await witness.until_newest(ALLOCATION, offeredA=6.0)
        await client.write("powerLimit", "NaN")
        await car.until_current(16)
        await witness.until_newest(ALLOCATION, allocationSourceName="Unmanaged", offeredA=32)

        # a lease that nobody renews runs out
        await client.write("limitTimeout", "1000")
        await client.write("amperageLimit", "7")
        await car.until_current(7)
        await car.until_current(16)
    finals = [
        each["code"]
        for name in ("limit", "release")
        for each in witness.documents(f"{PLACE}/res/hems/{name}")
        if each["final"]
    ]
    assert set(finals) <= {"ok", "below_minimum_paused", "superseded"}
