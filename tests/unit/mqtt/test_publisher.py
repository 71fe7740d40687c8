"""The publisher against a link in memory, with the shipped in-memory journal."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson
import pytest
import uvloop

from bridge.domain.enums import ConnectorStatus, Registration
from bridge.domain.ids import StationId
from bridge.domain.model import Connector, Evse, EvseView, Meter, Station, Transaction
from bridge.domain.settings import StationSettings
from bridge.engine.testing import MemoryJournal
from bridge.mqtt.mapping import Documents, TokenMask
from bridge.mqtt.presence import degradations
from bridge.mqtt.publisher import MqttPublisher, presence
from bridge.mqtt.settings import BrokerAddress, MqttSettings
from bridge.mqtt.topics import Topics
from bridge.mqtt.traffic import BrokerCapabilities, PublishOutcome
from bridge.ports import Commit, OutboxMessage, StoredMessage, StoreError
from bridge.telemetry.counters import Counters
from tests.mqtt_link import MemoryLink, turns
from tests.records import replace

START = datetime(2026, 1, 10, 10, tzinfo=UTC)
CS = StationId("CS1")
STATE = "ocpp/v1/bridge/main/state"
INFO = "ocpp/v1/bridge/main/info"


class Clock:
    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.skipped)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.skipped


class Ids:
    def new_id(self) -> str:
        return "01BOOT"

    def jitter(self) -> float:
        return 0.5


class World:
    """A publisher between a journal and a link, both in memory."""

    def __init__(
        self,
        *,
        window: int = 1000,
        automatic: bool = True,
        memory_limit: int = 10_000,
        documents: Mapping[str, Any] = MappingProxyType({}),
        **settings: Any,
    ) -> None:
        self.clock = Clock()
        self.journal = MemoryJournal()
        self.counters = Counters()
        self.link = MemoryLink(window=window, automatic=automatic)
        self.topics = Topics("ocpp", "main")
        self.publisher = MqttPublisher(
            link=self.link,
            journal=self.journal,
            documents=Documents("main", TokenMask(None), lambda _: StationSettings(), **documents),
            topics=self.topics,
            settings=MqttSettings(
                address=BrokerAddress.parse("mqtt://localhost"),
                memory_limit=memory_limit,
                raw=True,
                **settings,
            ),
            clock=self.clock,
            ids=Ids(),
            metrics=self.counters,
        )
        self.link.add_listener(self.publisher)

    async def stored(self, *messages: OutboxMessage) -> Sequence[StoredMessage]:
        return await self.journal.commit(Commit(messages=messages))

    async def publish(self, *messages: OutboxMessage) -> None:
        self.publisher.publish(await self.stored(*messages))

    async def connect(self, *, session_present: bool = True) -> None:
        """Connect, with the bridge's own topics out of the way."""
        self.link.connect(session_present=session_present)
        await turns()
        for entry in list(self.link.in_flight):
            if entry[0].topic in {STATE, INFO}:
                self.link.finish(entry)
        await turns()

    def events(self) -> list[str]:
        """Return what was sent of the outbox, as `key:payload`, in order."""
        return [
            f"{message.topic}:{message.payload.decode()}"
            for message in self.link.sent
            if not message.topic.startswith("ocpp")
        ]


def event(key: str, number: int) -> OutboxMessage:
    return OutboxMessage(topic=key, payload=str(number).encode(), ordering_key=key)


def station(station_id: str = CS, **evse: object) -> Station:
    return Station(
        id=StationId(station_id),
        registration=Registration.ACCEPTED,
        online=True,
        version="2.0.1",
        evses={1: replace(Evse(id=1), **evse)},  # type: ignore[arg-type]  # any field of it
    )


def changed(before: Station, **evse: object) -> Station:
    return replace(before, evses={1: replace(before.evses[1], **evse)})  # type: ignore[arg-type]


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what is awaited is not the test's to signal
            await asyncio.sleep(0.005)


# --- outbox ---------------------------------------------------------------------------------


async def test_message_of_one_key_goes_out_one_after_the_other() -> None:
    world = World(automatic=False)
    await world.connect()
    await world.publish(event("a", 1), event("a", 2), event("b", 3))
    await turns()

    assert world.events() == ["a:1", "b:3"]
    world.link.acknowledge_all()
    await turns()
    assert world.events() == ["a:1", "b:3", "a:2"]


