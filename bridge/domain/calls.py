"""What the bridge asks of a charging station, and what the station made of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.domain.events import IdToken


class ProfilePurpose(StrEnum):
    """ChargingProfilePurposeEnumType, as far as the bridge installs profiles (OCPP 2.x K)."""

    TX = "TxProfile"
    TX_DEFAULT = "TxDefaultProfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChargingProfile:
    """Install one limit from `start_at` on (OCPP 2.x K01). `limit_a` is A per phase."""

    evse_id: int
    profile_id: int
    purpose: ProfilePurpose
    stack_level: int
    limit_a: float
    start_at: datetime
    transaction_id: str | None = None
    number_phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearChargingProfile:
    """Remove one profile by its id (OCPP 2.x K10)."""

    profile_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStartTransaction:
    """Begin a transaction remotely (OCPP 2.x F01, F02)."""

    evse_id: int | None
    remote_start_id: int
    id_token: IdToken


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStopTransaction:
    """End a transaction remotely (OCPP 2.x F03)."""

    transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMessage:
    """Ask the station for a message (OCPP 2.x F06)."""

    message: str
    evse_id: int | None = None
    connector_id: int | None = None


StationRequest = (
    SetChargingProfile
    | ClearChargingProfile
    | RequestStartTransaction
    | RequestStopTransaction
    | TriggerMessage
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCall:
    """A request with the number by which its answer is recognised."""

    call_id: int
    request: StationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """The station answered with a CALLRESULT. `accepted` is the answer's own status Accepted."""

    accepted: bool
    status: str
    reason_code: str | None = None
    additional_info: str | None = None
    transaction_id: str | None = None


class CallFailure(StrEnum):
    """Why there is no CALLRESULT."""

    ERROR = "error"
    """The station answered with a CALLERROR."""
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    """The connection was lost or replaced before the answer came; it may have been carried out."""
    QUEUE_FULL = "queue_full"
    """Never sent: too many requests wait for this station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """No answer that could be used; `code` is the CALLERROR's code where there is one."""

    failure: CallFailure
    code: str = ""
    description: str = ""


CallOutcome = CallResult | CallFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered:
    """Exactly one of these follows each StationCall, at the latest after the call's deadline."""

    call_id: int
    outcome: CallOutcome
