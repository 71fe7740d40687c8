"""A charge controller's topics against a link in memory: what is told, and what writes lead to."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from bridge.api.rights import CommandRules, ControllerRights
from bridge.domain.commands import Release, SetLimit
from bridge.domain.control import Slot
from bridge.domain.enums import AllocationSource, Registration
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.domain.settings import StationSettings
from bridge.mqtt import secc_topics
from bridge.mqtt.secc_topics import SeccTopics
from bridge.mqtt.settings import BrokerAddress, MqttSettings, Protocol, ServedEvse
from bridge.telemetry.counters import Counters
from tests.mqtt_link import MemoryLink, turns
from tests.records import replace
from tests.unit.mqtt.test_subscriber import Clock, Ids, Inbox

STATION: Final = StationId("CS1")
ROOT: Final = "pulsatrix/secc/A1/"
LIMIT: Final = f"{ROOT}charging/amperageLimit"
POWER: Final = f"{ROOT}charging/powerLimit"
TIMEOUT: Final = f"{ROOT}charging/limitTimeout"
TOLD: Final = {
    f"{ROOT}{topic}"
    for topic in (
        *("chargingPoint/status", "charging/status", "tx/status"),
        *("meter/fiscal", "meter/grid"),
    )
}


class World:
    """The topics of EVSE 1 of a station that is online, between a link and an inbox."""

    def __init__(self, protocol: Protocol = Protocol.V5, **rules: Any) -> None:
        self.station_now = Station(
            id=STATION, online=True, registration=Registration.ACCEPTED, evses={1: Evse(id=1)}
        )
        self.clock = Clock()
        self.inbox = Inbox()
        self.link = MemoryLink()
        self.counters = Counters()
        self.changed = asyncio.Event()
        served = ServedEvse(
            station_id=STATION,
            evse_id=1,
            topic_prefix="pulsatrix/secc",
            client_id="A1",
            controller="hems",
        )
        self.face = SeccTopics(
            MqttSettings(
                address=BrokerAddress.parse("mqtt://localhost"),
                protocol=protocol,
                secc_topics=(served,),
                rules=CommandRules(**rules),
            ),
            link=self.link,
            inbox=self.inbox,
            stations=self,
            settings_for=lambda _station: StationSettings(installation_max_a=16.0),
            watching=self.watching,
            clock=self.clock,
            ids=Ids(),
            metrics=self.counters,
        )
        self.link.add_listener(self.face)
        self.link.connect()

    # --- bridge.ports.StationBook ---

    @property
    def stations(self) -> list[Station]:
        return [self.station_now]

    def station(self, station_id: StationId) -> Station | None:
        return self.station_now if station_id == STATION else None

    @contextmanager
    def watching(self, station_id: StationId) -> Iterator[asyncio.Event]:
        assert station_id == STATION
        yield self.changed

    # --- the test's side ---

    async def write(self, *messages: tuple[str, str], **options: Any) -> None:
        for topic, text in messages:
            self.link.deliver(topic, text.encode(), **options)
        await turns()

    async def store(self, *, durable: bool = True) -> None:
        waiting, self.inbox.waiting = self.inbox.waiting, []
        for on_durable in waiting:
            on_durable(durable)
        await turns()

    def holds(self, *slots: Slot) -> None:
        self.station_now = replace(self.station_now, evses={1: Evse(id=1, slots=slots)})

    def slot(self, limit_a: float) -> Slot:
        return Slot(
            controller="hems",
            source=AllocationSource.MQTT,
            priority=100,
            since=self.clock.now(),
            limit_a=limit_a,
        )

    @property
    def given(self) -> list[Any]:
        """What commands were given, by whom they may be."""
        for station_id, command, _ in self.inbox.commands:
            assert (station_id, command.ref.controller, command.ref.evse_id) == (
                STATION,
                "hems",
                1,
            )
            assert command.ref.source is AllocationSource.MQTT
        return [command.arguments for _, command, _ in self.inbox.commands]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    running = asyncio.create_task(world.face.run())
    await turns()
    yield world
    running.cancel()
    await asyncio.wait([running])


async def test_all_is_told_at_once_and_not_retained(world: World) -> None:
    assert set(world.link.filters) == {LIMIT, POWER, TIMEOUT}
    assert set(world.link.topics()) == TOLD
    assert {(message.qos, message.retain) for message in world.link.sent} == {(0, False)}


async def test_an_offline_station_is_silent_and_takes_nothing() -> None:
    world = World()
    world.station_now = replace(world.station_now, online=False)
    running = asyncio.create_task(world.face.run())
    await world.write((LIMIT, "10"))
    assert (world.link.sent, world.given) == ([], [])
    assert len(world.link.acknowledged) == 1
    running.cancel()
    await asyncio.wait([running])


async def test_a_limit_and_its_time_out_are_one_command(world: World) -> None:
    await world.write((TIMEOUT, "60000"), (LIMIT, "10.5"))
    assert world.given == [SetLimit(limit_a=10.5, ttl_seconds=60)]
    assert world.link.acknowledged == []
    await world.store()
    assert len(world.link.acknowledged) == 2


async def test_what_comes_while_one_is_stored_is_the_next_one(world: World) -> None:
    await world.write((LIMIT, "10"))
    await world.write((LIMIT, "9"))
    await world.write((LIMIT, "8"))
    assert world.given == [SetLimit(limit_a=10.0, ttl_seconds=300)]
    world.holds(world.slot(10.0))
    await world.store()
    assert world.given[1:] == [SetLimit(limit_a=8.0, ttl_seconds=300)]
    await world.store()
    assert len(world.link.acknowledged) == 3


async def test_nan_gives_up_also_what_is_not_stored_yet(world: World) -> None:
    await world.write((LIMIT, "10"))
    await world.write((LIMIT, "NaN"))
    world.holds(world.slot(10.0))
    await world.store()
    assert world.given[1:] == [Release(keep_phases=True)]


async def test_current_and_power_both_hold_until_both_are_given_up(world: World) -> None:
    await world.write((LIMIT, "10"))
    world.holds(world.slot(10.0))
    await world.store()
    await world.write((POWER, "4140"))
    assert world.given[-1] == SetLimit(limit_a=10.0, limit_w=4140.0, ttl_seconds=300)
    world.holds(replace(world.slot(10.0), limit_w=4140.0))
    await world.store()
    await world.write((LIMIT, "NaN"))
    assert world.given[-1] == SetLimit(limit_w=4140.0, ttl_seconds=300)


@pytest.mark.parametrize(("written", "limit_a"), [("4", 0.0), ("0", 0.0), ("63", 16.0)])
async def test_what_is_too_low_is_0_and_what_is_too_high_is_clipped(
    world: World, written: str, limit_a: float
) -> None:
    await world.write((LIMIT, written))
    assert world.given == [SetLimit(limit_a=limit_a, ttl_seconds=300)]


async def test_of_a_flood_the_last_one_holds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secc_topics, "RETRY_SECONDS", 0.01)
    for number in range(1000):
        await world.write((LIMIT, f"{6 + number % 10}"))
        await world.store()
    await world.write((LIMIT, "13.5"))
    assert len(world.given) < 100
    world.clock.seconds += 60
    async with asyncio.timeout(10):
        while world.given[-1] != SetLimit(limit_a=13.5, ttl_seconds=300):
            await asyncio.sleep(0.01)
            await world.store()
    await world.store()
    assert len(world.link.acknowledged) == 1001


async def test_a_time_out_alone_limits_nothing(world: World) -> None:
    await world.write((TIMEOUT, "60000"))
    assert world.given == []
    assert len(world.link.acknowledged) == 1


@pytest.mark.parametrize("text", ["", "fast", "-3", "inf"])
async def test_what_cannot_be_read_is_counted_and_changes_nothing(world: World, text: str) -> None:
    await world.write((LIMIT, text))
    assert world.given == []
    assert len(world.link.acknowledged) == 1
    assert world.counters.counts["mqtt.secc_writes_refused"] == 1


async def test_what_could_not_be_stored_is_not_acknowledged(world: World) -> None:
    await world.write((LIMIT, "10"))
    await world.store(durable=False)
    assert world.link.acknowledged == []


async def test_rights_are_those_of_the_controller() -> None:
    world = World(controllers={"hems": ControllerRights(stations=("other",))})
    await world.write((LIMIT, "10"))
    ((_, ref, refusal),) = world.inbox.refusals
    assert (ref.controller, ref.name, refusal.code) == ("hems", "limit", "not_authorised")


async def test_a_stored_limit_is_not_taken_with_mqtt_3() -> None:
    world = World(Protocol.V311)
    await world.write((LIMIT, "10"), retain=True)
    assert world.given == []
    await world.write((LIMIT, "10"))
    assert len(world.given) == 1


async def test_topics_of_others_are_left_alone(world: World) -> None:
    await world.write(("pulsatrix/secc/A2/charging/amperageLimit", "10"))
    await world.write((f"{ROOT}charging/other", "10"))
    assert (world.given, world.link.acknowledged) == ([], [])
