"""A controller that dies gives its control back; a bridge that dies takes up where it was."""

import asyncio
import sys
from datetime import datetime
from typing import Final

import pytest

from tests.acceptance.bridges import ASKING, BridgeProgram, Options
from tests.acceptance.stations import Memory, RawStation, Session, amperes, played
from tests.acceptance.witness import Witness, outcome
from tests.brokers import Broker

DONE: Final = [("accepted", "ok"), ("done", "ok")]
PLACE: Final = "CS1/1"
CONTROLLER: Final = """
import sys
import paho.mqtt.client as mqtt

host, port, place, protocol = sys.argv[1:]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=int(protocol))
client.will_set(f"{place}/cmd/pv/release", "{}", qos=1)
client.connect(host, int(port))
client.publish(f"{place}/cmd/pv/limit", '{"limitA":10}', qos=1)
client.loop_forever()
"""
"""What a solar controller may look like: its last will is `release`."""


@pytest.fixture
def options() -> Options:
    return ASKING


@pytest.fixture
def memory() -> Memory:
    """What the station keeps over the bridge's restarts."""
    return Memory()


async def charging(station: RawStation, session: Session) -> None:
    await station.boot()
    await station.call("TransactionEvent", session.started())


async def test_the_will_of_a_controller_that_is_killed_releases_its_limit(
    program: BridgeProgram, witness: Witness, broker: Broker
) -> None:
    await program.start()
    async with played(program.url) as station:
        await charging(station, Session())
        protocol = 5 if broker.mqtt5 else 4
        where = (broker.host, broker.port, witness.address(PLACE), protocol)
        controller = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CONTROLLER, *map(str, where)
        )
        try:
            await witness.until(f"{PLACE}/allocation", allocationSourceName="MQTT", offeredA=10)
        finally:
            controller.kill()
            await controller.wait()

        await witness.until(f"{PLACE}/res/pv/release", status="done", code="ok")
        await station.asked("ClearChargingProfile")
        allocation = await witness.until(f"{PLACE}/allocation", state="released", pending=None)
        assert (allocation["allocationSourceName"], allocation["offeredA"]) == ("Unmanaged", 32)


async def limit(witness: Witness, controller: str, **body: object) -> None:
    results = await witness.ask("limit", dict(body), place=PLACE, controller=controller)
    assert outcome(results)[-1][0] == "done", results


@pytest.mark.parametrize("boots", [False, True], ids=["reconnects", "boots"])
async def test_a_restart_writes_nothing_that_the_station_has(
    program: BridgeProgram, witness: Witness, memory: Memory, boots: bool
) -> None:
    session = Session()
    await program.start()
    async with played(program.url, memory=memory) as station:
        await charging(station, session)
        await limit(witness, "pv", limitA=10)
        await limit(witness, "me", limitA=8, priority=200, ttlSeconds=3600)
        before = await witness.until(f"{PLACE}/allocation", offeredA=8, pending=None)
        await program.kill()

    witness.forget()
    await program.start()
    async with played(program.url, memory=memory) as station:
        if boots:
            await station.boot()
        await station.event(session, "Updated")
        after = await witness.until(f"{PLACE}/allocation", state="active", pending=None)
        assert after["limits"] == before["limits"]  # also the lease: its clock went on
        assert after["offeredA"] == 8
        # once what comes after it is written, what was not written will not be any more
        await limit(witness, "me", limitA=7, priority=200)
        assert [amperes(each["chargingProfile"]) for each in station.calls_of(SET)] == [7]
        assert not station.calls_of("ClearChargingProfile")


SET: Final = "SetChargingProfile"


async def test_a_lease_that_ran_out_meanwhile_leaves_the_limit_below_it(
    program: BridgeProgram, witness: Witness, memory: Memory
) -> None:
    session = Session()
    await program.start()
    async with played(program.url, memory=memory) as station:
        await charging(station, session)
        await limit(witness, "pv", limitA=10)
        await limit(witness, "me", limitA=8, priority=200, ttlSeconds=2)
        lease = await witness.until(f"{PLACE}/allocation", offeredA=8, pending=None)
        await program.kill()

    await until(lease["limits"][0]["expiresAt"])
    witness.forget()
    await program.start()
    async with played(program.url, memory=memory) as station:
        await station.event(session, "Updated")
        after = await witness.until(f"{PLACE}/allocation", offeredA=10, pending=None)
        assert [limit["controller"] for limit in after["limits"]] == ["pv", None]
        assert [amperes(each["chargingProfile"]) for each in station.calls_of(SET)] == [10]


async def test_what_the_station_has_lost_meanwhile_is_written_once(
    program: BridgeProgram, witness: Witness, memory: Memory
) -> None:
    session = Session()
    await program.start()
    async with played(program.url, memory=memory) as station:
        await charging(station, session)
        await limit(witness, "pv", limitA=10)
        await program.kill()
    memory.profiles.clear()

    witness.forget()
    await program.start()
    async with played(program.url, memory=memory) as station:
        await station.boot()
        await station.event(session, "Updated")
        await station.asked(SET)
        await witness.until(f"{PLACE}/allocation", state="active", offeredA=10, pending=None)
        await limit(witness, "pv", limitA=9)
        assert [amperes(each["chargingProfile"]) for each in station.calls_of(SET)] == [10, 9]


async def until(moment: str) -> None:
    """Wait until a moment is over."""
    left = datetime.fromisoformat(moment) - datetime.now().astimezone()
    await asyncio.sleep(max(0.0, left.total_seconds()))