async def test_journal_is_told_of_an_acknowledgement_in_the_same_turn_of_the_loop() -> None:
    world = World(automatic=False)
    await world.connect()
    await world.publish(event("a", 1))
    await turns()
    world.link.acknowledge_all()
    world.publisher.on_writable()

    assert not world.journal.outbox


async def test_journal_is_told_of_acknowledged_messages_only() -> None:
    world = World(automatic=False)
    await world.connect()
    await world.publish(event("a", 1), event("b", 2))
    await turns()
    assert len(world.journal.outbox) == 2

    world.link.finish(world.link.in_flight[0])
    await turns()

    assert [message.topic for message in world.journal.outbox.values()] == ["b"]


async def test_messages_wait_for_a_connection() -> None:
    world = World()
    await world.publish(event("a", 1), event("a", 2))
    await turns()
    assert world.link.sent == []

    await world.connect()
    await eventually(lambda: not world.journal.outbox)

    assert world.events() == ["a:1", "a:2"]


async def test_a_lost_message_goes_out_first_again() -> None:
    world = World(automatic=False)
    await world.connect()
    await world.publish(event("a", 1), event("a", 2))
    await turns()
    world.link.disconnect()
    world.link.automatic = True
    await world.connect()
    await eventually(lambda: not world.journal.outbox)

    assert world.events() == ["a:1", "a:1", "a:2"]


async def test_a_message_that_the_broker_refuses_is_a_dead_letter_and_the_rest_flows() -> None:
    world = World()
    world.link.refused_topics.add("a")
    await world.connect()
    await world.publish(event("a", 1), event("b", 2), event("b", 3))
    await eventually(lambda: not world.journal.outbox)

    letters = [(stored.message.topic, reason) for stored, reason in world.journal.dead_letters]
    assert letters == [("a", "the broker refused it: Not authorized")]
    assert world.events() == ["a:1", "b:2", "b:3"]
    assert world.counters.snapshot()["mqtt.dead_letters"] == 1


async def test_a_message_that_ends_every_connection_is_sent_alone_then_a_dead_letter() -> None:
    world = World(automatic=False)
    await world.connect()
    await world.publish(event("poison", 1), event("a", 2), event("b", 3))
    await turns()
    for _ in range(2):
        world.link.disconnect("closed by peer")
        await world.connect()
    # All three were in flight when two connections died: now each goes out alone.
    assert [message.topic for message, _ in world.link.in_flight] == ["poison"]
    world.link.disconnect("closed by peer")
    await world.connect()

    assert [stored.message.topic for stored, _ in world.journal.dead_letters] == ["poison"]
    for expected in ("a", "b"):
        assert [message.topic for message, _ in world.link.in_flight] == [expected]
        world.link.acknowledge_all()
        await turns()
    assert world.journal.outbox == {}
    assert len(world.journal.dead_letters) == 1


async def test_innocent_messages_survive_a_broker_that_is_restarted_twice() -> None:
    world = World(automatic=False)
    await world.connect()
    await world.publish(*(event(f"key{number}", number) for number in range(20)))
    await turns()
    for _ in range(2):
        world.link.disconnect()
        await world.connect()
    world.link.automatic = True
    world.link.acknowledge_all()
    await eventually(lambda: not world.journal.outbox)

    assert world.journal.dead_letters == []


async def test_the_window_is_never_exceeded() -> None:
    world = World(window=3, automatic=False)
    await world.connect()
    await world.publish(*(event(f"key{number}", number) for number in range(10)))
    for _ in range(30):
        await turns()
        if world.link.in_flight:
            world.link.finish(world.link.in_flight[0])
    await eventually(lambda: not world.journal.outbox)

    assert world.link.most_in_flight == 3
    assert world.events() == [f"key{number}:{number}" for number in range(10)]


