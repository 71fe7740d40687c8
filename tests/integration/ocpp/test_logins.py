"""Attempts to get in: passwords of all kinds, and all that is none (security.md, 1 to 3)."""

import asyncio
from base64 import b64encode
from typing import Any, Final

import pytest
from websockets.exceptions import InvalidStatus

from bridge.domain.credentials import Access, GivenPassword, GoodPassword, LoggedIn
from bridge.domain.passwords import KeyedPassword, PlainPassword, ScryptPassword, keyed_digest
from bridge.domain.settings import StationAuth
from tests.ocpp_inbox import RunningServer, logged_in_by, running_server
from tests.unit.domain.builders import T0

SECRET: Final = "correct:horse-battery"
KEY: Final = "00ff7f80" * 5
HASHED: Final = GoodPassword(ScryptPassword.made_from(SECRET, b"saltsalt"))


def basic(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(user.encode() + b":" + password).decode()}


async def status(running: RunningServer, path: str = "CS1", **options: Any) -> int:
    try:
        async with running.station(path, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def asking(*passwords: GoodPassword) -> Access:
    return Access(auth=StationAuth.BASIC, passwords=passwords)


def attempts() -> list[tuple[str, dict[str, str]]]:
    """Return what somebody may try who knows ids and the passwords of other stations."""
    wrong = [
        {},
        basic("CS1", b""),
        basic("CS1", b"wrong"),
        basic("CS1", SECRET.encode()[:-1]),
        basic("CS1", SECRET.encode() + b"\n"),
        basic("CS1", SECRET.upper().encode()),
        basic("CS1", b"of another"),
        basic("CS2", SECRET.encode()),
        basic("", SECRET.encode()),
        basic("cs1", SECRET.encode()),
        {"Authorization": "Bearer " + SECRET},
        {"Authorization": "Basic " + SECRET},
        {"Authorization": "Basic CS1:" + SECRET},
        {"Proxy-Authorization": basic("CS1", SECRET.encode())["Authorization"]},
    ]
    paths = ["CS1", "x/CS1", "CS1/", "%43S1", "CS1?CS2"]
    return [(path, headers) for path in paths for headers in wrong]


async def test_of_all_attempts_none_gets_in_and_the_station_stays() -> None:
    right = basic("CS1", SECRET.encode())
    async with (
        running_server(access=logged_in_by(SECRET.encode(), only="CS1")) as running,
        running.station("CS1", additional_headers=right) as websocket,
    ):
        tried = attempts()
        answers = [
            await status(running, path, additional_headers=headers) for path, headers in tried
        ]
        assert answers == [401] * len(tried)
        twice = [("Authorization", right["Authorization"])] * 2
        assert await status(running, additional_headers=twice) == 401
        await websocket.send('[2,"a","Heartbeat",{}]')
        assert str(await websocket.recv()).startswith('[3,"a",')
        assert running.inbox.connections == [("CS1", "2.0.1")]
        assert running.metrics.counts["ocpp.login_limited"] == len(tried) + 1 - 5


@pytest.mark.parametrize("subprotocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_password_need_not_be_text(subprotocol: str) -> None:
    access = asking(GoodPassword(PlainPassword.of_hex(KEY)))
    async with running_server(access=lambda _: access) as running:
        for sent in (bytes.fromhex(KEY), KEY.encode()):
            headers = basic("CS1", sent)
            spoken = (subprotocol,)
            answer = await status(running, additional_headers=headers, subprotocols=spoken)
            assert answer == 101
        wrong = basic("CS1", bytes.fromhex(KEY)[:-1])
        assert await status(running, additional_headers=wrong) == 401


async def test_who_uses_the_new_password_says_so() -> None:
    kept = KeyedPassword(b"key", "salt", keyed_digest(b"key", "salt", KEY.encode()))
    given = GivenPassword(salt=kept.salt, digest=kept.digest, given_at=T0)
    access = asking(GoodPassword(kept, given), GoodPassword(PlainPassword(b"old")))
    async with running_server(access=lambda _: access) as running:
        assert await status(running, additional_headers=basic("CS1", b"old")) == 101
        assert running.inbox.logins == []
        sent = basic("CS1", bytes.fromhex(KEY))
        assert await status(running, additional_headers=sent) == 101
        assert running.inbox.logins == [("CS1", LoggedIn(password=kept.digest, over_tls=False))]


async def test_a_password_that_is_kept_by_a_hash() -> None:
    async with running_server(access=lambda _: asking(HASHED), slow_passwords=True) as running:
        right = basic("CS1", SECRET.encode())
        assert await status(running, additional_headers=right) == 101
        assert await status(running, additional_headers=basic("CS1", b"wrong")) == 401
        assert await status(running) == 401
        for _ in range(20):
            assert await status(running, additional_headers=right) == 101


async def test_those_that_come_at_once_wait_for_each_other() -> None:
    async with running_server(access=lambda _: asking(HASHED), slow_passwords=True) as running:
        wrong = basic("CS1", b"wrong")
        trying = [status(running, additional_headers=wrong) for _ in range(20)]
        assert await asyncio.gather(*trying) == [401] * 20
        assert running.metrics.counts["ocpp.login_limited"] == 15


async def test_the_end_does_not_wait_for_a_check() -> None:
    async with running_server(access=lambda _: asking(HASHED), slow_passwords=True) as running:
        request = (
            "GET /CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: {basic('CS1', b'wrong')['Authorization']}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(request.encode())
        async with asyncio.timeout(10):
            while running.server._hub.gate._checks._present is None:  # type: ignore[union-attr]  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0)
        await running.server.stop()
        assert await reader.read() == b""
        writer.close()
