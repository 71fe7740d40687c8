"""What the bridge asks of a station in OCPP 2.0.1, and how its answers read."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.domain import calls
from bridge.domain.calls import (
    CallResult,
    ClearChargingProfile,
    ProfilePurpose,
    RequestStartTransaction,
    RequestStopTransaction,
    SetChargingProfile,
    StationRequest,
    TriggerMessage,
)
from bridge.ocpp.times import format_timestamp

_Payload = Mapping[str, Any]


def write_request(request: StationRequest) -> tuple[str, _Payload]:
    """Return action and payload of a request."""
    return type(request).__name__, _WRITERS[type(request)](request)


def read_result(payload: _Payload) -> CallResult:
    """Make the outcome of an answer; all answers here have a status, none is required more."""
    status = payload["status"]
    info = payload.get("statusInfo") or {}
    return CallResult(
        accepted=status == "Accepted",
        status=status,
        reason_code=info.get("reasonCode"),
        additional_info=info.get("additionalInfo"),
        transaction_id=payload.get("transactionId"),
    )


def _set_charging_profile(request: SetChargingProfile) -> _Payload:
    period: dict[str, Any] = {"startPeriod": 0, "limit": round(request.limit_a, 1)}
    if request.number_phases is not None:
        period["numberPhases"] = request.number_phases
    profile: dict[str, Any] = {
        "id": request.profile_id,
        "stackLevel": request.stack_level,
        "chargingProfilePurpose": request.purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": request.profile_id,
                "startSchedule": format_timestamp(request.start_at),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [period],
            }
        ],
    }
    if request.purpose is ProfilePurpose.TX and request.transaction_id is not None:
        profile["transactionId"] = request.transaction_id
    return {"evseId": request.evse_id, "chargingProfile": profile}


def _clear_charging_profile(request: ClearChargingProfile) -> _Payload:
    return {"chargingProfileId": request.profile_id}


def _request_start_transaction(request: RequestStartTransaction) -> _Payload:
    payload: dict[str, Any] = {
        "remoteStartId": request.remote_start_id,
        "idToken": {"idToken": request.id_token.value, "type": request.id_token.type},
    }
    if request.evse_id is not None:
        payload["evseId"] = request.evse_id
    return payload


def _request_stop_transaction(request: RequestStopTransaction) -> _Payload:
    return {"transactionId": request.transaction_id}


def _trigger_message(request: TriggerMessage) -> _Payload:
    if request.evse_id is None:
        return {"requestedMessage": request.message}
    evse = {"id": request.evse_id}
    if request.connector_id is not None:
        evse["connectorId"] = request.connector_id
    return {"requestedMessage": request.message, "evse": evse}


_WRITERS: Final[Mapping[type[StationRequest], Callable[[Any], _Payload]]] = {
    calls.SetChargingProfile: _set_charging_profile,
    calls.ClearChargingProfile: _clear_charging_profile,
    calls.RequestStartTransaction: _request_start_transaction,
    calls.RequestStopTransaction: _request_stop_transaction,
    calls.TriggerMessage: _trigger_message,
}
"""The names of the domain's requests are the action names of OCPP 2.x."""
