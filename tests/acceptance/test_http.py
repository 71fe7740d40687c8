"""HTTP and MQTT show one bridge: what is commanded by the one is told by the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bridge.engine.clock import SystemClock
from bridge.ports import Scope
from bridge.store.tokens import create_token
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import RawStation, Session, amperes, played
from tests.acceptance.witness import Witness, outcome
from tests.brokers import LOOPBACK

PLACE = "CS1/1"
EVSE = "/api/v1/stations/CS1/evses/1"
DONE = [("accepted", "ok"), ("done", "ok")]


@pytest.fixture
def options() -> Options:
    return {"http": {"listen": f"{LOOPBACK}:0", "auth": "token"}}


@pytest.fixture
def token(tmp_path: Path) -> str:
    return create_token(
        tmp_path / "data", "dashboard", [Scope.CONTROL], expires_at=None, clock=SystemClock()
    )


@pytest.fixture
async def client(bridge: Bridge, token: str) -> AsyncIterator[httpx.AsyncClient]:
    assert bridge.app.http is not None
    url = f"http://{LOOPBACK}:{bridge.app.http.port}"
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        yield http


@pytest.fixture
async def station(bridge: Bridge) -> AsyncIterator[RawStation]:
    async with played(bridge.url) as played_station:
        await played_station.boot()
        yield played_station


async def test_a_limit_by_http_is_the_api_on_mqtt_and_at_the_station(
    client: httpx.AsyncClient, witness: Witness, station: RawStation
) -> None:
    await witness.ask("limit", {"limitA": 10}, place=PLACE)
    await witness.until(f"{PLACE}/allocation", allocationSourceName="MQTT", offeredA=10)

    answer = await client.post(f"{EVSE}/commands/limit", json={"limitA": 9, "id": "by-http"})

    assert answer.status_code == 200
    allocation = await witness.until(
        f"{PLACE}/allocation", allocationSourceName="API", offeredA=9, pending=None
    )
    assert [(each["source"], each["limitA"]) for each in allocation["limits"]][:2] == [
        ("API", 9),
        ("MQTT", 10),
    ]
    assert allocation["limits"][0]["controller"] == "dashboard"
    assert (await witness.until(f"{PLACE}/secc", allocationSourceName="API")) == (
        await client.get("/api/v1/transaction")
    ).json()
    profile = (await station.asked("SetChargingProfile", 2))["chargingProfile"]
    assert amperes(profile) == 9
    result = await witness.until(f"{PLACE}/res/dashboard/limit", id="by-http", final=True)
    assert result == answer.json()

    # The lower of both binds: MQTT's own limit is lifted only so far as the API's allows.
    assert outcome(await witness.ask("release", {}, place=PLACE)) == DONE
    await client.post(f"{EVSE}/commands/release")
    await witness.until(f"{PLACE}/allocation", allocationSourceName="Unmanaged")


async def test_documents_are_those_of_the_topics(
    client: httpx.AsyncClient, witness: Witness, station: RawStation
) -> None:
    await station.call("TransactionEvent", Session().started())
    for name, expected in (
        ("state", {"state": "Charging"}),
        ("secc", {"state": "Charging"}),
        ("transaction", {"active": True}),
        ("allocation", {"allocationSourceName": "Unmanaged"}),
    ):
        told = await witness.until(f"{PLACE}/{name}", **expected)
        shown = (await client.get(f"{EVSE}/{name}")).json()
        assert list(shown) == list(told)
        assert {**shown, "receivedAt": None} == {**told, "receivedAt": None}


async def test_readiness_knows_the_broker(client: httpx.AsyncClient, bridge: Bridge) -> None:
    answer = await client.get("/readyz")
    assert (answer.json()["status"], answer.json()["broker"]) == ("ready", "connected")


async def test_a_token_is_on_no_topic(
    client: httpx.AsyncClient, witness: Witness, station: RawStation, token: str
) -> None:
    await client.post(f"{EVSE}/commands/limit", json={"limitA": 9})
    await client.post(f"{EVSE}/commands/limit", json={"limitA": "x"})
    await witness.until(f"{PLACE}/res/dashboard/limit", status="rejected")
    for message in witness.messages:
        assert token not in message.topic
        assert token.encode() not in message.payload
