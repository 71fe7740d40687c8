"""What a station is asked in OCPP 2.1, and what its answers mean."""

from typing import Any, get_args

import pytest

from bridge.domain import calls
from bridge.domain.calls import CallResult
from bridge.ocpp.actions import Translator
from bridge.ocpp.v21.version import V21
from tests.ocpp_payloads import Payloads
from tests.ocpp_requests import ABSOLUTE, REQUESTS, profile, sent_profile

PAYLOADS = Payloads("ocpp.v21.schemas")
TRANSLATOR = Translator(V21)

LATER: list[tuple[calls.StationRequest, str, Any]] = [
    (
        profile(max_offline_seconds=900),
        "SetChargingProfile",
        sent_profile(ABSOLUTE, {"limit": 10.0}, maxOfflineDuration=900),
    ),
    (
        profile(max_offline_seconds=0),
        "SetChargingProfile",
        sent_profile(ABSOLUTE, {"limit": 10.0}, maxOfflineDuration=0),
    ),
    (
        calls.UpdateDynamicSchedule(profile_id=7, limit=6.04),
        "UpdateDynamicSchedule",
        {"chargingProfileId": 7, "scheduleUpdate": {"limit": 6.0}},
    ),
    (
        calls.UpdateDynamicSchedule(
            profile_id=7, limit=11_000, discharge_limit=-5000, setpoint=-2500
        ),
        "UpdateDynamicSchedule",
        {
            "chargingProfileId": 7,
            "scheduleUpdate": {"limit": 11_000, "dischargeLimit": -5000, "setpoint": -2500},
        },
    ),
]


@pytest.mark.parametrize(("request_", "action", "payload"), REQUESTS + LATER)
def test_requests_are_valid(request_: calls.StationRequest, action: str, payload: Any) -> None:
    assert TRANSLATOR.write(request_) == (action, payload)
    PAYLOADS.check(f"{action}Request", payload)


def test_every_request_of_the_domain_can_be_sent() -> None:
    sent = {type(request) for request, _, _ in REQUESTS + LATER}
    assert sent == set(get_args(calls.StationRequest))


def test_a_raw_call_may_be_any_request_of_the_version() -> None:
    request = calls.RawCall(action="UsePriorityCharging", payload={})
    assert TRANSLATOR.write(request) == calls.CallFailed(
        failure=calls.CallFailure.INVALID,
        code="OccurrenceConstraintViolation",
        description='/: "transactionId" is a required property',
    )
    payload = {"transactionId": "T1", "activate": True}
    request = calls.RawCall(action="UsePriorityCharging", payload=payload)
    assert TRANSLATOR.write(request) == ("UsePriorityCharging", payload)


@pytest.mark.parametrize(
    ("action", "payload", "accepted"),
    [
        ("UpdateDynamicSchedule", {"status": "Accepted"}, True),
        ("UpdateDynamicSchedule", {"status": "Rejected"}, False),
        ("UsePriorityCharging", {"status": "NoProfile"}, False),
        ("GetTariffs", {"status": "Accepted", "tariffAssignments": []}, True),
        ("Reset", {"status": "Scheduled"}, True),
    ],
)
def test_an_answer_is_read(action: str, payload: dict[str, Any], accepted: bool) -> None:
    assert TRANSLATOR.outcome(action, payload) == CallResult(
        accepted=accepted, status=payload["status"]
    )
