"""Commands of controllers and what becomes of them (mqtt-api.md, Commands).

A command is parsed at the edge (MQTT now, HTTP later) into one of the argument types below,
journaled, and then handled by the station like everything else. Its answers are
`CommandResult`s: any number of `accepted`, then exactly one final one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct, field

from bridge.domain.calls import ProfileCriteria, ResetType, VariableName
from bridge.domain.credentials import NewPassword
from bridge.domain.enums import AllocationSource
from bridge.domain.events import IdToken
from bridge.domain.queries import TransactionQuery
from bridge.domain.settings import RateUnit
from bridge.domain.tokens import Verdict

DEFAULT_PRIORITY: Final = 100
"""Priority of a slot whose controller named none; 0 to 1000, the higher wins."""


class OnExpire(StrEnum):
    """What takes the place of a lease that ran out."""

    RELEASE = "release"
    FAILSAFE = "failsafe"


class SetLimit(Struct, frozen=True, kw_only=True):
    """`limit`: claim a current (A per phase) or a power (W in all).

    Exactly one of both by the command; both, of which the lower holds, only by the API of a
    charge controller (secc.md: `PUT /api/v1/limits`).
    """

    limit_a: float | None = None
    limit_w: float | None = None
    ttl_seconds: int | None = None
    priority: int = DEFAULT_PRIORITY
    on_expire: OnExpire = OnExpire.RELEASE
    until_disconnect: bool = False
    phases: int | None = None
    """Also hold the charging to 1 phase or let it have 3, for as long as this claim lasts."""


class Release(Struct, frozen=True, kw_only=True):
    """`release`: give up this controller's slot."""

    keep_phases: bool = False
    """Its claim on the number of phases stays (of a charge controller they are two things)."""


class Pause(Struct, frozen=True, kw_only=True):
    """`pause`: claim 0 A; the transaction stays open."""

    ttl_seconds: int | None = None


class Resume(Struct, frozen=True, kw_only=True):
    """`resume`: take back this controller's pause."""


class Start(Struct, frozen=True, kw_only=True):
    """`start`: RequestStartTransaction (OCPP 2.x F01, F02)."""

    id_token: IdToken
    invoice_id: str | None = None
    connector_id: int | None = None
    max_a: float | None = None
    """A per phase, for this transaction: source `Transaction`."""
    energy_wh: float | None = None
    """Wh after which the transaction is ended."""
    until: datetime | None = None
    """When the transaction is ended (seed 001: expires)."""


class Stop(Struct, frozen=True, kw_only=True):
    """`stop`: RequestStopTransaction (OCPP 2.x F03) for the named or the current transaction."""

    transaction_id: str | None = None
    transaction_uuid: str | None = None


class Get(Struct, frozen=True, kw_only=True):
    """`get`: the present documents as a result, for those who cannot read retained messages."""

    what: str = "all"


class SetPhases(Struct, frozen=True, kw_only=True):
    """`phases`: hold the charging to 1 phase, let it have 3, or (None) claim nothing."""

    phases: int | None
    ttl_seconds: int | None = None
    """The claim is a lease (only of a charge controller's API); None = it holds until replaced."""


class Extend(Struct, frozen=True, kw_only=True):
    """`extend`: move the moment at which the running transaction is ended; None = never."""

    until: datetime | None


class SetAvailability(Struct, frozen=True, kw_only=True):
    """`availability`: ChangeAvailability (OCPP 2.x G03, G04)."""

    operative: bool


class Unlock(Struct, frozen=True, kw_only=True):
    """`unlock`: UnlockConnector (OCPP 2.x F05); no connector = the EVSE's only or first one."""

    connector_id: int | None = None


class ResetStation(Struct, frozen=True, kw_only=True):
    """`reset`: Reset (OCPP 2.x B11, B12) of the station (EVSE 0) or of one EVSE."""

    type: ResetType


class Trigger(Struct, frozen=True, kw_only=True):
    """`trigger`: TriggerMessage (OCPP 2.x F06)."""

    message: str
    connector_id: int | None = None


class ReadVariables(Struct, frozen=True, kw_only=True):
    """`getVariables`: GetVariables (OCPP 2.x B06)."""

    names: tuple[VariableName, ...]


class WriteVariables(Struct, frozen=True, kw_only=True):
    """`setVariables`: SetVariables (OCPP 2.x B05)."""

    values: tuple[tuple[VariableName, str], ...]


class AskTransactionStatus(Struct, frozen=True, kw_only=True):
    """`transactionStatus`: GetTransactionStatus (OCPP 2.x E14, seed 003)."""

    transaction_id: str | None = None


class ReadProfiles(Struct, frozen=True, kw_only=True):
    """`getProfiles`: GetChargingProfiles, and what is reported then (OCPP 2.x K09)."""

    criteria: ProfileCriteria
    station_only: bool = False
    """On EVSE 0: those of the whole station alone, and not those of its EVSEs."""


class ReadComposite(Struct, frozen=True, kw_only=True):
    """`getComposite`: GetCompositeSchedule (OCPP 2.x K08)."""

    duration_seconds: int
    unit: RateUnit | None = None
    """None: whichever the station prefers."""


class ListTransactions(Struct, frozen=True, kw_only=True):
    """`transactions`: a page of the record of transactions (seed 002)."""

    query: TransactionQuery
    """Of whichever station and EVSE the command is for."""


