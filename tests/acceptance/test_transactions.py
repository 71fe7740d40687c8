"""The record of transactions, as it is read by MQTT (mqtt-api.md, `transactions`)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.ids import requested_uuid
from tests.acceptance.bridges import Bridge, BridgeProgram
from tests.acceptance.simulation import Watch, simulated
from tests.acceptance.stations import Session, iso, played
from tests.acceptance.witness import Witness, outcome

DONE = [("accepted", "ok"), ("done", "ok")]


@pytest.fixture
async def car(bridge: Bridge, witness: Witness) -> AsyncIterator[Watch]:
    """A car that charges with 16 A at the simulated station SIM001."""
    async with simulated(bridge.url, version="2.0.1") as watch:
        await watch.until_current(16)
        await witness.until("SIM001/1/state", state="Charging")
        yield watch


async def listed(witness: Witness, **arguments: Any) -> list[dict[str, Any]]:
    """Return what the record holds of the EVSE."""
    results = await witness.ask("transactions", arguments)
    assert outcome(results) == DONE
    found: list[dict[str, Any]] = results[-1]["data"]["transactions"]
    return found


async def test_the_record_is_read_by_command(car: Watch, witness: Witness) -> None:
    live = (await witness.until("SIM001/1/transaction", active=True))["transactionUuid"]
    [running] = await listed(witness)
    assert (running["transactionUuid"], running["active"]) == (live, True)
    assert (running["cs"], running["evse"], running["endedAt"]) == ("SIM001", 1, None)
    assert running["energyWh"] > 0  # as it is now, not as it was when it began

    await witness.ask("stop", {})
    ended = await witness.until("SIM001/1/transaction", active=False)

    started = await witness.ask("start", {"id": "s1", "invoiceId": "I-7"})
    asked_for = started[-1]["data"]["transactionUuid"]
    assert asked_for == requested_uuid("me", "s1")
    await witness.until("SIM001/1/transaction", active=True)

    second, first = await listed(witness)
    assert (second["transactionUuid"], second["invoiceId"]) == (asked_for, "I-7")
    assert {key: first[key] for key in ("transactionUuid", "energyWh", "endedAt")} == {
        key: ended[key] for key in ("transactionUuid", "energyWh", "endedAt")
    }
    assert first["stoppedReason"] == "Remote"
    assert first["pluggedAt"] <= first["startedAt"] < first["endedAt"] <= first["insertedAt"]
    assert first["vehicleId"] == first["idToken"]["hash"]

    assert await listed(witness, limit=1, offset=1) == [first]
    assert await listed(witness, order="asc", filterBy="InsertedAt", to=first["endedAt"]) == []
    since = {"filterBy": "EndAt", "from": first["startedAt"]}
    assert await listed(witness, **since) == [first]


async def test_what_is_wrong_with_a_query_is_told(car: Watch, witness: Witness) -> None:
    results = await witness.ask("transactions", {"filterBy": "Sometime"})
    assert outcome(results) == [("rejected", "invalid_argument")]
    assert results[0]["error"]["details"] == {"pointer": "/filterBy"}


@pytest.mark.parametrize("down", ["bridge", "station"])
async def test_a_transaction_ends_at_its_time_also_when_nobody_was_there(
    program: BridgeProgram, witness: Witness, down: str
) -> None:
    """Seed 001: `expires` falls due while the bridge is dead, or the station is offline."""
    session = Session()
    await program.start()
    async with played(program.url) as station:
        await station.boot()
        await station.status("Available")
        until = datetime.now(UTC) + timedelta(seconds=2)
        started = await witness.ask(
            "start", {"until": iso(until), "invoiceId": "I-1"}, place="CS1/1"
        )
        assert outcome(started) == DONE
        info = {
            "chargingState": "Charging",
            "remoteStartId": started[-1]["data"]["remoteStartId"],
        }
        await station.call("TransactionEvent", session.event("Started", "RemoteStart", info=info))
        await witness.until("CS1/1/transaction", active=True, until=iso(until))
        if down == "bridge":
            await program.kill()
    await asyncio.sleep((until - datetime.now(UTC)).total_seconds())  # it is time itself

    if down == "bridge":
        await program.start()
    async with played(program.url) as station:
        assert await station.asked("RequestStopTransaction") == {"transactionId": "tx-1"}
        await station.call("TransactionEvent", session.event("Ended", "RemoteStop"))
        ended = await witness.until("CS1/1/transaction", active=False)
        assert ended["stoppedReason"] == "Remote"

    results = await witness.ask("transactions", {}, place="CS1/1")
    [kept] = results[-1]["data"]["transactions"]
    assert (kept["endedBy"], kept["until"], kept["invoiceId"]) == ("until", iso(until), "I-1")
