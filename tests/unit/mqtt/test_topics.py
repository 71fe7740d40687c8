"""The topic table: what a user subscribes to, and how ids become segments."""

import pytest

from bridge.domain.ids import StationId
from bridge.mqtt import topics
from bridge.mqtt.rows_of_a_secc import SECC_ROWS
from bridge.mqtt.topics import (
    MAX_TOPIC_BYTES,
    TOPICS,
    Direction,
    TopicError,
    Topics,
    escape,
    unescape,
)

TABLE = Topics("ocpp", "main")
STATION = StationId("DE*ABC*E1")


@pytest.mark.parametrize(
    ("raw", "segment"),
    [
        ("DE*ABC*E1", "DE=2AABC=2AE1"),
        ("plain_Id-1", "plain_Id-1"),
        ("a/b+c#d$e", "a=2Fb=2Bc=23d=24e"),
        ("=", "=3D"),
        ("a.b", "a=2Eb"),
        ("ü", "=C3=BC"),
        ("\n\x00", "=0A=00"),
        ("", ""),
    ],
)
def test_an_id_becomes_one_segment(raw: str, segment: str) -> None:
    assert escape(raw) == segment


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        ("DE=2aABC", "upper-case"),
        ("A*B", "must consist of"),
        ("A=2", "must consist of"),
        ("A=4", "must consist of"),
        ("", "must consist of"),
        ("=41", "must be written 'A'"),
        ("=C3", "does not decode to UTF-8"),
        ("=C0=AF", "does not decode to UTF-8"),
        ("=ED=A0=80", "does not decode to UTF-8"),
    ],
)
def test_another_spelling_of_an_id_is_refused(segment: str, reason: str) -> None:
    with pytest.raises(TopicError, match=reason):
        unescape(segment)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (topics.AVAILABILITY, "ocpp/v1/cs/DE=2AABC=2AE1/availability"),
        (topics.STATION_INFO, "ocpp/v1/cs/DE=2AABC=2AE1/info"),
        (topics.STATE, "ocpp/v1/cs/DE=2AABC=2AE1/1/state"),
        (topics.SECC, "ocpp/v1/cs/DE=2AABC=2AE1/1/secc"),
        (topics.TRANSACTION, "ocpp/v1/cs/DE=2AABC=2AE1/1/transaction"),
        (topics.ALLOCATION, "ocpp/v1/cs/DE=2AABC=2AE1/1/allocation"),
        (topics.METER, "ocpp/v1/cs/DE=2AABC=2AE1/1/meter"),
        (topics.EVENT_TRANSACTION, "ocpp/v1/cs/DE=2AABC=2AE1/1/event/transaction"),
        (topics.EVENT_STATUS, "ocpp/v1/cs/DE=2AABC=2AE1/1/event/status"),
    ],
)
def test_topics_of_a_station(row: topics.TopicRow, expected: str) -> None:
    assert TABLE.station(row, STATION, 1) == expected


def test_topics_of_the_bridge_and_of_answers() -> None:
    assert TABLE.bridge(topics.BRIDGE_STATE) == "ocpp/v1/bridge/main/state"
    assert TABLE.bridge(topics.BRIDGE_INFO) == "ocpp/v1/bridge/main/info"
    assert TABLE.result(STATION, 1, "me", "limit") == "ocpp/v1/cs/DE=2AABC=2AE1/1/res/me/limit"
    assert TABLE.raw(STATION, "rx", "Heartbeat") == "ocpp/v1/raw/DE=2AABC=2AE1/rx/Heartbeat"
    assert TABLE.client_prefix("me") == "ocpp/v1/client/me/"


