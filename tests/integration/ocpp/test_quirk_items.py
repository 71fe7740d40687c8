"""Handshakes and versions as real stations have them (charger-quirks 2, 3, 28, 33)."""

import asyncio
import json
from base64 import b64encode
from typing import Any

from websockets.asyncio.client import ClientConnection

from tests.ocpp_inbox import RunningServer

STATUS_16 = '[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"%s"}]'
HEARTBEAT = '[2,"h","Heartbeat",{}]'


async def ask(websocket: ClientConnection, text: str) -> Any:
    await websocket.send(text)
    async with asyncio.timeout(10):
        return json.loads(await websocket.recv())


async def test_item_2_a_handshake_without_connection_upgrade_is_refused(
    running: RunningServer,
) -> None:
    request = (
        b"GET /CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", running.server.port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 426 ")
    assert running.inbox.connections == []


async def test_item_3_each_connection_has_a_version_of_its_own(running: RunningServer) -> None:
    async with running.station(subprotocols=("ocpp1.6",)) as websocket:
        assert await ask(websocket, STATUS_16 % "Preparing") == [3, "s", {}]
    async with running.station(subprotocols=("ocpp2.0.1",)) as websocket:
        assert (await ask(websocket, HEARTBEAT))[:2] == [3, "h"]
    versions = [what for _, what in running.inbox.connections if what != "gone"]
    assert versions == ["1.6", "2.0.1"]


async def test_item_3_words_of_another_version_are_refused_and_the_connection_goes_on(
    running: RunningServer,
) -> None:
    async with running.station(subprotocols=("ocpp2.0.1",)) as websocket:
        refused = await ask(websocket, STATUS_16 % "Preparing")
        assert refused[:3] == [4, "s", "OccurrenceConstraintViolation"]
        assert (await ask(websocket, HEARTBEAT))[:2] == [3, "h"]


async def test_item_28_a_station_of_1_6_gets_no_compression(running: RunningServer) -> None:
    async with running.station(subprotocols=("ocpp1.6",), compression="deflate") as websocket:
        assert websocket.response is not None
        assert "Sec-WebSocket-Extensions" not in websocket.response.headers


async def test_item_33_an_empty_password_is_no_obstacle_where_none_is_asked_for(
    running: RunningServer,
) -> None:
    empty = {"Authorization": "Basic " + b64encode(b"CS1:").decode()}
    async with running.station(additional_headers=empty) as websocket:
        assert (await ask(websocket, HEARTBEAT))[:2] == [3, "h"]
