"""Connections that race: always exactly one is a station's, and no acknowledged event is lost."""

import asyncio
import os
import sqlite3
import sys
from pathlib import Path
from typing import Final

import pytest
from websockets.exceptions import InvalidStatus

from bridge.domain.ids import StationId
from tests.acceptance.bridges import Bridge, Options, running_bridge
from tests.acceptance.racers import AT_ONCE, Racer, password_of
from tests.brokers import Broker
from tests.mqtt_probe import MqttProbe
from tests.schema_check import check_message

SEED: Final = int(os.environ.get("BRIDGE_TESTS_SEED", "20261121"))
CONNECTIONS: Final = int(os.environ.get("BRIDGE_TESTS_RACES", "1000"))
"""In all; the guesses of intruders are not counted."""
STEADY: Final = [f"STEADY{number}" for number in range(4)]
"""Stations that always open the next connection before they lose the last one."""
SHAKY: Final = [f"SHAKY{number}" for number in range(4)]
INTRUSION_EVERY: Final = 8

needs_addresses = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems have one loopback address only"
)


@needs_addresses
async def test_connections_that_race(broker: Broker, tmp_path: Path) -> None:
    known = {name: {"auth": "basic", "password": password_of(name)} for name in (*STEADY, *SHAKY)}
    options: Options = {
        "stations": {"unknown": "refuse", "known": known},
        "ocpp": {"duplicate_ping_seconds": 2},
    }
    filters = [f"{broker.root}/v1/cs/+/{rest}" for rest in ("availability", "+/event/+")]
    async with (
        MqttProbe(broker.url, *filters, mqtt5=broker.mqtt5) as probe,
        running_bridge(broker, tmp_path, options) as bridge,
    ):
        racers = [
            Racer(bridge.url, name, SEED, may_be_gone=name in SHAKY) for name in (*STEADY, *SHAKY)
        ]
        try:
            async with asyncio.TaskGroup() as races:
                for racer in racers:
                    races.create_task(race(racer, bridge))
        finally:
            for racer in racers:
                racer.close()
        for racer in racers:
            topic = f"{broker.root}/v1/cs/{racer.name}/1/event/transaction"
            await probe.wait_for_count(len(racer.acknowledged), topic, timeout=30)
            gone = f"{broker.root}/v1/cs/{racer.name}/availability"
            await probe.wait_for(gone, lambda message: message.text == "offline", timeout=30)
        await probe.settle()
        assert sum(racer.connections for racer in racers) >= CONNECTIONS
        assert bridge.counts["ocpp.connections"] == 0
    for racer in racers:
        assert told(probe, broker, racer) == racer.acknowledged
        assert stored(tmp_path, racer) == racer.acknowledged
        presence = availability(probe, broker, racer)
        if racer.name in STEADY:
            assert presence == ["online", "offline"]
        else:
            assert presence[-1] == "offline"
            assert presence.count("offline") <= racer.gaps + 1
    duplicates = security(probe, broker, "duplicate")
    assert {duplicate["cs"] for duplicate in duplicates} == {racer.name for racer in racers}


@needs_addresses
async def test_a_fight_for_an_identity_and_a_failed_login_are_told(
    broker: Broker, tmp_path: Path
) -> None:
    known = {"CS1": {"auth": "basic", "password": password_of("CS1")}}
    options: Options = {"stations": {"unknown": "refuse", "known": known}}
    topic = f"{broker.root}/v1/cs/CS1/0/event/security"
    async with (
        MqttProbe(broker.url, topic, mqtt5=broker.mqtt5) as probe,
        running_bridge(broker, tmp_path, options) as bridge,
    ):
        racer = Racer(bridge.url, "CS1", SEED, may_be_gone=False)
        try:
            await racer.begin()
            for number in range(3):
                racer.present = await racer.open(host=f"127.0.0.{2 - number % 2}")
            with pytest.raises(InvalidStatus) as refused:
                await racer.open(host="127.0.0.1")
            assert refused.value.response.status_code == 429
            await racer.intrude()
            alarm = await probe.wait_for(topic, lambda m: m.json["code"] == "duplicate_refused")
            guess = await probe.wait_for(topic, lambda m: m.json["code"] == "failed_login")
        finally:
            racer.close()
    for message in probe.messages:
        check_message(message.topic, message.payload, broker.root)
    assert alarm.json["alarm"] is True
    assert alarm.json["details"]["present"] == f"127.0.0.2:{racer.port}"
    assert guess.json["details"]["remote"].startswith("127.0.0.2:")
    assert guess.json["details"]["limited"] is False


