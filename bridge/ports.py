"""The sockets of the engine: what it needs of the outside, and what the outside may ask of it.

Adapters implement these and never import each other; `bridge.app` plugs them together.
Shipped in-memory versions are in `bridge.engine.testing` and pass the same contract tests.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from bridge.domain.calls import CallOutcome, StationRequest
from bridge.domain.commands import Command, CommandRef, CommandResult, Refusal
from bridge.domain.credentials import LoggedIn
from bridge.domain.effects import RecordedEvent, Reply
from bridge.domain.events import StationMessage
from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Station
from bridge.domain.queries import TransactionQuery
from bridge.domain.security import Incident
from bridge.domain.team_total import TeamRecord


class Clock(Protocol):
    """Time. `now` is for data and expiry, `monotonic` (seconds) for time-outs and intervals."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""


class IdSource(Protocol):
    """Fresh identifiers and randomness."""

    def new_id(self) -> str:
        """Return a unique id of at most 36 characters that sorts by time of creation."""

    def jitter(self) -> float:
        """Return a random number in 0 <= x < 1."""


# --- Towards stations ---------------------------------------------------------------------


class StationGateway(Protocol):
    """Calls to stations. Implemented by bridge.ocpp."""

    def call(
        self,
        station_id: StationId,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None = None,
    ) -> None:
        """Queue a request; `on_answer` is called exactly once, later, never from within.

        One CALL is outstanding per station at a time; the queue is bounded. What is still
        queued at `expires_at` is not sent any more.
        """

    def disconnect(self, station_id: StationId, reason: str) -> None:
        """Close the station's connection, if there is one."""


class Inbox(Protocol):
    """What station adapters and command adapters hand in. Implemented by bridge.engine."""

    def admit(self, station_id: StationId) -> bool:
        """Say whether this station may connect at all (`stations.unknown = "refuse"`: 404)."""

    def connected(
        self, station_id: StationId, version: str, connection_id: str, remote: str
    ) -> None:
        """Report an authenticated connection; an earlier one of this station is superseded."""

    def disconnected(self, station_id: StationId, connection_id: str) -> None:
        """Report that a connection is gone."""

    def logged_in(self, station_id: StationId, login: LoggedIn) -> None:
        """Report, before `connected`, a login that changes what is asked of the station."""

    def security(self, station_id: StationId, incident: Incident) -> None:
        """Report what concerns the identity of a station; nothing is told of an unknown one."""

    def receive(
        self,
        station_id: StationId,
        message: StationMessage,
        respond: Callable[[Reply | None], None],
    ) -> bool:
        """Take a station's message in; `respond` is called after it is durable, with the answer.

        `respond(Later)` comes before an answer that may take long, and is no answer itself.
        `respond(None)` means that it could not be stored: do not answer, the station retries.
        Returns False when the station's mailbox is at its high mark: stop reading until
        `respond` has been called for everything handed in (the message itself was taken).
        """

    def command(
        self,
        station_id: StationId,
        command: Command,
        body_hash: str,
        on_durable: Callable[[bool], None],
    ) -> None:
        """Take a command in; `on_durable(True)` once it is journaled, False where it could not be.

        A repeated id of a controller is answered from the journal (`duplicate`, `id_conflict`);
        an unknown station or EVSE with a result that says so.
        """

    def refuse(
        self,
        station_id: StationId,
        ref: CommandRef,
        refusal: Refusal,
        on_durable: Callable[[bool], None],
        body_hash: str = "",
    ) -> None:
        """Publish the result of a command that was refused at the edge.

        With the hash of its body: unless it repeats a command that was not refused, whose
        result is then given again.
        """


# --- Towards the broker -------------------------------------------------------------------


class OutboxMessage(Struct, frozen=True, kw_only=True):
    """A message that must reach the broker at least once: QoS 1, not retained, in order per key."""

    topic: str
    payload: bytes
    ordering_key: str
    expiry_seconds: int | None = None
    """MQTT 5 message expiry."""
    correlation: bytes | None = None
    """MQTT 5 Correlation Data, for results."""


class StoredMessage(Struct, frozen=True, kw_only=True):
    """An outbox message with its place in the store; `row_id` rises in the order of creation."""

    row_id: int
    message: OutboxMessage


