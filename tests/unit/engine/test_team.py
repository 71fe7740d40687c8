"""The team leader in the engine: shares reach stations, commands are journaled once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bridge.domain.calls import SetChargingProfile
from bridge.domain.commands import (
    Arguments,
    Command,
    CommandRef,
    OnExpire,
    Release,
    ReplyTo,
    SetLimit,
)
from bridge.domain.enums import AllocationSource, ChargingState, EventType, TriggerReason
from bridge.domain.events import TransactionEvent
from bridge.domain.ids import StationId
from bridge.domain.settings import StationSettings
from bridge.domain.team import MemberId, TeamSettings, Totals
from bridge.domain.team_plan import Reason
from bridge.engine.engine import Engine
from bridge.engine.team import COMMAND_LIMIT
from bridge.ports import StoreError
from tests.unit.engine.ports import START, World

ONE, TWO = StationId("CS1"), StationId("CS2")
HOUSE = TeamSettings(
    name="house",
    members=(MemberId(ONE, 1), MemberId(TWO, 1)),
    totals=Totals(limit_a=20.0),
)
SETTINGS = StationSettings(
    known=True,
    installation_max_a=16,
    automatic_calls=False,
    increase_hold_seconds=0,
    min_increase_interval_seconds=0,
    min_decrease_interval_seconds=0,
)


def total(arguments: Arguments, command_id: str, team: str = "house") -> Command:
    name = "release" if isinstance(arguments, Release) else "limit"
    ref = CommandRef(
        id=command_id,
        name=name,
        controller="grid",
        source=AllocationSource.MQTT,
        evse_id=0,
        reply_to=ReplyTo(name=name),
        team=team,
    )
    return Command(ref=ref, arguments=arguments, received_at=START)


class TeamWorld(World):
    def __init__(self, teams: tuple[TeamSettings, ...] = (HOUSE,)) -> None:
        super().__init__(SETTINGS)
        self.looked = asyncio.Event()
        self.services.teams = teams
        self.services.on_team = lambda _state: self.looked.set()
        self.engine = Engine(self.services)

    async def plug_in(self, station_id: StationId) -> None:
        """Connect a station and let a car charge at its EVSE 1."""
        self.engine.connected(station_id, "2.0.1", f"link-{station_id}", "127.0.0.1")
        started = TransactionEvent(
            event_type=EventType.STARTED,
            timestamp=START,
            trigger_reason=TriggerReason.CABLE_PLUGGED_IN,
            seq_no=0,
            transaction_id=f"T-{station_id}",
            evse_id=1,
            charging_state=ChargingState.CHARGING,
        )
        self.engine.receive(station_id, started, self.respond)
        await self.engine.idle()

    async def look(self, times: int = 1) -> None:
        """Let the leader look, a second apart, and the stations do what follows."""
        for _ in range(times):
            self.clock.advance(1)
            self.engine.teams.look("house")
            await self.engine.idle()

    async def order(self, arguments: Arguments, command_id: str, team: str = "house") -> None:
        self.engine.command(ONE, total(arguments, command_id, team), command_id, self.durable)
        await self.engine.idle()

    def shares(self) -> dict[str, float | None]:
        return {
            station.id: station.evses[1].team.limit_a if station.evses[1].team else None
            for station in self.engine.stations
        }

    def answers(self) -> list[str]:
        return [str(topic) for topic in self.took("published") if str(topic).startswith("res/")]

    def written(self) -> list[tuple[str, float | None]]:
        """Return EVSE by EVSE and in order which limits the stations were told."""
        return [
            (str(request.transaction_id), request.limit_a)
            for request in self.took("called")
            if isinstance(request, SetChargingProfile) and request.transaction_id
        ]


@pytest.fixture
async def world() -> AsyncIterator[TeamWorld]:
    world = TeamWorld()
    await world.engine.start({}, world)
    await world.plug_in(ONE)
    await world.plug_in(TWO)
    await world.look(3)
    yield world
    await world.engine.stop()


async def test_two_evses_share_the_total(world: TeamWorld) -> None:
    assert world.shares() == {"CS1": 10, "CS2": 10}
    assert world.written()[-2:] == [("T-CS1", 10), ("T-CS2", 10)]


async def test_a_change_of_a_station_is_looked_at_without_being_asked_to() -> None:
    world = TeamWorld()
    await world.engine.start({}, world)
    await world.plug_in(ONE)
    async with asyncio.timeout(10):
        while world.shares() != {"CS1": 16}:
            world.looked.clear()
            world.clock.advance(1)
            await world.looked.wait()
            await world.engine.idle()
    await world.engine.stop()


async def test_a_lowered_total_lowers_the_shares(world: TeamWorld) -> None:
    await world.order(SetLimit(limit_a=12), "c1")
    assert world.shares() == {"CS1": 6, "CS2": 6}
    assert world.answers() == ["res/accepted/ok", "res/done/ok"]
    assert [slot.limit_a for slot in world.journal.team_records["house"].slots] == [12]
    await world.order(Release(), "c2")
    await world.look(2)
    assert world.shares() == {"CS1": 10, "CS2": 10}


async def test_a_repeated_command_is_answered_from_the_journal(world: TeamWorld) -> None:
    await world.order(SetLimit(limit_a=12), "c1")
    await world.order(Release(), "c2")
    await world.order(SetLimit(limit_a=12), "c1")
    assert world.answers()[-1] == "res/done/duplicate"
    assert world.journal.team_records["house"].slots == ()


async def test_an_unknown_team_is_refused(world: TeamWorld) -> None:
    await world.order(SetLimit(limit_a=12), "c1", team="garage")
    assert world.answers() == ["res/rejected/unknown_team"]


async def test_a_command_that_cannot_be_stored_changes_nothing(world: TeamWorld) -> None:
    world.journal.failing = StoreError("disk full")
    await world.order(SetLimit(limit_a=12), "c1")
    world.journal.failing = None
    await world.look()
    assert world.took("durable")[-1] is False
    assert world.shares() == {"CS1": 10, "CS2": 10}


async def test_a_share_that_cannot_be_stored_is_told_again(world: TeamWorld) -> None:
    await world.order(SetLimit(limit_a=18), "c1")
    world.journal.failing = StoreError("disk full")
    world.engine.disconnected(TWO, "link-CS2")
    await world.look()
    world.journal.failing = None
    await world.look(2)
    assert world.shares() == {"CS1": 9, "CS2": 9}


async def test_a_lowered_total_outlives_a_restart(world: TeamWorld) -> None:
    await world.order(SetLimit(limit_a=12, ttl_seconds=600, on_expire=OnExpire.FAILSAFE), "c1")
    await world.engine.stop()
    again = TeamWorld()
    again.clock.moment = world.clock.moment
    again.journal.stations = dict(world.journal.stations)
    again.journal.team_records = dict(world.journal.team_records)
    await again.engine.start(await again.journal.restore(), again)
    state = again.engine.teams.state("house")
    assert state.totals == Totals(limit_a=12)
    assert set(state.reasons.values()) == {Reason.OFFLINE}
    again.clock.moment += timedelta(seconds=601)
    await again.look()
    held = again.engine.teams.state("house").winner
    assert held is not None
    assert (held.controller, held.limit_a) == ("_failsafe", 12)
    await again.engine.stop()


async def test_who_left_the_team_loses_its_share_and_the_team_its_claims(
    world: TeamWorld,
) -> None:
    await world.order(SetLimit(limit_a=12), "c1")
    await world.engine.stop()
    again = TeamWorld(teams=())
    again.journal.stations = dict(world.journal.stations)
    again.journal.team_records = dict(world.journal.team_records)
    await again.engine.start(await again.journal.restore(), again)
    assert again.shares() == {"CS1": None, "CS2": None}
    assert again.journal.team_records["house"].slots == ()
    await again.engine.stop()


async def test_an_offline_member_keeps_its_share_reserved(world: TeamWorld) -> None:
    world.engine.disconnected(TWO, "link-CS2")
    await world.engine.idle()
    await world.look(2)
    state = world.engine.teams.state("house")
    assert state.reasons[MemberId(TWO, 1)] is Reason.OFFLINE
    assert world.shares() == {"CS1": 10, "CS2": 10}


async def test_a_team_that_is_no_more_is_told_of(world: TeamWorld) -> None:
    await world.engine.stop()
    gone: list[str] = []
    again = TeamWorld(teams=())
    again.services.on_team_gone = gone.append
    again.journal.team_records = dict(world.journal.team_records)
    await again.engine.start({}, again)
    assert gone == ["house"]
    await again.engine.stop()


async def test_too_many_commands_at_once_are_refused(world: TeamWorld) -> None:
    for number in range(COMMAND_LIMIT + 1):
        limit = total(SetLimit(limit_a=12), f"c{number}")
        world.engine.command(ONE, limit, f"c{number}", world.durable)
    await world.engine.idle()
    answers = world.answers()
    assert answers.count("res/rejected/queue_full") == 1
    assert answers.count("res/done/ok") == COMMAND_LIMIT
