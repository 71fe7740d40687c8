"""The stations and their EVSEs, as MQTT has them."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bridge.app import Application
from tests.acceptance.bridges import Options
from tests.acceptance.stations import RawStation, Session, energy, iso, played
from tests.schema_check import check_document

LOOPBACK = "127.0.0.1"


async def test_nobody_is_there_yet(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/stations")).json() == {"stations": [], "next": None}


async def test_a_station_and_its_documents(
    client: httpx.AsyncClient, bridge: Application, station: RawStation
) -> None:
    session = Session()
    reading = energy(iso(datetime.now(tz=UTC)), 1000, "Transaction.Begin")
    await station.call("TransactionEvent", session.started() | {"meterValue": reading})

    listed = (await client.get("/api/v1/stations")).json()
    assert listed == {
        "stations": [
            {
                "cs": "CS1",
                "availability": "online",
                "registration": "Accepted",
                "ocppVersion": "2.0.1",
                "evses": [1],
            }
        ],
        "next": None,
    }

    whole = (await client.get("/api/v1/stations/CS1")).json()
    assert (whole["cs"], whole["availability"]) == ("CS1", "online")
    check_document("stationInfo", whole["info"])
    (evse,) = whole["evses"]
    assert evse["evse"] == 1
    for name in ("state", "secc", "transaction", "allocation", "meter"):
        check_document(name, evse[name])
        alone = (await client.get(f"/api/v1/stations/CS1/evses/1/{name}")).json()
        assert without_time(alone) == without_time(evse[name])
    assert evse["state"]["state"] == evse["secc"]["state"] == "Charging"
    assert evse["transaction"]["transactionId"] == "tx-1"
    assert evse["meter"]["energyWh"] == 1000
    by_itself = (await client.get("/api/v1/stations/CS1/evses/1")).json()
    assert by_itself.keys() == evse.keys()


def without_time(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "receivedAt"}


async def test_a_document_that_there_is_not_yet(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    answer = await client.get("/api/v1/stations/CS1/evses/1/transaction")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await client.get("/api/v1/stations/CS1/evses/1")).json()["transaction"] is None


@pytest.mark.parametrize(
    ("path", "status", "code", "details"),
    [
        ("stations/CS2", 404, "unknown_station", {}),
        ("stations/CS2/evses/1/state", 404, "unknown_station", {}),
        ("stations/CS1/evses/2", 404, "unknown_evse", {"known": [1]}),
        ("stations/CS1/evses/one", 400, "invalid_argument", {"parameter": "evse"}),
        ("stations/CS1/evses/-1", 400, "invalid_argument", {"parameter": "evse"}),
        ("stations/CS1/evses/1/nothing", 404, "not_found", {}),
        ("stations?limit=0", 400, "invalid_argument", {"parameter": "limit"}),
        ("stations?limit=x", 400, "invalid_argument", {"parameter": "limit"}),
        ("stations/%00%2e%2e", 404, "unknown_station", {}),
    ],
)
async def test_what_there_is_not(
    client: httpx.AsyncClient,
    station: RawStation,
    path: str,
    status: int,
    code: str,
    details: dict[str, Any],
) -> None:
    answer = await client.get(f"/api/v1/{path}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]) == (status, code, details)
    assert error["message"]
    assert error["retryable"] is False


async def test_an_id_of_more_than_letters(client: httpx.AsyncClient, bridge: Application) -> None:
    url = f"ws://{LOOPBACK}:{bridge.server.port}"
    async with played(url, "DE*ABC*E1@x") as station:
        await station.boot()
        answer = await client.get("/api/v1/stations/DE*ABC*E1%40x")
        assert answer.json()["cs"] == "DE*ABC*E1@x"


async def test_the_list_has_pages(client: httpx.AsyncClient, bridge: Application) -> None:
    url = f"ws://{LOOPBACK}:{bridge.server.port}"
    for name in ("B", "C", "A"):
        async with played(url, name) as station:
            await station.boot()
    first = (await client.get("/api/v1/stations?limit=2")).json()
    assert ([each["cs"] for each in first["stations"]], first["next"]) == (["A", "B"], "B")
    second = (await client.get("/api/v1/stations?limit=2&after=B")).json()
    assert ([each["cs"] for each in second["stations"]], second["next"]) == (["C"], None)


class TestPending:
    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"unknown": "pending"}}

    async def test_a_station_that_waits_for_approval_is_shown_without_its_evses(
        self, client: httpx.AsyncClient, bridge: Application
    ) -> None:
        async with played(f"ws://{LOOPBACK}:{bridge.server.port}") as station:
            boot = {
                "reason": "PowerUp",
                "chargingStation": {"model": "<script>", "vendorName": "Played"},
            }
            assert (await station.call("BootNotification", boot))["status"] == "Pending"

            (listed,) = (await client.get("/api/v1/stations")).json()["stations"]
            assert (listed["registration"], listed["evses"]) == ("Pending", [])
            answer = await client.get("/api/v1/stations/CS1")
            assert answer.headers["content-type"] == "application/json"
            assert answer.json()["info"]["boot"]["model"] == "<script>"
            assert answer.json()["evses"] == []
            evse = await client.get("/api/v1/stations/CS1/evses/1/state")
            assert evse.json()["error"]["code"] == "unknown_evse"
