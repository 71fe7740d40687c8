"""An OCPP 2.1 station on a socket: its own message types, and the older ones' manners kept."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from bridge.domain.calls import CallOutcome, CallResult, SetChargingProfile
from bridge.domain.events import Heartbeat, Notice
from bridge.domain.ids import StationId
from tests.ocpp_inbox import RunningServer, running_server
from tests.ocpp_requests import profile

STREAM = "NotifyPeriodicEventStream"
POINT = {"t": 0.0, "v": "230.1"}
VALUES = {"id": 1, "pending": 0, "basetime": "2026-11-21T08:00:00Z", "data": [POINT]}
SEND = [6, "s1", STREAM, VALUES]


@pytest.fixture
async def later() -> AsyncIterator[RunningServer]:
    async with running_server(versions=("ocpp2.1", "ocpp2.0.1")) as server:
        yield server


async def send(websocket: ClientConnection, *messages: Any) -> None:
    for message in messages:
        await websocket.send(json.dumps(message))


async def next_id(websocket: ClientConnection) -> str:
    """Ask for the time and return which message the next answer answers."""
    await send(websocket, [2, "alive", "Heartbeat", {}])
    async with asyncio.timeout(5):
        return str(json.loads(await websocket.recv())[1])


def has_taken(server: RunningServer, count: int) -> bool:
    return len(server.inbox.messages) == count


async def test_a_send_is_taken_and_not_answered(later: RunningServer) -> None:
    async with later.station(subprotocols=("ocpp2.1",)) as websocket:
        await send(websocket, SEND)
        assert await next_id(websocket) == "alive"
    messages = [message for _, message in later.inbox.messages]
    assert messages == [Notice(action=STREAM), Heartbeat()]
    assert later.inbox.connections[0] == ("CS1", "2.1")


async def test_a_send_before_acceptance_is_not_answered_either(later: RunningServer) -> None:
    later.inbox.not_accepted.add("CS1")
    async with later.station(subprotocols=("ocpp2.1",)) as websocket:
        await send(websocket, SEND)
        assert await next_id(websocket) == "alive"


@pytest.mark.parametrize(
    ("message", "metric"),
    [
        ([6, "s1", "TellTales", {}], "ocpp.send_ignored"),
        ([6, "s1", "Heartbeat", {}], "ocpp.send_ignored"),
        ([6, "s1", STREAM, {"id": "one"}], "ocpp.send_ignored"),
        ([6, "s1", STREAM], "ocpp.message_type_unknown"),
        ([7, "s1", STREAM, {}], "ocpp.message_type_unknown"),
        ([5, "r1", "FormatViolation", "no time", {}], "ocpp.answer_refused"),
        ([5], "ocpp.answer_refused"),
    ],
)
async def test_what_cannot_be_used_is_counted_and_not_answered(
    later: RunningServer, message: Any, metric: str
) -> None:
    async with later.station(subprotocols=("ocpp2.1",)) as websocket:
        await send(websocket, message)
        assert await next_id(websocket) == "alive"
    assert later.metrics.counts[metric] == 1
    assert [kind for _, kind in later.inbox.messages] == [Heartbeat()]


async def test_sends_that_the_mailbox_has_no_room_for_hold_the_reading_up(
    later: RunningServer,
) -> None:
    later.inbox.holding, later.inbox.high_mark = True, 1
    async with later.station(subprotocols=("ocpp2.1",)) as websocket:
        await send(websocket, SEND, SEND, [2, "alive", "Heartbeat", {}])
        for taken in (1, 2, 3):
            await later.inbox.until(partial(has_taken, later, taken))
            later.inbox.release()
        async with asyncio.timeout(5):
            assert json.loads(await websocket.recv())[1] == "alive"


async def test_a_complaint_of_an_answer_is_logged_with_its_reason(
    later: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with later.station(subprotocols=("ocpp2.1",)) as websocket:
        await send(websocket, [5, "r1", "FormatViolation", "no time", {}])
        await next_id(websocket)
    (record,) = [r for r in caplog.records if r.message == "answer refused by the station"]
    assert (record.code, record.reason) == ("FormatViolation", "no time")  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [5, 6, 7])
async def test_a_2_0_1_station_is_told_that_these_types_are_not_known(
    later: RunningServer, number: int
) -> None:
    async with later.station(subprotocols=("ocpp2.0.1",)) as websocket:
        await send(websocket, [number, "x", STREAM, {}])
        async with asyncio.timeout(5):
            answer = json.loads(await websocket.recv())
    assert answer[:3] == [4, "x", "MessageTypeNotSupported"]


async def test_a_retry_under_the_same_id_gets_the_same_answer(later: RunningServer) -> None:
    call = [2, "same", "NotifySettlement", SETTLEMENT]
    async with later.station(subprotocols=("ocpp2.1",)) as websocket:
        await send(websocket, call, call)
        async with asyncio.timeout(5):
            assert [json.loads(await websocket.recv()) for _ in range(2)] == [[3, "same", {}]] * 2
    assert later.metrics.counts["ocpp.call_repeated"] == 1
    assert len(later.inbox.messages) == 1


async def test_a_send_does_not_end_a_call_of_ours(later: RunningServer) -> None:
    outcome: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
    lease: SetChargingProfile = profile(max_offline_seconds=60)
    async with later.station(subprotocols=("ocpp2.1",)) as websocket:
        later.server.call(StationId("CS1"), lease, outcome.set_result)
        async with asyncio.timeout(5):
            number, message_id, action, payload = json.loads(await websocket.recv())
            assert (number, action) == (2, "SetChargingProfile")
            assert payload["chargingProfile"]["maxOfflineDuration"] == 60
            await send(websocket, SEND, [3, message_id, {"status": "Accepted"}])
            assert await outcome == CallResult(accepted=True, status="Accepted")


SETTLEMENT = {
    "pspRef": "p1",
    "status": "Settled",
    "settlementAmount": 3.2,
    "settlementTime": "2026-11-21T08:00:00Z",
}