async def test_beyond_the_memory_limit_messages_stay_in_the_store_and_keep_their_order() -> None:
    world = World(automatic=False, memory_limit=10)
    await world.connect()
    for number in range(50):
        await world.publish(event(f"key{number % 3}", number))
    await turns()
    assert world.counters.snapshot()["mqtt.outbox_spilled"] == 1
    assert len(world.journal.outbox) == 50

    world.link.automatic = True
    world.link.acknowledge_all()
    await eventually(lambda: not world.journal.outbox)

    sent = world.events()
    assert len(sent) == 50
    for key in range(3):
        mine = [int(line.split(":")[1]) for line in sent if line.startswith(f"key{key}:")]
        assert mine == sorted(mine)


async def test_messages_keep_their_order_while_they_are_read_back() -> None:
    world = World(memory_limit=4)
    await world.connect()
    for number in range(200):
        await world.publish(event("a", number))
        await asyncio.sleep(0)
    await eventually(lambda: not world.journal.outbox)

    assert world.events() == [f"a:{number}" for number in range(200)]


async def test_a_start_sends_all_that_an_earlier_run_has_left() -> None:
    world = World(memory_limit=100)
    await world.stored(*(event(f"key{number % 7}", number) for number in range(350)))
    first = await world.journal.unpublished(0, 20)
    world.publisher.publish(first)
    await world.connect()
    await world.publish(event("key0", 350))
    await eventually(lambda: not world.journal.outbox)

    assert sorted(int(line.split(":")[1]) for line in world.events()) == list(range(351))
    mine = [line for line in world.events() if line.startswith("key0:")]
    assert mine[-1] == "key0:350"


class UnreadableOnce(MemoryJournal):
    """A journal that cannot be read the first time."""

    async def unpublished(self, after_row_id: int, limit: int) -> Sequence[StoredMessage]:
        failing, self.failing = self.failing, None
        if failing is not None:
            raise failing
        return await super().unpublished(after_row_id, limit)


async def test_a_store_that_cannot_be_read_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bridge.mqtt.outbox.READ_RETRY_SECONDS", 0.01)
    world = World()
    journal = UnreadableOnce()
    world.journal = world.publisher._outbox._journal = journal
    await world.stored(event("a", 1))
    journal.failing = StoreError("disk gone")
    await world.connect()
    await eventually(lambda: not journal.outbox)

    assert world.events() == ["a:1"]
    assert world.counters.snapshot()["mqtt.outbox_read_failed"] == 1


# --- the bridge's own topics ----------------------------------------------------------------


async def test_a_connection_begins_with_online_and_info() -> None:
    world = World()
    world.link.connect()
    await turns()

    state, info = world.link.sent[:2]
    assert (state.topic, state.payload, state.retain, state.qos) == (STATE, b"online", True, 1)
    document = orjson.loads(info.payload)
    assert info.topic == INFO
    assert document["bootId"] == "01BOOT"
    assert document["started"] == "2026-01-10T10:00:00.000Z"
    assert document["broker"]["receiveMaximum"] == 1000
    assert document["broker"]["degraded"] == []
    assert STATE in world.link.filters


async def test_a_smaller_broker_is_told_of_in_info() -> None:
    world = World()
    world.link.connect(protocol="3.1.1")
    await turns()

    document = orjson.loads(world.link.last(INFO) or b"")
    assert document["broker"]["protocol"] == "3.1.1"
    assert document["broker"]["receiveMaximum"] is None
    assert document["broker"]["degraded"][0].startswith("MQTT 3.1.1: ")


async def test_somebody_elses_offline_is_contradicted() -> None:
    world = World()
    await world.connect()
    world.link.sent.clear()
    message = world.link.deliver(STATE, b"offline", retain=True)
    await turns()

    assert [(sent.topic, sent.payload) for sent in world.link.sent] == [(STATE, b"online")]
    assert world.link.acknowledged == [message]
    assert world.counters.snapshot()["mqtt.presence_corrected"] == 1


async def test_our_own_online_needs_no_answer() -> None:
    world = World()
    await world.connect()
    world.link.sent.clear()
    world.link.deliver(STATE, b"online", retain=True)
    await turns()

    assert world.link.sent == []


async def test_the_will_is_offline_on_the_same_topic() -> None:
    will = presence(Topics("ocpp", "main"), "offline")
    assert (will.topic, will.payload, will.retain, will.json) == (STATE, b"offline", True, False)


