"""What the bridge asks of a charging station, and what the station made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from bridge.domain.events import IdToken
from bridge.domain.schedule import Schedule
from bridge.domain.settings import ProfileKind, RateUnit


class ProfilePurpose(StrEnum):
    """ChargingProfilePurposeEnumType, as far as the bridge installs profiles (OCPP 2.x K)."""

    TX = "TxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    STATION_MAX = "ChargingStationMaxProfile"
    """OCPP 1.6: ChargePointMaxProfile."""


class SetChargingProfile(Struct, frozen=True, kw_only=True):
    """Install one limit from `start_at` on (OCPP 2.x K01). `limit_a` is A per phase."""

    evse_id: int
    """0 for STATION_MAX alone."""
    profile_id: int
    purpose: ProfilePurpose
    stack_level: int
    limit_a: float
    start_at: datetime
    kind: ProfileKind = ProfileKind.ABSOLUTE
    limit_w: float | None = None
    """The same limit in W over all phases: where it is given, it is sent instead of `limit_a`."""
    valid_to: datetime | None = None
    transaction_id: str | None = None
    number_phases: int | None = None
    dynamic: bool = False
    """OCPP 2.1: of kind Dynamic instead of `kind`, to be moved by `UpdateDynamicSchedule`."""
    max_offline_seconds: int | None = None
    """OCPP 2.1: how long it stays in force while the station is offline, for a lease; 0 = not at
    all, None = for ever. It is in force again when the station is back. Others ignore it."""


class UpdateDynamicSchedule(Struct, frozen=True, kw_only=True):
    """Move the limit of an installed profile of kind Dynamic (OCPP 2.1 K).

    All in the unit of that profile; what is None stays as it was.
    """

    profile_id: int
    limit: float | None = None
    discharge_limit: float | None = None
    """Never positive."""
    setpoint: float | None = None
    """Negative to discharge."""


class ClearChargingProfile(Struct, frozen=True, kw_only=True):
    """Remove one profile by its id (OCPP 2.x K10)."""

    profile_id: int


class RequestStartTransaction(Struct, frozen=True, kw_only=True):
    """Begin a transaction remotely (OCPP 2.x F01, F02)."""

    evse_id: int | None
    remote_start_id: int
    id_token: IdToken
    connector_id: int | None = None
    """Not in OCPP 2.x, which starts on an EVSE; OCPP 1.6 and charge controllers take it."""
    profile: SetChargingProfile | None = None
    """A TxProfile without transactionId, for the transaction that begins (OCPP 2.x K05)."""


class RequestStopTransaction(Struct, frozen=True, kw_only=True):
    """End a transaction remotely (OCPP 2.x F03)."""

    transaction_id: str


class TriggerMessage(Struct, frozen=True, kw_only=True):
    """Ask the station for a message (OCPP 2.x F06)."""

    message: str
    evse_id: int | None = None
    connector_id: int | None = None


class ProfileCriteria(Struct, frozen=True, kw_only=True):
    """Which of the installed profiles are meant: those that meet all of these (OCPP 2.x K09)."""

    profile_ids: tuple[int, ...] = ()
    """One of these; () = any."""
    purpose: str | None = None
    """ChargingProfilePurposeEnumType."""
    stack_level: int | None = None
    limit_sources: tuple[str, ...] = ()
    """One of these ChargingLimitSourceEnumType; () = any."""


ANY_PROFILE: Final = ProfileCriteria()


class GetChargingProfiles(Struct, frozen=True, kw_only=True):
    """Ask for installed profiles, whoever installed them (OCPP 2.x K09).

    They come as ReportChargingProfiles with the same `request_id`.
    """

    request_id: int
    evse_id: int | None = None
    """0 = those of the whole station, None = those of the station and of all its EVSEs."""
    criteria: ProfileCriteria = ANY_PROFILE


class GetCompositeSchedule(Struct, frozen=True, kw_only=True):
    """Ask what the station makes of all profiles together (OCPP 2.x K08)."""

    evse_id: int
    duration_seconds: int
    unit: RateUnit | None = None


class ChangeAvailability(Struct, frozen=True, kw_only=True):
    """Make a station (no EVSE), an EVSE or a connector operative or not (OCPP 2.x G03, G04)."""

    operative: bool
    evse_id: int | None = None
    connector_id: int | None = None


class UnlockConnector(Struct, frozen=True, kw_only=True):
    """Unlock a cable (OCPP 2.x F05)."""

    evse_id: int
    connector_id: int


class ResetType(StrEnum):
    """ResetEnumType."""

    IMMEDIATE = "Immediate"
    IMMEDIATE_AND_RESUME = "ImmediateAndResume"
    """OCPP 2.1: transactions go on after the restart."""
    ON_IDLE = "OnIdle"


class Reset(Struct, frozen=True, kw_only=True):
    """Restart a station, or one EVSE of it (OCPP 2.x B11, B12)."""

    type: ResetType
    evse_id: int | None = None


class VariableName(Struct, frozen=True, kw_only=True):
    """Which variable of which component of the device model (OCPP 2.x, VariableType)."""

    component: str
    variable: str
    evse_id: int | None = None
    connector_id: int | None = None
    component_instance: str | None = None
    variable_instance: str | None = None
    attribute: str = "Actual"
    """AttributeEnumType."""


class GetVariables(Struct, frozen=True, kw_only=True):
    """Read variables (OCPP 2.x B06)."""

    names: tuple[VariableName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariables:
    """Write variables (OCPP 2.x B05)."""

    values: tuple[tuple[VariableName, str], ...] = field(repr=False)
    """Some are passwords."""


class GetTransactionStatus(Struct, frozen=True, kw_only=True):
    """Ask whether a transaction runs and messages wait (OCPP 2.x E14)."""

    transaction_id: str | None = None


class RawCall(Struct, frozen=True, kw_only=True):
    """Any CALL, for those who know what they do (`commands.allow_call`)."""

    action: str
    payload: Mapping[str, Any]


StationRequest = (
    SetChargingProfile
    | UpdateDynamicSchedule
    | ClearChargingProfile
    | RequestStartTransaction
    | RequestStopTransaction
    | TriggerMessage
    | GetChargingProfiles
    | GetCompositeSchedule
    | ChangeAvailability
    | UnlockConnector
    | Reset
    | GetVariables
    | SetVariables
    | GetTransactionStatus
    | RawCall
)


class StationCall(Struct, frozen=True, kw_only=True):
    """A request with the number by which its answer is recognised."""

    call_id: int
    request: StationRequest
    expires_at: datetime | None = None
    """After this moment it must not be sent any more."""
    not_before: datetime | None = None
    """Before this moment it must not be sent."""


class VariableResult(Struct, frozen=True, kw_only=True):
    """What became of one variable of a Get- or SetVariables; `value` only where it was read."""

    name: VariableName
    status: str
    value: str | None = None
    reason_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """The station answered with a CALLRESULT.

    `accepted` is the answer's own status Accepted (Unlocked of an UnlockConnector), and True
    for actions whose answer has no status.
    """

    accepted: bool
    status: str
    """The answer's own word; "" where the action has none."""
    reason_code: str | None = None
    additional_info: str | None = None
    transaction_id: str | None = None
    variables: tuple[VariableResult, ...] = ()
    """Of Get- and SetVariables."""
    schedule: Schedule | None = None
    """Of GetCompositeSchedule; `start_at` is the scheduleStart."""
    ongoing: bool | None = None
    """Of GetTransactionStatus."""
    messages_in_queue: bool | None = None
    """Of GetTransactionStatus."""
    payload: Mapping[str, Any] | None = None
    """Of a RawCall: the whole answer."""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What was mended in the answer (`annotations`); no part of what it says."""


class CallFailure(StrEnum):
    """Why there is no CALLRESULT."""

    ERROR = "error"
    """The station answered with a CALLERROR."""
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    """The connection was lost before the answer came; it may have been carried out."""
    SUPERSEDED = "superseded"
    """A newer connection of the station took its place before the answer came; likewise."""
    QUEUE_FULL = "queue_full"
    """Never sent: too many requests wait for this station."""
    EXPIRED = "expired"
    """Never sent: its time was over before it was its turn."""
    UNSUPPORTED = "unsupported"
    """Never sent: the station has no such request; `description` says why."""
    INVALID = "invalid"
    """Never sent: what somebody gave for it breaks the schema, as `description` says."""


LOST: Final = frozenset({CallFailure.DISCONNECTED, CallFailure.SUPERSEDED})
"""Failures that say nothing of the station, only of the way to it."""
MAY_HAVE_HAPPENED: Final = LOST | {CallFailure.TIMEOUT}
"""Failures after which it is not known whether a request was carried out."""


class CallFailed(Struct, frozen=True, kw_only=True):
    """No answer that could be used; `code` is the CALLERROR's code where there is one."""

    failure: CallFailure
    code: str = ""
    description: str = ""


CallOutcome = CallResult | CallFailed


class CallAnswered(Struct, frozen=True, kw_only=True):
    """Exactly one of these follows each StationCall, at the latest after the call's deadline."""

    call_id: int
    outcome: CallOutcome