class Presenter(Protocol):
    """Turns what happened into messages. Pure; implemented by bridge.mqtt.mapping."""

    def event(self, event: RecordedEvent, inserted_at: datetime) -> OutboxMessage:
        """Return the message for an event."""

    def page(self, records: Sequence[TransactionRecord]) -> Mapping[str, Any]:
        """Return the data of the result that tells a page of transactions."""

    def results(
        self, result: CommandResult, station: Station | None, station_id: StationId
    ) -> Sequence[OutboxMessage]:
        """Return the messages for a command's result (result topic, and Response Topic if any)."""


class Publisher(Protocol):
    """The way to the broker. Never blocks, never raises for a broker's sake."""

    def publish(self, messages: Sequence[StoredMessage]) -> None:
        """Send durable messages; tells the journal when the broker has acknowledged each."""

    def station_changed(self, before: Station | None, after: Station) -> None:
        """Bring the station's retained documents up to date, coalescing."""

    def readings_moved(self, after: Station, evse_id: int) -> None:
        """Do the same where only the readings of an EVSE have moved (`Outcome.readings_of`)."""

    def station_removed(self, station: Station) -> None:
        """Clear the station's retained documents."""


# --- Towards the disk ---------------------------------------------------------------------


class StoreError(Exception):
    """The store could not write (disk full, read-only, I/O error). Nothing of it was kept."""


class EventRecord(Struct, frozen=True, kw_only=True):
    """A TransactionEvent or status event as it is kept for ever."""

    event_id: str
    station_id: StationId
    evse_id: int
    event_type: str
    timestamp: datetime
    inserted_at: datetime
    payload: bytes
    """The published document."""
    transaction_id: str | None = None
    transaction_uuid: str | None = None
    seq_no: int | None = None


class CommandRecord(Struct, frozen=True, kw_only=True):
    """A command as first seen, for idempotency (remembered 24 h)."""

    controller: str
    command_id: str
    station_id: StationId
    body_hash: str
    received_at: datetime


class FinalResult(Struct, frozen=True, kw_only=True):
    """The final answer of a command, to be given again to whoever repeats it."""

    controller: str
    command_id: str
    result: CommandResult


class StoredCommand(Struct, frozen=True, kw_only=True):
    """What is known of an id that a controller has used before."""

    station_id: StationId
    """Or `team/NAME`."""
    body_hash: str
    result: CommandResult | None
    """None while the command is still being carried out."""


class AuditKind(StrEnum):
    """What a record of the audit is about."""

    ALLOCATION = "allocation"
    """Another source is in control of an EVSE, or another current is offered."""
    COMMAND = "command"
    """A command has ended, carried out or not."""


class AuditRecord(Struct, frozen=True, kw_only=True):
    """Who did what to an EVSE, and what came of it; kept for ever, as events are."""

    at: datetime
    station_id: StationId
    """Or `team/NAME`, of a command on the total of a team."""
    evse_id: int
    """0 = the whole station."""
    kind: AuditKind
    controller: str | None
    """Who; None where no controller had a hand in it."""
    source: str
    """allocationSourceName: of the command, or who is in control after the change."""
    what: str
    """Name of the command, or the reason of the change (`model.Reason`)."""
    command_id: str | None = None
    before: Mapping[str, Any] | None = None
    """Facts in the documents' own keys; None where there are none."""
    after: Mapping[str, Any] | None = None
    result: str
    """Status and code of the command, e.g. "done/ok"; of a change the state of source MQTT."""


class Readings(Struct, frozen=True, kw_only=True):
    """That only the readings of an EVSE have moved (`Outcome.readings_of`), and since which record."""

    since: Station
    evse_id: int


class Commit(Struct, frozen=True, kw_only=True):
    """Everything that one input leads to: written together or not at all."""

    station: Station | None = None
    readings: Readings | None = None
    """What has changed of the station; None: it is to be found out."""
    events: Sequence[EventRecord] = ()
    messages: Sequence[OutboxMessage] = ()
    """For the outbox, in order. A payload that `is` an event's is stored only once, with it."""
    command: CommandRecord | None = None
    results: Sequence[FinalResult] = ()
    audit: Sequence[AuditRecord] = ()
    team: TeamRecord | None = None
    transactions: Sequence[TransactionRecord] = ()
    """Each takes the place of what was known under its uuid."""


