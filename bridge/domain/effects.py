"""What follows from a message, a command or the passing of time.

The engine persists an `Outcome` as a whole, then answers the station, then publishes and calls.
"""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.calls import StationCall
from bridge.domain.commands import CommandResult
from bridge.domain.enums import (
    AllocationSource,
    AuthorizationStatus,
    ConnectorStatus,
    Registration,
)
from bridge.domain.events import TransactionEvent
from bridge.domain.ids import StationId
from bridge.domain.model import Meter, Station, Transaction


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


RecordedEvent = TransactionRecorded | StatusRecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class BootReply:
    """Answer to a BootNotification; the interval is in seconds."""

    status: Registration
    interval_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeReply:
    """Answer to an Authorize."""

    status: AuthorizationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReply:
    """Answer to a TransactionEvent; status None where it carried no idToken (E01.FR.11)."""

    status: AuthorizationStatus | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The action's plain answer, as the protocol adapter fills it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAccepted:
    """The station is not (yet) accepted: CALLERROR SecurityError (TC_B_30_CSMS)."""


Reply = BootReply | AuthorizeReply | TransactionReply | Acknowledged | NotAccepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that follows from one input. `station` is the record from now on."""

    station: Station
    reply: Reply = Acknowledged()
    events: tuple[RecordedEvent, ...] = ()
    results: tuple[CommandResult, ...] = ()
    calls: tuple[StationCall, ...] = ()
