"""What a charging station reports, in OCPP 2.x terms, whatever protocol it came by.

The OCPP adapters translate frames into these; `station.handle` consumes them. Times are the
station's own unless a name says otherwise, always aware and in UTC.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec import Struct

from bridge.domain.enums import (
    ChargePointStatus,
    ChargingState,
    ConnectorStatus,
    ControllerStatus,
    EventType,
    Phase,
    SeccState,
    StoppedReason,
    TriggerReason,
    VehicleStatus,
)
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile, Schedule


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


class MeterValue(Struct, frozen=True, kw_only=True):
    """Readings taken at one moment (OCPP MeterValueType)."""

    timestamp: datetime
    sampled_values: tuple[SampledValue, ...]


class IdToken(Struct, frozen=True, kw_only=True):
    """IdTokenType: `value` is a secret of its holder, hashed before it is published."""

    value: str
    type: str


class Connected(Struct, frozen=True, kw_only=True):
    """The station has opened a WebSocket and is authenticated; `version` is e.g. "2.0.1"."""

    version: str
    connection_id: str
    remote: str


class Disconnected(Struct, frozen=True, kw_only=True):
    """That connection is gone; without effect where a newer one has taken its place."""

    connection_id: str


class BootNotification(Struct, frozen=True, kw_only=True):
    """The station has started (OCPP 2.x B01)."""

    vendor_name: str
    model: str
    reason: str
    serial_number: str | None = None
    firmware_version: str | None = None
    warnings: tuple[str, ...] = ()
    """What the adapter mended or remarked (`annotations`)."""


class Heartbeat(Struct, frozen=True, kw_only=True):
    """The station asks for the time (OCPP 2.x G02)."""


class Authorize(Struct, frozen=True, kw_only=True):
    """The station asks whether a token may charge (OCPP 2.x C01)."""

    id_token: IdToken


class StatusNotification(Struct, frozen=True, kw_only=True):
    """A connector's status (OCPP 2.x G01, OCPP 1.6 4.9)."""

    timestamp: datetime | None
    """None where an OCPP 1.6 station tells no time: it is now."""
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    error_code: str | None = None
    """OCPP 1.6 only; None for NoError."""
    point_status: ChargePointStatus | None = None
    """OCPP 1.6 only: what `status` was made of."""
    warnings: tuple[str, ...] = ()


class NotifyEvent(Struct, frozen=True, kw_only=True):
    """Connectors tell their status as variables of the device model (OCPP 2.x N07, 2.1 G01).

    What else a NotifyEventRequest tells is left aside. A status of connector 0 is that of an
    EVSE as a whole.
    """

    statuses: tuple[StatusNotification, ...]


class MeterValues(Struct, frozen=True, kw_only=True):
    """Readings outside a TransactionEvent (OCPP 2.x J01); a running transaction's on some stations."""

    evse_id: int
    meter_values: tuple[MeterValue, ...]
    transaction_id: str | None = None
    """OCPP 1.6 only, and only where the readings are those of a transaction."""
    warnings: tuple[str, ...] = ()


class TransactionLimit(Struct, frozen=True, kw_only=True):
    """Where the station ends a transaction by itself (OCPP 2.1 E16)."""

    max_cost: float | None = None
    """In the currency of the tariff."""
    max_energy_wh: float | None = None
    max_seconds: int | None = None
    max_soc_percent: int | None = None


class TransactionEvent(Struct, frozen=True, kw_only=True):
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
    numbered: bool = True
    """False for OCPP 1.6, which numbers no events: `seq_no` is then the bridge's own."""
    timed: bool = True
    """False where the station gave no time: `timestamp` is then that of the bridge's clock, and
    says nothing of what comes before or after by the station's."""
    operation_mode: str | None = None
    """OCPP 2.1: OperationModeEnumType."""
    transaction_limit: TransactionLimit | None = None
    """OCPP 2.1: the limits in force at the station, which keeps to them itself."""
    tariff_id: str | None = None
    """OCPP 2.1."""
    cost_details: dict[str, Any] | None = None
    """OCPP 2.1: CostDetailsType as the station sent it."""
    preconditioning_status: str | None = None
    """OCPP 2.1: PreconditioningStatusEnumType, of the EV's battery."""
    evse_sleep: bool | None = None
    """OCPP 2.1: whether the electronics of the EVSE sleep."""
    warnings: tuple[str, ...] = ()


class StartTransaction(Struct, frozen=True, kw_only=True):
    """A transaction has begun (OCPP 1.6 4.8); the answer gives it its id."""

    evse_id: int
    id_token: IdToken
    meter_start_wh: float
    timestamp: datetime
    reservation_id: int | None = None
    warnings: tuple[str, ...] = ()


