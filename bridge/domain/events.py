"""What a charging station reports, in OCPP 2.x terms, whatever protocol it came by.

The OCPP adapters translate frames into these; `station.handle` consumes them. Times are the
station's own unless a name says otherwise, always aware and in UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    EventType,
    StoppedReason,
    TriggerReason,
)


class SampledValue(NamedTuple):
    """One reading, normalised: `value` in the base unit (W, Wh, A, V, Hz, %), multiplier applied.

    A named tuple, since an event brings eight of them and a frozen dataclass takes three times
    as long to make (0.4 against 1.2 us).
    """

    measurand: str
    value: float
    unit: str | None
    phase: str | None = None
    context: str = "Sample.Periodic"
    location: str = "Outlet"
    signed: dict[str, Any] | None = None
    """signedMeterValue, byte-exact as the station sent it (OCPP 2.0.1, J)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValue:
    """Readings taken at one moment (OCPP MeterValueType)."""

    timestamp: datetime
    sampled_values: tuple[SampledValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """IdTokenType: `value` is a secret of its holder, hashed before it is published."""

    value: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The station has opened a WebSocket and is authenticated; `version` is e.g. "2.0.1"."""

    version: str
    connection_id: str
    remote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """That connection is gone; without effect where a newer one has taken its place."""

    connection_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BootNotification:
    """The station has started (OCPP 2.x B01)."""

    vendor_name: str
    model: str
    reason: str
    serial_number: str | None = None
    firmware_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The station asks for the time (OCPP 2.x G02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    """The station asks whether a token may charge (OCPP 2.x C01)."""

    id_token: IdToken


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNotification:
    """A connector's status (OCPP 2.x G01)."""

    timestamp: datetime
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    error_code: str | None = None
    """OCPP 1.6 only; None for NoError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValues:
    """Readings outside a TransactionEvent (OCPP 2.x J01); a running transaction's on some stations."""

    evse_id: int
    meter_values: tuple[MeterValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent:
    """TransactionEventRequest (OCPP 2.x E). Only the required fields can be relied upon."""

    event_type: EventType
    timestamp: datetime
    trigger_reason: TriggerReason
    seq_no: int
    transaction_id: str
    offline: bool = False
    charging_state: ChargingState | None = None
    time_spent_charging_seconds: int | None = None
    stopped_reason: StoppedReason | None = None
    remote_start_id: int | None = None
    id_token: IdToken | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    number_of_phases_used: int | None = None
    cable_max_current_a: float | None = None
    reservation_id: int | None = None
    meter_values: tuple[MeterValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A valid message that changes nothing in the model and only wants its answer."""

    action: str


StationMessage = (
    BootNotification
    | Heartbeat
    | Authorize
    | StatusNotification
    | MeterValues
    | TransactionEvent
    | Notice
)
"""What a station can say by a CALL."""
