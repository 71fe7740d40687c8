"""What no request gets past: foreign names and pages, bodies that are none, sizes, silence."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from bridge.app import Application
from bridge.http.server import HttpServer
from bridge.http.settings import HttpSettings
from tests.acceptance.bridges import Options


@pytest.fixture
def options() -> Options:
    return {"http": {"allowed_hosts": ["charge.example"], "auth": "none"}}


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/json"
    found: str = answer.json()["error"]["code"]
    return found


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]:80", "charge.example:443"],
)
async def test_the_names_of_the_service(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/healthz", headers={"Host": host})).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:8080", "127.0.0.1.evil.test", "192.168.1.5", "[", "a.charge.example"],
)
async def test_every_other_name(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.get("/healthz", headers={"Host": host})
    assert (answer.status_code, code(answer)) == (421, "wrong_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8081", "Host": "localhost:8080"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_pages_of_other_sites(client: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
    answer = await client.post("/healthz", headers=headers, json={})
    assert (answer.status_code, code(answer)) == (403, "wrong_origin")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8080", "Host": "localhost:8080"},
        {"Sec-Fetch-Site": "same-origin"},
        {},
    ],
    ids=str,
)
async def test_pages_of_ours(client: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
    answer = await client.post("/healthz", headers=headers, json={})
    assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/json"],
)
async def test_a_body_that_is_not_said_to_be_json(
    client: httpx.AsyncClient, kind: str | None
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await client.post("/healthz", headers=headers, content=b"{}")
    assert (answer.status_code, code(answer)) == (415, "unsupported_media_type")


async def test_a_body_that_is_too_large(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/healthz", headers=headers, content=b" " * 65_537)
    assert (answer.status_code, code(answer)) == (413, "too_large")


async def test_what_there_is_not(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nothing")
    assert (answer.status_code, code(answer)) == (404, "not_found")


async def test_each_answer_has_headers_for_browsers(client: httpx.AsyncClient) -> None:
    for path, host in (("/healthz", "localhost"), ("/nothing", "localhost"), ("/", "evil.test")):
        headers = (await client.get(path, headers={"Host": host})).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


async def test_a_preflight_is_not_answered(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "http://evil.test", "Access-Control-Request-Method": "POST"}
    answer = await client.request("OPTIONS", "/healthz", headers=headers)
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


async def test_who_connects_and_does_not_ask_is_hung_up_on() -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    server = HttpServer(never, HttpSettings(port=0, opening_timeout_seconds=0.05))
    await server.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: local")
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
    finally:
        await server.stop()


async def test_what_is_no_http_is_answered_and_ends(bridge: Application) -> None:
    assert bridge.http is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.http.port)
    writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
