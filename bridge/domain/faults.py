"""What is wrong with an EVSE, told once to people: event/fault.

What the bridge finds out by itself is told where it is found out (`observe`, `switching`); here
is what the station says: a connector that is faulted or warns (mapping.md, 4), and an abnormal
condition in a transaction (mapping.md, 5).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bridge.domain.draft import Draft
from bridge.domain.effects import FaultRecorded
from bridge.domain.enums import ConnectorStatus, TriggerReason
from bridge.domain.events import StatusNotification, TransactionEvent
from bridge.domain.ids import event_id
from bridge.domain.model import Connector, Evse

FAULTED: Final = "connector_faulted"
WARNING: Final = "connector_warning"
ABNORMAL: Final = "abnormal_condition"

CAUSES: Final[Mapping[str, str]] = {
    "EVCommunicationError": "IEC61851EvDisconnect",
    "OverCurrentFailure": "SignalledAmperageExceeded",
}
"""errorCode of OCPP 1.6 to the word that a SECC has for it (recentCpErrorCause; mapping.md, 4)."""


def record(
    draft: Draft,
    evse_id: int,
    code: str,
    message: str,
    details: Mapping[str, Any],
    *,
    place: str = "",
) -> None:
    """Record a fault; `place` tells those of one input apart that have the same code."""
    draft.events.append(
        FaultRecorded(
            event_id=_event_id(draft, f"fault/{evse_id}{place}", code, draft.now),
            station_id=draft.station.id,
            evse_id=evse_id,
            received_at=draft.now,
            code=code,
            message=message,
            details=details,
        )
    )


def _event_id(draft: Draft, place: str, code: str, at: datetime) -> str:
    return event_id(draft.station.id, place, draft.before.revision + 1, code, at)


def of_status(draft: Draft, message: StatusNotification, before: Connector | None) -> None:
    """Tell of a connector that is faulted, or whose error does not keep it from charging."""
    error = message.error_code
    faulted = message.status is ConnectorStatus.FAULTED
    known = before is not None and (before.status is ConnectorStatus.FAULTED, before.error_code)
    if known == (faulted, error) or not (faulted or error):
        return
    code, verb = (FAULTED, "is faulted") if faulted else (WARNING, "warns")
    record(
        draft,
        message.evse_id,
        code,
        f"connector {message.connector_id} {verb}" + (f": {error}" if error else ""),
        {
            "connector": message.connector_id,
            "errorCode": error,
            "cause": CAUSES.get(error) if error else None,
        },
        place=f"/{message.connector_id}",
    )


def of_event(draft: Draft, evse: Evse, event: TransactionEvent) -> None:
    """Tell of an abnormal condition that no faulted connector explains.

    Not of OCPP 1.6, where it is the bridge's own word for readings of other contexts, and for
    reasons of a stop that the status tells better.
    """
    if event.trigger_reason is not TriggerReason.ABNORMAL_CONDITION or not event.numbered:
        return
    if any(each.status is ConnectorStatus.FAULTED for each in evse.connectors.values()):
        return
    message = "the station reports an abnormal condition"
    record(draft, evse.id, ABNORMAL, message, {"transactionId": event.transaction_id})
