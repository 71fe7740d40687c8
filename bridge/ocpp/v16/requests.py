"""What the bridge asks of a charge point in OCPP 1.6, and how its answers read.

An EVSE is a connector here, and EVSE 0 the charge point itself. What 1.6 has no request for is
not in the table: `GetChargingProfiles` and `GetTransactionStatus`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.domain import calls
from bridge.domain.calls import (
    CallResult,
    ChangeAvailability,
    ClearChargingProfile,
    GetCompositeSchedule,
    GetVariables,
    ProfilePurpose,
    RawCall,
    RequestStartTransaction,
    RequestStopTransaction,
    Reset,
    ResetType,
    SetChargingProfile,
    SetVariables,
    StationRequest,
    TriggerMessage,
    UnlockConnector,
    VariableName,
    VariableResult,
)
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import ProfileKind, RateUnit
from bridge.ocpp.actions import NotInThisVersionError
from bridge.ocpp.frames import ErrorCode
from bridge.ocpp.times import format_timestamp, parse_timestamp
from bridge.ocpp.validation import PayloadError

_Payload = Mapping[str, Any]

COMPONENT: Final = "ChargePoint"
"""OCPP 1.6 knows configuration keys, and no components that they belong to."""
WHOLE: Final = 0
_NO_NUMBER: Final = "ids of transactions are numbers in OCPP 1.6"
_MAX_INTEGER: Final = 2**53 - 1
_PURPOSES: Final[Mapping[ProfilePurpose, str]] = {
    ProfilePurpose.STATION_MAX: "ChargePointMaxProfile",
}
"""Words of OCPP 1.6 that are others than those of 2.x."""


def write_request(request: StationRequest) -> tuple[str, _Payload]:
    """Return action and payload of a request. Raises NotInThisVersionError."""
    if isinstance(request, RawCall):
        return request.action, request.payload
    row = _WRITERS.get(type(request))
    if row is None:
        raise NotInThisVersionError(f"OCPP 1.6 has no {type(request).__name__}")
    action, write = row
    return action, write(request)


def read_result(action: str, payload: _Payload) -> CallResult:
    """Make the outcome of an answer."""
    return _READERS.get(action, _plain)(payload)


# --- Requests -------------------------------------------------------------------------------


def _set_charging_profile(request: SetChargingProfile) -> _Payload:
    in_watts = request.limit_w is not None
    limit = request.limit_w if request.limit_w is not None else request.limit_a
    period: dict[str, Any] = {"startPeriod": 0, "limit": round(limit, 1)}
    if request.number_phases is not None:
        period["numberPhases"] = request.number_phases
    schedule: dict[str, Any] = {
        "chargingRateUnit": "W" if in_watts else "A",
        "chargingSchedulePeriod": [period],
    }
    if request.kind is ProfileKind.ABSOLUTE:
        schedule["startSchedule"] = format_timestamp(request.start_at)
    profile: dict[str, Any] = {
        "chargingProfileId": request.profile_id,
        "stackLevel": request.stack_level,
        "chargingProfilePurpose": _PURPOSES.get(request.purpose, request.purpose.value),
        "chargingProfileKind": request.kind.value,
        "chargingSchedule": schedule,
    }
    if request.valid_to is not None:
        profile["validTo"] = format_timestamp(request.valid_to)
    if request.purpose is ProfilePurpose.TX and request.transaction_id is not None:
        profile["transactionId"] = _number(request.transaction_id)
    return {"connectorId": request.evse_id, "csChargingProfiles": profile}


def _clear_charging_profile(request: ClearChargingProfile) -> _Payload:
    return {"id": request.profile_id}


def _remote_start(request: RequestStartTransaction) -> _Payload:
    payload: dict[str, Any] = {"idTag": request.id_token.value}
    connector = request.connector_id or request.evse_id
    if connector is not None:
        payload["connectorId"] = connector
    if request.profile is not None:
        payload["chargingProfile"] = _set_charging_profile(request.profile)["csChargingProfiles"]
    return payload


def _remote_stop(request: RequestStopTransaction) -> _Payload:
    return {"transactionId": _number(request.transaction_id)}


def _number(transaction_id: str) -> int:
    """Return the id as OCPP 1.6 has them; one of another version was never this station's."""
    try:
        number = int(transaction_id)
    except ValueError:
        raise NotInThisVersionError(_NO_NUMBER) from None
    if abs(number) > _MAX_INTEGER:
        raise NotInThisVersionError(_NO_NUMBER)
    return number


