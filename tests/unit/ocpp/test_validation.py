"""Which error a station is told, and what is tolerated."""

from typing import Any

import pytest

from bridge.ocpp.frames import ErrorCode
from bridge.ocpp.validation import Schemas, Violation

LENIENT = Schemas("ocpp.v201.schemas")
STRICT = Schemas("ocpp.v201.schemas", strict=True)
STATUS: dict[str, Any] = {
    "timestamp": "2026-11-21T08:00:00Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}
BOOT: dict[str, Any] = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}


def boot(**station: Any) -> dict[str, Any]:
    return BOOT | {"chargingStation": BOOT["chargingStation"] | station}


@pytest.mark.parametrize(
    ("schema", "payload", "violation"),
    [
        ("StatusNotification", STATUS, None),
        (
            "StatusNotification",
            STATUS | {"timestamp": "2026-11-21T08:00:00"},
            Violation(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/timestamp: format", True),
        ),
        ("StatusNotification", STATUS | {"customData": {"vendorId": "v", "more": [1]}}, None),
        (
            "StatusNotification",
            {key: STATUS[key] for key in ("timestamp", "connectorStatus", "evseId")},
            Violation(
                ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
                '/: "connectorId" is a required property',
            ),
        ),
        (
            "BootNotification",
            BOOT | {"chargingStation": {"vendorName": "V"}},
            Violation(
                ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
                '/chargingStation: "model" is a required property',
            ),
        ),
        (
            "StatusNotification",
            STATUS | {"evseId": "1"},
            Violation(ErrorCode.TYPE_CONSTRAINT_VIOLATION, "/evseId: type"),
        ),
        (
            "StatusNotification",
            STATUS | {"connectorStatus": 1},
            Violation(ErrorCode.TYPE_CONSTRAINT_VIOLATION, "/connectorStatus: type"),
        ),
        (
            "StatusNotification",
            STATUS | {"connectorStatus": "Charging"},
            Violation(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/connectorStatus: enum", True),
        ),
        (
            "StatusNotification",
            STATUS | {"info": "secret"},
            Violation(ErrorCode.FORMAT_VIOLATION, "/: additionalProperties", True),
        ),
        (
            "BootNotification",
            boot(serialNumber="S" * 26),
            Violation(
                ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
                "/chargingStation/serialNumber: maxLength",
                True,
            ),
        ),
        (
            "StatusNotification",
            STATUS | {"connectorStatus": "Charging", "evseId": "1"},
            Violation(ErrorCode.TYPE_CONSTRAINT_VIOLATION, "/evseId: type"),
        ),
    ],
)
def test_violations(schema: str, payload: dict[str, Any], violation: Violation | None) -> None:
    assert LENIENT.violation(f"{schema}Request", payload) == violation


def test_strictness_tolerates_nothing() -> None:
    violation = STRICT.violation("StatusNotificationRequest", STATUS | {"info": "secret"})
    assert violation == Violation(ErrorCode.FORMAT_VIOLATION, "/: additionalProperties")


def test_pointers_are_escaped() -> None:
    payload = {
        "requestId": 1,
        "data": "",
        "seqNo": 0,
        "generatedAt": "",
        "customData": {"vendorId": 1},
    }
    violation = LENIENT.violation("NotifyCustomerInformationRequest", payload)
    assert violation is not None
    assert violation.description == "/customData/vendorId: type"
