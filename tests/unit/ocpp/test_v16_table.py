"""Every action of OCPP 1.6 has its row, every row a valid answer, every request its schema.

The schemas are checked by the `jsonschema` package here, which the bridge itself does not use.
"""

import json
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pytest
from jsonschema.validators import validator_for

from bridge.domain import calls
from bridge.domain.calls import (
    CallFailed,
    CallResult,
    ProfilePurpose,
    ResetType,
    VariableName,
    VariableResult,
)
from bridge.domain.effects import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    NotAccepted,
    Reply,
    StartReply,
    TransactionReply,
)
from bridge.domain.enums import AuthorizationStatus, Registration
from bridge.domain.events import IdToken
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import ProfileKind, RateUnit
from bridge.domain.tokens import Verdict
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, ErrorCode, Unreadable
from bridge.ocpp.v16.version import CSMS_ACTIONS, STATION_ACTIONS, V16
from tests.records import replace

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TIME = "2026-11-21T08:00:00Z"
SCHEMAS = resources.files("ocpp.v16.schemas")
TRANSLATOR = Translator(V16, strict=True)
VERDICTS = [
    Verdict(status=status, group=group, valid_until=until)
    for status in AuthorizationStatus
    for group in (None, "G" * 20, "G" * 36)
    for until in (None, NOW)
]
REPLIES: dict[str, list[Reply]] = {
    "Authorize": [AuthorizeReply(verdict=verdict) for verdict in VERDICTS],
    "BootNotification": [
        BootReply(status=status, interval_seconds=300) for status in Registration
    ],
    "StartTransaction": [
        StartReply(transaction_id=2**31 - 1, verdict=verdict) for verdict in VERDICTS
    ],
    "StopTransaction": [TransactionReply(verdict=verdict) for verdict in (None, *VERDICTS)],
}
PROFILE = calls.SetChargingProfile(
    evse_id=2,
    profile_id=7,
    purpose=ProfilePurpose.TX,
    stack_level=3,
    limit_a=10.04,
    start_at=NOW,
    transaction_id="1234",
)


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8-sig"))


def check(name: str, payload: Any) -> None:
    whole = schema(name)
    validator_for(whole)(whole).validate(payload)


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
            return TIME if part.get("format") == "date-time" else "x"
        case _:
            return 0


def test_the_table_is_complete() -> None:
    shipped = {
        item.name.removesuffix(".json")
        for item in SCHEMAS.iterdir()
        if item.name.endswith(".json") and not item.name.endswith("Response.json")
    }
    assert len(STATION_ACTIONS) == 14
    assert set(STATION_ACTIONS) | CSMS_ACTIONS == shipped
    assert not set(STATION_ACTIONS) & CSMS_ACTIONS


@pytest.mark.parametrize("action", STATION_ACTIONS)
def test_every_action_of_a_station_has_a_valid_answer(action: str) -> None:
    whole = schema(action)
    reading = TRANSLATOR.read(Call("a", action, smallest(whole, whole)))
    assert isinstance(reading, Reading)
    assert reading.tolerated is None
    for reply in REPLIES.get(action, [Acknowledged()]):
        number, message_id, payload = json.loads(TRANSLATOR.answer(action, "a", reply, NOW))
        assert (number, message_id) == (3, "a")
        check(f"{action}Response", payload)


def test_errors_have_the_spelling_of_the_standard() -> None:
    # 1.6-J errata 5: the misspellings stay
    missing = TRANSLATOR.read(Call("a", "Authorize", {}))
    assert isinstance(missing, Unreadable)
    assert json.loads(TRANSLATOR.error(missing))[2] == "OccurenceConstraintViolation"
    extra = TRANSLATOR.read(Call("a", "Heartbeat", {"x": 1}))
    assert isinstance(extra, Unreadable)
    assert json.loads(TRANSLATOR.error(extra))[2] == "FormationViolation"
    refused = json.loads(TRANSLATOR.answer("Heartbeat", "a", NotAccepted(), NOW))
    assert refused[2] == "SecurityError"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (AuthorizationStatus.ACCEPTED, "Accepted"),
        (AuthorizationStatus.BLOCKED, "Blocked"),
        (AuthorizationStatus.CONCURRENT_TX, "ConcurrentTx"),
        (AuthorizationStatus.EXPIRED, "Expired"),
        (AuthorizationStatus.INVALID, "Invalid"),
        (AuthorizationStatus.NO_CREDIT, "Blocked"),
        (AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE, "Blocked"),
        (AuthorizationStatus.NOT_AT_THIS_LOCATION, "Blocked"),
        (AuthorizationStatus.NOT_AT_THIS_TIME, "Blocked"),
        (AuthorizationStatus.UNKNOWN, "Invalid"),
    ],
)
def test_a_status_is_told_in_the_words_of_this_version(
    status: AuthorizationStatus, told: str
) -> None:
    reply = AuthorizeReply(verdict=Verdict(status=status))
    answer = json.loads(TRANSLATOR.answer("Authorize", "a", reply, NOW))
    assert answer[2] == {"idTagInfo": {"status": told}}