async def test_drain_publishes_what_is_due_then_says_offline() -> None:
    world = World()
    await world.connect()
    await world.publish(event("a", 1), event("a", 2))
    await world.publisher.drain(1)

    assert world.events() == ["a:1", "a:2"]
    assert world.link.sent[-1].payload == b"offline"
    assert world.journal.outbox == {}


async def test_our_own_offline_is_not_contradicted() -> None:
    world = World()
    await world.connect()
    await world.publisher.drain(1)
    world.link.deliver(STATE, b"offline", retain=True)
    await turns()

    assert world.link.last(STATE) == b"offline"


async def test_drain_does_not_wait_for_a_broker_that_does_not_answer() -> None:
    world = World(automatic=False)
    await world.connect()
    await world.publish(event("a", 1))
    async with asyncio.timeout(2):
        await world.publisher.drain(0.05)

    assert world.link.sent[-1].payload == b"offline"
    assert len(world.journal.outbox) == 1


async def test_drain_ends_at_once_without_a_connection() -> None:
    world = World()
    await world.publish(event("a", 1))
    async with asyncio.timeout(0.5):
        await world.publisher.drain(10)


async def test_raw_frames_go_out_once_and_only_while_connected() -> None:
    world = World()
    world.publisher.raw(CS, "rx", "Heartbeat", b"[2]")
    await world.connect()
    world.link.sent.clear()
    world.publisher.raw(CS, "rx", "Heartbeat", b"[2]")
    await turns()

    (message,) = world.link.sent
    assert message.topic == "ocpp/v1/raw/CS1/rx/Heartbeat"
    assert (message.qos, message.retain, message.payload) == (0, False, b"[2]")


# --- retained documents ---------------------------------------------------------------------


async def test_a_new_station_has_all_its_documents_published() -> None:
    world = World()
    await world.connect()
    world.link.sent.clear()
    world.publisher.station_changed(Station(id=CS), station(meter=Meter(at=START, power_w=1.0)))
    await turns()

    sent = {message.topic: message for message in world.link.sent}
    assert sent["ocpp/v1/cs/CS1/availability"].payload == b"online"
    assert sent["ocpp/v1/cs/CS1/availability"].json is False
    for document in ("info", "1/state", "1/secc"):
        assert sent[f"ocpp/v1/cs/CS1/{document}"].retain
        assert sent[f"ocpp/v1/cs/CS1/{document}"].qos == 1
    assert sent["ocpp/v1/cs/CS1/1/meter"].qos == 0
    assert sent["ocpp/v1/cs/CS1/1/meter"].expiry_seconds == 60
    assert "ocpp/v1/cs/CS1/1/transaction" not in sent  # there has been none


async def test_a_document_that_says_the_same_is_not_sent_again() -> None:
    world = World()
    await world.connect()
    first = station(connectors={1: Connector(status=ConnectorStatus.AVAILABLE, at=START)})
    world.publisher.station_changed(None, first)
    await turns()
    world.link.sent.clear()
    later = Connector(status=ConnectorStatus.AVAILABLE, at=START + timedelta(seconds=9))
    world.publisher.station_changed(first, changed(first, connectors={1: later}, view=EvseView()))
    world.clock.skipped += 10
    await turns()

    assert world.link.sent == []


async def test_the_newest_wins_while_one_is_in_flight() -> None:
    world = World(automatic=False)
    await world.connect()
    now = station()
    world.publisher.station_changed(Station(id=CS), now)
    await turns()
    for code in ("A", "B", "C"):
        before, now = now, changed(now, view=EvseView(error_code=code))
        world.publisher.station_changed(before, now)
        await turns()
    world.link.acknowledge_all()
    await turns()
    world.link.acknowledge_all()
    await turns()

    codes = [
        orjson.loads(message.payload)["ocpp"]["errorCode"]
        for message in world.link.delivered
        if message.topic == "ocpp/v1/cs/CS1/1/state"
    ]
    assert codes == [None, "C"]


async def test_meter_readings_come_at_most_once_a_second() -> None:
    world = World()
    await world.connect()
    now = station(meter=Meter(at=START, power_w=0.0))
    world.publisher.station_changed(Station(id=CS), now)
    await turns()
    for watts in (1.0, 2.0, 3.0):
        before, now = now, changed(now, meter=Meter(at=START, power_w=watts))
        world.publisher.station_changed(before, now)
        await turns()
    assert meter_watts(world) == [0.0]

    await eventually(lambda: len(meter_watts(world)) == 2)
    assert meter_watts(world) == [0.0, 3.0]