OnStored = Callable[[Sequence[StoredMessage] | StoreError], None]
"""Told of the outbox messages of a commit with their row ids, or why it was not written."""


class Journal(Protocol):
    """Durable memory. Group commit: callers are told together, after one fsync."""

    async def commit(self, commit: Commit) -> Sequence[StoredMessage]:
        """Write all of it durably; return the outbox messages with their row ids.

        Raises StoreError where it could not be written.
        """

    def submit(self, commit: Commit, done: OnStored) -> None:
        """As `commit`, for who does not wait; `done` is told later, in the event loop.

        Raises StoreError where it is known at once that nothing can be written.
        """

    async def has_event(self, event_id: str, timestamp: datetime) -> bool:
        """Say whether this event, of that time at the station, is stored already."""

    async def transaction(self, uuid: str) -> TransactionRecord | None:
        """Return what was written down of a transaction."""

    async def last_inserted(self) -> datetime | None:
        """Return when the newest event was inserted, None where there is none."""

    async def find_command(self, controller: str, command_id: str) -> StoredCommand | None:
        """Return what is known of a command id of this controller, None where it is new."""

    def published(self, row_ids: Sequence[int]) -> None:
        """Take acknowledged messages out of the outbox (soon, not at once).

        Of events, those first that no earlier event holds up: `unpublished` may repeat others.
        """

    def dead_letter(self, message: StoredMessage, reason: str) -> None:
        """Move a message that the broker refuses to the dead letters."""

    async def unpublished(self, after_row_id: int, limit: int) -> Sequence[StoredMessage]:
        """Return the next outbox messages after a row, for a publisher that spilled."""

    async def restore(self) -> Mapping[StationId, Station]:
        """Read the stations of the last run."""

    async def teams(self) -> Mapping[str, TeamRecord]:
        """Read what was remembered of load-management groups, by name."""

    async def forget(self, station_id: StationId) -> None:
        """Remove a station's record and approval (its events stay)."""

    async def approved(self, station_id: StationId) -> bool:
        """Say whether the owner let this pending station in by hand, also while we run."""


class Transactions(Protocol):
    """The record of transactions, to read. Open ones are as they were written down last."""

    async def find(self, uuid: str) -> TransactionRecord | None:
        """Return a transaction by its uuid, or by the one its `start` was answered with."""

    async def named(
        self, transaction_id: str, station_id: str | None = None
    ) -> Sequence[TransactionRecord]:
        """Return those with the id that their station (or the bridge, OCPP 1.6) gave them.

        Newest first; such an id is unique only within its station, and not on every one.
        """

    async def page(self, query: TransactionQuery) -> Sequence[TransactionRecord]:
        """Return those that a query asks for, from its offset on, at most its limit."""


class Metrics(Protocol):
    """Counters and gauges by dotted name."""

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge."""


# --- Who may use the HTTP service ---------------------------------------------------------


class Scope(StrEnum):
    """What a token is for. Each of the others includes reading."""

    READ = "read"
    """Documents, transactions, metrics."""
    CONTROL = "control"
    """Commands about charging: limits, transactions."""
    STATIONS = "stations"
    """Commands to stations as devices: restarts, variables, availability, raw calls."""


class TokenRecord(Struct, frozen=True, kw_only=True):
    """A token of the HTTP service as it is kept: without itself."""

    name: str
    """Unique; also the name of the controller whose commands come with it."""
    digest: bytes
    """SHA-256 of the token."""
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None


class TokenStore(Protocol):
    """Where tokens are kept. Implemented by bridge.store."""

    async def tokens(self) -> Sequence[TokenRecord]:
        """Return all of them, expired ones too, revoked ones not. Raises StoreError."""


# --- Towards those who look ---------------------------------------------------------------


class StationBook(Protocol):
    """The stations as they are now. Implemented by bridge.engine."""

    @property
    def stations(self) -> Sequence[Station]:
        """The records of all stations, in no particular order."""

    def station(self, station_id: StationId) -> Station | None:
        """Return the record of a station, None where there is none."""


class OnResults(Protocol):
    """Who is told of the results of commands. Each is durable by then."""

    def __call__(
        self, results: Sequence[CommandResult], station: Station | None, station_id: StationId, /
    ) -> None:
        """Take note; `station` is None where the command concerned no record."""
