"""What a station is asked in OCPP 2.0.1, and what its answers mean."""

from typing import Any, get_args

import pytest

from bridge.domain import calls
from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallResult,
    VariableResult,
)
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.ocpp.actions import Translator
from bridge.ocpp.v201.version import V201
from tests.ocpp_payloads import Payloads
from tests.ocpp_requests import FULL, NOW, PLAIN, REQUESTS, SENT_FULL, SENT_PLAIN, TIME

PAYLOADS = Payloads("ocpp.v201.schemas")
TRANSLATOR = Translator(V201)


@pytest.mark.parametrize(("request_", "action", "payload"), REQUESTS)
def test_requests_are_valid(request_: calls.StationRequest, action: str, payload: Any) -> None:
    assert TRANSLATOR.write(request_) == (action, payload)
    PAYLOADS.check(f"{action}Request", payload)


def test_every_request_of_the_domain_but_one_of_2_1_can_be_sent() -> None:
    sent = {type(request) for request, _, _ in REQUESTS}
    assert sent | {calls.UpdateDynamicSchedule} == set(get_args(calls.StationRequest))


@pytest.mark.parametrize(
    ("action", "payload", "code", "words"),
    [
        ("MakeCoffee", {}, "NotImplemented", "OCPP 2.0.1 has no such request to a station"),
        ("Heartbeat", {}, "NotImplemented", "no such request"),
        ("RemoteStartTransaction", {}, "NotImplemented", "no such request"),
        ("Reset", {}, "OccurrenceConstraintViolation", '"type" is a required property'),
        ("Reset", {"type": "Hard"}, "PropertyConstraintViolation", "/type: enum"),
        ("ClearCache", {"now": True}, "FormatViolation", "/: additionalProperties"),
    ],
)
def test_a_raw_call_that_is_not_valid_is_not_sent(
    action: str, payload: Any, code: str, words: str
) -> None:
    refused = TRANSLATOR.write(calls.RawCall(action=action, payload=payload))

    assert isinstance(refused, CallFailed)
    unknown = code == "NotImplemented"
    assert refused.failure is (CallFailure.UNSUPPORTED if unknown else CallFailure.INVALID)
    assert refused.code == code
    assert words in refused.description


def test_a_request_that_a_version_does_not_have_is_not_sent() -> None:
    assert TRANSLATOR.write(calls.UpdateDynamicSchedule(profile_id=1, limit=6)) == CallFailed(
        failure=CallFailure.ERROR,
        code="NotSupported",
        description="OCPP 2.0.1 has no UpdateDynamicSchedule",
    )


# --- Answers --------------------------------------------------------------------------------


def accepted(status: str = "Accepted", **parts: Any) -> CallResult:
    return CallResult(accepted=True, status=status, **parts)


def refused(status: str, **parts: Any) -> CallResult:
    return CallResult(accepted=False, status=status, **parts)


COMPOSITE = {
    "evseId": 1,
    "duration": 3600,
    "scheduleStart": TIME,
    "chargingRateUnit": "W",
    "chargingSchedulePeriod": [
        {"startPeriod": 60, "limit": -1},
        {"startPeriod": 0, "limit": 11000.5, "numberPhases": 3},
    ],
}