def meter_watts(world: World) -> list[float]:
    return [
        orjson.loads(message.payload)["powerW"]
        for message in world.link.sent
        if message.topic == "ocpp/v1/cs/CS1/1/meter"
    ]


def transaction(**fields: object) -> Transaction:
    plain = Transaction(
        id="T1", uuid="U1", started_at=START, last_event_at=START, started_seen=True
    )
    return replace(plain, **fields)  # type: ignore[arg-type]  # any field of it


def energies(world: World) -> list[tuple[float, bool]]:
    documents = [
        orjson.loads(message.payload)
        for message in world.link.sent
        if message.topic == "ocpp/v1/cs/CS1/1/transaction"
    ]
    return [(document["energyWh"], document["active"]) for document in documents]


async def test_energy_alone_waits_its_second_and_the_end_of_a_transaction_does_not() -> None:
    world = World()
    await world.connect()
    now = station(transaction=transaction())
    world.publisher.station_changed(Station(id=CS), now)
    await turns()
    for energy in (1.0, 2.0):
        before, now = now, changed(now, transaction=transaction(energy_wh=energy))
        world.publisher.station_changed(before, now)
        await turns()
    assert energies(world) == [(0.0, True)]

    before, now = now, changed(now, transaction=transaction(energy_wh=3.0, ended_at=START))
    world.publisher.station_changed(before, now)
    await turns()
    assert energies(world) == [(0.0, True), (3.0, False)]


@pytest.mark.parametrize("known", [False, True])
async def test_readings_are_told_alike_where_nothing_else_has_moved(known: bool) -> None:
    world = World()
    await world.connect()
    now = station(transaction=transaction(), meter=Meter(at=START, power_w=0.0))
    world.publisher.station_changed(Station(id=CS), now)
    await turns()
    for step in (1.0, 2.0, 3.0):
        before = now
        moved = {
            "transaction": transaction(energy_wh=step),
            "meter": Meter(at=START, power_w=step),
        }
        now = changed(now, **moved)
        if known:
            world.publisher.readings_moved(now, 1)
        else:
            world.publisher.station_changed(before, now)
        await turns()
    assert meter_watts(world) == [0.0]
    await eventually(lambda: len(meter_watts(world)) == len(energies(world)) == 2)
    assert meter_watts(world) == [0.0, 3.0]
    assert energies(world) == [(0.0, True), (3.0, True)]
    times = Counter(topic for topic in world.link.topics() if "/cs/" in topic)
    twice = {topic for topic, number in times.items() if number > 1}
    assert twice == {"ocpp/v1/cs/CS1/1/meter", "ocpp/v1/cs/CS1/1/transaction"}


def test_what_waits_its_second_does_not_keep_the_loop_awake() -> None:
    """The loop of production counts in milliseconds, and what is due in 0.4 ms is not due now."""

    async def turns_of_the_pump() -> tuple[int, list[float]]:
        world = World()
        await world.connect()
        pumps = 0
        pump = world.publisher._pump

        def counted() -> None:
            nonlocal pumps
            pumps += 1
            pump()

        world.publisher._pump = counted  # type: ignore[method-assign]
        for number in range(20):
            now = station(f"CS{number}", meter=Meter(at=START, power_w=0.0))
            world.publisher.station_changed(Station(id=now.id), now)
            await asyncio.sleep(0.00243)
            world.publisher.readings_moved(changed(now, meter=Meter(at=START, power_w=1.0)), 1)
        await turns()
        pumps = 0
        await eventually(lambda: len(all_watts(world)) == 40)
        return pumps, all_watts(world)

    pumps, watts = uvloop.run(turns_of_the_pump())
    assert watts == [0.0] * 20 + [1.0] * 20
    assert pumps <= 30  # one for each, not one too early and one in time


def all_watts(world: World) -> list[float]:
    return [
        orjson.loads(message.payload)["powerW"]
        for message in world.link.sent
        if message.topic.endswith("/meter")
    ]