class StopTransaction(Struct, frozen=True, kw_only=True):
    """A transaction has ended (OCPP 1.6 4.10); it does not say on which connector."""

    transaction_id: str
    meter_stop_wh: float
    timestamp: datetime
    reason: StoppedReason
    trigger_reason: TriggerReason
    id_token: IdToken | None = None
    meter_values: tuple[MeterValue, ...] = ()
    warnings: tuple[str, ...] = ()


class NotifyChargingLimit(Struct, frozen=True, kw_only=True):
    """Somebody else limits the charging (OCPP 2.x K12, K13); `evse_id` None = the whole station."""

    limit_source: str
    """ChargingLimitSourceEnumType: EMS, Other, SO, CSO."""
    grid_critical: bool = False
    evse_id: int | None = None
    schedules: tuple[Schedule, ...] = ()
    """May be missing: then only that there is a limit is known."""


class ClearedChargingLimit(Struct, frozen=True, kw_only=True):
    """That limit is gone (OCPP 2.x K13, K14)."""

    limit_source: str
    evse_id: int | None = None


class PullDynamicScheduleUpdate(Struct, frozen=True, kw_only=True):
    """What is the limit of a profile of kind Dynamic now? (OCPP 2.1 K28)."""

    profile_id: int


class ReportChargingProfiles(Struct, frozen=True, kw_only=True):
    """Installed profiles, part of the answer to GetChargingProfiles (OCPP 2.x K09)."""

    request_id: int
    profiles: tuple[ChargingProfile, ...]
    more: bool = False
    """tbc: further parts follow."""


CONTROLLER: Final = "SECC"
"""What stands for the version of OCPP where a station is a charge controller without any."""


class ControllerReport(Struct, frozen=True, kw_only=True):
    """What a charge controller (SECC) without OCPP says of itself at one moment (seed 000).

    Everything but the time may be missing. It has one EVSE with one connector.
    """

    timestamp: datetime
    """When the bridge has read it: a controller does not say when it was so."""
    boot: BootNotification
    """Who it is."""
    state: SeccState | None = None
    """Its own word, else what its codes amount to (`iec61851`)."""
    phase: Phase | None = None
    vehicle_status: VehicleStatus | None = None
    controller_status: ControllerStatus | None = None
    connector_status: ConnectorStatus | None = None
    session_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    meter_start_wh: float | None = None
    meter_stop_wh: float | None = None
    phases_used: int | None = None
    start_reason: TriggerReason | None = None
    stop_reason: StoppedReason | None = None
    error_cause: str | None = None
    """recentCpErrorCause."""
    meter_values: tuple[MeterValue, ...] = ()
    source_name: str | None = None
    """allocationSourceName."""
    own_source: bool = False
    """`source_name` is what the controller calls limits that are written as the bridge does it."""
    available_a: float | None = None
    """What all limits together leave, A per phase."""
    effective_a: float | None = None
    """What it could offer at most, A per phase: a higher limit is that to it."""
    one_phase: bool | None = None
    phase_source_name: str | None = None
    phase_rotation: bool | None = None
    rotation_source_name: str | None = None
    phase_switching: bool | None = None
    """Whether it can be held to one phase by the API that is used."""
    limits_kept: bool = True
    """Whether what the bridge has written last is still in force."""
    first: bool = False
    """The first after it could not be read for a while: what happened meanwhile was not seen."""


class SecurityEventNotification(Struct, frozen=True, kw_only=True):
    """Something that concerns security has happened at the station (OCPP 2.x A04)."""

    type: str
    """Of the list of security events, or the station's own word."""
    timestamp: datetime
    tech_info: str | None = None


class Notice(Struct, frozen=True, kw_only=True):
    """A valid message that changes nothing in the model and only wants its answer."""

    action: str


StationMessage = (
    BootNotification
    | Heartbeat
    | Authorize
    | StatusNotification
    | NotifyEvent
    | MeterValues
    | TransactionEvent
    | StartTransaction
    | StopTransaction
    | NotifyChargingLimit
    | ClearedChargingLimit
    | ReportChargingProfiles
    | PullDynamicScheduleUpdate
    | SecurityEventNotification
    | ControllerReport
    | Notice
)
"""What a station can say by a CALL, or be read from by its own API."""

_WARNED: Final = (
    TransactionEvent,
    MeterValues,
    StatusNotification,
    StartTransaction,
    StopTransaction,
    BootNotification,
)
"""Those that have a place for warnings, the most frequent first."""


def warnings_of(message: StationMessage) -> tuple[str, ...]:
    """Return the warnings of a message."""
    return message.warnings if isinstance(message, _WARNED) else ()


def warned(message: StationMessage, warnings: tuple[str, ...]) -> StationMessage:
    """Return a message with these warnings before its own, where it has a place for them."""
    if isinstance(message, NotifyEvent):
        statuses = [replace(status, warnings=warnings) for status in message.statuses]
        return replace(message, statuses=tuple(statuses))
    if isinstance(message, _WARNED):
        all_of_them = dict.fromkeys((*warnings, *message.warnings))
        return replace(message, warnings=tuple(all_of_them))
    return message
