"""The subscriber against a link in memory: each refusal by its code, each acceptance by its command."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.api.rate_limit import MAX_BUCKETS, RateLimit
from bridge.api.rights import CommandRules, ControllerRights
from bridge.domain.commands import (
    CallStation,
    Command,
    CommandRef,
    Pause,
    Refusal,
    Release,
    ResultCode,
    SetLimit,
    Start,
)
from bridge.domain.credentials import LoggedIn
from bridge.domain.events import StationMessage
from bridge.domain.ids import StationId
from bridge.domain.security import Incident
from bridge.mqtt.settings import BrokerAddress, MqttSettings
from bridge.mqtt.subscriber import Subscriber
from bridge.mqtt.topics import Topics
from bridge.telemetry.counters import Counters
from tests.mqtt_link import MemoryLink, turns

NOW = datetime(2026, 1, 10, 10, tzinfo=UTC)
LIMIT = "ocpp/v1/cs/CS1/1/cmd/me/limit"


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Ids:
    def __init__(self) -> None:
        self.count = 0

    def new_id(self) -> str:
        self.count += 1
        return f"fresh-{self.count}"

    def jitter(self) -> float:
        return 0.5


class Inbox:
    """Remembers what was handed in; the test says when it is durable."""

    def __init__(self) -> None:
        self.commands: list[tuple[StationId, Command, str]] = []
        self.refusals: list[tuple[StationId, CommandRef, Refusal]] = []
        self.waiting: list[Callable[[bool], None]] = []

    def command(
        self,
        station_id: StationId,
        command: Command,
        body_hash: str,
        on_durable: Callable[[bool], None],
    ) -> None:
        self.commands.append((station_id, command, body_hash))
        self.waiting.append(on_durable)

    def refuse(
        self,
        station_id: StationId,
        ref: CommandRef,
        refusal: Refusal,
        on_durable: Callable[[bool], None],
        body_hash: str = "",
    ) -> None:
        self.refusals.append((station_id, ref, refusal))
        self.waiting.append(on_durable)

    def logged_in(self, station_id: StationId, login: LoggedIn) -> None:
        raise AssertionError("stations are not here")

    def security(self, station_id: StationId, incident: Incident) -> None:
        raise AssertionError("stations are not here")

    def admit(self, station_id: StationId) -> bool:
        raise AssertionError("stations do not come by MQTT")

    def connected(
        self, station_id: StationId, version: str, connection_id: str, remote: str
    ) -> None:
        raise AssertionError("stations do not come by MQTT")

    def disconnected(self, station_id: StationId, connection_id: str) -> None:
        raise AssertionError("stations do not come by MQTT")

    def receive(
        self, station_id: StationId, message: StationMessage, respond: Callable[[Any], None]
    ) -> bool:
        raise AssertionError("stations do not come by MQTT")


class World:
    """A subscriber between a link and an inbox."""

    def __init__(self, *, connect: bool = True, window: int = 100, **rules: Any) -> None:
        self.clock = Clock()
        self.inbox = Inbox()
        self.link = MemoryLink(window=window, automatic=False)
        self.counters = Counters()
        self.subscriber = Subscriber(
            link=self.link,
            inbox=self.inbox,
            topics=Topics("ocpp", "main"),
            settings=MqttSettings(
                address=BrokerAddress.parse("mqtt://localhost"), rules=CommandRules(**rules)
            ),
            clock=self.clock,
            ids=Ids(),
            metrics=self.counters,
        )
        self.link.add_listener(self.subscriber)
        if connect:
            self.link.connect()

    def send(self, body: Any = None, topic: str = LIMIT, **options: Any) -> None:
        payload = body if isinstance(body, bytes) else orjson.dumps(body)
        self.link.deliver(topic, payload, **options)

    def refused(self) -> list[ResultCode]:
        return [refusal.code for _, _, refusal in self.inbox.refusals]

    def only_refusal(self) -> Refusal:
        assert self.inbox.commands == []
        ((_, _, refusal),) = self.inbox.refusals
        return refusal

    def only_command(self) -> Command:
        assert self.inbox.refusals == []
        ((_, command, _),) = self.inbox.commands
        return command


def at(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


# --- what is taken --------------------------------------------------------------------------


def test_commands_are_subscribed_to_with_every_connection() -> None:
    world = World()
    filters = ["ocpp/v1/cs/+/+/cmd/+/+", "ocpp/v1/cs/+/+/set/+/+", "ocpp/v1/team/+/cmd/+/+"]
    assert world.link.filters == filters
    world.link.disconnect()
    world.link.connect(session_present=True)
    assert world.link.filters == filters * 2


def test_a_command_is_handed_in() -> None:
    world = World()
    world.send({"id": "x1", "limitA": 10, "ts": at(-5), "expiresAt": at(60)})

    ((station_id, command, body_hash),) = world.inbox.commands
    assert station_id == "CS1"
    assert command.arguments == SetLimit(limit_a=10)
    assert command.ref.id == "x1"
    assert (command.ref.controller, command.ref.name, command.ref.evse_id) == ("me", "limit", 1)
    assert command.received_at == NOW
    assert command.expires_at == NOW + timedelta(seconds=60)
    assert len(body_hash) == 64


def test_a_command_without_an_id_gets_one() -> None:
    world = World()
    world.send({}, topic="ocpp/v1/cs/CS1/1/cmd/me/release")

    command = world.only_command()
    assert command.ref.id == "fresh-1"
    assert command.arguments == Release()


def test_a_plain_value_is_a_command() -> None:
    world = World()
    world.send(b"16", topic="ocpp/v1/cs/DE=2AA/2/set/me/limitA")
    world.send(b"false", topic="ocpp/v1/cs/DE=2AA/2/set/me/charging")

    (_, limit, _), (station_id, pause, _) = world.inbox.commands
    assert station_id == "DE*A"
    assert limit.arguments == SetLimit(limit_a=16)
    assert limit.ref.reply_to.name == "set_limitA"
    assert pause.arguments == Pause()


def test_a_command_is_acknowledged_when_it_is_durable_and_not_before() -> None:
    world = World()
    world.send({"limitA": 10})
    assert world.link.acknowledged == []

    world.inbox.waiting[0](True)
    assert len(world.link.acknowledged) == 1


def test_a_command_that_could_not_be_stored_is_not_acknowledged() -> None:
    world = World()
    world.send({"limitA": 10})
    world.inbox.waiting[0](False)

    assert world.link.acknowledged == []
    assert world.counters.snapshot()["mqtt.commands_not_stored"] == 1


def test_a_refusal_is_acknowledged_when_it_is_durable() -> None:
    world = World()
    world.send(b"nonsense")
    assert world.link.acknowledged == []
    world.inbox.waiting[0](True)
    assert len(world.link.acknowledged) == 1


def test_an_empty_payload_is_nothing() -> None:
    world = World()
    world.send(b"", retain=True)

    assert len(world.link.acknowledged) == 1
    assert (world.inbox.commands, world.inbox.refusals) == ([], [])


@pytest.mark.parametrize(
    "topic", ["ocpp/v1/bridge/main/state", "ocpp/v1/cs/CS1/info", "ocpp/v1/cs/cmd/1/state"]
)
def test_other_topics_are_somebody_elses(topic: str) -> None:
    world = World()
    world.send(b"offline", topic=topic)

    assert world.link.acknowledged == []
    assert world.inbox.refusals == []


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", ResultCode.INVALID_JSON),
        (b'{"limitA":NaN}', ResultCode.INVALID_JSON),
        (b'{"limitA":6,"limitA":7}', ResultCode.INVALID_JSON),
        (b"[" * 5000 + b"]" * 5000, ResultCode.INVALID_JSON),
        (b'{"limitA":6,"x":"' + b"a" * 65_536 + b'"}', ResultCode.INVALID_JSON),
        (b"\xff", ResultCode.INVALID_JSON),
        (b'{"limitA":1e400}', ResultCode.INVALID_JSON),
        (b'{"limitA":-1}', ResultCode.INVALID_ARGUMENT),
        (b'{"limitA":"16"}', ResultCode.INVALID_ARGUMENT),
        (b'{"limitA":6,"limitW":7}', ResultCode.INVALID_ARGUMENT),
        (b'{"limitA":6,"limitB":7}', ResultCode.INVALID_ARGUMENT),
        (b'{"limitA":6,"phases":2}', ResultCode.INVALID_ARGUMENT),
        (b'{"limitA":6,"id":"' + b"x" * 65 + b'"}', ResultCode.INVALID_ARGUMENT),
        (orjson.dumps({"limitA": 6, "expiresAt": at(-1)}), ResultCode.EXPIRED),
        (orjson.dumps({"limitA": 6, "ts": at(-31)}), ResultCode.STALE_COMMAND),
        (orjson.dumps({"limitA": 6, "ts": at(31)}), ResultCode.CLOCK_SKEW),
    ],
)
def test_what_is_wrong_with_a_body_is_told(body: bytes, code: ResultCode) -> None:
    world = World()
    world.send(body)
    assert world.only_refusal().code is code


def test_an_invalid_argument_is_pointed_at() -> None:
    world = World()
    world.send({"limitA": 6, "limitB": 7})

    assert world.only_refusal().details["pointer"] == "/limitB"
    assert "did you mean limit" in world.only_refusal().message


def test_a_start_may_be_a_minute_old() -> None:
    world = World()
    world.send({"ts": at(-59)}, topic="ocpp/v1/cs/CS1/1/cmd/me/start")
    world.send({"ts": at(-61)}, topic="ocpp/v1/cs/CS1/1/cmd/me/start")

    assert isinstance(world.inbox.commands[0][1].arguments, Start)
    assert world.refused() == [ResultCode.STALE_COMMAND]


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("ocpp/v1/cs/CS1/1/cmd/me/fly", ResultCode.UNSUPPORTED),
        ("ocpp/v1/cs/CS1/1/cmd/me/unlock", ResultCode.MISSING_ID),
        ("ocpp/v1/cs/CS1/01/cmd/me/limit", ResultCode.UNKNOWN_EVSE),
        ("ocpp/v1/cs/CS1/x/cmd/me/limit", ResultCode.UNKNOWN_EVSE),
        ("ocpp/v1/cs/CS*1/1/cmd/me/limit", ResultCode.UNKNOWN_STATION),
        ("ocpp/v1/cs/CS1/1/cmd/m e/limit", ResultCode.INVALID_ARGUMENT),
    ],
)
def test_what_is_wrong_with_a_topic_is_told(topic: str, code: ResultCode) -> None:
    world = World()
    world.send({"limitA": 6}, topic=topic)
    assert world.only_refusal().code is code


def test_commands_without_a_time_can_be_refused() -> None:
    world = World(require_ts=True)
    world.send({"limitA": 6})
    world.send({"limitA": 6, "ts": at(0)})

    assert world.refused() == [ResultCode.INVALID_ARGUMENT]
    assert len(world.inbox.commands) == 1


def test_limits_without_a_lease_can_be_refused() -> None:
    world = World(require_ttl=True)
    world.send({"limitA": 6})
    assert world.only_refusal().details["pointer"] == "/ttlSeconds"


def test_a_topic_that_is_too_long_cannot_be_answered(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    topic = f"ocpp/v1/cs/{'x' * 300}/1/cmd/me/limit"
    for _ in range(3):
        world.send({"limitA": 6}, topic=topic)
    assert world.inbox.refusals == []
    assert len(world.link.acknowledged) == 3
    assert world.counters.snapshot()["mqtt.commands_unanswerable"] == 3
    assert len(caplog.records) == 1

    world.clock.seconds += 61
    world.send({"limitA": 6}, topic=topic)
    assert len(caplog.records) == 2


# --- retained -------------------------------------------------------------------------------


def test_a_retained_command_is_refused_under_its_id_and_cleared() -> None:
    world = World()
    world.send({"id": "r1", "limitA": 6}, retain=True)

    ((_, ref, refusal),) = world.inbox.refusals
    assert (refusal.code, ref.id) == (ResultCode.RETAINED_COMMAND, "r1")
    ((cleared, _),) = world.link.in_flight
    assert (cleared.topic, cleared.payload, cleared.retain) == (LIMIT, b"", True)


def test_clearing_waits_for_room() -> None:
    world = World(window=1)
    topics = [f"ocpp/v1/cs/CS{number}/1/cmd/me/limit" for number in range(3)]
    for topic in topics:
        world.send({"limitA": 6}, topic=topic, retain=True)
    assert world.link.topics() == topics[:1]

    for _ in range(2):
        world.link.acknowledge_all()
        world.subscriber.on_writable()
    assert world.link.topics() == topics


async def test_a_clearing_that_the_broker_refuses_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.link.refused_topics.add(LIMIT)
    world.send({"limitA": 6}, retain=True)
    await turns()

    assert world.counters.snapshot()["mqtt.commands_not_cleared"] == 1
    assert "the right to write" in caplog.text


# --- rights and rates -----------------------------------------------------------------------

RIGHTS = {"me": ControllerRights(stations=("CS1",), commands=("limit", "resume"), max_priority=50)}


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("ocpp/v1/cs/CS1/1/cmd/you/limit", b'{"limitA":6}'),
        ("ocpp/v1/cs/OTHER/1/cmd/me/limit", b'{"limitA":6}'),
        ("ocpp/v1/cs/CS1/1/cmd/me/stop", b"{}"),
        ("ocpp/v1/cs/CS1/1/set/me/charging", b"false"),
        ("ocpp/v1/cs/CS1/1/cmd/me/limit", b'{"limitA":6,"priority":51}'),
    ],
)
def test_rights_are_looked_after(topic: str, body: bytes) -> None:
    world = World(controllers=RIGHTS)
    world.send(body, topic=topic)
    assert world.only_refusal().code is ResultCode.NOT_AUTHORISED


def test_what_a_controller_may_is_taken() -> None:
    world = World(controllers=RIGHTS)
    world.send(b"true", topic="ocpp/v1/cs/CS1/1/set/me/charging")
    world.send(b'{"limitA":6,"priority":50}')
    assert world.refused() == []


@pytest.mark.parametrize("controllers", [{}, {"me": ControllerRights(commands=("call",))}])
def test_raw_calls_are_off_unless_the_owner_turns_them_on(
    controllers: dict[str, ControllerRights],
) -> None:
    topic = "ocpp/v1/cs/CS1/1/cmd/me/call"
    body = {"id": "c1", "action": "ClearCache", "payload": {}}

    off, on = World(controllers=controllers), World(controllers=controllers, allow_call=True)
    off.send(body, topic=topic)
    on.send(body, topic=topic)

    assert off.only_refusal().code is ResultCode.NOT_AUTHORISED
    assert "commands.allow_call" in off.only_refusal().message
    assert on.only_command().arguments == CallStation(action="ClearCache", payload={})


def test_each_command_has_a_right_of_its_own() -> None:
    rights = {"me": ControllerRights(commands=("phases", "reset"))}
    world = World(controllers=rights)
    base = "ocpp/v1/cs/CS1/1"
    world.send(b"1", topic=f"{base}/set/me/phases")
    world.send({"phases": 3}, topic=f"{base}/cmd/me/phases")
    world.send({"id": "r1", "type": "OnIdle"}, topic=f"{base}/cmd/me/reset")
    world.send({"id": "u1"}, topic=f"{base}/cmd/me/unlock")

    assert len(world.inbox.commands) == 3
    assert world.refused() == [ResultCode.NOT_AUTHORISED]


def test_a_priority_that_was_not_asked_for_is_capped() -> None:
    world = World(controllers=RIGHTS)
    world.send(b'{"limitA":6}')
    assert world.only_command().arguments == SetLimit(limit_a=6, priority=50)


def test_fifty_commands_at_once_and_ten_per_second() -> None:
    world = World()
    for _ in range(60):
        world.send({"limitA": 6})
    assert len(world.inbox.commands) == 50
    assert world.refused() == [ResultCode.RATE_LIMITED] * 10

    world.clock.seconds += 1
    for _ in range(20):
        world.send({"limitA": 6})
    assert len(world.inbox.commands) == 60
    world.send({"limitA": 6}, topic="ocpp/v1/cs/CS1/1/cmd/other/limit")
    assert len(world.inbox.commands) == 61


def test_many_names_do_not_fill_the_memory_and_share_what_is_left() -> None:
    clock = Clock()
    rate = RateLimit(clock)
    for number in range(MAX_BUCKETS + 500):
        rate.allows(f"c{number}")
    assert len(rate._buckets) == MAX_BUCKETS + 1
    assert not rate.allows("one more")

    clock.seconds += 60
    assert rate.allows("one more")
    assert len(rate._buckets) == 1


# --- Response Topic -------------------------------------------------------------------------


def test_results_also_go_to_the_response_topic_of_the_controller() -> None:
    world = World()
    world.send({"limitA": 6}, response_topic="ocpp/v1/client/me/inbox", correlation=b"\x00\xff")
    reply_to = world.only_command().ref.reply_to
    assert reply_to.topic == "ocpp/v1/client/me/inbox"
    assert reply_to.correlation == "00ff"


@pytest.mark.parametrize(
    "topic",
    [
        "ocpp/v1/client/other/inbox",
        "ocpp/v1/client/me",
        "ocpp/v1/client/me/",
        "ocpp/v1/client/me/#",
        "ocpp/v1/client/me/+/a",
        "ocpp/v1/client/me/\x01",
        "ocpp/v1/client/me/" + "x" * 300,
        "ocpp/v1/bridge/main/state",
        "homeassistant/x",
        "",
    ],
)
def test_a_response_topic_elsewhere_is_not_written_to(topic: str) -> None:
    world = World()
    world.send({"limitA": 6}, response_topic=topic, correlation=b"1")

    reply_to = world.only_command().ref.reply_to
    assert reply_to.topic is None
    assert reply_to.correlation == "31"
    assert world.counters.snapshot()["mqtt.response_topics_refused"] == 1


def test_long_correlation_data_is_refused() -> None:
    world = World()
    world.send({"limitA": 6}, correlation=b"x" * 1025)
    assert world.only_refusal().code is ResultCode.INVALID_ARGUMENT


# --- whatever comes -------------------------------------------------------------------------

SEGMENT = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=40)


@given(
    station=SEGMENT,
    evse=SEGMENT,
    kind=st.sampled_from(["cmd", "set"]),
    controller=SEGMENT,
    name=st.sampled_from(["limit", "start", "limitA", "charging", "get"]) | SEGMENT,
    payload=st.binary(max_size=200)
    | st.from_regex(r'\{"[a-zA-Z]{1,8}":.{0,30}\}').map(str.encode),
    retain=st.booleans(),
)
def test_each_message_is_handed_in_or_answered_once(
    station: str,
    evse: str,
    kind: str,
    controller: str,
    name: str,
    payload: bytes,
    retain: bool,
) -> None:
    world = World()
    topic = f"ocpp/v1/cs/{station}/{evse}/{kind}/{controller}/{name}"
    world.send(payload, topic=topic, retain=retain)

    answers = len(world.inbox.commands) + len(world.inbox.refusals)
    if not payload or len(topic.encode()) > 256:
        assert (answers, len(world.link.acknowledged)) == (0, 1)
    else:
        assert (answers, len(world.link.acknowledged)) == (1, 0)
