"""From what happened to the events that are published; as `documents`, pure and built by hand."""

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Literal

from bridge.api import event_payloads, payloads
from bridge.domain.effects import (
    AllocationRecorded,
    FaultRecorded,
    InquiryRecorded,
    RecordedEvent,
    SecurityRecorded,
    StatusRecorded,
    TransactionRecorded,
)
from bridge.domain.enums import EventType
from bridge.domain.events import IdToken, MeterValue, TransactionEvent
from bridge.domain.units import rfc3339

_EVENT_TYPES: Final[
    dict[EventType, Literal["transaction.started", "transaction.updated", "transaction.ended"]]
] = {
    EventType.STARTED: "transaction.started",
    EventType.UPDATED: "transaction.updated",
    EventType.ENDED: "transaction.ended",
}
_NO_METER: Final[event_payloads.EventMeter] = {"energyWh": None, "powerW": None}


class EventDocuments:
    """Builds the documents of events."""

    def __init__(self, mask: Callable[[IdToken], payloads.PublishedToken]) -> None:
        """Plug in how tokens are hidden."""
        self._mask = mask

    def __call__(self, event: RecordedEvent, inserted_at: datetime) -> Any:
        """Return the document of an event."""
        if isinstance(event, TransactionRecorded):
            return self._transaction(event, inserted_at)
        if isinstance(event, InquiryRecorded):
            return self._authorize(event, inserted_at)
        return _MAKERS[type(event)](event, inserted_at)

    def _transaction(
        self, recorded: TransactionRecorded, inserted_at: datetime
    ) -> event_payloads.TransactionEventDocument:
        event, transaction, meter = recorded.event, recorded.transaction, recorded.meter
        # A late event belongs to an earlier moment than the transaction's present state.
        state = event.charging_state or (None if recorded.late else transaction.charging_state)
        ended = event.event_type is EventType.ENDED
        at, received = rfc3339(event.timestamp), rfc3339(recorded.received_at)
        same = inserted_at is recorded.received_at  # as long as no clock is set back
        return {
            "v": 1,
            "id": recorded.event_id,
            "type": _EVENT_TYPES[event.event_type],
            "ts": at,
            "receivedAt": received,
            "insertedAt": received if same else rfc3339(inserted_at),
            "cs": recorded.station_id,
            "evse": recorded.evse_id,
            "connector": recorded.connector_id,
            "eventType": event.event_type,
            "triggerReason": event.trigger_reason,
            "seqNo": event.seq_no,
            "offline": event.offline,
            "transaction": {
                "transactionUuid": transaction.uuid,
                "transactionId": event.transaction_id,
                "chargingState": state,
                "stoppedReason": event.stopped_reason
                or (transaction.stopped_reason if ended else None),
                "timeSpentChargingSeconds": event.time_spent_charging_seconds,
                "remoteStartId": event.remote_start_id or transaction.remote_start_id,
                "resumed": transaction.resumed,
            },
            "idToken": self._masked(event.id_token),
            "meter": _NO_METER
            if meter is None
            else {"energyWh": meter.energy_wh, "powerW": meter.power_w},
            "meterValue": [
                {
                    "timestamp": at
                    if each.timestamp == event.timestamp
                    else rfc3339(each.timestamp),
                    "sampledValue": _sampled_values(each),
                }
                for each in event.meter_values
            ],
            "ocpp": None if _later_terms(event) == _NO_TERMS else _ocpp(event),
            "allocationSourceName": recorded.allocation_source,
            "gap": recorded.gap,
            "duplicate": False,
            "late": recorded.late,
            "warnings": list(recorded.warnings),
        }

    def _authorize(
        self, event: InquiryRecorded, inserted_at: datetime
    ) -> event_payloads.AuthorizeEventDocument:
        inquiry, verdict, ref = event.inquiry, event.verdict, event.ref
        asked = verdict is None
        known = event.told if asked else verdict
        decided_by: Literal["controller", "default"] = "default" if ref is None else "controller"
        return {
            **_head(event, event.received_at, inserted_at),
            "type": "authorize.asked" if asked else "authorize.decided",
            "request": inquiry.id,
            "idToken": self._mask(inquiry.id_token),
            "transactionIds": list(inquiry.transaction_ids),
            "answerBy": rfc3339(inquiry.until) if asked else None,
            "status": None if known is None else known.status,
            "decidedBy": None if asked else decided_by,
            "controller": None if ref is None else ref.controller,
            "commandId": None if ref is None else ref.id,
        }

    def _masked(self, token: IdToken | None) -> payloads.PublishedToken | None:
        return None if token is None else self._mask(token)


