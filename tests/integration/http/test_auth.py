"""Who gets in: tokens, their scopes, their end, and those that are wrong."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge.app import Application
from bridge.engine.clock import SystemClock
from bridge.http.auth import MEMORY_SECONDS
from bridge.ports import Scope
from bridge.store.tokens import create_token, revoke_token
from tests.acceptance.bridges import Options
from tests.acceptance.stations import RawStation

CLOCK = SystemClock()
STATIONS = "/api/v1/stations"
OPEN = ("/healthz", "/readyz")
READ = (STATIONS, "/api/v1/transaction", "/metrics", f"{STATIONS}/CS1/evses/1/state")
PATIENCE_SECONDS = 30


@pytest.fixture
def options() -> Options:
    return {"http": {"auth": "token"}}


def token(data_dir: Path, name: str, *scopes: Scope, age: timedelta | None = None) -> str:
    expires_at = None if age is None else CLOCK.now() + age
    return create_token(data_dir, name, scopes, expires_at=expires_at, clock=CLOCK)


async def status_with(client: httpx.AsyncClient, shown: str, path: str = STATIONS) -> int:
    return (await client.get(path, headers={"x-api-key": shown})).status_code


@pytest.mark.parametrize("path", OPEN)
async def test_whoever_asks_is_told_that_it_lives(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("path", READ)
async def test_what_asks_for_a_token(
    client: httpx.AsyncClient, data_dir: Path, station: RawStation, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"
    assert answer.headers["www-authenticate"] == 'Bearer realm="ocpp-mqtt-bridge"'
    for number, scopes in enumerate(([Scope.READ], [Scope.CONTROL], [Scope.STATIONS])):
        shown = token(data_dir, f"t{number}", *scopes)
        assert await status_with(client, shown, path) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "{}"},
        {"X-API-Key": "{}"},
        {"Authorization": "Bearer {}"},
        {"authorization": "bearer {}"},
    ],
    ids=str,
)
async def test_the_ways_to_show_it(
    client: httpx.AsyncClient, data_dir: Path, headers: dict[str, str]
) -> None:
    shown = token(data_dir, "app", Scope.READ)
    filled = {name: value.format(shown) for name, value in headers.items()}
    assert (await client.get(STATIONS, headers=filled)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "omb_wrong"},
        {"x-api-key": "\xe9"},
        {"x-api-key": "{}x"},
        {"Authorization": "Bearer omb_wrong"},
        {"Authorization": "Basic {}"},
        {"Authorization": "{}"},
        {"x-token": "{}"},
    ],
    ids=str,
)
async def test_what_is_no_token(
    client: httpx.AsyncClient, data_dir: Path, headers: dict[str, str]
) -> None:
    shown = token(data_dir, "app", Scope.READ)
    filled = [(name.encode(), value.format(shown).encode()) for name, value in headers.items()]
    answer = await client.get(STATIONS, headers=filled)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


async def test_a_token_in_the_query_is_none(client: httpx.AsyncClient, data_dir: Path) -> None:
    shown = token(data_dir, "app", Scope.READ)
    for query in ({"token": shown}, {"api_key": shown}, {"access_token": shown}):
        assert (await client.get(STATIONS, params=query)).status_code == 401


async def test_a_token_that_has_expired(client: httpx.AsyncClient, data_dir: Path) -> None:
    old = token(data_dir, "old", Scope.READ, age=timedelta(seconds=-1))
    new = token(data_dir, "new", Scope.READ, age=timedelta(hours=1))
    assert await status_with(client, old) == 401
    assert await status_with(client, new) == 200


async def test_a_revoked_token_stops_within_a_second(
    client: httpx.AsyncClient, data_dir: Path
) -> None:
    shown = token(data_dir, "app", Scope.READ)
    assert await status_with(client, shown) == 200
    assert revoke_token(data_dir, "app")
    await asyncio.sleep(MEMORY_SECONDS + 0.1)
    assert await status_with(client, shown) == 401


async def test_an_open_push_ends_with_its_token(
    client: httpx.AsyncClient, bridge: Application, data_dir: Path, station: RawStation
) -> None:
    assert bridge.http is not None
    url = f"ws://127.0.0.1:{bridge.http.port}/api/v1/transaction/ws"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url).__aenter__()
    assert refused.value.response.status_code == 401

    headers = {"Authorization": f"Bearer {token(data_dir, 'app', Scope.READ)}"}
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        connect(url, additional_headers=headers) as socket,
    ):
        await socket.recv()
        revoke_token(data_dir, "app")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.close_code, socket.close_reason) == (
            1008,
            "the token has expired or was revoked",
        )


async def test_wrong_tokens_are_looked_at_ten_times_and_right_ones_go_on(
    client: httpx.AsyncClient, data_dir: Path, bridge: Application
) -> None:
    shown = token(data_dir, "app", Scope.READ)
    later = token(data_dir, "later", Scope.READ)
    assert await status_with(client, shown) == 200
    statuses = [await status_with(client, f"omb_{number}") for number in range(30)]
    assert statuses == [401] * 10 + [429] * 20
    assert bridge.counters.counts["http.tokens_refused"] == 10

    refused = await client.get(STATIONS, headers={"x-api-key": later})
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert refused.headers["retry-after"] == str(error["details"]["retryAfterSeconds"])
    assert await status_with(client, shown) == 200, "one that was right before is not locked out"
    assert (await client.get(STATIONS)).status_code == 401, "to show none is not to guess"


async def test_no_token_is_in_logs_metrics_or_answers(
    client: httpx.AsyncClient, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="bridge")
    caplog.set_level("DEBUG", logger="uvicorn")
    shown = token(data_dir, "app", Scope.READ)
    wrong = "omb_canary-of-a-token"
    texts = []
    for key in (shown, wrong):
        for path in (STATIONS, "/metrics", "/nothing", f"{STATIONS}/CS9", f"{STATIONS}?limit=x"):
            for headers in ({"x-api-key": key}, {"Authorization": f"Bearer {key}"}):
                answer = await client.get(path, headers=headers)
                texts += [answer.text, str(answer.headers)]
    texts += [record.getMessage() + str(record.__dict__) for record in caplog.records]
    assert not [text for text in texts if shown in text or "canary" in text]
    assert shown.encode() not in b"".join(
        path.read_bytes() for path in data_dir.iterdir() if path.is_file()
    )


class TestOpen:
    @pytest.fixture
    def options(self) -> Options:
        return {"http": {"auth": "none"}}

    @pytest.mark.parametrize("headers", [{}, {"x-api-key": "whatever"}], ids=str)
    async def test_nobody_needs_a_token(
        self, client: httpx.AsyncClient, headers: dict[str, str]
    ) -> None:
        assert (await client.get(STATIONS, headers=headers)).status_code == 200
