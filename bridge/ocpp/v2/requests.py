"""What the bridge asks of a station in OCPP 2.x: actions and their payloads.

Each version has a table of writers of its own, made of `WRITERS` and what it adds.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.domain import calls
from bridge.domain.calls import ProfilePurpose, StationRequest, VariableName
from bridge.domain.settings import ProfileKind, RateUnit
from bridge.ocpp.actions import NotInThisVersionError
from bridge.ocpp.times import format_timestamp

_Payload = Mapping[str, Any]

_ALL_LIMIT_SOURCES: Final = ("CSO", "EMS", "SO", "Other")
"""K09.FR.03 wants a criterion; this one is met by every profile."""


ProfileWriter = Callable[[calls.SetChargingProfile], _Payload]
Writers = Mapping[type[StationRequest], Callable[[Any], _Payload]]
"""How the payload of a request is made, by its type."""


def request_writer(
    version: str, writers: Writers
) -> Callable[[StationRequest], tuple[str, _Payload]]:
    """Return what makes action and payload of a request in a version.

    It raises NotInThisVersionError for a request that is not in the table.
    """

    def write(request: StationRequest) -> tuple[str, _Payload]:
        if isinstance(request, calls.RawCall):
            return request.action, request.payload
        # The names of the domain's requests are the action names of OCPP 2.x.
        action = type(request).__name__
        writer = writers.get(type(request))
        if writer is None:
            raise NotInThisVersionError(f"OCPP {version} has no {action}")
        return action, writer(request)

    return write


# --- Smart charging -------------------------------------------------------------------------


def set_charging_profile(request: calls.SetChargingProfile) -> _Payload:
    """Make a SetChargingProfileRequest of one schedule (K01)."""
    profile: dict[str, Any] = {
        "id": request.profile_id,
        "stackLevel": request.stack_level,
        "chargingProfilePurpose": request.purpose,
        "chargingProfileKind": request.kind,
        "chargingSchedule": [_schedule(request)],
    }
    if request.valid_to is not None:
        profile["validTo"] = format_timestamp(request.valid_to)
    if request.purpose is ProfilePurpose.TX and request.transaction_id is not None:
        profile["transactionId"] = request.transaction_id
    return {"evseId": request.evse_id, "chargingProfile": profile}


def _schedule(request: calls.SetChargingProfile) -> _Payload:
    """Return a schedule of one period without an end."""
    unit, limit = (
        (RateUnit.AMPERE, request.limit_a)
        if request.limit_w is None
        else (RateUnit.WATT, request.limit_w)
    )
    # ChargingSchedulePeriodType: a limit has one decimal at most.
    period: dict[str, Any] = {"startPeriod": 0, "limit": round(limit, 1)}
    if request.number_phases is not None:
        period["numberPhases"] = request.number_phases
    schedule: dict[str, Any] = {
        "id": request.profile_id,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [period],
    }
    if request.kind is ProfileKind.ABSOLUTE:  # a Relative one begins when the charging does
        schedule["startSchedule"] = format_timestamp(request.start_at)
    return schedule


def _clear_charging_profile(request: calls.ClearChargingProfile) -> _Payload:
    return {"chargingProfileId": request.profile_id}


def _get_charging_profiles(request: calls.GetChargingProfiles) -> _Payload:
    criteria = request.criteria
    given = _given(
        chargingProfileId=list(criteria.profile_ids) or None,
        chargingProfilePurpose=criteria.purpose,
        stackLevel=criteria.stack_level,
        chargingLimitSource=list(criteria.limit_sources) or None,
    )
    return {
        "requestId": request.request_id,
        "chargingProfile": given or {"chargingLimitSource": list(_ALL_LIMIT_SOURCES)},
        **_given(evseId=request.evse_id),
    }


def _get_composite_schedule(request: calls.GetCompositeSchedule) -> _Payload:
    return {
        "duration": request.duration_seconds,
        "evseId": request.evse_id,
        **_given(chargingRateUnit=request.unit),
    }


# --- Transactions ---------------------------------------------------------------------------


def request_start_transaction(
    request: calls.RequestStartTransaction, write_profile: ProfileWriter
) -> _Payload:
    """Make a RequestStartTransactionRequest, its profile as the version has profiles (F01, K05)."""
    profile = None if request.profile is None else write_profile(request.profile)
    return {
        "remoteStartId": request.remote_start_id,
        "idToken": {"idToken": request.id_token.value, "type": request.id_token.type},
        **_given(
            evseId=request.evse_id,
            chargingProfile=None if profile is None else profile["chargingProfile"],
        ),
    }


def _request_stop_transaction(request: calls.RequestStopTransaction) -> _Payload:
    return {"transactionId": request.transaction_id}


def _get_transaction_status(request: calls.GetTransactionStatus) -> _Payload:
    return _given(transactionId=request.transaction_id)


# --- The station itself ---------------------------------------------------------------------


def _trigger_message(request: calls.TriggerMessage) -> _Payload:
    return {
        "requestedMessage": request.message,
        **_given(evse=_evse(request.evse_id, request.connector_id)),
    }


def _change_availability(request: calls.ChangeAvailability) -> _Payload:
    return {
        "operationalStatus": "Operative" if request.operative else "Inoperative",
        **_given(evse=_evse(request.evse_id, request.connector_id)),
    }


def _unlock_connector(request: calls.UnlockConnector) -> _Payload:
    return {"evseId": request.evse_id, "connectorId": request.connector_id}


def _reset(request: calls.Reset) -> _Payload:
    return {"type": request.type, **_given(evseId=request.evse_id)}


def _get_variables(request: calls.GetVariables) -> _Payload:
    return {"getVariableData": [_variable(name) for name in request.names]}


def _set_variables(request: calls.SetVariables) -> _Payload:
    return {
        "setVariableData": [
            {"attributeValue": value, **_variable(name)} for name, value in request.values
        ]
    }


def _variable(name: VariableName) -> _Payload:
    evse = _evse(name.evse_id, name.connector_id)
    return {
        "component": {
            "name": name.component,
            **_given(instance=name.component_instance, evse=evse),
        },
        "variable": {"name": name.variable, **_given(instance=name.variable_instance)},
        # Actual is what its absence means, and there are stations that know nothing else.
        **({} if name.attribute == "Actual" else {"attributeType": name.attribute}),
    }


def _evse(evse_id: int | None, connector_id: int | None) -> _Payload | None:
    """Return an EVSEType; None for the whole station."""
    return None if evse_id is None else {"id": evse_id, **_given(connectorId=connector_id)}


def _given(**fields: Any) -> _Payload:
    """Return the fields that have a value: OCPP knows no null."""
    return {name: value for name, value in fields.items() if value is not None}


WRITERS: Final[Writers] = {
    calls.ChangeAvailability: _change_availability,
    calls.ClearChargingProfile: _clear_charging_profile,
    calls.GetChargingProfiles: _get_charging_profiles,
    calls.GetCompositeSchedule: _get_composite_schedule,
    calls.GetTransactionStatus: _get_transaction_status,
    calls.GetVariables: _get_variables,
    calls.RequestStartTransaction: lambda request: request_start_transaction(
        request, set_charging_profile
    ),
    calls.RequestStopTransaction: _request_stop_transaction,
    calls.Reset: _reset,
    calls.SetChargingProfile: set_charging_profile,
    calls.SetVariables: _set_variables,
    calls.TriggerMessage: _trigger_message,
    calls.UnlockConnector: _unlock_connector,
}
"""The requests that both versions have."""
