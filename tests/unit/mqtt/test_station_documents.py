"""When what is measured beside an offer is told: not with each reading, and at once if it is over."""

from typing import Any

import orjson

from bridge.domain.control import Allocation, Observed
from bridge.domain.model import Station
from tests.mqtt_link import turns
from tests.records import replace
from tests.unit.mqtt.test_publisher import CS, START, World, changed, station

KEPT = Observed(current_a=9.0, ok=True, at=START)


async def shown() -> tuple[World, Station]:
    """Return what has just published that 9 A flow where 10 A are offered."""
    world = World()
    await world.connect()
    now = station(allocation=Allocation(offered_a=10.0, since=START), observed=KEPT)
    world.publisher.station_changed(Station(id=CS), now)
    await turns()
    return world, now


async def measured(world: World, now: Station, **reading: Any) -> None:
    world.publisher.station_changed(now, changed(now, observed=replace(KEPT, **reading)))
    await turns()


def told(world: World) -> list[tuple[float, bool]]:
    documents = [
        orjson.loads(message.payload)["observed"]
        for message in world.link.sent
        if message.topic == "ocpp/v1/cs/CS1/1/allocation"
    ]
    return [(observed["currentA"], observed["ok"]) for observed in documents]


async def test_another_current_waits_ten_seconds() -> None:
    world, now = await shown()
    world.clock.skipped = 9.0
    await measured(world, now, current_a=9.6)
    assert told(world) == [(9.0, True)]

    world, now = await shown()
    world.clock.skipped = 10.0
    await measured(world, now, current_a=9.6)
    assert told(world) == [(9.0, True), (9.6, True)]


async def test_a_limit_that_is_not_kept_is_told_at_once_with_the_newest_current() -> None:
    world, now = await shown()
    await measured(world, now, current_a=14.0)
    await measured(world, now, current_a=16.0, ok=False)
    assert told(world) == [(9.0, True), (16.0, False)]


async def test_another_offer_is_told_at_once() -> None:
    world, now = await shown()
    await measured(world, now, current_a=8.0)
    offer = Allocation(offered_a=8.0, since=START)
    after = changed(now, allocation=offer, observed=replace(KEPT, current_a=8.0))
    world.publisher.station_changed(now, after)
    await turns()
    assert told(world) == [(9.0, True), (8.0, True)]


async def test_the_state_of_seed_000_is_in_capitals_where_the_owner_wants_it() -> None:
    world = World(documents={"uppercase_secc_state": True})
    await world.connect()
    world.publisher.station_changed(Station(id=CS), station())
    await turns()
    payload = world.link.last("ocpp/v1/cs/CS1/1/secc")
    assert payload is not None
    assert orjson.loads(payload)["state"] == "UNAVAILABLE"
