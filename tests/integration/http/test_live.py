"""What the status page follows, as any client of HTTP gets it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest

from bridge.app import Application, application
from bridge.config import Config
from bridge.engine.clock import SystemClock
from bridge.http import live
from bridge.ports import Scope
from bridge.store.tokens import create_token, revoke_token
from tests.acceptance.stations import RawStation, Session, played

LOOPBACK: Final = "127.0.0.1"
LIVE: Final = "/api/v1/live"
PATIENCE_SECONDS: Final = 30.0

Event = tuple[str, dict[str, Any]]
Until = Callable[..., Any]


class Stream:
    """Server-sent events as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()
        self.seen: list[Event] = []

    async def next(self) -> Event:
        """Return the next event. Raises StopAsyncIteration where the stream has ended."""
        name = (await anext(self._lines)).removeprefix("event: ")
        told = orjson.loads((await anext(self._lines)).removeprefix("data: "))
        assert await anext(self._lines) == ""
        self.seen.append((name, told))
        return name, told

    async def until(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> Any:
        """Return what the first event of a name says of which a condition holds."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found, told = await self.next()
                if found == name and condition(told):
                    return told


@asynccontextmanager
async def following(client: httpx.AsyncClient, **query: str) -> AsyncIterator[Stream]:
    async with client.stream("GET", LIVE, params=query) as answer:
        yield Stream(answer)


def anything(_told: dict[str, Any]) -> bool:
    return True


async def test_everything_is_told_first_and_is_what_the_api_shows(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    async with following(client) as stream:
        kind = stream.answer.headers["content-type"]
        assert (stream.answer.status_code, kind) == (200, "text/event-stream; charset=utf-8")
        async with asyncio.timeout(PATIENCE_SECONDS):
            told = [await stream.next() for _ in range(3)]
    assert [name for name, _ in told] == ["bridge", "station", "log"]
    hello, view, event = (document for _, document in told)
    assert hello["caller"] == {"name": "http", "scopes": ["control", "read", "stations"]}
    assert (hello["stations"], hello["broker"]) == (1, "disconnected")
    shown = (await client.get("/api/v1/stations/CS1")).json()
    for each in (
        shown["info"],
        view["info"],
        *(
            doc
            for one in (shown, view)
            for doc in one["evses"][0].values()
            if isinstance(doc, dict)
        ),
    ):
        each["receivedAt"] = None
    assert view == shown
    assert (event["type"], event["connectorStatus"]) == ("status", "Available")


async def test_each_change_is_told_with_its_event_and_its_power(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    async with following(client) as stream:
        await stream.until("log", anything)
        session = Session()
        await station.call("TransactionEvent", session.started())
        view = await stream.until("station", lambda told: told["evses"][0]["transaction"])
        assert view["evses"][0]["state"]["state"] == "Charging"
        started = await stream.until("log", lambda told: told["type"] == "transaction.started")
        assert started["transaction"]["transactionId"] == "tx-1"

        reading = [{"value": 6900, "measurand": "Power.Active.Import"}]
        at = session.begin.isoformat()
        await station.event(
            session,
            "Updated",
            "MeterValuePeriodic",
            meterValue=[{"timestamp": at, "sampledValue": reading}],
        )
        power = await stream.until("power", anything)
        assert (power["cs"], power["evse"], power["points"][-1][1]) == ("CS1", 1, 6900)

        await station.event(session, "Ended", "StopAuthorized")
        await stream.until("log", lambda told: told["type"] == "transaction.ended")
    # Another reading is no news for a log of events.
    logged = [told["type"] for name, told in stream.seen if name == "log"]
    assert logged.count("transaction.updated") == 0


async def test_a_page_has_so_many_stations_in_the_order_of_their_ids(
    client: httpx.AsyncClient, bridge: Application
) -> None:
    url = f"ws://{LOOPBACK}:{bridge.server.port}"
    async with played(url, "B") as b, played(url, "D") as d:
        await b.boot()
        await d.boot()
        async with (
            following(client, limit="2") as first,
            following(client, after="B", limit="2") as second,
        ):
            assert (await first.until("station", anything))["cs"] == "B"
            assert (await first.until("station", anything))["cs"] == "D"
            assert (await second.until("station", anything))["cs"] == "D"
            async with played(url, "C") as c:
                await c.boot()
                assert (await first.until("gone", anything)) == {"cs": "D"}
                await first.until("station", lambda told: told["cs"] == "C" and told["evses"])
                await second.until("station", lambda told: told["cs"] == "C")
            async with played(url, "A") as a:
                await a.boot()
                assert (await first.until("gone", anything)) == {"cs": "C"}
                await first.until("station", lambda told: told["cs"] == "A")
            # Of what is on another page nothing is told: the next to be heard of is D.
            await d.status("Unavailable")
            last = await second.until("station", lambda told: told["cs"] != "C")
            assert last["cs"] == "D"


async def test_it_says_again_and_again_that_it_is_there(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    async with following(client) as stream:
        for _ in range(3):
            await stream.until("bridge", anything)


async def test_not_everybody_may_look_at_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_VIEWERS", 1)
    async with following(client) as stream:
        await stream.until("bridge", anything)
        refused = await client.get(LIVE)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    async with asyncio.timeout(PATIENCE_SECONDS):  # until it is noticed that the first has gone
        while True:
            async with following(client) as again:
                if again.answer.status_code == 200:
                    return


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"after": "x" * 256}])
async def test_a_page_that_cannot_be(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await client.get(LIVE, params=query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_argument")


async def test_it_does_not_hold_up_the_end_of_the_bridge(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack:
        async with application(config) as bridge:
            assert bridge.http is not None
            url = f"http://{LOOPBACK}:{bridge.http.port}"
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=url))
            stream = await stack.enter_async_context(following(client))
            await stream.until("bridge", anything)
        with pytest.raises(StopAsyncIteration):
            await stream.until("nothing", anything)
    # uvicorn's complaint about requests that had to be cancelled would be one
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


class TestWithTokens:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"http": {"auth": "token"}}

    async def test_it_needs_one(self, client: httpx.AsyncClient) -> None:
        assert (await client.get(LIVE)).status_code == 401

    async def test_it_ends_with_the_token(self, client: httpx.AsyncClient, data_dir: Path) -> None:
        token = create_token(data_dir, "wall", [Scope.READ], expires_at=None, clock=SystemClock())
        client.headers["Authorization"] = f"Bearer {token}"
        async with following(client) as stream:
            hello = await stream.until("bridge", anything)
            assert hello["caller"] == {"name": "wall", "scopes": ["read"]}
            revoke_token(data_dir, "wall")
            with pytest.raises(StopAsyncIteration):
                await stream.until("nothing", anything)
        assert (await client.get(LIVE)).status_code == 401

    async def test_the_page_itself_needs_none(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/")).status_code == 200