async def race(racer: Racer, bridge: Bridge) -> None:
    """Open a station's share of the connections, and look after each that it is the one."""
    await racer.begin()
    share = CONNECTIONS // (len(STEADY) + len(SHAKY))
    steps = 0
    while racer.connections < share:
        steps += 1
        if steps % INTRUSION_EVERY:
            await racer.step()
        else:
            await asyncio.gather(racer.step(), racer.intrude())
        only_one(bridge, racer)
    await stays_whatever_others_try(bridge, racer)
    await racer.end()


def only_one(bridge: Bridge, racer: Racer) -> None:
    """Check that the newest connection is the station's, and that no station has two."""
    registry = bridge.app.server._registry
    link = registry.find(StationId(racer.name))
    assert link is not None
    assert link.remote.endswith(f":{racer.port}")
    names = [each.station_id for each in registry.links]
    assert len(names) == len(set(names))
    station = bridge.app.engine.station(StationId(racer.name))
    assert station is not None
    assert station.online


async def stays_whatever_others_try(bridge: Bridge, racer: Racer) -> None:
    """Check that wrong passwords neither end nor disturb the connection that is there."""
    before, refused = racer.port, racer.refused
    await asyncio.gather(*(racer.intrude() for _ in range(AT_ONCE)))
    assert racer.refused == refused + AT_ONCE
    assert racer.present.close_code is None
    async with asyncio.timeout(10):
        await (await racer.present.ping())
    assert racer.port == before
    only_one(bridge, racer)


def told(probe: MqttProbe, broker: Broker, racer: Racer) -> list[int]:
    """Return the sequence numbers of a station's events as they came on MQTT."""
    topic = f"{broker.root}/v1/cs/{racer.name}/1/event/transaction"
    documents = []
    for message in probe.matching(topic):
        check_message(message.topic, message.payload, broker.root)
        documents.append(message.json)
    assert not any(document["gap"] or document["late"] for document in documents)
    return [document["seqNo"] for document in documents]


def stored(directory: Path, racer: Racer) -> list[int]:
    """Return the sequence numbers of a station's events as they were stored."""
    database = sqlite3.connect(f"file:{directory / 'bridge.sqlite3'}?mode=ro", uri=True)
    try:
        rows = database.execute(
            "SELECT seq_no FROM event WHERE station_id = ? AND seq_no IS NOT NULL ORDER BY id",
            [racer.name],
        ).fetchall()
    finally:
        database.close()
    return [seq_no for (seq_no,) in rows]


def availability(probe: MqttProbe, broker: Broker, racer: Racer) -> list[str]:
    """Return what was said of a station's presence, without repetitions."""
    texts = [m.text for m in probe.matching(f"{broker.root}/v1/cs/{racer.name}/availability")]
    return [text for number, text in enumerate(texts) if number == 0 or texts[number - 1] != text]


def security(probe: MqttProbe, broker: Broker, code: str) -> list[dict[str, object]]:
    """Return the security events of a code."""
    found = []
    for message in probe.matching(f"{broker.root}/v1/cs/+/0/event/security"):
        check_message(message.topic, message.payload, broker.root)
        if message.json["code"] == code:
            found.append(message.json)
    return found