def test_a_group_and_an_expiry_are_told_where_there_are_any() -> None:
    verdict = Verdict(group="FAMILY", valid_until=NOW)
    reply = StartReply(transaction_id=7, verdict=verdict)
    answer = json.loads(TRANSLATOR.answer("StartTransaction", "a", reply, NOW))
    info = {"status": "Accepted", "expiryDate": TIME, "parentIdTag": "FAMILY"}
    assert answer[2] == {"transactionId": 7, "idTagInfo": info}


def test_a_group_that_is_too_long_for_this_version_is_not_told() -> None:
    reply = AuthorizeReply(verdict=Verdict(group="G" * 21))
    answer = json.loads(TRANSLATOR.answer("Authorize", "a", reply, NOW))
    assert answer[2] == {"idTagInfo": {"status": "Accepted"}}


def test_a_reply_of_the_wrong_kind_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match="Acknowledged where BootReply answers"):
        TRANSLATOR.answer("BootNotification", "a", Acknowledged(), NOW)


# --- Requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "action", "payload"),
    [
        (
            PROFILE,
            "SetChargingProfile",
            {
                "connectorId": 2,
                "csChargingProfiles": {
                    "chargingProfileId": 7,
                    "stackLevel": 3,
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Absolute",
                    "transactionId": 1234,
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "startSchedule": TIME,
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
                    },
                },
            },
        ),
        (
            replace(
                PROFILE,
                purpose=ProfilePurpose.TX_DEFAULT,
                kind=ProfileKind.RELATIVE,
                limit_w=6900.0,
                number_phases=3,
                valid_to=NOW,
            ),
            "SetChargingProfile",
            {
                "connectorId": 2,
                "csChargingProfiles": {
                    "chargingProfileId": 7,
                    "stackLevel": 3,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Relative",
                    "validTo": TIME,
                    "chargingSchedule": {
                        "chargingRateUnit": "W",
                        "chargingSchedulePeriod": [
                            {"startPeriod": 0, "limit": 6900.0, "numberPhases": 3}
                        ],
                    },
                },
            },
        ),
        (calls.ClearChargingProfile(profile_id=7), "ClearChargingProfile", {"id": 7}),
        (
            calls.RequestStartTransaction(
                evse_id=2, remote_start_id=9, id_token=IdToken(value="TAG1", type="Central")
            ),
            "RemoteStartTransaction",
            {"idTag": "TAG1", "connectorId": 2},
        ),
        (
            calls.RequestStartTransaction(
                evse_id=2,
                remote_start_id=9,
                id_token=IdToken(value="TAG1", type="Central"),
                profile=calls.SetChargingProfile(
                    evse_id=2,
                    profile_id=7,
                    purpose=ProfilePurpose.TX,
                    stack_level=1,
                    limit_a=8.0,
                    start_at=NOW,
                ),
            ),
            "RemoteStartTransaction",
            {
                "idTag": "TAG1",
                "connectorId": 2,
                "chargingProfile": {
                    "chargingProfileId": 7,
                    "stackLevel": 1,
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Absolute",
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "startSchedule": TIME,
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.0}],
                    },
                },
            },
        ),
        (
            calls.RequestStartTransaction(
                evse_id=None, remote_start_id=9, id_token=IdToken(value="TAG1", type="Central")
            ),
            "RemoteStartTransaction",
            {"idTag": "TAG1"},
        ),
        (
            calls.RequestStopTransaction(transaction_id="1234"),
            "RemoteStopTransaction",
            {"transactionId": 1234},
        ),
        (
            calls.TriggerMessage(message="MeterValues", evse_id=1, connector_id=1),
            "TriggerMessage",
            {"requestedMessage": "MeterValues", "connectorId": 1},
        ),
        (
            calls.TriggerMessage(message="Heartbeat"),
            "TriggerMessage",
            {"requestedMessage": "Heartbeat"},
        ),
        (
            calls.GetCompositeSchedule(evse_id=1, duration_seconds=60, unit=RateUnit.AMPERE),
            "GetCompositeSchedule",
            {"connectorId": 1, "duration": 60, "chargingRateUnit": "A"},
        ),
        (
            calls.GetCompositeSchedule(evse_id=1, duration_seconds=60),
            "GetCompositeSchedule",
            {"connectorId": 1, "duration": 60},
        ),
        (
            calls.ChangeAvailability(operative=False),
            "ChangeAvailability",
            {"connectorId": 0, "type": "Inoperative"},
        ),
        (
            calls.ChangeAvailability(operative=True, evse_id=1),
            "ChangeAvailability",
            {"connectorId": 1, "type": "Operative"},
        ),
        (
            calls.UnlockConnector(evse_id=1, connector_id=1),
            "UnlockConnector",
            {"connectorId": 1},
        ),
        (calls.Reset(type=ResetType.IMMEDIATE), "Reset", {"type": "Hard"}),
        (calls.Reset(type=ResetType.ON_IDLE), "Reset", {"type": "Soft"}),
        (
            calls.GetVariables(names=(VariableName(component="x", variable="HeartbeatInterval"),)),
            "GetConfiguration",
            {"key": ["HeartbeatInterval"]},
        ),
        (
            calls.SetVariables(
                values=((VariableName(component="x", variable="HeartbeatInterval"), "60"),)
            ),
            "ChangeConfiguration",
            {"key": "HeartbeatInterval", "value": "60"},
        ),
        (calls.RawCall(action="ClearCache", payload={}), "ClearCache", {}),
    ],
)
def test_each_request_is_written_as_the_text_wants_it(
    request_: calls.StationRequest, action: str, payload: Any
) -> None:
    assert TRANSLATOR.write(request_) == (action, payload)
    check(action, payload)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (calls.GetChargingProfiles(request_id=1), "OCPP 1.6 has no GetChargingProfiles"),
        (calls.GetTransactionStatus(), "OCPP 1.6 has no GetTransactionStatus"),
        (
            calls.SetVariables(
                values=tuple((VariableName(component="x", variable=key), "1") for key in "ab")
            ),
            "OCPP 1.6 changes one configuration key per request",
        ),
        (
            calls.RequestStopTransaction(transaction_id="a-uuid"),
            "ids of transactions are numbers in OCPP 1.6",
        ),
    ],
)
def test_what_the_version_cannot_say_is_not_sent(
    request_: calls.StationRequest, reason: str
) -> None:
    failed = TRANSLATOR.write(request_)
    assert isinstance(failed, CallFailed)
    assert (failed.code, failed.description) == (ErrorCode.NOT_SUPPORTED, reason)


