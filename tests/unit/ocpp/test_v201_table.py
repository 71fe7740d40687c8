"""Every action of OCPP 2.0.1 has its row, and every row a valid answer.

The schemas are checked by the `jsonschema` package here, which the bridge itself does not use.
"""

import json
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft6Validator

from bridge.domain import calls
from bridge.domain.calls import CallFailed, CallFailure, CallResult, ProfilePurpose
from bridge.domain.effects import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    NotAccepted,
    Reply,
    TransactionReply,
)
from bridge.domain.enums import AuthorizationStatus, Registration
from bridge.domain.events import IdToken, Notice
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, ErrorCode, Unreadable
from bridge.ocpp.v201.version import CSMS_ACTIONS, STATION_ACTIONS, V201

NOW = datetime(2026, 11, 21, 8, 0, 0, 123_456, tzinfo=UTC)
SCHEMAS = resources.files("ocpp.v201.schemas")
TRANSLATOR = Translator(V201, strict=True)
REPLIES: dict[str, list[Reply]] = {
    "Authorize": [AuthorizeReply(status=status) for status in AuthorizationStatus],
    "BootNotification": [
        BootReply(status=status, interval_seconds=300) for status in Registration
    ],
    "TransactionEvent": [
        TransactionReply(status=None),
        TransactionReply(status=AuthorizationStatus.ACCEPTED),
    ],
}


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8-sig"))


def smallest(part: Any, whole: Any) -> Any:
    """Return the smallest value that a schema allows."""
    if "$ref" in part:
        return smallest(whole["definitions"][part["$ref"].rpartition("/")[2]], whole)
    if "enum" in part:
        return part["enum"][0]
    match part["type"]:
        case "object":
            required = part.get("required", [])
            return {name: smallest(part["properties"][name], whole) for name in required}
        case "array":
            return [smallest(part["items"], whole)] * part.get("minItems", 0)
        case "string":
            return "2026-11-21T08:00:00Z" if part.get("format") == "date-time" else "x"
        case "boolean":
            return False
        case _:
            return part.get("minimum", 0)


def call(action: str) -> Call:
    whole = schema(f"{action}Request")
    return Call("a", action, smallest(whole, whole))


def test_the_table_is_complete() -> None:
    shipped = {item.name.removesuffix("Request.json") for item in SCHEMAS.iterdir()}
    actions = {name for name in shipped if name.isalnum()}
    assert len(STATION_ACTIONS) == 25
    assert set(STATION_ACTIONS) | CSMS_ACTIONS == actions
    assert not set(STATION_ACTIONS) & CSMS_ACTIONS


@pytest.mark.parametrize("action", STATION_ACTIONS)
def test_every_action_of_a_station_has_a_valid_answer(action: str) -> None:
    reading = TRANSLATOR.read(call(action))
    assert isinstance(reading, Reading)
    assert reading.tolerated is None
    for reply in REPLIES.get(action, [Acknowledged()]):
        number, message_id, payload = json.loads(TRANSLATOR.answer(action, "a", reply, NOW))
        assert (number, message_id) == (3, "a")
        Draft6Validator(schema(f"{action}Response")).validate(payload)


@pytest.mark.parametrize("action", STATION_ACTIONS)
def test_every_action_can_be_refused_before_acceptance(action: str) -> None:
    answer = json.loads(TRANSLATOR.answer(action, "a", NotAccepted(), NOW))
    assert answer == [4, "a", "SecurityError", "not accepted yet", {}]
    assert not TRANSLATOR.remembers(action, NotAccepted())


@pytest.mark.parametrize(
    ("action", "code"),
    [(action, ErrorCode.NOT_SUPPORTED) for action in sorted(CSMS_ACTIONS)]
    + [
        (action, ErrorCode.NOT_IMPLEMENTED)
        for action in ("CustomOperation", "", "StopTransaction")
    ],
)
def test_other_actions_are_refused(action: str, code: ErrorCode) -> None:
    refused = TRANSLATOR.read(Call("a", action, {}))
    assert isinstance(refused, Unreadable)
    assert refused.code is code


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("DataTransfer", {"status": "UnknownVendorId"}),
        ("Get15118EVCertificate", {"status": "Failed", "exiResponse": ""}),
        ("GetCertificateStatus", {"status": "Failed"}),
        ("NotifyEVChargingNeeds", {"status": "Rejected"}),
        ("SignCertificate", {"status": "Rejected"}),
        ("NotifyReport", {}),
        ("Heartbeat", {"currentTime": "2026-11-21T08:00:00Z"}),
    ],
)
def test_answers_without_a_decision(action: str, answer: Any) -> None:
    assert json.loads(TRANSLATOR.answer(action, "a", Acknowledged(), NOW)) == [3, "a", answer]