async def test_readings_of_a_station_that_was_not_told_of_yet_tell_all_of_it() -> None:
    world = World()
    await world.connect()
    world.publisher.readings_moved(station(meter=Meter(at=START, power_w=1.0)), 1)
    await eventually(lambda: meter_watts(world) == [1.0])
    assert "ocpp/v1/cs/CS1/info" in world.link.topics()


async def test_what_waits_its_second_is_published_when_the_bridge_leaves() -> None:
    world = World()
    await world.connect()
    now = station(meter=Meter(at=START, power_w=0.0))
    world.publisher.station_changed(Station(id=CS), now)
    await turns()
    world.publisher.station_changed(now, changed(now, meter=Meter(at=START, power_w=5.0)))
    await world.publisher.drain(0.5)

    assert meter_watts(world) == [0.0, 5.0]


async def test_everything_is_published_again_where_the_broker_has_forgotten_the_session() -> None:
    world = World()
    await world.connect(session_present=False)
    for number in range(20):
        world.publisher.station_changed(None, station(f"CS{number}"))
    await eventually(lambda: len(set(world.link.topics())) == 20 * 4 + 2)
    world.link.disconnect()
    world.link.sent.clear()
    await world.connect(session_present=True)
    assert set(world.link.topics()) == {STATE, INFO}

    world.link.disconnect()
    world.link.sent.clear()
    await world.connect(session_present=False)
    await eventually(lambda: len(world.link.sent) == 20 * 4 + 2)
    assert world.link.topics()[:2] == [STATE, INFO]


async def test_a_whole_set_is_paced_and_news_overtakes_it() -> None:
    world = World()
    await world.connect()
    stations = [station(f"CS{number}") for number in range(200)]
    for each in stations:
        world.publisher.station_changed(None, each)
    await turns()
    early = len(world.link.sent)
    assert early < 300

    last = stations[-1]
    world.publisher.station_changed(last, changed(last, view=EvseView(error_code="E")))
    await turns()
    state = orjson.loads(world.link.last("ocpp/v1/cs/CS199/1/state") or b"")
    assert state["ocpp"]["errorCode"] == "E"
    await eventually(lambda: len(set(world.link.topics())) == 200 * 4 + 2)


async def test_a_document_that_was_lost_is_sent_again() -> None:
    world = World(automatic=False)
    await world.connect()
    world.publisher.station_changed(Station(id=CS), station())
    await turns()
    world.link.disconnect()
    world.link.automatic = True
    await world.connect(session_present=True)

    assert world.link.last("ocpp/v1/cs/CS1/availability") == b"online"
    assert world.link.last("ocpp/v1/cs/CS1/1/state") is not None


async def test_a_refused_document_is_not_offered_again_before_it_changes() -> None:
    world = World()
    topic = "ocpp/v1/cs/CS1/1/state"
    world.link.refused_topics.add(topic)
    await world.connect()
    now = station()
    world.publisher.station_changed(Station(id=CS), now)
    await turns()
    world.publisher.station_changed(now, changed(now, view=EvseView()))
    await turns()
    assert world.link.topics().count(topic) == 1

    world.publisher.station_changed(now, changed(now, view=EvseView(error_code="E")))
    await turns()
    assert world.link.topics().count(topic) == 2
    assert world.counters.snapshot()["mqtt.retained_refused"] == 2


async def test_a_document_that_ends_every_connection_is_given_up() -> None:
    world = World(automatic=False)
    await world.connect()
    world.publisher.station_changed(Station(id=CS), replace(station(), evses={}))
    await turns()
    topics = world.link.topics([message for message, _ in world.link.in_flight])
    assert topics == ["ocpp/v1/cs/CS1/availability", "ocpp/v1/cs/CS1/info"]
    for _ in range(2):
        world.link.disconnect()
        await world.connect(session_present=True)
    assert len(world.link.in_flight) == 1  # each alone
    world.link.disconnect()
    await world.connect(session_present=True)
    assert world.counters.snapshot()["mqtt.retained_refused"] == 1

    world.link.acknowledge_all()
    await turns()
    assert world.link.last("ocpp/v1/cs/CS1/info") is not None