# --- Answers to them ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "status", "accepted"),
    [
        ("SetChargingProfile", "Accepted", True),
        ("SetChargingProfile", "NotSupported", False),
        ("ChangeAvailability", "Scheduled", True),
        ("UnlockConnector", "Unlocked", True),
        ("UnlockConnector", "UnlockFailed", False),
        ("ChangeConfiguration", "RebootRequired", True),
        ("ChangeConfiguration", "NotSupported", False),
        ("ClearChargingProfile", "Unknown", False),
    ],
)
def test_the_status_of_an_answer_says_whether_it_was_accepted(
    action: str, status: str, *, accepted: bool
) -> None:
    outcome = TRANSLATOR.outcome(action, {"status": status})
    assert isinstance(outcome, CallResult)
    assert (outcome.accepted, outcome.status) == (accepted, status)


def test_configuration_keys_are_read_as_variables() -> None:
    outcome = TRANSLATOR.outcome(
        "GetConfiguration",
        {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknownKey": ["Nonsense"],
        },
    )
    assert isinstance(outcome, CallResult)
    known, unknown = outcome.variables
    assert known == VariableResult(
        name=VariableName(component="ChargePoint", variable="HeartbeatInterval"),
        status="Accepted",
        value="300",
    )
    assert (unknown.name.variable, unknown.status) == ("Nonsense", "UnknownVariable")


def test_a_composite_schedule_is_read() -> None:
    outcome = TRANSLATOR.outcome(
        "GetCompositeSchedule",
        {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": TIME,
            "chargingSchedule": {
                "duration": 60,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6900, "numberPhases": 3}],
            },
        },
    )
    assert isinstance(outcome, CallResult)
    assert outcome.schedule == Schedule(
        unit=RateUnit.WATT,
        periods=(Period(start_seconds=0, limit=6900.0, number_phases=3),),
        start_at=NOW,
        duration_seconds=60,
    )


def test_a_composite_schedule_with_an_unreadable_time_is_no_answer() -> None:
    outcome = TRANSLATOR.outcome(
        "GetCompositeSchedule",
        {
            "status": "Accepted",
            "scheduleStart": "tomorrow",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}],
            },
        },
    )
    assert isinstance(outcome, CallFailed)


def test_a_composite_schedule_may_be_missing() -> None:
    outcome = TRANSLATOR.outcome("GetCompositeSchedule", {"status": "Rejected"})
    assert outcome == CallResult(accepted=False, status="Rejected")
