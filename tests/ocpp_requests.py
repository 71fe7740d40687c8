"""Requests of the domain, and how OCPP 2.0.1 and 2.1 both write them."""

from datetime import UTC, datetime
from typing import Any

from bridge.domain import calls
from bridge.domain.calls import ProfileCriteria, ProfilePurpose, ResetType, VariableName
from bridge.domain.events import IdToken
from bridge.domain.settings import ProfileKind, RateUnit

NOW = datetime(2026, 11, 21, 8, 0, 0, 123_456, tzinfo=UTC)
TIME = "2026-11-21T08:00:00Z"
TOKEN = IdToken(value="TAG1", type="Central")


def profile(**changes: Any) -> calls.SetChargingProfile:
    given: dict[str, Any] = {
        "evse_id": 1,
        "profile_id": 7,
        "purpose": ProfilePurpose.TX_DEFAULT,
        "stack_level": 3,
        "limit_a": 10.04,
        "start_at": NOW,
        **changes,
    }
    return calls.SetChargingProfile(**given)


def sent_profile(schedule: dict[str, Any], period: dict[str, Any], **changes: Any) -> Any:
    return {
        "evseId": 1,
        "chargingProfile": {
            "id": 7,
            "stackLevel": 3,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": [
                {"id": 7, "chargingSchedulePeriod": [{"startPeriod": 0, **period}], **schedule}
            ],
            **changes,
        },
    }


ABSOLUTE = {"startSchedule": TIME, "chargingRateUnit": "A"}
PLAIN = VariableName(component="SmartChargingCtrlr", variable="RateUnit")
FULL = VariableName(
    component="Connector",
    variable="Current",
    evse_id=1,
    connector_id=2,
    component_instance="left",
    variable_instance="L1",
    attribute="MaxSet",
)
SENT_PLAIN = {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "RateUnit"}}
SENT_FULL = {
    "component": {
        "name": "Connector",
        "instance": "left",
        "evse": {"id": 1, "connectorId": 2},
    },
    "variable": {"name": "Current", "instance": "L1"},
    "attributeType": "MaxSet",
}

REQUESTS: list[tuple[calls.StationRequest, str, Any]] = [
    (
        profile(purpose=ProfilePurpose.TX, transaction_id="T1", number_phases=1),
        "SetChargingProfile",
        sent_profile(
            ABSOLUTE,
            {"limit": 10.0, "numberPhases": 1},
            chargingProfilePurpose="TxProfile",
            transactionId="T1",
        ),
    ),
    (
        profile(limit_a=0, transaction_id="T1"),
        "SetChargingProfile",
        sent_profile(ABSOLUTE, {"limit": 0}),
    ),
    (
        profile(kind=ProfileKind.RELATIVE),
        "SetChargingProfile",
        sent_profile({"chargingRateUnit": "A"}, {"limit": 10.0}, chargingProfileKind="Relative"),
    ),
    (
        profile(limit_w=6900, valid_to=NOW),
        "SetChargingProfile",
        sent_profile(ABSOLUTE | {"chargingRateUnit": "W"}, {"limit": 6900}, validTo=TIME),
    ),
    (calls.ClearChargingProfile(profile_id=7), "ClearChargingProfile", {"chargingProfileId": 7}),
    (
        calls.GetChargingProfiles(request_id=5),
        "GetChargingProfiles",
        {
            "requestId": 5,
            "chargingProfile": {"chargingLimitSource": ["CSO", "EMS", "SO", "Other"]},
        },
    ),
    (
        calls.GetChargingProfiles(request_id=5, evse_id=0),
        "GetChargingProfiles",
        {
            "requestId": 5,
            "evseId": 0,
            "chargingProfile": {"chargingLimitSource": ["CSO", "EMS", "SO", "Other"]},
        },
    ),
    (
        calls.GetChargingProfiles(
            request_id=5, evse_id=1, criteria=ProfileCriteria(profile_ids=(7, 8))
        ),
        "GetChargingProfiles",
        {"requestId": 5, "evseId": 1, "chargingProfile": {"chargingProfileId": [7, 8]}},
    ),
    (
        calls.GetChargingProfiles(
            request_id=5,
            criteria=ProfileCriteria(purpose="TxProfile", stack_level=0, limit_sources=("EMS",)),
        ),
        "GetChargingProfiles",
        {
            "requestId": 5,
            "chargingProfile": {
                "chargingProfilePurpose": "TxProfile",
                "stackLevel": 0,
                "chargingLimitSource": ["EMS"],
            },
        },
    ),
    (
        calls.GetCompositeSchedule(evse_id=1, duration_seconds=60),
        "GetCompositeSchedule",
        {"evseId": 1, "duration": 60},
    ),
    (
        calls.GetCompositeSchedule(evse_id=1, duration_seconds=60, unit=RateUnit.WATT),
        "GetCompositeSchedule",
        {"evseId": 1, "duration": 60, "chargingRateUnit": "W"},
    ),
    (
        calls.RequestStartTransaction(
            evse_id=1, remote_start_id=5, id_token=TOKEN, connector_id=2
        ),
        "RequestStartTransaction",
        {"evseId": 1, "remoteStartId": 5, "idToken": {"idToken": "TAG1", "type": "Central"}},
    ),
    (
        calls.RequestStartTransaction(
            evse_id=1,
            remote_start_id=5,
            id_token=TOKEN,
            profile=profile(purpose=ProfilePurpose.TX),
        ),
        "RequestStartTransaction",
        {
            "evseId": 1,
            "remoteStartId": 5,
            "idToken": {"idToken": "TAG1", "type": "Central"},
            "chargingProfile": sent_profile(
                ABSOLUTE, {"limit": 10.0}, chargingProfilePurpose="TxProfile"
            )["chargingProfile"],
        },
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
    (
        calls.ChangeAvailability(operative=False),
        "ChangeAvailability",
        {"operationalStatus": "Inoperative"},
    ),
    (
        calls.ChangeAvailability(operative=True, evse_id=1, connector_id=2),
        "ChangeAvailability",
        {"operationalStatus": "Operative", "evse": {"id": 1, "connectorId": 2}},
    ),
    (
        calls.UnlockConnector(evse_id=1, connector_id=2),
        "UnlockConnector",
        {"evseId": 1, "connectorId": 2},
    ),
    (calls.Reset(type=ResetType.IMMEDIATE), "Reset", {"type": "Immediate"}),
    (calls.Reset(type=ResetType.ON_IDLE, evse_id=1), "Reset", {"type": "OnIdle", "evseId": 1}),
    (
        calls.GetVariables(names=(PLAIN, FULL)),
        "GetVariables",
        {"getVariableData": [SENT_PLAIN, SENT_FULL]},
    ),
    (
        calls.SetVariables(values=((PLAIN, "W"), (FULL, "16"))),
        "SetVariables",
        {
            "setVariableData": [
                SENT_PLAIN | {"attributeValue": "W"},
                SENT_FULL | {"attributeValue": "16"},
            ]
        },
    ),
    (calls.GetTransactionStatus(), "GetTransactionStatus", {}),
    (
        calls.GetTransactionStatus(transaction_id="T1"),
        "GetTransactionStatus",
        {"transactionId": "T1"},
    ),
    (calls.RawCall(action="ClearCache", payload={}), "ClearCache", {}),
]
