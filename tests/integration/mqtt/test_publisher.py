"""The publisher on real brokers: what subscribers see while brokers die, freeze and refuse."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from bridge.demo.broker import free_port
from bridge.domain.model import EvseView, Station
from bridge.engine.testing import MemoryJournal
from bridge.mqtt.settings import BrokerAddress, Protocol
from bridge.mqtt.tools import connected
from bridge.ports import OutboxMessage, StoredMessage
from bridge.store.journal import SqliteJournal
from tests.brokers import Broker, MosquittoProcess, runs_as
from tests.integration.mqtt.rig import Gate, eventually, running, station
from tests.mqtt_probe import MqttProbe, Received
from tests.records import replace
from tests.store_records import NoonClock

DOCUMENTS = ("availability", "info", "1/state", "1/secc")


def protocol_of(broker: Broker) -> Protocol:
    return Protocol.V5 if broker.mqtt5 else Protocol.V311


def event(root: str, key: str, number: int) -> OutboxMessage:
    return OutboxMessage(
        topic=f"{root}/v1/cs/{key}/1/event/transaction",
        payload=orjson.dumps({"n": number}),
        ordering_key=f"{key}/1",
        expiry_seconds=86_400,
    )


def numbers_by_key(messages: Sequence[Received]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for message in messages:
        if message.topic.endswith("/event/transaction"):
            found.setdefault(message.topic.split("/")[3], []).append(message.json["n"])
    return found


def first_occurrences(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


async def test_events_documents_and_presence_reach_subscribers(broker: Broker) -> None:
    root = broker.root
    async with (
        MqttProbe(broker.url, f"{root}/#", mqtt5=broker.mqtt5) as probe,
        running(broker.url, root=root, protocol=protocol_of(broker)) as rig,
    ):
        rig.publisher.station_changed(None, station("CS1"))
        await rig.publish(*(event(root, "CS1", number) for number in range(10)))
        await probe.wait_for_count(10, f"{root}/v1/cs/CS1/1/event/transaction")
        for document in DOCUMENTS:
            await probe.wait_for(f"{root}/v1/cs/CS1/{document}")
        state = await probe.wait_for(f"{root}/v1/bridge/main/state")
        info = await probe.wait_for(f"{root}/v1/bridge/main/info")

        assert state.text == "online"
        assert info.json["broker"]["protocol"] == ("5" if broker.mqtt5 else "3.1.1")
        assert numbers_by_key(probe.messages) == {"CS1": list(range(10))}
        await rig.publisher.drain(2)
        await probe.wait_for(f"{root}/v1/bridge/main/state", lambda each: each.text == "offline")
    late = await retained(broker.url, root, mqtt5=broker.mqtt5)
    assert late[f"{root}/v1/bridge/main/state"] == b"offline"
    assert late[f"{root}/v1/cs/CS1/availability"] == b"online"


async def retained(url: str, root: str, *, mqtt5: bool = True) -> dict[str, bytes]:
    """Return what a client that comes now finds."""
    marker = f"marker/{root}"
    found: dict[str, bytes] = {}
    async with connected(BrokerAddress.parse(url), "5" if mqtt5 else "3.1.1") as client:
        await client.subscribe([(f"{root}/#", 1), (marker, 1)])
        await client.publish(marker, b"", qos=1)  # comes behind all that is retained
        async for message in client.messages:
            if message.topic.value == marker:
                break
            if message.payload and message.topic.matches(f"{root}/#"):
                found[message.topic.value] = bytes(message.payload)
    return found


@pytest.mark.mosquitto
async def test_a_broker_that_has_forgotten_everything_gets_it_again(
    mosquitto: MosquittoProcess,
) -> None:
    async with running(mosquitto.url) as rig:
        stations = [station(f"CS{number}") for number in range(100)]
        for each in stations:
            rig.publisher.station_changed(None, each)
        await rig.until_idle()
        before = await retained(mosquitto.url, "ocpp")
        assert len(before) == 100 * len(DOCUMENTS) + 2

        await mosquitto.kill()
        await mosquitto.start()
        await eventually(lambda: rig.count("mqtt.connected") == 2)
        await rig.until_idle()
        after = await retained(mosquitto.url, "ocpp")

    assert {topic: body for topic, body in after.items() if b"{" not in body} == {
        topic: body for topic, body in before.items() if b"{" not in body
    }
    assert after.keys() == before.keys()


@pytest.mark.mosquitto
async def test_nothing_is_lost_and_order_is_kept_over_a_killed_broker(
    mosquitto: MosquittoProcess, tmp_path: Path
) -> None:
    keys, total = 10, 1500
    journal = SqliteJournal.open(tmp_path / "store", clock=NoonClock())
    events = [event("ocpp", f"CS{number % keys}", number) for number in range(total)]
    async with Gate(mosquitto.port) as gate, running(gate.url, journal=journal) as rig:
        async with MqttProbe(mosquitto.url, "ocpp/v1/cs/#") as first:
            await rig.publish(*events[:500])
            await first.wait_for_count(500, "ocpp/v1/cs/+/1/event/transaction")
        gate.shut()  # cut and kept away until there is a subscriber again
        await mosquitto.kill()
        await rig.publish(*events[500:1000])
        await mosquitto.start()
        async with MqttProbe(mosquitto.url, "ocpp/v1/cs/#") as second:
            gate.open()
            await rig.publish(*events[1000:])
            await rig.until_idle()
            await second.settle()
    seen = numbers_by_key(first.messages + second.messages)

    for key in range(keys):
        assert first_occurrences(seen[f"CS{key}"]) == list(range(key, total, keys))
    assert await left_in(journal, tmp_path / "store") == []
    doubled = sum(count - 1 for numbers in seen.values() for count in Counter(numbers).values())
    assert doubled <= keys  # at most what was in flight: one per key


async def left_in(journal: SqliteJournal, data_dir: Path) -> Sequence[StoredMessage]:
    """Return what is left in an outbox once its journal has written all that it was told."""
    await journal.close()
    again = SqliteJournal.open(data_dir, clock=NoonClock())
    left = await again.unpublished(0, 10)
    await again.close()
    return left


@pytest.mark.mosquitto
async def test_connections_that_are_cut_again_and_again_lose_nothing(
    mosquitto: MosquittoProcess,
) -> None:
    keys, total, cuts = 20, 4000, 6
    async with (
        Gate(mosquitto.port) as gate,
        MqttProbe(mosquitto.url, "ocpp/v1/cs/#") as probe,
        running(gate.url, memory_limit=500) as rig,
    ):
        for cut in range(cuts):
            part = range(total * cut // cuts, total * (cut + 1) // cuts)
            await rig.publish(*(event("ocpp", f"CS{n % keys}", n) for n in part))
            await eventually(lambda: len(probe.messages) >= part.start + 20)  # noqa: B023
            gate.shut()
            gate.open()
        await rig.until_idle()
        await probe.settle()
        assert isinstance(rig.journal, MemoryJournal)
        assert rig.journal.dead_letters == []
        assert rig.journal.outbox == {}
    seen = numbers_by_key(probe.messages)

    for key in range(keys):
        assert first_occurrences(seen[f"CS{key}"]) == list(range(key, total, keys))
    doubled = sum(len(numbers) - len(set(numbers)) for numbers in seen.values())
    assert doubled <= cuts * keys


@pytest.mark.mosquitto
async def test_a_publish_that_the_acl_denies_is_a_dead_letter_and_the_rest_flows(
    tmp_path: Path,
) -> None:
    acl = tmp_path / "acl"
    rules = ["user bridge", "topic readwrite #", "topic deny ocpp/v1/cs/BAD/#"]
    acl.write_text("\n".join([*rules, ""]))
    directory = tmp_path / "broker"
    directory.mkdir()
    async with (
        MosquittoProcess(directory, users={"bridge": "secret"}, acl=acl) as process,
        MqttProbe(process.url_of("bridge"), "ocpp/v1/cs/#") as probe,
        running(process.url_of("bridge")) as rig,
    ):
        await rig.publish(
            event("ocpp", "BAD", 1), event("ocpp", "GOOD", 2), event("ocpp", "GOOD", 3)
        )
        rig.publisher.station_changed(None, station("BAD"))
        rig.publisher.station_changed(None, station("GOOD"))
        await rig.until_idle()
        await probe.settle()

        assert probe.matching("ocpp/v1/cs/GOOD/1/secc")
        assert numbers_by_key(probe.messages) == {"GOOD": [2, 3]}
        assert isinstance(rig.journal, MemoryJournal)
        ((letter, reason),) = rig.journal.dead_letters
        assert letter.message.topic == "ocpp/v1/cs/BAD/1/event/transaction"
        assert "Not authorized" in reason
        assert rig.count("mqtt.retained_refused") == len(DOCUMENTS)


@pytest.mark.mosquitto
async def test_a_message_too_large_for_the_broker_is_a_dead_letter_and_the_rest_flows(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "broker"
    directory.mkdir()
    port = free_port()
    lines = [
        "message_size_limit 2000",
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        *runs_as(),
    ]
    configuration = "\n".join([*lines, ""])
    async with MosquittoProcess(directory, port=port, configuration=configuration) as process:
        huge = replace(event("ocpp", "HUGE", 1), payload=b'{"n":"' + b"x" * 3000 + b'"}')
        async with (
            MqttProbe(process.url, "ocpp/v1/cs/+/1/event/#") as probe,
            running(process.url) as rig,
        ):
            await rig.publish(huge, *(event("ocpp", f"CS{n % 5}", n) for n in range(50)))
            await rig.until_idle()
            await probe.settle()
            seen = numbers_by_key(probe.messages)
            assert isinstance(rig.journal, MemoryJournal)
            letters = [letter.message.topic for letter, _ in rig.journal.dead_letters]

    assert letters == ["ocpp/v1/cs/HUGE/1/event/transaction"]
    for key in range(5):
        assert first_occurrences(seen[f"CS{key}"]) == list(range(key, 50, 5))


@pytest.mark.mosquitto
async def test_a_message_on_which_every_connection_dies_takes_no_other_with_it(
    mosquitto: MosquittoProcess,
) -> None:
    bad = replace(event("ocpp", "BAD", 1), payload=b'{"n":"poison"}')
    async with (
        MqttProbe(mosquitto.url, "ocpp/v1/cs/+/1/event/#") as probe,
        Gate(mosquitto.port, poison=b"poison") as gate,
        running(gate.url) as rig,
    ):
        await rig.publish(
            *(event("ocpp", f"CS{n % 5}", n) for n in range(50)),
            bad,
            event("ocpp", "BAD", 2),
            *(event("ocpp", f"CS{n % 5}", n) for n in range(50, 100)),
        )
        rig.publisher.station_changed(None, station("CS1"))
        await rig.until_idle()
        await probe.settle()
        seen = numbers_by_key(probe.messages)
        assert isinstance(rig.journal, MemoryJournal)
        letters = [letter.message.payload for letter, _ in rig.journal.dead_letters]

    assert letters == [b'{"n":"poison"}']
    assert gate.poisoned == 3
    assert seen.pop("BAD") == [2]
    for key in range(5):
        assert first_occurrences(seen[f"CS{key}"]) == list(range(key, 100, 5))


@pytest.mark.mosquitto
async def test_a_frozen_broker_loses_nothing(mosquitto: MosquittoProcess) -> None:
    async with (
        MqttProbe(mosquitto.url, "ocpp/v1/cs/#") as probe,
        running(mosquitto.url, keepalive_seconds=1, connect_timeout_seconds=0.5) as rig,
    ):
        mosquitto.freeze()
        await rig.publish(*(event("ocpp", f"CS{n % 5}", n) for n in range(100)))
        await eventually(lambda: not rig.link.connected)
        await rig.publish(*(event("ocpp", f"CS{n % 5}", n) for n in range(100, 200)))
        mosquitto.thaw()
        await rig.until_idle()
        await probe.settle()
        seen = numbers_by_key(probe.messages)

    for key in range(5):
        assert first_occurrences(seen[f"CS{key}"]) == list(range(key, 200, 5))


async def test_a_foreign_offline_is_corrected_within_two_seconds(broker: Broker) -> None:
    topic = f"{broker.root}/v1/bridge/main/state"
    async with (
        MqttProbe(broker.url, topic, mqtt5=broker.mqtt5) as probe,
        running(broker.url, root=broker.root, protocol=protocol_of(broker)) as rig,
    ):
        await probe.wait_for(topic, lambda each: each.text == "online")
        await rig.until_idle()
        probe.forget()
        await probe.publish(topic, "offline", retain=True)
        await probe.wait_for(topic, lambda each: each.text == "online", timeout=2)
        texts = [message.text for message in probe.matching(topic)]
        assert texts[-2:] == ["offline", "online"]
    assert rig.count("mqtt.presence_corrected") == 1


@pytest.mark.mosquitto
async def test_the_topics_of_a_forgotten_station_are_cleared_and_nobody_elses(
    mosquitto: MosquittoProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.mqtt.orphans.SEARCH_SECONDS", 0.5)
    async with running(mosquitto.url) as first:
        first.publisher.station_changed(None, station("OLD*1"))
        first.publisher.station_changed(None, station("STAYS"))
        await first.until_idle()
    async with running(mosquitto.url, bridge_id="other") as other:
        other.publisher.station_changed(None, station("FOREIGN"))
        await other.until_idle()
    async with running(mosquitto.url) as second:
        second.publisher.station_changed(None, station("STAYS"))
        await eventually(lambda: second.count("mqtt.orphans_cleared"))
        await second.until_idle()
        left = {topic.split("/")[3] for topic in await retained(mosquitto.url, "ocpp/v1/cs")}

    assert left == {"STAYS", "FOREIGN"}


@pytest.mark.mosquitto
async def test_a_thousand_stations_converge_within_five_seconds_of_a_restart(
    mosquitto: MosquittoProcess,
) -> None:
    async with running(mosquitto.url) as rig:
        stations = [station(f"CS{number}") for number in range(1000)]
        for each in stations:
            rig.publisher.station_changed(None, each)
        await rig.until_idle()
        await mosquitto.kill()
        changed = view_of(stations[0], "E1")
        rig.publisher.station_changed(stations[0], changed)
        await mosquitto.start()
        async with asyncio.timeout(5):
            await eventually(lambda: rig.count("mqtt.connected") == 2)
            await rig.until_idle()
        after = await retained(mosquitto.url, "ocpp")

    assert len(after) == 1000 * len(DOCUMENTS) + 2
    state = orjson.loads(after["ocpp/v1/cs/CS0/1/state"])
    assert state["ocpp"]["errorCode"] == "E1"


def view_of(before: Station, error_code: str) -> Station:
    evse = replace(before.evses[1], view=EvseView(error_code=error_code))
    return replace(before, evses={1: evse})
