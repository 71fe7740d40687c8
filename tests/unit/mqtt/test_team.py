"""Teams on MQTT: their commands, their results, their retained state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from bridge.api.incoming import Accepted, Arrival, Refused, read
from bridge.api.rights import ControllerRights
from bridge.domain.commands import (
    CommandRef,
    CommandResult,
    OnExpire,
    Refusal,
    Release,
    ReplyTo,
    ResultCode,
    ResultStatus,
    SetLimit,
)
from bridge.domain.control import Slot
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId
from bridge.domain.settings import StationSettings
from bridge.domain.team import MemberId, TeamSettings, Totals
from bridge.domain.team_leader import begin
from bridge.domain.team_plan import Activity, Member, Reason, Standing
from bridge.mqtt.mapping import Documents, MessagePresenter, TokenMask
from bridge.mqtt.team import team_document
from bridge.mqtt.topics import TEAM_STATE, Topics
from tests.records import replace

NOW = datetime(2026, 1, 10, 10, tzinfo=UTC)
TABLE = Topics("ocpp", "main")
ONE, TWO = MemberId(StationId("CS1"), 1), MemberId(StationId("CS2"), 1)
GARAGE = TeamSettings(name="garage", members=(ONE, TWO), totals=Totals(limit_a=32.0))


def verdict(topic: str, body: dict[str, Any]) -> Accepted | Refused:
    return read(
        Arrival(
            address=TABLE.parse_command(topic),
            payload=orjson.dumps(body),
            received_at=NOW,
            fresh_id="fresh",
        )
    )


def test_a_limit_for_a_team_is_read() -> None:
    body = {"id": "x", "limitW": 11_000, "ttlSeconds": 60, "onExpire": "failsafe"}
    accepted = verdict("ocpp/v1/team/garage/cmd/grid/limit", body)
    assert isinstance(accepted, Accepted)
    ref = accepted.command.ref
    assert (ref.team, ref.controller, ref.name, ref.evse_id) == ("garage", "grid", "limit", 0)
    assert accepted.command.arguments == SetLimit(
        limit_w=11_000, ttl_seconds=60, on_expire=OnExpire.FAILSAFE
    )


def test_a_release_for_a_team_is_read() -> None:
    accepted = verdict("ocpp/v1/team/garage/cmd/grid/release", {})
    assert isinstance(accepted, Accepted)
    assert accepted.command.arguments == Release()


def test_the_same_body_to_another_team_is_another_command() -> None:
    first = verdict("ocpp/v1/team/garage/cmd/grid/limit", {"id": "x", "limitA": 10})
    other = verdict("ocpp/v1/team/house/cmd/grid/limit", {"id": "x", "limitA": 10})
    assert isinstance(first, Accepted)
    assert isinstance(other, Accepted)
    assert first.body_hash != other.body_hash


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("limit", {}, ResultCode.INVALID_ARGUMENT),
        ("limit", {"limitA": 1, "limitW": 1}, ResultCode.INVALID_ARGUMENT),
        ("limit", {"limitA": 10, "untilDisconnect": True}, ResultCode.INVALID_ARGUMENT),
        ("limit", {"limitA": -1}, ResultCode.INVALID_ARGUMENT),
        ("pause", {}, ResultCode.UNSUPPORTED),
        ("start", {}, ResultCode.UNSUPPORTED),
    ],
)
def test_what_a_team_does_not_take(name: str, body: dict[str, Any], code: ResultCode) -> None:
    refused = verdict(f"ocpp/v1/team/garage/cmd/grid/{name}", body)
    assert isinstance(refused, Refused)
    assert refused.refusal.code is code
    assert refused.ref.team == "garage"


def test_a_wrong_name_of_a_controller_is_refused() -> None:
    refused = verdict("ocpp/v1/team/garage/cmd/a b/limit", {"limitA": 10})
    assert isinstance(refused, Refused)
    assert refused.refusal.code is ResultCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("topic", "is_one"),
    [
        ("ocpp/v1/team/garage/cmd/grid/limit", True),
        ("ocpp/v1/team/garage/set/grid/limitA", False),
        ("ocpp/v1/team/garage/state", False),
        ("ocpp/v1/team/garage/res/grid/limit", False),
        ("ocpp/v1/cs/team/1/cmd/grid/limit", True),
    ],
)
def test_which_topics_are_commands(topic: str, is_one: bool) -> None:
    assert TABLE.is_command(topic) is is_one


@pytest.mark.parametrize(
    ("rights", "may"),
    [
        (ControllerRights(), True),
        (ControllerRights(stations=("CS1",)), False),
        (ControllerRights(stations=("CS1",), teams=("garage",)), True),
        (ControllerRights(stations=("CS1",), teams=("*",)), True),
        (ControllerRights(commands=("pause",)), False),
    ],
)
def test_who_may_lower_a_total(rights: ControllerRights, may: bool) -> None:
    assert rights.may_lower("garage", "limit") is may


def test_a_result_goes_to_the_teams_topic() -> None:
    ref = CommandRef(
        id="x",
        name="limit",
        controller="grid",
        source=AllocationSource.MQTT,
        evse_id=0,
        reply_to=ReplyTo(name="limit"),
        team="garage",
    )
    refusal = Refusal(code=ResultCode.UNKNOWN_TEAM, message="there is no such team")
    result = CommandResult(
        ref=ref, status=ResultStatus.REJECTED, code=refusal.code, at=NOW, refusal=refusal
    )
    documents = Documents("main", TokenMask(None), lambda _: StationSettings())
    [message] = MessagePresenter(TABLE, documents).results(result, None, StationId(""))
    assert message.topic == "ocpp/v1/team/garage/res/grid/limit"
    assert message.ordering_key == "team/garage"
    document = orjson.loads(message.payload)
    assert document["team"] == "garage"
    assert document["error"]["code"] == "unknown_team"
    assert "cs" not in document


def member(member_id: MemberId, drawn_a: float) -> Member:
    return Member(
        id=member_id,
        online=True,
        activity=Activity.TRANSACTION,
        own_a=16,
        ceiling_a=16,
        minimum_a=6,
        maximum_a=16,
        watts_per_a=690,
        drawn_a=drawn_a,
        in_force_a=10.0,
    )


def test_the_state_says_who_set_the_total_and_who_has_what() -> None:
    claim = Slot(
        controller="grid",
        source=AllocationSource.MQTT,
        priority=50,
        since=NOW,
        limit_a=20.0,
        expires_at=NOW + timedelta(seconds=60),
    )
    state = replace(
        begin(GARAGE, None),
        totals=Totals(limit_a=20.0),
        winner=claim,
        members={ONE: member(ONE, 9.87)},
        standing={ONE: Standing(asked_a=10.0, reserved_a=12.0)},
        reasons={ONE: Reason.SERVED},
    )
    assert team_document(state, NOW) == {
        "v": 1,
        "ts": "2026-01-10T10:00:00.000Z",
        "team": "garage",
        "totalA": 20.0,
        "totalW": None,
        "configuredA": 32.0,
        "configuredW": None,
        "source": "MQTT",
        "controller": "grid",
        "priority": 50,
        "expiresAt": "2026-01-10T10:01:00.000Z",
        "mode": "normal",
        "reservedA": 12.0,
        "reservedW": 8280.0,
        "members": [
            {
                "cs": "CS1",
                "evse": 1,
                "shareA": 10.0,
                "reservedA": 12.0,
                "inForceA": 10.0,
                "drawnA": 9.9,
                "reason": "served",
            },
            {
                "cs": "CS2",
                "evse": 1,
                "shareA": None,
                "reservedA": 0.0,
                "inForceA": None,
                "drawnA": None,
                "reason": "unknown",
            },
        ],
    }


def test_without_a_claim_the_configuration_is_the_source() -> None:
    document = team_document(begin(GARAGE, None), NOW)
    assert (document["source"], document["controller"], document["expiresAt"]) == (
        "configuration",
        None,
        None,
    )


def test_the_topic_of_the_state() -> None:
    assert TABLE.team(TEAM_STATE, "garage") == "ocpp/v1/team/garage/state"