def test_delivery_of_each_topic_is_that_of_the_api() -> None:
    by_name = {row.name: (row.qos, row.retain) for row in TOPICS}
    events = {"eventTransaction", "eventStatus", "result"}
    assert by_name["meter"] == (0, True)
    assert by_name["raw"] == (0, False)
    for name in ("bridgeState", "bridgeInfo", "availability", "stationInfo", "state", "secc"):
        assert by_name[name] == (1, True)
    for name in events | {row.name for row in TOPICS if row.reply is not None}:
        assert by_name[name] == (1, False)
    assert {by_name[name] for name in by_name if name.startswith("val")} == {(0, True)}
    assert by_name["discoveryDevice"] == by_name["discoveryEntity"] == (1, True)
    assert by_name["homeAssistantStatus"] == (0, False)


def test_names_and_addresses_are_unique() -> None:
    assert len({row.name for row in TOPICS}) == len({row.address for row in TOPICS}) == len(TOPICS)


def test_every_command_is_answered() -> None:
    without = {"homeAssistantStatus", *(row.name for row in SECC_ROWS.values())}
    replies = {
        row.reply
        for row in TOPICS
        if row.direction is Direction.TO_BRIDGE and row.name not in without
    }
    assert replies == {"result", "teamResult"}


def test_the_longest_id_stays_within_what_brokers_take() -> None:
    longest = StationId("*" * 48)
    topic = TABLE.result(longest, 999_999, "c" * 32, "set_charging")
    assert len(topic) <= MAX_TOPIC_BYTES
    assert topic.count("/") < 8


@pytest.mark.parametrize(
    ("topic", "name", "scalar", "reply"),
    [
        ("ocpp/v1/cs/DE=2AABC=2AE1/1/cmd/me/limit", "limit", False, "limit"),
        ("ocpp/v1/cs/DE=2AABC=2AE1/1/set/me/limitA", "limitA", True, "set_limitA"),
    ],
)
def test_a_command_topic_is_read(topic: str, name: str, scalar: bool, reply: str) -> None:
    parsed = TABLE.parse_command(topic)
    assert parsed.problem is None
    assert (parsed.station_id, parsed.evse_id, parsed.controller) == (STATION, 1, "me")
    assert (parsed.name, parsed.scalar, parsed.reply_name) == (name, scalar, reply)


@pytest.mark.parametrize(
    ("topic", "pointer"),
    [
        ("ocpp/v1/cs/DE=2aX/1/cmd/me/limit", "station"),
        ("ocpp/v1/cs/DE*X/1/cmd/me/limit", "station"),
        ("ocpp/v1/cs//1/cmd/me/limit", "station"),
        ("ocpp/v1/cs/X/01/cmd/me/limit", "evse"),
        ("ocpp/v1/cs/X/-1/cmd/me/limit", "evse"),
        ("ocpp/v1/cs/X/\u0661/cmd/me/limit", "evse"),
        ("ocpp/v1/cs/X/1234567/cmd/me/limit", "evse"),
        ("ocpp/v1/cs/X/1/cmd/a b/limit", "controller"),
        ("ocpp/v1/cs/X/1/cmd//limit", "controller"),
        (f"ocpp/v1/cs/X/1/cmd/{'a' * 33}/limit", "controller"),
    ],
)
def test_a_wrong_part_of_a_command_topic_is_named(topic: str, pointer: str) -> None:
    parsed = TABLE.parse_command(topic)
    assert parsed.pointer == pointer
    assert parsed.problem


def test_a_root_of_several_segments_is_read_too() -> None:
    table = Topics("site/north", "main")
    parsed = table.parse_command("site/north/v1/cs/X/0/cmd/me/release")
    assert (parsed.station_id, parsed.evse_id, parsed.name) == ("X", 0, "release")
    assert table.station_segment("site/north/v1/cs/X=2A/info") == "X=2A"


def test_filters() -> None:
    assert TABLE.command_filters == (
        "ocpp/v1/cs/+/+/cmd/+/+",
        "ocpp/v1/cs/+/+/set/+/+",
        "ocpp/v1/team/+/cmd/+/+",
    )
    assert TABLE.station_info_filter == "ocpp/v1/cs/+/info"
    assert TABLE.below_station("X=2A") == "ocpp/v1/cs/X=2A/#"
