"""What one transaction writes: the rows of many callers, table by table."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec import Struct

from bridge.ports import StoreError
from bridge.store.stations import Row, StationRows

_log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")


class Job(Struct, kw_only=True, eq=False):
    """One caller's rows, encoded already, and who is told what became of them."""

    done: Callable[[int | StoreError], None]
    """Gets the number of the job's first row."""
    station: StationRows | None = None
    events: Sequence[Row] = ()
    """Beginning with their number within the job, from 0; `messages` and `events` share it."""
    messages: Sequence[Row] = ()
    """As the events, and without the time of creation."""
    command: Row | None = None
    results: Sequence[Row] = ()
    audit: Sequence[Row] = ()
    team: Row | None = None
    """Name and document."""
    transactions: Sequence[Row] = ()
    first_row: int = 0
    error: StoreError | None = None

    def resolve(self) -> None:
        """Tell the caller how it went; for the event loop's thread."""
        try:
            self.done(self.first_row if self.error is None else self.error)
        except Exception:  # noqa: BLE001  # task boundary: the others of the batch wait to be told
            _log.exception("a bug: who was told what became of a commit failed")


def settle(future: asyncio.Future[ResultT], outcome: ResultT | StoreError) -> None:
    """Tell who waits for a future what became of a job."""
    if future.done():
        return  # cancelled meanwhile; what was written stays written
    if isinstance(outcome, StoreError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


@dataclass(slots=True, kw_only=True)
class StationTables:
    """Rows of stations; a document takes the place of all progress before it."""

    documents: list[Row] = field(default_factory=list)
    progress: list[Row] = field(default_factory=list)
    forgotten: list[Row] = field(default_factory=list)
    """Ids."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """The rows of several jobs. One counter numbers events and messages: their order is total."""

    next_row: int
    created_at: str
    events: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    stations: dict[str, StationRows] = field(default_factory=dict)
    """The newest of each station: older ones need not be written.

    Progress never follows anything else of its station in a batch, since it is only made against
    what is on disk; so what takes its place is a whole document.
    """
    commands: list[Row] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    audit: list[Row] = field(default_factory=list)
    teams: list[Row] = field(default_factory=list)
    transactions: list[Row] = field(default_factory=list)

    def add(self, job: Job) -> None:
        """Append a job's rows and give them their row ids."""
        if job.station is not None:
            self.stations[job.station.station_id] = job.station
        if job.command is not None:
            self.commands.append(job.command)
        self.results += job.results
        self.audit += job.audit
        self.transactions += job.transactions
        if job.team is not None:
            self.teams.append(job.team)
        first = job.first_row = self.next_row
        for number, *event in job.events:
            self.events.append((first + number, *event))
        for number, *message in job.messages:
            self.messages.append((first + number, *message, self.created_at))
        self.next_row += len(job.events) + len(job.messages)

    def station_rows(self) -> StationTables:
        """Return what is to be done table by table; no station is in more than one of them."""
        tables = StationTables()
        for station_id, rows in self.stations.items():
            if rows.progress:
                tables.progress += rows.progress
            elif rows.document is not None:
                tables.documents.append((*rows.document, self.created_at))
            else:
                tables.forgotten.append((station_id,))
        return tables
