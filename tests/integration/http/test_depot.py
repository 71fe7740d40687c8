"""Seed 002 over HTTP: the list, one transaction, and the offline scenario of its document."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.engine.clock import SystemClock
from bridge.ports import Scope
from bridge.store.tokens import create_token, revoke_token
from tests.acceptance.stations import RawStation

DAY = "2026-05-03"


def event(kind: str, name: str, at: str, *, number: int = 0, **more: Any) -> dict[str, Any]:
    """Return a TransactionEvent of OCPP 2.0.1."""
    info: dict[str, Any] = {"transactionId": name}
    if kind == "Ended":
        info["stoppedReason"] = "Local"
    return {
        "eventType": kind,
        "timestamp": at,
        "triggerReason": "Authorized" if kind == "Started" else "StopAuthorized",
        "seqNo": number,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
        **more,
    }


def reading(at: str, wh: float, soc: int) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": at,
            "sampledValue": [{"value": wh}, {"value": soc, "measurand": "SoC"}],
        }
    ]


async def charge(station: RawStation, name: str, begin: str, end: str, **more: Any) -> None:
    """Let a station tell of a whole transaction."""
    token = {"idToken": "04AB", "type": "ISO14443"}
    first = event("Started", name, begin, idToken=token, meterValue=reading(begin, 1000, 32))
    last = event("Ended", name, end, number=1, meterValue=reading(end, 13833, 100))
    await station.call("TransactionEvent", first | more)
    await station.call("TransactionEvent", last | more)


async def fetched(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v2/transactions", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_a_transaction_is_told_as_the_document_has_it(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await charge(station, "010204", f"{DAY}T06:15:11.000Z", f"{DAY}T06:51:34.000Z")

    [transaction] = await fetched(client)
    token = transaction["Initiator"]
    inserted = transaction["InsertedAt"]
    assert datetime.fromisoformat(inserted) <= datetime.now(UTC)
    assert len(token) == 16
    assert transaction == {
        "TransactionID": "010204",
        "ChargerID": "CS1",
        "ConnectorID": 1,
        "EvseID": 1,
        "StartAt": f"{DAY}T06:15:11.000Z",
        "EndAt": f"{DAY}T06:51:34.000Z",
        "InitialSoC": 32,
        "VehicleID": token,
        "Initiator": token,
        "EndSoC": 100,
        "EnergyDelivered": 12833,
        "EndResult": "Local",
        "ExtraInfo": {
            "Initiator": token,
            "TransactionUuid": transaction["ExtraInfo"]["TransactionUuid"],
            "StartReason": "Authorized",
            "Offline": False,
            "InvoiceId": None,
        },
        "SessionStartTime": None,
        "SessionEndTime": None,
        "InsertedAt": inserted,
    }
    assert (await client.get("/v2/transactions/010204")).json() == transaction
    uuid = transaction["ExtraInfo"]["TransactionUuid"]
    assert (await client.get(f"/v2/transactions/{uuid}")).json() == transaction


async def test_one_that_runs_has_no_end_yet(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    begin = f"{DAY}T10:00:00.000Z"
    await station.call("TransactionEvent", event("Started", "T1", begin))
    later = f"{DAY}T10:10:00.000Z"
    update = event("Updated", "T1", later, number=1, meterValue=reading(later, 1000, 40))
    await station.call("TransactionEvent", update | {"triggerReason": "MeterValuePeriodic"})

    [transaction] = await fetched(client)
    assert (transaction["EndAt"], transaction["EndResult"]) == (None, None)
    assert transaction["EndSoC"] == 40  # as it is now


async def test_the_offline_scenario_of_the_document(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    """Transactions that were told late are missed by StartAt, and found by InsertedAt."""
    online = datetime.now(UTC).isoformat()
    await charge(station, "2", f"{DAY}T14:00:00Z", f"{DAY}T14:30:00Z", offline=True)
    await charge(station, "3", "2026-05-04T10:30:00Z", "2026-05-04T11:00:00Z", offline=True)

    by_start = await fetched(client, **{"from": online, "filterBy": "StartAt"})
    assert by_start == []
    by_insertion = await fetched(
        client, **{"from": online, "filterBy": "InsertedAt", "order": "asc"}
    )
    assert [each["TransactionID"] for each in by_insertion] == ["2", "3"]
    assert all(each["ExtraInfo"]["Offline"] for each in by_insertion)


async def test_pages_filters_and_order(client: httpx.AsyncClient, station: RawStation) -> None:
    for hour in range(5):
        await charge(station, f"T{hour}", f"{DAY}T0{hour}:00:00Z", f"{DAY}T0{hour}:30:00Z")

    async def ids(**query: Any) -> list[str]:
        return [each["TransactionID"] for each in await fetched(client, **query)]

    assert await ids() == ["T4", "T3", "T2", "T1", "T0"]
    assert await ids(order="asc", limit=2, page=2) == ["T2", "T3"]
    assert await ids(order="asc", limit=2, page=4) == []
    assert await ids(chargerId="CS2") == []
    assert await ids(connectorId=1, limit=1) == ["T4"]
    assert await ids(connectorId=2) == []
    assert await ids(vehicleId="nobody") == []
    span = {"from": f"{DAY}T01:00:00", "to": f"{DAY}T03:00:00Z"}
    assert await ids(**span) == ["T2", "T1"]
    assert await ids(**span, filterBy="EndAt", orderBy="TransactionID", order="ASC") == [
        *("T1", "T2")
    ]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": "0"}, "limit"),
        ({"page": "x"}, "page"),
        ({"from": "yesterday"}, "from"),
        ({"filterBy": "Whenever"}, "filterBy"),
        ({"orderBy": "Price"}, "orderBy"),
        ({"order": "up"}, "order"),
        ({"connectorId": "one"}, "connectorId"),
    ],
)
async def test_what_is_wrong_with_a_query(
    client: httpx.AsyncClient, query: dict[str, str], parameter: str
) -> None:
    answer = await client.get("/v2/transactions", params=query)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["details"]) == ("invalid_argument", {"parameter": parameter})


async def test_a_transaction_that_is_not_there(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v2/transactions/010203")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "transaction_not_found"


class TestAccessToken:
    """Seed 002: a token is exchanged for one that is good for a while."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"http": {"auth": "token"}}

    async def test_it_may_what_its_parent_may_and_ends_with_it(
        self, client: httpx.AsyncClient, data_dir: Path
    ) -> None:
        clock = SystemClock()
        parent = create_token(data_dir, "app", [Scope.READ], expires_at=None, clock=clock)
        made = await client.post("/v2/token", headers={"x-api-key": parent})
        assert made.status_code == 200, made.text
        access = made.json()["access_token"]
        assert (made.json()["token_type"], made.json()["expires_in"]) == ("Bearer", 3600)
        assert parent not in access

        async def status(shown: str) -> int:
            headers = {"Authorization": f"Bearer {shown}"}
            return (await client.get("/v2/transactions", headers=headers)).status_code

        kind, name, end, signature = access.split(".")
        assert await status(access) == 200
        assert await status(f"{kind}.{name}.{int(end) + 1}.{signature}") == 401
        assert await status(f"{kind}.{name}.{int(end) - 7200}.{signature}") == 401
        assert await status(f"{kind}.{name}.{end}.{signature[:-1]}") == 401
        assert await status(f"{kind}.{name}.x.{signature}") == 401
        assert await status("at1...") == 401

        revoke_token(data_dir, "app")
        async with asyncio.timeout(20):
            while await status(access) != 401:  # noqa: ASYNC110  # it is the store that tells
                await asyncio.sleep(0.05)

    async def test_none_is_made_of_nothing(self, client: httpx.AsyncClient) -> None:
        assert (await client.post("/v2/token")).status_code == 401


async def test_without_tokens_there_is_nothing_to_make_one_of(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v2/token")).status_code == 401
