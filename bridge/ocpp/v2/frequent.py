"""TransactionEvents as most stations send them, checked and read in one go.

Theory of operation. To make dicts of a frame, to hold them against their schema and then to read
them field by field takes 25 us, more than anything else that is done with an event. Here msgspec
does all three at once, from the text of the CALL, with types that are made of the very schema. They
know the fields that are frequent, and only what is beyond reproach. Everything else (tokens, signed
readings, other spellings, what is to be remarked, what is wrong) is left to the way that all
messages take; so what is read here must be valid, and be read alike there
(tests/property/test_frequent_events.py).
"""

from collections.abc import Mapping
from types import GenericAlias
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta

from bridge.domain.enums import ChargingState, EventType, TriggerReason
from bridge.domain.events import MeterValue, SampledValue, TransactionEvent
from bridge.ocpp.actions import QuickReader
from bridge.ocpp.frames import MAX_MESSAGE_ID_LENGTH, MessageType
from bridge.ocpp.times import parse_timestamp
from bridge.ocpp.v2.metering import MAX_VALUE, SCALES
from bridge.ocpp.v2.parts import MAX_INTEGER

_ACTION: Final = "TransactionEvent"
_REQUEST: Final = "TransactionEventRequest"
_FREQUENT: Final[Mapping[str, tuple[str, ...]]] = {
    _REQUEST: (
        *("eventType", "timestamp", "triggerReason", "seqNo", "offline", "transactionInfo"),
        *("numberOfPhasesUsed", "cableMaxCurrent", "evse", "meterValue"),
    ),
    "TransactionType": ("transactionId", "chargingState", "timeSpentCharging"),
    "EVSEType": ("id", "connectorId"),
    "MeterValueType": ("timestamp", "sampledValue"),
    "SampledValueType": ("value", "measurand", "context", "phase", "location", "unitOfMeasure"),
    "UnitOfMeasureType": ("unit",),
}
"""The fields that are read here, by definition of the schema."""
_ALWAYS_THERE: Final = frozenset({"measurand", "context", "unitOfMeasure", "unit"})
"""Fields whose absence is remarked."""
_DEFAULTS: Final = {"offline": False, "location": "Outlet"}
_MOMENT: Final = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,6})?Z\Z")
]

_TRIGGERS: Final = {reason.value: reason for reason in TriggerReason}
_EVENT_TYPES: Final = {kind.value: kind for kind in EventType}
_STATES: Final[Mapping[str | None, ChargingState | None]] = {
    None: None,
    **{state.value: state for state in ChargingState},
}
_PLAIN: Final = {
    key: (scale.unit, scale.phases)
    for key, scale in SCALES.items()
    if scale.factor == 1.0 and not scale.warnings
}
"""Base unit and phases, by measurand and unit as sent, of what is read as it is."""
_tuple: Final = tuple.__new__


def transaction_events(schema: Mapping[str, Any]) -> QuickReader:
    """Return what reads the frequent ones of the TransactionEventRequests of a version."""
    message_id = Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_ID_LENGTH)]
    payload = _struct(_REQUEST, schema, schema["definitions"])
    call = GenericAlias(
        tuple, (Literal[MessageType.CALL.value], message_id, Literal[_ACTION], payload)
    )
    decode = msgspec.json.Decoder(call).decode

    def read(text: bytes) -> tuple[str, TransactionEvent] | None:
        try:
            _, message_id, _, request = decode(text)
            event = _event(request)
        except (msgspec.MsgspecError, ValueError, KeyError):
            return None
        return None if event is None else (message_id, event)

    return read


# --- Types of the schema --------------------------------------------------------------------


def _struct(name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> type:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in _FREQUENT[name]:
        kind = _type_of(schema["properties"][field], definitions)
        if field in _ALWAYS_THERE or field in schema.get("required", ()):
            fields.append((field, kind))
        else:
            fields.append((field, kind, _DEFAULTS.get(field)))  # null is none of the kind
    made = msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True, gc=False)
    return cast("type", made)


def _type_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        named = definitions[name]
        return _struct(name, named, definitions) if name in _FREQUENT else _type_of(named, {})
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    match schema["type"]:
        case "array":
            items = GenericAlias(list, (_type_of(schema["items"], definitions),))
            return Annotated[items, Meta(min_length=schema["minItems"])]
        case "integer":
            least = int(schema.get("minimum", -MAX_INTEGER))
            return Annotated[int, Meta(ge=least, le=int(schema.get("maximum", MAX_INTEGER)))]
        case "number":
            return Annotated[float, Meta(ge=-MAX_VALUE, le=MAX_VALUE)]
        case "boolean":
            return bool
        case _ if schema.get("format") == "date-time":
            return _MOMENT
        case _:
            return Annotated[str, Meta(max_length=schema["maxLength"])]


# --- Reading --------------------------------------------------------------------------------


def _event(request: Any) -> TransactionEvent | None:
    info, evse = request.transactionInfo, request.evse
    at = parse_timestamp(request.timestamp)
    meter_values: list[MeterValue] = []
    for value in request.meterValue or ():
        samples = []
        for sample in value.sampledValue:
            measurand, phase = sample.measurand, sample.phase
            unit, phases = _PLAIN[measurand, sample.unitOfMeasure.unit]
            if phases is not None and phase not in phases:
                return None
            reading = (measurand, sample.value, unit, phase, sample.context, sample.location, None)
            samples.append(_tuple(SampledValue, reading))  # SampledValue(...) takes twice as long
        same = value.timestamp == request.timestamp
        moment = at if same else parse_timestamp(value.timestamp)
        meter_values.append(MeterValue(timestamp=moment, sampled_values=tuple(samples)))
    return TransactionEvent(
        event_type=_EVENT_TYPES[request.eventType],
        timestamp=at,
        trigger_reason=_TRIGGERS[request.triggerReason],
        seq_no=request.seqNo,
        transaction_id=info.transactionId,
        offline=request.offline,
        charging_state=_STATES[info.chargingState],
        time_spent_charging_seconds=info.timeSpentCharging,
        evse_id=None if evse is None else evse.id,
        connector_id=None if evse is None else evse.connectorId,
        number_of_phases_used=request.numberOfPhasesUsed,
        cable_max_current_a=request.cableMaxCurrent,
        meter_values=tuple(meter_values),
    )
