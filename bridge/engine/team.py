"""Leading load-management groups: looks at stations when they change, tells EVSEs their shares.

One look per team and second at most, however much the stations say, and no task per message: a
change sets the team's deadline, the one timer of all teams fires, and `look` hands the orders to
the stations' mailboxes. Commands on a team's total are journaled one after the other.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from bridge.domain import station as rules
from bridge.domain import team_leader, team_total
from bridge.domain.commands import Command, CommandResult, Refusal, ResultCode
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.records import replace
from bridge.domain.team import MemberId
from bridge.domain.team_leader import READINGS_SECONDS, Order, TeamState
from bridge.domain.team_total import TeamOutcome, TeamRecord
from bridge.engine import audit
from bridge.engine.records import answer_only, finals
from bridge.engine.repeats import repeated
from bridge.engine.services import Services
from bridge.engine.timers import Timers
from bridge.ports import CommandRecord, Commit, StoredMessage, StoreError

_log = logging.getLogger(__name__)

PACE_SECONDS: Final = 1.0
"""Least time between two looks at a team."""
COMMAND_LIMIT: Final = 200
"""Commands that may wait; further ones are refused with `queue_full`."""

Post = Callable[[StationId, rules.ShareChanged, Callable[[bool], None]], None]
Entry = tuple[Command, str, Callable[[bool], None]]


class Teams:
    """The leaders of all teams of this bridge, between `start` and `close`."""

    def __init__(self, services: Services, post: Post, refuse: Callable[..., None]) -> None:
        """Plug in how shares reach stations and who answers commands that are refused."""
        self._services = services
        self._post = post
        self._refuse = refuse
        self._states = {
            settings.name: team_leader.begin(settings, None) for settings in services.teams
        }
        self._members = {
            member: settings.name for settings in services.teams for member in settings.members
        }
        self._teams_of: dict[StationId, set[str]] = {}
        for member, name in self._members.items():
            self._teams_of.setdefault(member.station_id, set()).add(name)
        self._stations: dict[StationId, Station] = {}
        self._on_their_way: set[MemberId] = set()
        self._looked_at = dict.fromkeys(self._states, float("-inf"))
        self._due: dict[str, float] = {}
        self._timers: Timers[str] = Timers(services.clock, self.look)
        self._entries: asyncio.Queue[Entry] = asyncio.Queue(maxsize=COMMAND_LIMIT)

    def state(self, name: str) -> TeamState:
        """Return a team as it was at the last look."""
        return self._states[name]

    # --- life -------------------------------------------------------------------------------

    async def start(self, stations: Mapping[StationId, Station]) -> None:
        """Take up the claims on totals, and take shares away from who is in no team any more."""
        await self._take_up_claims()
        for order in team_leader.leavers(stations, frozenset(self._members)):
            self._tell(order)
        self._stations = {cs: station for cs, station in stations.items() if cs in self._teams_of}
        for name in self._states:
            self.look(name)

    async def _take_up_claims(self) -> None:
        """Read the claims of the last run; a team that is no more loses its claims."""
        records = await self._services.journal.teams()
        for name, state in self._states.items():
            self._states[name] = team_leader.begin(state.settings, records.get(name))
        for name in self._states.keys() ^ records.keys():
            if name not in records or records[name].slots:
                await self._services.journal.commit(Commit(team=TeamRecord(name=name)))
        for name in records.keys() - self._states.keys():
            self._services.on_team_gone(name)

    def close(self) -> None:
        """Look no more."""
        self._timers.close()

    # --- looking ----------------------------------------------------------------------------

    def station_changed(self, before: Station, after: Station) -> None:
        """Take note of a station; its teams are looked at soon, after mere readings later."""
        mine = self._teams_of.get(after.id)
        if mine is None:
            return
        new = after.id not in self._stations
        self._stations[after.id] = after
        urgent = new or team_leader.matters(before, after)
        for name in mine:
            self._look_within(name, PACE_SECONDS if urgent else READINGS_SECONDS)

    def _look_within(self, name: str, seconds: float) -> None:
        """Look at a team this long after the last time, or now if that is past."""
        now = self._services.clock.monotonic()
        self._look_in(name, max(self._looked_at[name] + seconds - now, 0.0))

    def _look_in(self, name: str, seconds: float) -> None:
        due = self._services.clock.monotonic() + seconds
        if due < self._due.get(name, float("inf")):
            self._due[name] = due
            self._timers.set(name, self._services.clock.now() + timedelta(seconds=seconds))

    def look(self, name: str) -> None:
        """Look at a team now, and tell its members what follows."""
        self._due.pop(name, None)
        self._looked_at[name] = self._services.clock.monotonic()
        now = self._services.clock.now()
        state, orders, next_at = team_leader.lead(
            self._states[name], self._stations, self._services.settings, now
        )
        self._states[name] = state
        for order in orders:
            self._tell(order)
        self._services.on_team(state)
        if next_at is not None:
            self._look_in(name, max((next_at - now).total_seconds(), PACE_SECONDS))

    def _tell(self, order: Order) -> None:
        """Tell an EVSE its share, unless an order to it is still on its way."""
        station_id, changed = order
        member = MemberId(station_id, changed.evse_id)
        if member not in self._on_their_way:
            self._on_their_way.add(member)
            self._post(station_id, changed, partial(self._told, member))

    def _told(self, member: MemberId, durable: bool) -> None:  # noqa: ARG002, FBT001  # as in Mail
        """Look again: what was not written, or has become old on its way, is told anew."""
        self._on_their_way.discard(member)
        name = self._members.get(member)
        if name is not None:
            self._look_within(name, PACE_SECONDS)

    # --- commands ---------------------------------------------------------------------------

    def command(
        self, command: Command, body_hash: str, on_durable: Callable[[bool], None]
    ) -> None:
        """Take a command on a team's total in, or have it refused."""
        name = command.ref.team
        if name not in self._states:
            known = sorted(self._states)
            refusal = Refusal(
                code=ResultCode.UNKNOWN_TEAM,
                message=f"there is no team {name!r}; known: {', '.join(known) or 'none'}",
                details={"known": known},
            )
            self._refuse(command.ref, refusal, on_durable)
        elif self._entries.full():
            refusal = Refusal(
                code=ResultCode.QUEUE_FULL, message="too much is waiting for this team"
            )
            self._refuse(command.ref, refusal, on_durable)
        else:
            self._entries.put_nowait((command, body_hash, on_durable))

    async def idle(self) -> None:
        """Return when every command that was handed in so far has been carried out."""
        await self._entries.join()

    async def run(self) -> None:
        """Carry out commands until cancelled."""
        while True:
            command, body_hash, on_durable = await self._entries.get()
            try:
                stored = await self._carry_out(command, body_hash)
            except StoreError as error:
                _log.error("store cannot write: %s", error, extra={"team": command.ref.team})
                on_durable(False)
            else:
                on_durable(True)
                self._services.publisher.publish(stored)
            finally:
                self._entries.task_done()

    async def _carry_out(self, command: Command, body_hash: str) -> list[StoredMessage]:
        name = command.ref.team or ""
        state = self._states[name]
        now = self._services.clock.now()
        outcome = team_total.handle(state.record, command, state.settings, now)
        journal = self._services.journal
        try:
            stored = await journal.commit(self._commit(command, body_hash, outcome))
        except StoreError:
            known = await journal.find_command(command.ref.controller, command.ref.id)
            if known is None:
                raise
            again = repeated(command.ref, known, body_hash, now)
            stored = await journal.commit(self._answer(again))
            self._services.on_results((again,), None, _place(name))
            return list(stored)
        self._states[name] = replace(self._states[name], record=outcome.record)
        self._services.on_results(outcome.results, None, _place(name))
        self.look(name)
        return list(stored)

    def _answer(self, result: CommandResult) -> Commit:
        return answer_only(result, None, StationId(""), self._services)

    def _commit(self, command: Command, body_hash: str, outcome: TeamOutcome) -> Commit:
        place = _place(outcome.record.name)
        return Commit(
            team=outcome.record,
            messages=[
                message
                for result in outcome.results
                for message in self._services.presenter.results(result, None, place)
            ],
            command=CommandRecord(
                controller=command.ref.controller,
                command_id=command.ref.id,
                station_id=place,
                body_hash=body_hash,
                received_at=command.received_at,
            ),
            results=finals(outcome.results),
            audit=[
                record for result in outcome.results for record in audit.record_of(result, place)
            ],
        )


def _place(name: str) -> StationId:
    """Return what stands for a station in the records of a team."""
    return StationId(f"team/{name}")
