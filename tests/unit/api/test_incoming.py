"""Commands as people and programs write them: what is taken, and why the rest is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from bridge.api.incoming import Accepted, Arrival, Refused, read, right_needed
from bridge.domain.calls import ResetType, VariableName
from bridge.domain.commands import (
    Arguments,
    AskTransactionStatus,
    CallStation,
    Extend,
    Get,
    OnExpire,
    Pause,
    ReadVariables,
    Refusal,
    Release,
    ResetStation,
    ResultCode,
    Resume,
    SetAvailability,
    SetLimit,
    SetPhases,
    Start,
    Stop,
    Trigger,
    Unlock,
    WriteVariables,
)
from bridge.domain.enums import AllocationSource
from bridge.domain.events import IdToken
from bridge.mqtt.topics import Topics
from tests.records import replace
from tests.schema_check import check_message

NOW = datetime(2026, 1, 10, 10, 0, 0, tzinfo=UTC)
TABLE = Topics("ocpp", "main")
BASE = "ocpp/v1/cs/S1/1"
LATER = "2026-01-10T18:00:00Z"
FULL_VARIABLE: dict[str, Any] = {
    "component": "Connector",
    "variable": "Current",
    "evse": 1,
    "connector": 2,
    "componentInstance": "left",
    "variableInstance": "L1",
    "attribute": "MaxSet",
}
FULL_NAME = VariableName(
    component="Connector",
    variable="Current",
    evse_id=1,
    connector_id=2,
    component_instance="left",
    variable_instance="L1",
    attribute="MaxSet",
)


def arrival(path: str, payload: bytes, **extra: Any) -> Arrival:
    return Arrival(
        address=TABLE.parse_command(f"{BASE}/{path}"),
        payload=payload,
        received_at=NOW,
        fresh_id="fresh",
        **extra,
    )


def accepted(path: str, body: Any, **rules: bool) -> Accepted:
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    found = read(arrival(path, payload), **rules)
    assert isinstance(found, Accepted), found
    return found


def refused(path: str, body: Any, **rules: bool) -> Refusal:
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    found = read(arrival(path, payload), **rules)
    assert isinstance(found, Refused), found
    return found.refusal


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("name", "body", "arguments"),
    [
        ("limit", {"limitA": 10}, SetLimit(limit_a=10.0)),
        ("limit", {"limitA": 0}, SetLimit(limit_a=0.0)),
        (
            "limit",
            {
                "limitW": 6900.5,
                "ttlSeconds": 60,
                "priority": 5,
                "onExpire": "failsafe",
                "untilDisconnect": True,
                "phases": 1,
            },
            SetLimit(
                limit_w=6900.5,
                ttl_seconds=60,
                priority=5,
                on_expire=OnExpire.FAILSAFE,
                until_disconnect=True,
                phases=1,
            ),
        ),
        ("phases", {"phases": 1}, SetPhases(phases=1)),
        ("phases", {"phases": None}, SetPhases(phases=None)),
        ("release", {}, Release()),
        ("pause", {}, Pause()),
        ("pause", {"ttlSeconds": 5}, Pause(ttl_seconds=5)),
        ("resume", {}, Resume()),
        ("start", {}, Start(id_token=IdToken(value="MQTT", type="Central"))),
        (
            "start",
            {"idToken": {"value": "04E1", "type": "ISO14443"}, "invoiceId": "i"},
            Start(id_token=IdToken(value="04E1", type="ISO14443"), invoice_id="i"),
        ),
        (
            "start",
            {"connector": 2, "until": LATER, "maxA": 10.5, "energyWh": 20000},
            Start(
                id_token=IdToken(value="MQTT", type="Central"),
                connector_id=2,
                until=NOW + timedelta(hours=8),
                max_a=10.5,
                energy_wh=20000.0,
            ),
        ),
        ("stop", {}, Stop()),
        ("stop", {"transactionId": "t1"}, Stop(transaction_id="t1")),
        ("stop", {"transactionUuid": "u1"}, Stop(transaction_uuid="u1")),
        ("extend", {"until": LATER}, Extend(until=NOW + timedelta(hours=8))),
        ("extend", {"until": None}, Extend(until=None)),
        ("availability", {"operative": False}, SetAvailability(operative=False)),
        ("transactionStatus", {}, AskTransactionStatus()),
        (
            "transactionStatus",
            {"transactionId": "t1"},
            AskTransactionStatus(transaction_id="t1"),
        ),
        (
            "getVariables",
            {"variables": [{"component": "C", "variable": "V"}, FULL_VARIABLE]},
            ReadVariables(names=(VariableName(component="C", variable="V"), FULL_NAME)),
        ),
        (
            "setVariables",
            {"variables": [FULL_VARIABLE | {"value": ""}]},
            WriteVariables(values=((FULL_NAME, ""),)),
        ),
        ("get", {}, Get()),
        ("get", {"what": "secc"}, Get(what="secc")),
    ],
)
def test_a_command_is_read(name: str, body: dict[str, Any], arguments: Arguments) -> None:
    command = accepted(f"cmd/me/{name}", body).command
    assert command.arguments == arguments
    assert command.received_at == NOW
    assert command.ref.source is AllocationSource.MQTT
    assert (command.ref.id, command.ref.name, command.ref.controller) == ("fresh", name, "me")
    assert right_needed(command) == name
    check_message(f"{BASE}/cmd/me/{name}", orjson.dumps(body))


@pytest.mark.parametrize(
    ("name", "body", "arguments"),
    [
        ("unlock", {}, Unlock()),
        ("unlock", {"connector": 2}, Unlock(connector_id=2)),
        ("reset", {"type": "OnIdle"}, ResetStation(type=ResetType.ON_IDLE)),
        ("trigger", {"message": "Heartbeat"}, Trigger(message="Heartbeat")),
        (
            "trigger",
            {"message": "StatusNotification", "connector": 1},
            Trigger(message="StatusNotification", connector_id=1),
        ),
        (
            "call",
            {"action": "SendLocalList", "payload": {"versionNumber": 1, "updateType": "Full"}},
            CallStation(
                action="SendLocalList", payload={"versionNumber": 1, "updateType": "Full"}
            ),
        ),
    ],
)
def test_what_does_something_anew_each_time_needs_an_id(
    name: str, body: dict[str, Any], arguments: Arguments
) -> None:
    command = accepted(f"cmd/me/{name}", {"id": "c1", **body}).command
    assert command.arguments == arguments
    assert right_needed(command) == name
    check_message(f"{BASE}/cmd/me/{name}", orjson.dumps({"id": "c1", **body}))

    refusal = refused(f"cmd/me/{name}", body)
    assert (refusal.code, refusal.details) == (ResultCode.MISSING_ID, {"pointer": "/id"})
    assert refused(f"cmd/me/{name}", body | {"id": None}).code is ResultCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("attribute", "text", "arguments", "right"),
    [
        ("limitA", b"16", SetLimit(limit_a=16.0), "limit"),
        ("limitA", b" 7.5\n", SetLimit(limit_a=7.5), "limit"),
        ("limitW", b"3680", SetLimit(limit_w=3680.0), "limit"),
        ("charging", b"true", Resume(), "resume"),
        ("charging", b"ON", Resume(), "resume"),
        ("charging", b"off", Pause(), "pause"),
        ("charging", b"0", Pause(), "pause"),
        ("phases", b"1", SetPhases(phases=1), "phases"),
        ("phases", b" 3 ", SetPhases(phases=3), "phases"),
        ("phases", b"AUTO", SetPhases(phases=None), "phases"),
        ("phases", b"none", SetPhases(phases=None), "phases"),
        ("phases", b"null", SetPhases(phases=None), "phases"),
    ],
)
def test_a_plain_value_is_a_command(
    attribute: str, text: bytes, arguments: Arguments, right: str
) -> None:
    command = accepted(f"set/me/{attribute}", text).command
    assert command.arguments == arguments
    assert command.ref.reply_to.name == f"set_{attribute}"
    assert right_needed(command) == right


def test_what_every_command_may_carry() -> None:
    body = {"id": "c1", "ts": ago(5), "expiresAt": ago(-5), "limitA": 6, "defer": True}
    command = accepted("cmd/me/limit", body).command
    assert command.ref.id == "c1"
    assert command.expires_at == NOW + timedelta(seconds=5)
    assert command.defer


@pytest.mark.parametrize(
    ("path", "body", "code", "pointer", "words"),
    [
        ("cmd/me/limit", {}, "invalid_argument", "", "exactly one of limitA"),
        ("cmd/me/limit", {"limitA": 1, "limitW": 1}, "invalid_argument", "", "exactly one"),
        ("cmd/me/limit", {"limitA": "16"}, "invalid_argument", "/limitA", "number"),
        ("cmd/me/limit", {"limitA": True}, "invalid_argument", "/limitA", "number"),
        ("cmd/me/limit", {"limitA": -1}, "invalid_argument", "/limitA", "greater than"),
        ("cmd/me/limit", {"limitA": 1e308}, "invalid_argument", "/limitA", "less than"),
        ("cmd/me/limit", {"limita": 16}, "invalid_argument", "/limita", "did you mean limitA"),
        ("cmd/me/limit", {"limitA": 6, "priority": 1001}, "invalid_argument", "/priority", "1000"),
        ("cmd/me/limit", {"limitA": 6, "ttlSeconds": 0}, "invalid_argument", "/ttlSeconds", "1"),
        ("cmd/me/limit", {"limitA": 6, "ttlSeconds": 1.5}, "invalid_argument", "/ttlSeconds", ""),
        ("cmd/me/limit", {"limitA": 6, "onExpire": "x"}, "invalid_argument", "/onExpire", "fail"),
        ("cmd/me/limit", {"limitA": 6, "phases": 2}, "invalid_argument", "/phases", "1 or 3"),
        ("cmd/me/limit", {"limitA": 6, "phases": True}, "invalid_argument", "/phases", "1 or 3"),
        ("cmd/me/limit", {"limitA": 6, "id": 5}, "invalid_argument", "/id", "string"),
        ("cmd/me/limit", {"limitA": 6, "id": "x" * 65}, "invalid_argument", "/id", "64"),
        ("cmd/me/limit", {"limitA": 6, "id": ""}, "invalid_argument", "/id", "at least 1"),
        ("cmd/me/limit", {"limitA": 6, "id": "a\nb"}, "invalid_argument", "/id", "pattern"),
        ("cmd/me/limit", {"limitA": 6, "ts": 1768039200}, "invalid_argument", "/ts", "text"),
        ("cmd/me/limit", {"limitA": 6, "ts": "now"}, "invalid_argument", "/ts", "RFC 3339"),
        (
            "cmd/me/limit",
            {"limitA": 6, "ts": "2026-01-10T10:00:00"},
            "invalid_argument",
            "/ts",
            "Z",
        ),
        ("cmd/me/limit", {"limitA": 6, "a/b~": 1}, "invalid_argument", "/a~1b~0", "unknown"),
        ("cmd/me/start", {"maxA": 0}, "invalid_argument", "/maxA", "greater than 0"),
        ("cmd/me/start", {"energyWh": -1}, "invalid_argument", "/energyWh", "greater than 0"),
        ("cmd/me/start", {"until": "x"}, "invalid_argument", "/until", "RFC 3339"),
        ("cmd/me/start", {"connector": 0}, "invalid_argument", "/connector", "or equal to 1"),
        ("cmd/me/start", {"idToken": "04E1"}, "invalid_argument", "/idToken", ""),
        (
            "cmd/me/start",
            {"idToken": {"value": "x" * 37}},
            "invalid_argument",
            "/idToken/value",
            "36",
        ),
        ("cmd/me/stop", {"transactionId": 7}, "invalid_argument", "/transactionId", "string"),
        (
            "cmd/me/stop",
            {"transactionId": "a", "transactionUuid": "b"},
            "invalid_argument",
            "",
            "not both",
        ),
        ("cmd/me/release", {"defer": "yes"}, "invalid_argument", "/defer", "boolean"),
        ("cmd/me/get", {"what": "weather"}, "invalid_argument", "/what", "secc"),
        ("cmd/me/limit", [], "invalid_argument", "", "an array"),
        ("cmd/me/limit", "text", "invalid_argument", "", "a text"),
        ("cmd/me/limit", 16, "invalid_argument", "", "a number"),
        ("cmd/me/limit", None, "invalid_argument", "", "null"),
        ("cmd/me/limit", b"{limitA: 6}", "invalid_json", None, "no JSON"),
        ("cmd/me/limit", b'{"limitA": NaN}', "invalid_json", None, "no JSON"),
        ("cmd/me/limit", b'{"limitA": Infinity}', "invalid_json", None, "no JSON"),
        ("cmd/me/limit", b'{"limitA": 6, "limitA": 32}', "invalid_json", "/limitA", "twice"),
        ("cmd/me/limit", b"\xff", "invalid_json", None, "no JSON"),
        ("cmd/me/limit", b'\xef\xbb\xbf{"limitA": 6}', "invalid_json", None, "no JSON"),
        ("cmd/me/limit", b'{"id": "\\ud800", "limitA": 6}', "invalid_json", None, "no JSON"),
        ("cmd/me/limit", b"[" * 5000 + b"]" * 5000, "invalid_json", None, "no JSON"),
        ("cmd/me/limit", b"[" * 1000 + b"]" * 1000, None, None, ""),
        ("cmd/me/limit", b'{"limitA": ' + b"9" * 5000 + b"}", "invalid_json", None, "no JSON"),
        ("cmd/me/priority", {}, "unsupported", None, "'priority'"),
        ("cmd/me/limt", {}, "unsupported", None, "did you mean limit?"),
        ("cmd/me/transactions", {"limit": 101}, "invalid_argument", "/limit", "100"),
        ("cmd/me/phases", {}, "invalid_argument", "/phases", "required"),
        ("cmd/me/phases", {"phases": "1"}, "invalid_argument", "/phases", "1 or 3"),
        ("cmd/me/extend", {}, "invalid_argument", "/until", "required"),
        ("cmd/me/availability", {"operative": 1}, "invalid_argument", "/operative", "boolean"),
        ("cmd/me/reset", {"id": "r"}, "invalid_argument", "/type", "required"),
        ("cmd/me/reset", {"id": "r", "type": "Hard"}, "invalid_argument", "/type", "OnIdle"),
        ("cmd/me/trigger", {"id": "r", "message": "Tea"}, "invalid_argument", "/message", "Boot"),
        ("cmd/me/unlock", {"id": "r", "connector": 0}, "invalid_argument", "/connector", "1"),
        ("cmd/me/getVariables", {"variables": []}, "invalid_argument", "/variables", "at least 1"),
        (
            "cmd/me/getVariables",
            {"variables": [{"component": "C", "variable": "V"}] * 51},
            "invalid_argument",
            "/variables",
            "at most 50",
        ),
        (
            "cmd/me/getVariables",
            {"variables": [{"component": "C", "variable": "V", "connector": 1}]},
            "invalid_argument",
            "/variables/0",
            "give evse too",
        ),
        (
            "cmd/me/getVariables",
            {"variables": [{"component": "C", "variable": "V", "value": "1"}]},
            "invalid_argument",
            "/variables/0/value",
            "unknown argument 'value'",
        ),
        (
            "cmd/me/setVariables",
            {"variables": [{"component": "C", "variable": "V", "value": 1}]},
            "invalid_argument",
            "/variables/0/value",
            "string",
        ),
        ("cmd/me/call", {"id": "r", "payload": {}}, "invalid_argument", "/action", "required"),
        (
            "cmd/me/call",
            {"id": "r", "action": "a/b", "payload": {}},
            "invalid_argument",
            "/action",
            "pattern",
        ),
        (
            "cmd/me/call",
            b'{"id": "r", "action": "Reset", "payload": {"x": ' + b"9" * 30 + b"}}",
            "invalid_argument",
            "/payload",
            "cannot be sent",
        ),
        (
            "cmd/me/call",
            {"id": "r", "action": "UpdateDynamicSchedule", "payload": {}},
            "invalid_argument",
            "/action",
            "use limit",
        ),
        ("set/me/phases", b"2", "invalid_argument", "", "1, 3 or auto"),
        ("set/me/limita", b"3", "unsupported", None, "did you mean limitA?"),
        ("set/me/limitA", b"sixteen", "invalid_argument", "", "plain number"),
        ("set/me/limitA", b"-1", "invalid_argument", "", "plain number"),
        ("set/me/limitA", b"1e3", "invalid_argument", "", "plain number"),
        ("set/me/limitA", b"nan", "invalid_argument", "", "plain number"),
        ("set/me/limitA", b"1001", "invalid_argument", "", "less than"),
        ("set/me/limitA", b"\xff", "invalid_argument", "", "UTF-8"),
        ("set/me/charging", b"maybe", "invalid_argument", "", "true or false"),
        ("cmd/a b/limit", {"limitA": 6}, "invalid_argument", None, "controller's name"),
    ],
)
def test_what_is_wrong_is_said(
    path: str, body: Any, code: str | None, pointer: str | None, words: str
) -> None:
    refusal = refused(path, body)
    if code is None:  # which of two codes it is depends on the depth that Python allows
        assert refusal.code in {ResultCode.INVALID_JSON, ResultCode.INVALID_ARGUMENT}
        return
    assert refusal.code == code
    assert words in refusal.message
    assert refusal.details.get("pointer") == pointer
    assert "\n" not in refusal.message


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("ocpp/v1/cs/S=2a/1/cmd/me/limit", ResultCode.UNKNOWN_STATION),
        ("ocpp/v1/cs/S1/x/cmd/me/limit", ResultCode.UNKNOWN_EVSE),
    ],
)
def test_a_topic_that_names_nothing_is_refused(path: str, code: ResultCode) -> None:
    message = Arrival(
        address=TABLE.parse_command(path), payload=b"{}", received_at=NOW, fresh_id="fresh"
    )
    found = read(message)
    assert isinstance(found, Refused)
    assert found.refusal.code is code


@pytest.mark.parametrize(
    ("name", "body", "code", "details"),
    [
        ("limit", {"limitA": 6, "ts": ago(31)}, "stale_command", {"ageSeconds": 31}),
        ("start", {"ts": ago(412)}, "stale_command", {"ageSeconds": 412}),
        ("limit", {"limitA": 6, "ts": ago(-31)}, "clock_skew", {"aheadSeconds": 31}),
        ("limit", {"limitA": 6, "expiresAt": ago(2)}, "expired", {"expiredSeconds": 2}),
        ("limit", {"limitA": 6, "expiresAt": ago(0)}, "expired", {"expiredSeconds": 0}),
    ],
)
def test_an_old_command_is_not_carried_out(
    name: str, body: dict[str, Any], code: str, details: dict[str, int]
) -> None:
    refusal = refused(f"cmd/me/{name}", body)
    assert refusal.code == code
    assert refusal.details == details


def test_an_old_command_can_be_told_to_repeat_one_that_came_in_time() -> None:
    body = {"id": "a", "limitA": 6, "expiresAt": ago(2)}
    late = arrival("cmd/me/limit", orjson.dumps(body))
    in_time = read(replace(late, received_at=NOW - timedelta(seconds=3)))
    too_late = read(late)
    assert isinstance(in_time, Accepted)
    assert isinstance(too_late, Refused)
    assert too_late.body_hash == in_time.body_hash
    wrong = read(arrival("cmd/me/limit", orjson.dumps({"id": "a", "limitA": -6})))
    assert isinstance(wrong, Refused)
    assert wrong.body_hash == ""


def test_the_sentence_about_a_stale_command_is_that_of_the_api() -> None:
    refusal = refused("cmd/me/start", {"ts": ago(412)})
    assert refusal.message == "command is 412 s old, at most 60 s is accepted"
    assert not refusal.retryable


@pytest.mark.parametrize(("name", "age"), [("limit", 30), ("start", 60), ("stop", 60)])
def test_a_command_of_the_largest_age_is_carried_out(name: str, age: int) -> None:
    body: dict[str, Any] = {"ts": ago(age)} | ({"limitA": 6} if name == "limit" else {})
    accepted(f"cmd/me/{name}", body)


def test_an_operator_may_want_a_time_in_every_command() -> None:
    assert refused("cmd/me/release", {}, require_ts=True).details == {"pointer": "/ts"}
    assert refused("set/me/limitA", b"6", require_ts=True).code is ResultCode.INVALID_ARGUMENT
    accepted("cmd/me/release", {"ts": ago(1)}, require_ts=True)
    accepted("cmd/me/release", {"expiresAt": ago(-1)}, require_ts=True)


def test_an_operator_may_want_a_lease_for_every_claim() -> None:
    for path, body in [
        ("cmd/me/limit", {"limitA": 6}),
        ("cmd/me/pause", {}),
        ("set/me/limitA", b"6"),
    ]:
        refusal = refused(path, body, require_ttl=True)
        assert refusal.details == {"pointer": "/ttlSeconds"}
    accepted("cmd/me/limit", {"limitA": 6, "ttlSeconds": 9}, require_ttl=True)
    accepted("cmd/me/release", {}, require_ttl=True)


def test_a_refusal_answers_with_the_id_of_the_sender_where_it_can_be_read() -> None:
    found = read(arrival("cmd/me/limit", b'{"id": "c7", "limitA": -1}'))
    assert isinstance(found, Refused)
    assert (found.ref.id, found.ref.name) == ("c7", "limit")
    nothing = read(arrival("cmd/me/limit", b"{"))
    assert isinstance(nothing, Refused)
    assert nothing.ref.id == "fresh"


def test_a_response_topic_and_its_correlation_are_kept() -> None:
    found = read(
        arrival(
            "cmd/me/release", b"{}", response_topic="ocpp/v1/client/me/r", correlation=b"\x00\xff"
        )
    )
    assert isinstance(found, Accepted)
    assert found.command.ref.reply_to.topic == "ocpp/v1/client/me/r"
    assert found.command.ref.reply_to.correlation == "00ff"


def test_the_hash_tells_repetitions_from_other_bodies() -> None:
    def digest(path: str, body: Any) -> str:
        return accepted(path, body).body_hash

    first = digest("cmd/me/limit", b'{"id":"a","limitA":6}')
    assert digest("cmd/me/limit", b'{ "limitA": 6, "id": "a" }') == first
    assert digest("cmd/me/limit", b'{"id":"a","limitA":7}') != first
    assert digest("set/me/limitA", b"6") != digest("set/me/limitW", b"6")
    assert digest("cmd/me/pause", b"{}") != digest("cmd/me/resume", b"{}")


def test_an_overlong_name_is_cut_in_the_answer() -> None:
    found = read(arrival("cmd/me/" + "x" * 5000, b"{}"))
    assert isinstance(found, Refused)
    assert len(found.ref.name) == len(found.ref.reply_to.name) == 64
    assert len(found.refusal.message) < 400