_TERMS: Final = (
    "operation_mode",
    "preconditioning_status",
    "evse_sleep",
    "tariff_id",
    "transaction_limit",
    "cost_details",
)
_later_terms: Final = attrgetter(*_TERMS)
_NO_TERMS: Final = (None,) * len(_TERMS)


def _ocpp(event: TransactionEvent) -> event_payloads.EventOcpp:
    """Return what only OCPP 2.1 tells of a transaction (mapping.md, 3)."""
    limit = event.transaction_limit
    return {
        "operationMode": event.operation_mode,
        "preconditioningStatus": event.preconditioning_status,
        "evseSleep": event.evse_sleep,
        "tariffId": event.tariff_id,
        "transactionLimit": None
        if limit is None
        else {
            "maxCost": limit.max_cost,
            "maxEnergyWh": limit.max_energy_wh,
            "maxTimeSeconds": limit.max_seconds,
            "maxSocPercent": limit.max_soc_percent,
        },
        "costDetails": event.cost_details,
    }


def _sampled_values(value: MeterValue) -> list[event_payloads.SampledValueEntry]:
    return [
        {
            "measurand": measurand,
            "value": amount,
            "unit": unit,
            "phase": phase,
            "context": context,
            "location": location,
            "signed": signed,
        }
        for measurand, amount, unit, phase, context, location, signed in value.sampled_values
    ]


def _status(event: StatusRecorded, inserted_at: datetime) -> event_payloads.StatusEventDocument:
    return {
        **_head(event, event.timestamp, inserted_at, event.connector_id),
        "type": "status",
        "connectorStatus": event.status,
        "previousStatus": event.previous,
        "ocpp": {"status": event.point_status},
        "errorCode": event.error_code,
        "warnings": list(event.warnings),
    }


def _allocation(
    event: AllocationRecorded, inserted_at: datetime
) -> event_payloads.AllocationEventDocument:
    before, after, cause = event.before, event.after, event.cause
    return {
        **_head(event, event.at, inserted_at),
        "type": "allocation",
        "from": None if before is None else before.source.value,
        "to": after.source.value,
        "previousOfferedA": None if before is None else before.offered_a,
        "offeredA": after.offered_a,
        "state": after.state,
        "mode": after.mode,
        "onePhaseLimitActive": after.phase_limit == 1,
        "phaseLimitSourceName": None if after.phase_source is None else after.phase_source.value,
        "reason": cause.reason,
        "controller": cause.controller,
        "commandId": cause.command_id,
    }


def _fault(event: FaultRecorded, inserted_at: datetime) -> event_payloads.FaultEventDocument:
    return {
        **_head(event, event.received_at, inserted_at),
        "type": "fault",
        "code": event.code,
        "message": event.message,
        "details": dict(event.details),
    }


def _security(
    event: SecurityRecorded, inserted_at: datetime
) -> event_payloads.SecurityEventDocument:
    return {
        **_head(event, event.at, inserted_at),
        "type": "security",
        "code": event.code,
        "message": event.message,
        "alarm": event.alarm,
        "details": dict(event.details),
    }


def _head(
    event: StatusRecorded
    | AllocationRecorded
    | FaultRecorded
    | InquiryRecorded
    | SecurityRecorded,
    at: datetime,
    inserted_at: datetime,
    connector: int | None = None,
) -> event_payloads.EventHead:
    return {
        "v": 1,
        "id": event.event_id,
        "ts": rfc3339(at),
        "receivedAt": rfc3339(event.received_at),
        "insertedAt": rfc3339(inserted_at),
        "cs": event.station_id,
        "evse": event.evse_id,
        "connector": connector,
    }


_MAKERS: Final[Mapping[type, Callable[[Any, datetime], Mapping[str, Any]]]] = {
    StatusRecorded: _status,
    AllocationRecorded: _allocation,
    FaultRecorded: _fault,
    SecurityRecorded: _security,
}
