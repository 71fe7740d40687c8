"""What a charge point says in OCPP 1.6, read into the words of the domain.

A connector of OCPP 1.6 is an EVSE here, with its own number (mqtt-api.md, Words). The payloads
have passed their schema, but only types and required fields are sure.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from bridge.domain.annotations import Remark, distinct, warning
from bridge.domain.enums import ChargePointStatus, ConnectorStatus, StoppedReason, TriggerReason
from bridge.domain.events import (
    Authorize,
    BootNotification,
    Heartbeat,
    IdToken,
    MeterValues,
    Notice,
    SecurityEventNotification,
    StartTransaction,
    StatusNotification,
    StopTransaction,
)
from bridge.ocpp.frames import ErrorCode
from bridge.ocpp.times import parse_timestamp
from bridge.ocpp.v16.metering import read_meter_values
from bridge.ocpp.validation import PayloadError

_Payload = dict[str, Any]

TOKEN_TYPE: Final = "Central"  # noqa: S105  # a type of token, no password
"""OCPP 1.6 does not tell what an idTag is; 2.x calls a token of unknown kind Central."""

_NAMES: Final = (
    "chargePointVendor",
    "chargePointModel",
    "chargePointSerialNumber",
    "chargeBoxSerialNumber",
    "firmwareVersion",
)
_MAX_INTEGER: Final = 2**53 - 1
_MAX_WORD: Final = 50
"""Of the type of a security event, as in its schema."""
_NO_ERROR: Final = "NoError"

_CONNECTOR_STATUS: Final[Mapping[ChargePointStatus, ConnectorStatus]] = {
    ChargePointStatus.AVAILABLE: ConnectorStatus.AVAILABLE,
    ChargePointStatus.PREPARING: ConnectorStatus.OCCUPIED,
    ChargePointStatus.CHARGING: ConnectorStatus.OCCUPIED,
    ChargePointStatus.SUSPENDED_EVSE: ConnectorStatus.OCCUPIED,
    ChargePointStatus.SUSPENDED_EV: ConnectorStatus.OCCUPIED,
    ChargePointStatus.FINISHING: ConnectorStatus.OCCUPIED,
    ChargePointStatus.RESERVED: ConnectorStatus.RESERVED,
    ChargePointStatus.UNAVAILABLE: ConnectorStatus.UNAVAILABLE,
    ChargePointStatus.FAULTED: ConnectorStatus.FAULTED,
}

_STOPPED: Final[Mapping[str, tuple[StoppedReason, TriggerReason]]] = {
    "DeAuthorized": (StoppedReason.DE_AUTHORIZED, TriggerReason.DEAUTHORIZED),
    "EmergencyStop": (StoppedReason.EMERGENCY_STOP, TriggerReason.ABNORMAL_CONDITION),
    "EVDisconnected": (StoppedReason.EV_DISCONNECTED, TriggerReason.EV_COMMUNICATION_LOST),
    "HardReset": (StoppedReason.IMMEDIATE_RESET, TriggerReason.RESET_COMMAND),
    "Local": (StoppedReason.LOCAL, TriggerReason.STOP_AUTHORIZED),
    "Other": (StoppedReason.OTHER, TriggerReason.ABNORMAL_CONDITION),
    "PowerLoss": (StoppedReason.POWER_LOSS, TriggerReason.ABNORMAL_CONDITION),
    "Reboot": (StoppedReason.REBOOT, TriggerReason.RESET_COMMAND),
    "Remote": (StoppedReason.REMOTE, TriggerReason.REMOTE_STOP),
    "SoftReset": (StoppedReason.IMMEDIATE_RESET, TriggerReason.RESET_COMMAND),
    "UnlockCommand": (StoppedReason.REMOTE, TriggerReason.UNLOCK_COMMAND),
}
"""Reason of OCPP 1.6 to the stoppedReason and the trigger of 2.x (mapping.md, 5)."""
_REASONS: Final = {name.casefold(): pair for name, pair in _STOPPED.items()}


def boot_notification(payload: _Payload) -> BootNotification:
    """Read a BootNotification.req (4.2). Empty texts are not told (charger-quirks 44)."""
    return BootNotification(
        vendor_name=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        reason="Unknown",
        serial_number=payload.get("chargePointSerialNumber")
        or payload.get("chargeBoxSerialNumber")
        or None,
        firmware_version=payload.get("firmwareVersion") or None,
        warnings=tuple(
            warning(Remark.EMPTY_TEXT, name) for name in _NAMES if payload.get(name) == ""
        ),
    )


def heartbeat(_payload: _Payload) -> Heartbeat:
    """Read a Heartbeat.req (4.6)."""
    return Heartbeat()


def authorize(payload: _Payload) -> Authorize:
    """Read an Authorize.req (4.1)."""
    return Authorize(id_token=_id_token(payload["idTag"]))


def status_notification(payload: _Payload) -> StatusNotification:
    """Read a StatusNotification.req (4.9); it may have no timestamp."""
    status = ChargePointStatus.read(payload["status"])
    if status is None:
        raise _invalid("/status", "unknown value")
    connector_id = _integer(payload["connectorId"], "/connectorId")
    error = payload["errorCode"]
    at = payload.get("timestamp")
    return StatusNotification(
        timestamp=_timestamp(at) if at else None,
        evse_id=connector_id,
        connector_id=connector_id,
        status=_CONNECTOR_STATUS[status],
        point_status=status,
        error_code=None if error == _NO_ERROR else error,
    )


def start_transaction(payload: _Payload) -> StartTransaction:
    """Read a StartTransaction.req (4.8)."""
    return StartTransaction(
        evse_id=_integer(payload["connectorId"], "/connectorId"),
        id_token=_id_token(payload["idTag"]),
        meter_start_wh=float(_integer(payload["meterStart"], "/meterStart")),
        timestamp=_timestamp(payload["timestamp"]),
        reservation_id=_optional(payload.get("reservationId"), "/reservationId"),
    )


def stop_transaction(payload: _Payload) -> StopTransaction:
    """Read a StopTransaction.req (4.10). A reason that nobody knows is still one: Other."""
    raw = payload.get("reason")
    reason, trigger = _REASONS.get((raw or "Local").casefold(), _STOPPED["Other"])
    token = payload.get("idTag")
    warnings: list[str] = []
    return StopTransaction(
        transaction_id=_transaction_id(payload["transactionId"]),
        meter_stop_wh=float(_integer(payload["meterStop"], "/meterStop")),
        timestamp=_timestamp(payload["timestamp"]),
        reason=reason,
        trigger_reason=trigger,
        id_token=_id_token(token) if token else None,
        meter_values=read_meter_values(payload.get("transactionData") or [], warnings),
        warnings=distinct(warnings),
    )


def meter_values(payload: _Payload) -> MeterValues:
    """Read a MeterValues.req (4.7)."""
    transaction_id = payload.get("transactionId")
    warnings: list[str] = []
    return MeterValues(
        evse_id=_integer(payload["connectorId"], "/connectorId"),
        meter_values=read_meter_values(payload["meterValue"], warnings),
        transaction_id=None if transaction_id is None else _transaction_id(transaction_id),
        warnings=distinct(warnings),
    )


def security_event(payload: _Payload) -> SecurityEventNotification:
    """Read a SecurityEventNotification.req (Security Whitepaper, A04)."""
    return SecurityEventNotification(
        type=payload["type"][:_MAX_WORD],
        timestamp=_timestamp(payload["timestamp"]),
        tech_info=payload.get("techInfo"),
    )


def notice(action: str) -> Callable[[_Payload], Notice]:
    """Return the reader of an action whose content the bridge has no use for."""
    message = Notice(action=action)
    return lambda _payload: message


# --- Parts ----------------------------------------------------------------------------------


def _timestamp(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise _invalid("/timestamp", str(error)) from error


def _transaction_id(number: float) -> str:
    """Return an id as text: stations make up any number of 64 bits (charger-quirks 24)."""
    return str(number if isinstance(number, int) else _integer(number, "/transactionId"))


def _integer(number: float, pointer: str) -> int:
    if not -_MAX_INTEGER <= number <= _MAX_INTEGER:
        raise _invalid(pointer, "out of range")
    return int(number)


def _optional(number: float | None, pointer: str) -> int | None:
    return None if number is None else _integer(number, pointer)


def _id_token(tag: str) -> IdToken:
    return IdToken(value=tag, type=TOKEN_TYPE)


def _invalid(pointer: str, reason: str) -> PayloadError:
    return PayloadError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{pointer}: {reason}")
