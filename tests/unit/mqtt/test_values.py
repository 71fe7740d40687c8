"""Single facts as plain values: on change, cleared where they are unknown, off by default."""

from typing import Any, Final

import pytest
from pydantic import TypeAdapter

from bridge.domain.control import Allocation
from bridge.domain.model import EvseView, Meter
from bridge.mqtt.rows_at_home import VALUE_OF, VALUES
from bridge.mqtt.topics import TOPICS
from tests.mqtt_link import turns
from tests.records import replace
from tests.unit.mqtt.example_station import DOCUMENTS, EVSE, NOW, STATION
from tests.unit.mqtt.test_publisher import START, World, changed, station

PREFIX: Final = "ocpp/v1/cs/CS1/1/val/"
VALUE: Final = "ocpp/v1/cs/CS1/1/val/powerW"

EXPECTED: Final[dict[str, bytes | None]] = {
    "state": b"Charging",
    "phase": b"charging",
    "vehicleStatus": b"C",
    "plugged": b"true",
    "charging": b"true",
    "stale": b"false",
    "errorCode": None,
    "allocationSourceName": b"MQTT",
    "transactionId": b"tx-1",
    "offeredA": b"10",
    "offeredW": b"6900",
    "chargingAllowed": b"true",
    "limitA": b"10",
    "limitW": None,
    "phases": b"3",
    "requestedPhases": None,
    "limitState": b"active",
    "expiresAt": b"2026-01-10T10:00:01.123Z",
    "sessionActive": b"true",
    "sessionEnergyWh": b"999.5",
    "sessionStartedAt": b"2026-01-10T10:00:00.123Z",
    "powerW": b"6900",
    "energyWh": b"1302.5",
    "currentA": b"9.9",
    "currentL1A": b"9.8",
    "currentL2A": b"9.9",
    "currentL3A": None,
    "voltageL1V": None,
    "voltageL2V": None,
    "voltageL3V": None,
    "frequencyHz": None,
    "socPercent": None,
}


@pytest.mark.parametrize("row", VALUES, ids=lambda row: row.name)
def test_a_value_is_a_fact_of_its_document(row: Any) -> None:
    value = VALUE_OF[row.name]
    document = DOCUMENTS.of_evse(value.document, STATION, EVSE, NOW)
    text = value.text(document)
    assert text == EXPECTED[value.name]
    assert value.text(None) is None
    if text is not None:
        TypeAdapter(row.payload).validate_strings(text.decode(), strict=True)


def test_each_value_is_a_row_of_the_topic_table() -> None:
    assert [VALUE_OF[row.name].name for row in VALUES] == list(EXPECTED)
    assert set(VALUES) <= set(TOPICS)


async def shown(**evse: Any) -> tuple[World, Any]:
    world = World(scalars=True)
    await world.connect()
    now = station(**evse)
    world.publisher.station_changed(None, now)
    await turns(40)
    return world, now


def values(world: World) -> dict[str, bytes]:
    """Return the values that were sent, the newest of each."""
    return {
        message.topic.removeprefix(PREFIX): message.payload
        for message in world.link.sent
        if message.topic.startswith(PREFIX)
    }


async def test_what_is_known_is_published_retained_at_qos_0_and_what_is_not_is_not() -> None:
    world, _ = await shown(view=EvseView(plugged=True))
    found = values(world)
    assert found["plugged"] == b"true"
    assert found["allocationSourceName"] == b"Unmanaged"
    assert found.keys() == {
        "state",
        "phase",
        "vehicleStatus",
        "plugged",
        "charging",
        "stale",
        "allocationSourceName",
    }
    sent = [message for message in world.link.sent if message.topic.startswith(PREFIX)]
    assert {(each.qos, each.retain, each.json) for each in sent} == {(0, True, False)}


async def test_only_what_has_changed_is_sent_again() -> None:
    world, now = await shown(meter=Meter(at=START, power_w=100.0, soc_percent=50.0))
    world.link.sent.clear()
    world.clock.skipped = 10
    after = changed(now, meter=Meter(at=START, power_w=200.0, soc_percent=50.0))
    world.publisher.station_changed(now, after)
    await turns()
    assert values(world) == {"powerW": b"200"}


async def test_readings_wait_their_second() -> None:
    world, now = await shown(meter=Meter(at=START, power_w=100.0))
    world.link.sent.clear()
    for power_w in (200.0, 300.0):
        after = changed(now, meter=Meter(at=START, power_w=power_w))
        world.publisher.station_changed(now, after)
        now = after
    await turns()
    assert values(world) == {}


async def test_what_is_unknown_again_is_cleared() -> None:
    offer = Allocation(offered_a=10.0, since=START, requested_a=10.0)
    world, now = await shown(allocation=offer)
    assert values(world)["limitA"] == b"10"
    after = changed(now, allocation=replace(offer, requested_a=None))
    world.publisher.station_changed(now, after)
    await turns()
    assert values(world)["limitA"] == b""


async def test_the_values_of_a_station_that_is_removed_are_cleared() -> None:
    world, now = await shown()
    world.publisher.station_removed(now)
    await turns(40)
    assert set(values(world).values()) == {b""}


async def test_they_are_published_again_where_the_broker_has_forgotten() -> None:
    world, _ = await shown(view=EvseView(plugged=True))
    world.link.disconnect()
    world.link.sent.clear()
    await world.connect(session_present=False)
    await turns(40)
    assert values(world)["plugged"] == b"true"


async def test_by_default_there_are_none_and_those_of_an_earlier_run_are_cleared() -> None:
    world = World()
    world.publisher.station_changed(None, station())
    world.link.connect(session_present=False)
    await turns()
    assert "ocpp/v1/cs/+/+/val/+" in world.link.filters
    for topic in (VALUE, VALUE.replace("CS1", "OTHER"), "ocpp/v1/cs/=2a/1/val/x"):
        world.link.deliver(topic, b"7", retain=True)
    await turns(40)
    assert values(world) == {"powerW": b""}
    assert "ocpp/v1/cs/OTHER/1/val/powerW" not in world.link.topics()


async def test_where_they_are_published_nobody_looks_for_old_ones() -> None:
    world, _ = await shown()
    world.link.disconnect()
    world.link.connect(session_present=False)
    assert "ocpp/v1/cs/+/+/val/+" not in world.link.filters
