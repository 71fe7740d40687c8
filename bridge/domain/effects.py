"""What follows from a message, a command or the passing of time.

The engine persists an `Outcome` as a whole, then answers the station, then publishes and calls.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from bridge.domain.calls import StationCall
from bridge.domain.commands import CommandRef, CommandResult
from bridge.domain.control import Allocation, Cause
from bridge.domain.enums import (
    ChargePointStatus,
    ConnectorStatus,
    Registration,
    SecurityCode,
)
from bridge.domain.events import TransactionEvent, TransactionLimit
from bridge.domain.ids import StationId
from bridge.domain.inquiries import Inquiry
from bridge.domain.ledger import KeptTransaction
from bridge.domain.model import Meter, Station, Transaction
from bridge.domain.tokens import Verdict


class TransactionRecorded(Struct, frozen=True, kw_only=True):
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
    allocation_source: str
    """Who was in control (`in_control`)."""
    gap: bool = False
    """Sequence numbers before this event are missing."""
    late: bool = False
    """History: it was not allowed to move the live state."""
    warnings: tuple[str, ...] = ()
    apart: bool = False
    """No EVSE holds its transaction any more: `transaction` is only what is still known of it."""


class StatusRecorded(Struct, frozen=True, kw_only=True):
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


class AllocationRecorded(Struct, frozen=True, kw_only=True):
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


class FaultRecorded(Struct, frozen=True, kw_only=True):
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


class InquiryRecorded(Struct, frozen=True, kw_only=True):
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


class SecurityRecorded(Struct, frozen=True, kw_only=True):
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


class BootReply(Struct, frozen=True, kw_only=True):
    """Answer to a BootNotification; the interval is in seconds."""

    status: Registration
    interval_seconds: int


class AuthorizeReply(Struct, frozen=True, kw_only=True):
    """Answer to an Authorize."""

    verdict: Verdict


class TransactionReply(Struct, frozen=True, kw_only=True):
    """Answer to a TransactionEvent; verdict None where it carried no idToken (E01.FR.11)."""

    verdict: Verdict | None
    limit: TransactionLimit | None = None
    """What the transaction is to be limited to from now on (OCPP 2.1 E16); None: as before."""


class StartReply(Struct, frozen=True, kw_only=True):
    """Answer to a StartTransaction of OCPP 1.6: the id that the transaction has from now on."""

    transaction_id: int
    verdict: Verdict


class DynamicLimit(Struct, frozen=True, kw_only=True):
    """Answer to a PullDynamicScheduleUpdate."""

    limit: float | None
    """In the unit of the profile; None: the bridge has no such profile there."""


class Acknowledged(Struct, frozen=True, kw_only=True):
    """The action's plain answer, as the protocol adapter fills it."""


class NotAccepted(Struct, frozen=True, kw_only=True):
    """The station is not (yet) accepted: CALLERROR SecurityError (TC_B_30_CSMS)."""


class Later(Struct, frozen=True, kw_only=True):
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


class LateReply(Struct, frozen=True, kw_only=True):
    """The answer to all messages that were told `Later` under this ticket."""

    ticket: str
    reply: Reply


class Outcome(Struct, frozen=True, kw_only=True):
    """Everything that follows from one input. `station` is the record from now on."""

    station: Station
    reply: Reply = Acknowledged()
    events: tuple[RecordedEvent, ...] = ()
    results: tuple[CommandResult, ...] = ()
    calls: tuple[StationCall, ...] = ()
    late: tuple[LateReply, ...] = ()
    transactions: tuple[KeptTransaction, ...] = ()
    """Those that have begun, ended or become better known (`ledger`)."""
    readings_of: int | None = None
    """The EVSE of which only the readings have moved, as nothing else of the station has: its meter,
    and what of its transaction goes with the energy (`frequent`). None: anything may have."""
