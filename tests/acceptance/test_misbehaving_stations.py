"""Stations that refuse, ignore, dawdle or keep silent: what the bridge then says is true.

The station is made of the `ocpp` package; what it does not know it answers by NotImplemented, so
the bridge has to do without reading profiles back and without composite schedules.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.acceptance.bridges import ASKING, Bridge, Options, merged
from tests.acceptance.peer import PATIENCE_SECONDS, PLACE, Peer, connected
from tests.acceptance.witness import Witness, outcome

DONE = [("accepted", "ok"), ("done", "ok")]
TIMED_OUT = [("accepted", "ok"), ("failed", "timeout")]


@pytest.fixture
def options() -> Options:
    patience = {
        "ocpp": {"call_timeout_seconds": 1},
        "stations": {"defaults": {"observe_seconds": 1}},
    }
    return merged(ASKING, patience)


@pytest.fixture
async def peer(bridge: Bridge, witness: Witness) -> AsyncIterator[Peer]:
    async with connected(bridge.url) as station:
        await witness.until(f"{PLACE}/state", state="Idle")
        yield station


@pytest.fixture
async def charging(peer: Peer, witness: Witness) -> Peer:
    await peer.charge()
    await witness.until(f"{PLACE}/state", state="Charging")
    return peer


def names(witness: Witness) -> set[str]:
    """Return who was said to be in control, at any time."""
    return {each["allocationSourceName"] for each in witness.documents(f"{PLACE}/allocation")}


async def test_who_refuses_a_txprofile_is_limited_by_the_default_profile(
    charging: Peer, witness: Witness
) -> None:
    charging.refused_purposes = {"TxProfile"}

    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)

    assert outcome(results) == DONE
    assert charging.profiles() == [("TxProfile", 10), ("TxDefaultProfile", 10)]
    allocation = await witness.until(f"{PLACE}/allocation", allocationSourceName="MQTT")
    assert allocation["offeredA"] == 10
    assert allocation["accepted"]["via"] == "TxDefaultProfile"
    # it is not asked for the impossible again
    assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE)) == DONE
    assert charging.profiles()[2:] == [("TxDefaultProfile", 8)]


async def test_who_refuses_every_profile_is_not_said_to_be_controlled(
    charging: Peer, witness: Witness
) -> None:
    charging.refused_purposes = {"TxProfile", "TxDefaultProfile"}

    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)

    assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
    assert charging.profiles() == [("TxProfile", 10), ("TxDefaultProfile", 10)]
    after = await witness.until(f"{PLACE}/allocation", state="released", pending=None)
    assert (after["offeredA"], after["accepted"]) == (32, None)
    assert names(witness) == {"Unmanaged"}


async def test_who_accepts_and_ignores_is_found_out(charging: Peer, witness: Witness) -> None:
    assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE

    await draw_until(charging, 16, witness, "event/fault")
    fault = await witness.until(f"{PLACE}/event/fault", code="limit_not_observed")
    assert fault["details"] == {"offeredA": 10, "currentA": 16}
    allocation = await witness.until(f"{PLACE}/allocation", observed={"currentA": 16, "ok": False})
    # accepted it is: so MQTT is in control of what the station has agreed to
    assert (allocation["allocationSourceName"], allocation["offeredA"]) == ("MQTT", 10)

    await charging.draw(16)
    witness.forget()
    await charging.draw(9.8)
    obeyed = await witness.until(f"{PLACE}/allocation", observed={"currentA": 9.8, "ok": True})
    assert obeyed["allocationSourceName"] == "MQTT"
    await witness.settle()
    assert not witness.documents(f"{PLACE}/event/fault")


async def test_a_default_profile_that_does_not_reach_the_transaction_is_sent_as_its_own(
    peer: Peer, witness: Witness
) -> None:
    assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
    await peer.charge()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while ("TxProfile", 10) not in peer.profiles():
            await peer.draw(16)
            await asyncio.sleep(0.2)

    assert peer.profiles() == [("TxDefaultProfile", 10), ("TxProfile", 10)]
    await peer.draw(10)
    allocation = await witness.until(f"{PLACE}/allocation", observed={"currentA": 10, "ok": True})
    assert (allocation["allocationSourceName"], allocation["offeredA"]) == ("MQTT", 10)
    assert allocation["accepted"]["via"] == "TxProfile"


async def test_an_answer_that_comes_too_late_gives_nobody_control(
    charging: Peer, witness: Witness
) -> None:
    charging.silent.clear()
    results = await witness.ask("limit", {"limitA": 10}, place=PLACE)
    assert outcome(results) == TIMED_OUT
    assert results[-1]["error"]["retryable"]

    charging.silent.set()  # now it says Accepted: to a call that nobody waits for any more

    await charging.until_asked("ClearChargingProfile")
    after = await witness.until(f"{PLACE}/allocation", state="released", pending=None)
    assert (after["offeredA"], after["accepted"]) == (32, None)
    assert names(witness) == {"Unmanaged"}


@pytest.mark.timeout(60)
async def test_who_never_answers_is_hung_up_on_and_never_said_to_be_controlled(
    charging: Peer, witness: Witness
) -> None:
    charging.silent.clear()
    for amps in (10, 9, 8):
        results = await witness.ask("limit", {"limitA": amps}, place=PLACE)
        assert outcome(results) == TIMED_OUT

    await witness.until_text("PEER/availability", "offline")
    results = await witness.ask("limit", {"limitA": 7}, place=PLACE)
    assert outcome(results) == [("rejected", "station_offline")]
    assert names(witness) == {"Unmanaged"}


async def draw_until(peer: Peer, amps: float, witness: Witness, document: str) -> None:
    """Draw a current for as long as it takes until such a document comes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not witness.documents(f"{PLACE}/{document}"):
            await peer.draw(amps)
            await asyncio.sleep(0.2)
