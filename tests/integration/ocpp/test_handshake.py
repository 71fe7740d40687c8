"""Who gets in, and what the others are told."""

import asyncio
import socket
import sys
from base64 import b64encode
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from bridge.ocpp import opening
from tests.ocpp_inbox import RunningServer, logged_in_by, running_server

PASSWORD = "correct:horse:\u00fc"


async def status(running: RunningServer, path: str, **options: Any) -> int:
    """Return the HTTP status that answers an attempt to connect."""
    try:
        async with running.station(path, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def raw_answer(running: RunningServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.server.port)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("path", "station_id"),
    [
        ("CS1", "CS1"),
        ("a/long/prefix/CS1", "CS1"),
        ("ocpp/CS1/", "CS1"),
        ("ocpp/CS1?token=a/b", "CS1"),
        ("RDAM%7C123", "RDAM|123"),
        ("DE%2AABC%2AE1", "DE*ABC*E1"),
        ("AA:BB:CC", "AA:BB:CC"),
        ("1315011205BK.01521", "1315011205BK.01521"),
        ("x" * 48, "x" * 48),
    ],
)
async def test_the_identity_is_the_last_segment(
    running: RunningServer, path: str, station_id: str
) -> None:
    assert await status(running, path) == 101
    await running.inbox.until(lambda: len(running.inbox.connections) == 2)
    assert running.inbox.connections == [(station_id, "2.0.1"), (station_id, "gone")]


@pytest.mark.parametrize(
    "path",
    ["", "?CS1", "x" * 49, "a%2Fb", "a%00b", "a%0Ab", "%ff", "caf%C3%A9", "a%23", "a+b%20c"],
)
async def test_an_unacceptable_identity_is_refused(running: RunningServer, path: str) -> None:
    assert await status(running, path) == 400
    assert running.inbox.connections == []


async def test_an_unknown_station_gets_404(running: RunningServer) -> None:
    running.inbox.refused.add("CS1")
    assert await status(running, "CS1") == 404
    assert await status(running, "CS2") == 101


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (("ocpp2.0.1",), "ocpp2.0.1"),
        (("ocpp1.6", "ocpp2.0.1"), "ocpp1.6"),
        (("ocpp2.1", "ocpp2.0.1", "ocpp1.6"), "ocpp2.1"),
        (("ocpp9.9", "ocpp2.0.1", "ocpp1.6"), "ocpp2.0.1"),
    ],
)
async def test_the_first_common_version_of_the_station_is_taken(
    running: RunningServer, offered: tuple[str, ...], expected: str
) -> None:
    async with running.station(subprotocols=offered) as websocket:
        assert websocket.subprotocol == expected


@pytest.mark.parametrize("offered", [(), ("ocpp1.6",), ("ocpp2.1", "chat")])
async def test_no_common_version_is_refused(offered: tuple[str, ...]) -> None:
    async with running_server(versions=("ocpp2.0.1",)) as running:
        assert await status(running, "CS1", subprotocols=offered) == 400


async def test_a_station_that_offers_nothing_speaks_the_default() -> None:
    async with (
        running_server(default_version="ocpp2.0.1") as running,
        running.station(subprotocols=()) as websocket,
    ):
        assert websocket.subprotocol is None
        await websocket.send('[2,"a","Heartbeat",{}]')
        assert str(await websocket.recv()).startswith('[3,"a",')


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (basic("AA:BB", PASSWORD), 101),
        (basic("AA:BB", "wrong"), 401),
        (basic("AA:BB", ""), 401),
        (basic("other", PASSWORD), 401),
        ({}, 401),
        ({"Authorization": "Basic"}, 401),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": "Bearer " + PASSWORD.encode().hex()}, 401),
    ],
)
async def test_basic_authentication(headers: dict[str, str], expected: int) -> None:
    access = logged_in_by(PASSWORD.encode(), only="AA:BB")
    async with running_server(access=access) as running:
        assert await status(running, "AA:BB", additional_headers=headers) == expected
        assert await status(running, "open") == 101


async def test_a_failed_attempt_does_not_touch_the_stations_connection() -> None:
    async with (
        running_server(access=logged_in_by(b"secret")) as running,
        running.station("CS1", additional_headers=basic("CS1", "secret")) as websocket,
    ):
        assert await status(running, "CS1", additional_headers=basic("CS1", "guess")) == 401
        await websocket.send('[2,"a","Heartbeat",{}]')
        assert str(await websocket.recv()).startswith('[3,"a",')
        assert running.inbox.connections == [("CS1", "2.0.1")]


async def test_of_many_guesses_few_are_looked_at_and_the_stations_connection_stays() -> None:
    async with (
        running_server(access=logged_in_by(b"secret")) as running,
        running.station("CS1", additional_headers=basic("CS1", "secret")) as websocket,
    ):
        for number in range(30):
            guess = basic("CS1", f"guess{number}")
            assert await status(running, "CS1", additional_headers=guess) == 401
        assert running.metrics.counts["ocpp.login_limited"] == 25
        assert running.metrics.counts["ocpp.refused.401"] == 30
        await websocket.send('[2,"a","Heartbeat",{}]')
        assert str(await websocket.recv()).startswith('[3,"a",')
        assert running.inbox.connections == [("CS1", "2.0.1")]
        alarms = [incident.alarm for _, incident in running.inbox.incidents]
        assert alarms[:5] == [False] * 4 + [True]
        _, first = running.inbox.incidents[0]
        assert (first.code, first.details["limited"]) == ("failed_login", False)