async def test_the_topics_of_a_removed_station_are_cleared() -> None:
    world = World()
    await world.connect()
    there = station()
    world.publisher.station_changed(None, there)
    await turns()
    published = {topic for topic in world.link.topics() if "/cs/" in topic}
    world.link.sent.clear()
    world.publisher.station_removed(there)
    await turns()

    cleared = {message.topic for message in world.link.sent if message.payload == b""}
    assert cleared >= published
    assert all(message.retain for message in world.link.sent)
    assert list(world.publisher._stations.all_topics()) == []


async def test_a_station_that_comes_back_is_published_anew() -> None:
    world = World()
    await world.connect()
    there = station()
    world.publisher.station_changed(None, there)
    await turns()
    world.publisher.station_removed(there)
    await turns()
    world.publisher.station_changed(Station(id=CS), there)
    await turns()

    assert world.link.last("ocpp/v1/cs/CS1/availability") == b"online"
    assert world.link.last("ocpp/v1/cs/CS1/1/state") != b""


async def test_neither_outbox_nor_documents_starve_at_a_window_of_one() -> None:
    world = World(window=1)
    await world.connect()
    await world.publish(*(event("a", number) for number in range(10)))
    for number in range(5):
        world.publisher.station_changed(Station(id=CS), replace(station(f"CS{number}"), evses={}))
    await turns(60)

    kinds = ["event" if topic == "a" else "document" for topic in world.link.topics()[2:]]
    assert kinds.count("event") == 10
    assert kinds.count("document") == 10
    assert kinds[:6].count("event") == 3
    assert world.link.most_in_flight == 1


async def test_an_event_is_on_its_way_before_the_documents_are_built() -> None:
    world = World(automatic=False)
    await world.connect()
    known = station()
    world.publisher.station_changed(Station(id=CS), known)
    await turns()
    world.link.acknowledge_all()
    await turns()
    sent = len(world.link.sent)
    for number in range(2):  # whoever's turn it is
        stored = await world.stored(event("a", number))
        before, known = known, changed(known, view=EvseView(error_code=str(number)))
        world.publisher.station_changed(before, known)
        world.publisher.publish(stored)
        await asyncio.sleep(0)

        assert world.link.topics()[sent:] == ["a"]
        await turns()
        assert len(world.link.topics()[sent:]) > 1
        world.link.acknowledge_all()
        await turns()
        sent = len(world.link.sent)


# --- orphans --------------------------------------------------------------------------------


def info_of(bridge: str) -> bytes:
    return orjson.dumps({"v": 1, "bridge": bridge})


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.mqtt.orphans.SEARCH_SECONDS", 0.05)


async def test_only_our_own_unknown_stations_are_cleared(soon: None) -> None:
    world = World()
    world.publisher.station_changed(None, station())
    await world.connect(session_present=False)
    assert "ocpp/v1/cs/+/info" in world.link.filters
    world.link.sent.clear()
    world.link.deliver("ocpp/v1/cs/OLD=2A1/info", info_of("main"), retain=True)
    world.link.deliver("ocpp/v1/cs/FOREIGN/info", info_of("other"), retain=True)
    world.link.deliver("ocpp/v1/cs/CS1/info", info_of("main"), retain=True)
    world.link.deliver("ocpp/v1/cs/BROKEN/info", b"{", retain=True)
    assert "ocpp/v1/cs/OLD=2A1/#" in world.link.filters
    for rest in ("info", "availability", "1/state"):
        world.link.deliver(f"ocpp/v1/cs/OLD=2A1/{rest}", b"{}", retain=True)
    await eventually(lambda: "ocpp/v1/cs/OLD=2A1/#" in world.link.unsubscribed)
    await turns()

    cleared = [message.topic for message in world.link.sent if message.payload == b""]
    assert cleared == [
        "ocpp/v1/cs/OLD=2A1/availability",
        "ocpp/v1/cs/OLD=2A1/1/state",
        "ocpp/v1/cs/OLD=2A1/info",
    ]
    assert "ocpp/v1/cs/+/info" in world.link.unsubscribed
    assert len(world.link.acknowledged) == 7
    assert world.counters.snapshot()["mqtt.orphans_cleared"] == 1


