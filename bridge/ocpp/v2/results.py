"""How a station's answers to our requests read in OCPP 2.x.

Every answer with a status becomes one outcome by the same rules; the table below says which
statuses are a success, and what else is taken out of an answer.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bridge.domain.calls import CallResult, VariableName, VariableResult
from bridge.ocpp.v2.parts import optional_integer, word
from bridge.ocpp.v2.schedules import read_composite

_Payload = Mapping[str, Any]

_ACCEPTED: Final = frozenset({"Accepted"})
_SUCCESS: Final[Mapping[str, frozenset[str]]] = {
    "ChangeAvailability": frozenset({"Accepted", "Scheduled"}),  # G03: after the transaction
    "GetLog": frozenset({"Accepted", "AcceptedCanceled"}),
    "Reset": frozenset({"Accepted", "Scheduled"}),  # B12: likewise
    "UnlockConnector": frozenset({"Unlocked"}),
    "UnpublishFirmware": frozenset({"Unpublished"}),
    "UpdateFirmware": frozenset({"Accepted", "AcceptedCanceled"}),
}
"""Statuses that say yes, where it is not Accepted alone."""


def read_result(action: str, payload: _Payload) -> CallResult:
    """Make the outcome of a valid answer. Raises PayloadError where a part has no meaning."""
    status = payload.get("status", "")
    info = payload.get("statusInfo") or {}
    return CallResult(
        accepted=not status or status in _SUCCESS.get(action, _ACCEPTED),
        status=status,
        reason_code=info.get("reasonCode"),
        additional_info=info.get("additionalInfo"),
        **_PARTS.get(action, _nothing_more)(payload),
    )


def _nothing_more(_payload: _Payload) -> _Payload:
    return {}


def _transaction(payload: _Payload) -> _Payload:
    return {"transaction_id": payload.get("transactionId")}


def _composite(payload: _Payload) -> _Payload:
    schedule = payload.get("schedule")
    return {} if schedule is None else {"schedule": read_composite(schedule)}


def _transaction_status(payload: _Payload) -> _Payload:
    return {
        "ongoing": payload.get("ongoingIndicator"),
        "messages_in_queue": payload["messagesInQueue"],
    }


def _read_variables(payload: _Payload) -> _Payload:
    return {"variables": _variables(payload["getVariableResult"])}


def _written_variables(payload: _Payload) -> _Payload:
    return {"variables": _variables(payload["setVariableResult"])}


def _variables(items: Iterable[_Payload]) -> tuple[VariableResult, ...]:
    return tuple(_variable(item) for item in items)


def _variable(item: _Payload) -> VariableResult:
    component, variable = item["component"], item["variable"]
    evse = component.get("evse") or {}
    return VariableResult(
        name=VariableName(
            component=component["name"],
            variable=variable["name"],
            evse_id=optional_integer(evse.get("id"), "/component/evse/id"),
            connector_id=optional_integer(evse.get("connectorId"), "/component/evse/connectorId"),
            component_instance=component.get("instance"),
            variable_instance=variable.get("instance"),
            attribute=word(item.get("attributeType", "Actual")),
        ),
        status=word(item["attributeStatus"]),
        value=item.get("attributeValue"),
        reason_code=(item.get("attributeStatusInfo") or {}).get("reasonCode"),
    )


_PARTS: Final[Mapping[str, Callable[[_Payload], _Payload]]] = {
    "GetCompositeSchedule": _composite,
    "GetTransactionStatus": _transaction_status,
    "GetVariables": _read_variables,
    "RequestStartTransaction": _transaction,
    "SetVariables": _written_variables,
}
"""What an answer says besides its status, by action."""