@pytest.mark.parametrize(
    ("action", "payload", "outcome"),
    [
        ("SetChargingProfile", {"status": "Accepted"}, accepted()),
        (
            "SetChargingProfile",
            {
                "status": "Rejected",
                "statusInfo": {"reasonCode": "InvalidStackLevel", "additionalInfo": "more"},
            },
            refused("Rejected", reason_code="InvalidStackLevel", additional_info="more"),
        ),
        ("ClearChargingProfile", {"status": "Unknown"}, refused("Unknown")),
        ("ClearChargingProfile", {"status": "NotImplemented"}, refused("NotImplemented")),
        ("GetChargingProfiles", {"status": "Accepted"}, accepted()),
        ("GetChargingProfiles", {"status": "NoProfiles"}, refused("NoProfiles")),
        (
            "GetCompositeSchedule",
            {"status": "Accepted", "schedule": COMPOSITE},
            accepted(
                schedule=Schedule(
                    unit=RateUnit.WATT,
                    start_at=NOW.replace(microsecond=0),
                    duration_seconds=3600,
                    periods=(
                        Period(start_seconds=0, limit=11000.5, number_phases=3),
                        Period(start_seconds=60, limit=-1.0),
                    ),
                )
            ),
        ),
        ("GetCompositeSchedule", {"status": "Accepted"}, accepted()),
        ("GetCompositeSchedule", {"status": "Rejected"}, refused("Rejected")),
        (
            "RequestStartTransaction",
            {"status": "Accepted", "transactionId": "T1"},
            accepted(transaction_id="T1"),
        ),
        ("RequestStopTransaction", {"status": "Rejected"}, refused("Rejected")),
        ("ChangeAvailability", {"status": "Scheduled"}, accepted("Scheduled")),
        ("ChangeAvailability", {"status": "Rejected"}, refused("Rejected")),
        ("Reset", {"status": "Scheduled"}, accepted("Scheduled")),
        ("UnlockConnector", {"status": "Unlocked"}, accepted("Unlocked")),
        ("UnlockConnector", {"status": "UnlockFailed"}, refused("UnlockFailed")),
        (
            "UnlockConnector",
            {"status": "OngoingAuthorizedTransaction"},
            refused("OngoingAuthorizedTransaction"),
        ),
        ("TriggerMessage", {"status": "NotImplemented"}, refused("NotImplemented")),
        (
            "GetVariables",
            {
                "getVariableResult": [
                    SENT_PLAIN | {"attributeStatus": "Accepted", "attributeValue": "A,W"},
                    SENT_FULL
                    | {
                        "attributeStatus": "UnknownComponent",
                        "attributeStatusInfo": {"reasonCode": "NotFound"},
                    },
                ]
            },
            accepted(
                "",
                variables=(
                    VariableResult(name=PLAIN, status="Accepted", value="A,W"),
                    VariableResult(name=FULL, status="UnknownComponent", reason_code="NotFound"),
                ),
            ),
        ),
        (
            "SetVariables",
            {"setVariableResult": [SENT_PLAIN | {"attributeStatus": "RebootRequired"}]},
            accepted("", variables=(VariableResult(name=PLAIN, status="RebootRequired"),)),
        ),
        (
            "GetTransactionStatus",
            {"ongoingIndicator": True, "messagesInQueue": False},
            accepted("", ongoing=True, messages_in_queue=False),
        ),
        (
            "GetTransactionStatus",
            {"messagesInQueue": True},
            accepted("", messages_in_queue=True),
        ),
    ],
)
def test_an_answer_is_read(action: str, payload: Any, outcome: CallResult) -> None:
    assert TRANSLATOR.outcome(action, payload) == outcome


@pytest.mark.parametrize(
    ("action", "payload", "code", "description"),
    [
        (
            "RequestStartTransaction",
            {},
            "OccurrenceConstraintViolation",
            '/: "status" is a required property',
        ),
        (
            "GetCompositeSchedule",
            {"status": "Accepted", "schedule": COMPOSITE | {"scheduleStart": "soon"}},
            "PropertyConstraintViolation",
            "/schedule/scheduleStart: not a date and a time",
        ),
        (
            "GetCompositeSchedule",
            {"status": "Accepted", "schedule": COMPOSITE | {"chargingSchedulePeriod": []}},
            "PropertyConstraintViolation",
            "/schedule/chargingSchedulePeriod: empty",
        ),
    ],
)
def test_an_answer_that_means_nothing_fails_the_call(
    action: str, payload: Any, code: str, description: str
) -> None:
    assert TRANSLATOR.outcome(action, payload) == CallFailed(
        failure=CallFailure.ERROR, code=code, description=description
    )


@pytest.mark.parametrize(
    ("action", "payload", "outcome"),
    [
        ("ClearCache", {"status": "Rejected"}, refused("Rejected")),
        ("GetLocalListVersion", {"versionNumber": 3}, accepted("")),
        ("Reset", {"status": "Accepted", "customData": {"vendorId": "x", "y": 1}}, accepted()),
        ("UpdateFirmware", {"status": "AcceptedCanceled"}, accepted("AcceptedCanceled")),
    ],
)
def test_the_answer_to_a_raw_call_is_handed_on_whole(
    action: str, payload: Any, outcome: CallResult
) -> None:
    found = TRANSLATOR.outcome(action, payload, raw=True)

    assert isinstance(found, CallResult)
    assert found.payload == payload
    assert (found.accepted, found.status) == (outcome.accepted, outcome.status)