async def test_a_station_that_connects_during_the_search_is_spared(soon: None) -> None:
    world = World()
    await world.connect(session_present=False)
    world.link.deliver("ocpp/v1/cs/CS1/info", info_of("main"), retain=True)
    world.publisher.station_changed(Station(id=CS), station())
    world.link.deliver("ocpp/v1/cs/CS1/1/state", b"{}", retain=True)
    await eventually(lambda: "ocpp/v1/cs/CS1/#" in world.link.unsubscribed)
    await turns()

    assert all(message.payload for message in world.link.sent)


async def test_commands_are_left_to_the_subscriber() -> None:
    world = World()
    await world.connect()
    world.link.deliver("ocpp/v1/cs/CS1/1/cmd/me/limit", b"{}")

    assert world.link.acknowledged == []


async def test_a_lost_connection_ends_the_search() -> None:
    world = World()
    await world.connect(session_present=False)
    world.link.disconnect()
    await turns()
    assert world.publisher._orphans._timer is None


async def test_an_interrupted_search_begins_anew_and_a_finished_one_does_not(soon: None) -> None:
    world = World()
    await world.connect(session_present=False)
    world.link.disconnect()
    world.link.filters.clear()
    await world.connect(session_present=True)
    assert "ocpp/v1/cs/+/info" in world.link.filters
    await eventually(lambda: "ocpp/v1/cs/+/info" in world.link.unsubscribed)

    world.link.disconnect()
    world.link.filters.clear()
    await world.connect(session_present=True)
    assert world.link.filters == [STATE]


async def test_a_flood_of_dead_letters_is_no_flood_of_log_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    keys = [f"key{number}" for number in range(30)]
    world.link.refused_topics.update(keys)
    await world.connect()
    await world.publish(*(event(key, 1) for key in keys))
    await eventually(lambda: not world.journal.outbox)
    assert len(world.journal.dead_letters) == 30
    assert len(caplog.records) == 1

    world.clock.skipped += 11
    await world.publish(event("key0", 2))
    await eventually(lambda: not world.journal.outbox)
    assert [vars(record)["unmentioned"] for record in caplog.records] == [0, 29]


async def test_what_changed_before_the_first_connection_is_paced_too() -> None:
    world = World()
    for number in range(200):
        first = station(f"CS{number}")
        world.publisher.station_changed(None, first)
        stale = changed(first, view=EvseView(stale=True))
        world.publisher.station_changed(first, replace(stale, online=False))
    world.link.connect(session_present=False)
    await turns()
    assert len(world.link.sent) < 300
    await eventually(lambda: len(set(world.link.topics())) == 200 * 4 + 2)


async def test_removing_a_station_of_an_earlier_run_clears_its_topics() -> None:
    world = World()
    await world.connect()
    world.link.sent.clear()
    world.publisher.station_removed(station())
    await turns()

    cleared = {message.topic for message in world.link.sent if not message.payload}
    assert {"ocpp/v1/cs/CS1/availability", "ocpp/v1/cs/CS1/1/secc"} <= cleared


async def test_a_transaction_that_is_gone_is_cleared() -> None:
    world = World()
    await world.connect()
    now = station(transaction=transaction())
    world.publisher.station_changed(Station(id=CS), now)
    await turns()
    world.publisher.station_changed(now, changed(now, transaction=None))
    await turns()
    assert world.link.last("ocpp/v1/cs/CS1/1/transaction") == b""


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"retain_available": False}, "No retained messages"),
        ({"wildcard_subscriptions": False}, "No wildcard subscriptions"),
        ({"maximum_qos": 0}, "QoS 0 only"),
    ],
)
def test_what_a_broker_cannot_do_is_said(missing: dict[str, Any], words: str) -> None:
    (sentence,) = degradations(BrokerCapabilities(protocol="5", **missing))
    assert sentence.startswith(words)


@pytest.mark.parametrize("outcome", [PublishOutcome.REFUSED, PublishOutcome.ACKNOWLEDGED])
async def test_nothing_is_left_in_memory_when_all_is_done(outcome: PublishOutcome) -> None:
    world = World(automatic=False)
    await world.connect()
    await world.publish(*(event(f"key{number}", number) for number in range(100)))
    await turns()
    for entry in list(world.link.in_flight):
        world.link.finish(entry, outcome)
    await turns()

    assert world.publisher._outbox._lanes == {}
    assert world.publisher._outbox.backlog == 0
