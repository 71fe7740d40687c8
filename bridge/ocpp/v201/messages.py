"""What a station says in OCPP 2.0.1, read into the words of the domain.

The payloads have passed their schema, but only types and required fields are sure: lengths,
ranges and enumerations may have been tolerated (`bridge.ocpp.validation`), and a whole number
may have come as `1.0`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    EventType,
    StoppedReason,
    Term,
    TriggerReason,
)
from bridge.domain.events import (
    Authorize,
    BootNotification,
    Heartbeat,
    IdToken,
    MeterValues,
    Notice,
    StatusNotification,
    TransactionEvent,
)
from bridge.ocpp.frames import ErrorCode
from bridge.ocpp.times import parse_timestamp
from bridge.ocpp.v201.metering import read_meter_values
from bridge.ocpp.validation import PayloadError

_Payload = dict[str, Any]
_T = TypeVar("_T", bound=Term)

_MAX_INTEGER: Final = 2**53 - 1
"""The largest whole number that every JSON reader behind the bridge gets right."""


def boot_notification(payload: _Payload) -> BootNotification:
    """Read a BootNotificationRequest (B01)."""
    station = payload["chargingStation"]
    return BootNotification(
        vendor_name=station["vendorName"],
        model=station["model"],
        reason=payload["reason"],
        serial_number=station.get("serialNumber"),
        firmware_version=station.get("firmwareVersion"),
    )


def heartbeat(_payload: _Payload) -> Heartbeat:
    """Read a HeartbeatRequest (G02)."""
    return Heartbeat()


def authorize(payload: _Payload) -> Authorize:
    """Read an AuthorizeRequest (C01)."""
    return Authorize(id_token=_id_token(payload["idToken"]))


def status_notification(payload: _Payload) -> StatusNotification:
    """Read a StatusNotificationRequest (G01). EVSE 0 and connector 0 do come (quirk 44)."""
    return StatusNotification(
        timestamp=_timestamp(payload["timestamp"]),
        evse_id=_integer(payload["evseId"], "/evseId"),
        connector_id=_integer(payload["connectorId"], "/connectorId"),
        status=_term(ConnectorStatus, payload["connectorStatus"], "/connectorStatus"),
    )


def meter_values(payload: _Payload) -> MeterValues:
    """Read a MeterValuesRequest (J01)."""
    return MeterValues(
        evse_id=_integer(payload["evseId"], "/evseId"),
        meter_values=read_meter_values(payload["meterValue"]),
    )


def transaction_event(payload: _Payload) -> TransactionEvent:
    """Read a TransactionEventRequest (E)."""
    get = payload.get
    info = payload["transactionInfo"]
    about = info.get
    evse = get("evse") or _NOTHING
    state = about("chargingState")
    reason = about("stoppedReason")
    token = get("idToken")
    samples = get("meterValue")
    return TransactionEvent(
        event_type=_EVENT_TYPES.get(payload["eventType"])
        or _term(EventType, payload["eventType"], "/eventType"),
        timestamp=_timestamp(payload["timestamp"]),
        trigger_reason=_TRIGGERS.get(payload["triggerReason"])
        or _term(TriggerReason, payload["triggerReason"], "/triggerReason"),
        seq_no=_integer(payload["seqNo"], "/seqNo"),
        transaction_id=info["transactionId"],
        offline=get("offline", False),
        charging_state=None if state is None else ChargingState.read(state),
        time_spent_charging_seconds=_optional(about("timeSpentCharging"), "/timeSpentCharging"),
        # A reason that nobody knows is still a reason, and absence would mean Local.
        stopped_reason=None if reason is None else StoppedReason.read(reason) or _OTHER,
        remote_start_id=_optional(about("remoteStartId"), "/remoteStartId"),
        id_token=None if token is None else _id_token(token),
        evse_id=_optional(evse.get("id"), "/evse/id"),
        connector_id=_optional(evse.get("connectorId"), "/evse/connectorId"),
        number_of_phases_used=_optional(get("numberOfPhasesUsed"), "/numberOfPhasesUsed"),
        cable_max_current_a=_optional(get("cableMaxCurrent"), "/cableMaxCurrent"),
        reservation_id=_optional(get("reservationId"), "/reservationId"),
        meter_values=() if samples is None else read_meter_values(samples),
    )


def notice(action: str) -> Callable[[_Payload], Notice]:
    """Return the reader of an action whose content the bridge has no use for (yet)."""
    message = Notice(action=action)
    return lambda _payload: message


# --- Parts ----------------------------------------------------------------------------------

_NOTHING: Final[_Payload] = {}
_OTHER: Final = StoppedReason.OTHER
_EVENT_TYPES: Final = {member.value: member for member in EventType}
_TRIGGERS: Final = {member.value: member for member in TriggerReason}


def _timestamp(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise _invalid("/timestamp", str(error)) from error


def _integer(number: float, pointer: str) -> int:
    if not -_MAX_INTEGER <= number <= _MAX_INTEGER:
        raise _invalid(pointer, "out of range")
    return int(number)


def _optional(number: float | None, pointer: str) -> int | None:
    return None if number is None else _integer(number, pointer)


def _term(terms: type[_T], text: str, pointer: str) -> _T:
    term = terms.read(text)
    if term is None:
        raise _invalid(pointer, "unknown value")
    return term


def _id_token(token: _Payload) -> IdToken:
    return IdToken(value=token["idToken"], type=token["type"])


def _invalid(pointer: str, reason: str) -> PayloadError:
    return PayloadError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{pointer}: {reason}")
