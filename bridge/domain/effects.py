"""What follows from a message, a command or the passing of time.

The engine persists an `Outcome` as a whole, then answers the station, then publishes and calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.domain.calls import StationCall
from bridge.domain.commands import CommandRef, CommandResult
from bridge.domain.control import Allocation, Cause
from bridge.domain.enums import (
    AllocationSource,
    ChargePointStatus,
    ConnectorStatus,
    Registration,
    SecurityCode,
)
from bridge.domain.events import TransactionEvent
from bridge.domain.ids import StationId
from bridge.domain.inquiries import Inquiry
from bridge.domain.ledger import KeptTransaction
from bridge.domain.model import Meter, Station, Transaction
from bridge.domain.tokens import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecorded:
    """A TransactionEvent that is new: to be stored once and published as event/transaction."""

    event_id: str
    station_id: StationId
    evse_id: int
    connector_id: int | None
    event: TransactionEvent
    received_at: datetime
    transaction: Transaction
    """The transaction after this event (for a late one: as far as it is still known)."""
    meter: Meter | None
    allocation_source: AllocationSource
    gap: bool = False
    """Sequence numbers before this event are missing."""
    late: bool = False
    """History: it was not allowed to move the live state."""
    warnings: tuple[str, ...] = ()
    apart: bool = False
    """No EVSE holds its transaction any more: `transaction` is only what is still known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRecorded:
    """A connector changed its status: published as event/status."""

    event_id: str
    station_id: StationId
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    previous: ConnectorStatus | None
    timestamp: datetime
    received_at: datetime
    error_code: str | None = None
    point_status: ChargePointStatus | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRecorded:
    """Control or the offered current of an EVSE changed: event/allocation and an audit row."""

    event_id: str
    station_id: StationId
    evse_id: int
    at: datetime
    before: Allocation | None
    after: Allocation
    cause: Cause

    @property
    def received_at(self) -> datetime:
        """Return when it happened: by the bridge's clock, as it is the bridge that decides."""
        return self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRecorded:
    """Something is wrong with an EVSE, by the station or the bridge's observation: event/fault."""

    event_id: str
    station_id: StationId
    evse_id: int
    received_at: datetime
    code: str
    """E.g. connector_faulted, limit_not_observed."""
    message: str
    """A sentence for people."""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryRecorded:
    """Controllers are asked about a token, or that is over: event/authorize."""

    event_id: str
    station_id: StationId
    evse_id: int
    """0 where the station has asked before there is a transaction."""
    received_at: datetime
    inquiry: Inquiry
    verdict: Verdict | None = None
    """What has come of it; None while it is asked."""
    told: Verdict | None = None
    """What the station has been told meanwhile; None while it waits for the answer."""
    ref: CommandRef | None = None
    """The command that has decided; None where time was over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRecorded:
    """Something concerns the identity or the security of a station: event/security."""

    event_id: str
    station_id: StationId
    at: datetime
    """When it happened: by the station's clock where it is the station that tells."""
    received_at: datetime
    code: SecurityCode
    message: str
    """A sentence for people."""
    alarm: bool
    details: Mapping[str, Any]
    evse_id: int = 0


RecordedEvent = (
    TransactionRecorded
    | StatusRecorded
    | AllocationRecorded
    | FaultRecorded
    | InquiryRecorded
    | SecurityRecorded
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootReply:
    """Answer to a BootNotification; the interval is in seconds."""

    status: Registration
    interval_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeReply:
    """Answer to an Authorize."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReply:
    """Answer to a TransactionEvent; verdict None where it carried no idToken (E01.FR.11)."""

    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReply:
    """Answer to a StartTransaction of OCPP 1.6: the id that the transaction has from now on."""

    transaction_id: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicLimit:
    """Answer to a PullDynamicScheduleUpdate."""

    limit: float | None
    """In the unit of the profile; None: the bridge has no such profile there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The action's plain answer, as the protocol adapter fills it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAccepted:
    """The station is not (yet) accepted: CALLERROR SecurityError (TC_B_30_CSMS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """No answer yet: it comes as a `LateReply` of the same ticket. Others need not wait for it."""

    ticket: str


Reply = (
    BootReply
    | AuthorizeReply
    | TransactionReply
    | StartReply
    | DynamicLimit
    | Acknowledged
    | NotAccepted
    | Later
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateReply:
    """The answer to all messages that were told `Later` under this ticket."""

    ticket: str
    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that follows from one input. `station` is the record from now on."""

    station: Station
    reply: Reply = Acknowledged()
    events: tuple[RecordedEvent, ...] = ()
    results: tuple[CommandResult, ...] = ()
    calls: tuple[StationCall, ...] = ()
    late: tuple[LateReply, ...] = ()
    transactions: tuple[KeptTransaction, ...] = ()
    """Those that have begun, ended or become better known (`ledger`)."""
