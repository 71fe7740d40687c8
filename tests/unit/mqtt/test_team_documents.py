"""The retained state of teams: sent when it says something new, and cleared with the team."""

from collections.abc import AsyncIterator

import orjson
import pytest

from bridge.domain.team import Totals
from bridge.domain.team_leader import begin
from tests.mqtt_link import turns
from tests.records import replace
from tests.unit.mqtt.test_publisher import World
from tests.unit.mqtt.test_team import GARAGE

STATE = "ocpp/v1/team/garage/state"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.connect()
    yield world
    world.publisher.close()


async def test_a_team_is_published_once_until_something_changes(world: World) -> None:
    state = begin(GARAGE, None)
    for _ in range(2):
        world.publisher.team_changed(state)
        await turns()
        world.clock.skipped += 2
    assert world.link.topics().count(STATE) == 1
    world.publisher.team_changed(replace(state, totals=Totals(limit_a=10.0)))
    await turns()
    assert world.link.topics().count(STATE) == 2
    assert orjson.loads(world.link.last(STATE) or b"")["totalA"] == 10


async def test_a_broker_that_has_forgotten_is_told_again(world: World) -> None:
    world.publisher.team_changed(begin(GARAGE, None))
    await turns()
    world.link.disconnect()
    await world.connect(session_present=False)
    assert world.link.topics().count(STATE) == 2


async def test_a_team_that_is_no_more_is_cleared(world: World) -> None:
    world.publisher.team_removed("garage")
    await turns()
    assert world.link.last(STATE) == b""
