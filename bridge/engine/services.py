"""What every actor works with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.credentials import NewPassword
from bridge.domain.effects import RecordedEvent
from bridge.domain.ids import StationId
from bridge.domain.model import Station, Transaction
from bridge.domain.team import TeamSettings
from bridge.domain.team_leader import TeamState
from bridge.engine.settings import EffectiveSettings
from bridge.ports import (
    Clock,
    Journal,
    Metrics,
    OnResults,
    Presenter,
    Publisher,
    StationGateway,
    Transactions,
)


def _nobody(*_facts: object) -> None:
    """Where nobody wants to know."""


def _no_password(_station_id: StationId) -> NewPassword:
    raise NotImplementedError


def _no_vehicle(_transaction: Transaction) -> str | None:
    return None


@dataclass(slots=True, kw_only=True)
class Services:
    """The ports, as plugged together by `bridge.app`."""

    clock: Clock
    journal: Journal
    presenter: Presenter
    publisher: Publisher
    metrics: Metrics
    settings: EffectiveSettings
    gateway: StationGateway = field(init=False)
    """Set when the engine starts: the server for stations needs the engine to be made first."""
    teams: Sequence[TeamSettings] = ()
    """Load-management groups that this bridge leads."""
    on_team: Callable[[TeamState], None] = _nobody
    """Told of a group after each look at it."""
    on_team_gone: Callable[[str], None] = _nobody
    """Told of a group that an earlier run has led and this one does not."""
    transactions: Transactions
    vehicle_of: Callable[[Transaction], str | None] = _no_vehicle
    """Which vehicle a transaction is taken for."""
    new_password: Callable[[StationId], NewPassword] = _no_password
    """Makes a password that a station is to be given."""
    on_results: OnResults = _nobody
    """Told of the results of commands, once they are durable, with the station's record if any."""
    on_events: Callable[[Sequence[RecordedEvent]], None] = _nobody
    """Told of events, once they are durable."""
    on_station: Callable[[Station, Station], None] = _nobody
    """Told of each change of a station, once it is in force: what it was, and what it is."""
    watch: Callable[[Station, Station], None] = field(default=_nobody, init=False)
    """Told of each change of a station: what it was, and what it is."""
    _last_inserted: datetime | None = field(default=None, init=False)

    async def resume_time(self) -> None:
        """Take up the time of insertion where the last run ended."""
        self._last_inserted = await self.journal.last_inserted()

    def inserted_at(self, now: datetime) -> datetime:
        """Return the moment of insertion of an event of `now`: never before an earlier one's.

        Readers page through what was inserted since (seed 002), so the machine's clock being
        set back must not put new events among old ones.
        """
        if self._last_inserted is not None and now < self._last_inserted:
            now = self._last_inserted
        self._last_inserted = now
        return now