def _trigger_message(request: TriggerMessage) -> _Payload:
    payload: dict[str, Any] = {"requestedMessage": request.message}
    if request.evse_id:
        payload["connectorId"] = request.evse_id
    return payload


def _get_composite_schedule(request: GetCompositeSchedule) -> _Payload:
    payload: dict[str, Any] = {
        "connectorId": request.evse_id,
        "duration": request.duration_seconds,
    }
    if request.unit is not None:
        payload["chargingRateUnit"] = request.unit.value
    return payload


def _change_availability(request: ChangeAvailability) -> _Payload:
    return {
        "connectorId": request.evse_id or WHOLE,
        "type": "Operative" if request.operative else "Inoperative",
    }


def _unlock_connector(request: UnlockConnector) -> _Payload:
    return {"connectorId": request.evse_id}


def _reset(request: Reset) -> _Payload:
    """OCPP 1.6 calls a reset Soft that ends transactions in order, and Hard one that does not."""
    return {"type": "Hard" if request.type is ResetType.IMMEDIATE else "Soft"}


def _get_configuration(request: GetVariables) -> _Payload:
    return {"key": [name.variable for name in request.names]}


def _change_configuration(request: SetVariables) -> _Payload:
    """OCPP 1.6 changes one key at a time."""
    if len(request.values) != 1:
        raise NotInThisVersionError("OCPP 1.6 changes one configuration key per request")
    (name, value) = request.values[0]
    return {"key": name.variable, "value": value}


_WRITERS: Final[Mapping[type[StationRequest], tuple[str, Callable[[Any], _Payload]]]] = {
    calls.SetChargingProfile: ("SetChargingProfile", _set_charging_profile),
    calls.ClearChargingProfile: ("ClearChargingProfile", _clear_charging_profile),
    calls.RequestStartTransaction: ("RemoteStartTransaction", _remote_start),
    calls.RequestStopTransaction: ("RemoteStopTransaction", _remote_stop),
    calls.TriggerMessage: ("TriggerMessage", _trigger_message),
    calls.GetCompositeSchedule: ("GetCompositeSchedule", _get_composite_schedule),
    calls.ChangeAvailability: ("ChangeAvailability", _change_availability),
    calls.UnlockConnector: ("UnlockConnector", _unlock_connector),
    calls.Reset: ("Reset", _reset),
    calls.GetVariables: ("GetConfiguration", _get_configuration),
    calls.SetVariables: ("ChangeConfiguration", _change_configuration),
}


# --- Answers --------------------------------------------------------------------------------

_ACCEPTED: Final = frozenset({"Accepted", "Scheduled", "Unlocked", "RebootRequired"})


def _plain(payload: _Payload) -> CallResult:
    status = payload.get("status", "")
    return CallResult(accepted=not status or status in _ACCEPTED, status=status, payload=payload)


def _configuration(payload: _Payload) -> CallResult:
    read = [
        VariableResult(
            name=VariableName(component=COMPONENT, variable=entry["key"]),
            status="Accepted",
            value=entry.get("value"),
        )
        for entry in payload.get("configurationKey") or ()
    ]
    unknown = [
        VariableResult(
            name=VariableName(component=COMPONENT, variable=key), status="UnknownVariable"
        )
        for key in payload.get("unknownKey") or ()
    ]
    return CallResult(accepted=True, status="", variables=(*read, *unknown))


def _composite_schedule(payload: _Payload) -> CallResult:
    status = payload["status"]
    sent = payload.get("chargingSchedule")
    return CallResult(
        accepted=status == "Accepted",
        status=status,
        schedule=None if sent is None else _schedule(sent, payload.get("scheduleStart")),
    )


def _schedule(sent: _Payload, start: str | None) -> Schedule:
    start = start or sent.get("startSchedule")
    try:
        return Schedule(
            unit=RateUnit(sent["chargingRateUnit"]),
            periods=tuple(_period(period) for period in sent["chargingSchedulePeriod"]),
            start_at=parse_timestamp(start) if start else None,
            duration_seconds=sent.get("duration"),
        )
    except ValueError as error:
        raise PayloadError(
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"/chargingSchedule: {error}"
        ) from error


def _period(sent: _Payload) -> Period:
    return Period(
        start_seconds=int(sent["startPeriod"]),
        limit=float(sent["limit"]),
        number_phases=sent.get("numberPhases"),
    )


_READERS: Final[Mapping[str, Callable[[_Payload], CallResult]]] = {
    "GetConfiguration": _configuration,
    "GetCompositeSchedule": _composite_schedule,
}