async def test_a_guesser_elsewhere_does_not_keep_the_station_from_coming_back() -> None:
    if sys.platform != "linux":
        pytest.skip("other systems have one loopback address only")
    right = {"additional_headers": basic("CS1", "secret")}
    async with running_server(access=logged_in_by(b"secret")) as running:
        assert await status(running, "CS1", **right) == 101
        for number in range(10):
            guess = basic("CS1", f"guess{number}")
            wrong = {"additional_headers": guess, "local_addr": ("127.0.0.2", 0)}
            assert await status(running, "CS1", **wrong) == 401
        assert await status(running, "CS1", **right, local_addr=("127.0.0.2", 0)) == 401
        assert await status(running, "CS1", **right, local_addr=("127.0.0.3", 0)) == 401
        assert await status(running, "CS1", **right) == 101


@pytest.mark.parametrize("headers", [{}, basic("CS1", "guess")], ids=["none", "wrong"])
async def test_where_stations_have_passwords_an_unknown_one_looks_like_a_wrong_one(
    headers: dict[str, str],
) -> None:
    access = logged_in_by(b"secret", only="CS2")
    async with running_server(hides_ids=True, access=access) as running:
        running.inbox.refused.add("CS1")
        answers = []
        for station in ("CS1", "CS2"):
            with pytest.raises(InvalidStatus) as refused:
                async with running.station(station, additional_headers=headers):
                    pass
            response = refused.value.response
            answers.append(
                (response.status_code, response.headers["WWW-Authenticate"], response.body)
            )
        assert answers[0] == answers[1]
        assert answers[0][0] == 401
        assert await status(running, "open") == 101


async def test_guesses_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with running_server(access=logged_in_by(b"secret")) as running:
        for _ in range(20):
            assert await status(running, "CS1") == 401
    refused = [record for record in caplog.records if record.message == "connection refused"]
    assert len([record for record in refused if record.levelname == "WARNING"]) == 5


async def test_the_refusal_says_how_to_authenticate() -> None:
    async with running_server(access=logged_in_by(b"secret")) as running:
        with pytest.raises(InvalidStatus) as refused:
            async with running.station():
                pass
    assert refused.value.response.headers["WWW-Authenticate"].startswith("Basic ")


async def test_too_many_connections_are_refused_but_a_station_may_come_back() -> None:
    async with running_server(max_connections=1) as running, running.station("CS1"):
        assert await status(running, "CS2") == 503
        assert await status(running, "CS1") == 101


async def test_a_browser_is_told_to_upgrade(running: RunningServer) -> None:
    request = b"GET /CS1 HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
    answer = await raw_answer(running, request)
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert running.inbox.connections == []


@pytest.mark.parametrize(
    "request_", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"POST /A HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_websocket_handshake_is_turned_away(
    running: RunningServer, request_: bytes
) -> None:
    # From version 16 on, websockets reads other methods than GET and has them answered.
    answer = await raw_answer(running, request_)
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert running.inbox.connections == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", opening.TLS_ON_PLAIN),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", opening.NO_HTTP),
    ],
)
async def test_who_speaks_something_else_is_told_of_in_the_log(
    running: RunningServer, said: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await raw_answer(running, said) == b""
    (record,) = [each for each in caplog.records if each.getMessage() == "connection refused"]
    assert record.__dict__["reason"] == reason
    assert record.__dict__["remote"].startswith("127.0.0.1:")


async def test_who_says_nothing_is_dropped_in_time() -> None:
    async with running_server(opening_timeout_seconds=0.1) as running:
        assert await raw_answer(running, b"GET /CS1 HT") == b""


async def test_a_real_station_gets_in_however_many_dribble() -> None:
    async with running_server(max_opening=5) as running:
        address = ("127.0.0.1", running.server.port)
        dribbling = [socket.create_connection(address) for _ in range(20)]
        assert await status(running, "CS1") == 101
        assert running.metrics.counts["ocpp.opening_dropped"] >= 15
        for connection in dribbling:
            connection.close()


@pytest.mark.parametrize(("setting", "expected"), [(True, True), (False, False)])
async def test_compression_is_accepted_where_it_is_offered(setting: bool, expected: bool) -> None:
    async with (
        running_server(compression=setting) as running,
        running.station(compression="deflate") as websocket,
    ):
        assert websocket.response is not None
        extensions = websocket.response.headers.get("Sec-WebSocket-Extensions", "")
        assert ("permessage-deflate" in extensions) is expected
        assert ("server_no_context_takeover" in extensions) is expected
        for _ in range(3):
            await websocket.send('[2,"a","Heartbeat",{}]')
            assert str(await websocket.recv()).startswith('[3,"a",')


async def test_sockets_do_not_wait_for_more(running: RunningServer) -> None:
    async with running.station():
        (connection,) = running.server._registry.links
        raw = connection._transport.get_extra_info("socket")
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