def test_answers_with_a_decision() -> None:
    def answer(action: str, reply: Reply) -> Any:
        return json.loads(TRANSLATOR.answer(action, "a", reply, NOW))[2]

    boot = BootReply(status=Registration.PENDING, interval_seconds=30)
    assert answer("BootNotification", boot) == {
        "currentTime": "2026-11-21T08:00:00Z",
        "interval": 30,
        "status": "Pending",
    }
    accepted = {"idTokenInfo": {"status": "Accepted"}}
    assert answer("Authorize", AuthorizeReply(status=AuthorizationStatus.ACCEPTED)) == accepted
    assert answer("TransactionEvent", TransactionReply(status=None)) == {}
    status = TransactionReply(status=AuthorizationStatus.ACCEPTED)
    assert answer("TransactionEvent", status) == accepted


def test_a_reply_of_the_wrong_kind_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match="Acknowledged where BootReply answers"):
        TRANSLATOR.answer("BootNotification", "a", Acknowledged(), NOW)


def test_what_is_not_modelled_keeps_its_name() -> None:
    assert TRANSLATOR.read(call("NotifyReport")) == Reading(Notice(action="NotifyReport"))


# --- Requests -------------------------------------------------------------------------------

TOKEN = IdToken(value="TAG1", type="Central")
REQUESTS: list[tuple[calls.StationRequest, str, Any]] = [
    (
        calls.SetChargingProfile(
            evse_id=1,
            profile_id=7,
            purpose=ProfilePurpose.TX,
            stack_level=0,
            limit_a=10.04,
            start_at=NOW,
            transaction_id="T1",
            number_phases=1,
        ),
        "SetChargingProfile",
        {
            "evseId": 1,
            "chargingProfile": {
                "id": 7,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Absolute",
                "transactionId": "T1",
                "chargingSchedule": [
                    {
                        "id": 7,
                        "startSchedule": "2026-11-21T08:00:00Z",
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [
                            {"startPeriod": 0, "limit": 10.0, "numberPhases": 1}
                        ],
                    }
                ],
            },
        },
    ),
    (
        calls.SetChargingProfile(
            evse_id=1,
            profile_id=7,
            purpose=ProfilePurpose.TX_DEFAULT,
            stack_level=3,
            limit_a=0,
            start_at=NOW,
            transaction_id="T1",
        ),
        "SetChargingProfile",
        {
            "evseId": 1,
            "chargingProfile": {
                "id": 7,
                "stackLevel": 3,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": [
                    {
                        "id": 7,
                        "startSchedule": "2026-11-21T08:00:00Z",
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}],
                    }
                ],
            },
        },
    ),
    (calls.ClearChargingProfile(profile_id=7), "ClearChargingProfile", {"chargingProfileId": 7}),
    (
        calls.RequestStartTransaction(evse_id=1, remote_start_id=5, id_token=TOKEN),
        "RequestStartTransaction",
        {"evseId": 1, "remoteStartId": 5, "idToken": {"idToken": "TAG1", "type": "Central"}},
    ),
    (
        calls.RequestStartTransaction(evse_id=None, remote_start_id=5, id_token=TOKEN),
        "RequestStartTransaction",
        {"remoteStartId": 5, "idToken": {"idToken": "TAG1", "type": "Central"}},
    ),
    (
        calls.RequestStopTransaction(transaction_id="T1"),
        "RequestStopTransaction",
        {"transactionId": "T1"},
    ),
    (
        calls.TriggerMessage(message="Heartbeat"),
        "TriggerMessage",
        {"requestedMessage": "Heartbeat"},
    ),
    (
        calls.TriggerMessage(message="MeterValues", evse_id=1),
        "TriggerMessage",
        {"requestedMessage": "MeterValues", "evse": {"id": 1}},
    ),
    (
        calls.TriggerMessage(message="StatusNotification", evse_id=1, connector_id=2),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 2}},
    ),
]


@pytest.mark.parametrize(("request_", "action", "payload"), REQUESTS)
def test_requests_are_valid(request_: calls.StationRequest, action: str, payload: Any) -> None:
    assert TRANSLATOR.write(request_) == (action, payload)
    Draft6Validator(schema(f"{action}Request")).validate(json.loads(json.dumps(payload)))


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        ({"status": "Accepted"}, CallResult(accepted=True, status="Accepted")),
        (
            {"status": "Accepted", "transactionId": "T1"},
            CallResult(accepted=True, status="Accepted", transaction_id="T1"),
        ),
        (
            {"status": "Rejected", "statusInfo": {"reasonCode": "R", "additionalInfo": "more"}},
            CallResult(accepted=False, status="Rejected", reason_code="R", additional_info="more"),
        ),
        (
            {},
            CallFailed(
                failure=CallFailure.ERROR,
                code="OccurrenceConstraintViolation",
                description='/: "status" is a required property',
            ),
        ),
    ],
)
def test_outcomes(payload: Any, outcome: Any) -> None:
    assert TRANSLATOR.outcome("RequestStartTransaction", payload) == outcome


def test_an_answer_with_an_unknown_status_is_no_acceptance() -> None:
    outcome = Translator(V201).outcome("ClearChargingProfile", {"status": "NotImplemented"})
    assert outcome == CallResult(accepted=False, status="NotImplemented")
