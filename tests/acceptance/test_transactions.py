"""The record of transactions, as it is read by MQTT (mqtt-api.md, `transactions`)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.domain.ids import requested_uuid
from tests.acceptance.bridges import Bridge
from tests.acceptance.simulation import Watch, simulated
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
