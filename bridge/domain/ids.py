"""Identifiers and how stable ones are derived."""

from datetime import datetime
from typing import Final, NewType
from uuid import UUID, uuid5

StationId = NewType("StationId", str)
"""The raw identity of a charging station, percent-decoded (OCPP-J part 4, 3.1.1)."""

STATION_EVSE: Final = 0
"""EVSE id 0 stands for the whole charging station (OCPP 2.x, also connector 0 of 1.6)."""

_NAMESPACE: Final = UUID("6f1d2b52-6f0f-5d5c-9d52-4d5154540001")


def event_id(
    station_id: StationId,
    transaction_id: str,
    seq_no: int,
    event_type: str,
    timestamp: datetime,
) -> str:
    """Return the id of a TransactionEvent, the same for every resend of it.

    seqNo alone is not enough: there are stations that send 0 on every event of a transaction
    (charger-quirks 34), so the type and the station's time take part.
    """
    name = f"{station_id}\n{transaction_id}\n{seq_no}\n{event_type}\n{timestamp.isoformat()}"
    return str(uuid5(_NAMESPACE, name))


def transaction_uuid(station_id: StationId, transaction_id: str, first_seen_at: datetime) -> str:
    """Return the id of a transaction that is unique over all stations (seed 001)."""
    return str(uuid5(_NAMESPACE, f"{station_id}\n{transaction_id}\n{first_seen_at.isoformat()}"))