class CallStation(Struct, frozen=True, kw_only=True):
    """`call`: a raw OCPP CALL; off unless `commands.allow_call`."""

    action: str
    payload: Mapping[str, Any]


class ApproveStation(Struct, frozen=True, kw_only=True):
    """`approve`: let in a station that waits for it."""


class ChangePassword(Struct, frozen=True, kw_only=True):
    """`password`: give the station a new password (OCPP 2.x A01)."""

    new: NewPassword | None = None
    """Made where the command is taken in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerInquiry:
    """`authorize`: answer an event/authorize, named by its request or by its token."""

    verdict: Verdict
    request: str | None = None
    token_value: str | None = dataclass_field(default=None, repr=False)
    token_hash: str | None = None
    token_type: str | None = None


Arguments = (
    SetLimit
    | Release
    | Pause
    | Resume
    | Start
    | Stop
    | Get
    | SetPhases
    | Extend
    | SetAvailability
    | Unlock
    | ResetStation
    | Trigger
    | ReadVariables
    | WriteVariables
    | AskTransactionStatus
    | ReadProfiles
    | ReadComposite
    | CallStation
    | ListTransactions
    | AnswerInquiry
    | ApproveStation
    | ChangePassword
)


class ReplyTo(Struct, frozen=True, kw_only=True):
    """Where the results of a command go."""

    name: str
    """Last segment of the result topic: the command's name, or `set_<attribute>`."""
    topic: str | None = None
    """MQTT 5 Response Topic, where the allow-list permits it."""
    correlation: str | None = None
    """MQTT 5 Correlation Data, in hexadecimal, returned untouched."""


class CommandRef(Struct, frozen=True, kw_only=True):
    """What must be known of a command to answer it, also after a restart."""

    id: str
    name: str
    controller: str
    source: AllocationSource
    evse_id: int
    reply_to: ReplyTo
    team: str | None = None
    """The load-management group that it is for, instead of a station."""


class Command(Struct, frozen=True, kw_only=True):
    """A command that is well-formed, fresh, permitted and seen for the first time."""

    ref: CommandRef
    arguments: Arguments
    received_at: datetime
    expires_at: datetime | None = None
    """After this moment it must not be carried out."""
    defer: bool = False
    """Accept it for a station that is offline; applied when the station is back."""


class ResultStatus(StrEnum):
    """Stages of a command; all but `accepted` are final."""

    ACCEPTED = "accepted"
    DONE = "done"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


class ResultCode(StrEnum):
    """Machine-readable outcome, shared by MQTT and HTTP (mqtt-api.md, Results)."""

    OK = "ok"
    ALREADY_STARTED = "already_started"
    ALREADY_STOPPED = "already_stopped"
    CLIPPED = "clipped"
    BELOW_MINIMUM_PAUSED = "below_minimum_paused"
    STANDBY = "standby"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"
    INVALID_JSON = "invalid_json"
    INVALID_ARGUMENT = "invalid_argument"
    UNSUPPORTED = "unsupported"
    UNKNOWN_STATION = "unknown_station"
    UNKNOWN_EVSE = "unknown_evse"
    UNKNOWN_TEAM = "unknown_team"
    STATION_OFFLINE = "station_offline"
    NOT_AUTHORISED = "not_authorised"
    RETAINED_COMMAND = "retained_command"
    STALE_COMMAND = "stale_command"
    EXPIRED = "expired"
    CLOCK_SKEW = "clock_skew"
    MISSING_ID = "missing_id"
    ID_CONFLICT = "id_conflict"
    RATE_LIMITED = "rate_limited"
    QUEUE_FULL = "queue_full"
    STATION_REJECTED = "station_rejected"
    STATION_ERROR = "station_error"
    TIMEOUT = "timeout"
    PHASE_SWITCH_BLOCKED = "phase_switch_blocked"
    TRANSACTION_NOT_FOUND = "transaction_not_found"
    TRANSACTION_ENDED = "transaction_ended"
    INTERNAL = "internal"


RETRYABLE: Final = frozenset(
    {
        ResultCode.STATION_OFFLINE,
        ResultCode.RATE_LIMITED,
        ResultCode.QUEUE_FULL,
        ResultCode.TIMEOUT,
        ResultCode.STATION_ERROR,
    }
)
"""Codes after which the same command may succeed later without being changed."""


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a command was not done: code, a sentence for people, and machine-readable details."""

    code: ResultCode
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def retryable(self) -> bool:
        """Whether the same command may succeed later."""
        return self.code in RETRYABLE


class CommandResult(Struct, frozen=True, kw_only=True):
    """One answer to a command."""

    ref: CommandRef
    status: ResultStatus
    code: ResultCode
    at: datetime
    data: Mapping[str, Any] | None = None
    """Facts in the payload's own camelCase keys, e.g. requestedA, appliedA."""
    refusal: Refusal | None = None
    snapshot: str | None = None
    """For `get`: which documents to put into `data` (`all`, or one document's name)."""
    page: TransactionQuery | None = None
    """For `transactions`: what to read for `data` before it is told."""

    @property
    def final(self) -> bool:
        """Whether this is the last answer to the command."""
        return self.status is not ResultStatus.ACCEPTED
